"""The checkpoint of a migration: a file that is replaced atomically and fits one source, mapping and table only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fsdcf.atomic import read_regular, replace_file
from fsdcf.storage.migration.model import MigrationError

_VERSION = 1
_MOST_BYTES = 1 << 24
_NEW = "--restart ignores it; then --overwrite or --keep-existing decides what happens to existing items"
_CHANGES = {"rows": "the rows have changed since", "mapping": "the mapping or the key has changed since"}


@dataclass
class Checkpoint:
    """The rows that are written, numbered from 0 in the order of the source: the first ``through`` rows, and the ranges
    in ``beyond`` (end exclusive).

    ``bound`` identifies the migration: hashes of the rows and the mapping, the table with its id, the mode. ``empty``:
    the table was empty at first. ``finished``: all rows are written. The field names are the keys of the file.
    """

    bound: dict[str, str]
    empty: bool
    through: int = 0
    beyond: list[list[int]] = field(default_factory=list)
    written: int = 0
    same: int = 0
    kept: int = 0
    finished: bool = False

    @property
    def count(self) -> int:
        """The number of rows that are written."""
        return self.through + sum(end - first for first, end in self.beyond)

    def mark(self, first: int, end: int, counts: Mapping[str, int]) -> None:
        """Mark the rows from ``first`` up to ``end`` as done; ``counts`` has ``written``, ``same`` and ``kept``."""
        for name, count in counts.items():
            setattr(self, name, getattr(self, name) + count)
        self.beyond.append([first, end])
        self.beyond.sort()
        while self.beyond and self.beyond[0][0] == self.through:
            self.through = self.beyond.pop(0)[1]


def load(path: str, bound: Mapping[str, str], restart: bool = False) -> Checkpoint | None:
    """Read the checkpoint of an earlier run; None without one, and for a restart. MigrationError if it is of another
    migration, or a file of another kind, which the new checkpoint would replace."""
    try:
        data = json.loads(read_regular(path, _MOST_BYTES))
        version, done = data.pop("version"), Checkpoint(**data)
        if version != _VERSION or not isinstance(done.bound, dict) or min(done.through, done.count) < 0:
            raise ValueError(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MigrationError(f"the checkpoint {path!r} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        hint = "choose another --checkpoint, or remove the file"
        raise MigrationError(f"{path!r} is not the checkpoint of a migration", hint) from None
    if restart:
        return None
    for name, value in bound.items():
        if done.bound.get(name) != value:
            why = _CHANGES.get(name, f"its {name} is {done.bound.get(name)}, not {value}")
            raise MigrationError(f"the checkpoint {path!r} does not match: {why}", _NEW)
    return done


def save(path: str, done: Checkpoint) -> None:
    """Write the checkpoint atomically: a crash leaves the old file or the new one. MigrationError if it cannot."""
    try:
        replace_file(Path(path), json.dumps({"version": _VERSION, **asdict(done)}).encode(), durable=True)
    except OSError as error:
        raise MigrationError(
            f"the checkpoint {path!r} cannot be written: {error.strerror}", "choose another path with --checkpoint"
        ) from None
