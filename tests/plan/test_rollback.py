"""Rollback safety: every rule by a change that breaks it, in which direction, and by one that does not."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from fsdcf.plan.diff.plan import plan_update
from fsdcf.plan.diff.rollback import CLOUDFORMATION, FSDCF, ROLLOUT, RULES, Unsafe
from fsdcf.plan.diff.sides import sides_of
from tests.conftest import ROOT
from tests.plan.conftest import resources

Template = dict[str, Any]
Edit = Callable[[Template], None]


def policy(*actions: str, **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}]}


def role(**policies: Any) -> dict[str, Any]:
    listed = [{"PolicyName": name, "PolicyDocument": document} for name, document in policies.items()]
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}, "Policies": listed}}


CONTAINER = {
    "Name": "app",
    "Image": {"Fn::Sub": "repo/app:${ImageSha}"},
    "Environment": [{"Name": "LOG", "Value": "info"}, {"Name": "MODE", "Value": "/files/a.db"}],
    "Secrets": [{"Name": "TOKEN", "ValueFrom": "arn:aws:ssm:us-east-1:1:parameter/t"}],
    "PortMappings": [{"ContainerPort": 80}],
    "HealthCheck": {"Command": ["CMD-SHELL", "true"]},
    "Command": ["serve"],
    "MountPoints": [{"SourceVolume": "files", "ContainerPath": "/files"}],
}
OWN_GROUP = {"AwsvpcConfiguration": {"SecurityGroups": [{"Ref": "TaskGroup"}]}}
TO_80 = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "0.0.0.0/0"}
POINT = {"StringEquals": {"elasticfilesystem:AccessPointArn": {"Fn::GetAtt": ["Point", "Arn"]}}}
BEFORE: Mapping[str, Any] = {
    "Parameters": {"ImageSha": {"Type": "String"}},
    **resources(
        Database={"Type": "AWS::RDS::DBInstance", "Properties": {"Engine": "mysql", "AllocatedStorage": "20"}},
        Task={
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "Memory": "1024",
                "TaskRoleArn": {"Fn::GetAtt": ["TaskRole", "Arn"]},
                "ExecutionRoleArn": {"Fn::GetAtt": ["ExecutionRole", "Arn"]},
                "ContainerDefinitions": [CONTAINER, {"Name": "collector", "Image": "public/collector:1"}],
                "Volumes": [{"Name": "files", "EFSVolumeConfiguration": {"FilesystemId": {"Ref": "Files"}}}],
            },
        },
        Service={
            "Type": "AWS::ECS::Service",
            "Properties": {
                "TaskDefinition": {"Ref": "Task"},
                "NetworkConfiguration": {
                    "AwsvpcConfiguration": {"SecurityGroups": [{"Ref": "TaskGroup"}, "sg-01234567"]}
                },
            },
        },
        TaskRole=role(Own=policy("ses:SendEmail", "s3:GetObject"), Exec=policy("ssmmessages:OpenDataChannel")),
        ExecutionRole=role(Start=policy("secretsmanager:GetSecretValue")),
        Extra={
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyName": "extra",
                "Roles": [{"Ref": "TaskRole"}],
                "PolicyDocument": policy("sqs:SendMessage"),
            },
        },
        Target={
            "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
            "Properties": {"HealthCheckPath": "/up", "Port": 80},
        },
        Balancer={
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"SecurityGroups": [{"Ref": "BalancerGroup"}], "Subnets": ["subnet-1", "subnet-2"]},
        },
        Listener={
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Properties": {
                "LoadBalancerArn": {"Ref": "Balancer"},
                "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Target"}}],
            },
        },
        TaskGroup={
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "tasks", "SecurityGroupIngress": [TO_80]},
        },
        BalancerGroup={
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupDescription": "lb",
                "SecurityGroupEgress": [TO_80],
            },
        },
        Routes={"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": "vpc-1"}},
        Out={
            "Type": "AWS::EC2::Route",
            "Properties": {
                "RouteTableId": {"Ref": "Routes"},
                "DestinationCidrBlock": "0.0.0.0/0",
                "NatGatewayId": "nat-1",
            },
        },
        Gateway={"Type": "AWS::EC2::VPCEndpoint", "Properties": {"RouteTableIds": ["rtb-1", {"Ref": "Routes"}]}},
        Point={"Type": "AWS::EFS::AccessPoint", "Properties": {"PosixUser": {"Uid": "1", "Gid": "1"}}},
        Mount={
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyName": "mount",
                "Roles": [{"Ref": "TaskRole"}],
                "PolicyDocument": policy("elasticfilesystem:ClientMount", Condition=POINT),
            },
        },
        Files={"Type": "AWS::EFS::FileSystem", "DeletionPolicy": "Retain", "Properties": {"Encrypted": True}},
        Table={
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "GlobalSecondaryIndexes": [{"IndexName": "by-state"}],
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                "StreamSpecification": {"StreamViewType": "KEYS_ONLY"},
            },
        },
        Queue={"Type": "AWS::SQS::Queue", "Properties": {}},
        Bucket={"Type": "AWS::S3::Bucket", "Properties": {}},
        Logs={"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 90}},
    ),
}
LIFECYCLE = {"Rules": [{"Id": "old", "Status": "Enabled", "ExpirationInDays": 7}]}


def properties(name: str, **values: Any) -> Edit:
    """Sets properties of a resource; None takes one away."""

    def edit(template: Template) -> None:
        found = template["Resources"][name]["Properties"]
        found.update(values)
        for key in [key for key, value in values.items() if value is None]:
            del found[key]

    return edit


def container(**values: Any) -> Edit:
    """Sets properties of the first container; None takes one away."""

    def edit(template: Template) -> None:
        first = template["Resources"]["Task"]["Properties"]["ContainerDefinitions"][0]
        first.update({key: value for key, value in values.items() if value is not None})
        for key in [key for key, value in values.items() if value is None]:
            del first[key]

    return edit


def without(*names: str) -> Edit:
    def edit(template: Template) -> None:
        for name in names:
            del template["Resources"][name]

    return edit


def statement(name: str, document: Any) -> Edit:
    """Leaves one policy in a role."""
    return properties(name, Policies=[{"PolicyName": "Own", "PolicyDocument": document}])


def found(edit: Edit) -> list[Unsafe]:
    after = copy.deepcopy(dict(BEFORE))
    edit(after)
    return list(plan_update(sides_of(BEFORE, after)).review.unsafe)


DENY = {
    "Statement": [
        *policy("ses:SendEmail", "s3:GetObject")["Statement"],
        {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
    ]
}


def with_a_new_balancer(edit: Edit) -> Edit:
    """An edit of the target group together with its load balancer: the old group keeps its old one."""

    def both(template: Template) -> None:
        edit(template)
        properties("Balancer", Scheme="internal")(template)

    return both


BROKEN: list[tuple[str, str, Edit, tuple[str, ...]]] = [
    ("store-removed", "Queue", without("Queue"), (FSDCF,)),
    (
        "store-removed",
        "Table",
        properties("Table", KeySchema=[{"AttributeName": "no", "KeyType": "HASH"}]),
        (CLOUDFORMATION, FSDCF),
    ),
    ("index-removed", "Table", properties("Table", GlobalSecondaryIndexes=None), (ROLLOUT, CLOUDFORMATION, FSDCF)),
    ("stream-removed", "Table", properties("Table", StreamSpecification=None), (ROLLOUT, CLOUDFORMATION, FSDCF)),
    (
        "stream-removed",
        "Table",
        properties("Table", StreamSpecification={"StreamViewType": "NEW_IMAGE"}),
        (ROLLOUT, CLOUDFORMATION, FSDCF),
    ),
    ("health-check-changed", "Target", properties("Target", HealthCheckPath="/live"), (ROLLOUT, FSDCF)),
    ("target-group-replaced", "Target", properties("Target", Port=81), (ROLLOUT,)),
    ("health-check-changed", "Target", properties("Target", Matcher={"HttpCode": "204"}), (ROLLOUT, FSDCF)),
    ("health-check-changed", "Target", properties("Target", HealthCheckProtocol="HTTPS"), (ROLLOUT, FSDCF)),
    ("health-check-changed", "Target", properties("Target", Matcher={"GrpcCode": "0"}), (ROLLOUT, FSDCF)),
    ("health-check-changed", "Target", properties("Target", HealthCheckTimeoutSeconds=4), (ROLLOUT, FSDCF)),
    ("permission-removed", "TaskRole", statement("TaskRole", policy("ses:SendEmail")), (ROLLOUT, FSDCF)),
    ("permission-removed", "TaskRole", statement("TaskRole", DENY), (ROLLOUT, FSDCF)),
    (
        "permission-removed",
        "TaskRole",
        statement("TaskRole", policy("ses:*", "s3:*", Condition={"Bool": {"a": True}})),
        (ROLLOUT, FSDCF),
    ),
    ("permission-removed", "Extra", without("Extra"), (FSDCF,)),
    ("permission-removed", "Mount", properties("Point", PosixUser={"Uid": "2", "Gid": "1"}), (ROLLOUT,)),
    ("permission-removed", "ExecutionRole", properties("ExecutionRole", Policies=None), (ROLLOUT,)),
    ("permission-removed", "TaskRole", properties("Task", TaskRoleArn="arn:aws:iam::1:role/other"), (FSDCF,)),
    (
        "variable-removed",
        "Task",
        container(Environment=[{"Name": "LOG", "Value": "info"}]),
        (FSDCF,),
    ),
    ("secret-removed", "Task", container(Secrets=None), (FSDCF,)),
    ("volume-removed", "Task", container(MountPoints=None), (FSDCF,)),
    ("volume-removed", "Task", properties("Task", Volumes=[{"Name": "files"}]), (CLOUDFORMATION, FSDCF)),
    (
        "path-moved",
        "Task",
        container(Environment=[CONTAINER["Environment"][0], {"Name": "MODE", "Value": "/files/b.db"}]),
        (CLOUDFORMATION, FSDCF),
    ),
    ("container-removed", "Task", properties("Task", ContainerDefinitions=[CONTAINER]), (FSDCF,)),
    ("port-changed", "Task", container(PortMappings=[{"ContainerPort": 81}]), (FSDCF,)),
    ("protocol-changed", "Target", with_a_new_balancer(properties("Target", Protocol="HTTPS")), (FSDCF,)),
    ("protocol-changed", "Target", with_a_new_balancer(properties("Target", ProtocolVersion="GRPC")), (FSDCF,)),
    ("container-check-changed", "Task", container(HealthCheck={"Command": ["CMD-SHELL", "new"]}), (FSDCF,)),
    ("command-changed", "Task", container(Command=["serve", "--fast"]), (FSDCF,)),
    ("command-changed", "Task", container(User="1000"), (FSDCF,)),
    ("read-only-root", "Task", container(ReadonlyRootFilesystem=True), (FSDCF,)),
    ("capability-dropped", "Task", container(LinuxParameters={"Capabilities": {"Drop": ["ALL"]}}), (FSDCF,)),
    ("architecture-changed", "Task", properties("Task", RuntimePlatform={"CpuArchitecture": "ARM64"}), (FSDCF,)),
    ("memory-reduced", "Task", properties("Task", Memory="512"), (FSDCF,)),
    ("repository-changed", "Task", container(Image={"Fn::Sub": "repo/other:${ImageSha}"}), (FSDCF,)),
    (
        "way-in-closed",
        "BalancerGroup",
        properties(
            "BalancerGroup",
            SecurityGroupEgress=[{"IpProtocol": "tcp", "FromPort": 81, "ToPort": 81, "CidrIp": "0.0.0.0/0"}],
        ),
        (ROLLOUT,),
    ),
    ("way-in-closed", "Balancer", properties("Balancer", Subnets=["subnet-1"]), (ROLLOUT,)),
    ("way-in-closed", "Listener", properties("Listener", DefaultActions=[{"Type": "fixed-response"}]), (ROLLOUT,)),
    ("way-in-closed", "TaskGroup", properties("TaskGroup", SecurityGroupIngress=None), (ROLLOUT,)),
    ("way-out-closed", "Gateway", properties("Gateway", RouteTableIds=[{"Ref": "Routes"}]), (ROLLOUT,)),
    (
        "way-out-closed",
        "TaskGroup",
        properties(
            "TaskGroup",
            SecurityGroupEgress=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}],
        ),
        (ROLLOUT, FSDCF),
    ),
    ("way-out-closed", "Out", without("Out"), (FSDCF,)),
    ("way-out-closed", "Service", properties("Service", NetworkConfiguration=OWN_GROUP), (FSDCF,)),
    ("data-expires", "Logs", properties("Logs", RetentionInDays=7), (CLOUDFORMATION, FSDCF)),
    ("data-expires", "Queue", properties("Queue", MessageRetentionPeriod=60), (CLOUDFORMATION, FSDCF)),
    ("data-expires", "Bucket", properties("Bucket", LifecycleConfiguration=LIFECYCLE), (CLOUDFORMATION, FSDCF)),
    (
        "data-expires",
        "Table",
        properties("Table", TimeToLiveSpecification={"AttributeName": "t", "Enabled": True}),
        (CLOUDFORMATION, FSDCF),
    ),
    ("data-expires", "Table", properties("Table", PointInTimeRecoverySpecification=None), (CLOUDFORMATION, FSDCF)),
    ("one-way", "Database", properties("Database", AllocatedStorage="100"), (CLOUDFORMATION,)),
]


@pytest.mark.parametrize(
    ("rule", "name", "edit", "when"), BROKEN, ids=[f"{number}-{one[0]}" for number, one in enumerate(BROKEN)]
)
def test_a_rule_finds_its_change_and_no_other_rule_does(
    rule: str, name: str, edit: Edit, when: tuple[str, ...]
) -> None:
    (one,) = found(edit)
    assert set(when) <= {way for known in RULES if known.id == rule for way in known.when}
    assert (one.rule, one.logical_id, one.when) == (rule, name, when)
    assert one.way_out.startswith("1. ") and "; 2. " in one.way_out
    for text in (one.what, one.why, one.way_out):
        assert text and not text.endswith(".") and "None" not in text


def beside(**values: Any) -> Edit:
    """An edit of the sidecar, which has an image of its own."""

    def edit(template: dict[str, Any]) -> None:
        template["Resources"]["Task"]["Properties"]["ContainerDefinitions"][1].update(values)

    return edit


SAFE: dict[str, Edit] = {
    "nothing": lambda template: None,
    "a sidecar with an image of its own": beside(Image="public/collector:2", Command=["x"], User="1"),
    "a variable more": container(Environment=[*CONTAINER["Environment"], {"Name": "NEW", "Value": "1"}]),  # type: ignore[misc]
    "another value": container(Environment=[{"Name": "LOG", "Value": "debug"}, {"Name": "MODE", "Value": "a"}]),
    "a variable becomes a secret": container(
        Environment=[{"Name": "LOG", "Value": "info"}],
        Secrets=[
            {"Name": "TOKEN", "ValueFrom": "arn:aws:ssm:us-east-1:1:parameter/t"},
            {"Name": "MODE", "ValueFrom": "arn:aws:ssm:us-east-1:1:parameter/m"},
        ],
    ),
    "a permission more": statement("TaskRole", policy("ses:SendEmail", "s3:GetObject", "s3:PutObject")),
    "a wider permission": statement("TaskRole", policy("ses:*", "s3:Get*")),
    "a permission in another policy": lambda template: (
        statement("TaskRole", policy("ses:SendEmail"))(template),
        properties("Extra", PolicyDocument=policy("sqs:SendMessage", "s3:GetObject"))(template),
    )[0],
    "a longer retention": properties("Logs", RetentionInDays=365),
    "for ever": properties("Logs", RetentionInDays=None),
    "more memory": properties("Task", Memory="2048"),
    "more time to answer": properties("Target", HealthCheckTimeoutSeconds=9),
    "a route table that has a route to the internet": properties("Gateway", RouteTableIds=["rtb-1"]),
    "another subnet": properties("Balancer", Subnets=["subnet-1", "subnet-3"]),
    "ECS Exec off": statement("TaskRole", policy("ses:SendEmail", "s3:GetObject")),
    "another description of a rule": properties("TaskGroup", SecurityGroupIngress=[{**TO_80, "Description": "HTTP"}]),
    "a check interval": properties("Target", HealthCheckIntervalSeconds=10),
    "more codes of a check": properties("Target", Matcher={"HttpCode": "200-204,302"}),
    "a port more": container(PortMappings=[{"ContainerPort": 80}, {"ContainerPort": 81}]),
    "a processor that is the default": properties("Task", RuntimePlatform={"CpuArchitecture": "X86_64"}),
    "an index more": properties("Table", GlobalSecondaryIndexes=[{"IndexName": "by-state"}, {"IndexName": "by-date"}]),
    "log group replaced": properties("Logs", LogGroupName="other"),
}


@pytest.mark.parametrize("name", SAFE)
def test_changes_that_a_rollback_undoes_are_safe(name: str) -> None:
    assert found(SAFE[name]) == []


def test_every_rule_has_its_case_and_its_explanation() -> None:
    assert {rule for rule, *_ in BROKEN} == {rule.id for rule in RULES}
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.explanation.endswith(".") for rule in RULES)
    page = (ROOT / "docs" / "how-to" / "read-a-plan.md").read_text(encoding="utf-8")
    assert all(f"| `{rule.id}` | {rule.explanation} |" in page for rule in RULES)


def test_a_check_that_changes_with_its_target_group_does_not_affect_the_old_tasks() -> None:
    def with_the_balancer(template: Template) -> None:
        properties("Target", HealthCheckPath="/live", Port=81)(template)
        properties("Balancer", Scheme="internal")(template)

    rules = [(one.rule, one.when) for one in found(with_the_balancer)]
    assert rules == [("health-check-changed", (FSDCF,))]


def test_egress_that_moves_to_a_rule_of_its_own_is_closed_for_seconds() -> None:
    """As in a stack that was deployed when the load balancer's group contained the rule."""
    local = {**TO_80, "CidrIp": "127.0.0.1/32"}

    def moved(**other: Any) -> Edit:
        def edit(template: Template) -> None:
            apart = {"GroupId": {"Fn::GetAtt": ["BalancerGroup", "GroupId"]}, **TO_80, "Description": "Tasks", **other}
            template["Resources"]["Apart"] = {"Type": "AWS::EC2::SecurityGroupEgress", "Properties": apart}
            properties("BalancerGroup", SecurityGroupEgress=[local])(template)

        return edit

    (same,), (other,) = found(moved()), found(moved(FromPort=81, ToPort=81))
    assert same.rule == other.rule == "way-in-closed" and same.when == other.when == (ROLLOUT,)
    assert "Apart" in same.what and "for seconds" in same.why and "no more requests" in other.why


