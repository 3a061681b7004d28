"""Execution: sent with one token however often it is repeated, so that a change set is executed once or not at all."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from fsdcf.deploy.aws import ApiError, Expired
from fsdcf.deploy.change_set import ChangeSet, Overtaken
from fsdcf.deploy.events import Boundary
from fsdcf.deploy.interrupts import INTERRUPTS
from fsdcf.deploy.model import Exit
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.snapshot import Snapshot
from fsdcf.deploy.traces import Traces

_BUSY = re.compile(r"is in ([A-Z_]+) state|cannot be executed in its current (execution )?status")


@dataclass(frozen=True)
class Operation:
    """An operation that runs on a stack: what is watched. ``begun`` is the local clock's, for how long it takes.

    ``verb`` says what it does: create, update, delete, roll back. ``before`` is the stack's status until then, or, of what ran already, the
    one that it was found in. ``pressed`` is an interruption that came while it was being started.
    """

    arn: str
    boundary: Boundary
    begun: float
    verb: str
    before: str = ""
    pressed: BaseException | None = None


def execute(run: Run, change_set: ChangeSet, stack: Snapshot | None, traces: Traces) -> Operation:
    """Starts the execution on the stack, None for a new one. Raises Overtaken if somebody else was faster; stops the run if the change
    set is gone."""
    run.step("execute", f"executes {change_set.name}")
    token = run.aws.token()
    begun = run.aws.clock()
    known = run.aws.supports("cloudformation", "ExecuteChangeSet", "DisableRollback")
    members: dict[str, Any] = {"DisableRollback": False} if known else {}
    verb, before = ("create", "REVIEW_IN_PROGRESS") if stack is None or stack.unborn else ("update", stack.status)
    own = Operation(change_set.stack_arn, Boundary(frozenset({token}), change_set.created), begun, verb, before)
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


def _settled(run: Run, error: ApiError, change_set: ChangeSet, traces: Traces, own: Operation) -> Operation:
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
            return replace(own, boundary=Boundary(since=change_set.created))
        if traces.executing or not error.code.startswith("InvalidChangeSetStatus"):
            raise error
        raise Overtaken(error.message) from error
    if error.absent:
        raise stop(
            Exit.BUSY, f"somebody deleted the change set {change_set.name}; nothing is executed", run.target.redeploy()
        ) from error
    if error.code == "ValidationError" and _BUSY.search(error.message):
        raise Overtaken(error.message) from error
    raise error
