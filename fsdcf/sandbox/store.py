"""The sandbox's memory: JSON documents and a schedule in one SQLite file, which several processes may share."""

from __future__ import annotations

import json
import marshal
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsdcf.atomic import PRIVATE, private_file, private_folder

FORMAT = 4
"""Format of the file. A file in another format is refused."""

LOCK_TIMEOUT = 60.0
"""Seconds to wait for another process that is writing."""

_TABLES = """
CREATE TABLE documents (kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key))
  WITHOUT ROWID;
CREATE TABLE schedule (number INTEGER PRIMARY KEY AUTOINCREMENT, due REAL NOT NULL, tag TEXT NOT NULL,
  action TEXT NOT NULL, payload TEXT NOT NULL);
CREATE INDEX schedule_by_due ON schedule (due, number);
CREATE INDEX schedule_by_tag ON schedule (tag);
"""


class StoreError(Exception):
    """A state file that cannot be used; the message says why and what to do.

    ``damaged``: only removing the file helps.
    """

    def __init__(self, path: Path | None, why: str, damaged: bool = False, advice: str = "") -> None:
        default = "check its disk and permissions, or choose another folder with XDG_CACHE_HOME"
        advice = "remove the file to start over" if damaged else advice or default
        super().__init__(f"the sandbox's state {path} {why}; {advice}")
        self.damaged = damaged


@contextmanager
def serving_alone(path: Path) -> Iterator[None]:
    """Be the only server of a state within the block. Raises StoreError if there is another one, or no access."""
    with ExitStack() as held:
        if not _is_locked(path, "served", held, alone=True):
            why, advice = "is served by another `fsdcf sandbox`", "stop it, or use it"
            raise StoreError(path, why, advice=advice)
        yield


def remove(path: Path) -> None:
    """Remove a state. Raises StoreError if another process uses it, or without access."""
    with ExitStack() as held:
        if not _is_locked(path, "used", held, alone=True):
            raise StoreError(path, "is in use by another fsdcf", advice="wait until that ends, or stop it")
        try:
            for file in _files(path):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(path, f"cannot be removed ({error.strerror})") from error


def _is_locked(path: Path, purpose: str, held: ExitStack, alone: bool) -> bool:
    """Whether this process now holds a lock on a state, alone or with others, until ``held`` is closed.

    The files of the state are closed to other users. Raises StoreError without access. The lock of a process ends with
    it. Windows has no lock.
    """
    lock = path.with_name(f"{path.name}.{purpose}")
    try:
        private_folder(path.parent)
        for file in (*_files(path), lock):
            private_file(file)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), PRIVATE)
        held.callback(os.close, descriptor)
        private_file(lock)
        with suppress(ImportError):
            import fcntl

            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StoreError(path, f"cannot be opened ({error.strerror})") from error
    return True


def _files(path: Path) -> list[Path]:
    """The file of a state, and those that SQLite keeps beside it.

    Source: https://sqlite.org/tempfiles.html
    """
    return [path.with_name(path.name + suffix) for suffix in ("", "-journal", "-wal", "-shm")]


_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class ScheduledAction:
    """An action to run: when (epoch seconds), its name, its payload, and the tag that cancels it."""

    due: float
    action: str
    payload: dict[str, Any]
    tag: str = ""


