"""Traffic at a load balancer of the service's own: every reference leads to what the spec means."""

from __future__ import annotations

import json
from typing import Any

import pytest
from troposphere import Ref

from fsdcf.cloudformation.difference import Side, difference
from fsdcf.compiler.parts.listener_rules import FIRST_FORWARD
from fsdcf.compiler.parts.load_balancer import (
    add_alias,
    add_certificate,
    add_listeners,
    add_load_balancer,
    not_found,
)
from fsdcf.compiler.stack import StackPart
from fsdcf.language.model.environment import SharedLoadBalancer
from tests.conftest import HELLO, Compile

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/6f3b4d2e"
ZONE = "Z0123456789ABCDEFGHIJ"
DOMAIN = f"domain: {{name: shop.example.com, hostedZoneId: {ZONE}}}"
OIDC = (
    "{issuer: 'https://a.example', authorizationEndpoint: 'https://a.example/a', tokenEndpoint: 'https://a.example/t', "
    "userInfoEndpoint: 'https://a.example/u', clientId: shop, clientSecret: '%s'}"
)


def balanced(compiled: Compile, keys: str, text: str = HELLO) -> dict[str, Any]:
    """The resources of a service whose load balancer has these keys."""
    result = compiled(text + f"  networking: {{loadBalancer: {{{keys}}}}}\n")
    assert result.template is not None, result.diagnostics
    return dict(result.template.data["Resources"])


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    """The properties of the resources of a type by logical ID."""
    return {name: one["Properties"] for name, one in resources.items() if one["Type"].endswith(f"::{kind}")}


def attributes(resources: dict[str, Any]) -> dict[str, Any]:
    return {one["Key"]: one["Value"] for one in resources["LoadBalancer"]["Properties"]["LoadBalancerAttributes"]}


def test_a_domain_has_its_certificate_and_its_record(compiled: Compile) -> None:
    resources = balanced(compiled, DOMAIN)
    (certificate,) = of_type(resources, "Certificate").values()
    assert certificate["DomainName"] == "shop.example.com" and certificate["ValidationMethod"] == "DNS"
    assert certificate["DomainValidationOptions"] == [{"DomainName": "shop.example.com", "HostedZoneId": ZONE}]
    (record,) = of_type(resources, "RecordSet").values()
    assert (record["Name"], record["Type"], record["HostedZoneId"]) == ("shop.example.com", "A", ZONE)
    target = record["AliasTarget"]
    assert target["DNSName"] == {"Fn::GetAtt": ["LoadBalancer", "DNSName"]}
    assert target["HostedZoneId"] == {"Fn::GetAtt": ["LoadBalancer", "CanonicalHostedZoneID"]}
    (listed,) = resources["HttpsListener"]["Properties"]["Certificates"]
    assert listed == {"CertificateArn": {"Ref": "Certificate"}}
    (redirect,) = resources["Listener"]["Properties"]["DefaultActions"]
    assert redirect["RedirectConfig"]["Protocol"] == "HTTPS"
    ports = {one["FromPort"] for one in resources["LoadBalancerSecurityGroup"]["Properties"]["SecurityGroupIngress"]}
    assert ports == {80, 443}


def test_a_protected_load_balancer_waits_for_its_certificate(compiled: Compile) -> None:
    waits = [
        "Certificate"
        in balanced(compiled, f"{DOMAIN}, deletionProtection: {wanted}{more}")["LoadBalancer"]["DependsOn"]
        for wanted, more in (("true", ""), ("false", ""), ("true", f", certificateArn: '{CERTIFICATE}'"))
    ]
    assert waits == [True, False, False]


def test_a_given_certificate_takes_the_place_of_that_of_the_domain(compiled: Compile) -> None:
    resources = balanced(compiled, f"certificateArn: '{CERTIFICATE}', {DOMAIN}")
    assert not of_type(resources, "Certificate") and of_type(resources, "RecordSet")
    without_zone = balanced(compiled, f"certificateArn: '{CERTIFICATE}', domain: {{name: shop.example.com}}")
    assert not of_type(without_zone, "Certificate") and not of_type(without_zone, "RecordSet")


