"""Staying with an operation: Ctrl-C, SIGTERM and the deadline while it runs, and what each of them does to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fsdcf.deploy import begin
from fsdcf.deploy.aws import ApiError, AwsError
from fsdcf.deploy.execute import Operation
from fsdcf.deploy.interrupts import Terminated
from fsdcf.deploy.model import Exit, Question
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.deploy.snapshot import snapshot
from fsdcf.deploy.watch import Ending, Hopeless, Late, Watcher

GRACE = 3600.0
"""Seconds that a rollback which this run asked for is waited for, after the deadline."""


@dataclass(frozen=True)
class Attended:
    """How the operation ended; ``cancelled`` says, in a clause, why this run cancelled it."""

    ending: Ending
    cancelled: str = ""


def attend(
    run: Run, operation: Operation, on_timeout: Literal["cancel", "detach"] = "detach", fail_fast: bool = False
) -> Attended:
    """Watches to the end. Stops the run (exit 6) where it is left alone before. The first Ctrl-C asks, the second one raises."""
    watcher = Watcher(run, operation, fail_fast)
    cancelled = ""
    pressed = operation.pressed
    while True:
        try:
            if pressed is not None:
                raise pressed
            return Attended(watcher.watch(), cancelled)
        except Terminated as asked:
            raise detached(run, operation, f"asked to end ({asked.signal})") from None
        except KeyboardInterrupt:
            if cancelled:
                raise
            pressed = None
            if not _wants_to_cancel(run, operation):
                raise detached(run, operation, "detached") from None
            cancelled = _cancelled(run, operation, watcher, "by you (Ctrl-C)")
        except Late:
            if on_timeout == "detach" or cancelled:
                raise detached(run, operation, "the deadline has passed") from None
            cancelled = _cancelled(run, operation, watcher, "since the deadline had passed")
            run.aws.deadline = run.aws.clock() + GRACE
        except Hopeless as reason:
            cancelled = _cancelled(run, operation, watcher, f"since its tasks fail: {reason}")


def detached(run: Run, operation: Operation, why: str) -> Stop:
    """The run ends and the operation goes on. Its outcome is unknown, and the commands that tell of it are named."""
    target = run.target
    next_steps = [target.command("watch"), target.command("diagnose")]
    if operation.verb == "delete":
        next_steps = [target.command("watch"), target.redeploy()]
    elif operation.verb == "create":
        next_steps.append(target.command("delete"))
    elif operation.verb == "update":
        next_steps.append(target.command("cancel"))
    return stop(Exit.UNKNOWN, f"{why}: {run.running or 'the operation'} goes on, its outcome is unknown", *next_steps)


def _wants_to_cancel(run: Run, operation: Operation) -> bool:
    """Asks whether to cancel; only an update can be. A second interruption comes out of here."""
    if operation.verb != "update":
        return False
    run.step("interrupt", "interrupted; press Ctrl-C again to leave at once")
    return run.agrees(Question("interrupt", "Cancel the update and roll it back? No leaves it running and detaches."))


def _cancelled(run: Run, operation: Operation, watcher: Watcher, why: str) -> str:
    """Cancels the update; the clause that says why. Where there is nothing to cancel any more, it is watched on: an empty clause.

    A creation cannot be cancelled, and is left alone.
    """
    deadline, run.aws.deadline = run.aws.deadline, None
    try:
        stack = snapshot(run.aws, operation.arn)
        if stack is not None and stack.status == "CREATE_IN_PROGRESS":
            raise detached(run, operation, f"a creation cannot be cancelled ({why})")
        if stack is None or stack.status != "UPDATE_IN_PROGRESS":
            return why if stack is not None and "ROLLBACK" in stack.status else ""
        run.step("cancel", "cancels the update; CloudFormation rolls it back")
        watcher.also(begin.cancel(run, operation.arn))
    except ApiError as error:
        if error.denied:
            raise detached(run, operation, f"no permission to cancel ({error.operation})") from None
        return ""
    except AwsError as error:
        raise detached(run, operation, f"the update could not be cancelled ({error.message})") from None
    finally:
        run.aws.deadline = deadline
    return why
