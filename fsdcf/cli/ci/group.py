"""``fsdcf ci``: the commands for pipelines."""

from __future__ import annotations

import click

from fsdcf.cli.ci.changed import changed
from fsdcf.cli.ci.comment import comment
from fsdcf.cli.ci.github import github


@click.group()
def command() -> None:
    """Write the workflow of a pipeline, and what it calls."""


for one in (github, changed, comment):
    command.add_command(one)
