"""A template as CloudFormation would apply it: its resources with every function evaluated.

A value that is not known before the deploy is represented by a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from fsdcf.cloudformation.evaluation import (
    NO_VALUE,
    PSEUDO,
    EvaluationError,
    Partial,
    Scope,
    Unknown,
    active,
    evaluate,
    scope_of,
)
from fsdcf.cloudformation.exports import Export, Import, exports_of, imports_of
from fsdcf.cloudformation.parameters import stand_in, stored_name
from fsdcf.cloudformation.references import section_of
from fsdcf.conventions import NEEDED

_SYMBOLS = {name: f"${{{name}}}" for name, value in PSEUDO.items() if isinstance(value, str)}
"""Pseudo parameters represent themselves in texts."""


class PlanError(ValueError):
    """A document that is not a template; the text names the fault."""


@dataclass(frozen=True)
class PlannedResource:
    """A resource that the stack would have. ``name`` is its logical ID, after the name of its template if there are
    several. ``spec`` is the spec path in its Metadata, empty without one; ``overrides`` are the paths of what overrides
    of the spec change.
    """

    name: str
    type: str
    properties: Mapping[str, Any]
    spec: str = ""
    overrides: tuple[str, ...] = ()
    needed: Mapping[str, Any] = field(default_factory=dict)
    """The IAM statements that existing roles need, by the logical IDs of the roles that they replace."""

    @property
    def template(self) -> str:
        """The name of its template among several; empty for one alone."""
        return template_of(self.name)

    @property
    def logical_id(self) -> str:
        """The logical ID in its template."""
        return logical_id_of(self.name)

    def get(self, property: str, default: Any = None) -> Any:
        """A property, or the default where the resource does not have it."""
        return self.properties.get(property, default)

    def text(self, property: str, default: str = "") -> str:
        """A property as text."""
        return text_of(self.get(property, default))

    def items(self, property: str) -> list[Any]:
        """A property that is one value or a list of them, as a list."""
        return items(self.get(property))

    def mapping(self, property: str) -> Mapping[str, Any]:
        """A property that should be a mapping."""
        return mapping(self.get(property))

    def mappings(self, property: str) -> list[Mapping[str, Any]]:
        """A property that should be a mapping or a list of them, as a list."""
        return mappings(self.get(property))

    def target(self, property: str) -> str | None:
        """The logical ID of the resource that a property refers to; None without one."""
        return target_of(self.get(property))


@dataclass(frozen=True)
class PlannedStack:
    """The resources by name, in the template's order, and the parameters whose values are stand-ins.

    ``exports`` are the exports whose name is known, with their evaluated values, ``imports`` every import.
    """

    resources: Mapping[str, PlannedResource]
    stand_ins: tuple[str, ...] = ()
    exports: Mapping[str, Export] = field(default_factory=dict)
    imports: tuple[Import, ...] = ()

    def of(self, *types: str) -> Iterator[PlannedResource]:
        """The resources of these types (``AWS::ECS::Service``)."""
        return (one for one in self.resources.values() if one.type in types)

    def named(self, value: Any, *types: str) -> PlannedResource | None:
        """The resource that a value refers to; None if it is not of one of these types."""
        resource = self.resources.get(target_of(value) or "")
        return resource if resource is not None and resource.type in types else None

    def both(self, new: PlannedStack, type: str) -> Iterator[tuple[PlannedResource, PlannedResource]]:
        """The resources of a type that this stack and a new one have."""
        for was in self.of(type):
            now = new.resources.get(was.name)
            if now is not None and now.type == type:
                yield was, now


def planned(template: Mapping[str, Any]) -> PlannedStack:
    """The resources of a template whose condition is not false. Raises PlanError.

    A parameter without a default has its first allowed value, its minimum, or its name in angle brackets.
    """
    return planned_together({"": template})


def planned_together(templates: Mapping[str, Mapping[str, Any]]) -> PlannedStack:
    """The resources of several templates, each by its name, as one stack: what one of them imports and another one
    exports refers to the resource itself. Raises PlanError.

    The name of a resource is its logical ID after the name of its template (``shop/TargetGroup``), or its logical ID
    alone where that name is empty.
    """
    for template in templates.values():
        _check(template)
    read: dict[str, _Template] = {}
    exported: dict[str, Export] = {}
    busy: set[str] = set()

    def imported(name: str) -> Any:
        if name not in exported or name in busy:
            return Partial((name,), "Fn::ImportValue")
        export = exported[name]
        busy.add(name)
        try:
            return evaluate(export.value, read[template_of(export.output)].scope)
        finally:
            busy.remove(name)

    try:
        for name, template in templates.items():
            read[name] = _read(name, template, imported)
            exported |= {one.name: one for one in read[name].exports()}
        resources = [made for one in read.values() for made in one.resources()]
        exports = {name: one._replace(value=imported(name)) for name, one in exported.items()}
        imports = [one for each in read.values() for one in each.imports()]
    except EvaluationError as error:
        raise PlanError(str(error)) from None
    except (TypeError, AttributeError, KeyError, RecursionError) as error:
        raise PlanError(f"it is malformed ({type(error).__name__}: {error})") from None
    stand_ins = dict.fromkeys(name for one in read.values() for name in one.stand_ins)
    return PlannedStack({one.name: one for one in resources}, tuple(stand_ins), exports, tuple(imports))


def _check(template: Mapping[str, Any]) -> None:
    resources = template.get("Resources")
    if not isinstance(resources, Mapping) or not resources:
        raise PlanError("it has no Resources")
    for name, one in resources.items():
        if not isinstance(one, Mapping) or not isinstance(one.get("Type"), str):
            raise PlanError(f"its resource {name} has no Type")
        if not isinstance(one.get("Properties", {}), Mapping):
            raise PlanError(f"the Properties of its resource {name} must be a mapping")
    sections = ("Parameters", "Conditions", "Mappings", "Outputs")
    if not all(isinstance(section_of(template, section), Mapping) for section in sections):
        raise PlanError("its Parameters, Conditions, Mappings and Outputs must be mappings")


class _Template(NamedTuple):
    """A template among several, and the scope of its values; ``name`` is empty for one alone."""

    name: str
    template: Mapping[str, Any]
    scope: Scope
    stand_ins: tuple[str, ...]

    def resources(self) -> Iterator[PlannedResource]:
        for logical_id, one in active(self.template, self.scope.conditions).items():
            yield _made(_joined(self.name, logical_id), one, self.scope)

    def exports(self) -> Iterator[Export]:
        for one in exports_of(self.template, self.scope):
            yield one._replace(output=_joined(self.name, one.output))

    def imports(self) -> Iterator[Import]:
        for one in imports_of(self.template, self.scope):
            yield one._replace(holder=_joined(self.name, one.holder))


def _read(name: str, template: Mapping[str, Any], imports: Callable[[str], Any]) -> _Template:
    def resource(logical_id: str, attribute: str | None) -> Unknown:
        return Unknown(_joined(name, logical_id), attribute)

    values, stand_ins = parameter_values(template)
    scope = scope_of(template, values, PSEUDO, resource, imports)
    return _Template(name, template, replace(scope, symbols=_SYMBOLS), stand_ins)


def _joined(template: str, logical_id: str) -> str:
    return f"{template}/{logical_id}" if template else logical_id


def template_of(name: str) -> str:
    """The template of a resource or an output, by its name among several templates; empty for one alone."""
    return name.rpartition("/")[0]


def logical_id_of(name: str) -> str:
    """The logical ID of a resource or an output in its template, by its name among several templates."""
    return name.rpartition("/")[2]


def _made(name: str, one: Mapping[str, Any], scope: Scope) -> PlannedResource:
    try:
        properties = evaluate(one.get("Properties") or {}, scope)
        own = mapping(mapping(one.get("Metadata")).get("fsdcf"))
        needed = evaluate(own.get(NEEDED) or {}, scope)
    except EvaluationError as error:
        raise PlanError(f"its resource {name} cannot be read: {error}") from None
    named = own["Spec"] if isinstance(own.get("Spec"), str) else ""
    return PlannedResource(name, one["Type"], mapping(properties), named, overrides_of(one), mapping(needed))


def overrides_of(resource: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths, in a resource, of what overrides of its spec change."""
    return tuple(map(text_of, items(mapping(mapping(resource.get("Metadata")).get("fsdcf")).get("Overrides"))))


