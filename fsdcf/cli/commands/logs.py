"""``fsdcf logs``: the log lines of all tasks of a service."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from fsdcf.cli.render.durations import duration, format_duration
from fsdcf.cli.render.logs import LogPrinter, ReaderGone
from fsdcf.cli.runtime import StackCall, stack_command
from fsdcf.deploy.model import Exit, Outcome

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.operate.logs import LogLine

_DEFAULT_SINCE = 600.0
_MAX_DAYS = 3653
"""The longest retention of CloudWatch Logs."""


def _since(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """An option's callback: a length of time in seconds, also in days; None stays None."""
    days = (text or "").strip().lower()
    if days.endswith("d") and days[:-1].isdecimal() and 0 < int(days[:-1]) <= _MAX_DAYS:
        return int(days[:-1]) * 86400.0
    try:
        return duration(context, parameter, text)
    except click.BadParameter:
        raise click.BadParameter(
            f"{text!r} is not a valid time: use 90s, 10m, 2h, up to 36h, or whole days such as 3d"
        ) from None


def _task(context: click.Context, parameter: click.Parameter, text: str) -> str:
    """An option's callback: the prefix of a task ID, from an ID or an ARN."""
    prefix = text.rpartition("/")[2]
    if text and not prefix.isalnum():
        raise click.BadParameter(f"{text!r} is not a task ID: use the ID in a log line, or a prefix of it")
    return prefix


@stack_command(
    click.option("-f", "--follow", is_flag=True, help="Show new lines as they arrive, until Ctrl-C."),
    click.option(
        "--since", callback=_since, metavar="TIME", help="Age of the oldest line: 90s, 10m, 2h or 3d.  [default: 10m]"
    ),
    click.option(
        "--tail",
        type=click.IntRange(1, 10_000),
        metavar="N",
        help="Start with the last N lines; without --since, of the last week.",
    ),
    click.option(
        "--task", callback=_task, default="", metavar="ID", help="Only lines of this task: its ID, or a prefix of it."
    ),
    click.option(
        "--filter",
        "pattern",
        default="",
        metavar="PATTERN",
        help="Only lines that match a CloudWatch Logs filter pattern: words that all occur, or a quoted phrase.",
    ),
    quiet=True,
    aside=True,
)
def logs_command(
    call: StackCall, follow: bool, since: float | None, tail: int | None, task: str, pattern: str
) -> Outcome:
    """Show the logs of all tasks of a service, oldest line first. Keys and passwords are masked."""
    from fsdcf.operate import logs

    group = logs.group_of(call.subject.target, call.aws)
    show = LogPrinter(sys.stdout, call.as_json)
    try:
        for line in _lines(call.aws, group, follow, since, tail, task, pattern):
            show(line)
    except ReaderGone:  # as in ``fsdcf logs --follow | head``
        pass
    except KeyboardInterrupt:
        return Outcome(Exit.INTERRUPTED, "stopped following" if follow else "some lines were not shown")
    if not show.count and not call.as_json:
        lines = f"lines{f' of the task {task}' if task else ''}{' that match' if pattern else ''}"
        reach = format_duration(logs.REACHES[-1] if tail is not None and since is None else since or _DEFAULT_SINCE)
        click.echo(f"no {lines} in the last {reach} in {group}; use --since for older lines", err=True)
    return Outcome(Exit.DONE, f"{show.count} lines of {call.subject.stack}")


def _lines(
    aws: Aws, group: str, follow: bool, since: float | None, tail: int | None, task: str, pattern: str
) -> Iterator[LogLine]:
    from fsdcf.operate import logs

    now = time.time()
    if tail is not None and since is None:
        latest = logs.last(aws, group, tail, now, pattern, task)
        if not follow:
            return iter(latest)
        begin = latest[0].time if latest else int(now * 1000)
    else:
        begin = int((now - (since or _DEFAULT_SINCE)) * 1000)
    if follow:
        return logs.follow(aws, group, begin, pattern, task, tail)
    lines = logs.read(aws, group, begin, pattern, task)
    return lines if tail is None else iter(deque(lines, tail))
