"""The form of a template: its sections and the members of each, before anything is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fsdcf.cloudformation.intrinsics import Path

SECTIONS = frozenset(
    {
        *(
            "AWSTemplateFormatVersion",
            "Conditions",
            "Description",
            "Hooks",
            "Mappings",
            "Metadata",
            "Outputs",
            "Parameters",
        ),
        *("Resources", "Rules", "Transform"),
    }
)
"""Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html"""

MEMBERS = frozenset(
    {
        *(
            "Condition",
            "CreationPolicy",
            "DeletionPolicy",
            "DependsOn",
            "Metadata",
            "Properties",
            "Type",
            "UpdatePolicy",
        ),
        *("UpdateReplacePolicy", "Version"),
    }
)
"""What a resource may have.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-product-attribute-reference.html"""

PARAMETER_MEMBERS = frozenset(
    {
        *(
            "AllowedPattern",
            "AllowedValues",
            "ConstraintDescription",
            "Default",
            "Description",
            "MaxLength",
            "MaxValue",
        ),
        *("MinLength", "MinValue", "NoEcho", "Type"),
    }
)
"""Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html"""

POLICIES = {
    "DeletionPolicy": ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot"),
    "UpdateReplacePolicy": ("Delete", "Retain", "Snapshot"),
}
"""The words that the two policies know."""

_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]+")
_PARAMETER_TYPE = re.compile(
    r"String|Number|CommaDelimitedList|List<(Number|String|AWS::[A-Za-z0-9:]+)>|AWS::[A-Za-z0-9:<>]+"
)


def malformed(template: Mapping[str, Any]) -> Iterator[str]:
    """What CloudFormation says of a template's form, first problem first."""
    strange = sorted(name for name in template if name not in SECTIONS)
    if strange:
        yield f"Invalid template property or properties [{', '.join(strange)}]"
    if str(template.get("AWSTemplateFormatVersion", "2010-09-09")) != "2010-09-09":
        yield "Template format error: unsupported value for AWSTemplateFormatVersion."
    for path in _nulls(template, ()):
        yield f"[{''.join(f'/{step}' for step in path)}] 'null' values are not allowed in templates"
    for section in ("Conditions", "Mappings", "Outputs", "Parameters", "Resources"):
        if not isinstance(template.get(section, {}), Mapping | None):
            yield f"Template format error: {section} must be an object."
            return
    resources = template.get("Resources") or {}
    if not resources:
        yield "Template format error: At least one Resources member must be defined."
    yield from _parameters(template.get("Parameters") or {})
    for name, one in resources.items():
        yield from _resource(name, one, template.get("Conditions") or {})
    yield from _outputs(template.get("Outputs") or {}, template.get("Conditions") or {})


def _nulls(value: Any, path: Path) -> Iterator[Path]:
    if value is None:
        yield path
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from _nulls(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _nulls(child, (*path, index))


def _parameters(declared: Mapping[str, Any]) -> Iterator[str]:
    for name, one in declared.items():
        if not _ALPHANUMERIC.fullmatch(name):
            yield f"Template format error: Parameter name {name} is non alphanumeric."
        if not isinstance(one, Mapping) or "Type" not in one:
            yield "Template format error: Every Parameters object must contain a Type member."
            continue
        if not _PARAMETER_TYPE.fullmatch(str(one["Type"])):
            yield f"Template format error: Unrecognized parameter type: {one['Type']}"
        yield from (f"Invalid template parameter property '{key}'" for key in one if key not in PARAMETER_MEMBERS)


def _resource(name: str, one: Any, conditions: Mapping[str, Any]) -> Iterator[str]:
    if not _ALPHANUMERIC.fullmatch(name):
        yield f"Template format error: Resource name {name} is non alphanumeric."
    if not isinstance(one, Mapping) or not isinstance(one.get("Type"), str):
        yield f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
        return
    yield from (f"Invalid template resource property '{key}'" for key in one if key not in MEMBERS)
    if not isinstance(one.get("Properties", {}), Mapping | None):
        yield f"Template format error: [/Resources/{name}/Properties] Properties must be an object."
    condition = one.get("Condition")
    if condition is not None and condition not in conditions:
        yield f"Template format error: Condition {condition} is not defined."
    for attribute, words in POLICIES.items():
        word = one.get(attribute)
        if isinstance(word, str) and word not in words:
            yield f"Template error: {attribute} {word} is not supported in resource {name}"


def _outputs(outputs: Mapping[str, Any], conditions: Mapping[str, Any]) -> Iterator[str]:
    for name, one in outputs.items():
        if not _ALPHANUMERIC.fullmatch(name):
            yield f"Template format error: Output name {name} is non alphanumeric."
        if not isinstance(one, Mapping) or "Value" not in one:
            yield "Template format error: Every Outputs member must contain a Value object"
        elif one.get("Condition") is not None and one["Condition"] not in conditions:
            yield f"Template format error: Condition {one['Condition']} is not defined."
