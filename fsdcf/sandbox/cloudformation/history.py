"""Events as they are listed: newest first, page by page, late or twice where a fault asks for it."""

from __future__ import annotations

import math
from typing import Any

from fsdcf.sandbox.cloudformation import changesets, events, pages, records, words
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.ids import unique
from fsdcf.sandbox.oddities import Novel
from fsdcf.sandbox.world import World

PAGE = 100

_OPERATION_STATUS = {"COMPLETE": "SUCCEEDED", "FAILED": "FAILED"}


def describe_stack_events(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeStackEvents: newest first. A token goes on where its page ended, whatever has happened since."""
    stack = records.find(world, params["StackName"])
    if stack is None:
        raise words.no_stack(params["StackName"])
    newest, size = _newest(world, stack), pages.size_of(world, PAGE)
    start = pages.offset(params)
    first = newest if params.get("NextToken") is None else min(start, newest)
    found = [_shown(world, one) for one in events.read(world, stack["id"], first, size)]
    if world.faults.of_cloudformation("duplicate-events") is not None:
        found = [one for one in found for _ in range(2)]
    answer: dict[str, Any] = {"StackEvents": found}
    return answer if first - size < 1 else {**answer, "NextToken": pages.token(first - size)}


def _newest(world: World, stack: Record) -> int:
    """The number of the newest event that can be seen."""
    number: int = stack["events"]
    lag = world.faults.of_cloudformation("lag-events")
    if lag is None:
        return number
    seen = world.clock.now() - world.lasting(float(lag.detail))
    while number > 0:
        (event,) = events.read(world, stack["id"], number, 1)
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
        found = [_as_operation(stack, one) for one in events.read(world, stack["id"], stack["events"], stack["events"])]
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
    shown, token = pages.page(world, found, params, PAGE)
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
    if event["ResourceType"] == events.STACK_TYPE:
        shown |= {
            "EventType": "STACK_EVENT",
            "OperationStatus": _OPERATION_STATUS.get(status.rpartition("_")[2], "IN_PROGRESS"),
        }
    elif "HookType" in event:
        shown["EventType"] = "HOOK_INVOCATION_ERROR"
    else:
        shown["EventType"] = "PROVISIONING_ERROR" if status.endswith("_FAILED") else "PROGRESS_EVENT"
    return shown
