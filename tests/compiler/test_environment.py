"""The template of an environment: the tests follow references from end to end and compare no text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fsdcf.cloudformation.evaluation import PSEUDO, evaluate, scope_of
from fsdcf.cloudformation.exports import imports_of
from fsdcf.language.model.environment import EnvironmentSpec, SharedLoadBalancer
from fsdcf.language.shape import Field, walk
from fsdcf.pipeline import Request, SourceFile, run
from tests.conftest import ROOT, Compile

KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
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
    assert "AWS::EC2::SecurityGroupEgress" not in {each["Type"] for each in resources.values()}
    badge = resources["ServicesSecurityGroup"]["Properties"]
    assert "SecurityGroupIngress" not in badge
    assert [each["CidrIp"] for each in badge["SecurityGroupEgress"]] == ["127.0.0.1/32"]
    assert exported["PublicLoadBalancerSecurityGroupId"] == {
        "Fn::GetAtt": ["PublicLoadBalancerSecurityGroup", "GroupId"]
    }


def test_the_records_and_the_certificate_are_those_of_the_domain(compiled: Compile) -> None:
    resources = with_balancer(compiled, f"{ZONE}, rootRecord: true")["Resources"]
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


def test_https_comes_without_a_change_of_what_is_exported(compiled: Compile) -> None:
    """CloudFormation refuses to change an export that a service imports: services move to HTTPS one after another."""
    before, after = with_balancer(compiled, ""), with_balancer(compiled, ZONE)
    assert exports(before).items() <= exports(after).items()
    for name, resource in before["Resources"].items():
        other = after["Resources"][name]
        changed = {key for key in resource["Properties"] if resource["Properties"][key] != other["Properties"][key]}
        assert changed <= {"DefaultActions", "SecurityGroupIngress"}, name


def test_only_a_protected_environment_protects_its_load_balancers(compiled: Compile) -> None:
    """A load balancer with deletion protection needs two steps to delete it."""
    for protected in ("true", "false"):
        template = template_of(compiled, f"  protected: {protected}\n  loadBalancers: {{public: {{{ZONE}}}}}\n")
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


EXISTING = """\
  network: {id: vpc-0a1b2c3d, publicSubnets: [subnet-0a1b2c3d, subnet-0a1b2c3e], privateSubnets: [subnet-0a1b2c3f]}
  cluster: {name: existing}
  loadBalancers:
    public:
      listenerArn: arn:aws:elasticloadbalancing:us-east-1:ACCOUNT:listener/app/front/50dc6c495c0c9188/f2f7dc8efc522ab2
      securityGroupId: sg-0123456789abcdef0
      dnsName: front-1.us-east-1.elb.amazonaws.com
