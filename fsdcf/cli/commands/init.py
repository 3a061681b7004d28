"""``fsdcf init``: a commented spec to begin with, or a whole small service."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import click

from fsdcf.cli.files import write_new
from fsdcf.language.model.common import NAME
from fsdcf.scaffold.render import render
from fsdcf.scaffold.service import KINDS, service

SCHEMA = "https://raw.githubusercontent.com/fsdcf/fsdcf/main/docs/fsd-v1.schema.json"
TEMPLATES = ("spec", *KINDS)
PORT = 8000
LOWEST_PORT = 1024
"""A user that is not root may listen from here on. Source: https://man7.org/linux/man-pages/man7/ip.7.html"""


@click.command()
@click.argument("name", required=False)
@click.option(
    "--template",
    type=click.Choice(TEMPLATES),
    help="What to write: a spec, or a FastAPI service with its spec, image and tests, on SQLite or on DynamoDB.  [default: spec]",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port that the container listens on.  [default: 8000]")
@click.option("--worker", is_flag=True, help="No port: a worker.")
@click.option("--path", "health", help="Path of the health check.  [default: /health]")
@click.option("--owner", help="Who answers for the service.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Where to write it.  [default: NAME.yml; a service: the folder NAME]",
)
def command(
    name: str | None,
    template: str | None,
    port: int | None,
    worker: bool,
    health: str | None,
    owner: str | None,
    output: Path | None,
) -> None:
    """Write a new spec, or a small service with one. Asks on a terminal for what no option says; overwrites nothing."""
    if worker and (port is not None or health is not None):
        raise click.UsageError("a worker has no port and no path")
    asks = sys.stdin.isatty() and name is None
    if name is None:
        if not asks:
            raise click.UsageError("give the service a name: fsdcf init NAME")
        name = click.prompt("Name of the service", err=True)
    if not re.fullmatch(NAME, name) or len(name) > 40:
        raise click.UsageError(
            f"{name!r} cannot name a service: lower-case letters, digits and single hyphens, at most 40"
        )
    if template is None:
        template = _asked_template() if asks and not worker and health is None else "spec"
    if asks and port is None and not worker:
        port = _asked_port(template) or None
        worker = port is None
    if asks and owner is None:
        owner = click.prompt("Owner", default=f"team-{name}", err=True)
    owner = owner or f"team-{name}"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9 ._@/-]*", owner):
        raise click.UsageError(f"{owner!r} cannot be an owner: letters, digits, spaces and . _ @ / -")
    if template == "spec":
        _write_spec(name, None if worker else port or PORT, health or "/health", owner, output or Path(f"{name}.yml"))
    elif worker or health is not None:
        raise click.UsageError(
            f"--template {template} is an API that is checked at /health: leave --worker and --path out"
        )
    else:
        _write_service(template, name, port or PORT, owner, output or Path(name))


def _asked_template() -> str:
    for kind, text in KINDS.items():
        click.echo(f"{kind}: {text}", err=True)
    chosen: str = click.prompt("Template", default="spec", type=click.Choice(TEMPLATES), err=True)
    return chosen


def _asked_port(template: str) -> int:
    if template == "spec":
        port: int = click.prompt("Port (0 for a worker)", default=PORT, type=click.IntRange(0, 65535), err=True)
    else:
        port = click.prompt("Port", default=PORT, type=click.IntRange(LOWEST_PORT, 65535), err=True)
    return port


def _write_spec(name: str, port: int | None, health: str, owner: str, target: Path) -> None:
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]*", health):
        raise click.UsageError(f"{health!r} cannot be a path: begin with /")
    text = render("spec.yml.j2", name=name, port=port, path=health, owner=owner, schema=SCHEMA)
    write_new(target.parent, {target.name: text})
    click.echo(f"wrote {target}; now: fsdcf template {target}", err=True)


def _write_service(template: str, name: str, port: int, owner: str, folder: Path) -> None:
    if port < LOWEST_PORT:
        raise click.UsageError(
            f"--port {port}: the service does not run as root, so its port is {LOWEST_PORT} or higher"
        )
    files = service(template, name, port, owner, SCHEMA)
    write_new(folder, files)
    click.echo(
        f"wrote {len(files)} files to {folder}, {KINDS[template]}; now: cd {shlex.quote(str(folder))} && make test",
        err=True,
    )
