"""Malformed templates: every reader accepts or refuses them."""

from __future__ import annotations

import copy
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.cloudformation.arns import DeployedStack
from fsdcf.cloudformation.planned import PlanError, planned, text_of
from fsdcf.cloudformation.validation import problems
from fsdcf.plan.access import access
from fsdcf.plan.cost import report
from fsdcf.plan.cost.estimate import estimate
from fsdcf.plan.cost.prices import assumed, shipped
from fsdcf.plan.diff.plan import plan_update
from fsdcf.plan.diff.sides import DeployedValues, sides_of
from fsdcf.plan.graph.architecture import architecture
from fsdcf.plan.graph.dot import dot
from fsdcf.plan.graph.mermaid import mermaid
from fsdcf.plan.permissions.policy import permissions
from tests.conftest import HELLO, Compile
from tests.fuzz import examples
from tests.plan.conftest import template_of
from tests.plan.test_graph import sound
from tests.sandbox.cloudformation.account import Account

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(max_size=6)
    | st.sampled_from([1.5, "ENABLED", "*", "arn:aws:s3:::b/*"])
)
FUNCTIONS = st.sampled_from(
    [
        {"Ref": "Service"},
        {"Ref": "AWS::NoValue"},
        {"Ref": "Nowhere"},
        {"Fn::GetAtt": ["TaskRole", "Arn"]},
        {"Fn::Sub": "${Nowhere.Arn}/x"},
        {"Fn::If": ["ImageIsDigest", "a", {"Ref": "AWS::NoValue"}]},
        {"Fn::Select": [0, {"Fn::Split": [",", {"Ref": "Vpc"}]}]},
        {"Fn::Join": ["", ["a", {"Ref": "Vpc"}]]},
    ]
)
VALUES = st.recursive(
    SCALARS | FUNCTIONS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Action", "Statement", "Ref", "Type", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [place for key, child in children for place in places(child, (*path, key))]


TEMPLATES = {name: template_of(name) for name in ("warehouse", "existing-vpc")}
PLACES = {
    name: [place for place in places(template["Resources"]) if len(place) > 2] for name, template in TEMPLATES.items()
}


@examples(25)
@given(st.sampled_from(sorted(TEMPLATES)), st.data())
def test_a_template_with_anything_anywhere(name: str, data: st.DataObject) -> None:
    template = copy.deepcopy(dict(TEMPLATES[name]))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(PLACES[name]))
        holder: Any = template["Resources"]
        try:
            for step in place[:-1]:
                holder = holder[step]
            holder[place[-1]] = data.draw(VALUES)
        except (LookupError, TypeError):
            continue  # an earlier change took the place away
    try:
        planned(template)
    except PlanError as error:
        assert str(error)
        return
    read_everywhere(template, name)


@pytest.mark.parametrize("odd", [[], {}, None, 5])
def test_an_action_of_an_odd_type(odd: Any) -> None:
    template = copy.deepcopy(dict(TEMPLATES["existing-vpc"]))
    template["Resources"]["Listener"]["Properties"]["DefaultActions"][0]["Type"] = odd
    read_everywhere(template, "existing-vpc")


def read_everywhere(template: dict[str, Any], name: str) -> None:
    """Let every reader of templates read one."""
    found = estimate(template, shipped(), assumed())
    assert 0 <= found.total.minimum <= found.total.maximum
    assert report.markdown([found], name, {}) and report.data(found)
    graph = architecture(template, name)
    assert mermaid(graph) and dot(graph)
    sound(graph)
    assert all(row.principals is not None for row in access(planned(template)))


PSEUDO_TEXTS = st.sampled_from(
    [f"AWS::{name}" for name in ("AccountId", "Partition", "Region", "StackId", "StackName", "URLSuffix")]
)
ZONES = st.builds(
    lambda index, region: {"Fn::Select": [index, {"Fn::GetAZs": region}]},
    st.integers(0, 5),
    st.sampled_from(["", "eu-west-1", {"Ref": "AWS::Region"}]),
)
PSEUDO_VALUES = st.recursive(
    PSEUDO_TEXTS.map(lambda name: {"Ref": name})
    | PSEUDO_TEXTS.map(lambda name: {"Fn::Sub": f"${{{name}}}-${{AWS::NoValue}}"})
    | ZONES
    | st.sampled_from(
        [
            {"Fn::Select": [0, {"Ref": "AWS::NotificationARNs"}]},
            {"Fn::Join": [",", {"Ref": "AWS::NotificationARNs"}]},
            {"Fn::Join": [",", {"Fn::GetAZs": ""}]},
            {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]},
            {"Fn::Select": [2, {"Fn::Split": ["-", {"Ref": "AWS::Region"}]}]},
            {"Fn::Select": [1, {"Fn::Split": [".", {"Ref": "AWS::URLSuffix"}]}]},
            {"Fn::FindInMap": ["Places", {"Ref": "AWS::Partition"}, "name"]},
            {"Fn::FindInMap": ["Places", {"Fn::Sub": "${AWS::Region}"}, "name"]},
            {"Fn::Join": ["", ["a", {"Fn::If": ["Home", "home", {"Ref": "AWS::NoValue"}]}]]},
        ]
    ),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda items: {"Fn::Join": ["-", items]})
        | inner.map(lambda value: {"Fn::Base64": value})
    ),
    max_leaves=4,
)
PLACES_OF_PARTITIONS = {name: {"name": name} for name in ("aws", "us-east-1", "eu-west-1")}


