"""What stacks are made of, as IAM sees it: which actions are called, on what, and which names and tags tell it from others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.permissions import targets_of
from fsdcf.deploy.permissions.features import needed
from fsdcf.deploy.permissions.names import Deployed, Kind, named, tags_of

OWNER_TAGS = ("fsdcf:service", "fsdcf:environment")
"""The tags by which a resource is told to be of one of these stacks."""

_IMPORTED = frozenset({"network-interface", "route-table", "security-group", "security-group-rule", "subnet", "vpc"})
"""What a template may use without making it: an action that applies to one of these may apply to somebody else's."""

_TOLD = frozenset({"ec2", "elasticfilesystem", "elasticloadbalancing"})
_ENDINGS = ("Delete", "Release")
"""Services whose resources have ids of AWS's and honour ``aws:ResourceTag``, and how the names of what ends them begin."""

_UNNAMED = frozenset({"cloudwatch:DescribeAlarms"})
"""Actions that are asked for without a name, and then want every name allowed.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""

_TAGGERS = frozenset({"ec2:CreateTags", "ec2:DeleteTags"})
_VARIANTS = {"network": "net", "gateway": "gwy"}
"""How IAM tells load balancers and listeners apart by the load balancer's Type; all others are applications'."""

_SPELLINGS = {"AWS::EC2::EIP": "elasticip"}
_ZONES = frozenset({"ec2:DescribeAccountAttributes", "ec2:DescribeAvailabilityZones"})
"""What Fn::GetAZs needs.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getavailabilityzones.html"""


@dataclass(frozen=True)
class Site:
    """All stacks as one.

    ``names`` are the ARNs of what can be told by name, ``made`` what has an id of AWS's, and ``untagged`` those of it that do
    not bear the owner's ``tags`` in the template. ``unknown`` are the types whose schemas do not tell what they need.
    """

    actions: frozenset[str]
    types: frozenset[str]
    names: Mapping[Kind, frozenset[str]]
    made: frozenset[Kind]
    untagged: frozenset[Kind]
    tags: Mapping[str, tuple[str, ...]]
    unknown: tuple[str, ...]

    def arns(self, action: str) -> frozenset[str]:
        """What an action is allowed on, as ARN fragments; nothing where it takes ``*`` alone."""
        targets = () if action in _UNNAMED else targets_of(action)
        found: set[str] = set()
        for target in targets:
            kind = (service_of(action), target.name)
            if kind in self.names:
                found |= self.names[kind]
            elif kind in self.made or (target.name in _IMPORTED and action not in _TAGGERS):
                found.add(_fragment(target.arn))
        return frozenset(found or {_fragment(target.arn) for target in targets})

    def is_told_by_tags(self, action: str) -> bool:
        """Whether an action ends what only the owner's tags tell from what is somebody else's."""
        if service_of(action) not in _TOLD or action in _TAGGERS or not action.partition(":")[2].startswith(_ENDINGS):
            return False
        targets = [(target, (service_of(action), target.name)) for target in targets_of(action)]
        mine = [(target, kind) for target, kind in targets if kind in self.made and kind not in self.names]
        tagged = all(target.tagged and kind not in self.untagged for target, kind in mine)
        return bool(mine) and tagged and all(self.tags.values())


def site_of(stacks: Sequence[Deployed]) -> Site:
    """The stacks as one."""
    resources = [one for stack in stacks for one in stack.template["Resources"].values()]
    calls = [(one, needed(one["Type"], one)) for one in resources]
    variants = frozenset(_VARIANTS.get(one.get("Properties", {}).get("Type"), "app") for one in resources)
    kinds = [(one, _kinds(one["Type"], called, variants)) for one, called in calls if called is not None]
    zones = _ZONES if any(_uses(stack.template["Resources"], "Fn::GetAZs") for stack in stacks) else frozenset()
    return Site(
        actions=zones.union(*(called for _, called in calls if called is not None)),
        types=frozenset(one["Type"] for one in resources),
        names=_joined(named(stack) for stack in stacks),
        made=frozenset(kind for _, found in kinds for kind in found),
        untagged=frozenset(kind for one, found in kinds if not set(OWNER_TAGS) <= set(_tags(one)) for kind in found),
        tags={name: tuple(sorted(set(_values(resources, name)))) for name in OWNER_TAGS},
        unknown=tuple(sorted({one["Type"] for one, called in calls if called is None})),
    )


def service_of(action: str) -> str:
    """``ecs:CreateCluster`` -> ``ecs``."""
    return action.partition(":")[0].lower()


def _joined(all: Iterable[Mapping[Kind, frozenset[str]]]) -> dict[Kind, frozenset[str]]:
    out: dict[Kind, frozenset[str]] = {}
    for names in all:
        for kind, arns in names.items():
            out[kind] = out.get(kind, frozenset()) | arns
    return out


def _tags(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    return tags_of(resource["Type"], resource.get("Properties", {}))


def _values(resources: Iterable[Mapping[str, Any]], name: str) -> Iterator[str]:
    yield from (str(_tags(one)[name]) for one in resources if name in _tags(one))


def _kinds(type: str, called: Iterable[str], variants: frozenset[str]) -> set[Kind]:
    """What IAM calls a resource: the target of its actions that bears the type's name, such as ``natgateway`` or ``listener/app``."""
    _, product, name = type.split("::")
    wanted = _SPELLINGS.get(type, name.lower())
    found: set[Kind] = set()
    for action in called:
        if _plain(service_of(action)).endswith(_plain(product)):
            found |= {
                (service_of(action), one.name)
                for one in targets_of(action)
                if _plain(one.name).partition("/")[0] == wanted
            }
    special = {kind for kind in found if kind[1].partition("/")[2] in variants}
    return special or found


def _plain(word: str) -> str:
    """CloudFormation's word for a service and IAM's in one spelling: ElasticLoadBalancingV2, EFS, application-autoscaling."""
    plain = word.lower().replace("-", "").removesuffix("v2")
    return {"efs": "elasticfilesystem"}.get(plain, plain)


def _fragment(pattern: str) -> str:
    for name, pseudo in (("Partition", "Partition"), ("Region", "Region"), ("Account", "AccountId")):
        pattern = pattern.replace(f"${{{name}}}", f"${{AWS::{pseudo}}}")
    return pattern


def _uses(value: Any, function: str) -> bool:
    if isinstance(value, Mapping):
        return function in value or any(_uses(one, function) for one in value.values())
    return isinstance(value, list) and any(_uses(one, function) for one in value)
