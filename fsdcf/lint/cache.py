"""Templates known to be clean, by content. Only the verdict is kept, never a text: a finding might quote a secret."""

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

MOST_ENTRIES = 2_000
FORMAT = 2
"""Raised when an entry or the way to lint changes, so that older verdicts count no more."""

_VERDICT = b"clean\n"
_UNFINISHED = ".new-"
_OURS = re.compile(rf"[0-9a-f]{{64}}|{re.escape(_UNFINISHED)}.*")
_TEXTS = ("version.py", "data/schemas/version.json")
_FOLDERS = ("rules", "data/schemas/providers", "data/schemas/resources", "data/schemas/extensions")


class Cache:
    """A folder of verdicts, ``most`` of them at most. Whatever goes wrong with it is a miss: it can slow a run down,
    never spoil it."""

    def __init__(self, folder: Path, most: int = MOST_ENTRIES) -> None:
        self._folder = folder
        self._most = most

    def key(self, template: str, configuration: Mapping[str, Any]) -> str:
        """Everything that the verdict depends on, as one hash: the name of the entry."""
        return fingerprint(template, configuration, tuple(installation(linter_folder())), sys.version_info[:3])

    def is_clean(self, key: str) -> bool:
        """Whether the template of this key was linted and nothing was found."""
        entry = self._folder / key
        wanted = _entry(key)
        try:
            status = entry.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size != len(wanted) or entry.read_bytes() != wanted:
                return False
        except (OSError, ValueError):
            return False
        with suppress(OSError):  # a folder that cannot be written still answers
            os.utime(entry)
        return True

    def keep(self, key: str) -> None:
        """Remember that nothing was found. Written whole or not at all, also by several processes at once."""
        import tempfile

        with suppress(OSError, ValueError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._folder, prefix=_UNFINISHED)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_entry(key))
                os.replace(name, self._folder / key)
            except BaseException:
                with suppress(OSError):
                    os.unlink(name)
                raise
            self._prune()

    def _prune(self) -> None:
        """Drop the entries unused for longest where there are too many; what others put into the folder stays."""
        with os.scandir(self._folder) as found:
            entries = [entry for entry in found if _OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)]
        if len(entries) <= self._most:
            return
        for entry in sorted(entries, key=_last_use)[: len(entries) - self._most]:
            with suppress(OSError):  # another process was faster
                os.unlink(entry.path)


def fingerprint(
    template: str, configuration: Mapping[str, Any], installed: Sequence[str], python: Sequence[int]
) -> str:
    """The SHA-256, in hex digits, of all that a verdict depends on."""
    import hashlib  # loads OpenSSL, which a run without lint does not need

    ingredients = [FORMAT, template, dict(configuration), list(installed), list(python)]
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()


def linter_folder() -> Path | None:
    """Where cfn-lint is installed, found without loading it; None where it is not."""
    found = find_spec("cfnlint")
    return Path(found.origin).parent if found and found.origin else None


def installation(folder: Path | None) -> Iterator[str]:
    """cfn-lint's version and schema date, and the state of what is installed: a patched one is another one."""
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
    """The user's cache folder by the custom of the platform.

    A relative XDG_CACHE_HOME counts as none. Source: XDG Base Directory Specification.
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
    """What a whole entry holds: the verdict, and the key again, so that a moved or cut file does not count."""
    return _VERDICT + key.encode()


def _last_use(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0
