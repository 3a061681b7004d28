"""Repairs: cancelling an update that runs, and going on with a rollback that failed."""

from __future__ import annotations

from dataclasses import replace

from fsdcf.deploy import begin
from fsdcf.deploy.attend import Attended, attend
from fsdcf.deploy.aws import ApiError
from fsdcf.deploy.cause import blockers, root_cause
from fsdcf.deploy.inspect import found, resting
from fsdcf.deploy.model import Evidence, Exit, Outcome, Question, StackEvent
from fsdcf.deploy.past import attached, latest
from fsdcf.deploy.release import finished
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.deploy.snapshot import Snapshot


def cancel(run: Run, name: str) -> Outcome:
    """Cancels the update that runs. Only an update can be cancelled; what else there is to do is said."""
    stack = found(run, name)
    if not stack.running:
        return Outcome(Exit.DONE, f"nothing runs on {name}: it is {stack.status}")
    if stack.status != "UPDATE_IN_PROGRESS":
        deletes = (run.target.command("delete"),) if stack.status == "CREATE_IN_PROGRESS" else ()
        raise stop(
            Exit.REFUSED,
            f"{name} is {stack.status}: only an update can be cancelled",
            run.target.command("watch"),
            *deletes,
        )
    operation = attached(run, stack)
    run.step("cancel", f"cancels the update of {name}; CloudFormation rolls it back")
    run.running = f"the rollback of {name}"
    try:
        begin.cancel(run, stack.arn)
    except ApiError as error:
        if error.code != "ValidationError":
            raise
        run.warn(f"it is too late to cancel: {error.message}")
    attended = attend(run, replace(operation, verb="roll back"))
    run.running = ""
    if attended.ending.status == "UPDATE_ROLLBACK_COMPLETE":
        return Outcome(Exit.DONE, f"the update of {name} was cancelled: the stack is as it was before")
    return finished(run, attended, None, name)


def recover(run: Run, name: str, skip: tuple[str, ...]) -> Outcome:
    """Brings a stack whose rollback failed, or whose failed update was kept, back to where it was before the update."""
    stack = found(run, name)
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        return _go_on(run, stack, skip)
    if stack.status == "UPDATE_FAILED":
        run.step("roll back", f"rolls back the update of {name} that failed")
        return _ended(run, stack, attend(run, begin.roll_back(run, stack)))
    if stack.running:
        raise stop(
            Exit.BUSY, f"{name} is {stack.status}: nothing can be recovered meanwhile", run.target.command("watch")
        )
    if stack.status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
        shown = resting(run, stack)
        sentence = f"{name} is {stack.status}: it never worked and can only be deleted"
        if stack.status == "DELETE_FAILED":
            sentence = f"{name} is DELETE_FAILED: it can only be deleted"
        return replace(shown, exit=Exit.REFUSED, sentence=sentence)
    return Outcome(Exit.DONE, f"there is nothing to recover: {name} is {stack.status}")


def _go_on(run: Run, stack: Snapshot, skip: tuple[str, ...]) -> Outcome:
    events = latest(run, stack.arn)
    stuck = {event.logical_id: event for event in blockers(events) if event.status == "UPDATE_FAILED"}
    evidence = tuple(_line(run, event) for event in stuck.values())
    strange = [name for name in skip if stuck and name not in stuck]
    if strange:
        raise Stop(
            Outcome(
                Exit.USAGE,
                f"{', '.join(strange)} did not fail to roll back: what can be skipped is {', '.join(stuck)}",
                evidence,
                (run.target.command("recover"),),
            )
        )
    for one in evidence:
        run.warn(f"the rollback failed: {one.source} {one.text}")
    if skip:
        warning = (
            f"{', '.join(skip)} will count as rolled back without being it: the stack and the resource then differ, until the"
            " resource is put right by hand"
        )
        run.warn(warning)
        if run.ask is not None and not run.agrees(Question("execute", "Go on and skip?", (warning,))):
            raise stop(Exit.REFUSED, "refused: nothing was done", run.target.command("recover"))
    run.step("recover", f"goes on with the rollback of {stack.name}")
    return _ended(run, stack, attend(run, begin.go_on(run, stack, skip)), events)


def _ended(run: Run, stack: Snapshot, attended: Attended, earlier: tuple[StackEvent, ...] = ()) -> Outcome:
    run.running = ""
    status = attended.ending.status
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return Outcome(
            Exit.DONE, f"{stack.name} is recovered: it is as it was before the update", next=(run.target.redeploy(),)
        )
    outcome = finished(run, attended, None, stack.name)
    cause = root_cause(earlier)
    return replace(outcome, evidence=(*outcome.evidence, _line(run, cause))) if cause is not None else outcome


def _line(run: Run, event: StackEvent) -> Evidence:
    said = f": {event.reason}" if event.reason else ""
    return Evidence(f"{event.logical_id} ({event.type})", f"{event.status}{said}", run.where(event.logical_id))
