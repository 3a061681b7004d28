"""``fsdcf logs``: the log lines of all tasks of a service."""

from __future__ import annotations

import re
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import click

from fsdcf.cli.render.durations import duration, format_duration
from fsdcf.cli.render.logs import LogPrinter, ReaderGone
from fsdcf.cli.runtime import StackCall, stack_command
from fsdcf.deploy.model import Exit, NoticeIssued, Outcome
from fsdcf.wording import moment

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.operate.logs import LogFilter, LogLine

_DEFAULT_SINCE = 600.0
_MAX_DAYS = 3653
"""The longest retention of CloudWatch Logs."""

_TIME = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)(?:[T ]|$))?(?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?"
    r" ?(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?",
    re.I,
)
"""A date, a time or both, and a zone."""

_LATE = 60_000
"""Milliseconds after the end of a task in which its last lines arrive."""


@dataclass(frozen=True)
class LogTime:
    """A point in time: ``at``, or ``age`` seconds ago. ``assumed``: the text names no zone, and UTC is assumed."""

    age: float = 0.0
    at: datetime | None = None
    assumed: bool = False

    def seconds(self, now: float) -> float:
        """The time in seconds since 1970."""
        return self.at.timestamp() if self.at is not None else now - self.age


def log_time(context: click.Context, parameter: click.Parameter, text: str | None) -> LogTime | None:
    """An option's callback: a length of time before now, also in days, or a date and time; None stays None."""
    if text is None:
        return None
    words = text.strip()
    days = words.lower()
    if days.endswith("d") and days[:-1].isdecimal() and 0 < int(days[:-1]) <= _MAX_DAYS:
        return LogTime(int(days[:-1]) * 86400.0)
    try:
        found = _TIME.fullmatch(words)
        if found and (found["date"] or found["time"]):
            return _at(found)
        return LogTime(duration(context, parameter, words) or 0.0)
    except (click.BadParameter, ValueError):
        raise click.BadParameter(
            f"{text!r} is not a valid time: use 90s, 10m, 2h, up to 36h, whole days such as 3d, or a time such as"
            " 2026-11-29T10:00Z or 2026-11-29T10:00+01:00"
        ) from None


def _at(found: re.Match[str]) -> LogTime:
    """A date and time; a time without a date is one of today in its zone. Raises ValueError."""
    zone = (found["zone"] or "Z").upper().replace("UTC", "Z").replace(":", "")
    offset = timedelta() if zone == "Z" else timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
    chosen = timezone(-offset if zone[0] == "-" else offset)
    date = found["date"] or f"{datetime.now(chosen):%Y-%m-%d}"
    time_of_day, _, fraction = (found["time"] or "00:00").partition(".")
    at = datetime.fromisoformat(f"{date}T{time_of_day}").replace(tzinfo=chosen)
    return LogTime(at=at + timedelta(seconds=float(f"0.{fraction or 0}")), assumed=not found["zone"])


def _task(context: click.Context, parameter: click.Parameter, text: str) -> str:
    """An option's callback: the prefix of a task ID, from an ID or an ARN."""
    prefix = text.rpartition("/")[2]
    if text and not prefix.isalnum():
        raise click.BadParameter(f"{text!r} is not a task ID: use the ID in a log line, or a prefix of it")
    return prefix


