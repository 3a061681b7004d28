"""What the resource schemas say of a type: which properties there are, and what their change does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_DATA = Path(__file__).parent / "data" / "facts.json"

STATEFUL = frozenset(
    {
        *("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::EFS::FileSystem", "AWS::S3::Bucket", "AWS::SQS::Queue"),
        *("AWS::RDS::DBInstance", "AWS::RDS::DBCluster", "AWS::RDS::GlobalCluster", "AWS::Logs::LogGroup", "AWS::KMS::Key"),
        *("AWS::KMS::ReplicaKey", "AWS::ECR::Repository", "AWS::ECR::PublicRepository", "AWS::ElastiCache::CacheCluster"),
        *("AWS::ElastiCache::ReplicationGroup", "AWS::ElastiCache::ServerlessCache", "AWS::ElastiCache::GlobalReplicationGroup"),
        *("AWS::Kinesis::Stream", "AWS::SecretsManager::Secret", "AWS::Backup::BackupVault", "AWS::EC2::Volume", "AWS::MSK::Cluster"),
        *("AWS::MSK::ServerlessCluster", "AWS::Backup::LogicallyAirGappedBackupVault", "AWS::MSK::Topic"),
    }
)
"""Types that hold what cannot be made again: data, messages, logs, images, keys and secrets."""


@dataclass(frozen=True)
class Facts:
    """A resource type as its schema describes it; paths are dotted, ``*`` stands for an item (``LoadBalancers.*.Name``).

    A change of a ``create_only`` path replaces the resource, of a ``conditional`` one sometimes. ``identifier`` are the
    properties that identify it, ``attributes`` what Fn::GetAtt gives, ``unordered`` the lists whose order has no meaning.
    ``open`` types take any property. ``name_property`` is where a user names it, ``updatable`` whether it has an update at all.
    Source: https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
    """

    type: str
    properties: frozenset[str]
    create_only: frozenset[str]
    conditional: frozenset[str]
    read_only: frozenset[str]
    write_only: frozenset[str]
    identifier: tuple[str, ...]
    attributes: frozenset[str]
    required: frozenset[str]
    tag_property: str | None
    updatable: bool
    unordered: frozenset[str]
    name_property: str | None
    open: bool


@cache
def _data() -> Mapping[str, Any]:
    data: Mapping[str, Any] = json.loads(_DATA.read_text(encoding="utf-8"))
    return data


def schema_date() -> str:
    """When the schemas behind the data file were published."""
    date: str = _data()["schema_date"]
    return date


def types() -> frozenset[str]:
    """Every resource type with facts."""
    return frozenset(_data()["types"])


@cache
def facts_of(type: str) -> Facts | None:
    """The facts of a type; None for one that the data file does not hold. ``Custom::`` types are custom resources."""
    if type.startswith("Custom::"):
        type = "AWS::CloudFormation::CustomResource"
    one = _data()["types"].get(type)
    if one is None:
        return None
    return Facts(
        type=type,
        properties=frozenset(one.get("properties", ())),
        create_only=frozenset(one.get("create_only", ())),
        conditional=frozenset(one.get("conditional", ())),
        read_only=frozenset(one.get("read_only", ())),
        write_only=frozenset(one.get("write_only", ())),
        identifier=tuple(one.get("identifier", ())),
        attributes=frozenset(one.get("attributes", ())),
        required=frozenset(one.get("required", ())),
        tag_property=one.get("tags"),
        updatable=not one.get("fixed", False),
        unordered=frozenset(one.get("unordered", ())),
        name_property=one.get("name"),
        open=bool(one.get("open", False)),
    )


def custom_name(type: str, properties: Mapping[str, Any]) -> str | None:
    """The property by which the template names the resource (``TableName``); None where CloudFormation makes the name.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    known = facts_of(type)
    name = known.name_property if known else None
    return name if name is not None and properties.get(name) is not None else None
