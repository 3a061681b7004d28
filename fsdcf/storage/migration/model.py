"""What a migration is: the table, how columns become attributes, how it is done, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FORMS = ("json", "number", "text", "iso", "epoch")
"""What a column may be turned into: a document, a number from text, text from a number, a date as text, a date as seconds."""

VERIFICATIONS = ("sample", "full", "none")

Item = dict[str, Any]
"""An item as DynamoDB's API has it: ``{"id": {"N": "1"}}``."""


@dataclass(frozen=True)
class Table:
    """A table of DynamoDB. ``keys`` are the attributes of its key with their types, HASH first; ``indexed`` those of its indexes.

    Without ``keys`` the live table says what its key is.
    """

    name: str
    keys: tuple[tuple[str, str], ...] = ()
    indexed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Columns:
    """How columns become attributes: (column, attribute) for another name, (column, form) for another type, and those left out."""

    renamed: tuple[tuple[str, str], ...] = ()
    forms: tuple[tuple[str, str], ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rate:
    """At most so many items, or write units of up to 1 KB (``units``), in a second."""

    per_second: float
    units: bool = False


@dataclass(frozen=True)
class Migration:
    """What is to be done. ``source_table`` None is the only table of the file; ``checkpoint`` is the file that a resume reads.

    ``mode`` new wants an empty table, overwrite replaces items of the same key, keep leaves them as they are.
    """

    table: Table
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


class MigrationError(Exception):
    """Why a migration does not begin or does not go on: a sentence, what to do about it, and what kind of trouble it is.

    ``usage`` is the caller's to mend, and nothing was written; ``denied`` is about credentials or permissions; ``failed`` came up while
    writing or reading, and the same command goes on where it stopped.
    """

    def __init__(self, sentence: str, hint: str = "", kind: str = "usage") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.kind = kind


@dataclass
class Finding:
    """One kind of data that DynamoDB would refuse: how many values have it, and the first few of them."""

    kind: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


class Unfit(MigrationError):
    """Data that DynamoDB would refuse, found before anything was written."""

    def __init__(self, findings: tuple[Finding, ...], table: str) -> None:
        super().__init__(
            f"{table} holds data that DynamoDB refuses; nothing was written", "mend the rows, or use a view that does"
        )
        self.findings = findings


@dataclass(frozen=True)
class Progress:
    """How far a stage is: check, write, count or verify; in rows."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Told:
    """Something to know that is no progress."""

    text: str


Tell = Callable[[Progress | Told], None]


@dataclass
class Report:
    """What came of it. ``written`` were put by us, ``same`` were there already and equal, ``kept`` were there and differ.

    ``counted`` is the table's count, None where it was not empty at first or not asked for. ``checked`` items were read back;
    ``wrong`` describes the first of ``mismatches``. Sizes are in bytes by DynamoDB's rules, ``units`` in write units, times in seconds.
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
        """Whether everything that was read back is as it should be."""
        return not self.mismatches and self.counted in (None, self.rows)
