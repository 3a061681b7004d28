"""Amazon DynamoDB: the tables of stacks and their items, as far as a migration and the services of `init` need them.

Batches, conditional puts, updates and deletions, reads by key, and scans in pages and segments work with DynamoDB's
limits. Queries, transactions and streams are not offered.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from fsdcf.sandbox import ids
from fsdcf.sandbox.protocols.shapes import request_of
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError

Item = Document

TABLE = "dynamodb.table"
ITEM = "dynamodb.item"

CREATING, UPDATING = 20.0, 8.0
"""Seconds that a table is CREATING or UPDATING: less than CloudFormation waits for it."""

MOST_WRITES, MOST_READS = 25, 100
"""Maximum number of requests in a BatchWriteItem and of keys in a BatchGetItem."""

SCAN_BYTES = 1 << 20
BATCH_BYTES = 16 << 20
"""Maximum size of a page of Scan and of an answer of BatchGetItem. Source:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""

ITEM_BYTES = 400 * 1024
KEY_BYTES = {"HASH": 2048, "RANGE": 1024}
DIGITS, LARGEST_EXPONENT, SMALLEST_EXPONENT, DEEPEST = 38, 125, -130, 32
"""Maximum number of significant digits, the range of a number's exponent, and the maximum depth of a document.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

_TABLES_PAGE = 100
_READ = 200
_HASHES = 1 << 32
_INDEXES = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
_SETS = {"SS": ("string", "S"), "NS": ("number", "N"), "BS": ("binary", "B")}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_EXACT = Context(prec=2 * DIGITS)
_CONDITION = re.compile(r"\s*(?P<function>attribute_exists|attribute_not_exists)\s*\(\s*(?P<name>#?\w+)\s*\)\s*")
_EQUATION = re.compile(r"\s*(?P<name>#?\w+)\s*=\s*(?P<value>:\w+)\s*")
_SET = re.compile(r"\s*SET\s(?P<assignments>.*)", re.IGNORECASE | re.DOTALL)
_CONDITIONAL = (
    "TableName",
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
)
"""The parameters of a write that may have a condition."""

_INVALID = "One or more parameter values were invalid: "
_NOT_VALID = "One or more parameter values are not valid."


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _supported(operation: str, params: Document, *known: str) -> None:
    unknown = sorted(name for name in params if name not in known and params[name] != "NONE")
    if unknown:
        raise _invalid(f"the sandbox does not support {', '.join(unknown)} of {operation}")


def put_table(state: SandboxState, name: str, properties: Data) -> None:
    """Create a table from the properties of a stack's resource, or give them to an existing one, whose items stay."""
    body = state.store.get(TABLE, name)
    now = state.clock.now()
    if body is None:
        number = state.store.next_number(f"dynamodb table {name}")
        ready = now + state.duration(CREATING)
        body = {
            "name": name,
            "id": ids.unique("dynamodb", name, number),
            "created": now,
            "ready": ready,
            "settled": ready,
        }
    else:
        body["settled"] = max(body["ready"], now + state.duration(UPDATING))
    request = request_of("dynamodb", "CreateTable", {key: value for key, value in properties.items() if key != "Tags"})
    stream, encryption = properties.get("StreamSpecification"), properties.get("SSESpecification") or {}
    if stream:
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream["StreamViewType"]}
    encrypted = str(encryption.get("SSEEnabled", False)).lower() == "true"
    state.store.put(TABLE, name, {**body, "request": request, "encrypted": encrypted})


def remove_table(state: SandboxState, name: str) -> None:
    """Drop a table and its items, if it exists."""
    table = state.store.get(TABLE, name)
    if table is not None:
        for key, _ in state.store.every(ITEM, f"{table['id']}|"):
            state.store.remove(ITEM, key)
        state.store.remove(TABLE, name)


def _name(name_or_arn: str) -> str:
    return name_or_arn.rpartition(":table/")[2] if name_or_arn.startswith("arn:") else name_or_arn


