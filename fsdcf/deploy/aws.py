"""All calls to AWS: counted, kept within a budget, retried, repeated safely, and paged."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Literal

import boto3
import botocore.exceptions
import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.parsers import ResponseParserError

from fsdcf.aws_errors import (
    CredentialsError,
    Denial,
    categorize,
    denial_of,
    lacks_credentials,
    network_problem,
    without_encoded,
)
from fsdcf.conventions import similar
from fsdcf.deploy.answers import Answer
from fsdcf.deploy.credentials import (
    ALONE,
    CredentialSource,
    Surroundings,
    explain_credentials,
    line_in,
    unreadable_file,
    without_credentials,
)
from fsdcf.deploy.model import Exit

WINDOW = 60.0
BUDGET = 30
"""The most calls to CloudFormation in any ``WINDOW`` seconds.

Half a call per second leaves room for other users of the account.
"""

LONGEST_PAUSE = 60.0
PATIENCE = 300.0
FIRST_PATIENCE = 15.0
"""Seconds of retrying after a network or server error.

The short time applies until AWS has answered for the first time.
"""

_LEAST = 4
"""The fewest attempts of a call, however slowly each of them fails."""


class AwsError(Exception):
    """A call without a usable answer. ``repeated``: an earlier attempt of it may have been carried out."""

    def __init__(self, service: str, operation: str, message: str) -> None:
        super().__init__(f"{operation}: {message}")
        self.service = service
        self.operation = operation
        self.message = message
        self.repeated = False


class ApiError(AwsError):
    """An error response of AWS: its code, message and HTTP status."""

    def __init__(self, service: str, operation: str, code: str, message: str, status: int = 400) -> None:
        super().__init__(service, operation, without_encoded(message))
        self.code = code
        self.status = status
        self.category = categorize(code, status, message)
        self.denial = denial_of(service, operation, message) if self.denied else Denial()

    @property
    def throttled(self) -> bool:
        """Too many calls; the call was not carried out."""
        return self.category == "throttled"

    @property
    def denied(self) -> bool:
        """A permission is missing."""
        return self.category == "denied"

    @property
    def broken(self) -> bool:
        """AWS itself failed; the call may have been carried out."""
        return self.category == "transient"

    @property
    def absent(self) -> bool:
        """The resource of the call does not exist."""
        return self.code in ("ChangeSetNotFound", "ChangeSetNotFoundException", "404", "NoSuchBucket") or (
            self.code == "ValidationError" and "does not exist" in self.message
        )


class Unreachable(AwsError):
    """The network failed, or the response did not come from AWS; the call may have been carried out.

    ``advice`` says what helps, if that is known. ``final``: a retry cannot solve it, such as an untrusted certificate.
    """

    def __init__(self, service: str, operation: str, message: str, advice: str = "", final: bool = False) -> None:
        super().__init__(service, operation, message)
        self.advice = advice
        self.final = final

    @property
    def unresolved(self) -> bool:
        """Whether a host name has no address."""
        return "cannot be resolved" in self.message


_AGAIN = ("aws sso login", "aws sts get-caller-identity")


class Expired(AwsError):
    """There are no usable credentials: AWS rejects them and they could not be renewed, or they could not be obtained.

    ``sentence`` says which credentials and why, ``advice`` and the commands in ``next`` what helps. ``obtained``: there
    were credentials, which AWS rejects.
    """

    def __init__(self, service: str, operation: str, message: str, source: CredentialSource | None = None) -> None:
        super().__init__(service, operation, message)
        self.obtained = True
        self.sentence = f"AWS rejected the credentials{f' from {source.subject}' if source else ''}: {message}"
        self.advice, self.next = source.way_out("rejected") if source else ("", _AGAIN)
        if self.untimely:
            self.sentence, self.advice = f"the clock of this machine is wrong: {message}", ""
            self.next = ("date -u",)

    @classmethod
    def unobtained(cls, service: str, operation: str, error: CredentialsError) -> Expired:
        """There are no credentials to send."""
        expired = cls(service, operation, str(error))
        expired.obtained, expired.sentence = False, str(error)
        expired.advice, expired.next = error.advice, error.next
        return expired

    @property
    def untimely(self) -> bool:
        """Whether the cause is the clock of this machine and not the credentials.

        Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
        """
        return bool(
            re.match("Signature (?:expired|not yet current)|The difference between the request time", self.message)
        )


class Aws:
    """A connection to AWS.

    ``make`` creates a botocore client for a service and a region. ``clock`` gives seconds and never runs backwards;
    ``sleep`` takes seconds. ``renew`` discards expired credentials, so that ``make`` finds new ones. ``deadline``, by
    the clock, ends all retries. ``calls`` lists every attempt (time, service, operation); ``throttles`` counts the
    throttled ones. ``pace`` is how many seconds of AWS's time stamps pass in one second of the clock: 1, and less in an
    accelerated sandbox.
    """

    def __init__(
        self,
        make: Callable[[str, str], Any],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        random: random.Random,
        region: str,
        partition: str = "aws",
        renew: Callable[[], None] = lambda: None,
        pace: float = 1.0,
        source: CredentialSource | None = None,
        regions: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self.clock = clock
        self.sleep = sleep
        self.random = random
        self.region = region
        self.partition = partition
        self.pace = pace
        self.deadline: float | None = None
        self.calls: list[tuple[float, str, str]] = []
        self.throttles = 0
        self._make = make
        self._renew = renew
        self._source = source
        self._regions = regions
        self._caller: str | None = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._answered = False

    def call(self, service: str, operation: str, /, *, at: str | None = None, **parameters: Any) -> Answer:
        """The answer to one call, in the region ``at`` or the run's own. Raises ApiError, Unreachable or Expired.

        Throttling is retried until the deadline, network and server errors for some minutes, always with the same
        parameters: a call that changes something needs a token. Expired credentials are renewed once.
        """
        tried, repeated, renewed, begun = 0, False, False, self.clock()
        while True:
            try:
                return self._attempt(service, operation, at or self.region, parameters)
            except Expired as error:
                error.repeated = repeated
                if renewed or not (error.obtained or self._answered):
                    raise  # what cannot be obtained now cannot be obtained a moment later
                renewed = True
                self._clients.clear()
                self._renew()
            except (ApiError, Unreachable) as error:
                throttled = isinstance(error, ApiError) and error.throttled
                self.throttles += throttled
                patience = self._patience(error)
                error.repeated = repeated
                tried += 1
                late = self.deadline is not None and self.clock() >= self.deadline
                if patience is None or (tried >= _LEAST and self.clock() - begun >= patience) or late:
                    raise
                repeated = repeated or not throttled
                self._pause(min(LONGEST_PAUSE, (1.0 if throttled else 0.5) * 2 ** min(tried - 1, 10)))

    def pages(
        self,
        service: str,
        operation: str,
        /,
        *,
        call: Callable[..., Answer] | None = None,
        **parameters: Any,
    ) -> Iterator[Answer]:
        """The pages of an answer, each requested when the caller takes it. Raises what ``call`` raises.

        ``call`` replaces this object's own ``call``; an empty answer of it ends the pages. A token that repeats ends
        them, too.
        """
        token: Answer = {}
        while answer := (call or self.call)(service, operation, **{**parameters, **token}):
            yield answer
            before, token = token, {key: answer[key] for key in ("NextToken", "nextToken") if answer.get(key)}
            if not token or token == before:
                return

    def supports(self, service: str, operation: str, member: str | None = None) -> bool:
        """Whether the installed botocore has an operation, or a member of its input."""
        model = self._client(service, operation, self.region).meta.service_model
        if operation not in model.operation_names:
            return False
        shape = model.operation_model(operation).input_shape
        return member is None or (shape is not None and member in shape.members)

    def endpoint(self, service: str) -> str:
        """The URL of a service in the region, as botocore resolves it. Raises ApiError for an invalid configuration."""
        return str(self._client(service, "", self.region).meta.endpoint_url)

    def room(self, spare: int = 0) -> float:
        """Seconds until the budget allows a call to CloudFormation and ``spare`` more calls."""
        now = self.clock()
        recent = [at for at, service, _ in self.calls if service == "cloudformation" and at > now - WINDOW]
        over = len(recent) - (BUDGET - spare)
        return 0.0 if over < 0 else max(0.0, recent[over] + WINDOW - now)

    def client(self, service: str) -> Any:
        """A client for a caller that makes many calls at once and retries them itself. Its calls are not counted."""
        return self._new_client(service, "", self.region)

    def caller(self) -> str:
        """The ARN of the caller; empty if that cannot be read. Makes at most one call, which needs no permission."""
        if self._caller is None:
            self._caller = ""
            with suppress(AwsError):
                self._caller = str(self._attempt("sts", "GetCallerIdentity", self.region, {}).get("Arn") or "")
        return self._caller

    def token(self) -> str:
        """A new idempotency token: a call that is sent again with it is carried out once."""
        return f"fsdcf-{self.random.getrandbits(96):024x}"

    def _patience(self, error: ApiError | Unreachable) -> float | None:
        """Seconds for which the failed call is retried; None if it is not."""
        if isinstance(error, ApiError) and error.throttled:
            return float("inf")
        if isinstance(error, Unreachable) and error.final:
            return None
        if isinstance(error, Unreachable) or error.broken:
            return PATIENCE if self._answered else FIRST_PATIENCE
        return None

    def _pause(self, longest: float) -> None:
        seconds = longest * (0.5 + self.random.random() / 2)
        if self.deadline is not None:
            seconds = min(seconds, max(0.0, self.deadline - self.clock()))
        self.sleep(seconds)

    def _attempt(self, service: str, operation: str, region: str, parameters: Answer) -> Answer:
        if service == "cloudformation":
            while (wait := self.room()) > 0:
                self.sleep(wait)
        method = getattr(self._client(service, operation, region), xform_name(operation), None)
        if method is None:
            raise ApiError(service, operation, "UnknownOperation", f"the installed botocore has no {operation}")
        self.calls.append((self.clock(), service, operation))
        try:
            answer: Answer = method(**parameters)
        except CredentialsError as error:
            raise Expired.unobtained(service, operation, error) from error
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, ResponseParserError) as error:
            failure = self._located(_translate(error, service, operation, self._source), region)
            self._answered = self._answered or (isinstance(failure, ApiError) and not failure.broken)
            raise failure from error
        self._answered = True
        return answer

    def _located(self, failure: AwsError, region: str) -> AwsError:
        """The failure; if a host name cannot be resolved because its region does not exist, with that."""
        if not isinstance(failure, Unreachable) or not failure.unresolved or region not in failure.message:
            return failure
        regions = self._regions()
        if not regions or region in regions:
            return failure
        close = similar(region, regions)
        advice = f"the region {region} is not known{f': did you mean {close}?' if close else ''}"
        return Unreachable(failure.service, failure.operation, failure.message, advice, final=True)

    def _client(self, service: str, operation: str, region: str) -> Any:
        key = (service, region)
        if key not in self._clients:
            self._clients[key] = self._new_client(service, operation, region)
        return self._clients[key]

    def _new_client(self, service: str, operation: str, region: str) -> Any:
        """A new client.

        An invalid setting in the environment or in AWS's configuration file is an ApiError with botocore's words.
        """
        try:
            return self._make(service, region)
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            message = f"the AWS configuration is not valid for {service}: {error}"
            raise ApiError(service, operation, type(error).__name__, message) from error


def _translate(error: Exception, service: str, operation: str, source: CredentialSource | None) -> AwsError:
    if isinstance(error, botocore.exceptions.ClientError):
        details = error.response.get("Error", {})
        code, message = str(details.get("Code", "")), str(details.get("Message") or "no reason given")
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
        refused = ApiError(service, operation, code, message, status)
        if refused.category == "credentials":
            return Expired(service, operation, message, source)
        if error.operation_name != operation and not (refused.throttled or refused.broken):
            # The call that failed was to assume a role for this call.
            return Expired(service, operation, f"{error.operation_name}: {message}", source)
        return refused
    if lacks_credentials(error):
        return Expired(service, operation, str(error), source)
    if isinstance(error, ResponseParserError):  # its message quotes the whole body
        return Unreachable(service, operation, "the response did not come from AWS")
    problem = network_problem(error)
    if problem is not None:
        return Unreachable(service, operation, problem.text, problem.advice, problem.final)
    return ApiError(service, operation, type(error).__name__, str(error))


class ConnectionProblem(Exception):
    """Why AWS cannot be connected to, in a sentence, what to do about it, and the exit code.

    ``missing`` are the settings that would solve it: the region, or the profile, one of ``profiles``. ``advice`` says
    what helps beside the commands.
    """

    def __init__(
        self,
        sentence: str,
        next: tuple[str, ...],
        code: Exit,
        missing: tuple[Literal["region", "profile"], ...] = (),
        profiles: tuple[str, ...] = (),
        advice: str = "",
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next = next
        self.exit = code
        self.missing = missing
        self.profiles = profiles
        self.advice = advice


def configuration() -> Config:
    """The configuration of the clients.

    One attempt per call, since ``Aws.call`` retries within the run's budget and deadline.
    """
    return Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=40,  # a migration writes with up to 32 threads
        user_agent_extra="fsdcf",
    )


def connect(profile: str | None, region: str | None, endpoint: str | None, around: Surroundings = ALONE) -> Aws:
    """Connect with a profile, a region and an endpoint; None takes boto3's default. Makes no call to the endpoint.

    Raises ConnectionProblem.
    """
    sessions = _Sessions(profile, region, around)
    session = sessions.current
    name = session.region_name
    try:
        credentials = session.get_credentials()
    except CredentialsError as error:
        raise ConnectionProblem(str(error), error.next, Exit.DENIED, advice=error.advice) from None
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        failure = _translate(error, "sts", "GetCallerIdentity", None)
        sentence = f"the credentials cannot be read: {failure.message}"
        raise ConnectionProblem(sentence, ("aws sts get-caller-identity",), Exit.DENIED) from None
    if not name or credentials is None:
        raise _missing(session, not name, credentials is None, around)
    partition = "aws"
    with suppress(botocore.exceptions.BotoCoreError):
        partition = str(session.get_partition_for_region(name))

    def make(service: str, at: str) -> Any:
        return sessions.current.client(service, region_name=at, endpoint_url=endpoint, config=configuration())

    def regions() -> Sequence[str]:
        return [
            one for each in session.get_available_partitions() for one in session.get_available_regions("ec2", each)
        ]

    own = (name, partition, sessions.renew)
    more = {"source": credentials.source, "regions": regions}
    return Aws(make, time.monotonic, time.sleep, random.SystemRandom(), *own, **more)


def _missing(session: boto3.Session, region: bool, credentials: bool, around: Surroundings) -> ConnectionProblem:
    """The report of a missing region, missing credentials, or both."""
    sentences, next_steps, advice, code = [], [], "", Exit.DENIED
    missing: list[Literal["region", "profile"]] = []
    if region:
        sentences.append("no region is set")
        next_steps.append("set one: --region eu-west-1, or AWS_REGION; or --sandbox to rehearse")
        missing.append("region")
        code = Exit.USAGE
    if credentials:
        sentence, advice, commands = without_credentials(session.profile_name, around)
        why = unreadable_file(session._session)
        sentences.append(f"{sentence}: {why}" if why else sentence)
        next_steps += commands
        missing.append("profile")
    profiles = tuple(session.available_profiles)
    return ConnectionProblem("; ".join(sentences), tuple(next_steps), code, tuple(missing), profiles, advice)


class _Sessions:
    """The current session of boto3. A new session reads the profiles and token files again."""

    def __init__(self, profile: str | None, region: str | None, around: Surroundings) -> None:
        self._profile = profile
        self._region = region
        self._around = around
        self.current = self._new()

    def renew(self) -> None:
        """Replace the session; keep it if the configuration cannot be read."""
        with suppress(ConnectionProblem):
            self.current = self._new()

    def _new(self) -> boto3.Session:
        own = botocore.session.get_session()
        try:
            session = boto3.Session(profile_name=self._profile, region_name=self._region, botocore_session=own)
            explain_credentials(own, self._around)
        except botocore.exceptions.ProfileNotFound as error:
            name = self._profile or error.kwargs.get("profile")
            why = unreadable_file(own)
            sentence = f"the profile {name!r} {f'cannot be looked up: {why}' if why else 'does not exist'}"
            code = Exit.DENIED if why else Exit.USAGE
            raise ConnectionProblem(sentence, ("aws configure list-profiles",), code) from None
        except (botocore.exceptions.BotoCoreError, ValueError) as error:  # such as a timeout that is not a number
            sentence = f"the AWS configuration cannot be read: {error}{line_in(error)}"
            raise ConnectionProblem(sentence, ("aws configure list",), Exit.USAGE) from None
        return session
