"""``fsdcf status``: how a service is."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.options import Connection, connection_options
from fsdcf.cli.render.jsonlines import JsonLines, record
from fsdcf.cli.render.rollouts import Lines, past_of, shown, state_of, why_of
from fsdcf.cli.render.stream import Stream, is_watched, painter, width_of
from fsdcf.cli.render.values import shown as fitted
from fsdcf.cli.render.values import visible
from fsdcf.cli.runtime import json_option, run
from fsdcf.cli.target import Subject, subject, target_options
from fsdcf.deploy.ecs.rollout import RolloutObserver, ServiceRollout, task_counts
from fsdcf.deploy.model import Ask, Event, Exit, Outcome, RolloutChanged, Target, Tell, WarningIssued
from fsdcf.deploy.run import Run
from fsdcf.diagnostics import Paint

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.deploy.ecs.service import EcsDeployment, ServiceMessage
    from fsdcf.operate.releases import RecordedRelease
    from fsdcf.operate.status import Status


_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")


def status_lines(status: Status, paint: Paint, width: int | None = None, tasks: Iterable[str] = ()) -> Iterator[str]:
    """The status of a service: its stack, what runs, its tasks, targets and rollouts, and what is not known.

    ``tasks`` are lines of the tasks, where they are followed: they stand before what ECS says, which a low terminal has no room for.
    """
    stack = status.stack
    role = "good" if stack.status in _GOOD else "warn" if stack.running else "bad"
    yield f"{paint(stack.name, 'strong')}  {paint(stack.status, role)}  {paint(moment(stack.since), 'soft')}"
    for name, text in _facts(status, paint):
        yield f"  {paint(name.ljust(8), 'soft')} {text}"
    for rollout in status.rollouts:
        yield f"  {paint('rollout ', 'soft')} {_rollout(rollout, paint)}"
    yield from tasks
    if not status.steady:
        for message in status.messages:
            yield from _message(message, paint, width)
    for text in status.missing:
        yield f"  {paint('?', 'warn')} {visible(text)}"


def _message(message: ServiceMessage, paint: Paint, width: int | None) -> Iterator[str]:
    """What ECS says, without the name of the service, which stands at the beginning of every message."""
    text = f"{moment(message.time)} {visible(re.sub(r'^[(]service [^)]+[)] ', '', message.text))}".strip()
    lines = [text] if width is None else textwrap.wrap(text, width - 11, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        yield f"  {paint('ecs     ', 'soft')} {line}" if number == 0 else " " * 11 + line


def _facts(status: Status, paint: Paint) -> Iterator[tuple[str, str]]:
    stack = status.stack
    if stack.reason and stack.reason != "User Initiated" and not stack.status.endswith("_COMPLETE"):
        yield "because", paint(visible(stack.reason), "bad")
    if "Url" in stack.outputs:
        yield "url", visible(stack.outputs["Url"])
    if status.image:
        yield "runs", visible(status.image)
    if status.running is not None:
        yield "tasks", _tasks(status, status.running, paint)
    if status.targets is not None:
        role = "good" if status.healthy == status.targets and status.targets else "warn"
        yield "targets", paint(f"{status.healthy} of {status.targets} healthy", role)
    if status.moving:
        yield "moving", ", ".join(status.moving)
    if stack.protected:
        yield "guard", "termination protection is on"


def _tasks(status: Status, running: int, paint: Paint) -> str:
    """``2 of 2 running, 2 of an older deployment still there``: while one takes the place of another, more run than there are to be."""
    desired = status.desired or 0
    others = [one for one in status.rollouts if one.status != "PRIMARY" and one.running]
    leaving = sum(one.running for one in others)
    parts = [task_counts(max(0, running - leaving), desired)]
    if status.pending:
        parts.append(f"{status.pending} pending")
    if others:
        which = "the failed" if all(one.state == "FAILED" for one in others) else "an older"
        parts.append(f"{leaving} of {which} deployment still there")
    return paint(", ".join(parts), "good" if running == desired else "warn")


def _rollout(one: EcsDeployment, paint: Paint) -> str:
    role = {"COMPLETED": "good", "FAILED": "bad"}.get(one.state, "warn")
    failed = paint(f", {one.failed} failed", "bad") if one.failed else ""
    line = f"{one.status} {paint(one.state or 'unknown', role)} {one.task_definition}: {task_counts(one.running, one.desired)}{failed}"
    return line + (f" ({visible(one.reason)})" if one.reason and one.state not in ("COMPLETED", "IN_PROGRESS") else "")


def status_record(status: Status) -> dict[str, Any]:
    """The status as plain data."""
    stack = status.stack
    return {
        "event": "status",
        "stack": stack.name,
        "arn": stack.arn,
        "status": stack.status,
        "reason": stack.reason,
        "since": _iso(stack.since),
        "protected": stack.protected,
        "steady": status.steady,
        "image": status.image,
        "url": stack.outputs.get("Url"),
        "tasks": {"desired": status.desired, "running": status.running, "pending": status.pending},
        "targets": {"healthy": status.healthy, "registered": status.targets},
        "rollouts": [
            {
                "id": one.id,
                "status": one.status,
                "rolloutState": one.state,
                "reason": one.reason,
                "taskDefinition": one.task_definition,
                "desired": one.desired,
                "running": one.running,
                "pending": one.pending,
                "failed": one.failed,
                "since": _iso(one.since),
            }
            for one in status.rollouts
        ],
        "messages": [{"time": _iso(one.time), "text": one.text} for one in status.messages],
        "moving": list(status.moving),
        "outputs": dict(stack.outputs),
        "missing": list(status.missing),
    }


def history_lines(releases: Sequence[RecordedRelease], paint: Paint) -> Iterator[str]:
    """A release on each line: version of the record, time, tag or digest, and which one is the latest."""
    widest = max((len(one.sha) for one in releases), default=0)
    for one in releases:
        latest = paint("  latest", "good") if one.latest else ""
        yield f"{one.version:>4}  {paint(moment(one.time), 'soft')}  {one.sha.ljust(widest)}{latest}".rstrip()


def release_record(one: RecordedRelease) -> dict[str, Any]:
    """A release as plain data."""
    return {
        "event": "release",
        "version": one.version,
        "image": one.image,
        "sha": one.sha,
        "time": _iso(one.time),
        "latest": one.latest,
    }


def moment(time: datetime | None) -> str:
    """``2026-11-24 15:02:11 UTC``."""
    return f"{time.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC" if time else ""


def _iso(time: datetime | None) -> str | None:
    return time.astimezone(timezone.utc).isoformat() if time else None


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


_MOST = 12
"""Tasks that have a line."""

_ROLES = {"failed": "bad", "done": "good", "active": "warn", "pending": "soft"}


class Following:
    """What ECS tells of a service's tasks, again and again."""

    def __init__(self, target: Target, aws: Aws) -> None:
        self._aws = aws
        self._lookout = RolloutObserver(Run(aws, self._take, target))
        self._known: ServiceRollout | None = None
        self._begun = aws.clock()
        self._lines = Lines()
        self._news: list[RolloutChanged] = []
        self._warnings: list[str] = []
        self._seen: RolloutChanged | None = None
        self._blind = False
        """Whether ECS told nothing at the last look, as of a service that is gone: what was seen before is no picture of now."""

    def look(self, status: Status) -> None:
        """Asks ECS, where the stack has a service. What failed before the service was steady again is over."""
        if self._known and self._known.failing and self._known.primary and self._known.primary.state == "COMPLETED":
            self._known = None
        self._blind = status.running is None
        if status.service:
            self._known = self._lookout.look(status.service, "Service", self._known, self._elapsed()) or self._known

    def news(self) -> tuple[RolloutChanged, ...]:
        """What has changed since the last time."""
        news, self._news = tuple(self._news), []
        return news

    def lines(self, paint: Paint) -> Iterator[str]:
        """What has changed since the last time, line by line."""
        for text in self._warnings:
            yield f"  {paint('?', 'warn')} {text}"
        self._warnings.clear()
        for seen in self.news():
            yield from self._lines.of(seen, paint)

    def picture(self, paint: Paint, width: int | None) -> Iterator[str]:
        """A line for each task as it is now: its states, and which check it fails or why it stopped."""
        if self._seen is None or self._blind:
            return
        tasks = shown(self._seen)
        for task in tasks[:_MOST]:
            past = past_of(task, self._elapsed() - self._seen.elapsed, (width or 1000) - 22)
            yield f"  {paint('task    ', 'soft')} {paint(task.id[:8], _ROLES[state_of(task)])}  {past}"
            if why_of(task):
                yield f"             {paint(fitted(why_of(task), (width or 1000) - 14), 'bad')}"
        if len(tasks) > _MOST:
            yield f"           and {len(tasks) - _MOST} more"

    def _elapsed(self) -> float:
        return self._aws.clock() - self._begun

    def _take(self, event: Event) -> None:
        if isinstance(event, RolloutChanged):
            self._seen = event
            self._news.append(event)
        elif isinstance(event, WarningIssued):
            self._warnings.append(event.text)


@click.command()
@target_options
@connection_options
@json_option
def history_command(service: str, environment: str | None, connection: Connection, as_json: bool) -> None:
    """List the releases of a service, newest first: when, and which image. SSM keeps the last hundred."""
    on = subject(service, environment)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.operate.releases import history

        releases = history(on.stack, aws)
        if as_json:
            out = JsonLines(sys.stdout)
            for one in releases:
                out.write(release_record(one))
        else:
            stream = Stream(sys.stdout)
            stream.lines(history_lines(releases, stream.paint))
        count = f"{len(releases)} release{'s' if len(releases) != 1 else ''}"
        return Outcome(
            Exit.DONE, f"{count} of {on.stack}", next=(on.target.command("rollback"),) if len(releases) > 1 else ()
        )

    run(on.target, connection, as_json, act, quiet=True)
