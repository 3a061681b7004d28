"""The sink for a terminal: a live display of the operation, with what it is waiting for and for how long."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live as Screen
from rich.spinner import Spinner
from rich.text import Text

from fsdcf.cli.render.durations import format_duration
from fsdcf.cli.render.outcome import account_lines, is_good, word_lines
from fsdcf.cli.render.parts import PARTS, part_of
from fsdcf.cli.render.plain import service_event_line, waits_for
from fsdcf.cli.render.plan import plan_lines, remarks_of
from fsdcf.cli.render.rollouts import checks_of, counts_of, relevant_tasks, state_of, timeline, why_of
from fsdcf.cli.render.stream import LineWriter, Sink
from fsdcf.cloudformation.types.ecs import SERVICE
from fsdcf.deploy.events import is_cancellation, is_root
from fsdcf.deploy.model import (
    Event,
    NoticeIssued,
    Plan,
    PlanCreated,
    RolloutChanged,
    RunEnded,
    ServiceEventReceived,
    StackEventReceived,
    StepStarted,
    TaskState,
    Waiting,
    WarningIssued,
)
from fsdcf.wording import visible

State = Literal["pending", "active", "done", "failed", "kept"]

_WEIGHTS: tuple[State, ...] = ("failed", "active", "pending")
_ACTIONS = {
    "CREATE": "creating",
    "UPDATE": "updating",
    "DELETE": "deleting",
    "IMPORT": "adopting",
    "ROLLBACK": "rolling back",
    "UPDATE_ROLLBACK": "rolling back",
    "IMPORT_ROLLBACK": "rolling back",
    "REVIEW": "reviewing",
}
_MARKS = {
    "pending": ("·", ".", "dim"),
    "active": ("●", "*", "cyan"),
    "done": ("✓", "+", "green"),
    "failed": ("✗", "x", "bold red"),
    "kept": ("=", "=", "yellow"),
}
"""The mark of each state, the mark for a terminal that has only ASCII characters, and the style."""

_MAX_TASKS = 6
"""Maximum number of tasks of a rollout."""

_OTHER_ROWS = 8
"""Lines of the display that are not resources: title, blank lines, what is waited for, the prompt."""

_OTHER_COLUMNS = 30
"""Columns of a resource's row that are not its name: indent, mark, blanks, action and duration."""


@dataclass(frozen=True)
class ResourceRow:
    """A resource: its state, the current action, its start in seconds of the operation, and the reason of a failure.

    ``broke``: it failed for a reason of its own, possibly before it was rolled back.
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
    """A part of the service with its resources, in the order of their first events."""

    name: str
    rows: tuple[ResourceRow, ...]

    @property
    def finished(self) -> int:
        """The number of finished resources."""
        return sum(row.state in ("done", "kept") for row in self.rows)

    @property
    def state(self) -> State:
        """The state of the part: failed, active or pending if one of its resources is, in this order, else done."""
        states = {row.state for row in self.rows}
        return next((state for state in _WEIGHTS if state in states), "done")


@dataclass
class Tree:
    """All resources by logical id, and the status of the stack."""

    rows: dict[str, ResourceRow] = field(default_factory=dict)
    status: str = ""

    def expect(self, plan: Plan) -> None:
        """Add the resources of a plan as pending."""
        self.rows = {change.logical_id: ResourceRow(change.logical_id, change.type) for change in plan.changes}

    def see(self, received: StackEventReceived) -> None:
        """Update the state of an event's resource, or of the stack."""
        event = received.event
        if is_root(event):
            self.status = event.status
            return
        old = self.rows.get(event.logical_id) or ResourceRow(event.logical_id, event.type)
        state, doing = _state(event.status), doing_of(event.status)
        since = old.since if (old.state, old.doing) == (state, doing) else received.elapsed
        broke = old.broke or (state == "failed" and not is_cancellation(event))
        row = replace(old, state=state, doing=doing, since=since, reason=event.reason, broke=broke)
        self.rows[event.logical_id] = row

    def parts(self) -> tuple[Part, ...]:
        """The resources by part, in display order."""
        grouped: dict[str, list[ResourceRow]] = {name: [] for name in PARTS}
        for row in self.rows.values():
            grouped[part_of(row.type, row.logical_id)].append(row)
        return tuple(Part(name, tuple(rows)) for name, rows in grouped.items() if rows)

    @property
    def doing(self) -> str:
        """What the operation does now."""
        return "cleaning up" if "CLEANUP" in self.status else doing_of(self.status) if self.status else "starting"

    @property
    def undone(self) -> bool:
        """Whether the operation has been rolled back."""
        return self.status.endswith("ROLLBACK_COMPLETE")

    def active(self) -> tuple[ResourceRow, ...]:
        """The resources in progress, longest first."""
        return tuple(sorted((row for row in self.rows.values() if row.state == "active"), key=lambda row: row.since))


