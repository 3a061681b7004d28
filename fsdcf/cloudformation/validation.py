"""Templates that CreateChangeSet refuses, with CloudFormation's messages."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fsdcf.cloudformation.compare import pointer
from fsdcf.cloudformation.evaluation import (
    PSEUDO,
    PSEUDO_NAMES,
    EvaluationError,
    Scope,
    evaluate,
    existing,
    scope_of,
    unknowns,
)
from fsdcf.cloudformation.facts import facts_of, services, types
from fsdcf.cloudformation.limits import BODY_BYTES, COUNTS, TEMPLATE_BYTES, compact
from fsdcf.cloudformation.parameters import resolved
from fsdcf.cloudformation.references import Path, cycle, depends_on, needs, references, section_of, steps
from fsdcf.cloudformation.types import record_of
from fsdcf.cloudformation.types.iam import missing_capabilities

SECTIONS = frozenset(
    [
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Hooks",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
        "Transform",
    ]
)
"""The sections of a template.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html"""

MEMBERS = frozenset(
    [
        "Condition",
        "CreationPolicy",
        "DeletionPolicy",
        "DependsOn",
        "Metadata",
        "Properties",
        "Type",
        "UpdatePolicy",
        "UpdateReplacePolicy",
        "Version",
    ]
)
"""The members of a resource.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-product-attribute-reference.html"""

PARAMETER_MEMBERS = frozenset(
    [
        "AllowedPattern",
        "AllowedValues",
        "ConstraintDescription",
        "Default",
        "Description",
        "MaxLength",
        "MaxValue",
        "MinLength",
        "MinValue",
        "NoEcho",
        "Type",
    ]
)
"""The members of a parameter.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html"""

POLICIES = {
    "DeletionPolicy": ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot"),
    "UpdateReplacePolicy": ("Delete", "Retain", "Snapshot"),
}
"""The values of the two policies."""

_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]+")
_PARAMETER_TYPE = re.compile(
    r"String|Number|CommaDelimitedList|List<(Number|String|AWS::[A-Za-z0-9:]+)>|AWS::[A-Za-z0-9:<>]+"
)


def malformed(template: Mapping[str, Any]) -> Iterator[str]:
    """CloudFormation's messages for a malformed template, in its order."""
    strange = sorted(name for name in template if name not in SECTIONS)
    if strange:
        yield f"Invalid template property or properties [{', '.join(strange)}]"
    if str(template.get("AWSTemplateFormatVersion", "2010-09-09")) != "2010-09-09":
        yield "Template format error: unsupported value for AWSTemplateFormatVersion."
    for path in _nulls(template, ()):
        yield f"[{pointer(path)}] 'null' values are not allowed in templates"
    for section in ("Conditions", "Mappings", "Outputs", "Parameters", "Resources"):
        if not isinstance(template.get(section, {}), Mapping | None):
            yield f"Template format error: {section} must be an object."
            return
    resources = section_of(template, "Resources")
    if not resources:
        yield "Template format error: At least one Resources member must be defined."
    yield from _parameters(section_of(template, "Parameters"))
    for name, one in resources.items():
        yield from _resource(name, one, section_of(template, "Conditions"))
    yield from _outputs(section_of(template, "Outputs"), section_of(template, "Conditions"))


def _nulls(value: Any, path: Path) -> Iterator[Path]:
    if value is None:
        yield path
    for step, child in steps(value):
        yield from _nulls(child, (*path, step))


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


def body_problem(body: str) -> str | None:
    """CloudFormation's message for a TemplateBody that is too long; None for one that it accepts."""
    if len(body.encode("utf-8")) <= BODY_BYTES:
        return None
    value = f"Value '{body[:80]}...' at 'templateBody' failed to satisfy constraint"
    return f"1 validation error detected: {value}: Member must have length less than or equal to {BODY_BYTES}"


def over_limits(template: Mapping[str, Any]) -> Iterator[str]:
    """CloudFormation's messages for a template with too many entries or bytes."""
    for section, most in COUNTS.items():
        count = len(section_of(template, section))
        if count > most:
            yield (
                f"Template format error: Number of {section.lower()}, {count}, is greater than maximum allowed, {most}"
            )
    if len(compact(template).encode("utf-8")) > TEMPLATE_BYTES:
        yield f"Template may not exceed {TEMPLATE_BYTES} bytes in size."


