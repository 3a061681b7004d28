"""The end of every run: whatever happened becomes an outcome, traces are taken away, and the last event is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fsdcf.deploy.aws import ApiError, AwsError, Expired
from fsdcf.deploy.interrupts import INTERRUPTS, Terminated
from fsdcf.deploy.model import Ended, Evidence, Exit, Outcome
from fsdcf.deploy.run import Run, Stop
from fsdcf.deploy.traces import Traces

_CLEANING = 180.0
"""Seconds for which throttling is waited out while traces are taken away."""


def concluded(run: Run, traces: Traces | None, body: Callable[[], Outcome]) -> Outcome:
    """The outcome of ``body``, or of what kept it from one. Nothing of ours that was not executed is left, or it is said."""
    outcome: Outcome | None = None
    failure: BaseException | None = None
    try:
        outcome = body()
    except Stop as ended:
        outcome = ended.outcome
    except (*INTERRUPTS, AwsError) as error:
        failure = error
    left = ""
    if traces is not None:
        try:
            left = _cleaned(run, traces)
        except INTERRUPTS as pressed:
            left, failure = traces.remark("the run was interrupted"), pressed
    if failure is not None or outcome is None:
        outcome = _without_end(run, traces, failure)
    if left and traces is not None:
        command = f"aws cloudformation delete-change-set --stack-name {traces.stack} --change-set-name {traces.name}"
        command = run.target.command("delete") if traces.new else command
        outcome = replace(
            outcome, evidence=(*outcome.evidence, Evidence("left behind", left)), next=(*outcome.next, command)
        )
    run.tell(Ended(outcome))
    return outcome


def _cleaned(run: Run, traces: Traces) -> str:
    run.aws.deadline = run.aws.clock() + _CLEANING
    return traces.clean(run)


def _without_end(run: Run, traces: Traces | None, failure: BaseException | None) -> Outcome:
    """The outcome of a run that was cut off: by a person, by the system, or by AWS."""
    why, code, next_steps = _explained(
        failure, run.target.redeploy() if traces is not None else run.target.command("status")
    )
    evidence = (
        (Evidence(f"{failure.service}:{failure.operation}", failure.message),) if isinstance(failure, AwsError) else ()
    )
    again = (run.target.command("watch"), run.target.command("diagnose"))
    after = Exit.INTERRUPTED if isinstance(failure, KeyboardInterrupt) else Exit.UNKNOWN
    if run.over:
        return Outcome(after, f"{why}: {run.over}, and what the service runs was not looked at", evidence, again[1:])
    if run.running or (traces is not None and traces.executed):
        what = run.running or f"the execution of {traces.name if traces is not None else ''}"
        return Outcome(after, f"{why}: {what} goes on, its outcome is unknown", evidence, again)
    if traces is not None and traces.executing:
        return Outcome(after, f"{why}: whether {traces.name} was executed is unknown", evidence, again)
    return Outcome(code, f"{why}: nothing was executed", evidence, next_steps)


def _explained(failure: BaseException | None, again: str) -> tuple[str, Exit, tuple[str, ...]]:
    """What cut the run off, in a few words; the exit code while nothing runs, and what to do then, ``again`` last."""
    if isinstance(failure, Terminated):
        return f"asked to end ({failure.signal})", Exit.INTERRUPTED, (again,)
    if isinstance(failure, Expired) and failure.untimely:
        return (
            "AWS does not take the time of the calls: the clock of this machine is wrong",
            Exit.DENIED,
            ("date -u", again),
        )
    if isinstance(failure, Expired):
        return "AWS does not take the credentials any more", Exit.DENIED, ("aws sso login", again)
    if not isinstance(failure, AwsError):
        return "interrupted", Exit.INTERRUPTED, (again,)
    if not isinstance(failure, ApiError) or failure.broken:
        return f"AWS cannot be reached ({failure.service})", Exit.FAILED, (again,)
    if failure.denied:
        return (
            f"no permission for {failure.service}:{failure.operation}",
            Exit.DENIED,
            ("aws sts get-caller-identity", again),
        )
    if failure.throttled:
        return "AWS throttled the calls until the deadline", Exit.FAILED, (again,)
    return f"{failure.service}:{failure.operation} failed", Exit.FAILED, (again,)
