"""Stack operations: how they begin, the phases they go through, and what the end of each phase leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fsdcf.cloudformation.evaluation import EvaluationError
from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation import messages, records, resource_steps, resources, values
from fsdcf.sandbox.cloudformation.records import OLD, ROW, Record
from fsdcf.sandbox.cloudformation.resource_steps import GONE, STEPS, StackSimulation, halt, opened
from fsdcf.sandbox.state import SandboxState

Kind = Literal["create", "update", "import"]

FIRST_STEP = 1.0
"""Seconds from the first event of an operation to the first event of a resource."""

PHASE_PAUSE = 0.6
"""Seconds from the last step of a phase to the next phase."""

RETAINED = ("Retain", "RetainExceptOnCreate")
_TYPES = {"create": "CREATE_STACK", "update": "UPDATE_STACK", "import": "UPDATE_STACK"}


@dataclass(frozen=True)
class OperationPlan:
    """The settings that an operation gives a stack, and its options."""

    kind: Kind
    settings: Record
    token: str | None = None
    disable_rollback: bool = False
    on_failure: str = "ROLLBACK"
    retain_except_on_create: bool = False
    imports: dict[str, str] = field(default_factory=dict)
    change_set: str | None = None


def new_operation(state: SandboxState, stack: Record, type: str, token: str | None) -> Record:
    """Return the record of a new operation. The stack notes the operation and its previous status."""
    number = state.store.next_number("cloudformation operation")
    identifier = ids.unique("operation", stack["id"], number)
    stack["operations"] = [{"OperationType": type, "OperationId": identifier}, *stack["operations"]][:5]
    stack["previous"] = [stack["status"], stack["reason"], state.clock.now()]
    return {"id": identifier, "token": token, "steps": {}, "failures": [], "stopped": False, "turning": False}


def begin(state: SandboxState, stack: Record, plan: OperationPlan) -> Record:
    """Begin to create a stack, to update it, or to import resources into it.

    Return the operation. Raises EvaluationError.
    """
    at = state.clock.now()
    last = records.operation(state, stack["id"])
    unfinished = last if last is not None and stack["status"] in ("CREATE_FAILED", "UPDATE_FAILED") else None
    if unfinished is None:
        records.forget_operation(state, stack["id"])
    operation = new_operation(state, stack, _TYPES[plan.kind], plan.token)
    target = values.target(state, stack, plan.settings)
    operation |= {
        "kind": plan.kind,
        "phase": "forward",
        "after": plan.settings,
        "before": unfinished["before"] if unfinished else stack["settings"],
        "touched": dict(unfinished["touched"]) if unfinished else {},
        "types": {logical: resource["Type"] for logical, resource in target.resources.items()},
        "on_failure": plan.on_failure,
        "retain_except_on_create": plan.retain_except_on_create,
        "imports": plan.imports,
        "change_set": plan.change_set,
        "steps": {logical: resource_steps.step("apply", needs) for logical, needs in target.needs().items()},
    }
    stack |= {"settings": plan.settings, "disable_rollback": plan.disable_rollback, "change_set": plan.change_set}
    if plan.kind != "create" or plan.change_set is not None:
        stack["updated"] = at
    simulation = StackSimulation(state, at, stack, operation)
    simulation.set_status(f"{plan.kind.upper()}_IN_PROGRESS", messages.USER_INITIATED)
    simulation.schedule(FIRST_STEP, "proceed")
    simulation.save()
    return operation


def delete(state: SandboxState, stack: Record, token: str | None, retained: list[str]) -> None:
    """Begin to delete a stack and cancel what it is doing. ``retained`` are the logical ids of resources to retain."""
    last = records.operation(state, stack["id"])
    operation = new_operation(state, stack, "DELETE_STACK", token)
    operation |= {"kind": "delete", "change_set": None, "before": stack["settings"], "touched": {}, "imports": {}}
    simulation = StackSimulation(state, state.clock.now(), stack, operation)
    stack["deleted"] = simulation.at
    simulation.set_status("DELETE_IN_PROGRESS", messages.USER_INITIATED)
    if last is not None and last["phase"] == "forward":
        halt(StackSimulation(state, simulation.at, stack, last))
    state.store.cancel(stack["id"])
    doomed = _existing(simulation)
    if not doomed and last is None:
        operation["phase"] = "over"
        simulation.set_status("DELETE_COMPLETE")
    else:
        kept = [key for key, row in doomed.items() if row["logical"] in retained or _policy(row) in RETAINED]
        _begin_removal(simulation, doomed, kept, "delete", ("DELETE_COMPLETE", "DELETE_FAILED"))
    simulation.save()


def executed(simulation: StackSimulation, status: str) -> None:
    """Give the executed change set its final execution status. From now on, only its ARN finds it."""
    change_set = simulation.operation.get("change_set")
    body = records.change_set(simulation.state, change_set, None) if change_set else None
    if body is not None:
        records.save_change_set(simulation.state, {**body, "execution": status}, listed=False)


def _existing(simulation: StackSimulation) -> dict[str, Record]:
    """Return all resources of a stack and its leftovers, by step key."""
    rows = records.rows(simulation.state, simulation.id)
    return {
        **{key: row for key, row in rows.items() if row["status"] not in GONE},
        **records.leftovers(simulation.state, simulation.id),
    }


def _begin_phase(simulation: StackSimulation, phase: str, steps: dict[str, Record], ends: Iterable[str] = ()) -> None:
    """Begin a phase. ``ends`` are the stack's statuses after it, for success and failure."""
    fresh: Record = {"failures": [], "stopped": False, "problem": None}
    simulation.operation.update({"phase": phase, "steps": steps, "ends": list(ends), **fresh})
    simulation.schedule(FIRST_STEP, "proceed")


