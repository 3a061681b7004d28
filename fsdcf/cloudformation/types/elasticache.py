"""ElastiCache: serverless caches, replication groups of nodes, and their users and subnets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn, named_by
from fsdcf.cloudformation.planned import PlannedResource, text_of, whole_number
from fsdcf.cloudformation.pricing import (
    HOURS,
    MILLION,
    SECONDS,
    CostItems,
    PricingContext,
    PricingRule,
    Resources,
    Unpriced,
    assumption,
    number,
    price,
)
from fsdcf.cloudformation.types import (
    AccessActions,
    DeployPermissions,
    Drawing,
    Expiry,
    ForeignType,
    Part,
    Properties,
    Refusal,
    ResourceType,
    Simulation,
    StoredData,
    Updates,
)
from fsdcf.cloudformation.types.kms import requests_to

PART: Part = "data"
SERVERLESS_CACHE, REPLICATION_GROUP, USER, USER_GROUP, SUBNET_GROUP = (
    f"AWS::ElastiCache::{name}" for name in ("ServerlessCache", "ReplicationGroup", "User", "UserGroup", "SubnetGroup")
)

_LINKED_ROLE = "elasticache.amazonaws.com"
_SERVERLESS_PRICES = "usage.ai on ElastiCache Serverless, after AWS's pricing page"
_NODE_PRICES = "AWS Price List (AmazonElastiCache), as read by a public tool for cost reports"
_NODES = {
    # type of the nodes: redis, valkey; None where there is no price
    "cache.t3.micro": ("0.017", "0.0136"),
    "cache.t3.small": ("0.034", "0.0272"),
    "cache.t3.medium": ("0.068", "0.0544"),
    "cache.t4g.micro": ("0.016", "0.0128"),
    "cache.t4g.small": ("0.032", "0.0256"),
    "cache.t4g.medium": ("0.065", "0.052"),
    "cache.m6g.large": ("0.149", "0.1192"),
    "cache.m7g.large": ("0.158", "0.1264"),
    "cache.m7g.xlarge": ("0.315", "0.252"),
    "cache.m8g.large": (None, "0.1266"),
    "cache.r6g.large": ("0.206", "0.1648"),
    "cache.r7g.large": ("0.219", "0.1752"),
    "cache.r7g.xlarge": ("0.437", "0.3496"),
    "cache.r8g.large": (None, "0.1756"),
}
_ENGINES = ("redis", "valkey")
_PRICED_NODES = {
    f"{engine}.{kind}": amount
    for kind, amounts in _NODES.items()
    for engine, amount in zip(_ENGINES, amounts, strict=True)
    if amount is not None
}
_LEAST_STORED = {"valkey": Decimal("0.1")}
"""Gigabytes that a serverless cache is charged for at least; one for the other engines."""


def _price_serverless(context: PricingContext, caches: Resources) -> CostItems:
    for cache in caches:
        engine = "valkey" if cache.get("Engine") == "valkey" else "redis"
        size = max(context.assumed["cache-gigabytes"], _LEAST_STORED.get(engine, Decimal(1)))
        how = f"{number(size)} GB × {HOURS} h"
        yield context.line(f"cache.{engine}.data", "Cache, data", size * HOURS, how, cache, "cache-gigabytes")
        rate = context.assumed["cache-kilobytes-per-second"]
        how, quantity = f"{number(rate)} ECPU/s", rate * SECONDS / MILLION
        yield context.line(
            f"cache.{engine}.ecpu", "Cache, requests", quantity, how, cache, "cache-kilobytes-per-second"
        )
        yield from _common(cache)


def _price_nodes(context: PricingContext, groups: Resources) -> CostItems:
    for group in groups:
        kind, engine = group.text("CacheNodeType"), group.text("Engine", "redis")
        count = _node_count(group)
        if f"{engine}.{kind}" in _PRICED_NODES:
            how = f"{count} × {HOURS} h of {kind}"
            yield context.line(f"cache.{engine}.{kind}", "Cache nodes", count * HOURS, how, group)
        else:
            yield Unpriced(f"Nodes of {group.name}", f"no price for {engine} on {kind}", (group.name,))
        yield from _common(group)


def _node_count(group: PlannedResource) -> int:
    shards = whole_number(group.get("NumNodeGroups")) or 1
    replicas = whole_number(group.get("ReplicasPerNodeGroup"))
    return shards * (1 + replicas) if replicas is not None else whole_number(group.get("NumCacheClusters")) or shards


def _common(cache: PlannedResource) -> Iterator[Unpriced]:
    if whole_number(cache.get("SnapshotRetentionLimit")):
        yield Unpriced(f"Snapshots of {cache.name}", "their size follows that of the data", (cache.name,))
    yield from requests_to(cache.get("KmsKeyId"), cache)


def _details(properties: Properties) -> Iterator[str]:
    kind = text_of(properties.get("CacheNodeType"))
    yield f"{text_of(properties.get('Engine', 'redis'))}, {kind or 'serverless'}"


def _fewer_days(before: Any, after: Any) -> bool:
    return (whole_number(after) or 0) < (whole_number(before) or 0)


def _other_engine(before: Any, after: Any) -> Refusal | None:
    """Source:
    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement.HowTo.cross-engine-upgrade.html
    """
    old, new = text_of(before) or "redis", text_of(after) or "redis"
    if old == new or (old, new) == ("redis", "valkey"):
        return None
    why = f"the engine changes from {old} to {new}, and ElastiCache changes it from redis to valkey alone"
    return Refusal(why, "add a cache with another name, and remove this one later", "Engine cannot be modified")


def _older_version(before: Any, after: Any) -> Refusal | None:
    """Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagementConsiderations.html"""
    old, new = text_of(before), text_of(after)
    if not old or not new or _parts(new) >= _parts(old):
        return None
    why = f"the version falls from {old} to {new}, and ElastiCache does not downgrade"
    return Refusal(why, "keep the version; or add a cache with another name", "Downgrading is not supported")


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _other_mode(before: Any, after: Any) -> Refusal | None:
    """Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/modify-cluster-mode.html"""
    old, new = (text_of(one).endswith(".cluster.on") for one in (before, after))
    if old == new:
        return None
    why = "one shard and several shards differ in the cluster mode, which a parameter group does not change in place"
    return Refusal(
        why,
        "add a cache with another name and the new number of shards, move the clients, and remove this one",
        "The parameter group has a different value for cluster-enabled",
    )


def _names(property: str, *kinds: str) -> Callable[[DeployedStack, str, Properties], Iterator[NamedArn]]:
    return named_by("elasticache", property, *((kind, f"{kind}:{{}}") for kind in kinds))


def _serverless_arns(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    yield from _names("ServerlessCacheName", "serverlesscache")(stack, logical_id, properties)
    name = stack.name_of("ServerlessCacheName", logical_id, properties)
    yield ("elasticache", "serverlesscachesnapshot"), arn("elasticache", f"serverlesscachesnapshot:{name}-*")


def _group_arns(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    yield from _names("ReplicationGroupId", "replicationgroup")(stack, logical_id, properties)
    name = stack.name_of("ReplicationGroupId", logical_id, properties)
    yield ("elasticache", "cluster"), arn("elasticache", f"cluster:{name}-*")
    yield ("elasticache", "snapshot"), arn("elasticache", f"snapshot:*{name}-*")
    yield ("elasticache", "parametergroup"), arn("elasticache", "parametergroup:default.*")


def _subnet_arns(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    name = stack.name_of("CacheSubnetGroupName", logical_id, properties).lower()
    yield ("elasticache", "subnetgroup"), arn("elasticache", f"subnetgroup:{name}")


def _fixed(*attributes: str) -> dict[str, frozenset[str]]:
    """Attributes that a cache keeps. Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html"""
    return dict.fromkeys(attributes, frozenset())


_DATA = StoredData(
    "its items", expiry=(Expiry("SnapshotRetentionLimit", _fewer_days, "keeps its snapshots for fewer days"),)
)
_ACCESS = AccessActions(("elasticache:Connect",))
_ARN = "arn:{partition}:elasticache:{region}:{account}"
_KMS = {"KmsKeyId": ("kms:*",)}
_REGION_SUFFIX = "{region}.cache.amazonaws.com"

RECORDS = (
    ResourceType(
        SERVERLESS_CACHE,
        PricingRule(
            "data",
            _price_serverless,
            (
                price("cache.valkey.data", "0.084", "GB-hour", _SERVERLESS_PRICES, "2026-06-01"),
                price("cache.valkey.ecpu", "0.0023", "million ECPU", _SERVERLESS_PRICES, "2026-06-01"),
                price("cache.redis.data", "0.125", "GB-hour", f"{_SERVERLESS_PRICES}; c3x.dev", "2026-06-01"),
                price("cache.redis.ecpu", "0.0034", "million ECPU", f"{_SERVERLESS_PRICES}; c3x.dev", "2026-06-01"),
            ),
            (
                assumption("cache-gigabytes", "1", "GB", "in each serverless cache; at least what AWS charges for"),
                assumption("cache-kilobytes-per-second", "100", "kB/s", "read and written in each serverless cache"),
            ),
            order=3,
        ),
        Simulation(
            attributes={
                "ARN": f"{_ARN}:serverlesscache:{{id}}",
                "Endpoint.Address": f"{{id}}-{{hex}}.serverless.{_REGION_SUFFIX}",
                "Endpoint.Port": "6379",
                "ReaderEndpoint.Address": f"{{id}}-{{hex}}.serverless.{_REGION_SUFFIX}",
                "ReaderEndpoint.Port": "6380",
            },
            create=150.0,
            update=60.0,
            delete=90.0,
        ),
        DeployPermissions(
            only_with=_KMS,
            # Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DeleteServerlessCache.html
            more=("elasticache:CreateServerlessCacheSnapshot",),
            arns=_serverless_arns,
            linked_role=_LINKED_ROLE,
        ),
        data=_DATA,
        # A final snapshot is a property of this type, and not a DeletionPolicy.
        snapshot=lambda properties: bool(properties.get("FinalSnapshotName")),
        updates=Updates(
            _fixed("Endpoint.Address", "ReaderEndpoint.Address"),
            refused={"Engine": _other_engine, "MajorEngineVersion": _older_version},
        ),
        drawing=Drawing(
            "database",
            "Cache",
            "ServerlessCacheName",
            _details,
            arn_service="elasticache",
            arn_name="(?:serverlesscache|replicationgroup):(.+)",
        ),
        access=_ACCESS,
    ),
    ResourceType(
        REPLICATION_GROUP,
        PricingRule(
            "data",
            _price_nodes,
            tuple(
                price(f"cache.{name}", amount, "node-hour", _NODE_PRICES, "2026-10-02")
                for name, amount in _PRICED_NODES.items()
            ),
            order=4,
        ),
        Simulation(
            attributes={
                "PrimaryEndPoint.Address": f"master.{{id}}.{{six}}.{_REGION_SUFFIX}",
                "ReaderEndPoint.Address": f"replica.{{id}}.{{six}}.{_REGION_SUFFIX}",
                "ConfigurationEndPoint.Address": f"clustercfg.{{id}}.{{six}}.{_REGION_SUFFIX}",
                "ReadEndPoint.Addresses": f"[{{id}}-001.{{id}}.{{six}}.{_REGION_SUFFIX}]",
                "ReadEndPoint.Ports": "[6379]",
                "NodeGroupConfiguration": [],
                "Port": 6379,
            },
            create=600.0,
            update=300.0,
            delete=300.0,
            longest_name=40,
            lower_case=True,
        ),
        DeployPermissions(
            only_with={
                **_KMS,
                "LogDeliveryConfigurations": ("logs:*", "firehose:*"),
                "SnapshotArns": ("s3:*",),
            },
            arns=_group_arns,
            linked_role=_LINKED_ROLE,
        ),
        data=_DATA,
        snapshot=lambda properties: False,
        updates=Updates(
            _fixed("PrimaryEndPoint.Address", "ReaderEndPoint.Address", "ConfigurationEndPoint.Address"),
            refused={
                "Engine": _other_engine,
                "EngineVersion": _older_version,
                "CacheParameterGroupName": _other_mode,
            },
        ),
        drawing=Drawing("database", "Cache", "ReplicationGroupId", _details),
        access=_ACCESS,
    ),
    ResourceType(
        USER,
        "free",
        Simulation(attributes={"Arn": f"{_ARN}:user:{{id}}"}, create=20.0),
        DeployPermissions(arns=_names("UserId", "user")),
        updates=Updates(refused={"Engine": _other_engine}),
    ),
    ResourceType(
        USER_GROUP,
        "free",
        Simulation(attributes={"Arn": f"{_ARN}:usergroup:{{id}}"}, create=20.0),
        DeployPermissions(arns=_names("UserGroupId", "usergroup")),
        updates=Updates(refused={"Engine": _other_engine}),
    ),
    ResourceType(SUBNET_GROUP, "free", Simulation(create=4.0, lower_case=True), DeployPermissions(arns=_subnet_arns)),
    ForeignType("AWS::ElastiCache::CacheCluster", data=StoredData("its items"), snapshot=lambda properties: False),
    ForeignType("AWS::ElastiCache::GlobalReplicationGroup", data=StoredData("its items")),
)
