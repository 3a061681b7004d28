"""CloudFormation's functions in a value: which resources, parameters and conditions it names, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Path = tuple[str | int, ...]

VARIABLE = re.compile(r"\$\{\s*(!?)([^}]*?)\s*\}")
"""A variable of Fn::Sub; ``${!Literal}`` stands for itself without the exclamation mark."""

VARIABLE_NAME = re.compile(r"[A-Za-z0-9_.:]+")
"""What a variable of Fn::Sub may be called."""


@dataclass(frozen=True)
class Reference:
    """One mention of a resource, a parameter or a pseudo parameter; ``path`` leads to the function's map."""

    target: str
    attribute: str | None
    function: Literal["Ref", "Fn::GetAtt", "Fn::Sub"]
    path: Path


def function_of(value: Any) -> str | None:
    """The function that a value applies: the key of a map with one key, ``Ref``, ``Condition`` or ``Fn::...``; else None."""
    if isinstance(value, Mapping) and len(value) == 1:
        (key,) = value
        if isinstance(key, str) and (key.startswith("Fn::") or key == "Ref"):
            return key
    return None


def split_attribute(argument: Any) -> tuple[str, str] | None:
    """Resource and attribute of an Fn::GetAtt; None where the argument is malformed or the attribute itself a function."""
    if isinstance(argument, str):
        target, dot, attribute = argument.partition(".")
        return (target, attribute) if dot else None
    if isinstance(argument, list) and len(argument) >= 2 and all(isinstance(one, str) for one in argument):
        return argument[0], ".".join(argument[1:])
    return None


def sub_parts(argument: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Text and variables of an Fn::Sub; None where the argument is malformed."""
    if isinstance(argument, str):
        return argument, {}
    if (
        isinstance(argument, list)
        and len(argument) == 2
        and isinstance(argument[0], str)
        and isinstance(argument[1], Mapping)
    ):
        return argument[0], argument[1]
    return None


def references(value: Any, path: Path = ()) -> Iterator[Reference]:
    """Every Ref, Fn::GetAtt and variable of Fn::Sub below a value, pseudo parameters included, in the order they stand."""
    if isinstance(value, Mapping):
        function = function_of(value)
        if function == "Ref" and isinstance(value["Ref"], str):
            yield Reference(value["Ref"], None, "Ref", path)
        elif function == "Fn::GetAtt":
            yield from _attribute(value["Fn::GetAtt"], path)
        elif function == "Fn::Sub":
            yield from _substituted(value["Fn::Sub"], path)
        else:
            for key, child in value.items():
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
    for found in VARIABLE.finditer(text):
        if found[1] or found[2] in variables or not VARIABLE_NAME.fullmatch(found[2]):
            continue
        target, dot, attribute = found[2].partition(".")
        yield Reference(target, attribute if dot else None, "Fn::Sub", path)
    yield from references(variables, (*path, "Fn::Sub", 1))


def conditions_used(value: Any) -> Iterator[str]:
    """Names of the conditions below a value: those of Fn::If, and ``Condition`` alone in a map or beside a resource's Type."""
    if isinstance(value, Mapping):
        name = value.get("Condition")
        if isinstance(name, str) and (len(value) == 1 or "Type" in value):
            yield name
        branch = value.get("Fn::If")
        if isinstance(branch, list) and branch and isinstance(branch[0], str):
            yield branch[0]
        for child in value.values():
            yield from conditions_used(child)
    elif isinstance(value, list):
        for child in value:
            yield from conditions_used(child)


def needs(resources: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """What each resource waits for: those that it references or names in DependsOn, among the given ones."""
    out = {}
    for name, one in resources.items():
        explicit = one.get("DependsOn", ())
        explicit = (explicit,) if isinstance(explicit, str) else explicit
        found = {
            reference.target
            for reference in references({key: child for key, child in one.items() if key != "DependsOn"})
        }
        out[name] = frozenset(target for target in (*explicit, *found) if target in resources)
    return out


def cycle(needs: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Resources that wait for each other, sorted; empty where there are none."""
    left = dict(needs)
    while True:
        ready = [name for name, wanted in left.items() if not any(one in left for one in wanted)]
        if not ready:
            break
        for name in ready:
            del left[name]
    if not left:
        return ()
    trail: list[str] = []
    name = min(left)
    while name not in trail:
        trail.append(name)
        name = min(one for one in left[name] if one in left)
    return tuple(sorted(trail[trail.index(name) :]))


def waves(needs: Mapping[str, frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    """The resources in waves: each needs only earlier ones, and stands in the first wave that allows it. Raises ValueError."""
    done: set[str] = set()
    left = {name: {one for one in wanted if one in needs} for name, wanted in needs.items()}
    out = []
    while left:
        ready = tuple(sorted(name for name, wanted in left.items() if wanted <= done))
        if not ready:
            raise ValueError(f"Circular dependency between resources: [{', '.join(cycle(needs))}]")
        out.append(ready)
        done.update(ready)
        left = {name: wanted for name, wanted in left.items() if name not in done}
    return tuple(out)


def order(needs: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The resources one after the other, each after what it needs. Raises ValueError where there is a cycle."""
    return tuple(name for wave in waves(needs) for name in wave)
