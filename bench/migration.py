"""The migration against a bare boto3 batch writer: the same rows, parallelism and stand-in for DynamoDB.

The stand-in is in this process and answers instead of HTTP: both sides serialize, sign and parse, and the network costs
only the simulated latency. The migration runs with its defaults: copy, check, checkpoint, read back a sample.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import statistics
import tempfile
import threading
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from fsdcf.storage.migration.model import Migration, TargetTable
from fsdcf.storage.migration.run import migrate

ROWS = 10_000
WORKERS = 8
_KEYS = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}


def row(number: int) -> tuple[Any, ...]:
    return (
        number,
        f"customer {number % 977}",
        number * 0.25,
        f"2026-01-{number % 28 + 1:02} 12:00:00",
        number % 2,
        "a note of some length " * 4,
    )


NAMES = ("id", "customer", "total", "placed", "paid", "note")


class StandIn:
    """Answers instead of HTTP, after the latency in seconds. Counts the items put, and knows the item of every row."""

    def __init__(self, latency: float) -> None:
        self.put = 0
        self._latency = latency
        self._lock = threading.Lock()

    def __call__(self, request: Any, **_: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().partition(".")[2]
        data = json.dumps(getattr(self, operation)(request.body)).encode()
        if self._latency:
            time.sleep(self._latency)
        return AWSResponse(request.url, 200, {"content-type": "application/x-amz-json-1.0"}, _Raw(data))

    def BatchWriteItem(self, body: bytes) -> Any:
        with self._lock:
            self.put += body.count(b'"PutRequest"')
        return {"UnprocessedItems": {}}

    def DescribeTable(self, body: bytes) -> Any:
        key = [{"AttributeName": "id", "KeyType": "HASH"}]
        types = [{"AttributeName": "id", "AttributeType": "N"}]
        return {"Table": {"TableStatus": "ACTIVE", "TableId": "1", "KeySchema": key, "AttributeDefinitions": types}}

    def Scan(self, body: bytes) -> Any:
        return {"Count": self.put if json.loads(body).get("Segment", 0) == 0 else 0}

    def BatchGetItem(self, body: bytes) -> Any:
        ((table, wanted),) = json.loads(body)["RequestItems"].items()
        return {"Responses": {table: [_wire(int(key["id"]["N"])) for key in wanted["Keys"]]}}


class _Raw:
    """The body of a response, as botocore reads it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._data


def _wire(number: int) -> dict[str, Any]:
    return {
        name: {"S": one} if isinstance(one, str) else {"N": str(one)}
        for name, one in zip(NAMES, row(number), strict=True)
    }


def _migrate(source: Path, latency: float) -> float:
    stand_in = StandIn(latency)
    retries: Any = {"mode": "standard", "total_max_attempts": 1}
    client = boto3.client("dynamodb", config=Config(retries=retries, max_pool_connections=WORKERS + 2), **_KEYS)
    client.meta.events.register("before-send.dynamodb", stand_in)
    checkpoint = source.with_name("checkpoint.json")
    checkpoint.unlink(missing_ok=True)
    migration = Migration(TargetTable("t", (("id", "N"),)), str(source), str(checkpoint), workers=WORKERS)
    start = time.perf_counter()
    report = migrate(migration, client, lambda event: None, time.monotonic, time.sleep, random.Random(1))
    taken = time.perf_counter() - start
    assert report.good and report.checked == 1000 and stand_in.put == ROWS
    return taken


def _bare(source: Path, latency: float) -> float:
    stand_in = StandIn(latency)
    tables = []
    for _ in range(WORKERS):
        resource = boto3.resource("dynamodb", **_KEYS)
        resource.meta.client.meta.events.register("before-send.dynamodb", stand_in)
        tables.append(resource.Table("t"))

    def work(share: int) -> None:
        with closing(sqlite3.connect(source)) as base, tables[share].batch_writer() as batch:
            for values in base.execute("SELECT * FROM t WHERE id % ? = ?", (WORKERS, share)):
                item = dict(zip(NAMES, values, strict=True))
                item["total"] = Decimal(str(item["total"]))
                batch.put_item(Item=item)

    threads = [threading.Thread(target=work, args=(share,)) for share in range(WORKERS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - start
    assert stand_in.put == ROWS
    return taken


def measure(runs: int) -> None:
    """Print the speed of the migration as a share of the bare writer's: the median of pairs, for two latencies."""
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "app.db"
        with closing(sqlite3.connect(source)) as base:
            base.execute(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, customer TEXT, total REAL, placed TEXT, paid INTEGER,"
                " note TEXT)"
            )
            base.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", map(row, range(ROWS)))
            base.commit()
        _migrate(source, 0.0), _bare(source, 0.0)  # warm up
        for latency in (0.0, 0.005):
            pairs = [(_migrate(source, latency), _bare(source, latency)) for _ in range(runs)]
            share = statistics.median(bare / migration for migration, bare in pairs)
            speed = ROWS / statistics.median(migration for migration, _ in pairs)
            label = f"migrate-data   {share:.2f} of the speed of a bare batch writer (at least 0.80)"
            print(f"{label}, {speed:,.0f} items/s, latency {latency * 1000:.0f} ms", flush=True)


if __name__ == "__main__":
    measure(5)
