"""One side of a difference, evaluated: the resources that exist, with what they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.cloudformation.compare import MISSING
from fsdcf.cloudformation.evaluation import NO_VALUE, Scope, evaluate
from fsdcf.cloudformation.facts import Facts, facts_of
from fsdcf.cloudformation.references import conditions_used, function_of, needs, references
from fsdcf.cloudformation.scope import active, scope_of
from fsdcf.cloudformation.unknown import Unknown


@dataclass(frozen=True)
class Side:
    """A template with what it is used with: parameter values, the stack's tags, and physical ids where they are known."""

    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    physical: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Resource:
    """One resource of a side: as it is written, its evaluated properties, and the facts of its type."""

    name: str
    type: str
    written: Mapping[str, Any]
    properties: Mapping[str, Any]
    facts: Facts | None

    @property
    def tag_property(self) -> str | None:
        return self.facts.tag_property if self.facts else None


@dataclass(frozen=True)
class View:
    """A side evaluated. ``known`` are the physical ids as values of what Ref gives."""

    side: Side
    scope: Scope
    resources: Mapping[str, Resource]
    known: Mapping[Unknown, str]

    def attribute(self, one: Resource, name: str) -> Any:
        """An attribute of a resource beside its properties, evaluated; MISSING where there is none."""
        if name not in one.written:
            return MISSING
        value = evaluate(one.written[name], self.scope)
        return MISSING if value is NO_VALUE else value


def view_of(side: Side, pseudo: Mapping[str, Any]) -> View:
    """A side with everything evaluated that can be before anything exists. Raises EvaluationError."""
    scope = scope_of(side.template, side.parameters, pseudo)
    resources = {}
    for name, one in active(side.template, scope.conditions).items():
        properties = evaluate(one.get("Properties") or {}, scope)
        kind = one["Type"]
        resources[name] = Resource(
            name, kind, one, properties if isinstance(properties, Mapping) else {}, facts_of(kind)
        )
    return View(side, scope, resources, {Unknown(name, None): physical for name, physical in side.physical.items()})


def in_order(view: View) -> Iterator[Resource]:
    """The resources, each after those that it references; those that wait for each other come last."""
    wanted = needs({name: one.written for name, one in view.resources.items()})
    done: set[str] = set()
    left = sorted(view.resources)
    while left:
        ready = [name for name in left if wanted[name] <= done] or left
        yield from (view.resources[name] for name in ready)
        done.update(ready)
        left = [name for name in left if name not in done]


def parameters_of(value: Any, view: View) -> Iterator[str]:
    """The parameters that a written value depends on: by Ref, Fn::Sub, or a condition that chooses in it."""
    names = {one.target for one in references(pruned(value, view.scope.conditions))}
    conditions = view.side.template.get("Conditions") or {}
    open_ = list(conditions_used(value))
    seen: set[str] = set()
    while open_:
        name = open_.pop()
        if name not in seen and name in conditions:
            seen.add(name)
            names |= {one.target for one in references(conditions[name])}
            open_ += conditions_used(conditions[name])
    yield from sorted(names & set(view.scope.parameters))


def pruned(value: Any, conditions: Mapping[str, bool]) -> Any:
    """A written value with the branches that Fn::If does not take left out."""
    if isinstance(value, Mapping):
        if function_of(value) == "Fn::If":
            name, *branches = value["Fn::If"]
            return pruned(branches[0 if conditions.get(name) else 1], conditions)
        return {key: pruned(child, conditions) for key, child in value.items()}
    if isinstance(value, list):
        return [pruned(child, conditions) for child in value]
    return value


def written_at(value: Any, path: tuple[str | int, ...]) -> Any:
    """What the template writes at a place of an evaluated value, or the nearest thing around it that a function makes."""
    for step in path:
        if function_of(value) is not None:
            return value
        if isinstance(step, str):
            if not isinstance(value, Mapping) or step not in value:
                return None
        elif not isinstance(value, list) or step >= len(value) or any(map(_may_vanish, value)):
            return value
        value = value[step]
    return value


def _may_vanish(item: Any) -> bool:
    """Whether an item of a list may be AWS::NoValue, so that the indexes after it move."""
    return function_of(item) == "Fn::If" or item == {"Ref": "AWS::NoValue"}
