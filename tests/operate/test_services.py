"""Services: every stack of fsdcf with its tasks, those in trouble first, in few calls."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cli.commands.services import service_record, services_lines
from fsdcf.conventions import ENVIRONMENT_TAG, SERVICE_TAG
from fsdcf.deploy.aws import Aws
from fsdcf.deploy.model import Event, Target, WarningIssued
from fsdcf.deploy.run import Run
from fsdcf.diagnostics import plain
from fsdcf.operate.services import ManagedService, services
from tests.deploy.site import site
from tests.operate.shop import shop


class Account:
    """AWS with these stacks, on pages of a hundred, and their ECS services. ``calls`` are those that were made."""

    region = "eu-west-1"

    def __init__(self, *stacks: dict[str, Any], **ecs: dict[str, Any] | Exception) -> None:
        self.stacks = stacks
        self.ecs = ecs
        self.calls: list[str] = []
        self.largest = 0

    def pages(self, service: str, operation: str) -> Any:
        for start in range(0, max(1, len(self.stacks)), 100):
            self.calls.append(operation)
            yield {"Stacks": list(self.stacks[start : start + 100])}

    def call(self, service: str, operation: str, *, cluster: str, services: list[str]) -> Any:
        self.calls.append(operation)
        self.largest = max(self.largest, len(services))
        return {"services": [self.ecs[name] for name in services if name in self.ecs]}


def stack(service: str, status: str = "UPDATE_COMPLETE", environment: str = "prod", **more: Any) -> dict[str, Any]:
    outputs = {"ClusterName": more.pop("cluster", f"{service}-cluster"), "ServiceName": service.replace("-", "")}
    return {
        "StackName": f"{service}-{environment}",
        "StackId": f"arn:{service}",
        "StackStatus": status,
        "Tags": [{"Key": SERVICE_TAG, "Value": service}, {"Key": ENVIRONMENT_TAG, "Value": environment}],
        "Parameters": [{"ParameterKey": "ImageSha", "ParameterValue": "3f2c1ab"}],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        **more,
    }


def running(name: str, running: int = 2, desired: int = 2, rollout: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    return {
        "serviceArn": f"arn:aws:ecs:eu-west-1:123456789012:service/{name}-cluster/{name}",
        "serviceName": name,
        "status": "ACTIVE",
        "runningCount": running,
        "desiredCount": desired,
        "deployments": [{"id": "1", "status": "PRIMARY", "rolloutState": rollout}],
        **more,
    }


LOOPING = {"message": "(service shop) is unable to consistently start tasks successfully."}
STEADY = {"message": "(service shop) has reached a steady state."}
STARTED = {"message": "(service shop) has started 1 tasks: (task 0a1b)."}


def look(account: Any, environment: str | None = None) -> tuple[tuple[ManagedService, ...], list[str]]:
    told: list[Event] = []
    found = services(Run(account, told.append, Target("", "")), environment)
    return found, [event.text for event in told if isinstance(event, WarningIssued)]


@pytest.mark.parametrize(
    ("status", "ecs", "condition", "state"),
    [
        ("UPDATE_COMPLETE", running("shop"), "good", "running"),
        ("UPDATE_COMPLETE", running("shop", 0), "trouble", "no task runs"),
        ("UPDATE_COMPLETE", running("shop", 1), "trouble", "not all of its tasks run"),
        ("UPDATE_COMPLETE", running("shop", 1, rollout="IN_PROGRESS"), "changing", "a rollout is in progress"),
        ("UPDATE_COMPLETE", running("shop", rollout="FAILED"), "trouble", "the deployment failed"),
        ("UPDATE_COMPLETE", running("shop", 0, 0), "notable", "scaled to zero"),
        ("UPDATE_COMPLETE", running("shop", 0, 0, events=[LOOPING]), "notable", "scaled to zero"),
        ("UPDATE_COMPLETE", running("shop", events=[STEADY, LOOPING]), "good", "running"),
        ("UPDATE_COMPLETE", running("shop", events=[STARTED, LOOPING]), "trouble", "its tasks fail again and again"),
        ("UPDATE_COMPLETE", running("shop", status="INACTIVE"), "trouble", "its ECS service does not exist"),
        ("UPDATE_COMPLETE", None, "trouble", "its ECS service does not exist"),
        ("UPDATE_ROLLBACK_COMPLETE", running("shop"), "notable", "the last deploy was rolled back"),
        ("UPDATE_IN_PROGRESS", running("shop", 1), "changing", "UPDATE_IN_PROGRESS"),
        ("ROLLBACK_COMPLETE", None, "trouble", "the creation failed (ROLLBACK_COMPLETE)"),
        ("UPDATE_ROLLBACK_FAILED", running("shop"), "trouble", "the rollback failed (UPDATE_ROLLBACK_FAILED)"),
        ("REVIEW_IN_PROGRESS", None, "notable", "in review: it was never deployed"),
    ],
)
def test_how_a_service_is(status: str, ecs: dict[str, Any] | None, condition: str, state: str) -> None:
    (one,), warnings = look(Account(stack("shop", status), **({"shop": ecs} if ecs else {})))
    assert (one.condition, one.state, one.version, warnings) == (condition, state, "3f2c1ab", [])


def test_a_paused_service() -> None:
    paused = {"OutputKey": "Paused", "OutputValue": "since 2026-11-29 15:02:11 UTC (3 tasks before)"}
    body = stack("shop")
    (one,), _ = look(Account({**body, "Outputs": [*body["Outputs"], paused]}, shop=running("shop", 0, 0)))
    assert (one.condition, one.state) == ("notable", "paused since 2026-11-29 15:02:11 UTC")


def test_services_in_trouble_come_first() -> None:
    account = Account(
        stack("b"),
        stack("a"),
        stack("d", "UPDATE_IN_PROGRESS"),
        stack("c", "UPDATE_ROLLBACK_FAILED"),
        stack("a", environment="dev"),
        {**stack("foreign"), "Tags": []},
        stack("fsdcf", environment="pipeline"),
        **{name: running(name) for name in "abcd"},
    )
    found, _ = look(account)
    assert [(one.service, one.environment) for one in found] == [
        ("c", "prod"),
        ("d", "prod"),
        ("a", "dev"),
        ("a", "prod"),
        ("b", "prod"),
    ]
    lines = list(services_lines(found, plain, None))
    assert lines[0].split() == ["SERVICE", "ENVIRONMENT", "VERSION", "TASKS", "STATE"]
    assert lines[1].split()[:5] == ["c", "prod", "3f2c1ab", "2/2", "!"]
    assert len({line.index("3f2c1ab") for line in lines[1:]}) == 1, "the columns are aligned"
    record = service_record(found[0])
    assert (record["condition"], record["tasks"]) == ("trouble", {"desired": 2, "running": 2, "pending": 0})
    dev, _ = look(account, "dev")
    assert [(one.service, one.environment) for one in dev] == [("a", "dev")]


def test_a_narrow_terminal_has_no_time() -> None:
    made = shop()
    found = services(Run(made.aws, made.tell, Target("", "")))
    wide, narrow = list(services_lines(found, plain, 120)), list(services_lines(found, plain, 60))
    assert "CHANGED" in wide[0] and "UTC" in wide[1] and "CHANGED" not in narrow[0]
    assert wide[1].split()[:5] == ["shop", "staging", "one", "1/1", "running"]


def test_a_large_account_needs_few_calls() -> None:
    names = [f"s{number}" for number in range(1000)]
    stacks = [stack(name, cluster="shared") for name in names[:200]]
    stacks += [{**stack(name), "Tags": []} for name in names[200:]]
    account = Account(*stacks, **{name: running(name) for name in names})
    found, _ = look(account)
    assert len(found) == 200 and all(one.condition == "good" for one in found)
    assert account.calls.count("DescribeStacks") == 10
    assert account.calls.count("DescribeServices") == 20 and account.largest == 10


def test_tasks_that_cannot_be_read() -> None:
    made = shop("api:DescribeServices:error=AccessDeniedException")
    found = services(Run(made.aws, made.tell, Target("", "")))
    assert (found[0].state, found[0].ecs, service_record(found[0])["tasks"]) == ("its tasks are unknown", None, None)
    assert len(made.warnings()) == 1 and "the tasks of some services are unknown" in made.warnings()[0]


def test_a_cluster_that_is_gone() -> None:
    made = shop("api:DescribeServices:error=ClusterNotFoundException")
    found = services(Run(made.aws, made.tell, Target("", "")))
    assert found[0].state == "its ECS service does not exist" and made.warnings() == []


def test_no_service() -> None:
    empty = site()
    assert isinstance(empty.aws, Aws) and services(Run(empty.aws, empty.tell, Target("", ""))) == ()
