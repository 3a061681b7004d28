"""Access: every statement of every policy appears, with its conditions and wildcards, and who it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fsdcf.cloudformation.planned import planned
from fsdcf.plan.access import (
    Access,
    access,
    connections,
    grouped,
    levels,
    markdown,
    policy_of,
    record,
    summary,
    takes_resource,
    verb,
    what,
    where,
    who,
)
from tests.plan.conftest import EXAMPLES, Template, resources, template_of

NAMES = [*EXAMPLES, "warehouse"]


def rows(name_or_template: str | Template) -> tuple[Access, ...]:
    return access(planned(template_of(name_or_template) if isinstance(name_or_template, str) else name_or_template))


def statements(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every item below a key Statement, by the path to it: the plainest reading of a template that there is."""
    if isinstance(value, dict):
        for key, child in value.items():
            if key == "Statement":
                listed = child if isinstance(child, list) else [child]
                yield from (((*path, key, index), one) for index, one in enumerate(listed))
            else:
                yield from statements(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from statements(child, (*path, index))


@pytest.mark.parametrize("name", NAMES)
def test_every_statement_appears_once(name: str) -> None:
    expected = {}
    for logical_id, resource in template_of(name)["Resources"].items():
        for path, statement in statements(resource["Properties"]):
            expected[(logical_id, path)] = statement
    found = {(row.holder, row.path): row for row in rows(name)}
    assert found.keys() == expected.keys() and len(rows(name)) == len(expected) > 0
    for key, statement in expected.items():
        actions = statement["Action"]
        assert found[key].actions == tuple([actions] if isinstance(actions, str) else actions)
        assert found[key].effect == statement["Effect"]
        assert len(found[key].conditions) == sum(len(keys) for keys in statement.get("Condition", {}).values())


def test_the_access_of_an_example() -> None:
    found = {(row.holder, row.path[-1]): row for row in rows("api-dynamodb")}
    table = found["OrdersDynamodbAccess", 0]
    assert (table.principals, table.levels, table.targets) == (("TaskRole",), ("read", "write"), ("OrdersTable",))
    assert table.resources == ("OrdersTable", "OrdersTable/index/*") and not table.broad
    refused = found["InvoicesBucketPolicy", 0]
    assert (who(refused), verb(refused), refused.conditions) == (
        *("anyone", "may not", ("Bool aws:SecureTransport = false",)),
    )
    start = [row for row in rows("api-dynamodb") if row.holder == "ExecutionRole" and row.kind == "identity"]
    assert start[0].unavoidable and not start[0].broad and start[0].wildcards == ("*",)
    secret = start[-1]
    assert where(secret) == "secretsmanager secret:staging/orders-??????"
    assert [row.kind for row in rows("api-dynamodb")] == ["identity"] * 8 + ["resource"] + ["trust"] * 2


def test_wildcards_are_visible() -> None:
    found = {row.actions: row for row in rows("warehouse") if row.holder == "TaskRoleStatements"}
    mail, bucket = found[("ses:SendEmail",)], found[("s3:*",)]
    assert mail.broad and mail.wildcards == ("*",) and where(mail) == "* (all resources)"
    assert bucket.broad and bucket.wildcards == ("s3:*", "arn:aws:s3:::shared-*") and bucket.levels == ("everything",)
    assert [row.holder for row in rows("warehouse") if row.broad] == ["TaskRoleStatements"] * 2
    assert "2 of them broad" in summary(rows("warehouse"))


def role(*listed: dict[str, Any], **properties: Any) -> Template:
    policies = [{"PolicyName": "Own", "PolicyDocument": {"Statement": list(listed)}}]
    return resources(Role={"Type": "AWS::IAM::Role", "Properties": {"Policies": policies, **properties}})


def test_the_forms_of_a_statement() -> None:
    (row,) = rows(role({"Effect": "Allow", "NotAction": "iam:*", "NotResource": ["a", "b"]}))
    assert (what(row), where(row), row.levels, row.broad) == (
        "everything but iam: *",
        "all but a, b",
        ("everything but",),
        True,
    )
    (row,) = rows(
        role({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"a": ["x", "y"]}}})
    )
    assert row.conditions == ("StringEquals a = x or y",) and row.broad and what(row) == "*"
    (row,) = rows(role({"Sid": "One", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}))
    assert not row.broad and policy_of(row) == "Own of Role, One"
    text = json.dumps({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "logs:PutLogEvents"}})
    (row,) = rows(resources(P={"Type": "AWS::Logs::ResourcePolicy", "Properties": {"PolicyDocument": text}}))
    assert row.principals == ("anyone",) and row.broad and row.resources == ("P",)


