"""``fsdcf logs``: what the tasks of a service log, across all of them."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from fsdcf.cli.options import Connection, connection_options
from fsdcf.cli.render.durations import spoken
from fsdcf.cli.render.logs import Lines, until_gone
from fsdcf.cli.runtime import conducted, json_option
from fsdcf.cli.target import Subject, subject, target_options
from fsdcf.deploy.model import Ask, Exit, Outcome, Tell

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.operate.logs import LogLine

_DEFAULT = 600.0
_FILTER = "Only lines that match: words that all occur, or a quoted phrase, as CloudWatch's filter patterns say it."


def _since(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """An option's callback: a length of time in seconds, also in days, of which logs may keep many; None where none is given."""
    from fsdcf.cli.render.durations import duration

    if text is not None and text.strip().lower().endswith("d") and text.strip()[:-1].isdecimal():
        days = int(text.strip()[:-1])
        if 0 < days <= 3653:
            return days * 86400.0
    try:
        return duration(context, parameter, text)
    except click.BadParameter:
        raise click.BadParameter(
            f"{text!r} cannot be how long ago: write 90s, 10m, 2h, up to 36h, or whole days such as 3d"
        ) from None


@dataclass(frozen=True)
class _Asked:
    """Which lines are wanted: since how many seconds, that match a pattern, of a task whose id begins so, the last so many."""

    since: float | None
    pattern: str
    task: str
    tail: int | None
    follow: bool

    @property
    def words(self) -> str:
        """What there is none of, where there is none: ``lines of the task 0a1b2c3d that match``."""
        return f"lines{f' of the task {self.task}' if self.task else ''}{' that match' if self.pattern else ''}"


def _task(context: click.Context, parameter: click.Parameter, text: str) -> str:
    """An option's callback: how a task's id begins, out of an id or an ARN."""
    wanted = text.rpartition("/")[2]
    if text and not wanted.isalnum():
        raise click.BadParameter(f"{text!r} is no task's id: write it, or how it begins, as a line of the log shows it")
    return wanted


@click.command()
@target_options
@click.option("-f", "--follow", is_flag=True, help="Show lines as they come, until Ctrl-C.")
@click.option("--since", callback=_since, metavar="TIME", help="Begin so long ago: 90s, 10m, 2h, 3d.  [default: 10m]")
@click.option(
    "--tail",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Begin with the last N lines, of the last week where --since is not given.",
)
@click.option(
    "--task", callback=_task, default="", metavar="ID", help="Only lines of this task: its id, or how it begins."
)
@click.option("--filter", "pattern", default="", metavar="PATTERN", help=_FILTER)
@connection_options
@json_option
def command(
    service: str,
    environment: str | None,
    follow: bool,
    since: float | None,
    tail: int | None,
    task: str,
    pattern: str,
    connection: Connection,
    as_json: bool,
) -> None:
    """Show what the tasks of a service log, oldest first, across all tasks. What looks like a key or a password is masked."""
    on = subject(service, environment)
    asked = _Asked(since, pattern, task, tail, follow)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        return _shown(on, aws, asked, as_json)

    outcome = conducted(on.target, connection, as_json, act, quiet=True, aside=True)
    click.get_current_context().exit(int(outcome.exit))


def _shown(on: Subject, aws: Aws, asked: _Asked, as_json: bool) -> Outcome:
    from fsdcf.operate import logs

    group = logs.group_of(on.target, aws)
    show = Lines(sys.stdout, as_json)

    def each() -> None:
        for line in _lines(aws, group, asked):
            show(line)

    try:
        until_gone(each)
    except KeyboardInterrupt:
        return Outcome(Exit.INTERRUPTED, "no longer followed" if asked.follow else "not all lines were shown")
    if not show.count and not as_json:
        week = asked.tail is not None and asked.since is None
        reach = spoken(logs.REACHES[-1] if week else asked.since or _DEFAULT)
        click.echo(f"no {asked.words} in the last {reach} in {group}; --since asks for more", err=True)
    return Outcome(Exit.DONE, f"{show.count} lines of {on.stack}")


def _lines(aws: Aws, group: str, asked: _Asked) -> Iterator[LogLine]:
    from fsdcf.operate import logs

    now = time.time()
    if asked.tail is not None and asked.since is None:
        found = logs.last(aws, group, asked.tail, now, asked.pattern, asked.task)
        if not asked.follow:
            return iter(found)
        begin = found[0].time if found else int(now * 1000)
    else:
        begin = int((now - (asked.since or _DEFAULT)) * 1000)
    if asked.follow:
        return logs.follow(aws, group, begin, asked.pattern, asked.task, asked.tail)
    lines = logs.read(aws, group, begin, asked.pattern, asked.task)
    return lines if asked.tail is None else iter(deque(lines, asked.tail))
