"""The steps that undo and delete: bring a resource back to what it was, delete one, let one live on, give back an imported one."""

from __future__ import annotations

from fsdcf.sandbox.cloudformation import handlers, records, steps, things, words
from fsdcf.sandbox.cloudformation.durations import seconds
from fsdcf.sandbox.cloudformation.forward import GONE, PATIENCE, POLL
from fsdcf.sandbox.cloudformation.handler import Failure
from fsdcf.sandbox.cloudformation.play import Play
from fsdcf.sandbox.cloudformation.records import LEFTOVER, ROW, Record

ATTEMPTS = 3
"""How often a cleanup tries to delete a resource."""


def start_revert(play: Play, key: str) -> None:
    """Begins to bring a resource back to what it was before the operation."""
    row, old = records.row(play.world, play.id, key), records.old_row(play.world, play.id, key)
    one = play.steps[key]
    if row is None or old is None:
        one["state"] = "done"
        return
    if row["physical"] != old["physical"]:
        spare = f"{key}|{row['physical']}"
        records.save_row(play.world, play.id, LEFTOVER, spare, {**row, "leftover": spare, "policy": "Delete"})
        records.drop_row(play.world, play.id, LEFTOVER, f"{key}|{old['physical']}")
    one |= {"state": "running", "begun": play.at, "moved": row["physical"] != old["physical"]}
    back = {
        **row,
        "physical": old["physical"],
        "definition": old["definition"],
        "needs": old["needs"],
        "tags": old["tags"],
    }
    play.told(back, "UPDATE_IN_PROGRESS")
    fault = play.world.faults.of_resource(key, row["type"], "rollback")
    if fault is not None:
        failure = handlers.struck(fault)
        one["fault"] = [failure.reason, failure.code]
    play.later(0.4, "step", key=key, stage="work")


def resume_revert(play: Play, key: str, stage: str) -> None:
    """Goes on with a revert: ``work``, then ``end`` until the resource has settled."""
    row, one = records.row(play.world, play.id, key), play.steps[key]
    if row is None or one["state"] != "running":
        return
    try:
        if stage == "work":
            if not one["moved"] and not one.get("fault"):
                handlers.alter(play.world, row, row["definition"].get("Properties") or {}, "rollback")
            length = 0.5 if one["moved"] else seconds(row["type"], "update", play.id, key, "back")
            play.later(length, "step", key=key, stage="end")
        else:
            _end_revert(play, key, row)
    except Failure as failure:
        _fail_revert(play, key, row, failure)


def _end_revert(play: Play, key: str, row: Record) -> None:
    one = play.steps[key]
    if one.get("fault"):
        raise Failure(*one.pop("fault"))
    if not handlers.settled(play.world, row):
        if play.at - one["begun"] > play.world.lasting(PATIENCE):
            raise Failure("Exceeded attempts to wait", "NotStabilized")
        play.later(POLL, "step", key=key, stage="end")
        return
    play.told(row, "UPDATE_COMPLETE")
    one["state"] = "done"


def _fail_revert(play: Play, key: str, row: Record, failure: Failure) -> None:
    """A rollback that fails stops: what else runs is cancelled, to be tried again when the rollback is continued."""
    play.steps[key]["state"] = "failed"
    play.operation["failures"].append(["update", key])
    play.told(row, "UPDATE_FAILED", failure.text(play.id, key, play.stack["events"]))
    play.world.store.cancel(play.id)
    play.operation.update({"stopped": True, "turning": False})
    for other in steps.running(play.steps):
        sibling = records.row(play.world, play.id, other)
        play.steps[other]["state"] = "cancelled"
        if sibling is not None:
            play.operation["failures"].append(["update", other])
            play.told(sibling, "UPDATE_FAILED", words.UPDATE_CANCELLED)


