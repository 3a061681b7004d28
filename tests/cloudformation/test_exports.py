"""Exports and imports: read from templates, and followed from one template to another."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.evaluation import Partial, Unknown
from fsdcf.cloudformation.planned import PlanError, imported_name, planned, planned_together, text_of

ROOM = "AWS::EC2::VPC"


def template(outputs: dict[str, Any] | None = None, **resources: Any) -> dict[str, Any]:
    return {
        "Parameters": {"Name": {"Type": "String", "Default": "one"}},
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}, "Always": {"Fn::Equals": ["a", "a"]}},
        "Resources": {name: {"Type": ROOM, "Properties": one} for name, one in (resources or {"Vpc": {}}).items()},
        "Outputs": outputs or {},
    }


def output(name: Any, value: Any, **more: Any) -> dict[str, Any]:
    return {"Value": value, "Export": {"Name": name}, **more}


def importing(name: Any) -> dict[str, Any]:
    return {"Fn::ImportValue": name}


def test_exports_are_read_with_the_names_that_the_template_determines():
    read = planned(
        template(
            {
                "A": output("plain", {"Ref": "Vpc"}),
                "B": output({"Fn::Sub": "x-${Name}"}, {"Fn::GetAtt": ["Vpc", "CidrBlock"]}),
                "C": output({"Fn::Sub": "${AWS::StackName}-c"}, "its name is another one in every stack"),
                "D": output("gone", "d", Condition="Never"),
                "E": {"Value": "not exported"},
            }
        )
    )
    assert [tuple(one) for one in read.exports.values()] == [
        ("plain", "A", Unknown("Vpc", None)),
        ("x-one", "B", Unknown("Vpc", "CidrBlock")),
    ]


@pytest.mark.parametrize(
    ("value", "name", "path"),
    [
        (importing("a"), "a", ()),
        (importing({"Fn::Sub": "${Name}-b"}), "one-b", ()),
        ({"Fn::Join": ["/", ["service", importing("a")]]}, "a", ("Fn::Join", 1, 1)),
        ({"Fn::Sub": ["${X}/1", {"X": importing("a")}]}, "a", ("Fn::Sub", 1, "X")),
        ({"Fn::If": ["Always", importing("a"), importing("b")]}, "a", ("Fn::If", 1)),
        ({"Fn::If": ["Never", importing("a"), [importing("b")]]}, "b", ("Fn::If", 2, 0)),
    ],
)
def test_imports_are_read_wherever_they_are(value: Any, name: str, path: tuple[str | int, ...]):
    (found,) = planned(template(Vpc={"Tags": [{"Value": value}]})).imports
    assert (found.name, found.section, found.holder) == (name, "Resources", "Vpc")
    assert found.path == ("Properties", "Tags", 0, "Value", *path)


def test_imports_of_outputs_are_read_and_those_of_a_false_condition_are_not():
    data = template({"O": {"Value": importing("a")}, "Gone": {"Value": importing("b"), "Condition": "Never"}})
    data["Resources"]["Never"] = {"Type": ROOM, "Condition": "Never", "Properties": {"X": importing("c")}}
    assert [(one.name, one.section, one.holder) for one in planned(data).imports] == [("a", "Outputs", "O")]


def test_an_import_is_unknown_without_the_stack_that_exports_it():
    read = planned(template(Vpc={"X": importing("shared-Vpc")}, Other={"X": {"Fn::Sub": "no ${Name}"}}))
    assert imported_name(read.resources["Vpc"].get("X")) == "shared-Vpc"
    assert text_of(read.resources["Vpc"].get("X")) == "${import:shared-Vpc}"
    assert imported_name(read.resources["Other"].get("X")) is None


def test_an_import_refers_to_the_resource_of_the_stack_that_exports_it():
    shared = template({"Id": output("shared-Vpc", {"Ref": "Vpc"}), "Text": output("shared-Text", {"Ref": "Name"})})
    user = template(Vpc={"X": importing("shared-Vpc"), "Y": importing("shared-Text"), "Z": {"Ref": "Vpc"}})
    for order in ({"env": shared, "shop": user}, {"shop": user, "env": shared}):
        read = planned_together(order)
        assert set(read.resources) == {"env/Vpc", "shop/Vpc"}
        properties = read.resources["shop/Vpc"].properties
        assert properties == {"X": Unknown("env/Vpc", None), "Y": "one", "Z": Unknown("shop/Vpc", None)}
        assert [one.holder for one in read.imports] == ["shop/Vpc", "shop/Vpc"]
        assert [one.output for one in read.exports.values()] == ["env/Id", "env/Text"]


def test_an_import_is_followed_over_several_stacks_and_never_in_a_circle():
    first = template({"A": output("first", {"Ref": "Vpc"})})
    second = template({"A": output("second", importing("first"))})
    third = template(Vpc={"X": importing("second")})
    read = planned_together({"a": first, "b": second, "c": third})
    assert read.resources["c/Vpc"].get("X") == Unknown("a/Vpc", None)
    one, two = template({"A": output("one", importing("two"))}), template({"A": output("two", importing("one"))})
    assert planned_together({"a": one, "b": two}).exports["one"].value == Partial(("one",), "Fn::ImportValue")


def test_templates_together_must_all_be_templates():
    with pytest.raises(PlanError, match="no Resources"):
        planned_together({"a": template(), "b": {}})
    with pytest.raises(PlanError, match="its resource b/Vpc cannot be read"):
        planned_together({"a": template(), "b": template(Vpc={"X": {"Fn::Select": ["x", []]}})})
    with pytest.raises(PlanError, match="Outputs"):
        planned({**template(), "Outputs": ["a"]})
