"""A plan for a reader: data at risk first, then the changes to each resource in groups, with their spec lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fsdcf.cli.render.parts import PARTS, part_of, short
from fsdcf.cli.render.stream import wrapped, wrapped_after
from fsdcf.cli.render.values import differences, shown
from fsdcf.cloudformation.change import KNOWN_LATER, Change, Detail, path_of
from fsdcf.cloudformation.difference import ATTRIBUTES
from fsdcf.cloudformation.planned import overrides_of
from fsdcf.cloudformation.types import record_of
from fsdcf.deploy.model import Place, Plan, PlanCreated
from fsdcf.diagnostics import Paint
from fsdcf.language.rules.overrides import steps_of
from fsdcf.masking import deciding_name, mask_value
from fsdcf.plan.diff.causes import Changes, by_id, follows, target_of, title_of
from fsdcf.plan.diff.tags import TagChange, tag_changes, tags_line, without_tags
from fsdcf.wording import visible

if TYPE_CHECKING:
    from fsdcf.plan.diff.effects import SideEffect
    from fsdcf.plan.diff.obstacles import Obstacle
    from fsdcf.plan.diff.plan import Remark
    from fsdcf.plan.diff.rollback import Unsafe, When
    from fsdcf.plan.exposure import FirstDeploy

GROUPS = {
    "replaced": ("±", "warn"),
    "perhaps replaced": ("±", "warn"),
    "removed": ("-", "bad"),
    "left behind": ("=", "warn"),
    "changed": ("~", "strong"),
    "only metadata": ("~", "soft"),
    "adopted": ("<", "good"),
    "added": ("+", "good"),
    "only recorded": ("=", "soft"),
    "known when it is executed": ("?", "warn"),
}
"""The groups of changes, most important first: the mark and the paint's role."""

DETAILED = ("changed", "only metadata", "replaced", "perhaps replaced", "only recorded")
"""The groups whose resources are shown with their properties."""

_WHEN: Mapping[When, str] = {
    "rollout": "during the rollout",
    "CloudFormation rollback": "after CloudFormation's rollback",
    "fsdcf rollback": "after fsdcf rollback",
}
BLOCKED = "AWS rejects these changes, or may reject them"
UNSAFE = "changes that a rollback does not undo together with the image"
EFFECTS = "what else the update does"
DRIFTED = "changes made outside CloudFormation"
VALIDATED = "CloudFormation accepts the changes, but doubts them"
"""The explanations of the sections of a plan."""

_OTHER = ("?", "warn")
_RETAINED = ("Retain", "RetainExceptOnCreate")
_LATER = "known after the change"
_MAX_BESIDE = 48
"""Values that together are longer than this are shown one below the other."""


@dataclass(frozen=True)
class ChangedProperty:
    """A property that changes. ``follows`` is the chain of causes if the new value is not known; ``note`` says whether
    an override sets it."""

    title: str
    before: Any = None
    after: Any = None
    follows: str = ""
    note: str = ""


@dataclass(frozen=True)
class Remarks:
    """The obstacles, unsafe changes and side effects of a plan, and their spec lines.

    ``first`` is what a first deploy exposes and allows, if its template was read.
    """

    obstacles: tuple[Obstacle, ...] = ()
    unsafe: tuple[Unsafe, ...] = ()
    effects: tuple[SideEffect, ...] = ()
    places: Mapping[Remark, Place] = field(default_factory=dict)
    first: FirstDeploy | None = None


NO_REMARKS = Remarks()


@dataclass(frozen=True)
class Reviewed(PlanCreated):
    """A plan that was reviewed with the templates of both sides."""

    remarks: Remarks = NO_REMARKS


def remarks_of(event: PlanCreated) -> Remarks:
    """The remarks on a plan, if it was reviewed."""
    return event.remarks if isinstance(event, Reviewed) else NO_REMARKS


