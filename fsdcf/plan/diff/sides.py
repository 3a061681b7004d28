"""The two sides of a plan: templates with the values that their parameters would have, and what must never be shown of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar

from fsdcf.cloudformation.planned import PlannedStack, parameter_values, planned
from fsdcf.cloudformation.scope import PSEUDO
from fsdcf.cloudformation.view import Side

MASK = "****"
_SHORT = 4
"""A secret of fewer characters is hidden with the whole text around it: it may stand anywhere by chance."""

_HIDDEN = "****"
"""What CloudFormation shows for the value of a NoEcho parameter."""

Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Deployed:
    """What runs: the parameters' values as DescribeStacks tells them, the stack's tags, physical ids and pseudo parameters."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    physical: Mapping[str, str] = field(default_factory=dict)
    pseudo: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """Both sides, ready to be compared; ``before`` is None where there is no stack yet. ``old`` and ``new`` are their views."""

    before: Side | None
    after: Side
    pseudo: Mapping[str, Any]
    old: PlannedStack
    new: PlannedStack
    secrets: tuple[str, ...] = ()


def pair(
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    tags: Mapping[str, str] | None = None,
    deployed: Deployed | None = None,
) -> Pair:
    """The sides of a deploy that brings ``after`` where ``before`` is. Raises PlanError for what is no template.

    A parameter has the value that a deploy sends: its default, else the one that it had, else a stand-in that is the same on
    both sides; the image is such a one, so that a plan shows what the template changes. ``tags`` are the stack's from now on, None
    where they stay as they are.
    """
    known = deployed or Deployed()
    old_values = {**parameter_values(before)[0], **known.parameters} if before is not None else {}
    declared: Mapping[str, Any] = after.get("Parameters") or {}
    new_values, missing = parameter_values(after)
    new_values |= {name: old_values[name] for name in missing if name in old_values}
    new_values |= {
        name: _HIDDEN for name in declared if known.parameters.get(name) == _HIDDEN and _is_secret(declared[name])
    }
    if before is not None:
        old_values = {name: value for name, value in old_values.items() if name in (before.get("Parameters") or {})}
    nothing = PlannedStack({})
    return Pair(
        Side(before, old_values, known.tags, known.physical) if before is not None else None,
        Side(after, new_values, known.tags if tags is None else tags),
        {**PSEUDO, **known.pseudo},
        planned(before) if before is not None else nothing,
        planned(after),
        (*_secrets(before or {}, old_values), *_secrets(after, new_values)),
    )


def hidden(value: Shown, secrets: Sequence[str]) -> Shown:
    """The value with the values of NoEcho parameters made unreadable, at any depth; names and paths stay."""
    return _hidden(value, sorted(dict.fromkeys(secrets), key=len, reverse=True)) if secrets else value


def _is_secret(declared: Mapping[str, Any]) -> bool:
    return str(declared.get("NoEcho", "")).lower() == "true"


def _secrets(template: Mapping[str, Any], values: Mapping[str, str]) -> tuple[str, ...]:
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    return tuple(
        values[name] for name, one in declared.items() if _is_secret(one) and values.get(name) not in (None, "", MASK)
    )


_VALUES = ("before", "after", "details", "obstacles", "unsafe", "what", "why", "way_out")
"""The members of changes and of remarks that may hold values."""


def _hidden(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            if secret in value:
                value = MASK if len(secret) < _SHORT else value.replace(secret, MASK)
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return MASK if str(value) in secrets else value
    if isinstance(value, tuple | list):
        return type(value)(_hidden(one, secrets) for one in value)
    if isinstance(value, Mapping):
        return {key: _hidden(one, secrets) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        found = {one.name: getattr(value, one.name) for one in fields(value) if one.name in _VALUES}
        return replace(value, **{name: _hidden(one, secrets) for name, one in found.items()})
    return value
