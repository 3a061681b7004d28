"""Obstacles to an update: changes that CloudFormation or a service refuses, or may refuse, and how to avoid them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.compare import canonical
from fsdcf.cloudformation.difference import Side, evaluated_outputs, move
from fsdcf.cloudformation.evaluation import unknowns
from fsdcf.cloudformation.facts import custom_name
from fsdcf.cloudformation.planned import (
    PlannedResource,
    PlannedStack,
    imported_name,
    items,
    items_by,
    mapping,
    text_of,
)
from fsdcf.cloudformation.risk import stays
from fsdcf.cloudformation.types import ADOPTED, dynamodb, ec2, ecs, efs, record_of
from fsdcf.cloudformation.types import elasticloadbalancingv2 as elb
from fsdcf.conventions import exporting_stack
from fsdcf.plan.diff.causes import by_id, origin, reason, title_of
from fsdcf.plan.diff.sides import Sides

Importers = Callable[[str], tuple[str, ...] | None]
"""Returns the names of the stacks that import an export; None if they are not known."""

Kind = Literal["custom name", "type", "index", "refused", "load balancer", "network", "export", "environment"]

_BESIDE = (
    "1. deploy the service under another name next to this one; 2. move its clients and its data, and delete this one"
)


@dataclass(frozen=True)
class Obstacle:
    """A change because of which the update fails, or may fail.

    ``why`` and ``way_out`` are clauses without a full stop.
    """

    kind: Kind
    logical_id: str
    type: str
    why: str
    way_out: str


def obstacles(changes: Sequence[Change], sides: Sides, importers: Importers | None = None) -> tuple[Obstacle, ...]:
    """The obstacles, the certain ones first. ``importers`` is None if AWS cannot be asked."""
    moves = tuple(_moves(sides))
    if moves:
        return moves  # whatever else is in the way follows from the move
    is_shared = any(one.spec.startswith(_ENVIRONMENT) for one in sides.old.resources.values())
    shared = tuple(_of_environment(changes, sides, importers)) if is_shared else ()
    return (
        *_changed_types(changes),
        *_taken_names(changes, sides),
        *_indexes(changes, sides),
        *_refused(changes, sides),
        *_successors(changes, sides),
        *_protected(changes, sides),
        *_endpoints(changes, sides),
        *_load_balancers(changes, sides),
        *_priorities(changes, sides),
        *(shared if is_shared else (*_networks(changes, sides), *_zones(changes, sides))),
        *(() if is_shared else _exports(changes, sides, importers)),
    )


def _obstacle(kind: Kind, change: Change, why: str, way_out: str) -> Obstacle:
    return Obstacle(kind, change.logical_id, change.type, why, way_out)


def _changed_types(changes: Sequence[Change]) -> Iterator[Obstacle]:
    """A resource keeps its type. Source: https://github.com/aws/aws-sam-cli/issues/6786"""
    removed = {change.logical_id: change.type for change in changes if change.action == "Remove"}
    for change in changes:
        if change.action == "Add" and change.logical_id in removed:
            old = removed[change.logical_id]
            why = f"its type changes from {old} to {change.type}, which CloudFormation rejects for the same logical ID"
            yield _obstacle("type", change, why, "give the new resource another logical ID")


