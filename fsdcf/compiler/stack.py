"""A template in the making: parts that are folded into one stack, with the spec path of every resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from troposphere import AWSObject, Export, GetAtt, ImportValue, Output, Parameter, Ref, encode_to_dict

from fsdcf.compiler.access import is_managed
from fsdcf.compiler.text import intrinsic
from fsdcf.conventions import export_name
from fsdcf.diagnostics import SpecPath
from fsdcf.language.conditions import shared_balancer
from fsdcf.language.dependency import DependencyType, Model
from fsdcf.language.model.container import Container, Sidecar
from fsdcf.language.model.environment import EnvironmentSpec, SharedLoadBalancer
from fsdcf.language.model.service import Service, Spec
from fsdcf.language.names import logical_id, variable

if TYPE_CHECKING:
    from troposphere.ecs import ContainerDefinition, EFSVolumeConfiguration

    from fsdcf.compiler.overrides import Fault
    from fsdcf.compiler.parts.secrets import ContainerSecret
    from fsdcf.language.addon import Addon

PropertyPath = tuple[str | int, ...]
Sources = Mapping[str | PropertyPath, str]
"""The spec paths of single properties. A property of the resource itself is given by its name."""

DEAD_LETTERS = "DeadLetters"
"""The logical id of the queue of a job's failed runs."""

TASK_SECURITY_GROUP = GetAtt("TaskSecurityGroup", "GroupId")

_TAGS: Sources = dict.fromkeys(("Tags", "FileSystemTags", "AccessPointTags"), "metadata")
"""Tags come from the spec's metadata, unless a resource names another source."""


@dataclass(frozen=True, eq=False, repr=False)
class Origin:
    """Where a resource comes from: its spec path by names, and the paths of single properties that have another one.

    ``overrides`` are the paths, in the whole resource, of what overrides change.
    """

    path: str
    sources: Mapping[PropertyPath, str] = field(default_factory=dict)
    overrides: Mapping[PropertyPath, str] = field(default_factory=dict)

    def override(self, path: PropertyPath, around: bool = False) -> str | None:
        """The spec path of the override that sets what is at a path of the resource; with ``around``, else of the one
        nearest to it; None without one."""
        known = [each for each in self.overrides if around or path[: len(each)] == each]
        return self.overrides[max(known, key=lambda each: _in_common(each, path))] if known else None

    def source(self, path: PropertyPath) -> tuple[str, SpecPath] | None:
        """The spec path, by names, that the property at a path comes from, and the keys that continue it.

        None if the path has no source of its own. A statement of the spec has other keys than that of a policy, whose
        lists are sorted.
        """
        if self.overrides and path:
            whole = ("Properties", *path)
            inside = (named for known, named in self.overrides.items() if known[: len(whole)] == whole)
            if (named := self.override(whole) or next(inside, None)) is not None:
                return named, ()
        length = next((length for length in range(len(path), -1, -1) if path[:length] in self.sources), None)
        if length is None:
            return None
        named, below = self.sources[path[:length]], path[length:]
        if named.startswith("addons."):
            return named, below  # the keys of a fragment are those of the template
        if not below or not _STATEMENT.search(named):
            return named, ()
        keys = takewhile(lambda step: isinstance(step, str), below[1:])
        return named, (_STATEMENT_KEYS.get(below[0], ""), *keys)


def _in_common(path: PropertyPath, other: PropertyPath) -> int:
    return len(list(takewhile(lambda steps: steps[0] == steps[1], zip(path, other, strict=False))))


_STATEMENT = re.compile(r"\.statements\.[0-9]+$")
_STATEMENT_KEYS: Mapping[str | int, str] = {
    "Action": "actions",
    "Condition": "conditions",
    "Effect": "effect",
    "Resource": "resources",
    "Sid": "sid",
}


@dataclass(frozen=True, eq=False, repr=False)
class Template:
    """A CloudFormation template as plain data, the origin of each resource by logical id, and what is wrong with it.

    ``places`` are the spec paths of what addons add, by section and name.
    """

    data: Mapping[str, Any]
    origins: Mapping[str, Origin]
    faults: tuple[Fault, ...] = ()
    places: Mapping[tuple[str, ...], str] = field(default_factory=dict)


@dataclass(frozen=True)
class VolumeMount:
    """A volume of the task and its place in the main container.

    ``efs`` is its EFSVolumeConfiguration; None for a volume on the task's disk.
    ``origin`` is the spec path of the dependency that adds it; empty for a volume of ``service.volumes``.
    """

    name: str
    path: str
    read_only: bool = False
    efs: EFSVolumeConfiguration | None = None
    origin: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Variable:
    """An environment variable: a fragment for Fn::Sub, and the spec path of the dependency that adds it. ``written`` is
    the value of an addon in its place."""

    text: str
    origin: str = ""
    written: Any = None

    @property
    def value(self) -> Any:
        """The value of the variable, for a property."""
        return intrinsic(self.text) if self.written is None else self.written


