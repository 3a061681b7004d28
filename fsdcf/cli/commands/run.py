"""``fsdcf run``: a one-off command with the service's image, network and roles."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fsdcf.cli.options import Connection, connection_options
from fsdcf.cli.render.logs import Lines
from fsdcf.cli.runtime import conducted, json_option
from fsdcf.cli.target import subject, target_options
from fsdcf.deploy.model import Ask, Outcome, Tell

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws


@click.command()
@target_options
@click.argument("words", nargs=-1, required=True, metavar="-- COMMAND...")
@click.option("--yes", is_flag=True, help="Do not ask, where the service's store has one writer and its task runs.")
@connection_options
@json_option
def command(
    service: str, environment: str | None, words: tuple[str, ...], yes: bool, connection: Connection, as_json: bool
) -> None:
    """Run a command in a task of its own, with the image, network and roles of the service, and follow what it logs.

    The exit code is the command's own, once it ran. Ctrl-C asks ECS to stop the task. The image's ENTRYPOINT, or the spec's, stays in
    front of the command. Beside the task of a service whose store has one writer, such as SQLite, it asks first.
    """
    on = subject(service, environment)
    codes: list[int] = []
    show = Lines(sys.stdout, as_json, plain=True)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.operate.run import run

        returned = run(on.target, words, yes, aws, tell, ask, show)
        if returned.code is not None:
            codes.append(returned.code)
        return returned.outcome

    outcome = conducted(on.target, connection, as_json, act, aside=True)
    click.get_current_context().exit(codes[0] if codes else int(outcome.exit))
