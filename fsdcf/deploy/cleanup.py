"""The leftovers of a run (its change set and an empty stack), how they are deleted, and how every run ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.aws import ApiError, AwsError, Expired, Unreachable
from fsdcf.deploy.model import INTERRUPTS, Evidence, Exit, Outcome, RunEnded, Terminated
from fsdcf.deploy.run import Run, Stop, advised, describe_error, is_foreign, outcome_of
from fsdcf.deploy.state import snapshot

STALE = timedelta(hours=1)
"""The age, by AWS's clock, from which a change set of fsdcf belongs to no run any more."""

_TRIES, _UNSAID = 20, 3
"""Attempts to delete, one a second, and those that are not reported."""

_MOST = 10
_OWN_NAME = re.compile(r"fsdcf-(.+-)?[0-9a-f]{10}")
_TOGETHER = timedelta(minutes=1)
_EXECUTED = ("EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE", "EXECUTE_FAILED")


@dataclass
class Leftovers:
    """The change set of a run, noted before it is requested, so that an interruption at any time can clean it up.

    ``new``: there was no stack of this name, so that an empty one belongs to this run. ``review`` is when an existing
    stack in review was created. ``created`` is AWS's time of a change set with changes; ``gone``: it has been deleted.
    ``sent``: ExecuteChangeSet was sent; ``executing``: it may have been carried out; ``executed``: it was, and nothing
    is deleted any more: CloudFormation deletes all other change sets itself.
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
        """Delete the change set, and the stack if it is empty and belongs to this run.

        Returns what is left; empty for nothing.

        Then it deletes the leftovers of earlier runs that lost their credentials or were killed. One more interruption
        does not stop it.
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
        """A clause that says that the change set may be left, and why; empty if it cannot be left."""
        if not self.name or self.executed:
            return ""
        if self.gone:
            return f"the empty stack {self.stack} may remain: {why}"
        name = f"{self.name} of the stack {self.stack}" + (", which is empty," if self.new else "")
        return f"the change set {name} may remain: {why}; a deploy deletes it once it is an hour old"

    def _clean(self, run: Run) -> str:
        if not self.name or self.executed:
            return ""
        if self.executing and self.is_executed(run):
            return ""
        self.gone = False
        left = self._retry(run, self._delete_change_set)
        self.gone, kept = not left, ""
        if self.new and not self.executed:
            kept = self._retry(run, self._delete_stack)
        if not (left or kept or self.executed):
            own, self.name, self.arn = self.arn, "", ""
            with suppress(AwsError):
                self._sweep(run, own)
        return left or kept

    def is_executed(self, run: Run) -> bool:
        """Whether the change set was executed. If that is unknown, it counts as executed."""
        if self.executed:
            return True
        try:
            answer = run.aws.call("cloudformation", "DescribeChangeSet", **self.identity())
        except ApiError as error:
            if not error.absent:
                raise
            stack = snapshot(run.aws, self.stack_arn or self.stack)
            self.executed = stack is not None and stack.change_set == self.arn and not stack.in_review
            return self.executed
        status = text(answer, "ExecutionStatus")
        self.executed = status in _EXECUTED
        self.executing = self.executing and status not in ("AVAILABLE", "UNAVAILABLE", "OBSOLETE")
        return self.executing

    def identity(self) -> dict[str, Any]:
        """The parameters of a request that identify the change set: its ARN, or its name and the stack's."""
        return {"ChangeSetName": self.arn} if self.arn else {"ChangeSetName": self.name, "StackName": self.stack}

    def _retry(self, run: Run, delete: Callable[[Run], str | None]) -> str:
        """Retry until ``delete`` returns None: a change set cannot be deleted while it is being created.

        Returns what is left.
        """
        left: str | None = ""
        for tried in range(_TRIES):
            left = delete(run)
            if left is None:
                return ""
            if tried == _UNSAID:
                run.waits(f"{left}, which is tried again", _TRIES - tried)
            run.aws.sleep(1.0)
        return left or ""

    def _delete_change_set(self, run: Run) -> str | None:
        try:
            run.aws.call("cloudformation", "DeleteChangeSet", **self.identity())
        except ApiError as error:
            if error.absent:
                return None
            if error.code.startswith("InvalidChangeSetStatus"):
                if self.sent and self.is_executed(run):
                    return None  # the interrupted execution has arrived after all
                return f"the change set {self.name} of the stack {self.stack} was not deleted: {error.message}"
            raise
        return None

    def _delete_stack(self, run: Run) -> str | None:
        """Delete the empty stack that the change set created, unless another user has a change set on it."""
        stack = snapshot(run.aws, self.stack_arn or self.stack)
        if stack is None or not stack.in_review:
            return None
        if not self.stack_arn and stack.change_set and stack.change_set.split("/")[1:2] != [self.name]:
            return None  # our call was interrupted, and another user created this stack
        if self._others(run, stack.arn, self.name):
            return None
        try:
            run.aws.call("cloudformation", "DeleteStack", StackName=stack.arn, ClientRequestToken=run.aws.token())
        except ApiError as error:
            if error.code != "ValidationError" or not error.repeated:
                raise
        after = snapshot(run.aws, stack.arn)
        if after is None or not after.in_review:
            return None
        return f"the empty stack {self.stack} remains in REVIEW_IN_PROGRESS"

    def _others(self, run: Run, arn: str, own: str) -> list[Answer]:
        """The other change sets of the stack; empty without the permission. ``own`` is a name or an ARN."""
        answer = run.optional(
            "change sets of other users cannot be checked", "cloudformation", "ListChangeSets", StackName=arn
        )
        return [
            summary
            for summary in answer.get("Summaries") or []
            if own not in (summary.get("ChangeSetName"), summary.get("ChangeSetId"))
        ]

    def _sweep(self, run: Run, own: str) -> None:
        """Delete the leftovers of earlier runs.

        Their change sets, or the empty stack if it was created with one of them.

        Without changes it does nothing, so that such a deploy makes few calls.
        """
        if self.new or self.executed or self.created is None:
            return
        others = self._others(run, self.stack_arn, own)
        stale = [summary for summary in others if self._is_stale(summary)]
        created_stack = self.review is not None and any(
            abs(summary["CreationTime"] - self.review) < _TOGETHER
            for summary in stale  # a stale one has a time
        )
        if created_stack and len(stale) == len(others):
            stack = snapshot(run.aws, self.stack_arn)
            if stack is not None and stack.in_review and (not stack.tags or stack.belongs_to(run.target)):
                run.optional(
                    "the empty stack of an earlier run was not deleted",
                    "cloudformation",
                    "DeleteStack",
                    StackName=stack.arn,
                    ClientRequestToken=run.aws.token(),
                )
            return
        for summary in stale[:_MOST]:
            run.optional(
                "the change set of an earlier run was not deleted",
                "cloudformation",
                "DeleteChangeSet",
                ChangeSetName=text(summary, "ChangeSetId"),
            )

    def _is_stale(self, summary: Answer) -> bool:
        created = summary.get("CreationTime")
        old = created is not None and self.created is not None and self.created - created > STALE
        named = _OWN_NAME.fullmatch(text(summary, "ChangeSetName")) is not None
        return old and named and summary.get("ExecutionStatus") not in _EXECUTED


