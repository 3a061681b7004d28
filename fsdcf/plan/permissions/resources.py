"""The resources of stacks as IAM sees them: the actions that deploys call, their targets, and the names and tags of
these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from fsdcf.cloudformation.arns import DeployedStack, IamType, arn, text
from fsdcf.cloudformation.facts import tag_property
from fsdcf.cloudformation.permissions import Handlers, handlers_of, targets_of
from fsdcf.cloudformation.secrets import NamedSecret, named_secrets
from fsdcf.cloudformation.types import record_of
from fsdcf.cloudformation.types.route53 import zone_arn
from fsdcf.conventions import ENVIRONMENT_TAG, SERVICE_TAG

OWNER_TAGS = (SERVICE_TAG, ENVIRONMENT_TAG)
"""The tags that mark a resource as one of these stacks."""

_GRANTED_APART = frozenset({"iam:PassRole", "iam:CreateServiceLinkedRole", "iam:DeleteRolePermissionsBoundary"})
"""Actions that have statements of their own; the removal of a boundary is not allowed at all."""

_READ_VERBS = ("Describe", "Get", "List")

_IMPORTED = frozenset({"network-interface", "route-table", "security-group", "security-group-rule", "subnet", "vpc"})
"""What a template may use without creating it: an action on one of these may be on a resource outside the stacks."""

_TAG_AWARE = frozenset({"acm", "ec2", "elasticfilesystem", "elasticloadbalancing", "servicediscovery"})
"""Services whose resources have IDs that AWS generates, and that honour ``aws:ResourceTag``."""

_DELETING_VERBS = ("Delete", "Release")

WITHOUT_NAME = frozenset({"cloudwatch:DescribeAlarms"})
"""Actions that are called without a name and therefore need every name.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""

_TAGGING = frozenset({"ec2:CreateTags", "ec2:DeleteTags"})

KEY_IAM_TYPE: IamType = ("kms", "key")
MANAGED_KEYS = "alias/aws/*"
"""The aliases of the KMS keys that AWS manages; no other key can have one.
Source: https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"""

_VARIANTS = {"network": "net", "gateway": "gwy"}
"""IAM's names of load balancers and their listeners by the load balancer's Type; all others are ``app``."""

_ZONE_READS = frozenset({"ec2:DescribeAccountAttributes", "ec2:DescribeAvailabilityZones"})
"""What Fn::GetAZs needs.
Source:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-getavailabilityzones.html"""


def needed(type: str, resource: Mapping[str, Any]) -> frozenset[str] | None:
    """The actions that CloudFormation needs for a resource of a template; None where the type's schema lists none.

    A resource that is retained in every case is never deleted, so its deletion is not allowed.
    """
    extra = record_of(type).permissions
    handlers = handlers_of(type) or (Handlers(*[frozenset[str]()] * 4) if extra.more else None)
    if handlers is None:
        return None
    called = handlers.create | handlers.read | handlers.update | frozenset(extra.more)
    if not (resource.get("DeletionPolicy") == "Retain" and resource.get("UpdateReplacePolicy") == "Retain"):
        called |= handlers.delete
    properties = resource.get("Properties", {})
    absent = [patterns for path, patterns in extra.only_with.items() if not _has(properties, path)]
    idle = [pattern for patterns in absent for pattern in patterns]
    return frozenset(
        action
        for action in called - _GRANTED_APART
        if _is_own_read(action, type, handlers) or not any(fnmatchcase(action, pattern) for pattern in idle)
    )


def _is_own_read(action: str, type: str, handlers: Handlers) -> bool:
    """Whether the read handler calls an action of the type's own service: it does so for any properties."""
    services = Counter(one.partition(":")[0] for one in sorted(handlers.read))
    own = [one for one in services if is_service(one, type)] or [one for one, _ in services.most_common(1)]
    service, _, name = action.partition(":")
    return action in handlers.read and name.startswith(_READ_VERBS) and service in own


def _has(properties: Any, path: str) -> bool:
    """Whether there is a property at a path, in any item of a list on the way."""
    step, _, rest = path.partition(".")
    if isinstance(properties, list):
        return any(_has(one, path) for one in properties)
    return isinstance(properties, Mapping) and step in properties and (not rest or _has(properties[step], rest))


