"""``fsdcf init``: a commented spec, a small service with one, or the commented file of an environment."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import click

from fsdcf.cli.files import environment_file as file_of
from fsdcf.cli.files import environments_in_files, is_spec, pipeline_workflow, read, specs_here, write_new
from fsdcf.cli.options import Connection, SpecInputs, connection_options, environment_named
from fsdcf.cli.render.findings import show
from fsdcf.cli.render.outcome import next_lines, word_lines
from fsdcf.cli.render.stream import LineWriter, painter
from fsdcf.cloudformation.partitions import FARGATE_ZONES, zone_prefix
from fsdcf.conventions import BOUNDARY, ENVIRONMENT_PATTERN, ENVIRONMENT_SERVICE, PIPELINE, environment_path
from fsdcf.diagnostics import joined
from fsdcf.language.dockerfile import MOST_BYTES, read_dockerfile
from fsdcf.language.model.common import NAME, POLICY
from fsdcf.language.model.environment import REGION, Environment
from fsdcf.language.rules.container import is_root
from fsdcf.language.source import parse
from fsdcf.links import SCHEMA
from fsdcf.pipeline import Request, run
from fsdcf.repository import OutsideError, check_inside, reader_beside
from fsdcf.scaffold.application import (
    LOWEST_PORT,
    PATH,
    UNBOUND,
    Application,
    Check,
    Folder,
    Value,
    about,
    context_of,
    default_check,
    project_of,
    shown,
)
from fsdcf.scaffold.environment import environment_file
from fsdcf.scaffold.render import render
from fsdcf.scaffold.service import KINDS, service
from fsdcf.scaffold.workflow import Written, literal, scalar
from fsdcf.suggested import quoted, suggested
from fsdcf.wording import visible

ENVIRONMENT = "environment"
"""The first word before the name of an environment."""

TEMPLATES = ("spec", *KINDS)
PORT = 8000
SHORTEST_NAME, LONGEST_NAME = 2, 40
"""Limits of a service's name. ECR requires two characters."""


@click.command()
@click.argument("words", nargs=-1, metavar="[NAME | environment NAME]")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with a Dockerfile, or the Dockerfile: its image is built, and the values of the spec come from it and "
    "from the files beside it.  [default: this folder, if it has a Dockerfile]",
)
@click.option(
    "--template",
    type=click.Choice(TEMPLATES),
    help="A spec alone, or a FastAPI service with spec, image and tests, on SQLite or DynamoDB.  [default: spec]",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help=f"Port that the container listens on.  [default: that of the Dockerfile, or {PORT}]",
)
@click.option("--worker", is_flag=True, help="Write a worker, which has no port.")
@click.option("--job", is_flag=True, help="Write a job, whose runs a schedule starts.")
@click.option(
    "--path", "health", metavar="PATH", help="Path of the health check.  [default: that of the framework, or /health]"
)
@click.option("--owner", metavar="TEAM", help="Team that owns the service or environment.  [default: team-NAME]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write, or the folder of a service.  [default: NAME.yml, NAME, or environments/NAME.yml]",
)
@connection_options
def init_command(words: tuple[str, ...], connection: Connection, **options: Any) -> None:
    """Write a new spec of a service or a job, a small service with one, or the file of an environment.

    On a terminal the command asks for what it does not know. It never overwrites a file. AWS is asked for a permissions
    boundary only if an option names the connection. For an environment, --region is its region, whose zones are listed.
    """
    given = Given(words[0] if words else None, connection, **options)
    if words[:1] == (ENVIRONMENT,):
        if given.worker or given.job or given.template or given.port or given.health or given.source:
            raise click.UsageError("--from, --template, --port, --worker, --job and --path are for a service")
        if connection.profile or connection.endpoint or connection.sandbox:
            raise click.UsageError("--profile, --endpoint-url and --sandbox are for a service")
        _write_environment(words[1:], given.owner, connection.region, given.output)
        return
    if len(words) > 1:
        hint = suggested("init", ENVIRONMENT, "NAME")
        raise click.UsageError(f"unexpected argument {words[1]!r}: a service has one name; for an environment: {hint}")
    _write_for_service(given)


@dataclass(frozen=True)
class Given:
    """The words and options of the command."""

    name: str | None
    connection: Connection
    source: Path | None
    template: str | None
    port: int | None
    worker: bool
    job: bool
    health: str | None
    owner: str | None
    output: Path | None


