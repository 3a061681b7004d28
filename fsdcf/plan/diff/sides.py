"""The two sides of a plan: the old and the new template, each with the values that its parameters have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.cloudformation.difference import Side
from fsdcf.cloudformation.evaluation import PSEUDO
from fsdcf.cloudformation.parameters import NO_ECHO_MASK, is_no_echo, secret_values, stored_name
from fsdcf.cloudformation.planned import PlannedStack, parameter_values, planned
from fsdcf.cloudformation.references import section_of
from fsdcf.cloudformation.types.elasticloadbalancingv2 import priorities_of
from fsdcf.masking import memorable, secrets_in


@dataclass(frozen=True)
class DeployedValues:
    """Values of the running stack: parameters as in DescribeStacks, tags, physical IDs and pseudo parameters."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    physical: Mapping[str, str] = field(default_factory=dict)
    pseudo: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sides:
    """Both sides of a plan, ready to be compared.

    ``before`` is None before the first deploy. ``old`` and ``new`` are the resources of the two templates, and
    ``secrets`` the values of parameters with NoEcho, and what looks like a secret.
    """

    before: Side | None
    after: Side
    pseudo: Mapping[str, Any]
    old: PlannedStack
    new: PlannedStack
    secrets: tuple[str, ...] = ()


def _unread(template: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """The values of a stack's parameters, where those of the Parameter Store are as in a spec: a plan that is computed
    here does not read them."""
    declared = section_of(template, "Parameters")
    stored = {name for name in values if stored_name(declared.get(name, {})) is not None}
    return {name: f"${{ssm:{value}}}" if name in stored else value for name, value in values.items()}


def sides_of(
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    tags: Mapping[str, str] | None = None,
    deployed: DeployedValues | None = None,
) -> Sides:
    """The sides of a deploy that updates the template ``before`` to ``after``.

    Raises PlanError for a malformed template.

    A parameter has the value that a deploy sends: its default, else its previous value, else a stand-in that is the
    same on both sides. The image is such a parameter, so that a plan shows what the template changes. A rule keeps its
    priority within its band. ``tags`` are the new tags of the stack; None keeps them.
    """
    known = deployed or DeployedValues()
    old_values = {**parameter_values(before)[0], **_unread(before, known.parameters)} if before is not None else {}
    declared = section_of(after, "Parameters")
    new_values, missing = parameter_values(after)
    new_values |= {name: old_values[name] for name in missing if name in old_values}
    hidden = (name for name in declared if known.parameters.get(name) == NO_ECHO_MASK and is_no_echo(declared[name]))
    new_values |= dict.fromkeys(hidden, NO_ECHO_MASK)
    new_values |= {
        rule.parameter: old_values[rule.parameter] for rule in priorities_of(after) if rule.kept(old_values) is not None
    }
    plain = memorable(secret for side in (before or {}, after) for _, secret in secrets_in(side))
    if before is not None:
        old_values = {name: value for name, value in old_values.items() if name in section_of(before, "Parameters")}
    return Sides(
        Side(before, old_values, known.tags, known.physical) if before is not None else None,
        Side(after, new_values, known.tags if tags is None else tags),
        {**PSEUDO, **known.pseudo},
        planned(before) if before is not None else PlannedStack({}),
        planned(after),
        (*secret_values(before or {}, old_values), *secret_values(after, new_values), *plain),
    )
