"""The difference of two templates as DescribeChangeSet shows it: actions, details, replacements, and what follows from
them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError
from typing import Any, Literal

from fsdcf.cloudformation.change import Attribute, Change, Detail, PolicyAction, Recreation, Replacement
from fsdcf.cloudformation.compare import MISSING, Leaf, canonical, differences, dotted, pointer
from fsdcf.cloudformation.evaluation import (
    NO_VALUE,
    PSEUDO,
    Scope,
    Unknown,
    active,
    evaluate,
    existing,
    is_unknown,
    plain,
    scope_of,
    unknowns,
)
from fsdcf.cloudformation.facts import Facts, facts_of, tag_values
from fsdcf.cloudformation.references import (
    Path,
    conditions_used,
    function_of,
    needs,
    order,
    references,
    section_of,
    steps,
)
from fsdcf.cloudformation.types import record_of


@dataclass(frozen=True)
class Side:
    """A side of a difference: a template with its parameter values, and the stack's tags and physical IDs if known."""

    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    physical: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluatedResource:
    """A resource of a side: as written, its evaluated properties, and the facts of its type."""

    name: str
    type: str
    written: Mapping[str, Any]
    properties: Mapping[str, Any]
    facts: Facts | None

    @property
    def tag_property(self) -> str | None:
        return self.facts.tag_property if self.facts else None


@dataclass(frozen=True)
class EvaluatedSide:
    """A side with its existing resources evaluated. ``known`` maps physical IDs to the unknowns that they are."""

    side: Side
    scope: Scope
    resources: Mapping[str, EvaluatedResource]
    known: Mapping[Unknown, str]

    def attribute(self, resource: EvaluatedResource, name: str) -> Any:
        """An attribute of a resource next to its properties, evaluated; MISSING if it has none."""
        if name not in resource.written:
            return MISSING
        value = evaluate(resource.written[name], self.scope)
        return MISSING if value is NO_VALUE else value


def _evaluated(side: Side, pseudo: Mapping[str, Any]) -> EvaluatedSide:
    """A side, evaluated as far as possible before anything exists. Raises EvaluationError."""
    scope = scope_of(side.template, side.parameters, pseudo)
    resources = {}
    for name, written in active(side.template, scope.conditions).items():
        properties = evaluate(written.get("Properties") or {}, scope)
        properties = properties if isinstance(properties, Mapping) else {}
        resources[name] = EvaluatedResource(name, written["Type"], written, properties, facts_of(written["Type"]))
    known = {Unknown(name, None): physical for name, physical in side.physical.items()}
    return EvaluatedSide(side, scope, resources, known)


def _in_order(side: EvaluatedSide) -> Iterator[EvaluatedResource]:
    """The resources, each after those that it depends on; by name if they depend on each other in a cycle."""
    try:
        names: Sequence[str] = order(needs({name: one.written for name, one in side.resources.items()}))
    except CycleError:
        names = sorted(side.resources)
    return (side.resources[name] for name in names)


def _parameters_of(value: Any, side: EvaluatedSide) -> list[str]:
    """The parameters that a written value depends on: by Ref, Fn::Sub, or a condition that chooses in it."""
    names = {one.target for one in references(_chosen(value, side.scope.conditions))}
    conditions = section_of(side.side.template, "Conditions")
    pending = list(conditions_used(value))
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in seen and name in conditions:
            seen.add(name)
            names |= {one.target for one in references(conditions[name])}
            pending += conditions_used(conditions[name])
    return sorted(names & side.scope.parameters.keys())


def _chosen(value: Any, conditions: Mapping[str, bool]) -> Any:
    """A written value with each Fn::If replaced by the branch that applies."""
    if isinstance(value, Mapping):
        if function_of(value) == "Fn::If":
            name, *branches = value["Fn::If"]
            return _chosen(branches[0 if conditions.get(name) else 1], conditions)
        return {key: _chosen(child, conditions) for key, child in value.items()}
    return [_chosen(child, conditions) for child in value] if isinstance(value, list) else value


def _written_at(value: Any, path: Path, shifting: dict[int, bool]) -> Any:
    """What the template has at a path of an evaluated value, or the function around it that gives the value.

    ``shifting`` remembers of each list, by its identity, whether an item may vanish.
    """
    for step in path:
        if function_of(value) is not None:
            return value
        if isinstance(step, str):
            if not isinstance(value, Mapping) or step not in value:
                return None
        elif not isinstance(value, list) or step >= len(value):
            return value
        else:
            if id(value) not in shifting:
                shifting[id(value)] = any(map(_may_vanish, value))
            if shifting[id(value)]:
                return value
        value = value[step]
    return value


