"""What a migration looks like: a bar on a terminal, lines in a log, JSON lines for programs."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from fsdcf.cli.paint import is_watched
from fsdcf.cli.sinks.jsonlines import JsonLines
from fsdcf.cli.sinks.stream import Stream
from fsdcf.storage.migration.model import Progress, Report, Told
from fsdcf.storage.migration.report import report_lines, report_record, told_line, told_record

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_BETWEEN = 5.0
"""Seconds between two lines of progress in a log, of one stage."""


class Picture:
    """Shows progress on standard error, and the report on standard output; with JSON lines all goes to standard output."""

    def __init__(self, as_json: bool) -> None:
        self._json = JsonLines(sys.stdout) if as_json else None
        self._err = Stream(sys.stderr)
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._told: tuple[str, float] = ("", 0.0)

    def __enter__(self) -> Picture:
        if self._json is None and is_watched(sys.stderr):
            self._bars = _bars()
            self._bars.start()
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def tell(self, event: Progress | Told) -> None:
        """Show how far it is. Lines come at the beginning of a stage, at its end, and every few seconds."""
        if isinstance(event, Progress):
            if self._bars is not None:
                self._draw(event)
                return
            stage, at = self._told
            now = time.monotonic()
            if stage == event.stage and event.done < event.total and now - at < _BETWEEN:
                return
            self._told = (event.stage, now)
        if self._json is not None:
            self._json.write(told_record(event))
        elif self._bars is not None:
            self._bars.console.print(told_line(event), markup=False)
        else:
            self._err.lines([told_line(event)])

    def report(self, report: Report) -> None:
        """Show the report."""
        if self._json is not None:
            self._json.write(report_record(report))
        else:
            Stream(sys.stdout).lines(report_lines(report))

    def _draw(self, event: Progress) -> None:
        assert self._bars is not None  # noqa: S101 - asked by the caller
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self._bars.add_task(event.stage, total=event.total)
        self._bars.update(self._tasks[event.stage], completed=event.done, total=event.total)


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(file=sys.stderr, highlight=False)
    return Bars(
        TextColumn("{task.description:<7}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )
