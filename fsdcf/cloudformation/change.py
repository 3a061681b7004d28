"""Changes of resources, as in DescribeChangeSet, and their paths for a reader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Action = Literal["Add", "Modify", "Remove", "Import", "Dynamic", "SyncWithActual"]
Replacement = Literal["True", "False", "Conditional"]
PolicyAction = Literal["Delete", "Retain", "Snapshot", "ReplaceAndDelete", "ReplaceAndRetain", "ReplaceAndSnapshot"]
Attribute = Literal[
    "Properties", "Metadata", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy", "Tags"
]
Recreation = Literal["Never", "Conditionally", "Always"]
Source = Literal["ResourceReference", "ParameterReference", "ResourceAttribute", "DirectModification", "Automatic"]


KNOWN_LATER = "KNOWN_AFTER_APPLY"
"""Part of a value that CloudFormation knows only after another resource has changed."""


@dataclass(frozen=True)
class Drifted:
    """A value that was changed outside CloudFormation: that of the last deployment, and the actual one."""

    previous: Any
    actual: Any


@dataclass(frozen=True)
class Detail:
    """A reason why a resource changes.

    ``name`` is the property (None for other attributes), ``path`` the path of the value (``/Properties/Cpu``).
    ``before`` and ``after`` are plain data, None without a value. A Static detail is known now. A Dynamic one depends
    on the change of another resource; ``after`` is then what the template has, not the resulting value. ``cause`` is
    the parameter, resource or attribute (``Role.Arn``) that causes it. ``title`` is the path for a reader, with the
    names of list items (``ContainerDefinitions[app].Image``); empty if they are not known. ``drift`` is set if the
    change set looked for drift and found some.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
    """

    attribute: Attribute
    name: str | None
    path: str
    before: Any
    after: Any
    recreation: Recreation
    source: Source
    cause: str | None = None
    evaluation: Literal["Static", "Dynamic"] = "Static"
    title: str = ""
    drift: Drifted | None = None


@dataclass(frozen=True)
class Change:
    """The change of a resource.

    ``replacement`` is only set for Modify; ``policy`` is what happens to the old resource.

    ``before`` and ``after`` are the whole resource (``{"Properties": ...}``) on each side of a Modify, as plain data;
    None if it is not known. They repeat the details, for a comparison of list items by name.

    ``drift`` is the resource's drift status (MODIFIED, DELETED, IN_SYNC, …), empty if the change set did not look for
    drift. ``ignored`` are paths whose drift it leaves alone, with CloudFormation's reason.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """

    action: Action | str
    logical_id: str
    type: str
    physical_id: str | None = None
    replacement: Replacement | str | None = None
    policy: PolicyAction | str | None = None
    scope: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()
    before: Any = field(default=None, compare=False, repr=False)
    after: Any = field(default=None, compare=False, repr=False)
    drift: str = ""
    ignored: tuple[tuple[str, str], ...] = ()


NAMES = ("Name", "Key", "Sid", "PolicyName", "AttributeName", "IndexName", "Id")
"""The properties that name an item of a list."""

_STEP = re.compile(r"\[([^\[\]]*)\]|([^.\[\]]+)")
"""A step of a title: an item, or a key."""


def title(path: str, before: Any, after: Any) -> str:
    """The title of a path, such as ``ContainerDefinitions[app].Image``; empty if the items are not known.

    ``before`` and ``after`` are the whole resource on each side, None if it is not known. If another item takes the
    place of an item, the title has both names: ``Environment[OLD -> NEW].Value``.
    """
    text = ""
    for step in path.strip("/").split("/"):
        in_list = isinstance(before, list) or isinstance(after, list)
        before, after = at(before, step), at(after, step)
        if in_list:
            names = [_name(item, step) for item in (before, after) if item is not None]
            text += f"[{' -> '.join(dict.fromkeys(names)) or step}]"
        elif step.isdigit():
            return ""
        elif step != "Properties" or text:
            text += f".{step}" if text else step
    return text


def path_of(title: str, properties: Any) -> tuple[str | int, ...]:
    """The path of a title in the properties of a resource (``("ContainerDefinitions", 0, "Image")``), as far as it
    exists.
    """
    path: tuple[str | int, ...] = ()
    for name, key in _STEP.findall(title):
        step: str | int | None = key
        if isinstance(properties, list):
            step = next((index for index, item in enumerate(properties) if _name(item, str(index)) == name), None)
        elif not isinstance(properties, Mapping) or key not in properties:
            step = None
        if step is None:
            break
        path, properties = (*path, step), properties[step]
    return path


def at(value: Any, path: str) -> Any:
    """The part of a value at a path (``/Properties/Tags/0``); None if there is none."""
    for step in path.strip("/").split("/"):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _name(item: Any, index: str) -> str:
    """The name of a list item, or its index if it has no name."""
    if not isinstance(item, Mapping):
        return index
    return next((item[key] for key in NAMES if isinstance(item.get(key), str)), index)
