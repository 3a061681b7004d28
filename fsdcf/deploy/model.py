"""What the engine works on: what is deployed and how, what happens meanwhile, and how it ends."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.risk import Risk


class Exit(IntEnum):
    """How a command ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    NEEDS_RECOVERY = 4
    BUSY = 5
    UNKNOWN = 6
    DENIED = 7
    CHANGES = 10
    INTERRUPTED = 130


@dataclass(frozen=True)
class Place:
    """A line of the spec. ``text`` is the line as written; lines and columns count from 1."""

    file: str
    line: int
    column: int
    text: str


@dataclass(frozen=True)
class Target:
    """A service in an environment: whose stack it is. ``redeploy_command`` is the command that deploys it."""

    service: str
    environment: str
    redeploy_command: str = ""

    @property
    def stack(self) -> str:
        """The stack's name."""
        return f"{self.service}-{self.environment}"

    @property
    def spec(self) -> str:
        """The spec that the command which deploys it names, as it is typed; SPEC where none is known, as by a rollback."""
        words = shlex.split(self.redeploy_command)
        named = (word for word in words[2:] if not word.startswith("-"))
        return shlex.quote(next(named, "SPEC")) if words[1:2] == ["deploy"] else "SPEC"

    def command(self, verb: str, *more: str) -> str:
        """A command about this stack, as it is typed: ``fsdcf recover my-service --env staging``."""
        return " ".join(("fsdcf", verb, self.service, "--env", self.environment, *more))

    def redeploy(self, *more: str) -> str:
        """The command that deploys it again."""
        return " ".join((self.redeploy_command or f"fsdcf deploy SPEC --env {self.environment}", *more))


@dataclass(frozen=True)
class Release:
    """What is deployed: a compiled template and the image that goes with it.

    ``image_sha`` is the value of the parameter ImageSha; None keeps the deployed one. ``image`` says what preflight asks ECR
    for: (registry account, region, repository), None for another registry. ``where`` finds the spec line of a logical id; it is
    empty where no spec is at hand. It finds that of a path of the spec as well, such as ``service.healthCheck.path``. ``account`` is the only one that may be deployed to, where the environment names one.
    ``protected`` asks a person even with ``--yes``, where there is one, and lets data be put at risk by ``--allow`` alone. ``redeploy_command`` is
    the command that deploys this release, as its user would type it, for the commands that are shown.
    """

    service: str
    environment: str
    template: Mapping[str, Any]
    image_sha: str | None
    tags: Mapping[str, str]
    where: Callable[[str], Place | None] = lambda logical_id: None
    image: tuple[str | None, str | None, str] | None = None
    account: str | None = None
    protected: bool = False
    redeploy_command: str = ""

    @property
    def target(self) -> Target:
        """The stack, and how it is named on the command line."""
        again = self.redeploy_command or f"fsdcf deploy SPEC --env {self.environment}"
        return Target(self.service, self.environment, again)

    @property
    def stack(self) -> str:
        """The stack's name."""
        return f"{self.service}-{self.environment}"


@dataclass(frozen=True)
class Options:
    """What the command line says of a deploy. Times are in seconds; ``timeout`` None waits as long as it takes."""

    yes: bool = False
    plan_only: bool = False
    detailed_exitcode: bool = False
    recreate: bool = False
    adopt: bool = False
    allow: frozenset[str] = frozenset()
    wait_lock: bool = False
    timeout: float | None = None
    on_timeout: Literal["cancel", "detach"] = "detach"
    detach: bool = False
    fail_fast: bool = False
    role_arn: str | None = None
    artifacts_bucket: str | None = None


@dataclass(frozen=True)
class StackEvent:
    """One event of a stack, as DescribeStackEvents tells it. ``hook`` is why a hook of the account's does not let the resource pass."""

    id: str
    time: datetime
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str = ""
    token: str = ""
    operation: str = ""
    stack: str = ""
    hook: str = ""


