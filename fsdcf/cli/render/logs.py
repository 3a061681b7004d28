"""Log lines for a terminal, where each task has a colour, for a pipe, and as JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TextIO

import click

from fsdcf.cli.render.jsonlines import JsonLines
from fsdcf.cli.render.stream import LineWriter, colours
from fsdcf.cli.render.values import fields, visible
from fsdcf.masking import mask_value

if TYPE_CHECKING:
    from fsdcf.operate.logs import LogLine

_BASE_COLOURS = ("cyan", "magenta", "green", "yellow", "blue")
_PALETTE = (*_BASE_COLOURS, *(f"bright_{colour}" for colour in _BASE_COLOURS))
_COLOUR_CODES = re.compile(r"\x1b\[[0-9;]*m")
_ID_WIDTH = 8
"""Characters of a task ID on a terminal."""


class ReaderGone(Exception):
    """The reader of the stream has gone."""


class LogPrinter:
    """Prints log lines to a stream, with secrets masked and without control characters.

    A terminal shows the time of day, a prefix of the task ID and, if several containers log, the container; a pipe gets
    the full time and ID. ``plain`` prints the text alone, as the output of a command, and continues without a reader;
    otherwise a missing reader raises ReaderGone.
    """

    def __init__(self, out: TextIO, as_json: bool, plain: bool = False) -> None:
        self.count = 0
        self._stream = JsonLines(out) if as_json else LineWriter(out)
        self._plain = plain
        self._short = bool(getattr(out, "isatty", lambda: False)())
        self._coloured = colours(out)
        self._colours: dict[str, str] = {}
        self._containers: set[str] = set()

    def __call__(self, line: LogLine) -> None:
        self.count += 1
        if isinstance(self._stream, JsonLines):
            self._stream.write(_record(line))
        else:
            prefix = "" if self._plain else self._prefix(line)
            self._stream.lines(f"{prefix}{part}" for part in readable(line.text).split("\n"))
        if not self._plain and self._stream.gone:
            raise ReaderGone

    def _prefix(self, line: LogLine) -> str:
        self._containers.add(line.container)
        task = line.task[:_ID_WIDTH] if self._short else line.task
        source = visible(f"{task}/{line.container}" if len(self._containers) > 1 else task)
        time = f"{line.moment:%H:%M:%S}" if self._short else _iso(line)
        if not self._coloured:
            return f"{time} {source} "
        colour = self._colours.setdefault(line.task, _PALETTE[len(self._colours) % len(_PALETTE)])
        return f"{click.style(time, dim=True)} {click.style(source, fg=colour)} "


def readable(text: str) -> str:
    """The text of a log line with secrets masked, without colours and control characters. Line breaks stay."""
    plain = str(mask_value(_COLOUR_CODES.sub("", text).replace("\r\n", "\n").expandtabs(4)))
    return "\n".join(visible(part) for part in plain.split("\n"))


def _record(line: LogLine) -> dict[str, object]:
    return {
        "event": "line",
        "time": _iso(line),
        **fields(line, "task", "container", "stream", "id"),
        "text": str(mask_value(line.text)),
    }


def _iso(line: LogLine) -> str:
    return f"{line.moment:%Y-%m-%dT%H:%M:%S}.{line.time % 1000:03}Z"
