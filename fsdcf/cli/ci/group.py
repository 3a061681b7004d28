"""``fsdcf ci``: the commands for pipelines."""

from __future__ import annotations

from importlib import import_module

import click

_COMMANDS = {
    "github": "Write the workflow of GitHub Actions, or compare it.",
    "changed": "Print the services of a workflow that changed.",
    "comment": "Put the comment of a pull request together.",
}


class Commands(click.Group):
    """Commands whose modules are imported when they are run: what a workflow calls often is small."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"fsdcf.cli.ci.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=Commands)
def command() -> None:
    """Write the workflow of a pipeline, and what it calls."""
