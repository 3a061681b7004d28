"""What a change set says of one resource, in the words of DescribeChangeSet."""

from __future__ import annotations

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
