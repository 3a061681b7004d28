"""Services that join an environment: the tests follow references over the templates of both stacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from fsdcf.cloudformation.evaluation import PSEUDO, scope_of
from fsdcf.cloudformation.exports import exports_of, imports_of
from fsdcf.cloudformation.priorities import band_around
from fsdcf.compiler.emit import to_json
from fsdcf.pipeline import Request, SourceFile, run
from tests.compiler.test_environment import CERTIFICATE, HEAD, ZONE
from tests.compiler.test_environment import template_of as environment_of
from tests.conftest import HELLO, ROOT, Compile

LISTENER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/old/0123456789abcdef/0123456789abcdef"
ADOPTED = f"listenerArn: '{LISTENER}', securityGroupId: sg-0123456789abcdef0, dnsName: old.elb.amazonaws.com"
SUBNETS = "[subnet-0123456789abcdef{0}, subnet-0123456789abcdef{1}]"
EXISTING = (
    "{id: vpc-0123456789abcdef0, publicSubnets: [subnet-0123456789abcdef0, subnet-0123456789abcdef1], "
    "privateSubnets: [subnet-0123456789abcdef2, subnet-0123456789abcdef3]}"
)
TWO = f"  loadBalancers:\n    public: {{{ZONE}}}\n    internal: {{internal: true}}\n"


def joined(keys: str = "", more: str = "") -> str:
    return HELLO + f"  networking: {{shared: true{keys}}}\n{more}"


def template_of(compiled: Compile, text: str, block: str = TWO, **options: Any) -> Mapping[str, Any]:
    result = compiled(text, file=HEAD + block, **options)
    assert result.template is not None, result.diagnostics
    return result.template.data


def exported(template: Mapping[str, Any]) -> dict[str, Any]:
    return {one.name: one.value for one in exports_of(template, scope_of(template, {}, PSEUDO))}


def meant(value: Any, exports: Mapping[str, Any]) -> Any:
    """What a value of a service means in the stack of the environment."""
    return exports[value["Fn::ImportValue"]]


ENVIRONMENTS = {
    "two balancers": TWO,
    "zones": f"  network: {{availabilityZones: 3, nat: perZone}}\n  loadBalancers: {{public: {{{ZONE}}}}}\n",
    "certificate": f"  loadBalancers: {{web: {{domain: example.com, certificateArn: '{CERTIFICATE}'}}}}\n",
    "plain": "  loadBalancers: {public: {domain: staging.example.com}}\n",
    "existing network": f"  network: {EXISTING}\n  loadBalancers: {{public: {{{ZONE}}}}}\n",
    "existing parts": f"  network: {EXISTING}\n  cluster: {{name: old}}\n"
    f"  loadBalancers: {{public: {{domain: staging.example.com, {ADOPTED}}}}}\n",
    "no balancer": "  network: {nat: none, endpoints: [ecr.api, ecr.dkr, logs]}\n",
}


@pytest.mark.parametrize("block", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
@pytest.mark.parametrize("keys", ["", ", assignPublicIp: true", ", loadBalancer: false"])
def test_every_import_is_an_export_of_the_environment(compiled: Compile, block: str, keys: str) -> None:
    if "loadBalancers" not in block:
        keys = ", loadBalancer: false"
    scaled = "targetRequestsPerTask: 100, targetResponseTime: 1" if "false" not in keys else "targetCPU: 50"
    more = f"  autoScaling: {{{scaled}}}\ndependencies:\n  - {{type: aws_efs_file_system, name: files}}\n"
    template = template_of(compiled, joined(keys, more), block)
    named = {one.name for one in imports_of(template, scope_of(template, {"ImageSha": "1"}, PSEUDO))}
    assert named <= set(exported(environment_of(compiled, block)))
    assert {"fsdcf-staging-VpcId", "fsdcf-staging-ClusterName", "fsdcf-staging-ServicesSecurityGroupId"} <= named


def test_the_load_balancer_reaches_the_tasks(compiled: Compile) -> None:
    environment, resources = environment_of(compiled, TWO), template_of(compiled, joined())["Resources"]
    exports, shared = exported(environment), environment["Resources"]
    groups = resources["Service"]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"]
    assert groups[0] == {"Ref": "TaskSecurityGroup"}
    badge = meant(groups[1], exports)
    way_in = resources["TaskIngressFromLoadBalancer"]["Properties"]
    assert way_in["GroupId"] == {"Fn::GetAtt": ["TaskSecurityGroup", "GroupId"]}
    balancer = meant(way_in["SourceSecurityGroupId"], exports)["Fn::GetAtt"][0]
    assert {"Ref": balancer} in shared["PublicLoadBalancer"]["Properties"]["SecurityGroups"]
    (way_out,) = shared[balancer]["Properties"]["SecurityGroupEgress"]
    assert way_out["DestinationSecurityGroupId"] == badge
    assert way_out["FromPort"] <= way_in["FromPort"] == way_in["ToPort"] == 8000 <= way_out["ToPort"]
    rule = resources["ListenerRule"]["Properties"]
    listener = shared[meant(rule["ListenerArn"], exports)["Ref"]]["Properties"]
    assert listener["LoadBalancerArn"] == {"Ref": "PublicLoadBalancer"} and listener["Protocol"] == "HTTPS"
    assert rule["Actions"] == [{"Type": "forward", "TargetGroupArn": {"Ref": "TargetGroup"}}]
    assert rule["Conditions"][0]["HostHeaderConfig"]["Values"] == ["hello.staging.example.com"]
    (target,) = resources["Service"]["Properties"]["LoadBalancers"]
    assert target == {"ContainerName": "hello", "ContainerPort": 8000, "TargetGroupArn": {"Ref": "TargetGroup"}}
    assert {"ListenerRule", "TaskIngressFromLoadBalancer"} <= set(resources["Service"]["DependsOn"])
    networks = [meant(each["VpcId"], exports) for each in (resources[n]["Properties"] for n in ("TargetGroup",))]
    assert networks == [{"Ref": "Vpc"}]


def test_services_reach_each_other(compiled: Compile) -> None:
    """Every service has the badge, and admits it at its port; a worker has no port."""
    exports = exported(environment_of(compiled, TWO))
    for keys in ("", ", loadBalancer: false"):
        resources = template_of(compiled, joined(keys))["Resources"]
        way_in = resources["TaskIngressFromServices"]["Properties"]
        assert (way_in["FromPort"], way_in["ToPort"]) == (8000, 8000)
        assert meant(way_in["SourceSecurityGroupId"], exports) == exports["fsdcf-staging-ServicesSecurityGroupId"]
        assert "TaskIngressFromServices" in resources["Service"]["DependsOn"]
    worker = template_of(compiled, joined().replace("  port: 8000\n", ""))["Resources"]
    assert not [name for name in worker if name.startswith("TaskIngress")]
    assert len(worker["Service"]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"]) == 2


@pytest.mark.parametrize(("keys", "kind"), [("", "Private"), (", assignPublicIp: true", "Public")])
def test_tasks_and_mount_targets_are_in_the_subnets_of_the_environment(compiled: Compile, keys: str, kind: str) -> None:
    more = "dependencies:\n  - {type: aws_efs_file_system, name: files}\n  - {type: sqlite_database, name: db}\n"
    resources = template_of(compiled, joined(keys, more))["Resources"]
    wanted = [{"Fn::ImportValue": f"fsdcf-staging-{kind}Subnet{number}"} for number in (1, 2)]
    network = resources["Service"]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["Subnets"] == wanted
    targets = [resources[f"FilesFileSystemMountTarget{number}"]["Properties"] for number in (1, 2)]
    assert [each["SubnetId"] for each in targets] == wanted
    group = resources["FilesFileSystemSecurityGroup"]["Properties"]
    assert group["VpcId"] == {"Fn::ImportValue": "fsdcf-staging-VpcId"}
    assert group["SecurityGroupIngress"][0]["SourceSecurityGroupId"] == {"Fn::GetAtt": ["TaskSecurityGroup", "GroupId"]}


def test_nothing_that_is_shared_is_in_the_stack_of_the_service(compiled: Compile) -> None:
    types = {each["Type"] for each in template_of(compiled, joined())["Resources"].values()}
    assert not types & {
        "AWS::EC2::VPC",
        "AWS::EC2::Subnet",
        "AWS::ECS::Cluster",
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
    }


def test_what_is_scaled_is_the_service_in_the_shared_cluster(compiled: Compile) -> None:
    target = template_of(compiled, joined("", "  autoScaling: {minCount: 1}\n"))["Resources"]["ScalableTarget"]
    cluster = {"Fn::ImportValue": "fsdcf-staging-ClusterName"}
    parts = ["service", cluster, {"Fn::GetAtt": ["Service", "Name"]}]
    assert target["Properties"]["ResourceId"] == {"Fn::Join": ["/", parts]}


def test_scaling_counts_the_requests_of_the_service_at_the_shared_load_balancer(compiled: Compile) -> None:
    exports = exported(environment_of(compiled, TWO))
    scaling = "  autoScaling: {targetRequestsPerTask: 100, targetResponseTime: 0.5}\n"
    resources = template_of(compiled, joined("", scaling))["Resources"]
    group = {"Fn::GetAtt": ["TargetGroup", "TargetGroupFullName"]}
    tracking = "TargetTrackingScalingPolicyConfiguration"
    requests = resources["RequestsScalingPolicy"]["Properties"][tracking]["PredefinedMetricSpecification"]
    separator, (balancer, target) = requests["ResourceLabel"]["Fn::Join"]
    assert (separator, target) == ("/", group)
    assert meant(balancer, exports) == {"Fn::GetAtt": ["PublicLoadBalancer", "LoadBalancerFullName"]}
    time = resources["ResponseTimeScalingPolicy"]["Properties"][tracking]["CustomizedMetricSpecification"]
    assert {each["Name"]: each["Value"] for each in time["Dimensions"]} == {
        "LoadBalancer": balancer,
        "TargetGroup": group,
    }


@pytest.mark.parametrize(
    ("keys", "block", "url"),
    [
        ("", TWO, "https://hello.staging.example.com"),
        ("", ENVIRONMENTS["plain"], "http://hello.staging.example.com"),
        ("", ENVIRONMENTS["certificate"], "https://hello.example.com"),
        ("", ENVIRONMENTS["existing parts"], "https://hello.staging.example.com"),
        (", loadBalancer: {hosts: ['*.${DOMAIN}', 'A.${DOMAIN}']}", TWO, "https://a.staging.example.com"),
        (", loadBalancer: {hosts: ['*.${DOMAIN}']}", TWO, None),
        (", loadBalancer: {paths: [/api/*, /v2/*]}", TWO, "https://hello.staging.example.com/api/"),
        (", loadBalancer: {name: internal, paths: [/api*]}", TWO, "http://{InternalLoadBalancerDnsName}/api"),
        (
            ", loadBalancer: {paths: [/api]}",
            f"  loadBalancers: {{public: {{certificateArn: '{CERTIFICATE}'}}}}\n",
            None,
        ),
        (", loadBalancer: false", TWO, None),
    ],
)
def test_the_url_is_where_a_rule_matches(compiled: Compile, keys: str, block: str, url: str | None) -> None:
    written = template_of(compiled, joined(keys), block)["Outputs"].get("Url", {}).get("Value")
    if isinstance(written, dict):
        (separator, parts) = written["Fn::Join"]
        written = separator.join(
            each if isinstance(each, str) else each["Fn::ImportValue"].replace("fsdcf-staging-", "{") + "}"
            for each in parts
        )
    assert written == url


def test_priorities_are_parameters_unless_they_are_written(compiled: Compile) -> None:
    several = "hosts: ['a.${DOMAIN}', 'b.${DOMAIN}', 'c.${DOMAIN}', 'd.${DOMAIN}']"
    template = template_of(compiled, joined(f", loadBalancer: {{{several}}}"))
    rules = {name: one for name, one in template["Resources"].items() if name.startswith("ListenerRule")}
    assert list(rules) == ["ListenerRule", "ListenerRule2"]
    for number in ("", "2"):
        assert rules[f"ListenerRule{number}"]["Properties"]["Priority"] == {"Ref": f"RulePriority{number}"}
        parameter = template["Parameters"][f"RulePriority{number}"]
        assert (parameter["Type"], parameter["MinValue"], parameter["MaxValue"]) == ("Number", 1, 50000)
        assert 20001 <= parameter["Default"] <= 40000
    assert template["Parameters"]["RulePriority"]["Default"] != template["Parameters"]["RulePriority2"]["Default"]
    written = template_of(compiled, joined(f", loadBalancer: {{priority: 7, {several}}}"))
    assert "RulePriority" not in written["Parameters"]
    numbers = [written["Resources"][name]["Properties"]["Priority"] for name in rules]
    assert numbers == [7, 8]


@pytest.mark.parametrize("headers", ["", ", headers: [{name: X-A, values: [a]}]"])
@pytest.mark.parametrize("name", ["hello", "shop", "users", "orders", "prices", "mailer", "search", "ledger"])
def test_a_redirect_comes_before_what_is_forwarded(compiled: Compile, name: str, headers: str) -> None:
    """Also where both are as specific, and before the redirects after it."""
    redirects = "redirects: [{paths: [/api/v1*], toPath: /v1}, {paths: [/api/v*], toPath: /v2}]"
    text = joined(f", loadBalancer: {{paths: [/api/*], {redirects}{headers}}}").replace("name: hello", f"name: {name}")
    template = template_of(compiled, text)
    parameters = ("RedirectRulePriority", "RedirectRulePriority2", "RulePriority")
    numbers = [template["Parameters"][parameter]["Default"] for parameter in parameters]
    assert numbers == sorted(set(numbers))
    assert len({band_around(number) for number in numbers}) == 1


@pytest.mark.parametrize(("name", "other"), [("public", "internal"), ("public", "web"), ("web", "api")])
def test_another_load_balancer_needs_another_target_group(compiled: Compile, name: str, other: str) -> None:
    """A target group serves one load balancer at a time, so a service that moves to another gets another group."""
    block = f"  loadBalancers: {{{name}: {{}}, {other}: {{}}}}\n"
    texts = [joined(f", loadBalancer: {{name: {each}, paths: [/a/*]}}") for each in (name, other)]
    before, after = (template_of(compiled, text, block)["Resources"]["TargetGroup"] for text in texts)
    assert before["Properties"]["Port"] != after["Properties"]["Port"]


NEW_AND_ADOPTED = [
    (
        f"  loadBalancers: {{public: {{domain: a.example.com, certificateArn: '{CERTIFICATE}'}}}}\n",
        f"  network: {EXISTING}\n  cluster: {{name: old}}\n"
        f"  loadBalancers: {{public: {{domain: a.example.com, {ADOPTED}}}}}\n",
    ),
    (
        "  loadBalancers: {public: {domain: a.example.com}}\n",
        "  cluster: {name: old}\n"
        f"  loadBalancers: {{public: {{domain: a.example.com, listenerProtocol: http, {ADOPTED}}}}}\n",
    ),
]


@pytest.mark.parametrize(("new", "adopted"), NEW_AND_ADOPTED)
@pytest.mark.parametrize("keys", ["", ", assignPublicIp: true", ", loadBalancer: {paths: [/api/*]}"])
def test_a_service_does_not_know_what_is_adopted(compiled: Compile, new: str, adopted: str, keys: str) -> None:
    more = "  autoScaling: {minCount: 1}\n"
    texts = [to_json(template_of(compiled, joined(keys, more), block)) for block in (new, adopted)]
    assert texts[0] == texts[1]
    assert not re.search("(vpc|subnet|sg)-0", texts[0]) and "listener/app" not in texts[0]


def test_a_new_zone_or_balancer_only_adds(compiled: Compile) -> None:
    more = "dependencies:\n  - {type: aws_efs_file_system, name: files}\n"
    before = template_of(compiled, joined("", more))
    for block in (f"  network: {{availabilityZones: 3}}\n{TWO}", f"{TWO}    public2: {{domain: b.example.com}}\n"):
        after = template_of(compiled, joined("", more), block)
        assert {**after["Resources"], "Service": 0} == {
            **before["Resources"],
            **{name: one for name, one in after["Resources"].items() if name not in before["Resources"]},
            "Service": 0,
        }
        assert after["Parameters"] == before["Parameters"]
        assert set(exported(environment_of(compiled, TWO))) <= set(exported(environment_of(compiled, block)))


def test_an_overlay_joins_for_one_environment_alone(compiled: Compile) -> None:
    text = HELLO + "environments: {prod: {service: {networking: {shared: true}}}, staging: {}}\n"
    assert "Vpc" in template_of(compiled, text)["Resources"]
    file = f"{HEAD}{TWO}".replace("name: staging", "name: prod")
    result = compiled(text, environment="prod", file=file)
    assert result.template is not None, result.diagnostics
    assert "Vpc" not in result.template.data["Resources"]


def test_an_overlay_leaves_an_environment_that_its_defaults_join(compiled: Compile) -> None:
    block = TWO + "  defaults: {service: {networking: {shared: true, loadBalancer: {paths: [/hello/*]}}}}\n"
    assert "Vpc" not in template_of(compiled, HELLO, block)["Resources"]
    text = HELLO + "environments: {staging: {service: {networking: {shared: false}}}}\n"
    template = template_of(compiled, text, block.replace("paths", "name: public, paths"))
    assert {"Vpc", "LoadBalancer"} <= set(template["Resources"])


def test_defaults_need_not_fit_every_service(compiled: Compile) -> None:
    keys = "networking: {shared: true, loadBalancer: {name: public}}, healthCheck: {path: /up}"
    block = f"{TWO}  defaults: {{service: {{{keys}}}}}\n"
    worker = HELLO.replace("  port: 8000\n", "")
    assert "TargetGroup" not in template_of(compiled, worker, block)["Resources"]
    group = template_of(compiled, HELLO, block)["Resources"]["TargetGroup"]["Properties"]
    assert group["HealthCheckPath"] == "/up"
    written = compiled(worker + "  networking: {loadBalancer: {stickiness: true}}\n", file=HEAD + block)
    assert [one.code for one in written.diagnostics] == ["S221"]


CASES = [
    path
    for glob in ("examples/*.yml", "tests/cases/dependencies/*.spec.yml", "tests/cases/traffic/*.spec.yml")
    for path in sorted(ROOT.glob(glob))
    if b"shared:" not in path.read_bytes()
]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_without_sharing_a_file_above_changes_nothing(path: Any) -> None:
    file = SourceFile("environments/staging.yml", (HEAD + ENVIRONMENTS["zones"]).encode())
    request = Request(path.name, path.read_bytes(), "staging")
    alone = run(request)
    beside = run(Request(path.name, path.read_bytes(), "staging", environment_file=file))
    assert alone.template is not None and beside.template is not None, beside.diagnostics
    assert to_json(alone.template.data) == to_json(beside.template.data)
    assert [(one.code, one.path) for one in alone.diagnostics] == [(one.code, one.path) for one in beside.diagnostics]


def test_the_service_of_a_case_is_the_same_whatever_the_others_are(compiled: Compile) -> None:
    """The name, the hosts and the paths of a service alone make its rules."""
    one = template_of(compiled, joined())
    block = TWO + '  variables: {A: "1"}\n  artifactsBucket: templates\n  namespace: other.internal\n'
    assert to_json(template_of(compiled, joined(), block)) == to_json(one)
