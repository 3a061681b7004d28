"""A plan for a reader: data at risk first, then what happens to each resource, grouped, with its spec line beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fsdcf.cli.render.parts import PARTS, part_of, short
from fsdcf.cli.render.values import KNOWN_LATER, differences, shown, visible
from fsdcf.cloudformation.change import Change, Detail
from fsdcf.deploy.model import Place, Plan, PlanCreated
from fsdcf.diagnostics import Paint
from fsdcf.plan.diff.causes import Changes, by_id, follows, target_of, title_of
from fsdcf.plan.diff.obstacles import Obstacle
from fsdcf.plan.diff.plan import NO_REVIEW, Review
from fsdcf.plan.diff.rollback import Unsafe, When


@dataclass(frozen=True)
class Row:
    """One property that changes. ``follows`` tells the chain of causes where the value itself is not known."""

    title: str
    before: Any = None
    after: Any = None
    follows: str = ""


def rows(change: Change, changes: Changes) -> tuple[Row, ...]:
    """What changes of a resource, each value once, with secrets masked; then what only follows from another resource's change.

    The items of lists are compared by their names where the whole resource is known, so that a variable more moves no other one.
    """
    values: dict[str, Row] = {}
    later: dict[str, Detail] = {}
    for detail in sorted(change.details, key=lambda one: one.evaluation == "Dynamic"):
        title = title_of(detail, change)
        if KNOWN_LATER in str(detail.after) or target_of(detail) or (detail.before is None and detail.after is None):
            known = later.get(title)
            later[title] = detail if known is None or not known.cause else known
    causes = {_plain(title): detail.cause for title, detail in later.items() if detail.cause}
    stay: set[str] = set()
    for path, before, after in _compared(change):
        for one in differences(before, after, path):
            if one.before is not None and KNOWN_LATER in str(one.after):
                stay.add(one.path)
            row = _value(one.path, one.before, one.after, causes)
            if row is not None:
                values.setdefault(one.path, row)
    following = {
        _plain(title): follows(detail, changes) or "known after the change"
        for title, detail in later.items()
        if detail.cause
        or " -> " not in title
        or _plain(title) not in stay  # it only moved within its list, as far as anybody knows
    }
    return (*values.values(), *(Row(title, follows=text) for title, text in following.items() if title not in values))


def _compared(change: Change) -> Iterator[tuple[str, Any, Any]]:
    """The values to compare, with their titles: whole properties where they are known, else those of the details."""
    told: set[str] = set()
    for detail in sorted(change.details, key=lambda one: one.evaluation == "Dynamic"):
        steps = [step for step in detail.path.split("/") if step]
        whole = change.before is not None and change.after is not None and len(steps) > 1
        if not whole:
            if KNOWN_LATER not in str(detail.after) and not target_of(detail):
                yield title_of(detail, change), detail.before, detail.after
            continue
        section, name = (steps[0], steps[1]) if steps[0] == "Properties" else (steps[0], "")
        if f"{section}/{name}" in told:
            continue
        told.add(f"{section}/{name}")
        before, after = change.before.get(section), change.after.get(section)
        if name:
            before, after = ((one or {}).get(name) for one in (before, after))
        yield name or section, before, after


def _value(path: str, before: Any, after: Any, causes: dict[str, str]) -> Row | None:
    """A row for a value; None where all that is to say is what it follows, or where no detail says that it changes.

    A value that was there and is known later may well stay: CloudFormation marks what it has not looked up. The id that a resource had,
    beside the function that will tell its next one, says nothing.
    """
    if KNOWN_LATER not in str(after):
        is_next = path in causes and isinstance(before, str) and isinstance(after, Mapping)
        return None if is_next else Row(path, before, after)
    return Row(path, None, causes.get(path) or "known after the change") if before is None else None


def _plain(title: str) -> str:
    """``Environment[OLD -> NEW].Value`` -> ``Environment[NEW]``: as differences by name have it."""
    text = title.removesuffix(".Value")
    while " -> " in text:
        head, _, tail = text.partition(" -> ")
        text = head[: head.rindex("[") + 1] + tail if "[" in head else tail
    return text


GROUPS = {
    "replaced": ("±", "warn"),
    "perhaps replaced": ("±", "warn"),
    "removed": ("-", "bad"),
    "left behind": ("=", "warn"),
    "changed": ("~", "strong"),
    "only metadata": ("~", "soft"),
    "adopted": ("<", "good"),
    "added": ("+", "good"),
    "brought back in line": ("~", "strong"),
    "known when it is executed": ("?", "warn"),
}
"""What can happen to a resource, in the order of its weight: the mark and the role of the paint."""

_WHEN: Mapping[When, str] = {
    "rollout": "while it rolls out",
    "CloudFormation rollback": "after CloudFormation's rollback",
    "fsdcf rollback": "after fsdcf rollback",
}
DETAILED = ("changed", "only metadata", "replaced", "perhaps replaced", "brought back in line")
"""The groups whose resources are told property by property."""

_OTHER = ("?", "warn")
_RETAINED = ("Retain", "RetainExceptOnCreate")
_LONG = 48
"""Values that are longer than this stand under each other, not beside each other."""


@dataclass(frozen=True)
class Remarks:
    """What is to be said of a plan beside the changes, and the spec lines of it."""

    review: Review = NO_REVIEW
    places: Mapping[Obstacle | Unsafe, Place] = field(default_factory=dict)


NO_REMARKS = Remarks()


@dataclass(frozen=True)
class Reviewed(PlanCreated):
    """A plan that somebody has looked at who knows the templates."""

    remarks: Remarks = NO_REMARKS


def remarks_of(event: PlanCreated) -> Remarks:
    """The remarks on a plan, where there are any."""
    return event.remarks if isinstance(event, Reviewed) else NO_REMARKS


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
    if change.action == "Modify" and change.replacement == "False" and set(change.scope) == {"Metadata"}:
        return "only metadata"
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


def plan_lines(
    plan: Plan, places: Mapping[str, Place], paint: Paint, width: int | None, remarks: Remarks = NO_REMARKS
) -> Iterator[str]:
    """The plan line by line. ``width`` is the terminal's, None where lines may be long."""
    changes_by_id = by_id(plan.changes)
    grouped: dict[str, list[Change]] = {group: [] for group in counts(plan)}
    for change in plan.changes:
        grouped[group_of(change, plan.adopted)].append(change)
    yield paint("plan: ", "strong") + summary(plan)
    yield from _risks(plan, places, paint, width)
    yield from _obstacles(remarks, paint, width)
    yield from _unsafe(remarks, paint, width)
    for group, changes in grouped.items():
        yield ""
        yield paint(f"{group} ({len(changes)})", "strong")
        columns = _columns(changes, places, width)
        for change in sorted(changes, key=lambda one: (PARTS.index(part_of(one.type, one.logical_id)), one.logical_id)):
            yield from _change(change, group, columns, places.get(change.logical_id), paint)
            yield from _details(change, changes_by_id, paint, width) if group in DETAILED else ()
    yield ""