"""


@pytest.mark.parametrize("account", ["123456789012", "${AWS::AccountId}"])
def test_what_exists_is_exported_and_not_made(compiled: Compile, account: str) -> None:
    """A service does not know whether its network and load balancer were made or adopted."""
    adopted = template_of(compiled, EXISTING.replace("ACCOUNT", account))
    new = with_balancer(compiled, f"certificateArn: '{CERTIFICATE}'")
    assert set(exports(new)) - set(exports(adopted)) == {"PrivateSubnet2", "PublicHttpListenerArn"}
    assert set(adopted["Resources"]) == {"ServicesSecurityGroup", "Namespace"}
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/front/50dc6c495c0c9188/f2f7dc8efc522ab2"
    scope = scope_of(adopted, {}, {**PSEUDO, "AWS::AccountId": "123456789012"})
    exported = {name: evaluate(content, scope) for name, content in exports(adopted).items()}
    assert exported["PublicLoadBalancerFullName"] == "app/front/50dc6c495c0c9188"
    assert exported["PublicHttpsListenerArn"] == arn
    assert exported["PublicLoadBalancerSecurityGroupId"] == "sg-0123456789abcdef0"
    assert exported["PublicLoadBalancerDnsName"] == "front-1.us-east-1.elb.amazonaws.com"
    assert [exported[name] for name in ("VpcId", "PublicSubnet2", "PrivateSubnet1", "ClusterName")] == [
        *("vpc-0a1b2c3d", "subnet-0a1b2c3e", "subnet-0a1b2c3f", "existing")
    ]


def test_the_listener_of_an_existing_load_balancer_has_its_protocol(compiled: Compile) -> None:
    exported = exports(template_of(compiled, EXISTING.replace("ACCOUNT", "1" * 12) + "      listenerProtocol: http\n"))
    assert "PublicHttpListenerArn" in exported and "PublicHttpsListenerArn" not in exported


def test_the_records_of_an_existing_load_balancer(compiled: Compile) -> None:
    block = EXISTING.replace("ACCOUNT", "1" * 12) + f"      {ZONE.replace(', ', chr(10) + 6 * ' ')}\n"
    records = [
        each["Properties"]
        for each in template_of(compiled, block)["Resources"].values()
        if each["Type"] == "AWS::Route53::RecordSet"
    ]
    assert {each["Name"] for each in records} == {"*.staging.example.com"}
    assert all(each["Type"] == "CNAME" for each in records)
    assert all(each["ResourceRecords"] == ["front-1.us-east-1.elb.amazonaws.com"] for each in records)


@pytest.mark.parametrize("internal", ["", ", internal: true"])
def test_a_protected_load_balancer_waits_for_its_certificate(compiled: Compile, internal: str) -> None:
    """The rollback of a creation cannot delete a protected one, and a certificate may wait in vain."""
    waits = {}
    for protected in ("true", "false"):
        plain = f"certificateArn: '{CERTIFICATE}', accessLogs: false"
        block = f"  protected: {protected}\n  loadBalancers:\n    public: {{{ZONE}{internal}, accessLogs: false}}\n"
        block += f"    plain: {{{plain}}}\n"
        resources = template_of(compiled, block)["Resources"]
        waits[protected] = [resources[f"{one}LoadBalancer"].get("DependsOn", []) for one in ("Public", "Plain")]
    edge = [] if internal else ["InternetGatewayAttachment"]
    assert waits["false"][0] == edge and waits["true"][0] == [*edge, "PublicCertificate"]
    assert waits["true"][1] == waits["false"][1] == ["InternetGatewayAttachment"]


def test_the_domain_itself_has_a_record_only_if_the_file_says_so(compiled: Compile) -> None:
    by_default = with_balancer(compiled, ZONE)["Resources"]
    assert "PublicDomainRecord" not in by_default and "PublicWildcardRecord" in by_default
    wanted = with_balancer(compiled, ZONE + ", rootRecord: true")["Resources"]
    assert set(wanted) - set(by_default) == {"PublicDomainRecord"}
    assert wanted["PublicDomainRecord"]["Properties"]["Name"] == "staging.example.com"


@pytest.mark.parametrize("before", ["single", "perZone"])
def test_a_change_to_a_regional_nat_gateway_touches_routes_only(compiled: Compile, before: str) -> None:
    old, new = (template_of(compiled, f"  network: {{nat: {nat}}}\n")["Resources"] for nat in (before, "regional"))
    routes = {name for name in old if name.startswith("PrivateDefaultRoute")}
    assert {name for name in old if name in new and old[name] != new[name]} == routes
    assert {new[name]["Properties"]["NatGatewayId"]["Ref"] for name in routes} == set(new) - set(old)
    (gateway,) = (new[name]["Properties"] for name in set(new) - set(old))
    assert gateway["AvailabilityMode"] == "regional" and "SubnetId" not in gateway
    assert all(name.startswith(("NatGateway", "NatAddress")) for name in set(old) - set(new))


def test_services_reach_the_endpoints(compiled: Compile) -> None:
    template = template_of(compiled, "  network: {nat: none, endpoints: [ecr.api, logs]}\n")
    resources, exported = template["Resources"], exports(template)
    (rule,) = resources["EndpointSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    assert (rule["FromPort"], rule["SourceSecurityGroupId"]) == (443, exported["ServicesSecurityGroupId"])
    for name in ("EcrApiInterfaceEndpoint", "LogsInterfaceEndpoint"):
        endpoint = resources[name]["Properties"]
        assert endpoint["SubnetIds"] == [exported["PrivateSubnet1"], exported["PrivateSubnet2"]]
        assert endpoint["SecurityGroupIds"] == [{"Fn::GetAtt": ["EndpointSecurityGroup", "GroupId"]}]


IMPORTED_BY = {
    "AWS::EC2::VPC": {"VpcId"},
    "AWS::EC2::Subnet": {"Subnets", "SubnetId", "SubnetIds", "DefinitionSubstitutions"},
    "AWS::EC2::SecurityGroup": {"SecurityGroups", "SourceSecurityGroupId", "DefinitionSubstitutions"},
    "AWS::ECS::Cluster": {
        "Cluster",
        "ResourceId",
        "ClusterName",
        "ecs:cluster",
        "Resource",
        "Dimensions",
        "Arn",
        "DefinitionSubstitutions",
    },
    "AWS::ElasticLoadBalancingV2::Listener": {"ListenerArn"},
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {"ResourceLabel", "Dimensions", "Value"},
    "AWS::ServiceDiscovery::PrivateDnsNamespace": {"Namespace", "NamespaceId", "DnsConfig"},
}
"""The properties that take each type of resource."""


@pytest.mark.parametrize("spec", sorted((ROOT / "tests/cases/joined").glob("*.spec.yml")), ids=lambda path: path.stem)
def test_what_a_service_imports_is_exported(spec: Path) -> None:
    """By its environment, and each property gets a resource of the type that it needs."""
    file = SourceFile("environments/staging.yml", spec.with_name("shared.environment.yml").read_bytes())
    shared = run(Request(file.name, file.raw, "staging")).template
    service = run(Request(spec.name, spec.read_bytes(), "staging", environment_file=file)).template
    assert shared is not None and service is not None
    exported = {each["Export"]["Name"]: each["Value"] for each in shared.data["Outputs"].values()}
    imports = [
        each
        for each in imports_of(service.data, scope_of(service.data, {"ImageSha": "1"}, PSEUDO))
        if each.section == "Resources"
    ]
    assert imports
    for each in imports:
        content = exported[each.name]
        target = content["Ref"] if "Ref" in content else content["Fn::GetAtt"][0]
        kind = shared.data["Resources"][target]["Type"]
        assert {step for step in each.path if isinstance(step, str)} & IMPORTED_BY[kind], (each, kind)


def test_the_load_balancer_reaches_identity_providers_if_its_file_says_so(compiled: Compile) -> None:
    resources = with_balancer(compiled, ZONE + ", auth: true")["Resources"]
    rule = resources["PublicLoadBalancerEgressToIdentityProvider"]["Properties"]
    assert (rule["FromPort"], rule["CidrIp"]) == (443, "0.0.0.0/0")
    assert rule["GroupId"] == {"Fn::GetAtt": ["PublicLoadBalancerSecurityGroup", "GroupId"]}


ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/front/50dc6c495c0c9188/f2f7dc8efc522ab"
NEW = f"""\
  network: {{cidr: 10.1.0.0/16, flowLogs: {{traffic: accept}}}}
  loadBalancers: {{public: {{certificateArn: '{CERTIFICATE}', {ZONE}, accessLogs: {{prefix: a}}}}}}
