"""A builder that runs: what is shown and kept of its output, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fsdcf.deploy.model import Event, Exit, ImageBuilt, StepStarted
from fsdcf.deploy.run import Stop
from fsdcf.images.build import BuilderProgress, build_image, run_builder, seen_lines
from fsdcf.images.builders import Command, Docker, ImageBuild


class Screen(BuilderProgress):
    """Keeps what is shown; with a terminal of so many columns, or without one."""

    def __init__(self, columns: int = 0) -> None:
        self.text = ""
        self.said: Callable[[], None] = lambda: None
        if columns:
            import fcntl
            import pty
            import struct
            import termios

            self.reading, self.terminal = pty.openpty()
            fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, columns, 0, 0))

    def write(self, text: str) -> None:
        self.text += text
        self.said()


def _python(code: str) -> Command:
    return Command([sys.executable, "-c", code], dict(os.environ))


def test_lines_are_shown_and_kept() -> None:
    screen = Screen()
    code = (
        "import sys; print('one'); sys.stdout.flush(); print('two', file=sys.stderr); print('é', end=''); sys.exit(3)"
    )
    assert run_builder(_python(code), screen) == (
        3,
        ["two", "one", "é"] if screen.text.startswith("two") else ["one", "two", "é"],
    )


def test_a_terminal_has_the_size_of_the_own_one_and_is_copied() -> None:
    screen = Screen(columns=91)
    code = "import os; print(os.isatty(1), os.get_terminal_size().columns); print('40%\\r100%', end='', flush=True)"
    status, lines = run_builder(_python(code), screen)
    assert (status, lines) == (0, ["True 91", "100%"])
    assert "40%\r100%" in screen.text


def test_without_a_terminal_to_have_the_lines_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError("out of pty devices")

    screen = Screen(columns=80)
    monkeypatch.setattr("pty.openpty", none_left)
    assert run_builder(_python("import os; print(os.isatty(1))"), screen) == (0, ["False"])
    assert screen.text == "False\n"


def test_the_output_is_bounded_and_without_controls() -> None:
    code = "print('x' * 3_000_000); [print(f'\\x1b[32mline {n}\\x1b[0m') for n in range(5000)]"
    _, lines = run_builder(_python(code), Screen())
    assert len(lines) <= 400
    assert lines[-1] == "line 4999"
    assert seen_lines("\x1b]0;title\x07\x1b[2K\x1b[1A10%\r20%\r\n\n  last\r\n") == ["20%", "  last"]


def test_a_process_that_is_left_behind_does_not_hold_the_build() -> None:
    code = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(9)']); print('done')"
    )
    begun = time.monotonic()
    assert run_builder(_python(code), Screen()) == (0, ["done"])
    assert time.monotonic() - begun < 8


STUBBORN = """
import os, signal, subprocess, sys, time
{handler}
child = subprocess.Popen([sys.executable, "-c", "import signal, time; {child}; time.sleep(60)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("again", [False, True])
def test_an_interrupt_ends_the_builder_and_its_children(again: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ignore = "[signal.signal(one, signal.SIG_IGN) for one in (signal.SIGINT, signal.SIGTERM)]" if again else "pass"
    screen = Screen()

    def interrupt() -> None:
        for number in range(1 + again):
            timer = threading.Timer(0.2 + 0.5 * number, lambda: os.kill(os.getpid(), signal.SIGINT))
            timer.daemon = True
            timer.start()
        screen.said = lambda: None

    screen.said = interrupt
    monkeypatch.setattr("fsdcf.images.build._ENDING", 20.0)
    with pytest.raises(KeyboardInterrupt):
        run_builder(_python(STUBBORN.format(handler=ignore, child=ignore)), screen)
    time.sleep(0.2)
    for process in screen.text.split()[:2]:
        assert not _runs(int(process)), process


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


DOCKER = f"""#!{sys.executable}
import json, os, sys
if sys.argv[1] == "build":
    print("built")
    code = int(os.environ.get("CODE", 0))
    sys.exit(code) if code >= 0 else os.kill(os.getpid(), -code)
print(json.dumps([{{"Id": "sha256:" + "a" * 64, "Os": "linux", "Architecture": os.environ.get("ARCH", "arm64")}}]))
"""


def _built(tmp_path: Path, **environment: str) -> list[Event]:
    program = tmp_path / "docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    events: list[Event] = []
    build = ImageBuild("web:1", tmp_path, tmp_path / "Dockerfile", "linux/arm64")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    image = build_image(Docker({"PATH": path, **environment}, "no buildx"), build, events.append, BuilderProgress())
    assert image.id == "sha256:" + "a" * 64
    return events


def test_the_events_of_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    started, built = _built(tmp_path)
    assert isinstance(started, StepStarted)
    assert "no buildx" in started.text
    assert isinstance(built, ImageBuilt)
    assert (built.name, built.tag, built.platform, built.builder) == ("web", "1", "linux/arm64", "docker")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"ARCH": "amd64"}, "linux/amd64"),
        ({"CODE": "7"}, "exited with 7"),
        ({"CODE": "-9"}, "was ended: Killed"),
    ],
)
def test_a_build_that_fails_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: str
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(Stop) as stopped:
        _built(tmp_path, **environment)
    assert stopped.value.outcome.exit is Exit.FAILED
    assert words in stopped.value.outcome.sentence


@pytest.mark.parametrize(("columns", "shown"), [(80, False), (0, True)])
def test_the_last_lines_are_not_repeated_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int, shown: bool
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nprintf 'Dockerfile:1\\n-----\\nERROR: it went wrong\\n'; exit 1\n")
    program.chmod(0o755)
    build = ImageBuild("web:1", tmp_path, tmp_path / "Dockerfile", "linux/arm64")
    with pytest.raises(Stop) as stopped:
        build_image(Docker(dict(os.environ)), build, lambda event: None, Screen(columns))
    evidence = "".join(one.text for one in stopped.value.outcome.evidence)
    assert ("ERROR: it went wrong" in evidence) is shown


def test_a_builder_that_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="cannot run"):
        run_builder(Command([str(tmp_path / "none")], {}), BuilderProgress())
