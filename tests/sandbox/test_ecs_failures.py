"""Rollouts of ECS that fail: each trouble in ECS's words, the circuit breaker, the way back, the pauses between
attempts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from fsdcf.sandbox import ecs
from fsdcf.sandbox.faults import TASK_PROBLEMS, parse_fault
from fsdcf.sandbox.state import START
from tests.sandbox.conftest import Sandbox
from tests.sandbox.rollouts import CHECK, GROUP, IMAGE, LOGS, Service

Make = Callable[..., Service]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes a service whose tasks have a trouble: ``make("update:oom")``."""
    made: list[Sandbox] = []

    def build(*troubles: str, **settings: Any) -> Service:
        made.append(Sandbox(*(f"s:{trouble}" for trouble in troubles)))
        return Service(made[-1], **settings)

    yield build
    for sandbox in made:
        sandbox.close()


def failing(service: Service) -> dict[str, Any]:
    """Rolls out a second revision; the first task of it that has stopped."""
    service.create()
    service.wait("COMPLETED")
    service.update("two")
    service.until(lambda answer: [task for task in service.tasks("STOPPED") if task["lastStatus"] == "STOPPED"])
    return next(task for task in service.tasks("STOPPED") if task["taskDefinitionArn"].endswith(":2"))


NOT_FOUND = (
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
    f"failed to resolve ref {IMAGE}:two: {IMAGE}:two: not found"
)
ROLE = "arn:aws:sts::000000000000:assumed-role/exec/task"
OOM = "OutOfMemoryError: Container killed due to memory usage"

ENDINGS = [
    ("CannotPullContainerError", "TaskFailedToStart", NOT_FOUND, None, NOT_FOUND),
    (
        "CannotPullContainerError=denied",
        "TaskFailedToStart",
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "
        f"{IMAGE}:two: pulling from host {IMAGE.partition('/')[0]} failed with status code [manifests two]: "
        "403 Forbidden",
        None,
        "CannotPullContainerError: ",
    ),
    (
        "CannotPullContainerError=timeout",
        "TaskFailedToStart",
        r"dial tcp 52.46.141.158:443: i/o timeout",
        None,
        "CannotPullContainerError: ",
    ),
    (
        "ResourceInitializationError",
        "TaskFailedToStart",
        "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry "
        "auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task "
        "network configuration.",
        None,
        "ResourceInitializationError: ",
    ),
    (
        "ResourceInitializationError=denied",
        "TaskFailedToStart",
        f"AccessDeniedException: User: {ROLE} is not authorized to perform: ecr:GetAuthorizationToken on resource: *",
        None,
        "ResourceInitializationError: ",
    ),
    (
        "ResourceInitializationError=secret",
        "TaskFailedToStart",
        "unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret "
        "arn:aws:secretsmanager:",
        None,
        "ResourceInitializationError: ",
    ),
    (
        "ResourceInitializationError=parameter",
        "TaskFailedToStart",
        "unable to retrieve secrets from ssm:",
        None,
        "ResourceInitializationError: ",
    ),
    (
        "ResourceInitializationError=log-group",
        "TaskFailedToStart",
        "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.",
        None,
        "ResourceInitializationError: ",
    ),
    (
        "CannotStartContainerError",
        "TaskFailedToStart",
        "Task failed to start",
        None,
        'unable to start container process: exec: "gunicorn": executable file not found in $PATH: unknown',
    ),
    (
        "CannotStartContainerError=run.sh",
        "TaskFailedToStart",
        "Task failed to start",
        None,
        'exec: "run.sh": executable file not found',
    ),
    ("oom", "EssentialContainerExited", "Essential container in task exited", 137, OOM),
    ("exit=1", "EssentialContainerExited", "Essential container in task exited", 1, ""),
    ("exit=139", "EssentialContainerExited", "Essential container in task exited", 139, ""),
    ("unhealthy=404", "ServiceSchedulerInitiated", f"Task failed ELB health checks in (target-group {GROUP})", 143, ""),
    (
        "unhealthy=timeout",
        "ServiceSchedulerInitiated",
        f"Task failed ELB health checks in (target-group {GROUP})",
        143,
        "",
    ),
    ("unhealthy=container", "ServiceSchedulerInitiated", "Task failed container health checks", 143, ""),
    (
        "capacity",
        "TaskFailedToStart",
        "Capacity is unavailable at this time. Please try again later or in a different availability zone",
        None,
        "",
    ),
    (
        "maintenance",
        "ServiceSchedulerInitiated",
        "Service s: ECS is performing maintenance on the underlying infrastructure hosting the task",
        137,
        "",
    ),
    ("spot", "SpotInterruption", "Your Spot Task was interrupted.", 137, ""),
    ("rebalancing", "ServiceSchedulerInitiated", "Task stopped by Availability Zone rebalancing", 143, ""),
]


