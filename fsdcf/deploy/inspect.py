"""A stack as others left it: watching what runs on it, and finding out why its latest operation failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fsdcf.deploy.attend import Attended
from fsdcf.deploy.cause import failures, rollback_begin
from fsdcf.deploy.decide import NEVER_WORKED
from fsdcf.deploy.diagnose import Case, diagnosed, rollout_evidence
from fsdcf.deploy.events import is_terminal
from fsdcf.deploy.explain import Explained, explained, failed_tasks
from fsdcf.deploy.interrupts import INTERRUPTS, Terminated
from fsdcf.deploy.lookout import Lookout
from fsdcf.deploy.model import Exit, Outcome, Place, StackEvent
from fsdcf.deploy.parameters import IMAGE
from fsdcf.deploy.past import attached, latest
from fsdcf.deploy.release import finished, places_of
from fsdcf.deploy.rollout import SERVICE, Rollout, Stopped
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.snapshot import Snapshot, snapshot, target_of
from fsdcf.deploy.watch import Ending, Late, Watcher


def found(run: Run, name: str) -> Snapshot:
    """The stack; stops the run (exit 2) if there is none. From here on, commands name its service and environment."""
    stack = snapshot(run.aws, name)
    run.target = target_of(stack, name)
    if stack is None:
        raise stop(Exit.USAGE, f"there is no stack {name} in {run.aws.region}", run.target.redeploy("--image-sha SHA"))
    if stack.status in NEVER_WORKED:  # what is created again keeps no image
        run.target = replace(
            run.target, again=run.target.redeploy(f"--image-sha {stack.parameters.get(IMAGE) or 'SHA'}")
        )
    return stack


def watch(run: Run, name: str) -> Outcome:
    """Watches what runs on the stack to its end. It is not this command's: an interruption leaves it alone."""
    try:
        stack = found(run, name)
        if not stack.running:
            return resting(run, stack)
        run.step("watch", f"{stack.name} is {stack.status}")
        ending = Watcher(run, attached(run, stack)).watch()
    except Late:
        raise stop(
            Exit.UNKNOWN, f"the deadline has passed: what runs on {name} goes on", run.target.command("watch")
        ) from None
    except INTERRUPTS as pressed:
        code = Exit.UNKNOWN if isinstance(pressed, Terminated) else Exit.INTERRUPTED
        raise stop(code, f"watching ended: whatever runs on {name} goes on", run.target.command("watch")) from None
    return _ended(run, stack, ending)


def resting(run: Run, stack: Snapshot) -> Outcome:
    """What a stack that nothing runs on has to say of its latest operation."""
    events = latest(run, stack.arn)
    return _ended(run, stack, Ending(stack.status, stack, events, _rollouts(run, events), stack.reason))


def diagnose(run: Run, name: str) -> Outcome:
    """The cause of the latest failure, from the events and from what ECS still knows. While something runs: what has failed so far.

    What comes next is another command than this one.
    """
    outcome = _diagnosed(run, name)
    return replace(outcome, next=tuple(one for one in outcome.next if one != run.target.command("diagnose")))


def _diagnosed(run: Run, name: str) -> Outcome:
    stack = found(run, name)
    if is_terminal(stack.status):
        return resting(run, stack)
    events = latest(run, stack.arn)
    rollouts = _looked(run, events)
    tasks = [(one, failed) for one in rollouts if (failed := failed_tasks(one))]
    if not failures(events) and not tasks:
        return Outcome(
            Exit.DONE,
            f"{stack.name} is {stack.status}, and nothing has failed so far",
            next=(run.target.command("watch"),),
        )
    places = places_of(run, [event.logical_id for event in events])
    if not failures(events):
        rollout, failed = tasks[0]
        reason = explained(run, (rollout,), stack.arn)
        return _going(run, stack, rollout, failed, reason, places.get(rollout.logical_id))
    reason = explained(run, rollouts, stack.arn)
    return diagnosed(
        Case(run.target, stack.name, stack.status, stack.reason, events, rollouts, places, explained=reason)
    )


def _going(
    run: Run,
    stack: Snapshot,
    rollout: Rollout,
    failed: Sequence[Stopped],
    reason: Explained | None,
    place: Place | None,
) -> Outcome:
    """Tasks of a rollout have failed, and neither ECS nor CloudFormation has given it up."""
    why = reason.sentence if reason is not None else failed[0].essence
    count = f"{len(failed)} task{'s' if len(failed) > 1 else ''} of {rollout.logical_id} failed"
    more = (reason.command,) if reason is not None else ()
    return Outcome(
        Exit.UNKNOWN,
        f"{stack.name} is {stack.status}, and {count} so far: {why}",
        tuple(rollout_evidence(rollout, place, reason is not None)),
        (*more, run.target.command("watch")),
        advice=reason.advice if reason is not None else None,
    )


def _ended(run: Run, stack: Snapshot, ending: Ending) -> Outcome:
    if ending.status == "REVIEW_IN_PROGRESS":
        return Outcome(Exit.DONE, f"{stack.name} is only planned (REVIEW_IN_PROGRESS): nothing was ever executed")
    if ending.status == "DELETE_COMPLETE":
        return Outcome(Exit.DONE, f"{stack.name} is deleted")
    outcome = finished(run, Attended(ending), None, stack.name)
    return replace(outcome, next=()) if outcome.exit is Exit.DONE else outcome


def _rollouts(run: Run, events: tuple[StackEvent, ...]) -> tuple[Rollout, ...]:
    """What ECS tells of the services that the events are about, where something failed or was rolled back, also by somebody who cancelled."""
    if not failures(events) and rollback_begin(events) is None:
        return ()
    return _looked(run, events)


def _looked(run: Run, events: tuple[StackEvent, ...]) -> tuple[Rollout, ...]:
    services = {event.logical_id: event.physical_id for event in events if event.type == SERVICE and event.physical_id}
    lookout = Lookout(run)
    looked = (lookout.afterwards(arn, name, events[0].time) for name, arn in services.items())
    return tuple(one for one in looked if one is not None)
