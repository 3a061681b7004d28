"""The DynamoDB side: calls with retry and backoff, batches until nothing is left unprocessed, puts that never overwrite."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import botocore.exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from fsdcf.storage.migration.model import Item, MigrationError, Table
from fsdcf.storage.migration.values import canonical

BATCH_ITEMS = 25
BATCH_BYTES = 2_500_000
"""A batch has 25 items and 16 MB on the wire at most, where a control character takes six bytes for one.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""

READ_ITEMS = 100
PATIENCE = 300.0
FIRST_PATIENCE = 15.0
"""Seconds without any progress after which a call is given up; the short one until DynamoDB has answered for the first time."""

_FIRST_PAUSE, _LONGEST_PAUSE, _SLICE = 0.05, 20.0, 0.5
_TRY_AGAIN = frozenset(
    {
        *("ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "RequestLimitExceeded"),
        *("TooManyRequestsException", "SlowDown", "InternalServerError", "InternalFailure", "ServiceUnavailable"),
        *("TransactionInProgressException", "RequestTimeout", "RequestTimeoutException"),
    }
)
_DENIED = (
    "AccessDenied",
    "ExpiredToken",
    "UnrecognizedClient",
    "InvalidSignature",
    "MissingAuthenticationToken",
    "NotAuthorized",
)
_NETWORK = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.ConnectionError,
    botocore.exceptions.IncompleteReadError,
    ResponseParserError,
)
_NO_ACCESS = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "NoAuthTokenError",
    "TokenRetrievalError",
    "SSOError",
)


class Stopped(Exception):
    """The migration is being stopped; this call was not made."""


