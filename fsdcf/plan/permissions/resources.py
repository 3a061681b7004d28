"""What stacks are made of, as IAM sees it: which actions are called, on what, and which names and tags tell it from others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from fsdcf.cloudformation.facts import facts_of
from fsdcf.cloudformation.permissions import Handlers, handlers_of, targets_of
from fsdcf.conventions import ENVIRONMENT_TAG, SERVICE_TAG

NEVER = ""
"""Stands for a property that no resource has: its actions are never needed."""

APART = frozenset({"iam:PassRole", "iam:CreateServiceLinkedRole", "iam:DeleteRolePermissionsBoundary"})
"""Actions that are granted by statements of their own, or, as the removal of a boundary, not at all."""

_READS = ("Describe", "Get", "List")

_NEEDED_FOR: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": {
        NEVER: ("lambda:*",),
        "ScheduledActions": (
            "application-autoscaling:PutScheduledAction",
            "application-autoscaling:DeleteScheduledAction",
        ),
    },
    "AWS::ApplicationAutoScaling::ScalingPolicy": {
        "PredictiveScalingPolicyConfiguration": ("cloudwatch:GetMetricData",)
    },
    "AWS::DynamoDB::Table": {
        NEVER: (
            *("dynamodb:*Item", "dynamodb:Query", "dynamodb:Scan", "dynamodb:*Replica"),  # of a global table
        ),
        "ImportSourceSpecification": ("s3:*", "logs:*", "dynamodb:ImportTable", "dynamodb:DescribeImport"),
        "KinesisStreamSpecification": (
            "kinesis:*",
            "dynamodb:EnableKinesis*",
            "dynamodb:DisableKinesis*",
            "dynamodb:UpdateKinesis*",
        ),
        "ResourcePolicy": ("dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy"),
        "SSESpecification.KMSMasterKeyId": ("kms:*",),
    },
    "AWS::EC2::EIP": {
        "InstanceId": ("ec2:AssociateAddress", "ec2:DisassociateAddress"),
        "TransferAddress": ("ec2:AcceptAddressTransfer",),
    },
    "AWS::EC2::NatGateway": {
        "SecondaryAllocationIds": ("ec2:*ociateNatGatewayAddress", "ec2:*ssignPrivateNatGatewayAddress")
    },
    "AWS::EC2::Subnet": {"Ipv6CidrBlock": ("ec2:*ociateSubnetCidrBlock",)},
    "AWS::EC2::VPC": {"VpcEncryptionControl": ("ec2:CreateVpcEncryptionControl",)},
    "AWS::EC2::VPCEndpoint": {"ServiceNetworkArn": ("vpc-lattice:*",), "ServiceRegion": ("vpce:*",)},
    "AWS::EC2::VPCGatewayAttachment": {"VpnGatewayId": ("ec2:*tachVpnGateway",)},
    "AWS::ECS::Cluster": {NEVER: ("ecs:PutAccountSetting*",), "Configuration": ("kms:*",)},
    "AWS::EFS::FileSystem": {
        "KmsKeyId": ("kms:*",),
        "ReplicationConfiguration": ("elasticfilesystem:CreateReplication*", "elasticfilesystem:DeleteReplication*"),
    },
    "AWS::ElasticLoadBalancingV2::Listener": {NEVER: ("cognito-idp:*",)},
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        "Ipv4IpamPoolId": ("ec2:DescribeIpamPools", "elasticloadbalancing:ModifyIpPools"),
        "MinimumLoadBalancerCapacity": ("elasticloadbalancing:ModifyCapacityReservation",),
    },
    "AWS::ElasticLoadBalancingV2::TargetGroup": {"Targets": ("elasticloadbalancing:*egisterTargets",)},
    "AWS::IAM::Policy": {"Groups": ("iam:*GroupPolicy",), "Users": ("iam:*UserPolicy",)},
    "AWS::IAM::Role": {"ManagedPolicyArns": ("iam:AttachRolePolicy", "iam:DetachRolePolicy")},
    "AWS::Logs::LogGroup": {
        NEVER: ("firehose:*",),
        "BearerTokenAuthenticationEnabled": ("logs:PutBearerTokenAuthentication",),
        "DataProtectionPolicy": (
            "logs:PutDataProtectionPolicy",
            "logs:DeleteDataProtectionPolicy",
            "logs:CreateLogDelivery",
        ),
        "DeletionProtectionEnabled": ("logs:PutLogGroupDeletionProtection",),
        "FieldIndexPolicies": ("logs:PutIndexPolicy", "logs:DeleteIndexPolicy"),
        "KmsKeyId": ("logs:*ociateKmsKey",),
        "ResourcePolicyDocument": ("logs:PutResourcePolicy", "logs:DeleteResourcePolicy"),
    },
    "AWS::S3::Bucket": {
        NEVER: ("s3:PutBucketAbac", "s3:PutObjectAcl", "s3:DeleteObject"),
        "AccelerateConfiguration": ("s3:PutAccelerateConfiguration",),
        "AccessControl": ("s3:PutBucketAcl",),
        "AnalyticsConfigurations": ("s3:PutAnalyticsConfiguration",),
        "CorsConfiguration": ("s3:PutBucketCORS",),
        "IntelligentTieringConfigurations": ("s3:PutIntelligentTieringConfiguration",),
        "InventoryConfigurations": ("s3:PutInventoryConfiguration",),
        "LoggingConfiguration": ("s3:PutBucketLogging",),
        "MetadataTableConfiguration": ("s3tables:*", "s3:*BucketMetadata*"),
        "MetricsConfigurations": ("s3:PutMetricsConfiguration",),
        "NotificationConfiguration": ("s3:PutBucketNotification",),
        "ObjectLockConfiguration": ("s3:PutBucketObjectLockConfiguration",),
        "ReplicationConfiguration": ("s3:PutReplicationConfiguration",),
        "WebsiteConfiguration": ("s3:PutBucketWebsite", "s3:DeleteBucketWebsite"),
    },
}
"""By type: the property for whose sake the handlers have these actions. A resource without it does not need them."""

_MORE: Mapping[str, tuple[str, ...]] = {
    "AWS::EFS::MountTarget": ("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
}
"""What handlers need and their schemas leave out.
Source: https://docs.aws.amazon.com/efs/latest/ug/API_CreateMountTarget.html"""


