"""A plan to be shown: between which two sides, what was found, and on which lines."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from fsdcf.cli.lookup import Origins
from fsdcf.cli.render.findings import workflow_command
from fsdcf.cli.render.parts import short
from fsdcf.cli.render.plan import DETAILED, GROUPS, group_of, rows, spoken, summary, where
from fsdcf.cli.render.values import shown, visible
from fsdcf.cloudformation.change import Change, Detail
from fsdcf.cloudformation.risk import Risk
from fsdcf.deploy.model import Place, Plan
from fsdcf.masking import deciding_name, mask_value
from fsdcf.plan.diff.causes import FOLLOWING, Changes, by_id, follows, reason, target_of, title_of
from fsdcf.plan.diff.obstacles import Obstacle
from fsdcf.plan.diff.plan import UpdatePlan
from fsdcf.plan.diff.rollback import Unsafe
from fsdcf.scaffold.comment import cut


@dataclass(frozen=True)
class Shown:
    """What every form shows. ``old`` and ``new`` are titles of the sides, ``notes`` what is to be said first."""

    old: str
    new: str
    found: UpdatePlan
    origins: Origins
    notes: tuple[str, ...] = ()

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """The lines that cause the changes, by logical id."""
        return self.origins.of_changes(self.found.changes)

    @cached_property
    def remarks(self) -> Mapping[Obstacle | Unsafe, Place]:
        """The lines of what is to be said beside the changes."""
        return self.origins.of_review(self.found.review)

    @cached_property
    def changes(self) -> Changes:
        """The changes by logical id."""
        return by_id(self.found.changes)

    def grouped(self) -> dict[str, list[Change]]:
        """The changes by what happens to the resource."""
        found: dict[str, list[Change]] = {}
        for change in self.found.changes:
            found.setdefault(group_of(change), []).append(change)
        return found

    def in_new(self) -> Shown:
        """The same with lines of NEW alone."""
        return replace(self, origins=replace(self.origins, in_new=True))


LATER = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""Stands for a value that only the execution tells."""


def record(plan: Shown) -> dict[str, Any]:
    """The plan as plain data, secrets masked.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html
    """
    found = plan.found
    return {
        "Old": plan.old,
        "New": plan.new,
        "Notes": list(plan.notes),
        "Changes": [_entry(change, plan) for change in found.changes],
        "Outputs": [
            {
                "OutputKey": one.name,
                "BeforeValue": mask_value(one.before, one.name),
                "AfterValue": mask_value(one.after, one.name),
            }
            for one in found.outputs
        ],
        "Tags": found.tags,
        "DataAtRisk": [
            {"LogicalResourceId": one.logical_id, "ResourceType": one.type, **_risk(one)} for one in found.risks
        ],
        "Obstacles": [_obstacle(one, plan.remarks.get(one)) for one in found.review.obstacles],
        "RollbackSafety": [_unsafe(one, plan.remarks.get(one)) for one in found.review.unsafe],
    }


def _entry(change: Change, plan: Shown) -> dict[str, Any]:
    found = plan.found
    risk = next((one for one in found.risks if one.logical_id == change.logical_id), None)
    return {
        "Type": "Resource",
        "ResourceChange": _change(change),
        "Spec": spec(plan.places.get(change.logical_id)),
        "Risk": _risk(risk) if risk else None,
        "RollbackSafety": [
            _unsafe(one, plan.remarks.get(one)) for one in found.review.unsafe if one.logical_id == change.logical_id
        ],
    }


def spec(place: Place | None) -> dict[str, Any] | None:
    """A line of a spec; in OLD for what is gone, whose path is then that of OLD (``main:my-service.yml``)."""
    return {"Path": place.file, "Line": place.line} if place else None


def _change(change: Change) -> dict[str, Any]:
    told = {
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "PhysicalResourceId": change.physical_id,
        "ResourceType": change.type,
        "Replacement": change.replacement,
        "PolicyAction": change.policy,
    }
    known = {key: value for key, value in told.items() if value is not None}
    return {**known, "Scope": list(change.scope), "Details": [_detail(one, change) for one in change.details]}


