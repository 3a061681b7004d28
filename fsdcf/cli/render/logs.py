"""Log lines on a terminal, where each task has its colour, in a pipe, and as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

import click

from fsdcf.cli.render.jsonlines import JsonLines
from fsdcf.cli.render.stream import Stream, colours
from fsdcf.cli.render.values import visible
from fsdcf.masking import mask_value

if TYPE_CHECKING:
    from fsdcf.operate.logs import LogLine

_PALETTE = (
    "cyan",
    "magenta",
    "green",
    "yellow",
    "blue",
    "bright_cyan",
    "bright_magenta",
    "bright_green",
    "bright_yellow",
    "bright_blue",
)
_COLOUR_CODES = re.compile(r"\x1b\[[0-9;]*m")
_SHORT = 8
"""Letters of a task's id that a terminal shows."""


class ReaderGone(Exception):
    """Nobody reads the stream any more."""


class Lines:
    """Shows lines on a stream. What looks like a secret is masked, and nothing commands the terminal.

    A terminal is shown the time of day, the beginning of the task's id and, where several containers log, the container; a pipe
    the whole time and id. ``plain`` shows the text alone, for a command whose output it is: it goes on without a reader. Otherwise a
    reader who leaves is a ReaderGone.
    """

    def __init__(self, out: TextIO, as_json: bool, plain: bool = False) -> None:
        self.count = 0
        self._stream = Stream(out)
        self._json = JsonLines(out) if as_json else None
        self._plain = plain
        self._short = bool(getattr(out, "isatty", lambda: False)())
        self._coloured = colours(out)
        self._colours: dict[str, str] = {}
        self._containers: set[str] = set()

    def __call__(self, line: LogLine) -> None:
        self.count += 1
        if self._json:
            self._json.write(_record(line))
        else:
            lead = "" if self._plain else self._lead(line)
            text = readable(line.text)
            self._stream.lines(f"{lead}{part}" for part in text.split("\n"))
        if not self._plain and (self._stream.gone or (self._json and self._json.gone)):
            raise ReaderGone

    def _lead(self, line: LogLine) -> str:
        self._containers.add(line.container)
        task = line.task[:_SHORT] if self._short else line.task
        who = visible(f"{task}/{line.container}" if len(self._containers) > 1 else task)
        time = f"{line.moment:%H:%M:%S}" if self._short else _iso(line)
        if not self._coloured:
            return f"{time} {who} "
        colour = self._colours.setdefault(line.task, _PALETTE[len(self._colours) % len(_PALETTE)])
        return f"{click.style(time, dim=True)} {click.style(who, fg=colour)} "


def readable(text: str) -> str:
    """A line's text with its secrets masked, without colours and commands for a terminal. Breaks stay."""
    told = str(mask_value(_COLOUR_CODES.sub("", text).replace("\r\n", "\n").expandtabs(4)))
    return "\n".join(visible(part) for part in told.split("\n"))


def until_gone(show: Callable[[], None]) -> None:
    """Shows until the end, or until the reader has left, as in ``fsdcf logs --follow | head``."""
    try:
        show()
    except ReaderGone:
        return


def _record(line: LogLine) -> dict[str, object]:
    return {
        "event": "line",
        "time": _iso(line),
        "task": line.task,
        "container": line.container,
        "stream": line.stream,
        "id": line.id,
        "text": str(mask_value(line.text)),
    }


def _iso(line: LogLine) -> str:
    return f"{line.moment:%Y-%m-%dT%H:%M:%S}.{line.time % 1000:03}Z"
