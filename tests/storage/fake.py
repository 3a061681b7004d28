"""A fake client of a DynamoDB table: its limits, its errors, injected faults, and a log that outlives the process."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from fsdcf.storage.migration.values import item_size, key_text, number

Item = dict[str, Any]
Hook = Callable[[int, list[Item]], list[Item]]
"""Gets the number of a write, from 1, and its items; returns the items to write. It may raise or end the process."""


def refusal(code: str, message: str = "", operation: str = "BatchWriteItem", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation
    )


class Fake:
    """The client. ``writes`` counts the puts of each key; with ``log`` the written items outlive the process."""

    def __init__(self, keys: tuple[tuple[str, str], ...], name: str = "things", log: Path | None = None) -> None:
        self.keys = keys
        self.name = name
        self.others: tuple[tuple[str, str], ...] = ()
        self.items: dict[str, Item] = {}
        self.writes: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.write_calls = 0
        self.before: Hook = lambda number, items: items
        self.after: Callable[[int], None] = lambda number: None
        self.reading: Callable[[int], None] = lambda number: None
        self.status = "ACTIVE"
        self.id = "11111111-2222-3333-4444-555555555555"
        self._lock = threading.RLock()
        self._log = log
        if log is not None and log.exists():
            for line in log.read_text().splitlines():
                for item in json.loads(line, object_hook=_unpacked):
                    self._keep(item)

    def key(self, item: Item) -> str:
        return key_text({name: item[name] for name, _ in self.keys})

    def describe_table(self, TableName: str) -> Any:
        self.calls["describe_table"] += 1
        if TableName != self.name:
            raise refusal("ResourceNotFoundException", "Requested resource not found", "DescribeTable")
        return {
            "Table": {
                "TableStatus": self.status,
                "TableArn": f"arn:aws:dynamodb:us-east-1:123456789012:table/{self.name}",
                "TableId": self.id,
                "KeySchema": [
                    {"AttributeName": key, "KeyType": kind}
                    for (key, _), kind in zip(self.keys, ("HASH", "RANGE"), strict=False)
                ],
                "AttributeDefinitions": [
                    {"AttributeName": key, "AttributeType": type} for key, type in (*self.keys, *self.others)
                ],
            }
        }

    def batch_write_item(self, RequestItems: dict[str, Any]) -> Any:
        ((table, requests),) = RequestItems.items()
        items = [one["PutRequest"]["Item"] for one in requests]
        assert table == self.name and 0 < len(items) <= 25
        assert len({self.key(item) for item in items}) == len(items), "a batch with a key twice is refused"
        with self._lock:
            self.write_calls += 1
            call = self.write_calls
            self.calls["batch_write_item"] += 1
            now = self.before(call, items)
            self._put(now)
            self.after(call)
        left = [one for one in requests if one["PutRequest"]["Item"] not in now]
        return {"UnprocessedItems": {table: left} if left else {}}

    def put_item(
        self, TableName: str, Item: Item, ConditionExpression: str, ExpressionAttributeNames: dict[str, str]
    ) -> Any:
        assert ConditionExpression == "attribute_not_exists(#k)" and ExpressionAttributeNames["#k"] in dict(self.keys)
        with self._lock:
            self.write_calls += 1
            call = self.write_calls
            self.before(call, [Item])
            if self.key(Item) in self.items:
                raise refusal("ConditionalCheckFailedException", "The conditional request failed", "PutItem")
            self._put([Item])
            self.after(call)
        return {}

    def batch_get_item(self, RequestItems: dict[str, Any]) -> Any:
        ((table, request),) = RequestItems.items()
        assert 0 < len(request["Keys"]) <= 100 and request["ConsistentRead"]
        with self._lock:
            self.calls["batch_get_item"] += 1
            self.reading(self.calls["batch_get_item"])
            some = request["Keys"][:60]  # a large answer comes in parts
            left = request["Keys"][60:]
            found = [self.items[key_text(key)] for key in some if key_text(key) in self.items]
        return {"Responses": {table: found}, "UnprocessedKeys": {table: {"Keys": left}} if left else {}}

    def scan(
        self,
        TableName: str,
        Select: str,
        ConsistentRead: bool,
        Segment: int = 0,
        TotalSegments: int = 1,
        Limit: int = 100,
        ExclusiveStartKey: Any = None,
    ) -> Any:
        assert Select == "COUNT" and ConsistentRead
        keys = sorted(self.items)[Segment::TotalSegments]
        start = int(ExclusiveStartKey["at"]["N"]) if ExclusiveStartKey else 0
        more = {"LastEvaluatedKey": {"at": {"N": str(start + Limit)}}} if len(keys) > start + Limit else {}
        return {"Count": len(keys[start : start + Limit]), **more}

    def _put(self, items: list[Item]) -> None:
        for item in items:
            _check(item, self.keys)
            self._keep(item)
        if self._log is not None and items:
            line = json.dumps(items, default=_packed) + "\n"
            handle = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(handle, line.encode())
            os.close(handle)

    def _keep(self, item: Item) -> None:
        self.items[self.key(item)] = item
        self.writes[self.key(item)] += 1


def _check(item: Item, keys: tuple[tuple[str, str], ...]) -> None:
    assert item_size(item) <= 400 * 1024
    for name, type in keys:
        assert list(item[name]) == [type] and item[name][type] != ""
    for one in _numbers(item):
        number(one)


def _numbers(item: Item) -> Iterator[str]:
    for value in item.values():
        ((kind, content),) = value.items()
        if kind == "N":
            yield content
        elif kind == "M":
            yield from _numbers(content)
        elif kind == "L":
            yield from _numbers(dict(enumerate(content)))


def _packed(value: Any) -> Any:
    assert isinstance(value, bytes)
    return {"base64": base64.b64encode(value).decode()}


def _unpacked(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["base64"]) if set(value) == {"base64"} else value
