"""The cache of clean templates: what its key holds, its bounds, and that nothing that happens to it is an error."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fsdcf.lint import cache as module
from fsdcf.lint.cache import Cache, default_folder, fingerprint, installation, linter_folder
from fsdcf.lint.runner import CONFIGURATION, Finding, Linter, lint_cached
from tests.lint.templates import CLEAN, ERROR

ROOT = Path(__file__).resolve().parents[2]

WARM = """
import sys
from pathlib import Path
from fsdcf.lint.cache import Cache
from fsdcf.lint.runner import Linter, lint_cached

assert lint_cached(sys.stdin.read(), Cache(Path(sys.argv[1])), Linter) == ()
assert not {"cfnlint", "sympy", "networkx"} & set(sys.modules), "cfn-lint was loaded"
"""


def never() -> Linter:
    raise AssertionError("the linter was asked for")


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def test_a_clean_template_is_linted_once(linter: Linter, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "lint")
    assert lint_cached(CLEAN, cache, lambda: linter) == ()
    assert lint_cached(CLEAN, cache, never) == ()
    (entry,) = entries(tmp_path / "lint")
    assert entry.name == cache.key(CLEAN, CONFIGURATION)
    assert entry.stat().st_size < 200


def test_findings_are_never_kept(linter: Linter, tmp_path: Path) -> None:
    for _ in range(2):
        found = lint_cached(ERROR, Cache(tmp_path / "lint"), lambda: linter)
        assert [one.rule for one in found] == ["E3034"]
    assert entries(tmp_path / "lint") == []


def test_without_a_cache_every_template_is_linted(linter: Linter) -> None:
    asked: list[int] = []

    def ask() -> Linter:
        asked.append(1)
        return linter

    assert lint_cached(CLEAN, None, ask) == lint_cached(CLEAN, None, ask) == ()
    assert len(asked) == 2


def test_a_hit_does_not_load_cfn_lint(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.keep(cache.key(CLEAN, CONFIGURATION))
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WARM, str(tmp_path)]
    done = subprocess.run(command, input=CLEAN, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("content", [b"", b"clean\n", b"clean\nanother", b"\xff\x00" * 500])
def test_a_corrupt_entry_is_a_miss_and_is_replaced(linter: Linter, tmp_path: Path, content: bytes) -> None:
    cache = Cache(tmp_path)
    key = cache.key(CLEAN, CONFIGURATION)
    (tmp_path / key).write_bytes(content)
    assert not cache.is_clean(key)
    assert lint_cached(CLEAN, cache, lambda: linter) == ()
    assert cache.is_clean(key)


def test_a_folder_instead_of_an_entry_is_a_miss(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    (tmp_path / "key").mkdir()
    cache.keep("key")
    assert not cache.is_clean("key")
    assert [entry.name for entry in entries(tmp_path)] == ["key"], "a temporary file was left"


def test_the_least_recently_used_entries_are_deleted(tmp_path: Path) -> None:
    cache = Cache(tmp_path, most=3)
    a, b, c, d = (letter * 64 for letter in "abcd")
    for age, key in enumerate((a, b, c)):
        cache.keep(key)
        os.utime(tmp_path / key, (1_000 + age, 1_000 + age))
    assert cache.is_clean(a), "and is in use from now on"
    cache.keep(d)
    assert [entry.name for entry in entries(tmp_path)] == [a, c, d]


def test_other_files_in_the_folder_are_kept(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    os.utime(tmp_path / "notes.txt", (1, 1))
    for letter in "abc":
        Cache(tmp_path, most=1).keep(letter * 64)
    assert [entry.name for entry in entries(tmp_path)] == ["c" * 64, "notes.txt"]


def test_the_default_number_of_entries() -> None:
    assert module.MOST_ENTRIES == 2_000


def test_writers_in_parallel(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "lint", most=20)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(cache.keep, (f"{number % 30:064x}" for number in range(240))))
    cache.keep("f" * 64)
    left = entries(tmp_path / "lint")
    assert 0 < len(left) <= 20
    assert all(cache.is_clean(entry.name) for entry in left), "an entry is not whole"


@pytest.mark.parametrize("folder", ["file/lint", "file"])
def test_an_impossible_folder_is_not_an_error(linter: Linter, tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("in the way")
    assert lint_cached(CLEAN, Cache(tmp_path / folder), lambda: linter) == ()
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", int)() == 0, reason="this user may write everywhere")
def test_a_folder_without_write_permission_is_not_an_error(linter: Linter, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert lint_cached(CLEAN, Cache(tmp_path), lambda: linter) == ()
        assert entries(tmp_path) == []
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_only_the_user_can_read_the_folder(tmp_path: Path) -> None:
    Cache(tmp_path / "some" / "lint").keep("key")
    assert stat.S_IMODE((tmp_path / "some" / "lint").stat().st_mode) == 0o700


def test_the_key_holds_template_and_configuration(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    key = cache.key(CLEAN, CONFIGURATION)
    assert key == Cache(tmp_path / "elsewhere").key(CLEAN, dict(CONFIGURATION))
    assert len(key) == 64
    others = [cache.key(CLEAN + "\n", CONFIGURATION), cache.key(CLEAN, {**CONFIGURATION, "include_checks": []})]
    assert len({key, *others}) == 3


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """An installation of cfn-lint that is nothing but the files that tell its version."""
    (tmp_path / "data" / "schemas").mkdir(parents=True)
    (tmp_path / "rules").mkdir()
    (tmp_path / "version.py").write_text('__version__ = "1.0.0"\n')
    (tmp_path / "data" / "schemas" / "version.json").write_text('{"schema_date": "2026-01-01T00:00:00Z"}')
    for name in ("version.py", "data/schemas/version.json", "rules"):
        os.utime(tmp_path / name, (1_000, 1_000))
    return tmp_path


def rewrite(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Another text in a file, of the same time."""

    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))
        os.utime(folder / name, (1_000, 1_000))

    return change


