"""The tasks of a service: the running ones, the stopped ones and why, the one that a person means, and stopping it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fsdcf.cloudformation.ecr import image_tag
from fsdcf.cloudformation.types.ecs import main_container
from fsdcf.conventions import MACHINE_OUTPUT, SERVICE_TAG
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.aws import Aws, AwsError
from fsdcf.deploy.diagnosis.context import DiagnosisContext
from fsdcf.deploy.diagnosis.reasons import match_reason
from fsdcf.deploy.ecs.logs import TaskLogs
from fsdcf.deploy.ecs.service import EcsDeployment, TargetHealth, cluster_and_name, read_health
from fsdcf.deploy.ecs.tasks import BATCH, MOST_TASKS, StopCause, address_of, containers_of, stop_cause, task_id
from fsdcf.deploy.model import Exit, Options, Outcome, Question, Target
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.operate.logs import latest_streams
from fsdcf.operate.service import RunningService, confirm, existing_stack, find_tasks, managed_stack

RECENT = 5
"""Stopped tasks that are shown unless all of them are wanted."""

_ID_LENGTH = 32
"""Characters of a task's ID."""

_CANDIDATES = 10
"""The most tasks that an error lists."""


@dataclass(frozen=True)
class TaskEnd:
    """The end of a task: when, who stopped it and why, the exit code of its container, and the last line of its log.

    ``reason`` and ``stop_code`` are the words of ECS. ``exit_code`` is None if no container ran, ``log`` is empty if
    the log has no line, or was not read.
    """

    time: datetime | None
    cause: StopCause
    reason: str
    stop_code: str
    exit_code: int | None = None
    log: str = ""


@dataclass(frozen=True)
class TaskContainerState:
    """A container of a task. ``health`` is HEALTHY, UNHEALTHY or UNKNOWN, as for one without a check; ``exit_code`` is
    None until it has ended."""

    name: str
    status: str
    health: str = ""
    exit_code: int | None = None


@dataclass(frozen=True)
class ServiceTask:
    """A task of a service. ``version`` is the tag or digest of its image, ``revision`` that of its task definition.

    ``health`` is healthy, unhealthy or checking, by the checks of the container and the load balancer; empty without a
    check. ``cpu`` is in CPU units and ``memory`` in MiB. ``current``: it belongs to the PRIMARY deployment.
    ``one_off``: it was not started by the service, as one of ``fsdcf run``. ``end`` is None until it has stopped.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
    """

    id: str
    status: str
    image: str = ""
    definition: str = ""
    zone: str = ""
    created: datetime | None = None
    started: datetime | None = None
    health: str = ""
    health_reason: str = ""
    cpu: int | None = None
    memory: int | None = None
    capacity: str = ""
    current: bool = True
    one_off: bool = False
    end: TaskEnd | None = None
    containers: tuple[TaskContainerState, ...] = ()

    @property
    def version(self) -> str:
        """The tag or digest of the image."""
        return image_tag(self.image)

    @property
    def revision(self) -> str:
        """The revision of the task definition."""
        return self.definition.rpartition(":")[2]

    @property
    def spot(self) -> bool:
        """Whether it runs on Spot capacity."""
        return self.capacity == "FARGATE_SPOT"


@dataclass(frozen=True)
class ServiceTasks:
    """The tasks of a service: those that have not stopped, the current deployment's first, and the stopped ones, latest
    first. ECS lists a stopped task for about an hour.

    ``more`` stopped tasks are not shown.
    """

    service: RunningService
    active: tuple[ServiceTask, ...]
    stopped: tuple[ServiceTask, ...] = ()
    more: int = 0


