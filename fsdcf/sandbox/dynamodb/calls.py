"""The operations on items: single ones under a condition, batches, and scans in pages and segments."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from fsdcf.sandbox.dynamodb import items, tables
from fsdcf.sandbox.dynamodb.items import Item, clean, kind_of, raw, refused, size
from fsdcf.sandbox.dynamodb.tables import Document
from fsdcf.sandbox.state import SandboxState, ServiceError

Test = Callable[[Item], bool]
_Operand = Callable[[Item], Item | None]

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),.\[\]]|[#:]?[A-Za-z0-9_-]+)")
_COMPARATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_UNPLAYED = ("attribute_type", "contains", "size", "BETWEEN", "IN")
_WHERE = "Invalid ConditionExpression: "


def holds(params: Mapping[str, Any], item: Item | None) -> bool:
    """Whether the condition of a write holds for the item that is there. Refusal for a condition that cannot be evaluated."""
    text, names, values = (
        params.get(key) for key in ("ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues")
    )
    if text is None:
        for what, given in (("Names", names), ("Values", values)):
            if given is not None:
                raise refused(f"ExpressionAttribute{what} can only be specified when using expressions")
        return True
    if not text:
        raise refused(f"{_WHERE}The expression can not be empty;")
    reader = _Reader(text, names or {}, values or {})
    test = reader.whole()
    reader.check_used()
    return test(item or {})


class _Reader:
    """Reads one condition, from left to right."""

    def __init__(self, text: str, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._names = names
        self._values = values
        self._used: set[str] = set()

    def whole(self) -> Test:
        test = self._either()
        if self._next():
            raise self._astray()
        return test

    def check_used(self) -> None:
        """Every name and value that is given must occur."""
        for what, given in (("Names", self._names), ("Values", self._values)):
            unused = sorted(set(given) - self._used)
            if unused:
                raise refused(
                    f"Value provided in ExpressionAttribute{what} unused in expressions: keys: {{{', '.join(unused)}}}"
                )

    def _either(self) -> Test:
        tests = [self._both()]
        while self._word("OR"):
            tests.append(self._both())
        return lambda item: any(test(item) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._word("AND"):
            tests.append(self._one())
        return lambda item: all(test(item) for test in tests)

    def _one(self) -> Test:
        if self._word("NOT"):
            test = self._one()
            return lambda item: not test(item)
        if self._word("("):
            test = self._either()
            self._demand(")")
            return test
        following = self._tokens[self._at + 1 : self._at + 2]
        return self._function() if following == ["("] else self._comparison()

    def _function(self) -> Test:
        name = self._take()
        if name not in ("attribute_exists", "attribute_not_exists", "begins_with"):
            raise (
                self._unplayed(name)
                if name in _UNPLAYED
                else refused(f"{_WHERE}Invalid function name; function: {name}")
            )
        self._demand("(")
        path = self._path()
        if name == "begins_with":
            self._demand(",")
            return self._begins(path)
        self._demand(")")
        return lambda item: (path in item) == (name == "attribute_exists")

    def _begins(self, path: str) -> Test:
        start = self._value()
        self._demand(")")
        kind = kind_of(start)
        if kind not in ("S", "B"):
            raise refused(
                f"{_WHERE}Incorrect operand type for operator or function; operator or function: begins_with, operand type: {kind}"
            )
        return lambda item: kind in item.get(path, {}) and raw(item[path]).startswith(raw(start))

    def _comparison(self) -> Test:
        left = self._operand()
        sign = self._take()
        if sign.upper() in _UNPLAYED:
            raise self._unplayed(sign.upper())
        if sign not in _COMPARATORS:
            self._at -= 1
            raise self._astray()
        right = self._operand()
        return lambda item: _compared(sign, left(item), right(item))

    def _operand(self) -> _Operand:
        if self._next().startswith(":"):
            value = self._value()
            return lambda item: value
        path = self._path()
        return lambda item: item.get(path)

    def _path(self) -> str:
        """The name of an attribute, which stands there or is given beside the condition."""
        token = self._take()
        if not re.fullmatch(r"#?[A-Za-z_][\w-]*|#[\w-]+", token):
            self._at -= 1
            raise self._astray()
        if self._next() in (".", "["):
            raise self._unplayed("paths into documents")
        if not token.startswith("#"):
            return token
        if token not in self._names:
            words = f"An expression attribute name used in the document path is not defined; attribute name: {token}"
            raise refused(f"{_WHERE}{words}")
        self._used.add(token)
        return self._names[token]

    def _value(self) -> Item:
        token = self._take()
        if token not in self._values:
            words = f"An expression attribute value used in expression is not defined; attribute value: {token}"
            raise refused(f"{_WHERE}{words}")
        self._used.add(token)
        found: Item = clean({token: self._values[token]})[token]
        return found

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next()
        if not token:
            raise self._astray()
        self._at += 1
        return token

    def _word(self, word: str) -> bool:
        found = self._next().upper() == word
        self._at += found
        return found

    def _demand(self, token: str) -> None:
        if not self._word(token):
            raise self._astray()

    def _astray(self) -> Exception:
        near = " ".join(self._tokens[max(0, self._at - 1) : self._at + 2])
        return refused(f'{_WHERE}Syntax error; token: "{self._next() or "<EOF>"}", near: "{near}"')

    def _unplayed(self, what: str) -> Exception:
        return refused(f"the sandbox does not play {what} in a ConditionExpression")


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise refused(
                f'{_WHERE}Syntax error; token: "{text[at:].strip()[0]}", near: "{text[at : at + 10].strip()}"'
            )
        found.append(match[1])
        at = match.end()
    return found


def _compared(sign: str, left: Item | None, right: Item | None) -> bool:
    """Attributes that are absent compare with nothing; only numbers, strings and binary data have an order."""
    if left is None or right is None:
        return False
    if sign in ("=", "<>"):
        return _COMPARATORS[sign](_plain(left), _plain(right))
    kind = kind_of(left)
    return kind == kind_of(right) and kind in ("S", "N", "B") and _COMPARATORS[sign](_rank(left), _rank(right))


def _plain(value: Item) -> Any:
    """A value that equals another where DynamoDB takes them to be equal: a set has no order."""
    ((kind, content),) = value.items()
    if kind in ("SS", "NS", "BS"):
        return kind, frozenset(content)
    if kind == "L":
        return kind, [_plain(one) for one in content]
    return (kind, {name: _plain(one) for name, one in content.items()}) if kind == "M" else (kind, content)


def _rank(value: Item) -> Any:
    return Decimal(value["N"]) if "N" in value else raw(value)


WRITES, READS = 25, 100
"""Requests of a BatchWriteItem and keys of a BatchGetItem at most."""

PAGE = 1 << 20
ANSWER = 16 << 20
"""Bytes of a scan's page, and of what BatchGetItem gives, at most. Source:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""

