"""Options that are off by default: egress, flow logs, capabilities, and the access log of a bucket."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.arns import DeployedStack
from fsdcf.plan.graph.architecture import architecture
from fsdcf.plan.permissions.policy import permissions
from tests.compiler.dependencies.made import make
from tests.conftest import HELLO, Compile

HTTPS = "{to: 0.0.0.0/0, ports: [443]}"
FILE = """\
apiVersion: fsd/v1
kind: Environment
metadata: {name: staging}
environment: {network: {endpoints: [ecr.api], cidr: 10.9.0.0/16}, loadBalancers: {public: {domain: a.example.com}}}
"""


def resources_of(compiled: Compile, text: str, file: str = "") -> dict[str, Any]:
    result = compiled(HELLO + text, file=file)
    assert result.template is not None, result.diagnostics
    found: dict[str, Any] = result.template.data["Resources"]
    return found


def egress_of(resources: dict[str, Any]) -> list[dict[str, Any]]:
    rules = resources["TaskSecurityGroup"]["Properties"]["SecurityGroupEgress"]
    return [{key: value for key, value in rule.items() if key != "Description"} for rule in rules]


def test_the_order_of_destinations_and_ports_has_no_meaning(compiled: Compile) -> None:
    one = f"  networking: {{egress: [{HTTPS}, {{to: 10.0.0.0/8, ports: [80, 90-95]}}]}}\n"
    other = f"  networking: {{egress: [{{to: 10.0.0.0/8, ports: [90-95, 80]}}, {HTTPS}]}}\n"
    first, second = (egress_of(resources_of(compiled, text)) for text in (one, other))
    assert first == second and len(first) == 3
    assert {"IpProtocol": "tcp", "FromPort": 90, "ToPort": 95, "CidrIp": "10.0.0.0/8"} in first


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("to: 10.0.0.0/8", {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "CidrIp": "10.0.0.0/8"}),
        ("to: 10.0.0.0/8, protocol: all", {"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"}),
        ("to: '2001:db8::/32', protocol: udp, ports: [53]", {"IpProtocol": "udp", "CidrIpv6": "2001:db8::/32"}),
        ("to: pl-0123456789abcdef0, ports: [443]", {"DestinationPrefixListId": "pl-0123456789abcdef0"}),
    ],
)
def test_a_rule_for_each_destination(compiled: Compile, rule: str, expected: dict[str, Any]) -> None:
    found = egress_of(resources_of(compiled, f"  networking: {{egress: [{HTTPS}, {{{rule}}}]}}\n"))
    assert any(expected.items() <= one.items() for one in found)


def test_what_the_spec_implies_stays_open(compiled: Compile) -> None:
    text = f"  networking: {{shared: true, serviceConnect: true, egress: [{HTTPS}]}}\n"
    calls = "dependencies: [{type: aws_efs_file_system, name: disk}]\n"
    resources = resources_of(compiled, text + calls, FILE)
    found = egress_of(resources)
    assert {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.9.0.0/16"} in found
    assert any("DestinationSecurityGroupId" in one and one["ToPort"] == 65535 for one in found)
    nfs = resources["DiskFileSystemEgress"]["Properties"]
    assert nfs["ToPort"] == 2049 and nfs["GroupId"] == {"Fn::GetAtt": ["TaskSecurityGroup", "GroupId"]}
    assert "DiskFileSystemEgress" in resources["Service"]["DependsOn"]
    assert "DiskFileSystemEgress" not in resources_of(compiled, "  networking: {shared: true}\n" + calls, FILE)


EXISTING = "vpc: {id: vpc-0123456789abcdef0, privateSubnets: [subnet-0123456789abcdef0]}, loadBalancer: false"


@pytest.mark.parametrize(
    ("networking", "codes"),
    [
        (f"egress: [{HTTPS}]", []),
        ("egress: [{to: 0.0.0.0/0}]", []),
        ("egress: [{to: 0.0.0.0/0, protocol: udp}]", ["S386"]),
        ("egress: [{to: 0.0.0.0/0, ports: [80]}]", ["S386"]),
        ("egress: [{to: 0.0.0.0/0, ports: [400-500]}]", []),
        ("egress: [{to: 52.0.0.0/8, ports: [443]}]", ["W158"]),
        ("egress: [{to: 10.0.0.0/8, ports: [443]}]", ["S386"]),
        ("vpc: {endpoints: [ecr.api, ecr.dkr, logs]}, egress: [{to: pl-63a5400a, ports: [443]}]", []),
        ("vpc: {endpoints: [ecr.api, ecr.dkr, logs]}, egress: [{to: 10.0.0.0/8}]", ["S386"]),
        (EXISTING + ", egress: [{to: 10.0.0.0/8, ports: [443]}]", ["W158"]),
        (EXISTING + ", egress: [{to: sg-0123456789abcdef0, ports: [443]}]", ["W158"]),
        (EXISTING + ", egress: [{to: 10.0.0.0/8, ports: [5432]}]", ["S386"]),
    ],
)
def test_a_finding_names_what_egress_breaks(compiled: Compile, networking: str, codes: list[str]) -> None:
    result = compiled(f"{HELLO}  networking: {{{networking}}}\n")
    assert [one.code for one in result.diagnostics if one.code in ("S386", "W158")] == codes


@pytest.mark.parametrize("kind", ["Service", "Environment"])
def test_a_flow_log_has_a_role_within_the_boundary(compiled: Compile, kind: str) -> None:
    text, name = HELLO + "  permissionsBoundary: limits\n  networking: {vpc: {flowLogs: true}}\n", "spec.yml"
    if kind == "Environment":
        text = FILE.replace("network: {", "permissionsBoundary: limits, network: {flowLogs: true, ")
        name = "environments/staging.yml"
    result = compiled(text, name=name)
    assert result.template is not None, result.diagnostics
    resources = result.template.data["Resources"]
    log, role, group = (resources[name]["Properties"] for name in ("FlowLog", "FlowLogRole", "FlowLogGroup"))
    assert log["TrafficType"] == "ALL" and log["DeliverLogsPermissionArn"] == {"Fn::GetAtt": ["FlowLogRole", "Arn"]}
    assert "limits" in str(role["PermissionsBoundary"]) and group["RetentionInDays"] == 90
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"} and "aws:SourceArn" in str(trust)
    assert resources["FlowLogGroup"]["DeletionPolicy"] == "RetainExceptOnCreate"
    needed = permissions([DeployedStack("x-staging", result.template.data)], "limits").statements
    (passed,) = (one for one in needed if "FlowLogRole" in str(one.resources) and "iam:PassRole" in one.actions)
    assert "vpc-flow-logs.amazonaws.com" in str(passed.conditions)


def test_a_flow_log_in_a_bucket_waits_for_its_policy(compiled: Compile) -> None:
    resources = resources_of(compiled, "  networking: {vpc: {flowLogs: {bucket: true, retention: forever}}}\n")
    assert resources["FlowLog"]["DependsOn"] == ["FlowLogDestinationPolicy"] and "FlowLogRole" not in resources
    rules = resources["FlowLogDestination"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [rule["Id"] for rule in rules] == ["clean-up"]
    named = resources_of(compiled, "  networking: {vpc: {flowLogs: {bucket: '${ENV}-logs'}}}\n")
    assert "FlowLogDestination" not in named
    assert named["FlowLog"]["Properties"]["LogDestination"] == {"Fn::Sub": "arn:${AWS::Partition}:s3:::staging-logs"}


def test_capabilities(compiled: Compile) -> None:
    task = resources_of(compiled, "  capabilities: {drop: [NET_RAW, ALL], add: [SYS_PTRACE]}\n")["TaskDefinition"]
    linux = task["Properties"]["ContainerDefinitions"][0]["LinuxParameters"]
    assert linux == {"Capabilities": {"Add": ["SYS_PTRACE"], "Drop": ["ALL", "NET_RAW"]}}
    plain = resources_of(compiled, "  capabilities: {}\n")["TaskDefinition"]
    assert "LinuxParameters" not in plain["Properties"]["ContainerDefinitions"][0]


def test_the_log_of_a_bucket_has_a_bucket_that_only_s3_may_write_to() -> None:
    made = make("aws_s3_bucket", "${ENV}-files", accessLogs={"prefix": "x"})
    bucket, log = made.resources["FilesBucket"], made.resources["FilesBucketLog"]
    logging = {"DestinationBucketName": {"Ref": "FilesBucketLog"}, "LogFilePrefix": "x/"}
    assert bucket["Properties"]["LoggingConfiguration"] == logging and bucket["DependsOn"] == ["FilesBucketLogPolicy"]
    assert "LoggingConfiguration" not in log["Properties"] and log["DeletionPolicy"] == "RetainExceptOnCreate"
    _, allowed = made.resources["FilesBucketLogPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert allowed["Condition"]["ArnLike"] == {"aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:s3:::staging-files"}}
    given = make("aws_s3_bucket", "files", accessLogs={"bucket": "logs"})
    assert given.resources["FilesBucket"]["Properties"]["LoggingConfiguration"]["DestinationBucketName"] == "logs"
    assert "FilesBucketLog" not in given.resources


def test_the_bucket_of_a_log_is_never_encrypted_by_a_kms_key() -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    made = make("aws_s3_bucket", "files", accessLogs=True, encryption=key)
    assert key in str(made.resources["FilesBucket"]) and key not in str(made.resources["FilesBucketLog"])
    assert made.resources["FilesBucket"]["DependsOn"] == ["FilesBucketLogPolicy", "FilesS3KeyAccess"]
    assert "DependsOn" not in made.resources["FilesBucketLog"]


def test_the_picture_shows_both_logs(compiled: Compile) -> None:
    text = (
        "  networking: {vpc: {flowLogs: true}}\ndependencies: [{type: aws_s3_bucket, name: files, accessLogs: true}]\n"
    )
    result = compiled(HELLO + text)
    assert result.template is not None, result.diagnostics
    graph = architecture(result.template.data, "x")
    assert ("r_FilesBucket", "r_FilesBucketLog", "access logs") in {(e.source, e.target, e.label) for e in graph.edges}
    assert any("flow log" in group.label for group in graph.groups)
