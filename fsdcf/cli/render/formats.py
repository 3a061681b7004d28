"""A plan between two sides, in every form but text: JSON, GitHub annotations and Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from fsdcf.cli.lookup import ChangeLines
from fsdcf.cli.render.actions import annotation
from fsdcf.cli.render.parts import short
from fsdcf.cli.render.plan import (
    BLOCKED,
    DETAILED,
    EFFECTS,
    UNSAFE,
    changed_properties,
    format_when,
    grouped,
    place_of_tags,
    rest_of,
    sections,
    summary,
    where,
)
from fsdcf.cli.render.values import shown
from fsdcf.cloudformation.change import Change, Detail
from fsdcf.cloudformation.risk import Risk
from fsdcf.deploy.model import Place, Plan
from fsdcf.masking import deciding_name, mask_value
from fsdcf.plan.diff.causes import FOLLOWING, Changes, by_id, follows, reason, target_of, title_of
from fsdcf.plan.diff.effects import SideEffect
from fsdcf.plan.diff.obstacles import Obstacle
from fsdcf.plan.diff.plan import Remark, UpdatePlan
from fsdcf.plan.diff.rollback import Unsafe
from fsdcf.plan.diff.tags import tag_changes, tags_line, without_tags
from fsdcf.plan.exposure import FirstDeploy
from fsdcf.plan.markdown import markdown, markdown_code
from fsdcf.scaffold.comment import cut

LATER = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""The value of CloudFormation for what is known only during the execution."""

LIMIT = 60_000
"""Maximum bytes of a plan in Markdown. A comment on GitHub may have 65,536 characters, and contains more than the plan.
"""

_WIDEST = 120
_MAX_ROWS = 400
"""Maximum rows of a table; further rows are counted."""

_CUT = "\n\n_Cut here: `fsdcf diff` shows the whole plan._\n"


@dataclass(frozen=True)
class ComparedPlan:
    """The plan between two sides. ``old`` and ``new`` are their titles; ``notes`` are shown first. ``first`` is what a
    first deploy exposes and allows; None if there is a stack.
    """

    old: str
    new: str
    update: UpdatePlan
    lines: ChangeLines
    notes: tuple[str, ...] = ()
    first: FirstDeploy | None = None

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """The lines that cause the changes, by logical id."""
        return self.lines.of_changes(self.update.changes)

    @cached_property
    def remarks(self) -> Mapping[Remark, Place]:
        """The lines of the obstacles, unsafe changes and side effects."""
        return self.lines.of_review(self.update.review)

    @cached_property
    def changes(self) -> Changes:
        """The changes by logical id."""
        return by_id(self.update.changes)

    def in_new(self) -> ComparedPlan:
        """The same plan with lines of NEW only."""
        return replace(self, lines=replace(self.lines, in_new=True))


def record(plan: ComparedPlan) -> dict[str, Any]:
    """The plan as plain data, with secrets masked.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html
    """
    update = plan.update
    return {
        "Old": plan.old,
        "New": plan.new,
        "Notes": list(plan.notes),
        "Changes": [_entry(change, plan) for change in update.changes],
        "Outputs": [
            {
                "OutputKey": output.name,
                "BeforeValue": mask_value(output.before, output.name),
                "AfterValue": mask_value(output.after, output.name),
            }
            for output in update.outputs
        ],
        "Tags": bool(update.tags),
        "TagChanges": _tags(update),
        "Exposed": [
            {"LogicalResourceId": one.logical_id, "What": one.what, "Spec": spec(plan.places.get(one.logical_id))}
            for one in (plan.first.exposures if plan.first else ())
        ],
        "Overrides": [
            {"LogicalResourceId": name, "Path": path}
            for name, paths in (plan.first.overrides.items() if plan.first else ())
            for path in paths
        ],
        "DataAtRisk": [
            {"LogicalResourceId": risk.logical_id, "ResourceType": risk.type, **_risk(risk)} for risk in update.risks
        ],
        "Obstacles": [_obstacle(one, plan.remarks.get(one)) for one in update.review.obstacles],
        "RollbackSafety": [_unsafe(one, plan.remarks.get(one)) for one in update.review.unsafe],
        "SideEffects": [_effect(one, plan.remarks.get(one)) for one in update.review.effects],
    }


