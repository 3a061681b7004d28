"""Stack operations: how they begin, the phases they go through, and what the end of each phase leads to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from fsdcf.cloudformation.evaluation import EvaluationError
from fsdcf.cloudformation.references import needs
from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation import drift, messages, records, resource_steps, resources, values
from fsdcf.sandbox.cloudformation.records import OLD, ROW
from fsdcf.sandbox.cloudformation.resource_steps import GONE, StackSimulation, halt, opened
from fsdcf.sandbox.state import Data, Document, SandboxState

Kind = Literal["create", "update", "import"]

FIRST_STEP = 1.0
"""Seconds from the first event of an operation to the first event of a resource."""

PHASE_PAUSE = 0.6
"""Seconds from the last step of a phase to the next phase."""

RETAINED = ("Retain", "RetainExceptOnCreate")


def new_operation(state: SandboxState, stack: Document, type: str, token: str | None) -> Document:
    """Return the record of a new operation. The stack notes the operation and its previous status."""
    number = state.store.next_number("cloudformation operation")
    identifier = ids.unique("operation", stack["id"], number)
    stack["operations"] = [{"OperationType": type, "OperationId": identifier}, *stack["operations"]][:5]
    stack["previous"] = [stack["status"], stack["reason"], state.clock.now()]
    return {"id": identifier, "token": token, "steps": {}, "failures": [], "stopped": False, "turning": False}


def begin(
    state: SandboxState, stack: Document, kind: Kind, settings: Document, params: Data, change_set: Data | None = None
) -> Document:
    """Begin to create a stack, to update it, or to import resources into it, as a request with ``params`` asks.

    Return the operation. Raises ServiceError.
    """
    at = state.clock.now()
    last = records.operation(state, stack["id"])
    unfinished = last if last is not None and stack["status"] in ("CREATE_FAILED", "UPDATE_FAILED") else None
    if unfinished is None:
        records.forget_operation(state, stack["id"])
    type = "CREATE_STACK" if kind == "create" else "UPDATE_STACK"
    operation = new_operation(state, stack, type, params.get("ClientRequestToken"))
    try:
        target = values.target(state, stack, settings)
        stack["imports"] = sorted({*stack["imports"], *values.imports(state, stack, settings)})
    except EvaluationError as error:
        raise messages.invalid(str(error)) from None
    express = (params.get("DeploymentConfig") or {}).get("Mode") == "EXPRESS"
    # In the express mode, CloudFormation does not roll back unless the request says so.
    on_failure = params.get("OnFailure") or ("DO_NOTHING" if params.get("DisableRollback", express) else "ROLLBACK")
    if change_set is not None and change_set.get("mode") == "REVERT_DRIFT" and kind == "update":
        drift.accept(state, stack)
    identifier, imports = (change_set["id"], change_set["imports"]) if change_set is not None else (None, {})
    operation |= {
        "kind": kind,
        "phase": "forward",
        "after": settings,
        "before": unfinished["before"] if unfinished else stack["settings"],
        "touched": dict(unfinished["touched"]) if unfinished else {},
        "types": {logical: resource["Type"] for logical, resource in target.resources.items()},
        "on_failure": on_failure,
        "retain_except_on_create": bool(params.get("RetainExceptOnCreate")),
        "imports": imports,
        "change_set": identifier,
        "express": express,
        "steps": {logical: resource_steps.step("apply", others) for logical, others in needs(target.resources).items()},
    }
    stack |= {"settings": settings, "disable_rollback": on_failure == "DO_NOTHING", "change_set": identifier}
    if kind != "create" or change_set is not None:
        stack["updated"] = at
    simulation = StackSimulation(state, at, stack, operation)
    simulation.set_status(f"{kind.upper()}_IN_PROGRESS", messages.USER_INITIATED)
    simulation.schedule(FIRST_STEP, "proceed")
    simulation.save()
    return operation


def delete(state: SandboxState, stack: Document, token: str | None, retained: list[str], forced: bool = False) -> None:
    """Begin to delete a stack and cancel what it is doing. ``retained`` are the logical ids of resources to retain.

    ``forced``: a resource that cannot be deleted is retained.
    If another stack imports from it, the stack fails before any of its resources is deleted.
    """
    last, blocker = records.operation(state, stack["id"]), values.deletion_blocker(state, stack)
    operation = new_operation(state, stack, "DELETE_STACK", token)
    operation |= {"kind": "delete", "change_set": None, "before": stack["settings"], "touched": {}, "imports": {}}
    operation["forced"] = forced
    simulation = StackSimulation(state, state.clock.now(), stack, operation)
    simulation.set_status("DELETE_IN_PROGRESS", messages.USER_INITIATED)
    if blocker is not None:
        operation["phase"] = "failed"
        simulation.set_status("DELETE_FAILED", blocker)
        simulation.save()
        return
    stack["deleted"] = simulation.at
    if last is not None and last["phase"] == "forward":
        halt(StackSimulation(state, simulation.at, stack, last))
    state.store.cancel(stack["id"])
    doomed = _existing(simulation)
    if not doomed and last is None:
        operation["phase"] = "over"
        simulation.set_status("DELETE_COMPLETE")
    else:
        kept = [key for key, row in doomed.items() if row["logical"] in retained or _policy(row) in RETAINED]
        _begin_removal(simulation, doomed, kept, "delete", "DELETE")
    simulation.save()


def executed(simulation: StackSimulation, status: str) -> None:
    """Give the executed change set its final execution status. From now on, only its ARN finds it."""
    change_set = simulation.operation.get("change_set")
    body = records.change_set(simulation.state, change_set, None) if change_set else None
    if body is not None:
        records.save_change_set(simulation.state, {**body, "execution": status}, listed=False)


def _existing(simulation: StackSimulation) -> dict[str, Document]:
    """Return all resources of a stack and its leftovers, by step key."""
    rows = records.rows(simulation.state, simulation.id)
    return {
        **{key: row for key, row in rows.items() if row["status"] not in GONE},
        **records.leftovers(simulation.state, simulation.id),
    }


def _begin_phase(simulation: StackSimulation, phase: str, steps: dict[str, Document], end: str = "") -> None:
    """Begin a phase. ``end`` is the beginning of the stack's status after it."""
    fresh: Document = {"failures": [], "stopped": False, "problem": None}
    simulation.operation.update({"phase": phase, "steps": steps, "end": end, **fresh})
    simulation.schedule(FIRST_STEP, "proceed")


