"""EventBridge Scheduler: schedules."""

from __future__ import annotations

from fsdcf.cloudformation.arns import named_by
from fsdcf.cloudformation.types import DeployPermissions, Part, ResourceType, Simulation

PART: Part = "tasks"
SCHEDULE = "AWS::Scheduler::Schedule"

RECORDS = (
    ResourceType(
        SCHEDULE,
        "free",
        Simulation(
            attributes={"Arn": "arn:{partition}:scheduler:{region}:{account}:schedule/default/{name}"},
            create=3.0,
            longest_name=64,
        ),
        DeployPermissions(arns=named_by("scheduler", "Name", ("schedule", "default/{}"))),
    ),
)
