"""What every step of a run is handed: AWS, whom to tell and to ask, the stack's names, and the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.deploy.aws import ApiError, Aws, AwsError
from fsdcf.deploy.model import Ask, Exit, Outcome, Place, Question, StepStarted, Target, Tell, WarningIssued


class Stop(Exception):
    """The run ends here, with this outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.sentence)
        self.outcome = outcome


_GONE = ("ClusterNotFoundException", "ServiceNotFoundException")


@dataclass
class Run:
    """One run of a command. ``ask`` is None where there is nobody to ask. The deadline, by ``aws.clock``, is kept by ``aws``.

    ``running`` is what this run has set going on AWS and not yet seen end, such as "the update"; ``over`` is how its execution ended,
    once that was seen. ``template`` is what is deployed, or was; None until it is known.
    """

    aws: Aws
    tell: Tell
    target: Target
    ask: Ask | None = None
    where: Callable[[str], Place | None] = lambda logical_id: None
    warned: set[str] = field(default_factory=set)
    running: str = ""
    over: str = ""
    template: Mapping[str, Any] | None = None

    def limit(self, timeout: float | None) -> None:
        """Sets the deadline, so many seconds from now; None takes all the time it needs."""
        self.aws.deadline = None if timeout is None else self.aws.clock() + timeout

    def step(self, name: str, text: str) -> None:
        """Says which step begins."""
        self.tell(StepStarted(name, text))

    def warn(self, text: str) -> None:
        """Says what does not stop the run, once."""
        if text not in self.warned:
            self.warned.add(text)
            self.tell(WarningIssued(text))

    def optional(
        self, without: str, service: str, operation: str, /, *, may_be_gone: bool = False, **parameters: Any
    ) -> dict[str, Any] | None:
        """A call that the run can do without: any error of it is one warning, which says what is not known now, and None.

        ``may_be_gone``: that the service or its cluster is not there any more is no news.
        """
        if operation in self.warned:
            return None
        try:
            return self.aws.call(service, operation, **parameters)
        except AwsError as error:
            if may_be_gone and isinstance(error, ApiError) and error.code in _GONE:
                return None
            if not isinstance(error, ApiError) or not error.throttled:
                self.warned.add(operation)
            self.warn(f"{without}: {_said(error)}")
            return None

    def agrees(self, question: Question) -> bool:
        """Asks a person. The time that they take is not counted against the deadline. False where there is nobody."""
        if self.ask is None:
            return False
        begun = self.aws.clock()
        try:
            return self.ask(question)
        finally:
            if self.aws.deadline is not None:
                self.aws.deadline += self.aws.clock() - begun

    def late(self) -> bool:
        """Whether the deadline has passed."""
        return self.aws.deadline is not None and self.aws.clock() >= self.aws.deadline

    def rest(self, seconds: float) -> None:
        """Sleeps, but no longer than to the deadline, and long enough that CloudFormation's budget has room left."""
        seconds = max(seconds, self.aws.room(spare=3))
        if self.aws.deadline is not None:
            seconds = min(seconds, max(0.0, self.aws.deadline - self.aws.clock()))
        self.aws.sleep(seconds)

    def jitter(self, seconds: float) -> float:
        """About so many seconds: a fifth more or less."""
        return seconds * (0.8 + 0.4 * self.aws.random.random())


def stop(code: Exit, sentence: str, *next: str, **more: Any) -> Stop:
    """The end of a run: ``raise stop(Exit.USAGE, "the image is not there", "docker push ...")``."""
    return Stop(Outcome(code, sentence, next=tuple(next), **more))


def _said(error: AwsError) -> str:
    action = f"{error.service}:{error.operation}"
    if isinstance(error, ApiError) and error.denied:
        return f"no permission for {action}"
    return f"{action} failed: {error.message}"
