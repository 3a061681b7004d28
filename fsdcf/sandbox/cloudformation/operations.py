"""The beginning of an operation on a stack: its document, its first status, and the steps of its first phase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from fsdcf.cloudformation.evaluation import EvaluationError
from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation import messages, records, resource_steps, resources, values
from fsdcf.sandbox.cloudformation.records import LEFTOVER, ROW, Record
from fsdcf.sandbox.cloudformation.resource_steps import GONE, StackSimulation, halt, opened
from fsdcf.sandbox.state import SandboxState

Kind = Literal["create", "update", "import"]

FIRST = 1.0
"""Seconds from an operation's first event to the first of a resource."""

KEPT = ("Retain", "RetainExceptOnCreate")
_TYPES = {"create": "CREATE_STACK", "update": "UPDATE_STACK", "import": "UPDATE_STACK"}


@dataclass(frozen=True)
class OperationPlan:
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


def new_operation(state: SandboxState, stack: Record, type: str, token: str | None) -> Record:
    """The document of an operation that begins; the stack notes it, and its status before."""
    number = state.store.next_number("cloudformation operation")
    identifier = ids.unique("operation", stack["id"], number)
    stack["operations"] = [{"OperationType": type, "OperationId": identifier}, *stack["operations"]][:5]
    stack["previous"] = [stack["status"], stack["reason"], state.clock.now()]
    return {"id": identifier, "token": token, "steps": {}, "failures": [], "stopped": False, "turning": False}


def begin(state: SandboxState, stack: Record, plan: OperationPlan) -> Record:
    """Begins to create, update or fill a stack by import; the operation. Raises EvaluationError."""
    at = state.clock.now()
    last = records.operation(state, stack["id"])
    unfinished = last if last is not None and stack["status"] in ("CREATE_FAILED", "UPDATE_FAILED") else None
    if unfinished is None:
        records.forget_operation(state, stack["id"])
    operation = new_operation(state, stack, _TYPES[plan.kind], plan.token)
    aim = values.target(state, stack, plan.settings)
    operation |= {
        "kind": plan.kind,
        "phase": "forward",
        "after": plan.settings,
        "before": unfinished["before"] if unfinished else stack["settings"],
        "outputs": stack["outputs"],
        "touched": dict(unfinished["touched"]) if unfinished else {},
        "types": {logical: one["Type"] for logical, one in aim.resources.items()},
        "on_failure": plan.on_failure,
        "retain_except_on_create": plan.retain_except_on_create,
        "imports": plan.imports,
        "change_set": plan.change_set,
        "steps": resource_steps.forward(aim.needs()),
    }
    stack |= {"settings": plan.settings, "disable_rollback": plan.disable_rollback, "change_set": plan.change_set}
    if plan.kind != "create" or plan.change_set is not None:
        stack["updated"] = at
    simulation = StackSimulation(state, at, stack, operation)
    simulation.status(f"{plan.kind.upper()}_IN_PROGRESS", messages.USER_INITIATED)
    simulation.later(FIRST, "proceed")
    if plan.timeout is not None:
        simulation.later(60.0 * plan.timeout, "expire")
    simulation.save()
    return operation


def delete(state: SandboxState, stack: Record, token: str | None, retained: list[str]) -> Record:
    """Begins to delete a stack, whatever it is doing: what runs is cancelled. ``retained`` live on."""
    last = records.operation(state, stack["id"])
    operation = new_operation(state, stack, "DELETE_STACK", token)
    operation |= {"kind": "delete", "change_set": None, "before": stack["settings"], "touched": {}, "imports": {}}
    simulation = StackSimulation(state, state.clock.now(), stack, operation)
    stack["deleted"] = simulation.at
    simulation.status("DELETE_IN_PROGRESS", messages.USER_INITIATED)
    if last is not None and last["phase"] == "forward":
        halt(StackSimulation(state, simulation.at, stack, last))
    state.store.cancel(stack["id"])
    doomed = existing(state, stack["id"])
    kept = [key for key, row in doomed.items() if row["logical"] in retained or _policy(row) in KEPT]
    if not doomed and last is None:
        operation["phase"] = "over"
        simulation.status("DELETE_COMPLETE")
    else:
        demolish(simulation, doomed, kept, "delete", ("DELETE_COMPLETE", "DELETE_FAILED"))
    simulation.save()
    return operation


