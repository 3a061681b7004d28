"""How tasks end, in the words of ECS: stop codes, reasons, exit codes, service events, last lines of the log.

Wording after the pages on stopped tasks, service events and target health in AWS's documentation
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html,
.../task_cannot_pull_image.html, .../resource-initialization-error.html, .../service-event-messages-list.html) and after answers of the API that users
have published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fsdcf.sandbox.elbv2 import DESCRIPTIONS, Check

UNAVAILABLE = "Capacity is unavailable at this time. Please try again later or in a different availability zone."


@dataclass(frozen=True)
class ContainerCheck:
    """A container's own health check, in seconds and failures in a row; the defaults are those of ECS."""

    interval: float = 30.0
    retries: int = 3
    start_period: float = 0.0


@dataclass(frozen=True)
class Scene:
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
    container_check: ContainerCheck | None = None
    target_check: Check = field(default_factory=Check)


@dataclass(frozen=True)
class Ending:
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


def ending(scene: Scene, word: str, detail: str) -> Ending:
    """How a task ends that has this trouble."""
    return _ENDINGS[word](scene, detail)


def _pull(scene: Scene, detail: str) -> Ending:
    host = scene.image.partition("/")[0]
    name, _, tag = scene.image.rpartition(":")
    path = name.partition("/")[2].partition("@")[0]
    how = {
        "denied": f"pulling from host {host} failed with status code [manifests {tag}]: 403 Forbidden",
        "timeout": f'failed to do request: Head "https://{host}/v2/{path}/manifests/{tag}": dial tcp 10.0.3.17:443: i/o timeout',
    }.get(detail, f"{scene.image}: not found")
    words = f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {scene.image}: {how}"
    return _unstarted(words)


def _prepare(scene: Scene, detail: str) -> Ending:
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


def _unstarted(words: str) -> Ending:
    return Ending("TaskFailedToStart", words, None, words, "place")


def _begin(scene: Scene, detail: str) -> Ending:
    program = detail or scene.command or "/app/start"
    words = (
        "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to create shim task: "
        "OCI runtime create failed: runc create failed: unable to start container process: "
        f'exec: "{program}": executable file not found in $PATH: unknown'
    )
    return Ending("TaskFailedToStart", "Task failed to start", None, words, "place")


def _memory(scene: Scene, detail: str) -> Ending:
    words = "OutOfMemoryError: Container killed due to memory usage"
    return Ending("EssentialContainerExited", "Essential container in task exited", 137, words)


def _exit(scene: Scene, detail: str) -> Ending:
    code = int(detail)
    lines: tuple[str, ...] = (
        "Traceback (most recent call last):",
        '  File "/app/main.py", line 12, in <module>',
        "    main()",
        f"RuntimeError: the sandbox was told to end here with code {code}",
    )
    lines = {0: ("Nothing left to do",), 139: ("Segmentation fault (core dumped)",)}.get(code, lines)
    return Ending("EssentialContainerExited", "Essential container in task exited", code, last_words=lines)


def _unhealthy(scene: Scene, detail: str) -> Ending:
    code = "ServiceSchedulerInitiated"
    if detail == "container":
        return Ending(code, "Task failed container health checks", 143, event="container")
    reason = {"": "Target.FailedHealthChecks", "refused": "Target.FailedHealthChecks", "timeout": "Target.Timeout"}.get(
        detail, "Target.ResponseCodeMismatch"
    )
    words = DESCRIPTIONS.get(reason, f"Health checks failed with these codes: [{detail}]")
    line = f'10.0.0.10 "GET {scene.target_check.path} HTTP/1.1" {detail} "ELB-HealthChecker/2.0"'
    lines = (line,) * scene.target_check.unhealthy if detail.isdecimal() else ()
    stopped = f"Task failed ELB health checks in (target-group {scene.target_group})"
    return Ending(code, stopped, 143, "", "target", reason, words, lines)


def _capacity(scene: Scene, detail: str) -> Ending:
    return Ending("TaskFailedToStart", UNAVAILABLE.removesuffix("."), None, "", "place")


_ENDINGS: dict[str, Callable[[Scene, str], Ending]] = {
    "CannotPullContainerError": _pull,
    "ResourceInitializationError": _prepare,
    "CannotStartContainerError": _begin,
    "oom": _memory,
    "exit": _exit,
    "unhealthy": _unhealthy,
    "capacity": _capacity,
}