def tasks(run: Run, only: str = "", every_end: bool = False) -> ServiceTasks:
    """The tasks of a service, or ``only`` one: an ID or a unique prefix of it. ``every_end``: all stopped tasks.

    Raises Stop (exit 2) without a service, or if ``only`` matches none or several of its tasks, and the errors of
    DescribeServices, ListTasks and DescribeTasks for running tasks; other errors are warnings.
    """
    service = find_tasks(run, existing_stack(run.target, run.aws))
    known = known_tasks(run, service)
    if only:
        known = [select(run.target, known, only)]
    active = [raw for raw in known if raw.get("lastStatus") != "STOPPED"]
    ended = sorted((raw for raw in known if raw.get("lastStatus") == "STOPPED"), key=_stopped_at, reverse=True)
    recent = ended if every_end or only else ended[:RECENT]
    groups = service.ecs.target_groups if active else ()
    health = read_health(run, groups, "the load balancer's checks are not shown") or {}
    logs = TaskLogs(run)
    described = [_read(raw, service, health, None) for raw in active]
    return ServiceTasks(
        service,
        tuple(sorted(described, key=lambda task: (task.one_off, not task.current, -_seconds(task.started)))),
        tuple(_read(raw, service, {}, _end(raw, service, logs)) for raw in recent),
        len(ended) - len(recent),
    )


def known_tasks(run: Run, service: RunningService) -> list[Answer]:
    """All tasks of a service that ECS still knows, and the one-off tasks of its family, as DescribeTasks reports them.

    Raises the errors of ListTasks and DescribeTasks for the running tasks of the service; others are warnings.
    """
    family = _family(service) if service.name else ""
    running = _arns(run, run.aws.pages("ecs", "ListTasks", **_about(service), desiredStatus="RUNNING"))
    without = "stopped and one-off tasks are not shown"
    others: list[str] = []
    for wanted in ({**_about(service), "desiredStatus": "STOPPED"}, *_of_family(service, family)):
        others += _arns(run, run.optional_pages(without, "ecs", "ListTasks", **wanted))
    known = _described(run.aws, service.cluster, running)
    for batch in _batches([arn for arn in dict.fromkeys(others) if arn not in set(running)]):
        answer = run.optional(without, "ecs", "DescribeTasks", cluster=service.cluster, tasks=batch)
        known += answer.get("tasks") or []
    return known


@dataclass(frozen=True)
class PreviousTask:
    """A task that has stopped: when it began and ended, in milliseconds since 1970, and why, in a clause."""

    id: str
    begun: int
    ended: int
    why: str


def previous_task(run: Run, group: str) -> PreviousTask:
    """The task of a service that stopped last: from ECS, which knows it for about an hour, or else from its log group.

    Raises Stop (exit 2) if no task has stopped.
    """
    service = find_tasks(run, existing_stack(run.target, run.aws))
    known = known_tasks(run, service)
    ended = [raw for raw in known if raw.get("lastStatus") == "STOPPED" and not _is_one_off(raw, service)]
    if ended:
        raw = max(ended, key=_stopped_at)
        begun, ended_at = _seconds(raw.get("createdAt")), _stopped_at(raw)
        why = end_cause(raw, service.ecs.primary).text
        return PreviousTask(task_id(raw), int(begun * 1000), int(ended_at * 1000), why)
    listed = {task_id(raw) for raw in known}
    for stream, begun in latest_streams(run.aws, group):
        if stream.task not in listed:
            return PreviousTask(stream.task, begun, stream.time, "ECS no longer knows why")
    raise stop(Exit.USAGE, f"no task of {run.target.stack} has stopped", run.target.command("tasks"))


def running_tasks(run: Run, service: RunningService) -> list[Answer]:
    """The running tasks of a service, latest first. Raises the errors of the calls."""
    arns = _arns(run, run.aws.pages("ecs", "ListTasks", **_about(service), desiredStatus="RUNNING"))
    running = [raw for raw in _described(run.aws, service.cluster, arns) if raw.get("lastStatus") == "RUNNING"]
    return sorted(running, key=lambda raw: _seconds(raw.get("startedAt")), reverse=True)