@pytest.mark.parametrize(
    ("keys", "url"),
    [
        (DOMAIN, "https://shop.example.com"),
        (f"certificateArn: '{CERTIFICATE}', domain: {{name: shop.example.com}}", "https://shop.example.com"),
        (f"certificateArn: '{CERTIFICATE}', hosts: ['*.example.com', Shop.example.com]", "https://shop.example.com"),
        (f"certificateArn: '{CERTIFICATE}', hosts: ['*.example.com']", None),
        ("hosts: [shop.example.com]", "http://shop.example.com"),
        ("paths: [/api/*]", {"Fn::Sub": "http://${LoadBalancer.DNSName}"}),
    ],
)
def test_the_url_is_an_address_that_the_service_answers_to(compiled: Compile, keys: str, url: Any) -> None:
    result = compiled(HELLO + f"  networking: {{loadBalancer: {{{keys}}}}}\n")
    assert result.template is not None, result.diagnostics
    assert result.template.data["Outputs"].get("Url", {}).get("Value") == url


def test_a_wildcard_beside_its_base_is_validated_by_one_record(compiled: Compile) -> None:
    """CloudFormation would write the record of both twice, which Route 53 refuses."""
    names = (
        f"{{name: example.com, aliases: [www.example.com, '*.example.com', '*.a.example.com'], hostedZoneId: {ZONE}}}"
    )
    resources = balanced(compiled, f"domain: {names}")
    (certificate,) = of_type(resources, "Certificate").values()
    assert certificate["SubjectAlternativeNames"] == ["*.a.example.com", "*.example.com", "www.example.com"]
    validated = [one["DomainName"] for one in certificate["DomainValidationOptions"]]
    assert validated == ["example.com", "*.a.example.com", "www.example.com"]
    records = {one["Name"] for one in of_type(resources, "RecordSet").values()}
    assert records == {"example.com", "www.example.com", "*.example.com", "*.a.example.com"}


def test_an_alias_more_adds_a_record_and_changes_no_other(compiled: Compile) -> None:
    one, two = (
        balanced(compiled, f"domain: {{name: a.example.com, hostedZoneId: {ZONE}, aliases: [{aliases}]}}")
        for aliases in ("b.example.com, c.example.com", "x.example.com, c.example.com, b.example.com")
    )
    before, after = of_type(one, "RecordSet"), of_type(two, "RecordSet")
    assert before.items() <= after.items() and len(after) == len(before) + 1


def test_a_name_and_an_alias_change_places_without_a_second_record(compiled: Compile) -> None:
    one, two = (
        of_type(balanced(compiled, f"domain: {{name: {name}, hostedZoneId: {ZONE}, aliases: [{alias}]}}"), "RecordSet")
        for name, alias in (("a.example.com", "b.example.com"), ("b.example.com", "a.example.com"))
    )
    assert one == two


def test_conditions_forward_and_everything_else_gets_404(compiled: Compile) -> None:
    resources = balanced(compiled, "hosts: [shop.example.com], paths: [/api/*], query: [{values: ['1']}]")
    (default,) = resources["Listener"]["Properties"]["DefaultActions"]
    assert default["FixedResponseConfig"]["StatusCode"] == "404"
    (rule,) = of_type(resources, "ListenerRule").values()
    assert rule["ListenerArn"] == {"Ref": "Listener"} and rule["Priority"] == FIRST_FORWARD
    assert [one["Field"] for one in rule["Conditions"]] == ["host-header", "path-pattern", "query-string"]
    assert rule["Actions"] == [{"Type": "forward", "TargetGroupArn": {"Ref": "TargetGroup"}}]
    assert "ListenerRule" in resources["Service"]["DependsOn"], "ECS refuses a target group without a load balancer"


