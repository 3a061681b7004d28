"""The state of a stack, in one call, and the action that a deploy starts with in that state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from fsdcf.cloudformation.template import TemplateError, read
from fsdcf.conventions import ENVIRONMENT_TAG, SERVICE_TAG, is_pipeline, similar
from fsdcf.deploy.answers import Answer, text, texts
from fsdcf.deploy.aws import HTTP_OK, ApiError, Aws, AwsError, Unreachable, Unreadable
from fsdcf.deploy.model import Evidence, Exit, Options, Outcome, Target
from fsdcf.masking import remember_secrets_in
from fsdcf.wording import moment


@dataclass(frozen=True)
class Snapshot:
    """A stack as DescribeStacks reports it. ``since`` is when its latest operation began, by AWS's clock.

    ``drift`` is the result of the latest drift detection, at ``drift_checked``; empty if there was none.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html
    """

    name: str
    arn: str
    status: str
    reason: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    exports: tuple[str, ...] = ()
    protected: bool = False
    since: datetime | None = None
    change_set: str = ""
    drift: str = ""
    drift_checked: datetime | None = None

    @property
    def running(self) -> bool:
        """Whether an operation is in progress. REVIEW_IN_PROGRESS is not an operation."""
        return self.status.endswith("_IN_PROGRESS") and not self.in_review

    @property
    def in_review(self) -> bool:
        """Whether the stack has only a change set: it is created, not updated."""
        return self.status == "REVIEW_IN_PROGRESS"

    @property
    def account(self) -> str:
        """The account in the ARN; empty if there is none."""
        return (self.arn.split(":") + [""] * 5)[4]

    def belongs_to(self, target: Target) -> bool:
        """Whether the tags name the target's service and environment."""
        return (self.tags.get(SERVICE_TAG), self.tags.get(ENVIRONMENT_TAG)) == (target.service, target.environment)


def snapshot(aws: Aws, stack: str) -> Snapshot | None:
    """The stack with a name or an ARN; None if it does not exist. A deleted stack is found by its ARN alone."""
    try:
        answer = aws.call("cloudformation", "DescribeStacks", StackName=stack)
    except ApiError as error:
        if error.absent:
            return None
        raise
    found = next((_read(raw) for raw in answer.get("Stacks") or []), None)
    if found is not None and not found.status:
        raise Unreadable("cloudformation", "DescribeStacks", HTTP_OK)
    return found


_MOST_PAGES = 10
"""The most pages of stacks that a search reads."""


def absent(target: Target, aws: Aws, more: str = "") -> Outcome:
    """The outcome for a stack that does not exist, with the environments that the service is deployed to.

    ``more`` ends the sentence.
    """
    sentence = f"the stack {target.stack} does not exist in {aws.region}{more}"
    if target.pipeline:
        return Outcome(Exit.USAGE, sentence, next=() if more else (target.redeploy(),))
    deployed = _environments(target.service, aws)
    if not deployed:
        return Outcome(Exit.USAGE, sentence, next=() if more else (target.redeploy(image_sha="SHA"),))
    stacks = ", ".join(target.elsewhere(name).stack for name in deployed)
    close = similar(target.environment, deployed) or deployed[0]
    evidence = Evidence(f"stacks of {target.service}", stacks)
    return Outcome(Exit.USAGE, sentence, (evidence,), (target.elsewhere(close).command("status"),))


def _environments(service: str, aws: Aws) -> list[str]:
    """The environments that a service is deployed to, by the tags of the stacks; none if they cannot be listed."""
    try:
        stacks = list(snapshots(aws, _MOST_PAGES, look=True))
    except AwsError:
        return []
    own = (one.tags for one in stacks if one.tags.get(SERVICE_TAG) == service and not is_pipeline(one.tags))
    return sorted({tags.get(ENVIRONMENT_TAG, "") for tags in own})


def target_of(stack: Snapshot | None, name: str) -> Target:
    """The service and environment in the stack's tags, else in its name, whose last word is the environment."""
    tags = stack.tags if stack is not None else {}
    if SERVICE_TAG in tags and ENVIRONMENT_TAG in tags:
        return Target(tags[SERVICE_TAG], tags[ENVIRONMENT_TAG], pipeline=name if is_pipeline(tags) else "")
    service, _, environment = name.rpartition("-")
    return Target(service or name, environment)


