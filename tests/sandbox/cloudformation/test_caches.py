"""Caches, domains and scaled tables of the golden cases: deployed, changed, rolled back and deleted."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from fsdcf.cloudformation.template import read
from tests.conftest import ROOT
from tests.sandbox.cloudformation.account import NAME, Account, consistent

CASES = ROOT / "tests" / "cases" / "dependencies"
SERVICES = ("ElastiCache", "OpenSearchService", "DynamoDB", "ApplicationAutoScaling", "SecretsManager", "EC2", "IAM")


def template() -> dict[str, Any]:
    """What the types make, without the service that uses it."""
    resources: dict[str, Any] = {}
    for name in ("aws_elasticache", "aws_opensearch", "aws_dynamodb_table"):
        made = read((CASES / f"{name}.staging.template.yml").read_text(encoding="utf-8"))["Resources"]
        resources |= {key: one for key, one in made.items() if one["Type"].split("::")[1] in SERVICES}
    del resources["ExecutionRole"]
    return {"Resources": resources}


def test_stores_in_a_network_are_deployed_changed_rolled_back_and_deleted(account: Account) -> None:
    first = template()
    assert account.create(first) == "CREATE_COMPLETE"
    assert account.physical("SessionsCache") == "staging-sessions"
    assert account.physical("StockTableReadScalableTarget").startswith("table/staging-stock|dynamodb:table:Read")

    changed = deepcopy(first)
    resources = changed["Resources"]
    resources["SessionsCache"]["Properties"]["CacheUsageLimits"] = {"ECPUPerSecond": {"Maximum": 9000}}
    resources["LeaderboardCacheNodes"]["Properties"]["ReplicasPerNodeGroup"] = 1
    resources["CatalogSearchDomain"]["Properties"]["EngineVersion"] = "OpenSearch_3.1"
    resources["StockTableReadScalableTarget"]["Properties"]["MaxCapacity"] = 200
    assert account.deploy(changed) == "UPDATE_COMPLETE"

    refused = deepcopy(changed)
    refused["Resources"]["CatalogSearchDomain"]["Properties"]["EngineVersion"] = "OpenSearch_2.19"
    refused["Resources"]["SessionsCache"]["Properties"]["CacheUsageLimits"]["ECPUPerSecond"]["Maximum"] = 5000
    assert account.deploy(refused) == "UPDATE_ROLLBACK_COMPLETE"
    assert "cannot be downgraded" in account.reasons()["CatalogSearchDomain UPDATE_FAILED"]

    consistent(account, NAME)
    account.cfn.delete_stack(StackName=NAME)
    assert account.settle() == "DELETE_COMPLETE"
    assert account.survivors() == ["OrdersTable", "StockTable"], "the tables are kept, the caches copied"
