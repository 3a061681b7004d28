"""``fsdcf init``: a commented spec, a small service with one, or the commented file of an environment."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from fsdcf.cli.files import environment_file as file_of
from fsdcf.cli.files import environments_in_files, write_new
from fsdcf.cli.render.outcome import next_lines
from fsdcf.cli.render.stream import painter
from fsdcf.cloudformation.partitions import FARGATE_ZONES, zone_prefix
from fsdcf.conventions import ENVIRONMENT_PATTERN, PIPELINE, environment_path
from fsdcf.language.model.common import NAME
from fsdcf.language.model.environment import REGION, Environment
from fsdcf.links import SCHEMA
from fsdcf.pipeline import Request, run
from fsdcf.scaffold.environment import environment_file
from fsdcf.scaffold.render import render
from fsdcf.scaffold.service import KINDS, service
from fsdcf.scaffold.workflow import scalar
from fsdcf.suggested import quoted, suggested
from fsdcf.wording import visible

ENVIRONMENT = "environment"
"""The first word before the name of an environment."""

TEMPLATES = ("spec", *KINDS)
PORT = 8000
LOWEST_PORT = 1024
"""The lowest port that a user other than root can listen on. Source: https://man7.org/linux/man-pages/man7/ip.7.html"""


@click.command()
@click.argument("words", nargs=-1, metavar="[NAME | environment NAME]")
@click.option(
    "--template",
    type=click.Choice(TEMPLATES),
    help="A spec alone, or a FastAPI service with spec, image and tests, on SQLite or DynamoDB.  [default: spec]",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help=f"Port that the container listens on.  [default: {PORT}]",
)
@click.option("--worker", is_flag=True, help="Write a worker, which has no port.")
@click.option("--path", "health", metavar="PATH", help="Path of the health check.  [default: /health]")
@click.option("--owner", metavar="TEAM", help="Team that owns the service or environment.  [default: team-NAME]")
@click.option("--region", metavar="REGION", help="Region of the environment, whose zones are then listed by id.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write, or the folder of a service.  [default: NAME.yml, NAME, or environments/NAME.yml]",
)
def init_command(
    words: tuple[str, ...],
    template: str | None,
    port: int | None,
    worker: bool,
    health: str | None,
    owner: str | None,
    region: str | None,
    output: Path | None,
) -> None:
    """Write a new spec, a small service with one, or the file of an environment.

    On a terminal the command asks for the missing options of a service. It never overwrites a file.
    """
    if words[:1] == (ENVIRONMENT,):
        if worker or template is not None or port is not None or health is not None:
            raise click.UsageError("--template, --port, --worker and --path are for a service")
        _write_environment(words[1:], owner, region, output)
        return
    if region is not None:
        raise click.UsageError(f"--region is for an environment: {suggested('init', ENVIRONMENT, 'NAME')}")
    if len(words) > 1:
        hint = suggested("init", ENVIRONMENT, "NAME")
        raise click.UsageError(f"unexpected argument {words[1]!r}: a service has one name; for an environment: {hint}")
    _write_for_service(words[0] if words else None, template, port, worker, health, owner, output)


def _write_for_service(
    name: str | None,
    template: str | None,
    port: int | None,
    worker: bool,
    health: str | None,
    owner: str | None,
    output: Path | None,
) -> None:
    if worker and (port is not None or health is not None):
        raise click.UsageError("--worker cannot be combined with --port or --path")
    asks = sys.stdin.isatty() and name is None
    name = _checked_name(name)
    if template is None:
        template = _ask_template() if asks and not worker and health is None else "spec"
    if asks and port is None and not worker:
        port = _ask_port(template) or None
        worker = port is None
    if asks and owner is None:
        owner = str(click.prompt("Owner", default=f"team-{name}", value_proc=_owner, err=True))
    owner = _owner(owner or f"team-{name}")
    if template == "spec":
        _write_spec(name, None if worker else port or PORT, health or "/health", owner, output or Path(f"{name}.yml"))
    elif worker or health is not None:
        raise click.UsageError(
            f"--template {template} writes an API with the health check /health: remove --worker and --path"
        )
    else:
        _write_service(template, name, port or PORT, owner, output or Path(name))


def _checked_name(name: str | None) -> str:
    """The given name if it is valid, or one that the user types at the terminal. Without a terminal, a usage error."""
    try:
        if name is not None:
            return _name(name)
        if not sys.stdin.isatty():
            raise click.UsageError(f"the service needs a name: {suggested('init', 'NAME')}")
    except click.UsageError as error:
        if not sys.stdin.isatty():
            raise
        click.echo(f"Error: {error.message}", err=True)
    return str(click.prompt("Name of the service", value_proc=_name, err=True))


