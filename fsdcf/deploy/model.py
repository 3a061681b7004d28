"""The data of a deploy: what is deployed and with which options, the progress events, and the outcome. No behaviour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal

from fsdcf.cloudformation.change import Change
from fsdcf.cloudformation.risk import Risk
from fsdcf.conventions import ENVIRONMENT_SERVICE, environment_path
from fsdcf.suggested import Value, on_service, quoted, suggested, words_in, words_of


class Exit(IntEnum):
    """The exit code of a command that calls AWS."""

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


SEVERITY = (
    *(Exit.DONE, Exit.CHANGES, Exit.INTERRUPTED, Exit.USAGE, Exit.REFUSED, Exit.BUSY, Exit.UNKNOWN),
    *(Exit.DENIED, Exit.FAILED, Exit.NEEDS_RECOVERY),
)
"""The exit codes, the best first: of several deploys, the worst one is that of the command."""


@dataclass(frozen=True)
class Place:
    """A line of the spec. ``text`` is the line as written; lines and columns count from 1."""

    file: str
    line: int
    column: int
    text: str


Where = Callable[[str], Place | None]
"""Finds the spec line of a logical id, of a property (``Service/DesiredCount``), or of a path of the spec such as
``service.healthCheck.path``.

None if there is none.
"""


def nowhere(logical_id: str) -> Place | None:
    """The ``Where`` of a command without a spec."""
    return None


@dataclass(frozen=True)
class Target:
    """A service in an environment, which has one stack. ``redeploy_command`` is the command that deploys it.

    ``environment_file`` is the file that describes the environment; empty if there is none. ``pipeline`` is the stack
    of a repository's pipeline, whose service and environment are ``PIPELINE``; empty for any other stack.
    """

    service: str
    environment: str
    redeploy_command: str = ""
    environment_file: str = ""
    pipeline: str = ""

    @property
    def stack(self) -> str:
        """The name of the stack."""
        return self.pipeline or f"{self.service}-{self.environment}"

    @property
    def is_environment(self) -> bool:
        """Whether it is the stack of an environment or a pipeline, which has no ECS service and no image."""
        return self.service == ENVIRONMENT_SERVICE

    @property
    def spec(self) -> str:
        """The spec in the redeploy command, quoted for a shell; SPEC if the command names none, such as a rollback."""
        words = words_in(self.redeploy_command)
        named = (word for word in words[2:] if not word.startswith("-"))
        return quoted(next(named, "SPEC")) if words[1:2] == ["deploy"] else "SPEC"

    def elsewhere(self, environment: str) -> Target:
        """The same service in another environment."""
        command = self.redeploy_command.replace(f" --env {self.environment}", f" --env {environment}")
        return Target(self.service, environment, command)

    def command(self, name: str, *arguments: str, **options: Value) -> str:
        """A command for this stack: ``fsdcf recover my-service --env staging``."""
        if self.pipeline:
            return suggested(name, self.pipeline, *arguments, **options)
        return on_service(name, self.service, self.environment, *arguments, **options)

    def redeploy(self, **options: Value) -> str:
        """The redeploy command with more options. An environment has no image."""
        if self.is_environment:
            options.pop("image_sha", None)
        return " ".join((self.redeploy_command or self.unknown_redeploy, *words_of(**options)))

    @property
    def unknown_redeploy(self) -> str:
        """The redeploy command as far as it is known without a spec."""
        if self.pipeline:
            return suggested("bootstrap", github="ORG/REPO", deploy=True)
        return self.deploy_environment if self.is_environment else suggested("deploy", "SPEC", env=self.environment)

    @property
    def undo(self) -> tuple[str, ...]:
        """The command that takes an update back: none for an environment, of which an earlier file is deployed."""
        return () if self.is_environment else (self.command("rollback"),)

    @property
    def deploy_environment(self) -> str:
        """The command that deploys the environment."""
        return suggested("deploy", self.environment_file or environment_path(self.environment))


@dataclass(frozen=True)
class Release:
    """What is deployed: a compiled template and its image.

    ``image_sha`` is the value of the parameter ImageSha; None keeps the deployed one. ``image`` is (registry account,
    region, repository), which preflight looks up in ECR; None for another registry. ``account`` is the only account
    that may be deployed to, if the image names one. ``redeploy_command`` is the command
    as its user typed it, for the commands that are printed. ``other_environments`` are the known ones if this one is
    not among them: a person must confirm that it is new. ``resumes``: it ends the pause of the stack, which any other
    release keeps. ``claimed`` are the priorities that the deploys of one run have chosen for new rules, by listener and
    number, each with its stack; the releases of the run share it. ``termination_protection``: whether the stack is
    protected from deletion once it is complete; None leaves that as it is. ``pipeline`` is the stack of a
    pipeline; empty for any other. ``examined``: the preflight was made before the image was built, and only the stack
    and the image are looked up again.
    """

    service: str
    environment: str
    template: Mapping[str, Any]
    image_sha: str | None
    tags: Mapping[str, str]
    where: Where = nowhere
    image: tuple[str | None, str | None, str] | None = None
    account: str | None = None
    redeploy_command: str = ""
    environment_file: str = ""
    other_environments: tuple[str, ...] = ()
    resumes: bool = False
    claimed: dict[tuple[str, int], str] = field(default_factory=dict, compare=False)
    termination_protection: bool | None = None
    pipeline: str = ""
    examined: bool = False

    @property
    def target(self) -> Target:
        """The service and environment that it is deployed to."""
        return Target(self.service, self.environment, self.redeploy_command, self.environment_file, self.pipeline)

    @property
    def stack(self) -> str:
        """The name of the stack."""
        return self.target.stack


@dataclass(frozen=True)
class Options:
    """The options of a deploy or a deletion. Times are in seconds; a ``timeout`` of None means no limit.

    ``force`` skips the resources that block a deletion. A ``protected`` environment asks a person even with ``--yes``;
    without a person, ``--allow`` alone permits data to be put at risk. ``unprotect`` names the stack whose protection
    from deletion a deletion lifts first.
    """

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
    express: bool = False
    revert_drift: bool = False
    force: bool = False
    unprotect: str | None = None
    role_arn: str | None = None
    artifacts_bucket: str | None = None
    protected: bool = False


@dataclass(frozen=True)
class Recovery:
    """What ``recover`` may do. ``skip`` and ``force`` leave resources out of a failed rollback: those named, or all.

    In a rollback that does not end, ``desired_to_running`` sets the desired count of the service to its running
    tasks, and ``force_deployment`` starts its tasks anew. A ``timeout`` of None means no limit; it is in seconds.
    """

    skip: tuple[str, ...] = ()
    force: bool = False
    desired_to_running: bool = False
    force_deployment: bool = False
    yes: bool = False
    timeout: float | None = None

    @property
    def remedy(self) -> str:
        """The option that says how to end a rollback in progress; empty without one."""
        if self.force_deployment:
            return "--force-deployment"
        return "--desired-to-running" if self.desired_to_running else ""


@dataclass(frozen=True)
class StackEvent:
    """An event of DescribeStackEvents. ``hook`` is the reason for which a hook of the account refuses the resource."""

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
    """The changes of a change set. ``adopted`` are existing resources that it imports into the stack. ``first``: the
    change set creates the stack. ``warnings`` are those of CloudFormation's validation. ``drift`` is the stack's drift
    status (DRIFTED, IN_SYNC, …), empty unless the change set reverts drift.
    """

    change_set: str
    changes: tuple[Change, ...]
    risks: tuple[Risk, ...] = ()
    adopted: tuple[str, ...] = ()
    first: bool = False
    warnings: tuple[Evidence, ...] = ()
    drift: str = ""


@dataclass(frozen=True)
class StepStarted:
    """A stage has begun: preflight, decide, stage, change set, gate, execute, watch, verify or diagnose."""

    name: str
    text: str


@dataclass(frozen=True)
class PlanCreated:
    """The change set is ready; the gate is next."""

    plan: Plan
    places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True)
class StackEventReceived:
    """A new stack event of this operation, the spec line of its resource, and the seconds since the execution began."""

    event: StackEvent
    elapsed: float
    place: Place | None = None


@dataclass(frozen=True)
class Waiting:
    """A poll without news. ``on`` are the logical ids of the resources in progress."""

    elapsed: float
    on: tuple[str, ...]


@dataclass(frozen=True)
class TaskState:
    """The state of an ECS task and its history.

    ``status`` is its lastStatus, ``since`` the seconds it has been in it; ``past`` are the earlier states that were
    observed, each with its duration in seconds. ``new``: the task belongs to the deployment that is rolled out.
    ``container`` is the result of the container's health check (HEALTHY, UNHEALTHY, UNKNOWN), ``target`` that of the
    load balancer (healthy, unhealthy, initial, …), with its reason; both are empty without such a check. ``reason`` is
    why the task stopped, ``failed`` whether that was a failure.
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
    """A rollout has a new state: its tasks, the counts of the new deployment, and the circuit breaker.

    ``service`` is the logical id, ``state`` the rolloutState. ``failed`` tasks have failed, of which the circuit
    breaker has ``counted`` so many against its ``threshold``; both are None if ECS does not report them.
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
class ServiceEventReceived:
    """An event of an ECS service that reports trouble, such as a task that cannot be placed. Reported once.

    ``service`` is the logical id, ``elapsed`` the seconds since the execution began, ``time`` the one of ECS.
    """

    elapsed: float
    service: str
    text: str
    time: datetime | None = None


@dataclass(frozen=True)
class NoticeIssued:
    """Information that needs no action. ``label`` is its category."""

    label: str
    text: str


@dataclass(frozen=True)
class ImageBuilt(NoticeIssued):
    """An image is in the store of a builder: its name and tag, its id (``sha256:…``), its platform (``linux/arm64``),
    the builder, and the seconds that the build took."""

    name: str
    tag: str
    id: str
    platform: str
    builder: str
    seconds: float


@dataclass(frozen=True)
class ImagePushed(NoticeIssued):
    """An image is in a repository, with the digest that the registry has.

    ``existed``: it was there already. ``noted``: an endpoint without a registry only notes it.
    """

    repository: str
    tag: str
    digest: str
    existed: bool = False
    noted: bool = False


@dataclass(frozen=True)
class WarningIssued:
    """A problem that does not stop the run. ``denied``: a permission is missing."""

    text: str
    denied: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Evidence:
    """A fact that supports the cause: its source, its text, and the spec line if there is one."""

    source: str
    text: str
    place: Place | None = None


@dataclass(frozen=True)
class Advice:
    """How to fix a cause.

    ``key`` is the path of the spec's key to change, ``place`` its line if the spec is available.
    """

    text: str
    key: str = ""
    place: Place | None = None


@dataclass(frozen=True)
class Outcome:
    """The result of a run.

    The exit code, the cause in one sentence, the evidence, the advice, and the next commands. ``detached``: the run
    started the operation and returned, as ``--detach`` demands.
    """

    exit: Exit
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    next: tuple[str, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    advice: Advice | None = None
    detached: bool = False


@dataclass(frozen=True)
class StackResult:
    """The outcome of one of several deploys, and the seconds that it took.

    ``started`` is false if it was not executed because of another one.
    """

    target: Target
    outcome: Outcome
    seconds: float
    started: bool


@dataclass(frozen=True)
class RunEnded:
    """The last event of every run."""

    outcome: Outcome


Event = (
    StepStarted
    | PlanCreated
    | StackEventReceived
    | RolloutChanged
    | ServiceEventReceived
    | Waiting
    | NoticeIssued
    | WarningIssued
    | RunEnded
)
Tell = Callable[[Event], None]
"""Receives the progress events in order."""


@dataclass(frozen=True)
class Question:
    """A question to a person. ``kind`` is the decision; ``details`` say what it affects, such as the data at risk.

    ``creates``: a yes creates the stack. ``expected`` is the answer of a person who only presses Enter.
    """

    kind: Literal[
        "execute", "data", "recreate", "adopt", "protected", "interrupt", "environment", "build", "repository"
    ]
    text: str
    details: tuple[str, ...] = ()
    creates: bool = False
    expected: bool = False


Ask = Callable[[Question], bool]
"""Asks a person for a yes or no."""

Approve = Callable[[tuple[Question, ...]], bool]
"""Approves a plan that may be executed if a person agrees to these questions. May wait, and may raise Stop."""


class Terminated(BaseException):
    """A signal asked the process to end. Operations on AWS continue without it."""

    def __init__(self, signal: str = "SIGTERM") -> None:
        super().__init__(signal)
        self.signal = signal


INTERRUPTS = (KeyboardInterrupt, Terminated)
