"""Makes, changes and deletes what a stack's resources stand for; what they refuse by nature they refuse here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.facts import facts_of
from fsdcf.sandbox import application_autoscaling, dynamodb, ecs, elbv2, ids, logs, s3, ssm
from fsdcf.sandbox.cloudformation import resources, words
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.faults import Phase, ResourceFault
from fsdcf.sandbox.protocols.shapes import request_of
from fsdcf.sandbox.state import Refusal, World


class Failure(Exception):
    """A resource that cannot be made, changed or deleted. ``code`` is the handler's error code, empty for CloudFormation's own words."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code

    def text(self, *seed: object) -> str:
        """The status reason; ``seed`` makes its request token."""
        return words.handler(self.reason, self.code, *seed) if self.code else self.reason


@dataclass(frozen=True)
class Order:
    """What to make: a resource of a stack (a document), with its properties."""

    stack: Record
    logical: str
    type: str
    properties: Mapping[str, Any]


Make = Callable[[World, Order], str]
Alter = Callable[[World, Record, Mapping[str, Any], Phase], None]
Unmake = Callable[[World, Record], None]
Check = Callable[[World, Record], bool]


def nothing(world: World, thing: Record) -> None:
    """The part of a handler that has nothing to do."""


def at_once(world: World, thing: Record) -> bool:
    """There is nothing to wait for."""
    return True


def named(world: World, order: Order) -> str:
    """A physical id as AWS would give one."""
    number = world.store.next_number(f"physical id {order.stack['name']} {order.logical}")
    return ids.physical_id(order.type, order.logical, order.stack["name"], order.properties, number, world)


def unchanged(world: World, thing: Record, properties: Mapping[str, Any], phase: Phase) -> None:
    """The part of a handler that changes nothing but what the account knows of the resource."""


@dataclass(frozen=True)
class Handler:
    """How a type is made (the answer is the physical id), changed and deleted, and when it has settled and is gone.

    Each may raise Failure, or the Refusal of the service that it asks.
    """

    make: Make = named
    alter: Alter = unchanged
    unmake: Unmake = nothing
    settled: Check = at_once
    gone: Check = at_once


def _unplayed(world: World, order: Order) -> str:
    raise Failure(f"The sandbox does not play {order.type}.")


USUAL = Handler()
UNPLAYED = Handler(make=_unplayed)


ROLLOUT = "cfn-rollout"
BREAKER = "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."
"""What CloudFormation says of a service whose deployment has failed, whatever the tasks died of."""

Properties = Mapping[str, Any]


def _make_service(world: World, order: Order) -> str:
    request = request_of("ecs", "CreateService", order.properties)
    request.setdefault("serviceName", named(world, order).rpartition("/")[2])
    told = ecs.create_service(world, request, order.logical)
    _awaits(world, told)
    return str(told["serviceArn"])


def _alter_service(world: World, thing: Record, properties: Properties, phase: Phase) -> None:
    request = request_of("ecs", "UpdateService", properties)
    # ECS begins no deployment where nothing changes; after one that has failed, CloudFormation's next try is to be one.
    request["forceNewDeployment"] = ecs.rollout(world, thing["physical"]).state == "FAILED"
    told = ecs.update_service(world, {**request, "service": thing["physical"]}, thing["logical"], phase)
    _awaits(world, told)


def _awaits(world: World, told: Mapping[str, Any]) -> None:
    """Notes for which deployment CloudFormation waits."""
    world.store.put(ROLLOUT, told["serviceArn"], {"deployment": told["deployments"][0]["id"]})


def _service_settled(world: World, thing: Record) -> bool:
    waited = world.store.get(ROLLOUT, thing["physical"]) or {"deployment": ""}
    rollout = ecs.rollout(world, thing["physical"], waited["deployment"])
    if rollout.rolled_back and world.faults.of_cloudformation("green-rollback") is not None:
        rollout = ecs.rollout(world, thing["physical"])
    if rollout.state == "FAILED":
        raise Failure(BREAKER, "GeneralServiceException")
    return rollout.state == "COMPLETED"


def _unmake_service(world: World, thing: Record) -> None:
    try:
        ecs.delete_service(world, None, thing["physical"])
    except Refusal as refusal:
        if refusal.code != "ServiceNotFoundException":
            raise


def _service_gone(world: World, thing: Record) -> bool:
    told = ecs.service_of(world, thing["physical"])
    return told is None or told["status"] == "INACTIVE"


def _make_definition(world: World, order: Order) -> str:
    request = request_of("ecs", "RegisterTaskDefinition", order.properties)
    request.setdefault("family", f"{order.stack['name']}-{order.logical}")
    return str(ecs.register(world, request)["taskDefinitionArn"])


