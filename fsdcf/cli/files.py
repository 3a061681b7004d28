"""Files that commands write: each whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from fsdcf.lint.cache import default_folder


def write(target: Path, text: str | bytes) -> None:
    """Write a file, text in UTF-8, in one step, and say so; its folder is made where it is not there. A usage error where that fails."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, text.encode() if isinstance(text, str) else text)
    except OSError as error:
        raise click.UsageError(f"cannot write {str(target)!r}: {error.strerror}") from None
    click.echo(f"wrote {target}", err=True)


def write_new(folder: Path, files: Mapping[str, str]) -> None:
    """Write new files by their paths below a folder: all of them or none, and none over one that is there. A usage error where that fails."""
    there = [str(folder / path) for path in files if os.path.lexists(folder / path)]
    if there:
        some = ", ".join(map(repr, there[:3])) + (f" and {len(there) - 3} more" if len(there) > 3 else "")
        raise click.UsageError(
            f"{some} {'is' if len(there) == 1 else 'are'} there already; nothing was written: choose another place with -o"
        )
    try:
        if folder.exists():
            _create(folder, files)
        else:
            _appear(folder, files)
    except OSError as error:
        raise click.UsageError(
            f"cannot write {str(error.filename2 or error.filename or folder)!r}: {error.strerror}; nothing was written"
        ) from None


def _appear(folder: Path, files: Mapping[str, str]) -> None:
    """A folder that is not there yet: filled under another name, then renamed."""
    import tempfile

    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        _create(made, files)
        made.chmod(0o777 & ~_umask())
        made.rename(folder)
    except BaseException:
        import shutil

        shutil.rmtree(made, ignore_errors=True)
        raise


def _create(folder: Path, files: Mapping[str, str]) -> None:
    """Create files that are not there, and take them away again where one fails."""
    made: list[Path] = []
    try:
        for path, text in files.items():
            target = folder / path
            for above in (folder / one for one in reversed(Path(path).parents)):
                if not above.is_dir():
                    above.mkdir()
                    made.append(above)
            with open(target, "x", encoding="utf-8", newline="\n") as file:
                made.append(target)
                file.write(text)
    except BaseException:
        for one in reversed(made):
            one.rmdir() if one.is_dir() else one.unlink()
        raise


def _replace(target: Path, data: bytes) -> None:
    if target.exists() and not target.is_file():
        target.write_bytes(data)  # a pipe or a device cannot be replaced
        return
    import tempfile  # loads OpenSSL, by way of random

    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def lint_folder(home: Callable[[], Path] = Path.home) -> Path:
    """The folder of linting's verdicts; the sandbox's state has one beside it.

    A user without a home, as in a container, has the root for one, as Docker does it: mostly it cannot be written to. Linting does without
    then, and the sandbox says so.
    """
    try:
        found = home()
    except RuntimeError:
        found = Path("/")
    return default_folder(os.environ, sys.platform, found)