def _tags(update: UpdatePlan) -> dict[str, Any]:
    """The line about tags, and each tag that changes: of a resource, or of the stack."""
    tags = (*tag_changes(update.changes), *update.tags)
    rows = (
        {
            "LogicalResourceId": one.logical_id or None,
            "ResourceType": one.type,
            "Key": one.key or None,
            "BeforeValue": _text(mask_value(one.before, one.key)),
            "AfterValue": _text(mask_value(one.after, one.key)),
        }
        for one in tags
    )
    return {"Summary": tags_line(tags), "Changes": [_without_none(row) for row in rows]}


def _entry(change: Change, plan: ComparedPlan) -> dict[str, Any]:
    update, logical_id = plan.update, change.logical_id
    risk = next((risk for risk in update.risks if risk.logical_id == logical_id), None)
    unsafe = [one for one in update.review.unsafe if one.logical_id == logical_id]
    return {
        "Type": "Resource",
        "ResourceChange": _change(change),
        "Spec": spec(plan.places.get(logical_id)),
        "Risk": _risk(risk) if risk else None,
        "RollbackSafety": [_unsafe(one, plan.remarks.get(one)) for one in unsafe],
    }


def spec(place: Place | None) -> dict[str, Any] | None:
    """A spec line as plain data; for a removed resource a line of OLD, with OLD's path (``main:my-service.yml``)."""
    return {"Path": place.file, "Line": place.line} if place else None


def _change(change: Change) -> dict[str, Any]:
    fields = {
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "PhysicalResourceId": change.physical_id,
        "ResourceType": change.type,
        "Replacement": change.replacement,
        "PolicyAction": change.policy,
    }
    details = [_detail(detail, change) for detail in change.details]
    return {**_without_none(fields), "Scope": list(change.scope), "Details": details}


def _detail(detail: Detail, change: Change) -> dict[str, Any]:
    name = deciding_name(title_of(detail, change))
    dynamic = detail.evaluation == "Dynamic" and detail.source != "DirectModification"
    later = dynamic or detail.source in FOLLOWING
    removed = detail.after is None and not later
    before, after = (_text(mask_value(value, name)) for value in (detail.before, detail.after))
    target = {
        "Attribute": detail.attribute,
        "Name": detail.name,
        "RequiresRecreation": detail.recreation,
        "Path": detail.path,
        "BeforeValue": before,
        "AfterValue": LATER if later else after,
        "AttributeChangeType": "Add" if detail.before is None else "Remove" if removed else "Modify",
    }
    source = {"Evaluation": detail.evaluation, "ChangeSource": detail.source, "CausingEntity": detail.cause}
    return {"Target": _without_none(target), **_without_none(source)}


def _without_none(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value is not None}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, separators=(",", ":"), default=str) if isinstance(value, Mapping | list) else str(value)


def _risk(risk: Risk) -> dict[str, Any]:
    return {"Kind": risk.kind, "Why": risk.why}


def _obstacle(one: Obstacle, place: Place | None) -> dict[str, Any]:
    data = {"Kind": one.kind, "LogicalId": one.logical_id, "Type": one.type, "Why": one.why, "WayOut": one.way_out}
    return {**data, "Spec": spec(place)}


def _unsafe(one: Unsafe, place: Place | None) -> dict[str, Any]:
    data = {"Rule": one.rule, "LogicalResourceId": one.logical_id, "What": one.what, "Unsafe": list(one.when)}
    return {**data, "Why": one.why, "WayOut": one.way_out, "Spec": spec(place)}


def _effect(one: SideEffect, place: Place | None) -> dict[str, Any]:
    return {
        **{"Rule": one.rule, "LogicalResourceId": one.logical_id, "What": one.what, "Why": one.why},
        "Spec": spec(place),
    }


