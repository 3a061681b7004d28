"""Evaluation of templates: intrinsic functions applied, conditions decided, and values that are not known before a
deploy."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from fsdcf.cloudformation.parameters import stand_in, typed
from fsdcf.cloudformation.references import (
    VARIABLE_NAME,
    conditions_used,
    function_of,
    section_of,
    split_attribute,
    sub_parts,
    sub_variables,
)

_ONE_ARGUMENT = frozenset({"Ref", "Fn::Base64", "Fn::GetAZs", "Fn::ImportValue", "Fn::Length", "Fn::ToJsonString"})
"""Functions with one argument, which a template writes without a list around it."""


@dataclass(frozen=True)
class Unknown:
    """A physical ID (``attribute`` None) or an attribute of a resource that does not exist yet."""

    target: str
    attribute: str | None


@dataclass(frozen=True)
class Partial:
    """A value with an unknown part.

    Without ``function`` it is a text, ``parts`` in order; else ``parts`` are the arguments of the function, as far as
    they are evaluated.
    """

    parts: tuple[Any, ...]
    function: str | None = None


def unknowns(value: Any) -> Iterator[Unknown]:
    """Every unknown in an evaluated value, in order."""
    if isinstance(value, Unknown):
        yield value
    for child in _children(value):
        yield from unknowns(child)


def is_known(value: Any) -> bool:
    """Whether an evaluated value is plain data throughout."""
    return not is_unknown(value) and all(map(is_known, _children(value)))


def is_unknown(value: Any) -> bool:
    """Whether a value itself is unknown, or known only in part."""
    return isinstance(value, Unknown | Partial)


def _children(value: Any) -> Sequence[Any]:
    if isinstance(value, Mapping):
        return tuple(value.values())
    if isinstance(value, Partial):
        return value.parts
    return value if isinstance(value, list | tuple) else ()


def plain(value: Any, known: Mapping[Unknown, Any] | None = None) -> Any:
    """An evaluated value as plain data, with each unknown written as the function that gives it.

    ``known`` contains values of unknowns that are known after all, such as physical IDs.
    """
    if isinstance(value, Unknown):
        if known and value in known:
            return known[value]
        return {"Ref": value.target} if value.attribute is None else {"Fn::GetAtt": [value.target, value.attribute]}
    if isinstance(value, Partial):
        return _written([plain(part, known) for part in value.parts], value.function)
    if isinstance(value, Mapping):
        return {key: plain(child, known) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [plain(child, known) for child in value]
    return value


def _written(parts: list[Any], function: str | None) -> Any:
    if function is not None:
        return {function: parts[0] if function in _ONE_ARGUMENT else parts}
    if all(isinstance(part, str) for part in parts):
        return "".join(parts)
    return {"Fn::Join": ["", parts]}


def concatenated(parts: Sequence[Any]) -> Any:
    """Texts and unknown parts as one value: a text if all are known, else a Partial with adjacent texts joined."""
    flat: list[Any] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Partial) and part.function is None else (part,):
            if isinstance(piece, str) and flat and isinstance(flat[-1], str):
                flat[-1] += piece
            elif piece != "":
                flat.append(piece)
    if len(flat) > 1:
        return Partial(tuple(flat))
    return flat[0] if flat else ""


class EvaluationError(ValueError):
    """A function that cannot be applied: a malformed argument, or an undefined name. The text is CloudFormation's."""


class _NoValue:
    """The value that removes the property that has it."""

    def __repr__(self) -> str:
        return "NO_VALUE"


NO_VALUE = _NoValue()
"""The value of ``AWS::NoValue`` outside of a property or a list."""


