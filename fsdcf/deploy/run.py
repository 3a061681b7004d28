"""The context of one run: AWS, the receiver of events, the person to ask, the target and the time left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fsdcf.deploy.answers import Answer
from fsdcf.deploy.aws import ApiError, Aws, AwsError
from fsdcf.deploy.model import (
    Ask,
    Exit,
    Outcome,
    Place,
    Question,
    StepStarted,
    Target,
    Tell,
    WarningIssued,
    Where,
    nowhere,
)


class Stop(Exception):
    """The run ends with this outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.sentence)
        self.outcome = outcome


def stop(code: Exit, sentence: str, *next: str, **more: Any) -> Stop:
    """A Stop in short: ``raise stop(Exit.USAGE, "the image does not exist", "docker push ...")``."""
    return Stop(Outcome(code, sentence, next=tuple(next), **more))


_GONE = ("ClusterNotFoundException", "ServiceNotFoundException")


@dataclass
class Run:
    """One run of a command. ``ask`` is None without a person to ask. ``aws`` keeps the deadline, by ``aws.clock``.

    ``running`` names the operation that this run has started on AWS and that has not ended yet, such as "the update";
    ``over`` is how its execution ended. ``template`` is the template of the release, or the deployed one; None until it
    is known.
    """

    aws: Aws
    tell: Tell
    target: Target
    ask: Ask | None = None
    where: Where = nowhere
    warned: set[str] = field(default_factory=set)
    running: str = ""
    over: str = ""
    template: Mapping[str, Any] | None = None

    def limit(self, timeout: float | None) -> None:
        """Set the deadline in seconds from now; None means no limit."""
        self.aws.deadline = None if timeout is None else self.aws.clock() + timeout

    def step(self, name: str, text: str) -> None:
        """Report that a stage begins."""
        self.tell(StepStarted(name, text))

    def warn(self, text: str) -> None:
        """Report a problem that does not stop the run, once."""
        if text not in self.warned:
            self.warned.add(text)
            self.tell(WarningIssued(text))

    def optional(
        self, without: str, service: str, operation: str, /, *, may_be_gone: bool = False, **parameters: Any
    ) -> Answer:
        """The answer to a call that the run can do without.

        An error is one warning, which begins with ``without``, and gives an empty answer.

        ``may_be_gone``: no warning if the ECS service or its cluster no longer exists.
        """
        if operation in self.warned:
            return {}
        try:
            return self.aws.call(service, operation, **parameters)
        except AwsError as error:
            if may_be_gone and isinstance(error, ApiError) and error.code in _GONE:
                return {}
            if not isinstance(error, ApiError) or not error.throttled:
                self.warned.add(operation)
            self.warn(f"{without}: {describe_error(error)}")
            return {}

    def optional_pages(self, without: str, service: str, operation: str, /, **parameters: Any) -> Iterator[Answer]:
        """The pages of an answer that the run can do without. It ends early at an error, which is one warning."""
        return self.aws.pages(service, operation, call=partial(self.optional, without), **parameters)

    def glance(self, service: str, operation: str, /, **parameters: Any) -> Answer:
        """The answer to one attempt of a call that only adds detail: empty after any error, without a warning or wait.

        It is not made while CloudFormation's call budget is used up.
        """
        if service == "cloudformation" and self.aws.room() > 0:
            return {}
        deadline, self.aws.deadline = self.aws.deadline, self.aws.clock()
        try:
            return self.aws.call(service, operation, **parameters)
        except AwsError:
            return {}
        finally:
            self.aws.deadline = deadline

    def require(self, operation: str, member: str, feature: str) -> None:
        """Stop the run (exit 2) if the installed botocore lacks a member of a CloudFormation request."""
        if not self.aws.supports("cloudformation", operation, member):
            sentence = f"the installed botocore is too old for {feature}: its {operation} has no {member}"
            raise stop(Exit.USAGE, sentence, "pip install --upgrade boto3")

    def agrees(self, question: Question) -> bool:
        """The person's answer; False without a person. The time for the answer does not count towards the deadline."""
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
        """Sleep until the deadline at most, and long enough for CloudFormation's call budget to recover."""
        seconds = max(seconds, self.aws.room(spare=3))
        if self.aws.deadline is not None:
            seconds = min(seconds, max(0.0, self.aws.deadline - self.aws.clock()))
        self.aws.sleep(seconds)

    def jitter(self, seconds: float) -> float:
        """The seconds, plus or minus up to a fifth at random."""
        return seconds * (0.8 + 0.4 * self.aws.random.random())

    def place(self, logical_id: str, path: str = "") -> Place | None:
        """The spec line of a property (``/DesiredCount``) of a resource, or of the resource; None if there is none."""
        exact = self.where(f"{logical_id}/{path.strip('/')}") if path.strip("/") else None
        return exact or self.where(logical_id)

    def places(self, names: Iterable[str]) -> dict[str, Place]:
        """The spec lines of those logical ids that have one."""
        return {name: place for name in names if (place := self.where(name)) is not None}


def describe_error(error: AwsError) -> str:
    """A failed call in a clause: the missing permission, or the message of AWS."""
    action = f"{error.service}:{error.operation}"
    if isinstance(error, ApiError) and error.denied:
        return f"no permission for {action}"
    return f"{action} failed: {error.message}"