def _may_vanish(item: Any) -> bool:
    """Whether an item of a list may be AWS::NoValue, so that the indexes after it change."""
    return function_of(item) == "Fn::If" or item == {"Ref": "AWS::NoValue"}


Move = Literal["surely", "perhaps", "no"]
"""Whether a change of a resource changes its physical ID, or an attribute."""

_IDENTITY = ("Arn", "ARN", "Id", "ID", "Name", "Uri", "Url", "URL")
"""The endings of attributes that identify a resource, and so stay as long as it."""


def move(unknown: Unknown, changes: Sequence[Change], every_attribute: bool = False) -> Move:
    """Whether changes of a resource change its physical ID (attribute None) or an attribute.

    A certain replacement surely changes both, a conditional one perhaps. An update in place perhaps changes an
    attribute that is a changed property, or a value that AWS computes, but nothing that identifies the resource. With
    ``every_attribute`` any attribute of a changed resource perhaps changes, as in DescribeChangeSet without
    IncludePropertyValues.
    """
    if not changes:
        return "no"
    change = changes[-1]
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
    follows = record_of(facts.type).updates.attributes
    if attribute in follows:
        return not follows[attribute].isdisjoint(changed)
    return bool(changed) and top not in facts.identifier and not attribute.endswith(_IDENTITY)


def _places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Unknown]]:
    """Every unknown in an evaluated value: the path of the value that contains it, that value, and the unknown."""
    if is_unknown(value):
        for unknown in dict.fromkeys(unknowns(value)):
            yield path, value, unknown
    else:
        for step, child in steps(value):
            yield from _places(child, (*path, step))


ATTRIBUTES: tuple[Attribute, ...] = (
    "Metadata",
    "CreationPolicy",
    "UpdatePolicy",
    "DeletionPolicy",
    "UpdateReplacePolicy",
)
"""Attributes whose change is a change of the resource, besides properties and tags.

A change of DependsOn alone is not.
"""


@dataclass(frozen=True)
class ResourcePair:
    """A resource that both sides have, with the sides and the changes of the resources that it refers to."""

    was: EvaluatedResource
    now: EvaluatedResource
    old: EvaluatedSide
    new: EvaluatedSide
    changes: Mapping[str, list[Change]]
    every_attribute: bool = False

    @property
    def kept(self) -> Mapping[Unknown, Any]:
        """Physical IDs that the update does not change."""
        return {unknown: value for unknown, value in self.old.known.items() if self.moved(unknown) == "no"}

    def moved(self, unknown: Unknown) -> Move:
        return move(unknown, self.changes.get(unknown.target, ()), self.every_attribute)

    def detail(self, attribute: Attribute, leaf: Leaf, name: str | None = None) -> Detail:
        """A direct, static modification at a path, which starts with ``Properties`` or the name of an attribute."""
        in_properties = leaf.path[0] == "Properties"
        return Detail(
            attribute=attribute,
            name=name,
            path=pointer(leaf.path),
            before=None if leaf.before is MISSING else plain(leaf.before, self.old.known),
            after=None if leaf.after is MISSING else plain(leaf.after, self.kept),
            recreation=recreation(self.now.facts, replace(leaf, path=leaf.path[1:])) if in_properties else "Never",
            source="DirectModification",
        )

    def property_detail(self, leaf: Leaf) -> Detail:
        """A direct, static modification of a property, or of the tags."""
        tags = leaf.path[0] == self.now.tag_property
        in_resource = replace(leaf, path=("Properties", *leaf.path))
        return self.detail("Tags", in_resource) if tags else self.detail("Properties", in_resource, str(leaf.path[0]))


def details_of(pair: ResourcePair) -> tuple[Detail, ...]:
    """Every detail of a resource's change; empty if it does not change.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
    """
    own = tuple(_property_details(pair))
    return (*own, *_followed(pair, {detail.path for detail in own}), *_attribute_details(pair), *_stack_tags(pair))


