"""The difference of two templates as DescribeChangeSet tells it: actions, details, replacement, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.cloudformation.change import Attribute, Change, Detail, PolicyAction, Recreation, Replacement
from fsdcf.cloudformation.compare import MISSING, Leaf, Path, canonical, differences, dotted
from fsdcf.cloudformation.conditions import active
from fsdcf.cloudformation.evaluate import NO_VALUE, Scope, evaluate
from fsdcf.cloudformation.facts import Facts, facts_of
from fsdcf.cloudformation.graph import needs
from fsdcf.cloudformation.intrinsics import references
from fsdcf.cloudformation.pseudo import PSEUDO
from fsdcf.cloudformation.scope import scope_of
from fsdcf.cloudformation.unknown import Partial, Unknown, is_known, plain

__all__ = ["PSEUDO", "Side", "difference", "outputs_changed"]

_ATTRIBUTES: tuple[Attribute, ...] = ("Metadata", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy")
_IMPACT: Mapping[Replacement, int] = {"False": 0, "Conditional": 1, "True": 2}


@dataclass(frozen=True)
class Side:
    """A template with what it is used with: parameter values, the stack's tags, and physical ids where they are known."""

    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    physical: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Resource:
    """One resource of a side, written and evaluated."""

    name: str
    type: str
    written: Mapping[str, Any]
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class _View:
    """A side evaluated: its resources that exist, by logical id."""

    side: Side
    scope: Scope
    resources: Mapping[str, _Resource]


def difference(before: Side | None, after: Side, pseudo: Mapping[str, str] = PSEUDO) -> tuple[Change, ...]:
    """What happens to each resource when ``after`` takes the place of ``before`` (None: there is no stack), by logical id.

    Raises EvaluationError for a template that CloudFormation would refuse.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
    """
    new = _view(after, pseudo)
    if before is None:
        return tuple(Change("Add", name, one.type) for name, one in sorted(new.resources.items()))
    old = _view(before, pseudo)
    changes: dict[str, list[Change]] = {}
    for name, one in old.resources.items():
        if name not in new.resources or new.resources[name].type != one.type:
            changes.setdefault(name, []).append(_removed(one, old))
    for name in _in_order(new.resources):
        one = new.resources[name]
        if name not in old.resources or old.resources[name].type != one.type:
            changes.setdefault(name, []).append(Change("Add", name, one.type))
        else:
            modified = _modified(old.resources[name], one, old, new, changes)
            if modified is not None:
                changes[name] = [modified]
    return tuple(change for name in sorted(changes) for change in changes[name])


def outputs_changed(before: Side, after: Side, pseudo: Mapping[str, str] = PSEUDO) -> bool:
    """Whether an output differs: a change set with nothing else can be executed."""
    return canonical(_outputs(before, pseudo)) != canonical(_outputs(after, pseudo))


def _outputs(side: Side, pseudo: Mapping[str, str]) -> dict[str, Any]:
    scope = scope_of(side.template, side.parameters, pseudo)
    outputs = side.template.get("Outputs") or {}
    there = {name: one for name, one in outputs.items() if "Condition" not in one or scope.conditions.get(one["Condition"], False)}
    return {name: evaluate({key: child for key, child in one.items() if key != "Condition"}, scope) for name, one in there.items()}


def _view(side: Side, pseudo: Mapping[str, str]) -> _View:
    scope = scope_of(side.template, side.parameters, pseudo)
    resources = {}
    for name, one in active(side.template, scope.conditions).items():
        properties = evaluate(one.get("Properties") or {}, scope)
        resources[name] = _Resource(name, one["Type"], one, properties if isinstance(properties, Mapping) else {})
    return _View(side, scope, resources)


def _in_order(resources: Mapping[str, _Resource]) -> Iterator[str]:
    """The resources, each after those that it references; those of a cycle come last."""
    wanted = needs({name: one.written for name, one in resources.items()})
    done: set[str] = set()
    left = sorted(resources)
    while left:
        ready = [name for name in left if wanted[name] <= done] or left
        yield from ready
        done.update(ready)
        left = [name for name in left if name not in done]


def _removed(one: _Resource, old: _View) -> Change:
    written = evaluate(one.written.get("DeletionPolicy", MISSING), old.scope)
    policy: PolicyAction = "Delete"
    if written in ("Retain", "RetainExceptOnCreate"):
        policy = "Retain"
    elif written == "Snapshot" or (written is MISSING and _snapshot_by_default(one)):
        policy = "Snapshot"
    return Change("Remove", one.name, one.type, old.side.physical.get(one.name), policy=policy)


