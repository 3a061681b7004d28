"""The step that brings one resource to what the template says: create, update in place, replace or import it."""

from __future__ import annotations

from typing import Any

from fsdcf.cloudformation.evaluate import EvaluationError
from fsdcf.sandbox.cloudformation import compare, handlers, records, steps, things, values, words
from fsdcf.sandbox.cloudformation.durations import seconds
from fsdcf.sandbox.cloudformation.handler import Failure, Order
from fsdcf.sandbox.cloudformation.play import Play
from fsdcf.sandbox.cloudformation.records import LEFTOVER, OLD, Record
from fsdcf.sandbox.faults import Phase

INITIATED_AFTER = 0.8
"""Seconds from the first event of a creation to the one that tells the physical id."""

POLL = 5.0
"""Seconds between two looks at a resource that has to settle."""

PATIENCE = 3 * 3600.0
"""Seconds that a resource may take to settle; an ECS service's schema allows 36 hours, which no rehearsal needs."""

GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")


def start(play: Play, key: str) -> None:
    """Begins to bring a resource to what the operation wants of it."""
    one = play.steps[key]
    row = records.row(play.world, play.id, key)
    there = row is not None and row["status"] not in GONE
    try:
        aim = values.target(play.world, play.stack, play.operation["after"])
        wanted = values.definition(aim.resources[key], aim.scope)
    except EvaluationError as error:
        row = row if row is not None and there else _row(play, key, play.operation["types"][key], {}, one)
        touch(play, key, "updated" if there else "created", row)
        fail(play, key, row, Failure(str(error)))
        return
    one["wanted"] = wanted
    if row is not None and there and row["status"] != "CREATE_FAILED":
        _change(play, key, row)
        return
    if row is not None and there and row["physical"]:
        _set_aside(play, row, "Delete")
    imported = play.operation["imports"].get(key)
    row = _row(play, key, wanted["Type"], wanted, one)
    if imported is not None:
        touch(play, key, "imported", None)
        row["physical"] = imported
        one |= {"state": "running", "verb": "import"}
        play.told(row, "IMPORT_IN_PROGRESS", words.IMPORT_STARTED)
        _doom(play, key, row, "create", 1.2)
    else:
        touch(play, key, "created", None)
        one |= {"state": "running", "verb": "create"}
        play.told(row, "CREATE_IN_PROGRESS")
        _doom(play, key, row, "create", INITIATED_AFTER)


def _row(play: Play, key: str, type: str, wanted: Record, one: Record) -> Record:
    return {
        "logical": key,
        "type": type,
        "physical": "",
        "definition": wanted,
        "needs": one["needs"],
        "tags": play.operation["after"]["tags"],
        "created": play.at,
    }


def touch(play: Play, key: str, how: str, row: Record | None) -> None:
    """Notes what the operation does to a resource, and keeps what it was before, for the rollback. The first note counts."""
    touched = play.operation["touched"]
    if key not in touched:
        touched[key] = how
        if row is not None and how != "created":
            records.save_row(play.world, play.id, OLD, key, row)
    elif touched[key] == "updated" and how == "replaced":
        touched[key] = how


def _change(play: Play, key: str, row: Record) -> None:
    """A resource that exists: nothing may be to do, after all, once the values are known."""
    one, wanted, tags = play.steps[key], play.steps[key]["wanted"], play.operation["after"]["tags"]
    effect = compare.effect(row, wanted, tags)
    if effect == "none":
        row |= {"definition": wanted, "needs": one["needs"], "tags": tags}
        if row["status"] == "UPDATE_FAILED":
            play.told(row, "UPDATE_COMPLETE")  # it is what it was before it failed, and that is what is wanted again
        play.keep(row)
        one["state"] = "done"
        return
    touch(play, key, "updated" if effect == "update" else "replaced", row)
    one |= {"state": "running", "verb": effect}
    if effect == "update":
        play.told(row, "UPDATE_IN_PROGRESS")
        _doom(play, key, row, "update", 0.4)
        return
    refused = _refusal(play, row, wanted)
    if refused is not None:
        fail(play, key, row, Failure(refused))
        return
    play.told(row, "UPDATE_IN_PROGRESS", words.REPLACING)
    _doom(play, key, row, "update", INITIATED_AFTER)


def _refusal(play: Play, row: Record, wanted: Record) -> str | None:
    """Why a resource is not replaced.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html and, for names,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    if play.stack["disable_rollback"]:
        return words.REPLACEMENT_REFUSED
    names = [things.name_of(one["Type"], one.get("Properties") or {}) for one in (row["definition"], wanted)]
    return words.custom_named(names[0]) if names[0] is not None and names[0] == names[1] else None


def _doom(play: Play, key: str, row: Record, phase: Phase, first: float) -> None:
    """Puts the step's next stage on the agenda: its work after so many seconds, or the failure that a fault makes of it."""
    one = play.steps[key]
    one["begun"] = play.at
    fault = play.world.faults.of_resource(key, row["type"], phase)
    if fault is None:
        play.later(first, "step", key=key, stage="work")
        return
    failure = handlers.struck(fault)
    one["fault"] = [failure.reason, failure.code]
    play.later(first + _length(play, key, row) / 2, "step", key=key, stage="end")


def _length(play: Play, key: str, row: Record) -> float:
    verb = "update" if play.steps[key]["verb"] == "update" else "create"
    return seconds(row["type"], verb, play.id, key)