def scalar(value: Any) -> str:
    """A scalar as the text that CloudFormation converts it to."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _two(argument: Any, message: str) -> tuple[Any, Any]:
    if not isinstance(argument, list) or len(argument) != 2:
        raise EvaluationError(message)
    return argument[0], argument[1]


def _text(value: Any, message: str) -> Any:
    """A value as a part of a text; a list becomes a comma-separated text. Raises EvaluationError with the message."""
    if is_unknown(value):
        return value
    if isinstance(value, list):
        return concatenated([part for item in value for part in (",", _text(item, message))][1:])
    if value is NO_VALUE or isinstance(value, Mapping):
        raise EvaluationError(message)
    return scalar(value)


_JOIN = (
    "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings "
    "to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
)
_SPLIT = (
    "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be "
    "split or a function that returns a string to be split."
)
_SELECT = "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"
_SUB = (
    "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as "
    "first argument, and an optional second argument to specify a mapping of values to replace in the string"
)
_SUB_NAME = (
    "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, "
    "and colons"
)
_GET_ATT = (
    "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource "
    "attribute"
)
_FIND_IN_MAP = (
    "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for "
    "return value"
)
_IMPORT_VALUE = (
    "Template error: the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs"
)
_CONDITION = "Template format error: Conditions can only be boolean operations on parameters and other conditions"


def _unknown_zones(region: str) -> list[str] | None:
    return None


def _not_exported(name: str) -> Any:
    raise EvaluationError(f"No export named {name} found.")


@dataclass(frozen=True)
class Scope:
    """The values of names in a template. ``parameters`` and ``pseudo`` are values (lists for list types).

    ``resource`` returns the physical ID (attribute None) or an attribute of a resource, Unknown if it is not known yet;
    ``imports`` returns the value of an export, and ``zones`` the Availability Zones of a region, None if they are not
    known: only the account knows them, and their order. ``symbols`` replace the pseudo parameters of these names
    in texts; what chooses or takes apart (a map's key, an index, Fn::Split) has their values.
    """

    parameters: Mapping[str, Any]
    pseudo: Mapping[str, Any] = field(default_factory=dict)
    symbols: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)
    resource: Callable[[str, str | None], Any] = Unknown
    imports: Callable[[str], Any] = _not_exported
    zones: Callable[[str], list[str] | None] = _unknown_zones

    @property
    def without_symbols(self) -> Scope:
        return replace(self, symbols={}) if self.symbols else self


def evaluate(value: Any, scope: Scope) -> Any:
    """A value with every function applied, as plain data.

    ``AWS::NoValue`` removes the key or item that has it; as the whole value it is NO_VALUE. A text with an unknown part
    is a Partial; a function with an unknown argument is a Partial with the function's name. Raises EvaluationError.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    """
    if value is None or isinstance(value, (str, int)):
        return value  # most values: the checks below are slower
    if isinstance(value, (dict, Mapping)):
        function = function_of(value)
        if function is not None:
            if function not in FUNCTIONS:
                raise EvaluationError(f"Template error: {function} is not a function that can be applied here")
            return FUNCTIONS[function](value[function], scope)
        pairs = [(key, evaluate(child, scope)) for key, child in value.items()]
        return {key: child for key, child in pairs if child is not NO_VALUE}
    if isinstance(value, list | tuple):
        return [item for item in (evaluate(child, scope) for child in value) if item is not NO_VALUE]
    return value


def truth(value: Any, scope: Scope) -> bool:
    """The value of a condition: Fn::Equals, Fn::And, Fn::Or, Fn::Not or ``Condition``. Raises EvaluationError."""
    if isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get("Condition"), str):
        name = value["Condition"]
        if name not in scope.conditions:
            raise EvaluationError(f"Template error: unresolved condition dependency {name}")
        return scope.conditions[name]
    result = evaluate(value, scope)
    if not isinstance(result, bool):
        raise EvaluationError(_CONDITION)
    return result


def _ref(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, str):
        raise EvaluationError("Template error: every Ref object must have a single String value.")
    if argument == "AWS::NoValue":
        return NO_VALUE
    for named in (scope.parameters, scope.symbols, scope.pseudo):
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
    for match in sub_variables(text):
        out += [text[end : match.start()], _variable(match[1], match[2], given, scope)]
        end = match.end()
    return concatenated([*out, text[end:]])


def _variable(literal: str, name: str, given: Mapping[str, Any], scope: Scope) -> Any:
    if literal:
        return "${" + name + "}"
    if name in given:
        return _text(given[name], _SUB)
    if not VARIABLE_NAME.fullmatch(name):
        raise EvaluationError(_SUB_NAME)
    if name == "AWS::NoValue":
        return ""
    target, dot, attribute = name.partition(".")
    return _text(scope.resource(target, attribute) if dot else _ref(target, scope), _SUB)


