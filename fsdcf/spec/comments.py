"""Advice that an author silences: ``# fsdcf: allow W107 because …`` on its line, or on the line above."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fsdcf.diagnostics import Diagnostic, Rule, Span

ALLOWANCE = Rule(
    "S014",
    "an allowance that says too little",
    "`# fsdcf: allow W107 because the table is shared` silences advice on its line; alone on a line, on the next one. It names W "
    "codes, separated by commas, and a reason, since the next reader will ask. Errors cannot be silenced.",
)
RULES = (ALLOWANCE,)

_COMMENT = re.compile(r"(?:^|(?<=\s))#\s*fsdcf:\s*(.*)$")
_FORM = re.compile(r"allow\s+(W\d+(?:\s*,\s*W\d+)*)\s+because\s+\S.*")


def allowances(
    text: str, name: str, scalars: Iterable[Span]
) -> tuple[dict[tuple[str, int], frozenset[str]], tuple[Diagnostic, ...]]:
    """(file, line) -> silenced codes, and the allowances that cannot be read. ``scalars`` are where a # is no comment."""
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
    if "fsdcf:" not in text:
        return {}, ()
    taken = list(scalars)
    allowed: dict[tuple[str, int], frozenset[str]] = {}
    findings = []
    for number, line in enumerate(lines, 1):
        found = _COMMENT.search(line)
        if found is None or any(_covers(span, number, found.start() + 1) for span in taken):
            continue
        form = _FORM.fullmatch(found.group(1).rstrip())
        if form is None:
            span = Span(name, number, found.start() + 1, number, len(line) + 1)
            hint = "write `# fsdcf: allow W107 because …`, with a reason"
            findings.append(ALLOWANCE.at(span, (), "this allowance silences nothing", hint))
            continue
        codes = frozenset(code.strip() for code in form.group(1).split(","))
        target = (name, number if line[: found.start()].strip() else _next_line(lines, number))
        allowed[target] = allowed.get(target, frozenset()) | codes
    return allowed, tuple(findings)


def _covers(span: Span, line: int, column: int) -> bool:
    return (span.line, span.column) <= (line, column) < (span.end_line, span.end_column)


def _next_line(lines: list[str], number: int) -> int:
    """The next line that is neither blank nor a comment."""
    for following in range(number, len(lines)):
        if lines[following].strip() and not lines[following].lstrip().startswith("#"):
            return following + 1
    return number
