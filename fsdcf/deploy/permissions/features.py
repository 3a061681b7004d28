"""Which of a handler's actions a resource needs: schemas list what any resource of the type could, ours use a part of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from fsdcf.cloudformation.permissions import Handlers, handlers_of

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
