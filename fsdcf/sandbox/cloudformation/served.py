"""The handlers of the types that the sandbox's other services know: what a stack makes is there for their calls as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.sandbox import application_autoscaling, dynamodb, ecs, elbv2, logs, s3, ssm
from fsdcf.sandbox.cloudformation.handler import Failure, Handler, Order, named
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.faults import Phase
from fsdcf.sandbox.shapes import request_of
from fsdcf.sandbox.world import Refusal, World

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
