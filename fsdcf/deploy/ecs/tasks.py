"""The tasks of a service: listing and describing them, who stopped them and why, and the history of their states."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Literal

from fsdcf.cloudformation.types.ecs import main_container
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.ecs.service import TargetHealth, request_about
from fsdcf.deploy.model import TaskState
from fsdcf.deploy.run import Run

MOST_TASKS = 500
"""The most tasks that are described at once, with ten calls."""

BATCH = 100
"""The most tasks of one call to ListTasks or DescribeTasks.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html"""

Stopper = Literal[
    "AWS", "Spot", "rebalancing", "scaling", "deployment", "deletion", "ECS", "person", "health check", "start",
    "application", "unknown",
]  # fmt: skip
"""Who stopped a task.

``AWS``: maintenance of its host, or a fault of it; ``Spot``: an interruption; ``rebalancing``: of zones; ``scaling``:
fewer tasks are desired; ``deployment``: a newer one replaced it; ``deletion``: of the service; ``ECS``: its scheduler,
for another reason; ``person``: a call of StopTask; ``health check``: of the load balancer or the container; ``start``:
it never ran; ``application``: an essential container ended by itself.
"""


@dataclass(frozen=True)
class StopCause:
    """Who stopped a task, and why in a clause. ``counts``: it is a failure of the version that the task ran."""

    by: Stopper
    text: str

    @property
    def counts(self) -> bool:
        """Whether the stop is a failure of the version."""
        return self.by in ("health check", "start", "application", "unknown")

    @property
    def signalled(self) -> bool:
        """Whether ECS ended the containers by a signal.

        Their exit codes, such as 137 and 143, follow from the stop and do not show its cause.
        """
        return self.by not in ("start", "application", "unknown")


_WORDS: tuple[tuple[Stopper, str, str], ...] = (
    (
        "Spot",
        r"\bspot\b.{0,100}\b(?:interrupt|reclaim|terminat)|spotinterruption",
        "AWS reclaimed its Spot capacity",
    ),
    (
        "AWS",
        r"(?:performing|scheduled) maintenance|maintenance on|underlying (?:infrastructure|host|hardware)"
        r"|task retirement|scheduled for retirement",
        "AWS maintained its host",
    ),
    (
        "AWS",
        r"host ec2 .{0,60}(?:stopped|terminated)|draining"
        r"|instance .{0,60}(?:stopped|terminated|deregistered)|infrastructure ?health",
        "its host was stopped",
    ),
    ("rebalancing", r"\b(?:az|zones?)[ -]?re-?balanc", "ECS balanced the tasks between the zones"),
    (
        "deletion",
        r"service .{0,300}\bdeleted|\b(?:service|cluster) (?:deletion|is inactive)",
        "the service was deleted",
    ),
    ("health check", r"health ?checks?\b|\bunhealthy\b", ""),
    ("scaling", r"scaling activity|scal(?:e|ed|ing)[ -](?:in|down)\b|desired ?count", ""),
    ("deployment", r"\bdeployment\b|\btask ?set\b", "a newer deployment replaced it"),
)
"""The words of ``stoppedReason``, in the order in which they count.
Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-maintenance.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing-event-messages-list.html"""

STOP_CODES: Mapping[str, tuple[Stopper, str]] = {
    "SpotInterruption": ("Spot", "AWS reclaimed its Spot capacity"),
    "TerminationNotice": ("AWS", "AWS gave notice of the end of its host"),
    "InfrastructureHealth": ("AWS", "its host was impaired"),
    "UserInitiated": ("person", "a person or a program stopped it"),
    "ServiceSchedulerInitiated": ("ECS", "the scheduler of ECS stopped it"),
    "TaskFailedToStart": ("start", "it could not be started"),
    "EssentialContainerExited": ("application", ""),
}
"""The values of ``stopCode``, with who stopped the task and why.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html"""

_NAMES = re.compile(r"\((?:target-group|elb|deployment) [^()]*\)|^\(?service [^\s:)]+[:)]", re.IGNORECASE)
"""The names in ``stoppedReason``, whose words say nothing."""

_OWN_FAULTS = ("EssentialContainerExited", "TaskFailedToStart")
_STARTING = re.compile(
    r"failed to start|Cannot\w{1,60}Error|ResourceInitialization\w{0,60}Error"
    r"|(?:Image|Container|Docker)\w{0,60}(?:Error|Timeout)"
)
_DEFAULT_REASON = "task stopped by user"
_SCALED = re.compile(r"\(?deployment (ecs-svc/\w+)")


def stop_cause(raw: Answer, primary: str = "") -> StopCause:
    """Who stopped a task of DescribeTasks that stops or has stopped. See ``who_stopped``."""
    containers = [(item.get("exitCode"), text(item, "reason")) for item in containers_of(raw)]
    code, reason, deployment = (text(raw, name) for name in ("stopCode", "stoppedReason", "startedBy"))
    return of_container(who_stopped(code, reason, containers, deployment, primary), ended_container(raw))


def of_container(cause: StopCause, name: str) -> StopCause:
    """The cause with the name of the container that ended the task, if it is not the main one."""
    return replace(cause, text=cause.text.replace(_APPLICATION, f"its container {name}")) if name else cause


_APPLICATION = "its application"


def who_stopped(
    code: str,
    reason: str,
    containers: Iterable[tuple[int | None, str]] = (),
    deployment: str = "",
    primary: str = "",
) -> StopCause:
    """Who stopped a task, by its ``stopCode`` and ``stoppedReason``, and only then by what its containers report.

    An exit code decides nothing if another stopped the task: 137 and 143 are the signals of SIGKILL and SIGTERM, with
    which ECS stops every task. ``containers`` are the exit code and the reason of each. ``deployment`` is the task's
    own deployment (``startedBy``), ``primary`` the current one: if they differ, ECS replaced the task rather than
    scaled the service in. All may be empty.
    """
    words = _NAMES.sub("", reason)
    for by, pattern, clause in () if code in _OWN_FAULTS else _WORDS:
        decides = code != "UserInitiated" or by in ("AWS", "Spot")  # a person may write any reason
        if decides and re.search(pattern, words, re.IGNORECASE):
            return _by_words(by, reason, clause, deployment, primary)
    by, clause = STOP_CODES.get(code, ("unknown", "ECS gives no known reason"))
    if code and code not in STOP_CODES:
        return StopCause("ECS", f"ECS stopped it ({code})")
    if by == "person" and reason and reason.rstrip(".").lower() != _DEFAULT_REASON:
        return StopCause(by, f"{clause}: {reason}")
    if by == "unknown":
        return _without_code(reason, tuple(containers))
    return StopCause(by, _exit(tuple(containers)) if by == "application" else clause)


def _by_words(by: Stopper, reason: str, clause: str, deployment: str, primary: str) -> StopCause:
    if by == "health check":
        load_balancer = re.search(r"\belb\b|target.?group|load balancer", reason, re.IGNORECASE)
        whose = "load balancer's" if load_balancer else "container's"
        return StopCause(by, f"the {whose} health check failed")
    if by == "scaling":
        named = _SCALED.search(reason)
        newer = {one for one in (primary, named[1] if named else "") if one} - {deployment}
        if deployment and newer:
            return StopCause("deployment", "a newer deployment replaced it")
        return StopCause(by, "fewer tasks were needed")
    return StopCause(by, clause)


def _without_code(reason: str, containers: tuple[tuple[int | None, str], ...]) -> StopCause:
    """Who stopped a task that has no ``stopCode``, as emulators and old tasks have none."""
    if reason.rstrip(".").lower() == _DEFAULT_REASON:
        return StopCause(*STOP_CODES["UserInitiated"])
    if reason.startswith("Essential container") or any(code is not None for code, _ in containers):
        return StopCause("application", _exit(containers))
    if _STARTING.search("\n".join((reason, *(more for _, more in containers)))):
        return StopCause(*STOP_CODES["TaskFailedToStart"])
    return StopCause("unknown", "ECS gives no known reason")


def _exit(containers: tuple[tuple[int | None, str], ...]) -> str:
    """How the application ended, in a clause."""
    if any("OutOfMemory" in reason for _, reason in containers):
        return "it ran out of memory"
    codes = [code for code, _ in containers if code is not None]
    code = next((code for code in codes if code), next(iter(codes), None))
    return f"{_APPLICATION} ended with exit code {code}" if code is not None else f"{_APPLICATION} ended"


def list_tasks(run: Run, without: str, service: str, status: str) -> tuple[str, ...]:
    """The ids of a service's tasks with a desired status (RUNNING or STOPPED), latest first.

    Empty without the permission.

    ``service`` is an ARN. More than MOST_TASKS are a warning.
    """
    at, name = request_about(service)
    tasks: list[str] = []
    for page in run.optional_pages(
        without, "ecs", "ListTasks", **at, serviceName=name, desiredStatus=status, maxResults=BATCH
    ):
        tasks += [arn.rsplit("/", 1)[-1] for arn in page.get("taskArns") or []]
        if len(tasks) >= MOST_TASKS and page.get("nextToken"):
            run.warn(f"{name} has more than {MOST_TASKS} {status} tasks: the others are not shown")
            break
    return tuple(tasks[:MOST_TASKS])


def describe_tasks(run: Run, without: str, service: str, tasks: tuple[str, ...]) -> list[Answer] | None:
    """The tasks as DescribeTasks reports them; None if a call fails. ECS forgets a stopped task after some time."""
    at, _ = request_about(service)
    described: list[Answer] = []
    for begin in range(0, len(tasks), BATCH):
        answer = run.optional(without, "ecs", "DescribeTasks", **at, tasks=list(tasks[begin : begin + BATCH]))
        if not answer:
            return None
        described += answer.get("tasks") or []
    return described


def task_id(raw: Answer) -> str:
    """The id in a task's ARN."""
    return text(raw, "taskArn").rsplit("/", 1)[-1]


