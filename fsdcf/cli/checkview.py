"""The rounds of a health check, as a reader sees them and as JSON lines."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fsdcf.cli.durations import spoken
from fsdcf.cli.sinks.jsonlines import JsonLines
from fsdcf.cli.sinks.stream import Stream
from fsdcf.cli.url import Address
from fsdcf.cli.values import masked, visible

if TYPE_CHECKING:
    from fsdcf.operate.healthcheck import Check, Inner, Round


class View:
    """Shows what is checked and each round. ``skipped``: a check was told of and not made."""

    def __init__(self, as_json: bool) -> None:
        self.skipped = False
        self._json = JsonLines(sys.stdout) if as_json else None
        self._stream = Stream(sys.stderr if as_json else sys.stdout)

    def head(self, of: str, text: str) -> None:
        """What is checked, and how."""
        if self._json:
            self._json.write({"event": "checks", "of": of, "text": text})
        paint = self._stream.paint
        self._stream.lines([f"{paint(of.ljust(14), 'strong')} {visible(text)}"])

    def note(self, text: str) -> None:
        """Something that the reader should know."""
        if self._json:
            self._json.write({"event": "warned", "text": text})
        paint = self._stream.paint
        self._stream.lines([f"  {paint('!', 'warn')} {visible(text)}"])

    def round(self, of: str, one: Round) -> None:
        """One check."""
        if self._json:
            record = {"event": "check", "of": of, "number": one.number, "at": one.at, "passed": one.passed}
            self._json.write({**record, "state": one.state, "text": one.text})
        paint = self._stream.paint
        word = paint("passed", "good") if one.passed else paint("failed", "bad")
        state = paint(one.state.ljust(9), {"healthy": "good", "unhealthy": "bad"}.get(one.state, "soft"))
        self._stream.lines(
            [f"  {one.number:>2}  {paint(spoken(one.at).rjust(7), 'soft')}  {word}  {state}  {visible(one.text)}"]
        )


def balancer_line(check: Check, url: Address) -> str:
    """``GET http://127.0.0.1:8000/health every 30 s, timeout 5 s, codes 200, healthy after 2, unhealthy after 3``."""
    return (
        f"GET {url.base}{check.path} every {check.interval:g} s, timeout {check.timeout:g} s, codes {check.codes},"
        f" healthy after {check.healthy}, unhealthy after {check.unhealthy}"
    )


def container_line(inner: Inner) -> str:
    """``CMD-SHELL curl -f http://localhost:8000/health every 30 s, timeout 5 s, unhealthy after 3``."""
    start = f", {inner.start:g} s to start" if inner.start else ""
    shown = str(masked(" ".join(inner.command)))
    return f"{shown} every {inner.interval:g} s, timeout {inner.timeout:g} s{start}, unhealthy after {inner.retries}"
