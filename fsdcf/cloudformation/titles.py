"""Paths into a resource for a reader: the items of lists by their names, where they have any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = ("Name", "Key", "Sid", "PolicyName", "AttributeName", "IndexName", "Id")
"""The properties that name an item of a list."""


def title(path: str, before: Any, after: Any) -> str:
    """``/Properties/ContainerDefinitions/0/Image`` -> ``ContainerDefinitions[app].Image``; empty where the items are not known.

    ``before`` and ``after`` are the whole resource on each side, None where it is not known. An item that takes another one's place
    bears both names: ``Environment[OLD -> NEW].Value``.
    """
    text = ""
    for step in path.strip("/").split("/"):
        if isinstance(before, list) or isinstance(after, list):
            before, after = at(before, step), at(after, step)
            names = [_name(one, step) for one in (before, after) if one is not None]
            text += f"[{' -> '.join(dict.fromkeys(names)) or step}]"
            continue
        before, after = at(before, step), at(after, step)
        if step.isdigit():
            return ""
        if step != "Properties" or text:
            text += f".{step}" if text else step
    return text


def at(value: Any, path: str) -> Any:
    """What stands at a path below a value (``/Properties/Tags/0``); None where nothing does."""
    for step in path.strip("/").split("/"):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _name(item: Any, index: str) -> str:
    """What an item of a list is called; its index if it has no name."""
    if not isinstance(item, Mapping):
        return index
    return next((item[key] for key in NAMES if isinstance(item.get(key), str)), index)
