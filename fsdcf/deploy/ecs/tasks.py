"""The tasks of a service: listing and describing them, why they stopped, and the history of their states."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.ecs.service import TargetHealth, request_about
from fsdcf.deploy.model import TaskState
from fsdcf.deploy.run import Run

MOST_TASKS = 500
"""The most tasks that are described at once, with ten calls."""

BATCH = 100
"""The most tasks of one call to ListTasks or DescribeTasks.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html"""

HARMLESS = ("Scaling activity initiated", "Service is being deleted")
"""How the stop reason begins of a task that was replaced by a newer one, or is not needed any more."""


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
    """The containers of a task, its main one first. Once that has ended, the exit codes of the others are left out.

    The main container has the name with which the family begins: ``shop`` in ``shop-prod:7``. When it ends, ECS stops
    the others, and their codes, such as 137, do not show the cause.
    """
    containers = list(raw.get("containers") or [])
    family = text(raw, "taskDefinitionArn").rsplit("/", 1)[-1].partition(":")[0]
    main = [item for item in containers if item.get("name") and f"{family}-".startswith(f"{item['name']}-")]
    ended = any(item.get("exitCode") is not None for item in main)
    others = [{**item, "exitCode": None} if ended else item for item in containers if item not in main]
    return [*main, *others]


def stop_reason(reason: str, container_reasons: Iterable[str], codes: Iterable[int | None], stop_code: str) -> str:
    """Why a task stopped, in the words of ECS: its reason, the first reason of a container, and an exit code.

    The code is the first that is not 0. A code of 0 is shown if the task stopped because a container exited.
    """
    more = next((text for text in container_reasons if text), "")
    known = [code for code in codes if code is not None]
    exited = known if stop_code == "EssentialContainerExited" else []
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
        target = health.get(_address(raw), TargetHealth("", ""))
        if target.reason and target.state == "unhealthy":
            self._target_reasons[id] = target.reason
        container = text(raw, "healthStatus")  # UNKNOWN also means that the task has no health check
        containers = containers_of(raw)
        reason = stop_reason(
            text(raw, "stoppedReason"),
            (text(item, "reason") for item in containers),
            (item.get("exitCode") for item in containers),
            text(raw, "stopCode"),
        )
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
            failed=bool(reason) and not reason.startswith(HARMLESS),
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


def _address(raw: Answer) -> str:
    """The address by which the load balancer knows the task."""
    details = (detail for item in raw.get("attachments") or [] for detail in item.get("details") or [])
    return next((text(item, "value") for item in details if item.get("name") == "privateIPv4Address"), "")
