"""``fsdcf history``: the releases of a service."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fsdcf.cli.connection import Connection, connection_options
from fsdcf.cli.running import json_option, run
from fsdcf.cli.sinks.jsonlines import JsonLines
from fsdcf.cli.sinks.stream import Stream
from fsdcf.cli.target import subject, target_options
from fsdcf.cli.views import history_lines, release_record
from fsdcf.deploy.model import Ask, Exit, Outcome, Tell

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws


@click.command()
@target_options
@connection_options
@json_option
def command(service: str, environment: str | None, connection: Connection, as_json: bool) -> None:
    """List the releases of a service, newest first: when, and which image. SSM keeps the last hundred."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.operate.releases import history

        releases = history(on.stack, aws)
        if as_json:
            out = JsonLines(sys.stdout)
            for one in releases:
                out.write(release_record(one))
        else:
            stream = Stream(sys.stdout)
            stream.lines(history_lines(releases, stream.paint))
        count = f"{len(releases)} release{'s' if len(releases) != 1 else ''}"
        return Outcome(
            Exit.DONE, f"{count} of {on.stack}", next=(on.target.command("rollback"),) if len(releases) > 1 else ()
        )

    run(on.target, connection, as_json, act, quiet=True)
