"""A template's scope: typed parameters, conditions decided, mappings at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fsdcf.cloudformation.conditions import evaluated
from fsdcf.cloudformation.evaluate import Scope
from fsdcf.cloudformation.parameters import typed
from fsdcf.cloudformation.unknown import Partial, Unknown


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
