"""What CreateChangeSet refuses, in CloudFormation's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from fsdcf.cloudformation.limits import BODY_BYTES, TEMPLATE_BYTES
from fsdcf.cloudformation.types.iam import capabilities, missing_capabilities
from fsdcf.cloudformation.validation import body_problem, problems, type_problem

BUCKET: Mapping[str, Any] = {"Type": "AWS::S3::Bucket"}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
QUEUE = "AWS::SQS::Queue"


def made(**resources: Any) -> dict[str, Any]:
    return {"Resources": {"Bucket": BUCKET, **resources}}


def queue(value: Any) -> dict[str, Any]:
    return {"Type": QUEUE, "Properties": {"QueueName": value}}


STAGE = {
    "Parameters": {"Stage": {"Type": "String", "Default": "test"}},
    "Conditions": {"IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
}


@pytest.mark.parametrize(
    "template",
    [
        made(),
        made(Q=queue({"Fn::Sub": "${Bucket.Arn}-${AWS::StackName}-${!x}"})),
        made(
            C={"Type": "Custom::Thing", "Properties": {"ServiceToken": "x", "Anything": 1}},
            Q=queue({"Fn::GetAtt": ["C", "Whatever"]}),
        ),
        made(
            S={"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "x"}},
            Q=queue({"Fn::GetAtt": ["S", "Outputs.Name"]}),
        ),
        made(T={"Type": "Vendor::Service::Type", "Properties": {"x": 1}}),
        made(T={"Type": "AWS::NobodyKnows::Thing"}),
        made(V={"Type": "AWS::EC2::Volume", "DeletionPolicy": "Snapshot"}),
        {
            **STAGE,
            **made(Q={**queue("x"), "Condition": "IsProd"}, R=queue({"Fn::If": ["IsProd", {"Ref": "Q"}, "none"]})),
        },
        {
            **STAGE,
            **made(Q={**queue("x"), "Condition": "IsProd"}),
            "Outputs": {"N": {"Condition": "IsProd", "Value": {"Ref": "Q"}}},
        },
        {**STAGE, **made(Q={**queue("x"), "Condition": "IsProd"}, R={**BUCKET, "DependsOn": "Q"})},
        {"AWSTemplateFormatVersion": "2010-09-09", "Description": "x", "Metadata": {"a": 1}, **made()},
        made(A={"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::ImportValue": "x"}}}),
    ],
)
def test_valid_templates(template: dict[str, Any]) -> None:
    assert problems(template, {}) == ()


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ({}, "Template format error: At least one Resources member must be defined."),
        ({"Resources": {}}, "Template format error: At least one Resources member must be defined."),
        ({**made(), "Resource": {}, "Also": 1}, "Invalid template property or properties [Also, Resource]"),
        (
            {**made(), "AWSTemplateFormatVersion": "2011-01-01"},
            "Template format error: unsupported value for AWSTemplateFormatVersion.",
        ),
        ({**made(), "Outputs": []}, "Template format error: Outputs must be an object."),
        (
            made(Q={"Properties": {}}),
            "Template format error: [/Resources/Q] Every Resources object must contain a Type member.",
        ),
        (made(Q={"Type": QUEUE, "Invalid": 10}), "Invalid template resource property 'Invalid'"),
        (
            made(Q={"Type": QUEUE, "Properties": []}),
            "Template format error: [/Resources/Q/Properties] Properties must be an object.",
        ),
        (made(**{"my-queue": {"Type": QUEUE}}), "Template format error: Resource name my-queue is non alphanumeric."),
        (made(Q={"Type": QUEUE, "Condition": "Lost"}), "Template format error: Condition Lost is not defined."),
        (
            made(Q={"Type": QUEUE, "DeletionPolicy": "Keep"}),
            "Template error: DeletionPolicy Keep is not supported in resource Q",
        ),
        (
            made(Q={"Type": QUEUE, "DeletionPolicy": "Snapshot"}),
            "Template error: resource type AWS::SQS::Queue does not support deletion policy Snapshot",
        ),
        (
            {**made(), "Outputs": {"O": {"Value": None}}},
            "[/Outputs/O/Value] 'null' values are not allowed in templates",
        ),
        ({**made(), "Outputs": {"O": {}}}, "Template format error: Every Outputs member must contain a Value object"),
        (
            {**made(), "Outputs": {"my-o": {"Value": "x"}}},
            "Template format error: Output name my-o is non alphanumeric.",
        ),
        (
            {**made(), "Outputs": {"O": {"Value": "x", "Condition": "Lost"}}},
            "Template format error: Condition Lost is not defined.",
        ),
        (
            {**made(), "Parameters": {"P": {"Default": "x"}}},
            "Template format error: Every Parameters object must contain a Type member.",
        ),
        ({**made(), "Parameters": {"P": {"Type": "Text"}}}, "Template format error: Unrecognized parameter type: Text"),
        ({**made(), "Parameters": {"P": {"Type": "String", "Min": 1}}}, "Invalid template parameter property 'Min'"),
        (
            {**made(), "Parameters": {"my-p": {"Type": "String"}}},
            "Template format error: Parameter name my-p is non alphanumeric.",
        ),
        (made(Q={"Type": "AWS::SQS::Queu"}), "Template format error: Unrecognized resource types: [AWS::SQS::Queu]"),
        (
            made(Q={"Type": "Queue"}, R={"Type": "AWS::EC2::NATGateway"}),
            "Template format error: Unrecognized resource types: [Queue, AWS::EC2::NATGateway]",
        ),
        (
            made(
                Q=queue({"Ref": "Lost"}), R=queue({"Fn::GetAtt": ["Gone", "Arn"]}), S={**BUCKET, "DependsOn": ["Away"]}
            ),
            "Template format error: Unresolved resource dependencies [Lost, Gone, Away] in the Resources block of the "
            "template",
        ),
        (
            made(Q=queue({"Fn::Sub": "${Stage}"})),
            "Template format error: Unresolved resource dependencies [Stage] in the Resources block of the template",
        ),
        (
            {**STAGE, **made(Q=queue({"Fn::GetAtt": ["Stage", "Arn"]}))},
            "Template format error: Unresolved resource dependencies [Stage] in the Resources block of the template",
        ),
        (
            {**made(), "Outputs": {"O": {"Value": {"Ref": "Lost"}}}},
            "Template format error: Unresolved resource dependencies [Lost] in the Outputs block of the template",
        ),
        (
            {**made(), "Conditions": {"C": {"Fn::Equals": [{"Ref": "Bucket"}, "x"]}}},
            "Template format error: Unresolved dependencies [Bucket]. Cannot reference resources in the Conditions "
            "block of the template",
        ),
        (
            made(Q=queue({"Fn::GetAtt": ["Bucket", "Lost"]})),
            "Template error: resource Bucket does not support attribute type Lost in Fn::GetAtt",
        ),
        (
            made(Q=queue({"Fn::Sub": "${Bucket.Lost}"})),
            "Template error: resource Bucket does not support attribute type Lost in Fn::GetAtt",
        ),
        (made(Q=queue({"Ref": "R"}), R=queue({"Ref": "Q"})), "Circular dependency between resources: [Q, R]"),
        (made(Q={**queue("x"), "DependsOn": "Q"}), "Circular dependency between resources: [Q]"),
        ({**made(), "Parameters": {"P": {"Type": "String"}}}, "Parameters: [P] must have values"),
        (
            {**STAGE, **made(Q={**queue("x"), "Condition": "IsProd"}, R=queue({"Ref": "Q"}))},
            "Template format error: Unresolved resource dependencies [Q] in the Resources block of the template",
        ),
        (
            {**STAGE, **made(Q={**queue("x"), "Condition": "IsProd"}), "Outputs": {"O": {"Value": {"Ref": "Q"}}}},
            "Template format error: Unresolved resource dependencies [Q] in the Outputs block of the template",
        ),
        (made(Q=queue({"Fn::If": ["Lost", 1, 2]})), "Template error: unresolved condition dependency Lost in Fn::If"),
        (made(Q=queue({"Fn::FindInMap": ["M", "a", "b"]})), "Template error: Unable to get mapping for M::a::b"),
        (
            {**made(), "Conditions": {"A": {"Condition": "A"}}},
            "Template format error: Circular dependency between conditions: [A]",
        ),
        (made(Role=ROLE), "Requires capabilities : [CAPABILITY_IAM]"),
        (made(Q={"Type": QUEUE, "Properties": {"Name": "x"}}), "Encountered unsupported property Name"),
        (made(P={"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String"}}), "Property Value cannot be empty."),
    ],
)
def test_refused_templates(template: dict[str, Any], problem: str) -> None:
    assert problems(template, {})[:1] == (problem,)


def test_parameters_that_do_not_exist() -> None:
    assert problems(made(), {"X": "1"}) == ("Parameters: [X] do not exist in the template",)


@pytest.mark.parametrize(
    ("section", "member", "count", "problem"),
    [
        (
            "Resources",
            dict(BUCKET),
            501,
            "Template format error: Number of resources, 501, is greater than maximum allowed, 500",
        ),
        (
            "Parameters",
            {"Type": "String", "Default": ""},
            201,
            "Template format error: Number of parameters, 201, is greater than maximum allowed, 200",
        ),
        (
            "Outputs",
            {"Value": "x"},
            201,
            "Template format error: Number of outputs, 201, is greater than maximum allowed, 200",
        ),
        (
            "Mappings",
            {"a": {"b": "c"}},
            201,
            "Template format error: Number of mappings, 201, is greater than maximum allowed, 200",
        ),
    ],
)
def test_counts(section: str, member: Any, count: int, problem: str) -> None:
    def with_(number: int) -> dict[str, Any]:
        return {**made(), section: {f"M{index}": member for index in range(number)}}

    assert problems(with_(count), {}) == (problem,)
    assert problems(with_(count - 1), {}) == ()


def test_bytes() -> None:
    template = {**made(), "Description": ""}
    room = TEMPLATE_BYTES - len('{"Resources":{"Bucket":{"Type":"AWS::S3::Bucket"}},"Description":""}')
    assert problems({**template, "Description": "é" * (room // 2)}, {}) == ()
    assert problems({**template, "Description": "é" * (room // 2 + 1)}, {}) == (
        "Template may not exceed 1000000 bytes in size.",
    )


def test_a_body_counts_bytes() -> None:
    assert body_problem("é" * (BODY_BYTES // 2)) is None
    said = body_problem("é" * (BODY_BYTES // 2) + "x")
    assert said is not None and said.endswith("Member must have length less than or equal to 51200")


NAMED = {**ROLE, "Properties": {**ROLE["Properties"], "RoleName": "x"}}  # type: ignore[dict-item]
POLICY = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": {}, "ManagedPolicyName": "x"}}


@pytest.mark.parametrize(
    ("template", "needed"),
    [
        (made(), ()),
        (made(Role=ROLE), ("CAPABILITY_IAM",)),
        (made(Role=NAMED), ("CAPABILITY_NAMED_IAM",)),
        (made(Role=ROLE, Policy=POLICY), ("CAPABILITY_NAMED_IAM",)),
        (made(P={"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "x"}}), ("CAPABILITY_IAM",)),
        ({**made(), "Transform": "AWS::LanguageExtensions"}, ("CAPABILITY_AUTO_EXPAND",)),
        ({**made(Role=ROLE), "Transform": ["X"]}, ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")),
        ({}, ()),
    ],
)
def test_capabilities(template: dict[str, Any], needed: tuple[str, ...]) -> None:
    assert capabilities(template) == needed
    assert missing_capabilities(template, ()) == needed
    assert missing_capabilities(template, ("CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")) == ()


def test_named_roles_need_the_named_capability() -> None:
    assert missing_capabilities(made(Role=NAMED), ("CAPABILITY_IAM",)) == ("CAPABILITY_NAMED_IAM",)
    assert problems(made(Role=NAMED), {}, ("CAPABILITY_IAM",)) == ("Requires capabilities : [CAPABILITY_NAMED_IAM]",)
    assert problems(made(Role=ROLE), {}, ("CAPABILITY_NAMED_IAM",)) == ()


def test_a_type_cannot_change() -> None:
    before = made(Q={"Type": "AWS::SNS::Topic"}, R=queue("x"))
    after = made(Q={"Type": QUEUE}, R=queue("y"), S=queue("z"))
    assert type_problem(before, after) == (
        "Update of resource type is not permitted. The new template modifies resource type of the following resources: "
        "[Q]"
    )
    assert type_problem(after, after) is None


def test_several_problems_are_in_order() -> None:
    found = problems(made(Q=queue({"Ref": "Lost"}), Role=ROLE, P={"Type": "AWS::SSM::Parameter"}), {"X": "1"})
    assert [one.split(" [")[0].split(":")[0] for one in found] == [
        "Template format error",
        "Parameters",
        "Requires capabilities ",
        "Property Type cannot be empty.",
        "Property Value cannot be empty.",
    ]
