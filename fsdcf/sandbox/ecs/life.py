"""The life of a task as a list of steps, told in advance: how long each state lasts, and how it ends when something is the matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fsdcf.sandbox.elbv2 import DESCRIPTIONS, TargetHealthCheck

UNAVAILABLE = "Capacity is unavailable at this time. Please try again later or in a different availability zone."


@dataclass(frozen=True)
class ContainerHealthCheck:
    """A container's own health check, in seconds and failures in a row; the defaults are those of ECS."""

    interval: float = 30.0
    retries: int = 3
    start_period: float = 0.0


@dataclass(frozen=True)
class TaskScenario:
    """What a task's life depends on: its main container, its checks, where it logs. ``grace`` is the service's, in seconds."""

    region: str
    account: str
    image: str
    container: str
    command: str = ""
    role: str = ""
    secret: str = ""
    log_group: str = ""
    port: int = 0
    target_group: str = ""
    grace: float = 0.0
    container_check: ContainerHealthCheck | None = None
    target_check: TargetHealthCheck = field(default_factory=TargetHealthCheck)


@dataclass(frozen=True)
class TaskEnding:
    """An end. ``exit`` None: the container never ran. ``event``: ``place`` for what the service says of a task that it could not start,
    ``target`` and ``container`` for a failed health check."""

    code: str
    reason: str
    exit: int | None = None
    container_reason: str = ""
    event: str = ""
    target_reason: str = ""
    target_words: str = ""
    last_words: tuple[str, ...] = ()


def ending(scene: TaskScenario, word: str, detail: str) -> TaskEnding:
    """How a task ends that has this trouble."""
    return _ENDINGS[word](scene, detail)


def _pull(scene: TaskScenario, detail: str) -> TaskEnding:
    host = scene.image.partition("/")[0]
    name, _, tag = scene.image.rpartition(":")
    path = name.partition("/")[2].partition("@")[0]
    how = {
        "denied": f"pulling from host {host} failed with status code [manifests {tag}]: 403 Forbidden",
        "timeout": f'failed to do request: Head "https://{host}/v2/{path}/manifests/{tag}": dial tcp 10.0.3.17:443: i/o timeout',
    }.get(detail, f"{scene.image}: not found")
    words = f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {scene.image}: {how}"
    return _unstarted(words)


def _prepare(scene: TaskScenario, detail: str) -> TaskEnding:
    role = f"arn:aws:sts::{scene.account}:assumed-role/{scene.role or 'ecsTaskExecutionRole'}/task"
    registry = (
        "unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a connection issue between "
        "the task and Amazon ECR. Check your task network configuration. operation error ECR: GetAuthorizationToken, exceeded maximum "
        f'number of attempts, 3, https response error StatusCode: 0, RequestID: , request send failed, Post "https://api.ecr.{scene.region}'
        '.amazonaws.com/": dial tcp 10.0.3.17:443: i/o timeout'
    )
    denied = (
        "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call "
        f"has been retried 1 time(s): AccessDeniedException: User: {role} is not authorized to perform: ecr:GetAuthorizationToken on "
        "resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action"
    )
    secret = scene.secret or f"arn:aws:secretsmanager:{scene.region}:{scene.account}:secret:{scene.container}"
    asm = (
        "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has "
        f"been retried 1 time(s): failed to fetch secret {secret} from secrets manager: AccessDeniedException: User: {role} is not "
        f"authorized to perform: secretsmanager:GetSecretValue on resource: {secret} because no identity-based policy allows the "
        "secretsmanager:GetSecretValue action"
    )
    parameter = (
        "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call "
        f"has been retried 1 time(s): AccessDeniedException: User: {role} is not authorized to perform: ssm:GetParameters on resource: "
        f"{secret} because no identity-based policy allows the ssm:GetParameters action"
    )
    group = (
        "failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: "
        "ResourceNotFoundException: The specified log group does not exist. : exit status 1"
    )
    how = {"denied": denied, "secret": asm, "parameter": parameter, "log-group": group}.get(detail, registry)
    return _unstarted(f"ResourceInitializationError: {how}")


def _unstarted(words: str) -> TaskEnding:
    return TaskEnding("TaskFailedToStart", words, None, words, "place")


def _begin(scene: TaskScenario, detail: str) -> TaskEnding:
    program = detail or scene.command or "/app/start"
    words = (
        "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to create shim task: "
        "OCI runtime create failed: runc create failed: unable to start container process: "
        f'exec: "{program}": executable file not found in $PATH: unknown'
    )
    return TaskEnding("TaskFailedToStart", "Task failed to start", None, words, "place")