def test_more_values_than_a_rule_takes_make_several_rules(compiled: Compile) -> None:
    hosts = [f"{letter}.example.com" for letter in "abcd"]
    paths = [f"/{letter}/*" for letter in "uvw"]
    rules = of_type(balanced(compiled, f"hosts: {hosts}, paths: {paths}"), "ListenerRule")
    pairs = set()
    for rule in rules.values():
        host, path = rule["Conditions"]
        some, few = host["HostHeaderConfig"]["Values"], path["PathPatternConfig"]["Values"]
        assert len(some) <= 3 and len(few) <= 3 and len(some) + len(few) <= 5
        pairs |= {(one, other) for one in some for other in few}
    assert pairs == {(one, other) for one in hosts for other in paths} and len(rules) == 2
    assert [rule["Priority"] for rule in rules.values()] == list(range(FIRST_FORWARD, FIRST_FORWARD + 2))


def test_redirects_come_before_and_keep_their_numbers(compiled: Compile) -> None:
    """Two rules cannot swap their numbers in an update, so a redirect more gets a new number at the end."""
    old = balanced(compiled, "redirects: [{hosts: [www.a.example], toHost: a.example}], hosts: [a.example]")
    more = "{paths: [/x], toPath: '/y/#{path}', status: 302}, {hosts: [www.a.example], toHost: a.example}"
    new = balanced(compiled, f"redirects: [{more}], hosts: [a.example]")
    priorities = [{name: one["Priority"] for name, one in of_type(each, "ListenerRule").items()} for each in (old, new)]
    assert priorities[0].items() <= priorities[1].items()
    assert priorities[1] == {"RedirectRule": 1, "RedirectRule2": 2, "ListenerRule": FIRST_FORWARD}
    (action,) = new["RedirectRule"]["Properties"]["Actions"]
    assert action["RedirectConfig"] == {"StatusCode": "HTTP_302", "Path": "/y/#{path}"}
    assert "RedirectRule" not in new["Service"]["DependsOn"]


def test_redirects_alone_leave_the_service_to_the_default_action(compiled: Compile) -> None:
    resources = balanced(
        compiled,
        f"{DOMAIN[:-1]}, aliases: [www.example.com]}}, redirects: [{{hosts: "
        "[www.example.com], toHost: shop.example.com}]",
    )
    (default,) = resources["HttpsListener"]["Properties"]["DefaultActions"]
    assert default == {"Type": "forward", "TargetGroupArn": {"Ref": "TargetGroup"}}
    assert list(of_type(resources, "ListenerRule")) == ["RedirectRule"]
    assert resources["RedirectRule"]["Properties"]["ListenerArn"] == {"Ref": "HttpsListener"}


@pytest.mark.parametrize(
    ("secret", "reference"),
    [
        ("secretsmanager:shop/oidc", "{{resolve:secretsmanager:shop/oidc:SecretString}}"),
        ("secretsmanager:shop/oidc:key", "{{resolve:secretsmanager:shop/oidc:SecretString:key}}"),
        ("secretsmanager:shop:key:AWSPREVIOUS", "{{resolve:secretsmanager:shop:SecretString:key:AWSPREVIOUS}}"),
        ("secretsmanager:shop:::v1", "{{resolve:secretsmanager:shop:SecretString:::v1}}"),
        (
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-a1b2c3:key",
            "{{resolve:secretsmanager:arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-a1b2c3:SecretString:key}}",
        ),
        (
            "arn:aws:secretsmanager:${AWS::Region}:123456789012:secret:shop-a1b2c3",
            {
                "Fn::Sub": "{{resolve:secretsmanager:arn:aws:secretsmanager:${AWS::Region}:123456789012:secret:"
                "shop-a1b2c3:SecretString}}"
            },
        ),
    ],
)
def test_cloudformation_reads_the_client_secret(compiled: Compile, secret: str, reference: Any) -> None:
    resources = balanced(compiled, f"{DOMAIN}, auth: {{oidc: {OIDC % secret}}}")
    first, second = resources["ListenerRule"]["Properties"]["Actions"]
    assert first["AuthenticateOidcConfig"]["ClientSecret"] == reference
    assert (first["Order"], second["Order"], second["Type"]) == (1, 2, "forward")
    assert json.dumps(resources).count("ClientSecret") == 1


