"""``fsdcf advise``: advice before a decision."""

from __future__ import annotations

from typing import ClassVar

import click

from fsdcf.cli.lazy import Commands, Table


class Advice(Commands):
    table: ClassVar[Table] = {
        "storage": (
            "fsdcf.cli.commands.advise_storage",
            "Say whether SQLite or DynamoDB suits a service, and what each costs.",
        ),
    }


@click.group(cls=Advice)
def command() -> None:
    """Advise on a decision. Asks AWS nothing."""
