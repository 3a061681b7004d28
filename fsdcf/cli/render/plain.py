"""The sink for logs and pipes: a line for each change of state, and one a minute while nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from fsdcf.cli.render.durations import format_duration
from fsdcf.cli.render.outcome import account_lines, is_good
from fsdcf.cli.render.parts import short
from fsdcf.cli.render.plan import plan_lines, remarks_of, where
from fsdcf.cli.render.rollouts import RolloutLines
from fsdcf.cli.render.stream import LineWriter, Sink
from fsdcf.deploy.model import (
    Event,
    NoticeIssued,
    PlanCreated,
    RolloutChanged,
    RunEnded,
    ServiceEventReceived,
    StackEventReceived,
    StepStarted,
    Waiting,
    WarningIssued,
)
from fsdcf.diagnostics import Paint
from fsdcf.wording import visible

HEARTBEAT = 60.0
"""Seconds of silence after which a line reports that the run continues."""


class Plain(Sink):
    """Prints events as lines on ``out``; an unsuccessful outcome goes to ``err``. Each line begins with ``prefix``."""

    def __init__(self, out: TextIO, err: TextIO, prefix: str = "") -> None:
        self._out = LineWriter(out, prefix)
        self._err = LineWriter(err, prefix)
        self._last: dict[str, str] = {}
        self._rollouts = RolloutLines()
        self._printed_at = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunEnded):
            stream = self._out if is_good(event.outcome) else self._err
            stream.lines(account_lines(event.outcome, stream.paint, stream.width))
        else:
            self._out.lines(self._lines(event))

    def _lines(self, event: Event) -> Iterator[str]:
        paint = self._out.paint
        match event:
            case StepStarted():
                yield paint(f"{event.name}: ", "soft") + visible(event.text)
            case PlanCreated():
                yield from plan_lines(event.plan, event.places, paint, self._out.width, remarks_of(event))
            case NoticeIssued():
                yield paint(f"{event.label}: ", "strong") + visible(event.text)
            case WarningIssued():
                yield paint("warning: ", "warn") + visible(event.text)
            case StackEventReceived() if self._is_new(event):
                self._printed_at = event.elapsed
                yield seen_line(event, paint)
            case RolloutChanged():
                for line in self._rollouts.of(event, paint):
                    self._printed_at = event.elapsed
                    yield line
            case ServiceEventReceived():
                self._printed_at = event.elapsed
                yield service_event_line(event, paint)
            case Waiting() if event.elapsed - self._printed_at >= HEARTBEAT:
                self._printed_at = event.elapsed
                yield f"[{format_duration(event.elapsed):>7}] {paint(waits_for(event.on), 'soft')}"

    def _is_new(self, event: StackEventReceived) -> bool:
        """Whether a resource has a new state.

        CloudFormation repeats some states, the second time with more of a reason.
        """
        one = event.event
        state = f"{one.status} {one.physical_id if one.status.startswith('DELETE') else ''}"
        known, self._last[one.logical_id] = self._last.get(one.logical_id), state
        return known != state or one.status.endswith("FAILED")


def service_event_line(event: ServiceEventReceived, paint: Paint) -> str:
    """An event of an ECS service on a line."""
    head = f"[{format_duration(event.elapsed):>7}] {paint('SERVICE EVENT'.ljust(18), 'warn')}"
    return f"{head} {event.service} {visible(event.text)}"


def seen_line(event: StackEventReceived, paint: Paint) -> str:
    """A stack event on a line; a failure with its reason and spec line."""
    one = event.event
    failed = one.status.endswith("FAILED")
    role = "bad" if failed else "good" if one.status.endswith("COMPLETE") else "soft"
    head = f"[{format_duration(event.elapsed):>7}] {paint(one.status.ljust(18), role)}"
    place = f" {paint(where(event.place), 'place')}" if event.place and failed else ""
    reason = f": {visible(one.reason)}" if one.reason and (failed or one.status.endswith("SKIPPED")) else ""
    return f"{head} {one.logical_id} {paint(short(one.type), 'soft')}{place}{reason}"


def waits_for(on: tuple[str, ...], most: int = 4) -> str:
    """``waiting for NatGateway1, LoadBalancer and 3 more``."""
    if not on:
        return "waiting for CloudFormation"
    more = f" and {len(on) - most} more" if len(on) > most else ""
    return f"waiting for {', '.join(on[:most])}{more}"