def _taken_names(changes: Sequence[Change], sides: Sides) -> Iterator[Obstacle]:
    """A replacement is created while the old resource exists, so it cannot have the same name.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    for change in changes:
        old, new = (stack.resources.get(change.logical_id) for stack in (sides.old, sides.new))
        if change.action != "Modify" or change.replacement in (None, "False") or old is None or new is None:
            continue
        key = custom_name(change.type, new.properties)
        if key is None or canonical(old.get(key)) != canonical(new.properties[key]):
            continue
        replacing = (detail for detail in change.details if detail.recreation != "Never")
        causes = ", ".join(dict.fromkeys(detail.name or title_of(detail, change) for detail in replacing))
        needs = "needs" if change.replacement == "True" else "may need"
        name = text_of(new.properties[key])
        why = f"a change of {causes or 'it'} {needs} a new one, and the old one already uses the {key} {name!r}"
        yield _obstacle(
            "custom name", change, why, "give it another name; the resource with that name is new and empty"
        )


def taken_by(old: PlannedStack, new: PlannedStack) -> Iterator[Obstacle]:
    """Resources of a new stack with the custom name of a resource that another stack has, and keeps."""
    taken = {(one.type, name): one.name for one in old.resources.values() if (name := _custom_name(one))}
    for one in new.resources.values():
        owner = taken.get((one.type, _custom_name(one)))
        if owner is not None:
            why = f"the new stack cannot create {_custom_name(one)!r}: it already exists as {owner} of the other stack"
            yield Obstacle("custom name", one.name, one.type, why, _OTHER_NAME)


_OTHER_NAME = (
    "keep the name of the service and of the environment; or give it another name, which is a new and empty resource; "
    "or use the existing one with `unmanaged`"
)


def _custom_name(resource: PlannedResource) -> str:
    """The custom name of a resource, if it does not contain that of the stack; else empty."""
    key = custom_name(resource.type, resource.properties)
    name = text_of(resource.properties[key]) if key is not None else ""
    return "" if "${AWS::Stack" in name else name


def _indexes(changes: Sequence[Change], sides: Sides) -> Iterator[Obstacle]:
    """An update adds or removes one index of a table, and an index keeps its key and its projection.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
    """
    for change in _in_place(changes, dynamodb.TABLE):
        before, after = (_indexes_of(stack, change.logical_id) for stack in (sides.old, sides.new))
        for name in before:
            if name in after and _fixed(before[name]) != _fixed(after[name]):
                why = f"the key and the projection of the index {name} cannot change"
                way_out = (
                    "1. add the index under another name, and deploy an image that queries the new one; "
                    "2. remove the old index"
                )
                yield _obstacle("index", change, why, way_out)
        moves = [f"adds the index {name}" for name in after if name not in before]
        moves += [f"removes the index {name}" for name in before if name not in after]
        if len(moves) > 1:
            why = f"it {' and '.join(moves)}, and an update can add or remove only one index of a table"
            yield _obstacle("index", change, why, "change one index in each deploy")


def _indexes_of(stack: PlannedStack, table: str) -> dict[str, Mapping[str, Any]]:
    resource = stack.resources.get(table)
    return items_by(resource.get("GlobalSecondaryIndexes"), "IndexName") if resource else {}


def _fixed(index: Mapping[str, Any]) -> object:
    """What cannot change of an index; the order of its attributes has no meaning."""
    projection = mapping(index.get("Projection"))
    attributes = sorted(map(repr, items(projection.get("NonKeyAttributes"))))
    return canonical(index.get("KeySchema")), canonical(projection.get("ProjectionType")), attributes


def _refused(changes: Sequence[Change], sides: Sides) -> Iterator[Obstacle]:
    """Changes in place that the service refuses, although CloudFormation's schema allows them."""
    for change in changes:
        old, new = (stack.resources.get(change.logical_id) for stack in (sides.old, sides.new))
        if not old or not new or change.action != "Modify" or not (change.replacement is None or stays(change)):
            continue
        for _, refusal in record_of(change.type).updates.refusals(old.properties, new.properties):
            yield _obstacle("refused", change, refusal.why, refusal.way_out)


