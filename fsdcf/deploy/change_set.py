"""The change set of a deploy: created under a unique name, waited for, and read completely."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fsdcf.cloudformation.change import Change, Detail, Drifted, at, title
from fsdcf.cloudformation.planned import planned
from fsdcf.cloudformation.risk import data_at_risk
from fsdcf.conventions import ENVIRONMENT_SERVICE, environment_stack
from fsdcf.deploy.answers import Answer, text, texts
from fsdcf.deploy.aws import ApiError, Expired
from fsdcf.deploy.cleanup import Leftovers
from fsdcf.deploy.events import plain
from fsdcf.deploy.model import Evidence, Exit, Outcome, Plan, Target
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.deploy.state import snapshot

State = Literal["pending", "ready", "empty", "failed", "gone"]

_EMPTY = re.compile(
    r"(?i)\s*(?:the submitted information (?:didn.t|did not) contain changes|no (?:updates|changes) are to be performed"
    r"|there are no changes|no changes\b)"
)
"""How the reason of an empty change set begins. The first two are of AWS, the others of emulators."""

EARLY_VALIDATION = "AWS::EarlyValidation::"


def state(status: str, reason: str) -> State:
    """The state of a change set by its status and reason. An unknown status counts as pending.

    A set that changes only outputs lists no changes, so that the reason decides whether it is empty.
    """
    if status == "CREATE_COMPLETE":
        return "ready"
    if status == "FAILED" or (reason and not status):
        return "empty" if _EMPTY.match(reason) else "failed"
    return "gone" if status.startswith("DELETE") else "pending"


def dropped(reason: str) -> bool:
    """Whether CloudFormation left out changes to make room for property values.

    A [WARN] in the reason is its only hint.
    """
    return "[WARN]" in reason


def read(raw: Iterable[Answer]) -> tuple[Change, ...]:
    """The changes of resources, in their order. Unknown values of enumerations are kept.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    return tuple(_change(item["ResourceChange"]) for item in raw if item.get("ResourceChange"))


def merged(whole: Sequence[Change], valued: Sequence[Change]) -> tuple[Change, ...]:
    """All changes of ``whole``, with the property values that ``valued`` has for them."""
    known = {change.logical_id: change for change in valued}
    listed = {change.logical_id for change in whole}
    extra = [change for change in valued if change.logical_id not in listed]
    return (*(known.get(change.logical_id, change) for change in whole), *extra)


def _change(raw: Answer) -> Change:
    before, after = _context(raw.get("BeforeContext")), _context(raw.get("AfterContext"))
    return Change(
        **texts(raw, action="Action", logical_id="LogicalResourceId", type="ResourceType"),
        physical_id=raw.get("PhysicalResourceId"),
        replacement=raw.get("Replacement"),
        policy=raw.get("PolicyAction"),
        scope=tuple(raw.get("Scope") or ()),
        details=tuple(_detail(detail, before, after) for detail in raw.get("Details") or ()),
        drift=text(raw, "ResourceDriftStatus"),
        ignored=tuple(
            (text(item, "Path"), text(item, "Reason")) for item in raw.get("ResourceDriftIgnoredAttributes") or ()
        ),
        before=before,
        after=after,
    )


def _detail(raw: Answer, before: Any, after: Any) -> Detail:
    target = raw.get("Target") or {}
    attribute: Any = target.get("Attribute") or "Properties"
    name = target.get("Name")
    path = target.get("Path") or (f"/{attribute}/{name}" if name else f"/{attribute}")
    return Detail(
        attribute=attribute,
        name=name,
        path=path,
        before=value_of(target["BeforeValue"]) if "BeforeValue" in target else at(before, path),
        after=value_of(target["AfterValue"]) if "AfterValue" in target else at(after, path),
        recreation=target.get("RequiresRecreation") or "Never",
        source=raw.get("ChangeSource") or "DirectModification",
        cause=raw.get("CausingEntity"),
        evaluation=raw.get("Evaluation") or "Static",
        title=title(path, before, after),
        drift=_drifted(target.get("Drift")),
    )


def _drifted(raw: Answer | None) -> Drifted | None:
    """The drift of a value.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_LiveResourceDrift.html
    """
    return Drifted(value_of(raw.get("PreviousValue")), value_of(raw.get("ActualValue"))) if raw else None


def _context(content: Any) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None