def resume(play: Play, key: str, stage: str) -> None:
    """Goes on with a step: ``work`` makes or changes the resource, ``end`` waits until it has settled and ends the step."""
    row = records.row(play.world, play.id, key)
    if row is None or play.steps[key]["state"] != "running":
        return
    try:
        if stage == "work":
            _work(play, key, row)
        else:
            _end(play, key, row)
    except Failure as failure:
        fail(play, key, row, failure)


def _work(play: Play, key: str, row: Record) -> None:
    one = play.steps[key]
    wanted: Record = one["wanted"]
    properties = wanted.get("Properties") or {}
    if one["verb"] == "import":
        _adopt(play, row)
        return
    if one["verb"] == "update":
        handlers.alter(play.world, row, properties, "update")
    else:
        made = handlers.make(play.world, Order(play.stack, key, row["type"], properties))
        if one["verb"] == "replace":
            _set_aside(play, row, wanted.get("UpdateReplacePolicy", "Delete"))
        row |= {"physical": made, "definition": wanted}
        play.told(row, "CREATE_IN_PROGRESS" if one["verb"] == "create" else "UPDATE_IN_PROGRESS", words.INITIATED)
    play.later(_length(play, key, row), "step", key=key, stage="end")


def _set_aside(play: Play, row: Record, policy: str) -> None:
    """Leaves what a replacement makes superfluous to the cleanup."""
    key = f"{row['logical']}|{row['physical']}"
    kept = {**row, "leftover": key, "policy": policy}
    records.save_row(play.world, play.id, LEFTOVER, key, kept)


def _adopt(play: Play, row: Record) -> None:
    thing = things.find(play.world, row["type"], row["physical"])
    if thing is None:
        raise Failure(
            f"Resource of type '{row['type']}' with identifier '{row['physical']}' was not found.", "NotFound"
        )
    things.own(play.world, thing, play.id)
    play.told(row, "IMPORT_COMPLETE", words.IMPORT_COMPLETED)
    play.told(row, "UPDATE_IN_PROGRESS", words.IMPORT_TAGS)
    handlers.alter(play.world, row, row["definition"].get("Properties") or {}, "create")
    play.later(4.0, "step", key=row["logical"], stage="end")


def _end(play: Play, key: str, row: Record) -> None:
    one = play.steps[key]
    if one.get("fault"):
        raise Failure(*one["fault"])
    if not handlers.settled(play.world, row):
        if play.at - one["begun"] > play.world.lasting(PATIENCE):
            raise Failure("Exceeded attempts to wait", "NotStabilized")
        play.later(POLL, "step", key=key, stage="end")
        return
    row |= {"definition": one["wanted"], "needs": one["needs"], "tags": play.operation["after"]["tags"]}
    play.told(row, "CREATE_COMPLETE" if one["verb"] == "create" else "UPDATE_COMPLETE")
    one["state"] = "done"


def fail(play: Play, key: str, row: Record, failure: Failure) -> None:
    """A resource has failed. Where the operation rolls back, what else runs is cancelled and nothing more begins."""
    first = play.world.faults.of_cloudformation("cancelled-first") is not None
    play.steps[key]["state"] = "failed"
    rolls_back = not play.stack["disable_rollback"]
    if rolls_back and first:
        halt(play)
    verb = play.steps[key].get("verb", "create" if play.operation["touched"].get(key) == "created" else "update")
    verb = "update" if verb == "replace" else verb
    play.operation["failures"].append([verb, key])
    if hook := _hook(failure):
        play.told(row, f"{verb.upper()}_IN_PROGRESS", **hook)
    play.told(row, f"{verb.upper()}_FAILED", failure.text(play.id, key, play.stack["events"]))
    if rolls_back and not first:
        halt(play)


def _hook(failure: Failure) -> dict[str, Any]:
    """What a hook found stands in an event of its own, before the resource fails.

    Source: the events of a guard hook, as a workshop of AWS shows them (workshops.aws, CloudFormation, "Create a hook with Guard")
    """
    if not failure.reason.startswith(handlers.HOOK):
        return {}
    name = failure.reason.partition("[")[2].partition("]")[0]
    details = {"HookType": name, "HookStatus": "HOOK_COMPLETE_FAILED", "HookInvocationPoint": "PRE_PROVISION"}
    return {
        **details,
        "HookStatusReason": "The hook found that the resource is not compliant.",
        "HookFailureMode": "FAIL",
    }


def halt(play: Play) -> None:
    """Cancels what runs; nothing more begins."""
    play.world.store.cancel(play.id)
    play.operation.update({"stopped": True, "turning": False})
    for key in steps.running(play.steps):
        row = records.row(play.world, play.id, key)
        if row is not None:
            cancel(play, key, row)


def cancel(play: Play, key: str, row: Record) -> None:
    """Ends a step that runs, without a result."""
    verb = play.steps[key].get("verb", "update")
    made = verb in ("create", "import")
    play.steps[key]["state"] = "cancelled"
    play.operation["failures"].append(["create" if made else "update", key])
    status = {"create": "CREATE_FAILED", "import": "IMPORT_FAILED"}.get(verb, "UPDATE_FAILED")
    play.told(row, status, words.CREATION_CANCELLED if made else words.UPDATE_CANCELLED)
