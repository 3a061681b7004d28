"""The template in the making: resources with the spec path of each, and what a dependency grants to the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from troposphere import AWSObject, Output, Parameter, Template, encode_to_dict

from fsdcf.language.dependency import DependencyType, Model
from fsdcf.language.model.service import Spec
from fsdcf.language.names import logical_id, variable

PropertyPath = tuple[str | int, ...]
Resource = TypeVar("Resource", bound=AWSObject)

_TAGS: Mapping[PropertyPath, str] = {(name,): "metadata" for name in ("Tags", "FileSystemTags", "AccessPointTags")}
"""Where nothing else is said, tags come from the spec's metadata."""


@dataclass(frozen=True)
class Origin:
    """Where a resource comes from: the spec path by names, and that of single properties where it is another one."""

    path: str
    sources: Mapping[PropertyPath, str] = field(default_factory=dict)


class Stack:
    """A troposphere template that remembers the origin of every resource."""

    def __init__(self, description: str, tags: Mapping[str, str]) -> None:
        self.template = Template(Description=description)
        self.tags = dict(tags)
        self.origins: dict[str, Origin] = {}

    def add(self, resource: Resource, origin: str, sources: Mapping[PropertyPath, str] | None = None) -> Resource:
        """Add a resource. Its Metadata names the spec path; it is tagged where its type takes tags, as a list or as a map."""
        resource.Metadata = {"fsdcf": {"Spec": origin}}
        if "Tags" in resource.props and "Tags" not in resource.properties and self.tags:
            tags = sorted(self.tags.items())
            is_map = resource.props["Tags"][0] is dict
            resource.properties["Tags"] = (
                dict(tags) if is_map else [{"Key": key, "Value": value} for key, value in tags]
            )
        self.origins[resource.title] = Origin(origin, {**_TAGS, **(sources or {})})
        if resource.title in self.template.resources:
            raise ValueError(f"two resources are called {resource.title}")
        self.template.resources[resource.title] = resource  # without troposphere's limit: emit knows it, and says so
        return resource

    def parameter(self, parameter: Parameter) -> None:
        self.template.add_parameter(parameter)

    def condition(self, name: str, condition: Any) -> None:
        self.template.add_condition(name, condition)

    def output(self, name: str, description: str, value: Any) -> None:
        self.template.outputs[name] = Output(name, Description=description, Value=value)

    def data(self) -> dict[str, Any]:
        """The template as plain data. troposphere checks each object and leaves out no required property."""
        template = self.template
        return {
            "Description": template.description,
            "Parameters": {name: one.to_dict() for name, one in template.parameters.items()},
            "Conditions": {name: encode_to_dict(one) for name, one in template.conditions.items()},
            "Resources": {name: one.to_dict() for name, one in template.resources.items()},
            "Outputs": {name: one.to_dict() for name, one in template.outputs.items()},
        }


@dataclass(frozen=True)
class Names:
    """What a dependency is called: its local name, and everything that follows from it."""

    local: str
    origin: str

    def id(self, suffix: str) -> str:
        """The logical id for a suffix such as ``Table``; unique among all names and suffixes."""
        return logical_id(self.local, suffix)

    def variable(self, suffix: str) -> str:
        """The environment variable for a suffix such as ``TABLE_NAME``."""
        return variable(self.local, suffix)


@dataclass(frozen=True)
class Site:
    """What of the service a dependency may build on. Values are CloudFormation's, ready for properties."""

    spec: Spec
    environment: str
    service: str
    vpc: Any
    task_subnets: tuple[Any, ...]
    task_security_group: Any
    task_role_arn: Any


@dataclass(frozen=True)
class Mount:
    """A volume of the task: ``efs`` holds the EFSVolumeConfiguration's properties, or nothing for a volume lost with the task.

    ``origin`` is the spec path of the dependency that gives it; empty for one of ``service.volumes``.
    """

    name: str
    path: str
    read_only: bool = False
    efs: Mapping[str, Any] | None = None
    origin: str = ""


@dataclass(frozen=True)
class Variable:
    """An environment variable that a part of the spec gives: a fragment as Fn::Sub takes it, and the spec path of a dependency."""

    text: str
    origin: str = ""


@dataclass(frozen=True)
class Grant:
    """What a dependency gives to the service. Texts are fragments as Fn::Sub takes them (``${LedgerTable.Arn}``).

    ``statements`` go to the task role in a policy of the dependency's own; ``attributes`` serve placeholders; the service
    waits for the resources in ``waits``; ``single_writer`` limits it to one task, stopped before the next one starts. ``origin`` is the
    spec path of the dependency, which the compiler fills in.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    statements: tuple[Mapping[str, Any], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    waits: tuple[str, ...] = ()
    single_writer: bool = False
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class CompiledType(DependencyType[Model]):
    """A dependency type with its compiler, which gives the resources to the stack and a grant to the service."""

    compile: Callable[[Model, Names, Site, Stack], Grant]


CompiledTypes = Mapping[str, CompiledType[Any]]
"""Dependency types by every accepted name."""
