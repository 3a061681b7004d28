"""Why a resource changes: the chain from what was edited to what follows from it, and the place where it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fsdcf.cloudformation.change import Change, Detail
from fsdcf.cloudformation.titles import title

FOLLOWING = ("ResourceReference", "ResourceAttribute")
"""The sources of details that follow from another resource's change."""

_SHIFT = " -> "
"""Stands between two names in a title, where one item of a list takes the place of another."""

_WEIGHT: Mapping[str, int] = {"Always": 0, "Conditionally": 1}

Changes = Mapping[str, Change]


def by_id(changes: Sequence[Change]) -> dict[str, Change]:
    """The changes by logical id; of two of one id (removed and added), the later one."""
    return {change.logical_id: change for change in changes}


def title_of(detail: Detail, change: Change | None = None) -> str:
    """``ContainerDefinitions[app].Image``: where a detail's value stands; with the indexes of lists where names are not known."""
    if detail.title:
        return detail.title
    named = title(detail.path, change.before, change.after) if change is not None and detail.path else ""
    if named:
        return named
    steps = [step for step in detail.path.split("/") if step]
    steps = steps[1:] if steps[:1] == ["Properties"] else steps
    text = ""
    for step in steps or [detail.name or detail.attribute]:
        text += f"[{step}]" if step.isdigit() else f".{step}" if text else step
    return text


def target_of(detail: Detail) -> str | None:
    """The logical id of the resource that a detail follows; None where it follows none."""
    if detail.source not in FOLLOWING or not detail.cause:
        return None
    return detail.cause.partition(".")[0]


def edited(change: Change) -> Detail | None:
    """The detail of a change that says most of why: of its own edits the one that replaces it, else the first; None if it has none."""
    followed = {detail.path for detail in change.details if target_of(detail)}
    own = [
        one
        for one in change.details
        if one.source == "DirectModification" and not (one.evaluation == "Dynamic" and one.path in followed)
    ]
    return min(own, key=lambda one: (_WEIGHT.get(one.recreation, 2), _SHIFT in title_of(one, change)), default=None)


def reason(change: Change) -> str:
    """The place of a change's own edit; empty if it has none. In a list whose items have moved it is the list: each seems to differ."""
    own = edited(change)
    if own is None:
        return ""
    name = title_of(own, change)
    whole = (name.partition(_SHIFT)[0] if _SHIFT in name else name).rpartition("[")[0]
    moved = whole and any(
        title_of(one, change).startswith(f"{whole}[") and _SHIFT in title_of(one, change) for one in change.details
    )
    return whole if moved else name


def origin(change: Change, changes: Changes) -> tuple[Change, Detail | None]:
    """Where the chain of causes of a change begins: the change that is not only a consequence, and its edit."""
    seen = {change.logical_id}
    while edited(change) is None:
        targets = (target_of(detail) for detail in change.details)
        nearest = next((name for name in targets if name is not None and name in changes and name not in seen), None)
        if nearest is None:
            break
        change = changes[nearest]
        seen.add(change.logical_id)
    return change, edited(change)


def follows(detail: Detail, changes: Changes) -> str:
    """``follows TaskDefinition, which is replaced because ContainerDefinitions[app].Cpu changed``; empty if it follows nothing."""
    if not detail.cause:
        return ""
    target = target_of(detail)
    if target is None:
        return f"follows {detail.cause}"
    return f"follows {detail.cause}" + _because(target, changes, {target})


def _because(target: str, changes: Changes, seen: set[str]) -> str:
    """What a resource that others follow does itself, and why, to the end of the chain."""
    change = changes.get(target)
    if change is None:
        return ""
    if change.action != "Modify":
        return f", which is {'new' if change.action in ('Add', 'Import') else 'removed'}"
    does = {"True": "is replaced", "Conditional": "may be replaced"}.get(str(change.replacement), "changes")
    own = reason(change)
    if own:
        return f", which {does} because {own} changed"
    onward = next((one for one in change.details if (name := target_of(one)) is not None and name not in seen), None)
    if onward is None or onward.cause is None:
        return f", which {does}"
    next_target = onward.cause.partition(".")[0]
    return f", which {does} because it follows {onward.cause}" + _because(next_target, changes, {*seen, next_target})
