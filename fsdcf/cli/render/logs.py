"""Log lines for a terminal, where each task has a colour, for a pipe, and as JSON. Lines in JSON become readable."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TextIO

import click

from fsdcf.cli.render.jsonlines import JsonLines
from fsdcf.cli.render.stream import LineWriter, colours
from fsdcf.cli.render.values import fields
from fsdcf.masking import mask_value
from fsdcf.wording import visible

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
    otherwise a missing reader raises ReaderGone. ``plain`` and ``raw`` leave lines in JSON as they are.
    """

    def __init__(self, out: TextIO, as_json: bool, plain: bool = False, raw: bool = False) -> None:
        self.count = 0
        self._stream = JsonLines(out) if as_json else LineWriter(out)
        self._plain = plain
        self._raw = raw or plain
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
            self._stream.lines(f"{prefix}{part}" for part in self._parts(line))
        if not self._plain and self._stream.gone:
            raise ReaderGone

    def _parts(self, line: LogLine) -> list[str]:
        """The text in lines, with the level of a line in JSON in its colour."""
        found = None if self._raw else structured(line.text, line.moment)
        parts = readable(found.text if found else line.text).split("\n")
        style = _LEVEL_STYLES.get(found.level) if found and self._coloured else None
        if found and style and parts[0].startswith(found.level):
            parts[0] = click.style(found.level, fg=style) + parts[0][len(found.level) :]
        return parts

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
    found = structured(line.text, line.moment)
    return {
        "event": "line",
        "time": _iso(line),
        **fields(line, "task", "container", "stream", "id"),
        "text": str(mask_value(line.text)),
        "level": found.level or None if found else None,
        "message": str(mask_value(found.message)) if found else None,
    }


def _iso(line: LogLine) -> str:
    return f"{line.moment:%Y-%m-%dT%H:%M:%S}.{line.time % 1000:03}Z"


_LEVELS = (
    *("level_name", "levelname", "level", "log.level", "severity", "severitytext", "severity_text"),
    *("loglevel", "log_level", "lvl", "@level", "@l", "record.level.name"),
)
_MESSAGES = (
    *("message", "msg", "@message", "@m", "@mt", "short_message"),
    *("fields.message", "body", "record.message", "event"),
)
_TIMES = ("time", "timestamp", "@timestamp", "ts", "@t", "asctime", "datetime", "timemillis", "date")
_TRACES = (
    *("stack", "stacktrace", "stack_trace", "exception", "exc_info", "traceback", "@x"),
    *("err.stack", "error.stack", "error.stack_trace"),
)
"""The keys of a line in JSON, in lower case, by their rank; a nested key has dots. They are those of pino, bunyan,
winston, structlog, python-json-logger, logrus, zap, slog, tracing, logback, Monolog, Serilog, hclog, loguru, GELF, the
Elastic Common Schema, OpenTelemetry and Powertools for AWS Lambda."""

_NUMBERS: Mapping[int, str] = {
    **{10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal"},  # pino and bunyan
    **dict(enumerate(("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"))),  # syslog
    **{100: "debug", 200: "info", 250: "notice", 300: "warning"},  # Monolog
    **{400: "error", 500: "critical", 550: "alert", 600: "emergency"},
}
"""The names of numeric levels."""

_LEVEL_STYLES: Mapping[str, str] = {
    **dict.fromkeys(("ERROR", "ERR", "FATAL", "CRITICAL", "ALERT", "EMERGENCY", "PANIC", "SEVERE"), "red"),
    **dict.fromkeys(("WARN", "WARNING"), "yellow"),
    **dict.fromkeys(("DEBUG", "TRACE", "VERBOSE"), "bright_black"),
}

_LEVEL_WIDTH = 5
_NEAR = 5.0
"""Seconds between the time that the application wrote and that of the line, in which they are the same."""

_LATEST = 1e20
"""A number above any time in nanoseconds."""

_DEEPEST = 4
"""Levels of nested values that become keys with dots."""


@dataclass(frozen=True)
class StructuredLine:
    """A log line in JSON: its level in capitals, its message, the other values by key, and a stack trace."""

    level: str
    message: str
    values: Mapping[str, Any]
    trace: str = ""

    @property
    def text(self) -> str:
        """``INFO  order placed  id=7 user="a b"``, with the trace on lines of its own."""
        pairs = " ".join(f"{name}={_shown(value)}" for name, value in self.values.items())
        head = "  ".join(filter(None, (self.message, pairs)))
        head = f"{self.level.ljust(_LEVEL_WIDTH)} {head}".rstrip() if self.level else head
        return "\n".join((head, *self.trace.splitlines()))


def structured(text: str, moment: datetime) -> StructuredLine | None:
    """A line in JSON with a level or a message, without its secrets; None for any other line.

    The application's own time is left out if it is that of the line, ``moment``.
    """
    if not text.lstrip().startswith("{"):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    values = dict(_flat(data)) if isinstance(data, dict) else {}
    level = _take(values, _LEVELS, _is_level)
    message = _take(values, _MESSAGES, lambda value: isinstance(value, str))
    if level is None and message is None:
        return None
    _take(values, _TIMES, lambda value: _is_near(value, moment))
    trace = _take(values, _TRACES, lambda value: isinstance(value, str) and "\n" in value)
    masked = {name: mask_value(value, name.rpartition(".")[2]) for name, value in values.items()}
    name = "" if level is None else str(_NUMBERS.get(level, level) if isinstance(level, int) else level)
    return StructuredLine(
        _COLOUR_CODES.sub("", name).strip().upper(), (message or "").rstrip(), masked, (trace or "").rstrip()
    )


def _flat(data: Mapping[str, Any], above: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    """The values of nested mappings, by keys with dots."""
    for name, value in data.items():
        if isinstance(value, dict) and value and depth < _DEEPEST:
            yield from _flat(value, f"{above}{name}.", depth + 1)
        else:
            yield f"{above}{name}", value


def _take(values: dict[str, Any], names: Sequence[str], fits: Callable[[Any], bool]) -> Any:
    """Remove and return the value of the first of these names that fits; None if there is none."""
    keys = {key.lower(): key for key in reversed(values)}
    key = next((keys[name] for name in names if name in keys and fits(values[keys[name]])), None)
    return None if key is None else values.pop(key)


def _is_level(value: object) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, int) and not isinstance(value, bool) and value in _NUMBERS


def _is_near(value: object, moment: datetime) -> bool:
    """Whether a time, as a number since 1970 in any unit or as text in ISO 8601, is that of the line."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        line = moment.timestamp()
        return abs(value) < _LATEST and any(abs(value / unit - line) <= _NEAR for unit in (1, 1e3, 1e6, 1e9))
    if not isinstance(value, str):
        return False
    whole = re.sub(r"([.,]\d{1,6})\d*", lambda found: found[1].replace(",", ".").ljust(7, "0"), value.strip(), count=1)
    whole = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", re.sub("[zZ]$", "+00:00", whole))
    try:
        time = datetime.fromisoformat(whole)
    except ValueError:
        return False
    zoned = time if time.tzinfo else time.replace(tzinfo=timezone.utc)
    return abs((zoned - moment).total_seconds()) <= _NEAR


def _shown(value: Any) -> str:
    """A value behind its key: a word as it is, anything else as JSON."""
    if isinstance(value, str) and re.fullmatch(r"[^\s\"=]+", value):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