def doing_of(status: str) -> str:
    """``CREATE_IN_PROGRESS`` -> ``creating``; an unknown status in lower case."""
    for suffix in ("_IN_PROGRESS", "_COMPLETE", "_FAILED", "_SKIPPED"):
        if status.endswith(suffix):
            word = status.removesuffix(suffix).removesuffix("_CLEANUP").removesuffix("_COMPLETE")
            return _ACTIONS.get(word, word.lower().replace("_", " "))
    return status.lower().replace("_", " ")


def _state(status: str) -> State:
    if status.endswith("_FAILED"):
        return "failed"
    if status.endswith("_SKIPPED"):
        return "kept"
    return "done" if status.endswith("_COMPLETE") else "active"


class Display(Sink):
    """What moves on a terminal. It pauses for questions and for lines that stay above it."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._stream = LineWriter(out)
        self._err = LineWriter(err)
        self._console = Console(file=out, highlight=False, soft_wrap=False)
        self._spinner = Spinner("line" if self._console.options.ascii_only else "dots", style="cyan")
        self._screen: Screen | None = None

    def picture(self) -> RenderableType:
        """The display in its current state."""
        raise NotImplementedError

    def pause(self) -> None:
        """Remove the display, so that something else can be printed. The next event shows it again."""
        if self._screen:
            self._screen.stop()
            self._screen = None

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

    def _mark(self, state: str) -> tuple[str, str]:
        mark, ascii_mark, style = _MARKS[state]
        return (ascii_mark if self._console.options.ascii_only else mark), style


class Live(Display):
    """Shows events as a live display; its last state stays on the screen."""

    def __init__(self, out: TextIO, err: TextIO, title: str, clock: Callable[[], float]) -> None:
        super().__init__(out, err)
        self._title = title
        self._clock = clock
        self._tree = Tree()
        self._step = ""
        self._rollouts: dict[str, RolloutChanged] = {}
        self._on: tuple[str, ...] = ()
        self._elapsed, self._updated_at = 0.0, clock()
        self._executing = False

    def __call__(self, event: Event) -> None:
        paint, width = self._stream.paint, self._stream.width
        match event:
            case StepStarted():
                self._step = event.text
                self._show()
            case PlanCreated():
                self._tree.expect(event.plan)
                self._say(plan_lines(event.plan, event.places, paint, width, remarks_of(event)))
            case StackEventReceived() | Waiting():
                self._moved(event)
            case RolloutChanged():
                self._rollouts[event.service] = event
                if not self._executing:
                    self._elapsed, self._updated_at = event.elapsed, self._clock()
                self._show()
            case ServiceEventReceived():
                self._say([service_event_line(event, paint)])
            case NoticeIssued():
                self._say(word_lines(event.label, event.text, "strong", paint, width))
            case WarningIssued():
                self._say(word_lines("warning", event.text, "warn", paint, width))
            case RunEnded():
                self._end(event)

    def picture(self) -> RenderableType:
        """The display in its current state."""
        elapsed = self._elapsed + self._clock() - self._updated_at
        if not self._executing:
            self._spinner.update(text=Text(f" {visible(self._step)}", overflow="ellipsis", no_wrap=True))
            rows = (ResourceRow(name, SERVICE, "active") for name in self._rollouts)
            lines = [line for row in rows for line in self._tasks(row, elapsed)]
            return Group(self._spinner, *lines) if self._rollouts else self._spinner
        doing = self._tree.doing
        head = Text.assemble((self._title, "bold"), "  ", (doing, "cyan"), "  ", (format_duration(elapsed), "dim"))
        return Group(head, Text(""), *self._rows(elapsed), Text(""), self._waits(elapsed))

    def _moved(self, event: StackEventReceived | Waiting) -> None:
        self._executing = True
        self._elapsed, self._updated_at = event.elapsed, self._clock()
        self._on = event.on if isinstance(event, Waiting) else ()
        if isinstance(event, StackEventReceived):
            self._tree.see(event)
        self._show()

    def _say(self, lines: Iterable[str]) -> None:
        """Print lines that stay, above the display."""
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
        """The last display, which stays: a line for each part, and every resource that failed or was kept."""
        word = ("rolled back  ", "yellow") if self._tree.undone else ""
        head = Text.assemble((self._title, "bold"), "  ", word, (format_duration(self._elapsed), "dim"))
        return Group(head, *self._rows(self._elapsed, ("failed", "kept")), Text(""))

    def _rows(self, elapsed: float, states: tuple[str, ...] = ("active", "failed", "kept")) -> list[Text]:
        parts = self._tree.parts()
        room = max(3, self._console.size.height - _OTHER_ROWS - len(parts))
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
        """A part with the number of its finished resources.

        After a rollback none is finished, whatever its last state was.
        """
        state, count = part.state, f"{f'{part.finished} of {len(part.rows)}':>8}"
        if self._tree.undone:
            state = "failed" if any(map(self._failed, part.rows)) else "pending"
            count = "  not started" if all(row.state == "pending" for row in part.rows) else "  rolled back"
        return Text.assemble("  ", self._mark(state), f" {part.name:<16}", (count, "dim"))

    def _row(self, row: ResourceRow, elapsed: float) -> Iterator[Text]:
        state = "failed" if self._failed(row) else row.state
        word = {"failed": "failed", "kept": "left behind"}.get(state, row.doing)
        since = format_duration(elapsed - row.since) if state == "active" else ""
        name = f"{row.logical_id:<{max(8, min(36, self._console.size.width - _OTHER_COLUMNS))}}"
        yield _line("      ", self._mark(state), f" {name} ", (f"{word:<12} {since:>7}", "dim"))
        if row.reason and row.state == "failed" and self._screen:
            yield _line((f"        {visible(row.reason)}", "red"))

    def _failed(self, row: ResourceRow) -> bool:
        """Whether a resource caused the rollback: it failed, or its tasks did and the update was cancelled."""
        rollout = self._rollouts.get(row.logical_id)
        return self._tree.undone and row.state != "kept" and (row.broke or (rollout is not None and rollout.failed > 0))

    def _tasks(self, row: ResourceRow, elapsed: float) -> Iterator[Text]:
        """The rollout of a service below its row: counts, and each task with its failing check or stop reason."""
        rollout = self._rollouts.get(row.logical_id)
        if rollout is None or row.state == "kept":
            return
        yield _line((f"        {counts_of(rollout)}", "yellow" if rollout.failed else "dim"))
        tasks = relevant_tasks(rollout)
        for task in tasks[:_MAX_TASKS]:
            yield from self._task(task, elapsed - rollout.elapsed)
        if len(tasks) > _MAX_TASKS:
            yield Text(f"          and {len(tasks) - _MAX_TASKS} more tasks", "dim")

    def _task(self, task: TaskState, elapsed: float) -> Iterator[Text]:
        why, words = why_of(task), checks_of(task)[0]
        checks = f"  {words}" if task.status == "RUNNING" and words and not why else ""
        past = timeline(task, elapsed, self._console.size.width - 22 - len(checks))
        yield _line("        ", self._mark(state_of(task)), f" {task.id[:8]}  ", (past, "dim"), checks)
        if why:
            yield _line((f"                    {why}", "red"))

    def _waits(self, elapsed: float) -> Text:
        active = [row for row in self._tree.active() if not self._on or row.logical_id in self._on]
        names = tuple(f"{row.logical_id} ({format_duration(elapsed - row.since)})" for row in active)
        return _line((f"  {waits_for(names, 3) if names else waits_for(self._on)}", "dim"))


def _line(*parts: str | tuple[str, str]) -> Text:
    """A line of texts with their styles, cut at the width of the terminal."""
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")
