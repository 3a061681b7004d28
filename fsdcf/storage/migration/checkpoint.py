"""How far a migration is, in a file beside the source: written whole or not at all, and bound to what it is about."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fsdcf.storage.migration.model import MigrationError

_VERSION = 1
_NEW = "--restart forgets it; then --overwrite or --keep-existing says what happens to the items that are there"


@dataclass
class Done:
    """What is done. Rows are numbered from 0 in the order of the source: the first ``through`` are, and the ranges ``beyond``, end exclusive.

    ``bound`` says what it is about: the hash of the rows, of the mapping, the table with its id, and the mode. ``empty``: the table was
    empty at first. ``finished``: all is written.
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
        """How many rows are done."""
        return self.through + sum(end - first for first, end in self.beyond)

    def mark(self, first: int, end: int, counts: Mapping[str, int]) -> None:
        """The rows from ``first`` up to ``end`` are done, with so many ``written``, ``same`` and ``kept``."""
        self.written += counts.get("written", 0)
        self.same += counts.get("same", 0)
        self.kept += counts.get("kept", 0)
        self.beyond.append([first, end])
        self.beyond.sort()
        while self.beyond and self.beyond[0][0] == self.through:
            self.through = self.beyond.pop(0)[1]


def load(path: str, bound: Mapping[str, str]) -> Done | None:
    """What an earlier run has done; None where there was none. MigrationError where the file is about something else."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        version = data.pop("version")
        done = Done(**data)
        whole = version == _VERSION and isinstance(done.bound, dict) and done.through >= 0 and done.count >= 0
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MigrationError(f"the checkpoint {path!r} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        whole = False
    if not whole:
        raise MigrationError(
            f"{path!r} is no checkpoint of a migration", "name another --checkpoint, or remove the file"
        )
    for name, value in bound.items():
        if done.bound.get(name) != value:
            what = {"rows": "the rows have changed since", "mapping": "the mapping or the key is another"}
            why = what.get(name, f"it was about {name} {done.bound.get(name)}, not {value}")
            raise MigrationError(f"the checkpoint {path!r} does not fit: {why}", _NEW)
    return done


def save(path: str, done: Done) -> None:
    """Write it, in one step: a crash leaves the old file or the new one. MigrationError where it cannot be written."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{os.path.basename(path)}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(_data(done), file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise MigrationError(
            f"the checkpoint {path!r} cannot be written: {error.strerror}", "name another with --checkpoint"
        ) from None


def _data(done: Done) -> dict[str, Any]:
    return {"version": _VERSION, **asdict(done)}
