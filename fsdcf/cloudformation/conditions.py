"""Conditions: which are true with these parameters, and which resources exist then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.cloudformation.evaluate import EvaluationError, Scope, truth
from fsdcf.cloudformation.intrinsics import conditions_used
from fsdcf.cloudformation.parameters import typed


def evaluated(template: Mapping[str, Any], parameters: Mapping[str, str], pseudo: Mapping[str, Any]) -> dict[str, bool]:
    """Every condition of a template by its truth. Raises EvaluationError, also where conditions need each other in a circle.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html
    """
    written: Mapping[str, Any] = template.get("Conditions") or {}
    if not written:
        return {}
    done: dict[str, bool] = {}
    scope = Scope(typed(template, parameters), pseudo, done, template.get("Mappings") or {})
    for name in written:
        _decide(name, written, scope, done, ())
    return done


def _decide(name: str, written: Mapping[str, Any], scope: Scope, done: dict[str, bool], trail: tuple[str, ...]) -> None:
    if name in done:
        return
    if name in trail:
        raise EvaluationError(
            f"Template format error: Circular dependency between conditions: [{', '.join(sorted(trail))}]"
        )
    if name not in written:
        gone = f"Unresolved condition dependencies [{name}] in the Conditions block of the template"
        raise EvaluationError(f"Template format error: {gone}")
    for needed in conditions_used(written[name]):
        _decide(needed, written, scope, done, (*trail, name))
    done[name] = truth(written[name], scope)


def active(template: Mapping[str, Any], conditions: Mapping[str, bool]) -> dict[str, Any]:
    """The resources that exist: those without a condition and those whose condition is true."""
    return existing(template.get("Resources") or {}, conditions)


def existing(section: Mapping[str, Any], conditions: Mapping[str, bool]) -> dict[str, Any]:
    """What exists of a section, resources or outputs: what has no condition, or one that is true."""
    return {
        name: one for name, one in section.items() if "Condition" not in one or conditions.get(one["Condition"], False)
    }