def problems(
    template: Mapping[str, Any], parameters: Mapping[str, str], capabilities: Collection[str] = ()
) -> tuple[str, ...]:
    """CreateChangeSet's messages for a template, in its order; empty if it is valid.

    ``parameters`` are the given values.

    "Requires capabilities" is an InsufficientCapabilitiesException, everything else a ValidationError. Unsupported
    properties come last: CloudFormation notices them when it creates the resource, at the latest.
    """
    form = [*malformed(template), *over_limits(template)]
    if form:
        return tuple(form)
    values, invalid = resolved(template, parameters, None)
    messages = [*_dangling(template), *_types(template), *_cycles(template), *invalid]
    if not messages:
        messages = list(_values(template, values))
    missing = missing_capabilities(template, capabilities)
    if missing:
        messages.append(f"Requires capabilities : [{', '.join(missing)}]")
    return (*messages, *_properties(template))


def type_problem(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """The message of a change set that fails because it changes the type of a resource; None if it does not.

    Source: https://github.com/aws/aws-sam-cli/issues/6786
    """
    old, new = (section_of(template, "Resources") for template in (before, after))
    changed = [name for name, one in new.items() if name in old and old[name]["Type"] != one["Type"]]
    if not changed:
        return None
    return (
        "Update of resource type is not permitted. The new template modifies resource type of the following resources: "
        f"[{', '.join(changed)}]"
    )


def _dangling(template: Mapping[str, Any]) -> Iterator[str]:
    """References to undefined names, by section, and to attributes that a type does not have."""
    resources: Mapping[str, Any] = template["Resources"]
    constants = {*section_of(template, "Parameters"), *PSEUDO_NAMES}
    lost = [one.target for one in references(section_of(template, "Conditions")) if one.target not in constants]
    if lost:
        yield (
            f"Template format error: Unresolved dependencies [{', '.join(dict.fromkeys(lost))}]. "
            "Cannot reference resources in the Conditions block of the template"
        )
    for block in ("Resources", "Outputs"):
        section = section_of(template, block)
        named = list(references(section))
        wanted = [one.target for one in named if one.target not in constants or one.attribute is not None]
        if block == "Resources":
            wanted += [target for one in section.values() for target in depends_on(one)]
        gone = [name for name in wanted if name not in resources]
        if gone:
            yield _unresolved(gone, block)
        for one in named:
            facts = facts_of(resources[one.target]["Type"]) if one.target in resources else None
            if one.attribute and facts and not facts.offers(one.attribute):
                yield (
                    f"Template error: resource {one.target} does not support attribute type {one.attribute} in "
                    "Fn::GetAtt"
                )


def _unresolved(names: list[str], block: str) -> str:
    listed = ", ".join(dict.fromkeys(names))
    return f"Template format error: Unresolved resource dependencies [{listed}] in the {block} block of the template"


def _types(template: Mapping[str, Any]) -> Iterator[str]:
    """Types that do not exist, as far as the data file contains all types of their service."""
    kinds = dict.fromkeys(one["Type"] for one in template["Resources"].values())
    strange = [kind for kind in kinds if not _exists(kind)]
    if strange:
        yield f"Template format error: Unrecognized resource types: [{', '.join(strange)}]"
    for one in template["Resources"].values():
        if one.get("DeletionPolicy") == "Snapshot" and record_of(one["Type"]).snapshot is None:
            yield f"Template error: resource type {one['Type']} does not support deletion policy Snapshot"


def _exists(kind: str) -> bool:
    if kind.startswith("Custom::"):
        return True
    return kind.count("::") >= 2 and (kind in types() or kind.rpartition("::")[0] not in services())


def _cycles(template: Mapping[str, Any]) -> Iterator[str]:
    names = cycle(needs(template["Resources"]))
    if names:
        yield f"Circular dependency between resources: [{', '.join(names)}]"


def _values(template: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[str]:
    """Functions that cannot be applied, and references to resources whose condition is false."""
    try:
        scope = scope_of(template, values, PSEUDO)
    except EvaluationError as error:
        yield str(error)
        return
    there = existing(template["Resources"], scope.conditions)
    outputs = existing(section_of(template, "Outputs"), scope.conditions)
    for block, section in (("Resources", there), ("Outputs", outputs)):
        lost: list[str] = []
        for one in section.values():
            try:
                lost += _lost({key: child for key, child in one.items() if key != "DependsOn"}, scope, there)
            except EvaluationError as error:
                yield str(error)
        if lost:
            yield _unresolved(lost, block)


def _lost(value: Any, scope: Scope, there: Collection[str]) -> list[str]:
    return [one.target for one in unknowns(evaluate(value, scope)) if one.target not in there]


def _properties(template: Mapping[str, Any]) -> Iterator[str]:
    for one in template["Resources"].values():
        facts = facts_of(one["Type"])
        if facts is None or facts.open:
            continue
        properties = one.get("Properties") or {}
        yield from (f"Encountered unsupported property {key}" for key in properties if key not in facts.properties)
        yield from (f"Property {key} cannot be empty." for key in sorted(facts.required) if key not in properties)