def _join(argument: Any, scope: Scope) -> Any:
    delimiter, written = _two(argument, _JOIN)
    items = evaluate(written, scope)
    if not isinstance(delimiter, str) or not (is_unknown(items) or isinstance(items, list)):
        raise EvaluationError(_JOIN)
    if is_unknown(items):
        return Partial((delimiter, items), "Fn::Join")
    return concatenated([part for item in items for part in (delimiter, _text(item, _JOIN))][1:])


def _select(argument: Any, scope: Scope) -> Any:
    chosen, written = _two(argument, _SELECT)
    index, items = evaluate(chosen, scope.without_symbols), evaluate(written, scope)
    if is_unknown(items) or is_unknown(index):
        return Partial((index, items), "Fn::Select")
    if not isinstance(items, list) or not scalar(index).isdecimal():
        raise EvaluationError(_SELECT)
    position = int(scalar(index))
    if position >= len(items):
        raise EvaluationError(f"Template error: Fn::Select cannot select nonexistent value at index {position}")
    return items[position]


def _split(argument: Any, scope: Scope) -> Any:
    delimiter, written = _two(argument, _SPLIT)
    if not isinstance(delimiter, str) or not delimiter:
        raise EvaluationError(_SPLIT)
    text = _text(evaluate(written, scope.without_symbols), _SPLIT)
    return Partial((delimiter, text), "Fn::Split") if is_unknown(text) else text.split(delimiter)


def _base64(argument: Any, scope: Scope) -> Any:
    message = "Template error: every Fn::Base64 object must have a String-typed value."
    text = _text(evaluate(argument, scope), message)
    return Partial((text,), "Fn::Base64") if is_unknown(text) else base64.b64encode(text.encode()).decode("ascii")


def _cidr(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) not in (2, 3):
        raise EvaluationError("Template error: every Fn::Cidr object requires two or three parameters")
    parts = [evaluate(part, scope.without_symbols) for part in argument]
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


def _length(argument: Any, scope: Scope) -> Any:
    items = evaluate(argument, scope)
    if is_unknown(items):
        return Partial((items,), "Fn::Length")
    if not isinstance(items, list):
        raise EvaluationError("Template error: Fn::Length expects a list")
    return len(items)


def _to_json(argument: Any, scope: Scope) -> Any:
    value = evaluate(argument, scope)
    if not is_known(value):
        return Partial((value,), "Fn::ToJsonString")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


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
    return [truth(part, scope) for part in argument]


def _equals(argument: Any, scope: Scope) -> Any:
    message = "Template error: every Fn::Equals object requires a list of 2 string parameters."
    left, right = (evaluate(part, scope) for part in _two(argument, message))
    if not (is_known(left) and is_known(right)):
        raise EvaluationError(_CONDITION)
    if isinstance(left, list | Mapping) or isinstance(right, list | Mapping):
        return bool(left == right)
    return scalar(left) == scalar(right)


def _find_in_map(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) not in (3, 4):
        raise EvaluationError(_FIND_IN_MAP)
    keys = [evaluate(part, scope.without_symbols) for part in argument[:3]]
    value: Any = scope.mappings
    for key in keys:
        if isinstance(key, list | Mapping) or is_unknown(key):
            raise EvaluationError(_FIND_IN_MAP)
        if not isinstance(value, Mapping) or scalar(key) not in value:
            if any(scope.parameters.get(key[1:-1]) == key for key in keys if key == stand_in(str(key)[1:-1])):
                return Partial(tuple(keys), "Fn::FindInMap")
            options = argument[3] if len(argument) == 4 else None
            if isinstance(options, Mapping) and "DefaultValue" in options:
                return evaluate(options["DefaultValue"], scope)
            raise EvaluationError(f"Template error: Unable to get mapping for {'::'.join(map(scalar, keys))}")
        value = value[scalar(key)]
    return value


def _get_azs(argument: Any, scope: Scope) -> Any:
    region = evaluate(argument, scope.without_symbols)
    name = (scalar(region) if isinstance(region, str) else "") or scope.pseudo.get("AWS::Region", "")
    zones = None if is_unknown(region) else scope.zones(name)
    return Partial((evaluate(argument, scope),), "Fn::GetAZs") if zones is None else zones