def needed(type: str, resource: Mapping[str, Any]) -> frozenset[str] | None:
    """The actions that CloudFormation needs for a resource of a template; None where the type's schema tells nothing.

    What is retained whatever happens is never deleted, so the deletion is not allowed.
    """
    handlers = handlers_of(type)
    if handlers is None:
        return None
    called = handlers.create | handlers.read | handlers.update | frozenset(_MORE.get(type, ()))
    if not _is_kept(resource):
        called |= handlers.delete
    properties = resource.get("Properties", {})
    idle = [
        pattern
        for path, patterns in _NEEDED_FOR.get(type, {}).items()
        if not _has(properties, path)
        for pattern in patterns
    ]
    return frozenset(one for one in called - APART if _is_own_read(one, handlers) or not _matches(one, idle))


def _is_kept(resource: Mapping[str, Any]) -> bool:
    return resource.get("DeletionPolicy") == "Retain" and resource.get("UpdateReplacePolicy") == "Retain"


def _is_own_read(action: str, handlers: Handlers) -> bool:
    """Whether the read handler calls it in the type's own service: it does so whatever the resource's properties are."""
    services = Counter(one.partition(":")[0] for one in sorted(handlers.read))
    service, _, name = action.partition(":")
    return action in handlers.read and name.startswith(_READS) and services.most_common(1)[0][0] == service


def _matches(action: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(action, pattern) for pattern in patterns)


def _has(properties: Any, path: str) -> bool:
    for step in path.split("."):
        if not isinstance(properties, Mapping) or step not in properties:
            return False
        properties = properties[step]
    return True


Kind = tuple[str, str]
"""A service and one of its resource types, as IAM calls them: ``("ecs", "cluster")``."""

ACCOUNT, PARTITION, REGION = "${AWS::AccountId}", "${AWS::Partition}", "${AWS::Region}"
_KNOWN = frozenset({ACCOUNT, PARTITION, REGION})
_RANDOM = 12
_LONGEST_ROLE = 64


@dataclass(frozen=True)
class Deployed:
    """A stack and the template that is deployed as it."""

    stack: str
    template: Mapping[str, Any]

    def resources(self, type: str) -> dict[str, Mapping[str, Any]]:
        """The properties of the resources of a type, by logical id."""
        found = self.template["Resources"].items()
        return {name: one.get("Properties", {}) for name, one in found if one["Type"] == type}


def arn(service: str, rest: str, region: str = REGION, account: str = ACCOUNT) -> str:
    """An ARN as a fragment: pseudo parameters stand for what the account and the region tell."""
    return f"arn:{PARTITION}:{service}:{region}:{account}:{rest}"


