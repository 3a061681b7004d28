"""``fsdcf exec``: a command in a running container, through the Session Manager plugin of AWS."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.options import ContainerCommand, container_command
from fsdcf.cli.runtime import StackCall, stack_command
from fsdcf.deploy.model import Exit, Outcome

if TYPE_CHECKING:
    from fsdcf.operate.sessions import Session

PLUGIN = "session-manager-plugin"
INSTALL = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
)
VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
"""The variable that passes the session's response to the plugin; unlike an argument, other users cannot read it."""

_WITHOUT_VARIABLE = (1, 2, 497)
"""The last version of the plugin that does not know the variable."""


def _habit(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A flag that docker, kubectl and the AWS CLI need for a terminal, which a session always has."""
    return click.option(*names, is_flag=True, hidden=True, expose_value=False)


@stack_command(
    _habit("-i", "--interactive"),
    _habit("-t", "--tty"),
    click.argument("words", nargs=-1, metavar="[-- COMMAND...]"),
    click.option(
        "--task", default="", metavar="ID", help="Task ID, or a unique prefix of it.  [default: the newest task]"
    ),
    click.option(
        "--container", default="", metavar="NAME", help="Container of the task.  [default: the service's container]"
    ),
    click.option(
        "--command",
        "line",
        default="",
        metavar="LINE",
        help="Command to run in the container, as one argument.  [default: /bin/sh]",
    ),
    quiet=True,
    aside=True,
    has_json=False,
    cls=ContainerCommand,
)
def exec_command(call: StackCall, words: tuple[str, ...], task: str, container: str, line: str) -> Outcome:
    """Open a shell, or run a command, in a running container.

    The spec must have service.enableExecuteCommand: true. ECS Exec does not return the exit code of the command.
    """
    from fsdcf.operate.sessions import open_session

    if words and line:
        raise click.UsageError("the command is given twice: by --command and as arguments")
    inside = line or shlex.join(container_command(words)) or "/bin/sh"

    subject, connection = call.subject, call.connection
    program = shutil.which(PLUGIN)
    if program is None and not connection.sandbox:
        sentence = f"the Session Manager plugin of AWS is not installed ({PLUGIN})"
        return Outcome(Exit.USAGE, sentence, next=(f"install it: {INSTALL}",))
    session = open_session(call.run, task, container, inside)
    click.echo(f"{inside} in {session.container} of the task {session.task}", err=True)
    if connection.sandbox or program is None:
        sentence = f"no session was opened and `{inside}` was not run: the sandbox runs no containers"
        return Outcome(Exit.UNKNOWN, sentence)
    try:
        code = attached(program, session, connection.profile or "", dict(os.environ))
    except OSError as error:
        sentence = f"the Session Manager plugin cannot be run: {program}: {error.strerror or error}"
        return Outcome(Exit.USAGE, sentence, next=(f"reinstall it: {INSTALL}",))
    if code == 0:
        return Outcome(Exit.DONE, f"the session in {subject.stack} ended")
    sentence = f"the session in {subject.stack} ended with exit code {code}"
    return Outcome(Exit.FAILED, sentence, next=(subject.target.command("exec"),))


def attached(program: str, session: Session, profile: str, environment: dict[str, str]) -> int:
    """Run the plugin until the session ends, and return its exit code.

    Until then the plugin owns the terminal and its key presses.

    The token is passed in a variable, which other users cannot read; an old plugin takes it as an argument only.
    """
    response = json.dumps(dict(session.response))
    if _version(program) > _WITHOUT_VARIABLE:
        environment = {**environment, VARIABLE: response}
        response = VARIABLE
    request = json.dumps({"Target": session.target})
    words = [program, response, session.region, "StartSession", profile, request, session.endpoint]
    with _terminal_signals_ignored(), _terminal_input() as terminal:
        return subprocess.run(words, env=environment, stdin=terminal, check=False).returncode  # noqa: S603


def _version(program: str) -> tuple[int, ...]:
    """The plugin's version as three numbers; empty, the oldest, if it is unknown."""
    try:
        command = [program, "--version"]
        output = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.search(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})", output)
    return tuple(map(int, match.groups())) if match else ()


@contextmanager
def _terminal_input() -> Iterator[int | None]:
    """A pseudo terminal that passes on standard input, for the block; None if that is a terminal itself.

    The plugin ends the session at the end of its input, even if the output of the command has not arrived yet: without
    a terminal, as in a pipeline, it would show nothing.
    Source: https://github.com/aws/amazon-ssm-agent/issues/354
    """
    try:
        import pty
        import tty

        source = sys.stdin.fileno()
    except (ImportError, AttributeError, OSError, ValueError):  # Windows, or no standard input
        yield None
        return
    if os.isatty(source):
        yield None
        return
    ours, theirs = pty.openpty()
    tty.setraw(theirs)  # the end of the input is a character for the container's terminal
    threading.Thread(target=_pass_on, args=(source, ours), daemon=True).start()
    try:
        yield theirs
    finally:
        os.close(theirs)


def _pass_on(source: int, terminal: int) -> None:
    """Write an input to a terminal, and at its end Ctrl-D: twice in the middle of a line."""
    last = b"\n"
    with suppress(OSError):  # the session has ended
        while chunk := os.read(source, 1024):
            os.write(terminal, chunk)
            last = chunk
        os.write(terminal, b"\x04" if last.endswith(b"\n") else b"\x04\x04")


@contextmanager
def _terminal_signals_ignored() -> Iterator[None]:
    """Leave Ctrl-C, Ctrl-\\ and Ctrl-Z to the container while the block lasts.

    The handler does nothing; SIG_IGN would be inherited by the program that is started.
    """
    signals = [getattr(signal, name) for name in ("SIGINT", "SIGQUIT", "SIGTSTP") if hasattr(signal, name)]
    former: dict[Any, Any] = {number: signal.signal(number, lambda number, frame: None) for number in signals}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
