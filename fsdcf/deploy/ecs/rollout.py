"""The rollout of an ECS service: read from ECS, kept as evidence, and observed while it is in progress.

A rollback destroys the evidence, and ECS forgets stopped tasks within an hour, so that it is collected during the
rollout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from fsdcf.cloudformation.types.ecs import TASK_DEFINITION
from fsdcf.deploy.answers import Answer, text, texts
from fsdcf.deploy.ecs.logs import TaskLogs
from fsdcf.deploy.ecs.service import (
    EcsDeployment,
    EcsService,
    primary_of,
    read_health,
    request_about,
    service_in,
)
from fsdcf.deploy.ecs.tasks import (
    MOST_TASKS,
    StopCause,
    TaskHistory,
    containers_of,
    describe_tasks,
    ended_container,
    list_tasks,
    of_container,
    stop_reason,
    task_id,
    who_stopped,
)
from fsdcf.deploy.events import rollback_begin
from fsdcf.deploy.model import RolloutChanged, ServiceEventReceived, StackEvent, TaskState
from fsdcf.deploy.run import Run

_EVENTS = 20
_UNREAD = "stopped tasks cannot be read"
_OWN = re.compile(
    r"\b(?:[0-9a-f]{32,64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|i-[0-9a-f]{8,}"
    r"|\d+\.\d+\.\d+\.\d+(?::\d{5}\b)?|\d{4}-\d\d-\d\dT[\d:.]+Z?)"
)
"""The parts of a stop reason that differ between tasks.

