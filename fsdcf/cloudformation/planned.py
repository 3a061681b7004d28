"""A template as it would be made: its resources with every function applied, and names where a value is not known
before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.evaluation import (
    NO_VALUE,
    PSEUDO,
    EvaluationError,
    Partial,
    Scope,
    Unknown,
    active,
    condition_values,
    evaluate,
)
from fsdcf.cloudformation.parameters import typed


class PlanError(ValueError):
    """A template that cannot be read as one; the text says what is wrong with it."""


@dataclass(frozen=True)
class PlannedResource:
    """A resource that the stack would have. ``spec`` is the spec path in its Metadata, empty where there is none."""

    name: str
    type: str
    properties: Mapping[str, Any]
    spec: str = ""


@dataclass(frozen=True)
class PlannedStack:
    """The resources by logical id, in the template's order, and the parameters whose values are stand-ins."""

    resources: Mapping[str, PlannedResource]
    stand_ins: tuple[str, ...] = ()

    def of(self, *types: str) -> Iterator[PlannedResource]:
        """The resources of these types (``AWS::ECS::Service``)."""
        return (one for one in self.resources.values() if one.type in types)

    def named(self, value: Any, *types: str) -> PlannedResource | None:
        """The resource that a value refers to, where it is of one of these types."""
        target = target_of(value)
        found = self.resources.get(target) if target else None
        return found if found is not None and found.type in types else None


_SYMBOLS = {name: f"${{{name}}}" for name in (*PSEUDO, "AWS::NotificationARNs")}
"""Pseudo parameters stand for themselves in values; only conditions need to know more."""


def planned(template: Mapping[str, Any]) -> PlannedStack:
    """The resources of a template, those whose condition is false left out. Raises PlanError.

    A parameter without a default is taken as its first allowed value, its least number, or its name in angle brackets.
    """
    resources = template.get("Resources")
    if not isinstance(resources, Mapping) or not resources:
        raise PlanError("it has no Resources")
    for name, one in resources.items():
        if not isinstance(one, Mapping) or not isinstance(one.get("Type"), str):
            raise PlanError(f"its resource {name} has no Type")
        if not isinstance(one.get("Properties", {}), Mapping):
            raise PlanError(f"the Properties of its resource {name} are no mapping")
    if not all(
        isinstance(template.get(section) or {}, Mapping) for section in ("Parameters", "Conditions", "Mappings")
    ):
        raise PlanError("its Parameters, Conditions or Mappings are no mapping")
    values, stand_ins = parameter_values(template)
    try:
        conditions = condition_values(template, values, PSEUDO)
        mappings = template.get("Mappings") or {}
        scope = Scope(typed(template, values), _SYMBOLS, conditions, mappings, Unknown, lambda name: f"${{{name}}}")
        made = {name: _made(name, one, scope) for name, one in active(template, conditions).items()}
    except EvaluationError as error:
        raise PlanError(str(error)) from None
    except (TypeError, AttributeError, KeyError, RecursionError) as error:
        raise PlanError(f"it is malformed ({type(error).__name__}: {error})") from None
    return PlannedStack(made, stand_ins)


def _made(name: str, one: Mapping[str, Any], scope: Scope) -> PlannedResource:
    try:
        properties = evaluate(one.get("Properties") or {}, scope)
    except EvaluationError as error:
        raise PlanError(f"its resource {name} cannot be read: {error}") from None
    if not isinstance(properties, Mapping):
        properties = {}
    metadata = one.get("Metadata")
    ours = metadata.get("fsdcf") if isinstance(metadata, Mapping) else None
    spec = ours.get("Spec") if isinstance(ours, Mapping) else None
    return PlannedResource(name, one["Type"], properties, spec if isinstance(spec, str) else "")


def parameter_values(template: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """A value for every parameter, and the names of those that have no default: theirs are stand-ins.

    Raises PlanError.
    """
    values: dict[str, str] = {}
    missing = []
    for name, declared in (template.get("Parameters") or {}).items():
        if not isinstance(declared, Mapping):
            raise PlanError(f"its parameter {name} is no mapping")
        if "Default" in declared:
            values[name] = text_of(declared["Default"])
            continue
        missing.append(name)
        allowed = declared.get("AllowedValues")
        if isinstance(allowed, list) and allowed:
            values[name] = text_of(allowed[0])
        else:
            number = str(declared.get("Type", "")) in ("Number", "List<Number>")
            values[name] = text_of(declared.get("MinValue", 1)) if number else f"<{name}>"
    return values, tuple(missing)


def target_of(value: Any) -> str | None:
    """The logical id of the first resource that an evaluated value names; None where it names none."""
    if isinstance(value, Unknown):
        return value.target
    if isinstance(value, Partial | tuple | list):
        parts: Iterable[Any] = value.parts if isinstance(value, Partial) else value
        return next((target for part in parts if (target := target_of(part)) is not None), None)
    return None


def text_of(value: Any) -> str:
    """An evaluated value as text: what is not known bears the name of its resource, with the attribute unless it is the
    Arn.
    """
    if isinstance(value, Unknown):
        attribute = value.attribute
        return value.target if attribute in (None, "Arn") else f"{value.target}.{attribute}"
    if isinstance(value, Partial):
        if value.function is None:
            return "".join(text_of(part) for part in value.parts)
        return f"{value.function.removeprefix('Fn::')}({', '.join(text_of(part) for part in value.parts)})"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(text_of(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {text_of(one)}" for key, one in value.items())
    return "" if value is None or value is NO_VALUE else str(value)


def items(value: Any) -> list[Any]:
    """A property that may be one value or a list of them, as a list; nothing where it is absent."""
    if value is None or value is NO_VALUE:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def items_by(value: Any, key: str) -> dict[str, Mapping[str, Any]]:
    """The mappings in a list by one of their properties; items without it are left out."""
    return {text_of(item[key]): item for item in items(value) if isinstance(item, Mapping) and key in item}


def whole_number(value: Any) -> int | None:
    """A property that should be a whole number; None for anything else."""
    text = text_of(value)
    return int(text) if text.isdecimal() else None


def mapping(value: Any) -> Mapping[str, Any]:
    """A property that should be a mapping; an empty one where it is not."""
    return value if isinstance(value, Mapping) else {}
