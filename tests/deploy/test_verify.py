"""What the service runs, by ECS's words, whatever they are."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fsdcf.deploy.aws import Aws
from fsdcf.deploy.ecs.verification import verify
from fsdcf.deploy.model import Event, Target, WarningIssued
from fsdcf.deploy.run import Run
from fsdcf.deploy.state import Snapshot
from fsdcf.sandbox.state import VirtualClock

STACK = Snapshot("shop", "arn:stack", "UPDATE_COMPLETE")
ROWS = [
    {
        "LogicalResourceId": "Service",
        "ResourceType": "AWS::ECS::Service",
        "PhysicalResourceId": "arn:aws:ecs:x:0:service/c/s",
    },
    {"LogicalResourceId": "TaskDefinition", "ResourceType": "AWS::ECS::TaskDefinition", "PhysicalResourceId": "shop:2"},
]


class Client:
    """CloudFormation and ECS in one: these rows, and these deployments call by call, the last ones for ever."""

    def __init__(self, rows: list[dict[str, Any]], calls: list[Any]) -> None:
        self.rows, self.calls = rows, calls

    def list_stack_resources(self, **parameters: Any) -> dict[str, Any]:
        return {"StackResourceSummaries": self.rows}

    def describe_services(self, **parameters: Any) -> dict[str, Any]:
        assert parameters == {"cluster": "c", "services": ["s"]}
        told = self.calls.pop(0) if len(self.calls) > 1 else self.calls[0]
        return {"services": [{"deployments": told}] if told is not None else []}

    def list_tasks(self, **parameters: Any) -> dict[str, Any]:
        return {}


def deployment(state: str | None, definition: str = "shop:2", status: str = "PRIMARY", **more: Any) -> dict[str, Any]:
    found = {"id": f"{definition}{status}", "status": status, "taskDefinition": definition, **more}
    return found if state is None else {**found, "rolloutState": state}


def verdict(*calls: Any, rows: list[dict[str, Any]] = ROWS, patient: bool = True) -> tuple[str, list[str], float]:
    told: list[Event] = []
    clock = VirtualClock(0.0)
    client = Client(rows, list(calls))
    aws = Aws(lambda service, region: client, clock.now, clock.advance, random.Random(1), "us-east-1")
    found = verify(Run(aws, told.append, Target("shop", "staging")), STACK, patient=patient)
    return found.state, [one.text for one in told if isinstance(one, WarningIssued)], clock.now()


@pytest.mark.parametrize(
    ("deployments", "state"),
    [
        ([deployment("COMPLETED")], "verified"),
        ([deployment("FAILED")], "astray"),
        ([deployment("COMPLETED", "shop:1")], "astray"),
        ([deployment("IN_PROGRESS", "shop:1")], "astray"),
        ([deployment("COMPLETED", "shop:1"), deployment("FAILED", status="ACTIVE", failedTasks=3)], "astray"),
        ([deployment("COMPLETED"), deployment("FAILED", status="ACTIVE")], "verified"),
        ([deployment(None)], "unread"),
        ([deployment("COMPLETED", status="ACTIVE")], "unread"),
        ([], "unread"),
        (None, "unread"),
        ([{"status": "PRIMARY"}], "unread"),
    ],
)
def test_the_primary_deployment_decides(deployments: Any, state: str) -> None:
    found, warnings, _ = verdict(deployments)
    assert found == state
    assert bool(warnings) == (state == "unread")


def test_a_rollout_in_progress_is_waited_for() -> None:
    waiting = [deployment("IN_PROGRESS")]
    found, _, seconds = verdict(waiting, waiting, waiting, [deployment("COMPLETED")])
    assert found == "verified"
    assert seconds == pytest.approx(15.0)


def test_a_rollout_in_progress_that_fails() -> None:
    assert verdict([deployment("IN_PROGRESS")], [deployment("FAILED")])[0] == "astray"


def test_a_rollout_without_end_is_pending() -> None:
    found, _, seconds = verdict([deployment("IN_PROGRESS")])
    assert found == "pending"
    assert seconds < 700
    assert verdict([deployment("IN_PROGRESS")], patient=False) == ("pending", [], 0.0)


def test_a_stack_without_a_service_does_not_call_ecs() -> None:
    assert verdict([], rows=[]) == ("verified", [], 0.0)
    assert verdict([], rows=[{"ResourceType": "AWS::ECS::Service", "LogicalResourceId": "S"}])[0] == "verified"
