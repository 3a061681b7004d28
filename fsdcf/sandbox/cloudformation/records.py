"""The documents of the CloudFormation that is played, by kind: stacks, their resources and operations, change sets, templates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, TypeVar

from fsdcf.cloudformation.template import read as read_template
from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation import messages
from fsdcf.sandbox.state import SandboxState

Record = dict[str, Any]

STACK = "cfn-stack"
NAME = "cfn-name"
ROW = "cfn-resource"
OLD = "cfn-resource-before"
LEFTOVER = "cfn-leftover"
OPERATION = "cfn-operation"
CHANGE_SET = "cfn-change-set"
CHANGE_SET_NAME = "cfn-change-set-name"
TEMPLATE = "cfn-template"
EXPORT = "cfn-export"


def new_stack(state: SandboxState, name: str, at: float) -> Record:
    """A stack of this name with an ARN of its own, in no status yet. It is not saved."""
    number = state.store.next_number("cloudformation stack")
    return {
        "id": state.arn("cloudformation", f"stack/{name}/{ids.unique('stack', name, number)}"),
        "name": name,
        "status": "",
        "reason": None,
        "created": at,
        "updated": None,
        "deleted": None,
        "change_set": None,
        "settings": None,
        "outputs": [],
        "imports": [],
        "protection": False,
        "disable_rollback": False,
        "events": 0,
        "stamp": 0.0,
        "history": [],
        "tokens": {},
        "operations": [],
    }


def save_stack(state: SandboxState, stack: Record) -> None:
    """Writes the stack, and that its name is its own as long as it lives."""
    state.store.put(STACK, stack["id"], stack)
    held = state.store.get(NAME, stack["name"])
    its_own = held is not None and held["id"] == stack["id"]
    if stack["status"] != "DELETE_COMPLETE":
        if not its_own:
            state.store.put(NAME, stack["name"], {"id": stack["id"]})
    elif its_own:
        state.store.remove(NAME, stack["name"])


def find(state: SandboxState, named: str) -> Record | None:
    """A stack by name, which only one that lives has, or by ARN, deleted or not."""
    if named.startswith("arn:"):
        return state.store.get(STACK, named)
    held = state.store.get(NAME, named)
    return None if held is None else state.store.get(STACK, held["id"])


def living(state: SandboxState, named: str) -> Record | None:
    """A stack by name or ARN that is not deleted."""
    stack = find(state, named)
    return None if stack is None or stack["status"] == "DELETE_COMPLETE" else stack


def every_stack(state: SandboxState) -> list[Record]:
    """All stacks, the newest first, as AWS lists them."""
    return sorted((stack for _, stack in state.store.every(STACK)), key=lambda stack: -float(stack["created"]))


def _of(stack: str, key: str) -> str:
    return f"{stack}|{key}"


def rows(state: SandboxState, stack: str) -> dict[str, Record]:
    """The resources of a stack (by ARN), by logical id."""
    return {row["logical"]: row for _, row in state.store.every(ROW, _of(stack, ""))}


def row(state: SandboxState, stack: str, logical: str) -> Record | None:
    """One resource of a stack."""
    return state.store.get(ROW, _of(stack, logical))


def leftovers(state: SandboxState, stack: str) -> dict[str, Record]:
    """What an operation has replaced, removed or made in vain, and what its cleanup is to delete, by step key."""
    prefix = _of(stack, "")
    return {key.removeprefix(prefix): one for key, one in state.store.every(LEFTOVER, prefix)}


def save_row(state: SandboxState, stack: str, kind: str, key: str, body: Record) -> None:
    """Writes a resource: as it is (ROW), as it was before the operation (OLD), or as something to delete (LEFTOVER)."""
    state.store.put(kind, _of(stack, key), body)


def old_row(state: SandboxState, stack: str, key: str) -> Record | None:
    """A resource as it was before the operation."""
    return state.store.get(OLD, _of(stack, key))


def leftover(state: SandboxState, stack: str, key: str) -> Record | None:
    """One thing to delete, by its step's key."""
    return state.store.get(LEFTOVER, _of(stack, key))


def drop_row(state: SandboxState, stack: str, kind: str, key: str) -> None:
    """Forgets a resource."""
    state.store.remove(kind, _of(stack, key))


def forget_operation(state: SandboxState, stack: str) -> None:
    """Drops what was kept for the rollback and the cleanup of an operation that is over."""
    for kind in (OLD, LEFTOVER):
        for key, _ in state.store.every(kind, _of(stack, "")):
            state.store.remove(kind, key)


def operation(state: SandboxState, stack: str) -> Record | None:
    """The latest operation of a stack, running or over."""
    return state.store.get(OPERATION, stack)


def save_operation(state: SandboxState, stack: str, body: Record) -> None:
    """Writes the latest operation of a stack, over the one before."""
    state.store.put(OPERATION, stack, body)


def change_set(state: SandboxState, named: str, stack: str | None) -> Record | None:
    """A change set by ARN, or by name among those of a stack (by ARN) that can still be executed or have failed."""
    if named.startswith("arn:"):
        return state.store.get(CHANGE_SET, named)
    held = state.store.get(CHANGE_SET_NAME, _of(stack or "", named))
    return None if held is None else state.store.get(CHANGE_SET, held["id"])