_CLEANING = 180.0
"""Seconds for which throttled calls are retried during the cleanup."""


def conclude(run: Run, leftovers: Leftovers | None, body: Callable[[], Outcome]) -> Outcome:
    """Run ``body``, clean up, and report the outcome.

    Whatever interrupts ``body`` becomes an outcome; leftovers are named in it.
    """
    outcome: Outcome | None = None
    failure: BaseException | None = None
    try:
        outcome = body()
    except Stop as end:
        outcome = end.outcome
    except (*INTERRUPTS, AwsError) as error:
        failure = error
    own, left = leftovers or Leftovers(""), ""
    try:
        run.aws.deadline = run.aws.clock() + _CLEANING
        left = own.clean(run)
    except INTERRUPTS as pressed:
        left, failure = own.remark("the run was interrupted"), pressed
    if failure is not None or outcome is None:
        retry = run.target.redeploy() if leftovers is not None else run.target.command("status")
        outcome = _interrupted(run, own, failure, retry)
    if left:
        names = f"--stack-name {own.stack} --change-set-name {own.name}"
        delete_set = f"aws cloudformation delete-change-set {names}"
        evidence = (*outcome.evidence, Evidence("left behind", left))
        next_steps = (*outcome.next, run.target.command("delete") if own.new else delete_set)
        outcome = replace(outcome, evidence=evidence, next=next_steps)
    run.tell(RunEnded(outcome))
    return outcome


def _interrupted(run: Run, leftovers: Leftovers, failure: BaseException | None, retry: str) -> Outcome:
    """The outcome of a run that a person, the system or AWS cut off. ``retry`` is the command to repeat it with."""
    target = run.target
    cause = _cause(run, failure)
    watch, diagnose = target.command("watch"), target.command("diagnose")
    after = Exit.INTERRUPTED if isinstance(failure, KeyboardInterrupt) else Exit.UNKNOWN
    if run.over:
        state = f"{run.over}, and the running version of the service was not verified"
        return replace(cause, exit=after, sentence=_joined(cause, state), next=(*cause.next, diagnose))
    if run.running or leftovers.executed:
        operation = run.running or f"the execution of {leftovers.name}"
        state = f"{operation} continues; its outcome is unknown"
        return replace(cause, exit=after, sentence=_joined(cause, state), next=(*cause.next, watch, diagnose))
    if leftovers.executing:
        state = f"whether {leftovers.name} was executed is unknown"
        return replace(cause, exit=after, sentence=_joined(cause, state), next=(*cause.next, watch, diagnose))
    return replace(cause, sentence=_joined(cause, "nothing was executed"), next=(*cause.next, retry))


def _joined(cause: Outcome, state: str) -> str:
    """What cut the run off, and what that leaves."""
    return f"{cause.sentence}{'; ' if ': ' in cause.sentence else ': '}{state}"


def _cause(run: Run, failure: BaseException | None) -> Outcome:
    """What cut the run off, with the exit code if nothing was executed."""
    if isinstance(failure, Terminated):
        return Outcome(Exit.INTERRUPTED, f"received {failure.signal}")
    if not isinstance(failure, AwsError):
        return Outcome(Exit.INTERRUPTED, "interrupted")
    if isinstance(failure, Expired) or (isinstance(failure, ApiError) and failure.denied):
        return outcome_of(failure, run.aws, run.target)
    action = f"{failure.service}:{failure.operation}"
    evidence = (Evidence(action, failure.message),)
    if is_foreign(failure, run.aws):
        return Outcome(Exit.FAILED, f"the endpoint does not answer as AWS does ({failure.service})", evidence)
    if isinstance(failure, ApiError) and failure.unimplemented:
        return Outcome(Exit.FAILED, describe_error(failure), evidence)
    if not isinstance(failure, ApiError) or failure.broken:
        advice = advised(failure.advice) if isinstance(failure, Unreachable) else None
        return Outcome(Exit.FAILED, f"AWS cannot be reached ({failure.service})", evidence, advice=advice)
    if failure.throttled:
        return Outcome(Exit.FAILED, "AWS throttled the calls until the deadline", evidence)
    return Outcome(Exit.FAILED, f"{action} failed", evidence)