def _begin_removal(
    simulation: StackSimulation, doomed: dict[str, Document], kept: list[str], phase: str, end: str
) -> None:
    _begin_phase(simulation, "delete", resource_steps.removals(doomed, phase, kept), end)


def roll_back_creation(simulation: StackSimulation, reason: str, delete_stack: bool = False) -> None:
    """Delete what the creation of a stack has created and, if ``delete_stack`` is set, the stack."""
    simulation.stack["deleted"] = simulation.at
    word = "DELETE" if delete_stack else "ROLLBACK"
    simulation.set_status(f"{word}_IN_PROGRESS", reason)
    doomed = _existing(simulation)
    operation = simulation.operation
    kept = [
        key
        for key, row in doomed.items()
        if _survives(row, operation.get("retain_except_on_create", False))
        or operation["touched"].get(key) == "imported"
    ]
    _begin_removal(simulation, doomed, kept, "rollback", word)


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
    _begin_phase(simulation, "cleanup", resource_steps.removals(doomed, "cleanup", kept), status)


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


def _policy(row: Document) -> str:
    return str(row.get("policy") or row["definition"].get("DeletionPolicy", "Delete"))


def _survives(row: Document, except_on_create: bool) -> bool:
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
                resource_steps.start(simulation, key)
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
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        drift.strike(simulation.state, simulation.stack)


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
    stack = simulation.stack
    stack["imports"] = values.imports(simulation.state, stack, stack["settings"])
    for row in records.leftovers(simulation.state, simulation.id).values():
        resources.set_owner(simulation.state, row, None)
    _end(simulation, simulation.operation["end"], None if succeeded else messages.CLEANUP_FAILED)


def _end_delete(simulation: StackSimulation, succeeded: bool) -> None:
    end = simulation.operation["end"]
    if not succeeded:
        _fail(simulation, f"{end}_FAILED")
        return
    values.publish_exports(simulation.state, simulation.stack, ())
    simulation.stack.update({"outputs": [], "imports": []})
    _end(simulation, f"{end}_COMPLETE")


def _fail(simulation: StackSimulation, status: str) -> None:
    simulation.operation["phase"] = "failed"
    simulation.set_status(status, messages.failed(simulation.operation["failures"]))


def _end_unimport(simulation: StackSimulation, succeeded: bool) -> None:
    if succeeded:
        _end(simulation, "IMPORT_ROLLBACK_COMPLETE")
    else:
        _fail(simulation, "IMPORT_ROLLBACK_FAILED")


_ENDS: Mapping[str, Callable[[StackSimulation, bool], None]] = {
    "forward": _end_forward,
    "undo": _end_undo,
    "cleanup": _end_cleanup,
    "delete": _end_delete,
    "unimport": _end_unimport,
}
"""How each phase ends, with or without success."""


def _run_step(simulation: StackSimulation, payload: Data) -> None:
    """Continue a step."""
    if payload["key"] in simulation.steps:
        resource_steps.resume(simulation, payload["key"], payload["stage"])
        _proceed(simulation)


def _run_turn(simulation: StackSimulation, payload: Data) -> None:
    """End a phase."""
    operation = simulation.operation
    operation["turning"] = False
    done = all(step["state"] == "done" for step in simulation.steps.values())
    _ENDS[operation["phase"]](simulation, done and not operation["failures"] and not operation.get("problem"))


def _action(
    run: Callable[[StackSimulation, Data], None],
) -> Callable[[SandboxState, float, Document], None]:
    """Return an action that opens the stack, runs a function on it and saves it."""

    def action(state: SandboxState, at: float, payload: Document) -> None:
        simulation = opened(state, at, payload["stack"])
        if simulation is not None:
            run(simulation, payload)
            simulation.save()

    return action


ACTIONS = {
    "cloudformation.proceed": _action(lambda simulation, payload: _proceed(simulation)),
    "cloudformation.step": _action(_run_step),
    "cloudformation.turn": _action(_run_turn),
}
