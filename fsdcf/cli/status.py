"""``fsdcf status``: how a service is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fsdcf.cli.connection import Connection, connection_options
from fsdcf.cli.paint import is_watched, painter, width_of
from fsdcf.cli.running import json_option, run
from fsdcf.cli.sinks.jsonlines import JsonLines
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

    shown: Status | None = None
    tasks = Following(on.target, aws)
    picture = _Picture() if not as_json and is_watched(sys.stdout) else None
    try:
        while True:
            found = status(on.stack, aws)
            if found is None:
                return _absent(on, aws) if shown is None else Outcome(Exit.DONE, f"{on.stack} is gone")
            tasks.look(found)
            if picture:
                picture.show(found, tasks)
            else:
                _changed(found, shown, tasks, as_json)
            shown = found
            aws.sleep(EVERY)
    except KeyboardInterrupt:
        return Outcome(Exit.INTERRUPTED, "no longer watched")
    finally:
        if picture:
            picture.close()


def _changed(found: Status, shown: Status | None, tasks: Following, as_json: bool) -> None:
    """What is new: the status as a whole where it differs, and the tasks that have moved."""
    if found != shown:
        _show(found, as_json)
    if as_json:
        sink = JsonLines(sys.stdout)
        for seen in tasks.news():
            sink(seen)
        return
    stream = Stream(sys.stdout)
    stream.lines(tasks.lines(stream.paint))


class _Picture:
    """The status in one place of the terminal, drawn anew at every look; the last one stays."""

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

    def close(self) -> None:
        self._live.stop()


def _absent(on: Subject, aws: Aws) -> Outcome:
    return Outcome(Exit.USAGE, f"there is no stack {on.stack} in {aws.region}", next=(on.target.redeploy("--image-sha SHA"),))


def _show(found: Status, as_json: bool) -> None:
    if as_json:
        JsonLines(sys.stdout).write(status_record(found))
        return
    stream = Stream(sys.stdout)
    stream.lines(status_lines(found, stream.paint, stream.width))
