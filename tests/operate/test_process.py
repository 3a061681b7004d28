"""The container's check as a program of this machine."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from fsdcf.operate.process import checked

PYTHON = sys.executable


def test_a_program_that_ends_well_or_not() -> None:
    assert checked(["true"], 5) == (True, "exit code 0")
    assert checked(["/bin/sh", "-c", "echo some; echo no answer >&2; exit 22"], 5) == (False, "exit code 22: no answer")
    assert checked(["/bin/sh", "-c", "kill -9 $$"], 5) == (False, "signal 9")


def test_no_shell_has_a_say() -> None:
    assert checked(["true; false"], 5) == (False, "true; false is not there: the image must have it too")
    assert checked(["echo", "$HOME; exit 3"], 5)[0]


def test_what_cannot_be_run(tmp_path: Path) -> None:
    (tmp_path / "check").write_text("x")
    passed, text = checked([str(tmp_path / "check")], 5)
    assert not passed and "cannot be run: Permission denied" in text


def test_the_timeout_ends_it_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    begun = time.monotonic()
    passed, text = checked(["/bin/sh", "-c", f"(sleep 0.4; touch {mark}) & sleep 30"], 0.1)
    assert (passed, text) == (False, "no end within 0.1 s") and time.monotonic() - begun < 2
    time.sleep(0.5)
    assert not mark.exists()


def test_an_interruption_ends_it_too(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = f"from fsdcf.operate.process import checked; checked(['/bin/sh', '-c', 'touch {mark}; sleep 0.6; rm {mark}'], 30)"
    process = subprocess.Popen([PYTHON, "-c", code], stderr=subprocess.PIPE)
    while not mark.exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate(timeout=10)[1]
    time.sleep(0.7)
    assert mark.exists(), "it was killed before it could do any more"


def test_much_output_is_no_trouble() -> None:
    passed, text = checked([PYTHON, "-c", "print('x' * 1000000); print('the end'); raise SystemExit(1)"], 10)
    assert not passed and text == "exit code 1: the end"
