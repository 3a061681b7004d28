"""What fsdcf knows of each AWS resource type beyond its schema: one record per type, in a module per AWS service.

A module is named after the service in lower case (``AWS::ECS`` is ``ecs``) and is found by that name. It defines
``RECORDS``, and as ``PART`` the part of the picture to which all types of the service belong. ``others`` has the
services of which little is known. Diff, cost, graph, access, permissions, sandbox and delete read the records; none of
them names an AWS type.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from fsdcf.cloudformation.arns import DeployedStack, NamedArn
    from fsdcf.cloudformation.planned import PlannedResource, PlannedStack
    from fsdcf.cloudformation.pricing import PricingRule, Unpriced

Part = Literal["data", "network", "ingress", "tasks", "permissions", "scaling", "logs and alarms", "other"]
"""The parts of a service that its resources belong to, as the README names them."""

NodeKind = Literal["outside", "ingress", "network", "compute", "database", "storage", "queue", "service", "danger"]
"""What a node represents, by its shape and colour."""

Properties = Mapping[str, Any]


class Expiry(NamedTuple):
    """A property that lets data expire.

    ``shortens`` compares its old and its new value: whether data now expires earlier. ``effect`` says so in a clause.
    """

    property: str
    shortens: Callable[[Any, Any], bool]
    effect: str


class StoredData(NamedTuple):
    """The data in a resource, which cannot be recreated.

    ``content`` is what a removal or a replacement loses. ``used_by_tasks`` is false for what no image reads or writes
    by name. ``elsewhere`` is whether a resource with these properties has its data in another one.
    """

    content: str
    used_by_tasks: bool = True
    expiry: tuple[Expiry, ...] = ()
    elsewhere: Callable[[Properties], bool] = lambda properties: False


class Refusal(NamedTuple):
    """A change in place that the service refuses: why, and the steps that avoid it. Clauses without a full stop.

    ``reason`` is the service's answer, as reports of users have it; empty where the update may succeed.
    """

    why: str
    way_out: str
    reason: str = ""


class Updates(NamedTuple):
    """What an update does that the schema does not describe.

    ``attributes`` change with these properties and no others. The lists ``edited`` replace the resource only when an
    item that was there changes. ``replaced_if`` compares the old and new value of a property whose change replaces
    the resource conditionally. ``refused`` compares the old and new value, None where there is none, of a property
    whose change in place the service may refuse; None where it makes the change; ``differing`` yields such refusals,
    each with its property, from all properties before and after. ``kept`` are properties, and lists of
    settings with the property that names a setting, whose values stay when the template no longer has them.
    ``limited`` are clauses on how often a property can change, ``interrupting`` on what a change of it interrupts.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
    """

    attributes: Mapping[str, frozenset[str]] = MappingProxyType({})
    edited: frozenset[str] = frozenset()
    replaced_if: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType({})
    refused: Mapping[str, Callable[[Any, Any], Refusal | None]] = MappingProxyType({})
    differing: Callable[[Properties, Properties], Iterator[tuple[str, Refusal]]] = lambda before, after: iter(())
    kept: Mapping[str, str | None] = MappingProxyType({})
    limited: Mapping[str, str] = MappingProxyType({})
    interrupting: Mapping[str, str] = MappingProxyType({})

    def refusals(self, before: Properties, after: Properties) -> Iterator[tuple[str, Refusal]]:
        """The changes in place that the service may refuse, each with its property."""
        for name, check in self.refused.items():
            refusal = check(before.get(name), after.get(name))
            if refusal is not None:
                yield name, refusal
        yield from self.differing(before, after)


class Drawing(NamedTuple):
    """How data, or a service that tasks use, is drawn: the node's kind, its title, and the property that names the
    resource (None: its Name tag does).

    ``details`` are further lines, from the evaluated properties. ``access`` is the label of an edge from a task, in
    place of what its permissions say; such an edge is faint. For existing resources of the type, ``arn_service`` is
    the service in their ARNs, the group in ``arn_name`` the name at the end of an ARN, ``arn_title`` the title
    (empty: as of the resources of a stack). Those that are ``read_at_start`` are values that ECS reads for a task.
    """

    kind: NodeKind
    title: str
    name_property: str | None = None
    details: Callable[[Properties], Iterator[str]] = lambda properties: iter(())
    access: str = ""
    arn_service: str = ""
    arn_name: str = "(.+)"
    arn_title: str = ""
    read_at_start: bool = False

    @property
    def is_store(self) -> bool:
        """Whether the node belongs to the data, and not to the AWS services."""
        return self.kind in ("database", "storage", "queue")


class PolicyDocuments(NamedTuple):
    """How the policy documents in a resource are read.

    The documents of an ``identity`` say what it may do, those of a ``resource`` who may use it. ``subjects`` are the
    properties that name the identities or the guarded resources; without any it is the resource itself.
    """

    kind: Literal["identity", "resource"] = "resource"
    subjects: tuple[str, ...] = ()


class AccessActions(NamedTuple):
    """IAM actions on the type whose verbs do not tell their level: ``reading`` ones, which a reader of the data
    needs, and ``describing`` ones, which return none of the data."""

    reading: tuple[str, ...] = ()
    describing: tuple[str, ...] = ()


class DeployPermissions(NamedTuple):
    """What a deploy needs beside the handlers' actions in the schema, and where.

    ``only_with`` lists action patterns by the property without which they are not needed (``NEVER``: by no resource),
    ``more`` what the schema leaves out. ``arns`` names the resource in IAM; None where AWS generates its ID.
    ``dns_records`` are the hosted zones in which CloudFormation writes records, each with a pattern of a record's name.
    ``iam_name`` is IAM's name of the type where it differs. ``linked_role`` is the AWS service whose service-linked
    role the first resource of the type creates, which may depend on its properties.
    """

    only_with: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    more: tuple[str, ...] = ()
    arns: Callable[[DeployedStack, str, Properties], Iterator[NamedArn]] | None = None
    dns_records: Callable[[Properties], Iterator[tuple[str, str]]] = lambda properties: iter(())
    iam_name: str | None = None
    linked_role: str | Callable[[Properties], str] | None = None


ADOPTED = "the next deploy with its name adopts it"

NEVER = ""
"""A property that no resource has: its actions are never needed."""


class Single(NamedTuple):
    """Properties whose values only one resource can have at a time, so that none can take the place of another one.

    ``why`` it is refused, and the steps that avoid it: clauses without a full stop. ``answer`` are the words of AWS,
    in which ``{Bucket}`` is the value of that property.
    """

    properties: tuple[str, ...]
    why: str
    way_out: str
    answer: str


class DeletionProtection(NamedTuple):
    """Whether properties protect a resource from deletion, and the service's answer; ``{id}`` is the physical ID.
    ``property`` is the one that protects it.

    The reasons are those of DynamoDB, Elastic Load Balancing and RDS; no page lists them.
    """

    is_on: Callable[[Properties], bool]
    reason: str
    code: str
    property: str


class Simulation(NamedTuple):
    """How the sandbox creates, updates and deletes a resource.

    ``physical_id`` (what Ref returns) and ``attributes`` are patterns of ``sandbox.ids``; an attribute may also be a
    list or a number. Durations are seconds from
    IN_PROGRESS to COMPLETE, as rounded from events of stacks in us-east-1; a service takes its rollout on top.
    Without its own duration an update or deletion is as long as the creation, up to 8 and 3 seconds.
    ``generated_name`` is the pattern of the name that CloudFormation makes, of at most ``longest_name`` characters.
    ``supported`` is false for a type that runs a program or another stack: the sandbox cannot know its result.
    """

    physical_id: str = "{name}"
    attributes: Mapping[str, str | int | list[str]] = MappingProxyType({})
    create: float = 4.0
    update: float | None = None
    delete: float | None = None
    generated_name: str | None = None
    longest_name: int = 255
    lower_case: bool = False
    protection: DeletionProtection | None = None
    supported: bool = True

    def seconds(self, verb: str) -> float:
        """The usual duration of ``create``, ``update`` or ``delete``."""
        if verb == "update":
            return min(self.create, 8.0) if self.update is None else self.update
        if verb == "delete":
            return min(self.create, 3.0) if self.delete is None else self.delete
        return self.create


class Wait(NamedTuple):
    """What CloudFormation may wait for in vain while it creates a resource, and after how many seconds that is
    probable. ``why`` is a sentence on the cause and what to do, from the properties."""

    seconds: float
    why: Callable[[Properties], str]


class Managed(NamedTuple):
    """A property that AWS sets while the resource is in use, so that a value other than the template's is not drift.

    ``path`` is a pattern of its path in the properties (``/DesiredCount``), ``by`` says in a clause who sets it.
    ``when`` is whether that is so, by the resource's properties and the template.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
    """

    path: str
    by: str
    when: Callable[[Properties, Mapping[str, Any]], bool] = lambda properties, template: True


SideCosts = Callable[["PlannedStack", Sequence["PlannedResource"]], Iterator["Unpriced"]]
"""Costs that resources of a type cause and that the template does not contain."""


_UPDATES, _POLICIES, _ACCESS, _PERMISSIONS = Updates(), PolicyDocuments(), AccessActions(), DeployPermissions()
_SIMULATION = Simulation()


@dataclass(frozen=True)
class ResourceType:
    """All that fsdcf knows of a resource type beyond its schema. What a record leaves out does not apply to the type;
    the price and the simulation of a type that fsdcf creates cannot be left out.

    ``retained``: fsdcf's own templates keep the resource when it leaves the stack. ``snapshot`` says whether
    CloudFormation takes a snapshot before a deletion without a DeletionPolicy; None where it cannot take one.
    ``out_of_reach`` compares the properties before and after: a clause for each piece of data that stays where it is,
    and that tasks no longer find. ``price`` is the pricing rule, ``free`` or ``unknown``. ``drawing`` is None for what
    the graph does not show as data or as a service that tasks use. ``before_deletion`` is what keeps a resource from
    being deleted and what to do about it; empty where nothing is known. ``wait`` is what its creation may wait for.
    """

    type: str
    price: PricingRule | Literal["free", "unknown"]
    simulation: Simulation
    permissions: DeployPermissions = _PERMISSIONS
    data: StoredData | None = None
    out_of_reach: Callable[[Properties, Properties], Iterator[str]] | None = None
    retained: bool = False
    snapshot: Callable[[Properties], bool] | None = None
    updates: Updates = _UPDATES
    side_costs: SideCosts | None = None
    drawing: Drawing | None = None
    policies: PolicyDocuments = _POLICIES
    access: AccessActions = _ACCESS
    before_deletion: str = ""
    wait: Wait | None = None
    single: Single | None = None
    """None where resources do not exclude each other."""

    managed: tuple[Managed, ...] = ()
    """What AWS sets in a resource of a running stack."""

    taken_over: str = ""
    """How a stack can use one again that a deletion kept; empty where a new one takes its place."""

    def managed_by(self, path: str, properties: Properties, template: Mapping[str, Any]) -> str:
        """Who of AWS sets the property at a path (``/DesiredCount``), in a clause; empty if a change of it is drift."""
        found = (one for one in self.managed if re.fullmatch(one.path, path) and one.when(properties, template))
        return next((one.by for one in found), "")

    @property
    def part(self) -> Part:
        """The part of its AWS service."""
        part: Part = _module_of(self.type).PART
        return part


@dataclass(frozen=True)
class ForeignType(ResourceType):
    """A type that only other templates and tools create."""

    price: PricingRule | Literal["free", "unknown"] = "unknown"
    simulation: Simulation = _SIMULATION


_GUARDED = (
    "Bucket",
    "Queues",
    "Topics",
    "SecretId",
    "TopicArn",
    "EventBusName",
    "FunctionName",
    "ResourceArn",
    "RepositoryName",
)
"""The properties in which a policy without a record names the resources that it guards."""


@cache
def record_of(type: str) -> ResourceType:
    """The record of a resource type; for a type without one, what holds for every type of its service."""
    name = "AWS::CloudFormation::CustomResource" if type.startswith("Custom::") else type
    known: tuple[ResourceType, ...] = _module_of(name).RECORDS
    unlisted = ForeignType(name, policies=PolicyDocuments("resource", _GUARDED if name.endswith("Policy") else ()))
    return next((record for record in known if record.type == name), unlisted)


@cache
def records() -> tuple[ResourceType, ...]:
    """Every record, by service."""
    return tuple(record for name in sorted(_names()) for record in _module(name).RECORDS)


@cache
def _names() -> frozenset[str]:
    return frozenset(one.name for one in pkgutil.iter_modules(__path__))


def _module(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")


def _module_of(type: str) -> ModuleType:
    """The module with the types of a service (``AWS::ECS::Service``)."""
    vendor, _, rest = type.partition("::")
    name = rest.partition("::")[0].lower()
    return _module(name if vendor == "AWS" and name in _names() else "others")
