"""The way to AWS: retries, budget, renewal, tokens, translation of errors. And the connection it stands on."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from fsdcf.aws_errors import CredentialsError
from fsdcf.deploy.aws import (
    BUDGET,
    LONGEST_PAUSE,
    WINDOW,
    ApiError,
    Aws,
    AwsError,
    ConnectionProblem,
    Expired,
    Unreachable,
    configuration,
    connect,
)
from fsdcf.deploy.model import Exit
from fsdcf.sandbox.state import VirtualClock
from tests.deploy.site import site


class Client:
    """A client whose answers are written down: dictionaries are given, exceptions raised, in order; the last one for
    ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def describe_stacks(self, **parameters: Any) -> Any:
        self.asked.append(parameters)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def error(code: str, message: str = "no", status: int = 400) -> botocore.exceptions.ClientError:
    told = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(told, "DescribeStacks")  # type: ignore[arg-type]


CLOSED = botocore.exceptions.ConnectionClosedError(endpoint_url="https://x")
DONE = {"Stacks": []}


def aws(
    *answers: Any, deadline: float | None = None, renew: Callable[[], None] = lambda: None
) -> tuple[Aws, Client, list[float]]:
    clock, slept, client = VirtualClock(0.0), [], Client(*answers)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(seconds)

    made = Aws(lambda service, region: client, clock.now, sleep, random.Random(1), "us-east-1", "aws", renew)
    made.deadline = deadline
    return made, client, slept


def call(made: Aws, service: str = "cloudformation") -> dict[str, Any]:
    return made.call(service, "DescribeStacks", StackName="a")


@pytest.mark.parametrize(
    "trouble",
    [
        error("Throttling", "Rate exceeded"),
        error("ThrottlingException"),
        error("RequestLimitExceeded", status=503),
        error("TooManyRequestsException", status=429),
        error("Unknown", status=429),
        error("InternalFailure", status=500),
        error("502", "Bad Gateway", 502),
        CLOSED,
        botocore.exceptions.EndpointConnectionError(endpoint_url="https://x"),
        botocore.exceptions.ReadTimeoutError(endpoint_url="https://x"),
        botocore.exceptions.ConnectTimeoutError(endpoint_url="https://x"),
    ],
    ids=str,
)
def test_transient_errors_are_retried_with_the_same_parameters(trouble: Exception) -> None:
    made, client, slept = aws(trouble, trouble, DONE)
    assert call(made) == DONE
    assert client.asked == [{"StackName": "a"}] * 3
    assert len(slept) == 2
    assert slept[0] < slept[1]
    assert [name for _, _, name in made.calls] == ["DescribeStacks"] * 3


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (error("ValidationError"), "api"),
        (error("AccessDenied"), "api"),
        (botocore.exceptions.ParamValidationError(report="bad"), "api"),
        (error("ExpiredToken"), "expired"),
        (error("InvalidClientTokenId", status=403), "expired"),
        (botocore.exceptions.NoCredentialsError(), "expired"),
        (botocore.exceptions.TokenRetrievalError(provider="sso", error_msg="gone"), "expired"),
        (botocore.exceptions.UnauthorizedSSOTokenError(), "expired"),
    ],
    ids=str,
)
def test_permanent_errors_are_raised(trouble: Exception, kind: str) -> None:
    made, client, slept = aws(trouble)
    with pytest.raises(AwsError) as raised:
        call(made)
    assert type(raised.value) is (ApiError if kind == "api" else Expired)
    assert len(client.asked) == (1 if kind == "api" else 2), "expired credentials are renewed once"
    assert slept == []
    assert not raised.value.repeated


def ssl_error(reason: str) -> Exception:
    return botocore.exceptions.SSLError(endpoint_url="https://sts.example.com/x", error=reason)


UNTRUSTED = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in chain (_ssl.c:1)"


