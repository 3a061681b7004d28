"""The schedule of a job as EventBridge Scheduler reports it, and when it is due next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

from fsdcf.cloudformation import cron
from fsdcf.conventions import DEFINITION_OUTPUT
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.state import Snapshot
from fsdcf.wording import moment

Read = Callable[..., Answer]
"""A call that the caller can do without: what is unknown without it, a service, an operation, and its parameters."""


@dataclass(frozen=True)
class JobSchedule:
    """A schedule: its expression for AWS, its time zone, since when an interval counts, and how many minutes a run may
    start later.

    Source: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_GetSchedule.html
    """

    expression: str
    zone: str
    enabled: bool
    since: datetime | None = None
    window: int = 0

    @property
    def text(self) -> str:
        """``cron(0 3 * * ? *) in Europe/Berlin``."""
        within = f", within {self.window} minutes" if self.window else ""
        where = "" if self.expression.startswith("rate") or self.zone == "UTC" else f" in {self.zone}"
        return f"{self.expression}{where}{within}"

    def next_run(self, now: datetime) -> datetime | None:
        """The time in UTC at which it is due next; None if it is disabled, over, or not understood."""
        zone = cron.time_zone(self.zone)
        if not self.enabled or zone is None:
            return None
        try:
            due = next(cron.due(self.expression, zone, now, self.since or now), None)
        except ValueError:
            return None
        return None if due is None else due.astimezone(timezone.utc)

    def outlook(self, now: datetime) -> str:
        """What it does next, in a clause."""
        due = self.next_run(now)
        if due is not None:
            return f"the next run is at {moment(due)}"
        return "it starts no run any more" if self.enabled else "the schedule is disabled"


def is_job(stack: Snapshot) -> bool:
    """Whether nothing keeps a task of the stack running: each run of it starts one, which ends by itself."""
    return DEFINITION_OUTPUT in stack.outputs


def read_schedule(read: Read, name: str) -> JobSchedule | None:
    """The schedule with a name in the default group; None if it cannot be read."""
    answer = read("the schedule is unknown", "scheduler", "GetSchedule", Name=name)
    if not answer:
        return None
    window = answer.get("FlexibleTimeWindow") or {}
    return JobSchedule(
        text(answer, "ScheduleExpression"),
        text(answer, "ScheduleExpressionTimezone") or "UTC",
        text(answer, "State") != "DISABLED",
        answer.get("CreationDate"),
        int(window.get("MaximumWindowInMinutes") or 0),
    )


def aws_time(stack: Snapshot) -> datetime:
    """The time by our clock, or that of the stack's latest operation if ours is behind."""
    return max(filter(None, (datetime.now(timezone.utc), stack.since)))
