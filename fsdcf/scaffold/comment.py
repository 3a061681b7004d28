"""The pull request comment: plan, cost and architecture of every changed service, within GitHub's size limit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fsdcf.scaffold.render import render

MARK = "<!-- fsdcf -->"
"""The first line of the comment, by which the workflow finds the comment to update."""

LIMIT = 65_000
"""Maximum size of a comment in bytes. GitHub accepts 65,536 characters."""

_BLOCK = re.compile(r"(?P<fence>`{3,}|~{3,})|(?P<open><details\b)|(?P<close></details>)")


@dataclass(frozen=True)
class Section:
    """The Markdown parts of one service; a part that could not be created is empty."""

    title: str
    plan: str
    cost: str
    graph: str


def comment(sections: Sequence[Section] | None, environment: str, limit: int = LIMIT) -> str:
    """Render the comment with at most ``limit`` bytes. ``sections`` is None if a step before the plan failed.

    If it is too long, the drawings are omitted, then the costs, then the end of the plans.
    """
    shown = list(sections or ())
    text = _render(shown, sections is None, environment, "")
    for omitted, part in (("drawings", "graph"), ("costs and drawings", "cost")):
        if len(text.encode()) <= limit:
            return text
        shown = [replace(section, **{part: ""}) for section in shown]
        note = f"This comment would be too long: see the {omitted} in the summary of the run."
        text = _render(shown, False, environment, note)
    if len(text.encode()) <= limit:
        return text
    return cut(text, limit, "\n\n_Truncated: see the summary of the run for the complete text._\n")


def cut(text: str, limit: int, end: str) -> str:
    """Truncate Markdown at the end of a line, close every block, and append ``end``; at most ``limit`` bytes."""
    room = limit - len(end.encode()) - 200  # reserved for the ends of blocks
    kept: list[str] = []
    size = 0
    for line in text.splitlines():
        size += len(line.encode()) + 1
        if size > room:
            break
        kept.append(line)
    return "\n".join([*kept, *_open_blocks(kept)]) + end


def _open_blocks(lines: Sequence[str]) -> Iterator[str]:
    """The lines that close the code block and the details left open by the lines."""
    fence, details = "", 0
    for line in lines:
        match = _BLOCK.match(line.lstrip())
        if match is None:
            continue
        mark = match["fence"]
        if mark and not fence:
            fence = mark
        elif mark and mark.startswith(fence) and line.strip() == mark:
            fence = ""
        elif not fence:
            details += (match["open"] is not None) - (match["close"] is not None)
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
        split=_split,
    )


def _split(cost: str) -> tuple[str, str]:
    """The first line of a cost's Markdown that is not a heading, as plain text, and the lines after it."""
    lines = [line for line in cost.splitlines() if not line.startswith("#")]
    first, _, rest = "\n".join(lines).strip().partition("\n")
    return first.replace("*", "").strip(), rest.strip()