def _unmake_definition(world: World, thing: Record) -> None:
    ecs.deregister(world, thing["physical"])


def _make_cluster(world: World, order: Order) -> str:
    name = named(world, order)
    ecs.create_cluster(world, {**request_of("ecs", "CreateCluster", order.properties), "clusterName": name})
    return name


def _unmake_cluster(world: World, thing: Record) -> None:
    ecs.delete_cluster(world, {"cluster": thing["physical"]})


def _make_parameter(world: World, order: Order) -> str:
    name = named(world, order)
    properties = order.properties
    told = str(properties.get("Type", "String")), str(properties.get("Description", ""))
    ssm.put(world, name, str(properties.get("Value", "")), *told, overwrite=False)
    return name


def _alter_parameter(world: World, thing: Record, properties: Properties, phase: Phase) -> None:
    """A new version, where the value or the description is another one."""
    old = thing["properties"]
    if any(old.get(key) != properties.get(key) for key in ("Value", "Description")):
        told = str(properties.get("Type", "String")), str(properties.get("Description", ""))
        ssm.put(world, thing["physical"], str(properties.get("Value", "")), *told)


def _unmake_parameter(world: World, thing: Record) -> None:
    try:
        ssm.delete(world, thing["physical"])
    except Refusal as refusal:
        if refusal.code != "ParameterNotFound":
            raise


def _make_group(world: World, order: Order) -> str:
    name = named(world, order)
    logs.create_group(world, name)
    return name


def _unmake_group(world: World, thing: Record) -> None:
    logs.delete_group(world, thing["physical"])


def _make_bucket(world: World, order: Order) -> str:
    name = named(world, order)
    s3.add_bucket(world, name)
    return name


def _unmake_bucket(world: World, thing: Record) -> None:
    if world.store.every(s3.OBJECT, f"{thing['physical']}/"):
        raise Failure("The bucket you tried to delete is not empty", "GeneralServiceException")
    world.store.remove(s3.BUCKET, thing["physical"])


def _make_target_group(world: World, order: Order) -> str:
    arn = named(world, order)
    elbv2.keep_target_group(world, arn, order.properties)
    return arn


def _alter_target_group(world: World, thing: Record, properties: Properties, phase: Phase) -> None:
    elbv2.keep_target_group(world, thing["physical"], properties)


def _unmake_target_group(world: World, thing: Record) -> None:
    elbv2.forget_target_group(world, thing["physical"])


def _make_target(world: World, order: Order) -> str:
    application_autoscaling.keep_target(world, order.properties)
    return named(world, order)


def _alter_target(world: World, thing: Record, properties: Properties, phase: Phase) -> None:
    application_autoscaling.keep_target(world, properties)


def _unmake_target(world: World, thing: Record) -> None:
    application_autoscaling.forget_target(world, thing["properties"])


def _make_table(world: World, order: Order) -> str:
    name = named(world, order)
    dynamodb.keep_table(world, name, order.properties)
    return name


def _alter_table(world: World, thing: Record, properties: Properties, phase: Phase) -> None:
    dynamodb.keep_table(world, thing["physical"], properties)


def _unmake_table(world: World, thing: Record) -> None:
    dynamodb.drop_table(world, thing["physical"])


HANDLERS: Mapping[str, Handler] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": Handler(_make_target, _alter_target, _unmake_target),
    "AWS::DynamoDB::Table": Handler(_make_table, _alter_table, _unmake_table),
    "AWS::ECS::Cluster": Handler(make=_make_cluster, unmake=_unmake_cluster),
    "AWS::ECS::Service": Handler(_make_service, _alter_service, _unmake_service, _service_settled, _service_gone),
    "AWS::ECS::TaskDefinition": Handler(make=_make_definition, unmake=_unmake_definition),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Handler(_make_target_group, _alter_target_group, _unmake_target_group),
    "AWS::Logs::LogGroup": Handler(make=_make_group, unmake=_unmake_group),
    "AWS::S3::Bucket": Handler(make=_make_bucket, unmake=_unmake_bucket),
    "AWS::SSM::Parameter": Handler(_make_parameter, _alter_parameter, _unmake_parameter),
}
"""By resource type."""


_UNPLAYED = ("AWS::CloudFormation::CustomResource", "AWS::CloudFormation::Macro", "AWS::CloudFormation::Stack")
"""Types that stand for a program or a stack of their own: they fail, for a success would be a lie."""


def of(type: str) -> Handler:
    """The handler of a resource type."""
    return UNPLAYED if type in _UNPLAYED or type.startswith("Custom::") else HANDLERS.get(type, USUAL)


