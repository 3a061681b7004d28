"""Real processes: a terminal, signals, pipes, and the sandbox as a server."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.cli.stage import SMALL
from tests.conftest import ROOT

PATIENCE = 120.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.yml").write_text(SMALL)
    return tmp_path


def environment(folder: Path, cache: Path, **more: str) -> dict[str, str]:
    """Linting is cached for all tests; the sandbox's state is linked into a folder of this one's own."""
    own = folder / "cache" / "fsdcf"
    if not own.exists():
        own.mkdir(parents=True)
        (cache / "fsdcf" / "lint").mkdir(parents=True, exist_ok=True)
        (own / "lint").symlink_to(cache / "fsdcf" / "lint")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(folder / "cache"),
        **more,
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "fsdcf", *arguments]


def fsdcf(*arguments: str, folder: Path, cache: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(folder, cache, **more),
        capture_output=True,
        text=True,
        check=False,
    )


def hold_up(folder: Path) -> None:
    """What the sandbox has yet to do is an hour late: the deployment, of some seconds, goes on however long a process
    takes to begin.
    """
    with closing(sqlite3.connect(folder / "cache" / "fsdcf" / "sandbox" / "state.sqlite")) as base:
        assert base.execute("UPDATE schedule SET due = due + 3600").rowcount > 0
        base.commit()


def test_detached_then_followed_until_sigterm(folder: Path, cache: Path) -> None:
    left = fsdcf(
        "deploy",
        "hello.yml",
        "--image-sha",
        "one",
        "--sandbox",
        "--yes",
        "--detach",
        "--json",
        folder=folder,
        cache=cache,
    )
    told = [json.loads(line) for line in left.stdout.splitlines()]
    assert (left.returncode, told[-1]["exit"], told[-1]["next"][0]) == (
        6,
        6,
        "fsdcf watch hello --env staging --sandbox",
    )
    hold_up(folder)
    watch = subprocess.Popen(
        command("watch", "hello.yml", "--sandbox"),
        cwd=folder,
        env=environment(folder, cache),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watch.stdout is not None
    assert any(line.startswith("[") for line in watch.stdout)
    watch.send_signal(signal.SIGTERM)
    out, err = watch.communicate(timeout=PATIENCE)
    assert watch.returncode == 6 and "continues" in err and "\x1b" not in out + err
    assert "CREATE" in fsdcf("status", "hello", "--sandbox", folder=folder, cache=cache).stdout


@contextmanager
def terminal(folder: Path, cache: Path, *arguments: str, **more: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command whose three streams are a terminal of 80 columns."""
    own, other = pty.openpty()
    settings = environment(folder, cache, TERM="xterm-256color", COLUMNS="80", LINES="30", **more)
    process = subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=settings,
        stdin=other,
        stdout=other,
        stderr=other,
        close_fds=True,
        start_new_session=True,
    )
    os.close(other)
    try:
        yield process, own
    finally:
        process.kill()
        process.wait()
        os.close(own)


def read_until(own: int, words: str) -> str:
    """What the terminal shows, until words are in it or the process has ended."""
    text, end = "", time.monotonic() + PATIENCE
    while words not in text and time.monotonic() < end:
        if select.select([own], [], [], 0.2)[0]:
            try:
                text += os.read(own, 65536).decode("utf-8", "replace")
            except OSError:  # Linux's way to say that the other end is closed
                return text
    return text


def test_a_declined_question_refuses_the_deploy(folder: Path, cache: Path) -> None:
    with terminal(folder, cache, "deploy", "hello.yml", "--image-sha", "one", "--sandbox") as (process, own):
        shown = read_until(own, "[y/N]")
        assert "\x1b[" in shown and "plan: " in shown and "Execute these changes in hello-staging?" in shown
        os.write(own, b"n\n")
        shown = read_until(own, "nothing was executed")
        assert "refused: nothing was executed" in shown.replace("\x1b[31m\x1b[1m", "").replace("\x1b[0m", "")
        assert process.wait(PATIENCE) == 3
    assert fsdcf("status", "hello", "--sandbox", folder=folder, cache=cache).returncode == 2, "nothing is left"


def test_ci_is_not_treated_as_a_terminal(folder: Path, cache: Path) -> None:
    with terminal(folder, cache, "status", "nobody", "--sandbox", CI="true", NO_COLOR="1") as (process, own):
        shown = read_until(own, "never")
        assert "the stack nobody-staging does not exist" in shown and "\x1b[" not in shown
        assert process.wait(PATIENCE) == 2


def test_the_sandbox_serves_other_processes(folder: Path, cache: Path) -> None:
    server = subprocess.Popen(
        command("sandbox", "--port", "0", "--reset", "--fault", "api:DescribeStacks:throttle"),
        cwd=folder,
        env=environment(folder, cache),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        welcome = list(iter(server.stdout.readline, "Press Ctrl-C to stop.\n"))
        endpoint = welcome[0].split()[-1]
        assert f"  export AWS_ENDPOINT_URL={endpoint}\n" in welcome and "it injects 1 fault\n" in welcome
        assert any("does not check quotas" in line for line in welcome)
        keys = {
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
        }
        result = fsdcf("status", "hello", folder=folder, cache=cache, **keys)
        assert result.returncode == 2 and "the stack hello-staging does not exist" in result.stderr
    finally:
        server.send_signal(signal.SIGTERM)
        _, err = server.communicate(timeout=PATIENCE)
    assert server.returncode == 0 and "has stopped" in err


def test_invalid_options_of_the_sandbox(folder: Path, cache: Path) -> None:
    fault = fsdcf("sandbox", "--fault", "nonsense", folder=folder, cache=cache)
    assert fault.returncode == 2 and "--fault 'nonsense'" in fault.stderr
    server = subprocess.Popen(
        command("sandbox", "--port", "0"),
        cwd=folder,
        env=environment(folder, cache),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        port = server.stdout.readline().split()[-1].rpartition(":")[2]
        for more in ((), ("--reset",)):
            second = fsdcf("sandbox", "--port", "0", *more, folder=folder, cache=cache)
            assert second.returncode == 2 and "is served by another `fsdcf sandbox`" in second.stderr
        taken = fsdcf("sandbox", "--port", port, folder=folder, cache=cache, XDG_CACHE_HOME=str(folder / "other"))
        assert taken.returncode == 2 and f"cannot use port {port}" in taken.stderr
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=PATIENCE)
