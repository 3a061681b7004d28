"""A SQLite data base: where its file is, and that it has one writer."""

from __future__ import annotations

import pytest

from tests.compiler.dependencies.made import codes, findings, make
from tests.conftest import Compile

KIND = "sqlite_database"


def test_the_url_is_absolute_and_the_service_a_single_writer() -> None:
    made = make(KIND, "app", path="/data/app.db")
    assert made.grant.environment["DATABASE_URL"] == "sqlite:////data/app.db"
    assert made.grant.environment["APP_SQLITE_PATH"] == "/data/app.db"
    assert made.grant.attributes == {"path": "/data/app.db", "url": "sqlite:////data/app.db"}
    assert made.grant.single_writer and not made.grant.statements and not made.resources


def test_data_that_may_be_lost_have_many_writers() -> None:
    assert not make(KIND, "app", path="/tmp/app.db", ephemeral=True).grant.single_writer


def test_a_path_is_no_template() -> None:
    assert make(KIND, "app", path="/data/$${x}.db").grant.attributes["path"] == "/data/${!x}.db"


@pytest.mark.parametrize("path", ["app.db", "/", "/data/a b.db", "/data/app.db?mode=ro"])
def test_paths_that_are_none(path: str) -> None:
    assert codes({"type": KIND, "name": "app", "path": path})


def test_a_file_has_no_permissions() -> None:
    base = {"type": KIND, "name": "app", "path": "/data/app.db"}
    assert findings({**base, "permissions": "read"}) == [("S350", "permissions")]
    assert findings({**base, "unmanaged": {"permissions": "read"}}) == [("S350", "unmanaged")]


SEVERAL = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: shop, owners: team}
service:
  environment: {DATABASE_URL: "${sqlite:two:url}"}
  secrets:
    - {name: SQLITE_PATH, valueFrom: "arn:aws:ssm:us-east-1:123456789012:parameter/path"}
dependencies:
  - {type: sqlite_database, name: one, path: /tmp/one.db, ephemeral: true}
  - {type: sqlite_database, name: two, path: /tmp/two.db, ephemeral: true}
"""


def test_of_several_the_service_says_which_one_it_means(compiled: Compile) -> None:
    result = compiled(SEVERAL)
    assert result.template is not None, result.diagnostics
    container = result.template.data["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    variables = {one["Name"]: one["Value"] for one in container["Environment"]}
    assert variables == {
        "DATABASE_URL": "sqlite:////tmp/two.db",
        "ONE_SQLITE_PATH": "/tmp/one.db",
        "TWO_SQLITE_PATH": "/tmp/two.db",
    }


@pytest.mark.parametrize("variable", ["DATABASE_URL", "SQLITE_PATH"])
def test_several_that_give_one_variable(compiled: Compile, variable: str) -> None:
    (finding,) = [one for one in compiled(SEVERAL.replace(variable, "OTHER")).diagnostics if one.code == "S232"]
    assert finding.path == ("dependencies", 1) and f"gives {variable} too" in finding.message
    assert f"{variable}: ${{sqlite:two:" in finding.hint