def test_nothing_is_forwarded_without_sign_in(compiled: Compile) -> None:
    """Every rule that forwards signs in first, the default action does not forward, and the load balancer may call the
    identity provider."""
    pool = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a"
    resources = balanced(compiled, f"{DOMAIN}, auth: {{cognito: {{userPoolArn: '{pool}', clientId: a, domain: b}}}}")
    (rule,) = of_type(resources, "ListenerRule").values()
    assert [one["Type"] for one in rule["Actions"]] == ["authenticate-cognito", "forward"]
    assert rule["Conditions"] == [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}]
    (default,) = resources["HttpsListener"]["Properties"]["DefaultActions"]
    assert default["Type"] == "fixed-response"
    egress = resources["LoadBalancerEgressToIdentityProvider"]["Properties"]
    assert (egress["FromPort"], egress["ToPort"], egress["CidrIp"]) == (443, 443, "0.0.0.0/0")
    assert egress["GroupId"] == {"Fn::GetAtt": ["LoadBalancerSecurityGroup", "GroupId"]}


def test_the_load_balancer_reaches_the_port_of_its_check(compiled: Compile) -> None:
    text = HELLO.replace("  healthCheck:\n", "  healthCheck:\n    port: 9000\n    protocol: https\n")
    resources = balanced(compiled, "idleTimeout: 60", text)
    group = resources["TargetGroup"]["Properties"]
    assert (group["HealthCheckPort"], group["HealthCheckProtocol"], group["Protocol"]) == ("9000", "HTTPS", "HTTP")
    for kind, own in (
        ("SecurityGroupIngress", "TaskSecurityGroup"),
        ("SecurityGroupEgress", "LoadBalancerSecurityGroup"),
    ):
        rules = of_type(resources, kind)
        assert {rule["FromPort"] for rule in rules.values()} == {8000, 9000}
        assert {rule["GroupId"]["Fn::GetAtt"][0] for rule in rules.values()} == {own}
        assert set(rules) <= set(resources["Service"]["DependsOn"])


def test_a_check_of_the_port_of_the_service_needs_nothing_more(compiled: Compile) -> None:
    text = HELLO.replace("  healthCheck:\n", "  healthCheck:\n    port: 8000\n    protocol: http\n")
    assert balanced(compiled, "idleTimeout: 60", text) == balanced(compiled, "idleTimeout: 60")


def test_grpc_is_checked_by_a_method_and_its_codes(compiled: Compile) -> None:
    text = HELLO.replace("    path: /health\n", "    interval: 10\n")
    group = balanced(compiled, f"{DOMAIN}, protocolVersion: grpc", text)["TargetGroup"]["Properties"]
    assert (group["Protocol"], group["ProtocolVersion"]) == ("HTTP", "GRPC")
    assert (group["HealthCheckPath"], group["Matcher"]) == ("/AWS.ALB/healthcheck", {"GrpcCode": "12"})


@pytest.mark.parametrize("keys", ["protocol: https", "protocolVersion: http2", "protocolVersion: grpc"])
def test_another_protocol_replaces_the_target_group_and_nothing_else(compiled: Compile, keys: str) -> None:
    """The listener and the service move to the new group while the old one exists, which then goes."""
    text = HELLO.replace("    path: /health\n", "    path: /a.B/c\n")
    before, after = (
        compiled(text + f"  networking: {{loadBalancer: {{{one}}}}}\n").template
        for one in (DOMAIN, f"{DOMAIN}, {keys}")
    )
    assert before is not None and after is not None
    values = {"ImageSha": "0" * 40}
    changes = {one.logical_id: one for one in difference(Side(before.data, values), Side(after.data, values))}
    assert {name for name, one in changes.items() if one.replacement == "True"} == {"TargetGroup"}
    assert {name for name, one in changes.items() if one.action == "Modify"} == {
        "TargetGroup",
        "HttpsListener",
        "Service",
        *("ErrorRateAlarm", "ResponseTimeAlarm", "UnhealthyTargetsAlarm"),
    }