@pytest.mark.parametrize(
    ("trouble", "words", "advice"),
    [
        (ssl_error(UNTRUSTED), "the certificate of sts.example.com cannot be verified: self-signed", "AWS_CA_BUNDLE"),
        (ssl_error("no appropriate subjectAltName fields were found"), "cannot be verified", "AWS_CA_BUNDLE"),
        (ssl_error("[Errno 2] No such file or directory"), "No such file or directory", "AWS_CA_BUNDLE"),
        (ssl_error("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1)"), "does not use TLS", "http://"),
        (
            botocore.exceptions.ProxyConnectionError(
                proxy_url="http://***:***@proxy:3128",
                error="OSError('Tunnel connection failed: 407 Proxy Authentication Required')",
            ),
            "the proxy http://***:***@proxy:3128 does not work: 407 Proxy Authentication Required",
            "HTTPS_PROXY",
        ),
    ],
)
def test_what_no_retry_solves_is_reported_at_once(trouble: Exception, words: str, advice: str) -> None:
    made, client, slept = aws(trouble)
    with pytest.raises(Unreachable) as raised:
        call(made)
    assert words in raised.value.message and advice in raised.value.advice and "_ssl.c" not in raised.value.message
    assert len(client.asked) == 1 and slept == []


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (ssl_error("EOF occurred in violation of protocol (_ssl.c:1)"), "TLS with sts.example.com failed"),
        (botocore.exceptions.ProxyConnectionError(proxy_url="http://proxy:1", error="refused"), "HTTPS_PROXY"),
        (
            botocore.exceptions.EndpointConnectionError(
                endpoint_url="https://sts.us-east-1.amazonaws.com/", error="Failed to resolve 'sts.us-east-1...'"
            ),
            "the host name sts.us-east-1.amazonaws.com cannot be resolved",
        ),
    ],
)
def test_a_network_failure_that_may_pass_is_retried(trouble: Exception, words: str) -> None:
    made, client, _ = aws(trouble, trouble, DONE)
    assert call(made) == DONE and len(client.asked) == 3
    made, _, _ = aws(trouble)
    with pytest.raises(Unreachable) as raised:
        call(made)
    assert words in raised.value.message + raised.value.advice


def test_a_region_that_does_not_exist_is_named_at_once() -> None:
    host = "https://cloudformation.us-esat-1.amazonaws.com/"
    trouble = botocore.exceptions.EndpointConnectionError(endpoint_url=host, error="Failed to resolve 'x'")
    made, client, _ = aws(trouble)
    made.region = "us-esat-1"
    made._regions = lambda: ("us-east-1", "eu-west-1")
    with pytest.raises(Unreachable) as raised:
        call(made)
    assert raised.value.advice == "the region us-esat-1 is not known: did you mean us-east-1?"
    assert len(client.asked) == 1


def test_what_cannot_be_obtained_is_tried_again_only_if_there_were_credentials_before() -> None:
    lost = CredentialsError("no usable credentials: x", "do y", ("z",))
    made, client, _ = aws(lost)
    with pytest.raises(Expired) as raised:
        call(made)
    assert (raised.value.sentence, raised.value.advice, raised.value.next) == (str(lost), "do y", ("z",))
    assert len(client.asked) == 1
    made, client, _ = aws(DONE, lost, DONE)
    assert call(made) == call(made) == DONE and len(client.asked) == 3


def test_throttling_is_retried_forever_with_bounded_pauses() -> None:
    made, client, slept = aws(*[error("Throttling")] * 200, DONE)
    assert call(made, "ecs") == DONE
    assert len(client.asked) == 201
    assert max(slept) <= LONGEST_PAUSE
    assert min(slept[10:]) >= LONGEST_PAUSE / 2
    assert len(set(slept[10:])) > 100, "each pause has a jitter of its own"
    assert made.throttles == 200


def test_throttling_ends_with_the_deadline() -> None:
    made, _, slept = aws(error("Throttling"), deadline=100.0)
    with pytest.raises(ApiError) as raised:
        call(made)
    assert raised.value.throttled
    assert sum(slept) == pytest.approx(100.0)


def test_an_unreachable_network_ends_sooner_if_it_never_answered() -> None:
    made, _, slept = aws(CLOSED)
    with pytest.raises(Unreachable):
        call(made)
    first = sum(slept)
    made, _, slept = aws(DONE, CLOSED)
    call(made)
    with pytest.raises(Unreachable) as raised:
        call(made)
    assert first < 60 < sum(slept) < 600
    assert raised.value.repeated


