"""A service with a log group in the sandbox, and helpers for the tests of operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.deploy.model import StepStarted, Target
from fsdcf.sandbox import logs
from fsdcf.sandbox.ecs import tasks
from tests.deploy.site import STACK, TAGS, Site, service, site, template

TARGET = Target("shop", "staging")
GROUP = "/shop"


def shop(
    *faults: str,
    count: int = 1,
    execute: bool = False,
    bounds: tuple[int, int] | None = None,
    single: bool = False,
    tags: Mapping[str, str] = TAGS,
) -> Site:
    """A sandbox with the deployed service. The faults are added afterwards."""
    found = site()
    found.stand(body(count, execute, bounds, single), tags=tags)
    found.fault(*faults)
    found.forget()
    return found


def body(count: int, execute: bool, bounds: tuple[int, int] | None, single: bool) -> dict[str, Any]:
    """Its template."""
    resources = service(count)
    options = {"awslogs-group": GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "shop"}
    container = resources["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    container["LogConfiguration"] = {"LogDriver": "awslogs", "Options": options}
    properties = resources["Service"]["Properties"]
    properties["EnableExecuteCommand"] = execute
    if single:
        properties["DeploymentConfiguration"] = {"MinimumHealthyPercent": 0, "MaximumPercent": 100}
        properties["AvailabilityZoneRebalancing"] = "DISABLED"
    resources["LogGroup"] = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": GROUP}}
    if bounds:
        del properties["DesiredCount"]
        resources["ScalableTarget"] = {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {
                "ServiceNamespace": "ecs",
                "ScalableDimension": "ecs:service:DesiredCount",
                "ResourceId": {"Fn::Sub": "service/${Cluster}/${Service.Name}"},
                "MinCapacity": bounds[0],
                "MaxCapacity": bounds[1],
            },
        }
    outputs = {
        "ClusterName": {"Value": {"Ref": "Cluster"}},
        "ServiceName": {"Value": {"Fn::GetAtt": ["Service", "Name"]}},
        "LogGroupName": {"Value": {"Ref": "LogGroup"}},
    }
    return {**template(**resources), "Outputs": outputs}


def described(found: Site) -> dict[str, Any]:
    """The service in the format of ECS."""
    names = {one["OutputKey"]: one["OutputValue"] for one in _stack(found)["Outputs"]}
    answer = found.call("DescribeServices", "ecs", cluster=names["ClusterName"], services=[names["ServiceName"]])
    service: dict[str, Any] = answer["services"][0]
    return service


def _stack(found: Site) -> dict[str, Any]:
    stack: dict[str, Any] = found.call("DescribeStacks", StackName=STACK)["Stacks"][0]
    return stack


def running(found: Site) -> list[str]:
    """The IDs of the service's running tasks, latest first."""
    service = described(found)
    arns = found.call("ListTasks", "ecs", cluster=service["clusterArn"], serviceName=service["serviceName"])["taskArns"]
    return [arn.rpartition("/")[2] for arn in arns]


def one_off_tasks(found: Site) -> list[dict[str, Any]]:
    """The tasks that were not started by a service."""
    return [one["task"] for one in tasks.known(found.state) if not one["service"]]


def say(found: Site, task: str, *lines: str) -> None:
    """Log lines of a task now."""
    logs.write(found.state, GROUP, f"shop/shop/{task}", lines)


def steps(found: Site) -> list[str]:
    return [one.text for one in found.told if isinstance(one, StepStarted)]


def change(found: Site, task: str, **more: Any) -> None:
    """Change the task in ECS."""
    key = f"{described(found)['clusterArn'].rpartition('/')[2]}/{task}"
    body = found.state.store.get(tasks.TASK, key)
    assert body is not None
    body["task"].update(more)
    found.state.store.put(tasks.TASK, key, body)
