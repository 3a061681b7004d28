"""An existing stack: watch its operation, diagnose its last failure, cancel its update, recover from a failed rollback.

These commands need no spec and leave no change set behind. ``watch`` and ``diagnose`` change nothing; ``cancel`` and
``recover`` start a rollback and watch it. Unlike a deploy, they did not see the operation from its start: they read
what AWS still has of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from fsdcf.cloudformation.types.ecs import SERVICE
from fsdcf.conventions import IMAGE_PARAMETER
from fsdcf.deploy import operation
from fsdcf.deploy.aws import ApiError, Aws
from fsdcf.deploy.cleanup import conclude
from fsdcf.deploy.diagnosis.causes import blockers, failures, root_cause
from fsdcf.deploy.diagnosis.explanations import (
    diagnose_result,
    explain_rollouts,
    rollout_evidence,
)
from fsdcf.deploy.ecs.rollout import RolloutObserver, ServiceRollout, version_of
from fsdcf.deploy.engine import add_state, assess
from fsdcf.deploy.events import in_progress, is_terminal, rollback_begin
from fsdcf.deploy.model import (
    INTERRUPTS,
    Advice,
    Ask,
    Event,
    Evidence,
    Exit,
    Outcome,
    Question,
    Recovery,
    StackEvent,
    Target,
    Tell,
    Terminated,
    WarningIssued,
    Where,
    nowhere,
)
from fsdcf.deploy.operation import latest_events, running_operation
from fsdcf.deploy.prepare import event_evidence
from fsdcf.deploy.run import Run, Stop, permissions_command, stop
from fsdcf.deploy.state import NEVER_WORKED, STUCK, Snapshot, absent, snapshot, target_of, while_running
from fsdcf.deploy.stuck_rollback import apply, choose, waiting
from fsdcf.deploy.watch import (
    DeadlinePassed,
    OperationResult,
    Watcher,
    follow,
    too_late_to_cancel,
    wait_of,
    why_it_waits,
)
from fsdcf.wording import counted

_CONFIRM = "confirmation is required: nothing was changed"


def watch(target: Target, aws: Aws, tell: Tell, where: Where, timeout: float | None) -> Outcome:
    """Watch the operation in progress on the stack, with its events from the beginning, to its end."""
    return _command(target, aws, tell, _watch, where=where, timeout=timeout)


def diagnose(target: Target, aws: Aws, where: Where) -> Outcome:
    """Diagnose the latest operation on the stack; exit 0 if it did not fail.

    Each failed read is part of the evidence.
    """
    warnings: list[WarningIssued] = []

    def tell(event: Event) -> None:
        if isinstance(event, WarningIssued):
            warnings.append(event)

    outcome = _command(target, aws, tell, _diagnose, where=where)
    unread = (Evidence("not read", warning.text) for warning in warnings)
    lacking = (permissions_command(target),) if any(warning.denied for warning in warnings) else ()
    return replace(outcome, evidence=(*outcome.evidence, *unread), next=(*outcome.next, *lacking))


def cancel(target: Target, aws: Aws, tell: Tell) -> Outcome:
    """Cancel the update in progress and watch its rollback; exit 0 once the stack is in its earlier state."""
    return _command(target, aws, tell, _cancel)


def recover(target: Target, options: Recovery, aws: Aws, tell: Tell, ask: Ask | None, where: Where) -> Outcome:
    """Bring a rollback that failed, or that does not end, to its end; exit 0 once the stack is in its earlier state."""
    return _command(target, aws, tell, lambda run, name: _recover(run, name, options), ask, where, options.timeout)


def _command(
    target: Target,
    aws: Aws,
    tell: Tell,
    body: Callable[[Run, str], Outcome],
    ask: Ask | None = None,
    where: Where = nowhere,
    timeout: float | None = None,
) -> Outcome:
    run = Run(aws, tell, target, ask, where)
    run.limit(timeout)
    return conclude(run, None, lambda: body(run, target.stack))


def _existing(run: Run, name: str) -> Snapshot:
    """The stack, whose service and environment the printed commands name from now on.

    Stops the run (exit 2) without one.
    """
    stack = snapshot(run.aws, name)
    if stack is None:
        raise Stop(absent(run.target, run.aws))
    run.target = replace(target_of(stack, name), environment_file=run.target.environment_file)
    if stack.status in NEVER_WORKED:  # it must be created again, with an explicit image
        sha = stack.parameters.get(IMAGE_PARAMETER) or "SHA"
        run.target = replace(run.target, redeploy_command=run.target.redeploy(image_sha=sha))
    return stack


def _watch(run: Run, name: str) -> Outcome:
    try:
        stack = _existing(run, name)
        if not stack.running:
            return _at_rest(run, stack)
        run.step("watch", f"{stack.name} is {stack.status}")
        result = Watcher(run, running_operation(run, stack)).watch()
    except DeadlinePassed:
        sentence = f"the deadline has passed: the operation on {name} continues"
        raise stop(Exit.UNKNOWN, sentence, run.target.command("watch")) from None
    except INTERRUPTS as pressed:
        code = Exit.UNKNOWN if isinstance(pressed, Terminated) else Exit.INTERRUPTED
        sentence = f"stopped watching: an operation on {name} continues"
        raise stop(code, sentence, run.target.command("watch")) from None
    return _assess(run, stack, result)


def _at_rest(run: Run, stack: Snapshot, report: bool = False) -> Outcome:
    """The outcome of the latest operation on a stack without an operation in progress."""
    events = latest_events(run, stack.arn)
    failed = failures(events) or rollback_begin(events) is not None
    rollouts = _read_rollouts(run, events) if failed else ()
    result = OperationResult(stack.status, stack, events, rollouts, stack.reason)
    return _assess(run, stack, result, report)


def _assess(run: Run, stack: Snapshot, result: OperationResult, report: bool = False) -> Outcome:
    if result.status == "REVIEW_IN_PROGRESS":
        return Outcome(Exit.DONE, f"{stack.name} is in review (REVIEW_IN_PROGRESS): no change set was ever executed")
    if result.status == "DELETE_COMPLETE":
        return Outcome(Exit.DONE, f"{stack.name} is deleted")
    outcome = assess(run, result, None, stack.name, report)
    return replace(outcome, next=()) if outcome.exit is Exit.DONE else outcome


def _read_rollouts(run: Run, events: tuple[StackEvent, ...]) -> tuple[ServiceRollout, ...]:
    """What ECS still has of the services in the events."""
    services = {event.logical_id: event.physical_id for event in events if event.type == SERVICE and event.physical_id}
    observer, version = RolloutObserver(run), version_of(events)
    rollouts = (observer.afterwards(arn, name, version) for name, arn in services.items())
    return tuple(rollout for rollout in rollouts if rollout is not None)


def _diagnose(run: Run, name: str) -> Outcome:
    stack = _existing(run, name)
    outcome = _at_rest(run, stack, report=True) if is_terminal(stack.status) else _so_far(run, stack)
    if stack.status in _UPDATED:
        outcome = add_state(run, stack, outcome)
    return replace(outcome, next=tuple(item for item in outcome.next if item != run.target.command("diagnose")))


_UPDATED = ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "IMPORT_ROLLBACK_COMPLETE")
"""The statuses after a failed update, in which an earlier version may run."""


def _so_far(run: Run, stack: Snapshot) -> Outcome:
    """The failures of an operation in progress."""
    events = latest_events(run, stack.arn)
    rollouts = _read_rollouts(run, events)
    failing = [rollout for rollout in rollouts if rollout.failed_tasks]
    if failures(events):
        result = OperationResult(stack.status, stack, events, rollouts, stack.reason)
        return diagnose_result(run, stack.name, result, explain_rollouts(run, rollouts, stack.arn))
    if failing:
        return _failing_tasks(run, stack, failing[0])
    stuck = waiting(run, stack) if stack.status == STUCK else None
    if stuck is not None:
        return stuck
    return _waiting(run, stack, in_progress(events))


def _waiting(run: Run, stack: Snapshot, working: Sequence[StackEvent]) -> Outcome:
    """Nothing has failed: what CloudFormation waits for, since when, and why it may wait in vain."""
    sentence = f"{stack.name} is {stack.status}, and nothing has failed so far"
    evidence = tuple(
        Evidence(f"{event.logical_id} ({event.type})", f"{event.status} since {event.time:%H:%M:%S} UTC", place)
        for event in working[:_MOST_WAITING]
        for place in (run.where(event.logical_id),)
    )
    waits = [(event.logical_id, wait) for event in working if (wait := wait_of(event)) is not None]
    advice = None
    for logical_id, wait in waits[:1]:
        if why := why_it_waits(run, stack.arn, logical_id, wait):
            minutes = counted(int(wait.seconds // 60), "minute")
            advice = Advice(f"if {logical_id} takes longer than {minutes}: {why}")
    return Outcome(Exit.DONE, sentence, evidence, while_running(stack, run.target), advice=advice)


_MOST_WAITING = 5
"""The number of resources in progress that are shown."""


def _failing_tasks(run: Run, stack: Snapshot, rollout: ServiceRollout) -> Outcome:
    """Tasks of a rollout have failed, but neither ECS nor CloudFormation has given it up."""
    cause = explain_rollouts(run, (rollout,), stack.arn)
    failed = rollout.failed_tasks
    why = cause.sentence if cause is not None else failed[0].essence
    count = f"{counted(len(failed), 'task')} of {rollout.logical_id} failed"
    more = (cause.command,) if cause is not None else ()
    return Outcome(
        Exit.UNKNOWN,
        f"{stack.name} is {stack.status}, and {count} so far: {why}",
        tuple(rollout_evidence(rollout, run.where(rollout.logical_id), cause is not None)),
        (*more, *while_running(stack, run.target)),
        advice=cause.advice if cause is not None else None,
    )


def _cancel(run: Run, name: str) -> Outcome:
    stack = _existing(run, name)
    if stack.status.startswith("UPDATE_COMPLETE"):
        raise _too_late(run, name, stack.status)
    if not stack.running:
        return Outcome(Exit.DONE, f"no operation is in progress on {name}: it is {stack.status}")
    if stack.status.startswith("UPDATE_ROLLBACK"):
        raise stop(Exit.REFUSED, f"{name}: {too_late_to_cancel(stack.status)}", *while_running(stack, run.target))
    if stack.status != "UPDATE_IN_PROGRESS":
        delete = (run.target.command("delete"),) if stack.status == "CREATE_IN_PROGRESS" else ()
        sentence = f"{name} is {stack.status}: only an update can be cancelled"
        raise stop(Exit.REFUSED, sentence, *while_running(stack, run.target), *delete)
    update = running_operation(run, stack)
    run.step("cancel", f"cancelling the update of {name}; CloudFormation rolls it back")
    run.running = f"the rollback of {name}"
    try:
        operation.cancel(run, stack.arn)
    except ApiError as error:
        if error.code != "ValidationError":
            raise
        run.warn(f"too late to cancel: {error.message}")
    result = follow(run, replace(update, verb="roll back"))
    run.running = ""
    if result.status == "UPDATE_ROLLBACK_COMPLETE":
        return Outcome(Exit.DONE, f"the update of {name} was cancelled: the stack is in its earlier state")
    if result.status.startswith("UPDATE_COMPLETE"):
        raise _too_late(run, name, result.status)
    return assess(run, result, None, name)


def _too_late(run: Run, name: str, status: str) -> Stop:
    """The outcome of a cancellation that comes after the end of the update: only a rollback takes it back."""
    return stop(Exit.REFUSED, f"{name}: {too_late_to_cancel(status)}", *run.target.undo)


def _recover(run: Run, name: str, options: Recovery) -> Outcome:
    stack = _existing(run, name)
    if stack.status == STUCK:
        return _unblock(run, stack, options)
    if options.remedy:
        sentence = f"{options.remedy} is for a rollback in progress, and {name} is {stack.status}"
        raise stop(Exit.USAGE, sentence, run.target.command("status"))
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        return _continue_rollback(run, stack, options)
    if stack.status == "UPDATE_FAILED":
        run.step("roll back", f"rolling back the failed update of {name}")
        return _assess_recovery(run, stack, follow(run, operation.roll_back(run, stack)))
    if stack.running:
        sentence = f"{name} is {stack.status}: it cannot be recovered until the operation ends"
        raise stop(Exit.BUSY, sentence, run.target.command("watch"))
    if stack.status in (*NEVER_WORKED, "DELETE_FAILED"):
        why = "" if stack.status == "DELETE_FAILED" else "its creation failed, and "
        sentence = f"{name} is {stack.status}: {why}it can only be deleted"
        return replace(_at_rest(run, stack), exit=Exit.REFUSED, sentence=sentence)
    return Outcome(Exit.DONE, f"there is nothing to recover: {name} is {stack.status}")


def _unblock(run: Run, stack: Snapshot, options: Recovery) -> Outcome:
    """End a rollback that waits for a service, and watch it to its end."""
    if options.skip or options.force:
        sentence = f"{stack.name} is {stack.status}: resources can be skipped once the rollback has failed"
        raise stop(Exit.USAGE, sentence, run.target.command("recover"), run.target.command("watch"))
    remedy = choose(run, stack, options)
    now = snapshot(run.aws, stack.arn)
    if now is None or now.status != stack.status:  # it has ended by itself
        return _recover(run, stack.name, Recovery())
    apply(run, remedy)
    run.running = f"the rollback of {stack.name}"
    outcome = _assess_recovery(run, stack, follow(run, running_operation(run, stack)))
    tasks = remedy.request.get("desiredCount")
    if tasks is None or outcome.exit is not Exit.DONE:
        return outcome
    sentence = f"{outcome.sentence}, except that the service wants {counted(tasks, 'task')} instead of {remedy.desired}"
    return replace(outcome, sentence=sentence, next=(run.target.command("scale", str(remedy.desired)), *outcome.next))


def _continue_rollback(run: Run, stack: Snapshot, options: Recovery) -> Outcome:
    events, skip = latest_events(run, stack.arn), options.skip
    stuck = {event.logical_id: event for event in blockers(events) if event.status == "UPDATE_FAILED"}
    evidence = tuple(event_evidence(run, event) for event in stuck.values())
    unknown = [name for name in skip if stuck and name not in stuck]
    if unknown:
        sentence = f"{', '.join(unknown)} did not fail to roll back: only {', '.join(stuck)} can be skipped"
        raise Stop(Outcome(Exit.USAGE, sentence, evidence, (run.target.command("recover"),)))
    for item in evidence:
        run.warn(f"the rollback failed: {item.source} {item.text}")
    if options.force:
        run.require("ContinueUpdateRollback", "ForceRollback", "--force")
    if skip or options.force:
        skipped = ", ".join(skip) or f"each resource that fails to roll back ({', '.join(stuck) or 'not known'})"
        warning = (
            f"{skipped} will be marked as rolled back although it is not: the stack and the resource differ"
            " until you correct the resource manually"
        )
        run.warn(warning)
        if options.force and run.ask is None and not options.yes:
            again = run.target.command("recover", force=True, yes=True)
            raise stop(Exit.REFUSED, _CONFIRM, again, evidence=evidence)
        if not options.yes and run.ask and not run.agrees(Question("execute", "Continue and skip?", (warning,))):
            raise stop(Exit.REFUSED, "refused: nothing was changed", run.target.command("recover"))
    run.step("recover", f"continuing the rollback of {stack.name}")
    started = operation.continue_rollback(run, stack, skip, options.force)
    outcome = _assess_recovery(run, stack, follow(run, started), events)
    left = skip or (tuple(stuck) if options.force else ())
    if not left or outcome.exit is not Exit.DONE:
        return outcome
    were = "which were skipped and differ" if len(left) > 1 else "which was skipped and differs"
    return replace(outcome, sentence=f"{outcome.sentence}, except {', '.join(left)}, {were} from the template")


def _assess_recovery(run: Run, stack: Snapshot, result: OperationResult, earlier: Sequence[StackEvent] = ()) -> Outcome:
    run.running = ""
    if result.status == "UPDATE_ROLLBACK_COMPLETE":
        sentence = f"{stack.name} is recovered: it is in the state before the update"
        return Outcome(Exit.DONE, sentence, next=(run.target.redeploy(),))
    outcome = assess(run, result, None, stack.name)
    cause = root_cause(earlier)
    return replace(outcome, evidence=(*outcome.evidence, event_evidence(run, cause))) if cause else outcome