def changed_properties(change: Change, changes: Changes) -> tuple[ChangedProperty, ...]:
    """The changed values of a resource, then those that follow another resource's change.

    Each value appears once, with secrets masked.

    If the whole resource is known, the items of lists are compared by their names, so that a new variable does not move
    the others.
    """
    values: dict[str, ChangedProperty] = {}
    later: dict[str, Detail] = {}
    for detail in _static_first(change):
        title = title_of(detail, change)
        if _is_later(detail) or (detail.before is None and detail.after is None):
            known = later.get(title)
            later[title] = detail if known is None or not known.cause else known
    causes = {_title_by_name(title): detail.cause for title, detail in later.items() if detail.cause}
    unsure: set[str] = set()
    for path, before, after in _compared(change):
        for difference in differences(before, after, path):
            if difference.before is not None and KNOWN_LATER in str(difference.after):
                unsure.add(difference.path)
            row = _value(difference.path, difference.before, difference.after, causes)
            if row is not None:
                values.setdefault(difference.path, row)
    following = {
        _title_by_name(title): follows(detail, changes) or _LATER
        for title, detail in later.items()
        if detail.cause
        or " -> " not in title
        or _title_by_name(title) not in unsure  # as far as known, it only moved within its list
    }
    rest = (ChangedProperty(title, follows=text) for title, text in following.items() if title not in values)
    rows = [replace(row, note=_note(row, change)) for row in (*values.values(), *rest)]
    others = [row for row in rows if not row.title.startswith(_OVERRIDES)]
    return tuple(others or rows)


_OVERRIDES = "Metadata.fsdcf.Overrides"
"""The record of the overrides in a resource, which the notes of its other rows repeat."""


def _note(row: ChangedProperty, change: Change) -> str:
    """Whether an override sets a property on the new side, or did so on the old one."""
    for side, note in ((change.after, "override"), (change.before, "no longer an override")):
        resource = side if isinstance(side, Mapping) else {}
        paths = [steps for path in overrides_of(resource) if (steps := steps_of(path))]
        shown = row.title.replace("[was ", "[")
        words = tuple(filter(None, re.split(r"[.\[\]]+", shown)))
        known = tuple(map(str, path_of(shown, resource.get("Properties"))))
        named = words if words[0] in ATTRIBUTES else ("Properties", *known, *words[len(known) :])
        if any(named[: len(path)] == path[: len(named)] for path in paths):
            return note
    return ""


def _static_first(change: Change) -> list[Detail]:
    return sorted(change.details, key=lambda detail: detail.evaluation == "Dynamic")


def _is_later(detail: Detail) -> bool:
    return KNOWN_LATER in str(detail.after) or bool(target_of(detail))


def _compared(change: Change) -> Iterator[tuple[str, Any, Any]]:
    """The values to compare, with their titles: whole properties if they are known, else the values of the details."""
    done: set[tuple[str, str]] = set()
    for detail in _static_first(change):
        steps = [step for step in detail.path.split("/") if step]
        if change.before is None or change.after is None or len(steps) < 2:
            if not _is_later(detail):
                yield title_of(detail, change), detail.before, detail.after
            continue
        section, name = steps[0], steps[1] if steps[0] == "Properties" else ""
        if (section, name) in done:
            continue
        done.add((section, name))
        before, after = (side.get(section) for side in (change.before, change.after))
        if name:
            before, after = ((side or {}).get(name) for side in (before, after))
        yield name or section, before, after


def _value(path: str, before: Any, after: Any, causes: dict[str, str]) -> ChangedProperty | None:
    """The row of a value; None if it only follows a cause, or if no detail says that it changes.

    CloudFormation marks values that it has not looked up as known later, although they may stay the same. The function
    that returns a resource's next ID says nothing beside its current ID.
    """
    if KNOWN_LATER not in str(after):
        is_next_id = path in causes and isinstance(before, str) and isinstance(after, Mapping)
        return None if is_next_id else ChangedProperty(path, before, after)
    return ChangedProperty(path, None, causes.get(path) or _LATER) if before is None else None


def _title_by_name(title: str) -> str:
    """``Environment[OLD -> NEW].Value`` -> ``Environment[NEW]``, as differences name it."""
    text = title.removesuffix(".Value")
    while " -> " in text:
        head, _, tail = text.partition(" -> ")
        text = head[: head.rindex("[") + 1] + tail if "[" in head else tail
    return text


def group_of(change: Change, adopted: Sequence[str] = ()) -> str:
    """The group of a change; CloudFormation's own word for an unknown action."""
    if change.action == "Import" or change.logical_id in adopted:
        return "adopted"
    if change.action == "Modify" and change.replacement == "False" and set(change.scope) == {"Metadata"}:
        return "only metadata"
    if change.action == "Modify":
        return {"True": "replaced", "Conditional": "perhaps replaced"}.get(change.replacement or "", "changed")
    if change.action == "Remove":
        return "left behind" if change.policy in _RETAINED else "removed"
    words = {"Add": "added", "Dynamic": "known when it is executed", "SyncWithActual": "only recorded"}
    return words.get(change.action, change.action)


