"""Fixtures of the command line's tests."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.stage import Stage, staged


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache folder for the tests of all workers: what is known to be clean is not linted again."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache-of-the-command-line"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def pace() -> float:
    """How much of AWS's time the stage's sandbox takes. Most of the time that a deploy takes is spent on watching it,
    and few tests care how long that is."""
    return 0.1


@pytest.fixture(autouse=True)
def _unlinted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deploy without lint, which takes half of the time of a deploy: templates like these are linted as goldens. A test
    or module marked ``linted`` deploys as users do."""
    if request.node.get_closest_marker("linted") is None:
        monkeypatch.setattr("fsdcf.cli.commands.deploy._lint", lambda template: ())


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path, pace: float) -> Stage:
    return staged(monkeypatch, tmp_path, cache, pace=pace)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The other end of a terminal that is standard input."""
    ours, theirs = pty.openpty()
    with open(theirs, encoding="utf-8") as opened, open(ours, "wb", buffering=0) as other:
        monkeypatch.setattr(sys, "stdin", opened)
        yield other.fileno()
