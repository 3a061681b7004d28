"""Single values of DynamoDB: what is refused in them, how many bytes they count for, and how keys are ordered.

Nothing is shared with what ``migrate-data`` checks beforehand: the one is to find out the other's mistakes.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from fsdcf.sandbox.world import Refusal

Item = dict[str, Any]

DIGITS, LARGEST, SMALLEST = 38, 125, -130
"""Digits of a number at most, and the exponents that its first one may have.

Source of these and of ``DEEPEST``: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

DEEPEST = 32
INVALID = "One or more parameter values were invalid: "
_SETS = {"SS": ("string", "S"), "NS": ("number", "N"), "BS": ("binary", "B")}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def refused(words: str) -> Refusal:
    """What DynamoDB answers to parameters that are wrong."""
    return Refusal("ValidationException", words)


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
    if value.adjusted() > LARGEST:
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
