"""Facts about resource types from their schemas: properties, attributes, and what a change of them does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_DATA = Path(__file__).parent / "data" / "facts.json"


@dataclass(frozen=True)
class Facts:
    """A resource type as its schema describes it.

    Paths are dotted, with ``*`` for an item (``LoadBalancers.*.Name``).

    A change of a ``create_only`` path replaces the resource, of a ``conditional`` one sometimes. ``identifier`` are
    the properties that identify it, ``attributes`` those of Fn::GetAtt (``*``: any), and ``unordered`` the lists
    whose order has no meaning. ``tag_property`` is the top-level property for tags, ``name_property`` the one for a
    custom name; None if there is none. A type that is not ``updatable`` can only be created and deleted; an
    ``open`` type allows any property.
    Source: https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
    """

    type: str
    properties: frozenset[str]
    create_only: frozenset[str]
    conditional: frozenset[str]
    read_only: frozenset[str]
    write_only: frozenset[str]
    identifier: tuple[str, ...]
    attributes: frozenset[str]
    required: frozenset[str]
    tag_property: str | None
    updatable: bool
    unordered: frozenset[str] = frozenset()
    name_property: str | None = None
    open: bool = False

    def offers(self, attribute: str) -> bool:
        """Whether Fn::GetAtt supports this attribute."""
        if attribute in self.attributes or "*" in self.attributes:
            return True
        return attribute.startswith("Outputs.") and "Outputs.*" in self.attributes


@cache
def _data() -> Mapping[str, Any]:
    data: Mapping[str, Any] = json.loads(_DATA.read_bytes())
    return data


def origin() -> tuple[str, str]:
    """The version of cfn-lint that the data file is from, and the publication date of its schemas."""
    return _data()["cfn_lint"], _data()["schema_date"]


def types() -> frozenset[str]:
    """Every resource type with facts: all types of the services that fsdcf creates resources of."""
    return frozenset(_data()["types"])


@cache
def services() -> frozenset[str]:
    """The services (``AWS::ECS``) whose resource types all have facts."""
    return frozenset(type.rpartition("::")[0] for type in types())


@cache
def facts_of(type: str) -> Facts | None:
    """The facts of a type; None if the data file does not contain it. ``Custom::`` types are custom resources."""
    schema = _data()["types"].get("AWS::CloudFormation::CustomResource" if type.startswith("Custom::") else type)
    if schema is None:
        return None
    return Facts(
        type=type,
        identifier=tuple(schema.get("identifier", ())),
        tag_property=schema.get("tags"),
        updatable=not schema.get("fixed", False),
        name_property=schema.get("name"),
        open=schema.get("open", False),
        **{name: frozenset(schema.get(name, ())) for name in _SETS},
    )


_SETS = ("properties", "create_only", "conditional", "read_only", "write_only", "attributes", "required", "unordered")


def tag_property(type: str) -> str | None:
    """The property with the tags of a type, to which CloudFormation adds those of the stack; None without one."""
    known = facts_of(type)
    return known.tag_property if known else None


def tag_values(tags: Any) -> dict[str, Any]:
    """The values of tags by key, whether they are a mapping or a list of Key and Value."""
    if isinstance(tags, Mapping):
        return dict(tags)
    pairs = [tag for tag in tags if isinstance(tag, Mapping)] if isinstance(tags, list) else []
    return {tag["Key"]: tag.get("Value", "") for tag in pairs if isinstance(tag.get("Key"), str)}


def custom_name(type: str, properties: Mapping[str, Any]) -> str | None:
    """The property with the custom name of a resource (``TableName``); None if CloudFormation generates the name.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    known = facts_of(type)
    name = known.name_property if known else None
    return name if name is not None and properties.get(name) is not None else None
