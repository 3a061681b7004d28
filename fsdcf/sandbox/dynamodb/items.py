"""Items of a table: kept by key in the order in which a scan finds them, with all refused that DynamoDB refuses."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from fsdcf.sandbox.dynamodb.tables import Document, indexes_of, keys_of, types_of
from fsdcf.sandbox.state import SandboxState, ServiceError

Item = dict[str, Any]

DIGITS, VALUES_LARGEST, SMALLEST = 38, 125, -130
"""Digits of a number at most, and the exponents that its first one may have.

Source of these and of ``DEEPEST``: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

DEEPEST = 32
INVALID = "One or more parameter values were invalid: "
_SETS = {"SS": ("string", "S"), "NS": ("number", "N"), "BS": ("binary", "B")}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def refused(words: str) -> ServiceError:
    """What DynamoDB answers to parameters that are wrong."""
    return ServiceError("ValidationException", words)


def clean(item: Mapping[str, Any]) -> Item:
    """An item as DynamoDB keeps it: numbers in their one form. Refusal for a value that it does not take."""
    return {name: _clean(value, 1) for name, value in item.items()}


def kind_of(value: Mapping[str, Any]) -> str:
    """The type of a value, such as ``S``. Refusal unless it has exactly one."""
    if len(value) != 1:
        fault = "has more than one datatypes set" if value else "is empty"
        raise refused(f"Supplied AttributeValue {fault}, must contain exactly one of the supported datatypes")
    return next(iter(value))


def _clean(value: Mapping[str, Any], depth: int) -> Item:
    kind = kind_of(value)
    content = value[kind]
    if depth > DEEPEST:
        raise refused("Nesting Levels have exceeded supported limits")
    if kind == "N":
        return {"N": number(content)}
    if kind == "L":
        return {"L": [_clean(one, depth + 1) for one in content]}
    if kind == "M":
        return {"M": {name: _clean(one, depth + 1) for name, one in content.items()}}
    if kind in _SETS:
        return {kind: _set(kind, content)}
    if kind == "NULL" and content is not True:
        raise refused(f"{INVALID}Null attribute value types must have the value of true")
    return {kind: content}


def _set(kind: str, content: list[Any]) -> list[Any]:
    word, _ = _SETS[kind]
    found = [number(one) for one in content] if kind == "NS" else list(content)
    if not found:
        raise refused(f"{INVALID}An {word} set  may not be empty")
    if len(set(found)) < len(found):
        raise refused(f"{INVALID}Input collection contains duplicates.")
    return found


def number(text: str) -> str:
    """A number in the one form in which it is kept and given back. Refusal for what is none, too long or out of range."""
    if not _NUMBER.fullmatch(text):
        raise refused(f"The parameter cannot be converted to a numeric value: {text}")
    overflow = "Number overflow. Attempting to store a number with magnitude larger than supported range"
    try:
        value = Decimal(text)
    except InvalidOperation:  # an exponent that Decimal does not know
        raise refused(overflow) from None
    if not value:
        return "0"
    digits = _digits(value)
    if value.adjusted() > VALUES_LARGEST:
        raise refused(overflow)
    if value.adjusted() < SMALLEST:
        raise refused("Number underflow. Attempting to store a number with magnitude smaller than supported range")
    if len(digits) > DIGITS:
        raise refused("Attempting to store more than 38 significant digits in a Number")
    shift = value.adjusted() + 1 - len(digits)
    return format(Decimal(f"{'-' if value < 0 else ''}{digits}E{shift}"), "f")


def _digits(value: Decimal) -> str:
    """The digits that count: without zeros at either end."""
    return "".join(map(str, value.as_tuple().digits)).strip("0")


def size(item: Mapping[str, Any]) -> int:
    """Bytes of an item, names among them.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(_bytes(name)) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind in ("S", "B"):
        return len(raw(value))
    if kind == "N":
        digits = _digits(Decimal(content))
        return 1 + (len(digits) + 1) // 2 + int(content.startswith("-"))
    if kind in _SETS:
        return sum(_size({_SETS[kind][1]: one}) for one in content)
    if kind == "L":
        return 3 + sum(1 + _size(one) for one in content)
    if kind == "M":
        return 3 + len(content) + size(content)
    return 1


def raw(value: Mapping[str, Any]) -> bytes:
    """The bytes of a string, of binary data or of a number's text."""
    ((_, content),) = value.items()
    return content if isinstance(content, bytes) else _bytes(str(content))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def ordered(value: Mapping[str, Any]) -> str:
    """A key's value as text that sorts as DynamoDB sorts keys: numbers by value, all else by bytes."""
    if "N" not in value:
        return raw(value).hex()
    found = Decimal(value["N"])
    if not found:
        return "1"
    exponent, digits = found.adjusted() + 200, _digits(found)
    if found > 0:
        return f"2{exponent:03d}{digits}"
    mirrored = digits.translate(str.maketrans("0123456789", "9876543210"))
    return f"0{999 - exponent:03d}{mirrored}~"  # a shorter one is the greater: -1 is beyond -1.5


def packed(item: Mapping[str, Any]) -> Item:
    """An item as JSON can hold it."""
    return {
        name: dict(_coded(value, lambda content: base64.b64encode(content).decode())) for name, value in item.items()
    }


def unpacked(item: Mapping[str, Any]) -> Item:
    """The item again, out of JSON."""
    return {name: dict(_coded(value, base64.b64decode)) for name, value in item.items()}


