"""What a run leaves in CloudFormation before it executes anything, and how it is taken away again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fsdcf.deploy.aws import ApiError, AwsError
from fsdcf.deploy.run import Run
from fsdcf.deploy.snapshot import snapshot

_TRIES = 20
_EXECUTED = ("EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE", "EXECUTE_FAILED")


@dataclass
class Traces:
    """The change set of a run, noted before it is asked for: an interruption at any moment finds it here.

    ``new``: there was no stack of this name, so that an empty one is the run's own. ``sent``: ExecuteChangeSet was sent; ``executing``: it may
    have been carried out; ``executed``: it was, and nothing is taken away any more.
    """

    stack: str
    new: bool = False
    name: str = ""
    arn: str = ""
    stack_arn: str = ""
    sent: bool = False
    executing: bool = False
    executed: bool = False

    def clean(self, run: Run) -> str:
        """Deletes the change set, and the stack if it is empty and the run's own. Says what is left; empty for nothing.

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
        return f"the change set {self.name} of the stack {self.stack} may be left: {why}"

    def _clean(self, run: Run) -> str:
        if not self.name or self.executed:
            return ""
        if self.executing and self.is_executed(run):
            return ""
        gone = self._patiently(run, lambda: self._delete_change_set(run))
        kept = ""
        if self.new and not self.executed:
            kept = self._patiently(run, lambda: self._delete_stack(run))
        if not gone and not kept:
            self.name = self.arn = ""
        return gone or kept

    def is_executed(self, run: Run) -> bool:
        """Whether the change set was executed; while that cannot be told, it counts as executed."""
        if self.executed:
            return True
        try:
            answer = run.aws.call("cloudformation", "DescribeChangeSet", ChangeSetName=self.arn or self.name, **self._of())
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
        if self._has_others(run, stack.arn):
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

    def _has_others(self, run: Run, arn: str) -> bool:
        answer = run.optional("it is not known whether others plan on this stack", "cloudformation", "ListChangeSets", StackName=arn)
        return any(one.get("ChangeSetName") != self.name for one in (answer or {}).get("Summaries") or [])
