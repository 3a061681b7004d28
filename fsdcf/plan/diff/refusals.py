"""What AWS refuses of an update that CloudFormation would begin: indexes of a table, load balancers that are replaced, networks that move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.compare import canonical
from fsdcf.plan.diff import tasks
from fsdcf.plan.diff.sides import Pair
from fsdcf.plan.view import View, mapping, target_of

Refusal = tuple[Change, str, str]
"""The change that fails, why, and the way out, in clauses without a full stop."""

_BESIDE = (
    "1. deploy the service under another name beside this one; 2. move its clients and its data, and delete this one"
)


def index_refusals(changes: Sequence[Change], sides: Pair) -> Iterator[Refusal]:
    """A table takes one index or loses one in an update, and an index keeps its key and its projection.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
    """
    for change in _in_place(changes, "AWS::DynamoDB::Table"):
        before, after = (_indexes(view, change.logical_id) for view in (sides.old, sides.new))
        differing = [name for name in before if name in after and _fixed(before[name]) != _fixed(after[name])]
        for name in differing:
            why = f"the key and the projection of the index {name} cannot change"
            yield (
                change,
                why,
                "1. add the index under another name, and deploy an image that queries that one; 2. remove the old index",
            )
        moves = [f"adds {name}" for name in after if name not in before] + [
            f"removes {name}" for name in before if name not in after
        ]
        if len(moves) > 1:
            yield (
                change,
                f"it {', '.join(moves)}, and a table adds or removes one index in an update",
                "change one index in each deploy",
            )


def balancer_refusals(changes: Sequence[Change], sides: Pair) -> Iterator[Refusal]:
    """A target group serves one load balancer at a time, and the new one is made while the old one is there.

    Source: https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/780
    """
    replaced = {change.logical_id for change in changes if change.replacement in ("True", "Conditional")}
    served = _served(sides.old) & _served(sides.new)
    for change in changes:
        if change.type != "AWS::ElasticLoadBalancingV2::LoadBalancer" or change.logical_id not in replaced:
            continue
        both = {group for balancer, group in served if balancer == change.logical_id}
        for group in sorted(both - replaced):
            why = f"it is replaced while the old one still forwards to {group}, and a target group serves one load balancer at a time"
            yield change, why, _BESIDE


def network_refusals(changes: Sequence[Change], sides: Pair) -> Iterator[Refusal]:
    """What stays where it is when a service moves to another network: its load balancer, a gateway, and the mount targets of a file system.

    Sources: https://docs.aws.amazon.com/efs/latest/ug/manage-fs-access-create-delete-mount-targets.html and
    https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
    """
    replaced = {change.logical_id for change in changes if change.replacement == "True"}
    if _moves(changes, "AWS::ElasticLoadBalancingV2::TargetGroup", "VpcId"):
        for change in _in_place(changes, "AWS::ElasticLoadBalancingV2::LoadBalancer"):
            if any(detail.name == "Subnets" for detail in change.details):
                yield change, "its new subnets are in another VPC, and a load balancer stays in its own", _BESIDE
    for change in _moves(changes, "AWS::EC2::VPCGatewayAttachment", "VpcId"):
        if not _refers(sides.new, change, "InternetGatewayId") & replaced:
            yield (
                change,
                "the gateway is still attached to the old VPC when it is attached to the new one, and it has one at a time",
                _BESIDE,
            )
    moved = (
        one
        for one in _moves(changes, "AWS::EFS::MountTarget", "SubnetId")
        if not _refers(sides.new, one, "FileSystemId") & replaced
    )
    first = {
        min(_refers(sides.new, one, "FileSystemId"), default=one.logical_id): one for one in reversed(tuple(moved))
    }
    for change in first.values():
        why = "the old one is there when it is made, and a file system has one in a zone, and all of them in one VPC"
        yield change, why, _BESIDE


def _in_place(changes: Sequence[Change], type: str) -> Iterator[Change]:
    return (
        one for one in changes if one.type == type and one.action == "Modify" and one.replacement in (None, "False")
    )


def _moves(changes: Sequence[Change], type: str, name: str) -> list[Change]:
    """The resources of a type that a new value of a property surely replaces."""
    return [
        one
        for one in changes
        if one.type == type and one.replacement == "True" and any(detail.name == name for detail in one.details)
    ]


def _refers(view: View, change: Change, name: str) -> set[str]:
    target = (
        target_of(view.resources[change.logical_id].properties.get(name))
        if change.logical_id in view.resources
        else None
    )
    return {target} if target else set()


def _served(view: View) -> set[tuple[str, str]]:
    """The load balancers and the target groups to which their listeners forward."""
    found = set()
    for listener in view.of("AWS::ElasticLoadBalancingV2::Listener"):
        balancer = target_of(listener.properties.get("LoadBalancerArn"))
        groups = (
            target_of(mapping(one).get("TargetGroupArn"))
            for one in tasks.listed(listener.properties.get("DefaultActions"))
        )
        found |= {(balancer, group) for group in groups if balancer and group}
    return found


def _indexes(view: View, table: str) -> dict[str, Mapping[str, Any]]:
    found = view.resources.get(table)
    return tasks.by(found.properties.get("GlobalSecondaryIndexes"), "IndexName") if found else {}


def _fixed(index: Mapping[str, Any]) -> object:
    """What of an index cannot change; the order of its attributes has no meaning."""
    projection = mapping(index.get("Projection"))
    held = sorted(map(repr, tasks.listed(projection.get("NonKeyAttributes"))))
    return canonical(index.get("KeySchema")), canonical(projection.get("ProjectionType")), held