def _coded(value: Mapping[str, Any], code: Any) -> Iterator[tuple[str, Any]]:
    """A value with its binary parts coded."""
    for kind, content in value.items():
        if kind == "B":
            yield kind, code(content)
        elif kind == "BS":
            yield kind, [code(one) for one in content]
        elif kind == "L":
            yield kind, [dict(_coded(one, code)) for one in content]
        elif kind == "M":
            yield kind, {name: dict(_coded(one, code)) for name, one in content.items()}
        else:
            yield kind, content


ITEM = "dynamodb.item"
LARGEST = 400 * 1024
"""Bytes of an item at most."""

LONGEST = {"HASH": 2048, "RANGE": 1024}
"""Bytes of a key's value at most."""

_HASHES = 1 << 32
_READ = 200


def checked(table: Document, item: Mapping[str, Any]) -> Item:
    """An item that the table takes, as it is kept. Refusal otherwise."""
    found = clean(item)
    types = types_of(table)
    for name in keys_of(table):
        if name not in found:
            raise refused(f"{INVALID}Missing the key {name} in the item")
        _check_type(name, types[name], found[name])
    _check_key(table, found)
    for index, names in indexes_of(table).items():
        for name in names:
            if name in found:
                _check_indexed(index, name, types[name], found[name])
    if size(found) > LARGEST:
        raise refused("Item size has exceeded the maximum allowed size")
    return found


def _check_type(name: str, type: str, value: Mapping[str, Any]) -> None:
    if kind_of(value) != type:
        raise refused(f"{INVALID}Type mismatch for key {name} expected: {type} actual: {kind_of(value)}")


def key(table: Document, given: Mapping[str, Any]) -> Item:
    """A key, as it is kept. Refusal unless it is one of the table's."""
    found = clean(given)
    types = types_of(table)
    wanted = keys_of(table)
    if set(found) != set(wanted) or any(kind_of(found[name]) != types[name] for name in wanted):
        raise refused("The provided key element does not match the schema")
    _check_key(table, found)
    return found


def _check_key(table: Document, found: Item) -> None:
    for role, name in zip(LONGEST, keys_of(table), strict=False):
        length = len(raw(found[name]))
        if "N" not in found[name] and length == 0:
            raise refused(f"{_NOT_VALID} {_empty(found[name])} Key: {name}")
        if "N" not in found[name] and length > LONGEST[role]:
            what = "Size of hashkey has" if role == "HASH" else "Aggregated size of all range keys has"
            raise refused(f"{INVALID}{what} exceeded the maximum size limit of{LONGEST[role]} bytes")


_NOT_VALID = "One or more parameter values are not valid."


def _empty(value: Mapping[str, Any]) -> str:
    word = "string" if "S" in value else "binary"
    return f"The AttributeValue for a key attribute cannot contain an empty {word} value."


def _check_indexed(index: str, name: str, type: str, value: Mapping[str, Any]) -> None:
    if kind_of(value) != type:
        raise refused(
            f"{INVALID}Type mismatch for Index Key {name} Expected: {type} Actual: {kind_of(value)} IndexName: {index}"
        )
    if type != "N" and not raw(value):
        reason = "A value specified for a secondary index key is not supported."
        raise refused(f"{_NOT_VALID} {reason} {_empty(value)} IndexName: {index}, IndexKey: {name}")


def place(table: Document, item: Mapping[str, Any]) -> str:
    """Where an item is kept: by the hash of its partition's key, so that segments of a scan are ranges, then by the keys themselves."""
    names = keys_of(table)
    first = ordered(item[names[0]])
    rest = f"|{ordered(item[names[1]])}" if len(names) > 1 else ""
    return f"{table['id']}|{zlib.crc32(first.encode()):08x}|{first}{rest}"


def find(state: SandboxState, table: Document, key: Mapping[str, Any]) -> Item | None:
    """The item of a key; None if there is none."""
    body = state.store.get(ITEM, place(table, key))
    return None if body is None else unpacked(body["item"])


def put(state: SandboxState, table: Document, item: Item) -> None:
    """Writes an item that is checked."""
    state.store.put(ITEM, place(table, item), {"item": packed(item), "size": size(item)})


def remove(state: SandboxState, table: Document, key: Mapping[str, Any]) -> None:
    """Removes the item of a key; nothing happens if there is none."""
    state.store.remove(ITEM, place(table, key))


def scanned(
    state: SandboxState, table: Document, after: Mapping[str, Any] | None, segment: int, segments: int
) -> Iterator[tuple[Item, int]]:
    """The items of a segment with their bytes, in the order of a scan, behind the key ``after``."""
    bounds = [f"{one * _HASHES // segments:08x}" if one < segments else "~" for one in (segment, segment + 1)]
    first, last = (f"{table['id']}|{bound}" for bound in bounds)
    here = max(first, place(table, after)) if after is not None else first
    while True:
        page = state.store.between(ITEM, here, last, _READ)
        for here, body in page:  # noqa: B007
            yield unpacked(body["item"]), body["size"]
        if len(page) < _READ:
            return


def count(state: SandboxState, table: Document) -> int:
    """How many items the table has."""
    return state.store.count(ITEM, f"{table['id']}|", f"{table['id']}|~")


def forget(state: SandboxState, table: Document) -> None:
    """Removes every item of a table."""
    for place, _ in state.store.every(ITEM, f"{table['id']}|"):
        state.store.remove(ITEM, place)
