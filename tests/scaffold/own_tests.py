"""Run the tests of the generated services, then start and stop one of the services as ECS does, and print the results.

``python own_tests.py SQLITE_FOLDER DYNAMODB_FOLDER PORT``. One separate process, because FastAPI takes long to load.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest


def enter(folder: str) -> None:
    """As a shell in the folder: nothing of another service is loaded."""
    os.chdir(folder)
    sys.path[:] = [folder, *(one for one in sys.path if not one.startswith(str(Path(folder).parent)))]
    for name in [one for one in sys.modules if one.split(".")[0] in ("app", "conftest", "test_api", "test_store")]:
        del sys.modules[name]


def healthy(port: str) -> bool:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                return bool(answer.read() == b'{"status":"ok"}')
        except OSError:  # not listening yet
            time.sleep(0.01)
    return False


def started_and_stopped(port: str) -> list[object]:
    """Whether it is healthy and has the file alone, its exit code after SIGTERM, and whether the file is free then."""
    store = importlib.import_module("app.store")
    settings = store.Settings.of(os.environ)
    child = os.fork()
    if not child:
        try:
            importlib.import_module("app.__main__").main()
        except SystemExit as leaving:
            os._exit(0 if not leaving.code else 9)
        os._exit(8)
    found: list[object] = [healthy(port)]
    try:
        store.Store(settings, lock_wait=0)
    except store.Unavailable:
        found.append("alone")
    os.kill(child, signal.SIGTERM)
    found.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    store.Store(settings, lock_wait=0).close()
    return found


if __name__ == "__main__":
    sqlite, dynamodb, port = sys.argv[1:]
    for folder in (dynamodb, sqlite):
        enter(folder)
        code = int(pytest.main(["-q", "-p", "no:cacheprovider", "-W", "error"]))
        sys.stdout.write(f"tests: {code}\n")
    sys.stdout.flush()  # before the fork, or the child prints it again
    sys.stdout.write(f"service: {started_and_stopped(port)}\n")
