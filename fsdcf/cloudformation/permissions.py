"""IAM actions that CloudFormation calls for each resource type, and the resources that each action applies to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_DATA = Path(__file__).parent / "data" / "permissions.json"


@dataclass(frozen=True)
class Handlers:
    """The IAM actions of a resource type's handlers; a pattern (``ec2:Describe*``) if the schema has one.

    Source:
    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html#schema-properties-handlers
    """

    create: frozenset[str]
    read: frozenset[str]
    update: frozenset[str]
    delete: frozenset[str]


@dataclass(frozen=True)
class ActionTarget:
    """A type of resource that an action applies to: its ARN with ``*`` for unknown parts, and whether tags can limit
    it.

    Source:
    https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
    """

    name: str
    arn: str
    tagged: bool


@cache
def _data() -> Mapping[str, Any]:
    data: Mapping[str, Any] = json.loads(_DATA.read_text(encoding="utf-8"))
    return data


@cache
def handlers_of(type: str) -> Handlers | None:
    """The handlers of a type; None if its schema has none, or if the data file does not contain it."""
    known = _data()["types"].get(type)
    if known is None:
        return None
    return Handlers(*(frozenset(known.get(name, ())) for name in ("create", "read", "update", "delete")))


def is_action(action: str) -> bool:
    """Whether an action, in any case, is one that handlers or the deploy engine call, as in the data file."""
    return action.lower() in _data()["actions"]


def is_unlimited(action: str) -> bool:
    """Whether IAM cannot limit an action to resources, or not each of its requests: such an action takes ``*``."""
    service, _, name = action.lower().partition(":")
    return name in _data()["unlimited"].get(service, ())


@cache
def targets_of(action: str) -> tuple[ActionTarget, ...]:
    """What an action applies to; empty for a pattern, and for an action that only allows the resource ``*``."""
    service = action.partition(":")[0].lower()
    known = _data()["targets"].get(service, {})
    return tuple(ActionTarget(name, *known[name]) for name in _data()["actions"].get(action.lower(), ()))
