"""Read SQLite: make a consistent temporary copy, list its tables, columns and rows, and check every row."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsdcf.storage.migration.model import Columns, DataFinding, Item, MigrationError, TargetTable
from fsdcf.storage.migration.values import Encoder, digest, key_text

LOCK_TIMEOUT = 5.0
"""Seconds to wait for the lock of another process."""

EXAMPLES = 5
"""Number of values shown for each kind of finding."""

UNIT = 1024
"""Bytes of one write unit."""

_TABLES = (
    "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    " ORDER BY name"
)
_CACHE = "PRAGMA cache_size = -8192"
_STEP = 8192
"""Pages copied in one step, about 32 MB."""

LARGEST_VALUE = 4 << 20
"""Maximum bytes of a value that is read. A document in JSON may be longer than the item that it becomes, but not ten
times as long."""

_INSTRUCTIONS = 100_000
"""Instructions of SQLite between two looks at signals: some milliseconds."""

_MOST_ARGUMENTS = 100
"""A function of SQLite takes 127 arguments."""

_MOST_NAMED = 100
"""Columns among which the large value of a row is looked for."""

_SIZE = "octet_length" if sqlite3.sqlite_version_info >= (3, 43) else "length"
"""The function that has the size of a value without reading it; an older SQLite counts the characters of text."""

_CHUNK = 1000
_RESTORE = "restore a backup, or use .recover of the sqlite3 shell to create a new file"
_ERRORS = (
    (
        ("not a database",),
        "{path!r} is not a SQLite file, or it is encrypted",
        "check that --from names the SQLite file",
    ),
    (
        ("locked", "busy"),
        "{path!r} is locked by another process",
        "stop the service (with the settings recommended for EFS it keeps the lock while it runs), or migrate a copy",
    ),
    (("malformed", "corrupt"), "{path!r} is corrupt: {error}", _RESTORE),
    (
        ("readonly", "read-only", "unable to open"),
        "{path!r} cannot be read without a repair: {error}",
        "an interrupted write may have left a journal: open the file once with the sqlite3 shell, which repairs it",
    ),
    (
        ("too big",),
        "{path!r} has a view with a value of more than a gigabyte",
        "migrate a view with smaller values; DynamoDB accepts items of 400 KB",
    ),
    (
        ("full",),
        "there is not enough space for a copy of {path!r}",
        "set TMPDIR to a folder with as much free space as the size of the file",
    ),
    (("",), "{path!r} cannot be read: {error}", "run sqlite3 FILE 'PRAGMA integrity_check' for details"),
)
"""Fragments of SQLite's messages, the error that they become, and its hint."""