def change_sets(state: SandboxState, stack: str) -> list[Record]:
    """The change sets of a stack that its list shows, by name."""
    held = [one["id"] for _, one in state.store.every(CHANGE_SET_NAME, _of(stack, ""))]
    return [found for one in held if (found := state.store.get(CHANGE_SET, one)) is not None]


def save_change_set(state: SandboxState, body: Record, listed: bool = True) -> None:
    """Writes a change set; one that is not ``listed`` is found by its ARN alone."""
    state.store.put(CHANGE_SET, body["id"], body)
    key = _of(body["stack"], body["name"])
    held = state.store.get(CHANGE_SET_NAME, key)
    if listed:
        state.store.put(CHANGE_SET_NAME, key, {"id": body["id"]})
    elif held is not None and held["id"] == body["id"]:
        state.store.remove(CHANGE_SET_NAME, key)


def remove_change_set(state: SandboxState, body: Record) -> None:
    """Deletes a change set: nothing finds it any more."""
    save_change_set(state, body, listed=False)
    state.store.remove(CHANGE_SET, body["id"])


def save_template(state: SandboxState, text: str) -> str:
    """Keeps a template's text; the answer is what ``template`` and ``template_text`` know it by."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    if state.store.get(TEMPLATE, digest) is None:
        state.store.put(TEMPLATE, digest, {"text": text})
    return digest


def template_text(state: SandboxState, digest: str) -> str:
    """The text of a template that was kept. KeyError for an unknown one."""
    kept = state.store.get(TEMPLATE, digest)
    if kept is None:
        raise KeyError(digest)
    return str(kept["text"])


def template(state: SandboxState, digest: str) -> Mapping[str, Any]:
    """The data of a template that was kept; not to be changed."""
    return parsed(template_text(state, digest))


@lru_cache(maxsize=64)
def parsed(text: str) -> Mapping[str, Any]:
    """The data of a template's text. Raises TemplateError. The same text gives the same data, which is not to be changed."""
    return read_template(text)


Item = TypeVar("Item")


def page(
    state: SandboxState, items: Sequence[Item], params: Mapping[str, Any], usual: int
) -> tuple[list[Item], str | None]:
    """One page of a list, and the token of the next one. ``usual`` is how many a page holds, unless a fault says otherwise."""
    start, size = offset(params), size_of(state, usual)
    more = start + size < len(items)
    return list(items[start : start + size]), token(start + size) if more else None


def size_of(state: SandboxState, usual: int) -> int:
    """How many a page holds."""
    other = state.faults.quirk("page-size")
    return usual if other is None else int(other.detail)


def token(start: int) -> str:
    """The token of the page that begins with the item of this number."""
    return f"page-{start}"


def offset(params: Mapping[str, Any]) -> int:
    """The number of a page's first item. Refuses a token that was never given."""
    given = params.get("NextToken")
    if given is None:
        return 0
    start = str(given).removeprefix("page-")
    if not start.isdecimal():
        raise messages.invalid("Invalid NextToken")
    return int(start)


EVENT = "cfn-event"


STACK_TYPE = "AWS::CloudFormation::Stack"


KEPT_HISTORY = 20


def add_stack_event(
    state: SandboxState, at: float, stack: Record, operation: Record | None, status: str, reason: str | None
) -> None:
    """The stack gets a status: in its document, which the caller saves, and as an event."""
    stack["status"], stack["reason"] = status, reason
    stack["history"] = [*stack["history"], [at, status, reason]][-KEPT_HISTORY:]
    event = {"LogicalResourceId": stack["name"], "PhysicalResourceId": stack["id"], "ResourceType": STACK_TYPE}
    number = stack["events"] + 1
    event["EventId"] = ids.unique("event", stack["id"], number)
    _add_event(state, at, stack, operation, {**event, "ResourceStatus": status, "ResourceStatusReason": reason})


def add_resource_event(
    state: SandboxState, at: float, stack: Record, operation: Record, row: Record, details: Record
) -> None:
    """A resource (a row, or something to delete) has a status: as an event. ``details`` are further members of the event."""
    status = row["status"]
    stamp = _event_time(stack, at)
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
    _add_event(state, at, stack, operation, {**event, **details})


def _event_time(stack: Record, at: float) -> float:
    """When the event is dated: AWS's come in order, rarely two in one millisecond."""
    return round(max(at, float(stack["stamp"]) + 0.001), 3)


def _add_event(state: SandboxState, at: float, stack: Record, operation: Record | None, event: Record) -> None:
    stack["events"] += 1
    stack["stamp"] = event["Timestamp"] = _event_time(stack, at)
    event |= {"StackId": stack["id"], "StackName": stack["name"]}
    if operation is not None:
        event |= {"OperationId": operation["id"], "ClientRequestToken": operation["token"]}
    put_event(state, stack["id"], stack["events"], event)


def put_event(state: SandboxState, stack: str, number: int, event: Record) -> None:
    """Puts an event, complete as DescribeStackEvents shows it, in its place."""
    state.store.put(EVENT, f"{stack}|{number:09d}", {key: value for key, value in event.items() if value is not None})


def events(state: SandboxState, stack: str, newest: int, count: int) -> list[dict[str, Any]]:
    """So many events, from the one with this number backwards."""
    after, before = (f"{stack}|{number:09d}" for number in (max(0, newest - count), newest + 1))
    return [event for _, event in state.store.between(EVENT, after, before, count)][::-1]
