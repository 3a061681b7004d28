"""The services that init writes pass their own tests, start, and stop on SIGTERM."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.scaffold.services import written

RUNNER = Path(__file__).with_name("own_tests.py")


def test_the_tests_of_the_services_pass(tmp_path: Path) -> None:
    with socket.socket() as held:
        # Reserve the port until the end: no other process gets it from the system, but the service can bind it.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        results, everything = report(tmp_path, held.getsockname()[1])
    assert results == ["tests: 0", "tests: 0", "service: [True, 'alone', 0]"], everything


def report(tmp_path: Path, port: int) -> tuple[list[str], str]:
    """The results of the tests and the service, and the whole output."""
    folders = [str(written(kind, tmp_path / kind, port=port)) for kind in ("sqlite-api", "dynamodb-api")]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    command = [sys.executable, "-s", str(RUNNER), *folders, str(port)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    results = [line for line in done.stdout.splitlines() if line.startswith(("tests:", "service:"))]
    return results, done.stdout + done.stderr
