"""What CreateChangeSet refuses in a template, in CloudFormation's own words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fsdcf.cloudformation.conditions import active, evaluated
from fsdcf.cloudformation.evaluate import EvaluationError
from fsdcf.cloudformation.facts import facts_of
from fsdcf.cloudformation.graph import cycle, needs
from fsdcf.cloudformation.intrinsics import references
from fsdcf.cloudformation.parameters import resolved
from fsdcf.cloudformation.pseudo import PSEUDO, PSEUDO_NAMES

MAXIMUM_BODY = 51_200
MAXIMUM_BYTES = 1_000_000
MAXIMUM_RESOURCES = 500
MAXIMUM_PARAMETERS = 200
MAXIMUM_OUTPUTS = 200
MAXIMUM_MAPPINGS = 200

_SECTIONS = frozenset(
    {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings", "Conditions", "Transform", "Resources", "Outputs", "Rules", "Hooks"}
)
_IAM = frozenset(f"AWS::IAM::{kind}" for kind in ("AccessKey", "Group", "InstanceProfile", "Policy", "Role", "User", "UserToGroupAddition", "ManagedPolicy"))
_NAMED = {"AWS::IAM::Group": "GroupName", "AWS::IAM::InstanceProfile": "InstanceProfileName", "AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::Role": "RoleName", "AWS::IAM::User": "UserName"}


def capabilities(template: Mapping[str, Any]) -> tuple[str, ...]:
    """The capabilities that the template needs: for IAM resources, for named ones, and for transforms.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
    """
    resources = (template.get("Resources") or {}).values()
    out = []
    if any(one["Type"] in _NAMED and _NAMED[one["Type"]] in (one.get("Properties") or {}) for one in resources):
        out.append("CAPABILITY_NAMED_IAM")
    elif any(one["Type"] in _IAM for one in resources):
        out.append("CAPABILITY_IAM")
    if template.get("Transform"):
        out.append("CAPABILITY_AUTO_EXPAND")
    return tuple(out)


def problems(template: Mapping[str, Any], parameters: Mapping[str, str], capabilities: Collection[str] = ()) -> tuple[str, ...]:
    """What CreateChangeSet refuses, first problem first, in CloudFormation's words; empty for a valid template."""
    return tuple(_problems(template, parameters, capabilities))


def _problems(template: Mapping[str, Any], parameters: Mapping[str, str], allowed: Collection[str]) -> Iterator[str]:
    resources: Mapping[str, Any] = template.get("Resources") or {}
    strange = [name for name in template if name not in _SECTIONS]
    if strange:
        yield f"Invalid template property or properties [{', '.join(strange)}]"
    if not resources:
        yield "Template format error: At least one Resources member must be defined."
        return
    yield from _dangling(template, resources)
    yield from _types(resources)
    found = cycle(needs(resources))
    if found:
        yield f"Circular dependency between resources: [{', '.join(found)}]"
    values, faults = resolved(template, parameters, None)
    yield from faults
    if not faults:
        try:
            active(template, evaluated(template, values, PSEUDO))
        except EvaluationError as error:
            yield str(error)
    missing = [one for one in capabilities_needed(template) if one not in allowed and not (one == "CAPABILITY_IAM" and "CAPABILITY_NAMED_IAM" in allowed)]
    if missing:
        yield f"Requires capabilities : [{', '.join(missing)}]"


capabilities_needed = capabilities


def _dangling(template: Mapping[str, Any], resources: Mapping[str, Any]) -> Iterator[str]:
    known = {*resources, *(template.get("Parameters") or {}), *PSEUDO_NAMES}
    for block in ("Resources", "Outputs"):
        section = template.get(block) or {}
        wanted = [one.target for one in references(section)]
        if block == "Resources":
            for one in section.values():
                explicit = one.get("DependsOn", ())
                wanted += (explicit,) if isinstance(explicit, str) else explicit
        lost = list(dict.fromkeys(name for name in wanted if name not in known))
        if lost:
            yield f"Template format error: Unresolved resource dependencies [{', '.join(lost)}] in the {block} block of the template"
        for reference in references(section):
            target = resources.get(reference.target)
            facts = facts_of(target["Type"]) if target else None
            if reference.attribute and facts and not _offers(facts.attributes, reference.attribute):
                yield f"Template error: resource {reference.target} does not support attribute type {reference.attribute} in Fn::GetAtt"


def _offers(attributes: Collection[str], wanted: str) -> bool:
    return wanted in attributes or ".*" in attributes or (wanted.startswith("Outputs.") and "Outputs\\..*" in attributes)


def _types(resources: Mapping[str, Any]) -> Iterator[str]:
    for one in resources.values():
        facts = facts_of(one.get("Type", ""))
        if facts is None:
            continue
        properties = one.get("Properties") or {}
        if not facts.open:
            for key in properties:
                if key not in facts.properties:
                    yield f"Encountered unsupported property {key}"
        for key in sorted(facts.required):
            if key not in properties:
                yield f"Property {key} cannot be empty."
