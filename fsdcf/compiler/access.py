"""The access of the service to a dependency: read, write, both, or a list of IAM actions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from fsdcf.cloudformation.arns import fields_of_arn
from fsdcf.compiler.text import fragment
from fsdcf.diagnostics import Rule, SpecPath
from fsdcf.language.dependency import Violation, Violations
from fsdcf.language.model.common import Dependency
from fsdcf.language.placeholders import String

PERMISSIONS = Rule(
    "S301",
    "invalid `permissions` value",
    "`permissions` is read, write or readWrite (also read_write, rw), or a list of IAM actions such as"
    " sqs:SendMessage, without wildcards. Its other name is `mode`, with consumer for read and producer for write.",
    "https://docs.aws.amazon.com/service-authorization/latest/reference/"
    "reference_policies_actions-resources-contextkeys.html",
)
TWO_ACCESSES = Rule(
    "S302",
    "permissions in two places",
    "An unmanaged dependency has its permissions below `unmanaged`; a second list beside it would conflict with it.",
)

_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9]+")
_LEVELS = {"read": ("read",), "write": ("write",), "readWrite": ("read", "write"), "read_write": ("read", "write")}


def granted(dependency: Dependency) -> str | tuple[str, ...]:
    """The permissions as written, or their default."""
    if dependency.unmanaged is not None:
        return dependency.unmanaged.permissions or ()
    return dependency.permissions or "readWrite"


def is_list(dependency: Dependency) -> bool:
    """Whether the permissions are a list of actions."""
    return not isinstance(granted(dependency), str)


def is_managed(dependency: Dependency) -> bool:
    """Whether the stack makes the dependency: it is not unmanaged and not just a list of actions."""
    return dependency.unmanaged is None and not is_list(dependency)


def actions(dependency: Dependency, levels: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The IAM actions; ``levels`` names those that read and those that write."""
    wanted = granted(dependency)
    if not isinstance(wanted, str):
        return sorted(set(wanted))
    return sorted({action for level in _LEVELS.get(wanted, ()) for action in levels[level]})


class Existing(NamedTuple):
    """A resource that the stack does not make, in fragments: its ARN, and the region, account and name in it."""

    arn: str
    region: str
    account: str
    name: str


def existing(dependency: Dependency, named: str, folder: str = "") -> Existing:
    """The existing resource of a dependency: by the ARN below ``unmanaged``, else by the one that follows from its
    name, a fragment. ``folder`` is what comes before the name in an ARN (``stream/``)."""
    given: String | None = getattr(dependency.unmanaged, "arn", None)
    whole = named if given is None else fragment(given)
    _, _, _, region, account, rest = fields_of_arn(whole)
    return Existing(whole, region, account, rest.removeprefix(folder))


def reads_itself(dependency: Dependency) -> bool:
    """Whether the permissions of a value or key are written, so that the service may use it itself."""
    written = dependency.permissions if dependency.unmanaged is None else dependency.unmanaged.permissions
    return written is not None


def check_permissions(dependency: Dependency) -> Violations:
    """Check the rules for permissions that every type shares."""
    place: SpecPath = ("permissions",)
    if dependency.unmanaged is not None:
        if dependency.permissions is not None:
            message = "permissions are here and below `unmanaged`"
            yield Violation(TWO_ACCESSES, place, message, "keep those below `unmanaged`", key=True)
        place = ("unmanaged", "permissions")
    yield from check_access(granted(dependency), place)


def check_access(wanted: str | tuple[str, ...], place: SpecPath) -> Violations:
    """Check permissions: one of the words, or a list of IAM actions."""
    if isinstance(wanted, str):
        if wanted not in _LEVELS:
            hint = "use read, write, readWrite, or a list of IAM actions"
            yield Violation(PERMISSIONS, place, f"`{wanted}` is not a valid permission", hint)
        return
    for index, action in enumerate(wanted):
        if not _ACTION.fullmatch(action):
            hint = "use an action such as dynamodb:GetItem, without wildcards"
            yield Violation(PERMISSIONS, (*place, index), f"`{action}` is not an IAM action", hint)
