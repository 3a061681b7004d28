"""How the tests of a folder are run, told by the files that are there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

_LARGEST = 1_000_000


def tests_of(folder: Path) -> str | None:
    """The command that runs a folder's tests: of a Makefile, else of the language's own tool; None where nothing tells."""
    return next((command for file, tells, command in _SIGNS if tells(_text(folder / file))), None)


def _text(file: Path) -> str:
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:
            return opened.read(_LARGEST)
    except OSError:
        return ""


def _has_target(text: str) -> bool:
    return re.search(r"^test\s*:(?!=)", text, re.M) is not None


def _has_script(text: str) -> bool:
    try:
        scripts = json.loads(text).get("scripts", {})
    except (ValueError, AttributeError):
        return False
    return isinstance(scripts, dict) and "test" in scripts


_SIGNS: tuple[tuple[str, Callable[[str], bool], str], ...] = (
    ("Makefile", _has_target, "make test"),
    ("package.json", _has_script, "npm ci && npm test"),
    ("uv.lock", bool, "uv run --locked pytest"),
    ("go.mod", bool, "go test ./..."),
    ("Cargo.toml", bool, "cargo test --locked"),
    ("mvnw", bool, "./mvnw --batch-mode verify"),
    ("gradlew", bool, "./gradlew test"),
)
"""Files, what in them tells, and the command. The tools are on GitHub's runners, or come with setup-uv."""
