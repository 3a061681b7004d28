"""The DynamoDB side: what is retried and for how long, and what fails at once. Time is simulated."""

from __future__ import annotations

import random
from json import JSONDecodeError
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InvalidConfigError,
    NoCredentialsError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from fsdcf.aws_errors import CredentialsError
from fsdcf.deploy.aws import ForeignResponse
from fsdcf.storage.migration.model import MigrationError, TargetTable
from fsdcf.storage.migration.target import PATIENCE, MigrationStopped, RateLimiter, TableClient, with_live_key
from tests.storage.conftest import Time
from tests.storage.fake import Fake, refusal

KEYS = (("id", "N"),)


def items(count: int) -> list[dict[str, Any]]:
    return [{"id": {"N": str(number)}, "v": {"S": "x"}} for number in range(count)]


def target(fake: Any) -> tuple[TableClient, Time]:
    time = Time()
    return TableClient(fake, "things", time.clock, time.sleep, random.Random(1).random), time


def raising(*errors: Exception) -> Fake:
    """A table whose first writes fail so."""
    fake, left = Fake(KEYS), list(errors)

    def before(number: int, batch: list[Any]) -> list[Any]:
        if left:
            raise left.pop(0)
        return batch

    fake.before = before
    return fake


def test_unprocessed_items_are_sent_again_until_none_is_left() -> None:
    fake = Fake(KEYS)
    fake.before = lambda number, batch: batch[: len(batch) // 2 + 1] if number % 2 else []
    one, time = target(fake)
    one.put_batch(items(25))
    assert len(fake.items) == 25 and set(fake.writes.values()) == {1}, "what was taken is not sent again"
    assert one.retried == fake.write_calls - 1 and time.slept > 0


def test_pauses_grow_and_vary() -> None:
    throttle = refusal("ProvisionedThroughputExceededException", "slow")
    one, _ = target(raising(*[throttle] * 8))
    pauses: list[float] = []
    one.sleep = pauses.append  # type: ignore[method-assign]
    one.put_batch(items(1))
    assert len(pauses) == 8 and all(0.025 * 2**n <= pause <= 0.05 * 2**n for n, pause in enumerate(pauses))
    assert len({pause / 2**n for n, pause in enumerate(pauses)}) == 8


@pytest.mark.parametrize(
    "error",
    [
        refusal("ThrottlingException"),
        refusal("RequestLimitExceeded"),
        refusal("InternalServerError", status=500),
        refusal("Unknown", status=503),
        EndpointConnectionError(endpoint_url="http://x"),
        ConnectTimeoutError(endpoint_url="http://x"),
        ReadTimeoutError(endpoint_url="http://x"),
        ResponseParserError("invalid JSON"),
        ForeignResponse(503),
        ForeignResponse(200, broken=True),
    ],
    ids=lambda error: type(error).__name__,
)
def test_temporary_errors_are_retried(error: Exception) -> None:
    fake = raising(error, error, error)
    one, _ = target(fake)
    one.put_batch(items(3))
    assert len(fake.items) == 3 and one.retried == 3


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (refusal("AccessDeniedException", "not you"), "denied", "no permission for dynamodb:BatchWriteItem: not you"),
        (refusal("ExpiredTokenException", "old"), "denied", "rejected the credentials: old"),
        (refusal("UnrecognizedClientException", "who"), "denied", "rejected the credentials: who"),
        (NoCredentialsError(), "denied", "credentials"),
        (CredentialsError("no usable credentials: x"), "denied", "no usable credentials: x"),
        (FileNotFoundError(2, "No such file", "/no/token"), "denied", "cannot be read: /no/token: No such file"),
        (JSONDecodeError("x", "hunter2", 0), "denied", "no usable credentials"),
        (CredentialRetrievalError(provider="custom-process", error_msg="hunter2"), "denied", "did not return"),
        (InvalidConfigError(error_msg="no role"), "denied", "no role"),
        (SSLError(endpoint_url="https://x", error="certificate verify failed: self-signed"), "failed", "self-signed"),
        (refusal("ValidationException", "Item size"), "failed", "ValidationException): Item size"),
        (refusal("ResourceNotFoundException", "gone"), "failed", "gone"),
        (BotoCoreError(), "failed", "cannot be called"),
        (ForeignResponse(200), "failed", "the endpoint does not answer as DynamoDB does"),
        (ForeignResponse(404), "failed", "the endpoint does not answer as DynamoDB does"),
        (refusal("InternalFailure", "not yet implemented or pro feature", status=501), "failed", "does not implement"),
    ],
)
def test_permanent_errors_are_not_retried(error: Exception, kind: str, words: str) -> None:
    one, time = target(raising(error))
    with pytest.raises(MigrationError) as found:
        one.put_batch(items(1))
    assert found.value.kind == kind and words in found.value.sentence and time.slept == 0
    assert "hunter2" not in found.value.sentence + found.value.hint


