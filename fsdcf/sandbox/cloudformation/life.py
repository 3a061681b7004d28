"""The life of a stack, played: what begins when, and what the end of a phase leads to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fsdcf.cloudformation.evaluation import EvaluationError
from fsdcf.sandbox.cloudformation import (
    operations,
    records,
    resource_steps,
    simulator,
    values,
    words,
)
from fsdcf.sandbox.cloudformation.simulator import Play, opened
from fsdcf.sandbox.state import World

PAUSE = 0.6
"""Seconds from the end of a phase's last step to what follows."""

ACTS: dict[str, tuple[Callable[[Play, str], None], Callable[[Play, str, str], None]]] = {
    "apply": (resource_steps.start, resource_steps.resume),
    "revert": (resource_steps.start_revert, resource_steps.resume_revert),
    "delete": (resource_steps.start_delete, resource_steps.resume_delete),
    "unimport": (resource_steps.start_unimport, resource_steps.resume_unimport),
}
"""How each kind of step starts and goes on."""


def proceed(play: Play) -> None:
    """Starts what can start. When nothing runs and nothing can, the phase is over."""
    operation = play.operation
    while not operation["stopped"] and (ready := simulator.ready(play.steps)):
        for key in ready:
            if not operation["stopped"]:
                ACTS[play.steps[key]["act"]][0](play, key)
    if not simulator.running(play.steps) and not operation["turning"]:
        operation["turning"] = True
        play.later(PAUSE, "turn")


def turn(play: Play) -> None:
    """A phase is over: what follows depends on which one, and on whether all went well."""
    play.operation["turning"] = False
    well = simulator.all_done(play.steps) and not play.operation["failures"] and not play.operation.get("problem")
    _ENDS[play.operation["phase"]](play, well)


def _end_forward(play: Play, well: bool) -> None:
    if well:
        problem = _publish(play)
        if problem is None:
            _succeeded(play)
            return
        play.operation["problem"] = problem
    operations.executed(play, "EXECUTE_FAILED")
    _failed(play)


def _publish(play: Play) -> str | None:
    """Computes the outputs and exports them; why that cannot be."""
    try:
        aim = values.target(play.world, play.stack, play.operation["after"])
        outputs = values.outputs(aim)
        imported = values.imports(play.world, play.stack, play.operation["after"])
    except EvaluationError as error:
        return str(error)
    problem = simulator.problem(play.world, play.stack, outputs)
    if problem is None:
        simulator.publish(play.world, play.stack, outputs)
        play.stack.update({"outputs": outputs, "imports": imported})
    return problem


def _succeeded(play: Play) -> None:
    operations.executed(play, "EXECUTE_COMPLETE")
    kind = play.operation["kind"]
    if kind == "update":
        play.status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        operations.clean_up(play, play.operation["types"], "UPDATE_COMPLETE")
        return
    play.operation["phase"] = "over"
    play.world.store.cancel(play.id)
    play.status(f"{kind.upper()}_COMPLETE")
    records.forget_operation(play.world, play.id)


def _failed(play: Play) -> None:
    """Rolls back, or stops where rollback is disabled."""
    operation, kind = play.operation, play.operation["kind"]
    problem = operation.get("problem")
    reason = f"{problem.rstrip('.')}. " if problem else words.failed(operation["failures"])
    if play.stack["disable_rollback"]:
        operation["phase"] = "failed"
        play.status(f"{kind.upper()}_FAILED", reason)
    elif kind == "create":
        delete = operation["on_failure"] == "DELETE"
        operations.roll_back_creation(play, reason + f"{'Delete' if delete else 'Rollback'} requested by user.", delete)
    elif kind == "import":
        operations.roll_back_import(play, reason)
    else:
        operations.roll_back_update(play, reason)


def _end_undo(play: Play, well: bool) -> None:
    if not well:
        play.status("UPDATE_ROLLBACK_FAILED", words.failed(play.operation["failures"]))
        return
    play.status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    operations.clean_up(play, operations.discard_creations(play), "UPDATE_ROLLBACK_COMPLETE")


def _end_cleanup(play: Play, well: bool) -> None:
    for row in records.leftovers(play.world, play.id).values():
        operations.orphan(play.world, row)
    play.operation["phase"] = "over"
    play.status(play.operation["ends"][0], None if well else words.CLEANUP_FAILED)
    records.forget_operation(play.world, play.id)


def _end_delete(play: Play, well: bool) -> None:
    done, failed = play.operation["ends"]
    if not well:
        play.operation["phase"] = "failed"
        play.status(failed, words.failed(play.operation["failures"]))
        return
    play.operation["phase"] = "over"
    simulator.publish(play.world, play.stack, ())
    play.stack.update({"outputs": [], "imports": []})
    play.status(done)
    records.forget_operation(play.world, play.id)


def _end_unimport(play: Play, well: bool) -> None:
    play.operation["phase"] = "over" if well else "failed"
    reason = None if well else words.failed(play.operation["failures"])
    play.status("IMPORT_ROLLBACK_COMPLETE" if well else "IMPORT_ROLLBACK_FAILED", reason)


_ENDS: dict[str, Callable[[Play, bool], None]] = {
    "forward": _end_forward,
    "undo": _end_undo,
    "cleanup": _end_cleanup,
    "delete": _end_delete,
    "unimport": _end_unimport,
}


def play_proceed(world: World, at: float, payload: dict[str, Any]) -> None:
    """The agenda says that a phase begins."""
    play = opened(world, at, payload["stack"])
    if play is not None:
        proceed(play)
        play.save()


def play_step(world: World, at: float, payload: dict[str, Any]) -> None:
    """The agenda says that a step goes on."""
    play = opened(world, at, payload["stack"])
    if play is not None and payload["key"] in play.steps:
        act = play.steps[payload["key"]]["act"]
        ACTS[act][1](play, payload["key"], payload["stage"])
        proceed(play)
        play.save()


def play_turn(world: World, at: float, payload: dict[str, Any]) -> None:
    """The agenda says that a phase is over."""
    play = opened(world, at, payload["stack"])
    if play is not None:
        turn(play)
        play.save()


def play_expire(world: World, at: float, payload: dict[str, Any]) -> None:
    """The agenda says that a stack's creation has had its time; what came to an end before is not concerned."""
    play = opened(world, at, payload["stack"])
    if play is not None and play.operation["phase"] == "forward" and not play.operation["turning"]:
        play.operation["problem"] = words.TIMED_OUT
        resource_steps.halt(play)
        proceed(play)
        play.save()


ACTIONS: dict[str, Callable[[World, float, dict[str, Any]], None]] = {
    "cloudformation.expire": play_expire,
    "cloudformation.proceed": play_proceed,
    "cloudformation.step": play_step,
    "cloudformation.turn": play_turn,
}