def _begin_removal(
    simulation: StackSimulation, doomed: dict[str, Record], kept: list[str], phase: str, ends: tuple[str, str]
) -> None:
    _begin_phase(simulation, "delete", resource_steps.removals(doomed, phase, kept), ends)


def roll_back_creation(simulation: StackSimulation, reason: str, delete_stack: bool = False) -> None:
    """Delete what the creation of a stack has created and, if ``delete_stack`` is set, the stack."""
    simulation.stack["deleted"] = simulation.at
    simulation.set_status("DELETE_IN_PROGRESS" if delete_stack else "ROLLBACK_IN_PROGRESS", reason)
    doomed = _existing(simulation)
    operation = simulation.operation
    kept = [
        key
        for key, row in doomed.items()
        if _survives(row, operation.get("retain_except_on_create", False))
        or operation["touched"].get(key) == "imported"
    ]
    word = "DELETE" if delete_stack else "ROLLBACK"
    _begin_removal(simulation, doomed, kept, "rollback", (f"{word}_COMPLETE", f"{word}_FAILED"))


def roll_back_update(simulation: StackSimulation, reason: str | None) -> None:
    """Bring the resources that an update has changed back to their old state, each after those that it needs."""
    _restore_settings(simulation, "UPDATE_ROLLBACK_IN_PROGRESS", reason)
    changed = [key for key, how in simulation.operation["touched"].items() if how in ("updated", "replaced")]
    old = {key: row for key in changed if (row := simulation.row(key, OLD)) is not None}
    steps = {key: resource_steps.step("revert", set(row["needs"]) & old.keys()) for key, row in old.items()}
    _begin_phase(simulation, "undo", steps)


def _roll_back_import(simulation: StackSimulation, reason: str | None) -> None:
    """Remove the imported resources from the stack."""
    _restore_settings(simulation, "IMPORT_ROLLBACK_IN_PROGRESS", reason)
    imported = [key for key, how in simulation.operation["touched"].items() if how == "imported"]
    _begin_phase(simulation, "unimport", {key: resource_steps.step("unimport") for key in imported})


