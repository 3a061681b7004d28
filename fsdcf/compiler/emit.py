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
    text: str = yaml.serialize(_node(ordered(template)), Dumper=_DUMPER, allow_unicode=True, width=120)
    return text


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


_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TAG = "tag:yaml.org,2002:"
_SHORT = {
    f"{prefix}{name}": f"!{name}"
    for prefix, names in (
        ("", ("Ref", "Condition")),
        ("Fn::", ("Sub", "GetAtt", "Join", "Select", "Split", "If", "Equals", "Not", "GetAZs")),
    )
    for name in names
}


def _node(value: Any, section: str = "", tag: str = "") -> yaml.Node:
    """A value as a node: nothing is ever an anchor, long texts are blocks, intrinsic functions bear their tags."""
    if isinstance(value, str):
        return _text(value, tag)
    if isinstance(value, bool):
        return yaml.ScalarNode(_TAG + "bool", "true" if value else "false")
    if isinstance(value, (int, float)):
        return yaml.ScalarNode(_TAG + ("int" if isinstance(value, int) else "float"), str(value))
    if isinstance(value, (list, tuple)):
        return yaml.SequenceNode(tag or _TAG + "seq", [_node(below, section) for below in value], flow_style=not value)
    if len(value) == 1 and not tag:
        name, argument = next(iter(value.items()))
        if name in _SHORT and (name != "Condition" or section == "Conditions"):
            whole = name == "Fn::GetAtt" and all(isinstance(part, str) for part in argument)
            return _node(".".join(argument) if whole else argument, section, _SHORT[name])
    pairs = [(_text(key, ""), _node(below, section or key)) for key, below in value.items()]
    return yaml.MappingNode(tag or _TAG + "map", pairs, flow_style=not value)


def _text(text: str, tag: str) -> yaml.Node:
    style = "|" if "\n" in text else "'" if not text else None
    return yaml.ScalarNode(tag or _TAG + "str", text, style=style)
