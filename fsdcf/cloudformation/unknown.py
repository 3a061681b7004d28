"""Values that are not known before a resource exists, and how they stand in a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_OF_ONE = frozenset({"Fn::Base64", "Fn::GetAZs", "Fn::ImportValue", "Fn::Length", "Fn::ToJsonString"})
"""The functions that take one argument: it stands in the template without a list around it."""


@dataclass(frozen=True)
class Unknown:
    """What only a resource tells that does not exist yet: its physical id (``attribute`` None) or an attribute."""

    target: str
    attribute: str | None


@dataclass(frozen=True)
class Partial:
    """A value with an unknown part. Without ``function`` it is a text, ``parts`` in order; else the function waits for an
    argument, and ``parts`` are its arguments as far as they are evaluated."""

    parts: tuple[Any, ...]
    function: str | None = None


def unknowns(value: Any) -> Iterator[Unknown]:
    """Every unknown below an evaluated value, in the order they stand."""
    if isinstance(value, Unknown):
        yield value
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from unknowns(child)
    else:
        for child in _items(value):
            yield from unknowns(child)


def is_known(value: Any) -> bool:
    """Whether an evaluated value is plain data through and through."""
    if isinstance(value, Unknown | Partial):
        return False
    if isinstance(value, Mapping):
        return all(map(is_known, value.values()))
    return all(map(is_known, _items(value)))


def plain(value: Any, known: Mapping[Unknown, Any] | None = None) -> Any:
    """An evaluated value as plain data: what is unknown is written as the function that would tell it.

    ``known`` gives values for unknowns that somebody knows after all, such as physical ids.
    """
    if isinstance(value, Unknown):
        if known and value in known:
            return known[value]
        return {"Ref": value.target} if value.attribute is None else {"Fn::GetAtt": [value.target, value.attribute]}
    if isinstance(value, Partial):
        return _written([plain(part, known) for part in value.parts], value.function)
    if isinstance(value, Mapping):
        return {key: plain(child, known) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [plain(child, known) for child in value]
    return value


def _written(parts: list[Any], function: str | None) -> Any:
    if function is not None:
        return {function: parts[0] if function in _OF_ONE else parts}
    if all(isinstance(part, str) for part in parts):
        return "".join(parts)
    return {"Fn::Join": ["", parts]}


def concatenated(parts: Sequence[Any]) -> Any:
    """Texts and unknown parts as one value: a text where all is known, else a Partial whose neighbouring texts are joined."""
    flat: list[Any] = []
    for part in parts:
        for one in part.parts if isinstance(part, Partial) and part.function is None else (part,):
            if isinstance(one, str) and flat and isinstance(flat[-1], str):
                flat[-1] += one
            elif one != "":
                flat.append(one)
    if len(flat) > 1:
        return Partial(tuple(flat))
    return flat[0] if flat else ""


def _items(value: Any) -> Sequence[Any]:
    if isinstance(value, Partial):
        return value.parts
    return value if isinstance(value, list | tuple) else ()
