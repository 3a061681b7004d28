"""docs/explanation/security.md: its keys exist, each control is in one row, the templates agree with the answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import yaml

from fsdcf.cli.commands.explain import catalogue
from fsdcf.compiler.dependencies import types
from fsdcf.language.model import KINDS
from fsdcf.language.names import local_name
from fsdcf.language.shape import walk
from fsdcf.pipeline import Request, run
from tests.conftest import ROOT, request_of

PAGE = (ROOT / "docs" / "explanation" / "security.md").read_text(encoding="utf-8")
ANSWERS = ("by default", "in production", "where protected", "by key", "in the pipeline", "no")
TABLES = {name: PAGE.partition(f"<!-- {name} -->\n")[2].partition("\n\n")[0] for name in ("controls", "checks")}
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for table in TABLES.values()
    for line in table.splitlines()[2:]
]
ANSWER, KEY = ({id: row[column] for row in ROWS for id in row[0].split(", ")} for column in (2, 3))
SERVICES = ("ACM", "CloudFormation", "CloudWatch", "DynamoDB", "EC2", "ECR", "ECS", "EFS", "ELB", "IAM", "KMS", "S3")
SERVICES = (*SERVICES, "RDS", "SNS", "SQS")

Properties = Mapping[str, Any]
Check = tuple[str, Callable[[Properties], bool]]


def test_each_control_is_in_one_row_with_an_answer() -> None:
    ids = [id for row in ROWS for id in row[0].split(", ")]
    assert len(ids) == len(set(ids)) and len(ids) > 100
    for id in ids:
        assert re.fullmatch(rf"({'|'.join(SERVICES)})\.[1-9][0-9]*|CKV2?_AWS_[0-9]+", id), id
    for row in ROWS:
        assert row[2] in ANSWERS and row[1] and len(row) == 5, row
        assert row[3] if row[2] in ("by key", "where protected", "in production") else True, row
        assert row[4] if row[2] == "no" else True, row
    assert {id.partition(".")[0] for id in ids if "." in id} == set(SERVICES)


def test_each_key_of_the_page_exists() -> None:
    known = {path.replace("[]", "") for kind in KINDS.values() for path, _ in walk(kind.record)}
    known |= {f"{name}.{path.replace('[]', '')}" for name, kind in types().items() for path, _ in walk(kind.model)}
    named = {key for row in ROWS for key in re.findall(r"`([^`]+)`", row[3])}
    assert named and named <= known, sorted(named - known)


def test_each_code_of_the_page_exists() -> None:
    named = set(re.findall(r"\b[SW][0-9]{3}\b", PAGE))
    assert named and named <= set(catalogue())


def settings(resource: Properties, key: str) -> Mapping[str, Any]:
    return {one["Key"]: one["Value"] for one in resource.get(key, ())}


def containers(task: Properties) -> list[Properties]:
    found: list[Properties] = task["ContainerDefinitions"]
    return found


def tagged(resource: Properties) -> bool:
    return any(resource.get(key) for key in ("Tags", "FileSystemTags", "AccessPointTags"))


def statements(resource: Properties) -> Iterator[Mapping[str, Any]]:
    documents = [resource["PolicyDocument"]] if "PolicyDocument" in resource else []
    documents += [one["PolicyDocument"] for one in resource.get("Policies", ())]
    return (statement for document in documents for statement in document["Statement"])


def allows(resource: Properties, pattern: str) -> bool:
    """Whether a policy allows an action that matches, on every resource."""
    return any(
        re.fullmatch(pattern, action) and "*" in one["Resource"]
        for one in statements(resource)
        if one["Effect"] == "Allow"
        for action in one["Action"]
    )


def open_ports(group: Properties) -> set[int]:
    rules = group.get("SecurityGroupIngress", ())
    everywhere = [one for one in rules if "0.0.0.0/0" in (one.get("CidrIp"), one.get("CidrIpv6"))]
    return {port for one in everywhere for port in range(one["FromPort"], one["ToPort"] + 1)}


def denies_plain(policy: Properties) -> bool:
    return any(one["Effect"] == "Deny" and "aws:SecureTransport" in str(one) for one in statements(policy))


def of_key(one: Properties) -> bool:
    rule = one["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]
    return bool(rule["SSEAlgorithm"] == "aws:kms")


PUBLIC = "PublicAccessBlockConfiguration"
BALANCER, LISTENER = (f"AWS::ElasticLoadBalancingV2::{name}" for name in ("LoadBalancer", "Listener"))
TARGETS, TASK, SERVICE = "AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::ECS::TaskDefinition", "AWS::ECS::Service"
TABLE, BUCKET, QUEUE, TOPIC = "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic"
DATABASE, TLS = "AWS::RDS::DBInstance", "require_secure_transport"
FILES, POINT, GROUP = "AWS::EFS::FileSystem", "AWS::EFS::AccessPoint", "AWS::EC2::SecurityGroup"
CHECKS: Mapping[str, Check] = {
    "ECS.1": (TASK, lambda one: one["NetworkMode"] == "awsvpc"),
    "ECS.2": (SERVICE, lambda one: "ENABLED" not in str(one["NetworkConfiguration"])),
    "ECS.3": (TASK, lambda one: "PidMode" not in one),
    "ECS.4": (TASK, lambda one: not any(each.get("Privileged") for each in containers(one))),
    "ECS.5": (TASK, lambda one: all(each.get("ReadonlyRootFilesystem") for each in containers(one))),
    "ECS.8": (TASK, lambda one: "AWS_SECRET_ACCESS_KEY" not in str(containers(one))),
    "ECS.9": (TASK, lambda one: all("LogConfiguration" in each for each in containers(one))),
    "ECS.10": (SERVICE, lambda one: "PlatformVersion" not in one),
    "ECS.12": ("AWS::ECS::Cluster", lambda one: "enabled" in str(one.get("ClusterSettings"))),
    "ECS.13": (SERVICE, tagged),
    "ECS.14": ("AWS::ECS::Cluster", tagged),
    "ECS.15": (TASK, tagged),
    "ECS.17": (TASK, lambda one: one["NetworkMode"] != "host"),
    "ECS.18": (TASK, lambda one: all("ENABLED" in str(each) for each in one.get("Volumes", ()) if len(each) > 1)),
    "ECS.20": (TASK, lambda one: all(each.get("User", "0") not in ("0", "root") for each in containers(one))),
    "ELB.4": (BALANCER, lambda one: settings(one, "LoadBalancerAttributes")[DROP] == "true"),
    "ELB.5": (BALANCER, lambda one: settings(one, "LoadBalancerAttributes").get("access_logs.s3.enabled") == "true"),
    "ELB.6": (
        BALANCER,
        lambda one: settings(one, "LoadBalancerAttributes").get("deletion_protection.enabled") == "true",
    ),
    "ELB.12": (BALANCER, lambda one: "desync" not in str(one)),
    "ELB.13": (BALANCER, lambda one: len(one["Subnets"]) > 1),
    "ELB.17": (LISTENER, lambda one: "SslPolicy" not in one or "-Res-" in one["SslPolicy"]),
    "ELB.18": (LISTENER, lambda one: one["Protocol"] == "HTTPS"),
    "ELB.21": (TARGETS, lambda one: one["HealthCheckProtocol"] == "HTTPS"),
    "ELB.22": (TARGETS, lambda one: one["Protocol"] == "HTTPS"),
    "DynamoDB.1": (TABLE, lambda one: one["BillingMode"] == "PAY_PER_REQUEST"),
    "DynamoDB.2": (TABLE, lambda one: one["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]),
    "DynamoDB.5": (TABLE, tagged),
    "DynamoDB.6": (TABLE, lambda one: one["DeletionProtectionEnabled"]),
    "EFS.1": (FILES, lambda one: one["Encrypted"]),
    "EFS.2": (FILES, lambda one: one["BackupPolicy"]["Status"] == "ENABLED"),
    "EFS.3": (POINT, lambda one: one["RootDirectory"]["Path"] != "/"),
    "EFS.4": (POINT, lambda one: "Uid" in one["PosixUser"]),
    "EFS.5": (POINT, tagged),
    "EFS.6": ("AWS::EC2::Subnet", lambda one: one["MapPublicIpOnLaunch"] is False),
    "EFS.7": (FILES, lambda one: one["BackupPolicy"]["Status"] == "ENABLED"),
    "EFS.8": (FILES, lambda one: one["Encrypted"]),
    "RDS.2": (DATABASE, lambda one: one["PubliclyAccessible"] is False),
    "RDS.3": (DATABASE, lambda one: "DBClusterIdentifier" in one or one["StorageEncrypted"]),
    "RDS.11": (DATABASE, lambda one: one.get("BackupRetentionPeriod", 7) > 0),
    "RDS.17": (DATABASE, lambda one: "DBClusterIdentifier" in one or one["CopyTagsToSnapshot"]),
    "RDS.25": (DATABASE, lambda one: one.get("MasterUsername") not in ("admin", "postgres")),
    "RDS.38": ("AWS::RDS::DBParameterGroup", lambda one: bool({"rds.force_ssl", TLS} & set(one["Parameters"]))),
    "RDS.44": ("AWS::RDS::DBParameterGroup", lambda one: bool({"rds.force_ssl", TLS} & set(one["Parameters"]))),
    "S3.2": (BUCKET, lambda one: one[PUBLIC]["BlockPublicPolicy"] and one[PUBLIC]["IgnorePublicAcls"]),
    "S3.3": (BUCKET, lambda one: one[PUBLIC]["RestrictPublicBuckets"] and one[PUBLIC]["BlockPublicAcls"]),
    "S3.5": ("AWS::S3::BucketPolicy", denies_plain),
    "S3.8": (BUCKET, lambda one: all(one[PUBLIC].values()) and len(one[PUBLIC]) == 4),
    "S3.9": (BUCKET, lambda one: "LoggingConfiguration" in one),
    "S3.10": (BUCKET, lambda one: one["LifecycleConfiguration"]["Rules"][0]["Status"] == "Enabled"),
    "S3.12": (BUCKET, lambda one: "BucketOwnerEnforced" in str(one["OwnershipControls"])),
    "S3.14": (BUCKET, lambda one: one["VersioningConfiguration"]["Status"] == "Enabled"),
    "S3.15": (BUCKET, lambda one: "ObjectLockConfiguration" in one),
    "S3.17": (BUCKET, of_key),
    "SQS.1": (QUEUE, lambda one: one.get("SqsManagedSseEnabled") or "KmsMasterKeyId" in one),
    "SQS.2": (QUEUE, tagged),
    "SQS.3": ("AWS::SQS::QueuePolicy", lambda one: all("*" not in each["Principal"] for each in statements(one))),
    "SNS.1": (TOPIC, lambda one: "KmsMasterKeyId" in one),
    "SNS.3": (TOPIC, tagged),
    "IAM.1": ("AWS::IAM::Policy", lambda one: not allows(one, r"\*")),
    "IAM.21": ("AWS::IAM::Policy", lambda one: not allows(one, r"[a-z0-9-]+:\*")),
    "IAM.24": ("AWS::IAM::Role", tagged),
    "KMS.2": ("AWS::IAM::Role", lambda one: not allows(one, r"kms:Decrypt")),
    "EC2.13": (GROUP, lambda one: 22 not in open_ports(one)),
    "EC2.14": (GROUP, lambda one: 3389 not in open_ports(one)),
    "EC2.15": ("AWS::EC2::Subnet", lambda one: one["MapPublicIpOnLaunch"] is False),
    "EC2.18": (GROUP, lambda one: open_ports(one) <= {80, 443}),
    "EC2.43": (GROUP, tagged),
    "EC2.46": ("AWS::EC2::VPC", tagged),
    "CloudWatch.16": ("AWS::Logs::LogGroup", lambda one: one.get("RetentionInDays", 365) >= 365),
}
"""How a control sees a resource of a type, for those that a template tells."""

DROP = "routing.http.drop_invalid_header_fields.enabled"
EXISTS = {"EC2.6": "AWS::EC2::FlowLog", "ELB.16": "AWS::WAFv2::WebACLAssociation"}
"""Controls that ask for a resource."""


def compiled(requests: list[Request]) -> list[tuple[str, Properties]]:
    found = []
    for request in requests:
        result = run(request)
        assert result.template is not None, (request.name, result.diagnostics)
        found += [(one["Type"], one.get("Properties", {})) for one in result.template.data["Resources"].values()]
    return found


@cache
def in_production() -> list[tuple[str, Properties]]:
    """The resources of the examples and of their environment, in production."""
    specs = sorted((ROOT / "examples").glob("*.yml"))
    file = ROOT / "examples" / "environments" / "prod.yml"
    environment = Request("environments/prod.yml", file.read_bytes(), "prod")
    return compiled([*(request_of(spec, "prod") for spec in specs), environment])


@cache
def of_cases() -> list[tuple[str, Properties, frozenset[str]]]:
    """The resources of the cases of dependencies, with the keys (``TYPE.KEY``) that the dependency of each sets."""
    found = []
    for spec in sorted((ROOT / "tests" / "cases" / "dependencies").glob("*.spec.yml")):
        result = run(request_of(spec))
        assert result.template is not None and result.spec is not None, (spec.name, result.diagnostics)
        written = yaml.safe_load(spec.read_bytes())["dependencies"]
        given = {
            f"dependencies.{raw['type']}.{local_name(one.name)}": frozenset(f"{raw['type']}.{key}" for key in raw)
            for raw, one in zip(written, result.spec.dependencies, strict=True)
        }
        for resource in result.template.data["Resources"].values():
            keys = given.get(resource["Metadata"]["fsdcf"]["Spec"], frozenset())
            found.append((resource["Type"], resource.get("Properties", {}), keys))
    return found


def of_dependencies(control: str) -> list[tuple[str, Properties]]:
    """The resources of the cases of dependencies; for what is so by default, without those whose spec says otherwise
    by the key of the control."""
    named = re.findall(r"`([^`]+)`", KEY[control]) if ANSWER[control] == "by default" else ()
    return [(type, properties) for type, properties, keys in of_cases() if not keys & {*named}]


@cache
def with_keys() -> list[tuple[str, Properties]]:
    """The resources of specs that use the keys."""
    folder = ROOT / "tests" / "cases"
    specs = [*folder.glob("hardened/*.spec.yml"), *folder.glob("traffic/*.spec.yml")]
    file = folder / "environments" / "hardened.environment.yml"
    return compiled([*map(request_of, specs), Request("environments/hardened.yml", file.read_bytes(), "hardened")])


@pytest.mark.parametrize("control", CHECKS)
def test_the_templates_agree_with_the_answer(control: str) -> None:
    type, passes = CHECKS[control]
    answer = ANSWER[control]
    resources = in_production() + (of_dependencies(control) if answer != "in production" else [])
    results = [passes(properties) for each, properties in resources if each == type]
    assert results, f"no template has a {type}"
    if answer in ("by default", "in production"):
        assert all(results), [one for each, one in resources if each == type and not passes(one)][:1]
    else:
        assert not all(results)
    if answer == "by key":
        assert any(passes(properties) for each, properties in with_keys() if each == type)


@pytest.mark.parametrize("control", EXISTS)
def test_what_a_control_asks_for_is_made_by_its_key_alone(control: str) -> None:
    assert ANSWER[control] == "by key"
    assert not any(type == EXISTS[control] for type, _ in in_production())
    assert any(type == EXISTS[control] for type, _ in with_keys())


def test_the_spec_with_every_key_passes_every_control() -> None:
    """But for the buckets that hold logs, which have no log of their own and no KMS key."""
    block = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)[-1]
    resources = compiled([Request("spec.yml", block.encode(), "prod")])
    of_logs = {"S3.9", "S3.17"}
    for control in (id for id in CHECKS if ANSWER[id] != "no"):
        type, passes = CHECKS[control]
        results = [passes(properties) for each, properties in resources if each == type]
        assert any(results) if control in of_logs else all(results), control
    assert {*EXISTS.values()} <= {type for type, _ in resources}


def test_production_is_what_makes_the_difference() -> None:
    specs = sorted((ROOT / "examples").glob("*.yml"))
    staging = compiled([request_of(spec, "staging") for spec in specs])
    for control in (id for id, answer in ANSWER.items() if answer == "in production" and id in CHECKS):
        type, passes = CHECKS[control]
        assert not all(passes(properties) for each, properties in staging if each == type)


def test_no_table_is_lost() -> None:
    assert all(len(table.splitlines()) > 20 for table in TABLES.values())