def _described(aws: Aws, cluster: str, arns: Sequence[str]) -> list[Answer]:
    """The tasks as DescribeTasks reports them. Raises the errors of the calls."""
    answers = (aws.call("ecs", "DescribeTasks", cluster=cluster, tasks=batch) for batch in _batches(arns))
    return [raw for answer in answers for raw in answer.get("tasks") or []]


def select(target: Target, tasks: Sequence[Answer], wanted: str, kind: str = "task") -> Answer:
    """The task with an ID, an ARN, or a unique prefix of an ID. Raises Stop (exit 2), which lists the candidates.

    ``kind`` is what the tasks are, such as ``running task``.
    """
    prefix = wanted.rpartition("/")[2]
    matches = [raw for raw in tasks if task_id(raw).startswith(prefix)] if prefix else []
    if len(matches) == 1:
        return matches[0]
    if not tasks:
        raise stop(Exit.USAGE, f"{target.stack} has no {kind}", target.command("status"))
    problem = f"matches several {kind}s" if matches else f"does not match a {kind}"
    sentence = f"{wanted or 'an empty ID'} {problem} of {target.stack}: {_shown(map(task_id, matches or tasks))}"
    raise stop(Exit.USAGE, sentence, target.command("tasks"))


def whole_id(run: Run, prefix: str) -> str:
    """The ID of the task that a prefix means, among those that ECS still knows. Raises Stop (exit 2) for several.

    The prefix itself if it is an ID, or no known task has it: an older task is known by its log alone. The same if ECS
    cannot be asked.
    """
    if len(prefix) >= _ID_LENGTH:
        return prefix
    try:
        service = find_tasks(run, existing_stack(run.target, run.aws))
        pages = [
            page
            for status in ("RUNNING", "STOPPED")
            for page in run.aws.pages("ecs", "ListTasks", **_about(service), desiredStatus=status)
        ]
    except (AwsError, Stop):
        return prefix
    ids = dict.fromkeys(arn.rpartition("/")[2] for page in pages for arn in page.get("taskArns") or [])
    matches = [id for id in ids if id.startswith(prefix)]
    if len(matches) > 1:
        sentence = f"{prefix} matches several tasks of {run.target.stack}: {_shown(matches)}"
        raise stop(Exit.USAGE, sentence, run.target.command("tasks"))
    return next(iter(matches), prefix)


def _shown(ids: Iterable[str]) -> str:
    """IDs for an error, not more than a reader takes in."""
    names = list(ids)
    more = f" and {len(names) - _CANDIDATES} more" if len(names) > _CANDIDATES else ""
    return ", ".join(names[:_CANDIDATES]) + more


def stop_task(run: Run, wanted: str, reason: str, options: Options) -> Outcome:
    """Stop a task of the service: an ID, or a unique prefix of it. ``reason`` is what ECS records; empty for a default.

    Raises Stop: exit 2 without a service or if no single task matches, 3 without confirmation, or if the stack is not
    managed by fsdcf, or the task belongs to another service.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html
    """
    target, aws = run.target, run.aws
    service = find_tasks(run, managed_stack(run))
    if machine := service.stack.outputs.get(MACHINE_OUTPUT):
        execution = _execution_of(run, machine, wanted)
        if execution:
            return _stop_execution(run, execution, reason, options)
    known = known_tasks(run, service)
    prefix = wanted.rpartition("/")[2]
    if not any(task_id(raw).startswith(prefix) for raw in known):
        _refuse_foreign(run, service, wanted)
    active = [raw for raw in known if raw.get("desiredStatus") != "STOPPED"]
    ending = [raw for raw in known if raw.get("desiredStatus") == "STOPPED" and task_id(raw).startswith(prefix)]
    if prefix and len(ending) == 1 and not any(task_id(raw).startswith(prefix) for raw in active):
        return _already(target, ending[0], service)
    task = select(target, active, wanted, "running task")
    described = _read(task, service, {}, None)
    follows, details = _consequence(service, described)
    question = Question("execute", f"Stop the task {described.id} of {target.stack}?", (*details, follows))
    if options.yes or run.ask is None:
        for detail in details:
            run.warn(detail)
    confirm(run, options.yes, question, target.command("stop-task", described.id, reason=reason, yes=True))
    aws.call(
        "ecs", "StopTask", cluster=service.cluster, task=described.id, reason=reason or "stopped by fsdcf stop-task"
    )
    next = (target.command("tasks"), target.command("status", watch=True))
    return Outcome(Exit.DONE, f"the task {described.id} of {target.stack} is being stopped: {follows}", next=next)