def _snapshot_by_default(one: _Resource) -> bool:
    """Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"""
    return one.type == "AWS::RDS::DBCluster" or (one.type == "AWS::RDS::DBInstance" and "DBClusterIdentifier" not in one.properties)


def _modified(was: _Resource, now: _Resource, old: _View, new: _View, changes: Mapping[str, list[Change]]) -> Change | None:
    facts = facts_of(now.type)
    details = [*_property_details(was, now, facts, old, new), *_followed(now, facts, new, changes)]
    details += _attribute_details(was, now, old, new)
    details += _stack_tag_details(was, now, facts, old, new)
    if not details:
        return None
    unique = tuple(dict.fromkeys(_key(detail) for detail in details))
    first = {_key(detail): detail for detail in reversed(details)}
    ordered = tuple(first[key] for key in unique)
    replacement = _replacement(ordered)
    scope = tuple(dict.fromkeys(detail.attribute for detail in ordered))
    policy = _replace_policy(now, new) if replacement != "False" else None
    return Change("Modify", now.name, now.type, old.side.physical.get(now.name), replacement, policy, scope, ordered)


def _key(detail: Detail) -> tuple[Any, ...]:
    return (detail.attribute, detail.path, detail.source, detail.cause)


def _replacement(details: tuple[Detail, ...]) -> Replacement:
    """Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html"""
    worst: Replacement = "False"
    for detail in details:
        one: Replacement = "False"
        if detail.recreation == "Always":
            one = "True" if detail.evaluation == "Static" else "Conditional"
        elif detail.recreation == "Conditionally":
            one = "Conditional"
        worst = max(worst, one, key=lambda word: _IMPACT[word])
    return worst


def _replace_policy(now: _Resource, new: _View) -> PolicyAction:
    written = evaluate(now.written.get("UpdateReplacePolicy", "Delete"), new.scope)
    return {"Retain": "ReplaceAndRetain", "Snapshot": "ReplaceAndSnapshot"}.get(written, "ReplaceAndDelete")  # type: ignore[return-value]


def _recreation(facts: Facts | None, leaf: Leaf) -> Recreation:
    """Whether a change at a place replaces the resource: the place is, holds, or stands in a create-only property."""
    if facts is None:
        return "Never"
    if _touches(facts.create_only, leaf):
        return "Always"
    return "Conditionally" if _touches(facts.conditional, leaf) else "Never"


def _touches(paths: frozenset[str], leaf: Leaf) -> bool:
    here = dotted(leaf.path)
    if any(here == one or here.startswith(one + ".") for one in paths):
        return True
    below = [one[len(here) + 1 :] for one in paths if one.startswith(here + ".")]
    return any(_holds(side, one.split(".")) for one in below for side in (leaf.before, leaf.after))


def _holds(value: Any, steps: list[str]) -> bool:
    if not steps:
        return value is not MISSING
    if steps[0] == "*":
        return isinstance(value, list) and any(_holds(one, steps[1:]) for one in value)
    return isinstance(value, Mapping) and steps[0] in value and _holds(value[steps[0]], steps[1:])


def _property_details(was: _Resource, now: _Resource, facts: Facts | None, old: _View, new: _View) -> Iterator[Detail]:
    unordered = facts.unordered if facts else frozenset()
    for leaf in differences(was.properties, now.properties, unordered):
        yield from _details_of(leaf, was, now, facts, old, new)


def _details_of(leaf: Leaf, was: _Resource, now: _Resource, facts: Facts | None, old: _View, new: _View) -> Iterator[Detail]:
    top = leaf.path[0]
    tags = facts is not None and top == facts.tag_property
    written = [(one.written.get("Properties") or {}).get(top) for one in (was, now)]
    shared: dict[str, Any] = {
        "attribute": "Tags" if tags else "Properties",
        "name": None if tags else str(top),
        "path": _pointer(("Properties", *leaf.path)),
        "before": _shown(leaf.before, old.side.physical),
        "after": _shown(leaf.after, {}),
        "recreation": _recreation(facts, leaf),
    }
    changed = sorted({one.target for one in references(written[1]) if _parameter_changed(one.target, old, new)})
    known = is_known(leaf.after)
    if canonical(written[0]) != canonical(written[1]) or not changed:
        yield Detail(**shared, source="DirectModification", evaluation="Static" if known else "Dynamic")
    else:
        yield Detail(**shared, source="DirectModification", evaluation="Dynamic")
    for name in changed:
        yield Detail(**shared, source="ParameterReference", cause=name, evaluation="Static")


