"""Why a resource changes: the details of a Modify, from its own properties, its attributes, its tags, and what it refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fsdcf.cloudformation.change import Attribute, Change, Detail, Recreation
from fsdcf.cloudformation.compare import MISSING, Leaf, Path, canonical, differences, dotted, pointer
from fsdcf.cloudformation.facts import EDITED, Facts
from fsdcf.cloudformation.propagation import move, places
from fsdcf.cloudformation.unknown import Partial, Unknown, plain
from fsdcf.cloudformation.view import Resource, View, parameters_of, written_at

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
