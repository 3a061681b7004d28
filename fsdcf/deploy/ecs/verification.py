"""Whether the services of a stack run the task definitions of the stack, with all their tasks, and healthily; whether
a job can run.

A rollback by ECS, or a crash loop after the rollout, can hide behind a complete stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from fsdcf.cloudformation.types.ecs import SERVICE, TASK_DEFINITION
from fsdcf.cloudformation.types.scheduler import SCHEDULE
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.ecs.rollout import (
    UNPLACED,
    JudgedVersion,
    RolloutObserver,
    ServiceEvents,
    ServiceRollout,
    look,
    read_stopped,
    task_counts,
)
from fsdcf.deploy.ecs.service import LOOPING, STEADY, EcsDeployment, TargetHealth, read_health
from fsdcf.deploy.run import Run
from fsdcf.deploy.schedules import JobSchedule, aws_time, read_schedule
from fsdcf.deploy.state import Snapshot

_EVERY = 5.0
_LONGEST = 600.0
"""Seconds for which a rollout in progress is waited for."""

_BRIEF = 20.0
"""The same for a command that only reports what is."""

_RECOVERY = 180.0
"""Seconds for which tasks that are missing or not healthy yet are waited for, beside the grace period: ECS replaces a
task on Fargate in one to two minutes."""

_CALM = 60.0
"""Seconds for which a service must be steady after its tasks have failed: a crash loop looks steady in between."""

_RECENT = timedelta(minutes=10)
"""The time in which two failed tasks are a crash loop, if tasks are missing."""

_CHECKED = ("healthy", "unavailable")
"""The states of a target that passes its checks, or has none.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html"""


@dataclass(frozen=True)
class ServiceHealth:
    """Whether a complete deployment does its work: the counts of its tasks, and the load balancer's targets.

    ``targets`` is None without a load balancer, or if they cannot be read.
    """

    desired: int
    running: int
    pending: int = 0
    targets: tuple[TargetHealth, ...] | None = None

    @property
    def healthy(self) -> int:
        """The number of targets that the load balancer sends requests to."""
        return sum(target.state in _CHECKED for target in self.targets or ())

    @property
    def steady(self) -> bool:
        """Whether the desired tasks run, and as many targets are healthy."""
        return self.running >= self.desired and (self.targets is None or self.healthy >= self.desired)

    @property
    def failing(self) -> tuple[TargetHealth, ...]:
        """The targets that the load balancer refuses: neither healthy, nor new, nor leaving."""
        waiting = (*_CHECKED, "initial", "draining", "unhealthy.draining")
        return tuple(target for target in self.targets or () if target.state not in waiting)

    @property
    def text(self) -> str:
        """``1 of 2 running, 1 starting, 0 of 2 targets healthy``."""
        parts = [task_counts(self.running, self.desired)]
        parts += [f"{self.pending} starting"] if self.pending else []
        parts += [f"{self.healthy} of {self.desired} targets healthy"] if self.targets is not None else []
        return ", ".join(parts)


@dataclass(frozen=True)
class Verdict:
    """What the services of a stack run.

    ``astray``: the PRIMARY deployment failed, or its task definition is not the stack's; ``pending``: it is not
    complete yet; ``down``: it is complete, but its tasks do not run or are not healthy; ``settling``: they are still
    starting; ``gone``: a job cannot start its task; ``unread``: it could not be read, and the run has been warned.
    ``idle`` are the services without a task, by their logical ids: nothing shows whether their version works.
    ``job``: the stack has tasks and no service, so that nothing runs until a run is due, as ``outlook`` says.
    """

    state: Literal["verified", "unread", "astray", "pending", "down", "settling", "gone"]
    rollout: ServiceRollout | None = None
    expected: tuple[str, ...] = ()
    health: ServiceHealth | None = None
    idle: tuple[str, ...] = ()
    job: bool = False
    outlook: str = ""


def verify(
    run: Run,
    stack: Snapshot,
    known: Sequence[ServiceRollout] = (),
    report: bool = False,
    also: tuple[str, ...] = (),
) -> Verdict:
    """Verify each ECS service of the stack: its PRIMARY deployment, the number of its tasks and their health.

    ``report``: only what is now is of interest. A service that changes is not waited for, and the tasks that have
    stopped are read even if it is steady. ``also`` are task definitions that count as those of the stack.
    """
    resources = _resources(run, stack, "rollout not verified")
    if resources is None:
        return Verdict("unread")
    services = _ids(resources, SERVICE)
    definitions = (*_ids(resources, TASK_DEFINITION).values(), *also)
    if not services and definitions:
        return _verify_job(run, stack, resources, definitions)
    if services:
        run.step("verify", "reading the running version from ECS")
    before = {rollout.logical_id: rollout for rollout in known}
    verdict, idle = Verdict("verified"), []
    for name, arn in services.items():
        check = _Check(run, arn, name, definitions, report, before.get(name))
        verdict = check.verdict()
        if verdict.state != "verified":
            return verdict
        if verdict.health is not None and not verdict.health.desired:
            idle.append(name)
    return Verdict(verdict.state, verdict.rollout, verdict.expected, verdict.health, tuple(idle))


def _verify_job(run: Run, stack: Snapshot, resources: list[Answer], definitions: tuple[str, ...]) -> Verdict:
    """Verify what the runs of a job need: its task definition, and the schedule, which may be disabled."""
    run.step("verify", "reading the task definition and the schedule")
    unread = "the task definition is not verified"
    for definition in definitions:
        answer = run.optional(unread, "ecs", "DescribeTaskDefinition", taskDefinition=definition)
        if text(answer.get("taskDefinition") or {}, "status") == "INACTIVE":
            return Verdict("gone", expected=definitions, job=True)
    read = (read_schedule(run.optional, name) for name in _ids(resources, SCHEDULE).values())
    schedules = [schedule for schedule in read if schedule is not None]
    return Verdict("verified", expected=definitions, job=True, outlook=_outlook(stack, schedules))


def _outlook(stack: Snapshot, schedules: list[JobSchedule]) -> str:
    """When a job runs next; empty if it has no schedule, or the time is not known."""
    return ", ".join(schedule.outlook(aws_time(stack)) for schedule in schedules)


def _resources(run: Run, stack: Snapshot, without: str) -> list[Answer] | None:
    """The resources of a stack; None if they cannot all be read, which is a warning that begins with ``without``."""
    pages = list(run.optional_pages(without, "cloudformation", "ListStackResources", StackName=stack.arn))
    if not pages or pages[-1].get("NextToken"):
        return None
    return [row for page in pages for row in page.get("StackResourceSummaries") or []]


def _ids(resources: list[Answer], type: str) -> dict[str, str]:
    """The physical ids of the resources of a type, by logical id."""
    rows = (row for row in resources if row.get("ResourceType") == type and row.get("PhysicalResourceId"))
    return {text(row, "LogicalResourceId"): text(row, "PhysicalResourceId") for row in rows}


@dataclass
class _Check:
    """The verification of one service. ``steady_since`` is when it began to be steady, by the local clock."""

    run: Run
    arn: str
    name: str
    definitions: tuple[str, ...]
    report: bool
    known: ServiceRollout | None
    begun: float = field(init=False)
    events: ServiceEvents = field(init=False)
    patience: float = field(init=False)
    complete_since: float | None = None
    steady_since: float | None = None
    desired: int = 0
    crashes: int = 0
    announced: bool = False

    def __post_init__(self) -> None:
        self.begun, self.events = self.run.aws.clock(), ServiceEvents(self.run)
        self.patience = _BRIEF if self.report else _LONGEST

    def verdict(self) -> Verdict:
        """Look at the service until the verdict is clear, or the patience ends."""
        while True:
            version = JudgedVersion(frozenset(self.definitions))
            rollout = look(self.run, self.arn, self.name, self.known, version=version)
            if rollout is not None:
                self.events.report(rollout, self.run.aws.clock() - self.begun)
            verdict = self._judge(rollout)
            if verdict is not None:
                return verdict
            self.run.rest(_EVERY)

    def _judge(self, rollout: ServiceRollout | None) -> Verdict | None:
        """The verdict; None if it is not clear yet."""
        run, definitions = self.run, self.definitions
        primary = rollout.primary if rollout is not None and rollout is not self.known else None
        if rollout is None or primary is None or not primary.task_definition:
            if "DescribeServices" not in run.warned:
                run.warn("rollout not verified: ECS does not report the service")
            return Verdict("unread", rollout)
        if primary.state == "FAILED" or primary.task_definition not in definitions:
            return Verdict("astray", rollout, definitions)
        if primary.state == "COMPLETED":
            return self._judge_health(rollout, primary)
        if not primary.state:
            run.warn("rollout not verified: ECS reports no rollout state for this kind of deployment")
            return Verdict("unread", rollout)
        self.complete_since, self.known = None, rollout
        if run.late() or run.aws.clock() - self.begun >= self.patience:
            return Verdict("pending", rollout, definitions)
        if not self.announced:
            self.announced = True
            counts = task_counts(primary.running, primary.desired)
            run.step("verify", f"waiting up to {self.patience:.0f} s until ECS completes the rollout: {counts}")
        return None

    def _judge_health(self, rollout: ServiceRollout, primary: EcsDeployment) -> Verdict | None:
        """The verdict about a complete deployment; None if it is not clear yet."""
        now = self.run.aws.clock()
        first = self.complete_since is None
        self.complete_since = now if first else self.complete_since
        self.desired = primary.desired if first else min(self.desired, primary.desired)
        targets = read_health(self.run, rollout.groups) if rollout.groups else None
        counts = self.desired, primary.running, primary.pending
        health = ServiceHealth(*counts, None if targets is None else tuple(targets.values()))
        if self.report or not health.steady or not _is_calm(rollout):
            rollout = read_stopped(self.run, rollout)
        latest = recent(rollout)
        crashes = len(latest.stopped)
        new, self.crashes = not first and crashes > self.crashes, max(self.crashes, crashes)
        if not health.steady or new:
            self.steady_since = None
        elif self.steady_since is None:
            self.steady_since = now
        limit = _RECOVERY + (rollout.ecs.grace if rollout.ecs is not None else 0.0)
        self.known = rollout
        if health.steady and (crashes < 2 or self._waited(_CALM, self.steady_since)):
            return Verdict("verified", rollout, self.definitions, health)
        looping = not first and (crashes >= 2 or any(map(LOOPING.search, latest.events)))
        if not health.steady and (looping or self._waited(limit, self.complete_since)):
            starting = health.pending or any(target.state == "initial" for target in health.targets or ())
            settling = starting and not (crashes or health.failing or any(map(UNPLACED.search, latest.events)))
            return Verdict("settling" if settling else "down", rollout, self.definitions, health)
        if first:
            seconds = min(_CALM if health.steady else limit, self.patience)
            self.run.step("verify", f"waiting up to {seconds:.0f} s until the service is steady: {health.text}")
        return None

    def _waited(self, seconds: float, since: float | None) -> bool:
        """Whether a time has passed, or the run waits no longer."""
        waited = 0.0 if since is None else self.run.aws.clock() - since
        return waited >= min(seconds, self.patience) or self.run.late()


def _is_calm(rollout: ServiceRollout) -> bool:
    """Whether nothing has happened since the service became steady, by its latest event."""
    messages = rollout.ecs.messages if rollout.ecs is not None else ()
    return not messages or STEADY in messages[0].text or "deployment completed" in messages[0].text


def recent(rollout: ServiceRollout) -> ServiceRollout:
    """The rollout with only its recent events and tasks, by AWS's clock: the latest time that ECS reports is now."""
    messages = rollout.ecs.messages if rollout.ecs is not None else ()
    tasks = (*rollout.stopped, *rollout.interrupted)
    times = [*(one.time for one in messages), *(time for task in tasks for time in (task.created, task.ended))]
    now = max((time for time in times if time is not None), default=None)

    def is_recent(time: datetime | None) -> bool:
        return time is None or now is None or now - time <= _RECENT

    old = {one.text for one in messages if not is_recent(one.time)}
    return replace(
        rollout,
        events=tuple(text for text in rollout.events if text not in old),
        stopped=tuple(task for task in rollout.stopped if is_recent(task.ended)),
        interrupted=tuple(task for task in rollout.interrupted if is_recent(task.ended)),
    )


EXPRESS_LIMIT = 3 * 3600.0
"""Seconds for which a rollout is followed that CloudFormation does not wait for."""


def follow_rollouts(run: Run, stack: Snapshot, known: Sequence[ServiceRollout], begun: float) -> list[ServiceRollout]:
    """Follow the rollouts of the stack's services until ECS has completed or given up each one.

    Ends early at the deadline, and without the permission to read them. ``begun`` is the start by the local clock.
    """
    observer, before = RolloutObserver(run), {rollout.logical_id: rollout for rollout in known}
    resources = _resources(run, stack, "rollout not followed") or []
    version = JudgedVersion(frozenset(_ids(resources, TASK_DEFINITION).values()))
    end = run.aws.clock() + EXPRESS_LIMIT
    for name, arn in _ids(resources, SERVICE).items():
        while True:
            rollout = observer.look(arn, name, before.get(name), run.aws.clock() - begun, version)
            if rollout is None or rollout is before.get(name):
                break
            before[name] = rollout
            primary = rollout.primary
            if primary is None or primary.state != "IN_PROGRESS" or run.late() or run.aws.clock() > end:
                break
            run.rest(_EVERY)
    return list(before.values())
