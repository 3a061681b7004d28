"""The steps of a stack operation: each creates, changes, reverts or deletes one resource."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any, Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.difference import Side, difference
from fsdcf.cloudformation.evaluation import EvaluationError
from fsdcf.cloudformation.types import record_of
from fsdcf.sandbox.cloudformation import messages, records, resources, values
from fsdcf.sandbox.cloudformation.records import LEFTOVER, OLD, ROW
from fsdcf.sandbox.cloudformation.resources import NewResource, ResourceFailure
from fsdcf.sandbox.faults import Phase
from fsdcf.sandbox.state import Document, SandboxState

Effect = Literal["none", "update", "replace"]
Steps = Mapping[str, Document]

GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")

INITIATED_AFTER = 0.8
"""Seconds from the first event of a creation to the event with the physical id."""

POLL = 5.0
"""Seconds between two checks of whether a resource has settled."""

SETTLE_TIMEOUT = 3 * 3600.0
"""Maximum time for a resource to settle in seconds. The schema of an ECS service allows 36 hours."""

CONFIGURED = 3.0
"""Maximum number of seconds until the configuration of a resource is applied: the express mode waits for no more."""

CLEANUP_ATTEMPTS = 3
"""How many times a cleanup tries to delete a resource."""


@dataclass(frozen=True)
class StackSimulation:
    """A stack and its operation at a time (epoch seconds). Both records are changed in place; ``save`` writes them."""

    state: SandboxState
    at: float
    stack: Document
    operation: Document

    @property
    def id(self) -> str:
        """The ARN of the stack."""
        return str(self.stack["id"])

    @property
    def steps(self) -> dict[str, Document]:
        """The steps of the current phase, by key."""
        steps: dict[str, Document] = self.operation["steps"]
        return steps

    def save(self) -> None:
        """Save the stack and its operation."""
        records.save_stack(self.state, self.stack)
        self.state.store.put(records.OPERATION, self.id, self.operation)

    def row(self, key: str, kind: str = ROW) -> Document | None:
        """Return the record of a resource, by its step's key."""
        return records.row(self.state, self.id, key, kind)

    def schedule(self, seconds: float, action: str, **payload: Any) -> None:
        """Schedule an action of this stack after a number of seconds of AWS's time."""
        due = self.at + self.state.duration(seconds)
        self.state.store.schedule(due, f"cloudformation.{action}", {"stack": self.id, **payload}, tag=self.id)

    def schedule_step(self, seconds: float, key: str, stage: str) -> None:
        """Schedule the next stage of a step."""
        self.schedule(seconds, "step", key=key, stage=stage)

    def set_status(self, status: str, reason: str | None = None) -> None:
        """Give the stack a status, with an event."""
        records.add_stack_event(self.state, self.at, self.stack, self.operation, status, reason)

    def set_resource_status(self, row: Document, status: str, reason: str | None = None, **details: Any) -> None:
        """Give a resource a status, with an event, and save it."""
        row |= {"status": status, "reason": reason, "at": self.at}
        self.save_row(row)
        records.add_resource_event(self.state, self.at, self.stack, self.operation, row, details)

    def save_row(self, row: Document) -> None:
        """Save a resource among those of the stack or among the leftovers."""
        kind, key = (LEFTOVER, row["leftover"]) if row.get("leftover") else (ROW, row["logical"])
        records.save_row(self.state, self.id, kind, key, row)

    def set_aside(self, row: Document, key: str, policy: str) -> None:
        """Leave a resource to the cleanup."""
        records.save_row(self.state, self.id, LEFTOVER, key, {**row, "leftover": key, "policy": policy})

    def end_step(self, key: str, row: Document | None = None, status: str = "") -> None:
        """End a step, with the last status of its resource."""
        if row is not None:
            self.set_resource_status(row, status)
        self.steps[key]["state"] = "done"

    def fail_step(
        self, key: str, row: Document, verb: str, status: str, failure: ResourceFailure | str, state: str = "failed"
    ) -> None:
        """Fail or cancel a step: its resource could not be created, updated, deleted or imported."""
        self.steps[key]["state"] = state
        self.operation["failures"].append([verb, row["logical"]])
        reason = failure if isinstance(failure, str) else failure.text(self.id, key, self.stack["events"])
        self.set_resource_status(row, status, reason)

    def stop(self) -> list[tuple[str, Document]]:
        """Let no further step start or continue, and return the running ones with their resources."""
        self.state.store.cancel(self.id)
        self.operation.update({"stopped": True, "turning": False})
        running = ((key, self.row(key)) for key in running_steps(self.steps))
        return [(key, row) for key, row in running if row is not None]


