"""The change set: created under a name of its own, waited for, read whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fsdcf.cloudformation.change import Change, Detail
from fsdcf.cloudformation.risk import data_at_risk
from fsdcf.cloudformation.titles import at, title
from fsdcf.deploy.aws import ApiError, Expired
from fsdcf.deploy.cleanup import Leftovers
from fsdcf.deploy.events import plain
from fsdcf.deploy.model import Evidence, Exit, Outcome, Plan
from fsdcf.deploy.run import Run, Stop, stop

State = Literal["pending", "ready", "empty", "failed", "gone"]

_EMPTY = ("The submitted information didn't contain changes", "No updates are to be performed")
EARLY_VALIDATION = "AWS::EarlyValidation::"


def state(status: str, reason: str) -> State:
    """What has become of a change set. Emptiness shows in the reason, never in the number of changes: a set that changes
    outputs alone lists none. A status that is not known is one to wait through."""
    if status == "CREATE_COMPLETE":
        return "ready"
    if status == "FAILED":
        return "empty" if reason.strip().startswith(_EMPTY) else "failed"
    return "gone" if status.startswith("DELETE") else "pending"


def dropped(reason: str) -> bool:
    """Whether changes are left out for the sake of their property values, which CloudFormation only hints at."""
    return "[WARN]" in reason


def read(raw: Iterable[Mapping[str, Any]]) -> tuple[Change, ...]:
    """The changes of resources, in the order in which they are listed. Words that are not known are kept as they are.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    return tuple(_change(one["ResourceChange"]) for one in raw if one.get("ResourceChange"))


def merged(whole: Sequence[Change], valued: Sequence[Change]) -> tuple[Change, ...]:
    """Every change of ``whole``, with its property values where ``valued`` has them."""
    known = {change.logical_id: change for change in valued}
    listed = {change.logical_id for change in whole}
    extra = [change for change in valued if change.logical_id not in listed]
    return (*(known.get(change.logical_id, change) for change in whole), *extra)


def _change(raw: Mapping[str, Any]) -> Change:
    before, after = _context(raw.get("BeforeContext")), _context(raw.get("AfterContext"))
    return Change(
        action=str(raw.get("Action", "")),
        logical_id=str(raw.get("LogicalResourceId", "")),
        type=str(raw.get("ResourceType", "")),
        physical_id=raw.get("PhysicalResourceId"),
        replacement=raw.get("Replacement"),
        policy=raw.get("PolicyAction"),
        scope=tuple(raw.get("Scope") or ()),
        details=tuple(_detail(one, before, after) for one in raw.get("Details") or ()),
        before=before,
        after=after,
    )


def _detail(raw: Mapping[str, Any], before: Any, after: Any) -> Detail:
    target = raw.get("Target") or {}
    attribute: Any = target.get("Attribute") or "Properties"
    name = target.get("Name")
    path = target.get("Path") or (f"/{attribute}/{name}" if name else f"/{attribute}")
    return Detail(
        attribute=attribute,
        name=name,
        path=path,
        before=_value(target["BeforeValue"]) if "BeforeValue" in target else at(before, path),
        after=_value(target["AfterValue"]) if "AfterValue" in target else at(after, path),
        recreation=target.get("RequiresRecreation") or "Never",
        source=raw.get("ChangeSource") or "DirectModification",
        cause=raw.get("CausingEntity"),
        evaluation=raw.get("Evaluation") or "Static",
        title=title(path, before, after),
    )


def _context(text: Any) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _value(text: Any) -> Any:
    """A value as plain data: CloudFormation writes maps and lists as JSON, and everything else as it is."""
    if isinstance(text, str) and text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


LONGEST_NAME = 128
_NAMES = 3
_LONGEST_WAIT = 900.0
_OTHERWISE = re.compile(r"is in [A-Z_]+ state|already exists and cannot be created again|^Stack \S+ does not exist")
"""What CreateChangeSet says where the stack is not what it was a moment ago: busy, created, deleted.
Source: recordings of AWS in the snapshots of localstack's tests (tests/aws/services/cloudformation)."""