def _restore_settings(simulation: StackSimulation, status: str, reason: str | None) -> None:
    simulation.stack["settings"] = simulation.operation["before"]
    simulation.set_status(status, reason)


def _clean_up(simulation: StackSimulation, wanted: Mapping[str, str], status: str) -> None:
    """Delete what the stack no longer needs. ``wanted`` are the logical ids that stay, ``status`` is the last one."""
    for key, row in records.rows(simulation.state, simulation.id).items():
        if key not in wanted:
            records.drop_row(simulation.state, simulation.id, ROW, key)
            if row["status"] not in GONE:
                simulation.set_aside(row, key, _policy(row))
    doomed = records.leftovers(simulation.state, simulation.id)
    kept = [key for key, row in doomed.items() if row["policy"] in RETAINED]
    _begin_phase(simulation, "cleanup", resource_steps.removals(doomed, "cleanup", kept), (status, status))


def _discard_creations(simulation: StackSimulation) -> dict[str, str]:
    """Leave to the cleanup what a rolled-back update has created or imported.

    Return the types of the rest by logical id.
    """
    for key, how in simulation.operation["touched"].items():
        row = simulation.row(key)
        if how in ("created", "imported") and row is not None:
            survives = how == "imported" or _survives(row, simulation.operation["retain_except_on_create"])
            records.drop_row(simulation.state, simulation.id, ROW, key)
            simulation.set_aside(row, key, "Retain" if survives else "Delete")
    return {key: row["type"] for key, row in records.rows(simulation.state, simulation.id).items()}


def _policy(row: Record) -> str:
    return str(row.get("policy") or row["definition"].get("DeletionPolicy", "Delete"))


