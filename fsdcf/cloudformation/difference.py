"""The difference of two templates as DescribeChangeSet tells it: actions, details, replacement, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from fsdcf.cloudformation.change import Attribute, Change, Detail, PolicyAction, Recreation, Replacement
from fsdcf.cloudformation.compare import MISSING, Leaf, Path, canonical, differences, dotted, pointer
from fsdcf.cloudformation.evaluation import evaluate
from fsdcf.cloudformation.facts import EDITED, SNAPSHOTS, Facts, facts_of
from fsdcf.cloudformation.scope import PSEUDO, existing, scope_of
from fsdcf.cloudformation.unknown import Partial, Unknown, plain
from fsdcf.cloudformation.view import Resource, Side, View, in_order, parameters_of, view_of, written_at

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


ATTRIBUTES: tuple[Attribute, ...] = (
    "Metadata",
    "CreationPolicy",
    "UpdatePolicy",
    "DeletionPolicy",
    "UpdateReplacePolicy",
)
"""What can change beside properties and tags. DependsOn is not among them: a change of it alone is none."""


@dataclass(frozen=True)
class Pair:
    """A resource that both sides have, with the sides, and the changes of the resources that it refers to."""

    was: Resource
    now: Resource
    old: View
    new: View
    changes: Mapping[str, list[Change]]
    every_attribute: bool = False

    @property
    def kept(self) -> Mapping[Unknown, Any]:
        """Physical ids that the update leaves as they are."""
        return {unknown: value for unknown, value in self.old.known.items() if self.moved(unknown) == "no"}

    def moved(self, unknown: Unknown) -> str:
        return move(unknown, self.changes.get(unknown.target, ()), self.every_attribute)


def details_of(pair: Pair) -> tuple[Detail, ...]:
    """Every detail of a resource's change; empty where it stays as it is.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
    """
    own = tuple(_properties(pair))
    return (*own, *_followed(pair, {detail.path for detail in own}), *_attributes(pair), *_stack_tags(pair))


def _properties(pair: Pair) -> Iterator[Detail]:
    before, after = pair.was.properties, pair.now.properties
    if repr(before) == repr(after):
        return
    unordered = pair.now.facts.unordered if pair.now.facts else ()
    for leaf in differences(before, after, unordered):
        yield from _changed(leaf, pair)


def _changed(leaf: Leaf, pair: Pair) -> Iterator[Detail]:
    """The details of one place that differs.

    A new parameter value gives two: what it does to the template is a direct modification, dynamic; the parameter is behind it.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-samples.html
    """
    texts = [written_at(one.written.get("Properties"), leaf.path) for one in (pair.was, pair.now)]
    causes = [name for name in parameters_of(texts[1], pair.new) if _new_value(name, pair)]
    direct = _detail(leaf.path, leaf.before, leaf.after, pair)
    if causes and canonical(texts[0]) == canonical(texts[1]):
        yield replace(direct, evaluation="Dynamic")
    else:
        yield direct
    for name in causes:
        yield replace(direct, source="ParameterReference", cause=name)


def _new_value(name: str, pair: Pair) -> bool:
    old = pair.old.scope.parameters
    return name in old and old[name] != pair.new.scope.parameters[name]


def _detail(path: Path, before: Any, after: Any, pair: Pair) -> Detail:
    """A direct modification of a property, static."""
    tags = path[0] == pair.now.tag_property
    return Detail(
        attribute="Tags" if tags else "Properties",
        name=None if tags else str(path[0]),
        path=pointer(("Properties", *path)),
        before=None if before is MISSING else plain(before, pair.old.known),
        after=None if after is MISSING else plain(after, pair.kept),
        recreation=recreation(pair.now.facts, Leaf(path, before, after)),
        source="DirectModification",
    )


def recreation(facts: Facts | None, leaf: Leaf) -> Recreation:
    """Whether a change at a place replaces the resource: the place is, holds, or stands in a create-only property."""
    if facts is None:
        return "Never"
    if _touches(facts.create_only, leaf):
        return "Always"
    if leaf.path[0] in EDITED.get(facts.type, ()) and MISSING in (leaf.before, leaf.after):
        return "Never"
    return "Conditionally" if _touches(facts.conditional, leaf) else "Never"


def _touches(paths: frozenset[str], leaf: Leaf) -> bool:
    if leaf.path[0] in paths:
        return True
    here = dotted(leaf.path)
    if any(here == one or here.startswith(one + ".") for one in paths):
        return True
    below = [one[len(here) + 1 :].split(".") for one in paths if one.startswith(here + ".")]
    return any(_holds(side, steps) for steps in below for side in (leaf.before, leaf.after))


def _holds(value: Any, steps: list[str]) -> bool:
    """Whether a value has something at a path below it; what is unknown may have it."""
    if not steps:
        return value is not MISSING
    if isinstance(value, Unknown | Partial):
        return True
    if steps[0] == "*":
        return isinstance(value, list) and any(_holds(one, steps[1:]) for one in value)
    return isinstance(value, Mapping) and steps[0] in value and _holds(value[steps[0]], steps[1:])


def _followed(pair: Pair, told: set[str]) -> Iterator[Detail]:
    """What follows from changes of other resources: what is referenced gets a new id or a new attribute.

    Where that is certain there are two details, as where a parameter changes; where it is not, the reference alone, dynamic.
    ``told`` are the paths that have a direct modification already.
    """
    if not pair.changes:
        return
    for path, value, unknown in places(pair.now.properties):
        moved = pair.moved(unknown)
        if moved == "no":
            continue
        direct = _detail(path, value, value, pair)
        if moved == "surely" and direct.path not in told:
            told.add(direct.path)
            yield replace(direct, evaluation="Dynamic")
        yield _reference(direct, unknown, moved)
    for attribute in ATTRIBUTES:
        for path, value, unknown in places(pair.new.attribute(pair.now, attribute)):
            moved = pair.moved(unknown)
            if moved != "no":
                yield _reference(_beside(attribute, Leaf(path, value, value), pair), unknown, moved)


def _reference(detail: Detail, unknown: Unknown, moved: str) -> Detail:
    return replace(
        detail,
        source="ResourceReference" if unknown.attribute is None else "ResourceAttribute",
        cause=unknown.target if unknown.attribute is None else f"{unknown.target}.{unknown.attribute}",
        evaluation="Static" if moved == "surely" else "Dynamic",
    )


def _attributes(pair: Pair) -> Iterator[Detail]:
    for attribute in ATTRIBUTES:
        before, after = pair.old.attribute(pair.was, attribute), pair.new.attribute(pair.now, attribute)
        for leaf in differences(before, after):
            yield _beside(attribute, leaf, pair)


def _beside(attribute: Attribute, leaf: Leaf, pair: Pair) -> Detail:
    """A direct modification of an attribute beside the properties, static."""
    return Detail(
        attribute=attribute,
        name=None,
        path=pointer((attribute, *leaf.path)),
        before=None if leaf.before is MISSING else plain(leaf.before, pair.old.known),
        after=None if leaf.after is MISSING else plain(leaf.after, pair.kept),
        recreation="Never",
        source="DirectModification",
    )


def _stack_tags(pair: Pair) -> Iterator[Detail]:
    """The stack's tags, which every resource that can have tags gets; its own of the same key come first."""
    tag_property = pair.now.tag_property
    before, after = pair.old.side.tags, pair.new.side.tags
    if tag_property is None or before == after:
        return
    own = {key for one in (pair.was, pair.now) for key in _keys(one.properties.get(tag_property))}
    for key in sorted({*before, *after} - own):
        if before.get(key) != after.get(key):
            path = pointer(("Properties", tag_property, key))
            yield Detail("Tags", None, path, before.get(key), after.get(key), "Never", "DirectModification")


