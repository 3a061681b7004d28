"""The repository around a folder, and files that must be inside it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from fsdcf.atomic import read_regular


class OutsideError(PermissionError):
    """A path that leads out of the repository, by ``..``, as an absolute path, or by a symbolic link."""


def repository_root(start: Path) -> Path:
    """The root of the git repository around a folder, or the folder itself outside of a repository."""
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)


def folders_above(here: Path) -> list[Path]:
    """A folder and those above it, up to the root of the repository; outside of one, up to the current folder."""
    root, current = repository_root(here), Path.cwd()
    if not (root / ".git").exists() and current in here.parents:
        root = current
    return [one for one in (here, *here.parents) if one == root or root in one.parents]


def check_inside(path: Path, folder: Path) -> None:
    """Raise OutsideError unless a path, with its links followed, leads into the repository around a folder.

    A folder may be a link to one elsewhere, which then counts, too.
    """
    real = Path(os.path.realpath(path))
    roots = [folders_above(each)[-1] for each in (folder.absolute(), Path(os.path.realpath(folder)))]
    if not any(real.is_relative_to(os.path.realpath(root)) for root in roots):
        raise OutsideError(errno.EPERM, f"it is outside the repository {roots[0]}", str(path))


def reader_beside(name: str, most: int) -> Callable[[str], bytes]:
    """A function that reads a file by its path relative to the folder of another one.

    It raises OSError for a file outside the repository (OutsideError), for one that is not regular, and for one of more
    than ``most`` bytes, before any of it is read.
    """
    folder = Path(name).parent

    def read(path: str) -> bytes:
        check_inside(folder / path, folder)
        return read_regular(folder / path, most)

    return read
