"""The only way to AWS: calls that are counted, kept within a budget, retried, and repeated safely."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import boto3
import botocore.exceptions
from botocore import xform_name
from botocore.config import Config
from botocore.parsers import ResponseParserError

from fsdcf.deploy.model import Exit

WINDOW = 60.0
BUDGET = 30
"""CloudFormation answers at most so many calls in any ``WINDOW`` seconds: half a call a second, so that others get theirs."""

LONGEST_PAUSE = 60.0
PATIENCE = 300.0
FIRST_PATIENCE = 15.0
"""Seconds that a network or a service in trouble is waited for; the short one until AWS has answered for the first time."""

_LEAST = 4
"""How often a call is tried at least, however slowly each attempt fails."""

_THROTTLES = frozenset(
    {
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"),
        *(
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "BandwidthLimitExceeded",
            "SlowDown",
            "EC2ThrottledException",
        ),
        *("PriorRequestNotComplete", "TransactionInProgressException", "ProvisionedThroughputExceededException"),
    }
)
_DENIALS = frozenset(
    {
        *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized"),
        *("UnauthorizedException", "AuthorizationErrorException", "403", "Forbidden"),
    }
)
_CREDENTIALS = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "InvalidClientTokenId"),
        *("UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException"),
        *(
            "IncompleteSignature",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "InvalidToken",
            "AuthFailure",
        ),
        "RequestTimeTooSkewed",
    }
)
_NO_CREDENTIALS = (
    *(
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "NoAuthTokenError",
        "TokenRetrievalError",
    ),
    *("SSOError", "LoginError", "MetadataRetrievalError", "RefreshWithMFAUnsupportedError"),
)
_NETWORK = (
    *("HTTPClientError", "ConnectionError", "IncompleteReadError", "ResponseStreamingError", "ChecksumError"),
    *("FlexibleChecksumError",),
)


class AwsError(Exception):
    """A call that brought no answer to build on. ``repeated``: an earlier attempt of it may have been carried out."""

    def __init__(self, service: str, operation: str, message: str) -> None:
        super().__init__(f"{operation}: {message}")
        self.service = service
        self.operation = operation
        self.message = message
        self.repeated = False


class ApiError(AwsError):
    """An error that AWS answered with: its code, its words, the status of HTTP."""

    def __init__(self, service: str, operation: str, code: str, message: str, status: int = 400) -> None:
        super().__init__(service, operation, message)
        self.code = code
        self.status = status

    @property
    def throttled(self) -> bool:
        """Too many calls; the call was not carried out."""
        return self.code in _THROTTLES or self.status == 429 or (self.status < 500 and "Rate exceeded" in self.message)

    @property
    def denied(self) -> bool:
        """A permission is missing."""
        return self.code in _DENIALS or self.code.endswith("AccessDenied")

    @property
    def absent(self) -> bool:
        """What was asked for does not exist."""
        return self.code in ("ChangeSetNotFound", "ChangeSetNotFoundException", "404", "NoSuchBucket") or (
            self.code == "ValidationError" and "does not exist" in self.message
        )

    @property
    def broken(self) -> bool:
        """AWS itself failed; the call may have been carried out."""
        return self.status >= 500


class Unreachable(AwsError):
    """The network failed, or what came was no answer of AWS's; the call may have been carried out."""


class Expired(AwsError):
    """Credentials that AWS does not take, or not any more, and that could not be renewed."""

    @property
    def untimely(self) -> bool:
        """AWS refused the signature for its time: not the credentials are wrong, but this machine's clock.

        Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
        """
        return bool(
            re.match("Signature (?:expired|not yet current)|The difference between the request time", self.message)
        )


