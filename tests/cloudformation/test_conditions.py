"""Conditions: truths with these parameters, and what exists then."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.evaluation import EvaluationError, active, condition_values, existing

TEMPLATE: dict[str, Any] = {
    "Parameters": {"Stage": {"Type": "String"}, "Zones": {"Type": "CommaDelimitedList"}},
    "Mappings": {"Sizes": {"prod": {"large": "yes"}, "test": {"large": "no"}}},
    "Conditions": {
        "Large": {"Fn::Equals": [{"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "large"]}, "yes"]},
        "NotLarge": {"Fn::Not": [{"Condition": "Large"}]},
        "Both": {"Fn::And": [{"Condition": "Large"}, {"Condition": "Home"}]},
        "Either": {"Fn::Or": [{"Condition": "Both"}, {"Fn::Equals": [{"Fn::Select": [0, {"Ref": "Zones"}]}, "a"]}]},
        "Home": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-central-1"]},
    },
    "Resources": {
        "Always": {"Type": "X"},
        "Sometimes": {"Type": "X", "Condition": "Large"},
        "Never": {"Type": "X", "Condition": "Lost"},
    },
}


@pytest.mark.parametrize(
    ("stage", "zones", "region", "expected"),
    [
        ("prod", "b", "eu-central-1", {"Large": True, "NotLarge": False, "Both": True, "Either": True, "Home": True}),
        ("prod", "b", "us-east-1", {"Large": True, "NotLarge": False, "Both": False, "Either": False, "Home": False}),
        ("test", "a,b", "us-east-1", {"Large": False, "NotLarge": True, "Both": False, "Either": True, "Home": False}),
    ],
)
def test_truths(stage: str, zones: str, region: str, expected: dict[str, bool]) -> None:
    assert condition_values(TEMPLATE, {"Stage": stage, "Zones": zones}, {"AWS::Region": region}) == expected


def test_resources_exist_by_their_condition() -> None:
    assert set(active(TEMPLATE, {"Large": True})) == {"Always", "Sometimes"}
    assert set(active(TEMPLATE, {"Large": False})) == {"Always"}
    assert active({}, {}) == {}
    assert set(existing({"A": {"Value": 1}, "B": {"Value": 1, "Condition": "C"}}, {"C": False})) == {"A"}


def test_a_template_without_conditions() -> None:
    assert condition_values({"Resources": {}}, {}, {}) == {}


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"A": {"Condition": "B"}, "B": {"Condition": "A"}}, "Circular dependency between conditions: [A, B]"),
        ({"A": {"Fn::Not": [{"Condition": "A"}]}}, "Circular dependency between conditions: [A]"),
        ({"A": {"Condition": "B"}}, "Unresolved condition dependencies [B] in the Conditions block of the template"),
        ({"A": "true"}, "Conditions can only be boolean operations"),
        ({"A": {"Fn::Equals": [{"Ref": "Bucket"}, "x"]}}, "Conditions can only be boolean operations"),
        ({"A": {"Fn::If": ["B", 1, 2]}, "B": {"Fn::Equals": ["a", "a"]}}, "Conditions can only be boolean operations"),
    ],
)
def test_undecidable_conditions_are_refused(conditions: dict[str, Any], message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        condition_values({"Conditions": conditions}, {}, {})
    assert message in str(caught.value)