def opened(state: SandboxState, at: float, stack: str) -> StackSimulation | None:
    """Return a stack (by ARN) and its operation at a time, or None if either does not exist."""
    body, operation = state.store.get(records.STACK, stack), records.operation(state, stack)
    return None if body is None or operation is None else StackSimulation(state, at, body, operation)


def step(act: str, needs: Iterable[str] = (), **details: Any) -> Document:
    """Return a step that waits for other steps, by key. ``act`` is its kind."""
    return {"act": act, "needs": sorted(needs), "state": "waiting", **details}


def ready_steps(steps: Steps) -> list[str]:
    """Return the keys of the steps that can start, since the steps that they need are done."""
    return [
        key
        for key, one in sorted(steps.items())
        if one["state"] == "waiting" and all(steps[need]["state"] == "done" for need in one["needs"])
    ]


def running_steps(steps: Steps) -> list[str]:
    """Return the keys of the steps that have started and not ended."""
    return sorted(key for key, one in steps.items() if one["state"] == "running")


def removals(rows: Mapping[str, Document], phase: str, kept: Iterable[str] = ()) -> dict[str, Document]:
    """Return steps that delete resources, each after those that need it.

    ``kept`` are retained. ``phase`` is that of faults.
    """
    dependents = {
        key: {other for other, one in rows.items() if other != key and row["logical"] in one["needs"]}
        for key, row in rows.items()
    }
    _break_cycles(dependents)
    keep = set(kept)
    return {key: step("delete", dependents[key], phase=phase, keep=key in keep, attempts=0) for key in rows}


def _break_cycles(predecessors: dict[str, set[str]]) -> None:
    """Remove the edges of cycles: the rows of two templates may need each other."""
    while True:
        try:
            TopologicalSorter(predecessors).prepare()
        except CycleError as error:
            for before, after in pairwise(error.args[1]):
                predecessors[after].discard(before)
        else:
            return


def effect(row: Document, wanted: Document, tags: dict[str, str]) -> Effect:
    """Return what brings a resource to a definition and to the stack's tags.

    A change set shows some replacements as Conditional. Those with a documented condition depend on it
    (``replaced_if``); all others are updates in place.
    """
    if row["definition"] == wanted and row["tags"] == tags:
        return "none"
    before, after = ({"Resources": {row["logical"]: definition}} for definition in (row["definition"], wanted))
    changes = difference(Side(before, {}, row["tags"]), Side(after, {}, tags))
    if not changes:
        return "none"
    return "replace" if any(_replaces(change, row["definition"], wanted) for change in changes) else "update"


def _replaces(change: Change, current: Document, wanted: Document) -> bool:
    if change.action != "Modify" or change.replacement == "True":
        return True
    names = {detail.name for detail in change.details if detail.recreation == "Conditionally"}
    before, after = (definition.get("Properties") or {} for definition in (current, wanted))
    conditions = record_of(change.type).updates.replaced_if
    return any(condition(before.get(name), after.get(name)) for name, condition in conditions.items() if name in names)


_SPREAD = 0.2


def seconds(type: str, verb: str, *seed: object) -> float:
    """Return how long it takes to ``create``, ``update`` or ``delete`` a resource.

    ``seed`` varies it a little between resources.
    """
    share = zlib.crc32("|".join(map(str, (type, verb, *seed))).encode()) / 0xFFFFFFFF
    return record_of(type).simulation.seconds(verb) * (1 - _SPREAD / 2 + _SPREAD * share)


