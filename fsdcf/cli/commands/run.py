"""``fsdcf run``: a command in a one-off task with the service's image, network and roles, or a run of a job."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.options import (
    Connection,
    ContainerCommand,
    Subject,
    at_home,
    connection_options,
    container_command,
    json_option,
    target_options,
    timeout_option,
    yes_option,
)
from fsdcf.cli.render.logs import LogPrinter
from fsdcf.cli.runtime import perform
from fsdcf.cloudformation.limits import FARGATE_MEMORY
from fsdcf.deploy.model import Ask, Outcome, Tell

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws


def _variables(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """An option's callback: ``NAME=VALUE`` texts as a mapping. The value of a wrong text is not repeated."""
    variables: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise click.BadParameter(f"expects NAME=VALUE; {name!r} is not a name" if equals else "expects NAME=VALUE")
        variables[name] = value
    return variables


@click.command(cls=ContainerCommand)
@target_options
@click.argument("words", nargs=-1, metavar="[-- COMMAND...]")
@click.option(
    "--cpu",
    type=click.Choice([str(cpu) for cpu in FARGATE_MEMORY]),
    metavar="UNITS",
    help="CPU units of the task, such as 1024 for one vCPU.  [default: those of the service]",
)
@click.option(
    "--memory",
    type=click.IntRange(512, 249_856),
    metavar="MIB",
    help="Memory of the task in MiB; must be available with the CPU units.  [default: that of the service]",
)
@click.option(
    "--env-var",
    "variables",
    multiple=True,
    callback=_variables,
    metavar="NAME=VALUE",
    help="Add or replace an environment variable, visible to all who may describe the task; repeatable.",
)
@timeout_option("Maximum time until the task is stopped, for example 90s, 30m or 2h.  [default: no limit]")
@click.option("--detach", is_flag=True, help="Start the task, print its ID on standard output and return at once.")
@yes_option(
    "Skip the confirmation prompt, which appears while the task of a service with a single-writer store is running."
)
@connection_options
@json_option
def run_command(
    subject: Subject, words: tuple[str, ...], cpu: str | None, connection: Connection, as_json: bool, **options: Any
) -> None:
    """Run a command in a one-off task with the image, network and roles of the service, and show its logs.

    A job needs no command: it is started as its schedule starts it, with its retries and its timeout. The exit code is
    that of the command, once it has run; 0 with --detach, and 1 after the timeout. Ctrl-C stops the task of a service;
    the run of a job continues. The ENTRYPOINT of the image or the spec precedes the command. A store with a single
    writer, such as SQLite, needs a confirmation while the service's own task is running. The sandbox runs no command:
    its exit code is 6. A job without a command ends there with a made-up exit code.
    """
    codes: list[int] = []
    show = LogPrinter(sys.stdout, as_json, plain=True)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.run import Run
        from fsdcf.operate.run import OneOffOptions, run

        chosen = OneOffOptions(cpu=int(cpu) if cpu else None, **options)
        returned = run(Run(aws, tell, subject.target, ask), container_command(words), chosen, show)
        if returned.code is not None:
            codes.append(returned.code)
        if chosen.detach and returned.task and not as_json:
            click.echo(returned.task)
        return returned.outcome

    connection = at_home(connection, subject.home)
    outcome = perform(subject.target, connection, as_json, act, aside=True)
    click.get_current_context().exit(codes[0] if codes else int(outcome.exit))
