"""Drift: what was changed outside CloudFormation, found by its drift detection, with the lines of the spec.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/detect-drift-stack.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fsdcf.cloudformation.change import title
from fsdcf.cloudformation.types import record_of
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.aws import ApiError
from fsdcf.deploy.change_set import value_of
from fsdcf.deploy.model import Exit, Outcome, Place
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.state import STABLE, Snapshot, deployed_template
from fsdcf.operate.service import idle_stack

LIMIT = 900.0
"""Seconds for which a detection is awaited without a timeout."""

_EVERY, _HEARTBEAT = 3.0, 30.0
_DETECTABLE = STABLE | {"UPDATE_ROLLBACK_FAILED"}
_RUNNING = re.compile(r"(?i)drift detection.{0,200}(already|in progress)")
_CHANGES: Mapping[str, Literal["added", "removed", "changed"]] = {"ADD": "added", "REMOVE": "removed"}


@dataclass(frozen=True)
class PropertyDrift:
    """A property whose actual value differs from that of the template.

    ``path`` begins at the properties (``/RetentionInDays``), ``title`` is the path for a reader. ``change`` is what
    was done to it. ``managed`` says who of AWS sets it; empty for drift.
    """

    path: str
    title: str
    change: Literal["added", "removed", "changed"]
    expected: Any
    actual: Any
    managed: str = ""
    place: Place | None = None


@dataclass(frozen=True)
class ResourceDrift:
    """A resource as drift detection found it. ``status`` is MODIFIED, DELETED, IN_SYNC or UNKNOWN.

    ``reason`` is why the status is UNKNOWN.
    """

    logical_id: str
    type: str
    physical_id: str
    status: str
    properties: tuple[PropertyDrift, ...] = ()
    reason: str = ""
    place: Place | None = None

    @property
    def drifted(self) -> bool:
        """Whether something else than what AWS manages was changed."""
        own = not self.properties or any(not one.managed for one in self.properties)
        return self.status == "DELETED" or (self.status == "MODIFIED" and own)


@dataclass(frozen=True)
class DriftReport:
    """The result of a drift detection. ``unchecked`` are the logical ids and types that it does not support.

    ``complete``: CloudFormation could check every resource that it supports; else ``reason`` is why not.
    """

    stack: str
    resources: tuple[ResourceDrift, ...]
    unchecked: tuple[tuple[str, str], ...] = ()
    complete: bool = True
    reason: str = ""

    @property
    def drifted(self) -> tuple[ResourceDrift, ...]:
        """The resources that were changed or deleted outside CloudFormation."""
        return tuple(one for one in self.resources if one.drifted)

    @property
    def unknown(self) -> tuple[ResourceDrift, ...]:
        """The resources whose state could not be read."""
        return tuple(one for one in self.resources if one.status not in ("MODIFIED", "DELETED", "IN_SYNC"))

    @property
    def managed(self) -> tuple[tuple[ResourceDrift, PropertyDrift], ...]:
        """The differences that AWS makes itself, which are not drift."""
        return tuple((one, part) for one in self.resources for part in one.properties if part.managed)


def detect(run: Run, timeout: float | None = None) -> DriftReport:
    """Let CloudFormation compare the stack's resources with its template, and wait for the result.

    Raises Stop: exit 2 without a stack, 3 if it is not managed by fsdcf or in a status that has no detection, 5 during
    an operation, 6 if the detection does not end in time.
    """
    run.limit(timeout if timeout is not None else LIMIT)
    stack = idle_stack(run)
    if stack.status not in _DETECTABLE:
        sentence = f"the stack {stack.name} is {stack.status}: CloudFormation cannot detect drift in this status"
        raise stop(Exit.REFUSED, sentence, run.target.command("diagnose"))
    run.step("drift", f"CloudFormation compares the resources of {stack.name} with its template; this takes a while")
    status = _wait(run, _begin(run, stack))
    template = deployed_template(run.aws, stack.arn) or {}
    found = {one.logical_id: one for one in _resources(run, stack, template)}
    unchecked = tuple(
        (name, text(row, "ResourceType")) for name, row in _listed(run, stack).items() if name not in found
    )
    complete = status.get("DetectionStatus") != "DETECTION_FAILED"
    reason = text(status, "DetectionStatusReason").strip()
    return DriftReport(stack.name, tuple(found.values()), unchecked, complete, reason)


def outcome_of(report: DriftReport, run: Run) -> Outcome:
    """The outcome: exit 10 with drift, 6 if no drift was found but not all could be checked, else 0."""
    count, unknown = len(report.drifted), len(report.unknown)
    if count:
        subject = "resource has" if count == 1 else "resources have"
        revert = run.target.redeploy(revert_drift=True, plan_only=True)
        return Outcome(Exit.CHANGES, f"{count} {subject} drifted in {report.stack}", next=(revert,))
    if unknown or not report.complete:
        why = f": {report.reason}" if report.reason else ""
        sentence = f"no drift was found in {report.stack}, but not every resource could be checked{why}"
        return Outcome(Exit.UNKNOWN, sentence, next=(run.target.command("drift"),))
    return Outcome(Exit.DONE, f"no drift in {report.stack}")


def _begin(run: Run, stack: Snapshot) -> str:
    """Start a detection and return its id, after the end of one that another user started."""
    waits = False
    while True:
        try:
            answer = run.aws.call("cloudformation", "DetectStackDrift", StackName=stack.arn)
            return text(answer, "StackDriftDetectionId")
        except ApiError as error:
            if error.code != "ValidationError" or not _RUNNING.search(error.message):
                raise
        if run.late():
            raise stop(Exit.BUSY, "another drift detection is still running", run.target.command("drift"))
        if not waits:
            run.step("drift", "waiting for the drift detection of another user")
        waits = True
        run.rest(_HEARTBEAT / 3)


def _wait(run: Run, detection: str) -> Answer:
    """The status of a detection that has ended."""
    begun = reported = run.aws.clock()
    while True:
        run.rest(_EVERY if run.aws.clock() - begun < _HEARTBEAT else _HEARTBEAT / 3)
        answer = run.aws.call("cloudformation", "DescribeStackDriftDetectionStatus", StackDriftDetectionId=detection)
        if answer.get("DetectionStatus") != "DETECTION_IN_PROGRESS":
            return answer
        now = run.aws.clock()
        if run.late():
            sentence = f"the drift detection is still running after {now - begun:.0f} s"
            raise stop(Exit.UNKNOWN, sentence, run.target.command("drift"))
        if now - reported >= _HEARTBEAT:
            reported = now
            run.step("drift", f"still comparing, after {now - begun:.0f} s")


def _listed(run: Run, stack: Snapshot) -> dict[str, Answer]:
    """The existing resources of the stack, by logical id."""
    pages = run.optional_pages(
        "which resources were not checked is unknown", "cloudformation", "ListStackResources", StackName=stack.arn
    )
    rows = (row for page in pages for row in page.get("StackResourceSummaries") or [])
    return {text(row, "LogicalResourceId"): row for row in rows if row.get("ResourceStatus") != "DELETE_COMPLETE"}


def _resources(run: Run, stack: Snapshot, template: Mapping[str, Any]) -> Iterator[ResourceDrift]:
    for page in run.aws.pages("cloudformation", "DescribeStackResourceDrifts", StackName=stack.arn):
        for raw in page.get("StackResourceDrifts") or []:
            if raw.get("StackResourceDriftStatus") not in ("NOT_CHECKED", "UNSUPPORTED"):
                yield _read(run, raw, template)


def _read(run: Run, raw: Answer, template: Mapping[str, Any]) -> ResourceDrift:
    """A resource in an answer of DescribeStackResourceDrifts.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackResourceDrift.html
    """
    name, type = text(raw, "LogicalResourceId"), text(raw, "ResourceType")
    sides = tuple({"Properties": _object(raw.get(f"{side}Properties"))} for side in ("Expected", "Actual"))
    differences = raw.get("PropertyDifferences") or []
    return ResourceDrift(
        name,
        type,
        text(raw, "PhysicalResourceId"),
        text(raw, "StackResourceDriftStatus"),
        tuple(_difference(run, name, type, one, sides, template) for one in differences),
        text(raw, "DriftStatusReason"),
        run.place(name),
    )


def _difference(
    run: Run, name: str, type: str, raw: Answer, sides: tuple[Any, ...], template: Mapping[str, Any]
) -> PropertyDrift:
    path = "/" + text(raw, "PropertyPath").strip("/")
    change = _CHANGES.get(text(raw, "DifferenceType"), "changed")
    expected = None if change == "added" else value_of(raw.get("ExpectedValue"))
    actual = None if change == "removed" else value_of(raw.get("ActualValue"))
    named = title(f"/Properties{path}", *sides) or path.strip("/").replace("/", ".")
    managed = record_of(type).managed_by(path, sides[0]["Properties"], template) or _same_resource(expected, actual)
    return PropertyDrift(path, named, change, expected, actual, managed, run.place(name, path))


def _same_resource(expected: Any, actual: Any) -> str:
    """A clause if the service answers with the ARN of the resource that the template names; empty otherwise."""
    named = isinstance(expected, str) and isinstance(actual, str) and actual.startswith("arn:")
    same = named and expected != actual and re.split("[:/]", actual)[-1] == expected
    return "the service answers with the ARN of what the template names" if same else ""


def _object(content: Any) -> Mapping[str, Any]:
    try:
        data = json.loads(content) if content else {}
    except ValueError:
        return {}
    return data if isinstance(data, Mapping) else {}
