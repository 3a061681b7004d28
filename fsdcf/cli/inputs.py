"""What the commands share: options for a spec, reading files, the environment's name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fsdcf.pipeline import Request

ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{0,19}")
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
    if not ENVIRONMENT.fullmatch(name):
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
