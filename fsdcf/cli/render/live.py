"""The live sink: a picture of the operation on a terminal, with what it waits for and for how long."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live as Screen
from rich.spinner import Spinner
from rich.text import Text

from fsdcf.cli.render.durations import spoken
from fsdcf.cli.render.outcome import account_lines, is_good, word_lines
from fsdcf.cli.render.parts import PARTS, part_of
from fsdcf.cli.render.plain import waits_for
from fsdcf.cli.render.plan import plan_lines, remarks_of
from fsdcf.cli.render.rollouts import checks_of, counts_of, past_of, shown, state_of, why_of
from fsdcf.cli.render.stream import Stream
from fsdcf.cli.render.values import visible
from fsdcf.cloudformation.types.ecs import SERVICE
from fsdcf.deploy.events import is_cancellation, is_root
from fsdcf.deploy.model import (
    Event,
    NoticeIssued,
    Plan,
    PlanCreated,
    RolloutChanged,
    RunEnded,
    StackEventReceived,
    StepStarted,
    Waiting,
    WarningIssued,
)

State = Literal["pending", "active", "done", "failed", "kept"]

_WEIGHTS: tuple[State, ...] = ("failed", "active", "pending")
_DOING = {
    "CREATE": "creating",
    "UPDATE": "updating",
    "DELETE": "deleting",
    "IMPORT": "adopting",
    "ROLLBACK": "rolling back",
    "UPDATE_ROLLBACK": "rolling back",
    "IMPORT_ROLLBACK": "rolling back",
    "REVIEW": "reviewing",
}


@dataclass(frozen=True)
class Row:
    """A resource: its state, what happens to it in a word, since when (seconds of the operation), and why it failed.

    ``broke``: it failed for a reason of its own, perhaps before it was rolled back.
    """

    logical_id: str
    type: str
    state: State = "pending"
    doing: str = ""
    since: float = 0.0
    reason: str = ""
    broke: bool = False


@dataclass(frozen=True)
class Part:
    """A part of the service with its resources in the order in which they were first heard of."""

    name: str
    rows: tuple[Row, ...]

    @property
    def finished(self) -> int:
        """How many of them are through."""
        return sum(row.state in ("done", "kept") for row in self.rows)

    @property
    def state(self) -> State:
        """The part's own: failed if one of them failed, else active, else pending, and done once all are through."""
        found = {row.state for row in self.rows}
        return next((state for state in _WEIGHTS if state in found), "done")

    @property
    def begun(self) -> bool:
        """Whether anything was done to one of them."""
        return any(row.state != "pending" for row in self.rows)


@dataclass
class Tree:
    """All resources, by logical id, and the stack's own state."""

    rows: dict[str, Row] = field(default_factory=dict)
    status: str = ""

    def expect(self, plan: Plan) -> None:
        """The resources of a plan are pending."""
        self.rows = {change.logical_id: Row(change.logical_id, change.type) for change in plan.changes}

    def see(self, seen: StackEventReceived) -> None:
        """A stack event changes the state of its resource, or that of the stack."""
        event = seen.event
        if is_root(event):
            self.status = event.status
            return
        old = self.rows.get(event.logical_id) or Row(event.logical_id, event.type)
        state, doing = _state(event.status), doing_of(event.status)
        since = old.since if (old.state, old.doing) == (state, doing) else seen.elapsed
        broke = old.broke or (state == "failed" and not is_cancellation(event))
        self.rows[event.logical_id] = replace(
            old, state=state, doing=doing, since=since, reason=event.reason, broke=broke
        )

    def parts(self) -> tuple[Part, ...]:
        """The resources by part, in the order of the parts."""
        grouped: dict[str, list[Row]] = {name: [] for name in PARTS}
        for row in self.rows.values():
            grouped[part_of(row.type, row.logical_id)].append(row)
        return tuple(Part(name, tuple(rows)) for name, rows in grouped.items() if rows)

    @property
    def undone(self) -> bool:
        """Whether all that was begun has been rolled back."""
        return self.status.endswith("ROLLBACK_COMPLETE")

    def active(self) -> tuple[Row, ...]:
        """What is under way, the longest first."""
        return tuple(sorted(_of(self.rows.values(), "active"), key=lambda row: row.since))


def doing_of(status: str) -> str:
    """``CREATE_IN_PROGRESS`` -> ``creating``; the status in plain letters where it is a new one."""
    for suffix in ("_IN_PROGRESS", "_COMPLETE", "_FAILED", "_SKIPPED"):
        if status.endswith(suffix):
            word = status.removesuffix(suffix).removesuffix("_CLEANUP").removesuffix("_COMPLETE")
            return _DOING.get(word, word.lower().replace("_", " "))
    return status.lower().replace("_", " ")


