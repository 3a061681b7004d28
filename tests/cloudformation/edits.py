"""Random edits of a compiled template, for hypothesis: each gives another template that CloudFormation could read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from hypothesis import strategies as st

from fsdcf.cloudformation.facts import facts_of, types
from fsdcf.cloudformation.references import function_of
from tests.cloudformation.examples import CASES, clone, template

Path = tuple[Any, ...]
Draw = Callable[[Any], Any]
Edit = Callable[[Draw, dict[str, Any]], None]

SCALARS = st.one_of(
    st.integers(-3, 3), st.booleans(), st.sampled_from(["a", "b", "5", "true", "", "arn:aws:x"]), st.just(1.5)
)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("ABC"), inner, max_size=3)),
    max_leaves=6,
)
TYPES = st.sampled_from(sorted(types()))
TEMPLATES = st.sampled_from(CASES).map(lambda case: template(*case))


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Paths to the scalars and functions below a value."""
    if function_of(value) is None and isinstance(value, dict) and value:
        for key, child in value.items():
            yield from leaves(child, (*path, key))
    elif isinstance(value, list) and value:
        for index, child in enumerate(value):
            yield from leaves(child, (*path, index))
    else:
        yield path


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def put(value: Any, path: Path, new: Any) -> None:
    at(value, path[:-1])[path[-1]] = new


def _resource(draw: Draw, data: dict[str, Any]) -> dict[str, Any]:
    one: dict[str, Any] = data["Resources"][draw(st.sampled_from(sorted(data["Resources"])))]
    return one


def _leaf(draw: Draw, data: dict[str, Any]) -> tuple[dict[str, Any], Path] | None:
    properties = _resource(draw, data).get("Properties") or {}
    found = [path for path in leaves(properties) if path]
    return (properties, draw(st.sampled_from(found))) if found else None


def change_value(draw: Draw, data: dict[str, Any]) -> None:
    found = _leaf(draw, data)
    if found:
        put(*found, draw(PLAIN))


def refer(draw: Draw, data: dict[str, Any]) -> None:
    """A value becomes a reference to some resource, by Ref, Fn::GetAtt or Fn::Sub."""
    found = _leaf(draw, data)
    name = draw(st.sampled_from(sorted(data["Resources"])))
    forms = [{"Ref": name}, {"Fn::GetAtt": [name, "Arn"]}, {"Fn::Sub": f"x-${{{name}}}-${{{name}.Arn}}-${{ImageSha}}"}]
    if found:
        put(*found, draw(st.sampled_from(forms)))


def no_value(draw: Draw, data: dict[str, Any]) -> None:
    found = _leaf(draw, data)
    if found:
        put(*found, {"Ref": "AWS::NoValue"})


def add_property(draw: Draw, data: dict[str, Any]) -> None:
    one = _resource(draw, data)
    facts = facts_of(one["Type"])
    if facts:
        one.setdefault("Properties", {})[draw(st.sampled_from(sorted(facts.properties)))] = draw(PLAIN)


def remove_property(draw: Draw, data: dict[str, Any]) -> None:
    properties = _resource(draw, data).get("Properties")
    if properties:
        del properties[draw(st.sampled_from(sorted(properties)))]


def remove_resource(draw: Draw, data: dict[str, Any]) -> None:
    if len(data["Resources"]) > 1:
        del data["Resources"][draw(st.sampled_from(sorted(data["Resources"])))]


def add_resource(draw: Draw, data: dict[str, Any]) -> None:
    data["Resources"][draw(st.sampled_from(["New1", "New2", "Vpc"]))] = {
        "Type": draw(TYPES),
        "Properties": {"Tags": draw(PLAIN)},
    }


def change_type(draw: Draw, data: dict[str, Any]) -> None:
    _resource(draw, data)["Type"] = draw(st.one_of(TYPES, st.sampled_from(["Custom::Thing", "Other::Vendor::Type"])))


def beside(draw: Draw, data: dict[str, Any]) -> None:
    words = {
        "DeletionPolicy": st.sampled_from(["Delete", "Retain", "RetainExceptOnCreate", "Snapshot"]),
        "UpdateReplacePolicy": st.sampled_from(["Delete", "Retain", "Snapshot"]),
        "Metadata": PLAIN,
        "UpdatePolicy": PLAIN,
        "DependsOn": st.sampled_from(sorted(data["Resources"])),
    }
    name = draw(st.sampled_from(sorted(words)))
    _resource(draw, data)[name] = draw(words[name])


def conditional(draw: Draw, data: dict[str, Any]) -> None:
    """A resource or a value depends on a condition over the image."""
    data.setdefault("Conditions", {})["Chosen"] = {
        "Fn::Equals": [{"Ref": "ImageSha"}, draw(st.sampled_from(["a", "b"]))]
    }
    if draw(st.booleans()):
        _resource(draw, data)["Condition"] = "Chosen"
        return
    found = _leaf(draw, data)
    if found:
        put(*found, {"Fn::If": ["Chosen", at(*found), draw(st.one_of(PLAIN, st.just({"Ref": "AWS::NoValue"})))]})


EDITS: list[Edit] = [
    change_value,
    refer,
    no_value,
    add_property,
    remove_property,
    remove_resource,
    add_resource,
    change_type,
    beside,
    conditional,
]


def edited(draw: Draw, data: dict[str, Any], most: int = 4) -> dict[str, Any]:
    """A copy with a few edits."""
    out: dict[str, Any] = clone(data)
    for edit in draw(st.lists(st.sampled_from(EDITS), min_size=1, max_size=most)):
        edit(draw, out)
    return out


def rewritten(draw: Draw, data: dict[str, Any]) -> dict[str, Any]:
    """A copy of the same meaning: values written in another way, by functions that come to the same."""
    out: dict[str, Any] = clone(data)
    data_conditions = out.setdefault("Conditions", {})
    data_conditions["Always"] = {"Fn::Equals": ["a", "a"]}
    for _ in range(draw(st.integers(1, 4))):
        found = _leaf(draw, out)
        if not found:
            continue
        value = at(*found)
        forms: list[Any] = [{"Fn::If": ["Always", value, "other"]}, {"Fn::Select": ["0", [value]]}]
        if isinstance(value, str):
            forms += [{"Fn::Join": ["", [value]]}, {"Fn::Sub": ["${value}", {"value": value}]}]
        put(*found, draw(st.sampled_from(forms)))
    return out


def shuffled(random: Random, value: Any) -> Any:
    """The same data with the keys of every map in another order."""
    if isinstance(value, dict):
        return {key: shuffled(random, value[key]) for key in random.sample(list(value), len(value))}
    if isinstance(value, list):
        return [shuffled(random, child) for child in value]
    return value


def reordered(random: Random, value: Any, unordered: frozenset[str], path: str = "") -> Any:
    """The same data with the items of every list that has no order in another one."""
    if function_of(value) is not None:
        return value
    if isinstance(value, dict):
        return {key: reordered(random, child, unordered, f"{path}.{key}".lstrip(".")) for key, child in value.items()}
    if isinstance(value, list):
        items = [reordered(random, child, unordered, f"{path}.*") for child in value]
        return random.sample(items, len(items)) if path in unordered else items
    return value
