"""Templates known to be clean, by content. Only the verdict is kept, never a text: a finding might quote a secret."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MOST_ENTRIES = 2_000
FORMAT = 1
_VERDICT = b"clean\n"
_WITNESSES = ("version.py", "data/schemas/version.json")


class Cache:
    """A folder of verdicts. Whatever goes wrong with it is a miss: it can slow a run down, never spoil it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def key(self, template: str, configuration: Mapping[str, Any]) -> str:
        """Everything that the verdict depends on, as one hash."""
        ingredients = [FORMAT, template, dict(configuration), list(sys.version_info[:3]), list(installation())]
        return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()

    def is_clean(self, key: str) -> bool:
        """Whether the template of this key was linted and nothing was found."""
        entry = self._folder / key
        try:
            clean = entry.read_bytes() == _VERDICT + key.encode()
            if clean:
                os.utime(entry)
        except OSError:
            return False
        return clean

    def keep(self, key: str) -> None:
        """Remember that nothing was found. Written whole or not at all, also by several processes at once."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._folder, prefix=".")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_VERDICT + key.encode())
                os.replace(name, self._folder / key)
            except OSError:
                os.unlink(name)
                raise
            self._prune()
        except OSError:
            return

    def _prune(self) -> None:
        """Drop the entries unused for longest where there are too many."""
        with os.scandir(self._folder) as found:
            entries = [entry for entry in found if entry.is_file(follow_symlinks=False)]
        if len(entries) <= MOST_ENTRIES:
            return
        for entry in sorted(entries, key=_last_use)[: len(entries) - MOST_ENTRIES]:
            os.unlink(entry.path)


def _last_use(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0


def installation() -> Iterable[str]:
    """cfn-lint's version and schema date, and the state of the files that say so, without loading it."""
    found = find_spec("cfnlint")
    folder = Path(found.origin).parent if found and found.origin else Path()
    for name in _WITNESSES:
        file = folder / name
        try:
            status = file.stat()
            yield from (name, file.read_text(encoding="utf-8"), str(status.st_size), str(status.st_mtime_ns))
        except OSError:
            yield f"{name} is missing"


def default_folder(environ: Mapping[str, str], platform: str, home: Path) -> Path:
    """The user's cache folder by the custom of the platform."""
    if platform == "win32":
        base = Path(environ["LOCALAPPDATA"]) if environ.get("LOCALAPPDATA") else home / "AppData" / "Local"
    elif platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(environ["XDG_CACHE_HOME"]) if environ.get("XDG_CACHE_HOME") else home / ".cache"
    return base / "fsdcf" / "lint"
