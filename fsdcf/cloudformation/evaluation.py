"""CloudFormation's functions applied: a template's value as CloudFormation would hand it to a resource."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fsdcf.cloudformation.references import VARIABLE, VARIABLE_NAME, function_of, split_attribute, sub_parts
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


__all__ = ["FUNCTIONS", "NO_VALUE", "EvaluationError", "Partial", "Scope", "Unknown", "evaluate", "scalar", "truth"]

Function = Callable[[Any, "Scope"], Any]

_SUB = (
    "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, "
    "and an optional second argument to specify a mapping of values to replace in the string"
)
_SUB_NAME = "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons"
_GET_ATT = "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
_FIND_IN_MAP = "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"
_CONDITION = "Template format error: Conditions can only be boolean operations on parameters and other conditions"

ZONES: Mapping[str, str] = {"us-east-1": "abcdef"}
"""The letters of a region's availability zones where they are not ``abc``, for Fn::GetAZs without an account at hand."""


def _not_known(target: str, attribute: str | None) -> Any:
    return Unknown(target, attribute)


def _not_exported(name: str) -> Any:
    raise EvaluationError(f"No export named {name} found.")


@dataclass(frozen=True)
class Scope:
    """What names mean. ``parameters`` and ``pseudo`` hold values (lists for list types), ``conditions`` truths.

    ``resource`` tells the physical id (attribute None) or an attribute of a resource; Unknown where that is not known yet.
    ``imports`` tells the value of an export.
    """

    parameters: Mapping[str, Any]
    pseudo: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)
    resource: Callable[[str, str | None], Any] = _not_known
    imports: Callable[[str], Any] = _not_exported


def evaluate(value: Any, scope: Scope) -> Any:
    """A value with every function applied, to plain data.

    ``AWS::NoValue`` drops the key or item that holds it; as the whole value it is NO_VALUE. A text with an unknown part is a
    Partial; a function over an unknown argument is a Partial that names the function. Raises EvaluationError.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    """
    if isinstance(value, Mapping):
        function = function_of(value)
        if function is not None:
            apply = FUNCTIONS.get(function)
            if apply is None:
                raise EvaluationError(f"Template error: {function} is not a function that can be applied here")
            return apply(value[function], scope)
        pairs = [(key, evaluate(child, scope)) for key, child in value.items()]
        return {key: child for key, child in pairs if child is not NO_VALUE}
    if isinstance(value, list | tuple):
        items = [evaluate(child, scope) for child in value]
        return [item for item in items if item is not NO_VALUE]
    return value


def truth(value: Any, scope: Scope) -> bool:
    """A condition's value: Fn::Equals, Fn::And, Fn::Or, Fn::Not or ``Condition``. Raises EvaluationError."""
    if isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get("Condition"), str):
        name = value["Condition"]
        if name not in scope.conditions:
            raise EvaluationError(f"Template error: unresolved condition dependency {name}")
        return scope.conditions[name]
    done = evaluate(value, scope)
    if isinstance(done, bool):
        return done
    raise EvaluationError(_CONDITION)


def _ref(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, str):
        raise EvaluationError("Template error: every Ref object must have a single String value.")
    if argument == "AWS::NoValue":
        return NO_VALUE
    for named in (scope.parameters, scope.pseudo):
        if argument in named:
            return named[argument]
    return scope.resource(argument, None)


def _get_att(argument: Any, scope: Scope) -> Any:
    if isinstance(argument, list) and len(argument) == 2 and not isinstance(argument[1], str):
        argument = [argument[0], evaluate(argument[1], scope)]
    named = split_attribute(argument)
    if named is None:
        raise EvaluationError(_GET_ATT)
    return scope.resource(*named)


def _sub(argument: Any, scope: Scope) -> Any:
    parts = sub_parts(argument)
    if parts is None:
        raise EvaluationError(_SUB)
    text, variables = parts
    given = {name: evaluate(value, scope) for name, value in variables.items()}
    out: list[Any] = []
    end = 0
    for found in VARIABLE.finditer(text):
        out += [text[end : found.start()], _variable(found[1], found[2], given, scope)]
        end = found.end()
    return concatenated([*out, text[end:]])


