"""Names of new resources: of the form that AWS gives, the same every time, and every attribute of the right kind."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fsdcf.cloudformation.facts import facts_of
from fsdcf.cloudformation.template import read
from fsdcf.sandbox import ids
from fsdcf.sandbox.state import SandboxState

CASES = sorted(
    path for path in (Path(__file__).parent.parent / "cases").rglob("*.template.yml") if path.parent.name != "addons"
)
"""Without those in which a user's own template is."""
BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/0123456789abcdef"

FORMS = [
    ("AWS::EC2::VPC", {}, r"vpc-[0-9a-f]{17}"),
    ("AWS::EC2::EIP", {}, r"52\.\d+\.\d+\.\d+"),
    ("AWS::EC2::Route", {"RouteTableId": "rtb-1", "DestinationCidrBlock": "0.0.0.0/0"}, r"rtb-1\|0\.0\.0\.0/0"),
    ("AWS::ECS::Cluster", {}, r"hello-staging-Thing-\w{12}"),
    ("AWS::ECS::Cluster", {"ClusterName": "mine"}, "mine"),
    ("AWS::ECS::Service", {"Cluster": "c"}, r"arn:aws:ecs:eu-west-1:123456789012:service/c/hello-staging-Thing-\w{12}"),
    (
        "AWS::ECS::Service",
        {"Cluster": "arn:aws:ecs:r:a:cluster/c", "ServiceName": "s"},
        "arn:aws:ecs:eu-west-1:123456789012:service/c/s",
    ),
    ("AWS::ECS::TaskDefinition", {"Family": "f"}, "arn:aws:ecs:eu-west-1:123456789012:task-definition/f:3"),
    (
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        {},
        r"arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/[\w-]{1,32}/[0-9a-f]{16}",
    ),
    (
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        {"Name": "tg"},
        r"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/tg/[0-9a-f]{16}",
    ),
    (
        "AWS::ElasticLoadBalancingV2::Listener",
        {"LoadBalancerArn": BALANCER},
        r"arn:\S+:listener/app/web/0123456789abcdef/[0-9a-f]{16}",
    ),
    ("AWS::S3::Bucket", {}, r"hello-staging-thing-[a-z0-9]{12}"),
    ("AWS::SQS::Queue", {"QueueName": "q"}, "https://sqs.eu-west-1.amazonaws.com/123456789012/q"),
    ("AWS::SSM::Parameter", {}, r"CFN-Thing-\w{12}"),
    ("AWS::SSM::Parameter", {"Name": "/a/b"}, "/a/b"),
    ("AWS::SecretsManager::Secret", {"Name": "n"}, r"arn:aws:secretsmanager:eu-west-1:123456789012:secret:n-\w{6}"),
    ("AWS::IAM::Role", {}, r"hello-staging-Thing-\w{12}"),
    ("AWS::Nobody::KnowsIt", {}, r"hello-staging-Thing-\w{12}"),
]


@pytest.mark.parametrize(("type", "properties", "form"), FORMS, ids=[f"{row[0]}-{n}" for n, row in enumerate(FORMS)])
def test_a_physical_id_has_its_form(type: str, properties: dict[str, Any], form: str) -> None:
    state = SandboxState(account="123456789012", region="eu-west-1")
    made = [ids.physical_id(type, "Thing", "hello-staging", properties, 3, state) for _ in range(2)]
    assert made[0] == made[1]
    assert re.fullmatch(form, made[0])
    state.store.close()


def test_the_next_resource_has_another_id() -> None:
    made = {
        ids.physical_id("AWS::EC2::VPC", name, stack, {}, number, SandboxState())
        for name in ("A", "B")
        for stack in ("s", "t")
        for number in (1, 2)
    }
    assert len(made) == 8


