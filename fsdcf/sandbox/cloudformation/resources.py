"""What exists in the account: every resource with its owner, so that names collide, survivors survive and imports find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.facts import custom_name, facts_of
from fsdcf.sandbox import application_autoscaling, dynamodb, ecs, elbv2, ids, logs, s3, ssm
from fsdcf.sandbox.cloudformation import messages
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.faults import Phase, ResourceFault
from fsdcf.sandbox.protocols.shapes import request_of
from fsdcf.sandbox.state import SandboxState, ServiceError

THING = "cfn-thing"
THING_NAME = "cfn-thing-name"


def name_of(type: str, properties: Mapping[str, Any]) -> str | None:
    """The name that a template gives a resource; None where CloudFormation makes one."""
    key = custom_name(type, properties)
    return None if key is None else str(properties[key])


def find(state: SandboxState, type: str, physical: str) -> Record | None:
    """What has this physical id."""
    return state.store.get(THING, f"{type}|{physical}")


def named(state: SandboxState, type: str, name: str) -> Record | None:
    """What bears this name, given by a template."""
    held = state.store.get(THING_NAME, f"{type}|{name}")
    return None if held is None else find(state, type, held["physical"])


def every(state: SandboxState) -> list[Record]:
    """All that exists."""
    return [one for _, one in state.store.every(THING)]


def add(
    state: SandboxState, type: str, physical: str, logical: str, owner: str | None, properties: Mapping[str, Any]
) -> Record:
    """Something new. ``owner`` is a stack's ARN, None for what is no stack's."""
    resource: Record = {
        "type": type,
        "physical": physical,
        "logical": logical,
        "owner": owner,
        "name": name_of(type, properties),
        "properties": dict(properties),
        "attributes": ids.attributes(type, physical, properties, state),
    }
    save(state, resource)
    return resource


def save(state: SandboxState, resource: Record) -> None:
    """Writes it, and its name."""
    state.store.put(THING, f"{resource['type']}|{resource['physical']}", resource)
    if resource["name"] is not None:
        state.store.put(THING_NAME, f"{resource['type']}|{resource['name']}", {"physical": resource["physical"]})


def change(state: SandboxState, resource: Record, properties: Mapping[str, Any]) -> None:
    """Gives it other properties; its attributes follow."""
    resource["properties"] = dict(properties)
    resource["attributes"] = ids.attributes(resource["type"], resource["physical"], properties, state)
    save(state, resource)


def own(state: SandboxState, resource: Record, owner: str | None) -> None:
    """Hands it to a stack, or to nobody: what is retained lives on by itself."""
    resource["owner"] = owner
    save(state, resource)


def remove(state: SandboxState, resource: Record) -> None:
    """It exists no more, and its name is free."""
    state.store.remove(THING, f"{resource['type']}|{resource['physical']}")
    held = state.store.get(THING_NAME, f"{resource['type']}|{resource['name']}")
    if held is not None and held["physical"] == resource["physical"]:
        state.store.remove(THING_NAME, f"{resource['type']}|{resource['name']}")


def add_unowned(state: SandboxState, type: str, name: str, properties: Mapping[str, Any]) -> Record:
    """Something that no stack made: what was made by hand, or lives on from a stack that is forgotten."""
    key = custom_name(type, {**properties})
    physical = ids.physical_id(type, name, "by-hand", properties, 1, state)
    resource = add(state, type, physical, name, None, properties)
    if key is None:
        resource["name"] = name
        save(state, resource)
    return resource


class ResourceFailure(Exception):
    """A resource that cannot be made, changed or deleted. ``code`` is the handler's error code, empty for CloudFormation's own words."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code

    def text(self, *seed: object) -> str:
        """The status reason; ``seed`` makes its request token."""
        return messages.handler(self.reason, self.code, *seed) if self.code else self.reason


@dataclass(frozen=True)
class Order:
    """What to make: a resource of a stack (a document), with its properties."""

    stack: Record
    logical: str
    type: str
    properties: Mapping[str, Any]


Make = Callable[[SandboxState, Order], str]
Alter = Callable[[SandboxState, Record, Mapping[str, Any], Phase], None]
Unmake = Callable[[SandboxState, Record], None]
HandlerCheck = Callable[[SandboxState, Record], bool]


def nothing(state: SandboxState, resource: Record) -> None:
    """The part of a handler that has nothing to do."""


