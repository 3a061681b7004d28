"""A rollout for a reader: a row for each task with its states, the checks and the counts; and as plain data. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fsdcf.cli.render.durations import spoken
from fsdcf.cli.render.values import visible
from fsdcf.deploy.ecs.rollout import brief, task_counts
from fsdcf.deploy.model import RolloutChanged, TaskState
from fsdcf.diagnostics import Paint

_ON_THE_WAY = ("PROVISIONING", "PENDING", "ACTIVATING")
_LEAVING = ("DEACTIVATING", "STOPPING", "DEPROVISIONING")
_SHORT = 8
"""Letters of a task's id that tell it from the others."""


def counts_of(seen: RolloutChanged) -> str:
    """``1 of 2 running, 1 on the way, 2 failed (the circuit breaker trips at 3)``."""
    parts = [task_counts(seen.running, seen.desired)]
    if seen.pending:
        parts.append(f"{seen.pending} on the way")
    if seen.threshold is not None and (seen.failed or seen.state == "IN_PROGRESS"):
        trips = (
            f"trips at {seen.threshold}"
            if seen.counted in (None, seen.failed)
            else f"counts {seen.counted} of {seen.threshold}"
        )
        parts.append(f"{seen.failed} failed (the circuit breaker {trips})")
    elif seen.failed:
        parts.append(f"{seen.failed} failed")
    if seen.state == "FAILED":
        parts.append("given up by ECS")
    return ", ".join(parts)


def checks_of(task: TaskState) -> tuple[str, str]:
    """The words for both checks, and which of them fails: ``container``, ``load balancer``, both, or none."""
    words, failing = [], []
    if task.container:
        words.append(f"container {task.container.lower()}")
        failing += ["container"] if task.container == "UNHEALTHY" else []
    if task.target and task.status not in _ON_THE_WAY[:2]:
        bad = task.target == "unhealthy"
        reason = f" ({_plain(task.target_reason)})" if bad and task.target_reason else ""
        words.append(f"load balancer {task.target}{reason}")
        failing += ["load balancer"] if bad else []
    return ", ".join(words), " and ".join(failing)


def state_of(task: TaskState) -> str:
    """How a task counts: ``active``, ``done``, ``failed`` or ``pending``, which are the states of the picture's rows."""
    if task.failed or checks_of(task)[1]:
        return "failed"
    if task.status == "RUNNING":
        return "active" if task.target == "initial" else "done"
    return "pending" if task.status == "STOPPED" or task.status in _LEAVING else "active"


def past_of(task: TaskState, elapsed: float = 0.0, width: int = 1000) -> str:
    """The states that a task went through, each with its time, and the one that it is in; the first ones give way to the width.

    ``elapsed`` are seconds since it was told.
    """
    stopped = task.status == "STOPPED"
    now = task.status if stopped else f"{task.status} {spoken(task.since + elapsed)}"
    states = [*(f"{name} {spoken(seconds)}" for name, seconds in task.past), now]
    while len(" > ".join(states)) > width and len(states) > 2:
        states = ["…", *states[2 if states[0] == "…" else 1 :]]
    return " > ".join(states)


def shown(seen: RolloutChanged) -> list[TaskState]:
    """The tasks worth a row: those of the new deployment, the latest failures among them, and old ones that leave."""
    ours = [one for one in seen.tasks if one.new and one.status != "STOPPED"]
    failed = [one for one in seen.tasks if one.new and one.status == "STOPPED" and one.failed]
    old = [
        one
        for one in seen.tasks
        if not one.new and (one.status in _LEAVING or (one.failed and one.status != "STOPPED"))
    ]
    return [*ours, *failed[::-1], *old]


def why_of(task: TaskState) -> str:
    """Why a task stops, or which check it fails; empty while all is well."""
    if task.failed:
        reason = visible(task.reason.split(" in (")[0])
        return f"{reason}: {_plain(task.target_reason)}" if task.target_reason and reason != task.reason else reason
    return checks_of(task)[0] if checks_of(task)[1] else ""


@dataclass
class Lines:
    """Rollouts as lines: one for each task whose state, check or end has changed, one for counts that have."""

    _tasks: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    _counts: dict[str, str] = field(default_factory=dict)
    _reasons: set[str] = field(default_factory=set)

    def of(self, seen: RolloutChanged, paint: Paint) -> Iterator[str]:
        """What is new."""
        for task in seen.tasks:
            state = (task.status, checks_of(task)[0], task.failed)
            before, self._tasks[task.id] = self._tasks.get(task.id), state
            known = before is not None or task.new or task.status != "RUNNING"
            if state != before and known and _is_news(before, state):
                yield self._line(seen, task, paint)
        counts = counts_of(seen)
        if self._counts.get(seen.service) != counts:
            self._counts[seen.service] = counts
            yield f"[{spoken(seen.elapsed):>7}] {paint('ROLLOUT'.ljust(18), 'soft')} {seen.service} {counts}"

    def _line(self, seen: RolloutChanged, task: TaskState, paint: Paint) -> str:
        role = {"failed": "bad", "done": "good"}.get(state_of(task), "soft")
        whose = "task" if task.new else "old task"
        took = f" after {_last(task)}" if task.past else ""
        more = visible(self._reason(task)) if task.failed else checks_of(task)[0]
        line = f"[{spoken(seen.elapsed):>7}] {paint(task.status.ljust(18), role)} {whose} {task.id[:_SHORT]}{paint(took, 'soft')}"
        return line + (f": {more}" if more else "")

    def _reason(self, task: TaskState) -> str:
        """Why a task failed; in full for the first that failed so."""
        known = task.reason in self._reasons
        self._reasons.add(task.reason)
        return brief(task.reason) if known else task.reason


def _is_news(before: tuple[str, str, bool] | None, now: tuple[str, str, bool]) -> bool:
    """Whether a reader of lines wants to know: a new status or a check, and the reason of a failure no more than once."""
    return before is None or before[0] != now[0] or (before[1] != now[1] and now[0] == "RUNNING")


def _last(task: TaskState) -> str:
    name, seconds = task.past[-1]
    return f"{spoken(seconds)} {name}"


def _plain(reason: str) -> str:
    """``Target.ResponseCodeMismatch: Health checks failed with these codes: [404]`` without the code before the words."""
    head, _, rest = reason.partition(": ")
    return visible(rest if rest and "." in head else reason)


def rollout_record(seen: RolloutChanged) -> dict[str, Any]:
    """A rollout as plain data."""
    return {
        "event": "rollout",
        "elapsed": round(seen.elapsed, 3),
        "service": seen.service,
        "state": seen.state,
        "desired": seen.desired,
        "running": seen.running,
        "pending": seen.pending,
        "failed": seen.failed,
        "breaker": {"count": seen.counted or 0, "threshold": seen.threshold} if seen.threshold is not None else None,
        "tasks": [
            {
                "id": one.id,
                "status": one.status,
                "since": round(one.since, 3),
                "past": [{"status": name, "seconds": round(seconds, 3)} for name, seconds in one.past],
                "new": one.new,
                "containerCheck": one.container or None,
                "loadBalancerCheck": {"state": one.target, "reason": one.target_reason} if one.target else None,
                "failing": checks_of(one)[1] or None,
                "failed": one.failed,
                "reason": one.reason,
            }
            for one in seen.tasks
        ],
    }
