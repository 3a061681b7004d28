"""How AWS names new resources of each type, and what Fn::GetAtt gives that no property tells: patterns, filled in by ``ids``.

``{hex}`` stands for 17 hexadecimal digits, ``{short}`` for 16, ``{uuid}`` for a UUID, ``{name}`` for the name that CloudFormation or the user gave, ``{id}``
for the physical id, ``{last}`` for its last part, ``{p[X]}`` for a property, ``{e[X]}`` for the last part of one, ``{address}`` for an IP address.
Source: the "Return values" of https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/introduction.html
"""

from __future__ import annotations

from collections.abc import Mapping

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
