"""What a change set says of one resource, in the words of DescribeChangeSet."""

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


@dataclass(frozen=True)
class Detail:
    """One reason why a resource changes.

    ``name`` is the property (None for other attributes), ``path`` leads to the value (``/Properties/Cpu``). ``before`` and
    ``after`` are plain data, None where there is none. A Static detail is known now; a Dynamic one depends on what another
    resource's change gives, and ``after`` is then what the template says, not yet a value. ``cause`` is the parameter,
    resource or attribute (``Role.Arn``) that is behind it. ``title`` is the path for a reader, who knows the items of a list by their
    names (``ContainerDefinitions[app].Image``); empty where those are not known.
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


@dataclass(frozen=True)
class Change:
    """What happens to one resource. ``replacement`` belongs to Modify alone; ``policy`` says what becomes of the old one.

    ``before`` and ``after`` are the whole resource (``{"Properties": ...}``) on each side of a Modify, as plain data; None where it is
    not known. They say no more than the details, for whoever wants to compare by names what stands in lists.

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
