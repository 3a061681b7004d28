"""``fsdcf recover``: out of a rollback that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fsdcf.cli.connection import Connection, connection_options
from fsdcf.cli.running import json_option, run
from fsdcf.cli.target import subject, target_options
from fsdcf.deploy.model import Ask, Outcome, Tell

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws


@click.command()
@target_options
@click.option(
    "--skip",
    multiple=True,
    metavar="LOGICAL_ID",
    help="Leave this resource as it is, whatever the template says; repeatable.",
)
@connection_options
@json_option
def command(
    service: str, environment: str | None, skip: tuple[str, ...], connection: Connection, as_json: bool
) -> None:
    """Continue a rollback that failed. Remove what was in its way first; --skip gives a resource up."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.engine import recover

        return recover(on.stack, skip, aws, tell, ask, on.places)

    run(on.target, connection, as_json, act)
