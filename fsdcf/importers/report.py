"""What became of each key of a source."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum


class Treatment(Enum):
    """What became of a key: its value is in the spec, something else is there in its place, or nothing is."""

    CARRIED = "carried"
    CHANGED = "changed"
    NOT_CARRIED = "not carried"


@dataclass(frozen=True)
class KeyOutcome:
    """What became of one value. ``to`` are the keys of the spec that have it now; ``note`` says what changed and why,
    or why it is not carried and what works instead."""

    treatment: Treatment
    to: str = ""
    note: str = ""


def carried(to: str = "") -> KeyOutcome:
    """The value is in the spec; without ``to``, where the table of keys says."""
    return KeyOutcome(Treatment.CARRIED, to)


def formal(note: str) -> KeyOutcome:
    """The value is nowhere in the spec, and nothing is lost without it: why."""
    return KeyOutcome(Treatment.CARRIED, "", note)


def changed(note: str, to: str = "") -> KeyOutcome:
    """Something else is in the spec in place of the value; without ``to``, where the table of keys says."""
    return KeyOutcome(Treatment.CHANGED, to, note)


def not_carried(note: str) -> KeyOutcome:
    """Nothing is in the spec in place of the value: why, and what works instead."""
    return KeyOutcome(Treatment.NOT_CARRIED, "", note)


class UnfitError(Exception):
    """A value that its key cannot have; the message says what it must be."""


@dataclass(frozen=True)
class Row:
    """A key of a source, with the line that it is on, and what became of it. ``spec`` is the file that has it now."""

    file: str
    line: int
    key: str
    outcome: KeyOutcome
    spec: str = ""


@dataclass
class ImportReport:
    """The rows of an import in the order in which the sources were read, each key once."""

    rows: dict[tuple[str, int, str, str], Row] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Add a row. Of two about the same key and spec, the one that carries less counts."""
        place = (row.file, row.line, row.key, row.spec)
        before = self.rows.get(place)
        if before is None or _LOSS[before.outcome.treatment] <= _LOSS[row.outcome.treatment]:
            self.rows[place] = row

    @property
    def counts(self) -> Counter[Treatment]:
        """The number of keys by what became of them."""
        return Counter(row.outcome.treatment for row in self.rows.values())


_LOSS = {treatment: loss for loss, treatment in enumerate(Treatment)}