def _survives(row: Record, except_on_create: bool) -> bool:
    """Return whether a resource is retained when the operation that created it is rolled back.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    complete = row["status"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    return complete and _policy(row) == "Retain" and not except_on_create


def _proceed(simulation: StackSimulation) -> None:
    """Start the steps that can start. If none runs and none can start, end the phase."""
    operation = simulation.operation
    while not operation["stopped"] and (ready := resource_steps.ready_steps(simulation.steps)):
        for key in ready:
            if not operation["stopped"]:
                STEPS[simulation.steps[key]["act"]][0](simulation, key)
    if not resource_steps.running_steps(simulation.steps) and not operation["turning"]:
        operation["turning"] = True
        simulation.schedule(PHASE_PAUSE, "turn")


def _end_forward(simulation: StackSimulation, succeeded: bool) -> None:
    operation, kind = simulation.operation, simulation.operation["kind"]
    if succeeded:
        operation["problem"] = _publish(simulation)
        succeeded = operation["problem"] is None
    executed(simulation, "EXECUTE_COMPLETE" if succeeded else "EXECUTE_FAILED")
    if not succeeded:
        _roll_back(simulation)
    elif kind == "update":
        simulation.set_status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        _clean_up(simulation, operation["types"], "UPDATE_COMPLETE")
    else:
        _end(simulation, f"{kind.upper()}_COMPLETE")


def _end(simulation: StackSimulation, status: str, reason: str | None = None) -> None:
    """End an operation that needs no rollback any more."""
    simulation.operation["phase"] = "over"
    simulation.set_status(status, reason)
    records.forget_operation(simulation.state, simulation.id)


def _publish(simulation: StackSimulation) -> str | None:
    """Compute the outputs and publish the exports. Return why that is not possible, or None."""
    state, stack, settings = simulation.state, simulation.stack, simulation.operation["after"]
    try:
        outputs = values.outputs(values.target(state, stack, settings))
        imported = values.imports(state, stack, settings)
    except EvaluationError as error:
        return str(error)
    problem = values.export_problem(state, stack, outputs)
    if problem is None:
        values.publish_exports(state, stack, outputs)
        stack.update({"outputs": outputs, "imports": imported})
    return problem


def _roll_back(simulation: StackSimulation) -> None:
    """Roll back a failed operation, or stop if rollback is disabled."""
    operation, kind = simulation.operation, simulation.operation["kind"]
    problem = operation.get("problem")
    reason = f"{problem.rstrip('.')}. " if problem else messages.failed(operation["failures"])
    if simulation.stack["disable_rollback"]:
        operation["phase"] = "failed"
        simulation.set_status(f"{kind.upper()}_FAILED", reason)
    elif kind == "create":
        delete_stack = operation["on_failure"] == "DELETE"
        word = "Delete" if delete_stack else "Rollback"
        roll_back_creation(simulation, f"{reason}{word} requested by user.", delete_stack)
    elif kind == "import":
        _roll_back_import(simulation, reason)
    else:
        roll_back_update(simulation, reason)


def _end_undo(simulation: StackSimulation, succeeded: bool) -> None:
    if not succeeded:
        simulation.set_status("UPDATE_ROLLBACK_FAILED", messages.failed(simulation.operation["failures"]))
        return
    simulation.set_status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    _clean_up(simulation, _discard_creations(simulation), "UPDATE_ROLLBACK_COMPLETE")


def _end_cleanup(simulation: StackSimulation, succeeded: bool) -> None:
    for row in records.leftovers(simulation.state, simulation.id).values():
        resources.set_owner(simulation.state, row["type"], row["physical"], None)
    _end(simulation, simulation.operation["ends"][0], None if succeeded else messages.CLEANUP_FAILED)


def _end_delete(simulation: StackSimulation, succeeded: bool) -> None:
    done, failed = simulation.operation["ends"]
    if not succeeded:
        simulation.operation["phase"] = "failed"
        simulation.set_status(failed, messages.failed(simulation.operation["failures"]))
        return
    values.publish_exports(simulation.state, simulation.stack, ())
    simulation.stack.update({"outputs": [], "imports": []})
    _end(simulation, done)


def _end_unimport(simulation: StackSimulation, succeeded: bool) -> None:
    simulation.operation["phase"] = "over" if succeeded else "failed"
    reason = None if succeeded else messages.failed(simulation.operation["failures"])
    simulation.set_status("IMPORT_ROLLBACK_COMPLETE" if succeeded else "IMPORT_ROLLBACK_FAILED", reason)


_ENDS: Mapping[str, Callable[[StackSimulation, bool], None]] = {
    "forward": _end_forward,
    "undo": _end_undo,
    "cleanup": _end_cleanup,
    "delete": _end_delete,
    "unimport": _end_unimport,
}
"""How each phase ends, with or without success."""


def _run_proceed(simulation: StackSimulation, payload: Mapping[str, Any]) -> None:
    """Begin a phase."""
    _proceed(simulation)


def _run_step(simulation: StackSimulation, payload: Mapping[str, Any]) -> None:
    """Continue a step."""
    if payload["key"] in simulation.steps:
        act = simulation.steps[payload["key"]]["act"]
        STEPS[act][1](simulation, payload["key"], payload["stage"])
        _proceed(simulation)


def _run_turn(simulation: StackSimulation, payload: Mapping[str, Any]) -> None:
    """End a phase."""
    operation = simulation.operation
    operation["turning"] = False
    done = all(step["state"] == "done" for step in simulation.steps.values())
    _ENDS[operation["phase"]](simulation, done and not operation["failures"] and not operation.get("problem"))


def _action(
    run: Callable[[StackSimulation, Mapping[str, Any]], None],
) -> Callable[[SandboxState, float, dict[str, Any]], None]:
    """Return an action that opens the stack, runs a function on it and saves it."""

    def action(state: SandboxState, at: float, payload: dict[str, Any]) -> None:
        simulation = opened(state, at, payload["stack"])
        if simulation is not None:
            run(simulation, payload)
            simulation.save()

    return action


ACTIONS = {
    "cloudformation.proceed": _action(_run_proceed),
    "cloudformation.step": _action(_run_step),
    "cloudformation.turn": _action(_run_turn),
}
