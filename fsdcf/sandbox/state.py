"""What every part of the sandbox is handed: its memory, its time, its faults, and whose account it plays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from fsdcf.sandbox.faults import Faults
from fsdcf.sandbox.store import Store

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


@dataclass(frozen=True)
class SandboxState:
    """A sandbox. ``account`` and ``region`` are those of its ARNs; ``partition`` follows from the region.

    ``pace`` multiplies every duration that the sandbox plays: 0.02 makes a minute a little over a second. ``sleep`` is what a
    delayed answer waits with, in seconds that ``pace`` does not touch. ``request_region`` is the region that the call being answered was
    signed for, which matters to S3 alone: a bucket answers in its own region. ``partial`` says that it is to be done in part, as
    DynamoDB does with a batch when it cannot keep up. ``player``, where it is not empty, is who plays what becomes due, alone: its faults are
    to strike, whoever else looks meanwhile.
    """

    store: Store = field(default_factory=Store)
    clock: Clock = field(default_factory=RealClock)
    faults: Faults = field(default_factory=Faults)
    account: str = "000000000000"
    region: str = "us-east-1"
    pace: float = 1.0
    sleep: Callable[[float], None] = time.sleep
    request_region: str = ""
    partial: bool = False
    player: str = ""

    @property
    def partition(self) -> str:
        """The first part of an ARN after ``arn:``, as for the region."""
        return partition_of(self.region)

    def duration(self, seconds: float) -> float:
        """How long something takes here that takes AWS so many seconds."""
        return seconds * self.pace

    def held(self, at: float) -> SandboxState:
        """The same sandbox with its clock held still at a moment."""
        return replace(self, clock=Instant(at))

    def arn(self, service: str, resource: str) -> str:
        """The ARN of something of this account and region: ``world.arn("ecs", "cluster/name")``."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


class ServiceError(Exception):
    """An error that AWS answers with: its code, its words and the status of HTTP. What the call did until then is undone.

    ``headers`` go with the answer of S3, which says there what its words do not.
    """

    def __init__(self, code: str, message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.headers = headers or {}
        self.code = code
        self.message = message
        self.status = status


def partition_of(region: str) -> str:
    """The partition that a region belongs to."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