def parameter_values(template: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """A value for every parameter, and the names of those without a default: they have stand-ins. One that
    CloudFormation reads from the Parameter Store is as in a spec, ``${ssm:/path}``. Raises PlanError."""
    values: dict[str, str] = {}
    missing = []
    for name, declared in section_of(template, "Parameters").items():
        if not isinstance(declared, Mapping):
            raise PlanError(f"its parameter {name} must be a mapping")
        stored = stored_name(declared)
        if "Default" in declared:
            values[name] = text_of(declared["Default"]) if stored is None else f"${{ssm:{stored}}}"
            continue
        missing.append(name)
        allowed = declared.get("AllowedValues")
        if isinstance(allowed, list) and allowed:
            values[name] = text_of(allowed[0])
        else:
            number = str(declared.get("Type", "")) in ("Number", "List<Number>")
            values[name] = text_of(declared.get("MinValue", 1)) if number else stand_in(name)
    return values, tuple(missing)


def target_of(value: Any) -> str | None:
    """The name of the first resource that an evaluated value refers to; None without one."""
    if isinstance(value, Unknown):
        return value.target
    parts = value.parts if isinstance(value, Partial) else value if isinstance(value, tuple | list) else ()
    return next((target for target in map(target_of, parts) if target is not None), None)


def text_of(value: Any) -> str:
    """An evaluated value as text: an unknown part is the name of its resource, with the attribute unless that is the
    Arn."""
    if isinstance(value, Unknown):
        attribute = value.attribute
        return value.target if attribute in (None, "Arn") else f"{value.target}.{attribute}"
    if isinstance(value, Partial):
        if value.function == "Ref":
            return stand_in(str(value.parts[0]))
        if value.function == "Fn::ImportValue":
            return f"${{import:{value.parts[0]}}}"
        parts = [text_of(part) for part in value.parts]
        return f"{value.function.removeprefix('Fn::')}({', '.join(parts)})" if value.function else "".join(parts)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(map(text_of, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {text_of(one)}" for key, one in value.items())
    return "" if value is None or value is NO_VALUE else str(value)


def imported_name(value: Any) -> str | None:
    """The export that an evaluated value imports from a stack that is not at hand; None for any other value."""
    is_imported = isinstance(value, Partial) and value.function == "Fn::ImportValue"
    return str(value.parts[0]) if is_imported else None


def items(value: Any) -> list[Any]:
    """A property that is one value or a list of them, as a list; empty for a missing one."""
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
    """A property that should be a mapping; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """A property that should be a mapping or a list of them, as a list; an empty mapping for anything else."""
    return [mapping(one) for one in items(value)]
