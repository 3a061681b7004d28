"""Read the log lines of a service across its tasks, follow them, or follow the log of one container."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from fsdcf.deploy.aws import ApiError, Aws
from fsdcf.deploy.ecs.logs import log_stream
from fsdcf.deploy.model import Exit, Target
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.schedules import is_job
from fsdcf.operate.service import existing_stack, resource_names

OVERLAP = 30_000
"""Milliseconds before the newest line that are read again, because streams are delivered at different times."""

SOONEST, LATEST = 1.0, 5.0
"""Seconds between two reads when following: after a line, and after a long silence."""

REACHES = (600.0, 2 * 3600.0, 86400.0, 7 * 86400.0)
"""Periods in seconds to search for the last lines until one contains enough: CloudWatch reads only forwards."""

_BETWEEN_PAGES = 0.2
"""Seconds between two pages: five calls per second, the lowest quota of a Region.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""

_LONGEST = 256
"""Characters of a pattern that an error repeats."""


@dataclass(frozen=True)
class LogLine:
    """A log line. ``time`` is its time stamp in milliseconds since 1970. A stream is ``prefix/container/task``.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    """

    id: str
    time: int
    stream: str
    text: str

    @property
    def task(self) -> str:
        """The ID of the task."""
        return self.stream.rpartition("/")[2]

    @property
    def container(self) -> str:
        """The name of the container; empty if the stream does not contain it."""
        parts = self.stream.split("/")
        return parts[-2] if len(parts) > 2 else ""

    @property
    def moment(self) -> datetime:
        """The time in UTC."""
        return datetime.fromtimestamp(self.time / 1000, timezone.utc)


@dataclass(frozen=True)
class LogFilter:
    """Which lines are wanted: ``pattern`` is a CloudWatch filter pattern, ``task`` an ID or a prefix of one.

    ``until`` is the time of the latest line in milliseconds since 1970; None is without an end. ``containers`` are the
    names of all containers whose lines were read, ``tasks`` the tasks that ``task`` means.
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """

    pattern: str = ""
    task: str = ""
    container: str = ""
    until: int | None = None
    containers: set[str] = field(default_factory=set, compare=False)
    tasks: set[str] = field(default_factory=set, compare=False)

    def admits(self, line: LogLine) -> bool:
        """Whether a line of the group is wanted. CloudWatch has applied the pattern and the time.

        Raises Stop (exit 2) if the lines of several tasks have begun to match ``task``, which is to mean one.
        """
        if not line.task.startswith(self.task):
            return False
        if self.task:
            self.tasks.add(line.task)
        if len(self.tasks) > 1:
            raise stop(Exit.USAGE, f"{self.task} matches several tasks: {', '.join(sorted(self.tasks))}")
        self.containers.add(line.container)
        return self.container in ("", line.container)


ALL = LogFilter()


def group_of(target: Target, aws: Aws) -> str:
    """The log group of a service, from the outputs or resources of its stack. Raises Stop (exit 2) without one."""
    stack = existing_stack(target, aws)
    group = resource_names(stack, aws)["LogGroup"]
    if group:
        return group
    complete = stack.status.endswith("_COMPLETE") and bool(stack.outputs)
    block = "job" if is_job(stack) else "service"
    reason = f"{block}.observability.logs.enabled is false" if complete else f"its status is {stack.status}"
    raise stop(Exit.USAGE, f"the stack {stack.name} has no log group: {reason}", target.command("status"))


def read(aws: Aws, group: str, since: int, wanted: LogFilter = ALL) -> Iterator[LogLine]:
    """The wanted lines since a time (milliseconds since 1970), in the order of AWS.

    Raises Stop (exit 2) if the group does not exist or the pattern is invalid.
    """
    pattern = wanted.pattern
    more: dict[str, Any] = {"filterPattern": pattern} if pattern else {}
    if wanted.until is not None:
        more["endTime"] = wanted.until
    try:
        for page in aws.pages("logs", "FilterLogEvents", logGroupName=group, startTime=max(0, since), **more):
            yield from filter(wanted.admits, map(_line, page.get("events") or []))
            if page.get("nextToken"):
                aws.sleep(_BETWEEN_PAGES)
    except ApiError as error:
        if error.code == "ResourceNotFoundException":
            raise stop(Exit.USAGE, f"the log group {group} does not exist") from None
        if error.code == "InvalidParameterException" and pattern:
            words = pattern.replace('"', "")[:_LONGEST]
            help = f"quote a phrase that contains other characters than letters and digits: --filter '\"{words}\"'"
            raise stop(Exit.USAGE, f"the filter pattern is invalid: {error.message}", help) from None
        raise


