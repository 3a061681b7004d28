"""Exports and imports of templates: by them, stacks refer to each other's resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from fsdcf.cloudformation.evaluation import EvaluationError, Scope, active, evaluate, existing
from fsdcf.cloudformation.references import Path, function_of, section_of, steps


class Export(NamedTuple):
    """An export of a template. ``value`` is as the output has it, with its functions."""

    name: str
    output: str
    value: Any


class Import(NamedTuple):
    """An Fn::ImportValue in a resource or an output; ``path`` is its path there (``("Properties", "Cluster")``)."""

    name: str
    section: Literal["Resources", "Outputs"]
    holder: str
    path: Path


def exports_of(template: Mapping[str, Any], scope: Scope) -> Iterator[Export]:
    """The exports of a template, except those whose name depends on the stack (``${AWS::StackName}-Vpc``).

    ``scope`` must not know the pseudo parameters that differ between stacks; a name with one of them is left out.
    """
    for output, written in existing(section_of(template, "Outputs"), scope.conditions).items():
        export = written.get("Export") if isinstance(written, Mapping) else None
        name = _name(export.get("Name"), scope) if isinstance(export, Mapping) else None
        if name is not None:
            yield Export(name, output, written.get("Value"))


def imports_of(template: Mapping[str, Any], scope: Scope) -> Iterator[Import]:
    """Every import of a template, in order; those in a branch of Fn::If that does not apply are not among them."""
    resources = active(template, scope.conditions)
    sections: tuple[tuple[Literal["Resources", "Outputs"], Mapping[str, Any]], ...] = (
        ("Resources", resources),
        ("Outputs", existing(section_of(template, "Outputs"), scope.conditions)),
    )
    for section, entries in sections:
        for holder, written in entries.items():
            for name, path in _imports(written, (), scope):
                yield Import(name, section, holder, path)


def _imports(value: Any, path: Path, scope: Scope) -> Iterator[tuple[str, Path]]:
    function = function_of(value)
    if function == "Fn::ImportValue":
        name = _name(value[function], scope)
        if name is not None:
            yield name, path
    elif function == "Fn::If" and isinstance(value[function], list) and len(value[function]) == 3:
        condition, *branches = value[function]
        index = 0 if scope.conditions.get(condition) else 1
        yield from _imports(branches[index], (*path, function, index + 1), scope)
    else:
        for step, child in steps(value):
            if not isinstance(child, str):
                yield from _imports(child, (*path, step), scope)


def _name(written: Any, scope: Scope) -> str | None:
    """The name of an export; None where the template alone does not determine it."""
    try:
        name = evaluate(written, scope)
    except EvaluationError:
        return None
    return name if isinstance(name, str) and "${" not in name else None