@examples(40)
@given(PSEUDO_VALUES, PSEUDO_VALUES, ZONES)
def test_pseudo_parameters_and_zones_everywhere(first: Any, second: Any, zone: Any) -> None:
    def made(value: Any) -> dict[str, Any]:
        subnet = {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/20", "AvailabilityZone": zone}
        return {
            "Mappings": {"Places": PLACES_OF_PARTITIONS},
            "Conditions": {"Home": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}},
            "Resources": {
                "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": value}},
                "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": subnet},
            },
            "Outputs": {"Value": {"Value": value}},
        }

    old, new = made(first), made(second)
    read_everywhere(old, "pseudo")
    assert problems(old, {}) == ()
    assert permissions([DeployedStack("pseudo", old)], "boundary").statements
    known = DeployedValues(pseudo={"AWS::Region": "eu-west-1"})
    for deployed in (DeployedValues(), known):
        plan = plan_update(sides_of(old, new, deployed=deployed))
        assert {change.logical_id for change in plan.changes} <= {"Topic"}
        assert first != second or plan.empty


@pytest.mark.parametrize("zones", range(1, 7))
@pytest.mark.parametrize("listed", [True, False])
def test_every_number_of_zones_everywhere(compiled: Compile, zones: int, listed: bool) -> None:
    if zones == 1 and not listed:
        return
    ids = ", ".join(f"use1-az{number}" for number in range(1, zones + 1))
    vpc = f"{{availabilityZones: {f'[{ids}]' if listed else zones}, nat: perZone, endpoints: [ecr.api]}}"
    text = HELLO.replace("  port: 8000\n", "" if zones == 1 else "  port: 8000\n") + f"  networking: {{vpc: {vpc}}}\n"
    result = compiled(text, environment="prod")
    assert result.template is not None, result.diagnostics
    template = dict(result.template.data)
    read_everywhere(template, "zones")
    assert problems(template, {"ImageSha": "a"}, ["CAPABILITY_IAM"]) == ()
    assert permissions([DeployedStack("hello-prod", template)], "boundary").statements
    for region in ("us-east-1", "eu-west-1", "us-west-1"):
        values = DeployedValues({"ImageSha": "a"}, pseudo={"AWS::Region": region})
        assert plan_update(sides_of(template, template, deployed=values)).empty
    account = Account()
    with closing(account.state.store):
        assert account.create(template, {"ImageSha": "a"}, Capabilities=["CAPABILITY_IAM"]) == "CREATE_COMPLETE"


def test_a_parameter_without_a_value_everywhere() -> None:
    subnet = {"Fn::Select": [1, {"Ref": "Subnets"}]}
    size = {"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "class"]}
    template = {
        "Parameters": {"Subnets": {"Type": "List<AWS::EC2::Subnet::Id>"}, "Stage": {"Type": "String"}},
        "Mappings": {"Sizes": {"prod": {"class": "large"}}},
        "Conditions": {"Inside": {"Fn::Not": [{"Fn::Equals": [{"Fn::Select": [0, {"Ref": "Subnets"}]}, ""]}]}},
        "Resources": {
            "Target": {
                "Type": "AWS::EFS::MountTarget",
                "Condition": "Inside",
                "Properties": {"FileSystemId": "fs-1", "SubnetId": subnet, "SecurityGroups": {"Ref": "Subnets"}},
            },
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": size}},
        },
    }
    read_everywhere(template, "parameters")
    assert text_of(planned(template).resources["Target"].get("SubnetId")) == "Select(1, <Subnets>)"
    assert plan_update(sides_of(template, template)).empty
