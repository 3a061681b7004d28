"""Drift: what differs between the resources of a stack and its template, how it comes about, and how it is detected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fsdcf.cloudformation.compare import MISSING, differences, pointer
from fsdcf.cloudformation.difference import Side
from fsdcf.cloudformation.facts import facts_of
from fsdcf.cloudformation.permissions import handlers_of
from fsdcf.cloudformation.types import record_of
from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation import messages, records, resources
from fsdcf.sandbox.cloudformation.records import page
from fsdcf.sandbox.cloudformation.resource_steps import GONE
from fsdcf.sandbox.state import Data, Document, SandboxState

DETECTION = "cfn-drift-detection"
RESULT = "cfn-drift-result"

TAKES = 8.0
"""Seconds that a detection takes."""

_DETECTABLE = (
    *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"),
    *("IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"),
)


@dataclass(frozen=True)
class ActualResource:
    """A resource of a stack as its service has it. ``properties`` is None if it was deleted outside CloudFormation.

    Only the properties of the template count. ``managed`` are the paths that differ because AWS sets them.
    """

    row: Document
    properties: Document | None
    managed: tuple[str, ...] = ()

    @property
    def expected(self) -> Document:
        """The properties that the template and the stack's tags give the resource."""
        return resources.tagged(self.row["type"], self.written, self.row["tags"])

    @property
    def written(self) -> Data:
        """The properties that the template gives the resource."""
        properties: Data = self.row.get("declared") or self.row["definition"].get("Properties") or {}
        return properties

    @property
    def leaves(self) -> list[Document]:
        """The differences in the form of DescribeStackResourceDrifts."""
        return [] if self.properties is None else list(_leaves(self.row["type"], self.expected, self.properties))

    @property
    def drift(self) -> list[Document]:
        """The differences that AWS does not make itself."""
        return [leaf for leaf in self.leaves if leaf["PropertyPath"] not in self.managed]

    @property
    def actual_row(self) -> Document:
        """The record of the resource with what was changed outside CloudFormation as its definition.

        ``declared`` are the properties of the template, from which it differs until an update succeeds.
        """
        definition = {**self.row["definition"], "Properties": self.overlaid(self.written)}
        return {**self.row, "definition": definition, "declared": dict(self.written)}

    def overlaid(self, properties: Data) -> Document:
        """Return properties with the values that were changed outside CloudFormation."""
        changed = {str(leaf["PropertyPath"]).split("/")[1] for leaf in self.drift}
        actual = self.properties or {}
        kept = {name: value for name, value in properties.items() if name not in changed}
        return {**kept, **{name: actual[name] for name in changed if name in actual}}

    @property
    def status(self) -> str:
        """The status in a drift detection."""
        return "DELETED" if self.properties is None else "MODIFIED" if self.leaves else "IN_SYNC"


def is_supported(type: str) -> bool:
    """Return whether drift detection supports a type: its handler can read a resource."""
    handlers = handlers_of(type)
    return handlers is not None and bool(handlers.read)


def actual_resources(state: SandboxState, stack: Document) -> dict[str, ActualResource]:
    """Return the resources of a stack that drift detection supports, as their services have them, by logical id."""
    settings = stack["settings"]
    template = records.template(state, settings["template"]) if settings else {}
    rows = records.rows(state, stack["id"])
    checked = {key: row for key, row in rows.items() if row["status"] not in GONE and is_supported(row["type"])}
    return {key: _actual(state, row, template) for key, row in checked.items()}


def _actual(state: SandboxState, row: Document, template: Data) -> ActualResource:
    properties = resources.read(state, row)
    found = ActualResource(row, properties)
    if properties is None:
        return found
    declared = {name: properties[name] for name in found.expected if name in properties}
    paths = (leaf["PropertyPath"] for leaf in replace(found, properties=declared).leaves)
    managed = tuple(path for path in paths if record_of(row["type"]).managed_by(path, found.expected, template))
    return ActualResource(row, declared, managed)


