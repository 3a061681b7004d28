"""Side effects: every rule by an update that has the effect, and by one that does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from fsdcf.pipeline import Request, SourceFile, run
from fsdcf.plan.diff.effects import EFFECTS, SideEffect
from fsdcf.plan.diff.plan import plan_update
from fsdcf.plan.diff.sides import DeployedValues, sides_of
from tests.conftest import ROOT
from tests.plan.conftest import Template, resources
from tests.plan.edits import compiled, swap

Edit = Callable[[dict[str, Any]], None]

BALANCER_SETTINGS = {
    "idle_timeout.timeout_seconds": "90",
    "access_logs.s3.enabled": "true",
    "deletion_protection.enabled": "true",
}
GROUP_SETTINGS = {"stickiness.enabled": "true", "stickiness.type": "lb_cookie", "slow_start.duration_seconds": "30"}


def hosts(*names: str) -> list[dict[str, Any]]:
    return [{"Field": "host-header", "HostHeaderConfig": {"Values": list(names)}}]


def settings(**_: Any) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in _.items()]


def turned_off(feature: str) -> list[dict[str, str]]:
    return settings(**{**BALANCER_SETTINGS, f"{feature}.enabled": "false"})


def endpoint(host: str, port: int) -> dict[str, Any]:
    """Service Connect with an endpoint."""
    alias = {"DnsName": host, "Port": port}
    return {"Enabled": True, "Services": [{"PortName": "api", "DiscoveryName": "api_", "ClientAliases": [alias]}]}


def units(reads: int, writes: int = 5) -> dict[str, Any]:
    return {"ProvisionedThroughput": {"ReadCapacityUnits": reads, "WriteCapacityUnits": writes}}


ALL_SETTINGS = settings(**BALANCER_SETTINGS)
SIGN_IN = {"Type": "authenticate-oidc", "AuthenticateOidcConfig": {"Issuer": "https://i"}}
FORWARD = {"Type": "forward", "TargetGroupArn": {"Ref": "Group"}}

BEFORE: Template = resources(
    Database={"Type": "AWS::RDS::DBInstance", "Properties": {"Engine": "mysql", "DBInstanceClass": "db.t4g.micro"}},
    Task={
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "ContainerDefinitions": [
                {"Name": "app", "Image": "app:1", "LogConfiguration": {"LogDriver": "awslogs"}},
                {"Name": "side", "Image": "side:1", "LogConfiguration": {"LogDriver": "awslogs"}},
            ]
        },
    },
    Service={
        "Type": "AWS::ECS::Service",
        "Properties": {"TaskDefinition": {"Ref": "Task"}, "HealthCheckGracePeriodSeconds": 60},
    },
    Cluster={
        "Type": "AWS::ECS::Cluster",
        "Properties": {
            "Configuration": {
                "ExecuteCommandConfiguration": {
                    "Logging": "OVERRIDE",
                    "LogConfiguration": {"CloudWatchLogGroupName": "sessions"},
                }
            }
        },
    },
    Api={"Type": "AWS::ECS::Service", "Properties": {"ServiceConnectConfiguration": endpoint("api", 80)}},
    Caller={"Type": "AWS::ECS::Service", "Properties": {"ServiceConnectConfiguration": {"Enabled": True}}},
    Alone={"Type": "AWS::ECS::Service", "Properties": {"ServiceConnectConfiguration": {"Enabled": False}}},
    Target={
        "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "Properties": {
            "ResourceId": {"Fn::Sub": "service/cluster/${Service.Name}"},
            "MinCapacity": 3,
            "MaxCapacity": 12,
        },
    },
    Scheduled={
        "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "Properties": {"ResourceId": "service/a/b", "MaxCapacity": 12, "ScheduledActions": [{"Timezone": "UTC"}]},
    },
    Release={"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "app:1"}},
    Role={
        "Type": "AWS::IAM::Role",
        "Properties": {"PermissionsBoundary": "arn:aws:iam::1:policy/limits", "AssumeRolePolicyDocument": {}},
    },
    Free={"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}},
    Balancer={
        "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "Properties": {"LoadBalancerAttributes": settings(**BALANCER_SETTINGS)},
    },
    Group={
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "Properties": {"TargetGroupAttributes": settings(**GROUP_SETTINGS)},
    },
    Rule={
        "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
        "Properties": {"ListenerArn": "arn", "Priority": 20007, "Conditions": hosts("a.example.com", "b.example.com")},
    },
    Shop={
        "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
        "Properties": {
            "ListenerArn": "arn",
            "Priority": 5,
            "Conditions": hosts("shop.example.com"),
            "Actions": [SIGN_IN, FORWARD],
        },
    },
    Shared={
        "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
        "Properties": {
            "ListenerArn": {"Fn::ImportValue": "fsdcf-staging-PublicHttpListenerArn"},
            "Priority": 7,
            "Conditions": hosts("c.example.com"),
        },
    },
    Record={
        "Type": "AWS::Route53::RecordSet",
        "Properties": {
            "HostedZoneId": "Z1",
            "Name": "*.example.com",
            "Type": "A",
            "AliasTarget": {"DNSName": {"Fn::GetAtt": ["Balancer", "DNSName"]}},
        },
    },
    Firewall={
        "Type": "AWS::WAFv2::WebACLAssociation",
        "Properties": {"ResourceArn": {"Ref": "Balancer"}, "WebACLArn": "acl/one"},
    },
    Nat={"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": "subnet-1", "AllocationId": "eipalloc-1"}},
    Nat2={"Type": "AWS::EC2::NatGateway", "Properties": {"SubnetId": "subnet-2", "AllocationId": "eipalloc-2"}},
    Route={
        "Type": "AWS::EC2::Route",
        "Properties": {
            "RouteTableId": "rtb-1",
            "DestinationCidrBlock": "0.0.0.0/0",
            "NatGatewayId": {"Ref": "Nat"},
        },
    },
    Files={"Type": "AWS::EFS::FileSystem", "Properties": {"ThroughputMode": "bursting"}},
    Table={
        "Type": "AWS::DynamoDB::Table",
        "Properties": {"BillingMode": "PROVISIONED", "DeletionProtectionEnabled": True, **units(5)},
    },
    Reads={
        "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "Properties": {
            "ServiceNamespace": "dynamodb",
            "ResourceId": {"Fn::Sub": "table/${Table}"},
            "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
        },
    },
)


def properties(name: str, **values: Any) -> Edit:
    """Sets properties of a resource; None takes one away."""

    def edit(template: dict[str, Any]) -> None:
        found = template["Resources"][name]["Properties"]
        found.update(values)
        for key in [key for key, value in values.items() if value is None]:
            del found[key]

    return edit


def without_log(index: int) -> Edit:
    def edit(template: dict[str, Any]) -> None:
        del template["Resources"]["Task"]["Properties"]["ContainerDefinitions"][index]["LogConfiguration"]

    return edit


def without_scaling(template: dict[str, Any]) -> None:
    del template["Resources"]["Target"]
    properties("Service", DesiredCount=2)(template)


def found(edit: Edit) -> list[SideEffect]:
    after = copy.deepcopy(dict(BEFORE))
    edit(after)
    return list(plan_update(sides_of(BEFORE, after)).review.effects)


SAID: list[tuple[str, str, Edit, str]] = [
    ("task-count-reset", "Target", without_scaling, "becomes 2"),
    ("task-count-reset", "Service", properties("Service", DesiredCount=4), "tasks to 4"),
    ("task-count-reset", "Target", properties("Target", MinCapacity=1, MaxCapacity=2), "at most 2 tasks"),
    ("scaling-limits-reset", "Scheduled", properties("Scheduled", MinCapacity=1), "limits of auto scaling to 1 to 12"),
    ("address-changed", "Balancer", properties("Balancer", Scheme="internal"), "another DNS name"),
    ("address-changed", "Record", properties("Record", Name="*.example.org"), "*.example.com"),
    ("address-changed", "Record", lambda template: template["Resources"].pop("Record"), "*.example.com"),
    ("firewall-changed", "Firewall", properties("Firewall", WebACLArn="acl/two"), "another web ACL"),
    ("firewall-changed", "Firewall", lambda template: template["Resources"].pop("Firewall"), "is removed"),
    ("egress-changed", "Route", properties("Route", NatGatewayId={"Ref": "Nat2"}), "another NAT gateway"),
    ("egress-changed", "Route", properties("Nat", AllocationId="eipalloc-3"), "another NAT gateway"),
    ("sign-in-removed", "Shop", properties("Shop", Actions=[FORWARD]), "sign-in"),
    ("releases-lost", "Release", properties("Release", Name="/fsdcf/staging/a-staging/release"), "list of releases"),
    ("rule-reordered", "Rule", properties("Rule", Priority=13000), "among the rules"),
    ("host-lost", "Rule", properties("Rule", Conditions=hosts("A.example.com")), "b.example.com"),
    (
        "host-lost",
        "Shared",
        properties("Shared", ListenerArn={"Fn::ImportValue": "fsdcf-staging-InternalHttpListenerArn"}),
        "c.example.com",
    ),
    (
        "exposed",
        "Service",
        properties("Service", NetworkConfiguration={"AwsvpcConfiguration": {"AssignPublicIp": "ENABLED"}}),
        "public addresses",
    ),
    ("address-changed", "Api", properties("Api", ServiceConnectConfiguration=endpoint("rest", 80)), "reached as api"),
    ("address-changed", "Api", properties("Api", ServiceConnectConfiguration=endpoint("api", 81)), "reached as api:80"),
    ("address-changed", "Api", properties("Api", ServiceConnectConfiguration={"Enabled": True}), "reached as api"),
    ("proxy-changed", "Alone", properties("Alone", ServiceConnectConfiguration={"Enabled": True}), "adds the proxy"),
    (
        "proxy-changed",
        "Caller",
        properties("Caller", ServiceConnectConfiguration={"Enabled": False}),
        "takes the proxy",
    ),
    ("boundary-changed", "Role", properties("Role", PermissionsBoundary=None), "no longer limited"),
    ("boundary-changed", "Role", properties("Role", PermissionsBoundary="arn:aws:iam::1:policy/other"), "limited by"),
    ("boundary-changed", "Free", properties("Free", PermissionsBoundary="arn:aws:iam::1:policy/other"), "limited by"),
    ("logs-off", "Task", without_log(0), "the container"),
    ("logs-off", "Task", without_log(1), "side"),
    ("logs-off", "Balancer", properties("Balancer", LoadBalancerAttributes=turned_off("access_logs.s3")), "requests"),
    ("logs-off", "Cluster", properties("Cluster", Configuration=None), "ECS Exec"),
    (
        "protection-removed",
        "Balancer",
        properties("Balancer", LoadBalancerAttributes=turned_off("deletion_protection")),
        "no longer protected",
    ),
    ("protection-removed", "Table", properties("Table", DeletionProtectionEnabled=False), "no longer protected"),
    ("protection-removed", "Table", properties("Table", DeletionProtectionEnabled=None), "no longer protected"),
    ("value-kept", "Service", properties("Service", HealthCheckGracePeriodSeconds=None), "HealthCheckGracePeriod"),
    (
        "value-kept",
        "Balancer",
        properties(
            "Balancer",
            LoadBalancerAttributes=[one for one in settings(**BALANCER_SETTINGS) if "logs" not in one["Key"]],
        ),
        "access_logs.s3.enabled",
    ),
    (
        "value-kept",
        "Group",
        properties("Group", TargetGroupAttributes=settings(**{"stickiness.enabled": "false"})),
        "slow_start.duration_seconds",
    ),
    ("rare-change", "Files", properties("Files", ThroughputMode="elastic"), "ThroughputMode"),
    ("capacity-reset", "Table", properties("Table", **units(7)), "read capacity to 7"),
    ("rare-change", "Table", properties("Table", BillingMode="PAY_PER_REQUEST"), "BillingMode"),
    ("rare-change", "Table", properties("Table", TableClass="STANDARD_INFREQUENT_ACCESS"), "TableClass"),
    ("interruption", "Database", properties("Database", DBInstanceClass="db.t4g.small"), "DBInstanceClass"),
    (
        "rare-change",
        "Table",
        properties("Table", TimeToLiveSpecification={"AttributeName": "t", "Enabled": True}),
        "TimeToLive",
    ),
]


@pytest.mark.parametrize(
    ("rule", "name", "edit", "said"), SAID, ids=[f"{number}-{one[0]}" for number, one in enumerate(SAID)]
)
def test_a_rule_finds_its_effect_and_no_other_rule_does(rule: str, name: str, edit: Edit, said: str) -> None:
    (one,) = found(edit)
    assert (one.rule, one.logical_id) == (rule, name) and said in one.what
    assert one.why and not one.why.endswith(".") and "None" not in one.what + one.why


SILENT: dict[str, Edit] = {
    "nothing": lambda template: None,
    "another limit of scaling": properties("Target", MaxCapacity=20),
    "a wildcard for the hosts": properties("Rule", Conditions=hosts("*.example.com")),
    "every host": properties("Rule", Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}]),
    "another listener of the load balancer": properties(
        "Shared", ListenerArn={"Fn::ImportValue": "fsdcf-staging-PublicHttpsListenerArn"}
    ),
    "a record in capitals": properties("Record", Name="*.Example.com."),
    "another value": properties("Service", HealthCheckGracePeriodSeconds=90),
    "a setting more": properties(
        "Group", TargetGroupAttributes=settings(**GROUP_SETTINGS, **{"deregistration_delay.timeout_seconds": "9"})
    ),
    "another log": lambda template: template["Resources"]["Task"]["Properties"]["ContainerDefinitions"][0].update(
        LogConfiguration={"LogDriver": "awsfirelens"}
    ),
}


@pytest.mark.parametrize("name", SILENT)
def test_updates_without_side_effects(name: str) -> None:
    assert found(SILENT[name]) == []


def test_a_rule_that_is_removed_because_the_listener_forwards_loses_no_host() -> None:
    spec = "apiVersion: fsd/v1\nkind: Service\nmetadata: {name: shop, owners: team}\nservice: {port: 8000%s}\n"
    old, new = (compiled(spec % more).template for more in (HOSTS, ""))
    assert plan_update(sides_of(old, new)).review.effects == ()
    (one,) = plan_update(sides_of(old, compiled(spec % HOSTS.replace("a.e", "b.e")).template)).review.effects
    assert (one.rule, one.logical_id) == ("host-lost", "ListenerRule")


HOSTS = ", networking: {loadBalancer: {hosts: [a.example.com]}}"


def test_a_sign_in_that_is_no_longer_demanded() -> None:
    oidc = ", ".join(f"{key}Endpoint: 'https://i/{key}'" for key in ("authorization", "token", "userInfo"))
    auth = f"auth: {{KEYoidc: {{issuer: 'https://i', {oidc}, clientId: a, clientSecret: 'secretsmanager:b:c'}}}}"
    spec = "apiVersion: fsd/v1\nkind: Service\nmetadata: {name: shop, owners: team}\nservice: {port: 8000%s}\n"
    certificate = "certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/6f3b4d2e'"

    def after(*keys: str) -> list[tuple[str, str]]:
        old, new = (
            compiled(spec % f", networking: {{loadBalancer: {{{', '.join((certificate, *more))}}}}}").template
            for more in ((auth.replace("KEY", ""),), keys)
        )
        return [(one.rule, one.logical_id) for one in plan_update(sides_of(old, new)).review.effects]

    for keys in ((), ("hosts: [a.example.com]",), (auth.replace("KEY", "onUnauthenticated: allow, "),)):
        assert after(*keys) == [("sign-in-removed", "ListenerRule")]
    for key in ("", "sessionTimeout: 60, ", "onUnauthenticated: deny, "):
        assert after(auth.replace("KEY", key)) == []


def test_a_first_deploy_has_no_side_effects() -> None:
    assert plan_update(sides_of(None, BEFORE)).review.effects == ()


def test_every_rule_has_its_case_and_its_explanation() -> None:
    assert {rule for rule, *_ in SAID} == {rule.id for rule in EFFECTS}
    assert all(rule.explanation.endswith(".") for rule in EFFECTS)
    page = (ROOT / "docs" / "how-to" / "read-a-plan.md").read_text(encoding="utf-8")
    assert all(f"| `{rule.id}` | {rule.explanation} |" in page for rule in EFFECTS)


def test_auto_scaling_removed_from_a_spec() -> None:
    text = "\n".join(
        [
            "apiVersion: fsd/v1",
            "kind: Service",
            "metadata: {name: shop, owners: team}",
            "service:",
            "  port: 8000",
            "  autoScaling: {minCount: 3, maxCount: 12}",
        ]
    )
    old, new = compiled(text), compiled(swap("  autoScaling: {minCount: 3, maxCount: 12}", "")(text))
    (one,) = plan_update(sides_of(old.template, new.template)).review.effects
    assert (one.rule, one.logical_id) == ("task-count-reset", "ScalableTarget")
    assert "becomes 2" in one.what and "between 3 and 12" in one.why


def test_a_rule_keeps_the_priority_that_it_got_where_its_default_was_taken() -> None:
    """Until it is in another band: then it moves, and the plan says so."""
    file = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging}\n"
    file += "environment: {loadBalancers: {public: {domain: staging.example.com}}}\n"
    text = "apiVersion: fsd/v1\nkind: Service\nmetadata: {name: shop, owners: team}\nservice:\n  port: 8000\n"
    text += "  networking: {shared: true, loadBalancer: {stickiness: false}}\n"

    def template(more: str = "") -> dict[str, Any]:
        source = SourceFile("environments/staging.yml", file.encode())
        written = text.replace("stickiness: false", f"stickiness: false{more}").encode()
        result = run(Request("shop.yml", written, "staging", environment_file=source))
        assert result.template is not None, result.diagnostics
        return dict(result.template.data)

    old = template()
    taken = str(old["Parameters"]["RulePriority"]["Default"] + 1)
    deployed = DeployedValues({"ImageSha": "1", "RulePriority": taken})
    assert plan_update(sides_of(old, template(), deployed=deployed)).empty
    plan = plan_update(sides_of(old, template(", paths: [/api/*]"), deployed=deployed))
    assert [one.rule for one in plan.review.effects] == ["rule-reordered"]
    (row,) = [one for one in plan.changes if one.logical_id == "ListenerRule"]
    assert taken in [str(one.before) for one in row.details]
