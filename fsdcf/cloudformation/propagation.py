"""What a change of one resource means for those that refer to it: whether its id or an attribute moves, and how surely."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.compare import Path
from fsdcf.cloudformation.facts import facts_of
from fsdcf.cloudformation.unknown import Partial, Unknown

Move = Literal["surely", "perhaps", "no"]

FOLLOWS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "AWS::Backup::BackupPlan": {"VersionId": frozenset({"BackupPlan"})},
    "AWS::DynamoDB::GlobalTable": {"StreamArn": frozenset({"StreamSpecification"})},
    "AWS::DynamoDB::Table": {"StreamArn": frozenset({"StreamSpecification"})},
    "AWS::EC2::LaunchTemplate": {
        "DefaultVersionNumber": frozenset({"LaunchTemplateData"}),
        "LatestVersionNumber": frozenset({"LaunchTemplateData"}),
    },
    "AWS::EC2::VPC": {"DefaultNetworkAcl": frozenset(), "DefaultSecurityGroup": frozenset()},
    "AWS::IAM::ManagedPolicy": {"DefaultVersionId": frozenset({"PolicyDocument"})},
}
"""Attributes that change with these properties alone, by type; the return values in the reference say so.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html"""

_IDENTITY = ("Arn", "ARN", "Id", "ID", "Name", "Uri", "Url", "URL")
"""How attributes end that name a resource: they stay while the resource stays."""


def move(unknown: Unknown, found: Sequence[Change], every_attribute: bool = False) -> Move:
    """Whether these changes of a resource change its physical id (attribute None) or the attribute.

    A replacement that is certain moves both surely, a conditional one perhaps. An update in place moves an attribute where that is
    a property which changes, or a value that AWS computes; what identifies the resource stays. ``every_attribute``: any
    attribute of a resource that changes counts as perhaps moving, as DescribeChangeSet has it without IncludePropertyValues.
    """
    if not found:
        return "no"
    change = found[-1]
    if change.action != "Modify" or change.replacement == "True":
        return "surely"
    if change.replacement == "Conditional":
        return "perhaps"
    if unknown.attribute is None:
        return "no"
    return "perhaps" if every_attribute or _moves_in_place(unknown.attribute, change) else "no"


def _moves_in_place(attribute: str, change: Change) -> bool:
    changed = {detail.name for detail in change.details if detail.attribute == "Properties"}
    facts = facts_of(change.type)
    if facts is None or "*" in facts.attributes or attribute.startswith("Outputs."):
        return bool(changed)
    top = attribute.split(".")[0]
    if top == facts.tag_property:
        return "Tags" in change.scope
    if top in facts.properties and top not in facts.read_only:
        return top in changed
    follows = FOLLOWS.get(facts.type, {})
    if attribute in follows:
        return not follows[attribute].isdisjoint(changed)
    return bool(changed) and top not in facts.identifier and not attribute.endswith(_IDENTITY)


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Unknown]]:
    """Every unknown below an evaluated value: the path to the value that holds it, that value, and the unknown."""
    if isinstance(value, Unknown):
        yield path, value, value
    elif isinstance(value, Partial):
        for unknown in dict.fromkeys(one for part in value.parts for _, _, one in places(part)):
            yield path, value, unknown
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from places(child, (*path, key))
    elif isinstance(value, list | tuple):
        for index, child in enumerate(value):
            yield from places(child, (*path, index))
