"""A DSQL cluster: kept, without a network, and open to the service alone, as one user."""

from __future__ import annotations

import pytest

from tests.compiler.dependencies.made import findings, make

KIND = "aws_dsql_cluster"
IDENTIFIER = "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(("user", "action"), [("admin", "dsql:DbConnectAdmin"), ("shop", "dsql:DbConnect")])
def test_iam_lets_the_service_log_in_as_its_user(user: str, action: str) -> None:
    made = make(KIND, "ledger", user=user)
    assert list(made.resources) == ["LedgerDsqlCluster"] and not made.grant.secrets
    assert made.arns(action) == {"${LedgerDsqlCluster.ResourceArn}"} and made.actions() == {action}
    assert made.grant.environment["LEDGER_DSQL_USER"] == made.grant.environment["PGUSER"] == user
    assert made.grant.environment["PGHOST"] == "${LedgerDsqlCluster.Endpoint}"


def test_an_existing_cluster_is_named_by_its_identifier() -> None:
    made = make(KIND, IDENTIFIER, unmanaged={"permissions": "readWrite"})
    assert not made.resources and made.actions() == {"dsql:DbConnectAdmin"}
    assert f"{IDENTIFIER}.dsql.${{AWS::Region}}.on.aws" in made.grant.environment.values()
    assert findings({"type": KIND, "name": "old", "unmanaged": {"permissions": "readWrite"}}) == [("S530", "old")]
    assert findings({"type": KIND, "name": "new", "permissions": "read"}) == [("S530", "read")]
