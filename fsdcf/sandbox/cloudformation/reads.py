"""What is read of stacks: descriptions, resources, templates, exports."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from fsdcf.cloudformation.template import TemplateError
from fsdcf.cloudformation.validation import capabilities, problems
from fsdcf.sandbox.cloudformation import changesets, records, requests, simulator, words
from fsdcf.sandbox.cloudformation.changesets import parameters, tags
from fsdcf.sandbox.cloudformation.records import Record, page
from fsdcf.sandbox.faults import Novel
from fsdcf.sandbox.ids import unique
from fsdcf.sandbox.state import World

PAGE = 100
STALE = 30.0
"""Seconds after the beginning of an operation within which a read may still be a stale one."""

NOT_CHECKED = "NOT_CHECKED"


def describe_stacks(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeStacks: one, deleted or not if it is named by ARN, or all that live."""
    named = params.get("StackName")
    if named is not None:
        return {"Stacks": [_told(world, _demand(world, named))]}
    living = [one for one in records.every_stack(world) if one["status"] != "DELETE_COMPLETE"]
    shown, token = page(world, living, params, PAGE)
    return _with_token({"Stacks": [_told(world, one) for one in shown]}, token)


def _with_token(answer: dict[str, Any], token: str | None) -> dict[str, Any]:
    return answer if token is None else {**answer, "NextToken": token}


def _demand(world: World, named: str) -> Record:
    stack = records.find(world, named)
    if stack is None:
        raise words.no_such_id(named)
    return stack


def _status(world: World, stack: Record) -> tuple[str, str | None]:
    """Status and reason, as they are or as a stale read tells them."""
    lag = world.faults.of_cloudformation("lag-status")
    if lag is not None:
        seen = [one for one in stack["history"] if one[0] <= world.clock.now() - world.lasting(float(lag.detail))]
        _, status, reason = seen[-1] if seen else stack["history"][0]
        return status, reason
    before = stack.get("previous") or ["", None, 0.0]
    fresh = before[0] and world.clock.now() - before[2] <= world.lasting(STALE)
    if fresh and world.faults.of_cloudformation("stale-status") is not None:
        return before[0], before[1]
    return stack["status"], stack["reason"]


def _told(world: World, stack: Record) -> Record:
    settings, deleted = stack["settings"], stack["status"] == "DELETE_COMPLETE"
    status, reason = _status(world, stack)
    shown = {
        "StackId": stack["id"],
        "StackName": stack["name"],
        "ChangeSetId": stack["change_set"],
        "Description": settings["description"] if settings else None,
        "Parameters": parameters(settings),
        "CreationTime": stack["created"],
        "DeletionTime": stack["deleted"],
        "LastUpdatedTime": stack["updated"],
        "RollbackConfiguration": {},
        "StackStatus": status,
        "StackStatusReason": reason,
        "DisableRollback": stack["disable_rollback"],
        "NotificationARNs": settings["notifications"] if settings else [],
        "Capabilities": settings["capabilities"] or None if settings else None,
        "Outputs": stack["outputs"] or None,
        "RoleARN": settings["role"] if settings else None,
        "Tags": tags(settings),
        "EnableTerminationProtection": None if deleted else stack["protection"],
        "DriftInformation": {"StackDriftStatus": NOT_CHECKED},
        "LastOperations": stack["operations"] or None,
    }
    return {key: value for key, value in shown.items() if value is not None}