class Aws:
    """AWS as the engine sees it.

    ``make`` gives a client of botocore for a service and a region. ``clock`` tells seconds and never runs backwards, ``sleep`` waits for
    seconds. ``renew`` forgets credentials that have expired, so that ``make`` finds new ones. ``deadline``, by the clock, ends all
    patience with throttling. ``calls`` holds every attempt: when, service, operation; ``throttles`` counts the throttled ones.
    ``pace`` is how long one of the clock's seconds takes by AWS's time stamps: 1, and less in a sandbox that hurries.
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
        self._clients: dict[tuple[str, str], Any] = {}
        self._answered = False

    def call(self, service: str, operation: str, /, *, at: str | None = None, **parameters: Any) -> dict[str, Any]:
        """The answer to one call, in the region ``at`` or the run's own. Raises ApiError, Unreachable or Expired.

        Throttling is waited out until the deadline. Resets and errors of AWS itself are retried for some minutes, with the same
        parameters: who changes something passes a token. Expired credentials are renewed once.
        """
        tried, repeated, renewed, begun = 0, False, False, self.clock()
        while True:
            try:
                return self._attempt(service, operation, at or self.region, parameters)
            except Expired as error:
                error.repeated = repeated
                if renewed:
                    raise
                renewed = True
                self._clients.clear()
                self._renew()
            except (ApiError, Unreachable) as error:
                throttled = isinstance(error, ApiError) and error.throttled
                self.throttles += throttled
                patience = self._patience(error)
                error.repeated = repeated
                tried += 1
                if patience is None or (tried >= _LEAST and self.clock() - begun >= patience) or self._late():
                    raise
                repeated = repeated or not throttled
                self._pause(min(LONGEST_PAUSE, (1.0 if throttled else 0.5) * 2 ** min(tried - 1, 10)))

    def supports(self, service: str, operation: str, member: str | None = None) -> bool:
        """Whether the installed botocore knows an operation, or a member of its input."""
        model = self._client(service, operation, self.region).meta.service_model
        if operation not in model.operation_names:
            return False
        shape = model.operation_model(operation).input_shape
        return member is None or (shape is not None and member in shape.members)

    def room(self, spare: int = 0) -> float:
        """Seconds until CloudFormation may be called again and so many calls more are left of the budget."""
        now = self.clock()
        recent = [at for at, service, _ in self.calls if service == "cloudformation" and at > now - WINDOW]
        over = len(recent) - (BUDGET - spare)
        return 0.0 if over < 0 else max(0.0, recent[over] + WINDOW - now)

    def client(self, service: str) -> Any:
        """A client for who makes a great many calls at once, and tries again by itself. Its calls are not counted here."""
        return self._made(service, "", self.region)

    def token(self) -> str:
        """A new token for a call that changes something: whoever sends it again means the same change."""
        return f"fsdcf-{self.random.getrandbits(96):024x}"

    def _patience(self, error: ApiError | Unreachable) -> float | None:
        """How long a call that failed so is tried again, in seconds; None: not at all."""
        if isinstance(error, ApiError) and error.throttled:
            return float("inf")
        if isinstance(error, Unreachable) or error.broken:
            return PATIENCE if self._answered else FIRST_PATIENCE
        return None

    def _late(self) -> bool:
        return self.deadline is not None and self.clock() >= self.deadline

    def _pause(self, longest: float) -> None:
        seconds = longest * (0.5 + self.random.random() / 2)
        if self.deadline is not None:
            seconds = min(seconds, max(0.0, self.deadline - self.clock()))
        self.sleep(seconds)

    def _attempt(self, service: str, operation: str, region: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if service == "cloudformation":
            while (wait := self.room()) > 0:
                self.sleep(wait)
        method = getattr(self._client(service, operation, region), xform_name(operation), None)
        if method is None:
            raise ApiError(service, operation, "UnknownOperation", f"the installed botocore has no {operation}")
        self.calls.append((self.clock(), service, operation))
        try:
            answer: dict[str, Any] = method(**parameters)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, ResponseParserError) as error:
            failure = _translated(error, service, operation)
            self._answered = self._answered or (isinstance(failure, ApiError) and not failure.broken)
            raise failure from error
        self._answered = True
        return answer

    def _client(self, service: str, operation: str, region: str) -> Any:
        key = (service, region)
        if key not in self._clients:
            self._clients[key] = self._made(service, operation, region)
        return self._clients[key]

    def _made(self, service: str, operation: str, region: str) -> Any:
        """A new client. Settings of the environment or of the configuration that botocore does not take show here, in its words."""
        try:
            return self._make(service, region)
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            told = f"the AWS configuration does not do for {service}: {error}"
            raise ApiError(service, operation, type(error).__name__, told) from error


def _translated(error: Exception, service: str, operation: str) -> AwsError:
    if isinstance(error, botocore.exceptions.ClientError):
        told = error.response.get("Error", {})
        code, message = str(told.get("Code", "")), str(told.get("Message") or "no reason given")
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
        refused = ApiError(service, operation, code, message, status)
        if code in _CREDENTIALS:
            return Expired(service, operation, message)
        if error.operation_name != operation and not (refused.throttled or refused.broken):
            return Expired(
                service, operation, f"{error.operation_name}: {message}"
            )  # a role that was to be assumed for this call
        return refused
    if isinstance(error, _kinds(_NO_CREDENTIALS)):
        return Expired(service, operation, str(error))
    if isinstance(error, (ResponseParserError, *_kinds(_NETWORK))):
        return Unreachable(service, operation, _brief(error))
    return ApiError(service, operation, type(error).__name__, str(error))


def _kinds(names: tuple[str, ...]) -> tuple[type[Exception], ...]:
    """The exceptions of those names that the installed botocore has."""
    return tuple(getattr(botocore.exceptions, name) for name in names if hasattr(botocore.exceptions, name))


def _brief(error: Exception) -> str:
    """A network failure in a line: a parser's error quotes the whole body."""
    if isinstance(error, ResponseParserError):
        return "what came was no answer of AWS's"
    return " ".join(str(error).split())[:300]