def start_delete(play: Play, key: str) -> None:
    """Begins to delete a resource, or lets it live on."""
    row, one = _doomed(play, key), play.steps[key]
    if row is None or row["status"] in GONE:
        one["state"] = "done"
    elif one["keep"] or _foreign(play, row):
        thing = things.find(play.world, row["type"], row["physical"])
        if thing is not None and thing["owner"] == play.id:
            things.own(play.world, thing, None)
        play.told(row, "DELETE_SKIPPED")
        _over(play, key, row)
    elif not row["physical"]:
        play.told(row, "DELETE_COMPLETE")
        _over(play, key, row)
    else:
        one |= {"state": "running", "attempts": one["attempts"] + 1}
        play.told(row, "DELETE_IN_PROGRESS")
        fault = play.world.faults.of_resource(row["logical"], row["type"], one["phase"])
        failure = handlers.struck(fault) if fault else handlers.protection(play.world, row["type"], row["physical"])
        one["fault"] = [failure.reason, failure.code] if failure is not None else None
        one["begun"] = play.at
        play.later(0.3, "step", key=key, stage="work")


def resume_delete(play: Play, key: str, stage: str) -> None:
    """Goes on with a deletion: ``work`` asks for it, ``end`` waits until the resource is gone, ``again`` tries once more."""
    row, one = _doomed(play, key), play.steps[key]
    if row is None or one["state"] != "running":
        return
    try:
        if stage == "again":
            start_delete(play, key)
        elif stage == "work":
            if not one["fault"]:
                handlers.unmake(play.world, row)
            play.later(seconds(row["type"], "delete", play.id, key), "step", key=key, stage="end")
        else:
            _end_delete(play, key, row)
    except Failure as failure:
        play.told(row, "DELETE_FAILED", failure.text(play.id, key, play.stack["events"]))
        if one["phase"] == "cleanup" and one["attempts"] < ATTEMPTS:
            play.later(2.0, "step", key=key, stage="again")
            return
        one["state"] = "failed"
        play.operation["failures"].append(["delete", row["logical"]])


def _end_delete(play: Play, key: str, row: Record) -> None:
    one = play.steps[key]
    if one["fault"]:
        raise Failure(*one["fault"])
    if not handlers.gone(play.world, row):
        if play.at - one["begun"] > play.world.lasting(PATIENCE):
            raise Failure("Exceeded attempts to wait", "NotStabilized")
        play.later(POLL, "step", key=key, stage="end")
        return
    play.told(row, "DELETE_COMPLETE")
    _over(play, key, row)


def _foreign(play: Play, row: Record) -> bool:
    """Whether what the row stands for is not the stack's: an import has failed before it was."""
    thing = things.find(play.world, row["type"], row["physical"])
    return thing is not None and thing["owner"] != play.id


def _doomed(play: Play, key: str) -> Record | None:
    return records.leftover(play.world, play.id, key) or records.row(play.world, play.id, key)


def _over(play: Play, key: str, row: Record) -> None:
    play.steps[key]["state"] = "done"
    if row.get("leftover"):
        records.drop_row(play.world, play.id, LEFTOVER, key)


def start_unimport(play: Play, key: str) -> None:
    """Begins to give an imported resource back."""
    row, one = records.row(play.world, play.id, key), play.steps[key]
    if row is None:
        one["state"] = "done"
        return
    one["state"] = "running"
    fault = play.world.faults.of_resource(key, row["type"], "rollback")
    failure = handlers.struck(fault) if fault is not None else None
    one["fault"] = [failure.reason, failure.code] if failure is not None else None
    play.told(row, "IMPORT_ROLLBACK_IN_PROGRESS")
    play.later(1.5, "step", key=key, stage="end")


def resume_unimport(play: Play, key: str, stage: str) -> None:
    """Ends it: the resource is nobody's again, and no longer the stack's."""
    row, one = records.row(play.world, play.id, key), play.steps[key]
    if row is None or one["state"] != "running":
        return
    if one.get("fault"):
        failure = Failure(*one["fault"])
        one["state"] = "failed"
        play.operation["failures"].append(["import", key])
        play.told(row, "IMPORT_ROLLBACK_FAILED", failure.text(play.id, key, play.stack["events"]))
        return
    thing = things.find(play.world, row["type"], row["physical"])
    if thing is not None:
        things.own(play.world, thing, None)
    play.told(row, "IMPORT_ROLLBACK_COMPLETE")
    records.drop_row(play.world, play.id, ROW, key)
    one["state"] = "done"
