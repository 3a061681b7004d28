"""The documents of the CloudFormation that is played, by kind: stacks, their resources and operations, change sets, templates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from fsdcf.cloudformation.template import read
from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation import words
from fsdcf.sandbox.state import World

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


def new_stack(world: World, name: str, at: float) -> Record:
    """A stack of this name with an ARN of its own, in no status yet. It is not saved."""
    number = world.store.next_number("cloudformation stack")
    return {
        "id": world.arn("cloudformation", f"stack/{name}/{ids.unique('stack', name, number)}"),
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


def save_stack(world: World, stack: Record) -> None:
    """Writes the stack, and that its name is its own as long as it lives."""
    world.store.put(STACK, stack["id"], stack)
    held = world.store.get(NAME, stack["name"])
    its_own = held is not None and held["id"] == stack["id"]
    if stack["status"] != "DELETE_COMPLETE":
        if not its_own:
            world.store.put(NAME, stack["name"], {"id": stack["id"]})
    elif its_own:
        world.store.remove(NAME, stack["name"])


def find(world: World, named: str) -> Record | None:
    """A stack by name, which only one that lives has, or by ARN, deleted or not."""
    if named.startswith("arn:"):
        return world.store.get(STACK, named)
    held = world.store.get(NAME, named)
    return None if held is None else world.store.get(STACK, held["id"])


def living(world: World, named: str) -> Record | None:
    """A stack by name or ARN that is not deleted."""
    stack = find(world, named)
    return None if stack is None or stack["status"] == "DELETE_COMPLETE" else stack


def every_stack(world: World) -> list[Record]:
    """All stacks, the newest first, as AWS lists them."""
    return sorted((stack for _, stack in world.store.every(STACK)), key=lambda stack: -float(stack["created"]))


def _of(stack: str, key: str) -> str:
    return f"{stack}|{key}"


def rows(world: World, stack: str) -> dict[str, Record]:
    """The resources of a stack (by ARN), by logical id."""
    return {row["logical"]: row for _, row in world.store.every(ROW, _of(stack, ""))}


def row(world: World, stack: str, logical: str) -> Record | None:
    """One resource of a stack."""
    return world.store.get(ROW, _of(stack, logical))


def leftovers(world: World, stack: str) -> dict[str, Record]:
    """What an operation has replaced, removed or made in vain, and what its cleanup is to delete, by step key."""
    prefix = _of(stack, "")
    return {key.removeprefix(prefix): one for key, one in world.store.every(LEFTOVER, prefix)}


def save_row(world: World, stack: str, kind: str, key: str, body: Record) -> None:
    """Writes a resource: as it is (ROW), as it was before the operation (OLD), or as something to delete (LEFTOVER)."""
    world.store.put(kind, _of(stack, key), body)


def old_row(world: World, stack: str, key: str) -> Record | None:
    """A resource as it was before the operation."""
    return world.store.get(OLD, _of(stack, key))


def leftover(world: World, stack: str, key: str) -> Record | None:
    """One thing to delete, by its step's key."""
    return world.store.get(LEFTOVER, _of(stack, key))


def drop_row(world: World, stack: str, kind: str, key: str) -> None:
    """Forgets a resource."""
    world.store.remove(kind, _of(stack, key))


def forget_operation(world: World, stack: str) -> None:
    """Drops what was kept for the rollback and the cleanup of an operation that is over."""
    for kind in (OLD, LEFTOVER):
        for key, _ in world.store.every(kind, _of(stack, "")):
            world.store.remove(kind, key)


def operation(world: World, stack: str) -> Record | None:
    """The latest operation of a stack, running or over."""
    return world.store.get(OPERATION, stack)


def save_operation(world: World, stack: str, body: Record) -> None:
    """Writes the latest operation of a stack, over the one before."""
    world.store.put(OPERATION, stack, body)


def change_set(world: World, named: str, stack: str | None) -> Record | None:
    """A change set by ARN, or by name among those of a stack (by ARN) that can still be executed or have failed."""
    if named.startswith("arn:"):
        return world.store.get(CHANGE_SET, named)
    held = world.store.get(CHANGE_SET_NAME, _of(stack or "", named))
    return None if held is None else world.store.get(CHANGE_SET, held["id"])


def change_sets(world: World, stack: str) -> list[Record]:
    """The change sets of a stack that its list shows, by name."""
    held = [one["id"] for _, one in world.store.every(CHANGE_SET_NAME, _of(stack, ""))]
    return [found for one in held if (found := world.store.get(CHANGE_SET, one)) is not None]


def save_change_set(world: World, body: Record, listed: bool = True) -> None:
    """Writes a change set; one that is not ``listed`` is found by its ARN alone."""
    world.store.put(CHANGE_SET, body["id"], body)
    key = _of(body["stack"], body["name"])
    held = world.store.get(CHANGE_SET_NAME, key)
    if listed:
        world.store.put(CHANGE_SET_NAME, key, {"id": body["id"]})
    elif held is not None and held["id"] == body["id"]:
        world.store.remove(CHANGE_SET_NAME, key)


def remove_change_set(world: World, body: Record) -> None:
    """Deletes a change set: nothing finds it any more."""
    save_change_set(world, body, listed=False)
    world.store.remove(CHANGE_SET, body["id"])


def save_template(world: World, text: str) -> str:
    """Keeps a template's text; the answer is what ``template`` and ``template_text`` know it by."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    if world.store.get(TEMPLATE, digest) is None:
        world.store.put(TEMPLATE, digest, {"text": text})
    return digest


def template_text(world: World, digest: str) -> str:
    """The text of a template that was kept. KeyError for an unknown one."""
    kept = world.store.get(TEMPLATE, digest)
    if kept is None:
        raise KeyError(digest)
    return str(kept["text"])


def template(world: World, digest: str) -> Mapping[str, Any]:
    """The data of a template that was kept; not to be changed."""
    return parsed(template_text(world, digest))


@lru_cache(maxsize=64)
def parsed(text: str) -> Mapping[str, Any]:
    """The data of a template's text. Raises TemplateError. The same text gives the same data, which is not to be changed."""
    return read(text)


Item = TypeVar("Item")


def page(world: World, items: Sequence[Item], params: Mapping[str, Any], usual: int) -> tuple[list[Item], str | None]:
    """One page of a list, and the token of the next one. ``usual`` is how many a page holds, unless a fault says otherwise."""
    start, size = offset(params), size_of(world, usual)
    more = start + size < len(items)
    return list(items[start : start + size]), token(start + size) if more else None


def size_of(world: World, usual: int) -> int:
    """How many a page holds."""
    other = world.faults.of_cloudformation("page-size")
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
        raise words.invalid("Invalid NextToken")
    return int(start)
