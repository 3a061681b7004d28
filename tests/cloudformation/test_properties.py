"""What holds for any two templates: properties of the difference, over random edits of the compiled examples."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.difference import PSEUDO, Side, difference, outputs_changed
from fsdcf.cloudformation.evaluation import active, evaluate, plain, scope_of
from fsdcf.cloudformation.facts import facts_of
from fsdcf.cloudformation.limits import compact
from fsdcf.cloudformation.template import read
from fsdcf.compiler.emit import to_json, to_yaml
from tests.cloudformation.edits import PLAIN, TEMPLATES, edited, reordered, rewritten, shuffled
from tests.cloudformation.examples import clone, parameters
from tests.fuzz import examples

QUICK = examples(20)
BESIDE = ("Metadata", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy")


def side(data: dict[str, Any], image: str = "a") -> Side:
    return Side(data, parameters(data, image))


def meaning(data: dict[str, Any], image: str = "a") -> Any:
    """What a template comes to: each resource with its properties and attributes, scalars as texts, sets sorted."""
    scope = scope_of(data, parameters(data, image), PSEUDO)
    out = {}
    for name, one in active(data, scope.conditions).items():
        facts = facts_of(one["Type"])
        properties = plain(evaluate({"": one.get("Properties") or {}}, scope)).get("", {})
        beside = plain(evaluate({key: one[key] for key in BESIDE if key in one}, scope))
        out[name] = [
            one["Type"],
            normal(properties, facts.unordered if facts else frozenset()),
            normal(beside, frozenset()),
        ]
    return out


def normal(value: Any, unordered: frozenset[str], path: str = "") -> Any:
    if isinstance(value, dict):
        return {key: normal(child, unordered, f"{path}.{key}".lstrip(".")) for key, child in value.items()}
    if isinstance(value, list):
        items = [normal(child, unordered, f"{path}.*") for child in value]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if path in unordered else items
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def by_name(changes: tuple[Change, ...]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for change in changes:
        out.setdefault(change.logical_id, []).append(change.action)
    return out


@QUICK
@given(st.data())
def test_a_template_does_not_differ_from_itself(data: Any) -> None:
    one = edited(data.draw, data.draw(TEMPLATES))
    assert difference(side(one), side(clone(one))) == ()
    assert not outputs_changed(side(one), side(clone(one)))


@examples(40)
@given(st.data())
def test_the_difference_is_total_and_empty_for_equal_meaning_only(data: Any) -> None:
    base = data.draw(TEMPLATES)
    before, after = edited(data.draw, base), edited(data.draw, base)
    images = data.draw(st.sampled_from([("a", "a"), ("a", "b")]))
    found = difference(side(before, images[0]), side(after, images[1]))
    assert (found == ()) == (meaning(before, images[0]) == meaning(after, images[1]))
    assert list(found) == sorted(found, key=lambda change: change.logical_id)
    more = difference(side(before, images[0]), side(after, images[1]), every_attribute=True)
    assert {change.logical_id for change in found} <= {change.logical_id for change in more}


@QUICK
@given(st.data())
def test_additions_are_removals_in_reverse(data: Any) -> None:
    base = data.draw(TEMPLATES)
    before, after = edited(data.draw, base), edited(data.draw, base)
    there, back = by_name(difference(side(before), side(after))), by_name(difference(side(after), side(before)))
    turned = {"Add": "Remove", "Remove": "Add", "Modify": "Modify"}
    for name, actions in there.items():
        if actions != ["Modify"]:
            assert sorted(turned[action] for action in actions) == sorted(back[name])
    assert (there == {}) == (back == {})


@QUICK
@given(st.data())
def test_another_notation_is_not_a_change(data: Any) -> None:
    base = data.draw(TEMPLATES)
    assert difference(side(base), side(rewritten(data.draw, base))) == ()


@QUICK
@given(st.data(), st.integers(0, 999).map(Random))
def test_the_order_of_keys_does_not_matter(data: Any, random: Any) -> None:
    base = edited(data.draw, data.draw(TEMPLATES), most=2)
    mixed = shuffled(random, base)
    assert difference(side(base), side(mixed)) == ()
    assert not outputs_changed(side(base), side(mixed))
    assert read(compact(mixed)) == base


@examples(8)
@given(TEMPLATES)
def test_yaml_json_and_the_compact_form_are_the_same_template(base: Any) -> None:
    for text in (to_yaml(base), to_json(base), compact(base)):
        assert difference(side(base), side(read(text))) == ()
        assert meaning(read(text)) == meaning(base)


@QUICK
@given(st.data(), st.integers(0, 999).map(Random))
def test_the_order_of_sets_does_not_matter(data: Any, random: Any) -> None:
    base = edited(data.draw, data.draw(TEMPLATES), most=2)
    mixed = clone(base)
    for one in mixed["Resources"].values():
        facts = facts_of(one["Type"])
        if facts and "Properties" in one:
            one["Properties"] = reordered(random, one["Properties"], facts.unordered)
    assert difference(side(base), side(mixed)) == ()


@examples(40)
@given(st.data())
def test_every_changed_property_is_reported(data: Any) -> None:
    base = data.draw(TEMPLATES)
    name = data.draw(st.sampled_from(sorted(base["Resources"])))
    facts = facts_of(base["Resources"][name]["Type"])
    assert facts is not None
    key = data.draw(st.sampled_from(sorted(facts.properties)))
    after = clone(base)
    after["Resources"][name].setdefault("Properties", {})[key] = data.draw(PLAIN)
    assume(meaning(base) != meaning(after))
    (change,) = [one for one in difference(side(base), side(after)) if one.logical_id == name]
    told = [one for one in change.details if one.name == key or (one.attribute == "Tags" and key == facts.tag_property)]
    assert told and all(one.before != one.after for one in told)
    assert change.action == "Modify"
    if key in facts.create_only:
        assert change.replacement == "True"
    elif not any(path.split(".")[0] == key for path in facts.create_only | facts.conditional):
        assert change.replacement == "False"
    assert (change.policy is not None) == (change.replacement != "False")


@QUICK
@given(TEMPLATES, st.text("abc", min_size=1, max_size=2), st.text("abc", min_size=1, max_size=2))
def test_a_new_image_touches_three_resources(base: Any, one: str, other: str) -> None:
    found = difference(side(base, one), side(base, other))
    expected = {} if one == other else {"Release": "False", "Service": "False", "TaskDefinition": "True"}
    assert {change.logical_id: change.replacement for change in found} == expected
