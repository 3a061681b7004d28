"""What a service is made of in its repository, and which services a change touches."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

WORKFLOW = ".github/workflows/fsdcf.yml"


@dataclass(frozen=True)
class Source:
    """A service as its workflow sees it. Paths are relative to the repository's root, with ``/``.

    ``arguments`` are the build's arguments (``NAME=value``); ``registry`` is the account of the images, empty for the one that is
    deployed to, and ``region`` the region of it, empty likewise; ``folder`` is where ``test`` runs. A change of one of the ``paths``
    (a folder ends in ``/``, and ``./`` is all of it) is a change of the service.
    """

    name: str
    spec: str
    context: str
    dockerfile: str
    arguments: tuple[str, ...]
    platform: str
    runner: str
    repository: str
    registry: str
    region: str
    folder: str
    test: str
    paths: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """The service as an entry of the workflow's matrix, which holds texts alone."""
        return {**asdict(self), "arguments": "\n".join(self.arguments), "paths": list(self.paths)}


def touched(services: Sequence[Mapping[str, Any]], changed: Iterable[str] | None) -> list[Mapping[str, Any]]:
    """The services that changed files belong to; all of them where it is not known what changed, or the workflow did."""
    if changed is None:
        return list(services)
    files = list(changed)
    if WORKFLOW in files:
        return list(services)
    return [one for one in services if any(_covers(path, file) for path in one["paths"] for file in files)]


def _covers(path: str, file: str) -> bool:
    return path == "./" or file == path or (path.endswith("/") and file.startswith(path))


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
