"""The template as text: the same bytes for the same template, in JSON or YAML, within CloudFormation's limits."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml
from yaml.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from yaml.resolver import Resolver

from fsdcf.cloudformation.limits import COUNTS, ROLE_POLICY_CHARACTERS, TASK_DEFINITION_BYTES, TEMPLATE_BYTES

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
    """The template as indented JSON, in ASCII but for characters that JSON escapes as two: YAML, which cfn-lint reads, knows no halves."""
    text = json.dumps(ordered(template), indent=2) + "\n"
    return _ESCAPE.sub(_joined, text) if "\\ud" in text else text


_ESCAPE = re.compile(r"\\(?:(ud[89ab]..\\ud[c-f]..)|.)")


def _joined(escape: re.Match[str]) -> str:
    return str(json.loads(f'"{escape.group()}"')) if escape.group(1) else escape.group()


def to_yaml(template: Mapping[str, Any]) -> str:
    """The template as YAML with the short forms ``!Ref``, ``!GetAtt``, ``!Sub`` and the like."""
    events: list[Any] = [StreamStartEvent(), DocumentStartEvent(explicit=False)]
    _write(ordered(template), events)
    events += [DocumentEndEvent(explicit=False), StreamEndEvent()]
    text: str = yaml.emit(events, Dumper=_DUMPER, allow_unicode=True, width=120)
    return text


def over_limits(template: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What of a template CloudFormation, ECS or IAM would refuse for its size, and the way out, in words."""
    found = []
    smaller = "split the service, or share what it makes"
    for section, most in COUNTS.items():
        count = len(template.get(section, {}))
        if count > most:
            found.append((f"{count} {section.lower()}, where CloudFormation takes {most}", smaller))
    size = len(json.dumps(ordered(template), separators=(",", ":"), ensure_ascii=False).encode())
    if size > TEMPLATE_BYTES:
        found.append((f"{size} bytes, where CloudFormation takes {TEMPLATE_BYTES}", smaller))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ECS::TaskDefinition":
            size = len(json.dumps(resource["Properties"], separators=(",", ":"), ensure_ascii=False).encode())
            if size > TASK_DEFINITION_BYTES:
                told = f"a task definition of {size} bytes, variables and all, where ECS takes {TASK_DEFINITION_BYTES}"
                found.append(
                    (told, "let the service read long values from a file of its image, from a bucket, or as a secret")
                )
    for role, length in _inline_policies(template).items():
        if length > ROLE_POLICY_CHARACTERS:
            found.append(
                (f"{length} characters of policies for {role}, where IAM takes {ROLE_POLICY_CHARACTERS}", smaller)
            )
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
_RESOLVER: Any = Resolver()
_MAPPING_END, _SEQUENCE_END = MappingEndEvent(), SequenceEndEvent()
_SHORT = {
    f"{prefix}{name}": f"!{name}"
    for prefix, names in (
        ("", ("Ref", "Condition")),
        ("Fn::", ("Sub", "GetAtt", "Join", "Select", "Split", "If", "Equals", "Not", "GetAZs")),
    )
    for name in names
}


def _write(value: Any, out: list[Any], section: str = "", tag: str = "") -> None:
    """A value as events: nothing is ever an anchor, long texts are blocks, intrinsic functions bear their tags."""
    if isinstance(value, str):
        out.append(_text(value, tag))
    elif isinstance(value, (bool, int, float)):
        out.append(ScalarEvent(None, None, (True, False), json.dumps(value)))
    elif isinstance(value, (list, tuple)):
        out.append(SequenceStartEvent(None, tag or None, not tag, flow_style=not value))
        for below in value:
            _write(below, out, section)
        out.append(_SEQUENCE_END)
    elif not tag and len(value) == 1 and _is_function(name := next(iter(value)), section):
        argument = value[name]
        whole = name == "Fn::GetAtt" and all(isinstance(part, str) for part in argument)
        _write(".".join(argument) if whole else argument, out, section, _SHORT[name])
    else:
        out.append(MappingStartEvent(None, tag or None, not tag, flow_style=not value))
        for key, below in value.items():
            out.append(_text(key, ""))
            _write(below, out, section or key)
        out.append(_MAPPING_END)


def _is_function(name: str, section: str) -> bool:
    return name in _SHORT and (name != "Condition" or section == "Conditions")


@lru_cache(maxsize=4096)
def _text(text: str, tag: str) -> Any:
    """A string as an event. Events never change, and templates repeat themselves."""
    style = "|" if "\n" in text else "'" if not text else None
    if tag:
        return ScalarEvent(None, tag, (False, False), text, style=style)
    plain = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) == "tag:yaml.org,2002:str"
    return ScalarEvent(None, None, (plain, True), text, style=style)