@pytest.mark.parametrize(
    ("type", "longest"),
    [("AWS::ElasticLoadBalancingV2::TargetGroup", 32), ("AWS::IAM::Role", 64), ("AWS::S3::Bucket", 63)],
)
def test_long_names_are_cut_to_what_the_type_allows(type: str, longest: int) -> None:
    for stack, name in (("s" * 120, "L" * 120), ("short", "L" * 120), ("s" * 120, "Short"), ("s-" * 60, "L")):
        made = ids.physical_id(type, name, stack, {}, 1, SandboxState())
        title = made.split("/")[-2] if "/" in made else made
        assert len(title) <= longest
        assert re.fullmatch(r"[\w.-]+-[\w.-]+-\w{12}", title)
        assert "--" not in title


def test_attributes_that_templates_use() -> None:
    state = SandboxState(region="cn-north-1")

    def of(type: str, physical: str, **properties: Any) -> dict[str, Any]:
        return ids.attributes(type, physical, properties, state)

    assert of("AWS::ECS::Service", "arn:aws-cn:ecs:r:a:service/c/s")["Name"] == "s"
    assert of("AWS::ECS::Cluster", "c")["Arn"] == "arn:aws-cn:ecs:cn-north-1:000000000000:cluster/c"
    assert of("AWS::Logs::LogGroup", "g")["Arn"] == "arn:aws-cn:logs:cn-north-1:000000000000:log-group:g:*"
    assert of("AWS::IAM::Role", "r")["Arn"] == "arn:aws-cn:iam::000000000000:role/r"
    assert of("AWS::S3::Bucket", "b")["Arn"] == "arn:aws-cn:s3:::b"
    assert of("AWS::SQS::Queue", "https://sqs/a/q")["Arn"] == "arn:aws-cn:sqs:cn-north-1:000000000000:q"
    assert of("AWS::EC2::SecurityGroup", "sg-1", VpcId="vpc-1")["GroupId"] == "sg-1"
    assert of("AWS::EC2::SecurityGroup", "sg-1", VpcId="vpc-1")["VpcId"] == "vpc-1"
    assert re.fullmatch("eipalloc-[0-9a-f]{17}", of("AWS::EC2::EIP", "1.2.3.4")["AllocationId"])
    balancer = of("AWS::ElasticLoadBalancingV2::LoadBalancer", BALANCER)
    assert re.fullmatch(r"web-\d{10}\.cn-north-1\.elb\.amazonaws\.com\.cn", balancer["DNSName"])
    assert balancer["LoadBalancerFullName"] == "app/web/0123456789abcdef"
    assert of("AWS::SSM::Parameter", "/a/b", Type="String", Value="v")["Value"] == "v"
    state.store.close()


KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """The schemas that cfn-lint bundles, by type."""
    import cfnlint

    folder = Path(cfnlint.__file__).parent / "data" / "schemas" / "resources"
    found = {}
    for text in (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))):
        name = re.search(r'"typeName":\s*"([^"]+)"', text)
        if name is not None and name[1] in used():
            found[name[1]] = json.loads(text)
    return found


@cache
def used() -> frozenset[str]:
    """The types that compiled templates use."""
    resources = (one for path in CASES for one in read(path.read_text(encoding="utf-8"))["Resources"].values())
    return frozenset(one["Type"] for one in resources)


def kind_of(schema: dict[str, Any], path: str) -> str | None:
    """What the schema says an attribute is; None if it says nothing, or several things."""
    found: Any = schema
    for step in path.split("."):
        found = found.get("items", {}) if step == "*" else found.get("properties", {}).get(step, {})
        while "$ref" in found:
            target: Any = schema
            for name in found["$ref"].removeprefix("#/").split("/"):
                target = target.get(name, {})
            found = target
    kind = found.get("type")
    return kind if isinstance(kind, str) else None


def test_every_attribute_of_the_types_in_use_is_of_the_schemas_kind() -> None:
    state, wrong, tried = SandboxState(), [], 0
    for type, schema in schemas().items():
        physical = ids.physical_id(type, "Thing", "stack", {}, 1, state)
        answer = ids.attributes(type, physical, {}, state)
        facts = facts_of(type)
        assert facts is not None
        assert answer.keys() == facts.attributes
        for name, value in answer.items():
            kinds = KINDS.get(kind_of(schema, name) or "")
            if kinds is None:
                continue
            tried += 1
            if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
                wrong.append((type, name, value))
    state.store.close()
    assert wrong == []
    assert tried > 100