def at_once(state: SandboxState, resource: Record) -> bool:
    """There is nothing to wait for."""
    return True


def default_physical_id(state: SandboxState, order: Order) -> str:
    """A physical id as AWS would give one."""
    number = state.store.next_number(f"physical id {order.stack['name']} {order.logical}")
    return ids.physical_id(order.type, order.logical, order.stack["name"], order.properties, number, state)


def unchanged(state: SandboxState, resource: Record, properties: Mapping[str, Any], phase: Phase) -> None:
    """The part of a handler that changes nothing but what the account knows of the resource."""


@dataclass(frozen=True)
class ResourceHandler:
    """How a type is made (the answer is the physical id), changed and deleted, and when it has settled and is gone.

    Each may raise Failure, or the Refusal of the service that it asks.
    """

    make: Make = default_physical_id
    alter: Alter = unchanged
    unmake: Unmake = nothing
    settled: HandlerCheck = at_once
    gone: HandlerCheck = at_once


def _unplayed(state: SandboxState, order: Order) -> str:
    raise ResourceFailure(f"The sandbox does not play {order.type}.")


USUAL = ResourceHandler()
UNPLAYED = ResourceHandler(make=_unplayed)


ROLLOUT = "cfn-rollout"
BREAKER = "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."
"""What CloudFormation says of a service whose deployment has failed, whatever the tasks died of."""

Properties = Mapping[str, Any]


def _make_service(state: SandboxState, order: Order) -> str:
    request = request_of("ecs", "CreateService", order.properties)
    request.setdefault("serviceName", default_physical_id(state, order).rpartition("/")[2])
    told = ecs.create_service(state, request, order.logical)
    _awaits(state, told)
    return str(told["serviceArn"])


def _alter_service(state: SandboxState, resource: Record, properties: Properties, phase: Phase) -> None:
    request = request_of("ecs", "UpdateService", properties)
    # ECS begins no deployment where nothing changes; after one that has failed, CloudFormation's next try is to be one.
    request["forceNewDeployment"] = ecs.rollout(state, resource["physical"]).state == "FAILED"
    told = ecs.update_service(state, {**request, "service": resource["physical"]}, resource["logical"], phase)
    _awaits(state, told)


def _awaits(state: SandboxState, told: Mapping[str, Any]) -> None:
    """Notes for which deployment CloudFormation waits."""
    state.store.put(ROLLOUT, told["serviceArn"], {"deployment": told["deployments"][0]["id"]})


def _service_settled(state: SandboxState, resource: Record) -> bool:
    waited = state.store.get(ROLLOUT, resource["physical"]) or {"deployment": ""}
    rollout = ecs.rollout(state, resource["physical"], waited["deployment"])
    if rollout.rolled_back and state.faults.quirk("green-rollback") is not None:
        rollout = ecs.rollout(state, resource["physical"])
    if rollout.state == "FAILED":
        raise ResourceFailure(BREAKER, "GeneralServiceException")
    return rollout.state == "COMPLETED"


def _unmake_service(state: SandboxState, resource: Record) -> None:
    try:
        ecs.delete_service(state, None, resource["physical"])
    except ServiceError as refusal:
        if refusal.code != "ServiceNotFoundException":
            raise


def _service_gone(state: SandboxState, resource: Record) -> bool:
    told = ecs.service_of(state, resource["physical"])
    return told is None or told["status"] == "INACTIVE"


def _make_definition(state: SandboxState, order: Order) -> str:
    request = request_of("ecs", "RegisterTaskDefinition", order.properties)
    request.setdefault("family", f"{order.stack['name']}-{order.logical}")
    return str(ecs.register(state, request)["taskDefinitionArn"])


def _unmake_definition(state: SandboxState, resource: Record) -> None:
    ecs.deregister(state, resource["physical"])


def _make_cluster(state: SandboxState, order: Order) -> str:
    name = default_physical_id(state, order)
    ecs.create_cluster(state, {**request_of("ecs", "CreateCluster", order.properties), "clusterName": name})
    return name


def _unmake_cluster(state: SandboxState, resource: Record) -> None:
    ecs.delete_cluster(state, {"cluster": resource["physical"]})


def _make_parameter(state: SandboxState, order: Order) -> str:
    name = default_physical_id(state, order)
    properties = order.properties
    told = str(properties.get("Type", "String")), str(properties.get("Description", ""))
    ssm.put(state, name, str(properties.get("Value", "")), *told, overwrite=False)
    return name


