"""Why a resource changes: the chain from the edited property to the resources that follow its change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fsdcf.cloudformation.change import Change, Detail, title

FOLLOWING = ("ResourceReference", "ResourceAttribute")
"""The sources of details that follow the change of another resource."""

_SHIFT = " -> "
"""Separates two names in a title if another item takes the place of an item of a list."""

_WEIGHT: Mapping[str, int] = {"Always": 0, "Conditionally": 1}

Changes = Mapping[str, Change]


def by_id(changes: Sequence[Change]) -> dict[str, Change]:
    """The changes by logical ID. If a resource is removed and added, the addition counts."""
    return {change.logical_id: change for change in changes}


def title_of(detail: Detail, change: Change | None = None) -> str:
    """The path of a detail's value for a reader (``ContainerDefinitions[app].Image``), with indexes if names are not
    known.
    """
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
    """The logical ID of the resource that a detail follows; None for an edit."""
    return detail.cause.partition(".")[0] if detail.source in FOLLOWING and detail.cause else None


def edited(change: Change) -> Detail | None:
    """The edit that best explains a change: one that replaces the resource, else the first; None without an edit.

    An edit of a tag explains only a change of tags.
    """
    followed = {detail.path for detail in change.details if target_of(detail)}
    only_tags = all(detail.attribute == "Tags" for detail in change.details)
    edits = (
        detail
        for detail in change.details
        if detail.source == "DirectModification"
        and not (detail.evaluation == "Dynamic" and detail.path in followed)
        and (only_tags or detail.attribute != "Tags")
    )
    return min(
        edits,
        key=lambda detail: (_WEIGHT.get(detail.recreation, 2), _SHIFT in title_of(detail, change)),
        default=None,
    )


def reason(change: Change) -> str:
    """The path of a change's edit; empty if nothing was edited.

    It is the list if its items moved, because all seem to differ.
    """
    edit = edited(change)
    if edit is None:
        return ""
    name = title_of(edit, change)
    whole = name.partition(_SHIFT)[0].rpartition("[")[0]
    titles = (title_of(detail, change) for detail in change.details)
    moved = whole and any(other.startswith(f"{whole}[") and _SHIFT in other for other in titles)
    return whole if moved else name


def origin(change: Change, changes: Changes) -> tuple[Change, Detail | None]:
    """The start of a change's chain of causes: the change that was edited, and its edit."""
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
    """``follows Task, which is replaced because ContainerDefinitions[app].Cpu changed``; empty for an edit."""
    if not detail.cause:
        return ""
    target = target_of(detail)
    return f"follows {detail.cause}" + (_because(target, changes, {target}) if target is not None else "")


def _because(target: str, changes: Changes, seen: set[str]) -> str:
    """The change of a resource that others follow, and why it changes, to the end of the chain."""
    change = changes.get(target)
    if change is None:
        return ""
    if change.action != "Modify":
        return f", which is {'new' if change.action in ('Add', 'Import') else 'removed'}"
    effect = {"True": "is replaced", "Conditional": "may be replaced"}.get(str(change.replacement), "changes")
    edit = reason(change)
    if edit:
        return f", which {effect} because {edit} changed"
    causes = ((one.cause, target_of(one)) for one in change.details)
    cause, onward = next(((cause, name) for cause, name in causes if name is not None and name not in seen), ("", None))
    if onward is None:
        return f", which {effect}"
    return f", which {effect} because it follows {cause}" + _because(onward, changes, {*seen, onward})
