"""Migrations from end to end against a table that rejects what DynamoDB rejects."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fsdcf.storage.migration.model import (
    Columns,
    MigrationError,
    MigrationNotice,
    Progress,
    Rate,
    TargetTable,
)
from fsdcf.storage.migration.report import error_lines, error_record, report_lines, report_record
from fsdcf.storage.migration.values import canonical
from tests.storage.conftest import Bench, Sql, expected
from tests.storage.fake import Fake, refusal


def holds(fake: Fake, count: int) -> bool:
    """Whether the table holds exactly the first rows."""
    return {key: canonical(one) for key, one in fake.items.items()} == {
        f"id={n}": canonical(expected(n)) for n in range(count)
    }


def test_every_row_is_written_once(bench: Bench, sql: Sql) -> None:
    sql(rows=1234)
    report = bench.run()
    assert holds(bench.client, 1234) and set(bench.client.writes.values()) == {1}
    assert (report.rows, report.written, report.counted, report.checked, report.mismatches) == (
        1234,
        1234,
        1234,
        1234,
        0,
    )
    assert report.good and "migrated and verified" in "\n".join(report_lines(report)) and report_record(report)["good"]
    stages = [one.stage for one in bench.told if isinstance(one, Progress) and one.done == one.total]
    assert stages == ["check", "write", "count", "verify"]


def test_an_empty_source_table(bench: Bench, sql: Sql) -> None:
    sql()
    report = bench.run()
    assert report.good and report.rows == 0 and bench.client.write_calls == 0


def test_a_dry_run_reports_without_writing(bench: Bench, sql: Sql, tmp_path: Path) -> None:
    sql(rows=100)
    report = bench.run(dry_run=True)
    assert bench.client.write_calls == 0 and not (tmp_path / "checkpoint.json").exists()
    text = "\n".join(report_lines(report))
    assert (
        text.startswith("ready, nothing written") and "100 items" in text and report.units == 100 and report.bytes > 0
    )


def test_a_single_row_is_reported_in_the_singular(bench: Bench, sql: Sql) -> None:
    sql(rows=1)
    text = "\n".join([*report_lines(bench.run(dry_run=True)), *report_lines(bench.run())])
    assert all(
        one in text for one in ("1 write unit\n", "1 item; the table", "count      1 item\n", "1 item, 1 equal by hash")
    )


def test_a_second_run_reads_back_and_writes_nothing(bench: Bench, sql: Sql) -> None:
    sql(rows=100)
    bench.run()
    calls = bench.client.write_calls
    report = bench.run()
    assert bench.client.write_calls == calls and report.good and report.checked == 100 and report.written == 100
    assert any(isinstance(one, MigrationNotice) and "all rows are written" in one.text for one in bench.told)


def test_a_refused_restart_keeps_the_checkpoint(bench: Bench, sql: Sql) -> None:
    sql(rows=60)
    bench.run()
    with pytest.raises(MigrationError, match="already contains items"):
        bench.run(restart=True)
    assert bench.run().resumed == 60


def test_a_table_with_items_requires_a_mode(bench: Bench, sql: Sql) -> None:
    sql(rows=60)
    live = {"id": {"N": "3"}, "name": {"S": "live"}}
    bench.client.items["id=3"] = live
    with pytest.raises(MigrationError, match="already contains items") as found:
        bench.run()
    assert found.value.kind == "usage" and "--keep-existing" in found.value.hint and bench.client.write_calls == 0
    kept = bench.run(mode="keep")
    assert bench.client.items["id=3"] == live and (kept.written, kept.kept, kept.same) == (59, 1, 0)
    assert kept.good and kept.counted is None and "kept       1 existing and different" in "\n".join(report_lines(kept))
    again = bench.run(mode="keep", restart=True)
    assert (again.written, again.kept, again.same) == (0, 1, 59) and set(bench.client.writes.values()) == {1}
    over = bench.run(mode="overwrite", restart=True)
    assert over.good and holds(bench.client, 60) and over.written == 60


def test_throttling_and_unprocessed_items_are_retried(bench: Bench, sql: Sql) -> None:
    sql(rows=500)

    def before(number: int, items: list[Any]) -> list[Any]:
        if number % 5 == 0:
            raise refusal("ProvisionedThroughputExceededException")
        return items[number % 7 :]

    bench.client.before = before
    report = bench.run()
    assert (
        holds(bench.client, 500)
        and set(bench.client.writes.values()) == {1}
        and report.retried > 20
        and bench.time.slept > 0
    )


@pytest.mark.parametrize(("rate", "seconds"), [(Rate(50), 1000 / 50), (Rate(100, units=True), 2000 / 100)])
def test_the_rate_limits_the_migration(bench: Bench, sql: Sql, rate: Rate, seconds: float) -> None:
    sql("UPDATE things SET data = zeroblob(1500)", rows=1000)
    report = bench.run(rate=rate, verify="none")
    assert report.units == 2000 and seconds * 0.95 <= bench.time.slept <= seconds


def test_a_sample_is_read_back(bench: Bench, sql: Sql) -> None:
    sql(rows=700)
    report = bench.run(verify="sample", sample=130)
    assert (report.checked, report.counted, report.good) == (130, 700, True)
    assert bench.run(verify="none", restart=True, mode="overwrite").checked == 0


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda items: items["id=17"].update(price={"N": "99"}), "id=17: differs"),
        (lambda items: items.pop("id=17"), "id=17: absent"),
        (lambda items: items.update({"id=-1": {"id": {"N": "-1"}}}), "51 items; expected 50"),
    ],
)
def test_differences_are_detected(bench: Bench, sql: Sql, harm: Callable[[dict[str, Any]], Any], words: str) -> None:
    sql(rows=50)
    bench.run(verify="none")
    harm(bench.client.items)
    report = bench.run()
    text = "\n".join(report_lines(report))
    assert not report.good and words in text and text.startswith("written, but the table does not match the source")


def test_findings_before_the_write(bench: Bench, sql: Sql) -> None:
    sql(
        "CREATE TABLE bad (id, at, big, doc)",
        "INSERT INTO bad VALUES (1, 9e999, NULL, '[1]'), (2, -9e999, NULL, NULL)",
        "INSERT INTO bad VALUES (NULL, 1, NULL, NULL), ('x', 1, NULL, NULL)",
        "INSERT INTO bad VALUES (3, 1, zeroblob(409600), NULL), (4, CAST(x'ff' AS TEXT), NULL, NULL)",
        "INSERT INTO bad VALUES (5, 1e300, NULL, '{')",
        "INSERT INTO bad VALUES (6, 1, NULL, '[111111111122222222223333333333444444444]'), (7, 1, NULL, '[NaN]')",
        "INSERT INTO bad VALUES (8, 1, NULL, NULL), (8.0, 2, NULL, NULL), (8, 3, NULL, NULL)",
    )
    with pytest.raises(MigrationError) as found:
        bench.run(source_table="bad", columns=Columns(forms=(("doc", "json"),)))
    kinds = {one.kind: one.count for one in found.value.findings}
    assert kinds == {
        "not finite": 3,
        "key without a value": 1,
        "key of another type": 1,
        "item over 400 KB": 1,
        "text that is not UTF-8": 1,
        "number out of range": 1,
        "invalid JSON": 1,
        "more than 38 digits": 1,
        "duplicate key": 2,
    }
    assert (
        bench.client.write_calls == 0 and found.value.kind == "usage" and "nothing was written" in found.value.sentence
    )
    text = "\n".join(error_lines(found.value))
    assert "row 1 (id=1), at: inf" in text and "rows 10 and 12 and 1 more" in text
    assert {one["kind"] for one in error_record(found.value)["findings"]} == set(kinds)


def test_many_findings_have_few_examples(bench: Bench, sql: Sql) -> None:
    sql("CREATE TABLE bad (id)", "INSERT INTO bad SELECT NULL FROM things", rows=300)
    with pytest.raises(MigrationError) as found:
        bench.run(source_table="bad")
    (finding,) = found.value.findings
    assert finding.count == 300 and len(finding.examples) == 5


@pytest.mark.parametrize("number", [1, 2])
def test_keys_that_are_equal_after_a_conversion(bench: Bench, sql: Sql, number: int) -> None:
    sql("CREATE TABLE t (id TEXT PRIMARY KEY)", f"INSERT INTO t VALUES ('1'), ('{number}.0')")
    columns = Columns(forms=(("id", "number"),))
    if number == 2:
        assert bench.run(source_table="t", columns=columns).written == 2
        return
    with pytest.raises(MigrationError) as found:
        bench.run(source_table="t", columns=columns)
    assert [one.kind for one in found.value.findings] == ["duplicate key"]


def test_a_view_shapes_the_items(bench: Bench, sql: Sql) -> None:
    sql("CREATE VIEW shaped AS SELECT 'THING#' || id AS pk, name FROM things WHERE name IS NOT NULL", rows=8)
    bench.client = Fake((("pk", "S"),))
    report = bench.run(source_table="shaped", table=TargetTable("things"))
    assert report.good and bench.client.items["pk='THING#1'"] == {"pk": {"S": "THING#1"}, "name": {"S": "thing 1 é"}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "nowhere.db"}, "does not exist"),
        ({"source_table": "nope"}, "has no table 'nope'"),
        ({"columns": Columns(renamed=(("id", "x"),))}, "no column becomes the key 'id'"),
        ({"table": TargetTable("others", (("id", "N"),))}, "the table 'others' does not exist"),
        ({"table": TargetTable("things", (("name", "S"),))}, "has the key id (N), but the spec has name (S)"),
        ({"checkpoint": "/nowhere/at/all.json"}, "cannot be written"),
    ],
)
def test_bad_input_writes_nothing(bench: Bench, sql: Sql, changes: dict[str, Any], words: str) -> None:
    sql(rows=5)
    with pytest.raises(MigrationError) as found:
        bench.run(**changes)
    assert words in found.value.sentence and found.value.kind == "usage" and bench.client.write_calls == 0


def test_indexed_attributes_must_fit_their_index(bench: Bench, sql: Sql) -> None:
    sql("UPDATE things SET name = '' WHERE id = 4", rows=10)
    bench.client.others = (("name", "S"), ("price", "S"))
    with pytest.raises(MigrationError) as found:
        bench.run()
    assert {one.kind: one.count for one in found.value.findings} == {"empty key": 1, "key of another type": 10}


def test_the_next_run_resumes_after_an_error(bench: Bench, sql: Sql) -> None:
    sql(rows=1000)

    def before(number: int, items: list[Any]) -> list[Any]:
        if number == 20:
            raise refusal("ValidationException", "no")
        return items

    bench.client.before = before
    with pytest.raises(MigrationError) as found:
        bench.run()
    assert found.value.kind == "failed" and 0 < len(bench.client.items) < 1000
    report = bench.run()
    assert report.good and holds(bench.client, 1000) and set(bench.client.writes.values()) == {1}, (
        "not even one item twice"
    )
    assert report.resumed == 25 * 40 - 25 * (bench.client.write_calls - 1 - report.resumed // 25) > 300


def test_ctrl_c_saves_the_checkpoint(bench: Bench, sql: Sql) -> None:
    sql(rows=1000)
    told, pressed = bench.told, [False]

    def interrupt(event: Any) -> None:
        if isinstance(event, Progress) and event.stage == "write" and not pressed[0]:
            pressed[0] = True
            raise KeyboardInterrupt

    bench.told = type("Told", (), {"append": staticmethod(interrupt)})()  # type: ignore[assignment]
    bench.time._tick = 0.1
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    some = len(bench.client.items)
    bench.told = told
    report = bench.run()
    assert 0 < some < 1000 and report.good and report.resumed == some and set(bench.client.writes.values()) == {1}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("row", "the rows have changed since"),
        ("mapping", "the mapping or the key has changed"),
        ("table", "its id is"),
        ("mode", "its mode is overwrite, not keep"),
    ],
)
def test_a_resume_requires_the_same_migration(bench: Bench, sql: Sql, change: str, words: str) -> None:
    path = sql(rows=30)
    bench.run()
    changes: dict[str, Any] = {}
    if change == "row":
        with closing(sqlite3.connect(path)) as source:
            source.execute("UPDATE things SET price = 2.5 WHERE id = 7")
            source.commit()
    elif change == "mapping":
        changes = {"columns": Columns(renamed=(("name", "title"),))}
    elif change == "table":
        bench.client.id = "another"
    else:
        changes = {"mode": "keep"}
    calls = bench.client.write_calls
    with pytest.raises(MigrationError) as found:
        bench.run(**changes)
    assert words in found.value.sentence and bench.client.write_calls == calls


def test_unrelated_changes_do_not_prevent_a_resume(bench: Bench, sql: Sql) -> None:
    path = sql(rows=30)
    bench.run()
    with closing(sqlite3.connect(path)) as source:
        source.execute("CREATE TABLE others (a)")
        source.execute("VACUUM")
    assert bench.run(rate=Rate(5), workers=2, verify="sample").good


def test_memory_does_not_grow_with_the_rows(bench: Bench, sql: Sql) -> None:
    def peak(rows: int) -> int:
        sql(
            "CREATE VIEW seen AS SELECT * FROM things",
            "UPDATE things SET data = zeroblob(2000)",
            rows=rows,
            name=f"{rows}.db",
        )
        bench.client = Fake((("id", "N"),))
        bench.client._keep = lambda item: None
        tracemalloc.start()
        bench.run(
            source=str(Path(bench.migration.source).with_name(f"{rows}.db")),
            source_table="seen",
            verify="none",
            restart=True,
        )
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few = peak(1000)
    assert peak(4000) < few * 1.3, "a view, so that keys are compared as well"
