"""Items of a table: kept by key in the order in which a scan finds them, with all refused that DynamoDB refuses."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from fsdcf.sandbox.dynamodb.tables import Document, indexes_of, keys_of, types_of
from fsdcf.sandbox.dynamodb.values import INVALID, Item, clean, kind_of, ordered, packed, raw, refused, size, unpacked
from fsdcf.sandbox.world import World

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


def find(world: World, table: Document, key: Mapping[str, Any]) -> Item | None:
    """The item of a key; None if there is none."""
    body = world.store.get(ITEM, place(table, key))
    return None if body is None else unpacked(body["item"])


def put(world: World, table: Document, item: Item) -> None:
    """Writes an item that is checked."""
    world.store.put(ITEM, place(table, item), {"item": packed(item), "size": size(item)})


def remove(world: World, table: Document, key: Mapping[str, Any]) -> None:
    """Removes the item of a key; nothing happens if there is none."""
    world.store.remove(ITEM, place(table, key))


def scanned(
    world: World, table: Document, after: Mapping[str, Any] | None, segment: int, segments: int
) -> Iterator[tuple[Item, int]]:
    """The items of a segment with their bytes, in the order of a scan, behind the key ``after``."""
    bounds = [f"{one * _HASHES // segments:08x}" if one < segments else "~" for one in (segment, segment + 1)]
    first, last = (f"{table['id']}|{bound}" for bound in bounds)
    here = max(first, place(table, after)) if after is not None else first
    while True:
        page = world.store.between(ITEM, here, last, _READ)
        for here, body in page:  # noqa: B007
            yield unpacked(body["item"]), body["size"]
        if len(page) < _READ:
            return


def count(world: World, table: Document) -> int:
    """How many items the table has."""
    return world.store.count(ITEM, f"{table['id']}|", f"{table['id']}|~")


def forget(world: World, table: Document) -> None:
    """Removes every item of a table."""
    for place, _ in world.store.every(ITEM, f"{table['id']}|"):
        world.store.remove(ITEM, place)
