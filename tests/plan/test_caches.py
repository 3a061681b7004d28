"""Plans of caches, domains and scaled tables: what AWS's pages say of a change.

REFERENCE is https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference, CACHE is
https://docs.aws.amazon.com/AmazonElastiCache/latest, SEARCH is
https://docs.aws.amazon.com/opensearch-service/latest/developerguide.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fsdcf.cloudformation.pricing import Range
from fsdcf.cloudformation.template import read
from fsdcf.plan.graph.architecture import architecture
from tests.conftest import ROOT
from tests.plan.conftest import resources
from tests.plan.test_cost import costs, line
from tests.plan.test_diff import plan
from tests.plan.test_messages import remarks

LIMITS = {"DataStorage": {"Maximum": 5, "Unit": "GB"}}
CLUSTER = "default.valkey8.cluster.on"
ON = {"Enabled": True}
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def changed(type: str, before: dict[str, Any] | None, after: dict[str, Any] | None, policy: str) -> set[str]:
    """What the plan of one resource with this DeletionPolicy says."""
    own = {"Type": type, "DeletionPolicy": policy, "UpdateReplacePolicy": policy}
    sides = [{} if one is None else {"A": {**own, "Properties": one}} for one in (before, after)]
    return remarks(plan(*(resources(Log={"Type": "AWS::Logs::LogGroup"}, **side) for side in sides)))


def serverless(**more: Any) -> dict[str, Any]:
    return {
        **{"ServerlessCacheName": "sessions", "Engine": "valkey", "MajorEngineVersion": "8", "SubnetIds": ["a", "b"]},
        **{"SnapshotRetentionLimit": 7, "UserGroupId": "sessions", "FinalSnapshotName": "sessions-final"},
        **more,
    }


def nodes(**more: Any) -> dict[str, Any]:
    return {
        **{
            "ReplicationGroupId": "queue",
            "Engine": "valkey",
            "EngineVersion": "8.0",
            "CacheNodeType": "cache.t4g.small",
        },
        **{"NumNodeGroups": 1, "ReplicasPerNodeGroup": 1, "CacheParameterGroupName": "default.valkey8"},
        **{"CacheSubnetGroupName": "subnets", "SnapshotRetentionLimit": 7},
        **more,
    }


def domain(**more: Any) -> dict[str, Any]:
    return {
        **{"DomainName": "catalog", "EngineVersion": "OpenSearch_2.19", "VPCOptions": {"SubnetIds": ["a"]}},
        **{"ClusterConfig": {"InstanceType": "t3.small.search", "InstanceCount": 1}, "EBSOptions": volumes(20)},
        **{"EncryptionAtRestOptions": {"Enabled": True}, "NodeToNodeEncryptionOptions": {"Enabled": True}},
        **more,
    }


def volumes(size: int) -> dict[str, Any]:
    return {"EBSEnabled": True, "VolumeType": "gp3", "VolumeSize": size}


def user(**more: Any) -> dict[str, Any]:
    mode = {"AuthenticationMode": {"Type": "iam"}}
    return {"UserId": "shop", "UserName": "shop", "Engine": "valkey", "AccessString": "on ~* +@all", **mode, **more}


NEW = {"replaced", "store-removed"}
"""A new resource takes the place of one with data."""
SAME_NAME = {*NEW, "custom name"}
"""The same, and it cannot, because the old one has its name."""


@pytest.mark.parametrize(
    ("type", "before", "after", "expected"),
    [
        # REFERENCE/aws-resource-elasticache-serverlesscache.html: the name, subnets and key need a new cache
        ("ElastiCache::ServerlessCache", serverless(), serverless(ServerlessCacheName="carts"), NEW),
        ("ElastiCache::ServerlessCache", serverless(), serverless(SubnetIds=["a", "c"]), SAME_NAME),
        ("ElastiCache::ServerlessCache", serverless(), serverless(KmsKeyId=KEY), SAME_NAME),
        # REFERENCE/aws-resource-elasticache-serverlesscache.html: limits, users and snapshots change in place
        ("ElastiCache::ServerlessCache", serverless(), serverless(CacheUsageLimits=LIMITS), set()),
        ("ElastiCache::ServerlessCache", serverless(), serverless(UserGroupId="others"), set()),
        ("ElastiCache::ServerlessCache", serverless(), serverless(SnapshotRetentionLimit=14), set()),
        # CACHE/dg/backups-automatic.html: snapshots beyond the retention are deleted
        ("ElastiCache::ServerlessCache", serverless(), serverless(SnapshotRetentionLimit=1), {"data-expires"}),
        # CACHE/dg/VersionManagement.HowTo.cross-engine-upgrade.html: from Redis to Valkey, and not back
        ("ElastiCache::ServerlessCache", serverless(Engine="redis"), serverless(), {"one-way"}),
        ("ElastiCache::ServerlessCache", serverless(), serverless(Engine="redis"), {"refused"}),
        ("ElastiCache::ServerlessCache", serverless(), serverless(Engine="memcached"), {"refused"}),
        # CACHE/dg/VersionManagementConsiderations.html: versions rise only
        ("ElastiCache::ServerlessCache", serverless(), serverless(MajorEngineVersion="9"), {"one-way"}),
        ("ElastiCache::ServerlessCache", serverless(), serverless(MajorEngineVersion="7"), {"refused"}),
        # CACHE/APIReference/API_DeleteServerlessCache.html: a deletion takes the snapshot that the cache names
        ("ElastiCache::ServerlessCache", serverless(), None, {"deleted", "store-removed"}),
        # REFERENCE/aws-resource-elasticache-replicationgroup.html: what a group has from its creation
        ("ElastiCache::ReplicationGroup", nodes(), nodes(ReplicationGroupId="jobs"), NEW),
        ("ElastiCache::ReplicationGroup", nodes(), nodes(CacheSubnetGroupName="others"), SAME_NAME),
        ("ElastiCache::ReplicationGroup", nodes(), nodes(KmsKeyId=KEY), SAME_NAME),
        ("ElastiCache::ReplicationGroup", nodes(), nodes(Port=6380), SAME_NAME),
        ("ElastiCache::ReplicationGroup", nodes(), nodes(AtRestEncryptionEnabled=True), SAME_NAME),
        # REFERENCE/aws-resource-elasticache-replicationgroup.html: the size changes in place
        ("ElastiCache::ReplicationGroup", nodes(), nodes(CacheNodeType="cache.m7g.large"), set()),
        ("ElastiCache::ReplicationGroup", nodes(), nodes(ReplicasPerNodeGroup=2), set()),
        # CACHE/dg/VersionManagementConsiderations.html, CACHE/dg/VersionManagement.HowTo.cross-engine-upgrade.html
        ("ElastiCache::ReplicationGroup", nodes(), nodes(EngineVersion="8.1"), {"one-way"}),
        ("ElastiCache::ReplicationGroup", nodes(), nodes(EngineVersion="7.2"), {"refused"}),
        ("ElastiCache::ReplicationGroup", nodes(), nodes(Engine="redis"), {"refused"}),
        # CACHE/dg/modify-cluster-mode.html: a cluster of several shards is another mode
        ("ElastiCache::ReplicationGroup", nodes(), nodes(CacheParameterGroupName=CLUSTER), {"refused"}),
        # CACHE/dg/backups-automatic.html
        ("ElastiCache::ReplicationGroup", nodes(), nodes(SnapshotRetentionLimit=0), {"data-expires"}),
        # REFERENCE/aws-attribute-deletionpolicy.html: a group is copied before it is deleted
        ("ElastiCache::ReplicationGroup", nodes(), None, {"deleted", "store-removed"}),
        # REFERENCE/aws-resource-elasticache-user.html
        ("ElastiCache::User", user(), user(UserId="others"), {"replaced"}),
        ("ElastiCache::User", user(), user(UserName="others"), {"replaced", "custom name"}),
        ("ElastiCache::User", user(), user(AccessString="on ~* +@read"), set()),
        ("ElastiCache::User", user(), user(AuthenticationMode={"Type": "password", "Passwords": ["x"]}), set()),
        # REFERENCE/aws-resource-opensearchservice-domain.html: the name and the key need a new domain
        ("OpenSearchService::Domain", domain(), domain(DomainName="index"), NEW),
        ("OpenSearchService::Domain", domain(), domain(EncryptionAtRestOptions={**ON, "KmsKeyId": KEY}), SAME_NAME),
        # SEARCH/version-migration.html: upgrades alone
        ("OpenSearchService::Domain", domain(), domain(EngineVersion="OpenSearch_3.1"), {"one-way"}),
        ("OpenSearchService::Domain", domain(), domain(EngineVersion="OpenSearch_1.3"), {"refused"}),
        ("OpenSearchService::Domain", domain(), domain(EngineVersion="Elasticsearch_7.10"), {"refused"}),
        # SEARCH/managedomains-configuration-changes.html: nodes and volumes change by a copy of the domain
        ("OpenSearchService::Domain", domain(), domain(ClusterConfig={"InstanceCount": 3}), set()),
        ("OpenSearchService::Domain", domain(), domain(EBSOptions=volumes(30)), set()),
        ("OpenSearchService::Domain", domain(), domain(EBSOptions=volumes(10)), {"refused"}),
        # SEARCH/vpc.html: in a VPC or public for good
        ("OpenSearchService::Domain", domain(), domain(VPCOptions={"SubnetIds": ["b"]}), set()),
        ("OpenSearchService::Domain", domain(), domain(VPCOptions={}), {"refused"}),
        # SEARCH/ntn.html: on for good
        ("OpenSearchService::Domain", domain(), domain(NodeToNodeEncryptionOptions={"Enabled": False}), {"refused"}),
        # SEARCH/managedomains-snapshots.html: automated snapshots go with their domain
        ("OpenSearchService::Domain", domain(), None, {"deleted", "store-removed"}),
    ],
)
def test_a_change(type: str, before: dict[str, Any], after: dict[str, Any] | None, expected: set[str]) -> None:
    policy = "Snapshot" if type.endswith("ReplicationGroup") else "Delete"
    assert changed(f"AWS::{type}", before, after, policy) == expected


def test_what_caches_and_domains_cost_by_hand() -> None:
    """1 GB for 730 hours, and at least 0.1 GB of Valkey; nodes and volumes by their number."""
    cluster = {"InstanceType": "m7g.large.search", "InstanceCount": 4, "DedicatedMasterEnabled": True}
    masters = {"DedicatedMasterCount": 3, "DedicatedMasterType": "t3.small.search"}
    template = resources(
        Small={"Type": "AWS::ElastiCache::ServerlessCache", "Properties": serverless()},
        Large={"Type": "AWS::ElastiCache::ServerlessCache", "Properties": serverless(Engine="memcached")},
        Nodes={
            "Type": "AWS::ElastiCache::ReplicationGroup",
            "Properties": nodes(NumNodeGroups=2, ReplicasPerNodeGroup=2),
        },
        Other={"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": nodes(CacheNodeType="cache.x9.huge")},
        Search={
            "Type": "AWS::OpenSearchService::Domain",
            "Properties": domain(ClusterConfig={**cluster, **masters}, EBSOptions=volumes(50)),
        },
    )
    found = costs(template, "cache-gigabytes=0.05")
    assert line(found, "cache.valkey.data Small").amount == Range.of(Decimal("0.084") * Decimal("0.1") * 730)
    assert line(found, "cache.redis.data Large").amount == Range.of(Decimal("0.125") * 730)
    assert line(found, "cache.valkey.ecpu Small").quantity == Range.of(Decimal("262.8"))
    assert line(found, "cache.valkey.cache.t4g.small Nodes").amount == Range.of(Decimal("0.0256") * 6 * 730)
    assert line(found, "opensearch.m7g.large Search data nodes").amount == Range.of(Decimal("0.135") * 4 * 730)
    assert line(found, "opensearch.t3.small Search masters").amount == Range.of(Decimal("0.036") * 3 * 730)
    assert line(found, "opensearch.storage Search").amount == Range.of(Decimal("0.122") * 200)
    unknown = {one.name: one.why for one in found.unpriced}
    assert "cache.x9.huge" in unknown["Nodes of Other"] and "Snapshots of Nodes" in unknown


def test_a_cache_with_a_password_is_drawn_where_the_variables_lead() -> None:
    golden = ROOT / "tests" / "cases" / "dependencies" / "aws_elasticache.staging.template.yml"
    graph = architecture(read(golden.read_text(encoding="utf-8")), "shop")
    labels = {(edge.source, edge.target): edge.label for edge in graph.edges}
    titles = {node.id: " ".join(node.lines) for node in graph.nodes}
    reached = {titles[target]: label for (_, target), label in labels.items() if "Cache" in titles[target]}
    assert [label for title, label in reached.items() if "staging-sessions" in title] == ["connect"]
    assert [label for title, label in reached.items() if "staging-leaderboard" in title] == ["read"]