def _keys(tags: Any) -> set[str]:
    """The keys of tags, written as a map or as a list of Key and Value."""
    if isinstance(tags, Mapping):
        return set(tags)
    items = tags if isinstance(tags, list) else ()
    return {one["Key"] for one in items if isinstance(one, Mapping) and isinstance(one.get("Key"), str)}


__all__ = ["PSEUDO", "Side", "difference", "outputs_changed"]


def difference(
    before: Side | None, after: Side, pseudo: Mapping[str, Any] = PSEUDO, every_attribute: bool = False
) -> tuple[Change, ...]:
    """What happens to each resource when ``after`` takes the place of ``before`` (None: there is no stack), by logical id.

    It tells what an execution would do. ``every_attribute`` adds what DescribeChangeSet lists without IncludePropertyValues: each
    Fn::GetAtt of a resource that changes is a dynamic detail, though the attribute may well stay. A resource whose type
    changes is removed and added; CloudFormation refuses that (``validation.type_problem``). Raises EvaluationError for a template
    that CloudFormation would refuse.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
    """
    new = view_of(after, pseudo)
    if before is None:
        return tuple(Change("Add", name, one.type) for name, one in sorted(new.resources.items()))
    old = view_of(before, pseudo)
    changes: dict[str, list[Change]] = {}
    for name, one in old.resources.items():
        if not _stays(one, new):
            changes[name] = [_removed(one, old)]
    for now in in_order(new):
        was = old.resources.get(now.name)
        if was is None or was.type != now.type:
            changes.setdefault(now.name, []).append(Change("Add", now.name, now.type))
        else:
            details = details_of(Pair(was, now, old, new, changes, every_attribute))
            if details:
                changes[now.name] = [_modified(Pair(was, now, old, new, changes), details)]
    return tuple(change for name in sorted(changes) for change in changes[name])