def test_fewer_status_codes_are_a_violation() -> None:
    (one,) = found(properties("Target", Matcher={"HttpCode": "201-204,302"}))
    assert (one.rule, one.what) == ("health-check-changed", "checks for other codes: the default -> 201-204,302")


@pytest.mark.parametrize(
    ("days", "noncurrent", "told"), [(9, 30, True), (10, 29, True), (11, 31, False), (10, None, False)]
)
def test_objects_that_expire_earlier_are_a_violation(days: int, noncurrent: int | None, told: bool) -> None:
    def lifecycle(expiration: int, versions: int | None) -> dict[str, Any]:
        rule: dict[str, Any] = {"Status": "Enabled", "ExpirationInDays": expiration}
        return {"Rules": [rule | ({"NoncurrentVersionExpiration": {"NoncurrentDays": versions}} if versions else {})]}

    bucket = {"Type": "AWS::S3::Bucket", "Properties": {}}
    before, after = (
        {**bucket, "Properties": {"LifecycleConfiguration": one}}
        for one in (lifecycle(10, 30), lifecycle(days, noncurrent))
    )
    rules = [one.rule for one in plan_update(sides_of(resources(B=before), resources(B=after))).review.unsafe]
    assert rules == ["data-expires"] * told


def test_a_first_deploy_has_nothing_to_go_back_to() -> None:
    assert plan_update(sides_of(None, BEFORE)).review.unsafe == ()