def _memory(scene: TaskScenario, detail: str) -> TaskEnding:
    words = "OutOfMemoryError: Container killed due to memory usage"
    return TaskEnding("EssentialContainerExited", "Essential container in task exited", 137, words)


def _exit(scene: TaskScenario, detail: str) -> TaskEnding:
    code = int(detail)
    lines: tuple[str, ...] = (
        "Traceback (most recent call last):",
        '  File "/app/main.py", line 12, in <module>',
        "    main()",
        f"RuntimeError: the sandbox was told to end here with code {code}",
    )
    lines = {0: ("Nothing left to do",), 139: ("Segmentation fault (core dumped)",)}.get(code, lines)
    return TaskEnding("EssentialContainerExited", "Essential container in task exited", code, last_words=lines)


def _unhealthy(scene: TaskScenario, detail: str) -> TaskEnding:
    code = "ServiceSchedulerInitiated"
    if detail == "container":
        return TaskEnding(code, "Task failed container health checks", 143, event="container")
    reason = {"": "Target.FailedHealthChecks", "refused": "Target.FailedHealthChecks", "timeout": "Target.Timeout"}.get(
        detail, "Target.ResponseCodeMismatch"
    )
    words = DESCRIPTIONS.get(reason, f"Health checks failed with these codes: [{detail}]")
    line = f'10.0.0.10 "GET {scene.target_check.path} HTTP/1.1" {detail} "ELB-HealthChecker/2.0"'
    lines = (line,) * scene.target_check.unhealthy if detail.isdecimal() else ()
    stopped = f"Task failed ELB health checks in (target-group {scene.target_group})"
    return TaskEnding(code, stopped, 143, "", "target", reason, words, lines)


def _capacity(scene: TaskScenario, detail: str) -> TaskEnding:
    return TaskEnding("TaskFailedToStart", UNAVAILABLE.removesuffix("."), None, "", "place")


_ENDINGS: dict[str, Callable[[TaskScenario, str], TaskEnding]] = {
    "CannotPullContainerError": _pull,
    "ResourceInitializationError": _prepare,
    "CannotStartContainerError": _begin,
    "oom": _memory,
    "exit": _exit,
    "unhealthy": _unhealthy,
    "capacity": _capacity,
}


Step = dict[str, Any]
"""``after`` so many seconds (of AWS's), ``do`` something; the other keys say what. JSON, for it waits in the store."""

PROVISIONING = 8.0
"""Seconds until Fargate has found a place and a network interface."""

UNTIL_PULL = 3.0
PULLING = 12.0
STARTING = 2.0
ACTIVATING = 2.0

PULL_FAILS = 40.0
"""Seconds that ECS goes on trying to pull before it gives up."""

PREPARING_FAILS = 45.0
"""Seconds until the agent gives up on secrets and the registry."""

SETTLING = 10.0
"""Seconds of running after which the scheduler, which looks every few seconds, takes a task for well."""

FIRST_TARGET_CHECK = 15.0
"""Seconds until the load balancer has checked a new target: one success is enough for it."""

NOTICED = 8.0
"""Seconds until the scheduler stops a task whose check has failed."""

CRASH = 3.0
OUT_OF_MEMORY = 8.0
SLOWNESS = 5.0
"""How many times as long everything takes in a slow deployment, unless told otherwise."""


@dataclass(frozen=True)
class TaskProblem:
    """What is the matter with a deployment's tasks: a key of TASK_TROUBLES, and its detail. Empty: nothing."""

    word: str = ""
    detail: str = ""


def life(scene: TaskScenario, trouble: TaskProblem) -> list[Step]:
    """What happens to a task from PROVISIONING on, unless the scheduler stops it."""
    if trouble.word == "capacity":
        return [_end(6.0, ending(scene, trouble.word, trouble.detail))]
    steps: list[Step] = [_status(PROVISIONING, "PENDING")]
    if trouble.word == "ResourceInitializationError":
        return [*steps, _end(PREPARING_FAILS, ending(scene, trouble.word, trouble.detail))]
    steps += [{"after": UNTIL_PULL, "do": "pull"}]
    if trouble.word == "CannotPullContainerError":
        return [*steps, _end(PULL_FAILS, ending(scene, trouble.word, trouble.detail))]
    steps += [{"after": PULLING, "do": "pulled"}]
    if trouble.word == "CannotStartContainerError":
        return [*steps, _end(STARTING, ending(scene, trouble.word, trouble.detail))]
    steps += [_status(STARTING, "ACTIVATING"), _status(ACTIVATING, "RUNNING")]
    steps += [{"after": 0.0, "do": "log", "lines": _first_words(scene)}]
    steps += _in_order(_running(scene, trouble))
    factor = float(trouble.detail or SLOWNESS) if trouble.word == "slow" else 1.0
    return [{**step, "after": step["after"] * factor} for step in steps]