def lines(plan: ComparedPlan) -> Iterator[str]:
    """The plan as workflow commands of GitHub Actions.

    Data at risk is an error, an obstacle, unsafe change or side effect is a warning, and a change is a notice.

    Changes with the same cause share a notice, since GitHub shows ten of each kind per step.
    """
    plan = plan.in_new()
    update = plan.update
    for risk in update.risks:
        place = plan.lines.of_resource(risk.logical_id)
        yield annotation("error", place, f"data at risk: {risk.logical_id} is {risk.kind}", risk.why)
    for obstacle in update.review.obstacles:
        body = f"{obstacle.why}\nsolution: {obstacle.way_out}"
        yield annotation("warning", plan.remarks.get(obstacle), f"blocked: {obstacle.logical_id}", body)
    for one in update.review.unsafe:
        body = f"{one.logical_id} {one.what}\n{format_when(one.when)}: {one.why}\nsolution: {one.way_out}"
        yield annotation("warning", plan.remarks.get(one), f"rollback safety: {one.rule}", body)
    for effect in update.review.effects:
        body = f"{effect.logical_id} {effect.what}\n{effect.why}"
        yield annotation("warning", plan.remarks.get(effect), f"side effect: {effect.rule}", body)
    by_line: dict[Place | None, list[str]] = {}
    for line, text in _notices(plan):
        by_line.setdefault(line, []).append(text)
    for place, texts in by_line.items():
        yield annotation("notice", place, "plan", "\n".join(texts))
    total = "no changes" if update.empty else summary(Plan("", update.changes), update.tags)
    yield annotation("notice", None, "plan", f"{plan.old} -> {plan.new}: {total}")


def _notices(plan: ComparedPlan) -> Iterator[tuple[Place | None, str]]:
    """What the notices say, each with its line: the changes and one text about tags; of a first deploy what matters."""
    update = plan.update
    if plan.first is not None:
        yield from ((plan.places.get(one.logical_id), f"{one.logical_id} {one.what}") for one in plan.first.exposures)
        kept = [one for changes in sections(Plan("", update.changes)).values() for one in changes]
        yield from ((plan.places.get(one.logical_id), f"{one.logical_id} added") for one in kept)
        return
    for group, changes in grouped(without_tags(update.changes)).items():
        yield from ((plan.places.get(change.logical_id), _sentence(change, group, plan)) for change in changes)
    if tags := tag_changes(update.changes):
        yield place_of_tags(update.changes, plan.places), tags_line((*tags, *update.tags))


def _sentence(change: Change, group: str, plan: ComparedPlan) -> str:
    following = next((detail for detail in change.details if target_of(detail)), None)
    cause = reason(change) or (follows(following, plan.changes) if following else "")
    return f"{change.logical_id} {group}" + (f": {cause}" if cause else "")


def text(plan: ComparedPlan, limit: int = LIMIT) -> str:
    """The plan as Markdown of at most ``limit`` bytes; a long one loses its values, then its last lines."""
    for with_values in (True, False):
        text = "\n".join(_lines(plan, with_values)) + "\n"
        if len(text.encode()) <= limit:
            return text
    return cut(text, limit, _CUT)


def _lines(plan: ComparedPlan, with_values: bool) -> Iterator[str]:
    update = plan.update
    if update.empty:
        yield "**No changes**: CloudFormation has nothing to do."
    else:
        yield f"**Plan**: {markdown(summary(Plan('', update.changes, update.risks), update.tags))}"
    for note in plan.notes:
        yield from ("", f"> {markdown(note)}")
    if update.empty:
        return
    yield from _alert("CAUTION", "**Data at risk**", _risk_items(plan))
    yield from _alert("WARNING", f"**Blocked**: {BLOCKED}", _obstacle_items(plan))
    yield from _alert("WARNING", f"**Rollback safety**: {UNSAFE}", _unsafe_items(plan))
    yield from _alert("NOTE", f"**Side effects**: {EFFECTS}", _effect_items(plan))
    if not with_values:
        yield from ("", "_The plan is long: the values are left out; `fsdcf diff` shows them._")
    if plan.first is not None:
        yield from _first_deploy(plan, plan.first)
        return
    for group, changes in grouped(without_tags(update.changes)).items():
        yield from _group(plan, group, changes, with_values)
    if line := tags_line((*tag_changes(update.changes), *update.tags)):
        yield from ("", f"~ {markdown(line)}{_at(place_of_tags(update.changes, plan.places))}")
    if update.outputs:
        rows = [_row(markdown_code(one.name), _value(one.before), _value(one.after)) for one in update.outputs]
        yield from _table(f"outputs ({len(rows)})", ("output", "before", "after"), rows)


