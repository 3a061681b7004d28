"""``fsdcf cancel``: back to how it was before the update that runs."""

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
@connection_options
@json_option
def command(service: str, environment: str | None, connection: Connection, as_json: bool) -> None:
    """Cancel the update that runs on the stack, and stay until it is rolled back. A first deploy cannot be cancelled."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.engine import cancel

        return cancel(on.stack, aws, tell)

    run(on.target, connection, as_json, act)