_CONDITION = ("ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues")


def _played(operation: str, params: Document, *known: str) -> None:
    """Refusal for a parameter that the sandbox does not know what to do with. NONE asks for nothing."""
    strange = sorted(name for name in params if name not in known and params[name] != "NONE")
    if strange:
        raise refused(f"the sandbox does not play {', '.join(strange)} of {operation}")


def _old(params: Document, found: Item | None) -> Document:
    """The item that was there, where it is asked for."""
    wanted = params.get("ReturnValues", "NONE")
    if wanted not in ("NONE", "ALL_OLD"):
        raise refused("ReturnValues can only be ALL_OLD or NONE")
    return {"Attributes": found} if found is not None and wanted == "ALL_OLD" else {}


def _demand(params: Document, found: Item | None) -> None:
    if not holds(params, found):
        raise ServiceError("ConditionalCheckFailedException", "The conditional request failed")


def describe_table(state: SandboxState, params: Document) -> Document:
    """DescribeTable."""
    known = state.store.get(tables.TABLE, params["TableName"])
    return {"Table": tables.described(state, params["TableName"], items.count(state, known) if known else 0)}


def put_item(state: SandboxState, params: Document) -> Document:
    """PutItem, under a condition if there is one."""
    _played("PutItem", params, "TableName", "Item", "ReturnValues", *_CONDITION)
    table = tables.named(state, params["TableName"])
    item = items.checked(table, params["Item"])
    found = items.find(state, table, item)
    answer = _old(params, found)
    _demand(params, found)
    items.put(state, table, item)
    return answer


def get_item(state: SandboxState, params: Document) -> Document:
    """GetItem, whole."""
    _played("GetItem", params, "TableName", "Key", "ConsistentRead")
    table = tables.named(state, params["TableName"])
    return {"Item": items.find(state, table, items.key(table, params["Key"]))}


def delete_item(state: SandboxState, params: Document) -> Document:
    """DeleteItem, under a condition if there is one; also of an item that is not there."""
    _played("DeleteItem", params, "TableName", "Key", "ReturnValues", *_CONDITION)
    table = tables.named(state, params["TableName"])
    key = items.key(table, params["Key"])
    found = items.find(state, table, key)
    answer = _old(params, found)
    _demand(params, found)
    items.remove(state, table, key)
    return answer


def batch_write_item(state: SandboxState, params: Document) -> Document:
    """BatchWriteItem: all that is asked for is checked, then all of it is done. Where the call is to be done in part, half of it is."""
    _played("BatchWriteItem", params, "RequestItems")
    wanted: Mapping[str, list[Document]] = params["RequestItems"]
    _bounded("BatchWriteItem", [len(requests) for requests in wanted.values()], WRITES)
    checked = {name: _writes(tables.named(state, name), requests) for name, requests in wanted.items()}
    left: Document = {}
    for name, (table, writes) in checked.items():
        now = (len(writes) + 1) // 2 if state.partial else len(writes)
        for what, item in writes[:now]:
            (items.put if what == "PutRequest" else items.remove)(state, table, item)
        if now < len(writes):
            left[name] = wanted[name][now:]
    return {"UnprocessedItems": left}


