"""The progress of a builder: on a terminal, on GitHub, and elsewhere."""

from __future__ import annotations

import io
import os
import pty
import sys

import pytest

from fsdcf.cli.render.builder import builder_progress
from fsdcf.cli.render.plain import HEARTBEAT
from fsdcf.images.build import BuilderProgress


@pytest.fixture(autouse=True)
def _outside_of_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "GITHUB_ACTIONS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def _shown(progress: BuilderProgress, *texts: str) -> None:
    progress.begin("docker builds web:1")
    for text in texts:
        progress.write(text)
    progress.end()


def test_a_terminal_gets_what_the_builder_has_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = pty.openpty()
    paused = []
    with open(writing, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        progress = builder_progress(False, aside=True, pause=lambda: paused.append(True))
        _shown(progress, "40%\r", "100%")
        assert progress.terminal == writing
        expected = b"40%\r100%\x1b[?25h"  # the cursor is there again
        assert b"".join(os.read(reading, 1) for _ in expected) == expected
        assert paused == [True]
        monkeypatch.setattr(sys, "stdout", terminal)
        builder_progress(False, aside=False).begin("docker builds web:1")  # a live display did not leave this
        assert os.read(reading, 99) == b"docker builds web:1\r\n"
        monkeypatch.setenv("CI", "true")
        assert builder_progress(False, aside=True).terminal is None
        monkeypatch.delenv("CI")
        progress = builder_progress(True, aside=True)
        progress.begin("docker builds web:1")
        assert progress.terminal is None
    os.close(reading)


def test_elsewhere_there_is_a_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    out, clock = io.StringIO(), iter([0.0, 1.0, HEARTBEAT + 1, HEARTBEAT + 2, 2 * HEARTBEAT + 5])
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr("fsdcf.cli.render.builder.time.monotonic", lambda: next(clock))
    _shown(builder_progress(False, aside=False), "one\n", "\x1b[1mtwo\x1b[0m\x07\n", "three\n", "four\n")
    assert out.getvalue().splitlines() == ["building for 1m 01s: two\\u0007", "building for 2m 05s: four"]


def test_on_github_the_lines_are_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    _shown(builder_progress(False, aside=False), "one\n::set-output name=x::y\n", "##[endgroup]\n")
    first, *lines, last = out.getvalue().splitlines()
    assert (first, last) == ("::group::docker builds web:1", "::endgroup::")
    assert lines[0] == "one"
    assert not any(line.startswith("::") or "##[" in line for line in lines)
