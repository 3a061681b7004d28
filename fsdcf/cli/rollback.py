"""``fsdcf rollback``: an earlier image, without a spec."""

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
@click.option(
    "--to", metavar="SHA", help="Tag or digest of the release, or how it begins.  [default: the one before the latest]"
)
@click.option("--yes", is_flag=True, help="Do not ask before the changes are made.")
@click.option("--plan-only", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--timeout", callback=duration, metavar="TIME", help="Stay no longer than this: 90s, 30m, 2h.")
@click.option("--detach", is_flag=True, help="Start it and leave; fsdcf watch comes back to it.")
@click.option("--role-arn", metavar="ARN", help="Role that CloudFormation acts with.")
@click.option("--artifacts-bucket", metavar="BUCKET", help="Bucket for a template of more than 51,200 bytes.")
@connection_options
@json_option
def command(
    service: str, environment: str | None, to: str | None, connection: Connection, as_json: bool, **flags: Any
) -> None:
    """Go back to the image of an earlier release. The template that runs is deployed again with that image and needs no spec."""
    on = subject(service, environment)
    options = Options(**flags)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.operate.releases import rollback

        return rollback(on.target, to, options, aws, tell, ask, on.places)

    run(on.target, connection, as_json, act)
