"""From a row to an item: names, types, keys and sizes, with everything noted that DynamoDB would refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from fsdcf.storage.migration.model import FORMS, Columns, Item, MigrationError, Table
from fsdcf.storage.migration.values import (
    CONVERSIONS,
    LARGEST_ITEM,
    BadValue,
    item_size,
    plain_number,
    real,
    value_size,
)

HASH_BYTES, RANGE_BYTES = 2048, 1024
"""Bytes of a key's value at most. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

_LONGEST_NAME = 65535


class Problem(NamedTuple):
    """A value that DynamoDB would refuse: the kind of the finding, the column or attribute, and what exactly."""

    kind: str
    where: str
    detail: str


class _Target(NamedTuple):
    """Where a column goes."""

    column: str
    attribute: str
    overhead: int
    convert: Callable[[int | float | str], Item] | None


class Encoder:
    """Turns rows into items. ``attributes`` are their names, without those of columns that are left out.

    A row's values are as ``source.rows`` gives them: a bytearray is TEXT in UTF-8, bytes are a BLOB.
    """

    def __init__(self, columns: Sequence[str], mapping: Columns, table: Table) -> None:
        _check_names(columns, mapping)
        renamed, forms = dict(mapping.renamed), dict(mapping.forms)
        self._targets: list[_Target | None] = []
        for column in columns:
            name = renamed.get(column, column)
            form = forms.get(column)
            size = len(name.encode())
            target = _Target(column, name, size, CONVERSIONS[form] if form else None)
            self._targets.append(None if column in mapping.skipped else target)
        self.attributes = [one.attribute for one in self._targets if one]
        _check_attributes(self.attributes, columns, table)
        self._keys = table.keys
        self._indexed = tuple(one for one in table.indexed if one not in table.keys)

    def __call__(self, row: Iterable[Any]) -> tuple[Item, int, list[Problem]]:
        """The item of a row, its bytes by DynamoDB's rules (numbers at the most that they can take), and what is wrong with it."""
        item: Item = {}
        size = 0
        problems: list[Problem] = []
        for target, value in zip(self._targets, row, strict=True):
            if value is None or target is None:
                continue
            kind = type(value)
            try:
                if target.convert is not None:
                    item[target.attribute] = made = _converted(target.convert, value)
                    size += target.overhead + value_size(made)
                    continue
                if kind is bytearray:
                    item[target.attribute] = {"S": value.decode()}
                    size += target.overhead + len(value)
                    continue
                if kind is bytes:
                    item[target.attribute] = {"B": value}
                    size += target.overhead + len(value)
                    continue
                text = str(value) if kind is int else real(value)
                item[target.attribute] = {"N": text}
                size += target.overhead + len(text) // 2 + 2
            except BadValue as error:
                problems.append(Problem(error.kind, target.column, error.detail))
            except UnicodeDecodeError as error:
                problems.append(Problem("text that is not UTF-8", target.column, f"byte {error.start} of {len(value)}"))
        if size > LARGEST_ITEM and not problems and (exact := item_size(item)) > LARGEST_ITEM:
            problems.append(Problem("item over 400 KB", "the row", f"{exact:,} bytes"))
        self._check_keys(item, problems)
        return item, size, problems

    def _check_keys(self, item: Item, problems: list[Problem]) -> None:
        failed = {one.where for one in problems}
        for position, (name, type) in enumerate(self._keys):
            value = item.get(name)
            if value is not None:
                _check_key(name, type, value, HASH_BYTES if position == 0 else RANGE_BYTES, problems)
            elif not failed:
                problems.append(Problem("key without a value", name, "NULL"))
        for name, type in self._indexed:
            if name in item:
                _check_key(name, type, item[name], HASH_BYTES, problems)

    def key_of(self, item: Item) -> Item:
        """The key's part of an item."""
        return {name: item[name] for name, _ in self._keys}


def key_text(key: Item) -> str:
    """A key as people read it, and as equal keys share it."""
    parts = ((name, *value.popitem()) for name, value in ((name, dict(value)) for name, value in key.items()))
    return ", ".join(f"{name}={plain_number(value) if type == 'N' else repr(value)}" for name, type, value in parts)


def _converted(convert: Callable[[int | float | str], Item], value: Any) -> Item:
    if type(value) is bytes:
        raise BadValue("no text", f"a BLOB of {len(value)} bytes")
    return convert(value.decode() if type(value) is bytearray else value)


def _check_key(name: str, type: str, value: Item, longest: int, problems: list[Problem]) -> None:
    ((kind, content),) = value.items()
    if kind != type:
        problems.append(Problem("key of another type", name, f"{kind}, where the table has {type}"))
    elif kind != "N" and not content:
        problems.append(Problem("empty key", name, "DynamoDB takes no empty value in a key"))
    elif kind != "N" and value_size(value) > longest:
        problems.append(Problem("key too long", name, f"{value_size(value):,} bytes, where {longest:,} are taken"))


def _check_names(columns: Sequence[str], mapping: Columns) -> None:
    named = [(one, "--map") for one, _ in mapping.renamed] + [(one, "--as") for one, _ in mapping.forms]
    for column, option in (*named, *((one, "--skip") for one in mapping.skipped)):
        if column not in columns:
            raise MigrationError(f"{option}: there is no column {column!r}", f"the columns are {', '.join(columns)}")
    for column, form in mapping.forms:
        if form not in FORMS:
            raise MigrationError(f"--as: {column!r} cannot become {form!r}", f"the forms are {', '.join(FORMS)}")


def _check_attributes(attributes: list[str], columns: Sequence[str], table: Table) -> None:
    for name in attributes:
        if attributes.count(name) > 1:
            raise MigrationError(
                f"two columns would become the attribute {name!r}", "map one of them to another name, or skip it"
            )
        if not 0 < len(name.encode()) <= _LONGEST_NAME:
            raise MigrationError(
                f"{name[:40]!r} cannot name an attribute", "a name has 1 to 65,535 bytes; use --map COLUMN=ATTRIBUTE"
            )
    for name, _ in table.keys:
        if name not in attributes:
            columns_are = f"the columns are {', '.join(columns)}"
            raise MigrationError(
                f"no column becomes the key {name!r} of {table.name}", f"--map COLUMN={name}; {columns_are}"
            )
