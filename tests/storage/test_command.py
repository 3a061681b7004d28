"""``fsdcf migrate-data``: from the options to the exit code, over moto."""

from __future__ import annotations

import json
import os
import pty
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import boto3
import pytest
from click.testing import CliRunner, Result

from fsdcf.cli.main import cli
from fsdcf.cli.options import Connection
from fsdcf.deploy.aws import Aws
from tests.conftest import ROOT
from tests.storage.conftest import Sql, expected, made
from tests.storage.endpoint import serving
from tests.storage.fake import Fake
from tests.storage.test_moto import everything

SPEC = """\
apiVersion: fsd/v1
kind: Service
metadata:
  name: hello
  owners: team
service:
  healthCheck:
    container:
      command: exit 0
dependencies:
  - type: aws_dynamodb_table
    name: ${ENV}-things
    keySchema: [{name: id, type: HASH}]
    attributes: [{name: id, type: N}]
  - type: aws_dynamodb_table
    name: ${AWS::AccountId}-orders
    keySchema: [{name: customer, type: HASH}, {name: at, type: RANGE}]
    attributes: [{name: customer, type: S}, {name: at, type: N}]
  - type: aws_dynamodb_table
    name: shared
    unmanaged: {permissions: read_write}
"""
Command = Callable[..., Result]


