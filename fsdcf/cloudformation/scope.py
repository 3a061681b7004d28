"""A template's scope: typed parameters, conditions decided, mappings at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fsdcf.cloudformation.evaluation import EvaluationError, Scope, truth
from fsdcf.cloudformation.parameters import typed
from fsdcf.cloudformation.references import conditions_used
from fsdcf.cloudformation.unknown import Partial, Unknown


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


def unknown(target: str, attribute: str | None) -> Any:
    """The value of a resource that is not known."""
    return Unknown(target, attribute)


def exported(name: str) -> Any:
    """The value of an export that is not known: it stands as the function that imports it."""
    return Partial((name,), "Fn::ImportValue")


def scope_of(
    template: Mapping[str, Any],
    parameters: Mapping[str, str],
    pseudo: Mapping[str, Any],
    resource: Callable[[str, str | None], Any] = unknown,
    imports: Callable[[str], Any] = exported,
) -> Scope:
    """The scope in which a template's values are evaluated; ``parameters`` as ``parameters.resolved`` gives them.

    Raises EvaluationError where a condition cannot be decided.
    """
    conditions = evaluated(template, parameters, pseudo)
    return Scope(typed(template, parameters), pseudo, conditions, template.get("Mappings") or {}, resource, imports)


PSEUDO: Mapping[str, Any] = {
    "AWS::AccountId": "123456789012",
    "AWS::NotificationARNs": [],
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/stack/00000000-0000-0000-0000-000000000000",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}
"""Stand-ins: both sides of a difference use the same, so that they never make one."""

PSEUDO_NAMES = frozenset({*PSEUDO, "AWS::NoValue"})
"""Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html"""
