"""Templates as text: short tags, JSON and YAML, errors with their place, and the text that travels."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fsdcf.cloudformation.limits import compact
from fsdcf.cloudformation.template import TemplateError, read

TAGS = """\
Ref: !Ref Vpc
GetAtt: !GetAtt Db.Endpoint.Address
List: !GetAtt [Db, Arn]
Sub: !Sub "${Vpc} ${!Vpc}"
Pair: !Sub ["${a}", {a: !Ref Vpc}]
If: !If [IsProd, !Ref A, !Ref "AWS::NoValue"]
And: !And [!Condition IsProd, !Not [!Equals [a, b]]]
Or: !Or [!Equals [a, a], !Condition IsProd]
Join: !Join ["-", [a, !Ref B]]
Select: !Select [0, !GetAZs ""]
Split: !Split [",", "a,b"]
Map: !FindInMap [M, !Ref "AWS::Region", key]
Base64: !Base64 {"Fn::Sub": x}
Cidr: !Cidr ["10.0.0.0/16", 2, 8]
Import: !ImportValue name
Transform: !Transform {Name: x, Parameters: {a: b}}
"""
LONG = {
    "Ref": {"Ref": "Vpc"},
    "GetAtt": {"Fn::GetAtt": ["Db", "Endpoint.Address"]},
    "List": {"Fn::GetAtt": ["Db", "Arn"]},
    "Sub": {"Fn::Sub": "${Vpc} ${!Vpc}"},
    "Pair": {"Fn::Sub": ["${a}", {"a": {"Ref": "Vpc"}}]},
    "If": {"Fn::If": ["IsProd", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]},
    "And": {"Fn::And": [{"Condition": "IsProd"}, {"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}]},
    "Or": {"Fn::Or": [{"Fn::Equals": ["a", "a"]}, {"Condition": "IsProd"}]},
    "Join": {"Fn::Join": ["-", ["a", {"Ref": "B"}]]},
    "Select": {"Fn::Select": [0, {"Fn::GetAZs": ""}]},
    "Split": {"Fn::Split": [",", "a,b"]},
    "Map": {"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "key"]},
    "Base64": {"Fn::Base64": {"Fn::Sub": "x"}},
    "Cidr": {"Fn::Cidr": ["10.0.0.0/16", 2, 8]},
    "Import": {"Fn::ImportValue": "name"},
    "Transform": {"Fn::Transform": {"Name": "x", "Parameters": {"a": "b"}}},
}


def test_short_tags_are_read_into_the_long_form() -> None:
    assert read(TAGS) == LONG
    assert read(json.dumps(LONG)) == LONG


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Version: 2012-10-17", "2012-10-17"),
        ("Version: '2012-10-17'", "2012-10-17"),
        ("Version: 10", 10),
        ("Version: true", True),
        ("Version: 1.5", 1.5),
        ("Version: 08", "08"),
        ("Version: ''", ""),
    ],
)
def test_scalars(text: str, expected: Any) -> None:
    (value,) = read(text).values()
    assert value == expected and type(value) is type(expected)


def test_keys_are_text() -> None:
    assert read("Mappings: {Accounts: {012345678901: {2024-01-01: x, true: y}}}") == {
        "Mappings": {"Accounts": {"012345678901": {"2024-01-01": "x", "true": "y"}}}
    }


def test_yaml_flow_style_may_start_with_a_brace() -> None:
    assert read('{Resources: {A: {Type: "X", Value: !Ref B}}}') == {
        "Resources": {"A": {"Type": "X", "Value": {"Ref": "B"}}}
    }


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("a: [1", "YAML not well-formed. (line 2, column 1)", 2, 1),
        ("a: 1\na: 2", "the key a occurs twice", 2, 1),
        ('{"a": 1,\n "b": ]}', "JSON not well-formed. (line 2, column 7)", 2, 7),
        ('{"a": 1, "a": 2}', "The key a occurs twice", 0, 0),
        ("a: &x 1\nb: *x", "YAML aliases are not allowed in CloudFormation templates", 2, 4),
        ("? [a]\n: 1", "a key must be text", 1, 3),
        ("a: !!binary aGk=", "is not supported", 1, 4),
        ("a: !!python/object:os.system x", "could not determine a constructor", 1, 4),
        ("- a", "unsupported structure", 1, 1),
        ("", "unsupported structure", 1, 1),
        ("[" * 5000, "maximum nesting depth", 1, 1001),
        ('{"a":' * 5000, "not well-formed", 0, 0),
        ("\x00", "not well-formed", 0, 0),
    ],
)
def test_malformed_templates_are_refused(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(TemplateError, match=r"^Template format error: ") as caught:
        read(text)
    assert message in str(caught.value)
    if line:
        assert (caught.value.line, caught.value.column) == (line, column)


def test_an_ampersand_is_not_an_anchor() -> None:
    assert read("a: this & that") == {"a": "this & that"}


def test_the_compact_form_has_no_white_space_and_keeps_its_characters() -> None:
    text = compact({"a": ["é", {"b": 1, "c": True}]})
    assert text == '{"a":["é",{"b":1,"c":true}]}'
    assert read(text) == {"a": ["é", {"b": 1, "c": True}]}