@pytest.mark.parametrize(("trouble", "code", "reason", "exit", "container"), ENDINGS, ids=[row[0] for row in ENDINGS])
def test_a_task_ends_in_the_words_of_ecs(
    make: Make, trouble: str, code: str, reason: str, exit: int | None, container: str
) -> None:
    task = failing(make(f"update:{trouble}"))
    assert task["stopCode"] == code
    assert reason in task["stoppedReason"]
    answer = task["containers"][0]
    assert (answer.get("exitCode"), answer["lastStatus"]) == (exit, "STOPPED")
    assert container in answer.get("reason", "")
    assert bool(container) is ("reason" in answer)


def test_the_credentials_of_the_registry_are_named_if_they_are_the_only_secret(make: Make) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:web/registry"
    service = make("update:ResourceInitializationError=secret")
    service.container = {"repositoryCredentials": {"credentialsParameter": arn}}
    reason = failing(service)["stoppedReason"]
    assert "unable to retrieve registry auth from asm: service call" in reason
    assert f"failed to fetch secret {arn} from secrets manager" in reason


def test_every_trouble_is_tried() -> None:
    assert {row[0].partition("=")[0] for row in ENDINGS} == set(TASK_PROBLEMS) - {"slow", "stuck"}


@pytest.mark.parametrize(
    ("trouble", "events"),
    [
        ("CannotPullContainerError", [f"was unable to place a task. Reason: {NOT_FOUND}."]),
        (
            "capacity",
            [
                "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or "
                "in a different availability zone."
            ],
        ),
        (
            "unhealthy=404",
            [
                f"(task T) (port 8000) is unhealthy in (target-group {GROUP}) due to "
                "(reason Health checks failed with these codes: [404]).",
                "has stopped 1 running tasks: (task T).",
            ],
        ),
        (
            "unhealthy=timeout",
            [f"(task T) (port 8000) is unhealthy in (target-group {GROUP}) due to (reason Request timed out)."],
        ),
        (
            "unhealthy=refused",
            [f"(task T) (port 8000) is unhealthy in (target-group {GROUP}) due to (reason Health checks failed)."],
        ),
        ("unhealthy=container", ["(task T) failed container health checks.", "has stopped 1 running tasks: (task T)."]),
    ],
)
def test_events_of_the_service_name_the_problem(make: Make, trouble: str, events: list[str]) -> None:
    service = make(f"update:{trouble}")
    name = failing(service)["taskArn"].rpartition("/")[2]
    said = [message.replace(name, "T") for message in service.messages()]
    assert [one for one in events if one not in said] == []


def test_a_service_returns_to_the_deployment_before_a_failed_one(make: Make) -> None:
    service = make("update:exit=1")
    service.create()
    old = service.wait("COMPLETED")["deployments"][0]
    new = service.update("two")["deployments"][0]
    service.until(lambda answer: answer["deployments"][0]["id"] == old["id"])
    answer = service.describe()
    back, failed = answer["deployments"]
    assert (back["status"], back["rolloutState"]) == ("PRIMARY", "IN_PROGRESS")
    assert back["rolloutStateReason"] == f"ECS deployment circuit breaker: rolling back to deploymentId {old['id']}."
    assert (failed["id"], failed["status"], failed["rolloutState"]) == (new["id"], "ACTIVE", "FAILED")
    assert failed["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
    assert failed["failedTasks"] == 3
    assert answer["taskDefinition"].endswith(":1")
    assert service.history()[0]["status"] == "ROLLBACK_IN_PROGRESS"
    answer = service.wait("COMPLETED")
    assert [one["id"] for one in answer["deployments"]] == [old["id"]]
    assert answer["runningCount"] == 1
    messages = service.messages()
    at = messages.index(f"(deployment {new['id']}) deployment failed: tasks failed to start.")
    assert messages[at + 1] == f"rolling back to deployment {old['id']}."
    assert messages[-2:] == [f"(deployment {old['id']}) deployment completed.", "has reached a steady state."]
    latest = service.history()[0]
    assert (latest["status"], latest["statusReason"]) == (
        "ROLLBACK_SUCCESSFUL",
        "Service deployment rolled back because the circuit breaker threshold was exceeded.",
    )
    assert latest["rollback"]["reason"] == back["rolloutStateReason"]
    assert latest["deploymentCircuitBreaker"] == {"status": "TRIGGERED", "failureCount": 3, "threshold": 3}
    deployment = ecs.deployment_of(service.sandbox.state, answer["serviceArn"], new["id"])
    assert (deployment["rolloutState"], "rollback" in deployment) == ("FAILED", True)
    assert ecs.deployment_of(service.sandbox.state, answer["serviceArn"])["id"] == old["id"]


def test_the_update_after_a_failed_one_succeeds(make: Make) -> None:
    service = make("update:oom")
    service.create()
    service.wait("COMPLETED")
    service.update("two")
    service.until(lambda answer: "rolling back" in answer["deployments"][0]["rolloutStateReason"])
    service.wait("COMPLETED")
    service.update("three")
    answer = service.wait("COMPLETED")
    assert answer["taskDefinition"].endswith(":3")
    assert [one["status"] for one in service.history()] == ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]


def test_a_first_deployment_has_nothing_to_go_back_to(make: Make) -> None:
    service = make("create:exit=1")
    service.create()
    answer = service.wait("FAILED")
    assert answer["deployments"][0]["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
    service.sandbox.clock.advance(3000)
    answer = service.describe()
    assert (answer["deployments"][0]["rolloutState"], answer["runningCount"], answer["pendingCount"]) == (
        "FAILED",
        0,
        0,
    )
    assert service.history()[0]["status"] == "STOPPED"
    service.update("two")
    assert service.wait("COMPLETED")["taskDefinition"].endswith(":2")


def test_a_breaker_that_does_not_go_back(make: Make) -> None:
    service = make(
        "update:exit=1", deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    )
    service.create()
    service.wait("COMPLETED")
    service.update("two")
    answer = service.wait("FAILED")
    assert [one["status"] for one in answer["deployments"]] == ["PRIMARY", "ACTIVE"]
    assert answer["runningCount"] == 1
    assert service.tasks()[0]["taskDefinitionArn"].endswith(":1")


def test_without_a_breaker_ecs_tries_for_ever_with_longer_pauses(make: Make) -> None:
    off = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
    service = make("create:CannotPullContainerError", deploymentConfiguration=off)
    service.create()
    service.sandbox.clock.advance(2 * 3600)
    answer = service.describe()
    assert answer["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    starts = [
        event["createdAt"].timestamp() - START for event in answer["events"] if "has started" in event["message"]
    ][::-1]
    gaps = [round(later - earlier) for earlier, later in pairwise(starts)]
    assert gaps == [51 + pause for pause in (30, 60, 120, 240, 480, 960, 1620, 1620)]
    assert answer["deployments"][0]["failedTasks"] == len(starts)
    words = (
        "is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of "
        "the Amazon ECS Developer Guide."
    )
    assert service.messages().count(words) == 1
    assert service.history()[0]["deploymentCircuitBreaker"]["status"] == "DISABLED"


def test_a_larger_service_has_a_higher_threshold(make: Make) -> None:
    service = make("create:capacity", desiredCount=10)
    service.create()
    answer = service.wait("FAILED")
    assert answer["deployments"][0]["failedTasks"] == 10
    assert service.history()[0]["deploymentCircuitBreaker"]["threshold"] == 5


def test_a_deployment_keeps_the_threshold_that_it_was_judged_by(make: Make) -> None:
    service = make("update:capacity", desiredCount=10)
    service.create()
    service.wait("COMPLETED")
    service.update("two")
    service.wait("COMPLETED")
    service.ecs.update_service(cluster="c", service="s", desiredCount=40)
    service.wait("COMPLETED")
    failed = service.history()[0]
    assert (failed["status"], failed["deploymentCircuitBreaker"]["threshold"]) == ("ROLLBACK_SUCCESSFUL", 5)
    assert failed["targetServiceRevision"]["requestedTaskCount"] == 10


def test_a_scaling_while_it_is_rolled_out_moves_the_threshold(make: Make) -> None:
    service = make("create:capacity", desiredCount=3)
    service.create()
    service.ecs.update_service(cluster="c", service="s", desiredCount=10)
    service.wait("FAILED")
    assert service.history()[0]["deploymentCircuitBreaker"]["threshold"] == 5


def test_the_old_tasks_serve_all_the_while(make: Make) -> None:
    service = make("update:unhealthy=500", desiredCount=2)
    service.create()
    service.wait("COMPLETED")
    service.update("two")
    healthy = []
    while not service.describe()["events"][0]["message"].endswith("steady state.") or len(healthy) < 5:
        healthy.append([one["State"] for one in service.targets()].count("healthy"))
        service.sandbox.leap()
    assert min(healthy) == 2
    assert service.describe()["taskDefinition"].endswith(":1")


def test_an_unhealthy_target_has_a_reason_within_the_grace_period(make: Make) -> None:
    service = make("update:unhealthy=404", healthCheckGracePeriodSeconds=100)
    service.create()
    service.wait("COMPLETED")
    service.update("two")
    service.until(lambda answer: "unhealthy" in [one["State"] for one in service.targets()])
    sick = next(one for one in service.targets() if one["State"] == "unhealthy")
    assert (sick["Reason"], sick["Description"]) == (
        "Target.ResponseCodeMismatch",
        "Health checks failed with these codes: [404]",
    )
    assert len(service.tasks()) == 2
    name = service.tasks()[1]["taskArn"].rpartition("/")[2]
    answer = service.sandbox.client("logs").get_log_events(logGroupName="/ecs/hello", logStreamName=f"web/web/{name}")
    assert [event["message"] for event in answer["events"]][
        -1
    ] == '[sandbox] 10.0.0.10 "GET /health HTTP/1.1" 404 "ELB-HealthChecker/2.0"'


def test_the_replacement_of_an_unhealthy_task_is_an_event(make: Make) -> None:
    service = make("create:unhealthy=container")
    service.create()
    service.wait("FAILED")
    starts = [message for message in service.messages() if message.startswith("has started")]
    assert re.fullmatch(r"has started 1 tasks: \(task [0-9a-f]{32}\)\.", starts[0])
    assert starts[1].endswith(" Amazon ECS replaced 1 tasks due to an unhealthy status.")


def test_the_last_lines_of_the_log_show_the_crash(make: Make) -> None:
    for trouble, last in (
        ("exit=1", "RuntimeError: a fault of the sandbox ends the program with code 1"),
        ("exit=139", "Segmentation fault (core dumped)"),
    ):
        service = make(f"create:{trouble}")
        service.create()
        service.wait("FAILED")
        name = service.tasks("STOPPED")[0]["taskArn"].rpartition("/")[2]
        answer = service.sandbox.client("logs").get_log_events(
            logGroupName="/ecs/hello", logStreamName=f"web/web/{name}"
        )
        assert answer["events"][-1]["message"] == f"[sandbox] {last}"


def test_a_slow_deployment_succeeds_later(make: Make) -> None:
    times = []
    for trouble in ("update:oom", "create:slow", "create:slow=10"):
        service = make(trouble)
        service.create()
        assert service.wait()["deployments"][0]["rolloutState"] == "COMPLETED"
        times.append(service.sandbox.clock.now() - START)
    assert times[0] * 3 < times[1] < times[2]


def test_the_other_health_check_fails_if_the_named_one_is_missing(make: Make) -> None:
    worker = make("create:unhealthy=404", balanced=False)
    worker.create()
    worker.wait("FAILED")
    assert worker.tasks("STOPPED")[0]["stoppedReason"] == "Task failed container health checks"
    web = make("create:unhealthy=container", checked=False)
    web.create()
    web.wait("FAILED")
    assert web.tasks("STOPPED")[0]["stoppedReason"].startswith("Task failed ELB health checks")
    bare = make("create:unhealthy", balanced=False, checked=False)
    bare.create()
    assert bare.wait()["deployments"][0]["rolloutState"] == "COMPLETED"


def test_a_fault_lasts_for_as_many_deployments_as_it_says(make: Make) -> None:
    service = make("update:exit=1*2")
    service.create()
    service.wait("COMPLETED")
    for tag in ("two", "three"):
        service.update(tag)
        service.until(lambda answer: "rolling back" in answer["deployments"][0]["rolloutStateReason"])
        service.wait("COMPLETED")
    service.update("four")
    assert service.wait("COMPLETED")["taskDefinition"].endswith(":4")


def test_a_stack_finds_faults_by_logical_id_and_rollback_phase(make: Make) -> None:
    service = make()
    state = service.sandbox.state
    state.faults.add(*map(parse_fault, ("Web:create:exit=1", "Web:rollback:oom")))
    request = {"cluster": "c", "serviceName": "s", "taskDefinition": service.define("one")}
    ecs.create_service(state, request, "Web")
    service.until(lambda answer: answer["deployments"][0]["failedTasks"] > 0)
    update = {"cluster": "c", "service": "s", "taskDefinition": service.define("two")}
    ecs.update_service(state, update, "Web")
    service.wait("COMPLETED")
    ecs.update_service(state, {**update, "taskDefinition": service.define("three")}, "Web", "rollback")
    service.until(lambda answer: answer["deployments"][0]["failedTasks"] > 0)


def test_a_crash_after_the_deployment_is_repaired_and_not_counted(make: Make) -> None:
    service = make()
    service.create()
    service.wait("COMPLETED")
    for _ in range(4):
        service.ecs.stop_task(cluster="c", task=service.tasks()[0]["taskArn"])
        service.until(lambda answer: answer["runningCount"] == 1)
    assert service.describe()["deployments"][0]["failedTasks"] == 0


def test_a_healthy_task_resets_the_failures(make: Make) -> None:
    service = make(
        "create:exit=1",
        desiredCount=2,
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": False, "rollback": False}},
    )
    service.create()
    service.until(lambda answer: answer["deployments"][0]["failedTasks"] >= 2)
    body = service.sandbox.state.store.every("ecs.deployment")[0]
    service.sandbox.state.store.put("ecs.deployment", body[0], {**body[1], "problem": ["", ""]})
    answer = service.wait("COMPLETED")
    assert answer["deployments"][0]["failedTasks"] == 0


STACK = {
    "Resources": {
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "TaskDefinition": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "Family": "f",
                "ContainerDefinitions": [{"Name": "web", "Image": {"Fn::Sub": "web:${Tag}"}}],
            },
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "Cluster": {"Ref": "Cluster"},
                "TaskDefinition": {"Ref": "TaskDefinition"},
                "DeploymentConfiguration": {"DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}},
            },
        },
    },
    "Parameters": {"Tag": {"Type": "String"}},
}


@pytest.mark.parametrize(
    ("faults", "status"), [((), "UPDATE_ROLLBACK_COMPLETE"), (("cfn:green-rollback",), "UPDATE_COMPLETE")]
)
def test_a_stack_may_stay_green_above_a_service_that_went_back(faults: tuple[str, ...], status: str) -> None:
    sandbox = Sandbox("Service:update:exit=1", *faults)
    stacks, answer = sandbox.client("cloudformation"), ""
    for call, tag in ((stacks.create_stack, "one"), (stacks.update_stack, "two")):
        parameters = [{"ParameterKey": "Tag", "ParameterValue": tag}]
        call(StackName="s", TemplateBody=json.dumps(STACK), Parameters=parameters)
        while not answer.endswith("_COMPLETE") or "IN_PROGRESS" in answer:
            sandbox.leap()
            answer = stacks.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"]
        answer, last = "", answer
    assert last == status
    resources = stacks.describe_stack_resources(StackName="s")["StackResources"]
    physical = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}
    service = ecs.service_of(sandbox.state, physical["Service"])
    assert service is not None
    assert service["taskDefinition"].endswith("f:1")
    assert (physical["TaskDefinition"] == service["taskDefinition"]) is (status == "UPDATE_ROLLBACK_COMPLETE")
    sandbox.close()