def _table(state: SandboxState, name_or_arn: str) -> Document:
    """Return a table that is ready for items. Raises ServiceError."""
    missing = ServiceError("ResourceNotFoundException", "Requested resource not found")
    table = state.existing(TABLE, _name(name_or_arn), missing)
    if state.clock.now() < table["ready"]:
        raise missing
    return table


def _attribute_names(schema: list[dict[str, str]]) -> list[str]:
    return [element["AttributeName"] for element in sorted(schema, key=lambda element: element["KeyType"])]


def _key_names(table: Document) -> list[str]:
    """Return the names of a table's key attributes, HASH first."""
    return _attribute_names(table["request"]["KeySchema"])


def _key_types(table: Document) -> dict[str, str]:
    """Return the types of the attributes of all keys, those of the indexes included."""
    return {one["AttributeName"]: one["AttributeType"] for one in table["request"]["AttributeDefinitions"]}


def describe_table(state: SandboxState, params: Document) -> Document:
    """DescribeTable. ItemCount is exact, whereas AWS counts the items every six hours."""
    name = _name(params["TableName"])
    missing = ServiceError("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")
    table = state.existing(TABLE, name, missing)
    request: Document = table["request"]
    mode = request.get("BillingMode")
    now, arn = state.clock.now(), state.arn("dynamodb", f"table/{name}")
    no_throughput = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    indexes = {kind: [_index(arn, kind, index) for index in request.get(kind, ())] or None for kind in _INDEXES}
    return {
        "Table": {
            "TableName": name,
            "TableArn": arn,
            "TableId": table["id"],
            "TableStatus": "CREATING" if now < table["ready"] else "UPDATING" if now < table["settled"] else "ACTIVE",
            "CreationDateTime": table["created"],
            "ItemCount": state.store.count(ITEM, f"{table['id']}|", f"{table['id']}|~"),
            **{name: request.get(name) for name in ("KeySchema", "AttributeDefinitions", "StreamSpecification")},
            "ProvisionedThroughput": request.get("ProvisionedThroughput") or no_throughput,
            "DeletionProtectionEnabled": request.get("DeletionProtectionEnabled", False),
            "SSEDescription": {"Status": "ENABLED", "SSEType": "KMS"} if table["encrypted"] else None,
            "BillingModeSummary": {"BillingMode": mode} if mode == "PAY_PER_REQUEST" else None,
            **indexes,
        }
    }


def _index(table_arn: str, kind: str, index: Document) -> Document:
    status = {"IndexStatus": "ACTIVE"} if kind == "GlobalSecondaryIndexes" else {}
    described: Document = {key: index[key] for key in ("IndexName", "KeySchema", "Projection") if key in index}
    return {**described, "IndexArn": f"{table_arn}/index/{index['IndexName']}", **status}


def list_tables(state: SandboxState, params: Document) -> Document:
    """ListTables, by name."""
    start, limit = params.get("ExclusiveStartTableName", ""), min(params.get("Limit") or _TABLES_PAGE, _TABLES_PAGE)
    names = [name for name, _ in state.store.every(TABLE) if name > start]
    return {"TableNames": names[:limit], "LastEvaluatedTableName": names[limit - 1] if len(names) > limit else None}


def _kind(value: Data) -> str:
    """Return the type of a value, such as ``S``. Raises ServiceError unless it has exactly one."""
    if len(value) != 1:
        problem = "has more than one datatypes set" if value else "is empty"
        raise _invalid(f"Supplied AttributeValue {problem}, must contain exactly one of the supported datatypes")
    return next(iter(value))


