"""IAM's decision for one call, as far as our policies use it: identity policies within a permissions boundary, with
denials first.

The libraries that do this are for another language, or know a part: moto knows StringEquals alone, and AWS's own
simulator needs an account. An operator, or a policy variable, that is not implemented here is an error.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

ACCOUNT, REGION = "123456789012", "eu-west-1"

Policy = Mapping[str, Any]
Context = Mapping[str, "str | Sequence[str]"]
"""The condition keys of a request; a key with several values has a sequence."""


def allows(policy: Policy | Sequence[Policy], action: str, resource: str, context: Context) -> bool:
    """Whether policies allow an action on an ARN in a context of condition keys: one does, and none denies it."""
    policies = [policy] if isinstance(policy, Mapping) else policy
    effects = {
        one["Effect"] for each in policies for one in each["Statement"] if _applies(one, action, resource, context)
    }
    return effects == {"Allow"}


def allows_within(
    boundary: Policy, policy: Policy | Sequence[Policy], action: str, resource: str, context: Context
) -> bool:
    """Whether policies of a role with a permissions boundary allow an action: both must."""
    return allows(boundary, action, resource, context) and allows(policy, action, resource, context)


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    assert not {"NotAction", "NotResource", "Principal"} & statement.keys()
    return (
        _concerns(tuple(_list(statement["Action"])), action)
        and any(_like(one, resource) for one in _list(statement["Resource"]))
        and all(
            _holds(operator, key, _list(values), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


@cache
def _concerns(actions: tuple[str, ...], action: str) -> bool:
    """Whether one of the actions of a statement matches. Actions have no case."""
    return any(_like(one.lower(), action.lower()) for one in actions)


def _holds(operator: str, key: str, wanted: list[str], context: Context) -> bool:
    """Whether a condition holds. Keys have no case."""
    given = next((value for name, value in context.items() if name.lower() == key.lower()), None)
    if operator == "Null":
        return (given is None) == (wanted == ["true"])
    quantifier, _, rest = operator.rpartition(":")
    base = rest.removesuffix("IfExists")
    test = _OPERATORS[base]
    if given is None:
        return base != rest or quantifier == "ForAllValues" or (not quantifier and "Not" in base)
    values = _list(given)
    if quantifier:
        some = {"ForAllValues": all, "ForAnyValue": any}[quantifier]
        return some(test(wanted, value) for value in values)
    assert len(values) == 1, f"{key} has several values: {operator} needs ForAllValues or ForAnyValue"
    return test(wanted, values[0])


def _some(matches: Callable[[str, str], bool]) -> Callable[[list[str], str], bool]:
    """An operator that holds if one of the values in the policy matches."""
    return lambda wanted, value: any(matches(one, value) for one in wanted)


def _none(matches: Callable[[str, str], bool]) -> Callable[[list[str], str], bool]:
    return lambda wanted, value: not any(matches(one, value) for one in wanted)


def _equal(wanted: str, value: str) -> bool:
    return wanted == value


@cache
def _pattern(text: str) -> re.Pattern[str]:
    assert "${" not in text, f"a variable or placeholder: {text}"
    return re.compile("".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in text), re.DOTALL)


def _like(pattern: str, value: str) -> bool:
    return _pattern(pattern).fullmatch(value) is not None


def _arn_like(pattern: str, value: str) -> bool:
    """Like, but each of the six parts by itself."""
    parts, others = pattern.split(":", 5), value.split(":", 5)
    return len(parts) == len(others) and all(map(_like, parts, others))


_OPERATORS: Mapping[str, Callable[[list[str], str], bool]] = {
    "StringEquals": _some(_equal),
    "StringNotEquals": _none(_equal),
    "StringLike": _some(_like),
    "StringNotLike": _none(_like),
    "ArnEquals": _some(_arn_like),
    "ArnLike": _some(_arn_like),
    "ArnNotLike": _none(_arn_like),
    "Bool": _some(lambda wanted, value: wanted.lower() == value.lower()),
}


def _list(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
