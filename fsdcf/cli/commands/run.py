"""``fsdcf run``: a command in a one-off task with the service's image, network and roles."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fsdcf.cli.options import (
    Connection,
    ContainerCommand,
    Subject,
    connection_options,
    container_command,
    json_option,
    target_options,
    yes_option,
)
from fsdcf.cli.render.logs import LogPrinter
from fsdcf.cli.runtime import perform
from fsdcf.deploy.model import Ask, Outcome, Tell

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws


@click.command(cls=ContainerCommand)
@target_options
@click.argument("words", nargs=-1, required=True, metavar="-- COMMAND...")
@yes_option(
    "Skip the confirmation prompt, which appears while the task of a service with a single-writer store is running."
)
@connection_options
@json_option
def run_command(subject: Subject, words: tuple[str, ...], yes: bool, connection: Connection, as_json: bool) -> None:
    """Run a command in a one-off task with the image, network and roles of the service, and show its logs.

    The exit code is that of the command, once it has run. Ctrl-C stops the task. The ENTRYPOINT of the image or the
    spec precedes the command. A store with a single writer, such as SQLite, needs a confirmation while the service's
    own task is running.
    """
    codes: list[int] = []
    show = LogPrinter(sys.stdout, as_json, plain=True)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.run import Run
        from fsdcf.operate.run import run

        returned = run(Run(aws, tell, subject.target, ask), container_command(words), yes, show)
        if returned.code is not None:
            codes.append(returned.code)
        return returned.outcome

    outcome = perform(subject.target, connection, as_json, act, aside=True)
    click.get_current_context().exit(codes[0] if codes else int(outcome.exit))