"""
FOUND = f"""\
  network: {{id: vpc-0a1b2c3d, publicSubnets: [subnet-0a1b2c3d, subnet-0a1b2c3e], privateSubnets: [subnet-0a1b2c3f]}}
  loadBalancers:
    public: {{listenerArn: '{ARN}1', securityGroupId: sg-0a1b2c3d, dnsName: a.example.com, listenerProtocol: https}}
"""
VALUES = {
    "metadata.owners": "others",
    "metadata.description": "words",
    "environment.network.cidr": "10.2.0.0/16",
    "environment.network.availabilityZones": "3",
    "environment.network.nat": "regional",
    "environment.network.flowLogs.bucket": "flow-logs",
    "environment.network.flowLogs.traffic": "reject",
    "environment.network.flowLogs.retention": "365",
    "environment.network.flowLogs.encryption": (
        "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    ),
    "environment.loadBalancers.public.domain": "other.example.com",
    "environment.loadBalancers.public.hostedZoneId": "Z1",
    "environment.loadBalancers.public.certificateArn": CERTIFICATE + "f",
    "environment.loadBalancers.public.sslPolicy": "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "environment.loadBalancers.public.accessLogs.bucket": "logs",
    "environment.loadBalancers.public.accessLogs.prefix": "b",
    "environment.loadBalancers.public.waf": "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/rules/6f3b4d2e-0a51",
    "environment.loadBalancers.public.listenerProtocol": "http",
    "environment.cluster.name": "existing",
    "environment.cluster.containerInsights": "enhanced",
    "environment.cluster.executeCommandLogs.logGroup": "sessions",
    "environment.cluster.executeCommandLogs.retention": "30",
    "environment.cluster.executeCommandLogs.encryption": KMS_KEY,
    "environment.namespace": "other.internal",
}
OF_FOUND = {
    "environment.network.id": "vpc-0a1b2c3e",
    "environment.loadBalancers.public.listenerArn": ARN + "2",
    "environment.loadBalancers.public.securityGroupId": "sg-0a1b2c3e",
    "environment.loadBalancers.public.dnsName": "b.example.com",
    "environment.loadBalancers.public.listenerProtocol": "http",
}
ELSEWHERE = {
    "apiVersion": "has one value",
    "kind": "has one value",
    "metadata.name": "is that of the file; the exports begin with it",
    "environment.account": "commands enforce it",
    "environment.region": "commands enforce it",
    "environment.overlay": "for the services",
    "environment.permissionsBoundary": "for the services, whose roles it bounds",
    "environment.artifactsBucket": "for commands that upload templates",
    "environment.terminationProtection": "of the stack, not of its template",
}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        pytest.param(path.replace("[]", ".public"), field, id=path)
        for path, field in walk(EnvironmentSpec)
        if path not in ELSEWHERE and field.accepts("string", "integer", "boolean")
    ],
)
def test_every_key_changes_the_template(compiled: Compile, path: str, field: Field) -> None:
    text = HEAD + (FOUND if path in OF_FOUND else NEW)
    other = OF_FOUND.get(path) or VALUES.get(path)
    if other is None:
        other = "123" if field.key.minimum else str(not field.default).lower()
    before, after = (
        compiled(text, overrides=each, name="environments/staging.yml") for each in ((), (f"{path}={other}",))
    )
    assert before.template is not None, before.diagnostics
    assert after.template is not None, after.diagnostics
    assert before.template.data != after.template.data