def executed(simulation: StackSimulation, status: str) -> None:
    """The change set that was executed gets its last execution status; only its ARN finds it from now on."""
    change_set = simulation.operation.get("change_set")
    body = records.change_set(simulation.state, change_set, None) if change_set else None
    if body is not None:
        body["execution"] = status
        records.save_change_set(simulation.state, body, listed=False)


def existing(state: SandboxState, stack: str) -> dict[str, Record]:
    """All that a stack holds, and what an operation has set aside, by step key."""
    rows = {key: row for key, row in records.rows(state, stack).items() if row["status"] not in GONE}
    return rows | records.leftovers(state, stack)


def demolish(
    simulation: StackSimulation, doomed: dict[str, Record], kept: list[str], phase: str, ends: tuple[str, str]
) -> None:
    """Goes over to deleting; ``ends`` are the stack's statuses afterwards, for success and failure."""
    plan = resource_steps.removals(doomed, phase, kept)
    fresh = {"failures": [], "stopped": False, "problem": None}
    simulation.operation.update({"phase": "delete", "steps": plan, "ends": list(ends), **fresh})
    simulation.later(FIRST, "proceed")


def roll_back_creation(simulation: StackSimulation, reason: str, delete_stack: bool = False) -> None:
    """Deletes what the creation of a stack has made, and in the end the stack itself, if that was asked for."""
    simulation.stack["deleted"] = simulation.at
    simulation.status("DELETE_IN_PROGRESS" if delete_stack else "ROLLBACK_IN_PROGRESS", reason)
    doomed = existing(simulation.state, simulation.id)
    except_on_create = simulation.operation.get("retain_except_on_create", False)
    kept = [key for key, row in doomed.items() if _survives(row, except_on_create)]
    kept += [key for key in doomed if simulation.operation["touched"].get(key) == "imported"]
    word = "DELETE" if delete_stack else "ROLLBACK"
    demolish(simulation, doomed, kept, "rollback", (f"{word}_COMPLETE", f"{word}_FAILED"))


def roll_back_update(simulation: StackSimulation, reason: str | None) -> None:
    """Brings what the update has touched back to what it was."""
    simulation.stack["settings"] = simulation.operation["before"]
    simulation.status("UPDATE_ROLLBACK_IN_PROGRESS", reason)
    changed = [key for key, how in simulation.operation["touched"].items() if how in ("updated", "replaced")]
    old = {key: row for key in changed if (row := records.old_row(simulation.state, simulation.id, key)) is not None}
    simulation.operation.update(
        {"phase": "undo", "steps": resource_steps.reverts(old), "failures": [], "stopped": False, "problem": None}
    )
    simulation.later(FIRST, "proceed")


def roll_back_import(simulation: StackSimulation, reason: str | None) -> None:
    """Gives back what was imported."""
    simulation.stack["settings"] = simulation.operation["before"]
    simulation.status("IMPORT_ROLLBACK_IN_PROGRESS", reason)
    mine = [key for key, how in simulation.operation["touched"].items() if how == "imported"]
    simulation.operation.update({"phase": "unimport", "failures": [], "stopped": False, "problem": None})
    simulation.operation["steps"] = {key: resource_steps.step("unimport") for key in mine}
    simulation.later(FIRST, "proceed")


def clean_up(simulation: StackSimulation, wanted: dict[str, str], ends: str) -> None:
    """Goes over to deleting what the stack no longer needs. ``wanted`` are the logical ids that stay; ``ends`` is the last status."""
    for key, row in records.rows(simulation.state, simulation.id).items():
        if key not in wanted:
            records.drop_row(simulation.state, simulation.id, ROW, key)
            if row["status"] not in GONE:
                spare = {**row, "leftover": key, "policy": _policy(row)}
                records.save_row(simulation.state, simulation.id, LEFTOVER, key, spare)
    doomed = records.leftovers(simulation.state, simulation.id)
    kept = [key for key, row in doomed.items() if row["policy"] in KEPT]
    plan = resource_steps.removals(doomed, "cleanup", kept)
    simulation.operation.update(
        {"phase": "cleanup", "steps": plan, "ends": [ends, ends], "failures": [], "stopped": False}
    )
    simulation.later(FIRST, "proceed")


