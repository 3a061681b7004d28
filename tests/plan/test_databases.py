"""Plans of databases: what AWS's pages say of a change.

RDS is https://docs.aws.amazon.com/AmazonRDS/latest, REFERENCE is
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference.
"""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.plan.diff.plan import UpdatePlan
from tests.plan.conftest import resources
from tests.plan.test_diff import plan
from tests.plan.test_messages import remarks

INSTANCE, CLUSTER, DSQL = "AWS::RDS::DBInstance", "AWS::RDS::DBCluster", "AWS::DSQL::Cluster"
CUSTOMER = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def found(
    type: str, before: dict[str, Any] | None, after: dict[str, Any] | None, policy: str = "Snapshot"
) -> UpdatePlan:
    """The plan of one database beside something else."""
    kept = {"Type": type, "DeletionPolicy": policy, "UpdateReplacePolicy": policy}
    sides = [{} if one is None else {"A": {**kept, "Properties": one}} for one in (before, after)]
    return plan(*(resources(Log={"Type": "AWS::Logs::LogGroup"}, **side) for side in sides))


def instance(version: str = "16.4", storage: str = "50", **more: Any) -> dict[str, Any]:
    return {"Engine": "postgres", "EngineVersion": version, "AllocatedStorage": storage, **more}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # RDS/UserGuide/USER_UpgradeDBInstance.Upgrading.html: a new major version must be allowed
        (instance("16.4"), instance("17.2"), {"refused"}),
        (instance("16"), instance("17"), {"refused"}),
        (
            instance("16.4"),
            instance("17.2", AllowMajorVersionUpgrade=True),
            {"interruption", "one-way"},
        ),
        # the same page: no version is taken back, and a minor one restarts the database
        (instance("16.4"), instance("16.3"), {"refused"}),
        (instance("16.4"), instance("16.6"), {"interruption", "one-way"}),
        # RDS/UserGuide/USER_PIOPS.ModifyingExisting.html: storage grows, at most every six hours
        (instance(storage="50"), instance(storage="100"), {"rare-change", "one-way"}),
        (instance(storage="50"), instance(storage="20"), {"refused"}),
        # REFERENCE/aws-resource-rds-dbinstance.html: what requires a replacement, whose database is empty
        (instance(DBName="a"), instance(DBName="b"), {"replaced", "store-removed"}),
        (instance(MasterUsername="a"), instance(MasterUsername="b"), {"replaced", "store-removed"}),
        (instance(), instance(KmsKeyId=CUSTOMER), {"replaced", "store-removed"}),
        (instance(DBSubnetGroupName="a"), instance(DBSubnetGroupName="b"), {"replaced", "store-removed"}),
        # the same page: another class restarts the database, in place
        (
            instance(DBInstanceClass="db.t4g.micro"),
            instance(DBInstanceClass="db.t4g.small"),
            {"interruption"},
        ),
        (instance(MultiAZ=False), instance(MultiAZ=True), set()),
        # RDS/UserGuide/USER_WorkingWithAutomatedBackups.BackupRetention.html: older backups are deleted
        (instance(BackupRetentionPeriod=14), instance(BackupRetentionPeriod=7), {"data-expires"}),
        (instance(BackupRetentionPeriod=7), instance(BackupRetentionPeriod=14), set()),
        # RDS/UserGuide/USER_DeleteInstance.html: a protected one is not deleted; a snapshot of the other remains
        (instance(DeletionProtection=True), None, {"deleted", "refused", "store-removed"}),
        (instance(), None, {"deleted", "store-removed"}),
        (instance(DeletionProtection=True), instance(DeletionProtection=False), {"protection-removed"}),
    ],
)
def test_an_instance(before: dict[str, Any], after: dict[str, Any] | None, expected: set[str]) -> None:
    assert remarks(found(INSTANCE, before, after)) == expected