def last(aws: Aws, group: str, count: int, now: float, wanted: LogFilter = ALL) -> list[LogLine]:
    """At most ``count`` last lines of the week before ``now`` (seconds since 1970), oldest first."""
    lines: list[LogLine] = []
    for reach in REACHES:
        if len(lines) < count:
            lines = list(deque(read(aws, group, int((now - reach) * 1000), wanted), count))
    return lines


def follow(aws: Aws, group: str, since: int, wanted: LogFilter = ALL, most: int | None = None) -> Iterator[LogLine]:
    """The lines since a time, then all new ones, each once, without an end.

    ``most`` limits the lines of the first read to the last ones. A line that is delivered more than half a minute after
    a later one may be missed. Only the time stamps of the lines count.
    """
    known: dict[str, int] = {}
    pause = SOONEST
    while True:
        newest = 0
        held: deque[LogLine] = deque(maxlen=most)
        for line in read(aws, group, since, wanted):
            if line.id not in known:
                known[line.id] = line.time
                newest = max(newest, line.time)
                if most is None:
                    yield line
                else:
                    held.append(line)
        yield from held
        most = None
        since = max(since, newest - OVERLAP)
        known = {id: time for id, time in known.items() if time >= since}
        pause = SOONEST if newest else min(LATEST, pause * 1.5)
        aws.sleep(pause)


def _line(raw: Mapping[str, Any]) -> LogLine:
    text = str(raw.get("message") or "").rstrip("\r\n")
    stream, time = str(raw.get("logStreamName") or ""), int(raw.get("timestamp") or 0)
    return LogLine(str(raw.get("eventId") or f"{stream} {time} {text}"), time, stream, text)


def latest_streams(aws: Aws, group: str) -> Iterator[tuple[LogLine, int]]:
    """The streams of a group by their last line, latest first: an empty line that names the task, and the first time.

    CloudWatch may report a last line up to an hour late.
    Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogStream.html
    """
    answer = aws.call("logs", "DescribeLogStreams", logGroupName=group, orderBy="LastEventTime", descending=True)
    for raw in answer.get("logStreams") or []:
        ended, begun = (int(raw.get(f"{which}EventTimestamp") or 0) for which in ("last", "first"))
        yield LogLine("", ended, str(raw.get("logStreamName") or ""), ""), begun


_PAGES = 20
"""Maximum number of pages in one read of a stream."""


class LogStream:
    """The log stream of a container. ``group`` is empty if the container does not log to CloudWatch.

    ``container`` is its definition, ``task`` the task ID. ``begun``: a line has been read.
    """

    def __init__(self, container: Mapping[str, Any], task: str) -> None:
        self.group, self.name = log_stream(container, task)
        self.begun = False
        self._token = ""

    def read_new(self, run: Run) -> list[LogLine]:
        """The lines since the last read; empty before the stream exists. A missing permission is one warning."""
        lines: list[LogLine] = []
        for _ in range(_PAGES):
            page = self._page(run)
            token = str(page.get("nextForwardToken") or "")
            for number, event in enumerate(page.get("events") or []):
                lines.append(_line({**event, "eventId": f"{token} {number}", "logStreamName": self.name}))
            if not token or token == self._token:
                break
            self._token = token
        self.begun = self.begun or bool(lines)
        return lines

    def _page(self, run: Run) -> Mapping[str, Any]:
        if not self.group:
            return {}
        token = {"nextToken": self._token} if self._token else {}
        place = {"logGroupName": self.group, "logStreamName": self.name, **token}
        without = "the output is not shown"
        return run.optional(without, "logs", "GetLogEvents", may_be_gone=True, startFromHead=True, **place)