def _successors(changes: Sequence[Change], sides: Sides) -> Iterator[Obstacle]:
    """Resources in the place of another one that is removed or replaced: CloudFormation creates them before it removes
    the old one.

    Source: "Update behaviors of stack resources" in the user guide of CloudFormation
    """
    replaced = {change.logical_id for change in changes if change.replacement == "True"}
    leaving = {
        _place(sides.old, one): one.logical_id
        for one in changes
        if one.action == "Remove" or one.logical_id in replaced
    }
    for change in changes:
        single, other = record_of(change.type).single, leaving.get(_place(sides.new, change))
        is_created = change.action == "Add" or change.logical_id in replaced
        if single is None or not is_created or other in (None, change.logical_id):
            continue
        if not any(_target(sides.new, change, property) in replaced for property in single.properties):
            why = f"it is created while {'the old ' if other in replaced else ''}{other} exists, and {single.why}"
            yield _obstacle("refused", change, why, single.way_out)


def _protected(changes: Sequence[Change], sides: Sides) -> Iterator[Obstacle]:
    """Resources with deletion protection that leave the stack, and are not kept: CloudFormation tries to delete them at
    the end of the update, which succeeds all the same.

    Source: "Update behaviors of stack resources" in the user guide of CloudFormation
    """
    for change in changes:
        record, old = record_of(change.type), sides.old.resources.get(change.logical_id)
        protection = record.simulation.protection
        is_deleted = change.policy in _DELETES and change.replacement in (None, "True")
        if is_deleted and old is not None and protection is not None and protection.is_on(old.properties):
            why = "it is deleted when the update ends, and its deletion protection prevents that: it stays, and costs"
            yield _obstacle("refused", change, why, f"1. {record.before_deletion}; 2. deploy this change")


_DELETES = ("Delete", "ReplaceAndDelete", "Snapshot", "ReplaceAndSnapshot")


def _place(stack: PlannedStack, change: Change) -> tuple[str, ...]:
    """What only one resource of its type can have at a time; its logical ID where resources do not exclude others."""
    single, resource = record_of(change.type).single, stack.resources.get(change.logical_id)
    if single is None or resource is None:
        return (change.logical_id,)
    return change.type, *(canonical(resource.get(property)) for property in single.properties)


def _endpoints(changes: Sequence[Change], sides: Sides) -> Iterator[Obstacle]:
    """An endpoint of Service Connect keeps its protocol, and belongs to one ECS service at a time.

    Sources: https://github.com/aws/containers-roadmap/issues/2378 and https://github.com/aws/copilot-cli/issues/5431
    """
    for change in changes:
        old, new = (stack.resources.get(change.logical_id) for stack in (sides.old, sides.new))
        if change.type != ecs.SERVICE or change.action != "Modify" or old is None or new is None:
            continue
        before, after = ecs.endpoints_of(old), ecs.endpoints_of(new)
        both = [name for name in before if name in after]
        if both and change.replacement == "True":
            why = f"the new one is created while the old one has the endpoint {before[both[0]]} in Service Connect"
            yield _obstacle("refused", change, why, _WITHOUT_ENDPOINT)
            continue
        was, now = (
            ecs.protocols_of(ecs.definition_of(stack, one)) for stack, one in ((sides.old, old), (sides.new, new))
        )
        for name in both:
            protocols = was.get(before[name].port_name), now.get(after[name].port_name)
            if None not in protocols and protocols[0] != protocols[1]:
                why = f"the protocol of its endpoint changes from {protocols[0]} to {protocols[1]}, which ECS rejects"
                yield _obstacle("refused", change, why, f"keep the protocol; or {_BESIDE}")


_WITHOUT_ENDPOINT = (
    "1. deploy it without networking.serviceConnect; 2. deploy this change; 3. deploy it with serviceConnect. Other "
    "services do not reach it in between"
)


def _load_balancers(changes: Sequence[Change], sides: Sides) -> Iterator[Obstacle]:
    """A target group serves one load balancer at a time, and a replacement is created while the old one exists.

    Source: https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/780
    """
    replaced = {change.logical_id for change in changes if change.replacement in ("True", "Conditional")}
    old, new = (elb.balancers_by_group(stack) for stack in (sides.old, sides.new))
    for change in changes:
        if change.type != elb.LOAD_BALANCER or change.logical_id not in replaced:
            continue
        both = {group for group in old if change.logical_id in old[group] and change.logical_id in new.get(group, ())}
        for group in sorted(both - replaced):
            why = (
                f"it is replaced while the old one still forwards to {group}, "
                "and a target group serves one load balancer at a time"
            )
            yield _obstacle("load balancer", change, why, _BESIDE)