@dataclass(frozen=True)
class DeployedResources:
    """The resources of all stacks.

    ``linked_roles`` are the AWS services whose service-linked roles they create, ``names`` the ARNs of resources with
    known names, by IAM type or by action, ``generated`` the IAM types whose IDs AWS generates, and ``untagged`` those
    of them that cannot have tags. ``tags`` are the values of the owner's tags; empty for a stack without them.
    ``unknown`` are the types whose schemas do not list what they need. ``joined`` are the ARNs of the clusters of other
    stacks in which services run. ``dns_records`` are patterns of the names of the DNS records that deploys write, by
    the ARN of their hosted zone. ``managed_keys``: a resource uses a KMS key that AWS manages. ``secrets`` are those
    outside of the stacks that the templates name.
    """

    actions: frozenset[str]
    types: frozenset[str]
    linked_roles: frozenset[str]
    names: Mapping[IamType, frozenset[str]]
    generated: frozenset[IamType]
    untagged: frozenset[IamType]
    tags: Mapping[str, tuple[str, ...]]
    unknown: tuple[str, ...]
    joined: frozenset[str] = frozenset()
    dns_records: Mapping[str, frozenset[str]] = field(default_factory=dict)
    managed_keys: bool = False
    secrets: tuple[NamedSecret, ...] = ()

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments of the stacks; empty if a stack has no tags."""
        return self.tags[ENVIRONMENT_TAG] if all(self.tags[ENVIRONMENT_TAG]) else ()

    def is_generated(self, service: str, kind: str) -> bool:
        """Whether AWS generates the ID of an IAM type that a deploy makes or uses."""
        return (service, kind) in self.generated or kind in _IMPORTED

    def arns(self, action: str) -> frozenset[str]:
        """The ARNs on which an action is allowed, as fragments; empty for an action that takes ``*`` alone."""
        targets = () if action in WITHOUT_NAME else targets_of(action)
        service, _, name = action.partition(":")
        arns = set(self.names.get((service, name), ()))
        for target in targets:
            kind = (service_of(action), target.name)
            if kind in self.names:
                arns |= self.names[kind]
            elif kind in self.generated or (target.name in _IMPORTED and action not in _TAGGING):
                arns.add(_fragment(target.arn))
        return frozenset(arns or {_fragment(target.arn) for target in targets})

    def needs_owner_tags(self, action: str) -> bool:
        """Whether an action deletes resources that only the owner's tags tell from those outside the stacks."""
        service, _, name = action.partition(":")
        if service_of(action) not in _TAG_AWARE or action in _TAGGING or not name.startswith(_DELETING_VERBS):
            return False
        targets = [(target, (service.lower(), target.name)) for target in targets_of(action)]
        own = [(target, kind) for target, kind in targets if kind in self.generated and kind not in self.names]
        are_tagged = all(target.tagged and kind not in self.untagged for target, kind in own)
        return bool(own) and are_tagged and all(map(all, self.tags.values()))


def resources_of(stacks: Sequence[DeployedStack]) -> DeployedResources:
    """The resources of these stacks."""
    resources = [one for stack in stacks for one in stack.template["Resources"].values()]
    calls = [(one, needed(one["Type"], one)) for one in resources]
    known = [(one, called) for one, called in calls if called is not None]
    variants = frozenset(_VARIANTS.get(one.get("Properties", {}).get("Type"), "app") for one in resources)
    kinds = [(one, _iam_types(one["Type"], called, variants)) for one, called in known]
    zones = _ZONE_READS if any(_uses(stack.template["Resources"], "Fn::GetAZs") for stack in stacks) else frozenset()
    return DeployedResources(
        actions=zones.union(*(called for _, called in known)),
        types=frozenset(one["Type"] for one in resources),
        linked_roles=frozenset(role for one in resources if (role := _linked_role(one)) is not None),
        names=_named(stacks),
        generated=frozenset(kind for _, found in kinds for kind in found),
        untagged=frozenset(kind for one, found in kinds if tag_property(one["Type"]) is None for kind in found),
        tags={name: tuple(sorted({stack.tags.get(name, "") for stack in stacks})) for name in OWNER_TAGS},
        unknown=tuple(sorted({one["Type"] for one, called in calls if called is None})),
        joined=frozenset(arn("ecs", f"cluster/{name}") for stack in stacks for name in stack.clusters),
        dns_records=_dns_records(resources),
        managed_keys=any(map(uses_managed_keys, stacks)),
        secrets=tuple(one for stack in stacks for one in named_secrets(stack.template)),
    )


