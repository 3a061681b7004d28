"""Questions to git."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import click

from fsdcf.wording import visible

_TIMEOUT = 120
"""Seconds for an answer of git."""


_NO_PROGRAM = ("-c", "core.fsmonitor=false")
"""No program that the configuration of a repository names is run to find changes: the folder may be someone else's."""


def git(*words: str, folder: Path | None = None) -> bytes | None:
    """The output of git in a folder (by default the current one); None if it fails. A usage error if git cannot run."""
    done = _run(words, folder)
    return done.stdout if done.returncode == 0 else None


def git_or_refuse(*words: str, folder: Path | None = None) -> bytes | None:
    """The output of git; None if it fails without a word. A usage error with its message, such as the one about a
    repository of another user."""
    done = _run(words, folder)
    if done.returncode == 0:
        return done.stdout
    lines = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    if lines:
        raise click.UsageError("\n".join(map(visible, lines)))
    return None


def _run(words: Sequence[str], folder: Path | None) -> subprocess.CompletedProcess[bytes]:
    place = ("-C", str(folder)) if folder else ()
    try:
        return subprocess.run(  # noqa: S603
            ["git", *place, *_NO_PROGRAM, *words],  # noqa: S607
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