def _variable(literal: str, name: str, given: Mapping[str, Any], scope: Scope) -> Any:
    if literal:
        return "${" + name + "}"
    if name in given:
        return piece(given[name], _SUB)
    if not VARIABLE_NAME.fullmatch(name):
        raise EvaluationError(_SUB_NAME)
    target, dot, attribute = name.partition(".")
    return piece(scope.resource(target, attribute) if dot else _ref(target, scope), _SUB)


def _if(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 3 or not isinstance(argument[0], str):
        raise EvaluationError("Template error: Fn::If requires a list argument with three elements")
    name = argument[0]
    if name not in scope.conditions:
        raise EvaluationError(f"Template error: unresolved condition dependency {name} in Fn::If")
    return evaluate(argument[1 if scope.conditions[name] else 2], scope)


def _truths(argument: Any, scope: Scope, function: str, least: int, most: int) -> list[bool]:
    if not isinstance(argument, list) or not least <= len(argument) <= most:
        count = "one boolean parameter" if most == 1 else "at least 2 and at most 10 boolean parameters"
        raise EvaluationError(f"Template error: every {function} object requires a list of {count}.")
    return [truth(one, scope) for one in argument]


def _equals(argument: Any, scope: Scope) -> Any:
    left, right = (
        evaluate(one, scope)
        for one in two(argument, "Template error: every Fn::Equals object requires a list of 2 string parameters.")
    )
    if not (is_known(left) and is_known(right)):
        raise EvaluationError(_CONDITION)
    if isinstance(left, list | Mapping) or isinstance(right, list | Mapping):
        return bool(left == right)
    return scalar(left) == scalar(right)


def _find_in_map(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) not in (3, 4):
        raise EvaluationError(_FIND_IN_MAP)
    keys = [evaluate(one, scope) for one in argument[:3]]
    found: Any = scope.mappings
    for key in keys:
        if isinstance(key, list | Mapping) or unsure(key):
            raise EvaluationError(_FIND_IN_MAP)
        if not isinstance(found, Mapping) or scalar(key) not in found:
            return _otherwise(argument[3:], keys, scope)
        found = found[scalar(key)]
    return found


def _otherwise(options: Sequence[Any], keys: Sequence[Any], scope: Scope) -> Any:
    if options and isinstance(options[0], Mapping) and "DefaultValue" in options[0]:
        return evaluate(options[0]["DefaultValue"], scope)
    raise EvaluationError(f"Template error: Unable to get mapping for {'::'.join(map(scalar, keys))}")


def _get_azs(argument: Any, scope: Scope) -> Any:
    region = evaluate(argument, scope)
    if unsure(region):
        return Partial((region,), "Fn::GetAZs")
    name = (scalar(region) if isinstance(region, str) else "") or scope.pseudo.get("AWS::Region", "us-east-1")
    return [f"{name}{letter}" for letter in ZONES.get(name, "abc")]


def _import_value(argument: Any, scope: Scope) -> Any:
    name = evaluate(argument, scope)
    if not isinstance(name, str):
        raise EvaluationError(
            "Template error: the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs"
        )
    return scope.imports(name)


def _plain(apply: Callable[[Any, Done], Any]) -> Function:
    return lambda argument, scope: apply(argument, lambda value: evaluate(value, scope))


FUNCTIONS: Mapping[str, Function] = {
    **{name: _plain(apply) for name, apply in PLAIN.items()},
    "Ref": _ref,
    "Fn::And": lambda argument, scope: all(_truths(argument, scope, "Fn::And", 2, 10)),
    "Fn::Equals": _equals,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Not": lambda argument, scope: not _truths(argument, scope, "Fn::Not", 1, 1)[0],
    "Fn::Or": lambda argument, scope: any(_truths(argument, scope, "Fn::Or", 2, 10)),
    "Fn::Sub": _sub,
}
"""Every function that ``evaluate`` applies."""