def _priorities(changes: Sequence[Change], sides: Sides) -> Iterator[Obstacle]:
    """A rule cannot get the number of another one, which may have it until the end of the update.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetRulePriorities.html
    """
    taken = {_priority(rule): rule.name for rule in sides.old.of(elb.LISTENER_RULE)}
    for change in changes:
        rule = sides.new.resources.get(change.logical_id)
        other = taken.get(_priority(rule)) if rule is not None and change.type == elb.LISTENER_RULE else None
        if rule is not None and other not in (None, change.logical_id):
            number = rule.text("Priority")
            why = f"it gets the priority {number}, which {other} has until the update changes or removes it"
            yield _obstacle("load balancer", change, why, "choose priorities that no rule has now")


def _priority(rule: PlannedResource) -> tuple[str, str]:
    """The listener and the number of a rule."""
    return canonical(rule.get("ListenerArn")), rule.text("Priority")


def _networks(changes: Sequence[Change], sides: Sides) -> Iterator[Obstacle]:
    """Resources that cannot move to another VPC with a service: its load balancer, gateways and mount targets.

    Sources: https://docs.aws.amazon.com/efs/latest/ug/manage-fs-access-create-delete-mount-targets.html and
    https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
    """
    replaced = {change.logical_id for change in changes if change.replacement == "True"}
    if _moved(changes, elb.TARGET_GROUP, "VpcId"):
        for change in _in_place(changes, elb.LOAD_BALANCER):
            if any(detail.name == "Subnets" for detail in change.details):
                why = "its new subnets are in another VPC, and a load balancer cannot move to another VPC"
                yield _obstacle("network", change, why, _BESIDE)
    for change in _moved(changes, ec2.GATEWAY_ATTACHMENT, "VpcId"):
        if _target(sides.new, change, "InternetGatewayId") not in replaced:
            why = "the gateway is still attached to the old VPC, and a gateway is attached to one VPC at a time"
            yield _obstacle("network", change, why, _BESIDE)
    yield from _mount_targets(changes, sides, replaced)


def _mount_targets(changes: Sequence[Change], sides: Sides, replaced: set[str]) -> Iterator[Obstacle]:
    """Mount targets of a file system that stays, in another VPC or perhaps in the zone of one that is removed later.

    The plan does not know the zones of existing subnets.
    """
    targets = [change for change in changes if change.type == efs.MOUNT_TARGET]
    gone = [one for one in targets if one.action == "Remove"]
    removed, places = {_system(sides.old, one): one for one in gone}, {_place(sides.old, one) for one in gone}
    moved = _moved(changes, efs.MOUNT_TARGET, "SubnetId")
    created = moved + [one for one in targets if one.action == "Add" and _place(sides.new, one) not in places]
    leaves = bool(_moved(changes, ec2.SECURITY_GROUP, "VpcId"))
    before = {canonical(target.get("FileSystemId")) for target in sides.old.of(efs.MOUNT_TARGET)}
    first = {_system(sides.new, one): one for one in reversed(created)}
    for system, change in first.items():
        if system not in before or _target(sides.new, change, "FileSystemId") in replaced:
            continue
        single = record_of(change.type).single
        if leaves:
            why = "it is created while the old ones exist, and the mount targets of a file system are in one VPC"
            yield _obstacle("network", change, why, _BESIDE)
        elif (change in moved or system in removed) and single is not None:
            other = "the old one" if change in moved else removed[system].logical_id
            why = f"it is created while {other} exists, perhaps in the same zone, and {single.why}"
            yield _obstacle("refused", change, why, f"in the same zone {single.way_out}")


