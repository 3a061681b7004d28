"""Operations other than a change set's: delete, roll back, continue a rollback, cancel. Each is begun once, whatever is lost."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from fsdcf.deploy.aws import ApiError, Expired
from fsdcf.deploy.change_set import ChangeSet, StackChanged
from fsdcf.deploy.cleanup import Leftovers
from fsdcf.deploy.events import EventBoundary, is_root, latest_operation, read
from fsdcf.deploy.model import INTERRUPTS, Exit, StackEvent
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.state import Snapshot

_BUSY = re.compile(r"is in ([A-Z_]+) state|cannot be executed in its current (execution )?status")


@dataclass(frozen=True)
class Operation:
    """An operation that runs on a stack: what is watched. ``begun`` is the local clock's, for how long it takes.

    ``verb`` says what it does: create, update, delete, roll back. ``before`` is the stack's status until then, or, of what ran already, the
    one that it was found in. ``pressed`` is an interruption that came while it was being started.
    """

    arn: str
    boundary: EventBoundary
    begun: float
    verb: str
    before: str = ""
    pressed: BaseException | None = None


def execute(run: Run, change_set: ChangeSet, stack: Snapshot | None, traces: Leftovers) -> Operation:
    """Starts the execution on the stack, None for a new one. Raises Overtaken if somebody else was faster; stops the run if the change
    set is gone."""
    run.step("execute", f"executes {change_set.name}")
    token = run.aws.token()
    begun = run.aws.clock()
    known = run.aws.supports("cloudformation", "ExecuteChangeSet", "DisableRollback")
    members: dict[str, Any] = {"DisableRollback": False} if known else {}
    verb, before = ("create", "REVIEW_IN_PROGRESS") if stack is None or stack.in_review else ("update", stack.status)
    own = Operation(change_set.stack_arn, EventBoundary(frozenset({token}), change_set.created), begun, verb, before)
    traces.sent = traces.executing = True
    try:
        run.aws.call(
            "cloudformation", "ExecuteChangeSet", ChangeSetName=change_set.arn, ClientRequestToken=token, **members
        )
    except INTERRUPTS as pressed:
        if not traces.is_executed(run):
            raise
        own = replace(own, pressed=pressed)
    except Expired as error:
        traces.executing = error.repeated
        raise
    except ApiError as error:
        own = _settled(run, error, change_set, traces, own)
    traces.executed = True
    return own


def _settled(run: Run, error: ApiError, change_set: ChangeSet, traces: Leftovers, own: Operation) -> Operation:
    """What an error of ExecuteChangeSet means: that an earlier attempt, or somebody else, has executed it, or that nobody will."""
    if error.code.startswith("TokenAlreadyExists"):
        return own
    if error.throttled or not (error.repeated or error.broken):
        traces.executing = error.repeated
    if error.code.startswith("InvalidChangeSetStatus") or (error.repeated and not error.throttled):
        traces.executing = True
        if traces.is_executed(run):
            if error.repeated:
                return own
            run.warn("somebody else executed this change set; their execution is watched")
            return replace(own, boundary=EventBoundary(since=change_set.created))
        if traces.executing or not error.code.startswith("InvalidChangeSetStatus"):
            raise error
        raise StackChanged(error.message) from error
    if error.absent:
        raise stop(
            Exit.BUSY, f"somebody deleted the change set {change_set.name}; nothing is executed", run.target.redeploy()
        ) from error
    if error.code == "ValidationError" and _BUSY.search(error.message):
        raise StackChanged(error.message) from error
    raise error


_PAGES = 50
_VERBS = {"CREATE": "create", "DELETE": "delete", "ROLLBACK": "roll back", "IMPORT": "import"}


def latest_events(run: Run, arn: str) -> tuple[StackEvent, ...]:
    """The events of the latest operation, oldest first; those that can be read within 50 pages. None where they may not be read."""
    return _latest(run, arn)[0]


def running_operation(run: Run, stack: Snapshot) -> Operation:
    """The operation that runs on a stack, or that ran last, whoever began it; its events are told from its beginning."""
    events, older = _latest(run, stack.arn)
    verb = _VERBS.get(stack.status.split("_")[0], "roll back" if "ROLLBACK" in stack.status else "update")
    if not events:
        return Operation(stack.arn, EventBoundary(since=stack.since, seen=older), run.aws.clock(), verb, stack.status)
    lasted = (events[-1].time - events[0].time).total_seconds()
    return Operation(
        stack.arn, EventBoundary(since=events[0].time, seen=older), run.aws.clock() - lasted, verb, stack.status
    )


def seen(run: Run, arn: str) -> frozenset[str]:
    """The ids of the newest events that there are: what comes later is not among them."""
    answer = run.optional("earlier events cannot be read", "cloudformation", "DescribeStackEvents", StackName=arn)
    return frozenset(str(one.get("EventId", "")) for one in (answer or {}).get("StackEvents") or [])


def _latest(run: Run, arn: str) -> tuple[tuple[StackEvent, ...], frozenset[str]]:
    """The latest operation's events, and the ids of the events before it that were read on the way."""
    listed: list[StackEvent] = []
    more: dict[str, Any] = {}
    events: tuple[StackEvent, ...] = ()
    for _ in range(_PAGES):
        answer = run.optional(
            "its events cannot be read", "cloudformation", "DescribeStackEvents", StackName=arn, **more
        )
        listed += [read(one) for one in (answer or {}).get("StackEvents") or []]
        events, whole = latest_operation(listed)
        if whole or not answer or not answer.get("NextToken"):
            break
        more = {"NextToken": answer["NextToken"]}
    own = {event.id for event in events}
    planned = {event.id for event in events if is_root(event) and event.status == "REVIEW_IN_PROGRESS"}
    kept = tuple(event for event in events if event.id not in planned)
    return kept, frozenset(event.id for event in listed if event.id not in own)


