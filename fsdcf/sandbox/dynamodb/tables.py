"""Tables of DynamoDB: made, changed and dropped by stacks, described to everybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.sandbox import ids
from fsdcf.sandbox.protocols.shapes import request_of
from fsdcf.sandbox.state import SandboxState, ServiceError

TABLE = "dynamodb.table"
CREATING, UPDATING = 20.0, 8.0
"""Seconds for which a table is being created, and changed: less than CloudFormation takes for it."""

PAGE = 100
Document = dict[str, Any]


def make(state: SandboxState, name: str, properties: Mapping[str, Any]) -> None:
    """A new table, by the properties of a stack's resource; it takes no items until it is ACTIVE."""
    now = state.clock.now()
    number = state.store.next_number(f"dynamodb table {name}")
    ready = now + state.duration(CREATING)
    body = {"name": name, "id": ids.unique("dynamodb", name, number), "made": now, "ready": ready, "settled": ready}
    state.store.put(TABLE, name, {**body, **_told(properties)})


def change(state: SandboxState, name: str, properties: Mapping[str, Any]) -> None:
    """Gives a table other properties; its items stay. One that is not known yet is made."""
    body = state.store.get(TABLE, name)
    if body is None:
        make(state, name, properties)
        return
    settled = max(body["ready"], state.clock.now() + state.duration(UPDATING))
    state.store.put(TABLE, name, {**body, "settled": settled, **_told(properties)})


def drop(state: SandboxState, name: str) -> None:
    """Drops a table; nothing happens if there is none. Its items are the caller's to remove."""
    state.store.remove(TABLE, name)


def _told(properties: Mapping[str, Any]) -> Document:
    """What is kept of the properties: those that DynamoDB describes."""
    request = request_of("dynamodb", "CreateTable", properties)
    request.pop("Tags", None)
    stream, encrypted = properties.get("StreamSpecification"), properties.get("SSESpecification") or {}
    if stream:
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream["StreamViewType"]}
    return {"request": request, "encrypted": str(encrypted.get("SSEEnabled", False)).lower() == "true"}


def named(state: SandboxState, asked: str) -> Document:
    """A table that takes and gives items, by name or ARN. Refusal if there is none, or none yet."""
    body = state.store.get(TABLE, _name(asked))
    if body is None or state.clock.now() < body["ready"]:
        raise ServiceError("ResourceNotFoundException", "Requested resource not found")
    return body


def keys_of(table: Document) -> list[str]:
    """The attributes of a table's key, HASH first."""
    return _names(table["request"]["KeySchema"])


def types_of(table: Document) -> dict[str, str]:
    """The types of the attributes of all its keys."""
    return {one["AttributeName"]: one["AttributeType"] for one in table["request"]["AttributeDefinitions"]}


def indexes_of(table: Document) -> dict[str, list[str]]:
    """The keys of its indexes, by the index's name."""
    return {one["IndexName"]: _names(one["KeySchema"]) for kind in _INDEXES for one in table["request"].get(kind, ())}


_INDEXES = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")


def _names(schema: list[dict[str, str]]) -> list[str]:
    return [one["AttributeName"] for one in sorted(schema, key=lambda one: one["KeyType"])]


def _name(asked: str) -> str:
    return asked.rpartition(":table/")[2] if asked.startswith("arn:") else asked


def described(state: SandboxState, asked: str, count: int) -> Document:
    """A table as DescribeTable tells it. AWS counts the items every six hours; here ``count`` is how many there are."""
    body = state.store.get(TABLE, _name(asked))
    if body is None:
        raise ServiceError(
            "ResourceNotFoundException", f"Requested resource not found: Table: {_name(asked)} not found"
        )
    request: Document = body["request"]
    told = {
        "TableName": body["name"],
        "TableArn": state.arn("dynamodb", f"table/{body['name']}"),
        "TableId": body["id"],
        "TableStatus": _status(state, body),
        "CreationDateTime": body["made"],
        "ItemCount": count,
        "KeySchema": request["KeySchema"],
        "AttributeDefinitions": request["AttributeDefinitions"],
        "ProvisionedThroughput": request.get("ProvisionedThroughput")
        or {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
        "DeletionProtectionEnabled": request.get("DeletionProtectionEnabled", False),
        "StreamSpecification": request.get("StreamSpecification"),
        "SSEDescription": {"Status": "ENABLED", "SSEType": "KMS"} if body["encrypted"] else None,
    }
    if request.get("BillingMode") == "PAY_PER_REQUEST":
        told["BillingModeSummary"] = {"BillingMode": "PAY_PER_REQUEST"}
    indexes = {kind: [_index(told, kind, one) for one in request.get(kind, ())] or None for kind in _INDEXES}
    return {**told, **indexes}


def _status(state: SandboxState, body: Document) -> str:
    now = state.clock.now()
    return "CREATING" if now < body["ready"] else "UPDATING" if now < body["settled"] else "ACTIVE"


def _index(table: Document, kind: str, one: Document) -> Document:
    told: Document = {key: one[key] for key in ("IndexName", "KeySchema", "Projection") if key in one}
    told["IndexArn"] = f"{table['TableArn']}/index/{one['IndexName']}"
    return {**told, "IndexStatus": "ACTIVE"} if kind == "GlobalSecondaryIndexes" else told


def list_tables(state: SandboxState, params: Document) -> Document:
    """ListTables: by name, a hundred a page."""
    start, limit = params.get("ExclusiveStartTableName", ""), min(params.get("Limit") or PAGE, PAGE)
    names = [name for name, _ in state.store.every(TABLE) if name > start]
    return {"TableNames": names[:limit], "LastEvaluatedTableName": names[limit - 1] if len(names) > limit else None}
