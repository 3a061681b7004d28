"""A new task as DescribeTasks first tells it, and the scene that its life depends on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.sandbox import elbv2
from fsdcf.sandbox.ecs.endings import ContainerCheck, Scene
from fsdcf.sandbox.ecs.names import cluster_arn, task_arn
from fsdcf.sandbox.ids import token, unique
from fsdcf.sandbox.world import World

Document = dict[str, Any]


def new(world: World, key: str, number: int, definition: Mapping[str, Any], asked: Mapping[str, Any]) -> Document:
    """A task as DescribeTasks first tells it."""
    arn = task_arn(world, key)
    subnets = asked.get("network", {}).get("awsvpcConfiguration", {}).get("subnets") or ["subnet-00000000"]
    interface = token(key, "interface")
    details = {
        "subnetId": subnets[number % len(subnets)],
        "networkInterfaceId": f"eni-{interface}",
        "macAddress": "0e:" + ":".join(interface[at : at + 2] for at in range(0, 10, 2)),
        "privateIPv4Address": address(number),
    }
    attachment = {
        "id": unique(key, "attachment"),
        "type": "ElasticNetworkInterface",
        "status": "PRECREATED",
        "details": [{"name": name, "value": value} for name, value in details.items()],
    }
    strategy = asked.get("strategy") or []
    return {
        "taskArn": arn,
        "clusterArn": cluster_arn(world, key.partition("/")[0]),
        "taskDefinitionArn": definition["taskDefinitionArn"],
        "group": asked["group"],
        "startedBy": asked.get("startedBy"),
        "lastStatus": "PROVISIONING",
        "desiredStatus": "RUNNING",
        "healthStatus": "UNKNOWN",
        "launchType": "FARGATE",
        "capacityProviderName": strategy[number % len(strategy)]["capacityProvider"] if strategy else None,
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "cpu": definition.get("cpu"),
        "memory": definition.get("memory"),
        "availabilityZone": world.region + "abc"[number % 3],
        "createdAt": world.clock.now(),
        "version": 1,
        "enableExecuteCommand": bool(asked.get("execute")),
        "overrides": asked.get("overrides", {"containerOverrides": []}),
        "tags": list(asked.get("tags", [])),
        "attachments": [attachment],
        "containers": [
            {
                "containerArn": world.arn("ecs", f"container/{key}/{unique(key, one['name'])}"),
                "taskArn": arn,
                "name": one["name"],
                "image": one["image"],
                "lastStatus": "PENDING",
                "healthStatus": "UNKNOWN",
                "networkInterfaces": [{"attachmentId": attachment["id"], "privateIpv4Address": address(number)}],
                "cpu": str(one.get("cpu", 0)),
            }
            for one in definition["containerDefinitions"]
        ],
    }


def address(number: int) -> str:
    return f"10.0.{128 + number // 250 % 100}.{4 + number % 250}"


def _main(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container that a trouble strikes: the first essential one with a port, or the first essential one."""
    essential = [one for one in definition["containerDefinitions"] if one.get("essential", True)]
    found: Mapping[str, Any] = next(
        (one for one in essential if one.get("portMappings")), (essential or definition["containerDefinitions"])[0]
    )
    return found


def scene_of(world: World, definition: Mapping[str, Any], asked: Mapping[str, Any]) -> Scene:
    main = _main(definition)
    check = main.get("healthCheck")
    told = check or {}
    balancer: Mapping[str, Any] = next(iter(asked.get("balancers", [])), {})
    group = balancer.get("targetGroupArn", "")
    ports = [mapping.get("containerPort", 0) for mapping in main.get("portMappings", [])]
    container_check = (
        ContainerCheck(told.get("interval", 30), told.get("retries", 3), told.get("startPeriod", 0)) if check else None
    )
    return Scene(
        world.region,
        world.account,
        main["image"],
        main["name"],
        next(iter([*main.get("entryPoint", []), *main.get("command", [])]), ""),
        (definition.get("executionRoleArn") or "").rpartition("/")[2],
        next((one["valueFrom"] for one in main.get("secrets", [])), ""),
        main.get("logConfiguration", {}).get("options", {}).get("awslogs-group", ""),
        balancer.get("containerPort") or next(iter(ports), 0),
        group,
        float(asked.get("grace", 0)),
        container_check,
        elbv2.check_of(world, group),
    )


def log_stream(definition: Mapping[str, Any], container: str, task: str) -> list[str]:
    """The log group and the stream of a task's main container; empty if it does not log there."""
    main = next(one for one in definition["containerDefinitions"] if one["name"] == container)
    options = main.get("logConfiguration", {}).get("options", {})
    if not options.get("awslogs-group"):
        return []
    return [options["awslogs-group"], f"{options.get('awslogs-stream-prefix', 'ecs')}/{container}/{task}"]
