"""IAM's decision for one call, as far as our policies use it: actions and ARNs with wildcards, and three condition
operators."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

ACCOUNT, REGION = "123456789012", "eu-west-1"
_OPERATORS = {"StringEquals": str.__eq__, "ArnLike": fnmatchcase, "Bool": str.__eq__}


def allows(policy: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether a policy allows an action on an ARN in a context of condition keys."""
    effects = {one["Effect"] for one in policy["Statement"] if _applies(one, action, resource, context)}
    return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    return (
        any(fnmatchcase(action.lower(), one.lower()) for one in _list(statement["Action"]))
        and any(fnmatchcase(resource, one) for one in _list(statement["Resource"]))
        and all(
            key in context and any(_OPERATORS[operator](context[key], one) for one in _list(values))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