Ids of tasks and requests, digests, addresses and ephemeral ports, times.
"""


TROUBLE = re.compile(r"Reason:|\(error |unable to|unhealthy in|health checks|deployment failed|being throttled")
"""The words of a service event that reports a failure.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html"""

UNPLACED = re.compile(r"unable to (?:place|launch|consistently start)")
"""The words of a service event about a task that cannot be started."""

_PREFIX = re.compile(r"^\(service [^)]*\) ")
_TASK = re.compile(r"\b[0-9a-f]{32}\b")
_DEPLOYMENT = re.compile(r"\becs-svc/\w+")
"""The ids in a service event."""


def task_counts(running: int, desired: int) -> str:
    """``1 of 2 running``; ``4 running, 2 wanted`` if there are more than desired, as while a service is scaled in."""
    return f"{running} of {desired} running" if running <= desired else f"{running} running, {desired} desired"


def brief(essence: str) -> str:
    """The first words of a stop reason, such as the name of the error."""
    return re.split(r": | in \(", essence)[0]


@dataclass(frozen=True)
class JudgedVersion:
    """The version that is judged. What belongs to another one is never evidence against it.

    ``definitions`` are the ARNs of its task definitions, ``deployment`` is the id of its deployment; empty: any.
    ``since`` is when its rollout began, by AWS's clock; None if that is unknown.
    """

    definitions: frozenset[str] = frozenset()
    deployment: str = ""
    since: datetime | None = None

    def covers(self, definition: str, deployment: str) -> bool:
        """Whether a task or a deployment is of the version. An unknown task definition, as of an emulator, is."""
        wrong = self.definitions and definition and definition not in self.definitions
        return not wrong and self.deployment in ("", deployment)

    def is_older(self, time: datetime | None) -> bool:
        """Whether something happened before the rollout began."""
        return time is not None and self.since is not None and time < self.since


def version_of(events: Sequence[StackEvent], since: datetime | None = None) -> JudgedVersion:
    """The version that an operation of the stack rolls out: the task definitions that it creates, if it does."""
    made = {
        event.logical_id: event.physical_id
        for event in events[: rollback_begin(events)]
        if event.type == TASK_DEFINITION and event.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    }
    return JudgedVersion(frozenset(made.values()), since=since or (events[0].time if events else None))


@dataclass(frozen=True)
class StoppedTask:
    """A stopped task, its reason, and its containers as (name, exit code, reason).

    ``target`` is the last reason of the load balancer, ``log`` are the last lines, both if they could be collected.
    ``definition`` is the ARN of the task definition, ``images`` are the images of the containers by name, and
    ``container`` is the one that ended the task, if it is not the main one.
    """

    id: str
    deployment: str
    reason: str
    code: str = ""
    containers: tuple[tuple[str, int | None, str], ...] = ()
    definition: str = ""
    created: datetime | None = None
    ended: datetime | None = None
    target: str = ""
    log: tuple[str, ...] = ()
    images: tuple[tuple[str, str], ...] = ()
    container: str = ""

    @property
    def essence(self) -> str:
        """The part of the reason that is the same for all tasks that stopped for it."""
        essence = _OWN.sub("…", stop_reason(self.reason, self._ends, self.cause))
        return f"{essence} (container {self.container})" if self.container else essence

    @property
    def cause(self) -> StopCause:
        """Who stopped the task, and whether that is a failure of its version."""
        return of_container(who_stopped(self.code, self.reason, self._ends, self.deployment), self.container)

    @property
    def errors(self) -> tuple[str, ...]:
        """The errors of the agent that started the task, such as CannotPullContainerError, in its own words."""
        reasons = (self.reason, *(reason for _, _, reason in self.containers))
        return tuple(reason.rstrip(".") for reason in reasons if re.match(r"\w+Error\b", reason))

    @property
    def _ends(self) -> list[tuple[int | None, str]]:
        return [(code, reason) for _, code, reason in self.containers]


@dataclass(frozen=True)
class ServiceRollout:
    """The rollout of a service. ``service`` is its ARN; ``groups`` are the ARNs of its target groups.

    ``version`` is the version that is judged. ``events`` and ``stopped`` are evidence against it; ``interrupted`` are
    its tasks that others stopped, such as AWS. ``foreign`` are the ids of tasks of other versions. ``breaker`` is the
    circuit breaker's count of failed tasks and its threshold, ``verdict`` the status of a failed service deployment;
    None and empty if ECS does not report them. ``ecs`` is the service at the last look.
    """

    service: str
    logical_id: str = ""
    deployments: tuple[EcsDeployment, ...] = ()
    events: tuple[str, ...] = ()
    stopped: tuple[StoppedTask, ...] = ()
    interrupted: tuple[StoppedTask, ...] = ()
    foreign: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    breaker: tuple[int, int] | None = None
    verdict: str = ""
    version: JudgedVersion = JudgedVersion()
    ecs: EcsService | None = None

    @property
    def primary(self) -> EcsDeployment | None:
        """The PRIMARY deployment at the last look."""
        return primary_of(self.deployments)

    @property
    def failing(self) -> EcsDeployment | None:
        """The failing deployment: one that ECS gave up, else one with failed tasks.

        ECS does not count a task that ran and then exited by itself, such as a program that crashes on its first
        request.
        """
        judged = [one for one in self.deployments if self.version.covers(one.task_definition, one.id)]
        given_up = (deployment for deployment in judged if deployment.state == "FAILED")
        fell = {task.deployment for task in self.stopped if task.cause.counts}
        failing = (
            deployment
            for deployment in judged
            if deployment.state != "COMPLETED" and (deployment.failed or deployment.id in fell)
        )
        return next(given_up, next(failing, None))

    @property
    def given_up(self) -> bool:
        """Whether ECS gave a deployment up."""
        return self.failing is not None and self.failing.state == "FAILED"

    @property
    def failed_tasks(self) -> list[StoppedTask]:
        """The stopped tasks of the failing deployment; of all deployments if ECS does not list it any more."""
        failing = self.failing
        return [task for task in self.stopped if task.essence and (failing is None or task.deployment == failing.id)]

    def failures(self, deployment: EcsDeployment) -> int:
        """How many tasks of a deployment have failed: by ECS's count, or by observation if that is more."""
        observed = sum(task.deployment == deployment.id and task.cause.counts for task in self.stopped)
        return max(deployment.failed, observed)


def look(
    run: Run,
    service: str,
    logical_id: str,
    known: ServiceRollout | None = None,
    afterwards: bool = False,
    version: JudgedVersion = JudgedVersion(),
) -> ServiceRollout | None:
    """What ECS reports of a rollout now, added to what is ``known``; ``known`` itself if ECS reports nothing.

    ``service`` is the ARN, CloudFormation's physical id. A known service that is gone, as when a creation is rolled
    back, is not a warning; other errors are one. ``afterwards``: read stopped tasks although no deployment fails,
    because one that was rolled back is not listed any more. Service events from before the rollout of the ``version``
    are left out, and ``afterwards`` such tasks, too: a task that fails while it is watched belongs to the rollout,
    whatever its age.
    """
    at, name = request_about(service)
    without = "ECS's information on the failure is missing" if afterwards else "rollout not verified"
    may_be_gone = known is not None
    answer = run.optional(without, "ecs", "DescribeServices", may_be_gone=may_be_gone, **at, services=[name])
    found = service_in(answer)
    if found is None:
        return known
    before = known or ServiceRollout(service, logical_id)
    deployments = {deployment.id: _unlisted(deployment) for deployment in before.deployments}
    deployments |= {deployment.id: deployment for deployment in found.deployments}
    messages = [message.text for message in found.messages if not version.is_older(message.time)]
    rollout = replace(
        before,
        version=version,
        deployments=tuple(deployments.values()),
        events=tuple(dict.fromkeys([*messages[:_EVENTS], *before.events])),
        groups=found.target_groups,
        ecs=found,
    )
    if afterwards or (rollout.failing is not None and not _is_complete(rollout)):
        rollout = read_stopped(run, rollout, afterwards)
    return replace(rollout, events=tuple(text for text in rollout.events if not _is_foreign(rollout, text)))


