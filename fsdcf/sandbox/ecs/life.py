"""The life of a task as a list of steps: how long each state lasts, and how a task with a problem ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fsdcf.cloudformation.partitions import domain_of, partition_of
from fsdcf.sandbox.elbv2 import DESCRIPTIONS, TargetHealthCheck

Step = dict[str, Any]
"""``after`` is the time since the previous step in seconds of AWS's time, ``do`` the kind of step; other keys depend
on the kind.
"""

PROVISIONING = 8.0
"""Seconds until Fargate has found capacity and attached a network interface."""

UNTIL_PULL = 3.0
PULLING = 12.0
STARTING = 2.0
ACTIVATING = 2.0

PULL_TIMEOUT = 40.0
"""Seconds that ECS retries to pull an image."""

PREPARATION_TIMEOUT = 45.0
"""Seconds that the agent retries to read secrets and to reach the registry."""

SETTLING = 10.0
"""Seconds of running after which the scheduler, which checks every few seconds, counts a task as started."""

FIRST_TARGET_CHECK = 15.0
"""Seconds until the load balancer has checked a new target, for which one success is enough."""

NOTICED_AFTER = 8.0
"""Seconds until the scheduler stops a task with a failed health check."""

CRASH = 3.0
OUT_OF_MEMORY = 8.0
SLOWNESS = 5.0
"""Default factor for all durations of a slow deployment."""

INTERRUPTED_AFTER = 5.0
"""Seconds of running after which a task is stopped that AWS or ECS interrupts."""

LATER = 60.0
"""Seconds after which a healthy service begins to fail (phase ``running``)."""

UNAVAILABLE = "Capacity is unavailable at this time. Please try again later or in a different availability zone"
EXITED = "Essential container in task exited"

UNPLACEABLE = {
    "vcpu": "You've reached the limit on the number of vCPUs you can run concurrently",
    "addresses": "Unexpected EC2 error while attempting to create a network interface in subnet '{subnet}': "
    "InsufficientFreeAddressesInSubnet",
}
"""The reasons for which ECS does not even create a task, by the detail of ``capacity``.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html"""

CRASHES = ("exit", "oom", "unhealthy")
INTERRUPTIONS = ("maintenance", "spot", "rebalancing")
"""The problems that end a running task, and those that are no fault of it."""

MADE_UP = "No container runs: the lines of this log are made up"
"""The first line of every log. ``tasks`` marks each line as one of the sandbox."""


@dataclass(frozen=True)
class ContainerHealthCheck:
    """The health check of a container: times in seconds, retries in a row. The defaults are those of ECS."""

    interval: float = 30.0
    retries: int = 3
    start_period: float = 0.0


@dataclass(frozen=True)
class TaskScenario:
    """What the life of a task depends on: its main container, health checks and log group.

    ``grace`` is the service's, in seconds, ``service`` its name.
    """

    region: str
    account: str
    image: str
    container: str
    command: str = ""
    role: str = ""
    secret: str = ""
    credentials: str = ""
    file_system: str = ""
    port: int = 0
    target_group: str = ""
    grace: float = 0.0
    service: str = ""
    container_check: ContainerHealthCheck | None = None
    target_check: TargetHealthCheck = field(default_factory=TargetHealthCheck)


@dataclass(frozen=True)
class TaskProblem:
    """The problem of a deployment's tasks: a key of TASK_PROBLEMS, its detail, and the container that has it, if it is
    not the main one. Empty for healthy tasks."""

    word: str = ""
    detail: str = ""
    container: str = ""

    @classmethod
    def of(cls, word: str, detail: str) -> TaskProblem:
        """The problem of a fault, whose detail may end in the name of a container: ``1@proxy``."""
        own, _, container = detail.partition("@")
        return cls(word, own, container)

    @property
    def whole_detail(self) -> str:
        """The detail as in a fault."""
        return f"{self.detail}@{self.container}" if self.container else self.detail


@dataclass(frozen=True)
class TaskEnding:
    """How a task ends. ``exit`` None: the container never ran.

    ``event`` is ``place`` for a service event about a task that could not be started, ``target`` or ``container`` for a
    failed health check, and ``interrupted`` or ``rebalanced`` for a stop that is not a failure. ``lines`` are the last
    lines of the log.
    """

    code: str
    reason: str
    exit: int | None = None
    container_reason: str = ""
    event: str = ""
    target_reason: str = ""
    target_description: str = ""
    lines: tuple[str, ...] = ()


def ending(scenario: TaskScenario, problem: TaskProblem) -> TaskEnding:
    """Return how a task with this problem ends."""
    return _ENDINGS[problem.word](scenario, problem.detail)


def _not_started(reason: str, container_reason: str | None = None) -> TaskEnding:
    return TaskEnding(
        "TaskFailedToStart", reason, None, reason if container_reason is None else container_reason, "place"
    )


def _pull_failure(scenario: TaskScenario, detail: str) -> TaskEnding:
    host = scenario.image.partition("/")[0]
    name, _, tag = scenario.image.rpartition(":")
    url = f"https://{host}/v2/{name.partition('/')[2].partition('@')[0]}/manifests/{tag}"
    cause = {
        "denied": f"pulling from host {host} failed with status code [manifests {tag}]: 403 Forbidden",
        "timeout": f'failed to do request: Head "{url}": dial tcp 52.46.141.158:443: i/o timeout',
    }.get(detail, f"{scenario.image}: not found")
    return _not_started(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
        f"failed to resolve ref {scenario.image}: {cause}"
    )


def _preparation_failure(scenario: TaskScenario, detail: str) -> TaskEnding:
    partition = partition_of(scenario.region)
    role = f"arn:{partition}:sts::{scenario.account}:assumed-role/{scenario.role or 'ecsTaskExecutionRole'}/task"
    default = f"arn:{partition}:secretsmanager:{scenario.region}:{scenario.account}:secret:{scenario.container}"
    secret = scenario.secret or scenario.credentials or default
    purpose = "registry auth" if scenario.credentials and not scenario.secret else "secret"

    def denied(retrieved: str, failed: str, action: str, resource: str) -> str:
        return (
            f"execution resource retrieval failed: unable to retrieve {retrieved}: service call has been retried "
            f"1 time(s): {failed}AccessDeniedException: User: {role} is not authorized to perform: {action} on "
            f"resource: {resource} because no identity-based policy allows the {action} action"
        )

    registry = (
        "The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon "
        "ECR. Check your task network configuration. operation error ECR: GetAuthorizationToken, exceeded maximum "
        "number of attempts, 3, https response error StatusCode: 0, RequestID: , request send failed, Post "
        f'"https://api.ecr.{scenario.region}.{domain_of(partition)}/": dial tcp 52.46.141.158:443: i/o timeout'
    )
    cause = {
        "denied": denied("ecr registry auth", "", "ecr:GetAuthorizationToken", "*"),
        "secret": denied(
            f"{purpose} from asm",
            f"failed to fetch secret {secret} from secrets manager: ",
            "secretsmanager:GetSecretValue",
            secret,
        ),
        "parameter": denied("secrets from ssm", "", "ssm:GetParameters", secret),
    }.get(detail, registry)
    if detail.startswith("efs"):
        return _mount_failure(scenario, detail)
    if detail == "log-group":
        return _not_started(
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
            "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist."
            " : exit status 1"
        )
    return _not_started(f"ResourceInitializationError: unable to pull secrets or registry auth: {cause}")


def _mount_failure(scenario: TaskScenario, detail: str) -> TaskEnding:
    """ECS's words for a mount that a policy denies, and for a file system without mount targets.

    Source: https://github.com/aws/copilot-cli/issues/3350
    """
    domain = domain_of(partition_of(scenario.region))
    host = f"{scenario.file_system or 'fs-0123456789abcdef0'}.efs.{scenario.region}.{domain}"
    error, code = "b'mount.nfs4: access denied by server while mounting 127.0.0.1:/'", 32
    if detail == "efs-target":
        error, code = f'Failed to resolve "{host}" - check that your file system ID is correct.', 1
    return _not_started(
        f"ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: {error} : "
        f"unsuccessful EFS utils command execution; code: {code}"
    )


def _start_failure(scenario: TaskScenario, detail: str) -> TaskEnding:
    program = detail or scenario.command or "/app/start"
    return _not_started(
        "Task failed to start",
        "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed "
        "to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
        f'exec: "{program}": executable file not found in $PATH: unknown',
    )


def _out_of_memory(scenario: TaskScenario, detail: str) -> TaskEnding:
    reason = "OutOfMemoryError: Container killed due to memory usage"
    return TaskEnding("EssentialContainerExited", EXITED, 137, reason)


def _exit(scenario: TaskScenario, detail: str) -> TaskEnding:
    return TaskEnding("EssentialContainerExited", EXITED, int(detail), lines=_lines_of_exit(int(detail)))


def _lines_of_exit(code: int) -> tuple[str, ...]:
    """The last lines of the log of a container that ends with a code."""
    traceback: tuple[str, ...] = (
        "Traceback (most recent call last):",
        '  File "/app/main.py", line 12, in <module>',
        "    main()",
        f"RuntimeError: a fault of the sandbox ends the program with code {code}",
    )
    return {0: ("Nothing left to do",), 139: ("Segmentation fault (core dumped)",)}.get(code, traceback)


def _unhealthy(scenario: TaskScenario, detail: str) -> TaskEnding:
    code = "ServiceSchedulerInitiated"
    if detail == "container":
        return TaskEnding(code, "Task failed container health checks", 143, event="container")
    reasons = {"": "Target.FailedHealthChecks", "refused": "Target.FailedHealthChecks", "timeout": "Target.Timeout"}
    reason = reasons.get(detail, "Target.ResponseCodeMismatch")
    description = DESCRIPTIONS.get(reason, f"Health checks failed with these codes: [{detail}]")
    line = f'10.0.0.10 "GET {scenario.target_check.path} HTTP/1.1" {detail} "ELB-HealthChecker/2.0"'
    lines = (line,) * scenario.target_check.unhealthy if detail.isdecimal() else ()
    stopped = f"Task failed ELB health checks in (target-group {scenario.target_group})"
    return TaskEnding(code, stopped, 143, "", "target", reason, description, lines)


def _maintenance(scenario: TaskScenario, detail: str) -> TaskEnding:
    """The words of ECS for a task whose host AWS maintains.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-maintenance.html
    """
    reason = "ECS is performing maintenance on the underlying infrastructure hosting the task"
    named = f"Service {scenario.service}: {reason}" if scenario.service else reason
    return TaskEnding("ServiceSchedulerInitiated", named, 137, event="interrupted")


def _spot(scenario: TaskScenario, detail: str) -> TaskEnding:
    """The words of ECS for a Spot interruption.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html
    """
    return TaskEnding("SpotInterruption", "Your Spot Task was interrupted.", 137, event="interrupted")


def _rebalancing(scenario: TaskScenario, detail: str) -> TaskEnding:
    """A stop for zone rebalancing. The words are not documented."""
    reason = "Task stopped by Availability Zone rebalancing"
    return TaskEnding("ServiceSchedulerInitiated", reason, 143, event="rebalanced")


_ENDINGS: Mapping[str, Callable[[TaskScenario, str], TaskEnding]] = {
    "CannotPullContainerError": _pull_failure,
    "ResourceInitializationError": _preparation_failure,
    "CannotStartContainerError": _start_failure,
    "oom": _out_of_memory,
    "exit": _exit,
    "unhealthy": _unhealthy,
    "capacity": lambda scenario, detail: _not_started(UNAVAILABLE, ""),
    "maintenance": _maintenance,
    "spot": _spot,
    "rebalancing": _rebalancing,
}


def life(scenario: TaskScenario, problem: TaskProblem) -> list[Step]:
    """Return the steps of a task from PROVISIONING on, unless the scheduler stops it."""
    start: list[tuple[str, float, Step]] = [
        ("capacity", 6.0, _status(PROVISIONING, "PENDING")),
        ("ResourceInitializationError", PREPARATION_TIMEOUT, {"after": UNTIL_PULL, "do": "pull"}),
        ("CannotPullContainerError", PULL_TIMEOUT, {"after": PULLING, "do": "pulled"}),
        ("CannotStartContainerError", STARTING, _status(STARTING, "ACTIVATING")),
    ]
    steps: list[Step] = []
    for word, timeout, step in start:
        if problem.word == word:
            return [*steps, end_step(timeout, ending(scenario, problem))]
        steps.append(step)
    where = f"Listening on 0.0.0.0:{scenario.port}" if scenario.port else "Waiting for work"
    lines = [MADE_UP, f"Starting {scenario.container} ({scenario.image.rpartition('/')[2]})", where]
    steps += [_status(ACTIVATING, "RUNNING"), {"after": 0.0, "do": "log", "lines": lines}]
    steps += _in_order(_running(scenario, problem))
    factor = float(problem.detail or SLOWNESS) if problem.word == "slow" else 1.0
    return [{**step, "after": step["after"] * factor} for step in steps]


PREPARING = 3.0
UNTIL_HEALTHY = 10.0
"""Seconds that a container runs that others wait to end, and until a container is healthy that others wait for."""

Containers = Mapping[str, Mapping[str, Any]]
"""The definitions of the containers of a task by name."""


def fails_alone(problem: TaskProblem, containers: Containers) -> bool:
    """Whether a container fails that is not essential: its task runs on, unless another one waits for its success."""
    aimed = containers.get(problem.container, {})
    return problem.word == "exit" and not aimed.get("essential", True)


def with_containers(steps: list[Step], main: str, containers: Containers, problem: TaskProblem) -> list[Step]:
    """The steps of a task with those of single containers: their order, what they log, and the one that fails."""
    aimed = problem.container if problem.container in containers else ""
    alone = fails_alone(problem, containers)
    whole: list[Step] = []
    for step in steps:
        is_first_log = step["do"] == "log" and step["lines"][:1] == [MADE_UP]
        fails = step["do"] in ("log", "end") or step.get("state") == "UNHEALTHY"
        if step.get("status") == "ACTIVATING":
            whole += _starts(containers, *((aimed, int(problem.detail)) if alone else ("", 0)))
            if whole[-1]["do"] == "end":
                return whole
        if is_first_log:
            others = [(name, one) for name, one in containers.items() if name != main]
            whole += [step, *(_first_log(name, one) for name, one in others)]
        else:
            whole.append({**step, "container": aimed} if aimed and fails and not alone else step)
    return whole


def _first_log(name: str, container: Mapping[str, Any]) -> Step:
    image = str(container["image"]).rpartition("/")[2]
    return {"after": 0.0, "do": "log", "container": name, "lines": [MADE_UP, f"Starting {name} ({image})"]}


def _starts(containers: Containers, failing: str, code: int) -> list[Step]:
    """The starts and ends of containers before the task runs; none if no container waits for another one, and none is
    failing with an exit code."""
    waits = {
        name: {one["containerName"]: one["condition"] for one in each.get("dependsOn", ())}
        for name, each in containers.items()
    }
    if not any(waits.values()) and not failing:
        return []
    begins = _begins(waits)
    awaited = {one for each in waits.values() for one, how in each.items() if how in ("COMPLETE", "SUCCESS")}
    moments = [(at, _container(name, "RUNNING")) for name, at in begins.items()]
    for name in sorted(containers.keys() & {*awaited, failing}):
        at, failed = begins[name] + PREPARING, code if name == failing else 0
        if failed:
            log = _first_log(name, containers[name])
            moments.append((at, {**log, "lines": [*log["lines"], *_lines_of_exit(failed)]}))
        moments.append((at, _container(name, "STOPPED", failed)))
    waiting = next((name for name, each in waits.items() if each.get(failing) == "SUCCESS"), "")
    if code and waiting:
        # Source: verifyContainerOrderingStatusResolvable in the container agent of Amazon ECS
        reason = "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency "
        reason += f"[{failing}] for target [{waiting}] as dependency did not exit successfully."
        end = end_step(0.0, TaskEnding("TaskFailedToStart", "Task failed to start", 143, reason))
        moments.append((begins[failing] + PREPARING, {**end, "container": waiting}))
    return _in_order(moments)


def _begins(waits: Mapping[str, Mapping[str, str]]) -> dict[str, float]:
    """When each container starts, by the states that it waits for; seconds since the first one."""
    lasts = {"START": 0.0, "HEALTHY": UNTIL_HEALTHY}
    begins: dict[str, float] = {}
    for _ in waits:  # each round settles one more container of the longest chain
        for name, each in waits.items():
            moments = (begins.get(one, 0.0) + lasts.get(how, PREPARING) for one, how in each.items())
            begins[name] = max(moments, default=0.0)
    return begins


def _container(name: str, status: str, code: int | None = None) -> Step:
    return {"do": "container", "container": name, "status": status, "exit": code}


def later(scenario: TaskScenario, problem: TaskProblem) -> list[Step]:
    """Return the steps of a healthy task that begins to fail, or is interrupted, after a while."""
    moments = [(at, step) for at, step in _running(scenario, problem) if _fails(step)]
    steps = _in_order(moments)
    return [{**step, "after": step["after"] + (LATER if number == 0 else 0.0)} for number, step in enumerate(steps)]


def _fails(step: Step) -> bool:
    """Return whether a step is part of a failure."""
    return step["do"] == "end" or (step["do"] == "log" and bool(step["lines"])) or step.get("state") in _UNHEALTHY


_UNHEALTHY = ("unhealthy", "UNHEALTHY")


def _running(scenario: TaskScenario, problem: TaskProblem) -> list[tuple[float, Step]]:
    """Return what happens while a task runs, each step with its time since RUNNING."""
    moments: list[tuple[float, Step]] = [(SETTLING, {"do": "settle"})]
    failing = _failing_check(scenario, problem)
    if problem.word in ("exit", "oom"):
        end = ending(scenario, problem)
        at = CRASH if problem.word == "exit" else OUT_OF_MEMORY
        moments += [(at, {"do": "log", "lines": list(end.lines)}), (at, end_step(0.0, end))]
    if problem.word in INTERRUPTIONS:
        moments.append((INTERRUPTED_AFTER, end_step(0.0, ending(scenario, problem))))
    check = scenario.container_check
    if check is not None and failing == "container":
        at = check.start_period + check.retries * check.interval
        end = ending(scenario, TaskProblem(problem.word, "container"))
        moments += [(at, {"do": "health", "state": "UNHEALTHY"})]
        moments += [(max(at, scenario.grace) + NOTICED_AFTER, end_step(0.0, end))]
    elif check is not None:
        moments.append((check.interval, {"do": "health", "state": "HEALTHY"}))
    if scenario.target_group:
        moments.append((1.0, {"do": "target", "state": "initial", "reason": "Elb.InitialHealthChecking"}))
        if failing == "target":
            moments += _failing_target(scenario, problem)
        else:
            at = min(FIRST_TARGET_CHECK, scenario.target_check.interval)
            moments.append((at, {"do": "target", "state": "healthy", "reason": ""}))
    return moments


def _failing_check(scenario: TaskScenario, problem: TaskProblem) -> str:
    """Return which health check fails: the one of the problem or, if the service does not have it, the other one."""
    if problem.word != "unhealthy":
        return ""
    if problem.detail != "container" and scenario.target_group:
        return "target"
    return "container" if scenario.container_check is not None else "target" if scenario.target_group else ""


def _failing_target(scenario: TaskScenario, problem: TaskProblem) -> list[tuple[float, Step]]:
    """Return the steps of a failed target, which the scheduler ignores within the grace period."""
    detail = "" if problem.detail == "container" else problem.detail
    end = ending(scenario, TaskProblem(problem.word, detail))
    at = scenario.target_check.unhealthy * scenario.target_check.interval
    health = {"state": "unhealthy", "reason": end.target_reason, "description": end.target_description}
    return [
        (at, {"do": "target", **health}),
        (at, {"do": "log", "lines": list(end.lines)}),
        (max(at, scenario.grace) + NOTICED_AFTER, end_step(0.0, end)),
    ]


def _in_order(moments: list[tuple[float, Step]]) -> list[Step]:
    """Sort steps by time and give each the time since the previous one, up to the end of the task."""
    steps, before = [], 0.0
    for at, step in sorted(moments, key=lambda moment: moment[0]):
        steps.append({**step, "after": at - before})
        before = at
        if step["do"] == "end":
            break
    return steps


def _status(after: float, status: str) -> Step:
    return {"after": after, "do": "status", "status": status}


def end_step(after: float, end: TaskEnding) -> Step:
    """Return the step with which a task ends by itself."""
    return {"after": after, "do": "end", **asdict(end), "lines": [*end.lines]}


def stopping(ran: bool, draining: float, exit_code: int | None) -> list[Step]:
    """Return the steps of a task that stops. ``draining`` is the time that its targets get, in seconds."""
    if not ran:
        return [_status(1.0, "DEPROVISIONING"), _status(10.0, "STOPPED")]
    return [
        _status(0.0, "DEACTIVATING"),
        _status(max(draining, 1.0), "STOPPING"),
        {"after": 1.0, "do": "exit", "exit": exit_code},
        _status(1.0, "DEPROVISIONING"),
        _status(12.0, "STOPPED"),
    ]
