"""The store: documents, transactions, the schedule, threads, and two processes with one file."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fsdcf.sandbox.store import ScheduledAction, Store, StoreError, remove, serving_alone


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with Store(None if request.param == "memory" else tmp_path / "deep" / "state.db") as made:
        yield made


def test_documents_are_written_read_and_removed(store: Store) -> None:
    body = {"text": "é\u2028\x00", "number": 1.5, "list": [None, True, {"a": []}]}
    store.put("kind", "key", body)
    assert store.get("kind", "key") == body
    store.put("kind", "key", {"new": 1})
    assert store.get("kind", "key") == {"new": 1}
    store.remove("kind", "key")
    store.remove("kind", "key")
    assert store.get("kind", "key") is None


def test_a_document_that_was_read_is_a_copy(store: Store) -> None:
    store.put("kind", "key", {"list": [1]})
    read = store.get("kind", "key")
    assert read is not None
    read["list"].append(2)
    assert store.get("kind", "key") == {"list": [1]}


def test_documents_are_listed_by_prefix_in_order(store: Store) -> None:
    for key in ("b/2", "a_1", "b/1", "b%", "c", "B/3"):
        store.put("kind", key, {"is": key})
    store.put("other", "b/0", {})
    assert [key for key, _ in store.every("kind", "b/")] == ["b/1", "b/2"]
    assert [key for key, _ in store.every("kind", "a_")] == ["a_1"]
    assert [key for key, _ in store.every("kind", "%")] == []
    assert [body["is"] for _, body in store.every("kind")] == ["B/3", "a_1", "b%", "b/1", "b/2", "c"]


def test_documents_between_two_keys(store: Store) -> None:
    for key in ("a", "b", "b/1", "b/2", "c"):
        store.put("kind", key, {"is": key})
    store.put("other", "b", {})
    assert [key for key, _ in store.between("kind", "a", "c", 9)] == ["b", "b/1", "b/2"]
    assert store.between("kind", "b", "c", 1) == [("b/1", {"is": "b/1"})]
    assert (store.count("kind", "a", "c"), store.count("kind", "c", "z")) == (3, 0)


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    store.put("kind", "old", {"is": 1})
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.put("kind", "new", {})
        store.remove("kind", "old")
        store.schedule(1, "a.b", {})
        store.next_number("n")
        raise ZeroDivisionError
    assert store.get("kind", "new") is None
    assert store.get("kind", "old") == {"is": 1}
    assert store.next_due() is None
    assert store.next_number("n") == 1


def test_transactions_nest(store: Store) -> None:
    with store.transaction():
        store.put("kind", "outer", {})
        with pytest.raises(ZeroDivisionError), store.transaction():
            store.put("kind", "inner", {})
            raise ZeroDivisionError
        with store.transaction():
            store.put("kind", "second", {})
    assert [key for key, _ in store.every("kind")] == ["outer", "second"]


def test_numbers_count_by_name(store: Store) -> None:
    assert [store.next_number("a"), store.next_number("a"), store.next_number("b")] == [1, 2, 1]


def test_due_actions_are_returned_in_order(store: Store) -> None:
    store.schedule(20, "x.late", {})
    store.schedule(10, "x.first", {"a": 1}, "tag")
    store.schedule(10, "x.second", {})
    assert store.next_due() == 10
    assert store.pop_due(9.9) is None
    assert store.pop_due(15) == ScheduledAction(10.0, "x.first", {"a": 1}, "tag")
    assert [entry.action for entry in iter(lambda: store.pop_due(30), None)] == ["x.second", "x.late"]


def test_actions_are_cancelled_by_tag(store: Store) -> None:
    for tag in ("a", "a", "b"):
        store.schedule(1, "x.y", {}, tag)
    store.cancel("a")
    store.cancel("a")
    entry = store.pop_due(1)
    assert entry is not None
    assert entry.tag == "b"


def test_threads_take_turns(store: Store) -> None:
    def count() -> None:
        for _ in range(25):
            with store.transaction():
                body = store.get("kind", "sum") or {"is": 0}
                store.put("kind", "sum", {"is": body["is"] + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("kind", "sum") == {"is": 100}


COUNT = """
import sys
from pathlib import Path
from fsdcf.sandbox.store import Store
with Store(Path(sys.argv[1])) as store:
    for _ in range(60):
        with store.transaction():
            body = store.get("kind", "sum") or {"is": 0}
            store.put("kind", "sum", {"is": body["is"] + 1})
