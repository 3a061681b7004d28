"""Run a migration: copy the source, check it, start or resume, write, read back, and report."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fsdcf.storage.migration.checkpoint import Checkpoint, load, save
from fsdcf.storage.migration.model import (
    Item,
    Migration,
    MigrationError,
    MigrationNotice,
    Progress,
    Report,
    Tell,
)
from fsdcf.storage.migration.source import (
    check_integrity,
    check_sizes,
    column_names,
    consistent_copy,
    count_rows,
    keys_are_unique,
    mapping_hash,
    rows,
    select_table,
    sqlite_errors,
    survey,
)
from fsdcf.storage.migration.target import (
    BATCH_BYTES,
    READ_ITEMS,
    TableClient,
    run_in_threads,
    with_live_key,
    write,
)
from fsdcf.storage.migration.values import Encoder, canonical, digest, key_text

_SHOWN = 5


def migrate(
    migration: Migration,
    client: Any,
    tell: Tell,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    chance: random.Random,
) -> Report:
    """Run a migration, or with ``dry_run`` only its checks. Raises MigrationError.

    ``client`` is a boto3 client for DynamoDB, preferably with one attempt per call, because calls are retried here.
    ``chance`` selects the items to read back.
    """
    start, target = clock(), TableClient(client, migration.table.name, clock, sleep, chance.random)
    target.announce = lambda text: tell(MigrationNotice(text))
    with consistent_copy(migration.source) as copy, sqlite_errors(migration.source):
        report = _migrate_copy(migration, copy, target, tell, chance)
    report.retried = target.retried
    report.seconds = clock() - start
    return report


def _migrate_copy(
    migration: Migration, copy: sqlite3.Connection, target: TableClient, tell: Tell, chance: random.Random
) -> Report:
    source_table, is_table = select_table(copy, migration.source, migration.source_table)
    columns, names = migration.columns, column_names(copy, source_table)
    Encoder(names, columns, migration.table)  # reports a key without a column before any call to AWS
    check_integrity(copy, migration.source)
    check_sizes(copy, source_table, is_table, columns.skipped)
    description = target.describe()
    table = with_live_key(migration.table, description)
    encode = Encoder(names, columns, table)
    total = count_rows(copy, source_table)
    unique = is_table and keys_are_unique(copy, source_table, names, columns, table)

    def on_row(row: int) -> None:
        tell(Progress("check", row, total))

    result = survey(copy, source_table, is_table, encode, on_row, unique, columns.skipped)
    if result.findings:
        sentence = f"{source_table} contains data that DynamoDB rejects; nothing was written"
        hint = "correct the rows, or migrate a view that corrects them"
        raise MigrationError(sentence, hint, findings=result.findings)
    identity = {
        "table": str(description.get("TableArn") or table.name),
        "id": str(description.get("TableId") or description.get("CreationDateTime")),  # differs after a re-creation
        "mode": "keep" if migration.mode == "keep" else "overwrite",
        "mapping": mapping_hash(columns, names, table, source_table),
        "rows": result.hash,
    }
    done = _start_or_resume(migration, identity, target, tell)
    report = Report(
        table=migration.table.name,
        source=migration.source,
        source_table=source_table,
        mode=migration.mode,
        dry_run=migration.dry_run,
        rows=result.rows,
        bytes=result.bytes,
        units=result.units,
        largest=result.largest,
        resumed=done.count,
        verification="none" if migration.dry_run else migration.verify,
    )
    if migration.dry_run:
        return report
    if not done.finished:
        left = rows(copy, source_table, is_table, done.through, columns.skipped)
        write(left, result.rows, done, encode, target, migration, tell)
    report.written, report.same, report.kept = done.written, done.same, done.kept
    if migration.verify != "none":
        if done.empty:
            count_items(target, report, migration.workers, tell)
        every = rows(copy, source_table, is_table, 0, columns.skipped)
        compare_items(every, encode, target, migration, report, tell, chance)
    return report


def _start_or_resume(migration: Migration, identity: dict[str, str], target: TableClient, tell: Tell) -> Checkpoint:
    """The checkpoint of an earlier run or a new one, for which the mode must allow existing items.

    If a restart is refused, the old checkpoint remains: the command without ``restart`` still resumes.
    """
    done = load(migration.checkpoint, identity, migration.restart)
    if done is not None:
        state = "all rows are written" if done.finished else f"{done.count:,} rows are written"
        tell(MigrationNotice(f"resuming from {migration.checkpoint}: {state}"))
        return done
    empty = target.is_empty()
    if not empty and migration.mode == "new":
        hint = "use --keep-existing to keep the existing items, or --overwrite to replace those with the same key"
        raise MigrationError(f"the table {migration.table.name!r} already contains items", hint)
    done = Checkpoint(identity, empty)
    if not migration.dry_run:
        save(migration.checkpoint, done)
    return done


def count_items(target: TableClient, report: Report, workers: int, tell: Tell) -> None:
    """Count the items of the table in parallel."""
    total = 0
    tell(Progress("count", 0, report.rows))

    def on_result(segment: int, count: int) -> None:
        nonlocal total
        total += count
        if count:
            tell(Progress("count", total, report.rows))

    run_in_threads(range(workers), lambda segment: target.count(segment, workers), on_result, workers, target.stop)
    report.counted = total


Expected = dict[str, tuple[Item, bytes]]
"""The key and the hash of each expected item, by the key's text."""


def compare_items(
    rows: Iterable[tuple[Any, ...]],
    encode: Encoder,
    target: TableClient,
    migration: Migration,
    report: Report,
    tell: Tell,
    chance: random.Random,
) -> None:
    """Read back all items or a random sample, and compare them. In mode keep they must exist, but may differ."""
    sample: set[int] | None = None
    if migration.verify == "sample" and migration.sample < report.rows:
        sample = set(chance.sample(range(report.rows), migration.sample))
    total = report.rows if sample is None else len(sample)

    def on_result(expected: Expected, wrong: list[str]) -> None:
        report.checked += len(expected)
        report.mismatches += len(wrong)
        report.wrong += wrong[: _SHOWN - len(report.wrong)]
        tell(Progress("verify", report.checked, total))

    def work(expected: Expected) -> list[str]:
        items = target.get_batch([key for key, _ in expected.values()])
        hashes = {key_text(encode.key_of(item)): digest(canonical(item)) for item in items}
        wrong = [f"{key}: absent" for key in expected if key not in hashes]
        if migration.mode != "keep":
            wrong += [f"{key}: differs" for key, (_, wanted) in expected.items() if hashes.get(key, wanted) != wanted]
        return wrong

    run_in_threads(_expected(rows, encode, sample), work, on_result, migration.workers, target.stop)


def _expected(rows: Iterable[tuple[Any, ...]], encode: Encoder, sample: set[int] | None) -> Iterator[Expected]:
    expected: Expected = {}
    total = 0
    for number, row in enumerate(rows):
        if sample is not None and number not in sample:
            continue
        item, size, _ = encode(row)
        key = encode.key_of(item)
        expected[key_text(key)] = key, digest(canonical(item))
        total += size
        if len(expected) == READ_ITEMS or total > BATCH_BYTES:
            yield expected
            expected, total = {}, 0
    if expected:
        yield expected