def _normalized(value: Data, depth: int = 1) -> Item:
    """Return a value as DynamoDB stores it, with numbers in normal form. Raises ServiceError for an invalid one."""
    kind = _kind(value)
    content = value[kind]
    if depth > DEEPEST:
        raise _invalid("Nesting Levels have exceeded supported limits")
    if kind == "NULL" and content is not True:
        raise _invalid(f"{_INVALID}Null attribute value types must have the value of true")
    if kind == "L":
        content = [_normalized(child, depth + 1) for child in content]
    elif kind == "M":
        content = {name: _normalized(child, depth + 1) for name, child in content.items()}
    elif kind == "N":
        content = number(content)
    elif kind in _SETS:
        content = [number(member) for member in content] if kind == "NS" else list(content)
        if not content:
            raise _invalid(f"{_INVALID}An {_SETS[kind][0]} set  may not be empty")
        if len(set(content)) < len(content):
            raise _invalid(f"{_INVALID}Input collection contains duplicates.")
    return {kind: content}


def number(text: str) -> str:
    """Return a number in normal form. Raises ServiceError for invalid, long and very large or small ones."""
    if not _NUMBER.fullmatch(text):
        raise _invalid(f"The parameter cannot be converted to a numeric value: {text}")
    overflow = "Number overflow. Attempting to store a number with magnitude larger than supported range"
    try:
        value = Decimal(text)
    except InvalidOperation:  # an exponent beyond Decimal's range
        raise _invalid(overflow) from None
    if not value:
        return "0"
    if value.adjusted() > LARGEST_EXPONENT:
        raise _invalid(overflow)
    if value.adjusted() < SMALLEST_EXPONENT:
        raise _invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
    if _digits(value) > DIGITS:
        raise _invalid("Attempting to store more than 38 significant digits in a Number")
    return format(_EXACT.normalize(value), "f")


def _digits(value: Decimal) -> int:
    """Return the number of significant digits."""
    return len("".join(map(str, value.as_tuple().digits)).strip("0"))


