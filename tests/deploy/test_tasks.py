"""Tasks through their states: times by ECS's stamps and by what was seen, whichever is known; both checks; clocks that
differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from fsdcf.deploy.ecs.rollout import ServiceRollout, add_failed_tasks
from fsdcf.deploy.ecs.service import TargetHealth
from fsdcf.deploy.ecs.tasks import STATES, TaskHistory, stop_cause, who_stopped
from fsdcf.deploy.model import RolloutChanged, TaskState
from tests.deploy.faults.test_tasks import web
from tests.deploy.site import site

AWS = datetime(2027, 3, 1, 12, 0, 0, tzinfo=timezone.utc)


def at(seconds: float) -> datetime:
    return AWS + timedelta(seconds=seconds)


def raw(status: str, **more: Any) -> dict[str, Any]:
    return {
        "taskArn": "arn:aws:ecs:x:0:task/c/0a1b2c3d4e5f",
        "lastStatus": status,
        "startedBy": "new",
        "createdAt": at(0),
        **more,
    }


def told(
    history: TaskHistory, now: float, status: str, health: dict[str, tuple[str, str]] | None = None, **more: Any
) -> TaskState:
    one = raw(status, **more)
    history.observe([one], now)
    return history.state(one, now, {"new"}, health or {})


@pytest.mark.parametrize("skew", [0.0, -600.0, 600.0])
def test_durations_do_not_depend_on_the_clocks(skew: float) -> None:
    history, zero = TaskHistory(), AWS.timestamp() + skew
    assert told(history, zero + 0, "PROVISIONING") == TaskState("0a1b2c3d4e5f", "PROVISIONING", 0.0)
    assert told(history, zero + 8, "PENDING").past == (("PROVISIONING", 8.0),)
    running = told(history, zero + 30, "RUNNING", startedAt=at(25))
    assert running.past == (("PROVISIONING", 8.0), ("PENDING", 17.0))
    assert running.since == 5.0
    stamps = {"startedAt": at(25), "stoppingAt": at(40), "executionStoppedAt": at(70), "stoppedAt": at(82)}
    told(history, zero + 43, "DEACTIVATING", **{key: stamps[key] for key in ("startedAt", "stoppingAt")})
    end = told(
        history,
        zero + 90,
        "STOPPED",
        stoppedReason="Essential container in task exited",
        containers=[{"exitCode": 1}],
        **stamps,
    )
    assert end.past == (
        ("PROVISIONING", 8.0),
        ("PENDING", 17.0),
        ("RUNNING", 15.0),
        ("DEACTIVATING", 30.0),
        ("DEPROVISIONING", 12.0),
    )
    assert end.failed and end.reason == "Essential container in task exited; exit code 1"


def test_an_accelerated_sandbox() -> None:
    history = TaskHistory(pace=0.1)
    told(history, 0.0, "PROVISIONING")
    assert told(history, 80.0, "RUNNING", startedAt=at(7)).past == (("PROVISIONING", 70.0),)


def test_the_health_checks() -> None:
    details = [{"details": [{"name": "privateIPv4Address", "value": "10.0.0.4"}]}]
    bad = {"10.0.0.4": TargetHealth("10.0.0.4", "unhealthy", "Target.Timeout: Request timed out")}
    history = TaskHistory()
    task = told(history, 9.0, "RUNNING", bad, healthStatus="HEALTHY", attachments=details)
    assert (task.container, task.target, task.target_reason) == (
        "HEALTHY",
        "unhealthy",
        "Target.Timeout: Request timed out",
    )
    later = told(
        history,
        12.0,
        "DEACTIVATING",
        {"10.0.0.4": TargetHealth("10.0.0.4", "draining")},
        attachments=details,
        stoppedReason="Task failed ELB health checks in (x)",
    )
    assert later.target_reason == "Target.Timeout: Request timed out"
    assert told(history, 1.0, "RUNNING", healthStatus="UNKNOWN").container == ""


def test_a_replaced_task_has_not_failed() -> None:
    task = told(
        TaskHistory(),
        0.0,
        "DEACTIVATING",
        stoppedReason="Scaling activity initiated by (deployment ecs-svc/1)",
        startedBy="old",
    )
    assert not task.failed and not task.new


def test_an_unknown_state_comes_last() -> None:
    history = TaskHistory()
    told(history, 0.0, "PROVISIONING")
    assert told(history, 5.0, "TELEPORTING").past == (("PROVISIONING", 5.0),)


def test_every_state_of_a_rollout_is_reported_once() -> None:
    made = site()
    made.stand(web(2))
    assert made.deploy(web(2), "two").exit == 0
    seen = [one for one in made.told if isinstance(one, RolloutChanged)]
    statuses = {task.status for event in seen for task in event.tasks}
    assert statuses <= set(STATES) and {"PROVISIONING", "PENDING", "RUNNING", "DEACTIVATING"} <= statuses
    pictures = [
        replace(one, elapsed=0.0, tasks=tuple(replace(task, since=0.0, past=()) for task in one.tasks)) for one in seen
    ]
    assert all(before != after for before, after in pairwise(pictures))
    last = seen[-1]
    assert (last.running, last.desired, last.failed, last.threshold) == (2, 2, 0, 2)
    ours = [task for task in last.tasks if task.new]
    assert len(ours) == 2 and all(task.status == "RUNNING" and task.target == "healthy" for task in ours)
    for task in ours:
        assert dict(task.past)["PROVISIONING"] == pytest.approx(8.0, abs=6.0)


SCHEDULER, GROUP = (
    "ServiceSchedulerInitiated",
    "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/spot-draining/0a1b",
)
STOPS = [
    (SCHEDULER, "Service web: ECS is performing maintenance on the underlying infrastructure hosting the task", "AWS"),
    (SCHEDULER, "ECS is performing maintenance on the underlying infrastructure hosting the task", "AWS"),
    ("UserInitiated", "Amazon ECS is performing maintenance on the underlying infrastructure hosting the task", "AWS"),
    ("InfrastructureHealth", "Task stopped because its infrastructure is impaired", "AWS"),
    ("TerminationNotice", "", "AWS"),
    ("", "Host EC2 (instance i-0a1b2c3d4e5f) terminated.", "AWS"),
    ("", "Host EC2 (instance i-0a1b2c3d4e5f) stopped.", "AWS"),
    (SCHEDULER, "Task stopped during instance draining", "AWS"),
    (SCHEDULER, "(service web) (instance i-1) container instance is in DRAINING state", "AWS"),
    ("SpotInterruption", "Your Spot Task was interrupted.", "Spot"),
    ("TerminationNotice", "Your Spot Task was interrupted.", "Spot"),
    (SCHEDULER, "Your Spot Task was interrupted", "Spot"),
    ("SpotInterruption", "", "Spot"),
    (SCHEDULER, "Amazon ECS stopped the task for Availability Zone rebalancing", "rebalancing"),
    (SCHEDULER, "Task stopped due to AZ rebalancing", "rebalancing"),
    (SCHEDULER, "Scaling activity initiated by (deployment ecs-svc/1)", "scaling"),
    (SCHEDULER, "Scaling activity initiated by deployment ecs-svc/1", "scaling"),
    (SCHEDULER, "Scaling activity initiated by (deployment ecs-svc/2)", "deployment"),
    (SCHEDULER, "Deployment ecs-svc/2 replaced the task", "deployment"),
    (SCHEDULER, "Service is being deleted.", "deletion"),
    (SCHEDULER, "Another reason, in words of next year", "ECS"),
    ("AnotherCode", "Another reason", "ECS"),
    ("UserInitiated", "Task stopped by user", "person"),
    ("UserInitiated", "Container health checks, OutOfMemoryError", "person"),
    ("", "Task stopped by user", "person"),
]
FAILURES = [
    (SCHEDULER, f"Task failed ELB health checks in (target-group {GROUP})", "health check", "load balancer"),
    (SCHEDULER, "Task failed ELB health checks in (elb spot-maintenance)", "health check", "load balancer"),
    (SCHEDULER, "Task failed container health checks", "health check", "container"),
    ("", "Task failed container health checks", "health check", "container"),
    (SCHEDULER, "Unhealthy", "health check", "health check"),
    ("EssentialContainerExited", "Essential container in task exited", "application", "memory"),
    ("", "Essential container in task exited", "application", "memory"),
    ("TaskFailedToStart", "CannotPullContainerError: scheduled maintenance of the registry", "start", "started"),
    ("", "Task failed to start", "application", "memory"),
]
KILLED = [{"name": "web", "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}]


@pytest.mark.parametrize(("code", "reason", "by"), STOPS)
def test_who_stopped_a_task_decides_before_its_exit_code(code: str, reason: str, by: str) -> None:
    one = raw("STOPPED", stopCode=code, stoppedReason=reason, containers=KILLED) | {"startedBy": "ecs-svc/1"}
    cause = stop_cause(one)
    assert (cause.by, cause.counts, cause.signalled) == (by, False, True)
    assert cause.text and "memory" not in cause.text.replace(reason, "")
    assert not add_failed_tasks(ServiceRollout("arn:s"), [one]).stopped
    state = TaskHistory().state(one, 0.0, (), {})
    assert not state.failed and "137" not in state.reason and "killed" not in state.reason


@pytest.mark.parametrize(("code", "reason", "by", "word"), FAILURES)
def test_failures_of_the_version_count(code: str, reason: str, by: str, word: str) -> None:
    one = raw("STOPPED", stopCode=code, stoppedReason=reason, containers=KILLED) | {"startedBy": "ecs-svc/1"}
    cause = stop_cause(one)
    assert (cause.by, cause.counts) == (by, True) and word in cause.text
    assert len(add_failed_tasks(ServiceRollout("arn:s"), [one]).stopped) == 1
    assert TaskHistory().state(one, 0.0, (), {}).failed


@pytest.mark.parametrize(("primary", "by"), [("ecs-svc/1", "scaling"), ("ecs-svc/2", "deployment"), ("", "scaling")])
def test_a_newer_deployment_replaces_a_task(primary: str, by: str) -> None:
    reason = "Scaling activity initiated by (deployment ecs-svc/1)"
    assert who_stopped(SCHEDULER, reason, deployment="ecs-svc/1", primary=primary).by == by


@pytest.mark.parametrize(
    ("containers", "text"),
    [
        ([(137, ""), (0, "")], "its application ended with exit code 137"),
        ([(0, ""), (1, "")], "its application ended with exit code 1"),
        ([(0, "")], "its application ended with exit code 0"),
        ([], "its application ended"),
    ],
)
def test_how_an_application_ended(containers: list[tuple[int, str]], text: str) -> None:
    assert who_stopped("EssentialContainerExited", "Essential container in task exited", containers).text == text
