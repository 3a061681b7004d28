"""The evidence of an ECS service's rollout, kept as it comes: a rollback destroys it, and stopped tasks are gone within an hour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fsdcf.deploy.ecs.tasks import HARMLESS, containers_of, described, ending, listed, place_of
from fsdcf.deploy.run import Run

SERVICE = "AWS::ECS::Service"
_EVENTS = 20
_UNREAD = "stopped tasks cannot be read"
_OWN = re.compile(
    r"\b(?:[0-9a-f]{32,64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|i-[0-9a-f]{8,}"
    r"|\d+\.\d+\.\d+\.\d+(?::\d{5}\b)?|\d{4}-\d\d-\d\dT[\d:.]+Z?)"
)
"""What is a task's own in ECS's words: ids of tasks and requests, digests, addresses with the port that the task got, times."""


def counted(running: int, desired: int) -> str:
    """``1 of 2 running``; ``4 running, 2 wanted`` where there are more than there are to be, as while a service is scaled in."""
    return f"{running} of {desired} running" if running <= desired else f"{running} running, {desired} wanted"


@dataclass(frozen=True)
class EcsDeployment:
    """A deployment of a service. ``state`` is COMPLETED, FAILED or IN_PROGRESS; empty where ECS tells none.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html
    """

    id: str
    status: str
    task_definition: str
    state: str = ""
    reason: str = ""
    failed: int = 0
    desired: int = 0
    running: int = 0
    pending: int = 0


@dataclass(frozen=True)
class StoppedTask:
    """A task that stopped: why, by ECS's words and by those of its containers with their exit codes.

    ``target`` is what the load balancer last said of it, ``log`` its last lines, both where they were collected while they could be;
    ``definition`` is the ARN of its task definition, ``images`` are those of its containers, by their names.
    """

    id: str
    deployment: str
    reason: str
    code: str = ""
    containers: tuple[tuple[str, int | None, str], ...] = ()
    definition: str = ""
    created: datetime | None = None
    target: str = ""
    log: tuple[str, ...] = ()
    images: tuple[tuple[str, str], ...] = ()

    @property
    def essence(self) -> str:
        """What tasks that stopped for the same reason have in common: the words without what is a task's own.

        The exit code of a task that ECS stopped is that of the signal, and comes later than the reason.
        """
        codes = [code for _, code, _ in self.containers if self.code != "ServiceSchedulerInitiated"]
        return _OWN.sub("…", ending(self.reason, (said for _, _, said in self.containers), codes, self.code))


@dataclass(frozen=True)
class ServiceRollout:
    """What is known of a service's rollout. ``service`` is its ARN, ``primary`` its PRIMARY deployment when it was last looked at.

    ``groups`` are the ARNs of its target groups. ``breaker`` is the circuit breaker's count of failed tasks and its threshold, ``verdict``
    what ECS says of the service deployment that failed; None and empty where they were not told.
    """

    service: str
    logical_id: str = ""
    deployments: tuple[EcsDeployment, ...] = ()
    events: tuple[str, ...] = ()
    stopped: tuple[StoppedTask, ...] = ()
    groups: tuple[str, ...] = ()
    breaker: tuple[int, int] | None = None
    verdict: str = ""

    @property
    def primary(self) -> EcsDeployment | None:
        """The deployment that is to run, if ECS told of one."""
        return next((one for one in self.deployments if one.status == "PRIMARY"), None)

    @property
    def failing(self) -> EcsDeployment | None:
        """The deployment that fails: one that ECS gave up, else one whose tasks fail.

        ECS counts no task that ran and then ended by itself, such as a program that crashes on its first request.
        """
        given_up = (one for one in self.deployments if one.state == "FAILED")
        fell = {one.deployment for one in self.stopped if one.code != "UserInitiated"}
        failing = (one for one in self.deployments if one.state != "COMPLETED" and (one.failed or one.id in fell))
        return next(given_up, next(failing, None))

    def failures(self, deployment: EcsDeployment) -> int:
        """How many tasks of a deployment have failed: those that ECS counts, or those that were seen where these are more."""
        return max(
            deployment.failed,
            sum(one.deployment == deployment.id and one.code != "UserInitiated" for one in self.stopped),
        )


def look(
    run: Run,
    service: str,
    logical_id: str,
    known: ServiceRollout | None = None,
    afterwards: bool = False,
    since: datetime | None = None,
) -> ServiceRollout | None:
    """What ECS tells of a service now, added to what is known already; None, or what is known, if it tells nothing.

    ``service`` is the ARN, which CloudFormation has as the physical id; one that was known and is gone now, as when a creation is
    rolled back, is no warning. ``afterwards``: stopped tasks are read although no deployment
    fails, since one that was rolled back is not listed any more. Events that are older than ``since``, by AWS's clock, are left out, and
    ``afterwards`` such tasks: a task that fails while it is watched belongs to what is watched, however old it is. Missing permissions are one
    warning.
    """
    cluster, name = place_of(service)
    asked = {"cluster": cluster, "services": [name]} if cluster else {"services": [name]}
    without = "what ECS knows of the failure is missing" if afterwards else "rollout not verified"
    answer = run.optional(without, "ecs", "DescribeServices", may_be_gone=known is not None, **asked)
    found = (answer or {}).get("services") or []
    if not found:
        return known
    raw = found[0]
    deployments = {one.id: one for one in known.deployments} if known else {}
    current = [_deployment(one) for one in raw.get("deployments") or []]
    deployments = {key: _past(one) for key, one in deployments.items()} | {one.id: one for one in current}
    told = [
        str(one.get("message", "")) for one in raw.get("events") or [] if not _is_older(one.get("createdAt"), since)
    ][:_EVENTS]
    groups = tuple(str(one["targetGroupArn"]) for one in raw.get("loadBalancers") or [] if one.get("targetGroupArn"))
    before = known or ServiceRollout(service, logical_id)
    events = tuple(dict.fromkeys([*told, *before.events]))
    rollout = replace(before, deployments=tuple(deployments.values()), events=events, groups=groups)
    if (rollout.failing is None and not afterwards) or _is_told(rollout):
        return rollout
    told_of = {task.id for task in rollout.stopped}
    fresh = tuple(id for id in listed(run, _UNREAD, service, "STOPPED") if id not in told_of)
    return fallen(rollout, described(run, _UNREAD, service, fresh) or (), since if afterwards else None)


def fallen(rollout: ServiceRollout, told: Iterable[Mapping[str, Any]], since: datetime | None = None) -> ServiceRollout:
    """The rollout with those of the tasks that stop, or have, because something failed; what is known of them already is renewed.

    ``told`` is what DescribeTasks tells. Tasks that ECS has forgotten by now stay.
    """
    tasks = {task.id: task for task in rollout.stopped}
    for one in map(_task, (raw for raw in told if raw.get("stoppedReason") or raw.get("desiredStatus") == "STOPPED")):
        if (
            one.deployment.startswith("ecs-svc/")
            and not one.reason.startswith(HARMLESS)
            and not _is_older(one.created, since)
        ):
            before = tasks.get(one.id, one)
            tasks[one.id] = replace(one, target=before.target, log=before.log)
    return replace(rollout, stopped=tuple(tasks.values()))


def _is_older(time: datetime | None, since: datetime | None) -> bool:
    return time is not None and since is not None and time < since


def _is_told(rollout: ServiceRollout) -> bool:
    """Whether every failed task that ECS counts is known already."""
    failing = rollout.failing
    return failing is not None and 0 < failing.failed <= sum(one.deployment == failing.id for one in rollout.stopped)


def _past(one: EcsDeployment) -> EcsDeployment:
    """A deployment that is not listed any more is not the PRIMARY one."""
    if one.status != "PRIMARY":
        return one
    return replace(one, status="INACTIVE", pending=0)


def _deployment(raw: Mapping[str, Any]) -> EcsDeployment:
    return EcsDeployment(
        id=str(raw.get("id", "")),
        status=str(raw.get("status", "")),
        task_definition=str(raw.get("taskDefinition", "")),
        state=str(raw.get("rolloutState") or ""),
        reason=str(raw.get("rolloutStateReason") or ""),
        failed=int(raw.get("failedTasks") or 0),
        desired=int(raw.get("desiredCount") or 0),
        running=int(raw.get("runningCount") or 0),
        pending=int(raw.get("pendingCount") or 0),
    )


def _task(raw: Mapping[str, Any]) -> StoppedTask:
    return StoppedTask(
        id=str(raw.get("taskArn", "")).rsplit("/", 1)[-1],
        deployment=str(raw.get("startedBy") or ""),
        reason=str(raw.get("stoppedReason") or ""),
        code=str(raw.get("stopCode") or ""),
        containers=tuple(
            (str(one.get("name", "")), one.get("exitCode"), str(one.get("reason") or "")) for one in containers_of(raw)
        ),
        definition=str(raw.get("taskDefinitionArn") or ""),
        created=raw.get("createdAt"),
        images=tuple(
            (str(one.get("name", "")), str(one["image"])) for one in raw.get("containers") or [] if one.get("image")
        ),
    )
