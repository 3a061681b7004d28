"""The files of a build context that a .dockerignore keeps from the builder."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fsdcf.atomic import read_regular

_MOST_BYTES = 1 << 20
_LONGEST = 4096
"""Characters of a pattern, and of a path: no system has longer paths."""


@dataclass(frozen=True, eq=False, repr=False)
class DockerIgnore:
    """The patterns of a .dockerignore, in their order; the last one that matches decides.

    Source: https://docs.docker.com/build/concepts/context/#dockerignore-files
    """

    name: str = ""
    patterns: Sequence[str] = ()

    @classmethod
    def of(cls, dockerfile: Path, context: Path) -> DockerIgnore:
        """The file that counts: the one that is named after the Dockerfile, or else that of the context."""
        for file in (ignore_file(dockerfile), context / ".dockerignore"):
            try:
                text = read_regular(file, _MOST_BYTES).decode("utf-8", "replace")
            except (OSError, ValueError):
                continue
            lines = text.removeprefix("\ufeff").splitlines()
            return cls(str(file), [line.strip() for line in lines if line.strip() and not line.startswith("#")])
        return cls()

    def pattern_against(self, path: str) -> str:
        """The pattern that excludes a path relative to the context, or a folder around it; empty if none does."""
        wanted = path.strip("/")[:_LONGEST]
        found = ""
        for pattern, matcher in self._matchers:
            if matcher.fits(wanted):
                found = "" if pattern.startswith("!") else pattern
        return found

    @cached_property
    def _matchers(self) -> list[tuple[str, _Pattern]]:
        return [(pattern, _Pattern(pattern.removeprefix("!").strip()[:_LONGEST])) for pattern in self.patterns]


def ignore_file(dockerfile: Path) -> Path:
    """The .dockerignore of one Dockerfile alone: ``web.Dockerfile.dockerignore``."""
    return dockerfile.with_name(f"{dockerfile.name}.dockerignore")


_ANYTHING, _FOLDERS, _IN_FOLDER = "**", "**/", "*"
_PART = re.compile(r"\*\*/?|\*|\[[^\]]+\]|\\.|.", re.S)
_RANGE = re.compile(r"(\\?.)-(\\?.)|(\\?.)", re.S)


class _Pattern:
    """A pattern of Go's filepath.Match, in which ``**`` means any number of folders.

    Each bit of a number is a place in the pattern, so that a path takes as many steps as it has letters, whatever the
    pattern is: an expression of ``re`` takes forever for some.
    """

    def __init__(self, pattern: str) -> None:
        parts: list[str] = []
        for part in _PART.findall(posixpath.normpath(pattern).strip("/")):
            while part == _ANYTHING and parts and parts[-1] in (_ANYTHING, _FOLDERS, _IN_FOLDER):
                parts.pop()
            if part not in (_FOLDERS, _IN_FOLDER) or parts[-1:] not in ([part], [_ANYTHING]):
                parts.append(part)
        self._parts = [each for part in parts for each in ((part, _ANYTHING, "/") if part == _FOLDERS else (part,))]
        self._folders = self._bits(_FOLDERS)
        self._stays = self._bits(_ANYTHING, _IN_FOLDER)
        self._end = 1 << len(self._parts)
        self._taken: dict[str, int] = {}

    def _bits(self, *kinds: str) -> int:
        return sum(1 << at for at, part in enumerate(self._parts) if part in kinds)

    def fits(self, path: str) -> bool:
        """Whether the pattern matches a path or a folder around it."""
        places = self._spread(1)
        for letter in path:
            if letter == "/" and places & self._end:
                return True
            taken = self._taken.get(letter)
            if taken is None:
                taken = sum(1 << at for at, part in enumerate(self._parts) if _takes(part, letter))
                self._taken[letter] = taken
            taken &= places
            if not taken:
                return False
            places = self._spread((taken & ~self._stays) << 1 | taken & self._stays)
        return bool(places & self._end)

    def _spread(self, places: int) -> int:
        """The places with those that are reached without a letter: at most three wildcards follow each other."""
        places |= (places & self._folders) << 1 | (places & self._folders) << 3
        return places | (places & self._stays) << 1


def _takes(part: str, letter: str) -> bool:
    """Whether a part of a pattern may be a letter."""
    if part in (_IN_FOLDER, "?"):
        return letter != "/"
    if part.startswith("[") and len(part) > 1:
        body = part[1:-1]
        ranges = _RANGE.findall(body.removeprefix("^"))
        found = any(low[-1] <= letter <= high[-1] if low else one[-1] == letter for low, high, one in ranges)
        return found != body.startswith("^")
    return part == _ANYTHING or (part != _FOLDERS and part[-1] == letter)