def read_stopped(run: Run, rollout: ServiceRollout, afterwards: bool = False) -> ServiceRollout:
    """The rollout with the tasks that have stopped since the last look. ECS remembers them for about an hour."""
    seen = {task.id for task in (*rollout.stopped, *rollout.interrupted)} | rollout.foreign
    named = (id for text in rollout.events if TROUBLE.search(text) for id in _TASK.findall(text))
    stopped = list_tasks(run, _UNREAD, rollout.service, "STOPPED")
    fresh = tuple(dict.fromkeys(id for id in (*stopped, *named) if id not in seen))
    return add_failed_tasks(rollout, describe_tasks(run, _UNREAD, rollout.service, fresh) or (), afterwards)


def add_failed_tasks(rollout: ServiceRollout, tasks: Iterable[Answer], afterwards: bool = False) -> ServiceRollout:
    """The rollout with those tasks of DescribeTasks that stop, or have stopped, because of a failure of its version.

    Known ones are updated. ``afterwards``: without those from before the rollout began.
    """
    stopped = {task.id: task for task in rollout.stopped}
    interrupted = {task.id: task for task in rollout.interrupted}
    foreign = set(rollout.foreign)
    for raw in tasks:
        task, ends = read_task(raw), raw.get("stoppedReason") or raw.get("desiredStatus") == "STOPPED"
        if not rollout.version.covers(task.definition, task.deployment):
            foreign.add(task.id)
        elif ends and task.deployment.startswith("ecs-svc/"):
            if afterwards and rollout.version.is_older(task.created):
                continue
            if task.cause.counts:
                before = stopped.get(task.id, task)
                stopped[task.id] = replace(task, target=before.target, log=before.log)
            elif task.cause.by in ("AWS", "Spot", "rebalancing", "person", "ECS"):
                interrupted[task.id] = task
    return replace(
        rollout,
        stopped=tuple(stopped.values()),
        interrupted=tuple(interrupted.values()),
        foreign=frozenset(foreign),
    )


def _is_foreign(rollout: ServiceRollout, text: str) -> bool:
    """Whether a service event is only about tasks or deployments of other versions."""
    definitions = {one.id: one.task_definition for one in rollout.deployments}
    named = [id for id in _DEPLOYMENT.findall(text) if id in definitions]
    own = [id for id in named if rollout.version.covers(definitions[id], id)]
    tasks = _TASK.findall(text)
    return (bool(named) and not own) or (bool(tasks) and rollout.foreign.issuperset(tasks))


def _is_complete(rollout: ServiceRollout) -> bool:
    """Whether every failed task that ECS counts is known."""
    failing = rollout.failing
    return failing is not None and 0 < failing.failed <= sum(task.deployment == failing.id for task in rollout.stopped)


def _unlisted(deployment: EcsDeployment) -> EcsDeployment:
    """A deployment that ECS does not list any more: it is not the PRIMARY one."""
    return replace(deployment, status="INACTIVE", pending=0) if deployment.status == "PRIMARY" else deployment


def read_task(raw: Answer) -> StoppedTask:
    """A task of DescribeTasks that stops or has stopped."""
    return StoppedTask(
        id=task_id(raw),
        **texts(raw, deployment="startedBy", reason="stoppedReason", code="stopCode", definition="taskDefinitionArn"),
        containers=tuple(
            (text(item, "name"), item.get("exitCode"), text(item, "reason")) for item in containers_of(raw)
        ),
        created=raw.get("createdAt"),
        ended=raw.get("stoppedAt") or raw.get("stoppingAt"),
        images=tuple(
            (text(item, "name"), text(item, "image")) for item in raw.get("containers") or [] if item.get("image")
        ),
        container=ended_container(raw),
    )


