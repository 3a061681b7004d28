"""The resources of Copilot's addons that a dependency of a spec replaces, and their properties as its keys.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.language.addon import MANAGED_POLICY


@dataclass(frozen=True)
class ReplacedResource:
    """The dependency type that replaces a resource: its name, its kind in placeholders, the property with the physical
    name, the attributes by what CloudFormation calls them, and the keys that would make it."""

    name: str
    kind: str
    named: str
    attributes: Mapping[str, str]
    keys: Callable[[Mapping[str, Any]], dict[str, Any]]
    arn: str = ""


def _table(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a table."""
    stream = properties.get("StreamSpecification")
    expiry = properties.get("TimeToLiveSpecification")
    keys: dict[str, Any] = {
        "keySchema": _pairs(properties.get("KeySchema"), "KeyType"),
        "attributes": _pairs(properties.get("AttributeDefinitions"), "AttributeType"),
    }
    for key in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        indexes = [_index(each) for each in maps_in(properties.get(key))]
        if indexes:
            keys[key[0].lower() + key[1:]] = indexes
    if isinstance(expiry, dict) and isinstance(expiry.get("AttributeName"), str):
        keys["timeToLive"] = expiry["AttributeName"]
    if isinstance(stream, dict) and isinstance(stream.get("StreamViewType"), str):
        keys["stream"] = stream["StreamViewType"]
    if properties.get("BillingMode") == "PROVISIONED" or "ProvisionedThroughput" in properties:
        keys["billingMode"] = "PROVISIONED"
        units = properties.get("ProvisionedThroughput")
        for key, name in (("readCapacity", "ReadCapacityUnits"), ("writeCapacity", "WriteCapacityUnits")):
            if isinstance(units, dict) and isinstance(units.get(name), int):
                keys[key] = units[name]
    return keys


def _index(data: Mapping[str, Any]) -> dict[str, Any]:
    projection = data.get("Projection")
    index: dict[str, Any] = {"name": data.get("IndexName"), "keySchema": _pairs(data.get("KeySchema"), "KeyType")}
    if isinstance(projection, dict) and projection.get("ProjectionType") not in (None, "ALL"):
        index["projection"] = projection["ProjectionType"]
        if isinstance(projection.get("NonKeyAttributes"), list):
            index["nonKeyAttributes"] = projection["NonKeyAttributes"]
    return index


def _pairs(data: Any, kind: str) -> list[dict[str, Any]]:
    return [{"name": each.get("AttributeName"), "type": each.get(kind)} for each in maps_in(data)]