@stack_command(
    click.option("-f", "--follow", is_flag=True, help="Show new lines as they arrive, until Ctrl-C."),
    click.option(
        "--since",
        callback=log_time,
        metavar="TIME",
        help="Time of the oldest line: its age (90s, 10m, 2h or 3d), or a time such as 2026-11-29T10:00, in UTC unless"
        " it has an offset such as +01:00.  [default: 10m]",
    ),
    click.option(
        "--until", callback=log_time, metavar="TIME", help="Time of the latest line, as for --since.  [default: now]"
    ),
    click.option(
        "--tail",
        type=click.IntRange(1, 10_000),
        metavar="N",
        help="Start with the last N lines; without --since, of the last week.",
    ),
    click.option(
        "--task",
        callback=_task,
        default="",
        metavar="ID",
        help="Only lines of this task: its ID, or a unique prefix of it.",
    ),
    click.option(
        "--previous", is_flag=True, help="Only lines of the task that stopped last, from the 10 minutes before its end."
    ),
    click.option("--container", default="", metavar="NAME", help="Only lines of this container."),
    click.option("--raw", is_flag=True, help="Show JSON lines as the application wrote them."),
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
    call: StackCall,
    follow: bool,
    since: LogTime | None,
    until: LogTime | None,
    tail: int | None,
    task: str,
    previous: bool,
    container: str,
    raw: bool,
    pattern: str,
) -> Outcome:
    """Show the logs of all tasks of a service, oldest line first. Keys and passwords are masked.

    Of a line in JSON, the level, the message and then the other values are shown; --raw and --json leave it as it is.
    """
    from fsdcf.operate import logs
    from fsdcf.operate.tasks import previous_task, whole_id

    now = time.time()
    end = min(until.seconds(now), now) if until else now
    _check(follow, since, until, task, previous, now)
    _tell_zone(call, since, until)
    group = logs.group_of(call.subject.target, call.aws)
    task = whole_id(call.run, task) if task else ""
    wanted = logs.LogFilter(pattern, task, container, int(end * 1000) if until else None)
    begin = since.seconds(now) if since else None
    if previous:
        stopped = previous_task(call.run, group)
        ended = datetime.fromtimestamp(stopped.ended / 1000, timezone.utc)
        call.tell(NoticeIssued("task", f"{stopped.id} stopped at {moment(ended)}: {stopped.why}"))
        wanted = replace(wanted, task=stopped.id, until=wanted.until or stopped.ended + _LATE)
        end = stopped.ended / 1000
        begin = begin or max(stopped.begun / 1000, end - _DEFAULT_SINCE)
    show = LogPrinter(sys.stdout, call.as_json, raw=raw)
    try:
        for line in _lines(call.aws, group, follow, begin, end, tail, wanted):
            show(line)
    except ReaderGone:  # as in ``fsdcf logs --follow | head``
        pass
    except KeyboardInterrupt:
        return Outcome(Exit.INTERRUPTED, "stopped following" if follow else "some lines were not shown")
    if not show.count and not call.as_json:
        reach = logs.REACHES[-1] if tail is not None and begin is None else end - (begin or end - _DEFAULT_SINCE)
        click.echo(_nothing(wanted, group, reach, until or previous), err=True)
    return Outcome(Exit.DONE, f"{show.count} line{'' if show.count == 1 else 's'} of {call.subject.stack}")


def _check(follow: bool, since: LogTime | None, until: LogTime | None, task: str, previous: bool, now: float) -> None:
    """A usage error for options that contradict each other."""
    if follow and (until or previous):
        raise click.UsageError(
            f"--follow has no end: it cannot be combined with {'--until' if until else '--previous'}"
        )
    if previous and task:
        raise click.UsageError("--previous selects the task itself: it cannot be combined with --task")
    if since and since.seconds(now) > now:
        raise click.UsageError("--since is in the future")
    if since and until and since.seconds(now) >= until.seconds(now):
        raise click.UsageError("--since must be before --until")


def _tell_zone(call: StackCall, *times: LogTime | None) -> None:
    """Tell that UTC is assumed, where the time of this machine is another one."""
    for one in times:
        if one and one.at and one.assumed and (local := one.at.astimezone()).utcoffset():
            text = f"{one.at:%Y-%m-%dT%H:%M} is taken as UTC, as in the output; it is {local:%H:%M (UTC%z)} here"
            call.tell(NoticeIssued("time", text))


def _nothing(wanted: LogFilter, group: str, reach: float, ends: object) -> str:
    """A message for people instead of lines."""
    which = "".join(
        f" {words}"
        for words, given in (
            (f"of the task {wanted.task}", wanted.task),
            (f"of the container {wanted.container}", wanted.container),
            ("that match", wanted.pattern),
        )
        if given
    )
    others = sorted(filter(None, wanted.containers))
    hint = f"; the containers with lines are {', '.join(others)}" if wanted.container and others else ""
    period = f"in the {format_duration(reach)} before the end" if ends else f"in the last {format_duration(reach)}"
    return f"no lines{which} {period} in {group}{hint}; use --since for older lines"


def _lines(
    aws: Aws, group: str, follow: bool, since: float | None, end: float, tail: int | None, wanted: LogFilter
) -> Iterator[LogLine]:
    """The lines since a time, or the last ones before the end. Times are in seconds since 1970."""
    from fsdcf.operate import logs

    if tail is not None and since is None:
        latest = logs.last(aws, group, tail, end, wanted)
        if not follow:
            return iter(latest)
        begin = latest[0].time if latest else int(end * 1000)
    else:
        begin = int((end - _DEFAULT_SINCE if since is None else since) * 1000)
    if follow:
        return logs.follow(aws, group, begin, wanted, tail)
    lines = logs.read(aws, group, begin, wanted)
    return lines if tail is None else iter(deque(lines, tail))