def value_of(value: Any) -> Any:
    """A property value as plain data. CloudFormation writes maps and lists as JSON, and other values as they are."""
    parsed = _context(value) if isinstance(value, str) and value[:1] in ("{", "[") else None
    return value if parsed is None else parsed


LONGEST_NAME = 128
_NAMES = 3
_USUAL_WAIT, _LONGEST_WAIT = 15.0, 900.0
"""Seconds within which the changes are usually calculated, and for which they are waited for."""

_CHANGED = re.compile(r"is in [A-Z_]+ state|already exists and cannot be created again|^Stack \S+ does not exist")
"""The messages of CreateChangeSet if the stack's state has changed in the last moment: busy, created, deleted.
Source: recordings of AWS in the snapshots of localstack's tests (tests/aws/services/cloudformation)."""


class StackChanged(Exception):
    """Another user changed the stack meanwhile: the plan is obsolete, and the action must be decided again."""


@dataclass(frozen=True)
class ChangeSetRequest:
    """The parameters of CreateChangeSet, without the names and the token.

    ``label`` becomes part of the change set's name.
    """

    stack: str
    label: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class ChangeSet:
    """A change set that can be executed, or that is ``empty``. ``created`` is a time of AWS's clock."""

    name: str
    arn: str
    stack_arn: str
    created: datetime | None
    empty: bool
    plan: Plan


def create(run: Run, request: ChangeSetRequest, leftovers: Leftovers) -> ChangeSet:
    """Create the change set, wait for it and read it. Raises StackChanged; stops the run if CloudFormation refuses."""
    run.step("change set", f"calculating the changes to {request.stack}")
    for attempt in range(_NAMES):
        leftovers.name = name_of(request.label, run.aws.random.getrandbits(40))
        try:
            leftovers.arn, leftovers.stack_arn = _send(run, request, leftovers.name)
            break
        except ApiError as error:
            if error.code == "AlreadyExistsException" and attempt + 1 < _NAMES:
                continue
            if not error.repeated:
                leftovers.name = ""  # refused at the first attempt: there is nothing to delete
            if error.code == "ValidationError" and _EMPTY.match(error.message):  # as an emulator says at once
                return ChangeSet(leftovers.name, "", "", None, True, Plan(leftovers.name, ()))
            raise _refusal(error, request) from error
        except Expired as error:
            leftovers.name = leftovers.name if error.repeated else ""
            raise
    return _read_complete(run, leftovers, request.parameters.get("ChangeSetType") == "CREATE")


_FEATURES = {"DeploymentConfig": "the express mode (--express)", "DeploymentMode": "--revert-drift"}
"""The members of CreateChangeSet that an option asks for, and that older versions of botocore lack."""


def name_of(label: str, number: int) -> str:
    """A change set's name: the image's tag for the reader, and a random number that makes it unique."""
    tidy = re.sub(r"[^A-Za-z0-9]+", "-", label.removeprefix("sha256:")).strip("-")[:64]
    return "-".join(part for part in ("fsdcf", tidy, f"{number:010x}") if part)[:LONGEST_NAME]


def _send(run: Run, request: ChangeSetRequest, name: str) -> tuple[str, str]:
    """Send CreateChangeSet. Returns the ARNs of the change set and of its stack."""
    members = {key: value for key, value in request.parameters.items() if value not in (None, [], "")}
    for member, feature in _FEATURES.items():
        if member in members:
            run.require("CreateChangeSet", member, feature)
    if run.aws.supports("cloudformation", "CreateChangeSet", "ImportExistingResources"):
        members["ImportExistingResources"] = True
    names: dict[str, Any] = {"StackName": request.stack, "ChangeSetName": name}
    try:
        answer = run.aws.call("cloudformation", "CreateChangeSet", **names, ClientToken=run.aws.token(), **members)
    except ApiError as error:
        if error.code != "AlreadyExistsException" or not error.repeated:
            raise
        # An earlier attempt succeeded, and its answer was lost: the name identifies our change set.
        answer = run.aws.call("cloudformation", "DescribeChangeSet", **names)
    return text(answer, "Id") or text(answer, "ChangeSetId"), text(answer, "StackId") or request.stack


