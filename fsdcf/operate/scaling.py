"""Auto scaling of a service: its limits, whether it is suspended, and its last activity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fsdcf.cloudformation.cron import CronError, parse, time_zone
from fsdcf.cloudformation.types.applicationautoscaling import SUSPENSIONS, TASKS_DIMENSION
from fsdcf.deploy.answers import Answer, text


@dataclass(frozen=True)
class ScalingActivity:
    """An activity of auto scaling: what it did, when, its status, and the reason of that.

    Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ScalingActivity.html
    """

    time: datetime | None
    text: str
    status: str = ""
    reason: str = ""
    cause: str = ""


@dataclass(frozen=True)
class ScalingLimits:
    """The limits of auto scaling. ``halted`` are the kinds of scaling that are suspended.

    Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ScalableTarget.html
    """

    minimum: int
    maximum: int
    halted: tuple[str, ...] = ()

    @property
    def stopped(self) -> bool:
        """Whether all kinds of scaling are suspended."""
        return set(self.halted) == set(SUSPENSIONS.values())

    @property
    def suspended(self) -> bool:
        """Whether auto scaling neither adds nor removes tasks with the load."""
        return {"scaling out", "scaling in"} <= set(self.halted)

    @property
    def unscheduled(self) -> bool:
        """Whether schedules do not change the limits."""
        return SUSPENSIONS["ScheduledScalingSuspended"] in self.halted


@dataclass(frozen=True)
class ScheduledLimits:
    """The limits that a schedule sets next: its name, when it is due, in its time zone, and the limits, each None if it
    stays as it is."""

    name: str
    time: datetime
    zone: str
    minimum: int | None
    maximum: int | None

    @property
    def when(self) -> str:
        """``2026-12-01 08:00 Europe/Berlin``."""
        return f"{self.time:%Y-%m-%d %H:%M} {self.zone}"


def limits_request(cluster: str, service: str) -> dict[str, Any]:
    """The members of DescribeScalableTargets for a service, by the names of its cluster and its own."""
    return {"ServiceNamespace": "ecs", "ResourceIds": [f"service/{cluster}/{service}"]}


def activity_request(cluster: str, service: str) -> dict[str, Any]:
    """The members of DescribeScalingActivities for the latest one that concerns the number of tasks of a service."""
    named = {"ServiceNamespace": "ecs", "ResourceId": f"service/{cluster}/{service}"}
    return {**named, "ScalableDimension": TASKS_DIMENSION, "MaxResults": 1}


def read_limits(answer: Answer) -> ScalingLimits | None:
    """The limits in an answer of DescribeScalableTargets; None without auto scaling of the number of tasks."""
    for target in answer.get("ScalableTargets") or []:
        if target.get("ScalableDimension") == TASKS_DIMENSION:
            suspended = target.get("SuspendedState") or {}
            halted = tuple(words for member, words in SUSPENSIONS.items() if suspended.get(member))
            return ScalingLimits(int(target["MinCapacity"]), int(target["MaxCapacity"]), halted)
    return None


def schedules_request(cluster: str, service: str) -> dict[str, Any]:
    """The members of DescribeScheduledActions for the number of tasks of a service."""
    return {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{cluster}/{service}",
        "ScalableDimension": TASKS_DIMENSION,
    }


def next_limits(answer: Answer, now: datetime) -> ScheduledLimits | None:
    """The next limits after a moment, by the cron expressions in an answer of DescribeScheduledActions, or in the
    properties of a scalable target; None without a schedule, or if this machine has no data of its time zone.

    Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ScheduledAction.html
    """
    due = [one for raw in answer.get("ScheduledActions") or [] if (one := _due(raw, now)) is not None]
    return min(due, key=lambda one: one.time, default=None)


def _due(raw: Answer, now: datetime) -> ScheduledLimits | None:
    name, limits = text(raw, "Timezone") or "UTC", raw.get("ScalableTargetAction") or {}
    zone = time_zone(name)
    try:
        time = next(parse(text(raw, "Schedule")).times(now, zone), None) if zone is not None else None
    except CronError:
        return None  # a rate, or a single time
    bounds = (limits.get("MinCapacity"), limits.get("MaxCapacity"))
    return None if time is None else ScheduledLimits(text(raw, "ScheduledActionName"), time, name, *bounds)


def read_activity(answer: Answer) -> ScalingActivity | None:
    """The latest activity in an answer of DescribeScalingActivities, which lists those of six weeks; None if none."""
    for raw in answer.get("ScalingActivities") or []:
        return ScalingActivity(
            raw.get("StartTime"),
            text(raw, "Description"),
            text(raw, "StatusCode"),
            text(raw, "StatusMessage"),
            text(raw, "Cause"),
        )
    return None
