"""Write to DynamoDB: calls with retries and backoff, conditional puts, and parallel batches at a limited rate."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from fsdcf.aws_errors import (
    CredentialsError,
    categorize,
    credentials_problem,
    denial_of,
    is_unreadable,
    lacks_credentials,
    network_problem,
)
from fsdcf.storage.migration.checkpoint import Checkpoint, save
from fsdcf.storage.migration.model import Item, Migration, MigrationError, Progress, TargetTable, Tell
from fsdcf.storage.migration.source import write_units
from fsdcf.storage.migration.values import Encoder, canonical

BATCH_ITEMS = 25
BATCH_BYTES = 2_500_000
"""Limits of a batch. DynamoDB accepts 25 items and 16 MB on the wire, where a control character takes six bytes.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""

READ_ITEMS = 100
PATIENCE = 300.0
FIRST_PATIENCE = 15.0
"""Seconds without progress before a call fails; the shorter time applies until DynamoDB has answered once."""

SILENCE = 3.0
"""Seconds for which a call may wait without saying for what."""

SAVE_INTERVAL = 0.5
"""Seconds between two saves of the checkpoint: the work that a resume repeats after a crash."""

_FIRST_PAUSE, _LONGEST_PAUSE, _SLICE = 0.05, 20.0, 0.5


class MigrationStopped(Exception):
    """The migration is stopping; the call was not made."""


