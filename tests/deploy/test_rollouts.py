"""Rollouts at their edges: tasks that die together, that ECS does not count, that are many; what a cancelled update
leaves to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import pytest

from fsdcf.deploy.aws import ApiError, Aws
from fsdcf.deploy.diagnosis import explanations
from fsdcf.deploy.diagnosis.context import DiagnosisContext
from fsdcf.deploy.diagnosis.reasons import match_reason
from fsdcf.deploy.ecs.rollout import (
    JudgedVersion,
    RolloutObserver,
    ServiceRollout,
    StoppedTask,
    add_failed_tasks,
    version_of,
)
from fsdcf.deploy.ecs.service import EcsDeployment
from fsdcf.deploy.ecs.tasks import MOST_TASKS, TaskHistory
from fsdcf.deploy.model import Event, Exit, RolloutChanged, StackEvent, Target, WarningIssued
from fsdcf.deploy.run import Run
from tests.deploy.faults.test_tasks import PLACES, update, web
from tests.deploy.site import site

ARN = "arn:aws:ecs:us-east-1:0:service/c/web"


@dataclass
class Ecs:
    """ECS as far as a observer asks it: a service with its deployments, and its tasks, a hundred on a page."""

    tasks: list[dict[str, Any]]
    deployments: list[dict[str, Any]]
    asked: list[str] = field(default_factory=list)
    pace: float = 1.0
    error: ApiError | None = None
    messages: list[str] = field(default_factory=list)

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        self.asked.append(operation)
        if self.error is not None:
            raise self.error
        if operation == "DescribeServices":
            return {
                "services": [{"deployments": self.deployments, "events": [{"message": one} for one in self.messages]}]
            }
        if operation == "ListTasks":
            wanted = [one["taskArn"] for one in self.tasks if one["desiredStatus"] == parameters["desiredStatus"]]
            start = int(parameters.get("nextToken", 0))
            more = {"nextToken": str(start + 100)} if start + 100 < len(wanted) else {}
            return {"taskArns": wanted[start : start + 100], **more}
        if operation == "DescribeTasks":
            assert len(parameters["tasks"]) <= 100
            return {"tasks": [one for one in self.tasks if one["taskArn"].rpartition("/")[2] in parameters["tasks"]]}
        return {}

    pages = Aws.pages

    def supports(self, *names: str) -> bool:
        return True

    def clock(self) -> float:
        return 0.0


def task(number: int, **more: Any) -> dict[str, Any]:
    return {
        "taskArn": f"arn:x:task/c/{number:032x}",
        "startedBy": "ecs-svc/1",
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        **more,
    }


def looked(ecs: Ecs) -> tuple[RolloutObserver, list[Event]]:
    told: list[Event] = []
    return RolloutObserver(Run(ecs, told.append, Target("web", "staging"))), told  # type: ignore[arg-type]


DEPLOYMENT: Mapping[str, Any] = {
    "id": "ecs-svc/1",
    "status": "PRIMARY",
    "rolloutState": "IN_PROGRESS",
    "desiredCount": 2,
}


@pytest.mark.parametrize(("count", "shown", "calls"), [(100, 100, 1), (250, 250, 3), (640, MOST_TASKS, 5)])
def test_many_tasks_are_read_page_by_page(count: int, shown: int, calls: int) -> None:
    ecs = Ecs([task(number) for number in range(count)], [dict(DEPLOYMENT)])
    observer, told = looked(ecs)
    observer.look(ARN, "Service", None, 0.0)
    (seen,) = [one for one in told if isinstance(one, RolloutChanged)]
    assert len(seen.tasks) == shown
    assert ecs.asked.count("DescribeTasks") == ecs.asked.count("ListTasks") == calls
    assert [one.text for one in told if isinstance(one, WarningIssued)] == (
        ["web has more than 500 RUNNING tasks: the others are not shown"] if count > shown else []
    )


def test_a_task_that_exits_is_a_failure_although_ecs_does_not_count_it() -> None:
    ecs = Ecs([task(1), task(2)], [dict(DEPLOYMENT)])
    observer, told = looked(ecs)
    before = observer.look(ARN, "Service", None, 0.0)
    assert before is not None and before.failing is None
    ended = {
        "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED",
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
    }
    ecs.tasks = [task(1, **ended, containers=[{"name": "web", "exitCode": 1, "image": "web:two"}]), task(2)]
    found = observer.look(ARN, "Service", before, 5.0)
    assert found is not None and found.failing is not None and found.failing.failed == 0
    assert [one.essence for one in found.stopped] == ["Essential container in task exited; exit code 1"]
    assert [one.failed for one in told if isinstance(one, RolloutChanged)] == [0, 1]


ESSENTIAL = {
    "stopCode": "EssentialContainerExited",
    "stoppedReason": "Essential container in task exited",
    "startedBy": "ecs-svc/1",
}
BESIDE = {"name": "collector", "exitCode": 137}
ENDED = [
    ("shop-prod", [BESIDE, {"name": "shop", "exitCode": 1}], "exit", "exit code 1"),
    ("shop-prod", [BESIDE, {"name": "shop", "exitCode": 0}], "exit-zero", "exit code 0"),
    (
        "shop-prod",
        [BESIDE, {"name": "shop", "exitCode": 137, "reason": "OutOfMemoryError: Container killed"}],
        "memory",
        "exit code 137",
    ),
    ("shop-prod", [BESIDE, {"name": "shop"}], "killed", "exit code 137"),
    ("shopping-prod", [BESIDE, {"name": "shop", "exitCode": 1}], "exit", "exit code 1"),
    ("shop-prod", [{"name": "shop", "exitCode": 143}, {"name": "proxy", "exitCode": 1}], "exit", "(container proxy)"),
    ("shop-prod", [{"name": "shop", "exitCode": 0}, {"name": "sh", "exitCode": 137}], "exit-zero", "exit code 0"),
]


@pytest.mark.parametrize(
    ("family", "containers", "name", "said"),
    ENDED,
    ids=["crash", "end", "memory", "still there", "of another name", "of a sidecar", "beside"],
)
def test_the_exit_code_of_another_container_is_not_the_reason(
    family: str, containers: list[Any], name: str, said: str
) -> None:
    told = task(
        1, **ESSENTIAL, taskDefinitionArn=f"arn:aws:ecs:us-east-1:0:task-definition/{family}:7", containers=containers
    )
    (stopped,) = add_failed_tasks(ServiceRollout("arn:s"), [told]).stopped
    found = match_reason(explanations.testimony(stopped), DiagnosisContext())
    assert found is not None and found.reason.name == name
    assert stopped.essence.endswith(said)
    assert TaskHistory().state(told, 0.0, (), {}).reason == stopped.essence.removesuffix(" (container proxy)")
    assert ("its container proxy ended" in stopped.cause.text) == (stopped.container == "proxy")


def test_a_container_may_end_while_its_task_runs() -> None:
    ended = [{"name": "migrate", "exitCode": 0}, {"name": "agent", "exitCode": 2}, {"name": "web"}]
    state = TaskHistory().state(task(1, lastStatus="RUNNING", containers=ended), 0.0, (), {})
    assert not state.failed and state.reason == ""


@pytest.mark.parametrize(
    ("code", "known", "warnings"),
    [("ClusterNotFoundException", True, 0), ("ClusterNotFoundException", False, 1), ("ServerException", True, 1)],
)
def test_a_known_service_that_is_gone_is_not_a_warning(code: str, known: bool, warnings: int) -> None:
    ecs = Ecs([task(1)], [dict(DEPLOYMENT)])
    observer, told = looked(ecs)
    before = observer.look(ARN, "Service", None, 0.0) if known else None
    ecs.error = ApiError("ecs", "DescribeServices", code, "Cluster not found.")
    assert observer.look(ARN, "Service", before, 5.0) is before
    assert sum(isinstance(one, WarningIssued) for one in told) == warnings


def test_a_steady_service_does_not_report_an_old_breaker() -> None:
    ecs = Ecs([task(1)], [{**DEPLOYMENT, "rolloutState": "COMPLETED"}])
    observer, told = looked(ecs)
    observer.look(ARN, "Service", None, 0.0)
    assert "ListServiceDeployments" not in ecs.asked
    assert isinstance(told[0], RolloutChanged) and told[0].threshold is None


@pytest.mark.parametrize(
    ("code", "state", "failing"),
    [
        ("EssentialContainerExited", "IN_PROGRESS", True),
        ("UserInitiated", "IN_PROGRESS", False),
        ("EssentialContainerExited", "COMPLETED", False),
    ],
)
def test_whether_a_deployment_fails(code: str, state: str, failing: bool) -> None:
    rollout = ServiceRollout(
        ARN, "", (EcsDeployment("new", "PRIMARY", "web:2", state),), (), (StoppedTask("1", "new", "x", code),)
    )
    assert (rollout.failing is not None) == failing


OWN = [
    (
        "status 400, RequestID: 0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f, AccessDeniedException",
        "status 400, RequestID: 9a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f, AccessDeniedException",
    ),
    ("read udp 10.0.1.5:51233->10.0.0.2:53: i/o timeout", "read udp 10.0.1.9:40112->10.0.0.2:53: i/o timeout"),
    (f"failed to extract layer sha256:{'a' * 64}: no space", f"failed to extract layer sha256:{'b' * 64}: no space"),
    ('containerd: time="2026-01-01T10:00:00Z" level=info', 'containerd: time="2026-01-01T10:03:07Z" level=info'),
]


@pytest.mark.parametrize(("one", "other"), OWN)
def test_ids_and_addresses_do_not_make_another_reason(one: str, other: str) -> None:
    assert StoppedTask("1", "new", one).essence == StoppedTask("2", "new", other).essence
    assert StoppedTask("1", "new", one).essence != StoppedTask("2", "new", "something else").essence


def test_tasks_that_fail_together_are_reported_at_the_first_look() -> None:
    made = site()
    made.stand(web(3, failures=9))
    made.fault("Service:update:exit=1")
    moments: list[tuple[str, int]] = []

    def tell(event: Event) -> None:
        if isinstance(event, RolloutChanged):
            moments.append(("seen", sum(one.failed for one in event.tasks if one.new)))
        elif isinstance(event, WarningIssued) and "same reason" in event.text:
            moments.append((event.text.split(" tasks")[0], 0))
        made.told.append(event)

    made.tell = tell  # type: ignore[method-assign]
    made.run(made.release(web(3, failures=9), "two", where=PLACES.get), fail_fast=True)
    first = next(index for index, one in enumerate(moments) if one[1] >= 2)
    assert moments[first] == ("seen", 3) and moments[first + 1] == ("Service: 3", 0)
    assert made.made("CancelUpdateStack") == 1


def test_a_passing_reason_is_reported_and_waited_for() -> None:
    made, outcome = update("capacity", web(failures=3), fail_fast=True)
    assert any("2 tasks stopped for the same reason" in one for one in made.warnings())
    assert not made.made("CancelUpdateStack") and outcome.exit is Exit.FAILED


def test_a_cancelled_update_is_explained_afterwards_and_every_command_is_complete() -> None:
    made, live = update("exit=1", web(failures=5), fail_fast=True)
    left = made.diagnose()
    assert left.sentence.startswith(
        "the stack failed: Stack update cancelled, while the service's tasks failed: the application "
        "ended with exit code 1"
    )
    assert left.advice is not None and left.advice.key == "service.environment"
    assert left.next == ("fsdcf logs shop --env staging", "fsdcf deploy SPEC --env staging --image-sha two")
    assert live.next == ("fsdcf logs shop --env staging", "fsdcf deploy shop.yml --env staging --image-sha two")


def test_deleted_resources_are_not_requested() -> None:
    made = site("Service:create:exit=1")
    live = made.run(made.release(web(), "two", where=PLACES.get))
    assert made.status() == "ROLLBACK_COMPLETE"
    assert live.next == (
        "fsdcf deploy shop.yml --env staging --image-sha two --recreate",
        "fsdcf delete shop --env staging",
    )
    assert made.diagnose().next == (
        "fsdcf deploy SPEC --env staging --image-sha two --recreate",
        "fsdcf delete shop --env staging",
    )


def test_the_spec_of_a_command_is_quoted() -> None:
    assert Target("web", "prod", "fsdcf deploy 'my spec.yml' --env prod").spec == "'my spec.yml'"
    assert Target("web", "prod").spec == "SPEC"


OLD, NEW = "arn:aws:ecs:x:0:task-definition/web:1", "arn:aws:ecs:x:0:task-definition/web:2"


def crash(number: int, definition: str, deployment: str, code: int) -> dict[str, Any]:
    more = {**ESSENTIAL, "startedBy": deployment, "lastStatus": "STOPPED", "desiredStatus": "STOPPED"}
    containers = [{"name": "web", "exitCode": code}]
    return task(number, **more, taskDefinitionArn=definition, containers=containers)


def test_tasks_events_and_deployments_of_another_version_are_no_evidence() -> None:
    old = {**DEPLOYMENT, "id": "ecs-svc/0", "status": "ACTIVE", "taskDefinition": OLD, "failedTasks": 4}
    new = {**DEPLOYMENT, "id": "ecs-svc/1", "taskDefinition": NEW}
    ecs = Ecs([crash(1, OLD, "ecs-svc/0", 137), crash(2, OLD, "ecs-svc/0", 137)], [new, old])
    ecs.messages = [
        f"(service web) (task {1:032x}) (port 80) is unhealthy in (target-group g) due to (reason x).",
        "(service web) (deployment ecs-svc/0) deployment failed: tasks failed to start.",
    ]
    observer, told = looked(ecs)
    version = JudgedVersion(frozenset({NEW}))
    before = observer.look(ARN, "Service", None, 0.0, version)
    assert before is not None and before.failing is None and not before.stopped
    assert [one.failed for one in told if isinstance(one, RolloutChanged)] == [0]
    afterwards = observer.afterwards(ARN, "Service", version)
    assert afterwards is not None and not afterwards.stopped and not afterwards.events
    ecs.tasks += [crash(3, NEW, "ecs-svc/1", 1), crash(4, NEW, "ecs-svc/1", 1)]
    found = observer.afterwards(ARN, "Service", version)
    assert found is not None and found.failing is not None and found.failing.id == "ecs-svc/1"
    assert {one.essence for one in found.failed_tasks} == {"Essential container in task exited; exit code 1"}
    assert len(found.failed_tasks) == 2


def test_the_version_of_an_operation_is_what_it_created_before_its_rollback() -> None:
    def row(status: str, id: str, type: str = "AWS::ECS::TaskDefinition", name: str = "TaskDefinition") -> StackEvent:
        return StackEvent(status + id, datetime(2027, 3, 1, tzinfo=timezone.utc), name, id, type, status)

    stack = row("UPDATE_ROLLBACK_IN_PROGRESS", "arn:s", "AWS::CloudFormation::Stack", "web-staging")
    stack = replace(stack, stack="arn:s")
    events = [row("UPDATE_IN_PROGRESS", OLD), row("UPDATE_IN_PROGRESS", NEW), row("UPDATE_COMPLETE", NEW)]
    assert version_of(events).definitions == {NEW}
    assert version_of([*events, stack, row("UPDATE_COMPLETE", OLD)]).definitions == {NEW}
    assert version_of([]).definitions == frozenset() and version_of([]).since is None
