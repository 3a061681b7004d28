"""How long CloudFormation takes for a resource, by type: what a deploy feels like, not a promise."""

from __future__ import annotations

import zlib

USUAL = 4.0
"""Seconds, for a type that is not listed."""

_CREATE = {
    "AWS::ApplicationAutoScaling::ScalableTarget": 6.0,
    "AWS::ApplicationAutoScaling::ScalingPolicy": 2.0,
    "AWS::CloudWatch::Alarm": 6.0,
    "AWS::DynamoDB::Table": 31.0,
    "AWS::EC2::EIP": 14.0,
    "AWS::EC2::InternetGateway": 16.0,
    "AWS::EC2::NatGateway": 100.0,
    "AWS::EC2::Route": 2.0,
    "AWS::EC2::RouteTable": 11.0,
    "AWS::EC2::SecurityGroup": 5.0,
    "AWS::EC2::Subnet": 5.0,
    "AWS::EC2::VPC": 13.0,
    "AWS::EC2::VPCEndpoint": 15.0,
    "AWS::EC2::VPCGatewayAttachment": 2.0,
    "AWS::ECS::Cluster": 8.0,
    "AWS::ECS::Service": 4.0,
    "AWS::ECS::TaskDefinition": 2.0,
    "AWS::EFS::FileSystem": 8.0,
    "AWS::EFS::MountTarget": 85.0,
    "AWS::ElasticLoadBalancingV2::Listener": 3.0,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": 130.0,
    "AWS::ElasticLoadBalancingV2::TargetGroup": 15.0,
    "AWS::IAM::Policy": 16.0,
    "AWS::IAM::Role": 18.0,
    "AWS::Logs::LogGroup": 7.0,
    "AWS::MSK::ServerlessCluster": 180.0,
    "AWS::RDS::DBInstance": 420.0,
    "AWS::S3::Bucket": 20.0,
    "AWS::S3::BucketPolicy": 2.0,
    "AWS::SecretsManager::Secret": 6.0,
    "AWS::SQS::Queue": 62.0,
    "AWS::SQS::QueuePolicy": 2.0,
    "AWS::SSM::Parameter": 3.0,
}
"""Seconds from CREATE_IN_PROGRESS to CREATE_COMPLETE, as events of stacks in us-east-1 tell them, rounded.

A service takes what its rollout takes on top of this.
"""

_UPDATE = {
    "AWS::DynamoDB::Table": 12.0,
    "AWS::ECS::Service": 2.0,
    "AWS::IAM::Role": 16.0,
    "AWS::RDS::DBInstance": 60.0,
    "AWS::SQS::Queue": 62.0,
}
_DELETE = {
    "AWS::DynamoDB::Table": 12.0,
    "AWS::EC2::InternetGateway": 2.0,
    "AWS::EC2::NatGateway": 62.0,
    "AWS::EC2::VPCGatewayAttachment": 12.0,
    "AWS::ECS::Service": 15.0,
    "AWS::EFS::MountTarget": 90.0,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": 9.0,
    "AWS::MSK::ServerlessCluster": 100.0,
    "AWS::RDS::DBInstance": 180.0,
    "AWS::SQS::Queue": 62.0,
}
_SPREAD = 0.2


def seconds(type: str, verb: str, *seed: object) -> float:
    """How long it takes to ``create``, ``update`` or ``delete`` a resource; ``seed`` makes two of one type differ a little."""
    if verb == "create":
        usual = _CREATE.get(type, USUAL)
    elif verb == "update":
        usual = _UPDATE.get(type, min(_CREATE.get(type, USUAL), 8.0))
    else:
        usual = _DELETE.get(type, min(_CREATE.get(type, USUAL), 3.0))
    share = zlib.crc32("|".join(map(str, (type, verb, *seed))).encode()) / 0xFFFFFFFF
    return usual * (1 - _SPREAD / 2 + _SPREAD * share)