@contextmanager
def sqlite_errors(path: str) -> Iterator[None]:
    """Convert SQLite's errors to MigrationErrors about the file."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        sentence, hint = next((s, h) for words, s, h in _ERRORS if any(word in str(error) for word in words))
        raise MigrationError(sentence.format(path=path, error=error), hint) from None


@contextmanager
def consistent_copy(path: str, timeout: float = LOCK_TIMEOUT) -> Iterator[sqlite3.Connection]:
    """Copy a database with SQLite's backup API, as of one moment, even if other processes write to it.

    The copy is a temporary database in TMPDIR without a name: it disappears with the process, even after kill -9. The
    source is opened read-only. MigrationError if it is not a database, is locked, or needs a repair. A signal ends any
    query at once, also one over a view without end.
    """
    if not Path(path).is_file():
        problem = "is not a regular file" if Path(path).exists() else "does not exist"
        raise MigrationError(f"the file {path!r} {problem}", "check that --from names the SQLite file")
    with closing(sqlite3.connect("", isolation_level=None)) as copy:
        copy.execute(_CACHE)
        uri = f"{Path(path).resolve().as_uri()}?mode=ro"
        with sqlite_errors(path), closing(sqlite3.connect(uri, uri=True, timeout=timeout)) as source:
            # In one read transaction: a writer cannot make the backup start over between two steps.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(copy, pages=_STEP, progress=lambda *_: None)  # Python heeds signals in the function
        copy.text_factory = bytearray  # keeps TEXT and BLOB apart, and reports text that is not UTF-8
        signals: list[BaseException] = []
        heed = _heed(signals)
        next(heed)
        copy.set_progress_handler(heed.__next__, _INSTRUCTIONS)
        try:
            yield copy
        except (sqlite3.OperationalError, MigrationError):
            if signals:
                raise signals[0] from None
            raise
        finally:
            copy.set_progress_handler(None, 0)


def _heed(signals: list[BaseException]) -> Generator[bool, None, None]:
    """Whether a signal ends the query, asked by SQLite again and again: its exception is kept, since SQLite drops it.

    The handlers of signals run when this function continues, and so within its ``try``.
    """
    while not signals:
        try:
            yield False
        except GeneratorExit:
            return
        except BaseException as pressed:
            signals.append(pressed)
    while True:
        yield True


def select_table(copy: sqlite3.Connection, path: str, name: str | None) -> tuple[str, bool]:
    """Return the named table or view, or the only one, and whether it is a table."""
    tables: dict[str, bool] = {
        name.decode("utf-8", "replace"): type == b"table" for name, type in copy.execute(_TABLES)
    }
    if name is None and len(tables) == 1:
        name = next(iter(tables))
    if name in tables:
        return name, tables[name]
    if not tables:
        raise MigrationError(
            f"{path!r} has no table",
            "check that --from names the SQLite file; a program that opens a file that does not exist creates an"
            " empty one",
        )
    known = f"the tables and views are {', '.join(tables)}"
    if name is None:
        raise MigrationError(f"{path!r} has several tables", f"use --source-table T; {known}")
    raise MigrationError(f"{path!r} has no table {name!r}", known)


def column_names(copy: sqlite3.Connection, table: str) -> list[str]:
    """The columns of SELECT *, including generated ones."""
    with closing(copy.execute(f"SELECT * FROM {quote(table)} LIMIT 0")) as cursor:  # noqa: S608
        return [column[0] for column in cursor.description]


def unique_column_sets(copy: sqlite3.Connection, table: str) -> list[set[str]]:
    """The sets of columns whose values SQLite guarantees to be unique: the primary key and full unique indexes."""
    key = {row[1].decode() for row in copy.execute(f"PRAGMA table_xinfo({quote(table)})") if row[5]}
    sets = [key] if key else []
    for row in copy.execute(f"PRAGMA index_list({quote(table)})").fetchall():
        if row[2] and not row[4]:
            index = quote(row[1].decode())
            names = [column[2] for column in copy.execute(f"PRAGMA index_info({index})")]
            if None not in names:
                sets.append({name.decode() for name in names})
    return sets


def count_rows(copy: sqlite3.Connection, table: str) -> int:
    """The number of rows."""
    (count,) = copy.execute(f"SELECT count(*) FROM {quote(table)}").fetchone()  # noqa: S608
    return int(count)


def rows(
    copy: sqlite3.Connection, table: str, is_table: bool, skip: int = 0, unread: Collection[str] = ()
) -> Iterator[tuple[Any, ...]]:
    """The rows in a reproducible order, starting after ``skip`` rows; TEXT as bytearray, BLOB as bytes.

    A table, unlike a view, is read in the order of its key and not through an index. Columns that are ``unread`` are
    None.
    """
    listed = ", ".join("NULL" if name in unread else quote(name) for name in column_names(copy, table))
    return _select(copy, listed, table, is_table, skip)


def _select(copy: sqlite3.Connection, listed: str, table: str, is_table: bool, skip: int = 0) -> sqlite3.Cursor:
    hint = " NOT INDEXED" if is_table else ""
    return copy.execute(f"SELECT {listed} FROM {quote(table)}{hint} LIMIT -1 OFFSET ?", (skip,))  # noqa: S608


def check_sizes(copy: sqlite3.Connection, table: str, is_table: bool, unread: Collection[str]) -> None:
    """Ask SQLite for the sizes of all values before one is read. MigrationError for those of more than LARGEST_VALUE
    bytes."""
    names = [name for name in column_names(copy, table) if name not in unread]
    finding = DataFinding("value too large")
    for number, (size,) in enumerate(_select(copy, _largest(names), table, is_table), 1):
        if size > LARGEST_VALUE:
            finding.count += 1
            if len(finding.examples) < EXAMPLES:
                listed = ", ".join(map(_size, names[:_MOST_NAMED]))
                sizes = zip(names, _select(copy, listed, table, is_table, number - 1).fetchone() or (), strict=False)
                large = [f"{name} has {size:,}" for name, size in sizes if size > LARGEST_VALUE]
                finding.examples.append(f"row {number}: {', '.join(large) or f'a value has {size:,}'} bytes")
    if finding.count:
        raise MigrationError(
            f"{table} contains values of more than {LARGEST_VALUE >> 20} MiB, which are not read; nothing was written",
            "leave the column out with --skip COLUMN, or migrate a view without these rows; DynamoDB accepts items of"
            " 400 KB, and large values belong in a bucket",
            findings=(finding,),
        )


def _size(name: str) -> str:
    return f"ifnull({_SIZE}({quote(name)}), 0)"


def _largest(names: list[str]) -> str:
    """SQL for the size of the largest value of a row."""
    sizes = list(map(_size, names))
    while len(sizes) > 1:
        parts = (sizes[at : at + _MOST_ARGUMENTS] for at in range(0, len(sizes), _MOST_ARGUMENTS))
        sizes = [f"max({', '.join(part)}, 0)" for part in parts]
    return "".join(sizes) or "0"


def check_integrity(copy: sqlite3.Connection, path: str) -> None:
    """Run SQLite's structure check on the copy. MigrationError for a corrupt file; violated constraints are ignored."""
    for (data,) in copy.execute("PRAGMA quick_check(20)"):
        line = data.decode("utf-8", "replace")
        if line != "ok" and " value in " not in line and not line.startswith("CHECK constraint failed"):
            raise MigrationError(f"{path!r} is corrupt: {line}", _RESTORE)