def size(item: Data) -> int:
    """Return the size of an item in bytes, attribute names included.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(_bytes(name)) + _size(value) for name, value in item.items())


def _size(value: Data) -> int:
    ((kind, content),) = value.items()
    if kind in ("S", "B"):
        return len(_bytes(content))
    if kind == "N":
        return 1 + (_digits(Decimal(content)) + 1) // 2 + int(content.startswith("-"))
    if kind in _SETS:
        return sum(_size({_SETS[kind][1]: member}) for member in content)
    if kind == "L":
        return 3 + sum(1 + _size(child) for child in content)
    return 3 + len(content) + size(content) if kind == "M" else 1


def _bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")


def _checked_item(table: Document, given: Data) -> Item:
    """Return an item in normal form. Raises ServiceError for one that the table does not accept."""
    item = {name: _normalized(value) for name, value in given.items()}
    types = _key_types(table)
    for name in _key_names(table):
        if name not in item:
            raise _invalid(f"{_INVALID}Missing the key {name} in the item")
        if (actual := _kind(item[name])) != types[name]:
            raise _invalid(f"{_INVALID}Type mismatch for key {name} expected: {types[name]} actual: {actual}")
    _check_key_sizes(table, item)
    for index in (index for kind in _INDEXES for index in table["request"].get(kind, ())):
        for name in _attribute_names(index["KeySchema"]):
            if name in item:
                _check_index_key(index["IndexName"], name, types[name], item[name])
    if size(item) > ITEM_BYTES:
        raise _invalid("Item size has exceeded the maximum allowed size")
    return item


def _checked_key(table: Document, given: Data) -> Item:
    """Return a key in normal form. Raises ServiceError for one that does not fit the table."""
    key = {name: _normalized(value) for name, value in given.items()}
    types = _key_types(table)
    if {name: _kind(value) for name, value in key.items()} != {name: types[name] for name in _key_names(table)}:
        raise _invalid("The provided key element does not match the schema")
    _check_key_sizes(table, key)
    return key


def _check_key_sizes(table: Document, item: Item) -> None:
    for role, name in zip(KEY_BYTES, _key_names(table), strict=False):
        ((kind, content),) = item[name].items()
        if kind != "N" and not content:
            raise _invalid(f"{_NOT_VALID} {_empty(kind)} Key: {name}")
        if kind != "N" and len(_bytes(content)) > KEY_BYTES[role]:
            subject = "Size of hashkey has" if role == "HASH" else "Aggregated size of all range keys has"
            raise _invalid(f"{_INVALID}{subject} exceeded the maximum size limit of{KEY_BYTES[role]} bytes")


def _check_index_key(index: str, name: str, expected: str, value: Item) -> None:
    ((kind, content),) = value.items()
    if kind != expected:
        mismatch = f"Type mismatch for Index Key {name} Expected: {expected} Actual: {kind} IndexName: {index}"
        raise _invalid(f"{_INVALID}{mismatch}")
    if not content:
        reason = f"A value specified for a secondary index key is not supported. {_empty(kind)}"
        raise _invalid(f"{_NOT_VALID} {reason} IndexName: {index}, IndexKey: {name}")


def _empty(kind: str) -> str:
    word = "string" if kind == "S" else "binary"
    return f"The AttributeValue for a key attribute cannot contain an empty {word} value."


def _to_json(value: Any) -> str:
    """Return an item or a value as JSON, with binary data as ``{"base64": TEXT}``."""
    return json.dumps(value, default=lambda binary: {"base64": base64.b64encode(binary).decode()})


def _from_json(text: str) -> Item:
    item: Item = json.loads(text, object_hook=_restored)
    return item


def _restored(value: Document) -> Any:
    # An attribute may be named base64, too, but then its value is a mapping.
    encoded = value.get("base64") if len(value) == 1 else None
    return base64.b64decode(encoded) if isinstance(encoded, str) else value


def _place(table: Document, item: Data) -> str:
    """Return the store key of an item: by the hash of its partition key, so that segments of a scan are ranges."""
    key = [item[name] for name in _key_names(table)]
    return f"{table['id']}|{zlib.crc32(_to_json(key[0]).encode()):08x}|{_to_json(key)}"


def _find(state: SandboxState, table: Document, key: Data) -> Item | None:
    body = state.store.get(ITEM, _place(table, key))
    return None if body is None else _from_json(body["item"])


def _put(state: SandboxState, table: Document, item: Item) -> None:
    state.store.put(ITEM, _place(table, item), {"item": _to_json(item), "size": size(item)})


def _scanned(
    state: SandboxState, table: Document, after: Data | None, segment: int, segments: int
) -> Iterator[tuple[Item, int]]:
    """Yield the items of a segment after a key, in scan order, each with its size in bytes."""
    bounds = [f"{n * _HASHES // segments:08x}" if n < segments else "~" for n in (segment, segment + 1)]
    first, last = (f"{table['id']}|{bound}" for bound in bounds)
    position = max(first, _place(table, after)) if after is not None else first
    while page := state.store.between(ITEM, position, last, _READ):
        for position, body in page:  # noqa: B007
            yield _from_json(body["item"]), body["size"]


def put_item(state: SandboxState, params: Document) -> Document:
    """PutItem, with a condition on an attribute."""
    _supported("PutItem", params, *_CONDITIONAL, "Item")
    table = _table(state, params["TableName"])
    item = _checked_item(table, params["Item"])
    _check_condition(params, _find(state, table, item))
    _put(state, table, item)
    return {}


def update_item(state: SandboxState, params: Document) -> Document:
    """UpdateItem that sets attributes to values, with a condition on an attribute. It makes an item that is absent."""
    _supported("UpdateItem", params, *_CONDITIONAL, "Key", "UpdateExpression")
    table = _table(state, params["TableName"])
    key = _checked_key(table, params["Key"])
    text = params.get("UpdateExpression", "")
    update = _SET.fullmatch(text)
    equations = [_EQUATION.fullmatch(part) for part in update["assignments"].split(",")] if update else [None]
    assigned: Item = {}
    for equation in equations:
        if equation is None:
            raise _invalid(f"the sandbox supports only SET NAME = :VALUE, ... as an UpdateExpression, not {text!r}")
        name, value = _equation("UpdateExpression", params, equation)
        if name in key:
            raise _invalid(f"{_INVALID}Cannot update attribute {name}. This attribute is part of the key")
        assigned[name] = value
    existing = _find(state, table, key)
    _check_condition(params, existing)
    _put(state, table, _checked_item(table, {**(existing or key), **assigned}))
    return {}


def delete_item(state: SandboxState, params: Document) -> Document:
    """DeleteItem, with a condition on an attribute. It succeeds for an item that is absent."""
    _supported("DeleteItem", params, *_CONDITIONAL, "Key")
    table = _table(state, params["TableName"])
    key = _checked_key(table, params["Key"])
    _check_condition(params, _find(state, table, key))
    state.store.remove(ITEM, _place(table, key))
    return {}


def _check_condition(params: Document, existing: Item | None) -> None:
    """Raise ServiceError unless the item that a write would change meets the condition of the write, if it has one."""
    text = params.get("ConditionExpression")
    if text is None:
        return
    item = existing or {}
    if condition := _CONDITION.fullmatch(text):
        name = _attribute("ConditionExpression", params, condition["name"])
        holds = (name in item) == (condition["function"] == "attribute_exists")
    elif equation := _EQUATION.fullmatch(text):
        name, value = _equation("ConditionExpression", params, equation)
        holds = item.get(name) == value
    else:
        offered = "attribute_exists, attribute_not_exists and NAME = :VALUE of one attribute"
        raise _invalid(f"the sandbox supports only {offered} as a ConditionExpression, not {text!r}")
    if not holds:
        wanted = params.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        members = {"Item": existing} if wanted and existing else {}
        raise ServiceError("ConditionalCheckFailedException", "The conditional request failed", members=members)


def _equation(expression: str, params: Document, equation: re.Match[str]) -> tuple[str, Item]:
    """Return the attribute and the value of ``NAME = :VALUE``. Raises ServiceError for one that is not defined."""
    value = params.get("ExpressionAttributeValues", {}).get(equation["value"])
    if value is None:
        raise _undefined(expression, "value used in expression", f"attribute value: {equation['value']}")
    return _attribute(expression, params, equation["name"]), _normalized(value)


def _attribute(expression: str, params: Document, name: str) -> str:
    """Return the name of an attribute, or of what ``#NAME`` is defined as. Raises ServiceError if it is not defined."""
    if not name.startswith("#"):
        return name
    names: Mapping[str, str] = params.get("ExpressionAttributeNames", {})
    if name not in names:
        raise _undefined(expression, "name used in the document path", f"attribute name: {name}")
    return names[name]


