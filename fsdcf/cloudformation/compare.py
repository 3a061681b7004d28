"""Comparison of evaluated values as CloudFormation compares them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from fsdcf.cloudformation.evaluation import is_unknown, plain, scalar
from fsdcf.cloudformation.references import Path


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
"""The value of a side that has none."""


@dataclass(frozen=True)
class Leaf:
    """A place where two values differ, by the indexes of the after side; MISSING for a side without a value."""

    path: Path
    before: Any
    after: Any


def dotted(path: Path) -> str:
    """A path as in the schemas: ``LoadBalancers.*.ContainerName``."""
    return ".".join("*" if isinstance(step, int) else step for step in path)


def pointer(path: Path) -> str:
    """A path as in DescribeChangeSet: ``/Properties/ContainerDefinitions/0/Image``."""
    return "".join(f"/{step}" for step in path)


def differences(before: Any, after: Any, unordered: Collection[str] = (), path: Path = ()) -> Iterator[Leaf]:
    """The places where two evaluated values differ, sorted by path.

    ``5`` equals ``"5"``, and ``true`` equals ``"true"``. The order of a list matters, unless its dotted path is in
    ``unordered``.
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
            for index, (left, right) in enumerate(zip_longest(before, after, fillvalue=MISSING)):
                yield from differences(left, right, unordered, (*path, index))
    elif not _same(before, after):
        yield Leaf(path, before, after)


def canonical(value: Any, unordered: Collection[str] = (), path: Path = ()) -> str:
    """A text that is the same for values without differences, and for no other values."""
    return json.dumps(_ordered(value, unordered, path), sort_keys=True)


def _same(before: Any, after: Any) -> bool:
    if any(isinstance(one, Mapping | list | _Missing) or is_unknown(one) for one in (before, after)):
        return bool(before == after)
    return _scalar(before) == _scalar(after)


def _scalar(value: Any) -> str:
    """A scalar as text; ``5.0`` is ``5``, because JSON has one type of number."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else scalar(value)


def _sets(before: list[Any], after: list[Any], unordered: Collection[str], path: Path) -> Iterator[Leaf]:
    """The differences of two lists without an order: equal items are ignored, the rest is compared in order."""
    left: dict[str, list[int]] = {}
    for index, item in enumerate(before):
        left.setdefault(canonical(item, unordered, (*path, 0)), []).append(index)
    added = []
    for index, item in enumerate(after):
        same = left.get(canonical(item, unordered, (*path, 0)))
        if same:
            same.pop(0)
        else:
            added.append(index)
    removed = sorted(index for indexes in left.values() for index in indexes)
    for old, new in zip_longest(removed, added):
        was, now = (MISSING if index is None else side[index] for index, side in ((old, before), (new, after)))
        yield from differences(was, now, unordered, (*path, old if new is None else new))


def _ordered(value: Any, unordered: Collection[str], path: Path) -> Any:
    if isinstance(value, Mapping):
        return {key: _ordered(child, unordered, (*path, key)) for key, child in value.items()}
    if isinstance(value, list):
        items = [_ordered(child, unordered, (*path, 0)) for child in value]
        is_set = unordered and dotted(path) in unordered
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if is_set else items
    if is_unknown(value):
        return {"": [type(value).__name__, plain(value)]}
    return _scalar(value)