def delete(run: Run, stack: Snapshot, role_arn: str | None = None) -> Operation:
    """Begins to delete the stack, by its ARN."""
    return _begun(run, stack, "DeleteStack", "delete", role_arn)


def roll_back(run: Run, stack: Snapshot, role_arn: str | None = None) -> Operation:
    """Begins to roll back an update that failed and was kept as it was."""
    return _begun(run, stack, "RollbackStack", "roll back", role_arn)


def continue_rollback(run: Run, stack: Snapshot, skip: tuple[str, ...] = (), role_arn: str | None = None) -> Operation:
    """Begins again with a rollback that failed. Resources in ``skip`` are taken for rolled back, whatever they are."""
    more = {"ResourcesToSkip": list(skip)} if skip else {}
    return _begun(run, stack, "ContinueUpdateRollback", "roll back", role_arn, **more)


def cancel(run: Run, arn: str) -> str:
    """Cancels the update that runs; gives the token that the events of its rollback may bear. ApiError if there is none to cancel.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CancelUpdateStack.html
    """
    token = run.aws.token()
    try:
        run.aws.call("cloudformation", "CancelUpdateStack", StackName=arn, ClientRequestToken=token)
    except ApiError as error:
        if not _done_before(error):
            raise
    return token


def _begun(run: Run, stack: Snapshot, call: str, verb: str, role_arn: str | None, **more: Any) -> Operation:
    token, before = run.aws.token(), seen(run, stack.arn)
    operation = Operation(
        stack.arn, EventBoundary(frozenset({token}), None, before), run.aws.clock(), verb, stack.status
    )
    if role_arn:
        more["RoleARN"] = role_arn
    run.running = f"the {'deletion' if verb == 'delete' else 'rollback'} of {stack.name}"
    try:
        run.aws.call("cloudformation", call, StackName=stack.arn, ClientRequestToken=token, **more)
    except ApiError as error:
        if _done_before(error):
            return operation
        run.running = run.running if error.repeated else ""
        raise
    return operation


def _done_before(error: ApiError) -> bool:
    """Whether an earlier attempt went through, whose answer was lost: the state of the stack, or the token, says so."""
    return error.code.startswith("TokenAlreadyExists") or (error.repeated and error.code == "ValidationError")
