"""Convert SQLite rows to DynamoDB items, and detect every value that DynamoDB would reject."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Context, Decimal, DecimalException
from typing import Any, NamedTuple

from fsdcf.storage.migration.model import FORMS, Columns, Item, MigrationError, TargetTable

DIGITS = 38
SMALLEST, BEYOND = 1e-130, 1e126
"""A number has at most 38 digits and is zero or in the range 1E-130 to 9.99E+125.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

DEEPEST = 32
"""Maximum nesting depth of a document."""

LARGEST_ITEM = 400 * 1024
"""Maximum size of an item in bytes, including attribute names."""

HASH_BYTES, RANGE_BYTES = 2048, 1024
"""Maximum size of a key value in bytes.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

_LONGEST_NAME = 65535
_WIDE = Context(prec=60)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,9})?")
_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

Scalar = int | float | str


class BadValue(Exception):
    """A value that DynamoDB cannot store: the kind of the finding and the details."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def real(value: float) -> str:
    """Format a REAL as the shortest decimal that reads back as the same REAL."""
    if value - value != 0.0:
        raise BadValue("not finite", str(value))
    size = abs(value)
    if size == 0.0:
        return "0"
    if not SMALLEST <= size < BEYOND:
        raise BadValue("number out of range", repr(value))
    return str(int(value)) if size < 1e15 and value.is_integer() else repr(value)


def number(text: str) -> str:
    """Format a decimal number in plain digits, exactly. BadValue if it is NaN, not a number, or out of the limits."""
    short = text if len(text) <= 60 else f"{text[:57]}..."
    if text.lstrip("+-").lower() in ("nan", "inf", "infinity"):
        raise BadValue("not finite", short)
    if not _NUMBER.fullmatch(text):
        raise BadValue("not a number", repr(short))
    try:
        value = Decimal(text)
    except DecimalException:
        raise BadValue("number out of range", short) from None
    if _significant_digits(value) > DIGITS:
        raise BadValue("more than 38 digits", short)
    if value and not -130 <= value.adjusted() <= 125:
        raise BadValue("number out of range", short)
    return _plain_number(value)


def document(text: str) -> Item:
    """Parse JSON text exactly. BadValue for a repeated name in an object, NaN, and nesting that is too deep."""

    def refuse(word: str) -> Any:
        raise BadValue("not finite", f"{word} in JSON")

    try:
        parsed = json.loads(
            text, parse_float=_Digits, parse_int=_Digits, parse_constant=refuse, object_pairs_hook=_object
        )
        return _document(parsed, 1)
    except RecursionError:
        raise BadValue("nested too deep", f"more than {DEEPEST} levels") from None
    except ValueError as error:
        raise BadValue("invalid JSON", str(error)) from None


class _Digits(str):
    """A JSON number as written."""

    __slots__ = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise BadValue("invalid JSON", "a name occurs twice in an object")
    return members


def _document(value: Any, depth: int) -> Item:
    if isinstance(value, _Digits):
        return {"N": number(value)}
    if isinstance(value, str):
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise BadValue("text that is not UTF-8", "a lone surrogate in JSON")
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if depth >= DEEPEST and value:
        raise BadValue("nested too deep", f"more than {DEEPEST} levels")
    if isinstance(value, list):
        return {"L": [_document(element, depth + 1) for element in value]}
    for name in value:
        _document(name, depth + 1)
    return {"M": {name: _document(member, depth + 1) for name, member in value.items()}}


def moment(value: Scalar) -> datetime:
    """Parse a date: SQLite or ISO 8601 text, in UTC unless it has a time zone, or seconds since 1970."""
    if not isinstance(value, str):
        try:
            return _EPOCH + timedelta(microseconds=int(Decimal(repr(value)).scaleb(6, _WIDE).to_integral_value()))
        except (OverflowError, DecimalException, ValueError):
            raise BadValue("invalid date", repr(value)) from None
    try:
        match = _DATE.fullmatch(value.strip())
        if not match:
            raise ValueError(value)
        *parts, fraction, zone = match.groups()
        year, month, day, hour, minute, second = (int(part or 0) for part in parts)
        local = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
        local += timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0")))
        return local - _offset(zone or "Z")
    except (ValueError, OverflowError):
        raise BadValue("invalid date", repr(value[:40])) from None


def _offset(zone: str) -> timedelta:
    if zone in "Zz":
        return timedelta()
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return timedelta(minutes=-minutes if zone[0] == "-" else minutes)