class ConnectionProblem(Exception):
    """Why there is no connection, in a sentence, what to do about it, and the exit code that says so."""

    def __init__(self, sentence: str, next: str, code: Exit) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next = next
        self.exit = code


def configuration() -> Config:
    """How clients behave: the standard retry mode with one attempt, since Aws.call retries within the run's budget and deadline."""
    return Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=40,  # a migration writes with up to 32 threads
        user_agent_extra="fsdcf",
    )


def connect(profile: str | None, region: str | None, endpoint: str | None) -> Aws:
    """AWS by a profile, a region and an endpoint, each None for what boto3 finds. Makes no call. Raises ConnectionProblem."""
    sessions = _Sessions(profile, region)
    session = sessions.current
    found = session.region_name
    if not found:
        raise ConnectionProblem(
            "no region is set", "name one: --region eu-west-1, or AWS_REGION; or --sandbox to rehearse", Exit.USAGE
        )
    try:
        credentials = session.get_credentials()
    except botocore.exceptions.BotoCoreError as error:
        raise ConnectionProblem(
            f"the credentials cannot be read: {error}", "aws sts get-caller-identity", Exit.DENIED
        ) from None
    if credentials is None:
        raise ConnectionProblem(
            "no AWS credentials are found",
            "aws configure sso, then --profile NAME; or --sandbox to rehearse",
            Exit.DENIED,
        )

    def make(service: str, at: str) -> Any:
        return sessions.current.client(service, region_name=at, endpoint_url=endpoint, config=configuration())

    return Aws(
        make,
        time.monotonic,
        time.sleep,
        random.SystemRandom(),
        found,
        _partition(session, found),
        sessions.renew,
    )


class _Sessions:
    """The session of boto3 that is in use; a new one reads profiles and token files again."""

    def __init__(self, profile: str | None, region: str | None) -> None:
        self._profile = profile
        self._region = region
        self.current = self._new()

    def renew(self) -> None:
        """Reads everything again; what cannot be read any more leaves the session as it is."""
        with suppress(ConnectionProblem):
            self.current = self._new()

    def _new(self) -> boto3.Session:
        try:
            return boto3.Session(profile_name=self._profile, region_name=self._region)
        except botocore.exceptions.ProfileNotFound as error:
            named = self._profile or error.kwargs.get("profile")
            raise ConnectionProblem(
                f"there is no profile {named!r}", "aws configure list-profiles", Exit.USAGE
            ) from None
        except botocore.exceptions.BotoCoreError as error:
            raise ConnectionProblem(
                f"the AWS configuration cannot be read: {error}", "aws configure list", Exit.USAGE
            ) from None


def _partition(session: boto3.Session, region: str) -> str:
    try:
        return str(session.get_partition_for_region(region))
    except botocore.exceptions.BotoCoreError:
        return "aws"