def containers_of(raw: Answer) -> list[Answer]:
    """The containers of a task, its main one first. Once one has ended the task, the exit codes of the others are left
    out, and it comes first.

    The main container has the name with which the family begins: ``shop`` in ``shop-prod:7``. When an essential
    container ends, ECS stops the others, and their codes, such as 137, do not show the cause: that is a container with
    a reason or with another code, if there is one beside those that ended well or by a signal.
    """
    containers = list(raw.get("containers") or [])
    family = text(raw, "taskDefinitionArn").rsplit("/", 1)[-1].partition(":")[0]
    main = [item for item in containers if item.get("name") and f"{family}-".startswith(f"{item['name']}-")]
    main = [max(main, key=lambda item: len(item["name"]))] if main else []
    first = [*main, *(item for item in containers if item not in main)]
    failed = next((item for item in first if _failed_by_itself(item)), None)
    if failed is not None and not (main and _failed_by_itself(main[0])):
        first = [failed, *(item for item in first if item is not failed)]
    ended = any(item.get("exitCode") is not None for item in (*main, *([failed] if failed else [])))
    return [first[0], *({**item, "exitCode": None} if ended else item for item in first[1:])] if first else []


_BY_SIGNAL = (0, 137, 143)
"""The exit codes of a container that ECS has stopped, or that had nothing more to do."""


