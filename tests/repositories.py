"""Repositories of git for the tests of what is built from one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path


def git(*words: str) -> str:
    """What git prints in the current folder. It fails as git does."""
    identity = ("-c", "user.name=n", "-c", "user.email=n@example.com")
    return subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True).stdout.strip()


def commit(*options: str) -> None:
    """Commit all that is in the current folder, also if nothing has changed."""
    git(*options, "add", ".")
    git(*options, "commit", "-q", "--allow-empty", "-m", "one")


def committed(folder: Path, files: Mapping[str, str]) -> Path:
    """A folder with these files as a repository in which they are committed. A copy of it is as good as a new one."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    place = ("-C", str(folder), "-c", f"core.hooksPath={os.devnull}")
    git(*place, "init", "-q", "-b", "main", "--template=")
    commit(*place)
    return folder