def _write_for_service(given: Given) -> None:
    if given.worker and (given.port is not None or given.health is not None):
        raise click.UsageError("--worker cannot be combined with --port or --path")
    if given.health is not None and not re.fullmatch(PATH, given.health):
        raise click.UsageError(f"{given.health!r} is not a valid path: it must start with /")
    if given.job:
        _write_job(given)
    elif given.template not in (None, "spec"):
        _write_template(given, str(given.template))
    elif (found := _application(given)) is not None:
        _write_from(given, *found)
    else:
        _write_plain(given)


def _write_job(given: Given) -> None:
    """Write the spec of a job, with the image of a Dockerfile if there is one."""
    if given.worker or given.port is not None or given.health is not None or given.template not in (None, "spec"):
        raise click.UsageError("--job cannot be combined with --worker, --port, --path or --template")
    application, file = _application(given) or (None, None)
    asks = sys.stdin.isatty() and given.name is None
    name = _checked_name(given.name) if application is None else _name_from(given, application.folder.path).value
    target = given.output or Path(f"{name}.yml")
    text = render(
        "job.yml.j2",
        name=name,
        owner=scalar(_owner_of(given, name, asks)),
        build=_build(target, file, application.context) if file and application else None,
        size=(application and application.size) or Value((256, 512), ""),
        architecture=application and application.architecture,
        boundary=_boundary(given, target.parent),
        joins=any(_environments(target.parent)),
        schema=SCHEMA,
    )
    write_new(target.parent, {target.name: text})
    following = suggested("deploy", str(target), build=True, sandbox=True) if file else _rehearsal(target)
    _tell(f"wrote {visible(target)}", following, suggested("run", str(target), sandbox=True))


def _write_template(given: Given, template: str) -> None:
    if given.source is not None:
        raise click.UsageError(f"--template {template} writes a Dockerfile of its own: remove --from")
    if given.worker or given.health is not None:
        raise click.UsageError(
            f"--template {template} writes an API with the health check /health: remove --worker and --path"
        )
    asks = sys.stdin.isatty() and given.name is None
    name = _checked_name(given.name)
    port = given.port or (_ask_port(template) if asks else PORT)
    _write_service(given, template, name, port, _owner_of(given, name, asks))


def _write_plain(given: Given) -> None:
    """Write a spec without a Dockerfile, or what a person on a terminal chooses instead."""
    asks = sys.stdin.isatty() and given.name is None
    name = _checked_name(given.name)
    if asks and given.template is None and not given.worker and given.health is None:
        template = _ask_template()
        if template != "spec":
            chosen = given.port or _ask_port(template)
            _write_service(given, template, name, chosen, _owner_of(given, name, asks))
            return
    port = None if given.worker else given.port or (_ask_port("spec") if asks else PORT) or None
    path = given.health or "/health"
    command = default_check(port, path) if port is None else (f"curl -fsS http://localhost:{port}{path} || exit 1",)
    check = Check(command, about(port), _NEEDS[port is None])
    owner = _owner_of(given, name, asks)
    target = _write_spec(given, name, Value(port, ""), Value(path, ""), check, None, None, owner)
    _tell(f"wrote {visible(target)}", _rehearsal(target))


_NEEDS = (
    "a shell with curl; slim images have none: take python3 or node there, as `fsdcf init` beside a Dockerfile does",
    "a shell with date and stat",
)
"""What the default check of a port needs in the image, and that of a worker."""


def _application(given: Given) -> tuple[Application, Path] | None:
    """The application of ``--from``, or that of this folder if it has a Dockerfile, and the file.

    None for a folder without one. A usage error for a file of ``--from`` that is not a Dockerfile in its repository.
    """
    if given.source is not None:
        return _read(_dockerfile_in(given.source), given)
    here = next((Path(name) for name in DOCKERFILES if Path(name).is_file()), None)
    if here is None:
        return None
    try:
        found = _read(here, given)
    except click.UsageError as error:
        click.echo(f"notice: {here} is not used: {error.message}", err=True)
        return None
    click.echo(f"using {here}, as with --from .", err=True)
    return found


