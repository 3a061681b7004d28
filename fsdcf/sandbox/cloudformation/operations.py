"""The beginning of an operation on a stack: its document, its first status, and the steps of its first phase."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation import records, resources, simulator, values, words
from fsdcf.sandbox.cloudformation.records import LEFTOVER, ROW, Record
from fsdcf.sandbox.cloudformation.resource_steps import GONE, halt
from fsdcf.sandbox.cloudformation.simulator import Play
from fsdcf.sandbox.state import World

Kind = Literal["create", "update", "import"]

FIRST = 1.0
"""Seconds from an operation's first event to the first of a resource."""

KEPT = ("Retain", "RetainExceptOnCreate")
_TYPES = {"create": "CREATE_STACK", "update": "UPDATE_STACK", "import": "UPDATE_STACK"}


@dataclass(frozen=True)
class Will:
    """What an operation is to reach and how: the settings of the stack, and what happens when it fails. ``timeout`` counts minutes."""

    kind: Kind
    settings: Record
    token: str | None = None
    disable_rollback: bool = False
    on_failure: str = "ROLLBACK"
    retain_except_on_create: bool = False
    imports: dict[str, str] = field(default_factory=dict)
    change_set: str | None = None
    timeout: int | None = None


def new_operation(world: World, stack: Record, type: str, token: str | None) -> Record:
    """The document of an operation that begins; the stack notes it, and its status before."""
    number = world.store.next_number("cloudformation operation")
    identifier = ids.unique("operation", stack["id"], number)
    stack["operations"] = [{"OperationType": type, "OperationId": identifier}, *stack["operations"]][:5]
    stack["previous"] = [stack["status"], stack["reason"], world.clock.now()]
    return {"id": identifier, "token": token, "steps": {}, "failures": [], "stopped": False, "turning": False}


def begin(world: World, stack: Record, will: Will) -> Record:
    """Begins to create, update or fill a stack by import; the operation. Raises EvaluationError."""
    at = world.clock.now()
    last = records.operation(world, stack["id"])
    unfinished = last if last is not None and stack["status"] in ("CREATE_FAILED", "UPDATE_FAILED") else None
    if unfinished is None:
        records.forget_operation(world, stack["id"])
    operation = new_operation(world, stack, _TYPES[will.kind], will.token)
    aim = values.target(world, stack, will.settings)
    operation |= {
        "kind": will.kind,
        "phase": "forward",
        "after": will.settings,
        "before": unfinished["before"] if unfinished else stack["settings"],
        "outputs": stack["outputs"],
        "touched": dict(unfinished["touched"]) if unfinished else {},
        "types": {logical: one["Type"] for logical, one in aim.resources.items()},
        "on_failure": will.on_failure,
        "retain_except_on_create": will.retain_except_on_create,
        "imports": will.imports,
        "change_set": will.change_set,
        "steps": simulator.forward(aim.needs()),
    }
    stack |= {"settings": will.settings, "disable_rollback": will.disable_rollback, "change_set": will.change_set}
    if will.kind != "create" or will.change_set is not None:
        stack["updated"] = at
    play = Play(world, at, stack, operation)
    play.status(f"{will.kind.upper()}_IN_PROGRESS", words.USER_INITIATED)
    play.later(FIRST, "proceed")
    if will.timeout is not None:
        play.later(60.0 * will.timeout, "expire")
    play.save()
    return operation


def delete(world: World, stack: Record, token: str | None, retained: list[str]) -> Record:
    """Begins to delete a stack, whatever it is doing: what runs is cancelled. ``retained`` live on."""
    last = records.operation(world, stack["id"])
    operation = new_operation(world, stack, "DELETE_STACK", token)
    operation |= {"kind": "delete", "change_set": None, "before": stack["settings"], "touched": {}, "imports": {}}
    play = Play(world, world.clock.now(), stack, operation)
    stack["deleted"] = play.at
    play.status("DELETE_IN_PROGRESS", words.USER_INITIATED)
    if last is not None and last["phase"] == "forward":
        halt(Play(world, play.at, stack, last))
    world.store.cancel(stack["id"])
    doomed = existing(world, stack["id"])
    kept = [key for key, row in doomed.items() if row["logical"] in retained or _policy(row) in KEPT]
    if not doomed and last is None:
        operation["phase"] = "over"
        play.status("DELETE_COMPLETE")
    else:
        demolish(play, doomed, kept, "delete", ("DELETE_COMPLETE", "DELETE_FAILED"))
    play.save()
    return operation


def executed(play: Play, status: str) -> None:
    """The change set that was executed gets its last execution status; only its ARN finds it from now on."""
    change_set = play.operation.get("change_set")
    body = records.change_set(play.world, change_set, None) if change_set else None
    if body is not None:
        body["execution"] = status
        records.save_change_set(play.world, body, listed=False)


