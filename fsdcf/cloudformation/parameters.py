"""Parameters of a template: their values, CloudFormation's messages for invalid ones, and those that are secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fsdcf.cloudformation.references import section_of

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_REPETITION = re.compile(r"[*+]|\{\d{0,9},")
_NESTED = re.compile(r"[*+}][^()]{0,200}\)[*+{]")
_MOST_WAYS = 10**7
_STORED = "AWS::SSM::Parameter::Value<"

STORED_VALUE = f"{_STORED}String>"
"""The type of a parameter whose value is that of a parameter in the Parameter Store, which its own value names."""

NO_ECHO_MASK = "****"
"""What CloudFormation shows in place of the value of a parameter with NoEcho."""


def stand_in(name: str) -> str:
    """What represents the value of a parameter that is not known: its name in angle brackets."""
    return f"<{name}>"


def is_no_echo(declared: Mapping[str, Any]) -> bool:
    """Whether a parameter is declared with NoEcho."""
    return str(declared.get("NoEcho", False)).lower() == "true"


def stored_name(declared: Mapping[str, Any]) -> str | None:
    """The name in the Parameter Store from which CloudFormation reads the value of a parameter at each deploy, where
    its default says so; None for any other parameter."""
    is_stored = str(declared.get("Type", "")).startswith(_STORED)
    return str(declared["Default"]) if is_stored and "Default" in declared else None


def secret_values(template: Mapping[str, Any], values: Mapping[str, str]) -> tuple[str, ...]:
    """The values of the parameters with NoEcho; ``values`` are the known values by name."""
    declared = section_of(template, "Parameters")
    known = (values.get(name, "") for name, parameter in declared.items() if is_no_echo(parameter))
    return tuple(value for value in known if value not in ("", NO_ECHO_MASK))


def resolved(
    template: Mapping[str, Any], given: Mapping[str, str], previous: Mapping[str, str] | None
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The value of every parameter, and CloudFormation's messages for what is wrong.

    The given value comes first, then the previous one (UsePreviousValue: the name is not in ``given``), then the
    default. Types that refer to the account (a VPC, an SSM parameter) are not looked up.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    """
    declared = section_of(template, "Parameters")
    defaults = {name: _text(one["Default"]) for name, one in declared.items() if "Default" in one}
    known = {**defaults, **(previous or {}), **given}
    values = {name: known[name] for name in declared if name in known}
    problems = []
    undeclared, missing = (
        [name for name in names if name not in has] for names, has in ((given, declared), (declared, known))
    )
    if undeclared:
        problems.append(f"Parameters: [{', '.join(undeclared)}] do not exist in the template")
    if missing:
        problems.append(f"Parameters: [{', '.join(missing)}] must have values")
    for name, value in values.items():
        broken = _broken_rule(declared[name], value)
        description = declared[name].get("ConstraintDescription")
        if broken is not None and description:
            problems.append(f"Parameter {name} failed to satisfy constraint: {description}")
        elif broken is not None:
            problems.append(f"Parameter '{name}' {broken}")
    return values, tuple(problems)


def typed(template: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as Ref returns them: those of list types as lists of texts, without surrounding white space."""
    declared = section_of(template, "Parameters")
    return {
        name: _items(value) if isinstance(value, str) and _is_list(declared.get(name, {})) else value
        for name, value in values.items()
    }


def _is_list(declared: Mapping[str, Any]) -> bool:
    return str(declared.get("Type", "")).removeprefix(_STORED).startswith(("CommaDelimitedList", "List<"))


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",")] if value else []


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _broken_rule(declared: Mapping[str, Any], value: str) -> str | None:
    """The first constraint that a value violates."""
    items = _items(value) if _is_list(declared) else [value]
    allowed = declared.get("AllowedValues")
    if allowed is not None and not {*items} <= {_text(one) for one in allowed}:
        return "must be one of AllowedValues"
    pattern = declared.get("AllowedPattern")
    if pattern is not None and not all(matches_pattern(pattern, item) for item in items):
        return f"must match pattern {pattern}"
    if declared.get("Type") in ("Number", "List<Number>"):
        return next((rule for item in items for rule in _broken_number_rules(declared, item)), None)
    if "MinLength" in declared and len(value) < int(declared["MinLength"]):
        return f"must contain at least {declared['MinLength']} characters"
    if "MaxLength" in declared and len(value) > int(declared["MaxLength"]):
        return f"must contain at most {declared['MaxLength']} characters"
    return None


def _broken_number_rules(declared: Mapping[str, Any], text: str) -> Iterator[str]:
    if not _NUMBER.fullmatch(text):
        yield "must be a number"
    elif "MinValue" in declared and float(text) < float(declared["MinValue"]):
        yield f"must be a number not less than {declared['MinValue']}"
    elif "MaxValue" in declared and float(text) > float(declared["MaxValue"]):
        yield f"must be a number not greater than {declared['MaxValue']}"


def is_regular(pattern: str) -> bool:
    """Whether Python can read a regular expression."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def matches_pattern(pattern: str, value: str) -> bool:
    """Whether a value matches an AllowedPattern. CloudFormation alone checks a pattern that Python cannot read, or that
    may take forever: one that repeats a repetition, or repeats so often that there are too many ways to match."""
    if len(value) ** len(_REPETITION.findall(pattern)) > _MOST_WAYS or _NESTED.search(pattern):
        return True
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True
