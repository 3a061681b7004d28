"""ElastiCache: caches and their replication groups."""

from __future__ import annotations

from fsdcf.cloudformation.types import DeployPermissions, Drawing, ForeignType, Part, StoredData

PART: Part = "other"
_ITEMS = StoredData("its items")
_LINKED = DeployPermissions(linked_role="elasticache.amazonaws.com")
RECORDS = (
    ForeignType(type="AWS::ElastiCache::CacheCluster", data=_ITEMS, snapshot=lambda properties: False),
    ForeignType(type="AWS::ElastiCache::GlobalReplicationGroup", data=_ITEMS),
    ForeignType(
        type="AWS::ElastiCache::ReplicationGroup",
        data=_ITEMS,
        snapshot=lambda properties: False,
        drawing=Drawing("database", "ElastiCache", "ReplicationGroupId"),
        permissions=_LINKED,
    ),
    ForeignType(type="AWS::ElastiCache::ServerlessCache", data=_ITEMS, permissions=_LINKED),
)
