"""Parameters: the sources of values, and CloudFormation's messages for invalid ones."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.parameters import resolved, typed


def one(value: str, **declared: Any) -> tuple[str, ...]:
    return resolved({"Parameters": {"P": {"Type": "String", **declared}}}, {"P": value}, None)[1]


def test_given_values_precede_previous_ones_and_defaults() -> None:
    template = {"Parameters": {name: {"Type": "String", "Default": "default"} for name in ("Given", "Kept", "Plain")}}
    values, problems = resolved(template, {"Given": "new"}, {"Given": "old", "Kept": "old", "Gone": "x"})
    assert values == {"Given": "new", "Kept": "old", "Plain": "default"} and problems == ()


def test_defaults_are_texts() -> None:
    template = {"Parameters": {"A": {"Type": "Number", "Default": 5}, "B": {"Type": "String", "Default": True}}}
    assert resolved(template, {}, None) == ({"A": "5", "B": "true"}, ())


def test_a_template_without_parameters() -> None:
    assert resolved({}, {}, None) == ({}, ())
    assert resolved({}, {"X": "1", "Y": "2"}, {})[1] == ("Parameters: [X, Y] do not exist in the template",)


def test_missing_values_are_named_together() -> None:
    template = {"Parameters": {"ImageSha": {"Type": "String"}, "Other": {"Type": "String"}}}
    assert resolved(template, {}, {})[1] == ("Parameters: [ImageSha, Other] must have values",)


@pytest.mark.parametrize(
    ("value", "declared", "problem"),
    [
        ("abc", {"AllowedPattern": "[a-z]+"}, None),
        ("abc1", {"AllowedPattern": "[a-z]+"}, "Parameter 'P' must match pattern [a-z]+"),
        ("abc\n", {"AllowedPattern": "^[a-z]+$"}, "Parameter 'P' must match pattern ^[a-z]+$"),
        (
            "ABC",
            {"AllowedPattern": "[a-z]+", "ConstraintDescription": "lower case"},
            "Parameter P failed to satisfy constraint: lower case",
        ),
        ("x", {"AllowedPattern": "(?<a>x"}, None),
        ("dev", {"AllowedValues": ["dev", "prod"]}, None),
        ("test", {"AllowedValues": ["dev", "prod"]}, "Parameter 'P' must be one of AllowedValues"),
        ("1", {"Type": "Number", "AllowedValues": [1, 2]}, None),
        ("true", {"AllowedValues": [True, False]}, None),
        ("ab", {"MinLength": 3}, "Parameter 'P' must contain at least 3 characters"),
        ("abcd", {"MaxLength": "3"}, "Parameter 'P' must contain at most 3 characters"),
        ("abc", {"MinLength": 3, "MaxLength": 3}, None),
        ("5", {"Type": "Number", "MinValue": 5, "MaxValue": 5}, None),
        ("4", {"Type": "Number", "MinValue": 5}, "Parameter 'P' must be a number not less than 5"),
        ("6.5", {"Type": "Number", "MaxValue": 6}, "Parameter 'P' must be a number not greater than 6"),
        ("x", {"Type": "Number"}, "Parameter 'P' must be a number"),
        ("1_0", {"Type": "Number"}, "Parameter 'P' must be a number"),
        ("nan", {"Type": "Number"}, "Parameter 'P' must be a number"),
        ("1e3", {"Type": "Number"}, None),
        ("1,2,x", {"Type": "List<Number>"}, "Parameter 'P' must be a number"),
        ("a, b", {"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]}, None),
        (
            "a,c",
            {"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]},
            "Parameter 'P' must be one of AllowedValues",
        ),
        ("vpc-1", {"Type": "AWS::EC2::VPC::Id"}, None),
    ],
)
def test_constraints(value: str, declared: dict[str, Any], problem: str | None) -> None:
    assert one(value, **declared) == ((problem,) if problem else ())


def test_a_default_must_satisfy_the_constraints() -> None:
    template = {"Parameters": {"P": {"Type": "String", "Default": "x", "AllowedValues": ["y"]}}}
    assert resolved(template, {}, None)[1] == ("Parameter 'P' must be one of AllowedValues",)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("String", "a,b", "a,b"),
        ("Number", "5", "5"),
        ("CommaDelimitedList", "a, b ,c", ["a", "b", "c"]),
        ("CommaDelimitedList", "", []),
        ("List<AWS::EC2::Subnet::Id>", "s-1,s-2", ["s-1", "s-2"]),
        ("AWS::SSM::Parameter::Value<List<String>>", "a,b", ["a", "b"]),
        ("AWS::SSM::Parameter::Value<String>", "a,b", "a,b"),
    ],
)
def test_lists(kind: str, value: str, expected: Any) -> None:
    assert typed({"Parameters": {"P": {"Type": kind}}}, {"P": value}) == {"P": expected}
