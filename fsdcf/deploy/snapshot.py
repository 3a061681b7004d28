"""What is known of a stack at one moment, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fsdcf.deploy.aws import ApiError, Aws
from fsdcf.deploy.model import Target

SERVICE_TAG = "fsdcf:service"
ENVIRONMENT_TAG = "fsdcf:environment"


@dataclass(frozen=True)
class Snapshot:
    """A stack as DescribeStacks tells it. ``since`` is when its latest operation began, by AWS's clock.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html
    """

    name: str
    arn: str
    status: str
    reason: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False
    since: datetime | None = None
    change_set: str = ""

    @property
    def running(self) -> bool:
        """Whether an operation is under way. A stack that was only ever planned (REVIEW_IN_PROGRESS) is at rest."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    @property
    def unborn(self) -> bool:
        """Whether the stack was only ever planned: it is created, not updated."""
        return self.status == "REVIEW_IN_PROGRESS"

    @property
    def account(self) -> str:
        """The account, read from the ARN; empty if it tells none."""
        return (self.arn.split(":") + [""] * 5)[4]

    def belongs_to(self, target: Target) -> bool:
        """Whether the stack's tags say that it is the target's."""
        return (self.tags.get(SERVICE_TAG), self.tags.get(ENVIRONMENT_TAG)) == (target.service, target.environment)


def snapshot(aws: Aws, stack: str) -> Snapshot | None:
    """The stack of a name or an ARN; None if there is none. By its ARN a deleted stack is told of as well."""
    try:
        answer = aws.call("cloudformation", "DescribeStacks", StackName=stack)
    except ApiError as error:
        if error.absent:
            return None
        raise
    stacks = answer.get("Stacks") or []
    return _read(stacks[0]) if stacks else None


def target_of(stack: Snapshot | None, name: str) -> Target:
    """The service and environment of a stack: by its tags, else by its name, whose last word is taken for the environment."""
    tags = stack.tags if stack is not None else {}
    if SERVICE_TAG in tags and ENVIRONMENT_TAG in tags:
        return Target(tags[SERVICE_TAG], tags[ENVIRONMENT_TAG])
    service, _, environment = name.rpartition("-")
    return Target(service or name, environment)


def _read(raw: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        name=str(raw.get("StackName", "")),
        arn=str(raw.get("StackId", "")),
        status=str(raw.get("StackStatus", "")),
        reason=str(raw.get("StackStatusReason") or "").strip(),
        tags={one["Key"]: one.get("Value", "") for one in raw.get("Tags") or []},
        parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in raw.get("Parameters") or []},
        outputs={one["OutputKey"]: one.get("OutputValue", "") for one in raw.get("Outputs") or []},
        protected=bool(raw.get("EnableTerminationProtection")),
        since=raw.get("DeletionTime") or raw.get("LastUpdatedTime") or raw.get("CreationTime"),
        change_set=str(raw.get("ChangeSetId") or ""),
    )
