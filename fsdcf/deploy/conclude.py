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


def concluded(run: Run, traces: Traces | None, body: Callable[[], Outcome]) -> Outcome:
    """The outcome of ``body``, or of what kept it from one. Nothing of ours that was not executed is left, or it is said."""
    try:
        outcome = body()
    except Stop as ended:
        outcome = ended.outcome
    except INTERRUPTS as pressed:
        outcome = _interrupted(run, _is_running(run, traces), pressed)
    except AwsError as error:
        outcome = _without_aws(run, _is_running(run, traces), error)
    if traces is not None:
        outcome = _cleaned(run, traces, outcome)
    run.tell(Ended(outcome))
    return outcome


def _is_running(run: Run, traces: Traces | None) -> str:
    """What goes on at AWS on this run's account, or may; empty for nothing."""
    if traces is not None and (traces.executing or traces.executed):
        return run.running or "the execution"
    return run.running


def _cleaned(run: Run, traces: Traces, outcome: Outcome) -> Outcome:
    run.aws.deadline = run.aws.clock() + _CLEANING
    uncertain = traces.executing and not traces.executed
    try:
        left = traces.clean(run)
    except INTERRUPTS:
        left = f"the change set {traces.name} of the stack {traces.stack} may be left"
        outcome = replace(outcome, exit=Exit.INTERRUPTED)
    if uncertain and not traces.executing and not left:
        return replace(outcome, exit=_unexecuted(outcome), sentence=f"{outcome.sentence.split(':')[0]}: nothing was executed", next=(run.target.redeploy(),))
    if left:
        command = f"aws cloudformation delete-change-set --stack-name {traces.stack} --change-set-name {traces.name}"
        outcome = replace(outcome, evidence=(*outcome.evidence, Evidence("left behind", left)), next=(*outcome.next, command))
    return outcome


def _unexecuted(outcome: Outcome) -> Exit:
    return Exit.FAILED if outcome.exit is Exit.UNKNOWN else outcome.exit


def _interrupted(run: Run, running: str, pressed: BaseException) -> Outcome:
    if not running:
        return Outcome(Exit.INTERRUPTED, "interrupted: nothing was executed", next=(run.target.redeploy(),))
    code = Exit.UNKNOWN if isinstance(pressed, Terminated) else Exit.INTERRUPTED
    return Outcome(code, f"interrupted: {running} goes on, its outcome is unknown", next=_look_again(run))


def _without_aws(run: Run, running: str, error: AwsError) -> Outcome:
    why, code, next_steps = _explained(run, error)
    if running:
        return Outcome(Exit.UNKNOWN, f"{why}: {running} goes on, its outcome is unknown", _evidence(error), _look_again(run))
    return Outcome(code, f"{why}: nothing was executed", _evidence(error), next_steps)


def _explained(run: Run, error: AwsError) -> tuple[str, Exit, tuple[str, ...]]:
    """What the error is, in a few words, the exit code while nothing runs, and what to do."""
    again = run.target.redeploy()
    if isinstance(error, Expired):
        return "AWS does not take the credentials any more", Exit.DENIED, ("aws sso login", again)
    if not isinstance(error, ApiError) or error.broken:
        return f"AWS cannot be reached ({error.service})", Exit.UNKNOWN, (again,)
    if error.denied:
        return f"no permission for {error.service}:{error.operation}", Exit.DENIED, ("aws sts get-caller-identity", again)
    if error.throttled:
        return "AWS throttled the calls until the deadline", Exit.FAILED, (again,)
    return f"{error.service}:{error.operation} failed", Exit.FAILED, (again,)


def _evidence(error: AwsError) -> tuple[Evidence, ...]:
    return (Evidence(f"{error.service}:{error.operation}", error.message),)


def _look_again(run: Run) -> tuple[str, ...]:
    return (run.target.command("watch"), run.target.command("diagnose"))