def outputs_changed(before: Side, after: Side, pseudo: Mapping[str, Any] = PSEUDO) -> bool:
    """Whether an output differs: a change set with nothing else can be executed. Raises EvaluationError."""
    return canonical(_outputs(before, pseudo)) != canonical(_outputs(after, pseudo))


def _outputs(side: Side, pseudo: Mapping[str, Any]) -> Any:
    scope = scope_of(side.template, side.parameters, pseudo)
    there = existing(side.template.get("Outputs") or {}, scope.conditions)
    told = {name: {key: child for key, child in one.items() if key != "Condition"} for name, one in there.items()}
    return evaluate(told, scope)


def _stays(one: Resource, new: View) -> bool:
    return one.name in new.resources and new.resources[one.name].type == one.type


def _removed(one: Resource, old: View) -> Change:
    """The policy that the deployed template gives counts.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    written = old.attribute(one, "DeletionPolicy")
    policy: PolicyAction = "Delete"
    if written in ("Retain", "RetainExceptOnCreate"):
        policy = "Retain"
    elif (written == "Snapshot" and one.type in SNAPSHOTS) or (written is MISSING and _snapshot_by_default(one)):
        policy = "Snapshot"
    return Change("Remove", one.name, one.type, old.side.physical.get(one.name), policy=policy)


def _snapshot_by_default(one: Resource) -> bool:
    return one.type == "AWS::RDS::DBCluster" or (
        one.type == "AWS::RDS::DBInstance" and "DBClusterIdentifier" not in one.properties
    )


def _modified(pair: Pair, details: tuple[Detail, ...]) -> Change:
    now, old, new = pair.now, pair.old, pair.new
    replacement = _replacement(details)
    scope = tuple(dict.fromkeys(detail.attribute for detail in details))
    policy = None if replacement == "False" else _replace_policy(now, new)
    whole = _whole(pair.was, old, old.known), _whole(now, new, pair.kept)
    return Change(
        "Modify", now.name, now.type, old.side.physical.get(now.name), replacement, policy, scope, details, *whole
    )


def _whole(one: Resource, view: View, known: Mapping[Unknown, Any]) -> dict[str, Any]:
    """A resource as plain data: its properties, and what stands beside them."""
    beside = {name: view.attribute(one, name) for name in ATTRIBUTES}
    told = {name: value for name, value in beside.items() if value is not MISSING}
    return {key: plain(value, known) for key, value in {"Properties": one.properties, **told}.items()}


def _replacement(details: Sequence[Detail]) -> Replacement:
    """The change with the most impact decides. Certain are only those that are known now.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    if any(detail.recreation == "Always" and detail.evaluation == "Static" for detail in details):
        return "True"
    return "False" if all(detail.recreation == "Never" for detail in details) else "Conditional"


def _replace_policy(now: Resource, new: View) -> PolicyAction:
    """Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatereplacepolicy.html"""
    written = new.attribute(now, "UpdateReplacePolicy")
    if written == "Retain":
        return "ReplaceAndRetain"
    return "ReplaceAndSnapshot" if written == "Snapshot" and now.type in SNAPSHOTS else "ReplaceAndDelete"
