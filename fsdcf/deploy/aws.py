"""All calls to AWS: counted, kept within a budget, retried, repeated safely, and paged."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from functools import partial
from typing import Any, Literal
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.utils import validate_region_name

from fsdcf.aws_errors import (
    CredentialsError,
    Denial,
    categorize,
    denial_of,
    lacks_credentials,
    network_problem,
    without_encoded,
)
from fsdcf.cloudformation.partitions import PARTITIONS
from fsdcf.conventions import similar
from fsdcf.deploy.answers import Answer, text, with_zones
from fsdcf.deploy.credentials import (
    ALONE,
    CredentialSource,
    Surroundings,
    explain_credentials,
    line_in,
    obtained_by,
    unreadable_file,
    without_credentials,
)
from fsdcf.deploy.model import Exit
from fsdcf.masking import mask_text

WINDOW = 60.0
BUDGET = 30
"""The most calls to CloudFormation in any ``WINDOW`` seconds.

Half a call per second leaves room for other users of the account.
"""

LONGEST_PAUSE = 60.0
PATIENCE = 300.0
FIRST_PATIENCE = 15.0
"""Seconds of retrying after a network or server error.

The short time applies until AWS has answered for the first time, and at an endpoint that is not AWS's, until the
operation has been answered for the first time.
"""

LOOK = 10.0
"""Seconds after which an optional look gives up, whose answer the run can do without."""

SILENCE = 3.0
"""Seconds for which a call may wait without saying for what."""

_READ_TIMEOUT = 60
"""Seconds for which an answer is waited for."""

HTTP_OK = 200

_SHORTEST = 0.5
"""Seconds between two attempts at the end of the patience."""

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
        super().__init__(service, operation, mask_text(without_encoded(message)))
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
    def unimplemented(self) -> bool:
        """The endpoint does not have the operation: it is an emulator, or a Region without it."""
        return self.category == "unimplemented"

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


class Unreadable(Unreachable):
    """A response that cannot be one of AWS, with its HTTP status: the page of a proxy, a portal or another server.

    ``passing``: a server that is overloaded or restarts says such a thing, and so does a proxy while AWS is not
    reachable. Any other one is what this endpoint has to say, if it comes at the first contact; so is a ``crashed``
    read, if the endpoint is an emulator.
    """

    def __init__(self, service: str, operation: str, status: int) -> None:
        passing = _passes(status)
        code = f" (HTTP {status})" if status != HTTP_OK else ""
        text = f"HTTP {status} without an error of AWS" if passing else f"the response{code} did not come from AWS"
        super().__init__(service, operation, text)
        self.passing = passing
        self.crashed = status == 500 and operation.startswith(("Describe", "Detect", "List", "Get"))


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
        """The credentials could not be obtained, so the call was not sent."""
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
    accelerated sandbox. ``make_hasty`` creates clients for optional looks, which do not wait long for an answer.
    ``alarm`` calls a function after some seconds of real time, so that a call without an answer says so. ``obtain``
    obtains the credentials before that time runs: a person may have to enter a code. ``rehearses``: the answers are
    those of the sandbox, and not of AWS.

    ``announce`` takes a sentence on what a call waits for, and for how long, once it waits for more than ``SILENCE``.
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
        make_hasty: Callable[[str, str], Any] | None = None,
        alarm: Callable[[float, Callable[[], None]], threading.Timer] | None = None,
        obtain: Callable[[], object] = lambda: None,
        rehearses: bool = False,
    ) -> None:
        self.clock = clock
        self.sleep = sleep
        self.random = random
        self.region = region
        self.partition = partition
        self.pace = pace
        self.rehearses = rehearses
        self.deadline: float | None = None
        self.calls: list[tuple[float, str, str]] = []
        self.throttles = 0
        self.announce: Callable[[str], None] = lambda text: None
        self._make = make
        self._make_hasty = make_hasty
        self._renew = renew
        self._source = source
        self._regions = regions
        self._caller: str | None = None
        self._alarm = alarm
        self._obtain = obtain
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._answered: set[tuple[str, str]] = set()
        self._making = threading.Lock()

    def fork(self, sleep: Callable[[float], None]) -> Aws:
        """A connection to the same place for another thread, with its own calls, budget, deadline and ``sleep``.

        A connection belongs to one thread. The clients of a session are made one after another.
        Source: https://docs.aws.amazon.com/boto3/latest/guide/session.html
        """
        fork = copy(self)
        fork.sleep, fork.deadline, fork.throttles, fork.calls, fork._clients = sleep, None, 0, [], {}
        return fork

    def call(
        self, service: str, operation: str, /, *, at: str | None = None, look: object = False, **parameters: Any
    ) -> Answer:
        """The answer to one call, in the region ``at`` or the run's own. Raises ApiError, Unreachable or Expired.

        Throttling is retried until the deadline, network and server errors for some minutes, always with the same
        parameters: a call that changes something needs a token. Expired credentials are renewed once. An operation
        that the endpoint does not implement is an error at once, and so is a response that did not come from AWS if
        the endpoint is unknown so far; later, such a response passes, as the page of a proxy in the middle of a
        deploy does. ``look``: the caller can do without the answer, and the call gives up after ``LOOK`` seconds.
        """
        tried, repeated, renewed, begun, said = 0, False, False, self.clock(), False
        while True:
            try:
                return self._attempt(service, operation, at or self.region, parameters, bool(look))
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
                patience = self._patience(error, bool(look))
                error.repeated = repeated
                tried += 1
                waited = self.clock() - begun
                late = self.deadline is not None and self.clock() >= self.deadline
                if patience is None or ((look or tried >= _LEAST) and waited >= patience) or late:
                    raise
                repeated = repeated or not throttled
                pause = self._next_pause((1.0 if throttled else 0.5) * 2 ** min(tried - 1, 10))
                if waited + pause > SILENCE and not said:
                    said = True
                    slow = 0.0 if look else (_LEAST - tried) * waited / tried
                    self.announce(self._on_retries(error, max(patience - waited, slow)))
                self.sleep(min(pause, max(_SHORTEST, patience - waited)))

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

        ``call`` replaces this object's own ``call``; an empty answer of it ends the pages. A token that was there
        before ends them, too: some emulators repeat it for ever.
        """
        token: Answer = {}
        before: list[Answer] = []
        while answer := (call or self.call)(service, operation, **{**parameters, **token}):
            yield answer
            before.append(token)
            token = {key: answer[key] for key in ("NextToken", "nextToken") if answer.get(key)}
            if not token or token in before:
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

    def answered(self, service: str, operation: str) -> bool:
        """Whether the endpoint has answered this operation, with a result or with an error of AWS."""
        return (service, operation) in self._answered

    def is_foreign(self, service: str) -> bool:
        """Whether the service's endpoint is not one of AWS, but an emulator, or a server between AWS and here."""
        meta = _meta(self._client(service, "", self.region))
        host = urlsplit(meta.endpoint_url).hostname or "" if meta is not None else ""
        return bool(host) and not host.endswith(_DOMAINS)

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
                self._caller = str(self._attempt("sts", "GetCallerIdentity", self.region, {}, True).get("Arn") or "")
        return self._caller

    def account(self) -> str:
        """The account of the caller. Raises AwsError."""
        return text(self.call("sts", "GetCallerIdentity"), "Account")

    def token(self) -> str:
        """A new idempotency token: a call that is sent again with it is carried out once."""
        return f"fsdcf-{self.random.getrandbits(96):024x}"

    def _patience(self, error: ApiError | Unreachable, look: bool) -> float | None:
        """Seconds for which the failed call is retried; None if it is not."""
        if isinstance(error, ApiError) and error.throttled:
            return float("inf")
        if isinstance(error, Unreachable) and error.final:
            return None
        foreign = self.is_foreign(error.service)
        known = self.answered(error.service, error.operation) if foreign else bool(self._answered)
        if isinstance(error, Unreadable) and not known and (not error.passing or (foreign and error.crashed)):
            return None
        if isinstance(error, Unreachable) or error.broken:
            return LOOK if look else PATIENCE if known else FIRST_PATIENCE
        return None

    def _next_pause(self, longest: float) -> float:
        """Seconds until the next attempt, at random, and at most until the deadline."""
        seconds = min(LONGEST_PAUSE, longest) * (0.5 + self.random.random() / 2)
        return seconds if self.deadline is None else min(seconds, max(0.0, self.deadline - self.clock()))

    def _on_retries(self, error: ApiError | Unreachable, left: float) -> str:
        """What a failed call waits for, and for how long."""
        if self.deadline is not None:
            left = min(left, self.deadline - self.clock())
        throttled = isinstance(error, ApiError) and error.throttled
        why = "is throttled" if throttled else f"failed ({' '.join(error.message.split())[:_LONGEST_MESSAGE]})"
        end = "until it succeeds" if left == float("inf") else f"for up to {max(1, round(left))} s"
        return f"{error.service}:{error.operation} {why}: it is repeated {end}"

    def _attempt(self, service: str, operation: str, region: str, parameters: Answer, look: bool) -> Answer:
        if service == "cloudformation":
            self._keep_budget()
        method = getattr(self._client(service, operation, region, look), xform_name(operation), None)
        if method is None:
            raise ApiError(service, operation, "UnknownOperation", f"the installed botocore has no {operation}")
        self.calls.append((self.clock(), service, operation))
        try:
            self._obtain()
            with self._alarmed(service, operation, LOOK if look else _READ_TIMEOUT):
                answer: Answer = with_zones(method(**parameters))
        except CredentialsError as error:
            raise Expired.unobtained(service, operation, error) from error
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            failure = self._located(_translate(error, service, operation, self._source), region)
            if isinstance(failure, ApiError) and not (failure.broken or failure.unimplemented):
                self._answered.add((service, operation))
            raise failure from error
        except ForeignResponse as error:
            if error.broken:
                raise Unreachable(service, operation, str(error)) from error
            raise Unreadable(service, operation, error.status) from error
        except (ResponseParserError, *_UNEXPECTED) as error:
            raise Unreadable(service, operation, HTTP_OK) from error
        self._answered.add((service, operation))
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

    def _keep_budget(self) -> None:
        """Wait until the budget allows a call to CloudFormation."""
        while (wait := self.room()) > 0:
            if wait > SILENCE:
                self.announce(
                    f"the next call to cloudformation is made in {wait:.0f} s: {BUDGET} a minute leave room for others"
                )
            self.sleep(wait)

    @contextmanager
    def _alarmed(self, service: str, operation: str, longest: float) -> Iterator[None]:
        """Announce, while the block lasts, that AWS has not answered yet."""
        if self._alarm is None:
            yield
            return
        text = f"{service}:{operation} has no answer yet: one is waited for up to {longest:.0f} s"
        timer = self._alarm(SILENCE, lambda: self.announce(text))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _client(self, service: str, operation: str, region: str, look: bool = False) -> Any:
        key = (service, region, look)
        if key not in self._clients:
            self._clients[key] = self._new_client(service, operation, region, look)
        return self._clients[key]

    def _new_client(self, service: str, operation: str, region: str, look: bool = False) -> Any:
        """A new client.

        An invalid setting in the environment or in AWS's configuration file is an ApiError with botocore's words.
        """
        try:
            with self._making:
                client = ((look and self._make_hasty) or self._make)(service, region)
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            message = f"the AWS configuration is not valid for {service}: {error}"
            raise ApiError(service, operation, type(error).__name__, message) from error
        meta = _meta(client)
        if meta is not None:
            meta.events.register("before-parse", refuse_foreign, unique_id="fsdcf-refuse-foreign")
        return client