@pytest.mark.parametrize(
    ("given", "reached", "effect", "told"),
    [
        ("tasks", "tasks", "Allow", False),
        ("others", "tasks", "Allow", True),
        ("tasks", "tasks-of-others", "Allow", True),
        ("tasks", "tasks", "Deny", True),
    ],
    ids=["as before", "another name", "a statement for a longer name", "denied"],
)
def test_a_store_that_stays_is_reached_by_its_name_and_a_statement_for_it(
    given: str, reached: str, effect: str, told: bool
) -> None:
    def named(value: object, effect: str, resource: object) -> Template:
        template = copy.deepcopy(dict(BEFORE))
        container(Environment=[*CONTAINER["Environment"], {"Name": "TASKS", "Value": value}])(template)  # type: ignore[misc]
        template["Resources"]["Queue"] = {
            "Type": "AWS::SQS::Queue",
            "DeletionPolicy": "Retain",
            "Properties": {"QueueName": "tasks"},
        }
        statement = {"Effect": effect, "Action": ["sqs:ReceiveMessage"], "Resource": resource}
        template["Resources"]["Extra"]["Properties"]["PolicyDocument"]["Statement"].append(statement)
        return template

    before = named({"Fn::GetAtt": ["Queue", "QueueName"]}, "Allow", {"Fn::GetAtt": ["Queue", "Arn"]})
    after = named(given, effect, f"arn:aws:sqs:us-east-1:0:{reached}")
    without("Queue")(after)
    assert ("store-removed" in [one.rule for one in plan_update(sides_of(before, after)).review.unsafe]) == told


def test_a_variable_that_names_a_lost_store_is_reported_with_the_store() -> None:
    before = copy.deepcopy(dict(BEFORE))
    container(Environment=[*CONTAINER["Environment"], {"Name": "QUEUE", "Value": {"Ref": "Queue"}}])(before)  # type: ignore[misc]
    after = copy.deepcopy(dict(BEFORE))
    without("Queue")(after)
    assert [one.rule for one in plan_update(sides_of(before, after)).review.unsafe] == ["store-removed"]


def test_a_container_with_another_name_stays_the_first_one() -> None:
    assert found(container(Name="other")) == []
    (one,) = found(
        container(
            Name="other",
            Environment=None,
            Secrets=[{"Name": "TOKEN", "ValueFrom": "x"}, {"Name": "LOG", "ValueFrom": "y"}],
        )
    )
    assert (one.rule, one.what) == ("variable-removed", "no longer sets MODE")
