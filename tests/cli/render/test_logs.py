"""Log lines in JSON: the schemas of usual loggers, times, traces, secrets and control characters."""

from __future__ import annotations

import io
import json
from datetime import datetime, timezone
from typing import Any

import pytest

from fsdcf.cli.render.logs import LogPrinter, structured
from fsdcf.operate.logs import LogLine

AT = datetime(2026, 11, 29, 10, 0, 0, 123_000, timezone.utc)
MS = 1_795_946_400_123


def shown(data: dict[str, Any] | str, **flags: bool) -> list[str]:
    """A line as it is printed to a pipe, without its time and task."""
    out = io.StringIO()
    text = data if isinstance(data, str) else json.dumps(data)
    LogPrinter(out, as_json=False, **flags)(LogLine("1", MS, "web/web/t", text))
    return [line.split(" ", 2)[2] for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"level": 30, "time": MS, "pid": 1, "msg": "pino"}, "INFO  pino  pid=1"),
        ({"v": 0, "level": 50, "msg": "bunyan", "time": "2026-11-29T10:00:00.120Z"}, "ERROR bunyan  v=0"),
        ({"event": "structlog", "level": "warning", "timestamp": "2026-11-29T10:00:00.123456Z"}, "WARNING structlog"),
        ({"level": "info", "msg": "logrus", "time": "2026-11-29T11:00:00+01:00", "a": "b c"}, 'INFO  logrus  a="b c"'),
        ({"level": "error", "ts": MS / 1000, "caller": "x.go:1", "msg": "zap"}, "ERROR zap  caller=x.go:1"),
        ({"time": "2026-11-29T10:00:00.123456789Z", "level": "INFO", "msg": "slog"}, "INFO  slog"),
        (
            {"@timestamp": "2026-11-29T10:00:00.123Z", "log.level": "info", "message": "ecs", "ecs.version": "1.6.0"},
            "INFO  ecs  ecs.version=1.6.0",
        ),
        ({"log": {"level": "warn", "logger": "x"}, "message": "nested"}, "WARN  nested  log.logger=x"),
        (
            {"level": "INFO", "location": "f:1", "message": "powertools", "timestamp": "2026-11-29 10:00:00,123+0000"},
            "INFO  powertools  location=f:1",
        ),
        ({"levelname": "DEBUG", "asctime": "2026-11-29 10:00:00,123", "message": "python"}, "DEBUG python"),
        ({"message": "monolog", "level": 400, "level_name": "ERROR"}, "ERROR monolog  level=400"),
        ({"message": "monolog", "level": 300}, "WARNING monolog"),
        ({"@t": "2026-11-29T10:00:00Z", "@m": "serilog", "@l": "Error"}, "ERROR serilog"),
        ({"short_message": "gelf", "level": 6, "host": "h"}, "INFO  gelf  host=h"),
        ({"level": "INFO", "fields": {"message": "tracing", "n": 1}}, "INFO  tracing  fields.n=1"),
        ({"severity": "NOTICE", "message": "cloud", "ok": True, "none": None, "list": [1, "a"]},
         'NOTICE cloud  ok=true none=null list=[1,"a"]'),
        ({"Level": "Information", "Message": "dotnet"}, "INFORMATION dotnet"),
        ({"@level": "warn", "@message": "hclog", "@module": "m"}, "WARN  hclog  @module=m"),
        ({"SeverityText": "INFO", "Body": "otel", "TraceId": "a"}, "INFO  otel  TraceId=a"),
        ({"level": "\x1b[32minfo\x1b[39m", "message": "\x1b[1mwinston\x1b[0m"}, "INFO  winston"),
        ({"msg": "no level"}, "no level"),
        ({"level": "info"}, "INFO"),
    ],
    ids=lambda value: next((str(one) for key, one in value.items() if "m" in key.lower()), "")[:12]
    if isinstance(value, dict)
    else "",
)  # fmt: skip
def test_lines_of_usual_loggers(data: dict[str, Any], text: str) -> None:
    assert shown(data) == [text]
    assert shown(data, raw=True) == [json.dumps(data)], "the way around"


def test_a_time_that_is_not_that_of_the_line_is_shown() -> None:
    assert shown({"level": "info", "msg": "late", "time": "2026-11-29T09:00:00Z"}) == [
        "INFO  late  time=2026-11-29T09:00:00Z"
    ]
    assert shown({"msg": "x", "ts": True, "time": "soon"}) == ["x  ts=true time=soon"]


def test_a_stack_trace_is_shown_below() -> None:
    assert shown({"level": "error", "msg": "x", "err": {"type": "E", "stack": "E: a\n  at b"}}) == [
        "ERROR x  err.type=E",
        "E: a",
        "  at b",
    ]


@pytest.mark.parametrize(
    "text", ["{}", "{", '{"a": 1}', '["level"]', "{'level': 1}", '{"level": [1], "msg": 2}', "level"]
)
def test_other_lines_are_shown_as_they_are(text: str) -> None:
    assert structured(text, AT) is None and shown(text) == [text]
    assert structured('{"a":' * 100_000, AT) is None


@pytest.mark.parametrize("time", ["1" * 400, "1e400", "NaN", "-1", '"9999-99-99"', '"0001-01-01T00:00:00+23:59"', "{}"])
def test_no_time_is_too_odd(time: str) -> None:
    found = structured(f'{{"msg": "x", "time": {time}}}', AT)
    assert found is not None and found.message == "x" and "time" in found.values


def test_secrets_are_masked_and_no_control_character_passes() -> None:
    data = {
        "msg": "a\u001b[31mred\u001b[2Jb",
        "password": "geheim",
        "a": {"api_key": "k"},
        "x\u0007": "\u202e",
        "n": "c\nd",
    }
    (line,) = shown(data)
    assert line == 'ared\\u001b[2Jb  password=******** a.api_key=******** x\\u0007=\\u202e n="c\\nd"'
    raw = shown('{"msg": "x"}\x9b\x07', raw=True)
    assert raw == ['{"msg": "x"}\\u009b\\u0007']


def test_the_level_has_a_colour_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    LogPrinter(out, as_json=False)(LogLine("1", MS, "web/web/t", '{"level": 50, "msg": "x"}'))
    assert out.getvalue().endswith("\x1b[31mERROR\x1b[0m x\n")


def test_json_keeps_the_text_and_adds_level_and_message() -> None:
    out = io.StringIO()
    show = LogPrinter(out, as_json=True)
    show(LogLine("1", MS, "web/web/t", '{"level": 50, "msg": "x"}'))
    show(LogLine("2", MS, "web/web/t", "plain"))
    one, two = map(json.loads, out.getvalue().splitlines())
    assert (one["text"], one["level"], one["message"]) == ('{"level": 50, "msg": "x"}', "ERROR", "x")
    assert (two["text"], two["level"], two["message"]) == ("plain", None, None)
