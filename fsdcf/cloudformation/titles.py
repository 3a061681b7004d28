"""Paths into a resource for a reader: the items of lists by their names, where they have any."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NAMES = ("Name", "Key", "Sid", "PolicyName", "AttributeName", "IndexName", "Id")
"""The properties that name an item of a list."""

_STEP = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")
"""A step of a title: an item, or a key."""


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


def path_of(title: str, properties: Any) -> tuple[str | int, ...]:
    """``ContainerDefinitions[app].Image`` -> ``("ContainerDefinitions", 0, "Image")``: below the Properties of a resource, as far as
    they have what the title names."""
    path: tuple[str | int, ...] = ()
    for item, key in _STEP.findall(title):
        step: str | int | None = key
        if isinstance(properties, list):
            step = next((index for index, one in enumerate(properties) if _name(one, str(index)) == item), None)
        elif not isinstance(properties, Mapping) or key not in properties:
            step = None
        if step is None:
            break
        path, properties = (*path, step), properties[step]
    return path


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