def _execution_of(run: Run, machine: str, wanted: str) -> str:
    """The ARN of the running execution with a name, or with this task, by a unique prefix; empty if there is none."""
    pages = run.aws.pages("stepfunctions", "ListExecutions", stateMachineArn=machine, statusFilter="RUNNING")
    running = [str(one["executionArn"]) for page in pages for one in page.get("executions") or []]
    prefix = wanted.rpartition("/")[2].rpartition(":")[2]
    named = [arn for arn in running if arn.rpartition(":")[2].startswith(prefix)] if prefix else []
    if len(named) > 1:
        names = _shown(arn.rpartition(":")[2] for arn in named)
        raise stop(Exit.USAGE, f"{wanted} matches several runs of {run.target.stack}: {names}")
    matches = named or [arn for arn in running if prefix and latest_task(run, arn).startswith(prefix)]
    return matches[0] if len(matches) == 1 else ""


def latest_task(run: Run, execution: str) -> str:
    """The ID of the latest task of an execution; empty if none was started, or it cannot be read.

    Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
    """
    without = "the task of the run is unknown"
    request = {"executionArn": execution, "reverseOrder": True}
    for page in run.optional_pages(without, "stepfunctions", "GetExecutionHistory", **request):
        for event in page.get("events") or []:
            if event.get("type") == "TaskSubmitted" and (task := submitted_task(event)):
                return task
    return ""


def submitted_task(event: Answer) -> str:
    """The ID of the task in an event TaskSubmitted; empty if it names none."""
    output = document(text(event.get("taskSubmittedEventDetails") or {}, "output"))
    return next((str(task.get("TaskArn")).rpartition("/")[2] for task in output.get("Tasks") or []), "")


