"""One moment in the life of a stack: its documents in hand, what is told of it, and what is put on the agenda."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation import records, words
from fsdcf.sandbox.cloudformation.records import EXPORT, LEFTOVER, ROW, Record
from fsdcf.sandbox.state import World

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


@dataclass(frozen=True)
class Play:
    """A moment (epoch seconds) of a stack's operation. Both documents are changed in place, and saved by ``save``."""

    world: World
    at: float
    stack: Record
    operation: Record

    @property
    def id(self) -> str:
        """The stack's ARN."""
        return str(self.stack["id"])

    @property
    def steps(self) -> dict[str, Record]:
        """The steps of the phase that runs, by key."""
        steps: dict[str, Record] = self.operation["steps"]
        return steps

    def save(self) -> None:
        """Writes both documents."""
        records.save_stack(self.world, self.stack)
        records.save_operation(self.world, self.id, self.operation)

    def later(self, seconds: float, action: str, **payload: Any) -> None:
        """Puts an action of this stack on the agenda; ``seconds`` are AWS's, which the world's pace shortens."""
        due = self.at + self.world.lasting(seconds)
        self.world.store.schedule(due, f"cloudformation.{action}", {"stack": self.id, **payload}, tag=self.id)

    def status(self, status: str, reason: str | None = None) -> None:
        """The stack gets a status, with an event."""
        of_stack(self.world, self.at, self.stack, self.operation, status, reason)

    def told(self, row: Record, status: str, reason: str | None = None, **details: Any) -> None:
        """A resource gets a status, with an event; it is saved where it belongs."""
        row |= {"status": status, "reason": reason, "at": self.at}
        self.keep(row)
        of_resource(self.world, self.at, self.stack, self.operation, row, details)

    def keep(self, row: Record) -> None:
        """Saves a resource: among the stack's, or among what is to be deleted."""
        kind, key = (LEFTOVER, row["leftover"]) if row.get("leftover") else (ROW, row["logical"])
        records.save_row(self.world, self.id, kind, key, row)


def opened(world: World, at: float, stack: str) -> Play | None:
    """The stack (by ARN) and its operation at this moment; None if one of them is gone."""
    found, operation = world.store.get(records.STACK, stack), records.operation(world, stack)
    return None if found is None or operation is None else Play(world, at, found, operation)


Steps = Mapping[str, Record]


def step(act: str, needs: Iterable[str] = (), **details: Any) -> Record:
    """A step that waits for others, by key. ``act`` says what it does."""
    return {"act": act, "needs": sorted(needs), "state": "waiting", **details}


def ready(steps: Steps) -> list[str]:
    """The steps that can begin: what they need is done."""
    return [
        key
        for key, one in sorted(steps.items())
        if one["state"] == "waiting" and all(steps[need]["state"] == "done" for need in one["needs"])
    ]


def running(steps: Steps) -> list[str]:
    """The steps that have begun and are not over."""
    return sorted(key for key, one in steps.items() if one["state"] == "running")


def all_done(steps: Steps) -> bool:
    """Whether every step has reached its end."""
    return all(one["state"] == "done" for one in steps.values())


def forward(wanted: Mapping[str, frozenset[str]]) -> dict[str, Record]:
    """Steps that bring each resource of a template to what it says, after those that it needs."""
    return {logical: step("apply", needs) for logical, needs in wanted.items()}


def reverts(rows: Mapping[str, Record]) -> dict[str, Record]:
    """Steps that bring resources back to what they were (rows by logical id), in the order in which they need each other."""
    return {logical: step("revert", set(one["needs"]) & rows.keys()) for logical, one in rows.items()}


def removals(rows: Mapping[str, Record], phase: str, kept: Iterable[str] = ()) -> dict[str, Record]:
    """Steps that delete resources, each after those that need it. ``kept`` live on. ``phase`` is that of faults."""
    keep = set(kept)
    dependents: dict[str, set[str]] = {key: set() for key in rows}
    by_logical: dict[str, list[str]] = {}
    for key, one in rows.items():
        by_logical.setdefault(one["logical"], []).append(key)
    for key, one in rows.items():
        for need in one["needs"]:
            for target in by_logical.get(need, ()):
                dependents[target].add(key)
    return {key: step("delete", _acyclic(key, dependents), phase=phase, keep=key in keep, attempts=0) for key in rows}


def _acyclic(key: str, dependents: Mapping[str, set[str]]) -> set[str]:
    """The dependents, without those that in turn wait for this one: rows of two templates may need each other."""
    return {one for one in dependents[key] if one != key and not _reaches(key, one, dependents)}


def _reaches(start: str, goal: str, dependents: Mapping[str, set[str]]) -> bool:
    """Whether ``start`` is, over any number of steps, among the dependents of ``goal``."""
    seen: set[str] = set()
    left = [goal]
    while left:
        one = left.pop()
        if one == start:
            return True
        if one not in seen:
            seen.add(one)
            left += dependents[one]
    return False


def every(world: World) -> list[Record]:
    """All exports as ListExports shows them, by name."""
    return [
        {"ExportingStackId": one["stack"], "Name": name, "Value": one["value"]}
        for name, one in world.store.every(EXPORT)
    ]


def importers(world: World, name: str) -> list[str]:
    """The names of the stacks that import an export."""
    return sorted(
        stack["name"]
        for stack in records.every_stack(world)
        if name in stack["imports"] and stack["status"] not in ("DELETE_COMPLETE", "ROLLBACK_COMPLETE")
    )


def _of(world: World, stack: str) -> dict[str, str]:
    return {name: one["value"] for name, one in world.store.every(EXPORT) if one["stack"] == stack}


def problem(world: World, stack: Record, outputs: Iterable[Record]) -> str | None:
    """Why the stack cannot have these outputs: a name is taken, or what another stack imports would change or go.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
    """
    wanted = {one["ExportName"]: one["OutputValue"] for one in outputs if "ExportName" in one}
    for name in sorted(wanted):
        held = world.store.get(EXPORT, name)
        if held is not None and held["stack"] != stack["id"]:
            return words.export_taken(name, held["stack"])
    for name, value in _of(world, stack["id"]).items():
        users = importers(world, name) if wanted.get(name) != value else []
        if users:
            return words.export_used(name, "updated" if name in wanted else "deleted", users)
    return None


def blocker(world: World, stack: Record) -> str | None:
    """Why the stack cannot be deleted: another one imports from it."""
    for name in _of(world, stack["id"]):
        users = importers(world, name)
        if users:
            return words.delete_cancelled(name, users)
    return None


def publish(world: World, stack: Record, outputs: Iterable[Record]) -> None:
    """The stack's exports are those of these outputs from now on."""
    for name in _of(world, stack["id"]):
        world.store.remove(EXPORT, name)
    for one in outputs:
        if "ExportName" in one:
            world.store.put(EXPORT, one["ExportName"], {"stack": stack["id"], "value": one["OutputValue"]})
