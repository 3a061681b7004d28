"""Advice that an author silences: ``# fsdcf: allow W107 because …`` on its line, or on the line above."""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable

from fsdcf.diagnostics import LINE_BREAK, Diagnostic, Rule, Span

ALLOWANCE = Rule(
    "S014",
    "an allowance that says too little",
    "`# fsdcf: allow W107 because the table is shared` silences advice on its line; alone on a line, on the next one. It names W "
    "codes, separated by commas, and a reason, since the next reader will ask. Errors cannot be silenced.",
)
RULES = (ALLOWANCE,)

MOST_FINDINGS = 200
_COMMENT = re.compile(r"(?:^|(?<=\s))#\s*fsdcf:\s*(.*)$")
_FORM = re.compile(r"allow\s+(W\d+(?:\s*,\s*W\d+)*)\s+because\s+\S.*")


def allowances(
    text: str, name: str, scalars: Iterable[Span]
) -> tuple[dict[tuple[str, int], frozenset[str]], tuple[Diagnostic, ...]]:
    """(file, line) -> silenced codes, and the allowances that cannot be read. ``scalars`` are where a # is no comment."""
    lines = LINE_BREAK.split(text)
    if "fsdcf:" not in text:
        return {}, ()
    taken = sorted(scalars)
    targets = _next_lines(lines)
    allowed: dict[tuple[str, int], frozenset[str]] = {}
    findings: list[Diagnostic] = []
    for number, line in enumerate(lines, 1):
        found = _COMMENT.search(line)
        if found is None or _within(taken, name, number, found.start() + 1):
            continue
        form = _FORM.fullmatch(found.group(1).rstrip())
        if form is None:
            span = Span(name, number, found.start() + 1, number, len(line) + 1)
            hint = "write `# fsdcf: allow W107 because …`, with a reason"
            if len(findings) < MOST_FINDINGS:
                findings.append(ALLOWANCE.at(span, (), "this allowance silences nothing", hint))
            continue
        codes = frozenset(code.strip() for code in form.group(1).split(","))
        target = (name, number if line[: found.start()].strip() else targets[number - 1])
        allowed[target] = allowed.get(target, frozenset()) | codes
    return allowed, tuple(findings)


def _within(scalars: list[Span], name: str, line: int, column: int) -> bool:
    """Whether a position lies in one of the scalars, which are sorted and do not overlap."""
    index = bisect_right(scalars, Span(name, line, column, sys.maxsize, 0)) - 1
    return index >= 0 and (line, column) < (scalars[index].end_line, scalars[index].end_column)


def _next_lines(lines: list[str]) -> list[int]:
    """For each line the number of the next one that is neither blank nor a comment; its own where there is none."""
    targets: list[int] = []
    following = 0
    for number in range(len(lines), 0, -1):
        targets.append(following or number)
        shown = lines[number - 1].strip()
        following = number if shown and not shown.startswith("#") else following
    return targets[::-1]