def _refusal(error: ApiError, request: ChangeSetRequest) -> Exception:
    if error.denied or error.broken or error.throttled or error.unimplemented:
        return error
    if error.code == "ValidationError" and _CHANGED.search(error.message):
        return StackChanged(error.message)
    if error.code == "LimitExceededException":
        return stop(
            Exit.FAILED,
            f"CloudFormation accepts no more change sets or stacks: {error.message}",
            f"aws cloudformation list-change-sets --stack-name {request.stack}",
        )
    asked = next((_FEATURES[name] for name in _FEATURES if request.parameters.get(name)), "")
    if asked and re.search(r"(?i)deployment.?(config|mode)|express|drift", error.message):
        return stop(Exit.USAGE, f"CloudFormation does not accept {asked} here: {plain(error.message)}")
    return stop(Exit.USAGE, f"CloudFormation rejected the template or its parameters: {plain(error.message)}")


def _read_complete(run: Run, leftovers: Leftovers, creates: bool) -> ChangeSet:
    """The finished change set: all pages, with the property values that CloudFormation reports.

    ``creates``: it creates the stack.
    """
    valued = run.aws.supports("cloudformation", "DescribeChangeSet", "IncludePropertyValues")
    first = _wait(run, leftovers, valued)
    leftovers.arn = leftovers.arn or text(first, "ChangeSetId")
    result, reason = _state_of(first)
    if result == "failed" and not reason and valued:
        first = _describe(run, leftovers, False)  # with property values, the reason may be missing
        result, reason = _state_of(first)
    if result == "failed":
        raise Stop(_failure(run, leftovers, reason))
    if result == "gone":
        raise _deleted(run, leftovers)
    created: datetime | None = first.get("CreationTime")
    leftovers.created = created if result == "ready" else None
    changes = read(_all_changes(run, leftovers, first, valued)) if result == "ready" else ()
    if dropped(reason):
        without_values = _describe(run, leftovers, False)
        changes = merged(read(_all_changes(run, leftovers, without_values, False)), changes)
    adopted = tuple(change.logical_id for change in changes if change.action == "Import")
    warnings = _validation_warnings(run, leftovers) if result == "ready" else ()
    drift = text(first, "StackDriftStatus")
    plan = Plan(leftovers.name, changes, data_at_risk(changes, None), adopted, creates, warnings, drift)
    return ChangeSet(leftovers.name, leftovers.arn, leftovers.stack_arn, created, result == "empty", plan)


def _state_of(answer: Answer) -> tuple[State, str]:
    reason = text(answer, "StatusReason")
    usable = "CREATE_COMPLETE" if answer.get("ExecutionStatus") == "AVAILABLE" else ""
    return state(text(answer, "Status") or usable, reason), reason


def _wait(run: Run, leftovers: Leftovers, valued: bool) -> Answer:
    """The first page, once CloudFormation has calculated the changes."""
    begun, pause, said = run.aws.clock(), 2.0, False
    while True:
        run.rest(pause)
        answer = _describe(run, leftovers, valued)
        if _state_of(answer)[0] != "pending":
            return answer
        if run.late() or run.aws.clock() - begun > _LONGEST_WAIT:
            sentence = "CloudFormation did not calculate the changes in time; nothing was changed"
            raise stop(Exit.FAILED, sentence, run.target.redeploy())
        if not said and run.aws.clock() - begun > _USUAL_WAIT:
            said = True
            run.waits("CloudFormation still calculates the changes", _LONGEST_WAIT - _USUAL_WAIT)
        pause = 3.0


def _describe(run: Run, leftovers: Leftovers, valued: bool, **more: Any) -> Answer:
    """One page of the change set, by its ARN: an obsolete set is not found by its name."""
    if valued:
        more["IncludePropertyValues"] = True
    try:
        return run.aws.call("cloudformation", "DescribeChangeSet", **leftovers.identity(), **more)
    except ApiError as error:
        if error.absent:
            raise _deleted(run, leftovers) from error
        raise


def _deleted(run: Run, leftovers: Leftovers) -> Stop:
    return stop(Exit.BUSY, f"another user deleted the change set {leftovers.name}", run.target.redeploy())


def _all_changes(run: Run, leftovers: Leftovers, first: Answer, valued: bool) -> list[Answer]:
    """The changes of the first page and of all that follow it."""
    changes = list(first.get("Changes") or [])
    if first.get("NextToken"):
        pages = run.aws.pages(
            "cloudformation",
            "DescribeChangeSet",
            call=lambda *_, **more: _describe(run, leftovers, valued, **more),
            NextToken=first["NextToken"],
        )
        changes += [change for page in pages for change in page.get("Changes") or []]
    return changes