CHANGES: dict[str, Callable[[Path], object]] = {
    "version": rewrite("version.py", "1.0.0", "1.0.1"),
    "size": rewrite("version.py", "\n", "\n\n"),
    "schema date": rewrite("data/schemas/version.json", "2026", "2027"),
    "time of a file": lambda folder: os.utime(folder / "version.py", ns=(1_000, 1_001)),
    "time of the rules": lambda folder: os.utime(folder / "rules", (1_000, 1_001)),
    "missing file": lambda folder: (folder / "version.py").unlink(),
    "no text": lambda folder: (folder / "version.py").write_bytes(b"\xff\xfe"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_key_changes_with_the_installation(change: Callable[[Path], object], installed: Path) -> None:
    def key() -> str:
        return fingerprint(CLEAN, CONFIGURATION, tuple(installation(installed)), (3, 11, 0))

    before = key()
    assert key() == before
    change(installed)
    assert key() != before


def test_the_key_changes_with_python_and_the_format(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(CLEAN, CONFIGURATION, (), (3, 11, 0))
    assert fingerprint(CLEAN, CONFIGURATION, (), (3, 12, 0)) != before
    monkeypatch.setattr(module, "FORMAT", module.FORMAT + 1)
    assert fingerprint(CLEAN, CONFIGURATION, (), (3, 11, 0)) != before


def test_the_installation_in_use_is_found() -> None:
    told = list(installation(linter_folder()))
    assert not [one for one in told if one.endswith("is missing")]
    assert any("__version__" in one for one in told)
    assert any("schema_date" in one for one in told)


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, "home/.cache/fsdcf/lint"),
        ("linux", {"XDG_CACHE_HOME": ""}, "home/.cache/fsdcf/lint"),
        ("linux", {"XDG_CACHE_HOME": "caches"}, "home/.cache/fsdcf/lint"),
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/fsdcf/lint"),
        ("darwin", {"XDG_CACHE_HOME": "/caches"}, "home/Library/Caches/fsdcf/lint"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/fsdcf/lint"),
        ("win32", {}, "home/AppData/Local/fsdcf/lint"),
    ],
)
def test_the_folder_by_platform(platform: str, environ: dict[str, str], expected: str) -> None:
    assert default_folder(environ, platform, Path("home")) == Path(expected)


def test_findings_of_the_linter_are_returned_and_not_cached(tmp_path: Path) -> None:
    found = Finding("I1", (), "a word", "informational")

    class Talkative(Linter):
        def __init__(self) -> None:
            """Load nothing."""

        def lint(self, template: str) -> tuple[Finding, ...]:
            return (found,)

    assert lint_cached(CLEAN, Cache(tmp_path), Talkative) == (found,)
    assert entries(tmp_path) == []
