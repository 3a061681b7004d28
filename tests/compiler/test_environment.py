"""The template of an environment: the tests follow references from end to end and compare no text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from fsdcf.language.model.environment import SharedLoadBalancer
from tests.conftest import Compile

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/6f3b4d2e-0a51-4c0e-9c5b-7d8e9f0a1b2c"
HEAD = "apiVersion: fsd/v1\nkind: Environment\nmetadata: {name: staging, owners: team}\nenvironment:\n"
ZONE = "domain: staging.example.com, hostedZoneId: Z0123456789ABCDEFGHIJ"


def template_of(compiled: Compile, block: str) -> Mapping[str, Any]:
    result = compiled(HEAD + block, name="environments/staging.yml")
    assert result.template is not None, result.diagnostics
    return result.template.data


def exports(template: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each export, by its name without that of the stack."""
    outputs = template["Outputs"].values()
    assert all(each["Export"]["Name"].startswith("fsdcf-staging-") for each in outputs)
    return {each["Export"]["Name"].removeprefix("fsdcf-staging-"): each["Value"] for each in outputs}


def with_balancer(compiled: Compile, keys: str) -> Mapping[str, Any]:
    return template_of(compiled, f"  loadBalancers:\n    public: {{{keys}}}\n")


def test_a_load_balancer_reaches_the_services_and_nothing_else(compiled: Compile) -> None:
    template = with_balancer(compiled, ZONE)
    resources, exported = template["Resources"], exports(template)
    (egress,) = resources["PublicLoadBalancerSecurityGroup"]["Properties"]["SecurityGroupEgress"]
    assert egress["DestinationSecurityGroupId"] == exported["ServicesSecurityGroupId"]
    badge = resources["ServicesSecurityGroup"]["Properties"]
    assert "SecurityGroupIngress" not in badge
    assert [each["CidrIp"] for each in badge["SecurityGroupEgress"]] == ["127.0.0.1/32"]
    assert exported["PublicLoadBalancerSecurityGroupId"] == {
        "Fn::GetAtt": ["PublicLoadBalancerSecurityGroup", "GroupId"]
    }


def test_the_records_and_the_certificate_are_those_of_the_domain(compiled: Compile) -> None:
    resources = with_balancer(compiled, ZONE)["Resources"]
    certificate = resources["PublicCertificate"]["Properties"]
    names = {certificate["DomainName"], *certificate["SubjectAlternativeNames"]}
    records = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Route53::RecordSet"]
    assert {each["Name"] for each in records} == names == {"staging.example.com", "*.staging.example.com"}
    (validation,) = certificate["DomainValidationOptions"]
    assert {each["HostedZoneId"] for each in records} == {validation["HostedZoneId"]}
    assert all(each["AliasTarget"]["DNSName"]["Fn::GetAtt"][0] == "PublicLoadBalancer" for each in records)
    (listed,) = resources["PublicHttpsListener"]["Properties"]["Certificates"]
    assert listed["CertificateArn"] == {"Ref": "PublicCertificate"}


@pytest.mark.parametrize(
    ("keys", "record"),
    [
        ("", SharedLoadBalancer()),
        ("domain: example.com", SharedLoadBalancer(domain="example.com")),
        (ZONE, SharedLoadBalancer(domain="staging.example.com", hosted_zone_id="Z0123456789ABCDEFGHIJ")),
        (f"certificateArn: '{CERTIFICATE}'", SharedLoadBalancer(certificate_arn=CERTIFICATE)),
    ],
)
def test_the_listener_that_services_use(compiled: Compile, keys: str, record: SharedLoadBalancer) -> None:
    """It answers 404 where no service has a rule. With HTTPS, that of port 80 redirects, and is exported all the same:
    a service that uses it stays reachable until it moves."""
    template = with_balancer(compiled, keys)
    exported = exports(template)
    listener = template["Resources"][exported[f"Public{record.listener_output}"]["Ref"]]["Properties"]
    assert (listener["Protocol"], listener["Port"]) == (("HTTPS", 443) if record.https else ("HTTP", 80))
    assert listener["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"] == "404"
    plain = template["Resources"][exported["PublicHttpListenerArn"]["Ref"]]["Properties"]
    assert (plain["DefaultActions"][0]["Type"] == "redirect") == record.https
    assert ("PublicHttpsListenerArn" in exported) == record.https
    assert exported.get("PublicDomain") == record.domain


def test_only_a_protected_environment_protects_its_load_balancers(compiled: Compile) -> None:
    """A load balancer with deletion protection makes the rollback of a first deploy fail, and a deletion."""
    for protected in ("true", "false"):
        template = template_of(compiled, f"  protected: {protected}\n  loadBalancers: {{public: {{}}}}\n")
        listed = template["Resources"]["PublicLoadBalancer"]["Properties"]["LoadBalancerAttributes"]
        attributes = {each["Key"]: each["Value"] for each in listed}
        assert attributes["deletion_protection.enabled"] == protected
        assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"


def test_an_internal_load_balancer_is_in_the_private_subnets(compiled: Compile) -> None:
    template = template_of(compiled, "  loadBalancers: {inner: {internal: true}}\n")
    balancer = template["Resources"]["InnerLoadBalancer"]
    exported = exports(template)
    assert balancer["Properties"]["Subnets"] == [exported["PrivateSubnet1"], exported["PrivateSubnet2"]]
    assert balancer["Properties"]["Scheme"] == "internal" and "DependsOn" not in balancer
    sources = template["Resources"]["InnerLoadBalancerSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    assert {each["CidrIp"] for each in sources} == {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}


def test_the_exports_without_load_balancers(compiled: Compile) -> None:
    subnets = {f"{kind}Subnet{number}" for kind in ("Public", "Private") for number in (1, 2)}
    assert set(exports(template_of(compiled, "  namespace: x.local\n"))) == {
        *("VpcId", "ClusterName", "NamespaceArn", "NamespaceId", "ServicesSecurityGroupId"),
        *subnets,
    }
