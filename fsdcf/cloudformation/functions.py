"""CloudFormation's functions that need no names: texts joined and split, items picked, blocks of addresses. Pure."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import Any

from fsdcf.cloudformation.unknown import Partial, Unknown, concatenated, is_known

Done = Callable[[Any], Any]
"""Applies the functions within an argument."""

_JOIN = (
    "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined "
    "or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
)
_SPLIT = (
    "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a "
    "function that returns a string to be split."
)
_SELECT = "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"


class EvaluationError(ValueError):
    """A function that cannot be applied: a malformed argument, or a name that nothing has. The text is CloudFormation's."""


class _NoValue:
    """The value that removes the property which holds it."""

    def __repr__(self) -> str:
        return "NO_VALUE"


NO_VALUE = _NoValue()
"""What ``AWS::NoValue`` comes to where nothing holds it."""


def scalar(value: Any) -> str:
    """A scalar as the text that CloudFormation makes of it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def unsure(value: Any) -> bool:
    """Whether a value is not known, or only in part."""
    return isinstance(value, Unknown | Partial)


def two(argument: Any, complaint: str) -> tuple[Any, Any]:
    """A list of two as its items. Raises EvaluationError with the complaint."""
    if not isinstance(argument, list) or len(argument) != 2:
        raise EvaluationError(complaint)
    return argument[0], argument[1]


def piece(value: Any, complaint: str) -> Any:
    """A value as a part of a text; a list stands with commas between its items. Raises EvaluationError with the complaint."""
    if unsure(value):
        return value
    if isinstance(value, list):
        return concatenated([part for one in value for part in (",", piece(one, complaint))][1:])
    if value is NO_VALUE or isinstance(value, Mapping):
        raise EvaluationError(complaint)
    return scalar(value)


def _join(argument: Any, done: Done) -> Any:
    delimiter, written = two(argument, _JOIN)
    items = done(written)
    if not isinstance(delimiter, str):
        raise EvaluationError(_JOIN)
    if unsure(items):
        return Partial((delimiter, items), "Fn::Join")
    if not isinstance(items, list):
        raise EvaluationError(_JOIN)
    return concatenated([part for one in items for part in (delimiter, piece(one, _JOIN))][1:])


def _select(argument: Any, done: Done) -> Any:
    index, items = (done(one) for one in two(argument, _SELECT))
    if unsure(items) or unsure(index):
        return Partial((index, items), "Fn::Select")
    if not isinstance(items, list) or not scalar(index).isdecimal():
        raise EvaluationError(_SELECT)
    place = int(scalar(index))
    if place >= len(items):
        raise EvaluationError(f"Template error: Fn::Select cannot select nonexistent value at index {place}")
    return items[place]


def _split(argument: Any, done: Done) -> Any:
    delimiter, written = two(argument, _SPLIT)
    if not isinstance(delimiter, str) or not delimiter:
        raise EvaluationError(_SPLIT)
    text = piece(done(written), _SPLIT)
    return Partial((delimiter, text), "Fn::Split") if unsure(text) else text.split(delimiter)


def _base64(argument: Any, done: Done) -> Any:
    text = piece(done(argument), "Template error: every Fn::Base64 object must have a String-typed value.")
    return Partial((text,), "Fn::Base64") if unsure(text) else base64.b64encode(text.encode()).decode("ascii")


def _cidr(argument: Any, done: Done) -> Any:
    if not isinstance(argument, list) or len(argument) not in (2, 3):
        raise EvaluationError("Template error: every Fn::Cidr object requires two or three parameters")
    parts = [done(one) for one in argument]
    if not is_known(parts):
        return Partial(tuple(parts), "Fn::Cidr")
    try:
        block = ipaddress.ip_network(scalar(parts[0]), strict=False)
        count, bits = int(parts[1]), int(parts[2]) if len(parts) == 3 else 8
        length = block.max_prefixlen - bits
        if not 1 <= count <= 256 or length < block.prefixlen or count > 1 << (length - block.prefixlen):
            raise ValueError(f"{count} blocks of {bits} bits do not fit into {block}")
    except (TypeError, ValueError) as error:
        raise EvaluationError(f"Template error: Fn::Cidr: {error}") from None
    first = int(block.network_address)
    return [f"{type(block.network_address)(first + (index << bits))}/{length}" for index in range(count)]


def _length(argument: Any, done: Done) -> Any:
    items = done(argument)
    if unsure(items):
        return Partial((items,), "Fn::Length")
    if not isinstance(items, list):
        raise EvaluationError("Template error: Fn::Length expects a list")
    return len(items)


def _to_json(argument: Any, done: Done) -> Any:
    value = done(argument)
    if not is_known(value):
        return Partial((value,), "Fn::ToJsonString")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


PLAIN: Mapping[str, Callable[[Any, Done], Any]] = {
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::Join": _join,
    "Fn::Length": _length,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::ToJsonString": _to_json,
}
"""Each function, given its argument as it is written and what applies the functions within it. They raise EvaluationError."""
