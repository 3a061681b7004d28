"""The tasks of a rollout as they go through their states: what DescribeTasks tells, and how long each state took."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from fsdcf.deploy.model import TaskState
from fsdcf.deploy.run import Run

MOST_TASKS = 500
"""Tasks that are looked at in one round: with them a look is ten calls at the most."""

BATCH = 100
"""Tasks that ListTasks and DescribeTasks take at once.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html"""

HARMLESS = ("Scaling activity initiated", "Service is being deleted")
"""How the reason begins of a task that was stopped because a newer one took its place, or because nobody wants it any more."""


def place_of(service: str) -> tuple[str, str]:
    """Cluster and name out of a service's ARN; an old ARN, or a name, tells no cluster."""
    parts = service.split(":service/", 1)[-1].split("/")
    return (parts[0], parts[-1]) if len(parts) > 1 else ("", parts[0])


def listed(run: Run, without: str, service: str, status: str) -> tuple[str, ...]:
    """The ids of a service's tasks with a desired status, RUNNING or STOPPED, latest first; none where they may not be listed.

    That there are more than are looked at is one warning.
    """
    cluster, name = place_of(service)
    asked: dict[str, Any] = {"serviceName": name, "desiredStatus": status, "maxResults": BATCH}
    if cluster:
        asked["cluster"] = cluster
    found: list[str] = []
    while True:
        answer = run.optional(without, "ecs", "ListTasks", **asked) or {}
        found += [arn.rsplit("/", 1)[-1] for arn in answer.get("taskArns") or []]
        if not answer.get("nextToken"):
            return tuple(found)
        if len(found) >= MOST_TASKS:
            run.warn(f"{name} has more than {MOST_TASKS} tasks that are {status}: no more are looked at")
            return tuple(found[:MOST_TASKS])
        asked["nextToken"] = answer["nextToken"]