@pytest.mark.parametrize("word", ["maintenance", "spot", "rebalancing"])
def test_an_interrupted_task_is_replaced_and_does_not_count(make: Make, word: str) -> None:
    service = make(f"update:{word}=3", desiredCount=2)
    service.create()
    service.wait("COMPLETED")
    service.update("two")
    service.wait("COMPLETED")
    answer = service.describe()
    assert answer["taskDefinition"].endswith(":2") and answer["runningCount"] == 2
    interrupted = [one for one in service.tasks("STOPPED") if one["taskDefinitionArn"].endswith(":2")]
    assert len(interrupted) == 3
    stopped = any("has stopped 1 running tasks in us-east-1" in one for one in service.messages())
    assert stopped == (word == "rebalancing")


@pytest.mark.parametrize(("detail", "running"), [("", 0), ("=1", 1), ("=image", 0), ("=secret", 0)])
def test_a_stuck_deployment_is_never_given_up(make: Make, detail: str, running: int) -> None:
    service = make(f"update:stuck{detail}", desiredCount=2)
    service.create()
    service.wait("COMPLETED")
    service.update("two")
    service.sandbox.clock.advance(3600)
    deployment = service.describe()["deployments"][0]
    assert (deployment["rolloutState"], deployment["failedTasks"]) == ("IN_PROGRESS", 0)
    assert deployment["runningCount"] == running
    assert any("was unable to place a task. Reason: " in one for one in service.messages())


