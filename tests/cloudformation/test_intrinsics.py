"""Which resources, parameters and conditions a value names, and where."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.references import Reference, conditions_used, function_of, references


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "A"}, [("A", None, "Ref", ())]),
        (
            {"x": [{"Ref": "A"}, {"Ref": "AWS::Region"}]},
            [("A", None, "Ref", ("x", 0)), ("AWS::Region", None, "Ref", ("x", 1))],
        ),
        ({"Fn::GetAtt": ["A", "B.C"]}, [("A", "B.C", "Fn::GetAtt", ())]),
        ({"Fn::GetAtt": "A.B.C"}, [("A", "B.C", "Fn::GetAtt", ())]),
        ({"Fn::GetAtt": ["A", {"Ref": "P"}]}, [("A", "", "Fn::GetAtt", ()), ("P", None, "Ref", ("Fn::GetAtt", 1))]),
        (
            {"Fn::Sub": "${A} ${B.C} ${!D} ${ E }"},
            [("A", None, "Fn::Sub", ()), ("B", "C", "Fn::Sub", ()), ("E", None, "Fn::Sub", ())],
        ),
        (
            {"Fn::Sub": ["${a} ${B}", {"a": {"Ref": "C"}}]},
            [("B", None, "Fn::Sub", ()), ("C", None, "Ref", ("Fn::Sub", 1, "a"))],
        ),
        ({"Fn::Sub": "${not a name} $ {B}"}, []),
        ({"Fn::If": ["IsProd", {"Ref": "A"}, "B"]}, [("A", None, "Ref", ("Fn::If", 1))]),
        ({"Fn::Join": ["", ["a", {"Ref": "A"}]]}, [("A", None, "Ref", ("Fn::Join", 1, 1))]),
        ({"Ref": "A", "Other": 1}, []),
        ({"Ref": {"x": 1}}, []),
        ("Ref", []),
    ],
)
def test_references(value: Any, expected: list[tuple[Any, ...]]) -> None:
    assert list(references(value)) == [Reference(*one) for one in expected]


def test_the_path_starts_with_the_given_one() -> None:
    assert list(references({"Ref": "A"}, ("Resources", "B"))) == [Reference("A", None, "Ref", ("Resources", "B"))]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Fn::If": ["A", {"Fn::If": ["B", 1, 2]}, 3]}, ["A", "B"]),
        ({"Condition": "A"}, ["A"]),
        ({"Type": "AWS::S3::Bucket", "Condition": "A", "Properties": {"x": [{"Fn::If": ["B", 1, 2]}]}}, ["A", "B"]),
        ({"Fn::And": [{"Condition": "A"}, {"Fn::Not": [{"Condition": "B"}]}]}, ["A", "B"]),
        ({"Effect": "Allow", "Condition": {"StringEquals": {"a": "b"}}}, []),
        ({"Field": "path", "Condition": "text of a property"}, []),
    ],
)
def test_conditions(value: Any, expected: list[str]) -> None:
    assert list(conditions_used(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "A"}, "Ref"),
        ({"Fn::Sub": ""}, "Fn::Sub"),
        ({"Ref": "A", "b": 1}, None),
        ({"a": 1}, None),
        ([], None),
        ("Ref", None),
        ({}, None),
    ],
)
def test_functions(value: Any, expected: str | None) -> None:
    assert function_of(value) == expected