def grouped(changes: Iterable[Change], adopted: Sequence[str] = ()) -> dict[str, list[Change]]:
    """The changes by group, in the order of the groups."""
    groups: dict[str, list[Change]] = {group: [] for group in GROUPS}
    for change in changes:
        groups.setdefault(group_of(change, adopted), []).append(change)
    return {group: members for group, members in groups.items() if members}


def counts(plan: Plan) -> dict[str, int]:
    """The number of resources in each group, in the order of the groups; changes of tags do not count."""
    return {group: len(changes) for group, changes in grouped(without_tags(plan.changes), plan.adopted).items()}


def summary(plan: Plan, stack_tags: tuple[TagChange, ...] = ()) -> str:
    """``1 replaced, 2 changed, tags``; for a change set without resource changes, what else it may contain."""
    words = [f"{count} {group}" for group, count in counts(plan).items()]
    if tag_changes(plan.changes) or stack_tags:
        return ", ".join([*words, "tags"]) if words else "only tags change"
    return ", ".join(words) or "no resource changes; outputs, tags or parameters change"


def place_of_tags(changes: Sequence[Change], places: Mapping[str, Place]) -> Place | None:
    """The spec line that changes the tags: that of the first resource of which only tags change, if any."""
    others = {change.logical_id for change in without_tags(changes)}
    only = (change.logical_id for change in changes if change.logical_id not in others)
    return next((places[name] for name in only if name in places), None)


def plan_lines(
    plan: Plan,
    places: Mapping[str, Place],
    paint: Paint,
    width: int | None,
    remarks: Remarks = NO_REMARKS,
    stack_tags: tuple[TagChange, ...] = (),
) -> Iterator[str]:
    """The plan as lines. ``width`` is that of the terminal, None for lines of any length."""
    changes_by_id = by_id(plan.changes)
    yield paint("plan: ", "strong") + summary(plan, stack_tags)
    yield from _risks(plan, places, paint, width)
    yield from _warnings(plan, paint, width)
    yield from _drift(plan, places, paint, width)
    yield from _obstacles(remarks, paint, width)
    yield from _unsafe(remarks, paint, width)
    yield from _effects(remarks, paint, width)
    if plan.first:
        yield from _first_deploy(plan, places, paint, width, remarks.first)
        return
    for group, changes in grouped(without_tags(plan.changes), plan.adopted).items():
        yield ""
        yield paint(f"{group} ({len(changes)})", "strong")
        columns = _columns(changes, places, width)
        for change in sorted(changes, key=lambda one: (PARTS.index(part_of(one.type, one.logical_id)), one.logical_id)):
            yield _resource(change, group, columns, paint)
            for row in changed_properties(change, changes_by_id) if group in DETAILED else ():
                if row.follows:
                    yield from wrapped_after(f"      {_titled(row, paint)}: ", row.follows, paint, width, 8)
                else:
                    yield from _values(row, paint)
    if line := tags_line((*tag_changes(plan.changes), *stack_tags)):
        at = where(place_of_tags(plan.changes, places))
        yield from ("", *wrapped(f"  ~ {visible(line)}  {at}".rstrip(), width, 4, paint, (at or "~", "place")))
    yield ""


def sections(plan: Plan) -> dict[str, list[Change]]:
    """The resources of a first deploy that a reader should know, by section: stores, ingress, permissions, and the
    service itself.
    """
    from fsdcf.cloudformation.types.ecs import SERVICE  # only a first deploy needs it

    kept: dict[str, list[Change]] = {"data": [], "ingress": [], "permissions": [], "tasks": []}
    for change in plan.changes:
        part, drawing = part_of(change.type, change.logical_id), record_of(change.type).drawing
        store = drawing is not None and drawing.is_store
        if part in kept and (part in ("ingress", "permissions") or change.type == SERVICE or store):
            kept[part].append(change)
    return {section: changes for section, changes in kept.items() if changes}


def rest_of(plan: Plan) -> str:
    """The number of the other resources of a first deploy by part: ``and 28 more added (21 network, 7 tasks)``."""
    named = {change.logical_id for changes in sections(plan).values() for change in changes}
    parts = [part_of(change.type, change.logical_id) for change in plan.changes if change.logical_id not in named]
    counted = [f"{parts.count(part)} {part}" for part in PARTS if part in parts]
    return f"and {len(parts)} more added ({', '.join(counted)})" if parts else ""