def list_stacks(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ListStacks: also the deleted ones, by status."""
    wanted = params.get("StackStatusFilter")
    found = [one for one in records.every_stack(world) if not wanted or one["status"] in wanted]
    shown, token = page(world, found, params, PAGE)
    return _with_token({"StackSummaries": [_summary(one) for one in shown]}, token)


def _summary(stack: Record) -> Record:
    shown = {
        "StackId": stack["id"],
        "StackName": stack["name"],
        "TemplateDescription": stack["settings"]["description"] if stack["settings"] else None,
        "CreationTime": stack["created"],
        "LastUpdatedTime": stack["updated"],
        "DeletionTime": stack["deleted"],
        "StackStatus": stack["status"],
        "StackStatusReason": stack["reason"],
        "DriftInformation": {"StackDriftStatus": NOT_CHECKED},
        "LastOperations": stack["operations"] or None,
    }
    return {key: value for key, value in shown.items() if value is not None}


def _resource(stack: Record, row: Record, time: str) -> Record:
    shown = {
        "StackName": stack["name"],
        "StackId": stack["id"],
        "LogicalResourceId": row["logical"],
        "PhysicalResourceId": row["physical"] or None,
        "ResourceType": row["type"],
        time: row["at"],
        "ResourceStatus": row["status"],
        "ResourceStatusReason": row["reason"],
        "DriftInformation": {"StackResourceDriftStatus": NOT_CHECKED},
    }
    return {key: value for key, value in shown.items() if value is not None}


def describe_stack_resources(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeStackResources: at most a hundred, as with AWS; also by a resource's physical id."""
    named, physical = params.get("StackName"), params.get("PhysicalResourceId")
    if named is None and physical is not None:
        return {"StackResources": _around(world, physical)}
    if named is None:
        raise words.invalid("Either StackName or PhysicalResourceId must be specified.")
    stack, logical = _demand(world, named), params.get("LogicalResourceId")
    rows = records.rows(world, stack["id"])
    if logical is not None and logical not in rows:
        raise words.invalid(f"Resource {logical} does not exist for stack {stack['name']}")
    wanted = [row for key, row in rows.items() if logical in (None, key)]
    return {"StackResources": [_resource(stack, row, "Timestamp") for row in wanted[:PAGE]]}


def _around(world: World, physical: str) -> list[Record]:
    """The resources of the stack that a physical id belongs to."""
    for stack in records.every_stack(world):
        rows = records.rows(world, stack["id"])
        if any(row["physical"] == physical for row in rows.values()):
            return [_resource(stack, row, "Timestamp") for row in rows.values()][:PAGE]
    raise words.invalid(f"Stack for {physical} does not exist")


def describe_stack_resource(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeStackResource, with the metadata of the template."""
    stack, logical = _demand_living(world, params["StackName"]), params["LogicalResourceId"]
    row = records.row(world, stack["id"], logical)
    if row is None:
        raise words.invalid(f"Resource {logical} does not exist for stack {stack['name']}")
    metadata = row["definition"].get("Metadata")
    more = {} if metadata is None else {"Metadata": json.dumps(metadata, separators=(",", ":"))}
    return {"StackResourceDetail": {**_resource(stack, row, "LastUpdatedTimestamp"), **more}}


def _demand_living(world: World, named: str) -> Record:
    stack = records.find(world, named)
    if stack is None:
        raise words.invalid(f"Stack '{named}' does not exist")
    return stack


def list_stack_resources(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ListStackResources: all, page by page."""
    stack = _demand(world, params["StackName"])
    shown, token = page(world, list(records.rows(world, stack["id"]).values()), params, PAGE)
    summaries = [_resource(stack, row, "LastUpdatedTimestamp") for row in shown]
    bare = [{key: value for key, value in one.items() if key not in ("StackName", "StackId")} for one in summaries]
    return _with_token({"StackResourceSummaries": bare}, token)


def list_exports(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ListExports: of all stacks."""
    shown, token = page(world, simulator.every(world), params, PAGE)
    return _with_token({"Exports": shown}, token)


def list_imports(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ListImports: the stacks that import an export."""
    users = simulator.importers(world, params["ExportName"])
    if not users:
        raise words.invalid(f"Export '{params['ExportName']}' is not imported by any stack.")
    shown, token = page(world, users, params, PAGE)
    return _with_token({"Imports": shown}, token)


_OPERATION_STATUS = {"COMPLETE": "SUCCEEDED", "FAILED": "FAILED"}


def describe_stack_events(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeStackEvents: newest first. A token goes on where its page ended, whatever has happened since."""
    stack = records.find(world, params["StackName"])
    if stack is None:
        raise words.no_stack(params["StackName"])
    newest, size = _newest(world, stack), records.size_of(world, PAGE)
    start = records.offset(params)
    first = newest if params.get("NextToken") is None else min(start, newest)
    found = [_shown(world, one) for one in simulator.read(world, stack["id"], first, size)]
    if world.faults.of_cloudformation("duplicate-events") is not None:
        found = [one for one in found for _ in range(2)]
    answer: dict[str, Any] = {"StackEvents": found}
    return answer if first - size < 1 else {**answer, "NextToken": records.token(first - size)}


def _newest(world: World, stack: Record) -> int:
    """The number of the newest event that can be seen."""
    number: int = stack["events"]
    lag = world.faults.of_cloudformation("lag-events")
    if lag is None:
        return number
    seen = world.clock.now() - world.lasting(float(lag.detail))
    while number > 0:
        (event,) = simulator.read(world, stack["id"], number, 1)
        if event["Timestamp"] <= seen:
            break
        number -= 1
    return number


def _shown(world: World, event: Record) -> Record:
    # The model lists no REVIEW_IN_PROGRESS and no cleanup among the statuses of events; CloudFormation tells them all the same.
    event["ResourceStatus"] = Novel(event["ResourceStatus"])
    if world.faults.of_cloudformation("equal-timestamps") is not None:
        event["Timestamp"] = math.floor(event["Timestamp"])
    if world.faults.of_cloudformation("unknown-enums") is not None:
        event["DetailedStatus"] = Novel("PONDERING")
    return event


def describe_events(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeEvents: of a change set, its validation; of a stack, all. ``FailedEvents`` leaves the failures alone.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html
    """
    if params.get("ChangeSetName") is not None:
        found = _of_change_set(changesets.demanded(world, params))
    elif params.get("StackName") is not None:
        stack = records.find(world, params["StackName"])
        if stack is None:
            raise words.no_stack(params["StackName"])
        found = [
            _as_operation(stack, one) for one in simulator.read(world, stack["id"], stack["events"], stack["events"])
        ]
    else:
        raise words.invalid("Either StackName or ChangeSetName must be specified.")
    if params.get("OperationId") is not None:
        found = [one for one in found if one.get("OperationId") == params["OperationId"]]
    if (params.get("Filters") or {}).get("FailedEvents"):
        found = [
            one
            for one in found
            if one["EventType"] in ("VALIDATION_ERROR", "PROVISIONING_ERROR", "HOOK_INVOCATION_ERROR")
        ]
    shown, token = records.page(world, found, params, PAGE)
    return {"OperationEvents": shown} if token is None else {"OperationEvents": shown, "NextToken": token}


def _of_change_set(body: Record) -> list[Record]:
    at = body.get("finished", body["created"])
    operation = unique("operation", body["id"])
    shared = {"StackId": body["stack"], "OperationId": operation, "OperationType": "CREATE_CHANGESET", "Timestamp": at}
    failed = body["status"] == "FAILED"
    status = "FAILED" if failed else "SUCCEEDED" if body["status"] == "CREATE_COMPLETE" else "IN_PROGRESS"
    own = {
        **shared,
        "EventId": unique("operation", body["id"], 0),
        "EventType": "STACK_EVENT",
        "OperationStatus": status,
    }
    own |= {"StartTime": body["created"]} | ({} if status == "IN_PROGRESS" else {"EndTime": at})
    found = [
        {
            **shared,
            "EventId": unique("operation", body["id"], number),
            "EventType": "VALIDATION_ERROR",
            "LogicalResourceId": one["logical"],
            "PhysicalResourceId": "",
            "ResourceType": one["type"],
            "ValidationFailureMode": "FAIL",
            "ValidationName": one["name"],
            "ValidationStatus": "FAILED",
            "ValidationStatusReason": one["reason"],
            "ValidationPath": one["path"],
        }
        for number, one in enumerate(body["findings"], 1)
    ]
    return [own, *found]


def _as_operation(stack: Record, event: Record) -> Record:
    status = event["ResourceStatus"]
    same = ("EventId", "StackId", "OperationId", "LogicalResourceId", "PhysicalResourceId", "ResourceType", "Timestamp")
    more = (
        "ResourceStatus",
        "ResourceStatusReason",
        "ResourceProperties",
        "ClientRequestToken",
        "HookType",
        "HookStatus",
        "HookStatusReason",
    )
    shown = {key: event[key] for key in (*same, *more) if key in event} | {"ResourceStatus": Novel(status)}
    types = {one["OperationId"]: one["OperationType"] for one in stack["operations"]}
    if event.get("OperationId") in types:
        shown["OperationType"] = types[event["OperationId"]]
    if event["ResourceType"] == simulator.STACK_TYPE:
        shown |= {
            "EventType": "STACK_EVENT",
            "OperationStatus": _OPERATION_STATUS.get(status.rpartition("_")[2], "IN_PROGRESS"),
        }
    elif "HookType" in event:
        shown["EventType"] = "HOOK_INVOCATION_ERROR"
    else:
        shown["EventType"] = "PROVISIONING_ERROR" if status.endswith("_FAILED") else "PROGRESS_EVENT"
    return shown


_ALL_CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")


def get_template(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """GetTemplate: the text as it was sent, of a stack or of a change set. Deleted stacks by ARN."""
    if params.get("ChangeSetName") is not None:
        settings = changesets.demanded(world, params)["settings"]
    else:
        named = params.get("StackName")
        if named is None:
            raise words.invalid("StackName is required if ChangeSetName is not specified.")
        stack = records.find(world, named)
        if stack is None:
            raise words.no_such_id(named)
        settings = stack["settings"]
    if settings is None:
        raise words.invalid("No template exists for the stack under review. Specify ChangeSetName.")
    text = records.template_text(world, settings["template"])
    return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}


def get_template_summary(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """GetTemplateSummary: of a template or of a stack's."""
    named = params.get("StackName")
    if named is not None:
        stack = records.living(world, named)
        if stack is None or stack["settings"] is None:
            raise words.no_such_id(named)
        template = records.template(world, stack["settings"]["template"])
    else:
        template = _given(world, params)
    resources: Mapping[str, Any] = template.get("Resources") or {}
    types = dict.fromkeys(one["Type"] for one in resources.values())
    metadata = template.get("Metadata")
    answer = {
        "Parameters": [_summed(name, one) for name, one in (template.get("Parameters") or {}).items()],
        "Description": template.get("Description"),
        **_needed(template),
        "ResourceTypes": list(types),
        "Version": template.get("AWSTemplateFormatVersion"),
        "Metadata": None if metadata is None else json.dumps(metadata),
    }
    return {key: value for key, value in answer.items() if value is not None}


def _needed(template: Mapping[str, Any]) -> Record:
    needed = list(capabilities(template))
    if not needed:
        return {}
    return {
        "Capabilities": needed,
        "CapabilitiesReason": f"The following capabilities are required: {', '.join(needed)}",
    }


def _given(world: World, params: Mapping[str, Any]) -> Mapping[str, Any]:
    if params.get("TemplateBody") is None and params.get("TemplateURL") is None:
        raise words.invalid("Either Template URL or Template Body must be specified.")
    try:
        return records.parsed(requests.text_of(world, params))
    except TemplateError as error:
        raise words.invalid(str(error)) from None


def _declared(name: str, one: Mapping[str, Any]) -> Record:
    shown = {
        "ParameterKey": name,
        "DefaultValue": str(one["Default"]) if "Default" in one else None,
        "NoEcho": str(one.get("NoEcho", False)).lower() == "true",
        "Description": one.get("Description"),
    }
    return {key: value for key, value in shown.items() if value is not None}


def _summed(name: str, one: Mapping[str, Any]) -> Record:
    allowed = one.get("AllowedValues")
    limits = {} if allowed is None else {"AllowedValues": [str(value) for value in allowed]}
    return {**_declared(name, one), "ParameterType": one.get("Type", "String"), "ParameterConstraints": limits}


def validate_template(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ValidateTemplate: the template's form, not its parameters' values."""
    template = _given(world, params)
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    found = [
        one
        for one in problems(template, {}, _ALL_CAPABILITIES)
        if not one.startswith((*requests.PROPERTY_PROBLEMS, "Parameter"))
    ]
    if found:
        raise words.invalid(found[0])
    answer = {"Parameters": [_declared(name, one) for name, one in declared.items()], **_needed(template)}
    description = template.get("Description")
    return answer if description is None else {**answer, "Description": description}