def test_principals_of_resource_policies() -> None:
    principal = {
        "AWS": [{"Fn::GetAtt": ["Role", "Arn"]}, "arn:aws:iam::1:root"],
        "Service": "s3.amazonaws.com",
        "Federated": "github",
    }
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": "*"}
    excepted = {"Effect": "Deny", "NotPrincipal": {"AWS": "*"}, "Action": "sqs:*", "Resource": "*"}
    queue = resources(
        Role={"Type": "AWS::IAM::Role", "Properties": {}},
        Queue={"Type": "AWS::SQS::Queue"},
        Policy={
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {"Statement": [statement, excepted]}},
        },
    )
    first, second = rows(queue)
    assert first.principals == ("Role", "arn:aws:iam::1:root", "service s3.amazonaws.com", "federated github")
    assert first.resources == first.targets == ("Queue",) and not first.broad
    assert who(second) == "all but anyone"


def test_key_policies_of_kms_ecr_and_tables() -> None:
    document = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "x:Get", "Resource": "*"}]}
    found = rows(
        resources(
            Key={"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": document}},
            Images={"Type": "AWS::ECR::Repository", "Properties": {"RepositoryPolicyText": document}},
            Table={"Type": "AWS::DynamoDB::Table", "Properties": {"ResourcePolicy": {"PolicyDocument": document}}},
            Way={"Type": "AWS::EC2::VPCEndpoint", "Properties": {"PolicyDocument": document}},
        )
    )
    assert [row.resources for row in found] == [("Key",), ("Images",), ("Table",), ("Way",)]
    assert all(row.broad for row in found)


def test_separate_policies_managed_policies_and_boundaries() -> None:
    document = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "a"}]}
    found = rows(
        resources(
            Role={
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnly", {"Ref": "Own"}],
                    "PermissionsBoundary": "arn:x",
                },
            },
            Own={"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}},
            More={
                "Type": "AWS::IAM::Policy",
                "Properties": {"PolicyName": "M", "Roles": [{"Ref": "Role"}, "admin"], "PolicyDocument": document},
            },
        )
    )
    assert [(row.kind, row.principals) for row in found] == [
        *(("attached", ("Role",)), ("boundary", ("Role",)), ("identity", ("Role",)), ("identity", ("Role", "admin"))),
    ]
    attached, boundary, own, _ = found
    assert where(attached) == "what arn:aws:iam::aws:policy/ReadOnly allows" and attached.levels == ()
    assert (verb(boundary), where(boundary), policy_of(boundary)) == (
        *("may at most", "what arn:x allows", "PermissionsBoundary of Role"),
    )
    assert own.holder == "Own" and attached.path == ("ManagedPolicyArns", 0)
    (unattached,) = rows(resources(Own={"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}}))
    assert unattached.principals == ("not attached (Own)",)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["dynamodb:GetItem", "dynamodb:DescribeTable"], ("read",)),
        (["dynamodb:PutItem", "s3:ListBucket"], ("read", "write")),
        (["sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:GetQueueUrl"], ("read",)),
        (["sqs:GetQueueUrl", "sqs:SendMessage"], ("write",)),
        (["kafka-cluster:Connect"], ("describe",)),
        (["s3:*", "s3:GetObject"], ("everything",)),
        (["*"], ("everything",)),
        (["sts:AssumeRole"], ("assume",)),
        (["ssmmessages:OpenDataChannel"], ("open sessions",)),
    ],
)
def test_levels(actions: list[str], expected: tuple[str, ...]) -> None:
    assert levels(actions) == expected