@pytest.mark.parametrize(
    ("before", "repeated"), [(CLOSED, True), (error("InternalFailure", status=500), True), (error("Throttling"), False)]
)
def test_whether_an_earlier_attempt_may_have_been_carried_out(before: Exception, repeated: bool) -> None:
    made, _, _ = aws(before, error("AlreadyExistsException"))
    with pytest.raises(ApiError) as raised:
        call(made)
    assert raised.value.repeated is repeated


def test_credentials_are_renewed_once_a_call_through_a_new_client() -> None:
    renewed: list[bool] = []
    made, _, _ = aws(error("ExpiredToken"), DONE, error("ExpiredToken"), DONE, renew=lambda: renewed.append(True))
    assert call(made) == call(made) == DONE
    assert len(renewed) == 2


@pytest.mark.parametrize(
    ("code", "name"), [("AccessDenied", "AssumeRole"), ("InvalidIdentityToken", "AssumeRoleWithWebIdentity")]
)
def test_a_role_that_cannot_be_assumed_is_a_credentials_error(code: str, name: str) -> None:
    told = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    made, _, _ = aws(botocore.exceptions.ClientError(told, name))  # type: ignore[arg-type]
    with pytest.raises(Expired, match=f"{name}: no"):
        call(made)


def test_the_budget_holds_whatever_is_called() -> None:
    made, _, _ = aws(DONE)
    for _ in range(200):
        call(made)
    times = [at for at, _, _ in made.calls]
    assert max(sum(begin <= at < begin + WINDOW for at in times) for begin in times) <= BUDGET
    assert made.clock() == pytest.approx((200 / BUDGET - 1) * WINDOW, rel=0.2)


def test_a_fork_for_another_thread_has_its_own_budget_deadline_and_clients() -> None:
    way, _, slept = aws(DONE, deadline=0.0)
    for _ in range(BUDGET - 1):
        way.call("cloudformation", "DescribeStacks")
    made: list[str] = []
    create = way._make
    way._make = lambda service, region: made.append(service) or create(service, region)  # type: ignore[func-returns-value]
    fork = way.fork(slept.append)
    for _ in range(BUDGET - 1):
        fork.call("cloudformation", "DescribeStacks")
    assert slept == [] and fork.deadline is None and made == ["cloudformation"]
    assert len(way.calls) == len(fork.calls) == BUDGET - 1
    assert (fork.region, fork.clock) == (way.region, way.clock)


def test_other_services_do_not_count_towards_the_budget() -> None:
    made, _, slept = aws(DONE)
    for _ in range(200):
        call(made, "ecs")
    assert slept == []
    assert made.room() == 0.0


def test_spare_room_in_the_budget() -> None:
    made, _, _ = aws(DONE)
    for _ in range(BUDGET - 6):
        call(made)
    assert made.room() == 0.0
    assert made.room(spare=6) == pytest.approx(WINDOW)


def said(made: Aws) -> list[str]:
    texts: list[str] = []
    made.announce = texts.append
    return texts


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (CLOSED, "failed (Connection was closed"),
        (error("Throttling", "Rate exceeded"), "is throttled: it is repeated until it succeeds"),
        (error("InternalFailure", "a\nb", 500), "failed (a b): it is repeated for up to 1"),
    ],
    ids=str,
)
def test_a_call_that_waits_for_more_than_three_seconds_says_so_once(trouble: Exception, words: str) -> None:
    made, _, slept = aws(trouble, trouble, DONE)
    texts = said(made)
    call(made)
    assert sum(slept) < 3 and texts == []
    made, _, slept = aws(*[trouble] * 6, DONE)
    texts = said(made)
    call(made)
    assert sum(slept) > 3
    assert len(texts) == 1
    assert "cloudformation:DescribeStacks" in texts[0]
    assert words in texts[0]


def test_attempts_that_each_fail_slowly_are_announced_with_the_time_they_take() -> None:
    clock = VirtualClock(0.0)

    class Hanging(Client):
        def describe_stacks(self, **parameters: Any) -> Any:
            clock.advance(60)
            return super().describe_stacks(**parameters)

    client = Hanging(botocore.exceptions.ReadTimeoutError(endpoint_url="https://x"))
    made = Aws(lambda service, region: client, clock.now, clock.advance, random.Random(1), "us-east-1")
    texts = said(made)
    with pytest.raises(AwsError):
        call(made)
    assert len(client.asked) == 4 and 240 < clock.now() < 250
    assert len(texts) == 1 and texts[0].endswith("it is repeated for up to 180 s")


