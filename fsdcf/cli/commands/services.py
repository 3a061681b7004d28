"""``fsdcf services``: every service of the account and Region that fsdcf manages."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.commands.tasks import version_of
from fsdcf.cli.home import home_of
from fsdcf.cli.options import (
    Connection,
    at_home,
    complete_environments,
    connection_options,
    environment_named,
    json_option,
)
from fsdcf.cli.render.durations import iso
from fsdcf.cli.render.jsonlines import JsonLines
from fsdcf.cli.render.stream import Cell, LineWriter, aligned
from fsdcf.cli.render.values import fields
from fsdcf.cli.runtime import run, with_options
from fsdcf.deploy.model import Ask, Exit, Outcome, Target, Tell
from fsdcf.diagnostics import Paint
from fsdcf.suggested import suggested
from fsdcf.wording import counted, moment, visible

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.operate.services import ManagedService

_ROLES = {"trouble": "bad", "changing": "warn", "notable": "soft", "good": "good"}


@click.command()
@click.option(
    "--env",
    "environment",
    metavar="NAME",
    shell_complete=complete_environments,
    help="Only the services of this environment.  [default: all]",
)
@connection_options
@json_option
def services_command(environment: str | None, connection: Connection, as_json: bool) -> None:
    """List the services of the account and Region that fsdcf manages, those in trouble first.

    A service is a stack with the tags of fsdcf. The version is the tag or digest of the image that was deployed last.
    """
    wanted = environment_named(environment) if environment else None
    if wanted:
        connection = at_home(connection, home_of(wanted, Path()))

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.run import Run
        from fsdcf.operate.services import services

        found = services(Run(aws, tell, Target("", wanted or ""), ask), wanted)
        if as_json:
            out = JsonLines(sys.stdout)
            for one in found:
                out.write(service_record(one))
        elif found:
            stream = LineWriter(sys.stdout)
            stream.lines(services_lines(found, stream.paint, stream.width))
        else:
            click.echo(_none(aws.region, wanted, connection), err=True)
        return Outcome(Exit.DONE, _count(found, aws.region))

    run("services", connection, as_json, act, quiet=True, aside=True)


def _count(found: Sequence[ManagedService], region: str) -> str:
    trouble = sum(one.condition == "trouble" for one in found)
    text = f"{counted(len(found), 'service')} in {region}"
    return f"{text}, {trouble} in trouble" if trouble else text


def _none(region: str, environment: str | None, connection: Connection) -> str:
    """What to do without any service."""
    where = f"in {region}" + (f" and the environment {environment}" if environment else "")
    every = with_options(suggested("services"), connection.flags)
    advice = f"`{every}` lists every environment" if environment else "`fsdcf deploy SPEC` deploys one"
    return f"fsdcf manages no service {where}: {advice}; --profile and --region choose another account or region"


def services_lines(found: Sequence[ManagedService], paint: Paint, width: int | None) -> Iterator[str]:
    """The services as a table. The time of the last change is left out if the terminal is too narrow."""
    titles = ["SERVICE", "ENVIRONMENT", "VERSION", "TASKS", "STATE", "CHANGED"]
    rows = [_row(one) for one in found]
    if width is not None and max(map(len, aligned(titles, rows, lambda text, role: text))) > width:
        titles, rows = titles[:-1], [row[:-1] for row in rows]
    yield from aligned(titles, rows, paint)


def _row(one: ManagedService) -> list[Cell]:
    role = _ROLES[one.condition]
    tasks = f"{one.ecs.running}/{one.ecs.desired}" if one.ecs else ""
    return [
        (visible(one.service), "strong" if one.condition == "trouble" else ""),
        (visible(one.environment), ""),
        (version_of(one.version), ""),
        (tasks, role if one.ecs and one.ecs.running < one.ecs.desired else ""),
        (f"{'! ' if one.condition == 'trouble' else ''}{visible(one.state)}", role),
        (moment(one.stack.since), "soft"),
    ]


def service_record(one: ManagedService) -> dict[str, Any]:
    """A service as plain data."""
    return {
        "event": "service",
        **fields(one, "service", "environment"),
        "stack": one.stack.name,
        "arn": one.stack.arn,
        "status": one.stack.status,
        "version": one.version or None,
        "tasks": fields(one.ecs, "desired", "running", "pending") if one.ecs else None,
        **fields(one, "condition", "state"),
        "changed": iso(one.stack.since),
    }
