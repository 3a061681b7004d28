"""The data layer of the SQLite service in real processes: killed in a write, started too early, with a WAL file."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.scaffold.services import data_layer, written

BEGIN = """
import logging, os, signal, sqlite3, sys
sys.path.insert(0, sys.argv[1])
from app.store import Settings, Store
logging.basicConfig(level=logging.INFO, format="%(message)s")
settings = Settings(sys.argv[2], journal_mode=sys.argv[3], busy_timeout=50)
"""
OPEN = BEGIN + 'store = Store(settings)\nprint("open", flush=True)\n'
WRITE = OPEN + "while True:\n    print(store.create('x' * 3000).id, flush=True)\n"
WRITE_ONCE = OPEN + "print(store.create('late').id, flush=True)\nstore.close()\n"
WRITE_ON_DEMAND = OPEN + "for line in sys.stdin:\n    print(store.create(line).id, flush=True)\n"
DIE_IN_A_BIG_TRANSACTION = (
    OPEN
    + """
store._connection.execute("PRAGMA cache_size=1")  # so that SQLite writes to the file before the end
with store.transaction() as connection:
    connection.execute("UPDATE notes SET text = zeroblob(9000), version = 9")
    os.kill(os.getpid(), signal.SIGKILL)
"""
)
DIE_BEFORE_COMMIT = (
    OPEN
    + """
store._connection.set_trace_callback(lambda statement: statement == "COMMIT" and os.kill(os.getpid(), signal.SIGKILL))
store.create("never acknowledged")
"""
)
DIE_IN_A_WRITE_TO_THE_DISK = (
    OPEN
    + """
import resource
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Linux kills a process that writes past the limit
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]),) * 2)
while True:
    print(store.create("x" * 3000).id, flush=True)
"""
)
WAL = BEGIN + (
    "connection = sqlite3.connect(settings.path)\nconnection.execute('PRAGMA journal_mode=WAL')\n"
    "connection.execute('CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT NOT NULL, version INTEGER NOT NULL)')\n"
    "connection.execute('INSERT INTO notes VALUES (1, 2, 3)')\nconnection.commit()\n"
    "os.kill(os.getpid(), signal.SIGKILL)\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written("sqlite-api", tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def layer(folder: Path) -> Any:
    return data_layer(folder)


@pytest.fixture(params=["DELETE", "TRUNCATE"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def process(script: str, folder: Path, file: Path, mode: str = "DELETE", *more: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own with the data layer alone; killed at the end where it still runs."""
    command = [sys.executable, "-ISc", script, str(folder), str(file), mode, *more]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as one:
        try:
            yield one
        finally:
            one.kill()


def said(one: subprocess.Popen[str]) -> str:
    assert one.stdout
    return one.stdout.readline().strip()


def ids(text: str) -> list[str]:
    """The writes that were acknowledged: a last line without its end was not."""
    return [line for line in text.split("\n")[:-1] if len(line) == 32]


def rest(one: subprocess.Popen[str]) -> str:
    """The output until the end. Not with ``communicate``, which does not know what ``readline`` has already read."""
    assert one.stdout
    text = one.stdout.read()
    one.wait()
    return text


def kept(layer: Any, file: Path, mode: str = "DELETE") -> dict[str, Any]:
    """What a process that comes after finds, by id; the file is sound."""
    with (
        closing(layer.Store(layer.Settings(str(file), journal_mode=mode), lock_wait=0)) as store,
        store.transaction() as connection,
    ):
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {id: (text, version) for id, text, version in connection.execute("SELECT * FROM notes")}


def test_acknowledged_writes_survive_a_kill(folder: Path, layer: Any, tmp_path: Path, mode: str) -> None:
    chance = random.Random(mode)
    acknowledged: list[str] = []
    rounds = 4
    for _ in range(rounds):
        with process(WRITE, folder, tmp_path / "app.db", mode) as one:
            assert said(one) == "open"
            acknowledged.append(said(one))
            time.sleep(chance.uniform(0, 0.02))
            one.kill()
            acknowledged += ids(rest(one))
    found = kept(layer, tmp_path / "app.db", mode)
    assert set(acknowledged) <= set(found)
    assert len(found) <= len(acknowledged) + rounds, "at most the current write exists without an acknowledgement"