def where(place: Place | None) -> str:
    """``service.yml:12``; an option has no lines."""
    if place is None:
        return ""
    return visible(place.file) if place.file.startswith("--") else f"{visible(place.file)}:{place.line}"


def _risks(plan: Plan, places: Mapping[str, Place], paint: Paint, width: int | None) -> Iterator[str]:
    if not plan.risks:
        return
    yield ""
    yield paint("data at risk", "bad")
    for risk in plan.risks:
        yield from _remark(
            f"  ! {risk.logical_id} ({short(risk.type)}) {risk.kind}: {visible(risk.why)}", "bad", paint, width
        )
        place = places.get(risk.logical_id)
        if place:
            yield f"    {paint('-->', 'place')} {where(place)}: {visible(place.text.strip())}"


def _obstacles(remarks: Remarks, paint: Paint, width: int | None) -> Iterator[str]:
    if remarks.review.obstacles:
        yield ""
        yield paint("in the way", "bad")
    for one in remarks.review.obstacles:
        yield from _remark(f"  ! {one.logical_id} ({short(one.type)}): {visible(one.why)}", "bad", paint, width)
        yield from _at(remarks.places.get(one), paint)
        yield from _more(f"way out: {visible(one.way_out)}", paint, width)


def _unsafe(remarks: Remarks, paint: Paint, width: int | None) -> Iterator[str]:
    if remarks.review.unsafe:
        yield ""
        yield paint("rollback safety", "bad") + ": what a rollback does not undo together with the image"
    for one in remarks.review.unsafe:
        *above, last = _remark(f"  ! {one.logical_id} {visible(one.what)} [{one.rule}]", "warn", paint, width)
        yield from above
        yield last.removesuffix(f"[{one.rule}]") + paint(f"[{one.rule}]", "soft")
        yield from _at(remarks.places.get(one), paint)
        yield from _more(f"{spoken(one.when)}: {visible(one.why)}", paint, width)
        yield from _more(f"way out: {visible(one.way_out)}", paint, width)


def _remark(whole: str, role: str, paint: Paint, width: int | None) -> Iterator[str]:
    """``  ! Name …``, broken between words where there is a width, with the mark and the name painted."""
    first, *rest = _broken(whole, width, 4)
    name, space, text = first[4:].partition(" ")
    yield f"  {paint('!', role)} {paint(name, 'strong')}{space}{text}"
    yield from rest


def _more(text: str, paint: Paint, width: int | None) -> Iterator[str]:
    """A line below a remark, broken between words where there is a width."""
    first, *rest = _broken(f"    = {text}", width, 6)
    yield f"    {paint('=', 'place')}{first[5:]}"
    yield from rest


def _broken(whole: str, width: int | None, indent: int) -> list[str]:
    if width is None:
        return [whole]
    return textwrap.wrap(whole, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def spoken(when: Sequence[When]) -> str:
    """When a change is unsafe: ``while it rolls out, and after fsdcf rollback``."""
    return ", and ".join(_WHEN[one] for one in when)


def _at(place: Place | None, paint: Paint) -> Iterator[str]:
    if place:
        yield f"    {paint('-->', 'place')} {where(place)}"


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


def _details(change: Change, changes: Changes, paint: Paint, width: int | None) -> Iterator[str]:
    for row in rows(change, changes):
        yield from _cause(row, paint, width) if row.follows else _values(row, paint)


def _cause(row: Row, paint: Paint, width: int | None) -> Iterator[str]:
    lead, whole = f"      {row.title}: ", f"      {row.title}: {row.follows}"
    lines = _broken(whole, width, 8)
    if not lines[0].startswith(lead):  # the title alone fills the line
        lines = [lead.rstrip(), f"        {row.follows}"]
    yield lines[0][: len(lead)] + paint(lines[0][len(lead) :], "soft")
    yield from (paint(line, "soft") for line in lines[1:])


def _values(row: Row, paint: Paint) -> Iterator[str]:
    before, after = shown(row.before), shown(row.after)
    if len(before) + len(after) <= _LONG:
        yield f"      {row.title}: {paint(before, 'soft')} -> {paint(after, 'strong')}"
        return
    yield f"      {row.title}:"
    yield f"        {paint(before, 'soft')}"
    yield f"        -> {paint(after, 'strong')}"
