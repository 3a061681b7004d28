"""Files as they are, or as they were: a path, or a path in a git revision such as ``main:my-service.yml``."""

from __future__ import annotations

import os
import posixpath
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from fsdcf.cli.inputs import read

LARGEST = (1 << 20) + 1
"""Bytes that are read at most: a little more than a spec may hold."""


@dataclass(frozen=True)
class Source:
    """A file's bytes under the name that was asked for. ``beside`` reads a file by its path from this one's folder; it raises
    OSError. None: the files beside it are those on the disk."""

    name: str
    raw: bytes
    beside: Callable[[str], bytes] | None = None


def source(name: str) -> Source:
    """The file of a path, else of ``REVISION:PATH``, with the path from the current folder. A usage error if there is none."""
    revision, colon, path = name.partition(":")
    if not colon or not revision or os.path.lexists(name):
        return Source(name, read(Path(name)))
    commit = _commit(revision, name)
    try:
        raw = _content(commit, path)
    except FileNotFoundError:
        raise click.UsageError(f"{revision!r} has no file {path!r}, from this folder") from None
    except OSError as error:
        raise click.UsageError(f"cannot read {name!r}: {error.strerror}") from None
    folder = posixpath.dirname(path)
    return Source(name, raw, lambda other: _content(commit, posixpath.join(folder, other)))


def _commit(revision: str, name: str) -> str:
    """The full name of a revision's commit."""
    if not _git("rev-parse", "--git-dir"):
        raise click.UsageError(f"cannot read {name!r}: there is no such file, and this folder is in no git repository")
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not found:
        raise click.UsageError(f"cannot read {name!r}: there is no such file, and git knows no revision {revision!r}")
    return found.decode().strip()


def _content(commit: str, path: str) -> bytes:
    """A file of a commit. Raises OSError."""
    if os.path.isabs(path):
        path = os.path.relpath(os.path.realpath(path))
    inside = posixpath.normpath(path.replace(os.sep, "/"))
    relative = inside if inside.startswith("../") else f"./{inside}"
    blob = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}:{relative}") if path else b""
    if not blob:
        raise FileNotFoundError(2, "No such file in the revision")
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{blob.decode().strip()}^{{blob}}")
    if not found:
        raise IsADirectoryError(21, "Is a directory")
    return _git("show", "--no-textconv", found.decode().strip())[:LARGEST]


def _git(*arguments: str) -> bytes:
    """What git says; nothing where it refuses. A usage error where there is no git."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)  # noqa: S603, S607 - a list, and git from the PATH
    except (OSError, ValueError) as error:
        reason = "git is not installed" if isinstance(error, FileNotFoundError) else str(error)
        raise click.UsageError(f"a revision cannot be read: {reason}") from None
    return done.stdout if done.returncode == 0 else b""
