"""Rollouts of ECS that go well: the life of tasks, the rolling deployment, target health, scaling, deletion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsdcf.conventions import NOT_RUN
from fsdcf.sandbox import ecs
from fsdcf.sandbox.ecs.life import MADE_UP
from fsdcf.sandbox.ecs.scheduler import Decision, TaskView, decide, threshold
from fsdcf.sandbox.state import START
from fsdcf.sandbox.store import Store
from tests.sandbox.conftest import Sandbox
from tests.sandbox.rollouts import GROUP, Service


@pytest.fixture
def service(sandbox: Sandbox) -> Service:
    return Service(sandbox)


def test_a_task_goes_through_every_state(sandbox: Sandbox, service: Service) -> None:
    service.create()
    service.wait()
    task = service.tasks()[0]
    service.update("two")
    seen: list[tuple[str, str]] = []
    while not seen or seen[-1][0] != "STOPPED":
        answer = service.ecs.describe_tasks(cluster="c", tasks=[task["taskArn"]])["tasks"][0]
        if not seen or seen[-1][0] != answer["lastStatus"]:
            seen.append((answer["lastStatus"], answer["desiredStatus"]))
        sandbox.leap()
    assert seen == [
        ("RUNNING", "RUNNING"),
        ("DEACTIVATING", "STOPPED"),
        ("STOPPING", "STOPPED"),
        ("DEPROVISIONING", "STOPPED"),
        ("STOPPED", "STOPPED"),
    ]
    assert (answer["stopCode"], answer["containers"][0]["exitCode"]) == ("ServiceSchedulerInitiated", 0)
    assert answer["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/")
    times = [
        answer[name]
        for name in (
            "createdAt",
            "connectivityAt",
            "pullStartedAt",
            "pullStoppedAt",
            "startedAt",
            "stoppingAt",
            "executionStoppedAt",
            "stoppedAt",
        )
    ]
    assert times == sorted(times)
    assert len(set(times)) == len(times)


def test_a_new_task_goes_from_provisioning_to_running(sandbox: Sandbox, service: Service) -> None:
    service.create()
    seen = []
    for _ in range(60):
        seen += [
            (task["lastStatus"], task["containers"][0]["lastStatus"], task["healthStatus"]) for task in service.tasks()
        ]
        sandbox.clock.advance(1)
    assert list(dict.fromkeys(seen)) == [
        ("PROVISIONING", "PENDING", "UNKNOWN"),
        ("PENDING", "PENDING", "UNKNOWN"),
        ("ACTIVATING", "RUNNING", "UNKNOWN"),
        ("RUNNING", "RUNNING", "UNKNOWN"),
        ("RUNNING", "RUNNING", "HEALTHY"),
    ]
    task = service.tasks()[0]
    details = {one["name"]: one["value"] for one in task["attachments"][0]["details"]}
    assert details["privateIPv4Address"] == task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    assert task["startedBy"] == service.describe()["deployments"][0]["id"]
    assert (task["group"], task["cpu"], task["memory"]) == ("service:s", "256", "512")


def test_a_first_deployment_completes(service: Service) -> None:
    answer = service.create()
    first = answer["deployments"][0]
    assert (first["status"], first["rolloutState"]) == ("PRIMARY", "IN_PROGRESS")
    assert first["rolloutStateReason"] == f"ECS deployment {first['id']} in progress."
    assert (answer["runningCount"], answer["pendingCount"], answer["desiredCount"]) == (0, 0, 1)
    answer = service.wait()
    last = answer["deployments"][0]
    assert (last["id"], last["rolloutState"]) == (first["id"], "COMPLETED")
    assert last["rolloutStateReason"] == f"ECS deployment {first['id']} completed."
    assert (last["runningCount"], last["pendingCount"], last["desiredCount"], last["failedTasks"]) == (1, 0, 1, 0)
    name = service.tasks()[0]["taskArn"].rpartition("/")[2]
    assert service.messages() == [
        f"has started 1 tasks: (task {name}).",
        f"registered 1 targets in (target-group {GROUP})",
        f"(deployment {first['id']}) deployment completed.",
        "has reached a steady state.",
    ]
    assert service.sandbox.clock.now() - START < 120


def test_target_health_from_registration_to_draining(sandbox: Sandbox, service: Service) -> None:
    service.create()
    seen = []
    for turn in range(30):
        seen += [(one["State"], one.get("Reason"), one.get("Description")) for one in service.targets()]
        if turn == 14:
            ecs.delete_service(sandbox.state, "service/c/s")
        sandbox.leap()
    assert list(dict.fromkeys(seen)) == [
        ("initial", "Elb.RegistrationInProgress", "Target registration is in progress"),
        ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress"),
        ("healthy", None, None),
        ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress"),
    ]
    assert service.targets() == []


def test_an_update_replaces_tasks_and_never_has_fewer_healthy_ones(sandbox: Sandbox) -> None:
    service = Service(sandbox, desiredCount=4)
    service.create()
    first = service.wait()["deployments"][0]["id"]
    answer = service.update("two")
    assert [one["status"] for one in answer["deployments"]] == ["PRIMARY", "ACTIVE"]
    counts = []
    while answer["deployments"][0]["rolloutState"] == "IN_PROGRESS":
        counts.append((answer["runningCount"], answer["runningCount"] + answer["pendingCount"]))
        sandbox.leap()
        answer = service.describe()
    assert min(running for running, _ in counts) >= 4
    assert max(total for _, total in counts) == 8
    assert [one["id"] for one in answer["deployments"]] != [first]
    assert len(answer["deployments"]) == 1
    assert {task["taskDefinitionArn"].rpartition(":")[2] for task in service.tasks()} == {"2"}
    assert [one["status"] for one in service.history()] == ["SUCCESSFUL", "SUCCESSFUL"]


def test_stop_first_has_never_two_at_once(sandbox: Sandbox) -> None:
    configuration = {"minimumHealthyPercent": 0, "maximumPercent": 100}
    service = Service(sandbox, deploymentConfiguration=configuration)
    service.create()
    service.wait()
    answer = service.update("two")
    counts = []
    while answer["deployments"][0]["rolloutState"] == "IN_PROGRESS":
        counts.append(answer["runningCount"] + answer["pendingCount"])
        sandbox.leap()
        answer = service.describe()
    assert max(counts) == 1
    assert answer["taskDefinition"].endswith(":2")
    stopped, running = service.tasks("STOPPED")[0], service.tasks()[0]
    assert stopped["stoppingAt"] <= running["createdAt"]


SEEN = {
    "new": TaskView("new", True, True, True),
    "starting": TaskView("starting", True, False, False),
    "sick": TaskView("sick", True, True, False),
    "old": TaskView("old", False, True, True),
    "old2": TaskView("old2", False, True, True),
    "weak": TaskView("weak", False, True, False),
    "late": TaskView("late", False, False, False),
}


@pytest.mark.parametrize(
    ("seen", "desired", "minimum", "maximum", "decision"),
    [
        ("", 2, 100, 200, Decision(2, ())),
        ("new new", 2, 100, 200, Decision(0, ())),
        ("new new new", 2, 100, 200, Decision(0, ("new",))),
        ("new sick starting", 1, 100, 200, Decision(0, ("starting", "sick"))),
        ("old", 1, 100, 200, Decision(1, ())),
        ("old starting", 1, 100, 200, Decision(0, ())),
        ("old sick", 1, 100, 200, Decision(0, ())),
        ("old new", 1, 100, 200, Decision(0, ("old",))),
        ("old late starting", 1, 100, 200, Decision(0, ("late",))),
        ("old", 1, 0, 100, Decision(0, ("old",))),
        ("old old2", 2, 50, 100, Decision(0, ("old",))),
        ("old starting", 2, 50, 100, Decision(0, ())),
        ("old new", 2, 50, 100, Decision(0, ("old",))),
        ("old old2", 2, 100, 150, Decision(1, ())),
        ("weak old", 2, 50, 100, Decision(0, ("weak",))),
        ("weak", 1, 100, 100, Decision(0, ("weak",))),
        ("new old", 0, 100, 200, Decision(0, ("new", "old"))),
    ],
)
def test_what_the_scheduler_decides(seen: str, desired: int, minimum: int, maximum: int, decision: Decision) -> None:
    assert decide([SEEN[name] for name in seen.split()], desired, minimum, maximum) == decision


def test_a_throttled_service_starts_nothing() -> None:
    assert decide([], 3, 100, 200, may_start=False) == Decision(0, ())


@pytest.mark.parametrize(("desired", "limit"), [(0, 3), (1, 3), (6, 3), (7, 4), (10, 5), (399, 200), (1000, 200)])
def test_the_breakers_threshold_is_half_of_the_count_within_bounds(desired: int, limit: int) -> None:
    assert threshold({}, desired) == limit


def test_the_breakers_threshold_may_be_configured() -> None:
    def of(kind: str, value: int) -> int:
        return threshold({"deploymentCircuitBreaker": {"thresholdConfiguration": {"type": kind, "value": value}}}, 10)

    assert (of("COUNT", 2), of("UNBOUNDED_PERCENT", 10), of("BOUNDED_PERCENT", 10), of("BOUNDED_PERCENT", 90)) == (
        2,
        1,
        3,
        9,
    )


def test_the_count_goes_up_and_down_without_a_deployment(service: Service) -> None:
    service.create()
    first = service.wait()["deployments"][0]["id"]
    service.ecs.update_service(cluster="c", service="s", desiredCount=3)
    service.until(lambda answer: answer["runningCount"] == 3)
    service.ecs.update_service(cluster="c", service="s", desiredCount=1)
    service.until(lambda answer: answer["runningCount"] == 1)
    answer = service.describe()
    assert [one["id"] for one in answer["deployments"]] == [first]
    assert answer["deployments"][0]["rolloutState"] == "COMPLETED"
    assert any(message.startswith("has stopped 2 running tasks: (task ") for message in service.messages())


def test_an_update_that_changes_no_task_begins_no_deployment(service: Service) -> None:
    service.create()
    first = service.wait()["deployments"][0]["id"]
    same = service.ecs.update_service(
        cluster="c", service="s", taskDefinition="hello:1", healthCheckGracePeriodSeconds=90
    )["service"]
    assert ([one["id"] for one in same["deployments"]], same["healthCheckGracePeriodSeconds"]) == ([first], 90)
    forced = service.ecs.update_service(cluster="c", service="s", forceNewDeployment=True)["service"]
    assert forced["deployments"][0]["id"] != first
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    moved = service.ecs.update_service(cluster="c", service="s", networkConfiguration=network)["service"]
    assert len(moved["deployments"]) == 3


def test_an_update_during_an_update_stops_the_one_before(service: Service) -> None:
    service.create()
    service.wait()
    service.update("two")
    service.sandbox.clock.advance(15)
    service.update("three")
    answer = service.wait()
    assert answer["taskDefinition"].endswith(":3")
    assert [one["status"] for one in service.history()] == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]
    assert any(message == "stopped 1 pending tasks." for message in service.messages())


def test_a_task_that_is_stopped_by_hand_is_replaced(service: Service) -> None:
    service.create()
    service.wait()
    arn = service.tasks()[0]["taskArn"]
    stopping = service.ecs.stop_task(cluster="c", task=arn, reason="no more")["task"]
    assert (stopping["desiredStatus"], stopping["stopCode"], stopping["stoppedReason"]) == (
        "STOPPED",
        "UserInitiated",
        "no more",
    )
    service.until(lambda answer: answer["runningCount"] == 1)
    assert service.tasks()[0]["taskArn"] != arn
    assert service.describe()["deployments"][0]["rolloutState"] == "COMPLETED"


def test_a_deleted_service_drains_and_is_inactive(service: Service) -> None:
    service.create()
    service.wait()
    state = service.sandbox.state
    ecs.delete_service(state, "service/c/s")
    assert service.describe()["status"] == "DRAINING"
    service.until(lambda answer: answer["status"] == "INACTIVE")
    assert service.ecs.list_services(cluster="c")["serviceArns"] == []
    assert service.tasks("STOPPED")[0]["stoppedReason"] == "Service is being deleted."
    ecs.delete_cluster(state, "c")
    assert service.ecs.describe_clusters(clusters=["c"])["clusters"][0]["status"] == "INACTIVE"
    ecs.create_cluster(state, {"clusterName": "c"})
    again = service.create()
    assert (again["status"], len(again["deployments"]), again["events"]) == ("ACTIVE", 1, [])


def test_stopped_tasks_are_forgotten_after_an_hour(sandbox: Sandbox, service: Service) -> None:
    service.create()
    service.wait()
    service.update("two")
    service.wait()
    arn = service.tasks("STOPPED")[0]["taskArn"]
    sandbox.clock.advance(3700)
    answer = service.ecs.describe_tasks(cluster="c", tasks=[arn])
    assert (answer["tasks"], answer["failures"]) == ([], [{"arn": arn, "reason": "MISSING"}])


def test_a_worker_without_health_checks_is_healthy_when_it_runs(sandbox: Sandbox) -> None:
    service = Service(sandbox, balanced=False, checked=False)
    service.create()
    answer = service.wait()
    assert answer["deployments"][0]["rolloutState"] == "COMPLETED"
    assert service.tasks()[0]["healthStatus"] == "UNKNOWN"
    assert service.targets() == []


def test_tasks_write_to_their_log(service: Service) -> None:
    service.create()
    service.wait()
    name = service.tasks()[0]["taskArn"].rpartition("/")[2]
    answer = service.sandbox.client("logs").get_log_events(logGroupName="/ecs/hello", logStreamName=f"web/web/{name}")
    assert [event["message"] for event in answer["events"]] == [
        f"[sandbox] {line}" for line in (MADE_UP, "Starting web (hello:one)", "Listening on 0.0.0.0:8000")
    ]


def test_a_rollout_continues_in_another_process(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    first = Sandbox(store=Store(path))
    Service(first).create()
    first.close()
    second = Sandbox(store=Store(path))
    second.clock.advance(600)
    answer = second.client("ecs").describe_services(cluster="c", services=["s"])["services"][0]
    assert answer["deployments"][0]["rolloutState"] == "COMPLETED"
    assert (answer["deployments"][0]["updatedAt"].timestamp() - START) < 120
    second.close()


@pytest.fixture
def errand() -> Iterator[Sandbox]:
    made = Sandbox("hello:create:exit=3")
    yield made
    made.close()


def test_a_task_of_its_own_does_its_work_or_fails(errand: Sandbox) -> None:
    service = Service(errand)
    service.define("one")
    request = {
        "cluster": "c",
        "taskDefinition": "hello",
        "startedBy": "me",
        "overrides": {"containerOverrides": [{"name": "web", "command": ["migrate"]}]},
    }
    begun = [service.ecs.run_task(**request)["tasks"][0] for _ in range(2)]
    assert [one["lastStatus"] for one in begun] == ["PROVISIONING"] * 2
    assert begun[0]["overrides"]["containerOverrides"][0]["command"] == ["migrate"]
    errand.clock.advance(300)
    arns = service.ecs.list_tasks(cluster="c", startedBy="me", desiredStatus="STOPPED")["taskArns"]
    answer = service.ecs.describe_tasks(cluster="c", tasks=arns)["tasks"][::-1]
    assert [(one["lastStatus"], one["stopCode"], one["containers"][0].get("exitCode")) for one in answer] == [
        ("STOPPED", "EssentialContainerExited", 3),
        ("STOPPED", "TaskFailedToStart", None),
    ]
    assert answer[1]["stoppedReason"] == NOT_RUN, "an exit code would be made up"
    assert all(one["group"] == "family:hello" for one in answer)