@dataclass
class ServiceEvents:
    """Reports the events of services that tell of trouble, each once. Their ids and addresses make no difference.

    What a task's row shows is left out: its health checks, and the error that prevented its start. So are the events
    from before the first look, unless it is known when the rollout began.
    """

    run: Run
    _known: dict[str, set[str]] = field(default_factory=dict)

    def report(self, rollout: ServiceRollout, elapsed: float) -> None:
        """Report the new events of a rollout, the oldest first."""
        old = rollout.service not in self._known and rollout.version.since is None
        known = self._known.setdefault(rollout.service, set())
        shown = {words for task in rollout.stopped for words in task.errors}
        for message in reversed(rollout.ecs.messages if rollout.ecs is not None else ()):
            text = message.text
            essence = _OWN.sub("…", text)
            matters = text in rollout.events and TROUBLE.search(text) and not _TASK.search(text)
            if not matters or essence in known:
                continue
            known.add(essence)
            if not old and not any(words in text for words in shown):
                event = ServiceEventReceived(elapsed, rollout.logical_id, _PREFIX.sub("", text), message.time)
                self.run.tell(event)


LOGS = 3
"""The number of stopped tasks whose last log lines are read."""

_LINES = 20
_KEPT = 8
_NO_TASKS = "tasks are not shown"
_NO_BREAKER = "the circuit breaker's count is not shown"


class RolloutObserver:
    """Observes the rollouts of a run: reports changes and collects evidence.

    An error of one of its calls is one warning per operation.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._history = TaskHistory(run.aws.pace)
        self._tasks: dict[str, dict[str, TaskState]] = {}
        self._reported: dict[str, RolloutChanged] = {}
        self._counted: dict[str, tuple[str, int]] = {}
        self._logs = TaskLogs(run)
        self._events = ServiceEvents(run)

    def look(
        self,
        service: str,
        logical_id: str,
        known: ServiceRollout | None,
        elapsed: float,
        version: JudgedVersion = JudgedVersion(),
    ) -> ServiceRollout | None:
        """The state of the rollout of a version.

        Reports RolloutChanged if it differs from the last one.
        """
        rollout = look(self._run, service, logical_id, known, version=version)
        if rollout is None or rollout is known or rollout.primary is None:
            return rollout
        tasks = self._describe_tasks(rollout)
        rollout = add_failed_tasks(rollout, tasks)
        states = self._states(rollout, tasks)
        rollout = self.add_evidence(self._read_breaker(rollout, rollout.failing or rollout.primary))
        self._report(rollout, states, elapsed)
        self._events.report(rollout, elapsed)
        return rollout

    def afterwards(self, service: str, logical_id: str, version: JudgedVersion) -> ServiceRollout | None:
        """The evidence that remains of the finished rollout of a version."""
        rollout = look(self._run, service, logical_id, afterwards=True, version=version)
        if rollout is None:
            return None
        return self.add_evidence(self._read_breaker(rollout, rollout.failing or rollout.primary, version.since))

    def running(self, service: str) -> tuple[TaskState, ...]:
        """The running tasks of a service at the last look; empty if they could not be read."""
        return tuple(task for task in self._tasks.get(service, {}).values() if task.status == "RUNNING")

    def _describe_tasks(self, rollout: ServiceRollout) -> list[Answer]:
        """The running tasks, those that ran at the last look, and the failed ones, from DescribeTasks."""
        known = self._tasks.setdefault(rollout.service, {})
        active = [task for task, state in known.items() if state.status not in ("STOPPED", "")]
        running = list_tasks(self._run, _NO_TASKS, rollout.service, "RUNNING")
        new = _new_deployments(rollout)
        failed = [task.id for task in rollout.stopped if task.id not in known and task.deployment in new]
        ids = tuple(dict.fromkeys((*active, *failed, *running)))[:MOST_TASKS]
        tasks = describe_tasks(self._run, _NO_TASKS, rollout.service, ids)
        for task in set(active) - {task_id(raw) for raw in tasks} if tasks is not None else ():
            del known[task]
        return tasks or []

    def _states(self, rollout: ServiceRollout, tasks: Sequence[Answer]) -> tuple[TaskState, ...]:
        """The states of the tasks, those of the new deployment first."""
        known, now = self._tasks[rollout.service], self._run.aws.clock()
        self._history.observe(tasks, now)
        up = any(raw.get("lastStatus") in ("ACTIVATING", "RUNNING") for raw in tasks)
        health = (read_health(self._run, rollout.groups) if up else None) or {}
        new = _new_deployments(rollout)
        known.update({task_id(raw): self._history.state(raw, now, new, health) for raw in tasks})
        return tuple(sorted(known.values(), key=lambda task: not task.new))

    def _read_breaker(
        self, rollout: ServiceRollout, deployment: EcsDeployment | None, since: datetime | None = None
    ) -> ServiceRollout:
        """The rollout with the circuit breaker's count: read when a deployment begins, and whenever a task has failed.

        Without a rollout in progress it is not read: the latest service deployment may be one that failed long ago.
        """
        if since is None and (deployment is None or deployment.state == "COMPLETED"):
            return rollout
        mark = (deployment.id, rollout.failures(deployment)) if deployment is not None else ("", 0)
        if (
            (rollout.given_up and rollout.verdict)
            or self._counted.get(rollout.service) == mark
            or not self._run.aws.supports("ecs", "DescribeServiceDeployments")
        ):
            return rollout
        self._counted[rollout.service] = mark
        at, name = request_about(rollout.service)
        listed = self._run.optional(_NO_BREAKER, "ecs", "ListServiceDeployments", **at, service=name, maxResults=5)
        arns = [
            item["serviceDeploymentArn"]
            for item in listed.get("serviceDeployments") or []
            if item.get("serviceDeploymentArn") and not JudgedVersion(since=since).is_older(item.get("createdAt"))
        ]
        if not arns:
            return rollout
        arn = arns[-1] if since is not None else arns[0]
        answer = self._run.optional(_NO_BREAKER, "ecs", "DescribeServiceDeployments", serviceDeploymentArns=[arn])
        raw: Answer = next(iter(answer.get("serviceDeployments") or []), {})
        return replace(rollout, breaker=_breaker(raw) or rollout.breaker, verdict=_verdict(raw) or rollout.verdict)

    def add_evidence(self, rollout: ServiceRollout) -> ServiceRollout:
        """The rollout with the load balancer's reasons for its stopped tasks, and the log lines of the first few."""
        read = sum(bool(task.log) for task in rollout.stopped)
        stopped = []
        for task in rollout.stopped:
            target = task.target or self._history.target_reason(task.id) or _unhealthy(task.id, rollout.events)
            lines = task.log
            ran = any(code is not None for _, code, _ in task.containers) or "health checks" in task.reason
            if ran and not lines and read < LOGS:
                ended = [name for name, code, reason in task.containers if code or reason]
                names = (*ended, *(name for name, _, _ in task.containers))
                lines = self._logs.last_lines(task.id, task.definition, names)[-_KEPT:]
                read += bool(lines)
            stopped.append(replace(task, target=target, log=lines))
        return replace(rollout, stopped=tuple(stopped))

    def _report(self, rollout: ServiceRollout, states: tuple[TaskState, ...], elapsed: float) -> None:
        primary = rollout.primary or EcsDeployment("", "", "")
        counted, threshold = rollout.breaker or (None, None)
        event = RolloutChanged(
            elapsed=elapsed,
            service=rollout.logical_id,
            tasks=states,
            state="FAILED" if rollout.given_up else primary.state,
            desired=primary.desired,
            running=primary.running,
            pending=primary.pending,
            failed=rollout.failures(rollout.failing or primary),
            counted=counted,
            threshold=threshold,
        )
        before = self._reported.get(rollout.service)
        if before is None or _without_times(event) != _without_times(before):
            self._reported[rollout.service] = event
            self._run.tell(event)