def _alter_parameter(state: SandboxState, resource: Record, properties: Properties, phase: Phase) -> None:
    """A new version, where the value or the description is another one."""
    old = resource["properties"]
    if any(old.get(key) != properties.get(key) for key in ("Value", "Description")):
        told = str(properties.get("Type", "String")), str(properties.get("Description", ""))
        ssm.put(state, resource["physical"], str(properties.get("Value", "")), *told)


def _unmake_parameter(state: SandboxState, resource: Record) -> None:
    try:
        ssm.delete(state, resource["physical"])
    except ServiceError as refusal:
        if refusal.code != "ParameterNotFound":
            raise


def _make_group(state: SandboxState, order: Order) -> str:
    name = default_physical_id(state, order)
    logs.create_group(state, name)
    return name


def _unmake_group(state: SandboxState, resource: Record) -> None:
    logs.delete_group(state, resource["physical"])


def _make_bucket(state: SandboxState, order: Order) -> str:
    name = default_physical_id(state, order)
    s3.add_bucket(state, name)
    return name


def _unmake_bucket(state: SandboxState, resource: Record) -> None:
    if state.store.every(s3.OBJECT, f"{resource['physical']}/"):
        raise ResourceFailure("The bucket you tried to delete is not empty", "GeneralServiceException")
    state.store.remove(s3.BUCKET, resource["physical"])


def _make_target_group(state: SandboxState, order: Order) -> str:
    arn = default_physical_id(state, order)
    elbv2.keep_target_group(state, arn, order.properties)
    return arn


def _alter_target_group(state: SandboxState, resource: Record, properties: Properties, phase: Phase) -> None:
    elbv2.keep_target_group(state, resource["physical"], properties)


def _unmake_target_group(state: SandboxState, resource: Record) -> None:
    elbv2.forget_target_group(state, resource["physical"])


def _make_target(state: SandboxState, order: Order) -> str:
    application_autoscaling.keep_target(state, order.properties)
    return default_physical_id(state, order)


def _alter_target(state: SandboxState, resource: Record, properties: Properties, phase: Phase) -> None:
    application_autoscaling.keep_target(state, properties)


def _unmake_target(state: SandboxState, resource: Record) -> None:
    application_autoscaling.forget_target(state, resource["properties"])


def _make_table(state: SandboxState, order: Order) -> str:
    name = default_physical_id(state, order)
    dynamodb.keep_table(state, name, order.properties)
    return name


def _alter_table(state: SandboxState, resource: Record, properties: Properties, phase: Phase) -> None:
    dynamodb.keep_table(state, resource["physical"], properties)


def _unmake_table(state: SandboxState, resource: Record) -> None:
    dynamodb.drop_table(state, resource["physical"])


HANDLERS: Mapping[str, ResourceHandler] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ResourceHandler(_make_target, _alter_target, _unmake_target),
    "AWS::DynamoDB::Table": ResourceHandler(_make_table, _alter_table, _unmake_table),
    "AWS::ECS::Cluster": ResourceHandler(make=_make_cluster, unmake=_unmake_cluster),
    "AWS::ECS::Service": ResourceHandler(
        _make_service, _alter_service, _unmake_service, _service_settled, _service_gone
    ),
    "AWS::ECS::TaskDefinition": ResourceHandler(make=_make_definition, unmake=_unmake_definition),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ResourceHandler(
        _make_target_group, _alter_target_group, _unmake_target_group
    ),
    "AWS::Logs::LogGroup": ResourceHandler(make=_make_group, unmake=_unmake_group),
    "AWS::S3::Bucket": ResourceHandler(make=_make_bucket, unmake=_unmake_bucket),
    "AWS::SSM::Parameter": ResourceHandler(_make_parameter, _alter_parameter, _unmake_parameter),
}
"""By resource type."""


_UNPLAYED = ("AWS::CloudFormation::CustomResource", "AWS::CloudFormation::Macro", "AWS::CloudFormation::Stack")
"""Types that stand for a program or a stack of their own: they fail, for a success would be a lie."""


def of(type: str) -> ResourceHandler:
    """The handler of a resource type."""
    return UNPLAYED if type in _UNPLAYED or type.startswith("Custom::") else HANDLERS.get(type, USUAL)


@contextmanager
def failing() -> Iterator[None]:
    """Makes a service's refusal the handler's failure."""
    try:
        yield
    except ServiceError as refusal:
        raise ResourceFailure(refusal.message, _CODES.get(refusal.code, "GeneralServiceException")) from None


