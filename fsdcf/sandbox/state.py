"""What every handler of the sandbox works with: store, clock, faults and account, and the errors of AWS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from fsdcf.cloudformation.partitions import domain_of, partition_of
from fsdcf.sandbox.faults import Faults
from fsdcf.sandbox.store import Store

START = 1_798_761_600.0
"""Default start of a virtual clock: 2027-01-01T00:00:00Z, in epoch seconds."""


Document = dict[str, Any]
"""A document of the store, the parameters of an operation, or its result."""

Data = Mapping[str, Any]
"""A document that is only read, such as a template or the properties of a resource."""


class Clock(Protocol):
    """A source of the current time, in epoch seconds. ``catch_up`` moves it forward to a time that has been."""

    def now(self) -> float: ...

    def catch_up(self, at: float) -> None: ...


class RealClock:
    """The time of the machine when the clock was made, and what has passed since.

    To set the machine's clock changes nothing for a running process.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return the time, in epoch seconds."""
        return time.monotonic() + self._offset

    def catch_up(self, at: float) -> None:
        """Let the clock show this time at least, as after the machine's clock was set back between two processes."""
        self._offset = max(self._offset, at - time.monotonic())


class VirtualClock:
    """A clock that moves only when it is advanced, so that an hour passes in no time. Threads may share it."""

    def __init__(self, start: float = START) -> None:
        self._lock = threading.Lock()
        self._now = start

    def now(self) -> float:
        """Return the virtual time, in epoch seconds."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass; can replace ``time.sleep``. Raises ValueError for a negative number."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds}")
        with self._lock:
            self._now += seconds

    def catch_up(self, at: float) -> None:
        """Let the clock show this time at least."""
        with self._lock:
            self._now = max(self._now, at)


@dataclass(frozen=True)
class FrozenClock:
    """A clock that always shows the same time (epoch seconds), for everything that happens at one moment."""

    at: float

    def now(self) -> float:
        """Return the time, in epoch seconds."""
        return self.at

    def catch_up(self, at: float) -> None:
        """Do not move."""


@dataclass(frozen=True)
class SandboxState:
    """A sandbox. Its ARNs contain ``account`` and ``region``; ``partition`` follows from the region.

    ``pace`` is a factor for every simulated duration: with 0.02 a minute takes a little over a second. ``sleep`` waits
    for delayed answers, in seconds that ``pace`` does not change. ``request_region`` is the region that the current
    call was signed for, which only S3 needs: a bucket answers in its own region. ``partial`` asks the current call to
    process half of a batch, ``brief`` to give a token with a short life. ``runner``, unless empty, names the process
    that alone runs due actions, so that its faults strike even while other processes use the same store. ``registry``
    is the host and port of a registry on this machine with the images of ECR; empty if there is none. With ``invents``
    a stack may import what no stack of the sandbox exports, and read parameters that are not stored.
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
    brief: bool = False
    runner: str = ""
    registry: str = ""
    invents: bool = False

    @property
    def partition(self) -> str:
        """The partition of the region, the part of an ARN after ``arn:``."""
        return partition_of(self.region)

    @property
    def url_suffix(self) -> str:
        """The domain of the partition's endpoints."""
        return domain_of(self.partition)

    def duration(self, seconds: float) -> float:
        """Return how long the sandbox takes for what takes AWS this number of seconds."""
        return seconds * self.pace

    def frozen_at(self, at: float) -> SandboxState:
        """Return the same sandbox with its clock frozen at a time."""
        return replace(self, clock=FrozenClock(at))

    def existing(self, kind: str, key: str, missing: ServiceError) -> Document:
        """Return a document of the store. Raises ``missing`` if it does not exist."""
        body = self.store.get(kind, key)
        if body is None:
            raise missing
        return body

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN in this account and region: ``state.arn("ecs", "cluster/name")``."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


class ServiceError(Exception):
    """An error with which AWS answers a call: code, message and HTTP status. The call has no effect.

    ``headers`` are additional headers of the answer, which only S3 uses, and ``members`` those of the error's shape
    besides its message, which only DynamoDB uses.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
        members: Data | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.members = members or {}
        self.headers = headers or {}
        self.code = code
        self.message = message
        self.status = status


def page(
    items: Sequence[Any],
    params: Data,
    name: str,
    size: int,
    invalid: ServiceError,
    token: str = "nextToken",  # noqa: S107
    limit: str = "maxResults",
) -> Document:
    """Return one page of a list, as ``name``, and the token of the next page: the number of items before it.

    ``token`` and ``limit`` are the names of the request's members. Raises ``invalid`` for a token that was never
    returned.
    """
    given = params.get(token) or "0"
    if not given.isdecimal():
        raise invalid
    start, end = int(given), int(given) + min(params.get(limit) or size, size)
    return {name: list(items[start:end]), token: str(end) if end < len(items) else None}