def text(value: Any) -> str:
    """A property's value as a fragment of an ARN: ``*`` stands for what only the deploy will tell."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref":
            return f"${{{argument}}}" if f"${{{argument}}}" in _KNOWN else "*"
        if function == "Fn::Sub" and isinstance(argument, str):
            return re.sub(r"\$\{[^}]*\}", lambda found: found[0] if found[0] in _KNOWN else "*", argument)
    return str(value) if isinstance(value, (str, int)) else "*"


def named(deployed: Deployed) -> dict[Kind, frozenset[str]]:
    """The ARNs of the resources whose names are known, or begin in a known way, by what IAM calls them."""
    found: dict[Kind, set[str]] = {("cloudformation", "stack"): {arn("cloudformation", f"stack/{deployed.stack}/*")}}
    for type, name in _NAMED.items():
        for logical_id, properties in deployed.resources(type).items():
            for kind, one in name(deployed, logical_id, properties):
                found.setdefault(kind, set()).add(one)
    found.setdefault(("cloudwatch", "alarm"), set()).update(_scaling_alarms(deployed))
    found[("ecr", "repository")] = found.get(("ecr", "repository"), set()) | set(_pulled(deployed))
    return {kind: frozenset(arns) for kind, arns in found.items() if arns}


def tags_of(type: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tags that a template writes on a resource; none where the type takes none."""
    facts = facts_of(type)
    written = properties.get(facts.tag_property) if facts and facts.tag_property else None
    if isinstance(written, Mapping):
        return written
    return {one["Key"]: one["Value"] for one in written or ()}


Names = Iterable[tuple[Kind, str]]
_Naming = Callable[[Deployed, str, Mapping[str, Any]], Names]