def _system(stack: PlannedStack, mount_target: Change) -> str:
    return canonical(stack.resources[mount_target.logical_id].get("FileSystemId"))


def _zones(changes: Sequence[Change], sides: Sides) -> Iterator[Obstacle]:
    """Resources that cannot move to another zone of their VPC: subnets, and NAT gateways with an address.

    Sources: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html and
    https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-working-with.html
    """
    replaced = {change.logical_id for change in changes if change.replacement == "True"}
    for change in changes:
        if change.type == ec2.SUBNET and change.logical_id in replaced and _same_range(change, sides, replaced):
            why = "it is created while the old one exists, and two subnets of a VPC cannot have the same addresses"
            yield _obstacle("network", change, why, f"keep the Availability Zones, or {_BESIDE}")
    for change in _moved(changes, ec2.NAT_GATEWAY, "SubnetId"):
        address = _target(sides.new, change, "AllocationId")
        if address is not None and address not in replaced:
            why = f"it is created while the old one uses {address}, and an address belongs to one gateway at a time"
            yield _obstacle("network", change, why, f"keep the Availability Zones, or {_BESIDE}")


def _same_range(change: Change, sides: Sides, replaced: set[str]) -> bool:
    """Whether a subnet keeps its range of addresses and its VPC."""
    old, new = (stack.resources[change.logical_id] for stack in (sides.old, sides.new))
    same = (canonical(old.get(key)) == canonical(new.get(key)) for key in ("CidrBlock", "VpcId"))
    return all(same) and new.target("VpcId") not in replaced


def _in_place(changes: Sequence[Change], type: str) -> Iterator[Change]:
    """The resources of a type that are updated in place."""
    return (
        one for one in changes if one.type == type and one.action == "Modify" and one.replacement in (None, "False")
    )


def _moved(changes: Sequence[Change], type: str, property: str) -> list[Change]:
    """The resources of a type that a new value of a property certainly replaces."""
    replaced = (one for one in changes if one.type == type and one.replacement == "True")
    return [one for one in replaced if any(detail.name == property for detail in one.details)]


def _target(stack: PlannedStack, change: Change, property: str) -> str | None:
    """The resource that a property of a changed resource refers to."""
    resource = stack.resources.get(change.logical_id)
    return resource.target(property) if resource else None


def _exports(changes: Sequence[Change], sides: Sides, importers: Importers | None) -> Iterator[Obstacle]:
    """An export cannot change while another stack imports it.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
    """
    for one in _affected(changes, sides, importers):
        why = (
            f"the export {one.name} {one.effect}, and {_imported_by(one.stacks)}: CloudFormation rejects that while it "
            "is in use"
        )
        way_out = (
            "export the new value under another name, update the stacks that import it, then remove the old export"
        )
        yield Obstacle("export", one.output, "Output", why, way_out)


class _AffectedExport(NamedTuple):
    """An export that changes or goes: its output, its value before, the effect as a verb phrase, and the stacks that
    import it; None if they are not known."""

    name: str
    output: str
    value: Any
    effect: str
    stacks: tuple[str, ...] | None


def _affected(changes: Sequence[Change], sides: Sides, importers: Importers | None) -> Iterator[_AffectedExport]:
    """The exports that change or go while they are in use, or may be."""
    if sides.before is None:
        return
    old, new = (_exported(side, sides.pseudo) for side in (sides.before, sides.after))
    for name, (output, value) in old.items():
        effect = _effect(name, value, new, changes)
        known = "${" not in name  # AWS cannot be asked about a name that is only known in part
        stacks = importers(name) if effect and known and importers is not None else None
        if effect and stacks != ():
            yield _AffectedExport(name, output, value, effect, stacks)


_REMOVED = "is removed"
_ENVIRONMENT = "environment."
"""How the spec paths begin in the stack of an environment."""

