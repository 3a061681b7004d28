"""What the commands share: options for a spec, reading files, the environment's name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from fsdcf.cli.files import lint_folder
from fsdcf.conventions import ENVIRONMENT_PATTERN
from fsdcf.pipeline import Request

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws


_Command = Callable[..., Any]


def spec_options(command: _Command) -> _Command:
    """``SPEC…``, ``--env``, ``--override`` and ``--var``."""
    specs = click.argument("specs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SPEC...")
    return specs(compile_options(command))


def compile_options(command: _Command) -> _Command:
    """``--env``, ``--override`` and ``--var``."""
    for add in (
        click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="Value of ${NAME}; repeatable."),
        click.option(
            "--override",
            "overrides",
            multiple=True,
            metavar="KEY=VALUE",
            help="Override a key, such as resources.cpu=2048; repeatable.",
        ),
        click.option(
            "--env", "environment", metavar="NAME", help="Environment to compile for. Default: FSDCF_ENV, then staging."
        ),
    ):
        command = add(command)
    return command


def requests(
    specs: tuple[Path, ...], environment: str | None, overrides: tuple[str, ...], variables: tuple[str, ...]
) -> list[Request]:
    """A request for each spec. Usage errors for a file, environment or variable that cannot be."""
    name = environment_named(environment)
    known = variables_given(variables)
    return [Request(str(path), read(path), name, overrides, known) for path in specs]


def variables_given(variables: tuple[str, ...]) -> dict[str, str]:
    """The values of ``--var``. A usage error for one that cannot be."""
    return dict(_variable(text) for text in variables)


def environment_named(environment: str | None) -> str:
    """The environment: the one that is given, else FSDCF_ENV, else staging. A usage error if it cannot be one."""
    name = environment or os.environ.get("FSDCF_ENV") or "staging"
    if not re.fullmatch(ENVIRONMENT_PATTERN, name):
        raise click.UsageError(
            f"{name!r} cannot name an environment: a letter, then up to 19 lower-case letters, digits and hyphens"
        )
    return name


def read(path: Path) -> bytes:
    """A file's bytes, at most a little more than a spec may hold."""
    try:
        with open(path, "rb") as file:
            return file.read((1 << 20) + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise click.UsageError(f"cannot read {str(path)!r}: {reason}") from None


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise click.UsageError(f"--var takes NAME=VALUE, not {text!r}")
    if name == "ENV":
        raise click.UsageError("--var cannot set ENV: it is the environment's name; use --env")
    return name, value


SANDBOX_REGION = "us-east-1"
SANDBOX_PORT = 4580
"""Where the sandbox listens as an endpoint, unless it is told otherwise."""

PACE = 0.03
"""A minute of AWS's is two seconds in the sandbox: a first deploy takes some ten."""

_REGION = re.compile(r"(?!\d+$)(?!-)[A-Za-z0-9-]{1,63}(?<!-)")


@dataclass(frozen=True)
class Connection:
    """What was asked for; None for what boto3 finds by itself. ``faults`` are what goes wrong in the sandbox, as texts."""

    profile: str | None = None
    region: str | None = None
    endpoint: str | None = None
    sandbox: bool = False
    faults: tuple[str, ...] = ()

    @property
    def pace(self) -> float:
        """How long a second of the connection's clock takes: in the sandbox it goes faster."""
        return PACE if self.sandbox else 1.0

    @property
    def flags(self) -> tuple[str, ...]:
        """The options that lead another command to the same place."""
        named = (("--profile", self.profile), ("--region", self.region), ("--endpoint-url", self.endpoint))
        flags = [word for option, value in named if value for word in (option, value)]
        return (*flags, "--sandbox") if self.sandbox else tuple(flags)


def connection_options(command: _Command) -> _Command:
    """``--profile``, ``--region``, ``--endpoint-url`` and ``--sandbox``, as one ``connection``."""

    @wraps(command)
    def connected(
        *arguments: Any,
        profile: str | None,
        region: str | None,
        endpoint_url: str | None,
        sandbox: bool,
        **options: Any,
    ) -> Any:
        connection = checked(Connection(profile, region, endpoint_url, sandbox))
        return command(*arguments, connection=connection, **options)

    for add in (
        click.option("--sandbox", is_flag=True, help="Rehearse: talk to the sandbox on this machine instead of AWS."),
        click.option("--endpoint-url", metavar="URL", help="Talk to this endpoint.  [env: AWS_ENDPOINT_URL]"),
        click.option("--region", metavar="NAME", help="Region.  [env: AWS_REGION, AWS_DEFAULT_REGION]"),
        click.option("--profile", metavar="NAME", help="Profile of the AWS configuration.  [env: AWS_PROFILE]"),
    ):
        connected = add(connected)
    return connected


def checked(connection: Connection) -> Connection:
    """The connection, if it can be one; else a usage error."""
    if connection.faults and not connection.sandbox:
        raise click.UsageError("--fault plays failures in the sandbox: it goes with --sandbox")
    if connection.sandbox and (connection.profile or connection.endpoint):
        raise click.UsageError("--sandbox needs no --profile and no --endpoint-url: it is a place of its own")
    for source, region in (("--region", connection.region), *_environment("AWS_REGION", "AWS_DEFAULT_REGION")):
        if region and not _REGION.fullmatch(region):
            raise click.UsageError(f"{source}: {region!r} cannot be a region; write one such as eu-west-1")
    for source, url in (("--endpoint-url", connection.endpoint), *_environment("AWS_ENDPOINT_URL")):
        if url and not connection.sandbox and not _is_url(url):
            raise click.UsageError(f"{source}: {url!r} cannot be an endpoint; write one such as http://127.0.0.1:4566")
    return connection


@contextmanager
def connected(connection: Connection) -> Iterator[Aws]:
    """AWS, or the sandbox, for as long as the block lasts. Raises ConnectionProblem; makes no call.

    botocore reads AWS_DEFAULT_REGION and not AWS_REGION, which other SDKs prefer: it is read here. AWS_PROFILE and
    AWS_ENDPOINT_URL botocore reads itself. Who runs the commands from Python may bring an AWS of their own: the context's object is
    then called with the connection.
    """
    bring: Callable[[Connection], Aws] | None = click.get_current_context().obj
    if bring is not None:
        yield bring(connection)
        return
    from fsdcf.deploy.aws import connect

    region = connection.region or os.environ.get("AWS_REGION") or None
    if not connection.sandbox:
        yield connect(connection.profile, region, connection.endpoint)
        return
    with _sandboxed(region or os.environ.get("AWS_DEFAULT_REGION") or SANDBOX_REGION, connection.faults) as aws:
        yield aws


def state_file() -> Path:
    """Where the sandbox keeps its state between runs."""
    return lint_folder().parent / "sandbox" / "state.sqlite"


@contextmanager
def _sandboxed(region: str, faults: tuple[str, ...]) -> Iterator[Aws]:
    from fsdcf.cli.rehearsal import fault_of, rehearsing

    with rehearsing(state_file(), region, PACE, [fault_of(text) for text in faults]) as aws:
        yield aws


def _environment(*names: str) -> Iterator[tuple[str, str | None]]:
    yield from ((name, os.environ.get(name)) for name in names)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
