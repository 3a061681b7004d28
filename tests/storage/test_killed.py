"""After SIGKILL at 50 random points the next run resumes: no item is lost or repeated, and the counts are right."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsdcf.storage.migration.values import canonical
from tests.conftest import ROOT
from tests.storage.conftest import expected, filled
from tests.storage.fake import Fake
from tests.storage.victim import KEYS

ROWS = 300
POINTS = 50
Job = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("killed") / "app.db", rows=ROWS)


@pytest.fixture(scope="module")
def job() -> Iterator[Job]:
    """Runs one migration in a process of its own."""
    command = [sys.executable, "-m", "tests.storage.victim"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdin is not None and victim.stdout is not None

        def run(one: dict[str, Any]) -> dict[str, Any]:
            assert victim.stdin is not None and victim.stdout is not None
            victim.stdin.write(json.dumps(one) + "\n")
            victim.stdin.flush()
            answer: dict[str, Any] = json.loads(victim.stdout.readline())
            return answer

        yield run
        victim.stdin.close()


@pytest.mark.parametrize("mode", ["new", "keep"])
def test_killed_at_random_points(source: Path, job: Job, tmp_path: Path, mode: str) -> None:
    chance = random.Random(f"killed {mode}")
    wanted = {f"id={n}": canonical(expected(n)) for n in range(ROWS)}
    resumed = 0
    for point in range(POINTS // 2):
        files = {
            "source": str(source),
            "log": str(tmp_path / f"{point}.log"),
            "checkpoint": str(tmp_path / f"{point}.json"),
        }
        settings = {**files, "mode": mode, "workers": chance.choice([1, 3, 8])}
        last = 12 if mode == "new" else ROWS
        where = chance.choice(["before", "within", "after"])
        killed = job({**settings, "seed": point, "killAt": chance.randint(1, last), "where": where})
        assert killed == {"signal": signal.SIGKILL, "report": None}
        if point % 3 == 0:  # and again, at another point
            second = job({**settings, "seed": point + 1000, "killAt": 2, "where": where})
            assert second["signal"] in (signal.SIGKILL, None)
        ended = job({**settings, "seed": point + 2000, "killAt": None, "where": ""})
        report = ended["report"]
        table = Fake(KEYS, log=tmp_path / f"{point}.log")
        assert {key: canonical(one) for key, one in table.items.items()} == wanted, "nothing lost, nothing else"
        assert report["good"] and (report["rows"], report["counted"], report["checked"]) == (ROWS, ROWS, ROWS)
        assert report["written"] + report["same"] + report["kept"] == ROWS and report["kept"] == 0
        if mode == "keep":
            assert set(table.writes.values()) == {1}, "a put on a condition is carried out once"
        else:
            assert report["same"] == 0
        resumed += report["resumed"]
    assert resumed > POINTS, "some runs found a checkpoint that was worth something"