_ANOTHER = (
    "1. deploy another environment, with a file of its own; 2. move the services to it, each as a second stack; "
    "3. delete this one"
)
_FEWER_ZONES = "1. deploy the services from the new file, so that none uses the subnets; 2. deploy the environment"
_NO_SESSIONS = "1. deploy the services from the new file, so that none records its sessions; 2. deploy the environment"
_OTHER_SESSIONS = (
    "1. write `executeCommandLogs: false`, deploy the services, then the environment; 2. write the other log group, "
    "deploy the environment, then the services"
)
_OTHER_ZONES = "keep the zones in their order and append new ones, which only adds subnets; or " + _ANOTHER
_NO_BALANCER = (
    "1. move the services to another load balancer, with networking.loadBalancer.name, and deploy them; 2. remove this "
    "one"
)
_SECOND_BALANCER = (
    "1. add a load balancer with another name, such as {name}2; 2. move the services to it, with "
    "networking.loadBalancer.name, and deploy them; 3. remove this one"
)
_SHARED_PARTS = {
    "network": re.compile(r"VpcId|(Public|Private)Subnet\d+|ServicesSecurityGroupId"),
    "cluster": re.compile(r"ClusterName"),
    "namespace": re.compile(r"Namespace(Arn|Id)"),
    "sessions": re.compile(r"ExecuteCommandLogGroupArn"),
    "load balancer": re.compile(
        r"([A-Z][A-Za-z0-9]*?)(LoadBalancer(?:(?!LoadBalancer)[A-Za-z])+|Https?ListenerArn|Domain)"
    ),
}
"""The parts of an environment by the outputs that export them."""


def _of_environment(changes: Sequence[Change], sides: Sides, importers: Importers | None) -> Iterator[Obstacle]:
    """Changes of what the services of an environment import, one for each part of it.

    The network cannot be replaced either while nothing imports from it: the parts of the old one, such as the
    attachment of its gateway and the ranges of its subnets, are in the way of the new ones.
    """
    known = by_id(changes)
    parts: dict[tuple[str, str], list[_AffectedExport]] = {}
    for one in _affected(changes, sides, importers):
        part = next((part for part, pattern in _SHARED_PARTS.items() if pattern.fullmatch(one.output)), "")
        match = _SHARED_PARTS["load balancer"].fullmatch(one.output)
        root = _root(one, known)
        if root is not None and root.type in (ec2.VPC, ec2.SUBNET):
            part = "network"
        parts.setdefault((part, match[1] if part == "load balancer" and match else ""), []).append(one)
    replaced = [one for one in changes if one.type in (ec2.VPC, ec2.SUBNET) and one.replacement == "True"]
    if replaced:
        parts.setdefault(("network", ""), [])
    for (part, name), exports in parts.items():
        roots = [root for root in (_root(one, known) for one in exports) if root is not None]
        if part == "network":
            roots = [*(one for one in replaced if one.type == ec2.VPC), *replaced, *roots]
        first = min(roots, key=lambda root: root.replacement != "True", default=None)
        way_out = _way_out(part, name, first, exports)
        output = exports[0].output if exports else ""
        yield Obstacle(
            "environment",
            first.logical_id if first else output,
            first.type if first else "Output",
            _why_not(first, exports),
            way_out,
        )


def _root(export: _AffectedExport, known: Mapping[str, Change]) -> Change | None:
    """The change from which that of an export follows; None for a value that does not belong to a resource."""
    change = next((known[one.target] for one in unknowns(export.value) if one.target in known), None)
    return origin(change, known)[0] if change is not None else None


