"""Tasks through their states: times by ECS's stamps and by what was seen, whichever is known; both checks; clocks that
differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from fsdcf.deploy.ecs.service import TargetHealth
from fsdcf.deploy.ecs.tasks import STATES, TaskHistory
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