def _property_details(pair: ResourcePair) -> Iterator[Detail]:
    """The details of the properties that differ.

    A new parameter value gives two: the resulting modification of the template is direct and dynamic, and the parameter
    is its cause.
    Source:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-samples.html
    """
    before, after = pair.was.properties, pair.now.properties
    if repr(before) == repr(after):
        return
    old_values, new_values = pair.old.scope.parameters, pair.new.scope.parameters
    shifting: dict[int, bool] = {}
    for leaf in differences(before, after, pair.now.facts.unordered if pair.now.facts else ()):
        was, now = (_written_at(one.written.get("Properties"), leaf.path, shifting) for one in (pair.was, pair.now))
        causes = [
            name
            for name in _parameters_of(now, pair.new)
            if name in old_values and old_values[name] != new_values[name]
        ]
        direct = pair.property_detail(leaf)
        yield replace(direct, evaluation="Dynamic") if causes and canonical(was) == canonical(now) else direct
        for name in causes:
            yield replace(direct, source="ParameterReference", cause=name)


def recreation(facts: Facts | None, leaf: Leaf) -> Recreation:
    """Whether a change at a path replaces the resource: the path is, contains, or is in a create-only property."""
    if facts is None:
        return "Never"
    if _touches(facts.create_only, leaf):
        return "Always"
    if leaf.path[0] in record_of(facts.type).updates.edited and MISSING in (leaf.before, leaf.after):
        return "Never"
    return "Conditionally" if _touches(facts.conditional, leaf) else "Never"


def _touches(paths: frozenset[str], leaf: Leaf) -> bool:
    if leaf.path[0] in paths:
        return True
    here = dotted(leaf.path)
    if any(here == path or here.startswith(path + ".") for path in paths):
        return True
    below = [path[len(here) + 1 :].split(".") for path in paths if path.startswith(here + ".")]
    return any(_has(side, steps) for steps in below for side in (leaf.before, leaf.after))


def _has(value: Any, steps: list[str]) -> bool:
    """Whether a value has, or may have, something at a path below it."""
    if not steps:
        return value is not MISSING
    if is_unknown(value):
        return True
    if steps[0] == "*":
        return isinstance(value, list) and any(_has(item, steps[1:]) for item in value)
    return isinstance(value, Mapping) and steps[0] in value and _has(value[steps[0]], steps[1:])


def _followed(pair: ResourcePair, direct_paths: set[str]) -> Iterator[Detail]:
    """The details that follow from changes of other resources: a referenced physical ID or attribute is new.

    If that is certain there are two details, as for a parameter, unless ``direct_paths`` has a direct modification
    already; else only the reference, which is dynamic.
    """
    if not pair.changes:
        return
    for path, value, unknown in _places(pair.now.properties):
        moved = pair.moved(unknown)
        if moved == "no":
            continue
        direct = pair.property_detail(Leaf(path, value, value))
        if moved == "surely" and direct.path not in direct_paths:
            direct_paths.add(direct.path)
            yield replace(direct, evaluation="Dynamic")
        yield _reference(direct, unknown, moved)
    for attribute in ATTRIBUTES:
        for path, value, unknown in _places(pair.new.attribute(pair.now, attribute)):
            moved = pair.moved(unknown)
            if moved != "no":
                yield _reference(pair.detail(attribute, Leaf((attribute, *path), value, value)), unknown, moved)


def _reference(detail: Detail, unknown: Unknown, moved: Move) -> Detail:
    return replace(
        detail,
        source="ResourceReference" if unknown.attribute is None else "ResourceAttribute",
        cause=unknown.target if unknown.attribute is None else f"{unknown.target}.{unknown.attribute}",
        evaluation="Static" if moved == "surely" else "Dynamic",
    )


def _attribute_details(pair: ResourcePair) -> Iterator[Detail]:
    for attribute in ATTRIBUTES:
        before, after = pair.old.attribute(pair.was, attribute), pair.new.attribute(pair.now, attribute)
        for leaf in differences(before, after):
            yield pair.detail(attribute, replace(leaf, path=(attribute, *leaf.path)))


def _stack_tags(pair: ResourcePair) -> Iterator[Detail]:
    """The stack's tags, which every taggable resource gets; the resource's own tag of the same key has precedence."""
    tag_property = pair.now.tag_property
    before, after = pair.old.side.tags, pair.new.side.tags
    if tag_property is None or before == after:
        return
    own = {key for one in (pair.was, pair.now) for key in tag_values(one.properties.get(tag_property))}
    for key in sorted({*before, *after} - own):
        if before.get(key) != after.get(key):
            path = pointer(("Properties", tag_property, key))
            yield Detail("Tags", None, path, before.get(key), after.get(key), "Never", "DirectModification")