def _failed_by_itself(container: Answer) -> bool:
    """Whether a container has ended for a reason of its own, and not because it waited for another one in vain."""
    reason = text(container, "reason")
    return bool(reason and "dependency graph" not in reason) or container.get("exitCode") not in (None, *_BY_SIGNAL)


def ended_container(raw: Answer) -> str:
    """The name of the container that ended a task, if it is not the main one; empty otherwise."""
    containers = containers_of(raw)
    unhealthy = (one for one in containers if text(one, "healthStatus") == "UNHEALTHY")
    failed = next((one for one in containers[:1] if _failed_by_itself(one)), None)
    ended = next(unhealthy, None) if "health check" in text(raw, "stoppedReason") else failed
    family = text(raw, "taskDefinitionArn").rsplit("/", 1)[-1].partition(":")[0]
    main = main_container(containers, family)
    return "" if ended is None or len(containers) < 2 or ended is main else text(ended, "name")


def containers_in(answer: Answer) -> list[Answer]:
    """The container definitions in an answer of DescribeTaskDefinition."""
    return list((answer.get("taskDefinition") or {}).get("containerDefinitions") or [])


def stop_reason(reason: str, containers: Iterable[tuple[int | None, str]], cause: StopCause) -> str:
    """Why a task stopped, in the words of ECS: its reason, the first reason of a container, and an exit code.

    The code is the first that is not 0. A code of 0 is shown if the task stopped because a container exited. If
    another stopped the task, what its containers report follows from that: it is left out.
    """
    known_containers = [] if cause.signalled else list(containers)
    more = next((text for _, text in known_containers if text), "")
    known = [code for code, _ in known_containers if code is not None]
    exited = known if cause.by == "application" else []
    code = next((code for code in known if code), next(iter(exited), None))
    parts = [reason, more if more not in reason else "", f"exit code {code}" if code is not None else ""]
    return "; ".join(part for part in parts if part)