def _undefined(expression: str, what: str, which: str) -> ServiceError:
    return _invalid(f"Invalid {expression}: An expression attribute {what} is not defined; {which}")


def get_item(state: SandboxState, params: Document) -> Document:
    """GetItem, with all attributes."""
    _supported("GetItem", params, "TableName", "Key", "ConsistentRead")
    table = _table(state, params["TableName"])
    return {"Item": _find(state, table, _checked_key(table, params["Key"]))}


def _check_batch(operation: str, counts: Iterable[int], most: int) -> None:
    if sum(counts) > most:
        raise _invalid(f"Too many items requested for the {operation} call")


def _check_distinct(table: Document, keys: list[Item]) -> None:
    if len({_place(table, key) for key in keys}) < len(keys):
        raise _invalid("Provided list of item keys contains duplicates")


def batch_write_item(state: SandboxState, params: Document) -> Document:
    """BatchWriteItem of puts, all of which are checked first. A ``partial`` fault leaves half of them unprocessed."""
    _supported("BatchWriteItem", params, "RequestItems")
    requested: Mapping[str, list[Document]] = params["RequestItems"]
    _check_batch("BatchWriteItem", map(len, requested.values()), MOST_WRITES)
    checked = {}
    for name, requests in requested.items():
        table = _table(state, name)
        for request in requests:
            _supported("BatchWriteItem", request, "PutRequest")
        items = [_checked_item(table, request["PutRequest"]["Item"]) for request in requests]
        _check_distinct(table, items)
        checked[name] = table, items
    unprocessed = {}
    for name, (table, items) in checked.items():
        done = _share(state, items)
        for item in items[:done]:
            _put(state, table, item)
        if done < len(items):
            unprocessed[name] = requested[name][done:]
    return {"UnprocessedItems": unprocessed}