def _generated(deployed: Deployed, logical_id: str) -> str:
    """``stack-LogicalId-`` and twelve characters, which is what CloudFormation calls what has no name.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    return f"{deployed.stack}-{logical_id}-*"


def _chosen(property: str, deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> str:
    return text(properties[property]) if property in properties else _generated(deployed, logical_id)


def _simple(service: str, kind: str, property: str, lead: str = "", tails: tuple[str, ...] = ("",)) -> _Naming:
    def name(deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> Names:
        chosen = _chosen(property, deployed, logical_id, properties)
        yield from (((service, kind), arn(service, f"{lead}{chosen}{tail}")) for tail in tails)

    return name


def _bucket(deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> Names:
    chosen = text(properties["BucketName"]) if "BucketName" in properties else _generated(deployed, logical_id).lower()
    yield ("s3", "bucket"), arn("s3", chosen, "", "")
    yield ("s3", "object"), arn("s3", f"{chosen}/*", "", "")


def _log_group(deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> Names:
    chosen = _chosen("LogGroupName", deployed, logical_id, properties)
    yield ("logs", "log-group"), arn("logs", f"log-group:{chosen}")
    yield ("logs", "log-group"), arn("logs", f"log-group:{chosen}:*")
    yield ("logs", "log-stream"), arn("logs", f"log-group:{chosen}:log-stream:*")


def _parameter(deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> Names:
    """A parameter without a name is ``CFN-LogicalId-`` and twelve characters, or, by the documentation, as everything else."""
    if "Name" in properties:
        yield ("ssm", "parameter"), arn("ssm", f"parameter/{text(properties['Name']).lstrip('/')}")
        return
    yield ("ssm", "parameter"), arn("ssm", f"parameter/CFN-{logical_id}-*")
    yield ("ssm", "parameter"), arn("ssm", f"parameter/{_generated(deployed, logical_id)}")


def _role(deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> Names:
    """A role's name has 64 characters: of a longer one CloudFormation keeps a part of the stack's name and one of the logical id."""
    chosen = _chosen("RoleName", deployed, logical_id, properties)
    if len(chosen) - 1 + _RANDOM > _LONGEST_ROLE:
        chosen = f"{deployed.stack[:24]}*-{logical_id[:24]}*"
    path = text(properties.get("Path", "/")).strip("/")
    yield ("iam", "role"), arn("iam", f"role/{path}/{chosen}" if path else f"role/{chosen}", "")


def _service(deployed: Deployed, logical_id: str, properties: Mapping[str, Any]) -> Names:
    chosen = _chosen("ServiceName", deployed, logical_id, properties)
    for cluster in _clusters(deployed):
        yield ("ecs", "service"), arn("ecs", f"service/{cluster}/{chosen}")
        yield ("ecs", "service-deployment"), arn("ecs", f"service-deployment/{cluster}/{chosen}/*")
        yield ("ecs", "service-revision"), arn("ecs", f"service-revision/{cluster}/{chosen}/*")
        yield ("ecs", "task"), arn("ecs", f"task/{cluster}/*")


def _clusters(deployed: Deployed) -> list[str]:
    """The names of the stack's clusters; of one that is not the stack's, nothing is known."""
    own = deployed.resources("AWS::ECS::Cluster").items()
    return [_chosen("ClusterName", deployed, name, properties) for name, properties in own] or ["*"]


def _scaling_alarms(deployed: Deployed) -> Iterable[str]:
    """The alarms that target tracking makes for a service bear the service in their names.

    Source: https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html
    """
    if deployed.resources("AWS::ApplicationAutoScaling::ScalingPolicy"):
        for logical_id, properties in deployed.resources("AWS::ECS::Service").items():
            chosen = _chosen("ServiceName", deployed, logical_id, properties)
            yield from (
                arn("cloudwatch", f"alarm:TargetTracking-service/{one}/{chosen.rstrip('*')}*")
                for one in _clusters(deployed)
            )


def _pulled(deployed: Deployed) -> Iterable[str]:
    """The repositories that the roles of the template may pull images from."""
    for properties in deployed.resources("AWS::IAM::Role").values():
        for policy in properties.get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                if "ecr:BatchGetImage" in statement["Action"]:
                    yield from (text(one) for one in statement["Resource"])


_NAMED: Mapping[str, _Naming] = {
    "AWS::CloudWatch::Alarm": _simple("cloudwatch", "alarm", "AlarmName", "alarm:"),
    "AWS::DynamoDB::Table": _simple("dynamodb", "table", "TableName", "table/", ("", "/index/*")),
    "AWS::ECR::Repository": _simple("ecr", "repository", "RepositoryName", "repository/"),
    "AWS::ECS::Cluster": _simple("ecs", "cluster", "ClusterName", "cluster/"),
    "AWS::ECS::Service": _service,
    "AWS::ECS::TaskDefinition": _simple("ecs", "task-definition", "Family", "task-definition/", (":*",)),
    "AWS::IAM::Role": _role,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::S3::Bucket": _bucket,
    "AWS::SNS::Topic": _simple("sns", "topic", "TopicName"),
    "AWS::SQS::Queue": _simple("sqs", "queue", "QueueName"),
    "AWS::SSM::Parameter": _parameter,
}
"""The types whose resources can be told by their names. All others have ids that AWS makes."""


OWNER_TAGS = (SERVICE_TAG, ENVIRONMENT_TAG)
"""The tags by which a resource is told to be of one of these stacks."""

_IMPORTED = frozenset({"network-interface", "route-table", "security-group", "security-group-rule", "subnet", "vpc"})
"""What a template may use without making it: an action that applies to one of these may apply to somebody else's."""

_TOLD = frozenset({"ec2", "elasticfilesystem", "elasticloadbalancing"})
_ENDINGS = ("Delete", "Release")
"""Services whose resources have ids of AWS's and honour ``aws:ResourceTag``, and how the names of what ends them begin."""

