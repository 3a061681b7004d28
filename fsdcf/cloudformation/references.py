"""References in a template: the resources, parameters and conditions that a value names, and the order that follows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

Path = tuple[str | int, ...]

_VARIABLE = re.compile(r"\$\{\s*(?!\s)(!?)([^\s}]*(?:\s+[^\s}]+)*)\s*\}")

VARIABLE_NAME = re.compile(r"[A-Za-z0-9_.:]+")
"""The characters in the name of a variable of Fn::Sub."""


HOLE = "\0"
"""The placeholder in a text for a part that is known to CloudFormation alone, such as the name of a queue."""

_RESOLVE = "resolve:"
_OPENS = "{{"


def is_dynamic(text: str) -> bool:
    """Whether a text may be a dynamic reference, ``{{resolve:…}}``, which CloudFormation replaces by a secret. A hole
    is any text without braces and colons."""
    text = re.sub(f"{HOLE}+", HOLE, text) if HOLE in text else text
    start = text.find(_OPENS)
    while start >= 0:
        if _completes(text, start + len(_OPENS), _RESOLVE):
            return True
        start = text.find(_OPENS, start + 1)
    return False


def _completes(text: str, position: int, rest: str) -> bool:
    """Whether a text may continue with ``rest`` at a position."""
    for index, character in enumerate(rest):
        at = text[position + index : position + index + 1]
        if at == HOLE:
            following = position + index + 1
            return any(_completes(text, following, rest[skipped:]) for skipped in range(index, len(rest)))
        if at != character:
            return False
    return True


@dataclass(frozen=True)
class Reference:
    """A reference to a resource, a parameter or a pseudo parameter; ``path`` is the path of the function's mapping."""

    target: str
    attribute: str | None
    function: Literal["Ref", "Fn::GetAtt", "Fn::Sub"]
    path: Path


def function_of(value: Any) -> str | None:
    """The function of a value: the only key of a mapping if it is ``Ref`` or ``Fn::…``; None for any other value."""
    if not isinstance(value, (str, list)) and isinstance(value, (dict, Mapping)) and len(value) == 1:
        (key,) = value
        if isinstance(key, str) and (key.startswith("Fn::") or key == "Ref"):
            return key
    return None


def steps(value: Any) -> Iterable[tuple[str | int, Any]]:
    """The children of a mapping or a list with their keys or indexes; none of any other value."""
    if value is None or isinstance(value, (str, int)):
        return ()  # most values: the checks below are slower
    if isinstance(value, (list, tuple)):
        return enumerate(value)
    return value.items() if isinstance(value, (dict, Mapping)) else ()


def section_of(template: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A section of a template (``Parameters``); empty if the template does not have it."""
    entries: Mapping[str, Any] = template.get(name) or {}
    return entries


def split_attribute(argument: Any) -> tuple[str, str] | None:
    """Resource and attribute of an Fn::GetAtt; None if the argument is malformed, or the attribute is a function."""
    if isinstance(argument, str):
        target, dot, attribute = argument.partition(".")
        return (target, attribute) if dot else None
    if isinstance(argument, list) and len(argument) >= 2 and all(isinstance(part, str) for part in argument):
        return argument[0], ".".join(argument[1:])
    return None


def sub_parts(argument: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Text and variables of an Fn::Sub; None if the argument is malformed."""
    text, variables = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
    return (text, variables) if isinstance(text, str) and isinstance(variables, Mapping) else None


def sub_variables(text: str) -> Iterator[re.Match[str]]:
    """The variables of an Fn::Sub: an exclamation mark, with which ``${!Literal}`` is the text without it, and a name.

    What follows the last brace is not read: it would be read from each ``${`` to its end.
    """
    return _VARIABLE.finditer(text, 0, text.rfind("}") + 1)


def references(value: Any, path: Path = ()) -> Iterator[Reference]:
    """Every Ref, Fn::GetAtt and variable of Fn::Sub in a value, in order, including references to pseudo parameters."""
    if isinstance(value, (dict, Mapping)):
        function = function_of(value)
        if function == "Ref" and isinstance(value["Ref"], str):
            yield Reference(value["Ref"], None, "Ref", path)
        elif function == "Fn::GetAtt":
            yield from _attribute(value["Fn::GetAtt"], path)
        elif function == "Fn::Sub":
            yield from _substituted(value["Fn::Sub"], path)
        else:
            for key, child in value.items():
                if not isinstance(child, str):
                    yield from references(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from references(child, (*path, index))


def _attribute(argument: Any, path: Path) -> Iterator[Reference]:
    named = split_attribute(argument)
    if named is not None:
        yield Reference(named[0], named[1], "Fn::GetAtt", path)
    elif isinstance(argument, list):
        if argument and isinstance(argument[0], str):
            yield Reference(argument[0], "", "Fn::GetAtt", path)
        yield from references(argument, (*path, "Fn::GetAtt"))


def _substituted(argument: Any, path: Path) -> Iterator[Reference]:
    parts = sub_parts(argument)
    if parts is None:
        yield from references(argument, (*path, "Fn::Sub"))
        return
    text, variables = parts
    for literal, name in (match.groups() for match in sub_variables(text)):
        if not literal and name not in variables and VARIABLE_NAME.fullmatch(name):
            target, dot, attribute = name.partition(".")
            yield Reference(target, attribute if dot else None, "Fn::Sub", path)
    yield from references(variables, (*path, "Fn::Sub", 1))


def conditions_used(value: Any) -> Iterator[str]:
    """The conditions in a value: those of Fn::If, and ``Condition`` alone in a mapping or next to a resource's Type."""
    if isinstance(value, Mapping):
        name = value.get("Condition")
        if isinstance(name, str) and (len(value) == 1 or "Type" in value):
            yield name
        branch = value.get("Fn::If")
        if isinstance(branch, list) and branch and isinstance(branch[0], str):
            yield branch[0]
    for _, child in steps(value):
        yield from conditions_used(child)


def depends_on(resource: Mapping[str, Any]) -> tuple[str, ...]:
    """The resources in a resource's DependsOn."""
    explicit = resource.get("DependsOn", ())
    return (explicit,) if isinstance(explicit, str) else tuple(explicit)


def needs(resources: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The resources that each resource depends on, by reference or DependsOn, among the given ones."""
    return {
        name: frozenset(
            target
            for target in (
                *depends_on(resource),
                *(one.target for key, child in resource.items() if key != "DependsOn" for one in references(child)),
            )
            if target in resources
        )
        for name, resource in resources.items()
    }


def order(needs: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The resources, each after those that it depends on. Raises graphlib.CycleError."""
    graph = {name: sorted(needs[name] & needs.keys()) for name in sorted(needs)}
    return tuple(TopologicalSorter(graph).static_order())


def cycle(needs: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Resources that depend on each other in a cycle, sorted; empty if there are none."""
    try:
        order(needs)
    except CycleError as error:
        return tuple(sorted(set(error.args[1])))
    return ()
