"""Single values: exact numbers, documents and dates in DynamoDB's types, their sizes, and one form to compare them in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Context, Decimal, DecimalException
from typing import Any

from fsdcf.storage.migration.model import Item

DIGITS = 38
SMALLEST, BEYOND = 1e-130, 1e126
"""A number has 38 digits at most and lies in 1E-130 to 9.99E+125, or is zero.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

DEEPEST = 32
"""How deep documents nest at most."""

LARGEST_ITEM = 400 * 1024
"""Bytes of an item, names of attributes among them."""

_WIDE = Context(prec=60)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,9})?")
_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class BadValue(Exception):
    """A value that has no place in DynamoDB: the kind of the finding, and what exactly."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def real(value: float) -> str:
    """A REAL as the shortest decimal that reads back as the same REAL: no noise of the binary form."""
    if value - value != 0.0:
        raise BadValue("not finite", str(value))
    size = abs(value)
    if size == 0.0:
        return "0"
    if not SMALLEST <= size < BEYOND:
        raise BadValue("number out of range", repr(value))
    return str(int(value)) if size < 1e15 and value.is_integer() else repr(value)


def number(text: str) -> str:
    """A decimal number in digits, exactly. What is NaN or no number, too long or too large, is a BadValue."""
    short = text if len(text) <= 60 else f"{text[:57]}..."
    if text.lstrip("+-").lower() in ("nan", "inf", "infinity"):
        raise BadValue("not finite", short)
    if not _NUMBER.fullmatch(text):
        raise BadValue("no number", repr(short))
    try:
        value = Decimal(text)
    except DecimalException:
        raise BadValue("number out of range", short) from None
    if not value:
        return "0"
    digits = "".join(map(str, value.as_tuple().digits)).strip("0")
    if len(digits) > DIGITS:
        raise BadValue("more than 38 digits", short)
    if not -130 <= value.adjusted() <= 125:
        raise BadValue("number out of range", short)
    return _plain_number(value)


def document(text: str) -> Item:
    """JSON text as a document. Its numbers are exact; a name that stands twice, NaN and deep nesting are BadValues."""

    def refuse(word: str) -> Any:
        raise BadValue("not finite", f"{word} in JSON")

    try:
        parsed = json.loads(
            text, parse_float=_Digits, parse_int=_Digits, parse_constant=refuse, object_pairs_hook=_pairs
        )
        return _document(parsed, 1)
    except RecursionError:
        raise BadValue("nested too deep", f"more than {DEEPEST} levels") from None
    except ValueError as error:
        raise BadValue("no JSON", str(error)) from None


class _Digits(str):
    """A number of JSON, as written."""

    __slots__ = ()


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadValue("no JSON", "a name stands twice in an object")
    return found


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
        return {"L": [_document(one, depth + 1) for one in value]}
    for name in value:
        _document(name, depth + 1)
    return {"M": {name: _document(one, depth + 1) for name, one in value.items()}}


def moment(value: int | float | str) -> datetime:
    """A date: text as SQLite and ISO 8601 write it, in UTC where no zone is named; or seconds since 1970."""
    if not isinstance(value, str):
        try:
            return _EPOCH + timedelta(microseconds=int(Decimal(repr(value)).scaleb(6, _WIDE).to_integral_value()))
        except (OverflowError, DecimalException, ValueError):
            raise BadValue("no date", repr(value)) from None
    found = _DATE.fullmatch(value.strip())
    if not found:
        raise BadValue("no date", repr(value[:40]))
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        local = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=timezone.utc
        )
        local += timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0")))
        return local - _offset(zone or "Z")
    except (ValueError, OverflowError):
        raise BadValue("no date", repr(value[:40])) from None


def _offset(zone: str) -> timedelta:
    if zone in "Zz":
        return timedelta()
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return timedelta(minutes=-minutes if zone[0] == "-" else minutes)


def iso(value: int | float | str) -> Item:
    """A date as text, in UTC: 2026-01-31T12:00:00Z, with a fraction where there is one. It sorts by time."""
    at = moment(value)
    return {"S": at.isoformat().replace("+00:00", "Z")}


def epoch(value: int | float | str) -> Item:
    """A date as whole seconds since 1970, the form that time to live wants. A fraction is cut off, towards the past."""
    return {"N": str((moment(value) - _EPOCH) // timedelta(seconds=1))}


def as_number(value: int | float | str) -> Item:
    """A number, from text too."""
    if isinstance(value, str):
        return {"N": number(value.strip())}
    return {"N": str(value) if isinstance(value, int) else real(value)}


def as_text(value: int | float | str) -> Item:
    """Text, from a number too."""
    if isinstance(value, str):
        return {"S": value}
    return {"S": str(value) if isinstance(value, int) else real(value)}


def as_document(value: int | float | str) -> Item:
    """A document from JSON text; a bare number is one already."""
    return document(value) if isinstance(value, str) else as_number(value)


CONVERSIONS: dict[str, Callable[[int | float | str], Item]] = {
    "json": as_document,
    "number": as_number,
    "text": as_text,
    "iso": iso,
    "epoch": epoch,
}


def item_size(item: Item) -> int:
    """Bytes that DynamoDB counts for an item: names in UTF-8 and values.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(value: Item) -> int:
    """Bytes that DynamoDB counts for one value."""
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "B":
        return len(content)
    if kind == "N":
        return _number_size(content)
    if kind == "L":
        return 3 + sum(1 + value_size(one) for one in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + value_size(one) for name, one in content.items())
    return 1


def _number_size(text: str) -> int:
    """A byte for two digits as they stand around the point, one more for the whole, one for a sign; zeros at either end are not kept."""
    value = Decimal(text)
    if not value:
        return 1
    digits = len("".join(map(str, value.as_tuple().digits)).strip("0"))
    astride = digits % 2 == 0 and value.adjusted() % 2 == 0
    return 1 + (digits + 1) // 2 + astride + (value < 0)


def plain_number(text: str) -> str:
    """A number in the one way of writing it that all equal numbers share: 1.50, 1.5 and 15E-1 are 1.5."""
    if text.isdigit() and text[0] != "0":
        return text
    return _plain_number(Decimal(text))


def _plain_number(value: Decimal) -> str:
    return format(value.normalize(_WIDE), "f") if value else "0"


def canonical(item: Item) -> bytes:
    """An item in bytes that are equal exactly where DynamoDB takes two items to be equal."""
    return repr(sorted((name, _canonical(value)) for name, value in item.items())).encode("utf-8", "surrogatepass")


def _canonical(value: Item) -> tuple[str, Any]:
    ((kind, content),) = value.items()
    if kind == "N":
        return kind, plain_number(content)
    if kind == "L":
        return kind, [_canonical(one) for one in content]
    if kind == "M":
        return kind, sorted((name, _canonical(one)) for name, one in content.items())
    if kind in ("SS", "NS", "BS"):
        return kind, sorted(plain_number(one) if kind == "NS" else one for one in content)
    return kind, content
