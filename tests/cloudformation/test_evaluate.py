"""Intrinsic functions with known and unknown arguments, and CloudFormation's messages for malformed ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from fsdcf.cloudformation.evaluation import (
    FUNCTIONS,
    NO_VALUE,
    PSEUDO,
    EvaluationError,
    Partial,
    Scope,
    Unknown,
    concatenated,
    evaluate,
    is_known,
    plain,
    scalar,
    scope_of,
    truth,
    unknowns,
)


def resource(name: str, attribute: str | None) -> Any:
    known = {("Bucket", None): "my-bucket", ("Bucket", "Arn"): "arn:aws:s3:::my-bucket", ("Net", "Ids"): ["a", "b"]}
    return known.get((name, attribute), Unknown(name, attribute))


SCOPE = Scope(
    parameters={"Name": "web", "Count": "3", "Subnets": ["s-1", "s-2"], "Empty": ""},
    pseudo={"AWS::Region": "eu-central-1", "AWS::NotificationARNs": []},
    conditions={"Yes": True, "No": False},
    mappings={"Map": {"eu-central-1": {"ami": "ami-1", "zones": ["a", "b"], "12": "twelve"}}},
    resource=resource,
    imports=lambda name: f"value of {name}",
    zones=lambda region: [f"{region}{letter}" for letter in "abc"] if region == "eu-central-1" else None,
)
REF = {"Ref": "New"}
ARN = {"Fn::GetAtt": ["New", "Arn"]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        ({"a": [1, True, {"b": None}]}, {"a": [1, True, {"b": None}]}),
        ({"Ref": "Name"}, "web"),
        ({"Ref": "Subnets"}, ["s-1", "s-2"]),
        ({"Ref": "AWS::Region"}, "eu-central-1"),
        ({"Ref": "Bucket"}, "my-bucket"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::my-bucket"),
        ({"Fn::GetAtt": "Bucket.Arn"}, "arn:aws:s3:::my-bucket"),
        ({"Fn::GetAtt": ["Bucket", {"Fn::Join": ["", ["A", "rn"]]}]}, "arn:aws:s3:::my-bucket"),
        (
            {"Fn::Sub": "${Name}-${Bucket.Arn}-${!Name}-${AWS::Region}"},
            "web-arn:aws:s3:::my-bucket-${Name}-eu-central-1",
        ),
        ({"Fn::Sub": ["${x}/${Name}", {"x": {"Ref": "Count"}}]}, "3/web"),
        ({"Fn::Sub": ["${Name}", {"Name": "other"}]}, "other"),
        ({"Fn::Sub": "a $ b {c} $Name"}, "a $ b {c} $Name"),
        ({"Fn::Sub": "${Subnets}"}, "s-1,s-2"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}, 5, True]]}, "a-web-5-true"),
        ({"Fn::Join": [",", {"Ref": "Subnets"}]}, "s-1,s-2"),
        ({"Fn::Join": [",", []]}, ""),
        ({"Fn::Join": ["-", ["a", {"Ref": "AWS::NoValue"}, "b"]]}, "a-b"),
        ({"Fn::Select": [1, ["a", "b"]]}, "b"),
        ({"Fn::Select": ["1", {"Ref": "Subnets"}]}, "s-2"),
        ({"Fn::Select": [{"Ref": "Empty0"}, ["a"]]}, Partial((Unknown("Empty0", None), ["a"]), "Fn::Select")),
        ({"Fn::Split": ["-", "a-b-"]}, ["a", "b", ""]),
        ({"Fn::If": ["Yes", "a", {"Ref": "Nothing"}]}, "a"),
        ({"Fn::If": ["No", "a", ["b"]]}, ["b"]),
        ({"Fn::FindInMap": ["Map", {"Ref": "AWS::Region"}, "ami"]}, "ami-1"),
        ({"Fn::FindInMap": ["Map", "eu-central-1", "zones"]}, ["a", "b"]),
        ({"Fn::FindInMap": ["Map", "eu-central-1", 12]}, "twelve"),
        ({"Fn::FindInMap": ["Map", "x", "y", {"DefaultValue": {"Ref": "Name"}}]}, "web"),
        ({"Fn::Base64": "hé"}, "aMOp"),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        (
            {"Fn::Cidr": ["192.168.0.0/24", "4", "4"]},
            ["192.168.0.0/28", "192.168.0.16/28", "192.168.0.32/28", "192.168.0.48/28"],
        ),
        ({"Fn::Cidr": ["2001:db8::/56", 2, 64]}, ["2001:db8::/64", "2001:db8:0:1::/64"]),
        ({"Fn::GetAZs": ""}, ["eu-central-1a", "eu-central-1b", "eu-central-1c"]),
        ({"Fn::GetAZs": {"Ref": "AWS::Region"}}, ["eu-central-1a", "eu-central-1b", "eu-central-1c"]),
        ({"Fn::Sub": "a${AWS::NoValue}b"}, "ab"),
        ({"Fn::ImportValue": {"Fn::Sub": "${Name}-vpc"}}, "value of web-vpc"),
        ({"Fn::Length": {"Ref": "Subnets"}}, 2),
        ({"Fn::ToJsonString": {"a": [1, {"Ref": "Name"}]}}, '{"a":[1,"web"]}'),
        ({"Fn::Equals": [5, "5"]}, True),
        ({"Fn::Equals": [{"Ref": "Subnets"}, ["s-1"]]}, False),
        ({"Fn::Not": [{"Condition": "No"}]}, True),
        ({"Fn::And": [{"Condition": "Yes"}, {"Fn::Equals": ["a", "b"]}]}, False),
        ({"Fn::Or": [{"Condition": "No"}, {"Condition": "Yes"}]}, True),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
        (
            {"Condition": {"StringEquals": {"aws:x": {"Ref": "Name"}}}},
            {"Condition": {"StringEquals": {"aws:x": "web"}}},
        ),
    ],
)
def test_known_values(value: Any, expected: Any) -> None:
    assert evaluate(value, SCOPE) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (REF, Unknown("New", None)),
        (ARN, Unknown("New", "Arn")),
        ({"Fn::Sub": "${New}"}, Unknown("New", None)),
        ({"Fn::Sub": "${New.Arn}/*"}, Partial((Unknown("New", "Arn"), "/*"))),
        ({"Fn::Join": ["", ["a", "b", REF, "c", "d"]]}, Partial(("ab", Unknown("New", None), "cd"))),
        ({"Fn::Join": ["", ["x", {"Fn::Sub": "y${New}z"}]]}, Partial(("xy", Unknown("New", None), "z"))),
        ({"Fn::Join": [",", {"Fn::GetAtt": ["New", "Ids"]}]}, Partial((",", Unknown("New", "Ids")), "Fn::Join")),
        (
            {"Fn::Select": [0, {"Fn::Split": ["/", ARN]}]},
            Partial((0, Partial(("/", Unknown("New", "Arn")), "Fn::Split")), "Fn::Select"),
        ),
        ({"Fn::Select": [1, ["a", REF]]}, Unknown("New", None)),
        ({"Fn::Base64": {"Fn::Sub": "a${New}"}}, Partial((Partial(("a", Unknown("New", None))),), "Fn::Base64")),
        (
            {"Fn::Cidr": [{"Fn::GetAtt": ["New", "CidrBlock"]}, 2, 8]},
            Partial((Unknown("New", "CidrBlock"), 2, 8), "Fn::Cidr"),
        ),
        ({"Fn::GetAZs": {"Fn::GetAtt": ["New", "Region"]}}, Partial((Unknown("New", "Region"),), "Fn::GetAZs")),
        ({"Fn::Length": {"Fn::GetAtt": ["New", "Ids"]}}, Partial((Unknown("New", "Ids"),), "Fn::Length")),
        ({"Fn::ToJsonString": {"a": REF}}, Partial(({"a": Unknown("New", None)},), "Fn::ToJsonString")),
    ],
)
def test_unknown_values(value: Any, expected: Any) -> None:
    found = evaluate(value, SCOPE)
    assert found == expected
    assert not is_known(found) and not is_known({"a": [found]})
    assert {one.target for one in unknowns({"a": [found]})} == {"New"}


def test_an_unknown_value_is_written_as_its_function() -> None:
    value = {
        "a": [{"Fn::Sub": "x${New}"}, ARN, {"Fn::Base64": REF}, {"Fn::Select": [0, {"Fn::Split": ["/", ARN]}]}, "t"]
    }
    assert plain(evaluate(value, SCOPE)) == {
        "a": [
            {"Fn::Join": ["", ["x", REF]]},
            ARN,
            {"Fn::Base64": REF},
            {"Fn::Select": [0, {"Fn::Split": ["/", ARN]}]},
            "t",
        ]
    }
    assert plain(evaluate({"Fn::Sub": "x${New}"}, SCOPE), {Unknown("New", None): "id-1"}) == "xid-1"


def test_no_value_alone() -> None:
    assert evaluate({"Ref": "AWS::NoValue"}, SCOPE) is NO_VALUE
    assert evaluate({"Fn::If": ["Yes", {"Ref": "AWS::NoValue"}, 1]}, SCOPE) is NO_VALUE
    assert repr(NO_VALUE) == "NO_VALUE"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Ref": ["a"]}, "every Ref object must have a single String value"),
        ({"Fn::GetAtt": "NoDot"}, "requires two non-empty parameters"),
        ({"Fn::GetAtt": ["A"]}, "requires two non-empty parameters"),
        ({"Fn::Sub": ["${a}"]}, "don't specify expected arguments"),
        ({"Fn::Sub": "${a b}"}, "must contain only alphanumeric characters"),
        ({"Fn::Sub": "${VAR:-x}"}, "must contain only alphanumeric characters"),
        ({"Fn::Sub": ["${a}", {"a": {"b": "c"}}]}, "don't specify expected arguments"),
        ({"Fn::Join": ["-"]}, "every Fn::Join object requires two parameters"),
        ({"Fn::Join": [{"Ref": "Name"}, ["a"]]}, "every Fn::Join object requires two parameters"),
        ({"Fn::Join": ["-", "text"]}, "every Fn::Join object requires two parameters"),
        ({"Fn::Join": ["-", [{"a": "b"}]]}, "every Fn::Join object requires two parameters"),
        ({"Fn::Select": [2, ["a", "b"]]}, "cannot select nonexistent value at index 2"),
        ({"Fn::Select": ["x", ["a"]]}, "an integer index and a list"),
        ({"Fn::Select": [-1, ["a"]]}, "an integer index and a list"),
        ({"Fn::Select": [0, "a"]}, "an integer index and a list"),
        ({"Fn::Split": ["", "a"]}, "every Fn::Split object requires two parameters"),
        ({"Fn::If": ["Unknown", 1, 2]}, "unresolved condition dependency Unknown in Fn::If"),
        ({"Fn::If": ["Yes", 1]}, "requires a list argument with three elements"),
        ({"Fn::Equals": ["a"]}, "every Fn::Equals object requires a list of 2 string parameters"),
        ({"Fn::Equals": [REF, "a"]}, "Conditions can only be boolean operations"),
        ({"Fn::Not": []}, "every Fn::Not object requires a list of one boolean parameter"),
        ({"Fn::And": [{"Condition": "Yes"}]}, "at least 2 and at most 10 boolean parameters"),
        ({"Fn::Or": [{"Condition": "Yes"}, "text"]}, "Conditions can only be boolean operations"),
        ({"Fn::Or": [{"Condition": "Yes"}, {"Condition": "Nothing"}]}, "unresolved condition dependency Nothing"),
        ({"Fn::FindInMap": ["Map", "x", "y"]}, "Unable to get mapping for Map::x::y"),
        ({"Fn::FindInMap": ["Map", "x"]}, "every Fn::FindInMap object requires three parameters"),
        ({"Fn::FindInMap": ["Map", ["x"], "y"]}, "every Fn::FindInMap object requires three parameters"),
        ({"Fn::Base64": {"a": "b"}}, "must have a String-typed value"),
        ({"Fn::Cidr": ["10.0.0.0/24", 3, 8]}, "do not fit"),
        ({"Fn::Cidr": ["nonsense", 1, 8]}, "Fn::Cidr"),
        ({"Fn::Cidr": ["10.0.0.0/24"]}, "requires two or three parameters"),
        ({"Fn::ImportValue": ARN}, "must not depend on any resources"),
        ({"Fn::Length": "text"}, "expects a list"),
        ({"Fn::Transform": {"Name": "x"}}, "Fn::Transform is not a function that can be applied here"),
    ],
)
def test_malformed_functions_are_refused(value: Any, message: str) -> None:
    with pytest.raises(EvaluationError, match=r"^Template (format )?error: ") as caught:
        evaluate(value, SCOPE)
    assert message in str(caught.value)


def test_a_missing_export_is_refused() -> None:
    with pytest.raises(EvaluationError, match="No export named x found"):
        evaluate({"Fn::ImportValue": "x"}, Scope({}))


def test_every_function_has_a_row() -> None:
    rows: list[Mapping[str, Any]] = [
        one.values[0] if hasattr(one, "values") else one[0] for one in _rows(test_known_values)
    ]
    assert {key for row in rows if isinstance(row, Mapping) for key in row} >= set(FUNCTIONS)


def _rows(test: Any) -> Any:
    return test.pytestmark[0].args[1]


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (5, "5"), (1.5, "1.5"), ("a", "a"), (None, "")]
)
def test_scalars_as_text(value: Any, text: str) -> None:
    assert scalar(value) == text


def test_a_condition_must_be_boolean() -> None:
    assert truth({"Condition": "Yes"}, SCOPE) is True
    with pytest.raises(EvaluationError):
        truth("true", SCOPE)


def test_adjacent_texts_are_joined() -> None:
    assert concatenated([]) == ""
    assert concatenated(["", "a", "", "b"]) == "ab"
    assert concatenated(["a", Partial(("b", Unknown("X", None))), "c"]) == Partial(("ab", Unknown("X", None), "c"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Fn::Sub": "arn:${AWS::Partition}:x"}, "arn:${AWS::Partition}:x"),
        ({"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}, "00000000-0000-0000-0000-000000000000"),
        ({"Fn::Select": [1, {"Fn::Split": ["-", {"Ref": "AWS::Region"}]}]}, "east"),
        ({"Fn::FindInMap": ["Map", {"Ref": "AWS::Partition"}, "name"]}, "mapped"),
        ({"Fn::FindInMap": ["Map", {"Ref": "AWS::Region"}, "name"]}, "regional"),
    ],
)
def test_a_symbol_stands_in_texts_and_chooses_by_its_value(value: Any, expected: Any) -> None:
    mappings = {"Map": {"aws": {"name": "mapped"}, "us-east-1": {"name": "regional"}}}
    symbols = {name: f"${{{name}}}" for name in PSEUDO}
    assert evaluate(value, Scope({}, PSEUDO, symbols, mappings=mappings)) == expected


def test_topics_are_not_known_and_no_condition_has_any() -> None:
    topics = {"Ref": "AWS::NotificationARNs"}
    none = {"Fn::Equals": [{"Fn::Join": ["", topics]}, ""]}
    scope = scope_of({"Conditions": {"NoTopics": none}}, {}, PSEUDO)
    assert scope.conditions == {"NoTopics": True}
    assert plain(evaluate(topics, scope)) == topics
    assert plain(evaluate({"Fn::Select": [0, topics]}, scope)) == {"Fn::Select": [0, topics]}
    assert plain(evaluate({"Fn::Length": topics}, scope)) == {"Fn::Length": topics}


def test_zones_are_known_to_the_account_alone() -> None:
    zone = {"Fn::Select": [5, {"Fn::GetAZs": "us-east-1"}]}
    assert plain(evaluate(zone, SCOPE)) == zone