def test_access_logs_in_a_bucket_of_the_stack(compiled: Compile) -> None:
    """Only Elastic Load Balancing writes, below this account, and the load balancer waits for its permission."""
    resources = balanced(compiled, "accessLogs: {prefix: web}")
    assert attributes(resources)["access_logs.s3.bucket"] == {"Ref": "AccessLogsBucket"}
    assert resources["LoadBalancer"]["DependsOn"][-1] == "AccessLogsBucketPolicy"
    statements = resources["AccessLogsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = [one for one in statements if one["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert allowed["Action"] == ["s3:PutObject"]
    assert allowed["Resource"] == [{"Fn::Sub": "${AccessLogsBucket.Arn}/web/AWSLogs/${AWS::AccountId}/*"}]
    encryption = resources["AccessLogsBucket"]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption[0]["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert resources["AccessLogsBucket"]["DeletionPolicy"] == "RetainExceptOnCreate"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("idleTimeout: 60", {}),
        ("accessLogs: false", {"access_logs.s3.enabled": "false"}),
        ("accessLogs: {bucket: logs}", {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "logs"}),
    ],
)
def test_access_logs_off_and_in_a_given_bucket(compiled: Compile, written: str, expected: dict[str, str]) -> None:
    """AWS keeps an attribute that the template no longer has: false is written to turn the logs off."""
    resources = balanced(compiled, written)
    assert {key: text for key, text in attributes(resources).items() if key.startswith("access_logs")} == expected
    assert not of_type(resources, "Bucket")


def test_a_web_acl_is_in_front_of_the_load_balancer(compiled: Compile) -> None:
    arn = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/shop/0f1e2d3c-4b5a"
    (association,) = of_type(balanced(compiled, f"waf: '{arn}'"), "WebACLAssociation").values()
    assert association == {"ResourceArn": {"Ref": "LoadBalancer"}, "WebACLArn": arn}


def test_tasks_have_the_further_groups(compiled: Compile) -> None:
    network = "{id: vpc-01234567, privateSubnets: [subnet-01234567, subnet-01234568], publicSubnets: "
    network += "[subnet-01234569, subnet-0123456a]}"
    result = compiled(HELLO + f"  networking: {{vpc: {network}, securityGroups: [sg-01234567, sg-01234568]}}\n")
    assert result.template is not None, result.diagnostics
    configuration = result.template.data["Resources"]["Service"]["Properties"]["NetworkConfiguration"]
    groups = configuration["AwsvpcConfiguration"]["SecurityGroups"]
    assert groups == [{"Ref": "TaskSecurityGroup"}, "sg-01234567", "sg-01234568"]


def test_scaling_by_requests_and_by_response_time(compiled: Compile) -> None:
    """Both name the load balancer and the target group by their full names, and no CPU target is added."""
    text = HELLO + "  autoScaling: {maxCount: 4, targetRequestsPerTask: 600, targetResponseTime: 0.25}\n"
    resources = compiled(text).template.data["Resources"]  # type: ignore[union-attr]
    policies = {
        name: one["TargetTrackingScalingPolicyConfiguration"]
        for name, one in of_type(resources, "ScalingPolicy").items()
    }
    assert set(policies) == {"RequestsScalingPolicy", "ResponseTimeScalingPolicy"}
    names = [
        {"Fn::GetAtt": ["LoadBalancer", "LoadBalancerFullName"]},
        {"Fn::GetAtt": ["TargetGroup", "TargetGroupFullName"]},
    ]
    requests = policies["RequestsScalingPolicy"]
    assert requests["PredefinedMetricSpecification"]["ResourceLabel"] == {"Fn::Join": ["/", names]}
    assert requests["TargetValue"] == 600
    custom = policies["ResponseTimeScalingPolicy"]["CustomizedMetricSpecification"]
    assert [one["Value"] for one in custom["Dimensions"]] == names
    assert (custom["Namespace"], custom["MetricName"]) == ("AWS/ApplicationELB", "TargetResponseTime")