def test_what_a_call_waits_for_ends_with_the_deadline() -> None:
    made, _, _ = aws(error("Throttling"), deadline=40.0)
    texts = said(made)
    with pytest.raises(ApiError):
        call(made)
    assert len(texts) == 1
    assert "until" not in texts[0] and "for up to 3" in texts[0]


def test_the_budget_says_how_long_it_holds_a_call_back() -> None:
    made, _, _ = aws(DONE)
    texts = said(made)
    for _ in range(BUDGET + 1):
        call(made)
    assert len(texts) == 1 and "is made in 60 s" in texts[0]


@pytest.mark.parametrize(
    "trouble", [CLOSED, error("InternalFailure", status=500), botocore.exceptions.ReadTimeoutError(endpoint_url="x")]
)
def test_a_look_gives_up_after_ten_seconds(trouble: Exception) -> None:
    made, _, slept = aws(DONE, trouble)
    call(made)
    with pytest.raises(AwsError):
        made.call("cloudformation", "DescribeStacks", look=True)
    assert 5 < sum(slept) <= 10


def test_a_look_has_a_client_that_does_not_wait_long() -> None:
    clients = {"usual": Client(DONE), "hasty": Client(DONE)}
    clock = VirtualClock(0.0)
    made = Aws(
        lambda service, region: clients["usual"],
        clock.now,
        clock.advance,
        random.Random(1),
        "us-east-1",
        make_hasty=lambda service, region: clients["hasty"],
    )
    made.call("cloudformation", "DescribeStacks", look=True)
    assert [len(one.asked) for one in clients.values()] == [0, 1]
    assert (configuration().read_timeout, configuration(10).read_timeout) == (60, 10)


def test_a_call_without_an_answer_says_so_while_it_waits() -> None:
    alarms: list[Callable[[], None]] = []

    class Alarm:
        daemon = False

        def __init__(self, seconds: float, ring: Callable[[], None]) -> None:
            assert seconds == 3
            alarms.append(ring)

        def start(self) -> None:
            alarms[-1]()

        def cancel(self) -> None:
            alarms.clear()

    clock, client = VirtualClock(0.0), Client(DONE)
    made = Aws(
        lambda service, region: client,
        clock.now,
        clock.advance,
        random.Random(1),
        "us-east-1",
        alarm=Alarm,  # type: ignore[arg-type]
    )
    texts = said(made)
    call(made)
    assert texts == ["cloudformation:DescribeStacks has no answer yet: one is waited for up to 60 s"]
    assert alarms == []


@pytest.mark.parametrize(
    ("code", "message", "status"),
    [
        ("InternalFailure", "API for service 'ecs' not yet implemented or pro feature - please check the page", 501),
        ("InternalFailure", "The API action 'X' for service 's3' is either not available in your license plan", 501),
        ("InternalError", "exception while calling ecs.DescribeServices: NotImplementedError: no", 500),
        ("InternalFailure", "not implemented", 500),
        ("UnknownOperationException", "", 400),
        ("InvalidAction", "The action X is not valid for this web service.", 400),
        ("501", "Not Implemented", 501),
    ],
)
def test_what_an_endpoint_does_not_implement_is_final(code: str, message: str, status: int) -> None:
    made, client, slept = aws(DONE, error(code, message, status))
    call(made)
    with pytest.raises(ApiError) as raised:
        call(made)
    assert raised.value.unimplemented
    assert (len(client.asked), slept) == (2, [])


@pytest.mark.parametrize("message", ["Resource is not in a state to be updated", "An internal error occurred"])
def test_a_failure_of_aws_is_no_lack_of_an_operation(message: str) -> None:
    made, client, _ = aws(error("InternalFailure", message, 500), DONE)
    assert call(made) == DONE
    assert len(client.asked) == 2