def existing(world: World, stack: str) -> dict[str, Record]:
    """All that a stack holds, and what an operation has set aside, by step key."""
    rows = {key: row for key, row in records.rows(world, stack).items() if row["status"] not in GONE}
    return rows | records.leftovers(world, stack)


def demolish(play: Play, doomed: dict[str, Record], kept: list[str], phase: str, ends: tuple[str, str]) -> None:
    """Goes over to deleting; ``ends`` are the stack's statuses afterwards, for success and failure."""
    plan = simulator.removals(doomed, phase, kept)
    fresh = {"failures": [], "stopped": False, "problem": None}
    play.operation.update({"phase": "delete", "steps": plan, "ends": list(ends), **fresh})
    play.later(FIRST, "proceed")


def roll_back_creation(play: Play, reason: str, delete_stack: bool = False) -> None:
    """Deletes what the creation of a stack has made, and in the end the stack itself, if that was asked for."""
    play.stack["deleted"] = play.at
    play.status("DELETE_IN_PROGRESS" if delete_stack else "ROLLBACK_IN_PROGRESS", reason)
    doomed = existing(play.world, play.id)
    except_on_create = play.operation.get("retain_except_on_create", False)
    kept = [key for key, row in doomed.items() if _survives(row, except_on_create)]
    kept += [key for key in doomed if play.operation["touched"].get(key) == "imported"]
    word = "DELETE" if delete_stack else "ROLLBACK"
    demolish(play, doomed, kept, "rollback", (f"{word}_COMPLETE", f"{word}_FAILED"))


def roll_back_update(play: Play, reason: str | None) -> None:
    """Brings what the update has touched back to what it was."""
    play.stack["settings"] = play.operation["before"]
    play.status("UPDATE_ROLLBACK_IN_PROGRESS", reason)
    changed = [key for key, how in play.operation["touched"].items() if how in ("updated", "replaced")]
    old = {key: row for key in changed if (row := records.old_row(play.world, play.id, key)) is not None}
    play.operation.update(
        {"phase": "undo", "steps": simulator.reverts(old), "failures": [], "stopped": False, "problem": None}
    )
    play.later(FIRST, "proceed")


def roll_back_import(play: Play, reason: str | None) -> None:
    """Gives back what was imported."""
    play.stack["settings"] = play.operation["before"]
    play.status("IMPORT_ROLLBACK_IN_PROGRESS", reason)
    mine = [key for key, how in play.operation["touched"].items() if how == "imported"]
    play.operation.update({"phase": "unimport", "failures": [], "stopped": False, "problem": None})
    play.operation["steps"] = {key: simulator.step("unimport") for key in mine}
    play.later(FIRST, "proceed")


def clean_up(play: Play, wanted: dict[str, str], ends: str) -> None:
    """Goes over to deleting what the stack no longer needs. ``wanted`` are the logical ids that stay; ``ends`` is the last status."""
    for key, row in records.rows(play.world, play.id).items():
        if key not in wanted:
            records.drop_row(play.world, play.id, ROW, key)
            if row["status"] not in GONE:
                spare = {**row, "leftover": key, "policy": _policy(row)}
                records.save_row(play.world, play.id, LEFTOVER, key, spare)
    doomed = records.leftovers(play.world, play.id)
    kept = [key for key, row in doomed.items() if row["policy"] in KEPT]
    plan = simulator.removals(doomed, "cleanup", kept)
    play.operation.update({"phase": "cleanup", "steps": plan, "ends": [ends, ends], "failures": [], "stopped": False})
    play.later(FIRST, "proceed")


def discard_creations(play: Play) -> dict[str, str]:
    """Leaves to the cleanup what a rolled-back update had made or imported; the logical ids that stay, with their types."""
    for key, how in play.operation["touched"].items():
        row = records.row(play.world, play.id, key)
        if how not in ("created", "imported") or row is None:
            continue
        survives = how == "imported" or _survives(row, play.operation["retain_except_on_create"])
        records.drop_row(play.world, play.id, ROW, key)
        spare = {**row, "leftover": key, "policy": "Retain" if survives else "Delete"}
        records.save_row(play.world, play.id, LEFTOVER, key, spare)
    return {key: row["type"] for key, row in records.rows(play.world, play.id).items()}


def _policy(row: Record) -> str:
    return str(row.get("policy") or row["definition"].get("DeletionPolicy", "Delete"))


def _survives(row: Record, except_on_create: bool) -> bool:
    """Whether a resource outlives the rollback of the operation that made it.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    complete = row["status"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    return complete and _policy(row) == "Retain" and not except_on_create


def orphan(world: World, row: Record) -> None:
    """Lets what a stack could not delete, and knows no more, live on."""
    thing = resources.find(world, row["type"], row["physical"])
    if thing is not None:
        resources.own(world, thing, None)
