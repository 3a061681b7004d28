"""From the state of the stack to one that takes a change set: waits, deletes or rolls back first, where decide says so."""

from __future__ import annotations

from typing import Any

from fsdcf.deploy import begin
from fsdcf.deploy.attend import attend
from fsdcf.deploy.aws import ApiError
from fsdcf.deploy.cause import blockers, leftovers, root_cause
from fsdcf.deploy.decide import Await, Create, Recreate, Refuse, RollBackFirst, Update, decide
from fsdcf.deploy.diagnose import Case, diagnosed
from fsdcf.deploy.model import Evidence, Exit, Options, Outcome, Question, Release, StackEvent
from fsdcf.deploy.parameters import parameters
from fsdcf.deploy.past import attached, latest
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.deploy.snapshot import Snapshot, snapshot
from fsdcf.deploy.watch import Ending, Late, Watcher

LONGEST_LOCK = 4 * 3600.0
"""Seconds for which another's operation is waited for, where no timeout says how long."""


def prepare(
    run: Run, release: Release, options: Options, stack: Snapshot | None
) -> tuple[Create | Update, Snapshot | None, list[dict[str, Any]]]:
    """What to do, the stack to do it on, and the parameters to do it with. Stops the run where a deploy cannot begin."""
    begun = run.aws.clock()
    while True:
        action = decide(stack, options, release.target)
        run.step(
            "decide", f"{stack.name} is {stack.status}" if stack is not None else f"there is no stack {release.stack}"
        )
        if isinstance(action, Refuse):
            raise Stop(_refusal(run, action, stack))
        sent, missing = parameters(
            release.template, release.image_sha, None if isinstance(action, Create | Recreate) else stack
        )
        if missing and not isinstance(action, Await):
            raise _missing(release, missing)
        if isinstance(action, Create | Update) or stack is None:
            return (action if isinstance(action, Create | Update) else Create()), stack, sent
        if isinstance(action, Await):
            stack = _awaited(run, release, stack, action, begun)
        elif isinstance(action, Recreate):
            _delete(run, release, options, stack, action)
            stack = None
        elif isinstance(action, RollBackFirst):
            stack = _rolled_back(run, options, stack)


def _missing(release: Release, missing: tuple[str, ...]) -> Stop:
    if missing == ("ImageSha",):
        return stop(
            Exit.USAGE,
            f"there is no stack {release.stack} yet whose image could stay: name the image",
            release.target.redeploy("--image-sha SHA"),
        )
    return stop(Exit.USAGE, f"the template's parameters {', '.join(missing)} have no value")


def _refusal(run: Run, action: Refuse, stack: Snapshot | None) -> Outcome:
    """The refusal, with what the events say is in the way."""
    if not action.blocked or stack is None:
        return Outcome(action.exit, action.sentence, next=action.next)
    events = latest(run, stack.arn)
    cause = root_cause(events)
    shown = tuple(dict.fromkeys([*((cause,) if cause else ()), *blockers(events)]))
    survivors = [event for event in leftovers(events) if event not in shown]
    evidence = (*(_line(run, event) for event in shown), *(_line(run, event) for event in survivors))
    skip = " ".join(f"--skip {event.logical_id}" for event in blockers(events) if event.status == "UPDATE_FAILED")
    next_steps = tuple(command.replace("--skip LOGICAL_ID", skip or "--skip LOGICAL_ID") for command in action.next)
    return Outcome(action.exit, action.sentence, evidence, next_steps)


def _line(run: Run, event: StackEvent) -> Evidence:
    at = f" ({event.physical_id})" if event.status.startswith("DELETE") and event.physical_id else ""
    said = f": {event.reason}" if event.reason else ""
    return Evidence(f"{event.logical_id} ({event.type})", f"{event.status}{at}{said}", run.where(event.logical_id))


def _awaited(run: Run, release: Release, stack: Snapshot, action: Await, begun: float) -> Snapshot | None:
    """The stack once what runs on it is over; it may be gone, or another one by then."""
    run.step("wait", action.text)
    if run.aws.deadline is None and run.aws.clock() - begun > LONGEST_LOCK:
        raise _still_busy(run, release, stack)
    own, run.aws.deadline = run.aws.deadline, run.aws.deadline or begun + LONGEST_LOCK
    try:
        Watcher(run, attached(run, stack)).watch()
    except Late:
        raise _still_busy(run, release, stack) from None
    finally:
        run.aws.deadline = own
    return snapshot(run.aws, release.stack)


def _still_busy(run: Run, release: Release, stack: Snapshot) -> Stop:
    return stop(
        Exit.BUSY,
        f"the stack {stack.name} was busy until the deadline: {stack.status}",
        release.target.command("watch"),
    )


def _delete(run: Run, release: Release, options: Options, stack: Snapshot, action: Recreate) -> None:
    """Deletes what an earlier failure left, once that is agreed. It is a stack that has never worked."""
    events = latest(run, stack.arn)
    cause = root_cause(events)
    evidence = tuple(_line(run, event) for event in ((cause,) if cause else ()))
    kept = tuple(_line(run, event) for event in leftovers(events) if event.status == "DELETE_SKIPPED")
    told = tuple(f"{one.source}: {one.text}" for one in (*evidence, *kept))
    sentence = (
        f"the stack {stack.name} is {action.status}: it never worked, and must be deleted before it is created again"
    )
    if action.agreed:
        run.warn("; ".join((sentence, *told)))
    elif not run.agrees(Question("recreate", f"{sentence}. Delete and create it?", told)):
        raise Stop(
            Outcome(
                Exit.REFUSED,
                sentence,
                (*evidence, *kept),
                (release.target.redeploy("--recreate"), release.target.command("delete")),
            )
        )
    run.step("recreate", f"deletes the stack {stack.name}")
    ending = attend(run, begin.delete(run, stack, options.role_arn)).ending
    run.running = ""
    if ending.status != "DELETE_COMPLETE":
        raise Stop(_diagnosed(run, stack, ending))


def _rolled_back(run: Run, options: Options, stack: Snapshot) -> Snapshot | None:
    question = f"the last update of {stack.name} failed and was kept (UPDATE_FAILED): it must be rolled back first"
    if not options.yes and not run.agrees(Question("execute", f"{question}. Roll it back?")):
        raise stop(Exit.REFUSED, question, run.target.command("recover"), run.target.redeploy("--yes"))
    run.step("roll back", f"rolls back the update of {stack.name} that failed")
    try:
        ending = attend(run, begin.roll_back(run, stack, options.role_arn)).ending
    except ApiError as error:
        if error.code != "ValidationError":
            raise
        ending = None  # somebody else was faster: decide again
    run.running = ""
    if ending is not None and not ending.status.endswith("_COMPLETE"):
        raise Stop(_diagnosed(run, stack, ending))
    return snapshot(run.aws, stack.name)


def _diagnosed(run: Run, stack: Snapshot, ending: Ending) -> Outcome:
    places = {event.logical_id: place for event in ending.events if (place := run.where(event.logical_id))}
    return diagnosed(Case(run.target, stack.name, ending.status, ending.reason, ending.events, ending.rollouts, places))
