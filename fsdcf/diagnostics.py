"""Findings about a spec: positions, rules, diagnostics, and the text of a diagnostic with its source line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache

from fsdcf.masking import MASK, hidden_parts, mask_line
from fsdcf.wording import readable, visible

SpecPath = tuple[str | int, ...]
"""The path of a value in a spec: mapping keys and list indexes from the root."""

Paint = Callable[[str, str], str]
"""Colors a text; takes the text and its role: error, warning, frame or hint."""

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""A line break as YAML defines it. Line numbers count these."""

_WIDEST_LINE = 160

ALLOWABLE_ERRORS = frozenset({"S286"})
"""The errors that a comment with a reason allows, as it does every warning: what an owner may decide otherwise."""


class Severity(Enum):
    """The severity of a finding: an error stops the compilation, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, order=True)
class Span:
    """A range in a source file. Lines and columns count characters from 1; the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Rule:
    """A type of finding. ``code`` is unique; ``fsdcf explain CODE`` prints the other fields.

    ``source`` is the URL of the page that the rule comes from, if it is not a rule of fsdcf itself. With ``conceal``
    the rest of the source line may be a secret and is not printed.
    """

    code: str
    title: str
    explanation: str
    source: str = ""
    conceal: bool = False

    @property
    def severity(self) -> Severity:
        """The severity by the code's first letter: S codes are errors, W codes are warnings."""
        return Severity.WARNING if self.code.startswith("W") else Severity.ERROR

    def at(self, span: Span, path: SpecPath, message: str, hint: str = "", notes: tuple[str, ...] = ()) -> Diagnostic:
        """Return a finding of this rule at a position. Long values in its texts are cut."""
        texts = (readable(message), path, span, readable(hint), tuple(map(readable, notes)))
        return Diagnostic(self.code, self.severity, *texts, self.conceal)


@dataclass(frozen=True)
class Diagnostic:
    """A finding: what is wrong (message), where (path and span), and how to fix it (hint).

    With ``conceal`` the source line is cut after the span, because the rest may be a secret.
    """

    code: str
    severity: Severity
    message: str
    path: SpecPath
    span: Span
    hint: str = ""
    notes: tuple[str, ...] = field(default=())
    conceal: bool = False

    @property
    def allowable(self) -> bool:
        """Whether a comment of the author may allow it."""
        return self.severity is Severity.WARNING or self.code in ALLOWABLE_ERRORS


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the findings sorted by position, without duplicates."""
    return tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: (d.span, d.code, d.message)))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of the findings stops the compilation."""
    return any(d.severity is Severity.ERROR for d in diagnostics)


def joined(values: Iterable[object], word: str = "or") -> str:
    """Return ``a, b or c``."""
    *texts, last = map(str, values)
    return f"{', '.join(texts)} {word} {last}" if texts else last


def plain(text: str, role: str) -> str:
    """Return the text without colors."""
    return text


@lru_cache(maxsize=8)
def lines_of(text: str) -> tuple[str, ...]:
    """The lines of a text, split once for all that is looked up in it."""
    return tuple(LINE_BREAK.split(text))


def render(diagnostic: Diagnostic, sources: Mapping[str, str], paint: Paint = plain) -> str:
    """Return a finding as text: code and message, position, the source line with the range underlined, and the hint.

    ``sources`` maps file names to their texts; a finding in any other file is shown without its source line.
    """
    span = diagnostic.span
    role = diagnostic.severity.value
    head = paint(f"{role}[{diagnostic.code}]", role) + f": {visible(diagnostic.message)}"
    text = sources.get(span.file)
    lines = () if text is None else lines_of(text)
    gutter = " " * len(str(span.line))
    out = [head, f"{gutter}{paint('-->', 'frame')} {visible(span.file)}:{span.line}:{span.column}"]
    if 1 <= span.line <= len(lines):
        line = lines[span.line - 1]
        if diagnostic.conceal:
            line = f"{line[: span.end_column - 1]}: {MASK}"
        shown, marker = _excerpt(*_masked(line, span))
        bar = paint("|", "frame")
        out += [f"{gutter} {bar}", f"{paint(str(span.line), 'frame')} {bar} {shown}".rstrip()]
        out += [f"{gutter} {bar} {paint(marker, role)}"]
    out += [f"{gutter} {paint('= help:', 'hint')} {visible(diagnostic.hint)}"] if diagnostic.hint else []
    out += [f"{gutter} {paint('= note:', 'hint')} {visible(note)}" for note in diagnostic.notes]
    return "\n".join(out)


def _masked(line: str, span: Span) -> tuple[str, Span]:
    """Return a source line without its secrets, and the span in it."""
    line, parts = _without_secrets(line)
    moved = [_moved(column, parts) for column in (span.column, span.end_column)]
    end = moved[1] if span.end_line == span.line else span.end_column
    return line, replace(span, column=moved[0], end_column=max(end, moved[0] + 1))


@lru_cache(maxsize=128)
def _without_secrets(line: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return a line without its secrets, and where they are in it, once for all findings about a long line."""
    parts = tuple(hidden_parts(line))
    return mask_line(line) if parts else line, parts


def _moved(column: int, parts: Iterable[tuple[int, int]]) -> int:
    """Return the column of a character after the parts of its line are replaced by masks."""
    shift = 0
    for start, end in parts:
        if column - 1 >= end:
            shift += len(MASK) - (end - start)
        elif column - 1 > start:
            return start + shift + 1 + len(MASK)
    return column + shift


def _excerpt(line: str, span: Span) -> tuple[str, str]:
    """Return the source line, cut to a readable width around the span, and the line that underlines the span."""
    start = min(span.column - 1, len(line))
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    end = max(min(end, len(line)), start + 1)
    cut = max(0, start - _WIDEST_LINE // 2)
    window = line[cut : cut + _WIDEST_LINE]
    prefix = "…" if cut else ""
    suffix = "…" if cut + _WIDEST_LINE < len(line) else ""
    before = _columns(prefix + line[cut:start])
    under = max(1, _columns(line[start : min(end, cut + _WIDEST_LINE)]))
    return prefix + _without_tabs(window) + suffix, " " * before + "^" * under


def _without_tabs(text: str) -> str:
    return visible(text.replace("\t", "    "))


def _columns(text: str) -> int:
    """Return the number of terminal columns that the visible text takes."""
    wide = unicodedata.east_asian_width
    return sum(2 if wide(each) in ("W", "F") else not unicodedata.combining(each) for each in _without_tabs(text))
