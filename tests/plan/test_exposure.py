"""What of a stack can be reached from outside, and what its policies allow."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.cloudformation.planned import planned, planned_together
from fsdcf.plan.diff.plan import plan_update
from fsdcf.plan.diff.sides import sides_of
from fsdcf.plan.exposure import exposures, first_deploy, permissions
from tests.plan.conftest import resources, template_of
from tests.plan.shared import environment, joined

EVERYBODY = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "0.0.0.0/0"}
OFFICE = {**EVERYBODY, "CidrIp": "203.0.113.0/24"}
LIST = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "SourcePrefixListId": "pl-1"}


def balancer(*rules: Any, scheme: str = "internet-facing", **listeners: str) -> dict[str, Any]:
    """A load balancer behind these rules, with listeners by port (``p80="HTTP"``)."""
    made = {
        f"L{port[1:]}": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Properties": {"LoadBalancerArn": {"Ref": "Balancer"}, "Port": int(port[1:]), "Protocol": protocol},
        }
        for port, protocol in listeners.items()
    }
    return resources(
        Group={"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": list(rules)}},
        Balancer={
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"Scheme": scheme, "SecurityGroups": [{"Fn::GetAtt": ["Group", "GroupId"]}]},
        },
        **made,
    )


def service(*rules: Any, public: str = "ENABLED") -> dict[str, Any]:
    network = {"AssignPublicIp": public, "SecurityGroups": [{"Ref": "Group"}]}
    return resources(
        Group={"Type": "AWS::EC2::SecurityGroup", "Properties": {}},
        **{
            f"Rule{number}": {
                "Type": "AWS::EC2::SecurityGroupIngress",
                "Properties": {"GroupId": {"Ref": "Group"}, **rule},
            }
            for number, rule in enumerate(rules)
        },
        Service={
            "Type": "AWS::ECS::Service",
            "Properties": {"NetworkConfiguration": {"AwsvpcConfiguration": network}},
        },
    )


def bucket_policy(**more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*", **more}
    return resources(
        P={"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": "a", "PolicyDocument": {"Statement": [statement]}}}
    )


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (balancer(EVERYBODY, p80="HTTP"), ["accepts requests from the internet on port 80, without TLS"]),
        (balancer(EVERYBODY, p443="HTTPS", p80="HTTP"), ["accepts requests from the internet on ports 80, 443"]),
        (balancer(OFFICE, LIST, p80="HTTP"), ["accepts requests from 203.0.113.0/24, pl-1 on port 80, without TLS"]),
        (balancer(p80="HTTP"), ["accepts requests from the internet on port 80, without TLS"]),
        (balancer(EVERYBODY, scheme="internal", p80="HTTP"), []),
        (service(), ["has tasks with public addresses"]),
        (service(EVERYBODY), ["has tasks with public addresses, which admit the internet"]),
        (service(EVERYBODY, public="DISABLED"), []),
        (bucket_policy(), ["lets everybody read arn:aws:s3:::a/*"]),
        (bucket_policy(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), []),
        (bucket_policy(Effect="Deny"), []),
    ],
)
def test_what_is_open_to_the_outside(template: Any, said: list[str]) -> None:
    assert [one.what for one in exposures(planned(template))] == said


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (balancer(OFFICE, p80="HTTP"), balancer(EVERYBODY, p80="HTTP"), ["Balancer"]),
        (balancer(EVERYBODY, p443="HTTPS"), balancer(EVERYBODY, p80="HTTP"), ["Balancer"]),
        (balancer(EVERYBODY, p80="HTTP"), balancer(EVERYBODY, p443="HTTPS"), []),
        (balancer(EVERYBODY, p80="HTTP"), balancer(OFFICE, p80="HTTP"), []),
        (balancer(EVERYBODY, scheme="internal", p80="HTTP"), balancer(EVERYBODY, p80="HTTP"), ["Balancer"]),
        (service(public="DISABLED"), service(), ["Service"]),
    ],
)
def test_an_update_that_opens_something_says_so(before: Any, after: Any, said: list[str]) -> None:
    effects = plan_update(sides_of(before, after)).review.effects
    assert [one.logical_id for one in effects if one.rule == "exposed"] == said


def test_the_permissions_of_an_example_are_told_by_policy() -> None:
    first = first_deploy(planned(template_of("api-dynamodb")))
    assert "may read, write OrdersTable" in first.permissions["OrdersDynamodbAccess"]
    assert any("ecr repository/orders" in clause for clause in first.permissions["ExecutionRole"])
    assert not any("(broad)" in clause for clauses in first.permissions.values() for clause in clauses)
    wide = first_deploy(planned(template_of("warehouse"))).permissions
    assert any(clause.endswith("(broad)") for clauses in wide.values() for clause in clauses)


def test_a_service_behind_a_shared_public_load_balancer_is_exposed() -> None:
    shared = environment(balancers=("public", "internal"))

    def found(**options: Any) -> list[tuple[str, str]]:
        stack = planned_together({"": joined("shop", **options), "staging": shared})
        return [(one.logical_id, one.what) for one in exposures(stack)]

    ((place, what),) = found(hosts=["shop.example.com"])
    assert place == "ListenerRule" and what.startswith("gets requests for shop.example.com from PublicLoadBalancer")
    assert what.endswith("accepts requests from the internet on ports 80, 443")
    assert found(hosts=["shop.example.com"], balancer="internal") == found() == []
    assert all("/" not in name for name in permissions(planned_together({"": joined("shop"), "staging": shared})))
