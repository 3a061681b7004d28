"""SIGTERM detaches: what runs on AWS goes on, and the last line says so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fsdcf.deploy.interrupts import Terminated


@contextmanager
def terminable() -> Iterator[None]:
    """While the block lasts, SIGTERM raises Terminated in it. Only the main thread may set a handler; others change nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one is enough: the run is on its way out
        raise Terminated

    former = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
