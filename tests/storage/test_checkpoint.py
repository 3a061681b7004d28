"""The checkpoint: rows in any order, atomic writes, and never that of another migration."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.storage.migration.checkpoint import Checkpoint, load, save
from fsdcf.storage.migration.model import Columns, MigrationError, TargetTable
from fsdcf.storage.migration.target import batches
from fsdcf.storage.migration.values import Encoder

BOUND = {"table": "t", "rows": "1234"}


def test_a_checkpoint_is_read_back(tmp_path: Path) -> None:
    path = str(tmp_path / "c.json")
    done = Checkpoint(dict(BOUND), True)
    done.mark(25, 50, {"written": 20, "kept": 5})
    done.mark(0, 25, {"written": 25})
    done.mark(75, 100, {"same": 25})
    save(path, done)
    back = load(path, BOUND)
    assert back == done and (done.through, done.beyond, done.count) == (50, [[75, 100]], 75)
    assert (done.written, done.kept, done.same) == (45, 5, 25)
    assert [one.name for one in tmp_path.iterdir()] == ["c.json"], "nothing is left beside it"
    assert load(str(tmp_path / "other.json"), BOUND) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("table", "its table is t, not x"),
        ("rows", "the rows have changed since"),
        ("id", "its id is None, not x"),
    ],
)
def test_the_checkpoint_of_another_migration(tmp_path: Path, name: str, words: str) -> None:
    path = str(tmp_path / "c.json")
    save(path, Checkpoint(dict(BOUND), True))
    with pytest.raises(MigrationError) as found:
        load(path, {**BOUND, name: "x"})
    assert words in found.value.sentence and "--restart" in found.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"version": 1}',
        '{"version": 2, "bound": {}, "empty": true}',
        '{"version": 1, "x": 1}',
        "\0",
    ],
)
def test_a_file_that_is_not_a_checkpoint(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(MigrationError, match="is not the checkpoint"):
        load(str(path), BOUND)


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="cannot be read"):
        load(str(tmp_path), BOUND)
    with pytest.raises(MigrationError, match="cannot be written"):
        save(str(tmp_path / "no" / "c.json"), Checkpoint({}, True))


@given(st.integers(0, 400), st.lists(st.integers(1, 40)), st.randoms(use_true_random=False), st.floats(0, 1))
def test_every_missing_row_is_written_once(total: int, sizes: list[int], chance: random.Random, share: float) -> None:
    """Ranges end in any order; then the process is gone, and the next one finds every row that is left exactly once."""
    done = Checkpoint({}, True)
    ranges, first = [], 0
    for size in sizes:
        if first + size <= total:
            ranges.append((first, first + size))
            first += size
    chance.shuffle(ranges)
    ended = ranges[: int(len(ranges) * share)]
    for one in ended:
        done.mark(*one, {"written": one[1] - one[0]})
    back = Checkpoint(**json.loads(json.dumps(done.__dict__)))
    encode = Encoder(["id"], Columns(), TargetTable("t", (("id", "N"),)))
    left = []
    for batch in batches(((number,) for number in range(back.through, total)), back, encode):
        assert 0 < len(batch.items) <= 25
        assert [item["id"]["N"] for item in batch.items] == [str(n) for n in range(batch.first, batch.end)]
        left += list(range(batch.first, batch.end))
    assert left == [n for n in range(total) if not any(a <= n < b for a, b in ended)]


def test_batches_respect_the_size_limit() -> None:
    encode = Encoder(["id", "v"], Columns(), TargetTable("t", (("id", "N"),)))
    rows = [(number, b"x" * 400_000) for number in range(20)]
    assert [len(batch.items) for batch in batches(rows, Checkpoint({}, True), encode)] == [6, 6, 6, 2]
