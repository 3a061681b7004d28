"""What every part of the sandbox is handed: its memory, its time, its faults, and whose account it plays."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from fsdcf.sandbox.clock import Clock, Instant, RealClock
from fsdcf.sandbox.faults import Faults
from fsdcf.sandbox.store import Store


@dataclass(frozen=True)
class World:
    """A sandbox. ``account`` and ``region`` are those of its ARNs; ``partition`` follows from the region.

    ``pace`` multiplies every duration that the sandbox plays: 0.02 makes a minute a little over a second. ``sleep`` is what a
    delayed answer waits with, in seconds that ``pace`` does not touch. ``asked`` is the region that the call being answered was
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
    asked: str = ""
    partial: bool = False
    player: str = ""

    @property
    def partition(self) -> str:
        """The first part of an ARN after ``arn:``, as for the region."""
        return partition_of(self.region)

    def lasting(self, seconds: float) -> float:
        """How long something takes here that takes AWS so many seconds."""
        return seconds * self.pace

    def held(self, at: float) -> World:
        """The same sandbox with its clock held still at a moment."""
        return replace(self, clock=Instant(at))

    def arn(self, service: str, resource: str) -> str:
        """The ARN of something of this account and region: ``world.arn("ecs", "cluster/name")``."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


class Refusal(Exception):
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
