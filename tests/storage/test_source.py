"""The SQLite side: a consistent copy, and a clear error for every unreadable file."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fsdcf.storage.migration.model import MigrationError
from fsdcf.storage.migration.source import (
    LARGEST_VALUE,
    check_integrity,
    check_sizes,
    column_names,
    consistent_copy,
    count_rows,
    rows,
    select_table,
    sqlite_errors,
    unique_column_sets,
)
from tests.storage.conftest import Sql


def said(path: Path | str, patience: float = 0.05) -> str:
    with pytest.raises(MigrationError) as found, consistent_copy(str(path), patience) as copy, sqlite_errors(str(path)):
        select_table(copy, str(path), "things")
        check_integrity(copy, str(path))
        list(rows(copy, "things", True))
    assert found.value.kind == "usage" and found.value.hint
    return found.value.sentence


def test_files_that_are_not_a_database(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("id,name\n1,one\n" * 100)
    assert "is not a SQLite file" in said(text)
    assert "does not exist" in said(tmp_path / "absent.db")
    assert "is not a regular file" in said(tmp_path)
    empty = tmp_path / "empty.db"
    empty.touch()
    assert said(empty).endswith("has no table")


def test_corrupt_files(sql: Sql) -> None:
    whole = sql(rows=3000).read_bytes()
    cut = sql(name="cut.db")
    cut.write_bytes(whole[: len(whole) // 2])
    assert "is corrupt" in said(cut)
    holed = sql(name="holed.db")
    holed.write_bytes(whole[:8192] + b"\xa5" * 4096 + whole[12288:])
    assert "is corrupt" in said(holed)


def test_violated_constraints_are_not_corruption(sql: Sql) -> None:
    path = sql("CREATE TABLE loose (a INTEGER NOT NULL CHECK (a > 0), b)", "INSERT INTO loose VALUES (1, 1)")
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA ignore_check_constraints = ON")
        base.execute("UPDATE loose SET a = -1")
        base.commit()
    with consistent_copy(str(path)) as copy:
        check_integrity(copy, str(path))


def test_a_lock_of_another_process(sql: Sql) -> None:
    path = sql(rows=3)
    with closing(sqlite3.connect(path)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        assert "is locked by another process" in said(path)
    with consistent_copy(str(path)) as copy:
        assert count_rows(copy, "things") == 3


def test_an_interrupted_write_is_left_to_sqlite(sql: Sql) -> None:
    path = sql(rows=3000)
    victim = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('PRAGMA cache_size = 1'); "
        "c.execute('BEGIN'); c.execute('UPDATE things SET name = 0'); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", victim, str(path)], check=False)
    journal = path.with_name(path.name + "-journal")
    assert journal.stat().st_size, "the journal is hot"
    before = path.read_bytes()
    assert "cannot be read without a repair" in said(path)
    assert path.read_bytes() == before and journal.exists(), "the source is not touched"


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_the_copy_is_consistent_while_another_process_writes(sql: Sql, journal: str) -> None:
    path = sql("CREATE TABLE pairs (a, b)", "INSERT INTO pairs VALUES (0, 0)", rows=3000, journal=journal)
    enough = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as base:
            number = 0
            while not enough.is_set():
                number += 1
                base.execute("BEGIN IMMEDIATE")
                begun = time.monotonic()
                base.execute("UPDATE pairs SET a = ?", (number,))
                base.execute("UPDATE things SET price = ?", (number,))
                base.execute("UPDATE pairs SET b = ?", (number,))
                base.execute("COMMIT")
                time.sleep(max(0.002, time.monotonic() - begun))  # SQLite's lock is not fair, and a disk may be slow

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            with consistent_copy(str(path), 60.0) as copy:
                ((a, b),) = rows(copy, "pairs", True)
                prices = {price for _, _, price, _ in rows(copy, "things", True)}
                assert a == b and (prices == {a} or a == 0)
    finally:
        enough.set()
        writer.join()


def test_the_selected_table(sql: Sql) -> None:
    path = str(sql("CREATE VIEW cheap AS SELECT id FROM things", rows=2))
    with consistent_copy(path) as copy:
        assert select_table(copy, path, "things") == ("things", True) and select_table(copy, path, "cheap") == (
            "cheap",
            False,
        )
        for name, words in ((None, "has several tables"), ("nope", "has no table 'nope'")):
            with pytest.raises(MigrationError, match=words) as found:
                select_table(copy, path, name)
            assert "cheap, things" in found.value.hint
    path = str(sql(rows=2, name="one.db"))
    with consistent_copy(path) as copy:
        assert select_table(copy, path, None) == ("things", True)


def test_names_that_require_quoting(sql: Sql) -> None:
    path = str(sql('CREATE TABLE "a ""b; DROP" ("x y", "é""")', 'INSERT INTO "a ""b; DROP" VALUES (1, 2)'))
    with consistent_copy(path) as copy:
        name, whole = select_table(copy, path, 'a "b; DROP')
        assert (
            column_names(copy, name) == ["x y", 'é"']
            and list(rows(copy, name, whole)) == [(1, 2)]
            and count_rows(copy, name) == 1
        )


