"""``fsdcf restart``: new tasks in the place of those that run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fsdcf.cli.connection import Connection, connection_options
from fsdcf.cli.durations import duration
from fsdcf.cli.running import json_option, run
from fsdcf.cli.target import subject, target_options
from fsdcf.deploy.model import Ask, Outcome, Tell

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws


@click.command()
@target_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--timeout", callback=duration, metavar="TIME", help="Stay no longer than this: 90s, 30m, 2h.")
@connection_options
@json_option
def command(
    service: str, environment: str | None, yes: bool, timeout: float | None, connection: Connection, as_json: bool
) -> None:
    """Replace the tasks of a service by new ones of the same task definition, and stay until ECS says how it ended."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.operate.restart import restart

        return restart(on.target, yes, timeout, aws, tell, ask, on.places)

    run(on.target, connection, as_json, act)