STATES = ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED")
"""The states of a task, in their order.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html"""

_STAMPS = {
    **{"PROVISIONING": "createdAt", "PENDING": "connectivityAt", "RUNNING": "startedAt"},
    **{"DEPROVISIONING": "executionStoppedAt", "STOPPED": "stoppedAt"},
}
"""The time stamps of the states that have one. Another state begins when it is first observed."""


@dataclass
class TaskHistory:
    """The observed states of tasks. ``pace`` is how many seconds of AWS's time stamps pass in a second of our clock.

    AWS's clock and ours differ. The smallest difference between the time of an observation and its time stamp estimates
    the offset: it can only be too large, by the time between two observations.
    """

    pace: float = 1.0
    _offset: float | None = None
    _observed: dict[str, dict[str, float]] = field(default_factory=dict)
    _target_reasons: dict[str, str] = field(default_factory=dict)

    def observe(self, tasks: Iterable[Answer], now: float) -> None:
        """Record the tasks of DescribeTasks at a time of our clock."""
        for raw in tasks:
            states = self._observed.setdefault(task_id(raw), {})
            states.setdefault(text(raw, "lastStatus"), now)
            for stamp in (*_STAMPS.values(), "stoppingAt"):
                if isinstance(raw.get(stamp), datetime):
                    offset = now - self._seconds(raw[stamp])
                    self._offset = offset if self._offset is None else min(self._offset, offset)

    def state(self, raw: Answer, now: float, new: Collection[str], health: Mapping[str, TargetHealth]) -> TaskState:
        """The state of a task.

        ``new`` are the ids of the deployments that are rolled out, ``health`` the targets by address.
        """
        status, id = text(raw, "lastStatus"), task_id(raw)
        begun = self._begun(raw)
        order = sorted(begun, key=lambda name: (_rank(name), begun[name]))
        past = tuple((name, max(0.0, begun[then] - begun[name])) for name, then in pairwise(order) if name != status)
        target = health.get(address_of(raw), TargetHealth("", ""))
        if target.reason and target.state == "unhealthy":
            self._target_reasons[id] = target.reason
        container = text(raw, "healthStatus")  # UNKNOWN also means that the task has no health check
        # A container may end while its task runs on.
        ends = any(raw.get(name) for name in ("stopCode", "stoppedReason", "stoppingAt", "stoppedAt"))
        containers = [(item.get("exitCode"), text(item, "reason")) for item in containers_of(raw) if ends]
        cause = stop_cause(raw)
        reason = stop_reason(text(raw, "stoppedReason"), containers, cause)
        return TaskState(
            id=id,
            status=status,
            since=max(0.0, now - begun.get(status, now)),
            past=past,
            new=text(raw, "startedBy") in new,
            container=container if container in ("HEALTHY", "UNHEALTHY") else "",
            target=target.state,
            target_reason=target.reason or self.target_reason(id),
            reason=reason,
            failed=bool(reason) and cause.counts,
        )

    def target_reason(self, task: str) -> str:
        """The load balancer's latest reason for an unhealthy task; empty if the task never was unhealthy."""
        return self._target_reasons.get(task, "")

    def _begun(self, raw: Answer) -> dict[str, float]:
        """When each state of a task began, by our clock."""
        begun = dict(self._observed.get(task_id(raw), {}))
        stopping = next((name for name in ("DEACTIVATING", "STOPPING") if name in begun), "STOPPING")
        for name, stamp in {**_STAMPS, stopping: "stoppingAt"}.items():
            if isinstance(raw.get(stamp), datetime) and self._offset is not None and (name in begun or name in _STAMPS):
                moment = self._seconds(raw[stamp]) + self._offset
                begun[name] = min(moment, begun.get(name, moment))
        return begun

    def _seconds(self, time: datetime) -> float:
        return time.timestamp() / self.pace


def _rank(state: str) -> int:
    return STATES.index(state) if state in STATES else len(STATES)


def address_of(raw: Answer) -> str:
    """The address by which the load balancer knows the task."""
    details = (detail for item in raw.get("attachments") or [] for detail in item.get("details") or [])
    return next((text(item, "value") for item in details if item.get("name") == "privateIPv4Address"), "")
