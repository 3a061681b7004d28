"""The data types of a migration: the table, the column mapping, the settings, the progress events and the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FORMS = ("json", "number", "text", "iso", "epoch")
"""Conversions for a column: JSON document, number from text, text from a number, ISO 8601 date, seconds since 1970."""

VERIFICATIONS = ("sample", "full", "none")

Item = dict[str, Any]
"""An item in the format of DynamoDB's API: ``{"id": {"N": "1"}}``."""


@dataclass(frozen=True)
class TargetTable:
    """A DynamoDB table. ``keys`` are its key attributes with their types, HASH first; ``indexed`` those of its indexes.

    Without ``keys``, the key is read from the live table.
    """

    name: str
    keys: tuple[tuple[str, str], ...] = ()
    indexed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Columns:
    """The column mapping: (column, attribute) pairs, (column, form) pairs, and the columns to leave out."""

    renamed: tuple[tuple[str, str], ...] = ()
    forms: tuple[tuple[str, str], ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rate:
    """A limit in items per second, or in write units of up to 1 KB per second (``units``)."""

    per_second: float
    units: bool = False


@dataclass(frozen=True)
class Migration:
    """The settings of a migration. ``source_table`` None selects the only table; ``checkpoint`` is the path of a file.

    ``mode`` new requires an empty table, overwrite replaces items with the same key, keep leaves them unchanged.
    """

    table: TargetTable
    source: str
    checkpoint: str
    source_table: str | None = None
    columns: Columns = Columns()
    mode: str = "new"
    workers: int = 8
    rate: Rate | None = None
    verify: str = "sample"
    sample: int = 1000
    dry_run: bool = False
    restart: bool = False


@dataclass
class DataFinding:
    """One kind of data that DynamoDB would reject: the number of values and the first few of them."""

    kind: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


class MigrationError(Exception):
    """The reason why a migration cannot start or continue, with a hint.

    ``kind`` usage: the input is wrong and nothing was written. ``denied``: credentials or permissions. ``failed``: the
    error occurred while reading or writing, and the same command resumes. ``findings`` are data that DynamoDB
    would reject.
    """

    def __init__(
        self, sentence: str, hint: str = "", kind: str = "usage", findings: tuple[DataFinding, ...] = ()
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.kind = kind
        self.findings = findings


@dataclass(frozen=True)
class Progress:
    """The progress of a stage (check, write, count or verify), in rows."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class MigrationNotice:
    """Information that is not progress."""

    text: str


Tell = Callable[[Progress | MigrationNotice], None]


@dataclass
class Report:
    """The result. ``written`` items are new, ``same`` items existed and are equal, ``kept`` items existed and differ.

    ``counted`` is the number of items in the table; None if the table was not empty at first or counting is off.
    ``checked`` items were read back; ``wrong`` describes the first of the ``mismatches``. Sizes are in bytes by
    DynamoDB's rules, ``units`` in write units, ``seconds`` is the duration.
    """

    table: str
    source: str
    source_table: str
    mode: str
    dry_run: bool
    rows: int
    bytes: int
    units: int
    largest: int
    resumed: int = 0
    written: int = 0
    same: int = 0
    kept: int = 0
    retried: int = 0
    verification: str = "none"
    counted: int | None = None
    checked: int = 0
    mismatches: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether everything that was read back matches the source."""
        return not self.mismatches and self.counted in (None, self.rows)
