"""Parameters: values for those of a template, and what CloudFormation says of values that it does not take."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_STORED = "AWS::SSM::Parameter::Value<"

NO_ECHO_MASK = "****"
"""What CloudFormation shows in place of the value of a parameter with NoEcho."""


def is_no_echo(declared: Mapping[str, Any]) -> bool:
    """Whether a parameter is declared with NoEcho."""
    return str(declared.get("NoEcho", False)).lower() == "true"


def secret_values(template: Mapping[str, Any], values: Mapping[str, str]) -> tuple[str, ...]:
    """The values of the parameters with NoEcho; ``values`` holds those that are known, by name."""
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    known = (values.get(name) for name, one in declared.items() if is_no_echo(one))
    return tuple(value for value in known if value not in (None, "", NO_ECHO_MASK))


def resolved(
    template: Mapping[str, Any], given: Mapping[str, str], previous: Mapping[str, str] | None
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The value of every parameter, and the problems, in CloudFormation's words.

    A value given comes first, then the previous one (UsePreviousValue: the name is absent in ``given``), then the default.
    Types that name what an account has (a VPC, an SSM parameter) are not looked up.
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
    problems = []
    foreign = [name for name in given if name not in declared]
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
    return {
        name: _items(value) if isinstance(value, str) and _is_list(declared.get(name, {})) else value
        for name, value in values.items()
    }


def _is_list(declared: Mapping[str, Any]) -> bool:
    return str(declared.get("Type", "")).removeprefix(_STORED).startswith(("CommaDelimitedList", "List<"))


def _items(value: str) -> list[str]:
    return [one.strip() for one in value.split(",")] if value else []


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _faults(name: str, declared: Mapping[str, Any], value: str) -> Iterator[str]:
    """What is wrong with one value: the first rule that it breaks."""
    said = declared.get("ConstraintDescription")
    rule = _broken(declared, value)
    if rule is not None:
        yield f"Parameter {name} failed to satisfy constraint: {said}" if said else f"Parameter '{name}' {rule}"


def _broken(declared: Mapping[str, Any], value: str) -> str | None:
    items = _items(value) if _is_list(declared) else [value]
    allowed = declared.get("AllowedValues")
    if allowed is not None and not {*items} <= {_text(one) for one in allowed}:
        return "must be one of AllowedValues"
    pattern = declared.get("AllowedPattern")
    if pattern is not None and not all(_matches(pattern, one) for one in items):
        return f"must match pattern {pattern}"
    if declared.get("Type") in ("Number", "List<Number>"):
        return next((rule for one in items for rule in _number_rules(declared, one)), None)
    if "MinLength" in declared and len(value) < int(declared["MinLength"]):
        return f"must contain at least {declared['MinLength']} characters"
    if "MaxLength" in declared and len(value) > int(declared["MaxLength"]):
        return f"must contain at most {declared['MaxLength']} characters"
    return None


def _number_rules(declared: Mapping[str, Any], text: str) -> Iterator[str]:
    if not _NUMBER.fullmatch(text):
        yield "must be a number"
    elif "MinValue" in declared and float(text) < float(declared["MinValue"]):
        yield f"must be a number not less than {declared['MinValue']}"
    elif "MaxValue" in declared and float(text) > float(declared["MaxValue"]):
        yield f"must be a number not greater than {declared['MaxValue']}"


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True  # a pattern of Java's that Python does not read is left to CloudFormation
