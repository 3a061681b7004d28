"""Signals that end a command: which of them, and what they are to the engine."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from fsdcf.cli.runtime import terminable
from fsdcf.deploy.model import Terminated


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """As a shell leaves them: under nohup the tests would begin with one ignored.

    In another thread no handler could be set.
    """
    assert threading.current_thread() is threading.main_thread()
    former = {one: signal.signal(one, signal.SIG_DFL) for one in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for one, handler in former.items():
        signal.signal(one, handler)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_sigterm_ends_a_command(name: str) -> None:
    asked = signal.Signals[name]
    former = signal.getsignal(asked)
    with pytest.raises(Terminated) as raised, terminable():
        signal.raise_signal(asked)
    assert raised.value.signal == name
    assert signal.getsignal(asked) == former


def test_a_second_signal_changes_nothing() -> None:
    with pytest.raises(Terminated), terminable():
        try:
            signal.raise_signal(signal.SIGHUP)
        finally:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGHUP)


def test_ignored_signals_stay_ignored_under_nohup() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with terminable():
        signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
