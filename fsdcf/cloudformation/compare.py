"""Two evaluated values side by side: where they differ, with the order of keys and of unordered lists left aside."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.evaluate import scalar
from fsdcf.cloudformation.unknown import Partial, Unknown, plain

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


def differences(before: Any, after: Any, unordered: Collection[str] = (), path: Path = ()) -> Iterator[Leaf]:
    """The places where two evaluated values differ. ``5`` and ``"5"``, ``true`` and ``"true"`` are the same to CloudFormation."""
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
    elif not _same_scalar(before, after):
        yield Leaf(path, before, after)


def canonical(value: Any, unordered: Collection[str] = (), path: Path = ()) -> str:
    """A text that is the same for values without differences, and for no others."""
    return json.dumps(_ordered(value, unordered, path), sort_keys=True)


def _same_scalar(before: Any, after: Any) -> bool:
    if before is after or (before == after and type(before) is type(after)):
        return True
    fancy = (Mapping, list, Unknown, Partial, _Missing)
    if isinstance(before, fancy) or isinstance(after, fancy):
        return False
    return scalar(before) == scalar(after)


def _sets(before: list[Any], after: list[Any], unordered: Collection[str], path: Path) -> Iterator[Leaf]:
    """Lists whose order has no meaning: equal items are put aside, the rest is compared in the order it stands."""
    keys = [canonical(one, unordered, (*path, 0)) for one in before]
    left = list(range(len(before)))
    right = []
    for index, one in enumerate(after):
        key = canonical(one, unordered, (*path, 0))
        match = next((place for place in left if keys[place] == key), None)
        if match is None:
            right.append(index)
        else:
            left.remove(match)
    for place in range(max(len(left), len(right))):
        old = before[left[place]] if place < len(left) else MISSING
        new = after[right[place]] if place < len(right) else MISSING
        index = right[place] if place < len(right) else left[place]
        yield from differences(old, new, unordered, (*path, index))


def _ordered(value: Any, unordered: Collection[str], path: Path) -> Any:
    if isinstance(value, Mapping):
        return {key: _ordered(child, unordered, (*path, key)) for key, child in value.items()}
    if isinstance(value, list):
        items = [_ordered(child, unordered, (*path, 0)) for child in value]
        return sorted(items, key=lambda one: json.dumps(one, sort_keys=True)) if dotted(path) in unordered else items
    if isinstance(value, Unknown | Partial):
        return {"unknown": plain(value)}
    return scalar(value)
