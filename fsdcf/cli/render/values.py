"""Property values for a reader: what differs between two of them, short enough to read, with secrets masked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.change import KNOWN_LATER
from fsdcf.cloudformation.references import function_of
from fsdcf.masking import deciding_name, mask_value
from fsdcf.wording import visible

_NAMES = ("Name", "Key", "Id", "Sid", "ContainerName", "PolicyName", "AttributeName", "IndexName")
"""The properties that name the items of a list."""

_SUBJECTS = (
    ("IpProtocol", "FromPort", "ToPort"),
    ("ContainerPort",),
    ("Effect", "Action"),
    ("Effect", "Resource"),
    ("Type",),
)
"""The properties that tell items without names apart: the ports of a rule, the actions of a statement."""

_SCALAR = (str, int, float, bool)


def matched(before: Any, after: Any) -> list[tuple[str, Any, Any]] | None:
    """The items of two lists in pairs: a title, and the item on both sides or None.

    None if the lists are shown as a whole.

    Items with names are paired by name. Without names, equal items are left out regardless of their position; the
    others are paired by what they are about, then by position. Lists that have nothing in common are shown as a whole.
    """
    if not (_is_of_mappings(before) and _is_of_mappings(after)):
        return None
    old, new = _by_name(before), _by_name(after)
    if old is not None and new is not None:
        return [(name, old.get(name), new.get(name)) for name in dict.fromkeys([*new, *old])]
    return _by_content(before, after)


def same(before: Any, after: Any) -> bool:
    """Whether CloudFormation takes two values as equal: ``5`` equals ``"5"``."""
    return bool(before == after) or (
        isinstance(before, _SCALAR) and isinstance(after, _SCALAR) and _written(before) == _written(after)
    )


def _by_content(before: list[Any], after: list[Any]) -> list[tuple[str, Any, Any]] | None:
    left, right = dict(enumerate(before)), dict(enumerate(after))
    _pair(left, right, same)
    _pair(left, right, _may_be_same)
    moved = not left and not right
    unrelated = len(left) == len(before) and len(right) == len(after) and len(before) + len(after) > 2
    if moved or unrelated:
        return None
    pairs = [pair for keys in _SUBJECTS for pair in _pair(left, right, _about(keys))]
    pairs += list(zip(sorted(left), sorted(right), strict=False))
    paired_old, paired_new = {old for old, _ in pairs}, {new for _, new in pairs}
    changed = {new: (before[old], after[new]) for old, new in pairs}
    changed |= {new: (None, after[new]) for new in right if new not in paired_new}
    removed = [(f"was {old}", before[old], None) for old in left if old not in paired_old]
    return [*((f"{new}", *changed[new]) for new in sorted(changed)), *removed]


def _pair(left: dict[int, Any], right: dict[int, Any], fits: Callable[[Any, Any], bool]) -> list[tuple[int, int]]:
    """Remove the items that fit each other, and return their indexes."""
    pairs = []
    for new, item in list(right.items()):
        old = next((index for index, candidate in left.items() if fits(candidate, item)), None)
        if old is not None:
            del left[old], right[new]
            pairs.append((old, new))
    return pairs


def _about(keys: tuple[str, ...]) -> Callable[[Any, Any], bool]:
    return lambda before, after: all(key in before and key in after and same(before[key], after[key]) for key in keys)


def _may_be_same(before: Any, after: Any) -> bool:
    """Whether two values may be equal: a value that is known later may equal any former value."""
    if isinstance(after, str) and KNOWN_LATER in after:
        return before is not None
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(_may_be_same(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_may_be_same, before, after))
    return same(before, after)


def _is_of_mappings(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _by_name(value: list[Any]) -> dict[str, Any] | None:
    """The items by name; None if some have no name or share one."""
    for key in _NAMES:
        items = {item[key]: item for item in value if isinstance(item.get(key), str)}
        if len(items) == len(value):
            return items
    return None


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class ValueDifference:
    """A value that differs. ``path`` has the form ``ContainerDefinitions[app].Image``; None is a missing value."""

    path: str
    before: Any
    after: Any


def differences(before: Any, after: Any, path: str = "") -> Iterator[ValueDifference]:
    """The smallest differing values of two, in the order of the second one, with secrets masked."""
    if same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping) and not (function_of(before) or function_of(after)):
        for key in dict.fromkeys([*after, *before]):
            yield from differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
        return
    items = matched(before, after)
    if items is not None:
        for name, old, new in items:
            yield from differences(old, new, f"{path}[{name}]")
        return
    name = deciding_name(path)
    masked = (_value_alone(mask_value(value, name)) for value in (before, after))
    yield ValueDifference(path.removesuffix(".Value"), *masked)


def shown(value: Any, widest: int = 200) -> str:
    """A value on one line, cut at ``widest`` columns; references to a resource are shown as its name."""
    if value is None:
        return "nothing"
    value = named(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = visible(" ".join(text.split("\n")))
    return text if len(text) <= widest else text[: widest - 1] + "…"


def named(value: Any) -> Any:
    """A value with functions that refer to a resource or an export replaced by its name: ``{"Ref": "Table"}`` ->
    ``Table``."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            (function, argument), *_ = value.items()
            if function == "Ref" or (function == "Fn::ImportValue" and isinstance(argument, str)):
                return argument
            if function == "Fn::GetAtt" and isinstance(argument, list):
                return ".".join(map(str, argument))
            if function == "Fn::Join" and isinstance(argument, list) and len(argument) == 2 and argument[0] == "":
                return "".join(part if isinstance(part, str) else f"${{{named(part)}}}" for part in argument[1])
        return {key: named(child) for key, child in value.items()}
    return [named(child) for child in value] if isinstance(value, (list, tuple)) else value


def fields(one: object, *names: str) -> dict[str, Any]:
    """The named attributes of an object as plain data, with keys in camel case: ``logical_id`` -> ``logicalId``."""
    return {re.sub("_(.)", lambda found: found[1].upper(), name): getattr(one, name) for name in names}


def _value_alone(value: Any) -> Any:
    """The value of a named item, whose name the path already contains."""
    if isinstance(value, Mapping) and set(value) in ({"Name", "Value"}, {"Key", "Value"}):
        return value["Value"]
    return value