def discard_creations(simulation: StackSimulation) -> dict[str, str]:
    """Leaves to the cleanup what a rolled-back update had made or imported; the logical ids that stay, with their types."""
    for key, how in simulation.operation["touched"].items():
        row = records.row(simulation.state, simulation.id, key)
        if how not in ("created", "imported") or row is None:
            continue
        survives = how == "imported" or _survives(row, simulation.operation["retain_except_on_create"])
        records.drop_row(simulation.state, simulation.id, ROW, key)
        spare = {**row, "leftover": key, "policy": "Retain" if survives else "Delete"}
        records.save_row(simulation.state, simulation.id, LEFTOVER, key, spare)
    return {key: row["type"] for key, row in records.rows(simulation.state, simulation.id).items()}


def _policy(row: Record) -> str:
    return str(row.get("policy") or row["definition"].get("DeletionPolicy", "Delete"))


def _survives(row: Record, except_on_create: bool) -> bool:
    """Whether a resource outlives the rollback of the operation that made it.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    complete = row["status"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    return complete and _policy(row) == "Retain" and not except_on_create


def orphan(state: SandboxState, row: Record) -> None:
    """Lets what a stack could not delete, and knows no more, live on."""
    resource = resources.find(state, row["type"], row["physical"])
    if resource is not None:
        resources.own(state, resource, None)


PAUSE = 0.6
"""Seconds from the end of a phase's last step to what follows."""

ACTS: dict[str, tuple[Callable[[StackSimulation, str], None], Callable[[StackSimulation, str, str], None]]] = {
    "apply": (resource_steps.start, resource_steps.resume),
    "revert": (resource_steps.start_revert, resource_steps.resume_revert),
    "delete": (resource_steps.start_delete, resource_steps.resume_delete),
    "unimport": (resource_steps.start_unimport, resource_steps.resume_unimport),
}
"""How each kind of step starts and goes on."""


def proceed(simulation: StackSimulation) -> None:
    """Starts what can start. When nothing runs and nothing can, the phase is over."""
    operation = simulation.operation
    while not operation["stopped"] and (ready := resource_steps.ready(simulation.steps)):
        for key in ready:
            if not operation["stopped"]:
                ACTS[simulation.steps[key]["act"]][0](simulation, key)
    if not resource_steps.running(simulation.steps) and not operation["turning"]:
        operation["turning"] = True
        simulation.later(PAUSE, "turn")


def turn(simulation: StackSimulation) -> None:
    """A phase is over: what follows depends on which one, and on whether all went well."""
    simulation.operation["turning"] = False
    well = (
        resource_steps.all_done(simulation.steps)
        and not simulation.operation["failures"]
        and not simulation.operation.get("problem")
    )
    _ENDS[simulation.operation["phase"]](simulation, well)


def _end_forward(simulation: StackSimulation, well: bool) -> None:
    if well:
        problem = _publish(simulation)
        if problem is None:
            _succeeded(simulation)
            return
        simulation.operation["problem"] = problem
    executed(simulation, "EXECUTE_FAILED")
    _failed(simulation)


def _publish(simulation: StackSimulation) -> str | None:
    """Computes the outputs and exports them; why that cannot be."""
    try:
        aim = values.target(simulation.state, simulation.stack, simulation.operation["after"])
        outputs = values.outputs(aim)
        imported = values.imports(simulation.state, simulation.stack, simulation.operation["after"])
    except EvaluationError as error:
        return str(error)
    problem = values.export_problem(simulation.state, simulation.stack, outputs)
    if problem is None:
        values.publish_exports(simulation.state, simulation.stack, outputs)
        simulation.stack.update({"outputs": outputs, "imports": imported})
    return problem


def _succeeded(simulation: StackSimulation) -> None:
    executed(simulation, "EXECUTE_COMPLETE")
    kind = simulation.operation["kind"]
    if kind == "update":
        simulation.status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        clean_up(simulation, simulation.operation["types"], "UPDATE_COMPLETE")
        return
    simulation.operation["phase"] = "over"
    simulation.state.store.cancel(simulation.id)
    simulation.status(f"{kind.upper()}_COMPLETE")
    records.forget_operation(simulation.state, simulation.id)