def _first_deploy(plan: ComparedPlan, first: FirstDeploy) -> Iterator[str]:
    """A first deploy: what is open to the outside, then tables of the data, the ingress and the permissions."""
    exposed = (
        f"{markdown_code(one.logical_id)} {markdown(one.what)}{_at(plan.places.get(one.logical_id))}"
        for one in first.exposures
    )
    yield from _alert("NOTE", "**Open to the outside**", exposed)
    overrides = (
        f"{markdown_code(name)} {', '.join(map(markdown_code, paths))}" for name, paths in first.overrides.items()
    )
    yield from _alert("NOTE", "**Overrides**", overrides)
    whole = Plan("", plan.update.changes, first=True)
    for section, changes in sections(whole).items():
        allows = first.permissions if section == "permissions" else None
        yield from _resources(plan, f"{section} ({len(changes)})", changes, allows)
    if rest := rest_of(whole):
        yield from ("", markdown(rest))


def _risk_items(plan: ComparedPlan) -> Iterator[str]:
    for risk in plan.update.risks:
        subject = f"{markdown_code(risk.logical_id)} ({markdown(short(risk.type))})"
        yield f"{subject} is **{risk.kind}**: {markdown(risk.why)}{_at(plan.places.get(risk.logical_id))}"


def _obstacle_items(plan: ComparedPlan) -> Iterator[str]:
    for one in plan.update.review.obstacles:
        problem = f"{markdown_code(one.logical_id)}: {markdown(one.why)}{_at(plan.remarks.get(one))}"
        yield f"{problem}<br>_solution:_ {markdown(one.way_out)}"


def _unsafe_items(plan: ComparedPlan) -> Iterator[str]:
    for one in plan.update.review.unsafe:
        problem = f"{markdown_code(one.logical_id)} {markdown(one.what)} [{one.rule}]{_at(plan.remarks.get(one))}"
        when = f"<br>_{format_when(one.when)}:_ {markdown(one.why)}"
        yield f"{problem}{when}<br>_solution:_ {markdown(one.way_out)}"


def _effect_items(plan: ComparedPlan) -> Iterator[str]:
    for one in plan.update.review.effects:
        problem = f"{markdown_code(one.logical_id)} {markdown(one.what)} [{one.rule}]{_at(plan.remarks.get(one))}"
        yield f"{problem}<br>{markdown(one.why)}"


def _alert(kind: str, title: str, items: Iterator[str]) -> Iterator[str]:
    """A list in an alert of GitHub; nothing for an empty list."""
    for number, item in enumerate(items):
        yield from ("", f"> [!{kind}]", f"> {title}") if number == 0 else ()
        yield f"> - {item}"


def _group(plan: ComparedPlan, group: str, changes: list[Change], with_values: bool) -> Iterator[str]:
    title = f"{markdown(group)} ({len(changes)})"
    if group in DETAILED and with_values:
        rows = [row for change in changes for row in _detailed(change, plan)]
        yield from _table(title, ("resource", "property", "before", "after", "line"), rows)
    else:
        yield from _resources(plan, title, changes)


def _resources(
    plan: ComparedPlan, title: str, changes: Sequence[Change], allows: Mapping[str, Sequence[str]] | None = None
) -> Iterator[str]:
    """A table of resources with their lines, and with what they may do (``allows``), by logical ID."""
    rows = []
    for one in changes:
        allowed = [] if allows is None else ["<br>".join(map(markdown, allows.get(one.logical_id, ())))]
        line = markdown(where(plan.places.get(one.logical_id)))
        rows.append(_row(markdown_code(one.logical_id), markdown(short(one.type)), *allowed, line))
    yield from _table(title, ("resource", "type", *(() if allows is None else ("allows",)), "line"), rows)


def _detailed(change: Change, plan: ComparedPlan) -> Iterator[str]:
    for one in changed_properties(change, plan.changes):
        line = markdown(where(plan.lines.of_property(change, one) or plan.places.get(change.logical_id)))
        values = ("", markdown(one.follows)) if one.follows else (_value(one.before), _value(one.after))
        note = f" ({one.note})" if one.note else ""
        yield _row(markdown_code(change.logical_id), markdown_code(one.title) + note, *values, line)


def _table(title: str, columns: tuple[str, ...], rows: list[str]) -> Iterator[str]:
    yield from ("", f"<details><summary>{title}</summary>", "")
    yield from (_row(*columns), "|" + "---|" * len(columns))
    yield from rows[:_MAX_ROWS]
    if len(rows) > _MAX_ROWS:
        yield f"| and {len(rows) - _MAX_ROWS} more |"
    yield from ("", "</details>")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _value(value: object) -> str:
    return "" if value is None else markdown_code(shown(value, _WIDEST))


def _at(place: Place | None) -> str:
    return f" ({markdown_code(where(place))})" if place else ""
