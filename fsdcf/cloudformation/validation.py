"""What CreateChangeSet refuses, in CloudFormation's own words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fsdcf.cloudformation.conditions import existing
from fsdcf.cloudformation.evaluate import EvaluationError, Scope, evaluate
from fsdcf.cloudformation.facts import SNAPSHOTS, facts_of, services, types
from fsdcf.cloudformation.graph import cycle, needs
from fsdcf.cloudformation.intrinsics import references
from fsdcf.cloudformation.limits import over_limits
from fsdcf.cloudformation.parameters import resolved
from fsdcf.cloudformation.pseudo import PSEUDO, PSEUDO_NAMES
from fsdcf.cloudformation.scope import scope_of
from fsdcf.cloudformation.structure import malformed
from fsdcf.cloudformation.unknown import unknowns

IAM_TYPES = frozenset(
    f"AWS::IAM::{kind}"
    for kind in (
        *(
            "AccessKey",
            "Group",
            "GroupPolicy",
            "InstanceProfile",
            "ManagedPolicy",
            "Policy",
            "Role",
            "RolePolicy",
            "User",
        ),
        *("UserPolicy", "UserToGroupAddition"),
    )
)
"""Types that need CAPABILITY_IAM; with a custom name, CAPABILITY_NAMED_IAM.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html"""

IAM_NAMES: Mapping[str, str] = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
"""The property that names an IAM resource, by type."""


def capabilities(template: Mapping[str, Any]) -> tuple[str, ...]:
    """The capabilities that the template needs: for IAM resources, for named ones (which covers both), and for transforms.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
    """
    resources = (template.get("Resources") or {}).values()
    out = []
    if any(IAM_NAMES.get(one["Type"]) in (one.get("Properties") or {}) for one in resources):
        out.append("CAPABILITY_NAMED_IAM")
    elif any(one["Type"] in IAM_TYPES for one in resources):
        out.append("CAPABILITY_IAM")
    if template.get("Transform"):
        out.append("CAPABILITY_AUTO_EXPAND")
    return tuple(out)


def missing_capabilities(template: Mapping[str, Any], given: Collection[str]) -> tuple[str, ...]:
    """The capabilities that the template needs beside those given; CAPABILITY_NAMED_IAM covers CAPABILITY_IAM."""
    covered = {*given, "CAPABILITY_IAM"} if "CAPABILITY_NAMED_IAM" in given else set(given)
    return tuple(one for one in capabilities(template) if one not in covered)


def problems(
    template: Mapping[str, Any], parameters: Mapping[str, str], capabilities: Collection[str] = ()
) -> tuple[str, ...]:
    """What CreateChangeSet refuses, first problem first; empty for a valid template. ``parameters`` are the values given.

    "Requires capabilities" comes as InsufficientCapabilitiesException, all else as ValidationError. Properties that a type does not
    have or that it misses are the last: CloudFormation itself notices them when it makes the resource, at the latest.
    """
    form = [*malformed(template), *over_limits(template)]
    if form:
        return tuple(form)
    values, faults = resolved(template, parameters, None)
    found = [*_dangling(template), *_types(template), *_cycles(template), *faults]
    if not found:
        found = list(_values(template, values))
    missing = missing_capabilities(template, capabilities)
    if missing:
        found.append(f"Requires capabilities : [{', '.join(missing)}]")
    return (*found, *_properties(template))


def type_problem(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Why a change set that changes a resource's type ends as FAILED; None where none does.

    Source: https://github.com/aws/aws-sam-cli/issues/6786
    """
    old, new = (template.get("Resources") or {} for template in (before, after))
    changed = [name for name, one in new.items() if name in old and old[name]["Type"] != one["Type"]]
    if not changed:
        return None
    return (
        "Update of resource type is not permitted. The new template modifies resource type of the following resources: "
        f"[{', '.join(changed)}]"
    )


def _dangling(template: Mapping[str, Any]) -> Iterator[str]:
    """References to what the template does not have, by section, and attributes that a type does not have."""
    resources: Mapping[str, Any] = template["Resources"]
    constants = {*(template.get("Parameters") or {}), *PSEUDO_NAMES}
    lost = [one.target for one in references(template.get("Conditions") or {}) if one.target not in constants]
    if lost:
        yield (
            f"Template format error: Unresolved dependencies [{', '.join(dict.fromkeys(lost))}]. "
            "Cannot reference resources in the Conditions block of the template"
        )
    for block in ("Resources", "Outputs"):
        section = template.get(block) or {}
        named = list(references(section))
        wanted = [one.target for one in named if one.target not in constants or one.attribute is not None]
        if block == "Resources":
            wanted += [target for one in section.values() for target in _listed(one.get("DependsOn", ()))]
        gone = list(dict.fromkeys(name for name in wanted if name not in resources))
        if gone:
            yield f"Template format error: Unresolved resource dependencies [{', '.join(gone)}] in the {block} block of the template"
        for one in named:
            facts = facts_of(resources[one.target]["Type"]) if one.target in resources else None
            if one.attribute and facts and not facts.offers(one.attribute):
                yield f"Template error: resource {one.target} does not support attribute type {one.attribute} in Fn::GetAtt"


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _types(template: Mapping[str, Any]) -> Iterator[str]:
    """Types that do not exist, as far as the data file can tell: of its services it holds them all."""
    kinds = dict.fromkeys(one["Type"] for one in template["Resources"].values())
    strange = [kind for kind in kinds if not _exists(kind)]
    if strange:
        yield f"Template format error: Unrecognized resource types: [{', '.join(strange)}]"
    for one in template["Resources"].values():
        if one.get("DeletionPolicy") == "Snapshot" and one["Type"] not in SNAPSHOTS:
            yield f"Template error: resource type {one['Type']} does not support deletion policy Snapshot"


def _exists(kind: str) -> bool:
    if kind.startswith("Custom::"):
        return True
    return kind.count("::") >= 2 and (kind in types() or kind.rpartition("::")[0] not in services())


def _cycles(template: Mapping[str, Any]) -> Iterator[str]:
    found = cycle(needs(template["Resources"]))
    if found:
        yield f"Circular dependency between resources: [{', '.join(found)}]"


def _values(template: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[str]:
    """Functions that cannot be applied, and references to resources that a condition switches off."""
    try:
        scope = scope_of(template, values, PSEUDO)
    except EvaluationError as error:
        yield str(error)
        return
    there = existing(template["Resources"], scope.conditions)
    for block, section in (
        ("Resources", there),
        ("Outputs", existing(template.get("Outputs") or {}, scope.conditions)),
    ):
        lost: list[str] = []
        for one in section.values():
            try:
                lost += _lost({key: child for key, child in one.items() if key != "DependsOn"}, scope, there)
            except EvaluationError as error:
                yield str(error)
        if lost:
            names = ", ".join(dict.fromkeys(lost))
            yield f"Template format error: Unresolved resource dependencies [{names}] in the {block} block of the template"


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