def _failed(simulation: StackSimulation) -> None:
    """Rolls back, or stops where rollback is disabled."""
    operation, kind = simulation.operation, simulation.operation["kind"]
    problem = operation.get("problem")
    reason = f"{problem.rstrip('.')}. " if problem else messages.failed(operation["failures"])
    if simulation.stack["disable_rollback"]:
        operation["phase"] = "failed"
        simulation.status(f"{kind.upper()}_FAILED", reason)
    elif kind == "create":
        delete = operation["on_failure"] == "DELETE"
        roll_back_creation(simulation, reason + f"{'Delete' if delete else 'Rollback'} requested by user.", delete)
    elif kind == "import":
        roll_back_import(simulation, reason)
    else:
        roll_back_update(simulation, reason)


def _end_undo(simulation: StackSimulation, well: bool) -> None:
    if not well:
        simulation.status("UPDATE_ROLLBACK_FAILED", messages.failed(simulation.operation["failures"]))
        return
    simulation.status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    clean_up(simulation, discard_creations(simulation), "UPDATE_ROLLBACK_COMPLETE")


def _end_cleanup(simulation: StackSimulation, well: bool) -> None:
    for row in records.leftovers(simulation.state, simulation.id).values():
        orphan(simulation.state, row)
    simulation.operation["phase"] = "over"
    simulation.status(simulation.operation["ends"][0], None if well else messages.CLEANUP_FAILED)
    records.forget_operation(simulation.state, simulation.id)


def _end_delete(simulation: StackSimulation, well: bool) -> None:
    done, failed = simulation.operation["ends"]
    if not well:
        simulation.operation["phase"] = "failed"
        simulation.status(failed, messages.failed(simulation.operation["failures"]))
        return
    simulation.operation["phase"] = "over"
    values.publish_exports(simulation.state, simulation.stack, ())
    simulation.stack.update({"outputs": [], "imports": []})
    simulation.status(done)
    records.forget_operation(simulation.state, simulation.id)


def _end_unimport(simulation: StackSimulation, well: bool) -> None:
    simulation.operation["phase"] = "over" if well else "failed"
    reason = None if well else messages.failed(simulation.operation["failures"])
    simulation.status("IMPORT_ROLLBACK_COMPLETE" if well else "IMPORT_ROLLBACK_FAILED", reason)


_ENDS: dict[str, Callable[[StackSimulation, bool], None]] = {
    "forward": _end_forward,
    "undo": _end_undo,
    "cleanup": _end_cleanup,
    "delete": _end_delete,
    "unimport": _end_unimport,
}


def play_proceed(state: SandboxState, at: float, payload: dict[str, Any]) -> None:
    """The agenda says that a phase begins."""
    simulation = opened(state, at, payload["stack"])
    if simulation is not None:
        proceed(simulation)
        simulation.save()


def play_step(state: SandboxState, at: float, payload: dict[str, Any]) -> None:
    """The agenda says that a step goes on."""
    simulation = opened(state, at, payload["stack"])
    if simulation is not None and payload["key"] in simulation.steps:
        act = simulation.steps[payload["key"]]["act"]
        ACTS[act][1](simulation, payload["key"], payload["stage"])
        proceed(simulation)
        simulation.save()


def play_turn(state: SandboxState, at: float, payload: dict[str, Any]) -> None:
    """The agenda says that a phase is over."""
    simulation = opened(state, at, payload["stack"])
    if simulation is not None:
        turn(simulation)
        simulation.save()


def play_expire(state: SandboxState, at: float, payload: dict[str, Any]) -> None:
    """The agenda says that a stack's creation has had its time; what came to an end before is not concerned."""
    simulation = opened(state, at, payload["stack"])
    if simulation is not None and simulation.operation["phase"] == "forward" and not simulation.operation["turning"]:
        simulation.operation["problem"] = messages.TIMED_OUT
        resource_steps.halt(simulation)
        proceed(simulation)
        simulation.save()


ACTIONS: dict[str, Callable[[SandboxState, float, dict[str, Any]], None]] = {
    "cloudformation.expire": play_expire,
    "cloudformation.proceed": play_proceed,
    "cloudformation.step": play_step,
    "cloudformation.turn": play_turn,
}
