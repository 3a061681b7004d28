"""Fixtures of the storage tests: a database, a simulated clock, and a complete migration."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from fsdcf.storage.migration.model import Migration, MigrationNotice, Progress, Report, TargetTable
from fsdcf.storage.migration.run import migrate
from tests.storage.fake import Fake

Sql = Callable[..., Path]


class Time:
    """A clock that advances with each sleep, and a little with each look."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now = 0.0
        self.slept = 0.0
        self._tick = tick
        self._lock = threading.Lock()

    def clock(self) -> float:
        with self._lock:
            self.now += self._tick
            return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds
            self.slept += seconds


@dataclass
class Bench:
    """A migration of ``things`` into a fake table of the key ``id``."""

    migration: Migration
    client: Any
    time: Time = field(default_factory=Time)
    told: list[Progress | MigrationNotice] = field(default_factory=list)

    def run(self, **changes: Any) -> Report:
        """Run it, with some settings changed."""
        migration = replace(self.migration, **changes)
        return migrate(migration, self.client, self.told.append, self.time.clock, self.time.sleep, random.Random(1))


def filled(path: Path, *statements: str, rows: int = 0, journal: str = "DELETE") -> Path:
    """A database with the table things(id, name, price, data), so many rows in it, and what more statements do."""
    with closing(sqlite3.connect(path)) as source:
        source.execute(f"PRAGMA journal_mode = {journal}")
        source.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT, price REAL, data BLOB)")
        source.executemany("INSERT INTO things VALUES (?, ?, ?, ?)", (row(number) for number in range(rows)))
        for one in statements:
            source.execute(one)
        source.commit()
    return path


def row(number: int) -> tuple[Any, ...]:
    return (
        number,
        f"thing {number} é" if number % 7 else None,
        number * 0.1,
        bytes([number % 256]) * (number % 11) if number % 3 else None,
    )


def expected(number: int) -> dict[str, Any]:
    """The item of a row, written down independently of the engine; the price has one decimal, as a person writes it."""
    _, name, _, data = row(number)
    item: dict[str, Any] = {"id": {"N": str(number)}, "price": {"N": repr(number * 0.1)}}
    item.update({"name": {"S": name}} if name is not None else {})
    item.update({"data": {"B": data}} if data is not None else {})
    return item


@pytest.fixture
def sql(tmp_path: Path) -> Sql:
    """Makes a database: ``sql("CREATE …", rows=10)``."""

    def make(*statements: str, rows: int = 0, journal: str = "DELETE", name: str = "app.db") -> Path:
        return filled(tmp_path / name, *statements, rows=rows, journal=journal)

    return make


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A run; the database is made by the test."""
    table = TargetTable("things", (("id", "N"),))
    migration = Migration(
        table, str(tmp_path / "app.db"), str(tmp_path / "checkpoint.json"), "things", verify="full", workers=4
    )
    return Bench(migration, Fake(table.keys))


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    """A client of moto's DynamoDB: one for a module, since it takes long to make."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.delenv("AWS_PROFILE", raising=False)
        with mock_aws():
            yield boto3.client("dynamodb", region_name="us-east-1")


@pytest.fixture
def dynamodb(moto: Any) -> Iterator[Any]:
    """A client of moto's DynamoDB with the table things alone."""
    made(moto)
    yield moto
    for name in moto.list_tables()["TableNames"]:
        moto.delete_table(TableName=name)


def made(client: Any, name: str = "things", *keys: tuple[str, str]) -> None:
    """A table of that key."""
    keys = keys or (("id", "N"),)
    client.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": key, "KeyType": kind} for (key, _), kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": type} for key, type in keys],
        BillingMode="PAY_PER_REQUEST",
    )
