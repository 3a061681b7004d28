"""Databases in the sandbox: created, changed, changed back, and deleted, with what a deletion leaves."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.cli.stage import SMALL, Stage
from tests.sandbox.cloudformation import inventory

ORDERS: dict[str, Any] = {"type": "aws_rds_instance", "name": "orders", "storage": 50}
REPORTS: dict[str, Any] = {"type": "aws_rds_instance", "name": "reports", "serverless": {"min": 0, "max": 4}}
LEDGER: dict[str, Any] = {"type": "aws_dsql_cluster", "name": "ledger"}


@pytest.fixture
def pace() -> float:
    return 0.02


def deploy(stage: Stage, *dependencies: dict[str, Any], expect: int = 0, sha: str = "one") -> str:
    spec = yaml.safe_load(SMALL)
    (stage.folder / "hello.yml").write_text(yaml.safe_dump({**spec, "dependencies": list(dependencies)}))
    return stage("deploy", "hello.yml", "--image-sha", sha, "--yes", expect=expect).output


def databases(stage: Stage) -> dict[str, dict[str, Any]]:
    every = inventory.every(stage.site.state)
    return {one["logical"]: one for one in every if one["type"].startswith(("AWS::RDS::DB", "AWS::DSQL"))}


def test_databases_are_created_changed_rolled_back_and_deleted(stage: Stage) -> None:
    deploy(stage, ORDERS, REPORTS, LEDGER)
    made = databases(stage)
    assert {"OrdersDatabase", "ReportsDatabaseCluster", "ReportsDatabaseClusterWriter", "LedgerDsqlCluster"} <= set(
        made
    )
    stage.site.fault("Service:update:exit=1")
    changed = ({**ORDERS, "multiAz": True}, {**REPORTS, "readers": 1}, LEDGER)
    assert "0 with data at risk" in deploy(stage, *changed, expect=1, sha="bad")
    assert {name: one["properties"] for name, one in databases(stage).items()} == {
        name: one["properties"] for name, one in made.items()
    }
    told = deploy(stage, {**ORDERS, "storage": 100, "multiAz": True}, *changed[1:])
    assert "changes AllocatedStorage for good" in told and "RDS refuses another change" in told
    after = databases(stage)
    assert after["OrdersDatabase"]["physical"] == made["OrdersDatabase"]["physical"]
    assert after["OrdersDatabase"]["properties"]["AllocatedStorage"] == "100"
    assert "ReportsDatabaseClusterReader1" in after
    told = stage("delete", "hello", "--yes").output
    assert set(databases(stage)) == {"LedgerDsqlCluster"}
    assert "copied to a snapshot, then deleted: OrdersDatabase" in told and "with its rows" not in told
