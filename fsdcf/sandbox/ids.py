"""What AWS would name a new resource, and what Fn::GetAtt would find at it: plausible, and the same every time."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from fsdcf.sandbox.state import SandboxState

_HERE = "{region}:{account}"
_ELB = f"arn:{{partition}}:elasticloadbalancing:{_HERE}"

PHYSICAL: Mapping[str, str] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "{p[ResourceId]}|{p[ScalableDimension]}|{p[ServiceNamespace]}",
    "AWS::ApplicationAutoScaling::ScalingPolicy": (
        f"arn:{{partition}}:autoscaling:{_HERE}:scalingPolicy:{{uuid}}:resource/ecs/{{e[ScalingTargetId]}}:policyName/{{p[PolicyName]}}"
    ),
    "AWS::CertificateManager::Certificate": f"arn:{{partition}}:acm:{_HERE}:certificate/{{uuid}}",
    "AWS::EC2::EIP": "52.{address}",
    "AWS::EC2::InternetGateway": "igw-{hex}",
    "AWS::EC2::NatGateway": "nat-{hex}",
    "AWS::EC2::NetworkAcl": "acl-{hex}",
    "AWS::EC2::Route": "{p[RouteTableId]}|{p[DestinationCidrBlock]}",
    "AWS::EC2::RouteTable": "rtb-{hex}",
    "AWS::EC2::SecurityGroup": "sg-{hex}",
    "AWS::EC2::SecurityGroupEgress": "sgr-{hex}",
    "AWS::EC2::SecurityGroupIngress": "sgr-{hex}",
    "AWS::EC2::Subnet": "subnet-{hex}",
    "AWS::EC2::SubnetRouteTableAssociation": "rtbassoc-{hex}",
    "AWS::EC2::VPC": "vpc-{hex}",
    "AWS::EC2::VPCEndpoint": "vpce-{hex}",
    "AWS::EC2::VPCGatewayAttachment": "IGW|{p[VpcId]}",
    "AWS::ECS::Service": f"arn:{{partition}}:ecs:{_HERE}:service/{{e[Cluster]}}/{{name}}",
    "AWS::ECS::TaskDefinition": f"arn:{{partition}}:ecs:{_HERE}:task-definition/{{p[Family]}}:{{number}}",
    "AWS::EFS::AccessPoint": "fsap-{hex}",
    "AWS::EFS::FileSystem": "fs-{hex}",
    "AWS::EFS::MountTarget": "fsmt-{hex}",
    "AWS::ElasticLoadBalancingV2::Listener": f"{_ELB}:listener/app/{{balancer}}/{{short}}",
    "AWS::ElasticLoadBalancingV2::ListenerRule": f"{_ELB}:listener-rule/app/{{balancer}}/{{short}}",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": f"{_ELB}:loadbalancer/app/{{name}}/{{short}}",
    "AWS::ElasticLoadBalancingV2::TargetGroup": f"{_ELB}:targetgroup/{{name}}/{{short}}",
    "AWS::IAM::ManagedPolicy": "arn:{partition}:iam::{account}:policy/{name}",
    "AWS::IAM::OIDCProvider": "arn:{partition}:iam::{account}:oidc-provider/{p[Url]}",
    "AWS::KMS::Key": "{uuid}",
    "AWS::S3::BucketPolicy": "{p[Bucket]}",
    "AWS::SNS::Topic": f"arn:{{partition}}:sns:{_HERE}:{{name}}",
    "AWS::SQS::Queue": "https://sqs.{region}.{suffix}/{account}/{name}",
    "AWS::SecretsManager::Secret": f"arn:{{partition}}:secretsmanager:{_HERE}:secret:{{name}}-{{six}}",
    "AWS::ServiceDiscovery::HttpNamespace": "ns-{hex}",
    "AWS::ServiceDiscovery::PrivateDnsNamespace": "ns-{hex}",
    "AWS::ServiceDiscovery::Service": "srv-{hex}",
}
"""The physical id of a type, which Ref gives. A type that is not here is known by its name."""

ATTRIBUTES: Mapping[tuple[str, str], str] = {
    ("AWS::ApplicationAutoScaling::ScalableTarget", "Id"): "{id}",
    ("AWS::CloudWatch::Alarm", "Arn"): f"arn:{{partition}}:cloudwatch:{_HERE}:alarm:{{id}}",
    ("AWS::DynamoDB::Table", "Arn"): f"arn:{{partition}}:dynamodb:{_HERE}:table/{{id}}",
    (
        "AWS::DynamoDB::Table",
        "StreamArn",
    ): f"arn:{{partition}}:dynamodb:{_HERE}:table/{{id}}/stream/2027-01-01T00:00:00.000",
    ("AWS::EC2::EIP", "AllocationId"): "eipalloc-{hex}",
    ("AWS::EC2::EIP", "PublicIp"): "{id}",
    ("AWS::EC2::NatGateway", "AutoProvisionZones"): "disabled",
    ("AWS::EC2::NatGateway", "AutoScalingIps"): "disabled",
    ("AWS::EC2::NatGateway", "EniId"): "eni-{hex}",
    ("AWS::EC2::NatGateway", "RouteTableId"): "rtb-{hex}",
    ("AWS::EC2::Route", "CidrBlock"): "{p[DestinationCidrBlock]}",
    ("AWS::EC2::SecurityGroup", "GroupId"): "{id}",
    ("AWS::EC2::VPC", "DefaultNetworkAcl"): "acl-{hex}",
    ("AWS::EC2::VPC", "DefaultSecurityGroup"): "sg-{hex}",
    ("AWS::EC2::VPCGatewayAttachment", "AttachmentType"): "IGW",
    ("AWS::ECR::Repository", "Arn"): f"arn:{{partition}}:ecr:{_HERE}:repository/{{id}}",
    ("AWS::ECR::Repository", "RepositoryUri"): "{account}.dkr.ecr.{region}.{suffix}/{id}",
    ("AWS::ECS::Cluster", "Arn"): f"arn:{{partition}}:ecs:{_HERE}:cluster/{{id}}",
    ("AWS::ECS::Service", "Name"): "{last}",
    ("AWS::EFS::AccessPoint", "Arn"): f"arn:{{partition}}:elasticfilesystem:{_HERE}:access-point/{{id}}",
    ("AWS::EFS::FileSystem", "Arn"): f"arn:{{partition}}:elasticfilesystem:{_HERE}:file-system/{{id}}",
    ("AWS::EFS::MountTarget", "IpAddress"): "10.{address}",
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "CanonicalHostedZoneID"): "Z35SXDOTRQ7X7K",
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "DNSName"): "{title}-{ten}.{region}.elb.{suffix}",
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerFullName"): "app/{title}/{last}",
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerName"): "{title}",
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupFullName"): "targetgroup/{title}/{last}",
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupName"): "{title}",
    ("AWS::IAM::Role", "Arn"): "arn:{partition}:iam::{account}:role/{id}",
    ("AWS::IAM::Role", "RoleId"): "AROA{long}",
    ("AWS::KMS::Key", "Arn"): f"arn:{{partition}}:kms:{_HERE}:key/{{id}}",
    ("AWS::Lambda::Function", "Arn"): f"arn:{{partition}}:lambda:{_HERE}:function:{{id}}",
    ("AWS::Logs::LogGroup", "Arn"): f"arn:{{partition}}:logs:{_HERE}:log-group:{{id}}:*",
    ("AWS::S3::Bucket", "Arn"): "arn:{partition}:s3:::{id}",
    ("AWS::S3::Bucket", "DomainName"): "{id}.s3.{suffix}",
    ("AWS::S3::Bucket", "DualStackDomainName"): "{id}.s3.dualstack.{region}.{suffix}",
    ("AWS::S3::Bucket", "RegionalDomainName"): "{id}.s3.{region}.{suffix}",
    ("AWS::S3::Bucket", "WebsiteURL"): "http://{id}.s3-website-{region}.{suffix}",
    ("AWS::SNS::Topic", "TopicName"): "{title}",
    ("AWS::SQS::Queue", "Arn"): f"arn:{{partition}}:sqs:{_HERE}:{{last}}",
    ("AWS::SQS::Queue", "QueueName"): "{last}",
    ("AWS::SSM::Parameter", "Arn"): f"arn:{{partition}}:ssm:{_HERE}:parameter/{{plain}}",
}
"""Attributes that are neither the physical id nor a property, each with its pattern."""

LONGEST: Mapping[str, int] = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": 32,
    "AWS::ElasticLoadBalancingV2::TargetGroup": 32,
    "AWS::IAM::Role": 64,
    "AWS::S3::Bucket": 63,
}
"""Names that CloudFormation makes itself are cut to what the type allows."""


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def token(*parts: object, length: int = 17, alphabet: str = "0123456789abcdef") -> str:
    """A string of this length that these parts always give: what stands for AWS's random ids."""
    seed = int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest(), "big")
    letters = []
    for _ in range(length):
        seed, index = divmod(seed, len(alphabet))
        letters.append(alphabet[index])
    return "".join(letters)


