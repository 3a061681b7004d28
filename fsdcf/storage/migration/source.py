"""The SQLite side: a consistent copy that vanishes with the process, its tables, columns and rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from fsdcf.storage.migration.model import MigrationError

PATIENCE_FOR_LOCKS = 5.0
"""Seconds that a lock of another process is waited for."""

_TABLES = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
_CACHE = "PRAGMA cache_size = -8192"
_STEP = 8192
"""Pages that are copied in one go: some 32 MB."""


@contextmanager
def copied(path: str, patience: float = PATIENCE_FOR_LOCKS) -> Iterator[sqlite3.Connection]:
    """A consistent copy of a data base, made by SQLite's backup API: one moment of it, however many others write meanwhile.

    The copy is a temporary data base of SQLite's in TMPDIR, which has no name and is gone with the process, even with kill -9. The source
    is opened for reading alone. MigrationError where it is no data base, locked, or in need of a repair.
    """
    if not Path(path).is_file():
        raise MigrationError(f"there is no file {path!r}", "--from names the SQLite file")
    with closing(sqlite3.connect("", isolation_level=None)) as copy:
        copy.execute(_CACHE)
        try:
            uri = f"{Path(path).resolve().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=patience)) as source:
                _backup(source, copy)
        except sqlite3.DatabaseError as error:
            raise _explained(error, path) from None
        copy.text_factory = bytearray  # TEXT and BLOB stay apart, and what is not UTF-8 comes through to be found
        yield copy


def _backup(source: sqlite3.Connection, copy: sqlite3.Connection) -> None:
    """In one read transaction: writers of the source cannot make the copy begin anew, as they could between two steps."""
    source.execute("BEGIN")
    source.execute("SELECT count(*) FROM sqlite_master").fetchone()
    source.backup(copy, pages=_STEP)


def _explained(error: sqlite3.DatabaseError, path: str) -> MigrationError:
    text = str(error)
    if "not a database" in text:
        return MigrationError(f"{path!r} is not a SQLite file, or it is encrypted", "--from names the SQLite file")
    if "locked" in text or "busy" in text:
        hint = "stop the service (a service that follows the rules for EFS holds the lock for as long as it runs), or give a copy"
        return MigrationError(f"{path!r} is locked by another process", hint)
    if "malformed" in text or "corrupt" in text:
        return MigrationError(
            f"{path!r} is corrupt: {text}", "restore a backup, or try sqlite3's .recover into a new file"
        )
    if "readonly" in text or "read-only" in text or "unable to open" in text:
        hint = "a journal of an interrupted write may lie beside it: open the file once with sqlite3, which repairs it"
        return MigrationError(f"{path!r} cannot be read as it is: {text}", hint)
    if "full" in text:
        return MigrationError(
            f"there is no room for a copy of {path!r}", "set TMPDIR to a folder with as much room as the file takes"
        )
    return MigrationError(f"{path!r} cannot be read: {text}", "sqlite3 FILE 'PRAGMA integrity_check' says more")


def chosen(copy: sqlite3.Connection, path: str, name: str | None) -> tuple[str, bool]:
    """The table or view to read, and whether it is a table: the one that is named, or the only one."""
    with _readable(path):
        found = {bytes(one).decode("utf-8", "replace"): bytes(type) == b"table" for one, type in copy.execute(_TABLES)}
    if name is None and len(found) == 1:
        name = next(iter(found))
    if name in found:
        return name, found[name]
    if not found:
        raise MigrationError(
            f"{path!r} has no table",
            "--from names the SQLite file; one that was never there is made empty where it is opened",
        )
    known = f"it has {', '.join(found)}"
    if name is None:
        raise MigrationError(f"{path!r}: which table?", f"--source-table T; {known}")
    raise MigrationError(f"{path!r} has no table {name!r}", known)


def columns_of(copy: sqlite3.Connection, table: str) -> list[str]:
    """The columns as SELECT * gives them, generated ones among them."""
    with closing(copy.execute(f"SELECT * FROM {quoted(table)} LIMIT 0")) as cursor:  # noqa: S608
        return [one[0] for one in cursor.description]


def unique_in(copy: sqlite3.Connection, table: str) -> list[set[str]]:
    """The sets of columns of which SQLite itself says that no two rows have the same values."""
    found = []
    keys = {bytes(row[1]).decode() for row in copy.execute(f"PRAGMA table_xinfo({quoted(table)})") if row[5]}
    if keys:
        found.append(keys)
    for row in copy.execute(f"PRAGMA index_list({quoted(table)})").fetchall():
        if row[2] and not row[4]:
            index = quoted(bytes(row[1]).decode())
            names = [one[2] for one in copy.execute(f"PRAGMA index_info({index})")]
            if None not in names:
                found.append({bytes(one).decode() for one in names})
    return found


def count_of(copy: sqlite3.Connection, table: str) -> int:
    """How many rows there are."""
    (count,) = copy.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()  # noqa: S608
    return int(count)


def rows(copy: sqlite3.Connection, table: str, whole: bool, skip: int = 0) -> Iterator[tuple[Any, ...]]:
    """The rows in one order that the same data always has, beginning after ``skip`` of them; TEXT as bytearray, BLOB as bytes.

    ``whole``: it is a table, which is read itself, in the order of its key, and not through an index.
    """
    way = " NOT INDEXED" if whole else ""
    return copy.execute(f"SELECT * FROM {quoted(table)}{way} LIMIT -1 OFFSET ?", (skip,))  # noqa: S608


def check(copy: sqlite3.Connection, path: str) -> None:
    """SQLite's own check of the copy's structure. MigrationError for a corrupt file; values against its constraints are no matter."""
    with _readable(path):
        lines = [bytes(one).decode("utf-8", "replace") for (one,) in copy.execute("PRAGMA quick_check(20)")]
    wrong = [
        one
        for one in lines
        if one != "ok" and " value in " not in one and not one.startswith("CHECK constraint failed")
    ]
    if wrong:
        raise MigrationError(
            f"{path!r} is corrupt: {wrong[0]}", "restore a backup, or try sqlite3's .recover into a new file"
        )


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _explained(error, path) from None


def reading(path: str) -> Any:
    """While rows are read: SQLite's errors become MigrationErrors about the file."""
    return _readable(path)


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'
