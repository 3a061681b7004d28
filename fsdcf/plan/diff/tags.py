"""Changes of tags: a plan shows them in one line, whatever the number of resources."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fsdcf.cloudformation.change import KNOWN_LATER, Change, Detail, at
from fsdcf.cloudformation.facts import tag_property, tag_values
from fsdcf.cloudformation.types.cloudformation import STACK
from fsdcf.plan.diff.causes import title_of

_MAX_KEYS = 8
"""Maximum keys in the line; further keys are counted."""

_KEY = re.compile(r"\[([^\[\]]+)\]|\.([^.\[\]]+)$")
"""The key in the title of a tag: ``Tags[owners].Value``, or ``Tags.owners`` for a mapping."""


@dataclass(frozen=True)
class TagChange:
    """A tag that changes. ``before`` and ``after`` are None where there is none, or where the value is not known.

    ``key`` is empty if CloudFormation does not say which tag of the resource changes; ``logical_id`` is empty for a tag
    of the stack.
    """

    logical_id: str
    type: str
    key: str
    before: Any = None
    after: Any = None


def tag_changes(changes: Iterable[Change]) -> tuple[TagChange, ...]:
    """The tags of resources that change, by resource and key."""
    return tuple(one for change in changes for one in _of(change))


def stack_tag_changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[TagChange, ...]:
    """The tags of the stack that change, by key."""
    keys = (key for key in sorted({*before, *after}) if before.get(key) != after.get(key))
    return tuple(TagChange("", STACK, key, before.get(key), after.get(key)) for key in keys)


def without_tags(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes without those of tags; a resource of which only tags change is left out."""
    kept = []
    for change in changes:
        details = tuple(detail for detail in change.details if not _is_tag(detail))
        only_tags = set(change.scope) == {"Tags"} or (change.details and not details)
        if change.action != "Modify" or change.replacement not in (None, "False") or not only_tags:
            scope = tuple(attribute for attribute in change.scope if attribute != "Tags")
            kept.append(replace(change, details=details, scope=scope))
    return tuple(kept)


def tags_line(tags: Sequence[TagChange]) -> str:
    """``tags of 24 resources and the stack: owners, pack``; empty without changes of tags."""
    resources = len({one.logical_id for one in tags if one.logical_id})
    subjects = [f"{resources} resource{'s' * (resources > 1)}"] if resources else []
    subjects += ["the stack"] if any(not one.logical_id for one in tags) else []
    keys = sorted({one.key for one in tags if one.key})
    shown = keys[:_MAX_KEYS] + ([f"{len(keys) - _MAX_KEYS} more"] if len(keys) > _MAX_KEYS else [])
    return f"tags of {' and '.join(subjects)}" + (f": {', '.join(shown)}" if shown else "") if subjects else ""


def _is_tag(detail: Detail) -> bool:
    return detail.attribute == "Tags" and detail.recreation == "Never"


def _of(change: Change) -> Iterator[TagChange]:
    """The tags of a resource that change: by its whole tags if they are known, and by its details."""
    details = [detail for detail in change.details if _is_tag(detail)]
    if change.action != "Modify" or not (details or set(change.scope) == {"Tags"}):
        return
    found: dict[str, tuple[Any, Any]] = {}
    path = f"Properties/{tag_property(change.type)}"
    old, new = (tag_values(at(side, path)) for side in (change.before, change.after))
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key) and not (key in old and KNOWN_LATER in str(new.get(key))):
            found[key] = old.get(key), new.get(key)
    known = change.before is not None and change.after is not None
    for detail in details:
        for key, before, after in _in_detail(detail, change):
            if not (known and (key in old or key in new)):
                found.setdefault(key, (before, after))
    for key, (before, after) in (found or {"": (None, None)}).items():
        yield TagChange(change.logical_id, change.type, key, before, after)


def _in_detail(detail: Detail, change: Change) -> Iterator[tuple[str, Any, Any]]:
    """The tags that a detail is about, each with its values as far as they are known."""
    title = title_of(detail, change)
    match = _KEY.search(title)
    names = (match[1] or match[2]).split(" -> ") if match else []
    sides = [tag_values(side if isinstance(side, list) else [side]) for side in (detail.before, detail.after)]
    for key in dict.fromkeys([*(key for side in sides for key in side), *names]):
        if key.isdigit():
            continue
        whole = key in sides[0] or key in sides[1]
        before, after = (side.get(key) for side in sides) if whole else (detail.before, detail.after)
        yield key, before, after
