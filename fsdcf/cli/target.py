"""Which stack a command is about: by a spec, or by the service's name where no template is needed."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from fsdcf.cli.lookup import Places
from fsdcf.cli.options import environment_named, read
from fsdcf.deploy.model import Place, Target
from fsdcf.language.model.common import NAME
from fsdcf.language.source import parse
from fsdcf.pipeline import Request, run

_Command = Callable[..., Any]


@dataclass(frozen=True)
class Subject:
    """A stack: whose it is, and where its resources stand in the spec, if one is at hand."""

    target: Target
    places: Callable[[str], Place | None]

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.target.stack


def target_options(command: _Command) -> _Command:
    """``SPEC|NAME`` and ``--env``, for the commands that need no template."""
    command = click.option(
        "--env", "environment", metavar="NAME", help="Environment of the service. Default: FSDCF_ENV, then staging."
    )(command)
    return click.argument("service", metavar="SPEC|NAME")(command)


def subject(service: str, environment: str | None) -> Subject:
    """The stack that a command names. A file of that name is a spec; what is no file must be able to name a service."""
    named = environment_named(environment)
    if os.path.isfile(service):
        return _of_spec(service, named)
    if not re.fullmatch(NAME, service):
        kind = (
            "there is no such file"
            if "." in service or os.sep in service
            else "lower-case letters, digits and single hyphens"
        )
        raise click.UsageError(f"{service!r} is neither a spec nor the name of a service: {kind}")
    return Subject(Target(service, named), lambda logical_id: None)


def at_hand(target: Target) -> Target:
    """The target with the command that deploys it, where no spec was named and one with its name lies where ``fsdcf init`` puts it."""
    if target.spec != "SPEC":
        return target
    for file in (
        f"{target.service}.yml",
        f"{target.service}.yaml",
        os.path.join(target.service, f"{target.service}.yml"),
    ):
        if os.path.isfile(file) and _name_in(file) == target.service:
            return replace(target, redeploy_command=f"fsdcf deploy {shlex.quote(file)} --env {target.environment}")
    return target


def _name_in(file: str) -> object:
    """What a spec calls its service; None where it cannot be read."""
    try:
        document, _ = parse(read(Path(file)), file)
    except click.UsageError:
        return None
    metadata = document.data.get("metadata") if document else None
    return metadata.get("name") if isinstance(metadata, dict) else None


def _of_spec(file: str, environment: str) -> Subject:
    """By a spec. It need not be free of errors, as long as it says what the service is called."""
    result = run(Request(file, read(Path(file)), environment))
    metadata = result.document.data.get("metadata") if result.document else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        raise click.UsageError(f"{file!r} does not say what the service is called; see fsdcf validate {file}")
    return Subject(Target(name, environment, f"fsdcf deploy {shlex.quote(file)} --env {environment}"), Places(result))
