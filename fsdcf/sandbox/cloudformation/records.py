"""CloudFormation's documents in the store: stacks, resources, operations, events, change sets, templates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from fsdcf.cloudformation.template import read
from fsdcf.cloudformation.types.cloudformation import STACK as STACK_TYPE
from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation import messages
from fsdcf.sandbox.protocols.shapes import time_text
from fsdcf.sandbox.state import Data, Document, SandboxState

Item = TypeVar("Item")

STACK = "cfn-stack"
STACK_NAME = "cfn-name"
ROW = "cfn-resource"
OLD = "cfn-resource-before"
LEFTOVER = "cfn-leftover"
OPERATION = "cfn-operation"
CHANGE_SET = "cfn-change-set"
CHANGE_SET_NAME = "cfn-change-set-name"
TEMPLATE = "cfn-template"
EVENT = "cfn-event"
PAGE = 100
MOST_STATUSES = 20
"""Number of previous statuses of a stack that are kept."""


def new_stack(state: SandboxState, name: str, at: float) -> Document:
    """Return a new stack with an ARN of its own and no status. It is not saved."""
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


def save_stack(state: SandboxState, stack: Document) -> None:
    """Save a stack, which holds its name until it is deleted."""
    state.store.put(STACK, stack["id"], stack)
    _save_name(state, STACK_NAME, stack["name"], stack["id"], stack["status"] != "DELETE_COMPLETE")


def _save_name(state: SandboxState, kind: str, name: str, identifier: str, held: bool) -> None:
    """Let a name lead to an ARN, or to nothing if it leads to this ARN and is not held any more."""
    current = state.store.get(kind, name)
    same = current is not None and current["id"] == identifier
    if held and not same:
        state.store.put(kind, name, {"id": identifier})
    elif same and not held:
        state.store.remove(kind, name)


def find(state: SandboxState, name_or_arn: str) -> Document | None:
    """Return a stack by name, unless it is deleted, or by ARN."""
    if name_or_arn.startswith("arn:"):
        return state.store.get(STACK, name_or_arn)
    held = state.store.get(STACK_NAME, name_or_arn)
    return None if held is None else state.store.get(STACK, held["id"])


def living(state: SandboxState, name_or_arn: str) -> Document | None:
    """Return a stack by name or ARN, unless it is deleted."""
    stack = find(state, name_or_arn)
    return None if stack is None or stack["status"] == "DELETE_COMPLETE" else stack


def every_stack(state: SandboxState) -> list[Document]:
    """Return all stacks, newest first."""
    return sorted((stack for _, stack in state.store.every(STACK)), key=lambda stack: -float(stack["created"]))


def rows(state: SandboxState, stack: str) -> dict[str, Document]:
    """Return the resources of a stack (by ARN), by logical id."""
    return {row["logical"]: row for _, row in state.store.every(ROW, f"{stack}|")}


def row(state: SandboxState, stack: str, key: str, kind: str = ROW) -> Document | None:
    """Return a resource of a stack: its current record, by logical id, or that of another kind, by step key."""
    return state.store.get(kind, f"{stack}|{key}")


def leftovers(state: SandboxState, stack: str) -> dict[str, Document]:
    """Return the resources that the cleanup deletes, by step key: replaced, removed or created in vain."""
    prefix = f"{stack}|"
    return {key.removeprefix(prefix): row for key, row in state.store.every(LEFTOVER, prefix)}


def save_row(state: SandboxState, stack: str, kind: str, key: str, body: Document) -> None:
    """Save a resource: its current record (ROW), that from before the operation (OLD), or one to delete (LEFTOVER)."""
    state.store.put(kind, f"{stack}|{key}", body)


def drop_row(state: SandboxState, stack: str, kind: str, key: str) -> None:
    """Remove a resource's record."""
    state.store.remove(kind, f"{stack}|{key}")


def forget_operation(state: SandboxState, stack: str) -> None:
    """Remove what the rollback and the cleanup of an operation would have needed."""
    for kind in (OLD, LEFTOVER):
        for key, _ in state.store.every(kind, f"{stack}|"):
            state.store.remove(kind, key)


def operation(state: SandboxState, stack: str) -> Document | None:
    """Return the latest operation of a stack, which may have ended."""
    return state.store.get(OPERATION, stack)


def change_set(state: SandboxState, name_or_arn: str, stack: str | None) -> Document | None:
    """Return a change set by ARN, or by name if the list of a stack (by ARN) contains it."""
    if name_or_arn.startswith("arn:"):
        return state.store.get(CHANGE_SET, name_or_arn)
    held = state.store.get(CHANGE_SET_NAME, f"{stack}|{name_or_arn}")
    return None if held is None else state.store.get(CHANGE_SET, held["id"])


def change_sets(state: SandboxState, stack: str) -> list[Document]:
    """Return the change sets in the list of a stack, by name: those that can be executed or have failed."""
    held = (state.store.get(CHANGE_SET, one["id"]) for _, one in state.store.every(CHANGE_SET_NAME, f"{stack}|"))
    return [body for body in held if body is not None]