def _set_fault(simulation: StackSimulation, key: str, row: Document, phase: Phase) -> bool:
    """Note the fault with which the step fails when it ends, and return whether it has one.

    A step whose fault is endless does its work and never ends.
    """
    fault = simulation.state.faults.resource_fault(row["logical"], row["type"], phase)
    simulation.steps[key]["endless"] = endless = fault is not None and fault.endless
    fault = None if endless else fault
    # A hook's reason comes from CloudFormation, which has no code.
    own = fault is not None and fault.reason.startswith(resources.HOOK)
    simulation.steps[key] |= {"begun": simulation.at, "fault": fault and [fault.reason, "" if own else fault.code]}
    return fault is not None


def _has_finished(
    simulation: StackSimulation, key: str, row: Document, check: Callable[[SandboxState, Document], bool]
) -> bool:
    """Return whether a step can end; if not, schedule the next check.

    Raises ResourceFailure for its fault or after a timeout.
    """
    running = simulation.steps[key]
    if running.get("fault"):
        raise ResourceFailure(*running.pop("fault"))
    if simulation.operation.get("express") or (not running.get("endless") and check(simulation.state, row)):
        return True
    if simulation.at - running["begun"] > simulation.state.duration(SETTLE_TIMEOUT):
        raise ResourceFailure("Exceeded attempts to wait", "NotStabilized")
    simulation.schedule_step(POLL, key, "end")
    return False


def start_apply(simulation: StackSimulation, key: str) -> None:
    """Start to bring a resource to its new state."""
    running = simulation.steps[key]
    row = simulation.row(key)
    row = None if row is not None and row["status"] in GONE else row
    try:
        target = values.target(simulation.state, simulation.stack, simulation.operation["after"])
        wanted = values.definition(target.resources[key], target.scope)
    except EvaluationError as error:
        _touch(simulation, key, "created" if row is None else "updated", row)
        row = row or _new_row(simulation, key, simulation.operation["types"][key], {})
        _fail(simulation, key, row, ResourceFailure(str(error)))
        return
    running["wanted"] = wanted
    if row is not None and row["status"] != "CREATE_FAILED":
        _start_update(simulation, key, row)
        return
    if row is not None and row["physical"]:
        simulation.set_aside(row, f"{key}|{row['physical']}", "Delete")
    row = _new_row(simulation, key, wanted["Type"], wanted)
    running["state"] = "running"
    if key in simulation.operation["imports"]:
        row["physical"] = simulation.operation["imports"][key]
        running["verb"], how, delay, reason = "import", "imported", 1.2, messages.IMPORT_STARTED
    else:
        running["verb"], how, delay, reason = "create", "created", INITIATED_AFTER, None
    _touch(simulation, key, how, None)
    simulation.set_resource_status(row, f"{running['verb'].upper()}_IN_PROGRESS", reason)
    _schedule_work(simulation, key, row, "create", delay)


def _new_row(simulation: StackSimulation, key: str, type: str, definition: Document) -> Document:
    return {
        "logical": key,
        "type": type,
        "physical": "",
        "definition": definition,
        "needs": simulation.steps[key]["needs"],
        "tags": simulation.operation["after"]["tags"],
    }


def _touch(simulation: StackSimulation, key: str, how: str, row: Document | None) -> None:
    """Note what the operation does to a resource, and keep its old state for the rollback. The first note counts."""
    touched = simulation.operation["touched"]
    if key not in touched:
        touched[key] = how
        if row is not None:
            records.save_row(simulation.state, simulation.id, OLD, key, row)
    elif touched[key] == "updated" and how == "replaced":
        touched[key] = how


def _start_update(simulation: StackSimulation, key: str, row: Document) -> None:
    """Start to update or replace a resource, unless its evaluated values turn out to be the same."""
    running, tags = simulation.steps[key], simulation.operation["after"]["tags"]
    wanted = running["wanted"]
    needed = effect(row, wanted, tags)
    if needed == "none":
        row |= {"definition": wanted, "needs": running["needs"], "tags": tags, "declared": None}
        if row["status"] == "UPDATE_FAILED":
            # It still has the state from before its failure, which is the wanted one again.
            simulation.set_resource_status(row, "UPDATE_COMPLETE")
        simulation.save_row(row)
        simulation.end_step(key)
        return
    replaces = needed == "replace"
    _touch(simulation, key, "replaced" if replaces else "updated", row)
    running |= {"state": "running", "verb": needed}
    refusal = _replacement_problem(simulation, row, wanted) if replaces else None
    if refusal is not None:
        _fail(simulation, key, row, ResourceFailure(refusal))
        return
    simulation.set_resource_status(row, "UPDATE_IN_PROGRESS", messages.REPLACING if replaces else None)
    _schedule_work(simulation, key, row, "update", INITIATED_AFTER if replaces else 0.4)


