"""Services with a fact or two that fsdcf knows: their types occur in the templates of others only."""

from __future__ import annotations

from fsdcf.cloudformation.types import Drawing, ForeignType, Part, Simulation, StoredData, Updates

PART: Part = "other"
RECORDS = (
    ForeignType("AWS::Backup::BackupPlan", updates=Updates({"VersionId": frozenset({"BackupPlan"})})),
    ForeignType("AWS::Backup::BackupVault", data=StoredData("its backups")),
    ForeignType("AWS::Backup::LogicallyAirGappedBackupVault", data=StoredData("its backups")),
    ForeignType(
        "AWS::Lambda::Function",
        drawing=Drawing(
            "service", "Lambda function", "FunctionName", arn_service="lambda", arn_name="(?:function:)?(.+)"
        ),
        simulation=Simulation(attributes={"Arn": "arn:{partition}:lambda:{region}:{account}:function:{id}"}),
    ),
    *(
        ForeignType(f"AWS::{name}", snapshot=lambda properties: False)
        for name in ("DocDB::DBCluster", "Neptune::DBCluster", "Redshift::Cluster")
    ),
)