def _failure(run: Run, leftovers: Leftovers, reason: str) -> Outcome:
    """Why the change set failed. The findings of validation and hooks are in events of the change set."""
    if missing := re.search(r"No export named (\S+) found", reason):
        return _without_environment(run, missing[1], reason)
    early = EARLY_VALIDATION in reason
    evidence = tuple(_validation_findings(run, leftovers)) if early or "hook" in reason.lower() else ()
    more = f" (and {len(evidence) - 1} more)" if len(evidence) > 1 else ""
    first = f": {evidence[0].source}: {evidence[0].text}{more}" if evidence else f": {plain(reason)}" if reason else ""
    sentence = "CloudFormation's validation rejected the template" if early else "the change set failed"
    own = (Evidence("change set", plain(reason)),) if reason else ()
    return Outcome(Exit.USAGE if early else Exit.FAILED, sentence + first, (*evidence, *own), (run.target.redeploy(),))


def check_imports(run: Run, template: Mapping[str, Any]) -> None:
    """Stop the run if the template imports what the stack of its environment does not export: it cannot be planned."""
    name = environment_stack(run.target.environment)
    needed = [one.name for one in planned(template).imports if one.name.startswith(f"{name}-")]
    stack = snapshot(run.aws, name) if needed else None
    exported = stack.exports if stack is not None else ()
    if missing := next((export for export in needed if export not in exported), None):
        raise Stop(_without_environment(run, missing))


def _without_environment(run: Run, export: str, reason: str = "") -> Outcome:
    """Why an import has no value: the environment is not deployed, or its stack is older than its file."""
    target, evidence = run.target, (Evidence("change set", plain(reason)),) if reason else ()
    name = environment_stack(target.environment)
    if not export.startswith(f"{name}-"):
        sentence = f"no stack exports {export}, which the template imports"
        return Outcome(Exit.FAILED, sentence, evidence, (target.redeploy(),))
    environment, stack = f"the environment {target.environment}", snapshot(run.aws, name)
    if stack is None or stack.in_review:
        sentence = f"{environment} is not deployed: deploy it first"
    elif stack.running:
        watch = Target(ENVIRONMENT_SERVICE, target.environment).command("watch")
        sentence = f"{environment} is not complete yet: the stack {name} is {stack.status}"
        return Outcome(Exit.BUSY, sentence, evidence, (watch, target.redeploy()))
    elif not stack.exports:
        sentence = f"{environment} is not complete, because the stack {name} is {stack.status}: deploy it first"
    else:
        lacking = export.removeprefix(f"{name}-")
        sentence = f"the stack {name} has no {lacking} yet, because the environment's file is newer: deploy it first"
    return Outcome(Exit.FAILED, sentence, evidence, (target.deploy_environment, target.redeploy()))


def _validation_findings(run: Run, leftovers: Leftovers) -> Iterable[Evidence]:
    """The findings of validation and hooks about the change set, each with the spec line of its resource."""
    pages = run.optional_pages(
        "the findings of the validation cannot be read",
        "cloudformation",
        "DescribeEvents",
        ChangeSetName=leftovers.arn,
        Filters={"FailedEvents": True},
    )
    for page in pages:
        yield from _findings(run, page)


def _validation_warnings(run: Run, leftovers: Leftovers) -> tuple[Evidence, ...]:
    """What validation and hooks say about a change set that can be executed, as far as one read tells."""
    answer = run.glance("cloudformation", "DescribeEvents", ChangeSetName=leftovers.arn, Filters={"FailedEvents": True})
    return tuple(dict.fromkeys(_findings(run, answer)))


def _findings(run: Run, page: Answer) -> Iterator[Evidence]:
    """The findings in a page of DescribeEvents, each with the spec line of its property or resource.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_OperationEvent.html
    """
    for event in page.get("OperationEvents") or []:
        reasons = (text(event, f"{kind}StatusReason") for kind in ("Validation", "Hook", "Resource"))
        reason = next(filter(None, reasons), "")
        name, path = text(event, "LogicalResourceId"), text(event, "ValidationPath")
        if reason:
            source = " ".join(part for part in (name, path or text(event, "HookType")) if part)
            place = run.place(name, path.partition("/Properties")[2]) if name else None
            yield Evidence(source or "validation", plain(reason), place)
