"""A rollout for a reader: a row for each task with its states, health checks and counts; and as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fsdcf.cli.render.durations import format_duration
from fsdcf.cli.render.values import fields
from fsdcf.deploy.ecs.rollout import brief, task_counts
from fsdcf.deploy.model import RolloutChanged, TaskState
from fsdcf.diagnostics import Paint
from fsdcf.wording import visible

_STARTING = ("PROVISIONING", "PENDING", "ACTIVATING")
_STOPPING = ("DEACTIVATING", "STOPPING", "DEPROVISIONING")
_ID_WIDTH = 8
"""Characters of a task ID that tell tasks apart."""


def counts_of(seen: RolloutChanged) -> str:
    """``1 of 2 running, 1 starting, 2 failed (the circuit breaker trips at 3)``."""
    parts = [task_counts(seen.running, seen.desired)]
    if seen.pending:
        parts.append(f"{seen.pending} starting")
    breaker = ""
    if seen.threshold is not None and (seen.failed or seen.state == "IN_PROGRESS"):
        same = seen.counted in (None, seen.failed)
        state = f"trips at {seen.threshold}" if same else f"counts {seen.counted} of {seen.threshold}"
        breaker = f" (the circuit breaker {state})"
    if seen.failed or breaker:
        parts.append(f"{seen.failed} failed{breaker}")
    if seen.state == "FAILED":
        parts.append("abandoned by ECS")
    return ", ".join(parts)


def checks_of(task: TaskState) -> tuple[str, str]:
    """The results of both health checks, and those that fail: ``container``, ``load balancer``, both, or none."""
    words, failing = [], []
    if task.container:
        words.append(f"container {task.container.lower()}")
        failing += ["container"] if task.container == "UNHEALTHY" else []
    if task.target and task.status not in _STARTING[:2]:
        bad = task.target == "unhealthy"
        reason = f" ({_without_code(task.target_reason)})" if bad and task.target_reason else ""
        words.append(f"load balancer {task.target}{reason}")
        failing += ["load balancer"] if bad else []
    return ", ".join(words), " and ".join(failing)


def state_of(task: TaskState) -> str:
    """The state of a task as the live display marks it: ``active``, ``done``, ``failed`` or ``pending``."""
    if task.failed or checks_of(task)[1]:
        return "failed"
    if task.status == "RUNNING":
        return "active" if task.target == "initial" else "done"
    return "pending" if task.status == "STOPPED" or task.status in _STOPPING else "active"


def timeline(task: TaskState, elapsed: float = 0.0, width: int = 1000) -> str:
    """The states of a task with their durations, up to the current one; the first are cut to fit the width.

    ``elapsed`` are the seconds since the task was observed.
    """
    now = task.status if task.status == "STOPPED" else f"{task.status} {format_duration(task.since + elapsed)}"
    states = [*(f"{name} {format_duration(seconds)}" for name, seconds in task.past), now]
    while len(" > ".join(states)) > width and len(states) > 2:
        states = ["…", *states[2 if states[0] == "…" else 1 :]]
    return " > ".join(states)


def relevant_tasks(seen: RolloutChanged) -> list[TaskState]:
    """The tasks that deserve a row: new ones, failed ones with the latest first, and old ones that stop."""
    new = [task for task in seen.tasks if task.new and task.status != "STOPPED"]
    failed = [task for task in seen.tasks if task.new and task.status == "STOPPED" and task.failed]
    old = [
        task
        for task in seen.tasks
        if not task.new and (task.status in _STOPPING or (task.failed and task.status != "STOPPED"))
    ]
    return [*new, *failed[::-1], *old]


def why_of(task: TaskState) -> str:
    """The reason why a task stops, or the health check that it fails; empty for a healthy task."""
    if task.failed:
        reason = visible(task.reason.split(" in (")[0])
        return (
            f"{reason}: {_without_code(task.target_reason)}" if task.target_reason and reason != task.reason else reason
        )
    words, failing = checks_of(task)
    return words if failing else ""


@dataclass
class RolloutLines:
    """Rollouts as lines: one for each task whose state, health check or end has changed, and one for new counts."""

    _tasks: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    _counts: dict[str, str] = field(default_factory=dict)
    _reasons: set[str] = field(default_factory=set)

    def of(self, seen: RolloutChanged, paint: Paint) -> Iterator[str]:
        """The lines about what has changed."""
        for task in seen.tasks:
            state = (task.status, checks_of(task)[0], task.failed)
            before, self._tasks[task.id] = self._tasks.get(task.id), state
            relevant = before is not None or task.new or task.status != "RUNNING"
            if state != before and relevant and _is_news(before, state):
                yield self._line(seen, task, paint)
        counts = counts_of(seen)
        if self._counts.get(seen.service) != counts:
            self._counts[seen.service] = counts
            yield f"[{format_duration(seen.elapsed):>7}] {paint('ROLLOUT'.ljust(18), 'soft')} {seen.service} {counts}"

    def _line(self, seen: RolloutChanged, task: TaskState, paint: Paint) -> str:
        role = {"failed": "bad", "done": "good"}.get(state_of(task), "soft")
        name = f"{'task' if task.new else 'old task'} {task.id[:_ID_WIDTH]}"
        previous, seconds = task.past[-1] if task.past else ("", 0.0)
        took = paint(f" after {format_duration(seconds)} {previous}", "soft") if previous else ""
        details = visible(self._reason(task)) if task.failed else checks_of(task)[0]
        head = f"[{format_duration(seen.elapsed):>7}] {paint(task.status.ljust(18), role)} {name}{took}"
        return f"{head}: {details}" if details else head

    def _reason(self, task: TaskState) -> str:
        """The reason of a failure: in full the first time, then in short."""
        known = task.reason in self._reasons
        self._reasons.add(task.reason)
        return brief(task.reason) if known else task.reason


def _is_news(before: tuple[str, str, bool] | None, now: tuple[str, str, bool]) -> bool:
    """Whether a change deserves a line: a new status, or a new check result of a running task."""
    return before is None or before[0] != now[0] or (before[1] != now[1] and now[0] == "RUNNING")


def _without_code(reason: str) -> str:
    """``Target.ResponseCodeMismatch: Health checks failed with these codes: [404]`` without the code at the start."""
    head, _, rest = reason.partition(": ")
    return visible(rest if rest and "." in head else reason)


def rollout_record(seen: RolloutChanged) -> dict[str, Any]:
    """A rollout as plain data."""
    return {
        "event": "rollout",
        "elapsed": round(seen.elapsed, 3),
        **fields(seen, "service", "state", "desired", "running", "pending", "failed"),
        "breaker": {"count": seen.counted or 0, "threshold": seen.threshold} if seen.threshold is not None else None,
        "tasks": [
            {
                "id": task.id,
                "status": task.status,
                "since": round(task.since, 3),
                "past": [{"status": name, "seconds": round(seconds, 3)} for name, seconds in task.past],
                "new": task.new,
                "containerCheck": task.container or None,
                "loadBalancerCheck": {"state": task.target, "reason": task.target_reason} if task.target else None,
                "failing": checks_of(task)[1] or None,
                "failed": task.failed,
                "reason": task.reason,
            }
            for task in seen.tasks
        ],
    }
