"""``fsdcf delete``: a stack goes; what it keeps is told before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.connection import Connection, connection_options
from fsdcf.cli.durations import duration
from fsdcf.cli.running import json_option, run
from fsdcf.cli.target import subject, target_options
from fsdcf.deploy.model import Ask, Options, Outcome, Tell

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws


@click.command()
@target_options
@click.option("--yes", is_flag=True, help="Do not ask. Data that would be deleted is asked for all the same.")
@click.option(
    "--allow", multiple=True, metavar="LOGICAL_ID", help="Let this resource be deleted with its data; repeatable."
)
@click.option("--timeout", callback=duration, metavar="TIME", help="Stay no longer than this: 90s, 30m, 2h.")
@click.option("--detach", is_flag=True, help="Start it and leave; fsdcf watch comes back to it.")
@click.option("--role-arn", metavar="ARN", help="Role that CloudFormation acts with.")
@connection_options
@json_option
def command(
    service: str, environment: str | None, allow: tuple[str, ...], connection: Connection, as_json: bool, **flags: Any
) -> None:
    """Delete the stack of a service. Says what is kept, asks, and stays until the stack is gone."""
    on = subject(service, environment)
    options = Options(allow=frozenset(allow), **flags)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.operate.delete import delete

        return delete(on.target, options, aws, tell, ask, on.places)

    run(on.target, connection, as_json, act)
