"""The memory of the sandbox: JSON documents and an agenda in one SQLite file, which several processes may share."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

FORMAT = 1
"""The layout of the tables. A file of another layout is refused, not guessed at."""

PATIENCE = 60.0
"""Seconds to wait for another process that is writing."""

_TABLES = """
CREATE TABLE documents (kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE agenda (number INTEGER PRIMARY KEY AUTOINCREMENT, due REAL NOT NULL, tag TEXT NOT NULL, action TEXT NOT NULL,
                     payload TEXT NOT NULL);
CREATE INDEX agenda_by_due ON agenda (due, number);
CREATE INDEX agenda_by_tag ON agenda (tag);
"""


class StoreError(Exception):
    """A state file that cannot be used; the message says why and what to do. ``damaged``: it is of no use any more."""

    def __init__(self, path: Path | None, why: str, damaged: bool) -> None:
        what = (
            "remove the file to start anew"
            if damaged
            else "see to its disk and its permissions, or name another folder in XDG_CACHE_HOME"
        )
        super().__init__(f"the sandbox's state {path} {why}; {what}")
        self.damaged = damaged


_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class ScheduledAction:
    """What is to happen: when (epoch seconds), which action, with what."""

    due: float
    action: str
    payload: dict[str, Any]
    tag: str = ""


class Store:
    """Documents by kind and key, and the agenda. ``path`` None keeps all in memory.

    Threads share one connection, one at a time. Processes exclude each other by SQLite's own lock on the file, taken when a
    transaction begins, so that what is read in it still holds when it writes.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._path = path
        try:
            self._connection = _opened(path)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(path, f"cannot be opened ({error})", False) from error
        try:
            self._prepare()
        except StoreError:
            self.close()
            raise

    def _prepare(self) -> None:
        # The state is a rehearsal: it must be whole after a crash of the process, not of the machine.
        self._run("PRAGMA synchronous = OFF")
        with self.transaction():
            ((layout,),) = self._rows("PRAGMA user_version")
            if layout not in (0, FORMAT):
                raise StoreError(self._path, f"was made by another version (layout {layout}, not {FORMAT})", True)
            if layout == 0:
                for statement in _TABLES.split(";"):
                    self._run(statement)
                self._run(f"PRAGMA user_version = {FORMAT}")

    def close(self) -> None:
        """Gives the file free. The store is of no use afterwards."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is done inside, or, when an exception leaves the block, nothing of it. Transactions nest."""
        with self._lock:
            name = f"level_{self._depth}"
            self._run("BEGIN IMMEDIATE" if self._depth == 0 else f"SAVEPOINT {name}")
            self._depth += 1
            try:
                yield
                self._run("COMMIT" if self._depth == 1 else f"RELEASE {name}")
            except BaseException:
                with suppress(sqlite3.Error):  # after some errors, such as a full disk, SQLite has rolled back itself
                    self._connection.execute("ROLLBACK" if self._depth == 1 else f"ROLLBACK TO {name}")
                    if self._depth > 1:
                        self._connection.execute(f"RELEASE {name}")
                raise
            finally:
                self._depth -= 1

    @contextmanager
    def _joined(self) -> Iterator[None]:
        """Part of the transaction that runs, or one of its own: for what writes once, so that there is nothing to undo half of."""
        with self._lock:
            if self._depth:
                yield
            else:
                with self.transaction():
                    yield

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """The document, a copy of its own; None if there is none."""
        with self._lock:
            rows = self._rows("SELECT body FROM documents WHERE kind = ? AND key = ?", (kind, key))
        return self._loaded(rows[0][0]) if rows else None

    def put(self, kind: str, key: str, body: dict[str, Any]) -> None:
        """Writes the document, over the one that was there."""
        with self._lock:
            self._run("REPLACE INTO documents VALUES (?, ?, ?)", (kind, key, json.dumps(body)))

    def remove(self, kind: str, key: str) -> None:
        """Drops the document; nothing happens if there is none."""
        with self._lock:
            self._run("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def every(self, kind: str, prefix: str = "") -> list[tuple[str, dict[str, Any]]]:
        """The documents of a kind whose key begins so, by key."""
        with self._lock:
            rows = self._rows(
                "SELECT key, body FROM documents WHERE kind = ? AND key >= ? AND substr(key, 1, ?) = ? ORDER BY key",
                (kind, prefix, len(prefix), prefix),
            )
        return [(key, self._loaded(body)) for key, body in rows]

    def between(self, kind: str, after: str, before: str, limit: int) -> list[tuple[str, dict[str, Any]]]:
        """At most so many documents of a kind, by key, whose key lies between the two and is neither."""
        with self._lock:
            rows = self._rows(
                "SELECT key, body FROM documents WHERE kind = ? AND key > ? AND key < ? ORDER BY key LIMIT ?",
                (kind, after, before, limit),
            )
        return [(key, self._loaded(body)) for key, body in rows]

    def count(self, kind: str, after: str, before: str) -> int:
        """How many documents of a kind have a key between the two."""
        with self._lock:
            query = "SELECT count(*) FROM documents WHERE kind = ? AND key > ? AND key < ?"
            ((count,),) = self._rows(query, (kind, after, before))
        return int(count)

    def next_number(self, name: str) -> int:
        """1, then 2, and so on, for each name; a number is not given twice unless its transaction was undone."""
        with self._joined():
            number = int((self.get("number", name) or {"last": 0})["last"]) + 1
            self.put("number", name, {"last": number})
        return number

    def schedule(self, due: float, action: str, payload: dict[str, Any], tag: str = "") -> None:
        """Puts an action on the agenda. ``tag`` is what ``cancel`` knows it by."""
        with self._lock:
            row = (due, tag, action, json.dumps(payload))
            self._run("INSERT INTO agenda (due, tag, action, payload) VALUES (?, ?, ?, ?)", row)

    def pop_due(self, now: float) -> ScheduledAction | None:
        """Takes the earliest entry that is due by now off the agenda; of several at one time, the one put there first."""
        with self._joined():
            rows = self._rows(
                "SELECT number, due, action, payload, tag FROM agenda WHERE due <= ? ORDER BY due, number LIMIT 1",
                (now,),
            )
            if not rows:
                return None
            number, due, action, payload, tag = rows[0]
            self._run("DELETE FROM agenda WHERE number = ?", (number,))
        return ScheduledAction(due, action, self._loaded(payload), tag)

    def next_due(self) -> float | None:
        """When the agenda's earliest entry is due; None if it is empty."""
        with self._lock:
            ((due,),) = self._rows("SELECT min(due) FROM agenda")
        return None if due is None else float(due)

    def cancel(self, tag: str) -> int:
        """Takes all entries with this tag off the agenda; how many there were."""
        with self._lock:
            return self._run("DELETE FROM agenda WHERE tag = ?", (tag,)).rowcount

    def _run(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from error

    def _rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.DatabaseError) -> StoreError:
        """A full disk, a file that may not be written and the like are operational errors; what is damaged is not.

        Source: https://docs.python.org/3/library/sqlite3.html#sqlite3.OperationalError
        """
        return StoreError(self._path, f"cannot be used ({error})", not isinstance(error, sqlite3.OperationalError))

    def _loaded(self, text: str) -> dict[str, Any]:
        try:
            body: dict[str, Any] = _DECODER.decode(text)
        except ValueError as error:
            raise StoreError(self._path, f"cannot be used ({error})", True) from error
        return body


def _opened(path: Path | None) -> sqlite3.Connection:
    """A connection that leaves transactions to us; the folder is made when it is missing."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    name = ":memory:" if path is None else str(path)
    return sqlite3.connect(name, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
