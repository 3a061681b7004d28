"""Signals that end a command: which of them, and what they are to the engine."""

from __future__ import annotations

import signal
import threading

import pytest

from fsdcf.cli.signals import terminable
from fsdcf.deploy.interrupts import Terminated


@pytest.fixture(autouse=True)
def main_thread() -> None:
    """In another thread the handlers would not be set, and the signal would end the tests."""
    assert threading.current_thread() is threading.main_thread()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_command_is_asked_to_end(name: str) -> None:
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


def test_nohup_is_heeded() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminable():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)
