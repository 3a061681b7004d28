"""A paused service or job: a stack whose template wants no tasks, whatever load, schedules and later deploys want.

A pause is part of the template, so that CloudFormation keeps it: an update sends no other number of tasks, and a
rollback returns to it. Auto scaling is suspended, with its schedules, and its minimum is 0, since it raises a number of
tasks below its minimum whenever its limits are set. The schedule of a job is disabled. Alarms notify no one.
What the template had instead is in the metadata of its resources, and who paused the service, when and with how
many tasks is an output, which DescribeStacks reports.

Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html,
https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-suspend-resume-scaling.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from fsdcf.cloudformation.template import of_type
from fsdcf.cloudformation.types.applicationautoscaling import SCALABLE_TARGET, SUSPENSIONS
from fsdcf.cloudformation.types.cloudwatch import ALARM
from fsdcf.cloudformation.types.ecs import SERVICE
from fsdcf.cloudformation.types.scheduler import SCHEDULE
from fsdcf.deploy.state import Snapshot
from fsdcf.wording import counted, moment

OUTPUT = "Paused"
"""The output of a paused stack."""

_HELD: Mapping[str, Mapping[str, Any]] = {
    SERVICE: {"DesiredCount": 0},
    SCHEDULE: {"State": "DISABLED"},
    SCALABLE_TARGET: {"MinCapacity": 0, "SuspendedState": dict.fromkeys(SUSPENSIONS, True)},
    ALARM: {"ActionsEnabled": False},
}
"""The properties of a paused stack, by resource type."""

_RECORD = re.compile(r"since (?P<since>[\d-]+ [\d:]+ UTC)(?: \((?P<tasks>\d+) tasks? before\))?(?: by (?P<by>\S+))?")


@dataclass(frozen=True)
class Pause:
    """Since when a service is paused, the number of its tasks before, and the ARN of who paused it, if it is known.

    A job has no number of tasks: it is 0.
    """

    since: datetime
    tasks: int
    by: str = ""

    @property
    def text(self) -> str:
        """``since 2026-11-29 15:02:11 UTC (3 tasks before) by arn:aws:iam::123456789012:user/anna``."""
        by = f" by {self.by}" if self.by else ""
        before = f" ({counted(self.tasks, 'task')} before)" if self.tasks else ""
        return f"since {moment(self.since)}{before}{by}"


def pause_of(stack: Snapshot | None) -> Pause | None:
    """The pause of a stack; None if it is not paused."""
    found = _RECORD.fullmatch(stack.outputs.get(OUTPUT, "")) if stack is not None else None
    if found is None:
        return None
    since = datetime.strptime(found["since"], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=timezone.utc)
    return Pause(since, int(found["tasks"] or 0), found["by"] or "")


def paused(template: Mapping[str, Any], pause: Pause) -> Mapping[str, Any]:
    """The template of a service as that of the paused service. A paused template keeps what it had before.

    The template of a later deploy decides the number of tasks after the pause, unless auto scaling does.
    """
    changed: dict[str, Any] = deepcopy(dict(template))
    for resource, held in _held(changed):
        metadata = resource.setdefault("Metadata", {}).setdefault("fsdcf", {})
        if OUTPUT not in metadata:
            properties = resource.setdefault("Properties", {})
            metadata[OUTPUT] = {name: properties[name] for name in held if name in properties}
            properties |= held
    description = "Since when it is paused, the number of its tasks before, and by whom it was paused"
    changed["Outputs"] = {**changed.get("Outputs", {}), OUTPUT: {"Description": description, "Value": pause.text}}
    return changed


def kept_paused(template: Mapping[str, Any], pause: Pause) -> Mapping[str, Any]:
    """The template of a deploy to a paused service: it stays paused, and resumes with the template's number of tasks.

    Without such a number, as with auto scaling, the service resumes with that before the pause.
    """
    written = [resource.get("Properties", {}).get("DesiredCount") for resource in of_type(template, SERVICE)]
    count = next((int(one) for one in written if str(one).isdecimal()), 0)
    return paused(template, replace(pause, tasks=count or pause.tasks))


def tasks_after(template: Mapping[str, Any], pause: Pause) -> int:
    """The number of tasks with which a paused service resumes: that before the pause, within the limits of now."""
    tasks = pause.tasks
    for target in of_type(template, SCALABLE_TARGET):
        least = target.get("Metadata", {}).get("fsdcf", {}).get(OUTPUT, {}).get("MinCapacity")
        most = target.get("Properties", {}).get("MaxCapacity")
        if str(least).isdecimal() and str(most).isdecimal():
            tasks = min(max(tasks, int(least)), int(most))
    return tasks


def resumed(template: Mapping[str, Any], pause: Pause) -> Mapping[str, Any]:
    """The template of a paused service without the pause, with the number of tasks before it.

    Auto scaling is resumed explicitly: a property that is left out keeps its value.
    """
    changed: dict[str, Any] = deepcopy(dict(template))
    for resource, held in _held(changed):
        before = resource.get("Metadata", {}).get("fsdcf", {}).pop(OUTPUT, None)
        if before is None:
            continue
        properties = {name: value for name, value in resource["Properties"].items() if name not in held}
        if "SuspendedState" in held:
            properties["SuspendedState"] = dict.fromkeys(SUSPENSIONS, False)
        resource["Properties"] = {**properties, **before}
        if "DesiredCount" in before:
            resource["Properties"]["DesiredCount"] = pause.tasks
    changed.get("Outputs", {}).pop(OUTPUT, None)
    return changed


def _held(template: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Mapping[str, Any]]]:
    """The resources that a pause changes, each with the properties that it sets."""
    for type, held in _HELD.items():
        for resource in of_type(template, type):
            if resource.get("Properties", {}).get("ServiceNamespace", "ecs") == "ecs":
                yield resource, held
