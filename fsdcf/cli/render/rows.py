"""The sink for several deploys on a terminal: a row for each stack, which moves, below what stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TextIO

from rich.console import Group, RenderableType
from rich.text import Text

from fsdcf.cli.render.durations import format_duration
from fsdcf.cli.render.live import Display, State, Tree
from fsdcf.cli.render.outcome import account_lines, is_good, word_lines
from fsdcf.cli.render.plain import service_event_line
from fsdcf.cli.render.plan import plan_lines, remarks_of
from fsdcf.cli.render.rollouts import counts_of
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
from fsdcf.wording import visible

Lines = Callable[[LineWriter], Iterable[str]]
"""Makes lines for a stream: with its paint and width."""


_RANKS: tuple[State, ...] = ("active", "failed", "pending", "done", "kept")
"""The states of rows, those that a small screen shows first."""


class StackRow(Sink):
    """The row of a stack, and the sink for its events."""

    def __init__(self, rows: Rows, name: str) -> None:
        self.name = name
        self._rows = rows
        self._tree = Tree()
        self._step = ""
        self.state: State = "pending"
        self._rollouts: dict[str, RolloutChanged] = {}
        self._begun: float | None = None
        self._took = 0.0

    def __call__(self, event: Event) -> None:
        match event:
            case StepStarted():
                self._step = event.text
                self.state = "pending" if event.name in ("wait", "gate") else "active"
            case PlanCreated(plan, places):
                self._tree.expect(plan)
                self._say(lambda out: plan_lines(plan, places, out.paint, out.width, remarks_of(event)))
            case StackEventReceived() | Waiting():
                self._begun = self._rows.clock() - event.elapsed
                if isinstance(event, StackEventReceived):
                    self._tree.see(event)
            case RolloutChanged():
                self._rollouts[event.service] = event
            case ServiceEventReceived():
                self._say(lambda out: [service_event_line(event, out.paint)])
            case NoticeIssued(label, text):
                self._say(lambda out: word_lines(label, text, "strong", out.paint, out.width))
            case WarningIssued(text):
                self._say(lambda out: word_lines("warning", text, "warn", out.paint, out.width))
            case RunEnded():
                self._end(event)
        self._rows.move()

    def pause(self) -> None:
        """Remove all rows."""
        self._rows.pause()

    def text(self, width: int, mark: Callable[[str], tuple[str, str]]) -> Text:
        """The row; ``width`` is that of the names."""
        words = [self._step] if self._begun is None or self.state in ("done", "failed") else list(self._progress())
        seconds = self._took if self.state in ("done", "failed") else self._elapsed()
        time = format_duration(seconds) if seconds else ""
        details = "  ".join(visible(word) for word in words)
        row = Text.assemble("  ", mark(self.state), f" {self.name:<{width}}  ", (f"{time:>7}  ", "dim"), details)
        row.no_wrap, row.overflow = True, "ellipsis"
        return row

    def _progress(self) -> Iterable[str]:
        rows = self._tree.rows.values()
        done = sum(row.state in ("done", "kept") for row in rows)
        yield f"{self._tree.doing} {done} of {len(rows)}"
        for row in self._tree.active()[:1]:
            yield f"{row.logical_id} ({format_duration(self._elapsed() - row.since)})"
        yield from (counts_of(rollout) for rollout in self._rollouts.values())

    def _elapsed(self) -> float:
        return self._rows.clock() - self._begun if self._begun is not None else 0.0

    def _end(self, event: RunEnded) -> None:
        good = is_good(event.outcome)
        self._took = self._elapsed()
        self.state = "done" if good else "failed"
        self._step = event.outcome.sentence
        self._say(lambda out: account_lines(event.outcome, out.paint, out.width), good)

    def _say(self, lines: Lines, good: bool = True) -> None:
        self._rows.say(self.name, lines, good)


class Rows(Display):
    """The rows of several stacks, and the sink for what concerns all of them."""

    def __init__(self, out: TextIO, err: TextIO, names: Sequence[str], clock: Callable[[], float]) -> None:
        super().__init__(out, err)
        self.clock = clock
        self.rows = {name: StackRow(self, name) for name in names}
        self._last = ""
        self._ended = False

    def __call__(self, event: Event) -> None:
        match event:
            case StepStarted():
                self.say("", lambda out: word_lines(event.name, event.text, "soft", out.paint, out.width))
            case NoticeIssued():
                self.say("", lambda out: word_lines(event.label, event.text, "strong", out.paint, out.width))
            case WarningIssued():
                self.say("", lambda out: word_lines("warning", event.text, "warn", out.paint, out.width))
            case RunEnded():
                self._ended = True
                good = is_good(event.outcome)
                self.say("", lambda out: account_lines(event.outcome, out.paint, out.width), good)

    def say(self, name: str, lines: Lines, good: bool = True) -> None:
        """Print lines about a stack, which stay above the rows, below its name."""
        self.pause()
        out = self._stream if good else self._err
        head = [out.paint(name, "strong")] if name and name != self._last else []
        self._last = name
        out.lines([*head, *lines(out)])

    def move(self) -> None:
        """Show the rows."""
        if not self._ended:
            self._show()

    def picture(self) -> RenderableType:
        """The rows in their current state; on a screen that is too small, first those that move or have failed."""
        rows = list(self.rows.values())
        room = max(1, self._console.size.height - 2)
        kept = rows if len(rows) <= room else sorted(rows, key=lambda row: _RANKS.index(row.state))[:room]
        width = max(map(len, self.rows))
        lines = [row.text(width, self._mark) for row in rows if row in kept]
        return Group(*lines, *([Text(f"    and {len(rows) - len(kept)} more", "dim")] if len(kept) < len(rows) else []))