class StackChanged(Exception):
    """Somebody else changed the stack meanwhile: the plan is void, and what to do must be decided again."""


@dataclass(frozen=True)
class ChangeSetRequest:
    """What CreateChangeSet is asked for; ``parameters`` are all its members but the names and the token."""

    stack: str
    label: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class ChangeSet:
    """A change set that can be executed or, ``empty``, need not be. ``created`` is AWS's time."""

    name: str
    arn: str
    stack_arn: str
    created: datetime | None
    empty: bool
    plan: Plan


def create(run: Run, wanted: ChangeSetRequest, traces: Leftovers) -> ChangeSet:
    """Creates the change set and reads it when it is done. Raises Overtaken; stops the run when CloudFormation refuses."""
    run.step("change set", f"asks CloudFormation what would change in {wanted.stack}")
    for attempt in range(_NAMES):
        traces.name = name_of(wanted.label, run.aws.random.getrandbits(40))
        try:
            traces.arn, traces.stack_arn = _ask(run, wanted, traces.name)
            break
        except ApiError as error:
            if error.code == "AlreadyExistsException" and attempt + 1 < _NAMES:
                continue
            if not error.repeated:
                traces.name = ""  # refused at once: there is nothing to delete
            raise _refused(error, wanted) from error
        except Expired as error:
            traces.name = traces.name if error.repeated else ""
            raise
    return _read(run, traces)


def name_of(label: str, number: int) -> str:
    """A change set's name: the image's tag for the reader, and a number, so that no two runs take the same one."""
    tidy = re.sub(r"[^A-Za-z0-9]+", "-", label.removeprefix("sha256:")).strip("-")[:64]
    return "-".join(part for part in ("fsdcf", tidy, f"{number:010x}") if part)[:LONGEST_NAME]


def _ask(run: Run, wanted: ChangeSetRequest, name: str) -> tuple[str, str]:
    """The ARNs of the change set and of its stack."""
    members = {key: value for key, value in wanted.parameters.items() if value not in (None, [], "")}
    if run.aws.supports("cloudformation", "CreateChangeSet", "ImportExistingResources"):
        members["ImportExistingResources"] = True
    try:
        answer = run.aws.call(
            "cloudformation",
            "CreateChangeSet",
            StackName=wanted.stack,
            ChangeSetName=name,
            ClientToken=run.aws.token(),
            **members,
        )
    except ApiError as error:
        if error.code != "AlreadyExistsException" or not error.repeated:
            raise
        # An earlier attempt went through, and its answer was lost: the set is ours, by its name.
        answer = run.aws.call("cloudformation", "DescribeChangeSet", StackName=wanted.stack, ChangeSetName=name)
        return str(answer["ChangeSetId"]), str(answer["StackId"])
    return str(answer["Id"]), str(answer["StackId"])


def _refused(error: ApiError, wanted: ChangeSetRequest) -> Exception:
    if error.denied or error.broken or error.throttled:
        return error
    if error.code == "ValidationError" and _OTHERWISE.search(error.message):
        return StackChanged(error.message)
    if error.code == "LimitExceededException":
        return stop(
            Exit.FAILED,
            f"CloudFormation takes no more change sets or stacks: {error.message}",
            f"aws cloudformation list-change-sets --stack-name {wanted.stack}",
        )
    return stop(Exit.USAGE, f"CloudFormation refuses the template or its parameters: {plain(error.message)}")


