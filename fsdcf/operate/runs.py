"""The runs of a job: what Step Functions and ECS still know of them, and why one failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal

from fsdcf.conventions import DEFINITION_OUTPUT, MACHINE_OUTPUT
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.diagnosis.explanations import explain_rollouts, rollout_evidence
from fsdcf.deploy.ecs.logs import TaskLogs
from fsdcf.deploy.ecs.rollout import ServiceRollout, read_task
from fsdcf.deploy.ecs.tasks import BATCH, containers_of, task_id
from fsdcf.deploy.model import Evidence, Exit, Outcome
from fsdcf.deploy.run import Run
from fsdcf.deploy.schedules import Read
from fsdcf.masking import mask_text
from fsdcf.operate.service import RunningService, existing_stack, job_tasks
from fsdcf.operate.tasks import document, end_cause
from fsdcf.wording import cut, moment

RECENT = 5
"""Runs that are shown."""

RunState = Literal["running", "succeeded", "failed", "stopped", "skipped", "ended"]
"""``stopped`` by a person, ``skipped`` because another run had not ended, ``ended`` if ECS no longer knows how."""

_STATES: Mapping[str, RunState] = {
    "RUNNING": "running",
    "PENDING_REDRIVE": "running",
    "SUCCEEDED": "succeeded",
    "ABORTED": "stopped",
}
"""The statuses of an execution; any other one is a failure.
Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html"""

TIMED_OUT = "it was stopped after its timeout"
_WITHOUT = "the last runs are unknown"


@dataclass(frozen=True)
class JobRun:
    """A run of a job: the name of its execution, or, without a state machine, the ID of its task.

    ``exit_code`` is that of the container in its last attempt, None if none ran, or ECS no longer knows it. ``why``
    says in a clause how a run ended that did not succeed. ``task`` is its last task, as DescribeTasks reports it, as
    far as it is known.
    """

    id: str
    state: RunState
    began: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    why: str = ""
    task: Answer = field(default_factory=dict, repr=False, compare=False)


def latest_runs(read: Read, service: RunningService, count: int = RECENT) -> tuple[JobRun, ...]:
    """The latest runs of a job, newest first. Without a state machine, ECS knows those of the last hour, and the log
    when older ones began and ended."""
    machine = service.stack.outputs.get(MACHINE_OUTPUT)
    runs = _executions(read, machine, count) if machine else _tasks(read, service, count)
    return tuple(runs)


def _executions(read: Read, machine: str, count: int) -> Iterator[JobRun]:
    answer = read(_WITHOUT, "stepfunctions", "ListExecutions", stateMachineArn=machine, maxResults=count)
    for raw in answer.get("executions") or []:
        yield read_execution(
            read(_WITHOUT, "stepfunctions", "DescribeExecution", executionArn=raw["executionArn"]) or raw
        )


def read_execution(raw: Answer) -> JobRun:
    """A run from the data of DescribeExecution or ListExecutions."""
    state = _STATES.get(text(raw, "status"), "failed")
    error, cause = text(raw, "error"), str(raw.get("cause") or "")
    result = document(text(raw, "output")) if state == "succeeded" else document(cause)
    if state == "succeeded" and "Others" in result:
        state = "skipped"
    task = _camel(result) if "TaskArn" in result else {}
    run = JobRun(text(raw, "name"), state, raw.get("startDate"), raw.get("stopDate"), exit_code(task), task=task)
    if state == "skipped":
        return replace(run, why="an earlier run had not ended")
    if state != "failed":
        return run
    if error == "States.Timeout" or text(raw, "status") == "TIMED_OUT":
        return replace(run, why=TIMED_OUT)
    why = end_cause(task, None).text if task else cut(mask_text(": ".join(filter(None, (error, cause)))))
    return replace(run, why=why or "Step Functions gives no reason")


def _tasks(read: Read, service: RunningService, count: int) -> Iterator[JobRun]:
    family = service.ecs.task_definition.rpartition("/")[2].partition(":")[0]
    arns: list[str] = []
    for status in ("RUNNING", "STOPPED"):
        members = {"cluster": service.cluster, "family": family, "desiredStatus": status, "maxResults": BATCH}
        arns += read(_WITHOUT, "ecs", "ListTasks", **members).get("taskArns") or []
    found: list[JobRun] = []
    if arns:
        described = read(_WITHOUT, "ecs", "DescribeTasks", cluster=service.cluster, tasks=arns[:BATCH])
        found = [read_run(raw) for raw in described.get("tasks") or []]
    known = {run.id for run in found}
    if len(found) < count and (group := service.stack.outputs.get("LogGroupName")):
        request = {"logGroupName": group, "orderBy": "LastEventTime", "descending": True, "limit": count}
        streams = read("older runs are unknown", "logs", "DescribeLogStreams", **request).get("logStreams") or []
        found += [run for run in map(_of_stream, streams) if run.id not in known]
    oldest = datetime.min.replace(tzinfo=timezone.utc)
    yield from sorted(found, key=lambda run: run.began or oldest, reverse=True)[:count]


def read_run(raw: Answer) -> JobRun:
    """A run that is a task of DescribeTasks."""
    run = JobRun(task_id(raw), "running", raw.get("createdAt"), raw.get("stoppedAt"), exit_code(raw), task=raw)
    if text(raw, "lastStatus") != "STOPPED":
        return run
    if run.exit_code == 0:
        return replace(run, state="succeeded")
    cause = end_cause(raw, None)
    return replace(run, state="failed" if cause.counts else "stopped", why=cause.text)


def _of_stream(raw: Answer) -> JobRun:
    """A run of which only the log is known: its first and its last line."""
    stamps = (raw.get(f"{which}EventTimestamp") for which in ("first", "last"))
    began, ended = (datetime.fromtimestamp(one / 1000, timezone.utc) if one else None for one in stamps)
    return JobRun(text(raw, "logStreamName").rpartition("/")[2], "ended", began, ended, why="ECS no longer knows how")


def exit_code(task: Answer) -> int | None:
    """The exit code of a task: that of its main container, or of the first that failed; None if none ran."""
    codes = [code for item in containers_of(task) if (code := item.get("exitCode")) is not None]
    return next((code for code in codes if code), next(iter(codes), None))


def _camel(value: Any) -> Any:
    """What Step Functions reports of a task as ECS itself does: members begin with a small letter."""
    if isinstance(value, dict):
        return {f"{key[:1].lower()}{key[1:]}": _camel(child) for key, child in value.items()}
    return [_camel(child) for child in value] if isinstance(value, list) else value


def capitalized(value: Any) -> Any:
    """A request of ECS as Step Functions reads it: members begin with a capital."""
    if isinstance(value, dict):
        return {f"{key[:1].upper()}{key[1:]}": capitalized(child) for key, child in value.items()}
    return [capitalized(child) for child in value] if isinstance(value, list) else value


def failure_of(event: Answer) -> str:
    """Why the task in an event TaskFailed ended, in a clause."""
    details = event.get("taskFailedEventDetails") or {}
    cause = str(details.get("cause") or "")
    task = _camel(document(cause))
    return end_cause(task, None).text if "taskArn" in task else cut(mask_text(cause)) or text(details, "error")


def explain_last_run(run: Run, outcome: Outcome) -> Outcome:
    """The outcome of a look at a stack that is well: for a job whose last run failed, why it did."""
    if DEFINITION_OUTPUT not in outcome.outputs:
        return outcome
    service = job_tasks(existing_stack(run.target, run.aws))
    last = next(iter(latest_runs(run.optional, service, 1)), None)
    if last is None or last.state != "failed":
        return outcome
    lead = f"{outcome.sentence.partition(':')[0]}, but its last run, at {moment(last.began)}, failed"
    return explain_run(run, service, last, lead, (run.target.command("status"),))


def explain_run(run: Run, service: RunningService, failed: JobRun, lead: str, next: Iterable[str] = ()) -> Outcome:
    """The outcome of a run that failed: the known reason of its task with advice, and the end of its log."""
    target, task = run.target, read_task(failed.task) if failed.task else None
    command, advice, why = target.command("logs", since="1h"), None, failed.why
    evidence: tuple[Evidence, ...] = (Evidence(f"run {failed.id}", why),) if why == TIMED_OUT else ()
    if task is not None:
        names = [name for name, code, _ in task.containers if code] or [name for name, _, _ in task.containers]
        task = replace(task, ended=None, log=TaskLogs(run).last_lines(task.id, task.definition, names))
        rollout = ServiceRollout("", "Run", stopped=(task,))
        known = explain_rollouts(run, (rollout,), service.stack.arn) if why != TIMED_OUT else None
        evidence = (*evidence, *rollout_evidence(rollout, None, known is not None))
        if known is not None:
            why, advice, command = known.sentence, known.advice, known.command
    steps = tuple(dict.fromkeys((command, *next)))
    return Outcome(Exit.FAILED, f"{lead}: {why}" if why else lead, evidence, steps, advice=advice)