@contextmanager
def failing() -> Iterator[None]:
    """Makes a service's refusal the handler's failure."""
    try:
        yield
    except Refusal as refusal:
        raise Failure(refusal.message, _CODES.get(refusal.code, "GeneralServiceException")) from None


_CODES = {
    "InvalidParameterException": "InvalidRequest",
    "ParameterAlreadyExists": "AlreadyExists",
    "ServiceNotFoundException": "NotFound",
    "ValidationException": "InvalidRequest",
}


def make(world: World, order: Order) -> str:
    """Makes a resource; its physical id. Raises Failure, also where the name is taken or a property unknown."""
    for word in unknown_properties(order.type, order.properties):
        raise Failure(f"Encountered unsupported property {word}")
    name = resources.name_of(order.type, order.properties)
    taken = resources.named(world, order.type, name) if name is not None else None
    if name is not None and taken is not None:
        if taken["owner"] is not None:
            raise Failure(words.exists_in_stack(name, taken["owner"]))
        raise Failure(words.exists(order.type, name), "AlreadyExists")
    with failing():
        physical = of(order.type).make(world, order)
    resources.add(world, order.type, physical, order.logical, order.stack["id"], order.properties)
    return physical


def unknown_properties(type: str, properties: Mapping[str, Any]) -> list[str]:
    """The properties that a type does not have, as far as its facts tell."""
    facts = facts_of(type)
    return [] if facts is None or facts.open else [key for key in properties if key not in facts.properties]


def missing_properties(type: str, properties: Mapping[str, Any]) -> list[str]:
    """The required properties that are not there, as far as the type's facts tell."""
    facts = facts_of(type)
    return [] if facts is None or facts.open else sorted(key for key in facts.required if key not in properties)


def alter(world: World, row: Record, properties: Mapping[str, Any], phase: Phase) -> None:
    """Gives the resource of a row other properties. Raises Failure, also where it is gone."""
    thing = resources.find(world, row["type"], row["physical"])
    if thing is None:
        raise Failure(
            f"Resource of type '{row['type']}' with identifier '{row['physical']}' was not found.", "NotFound"
        )
    with failing():
        of(row["type"]).alter(world, thing, properties, phase)
    resources.change(world, thing, properties)


def unmake(world: World, row: Record) -> None:
    """Begins to delete the resource of a row; nothing happens if it is gone. Raises Failure."""
    thing = resources.find(world, row["type"], row["physical"])
    if thing is not None:
        with failing():
            of(row["type"]).unmake(world, thing)


def gone(world: World, row: Record) -> bool:
    """Whether a resource that is being deleted is; then it exists no more."""
    thing = resources.find(world, row["type"], row["physical"])
    if thing is not None:
        if not of(row["type"]).gone(world, thing):
            return False
        resources.remove(world, thing)
    return True


def settled(world: World, row: Record) -> bool:
    """Whether a resource is as it is to be. Raises Failure if it never will be."""
    thing = resources.find(world, row["type"], row["physical"])
    with failing():
        return thing is None or of(row["type"]).settled(world, thing)


def protection(world: World, type: str, physical: str) -> Failure | None:
    """Why a resource cannot be deleted: its deletion protection.

    The words are those of DynamoDB, Elastic Load Balancing and RDS; no page lists them.
    """
    thing = resources.find(world, type, physical)
    properties: Mapping[str, Any] = thing["properties"] if thing is not None else {}
    if type == "AWS::DynamoDB::Table" and _true(properties.get("DeletionProtectionEnabled")):
        words_of = "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
        return Failure(words_of, "GeneralServiceException")
    if type == "AWS::RDS::DBInstance" and _true(properties.get("DeletionProtection")):
        return Failure(
            "Cannot delete protected DB Instance, please disable deletion protection and try again.", "InvalidRequest"
        )
    attributes = {one.get("Key"): one.get("Value") for one in properties.get("LoadBalancerAttributes") or ()}
    if _true(attributes.get("deletion_protection.enabled")):
        return Failure(
            f"Load balancer '{physical}' cannot be deleted because deletion protection is enabled", "ResourceConflict"
        )
    return None


def _true(value: Any) -> bool:
    return value is True or value == "true"


HOOK = "The following hook(s) failed"
"""How the reason of a fault begins that stands for a hook of the account's: CloudFormation says it, no handler."""


def struck(fault: ResourceFault) -> Failure:
    """The failure that a fault stands for."""
    return Failure(fault.reason, "" if fault.reason.startswith(HOOK) else fault.code)