def containers_of(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The containers of a task as DescribeTasks tells them, its own first; how the others ended is left out where its own has ended.

    Its own is the one whose name its family begins with, ``shop`` in ``shop-prod:7``. When it ends, ECS stops those beside it, with codes
    such as 137 that say nothing of why.
    """
    told: list[Mapping[str, Any]] = list(raw.get("containers") or [])
    family = str(raw.get("taskDefinitionArn") or "").rsplit("/", 1)[-1].partition(":")[0]
    own = [one for one in told if one.get("name") and f"{family}-".startswith(f"{one['name']}-")]
    ended = any(one.get("exitCode") is not None for one in own)
    others = [{**one, "exitCode": None} if ended else one for one in told if one not in own]
    return [*own, *others]


def ending(reason: str, said: Iterable[str], codes: Iterable[int | None], stop_code: str) -> str:
    """Why a task ended, in ECS's words: its reason, the first of what its containers add, and an exit code.

    The code is the first that is not 0; one of 0 is told where the task stopped because a container ended so.
    """
    more = next((one for one in said if one), "")
    known = [code for code in codes if code is not None]
    ended = known if stop_code == "EssentialContainerExited" else []
    code = next((one for one in known if one), next(iter(ended), None))
    parts = [reason, more if more not in reason else "", f"exit code {code}" if code is not None else ""]
    return "; ".join(part for part in parts if part)


def described(run: Run, without: str, service: str, tasks: tuple[str, ...]) -> list[dict[str, Any]] | None:
    """What DescribeTasks tells of tasks; None where it tells nothing. A task that ECS has forgotten is left out."""
    cluster, _ = place_of(service)
    at: dict[str, Any] = {"cluster": cluster} if cluster else {}
    found: list[dict[str, Any]] = []
    for begin in range(0, len(tasks), BATCH):
        answer = run.optional(without, "ecs", "DescribeTasks", **at, tasks=list(tasks[begin : begin + BATCH]))
        if answer is None:
            return None
        found += answer.get("tasks") or []
    return found


STATES = ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED")
"""In the order in which a task goes through them.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html"""

_STAMPS = {
    **{"PROVISIONING": "createdAt", "PENDING": "connectivityAt", "RUNNING": "startedAt"},
    **{"DEPROVISIONING": "executionStoppedAt", "STOPPED": "stoppedAt"},
}
"""When a state began, where ECS tells it, and it was not seen before; for the others the moment counts at which they were first seen."""


@dataclass
class Sightings:
    """What was seen of each task so far. ``pace`` is how many of its seconds AWS takes for one: less than 1 in a sandbox that hurries.

    AWS's clock and ours differ. The smallest difference between a moment at which something was told and its time stamp is about how
    much: it can only be too large, by the time between two looks.
    """

    pace: float = 1.0
    _ahead: float | None = None
    _seen: dict[str, dict[str, float]] = field(default_factory=dict)
    _targets: dict[str, str] = field(default_factory=dict)

    def take(self, told: Iterable[Mapping[str, Any]], now: float) -> None:
        """Notes what DescribeTasks told at this moment of our clock."""
        for raw in told:
            states = self._seen.setdefault(id_of(raw), {})
            states.setdefault(str(raw.get("lastStatus", "")), now)
            for stamp in ("createdAt", "connectivityAt", "startedAt", "stoppingAt", "executionStoppedAt", "stoppedAt"):
                if isinstance(raw.get(stamp), datetime):
                    ahead = now - self._seconds(raw[stamp])
                    self._ahead = ahead if self._ahead is None else min(self._ahead, ahead)

    def state(
        self, raw: Mapping[str, Any], now: float, ours: Collection[str], health: Mapping[str, tuple[str, str]]
    ) -> TaskState:
        """A task as it is. ``ours`` are the deployments that are rolled out or failed, ``health`` tells state and reason of targets by address."""
        status = str(raw.get("lastStatus", ""))
        begun = self._begun(raw)
        order = sorted(begun, key=lambda name: (_rank(name), begun[name]))
        past = tuple((name, max(0.0, begun[then] - begun[name])) for name, then in pairwise(order) if name != status)
        target, reason = health.get(_address(raw), ("", ""))
        if reason and target == "unhealthy":
            self._targets[id_of(raw)] = reason
        said = _why(raw)
        return TaskState(
            id=id_of(raw),
            status=status,
            since=max(0.0, now - begun.get(status, now)),
            past=past,
            new=str(raw.get("startedBy", "")) in ours,
            container=_container(raw),
            target=target,
            target_reason=reason or self._targets.get(id_of(raw), ""),
            reason=said,
            failed=bool(said) and not said.startswith(HARMLESS),
        )

    def target_reason(self, task: str) -> str:
        """Why the load balancer found a task unhealthy when it last did; empty if it never did."""
        return self._targets.get(task, "")

    def _begun(self, raw: Mapping[str, Any]) -> dict[str, float]:
        """When each state of a task began, by our clock."""
        begun = dict(self._seen.get(id_of(raw), {}))
        stamps = dict(_STAMPS)
        stopping = next((name for name in ("DEACTIVATING", "STOPPING") if name in begun), "STOPPING")
        stamps[stopping] = "stoppingAt"
        for name, stamp in stamps.items():
            if isinstance(raw.get(stamp), datetime) and self._ahead is not None and (name in begun or name in _STAMPS):
                moment = self._seconds(raw[stamp]) + self._ahead
                begun[name] = min(moment, begun.get(name, moment))
        return begun

    def _seconds(self, time: datetime) -> float:
        return time.timestamp() / self.pace


def _rank(state: str) -> int:
    return STATES.index(state) if state in STATES else len(STATES)


def id_of(raw: Mapping[str, Any]) -> str:
    return str(raw.get("taskArn", "")).rsplit("/", 1)[-1]


def _address(raw: Mapping[str, Any]) -> str:
    """The address by which the load balancer knows the task."""
    details = (detail for one in raw.get("attachments") or [] for detail in one.get("details") or [])
    return next((str(one.get("value", "")) for one in details if one.get("name") == "privateIPv4Address"), "")


def _container(raw: Mapping[str, Any]) -> str:
    """The verdict of the containers' own checks. UNKNOWN is also what ECS says of a task that has none."""
    health = str(raw.get("healthStatus") or "")
    return health if health in ("HEALTHY", "UNHEALTHY") else ""


def _why(raw: Mapping[str, Any]) -> str:
    """Why a task stops or has stopped, in ECS's words."""
    containers = containers_of(raw)
    said = (str(one.get("reason") or "") for one in containers)
    codes = (one.get("exitCode") for one in containers)
    return ending(str(raw.get("stoppedReason") or ""), said, codes, str(raw.get("stopCode") or ""))