def snapshots(aws: Aws, pages: int | None = None, look: bool = False) -> Iterator[Snapshot]:
    """The stacks of the account and Region, on at most so many ``pages``. Raises the errors of DescribeStacks.

    ``look``: the caller can do without them.
    """
    optional: dict[str, Any] = {"look": True} if look else {}
    for page in islice(aws.pages("cloudformation", "DescribeStacks", **optional), pages):
        yield from map(_read, page.get("Stacks") or [])


def _read(raw: Answer) -> Snapshot:
    def pairs(section: str, key: str, value: str) -> dict[str, str]:
        return {text(item, key): text(item, value) for item in raw.get(section) or []}

    drift = raw.get("DriftInformation") or {}
    is_checked = text(drift, "StackDriftStatus") not in ("", "NOT_CHECKED")
    return Snapshot(
        **texts(raw, name="StackName", status="StackStatus", change_set="ChangeSetId"),
        arn=text(raw, "StackId") or text(raw, "StackName"),
        reason=text(raw, "StackStatusReason").strip(),
        tags=pairs("Tags", "Key", "Value"),
        parameters=pairs("Parameters", "ParameterKey", "ParameterValue"),
        outputs=pairs("Outputs", "OutputKey", "OutputValue"),
        exports=tuple(text(item, "ExportName") for item in raw.get("Outputs") or [] if item.get("ExportName")),
        protected=bool(raw.get("EnableTerminationProtection")),
        since=raw.get("DeletionTime") or raw.get("LastUpdatedTime") or raw.get("CreationTime"),
        drift=text(drift, "StackDriftStatus") if is_checked else "",
        drift_checked=drift.get("LastCheckTimestamp") if is_checked else None,
    )


@dataclass(frozen=True)
class Create:
    """Make a CREATE change set."""


@dataclass(frozen=True)
class Update:
    """Make an UPDATE change set."""


@dataclass(frozen=True)
class Recreate:
    """Delete the stack of a failed creation, then create it.

    ``agreed``: the command line permits it, else a person is asked.
    """

    agreed: bool


@dataclass(frozen=True)
class RollBackFirst:
    """Roll back a failed update that was kept (RollbackStack), then decide again."""


@dataclass(frozen=True)
class Await:
    """Wait for the operation in progress, which ``text`` describes, then decide again."""

    text: str


@dataclass(frozen=True)
class Refuse:
    """Do not deploy. ``blocked``: the stack's events contain the cause."""

    exit: Exit
    sentence: str
    next: tuple[str, ...] = ()
    blocked: bool = False


Action = Create | Update | Recreate | RollBackFirst | Await | Refuse

STABLE = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
)
"""The states from which a stack can be updated."""

NEVER_WORKED = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"})
"""The states of a stack whose creation failed: it can only be deleted."""


STUCK = "UPDATE_ROLLBACK_IN_PROGRESS"
"""The status of a rollback, which may wait for hours for a service whose earlier version does not start."""


def while_running(stack: Snapshot, target: Target) -> tuple[str, ...]:
    """The commands that help while an operation is in progress on a stack."""
    watch, recover = target.command("watch"), target.command("recover")
    return (watch, recover) if stack.status == STUCK else (watch,)


def decide(stack: Snapshot | None, options: Options, target: Target) -> Action:
    """The action that a deploy starts with. An unknown status is refused, or waited for if it is in progress.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
    """
    if stack is None or stack.status == "DELETE_COMPLETE":
        return Create()
    foreign = not stack.belongs_to(target) and not options.adopt
    if foreign and (stack.tags or not stack.in_review):  # a stack in review may not show its tags yet
        return _not_managed(stack, target)
    if stack.in_review:
        return Create()
    if stack.status in STABLE:
        return Update()
    if stack.running:
        return _busy(stack, options, target)
    if stack.status in NEVER_WORKED:
        return _never_worked(stack, options, target)
    if stack.status == "UPDATE_FAILED" and not options.plan_only:
        return RollBackFirst()
    return _stuck(stack, target)


def _not_managed(stack: Snapshot, target: Target) -> Refuse:
    return Refuse(
        Exit.REFUSED,
        f"the stack {stack.name} ({stack.status}) is not managed by fsdcf for this service: its tags {SERVICE_TAG} and"
        f" {ENVIRONMENT_TAG} are not {target.service} and {target.environment}",
        (target.redeploy(adopt=True),),
    )


