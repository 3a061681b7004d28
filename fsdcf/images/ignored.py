"""The files of a build context that a .dockerignore keeps from the builder."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_LONGEST = 4096
"""The most characters of a path that count, which Linux allows."""


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
                lines = file.read_text("utf-8", "replace").removeprefix("\ufeff").splitlines()
            except OSError:
                continue
            return cls(str(file), [line.strip() for line in lines if line.strip() and not line.startswith("#")])
        return cls()

    def pattern_against(self, path: str) -> str:
        """The pattern that excludes a path relative to the context, or a folder around it; empty if none does."""
        parts = path[:_LONGEST].strip("/").split("/")
        paths = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        found = ""
        for pattern, matcher in self._matchers:
            if any(map(matcher.fullmatch, paths)):
                found = "" if pattern.startswith("!") else pattern
        return found

    @cached_property
    def _matchers(self) -> list[tuple[str, re.Pattern[str]]]:
        return [(pattern, _compiled(pattern.removeprefix("!").strip())) for pattern in self.patterns]


def ignore_file(dockerfile: Path) -> Path:
    """The .dockerignore of one Dockerfile alone: ``web.Dockerfile.dockerignore``."""
    return dockerfile.with_name(f"{dockerfile.name}.dockerignore")


def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of Go's filepath.Match, in which ``**`` means any number of folders."""
    clean = posixpath.normpath(pattern).strip("/")
    out = ""
    for part in re.findall(r"\*\*/?|\*|\?|\[[^\]]{1,200}\]|\\.|.", clean, re.S):
        if part.startswith("**"):
            out += r"(?:.*/)?" if part.endswith("/") else ".*"
        elif part in "*?":
            out += r"[^/]*" if part == "*" else "[^/]"
        elif part.startswith("[") and len(part) > 1:
            out += f"[{re.escape(part[1:-1]).replace(chr(92) + '-', '-').replace(chr(92) + '^', '^', 1)}]"
        else:
            out += re.escape(part[-1])
    return re.compile(out, re.S)
