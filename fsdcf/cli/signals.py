"""SIGTERM, and a terminal that is closed (SIGHUP), detach: what runs on AWS goes on, what was not begun is taken away."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fsdcf.deploy.interrupts import Terminated

_ENDING = [signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__]
"""Windows has no SIGHUP."""


@contextmanager
def terminable() -> Iterator[None]:
    """While the block lasts, SIGTERM and SIGHUP raise Terminated in it. A signal that the caller lets be ignored, as nohup does, is ignored.

    Only the main thread may set a handler; others change nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        for one in former:
            signal.signal(one, signal.SIG_IGN)  # one is enough: the run is on its way out
        raise Terminated(signal.Signals(number).name)

    former = {one: handler for one in _ENDING if (handler := signal.getsignal(one)) is not signal.SIG_IGN}
    for one in former:
        signal.signal(one, leave)
    try:
        yield
    finally:
        for one, handler in former.items():
            signal.signal(one, handler)
