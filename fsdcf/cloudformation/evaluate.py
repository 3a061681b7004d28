"""CloudFormation's functions applied: a template's value as CloudFormation would hand it to a resource."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fsdcf.cloudformation.intrinsics import VARIABLE, function_of, split_attribute, sub_parts
from fsdcf.cloudformation.unknown import Partial, Unknown, concatenated, frozen, is_known

__all__ = ["NO_VALUE", "EvaluationError", "Partial", "Scope", "Unknown", "evaluate", "scalar"]


class EvaluationError(ValueError):
    """A function that cannot be applied: a malformed argument, or a name that nothing has. The text is CloudFormation's."""


class _NoValue:
    """The value that removes the property which holds it."""

    def __repr__(self) -> str:
        return "NO_VALUE"


NO_VALUE = _NoValue()


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
            apply = _FUNCTIONS.get(function)
            if apply is None:
                raise EvaluationError(f"Template error: {function} is not a function")
            return apply(value[function], scope)
        out = {}
        for key, child in value.items():
            done = evaluate(child, scope)
            if done is not NO_VALUE:
                out[key] = done
        return out
    if isinstance(value, list):
        items = [evaluate(child, scope) for child in value]
        return [item for item in items if item is not NO_VALUE]
    return value


def scalar(value: Any) -> str:
    """A scalar as the text that CloudFormation makes of it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _ref(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, str):
        raise EvaluationError("Template error: every Ref object must have a single String value.")
    if argument == "AWS::NoValue":
        return NO_VALUE
    if argument in scope.parameters:
        return scope.parameters[argument]
    if argument in scope.pseudo:
        return scope.pseudo[argument]
    return scope.resource(argument, None)


def _get_att(argument: Any, scope: Scope) -> Any:
    if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str):
        attribute = evaluate(argument[1], scope)
        if isinstance(attribute, str):
            return scope.resource(argument[0], attribute)
    named = split_attribute(argument)
    if named is None:
        raise EvaluationError("Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute")
    return scope.resource(*named)


def _sub(argument: Any, scope: Scope) -> Any:
    parts = sub_parts(argument)
    if parts is None:
        raise EvaluationError("Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string")
    text, variables = parts
    given = {name: evaluate(value, scope) for name, value in variables.items()}
    out: list[Any] = []
    end = 0
    for found in VARIABLE.finditer(text):
        out.append(text[end : found.start()])
        end = found.end()
        if found[1]:
            out.append("${" + found[2] + "}")
            continue
        if found[2] in given:
            value = given[found[2]]
        else:
            target, dot, attribute = found[2].partition(".")
            value = scope.resource(target, attribute) if dot else _ref(target, scope)
        out.append(_piece(value, "Fn::Sub"))
    out.append(text[end:])
    return concatenated(out)


def _piece(value: Any, function: str) -> Any:
    """A value as a part of a text."""
    if isinstance(value, Unknown | Partial):
        return value
    if isinstance(value, list) and all(not isinstance(one, list | Mapping) for one in value):
        return concatenated([piece for one in value for piece in (",", _piece(one, function))][1:])
    if value is NO_VALUE or isinstance(value, list | Mapping):
        raise EvaluationError(f"Template error: every {function} object must be made of strings")
    return scalar(value)


def _join(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 2 or not isinstance(argument[0], str):
        raise EvaluationError("Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.")
    items = evaluate(argument[1], scope)
    if isinstance(items, Unknown | Partial):
        return Partial((argument[0], items), "Fn::Join")
    if not isinstance(items, list):
        raise EvaluationError("Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.")
    return concatenated([piece for one in items for piece in (argument[0], _piece(one, "Fn::Join"))][1:])


def _select(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 2:
        raise EvaluationError("Template error: Fn::Select requires a list argument with two elements: an integer index and a list")
    index, items = evaluate(argument[0], scope), evaluate(argument[1], scope)
    if isinstance(items, Unknown | Partial) or isinstance(index, Unknown | Partial):
        return Partial((scalar(index) if not isinstance(index, Unknown | Partial) else index, frozen(items)), "Fn::Select")
    try:
        place = int(index)
    except (TypeError, ValueError):
        raise EvaluationError("Template error: Fn::Select requires a list argument with two elements: an integer index and a list") from None
    if not isinstance(items, list):
        raise EvaluationError("Template error: Fn::Select requires a list argument with two elements: an integer index and a list")
    if not 0 <= place < len(items):
        raise EvaluationError(f"Template error: Fn::Select cannot select nonexistent value at index {place}")
    return items[place]


def _split(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 2 or not isinstance(argument[0], str) or not argument[0]:
        raise EvaluationError("Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.")
    text = evaluate(argument[1], scope)
    if isinstance(text, Unknown | Partial):
        return Partial((argument[0], text), "Fn::Split")
    return _piece(text, "Fn::Split").split(argument[0])


def _if(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 3 or not isinstance(argument[0], str):
        raise EvaluationError("Template error: Fn::If requires a list argument with three elements")
    if argument[0] not in scope.conditions:
        raise EvaluationError(f"Template error: unresolved condition dependency {argument[0]} in Fn::If")
    return evaluate(argument[1 if scope.conditions[argument[0]] else 2], scope)


def _condition(argument: Any, scope: Scope) -> Any:
    if argument not in scope.conditions:
        raise EvaluationError(f"Template error: unresolved condition dependency {argument}")
    return scope.conditions[argument]


def _truths(argument: Any, scope: Scope, function: str, least: int, most: int) -> list[bool]:
    if not isinstance(argument, list) or not least <= len(argument) <= most:
        count = "one element" if most == 1 else f"{least} to {most} elements"
        raise EvaluationError(f"Template error: every {function} object requires a list of {count}")
    return [truth(one, scope) for one in argument]


def truth(value: Any, scope: Scope) -> bool:
    """A condition's value: Fn::Equals, Fn::And, Fn::Or, Fn::Not or ``Condition``."""
    if isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get("Condition"), str):
        return bool(_condition(value["Condition"], scope))
    done = evaluate(value, scope)
    if isinstance(done, bool):
        return done
    if isinstance(done, str) and done.lower() in ("true", "false"):
        return done.lower() == "true"
    raise EvaluationError("Template format error: Conditions can only be boolean operations on parameters and other conditions")


