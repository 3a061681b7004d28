"""What fsdcf says about a spec: positions, rules, findings, and a finding's text with the source line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

SpecPath = tuple[str | int, ...]
"""Where a value stands in a spec: mapping keys and list indexes from the root."""

Paint = Callable[[str, str], str]
"""Colours a text: takes the text and a role such as error, warning, frame or hint."""

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line, by YAML's reckoning: positions count by it."""

_WIDEST_LINE = 160


class Severity(Enum):
    """How much a finding weighs: an error stops the compilation, a warning is advice."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of a source. Lines and columns count characters from 1; the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Rule:
    """A kind of finding. ``code`` is unique and documented: ``fsdcf explain CODE`` prints the rest.

    ``source`` names where the rule comes from when it is not ours, such as a page of the AWS documentation.
    """

    code: str
    title: str
    explanation: str
    source: str = ""
    severity: Severity = Severity.ERROR
    conceal: bool = False

    def at(self, span: Span, path: SpecPath, message: str, hint: str = "", notes: tuple[str, ...] = ()) -> Diagnostic:
        """A finding of this kind at a position."""
        return Diagnostic(self.code, self.severity, message, path, span, hint, notes, self.conceal)


@dataclass(frozen=True)
class Diagnostic:
    """One finding: what is wrong (message), where (path, span) and what to do about it (hint).

    ``conceal`` keeps what follows the span out of sight: the rest of the line may be a secret.
    """

    code: str
    severity: Severity
    message: str
    path: SpecPath
    span: Span
    hint: str = ""
    notes: tuple[str, ...] = field(default=())
    conceal: bool = False


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The findings by position, each once."""
    unique = dict.fromkeys(diagnostics)
    return tuple(sorted(unique, key=lambda d: (d.span, d.code, d.message)))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether one of the findings stops the compilation."""
    return any(d.severity is Severity.ERROR for d in diagnostics)


def plain(text: str, role: str) -> str:
    """The painter that does not paint."""
    return text


def render(diagnostic: Diagnostic, sources: Mapping[str, str], paint: Paint = plain) -> str:
    """A finding as text: code and message, position, the source line with the culprit underlined, and the hint.

    ``sources`` holds the text of every file that a span may name; a span of another file is shown without its line.
    """
    span = diagnostic.span
    role = diagnostic.severity.value
    head = paint(f"{role}[{diagnostic.code}]", role) + f": {_visible(diagnostic.message)}"
    text = sources.get(span.file)
    lines = [] if text is None else LINE_BREAK.split(text)
    gutter = " " * len(str(span.line))
    out = [head, f"{gutter}{paint('-->', 'frame')} {_visible(span.file)}:{span.line}:{span.column}"]
    if 1 <= span.line <= len(lines):
        line = lines[span.line - 1]
        shown, marker = _excerpt(line[: span.end_column - 1] + ": ********" if diagnostic.conceal else line, span)
        bar = paint("|", "frame")
        out += [f"{gutter} {bar}", f"{paint(str(span.line), 'frame')} {bar} {shown}".rstrip()]
        out += [f"{gutter} {bar} {paint(marker, role)}"]
    out += [f"{gutter} {paint('= help:', 'hint')} {_visible(diagnostic.hint)}"] if diagnostic.hint else []
    out += [f"{gutter} {paint('= note:', 'hint')} {_visible(note)}" for note in diagnostic.notes]
    return "\n".join(out)


def _excerpt(line: str, span: Span) -> tuple[str, str]:
    """The source line, cut to a readable width around the span, and the line that underlines it."""
    start = min(span.column - 1, len(line))
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    end = max(min(end, len(line)), start + 1)
    cut = max(0, start - _WIDEST_LINE // 2)
    window = line[cut : cut + _WIDEST_LINE]
    prefix = "…" if cut else ""
    suffix = "…" if cut + _WIDEST_LINE < len(line) else ""
    before = _columns(prefix + line[cut:start])
    under = max(1, _columns(line[start : min(end, cut + _WIDEST_LINE)]))
    return prefix + _visible(window) + suffix, " " * before + "^" * under


def _visible(text: str) -> str:
    """The text with control characters shown instead of sent to the terminal."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character == "\t":
        return "    "
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return f"\\u{ord(character):04x}"
    return character


def _columns(text: str) -> int:
    """How many terminal columns the shown text takes."""
    width = 0
    for character in text:
        if len(_shown(character)) > 1:
            width += len(_shown(character))
        elif unicodedata.east_asian_width(character) in ("W", "F"):
            width += 2
        elif not unicodedata.combining(character):
            width += 1
    return width