def origin_of(container: Container) -> str:
    """The spec path of a container, by names: ``service``, or ``service.sidecars.proxy``."""
    return f"service.sidecars.{container.name}" if isinstance(container, Sidecar) else "service"


def runs_service(container: Container) -> bool:
    """Whether a container has the image of the service."""
    return not isinstance(container, Sidecar) or container.image is None


@dataclass(frozen=True, eq=False, repr=False)
class TaskContainer:
    """A container of the task with its spec path, and the paths of single properties that have another one."""

    definition: ContainerDefinition
    origin: str
    sources: Sources = field(default_factory=dict)


@dataclass
class StackPart:
    """What one part of a spec adds to the template, to the service and to its task.

    The service waits for the resources in ``waits``. ``variables``, ``secrets`` and ``mounts`` go to the main
    container, ``sidecars`` are the containers beside it. ``attributes`` serve placeholders. ``single_writer`` limits
    the service to one task, which stops before the next one starts. ``fragments`` are entries of addons as plain data,
    by section, and ``places`` the spec path of each; ``managed_policies`` of the task role and ``groups`` of the tasks
    are theirs, each with its spec path.
    """

    resources: dict[str, AWSObject] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    mappings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    conditions: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    waits: list[str] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)
    secrets: list[ContainerSecret] = field(default_factory=list)
    attributes: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    mounts: list[VolumeMount] = field(default_factory=list)
    sidecars: list[TaskContainer] = field(default_factory=list)
    single_writer: bool = False
    fragments: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[tuple[str, ...], str] = field(default_factory=dict)
    managed_policies: list[tuple[Any, str]] = field(default_factory=list)
    groups: list[tuple[Any, str]] = field(default_factory=list)

    def add(self, resource: AWSObject, origin: str, sources: Sources | None = None) -> StackPart:
        """Add a resource with its spec path, and return this part. Raises ValueError for a logical id that is taken."""
        named = {**_TAGS, **(sources or {})}.items()
        paths = {(each,) if isinstance(each, str) else each: path for each, path in named}
        self._add(resource, Origin(origin, paths))
        return self

    def keep(self, resource: AWSObject, origin: str, sources: Sources | None = None) -> StackPart:
        """Add a resource that is kept when it is removed or replaced, and when the stack is deleted."""
        resource.DeletionPolicy, resource.UpdateReplacePolicy = "RetainExceptOnCreate", "Retain"
        return self.add(resource, origin, sources)

    def of(self, type: type[AWSObject]) -> list[AWSObject]:
        """The resources of a type."""
        return [resource for resource in self.resources.values() if isinstance(resource, type)]

    def output(self, name: str, description: str, value: Any) -> None:
        self.outputs[name] = Output(name, Description=description, Value=value)

    def export(self, environment: str, name: str, description: str, value: Any) -> None:
        """Add an output that the services of an environment import."""
        export = Export(export_name(environment, name))
        self.outputs[name] = Output(name, Description=description, Value=value, Export=export)

    def fold(self, part: StackPart) -> None:
        """Take over everything of another part. Raises ValueError for a logical id that is taken."""
        for title, resource in part.resources.items():
            self._add(resource, part.origins[title])
        self.parameters |= part.parameters
        self.mappings |= part.mappings
        self.conditions |= part.conditions
        self.outputs |= part.outputs
        self.waits += part.waits
        self.variables |= part.variables
        self.secrets += part.secrets
        self.attributes |= part.attributes
        self.mounts += part.mounts
        self.sidecars += part.sidecars
        self.single_writer |= part.single_writer
        for section, entries in part.fragments.items():
            self.fragments.setdefault(section, {}).update(entries)
        self.places |= part.places
        self.managed_policies += part.managed_policies
        self.groups += part.groups
        self.origins |= {name: part.origins[name] for name in part.fragments.get("Resources", ())}

    def _add(self, resource: AWSObject, origin: Origin) -> None:
        if resource.title in self.resources:
            raise ValueError(f"two resources have the logical id {resource.title}")
        self.resources[resource.title] = resource
        self.origins[resource.title] = origin


