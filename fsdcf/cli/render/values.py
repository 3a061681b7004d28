"""Values of properties for a reader: what differs between two of them, short enough to read, and with secrets masked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.masking import deciding_name, mask_value

KNOWN_LATER = "KNOWN_AFTER_APPLY"
"""Stands in a value that CloudFormation will only know once another resource has changed."""

_NAMES = ("Name", "Key", "Id", "Sid", "ContainerName", "PolicyName", "AttributeName", "IndexName")
"""The properties by which the items of a list are known."""

_SUBJECTS = (
    ("IpProtocol", "FromPort", "ToPort"),
    ("ContainerPort",),
    ("Effect", "Action"),
    ("Effect", "Resource"),
    ("Type",),
)
"""What tells the items of a list apart that have no names: ports of a rule, actions of a statement."""

_SCALAR = (str, int, float, bool)


def matched(before: Any, after: Any) -> list[tuple[str, Any, Any]] | None:
    """What each item is called, and the item on both sides, None where it is not there. None where a list is to be told as a whole.

    Items go together by their names; without names those that are the same are left out, wherever they stand, and the rest goes together by
    what it is about, then by its order. Lists with nothing in common are told as a whole.
    """
    if not (_is_of_mappings(before) and _is_of_mappings(after)):
        return None
    old, new = _by_name(before), _by_name(after)
    if old is not None and new is not None:
        return [(name, old.get(name), new.get(name)) for name in [*new, *(name for name in old if name not in new)]]
    return _by_content(before, after)


def same(before: Any, after: Any) -> bool:
    """Whether two values are the same to CloudFormation, to which ``5`` is ``"5"``."""
    return bool(before == after) or (
        isinstance(before, _SCALAR) and isinstance(after, _SCALAR) and _written(before) == _written(after)
    )


def _by_content(before: list[Any], after: list[Any]) -> list[tuple[str, Any, Any]] | None:
    left, right = dict(enumerate(before)), dict(enumerate(after))
    _pair(left, right, same)
    _pair(left, right, _alike)
    moved = not left and not right
    strange = len(left) == len(before) and len(right) == len(after) and len(before) + len(after) > 2
    if moved or strange:
        return None
    pairs = [pair for keys in _SUBJECTS for pair in _pair(left, right, _about(keys))]
    pairs += list(zip(sorted(left), sorted(right), strict=False))
    told = {f"{new}": (before[old], after[new]) for old, new in pairs}
    told |= {f"{new}": (None, after[new]) for new in right if new not in {one for _, one in pairs}}
    told = dict(sorted(told.items(), key=lambda one: int(one[0])))
    told |= {f"was {old}": (before[old], None) for old in left if old not in {one for one, _ in pairs}}
    return [(title, *sides) for title, sides in told.items()]


def _pair(left: dict[int, Any], right: dict[int, Any], fits: Callable[[Any, Any], bool]) -> list[tuple[int, int]]:
    """Takes out the items that fit each other; gives their indexes."""
    pairs = []
    for new, item in list(right.items()):
        old = next((index for index, one in left.items() if fits(one, item)), None)
        if old is not None:
            del left[old], right[new]
            pairs.append((old, new))
    return pairs


def _about(keys: tuple[str, ...]) -> Callable[[Any, Any], bool]:
    return lambda before, after: all(key in before and key in after and same(before[key], after[key]) for key in keys)


def _alike(before: Any, after: Any) -> bool:
    """Whether two values may be the same: what is known later may be anything that was there."""
    if isinstance(after, str) and KNOWN_LATER in after:
        return before is not None
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(_alike(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_alike, before, after))
    return same(before, after)


def _is_of_mappings(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _by_name(value: list[Any]) -> dict[str, Any] | None:
    """The items by what they are called; None where they have no names, or the same one twice."""
    for key in _NAMES:
        named = {item[key]: item for item in value if isinstance(item.get(key), str)}
        if len(named) == len(value):
            return named
    return None


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Difference:
    """One value that differs. ``path`` reads like ``ContainerDefinitions[app].Image``; None stands for what is not there."""

    path: str
    before: Any
    after: Any


def differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """The smallest values that differ between two, in the order of the second one; secrets are masked.

    ``5`` and ``"5"`` are the same to CloudFormation.
    """
    if same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping) and not (_is_function(before) or _is_function(after)):
        for key in [*after, *(key for key in before if key not in after)]:
            yield from differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
        return
    items = matched(before, after)
    if items is not None:
        for name, old, new in items:
            yield from differences(old, new, f"{path}[{name}]")
        return
    yield _leaf(path, before, after)


def shown(value: Any, widest: int = 200) -> str:
    """A value on one line, cut where it is wider than ``widest`` columns. What a resource tells stands as its name."""
    if value is None:
        return "nothing"
    value = named(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = visible(" ".join(text.split("\n")))
    return text if len(text) <= widest else text[: widest - 1] + "…"


def named(value: Any) -> Any:
    """A value with the functions that name a resource replaced by the name: ``{"Ref": "Table"}`` -> ``Table``."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            (function, argument), *_ = value.items()
            if function == "Ref":
                return argument
            if function == "Fn::GetAtt" and isinstance(argument, list):
                return ".".join(map(str, argument))
            if function == "Fn::Join" and isinstance(argument, list) and len(argument) == 2 and argument[0] == "":
                return "".join(part if isinstance(part, str) else f"${{{named(part)}}}" for part in argument[1])
        return {key: named(child) for key, child in value.items()}
    return [named(child) for child in value] if isinstance(value, (list, tuple)) else value


def visible(text: str) -> str:
    """The text without what a terminal would take for a command."""
    return "".join(one if one.isprintable() or one == " " else f"\\u{ord(one):04x}" for one in text)


def _leaf(path: str, before: Any, after: Any) -> Difference:
    name = deciding_name(path)
    return Difference(path.removesuffix(".Value"), _own(mask_value(before, name)), _own(mask_value(after, name)))


def _own(value: Any) -> Any:
    """The value of an item whose name the path tells already."""
    if isinstance(value, Mapping) and set(value) in ({"Name", "Value"}, {"Key", "Value"}):
        return value["Value"]
    return value


def _is_function(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref"))