def iso(value: Scalar) -> Item:
    """Convert a date to text in UTC, such as 2026-01-31T12:00:00Z, with a fraction if it has one. It sorts by time."""
    return {"S": moment(value).isoformat().replace("+00:00", "Z")}


def epoch(value: Scalar) -> Item:
    """Convert a date to whole seconds since 1970, as time to live requires. Fractions are rounded down."""
    return {"N": str((moment(value) - _EPOCH) // timedelta(seconds=1))}


def as_number(value: Scalar) -> Item:
    """Convert text or a number to a number."""
    if isinstance(value, str):
        return {"N": number(value.strip())}
    return {"N": str(value) if isinstance(value, int) else real(value)}


def as_text(value: Scalar) -> Item:
    """Convert text or a number to text."""
    return {"S": value if isinstance(value, str) else as_number(value)["N"]}


def as_document(value: Scalar) -> Item:
    """Convert JSON text or a number to a document."""
    return document(value) if isinstance(value, str) else as_number(value)


CONVERSIONS: dict[str, Callable[[Scalar], Item]] = {
    "json": as_document,
    "number": as_number,
    "text": as_text,
    "iso": iso,
    "epoch": epoch,
}


def item_size(item: Item) -> int:
    """Size of an item in bytes: UTF-8 names and values.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(value: Item) -> int:
    """Size of a value in bytes."""
    ((type, content),) = value.items()
    if type == "S":
        return len(content.encode())
    if type == "B":
        return len(content)
    if type == "N":
        return _number_size(content)
    if type == "L":
        return 3 + sum(1 + value_size(element) for element in content)
    if type == "M":
        return 3 + len(content) + item_size(content)
    return 1


def _number_size(text: str) -> int:
    """One byte for each pair of digits on either side of the point, one for the number, one for a minus sign.

    Leading and trailing zeros do not count.
    """
    value = Decimal(text)
    if not value:
        return 1
    digits = _significant_digits(value)
    astride = digits % 2 == 0 and value.adjusted() % 2 == 0
    return 1 + (digits + 1) // 2 + astride + (value < 0)


def _significant_digits(value: Decimal) -> int:
    return len("".join(map(str, value.as_tuple().digits)).strip("0"))


def plain_number(text: str) -> str:
    """Normalize a number, so that equal numbers are equal text: 1.50, 1.5 and 15E-1 become 1.5."""
    if text.isdigit() and text[0] != "0":
        return text
    return _plain_number(Decimal(text))


def _plain_number(value: Decimal) -> str:
    return format(value.normalize(_WIDE), "f") if value else "0"


def canonical(item: Item) -> bytes:
    """Bytes that are equal exactly if DynamoDB considers two items equal."""
    return repr(_members(item)).encode("utf-8", "surrogatepass")


def digest(value: object) -> bytes:
    """A hash of the ``repr`` of a value."""
    return hashlib.blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _members(members: Item) -> list[tuple[str, Any]]:
    return sorted((name, _canonical(value)) for name, value in members.items())


def _canonical(value: Item) -> tuple[str, Any]:
    ((type, content),) = value.items()
    if type == "N":
        content = plain_number(content)
    elif type == "L":
        content = [_canonical(element) for element in content]
    elif type == "M":
        content = _members(content)
    elif type == "NS":
        content = sorted(map(plain_number, content))
    elif type in ("SS", "BS"):
        content = sorted(content)
    return type, content


class ValueProblem(NamedTuple):
    """A value that DynamoDB would reject: the kind of the finding, the column or attribute, and the details."""

    kind: str
    where: str
    detail: str


class _Attribute(NamedTuple):
    """The attribute that a column becomes; ``overhead`` is the size of its name in bytes."""

    column: str
    name: str
    overhead: int
    convert: Callable[[Scalar], Item] | None


class Encoder:
    """Converts rows to items. ``attributes`` are the attribute names, without those of skipped columns.

    A row has the types of ``source.rows``: a bytearray is TEXT in UTF-8, bytes are a BLOB. Raises MigrationError for a
    mapping that does not fit the columns or the table.
    """

    def __init__(self, columns: Sequence[str], mapping: Columns, table: TargetTable) -> None:
        _check_mapping(columns, mapping)
        renamed, forms = dict(mapping.renamed), dict(mapping.forms)
        self._attributes: list[_Attribute | None] = []
        for column in columns:
            name = renamed.get(column, column)
            attribute = _Attribute(column, name, len(name.encode()), CONVERSIONS.get(forms.get(column, "")))
            self._attributes.append(None if column in mapping.skipped else attribute)
        self.attributes = [attribute.name for attribute in self._attributes if attribute]
        _check_attributes(self.attributes, columns, table)
        self._keys = table.keys
        longest = zip(table.keys, (HASH_BYTES, RANGE_BYTES), strict=False)
        self._longest = dict.fromkeys(table.indexed, HASH_BYTES) | dict(longest)

    def __call__(self, row: Iterable[Any]) -> tuple[Item, int, list[ValueProblem]]:
        """Return the item of a row, its size in bytes (numbers at their largest possible size), and its problems."""
        item: Item = {}
        size = 0
        problems: list[ValueProblem] = []
        for attribute, value in zip(self._attributes, row, strict=True):
            if value is None or attribute is None:
                continue
            type_of = type(value)
            try:
                if attribute.convert is not None:
                    made = _converted(attribute.convert, value)
                    added = value_size(made)
                elif type_of is bytearray:
                    made, added = {"S": value.decode()}, len(value)
                elif type_of is bytes:
                    made, added = {"B": value}, len(value)
                else:
                    text = str(value) if type_of is int else real(value)
                    made, added = {"N": text}, len(text) // 2 + 2
                item[attribute.name] = made
                size += attribute.overhead + added
            except BadValue as error:
                problems.append(ValueProblem(error.kind, attribute.column, error.detail))
            except UnicodeDecodeError as error:
                detail = f"byte {error.start} of {len(value)}"
                problems.append(ValueProblem("text that is not UTF-8", attribute.column, detail))
        if size > LARGEST_ITEM and not problems and (exact := item_size(item)) > LARGEST_ITEM:
            problems.append(ValueProblem("item over 400 KB", "the row", f"{exact:,} bytes"))
        self._check_keys(item, problems)
        return item, size, problems

    def _check_keys(self, item: Item, problems: list[ValueProblem]) -> None:
        if not problems:
            for name, _ in self._keys:
                if name not in item:
                    problems.append(ValueProblem("key without a value", name, "NULL"))
        for (name, type), longest in self._longest.items():
            if name in item:
                _check_key(name, type, item[name], longest, problems)

    def key_of(self, item: Item) -> Item:
        """The key attributes of an item."""
        return {name: item[name] for name, _ in self._keys}


def key_text(key: Item) -> str:
    """Format a key for people, with the same text for equal keys."""
    return ", ".join(
        f"{name}={plain_number(content) if type == 'N' else repr(content)}"
        for name, value in key.items()
        for type, content in value.items()
    )


def _converted(convert: Callable[[Scalar], Item], value: Any) -> Item:
    if type(value) is bytes:
        raise BadValue("not text", f"a BLOB of {len(value)} bytes")
    return convert(value.decode() if type(value) is bytearray else value)


def _check_key(name: str, expected: str, value: Item, longest: int, problems: list[ValueProblem]) -> None:
    ((type, content),) = value.items()
    if type != expected:
        problems.append(ValueProblem("key of another type", name, f"{type}; the table requires {expected}"))
    elif type != "N" and not content:
        problems.append(ValueProblem("empty key", name, "DynamoDB does not accept an empty value in a key"))
    elif type != "N" and (size := value_size(value)) > longest:
        problems.append(ValueProblem("key too long", name, f"{size:,} bytes; the maximum is {longest:,}"))


def _check_mapping(columns: Sequence[str], mapping: Columns) -> None:
    named = [(column, "--map") for column, _ in mapping.renamed] + [(column, "--as") for column, _ in mapping.forms]
    for column, option in (*named, *((column, "--skip") for column in mapping.skipped)):
        if column not in columns:
            raise MigrationError(
                f"{option}: the column {column!r} does not exist", f"the columns are {', '.join(columns)}"
            )
    for column, form in mapping.forms:
        if form not in FORMS:
            raise MigrationError(f"--as: {column!r} cannot become {form!r}", f"the forms are {', '.join(FORMS)}")


def _check_attributes(attributes: list[str], columns: Sequence[str], table: TargetTable) -> None:
    for name in attributes:
        if attributes.count(name) > 1:
            raise MigrationError(
                f"two columns would become the attribute {name!r}", "map one of them to another name, or skip it"
            )
        if not 0 < len(name.encode()) <= _LONGEST_NAME:
            raise MigrationError(
                f"{name[:40]!r} is not a valid attribute name",
                "a name has 1 to 65,535 bytes; use --map COLUMN=ATTRIBUTE",
            )
    for name, _ in table.keys:
        if name not in attributes:
            raise MigrationError(
                f"no column becomes the key {name!r} of {table.name}",
                f"use --map COLUMN={name}; the columns are {', '.join(columns)}",
            )
