"""Policy documents in a template: found wherever they stand, and whose they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fsdcf.cloudformation.unknown import Partial
from fsdcf.plan.view import Resource, View, items, target_of, text_of

Path = tuple[str | int, ...]
Kind = Literal["identity", "trust", "resource"]

_IDENTITIES = {
    "AWS::IAM::Policy": ("Roles", "Users", "Groups"),
    "AWS::IAM::ManagedPolicy": ("Roles", "Users", "Groups"),
    "AWS::IAM::RolePolicy": ("RoleName",),
    "AWS::IAM::UserPolicy": ("UserName",),
    "AWS::IAM::GroupPolicy": ("GroupName",),
}
"""Types that hold a policy of an identity, and the properties that name the identities."""

HOLDERS = ("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group")
"""Types that are identities, and may hold policies."""
_GUARDED = (
    "Bucket",
    "Queues",
    "Topics",
    "SecretId",
    "TopicArn",
    "EventBusName",
    "FunctionName",
    "ResourceArn",
    "RepositoryName",
)
"""Properties by which a policy that is a resource of its own names what it guards."""


@dataclass(frozen=True)
class Document:
    """A policy document. ``subjects`` are those whom an identity policy is for, or the resources that a resource policy guards."""

    resource: Resource
    path: Path
    name: str
    kind: Kind
    subjects: tuple[str, ...]
    statements: tuple[tuple[Path, Mapping[str, Any]], ...]


def documents(view: View) -> Iterator[Document]:
    """Every policy document of a template, in the order of its resources: whatever has a Statement is one.

    A document as JSON in a text is read as well.
    """
    attached: dict[str, list[str]] = {}
    for holder in view.of(*HOLDERS):
        for one in items(holder.properties.get("ManagedPolicyArns")):
            attached.setdefault(target_of(one) or "", []).append(holder.name)
    for resource in view.resources.values():
        for path, found in _found(resource.properties, ()):
            yield _document(resource, path, found, attached.get(resource.name, []))


def _found(value: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if isinstance(value, str | Partial):
        value = _from_json(value)
    if isinstance(value, Mapping):
        if "Statement" in value:
            yield path, value
            return
        for key, child in value.items():
            yield from _found(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _found(child, (*path, index))


def _from_json(value: str | Partial) -> Any:
    """The policy that a text holds; None where it holds none."""
    text = text_of(value)
    if '"Statement"' not in text:
        return None
    try:
        data = json.loads(text)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _document(resource: Resource, path: Path, found: Mapping[str, Any], attached: list[str]) -> Document:
    statements = found["Statement"]
    if isinstance(statements, Mapping):
        listed: list[tuple[Path, Any]] = [((*path, "Statement"), statements)]
    else:
        listed = [((*path, "Statement", index), one) for index, one in enumerate(items(statements))]
    kept = tuple((place, one) for place, one in listed if isinstance(one, Mapping))
    kind, subjects = _whose(resource, path, attached)
    return Document(resource, path, _name(resource, path), kind, subjects, kept)


def _whose(resource: Resource, path: Path, attached: list[str]) -> tuple[Kind, tuple[str, ...]]:
    if path[:1] == ("AssumeRolePolicyDocument",):
        return "trust", (resource.name,)
    if resource.type in HOLDERS:
        return "identity", (resource.name,)
    named = _IDENTITIES.get(resource.type)
    if named is not None:
        found = [text_of(one) for key in named for one in items(resource.properties.get(key))]
        return "identity", tuple(dict.fromkeys([*found, *attached])) or (f"nobody yet ({resource.name})",)
    guarded = (
        [one for key in _GUARDED for one in items(resource.properties.get(key))] if path[:1] != ("KeyPolicy",) else []
    )
    if resource.type.endswith("Policy") and guarded:
        return "resource", tuple(target_of(one) or text_of(one) for one in guarded)
    return "resource", (resource.name,)


def _name(resource: Resource, path: Path) -> str:
    """What the policy is called: its PolicyName, beside the document or in its resource, else the property that holds it."""
    if path[:1] == ("Policies",) and len(path) > 1 and isinstance(path[1], int):
        policy = items(resource.properties.get("Policies"))[path[1]]
        if isinstance(policy, Mapping) and policy.get("PolicyName"):
            return text_of(policy["PolicyName"])
    if path[:1] == ("PolicyDocument",) and resource.properties.get("PolicyName"):
        return text_of(resource.properties["PolicyName"])
    return text_of(path[0]) if path else resource.name
