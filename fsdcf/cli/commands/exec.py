"""``fsdcf exec``: a command inside of a running container, through the session plugin of AWS."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.options import Connection, connection_options
from fsdcf.cli.runtime import conducted
from fsdcf.cli.target import Subject, subject, target_options
from fsdcf.deploy.model import Ask, Exit, Outcome, Tell

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.operate.sessions import Session

PLUGIN = "session-manager-plugin"
INSTALL = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
)
VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
"""Where the plugin looks for the session's response when it is given this name in its place: arguments are seen by everybody."""

_WITHOUT_VARIABLE = (1, 2, 497)
"""The last version of the plugin that takes the response as an argument alone."""


@click.command()
@target_options
@click.option("--task", default="", metavar="ID", help="Id of the task, or how it begins.  [default: the youngest one]")
@click.option("--container", default="", metavar="NAME", help="Container of the task.  [default: the service's own]")
@click.option(
    "--command", "inside", default="/bin/sh", show_default=True, metavar="COMMAND", help="What to run in the container."
)
@connection_options
def command(
    service: str, environment: str | None, task: str, container: str, inside: str, connection: Connection
) -> None:
    """Open a shell, or run a command, inside of a running container. Needs service.enableExecuteCommand in the spec."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        return _entered(on, aws, connection, task, container, inside)

    outcome = conducted(on.target, connection, False, act, quiet=True, aside=True)
    click.get_current_context().exit(int(outcome.exit))


def _entered(on: Subject, aws: Aws, connection: Connection, task: str, container: str, inside: str) -> Outcome:
    from fsdcf.operate.sessions import open_session

    program = shutil.which(PLUGIN)
    if program is None and not connection.sandbox:
        return Outcome(
            Exit.USAGE, f"the session plugin of AWS is not installed ({PLUGIN})", next=(f"install it: {INSTALL}",)
        )
    session = open_session(on.target, aws, task, container, inside, on.places)
    click.echo(f"{inside} in {session.container} of the task {session.task}", err=True)
    if connection.sandbox or program is None:
        click.echo("the sandbox runs no container: on AWS the session would begin here", err=True)
        return Outcome(Exit.DONE, f"the session in {on.stack} would begin")
    try:
        code = attached(program, session, connection.profile or "", dict(os.environ))
    except OSError as error:
        sentence = f"the session plugin of AWS cannot be run: {program}: {error.strerror or error}"
        return Outcome(Exit.USAGE, sentence, next=(f"install it anew: {INSTALL}",))
    if code == 0:
        return Outcome(Exit.DONE, f"the session in {on.stack} ended")
    return Outcome(Exit.FAILED, f"the session in {on.stack} ended with {code}", next=(on.target.command("exec"),))


def attached(program: str, session: Session, profile: str, environment: dict[str, str]) -> int:
    """The plugin's exit code, once the session is over. The terminal, and what is pressed on it, are the plugin's until then.

    The token goes by a variable, which others do not see; an old plugin takes it as an argument alone.
    """
    response = json.dumps(dict(session.response))
    if _version(program) > _WITHOUT_VARIABLE:
        environment = {**environment, VARIABLE: response}
        response = VARIABLE
    request = json.dumps({"Target": session.target})
    words = [program, response, session.region, "StartSession", profile, request, session.endpoint]
    with _pressed_elsewhere():
        return subprocess.run(words, env=environment, check=False).returncode  # noqa: S603


def _version(program: str) -> tuple[int, ...]:
    """The plugin's version by its first three numbers; of one that does not tell it: the oldest."""
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", told)
    return tuple(map(int, found.groups())) if found else ()


@contextmanager
def _pressed_elsewhere() -> Iterator[None]:
    """Ctrl-C, Ctrl-\\ and Ctrl-Z are for the container, as long as the block lasts.

    The handler does nothing. To ignore the signals would not do: a program that is started then ignores them as well.
    """
    names = [name for name in ("SIGINT", "SIGQUIT", "SIGTSTP") if hasattr(signal, name)]
    former: dict[Any, Any] = {getattr(signal, name): signal.signal(getattr(signal, name), _nothing) for name in names}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Takes a signal, and does nothing about it."""