@pytest.mark.parametrize("stuck", ["throttled", "unprocessed"])
def test_retries_end_without_progress(stuck: str) -> None:
    fake = Fake(KEYS)
    one, time = target(fake)
    one.describe()

    def before(number: int, batch: list[Any]) -> list[Any]:
        if stuck == "throttled":
            raise refusal("ThrottlingException", "slow down")
        return []

    fake.before = before
    with pytest.raises(MigrationError, match="no progress for 300 seconds") as found:
        one.put_batch(items(2))
    assert found.value.kind == "failed" and PATIENCE <= time.slept < PATIENCE + 21 and not fake.items


def test_retries_end_sooner_before_the_first_answer() -> None:
    one, time = target(raising(*[EndpointConnectionError(endpoint_url="http://nowhere")] * 99))
    with pytest.raises(MigrationError, match=r"15 seconds.*cannot be reached") as found:
        one.put_batch(items(1))
    assert "--endpoint-url" in found.value.hint and time.slept < 40


def test_slow_progress_continues() -> None:
    fake = Fake(KEYS)
    one, time = target(fake)
    one.describe()
    fake.before = lambda number, batch: batch[:1] if number % 12 == 0 else []
    one.put_batch(items(20))
    assert len(fake.items) == 20 and time.slept > PATIENCE


def test_a_stop_ends_the_waiting() -> None:
    one, time = target(raising(refusal("ThrottlingException")))
    one.stop.set()
    with pytest.raises(MigrationStopped):
        one.put_batch(items(1))
    one.sleep(1000)
    assert time.slept == 0


def test_put_new_keeps_existing_items() -> None:
    fake = Fake(KEYS)
    one, _ = target(fake)
    mine, other = {"id": {"N": "1"}, "v": {"N": "1.0"}}, {"id": {"N": "1"}, "v": {"N": "2"}}
    assert one.put_new(mine, {"id": {"N": "1"}}) == "written"
    assert one.put_new({"id": {"N": "1"}, "v": {"N": "1"}}, {"id": {"N": "1"}}) == "same"
    assert one.put_new(other, {"id": {"N": "1"}}) == "kept"
    assert fake.items == {"id=1": mine}


def test_reading_and_counting_go_through_all_pages() -> None:
    fake = Fake(KEYS)
    one, _ = target(fake)
    for start in range(0, 500, 25):
        one.put_batch([{"id": {"N": str(start + n)}} for n in range(25)])
    assert len(one.get_batch([{"id": {"N": str(n)}} for n in range(450, 550)])) == 50
    assert sum(one.count(segment, 3) for segment in range(3)) == 500 and not one.is_empty()


def test_the_key_of_the_spec_and_of_the_table() -> None:
    fake = Fake((("a", "S"), ("b", "N")))
    fake.others = (("z", "B"),)
    one, _ = target(fake)
    live = one.describe()
    assert with_live_key(TargetTable("things"), live) == TargetTable("things", fake.keys, fake.others)
    for keys, words in (
        ((("a", "S"),), "has the key a (S) and b (N), but the spec has a (S)"),
        ((("a", "N"), ("b", "N")), "the spec has a (N) and b (N)"),
        ((("b", "N"), ("a", "S")), "the spec has b (N) and a (S)"),
    ):
        with pytest.raises(MigrationError) as found:
            with_live_key(TargetTable("things", keys), live)
        assert words in found.value.sentence and found.value.kind == "usage"


def test_tables_that_cannot_be_written() -> None:
    fake = Fake(KEYS)
    fake.status = "DELETING"
    with pytest.raises(MigrationError, match="is DELETING"):
        target(fake)[0].describe()
    fake.name = "others"
    with pytest.raises(MigrationError, match="the table 'things' does not exist") as found:
        target(fake)[0].describe()
    assert found.value.kind == "usage" and "deploy" in found.value.hint


def test_the_rate_limiter_allows_no_burst() -> None:
    time = Time()
    limiter = RateLimiter(10.0, time.clock)
    for _ in range(5):
        time.sleep(limiter.wait_for(25))
    assert time.now == pytest.approx(10.0), "the first batch goes at once, the fifth after the cost of four"
    time.sleep(100)
    assert limiter.wait_for(25) == 0 and limiter.wait_for(25) == pytest.approx(2.5)
    assert RateLimiter(None, time.clock).wait_for(1e9) == 0


def test_what_is_waited_for_is_said_once_a_minute() -> None:
    one, _ = target(raising(*[refusal("ThrottlingException", "Rate exceeded")] * 9))
    said: list[str] = []
    one.announce = said.append
    one.put_batch(items(1))
    assert len(said) == 1
    assert "Rate exceeded" in said[0] and "for up to" in said[0]
