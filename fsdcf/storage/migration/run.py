"""A migration from end to end: copy, check, go on or begin, write, read back, report."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from typing import Any

from fsdcf.storage.migration.checkpoint import Done, load, save
from fsdcf.storage.migration.mapping import Encoder
from fsdcf.storage.migration.model import Migration, MigrationError, Progress, Report, Tell, Told, Unfit
from fsdcf.storage.migration.preflight import Survey, bound, survey, unrepeated
from fsdcf.storage.migration.source import check, chosen, columns_of, copied, count_of, reading, rows
from fsdcf.storage.migration.target import Target, checked
from fsdcf.storage.migration.verify import compare, count
from fsdcf.storage.migration.write import write


def migrate(
    migration: Migration,
    client: Any,
    tell: Tell,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    chance: random.Random,
) -> Report:
    """Do it, or with ``dry_run`` all of it but the writing. Raises MigrationError, whose kind says what may have been written.

    ``client`` is boto3's for DynamoDB, best with one attempt a call, since calls are tried again here. ``chance`` picks what is read back.
    """
    begun = clock()
    target = Target(client, migration.table.name, clock, sleep, chance.random)
    with copied(migration.source) as copy, reading(migration.source):
        report = _migrated(migration, copy, target, tell, clock, chance)
    report.retried = target.retried
    report.seconds = clock() - begun
    return report


def _migrated(
    migration: Migration,
    copy: sqlite3.Connection,
    target: Target,
    tell: Tell,
    clock: Callable[[], float],
    chance: random.Random,
) -> Report:
    source_table, whole = chosen(copy, migration.source, migration.source_table)
    names = columns_of(copy, source_table)
    Encoder(names, migration.columns, migration.table)  # a key without a column is said before anything is asked of AWS
    check(copy, migration.source)
    described = target.described()
    table = checked(migration.table, described)
    encode = Encoder(names, migration.columns, table)
    total = count_of(copy, source_table)
    unique = whole and unrepeated(copy, source_table, names, migration.columns, table)
    found = survey(copy, source_table, whole, encode, lambda number: tell(Progress("check", number, total)), unique)
    if found.findings:
        raise Unfit(found.findings, source_table)
    about = {
        "table": str(described.get("TableArn") or table.name),
        "id": str(described.get("TableId") or described.get("CreationDateTime")),  # a table made anew is another one
        "mode": "keep" if migration.mode == "keep" else "overwrite",
        "mapping": bound(migration.columns, names, table, source_table),
        "rows": found.hash,
    }
    done = _begun(migration, about, target, tell)
    report = _report(migration, source_table, found, done)
    if migration.dry_run:
        return report
    if not done.finished:
        write(rows(copy, source_table, whole, done.through), found.rows, done, encode, target, migration, tell, clock)
    report.written, report.same, report.kept = done.written, done.same, done.kept
    if migration.verify != "none":
        if done.empty:
            count(target, report, migration.workers, tell)
        compare(rows(copy, source_table, whole), encode, target, migration, report, tell, chance)
    return report


def _begun(migration: Migration, about: dict[str, str], target: Target, tell: Tell) -> Done:
    """What an earlier run has done, or a new beginning, which must say what happens to items that are there.

    A new beginning that is refused leaves the checkpoint of the old one: the command without ``restart`` still goes on.
    """
    done = None if migration.restart else load(migration.checkpoint, about)
    if done is not None:
        said = "all of it was written before" if done.finished else f"{done.count:,} rows were written before"
        tell(Told(f"going on by {migration.checkpoint}: {said}"))
        return done
    empty = target.is_empty()
    if not empty and migration.mode == "new":
        hint = "--keep-existing leaves them as they are; --overwrite replaces those of the same key"
        raise MigrationError(f"the table {migration.table.name!r} holds items already", hint)
    done = Done(about, empty)
    if not migration.dry_run:
        save(migration.checkpoint, done)
    return done


def _report(migration: Migration, source_table: str, found: Survey, done: Done) -> Report:
    return Report(
        table=migration.table.name,
        source=migration.source,
        source_table=source_table,
        mode=migration.mode,
        dry_run=migration.dry_run,
        rows=found.rows,
        bytes=found.bytes,
        units=found.units,
        largest=found.largest,
        resumed=done.count,
        verification="none" if migration.dry_run else migration.verify,
    )