"""


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    commands = [[sys.executable, "-c", COUNT, str(path)] for _ in range(2)]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE) for command in commands]
    assert [(child.communicate()[1], child.returncode) for child in children] == [(b"", 0), (b"", 0)]
    with Store(path) as store:
        assert store.get("kind", "sum") == {"is": 120}


def test_stored_data_survives_a_restart(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:
        store.put("kind", "key", {"is": 1})
        store.schedule(5, "a.b", {"x": 1})
    with Store(tmp_path / "state.db") as store:
        assert store.get("kind", "key") == {"is": 1}
        assert store.pop_due(5) == ScheduledAction(5.0, "a.b", {"x": 1})


def test_a_file_in_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(
        StoreError, match=r"state\.db was written by another version .*format 99; .*format 4.*; remove the file"
    ):
        Store(path)


def test_a_file_that_is_not_a_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError, match=r"cannot be used .*; remove the file"):
        Store(path)
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path)
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(path / "below-a-file" / "state.db")


def test_a_full_disk_raises_an_error_and_rolls_the_transaction_back(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:
        store.put("kind", "key", {"is": 1})
        store._connection.execute("PRAGMA max_page_count = 1")
        with (
            pytest.raises(StoreError, match=r"cannot be used \(database or disk is full\); check its disk") as raised,
            store.transaction(),
        ):
            store.put("kind", "key", {"is": 2})
            with store.transaction():
                store.put("kind", "other", {"is": "x" * 1_000_000})
        assert not raised.value.damaged
        with store.transaction():
            assert store.get("kind", "key") == {"is": 1}
            assert store.get("kind", "other") is None


def test_later_damage_raises_an_error(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:
        store._connection.execute("INSERT INTO documents VALUES ('kind', 'key', '{\"is\": ')")
        with pytest.raises(StoreError, match="remove the file") as raised:
            store.get("kind", "key")
        assert raised.value.damaged


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277, 0o777])
def test_a_new_state_is_private_with_any_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "cache" / "fsdcf" / "sandbox" / "state.sqlite"
    before = os.umask(umask)
    try:
        with Store(path) as store, store.transaction():
            store.put("kind", "key", {})
            assert {mode(file) for file in path.parent.iterdir()} == {0o600}
    finally:
        os.umask(before)
    assert mode(path) == 0o600
    assert {mode(folder) for folder in (path.parent, path.parent.parent, tmp_path / "cache")} == {0o700}


def test_an_older_state_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "fsdcf" / "sandbox" / "state.sqlite"
    with Store(path) as store:
        store.put("kind", "key", {"is": 1})
    path.chmod(0o666)
    path.parent.chmod(0o777)
    path.parent.parent.chmod(0o777)
    with Store(path) as store:
        assert store.get("kind", "key") == {"is": 1}
    assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (0o600, 0o700, 0o755)


def _linked_folder(path: Path, other: Path) -> None:
    path.parent.rmdir()
    path.parent.symlink_to(other, target_is_directory=True)


@pytest.mark.parametrize(
    "attack",
    [
        lambda path, other: path.symlink_to(other / "file"),
        lambda path, other: path.symlink_to(other / "missing"),
        lambda path, other: path.hardlink_to(other / "file"),
        lambda path, other: path.with_name("state.sqlite-journal").symlink_to(other / "file"),
        lambda path, other: path.with_name("state.sqlite.used").symlink_to(other / "missing"),
        lambda path, other: path.mkdir(),
        lambda path, other: os.mkfifo(path),
        _linked_folder,
    ],
)
def test_a_link_to_somewhere_else_is_refused(tmp_path: Path, attack: Callable[[Path, Path], None]) -> None:
    path, other = tmp_path / "fsdcf" / "sandbox" / "state.sqlite", tmp_path / "other"
    path.parent.mkdir(parents=True)
    other.mkdir()
    (other / "file").write_bytes(b"")
    (other / "file").chmod(0o644)
    attack(path, other)
    for use in (Store, remove):
        with pytest.raises(StoreError, match=r"link|not a regular file"):
            use(path)
    assert [file.name for file in other.iterdir()] == ["file"]
    assert mode(other / "file") == 0o644


@pytest.mark.parametrize("part", ["state.sqlite", ".", ".."])
def test_a_state_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    path = tmp_path / "fsdcf" / "sandbox" / "state.sqlite"
    with Store(path):
        pass
    theirs, real = (path.parent / part).resolve(), os.lstat

    def lstat(file: os.PathLike[str] | str, **options: object) -> os.stat_result:
        status = real(file)
        values = [*status[:4], 4711 if Path(file) == theirs else status.st_uid, *status[5:]]
        return os.stat_result(values) if Path(file) == theirs else status

    monkeypatch.setattr(os, "lstat", lstat)
    monkeypatch.setattr(os, "stat", lstat)
    with pytest.raises(StoreError, match="belongs to another user"):
        Store(path)


def test_a_link_above_the_state_is_that_of_its_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "fsdcf").symlink_to("mine")
    path, real = tmp_path / "fsdcf" / "sandbox" / "state.sqlite", os.lstat
    with Store(path):
        pass

    def lstat(file: os.PathLike[str] | str, **options: object) -> os.stat_result:
        status = real(file)
        theirs = Path(file) == tmp_path / "fsdcf"
        return os.stat_result([*status[:4], 4711, *status[5:]]) if theirs else status

    monkeypatch.setattr(os, "lstat", lstat)
    with pytest.raises(StoreError, match="belongs to another user"):
        Store(path)


def test_a_state_is_removed_unless_somebody_uses_it(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with Store(path) as store:
        store.put("kind", "key", {})
        with Store(path), pytest.raises(StoreError, match="in use by another fsdcf; wait"):
            remove(path)
    remove(path)
    assert not path.exists()
    remove(path)


def test_a_state_has_one_server(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with serving_alone(path):
        with pytest.raises(StoreError, match="served by another"), serving_alone(path):
            pass
        with Store(path):
            pass
    with serving_alone(path):
        pass
