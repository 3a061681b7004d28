"""RDS: instances and clusters of databases, with their subnets and parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fsdcf.cloudformation.planned import PlannedResource, mapping, text_of
from fsdcf.cloudformation.pricing import (
    HOURS,
    MILLION,
    PRICE_LIST,
    SECONDS,
    CostItems,
    CostLine,
    PricingContext,
    PricingRule,
    Resources,
    Unpriced,
    assumption,
    at_least_zero,
    decimal,
    number,
    price,
)
from fsdcf.cloudformation.types import (
    DeletionProtection,
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
from fsdcf.wording import counted

PART: Part = "data"
DB_CLUSTER, DB_INSTANCE = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"

_SERVERLESS, _UNITS = "db.serverless", "aurora-capacity-units"
_INFRATALLY = f"infratally.com on RDS; {PRICE_LIST}"
_AURORA = "cloudburn.io on Aurora and awsnegotiations.com on Serverless v2"
_CLASSES = (
    # class, engines that the price is for (empty: PostgreSQL, MySQL and MariaDB), dollars, source, date
    ("db.t4g.micro", "", "0.016", _INFRATALLY, "2026-11-24"),
    ("db.t4g.small", "", "0.032", _INFRATALLY, "2026-11-24"),
    ("db.t4g.medium", "", "0.065", "infratally.com on RDS", "2026-06-13"),
    ("db.t3.large", "postgres", "0.145", PRICE_LIST, "2026-11-24"),
    ("db.t3.large", "mysql", "0.136", PRICE_LIST, "2026-11-24"),
    ("db.t3.large", "mariadb", "0.136", PRICE_LIST, "2026-11-24"),
    ("db.m5.large", "mysql", "0.171", PRICE_LIST, "2026-11-24"),
)


def _price_name(instance_class: str, engine: str) -> str | None:
    """The name of the price of a class with an engine; None where none is known."""
    for name, of, *_ in _CLASSES:
        if name == instance_class and of in ("", engine):
            return f"rds.{name}{f'.{of}' if of else ''}"
    return None


def _price_instances(context: PricingContext, instances: Resources) -> CostItems:
    serverless: dict[str, list[PlannedResource]] = {}
    for one in instances:
        engine, size = one.text("Engine"), one.text("DBInstanceClass")
        if size == _SERVERLESS:
            serverless.setdefault(text_of(one.get("DBClusterIdentifier")), []).append(one)
            continue
        name, copies = _price_name(size, engine), 1 + (one.text("MultiAZ") == "true")
        in_zones = " × 2 zones" if copies > 1 else ""
        if engine not in ("postgres", "mysql", "mariadb") or name is None:
            yield Unpriced(f"Instance {one.name}", f"no price for {size} with {engine}", (one.name,))
        else:
            yield context.line(name, f"RDS {size}", HOURS * copies, f"{HOURS} h{in_zones}", one)
        if _in_cluster(one.properties):
            continue
        size_in_gigabytes = at_least_zero(one.get("AllocatedStorage"))
        if one.text("StorageType") == "gp3":
            how = f"{number(size_in_gigabytes)} GB{in_zones}"
            yield context.line("rds.gp3", "RDS storage", size_in_gigabytes * copies, how, one)
        else:
            yield Unpriced(f"Storage of {one.name}", "only the price of gp3 is known", (one.name,))
        yield from _beside(context, one)
    for some in serverless.values():
        yield _units(context, some)


def _units(context: PricingContext, instances: Resources) -> CostLine:
    """The instances of a cluster of Aurora Serverless v2, by the assumed capacity within the bounds of the cluster."""
    cluster = context.stack.named(instances[0].get("DBClusterIdentifier"), DB_CLUSTER)
    bounds = mapping(cluster.get("ServerlessV2ScalingConfiguration")) if cluster else {}
    low, high = (decimal(bounds.get(key)) for key in ("MinCapacity", "MaxCapacity"))
    units = context.assumed[_UNITS]
    units = max(units, low or units * 0)
    units = units if high is None else min(units, high)
    count = len(instances)
    how = f"{counted(count, 'instance')} × {number(units)} ACU on average × {HOURS} h"
    name, owner = "Aurora Serverless v2", instances[0].name
    return context.line("aurora.acu", name, units * HOURS * count, how, instances, _UNITS, owner=owner)


def _price_clusters(context: PricingContext, clusters: Resources) -> CostItems:
    """The storage and the requests of clusters; their instances have a price of their own."""
    for one in clusters:
        if not one.text("Engine").startswith("aurora-"):
            yield Unpriced(f"Cluster {one.name}", f"no price for a cluster of {one.text('Engine')}", (one.name,))
            continue
        yield context.usage("aurora.storage", "Aurora storage", "rds-gigabytes", "GB", one)
        rate = context.assumed["aurora-io-per-second"]
        how, quantity = f"{number(rate)} requests/s", rate * SECONDS / MILLION
        yield context.line("aurora.io", "Aurora I/O", quantity, how, one, "aurora-io-per-second")
        yield from _beside(context, one)


def _beside(context: PricingContext, one: PlannedResource) -> CostItems:
    """The secret that RDS makes, and what the template does not tell."""
    if text_of(one.get("ManageMasterUserPassword")) == "true":
        yield context.line("secret.month", f"Secret of {one.name}", 1, "1 × 1 month", one)
    yield from requests_to(one.get("KmsKeyId"), one)
    if one.get("BackupRetentionPeriod") not in (0, "0"):
        why = "they are free up to the size of the database; more depends on what changes"
        yield Unpriced(f"Backups of {one.name}", why, (one.name,))


def _major(engine: str, version: str) -> str:
    """``17`` of ``17.5``, ``8.0`` of ``8.0.42``."""
    parts = 1 if "postgres" in engine and not version.startswith("9.") else 2
    return ".".join(version.split(".")[:parts])


def _other_version(before: Properties, after: Properties) -> Iterator[tuple[str, Refusal]]:
    """A database goes to a newer version alone, and an instance to another major version only if it is allowed.

    Sources: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Upgrading.html and
    https://repost.aws/knowledge-center/rds-error-requested-major-version
    """
    engine = text_of(after.get("Engine"))
    if engine != text_of(before.get("Engine")):
        return  # a new database
    old, new = (text_of(one.get("EngineVersion")) for one in (before, after))
    was, now = (_numbers(text) for text in (old, new))
    if not was or not now or old == new:
        return
    shared = min(len(was), len(now))
    if now[:shared] < was[:shared]:
        why = f"RDS does not go back from version {old} to {new}"
        way_out = f"keep {old}; or restore a snapshot from before the upgrade into a new database"
        yield "EngineVersion", Refusal(why, way_out, f"Cannot upgrade {engine} from {old} to {new}")
    elif _major(engine, old) != _major(engine, new) and text_of(after.get("AllowMajorVersionUpgrade")) != "true":
        if engine.startswith("aurora"):
            return  # CloudFormation allows it for a cluster
        why = f"RDS refuses the major version {_major(engine, new)} after {_major(engine, old)} unless it is allowed"
        way_out = (
            "1. try the upgrade with a copy, restored from a snapshot; 2. write `allowMajorVersionUpgrade: true`, and "
            "deploy: the database stops for minutes"
        )
        answer = "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version."
        yield "EngineVersion", Refusal(why, way_out, answer)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _less_storage(before: Any, after: Any) -> Refusal | None:
    """Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.ModifyingExisting.html"""
    old, new = decimal(before), decimal(after)
    if old is None or new is None or new >= old:
        return None
    why = f"the storage of an instance cannot shrink, and it goes from {number(old)} to {number(new)} GiB"
    way_out = (
        f"write {number(old)} GiB or more; or copy the data into a new database with less, beside this one, by "
        "pg_dump or mysqldump"
    )
    return Refusal(why, way_out, "Invalid storage size for engine name: requested storage size is less than current")


def _never(before: Any, after: Any) -> bool:
    return False


def _fewer_days(before: Any, after: Any) -> bool:
    old, new = (decimal(1 if one is None else one) for one in (before, after))
    return old is not None and new is not None and new < old


def _details(properties: Properties) -> Iterator[str]:
    version = text_of(properties.get("EngineVersion"))
    yield f"{text_of(properties.get('Engine'))} {version}".strip()
    scaling = mapping(properties.get("ServerlessV2ScalingConfiguration"))
    if scaling:
        yield f"{text_of(scaling.get('MinCapacity'))} to {text_of(scaling.get('MaxCapacity'))} ACU"
    elif properties.get("DBInstanceClass"):
        zones = ", two zones" if text_of(properties.get("MultiAZ")) == "true" else ""
        yield f"{text_of(properties.get('DBInstanceClass'))}{zones}"


def _protection(noun: str) -> DeletionProtection:
    return DeletionProtection(
        lambda properties: properties.get("DeletionProtection") in (True, "true"),
        f"Cannot delete protected {noun}, please disable deletion protection and try again.",
        "InvalidRequest",
        "DeletionProtection",
    )


def _in_cluster(properties: Properties) -> bool:
    return "DBClusterIdentifier" in properties


_ROWS = StoredData(
    "its rows",
    expiry=(Expiry("BackupRetentionPeriod", _fewer_days, "drops automatic backups that are older"),),
    elsewhere=_in_cluster,
)
_ADDRESS = {
    "Endpoint.Address": frozenset[str](),
    "Endpoint.Port": frozenset({"Port"}),
    "ReadEndpoint.Address": frozenset[str](),
    "MasterUserSecret.SecretArn": frozenset({"ManageMasterUserPassword"}),
}
"""The attributes that stay when other properties change."""
_OFF = "disable the deletion protection of the database: deploy it with `deletionProtection: false`"
_ARN = "arn:{partition}:rds:{region}:{account}"
_ENDPOINT = "{id}.{six}.{region}.rds.amazonaws.com"
_SECRET_ARN = "arn:{partition}:secretsmanager:{region}:{account}:secret:rds!{id}-{six}"  # noqa: S105 - a pattern
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
_SECRET_ACTIONS = ("secretsmanager:CreateSecret", "secretsmanager:TagResource")
_KEY_ACTIONS = ("kms:*",)
_OUTAGE = "the database restarts: the tasks have no connection for minutes, with a standby or readers for seconds"
"""Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.DBInstance.Modifying.html"""

# Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
RECORDS = (
    ResourceType(
        DB_CLUSTER,
        PricingRule(
            "data",
            _price_clusters,
            (
                price("aurora.storage", "0.10", "GB-month", f"{_AURORA}; {PRICE_LIST}", "2026-11-24"),
                price("aurora.io", "0.20", "million requests", f"{_AURORA}; {PRICE_LIST}", "2026-11-24"),
            ),
            (
                assumption("rds-gigabytes", "10", "GB", "in each Aurora cluster"),
                assumption("aurora-io-per-second", "5", "requests/s", "to the storage of each Aurora cluster"),
            ),
            order=2,
        ),
        Simulation(
            attributes={
                "DBClusterArn": f"{_ARN}:cluster:{{id}}",
                "DBClusterResourceId": "cluster-{hex}",
                "Endpoint.Address": "{id}.cluster-{six}.{region}.rds.amazonaws.com",
                "Endpoint.Port": "5432",
                "ReadEndpoint.Address": "{id}.cluster-ro-{six}.{region}.rds.amazonaws.com",
                "MasterUserSecret.SecretArn": _SECRET_ARN,
            },
            create=60.0,
            update=40.0,
            delete=60.0,
            longest_name=63,
            lower_case=True,
            protection=_protection("Cluster"),
        ),
        DeployPermissions(
            only_with={
                "ManageMasterUserPassword": _SECRET_ACTIONS,
                "GlobalClusterIdentifier": ("rds:DescribeGlobalClusters", "rds:RemoveFromGlobalCluster"),
            },
            # https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Overview.Encryption.Keys.html
            iam_name="cluster",
            linked_role="rds.amazonaws.com",
        ),
        data=_ROWS,
        snapshot=lambda properties: True,
        drawing=Drawing("database", "RDS cluster", "DBClusterIdentifier", _details, access="SQL", arn_service="rds"),
        updates=Updates(_ADDRESS, differing=_other_version, interrupting={"EngineVersion": _OUTAGE}),
        before_deletion=_OFF,
    ),
    ResourceType(
        DB_INSTANCE,
        PricingRule(
            "data",
            _price_instances,
            (
                *(
                    price(f"rds.{name}{f'.{of}' if of else ''}", amount, "hour", source, date, "in one zone")
                    for name, of, amount, source, date in _CLASSES
                ),
                price("rds.gp3", "0.115", "GB-month", PRICE_LIST, "2026-11-24", "in one zone"),
                price("aurora.acu", "0.12", "ACU-hour", _AURORA, "2026-06-13"),
            ),
            (assumption(_UNITS, "1", "ACU", "on average, within the bounds of each serverless instance"),),
            order=3,
        ),
        Simulation(
            attributes={
                "AllocatedStorage": "20",
                "DBInstanceArn": f"{_ARN}:db:{{id}}",
                "DbiResourceId": "db-{hex}",
                "Endpoint.Address": _ENDPOINT,
                "Endpoint.Port": "5432",
                "MasterUserSecret.SecretArn": _SECRET_ARN,
            },
            create=420.0,
            update=60.0,
            delete=180.0,
            longest_name=63,
            lower_case=True,
            protection=_protection("DB Instance"),
        ),
        DeployPermissions(
            only_with={"KmsKeyId": _KEY_ACTIONS, "ManageMasterUserPassword": _SECRET_ACTIONS},
            iam_name="db",
            linked_role="rds.amazonaws.com",
        ),
        data=_ROWS,
        snapshot=lambda properties: not _in_cluster(properties),
        drawing=Drawing("database", "RDS instance", "DBInstanceIdentifier", _details, access="SQL", arn_service="rds"),
        updates=Updates(
            {name: of for name, of in _ADDRESS.items() if name != "ReadEndpoint.Address"},
            # "Some interruptions" on the page of the type, which replaces none of them
            replaced_if={
                **dict.fromkeys(("AutoMinorVersionUpgrade", "BackupRetentionPeriod", "MultiAZ"), _never),
                **dict.fromkeys(("DBParameterGroupName", "PreferredMaintenanceWindow"), _never),
            },
            refused={"AllocatedStorage": _less_storage},
            differing=_other_version,
            limited={"AllocatedStorage": "RDS refuses another change of the storage for six hours"},
            interrupting={"EngineVersion": _OUTAGE, "DBInstanceClass": _OUTAGE},
        ),
        before_deletion=_OFF,
    ),
    ResourceType(
        "AWS::RDS::DBSubnetGroup",
        "free",
        Simulation(create=4.0, lower_case=True),
        DeployPermissions(iam_name="subgrp", linked_role="rds.amazonaws.com"),
    ),
    *(
        ResourceType(
            f"AWS::RDS::{name}",
            "free",
            Simulation(create=12.0, lower_case=True),
            DeployPermissions(iam_name=iam_name, linked_role="rds.amazonaws.com"),
        )
        for name, iam_name in (("DBParameterGroup", "pg"), ("DBClusterParameterGroup", "clusterpg"))
    ),
    ForeignType("AWS::RDS::GlobalCluster", data=StoredData("its rows")),
)
