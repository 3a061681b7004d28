"""What the service runs, by ECS's words, whatever they are."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from fsdcf.deploy.aws import Aws
from fsdcf.deploy.ecs.verification import verify
from fsdcf.deploy.model import Event, Target, WarningIssued
from fsdcf.deploy.run import Run
from fsdcf.deploy.state import Snapshot
from fsdcf.sandbox.state import VirtualClock

NOW = datetime(2027, 3, 1, 12, tzinfo=timezone.utc)
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
    """CloudFormation, ECS and ELB in one: these rows, and these deployments call by call, the last ones for ever; the
    same for the states of the targets, of which None are denied, and the stopped tasks."""

    def __init__(
        self, rows: list[dict[str, Any]], calls: list[Any], targets: list[Any] | None = None, stopped: Any = ()
    ) -> None:
        self.rows, self.calls, self.targets, self.stopped = rows, calls, targets, list(stopped)

    def list_stack_resources(self, **parameters: Any) -> dict[str, Any]:
        return {"StackResourceSummaries": self.rows}

    def describe_services(self, **parameters: Any) -> dict[str, Any]:
        assert parameters == {"cluster": "c", "services": ["s"]}
        told = self.calls.pop(0) if len(self.calls) > 1 else self.calls[0]
        balancers = [{"targetGroupArn": "arn:group"}] if self.targets else []
        service = {"deployments": told, "loadBalancers": balancers, "healthCheckGracePeriodSeconds": 60}
        return {"services": [service] if told is not None else []}

    def describe_target_health(self, **parameters: Any) -> dict[str, Any]:
        assert self.targets is not None
        states = self.targets.pop(0) if len(self.targets) > 1 else self.targets[0]
        listed = [{"Target": {"Id": f"10.0.0.{n}"}, "TargetHealth": {"State": s}} for n, s in enumerate(states)]
        return {"TargetHealthDescriptions": listed}

    def list_tasks(self, **parameters: Any) -> dict[str, Any]:
        return {"taskArns": [one["taskArn"] for one in self.stopped]} if self.stopped else {}

    def describe_tasks(self, **parameters: Any) -> dict[str, Any]:
        return {"tasks": self.stopped}


def deployment(state: str | None, definition: str = "shop:2", status: str = "PRIMARY", **more: Any) -> dict[str, Any]:
    found = {"id": f"{definition}{status}", "status": status, "taskDefinition": definition, **more}
    return found if state is None else {**found, "rolloutState": state}


def verdict(
    *calls: Any,
    rows: list[dict[str, Any]] = ROWS,
    report: bool = False,
    targets: list[Any] | None = None,
    stopped: Any = (),
) -> tuple[str, list[str], float]:
    told: list[Event] = []
    clock = VirtualClock(0.0)
    client = Client(rows, list(calls), targets, stopped)
    aws = Aws(lambda service, region: client, clock.now, clock.advance, random.Random(1), "us-east-1")
    found = verify(Run(aws, told.append, Target("shop", "staging")), STACK, report=report)
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
    assert verdict([deployment("IN_PROGRESS")], report=True) == ("pending", [], 20.0)


def test_a_stack_without_a_service_does_not_call_ecs() -> None:
    assert verdict([], rows=[]) == ("verified", [], 0.0)
    assert verdict([], rows=[{"ResourceType": "AWS::ECS::Service", "LogicalResourceId": "S"}])[0] == "verified"


def complete(running: int, desired: int = 2, pending: int = 0) -> list[dict[str, Any]]:
    return [deployment("COMPLETED", runningCount=running, desiredCount=desired, pendingCount=pending)]


GOOD, NEW = ["healthy", "healthy"], ["healthy", "initial"]
HEALTH: list[tuple[str, list[Any], list[Any] | None, str, float]] = [
    ("a worker", [complete(2)], None, "verified", 0),
    ("zero tasks", [complete(0, 0)], [[]], "verified", 0),
    ("scaled in", [complete(3)], None, "verified", 0),
    ("a task is replaced", [complete(1, pending=1), complete(1, pending=1), complete(2)], None, "verified", 10),
    ("scaled out", [complete(2, 4, 2), complete(2, 6, 4), complete(4, 8, 4)], None, "verified", 10),
    ("a stale read", [complete(0), complete(2)], [GOOD], "verified", 5),
    ("targets", [complete(2)], [GOOD], "verified", 0),
    ("an old target leaves", [complete(2)], [[*GOOD, "draining"]], "verified", 0),
    ("a new target", [complete(2)], [NEW, NEW, GOOD], "verified", 10),
    ("a target without checks", [complete(2)], [["healthy", "unavailable"]], "verified", 0),
    ("a new target for ever", [complete(2)], [NEW], "settling", 240),
    ("tasks that start for ever", [complete(0, pending=2)], None, "settling", 240),
    ("nothing starts", [complete(0)], None, "down", 240),
    ("a target is refused", [complete(2)], [["healthy", "unhealthy"]], "down", 240),
    ("an unused target", [complete(2)], [["healthy", "unused"]], "down", 240),
    ("no target", [complete(2)], [[]], "down", 240),
]


@pytest.mark.parametrize(("name", "calls", "targets", "state", "seconds"), HEALTH, ids=[row[0] for row in HEALTH])
def test_done_is_complete_and_running_and_healthy(
    name: str, calls: list[Any], targets: list[Any] | None, state: str, seconds: float
) -> None:
    found, warnings, took = verdict(*calls, targets=list(targets) if targets else None)
    assert (found, warnings) == (state, []) and took == pytest.approx(seconds, abs=5)
    if state != "verified":
        assert verdict(*calls, targets=list(targets) if targets else None, report=True)[::2] == (state, 20.0)


def crashed(number: int, minutes: float = 1, definition: str = "shop:2", **more: Any) -> dict[str, Any]:
    return {
        "taskArn": f"arn:aws:ecs:x:0:task/c/{number:032x}",
        "taskDefinitionArn": definition,
        "startedBy": "ecs-svc/1",
        "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED",
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "createdAt": NOW - timedelta(minutes=minutes + 1),
        "stoppedAt": NOW - timedelta(minutes=minutes),
        "containers": [{"name": "shop", "exitCode": 137}],
        **more,
    }


BY_AWS = {"stopCode": "SpotInterruption", "stoppedReason": "Your Spot Task was interrupted."}
CRASHES: list[tuple[str, list[Any], str, float]] = [
    ("a crash loop is told at once", [crashed(1), crashed(2)], "down", 0),
    ("one crash is waited for", [crashed(1)], "down", 240),
    ("of the old version", [crashed(1, definition="shop:1"), crashed(2, definition="shop:1")], "settling", 240),
    ("long ago", [crashed(1, 50), crashed(2, 40), crashed(3, 0, **BY_AWS)], "settling", 240),
    ("by AWS", [crashed(1, **BY_AWS), crashed(2, **BY_AWS)], "settling", 240),
]


@pytest.mark.parametrize(("name", "stopped", "state", "seconds"), CRASHES, ids=[row[0] for row in CRASHES])
def test_tasks_that_are_missing(name: str, stopped: list[Any], state: str, seconds: float) -> None:
    found, _, took = verdict(complete(1, pending=1), stopped=stopped)
    assert found == state and took == pytest.approx(seconds, abs=5)


def test_a_service_that_crashed_must_stay_steady() -> None:
    stopped = [crashed(1), crashed(2)]
    assert verdict(complete(2), stopped=stopped, report=True)[::2] == ("verified", 20.0)