def _new_deployments(rollout: ServiceRollout) -> frozenset[str]:
    """The ids of the deployments that are rolled out or failing."""
    return frozenset(item.id for item in (rollout.primary, rollout.failing) if item is not None)


def _unhealthy(task: str, events: Sequence[str]) -> str:
    """The load balancer's reason for a task in the events of its service."""
    parts = (event.rpartition(" due to (reason ") for event in events if task and task in event)
    reasons = (reason.rpartition(")")[0] for before, _, reason in parts if "is unhealthy in " in before)
    return next(filter(None, reasons), "")


def _without_times(event: RolloutChanged) -> RolloutChanged:
    return replace(event, elapsed=0.0, tasks=tuple(replace(task, since=0.0, past=()) for task in event.tasks))


def _breaker(raw: Answer) -> tuple[int, int] | None:
    breaker = raw.get("deploymentCircuitBreaker") or {}
    if breaker.get("status") in (None, "DISABLED") or breaker.get("threshold") is None:
        return None
    return int(breaker.get("failureCount") or 0), int(breaker["threshold"])


def _verdict(raw: Answer) -> str:
    """The status and reason of a service deployment that did not succeed; empty for others."""
    status, reason = text(raw, "status"), text(raw, "statusReason")
    if not status.startswith(("ROLLBACK", "STOP")):
        return ""
    return f"{status}: {reason}" if reason else status
