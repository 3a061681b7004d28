"""The look at every row before a byte is written: what DynamoDB would refuse, how much there is, and a hash of it all."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from fsdcf.storage.migration.mapping import Encoder, key_text
from fsdcf.storage.migration.model import Columns, Finding, Item, Table
from fsdcf.storage.migration.source import rows, unique_in

EXAMPLES = 5
"""How many values of a kind are shown."""

UNIT = 1024
"""Bytes that one write unit takes."""

_CHUNK = 1000


@dataclass(frozen=True)
class Survey:
    """What the rows come to. ``hash`` is equal for the same rows in the same order; sizes are in bytes."""

    rows: int
    bytes: int
    units: int
    largest: int
    hash: str
    findings: tuple[Finding, ...]


def units_of(size: int) -> int:
    """Write units that an item of so many bytes takes, without what its indexes take."""
    return max(1, -(-size // UNIT))


def survey(
    copy: sqlite3.Connection, table: str, whole: bool, encode: Encoder, seen: Callable[[int], None], unique: bool
) -> Survey:
    """Encode every row and note what is wrong. ``seen`` is told how many rows are done; ``unique`` says that keys cannot repeat."""
    found: dict[str, Finding] = {}
    hashed = hashlib.blake2b(digest_size=16)
    keys = None if unique else _Keys(copy, encode)
    total = units = largest = number = 0
    for number, row in enumerate(rows(copy, table, whole), 1):
        hashed.update(repr(row).encode("utf-8", "surrogatepass"))
        item, size, problems = encode(row)
        for one in problems:
            _note(found, one.kind, f"row {number}{_named(item, encode)}, {one.where}: {one.detail}")
        if keys is not None and not problems:
            keys.add(number, item)
        total += size
        units += units_of(size)
        largest = max(largest, size)
        if number % _CHUNK == 0:
            seen(number)
    if keys is not None:
        keys.note_repeated(found)
    if number % _CHUNK:
        seen(number)
    return Survey(number, total, units, largest, hashed.hexdigest(), tuple(found.values()))


def unrepeated(copy: sqlite3.Connection, source_table: str, names: list[str], columns: Columns, table: Table) -> bool:
    """Whether SQLite itself has seen to it that no key repeats: a primary key or a unique index, of columns that stay as they are.

    Values that are equal in DynamoDB are so in SQLite, under any collation; a key of another type is a finding of its own. A view has no
    such index.
    """
    renamed, forms = dict(columns.renamed), dict(columns.forms)
    keys = {name for name, _ in table.keys}
    same = {one for one in names if renamed.get(one, one) in keys and one not in forms}
    return any(unique <= same for unique in unique_in(copy, source_table))


def bound(columns: Columns, names: list[str], table: Table, source_table: str) -> str:
    """A hash of what is done with the rows: another mapping, key or table makes another migration."""
    said = repr((columns, names, table.name, table.keys, source_table))
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class _Keys:
    """The hashes of all keys, in a temporary table of SQLite's: it sorts them outside of memory."""

    def __init__(self, copy: sqlite3.Connection, encode: Encoder) -> None:
        self._copy = copy
        self._encode = encode
        self._held: list[tuple[bytes, int, bytes]] = []
        copy.execute("PRAGMA temp_store = FILE")
        copy.execute("CREATE TEMP TABLE fsdcf_keys (hash BLOB, number INTEGER)")

    def add(self, number: int, item: Item) -> None:
        text = key_text(self._encode.key_of(item)).encode("utf-8", "surrogatepass")
        self._held.append((hashlib.blake2b(text, digest_size=16).digest(), number, text))
        if len(self._held) >= _CHUNK:
            self._flush()

    def _flush(self) -> None:
        self._copy.execute("BEGIN")
        self._copy.executemany("INSERT INTO temp.fsdcf_keys VALUES (?, ?)", [one[:2] for one in self._held])
        self._copy.execute("COMMIT")
        self._held.clear()

    def note_repeated(self, found: dict[str, Finding]) -> None:
        self._flush()
        groups = "SELECT count(*), min(number), max(number) FROM temp.fsdcf_keys GROUP BY hash HAVING count(*) > 1"
        for count, first, last in self._copy.execute(groups):
            _note(
                found,
                "duplicate key",
                f"rows {first} and {last}" + (f" and {count - 2} more" if count > 2 else ""),
                count - 1,
            )
        self._copy.execute("DROP TABLE temp.fsdcf_keys")


def _note(found: dict[str, Finding], kind: str, example: str, count: int = 1) -> None:
    finding = found.setdefault(kind, Finding(kind))
    finding.count += count
    if len(finding.examples) < EXAMPLES:
        finding.examples.append(example)


def _named(item: Item, encode: Encoder) -> str:
    try:
        return f" ({key_text(encode.key_of(item))[:100]})"
    except KeyError:
        return ""