@dataclass(frozen=True)
class Plan:
    """What a change set would do. ``adopted`` are resources that exist already and are taken over."""

    change_set: str
    changes: tuple[Change, ...]
    risks: tuple[Risk, ...] = ()
    adopted: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepStarted:
    """The engine begins a step: preflight, decide, stage, change set, gate, execute, watch, verify or diagnose."""

    name: str
    text: str


@dataclass(frozen=True)
class PlanCreated:
    """The change set is known; the gate comes next."""

    plan: Plan
    places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True)
class StackEventReceived:
    """A stack event of this operation, with the spec line that caused its resource and the seconds since execution."""

    event: StackEvent
    elapsed: float
    place: Place | None = None


@dataclass(frozen=True)
class Waiting:
    """Nothing new; what is waited for, by logical id."""

    elapsed: float
    on: tuple[str, ...]


@dataclass(frozen=True)
class TaskState:
    """A task of a service as it is now, and how it came there.

    ``status`` is its lastStatus, ``since`` the seconds that it has been in it; ``past`` are the states before, each with the seconds that it
    took, as far as they were seen. ``ours``: it belongs to the deployment that is being rolled out. ``container`` is the verdict of the
    container's own check (HEALTHY, UNHEALTHY, UNKNOWN), ``target`` that of the load balancer (healthy, unhealthy, initial, ...), with its reason;
    both are empty where there is no such check. ``reason`` is why it stopped, ``failed`` whether that was a failure.
    """

    id: str
    status: str
    since: float
    past: tuple[tuple[str, float], ...] = ()
    new: bool = True
    container: str = ""
    target: str = ""
    target_reason: str = ""
    reason: str = ""
    failed: bool = False


@dataclass(frozen=True)
class RolloutChanged:
    """A service's rollout as it is now: its tasks, the counts of the deployment that is rolled out, and the circuit breaker's count.

    ``service`` is the logical id, ``state`` the deployment's rolloutState. ``failed`` are the tasks that have failed, of which the circuit
    breaker has ``counted`` so many against its ``threshold``; both are None where ECS does not tell them.
    """

    elapsed: float
    service: str
    tasks: tuple[TaskState, ...] = ()
    state: str = ""
    desired: int = 0
    running: int = 0
    pending: int = 0
    failed: int = 0
    counted: int | None = None
    threshold: int | None = None


@dataclass(frozen=True)
class NoticeIssued:
    """Something that its reader should know, and that is as it should be: ``lead`` says of which kind it is."""

    label: str
    text: str


@dataclass(frozen=True)
class WarningIssued:
    """Something that does not stop the deploy and that its reader should know."""

    text: str


@dataclass(frozen=True)
class Evidence:
    """A fact behind a cause: where it comes from, what was said, and the spec line where there is one."""

    source: str
    text: str
    place: Place | None = None


@dataclass(frozen=True)
class Advice:
    """What to do about a cause: in a sentence, and where: the path of the spec's key, and its line where the spec is at hand."""

    text: str
    key: str = ""
    place: Place | None = None


@dataclass(frozen=True)
class Outcome:
    """How it ended: the cause in one sentence, the evidence, what to change, and the commands that come next."""

    exit: Exit
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    next: tuple[str, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    advice: Advice | None = None


@dataclass(frozen=True)
class RunEnded:
    """The last event of every run."""

    outcome: Outcome


Event = (
    StepStarted | PlanCreated | StackEventReceived | RolloutChanged | Waiting | NoticeIssued | WarningIssued | RunEnded
)
Tell = Callable[[Event], None]
"""Takes the events as they come: a sink."""


@dataclass(frozen=True)
class Question:
    """What a person is asked. ``kind`` names the decision; ``details`` are what it is about, such as the data at risk."""

    kind: Literal["execute", "data", "recreate", "adopt", "protected", "interrupt"]
    text: str
    details: tuple[str, ...] = ()


Ask = Callable[[Question], bool]
"""Asks a person, where there is one to ask."""


class Terminated(BaseException):
    """The process was asked to end, by a signal of this name: whatever runs on AWS goes on without it."""

    def __init__(self, signal: str = "SIGTERM") -> None:
        super().__init__(signal)
        self.signal = signal


INTERRUPTS = (KeyboardInterrupt, Terminated)
