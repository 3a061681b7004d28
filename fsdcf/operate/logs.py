"""The lines that a service's tasks log, across all of them: those of a while, and those that come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from fsdcf.deploy.aws import ApiError, Aws, Expired, Unreachable
from fsdcf.deploy.model import Exit, Target
from fsdcf.deploy.run import Run, stop
from fsdcf.operate.service import existing, names

OVERLAP = 30_000
"""Milliseconds before the newest line that are asked for again: streams are delivered at different times."""

SOONEST, LATEST = 1.0, 5.0
"""Seconds between two rounds of following: after a line, and after a silence."""

REACHES = (600.0, 2 * 3600.0, 86400.0, 7 * 86400.0)
"""How many seconds back the last lines are looked for, one after the other, until there are enough: CloudWatch reads forwards alone."""

_BETWEEN_PAGES = 0.2
"""Seconds: five calls a second, which is the lowest quota of a region.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""

_LONGEST = 256
"""Letters of a pattern that are told in an error."""


@dataclass(frozen=True)
class Line:
    """One line. ``time`` is in milliseconds since 1970, as the task dated it. A stream is ``prefix/container/task``.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    """

    id: str
    time: int
    stream: str
    text: str

    @property
    def task(self) -> str:
        """The task's id."""
        return self.stream.rpartition("/")[2]

    @property
    def container(self) -> str:
        """The container's name; empty where the stream does not tell it."""
        parts = self.stream.split("/")
        return parts[-2] if len(parts) > 2 else ""

    @property
    def moment(self) -> datetime:
        """When."""
        return datetime.fromtimestamp(self.time / 1000, timezone.utc)


def group_of(target: Target, aws: Aws) -> str:
    """The log group of a service, by the stack's outputs or resources. Raises Stop (exit 2) where there is none."""
    stack = existing(target, aws)
    group = names(stack, aws)["LogGroup"]
    if group:
        return group
    settled = stack.status.endswith("_COMPLETE") and bool(stack.outputs)
    why = "service.observability.logs.enabled is off" if settled else f"it is {stack.status}"
    raise stop(Exit.USAGE, f"the stack {stack.name} has no log group: {why}", target.command("status"))


def read(aws: Aws, group: str, since: int, pattern: str = "", task: str = "") -> Iterator[Line]:
    """The lines since then (milliseconds since 1970) that match a pattern of CloudWatch's, page by page, in the order of AWS.

    ``task`` is how the id begins of the one task whose lines are wanted. Raises Stop (exit 2) where the group is gone or the pattern is none.
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """
    asked: dict[str, Any] = {"logGroupName": group, "startTime": max(0, since)}
    if pattern:
        asked["filterPattern"] = pattern
    while True:
        answer = _page(aws, asked, pattern)
        yield from (line for line in map(_line, answer.get("events") or []) if line.task.startswith(task))
        token = answer.get("nextToken")
        if not token or token == asked.get("nextToken"):
            return
        asked["nextToken"] = token
        aws.sleep(_BETWEEN_PAGES)


def last(aws: Aws, group: str, count: int, now: float, pattern: str = "", task: str = "") -> list[Line]:
    """The last lines, so many at the most, oldest first. ``now`` is in seconds since 1970; a week is looked back at the most."""
    lines: deque[Line] = deque(maxlen=count)
    for reach in REACHES:
        lines = deque(read(aws, group, int((now - reach) * 1000), pattern, task), count)
        if len(lines) >= count:
            break
    return list(lines)


def follow(
    aws: Aws, group: str, since: int, pattern: str = "", task: str = "", most: int | None = None
) -> Iterator[Line]:
    """The lines since then and all that come, each once, until whoever asks stops asking.

    ``most``: of those that are there at the beginning, the last so many alone. A line that is delivered more than half a minute after a younger one may be missed. Time is told by the lines alone.
    """
    start = since
    known: dict[str, int] = {}
    pause = SOONEST
    while True:
        newest = 0
        held: deque[Line] = deque(maxlen=most)
        for line in read(aws, group, start, pattern, task):
            if line.id not in known:
                known[line.id] = line.time
                newest = max(newest, line.time)
                if most is None:
                    yield line
                else:
                    held.append(line)
        yield from held
        most = None
        start = max(start, newest - OVERLAP)
        known = {id: time for id, time in known.items() if time >= start}
        pause = SOONEST if newest else min(LATEST, pause * 1.5)
        aws.sleep(pause)


def _page(aws: Aws, asked: dict[str, Any], pattern: str) -> dict[str, Any]:
    try:
        return aws.call("logs", "FilterLogEvents", **asked)
    except ApiError as error:
        if error.code == "ResourceNotFoundException":
            raise stop(Exit.USAGE, f"the log group {asked['logGroupName']} is gone") from None
        if error.code == "InvalidParameterException" and pattern:
            words = pattern.replace('"', "")[:_LONGEST]
            help = f"a phrase with other characters than letters and digits needs quotes: --filter '\"{words}\"'"
            raise stop(Exit.USAGE, f"CloudWatch does not take this filter: {error.message}", help) from None
        raise


def _line(raw: dict[str, Any]) -> Line:
    text = str(raw.get("message") or "").rstrip("\r\n")
    stream, time = str(raw.get("logStreamName") or ""), int(raw.get("timestamp") or 0)
    return Line(str(raw.get("eventId") or f"{stream} {time} {text}"), time, stream, text)


_PAGES = 20
"""Pages that are read at most before the task is looked at again."""


class Stream:
    """The stream of a container, by its definition and the task's id. ``group`` is empty where it does not log to CloudWatch.

    ``begun``: there was a line already. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    """

    def __init__(self, container: Mapping[str, Any], task: str) -> None:
        options = (container.get("logConfiguration") or {}).get("options") or {}
        self.group = str(options.get("awslogs-group") or "") if "awslogs-stream-prefix" in options else ""
        self.name = f"{options.get('awslogs-stream-prefix', '')}/{container.get('name', '')}/{task}"
        self.begun = False
        self._token = ""

    def fresh(self, run: Run) -> list[Line]:
        """The lines since the last time; none while there is no stream yet. A missing permission is one warning."""
        lines: list[Line] = []
        for _ in range(_PAGES):
            answer = self._page(run)
            token = str(answer.get("nextForwardToken") or "")
            for number, one in enumerate(answer.get("events") or []):
                text = str(one.get("message") or "").rstrip("\r\n")
                lines.append(Line(f"{token} {number}", int(one.get("timestamp") or 0), self.name, text))
            if not token or token == self._token:
                break
            self._token = token
        self.begun = self.begun or bool(lines)
        return lines

    def _page(self, run: Run) -> Mapping[str, Any]:
        if not self.group:
            return {}
        more = {"nextToken": self._token} if self._token else {}
        asked: dict[str, Any] = {"logGroupName": self.group, "logStreamName": self.name, "startFromHead": True, **more}
        try:
            return run.aws.call("logs", "GetLogEvents", **asked)
        except Expired:
            raise
        except (ApiError, Unreachable) as error:
            if isinstance(error, ApiError) and error.code == "ResourceNotFoundException":
                return {}
            said = (
                "no permission for logs:GetLogEvents" if isinstance(error, ApiError) and error.denied else error.message
            )
            run.warn(f"its output is not seen: {said}")
            if isinstance(error, ApiError) and not error.throttled:
                self.group = ""
            return {}
