"""What a service is made of in its repository, and which services a change touches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
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