def test_rows_of_every_kind_of_table_in_one_order(sql: Sql) -> None:
    path = str(
        sql(
            "CREATE TABLE flat (k TEXT PRIMARY KEY, v INTEGER, d AS (v * 2)) WITHOUT ROWID",
            "CREATE INDEX by_v ON flat (v, k)",
            "INSERT INTO flat (k, v) VALUES ('b', 1), ('a', 2), ('c', 0)",
            "CREATE VIEW seen AS SELECT k AS pk, v FROM flat ORDER BY v DESC",
            "CREATE VIEW twice AS SELECT k, v AS k FROM flat",
        )
    )
    with consistent_copy(path) as copy:
        assert column_names(copy, "flat") == ["k", "v", "d"]
        assert list(rows(copy, "flat", True)) == [
            (bytearray(b"a"), 2, 4),
            (bytearray(b"b"), 1, 2),
            (bytearray(b"c"), 0, 0),
        ]
        assert list(rows(copy, "flat", True, 2)) == [(bytearray(b"c"), 0, 0)]
        assert [v for _, v in rows(copy, "seen", False, 1)] == [1, 0]
        assert column_names(copy, "twice") == ["k", "k:1"], "SQLite keeps names apart"


def test_unique_column_sets(sql: Sql) -> None:
    path = str(
        sql(
            "CREATE TABLE u (a TEXT, b INTEGER, c, PRIMARY KEY (a, b))",
            "CREATE UNIQUE INDEX by_c ON u (c)",
            "CREATE UNIQUE INDEX some ON u (b) WHERE c > 0",
            "CREATE UNIQUE INDEX made ON u (lower(a))",
            "CREATE INDEX plain ON u (b)",
        )
    )
    with consistent_copy(path) as copy:
        assert sorted(map(sorted, unique_column_sets(copy, "u"))) == [["a", "b"], ["a", "b"], ["c"]]
        assert unique_column_sets(copy, "things") == [{"id"}]


ENDLESS = "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"


class Pressed(BaseException):
    """What the handler of a signal raises."""


@pytest.mark.parametrize("query", [count_rows, lambda copy, name: check_sizes(copy, name, False, ())])
@pytest.mark.parametrize("failure", [KeyboardInterrupt, Pressed])
def test_a_signal_ends_a_query_without_end(
    sql: Sql, query: Callable[[sqlite3.Connection, str], object], failure: type[BaseException]
) -> None:
    def press(*_: object) -> None:
        raise failure

    path = str(sql(ENDLESS))
    former = signal.signal(signal.SIGALRM, press)
    try:
        with pytest.raises(failure), consistent_copy(path) as copy, sqlite_errors(path):
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            query(copy, "endless")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def test_a_large_value_is_not_read(sql: Sql) -> None:
    path = str(
        sql(
            "CREATE TABLE photos (id INTEGER PRIMARY KEY, photo BLOB, note TEXT)",
            f"INSERT INTO photos VALUES (1, zeroblob({LARGEST_VALUE}), 'a')",
            f"INSERT INTO photos VALUES (2, zeroblob({LARGEST_VALUE * 20}), 'b')",
            f"INSERT INTO photos VALUES (3, x'00', printf('%.*c', {LARGEST_VALUE + 1}, 'x'))",
        )
    )
    with consistent_copy(path) as copy:
        tracemalloc.start()
        with pytest.raises(MigrationError) as found:
            check_sizes(copy, "photos", True, ())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert "photos contains values of more than 4 MiB" in found.value.sentence and "--skip" in found.value.hint
        (finding,) = found.value.findings
        assert finding.count == 2 and most < 1 << 20
        assert finding.examples[0] == "row 2: photo has 83,886,080 bytes" and "row 3: note has" in finding.examples[1]
        check_sizes(copy, "photos", True, ("photo", "note"))
        assert [row[1:] for row in rows(copy, "photos", True, 0, ("photo", "note"))] == [(None, None)] * 3


def test_a_wide_table_is_measured(sql: Sql) -> None:
    columns = ", ".join(f"c{number}" for number in range(1500))
    values = f"zeroblob({LARGEST_VALUE + 1}){', NULL' * 1499}"
    path = str(sql(f"CREATE TABLE wide ({columns})", f"INSERT INTO wide VALUES ({values})"))
    with consistent_copy(path) as copy, pytest.raises(MigrationError) as found:
        check_sizes(copy, "wide", True, ())
    assert found.value.findings[0].examples == ["row 1: c0 has 4,194,305 bytes"]
