"""Questions to git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click

_TIMEOUT = 120
"""Seconds for an answer of git."""


def git(*words: str, folder: Path | None = None) -> bytes | None:
    """The output of git in a folder (by default the current one); None if it fails. A usage error if git cannot run."""
    place = ("-C", str(folder)) if folder else ()
    try:
        done = subprocess.run(  # noqa: S603
            ["git", *place, *words],  # noqa: S607
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
        )
    except FileNotFoundError:
        raise click.UsageError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise click.UsageError(f"git {words[0]} took longer than {_TIMEOUT} seconds") from None
    except (OSError, ValueError) as error:
        raise click.UsageError(f"git {words[0]} cannot run: {error}") from None
    return done.stdout if done.returncode == 0 else None