@dataclass
class Grant(StackPart):
    """What a dependency adds. Texts are fragments for Fn::Sub (``${LedgerTable.Arn}``).

    ``environment`` holds variables of the container, ``values`` the attributes for placeholders; ``statements`` go to
    the task role, in a policy of the dependency's own.
    """

    environment: dict[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    statements: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Names:
    """The local name of a dependency, its spec path, and the names that follow from them."""

    local: str
    origin: str

    def id(self, suffix: str) -> str:
        """The logical id for a suffix such as ``Table``; unique among all names and suffixes."""
        return logical_id(self.local, suffix)

    def variable(self, suffix: str) -> str:
        """The environment variable for a suffix such as ``TABLE_NAME``."""
        return variable(self.local, suffix)


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """Where the service runs, as values for properties. The load balancer waits for the resources in ``edge``.

    ``groups`` are the security groups of the tasks besides their own."""

    vpc: Any
    task_subnets: tuple[Any, ...]
    load_balancer_subnets: tuple[Any, ...]
    edge: tuple[str, ...] = ()
    groups: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Context:
    """What a part reads: the spec, the network, the tags that every resource has besides those of the stack.

    ``settings`` is what the environment's file says, if there is one. ``before`` is the sum of the parts before it."""

    spec: Spec
    environment: str
    network: Network
    tags: Mapping[str, str] = field(default_factory=dict)
    types: CompiledTypes = field(default_factory=dict)
    settings: EnvironmentSpec | None = None
    addons: tuple[Addon, ...] = ()
    before: StackPart = field(default_factory=StackPart)

    @property
    def service(self) -> Service:
        return self.spec.service

    @property
    def entry(self) -> str:
        """The name in ECS of the container that requests go to, and of its port."""
        entry = self.service.entry[1]
        return entry.name if isinstance(entry, Sidecar) else self.spec.metadata.name

    @property
    def joined(self) -> EnvironmentSpec | None:
        """The environment that the service joins."""
        return self.settings if self.service.networking.shared else None

    @property
    def shared_balancer(self) -> tuple[EnvironmentSpec, str, SharedLoadBalancer] | None:
        """The environment that the service joins, and the name and the record of its load balancer there; None for a
        service without a load balancer, or with one of its own."""
        found = self.joined and shared_balancer(self.spec, self.joined)
        return (self.joined, *found) if self.joined and found else None

    @property
    def cluster(self) -> Any:
        """The name of the cluster, as a value for properties."""
        return Ref("Cluster") if self.joined is None else imported(self.joined, "ClusterName")


def imported(environment: EnvironmentSpec, output: str) -> Any:
    """The value of an output of the environment's stack, as a value for properties of a service."""
    return ImportValue(export_name(environment.metadata.name, output))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CompiledType(DependencyType[Model]):
    """A dependency type with its compiler, a function that returns what the dependency adds."""

    compile: Callable[[Model, Names, Context], Grant]
    managed: Callable[[Model], bool] = is_managed


CompiledTypes = Mapping[str, CompiledType[Any]]
"""Dependency types by every accepted name."""


def present(**properties: Any) -> dict[str, Any]:
    """The properties that are neither None nor False nor empty: what the spec leaves out is not in the template."""
    return {
        name: value
        for name, value in properties.items()
        if value is not None and value is not False and value not in ("", [], ())
    }


def merged_tags(own: Mapping[str, str], written: Mapping[str, str]) -> dict[str, str]:
    """The tags of a stack: those that a file has written, and the others of fsdcf.

    A written tag replaces one whose key differs in case only: IAM refuses a role with both `environment` and
    `Environment`.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
    """
    taken = {key.lower() for key in written}
    kept = {key: value for key, value in own.items() if key not in taken}
    return {key: value for key, value in {**kept, **written}.items() if value}


def template_of(
    description: str, whole: StackPart, tags: Mapping[str, str], stack: str, overrides: Mapping[str, Any] | None = None
) -> Template:
    """The template of all parts as plain data, changed by the overrides of the spec. troposphere checks that no
    resource of a part lacks a required property.

    Each resource gets its spec path as Metadata, and the tags, as a list or as a map, if its type takes any. The
    resources of EC2 also get a name, which the console shows instead of their ids.
    """
    for title, resource in whole.resources.items():
        metadata = resource.resource.get("Metadata", {})
        own = {"Spec": whole.origins[title].path, **metadata.get("fsdcf", {})}
        resource.Metadata = {**metadata, "fsdcf": own}
        if "Tags" in resource.props and "Tags" not in resource.properties:
            own = {"Name": _name(stack, title)} if resource.resource_type.startswith("AWS::EC2::") else {}
            pairs = sorted({**own, **tags}.items())
            is_map = resource.props["Tags"][0] is dict
            listed = dict(pairs) if is_map else [{"Key": key, "Value": value} for key, value in pairs]
            resource.properties |= {"Tags": listed} if listed else {}
    data = {
        "Description": description,
        "Parameters": encode_to_dict(whole.parameters),
        "Mappings": whole.mappings,
        "Conditions": encode_to_dict(whole.conditions),
        "Resources": {name: resource.to_dict() for name, resource in whole.resources.items()},
        "Outputs": encode_to_dict(whole.outputs),
    }
    for section, entries in whole.fragments.items():
        data[section] = {**data.get(section, {}), **entries}
    for title, resource in whole.fragments.get("Resources", {}).items():
        metadata = {**resource.get("Metadata", {}), "fsdcf": {"Spec": whole.origins[title].path}}
        data["Resources"][title] = {**resource, "Metadata": metadata}
    template = Template(data, whole.origins, places=whole.places)
    if not overrides:
        return template
    from fsdcf.compiler.overrides import overridden  # most specs have none

    return overridden(template, overrides, whole.attributes)


def _name(stack: str, title: str) -> str:
    """``shop-prod-public-subnet-1`` for ``PublicSubnet1``; at most the 256 characters of a tag's value."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", title)
    return f"{stack}-{words.lower()}"[:256]