def _replacement_problem(simulation: StackSimulation, row: Document, wanted: Document) -> str | None:
    """Return why a resource cannot be replaced, or None.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html and, for names,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    if simulation.stack["disable_rollback"]:
        return messages.REPLACEMENT_REFUSED
    before, after = (
        resources.name_of(definition["Type"], definition.get("Properties") or {})
        for definition in (row["definition"], wanted)
    )
    return messages.custom_named(before) if before is not None and before == after else None


def _schedule_work(simulation: StackSimulation, key: str, row: Document, phase: Phase, delay: float) -> None:
    """Schedule the work of a step or, if it has a fault, its failing end."""
    if _set_fault(simulation, key, row, phase):
        simulation.schedule_step(delay + _length(simulation, key, row) / 2, key, "end")
    else:
        simulation.schedule_step(delay, key, "work")


def _length(simulation: StackSimulation, key: str, row: Document) -> float:
    verb = "update" if simulation.steps[key]["verb"] == "update" else "create"
    length = seconds(row["type"], verb, simulation.id, key)
    return min(length, CONFIGURED) if simulation.operation.get("express") else length


def resume_apply(simulation: StackSimulation, key: str, row: Document, stage: str) -> None:
    """Continue a step: ``work`` creates or changes the resource, ``end`` waits until it has settled."""
    try:
        if stage == "work":
            _work(simulation, key, row)
        elif _has_finished(simulation, key, row, resources.is_settled):
            running = simulation.steps[key]
            tags = simulation.operation["after"]["tags"]
            row |= {"definition": running["wanted"], "needs": running["needs"], "tags": tags, "declared": None}
            simulation.end_step(key, row, "CREATE_COMPLETE" if running["verb"] == "create" else "UPDATE_COMPLETE")
    except ResourceFailure as failure:
        _fail(simulation, key, row, failure)


def _work(simulation: StackSimulation, key: str, row: Document) -> None:
    running = simulation.steps[key]
    wanted, verb = running["wanted"], running["verb"]
    properties = resources.tagged(row["type"], wanted.get("Properties") or {}, simulation.operation["after"]["tags"])
    if verb == "import":
        resources.existing(simulation.state, row)
        resources.set_owner(simulation.state, row, simulation.id)
        simulation.set_resource_status(row, "IMPORT_COMPLETE", messages.IMPORT_COMPLETED)
        simulation.set_resource_status(row, "UPDATE_IN_PROGRESS", messages.IMPORT_TAGS)
        resources.update(simulation.state, row, properties, "create")
        simulation.schedule_step(4.0, key, "end")
        return
    if verb == "update":
        resources.update(simulation.state, row, properties, "update")
    else:
        new = NewResource(simulation.stack, key, row["type"], properties)
        physical = resources.create(simulation.state, new)
        if verb == "replace":
            policy = wanted.get("UpdateReplacePolicy", "Delete")
            simulation.set_aside(row, f"{key}|{row['physical']}", policy)
        row |= {"physical": physical, "definition": wanted}
        status = "CREATE_IN_PROGRESS" if verb == "create" else "UPDATE_IN_PROGRESS"
        for reason in (messages.INITIATED, *resources.notes(simulation.state, row)):
            simulation.set_resource_status(row, status, reason)
    simulation.schedule_step(_length(simulation, key, row), key, "end")


def _fail(simulation: StackSimulation, key: str, row: Document, failure: ResourceFailure) -> None:
    """Fail a resource. If the operation rolls back, other running steps are cancelled and no further step starts."""
    running = simulation.steps[key]
    cancelled_first = simulation.state.faults.quirk("cancelled-first") is not None
    running["state"] = "failed"
    rolls_back = not simulation.stack["disable_rollback"]
    if rolls_back and cancelled_first:
        halt(simulation)
    verb = running.get("verb", "create" if simulation.operation["touched"].get(key) == "created" else "update")
    verb = "update" if verb == "replace" else verb
    if failure.reason.startswith(resources.HOOK):
        details = _hook_details(failure.reason.partition("[")[2].partition("]")[0])
        simulation.set_resource_status(row, f"{verb.upper()}_IN_PROGRESS", **details)
    simulation.fail_step(key, row, verb, f"{verb.upper()}_FAILED", failure)
    if rolls_back and not cancelled_first:
        halt(simulation)


def _hook_details(name: str) -> Document:
    """Return the members of the event in which CloudFormation reports a hook, before the resource fails.

    Source: the events of a guard hook in a workshop of AWS (workshops.aws, CloudFormation, "Create a hook with Guard")
    """
    return {
        "HookType": name,
        "HookStatus": "HOOK_COMPLETE_FAILED",
        "HookInvocationPoint": "PRE_PROVISION",
        "HookStatusReason": "The hook found that the resource is not compliant.",
        "HookFailureMode": "FAIL",
    }


def halt(simulation: StackSimulation) -> None:
    """Cancel the running steps and start no further ones."""
    for key, row in simulation.stop():
        verb = simulation.steps[key].get("verb", "update")
        creates = verb in ("create", "import")
        status = {"create": "CREATE_FAILED", "import": "IMPORT_FAILED"}.get(verb, "UPDATE_FAILED")
        reason = messages.CREATION_CANCELLED if creates else messages.UPDATE_CANCELLED
        simulation.fail_step(key, row, "create" if creates else "update", status, reason, "cancelled")


def start_revert(simulation: StackSimulation, key: str) -> None:
    """Start to bring a resource back to its state before the operation."""
    row, old = simulation.row(key), simulation.row(key, OLD)
    if row is None or old is None:
        simulation.end_step(key)
        return
    replaced = row["physical"] != old["physical"]
    if replaced:
        simulation.set_aside(row, f"{key}|{row['physical']}", "Delete")
        records.drop_row(simulation.state, simulation.id, LEFTOVER, f"{key}|{old['physical']}")
    simulation.steps[key] |= {"state": "running", "replaced": replaced}
    back = {**row, **{name: old.get(name) for name in ("physical", "definition", "needs", "tags", "declared")}}
    simulation.set_resource_status(back, "UPDATE_IN_PROGRESS")
    _set_fault(simulation, key, row, "rollback")
    simulation.schedule_step(0.4, key, "work")


def resume_revert(simulation: StackSimulation, key: str, row: Document, stage: str) -> None:
    """Continue a revert: ``work`` changes the resource back, ``end`` waits until it has settled."""
    running = simulation.steps[key]
    try:
        if stage == "work":
            if not running["replaced"] and not running["fault"]:
                properties = resources.tagged(row["type"], row["definition"].get("Properties") or {}, row["tags"])
                resources.update(simulation.state, row, properties, "rollback")
            length = 0.5 if running["replaced"] else seconds(row["type"], "update", simulation.id, key, "back")
            simulation.schedule_step(length, key, "end")
        elif _has_finished(simulation, key, row, resources.is_settled):
            simulation.end_step(key, row, "UPDATE_COMPLETE")
    except ResourceFailure as failure:
        if simulation.operation.get("forced"):
            simulation.end_step(key, row, "UPDATE_COMPLETE")
            return
        simulation.fail_step(key, row, "update", "UPDATE_FAILED", failure)
        # A failed rollback stops. Continuing it starts the cancelled steps again.
        for other, sibling in simulation.stop():
            simulation.fail_step(other, sibling, "update", "UPDATE_FAILED", messages.UPDATE_CANCELLED, "cancelled")


def start_delete(simulation: StackSimulation, key: str) -> None:
    """Start to delete a resource, or retain it."""
    row, running = _doomed(simulation, key), simulation.steps[key]
    if row is None or row["status"] in GONE:
        simulation.end_step(key)
        return
    resource = resources.find_row(simulation.state, row)
    owned = resource is not None and resource["owner"] == simulation.id
    if running["keep"] or (resource is not None and not owned):  # not owned: its import has failed
        if owned:
            resources.set_owner(simulation.state, row, None)
        _end_delete(simulation, key, row, "DELETE_SKIPPED")
    elif not row["physical"]:
        _end_delete(simulation, key, row)
    else:
        running |= {"state": "running", "attempts": running["attempts"] + 1}
        simulation.set_resource_status(row, "DELETE_IN_PROGRESS")
        protection = resources.protection(simulation.state, row)
        if not _set_fault(simulation, key, row, running["phase"]) and protection is not None:
            running["fault"] = [protection.reason, protection.code]
        simulation.schedule_step(0.3, key, "work")


def resume_delete(simulation: StackSimulation, key: str, row: Document, stage: str) -> None:
    """Continue a deletion: ``work`` begins it, ``end`` waits until the resource is gone, ``retry`` tries again."""
    running = simulation.steps[key]
    try:
        if stage == "retry":
            start_delete(simulation, key)
        elif stage == "work":
            if not running["fault"]:
                resources.delete(simulation.state, row)
            simulation.schedule_step(seconds(row["type"], "delete", simulation.id, key), key, "end")
        elif _has_finished(simulation, key, row, resources.is_gone):
            _end_delete(simulation, key, row)
    except ResourceFailure as failure:
        if running["phase"] == "cleanup" and running["attempts"] < CLEANUP_ATTEMPTS:
            simulation.set_resource_status(row, "DELETE_FAILED", failure.text(simulation.id, key, running["attempts"]))
            simulation.schedule_step(2.0, key, "retry")
        elif simulation.operation.get("forced"):
            resources.set_owner(simulation.state, row, None)
            _end_delete(simulation, key, row, "DELETE_SKIPPED")
        else:
            simulation.fail_step(key, row, "delete", "DELETE_FAILED", failure)


def _doomed(simulation: StackSimulation, key: str) -> Document | None:
    return simulation.row(key, LEFTOVER) or simulation.row(key)


def _end_delete(simulation: StackSimulation, key: str, row: Document, status: str = "DELETE_COMPLETE") -> None:
    simulation.end_step(key, row, status)
    if row.get("leftover"):
        records.drop_row(simulation.state, simulation.id, LEFTOVER, key)


def start_unimport(simulation: StackSimulation, key: str) -> None:
    """Start to remove an imported resource from the stack."""
    row = simulation.row(key)
    if row is None:
        simulation.end_step(key)
        return
    simulation.steps[key]["state"] = "running"
    _set_fault(simulation, key, row, "rollback")
    simulation.set_resource_status(row, "IMPORT_ROLLBACK_IN_PROGRESS")
    simulation.schedule_step(1.5, key, "end")


def resume_unimport(simulation: StackSimulation, key: str, row: Document, stage: str) -> None:
    """Remove an imported resource from the stack: it has no owner again."""
    running = simulation.steps[key]
    if running["fault"]:
        simulation.fail_step(key, row, "import", "IMPORT_ROLLBACK_FAILED", ResourceFailure(*running["fault"]))
        return
    resources.set_owner(simulation.state, row, None)
    simulation.end_step(key, row, "IMPORT_ROLLBACK_COMPLETE")
    records.drop_row(simulation.state, simulation.id, ROW, key)


_STEPS = {
    "apply": (start_apply, resume_apply),
    "revert": (start_revert, resume_revert),
    "delete": (start_delete, resume_delete),
    "unimport": (start_unimport, resume_unimport),
}
"""How each kind of step starts and continues."""


def start(simulation: StackSimulation, key: str) -> None:
    """Start a step."""
    _STEPS[simulation.steps[key]["act"]][0](simulation, key)


def resume(simulation: StackSimulation, key: str, stage: str) -> None:
    """Continue a step, unless it has ended."""
    running = simulation.steps[key]
    row = _doomed(simulation, key) if running["act"] == "delete" else simulation.row(key)
    if row is not None and running["state"] == "running":
        _STEPS[running["act"]][1](simulation, key, row, stage)