def document(value: str) -> Mapping[str, Any]:
    """A JSON object in a text; empty for any other text."""
    try:
        found = json.loads(value or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _stop_execution(run: Run, execution: str, reason: str, options: Options) -> Outcome:
    """Stop a run of a job together with its task: stopped alone, the task would be tried again."""
    target, name = run.target, execution.rpartition(":")[2]
    follows = "its task is stopped, too, and it is not tried again"
    question = Question("execute", f"Stop the run {name} of {target.stack}?", (follows,))
    confirm(run, options.yes, question, target.command("stop-task", name, reason=reason, yes=True))
    cause = reason or "stopped by fsdcf stop-task"
    run.aws.call("stepfunctions", "StopExecution", executionArn=execution, cause=cause)
    sentence = f"the run {name} of {target.stack} is stopped: {follows}"
    return Outcome(Exit.DONE, sentence, next=(target.command("status"),))


def _consequence(service: RunningService, task: ServiceTask) -> tuple[str, tuple[str, ...]]:
    """What follows when a task is stopped, in a clause, and what a person should know before."""
    ecs = service.ecs
    if not service.name:
        return "the run ends with it", ()
    if task.one_off:
        return "it was not started by the service, and nothing replaces it", ()
    if ecs.running + ecs.pending > ecs.desired and task.current and len(ecs.deployments) == 1:
        return f"ECS starts no other one, because {ecs.desired} of them are desired", ()
    outage = ""
    if task.status == "RUNNING" and ecs.running <= 1:
        outage = "it is the only running task: the service is unavailable until the new one is ready"
        if ecs.single_writer:
            outage = (
                "it is the only task, as for a single writer: the service is unavailable until it has stopped and the"
                " new one is ready"
            )
    return "ECS starts a new one in its place", (outage,) if outage else ()


def _refuse_foreign(run: Run, service: RunningService, wanted: str) -> None:
    """Raise Stop (exit 3) if the task is one of another service or of another cluster."""
    target, arn = run.target, wanted.split("/")
    cluster = cluster_and_name(service.cluster)[1].rpartition("/")[2]
    if len(arn) > 2 and arn[-2] != cluster:
        sentence = f"the task {arn[-1]} belongs to the cluster {arn[-2]}, not to {target.stack}"
        raise stop(Exit.REFUSED, sentence, target.command("tasks"))
    without = "the other tasks of the cluster are not known"
    pages = run.optional_pages(without, "ecs", "ListTasks", cluster=service.cluster, maxResults=BATCH)
    matches = [one for one in _arns(run, pages) if one.rpartition("/")[2].startswith(arn[-1])]
    if not arn[-1] or len(matches) != 1:
        return
    answer = run.optional(without, "ecs", "DescribeTasks", cluster=service.cluster, tasks=matches)
    for raw in answer.get("tasks") or []:
        owner = text(raw, "group").replace("service:", "the service ").replace("family:", "the family ")
        sentence = f"the task {task_id(raw)} belongs to {owner or 'another service'}, not to {service.name}"
        raise stop(Exit.REFUSED, sentence, target.command("tasks"))


def _already(target: Target, raw: Answer, service: RunningService) -> Outcome:
    cause = end_cause(raw, service.ecs.primary)
    state = "has already stopped" if raw.get("lastStatus") == "STOPPED" else "is already being stopped"
    next = (target.command("tasks", task=task_id(raw)),)
    return Outcome(Exit.DONE, f"the task {task_id(raw)} of {target.stack} {state}: {cause.text}", next=next)


def _about(service: RunningService) -> dict[str, Any]:
    """The members of ListTasks for the tasks of a service, or of a job."""
    own = {"serviceName": service.name} if service.name else {"family": _family(service)}
    return {"cluster": service.cluster, **own, "maxResults": BATCH}


def _family(service: RunningService) -> str:
    return cluster_and_name(service.ecs.task_definition)[1].rpartition("/")[2].partition(":")[0]


def _is_one_off(raw: Answer, service: RunningService) -> bool:
    """Whether a task is not one that the service started. All tasks of a job are equal."""
    return bool(service.name) and text(raw, "group") != f"service:{service.name}"


def _is_current(raw: Answer, service: RunningService) -> bool:
    """Whether a task belongs to the current deployment, or has the current task definition of a job."""
    if not service.name:
        return text(raw, "taskDefinitionArn") == service.ecs.task_definition
    return text(raw, "startedBy") == (service.ecs.primary.id if service.ecs.primary else "")


def _of_family(service: RunningService, family: str) -> tuple[dict[str, Any], ...]:
    """The requests of ListTasks for all tasks of a family."""
    members = {"cluster": service.cluster, "family": family, "maxResults": BATCH}
    return tuple({**members, "desiredStatus": status} for status in ("RUNNING", "STOPPED")) if family else ()


def _arns(run: Run, pages: Iterable[Answer]) -> list[str]:
    """The ARNs in pages of ListTasks. More than MOST_TASKS are a warning."""
    arns: list[str] = []
    for page in pages:
        arns += page.get("taskArns") or []
        if len(arns) >= MOST_TASKS and page.get("nextToken"):
            run.warn(f"{run.target.stack} has more than {MOST_TASKS} tasks: the others are not shown")
            break
    return arns[:MOST_TASKS]


def _batches(arns: Sequence[str]) -> list[list[str]]:
    return [list(arns[start : start + BATCH]) for start in range(0, len(arns), BATCH)]


def _read(raw: Answer, service: RunningService, health: Mapping[str, TargetHealth], end: TaskEnd | None) -> ServiceTask:
    target = health.get(address_of(raw), TargetHealth("", ""))
    container = main_container(containers_of(raw), service.stack.tags.get(SERVICE_TAG, "")) or {}
    containers = tuple(
        TaskContainerState(text(one, "name"), text(one, "lastStatus"), text(one, "healthStatus"), one.get("exitCode"))
        for one in raw.get("containers") or []
    )
    unhealthy = [one.name for one in containers if one.health == "UNHEALTHY"] if len(containers) > 1 else []
    state, reason = _health_of(text(raw, "healthStatus"), target, unhealthy)
    cpu, memory = (str(raw.get(name) or "") for name in ("cpu", "memory"))
    return ServiceTask(
        task_id(raw),
        text(raw, "lastStatus"),
        image=text(container, "image"),
        definition=text(raw, "taskDefinitionArn").rpartition("/")[2],
        zone=text(raw, "availabilityZone"),
        created=raw.get("createdAt"),
        started=raw.get("startedAt"),
        health=state,
        health_reason=reason,
        cpu=int(cpu) if cpu.isdecimal() else None,
        memory=int(memory) if memory.isdecimal() else None,
        capacity=text(raw, "capacityProviderName") or text(raw, "launchType"),
        current=_is_current(raw, service),
        one_off=_is_one_off(raw, service),
        end=end,
        containers=containers,
    )


def _health_of(container: str, target: TargetHealth, unhealthy: Sequence[str]) -> tuple[str, str]:
    """The health of a task by both checks, and the load balancer's reason for it, or the ``unhealthy`` containers."""
    if container == "UNHEALTHY":
        whose = f"health check of the container {' and '.join(unhealthy)}" if unhealthy else "container's health check"
        return "unhealthy", f"the {whose} fails"
    if target.state == "unhealthy":
        return "unhealthy", target.words
    if target.state == "initial":
        return "checking", ""
    return ("healthy" if "healthy" in (container.lower(), target.state) else ""), ""


def _end(raw: Answer, service: RunningService, logs: TaskLogs) -> TaskEnd:
    containers = containers_of(raw)
    failed = next((item for item in containers if item.get("exitCode")), None)
    known = failed or next((item for item in containers if item.get("exitCode") is not None), None)
    names = [text(known, "name")] if known is not None else []
    line = next(reversed(logs.last_lines(task_id(raw), text(raw, "taskDefinitionArn"), names)), "").strip()
    code = known.get("exitCode") if known is not None else None
    reason, stop_code = text(raw, "stoppedReason"), text(raw, "stopCode")
    return TaskEnd(raw.get("stoppedAt"), end_cause(raw, service.ecs.primary), reason, stop_code, code, line)


def end_cause(raw: Answer, primary: EcsDeployment | None) -> StopCause:
    """Who stopped a task, and why: for a task that could not start, the known cause in the words of ECS, else these.

    ``primary`` is the current deployment. It has not replaced a task that stopped before it began.
    """
    stopped = raw.get("stoppingAt") or raw.get("stoppedAt")
    is_later = primary is not None and stopped and primary.since and primary.since > stopped
    cause = stop_cause(raw, primary.id if primary is not None and not is_later else "")
    if cause.by not in ("start", "unknown"):
        return cause
    reasons = [text(item, "reason") for item in containers_of(raw)]
    testimony = "\n".join(filter(None, (text(raw, "stopCode"), text(raw, "stoppedReason"), *reasons)))
    known = match_reason(testimony, DiagnosisContext())
    words = known.sentence if known else next(filter(None, (*reasons, text(raw, "stoppedReason"))), "")
    return StopCause(cause.by, f"{cause.text}: {words}" if words else cause.text)


def _stopped_at(raw: Answer) -> float:
    return _seconds(raw.get("stoppedAt"))


def _seconds(time: Any) -> float:
    return time.timestamp() if isinstance(time, datetime) else 0.0
