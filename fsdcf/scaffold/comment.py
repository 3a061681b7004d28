"""The comment on a pull request: plan, cost and architecture of every service that changed, within GitHub's limit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fsdcf.scaffold.render import render

MARK = "<!-- fsdcf -->"
"""How our comments begin: by it the workflow finds the one that it updates."""

LIMIT = 65_000
"""Bytes of a comment. GitHub takes 65,536 characters."""

_SEEN = re.compile(r"(?P<fence>`{3,}|~{3,})|(?P<open><details\b)|(?P<close></details>)")


@dataclass(frozen=True)
class Section:
    """What is known of one service, as Markdown; an empty part is one that could not be made."""

    title: str
    plan: str
    cost: str
    graph: str


def comment(sections: Sequence[Section] | None, environment: str, limit: int = LIMIT) -> str:
    """The comment, of at most ``limit`` bytes. ``sections`` is None where a step before the plan failed.

    Where it is too long, the drawings go first, then the costs; then the plans are cut at the end of a line.
    """
    found = list(sections or ())
    plain = _render(found, sections is None, environment, "")
    if _fits(plain, limit):
        return plain
    for left_out, parts in (("the drawings are", {"graph": ""}), ("costs and drawings are", {"graph": "", "cost": ""})):
        shorter = [Section(**{**vars(one), **parts}) for one in found]
        text = _render(
            shorter, False, environment, f"It is too long for a comment: {left_out} in the summary of the run."
        )
        if _fits(text, limit):
            return text
    return cut(text, limit, "\n\n_Cut here: the whole is in the summary of the run._\n")


def cut(text: str, limit: int, end: str) -> str:
    """The beginning of a Markdown text, to the end of a line, with every block closed and an end; at most ``limit`` bytes."""
    room = limit - len(end.encode()) - 200  # for what closes the blocks
    kept: list[str] = []
    size = 0
    for line in text.splitlines():
        size += len(line.encode()) + 1
        if size > room:
            break
        kept.append(line)
    return "\n".join([*kept, *_open_blocks(kept)]) + end


def _open_blocks(lines: Sequence[str]) -> Iterator[str]:
    """What closes a code block and the details that the lines leave open."""
    fence, details = "", 0
    for line in lines:
        found = _SEEN.match(line.lstrip())
        if found is None:
            continue
        mark = found["fence"]
        if mark and not fence:
            fence = mark
        elif mark and mark.startswith(fence) and line.strip() == mark:
            fence = ""
        elif not fence:
            details += (found["open"] is not None) - (found["close"] is not None)
    yield from [fence] if fence else []
    yield from ["", "</details>"] * min(details, 8)


def _render(sections: Sequence[Section], failed: bool, environment: str, note: str) -> str:
    return render(
        "comment.md.j2",
        mark=MARK,
        sections=sections,
        failed=failed,
        environment=environment,
        note=note,
        headline=_headline,
        rest=_rest,
    )


def _headline(cost: str) -> str:
    """The first line of a cost's Markdown that is no heading, as plain text."""
    return next(
        (line.replace("*", "").strip() for line in cost.splitlines() if line.strip() and not line.startswith("#")), ""
    )


def _rest(cost: str) -> str:
    """A cost's Markdown without its headings and its first line."""
    lines = [line for line in cost.splitlines() if not line.startswith("#")]
    begin = next((number for number, line in enumerate(lines) if line.strip()), 0)
    return "\n".join(lines[begin + 1 :]).strip()


def _fits(text: str, limit: int) -> bool:
    return len(text.encode()) <= limit
