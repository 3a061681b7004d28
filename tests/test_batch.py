"""Many specs: each is compiled once, results keep their order, and only templates without a known lint result are
linted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsdcf import batch
from fsdcf.lint import runner
from fsdcf.lint.runner import Finding
from fsdcf.pipeline import Request, Result, run
from tests.conftest import HELLO

FOUND = Finding("E3034", ("Resources", "Service"), "a finding", "error")


class FakeLinter:
    """Finds an error in every template that contains ``bad``."""

    linted = 0

    def lint(self, template: str) -> tuple[Finding, ...]:
        FakeLinter.linted += 1
        return (FOUND,) if "bad" in template else ()


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the specs in the order in which they are compiled."""
    names: list[str] = []

    def counted(request: Request) -> Result:
        names.append(request.name)
        return run(request)

    FakeLinter.linted = 0
    monkeypatch.setattr(batch, "run", counted)
    monkeypatch.setattr(runner, "Linter", FakeLinter)
    runner.shared_linter.cache_clear()
    yield names
    runner.shared_linter.cache_clear()


def requests(*names: str) -> list[Request]:
    return [Request(name, HELLO.replace("name: hello", f"name: {name}").encode(), "staging") for name in names]


@pytest.mark.parametrize("workers", [1, 2])
def test_each_spec_is_compiled_once_and_keeps_its_place(compiled: list[str], tmp_path: Path, workers: int) -> None:
    options = batch.BatchOptions(cache=tmp_path, workers=workers)
    names = ["one", "bad", "two", "Not-A-Name", "three"]
    for _ in range(2):
        results = list(batch.compile_all(requests(*names), options))
        assert [result.name for result in results] == names
        assert [result.text is not None for result in results] == [True, False, True, False, True]
        assert [each.code for each in results[1].diagnostics] == ["E3034"]
    assert compiled == names * 2


def test_a_template_that_is_known_to_be_clean_is_not_linted_again(compiled: list[str], tmp_path: Path) -> None:
    options = batch.BatchOptions(cache=tmp_path, workers=1)
    list(batch.compile_all(requests("one", "bad"), options))
    assert FakeLinter.linted == 2
    list(batch.compile_all(requests("one", "bad", "two"), options))
    assert FakeLinter.linted == 4
    assert [one.text for one in batch.compile_all(requests("bad"), batch.BatchOptions(lint=False))] != [None]
    assert FakeLinter.linted == 4


def test_more_specs_than_fit_in_memory_at_once(compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_CHUNK", 2)
    names = [f"s{number}" for number in range(5)]
    assert [each.name for each in batch.compile_all(requests(*names), batch.BatchOptions(workers=1))] == names
    assert compiled == names and FakeLinter.linted == 5
