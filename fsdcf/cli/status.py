"""``fsdcf status``: how a service is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fsdcf.cli.connection import Connection, connection_options
from fsdcf.cli.paint import is_watched, painter, width_of
from fsdcf.cli.running import json_option, run
from fsdcf.cli.sinks.jsonlines import JsonLines, record
from fsdcf.cli.sinks.stream import Stream
from fsdcf.cli.target import Subject, subject, target_options
from fsdcf.cli.views import status_lines, status_record
from fsdcf.deploy.model import Ask, Exit, Outcome, Tell

if TYPE_CHECKING:
    from fsdcf.cli.following import Following
    from fsdcf.deploy.aws import Aws
    from fsdcf.operate.status import Status

EVERY = 5.0
"""Seconds between two looks of ``--watch``: one call of CloudFormation's each, which leaves a deploy its budget."""


@click.command()
@target_options
@click.option("--watch", "watching", is_flag=True, help="Show it again whenever it changes, until Ctrl-C.")
@connection_options
@json_option
def command(service: str, environment: str | None, watching: bool, connection: Connection, as_json: bool) -> None:
    """Show how a service is: its stack, the image that runs, tasks, targets and rollouts."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        if not watching:
            return _once(on, aws, as_json)
        return _watched(on, aws, as_json)

    run(on.target, connection, as_json, act, quiet=True)


def _once(on: Subject, aws: Aws, as_json: bool) -> Outcome:
    from fsdcf.operate.status import status

    found = status(on.stack, aws)
    if found is None:
        return _absent(on, aws)
    _show(found, as_json)
    return Outcome(Exit.DONE, f"{on.stack} is {found.stack.status}")


def _watched(on: Subject, aws: Aws, as_json: bool) -> Outcome:
    """Again and again. A terminal is shown a picture; other readers what is new. Ctrl-C is how it ends, and no failure."""
    from fsdcf.cli.following import Following
    from fsdcf.operate.status import status

    begun = False
    tasks = Following(on.target, aws)
    view = _Picture() if not as_json and is_watched(sys.stdout) else _Changes(as_json)
    try:
        while not view.gone:
            found = status(on.stack, aws)
            if found is None and not begun:
                return _absent(on, aws)
            if found is None:
                view.say(f"{on.stack} is gone")
                return Outcome(Exit.DONE, f"{on.stack} is gone")
            begun = True
            tasks.look(found)
            view.show(found, tasks)
            aws.sleep(EVERY)
        return Outcome(Exit.DONE, "nobody reads it any more")
    except KeyboardInterrupt:
        return Outcome(Exit.INTERRUPTED, "no longer watched")
    finally:
        view.close()


class _Changes:
    """What is new, line by line: the status as a whole where it differs, and the tasks that have moved."""

    def __init__(self, as_json: bool) -> None:
        self._json = JsonLines(sys.stdout) if as_json else None
        self._stream = Stream(sys.stdout)
        self._shown: Status | None = None

    @property
    def gone(self) -> bool:
        """Whether the reader has left, as in ``fsdcf status --watch | head``."""
        return self._stream.gone or (self._json is not None and self._json.gone)

    def show(self, found: Status, tasks: Following) -> None:
        differs, self._shown = found != self._shown, found
        stream = self._stream
        if self._json:
            records = [status_record(found)] if differs else []
            for one in (*records, *map(record, tasks.news())):
                self._json.write(one)
            return
        if differs:
            stream.lines(status_lines(found, stream.paint, stream.width))
        stream.lines(tasks.lines(stream.paint))

    def say(self, text: str) -> None:
        if not self._json:
            self._stream.lines([text])

    def close(self) -> None:
        """Nothing is held open."""


class _Picture:
    """The status in one place of the terminal, drawn anew at every look; the last one stays."""

    gone = False
    """Whoever sits at a terminal does not leave it unnoticed."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(file=sys.stdout, highlight=False), auto_refresh=False)
        self._live.start()

    def show(self, found: Status, tasks: Following) -> None:
        from rich.text import Text

        paint, width = painter(sys.stdout), width_of(sys.stdout)
        lines = status_lines(found, paint, width, tasks.picture(paint, width))
        self._live.update(Text.from_ansi("\n".join(lines)), refresh=True)

    def say(self, text: str) -> None:
        self.close()
        Stream(sys.stdout).lines([text])

    def close(self) -> None:
        self._live.stop()


def _absent(on: Subject, aws: Aws) -> Outcome:
    return Outcome(
        Exit.USAGE, f"there is no stack {on.stack} in {aws.region}", next=(on.target.redeploy("--image-sha SHA"),)
    )


def _show(found: Status, as_json: bool) -> None:
    if as_json:
        JsonLines(sys.stdout).write(status_record(found))
        return
    stream = Stream(sys.stdout)
    stream.lines(status_lines(found, stream.paint, stream.width))