def _read(run: Run, traces: Leftovers) -> ChangeSet:
    """The change set once it is done: all pages, with property values where CloudFormation tells them."""
    valued = run.aws.supports("cloudformation", "DescribeChangeSet", "IncludePropertyValues")
    first = _done(run, traces, valued)
    reason = str(first.get("StatusReason") or "")
    found = state(str(first.get("Status")), reason)
    if found == "failed" and not reason and valued:
        first = _describe(run, traces, False)  # with property values, the reason may be missing
        reason = str(first.get("StatusReason") or "")
        found = state(str(first.get("Status")), reason)
    if found == "failed":
        raise Stop(_failed(run, traces, reason))
    if found == "gone":
        raise stop(Exit.BUSY, f"somebody deleted the change set {traces.name}", run.target.redeploy())
    traces.created = first.get("CreationTime") if found == "ready" else None
    listed = read(_pages(run, traces, first, valued)) if found == "ready" else ()
    if dropped(reason):
        listed = merged(read(_pages(run, traces, _describe(run, traces, False), False)), listed)
    plan = Plan(
        change_set=traces.name,
        changes=listed,
        risks=data_at_risk(listed, None),
        adopted=tuple(one.logical_id for one in listed if one.action == "Import"),
    )
    return ChangeSet(traces.name, traces.arn, traces.stack_arn, first.get("CreationTime"), found == "empty", plan)


def _done(run: Run, traces: Leftovers, valued: bool) -> dict[str, Any]:
    """The first page, as soon as CloudFormation has worked the changes out."""
    begun, wait = run.aws.clock(), 2.0
    while True:
        run.rest(wait)
        answer = _describe(run, traces, valued)
        if state(str(answer.get("Status")), str(answer.get("StatusReason") or "")) != "pending":
            return answer
        if run.late() or run.aws.clock() - begun > _LONGEST_WAIT:
            raise stop(
                Exit.FAILED,
                "CloudFormation did not work the changes out in time; nothing is changed",
                run.target.redeploy(),
            )
        wait = 3.0


def _describe(run: Run, traces: Leftovers, valued: bool, **more: Any) -> dict[str, Any]:
    """By ARN: by its name, a set that is obsolete is not found."""
    if valued:
        more["IncludePropertyValues"] = True
    try:
        return run.aws.call("cloudformation", "DescribeChangeSet", ChangeSetName=traces.arn, **more)
    except ApiError as error:
        if error.absent:
            raise stop(Exit.BUSY, f"somebody deleted the change set {traces.name}", run.target.redeploy()) from error
        raise


def _pages(run: Run, traces: Leftovers, page: dict[str, Any], valued: bool) -> list[Mapping[str, Any]]:
    listed = list(page.get("Changes") or [])
    while page.get("NextToken"):
        page = _describe(run, traces, valued, NextToken=page["NextToken"])
        listed += page.get("Changes") or []
    return listed


def _failed(run: Run, traces: Leftovers, reason: str) -> Outcome:
    """Why there is no plan. What validation and hooks found stands in events that belong to the change set."""
    early = EARLY_VALIDATION in reason
    evidence = tuple(_findings(run, traces)) if early or "hook" in reason.lower() else ()
    more = f" (and {len(evidence) - 1} more)" if len(evidence) > 1 else ""
    first = f": {evidence[0].source}: {evidence[0].text}{more}" if evidence else f": {plain(reason)}" if reason else ""
    sentence = "CloudFormation's validation refuses the template" if early else "the change set failed"
    told = (Evidence("change set", plain(reason)),) if reason else ()
    return Outcome(Exit.USAGE if early else Exit.FAILED, sentence + first, (*evidence, *told), (run.target.redeploy(),))


def _findings(run: Run, traces: Leftovers) -> list[Evidence]:
    """Everything that validation and hooks say about the change set, each with its resource's line in the spec."""
    found: list[Evidence] = []
    more: dict[str, Any] = {}
    while True:
        answer = run.optional(
            "the findings of the validation cannot be read",
            "cloudformation",
            "DescribeEvents",
            ChangeSetName=traces.arn,
            Filters={"FailedEvents": True},
            **more,
        )
        for event in (answer or {}).get("OperationEvents") or []:
            said = (
                event.get("ValidationStatusReason")
                or event.get("HookStatusReason")
                or event.get("ResourceStatusReason")
            )
            name = str(event.get("LogicalResourceId") or "")
            if said:
                source = " ".join(part for part in (name, event.get("ValidationPath") or event.get("HookType")) if part)
                found.append(Evidence(source or "validation", plain(str(said)), run.where(name) if name else None))
        if not answer or not answer.get("NextToken"):
            return found
        more = {"NextToken": answer["NextToken"]}