class Target:
    """A table through a client of boto3, or what behaves like one. Safe to use by several threads.

    ``clock`` tells seconds, ``sleep`` waits for seconds, ``random`` gives numbers from 0 to 1. ``stop`` ends all waiting.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        random: Callable[[], float],
    ) -> None:
        self.table = table
        self.stop = threading.Event()
        self.retried = 0
        self._client = client
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._lock = threading.Lock()
        self._answered = False

    def put_batch(self, items: Sequence[Item]) -> None:
        """Put at most 25 items, and what DynamoDB leaves unprocessed again and again until all are in."""
        requests: Any = [{"PutRequest": {"Item": item}} for item in items]
        tried, begun = 0, self._clock()
        while requests:
            answer = self._call("batch_write_item", RequestItems={self.table: requests})
            left = answer.get("UnprocessedItems", {}).get(self.table, [])
            if len(left) < len(requests):
                tried, begun = 0, self._clock()
            requests = left
            if requests:
                tried = self._wait(tried, begun, "DynamoDB leaves items unprocessed: the table takes no more writes")

    def put_new(self, item: Item, key: Item) -> str:
        """Put an item where there is none of its key: ``written``; or ``same`` or ``kept`` for what is there, which stays as it is."""
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
            there = self.get_batch([key])
        # Gone again means that somebody deleted it after our put was refused: it is theirs to delete.
        return "same" if there and canonical(there[0]) == canonical(item) else "kept"

    def get_batch(self, keys: Sequence[Item]) -> list[Item]:
        """The items of at most 100 keys, those that exist."""
        found: list[Item] = []
        wanted: Any = list(keys)
        tried, begun = 0, self._clock()
        while wanted:
            answer = self._call("batch_get_item", RequestItems={self.table: {"Keys": wanted, "ConsistentRead": True}})
            items = answer.get("Responses", {}).get(self.table, [])
            found += items
            wanted = answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
            if items:
                tried, begun = 0, self._clock()
            if wanted:
                tried = self._wait(tried, begun, "DynamoDB leaves keys unprocessed: the table takes no more reads")
        return found

    def count(self, segment: int, segments: int) -> int:
        """The number of items in one of so many segments of the table, which reads them all."""
        total = 0
        start: dict[str, Any] = {}
        while True:
            answer = self._call(
                "scan",
                TableName=self.table,
                Select="COUNT",
                ConsistentRead=True,
                Segment=segment,
                TotalSegments=segments,
                **start,
            )
            total += int(answer["Count"])
            if not answer.get("LastEvaluatedKey"):
                return total
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def is_empty(self) -> bool:
        """Whether the table has no item."""
        answer = self._call("scan", TableName=self.table, Limit=1, Select="COUNT", ConsistentRead=True)
        return not answer["Count"]

    def described(self) -> Mapping[str, Any]:
        """The table as DynamoDB describes it. MigrationError where there is none, or none that takes items."""
        try:
            found: Mapping[str, Any] = self._call("describe_table", TableName=self.table)["Table"]
        except ClientError:
            hint = "deploy the spec first, or check --env, --region and --profile"
            raise MigrationError(f"there is no table {self.table!r}", hint) from None
        if found["TableStatus"] not in ("ACTIVE", "UPDATING"):
            raise MigrationError(f"the table {self.table!r} is {found['TableStatus']}", "wait until it is ACTIVE")
        return found

    def _call(self, operation: str, **parameters: Any) -> Any:
        """One call, tried again while DynamoDB throttles, fails or cannot be reached. Errors that mean something come as ClientError."""
        tried, begun = 0, self._clock()
        while True:
            if self.stop.is_set():
                raise Stopped
            try:
                answer = getattr(self._client, operation)(**parameters)
                self._answered = True
                return answer
            except ClientError as error:
                why = self._judged(error, operation)
            except _NETWORK as error:
                why = f"DynamoDB cannot be reached: {' '.join(str(error).split())[:200]}"
            except BotoCoreError as error:
                kind = "denied" if type(error).__name__ in _NO_ACCESS else "failed"
                raise MigrationError(f"{operation} cannot be called: {error}", kind=kind) from None
            tried = self._wait(tried, begun, why)

    def _judged(self, error: ClientError, operation: str) -> str:
        """Why it failed, where another try may help; otherwise the error that ends it."""
        told = error.response.get("Error", {})
        code, message = str(told.get("Code", "")), str(told.get("Message", ""))
        if code in _TRY_AGAIN or int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)) >= 500:
            return f"DynamoDB does not keep up ({code}): {message}"
        if code == "ConditionalCheckFailedException" or (
            code == "ResourceNotFoundException" and operation == "describe_table"
        ):
            raise error
        if any(code.startswith(one) for one in _DENIED):
            raise MigrationError(
                f"no permission for dynamodb:{operation}: {message}",
                "renew the credentials, or add the permission",
                "denied",
            )
        raise MigrationError(f"{operation} failed ({code}): {message}", kind="failed")

    def _wait(self, tried: int, begun: float, why: str) -> int:
        """Sleep before the next try, longer each time and never the same; the number of tries. MigrationError when patience is at an end."""
        with self._lock:
            self.retried += 1
        patience = PATIENCE if self._answered else FIRST_PATIENCE
        if self._clock() - begun >= patience:
            hint = "try a lower --rate" if self._answered else "check --region, --endpoint-url and the network"
            raise MigrationError(f"nothing has moved for {patience:.0f} seconds: {why}", hint, "failed")
        self.sleep(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(tried, 20)) * (0.5 + self._random() / 2))
        return tried + 1

    def sleep(self, seconds: float) -> None:
        """Sleep in short slices, so that a stop is heard."""
        while seconds > 0 and not self.stop.is_set():
            self._sleep(min(_SLICE, seconds))
            seconds -= _SLICE


def checked(table: Table, described: Mapping[str, Any]) -> Table:
    """The table with the types of the live one's keys and indexes. MigrationError where the spec's key is another one."""
    types = {one["AttributeName"]: one["AttributeType"] for one in described["AttributeDefinitions"]}
    ordered = sorted(described["KeySchema"], key=lambda one: str(one["KeyType"]))
    live = tuple((one["AttributeName"], types[one["AttributeName"]]) for one in ordered)
    if table.keys and table.keys != live:
        hint = "the spec and the table differ: see fsdcf deploy --plan-only, or check --env, --region and --table"
        raise MigrationError(
            f"the table {table.name!r} has the key {_said(live)}, and the spec {_said(table.keys)}", hint
        )
    return Table(
        table.name, live, tuple(sorted((name, type) for name, type in types.items() if (name, type) not in live))
    )


def _said(keys: Sequence[tuple[str, str]]) -> str:
    return " and ".join(f"{name} ({type})" for name, type in keys)
