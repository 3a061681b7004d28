"""A cache of the templates that are known to be clean. It stores no texts, because a finding may quote a secret."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fsdcf.atomic import is_own, private_folder, replace_file

MOST_ENTRIES = 2_000
FORMAT = 2
"""The version of the entries. A higher version invalidates older entries, for example when linting changes."""

_CLEAN = b"clean\n"
_UNFINISHED = ".new-"
_OURS = re.compile(rf"[0-9a-f]{{64}}|{re.escape(_UNFINISHED)}.*")
_TEXTS = ("version.py", "data/schemas/version.json")
_FOLDERS = ("rules", "data/schemas/providers", "data/schemas/resources", "data/schemas/extensions")


class Cache:
    """A folder with at most ``most`` entries. Any problem with the folder is a miss: slower, never wrong."""

    def __init__(self, folder: Path, most: int = MOST_ENTRIES) -> None:
        self._folder = folder
        self._most = most

    def key(self, template: str, configuration: Mapping[str, Any]) -> str:
        """Return the name of an entry: a hash of everything that the lint result depends on."""
        return fingerprint(template, configuration, tuple(installation(linter_folder())), sys.version_info[:3])

    def is_clean(self, key: str) -> bool:
        """Return whether the template with this key was linted without findings."""
        entry = self._folder / key
        wanted = _entry(key)
        try:
            status = entry.lstat()
            if not (stat.S_ISREG(status.st_mode) and is_own(status) and status.st_size == len(wanted)):
                return False
            if entry.read_bytes() != wanted:
                return False
        except (OSError, ValueError):
            return False
        with suppress(OSError):  # reading works in a folder that cannot be written
            os.utime(entry)
        return True

    def keep(self, key: str) -> None:
        """Record that a template has no findings. The write is atomic, even by several processes at once."""
        with suppress(OSError, ValueError):
            private_folder(Path(os.path.realpath(self._folder)))
            replace_file(self._folder / key, _entry(key), _UNFINISHED)
            self._prune()

    def _prune(self) -> None:
        """Delete the entries that were unused for longest if there are too many; other files in the folder are kept."""
        with os.scandir(self._folder) as files:
            entries = [entry for entry in files if _OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)]
        if len(entries) <= self._most:
            return
        for entry in sorted(entries, key=_last_use)[: len(entries) - self._most]:
            with suppress(OSError):  # another process has deleted it
                os.unlink(entry.path)


def fingerprint(
    template: str, configuration: Mapping[str, Any], installed: Sequence[str], python: Sequence[int]
) -> str:
    """Return the SHA-256, in hex digits, of everything that a lint result depends on."""
    import hashlib  # loads OpenSSL, which a run without lint does not need

    ingredients = [FORMAT, template, dict(configuration), list(installed), list(python)]
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()


def linter_folder() -> Path | None:
    """Return the folder of cfn-lint without loading it; None if it is not installed."""
    spec = find_spec("cfnlint")
    return Path(spec.origin).parent if spec and spec.origin else None


def installation(folder: Path | None) -> Iterator[str]:
    """Yield cfn-lint's version and schema date, and the size and time of its files, which a patch changes."""
    if folder is None:
        yield "cfn-lint is missing"
        return
    for name in (*_TEXTS, *_FOLDERS):
        file = folder / name
        try:
            status = file.stat()
            yield f"{name} {status.st_size} {status.st_mtime_ns}"
            if name in _TEXTS:
                yield file.read_bytes().decode("utf-8", "replace")
        except OSError:
            yield f"{name} is missing"


def default_folder(environ: Mapping[str, str], platform: str, home: Path) -> Path:
    """Return the cache folder of the user by the conventions of the platform.

    A relative XDG_CACHE_HOME is ignored. Source: XDG Base Directory Specification.
    """
    if platform == "win32":
        base = Path(environ["LOCALAPPDATA"]) if environ.get("LOCALAPPDATA") else home / "AppData" / "Local"
    elif platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        named = Path(environ.get("XDG_CACHE_HOME", ""))
        base = named if named.is_absolute() else home / ".cache"
    return base / "fsdcf" / "lint"


def _entry(key: str) -> bytes:
    """Return the content of a valid entry, which includes its key, so that a moved or truncated file is a miss."""
    return _CLEAN + key.encode()


def _last_use(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0
