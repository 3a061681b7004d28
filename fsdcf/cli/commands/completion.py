"""``fsdcf completion``: the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell, to be sourced in the shell's start-up file."""
    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"no completion for {shell}")
    for name in ("fsdcf", "fsd"):
        click.echo(completion(context.find_root().command, {}, name, f"_{name.upper()}_COMPLETE").source())