def _first_deploy(
    plan: Plan, places: Mapping[str, Place], paint: Paint, width: int | None, first: FirstDeploy | None
) -> Iterator[str]:
    """A first deploy: what is open to the internet, the data, the ingress and the permissions; the rest is counted."""
    for number, one in enumerate(first.exposures if first else ()):
        yield from ("", paint("open to the outside", "warn")) if number == 0 else ()
        yield from _remark(one.logical_id, visible(one.what), "warn", paint, width)
        yield from _at(places.get(one.logical_id), paint)
    for number, (name, paths) in enumerate(first.overrides.items() if first else ()):
        yield from ("", paint("overrides", "warn")) if number == 0 else ()
        yield from _remark(name, visible(", ".join(paths)), "warn", paint, width)
    for section, changes in sections(plan).items():
        yield from ("", paint(f"{section} ({len(changes)})", "strong"))
        columns = _columns(changes, places, width)
        for change in changes:
            yield _resource(change, group_of(change, plan.adopted), columns, paint)
            for clause in first.permissions.get(change.logical_id, ()) if first else ():
                yield from wrapped(f"      {visible(clause)}", width, 8, paint)
    if rest := rest_of(plan):
        yield from ("", rest)
    yield ""


def where(place: Place | None) -> str:
    """``service.yml:12``; an option of the command line has no line number."""
    if place is None:
        return ""
    return visible(place.file) if place.file.startswith("--") else f"{visible(place.file)}:{place.line}"


def _risks(plan: Plan, places: Mapping[str, Place], paint: Paint, width: int | None) -> Iterator[str]:
    if plan.risks:
        yield from ("", paint("data at risk", "bad"))
    for risk in plan.risks:
        text = f"({short(risk.type)}) {risk.kind}: {visible(risk.why)}"
        yield from _remark(risk.logical_id, text, "bad", paint, width)
        for line in _at(places.get(risk.logical_id), paint):
            yield f"{line}: {visible(places[risk.logical_id].text.strip())}"


_IGNORED = {
    "MANAGED_BY_AWS": "AWS sets it",
    "WRITE_ONLY_PROPERTY": "its value cannot be read",
    "SENSITIVE_PROPERTY": "its value is secret",
}
"""Why CloudFormation leaves the drift of a property alone."""


def _drift(plan: Plan, places: Mapping[str, Place], paint: Paint, width: int | None) -> Iterator[str]:
    """What a change set that reverts drift has found, and what it does with it."""
    if not plan.drift:
        return
    lines = [line for change in plan.changes for line in _drift_of(change, places, paint, width)]
    if lines or plan.drift == "DRIFTED":
        yield from ("", f"{paint('drift', 'warn')}: {DRIFTED}", *lines)
    else:
        status = "no drift was found" if plan.drift == "IN_SYNC" else f"the drift is not known ({visible(plan.drift)})"
        yield from ("", f"{paint('drift', 'warn')}: {status}")


def _drift_of(change: Change, places: Mapping[str, Place], paint: Paint, width: int | None) -> Iterator[str]:
    if change.drift == "DELETED":
        yield from _remark(change.logical_id, "was deleted, and is created again", "warn", paint, width)
        yield from _at(places.get(change.logical_id), paint)
    for detail in change.details:
        if detail.drift is None:
            continue
        named = title_of(detail, change)
        name = deciding_name(named)
        was, now, then = (
            shown(mask_value(value, name)) for value in (detail.drift.previous, detail.drift.actual, detail.after)
        )
        then = (
            "it stays, as the template now has it" if change.action == "SyncWithActual" else f"{then} after the deploy"
        )
        text = f"{named}: {was} at the last deploy, {now} now, {then}"
        yield from _remark(change.logical_id, visible(text), "warn", paint, width)
        yield from _at(places.get(change.logical_id), paint)
    for path, reason in change.ignored:
        named = path.removeprefix("/Properties").strip("/").replace("/", ".")
        text = f"  = {change.logical_id} {named} is left alone: {_IGNORED.get(reason, reason)}"
        yield from wrapped(visible(text), width, 4, paint, ("=", "soft"))
    if change.drift in ("UNKNOWN", "UNSUPPORTED"):
        why = "could not be read" if change.drift == "UNKNOWN" else "is of a type without drift detection"
        yield from wrapped(f"  ? {change.logical_id} {why}", width, 4, paint, ("?", "soft"))


def _warnings(plan: Plan, paint: Paint, width: int | None) -> Iterator[str]:
    if plan.warnings:
        yield from ("", f"{paint('warnings of the validation', 'warn')}: {VALIDATED}")
    for one in plan.warnings:
        yield from _remark(f"{visible(one.source)}:", visible(one.text), "warn", paint, width)
        yield from _at(one.place, paint)