def cluster(version: str = "16.4", capacity: tuple[float, float] = (0.5, 4), **more: Any) -> dict[str, Any]:
    low, high = capacity
    scaling = {"ServerlessV2ScalingConfiguration": {"MinCapacity": low, "MaxCapacity": high}}
    return {"Engine": "aurora-postgresql", "EngineVersion": version, **scaling, **more}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # RDS/AuroraUserGuide/USER_UpgradeDBInstance.PostgreSQL.html: an upgrade stops the cluster, and is not undone
        (cluster("16.4"), cluster("17.5"), {"interruption", "one-way"}),
        (cluster("17.5"), cluster("16.4"), {"refused"}),
        # RDS/AuroraUserGuide/aurora-serverless-v2-administration.html: capacity changes while the cluster runs
        (cluster(capacity=(0.5, 4)), cluster(capacity=(0, 8)), set()),
        # REFERENCE/aws-resource-rds-dbcluster.html: what requires a replacement, whose database is empty
        (cluster(DatabaseName="a"), cluster(DatabaseName="b"), {"replaced", "store-removed"}),
        (cluster(), cluster(KmsKeyId=CUSTOMER), {"replaced", "store-removed"}),
        (cluster(DBSubnetGroupName="a"), cluster(DBSubnetGroupName="b"), {"replaced", "store-removed"}),
        (cluster(SnapshotIdentifier="a"), cluster(SnapshotIdentifier="b"), {"replaced", "store-removed"}),
        (cluster(BackupRetentionPeriod=14), cluster(BackupRetentionPeriod=7), {"data-expires"}),
        (cluster(DeletionProtection=True), None, {"deleted", "refused", "store-removed"}),
        (cluster(DeletionProtection=True), cluster(DeletionProtection=False), {"protection-removed"}),
        (cluster(), None, {"deleted", "store-removed"}),
    ],
)
def test_a_cluster(before: dict[str, Any], after: dict[str, Any] | None, expected: set[str]) -> None:
    assert remarks(found(CLUSTER, before, after)) == expected


def test_an_instance_of_a_cluster_has_no_data_of_its_own() -> None:
    """RDS/AuroraUserGuide/Aurora.Overview.StorageReliability.html: the data is in the volume of the cluster."""
    reader = {"DBClusterIdentifier": "main", "DBInstanceClass": "db.serverless"}
    assert remarks(found(INSTANCE, reader, None, "Delete")) == set()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # REFERENCE/aws-resource-dsql-cluster.html: every property changes in place
        ({}, {"KmsEncryptionKey": CUSTOMER}, set()),
        ({"KmsEncryptionKey": CUSTOMER}, {}, set()),
        ({}, {"DeletionProtectionEnabled": True}, set()),
        ({}, {"Tags": [{"Key": "team", "Value": "shop"}]}, set()),
        ({}, {"MultiRegionProperties": {"WitnessRegion": "us-west-2"}}, set()),
        # https://docs.aws.amazon.com/aurora-dsql/latest/userguide/what-is-deletion-protection.html
        ({"DeletionProtectionEnabled": True}, {"DeletionProtectionEnabled": False}, {"protection-removed"}),
        # REFERENCE/aws-attribute-deletionpolicy.html: what is kept stays in the account
        ({"DeletionProtectionEnabled": True}, None, {"left behind", "store-removed"}),
        ({}, None, {"left behind", "store-removed"}),
    ],
)
def test_a_dsql_cluster(before: dict[str, Any], after: dict[str, Any] | None, expected: set[str]) -> None:
    assert remarks(found(DSQL, before, after, "Retain")) == expected


def test_a_dsql_cluster_that_is_not_kept() -> None:
    """https://docs.aws.amazon.com/aurora-dsql/latest/userguide/what-is-deletion-protection.html: it stays protected."""
    plan = found(DSQL, {"DeletionProtectionEnabled": True}, None, "Delete")
    assert remarks(plan) == {"deleted", "refused", "store-removed"}
    assert remarks(found(DSQL, {}, None, "Delete")) == {"deleted", "store-removed"}


def test_the_address_stays_when_the_database_grows() -> None:
    """REFERENCE/aws-resource-rds-dbinstance.html: RDS gives an instance its endpoint when it creates it."""
    note = {"Type": "AWS::SSM::Parameter", "Properties": {"Value": {"Fn::GetAtt": ["A", "Endpoint.Address"]}}}
    sides = ({"Type": INSTANCE, "Properties": one} for one in (instance(), instance(storage="100")))
    assert [one.logical_id for one in plan(*(resources(A=one, Note=note) for one in sides)).changes] == ["A"]


def test_a_refused_change_has_a_way_out() -> None:
    for after, words in ((instance("17.2"), "allowMajorVersionUpgrade"), (instance(storage="20"), "50 GiB")):
        (obstacle,) = found(INSTANCE, instance(), after).review.obstacles
        assert words in obstacle.way_out
