"""The events of a stack: each change of status of the stack or of a resource, numbered from 1 and dated to the millisecond."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.world import World

EVENT = "cfn-event"
STACK_TYPE = "AWS::CloudFormation::Stack"
KEPT_HISTORY = 20


def of_stack(world: World, at: float, stack: Record, operation: Record | None, status: str, reason: str | None) -> None:
    """The stack gets a status: in its document, which the caller saves, and as an event."""
    stack["status"], stack["reason"] = status, reason
    stack["history"] = [*stack["history"], [at, status, reason]][-KEPT_HISTORY:]
    event = {"LogicalResourceId": stack["name"], "PhysicalResourceId": stack["id"], "ResourceType": STACK_TYPE}
    number = stack["events"] + 1
    event["EventId"] = ids.unique("event", stack["id"], number)
    _write(world, at, stack, operation, {**event, "ResourceStatus": status, "ResourceStatusReason": reason})


def of_resource(world: World, at: float, stack: Record, operation: Record, row: Record, details: Record) -> None:
    """A resource (a row, or something to delete) has a status: as an event. ``details`` are further members of the event."""
    status = row["status"]
    stamp = _stamp(stack, at)
    moment = (
        datetime.fromtimestamp(stamp, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.")
        + f"{round(stamp % 1 * 1000) % 1000:03d}Z"
    )
    event = {
        "EventId": f"{row['logical']}-{status}-{moment}",
        "LogicalResourceId": row["logical"],
        "PhysicalResourceId": row["physical"],
        "ResourceType": row["type"],
        "ResourceStatus": status,
        "ResourceStatusReason": row["reason"],
        "ResourceProperties": json.dumps(row["definition"].get("Properties") or {}, separators=(",", ":")),
    }
    _write(world, at, stack, operation, {**event, **details})


def _stamp(stack: Record, at: float) -> float:
    """When the event is dated: AWS's come in order, rarely two in one millisecond."""
    return round(max(at, float(stack["stamp"]) + 0.001), 3)


def _write(world: World, at: float, stack: Record, operation: Record | None, event: Record) -> None:
    stack["events"] += 1
    stack["stamp"] = event["Timestamp"] = _stamp(stack, at)
    event |= {"StackId": stack["id"], "StackName": stack["name"]}
    if operation is not None:
        event |= {"OperationId": operation["id"], "ClientRequestToken": operation["token"]}
    write(world, stack["id"], stack["events"], event)


def write(world: World, stack: str, number: int, event: Record) -> None:
    """Puts an event, complete as DescribeStackEvents shows it, in its place."""
    world.store.put(EVENT, f"{stack}|{number:09d}", {key: value for key, value in event.items() if value is not None})


def read(world: World, stack: str, newest: int, count: int) -> list[dict[str, Any]]:
    """So many events, from the one with this number backwards."""
    after, before = (f"{stack}|{number:09d}" for number in (max(0, newest - count), newest + 1))
    return [event for _, event in world.store.between(EVENT, after, before, count)][::-1]