def _writes(table: Document, requests: Iterable[Document]) -> tuple[Document, list[tuple[str, Item]]]:
    """What a table is to get and to lose, checked."""
    found: list[tuple[str, Item]] = []
    for one in requests:
        if len(one) != 1:
            words = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
            raise refused(words)
        ((what, request),) = one.items()
        put = what == "PutRequest"
        found.append((what, items.checked(table, request["Item"]) if put else items.key(table, request["Key"])))
    _distinct(table, [item for _, item in found])
    return table, found


def _distinct(table: Document, keys: list[Item]) -> None:
    if len({items.place(table, key) for key in keys}) < len(keys):
        raise refused("Provided list of item keys contains duplicates")


def _bounded(operation: str, counts: list[int], most: int) -> None:
    if sum(counts) > most:
        raise refused(f"Too many items requested for the {operation} call")
    if not counts or not all(counts):
        raise refused(
            "1 validation error detected: Value at 'requestItems' failed to satisfy constraint: Member must have length greater than or equal to 1"
        )


def batch_get_item(state: SandboxState, params: Document) -> Document:
    """BatchGetItem: the items that there are. What is over 16 MB is left, and half of it where the call is to be done in part."""
    _played("BatchGetItem", params, "RequestItems")
    wanted: Mapping[str, Document] = params["RequestItems"]
    for one in wanted.values():
        _played("BatchGetItem", one, "Keys", "ConsistentRead")
    _bounded("BatchGetItem", [len(one["Keys"]) for one in wanted.values()], READS)
    found: dict[str, list[Item]] = {}
    left: Document = {}
    room = ANSWER
    for name, one in wanted.items():
        table = tables.named(state, name)
        keys = [items.key(table, key) for key in one["Keys"]]
        _distinct(table, keys)
        most = (len(keys) + 1) // 2 if state.partial else len(keys)
        found[name], read, room = _read(state, table, keys[:most], room)
        if read < len(keys):
            left[name] = {**one, "Keys": keys[read:]}
    return {"Responses": found, "UnprocessedKeys": left}


def _read(state: SandboxState, table: Document, keys: list[Item], room: int) -> tuple[list[Item], int, int]:
    """The items of keys, how many keys were read, and the bytes that are left of ``room``."""
    found: list[Item] = []
    for number, key in enumerate(keys):
        item = items.find(state, table, key)
        if item is not None:
            room -= size(item)
            if room < 0:
                return found, number, 0
            found.append(item)
    return found, len(keys), room


def scan(state: SandboxState, params: Document) -> Document:
    """Scan: a page of at most 1 MB or ``Limit`` items, of the table or a segment of it."""
    known = ("TableName", "Limit", "Select", "ExclusiveStartKey", "Segment", "TotalSegments", "ConsistentRead")
    _played("Scan", params, *known)
    table = tables.named(state, params["TableName"])
    segment, segments = _segment(params)
    counts = _counts(params.get("Select", "ALL_ATTRIBUTES"))
    start = params.get("ExclusiveStartKey")
    after = items.key(table, start) if start else None
    limit = params.get("Limit")
    if limit is not None and limit < 1:
        words = f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"
        raise refused(words)
    found: list[Item] = []
    room = PAGE
    last: Item | None = None
    for item, length in items.scanned(state, table, after, segment, segments):
        found.append(item)
        room -= length
        if len(found) == limit or room <= 0:
            last = {name: item[name] for name in tables.keys_of(table)}
            break
    answer: Document = {"Count": len(found), "ScannedCount": len(found), "LastEvaluatedKey": last}
    return answer if counts else {**answer, "Items": found}


def _segment(params: Document) -> tuple[int, int]:
    given = [name for name in ("Segment", "TotalSegments") if name in params]
    if len(given) == 1:
        absent = "Segment" if given == ["TotalSegments"] else "TotalSegments"
        raise refused(
            f"The {absent} parameter is required but was not present in the request when {given[0]} parameter is present"
        )
    segment, segments = int(params.get("Segment", 0)), int(params.get("TotalSegments", 1))
    if not 1 <= segments <= 1_000_000:
        raise refused(
            "1 validation error detected: Value at 'totalSegments' failed to satisfy constraint: Member must have value between 1 and 1000000"
        )
    if not 0 <= segment < segments:
        words = f"The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {segment} is not less than TotalSegments: {segments}"
        raise refused(words)
    return segment, segments


def _counts(select: str) -> bool:
    """Whether only the count is asked for."""
    if select not in ("COUNT", "ALL_ATTRIBUTES"):
        raise refused(f"the sandbox does not play Select {select} of Scan")
    return select == "COUNT"