def save_change_set(state: SandboxState, body: Document, listed: bool = True) -> None:
    """Save a change set. One that is not ``listed`` is found only by its ARN."""
    state.store.put(CHANGE_SET, body["id"], body)
    _save_name(state, CHANGE_SET_NAME, f"{body['stack']}|{body['name']}", body["id"], listed)


def remove_change_set(state: SandboxState, body: Document) -> None:
    """Remove a change set."""
    save_change_set(state, body, listed=False)
    state.store.remove(CHANGE_SET, body["id"])


def save_template(state: SandboxState, text: str) -> str:
    """Save the text of a template and return its digest."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    if state.store.get(TEMPLATE, digest) is None:
        state.store.put(TEMPLATE, digest, {"text": text})
    return digest


def template_text(state: SandboxState, digest: str) -> str:
    """Return the text of a saved template. Raises KeyError."""
    saved = state.store.get(TEMPLATE, digest)
    if saved is None:
        raise KeyError(digest)
    return str(saved["text"])


def template(state: SandboxState, digest: str) -> Data:
    """Return the data of a saved template, which must not be changed. Raises KeyError."""
    return parsed(template_text(state, digest))


@lru_cache(maxsize=64)
def parsed(text: str) -> Data:
    """Parse a template. The result is cached and must not be changed. Raises TemplateError."""
    return read(text)


def page(
    state: SandboxState,
    items: Sequence[Item],
    params: Data,
    name: str,
    describe: Callable[[Item], Any] = lambda item: item,
) -> Document:
    """Describe the items on one page of a list, as ``name``, with the token of the next page."""
    start, size = offset(params), page_size(state)
    end = start + size
    token = page_token(end) if end < len(items) else None
    return {name: [describe(item) for item in items[start:end]], "NextToken": token}


def page_size(state: SandboxState) -> int:
    """Return the number of items on a page. AWS limits the bytes instead."""
    quirk = state.faults.quirk("page-size")
    return PAGE if quirk is None else int(quirk.detail)


def page_token(start: int) -> str:
    """Return the token of the page that begins with this item."""
    return f"page-{start}"


def offset(params: Data) -> int:
    """Return the number of a page's first item. Raises ServiceError for a token that was never returned."""
    start = str(params.get("NextToken") or page_token(0)).removeprefix("page-")
    if not start.isdecimal():
        raise messages.invalid("Invalid NextToken")
    return int(start)


def add_stack_event(
    state: SandboxState, at: float, stack: Document, operation: Document | None, status: str, reason: str | None
) -> None:
    """Give the stack a status, with an event. The caller saves the stack."""
    stack["status"], stack["reason"] = status, reason
    stack["history"] = [*stack["history"], [at, status, reason]][-MOST_STATUSES:]
    event = {
        "EventId": ids.unique("event", stack["id"], stack["events"] + 1),
        "LogicalResourceId": stack["name"],
        "PhysicalResourceId": stack["id"],
        "ResourceType": STACK_TYPE,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }
    _add_event(state, at, stack, operation, event)


def add_resource_event(
    state: SandboxState, at: float, stack: Document, operation: Document, row: Document, details: Document
) -> None:
    """Add an event with a resource's status. ``details`` are further members of the event."""
    event = {
        "EventId": f"{row['logical']}-{row['status']}-{time_text(_event_time(stack, at), 'iso8601')}",
        "LogicalResourceId": row["logical"],
        "PhysicalResourceId": row["physical"],
        "ResourceType": row["type"],
        "ResourceStatus": row["status"],
        "ResourceStatusReason": row["reason"],
        "ResourceProperties": compact(row["definition"].get("Properties") or {}),
    }
    _add_event(state, at, stack, operation, {**event, **details})


def compact(value: Any) -> str:
    """Return a value as JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


def _event_time(stack: Document, at: float) -> float:
    """Return the timestamp of the next event. Events are in order, and no two have the same millisecond."""
    return round(max(at, float(stack["stamp"]) + 0.001), 3)


def _add_event(state: SandboxState, at: float, stack: Document, operation: Document | None, event: Document) -> None:
    stack["events"] += 1
    stack["stamp"] = event["Timestamp"] = _event_time(stack, at)
    event |= {"StackId": stack["id"], "StackName": stack["name"]}
    if operation is not None:
        event |= {"OperationId": operation["id"], "ClientRequestToken": operation["token"]}
    put_event(state, stack["id"], stack["events"], event)


def put_event(state: SandboxState, stack: str, number: int, event: Document) -> None:
    """Save an event of a stack (by ARN) under its number."""
    present = {key: value for key, value in event.items() if value is not None}
    state.store.put(EVENT, f"{stack}|{number:09d}", present)


def events(state: SandboxState, stack: str, newest: int, count: int) -> list[Document]:
    """Return at most ``count`` events of a stack (by ARN), backwards from the event with the number ``newest``."""
    after, before = (f"{stack}|{number:09d}" for number in (max(0, newest - count), newest + 1))
    return [event for _, event in state.store.between(EVENT, after, before, count)][::-1]