def _leaves(type: str, expected: Data, actual: Data) -> Iterator[Document]:
    facts = facts_of(type)
    for leaf in differences(expected, actual, facts.unordered if facts else ()):
        kind = "ADD" if leaf.before is MISSING else "REMOVE" if leaf.after is MISSING else "NOT_EQUAL"
        yield {
            "PropertyPath": pointer(leaf.path),
            "ExpectedValue": _text(leaf.before),
            "ActualValue": _text(leaf.after),
            "DifferenceType": kind,
        }


def _text(value: Any) -> str:
    if value is MISSING:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return records.compact(value) if isinstance(value, Mapping | list) else str(value)


def strike(state: SandboxState, stack: Document) -> None:
    """Let the faults that are aimed at resources of a stack change or delete them outside CloudFormation."""
    for row in records.rows(state, stack["id"]).values():
        if row["status"] in GONE or not row["physical"]:
            continue
        while (fault := state.faults.drift_fault(row["logical"], row["type"])) is not None:
            if fault.path:
                resources.change_outside(state, row, fault.path, _value(fault.value))
            else:
                resources.delete_outside(state, row)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def accept(state: SandboxState, stack: Document) -> None:
    """Take the actual state of the resources as that from before an operation, which then changes and restores it."""
    for key, one in actual_resources(state, stack).items():
        if one.properties is None:
            records.drop_row(state, stack["id"], records.ROW, key)
        elif one.drift:
            records.save_row(state, stack["id"], records.ROW, key, one.actual_row)


def with_actual(found: Mapping[str, ActualResource], side: Side) -> Side:
    """Return a side of a difference with the values that were changed outside CloudFormation."""
    written = dict(side.template.get("Resources") or {})
    for key, one in found.items():
        if key in written and one.drift:
            written[key] = {**written[key], "Properties": one.overlaid(written[key].get("Properties") or {})}
    return replace(side, template={**side.template, "Resources": written})


def decorate(change: Document, one: ActualResource) -> None:
    """Add what was changed outside CloudFormation to the description of a change."""
    change["ResourceDriftStatus"] = one.status
    if one.managed:
        change["ResourceDriftIgnoredAttributes"] = [
            {"Path": f"/Properties{path}", "Reason": "MANAGED_BY_AWS"} for path in one.managed
        ]
    drift = {f"/Properties{leaf['PropertyPath']}": leaf for leaf in one.drift}
    for detail in change["Details"]:
        target = detail["Target"]
        leaf = drift.pop(target.get("Path"), None)
        if leaf is not None:
            target |= {"BeforeValueFrom": "ACTUAL_STATE", "AfterValueFrom": "TEMPLATE", "Drift": _live(leaf)}
    change["Details"] += [_synchronized(path, leaf) for path, leaf in drift.items()]
    if one.properties is not None:
        change["PreviousDeploymentContext"] = records.compact({"Properties": one.expected})


def synchronized(one: ActualResource) -> Document:
    """Describe a resource that was changed outside CloudFormation to what the new template wants."""
    row = one.row
    change: Document = {
        "Action": "SyncWithActual",
        "LogicalResourceId": row["logical"],
        "PhysicalResourceId": row["physical"],
        "ResourceType": row["type"],
        "Scope": ["Properties"],
        "Details": [],
    }
    decorate(change, one)
    return {"Type": "Resource", "ResourceChange": change}


def _live(leaf: Data) -> Document:
    return {"PreviousValue": leaf["ExpectedValue"], "ActualValue": leaf["ActualValue"]}


def _synchronized(path: str, leaf: Data) -> Document:
    target = {
        "Attribute": "Properties",
        "Name": path.split("/")[2],
        "RequiresRecreation": "Never",
        "Path": path,
        "BeforeValue": leaf["ActualValue"],
        "AfterValue": leaf["ActualValue"],
        "BeforeValueFrom": "ACTUAL_STATE",
        "AfterValueFrom": "TEMPLATE",
        "AttributeChangeType": "SyncWithActual",
        "Drift": _live(leaf),
    }
    return {"Target": target, "Evaluation": "Static", "ChangeSource": "NoModification"}


def _found(state: SandboxState, name: str) -> Document:
    stack = records.find(state, name)
    if stack is None:
        raise messages.no_stack(name)
    return stack