def _parameter_changed(name: str, old: _View, new: _View) -> bool:
    return name in new.scope.parameters and old.scope.parameters.get(name) != new.scope.parameters[name]


def _pointer(path: Path) -> str:
    return "".join(f"/{step}" for step in path)


def _shown(value: Any, physical: Mapping[str, str]) -> Any:
    if value is MISSING:
        return None
    if isinstance(value, Unknown) and value.attribute is None and value.target in physical:
        return physical[value.target]
    return plain(value)


def _followed(now: _Resource, facts: Facts | None, new: _View, changes: Mapping[str, list[Change]]) -> Iterator[Detail]:
    """Details that follow from changes of other resources: what is referenced gets a new id or a new attribute."""
    for path, unknown in _places(now.properties):
        found = changes.get(unknown.target)
        if not found or not _moves(unknown, found, new):
            continue
        tags = facts is not None and path[0] == facts.tag_property
        value = plain(unknown)
        yield Detail(
            attribute="Tags" if tags else "Properties",
            name=None if tags else str(path[0]),
            path=_pointer(("Properties", *path)),
            before=value,
            after=value,
            recreation=_recreation(facts, Leaf(path, unknown, unknown)),
            source="ResourceReference" if unknown.attribute is None else "ResourceAttribute",
            cause=unknown.target if unknown.attribute is None else f"{unknown.target}.{unknown.attribute}",
            evaluation="Dynamic",
        )


def _places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Unknown]]:
    if isinstance(value, Unknown):
        yield path, value
    elif isinstance(value, Partial | tuple):
        for part in value.parts if isinstance(value, Partial) else value:
            yield from _places(part, path)
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from _places(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _places(child, (*path, index))


def _moves(unknown: Unknown, found: list[Change], new: _View) -> bool:
    """Whether the changes of a resource can change its id or an attribute."""
    change = found[-1]
    if change.action == "Add" or change.replacement in ("True", "Conditional"):
        return True
    if unknown.attribute is None or change.action != "Modify":
        return False
    facts = facts_of(change.type)
    top = unknown.attribute.split(".")[0]
    if facts is None:
        return True
    if top in facts.properties and top not in facts.read_only:
        return any(detail.name == top for detail in change.details)
    return (change.type, top) in MOVING and any(detail.attribute == "Properties" for detail in change.details)


MOVING = frozenset({("AWS::DynamoDB::Table", "StreamArn"), ("AWS::EC2::LaunchTemplate", "LatestVersionNumber"), ("AWS::EC2::LaunchTemplate", "DefaultVersionNumber"), ("AWS::CloudFormation::Stack", "Outputs")})


def _attribute_details(was: _Resource, now: _Resource, old: _View, new: _View) -> Iterator[Detail]:
    for attribute in _ATTRIBUTES:
        left, right = (
            evaluate(one.written[attribute], view.scope) if attribute in one.written else MISSING for one, view in ((was, old), (now, new))
        )
        left, right = (MISSING if one is NO_VALUE else one for one in (left, right))
        for leaf in differences(left, right):
            yield Detail(attribute, None, _pointer((attribute, *leaf.path)), _shown(leaf.before, {}), _shown(leaf.after, {}), "Never", "DirectModification")


def _stack_tag_details(was: _Resource, now: _Resource, facts: Facts | None, old: _View, new: _View) -> Iterator[Detail]:
    if facts is None or facts.tag_property is None or old.side.tags == new.side.tags:
        return
    own = {key for one in (was, now) for key in _own_tags(one.properties.get(facts.tag_property))}
    for key in sorted({*old.side.tags, *new.side.tags} - own):
        before, after = old.side.tags.get(key), new.side.tags.get(key)
        if before != after:
            yield Detail("Tags", None, _pointer(("Properties", facts.tag_property)), before, after, "Never", "DirectModification", key)


def _own_tags(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return set(value)
    if isinstance(value, list):
        return {one["Key"] for one in value if isinstance(one, Mapping) and isinstance(one.get("Key"), str)}
    return set()
