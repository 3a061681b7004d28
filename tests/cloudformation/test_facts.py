"""The facts of the resource types: what they say, that they are current, small, and read once."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fsdcf.cloudformation import facts
from fsdcf.cloudformation.facts import custom_name, facts_of, origin, services, types

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "fsdcf" / "cloudformation" / "data" / "facts.json"


def schemas() -> ModuleType:
    spec = importlib.util.spec_from_file_location("schemas", ROOT / "scripts" / "schemas.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_data_file_is_current() -> None:
    script = schemas()
    installed = (version("cfn-lint"), script.schema_date())
    if installed != origin():
        pytest.skip(f"the data file is made with cfn-lint {origin()}, and {installed} is installed")
    assert script.text() == DATA.read_text(encoding="utf-8"), "run `make schemas`"


def test_a_cfn_lint_without_schemas_is_no_error(tmp_path: Path) -> None:
    assert schemas().schema_date(tmp_path) is None


def test_the_data_file_is_small_and_quickly_read() -> None:
    assert DATA.stat().st_size < 400_000
    text = DATA.read_bytes()
    best = min(_seconds(text) for _ in range(5))
    assert best < 0.02, f"{best * 1000:.1f} ms"


def _seconds(text: bytes) -> float:
    start = time.process_time()
    json.loads(text)
    return time.process_time() - start


def test_a_line_a_type() -> None:
    lines = DATA.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(types()) + 2
    assert lines[1:-1] == sorted(lines[1:-1])


def test_nothing_is_read_before_it_is_needed() -> None:
    code = (
        "import sys, fsdcf.cloudformation.difference as d, fsdcf.cloudformation.facts as f; "
        "assert f._data.cache_info().currsize == 0; f.facts_of('AWS::S3::Bucket'); f.types(); "
        "assert f._data.cache_info().misses == 1; "
        "print(sorted({'botocore', 'boto3', 'cfnlint', 'click', 'troposphere'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_the_services_that_fsdcf_makes_or_may_make() -> None:
    wanted = (
        *(
            "ApplicationAutoScaling",
            "Backup",
            "CertificateManager",
            "CloudFormation",
            "CloudWatch",
            "DynamoDB",
            "EC2",
            "ECR",
            "ECS",
        ),
        *(
            "EFS",
            "ElastiCache",
            "ElasticLoadBalancingV2",
            "Events",
            "IAM",
            "KMS",
            "Kinesis",
            "Lambda",
            "Logs",
            "MSK",
            "RDS",
        ),
        *("Route53", "S3", "SNS", "SQS", "SSM", "SecretsManager", "ServiceDiscovery", "WAFv2"),
    )
    assert {f"AWS::{name}" for name in wanted} <= services()


def test_a_service() -> None:
    known = facts_of("AWS::ECS::Service")
    assert known is not None
    assert known.create_only >= {"Cluster", "ServiceName"} and "TaskDefinition" not in known.create_only
    assert "LaunchType" in known.conditional
    assert known.read_only >= {"Name", "ServiceArn"} <= known.attributes
    assert known.identifier == ("ServiceArn", "Cluster") and known.tag_property == "Tags" and known.updatable
    assert known.name_property == "ServiceName" and not known.open
    assert "NetworkConfiguration.AwsvpcConfiguration.Subnets" in known.unordered


def test_what_the_reference_adds_to_the_schemas() -> None:
    table = facts_of("AWS::DynamoDB::Table")
    assert table is not None
    assert {"KeySchema", "AttributeDefinitions"} <= table.conditional and "LocalSecondaryIndexes" in table.create_only


def test_attributes() -> None:
    for kind, attribute, offered in [
        ("AWS::S3::Bucket", "Arn", True),
        ("AWS::S3::Bucket", "BucketName", False),
        ("AWS::RDS::DBInstance", "Endpoint.Address", True),
        ("AWS::CloudFormation::Stack", "Outputs.Anything", True),
        ("AWS::CloudFormation::Stack", "Anything", False),
        ("Custom::Thing", "Anything", True),
        ("AWS::SSM::Parameter", "Value", True),
    ]:
        known = facts_of(kind)
        assert known is not None and known.offers(attribute) is offered, (kind, attribute)


def test_types_without_facts_and_types_that_take_anything() -> None:
    assert facts_of("Vendor::Service::Type") is None
    custom = facts_of("Custom::Thing")
    assert custom is not None and custom.open and custom.create_only == {"ServiceToken"}
    association = facts_of("AWS::EC2::SubnetRouteTableAssociation")
    assert association is not None and not association.updatable


@pytest.mark.parametrize(
    ("kind", "properties", "name"),
    [
        ("AWS::DynamoDB::Table", {"TableName": "x"}, "TableName"),
        ("AWS::DynamoDB::Table", {}, None),
        ("AWS::S3::Bucket", {"BucketName": "x"}, "BucketName"),
        ("AWS::SQS::Queue", {"QueueName": "x"}, "QueueName"),
        ("AWS::SNS::Topic", {"TopicName": "x"}, "TopicName"),
        ("AWS::Logs::LogGroup", {"LogGroupName": "x"}, "LogGroupName"),
        ("AWS::IAM::Role", {"RoleName": "x"}, "RoleName"),
        ("AWS::IAM::ManagedPolicy", {"ManagedPolicyName": "x"}, "ManagedPolicyName"),
        ("AWS::IAM::Policy", {"PolicyName": "x"}, None),
        ("AWS::ECS::Cluster", {"ClusterName": "x"}, "ClusterName"),
        ("AWS::ECS::Service", {"ServiceName": "x"}, "ServiceName"),
        ("AWS::ECS::TaskDefinition", {"Family": "x"}, None),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", {"Name": "x"}, "Name"),
        ("AWS::ElasticLoadBalancingV2::TargetGroup", {"Name": "x"}, "Name"),
        ("AWS::EC2::SecurityGroup", {"GroupName": "x"}, "GroupName"),
        ("AWS::EC2::Vpc", {"Name": "x"}, None),
        ("AWS::SSM::Parameter", {"Name": "x"}, "Name"),
        ("AWS::CloudWatch::Alarm", {"AlarmName": "x"}, "AlarmName"),
        ("AWS::ECR::Repository", {"RepositoryName": "x"}, "RepositoryName"),
        ("AWS::RDS::DBInstance", {"DBInstanceIdentifier": "x"}, "DBInstanceIdentifier"),
        ("AWS::ElastiCache::ReplicationGroup", {"ReplicationGroupId": "x"}, "ReplicationGroupId"),
        ("AWS::ElastiCache::CacheCluster", {"ClusterName": "x"}, "ClusterName"),
        ("AWS::KMS::Alias", {"AliasName": "x"}, "AliasName"),
        ("AWS::SecretsManager::Secret", {"Name": "x"}, "Name"),
        ("AWS::Kinesis::Stream", {"Name": "x"}, "Name"),
        ("AWS::Lambda::Function", {"FunctionName": "x"}, "FunctionName"),
        ("AWS::Events::Rule", {"Name": "x"}, "Name"),
        ("AWS::Backup::BackupVault", {"BackupVaultName": "x"}, "BackupVaultName"),
        ("AWS::MSK::Cluster", {"ClusterName": "x"}, "ClusterName"),
        ("AWS::EFS::FileSystem", {"FileSystemTags": []}, None),
        ("Custom::Thing", {"Name": "x"}, None),
        ("Vendor::Service::Type", {"Name": "x"}, None),
    ],
)
def test_custom_names(kind: str, properties: dict[str, Any], name: str | None) -> None:
    assert custom_name(kind, properties) == name


def test_the_facts_of_each_type_hang_together() -> None:
    for kind in types():
        known = facts_of(kind)
        assert known is not None and known.type == kind
        paths = known.create_only | known.conditional | known.read_only | known.write_only | known.unordered
        assert {path.split(".")[0] for path in paths} | known.required <= known.properties, kind
        assert {known.tag_property, known.name_property} - {None} <= known.properties, kind
        assert known.name_property not in known.read_only, kind


def test_the_tables_beside_the_schemas_name_types_that_exist() -> None:
    assert set(schemas().NAMES) | set(schemas().DOCUMENTED) | schemas().OPEN <= types()


def test_the_module_reads_one_file_beside_itself() -> None:
    assert facts._DATA == DATA
