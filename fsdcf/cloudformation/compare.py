"""Two evaluated values side by side: where they differ, with the order of keys and of unordered lists left aside."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.evaluation import Partial, Unknown, plain, scalar

Path = tuple[str | int, ...]


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
"""Stands where one side has no value."""


@dataclass(frozen=True)
class Leaf:
    """One place where two values differ; MISSING where a side has none. ``path`` leads to it, by the after side's indexes."""

    path: Path
    before: Any
    after: Any


def dotted(path: Path) -> str:
    """A path as the schemas write it: ``LoadBalancers.*.ContainerName``."""
    return ".".join("*" if isinstance(step, int) else step for step in path)


def pointer(path: Path) -> str:
    """A path as DescribeChangeSet writes it: ``/Properties/ContainerDefinitions/0/Image``."""
    return "".join(f"/{step}" for step in path)


def differences(before: Any, after: Any, unordered: Collection[str] = (), path: Path = ()) -> Iterator[Leaf]:
    """The places where two evaluated values differ, sorted by path.

    ``5`` and ``"5"``, ``true`` and ``"true"`` are the same to CloudFormation. Lists keep their order, but for those whose dotted
    path is in ``unordered``.
    """
    if before is after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from differences(before.get(key, MISSING), after.get(key, MISSING), unordered, (*path, key))
    elif isinstance(before, list) and isinstance(after, list):
        if unordered and dotted(path) in unordered:
            yield from _sets(before, after, unordered, path)
        else:
            for index in range(max(len(before), len(after))):
                left = before[index] if index < len(before) else MISSING
                right = after[index] if index < len(after) else MISSING
                yield from differences(left, right, unordered, (*path, index))
    elif not _same(before, after):
        yield Leaf(path, before, after)


def canonical(value: Any, unordered: Collection[str] = (), path: Path = ()) -> str:
    """A text that is the same for values without differences, and for no others."""
    return json.dumps(_ordered(value, unordered, path), sort_keys=True)


_NOT_SCALAR = (Mapping, list, Unknown, Partial, _Missing)


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, _NOT_SCALAR) or isinstance(after, _NOT_SCALAR):
        return bool(before == after)
    return _scalar(before) == _scalar(after)


def _scalar(value: Any) -> str:
    """``5.0`` is ``5``: JSON has one kind of number."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else scalar(value)


def _sets(before: list[Any], after: list[Any], unordered: Collection[str], path: Path) -> Iterator[Leaf]:
    """Lists whose order has no meaning: equal items are put aside, the rest is compared in the order it stands."""
    left: dict[str, list[int]] = {}
    for place, one in enumerate(before):
        left.setdefault(canonical(one, unordered, (*path, 0)), []).append(place)
    right = []
    for index, one in enumerate(after):
        same = left.get(canonical(one, unordered, (*path, 0)))
        if same:
            same.pop(0)
        else:
            right.append(index)
    rest = sorted(place for places in left.values() for place in places)
    for number in range(max(len(rest), len(right))):
        old = before[rest[number]] if number < len(rest) else MISSING
        new = after[right[number]] if number < len(right) else MISSING
        yield from differences(old, new, unordered, (*path, right[number] if number < len(right) else rest[number]))


def _ordered(value: Any, unordered: Collection[str], path: Path) -> Any:
    if isinstance(value, Mapping):
        return {key: _ordered(child, unordered, (*path, key)) for key, child in value.items()}
    if isinstance(value, list):
        items = [_ordered(child, unordered, (*path, 0)) for child in value]
        return (
            sorted(items, key=lambda one: json.dumps(one, sort_keys=True))
            if unordered and dotted(path) in unordered
            else items
        )
    if isinstance(value, Unknown | Partial):
        return {"": [type(value).__name__, plain(value)]}
    return _scalar(value)
