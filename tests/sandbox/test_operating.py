"""What operating a service asks for: one-off tasks, sessions, scaling bounds, filters of logs."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from fsdcf.sandbox import application_autoscaling, logs
from tests.sandbox.conftest import Sandbox
from tests.sandbox.rollouts import Service

TARGET = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/c/s",
    "ScalableDimension": "ecs:service:DesiredCount",
    "MinCapacity": "2",
    "MaxCapacity": 10,
}


def test_a_task_is_started_once_for_a_token(sandbox: Sandbox) -> None:
    ecs = sandbox.client("ecs")
    service = Service(sandbox)
    definition = service.define("one")
    first = ecs.run_task(cluster="c", taskDefinition=definition, clientToken="a")["tasks"]
    again = ecs.run_task(cluster="c", taskDefinition=definition, clientToken="a")["tasks"]
    other = ecs.run_task(cluster="c", taskDefinition=definition, clientToken="b")["tasks"]
    assert [one["taskArn"] for one in first] == [one["taskArn"] for one in again] != [one["taskArn"] for one in other]
    assert len(ecs.list_tasks(cluster="c")["taskArns"]) == 2


def test_a_session_needs_a_task_with_the_agent(sandbox: Sandbox) -> None:
    service = Service(sandbox, enableExecuteCommand=True)
    service.create()
    ecs = sandbox.client("ecs")

    def enter(task: str, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = ecs.execute_command(
            cluster="c", task=task, command="/bin/sh", interactive=True, **more
        )
        return answer

    sandbox.pass_time(6)
    (early,) = service.tasks()
    with pytest.raises(ClientError, match="execute command agent isn"):
        enter(early["taskArn"])
    service.wait()
    (task,) = service.tasks()
    assert task["containers"][0]["managedAgents"][0]["lastStatus"] == "RUNNING"
    answer = enter(task["taskArn"])
    assert (answer["containerName"], answer["interactive"]) == ("web", True)
    assert answer["session"]["streamUrl"].startswith("wss://") and answer["session"]["tokenValue"]
    assert enter(task["taskArn"])["session"]["sessionId"] != answer["session"]["sessionId"]
    with pytest.raises(ClientError, match="container was not found"):
        enter(task["taskArn"], container="none")


@pytest.mark.parametrize(("least", "most", "count"), [(3, 10, 3), (1, 10, 2), (0, 1, 1)])
def test_a_number_of_tasks_outside_of_the_bounds_is_brought_within(
    sandbox: Sandbox, least: int, most: int, count: int
) -> None:
    service = Service(sandbox, desiredCount=2)
    service.create()
    service.wait()
    application_autoscaling.put_target(sandbox.state, "s", {**TARGET, "MinCapacity": least, "MaxCapacity": most})
    service.until(lambda answer: answer["runningCount"] == count)
    answer = service.describe()
    assert (answer["desiredCount"], answer["runningCount"], len(answer["deployments"])) == (count, count, 1)


def test_the_bounds_of_auto_scaling(sandbox: Sandbox) -> None:
    application_autoscaling.put_target(sandbox.state, "s", TARGET)
    application_autoscaling.put_target(
        sandbox.state,
        "t",
        {**TARGET, "ResourceId": "service/c/t", "SuspendedState": {"DynamicScalingInSuspended": "true"}},
    )
    client = sandbox.client("application-autoscaling")
    one, two = client.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert (one["MinCapacity"], one["MaxCapacity"], one["ResourceId"]) == (2, 10, "service/c/s")
    assert not one["SuspendedState"]["DynamicScalingInSuspended"] and two["SuspendedState"]["DynamicScalingInSuspended"]
    page = client.describe_scalable_targets(ServiceNamespace="ecs", MaxResults=1)
    rest = client.describe_scalable_targets(ServiceNamespace="ecs", MaxResults=1, NextToken=page["NextToken"])
    assert [page["ScalableTargets"], rest["ScalableTargets"]] == [[one], [two]] and "NextToken" not in rest
    assert client.describe_scalable_targets(ServiceNamespace="rds")["ScalableTargets"] == []
    application_autoscaling.put_target(sandbox.state, "t", {**TARGET, "ResourceId": "service/c/t"})
    _, two = client.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert two["SuspendedState"]["DynamicScalingInSuspended"], "what is left out is not changed"
    application_autoscaling.remove_target(sandbox.state, "s")
    assert (
        client.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=["service/c/s"])["ScalableTargets"] == []
    )


@pytest.mark.parametrize(
    ("pattern", "lines"),
    [
        ("GET -health", ["GET /a 500"]),
        ("?500 ?POST", ["GET /a 500", "POST /b 201"]),
        ("", ["GET /a 500", "GET /health 200", "POST /b 201"]),
        ('"/b 201"', ["POST /b 201"]),
    ],
)
def test_filters_of_logs(sandbox: Sandbox, pattern: str, lines: list[str]) -> None:
    logs.write(sandbox.state, "g", "web/web/1", ["GET /a 500", "GET /health 200"])
    logs.write(sandbox.state, "g", "web/web/2", ["POST /b 201"])
    events = sandbox.client("logs").filter_log_events(
        logGroupName="g", **({"filterPattern": pattern} if pattern else {})
    )["events"]
    assert [one["message"] for one in events] == lines
    assert len({one["eventId"] for one in events}) == len(events)