class Store:
    """Documents by kind and key, and a schedule of actions. ``path`` None keeps everything in memory, where documents
    are in Python's own format, which is faster than JSON.

    Threads share one connection and take turns. Processes exclude each other with SQLite's lock on the file, which is
    taken when a transaction begins, so that what a transaction has read is still true when it writes. Every method
    raises StoreError.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._path = path
        self._encoded: Callable[[dict[str, Any]], str | bytes] = marshal.dumps if path is None else json.dumps
        self._read: Callable[[Any], Any] = marshal.loads if path is None else _DECODER.decode
        with ExitStack() as held:  # closed if the state cannot be used
            if path is not None and not _is_locked(path, "used", held, alone=False):
                raise StoreError(path, "is being reset by another fsdcf", advice="run the command again")
            try:
                if path is not None and not path.exists():
                    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, PRIVATE))
                    private_file(path)
                name = ":memory:" if path is None else str(path)
                self._connection = sqlite3.connect(
                    name, timeout=LOCK_TIMEOUT, isolation_level=None, check_same_thread=False
                )
            except (OSError, sqlite3.Error) as error:
                raise StoreError(path, f"cannot be opened ({error})") from error
            held.callback(self._connection.close)
            self._prepare()
            self._held = held.pop_all()

    def _prepare(self) -> None:
        # The state has to survive a crash of the process, not one of the machine.
        self._run("PRAGMA synchronous = OFF")
        with self.transaction():
            ((found,),) = self._run("PRAGMA user_version")
            if found not in (0, FORMAT):
                why = f"was written by another version of fsdcf (format {found}; this version uses format {FORMAT})"
                raise StoreError(self._path, why, True)
            if found == 0:
                for statement in _TABLES.split(";"):
                    self._run(statement)
                self._run(f"PRAGMA user_version = {FORMAT}")

    def close(self) -> None:
        """Close the file. The store cannot be used afterwards."""
        with self._lock:
            self._held.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the block as a whole, or roll it back if an exception leaves it. Transactions nest."""
        with self._lock:
            name = f"level_{self._depth}"
            self._run("BEGIN IMMEDIATE" if self._depth == 0 else f"SAVEPOINT {name}")
            self._depth += 1
            try:
                yield
                self._run("COMMIT" if self._depth == 1 else f"RELEASE {name}")
            except BaseException:
                with suppress(
                    sqlite3.Error
                ):  # after some errors, such as a full disk, SQLite has rolled back by itself
                    self._connection.execute("ROLLBACK" if self._depth == 1 else f"ROLLBACK TO {name}")
                    if self._depth > 1:
                        self._connection.execute(f"RELEASE {name}")
                raise
            finally:
                self._depth -= 1

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Join the current transaction, or begin one.

        For blocks where there is nothing to undo in part.
        """
        with self._lock:
            if self._depth:
                yield
            else:
                with self.transaction():
                    yield

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return a copy of a document, or None if it does not exist."""
        rows = self._run("SELECT body FROM documents WHERE kind = ? AND key = ?", kind, key)
        return self._decoded(rows[0][0]) if rows else None

    def put(self, kind: str, key: str, body: dict[str, Any]) -> None:
        """Write a document, replacing an existing one."""
        self._run("REPLACE INTO documents VALUES (?, ?, ?)", kind, key, self._encoded(body))

    def remove(self, kind: str, key: str) -> None:
        """Remove a document, if it exists."""
        self._run("DELETE FROM documents WHERE kind = ? AND key = ?", kind, key)

    def every(self, kind: str, prefix: str = "") -> list[tuple[str, dict[str, Any]]]:
        """Return the keys and documents of a kind whose keys begin with a prefix, sorted by key."""
        query = "SELECT key, body FROM documents WHERE kind = ? AND key >= ? AND substr(key, 1, ?) = ? ORDER BY key"
        return [(key, self._decoded(body)) for key, body in self._run(query, kind, prefix, len(prefix), prefix)]

    def between(self, kind: str, after: str, before: str, limit: int) -> list[tuple[str, dict[str, Any]]]:
        """Return at most ``limit`` keys and documents of a kind between two keys, both excluded, sorted by key."""
        query = "SELECT key, body FROM documents WHERE kind = ? AND key > ? AND key < ? ORDER BY key LIMIT ?"
        return [(key, self._decoded(body)) for key, body in self._run(query, kind, after, before, limit)]

    def count(self, kind: str, after: str, before: str) -> int:
        """Return the number of documents of a kind whose keys lie between two keys."""
        query = "SELECT count(*) FROM documents WHERE kind = ? AND key > ? AND key < ?"
        return int(self._run(query, kind, after, before)[0][0])

    def next_number(self, name: str) -> int:
        """Return 1, then 2 and so on for each name. A number is reused only if its transaction is rolled back."""
        with self.joined():
            number = int((self.get("number", name) or {"last": 0})["last"]) + 1
            self.put("number", name, {"last": number})
        return number

    def schedule(self, due: float, action: str, payload: dict[str, Any], tag: str = "") -> None:
        """Schedule an action. ``cancel`` finds it by its tag."""
        values = due, tag, action, self._encoded(payload)
        self._run("INSERT INTO schedule (due, tag, action, payload) VALUES (?, ?, ?, ?)", *values)

    def pop_due(self, now: float) -> ScheduledAction | None:
        """Remove and return the earliest action that is due; of several at the same time, the one scheduled first."""
        query = "SELECT number, due, action, payload, tag FROM schedule WHERE due <= ? ORDER BY due, number LIMIT 1"
        with self.joined():
            rows = self._run(query, now)
            if not rows:
                return None
            number, due, action, payload, tag = rows[0]
            self._run("DELETE FROM schedule WHERE number = ?", number)
        return ScheduledAction(due, action, self._decoded(payload), tag)

    def next_due(self) -> float | None:
        """Return when the earliest action is due, or None if nothing is scheduled."""
        ((due,),) = self._run("SELECT min(due) FROM schedule")
        return None if due is None else float(due)

    def postpone(self, seconds: float) -> None:
        """Let all scheduled actions be due this much later."""
        self._run("UPDATE schedule SET due = due + ?", seconds)

    def cancel(self, tag: str) -> None:
        """Remove all scheduled actions with this tag."""
        self._run("DELETE FROM schedule WHERE tag = ?", tag)

    def _run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows.

        Operational errors, such as a full disk or a read-only file, do not mean that the file is damaged; other errors
        do. Source: https://docs.python.org/3/library/sqlite3.html#sqlite3.OperationalError
        """
        try:
            with self._lock:
                return self._connection.execute(statement, values).fetchall()
        except sqlite3.DatabaseError as error:
            damaged = not isinstance(error, sqlite3.OperationalError)
            raise StoreError(self._path, f"cannot be used ({error})", damaged) from error

    def _decoded(self, written: str | bytes) -> dict[str, Any]:
        try:
            body: dict[str, Any] = self._read(written)
        except ValueError as error:
            raise StoreError(self._path, f"cannot be used ({error})", True) from error
        return body
