"""ElastiCache: caches and their replication groups."""

from __future__ import annotations

from fsdcf.cloudformation.types import DeployPermissions, Drawing, ForeignType, Part, StoredData

PART: Part = "other"
_ITEMS = StoredData("its items")
_LINKED = DeployPermissions(linked_role="elasticache.amazonaws.com")
RECORDS = (
    ForeignType("AWS::ElastiCache::CacheCluster", data=_ITEMS, snapshot=lambda properties: False),
    ForeignType("AWS::ElastiCache::GlobalReplicationGroup", data=_ITEMS),
    ForeignType(
        "AWS::ElastiCache::ReplicationGroup",
        data=_ITEMS,
        snapshot=lambda properties: False,
        drawing=Drawing("database", "ElastiCache", "ReplicationGroupId"),
        permissions=_LINKED,
    ),
    ForeignType("AWS::ElastiCache::ServerlessCache", data=_ITEMS, permissions=_LINKED),
)
