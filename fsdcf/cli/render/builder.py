"""The progress of a builder: its own display on a terminal, a folded group on GitHub, and a line a minute elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

from fsdcf.cli.render.durations import format_duration
from fsdcf.cli.render.findings import record, show
from fsdcf.cli.render.plain import HEARTBEAT
from fsdcf.cli.render.stream import LineWriter, is_watched, on_github, wrapped
from fsdcf.diagnostics import Diagnostic
from fsdcf.images.build import BuilderProgress, seen_lines
from fsdcf.wording import visible

_SHOW_CURSOR = "\x1b[?25h"


def builder_progress(as_json: bool, aside: bool, pause: Callable[[], None] = lambda: None) -> BuilderProgress:
    """The progress for the standard streams. ``aside``: messages for people go to standard error. ``pause`` removes a
    live display."""
    out = sys.stderr if aside or as_json else sys.stdout
    if on_github():
        return _Group(LineWriter(out), as_json, pause)
    if not as_json and is_watched(out):
        return _Terminal(LineWriter(out), as_json, pause, announces=not aside)
    return _Folded(LineWriter(out), as_json, pause)


class _Folded(BuilderProgress):
    """Keeps quiet, but for a line a minute: some CI ends a job that prints nothing."""

    def __init__(self, out: LineWriter, as_json: bool, pause: Callable[[], None]) -> None:
        self._out = out
        self._as_json = as_json
        self._pause = pause
        self._begun = self._printed = 0.0

    def begin(self, title: str) -> None:
        self._pause()
        self._begun = self._printed = time.monotonic()

    def write(self, text: str) -> None:
        now = time.monotonic()
        lines = seen_lines(text)
        if lines and now - self._printed >= HEARTBEAT:
            self._printed = now
            self._out.lines([f"building for {format_duration(now - self._begun)}: {visible(lines[-1])}"])

    def report(self, finding: Diagnostic, sources: Mapping[str, str]) -> None:
        show([finding], sources)
        if self._as_json:
            from fsdcf.cli.render.jsonlines import JsonLines

            JsonLines(sys.stdout).write({"event": "finding", **record(finding)})


class _Group(_Folded):
    """Folds the lines into a group of GitHub Actions, in which nothing is a workflow command."""

    def begin(self, title: str) -> None:
        self._pause()
        self._out.command(f"::group::{visible(title)}")

    def write(self, text: str) -> None:
        self._out.lines(map(visible, seen_lines(text)))

    def end(self) -> None:
        self._out.command("::endgroup::")


class _Terminal(_Folded):
    """Shows the builder's own display. ``announces``: below what a live display would have shown."""

    def __init__(self, out: LineWriter, as_json: bool, pause: Callable[[], None], announces: bool) -> None:
        super().__init__(out, as_json, pause)
        self._announces = announces

    def begin(self, title: str) -> None:
        self._pause()
        if self._announces:
            self._out.lines(wrapped(visible(title), self._out.width, 2, self._out.paint))
        self.terminal = self._out.file.fileno()

    def write(self, text: str) -> None:
        self._out.text(text)

    def end(self) -> None:
        self.write(_SHOW_CURSOR)  # a builder that was killed does not show it again