def unique(*parts: object) -> str:
    """A UUID that these parts always give."""
    return str(uuid.UUID(bytes=hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:16], version=4))


def physical_id(
    type: str,
    logical_id: str,
    stack: str,
    properties: Mapping[str, Any],
    number: int,
    state: SandboxState | None = None,
) -> str:
    """The physical id (what Ref gives) of the ``number``-th resource of this logical id in this stack.

    ``world`` tells account and region of those that are ARNs; without one it is a new world's.
    """
    seed = (type, logical_id, stack, number)
    name = _given_name(type, properties) or _made_name(type, logical_id, stack, seed)
    return _filled(PHYSICAL.get(type, "{name}"), seed, properties, state, {"name": name, "number": number})


def _given_name(type: str, properties: Mapping[str, Any]) -> str | None:
    from fsdcf.cloudformation.facts import custom_name

    name = properties.get(custom_name(type, properties) or "")
    return name if isinstance(name, str) else None


def _made_name(type: str, logical_id: str, stack: str, seed: tuple[object, ...]) -> str:
    """A name as CloudFormation makes it: stack, logical id and twelve letters, the first two cut where the type allows
    little.
    """
    ending = token(*seed, length=12, alphabet=_LETTERS)
    if type == "AWS::SSM::Parameter":
        return f"CFN-{logical_id}-{ending}"
    if type == "AWS::S3::Bucket":
        ending, stack, logical_id = ending.lower(), stack.lower(), logical_id.lower()
    room = LONGEST.get(type, 255) - len(ending) - 2
    half = max(room // 2, room - len(logical_id))
    return f"{stack[:half].rstrip('-')}-{logical_id[: room - min(half, len(stack))]}-{ending}"


def attributes(type: str, physical_id: str, properties: Mapping[str, Any], state: SandboxState) -> dict[str, Any]:
    """Every attribute that Fn::GetAtt knows of a type, with a value of the kind that it has."""
    from fsdcf.cloudformation.facts import facts_of

    facts = facts_of(type)
    names = sorted(facts.attributes - {"*"}) if facts else []
    return {name: _attribute(type, name, physical_id, properties, state) for name in names}


def _attribute(type: str, name: str, physical_id: str, properties: Mapping[str, Any], state: SandboxState) -> Any:
    pattern = ATTRIBUTES.get((type, name))
    if pattern is not None:
        return _filled(pattern, (type, physical_id, name), properties, state, {"id": physical_id})
    told = _property(properties, name)
    if told is not None:
        return told
    own = type.rpartition("::")[2]
    if name == "Arn" and physical_id.startswith("arn:"):
        return physical_id
    if name in ("Id", f"{own}Id", f"{own}Arn", f"{own}Url", f"{own}Name", "Name", "Ref"):
        return physical_id
    return _guessed(name, (type, physical_id, name), state)


def _property(properties: Mapping[str, Any], path: str) -> Any:
    found: Any = properties
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


_NUMBERS = re.compile(
    r"(Count|Seconds|Throughput|Length|Period|Delay|Index|Days|Timeout|Storage|Percentage|Capacity|Iops)$|^(Num|Total|Max.*Size)"
)
_TRUTHS = re.compile(
    r"^(Enable(?!Cloudwatch|Lni|Prefix)|Is|Assign|Map|Ipv6Native|Block|Ignore|Restrict|Manage|Copy|Use|Group(Member|Source))"
    r"|(Enabled|Encrypted|Dns64|FifoQueue|FifoTopic|BasedDeduplication|Stabilize|Record|Protection|Upgrade|Optimized|Public|Accessible)$"
)
_LISTS = re.compile(
    r"(?<!Statu)(?<!Addres)(?<!Dn)(?<!Acces)(?<!Policie)(?<!Alia)(?<!Progres)(?<!Ip)s$|(Ingress|Egress|List|Set)$"
)


def _guessed(name: str, seed: tuple[object, ...], state: SandboxState) -> Any:
    """A value for an attribute that only the service could tell, by what its name says it is."""
    last = name.rpartition(".")[2]
    if _TRUTHS.search(last):
        return False
    if _NUMBERS.search(last):
        return 0
    if last.endswith(("Time", "Timestamp", "Date")):
        return "2027-01-01T00:00:00Z"
    if _LISTS.search(last):
        return []
    if last.endswith("Arn"):
        return state.arn(
            str(seed[0]).split("::")[1].lower(), f"{last.removesuffix('Arn').lower() or 'resource'}/{token(*seed)}"
        )
    if last.endswith(("Status", "State")):
        return "ACTIVE"
    return f"{last.lower()}-{token(*seed)}"


def _filled(
    pattern: str,
    seed: tuple[object, ...],
    properties: Mapping[str, Any],
    state: SandboxState | None,
    more: Mapping[str, object],
) -> str:
    account, region, partition = (
        ("000000000000", "us-east-1", "aws") if state is None else (state.account, state.region, state.partition)
    )
    told = {key: str(value) for key, value in properties.items() if isinstance(value, str | int)}
    steps = str(more.get("id", "")).split("/")
    balancer = re.search(r"(?:loadbalancer|listener)/app/(\S+)", " ".join(told.values()))
    values: dict[str, object] = {
        "hex": token(*seed),
        "short": token(*seed, length=16),
        "long": token(*seed, length=17, alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
        "six": token(*seed, length=6, alphabet=_LETTERS),
        "ten": token(*seed, length=10, alphabet="123456789"),
        "uuid": unique(*seed),
        "address": ".".join(str(int(token(*seed, step, length=2), 16) % 250 + 1) for step in range(3)),
        "account": account,
        "region": region,
        "partition": partition,
        "suffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
        "p": defaultdict(lambda: token(*seed, length=8), told),
        "e": defaultdict(lambda: "default", {key: value.rpartition("/")[2] for key, value in told.items()}),
        "last": steps[-1],
        "title": steps[-2] if len(steps) > 1 else steps[-1].rpartition(":")[2],
        "plain": str(more.get("id", "")).removeprefix("/"),
        "balancer": balancer[1] if balancer else f"balancer/{token(*seed, length=16)}",
        **more,
    }
    return pattern.format_map(values)
