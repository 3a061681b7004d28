"""The stores and services that a template makes, as nodes."""

from __future__ import annotations

from collections.abc import Iterator

from fsdcf.plan.graph.model import Kind, Node, id_of
from fsdcf.plan.view import Resource, View, items, mapping, text_of

LOG_GROUP = "AWS::Logs::LogGroup"

_STORES: dict[str, tuple[Kind, str, str]] = {
    "AWS::DynamoDB::Table": ("database", "DynamoDB table", "TableName"),
    "AWS::RDS::DBInstance": ("database", "RDS instance", "DBInstanceIdentifier"),
    "AWS::RDS::DBCluster": ("database", "RDS cluster", "DBClusterIdentifier"),
    "AWS::ElastiCache::ReplicationGroup": ("database", "ElastiCache", "ReplicationGroupId"),
    "AWS::S3::Bucket": ("storage", "S3 bucket", "BucketName"),
    "AWS::EFS::FileSystem": ("storage", "EFS file system", ""),
    "AWS::SQS::Queue": ("queue", "SQS queue", "QueueName"),
    "AWS::SNS::Topic": ("queue", "SNS topic", "TopicName"),
    "AWS::Kinesis::Stream": ("queue", "Kinesis stream", "Name"),
}
"""Types that hold data: how they are drawn, what they are called, and the property that names them."""

_SERVICES: dict[str, tuple[Kind, str, str]] = {
    LOG_GROUP: ("service", "CloudWatch logs", "LogGroupName"),
    "AWS::SecretsManager::Secret": ("service", "Secret", "Name"),
    "AWS::SSM::Parameter": ("service", "SSM parameter", "Name"),
    "AWS::KMS::Key": ("service", "KMS key", ""),
    "AWS::ECR::Repository": ("service", "ECR repository", "RepositoryName"),
}


def stores(view: View, group: str) -> Iterator[Node]:
    """Every store of data that the template makes."""
    return (node for one in view.of(*_STORES) if (node := of_store(one, group)) is not None)


def is_store(type: str) -> bool:
    return type in _STORES


def of_store(resource: Resource, group: str) -> Node | None:
    """The node of a store or a service; None for what is not drawn."""
    known = _STORES.get(resource.type) or _SERVICES.get(resource.type)
    if known is None:
        return None
    kind, title, naming = known
    name = text_of(resource.properties.get(naming, "")) if naming else _tagged(resource)
    return Node(id_of(resource.name), kind, (title, name or resource.name, *_details(resource)), group)


def _tagged(resource: Resource) -> str:
    """The value of the Name tag."""
    for key in ("FileSystemTags", "Tags"):
        for tag in items(resource.properties.get(key)):
            if mapping(tag).get("Key") == "Name":
                return text_of(mapping(tag).get("Value"))
    return ""


def _details(resource: Resource) -> Iterator[str]:
    """A line of what tells stores of one type apart."""
    properties = resource.properties
    if resource.type == LOG_GROUP and properties.get("RetentionInDays"):
        yield f"kept {text_of(properties['RetentionInDays'])} days"
    if resource.type == "AWS::DynamoDB::Table":
        indexes = len(items(properties.get("GlobalSecondaryIndexes")))
        words = [f"{indexes} index{'es' if indexes > 1 else ''}"] if indexes else []
        words += ["stream"] if properties.get("StreamSpecification") else []
        if words:
            yield ", ".join(words)
    if resource.type == "AWS::SQS::Queue" and text_of(properties.get("FifoQueue")) == "true":
        yield "FIFO"
    if resource.type == "AWS::EFS::FileSystem":
        yield f"{text_of(properties.get('ThroughputMode', 'bursting'))} throughput"
