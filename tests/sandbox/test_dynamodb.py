"""DynamoDB in the sandbox: items of every type, each refusal, conditions, batches in part, scans in pages and
segments, a migration.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fsdcf.sandbox import dynamodb
from fsdcf.sandbox.dynamodb import number, size
from fsdcf.sandbox.state import ServiceError
from fsdcf.storage.migration.model import Migration, TargetTable
from fsdcf.storage.migration.run import migrate
from fsdcf.storage.migration.script import run_script
from fsdcf.storage.migration.values import item_size, plain_number
from tests.sandbox.conftest import Sandbox

PLAIN = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "N"}],
}
RANGED = {
    "KeySchema": [{"AttributeName": "at", "KeyType": "RANGE"}, {"AttributeName": "who", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": type} for name, type in (("who", "S"), ("at", "N"), ("state", "S"))
    ],
    "BillingMode": "PAY_PER_REQUEST",
    "DeletionProtectionEnabled": "true",
    "SSESpecification": {"SSEEnabled": True},
    "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-state",
            "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}
ALL = {
    "id": {"N": "1"},
    "text": {"S": "é ö"},
    "empty": {"S": ""},
    "bytes": {"B": b"\x00\xff"},
    "truth": {"BOOL": False},
    "nothing": {"NULL": True},
    "list": {"L": [{"N": "2"}, {"B": b"a"}, {"L": []}]},
    "map": {"M": {"a": {"S": "b"}, "c": {"BS": [b"x", b"y"]}}},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2.5"]},
}


@pytest.fixture
def made(sandbox: Sandbox) -> Sandbox:
    """A sandbox with the tables plain (id) and ranged (who, at), which take items."""
    at_once = replace(sandbox.state, pace=0.0)
    dynamodb.put_table(at_once, "plain", PLAIN)
    dynamodb.put_table(at_once, "ranged", RANGED)
    return sandbox


def put(client: Any, **attributes: Any) -> Any:
    return client.put_item(TableName="plain", Item=attributes)


def test_an_item_is_returned_with_normalized_numbers(made: Sandbox) -> None:
    client = made.client("dynamodb")
    put(client, **ALL)
    assert client.get_item(TableName="plain", Key={"id": {"N": "1.0"}}, ConsistentRead=True)["Item"] == ALL
    put(client, id={"N": "+01.50e1"}, big={"N": "1E+30"}, small={"N": "-0.00120"}, zero={"N": "-0"})
    (item,) = client.batch_get_item(RequestItems={"plain": {"Keys": [{"id": {"N": "15"}}]}})["Responses"]["plain"]
    assert item == {"id": {"N": "15"}, "big": {"N": "1" + "0" * 30}, "small": {"N": "-0.0012"}, "zero": {"N": "0"}}
    assert "Item" not in client.get_item(TableName="plain", Key={"id": {"N": "2"}})
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/plain"
    found = client.scan(TableName=arn)["Items"]
    assert len(found) == 2 and all(one in (ALL, item) for one in found)


def test_a_table_is_described_by_its_properties(made: Sandbox) -> None:
    client = made.client("dynamodb")
    client.put_item(TableName="ranged", Item={"who": {"S": "a"}, "at": {"N": "1"}})
    answer = client.describe_table(TableName="ranged")["Table"]
    assert (answer["TableStatus"], answer["ItemCount"], answer["TableArn"]) == (
        "ACTIVE",
        1,
        "arn:aws:dynamodb:us-east-1:000000000000:table/ranged",
    )
    assert (
        answer["DeletionProtectionEnabled"],
        answer["SSEDescription"]["Status"],
        answer["BillingModeSummary"]["BillingMode"],
    ) == (True, "ENABLED", "PAY_PER_REQUEST")
    assert answer["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    (index,) = answer["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["IndexStatus"], index["Projection"]) == (
        "by-state",
        "ACTIVE",
        {"ProjectionType": "ALL"},
    )
    first = client.list_tables(Limit=1)
    assert (first["TableNames"], first["LastEvaluatedTableName"]) == (["plain"], "plain")
    assert client.list_tables(ExclusiveStartTableName="plain")["TableNames"] == ["ranged"]


def test_a_new_table_takes_items_once_it_is_active(sandbox: Sandbox) -> None:
    client = sandbox.client("dynamodb")
    dynamodb.put_table(sandbox.state, "plain", PLAIN)
    first = client.describe_table(TableName="plain")["Table"]
    assert first["TableStatus"] == "CREATING"
    with pytest.raises(ClientError, match="Requested resource not found"):
        put(client, id={"N": "1"})
    sandbox.pass_time(21)
    put(client, id={"N": "1"})
    dynamodb.put_table(sandbox.state, "plain", {**PLAIN, "DeletionProtectionEnabled": True})
    answer = client.describe_table(TableName="plain")["Table"]
    assert (answer["TableStatus"], answer["ItemCount"], answer["TableId"]) == ("UPDATING", 1, first["TableId"])
    put(client, id={"N": "2"})
    dynamodb.remove_table(sandbox.state, "plain")
    dynamodb.remove_table(sandbox.state, "plain")
    dynamodb.put_table(sandbox.state, "plain", PLAIN)
    sandbox.pass_time(21)
    answer = client.describe_table(TableName="plain")["Table"]
    assert answer["ItemCount"] == 0 and answer["TableId"] != first["TableId"]


ROW = {"who": {"S": "a"}, "at": {"N": "1"}}
PUT, GET, SCAN, MANY, READ = "put_item", "get_item", "scan", "batch_write_item", "batch_get_item"


def nested(depth: int) -> dict[str, Any]:
    return {"L": [nested(depth - 1)]} if depth else {"S": "bottom"}


def puts(*keys: int) -> list[dict[str, Any]]:
    return [{"PutRequest": {"Item": {"id": {"N": str(key)}}}} for key in keys]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (PUT, {"TableName": "none", "Item": ROW}, "Requested resource not found"),
    (PUT, {"TableName": "ranged", "Item": {"who": {"S": "a"}}}, "Missing the key at in the item"),
    (
        PUT,
        {"TableName": "ranged", "Item": {"who": {"S": "a"}, "at": {"S": "1"}}},
        "Type mismatch for key at expected: N actual: S",
    ),
    (
        PUT,
        {"TableName": "ranged", "Item": {"who": {"S": ""}, "at": {"N": "1"}}},
        "cannot contain an empty string value. Key: who",
    ),
    (
        PUT,
        {"TableName": "ranged", "Item": {"who": {"S": "é" * 1025}, "at": {"N": "1"}}},
        "Size of hashkey has exceeded the maximum size limit of2048 bytes",
    ),
    (
        PUT,
        {"TableName": "ranged", "Item": {**ROW, "state": {"N": "1"}}},
        "Type mismatch for Index Key state Expected: S Actual: N IndexName: by-state",
    ),
    (PUT, {"TableName": "ranged", "Item": {**ROW, "state": {"S": ""}}}, "IndexName: by-state, IndexKey: state"),
    (PUT, {"TableName": "ranged", "Item": {**ROW, "x": {"N": "1" * 39}}}, "more than 38 significant digits"),
    (PUT, {"TableName": "ranged", "Item": {**ROW, "x": {"N": "1e126"}}}, "Number overflow"),
    (PUT, {"TableName": "ranged", "Item": {**ROW, "x": {"N": f"1e{'9' * 30}"}}}, "Number overflow"),
    (PUT, {"TableName": "ranged", "Item": {**ROW, "x": {"N": "-1e-131"}}}, "Number underflow"),
    (PUT, {"TableName": "ranged", "Item": {**ROW, "x": {"N": "NaN"}}}, "cannot be converted to a numeric value: NaN"),
    (
        PUT,
        {"TableName": "ranged", "Item": {**ROW, "x": {"S": "x" * (400 * 1024)}}},
        "Item size has exceeded the maximum allowed size",
    ),
    (PUT, {"TableName": "ranged", "Item": {**ROW, "x": nested(32)}}, "Nesting Levels"),
    (PUT, {"TableName": "ranged", "Item": {**ROW, "x": {}}}, "is empty, must contain exactly one"),
    (PUT, {"TableName": "ranged", "Item": {**ROW, "x": {"S": "a", "N": "1"}}}, "more than one datatypes set"),
    (PUT, {"TableName": "ranged", "Item": {**ROW, "x": {"NULL": False}}}, "must have the value of true"),
    (PUT, {"TableName": "ranged", "Item": {**ROW, "x": {"SS": []}}}, "An string set  may not be empty"),
    (PUT, {"TableName": "ranged", "Item": {**ROW, "x": {"NS": ["1", "1.0"]}}}, "contains duplicates"),
    (
        PUT,
        {"TableName": "ranged", "Item": ROW, "ReturnConsumedCapacity": "TOTAL"},
        "the sandbox does not support ReturnConsumedCapacity of PutItem",
    ),
    (GET, {"TableName": "ranged", "Key": {"who": {"S": "a"}}}, "does not match the schema"),
    (GET, {"TableName": "ranged", "Key": {**ROW, "x": {"S": "a"}}}, "does not match the schema"),
    (GET, {"TableName": "ranged", "Key": {"who": {"S": "a"}, "at": {"S": "1"}}}, "does not match the schema"),
    (
        GET,
        {"TableName": "ranged", "Key": ROW, "ProjectionExpression": "x"},
        "does not support ProjectionExpression of GetItem",
    ),
    (MANY, {"RequestItems": {"plain": puts(*range(26))}}, "Too many items requested for the BatchWriteItem call"),
    (MANY, {"RequestItems": {"plain": puts(*range(13)), "none": puts(*range(13))}}, "Too many items"),
    (MANY, {"RequestItems": {"plain": puts(1, 2, 1)}}, "Provided list of item keys contains duplicates"),
    (
        MANY,
        {"RequestItems": {"plain": [*puts(1), {"DeleteRequest": {"Key": {"id": {"N": "1.0"}}}}]}},
        "does not support DeleteRequest of BatchWriteItem",
    ),
    (MANY, {"RequestItems": {"plain": puts(1), "none": puts(1)}}, "Requested resource not found"),
    (
        MANY,
        {"RequestItems": {"plain": [*puts(1), {"PutRequest": {"Item": {"id": {"S": "x"}}}}]}},
        "Type mismatch for key id",
    ),
    (
        READ,
        {"RequestItems": {"plain": {"Keys": [{"id": {"N": str(n)}} for n in range(101)]}}},
        "Too many items requested for the BatchGetItem call",
    ),
    (READ, {"RequestItems": {"plain": {"Keys": [{"id": {"N": "1"}}, {"id": {"N": "1"}}]}}}, "contains duplicates"),
    (
        READ,
        {"RequestItems": {"plain": {"Keys": [{"id": {"N": "1"}}], "AttributesToGet": ["x"]}}},
        "AttributesToGet of BatchGetItem",
    ),
    (SCAN, {"TableName": "plain", "Segment": 1}, "The TotalSegments parameter is required"),
    (SCAN, {"TableName": "plain", "Segment": 4, "TotalSegments": 4}, "4 is not less than TotalSegments: 4"),
    (
        SCAN,
        {"TableName": "plain", "FilterExpression": "x = y"},
        "the sandbox does not support FilterExpression of Scan",
    ),
    (SCAN, {"TableName": "plain", "Select": "SPECIFIC_ATTRIBUTES"}, "does not support Select SPECIFIC_ATTRIBUTES"),
    (SCAN, {"TableName": "plain", "ExclusiveStartKey": {"x": {"N": "1"}}}, "does not match the schema"),
    ("describe_table", {"TableName": "none"}, "Requested resource not found: Table: none not found"),
    (
        "query",
        {"TableName": "plain", "KeyConditionExpression": "id = :x"},
        "the sandbox does not offer Query of dynamodb",
    ),
]


def test_errors_have_the_messages_of_dynamodb_and_nothing_is_written(made: Sandbox) -> None:
    client = made.client("dynamodb")
    for operation, params, words in REFUSED:
        with pytest.raises(ClientError) as raised:
            getattr(client, operation)(**params)
        answer = raised.value.response["Error"]
        code = (
            "ResourceNotFoundException"
            if "resource not found" in words
            else "NotImplemented"
            if operation == "query"
            else "ValidationException"
        )
        assert (answer["Code"], words in answer["Message"]) == (code, True), (operation, answer)
    assert [client.scan(TableName=name, Select="COUNT")["Count"] for name in ("plain", "ranged")] == [0, 0]


def test_a_document_may_nest_to_the_limit(made: Sandbox) -> None:
    put(made.client("dynamodb"), id={"N": "1"}, deep=nested(31), long={"N": "9" * 38}, wide={"S": "x" * 400_000})


CONDITIONS: list[tuple[str, dict[str, str], bool]] = [
    ("attribute_not_exists(#k)", {"#k": "id"}, False),
    ("attribute_exists ( #k )", {"#k": "id"}, True),
    ("attribute_not_exists(none)", {}, True),
    ("attribute_exists(none)", {}, False),
]


def test_conditions_guard_puts(made: Sandbox) -> None:
    client = made.client("dynamodb")
    item = {"id": {"N": "1"}, "text": {"S": "hi"}}
    put(client, **item)
    for text, names, holds in CONDITIONS:
        given = {"ExpressionAttributeNames": names} if names else {}
        try:
            client.put_item(TableName="plain", Item={**item, "text": {"S": text}}, ConditionExpression=text, **given)
            assert holds, text
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ConditionalCheckFailedException" and not holds, (text, error)
    for text, words in (
        ("attribute_exists(#x)", "attribute name: #x"),
        ("text = :a", "attribute value: :a"),
        ("text > :a", "the sandbox supports only"),
        ("attribute_exists(id) AND attribute_exists(text)", "the sandbox supports only"),
        ("", "the sandbox supports only"),
    ):
        with pytest.raises(ClientError, match="ValidationException") as raised:
            client.put_item(TableName="plain", Item=item, ConditionExpression=text)
        assert words in raised.value.response["Error"]["Message"], text
    assert client.get_item(TableName="plain", Key={"id": {"N": "1"}})["Item"]["text"] == {
        "S": "attribute_not_exists(none)"
    }


def changed(client: Any, key: str, update: str, condition: str = "", **values: Any) -> Any:
    given = {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if condition else {}
    return client.update_item(
        TableName="plain",
        Key={"id": {"N": key}},
        UpdateExpression=update,
        ExpressionAttributeNames={"#v": "version"},
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        **given,
    )


def test_an_update_sets_attributes_if_its_condition_holds(made: Sandbox) -> None:
    client = made.client("dynamodb")
    item = {"id": {"N": "1"}, "data": {"B": b"\x00"}, "version": {"N": "1"}}
    put(client, **item)
    changed(
        client, "1", "SET #v = :next, text = :text", "#v = :seen", next={"N": "2.0"}, text=ALL["map"], seen={"N": "1"}
    )
    item = {**item, "version": {"N": "2"}, "text": ALL["map"]}
    assert client.get_item(TableName="plain", Key={"id": {"N": "1"}})["Item"] == item
    for key, old in (("1", item), ("2", None)):
        with pytest.raises(client.exceptions.ConditionalCheckFailedException) as raised:
            changed(client, key, "set #v = :next", "#v = :seen", next={"N": "9"}, seen={"N": "1"})
        assert raised.value.response.get("Item") == old
    changed(client, "3", "set #v = :next", next={"N": "9"})
    assert client.get_item(TableName="plain", Key={"id": {"N": "3"}})["Item"] == {
        "id": {"N": "3"},
        "version": {"N": "9"},
    }
    for update, words in (
        ("SET id = :next", "Cannot update attribute id"),
        ("SET #v = :none", "attribute value: :none"),
        ("SET #w = :next", "attribute name: #w"),
        ("SET #v = #v + :next", "the sandbox supports only SET"),
        ("SET #v = :next REMOVE data", "the sandbox supports only SET"),
        ("REMOVE #v", "the sandbox supports only SET"),
    ):
        with pytest.raises(ClientError, match="ValidationException") as refused:
            changed(client, "3", update, next={"N": "1"})
        assert words in refused.value.response["Error"]["Message"], update


def test_a_deletion_may_have_a_condition_and_repeats(made: Sandbox) -> None:
    client = made.client("dynamodb")
    put(client, id={"N": "1"}, version={"N": "1"})
    key = {"TableName": "plain", "Key": {"id": {"N": "1.0"}}}
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as raised:
        client.delete_item(**key, ConditionExpression="version = :v", ExpressionAttributeValues={":v": {"N": "2"}})
    assert "Item" not in raised.value.response
    client.delete_item(**key, ConditionExpression="attribute_exists(version)")
    client.delete_item(**key)
    assert "Item" not in client.get_item(**key)


def everything(client: Any, table: str, **more: Any) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("scan").paginate(TableName=table, **more):
        yield from page["Items"]


def test_a_scan_goes_by_pages_and_segments(made: Sandbox) -> None:
    client = made.client("dynamodb")
    numbers = ["-1E+20", "-15", "-1.5", "-1.25", "-1", "-0.003", "0", "0.0001", "0.9", "1", "1.5", "2", "10", "1E+100"]
    rows = [
        {"who": {"S": who}, "at": {"N": number(one)}}
        for who in ("a", "b|", "é")
        for one in random.Random(1).sample(numbers, len(numbers))
    ]
    for first in range(0, len(rows), 25):
        client.batch_write_item(
            RequestItems={"ranged": [{"PutRequest": {"Item": one}} for one in rows[first : first + 25]]}
        )
    found = list(everything(client, "ranged"))
    for who in ("a", "b|", "é"):
        assert sorted(one["at"]["N"] for one in found if one["who"]["S"] == who) == sorted(map(number, numbers))
    assert found == list(everything(client, "ranged", Limit=4))
    parts = [list(everything(client, "ranged", Segment=segment, TotalSegments=3)) for segment in range(3)]
    assert [one for part in parts for one in part] == found
    for one in range(5):
        put(client, id={"N": str(one)}, data={"B": bytes(300_000)})
    pages = [page["Count"] for page in client.get_paginator("scan").paginate(TableName="plain", Select="COUNT")]
    assert pages == [4, 1], "a page ends when it has 1 MB"
    keys = [{"id": {"N": str(one)}} for one in range(60)]
    for one in range(60):
        put(client, id={"N": str(one)}, data={"S": "x" * 350_000})
    answer = client.batch_get_item(RequestItems={"plain": {"Keys": keys}})
    assert len(answer["Responses"]["plain"]) == 47 and answer["UnprocessedKeys"]["plain"]["Keys"] == keys[47:], (
        "16 MB at most"
    )


def test_numbers_and_sizes_agree_with_those_of_the_migration() -> None:
    for text in ("0", "-0.0", "12.50", "1e-5", "-9" + "0" * 40, "1234567", "0.000100", "1E+38"):
        assert number(text) == plain_number(text)
        item = {"a": {"N": number(text)}, "ü": {"L": [{"S": "é"}, {"NULL": True}]}, "m": {"M": {"k": {"B": b"12"}}}}
        assert 0 <= item_size(item) - size(item) <= 1, text  # the migration's bound is the narrower one
    with pytest.raises(ServiceError):
        number("1.")
        number(".")


def migrated(made: Sandbox, file: Path, **more: Any) -> Any:
    plan = Migration(
        TargetTable("plain", (("id", "N"),)), str(file), f"{file}.checkpoint", "plain", verify="full", **more
    )
    client = made.client("dynamodb")
    return migrate(plan, client, lambda event: None, made.clock.now, made.clock.advance, random.Random(1))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with the table plain of 120 rows."""
    with closing(sqlite3.connect(tmp_path / "app.db")) as source:
        source.execute("CREATE TABLE plain (id INTEGER PRIMARY KEY, price REAL, name TEXT, data BLOB)")
        source.executemany(
            "INSERT INTO plain VALUES (?, ?, ?, ?)",
            [(n, n / 7, f"é {n}" if n % 3 else None, bytes(n)) for n in range(120)],
        )
        source.commit()
    return tmp_path / "app.db"