def test_what_a_load_balancer_has_is_made_for_any_prefix() -> None:
    """The functions for a load balancer of an environment are those of a service's own."""
    shared = SharedLoadBalancer(domain="example.com", hosted_zone_id=ZONE, access_logs=True)
    part, origin = StackPart(), "environment.loadBalancers.public"
    on = (True, f"{origin}.deletionProtection")
    add_load_balancer(part, "Public", shared, origin, ["subnet-1", "subnet-2"], ["sg-1"], ["Attachment"], on)
    add_certificate(part, "PublicCertificate", ["example.com", "*.example.com"], ZONE, origin)
    ids = add_listeners(part, "Public", shared, origin, not_found(), Ref("PublicCertificate"))
    add_alias(part, "PublicDomainRecord", "*.example.com", ZONE, "Public", origin)
    assert ids == ["PublicHttpsListener", "PublicHttpListener"]
    resources = {name: one.to_dict() for name, one in part.resources.items()}
    assert all(name.startswith("Public") for name in resources)
    waits = ["Attachment", "PublicCertificate", "PublicAccessLogsBucketPolicy"]
    assert resources["PublicLoadBalancer"]["DependsOn"] == waits
    listed = {
        one["Key"]: one["Value"] for one in resources["PublicLoadBalancer"]["Properties"]["LoadBalancerAttributes"]
    }
    assert listed["deletion_protection.enabled"] == "true"
    assert resources["PublicHttpsListener"]["Properties"]["LoadBalancerArn"] == {"Ref": "PublicLoadBalancer"}
    (validated,) = resources["PublicCertificate"]["Properties"]["DomainValidationOptions"]
    assert validated["DomainName"] == "example.com"


ENVIRONMENT = """\
apiVersion: fsd/v1
kind: Environment
metadata: {name: staging}
environment:
  loadBalancers:
    public: {domain: staging.example.com, hostedZoneId: Z0123456789ABCDEFGHIJ, auth: true}
"""


def joined(compiled: Compile, keys: str, text: str = HELLO) -> tuple[dict[str, Any], dict[str, Any]]:
    """The resources and the parameters of a service that joins an environment."""
    result = compiled(text + f"  networking: {{shared: true, loadBalancer: {{{keys}}}}}\n", file=ENVIRONMENT)
    assert result.template is not None, result.diagnostics
    return dict(result.template.data["Resources"]), dict(result.template.data["Parameters"])


def test_a_rule_at_a_shared_listener_has_every_condition_and_the_sign_in(compiled: Compile) -> None:
    keys = "paths: [/a/*, /b/*, /c/*], headers: [{name: X-A, values: [a, b]}], query: [{name: v, values: ['2']}], "
    resources, _ = joined(compiled, keys + f"auth: {{oidc: {OIDC % 'secretsmanager:shop/oidc:key'}}}")
    rules = of_type(resources, "ListenerRule")
    assert len(rules) == 3, "three values of headers and query leave room for a host and a path"
    for rule in rules.values():
        fields = [one["Field"] for one in rule["Conditions"]]
        assert fields == ["host-header", "path-pattern", "http-header", "query-string"]
        assert [one["Type"] for one in rule["Actions"]] == ["authenticate-oidc", "forward"]
        assert rule["ListenerArn"] == {"Fn::ImportValue": "fsdcf-staging-PublicHttpsListenerArn"}


