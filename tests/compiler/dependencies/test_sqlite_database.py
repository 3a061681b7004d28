"""An SQLite database: the path of its file, its pragmas and its single writer."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fsdcf.compiler.dependencies.sqlite_database import TYPE
from tests.compiler.dependencies.made import codes, findings, make
from tests.conftest import ROOT, Compile

KIND = "sqlite_database"


def test_the_url_is_absolute_and_the_service_a_single_writer() -> None:
    made = make(KIND, "app", path="/data/app.db")
    assert made.grant.environment["DATABASE_URL"] == "sqlite:////data/app.db"
    assert made.grant.environment["APP_SQLITE_PATH"] == "/data/app.db"
    assert made.grant.values["path"] == "/data/app.db" and made.grant.values["url"] == "sqlite:////data/app.db"
    assert made.grant.single_writer and not made.grant.statements and not made.resources


def test_the_pragmas_of_a_file_on_a_network_file_system() -> None:
    grant = make(KIND, "app", path="/data/app.db").grant
    pragmas = {
        "SQLITE_JOURNAL_MODE": "DELETE",
        "SQLITE_SYNCHRONOUS": "FULL",
        "SQLITE_BUSY_TIMEOUT": "5000",
        "SQLITE_LOCKING_MODE": "EXCLUSIVE",
    }
    assert dict(grant.environment) == {
        "DATABASE_URL": "sqlite:////data/app.db",
        "SQLITE_PATH": "/data/app.db",
        "APP_SQLITE_PATH": "/data/app.db",
        **pragmas,
    }
    assert {attribute: grant.environment[name] for name, attribute in TYPE.variables.items()} == grant.values
    assert (
        set(TYPE.variables.values()) == set(grant.values)
        and TYPE.settings(TYPE.model(type=KIND, name="app")) == pragmas
    )


@pytest.mark.parametrize("key", ["journalMode", "journal_mode"])
def test_the_journal_may_be_truncated(key: str) -> None:
    assert (
        make(KIND, "app", path="/data/app.db", **{key: "TRUNCATE"}).grant.environment["SQLITE_JOURNAL_MODE"]
        == "TRUNCATE"
    )
    assert codes({"type": KIND, "name": "app", "path": "/data/app.db", key: "PERSIST"}) == ["S106"]


def test_an_ephemeral_database_may_have_many_writers() -> None:
    grant = make(KIND, "app", path="/tmp/app.db", ephemeral=True, journalMode="WAL").grant
    assert not grant.single_writer
    assert (grant.environment["SQLITE_JOURNAL_MODE"], grant.environment["SQLITE_LOCKING_MODE"]) == ("WAL", "NORMAL")


def test_sqlite_accepts_every_pragma(tmp_path: Path) -> None:
    for mode in ("DELETE", "TRUNCATE", "WAL"):
        for ephemeral in (False, True):
            grant = make(KIND, "app", path="/tmp/app.db", ephemeral=ephemeral, journalMode=mode).grant
            with closing(sqlite3.connect(tmp_path / f"{mode}-{ephemeral}.db")) as connection:
                answers = {
                    name: connection.execute(
                        f"PRAGMA {name.removeprefix('SQLITE_')} = {grant.environment[name]}"
                    ).fetchone()
                    for name in (
                        "SQLITE_LOCKING_MODE",
                        "SQLITE_JOURNAL_MODE",
                        "SQLITE_BUSY_TIMEOUT",
                        "SQLITE_SYNCHRONOUS",
                    )
                }
                assert answers["SQLITE_LOCKING_MODE"] == ("normal" if ephemeral else "exclusive",)
                assert answers["SQLITE_JOURNAL_MODE"] == (mode.lower(),) and answers["SQLITE_BUSY_TIMEOUT"] == (5000,)
                assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_path_is_not_a_template() -> None:
    assert make(KIND, "app", path="/data/$${x}.db").grant.values["path"] == "/data/${!x}.db"


@pytest.mark.parametrize("path", ["app.db", "/", "/data/a b.db", "/data/app.db?mode=ro"])
def test_invalid_paths(path: str) -> None:
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


def test_the_service_chooses_between_several_databases(compiled: Compile) -> None:
    result = compiled(SEVERAL)
    assert result.template is not None, result.diagnostics
    container = result.template.data["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    variables = {one["Name"]: one["Value"] for one in container["Environment"]}
    assert variables == {
        "DATABASE_URL": "sqlite:////tmp/two.db",
        "ONE_SQLITE_PATH": "/tmp/one.db",
        "TWO_SQLITE_PATH": "/tmp/two.db",
        "SQLITE_JOURNAL_MODE": "DELETE",
        "SQLITE_SYNCHRONOUS": "FULL",
        "SQLITE_BUSY_TIMEOUT": "5000",
        "SQLITE_LOCKING_MODE": "NORMAL",
    }


@pytest.mark.parametrize("variable", ["DATABASE_URL", "SQLITE_PATH"])
def test_several_dependencies_that_set_one_variable(compiled: Compile, variable: str) -> None:
    (finding,) = [one for one in compiled(SEVERAL.replace(variable, "OTHER")).diagnostics if one.code == "S232"]
    assert finding.path == ("dependencies", 1) and variable in finding.message
    assert f"{variable}: ${{sqlite:two:" in finding.hint


def test_only_pragmas_that_differ_need_a_choice(compiled: Compile) -> None:
    differing = SEVERAL.replace("/tmp/two.db, ephemeral: true", "/tmp/two.db, ephemeral: true, journalMode: WAL")
    (finding,) = [one for one in compiled(differing).diagnostics if one.code == "S232"]
    assert finding.hint == "choose in service.environment, such as SQLITE_JOURNAL_MODE: ${sqlite:two:journalMode}"
    chosen = differing.replace('url}"}', 'url}", SQLITE_JOURNAL_MODE: "${sqlite:two:journalMode}"}')
    result = compiled(chosen)
    assert result.template is not None, result.diagnostics
    container = result.template.data["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    assert {"Name": "SQLITE_JOURNAL_MODE", "Value": "WAL"} in container["Environment"]


def test_the_how_to_opens_and_copies_the_file_with_these_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "how-to" / "sqlite.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", page, re.M))
    assert told == {
        name: value
        for name, value in make(KIND, "app", path="/mnt/efs/app.db").grant.environment.items()
        if name in TYPE.variables
    }
    opens, copies = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    file = tmp_path / "app.db"
    with closing(sqlite3.connect(file)) as before:
        before.execute("PRAGMA journal_mode = WAL")
        before.execute("CREATE TABLE notes (id)")
    for name, value in {**told, "SQLITE_PATH": str(file), "SQLITE_BUSY_TIMEOUT": "0"}.items():
        monkeypatch.setenv(name, value)
    names = {"os": os, "sqlite3": sqlite3}
    exec(opens, names)
    with closing(names["connection"]) as connection:
        connection.execute("INSERT INTO notes VALUES (1)")
        exec(copies.replace("/mnt/efs", str(tmp_path)), names)
        assert not (tmp_path / "app.db-wal").exists()
        with (
            closing(sqlite3.connect(file, timeout=0)) as second,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            second.execute("SELECT * FROM notes")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT * FROM notes").fetchall() == [(1,)]
