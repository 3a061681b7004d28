"""RDS: databases."""

from __future__ import annotations

from fsdcf.cloudformation.types import (
    DeletionProtection,
    DeployPermissions,
    Drawing,
    ForeignType,
    Part,
    Simulation,
    StoredData,
)

PART: Part = "data"
_ROWS = StoredData("its rows")
_LINKED = DeployPermissions(linked_role="rds.amazonaws.com")

# Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
RECORDS = (
    ForeignType(
        "AWS::RDS::DBCluster",
        data=_ROWS,
        snapshot=lambda properties: True,
        drawing=Drawing("database", "RDS cluster", "DBClusterIdentifier"),
        permissions=_LINKED,
    ),
    ForeignType(
        "AWS::RDS::DBInstance",
        data=_ROWS,
        snapshot=lambda properties: "DBClusterIdentifier" not in properties,
        drawing=Drawing("database", "RDS instance", "DBInstanceIdentifier"),
        permissions=_LINKED,
        simulation=Simulation(
            create=420.0,
            update=60.0,
            delete=180.0,
            protection=DeletionProtection(
                lambda properties: properties.get("DeletionProtection") in (True, "true"),
                "Cannot delete protected DB Instance, please disable deletion protection and try again.",
                "InvalidRequest",
                "DeletionProtection",
            ),
        ),
    ),
    ForeignType("AWS::RDS::GlobalCluster", data=_ROWS),
)
