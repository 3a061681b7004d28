"""The services and jobs of an account and Region that fsdcf manages: the stacks with its tags, and their tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from fsdcf.conventions import (
    ENVIRONMENT_SERVICE,
    ENVIRONMENT_TAG,
    IMAGE_PARAMETER,
    SCHEDULE_OUTPUT,
    SERVICE_TAG,
    is_pipeline,
)
from fsdcf.deploy.aws import ApiError, AwsError
from fsdcf.deploy.ecs.service import EcsService, cluster_and_name, read_service
from fsdcf.deploy.pause import pause_of
from fsdcf.deploy.run import Run
from fsdcf.deploy.schedules import aws_time, is_job, read_schedule
from fsdcf.deploy.state import NEVER_WORKED, Snapshot, snapshots
from fsdcf.operate.runs import latest_runs
from fsdcf.operate.service import job_tasks
from fsdcf.wording import moment

_BATCH = 10
"""The most services of one call to DescribeServices.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html"""

_AT_ONCE = 4
"""Calls to ECS at the same time. A service usually has a cluster of its own, so that each needs a call."""

Condition = Literal["trouble", "changing", "notable", "good"]
"""How a service is, the most urgent first.

``trouble``: a person must act; ``changing``: an operation or a rollout is in progress; ``notable``: the last deploy was
rolled back, or no tasks are desired.
"""
_FAILED = {
    "DELETE_FAILED": "the deletion failed",
    "UPDATE_FAILED": "the update failed",
    "UPDATE_ROLLBACK_FAILED": "the rollback failed",
}

_ORDER: Mapping[Condition, int] = {"trouble": 0, "changing": 1, "notable": 2, "good": 3}


@dataclass(frozen=True)
class ManagedService:
    """A service in an environment. ``state`` says how it is, in words; ``ecs`` is None if it is unknown or absent."""

    service: str
    environment: str
    stack: Snapshot
    condition: Condition
    state: str
    ecs: EcsService | None = None

    @property
    def version(self) -> str:
        """The tag or digest of the image that was deployed last."""
        return self.stack.parameters.get(IMAGE_PARAMETER, "")


def services(run: Run, environment: str | None = None) -> tuple[ManagedService, ...]:
    """The services, or those of one environment: services in trouble first, then by name.

    Raises the errors of DescribeStacks. A service that ECS does not describe because of an error is a warning.
    """
    stacks = [
        stack
        for stack in snapshots(run.aws)
        if SERVICE_TAG in stack.tags
        and ENVIRONMENT_TAG in stack.tags
        and environment in (None, stack.tags[ENVIRONMENT_TAG])
        and not is_pipeline(stack.tags)
    ]
    known = _described(run, stacks)
    found = [_judged_job(run, stack) if is_job(stack) else _judged(stack, known) for stack in stacks]
    return tuple(sorted(found, key=lambda one: (_ORDER[one.condition], one.service, one.environment)))


def _described(run: Run, stacks: Sequence[Snapshot]) -> Mapping[tuple[str, str], EcsService | None]:
    """The ECS services by the names of cluster and service; None for one that ECS does not know.

    One whose call failed is left out.
    """
    wanted: dict[str, list[str]] = {}
    for stack in stacks:
        cluster, name = _names(stack)
        if cluster and name:
            wanted.setdefault(cluster, []).append(name)
    requests = [
        (cluster, names[start : start + _BATCH])
        for cluster, names in wanted.items()
        for start in range(0, len(names), _BATCH)
    ]

    def answer(request: tuple[str, list[str]]) -> dict[tuple[str, str], EcsService | None] | AwsError:
        cluster, names = request
        try:
            raw = run.aws.call("ecs", "DescribeServices", cluster=cluster, services=names)
        except AwsError as error:
            gone = isinstance(error, ApiError) and error.code == "ClusterNotFoundException"
            return dict.fromkeys((cluster, name) for name in names) if gone else error
        found = {cluster_and_name(one.arn)[1]: one for one in map(read_service, raw.get("services") or [])}
        return {(cluster, name): found.get(name) for name in names}

    known: dict[tuple[str, str], EcsService | None] = {}
    first = [answer(request) for request in requests[:1]]  # makes the client, which is not safe in several threads
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for result in (*first, *pool.map(answer, requests[1:])):
            if isinstance(result, AwsError):
                run.lack("the tasks of some services are unknown", result)
            else:
                known |= result
    return known


def _names(stack: Snapshot) -> tuple[str, str]:
    return stack.outputs.get("ClusterName", ""), cluster_and_name(stack.outputs.get("ServiceName", ""))[1]


def _judged(stack: Snapshot, known: Mapping[tuple[str, str], EcsService | None]) -> ManagedService:
    names = _names(stack)
    ecs = known.get(names)
    condition, state = _condition(stack, ecs, names in known)
    active = ecs if ecs is not None and ecs.status == "ACTIVE" else None
    return ManagedService(stack.tags[SERVICE_TAG], stack.tags[ENVIRONMENT_TAG], stack, condition, state, active)


def _judged_job(run: Run, stack: Snapshot) -> ManagedService:
    """A job: how it is by its stack if that failed or changes, else by its last run and its schedule."""
    condition, state = _condition_of_stack(stack) or _condition_of_job(run, stack)
    return ManagedService(stack.tags[SERVICE_TAG], stack.tags[ENVIRONMENT_TAG], stack, condition, state)


def _condition_of_job(run: Run, stack: Snapshot) -> tuple[Condition, str]:
    last = next(iter(latest_runs(run.optional, job_tasks(stack), 1)), None)
    schedule = stack.outputs.get(SCHEDULE_OUTPUT)
    found = read_schedule(run.optional, schedule) if schedule else None
    pause = pause_of(stack)
    if pause is not None:
        outlook = f"paused since {moment(pause.since)}"
    elif schedule is None:
        outlook = "a job without a schedule"
    else:
        outlook = found.outlook(aws_time(stack)) if found is not None else "its schedule is unknown"
    if last is not None and last.state == "running":
        return "changing", "a run is in progress"
    if last is not None and last.state == "failed":
        return "trouble", f"the last run failed; {outlook}"
    return "good" if found is None or found.enabled else "notable", outlook


def _condition(stack: Snapshot, ecs: EcsService | None, is_read: bool) -> tuple[Condition, str]:
    """How a service is: by its stack if that failed or changes, else by its tasks."""
    failing = ecs is not None and ecs.primary is not None and ecs.primary.state == "FAILED"
    if stack.running and failing:
        return "changing", f"{stack.status}, the deployment failed"
    if (found := _condition_of_stack(stack)) is not None:
        return found
    if not is_read:
        return "notable", "its tasks are unknown"
    if ecs is None or ecs.status != "ACTIVE":
        return "trouble", "its ECS service does not exist"
    pause = pause_of(stack)
    if pause is not None and not ecs.running:
        return "notable", f"paused since {moment(pause.since)}"
    return _condition_of_tasks(ecs) or (
        ("notable", "the last deploy was rolled back") if "ROLLBACK" in stack.status else ("good", "running")
    )


def _condition_of_stack(stack: Snapshot) -> tuple[Condition, str] | None:
    """How a service is by its stack alone; None if that is complete and has tasks."""
    if stack.in_review:
        return "notable", "in review: it was never deployed"
    if stack.status in NEVER_WORKED:
        return "trouble", f"the creation failed ({stack.status})"
    if stack.status.endswith("_FAILED"):
        return "trouble", f"{_FAILED.get(stack.status, 'the last operation failed')} ({stack.status})"
    if stack.running:
        return "changing", stack.status
    if stack.tags.get(SERVICE_TAG) == ENVIRONMENT_SERVICE:
        return "good", "what its services share"
    return None


def _condition_of_tasks(ecs: EcsService) -> tuple[Condition, str] | None:
    """How a service is by its tasks and ECS's events; None if all of them run and none fails."""
    rollout = ecs.primary.state if ecs.primary else ""
    if rollout == "FAILED":
        return "trouble", "the deployment failed"
    if rollout == "IN_PROGRESS":
        return "changing", "a rollout is in progress"
    if ecs.running < ecs.desired:
        return "trouble", "not all of its tasks run" if ecs.running else "no task runs"
    if ecs.desired and ecs.looping:
        return "trouble", "its tasks fail again and again"
    return None if ecs.desired else ("notable", "scaled to zero")
