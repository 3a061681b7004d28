"""The template as text: the same bytes for the same template, in JSON or YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml
from yaml import events
from yaml.resolver import Resolver

_ORDER = (
    "AWSTemplateFormatVersion",
    "Description",
    "Parameters",
    "Mappings",
    "Conditions",
    "Rules",
    "Resources",
    "Outputs",
)
_RESOURCE_ORDER = (
    *("Type", "Condition", "DependsOn", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy"),
    *("Metadata", "Properties"),
)


def ordered(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template with its sections and the attributes of each resource in reading order."""
    out: dict[str, Any] = {"AWSTemplateFormatVersion": "2010-09-09"}
    out |= {section: template[section] for section in _ORDER if template.get(section)}
    out["Resources"] = {
        name: {part: resource[part] for part in _RESOURCE_ORDER if part in resource}
        for name, resource in template["Resources"].items()
    }
    return out


def to_json(template: Mapping[str, Any]) -> str:
    """The template as indented JSON in ASCII, except for characters outside the basic multilingual plane.

    JSON escapes those as two surrogates, which YAML, the language that cfn-lint reads, does not accept.
    """
    text = json.dumps(ordered(template), indent=2, ensure_ascii=False) + "\n"
    return re.sub("[\x7f-\uffff]", lambda character: f"\\u{ord(character.group()):04x}", text)


def to_yaml(template: Mapping[str, Any]) -> str:
    """The template as YAML with the short forms ``!Ref``, ``!GetAtt``, ``!Sub`` and so on."""
    written: list[Any] = [events.StreamStartEvent(), events.DocumentStartEvent(explicit=False)]
    _write(ordered(template), written)
    written += [events.DocumentEndEvent(explicit=False), events.StreamEndEvent()]
    text: str = yaml.emit(written, Dumper=_DUMPER, allow_unicode=True, width=120)
    return _INVISIBLE.sub(lambda match: f"\\U{ord(match[0]):08x}", text)


_INVISIBLE = re.compile(
    "[\xad\u0600-\u0605\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
"""What changes the order of the text around it, or is not seen at all: it is an escape in a text in double quotes."""


_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_RESOLVER: Any = Resolver()
_MAPPING_END, _SEQUENCE_END = events.MappingEndEvent(), events.SequenceEndEvent()
_FUNCTIONS = ("Sub", "GetAtt", "Join", "Select", "Split", "If", "Equals", "Not", "GetAZs", "FindInMap", "ImportValue")
_SHORT = {"Ref": "!Ref", "Condition": "!Condition", **{f"Fn::{name}": f"!{name}" for name in _FUNCTIONS}}


def _write(value: Any, out: list[Any], section: str = "", tag: str = "") -> None:
    """A value as events: without anchors, multi-line strings as blocks, intrinsic functions as tags."""
    if isinstance(value, str):
        out.append(_text(value, tag))
    elif isinstance(value, (bool, int, float)):
        out.append(events.ScalarEvent(None, None, (True, False), json.dumps(value)))
    elif isinstance(value, (list, tuple)):
        out.append(events.SequenceStartEvent(None, tag or None, not tag, flow_style=not value))
        for below in value:
            _write(below, out, section)
        out.append(_SEQUENCE_END)
    elif not tag and len(value) == 1 and _is_function(name := next(iter(value)), section):
        argument = value[name]
        whole = name == "Fn::GetAtt" and all(isinstance(part, str) for part in argument)
        _write(".".join(argument) if whole else argument, out, section, _SHORT[name])
    else:
        out.append(events.MappingStartEvent(None, tag or None, not tag, flow_style=not value))
        for key, below in value.items():
            out.append(_text(key, ""))
            _write(below, out, section or key)
        out.append(_MAPPING_END)


def _is_function(name: str, section: str) -> bool:
    return name in _SHORT and (name != "Condition" or section == "Conditions")


@lru_cache(maxsize=4096)
def _text(text: str, tag: str) -> Any:
    """A string as an event, cached, because templates repeat strings."""
    style = '"' if _INVISIBLE.search(text) else "|" if "\n" in text else "'" if not text else None
    if tag:
        return events.ScalarEvent(None, tag, (False, False), text, style=style)
    plain = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) == "tag:yaml.org,2002:str"
    return events.ScalarEvent(None, None, (plain, True), text, style=style)
