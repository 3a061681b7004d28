"""What CloudFormation does with a change, as AWS documents it or was recorded to answer: one row, one source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REFERENCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
GUIDE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
API = "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/"
RECORDED = "https://github.com/localstack/localstack/blob/main/tests/aws/services/cloudformation/"
"""Answers of AWS itself, recorded by LocalStack (``markers.aws.validated``); what follows the file is the test's name.
"""

SCHEMA = "https://schema.cloudformation.us-east-1.amazonaws.com/"
"""The resource schemas, a file a type."""

SAMPLES = GUIDE + "using-cfn-updating-stacks-changesets-samples.html"
DELETION = REFERENCE + "aws-attribute-deletionpolicy.html"
UPDATE_REPLACE = REFERENCE + "aws-attribute-updatereplacepolicy.html"
MODIFYING = GUIDE + "using-cfn-updating-stacks-get-template.html"


@dataclass(frozen=True)
class Truth:
    """A title, the template before and after (sections, or resources alone), what is expected, and where it is written.

    ``expected`` has the lines of ``told`` by logical id. ``parameters`` and ``tags`` are pairs of before and after.
    """

    title: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    expected: Mapping[str, list[str]]
    source: str
    parameters: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    tags: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    every_attribute: bool = False
    physical: Mapping[str, str] = field(default_factory=dict)


def page(type: str, name: str = "") -> str:
    """The reference page of a type, at a property."""
    _, service, kind = (part.lower() for part in type.split("::"))
    anchor = f"#cfn-{service}-{kind}-{name.lower()}" if name else ""
    return f"{REFERENCE}aws-resource-{service}-{kind}.html{anchor}"


def schema(type: str) -> str:
    return f"{SCHEMA}{type.lower().replace('::', '-')}.json"


OUTCOME = {
    "Always": "Modify True ReplaceAndDelete",
    "Conditionally": "Modify Conditional ReplaceAndDelete",
    "Never": "Modify False",
}


def update(type: str, name: str, before: Any, after: Any, recreation: str, source: str = "", at: str = "") -> Truth:
    """A property that changes alone; ``at`` leads from the property to the value that differs."""
    one, two = ({"One": {"Type": type, "Properties": {name: value}}} for value in (before, after))
    lines = [OUTCOME[recreation], f"/Properties/{name}{at} {recreation} Static DirectModification"]
    return Truth(f"{type}.{name}{at}", one, two, {"One": lines}, source or page(type, name))


def topic(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def parameter(value: Any, **more: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value, **more}}


def bucket(**attributes: Any) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", **attributes}


CONTAINER = {"Name": "web", "Image": "app:1", "Essential": True}
KEYS = [{"AttributeName": "id", "KeyType": "HASH"}]
ATTRIBUTE = {"AttributeName": "id", "AttributeType": "S"}

UPDATES = [
    update("AWS::ECS::Service", "Cluster", "a", "b", "Always"),
    update("AWS::ECS::Service", "ServiceName", "a", "b", "Always"),
    update("AWS::ECS::Service", "SchedulingStrategy", "REPLICA", "DAEMON", "Always"),
    update("AWS::ECS::Service", "LaunchType", "EC2", "FARGATE", "Conditionally", schema("AWS::ECS::Service")),
    update("AWS::ECS::Service", "TaskDefinition", "app:1", "app:2", "Never"),
    update("AWS::ECS::Service", "DesiredCount", 1, 2, "Never"),
    update("AWS::ECS::Service", "HealthCheckGracePeriodSeconds", 30, 60, "Never"),
    update("AWS::ECS::Service", "EnableExecuteCommand", False, True, "Never"),
    update(
        "AWS::ECS::Service",
        "DeploymentConfiguration",
        {"MaximumPercent": 200},
        {"MaximumPercent": 150},
        "Never",
        at="/MaximumPercent",
    ),
    update(
        "AWS::ECS::TaskDefinition",
        "ContainerDefinitions",
        [CONTAINER],
        [{**CONTAINER, "Image": "app:2"}],
        "Always",
        at="/0/Image",
    ),
    update("AWS::ECS::TaskDefinition", "Cpu", "256", "512", "Always"),
    update("AWS::ECS::TaskDefinition", "Memory", "512", "1024", "Always"),
    update("AWS::ECS::TaskDefinition", "Family", "a", "b", "Always"),
    update("AWS::ECS::TaskDefinition", "TaskRoleArn", "a", "b", "Always"),
    update("AWS::ECS::TaskDefinition", "Volumes", [{"Name": "a"}], [{"Name": "b"}], "Always", at="/0/Name"),
    update("AWS::ECS::Cluster", "ClusterName", "a", "b", "Always"),
    update(
        "AWS::ECS::Cluster",
        "ClusterSettings",
        [{"Name": "containerInsights", "Value": "disabled"}],
        [{"Name": "containerInsights", "Value": "enabled"}],
        "Never",
        at="/0/Value",
    ),
    update("AWS::ElasticLoadBalancingV2::LoadBalancer", "Scheme", "internal", "internet-facing", "Always"),
    update("AWS::ElasticLoadBalancingV2::LoadBalancer", "Name", "a", "b", "Always"),
    update("AWS::ElasticLoadBalancingV2::LoadBalancer", "SecurityGroups", ["sg-1"], ["sg-2"], "Never", at="/0"),
    update("AWS::ElasticLoadBalancingV2::TargetGroup", "Port", 80, 8000, "Always"),
    update("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetType", "instance", "ip", "Always"),
    update("AWS::ElasticLoadBalancingV2::TargetGroup", "HealthCheckPath", "/", "/health", "Never"),
    update("AWS::ElasticLoadBalancingV2::Listener", "LoadBalancerArn", "a", "b", "Always"),
    update("AWS::ElasticLoadBalancingV2::Listener", "Port", 80, 443, "Never"),
    update("AWS::ElasticLoadBalancingV2::ListenerRule", "ListenerArn", "a", "b", "Always"),
    update("AWS::ElasticLoadBalancingV2::ListenerRule", "Priority", 1, 2, "Never"),
    update("AWS::EC2::VPC", "CidrBlock", "10.0.0.0/16", "10.1.0.0/16", "Always"),
    update("AWS::EC2::VPC", "InstanceTenancy", "default", "dedicated", "Conditionally"),
    update("AWS::EC2::VPC", "EnableDnsHostnames", False, True, "Never"),
    update("AWS::EC2::Subnet", "CidrBlock", "10.0.0.0/20", "10.0.16.0/20", "Always"),
    update("AWS::EC2::Subnet", "MapPublicIpOnLaunch", False, True, "Never"),
    update("AWS::EC2::Route", "DestinationCidrBlock", "0.0.0.0/0", "10.0.0.0/8", "Always"),
    update("AWS::EC2::Route", "NatGatewayId", "nat-1", "nat-2", "Never"),
    update("AWS::EC2::NatGateway", "SubnetId", "subnet-1", "subnet-2", "Always"),
    update("AWS::EC2::SecurityGroup", "GroupDescription", "a", "b", "Always"),
    update(
        "AWS::EC2::SecurityGroup",
        "SecurityGroupIngress",
        [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}],
        [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 81}],
        "Never",
        at="/0/ToPort",
    ),
    update("AWS::EC2::SecurityGroupIngress", "FromPort", 80, 81, "Always"),
    update("AWS::EC2::SecurityGroupIngress", "Description", "a", "b", "Never"),
    update("AWS::EC2::VPCEndpoint", "ServiceName", "a", "b", "Always"),
    update("AWS::EC2::VPCEndpoint", "RouteTableIds", ["rtb-1"], ["rtb-1", "rtb-2"], "Never", at="/1"),
    update("AWS::EC2::Instance", "ImageId", "ami-1", "ami-2", "Always"),
    update("AWS::EC2::Instance", "InstanceType", "t3.micro", "t3.small", "Conditionally"),
    update("AWS::IAM::Role", "RoleName", "a", "b", "Always"),
    update("AWS::IAM::Role", "Path", "/a/", "/b/", "Always"),
    update(
        "AWS::IAM::Role",
        "AssumeRolePolicyDocument",
        {"Version": "2008-10-17"},
        {"Version": "2012-10-17"},
        "Never",
        at="/Version",
    ),
    update("AWS::IAM::ManagedPolicy", "Description", "a", "b", "Always"),
    update("AWS::DynamoDB::Table", "TableName", "a", "b", "Always"),
    update(
        "AWS::DynamoDB::Table",
        "KeySchema",
        KEYS,
        [{**KEYS[0], "AttributeName": "key"}],
        "Conditionally",
        schema("AWS::DynamoDB::Table"),
        at="/0/AttributeName",
    ),
    update(
        "AWS::DynamoDB::Table",
        "AttributeDefinitions",
        [ATTRIBUTE],
        [{**ATTRIBUTE, "AttributeType": "N"}],
        "Conditionally",
        at="/0/AttributeType",
    ),
    update(
        "AWS::DynamoDB::Table",
        "AttributeDefinitions",
        [ATTRIBUTE],
        [ATTRIBUTE, {"AttributeName": "b", "AttributeType": "S"}],
        "Never",
        "https://github.com/go-to-k/cdkd/pull/887",
        at="/1",
    ),
    update(
        "AWS::DynamoDB::Table",
        "LocalSecondaryIndexes",
        [{"IndexName": "a"}],
        [{"IndexName": "b"}],
        "Always",
        at="/0/IndexName",
    ),
    update("AWS::DynamoDB::Table", "BillingMode", "PROVISIONED", "PAY_PER_REQUEST", "Never"),
    update("AWS::DynamoDB::Table", "DeletionProtectionEnabled", False, True, "Never"),
    update("AWS::EFS::FileSystem", "Encrypted", False, True, "Always"),
    update("AWS::EFS::FileSystem", "PerformanceMode", "generalPurpose", "maxIO", "Always"),
    update("AWS::EFS::FileSystem", "ThroughputMode", "bursting", "elastic", "Never"),
    update(
        "AWS::EFS::AccessPoint", "PosixUser", {"Uid": "1", "Gid": "1"}, {"Uid": "2", "Gid": "1"}, "Always", at="/Uid"
    ),
    update("AWS::EFS::MountTarget", "SubnetId", "subnet-1", "subnet-2", "Always"),
    update("AWS::EFS::MountTarget", "SecurityGroups", ["sg-1"], ["sg-2"], "Never", at="/0"),
    update("AWS::S3::Bucket", "BucketName", "a", "b", "Always"),
    update(
        "AWS::S3::Bucket",
        "VersioningConfiguration",
        {"Status": "Suspended"},
        {"Status": "Enabled"},
        "Never",
        at="/Status",
    ),
    update("AWS::SQS::Queue", "QueueName", "a", "b", "Always"),
    update("AWS::SQS::Queue", "FifoQueue", False, True, "Always"),
    update("AWS::SQS::Queue", "VisibilityTimeout", 30, 60, "Never"),
    update("AWS::Logs::LogGroup", "LogGroupName", "a", "b", "Always"),
    update("AWS::Logs::LogGroup", "RetentionInDays", 7, 30, "Never"),
    update("AWS::SSM::Parameter", "Name", "a", "b", "Always"),
    update("AWS::SSM::Parameter", "Value", "a", "b", "Never"),
    update("AWS::ApplicationAutoScaling::ScalableTarget", "ResourceId", "a", "b", "Always"),
    update("AWS::ApplicationAutoScaling::ScalableTarget", "MaxCapacity", 2, 4, "Never"),
    update("AWS::ApplicationAutoScaling::ScalingPolicy", "PolicyName", "a", "b", "Always"),
    update(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "TargetTrackingScalingPolicyConfiguration",
        {"TargetValue": 50},
        {"TargetValue": 70},
        "Never",
        at="/TargetValue",
    ),
    update("AWS::CloudWatch::Alarm", "AlarmName", "a", "b", "Always"),
    update("AWS::CloudWatch::Alarm", "Threshold", 1, 2, "Never"),
    update("AWS::SNS::Subscription", "Endpoint", "a@example.org", "b@example.org", "Always"),
    update("AWS::KMS::Alias", "AliasName", "alias/a", "alias/b", "Always"),
    update("AWS::KMS::Key", "EnableKeyRotation", False, True, "Never"),
    update("AWS::SecretsManager::Secret", "Name", "a", "b", "Always"),
    update("AWS::Kinesis::Stream", "Name", "a", "b", "Always"),
    update("AWS::Kinesis::Stream", "ShardCount", 1, 2, "Never"),
    update("AWS::RDS::DBInstance", "DBInstanceIdentifier", "a", "b", "Always"),
    update("AWS::RDS::DBInstance", "MasterUsername", "a", "b", "Always"),
    update("AWS::RDS::DBInstance", "Engine", "mysql", "postgres", "Conditionally", schema("AWS::RDS::DBInstance")),
    update("AWS::RDS::DBInstance", "AllocatedStorage", "20", "40", "Never"),
    update("AWS::ElastiCache::ReplicationGroup", "Port", 6379, 6380, "Always"),
    update("AWS::Lambda::Function", "FunctionName", "a", "b", "Always"),
    update("AWS::Lambda::Function", "MemorySize", 128, 256, "Never"),
    update("AWS::ECR::Repository", "RepositoryName", "a", "b", "Always"),
    update("AWS::ECR::Repository", "ImageTagMutability", "MUTABLE", "IMMUTABLE", "Never"),
    update("AWS::ServiceDiscovery::Service", "Name", "a", "b", "Always"),
    update("AWS::Backup::BackupVault", "BackupVaultName", "a", "b", "Always"),
    update("AWS::Events::Rule", "Name", "a", "b", "Always"),
    update("AWS::CertificateManager::Certificate", "DomainName", "a.example.org", "b.example.org", "Always"),
    update("AWS::WAFv2::WebACL", "Scope", "REGIONAL", "CLOUDFRONT", "Always"),
]

ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17"}}}
SUBNET = {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/20"}}


def vpc(block: str) -> dict[str, Any]:
    return {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": block}}


def service(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "TaskDefinition"}, **properties}}


TASK = {
    "Type": "AWS::ECS::TaskDefinition",
    "Properties": {
        "ContainerDefinitions": [
            {
                "Name": "web",
                "Image": {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:${ImageSha}"},
            }
        ]
    },
}
RELEASE = {
    "Parameters": {"ImageSha": {"Type": "String"}},
    "Resources": {
        "Role": ROLE,
        "TaskDefinition": TASK,
        "Service": service(ServiceName="web"),
        "Release": parameter({"Fn::Sub": "app:${ImageSha}"}),
        "Target": {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {
                "ResourceId": {"Fn::Sub": "service/cluster/${Service.Name}"},
                "MinCapacity": 1,
                "MaxCapacity": 2,
            },
        },
    },
}
RELEASED = {
    "TaskDefinition": [
        "Modify True ReplaceAndDelete",
        "/Properties/ContainerDefinitions/0/Image Always Dynamic DirectModification",
        "/Properties/ContainerDefinitions/0/Image Always Static ParameterReference ImageSha",
    ],
    "Service": [
        "Modify False",
        "/Properties/TaskDefinition Never Dynamic DirectModification",
        "/Properties/TaskDefinition Never Static ResourceReference TaskDefinition",
    ],
    "Release": [
        "Modify False",
        "/Properties/Value Never Dynamic DirectModification",
        "/Properties/Value Never Static ParameterReference ImageSha",
    ],
}

FOLLOWS_TOPIC = [
    "Modify False",
    "/Properties/Value Never Dynamic DirectModification",
    "/Properties/Value Never Static ResourceAttribute Foo.TopicName",
]
RENAMED = ["Modify True ReplaceAndDelete", "/Properties/TopicName Always Static DirectModification"]
NAMED_BY_PARAMETER = [
    "Modify True ReplaceAndDelete",
    "/Properties/TopicName Always Dynamic DirectModification",
    "/Properties/TopicName Always Static ParameterReference TopicName",
]
INSTANCE = {
    "Parameters": {name: {"Type": "String"} for name in ("Purpose", "KeyPairName", "InstanceType")},
    "Resources": {
        "MyEC2Instance": {
            "Type": "AWS::EC2::Instance",
            "Properties": {
                "KeyName": {"Ref": "KeyPairName"},
                "InstanceType": {"Ref": "InstanceType"},
                "ImageId": "ami-8fcee4e5",
                "Tags": [{"Key": "Purpose", "Value": {"Ref": "Purpose"}}],
            },
        }
    },
}
CHOSEN = {"Purpose": "testing", "KeyPairName": "MyKeyName", "InstanceType": "t2.micro"}
TWO = {
    "Topic1": topic(TopicName="one", DisplayName="a"),
    "Topic2": topic(TopicName="two", DisplayName={"Ref": "Topic1"}),
}
CHAIN = {
    "Topic1": topic(TopicName="one", DisplayName="a"),
    "Topic2": topic(TopicName="two", DisplayName={"Fn::GetAtt": ["Topic1", "DisplayName"]}),
}
MAPPED = {
    "Mappings": {"Map": {"Key": {"one": "topic-1", "two": "topic-2"}}},
    "Resources": {
        "Foo": topic(TopicName={"Fn::FindInMap": ["Map", "Key", "one"]}),
        "Parameter": parameter({"Fn::GetAtt": ["Foo", "TopicName"]}),
    },
}
LOOKED_UP = {
    **MAPPED,
    "Parameters": {"TopicName": {"Type": "String"}},
    "Resources": {
        "Foo": topic(TopicName={"Fn::FindInMap": ["Map", "Key", {"Ref": "TopicName"}]}),
        "Parameter": parameter({"Fn::GetAtt": ["Foo", "TopicName"]}),
    },
}
SWITCHED = {
    "Parameters": {"Stage": {"Type": "String"}},
    "Conditions": {"IsProduction": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
    "Resources": {"Bucket": bucket(), "Parameter": {**parameter("x"), "Condition": "IsProduction"}},
}
STAGES = ({"Stage": "test"}, {"Stage": "prod"})


def template(base: Mapping[str, Any], **resources: Any) -> dict[str, Any]:
    """A template with other resources."""
    return {**base, "Resources": {**base["Resources"], **resources}}


SAMPLE_ROWS = [
    Truth(
        "a new tag, written into the template",
        INSTANCE,
        template(
            INSTANCE,
            MyEC2Instance={
                "Type": "AWS::EC2::Instance",
                "Properties": {
                    **INSTANCE["Resources"]["MyEC2Instance"]["Properties"],
                    "Tags": [{"Key": "Purpose", "Value": {"Ref": "Purpose"}}, {"Key": "New", "Value": "tag"}],
                },
            },
        ),
        {"MyEC2Instance": ["Modify False", "/Properties/Tags/1 Never Static DirectModification"]},
        SAMPLES,
        (CHOSEN, CHOSEN),
    ),
    Truth(
        "a parameter that a tag uses",
        INSTANCE,
        INSTANCE,
        {
            "MyEC2Instance": [
                "Modify False",
                "/Properties/Tags/0/Value Never Dynamic DirectModification",
                "/Properties/Tags/0/Value Never Static ParameterReference Purpose",
            ]
        },
        SAMPLES,
        (CHOSEN, {**CHOSEN, "Purpose": "production"}),
    ),
    Truth(
        "parameters of every impact",
        INSTANCE,
        INSTANCE,
        {
            "MyEC2Instance": [
                "Modify True ReplaceAndDelete",
                "/Properties/InstanceType Conditionally Dynamic DirectModification",
                "/Properties/InstanceType Conditionally Static ParameterReference InstanceType",
                "/Properties/KeyName Always Dynamic DirectModification",
                "/Properties/KeyName Always Static ParameterReference KeyPairName",
                "/Properties/Tags/0/Value Never Dynamic DirectModification",
                "/Properties/Tags/0/Value Never Static ParameterReference Purpose",
            ]
        },
        SAMPLES,
        (CHOSEN, {"Purpose": "production", "KeyPairName": "MyNewKeyName", "InstanceType": "t2.small"}),
    ),
    Truth(
        "a conditional property alone",
        INSTANCE,
        INSTANCE,
        {
            "MyEC2Instance": [
                "Modify Conditional ReplaceAndDelete",
                "/Properties/InstanceType Conditionally Dynamic DirectModification",
                "/Properties/InstanceType Conditionally Static ParameterReference InstanceType",
            ]
        },
        SAMPLES,
        (CHOSEN, {**CHOSEN, "InstanceType": "t2.small"}),
    ),
    Truth(
        "resources added and removed",
        {"MyEC2Instance": {"Type": "AWS::EC2::Instance"}},
        {
            "AutoScalingGroup": {"Type": "AWS::AutoScaling::AutoScalingGroup"},
            "LaunchConfig": {"Type": "AWS::AutoScaling::LaunchConfiguration"},
        },
        {"AutoScalingGroup": ["Add"], "LaunchConfig": ["Add"], "MyEC2Instance": ["Remove Delete"]},
        SAMPLES,
    ),
]

RECORDED_ROWS = [
    Truth(
        "a custom name changes",
        {"Foo": topic(TopicName="topic-1")},
        {"Foo": topic(TopicName="topic-2")},
        {"Foo": RENAMED},
        RECORDED + "test_change_sets.snapshot.json#test_direct_update",
    ),
    Truth(
        "an attribute of a replaced resource",
        {"Foo": topic(TopicName="topic-1"), "Parameter": parameter({"Fn::GetAtt": ["Foo", "TopicName"]})},
        {"Foo": topic(TopicName="topic-2"), "Parameter": parameter({"Fn::GetAtt": ["Foo", "TopicName"]})},
        {"Foo": RENAMED, "Parameter": FOLLOWS_TOPIC},
        RECORDED + "test_change_sets.snapshot.json#test_dynamic_update",
    ),
    Truth(
        "a parameter replaces a resource, another follows",
        {
            "Parameters": {"TopicName": {"Type": "String"}},
            "Resources": {
                "Foo": topic(TopicName={"Ref": "TopicName"}),
                "Parameter": parameter({"Fn::GetAtt": ["Foo", "TopicName"]}),
            },
        },
        {
            "Parameters": {"TopicName": {"Type": "String"}},
            "Resources": {
                "Foo": topic(TopicName={"Ref": "TopicName"}),
                "Parameter": parameter({"Fn::GetAtt": ["Foo", "TopicName"]}),
            },
        },
        {"Foo": NAMED_BY_PARAMETER, "Parameter": FOLLOWS_TOPIC},
        RECORDED + "test_change_sets.snapshot.json#test_parameter_changes",
        ({"TopicName": "topic-1"}, {"TopicName": "topic-2"}),
    ),
    Truth(
        "another key of a mapping",
        MAPPED,
        template(MAPPED, Foo=topic(TopicName={"Fn::FindInMap": ["Map", "Key", "two"]})),
        {"Foo": RENAMED, "Parameter": FOLLOWS_TOPIC},
        RECORDED + "test_change_sets.snapshot.json#test_mappings_with_static_fields",
    ),
    Truth(
        "a parameter as the key of a mapping",
        LOOKED_UP,
        LOOKED_UP,
        {"Foo": NAMED_BY_PARAMETER, "Parameter": FOLLOWS_TOPIC},
        RECORDED + "test_change_sets.snapshot.json#test_mappings_with_parameter_lookup",
        ({"TopicName": "one"}, {"TopicName": "two"}),
    ),
    Truth(
        "a mapping's value changes",
        {**MAPPED, "Resources": {"One": parameter({"Fn::FindInMap": ["Map", "Key", "one"]})}},
        {
            "Mappings": {"Map": {"Key": {"one": "other"}}},
            "Resources": {"One": parameter({"Fn::FindInMap": ["Map", "Key", "one"]})},
        },
        {"One": ["Modify False", "/Properties/Value Never Static DirectModification"]},
        RECORDED + "test_change_sets.snapshot.json#test_base_mapping_scenarios",
    ),
    Truth(
        "a parameter in an SSM parameter",
        {
            "Parameters": {"ParameterValue": {"Type": "String"}},
            "Resources": {"Parameter": parameter({"Ref": "ParameterValue"})},
        },
        {
            "Parameters": {"ParameterValue": {"Type": "String"}},
            "Resources": {"Parameter": parameter({"Ref": "ParameterValue"})},
        },
        {
            "Parameter": [
                "Modify False",
                "/Properties/Value Never Dynamic DirectModification",
                "/Properties/Value Never Static ParameterReference ParameterValue",
            ]
        },
        RECORDED + "test_change_sets.snapshot.json#test_base_dynamic_parameter_scenarios[change_dynamic]",
        ({"ParameterValue": "value-1"}, {"ParameterValue": "value-2"}),
    ),
    Truth(
        "a condition switches a resource on",
        SWITCHED,
        SWITCHED,
        {"Parameter": ["Add"]},
        RECORDED + "test_change_sets.snapshot.json#test_conditions",
        STAGES,
    ),
    Truth(
        "a condition switches a resource off",
        SWITCHED,
        SWITCHED,
        {"Parameter": ["Remove Delete"]},
        RECORDED + "test_change_set_conditions.snapshot.json#test_condition_update_removes_resource",
        STAGES[::-1],
    ),
    Truth(
        "a Ref to a resource updated in place",
        TWO,
        {**TWO, "Topic1": topic(TopicName="one", DisplayName="b")},
        {"Topic1": ["Modify False", "/Properties/DisplayName Never Static DirectModification"]},
        RECORDED + "test_change_set_ref.snapshot.json#test_direct_attribute_value_change",
    ),
    Truth(
        "a Ref to a resource that is replaced",
        TWO,
        {**TWO, "Topic1": topic(TopicName="new", DisplayName="b")},
        {
            "Topic1": [
                "Modify True ReplaceAndDelete",
                "/Properties/DisplayName Never Static DirectModification",
                "/Properties/TopicName Always Static DirectModification",
            ],
            "Topic2": [
                "Modify False",
                "/Properties/DisplayName Never Dynamic DirectModification",
                "/Properties/DisplayName Never Static ResourceReference Topic1",
            ],
        },
        RECORDED + "test_change_set_ref.snapshot.json#test_immutable_property_update_causes_resource_replacement",
    ),
    Truth(
        "a Ref in a resource that is added",
        {"Topic1": TWO["Topic1"]},
        TWO,
        {"Topic2": ["Add"]},
        RECORDED + "test_change_set_ref.snapshot.json#test_resource_addition",
    ),
    Truth(
        "a property that another resource reads changes in place",
        CHAIN,
        {**CHAIN, "Topic1": topic(TopicName="one", DisplayName="b")},
        {
            "Topic1": ["Modify False", "/Properties/DisplayName Never Static DirectModification"],
            "Topic2": ["Modify False", "/Properties/DisplayName Never Dynamic ResourceAttribute Topic1.DisplayName"],
        },
        RECORDED + "test_change_set_fn_get_attr.snapshot.json#test_direct_attribute_value_change",
    ),
    Truth(
        "a resource that others name in DependsOn changes",
        {
            "Topic1": topic(TopicName="one", DisplayName="a"),
            "Topic2": {**topic(TopicName="two"), "DependsOn": "Topic1"},
        },
        {
            "Topic1": topic(TopicName="one", DisplayName="b"),
            "Topic2": {**topic(TopicName="two"), "DependsOn": "Topic1"},
        },
        {"Topic1": ["Modify False", "/Properties/DisplayName Never Static DirectModification"]},
        RECORDED + "test_change_set_depends_on.snapshot.json#test_update_depended_resource",
    ),
    Truth(
        "another property than the one that is read changes",
        {
            "Parameter1": parameter("v", Description="a"),
            "Parameter2": parameter({"Fn::GetAtt": ["Parameter1", "Value"]}),
        },
        {
            "Parameter1": parameter("v", Description="b"),
            "Parameter2": parameter({"Fn::GetAtt": ["Parameter1", "Value"]}),
        },
        {"Parameter1": ["Modify False", "/Properties/Description Never Static DirectModification"]},
        RECORDED + "test_change_sets.py#test_unrelated_changes_update_propagation",
    ),
    Truth(
        "the same, as DescribeChangeSet lists it without property values",
        {
            "Parameter1": parameter("v", Description="a"),
            "Parameter2": parameter({"Fn::GetAtt": ["Parameter1", "Value"]}),
        },
        {
            "Parameter1": parameter("v", Description="b"),
            "Parameter2": parameter({"Fn::GetAtt": ["Parameter1", "Value"]}),
        },
        {
            "Parameter1": ["Modify False", "/Properties/Description Never Static DirectModification"],
            "Parameter2": ["Modify False", "/Properties/Value Never Dynamic ResourceAttribute Parameter1.Value"],
        },
        RECORDED + "test_change_sets.py#test_base_dynamic_parameter_scenarios",
        every_attribute=True,
    ),
    Truth(
        "the resource that is read is replaced, its value stays",
        {"Parameter1": parameter("v", Name="a"), "Parameter2": parameter({"Fn::GetAtt": ["Parameter1", "Value"]})},
        {"Parameter1": parameter("v", Name="b"), "Parameter2": parameter({"Fn::GetAtt": ["Parameter1", "Value"]})},
        {
            "Parameter1": ["Modify True ReplaceAndDelete", "/Properties/Name Always Static DirectModification"],
            "Parameter2": [
                "Modify False",
                "/Properties/Value Never Dynamic DirectModification",
                "/Properties/Value Never Static ResourceAttribute Parameter1.Value",
            ],
        },
        RECORDED + "test_change_sets.py#test_unrelated_changes_requires_replacement",
    ),
]

FOLLOWING_ROWS = [
    Truth(
        "a new image: task definition, service and release record, nothing else",
        RELEASE,
        RELEASE,
        RELEASED,
        page("AWS::ECS::TaskDefinition", "ContainerDefinitions"),
        ({"ImageSha": "a1"}, {"ImageSha": "b2"}),
    ),
    Truth(
        "a replaced VPC replaces its subnets",
        {"Vpc": vpc("10.0.0.0/16"), "Subnet": SUBNET},
        {"Vpc": vpc("10.1.0.0/16"), "Subnet": SUBNET},
        {
            "Vpc": ["Modify True ReplaceAndDelete", "/Properties/CidrBlock Always Static DirectModification"],
            "Subnet": [
                "Modify True ReplaceAndDelete",
                "/Properties/VpcId Always Dynamic DirectModification",
                "/Properties/VpcId Always Static ResourceReference Vpc",
            ],
        },
        MODIFYING,
    ),
    Truth(
        "what may be replaced may replace what refers to it",
        {
            "Server": {"Type": "AWS::EC2::Instance", "Properties": {"InstanceType": "a"}},
            "Eip": {"Type": "AWS::EC2::VolumeAttachment", "Properties": {"InstanceId": {"Ref": "Server"}}},
        },
        {
            "Server": {"Type": "AWS::EC2::Instance", "Properties": {"InstanceType": "b"}},
            "Eip": {"Type": "AWS::EC2::VolumeAttachment", "Properties": {"InstanceId": {"Ref": "Server"}}},
        },
        {
            "Server": [
                "Modify Conditional ReplaceAndDelete",
                "/Properties/InstanceType Conditionally Static DirectModification",
            ],
            "Eip": [
                "Modify Conditional ReplaceAndDelete",
                "/Properties/InstanceId Always Dynamic ResourceReference Server",
            ],
        },
        API + "API_ResourceChangeDetail.html",
    ),
    Truth(
        "Fn::Sub follows as Ref and Fn::GetAtt do",
        {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "a"}},
            "One": parameter({"Fn::Sub": "${Queue} ${Queue.Arn} ${!Queue}"}),
        },
        {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "b"}},
            "One": parameter({"Fn::Sub": "${Queue} ${Queue.Arn} ${!Queue}"}),
        },
        {
            "Queue": ["Modify True ReplaceAndDelete", "/Properties/QueueName Always Static DirectModification"],
            "One": [
                "Modify False",
                "/Properties/Value Never Dynamic DirectModification",
                "/Properties/Value Never Static ResourceReference Queue",
                "/Properties/Value Never Static ResourceAttribute Queue.Arn",
            ],
        },
        REFERENCE + "intrinsic-function-reference-sub.html",
    ),
    Truth(
        "an ARN stays where the resource stays",
        {"Role": ROLE, "One": parameter({"Fn::GetAtt": ["Role", "Arn"]})},
        {
            "Role": {**ROLE, "Properties": {**ROLE["Properties"], "MaxSessionDuration": 7200}},
            "One": parameter({"Fn::GetAtt": ["Role", "Arn"]}),
        },
        {"Role": ["Modify False", "/Properties/MaxSessionDuration Never Static DirectModification"]},
        GUIDE + "using-cfn-updating-stacks-update-behaviors.html#update-no-interrupt",
    ),
    Truth(
        "a new stream has a new ARN",
        {
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}},
            },
            "One": parameter({"Fn::GetAtt": ["Table", "StreamArn"]}),
        },
        {
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {"StreamSpecification": {"StreamViewType": "NEW_IMAGE"}},
            },
            "One": parameter({"Fn::GetAtt": ["Table", "StreamArn"]}),
        },
        {
            "Table": ["Modify False", "/Properties/StreamSpecification/StreamViewType Never Static DirectModification"],
            "One": ["Modify False", "/Properties/Value Never Dynamic ResourceAttribute Table.StreamArn"],
        },
        page("AWS::DynamoDB::Table", "StreamSpecification"),
    ),
    Truth(
        "a launch template has a new version",
        {
            "Launch": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"ImageId": "a"}}},
            "One": parameter({"Fn::GetAtt": ["Launch", "LatestVersionNumber"]}),
        },
        {
            "Launch": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"ImageId": "b"}}},
            "One": parameter({"Fn::GetAtt": ["Launch", "LatestVersionNumber"]}),
        },
        {
            "Launch": ["Modify False", "/Properties/LaunchTemplateData/ImageId Never Static DirectModification"],
            "One": ["Modify False", "/Properties/Value Never Dynamic ResourceAttribute Launch.LatestVersionNumber"],
        },
        page("AWS::EC2::LaunchTemplate"),
    ),
    Truth(
        "a custom resource may answer anything",
        {
            "Custom": {"Type": "Custom::Thing", "Properties": {"ServiceToken": "t", "A": 1}},
            "One": parameter({"Fn::GetAtt": ["Custom", "Answer"]}),
        },
        {
            "Custom": {"Type": "Custom::Thing", "Properties": {"ServiceToken": "t", "A": 2}},
            "One": parameter({"Fn::GetAtt": ["Custom", "Answer"]}),
        },
        {
            "Custom": ["Modify False", "/Properties/A Never Static DirectModification"],
            "One": ["Modify False", "/Properties/Value Never Dynamic ResourceAttribute Custom.Answer"],
        },
        page("AWS::CloudFormation::CustomResource"),
    ),
    Truth(
        "a custom resource of another function",
        {"Custom": {"Type": "Custom::Thing", "Properties": {"ServiceToken": "a"}}},
        {"Custom": {"Type": "Custom::Thing", "Properties": {"ServiceToken": "b"}}},
        {"Custom": ["Modify True ReplaceAndDelete", "/Properties/ServiceToken Always Static DirectModification"]},
        page("AWS::CloudFormation::CustomResource", "ServiceToken"),
    ),
    Truth(
        "another logical id is another resource",
        {"Old": bucket()},
        {"New": bucket()},
        {"New": ["Add"], "Old": ["Remove Delete"]},
        MODIFYING,
    ),
    Truth(
        "no stack yet",
        {},
        {"Bucket": bucket(), "Queue": {"Type": "AWS::SQS::Queue"}},
        {"Bucket": ["Add"], "Queue": ["Add"]},
        API + "API_ResourceChange.html",
    ),
]

POLICY_ROWS = [
    Truth(
        "Retain keeps what leaves the template",
        {"B": bucket(DeletionPolicy="Retain"), "Q": bucket()},
        {"Q": bucket()},
        {"B": ["Remove Retain"]},
        DELETION,
    ),
    Truth(
        "RetainExceptOnCreate keeps it as well",
        {"B": bucket(DeletionPolicy="RetainExceptOnCreate"), "Q": bucket()},
        {"Q": bucket()},
        {"B": ["Remove Retain"]},
        DELETION,
    ),
    Truth(
        "Delete deletes",
        {"B": bucket(DeletionPolicy="Delete"), "Q": bucket()},
        {"Q": bucket()},
        {"B": ["Remove Delete"]},
        DELETION,
    ),
    Truth(
        "Snapshot where it can be made",
        {"V": {"Type": "AWS::EC2::Volume", "DeletionPolicy": "Snapshot"}, "Q": bucket()},
        {"Q": bucket()},
        {"V": ["Remove Snapshot"]},
        DELETION,
    ),
    Truth(
        "a database without a policy is kept as a snapshot",
        {"D": {"Type": "AWS::RDS::DBInstance"}, "Q": bucket()},
        {"Q": bucket()},
        {"D": ["Remove Snapshot"]},
        DELETION,
    ),
    Truth(
        "but not one of a cluster",
        {"D": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBClusterIdentifier": "c"}}, "Q": bucket()},
        {"Q": bucket()},
        {"D": ["Remove Delete"]},
        DELETION,
    ),
    Truth(
        "the cluster itself is",
        {"D": {"Type": "AWS::RDS::DBCluster"}, "Q": bucket()},
        {"Q": bucket()},
        {"D": ["Remove Snapshot"]},
        DELETION,
    ),
    Truth(
        "UpdateReplacePolicy Retain",
        {"B": bucket(UpdateReplacePolicy="Retain", Properties={"BucketName": "a"})},
        {"B": bucket(UpdateReplacePolicy="Retain", Properties={"BucketName": "b"})},
        {"B": ["Modify True ReplaceAndRetain", "/Properties/BucketName Always Static DirectModification"]},
        UPDATE_REPLACE,
    ),
    Truth(
        "UpdateReplacePolicy Snapshot",
        {"D": {"Type": "AWS::RDS::DBInstance", "UpdateReplacePolicy": "Snapshot", "Properties": {"DBName": "a"}}},
        {"D": {"Type": "AWS::RDS::DBInstance", "UpdateReplacePolicy": "Snapshot", "Properties": {"DBName": "b"}}},
        {"D": ["Modify True ReplaceAndSnapshot", "/Properties/DBName Always Static DirectModification"]},
        UPDATE_REPLACE,
    ),
    Truth(
        "Snapshot of what has none is Delete",
        {"B": bucket(UpdateReplacePolicy="Snapshot", Properties={"BucketName": "a"})},
        {"B": bucket(UpdateReplacePolicy="Snapshot", Properties={"BucketName": "b"})},
        {"B": ["Modify True ReplaceAndDelete", "/Properties/BucketName Always Static DirectModification"]},
        UPDATE_REPLACE,
    ),
    Truth(
        "DeletionPolicy is nothing to a replacement",
        {"B": bucket(DeletionPolicy="Retain", Properties={"BucketName": "a"})},
        {"B": bucket(DeletionPolicy="Retain", Properties={"BucketName": "b"})},
        {"B": ["Modify True ReplaceAndDelete", "/Properties/BucketName Always Static DirectModification"]},
        UPDATE_REPLACE,
    ),
    Truth(
        "a policy that changes alone",
        {"B": bucket(UpdateReplacePolicy="Delete")},
        {"B": bucket(UpdateReplacePolicy="Retain")},
        {"B": ["Modify False", "/UpdateReplacePolicy Never Static DirectModification"]},
        "https://github.com/ministackorg/ministack/pull/1646",
    ),
    Truth(
        "a DeletionPolicy that is added alone",
        {"B": bucket()},
        {"B": bucket(DeletionPolicy="Retain")},
        {"B": ["Modify False", "/DeletionPolicy Never Static DirectModification"]},
        "https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1543",
    ),
]

BESIDE_ROWS = [
    Truth(
        "metadata alone",
        {"B": bucket(Metadata={"a": {"b": 1}})},
        {"B": bucket(Metadata={"a": {"b": 2}})},
        {"B": ["Modify False", "/Metadata/a/b Never Static DirectModification"]},
        MODIFYING,
    ),
    Truth(
        "DependsOn alone",
        {"A": bucket(), "B": bucket()},
        {"A": bucket(), "B": bucket(DependsOn=["A"])},
        {},
        "https://github.com/ministackorg/ministack/pull/1646",
    ),
    Truth(
        "outputs alone",
        {"Resources": {"B": bucket()}},
        {"Resources": {"B": bucket()}, "Outputs": {"Name": {"Value": {"Ref": "B"}}}},
        {},
        MODIFYING,
    ),
    Truth(
        "a parameter that nothing uses",
        {"Resources": {"B": bucket()}},
        {"Resources": {"B": bucket()}, "Parameters": {"P": {"Type": "String", "Default": "x"}}},
        {},
        "https://github.com/aws/aws-cdk/issues/11521",
    ),
    Truth(
        "a mapping that nothing uses",
        {"Resources": {"B": bucket()}},
        {"Resources": {"B": bucket()}, "Mappings": {"M": {"a": {"b": "c"}}}},
        {},
        MODIFYING,
    ),
    Truth(
        "a condition that nothing uses",
        {"Resources": {"B": bucket()}},
        {"Resources": {"B": bucket()}, "Conditions": {"C": {"Fn::Equals": ["a", "a"]}}},
        {},
        MODIFYING,
    ),
    Truth(
        "numbers and texts of one value",
        {"T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": 256, "Memory": 512}}},
        {"T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "256", "Memory": "512"}}},
        {},
        "https://github.com/envato/stack_master/issues/244",
    ),
    Truth(
        "AWS::NoValue is no value",
        {
            "B": bucket(
                Properties={"VersioningConfiguration": {"Ref": "AWS::NoValue"}, "Tags": [{"Ref": "AWS::NoValue"}]}
            )
        },
        {"B": bucket(Properties={"Tags": []})},
        {},
        GUIDE + "pseudo-parameter-reference.html",
    ),
    Truth(
        "a property that becomes AWS::NoValue is removed",
        {"L": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}}},
        {"L": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": {"Ref": "AWS::NoValue"}}}},
        {"L": ["Modify False", "/Properties/RetentionInDays Never Static DirectModification"]},
        GUIDE + "pseudo-parameter-reference.html",
    ),
    Truth(
        "a condition chooses another value",
        {**SWITCHED, "Resources": {"One": parameter({"Fn::If": ["IsProduction", "a", "b"]})}},
        {**SWITCHED, "Resources": {"One": parameter({"Fn::If": ["IsProduction", "a", "b"]})}},
        {
            "One": [
                "Modify False",
                "/Properties/Value Never Dynamic DirectModification",
                "/Properties/Value Never Static ParameterReference Stage",
            ]
        },
        SAMPLES,
        STAGES,
    ),
    Truth(
        "the other branch is nothing to it",
        {**SWITCHED, "Resources": {"One": parameter({"Fn::If": ["IsProduction", "a", "b"]})}},
        {**SWITCHED, "Resources": {"One": parameter({"Fn::If": ["IsProduction", "other", "b"]})}},
        {},
        GUIDE + "conditions-section-structure.html",
        ({"Stage": "test"}, {"Stage": "test"}),
    ),
    Truth(
        "the same value, written in another way",
        {"One": parameter("a-b")},
        {"One": parameter({"Fn::Join": ["-", ["a", {"Fn::Select": [1, ["x", "b"]]}]]})},
        {},
        MODIFYING,
    ),
    Truth(
        "stack tags go to what can have tags",
        {"Q": {"Type": "AWS::SQS::Queue"}, "P": {"Type": "AWS::SQS::QueuePolicy"}},
        {"Q": {"Type": "AWS::SQS::Queue"}, "P": {"Type": "AWS::SQS::QueuePolicy"}},
        {"Q": ["Modify False", "/Properties/Tags/team Never Static DirectModification"]},
        REFERENCE + "aws-properties-resource-tags.html",
        tags=({"team": "a"}, {"team": "b"}),
    ),
    Truth(
        "a resource's own tag comes before the stack's",
        {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"Tags": [{"Key": "team", "Value": "own"}]}}},
        {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"Tags": [{"Key": "team", "Value": "own"}]}}},
        {},
        REFERENCE + "aws-properties-resource-tags.html",
        tags=({"team": "a"}, {"team": "b"}),
    ),
    Truth(
        "tags of a file system have a name of their own",
        {"F": {"Type": "AWS::EFS::FileSystem", "Properties": {"FileSystemTags": [{"Key": "a", "Value": "1"}]}}},
        {"F": {"Type": "AWS::EFS::FileSystem", "Properties": {"FileSystemTags": [{"Key": "a", "Value": "2"}]}}},
        {"F": ["Modify False", "/Properties/FileSystemTags/0/Value Never Static DirectModification"]},
        page("AWS::EFS::FileSystem", "FileSystemTags"),
    ),
    Truth(
        "the order of a set has no meaning",
        {
            "G": {
                "Type": "AWS::ECS::Service",
                "Properties": {"NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["a", "b"]}}},
            }
        },
        {
            "G": {
                "Type": "AWS::ECS::Service",
                "Properties": {"NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["b", "a"]}}},
            }
        },
        {},
        "https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html",
    ),
    Truth(
        "the order of a list has",
        {"G": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": [{"Command": ["a", "b"]}]}}},
        {"G": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": [{"Command": ["b", "a"]}]}}},
        {
            "G": [
                "Modify True ReplaceAndDelete",
                "/Properties/ContainerDefinitions/0/Command/0 Always Static DirectModification",
                "/Properties/ContainerDefinitions/0/Command/1 Always Static DirectModification",
            ]
        },
        "https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html",
    ),
]

TRUTHS = [*UPDATES, *SAMPLE_ROWS, *RECORDED_ROWS, *FOLLOWING_ROWS, *POLICY_ROWS, *BESIDE_ROWS]