def _detail(one: Detail, change: Change) -> dict[str, Any]:
    name = deciding_name(title_of(one, change))
    later = one.source in FOLLOWING or (one.evaluation == "Dynamic" and one.source != "DirectModification")
    before, after = (_text(mask_value(value, name)) for value in (one.before, one.after))
    target = {
        "Attribute": one.attribute,
        "Name": one.name,
        "RequiresRecreation": one.recreation,
        "Path": one.path,
        "BeforeValue": before,
        "AfterValue": LATER if later else after,
        "AttributeChangeType": "Add"
        if one.before is None
        else "Remove"
        if one.after is None and not later
        else "Modify",
    }
    told = {"Evaluation": one.evaluation, "ChangeSource": one.source, "CausingEntity": one.cause}
    return {"Target": _kept(target), **_kept(told)}


def _kept(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value is not None}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, separators=(",", ":"), default=str) if isinstance(value, Mapping | list) else str(value)


def _risk(one: Risk) -> dict[str, Any]:
    return {"Kind": one.kind, "Why": one.why}


def _obstacle(one: Obstacle, place: Place | None) -> dict[str, Any]:
    told = {"Kind": one.kind, "LogicalId": one.logical_id, "Type": one.type, "Why": one.why, "WayOut": one.way_out}
    return {**told, "Spec": spec(place)}


def _unsafe(one: Unsafe, place: Place | None) -> dict[str, Any]:
    told = {"Rule": one.rule, "LogicalResourceId": one.logical_id, "What": one.what, "Unsafe": list(one.when)}
    return {**told, "Why": one.why, "WayOut": one.way_out, "Spec": spec(place)}


def lines(plan: Shown) -> Iterator[str]:
    """Workflow commands: data at risk as errors, what is in the way and what no rollback undoes as warnings, changes as notices.

    Changes that one line causes are one notice: GitHub shows ten of each kind for a step.
    """
    shown, found = plan.in_new(), plan.found
    for risk in found.risks:
        place = shown.origins.of_resource(risk.logical_id)
        yield _annotation("error", place, f"data at risk: {risk.logical_id} is {risk.kind}", risk.why)
    for obstacle in found.review.obstacles:
        body = f"{obstacle.why}\nway out: {obstacle.way_out}"
        yield _annotation("warning", shown.remarks.get(obstacle), f"in the way: {obstacle.logical_id}", body)
    for one in found.review.unsafe:
        body = f"{one.logical_id} {one.what}\n{spoken(one.when)}: {one.why}\nway out: {one.way_out}"
        yield _annotation("warning", shown.remarks.get(one), f"rollback safety: {one.rule}", body)
    by_line: dict[Place | None, list[str]] = {}
    for group, changes in shown.grouped().items():
        for change in changes:
            by_line.setdefault(shown.places.get(change.logical_id), []).append(_told(change, group, shown))
    for place, texts in by_line.items():
        yield _annotation("notice", place, "plan", "\n".join(texts))
    yield _annotation(
        "notice",
        None,
        "plan",
        f"{plan.old} -> {plan.new}: {'no changes' if found.empty else summary(Plan('', found.changes))}",
    )


def _told(change: Change, group: str, plan: Shown) -> str:
    if own := reason(change):
        return f"{change.logical_id} {group}: {own}"
    followed = next((one for one in change.details if target_of(one)), None)
    return f"{change.logical_id} {group}" + (f": {follows(followed, by_id(plan.found.changes))}" if followed else "")


def _annotation(kind: str, place: Place | None, title: str, body: str) -> str:
    properties: dict[str, object] = {}
    if place is not None and not place.file.startswith("--"):  # an option of the command line is no file
        properties = {"file": _path(place.file), "line": place.line, "col": place.column}
    return workflow_command(
        kind, {**properties, "title": visible(title)}, "\n".join(visible(line) for line in body.split("\n"))
    )


def _path(file: str) -> str:
    """The path of a file that may be one of a revision: ``HEAD:my-service.yml``."""
    revision, colon, path = file.partition(":")
    return path if colon and revision and not os.path.lexists(file) else file


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
    yield from _markdown_unsafe(plan)
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


def _markdown_unsafe(plan: Shown) -> Iterator[str]:
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
