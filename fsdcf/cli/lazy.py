"""A group of commands whose modules are imported when a command runs, so that help starts quickly."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import ClassVar

import click

Table = Mapping[str, tuple[str, str]]
"""The module in ``fsdcf.cli.commands`` and the one-line description of each command.

The command ``migrate-data`` is the function ``migrate_data_command`` of its module.
"""


class LazyGroup(click.Group):
    """A group that knows the names and descriptions of its commands.

    ``sections`` maps the headings of its help to commands.
    """

    sections: ClassVar[Mapping[str, Table]] = {}

    @property
    def table(self) -> Table:
        """All commands, in the order of the help."""
        return {name: entry for table in self.sections.values() for name, entry in table.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; ``help COMMAND`` means ``COMMAND --help``."""
        while args[:1] == ["help"]:
            args = [*(word for word in args[1:] if word != "--help"), "--help"]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        module = import_module(f"fsdcf.cli.commands.{self.table[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The named command; for an unknown name, an error with the one that is meant."""
        name = args[0]
        if name not in self.table and not ctx.resilient_parsing:
            from fsdcf.cli.guesses import command_meant  # a known command does not need it

            if meant := command_meant(name, self.table):
                ctx.fail(f"No such command {name!r}. Did you mean {meant!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        widest = max(map(len, self.table))
        for heading, table in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(widest), text) for name, (_, text) in table.items()])