def _obstacles(remarks: Remarks, paint: Paint, width: int | None) -> Iterator[str]:
    if remarks.obstacles:
        yield from ("", f"{paint('blocked', 'bad')}: {BLOCKED}")
    for one in remarks.obstacles:
        yield from _remark(one.logical_id, f"({short(one.type)}): {visible(one.why)}", "bad", paint, width)
        yield from _at(remarks.places.get(one), paint)
        yield from _more(f"solution: {one.way_out}", paint, width)


def _unsafe(remarks: Remarks, paint: Paint, width: int | None) -> Iterator[str]:
    if remarks.unsafe:
        yield from ("", f"{paint('rollback safety', 'bad')}: {UNSAFE}")
    for one in remarks.unsafe:
        yield from _by_rule(one, remarks, paint, width)
        yield from _more(f"{format_when(one.when)}: {one.why}", paint, width)
        yield from _more(f"solution: {one.way_out}", paint, width)


def _effects(remarks: Remarks, paint: Paint, width: int | None) -> Iterator[str]:
    if remarks.effects:
        yield from ("", f"{paint('side effects', 'warn')}: {EFFECTS}")
    for one in remarks.effects:
        yield from _by_rule(one, remarks, paint, width)
        yield from _more(one.why, paint, width)


def _by_rule(one: Unsafe | SideEffect, remarks: Remarks, paint: Paint, width: int | None) -> Iterator[str]:
    """What an update does, with the rule that finds it, and the spec line."""
    rule = f"[{one.rule}]"
    yield from _remark(one.logical_id, f"{visible(one.what)} {rule}", "warn", paint, width, (rule, "soft"))
    yield from _at(remarks.places.get(one), paint)


def _remark(name: str, text: str, role: str, paint: Paint, width: int | None, *painted: tuple[str, str]) -> list[str]:
    return wrapped(f"  ! {name} {text}", width, 4, paint, *painted, (name, "strong"), ("!", role))


def _more(text: str, paint: Paint, width: int | None) -> list[str]:
    """A line below a remark, wrapped to the width."""
    return wrapped(f"    = {visible(text)}", width, 6, paint, ("=", "place"))


def format_when(when: Sequence[When]) -> str:
    """When a change is unsafe: ``during the rollout, and after fsdcf rollback``."""
    return ", and ".join(_WHEN[one] for one in when)


def _at(place: Place | None, paint: Paint) -> Iterator[str]:
    if place:
        yield f"    {paint('-->', 'place')} {where(place)}"


def _columns(
    changes: Sequence[Change], places: Mapping[str, Place], width: int | None
) -> tuple[int, int, dict[str, str]]:
    """The widths of logical ids and types (0: no room), and the place of each change, shown as its line if need be."""
    name = max(len(change.logical_id) for change in changes)
    type = max(len(short(change.type)) for change in changes)
    known = {change.logical_id: place for change in changes if (place := places.get(change.logical_id))}
    whole = {logical_id: where(place) for logical_id, place in known.items()}
    brief = {logical_id: f"line {place.line}" for logical_id, place in known.items()}
    if width is None:
        return name, type, whole
    one_file = len({place.file for place in known.values()}) == 1
    for texts in (whole, brief) if one_file else (whole,):
        room = width - name - 6 - max((len(text) + 2 for text in texts.values()), default=0)
        if room >= type:
            break
    return name, min(type, room) if room >= 12 else 0, texts


def _resource(change: Change, group: str, columns: tuple[int, int, dict[str, str]], paint: Paint) -> str:
    mark, role = GROUPS.get(group, _OTHER)
    name, width, texts = columns
    type = short(change.type)
    if len(type) > width:
        type = type[: width - 1] + "…"
    words = [change.logical_id.ljust(name)]
    words += [paint(type.ljust(width), "soft")] if width else []
    words += [paint(text, "place")] if (text := texts.get(change.logical_id)) else []
    return f"  {paint(mark, role)} " + "  ".join(words).rstrip()


def _titled(row: ChangedProperty, paint: Paint) -> str:
    return f"{row.title} ({paint(row.note, 'warn')})" if row.note else row.title


def _values(row: ChangedProperty, paint: Paint) -> Iterator[str]:
    before, after = shown(row.before), shown(row.after)
    if len(before) + len(after) <= _MAX_BESIDE:
        yield f"      {_titled(row, paint)}: {paint(before, 'soft')} -> {paint(after, 'strong')}"
        return
    yield f"      {_titled(row, paint)}:"
    yield f"        {paint(before, 'soft')}"
    yield f"        -> {paint(after, 'strong')}"
