"""Parameters: values for those of a template, and what CloudFormation says of values that it does not take."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any


def resolved(template: Mapping[str, Any], given: Mapping[str, str], previous: Mapping[str, str] | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """The value of every parameter, and the problems, in CloudFormation's words.

    A value given comes first, then the previous one (UsePreviousValue: the name is absent in ``given``), then the default.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    """
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    values: dict[str, str] = {}
    missing = []
    for name, one in declared.items():
        if name in given:
            values[name] = given[name]
        elif previous is not None and name in previous:
            values[name] = previous[name]
        elif "Default" in one:
            values[name] = _text(one["Default"])
        else:
            missing.append(name)
    foreign = [name for name in given if name not in declared]
    problems = []
    if foreign:
        problems.append(f"Parameters: [{', '.join(foreign)}] do not exist in the template")
    if missing:
        problems.append(f"Parameters: [{', '.join(missing)}] must have values")
    for name, value in values.items():
        problems += _faults(name, declared[name], value)
    return values, tuple(problems)


def typed(template: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as a Ref gives them: those of list types as lists of texts without the white space around them."""
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    return {name: _items(value) if _is_list(declared.get(name, {})) and isinstance(value, str) else value for name, value in values.items()}


def _is_list(declared: Mapping[str, Any]) -> bool:
    kind = str(declared.get("Type", ""))
    inner = kind.removeprefix("AWS::SSM::Parameter::Value<")
    return inner.startswith(("CommaDelimitedList", "List<"))


def _items(value: str) -> list[str]:
    return [one.strip() for one in value.split(",")] if value else []


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _faults(name: str, declared: Mapping[str, Any], value: str) -> Iterator[str]:
    """What is wrong with one value; a type that reads another service's data is not followed."""
    said = declared.get("ConstraintDescription")
    kind = str(declared.get("Type", "String"))
    items = _items(value) if _is_list(declared) else [value]
    allowed = declared.get("AllowedValues")
    if allowed is not None and not {*items} <= {_text(one) for one in allowed}:
        yield _fault(name, said, f"must be one of AllowedValues: [{', '.join(_text(one) for one in allowed)}]")
    pattern = declared.get("AllowedPattern")
    if pattern is not None and not all(_matches(pattern, one) for one in items):
        yield _fault(name, said, f"must match pattern {pattern}")
    if kind in ("Number", "List<Number>"):
        yield from _number_faults(name, said, declared, items)
    else:
        if "MinLength" in declared and len(value) < int(declared["MinLength"]):
            yield _fault(name, said, f"must contain at least {declared['MinLength']} characters")
        if "MaxLength" in declared and len(value) > int(declared["MaxLength"]):
            yield _fault(name, said, f"must contain at most {declared['MaxLength']} characters")


def _number_faults(name: str, said: str | None, declared: Mapping[str, Any], items: list[str]) -> Iterator[str]:
    for item in items:
        try:
            number = float(item)
        except ValueError:
            yield _fault(name, said, "must be a number")
            continue
        if "MinValue" in declared and number < float(declared["MinValue"]):
            yield _fault(name, said, f"must be a number not less than {declared['MinValue']}")
        if "MaxValue" in declared and number > float(declared["MaxValue"]):
            yield _fault(name, said, f"must be a number not greater than {declared['MaxValue']}")


def _fault(name: str, said: str | None, rule: str) -> str:
    return f"Parameter {name} failed to satisfy constraint: {said}" if said else f"Parameter '{name}' {rule}"


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True  # a pattern of Java's that Python does not read is left to CloudFormation
