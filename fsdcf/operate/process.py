"""A container's check run on this machine: a program with its arguments, no shell, within its timeout."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress

_TAIL = 200
"""Bytes of the output that are told."""


def checked(arguments: Sequence[str], timeout: float) -> tuple[bool, str]:
    """Whether the program ended with 0 within so many seconds, and what is to be said of it. It is killed at the timeout, with its children."""
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(  # noqa: S603
                list(arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError:
            return False, f"{arguments[0]} is not there: the image must have it too"
        except OSError as error:
            return False, f"{arguments[0]} cannot be run: {error.strerror or error}"
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            return False, f"no end within {timeout:g} s"
        except BaseException:
            _kill(process)
            raise
        output.seek(0, os.SEEK_END)
        output.seek(max(0, output.tell() - _TAIL))
        last = output.read().decode("utf-8", "replace").strip().splitlines()[-1:]
    if code == 0:
        return True, "exit code 0"
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    return False, ": ".join([ended, *last])


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the program and what it has started."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
