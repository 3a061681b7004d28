"""The time of the sandbox: real, virtual, or held still while one call is answered."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol

START = 1_798_761_600.0
"""When a virtual clock begins unless told otherwise: 2027-01-01T00:00:00Z, in epoch seconds."""


class Clock(Protocol):
    """What tells the time, in epoch seconds."""

    def now(self) -> float: ...


class RealClock:
    """The clock of the machine. It never runs backwards within one process, whatever is done to the machine's clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest = 0.0

    def now(self) -> float:
        """The latest time that the machine has told, in epoch seconds."""
        with self._lock:
            self._latest = max(self._latest, time.time())
            return self._latest


class VirtualClock:
    """A clock that stands still until it is advanced: an hour passes in no time. Threads may share it."""

    def __init__(self, start: float = START) -> None:
        self._lock = threading.Lock()
        self._now = start

    def now(self) -> float:
        """The virtual time, in epoch seconds."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Lets time pass; ValueError for a negative number. It serves in place of ``time.sleep``."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds}")
        with self._lock:
            self._now += seconds


@dataclass(frozen=True)
class Instant:
    """A clock held still at one moment: what happens at that moment is dated by it."""

    at: float

    def now(self) -> float:
        """The moment, in epoch seconds."""
        return self.at
