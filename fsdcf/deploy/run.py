"""The context of one run: AWS, the receiver of events, the person to ask, the target and the time left."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeGuard

from fsdcf.aws_errors import Denial
from fsdcf.deploy.answers import Answer
from fsdcf.deploy.aws import ApiError, Aws, AwsError, Expired, Unreachable, Unreadable
from fsdcf.deploy.model import (
    Advice,
    Approve,
    Ask,
    Evidence,
    Exit,
    NoticeIssued,
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
from fsdcf.suggested import suggested


class Stop(Exception):
    """The run ends with this outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.sentence)
        self.outcome = outcome


def stop(code: Exit, sentence: str, *next: str, **more: Any) -> Stop:
    """A Stop in short: ``raise stop(Exit.USAGE, "the image does not exist", "docker push ...")``."""
    return Stop(Outcome(code, sentence, next=tuple(next), **more))


_GONE = ("ClusterNotFoundException", "ServiceNotFoundException", "ResourceNotFoundException")


@dataclass
class Run:
    """One run of a command. ``ask`` is None without a person to ask. ``aws`` keeps the deadline, by ``aws.clock``.

    ``approve`` decides on a plan together with other plans; None asks about each plan alone.

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
    approve: Approve | None = None

    def properties(self, logical_id: str) -> Mapping[str, Any]:
        """The properties of a resource in the template; empty where they are unknown."""
        return ((self.template or {}).get("Resources") or {}).get(logical_id, {}).get("Properties") or {}

    def limit(self, timeout: float | None) -> None:
        """Set the deadline in seconds from now; None means no limit."""
        self.aws.deadline = None if timeout is None else self.aws.clock() + timeout

    def waits(self, text: str, seconds: float) -> None:
        """Report what the run waits for, and for how long at most, in seconds."""
        if self.aws.deadline is not None:
            seconds = min(seconds, max(0.0, self.aws.deadline - self.aws.clock()))
        self.tell(NoticeIssued("waiting", f"{text}: for up to {seconds:.0f} s"))

    def step(self, name: str, text: str) -> None:
        """Report that a stage begins."""
        self.tell(StepStarted(name, text))

    def warn(self, text: str, denied: bool = False) -> None:
        """Report a problem that does not stop the run, once. ``denied``: a permission is missing."""
        if text not in self.warned:
            self.warned.add(text)
            self.tell(WarningIssued(text, denied))

    def lack(self, without: str, error: AwsError) -> None:
        """Report a failed call that the run can do without."""
        self.warn(f"{without}: {describe_error(error)}", is_denied(error))

    def optional(
        self, without: str, service: str, operation: str, /, *, may_be_gone: bool = False, **parameters: Any
    ) -> Answer:
        """The answer to a call that the run can do without.

        An error is one warning, which begins with ``without``, and gives an empty answer. The call gives up after ten
        seconds. It is not made again after an error of AWS, or if the endpoint never answered it; an operation that
        was answered before may be answered again.

        ``may_be_gone``: no warning if the service, its cluster or the log stream does not exist.
        """
        if operation in self.warned:
            return {}
        try:
            return self.aws.call(service, operation, look=True, **parameters)
        except AwsError as error:
            if may_be_gone and isinstance(error, ApiError) and error.code in _GONE:
                return {}
            refused = isinstance(error, ApiError) and not (error.throttled or error.broken)
            if refused or not self.aws.answered(service, operation):
                self.warned.add(operation)
            self.lack(without, error)
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
        ask = self.ask
        return ask is not None and self._untimed(lambda: ask(question))

    def approves(self, questions: tuple[Question, ...]) -> bool:
        """Whether a plan with these questions may be executed. The wait does not count towards the deadline."""
        approve = self.approve
        return all(map(self.agrees, questions)) if approve is None else self._untimed(lambda: approve(questions))

    def _untimed(self, answer: Callable[[], bool]) -> bool:
        begun = self.aws.clock()
        try:
            return answer()
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


def is_denied(error: AwsError) -> TypeGuard[ApiError]:
    """Whether a permission is missing."""
    return isinstance(error, ApiError) and error.denied


def permissions_command(target: Target | None, operate: bool = False, build: bool = False) -> str:
    """The command that prints the permissions of a deploy, with those that show its state, or to ``operate``.

    ``build``: also those to push an image.
    """
    spec, environment = (target.spec, target.environment) if target else ("SPEC", None)
    return suggested("permissions", spec, env=environment, operate=operate, build=build)


def describe_error(error: AwsError) -> str:
    """A failed call in a clause: who lacks which permission, why credentials are missing, or the message of AWS."""
    if is_denied(error):
        return error.denial.text
    if isinstance(error, Expired):
        return error.sentence
    if isinstance(error, ApiError) and error.unimplemented:
        return f"the endpoint does not implement {error.service}:{error.operation}"
    return f"{error.service}:{error.operation} failed: {error.message}"


def is_foreign(error: AwsError, aws: Aws) -> bool:
    """Whether an error is the answer of an endpoint that is not AWS, not one that a proxy gives in passing."""
    return isinstance(error, Unreadable) and (not error.passing or aws.is_foreign(error.service))


def denied(
    error: ApiError, aws: Aws, target: Target | None, sentence: str = "", resource: str = "", build: bool = False
) -> Outcome:
    """The outcome of a refused call: who may not do what and why, AWS's words, what helps, and the next commands.

    ``sentence`` says what the call was for, and ``resource`` is the ARN that it was about; ``build``: it belongs to the
    push of an image. AWS names caller and resource in most messages; otherwise it is asked for the caller.
    """
    denial = replace(error.denial, resource=error.denial.resource or resource)
    if not denial.principal and not denial.unassumable:
        denial = replace(denial, principal=aws.caller())
    commands = [permissions_command(target, build=build)]
    if target and target.redeploy_command.startswith(suggested("bootstrap")):
        commands = []  # its permissions are those of an administrator
    if denial.unassumable:
        name = shlex.quote(denial.resource.rpartition("/")[2])
        commands.insert(0, f"aws iam get-role --role-name {name} --query Role.AssumeRolePolicyDocument")
    if denial.encoded:
        commands.append("aws sts decode-authorization-message --query DecodedMessage --encoded-message MESSAGE")
    whole = f"{sentence}: {denial.text}" if sentence else denial.text
    evidence = (Evidence(f"{error.service}:{error.operation}", error.message),)
    return Outcome(Exit.DENIED, whole, evidence, tuple(commands), advice=Advice(_help(denial)))


def _help(denial: Denial) -> str:
    """What helps against a denial, with the statement that would allow the call, if one is missing."""
    if not denial.policy and denial.encoded:
        return "decode AWS's message, which CloudTrail contains too, to see which policy refuses the call"
    advice = denial.advice or _UNNAMED
    if not denial.lacks_statement or not denial.resource or denial.statement in advice:
        return advice
    return f"{advice}: {denial.statement}" if denial.policy else f"{advice}; the statement is {denial.statement}"


_UNNAMED = (
    "AWS does not say which policy refuses it: compare those of the caller with the output of fsdcf permissions, then"
    " look at the policies of the resource and of its KMS key, a permissions boundary, and those of the organization"
)


def outcome_of(error: AwsError, aws: Aws, target: Target | None) -> Outcome:
    """The outcome of a command that an error of AWS ends."""
    if isinstance(error, Expired):
        return Outcome(Exit.DENIED, error.sentence, next=error.next, advice=advised(error.advice))
    if isinstance(error, ApiError):
        if error.denied:
            return denied(error, aws, target)
        if error.unimplemented:
            sentence = f"{describe_error(error)}: {error.message}"
            return Outcome(Exit.FAILED, sentence, next=("check --endpoint-url",))
        return Outcome(Exit.FAILED, f"{error.operation} failed: {error.message}")
    if is_foreign(error, aws):
        sentence = f"the endpoint does not answer as AWS does: {error}"
        return Outcome(Exit.FAILED, sentence, next=("check --endpoint-url and the network",))
    advice = error.advice if isinstance(error, Unreachable) else ""
    next = () if advice else ("check --region, --endpoint-url and the network",)
    return Outcome(Exit.UNKNOWN, f"AWS cannot be reached: {error.message}", next=next, advice=advised(advice))


def advised(text: str) -> Advice | None:
    """Advice without a key; None for an empty text."""
    return Advice(text) if text else None