def test_actions_for_a_reader() -> None:
    assert grouped(["s3:GetObject", "sqs:SendMessage", "s3:PutObject", "*"]) == [
        "s3: GetObject, PutObject",
        "sqs: SendMessage",
        "*",
    ]
    assert not takes_resource("ecr:GetAuthorizationToken") and takes_resource("ecr:BatchGetImage")
    assert not takes_resource("ssmmessages:OpenDataChannel")


@pytest.mark.parametrize("name", NAMES)
def test_reports_contain_every_row(name: str) -> None:
    found = rows(name)
    text = markdown(found, ["spec.yml:1"] * len(found), name)
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(lines) == len(found) + 1
    assert all(line.replace("\\|", "").count("|") == 8 for line in lines)
    data = [record(row) for row in found]
    assert json.loads(json.dumps(data)) == data


def test_who_may_connect() -> None:
    found = {row.resources: row for row in connections(planned(template_of("api-dynamodb")))}
    assert found["LoadBalancer",].principals == ("anyone",) and found["LoadBalancer",].actions == ("tcp 80",)
    (inside,) = (row for row in found.values() if row.principals == ("LoadBalancer",))
    assert (inside.resources, inside.actions, inside.levels) == (("Service",), ("tcp 8080",), ("connect",))
    assert not any(row.broad for row in found.values())
    assert summary([*rows("api-dynamodb"), *found.values()]).endswith("; 2 network rules")


def test_a_source_connects_only_where_its_own_group_lets_it_out() -> None:
    """Another port, the load balancer itself and another group are no way out; no rule, or any address, is one."""
    front = {"Fn::GetAtt": ["Front", "GroupId"]}
    back = {"Fn::GetAtt": ["Back", "GroupId"]}
    port = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}

    def connected(*egress: dict[str, Any], **apart: Any) -> bool:
        outward = {"SecurityGroupEgress": list(egress)} if egress else {}
        template = resources(
            Front={"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "front", **outward}},
            Back={
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {
                    "GroupDescription": "back",
                    "SecurityGroupIngress": [{**port, "SourceSecurityGroupId": front}],
                },
            },
            **({"Rule": {"Type": "AWS::EC2::SecurityGroupEgress", "Properties": apart}} if apart else {}),
        )
        return bool(connections(planned(template)))

    local = {**port, "CidrIp": "127.0.0.1/32"}
    assert connected() and connected({"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"})
    assert connected({**port, "DestinationSecurityGroupId": back})
    assert connected(local, GroupId=front, DestinationSecurityGroupId=back, **port)
    assert not connected(local) and not connected({**port, "FromPort": 81, "ToPort": 81, "CidrIp": "0.0.0.0/0"})
    assert not connected(local, GroupId=front, DestinationSecurityGroupId=front, **port)


def test_a_rule_in_a_group_of_another_stack() -> None:
    template = resources(
        Tasks={"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "tasks"}},
        Rule={
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {
                **{"GroupId": "sg-0123456789abcdef0", "IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049},
                "SourceSecurityGroupId": {"Fn::GetAtt": ["Tasks", "GroupId"]},
            },
        },
    )
    (row,) = connections(planned(template))
    assert (row.principals, row.actions, row.resources) == (("Tasks",), ("tcp 2049",), ("sg-0123456789abcdef0",))
    assert row.targets == () and row.holder == "Rule"


def test_sources_and_ports() -> None:
    def rule(first: int, last: int, **source: Any) -> dict[str, Any]:
        return {"IpProtocol": "tcp", "FromPort": first, "ToPort": last, **source}

    admitted = [
        *(rule(port, port, CidrIp="203.0.113.0/24") for port in (80, 443)),
        *(rule(port, port, SourcePrefixListId="pl-1") for port in (80, 443)),
        rule(1024, 2048, CidrIpv6="::/0"),
        {"IpProtocol": "-1", "SourceSecurityGroupId": "sg-1"},
    ]
    group = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": admitted}}
    found = connections(planned(resources(Group=group)))
    assert [(who(row), what(row), where(row)) for row in found] == [
        ("203.0.113.0/24, pl-1", "tcp 80, tcp 443", "Group"),
        ("anyone", "tcp 1024-2048", "Group"),
        ("sg-1", "all ports", "Group"),
    ]
