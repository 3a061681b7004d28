"""Files that commands write: each whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import click


def write(target: Path, text: str) -> None:
    """Write a file in UTF-8, in one step, and say so; its folder is made where it is not there. A usage error where that fails."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, text)
    except OSError as error:
        raise click.UsageError(f"cannot write {str(target)!r}: {error.strerror}") from None
    click.echo(f"wrote {target}", err=True)


def _replace(target: Path, text: str) -> None:
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8")  # a pipe or a device cannot be replaced
        return
    import tempfile  # loads OpenSSL, by way of random

    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