def test_redirects_at_a_shared_listener_come_before_what_they_are_part_of(compiled: Compile) -> None:
    keys = "redirects: [{paths: [/old/*], toPath: /new}, {hosts: [www.staging.example.com], toHost: a.example.com}]"
    resources, parameters = joined(compiled, keys)
    rules = of_type(resources, "ListenerRule")
    assert set(rules) == {"RedirectRule", "RedirectRule2", "ListenerRule"}
    own = rules["RedirectRule"]["Conditions"][0]["HostHeaderConfig"]["Values"]
    assert own == ["hello.staging.example.com"], "without hosts it is for those of the service"
    numbers = {name: parameters[rule["Priority"]["Ref"]]["Default"] for name, rule in rules.items()}
    assert numbers["RedirectRule"] < numbers["ListenerRule"]
    assert "RedirectRule" not in resources["Service"]["DependsOn"]


def test_redirects_come_first_where_the_priority_is_written(compiled: Compile) -> None:
    resources, parameters = joined(compiled, "priority: 7, redirects: [{paths: [/old/*], toPath: /new}]")
    priorities = {name: rule["Priority"] for name, rule in of_type(resources, "ListenerRule").items()}
    assert priorities == {"RedirectRule": 7, "ListenerRule": 8}
    assert not [name for name in parameters if "Priority" in name]


def test_the_load_balancer_of_the_environment_reaches_the_port_of_the_check(compiled: Compile) -> None:
    text = HELLO.replace("  healthCheck:\n", "  healthCheck:\n    port: 9000\n")
    resources, _ = joined(compiled, "paths: [/*]", text)
    rule = resources["TaskIngressFromLoadBalancerForHealthCheck"]["Properties"]
    assert (rule["FromPort"], rule["ToPort"]) == (9000, 9000)
    group = {"Fn::ImportValue": "fsdcf-staging-PublicLoadBalancerSecurityGroupId"}
    assert rule["SourceSecurityGroupId"] == group
    assert "TaskIngressFromLoadBalancerForHealthCheck" in resources["Service"]["DependsOn"]
    assert resources["TargetGroup"]["Properties"]["HealthCheckPort"] == "9000"


def test_scaling_at_a_shared_load_balancer_names_its_exported_full_name(compiled: Compile) -> None:
    text = HELLO + "  autoScaling: {maxCount: 4, targetRequestsPerTask: 600}\n"
    resources, _ = joined(compiled, "paths: [/*]", text)
    policy = resources["RequestsScalingPolicy"]["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    exported = {"Fn::ImportValue": "fsdcf-staging-PublicLoadBalancerFullName"}
    label = {"Fn::Join": ["/", [exported, {"Fn::GetAtt": ["TargetGroup", "TargetGroupFullName"]}]]}
    assert policy["PredefinedMetricSpecification"]["ResourceLabel"] == label


def test_the_default_host_counts_among_the_values_of_a_rule(compiled: Compile) -> None:
    """A service that would have no rule at all has a finding."""
    keys = "headers: [{name: X-A, values: [a, b]}, {name: X-B, values: [a, b]}]"
    assert len(of_type(joined(compiled, keys)[0], "ListenerRule")) == 1
    text = HELLO + f"  networking: {{shared: true, loadBalancer: {{paths: [/a], {keys}}}}}\n"
    refused = compiled(text, file=ENVIRONMENT)
    assert refused.template is None and {one.code for one in refused.diagnostics} >= {"S281"}
    assert compiled(text.replace("shared: true, ", "")).template is not None


def test_a_host_to_redirect_needs_a_certificate_of_the_environment_too(compiled: Compile) -> None:
    for keys in ("hosts: [shop.example.org]", "redirects: [{hosts: [shop.example.org], toHost: a.example.com}]"):
        refused = compiled(HELLO + f"  networking: {{shared: true, loadBalancer: {{{keys}}}}}\n", file=ENVIRONMENT)
        (one,) = [each for each in refused.diagnostics if each.code == "S445"]
        assert one.path[-2:] == ("hosts", 0)