def _busy(stack: Snapshot, options: Options, target: Target) -> Action:
    begun = f", started {moment(stack.since)}" if stack.since else ""
    if stack.status == "DELETE_IN_PROGRESS":
        return Await(f"the stack {stack.name} is being deleted{begun}; it is created again afterwards")
    if stack.status.endswith("CLEANUP_IN_PROGRESS"):
        return Await(
            f"the stack {stack.name} is still deleting the resources that its last operation replaced"
            f" ({stack.status}{begun})"
        )
    sentence = f"another operation is in progress on the stack {stack.name}: {stack.status}{begun}"
    if options.wait_lock:
        return Await(sentence)
    return Refuse(Exit.BUSY, sentence, (*while_running(stack, target), target.redeploy(wait_lock=True)))


def _never_worked(stack: Snapshot, options: Options, target: Target) -> Action:
    cli = "aws cloudformation"
    if not stack.belongs_to(target):
        why = "must be deleted first, but it is not managed by fsdcf for this service: only its owner may delete it"
        next_steps = (f"{cli} delete-stack --stack-name {stack.name}", target.redeploy())
    elif stack.protected:
        why = "must be deleted first, but termination protection is on"
        next_steps = (target.command("delete", unprotect=stack.name), target.redeploy())
    elif options.plan_only:
        why = "must be deleted before a plan can be made"
        next_steps = (target.command("delete"), target.redeploy())
    else:
        return Recreate(options.recreate)
    return Refuse(Exit.REFUSED, f"the stack {stack.name} is {stack.status} and {why}", next_steps, blocked=True)


def _stuck(stack: Snapshot, target: Target) -> Refuse:
    reason = f": {stack.reason}" if stack.reason else ""
    recover, diagnose = target.command("recover"), target.command("diagnose")
    next_steps = {
        "UPDATE_ROLLBACK_FAILED": (recover, target.command("recover", skip="LOGICAL_ID")),
        "UPDATE_FAILED": (recover,),
        "DELETE_FAILED": (target.command("delete"), diagnose),
    }.get(stack.status, (diagnose,))
    sentence = f"the stack {stack.name} is {stack.status} and cannot be updated{reason}"
    return Refuse(Exit.NEEDS_RECOVERY, sentence, next_steps, blocked=True)


def importers(aws: Aws, export: str) -> tuple[str, ...] | None:
    """The stacks that import an export; None if that is denied or cannot be read."""
    try:
        pages = aws.pages("cloudformation", "ListImports", look=True, ExportName=export)
        return tuple(name for page in pages for name in page.get("Imports") or ())
    except Unreachable:
        return None
    except ApiError as error:  # CloudFormation reports an export without importers as an error, too
        return () if error.category == "other" else None


def deployed_template(aws: Aws, stack: str) -> Mapping[str, Any] | None:
    """The deployed template; None if it does not exist or cannot be read. The command masks its secrets from now on."""
    try:
        answer = aws.call("cloudformation", "GetTemplate", look=True, StackName=stack, TemplateStage="Original")
    except (ApiError, Unreachable):
        return None
    template = template_in(answer)
    remember_secrets_in(template)
    return template


def template_in(answer: Answer) -> Mapping[str, Any] | None:
    """The template in an answer of GetTemplate; None if it cannot be parsed.

    botocore decodes a JSON template itself.
    """
    body = answer.get("TemplateBody")
    if isinstance(body, Mapping):
        return body
    try:
        return read(str(body or ""))
    except TemplateError:
        return None


def physical_ids(aws: Aws, stack: str) -> Mapping[str, str] | None:
    """The physical ids of a stack's existing resources, by logical id; None if they cannot be read."""
    try:
        return required_ids(aws, stack, look=True)
    except (ApiError, Unreachable):
        return None


def physical_resources(aws: Aws, stack: str) -> list[tuple[str, str]]:
    """The types and physical ids of a stack's existing resources; none if they cannot be read."""
    try:
        return [(text(row, "ResourceType"), text(row, "PhysicalResourceId")) for row in _rows(aws, stack, True)]
    except (ApiError, Unreachable):
        return []


def required_ids(aws: Aws, stack: str, look: bool = False) -> Mapping[str, str]:
    """As ``physical_ids``, for a caller that cannot do without them. Raises the errors of AWS."""
    return {text(row, "LogicalResourceId"): text(row, "PhysicalResourceId") for row in _rows(aws, stack, look)}


def _rows(aws: Aws, stack: str, look: bool) -> Iterator[Answer]:
    for page in aws.pages("cloudformation", "ListStackResources", look=look, StackName=stack):
        yield from (row for row in page.get("StackResourceSummaries") or [] if row["ResourceStatus"] != _GONE)


_GONE = "DELETE_COMPLETE"
