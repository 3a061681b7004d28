"""Status and history for a reader, and as plain data."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from fsdcf.cli.values import visible
from fsdcf.deploy.rollout import counted
from fsdcf.diagnostics import Paint

if TYPE_CHECKING:
    from fsdcf.operate.releases import Released
    from fsdcf.operate.status import Message, Rollout, Status

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


def _message(message: Message, paint: Paint, width: int | None) -> Iterator[str]:
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
    parts = [counted(max(0, running - leaving), desired)]
    if status.pending:
        parts.append(f"{status.pending} pending")
    if others:
        which = "the failed" if all(one.rollout == "FAILED" for one in others) else "an older"
        parts.append(f"{leaving} of {which} deployment still there")
    return paint(", ".join(parts), "good" if running == desired else "warn")


def _rollout(one: Rollout, paint: Paint) -> str:
    role = {"COMPLETED": "good", "FAILED": "bad"}.get(one.rollout, "warn")
    failed = paint(f", {one.failed} failed", "bad") if one.failed else ""
    line = f"{one.status} {paint(one.rollout or 'unknown', role)} {one.task_definition}: {counted(one.running, one.desired)}{failed}"
    return line + (
        f" ({visible(one.reason)})" if one.reason and one.rollout not in ("COMPLETED", "IN_PROGRESS") else ""
    )


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
                "rolloutState": one.rollout,
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


def history_lines(releases: Sequence[Released], paint: Paint) -> Iterator[str]:
    """A release on each line: version of the record, time, tag or digest, and which one is the latest."""
    widest = max((len(one.sha) for one in releases), default=0)
    for one in releases:
        latest = paint("  latest", "good") if one.latest else ""
        yield f"{one.version:>4}  {paint(moment(one.time), 'soft')}  {one.sha.ljust(widest)}{latest}".rstrip()


def release_record(one: Released) -> dict[str, Any]:
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
