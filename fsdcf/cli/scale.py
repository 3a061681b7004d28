"""``fsdcf scale``: another number of tasks."""

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

_ALLOW = "Let this resource's data be put at risk: Service, where a store has one writer; repeatable."


@click.command()
@target_options
@click.argument("count", type=click.IntRange(0, 5000), metavar="N")
@click.option("--yes", is_flag=True, help="Do not ask. Data at risk is asked for all the same.")
@click.option("--allow", multiple=True, metavar="LOGICAL_ID", help=_ALLOW)
@click.option("--timeout", callback=duration, metavar="TIME", help="Stay no longer than this: 90s, 30m, 2h.")
@connection_options
@json_option
def command(
    service: str,
    environment: str | None,
    count: int,
    yes: bool,
    allow: tuple[str, ...],
    timeout: float | None,
    connection: Connection,
    as_json: bool,
) -> None:
    """Run N tasks of a service, and stay until they run. Says when auto scaling or the next deploy will undo it."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.operate.scale import scale

        return scale(on.target, count, yes, frozenset(allow), timeout, aws, tell, ask, on.places)

    run(on.target, connection, as_json, act)