def _state(status: str) -> State:
    if status.endswith("_FAILED"):
        return "failed"
    if status.endswith("_SKIPPED"):
        return "kept"
    return "done" if status.endswith("_COMPLETE") else "active"


def _of(rows: Iterable[Row], state: State) -> list[Row]:
    return [row for row in rows if row.state == state]


_MARKS = {
    "pending": ("·", "dim"),
    "active": ("●", "cyan"),
    "done": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "kept": ("=", "yellow"),
}
_ASCII = {"·": ".", "●": "*", "✓": "+", "✗": "x", "…": "~"}
_TASKS = 6
"""Tasks of a rollout that have a row."""

_BESIDE_ROWS = 8
"""Lines of the screen that are not resources: title, blanks, what is waited for, the prompt."""


_BESIDE_NAME = 30
"""Columns of a resource's row that are not its name: indent, mark, blanks, what happens to it, and for how long."""


class Live:
    """Events as a picture that moves. It stands still while a question is asked, and its last state stays on the screen."""

    for_programs = False

    def __init__(self, out: TextIO, err: TextIO, title: str, clock: Callable[[], float]) -> None:
        self._stream = Stream(out)
        self._err = Stream(err)
        self._console = Console(file=out, highlight=False, soft_wrap=False)
        self._title = title
        self._clock = clock
        self._tree = Tree()
        self._step = ""
        self._rollouts: dict[str, RolloutChanged] = {}
        self._on: tuple[str, ...] = ()
        self._elapsed, self._heard = 0.0, clock()
        self._executing = False
        self._spinner = Spinner("dots" if _takes_marks(self._console) else "line", style="cyan")
        self._screen: Screen | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            self._step = event.text
            self._show()
        elif isinstance(event, PlanCreated):
            self._tree.expect(event.plan)
            self._say(plan_lines(event.plan, event.places, self._stream.paint, self._stream.width, remarks_of(event)))
        elif isinstance(event, (StackEventReceived, Waiting)):
            self._moved(event)
        elif isinstance(event, RolloutChanged):
            self._rollouts[event.service] = event
            if not self._executing:
                self._elapsed, self._heard = event.elapsed, self._clock()
            self._show()
        elif isinstance(event, NoticeIssued):
            self._say(word_lines(event.label, event.text, "strong", self._stream.paint, self._stream.width))
        elif isinstance(event, WarningIssued):
            self._say(word_lines("warning", event.text, "warn", self._stream.paint, self._stream.width))
        else:
            self._end(event)

    def pause(self) -> None:
        """Take the picture away, so that something else can be written. The next event brings it back."""
        if self._screen:
            self._screen.stop()
            self._screen = None

    def close(self) -> None:
        """Leave the terminal as it was found, whatever happened."""
        self.pause()

    def picture(self) -> RenderableType:
        """The picture as it is now."""
        elapsed = self._elapsed + self._clock() - self._heard
        if not self._executing:
            self._spinner.update(text=Text(f" {visible(self._step)}", overflow="ellipsis", no_wrap=True))
            rows = (self._tasks(Row(name, SERVICE, "active"), elapsed) for name in self._rollouts)
            return (
                Group(self._spinner, *(line for lines in rows for line in lines)) if self._rollouts else self._spinner
            )
        head = Text.assemble((self._title, "bold"), "  ", (self._doing(), "cyan"), "  ", (spoken(elapsed), "dim"))
        lines = [Text(""), *self._rows(elapsed), Text("")]
        return Group(head, *lines, self._waits(elapsed))

    def _moved(self, event: StackEventReceived | Waiting) -> None:
        self._executing = True
        self._elapsed, self._heard = event.elapsed, self._clock()
        if isinstance(event, StackEventReceived):
            self._tree.see(event)
            self._on = ()
        else:
            self._on = event.on
        self._show()

    def _show(self) -> None:
        if self._screen is None:
            self._screen = Screen(
                get_renderable=self.picture,
                console=self._console,
                refresh_per_second=8,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._screen.start(refresh=True)

    def _say(self, lines: Iterator[str] | list[str]) -> None:
        """Lines that stay, above the picture."""
        moving = self._screen is not None
        self.pause()
        self._stream.lines(lines)
        if moving and self._executing:
            self._show()

    def _end(self, event: RunEnded) -> None:
        self.pause()
        if self._executing:
            self._console.print(self.picture_at_the_end())
        stream = self._stream if is_good(event.outcome) else self._err
        stream.lines(account_lines(event.outcome, stream.paint, stream.width))

    def picture_at_the_end(self) -> RenderableType:
        """What stays on the screen: a line for each part, and every resource that failed or was kept."""
        word = ("rolled back  ", "yellow") if self._tree.undone else ""
        head = Text.assemble((self._title, "bold"), "  ", word, (spoken(self._elapsed), "dim"))
        return Group(head, *self._rows(self._elapsed, ("failed", "kept")), Text(""))

    def _doing(self) -> str:
        status = self._tree.status
        return "cleaning up" if "CLEANUP" in status else doing_of(status) if status else "starting"

    def _rows(self, elapsed: float, states: tuple[str, ...] = ("active", "failed", "kept")) -> list[Text]:
        parts = self._tree.parts()
        room = max(3, self._console.size.height - _BESIDE_ROWS - len(parts))
        lines: list[Text] = []
        for part in parts:
            lines.append(self._part(part))
            rows = [row for row in part.rows if row.state in states or self._failed(row)]
            for row in rows[:room]:
                tasks = list(self._tasks(row, elapsed)) if "active" in states else []
                lines += [*self._row(row, elapsed), *tasks]
                room -= len(tasks)
            if len(rows) > room:
                lines.append(Text(f"      and {len(rows) - room} more", "dim"))
            room = max(0, room - len(rows))
        return lines

    def _part(self, part: Part) -> Text:
        """A part with how many of its resources are through; what has been rolled back is not through, whatever its last state was."""
        if self._tree.undone:
            mark, style = self._mark("failed" if any(map(self._failed, part.rows)) else "pending")
            return Text.assemble(
                "  ", (mark, style), f" {part.name:<16}", ("  rolled back" if part.begun else "  not begun", "dim")
            )
        mark, style = self._mark(part.state)
        count = f"{part.finished} of {len(part.rows)}"
        return Text.assemble("  ", (mark, style), f" {part.name:<16}", (f"{count:>8}", "dim"))

    def _row(self, row: Row, elapsed: float) -> Iterator[Text]:
        state = "failed" if self._failed(row) else row.state
        mark, style = self._mark(state)
        words = {"failed": "failed", "kept": "left behind"}.get(state, row.doing)
        since = spoken(elapsed - row.since) if state == "active" else ""
        name = f"{row.logical_id:<{max(8, min(36, self._console.size.width - _BESIDE_NAME))}}"
        yield self._cut(Text.assemble("      ", (mark, style), f" {name} ", (f"{words:<12} {since:>7}", "dim")))
        if row.reason and row.state == "failed" and self._screen:
            yield self._cut(Text(f"        {visible(row.reason)}", "red"))

    def _failed(self, row: Row) -> bool:
        """Whether a resource that has been rolled back was what failed: it, or tasks of it, which an update is cancelled for."""
        rollout = self._rollouts.get(row.logical_id)
        return self._tree.undone and row.state != "kept" and (row.broke or (rollout is not None and rollout.failed > 0))

    def _tasks(self, row: Row, elapsed: float) -> Iterator[Text]:
        """The rollout of a service under its row: counts, a row for each task, and which check it fails or why it stopped."""
        seen = self._rollouts.get(row.logical_id)
        if seen is None or row.state == "kept":
            return
        yield self._cut(Text(f"        {counts_of(seen)}", "dim" if not seen.failed else "yellow"))
        for task in shown(seen)[:_TASKS]:
            mark, style = self._mark(state_of(task))
            checks = (
                f"  {checks_of(task)[0]}"
                if task.status == "RUNNING" and not why_of(task) and checks_of(task)[0]
                else ""
            )
            past = past_of(task, elapsed - seen.elapsed, self._console.size.width - 22 - len(checks))
            yield self._cut(Text.assemble("        ", (mark, style), f" {task.id[:8]}  ", (past, "dim"), checks))
            if why_of(task):
                yield self._cut(Text(f"                    {why_of(task)}", "red"))
        if len(shown(seen)) > _TASKS:
            yield Text(f"          and {len(shown(seen)) - _TASKS} more tasks", "dim")

    def _waits(self, elapsed: float) -> Text:
        active = [row for row in self._tree.active() if not self._on or row.logical_id in self._on]
        if not active:
            return self._cut(Text(f"  {waits_for(self._on)}", "dim"))
        named = tuple(f"{row.logical_id} ({spoken(elapsed - row.since)})" for row in active)
        return self._cut(Text(f"  {waits_for(named, 3)}", "dim"))

    def _cut(self, line: Text) -> Text:
        line.truncate(self._console.size.width - 1, overflow="ellipsis")
        return line

    def _mark(self, state: str) -> tuple[str, str]:
        mark, style = _MARKS[state]
        return (mark if _takes_marks(self._console) else _ASCII.get(mark, mark)), style


def _takes_marks(console: Console) -> bool:
    """Whether the terminal's encoding has the marks: not in the C locale, nor in an old Windows console."""
    try:
        "·●✓✗".encode(console.encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True