_CODES = {
    "InvalidParameterException": "InvalidRequest",
    "ParameterAlreadyExists": "AlreadyExists",
    "ServiceNotFoundException": "NotFound",
    "ValidationException": "InvalidRequest",
}


def make(state: SandboxState, order: Order) -> str:
    """Makes a resource; its physical id. Raises Failure, also where the name is taken or a property unknown."""
    for word in unknown_properties(order.type, order.properties):
        raise ResourceFailure(f"Encountered unsupported property {word}")
    name = name_of(order.type, order.properties)
    taken = named(state, order.type, name) if name is not None else None
    if name is not None and taken is not None:
        if taken["owner"] is not None:
            raise ResourceFailure(messages.exists_in_stack(name, taken["owner"]))
        raise ResourceFailure(messages.exists(order.type, name), "AlreadyExists")
    with failing():
        physical = of(order.type).make(state, order)
    add(state, order.type, physical, order.logical, order.stack["id"], order.properties)
    return physical


def unknown_properties(type: str, properties: Mapping[str, Any]) -> list[str]:
    """The properties that a type does not have, as far as its facts tell."""
    facts = facts_of(type)
    return [] if facts is None or facts.open else [key for key in properties if key not in facts.properties]


def missing_properties(type: str, properties: Mapping[str, Any]) -> list[str]:
    """The required properties that are not there, as far as the type's facts tell."""
    facts = facts_of(type)
    return [] if facts is None or facts.open else sorted(key for key in facts.required if key not in properties)


def alter(state: SandboxState, row: Record, properties: Mapping[str, Any], phase: Phase) -> None:
    """Gives the resource of a row other properties. Raises Failure, also where it is gone."""
    resource = find(state, row["type"], row["physical"])
    if resource is None:
        raise ResourceFailure(
            f"Resource of type '{row['type']}' with identifier '{row['physical']}' was not found.", "NotFound"
        )
    with failing():
        of(row["type"]).alter(state, resource, properties, phase)
    change(state, resource, properties)


def unmake(state: SandboxState, row: Record) -> None:
    """Begins to delete the resource of a row; nothing happens if it is gone. Raises Failure."""
    resource = find(state, row["type"], row["physical"])
    if resource is not None:
        with failing():
            of(row["type"]).unmake(state, resource)


def gone(state: SandboxState, row: Record) -> bool:
    """Whether a resource that is being deleted is; then it exists no more."""
    resource = find(state, row["type"], row["physical"])
    if resource is not None:
        if not of(row["type"]).gone(state, resource):
            return False
        remove(state, resource)
    return True


def settled(state: SandboxState, row: Record) -> bool:
    """Whether a resource is as it is to be. Raises Failure if it never will be."""
    resource = find(state, row["type"], row["physical"])
    with failing():
        return resource is None or of(row["type"]).settled(state, resource)


def protection(state: SandboxState, type: str, physical: str) -> ResourceFailure | None:
    """Why a resource cannot be deleted: its deletion protection.

    The words are those of DynamoDB, Elastic Load Balancing and RDS; no page lists them.
    """
    resource = find(state, type, physical)
    properties: Mapping[str, Any] = resource["properties"] if resource is not None else {}
    if type == "AWS::DynamoDB::Table" and _true(properties.get("DeletionProtectionEnabled")):
        words_of = "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
        return ResourceFailure(words_of, "GeneralServiceException")
    if type == "AWS::RDS::DBInstance" and _true(properties.get("DeletionProtection")):
        return ResourceFailure(
            "Cannot delete protected DB Instance, please disable deletion protection and try again.", "InvalidRequest"
        )
    attributes = {one.get("Key"): one.get("Value") for one in properties.get("LoadBalancerAttributes") or ()}
    if _true(attributes.get("deletion_protection.enabled")):
        return ResourceFailure(
            f"Load balancer '{physical}' cannot be deleted because deletion protection is enabled", "ResourceConflict"
        )
    return None


def _true(value: Any) -> bool:
    return value is True or value == "true"


HOOK = "The following hook(s) failed"
"""How the reason of a fault begins that stands for a hook of the account's: CloudFormation says it, no handler."""


def struck(fault: ResourceFault) -> ResourceFailure:
    """The failure that a fault stands for."""
    return ResourceFailure(fault.reason, "" if fault.reason.startswith(HOOK) else fault.code)