def difference(
    before: Side | None, after: Side, pseudo: Mapping[str, Any] = PSEUDO, every_attribute: bool = False
) -> tuple[Change, ...]:
    """The change of each resource when ``after`` replaces ``before`` (None without a stack), by logical ID.

    These are the changes that an execution makes. ``every_attribute`` adds those that DescribeChangeSet lists without
    IncludePropertyValues: each Fn::GetAtt of a changed resource is a dynamic detail, even if the attribute may stay. A
    resource whose type changes is removed and added; CloudFormation refuses that (``validation.type_problem``). Raises
    EvaluationError for a template that CloudFormation refuses.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
    """
    new = _evaluated(after, pseudo)
    if before is None:
        return tuple(Change("Add", name, resource.type) for name, resource in sorted(new.resources.items()))
    old = _evaluated(before, pseudo)
    changes: dict[str, list[Change]] = {}
    for name, was in old.resources.items():
        if name not in new.resources or new.resources[name].type != was.type:
            changes[name] = [_removed(was, old)]
    for now in _in_order(new):
        same = old.resources.get(now.name)
        if same is None or same.type != now.type:
            changes.setdefault(now.name, []).append(Change("Add", now.name, now.type))
            continue
        pair = ResourcePair(same, now, old, new, changes, every_attribute)
        details = details_of(pair)
        if details:
            changes[now.name] = [_modified(replace(pair, every_attribute=False), details)]
    return tuple(change for name in sorted(changes) for change in changes[name])


def outputs_changed(before: Side, after: Side, pseudo: Mapping[str, Any] = PSEUDO) -> bool:
    """Whether an output differs, which alone makes a change set executable. Raises EvaluationError."""
    return canonical(evaluated_outputs(before, pseudo)) != canonical(evaluated_outputs(after, pseudo))


def evaluated_outputs(side: Side, pseudo: Mapping[str, Any]) -> dict[str, Any]:
    """The existing outputs of a side, evaluated, without their conditions. Raises EvaluationError."""
    scope = scope_of(side.template, side.parameters, pseudo)
    outputs = existing(section_of(side.template, "Outputs"), scope.conditions)
    return {
        name: evaluate({key: value for key, value in output.items() if key != "Condition"}, scope)
        for name, output in outputs.items()
    }


def _removed(resource: EvaluatedResource, old: EvaluatedSide) -> Change:
    """The removal of a resource, with the policy in the deployed template.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    written = old.attribute(resource, "DeletionPolicy")
    snapshot = record_of(resource.type).snapshot
    policy: PolicyAction = "Delete"
    if written in ("Retain", "RetainExceptOnCreate"):
        policy = "Retain"
    elif snapshot and (written == "Snapshot" or (written is MISSING and snapshot(resource.properties))):
        policy = "Snapshot"
    return Change("Remove", resource.name, resource.type, old.side.physical.get(resource.name), policy=policy)


def _modified(pair: ResourcePair, details: tuple[Detail, ...]) -> Change:
    replacement = _replacement(details)
    return Change(
        "Modify",
        pair.now.name,
        pair.now.type,
        pair.old.side.physical.get(pair.now.name),
        replacement,
        None if replacement == "False" else _replace_policy(pair.now, pair.new),
        tuple(dict.fromkeys(detail.attribute for detail in details)),
        details,
        _whole(pair.was, pair.old, pair.old.known),
        _whole(pair.now, pair.new, pair.kept),
    )


def _whole(resource: EvaluatedResource, side: EvaluatedSide, known: Mapping[Unknown, Any]) -> dict[str, Any]:
    """A resource as plain data: its properties and the other attributes."""
    attributes = {name: side.attribute(resource, name) for name in ATTRIBUTES}
    present = {name: value for name, value in attributes.items() if value is not MISSING}
    return {key: plain(value, known) for key, value in {"Properties": resource.properties, **present}.items()}


def _replacement(details: Sequence[Detail]) -> Replacement:
    """The detail with the most impact decides; only what is known now is certain.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    if any(detail.recreation == "Always" and detail.evaluation == "Static" for detail in details):
        return "True"
    return "False" if all(detail.recreation == "Never" for detail in details) else "Conditional"


def _replace_policy(now: EvaluatedResource, new: EvaluatedSide) -> PolicyAction:
    """What happens to the old resource of a replacement.

    Source:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatereplacepolicy.html
    """
    written = new.attribute(now, "UpdateReplacePolicy")
    if written == "Retain":
        return "ReplaceAndRetain"
    return "ReplaceAndSnapshot" if written == "Snapshot" and record_of(now.type).snapshot else "ReplaceAndDelete"