def _import_value(argument: Any, scope: Scope) -> Any:
    name = evaluate(argument, scope)
    if not isinstance(name, str):
        raise EvaluationError(_IMPORT_VALUE)
    return scope.imports(name)


FUNCTIONS: Mapping[str, Callable[[Any, Scope], Any]] = {
    "Ref": _ref,
    "Fn::And": lambda argument, scope: all(_truths(argument, scope, "Fn::And", 2, 10)),
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::Equals": _equals,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Length": _length,
    "Fn::Not": lambda argument, scope: not _truths(argument, scope, "Fn::Not", 1, 1)[0],
    "Fn::Or": lambda argument, scope: any(_truths(argument, scope, "Fn::Or", 2, 10)),
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Fn::ToJsonString": _to_json,
}
"""The functions that ``evaluate`` applies, each to its argument as written. They raise EvaluationError."""


def condition_values(
    template: Mapping[str, Any], parameters: Mapping[str, str], pseudo: Mapping[str, Any]
) -> dict[str, bool]:
    """The value of every condition. Raises EvaluationError, also for conditions that depend on each other in a cycle.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html
    """
    written = section_of(template, "Conditions")
    if not written:
        return {}
    uses = {name: dict.fromkeys(conditions_used(condition)) for name, condition in written.items()}
    values: dict[str, bool] = {}
    if is_unknown(pseudo.get("AWS::NotificationARNs")):
        pseudo = {**pseudo, "AWS::NotificationARNs": []}  # fsdcf gives its stacks no topics
    mappings = section_of(template, "Mappings")
    scope = Scope(typed(template, parameters), pseudo, conditions=values, mappings=mappings)
    try:
        for name in TopologicalSorter(uses).static_order():
            if name not in written:
                unresolved = f"Unresolved condition dependencies [{name}] in the Conditions block of the template"
                raise EvaluationError(f"Template format error: {unresolved}")
            values[name] = truth(written[name], scope)
    except CycleError as error:
        names = ", ".join(sorted(set(error.args[1])))
        raise EvaluationError(f"Template format error: Circular dependency between conditions: [{names}]") from None
    return values


def active(template: Mapping[str, Any], conditions: Mapping[str, bool]) -> dict[str, Any]:
    """The resources of a template that exist: those without a condition, and those whose condition is true."""
    return existing(section_of(template, "Resources"), conditions)


def existing(section: Mapping[str, Any], conditions: Mapping[str, bool]) -> dict[str, Any]:
    """The resources or outputs that exist: those without a condition, and those whose condition is true."""
    return {
        name: entry
        for name, entry in section.items()
        if "Condition" not in entry or conditions.get(entry["Condition"], False)
    }


def _unknown_export(name: str) -> Any:
    return Partial((name,), "Fn::ImportValue")


def scope_of(
    template: Mapping[str, Any],
    parameters: Mapping[str, str],
    pseudo: Mapping[str, Any],
    resource: Callable[[str, str | None], Any] = Unknown,
    imports: Callable[[str], Any] = _unknown_export,
    zones: Callable[[str], list[str] | None] = _unknown_zones,
) -> Scope:
    """The scope of a template's values; ``parameters`` as ``parameters.resolved`` returns them.

    Raises EvaluationError for a condition that cannot be decided.
    """
    conditions = condition_values(template, parameters, pseudo)
    values = {
        name: Partial((name,), "Ref") if value == [stand_in(name)] else value  # the length of the list is not known
        for name, value in typed(template, parameters).items()
    }
    return Scope(
        parameters=values,
        pseudo=pseudo,
        conditions=conditions,
        mappings=section_of(template, "Mappings"),
        resource=resource,
        imports=imports,
        zones=zones,
    )


PSEUDO: Mapping[str, Any] = {
    "AWS::AccountId": "123456789012",
    "AWS::NotificationARNs": Partial(("AWS::NotificationARNs",), "Ref"),
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/stack/00000000-0000-0000-0000-000000000000",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}
"""Stand-ins for pseudo parameters. Both sides of a difference use the same, so that they never differ."""

PSEUDO_NAMES = frozenset({*PSEUDO, "AWS::NoValue"})
"""Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html"""
