"""A DSQL cluster: kept, without a network, and open to the service alone, as one user."""

from __future__ import annotations

import pytest

from fsdcf.pipeline import Request, run
from tests.compiler.dependencies.made import findings, make, spec_of

KIND = "aws_dsql_cluster"
IDENTIFIER = "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(("user", "action"), [("admin", "dsql:DbConnectAdmin"), ("shop", "dsql:DbConnect")])
def test_iam_lets_the_service_log_in_as_its_user(user: str, action: str) -> None:
    made = make(KIND, "ledger", user=user)
    assert list(made.resources) == ["LedgerDsqlCluster"] and not made.grant.secrets
    assert made.arns(action) == {"${LedgerDsqlCluster.ResourceArn}"} and made.actions() == {action}
    assert made.grant.environment["LEDGER_DSQL_USER"] == made.grant.environment["PGUSER"] == user
    assert made.grant.environment["PGHOST"] == "${LedgerDsqlCluster.Endpoint}"


@pytest.mark.parametrize(("ports", "expected"), [("443", ["S386"]), ("443, 5432", [])])
def test_egress_must_allow_its_port(ports: str, expected: list[str]) -> None:
    egress = f"  networking: {{egress: [{{to: 0.0.0.0/0, ports: [{ports}]}}]}}\n"
    text = spec_of({"type": KIND, "name": "ledger"}).replace("service:\n", f"service:\n{egress}")
    found = run(Request("spec.yml", text.encode(), "staging")).diagnostics
    assert [one.code for one in found if one.code.startswith("S")] == expected
    assert all("0.0.0.0/0" in one.hint for one in found if one.code == "S386")


def test_an_existing_cluster_is_named_by_its_identifier() -> None:
    made = make(KIND, IDENTIFIER, unmanaged={"permissions": "readWrite"})
    assert not made.resources and made.actions() == {"dsql:DbConnectAdmin"}
    assert f"{IDENTIFIER}.dsql.${{AWS::Region}}.on.aws" in made.grant.environment.values()
    assert findings({"type": KIND, "name": "old", "unmanaged": {"permissions": "readWrite"}}) == [("S530", "old")]
    assert findings({"type": KIND, "name": "new", "permissions": "read"}) == [("S530", "read")]
