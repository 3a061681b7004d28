"""A SQLite data base: where its file is, and that it has one writer."""

from __future__ import annotations

import pytest

from tests.compiler.dependencies.made import codes, findings, make

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
