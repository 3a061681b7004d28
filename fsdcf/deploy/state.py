"""What is known of a stack at one moment, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fsdcf.cloudformation.template import TemplateError, read
from fsdcf.conventions import ENVIRONMENT_TAG, SERVICE_TAG
from fsdcf.deploy.aws import ApiError, Aws
from fsdcf.deploy.model import Exit, Options, Target


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
    def in_review(self) -> bool:
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


@dataclass(frozen=True)
class Create:
    """A CREATE change set. ``reviewed``: somebody planned the stack before; it is empty, and not ours to delete."""

    reviewed: bool = False


@dataclass(frozen=True)
class Update:
    """An UPDATE change set."""


@dataclass(frozen=True)
class Recreate:
    """Delete what an earlier failure left, then create. ``agreed``: the command line allows it, else a person is asked."""

    status: str
    agreed: bool


@dataclass(frozen=True)
class RollBackFirst:
    """RollbackStack, since an update failed and was kept as it was; then decide again."""


@dataclass(frozen=True)
class Await:
    """Wait for what runs, then decide again. ``text`` says for what."""

    text: str


@dataclass(frozen=True)
class Refuse:
    """No deploy from here, and why; ``blocked``: the events tell what is in the way."""

    exit: Exit
    sentence: str
    next: tuple[str, ...] = ()
    blocked: bool = False


Action = Create | Update | Recreate | RollBackFirst | Await | Refuse

STABLE = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
)
"""From these a stack may be updated."""

NEVER_WORKED = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"})
"""From these a stack can only be deleted."""


def decide(stack: Snapshot | None, options: Options, target: Target) -> Action:
    """What a deploy begins with. A status that is younger than this code is refused, or waited for if it is in progress.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
    """
    if stack is None or stack.status == "DELETE_COMPLETE":
        return Create()
    foreign = not stack.belongs_to(target) and not options.adopt
    if stack.status == "REVIEW_IN_PROGRESS":
        # Nothing is in it yet. CloudFormation may tell its tags only once it is created: none says nothing.
        return _foreign(stack, target) if foreign and stack.tags else Create(reviewed=True)
    if foreign:
        return _foreign(stack, target)
    if stack.status in STABLE:
        return Update()
    if stack.running:
        return _busy(stack, options, target)
    if stack.status in NEVER_WORKED:
        return _never_worked(stack, options, target)
    if stack.status == "UPDATE_FAILED" and not options.plan_only:
        return RollBackFirst()
    return _stuck(stack, target)


def _foreign(stack: Snapshot, target: Target) -> Refuse:
    return Refuse(
        Exit.REFUSED,
        f"the stack {stack.name} is {stack.status} and not ours: its tags fsdcf:service and fsdcf:environment do not say"
        f" {target.service} and {target.environment}",
        (target.redeploy("--adopt"),),
    )


def _busy(stack: Snapshot, options: Options, target: Target) -> Action:
    begun = f", begun {stack.since:%Y-%m-%d %H:%M:%S} UTC" if stack.since else ""
    if stack.status == "DELETE_IN_PROGRESS":
        return Await(f"the stack {stack.name} is being deleted{begun}; it is created again afterwards")
    if stack.status.endswith("CLEANUP_IN_PROGRESS"):
        return Await(f"the stack {stack.name} deletes what its last operation replaced ({stack.status}{begun})")
    if options.wait_lock:
        return Await(f"another operation runs on the stack {stack.name}: {stack.status}{begun}")
    return Refuse(
        Exit.BUSY,
        f"another operation runs on the stack {stack.name}: {stack.status}{begun}",
        (target.command("watch"), target.redeploy("--wait-lock")),
    )


def _never_worked(stack: Snapshot, options: Options, target: Target) -> Action:
    if not stack.belongs_to(target):
        return Refuse(
            Exit.REFUSED,
            f"the stack {stack.name} is {stack.status} and not ours: only its owners may delete it, which it needs",
            (f"aws cloudformation delete-stack --stack-name {stack.name}", target.redeploy()),
            blocked=True,
        )
    if stack.protected:
        return Refuse(
            Exit.REFUSED,
            f"the stack {stack.name} is {stack.status} and must be deleted first, but termination protection is on",
            (
                f"aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {stack.name}",
                target.redeploy("--recreate"),
            ),
            blocked=True,
        )
    if options.plan_only:
        return Refuse(
            Exit.REFUSED,
            f"the stack {stack.name} is {stack.status}: it must be deleted before anything can be planned",
            (target.redeploy("--recreate"), target.command("delete")),
            blocked=True,
        )
    return Recreate(stack.status, options.recreate)


def _stuck(stack: Snapshot, target: Target) -> Refuse:
    said = f": {stack.reason}" if stack.reason else ""
    recover, delete = target.command("recover"), target.command("delete")
    next_steps: tuple[str, ...] = (target.command("diagnose"),)
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        next_steps = (recover, target.command("recover", "--skip LOGICAL_ID"))
    elif stack.status == "UPDATE_FAILED":
        next_steps = (recover,)
    elif stack.status == "DELETE_FAILED":
        next_steps = (delete, *next_steps)
    return Refuse(
        Exit.NEEDS_RECOVERY,
        f"the stack {stack.name} is {stack.status} and cannot be updated{said}",
        next_steps,
        blocked=True,
    )


def deployed_template(aws: Aws, stack: str) -> Mapping[str, Any] | None:
    """The template that runs; None where there is none to read, or it may not be read."""
    try:
        answer = aws.call("cloudformation", "GetTemplate", StackName=stack, TemplateStage="Original")
    except ApiError:
        return None
    body = answer.get("TemplateBody")
    if isinstance(body, Mapping):
        return body  # botocore decodes JSON by itself
    try:
        return read(str(body or ""))
    except TemplateError:
        return None


def physical_ids(aws: Aws, stack: str) -> Mapping[str, str] | None:
    """The physical ids of a stack's resources that exist, by logical id; None where they may not be read."""
    found: dict[str, str] = {}
    page: dict[str, str] = {}
    while True:
        try:
            answer = aws.call("cloudformation", "ListStackResources", StackName=stack, **page)
        except ApiError:
            return None
        for one in answer.get("StackResourceSummaries") or []:
            if one.get("ResourceStatus") != "DELETE_COMPLETE":
                found[str(one.get("LogicalResourceId"))] = str(one.get("PhysicalResourceId") or "")
        if not answer.get("NextToken"):
            return found
        page = {"NextToken": answer["NextToken"]}