def _running(scene: TaskScenario, trouble: TaskProblem) -> list[tuple[float, Step]]:
    """What happens while the task runs, each with its time since RUNNING."""
    moments: list[tuple[float, Step]] = [(SETTLING, {"do": "settle"})]
    failing = _failing_check(scene, trouble)
    if trouble.word == "exit":
        moments += _crash(CRASH, scene, trouble)
    if trouble.word == "oom":
        moments += _crash(OUT_OF_MEMORY, scene, trouble)
    if scene.container_check is not None:
        moments += _container_check(scene, trouble) if failing == "container" else [_passes_container_check(scene)]
    if scene.target_group:
        begins = {"do": "target", "state": "initial", "reason": "Elb.InitialHealthChecking"}
        moments.append((1.0, begins))
        moments += _target_check(scene, trouble) if failing == "target" else [_passes_target_check(scene)]
    return moments


def _failing_check(scene: TaskScenario, trouble: TaskProblem) -> str:
    """Which check fails: what the trouble says, or the other one where the service does not have it."""
    if trouble.word != "unhealthy":
        return ""
    if trouble.detail != "container" and scene.target_group:
        return "target"
    return "container" if scene.container_check is not None else "target" if scene.target_group else ""


def _crash(at: float, scene: TaskScenario, trouble: TaskProblem) -> list[tuple[float, Step]]:
    end = ending(scene, trouble.word, trouble.detail)
    return [(at, {"do": "log", "lines": list(end.last_words)}), (at, _end(0.0, end))]


def _passes_container_check(scene: TaskScenario) -> tuple[float, Step]:
    interval = scene.container_check.interval if scene.container_check is not None else 0.0
    return interval, {"do": "health", "state": "HEALTHY"}


def _passes_target_check(scene: TaskScenario) -> tuple[float, Step]:
    return min(FIRST_TARGET_CHECK, scene.target_check.interval), {"do": "target", "state": "healthy", "reason": ""}


def _container_check(scene: TaskScenario, trouble: TaskProblem) -> list[tuple[float, Step]]:
    check = scene.container_check
    at = check.start_period + check.retries * check.interval if check is not None else 0.0
    end = ending(scene, trouble.word, "container")
    return [(at, {"do": "health", "state": "UNHEALTHY"}), (max(at, scene.grace) + NOTICED, _end(0.0, end))]


def _target_check(scene: TaskScenario, trouble: TaskProblem) -> list[tuple[float, Step]]:
    """Fails as often as the threshold says; within the grace period the scheduler does nothing about it."""
    detail = "" if trouble.detail == "container" else trouble.detail
    end = ending(scene, trouble.word, detail)
    at = scene.target_check.unhealthy * scene.target_check.interval
    fails = {"do": "target", "state": "unhealthy", "reason": end.target_reason, "words": end.target_words}
    lines = list(end.last_words)
    return [(at, fails), (at, {"do": "log", "lines": lines}), (max(at, scene.grace) + NOTICED, _end(0.0, end))]


def _in_order(moments: list[tuple[float, Step]]) -> list[Step]:
    """Moments, as steps that each wait for the one before. What follows a task's end never comes."""
    steps, before = [], 0.0
    for at, step in sorted(moments, key=lambda moment: moment[0]):
        steps.append({**step, "after": at - before})
        before = at
        if step["do"] == "end":
            break
    return steps


def _first_words(scene: TaskScenario) -> list[str]:
    where = f"Listening on 0.0.0.0:{scene.port}" if scene.port else "Waiting for work"
    return [f"Starting {scene.container} ({scene.image.rpartition('/')[2]})", where]


def _status(after: float, status: str) -> Step:
    return {"after": after, "do": "status", "status": status}


def _end(after: float, end: TaskEnding) -> Step:
    return {
        "after": after,
        "do": "end",
        "code": end.code,
        "reason": end.reason,
        "exit": end.exit,
        "container_reason": end.container_reason,
        "event": end.event,
    }


def afterlife(ran: bool, draining: float, exit_code: int | None) -> list[Step]:
    """How a task goes, from the moment on at which it is to stop. ``draining`` is what its targets are given, in seconds."""
    if not ran:
        return [_status(1.0, "DEPROVISIONING"), _status(10.0, "STOPPED")]
    return [
        _status(0.0, "DEACTIVATING"),
        _status(max(draining, 1.0), "STOPPING"),
        {"after": 1.0, "do": "exit", "exit": exit_code},
        _status(1.0, "DEPROVISIONING"),
        _status(12.0, "STOPPED"),
    ]