def _share(state: SandboxState, items: list[Item]) -> int:
    """Return how many items of a batch this call processes."""
    return (len(items) + 1) // 2 if state.partial else len(items)


def batch_get_item(state: SandboxState, params: Document) -> Document:
    """BatchGetItem. Keys beyond 16 MB are left unprocessed, and half of them by a ``partial`` fault."""
    _supported("BatchGetItem", params, "RequestItems")
    requested: Mapping[str, Document] = params["RequestItems"]
    for request in requested.values():
        _supported("BatchGetItem", request, "Keys", "ConsistentRead")
    _check_batch("BatchGetItem", (len(request["Keys"]) for request in requested.values()), MOST_READS)
    responses: dict[str, list[Item]] = {}
    unprocessed = {}
    room = BATCH_BYTES
    for name, request in requested.items():
        table = _table(state, name)
        keys = [_checked_key(table, key) for key in request["Keys"]]
        _check_distinct(table, keys)
        responses[name], done = [], 0
        for key in keys[: _share(state, keys)]:
            item = _find(state, table, key)
            room -= size(item or {})
            if room < 0:
                break
            responses[name] += [item] if item is not None else []
            done += 1
        if done < len(keys):
            unprocessed[name] = {**request, "Keys": keys[done:]}
    return {"Responses": responses, "UnprocessedKeys": unprocessed}


def scan(state: SandboxState, params: Document) -> Document:
    """Scan of a table or a segment of it, in pages of at most 1 MB or ``Limit`` items."""
    known = ("TableName", "Limit", "Select", "ExclusiveStartKey", "Segment", "TotalSegments", "ConsistentRead")
    _supported("Scan", params, *known)
    table = _table(state, params["TableName"])
    select = params.get("Select", "ALL_ATTRIBUTES")
    if select not in ("COUNT", "ALL_ATTRIBUTES"):
        raise _invalid(f"the sandbox does not support Select {select} of Scan")
    segment, segments = _segment(params)
    start, limit = params.get("ExclusiveStartKey"), params.get("Limit")
    after = _checked_key(table, start) if start else None
    items: list[Item] = []
    room, last = SCAN_BYTES, None
    for item, length in _scanned(state, table, after, segment, segments):
        items.append(item)
        room -= length
        if len(items) == limit or room <= 0:
            last = {name: item[name] for name in _key_names(table)}
            break
    counts = {"Count": len(items), "ScannedCount": len(items), "LastEvaluatedKey": last}
    return counts if select == "COUNT" else {**counts, "Items": items}


def _segment(params: Document) -> tuple[int, int]:
    """Return the segment to scan and the number of segments. Raises ServiceError."""
    names = {"Segment", "TotalSegments"}
    if len(missing := names - params.keys()) == 1:
        (absent,), (present,) = missing, names - missing
        required = (
            f"The {absent} parameter is required but was not present in the request when {present} parameter is present"
        )
        raise _invalid(required)
    segment, segments = params.get("Segment", 0), params.get("TotalSegments", 1)
    if segment >= segments:
        detail = f"Segment: {segment} is not less than TotalSegments: {segments}"
        raise _invalid(f"The Segment parameter is zero-based and must be less than parameter TotalSegments: {detail}")
    return segment, segments


OPERATIONS = {
    "BatchGetItem": batch_get_item,
    "BatchWriteItem": batch_write_item,
    "DeleteItem": delete_item,
    "DescribeTable": describe_table,
    "GetItem": get_item,
    "ListTables": list_tables,
    "PutItem": put_item,
    "Scan": scan,
    "UpdateItem": update_item,
}