def _read(file: Path, given: Given) -> tuple[Application, Path]:
    """The application of a Dockerfile, and the file's real place. A usage error for any other file, and for one outside
    the repository of the spec."""
    try:
        image = read_dockerfile(reader_beside(str(file), MOST_BYTES)(file.name).decode("utf-8", "replace"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise click.UsageError(f"cannot read {str(file)!r}: {reason}") from None
    if not image.base.image:
        raise click.UsageError(f"{str(file)!r} has no FROM: it is not a Dockerfile")
    folder = Path(os.path.realpath(file.parent))
    context = context_of(folder / file.name, image)
    project = Folder(project_of(folder / file.name, context))
    application = Application(image, shown(file.name), project, context)
    if application.is_windows:
        raise click.UsageError(f"{str(file)!r} builds an image of Windows; fsdcf runs images of Linux")
    beside = (given.output or Path()).parent
    try:
        check_inside(folder / file.name, Path(os.path.realpath(beside)))
        str(folder / file.name).encode()
    except (OutsideError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise click.UsageError(
            f"a spec in {str(beside)!r} cannot name {str(file)!r}: {reason}; choose another file with -o"
        ) from None
    return application, folder / file.name


DOCKERFILES = ("Dockerfile", "Containerfile")
_DOCKERFILE = re.compile(r"(?:docker|container)file(?:\.(?!dockerignore$)[\w.-]+)?|[\w.-]+\.dockerfile", re.I)
_MOST_LISTED = 10


def _dockerfile_in(source: Path) -> Path:
    """The Dockerfile of a folder, or the given one; on a terminal a person chooses one of several.

    A usage error for a folder without one, and for several without a terminal.
    """
    if not source.is_dir():
        if not os.path.lexists(source):
            raise click.UsageError(f"--from {str(source)!r}: no such folder")
        return source
    names = [name for name in Folder(source).names() if _DOCKERFILE.fullmatch(name)]
    usual = [name for name in names if name in DOCKERFILES][-1:] or (names if len(names) == 1 else [])
    if usual:
        return source / usual[0]
    if not names:
        below = [each for pattern in ("*/Dockerfile*", "*/*/Dockerfile*") for each in islice(source.glob(pattern), 50)]
        found = [each for each in sorted(below) if _DOCKERFILE.fullmatch(each.name)][:_MOST_LISTED]
        hint = _one_of(found) if found else f"write a Dockerfile, or {_WITHOUT}"
        raise click.UsageError(f"no Dockerfile in {str(source)!r}: {hint}")
    if not sys.stdin.isatty():
        files = [source / name for name in names[:_MOST_LISTED]]
        raise click.UsageError(f"several Dockerfiles in {str(source)!r}: {_one_of(files)}")
    choice = click.Choice([visible(name) for name in names])
    chosen = click.prompt("Dockerfile", type=choice, err=True)
    return source / names[list(choice.choices).index(chosen)]


def _one_of(files: Sequence[Path]) -> str:
    """The commands that read one of these Dockerfiles."""
    commands = [f"`{suggested('init', **{'from': visible(file)})}`" for file in files]
    return f"use {joined(commands)}"


_WITHOUT = f"leave out --from: {suggested('init', 'NAME')}"


def _write_from(given: Given, application: Application, file: Path) -> None:
    """Write the spec of an application, and say where each value comes from."""
    terminal = sys.stdin.isatty()
    name = _name_from(given, application.folder.path)
    port = _port_from(given, application, terminal)
    path = Value("", "") if port.value is None else _path_from(given, application, terminal)
    check = application.check(port.value, path.value)
    owner = _owner_of(given, name.value, terminal and given.name is None)
    _say(name, "name")
    _say(port, "port", "none")
    if port.value is not None:
        _say(path, "path")
    if application.architecture:
        _say(application.architecture, "architecture")
    if application.context != file.parent:
        context = os.path.relpath(application.context)
        _say(Value(context, f"it has what {application.file} copies"), "build context")
    reason = check.own or (f"none, because {check.missing}" if check.missing else f"uses {check.needs}")
    click.echo(f"  container check: {reason}", err=True)
    target = _write_spec(given, name.value, port, path, check, application, file, owner)
    click.echo(f"wrote {visible(target)}", err=True)
    out = LineWriter(sys.stderr)
    for warning in (*_unsure(given, target, port=port, path=path), *application.warnings(port.value)):
        out.lines(word_lines("warning", warning, "warning", out.paint, out.width))
    result = run(SpecInputs(files=(target,)).requests()[0])
    show(result.diagnostics, result.sources)
    _next(suggested("deploy", str(target), build=True, sandbox=True))


def _say(value: Value, what: str, nothing: str = "") -> None:
    """Report a value, and where it comes from."""
    click.echo(f"  {what} {visible(value.value or nothing)}: {value.source}", err=True)


def _unsure(given: Given, target: Path, **values: Value) -> Iterator[str]:
    """A warning about values that are not confirmed, with what sets others."""
    unsure = {name: value for name, value in values.items() if not value.is_sure}
    if unsure:
        own = {"owner": given.owner or "", "output": str(given.output or "")}
        options = {"from": str(given.source or "."), **{name: name.upper() for name in unsure}, **own}
        what = joined([f"{name} {value.value or 'none'}" for name, value in unsure.items()], "and")
        command = suggested("init", *filter(None, [given.name]), **options)
        is_one = len(unsure) == 1
        yield (
            f"{what} {'is' if is_one else 'are'} not certain: if the program has {'another' if is_one else 'others'}, "
            f"remove {visible(target)} and run `{command}`"
        )


def _name_from(given: Given, folder: Path) -> Value:
    """The given name, or that of the folder made valid; a person on a terminal confirms it."""
    if given.name is not None:
        return Value(_checked_name(given.name), "as given")
    plain = unicodedata.normalize("NFKD", folder.name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).lstrip("-0123456789")[:LONGEST_NAME].rstrip("-")
    valid = len(words) >= SHORTEST_NAME and not f"{words}-".startswith(f"{ENVIRONMENT_SERVICE}-")
    if sys.stdin.isatty():
        default = words if valid else None
        return Value(click.prompt("Name of the service", default=default, value_proc=_name, err=True), "as answered")
    if not valid:
        command = suggested("init", "NAME", **{"from": str(given.source or "")})
        raise click.UsageError(f"the folder {folder.name!r} gives the service no valid name: write one: {command}")
    return Value(words, "the name of the folder")


def _port_from(given: Given, application: Application, terminal: bool) -> Value:
    """The port of the container, and None for a worker: as given, as detected, or as a person confirms."""
    found = application.port
    seen = f"; {found.source} has {found.value}" if found.value else ""
    if given.worker:
        return Value(None, f"--worker{seen}")
    if given.port is not None:
        return Value(given.port, f"--port{seen if found.value != given.port else ''}")
    if found.is_sure or not terminal:
        return found
    click.echo(f"The port is not certain: {found.source}.", err=True)
    answer = _ask_port("spec", found.value or 0)
    return Value(answer or None, found.source if answer == (found.value or 0) else "as answered")


def _path_from(given: Given, application: Application, terminal: bool) -> Value:
    """The path of the health check: as given, as detected, or as a person confirms."""
    if given.health is not None:
        return Value(given.health, "--path")
    found = application.path
    if found.is_sure or not terminal:
        return found
    click.echo(f"The path of the health check is not certain: {found.source}.", err=True)
    answer = click.prompt("Path of the health check", default=found.value, value_proc=_path, err=True)
    return Value(answer, found.source if answer == found.value else "as answered")


def _path(text: str) -> str:
    """A path. A prompt that gets a usage error asks again."""
    if not re.fullmatch(PATH, text):
        raise click.UsageError(f"{text!r} is not a valid path: it must start with /")
    return text


def _owner_of(given: Given, name: str, asks: bool) -> str:
    if asks and given.owner is None:
        return str(click.prompt("Owner", default=f"team-{name}", value_proc=_owner, err=True))
    return _owner(given.owner or f"team-{name}")


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
    if not re.fullmatch(NAME, text) or not SHORTEST_NAME <= len(text) <= LONGEST_NAME:
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


def _ask_port(template: str, default: int = PORT) -> int:
    question, lowest = ("Port (0 for a worker)", 0) if template == "spec" else ("Port", LOWEST_PORT)
    return int(click.prompt(question, default=default, type=click.IntRange(lowest, 65535), err=True))


def _write_spec(
    given: Given,
    name: str,
    port: Value,
    path: Value,
    check: Check,
    application: Application | None,
    file: Path | None,
    owner: str,
) -> Path:
    """Write the spec, and return its path. ``application`` is that of the Dockerfile ``file``."""
    target = given.output or Path(f"{name}.yml")
    joins = list(_environments(target.parent))
    balancers = [found[1] for found in (each.balancer_of(None) for each in joins) if found]
    text = render(
        "spec.yml.j2",
        name=name,
        port=port,
        path=path,
        check=check,
        command=_flow(check.command),
        build=_build(target, file, application.context) if file and application else None,
        arguments=application.image.open_arguments[:_MOST_LISTED] if application else [],
        size=(application and application.size) or Value((256, 512), ""),
        architecture=application and application.architecture,
        user=visible(application.image.user) if application and not is_root(application.image.user) else "",
        variables=[(each, literal(value), why) for each, value, why in _variables(application, port)],
        boundary=_boundary(given, target.parent),
        origin=lambda value: f": {value.source}" if value.source else "",
        owner=scalar(owner),
        joins=bool(joins),
        needs_paths=any(each.domain is None for each in balancers),
        schema=SCHEMA,
    )
    write_new(target.parent, {target.name: text})
    return target


def _flow(command: tuple[str, ...]) -> Written:
    """A command in YAML: a line for a shell, or a list of words."""
    return Written(command[0] if len(command) == 1 else f"[{', '.join(map(literal, command))}]")


def _variables(application: Application | None, port: Value) -> Iterator[tuple[str, str, str]]:
    """The variables that the program needs: name, value and reason."""
    if application is None:
        return
    yield from application.variables
    of_image = application.image.variables.get("PORT", "")
    if port.value and of_image.isdigit() and int(of_image) != port.value:
        line = application.at(application.image.line_of("PORT"))
        yield "PORT", str(port.value), f"ENV PORT in {line} has another value."


def _build(target: Path, file: Path, context: Path) -> dict[str, str]:
    """The keys of the build, relative to the spec."""
    folder = os.path.realpath(target.parent)
    paths = {"context": context, "dockerfile": file}
    return {key: literal(Path(os.path.relpath(path, folder)).as_posix()) for key, path in paths.items()}


def _boundary(given: Given, folder: Path) -> Value:
    """The permissions boundary of the service's roles, by the files of the repository, and by the account if an option
    names the connection."""
    for file in filter(None, (file_of(name, folder) for name in sorted(environments_in_files(folder)))):
        document = parse(file.raw, file.name)[0]
        if document is not None and document.value(("environment", "permissionsBoundary")):
            return Value(None, f"permissionsBoundary: the one of {shown(os.path.relpath(file.name))} applies")
    for path in dict.fromkeys((*sorted(folder.glob("*.y*ml")), *specs_here())):
        document = parse(read(path), str(path))[0] if is_spec(path) else None
        boundary = document.value(("service", "permissionsBoundary")) if document else None
        if isinstance(boundary, str) and re.fullmatch(POLICY, boundary.replace("${ENV}", "env")):
            return Value(scalar(boundary), f"as in {shown(path.name)}")
    if workflow := pipeline_workflow(folder):
        return Value(BOUNDARY, f"the pipeline of {shown(workflow.name)} needs it")
    return _boundary_of_account(given.connection) if given.connection.is_given else UNBOUND


def _boundary_of_account(connection: Connection) -> Value:
    """The boundary that ``fsdcf bootstrap`` makes, if the account has one for the environment."""
    from fsdcf.cli.runtime import attempted, end
    from fsdcf.deploy.aws import ApiError, Aws
    from fsdcf.deploy.model import Outcome
    from fsdcf.operate.pipelines import has_policy

    name = BOUNDARY.replace("${ENV}", environment_named(None))

    def ask(aws: Aws) -> Value:
        try:
            has = has_policy(aws, name)
        except ApiError as error:
            if not (error.denied or error.unimplemented):
                raise
            click.echo(f"notice: whether the account has {name} is not known: {error.message}", err=True)
            return UNBOUND
        if not has:
            click.echo(f"notice: the account has no policy {name}", err=True)
        return Value(BOUNDARY, f"the account has {name}") if has else UNBOUND

    found = attempted(connection, ask)
    if isinstance(found, Outcome):
        end(found, as_json=False)
    return found


def _environments(folder: Path) -> Iterator[Environment]:
    """What the files of environments share with the services in a folder. Files with errors count for nothing."""
    for name in sorted(environments_in_files(folder)):
        file = file_of(name, folder)
        spec = run(Request(file.name, file.raw, name)).environment_spec if file else None
        if spec is not None:
            yield spec.environment


def _write_service(given: Given, template: str, name: str, port: int, owner: str) -> None:
    if port < LOWEST_PORT:
        raise click.UsageError(
            f"--port {port}: the service does not run as root, so its port must be {LOWEST_PORT} or higher"
        )
    folder = given.output or Path(name)
    files = service(template, name, port, owner, SCHEMA, _boundary(given, folder))
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
    click.echo(text, err=True)
    _next(*commands)


def _next(*commands: str) -> None:
    click.echo("\n".join(next_lines(commands, painter(sys.stderr))), err=True)