def detect_stack_drift(state: SandboxState, params: Document) -> Document:
    """DetectStackDrift, which answers at once; a detection in progress excludes another one.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackDrift.html
    """
    stack = _found(state, params["StackName"])
    if stack["status"] not in _DETECTABLE:
        # The message of AWS is not known.
        raise messages.invalid(f"Drift detection cannot be performed on stack in {stack['status']} state.")
    now, last = state.clock.now(), state.store.get(DETECTION, stack["id"])
    if last is not None and last["due"] > now:
        raise messages.invalid(f"Drift detection is already in progress for stack [{stack['id']}]")
    strike(state, stack)
    number = state.store.next_number("cloudformation drift detection")
    identifier = ids.unique("drift", stack["id"], number)
    wanted = params.get("LogicalResourceIds")
    found = {key: one for key, one in actual_resources(state, stack).items() if not wanted or key in wanted}
    results = [_described(stack, one, now) for one in found.values()]
    drifted = sum(one["StackResourceDriftStatus"] != "IN_SYNC" for one in results)
    body = {"id": identifier, "stack": stack["id"], "due": now + state.duration(TAKES), "drifted": drifted, "at": now}
    state.store.put(DETECTION, stack["id"], body)
    state.store.put(DETECTION, identifier, body)
    state.store.put(RESULT, stack["id"], {"resources": results})
    return {"StackDriftDetectionId": identifier}


def _described(stack: Document, one: ActualResource, at: float) -> Document:
    row = one.row
    return {
        "StackId": stack["id"],
        "LogicalResourceId": row["logical"],
        "PhysicalResourceId": row["physical"],
        "ResourceType": row["type"],
        "ExpectedProperties": records.compact(one.expected),
        "ActualProperties": None if one.properties is None else records.compact(one.properties),
        "PropertyDifferences": one.leaves,
        "StackResourceDriftStatus": one.status,
        "Timestamp": at,
    }


def describe_stack_drift_detection_status(state: SandboxState, params: Document) -> Document:
    """DescribeStackDriftDetectionStatus."""
    body = state.store.get(DETECTION, params["StackDriftDetectionId"])
    if body is None:
        raise messages.invalid(f"DriftDetectionId [{params['StackDriftDetectionId']}] does not exist")
    done = body["due"] <= state.clock.now()
    return {
        "StackId": body["stack"],
        "StackDriftDetectionId": body["id"],
        "DetectionStatus": "DETECTION_COMPLETE" if done else "DETECTION_IN_PROGRESS",
        "StackDriftStatus": ("DRIFTED" if body["drifted"] else "IN_SYNC") if done else None,
        "DriftedStackResourceCount": body["drifted"] if done else None,
        "Timestamp": body["at"],
    }


def describe_stack_resource_drifts(state: SandboxState, params: Document) -> Document:
    """DescribeStackResourceDrifts, of the latest detection that has ended."""
    stack = _found(state, params["StackName"])
    last, result = state.store.get(DETECTION, stack["id"]), state.store.get(RESULT, stack["id"])
    ended = last is not None and last["due"] <= state.clock.now()
    wanted = params.get("StackResourceDriftStatusFilters")
    rows = [
        row
        for row in (result["resources"] if result is not None and ended else [])
        if not wanted or row["StackResourceDriftStatus"] in wanted
    ]
    return page(state, rows, params, "StackResourceDrifts")


def information(state: SandboxState, stack: str) -> Document:
    """Return the DriftInformation of a stack (by ARN) in the form of DescribeStacks."""
    body = state.store.get(DETECTION, stack)
    if body is None or body["due"] > state.clock.now():
        return {"StackDriftStatus": "NOT_CHECKED"}
    return {"StackDriftStatus": "DRIFTED" if body["drifted"] else "IN_SYNC", "LastCheckTimestamp": body["at"]}


OPERATIONS = {
    "DescribeStackDriftDetectionStatus": describe_stack_drift_detection_status,
    "DescribeStackResourceDrifts": describe_stack_resource_drifts,
    "DetectStackDrift": detect_stack_drift,
}
