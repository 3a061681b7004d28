"""The plain sink: one line for each change of state, and one a minute while nothing changes. For logs and pipes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from fsdcf.cli.render.durations import spoken
from fsdcf.cli.render.outcome import account_lines, is_good
from fsdcf.cli.render.parts import short
from fsdcf.cli.render.plan import plan_lines, remarks_of, where
from fsdcf.cli.render.rollouts import Lines
from fsdcf.cli.render.stream import Stream
from fsdcf.cli.render.values import visible
from fsdcf.deploy.model import (
    Event,
    NoticeIssued,
    Outcome,
    PlanCreated,
    RolloutChanged,
    RunEnded,
    StackEventReceived,
    StepStarted,
    Waiting,
    WarningIssued,
)
from fsdcf.diagnostics import Paint

HEARTBEAT = 60.0
"""Seconds of silence after which a line says that the run goes on."""


class Plain:
    """Events as lines on ``out``; an end that is no success goes to ``err``, so that nobody has to look for it."""

    for_programs = False

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = Stream(out)
        self._err = Stream(err)
        self._last: dict[str, str] = {}
        self._rollouts = Lines()
        self._spoke = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunEnded):
            self._end(event.outcome)
        else:
            self._out.lines(self._lines(event))

    def pause(self) -> None:
        """Nothing moves here; a question can be asked at any time."""

    def close(self) -> None:
        """Nothing is held open."""

    def _lines(self, event: Event) -> Iterator[str]:
        paint = self._out.paint
        if isinstance(event, StepStarted):
            yield paint(f"{event.name}: ", "soft") + visible(event.text)
        elif isinstance(event, PlanCreated):
            yield from plan_lines(event.plan, event.places, paint, self._out.width, remarks_of(event))
        elif isinstance(event, NoticeIssued):
            yield paint(f"{event.label}: ", "strong") + visible(event.text)
        elif isinstance(event, WarningIssued):
            yield paint("warning: ", "warn") + visible(event.text)
        elif isinstance(event, StackEventReceived) and self._is_new(event):
            self._spoke = event.elapsed
            yield seen_line(event, paint)
        elif isinstance(event, RolloutChanged):
            news = list(self._rollouts.of(event, paint))
            self._spoke = event.elapsed if news else self._spoke
            yield from news
        elif isinstance(event, Waiting) and event.elapsed - self._spoke >= HEARTBEAT:
            self._spoke = event.elapsed
            yield f"[{spoken(event.elapsed):>7}] {paint(waits_for(event.on), 'soft')}"

    def _is_new(self, event: StackEventReceived) -> bool:
        """Whether the state is another one than before. CloudFormation tells some states twice, the second time with more reason."""
        one = event.event
        state = f"{one.status} {one.physical_id if one.status.startswith('DELETE') else ''}"
        known, self._last[one.logical_id] = self._last.get(one.logical_id), state
        return known != state or one.status.endswith("FAILED")

    def _end(self, outcome: Outcome) -> None:
        stream = self._out if is_good(outcome) else self._err
        stream.lines(account_lines(outcome, stream.paint, stream.width))


def seen_line(event: StackEventReceived, paint: Paint) -> str:
    """A stack event on one line; with its reason and the spec's line where something failed."""
    one = event.event
    failed = one.status.endswith("FAILED")
    role = "bad" if failed else "good" if one.status.endswith("COMPLETE") else "soft"
    line = f"[{spoken(event.elapsed):>7}] {paint(one.status.ljust(18), role)} {one.logical_id} {paint(short(one.type), 'soft')}"
    line += f" {paint(where(event.place), 'place')}" if event.place and failed else ""
    return line + (f": {visible(one.reason)}" if one.reason and (failed or one.status.endswith("SKIPPED")) else "")


def waits_for(on: tuple[str, ...], most: int = 4) -> str:
    """``waits for NatGateway1, LoadBalancer and 3 more``."""
    if not on:
        return "waits for CloudFormation"
    more = f" and {len(on) - most} more" if len(on) > most else ""
    return f"waits for {', '.join(on[:most])}{more}"