def quote(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Survey:
    """The result of the check of all rows. ``hash`` is equal for the same rows in the same order; sizes in bytes."""

    rows: int
    bytes: int
    units: int
    largest: int
    hash: str
    findings: tuple[DataFinding, ...]


def write_units(size: int) -> int:
    """Write units of an item of this size in bytes, without those of its indexes."""
    return max(1, -(-size // UNIT))


def survey(
    copy: sqlite3.Connection,
    table: str,
    is_table: bool,
    encode: Encoder,
    on_progress: Callable[[int], None],
    unique: bool,
    unread: Collection[str] = (),
) -> Survey:
    """Encode every row and collect the findings. ``unique``: keys cannot repeat, so that they need no check."""
    findings = _Findings()
    hashed = hashlib.blake2b(digest_size=16)
    keys = None if unique else _Keys(copy, encode)
    total = units = largest = number = 0
    for number, row in enumerate(rows(copy, table, is_table, 0, unread), 1):
        hashed.update(repr(row).encode("utf-8", "surrogatepass"))
        item, size, problems = encode(row)
        for problem in problems:
            example = f"row {number}{_key_label(item, encode)}, {problem.where}: {problem.detail}"
            findings.add(problem.kind, example)
        if keys is not None and not problems:
            keys.add(number, item)
        total += size
        units += write_units(size)
        largest = max(largest, size)
        if number % _CHUNK == 0:
            on_progress(number)
    if keys is not None:
        keys.report_duplicates(findings)
    if number % _CHUNK:
        on_progress(number)
    return Survey(number, total, units, largest, hashed.hexdigest(), tuple(findings.values()))


def keys_are_unique(
    copy: sqlite3.Connection, source_table: str, names: list[str], columns: Columns, table: TargetTable
) -> bool:
    """Whether SQLite guarantees unique keys, by a primary key or a unique index on columns that are not converted.

    Values that are equal in DynamoDB are equal in SQLite under any collation; a key of another type is a finding of its
    own. A view has no index.
    """
    renamed, forms = dict(columns.renamed), dict(columns.forms)
    keys = {name for name, _ in table.keys}
    same = {name for name in names if renamed.get(name, name) in keys and name not in forms}
    return any(unique <= same for unique in unique_column_sets(copy, source_table))


def mapping_hash(columns: Columns, names: list[str], table: TargetTable, source_table: str) -> str:
    """A hash of everything that determines how rows become items: the mapping, the columns, the key and the tables."""
    return digest((columns, names, table.name, table.keys, source_table)).hex()


class _Findings(dict[str, DataFinding]):
    """Findings by their kind."""

    def add(self, kind: str, example: str, count: int = 1) -> None:
        finding = self.setdefault(kind, DataFinding(kind))
        finding.count += count
        if len(finding.examples) < EXAMPLES:
            finding.examples.append(example)


class _Keys:
    """The hashes of all keys, in a temporary table, so that SQLite sorts them outside of memory."""

    def __init__(self, copy: sqlite3.Connection, encode: Encoder) -> None:
        self._copy = copy
        self._encode = encode
        self._held: list[tuple[bytes, int]] = []
        copy.execute("PRAGMA temp_store = FILE")
        copy.execute("CREATE TEMP TABLE fsdcf_keys (hash BLOB, number INTEGER)")

    def add(self, number: int, item: Item) -> None:
        self._held.append((digest(key_text(self._encode.key_of(item))), number))
        if len(self._held) >= _CHUNK:
            self._flush()

    def _flush(self) -> None:
        self._copy.execute("BEGIN")
        self._copy.executemany("INSERT INTO temp.fsdcf_keys VALUES (?, ?)", self._held)
        self._copy.execute("COMMIT")
        self._held.clear()

    def report_duplicates(self, findings: _Findings) -> None:
        self._flush()
        groups = "SELECT count(*), min(number), max(number) FROM temp.fsdcf_keys GROUP BY hash HAVING count(*) > 1"
        for count, first, last in self._copy.execute(groups):
            more = f" and {count - 2} more" if count > 2 else ""
            findings.add("duplicate key", f"rows {first} and {last}{more}", count - 1)
        self._copy.execute("DROP TABLE temp.fsdcf_keys")


def _key_label(item: Item, encode: Encoder) -> str:
    try:
        return f" ({key_text(encode.key_of(item))[:100]})"
    except KeyError:
        return ""
