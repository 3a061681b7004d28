"""Conditions: which are true with these parameters, and which resources exist then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.cloudformation.evaluate import EvaluationError, Scope, truth
from fsdcf.cloudformation.intrinsics import conditions_used
from fsdcf.cloudformation.parameters import typed


def evaluated(template: Mapping[str, Any], parameters: Mapping[str, str], pseudo: Mapping[str, str]) -> dict[str, bool]:
    """Every condition of a template by its truth. Raises EvaluationError, also where conditions need each other in a circle.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html
    """
    written = template.get("Conditions") or {}
    values = typed(template, parameters)
    done: dict[str, bool] = {}

    def decide(name: str, trail: tuple[str, ...]) -> None:
        if name in done:
            return
        if name in trail:
            raise EvaluationError(f"Template error: Circular dependency between conditions: [{', '.join(sorted(trail))}]")
        for needed in conditions_used(written[name]):
            if needed not in written:
                raise EvaluationError(f"Template error: Unresolved condition dependency {needed} in the Conditions block of the template")
            decide(needed, (*trail, name))
        done[name] = truth(written[name], Scope(values, pseudo, done, template.get("Mappings") or {}))

    for name in written:
        decide(name, ())
    return done


def active(template: Mapping[str, Any], conditions: Mapping[str, bool]) -> dict[str, Any]:
    """The resources that exist: those without a condition and those whose condition is true."""
    resources = template.get("Resources") or {}
    return {name: one for name, one in resources.items() if "Condition" not in one or conditions.get(one["Condition"], False)}
