"""What stands in the way of an update: names that block a replacement, exports in use, types that cannot change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.compare import canonical
from fsdcf.cloudformation.difference import move
from fsdcf.cloudformation.evaluation import evaluate
from fsdcf.cloudformation.facts import custom_name
from fsdcf.cloudformation.planned import PlannedStack, mapping, target_of, text_of
from fsdcf.cloudformation.scope import existing, scope_of
from fsdcf.cloudformation.unknown import unknowns
from fsdcf.cloudformation.view import Side
from fsdcf.plan.diff import tasks
from fsdcf.plan.diff.causes import title_of
from fsdcf.plan.diff.sides import Pair

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


def _refers(view: PlannedStack, change: Change, name: str) -> set[str]:
    target = (
        target_of(view.resources[change.logical_id].properties.get(name))
        if change.logical_id in view.resources
        else None
    )
    return {target} if target else set()


def _served(view: PlannedStack) -> set[tuple[str, str]]:
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


def _indexes(view: PlannedStack, table: str) -> dict[str, Mapping[str, Any]]:
    found = view.resources.get(table)
    return tasks.by(found.properties.get("GlobalSecondaryIndexes"), "IndexName") if found else {}


def _fixed(index: Mapping[str, Any]) -> object:
    """What of an index cannot change; the order of its attributes has no meaning."""
    projection = mapping(index.get("Projection"))
    held = sorted(map(repr, tasks.listed(projection.get("NonKeyAttributes"))))
    return canonical(index.get("KeySchema")), canonical(projection.get("ProjectionType")), held


Importers = Callable[[str], tuple[str, ...] | None]
"""The stacks that import an export; None where that is not told."""


@dataclass(frozen=True)
class Obstacle:
    """Something because of which CloudFormation fails, or may fail: what it is, why, and the way out, in clauses without a full stop."""

    kind: Literal["custom name", "type", "index", "load balancer", "network", "export"]
    logical_id: str
    type: str
    why: str
    way_out: str


def obstacles(changes: Sequence[Change], sides: Pair, importers: Importers | None = None) -> tuple[Obstacle, ...]:
    """What stands in the way: what is certain first. ``importers`` tells who uses an export, where somebody can be asked."""
    refused = (
        *_refused("index", index_refusals(changes, sides)),
        *_refused("load balancer", balancer_refusals(changes, sides)),
        *_refused("network", network_refusals(changes, sides)),
    )
    return (*_types(changes), *_names(changes, sides), *refused, *_exports(changes, sides, importers))


def _refused(kind: Literal["index", "load balancer", "network"], found: Iterator[Refusal]) -> Iterator[Obstacle]:
    return (Obstacle(kind, change.logical_id, change.type, why, way_out) for change, why, way_out in found)


def _types(changes: Sequence[Change]) -> Iterator[Obstacle]:
    """Source: https://github.com/aws/aws-sam-cli/issues/6786"""
    removed = {change.logical_id: change.type for change in changes if change.action == "Remove"}
    for change in changes:
        if change.action == "Add" and change.logical_id in removed:
            why = f"its type changes from {removed[change.logical_id]} to {change.type}, which CloudFormation refuses for one logical id"
            yield Obstacle("type", change.logical_id, change.type, why, "give the new resource another logical id")


def _names(changes: Sequence[Change], sides: Pair) -> Iterator[Obstacle]:
    """Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html"""
    for change in changes:
        old, new = (one.resources.get(change.logical_id) for one in (sides.old, sides.new))
        if change.action != "Modify" or change.replacement in (None, "False") or old is None or new is None:
            continue
        name = custom_name(change.type, new.properties)
        if name is None or canonical(old.properties.get(name)) != canonical(new.properties[name]):
            continue
        causes = ", ".join(
            dict.fromkeys(one.name or title_of(one, change) for one in change.details if one.recreation != "Never")
        )
        does = "needs" if change.replacement == "True" else "may need"
        why = f"a change of {causes or 'it'} {does} a new one, and {name} {text_of(new.properties[name])!r} is taken by the old one"
        yield Obstacle(
            "custom name", change.logical_id, change.type, why, "give it another name; what bears it is new and empty"
        )


def _exports(changes: Sequence[Change], sides: Pair, importers: Importers | None) -> Iterator[Obstacle]:
    """Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html"""
    if sides.before is None:
        return
    old, new = (_exported(side, sides.pseudo) for side in (sides.before, sides.after))
    for name, (output, value) in old.items():
        does = _fate(name, value, new, changes)
        known = "${" not in name  # of a name that is known in part, nobody can be asked
        users = importers(name) if does and known and importers is not None else None
        if not does or users == ():
            continue
        who = _users(users)
        yield Obstacle(
            "export",
            output,
            "Output",
            f"the export {name} {does}, and {who}: CloudFormation refuses that while it is in use",
            "export the new value under another name, move those who import it, then drop the old export",
        )


def _users(stacks: tuple[str, ...] | None) -> str:
    if stacks is None:
        return "another stack may import it"
    return f"the stacks {', '.join(stacks)} import it" if len(stacks) > 1 else f"the stack {stacks[0]} imports it"


def _exported(side: Side, pseudo: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """The exports of a side: the output and its value, by the export's name."""
    scope = scope_of(side.template, side.parameters, pseudo)
    found = {}
    for output, one in existing(side.template.get("Outputs") or {}, scope.conditions).items():
        if isinstance(one.get("Export"), Mapping):
            found[text_of(evaluate(one["Export"].get("Name"), scope))] = (output, evaluate(one.get("Value"), scope))
    return found


def _fate(name: str, value: Any, new: Mapping[str, tuple[str, Any]], changes: Sequence[Change]) -> str:
    """What becomes of an export; empty where it stays."""
    if name not in new:
        return "is removed"
    if canonical(value) != canonical(new[name][1]):
        return "changes its value"
    moves = {move(one, [change for change in changes if change.logical_id == one.target]) for one in unknowns(value)}
    return "changes its value" if "surely" in moves else "may change its value" if "perhaps" in moves else ""
