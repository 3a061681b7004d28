"""The two sides of a plan: templates with the values that their parameters would have, and what must never be shown of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.cloudformation.parameters import NO_ECHO_MASK, is_no_echo, secret_values
from fsdcf.cloudformation.planned import PlannedStack, parameter_values, planned
from fsdcf.cloudformation.scope import PSEUDO
from fsdcf.cloudformation.view import Side


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
        name: NO_ECHO_MASK
        for name in declared
        if known.parameters.get(name) == NO_ECHO_MASK and is_no_echo(declared[name])
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
        (*secret_values(before or {}, old_values), *secret_values(after, new_values)),
    )
