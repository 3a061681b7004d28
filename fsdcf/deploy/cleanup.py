"""What a run leaves in CloudFormation before it executes anything, and how it is taken away again."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from fsdcf.deploy.aws import ApiError, AwsError, Expired
from fsdcf.deploy.model import INTERRUPTS, Evidence, Exit, Outcome, RunEnded, Terminated
from fsdcf.deploy.run import Run, Stop
from fsdcf.deploy.state import snapshot

STALE = timedelta(hours=1)
"""How old a change set of ours is, by AWS's clock, when no run can be waiting with it any more."""

_TRIES = 20
_MOST = 10
_OURS = re.compile(r"fsdcf-(.+-)?[0-9a-f]{10}")
_TOGETHER = timedelta(minutes=1)
_EXECUTED = ("EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE", "EXECUTE_FAILED")


@dataclass
class Leftovers:
    """The change set of a run, noted before it is asked for: an interruption at any moment finds it here.

    ``new``: there was no stack of this name, so that an empty one is the run's own. ``review`` is when the stack was made that somebody had
    only planned. ``created`` is AWS's time of a change set with changes; ``gone``: it is deleted. ``sent``: ExecuteChangeSet was sent; ``executing``: it may have been
    carried out; ``executed``: it was, and nothing is taken away any more: CloudFormation deletes all other change sets itself.
    """

    stack: str
    new: bool = False
    review: datetime | None = None
    created: datetime | None = None
    gone: bool = False
    name: str = ""
    arn: str = ""
    stack_arn: str = ""
    sent: bool = False
    executing: bool = False
    executed: bool = False

    def clean(self, run: Run) -> str:
        """Deletes the change set, and the stack if it is empty and the run's own. Says what is left; empty for nothing.

        Then it deletes what earlier runs of ours could not, if they lost their credentials or were killed.
        One more interruption does not keep it from its work.
        """
        for last in (False, True):
            try:
                return self._clean(run)
            except KeyboardInterrupt:
                if last:
                    raise
            except AwsError as error:
                return self.remark(error.message)
        return ""

    def remark(self, why: str) -> str:
        """That the change set may be left, and why; empty if there can be none."""
        if not self.name or self.executed:
            return ""
        if self.gone:
            return f"the empty stack {self.stack} may be left: {why}"
        what = f"{self.name} of the stack {self.stack}" + (", which is empty," if self.new else "")
        return f"the change set {what} may be left: {why}; a deploy takes it away once it is an hour old"

    def _clean(self, run: Run) -> str:
        if not self.name or self.executed:
            return ""
        if self.executing and self.is_executed(run):
            return ""
        self.gone = False
        left = self._patiently(run, lambda: self._delete_change_set(run))
        self.gone, kept = not left, ""
        if self.new and not self.executed:
            kept = self._patiently(run, lambda: self._delete_stack(run))
        if not left and not kept:
            own, self.name, self.arn = self.arn, "", ""
            with suppress(AwsError):
                self._sweep(run, own)
        return left or kept

    def is_executed(self, run: Run) -> bool:
        """Whether the change set was executed; while that cannot be told, it counts as executed."""
        if self.executed:
            return True
        try:
            answer = run.aws.call(
                "cloudformation", "DescribeChangeSet", ChangeSetName=self.arn or self.name, **self._of()
            )
        except ApiError as error:
            if not error.absent:
                raise
            stack = snapshot(run.aws, self.stack_arn or self.stack)
            self.executed = stack is not None and stack.change_set == self.arn and stack.status != "REVIEW_IN_PROGRESS"
            return self.executed
        status = str(answer.get("ExecutionStatus") or "")
        self.executed = status in _EXECUTED
        self.executing = self.executing and status not in ("AVAILABLE", "UNAVAILABLE", "OBSOLETE")
        return self.executing

    def _of(self) -> dict[str, str]:
        """What a change set's name needs beside it; an ARN needs nothing."""
        return {} if self.arn else {"StackName": self.stack}

    def _patiently(self, run: Run, delete: Callable[[], str | None]) -> str:
        """Tries until it is done: a change set that is still being created cannot be deleted yet. Says what is left."""
        said: str | None = ""
        for _ in range(_TRIES):
            said = delete()
            if said is None:
                return ""
            run.aws.sleep(1.0)
        return said or ""

    def _delete_change_set(self, run: Run) -> str | None:
        try:
            run.aws.call("cloudformation", "DeleteChangeSet", ChangeSetName=self.arn or self.name, **self._of())
        except ApiError as error:
            if error.absent:
                return None
            if error.code.startswith("InvalidChangeSetStatus"):
                if self.sent and self.is_executed(run):
                    return None  # the call that was interrupted has arrived after all
                return f"the change set {self.name} of the stack {self.stack} is left: {error.message}"
            raise
        return None

    def _delete_stack(self, run: Run) -> str | None:
        """Deletes the empty stack that the change set brought with it, unless somebody else plans on it by now."""
        stack = snapshot(run.aws, self.stack_arn or self.stack)
        if stack is None or stack.status != "REVIEW_IN_PROGRESS":
            return None
        if not self.stack_arn and stack.change_set and stack.change_set.split("/")[1:2] != [self.name]:
            return None  # the call that would have made it was interrupted, and somebody else made this one
        if self._others(run, stack.arn, self.name):
            return None
        try:
            run.aws.call("cloudformation", "DeleteStack", StackName=stack.arn, ClientRequestToken=run.aws.token())
        except ApiError as error:
            if error.code != "ValidationError" or not error.repeated:
                raise
        after = snapshot(run.aws, stack.arn)
        if after is None or after.status != "REVIEW_IN_PROGRESS":
            return None
        return f"the empty stack {self.stack} is left in REVIEW_IN_PROGRESS"

    def _others(self, run: Run, arn: str, own: str) -> list[dict[str, Any]]:
        """The change sets of the stack but for the one of this name or ARN; none where they may not be listed."""
        answer = run.optional(
            "it is not known whether others plan on this stack", "cloudformation", "ListChangeSets", StackName=arn
        )
        return [
            one
            for one in (answer or {}).get("Summaries") or []
            if own not in (one.get("ChangeSetName"), one.get("ChangeSetId"))
        ]

    def _sweep(self, run: Run, own: str) -> None:
        """Deletes what earlier runs left: their change sets, or the stack if it is empty, came with one of them, and nobody else plans on it.

        Where nothing changes it is left alone: a deploy that has nothing to do makes few calls.
        """
        if self.new or self.executed or self.created is None:
            return
        others = self._others(run, self.stack_arn, own)
        stale = [one for one in others if self._is_stale(one)]
        came = [
            one["CreationTime"] for one in stale if self.review and abs(one["CreationTime"] - self.review) < _TOGETHER
        ]
        if came and len(stale) == len(others):
            stack = snapshot(run.aws, self.stack_arn)
            if stack is not None and stack.in_review and (not stack.tags or stack.belongs_to(run.target)):
                run.optional(
                    "the empty stack of an earlier run stays",
                    "cloudformation",
                    "DeleteStack",
                    StackName=stack.arn,
                    ClientRequestToken=run.aws.token(),
                )
            return
        for one in stale[:_MOST]:
            run.optional(
                "the change set of an earlier run stays",
                "cloudformation",
                "DeleteChangeSet",
                ChangeSetName=one["ChangeSetId"],
            )

    def _is_stale(self, one: dict[str, Any]) -> bool:
        made = one.get("CreationTime")
        old = made is not None and self.created is not None and self.created - made > STALE
        return (
            old and one.get("ExecutionStatus") not in _EXECUTED and bool(_OURS.fullmatch(str(one.get("ChangeSetName"))))
        )


_CLEANING = 180.0
"""Seconds for which throttling is waited out while traces are taken away."""


def conclude(run: Run, traces: Leftovers | None, body: Callable[[], Outcome]) -> Outcome:
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
    run.tell(RunEnded(outcome))
    return outcome


def _cleaned(run: Run, traces: Leftovers) -> str:
    run.aws.deadline = run.aws.clock() + _CLEANING
    return traces.clean(run)


def _without_end(run: Run, traces: Leftovers | None, failure: BaseException | None) -> Outcome:
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
