"""The data behind the permissions: current, complete for what we make, and pruned by properties that there are."""

from __future__ import annotations

import importlib.util
import json
import re
from fnmatch import fnmatchcase

import pytest

from fsdcf.cloudformation.arns import DeployedStack
from fsdcf.cloudformation.facts import facts_of
from fsdcf.cloudformation.permissions import ActionTarget, handlers_of, is_action, targets_of
from fsdcf.cloudformation.types import NEVER, ResourceType, record_of, records
from fsdcf.cloudformation.types.route53 import zone_arn
from fsdcf.plan.permissions.resources import needed, resources_of
from tests.conftest import ROOT


def test_the_data_file_is_current() -> None:
    spec = importlib.util.spec_from_file_location("permissions", ROOT / "scripts" / "permissions.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "fsdcf" / "cloudformation" / "data" / "permissions.json").read_text(encoding="utf-8")
    assert module.text() == written, "stale: make schemas"


def test_the_data_tells_its_date() -> None:
    data = ROOT / "fsdcf" / "cloudformation" / "data" / "permissions.json"
    assert json.loads(data.read_text(encoding="utf-8"))["schema_date"] >= "2026"


def test_actions_and_what_they_apply_to() -> None:
    assert targets_of("ecs:CreateService") == (
        ActionTarget("service", "arn:${Partition}:ecs:${Region}:${Account}:service/*", True),
    )
    assert targets_of("ec2:DescribeVpcs") == ()
    assert is_action("S3:listbucket") and not is_action("s3:REST.PUT.OBJECT")
    assert handlers_of("AWS::Nowhere::Thing") is None


@pytest.mark.parametrize("record", [one for one in records() if one.permissions.only_with], ids=lambda one: one.type)
def test_what_is_pruned_is_there_to_prune(record: ResourceType) -> None:
    facts, handlers = facts_of(record.type), handlers_of(record.type)
    assert facts and handlers
    called = handlers.create | handlers.read | handlers.update | handlers.delete | set(record.permissions.more)
    for path, patterns in record.permissions.only_with.items():
        assert path == NEVER or path.split(".")[0] in facts.properties, path
        assert all(any(fnmatchcase(one, pattern) for one in called) for pattern in patterns), (path, patterns)


@pytest.mark.parametrize("record", [one for one in records() if one.permissions.more], ids=lambda one: one.type)
def test_what_is_added_is_not_there_yet(record: ResourceType) -> None:
    handlers = handlers_of(record.type)
    assert handlers is None or not set(record.permissions.more) & (handlers.create | handlers.update)


PARTS = {
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::EC2::Route",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::EFS::MountTarget",
    "AWS::IAM::Policy",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}
"""Types that IAM does not know: a call on one is a call on what it is a part of."""


def test_iam_s_name_is_known_of_every_type_that_fsdcf_makes() -> None:
    """Without it, the action that creates a resource would not be allowed on the resource itself."""
    made = set[str]()
    files = (ROOT / "tests" / "cases").rglob("*.template.yml")
    for file in (path for path in files if path.parent.name != "addons"):  # where a user's own types are
        resources = file.read_text(encoding="utf-8").partition("\nResources:")[2]
        made |= set(re.findall(r"^    Type: (AWS::\S+)", resources, re.MULTILINE))
    assert "AWS::EC2::FlowLog" in made
    unknown = set()
    for type in made:
        resource = {"Type": type, "Properties": {}}
        found = resources_of([DeployedStack("s", {"Resources": {"A": resource}})])
        if not found.generated and record_of(type).permissions.arns is None:
            unknown.add(type)
    assert unknown == PARTS


def test_a_property_brings_its_actions() -> None:
    plain = needed("AWS::DynamoDB::Table", {"Properties": {}})
    streaming = needed("AWS::DynamoDB::Table", {"Properties": {"KinesisStreamSpecification": {"StreamArn": "x"}}})
    own_key = needed(
        "AWS::DynamoDB::Table", {"Properties": {"SSESpecification": {"SSEEnabled": True, "KMSMasterKeyId": "k"}}}
    )
    assert plain is not None and streaming is not None and own_key is not None
    assert (
        "kinesis:DescribeStream" in streaming - plain
        and "dynamodb:EnableKinesisStreamingDestination" in streaming - plain
    )
    assert "kms:CreateGrant" in own_key - plain
    assert "dynamodb:DescribeKinesisStreamingDestination" in plain, "the read handler asks whatever the properties are"
    assert not {"dynamodb:PutItem", "dynamodb:Scan", "iam:PassRole"} & (plain | streaming)


def test_a_property_in_a_list_brings_its_actions() -> None:
    proven = {"DomainName": "a.example.com", "DomainValidationOptions": [{"HostedZoneId": "Z1"}]}
    by_hand = {"DomainName": "a.example.com", "DomainValidationOptions": [{"ValidationDomain": "example.com"}]}
    rule = {"Actions": [{"AuthenticateCognitoConfig": {}}, {"TargetGroupArn": "arn"}]}
    for type, properties, action, wanted in (
        ("AWS::CertificateManager::Certificate", proven, "route53:ChangeResourceRecordSets", True),
        ("AWS::CertificateManager::Certificate", by_hand, "route53:ChangeResourceRecordSets", False),
        ("AWS::ElasticLoadBalancingV2::ListenerRule", rule, "cognito-idp:DescribeUserPoolClient", True),
        ("AWS::ElasticLoadBalancingV2::ListenerRule", {"Actions": []}, "cognito-idp:DescribeUserPoolClient", False),
    ):
        assert (action in (needed(type, {"Properties": properties}) or ())) == wanted, (type, action)


def test_a_type_without_handlers_needs_what_its_record_says() -> None:
    called = needed("AWS::ElasticLoadBalancingV2::ListenerCertificate", {"Properties": {"ListenerArn": "a"}})
    assert called == {f"elasticloadbalancing:{verb}ListenerCertificates" for verb in ("Add", "Describe", "Remove")}
    assert needed("AWS::Nowhere::Thing", {}) is None


def test_an_association_needs_no_actions_on_what_fsdcf_does_not_make() -> None:
    called = needed("AWS::WAFv2::WebACLAssociation", {"Properties": {"ResourceArn": "a", "WebACLArn": "b"}})
    assert called and {one.partition(":")[0] for one in called} == {"elasticloadbalancing", "wafv2"}


def test_records_may_change_in_their_own_zone_and_a_namespace_only_reads_its_own() -> None:
    record = {"Type": "AWS::Route53::RecordSet", "Properties": {"HostedZoneId": "Z1", "Name": "a", "Type": "A"}}
    namespace = {"Type": "AWS::ServiceDiscovery::PrivateDnsNamespace", "Properties": {"Name": "a", "Vpc": "v"}}
    stack = DeployedStack("s", {"Resources": {"Record": record, "Namespace": namespace}})
    found = resources_of([stack])
    assert "route53:GetHostedZone" in found.actions
    assert found.arns("route53:ChangeResourceRecordSets") == {zone_arn("Z1")}
    assert found.arns("route53:GetHostedZone") == {zone_arn("Z1"), zone_arn()}


def test_what_is_kept_is_never_deleted() -> None:
    kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    assert "dynamodb:DeleteTable" not in (needed("AWS::DynamoDB::Table", kept) or ())
    for other in (
        {},
        {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"},
        {"DeletionPolicy": "Retain"},
    ):
        assert "dynamodb:DeleteTable" in (needed("AWS::DynamoDB::Table", other) or ())
