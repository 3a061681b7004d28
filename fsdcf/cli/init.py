"""``fsdcf init``: a commented spec to begin with."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import click

from fsdcf.scaffold.render import render
from fsdcf.spec.model import NAME

SCHEMA = "https://raw.githubusercontent.com/fsdcf/fsdcf/main/docs/fsd-v1.schema.json"


@click.command()
@click.argument("name", required=False)
@click.option("--port", type=click.IntRange(1, 65535), help="Port that the container listens on.")
@click.option("--worker", is_flag=True, help="No port: a worker.")
@click.option("--path", "health", help="Path of the health check.  [default: /health]")
@click.option("--owner", help="Who answers for the service.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write it.  [default: NAME.yml]")
def command(name: str | None, port: int | None, worker: bool, health: str | None, owner: str | None, output: Path | None) -> None:
    """Write a new spec. Asks on a terminal for what no option says."""
    if worker and (port is not None or health is not None):
        raise click.UsageError("a worker has no port and no path")
    asks = sys.stdin.isatty() and name is None
    if name is None:
        if not asks:
            raise click.UsageError("give the service a name: fsdcf init NAME")
        name = click.prompt("Name of the service", err=True)
    if not re.fullmatch(NAME, name) or len(name) > 40:
        raise click.UsageError(f"{name!r} cannot name a service: lower-case letters, digits and single hyphens, at most 40")
    if asks and port is None and not worker:
        port = click.prompt("Port (0 for a worker)", default=8000, type=click.IntRange(0, 65535), err=True) or None
        worker = port is None
    if asks and owner is None:
        owner = click.prompt("Owner", default=f"team-{name}", err=True)
    health = health or "/health"
    owner = owner or f"team-{name}"
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]*", health):
        raise click.UsageError(f"{health!r} cannot be a path: begin with /")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9 ._@/-]*", owner):
        raise click.UsageError(f"{owner!r} cannot be an owner: letters, digits, spaces and . _ @ / -")
    text = render("spec.yml.j2", name=name, port=None if worker else port or 8000, path=health, owner=owner, schema=SCHEMA)
    target = output or Path(f"{name}.yml")
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.UsageError(f"{str(target)!r} is there already") from None
    except OSError as error:
        raise click.UsageError(f"cannot write {str(target)!r}: {error.strerror}") from None
    click.echo(f"wrote {target}; now: fsdcf template {target}", err=True)