@pytest.mark.parametrize(
    ("url", "foreign"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://localhost.localstack.cloud:4566", True),
        ("https://aws.example.com", True),
        (None, False),
        ("https://vpce-1-a.cloudformation.eu-west-1.vpce.amazonaws.com", False),
        ("https://cloudformation.cn-north-1.amazonaws.com.cn", False),
        ("https://cloudformation.eu-west-1.api.aws", False),
    ],
)
def test_which_endpoints_are_not_those_of_aws(nobody: pytest.MonkeyPatch, url: str | None, foreign: bool) -> None:
    nobody.setenv("AWS_ACCESS_KEY_ID", "a")
    nobody.setenv("AWS_SECRET_ACCESS_KEY", "b")
    assert connect(None, "eu-west-1", url).is_foreign("cloudformation") is foreign


def test_tokens_are_unique_and_valid() -> None:
    made, _, _ = aws(DONE)
    tokens = {made.token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) <= 36 and token.replace("-", "").isalnum() and token[0].isalpha() for token in tokens)


def test_an_operation_that_botocore_does_not_have() -> None:
    made = site().aws
    with pytest.raises(ApiError) as raised:
        made.call("cloudformation", "LevitateStack")
    assert raised.value.code == "UnknownOperation"
    assert not made.calls
    assert not made.supports("cloudformation", "LevitateStack")
    assert not made.supports("cloudformation", "DeleteStack", "Gently")
    assert made.supports("cloudformation", "DeleteStack", "RoleARN")


@pytest.mark.parametrize(
    "wrong",
    [
        ("AWS_ENDPOINT_URL_CLOUDFORMATION", "garbage"),
        ("AWS_DEFAULTS_MODE", "bogus"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "bogus"),
    ],
    ids=lambda wrong: wrong[0],
)
def test_invalid_botocore_settings_are_an_error_of_the_call(nobody: pytest.MonkeyPatch, wrong: tuple[str, str]) -> None:
    nobody.setenv("AWS_ACCESS_KEY_ID", "a")
    nobody.setenv("AWS_SECRET_ACCESS_KEY", "b")
    nobody.setenv(*wrong)
    made = connect(None, "eu-west-1", None)
    for ask in (
        lambda: call(made),
        lambda: made.supports("cloudformation", "DescribeStacks"),
        lambda: made.client("cloudformation"),
    ):
        with pytest.raises(ApiError, match=f"the AWS configuration is not valid for cloudformation: .*{wrong[1]}"):
            ask()


def test_botocore_retries_nothing_by_itself_in_the_standard_mode() -> None:
    assert configuration().retries == {"mode": "standard", "total_max_attempts": 1}


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in (
        "AWS_PROFILE",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


@pytest.mark.parametrize(
    ("profile", "region", "keys", "word", "code"),
    [
        ("nobody", "us-east-1", False, "profile 'nobody' does not exist", Exit.USAGE),
        (None, None, True, "no region", Exit.USAGE),
        (None, "us-east-1", False, "no AWS credentials", Exit.DENIED),
    ],
)
def test_no_connection(
    nobody: pytest.MonkeyPatch, profile: str | None, region: str | None, keys: bool, word: str, code: Exit
) -> None:
    if keys:
        nobody.setenv("AWS_ACCESS_KEY_ID", "a")
        nobody.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with pytest.raises(ConnectionProblem) as raised:
        connect(profile, region, None)
    assert word in raised.value.sentence
    assert raised.value.next
    assert raised.value.exit is code


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("zz-moon-7", "aws")],
)
def test_a_connection(nobody: pytest.MonkeyPatch, region: str, partition: str) -> None:
    nobody.setenv("AWS_ACCESS_KEY_ID", "a")
    nobody.setenv("AWS_SECRET_ACCESS_KEY", "b")
    made = connect(None, region, "http://127.0.0.1:1")
    assert (made.region, made.partition) == (region, partition)
    client = made._make("cloudformation", region)
    assert client.meta.endpoint_url == "http://127.0.0.1:1"
    assert client.meta.config.retries["mode"] == "standard"


def test_renewed_credentials_are_read_anew(nobody: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    text = "[default]\naws_access_key_id = {}\naws_secret_access_key = x\n"
    file.write_text(text.format("old"), encoding="utf-8")
    made = connect(None, "us-east-1", None)
    file.write_text(text.format("new"), encoding="utf-8")
    keys = []
    for _ in range(2):
        keys.append(made._make("sts", "us-east-1")._get_credentials().access_key)
        made._renew()
    assert keys == ["old", "new"]
