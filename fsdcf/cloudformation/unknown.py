"""Values that are not known before a resource exists, and how they stand in a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Unknown:
    """What only a resource tells that does not exist yet: its physical id (``attribute`` None) or an attribute."""

    target: str
    attribute: str | None


@dataclass(frozen=True)
class Partial:
    """A value with an unknown part. Without ``function`` it is a text, ``parts`` in order; else ``function`` waits for its
    arguments, ``parts``, lists as tuples."""

    parts: tuple[Any, ...]
    function: str | None = None


def unknowns(value: Any) -> Iterator[Unknown]:
    """Every unknown below an evaluated value."""
    if isinstance(value, Unknown):
        yield value
    elif isinstance(value, Partial):
        for part in value.parts:
            yield from unknowns(part)
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from unknowns(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from unknowns(child)


def is_known(value: Any) -> bool:
    """Whether an evaluated value holds nothing unknown."""
    return next(unknowns(value), None) is None


def plain(value: Any) -> Any:
    """An evaluated value as plain data: what is unknown is written as the function that would tell it."""
    if isinstance(value, Unknown):
        return {"Ref": value.target} if value.attribute is None else {"Fn::GetAtt": [value.target, value.attribute]}
    if isinstance(value, Partial):
        parts = [plain(part) for part in value.parts]
        return {"Fn::Join": ["", parts]} if value.function is None else {value.function: parts}
    if isinstance(value, Mapping):
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [plain(child) for child in value]
    return value


def concatenated(parts: list[Any]) -> Any:
    """Texts and unknown parts as one value: a text where all is known, else a Partial whose neighbouring texts are joined."""
    flat: list[Any] = []
    for part in parts:
        for one in part.parts if isinstance(part, Partial) and part.function is None else (part,):
            if isinstance(one, str) and flat and isinstance(flat[-1], str):
                flat[-1] += one
            elif one != "":
                flat.append(one)
    if not flat:
        return ""
    if len(flat) == 1:
        return flat[0]
    return Partial(tuple(flat))


def frozen(value: Any) -> Any:
    """A value that can be a part of a Partial: lists as tuples, maps as tuples of pairs, both to any depth."""
    if isinstance(value, list | tuple):
        return tuple(frozen(one) for one in value)
    if isinstance(value, Mapping):
        return tuple((key, frozen(child)) for key, child in sorted(value.items()))
    return value
