"""A plan as Markdown for a pull request: what must be read stands open, the rest is folded, and the whole is kept short."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fsdcf.cli.forms.shown import Shown
from fsdcf.cli.parts import short
from fsdcf.cli.plan import DETAILED, GROUPS, spoken, summary, where
from fsdcf.cli.rows import rows
from fsdcf.cli.values import shown, visible
from fsdcf.cloudformation.change import Change
from fsdcf.deploy.model import Place, Plan
from fsdcf.scaffold.comment import cut

LIMIT = 60_000
"""Bytes of a plan: GitHub takes 65,536 characters for a comment, and something stands around it."""

_WIDEST = 120
_ROWS = 400
"""Rows of one table; what is more is counted."""

_CUT = "\n\n_Cut here: `fsdcf diff` shows the whole plan._\n"
_MARKS = {
    "|": "\\|",
    "*": "\\*",
    "_": "\\_",
    "`": "\\`",
    "<": "&lt;",
    ">": "&gt;",
    "[": "\\[",
    "\\": "\\\\",
    "#": "\\#",
    "@": "@\u200b",
}


def text(plan: Shown, limit: int = LIMIT) -> str:
    """The plan in at most ``limit`` bytes. Where it is too long, the values go first; then it is cut at the end of a line."""
    whole = "\n".join(_lines(plan, True)) + "\n"
    if len(whole.encode()) <= limit:
        return whole
    brief = "\n".join(_lines(plan, False)) + "\n"
    return brief if len(brief.encode()) <= limit else cut(brief, limit, _CUT)


def _lines(plan: Shown, with_values: bool) -> Iterator[str]:
    found = plan.found
    if found.empty:
        yield "**No changes**: CloudFormation would find nothing to do."
        yield from (line for note in plan.notes for line in ("", f"> {_plain(note)}"))
        return
    yield f"**Plan**: {_plain(summary(Plan('', found.changes, found.risks)))}"
    yield from (line for note in plan.notes for line in ("", f"> {_plain(note)}"))
    yield from _risks(plan)
    yield from _obstacles(plan)
    yield from _unsafe(plan)
    if not with_values:
        yield from ("", "_It is long: the values are left out; `fsdcf diff` shows them._")
    for group, changes in sorted(plan.grouped().items(), key=lambda item: _weight(item[0])):
        yield from _group(plan, group, changes, with_values)
    if found.outputs:
        yield from (
            "",
            f"<details><summary>outputs ({len(found.outputs)})</summary>",
            "",
            "| output | before | after |",
            "|---|---|---|",
        )
        yield from _capped([_row(_code(one.name), _value(one.before), _value(one.after)) for one in found.outputs])
        yield from ("", "</details>")
    if found.tags:
        yield from ("", "The tags of the stack change.")


def _weight(group: str) -> int:
    return list(GROUPS).index(group) if group in GROUPS else len(GROUPS)


def _risks(plan: Shown) -> Iterator[str]:
    if plan.found.risks:
        yield from ("", "> [!CAUTION]", "> **Data at risk**")
    for one in plan.found.risks:
        place = plan.places.get(one.logical_id)
        yield f"> - {_code(one.logical_id)} ({_plain(short(one.type))}) is **{one.kind}**: {_plain(one.why)}{_at(place)}"


def _obstacles(plan: Shown) -> Iterator[str]:
    if plan.found.review.obstacles:
        yield from ("", "> [!WARNING]", "> **In the way**")
    for one in plan.found.review.obstacles:
        yield f"> - {_code(one.logical_id)}: {_plain(one.why)}{_at(plan.remarks.get(one))}<br>_way out:_ {_plain(one.way_out)}"


def _unsafe(plan: Shown) -> Iterator[str]:
    if plan.found.review.unsafe:
        yield from ("", "> [!WARNING]", "> **Rollback safety**: what a rollback does not undo together with the image")
    for one in plan.found.review.unsafe:
        told = f"{_plain(one.what)} [{one.rule}]{_at(plan.remarks.get(one))}<br>_{spoken(one.when)}:_ {_plain(one.why)}"
        yield f"> - {_code(one.logical_id)} {told}<br>_way out:_ {_plain(one.way_out)}"


def _group(plan: Shown, group: str, changes: list[Change], with_values: bool) -> Iterator[str]:
    yield from ("", f"<details><summary>{_plain(group)} ({len(changes)})</summary>", "")
    if group in DETAILED and with_values:
        yield from ("| resource | property | before | after | line |", "|---|---|---|---|---|")
        yield from _capped([row for change in changes for row in _detailed(change, plan)])
    else:
        yield from ("| resource | type | line |", "|---|---|---|")
        cells = [
            (_code(one.logical_id), _plain(short(one.type)), _plain(where(plan.places.get(one.logical_id))))
            for one in changes
        ]
        yield from _capped([_row(*one) for one in cells])
    yield from ("", "</details>")


def _detailed(change: Change, plan: Shown) -> Iterator[str]:
    for row in rows(change, plan.changes):
        line = _plain(where(plan.origins.of_row(change, row) or plan.places.get(change.logical_id)))
        if row.follows:
            yield _row(_code(change.logical_id), _code(row.title), "", _plain(row.follows), line)
        else:
            yield _row(_code(change.logical_id), _code(row.title), _value(row.before), _value(row.after), line)


def _capped(table: list[str]) -> Iterator[str]:
    yield from table[:_ROWS]
    if len(table) > _ROWS:
        yield f"| and {len(table) - _ROWS} more |"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _value(value: object) -> str:
    return "" if value is None else _code(shown(value, _WIDEST))


def _at(place: Place | None) -> str:
    return f" ({_code(where(place))})" if place else ""


def _code(text: str) -> str:
    """A text as code, also in a table: whatever stands in it is shown as it is."""
    return f"<code>{_escaped(text, _entity)}</code>"


def _plain(text: str) -> str:
    """A text as text: nothing in it ends a cell, starts markup, calls somebody or is an element."""
    return _escaped(text, _MARKS.get)


def _entity(character: str, default: str) -> str:
    return default if character.isalnum() or character in " -./:=,()+" else f"&#{ord(character)};"


def _escaped(text: str, escape: Callable[[str, str], str]) -> str:
    return "".join(escape(character, character) for character in visible(" ".join(text.split())))
