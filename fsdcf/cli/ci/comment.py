"""``fsdcf ci comment``: the comment of a pull request, put together from what was planned."""

from __future__ import annotations

import os
from pathlib import Path

import click

from fsdcf.scaffold.comment import LIMIT, Section
from fsdcf.scaffold.comment import comment as put_together

_PARTS = ("plan", "cost", "graph")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="FOLDER")
@click.option("--env", "environment", required=True, metavar="NAME", help="Environment that a merge deploys to.")
@click.option("--limit", type=click.IntRange(1000), default=LIMIT, show_default=True, help="Most bytes.")
def command(folder: Path, environment: str, limit: int) -> None:
    """Put a comment together from FOLDER, which has a folder for each spec, with plan.md, cost.md and graph.md.

    A folder that is not there is a plan that failed.
    """
    click.echo(put_together(_sections(folder), environment, limit), nl=False)


def _sections(folder: Path) -> list[Section] | None:
    if not folder.is_dir():
        return None
    found = []
    for below, folders, files in os.walk(folder):
        folders.sort()
        if any(f"{part}.md" in files for part in _PARTS):
            texts = {part: _text(Path(below) / f"{part}.md") for part in _PARTS}
            found.append(Section(f"`{Path(below).relative_to(folder).as_posix()}`", **texts))
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    except OSError as error:
        raise click.UsageError(f"cannot read {str(file)!r}: {error.strerror}") from None