def _linked_role(resource: Mapping[str, Any]) -> str | None:
    role = record_of(resource["Type"]).permissions.linked_role
    return role(resource.get("Properties", {})) if callable(role) else role


def _dns_records(resources: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    written: dict[str, set[str]] = {}
    for resource in resources:
        for zone, name in record_of(resource["Type"]).permissions.dns_records(resource.get("Properties", {})):
            written.setdefault(zone_arn(zone), set()).add(name)
    return {zone: frozenset(names) for zone, names in written.items()}


def _named(stacks: Sequence[DeployedStack]) -> dict[IamType, frozenset[str]]:
    """The ARNs of the resources whose names are known, or have a known beginning."""
    names: dict[IamType, set[str]] = {}
    for stack in stacks:
        names.setdefault(("cloudformation", "stack"), set()).add(arn("cloudformation", f"stack/{stack.stack}/*"))
        for logical_id, resource in stack.template["Resources"].items():
            arns = record_of(resource["Type"]).permissions.arns
            for kind, one in arns(stack, logical_id, resource.get("Properties", {})) if arns else ():
                names.setdefault(kind, set()).add(one)
        for one in _texts(stack, resources_but_roles(stack)):
            if one.startswith("arn:") and ":kms:" in one and ":key/" in one and "*" not in one:
                names.setdefault(KEY_IAM_TYPE, set()).add(one)
    return {kind: frozenset(arns) for kind, arns in names.items()}


def uses_managed_keys(stack: DeployedStack) -> bool:
    """Whether a resource of the stack names a KMS key that AWS manages, by its alias."""
    return any(one.startswith(MANAGED_KEYS[:-1]) for one in _texts(stack, resources_but_roles(stack)))


def resources_but_roles(stack: DeployedStack) -> list[Any]:
    """The properties of all resources except identities."""
    resources = stack.template["Resources"].values()
    return [one.get("Properties", {}) for one in resources if record_of(one["Type"]).policies.kind != "identity"]


def _texts(stack: DeployedStack, value: Any) -> Iterator[str]:
    """The strings in a value, those of Fn::Sub as in ARNs."""
    if isinstance(value, Mapping):
        below = [text(value, stack.stack)] if set(value) == {"Fn::Sub"} else value.values()
        for one in below:
            yield from _texts(stack, one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(stack, one)
    elif isinstance(value, str):
        yield value


def identities(stack: DeployedStack) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The roles of a template and their policies: logical ID and properties."""
    for logical_id, resource in stack.template["Resources"].items():
        if record_of(resource["Type"]).policies.kind == "identity":
            yield logical_id, resource.get("Properties", {})


def service_of(action: str) -> str:
    """``ecs:CreateCluster`` -> ``ecs``."""
    return action.partition(":")[0].lower()


def _iam_types(type: str, called: Iterable[str], variants: frozenset[str]) -> set[IamType]:
    """IAM's names of a type: the targets of its actions with the type's name, such as ``natgateway`` or
    ``listener/app``."""
    name = type.rpartition("::")[2]
    wanted = record_of(type).permissions.iam_name or name.lower()
    kinds = {
        (service_of(action), one.name)
        for action in called
        if is_service(service_of(action), type)
        for one in targets_of(action)
        if _plain(one.name).partition("/")[0] == wanted
    }
    return {kind for kind in kinds if kind[1].partition("/")[2] in variants} or kinds


def is_service(service: str, type: str) -> bool:
    """Whether IAM's name of a service is that of a type's service."""
    return _plain(service).endswith(_plain(type.split("::")[1]))


def _plain(word: str) -> str:
    """CloudFormation's and IAM's name of a service in one spelling: ElasticLoadBalancingV2, application-autoscaling."""
    plain = word.lower().replace("-", "").removesuffix("v2")
    return {"certificatemanager": "acm", "efs": "elasticfilesystem", "stepfunctions": "states"}.get(plain, plain)


def _fragment(pattern: str) -> str:
    for name, pseudo in (("Partition", "Partition"), ("Region", "Region"), ("Account", "AccountId")):
        pattern = pattern.replace(f"${{{name}}}", f"${{AWS::{pseudo}}}")
    return pattern


def _uses(value: Any, function: str) -> bool:
    if isinstance(value, Mapping):
        return function in value or any(_uses(one, function) for one in value.values())
    return isinstance(value, list) and any(_uses(one, function) for one in value)
