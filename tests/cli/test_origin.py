"""Where fsdcf comes from: an installation from git, or a clone whose commit others can fetch."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from fsdcf.cli import origin
from fsdcf.cli.origin import UnknownOrigin, pinned_requirement, public_url

COMMIT = "0123456789" * 4


class Installed(Distribution):
    """A distribution with a ``direct_url.json``."""

    def __init__(self, record: str | None) -> None:
        self.record = record

    def read_text(self, filename: str) -> str | None:
        return self.record if filename == "direct_url.json" else None

    def locate_file(self, path: Any) -> Any:
        return Path(path)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of a repository that contains the package, with its one commit pushed."""
    for name, value in {"NAME": "a", "EMAIL": "a@example.com"}.items():
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git(tmp_path, "init", "-q", "--bare", "remote")
    git(tmp_path, "clone", "-q", "remote", "clone")
    root = tmp_path / "clone"
    commit(root, "first")
    git(root, "push", "-q", "origin", "HEAD")
    git(root, "remote", "set-url", "origin", "git@github.com:acme/fsdcf.git")
    monkeypatch.setattr(origin, "distribution", lambda name: Installed(None))
    monkeypatch.setattr(origin.fsdcf, "__file__", str(root / "fsdcf" / "__init__.py"))
    return root


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(root: Path, text: str) -> None:
    (root / "file.txt").write_text(text, encoding="utf-8")
    git(root, "add", "file.txt")
    git(root, "commit", "-qm", text)


def refused(word: str) -> None:
    with pytest.raises(UnknownOrigin, match=word):
        pinned_requirement()


def test_an_installation_from_git(monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"url": "https://me:secret@example.com/acme/fsdcf.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
    monkeypatch.setattr(origin, "distribution", lambda name: Installed(json.dumps(record)))
    assert pinned_requirement() == f"git+https://example.com/acme/fsdcf.git@{COMMIT}"


@pytest.mark.parametrize(
    "record",
    [
        None,
        "",
        "[",
        "[]",
        "{}",
        '{"url": "https://example.com/fsdcf.whl", "archive_info": {}}',
        '{"url": "https://example.com/a/b", "vcs_info": {"commit_id": "main"}}',
        f'{{"url": "file:///srv/fsdcf", "vcs_info": {{"commit_id": "{COMMIT}"}}}}',
    ],
)
def test_an_installation_from_elsewhere(record: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "distribution", lambda name: Installed(record))
    monkeypatch.setattr(origin.fsdcf, "__file__", str(tmp_path / "fsdcf" / "__init__.py"))
    refused("not installed from a git repository")


def test_a_clone_is_its_remote_and_its_commit(clone: Path) -> None:
    assert pinned_requirement() == f"git+https://github.com/acme/fsdcf.git@{git(clone, 'rev-parse', 'HEAD')}"


def test_a_commit_that_was_not_pushed(clone: Path) -> None:
    commit(clone, "second")
    refused("has not been pushed")


def test_changes_that_are_not_committed(clone: Path) -> None:
    (clone / "file.txt").write_text("other", encoding="utf-8")
    refused("not committed")


@pytest.mark.parametrize("remote", ["", "/srv/fsdcf.git", "git://example.com/fsdcf", "http://example.com/fsdcf"])
def test_a_clone_without_a_public_remote(clone: Path, remote: str) -> None:
    git(clone, *(("remote", "set-url", "origin", remote) if remote else ("remote", "remove", "origin")))
    refused("no remote")


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://github.com/a/b.git", "https://github.com/a/b.git"),
        ("https://x-access-token:abc@github.com/a/b", "https://github.com/a/b"),
        ("git@github.com:a/b.git", "https://github.com/a/b.git"),
        ("ssh://git@github.com/a/b.git", "https://github.com/a/b.git"),
        ("ssh://git@git.example.com:2222/a/b.git", "https://git.example.com/a/b.git"),
        ("https://github.com/a/b; rm -rf /", None),
        ("https://github.com/$(id)/b", None),
        ("../b", None),
        ("", None),
    ],
)
def test_remotes(remote: str, url: str | None) -> None:
    assert public_url(remote) == url