@pytest.mark.skipif(sys.platform != "linux", reason="another system does not kill for this")
def test_a_kill_in_the_middle_of_a_disk_write(folder: Path, layer: Any, tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for limit in ("10000", "21000", "50000"):  # in the journal, in the file
        with process(DIE_IN_A_WRITE_TO_THE_DISK, folder, tmp_path / "app.db", "DELETE", limit) as one:
            acknowledged += ids(rest(one))
            assert one.returncode == -signal.SIGXFSZ
        assert set(acknowledged) <= set(kept(layer, tmp_path / "app.db"))
    assert len(acknowledged) > 5


def test_uncommitted_writes_are_rolled_back(folder: Path, layer: Any, tmp_path: Path, mode: str) -> None:
    file = tmp_path / "app.db"
    with closing(layer.Store(layer.Settings(str(file), journal_mode=mode))) as store:
        notes = {str(number): ("x" * 3000, 1) for number in range(60)}
        with store.transaction() as connection:
            connection.executemany("INSERT INTO notes VALUES (?, ?, ?)", [(id, *rest) for id, rest in notes.items()])
    before = file.read_bytes()
    for script in (DIE_BEFORE_COMMIT, DIE_IN_A_BIG_TRANSACTION):
        with process(script, folder, file, mode) as one:
            assert ids(rest(one)) == [] and one.returncode == -signal.SIGKILL
    assert file.read_bytes() != before, "the transaction was to reach the file"
    assert Path(f"{file}-journal").read_bytes()[:4] == b"\xd9\xd5\x05\xf9", "the journal was to be needed"
    assert kept(layer, file, mode) == notes


def test_a_second_task_waits(folder: Path, layer: Any, tmp_path: Path) -> None:
    file = tmp_path / "app.db"
    with ExitStack() as stack:
        first = stack.enter_context(process(WRITE_ON_DEMAND, folder, file))
        assert said(first) == "open"
        early = [stack.enter_context(process(WRITE_ONCE, folder, file)) for _ in range(2)]
        for one in early:
            assert one.stderr
            assert one.stderr.readline() == f"another process owns {file}: waiting up to 120 s\n"
        assert first.stdin
        print("milk", file=first.stdin, flush=True)
        acknowledged = [said(first)]
        first.kill()
        for one in early:
            out, errors = one.communicate(timeout=120)
            assert (one.returncode, out.split("\n")[0]) == (0, "open")
            assert f"{file} was released after " in errors
            acknowledged += ids(out)
    assert len(acknowledged) == 3 and set(kept(layer, file)) == set(acknowledged)


def test_a_task_that_waits_too_long_fails(folder: Path, layer: Any, tmp_path: Path) -> None:
    settings = layer.Settings(str(tmp_path / "app.db"))
    with process(WRITE_ON_DEMAND, folder, tmp_path / "app.db") as first:
        assert said(first) == "open"
        with pytest.raises(
            layer.Unavailable, match=r"another process owns .*app\.db, even after \d+ s: is a second task running\?"
        ):
            layer.Store(settings, lock_wait=0.2)
        assert first.stdin
        print("milk", file=first.stdin, flush=True)
        assert list(kept_after(first, layer, tmp_path / "app.db").values()) == [("milk\n", 1)]


def kept_after(one: subprocess.Popen[str], layer: Any, file: Path) -> dict[str, Any]:
    """What is there once a process has ended by itself, at the end of its input."""
    one.communicate()
    assert one.returncode == 0
    return kept(layer, file)


def test_a_wal_log_is_written_into_the_file(
    folder: Path, layer: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "app.db"
    with process(WAL, folder, file) as one:
        one.communicate()
    assert Path(f"{file}-wal").stat().st_size > 0 and file.read_bytes()[18:20] == b"\2\2"
    assert kept(layer, file) == {"1": ("2", 3)}
    assert f"{file} is in WAL mode, which fails on a network file system: changing it" in caplog.text
    assert not Path(f"{file}-wal").exists() and file.read_bytes()[18:20] == b"\1\1"


def test_a_wal_file_of_another_process_is_left_alone(layer: Any, tmp_path: Path) -> None:
    file = tmp_path / "app.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT NOT NULL, version INTEGER NOT NULL)")
        with pytest.raises(layer.Unavailable, match="is a second task running"):
            layer.Store(layer.Settings(str(file)), lock_wait=0.1)
        other.execute("INSERT INTO notes VALUES (1, 2, 3)")
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert kept(layer, file) == {"1": ("2", 3)}


def test_a_damaged_file_is_rejected_unchanged(layer: Any, tmp_path: Path) -> None:
    file = tmp_path / "app.db"
    file.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    before = file.read_bytes()
    with pytest.raises(layer.Unavailable, match="cannot open"):
        layer.Store(layer.Settings(str(file)))
    assert file.read_bytes() == before
