"""The specs of a repository, for the commands that look after all of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

_SPEC = re.compile(rb"""^["']?apiVersion["']?\s*:\s*["']?fsd/v1\b""", re.M)
_SUFFIXES = (".yml", ".yaml")
_OTHERS = frozenset({"node_modules", "vendor", "venv", "build", "dist", "target", "site-packages"})
_MOST_FOLDERS = 20_000
_HEAD = 8192


def root_of(start: Path) -> Path:
    """The root of the repository around a folder; the folder itself where there is none."""
    return next((one for one in (start, *start.parents) if (one / ".git").exists()), start)


def specs_or_all(specs: tuple[Path, ...], root: Path) -> tuple[Path, ...]:
    """The specs that were named, or else every one in the repository, relative to the current folder. A usage error for none."""
    if specs:
        return specs
    found = tuple(Path(os.path.relpath(one)) for one in found_in(root))
    if not found:
        raise click.UsageError(f"no spec is named, and none is found in {root}: fsdcf init NAME writes one")
    return found


def found_in(root: Path) -> list[Path]:
    """Every FSD spec below a folder, by path. Hidden folders and those of tools are passed over."""
    found: list[Path] = []
    for count, (folder, folders, files) in enumerate(os.walk(root)):
        if count == _MOST_FOLDERS:
            raise click.UsageError(f"{root} has more than {_MOST_FOLDERS:,} folders: name the specs")
        folders[:] = sorted(one for one in folders if not one.startswith(".") and one not in _OTHERS)
        found += [Path(folder) / one for one in files if one.endswith(_SUFFIXES) and is_spec(Path(folder) / one)]
    return sorted(found)


def is_spec(file: Path) -> bool:
    """Whether a file begins as an FSD spec; one that cannot be read does not."""
    try:
        with open(file, "rb") as opened:
            return bool(_SPEC.search(opened.read(_HEAD)))
    except OSError:
        return False