def _equals(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 2:
        raise EvaluationError("Template error: every Fn::Equals object requires a list of 2 string parameters")
    left, right = (evaluate(one, scope) for one in argument)
    if isinstance(left, list | Mapping) or isinstance(right, list | Mapping):
        return bool(left == right)
    if not (is_known(left) and is_known(right)):
        raise EvaluationError("Template error: Fn::Equals cannot be partially collapsed")
    return scalar(left) == scalar(right)


def _and(argument: Any, scope: Scope) -> Any:
    return all(_truths(argument, scope, "Fn::And", 2, 10))


def _or(argument: Any, scope: Scope) -> Any:
    return any(_truths(argument, scope, "Fn::Or", 2, 10))


def _not(argument: Any, scope: Scope) -> Any:
    return not _truths(argument, scope, "Fn::Not", 1, 1)[0]


def _find_in_map(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) not in (3, 4):
        raise EvaluationError("Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value")
    name, first, second = (evaluate(one, scope) for one in argument[:3])
    table: Any = scope.mappings
    for key in (name, first, second):
        if not isinstance(table, Mapping) or not isinstance(key, str | int) or scalar(key) not in table:
            if len(argument) == 4 and isinstance(argument[3], Mapping) and "DefaultValue" in argument[3]:
                return evaluate(argument[3]["DefaultValue"], scope)
            raise EvaluationError(f"Template error: Unable to get mapping for {name}::{first}::{second}")
        table = table[scalar(key)]
    return table


def _base64(argument: Any, scope: Scope) -> Any:
    text = evaluate(argument, scope)
    if isinstance(text, Unknown | Partial):
        return Partial((text,), "Fn::Base64")
    return base64.b64encode(_piece(text, "Fn::Base64").encode()).decode("ascii")


def _cidr(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) not in (2, 3):
        raise EvaluationError("Template error: every Fn::Cidr object requires two or three parameters")
    parts = [evaluate(one, scope) for one in argument]
    if not is_known(parts):
        return Partial(tuple(frozen(part) for part in parts), "Fn::Cidr")
    try:
        block = ipaddress.ip_network(scalar(parts[0]), strict=False)
        bits = int(parts[2]) if len(parts) == 3 else (8 if block.version == 4 else 64)
        count = int(parts[1])
        length = block.max_prefixlen - bits
        if not 1 <= count <= 256 or length < block.prefixlen or count > 1 << (length - block.prefixlen):
            raise ValueError(f"{count} blocks of {bits} bits do not fit")
        step = 1 << bits
        first = int(block.network_address)
        return [f"{type(block.network_address)(first + step * index)}/{length}" for index in range(count)]
    except (TypeError, ValueError) as error:
        raise EvaluationError(f"Template error: Fn::Cidr: {error}") from None


ZONES = ("a", "b", "c", "d", "e", "f")


def _get_azs(argument: Any, scope: Scope) -> Any:
    region = evaluate(argument, scope)
    region = scalar(region) or scope.pseudo.get("AWS::Region", "us-east-1")
    return [f"{region}{letter}" for letter in ZONES]


def _import_value(argument: Any, scope: Scope) -> Any:
    name = evaluate(argument, scope)
    if not isinstance(name, str):
        raise EvaluationError("Template error: the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs")
    return scope.imports(name)


def _length(argument: Any, scope: Scope) -> Any:
    items = evaluate(argument, scope)
    if isinstance(items, Unknown | Partial):
        return Partial((items,), "Fn::Length")
    if not isinstance(items, list):
        raise EvaluationError("Template error: Fn::Length expects a list")
    return len(items)


def _to_json(argument: Any, scope: Scope) -> Any:
    value = evaluate(argument, scope)
    if not is_known(value):
        return Partial((frozen(value),), "Fn::ToJsonString")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


_FUNCTIONS: Mapping[str, Callable[[Any, Scope], Any]] = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::If": _if,
    "Fn::Equals": _equals,
    "Fn::And": _and,
    "Fn::Or": _or,
    "Fn::Not": _not,
    "Fn::FindInMap": _find_in_map,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::GetAZs": _get_azs,
    "Fn::ImportValue": _import_value,
    "Fn::Length": _length,
    "Fn::ToJsonString": _to_json,
}

FUNCTIONS: Sequence[str] = tuple(_FUNCTIONS)
"""Every function that ``evaluate`` applies."""