_UNNAMED = frozenset({"cloudwatch:DescribeAlarms"})
"""Actions that are asked for without a name, and then want every name allowed.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""

_TAGGERS = frozenset({"ec2:CreateTags", "ec2:DeleteTags"})
_VARIANTS = {"network": "net", "gateway": "gwy"}
"""How IAM tells load balancers and listeners apart by the load balancer's Type; all others are applications'."""

_SPELLINGS = {"AWS::EC2::EIP": "elasticip"}
_ZONES = frozenset({"ec2:DescribeAccountAttributes", "ec2:DescribeAvailabilityZones"})
"""What Fn::GetAZs needs.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getavailabilityzones.html"""


@dataclass(frozen=True)
class Site:
    """All stacks as one.

    ``names`` are the ARNs of what can be told by name, ``made`` what has an id of AWS's, and ``untagged`` those of it that do
    not bear the owner's ``tags`` in the template. ``unknown`` are the types whose schemas do not tell what they need.
    """

    actions: frozenset[str]
    types: frozenset[str]
    names: Mapping[Kind, frozenset[str]]
    made: frozenset[Kind]
    untagged: frozenset[Kind]
    tags: Mapping[str, tuple[str, ...]]
    unknown: tuple[str, ...]

    def arns(self, action: str) -> frozenset[str]:
        """What an action is allowed on, as ARN fragments; nothing where it takes ``*`` alone."""
        targets = () if action in _UNNAMED else targets_of(action)
        found: set[str] = set()
        for target in targets:
            kind = (service_of(action), target.name)
            if kind in self.names:
                found |= self.names[kind]
            elif kind in self.made or (target.name in _IMPORTED and action not in _TAGGERS):
                found.add(_fragment(target.arn))
        return frozenset(found or {_fragment(target.arn) for target in targets})

    def is_told_by_tags(self, action: str) -> bool:
        """Whether an action ends what only the owner's tags tell from what is somebody else's."""
        if service_of(action) not in _TOLD or action in _TAGGERS or not action.partition(":")[2].startswith(_ENDINGS):
            return False
        targets = [(target, (service_of(action), target.name)) for target in targets_of(action)]
        mine = [(target, kind) for target, kind in targets if kind in self.made and kind not in self.names]
        tagged = all(target.tagged and kind not in self.untagged for target, kind in mine)
        return bool(mine) and tagged and all(self.tags.values())


def site_of(stacks: Sequence[Deployed]) -> Site:
    """The stacks as one."""
    resources = [one for stack in stacks for one in stack.template["Resources"].values()]
    calls = [(one, needed(one["Type"], one)) for one in resources]
    variants = frozenset(_VARIANTS.get(one.get("Properties", {}).get("Type"), "app") for one in resources)
    kinds = [(one, _kinds(one["Type"], called, variants)) for one, called in calls if called is not None]
    zones = _ZONES if any(_uses(stack.template["Resources"], "Fn::GetAZs") for stack in stacks) else frozenset()
    return Site(
        actions=zones.union(*(called for _, called in calls if called is not None)),
        types=frozenset(one["Type"] for one in resources),
        names=_joined(named(stack) for stack in stacks),
        made=frozenset(kind for _, found in kinds for kind in found),
        untagged=frozenset(kind for one, found in kinds if not set(OWNER_TAGS) <= set(_tags(one)) for kind in found),
        tags={name: tuple(sorted(set(_values(resources, name)))) for name in OWNER_TAGS},
        unknown=tuple(sorted({one["Type"] for one, called in calls if called is None})),
    )


def service_of(action: str) -> str:
    """``ecs:CreateCluster`` -> ``ecs``."""
    return action.partition(":")[0].lower()


def _joined(all: Iterable[Mapping[Kind, frozenset[str]]]) -> dict[Kind, frozenset[str]]:
    out: dict[Kind, frozenset[str]] = {}
    for names in all:
        for kind, arns in names.items():
            out[kind] = out.get(kind, frozenset()) | arns
    return out


def _tags(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    return tags_of(resource["Type"], resource.get("Properties", {}))


def _values(resources: Iterable[Mapping[str, Any]], name: str) -> Iterator[str]:
    yield from (str(_tags(one)[name]) for one in resources if name in _tags(one))


def _kinds(type: str, called: Iterable[str], variants: frozenset[str]) -> set[Kind]:
    """What IAM calls a resource: the target of its actions that bears the type's name, such as ``natgateway`` or ``listener/app``."""
    _, product, name = type.split("::")
    wanted = _SPELLINGS.get(type, name.lower())
    found: set[Kind] = set()
    for action in called:
        if _plain(service_of(action)).endswith(_plain(product)):
            found |= {
                (service_of(action), one.name)
                for one in targets_of(action)
                if _plain(one.name).partition("/")[0] == wanted
            }
    special = {kind for kind in found if kind[1].partition("/")[2] in variants}
    return special or found


def _plain(word: str) -> str:
    """CloudFormation's word for a service and IAM's in one spelling: ElasticLoadBalancingV2, EFS, application-autoscaling."""
    plain = word.lower().replace("-", "").removesuffix("v2")
    return {"efs": "elasticfilesystem"}.get(plain, plain)


def _fragment(pattern: str) -> str:
    for name, pseudo in (("Partition", "Partition"), ("Region", "Region"), ("Account", "AccountId")):
        pattern = pattern.replace(f"${{{name}}}", f"${{AWS::{pseudo}}}")
    return pattern


def _uses(value: Any, function: str) -> bool:
    if isinstance(value, Mapping):
        return function in value or any(_uses(one, function) for one in value.values())
    return isinstance(value, list) and any(_uses(one, function) for one in value)
