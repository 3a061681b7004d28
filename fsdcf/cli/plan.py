"""A plan for a reader: data at risk first, then what happens to each resource, grouped, with its spec line beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fsdcf.cli.paint import Paint
from fsdcf.cli.parts import PARTS, part_of, short
from fsdcf.cli.values import Difference, differences, shown, visible
from fsdcf.cloudformation.change import Change, Detail
from fsdcf.deploy.model import Place, Plan

GROUPS = {
    "replaced": ("±", "warn"),
    "perhaps replaced": ("±", "warn"),
    "removed": ("-", "bad"),
    "left behind": ("=", "warn"),
    "changed": ("~", "strong"),
    "adopted": ("<", "good"),
    "added": ("+", "good"),
    "brought back in line": ("~", "strong"),
    "known when it is executed": ("?", "warn"),
}
"""What can happen to a resource, in the order of its weight: the mark and the role of the paint."""

_OTHER = ("?", "warn")
_RETAINED = ("Retain", "RetainExceptOnCreate")
_KNOWN_LATER = "KNOWN_AFTER_APPLY"
"""Stands in a value that CloudFormation will only know once another resource has changed."""

_LONG = 48
"""Values that are longer than this stand under each other, not beside each other."""


@dataclass(frozen=True)
class _Columns:
    """The widths of the columns: logical id and type (0: no room for it); whether a place is told by its line alone."""

    name: int
    type: int
    brief: bool = False


def group_of(change: Change, adopted: Sequence[str] = ()) -> str:
    """What happens to a resource, in a word; CloudFormation's own word where it is a new one."""
    if change.action == "Import" or change.logical_id in adopted:
        return "adopted"
    if change.action == "Modify":
        return {"True": "replaced", "Conditional": "perhaps replaced"}.get(change.replacement or "", "changed")
    if change.action == "Remove":
        return "left behind" if change.policy in _RETAINED else "removed"
    words = {"Add": "added", "Dynamic": "known when it is executed", "SyncWithActual": "brought back in line"}
    return words.get(change.action, change.action)


def counts(plan: Plan) -> dict[str, int]:
    """How many resources there are in each group, in the order of the groups."""
    found = [group_of(change, plan.adopted) for change in plan.changes]
    return {group: found.count(group) for group in dict.fromkeys([*GROUPS, *found]) if group in found}


def summary(plan: Plan) -> str:
    """``1 replaced, 2 changed``; what else a change set may hold where no resource changes."""
    words = ", ".join(f"{count} {group}" for group, count in counts(plan).items())
    return words or "no resource changes; outputs, tags or parameters do"


def plan_lines(plan: Plan, places: Mapping[str, Place], paint: Paint, width: int | None) -> Iterator[str]:
    """The plan line by line. ``width`` is the terminal's, None where lines may be long."""
    grouped: dict[str, list[Change]] = {group: [] for group in counts(plan)}
    for change in plan.changes:
        grouped[group_of(change, plan.adopted)].append(change)
    yield paint("plan: ", "strong") + summary(plan)
    yield from _risks(plan, places, paint)
    for group, changes in grouped.items():
        yield ""
        yield paint(f"{group} ({len(changes)})", "strong")
        columns = _columns(changes, places, width)
        for change in sorted(changes, key=lambda one: (PARTS.index(part_of(one.type, one.logical_id)), one.logical_id)):
            yield from _change(change, group, columns, places.get(change.logical_id), paint)
    yield ""


def where(place: Place | None) -> str:
    """``service.yml:12``."""
    return f"{visible(place.file)}:{place.line}" if place else ""


def _risks(plan: Plan, places: Mapping[str, Place], paint: Paint) -> Iterator[str]:
    if not plan.risks:
        return
    yield ""
    yield paint("data at risk", "bad")
    for risk in plan.risks:
        yield f"  {paint('!', 'bad')} {paint(risk.logical_id, 'strong')} ({short(risk.type)}) {risk.kind}: {risk.why}"
        place = places.get(risk.logical_id)
        if place:
            yield f"    {paint('-->', 'place')} {where(place)}: {visible(place.text.strip())}"


def _columns(changes: Sequence[Change], places: Mapping[str, Place], width: int | None) -> _Columns:
    name = max(len(change.logical_id) for change in changes)
    type = max(len(short(change.type)) for change in changes)
    if width is None:
        return _Columns(name, type)
    room = width - (4 + name + 2)
    found = [one for change in changes if (one := places.get(change.logical_id))]
    place = max((len(where(one)) + 2 for one in found), default=0)
    brief = room - place < type and len({one.file for one in found}) == 1
    room -= max((len(_line(one)) + 2 for one in found), default=0) if brief else place
    return _Columns(name, min(type, room) if room >= 12 else 0, brief)


def _line(place: Place) -> str:
    return f"line {place.line}"


def _change(change: Change, group: str, columns: _Columns, place: Place | None, paint: Paint) -> Iterator[str]:
    mark, role = GROUPS.get(group, _OTHER)
    type = short(change.type)
    if len(type) > columns.type:
        type = type[: max(0, columns.type - 1)] + "…" if columns.type else ""
    at = _line(place) if place and columns.brief else where(place)
    words = [change.logical_id.ljust(columns.name)]
    words += [paint(type.ljust(columns.type), "soft")] if columns.type else []
    words += [paint(at, "place")] if at else []
    yield f"  {paint(mark, role)} " + "  ".join(words).rstrip()
    if group in ("changed", "replaced", "perhaps replaced", "brought back in line"):
        yield from _details(change, paint)


def _details(change: Change, paint: Paint) -> Iterator[str]:
    """What changes of a resource, each value once, and then what only follows from another resource's change."""
    told: dict[str, str] = {}
    follows: dict[str, str] = {}
    for detail in sorted(change.details, key=lambda one: one.evaluation == "Dynamic"):
        title = title_of(detail)
        if _KNOWN_LATER in str(detail.after) or (detail.before is None and detail.after is None):
            follows[title] = follows.get(title) or detail.cause or ""
            continue
        for difference in differences(detail.before, detail.after, title):
            told.setdefault(difference.path, "\n".join(_difference(difference, paint)))
    yield from (text for text in told.values())
    for title, cause in follows.items():
        if title not in told:
            yield f"      {title}: " + paint(f"follows {cause}" if cause else "known after the change", "soft")


def _difference(difference: Difference, paint: Paint) -> Iterator[str]:
    before, after = shown(difference.before), shown(difference.after)
    if len(before) + len(after) <= _LONG:
        yield f"      {difference.path}: {paint(before, 'soft')} -> {paint(after, 'strong')}"
        return
    yield f"      {difference.path}:"
    yield f"        {paint(before, 'soft')}"
    yield f"        -> {paint(after, 'strong')}"


def title_of(detail: Detail) -> str:
    """``ContainerDefinitions[app].Image``: where a detail's value stands; with the indexes of lists where names are not known."""
    if detail.title:
        return detail.title
    steps = [step for step in detail.path.split("/") if step]
    steps = steps[1:] if steps[:1] == ["Properties"] else steps
    text = ""
    for step in steps or [detail.name or detail.attribute]:
        text += f"[{step}]" if step.isdigit() else f".{step}" if text else step
    return text
