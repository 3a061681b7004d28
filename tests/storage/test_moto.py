"""The migration against moto: boto3's own client, serializer and parser, and injected faults."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from fsdcf.storage.migration.model import Columns, MigrationError, TargetTable
from fsdcf.storage.migration.values import canonical
from tests.storage.conftest import Bench, Sql, expected, made
from tests.storage.fake import refusal

pytestmark = pytest.mark.xdist_group("moto")


def everything(client: Any, name: str = "things") -> list[dict[str, Any]]:
    pages = client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


class Flaky:
    """A client that throttles, fails, and hands items back unprocessed; what it lets through is boto3's."""

    def __init__(self, client: Any, seed: int) -> None:
        self._client = client
        self._chance = random.Random(seed)
        self.injected = 0
        self.puts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> Any:
        ((table, requests),) = RequestItems.items()
        roll = self._chance.random()
        if roll < 0.3:
            self.injected += 1
            code = self._chance.choice(
                ["ProvisionedThroughputExceededException", "ThrottlingException", "InternalServerError"]
            )
            raise refusal(code, "injected", status=500 if code.startswith("Internal") else 400)
        keep = self._chance.randrange(len(requests)) if roll < 0.7 else len(requests)
        self.injected += keep < len(requests)
        if not keep:
            return {"UnprocessedItems": RequestItems}
        self.puts += keep
        answer = self._client.batch_write_item(RequestItems={table: requests[:keep]})
        left = [*answer["UnprocessedItems"].get(table, []), *requests[keep:]]
        return {"UnprocessedItems": {table: left} if left else {}}


@pytest.mark.parametrize("seed", [1, 2])
def test_unprocessed_items_and_throttling(bench: Bench, sql: Sql, dynamodb: Any, seed: int) -> None:
    sql(rows=300)
    bench.client = Flaky(dynamodb, seed)
    report = bench.run()
    assert (
        report.good
        and report.checked == 300
        and report.retried == bench.client.injected > 5
        and bench.client.puts == 300
    )
    found = {item["id"]["N"]: canonical(item) for item in everything(dynamodb)}
    assert found == {str(n): canonical(expected(n)) for n in range(300)}


def test_existing_items_are_kept(bench: Bench, sql: Sql, dynamodb: Any) -> None:
    sql(rows=40)
    live = {"id": {"N": "7"}, "name": {"S": "written by the service"}}
    dynamodb.put_item(TableName="things", Item=live)
    dynamodb.put_item(TableName="things", Item=expected(8))
    bench.client = dynamodb
    report = bench.run(mode="keep")
    assert (report.written, report.kept, report.same, report.good) == (38, 1, 1, True)
    assert (
        dynamodb.get_item(TableName="things", Key={"id": {"N": "7"}})["Item"] == live
        and len(everything(dynamodb)) == 40
    )


def test_a_composite_key_with_documents_and_dates(bench: Bench, sql: Sql, dynamodb: Any) -> None:
    sql(
        "CREATE TABLE orders (customer TEXT, placed TEXT, total TEXT, lines TEXT, expires TEXT,"
        " PRIMARY KEY (customer, placed))",
        "INSERT INTO orders VALUES "
        "('c1', '2026-01-31 12:00:00', '12.50', '[{\"sku\": \"a\", \"n\": 2}]', '2027-01-31'), "
        "('c1', '2026-01-31 13:00:00', '0.10', '[]', NULL)",
    )
    made(dynamodb, "orders", ("customer", "S"), ("at", "S"))
    bench.client = dynamodb
    forms = (("placed", "iso"), ("total", "number"), ("lines", "json"), ("expires", "epoch"))
    report = bench.run(
        table=TargetTable("orders", (("customer", "S"), ("at", "S"))),
        source_table="orders",
        columns=Columns((("placed", "at"),), forms),
    )
    assert report.good
    assert sorted(everything(dynamodb, "orders"), key=lambda item: str(item["at"]["S"])) == [
        {
            "customer": {"S": "c1"},
            "at": {"S": "2026-01-31T12:00:00Z"},
            "total": {"N": "12.5"},
            "lines": {"L": [{"M": {"sku": {"S": "a"}, "n": {"N": "2"}}}]},
            "expires": {"N": "1801353600"},
        },
        {"customer": {"S": "c1"}, "at": {"S": "2026-01-31T13:00:00Z"}, "total": {"N": "0.1"}, "lines": {"L": []}},
    ]


def test_a_missing_table_or_a_different_key(bench: Bench, sql: Sql, dynamodb: Any) -> None:
    sql(rows=3)
    bench.client = dynamodb
    with pytest.raises(MigrationError, match="the table 'others' does not exist"):
        bench.run(table=replace(bench.migration.table, name="others"))
    made(dynamodb, "text", ("id", "S"))
    with pytest.raises(MigrationError, match=r"has the key id \(S\), but the spec has id \(N\)"):
        bench.run(table=replace(bench.migration.table, name="text"))
    assert everything(dynamodb, "text") == []


def test_a_recreated_table_is_another_table(bench: Bench, sql: Sql, dynamodb: Any) -> None:
    sql(rows=3)
    bench.client = dynamodb
    assert bench.run().good
    dynamodb.delete_table(TableName="things")
    made(dynamodb)
    with pytest.raises(MigrationError, match="its id is"):
        bench.run()
    assert bench.run(restart=True).good and len(everything(dynamodb)) == 3
