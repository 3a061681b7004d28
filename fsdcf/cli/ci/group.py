"""``fsdcf ci``: the commands for pipelines."""

from __future__ import annotations

from typing import ClassVar

import click

from fsdcf.cli.lazy import Commands, Table


class Pipelines(Commands):
    table: ClassVar[Table] = {
        "github": ("fsdcf.cli.ci.github", "Write the workflow of GitHub Actions, or compare it."),
        "changed": ("fsdcf.cli.ci.changed", "Print the services of a workflow that changed."),
        "comment": ("fsdcf.cli.ci.comment", "Put the comment of a pull request together."),
    }


@click.group(cls=Pipelines)
def command() -> None:
    """Write the workflow of a pipeline, and what it calls."""