def test_a_migration_retries_unprocessed_items(file: Path) -> None:
    faults = (
        "api:BatchWriteItem:partial*3",
        "api:dynamodb.BatchWriteItem:throttle*2",
        "api:BatchWriteItem:lost",
        "api:BatchGetItem:partial*2",
    )
    made = Sandbox(*faults, "api:Scan:broken@1")
    dynamodb.put_table(replace(made.state, pace=0.0), "plain", PLAIN)
    report = migrated(made, file)
    assert (report.good, report.written, report.counted, report.checked) == (
        True,
        120,
        120,
        120,
    ) and report.retried >= 9
    made.client("dynamodb").put_item(TableName="plain", Item={"id": {"N": "3"}, "mine": {"BOOL": True}})
    kept = migrated(made, file, mode="keep", restart=True)
    assert (kept.written, kept.same, kept.kept) == (0, 119, 1)
    assert {"id": {"N": "3"}, "mine": {"BOOL": True}} in everything(made.client("dynamodb"), "plain")
    made.close()


def test_the_emitted_script_s_program_runs_against_it(made: Sandbox, file: Path) -> None:
    plan = Migration(TargetTable("plain", (("id", "N"),)), str(file), f"{file}.checkpoint", "plain")
    out = StringIO()
    assert run_script([], plan, "", out, None, lambda name, **_: made.client(name)) == 0
    assert "migrated and verified: plain in" in out.getvalue() and "count      120 items" in out.getvalue()
    assert made.client("dynamodb").describe_table(TableName="plain")["Table"]["ItemCount"] == 120
