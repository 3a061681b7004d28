"""``fsdcf watch``: back to an operation that runs."""

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
@click.option("--timeout", callback=duration, metavar="TIME", help="Stay no longer than this: 90s, 30m, 2h.")
@connection_options
@json_option
def command(
    service: str, environment: str | None, timeout: float | None, connection: Connection, as_json: bool
) -> None:
    """Follow the operation that runs on the stack, whoever started it, and tell how it ends."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.engine import watch

        return watch(on.stack, aws, tell, on.places, timeout)

    run(on.target, connection, as_json, act)