@pytest.fixture
def command(dynamodb: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Runs the command in a folder with a spec, on moto; the exit code must be the expected one."""
    for name in [name for name in os.environ if name.startswith("FSDCF_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yml").write_text(SPEC)
    made(dynamodb, "staging-things")

    def bring(connection: Connection) -> Aws:
        def make(service: str, region: str) -> Any:
            return dynamodb if service == "dynamodb" else boto3.client(service, region_name=region)

        return Aws(make, time.monotonic, lambda seconds: None, random.Random(1), "us-east-1")

    def run(*arguments: str, expect: int = 0) -> Result:
        words = ["migrate-data", "spec.yml", *arguments]
        if "--from" not in words:
            words += ["--from", "app.db"]
        result = CliRunner().invoke(cli, words, obj=bring)
        assert result.exit_code == expect, result.output
        return result

    yield run


def test_a_migration(command: Command, sql: Sql, dynamodb: Any, tmp_path: Path) -> None:
    sql(rows=60)
    done = command("--table", "things")
    assert done.stdout.startswith(
        "migrated and verified: things in app.db to the table staging-things\n  rows       60"
    )
    assert "write: 60 of 60" in done.stderr and len(everything(dynamodb, "staging-things")) == 60
    assert (tmp_path / "app.db.things.migration.json").exists()
    again = command("--table", "staging-things", "--checkpoint", "app.db.things.migration.json")
    assert "all rows are written" in again.stderr
    other = command("--table", "things", "--checkpoint", "c.json", expect=2)
    assert "already contains items" in other.stderr and "--keep-existing" in other.stderr
    kept = command("--table", "ThingsTable", "--checkpoint", "c.json", "--keep-existing", "--verify", "full")
    assert "0 existing and different; 60 existing and equal" in kept.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [((), "again to resume"), (("--restart",), "without --restart")],
)
def test_an_interruption_explains_how_to_resume(command: Command, sql: Sql, words: tuple[str, ...], told: str) -> None:
    sql(rows=1)

    def make(service: str, region: str) -> Any:
        raise KeyboardInterrupt

    aws = Aws(make, time.monotonic, lambda seconds: None, random.Random(1), "us-east-1")
    arguments = ["migrate-data", "spec.yml", "--table", "things", "--from", "app.db", *words]
    result = CliRunner().invoke(cli, arguments, obj=lambda connection: aws)
    assert result.exit_code == 130 and "interrupted: " in result.stderr and told in result.stderr


def test_json_lines(command: Command, sql: Sql) -> None:
    sql(rows=60)
    lines = [json.loads(line) for line in command("--table", "things", "--json", "--dry-run").stdout.splitlines()]
    assert [one["event"] for one in lines][-2:] == ["report", "ended"] and lines[-1]["exit"] == 0
    assert (
        lines[-2]["dry_run"]
        and lines[-2]["rows"] == 60
        and lines[0] == {"event": "progress", "stage": "check", "done": 60, "total": 60}
    )
    refused = command("--table", "things", "--json", "--from", "no.db", expect=2)
    last = json.loads(refused.stdout.splitlines()[-1])
    assert (last["event"], last["exit"]) == ("ended", 2) and "the file 'no.db' does not exist" in last["sentence"]


def test_findings_are_shown_and_nothing_is_written(command: Command, sql: Sql, dynamodb: Any) -> None:
    sql("INSERT INTO things VALUES (900, NULL, 9e999, NULL)", rows=60)
    refused = command("--table", "things", expect=2)
    assert (
        "contains data that DynamoDB rejects; nothing was written" in refused.stderr
        and "row 61 (id=900), price: inf" in refused.stderr
    )
    assert everything(dynamodb, "staging-things") == []


def test_columns_and_an_account_in_the_name(command: Command, sql: Sql, dynamodb: Any) -> None:
    sql(
        "CREATE TABLE orders (c TEXT, t TEXT, doc TEXT, junk)",
        "INSERT INTO orders VALUES ('x', '2026-01-31', '{\"a\": 1}', 5)",
    )
    made(dynamodb, "123456789012-orders", ("customer", "S"), ("at", "N"))
    mapping = ("--map", "c=customer", "--map", "t=at", "--as", "t=epoch", "--as", "doc=json", "--skip", "junk")
    command("--table", "orders", "--source-table", "orders", *mapping, "--rate", "100wcu", "--parallel", "2")
    item = {"customer": {"S": "x"}, "at": {"N": "1769817600"}, "doc": {"M": {"a": {"N": "1"}}}}
    assert everything(dynamodb, "123456789012-orders") == [item]


def test_an_unmanaged_table(command: Command, sql: Sql, dynamodb: Any) -> None:
    sql(rows=3)
    made(dynamodb, "shared", ("id", "N"))
    assert "migrated and verified" in command("--table", "shared").stdout
    assert len(everything(dynamodb, "shared")) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--table", "nope"), "--table 'nope': the tables of 'spec.yml' are things, orders, shared"),
        (("--table", "things", "--from", "spec.yml"), "'spec.yml' is not a SQLite file"),
        (("--table", "things", "--source-table", "nope"), "has no table 'nope'"),
        (("--table", "things", "--map", "id=x"), "no column becomes the key 'id'"),
        (("--table", "things", "--map", "id"), "--map expects COLUMN=ATTRIBUTE"),
        (("--table", "things", "--map", "id=a", "--map", "id=b"), "names the column 'id' twice"),
        (("--table", "things", "--as", "price=xml"), "cannot become 'xml'"),
        (("--table", "things", "--rate", "fast"), "--rate expects a number"),
        (("--table", "things", "--keep-existing", "--overwrite"), "cannot be combined"),
        (("--table", "things", "--env", "prod"), "the table 'prod-things' does not exist"),
        (("--table", "orders", "--emit-script", "m.py"), "depends on the account"),
        (("--table", "things", "--emit-script", "spec.yml/m.py"), "spec.yml/m.py"),
    ],
)
def test_bad_input(command: Command, sql: Sql, dynamodb: Any, arguments: tuple[str, ...], words: str) -> None:
    sql(rows=3)
    refused = command(*arguments, expect=2)
    assert words in refused.stderr and everything(dynamodb, "staging-things") == []


def test_an_invalid_spec(command: Command, sql: Sql, tmp_path: Path) -> None:
    (tmp_path / "spec.yml").write_text(SPEC.replace("kind: Service", "kind: Servant"))
    refused = command("--table", "things", expect=2)
    assert "error[" in refused.stderr and "nothing written" in refused.stderr
    (tmp_path / "spec.yml").write_text(SPEC.partition("dependencies:")[0])
    assert "has no dependency aws_dynamodb_table" in command("--table", "things", expect=2).stderr


def test_a_difference_in_the_table_is_a_failure(command: Command, sql: Sql, dynamodb: Any) -> None:
    sql(rows=20)
    command("--table", "things")
    dynamodb.put_item(TableName="staging-things", Item={"id": {"N": "3"}})
    failed = command("--table", "things", expect=1)
    assert "id=3: differs" in failed.stdout and "staging-things differs from things" in failed.stderr


def test_the_script_contains_the_settings(command: Command, tmp_path: Path) -> None:
    done = command(
        "--table", "123456789012-orders", "--from", "/mnt/efs/app.db", "--map", "c=customer", "--emit-script", "m.pyz"
    )
    text = ZipFile(tmp_path / "m.pyz").read("__main__.py").decode()
    assert (
        "source='/mnt/efs/app.db'" in text
        and "renamed=(('c', 'customer'),)" in text
        and "python m.pyz --help" in done.stderr
    )
    assert "table=TargetTable(name='123456789012-orders', keys=(('customer', 'S'), ('at', 'N')), indexed=())" in text
    assert "checkpoint='/mnt/efs/app.db.123456789012-orders.migration.json'" in text


def process(folder: Path, url: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    (folder / "spec.yml").write_text(SPEC)
    words = [
        sys.executable,
        "-m",
        "fsdcf",
        "migrate-data",
        "spec.yml",
        "--table",
        "things",
        "--from",
        "app.db",
        "--endpoint-url",
        url,
    ]
    keys = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "XDG_CACHE_HOME": str(folder),
    }
    return [*words, *arguments], {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm",
        **keys,
    }


def test_a_real_process_draws_a_bar_on_a_terminal(sql: Sql, tmp_path: Path) -> None:
    sql(rows=200)
    fake = Fake((("id", "N"),), "staging-things")
    with serving(fake) as url:
        words, settings = process(tmp_path, url)
        own, other = pty.openpty()
        done = subprocess.run(
            words, cwd=tmp_path, env=settings, stdout=subprocess.PIPE, stderr=other, text=True, check=False
        )
        os.close(other)
        drawn = os.read(own, 1 << 16).decode()
        os.close(own)
    assert done.returncode == 0 and done.stdout.startswith("migrated and verified")
    assert re.search(r"write .*200/200", drawn) and "\x1b[" in drawn
    assert len(fake.items) == 200 and fake.items["id=1"] == expected(1)
