"""What CloudFormation calls to make a resource of a type, and what each of those actions applies to."""

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
    """The IAM actions of a resource type's handlers; a pattern (``ec2:Describe*``) where the schema has one.

    Source: https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html#schema-properties-handlers
    """

    create: frozenset[str]
    read: frozenset[str]
    update: frozenset[str]
    delete: frozenset[str]


@dataclass(frozen=True)
class Target:
    """A kind of resource that an action applies to: its ARN with ``*`` for what is not known, and whether tags can limit it.

    Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
    """

    name: str
    arn: str
    tagged: bool


@cache
def _data() -> Mapping[str, Any]:
    data: Mapping[str, Any] = json.loads(_DATA.read_text(encoding="utf-8"))
    return data


def schema_date() -> str:
    """When the schemas behind the data file were published."""
    date: str = _data()["schema_date"]
    return date


@cache
def handlers_of(type: str) -> Handlers | None:
    """The handlers of a type; None for one whose schema names none, and for what the data file does not hold."""
    one = _data()["types"].get(type)
    if one is None:
        return None
    create, read, update, delete = (frozenset(one.get(name, ())) for name in ("create", "read", "update", "delete"))
    return Handlers(create, read, update, delete)


def is_action(action: str) -> bool:
    """Whether IAM knows an action, whatever its capitals; the data file holds those that handlers and the engine call."""
    return action.lower() in _data()["actions"]


@cache
def targets_of(action: str) -> tuple[Target, ...]:
    """What an action applies to; nothing where it takes the resource ``*`` alone, or is a pattern."""
    service = action.partition(":")[0].lower()
    known = _data()["targets"].get(service, {})
    return tuple(Target(name, *known[name]) for name in _data()["actions"].get(action.lower(), ()))