_DOMAINS = tuple(f".{domain}" for domain in (*{one.domain for one in PARTITIONS.values()}, "api.aws"))
"""How the host names of AWS's endpoints end. Those of VPC endpoints end in the same way.
Source: https://docs.aws.amazon.com/general/latest/gr/rande.html"""

_LONGEST_MESSAGE = 200

_UNEXPECTED = (AttributeError, LookupError, TypeError, ValueError)
"""What botocore's parsers raise for a body that has the syntax of the protocol, but not the shape of an answer."""

_JSON, _XML = ("json", "rest-json"), ("query", "ec2")
_REFUSALS = (401, 403)
"""The status codes of a missing permission, which is an error of AWS even where the body does not say so."""


def _meta(client: Any) -> Any:
    """What a client tells of itself; None for a client that is not one of botocore."""
    return getattr(client, "meta", None)


def _passes(status: int) -> bool:
    return status == 429 or (status >= 500 and status != 501)


class ForeignResponse(ResponseParserError):  # type: ignore[misc]
    """A response that is not one of AWS, with its HTTP status; ``broken`` if its end is missing."""

    def __init__(self, status: int, broken: bool = False) -> None:
        super().__init__("the response broke off" if broken else f"HTTP {status} did not come from AWS")
        self.status = status
        self.broken = broken
        self.passing = broken or _passes(status)