@pytest.mark.parametrize("detail", ["vcpu", "addresses"])
def test_a_task_that_cannot_be_placed_exists_only_in_events(make: Make, detail: str) -> None:
    service = make(f"update:capacity={detail}")
    service.create()
    service.wait("COMPLETED")
    service.update("two")
    service.until(lambda answer: answer["deployments"][0]["failedTasks"] >= 2)
    assert not [one for one in service.tasks("STOPPED") if one["taskDefinitionArn"].endswith(":2")]
    assert any("was unable to place a task. Reason: " in one for one in service.messages())
    service.wait("COMPLETED")
    assert service.describe()["taskDefinition"].endswith(":1")


@pytest.mark.parametrize(
    ("trouble", "reason", "running"),
    [
        ("oom", "Essential container in task exited", 0),
        ("exit=3", "Essential container in task exited", 0),
        ("unhealthy=500", "Task failed ELB health checks", 0),
        ("maintenance", "maintenance", 2),
        ("spot=2", "Spot Task was interrupted", 2),
        ("CannotPullContainerError", "CannotPullContainerError", 1),
        ("capacity=vcpu", "maintenance", 1),
    ],
)
def test_a_service_at_rest_fails(make: Make, trouble: str, reason: str, running: int) -> None:
    service = make(f"running:{trouble}", desiredCount=2)
    service.create()
    service.wait("COMPLETED")
    assert service.describe()["runningCount"] == 2 and not service.tasks("STOPPED")
    service.until(lambda answer: any(reason in one["stoppedReason"] for one in service.tasks("STOPPED")))
    service.sandbox.clock.advance(300)
    seen = []
    for _ in range(20):
        service.sandbox.clock.advance(7)
        seen.append(service.describe()["runningCount"])
    assert min(seen) == running and (running == 0 or max(seen) == running)
    answer = service.describe()["deployments"]
    assert [one["rolloutState"] for one in answer] == ["COMPLETED"] and not answer[0]["failedTasks"]
    service.update("two")
    service.wait("COMPLETED")
    assert service.describe()["runningCount"] == 2


BESIDE = [
    {"name": "migrate", "image": f"{IMAGE}:one", "essential": False, "logConfiguration": LOGS},
    {
        "name": "proxy",
        "image": "nginx:1.29",
        "dependsOn": [{"containerName": "web", "condition": "HEALTHY"}],
        "healthCheck": CHECK,
        "logConfiguration": LOGS,
    },
    {"name": "agent", "image": "agent:7", "essential": False},
]
WAITING = {"dependsOn": [{"containerName": "migrate", "condition": "SUCCESS"}]}


@pytest.mark.parametrize(
    ("problem", "code", "reason", "ends"),
    [
        ("exit=3@proxy", "EssentialContainerExited", "", {"web": 143, "migrate": 0, "proxy": 3, "agent": 143}),
        ("exit=4@migrate", "TaskFailedToStart", "did not exit successfully", {"migrate": 4, "web": 143}),
        ("unhealthy=container@proxy", "ServiceSchedulerInitiated", "", {"migrate": 0}),
    ],
)
def test_a_container_beside_the_main_one_fails(
    make: Make, problem: str, code: str, reason: str, ends: dict[str, int]
) -> None:
    service = make(f"update:{problem}", balanced=False)
    service.container, service.beside = WAITING, BESIDE
    task = failing(service)
    assert task["stopCode"] == code
    containers = {one["name"]: one for one in task["containers"]}
    assert {name: containers[name].get("exitCode") for name in ends} == ends
    assert reason in containers["web"].get("reason", "")
    assert (containers["proxy"]["healthStatus"] == "UNHEALTHY") == problem.startswith("unhealthy")
    assert containers["agent"]["healthStatus"] == "UNKNOWN"


def test_the_order_of_the_containers_of_a_task(make: Make) -> None:
    """The one that prepares the task ends, then the others start; an agent that is not essential may fail alone."""
    service = make("create:exit=5@agent", balanced=False)
    service.container, service.beside = WAITING, BESIDE
    service.create()
    service.wait("COMPLETED")
    for task in service.tasks("RUNNING"):
        ends = {one["name"]: one.get("exitCode") for one in task["containers"]}
        assert ends == {"web": None, "migrate": 0, "proxy": None, "agent": 5}
        assert task["lastStatus"] == "RUNNING"