def maps_in(data: Any) -> list[Mapping[str, Any]]:
    """The maps in a list; none of another value."""
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def _bucket(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a bucket."""
    rules = properties.get("CorsConfiguration")
    cors = [
        {
            to: each[name]
            for to, name in (
                ("origins", "AllowedOrigins"),
                ("methods", "AllowedMethods"),
                ("headers", "AllowedHeaders"),
                ("exposeHeaders", "ExposedHeaders"),
                ("maxAge", "MaxAge"),
            )
            if name in each
        }
        for each in maps_in(rules.get("CorsRules") if isinstance(rules, dict) else None)
    ]
    lifecycle = properties.get("LifecycleConfiguration")
    expiry = [
        {"prefix": each.get("Prefix") or "", "expireAfterDays": each["ExpirationInDays"]}
        for each in maps_in(lifecycle.get("Rules") if isinstance(lifecycle, dict) else None)
        if "ExpirationInDays" in each
    ]
    return {key: value for key, value in (("cors", cors), ("lifecycle", expiry)) if value}


def _queue(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a queue."""
    redrive = properties.get("RedrivePolicy")
    received = {"maxReceiveCount": redrive.get("maxReceiveCount")} if isinstance(redrive, dict) else {}
    return _plain({**properties, **received}, _QUEUE_KEYS)


_QUEUE_KEYS = {
    "FifoQueue": "fifo",
    "ContentBasedDeduplication": "contentBasedDeduplication",
    "VisibilityTimeout": "visibilityTimeout",
    "DelaySeconds": "deliveryDelay",
    "ReceiveMessageWaitTimeSeconds": "receiveWaitTime",
    "MaximumMessageSize": "maximumMessageSize",
    "MessageRetentionPeriod": "messageRetention",
    "maxReceiveCount": "maxReceiveCount",
}


def _plain(properties: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The properties that are texts, numbers or booleans, by their keys in the language."""
    return {
        to: properties[name]
        for name, to in names.items()
        if isinstance(properties.get(name), (str, int)) and properties[name] != ""
    }


def _topic(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a topic."""
    names = {"FifoTopic": "fifo", "ContentBasedDeduplication": "contentBasedDeduplication"}
    return _plain(properties, names)


def _stream(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a stream."""
    return _plain(properties, {"ShardCount": "shards", "RetentionPeriodHours": "retentionHours"})


def _database(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a database."""
    keys: dict[str, Any] = {"engine": _engine(properties)}
    version = properties.get("EngineVersion")
    if isinstance(version, (str, float)) and (match := re.match(r"\d+(?:\.\d+)?", str(version))):
        keys["version"] = match[0] if keys["engine"] != "postgres" else match[0].split(".")[0]
    if "Engine" in properties and str(properties["Engine"]).startswith("aurora"):
        keys["serverless"] = {"min": 0.5, "max": 8}
    names = {"DBInstanceClass": "instanceClass", "MultiAZ": "multiAz", "BackupRetentionPeriod": "backupRetention"}
    return {**keys, **_plain(properties, {**names, "DBName": "database", "DatabaseName": "database"})}


def _engine(properties: Mapping[str, Any]) -> str:
    engine = str(properties.get("Engine", ""))
    return "mariadb" if engine == "mariadb" else "mysql" if "mysql" in engine else "postgres"


def _cache(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a cache."""
    names = {"Engine": "engine", "CacheNodeType": "nodeType", "SnapshotRetentionLimit": "snapshots"}
    return _plain(properties, names)


def arn_start(service: str, folder: str = "") -> str:
    """How the ARN of a resource in the region and account of the stack begins."""
    return f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{folder}"


def _nothing(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {}


TABLE = ReplacedResource(
    "aws_dynamodb_table",
    "dynamodb",
    "TableName",
    {"Ref": "name", "Arn": "arn"},
    _table,
    arn_start("dynamodb", "table/"),
)
_DATABASE = {"Endpoint.Address": "endpoint", "Endpoint.Port": "port", "ReadEndpoint.Address": "readEndpoint"}
_CACHE = {
    f"{point}.{part}": to
    for point in ("RedisEndpoint", "PrimaryEndPoint", "ConfigurationEndPoint", "ConfigurationEndpoint", "Endpoint")
    for part, to in (("Address", "host"), ("Port", "port"))
}
REPLACED: Mapping[str, ReplacedResource] = {
    "AWS::DynamoDB::Table": TABLE,
    "AWS::DynamoDB::GlobalTable": TABLE,
    "AWS::S3::Bucket": ReplacedResource(
        "aws_s3_bucket",
        "s3",
        "BucketName",
        {"Ref": "name", "Arn": "arn", "RegionalDomainName": "domainName"},
        _bucket,
        "arn:${AWS::Partition}:s3:::",
    ),
    "AWS::SQS::Queue": ReplacedResource(
        "aws_sqs_queue",
        "sqs",
        "QueueName",
        {"Ref": "url", "QueueUrl": "url", "Arn": "arn", "QueueName": "name"},
        _queue,
        arn_start("sqs"),
    ),
    "AWS::SNS::Topic": ReplacedResource(
        "aws_sns_topic",
        "sns",
        "TopicName",
        {"Ref": "arn", "TopicArn": "arn", "TopicName": "name"},
        _topic,
        arn_start("sns"),
    ),
    "AWS::Kinesis::Stream": ReplacedResource(
        "aws_kinesis_stream", "kinesis", "Name", {"Ref": "name", "Arn": "arn"}, _stream, arn_start("kinesis", "stream/")
    ),
    "AWS::RDS::DBCluster": ReplacedResource("aws_rds_instance", "rds", "", _DATABASE, _database),
    "AWS::RDS::DBInstance": ReplacedResource("aws_rds_instance", "rds", "", _DATABASE, _database),
    "AWS::ElastiCache::ReplicationGroup": ReplacedResource("aws_elasticache", "elasticache", "", _CACHE, _cache),
    "AWS::ElastiCache::CacheCluster": ReplacedResource("aws_elasticache", "elasticache", "", _CACHE, _cache),
    "AWS::ElastiCache::ServerlessCache": ReplacedResource("aws_elasticache", "elasticache", "", _CACHE, _cache),
    "AWS::OpenSearchService::Domain": ReplacedResource(
        "aws_opensearch", "opensearch", "", {"DomainEndpoint": "endpoint", "Arn": "arn"}, _nothing
    ),
}
"""The resources that a dependency replaces."""

HELPERS = frozenset(
    {
        *("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::SNS::Subscription"),
        *("AWS::RDS::DBSubnetGroup", "AWS::RDS::DBClusterParameterGroup", "AWS::RDS::DBParameterGroup"),
        *("AWS::SecretsManager::SecretTargetAttachment", "AWS::SecretsManager::RotationSchedule"),
        *("AWS::ElastiCache::SubnetGroup", "AWS::ElastiCache::ParameterGroup", "AWS::EC2::SecurityGroup"),
        *("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress", MANAGED_POLICY),
        *("AWS::SSM::Parameter", "AWS::SecretsManager::Secret", "AWS::KMS::Key", "AWS::KMS::Alias"),
        *("AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"),
    }
)
"""The resources that belong to one that a dependency replaces."""

REFUSED = {
    "AWS::IAM::User": "the task role has the permissions: an access key is not needed",
    "AWS::IAM::AccessKey": "the task role has the permissions: an access key is not needed",
    "AWS::EFS::FileSystem": "a file system stays in its network: docs/how-to/share-files.md has the ways to its files",
    "AWS::EFS::AccessPoint": "it belongs to a file system, which stays in its network",
    "AWS::EFS::MountTarget": "it belongs to a file system, which stays in its network",
    "AWS::CloudFormation::Stack": "fsdcf deploys no nested stacks: deploy this one as a stack of its own",
    "AWS::CloudFormation::Macro": "fsdcf runs no macros: deploy this one in a stack of its own",
    "AWS::CloudFormation::CustomResource": "fsdcf runs no custom resources: deploy this one in a stack of its own",
}
"""What neither a dependency nor a template of `addons` can be, and what to do instead."""
