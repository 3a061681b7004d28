"""Fixtures of the command line's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.stage import Stage, staged


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache folder for all tests of a worker: what is known to be clean is not linted again."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> Stage:
    return staged(monkeypatch, tmp_path, cache)
