"""The container's check as a program of this machine."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsdcf.operate.healthcheck import run_check

PYTHON = sys.executable
PATIENCE = 60.0
"""Seconds for what takes no time, on a machine that has much else to do."""

INTERRUPTED = """
import signal, sys
from fsdcf.operate.healthcheck import run_check

class Seconds(float):
    '''A timeout that says when it is counted from: then the program is waited for.'''

    def __radd__(self, now):
        print("waiting", flush=True)
        return now + float(self)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background begins with SIGINT ignored
run_check(["/bin/sh", "-c", sys.argv[1]], Seconds(600))
"""


def test_exit_codes_and_signals() -> None:
    assert run_check(["true"], PATIENCE) == (True, "exit code 0")
    assert run_check(["/bin/sh", "-c", "echo some; echo no answer >&2; exit 22"], PATIENCE) == (
        False,
        "exit code 22: no answer",
    )
    assert run_check(["/bin/sh", "-c", "kill -9 $$"], PATIENCE) == (False, "signal 9")


def test_no_shell_is_involved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # a folder that one may not look into makes it a lack of permission
    assert run_check(["true; false"], PATIENCE) == (False, "true; false does not exist: the image must contain it too")
    assert run_check(["echo", "$HOME; exit 3"], PATIENCE)[0]


def test_programs_that_cannot_be_started(tmp_path: Path) -> None:
    (tmp_path / "check").write_text("x")
    passed, text = run_check([str(tmp_path / "check")], PATIENCE)
    assert not passed and "cannot be started: Permission denied" in text


class Lifeline:
    """A pipe that a program and its children hold open for as long as they live."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def begun(self, patience: float = PATIENCE) -> bool:
        """Whether a program says, in time, that it lives."""
        return bool(select.select([self._end], [], [], patience)[0]) and os.read(self._end, 1) == b"+"

    def all_ended(self) -> bool:
        """Whether the processes end soon. The system reports a killed process with a delay."""
        return bool(select.select([self._end], [], [], PATIENCE)[0]) and os.read(self._end, 1) == b""

    def close(self) -> None:
        os.close(self._end)


@pytest.fixture
def lifeline(tmp_path: Path) -> Iterator[Lifeline]:
    made = Lifeline(tmp_path / "lifeline")
    yield made
    made.close()


def test_the_timeout_kills_the_program_and_its_children(lifeline: Lifeline) -> None:
    script = f"exec >'{lifeline.path}'; (printf +; exec sleep 600) & sleep 600"
    for timeout in (0.1, 1, 10, 60):  # until the child has begun when the time is up
        assert run_check(["/bin/sh", "-c", script], timeout) == (False, f"not finished within {timeout:g} s")
        if lifeline.begun(0):
            break
    else:
        pytest.fail("the child never began")
    assert lifeline.all_ended()


def test_an_interruption_kills_the_program(lifeline: Lifeline) -> None:
    script = f"exec >'{lifeline.path}'; printf +; sleep 600"
    with subprocess.Popen(
        [PYTHON, "-c", INTERRUPTED, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == b"waiting\n" and lifeline.begun()
        process.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in process.stderr.read()
    assert lifeline.all_ended(), "it was killed before it could do any more"


def test_large_output() -> None:
    passed, text = run_check([PYTHON, "-c", "print('x' * 1000000); print('the end'); raise SystemExit(1)"], PATIENCE)
    assert not passed and text == "exit code 1: the end"