def refuse_foreign(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    """A handler of botocore's event before-parse. Raises ForeignResponse for a response that is not one of AWS.

    botocore takes any text for an empty answer of a service that speaks JSON, whatever its status is, also half of an
    answer, and forgets the status of an error that is not XML. An error of AWS has a code; S3's may have no body.
    """
    service = operation_model.service_model
    protocol = getattr(service, "resolved_protocol", service.metadata.get("protocol"))  # botocore versions differ
    body, status, headers = response_dict["body"], response_dict["status_code"], response_dict["headers"]
    if not isinstance(body, bytes):  # a stream
        return
    length = {str(name).lower(): str(value) for name, value in headers.items()}.get("content-length", "")
    if length.isdecimal() and len(body) < int(length) and operation_model.http.get("method") != "HEAD":
        raise ForeignResponse(status, broken=True)
    failed = status >= 300 and status not in _REFUSALS
    if protocol in _JSON:
        data = _json_object(body)
        coded = bool({"__type", "code", "Code"} & data.keys()) if data else False
        named = any(str(name).lower() in ("x-amzn-errortype", "x-amzn-query-error") for name in headers)
        if data is None or (failed and not (coded or named)):
            raise ForeignResponse(status)
    elif protocol in _XML and failed and b"<Code>" not in body:
        raise ForeignResponse(status)


def _json_object(body: bytes) -> Mapping[str, Any] | None:
    """The object in a body; an empty one for an empty body, and None for anything else."""
    try:
        data = json.loads(body) if body.strip() else {}
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


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
    problem = network_problem(error)
    if problem is not None:
        text = f"{problem.text}, which {own} needs" if (own := obtained_by(error)) else problem.text
        return Unreachable(service, operation, text, problem.advice, problem.final)
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


def configuration(read_timeout: float = _READ_TIMEOUT) -> Config:
    """The configuration of the clients. ``read_timeout`` is in seconds.

    One attempt per call, since ``Aws.call`` retries within the run's budget and deadline.
    """
    return Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=10,
        read_timeout=read_timeout,
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
        validate_region_name(name)
    except botocore.exceptions.InvalidRegionError:
        raise ConnectionProblem(f"{name!r} is not a valid region", (_REGION_COMMAND,), Exit.USAGE) from None
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

    def make(service: str, at: str, read_timeout: float = _READ_TIMEOUT) -> Any:
        config = configuration(read_timeout)
        return sessions.current.client(service, region_name=at, endpoint_url=endpoint, config=config)

    def regions() -> Sequence[str]:
        return [
            one for each in session.get_available_partitions() for one in session.get_available_regions("ec2", each)
        ]

    own = (name, partition, sessions.renew)
    hasty = partial(make, read_timeout=LOOK)
    more: dict[str, Any] = {"make_hasty": hasty, "alarm": threading.Timer}
    more |= {"source": credentials.source, "regions": regions}
    if around.ask is not None:
        more["obtain"] = lambda: sessions.current.get_credentials().get_frozen_credentials()
    return Aws(make, time.monotonic, time.sleep, random.SystemRandom(), *own, **more)


_REGION_COMMAND = "set one: --region eu-west-1, or AWS_REGION; or --sandbox to rehearse"


def _missing(session: boto3.Session, region: bool, credentials: bool, around: Surroundings) -> ConnectionProblem:
    """The report of a missing region, missing credentials, or both."""
    sentences, next_steps, advice, code = [], [], "", Exit.DENIED
    missing: list[Literal["region", "profile"]] = []
    if region:
        sentences.append("no region is set")
        next_steps.append(_REGION_COMMAND)
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
