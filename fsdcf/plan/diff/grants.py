"""What the roles of a task lose: permissions that were allowed before and are not any more."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from fsdcf.plan.access.documents import Path
from fsdcf.plan.access.rows import Access, access
from fsdcf.plan.view import Resource, View, target_of

ROLES = ("TaskRoleArn", "ExecutionRoleArn")
"""The properties of a task definition that name its roles."""


@dataclass(frozen=True)
class Loss:
    """Actions that a role loses. ``holder`` and ``path`` lead to the statement that allowed them, or that denies them now."""

    role: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    targets: tuple[str, ...]
    holder: str
    path: Path
    denied: bool = False


def losses(task: Resource, now: Resource, old: View, new: View, role: str) -> Iterator[Loss]:
    """What the role that ``role`` names loses between two task definitions. A role outside of the template tells nothing."""
    before, after = (target_of(one.properties.get(role)) for one in (task, now))
    if before not in old.resources:
        return
    if after not in new.resources:
        yield Loss(role, ("all that the template allows",), (), (), before or "", ())
        return
    given = [row for row in access(new) if row.kind == "identity" and after in row.principals]
    allowed = [row for row in given if row.effect == "Allow"]
    for row in access(old):
        if row.kind == "identity" and row.effect == "Allow" and before in row.principals:
            yield from _lost(role, row, allowed)
    was_denied = {_key(row) for row in access(old) if row.effect == "Deny" and before in row.principals}
    for row in given:
        if row.effect == "Deny" and _key(row) not in was_denied:
            yield Loss(role, row.actions, row.resources, row.targets, row.holder, row.path, denied=True)


def _lost(role: str, row: Access, allowed: Collection[Access]) -> Iterator[Loss]:
    resources = [one for one in row.resources if not all(_covered(action, one, row, allowed) for action in row.actions)]
    actions = [
        one for one in row.actions if not all(_covered(one, resource, row, allowed) for resource in row.resources)
    ]
    if actions:
        yield Loss(role, tuple(actions), tuple(resources), row.targets, row.holder, row.path)


def _covered(action: str, resource: str, row: Access, allowed: Collection[Access]) -> bool:
    return any(_allows(one, action, resource, row) for one in allowed)


def _allows(one: Access, action: str, resource: str, row: Access) -> bool:
    """Whether a row of now allows what a row of before did. Exceptions (NotAction) are compared as they are."""
    if one.except_actions or one.except_resources or row.except_actions or row.except_resources:
        return _key(one) == _key(row)
    if not set(one.conditions) <= set(row.conditions):
        return False
    acts = any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in one.actions)
    return acts and any(
        pattern == resource or fnmatch.fnmatchcase(resource, _literal(pattern)) for pattern in one.resources
    )


def _literal(pattern: str) -> str:
    """IAM knows ``*`` and ``?``, and no brackets."""
    return pattern.replace("[", "[[]")


def _key(row: Access) -> tuple[object, ...]:
    return row.actions, row.resources, row.conditions, row.except_actions, row.except_resources