@dataclass
class TableClient:
    """A table behind a boto3 client. Thread-safe.

    ``clock`` returns seconds, ``pause`` waits for seconds, ``random`` returns numbers from 0 to 1. ``announce`` takes a
    sentence on what is waited for, and for how long. Setting ``stop`` ends all waiting.
    """

    client: Any
    table: str
    clock: Callable[[], float]
    pause: Callable[[float], None]
    random: Callable[[], float]
    retried: int = 0
    announce: Callable[[str], None] = lambda text: None
    stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _answered: bool = False
    _announced: float | None = None

    def put_batch(self, items: Sequence[Item]) -> None:
        """Put at most 25 items, and repeat what DynamoDB leaves unprocessed until all are written."""
        requests: Any = [{"PutRequest": {"Item": item}} for item in items]
        tries, start = 0, self.clock()
        while requests:
            answer = self._call("batch_write_item", RequestItems={self.table: requests})
            left = answer.get("UnprocessedItems", {}).get(self.table, [])
            if len(left) < len(requests):
                tries, start = 0, self.clock()
            requests = left
            if requests:
                tries = self._wait(tries, start, "DynamoDB leaves items unprocessed: the table accepts no more writes")

    def put_new(self, item: Item, key: Item) -> str:
        """Put an item unless its key exists: ``written``, or ``same`` or ``kept`` for an equal or different item."""
        try:
            self._call(
                "put_item",
                TableName=self.table,
                Item=item,
                ConditionExpression="attribute_not_exists(#k)",
                ExpressionAttributeNames={"#k": next(iter(key))},
            )
            return "written"
        except ClientError:
            existing = self.get_batch([key])
        # If it is gone again, another client deleted it after the put was rejected, which is not undone.
        return "same" if existing and canonical(existing[0]) == canonical(item) else "kept"

    def get_batch(self, keys: Sequence[Item]) -> list[Item]:
        """Get the existing items of at most 100 keys."""
        items: list[Item] = []
        left: Any = list(keys)
        tries, start = 0, self.clock()
        while left:
            answer = self._call("batch_get_item", RequestItems={self.table: {"Keys": left, "ConsistentRead": True}})
            more = answer.get("Responses", {}).get(self.table, [])
            items += more
            left = answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
            if more:
                tries, start = 0, self.clock()
            if left:
                tries = self._wait(tries, start, "DynamoDB leaves keys unprocessed: the table accepts no more reads")
        return items

    def count(self, segment: int, segments: int) -> int:
        """Count the items in one of the segments of the table by reading them."""
        total = 0
        page: dict[str, Any] = {}
        while True:
            answer = self._scan(Segment=segment, TotalSegments=segments, **page)
            total += int(answer["Count"])
            if not answer.get("LastEvaluatedKey"):
                return total
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def is_empty(self) -> bool:
        """Whether the table has no items."""
        return not self._scan(Limit=1)["Count"]

    def _scan(self, **parameters: Any) -> Any:
        return self._call("scan", TableName=self.table, Select="COUNT", ConsistentRead=True, **parameters)

    def describe(self) -> Mapping[str, Any]:
        """Describe the table. MigrationError if there is none, or if it is not active."""
        try:
            table: Mapping[str, Any] = self._call("describe_table", TableName=self.table).get("Table") or {}
        except ClientError:
            hint = "deploy the spec first, or check --env, --region and --profile"
            raise MigrationError(f"the table {self.table!r} does not exist", hint) from None
        if not table.get("TableStatus"):
            raise MigrationError("the endpoint does not answer as DynamoDB does", "check --endpoint-url", "failed")
        if table["TableStatus"] not in ("ACTIVE", "UPDATING"):
            raise MigrationError(f"the table {self.table!r} is {table['TableStatus']}", "wait until it is ACTIVE")
        return table

    def _call(self, operation: str, **parameters: Any) -> Any:
        """Call an operation, and retry while DynamoDB throttles, fails or cannot be reached.

        Raises ClientError for a failed condition and a missing table, MigrationError for other errors.
        """
        tries, start = 0, self.clock()
        while True:
            if self.stop.is_set():
                raise MigrationStopped
            try:
                answer = getattr(self.client, operation)(**parameters)
                self._answered = True
                return answer
            except ClientError as error:
                reason = self._retry_reason(error, operation)
            except Exception as error:
                if is_unreadable(error) and not self._answered:
                    hint = "check --region, --endpoint-url and the network"
                    raise MigrationError(
                        f"the endpoint does not answer as DynamoDB does: {error}", hint, "failed"
                    ) from None
                reason = _network_reason(error, operation)
            tries = self._wait(tries, start, reason)

    def _retry_reason(self, error: ClientError, operation: str) -> str:
        """The reason of an error that a retry may solve. Raises any other error."""
        details = error.response.get("Error", {})
        code, message = str(details.get("Code", "")), str(details.get("Message", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
        category = categorize(code, status, message)
        if xform_name(error.operation_name) not in (operation, "") and category not in ("throttled", "transient"):
            raise unusable(error) from None  # the call that failed was to obtain credentials
        if category == "unimplemented":
            hint = "check --endpoint-url"
            raise MigrationError(f"the endpoint does not implement dynamodb:{operation}: {message}", hint, "failed")
        if category in ("throttled", "transient"):
            return f"DynamoDB is throttling or failing ({code}): {message}"
        missing = code == "ResourceNotFoundException" and operation == "describe_table"
        if missing or code == "ConditionalCheckFailedException":
            raise error
        if category == "credentials":
            hint = "renew the credentials, and run the same command again: it continues"
            raise MigrationError(f"DynamoDB rejected the credentials: {message}", hint, "denied")
        if category == "denied":
            denial = denial_of("dynamodb", "".join(word.capitalize() for word in operation.split("_")), message)
            hint = f"the caller needs the statement {denial.statement}" if denial.lacks_statement else denial.advice
            text = denial.text if denial.principal else f"{denial.text}: {message}"
            raise MigrationError(text, hint, "denied")
        raise MigrationError(f"{operation} failed ({code}): {message}", kind="failed")

    def _wait(self, tries: int, start: float, reason: str) -> int:
        """Wait before the next try, with exponential backoff and jitter; return the number of tries.

        Raises MigrationError after too long without progress.
        """
        with self._lock:
            self.retried += 1
        patience = PATIENCE if self._answered else FIRST_PATIENCE
        if self.clock() - start >= patience:
            hint = "try a lower --rate" if self._answered else "check --region, --endpoint-url and the network"
            raise MigrationError(f"no progress for {patience:.0f} seconds: {reason}", hint, "failed")
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(tries, 20)) * (0.5 + self.random() / 2)
        waited = self.clock() - start
        if waited + pause > SILENCE:
            self._announce(f"{reason}: it is repeated for up to {max(1, round(patience - waited))} s")
        self.sleep(pause)
        return tries + 1

    def _announce(self, text: str) -> None:
        """Say what is waited for, at most once a minute for all threads."""
        with self._lock:
            now = self.clock()
            quiet = self._announced is not None and now - self._announced < 60
            self._announced = self._announced if quiet else now
        if not quiet:
            self.announce(text)

    def sleep(self, seconds: float) -> None:
        """Sleep in short slices, so that ``stop`` takes effect quickly."""
        while seconds > 0 and not self.stop.is_set():
            self.pause(min(_SLICE, seconds))
            seconds -= _SLICE


def _network_reason(error: Exception, operation: str) -> str:
    """The reason of a network failure that a retry may solve. Raises MigrationError for any other exception of a call.

    What botocore's providers of credentials raise may quote secrets, and need not be an exception of botocore.
    """
    problem = network_problem(error)
    if problem is not None and not problem.final:
        return f"DynamoDB cannot be reached: {problem.text}"
    if problem is not None:
        raise MigrationError(f"DynamoDB cannot be reached: {problem.text}", problem.advice, "failed") from None
    if isinstance(error, (CredentialsError, *_OF_PROVIDERS)) or lacks_credentials(error):
        raise unusable(error) from None
    if isinstance(error, BotoCoreError):
        raise MigrationError(f"{operation} cannot be called: {error}", kind="failed") from None
    raise error


_OF_PROVIDERS = (OSError, ValueError, KeyError, RuntimeError)
"""What botocore's providers of credentials raise beside its own exceptions."""


def unusable(error: Exception) -> MigrationError:
    """The error that says why the credentials cannot be used."""
    if isinstance(error, CredentialsError):
        return MigrationError(str(error), "; ".join(filter(None, (error.advice, *error.next[:1]))), "denied")
    sentence = f"no usable credentials: their source {credentials_problem(error).text}"
    return MigrationError(sentence, "aws sts get-caller-identity", "denied")


def with_live_key(table: TargetTable, description: Mapping[str, Any]) -> TargetTable:
    """Add the key and index types of the live table. MigrationError if its key differs from the spec."""
    types = {item["AttributeName"]: item["AttributeType"] for item in description["AttributeDefinitions"]}
    schema = sorted(description["KeySchema"], key=lambda element: str(element["KeyType"]))
    key = tuple((element["AttributeName"], types[element["AttributeName"]]) for element in schema)
    if table.keys and table.keys != key:
        raise MigrationError(
            f"the table {table.name!r} has the key {_key_schema(key)}, but the spec has {_key_schema(table.keys)}",
            "compare the spec with `fsdcf deploy SPEC --plan-only`, or check --env, --region and --table",
        )
    return TargetTable(table.name, key, tuple(sorted(pair for pair in types.items() if pair not in key)))


def _key_schema(keys: Sequence[tuple[str, str]]) -> str:
    return " and ".join(f"{name} ({type})" for name, type in keys)


class RateLimiter:
    """Limits items or write units per second; None means unlimited. ``clock`` returns seconds and never runs backwards.

    One thread calls it, in the order of the batches. A pause does not allow a later burst.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self.clock = clock
        self._free = clock()

    def wait_for(self, cost: float) -> float:
        """Reserve a cost; return the seconds to sleep before it may be spent."""
        if self._per_second is None:
            return 0.0
        now = self.clock()
        start = max(now, self._free)
        self._free = start + cost / self._per_second
        return start - now


J = TypeVar("J")
R = TypeVar("R")


def run_in_threads(
    jobs: Iterable[J], work: Callable[[J], R], on_result: Callable[[J, R], None], workers: int, stop: threading.Event
) -> None:
    """Run jobs in threads, with at most two jobs per worker in memory; ``on_result`` runs in the calling thread.

    At the first failure ``stop`` is set, running jobs end and their results are passed on, and the failure is raised.
    """
    pending: dict[Future[R], J] = {}
    pool = ThreadPoolExecutor(workers)

    def collect(most: int) -> None:
        while pending and len(pending) >= most:
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                result = future.result()
                on_result(pending.pop(future), result)

    try:
        for job in jobs:
            pending[pool.submit(work, job)] = job
            collect(2 * workers)
        collect(1)
    except BaseException:
        stop.set()
        pool.shutdown(cancel_futures=True)
        for future, job in pending.items():
            if not future.cancelled() and future.exception() is None:
                on_result(job, future.result())
        raise
    finally:
        pool.shutdown()


@dataclass
class Batch:
    """Items that are written together: the rows from ``first`` on, with their size in bytes and write units."""

    first: int
    items: list[Item] = field(default_factory=list)
    bytes: int = 0
    units: int = 0

    @property
    def end(self) -> int:
        """The number of the row after the last one."""
        return self.first + len(self.items)


def batches(rows: Iterable[tuple[Any, ...]], done: Checkpoint, encode: Encoder) -> Iterator[Batch]:
    """Batches of the rows that are not written yet. ``rows`` start after the first ``done.through``."""
    holes = [tuple(span) for span in done.beyond]
    batch = Batch(done.through)
    for number, row in enumerate(rows, done.through):
        while holes and number >= holes[0][1]:
            holes.pop(0)
        if holes and number >= holes[0][0]:
            if batch.items:
                yield batch
            batch = Batch(holes[0][1])
            continue
        item, size, _ = encode(row)
        if len(batch.items) == BATCH_ITEMS or (batch.items and batch.bytes + size > BATCH_BYTES):
            yield batch
            batch = Batch(number)
        batch.items.append(item)
        batch.bytes += size
        batch.units += write_units(size)
    if batch.items:
        yield batch


def write(
    rows: Iterable[tuple[Any, ...]],
    total: int,
    done: Checkpoint,
    encode: Encoder,
    target: TableClient,
    migration: Migration,
    tell: Tell,
) -> None:
    """Write every item that is not written yet. The checkpoint is saved however the write ends."""
    rate, clock = migration.rate, target.clock
    limiter, saved = RateLimiter(rate.per_second if rate else None, clock), clock()

    def paced() -> Iterator[Batch]:
        for batch in batches(rows, done, encode):
            target.sleep(limiter.wait_for(batch.units if rate and rate.units else len(batch.items)))
            yield batch

    def work(batch: Batch) -> dict[str, int]:
        if migration.mode != "keep":
            target.put_batch(batch.items)
            return {"written": len(batch.items)}
        results = [target.put_new(item, encode.key_of(item)) for item in batch.items]
        return {result: results.count(result) for result in set(results)}

    def on_result(batch: Batch, counts: dict[str, int]) -> None:
        nonlocal saved
        done.mark(batch.first, batch.end, counts)
        if clock() - saved >= SAVE_INTERVAL:
            saved = clock()
            save(migration.checkpoint, done)
            tell(Progress("write", done.count, total))

    try:
        run_in_threads(paced(), work, on_result, migration.workers, target.stop)
        done.finished = True
    finally:
        save(migration.checkpoint, done)
    tell(Progress("write", done.count, total))