def _why_not(root: Change | None, exports: Sequence[_AffectedExport]) -> str:
    """Why the part of an environment cannot change."""
    cause = reason(root) if root is not None and root.action == "Modify" else ""
    lead = f"a change of {cause} replaces it, and " if cause else ""
    if not exports:
        return f"{lead}the parts of the old network are in the way of the new ones"
    names = [one.output for one in exports]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    effects = " or ".join(dict.fromkeys(one.effect for one in exports))
    if len(names) > 1:
        effects = effects.replace("is removed", "are removed").replace("changes its", "change their")
    known = dict.fromkeys(stack for one in exports for stack in one.stacks or ())
    used = _imported_by(tuple(known) or None, "them" if len(names) > 1 else "it")
    what = f"the export{'s' * (len(names) > 1)} {', '.join(names[:3])}{more} {effects}"
    in_use = f"CloudFormation rejects that while {'they are' if len(names) > 1 else 'it is'} in use"
    return f"{lead}{what}; {used}, and {in_use}"


def _way_out(part: str, name: str, root: Change | None, exports: Sequence[_AffectedExport]) -> str:
    is_gone = root is not None and root.action == "Remove"
    if part == "sessions":
        return _NO_SESSIONS if all(one.effect == _REMOVED for one in exports) else _OTHER_SESSIONS
    if part == "load balancer":
        return _NO_BALANCER if is_gone else _SECOND_BALANCER.format(name=name[:1].lower() + name[1:])
    if root is not None and root.type == ec2.SUBNET:
        return _FEWER_ZONES if is_gone else _OTHER_ZONES
    return _ANOTHER


def _moves(sides: Sides) -> Iterator[Obstacle]:
    """A service that would move into an environment, out of it, or from one to another: it stays in its cluster and
    its network.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html
    """
    for was, now in sides.old.both(sides.new, ecs.SERVICE):
        left, joined = (imported_name(one.get("Cluster")) for one in (was, now))
        if left == joined:
            continue
        before, after = (
            f"the network of {exporting_stack(export)}" if export else "its own network" for export in (left, joined)
        )
        stores = [
            one for one in sides.new.resources.values() if record_of(one.type).data and one.name in sides.old.resources
        ]
        adopted = [one.name for one in stores if record_of(one.type).taken_over == ADOPTED]
        copied = [one.name for one in stores if one.type == efs.FILE_SYSTEM]
        why = (
            f"it would move from {before} to {after}, but a service stays in its cluster, and its load balancer and "
            "file systems in their VPC: this needs a second stack"
        )
        steps = [
            *(["keep this stack for now, with networking.shared: false"] if joined and not left else []),
            "deploy the service a second time, with another metadata.name"
            + (f", with {' and '.join(adopted)} as `unmanaged`" if adopted else ""),
            *([f"copy the files of {' and '.join(copied)}"] if copied else []),
            "move its host names and its clients to the new stack",
            "delete this one" + (f", which keeps {' and '.join(adopted)}" if adopted else ""),
            *(["remove `unmanaged`: the next deploy adopts the data"] if adopted else []),
        ]
        way_out = "; ".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
        yield Obstacle("environment", now.name, now.type, why, way_out)


def _imported_by(stacks: tuple[str, ...] | None, it: str = "it") -> str:
    if stacks is None:
        return f"another stack may import {it}"
    return f"the stacks {', '.join(stacks)} import {it}" if len(stacks) > 1 else f"the stack {stacks[0]} imports {it}"


def _exported(side: Side, pseudo: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """The exports of a side: the output and its value, by the export's name."""
    exports = {}
    for output, evaluated in evaluated_outputs(side, pseudo).items():
        if isinstance(evaluated.get("Export"), Mapping):
            exports[text_of(evaluated["Export"].get("Name"))] = (output, evaluated.get("Value"))
    return exports


def _effect(name: str, value: Any, new: Mapping[str, tuple[str, Any]], changes: Sequence[Change]) -> str:
    """What happens to an export, as a verb phrase; empty if it stays."""
    if name not in new:
        return _REMOVED
    if canonical(value) != canonical(new[name][1]):
        return "changes its value"
    moves = {move(one, [change for change in changes if change.logical_id == one.target]) for one in unknowns(value)}
    return "changes its value" if "surely" in moves else "may change its value" if "perhaps" in moves else ""
