"""The migration against dynalite, which enforces limits that moto does not. Run by ``make dynalite`` only."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from fsdcf.storage.migration.model import Columns, Migration, MigrationError, TargetTable
from fsdcf.storage.migration.script import archive
from fsdcf.storage.migration.values import canonical, item_size
from tests.conftest import ROOT
from tests.storage.conftest import Bench, Sql, expected, made
from tests.storage.test_moto import Flaky, everything
from tests.storage.test_script import command, environment

PROGRAM = ROOT / "build" / "dynalite" / "node_modules" / "dynalite" / "cli.js"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    node = shutil.which("node")
    assert node and PROGRAM.exists(), "make dynalite installs it"
    port = str(free_port())  # 0 would be taken for the default
    words = [node, str(PROGRAM), "--port", port, "--host", "127.0.0.1", "--createTableMs", "0", "--deleteTableMs", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[-1].replace("localhost", "127.0.0.1")
        server.terminate()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Any]:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    made = boto3.client("dynamodb", endpoint_url=url, **keys)
    yield made
    made.close()


@pytest.fixture
def live(client: Any) -> Iterator[Any]:
    """A client, and the table things."""
    make(client, "things", ("id", "N"))
    yield client
    for name in client.list_tables()["TableNames"]:
        client.delete_table(TableName=name)
        client.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 0.05})


def make(client: Any, name: str, *keys: tuple[str, str]) -> None:
    made(client, name, *keys)
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 0.05})


def refused(client: Any, item: dict[str, Any], table: str = "things") -> str:
    with pytest.raises(ClientError) as found:
        client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}}]})
    return str(found.value)


def test_dynalite_enforces_the_limits(live: Any) -> None:
    puts = [{"PutRequest": {"Item": {"id": {"N": str(n)}}}} for n in range(26)]
    with pytest.raises(ClientError, match="less than or equal to 25"):
        live.batch_write_item(RequestItems={"things": puts})
    assert "38 significant digits" in refused(live, {"id": {"N": "1" * 39}})
    assert "maximum allowed size" in refused(live, {"id": {"N": "1"}, "v": {"B": b"x" * 409_600}})
    assert "empty" in refused_key(live)


def refused_key(client: Any) -> str:
    make(client, "text", ("pk", "S"))
    return refused(client, {"pk": {"S": ""}}, "text")


@pytest.mark.parametrize("workers", [1, 8])
def test_all_rows_are_migrated(bench: Bench, sql: Sql, live: Any, workers: int) -> None:
    sql(rows=1500)
    bench.client = Flaky(live, workers)
    report = bench.run(workers=workers)
    assert (
        report.good
        and (report.counted, report.checked, bench.client.puts) == (1500, 1500, 1500)
        and report.retried > 20
    )
    found = {item["id"]["N"]: canonical(item) for item in everything(live)}
    assert found == {str(n): canonical(expected(n)) for n in range(1500)}


def test_existing_items_are_kept(bench: Bench, sql: Sql, live: Any) -> None:
    sql(rows=120)
    theirs = {"id": {"N": "7"}, "name": {"S": "written by the service"}}
    live.put_item(TableName="things", Item=theirs)
    live.put_item(TableName="things", Item=expected(8))
    bench.client = live
    report = bench.run(mode="keep")
    assert (report.written, report.kept, report.same, report.good) == (118, 1, 1, True)
    assert live.get_item(TableName="things", Key={"id": {"N": "7"}})["Item"] == theirs


def test_the_largest_item_to_the_byte(bench: Bench, sql: Sql, live: Any) -> None:
    room = 400 * 1024 - item_size({"id": {"N": "1"}, "v": {"B": b""}})
    sql("CREATE TABLE big (id INTEGER PRIMARY KEY, v BLOB)", f"INSERT INTO big VALUES (1, zeroblob({room}))")
    bench.client = live
    assert bench.run(source_table="big").good
    assert "maximum allowed size" in refused(live, {"id": {"N": "2"}, "v": {"B": b"\0" * (room + 1)}})
    path = sql(
        "CREATE TABLE big (id INTEGER PRIMARY KEY, v BLOB)",
        f"INSERT INTO big VALUES (1, zeroblob({room + 1}))",
        name="over.db",
    )
    with pytest.raises(MigrationError) as found:
        bench.run(source=str(path), source_table="big", restart=True, mode="overwrite")
    assert [one.kind for one in found.value.findings] == ["item over 400 KB"]


def test_many_items_of_the_largest_size_fit_their_batches(bench: Bench, sql: Sql, live: Any) -> None:
    sql(
        "CREATE TABLE big (id INTEGER PRIMARY KEY, v TEXT)",
        *(f"INSERT INTO big VALUES ({n}, '{chr(1) * 409_000}')" for n in range(14)),
    )
    bench.client = live
    assert bench.run(source_table="big").good, "a control character takes six bytes on the wire"


EDGES = (
    "9" * 38,
    "0." + "1" * 38,
    "1E-130",
    "-1E-130",
    "9.9999999999999999999999999999999999999E+125",
    "-" + "9" * 38,
    "1" + "0" * 125,
    "0",
)


def test_numbers_at_the_limits_are_exact(bench: Bench, sql: Sql, live: Any) -> None:
    sql(
        "CREATE TABLE n (id INTEGER PRIMARY KEY, v TEXT)",
        *(f"INSERT INTO n VALUES ({i}, '{text}')" for i, text in enumerate(EDGES)),
    )
    bench.client = live
    assert bench.run(source_table="n", columns=Columns(forms=(("v", "number"),))).good
    assert "38 significant digits" in refused(live, {"id": {"N": "1"}, "v": {"N": "1" * 39}})
    for text in ("1E126", "1E-131"):
        assert "magnitude" in refused(live, {"id": {"N": "1"}, "v": {"N": text}})


def test_whole_numbers_and_reals_are_exact(bench: Bench, sql: Sql, live: Any) -> None:
    values = [2**63 - 1, -(2**63), 0.1, 1 / 3, 5e-130, 9.9e125, 1e22, -0.0, 123456789.123456789, 2.0**53, 1e15, 1e-7]
    sql(
        "CREATE TABLE n (id INTEGER PRIMARY KEY, v)",
        *(f"INSERT INTO n VALUES ({i}, {v!r})" for i, v in enumerate(values) if v != -(2**63)),
    )
    bench.client = live
    assert bench.run(source_table="n").good
    for item in everything(live):
        value = values[int(item["id"]["N"])]
        assert type(value)(item["v"]["N"]) == value


@pytest.mark.parametrize(("hash", "range", "good"), [(2048, 1024, True), (2049, 1, False), (1, 1025, False)])
def test_the_longest_keys(bench: Bench, sql: Sql, live: Any, hash: int, range: int, good: bool) -> None:
    make(live, "long", ("pk", "S"), ("sk", "B"))
    sql("CREATE TABLE k (pk, sk)", f"INSERT INTO k VALUES ('{'x' * hash}', zeroblob({range}))")
    bench.client = live
    keys = (("pk", "S"), ("sk", "B"))
    if good:
        assert bench.run(source_table="k", table=TargetTable("long", keys)).good
        return
    with pytest.raises(MigrationError) as found:
        bench.run(source_table="k", table=TargetTable("long", keys))
    assert [one.kind for one in found.value.findings] == ["key too long"]
    refused(live, {"pk": {"S": "x" * hash}, "sk": {"B": b"\0" * range}}, "long")


def test_documents_are_read_back_unchanged(bench: Bench, sql: Sql, live: Any) -> None:
    sql(
        "CREATE TABLE d (id INTEGER PRIMARY KEY, v TEXT)",
        """INSERT INTO d VALUES (1, '{"a": [1.50, null, true, "", {"é": "ß"}], "": {}}'), (2, '[]')""",
    )
    bench.client = live
    assert bench.run(source_table="d", columns=Columns(forms=(("v", "json"),))).good


def test_missing_tables_and_different_keys(bench: Bench, sql: Sql, live: Any) -> None:
    sql(rows=3)
    bench.client = live
    with pytest.raises(MigrationError, match="the table 'others' does not exist"):
        bench.run(table=TargetTable("others", (("id", "N"),)))
    make(live, "text", ("id", "S"))
    with pytest.raises(MigrationError, match=r"has the key id \(S\), and the spec id \(N\)"):
        bench.run(table=TargetTable("text", (("id", "N"),)))
    assert everything(live, "text") == []


def test_the_script(sql: Sql, live: Any, url: str, tmp_path: Path) -> None:
    sql(rows=1500)
    script = tmp_path / "migrate.pyz"
    plan = Migration(TargetTable("things", (("id", "N"),)), "app.db", "checkpoint.json", "things", verify="full")
    script.write_bytes(archive(replace(plan, workers=4), script.name))
    words = command(script, "--endpoint-url", url)
    done = subprocess.run(words, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "migrated and verified" in done.stdout, done.stdout + done.stderr
    assert len(everything(live)) == 1500
