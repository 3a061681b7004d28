"""The sources of a service in its repository, and the services that a change affects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fsdcf.atomic import open_regular

WORKFLOW = ".github/workflows/fsdcf.yml"
REQUIREMENTS = ".github/fsdcf-requirements.txt"
"""The workflow, and what it installs."""


@dataclass(frozen=True)
class ServiceSource:
    """A service in the workflow. Paths are relative to the repository's root, with ``/``.

    ``runners`` are the runners that build its image, ``secrets`` the names of the secrets that the build reads, both by
    environment. ``test`` runs in ``folder``. A change below one of the ``paths`` (a folder ends in ``/``, and ``./`` is
    the whole repository) is a change of the service.
    """

    name: str
    spec: str
    runners: Mapping[str, str]
    secrets: Mapping[str, Sequence[str]]
    folder: str
    test: str
    paths: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """The service as an entry of the workflow's matrix."""
        fields = asdict(self)
        del fields["secrets"]
        return {**fields, "paths": list(self.paths)}


def touched(services: Sequence[Mapping[str, Any]], changed: Iterable[str] | None) -> list[Mapping[str, Any]]:
    """The services that the changed files belong to; all of them for None, or if the workflow has changed."""
    files = None if changed is None else set(changed)
    if files is None or not files.isdisjoint((WORKFLOW, REQUIREMENTS)):
        return list(services)
    return [service for service in services if any(_covers(path, file) for path in service["paths"] for file in files)]


def _covers(path: str, file: str) -> bool:
    return path == "./" or file == path or (path.endswith("/") and file.startswith(path))


_MOST_BYTES = 1_000_000


def tests_of(folder: Path) -> str | None:
    """The command that runs the tests of a folder, with make or the tool of the language; None if unknown."""
    return next((command for file, has_tests, command in _TEST_COMMANDS if has_tests(_text(folder / file))), None)


def _text(file: Path) -> str:
    try:
        with open_regular(file) as opened:
            return opened.read(_MOST_BYTES).decode("utf-8", "replace")
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


_TEST_COMMANDS: tuple[tuple[str, Callable[[str], bool], str], ...] = (
    ("Makefile", _has_target, "make test"),
    ("package.json", _has_script, "npm ci && npm test"),
    ("uv.lock", bool, "uv run --locked pytest"),
    ("go.mod", bool, "go test ./..."),
    ("Cargo.toml", bool, "cargo test --locked"),
    ("mvnw", bool, "./mvnw --batch-mode verify"),
    ("gradlew", bool, "./gradlew test"),
)
"""Files, a check of their text, and the command. GitHub's runners or setup-uv provide the tools."""
