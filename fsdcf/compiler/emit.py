"""The template as text: the same bytes for the same template, in JSON or YAML, within CloudFormation's limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

LARGEST_BODY = 1_000_000
"""Bytes of a template in S3; a body sent inline holds 51,200. Source: AWS CloudFormation quotas."""

MOST = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
"""Entries of a section. Source: AWS CloudFormation quotas."""

LARGEST_ROLE_POLICIES = 10_240
"""Characters of all inline policies of a role, white space not counted. Source: IAM quotas."""

_ORDER = ("AWSTemplateFormatVersion", "Description", "Parameters", "Conditions", "Resources", "Outputs")
_RESOURCE_ORDER = ("Type", "Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata", "Properties")


def ordered(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template with its sections and the parts of each resource in reading order."""
    out: dict[str, Any] = {"AWSTemplateFormatVersion": "2010-09-09"}
    out |= {section: template[section] for section in _ORDER if template.get(section)}
    out["Resources"] = {
        name: {part: resource[part] for part in _RESOURCE_ORDER if part in resource}
        for name, resource in template["Resources"].items()
    }
    return out


def to_json(template: Mapping[str, Any]) -> str:
    """The template as indented JSON, in ASCII."""
    return json.dumps(ordered(template), indent=2) + "\n"


def to_yaml(template: Mapping[str, Any]) -> str:
    """The template as YAML with the short forms ``!Ref``, ``!GetAtt``, ``!Sub`` and the like."""
    return yaml.dump(
        _short(ordered(template)), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False
    )


def over_limits(template: Mapping[str, Any]) -> list[str]:
    """What of a template CloudFormation or IAM would refuse for its size, in words."""
    found = []
    for section, most in MOST.items():
        count = len(template.get(section, {}))
        if count > most:
            found.append(f"{count} {section.lower()}, where CloudFormation takes {most}")
    size = len(json.dumps(ordered(template), separators=(",", ":"), ensure_ascii=False).encode())
    if size > LARGEST_BODY:
        found.append(f"{size} bytes, where CloudFormation takes {LARGEST_BODY}")
    for role, length in _inline_policies(template).items():
        if length > LARGEST_ROLE_POLICIES:
            found.append(f"{length} characters of policies for {role}, where IAM takes {LARGEST_ROLE_POLICIES}")
    return found


def _inline_policies(template: Mapping[str, Any]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            documents, roles = [policy["PolicyDocument"] for policy in properties.get("Policies", [])], [name]
        elif resource["Type"] == "AWS::IAM::Policy":
            documents, roles = [properties["PolicyDocument"]], [role["Ref"] for role in properties["Roles"]]
        else:
            continue
        for role in roles:
            sizes[role] = sizes.get(role, 0) + sum(len(json.dumps(one, separators=(",", ":"))) for one in documents)
    return sizes


class _Tagged:
    """An intrinsic function in its short form."""

    def __init__(self, tag: str, value: Any) -> None:
        self.tag = tag
        self.value = value


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Plain YAML: no anchors, long texts as blocks, intrinsic functions by their tags."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_SHORT = (
    "Ref",
    "Condition",
    "Fn::Sub",
    "Fn::GetAtt",
    "Fn::Join",
    "Fn::Select",
    "Fn::Split",
    "Fn::If",
    "Fn::Equals",
    "Fn::Not",
    "Fn::GetAZs",
)


def _short(value: Any, inside: str = "") -> Any:
    if isinstance(value, Mapping):
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name in _SHORT and (name != "Condition" or inside == "Conditions"):
                return _tagged(name, argument, inside)
        return {key: _short(below, inside or key) for key, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [_short(below, inside) for below in value]
    return value


def _tagged(name: str, argument: Any, inside: str) -> _Tagged:
    tag = "!" + name.removeprefix("Fn::")
    if name == "Fn::GetAtt" and all(isinstance(part, str) for part in argument):
        return _Tagged(tag, ".".join(argument))
    return _Tagged(tag, _short(argument, inside))


def _represent_tagged(dumper: Any, tagged: _Tagged) -> Any:
    if isinstance(tagged.value, str):
        return dumper.represent_scalar(
            tagged.tag, tagged.value, style="|" if "\n" in tagged.value else None if tagged.value else "'"
        )
    if isinstance(tagged.value, list):
        return dumper.represent_sequence(tagged.tag, tagged.value)
    return dumper.represent_mapping(tagged.tag, tagged.value)


def _represent_text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(_Tagged, _represent_tagged)
_Dumper.add_representer(str, _represent_text)