def _name(text: str) -> str:
    """A service name. A prompt that gets a usage error asks again."""
    if not re.fullmatch(NAME, text) or not 2 <= len(text) <= 40:  # ECR requires two
        raise click.UsageError(
            f"{text!r} is not a valid service name: use 2 to 40 lower-case letters, digits and single hyphens, and "
            "start with a letter"
        )
    return text


def _owner(text: str) -> str:
    """An owner. A prompt that gets a usage error asks again."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9 ._@/-]*", text):
        raise click.UsageError(f"{text!r} is not a valid owner: use letters, digits, spaces and . _ @ / -")
    return text


def _ask_template() -> str:
    for kind, text in KINDS.items():
        click.echo(f"{kind}: {text}", err=True)
    return str(click.prompt("Template", default="spec", type=click.Choice(TEMPLATES), err=True))


def _ask_port(template: str) -> int:
    question, lowest = ("Port (0 for a worker)", 0) if template == "spec" else ("Port", LOWEST_PORT)
    return int(click.prompt(question, default=PORT, type=click.IntRange(lowest, 65535), err=True))


def _write_spec(name: str, port: int | None, health: str, owner: str, target: Path) -> None:
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]*", health):
        raise click.UsageError(f"{health!r} is not a valid path: it must start with /")
    joined = list(_environments(target.parent))
    balancers = [found[1] for found in (each.balancer_of(None) for each in joined) if found]
    text = render(
        "spec.yml.j2",
        name=name,
        port=port,
        path=health,
        owner=scalar(owner),
        joins=bool(joined),
        needs_paths=any(each.domain is None for each in balancers),
        schema=SCHEMA,
    )
    write_new(target.parent, {target.name: text})
    _tell(f"wrote {visible(target)}", _rehearsal(target))


def _environments(folder: Path) -> Iterator[Environment]:
    """What the files of environments share with the services in a folder. Files with errors count for nothing."""
    for name in sorted(environments_in_files(folder)):
        file = file_of(name, folder)
        spec = run(Request(file.name, file.raw, name)).environment_spec if file else None
        if spec is not None:
            yield spec.environment


def _write_service(template: str, name: str, port: int, owner: str, folder: Path) -> None:
    if port < LOWEST_PORT:
        raise click.UsageError(
            f"--port {port}: the service does not run as root, so its port must be {LOWEST_PORT} or higher"
        )
    files = service(template, name, port, owner, SCHEMA)
    write_new(folder, files)
    spec = folder / f"{name}.yml"
    test = f"(cd {quoted(str(folder))} && make test)"
    _tell(f"wrote {len(files)} files to {visible(folder)}: {KINDS[template]}", test, _rehearsal(spec))


def _write_environment(names: tuple[str, ...], owner: str | None, region: str | None, output: Path | None) -> None:
    if names == PIPELINE[1:]:
        raise click.UsageError(f"the environment name {names[0]!r} is reserved for the stack of the pipeline")
    if len(names) != 1 or not re.fullmatch(ENVIRONMENT_PATTERN, names[0]):
        raise click.UsageError(
            "an environment needs a name of 1 to 20 lower-case letters, digits and hyphens, beginning with a letter: "
            + suggested("init", ENVIRONMENT, "staging")
        )
    if region is not None and not re.fullmatch(REGION, region):
        raise click.UsageError(f"{region!r} is not a region, such as eu-west-1")
    (name,) = names
    target = output or Path(environment_path(name))
    if target.stem != name:
        raise click.UsageError(f"--output {str(target)!r}: the file of the environment {name} is named {name}.yml")
    prefix = zone_prefix(region or "")
    zones = FARGATE_ZONES.get(prefix, (f"{prefix}-az1", f"{prefix}-az2"))[:2] if prefix else ()
    text = environment_file(name, _owner(owner or "team-platform"), region, zones, SCHEMA)
    write_new(target.parent, {target.name: text})
    _tell(f"wrote {visible(target)}", suggested("deploy", str(target), sandbox=True))


def _rehearsal(spec: Path) -> str:
    """The command that deploys a spec on this machine, with a made-up image."""
    return suggested("deploy", str(spec), image_sha="one", sandbox=True)


def _tell(text: str, *commands: str) -> None:
    """Print what was done, and the commands to run next."""
    click.echo("\n".join((text, *next_lines(commands, painter(sys.stderr)))), err=True)
