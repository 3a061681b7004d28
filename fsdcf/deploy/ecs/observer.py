"""What ECS, the load balancer and the log tell of a rollout while it runs: told as it changes, and kept as evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from fsdcf.deploy.ecs import rollout
from fsdcf.deploy.ecs.rollout import EcsDeployment, ServiceRollout, StoppedTask, fallen
from fsdcf.deploy.ecs.tasks import MOST_TASKS, Sightings, described, id_of, listed, place_of
from fsdcf.deploy.model import RolloutChanged, TaskState
from fsdcf.deploy.run import Run

LOGS = 3
"""Tasks of a rollout whose last lines are read."""

_UNSHOWN = "tasks are not shown"
_LINES = 20
_KEPT = 8
_OVER = ("STOPPED", "")


class RolloutObserver:
    """Looks at the rollouts of a run. Missing permissions, and all other errors of its calls, are one warning for each operation."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._sightings = Sightings(run.aws.pace)
        self._tasks: dict[str, dict[str, TaskState]] = {}
        self._told: dict[str, RolloutChanged] = {}
        self._counted: dict[str, tuple[str, int]] = {}
        self._streams: dict[str, dict[str, tuple[str, str]]] = {}

    def look(
        self, service: str, logical_id: str, known: ServiceRollout | None, elapsed: float, since: datetime | None = None
    ) -> ServiceRollout | None:
        """What is known of a rollout now, which began at ``since`` by AWS's clock; tells RolloutSeen if its picture has changed."""
        found = rollout.look(self._run, service, logical_id, known, since=since)
        if found is None or found is known or found.primary is None:
            return found
        told = self._tasks_of(found)
        found = fallen(found, told)
        states = self._states(found, told)
        found = self._enriched(self._counts(found, found.failing or found.primary))
        self._tell(found, found.primary or EcsDeployment("", "", ""), states, elapsed)
        return found

    def afterwards(self, service: str, logical_id: str, since: datetime | None) -> ServiceRollout | None:
        """What is left to know of a rollout that is over, which began at ``since`` by AWS's clock."""
        found = rollout.look(self._run, service, logical_id, afterwards=True, since=since)
        if found is None:
            return None
        return self._enriched(self._counts(found, found.failing or found.primary, since))

    def _tasks_of(self, found: ServiceRollout) -> list[dict[str, Any]]:
        """What DescribeTasks tells of the tasks that run, of those that did at the last look, and of those that have failed."""
        known = self._tasks.setdefault(found.service, {})
        going = [task for task, state in known.items() if state.status not in _OVER]
        fresh = listed(self._run, _UNSHOWN, found.service, "RUNNING")
        ours = _ours(found)
        failed = [one.id for one in found.stopped if one.id not in known and one.deployment in ours]
        asked = tuple(dict.fromkeys((*going, *failed, *fresh)))[:MOST_TASKS]
        told = described(self._run, _UNSHOWN, found.service, asked)
        for task in set(going) - {id_of(raw) for raw in told} if told is not None else ():
            del known[task]
        return told or []

    def _states(self, found: ServiceRollout, told: Sequence[Mapping[str, Any]]) -> tuple[TaskState, ...]:
        """The tasks that run or are on their way up or down, those of the new deployment first."""
        known, now = self._tasks[found.service], self._run.aws.clock()
        self._sightings.take(told, now)
        health = self._health(found) if any(one.get("lastStatus") in ("ACTIVATING", "RUNNING") for one in told) else {}
        known.update({id_of(raw): self._sightings.state(raw, now, _ours(found), health) for raw in told})
        return tuple(sorted(known.values(), key=lambda one: not one.new))

    def _health(self, found: ServiceRollout) -> dict[str, tuple[str, str]]:
        """State and reason of the targets, by their address."""
        health: dict[str, tuple[str, str]] = {}
        for group in found.groups:
            answer = self._run.optional(
                "the load balancer's checks are not shown", "elbv2", "DescribeTargetHealth", TargetGroupArn=group
            )
            for one in (answer or {}).get("TargetHealthDescriptions") or []:
                said = one.get("TargetHealth") or {}
                reason = ": ".join(str(said[key]) for key in ("Reason", "Description") if said.get(key))
                address = str((one.get("Target") or {}).get("Id", ""))
                if health.get(address, ("healthy",))[0] == "healthy":
                    health[address] = (str(said.get("State") or ""), reason)
        return health

    def _counts(
        self, found: ServiceRollout, subject: EcsDeployment | None, since: datetime | None = None
    ) -> ServiceRollout:
        """The circuit breaker's count and threshold: asked for when a deployment begins, and whenever a task has failed.

        While nothing is rolled out there is none: the latest service deployment may be one that failed long ago.
        """
        if since is None and (subject is None or subject.state == "COMPLETED"):
            return found
        mark = (subject.id, found.failures(subject)) if subject is not None else ("", 0)
        given_up = found.failing is not None and found.failing.state == "FAILED" and bool(found.verdict)
        if (
            given_up
            or self._counted.get(found.service) == mark
            or not self._run.aws.supports("ecs", "DescribeServiceDeployments")
        ):
            return found
        self._counted[found.service] = mark
        cluster, name = place_of(found.service)
        at: dict[str, Any] = {"cluster": cluster} if cluster else {}
        without = "the circuit breaker's count is not shown"
        listed = self._run.optional(without, "ecs", "ListServiceDeployments", **at, service=name, maxResults=5)
        arns = [
            one["serviceDeploymentArn"]
            for one in (listed or {}).get("serviceDeployments") or []
            if since is None or one.get("createdAt") is None or one["createdAt"] >= since
        ]
        if not arns:
            return found
        latest = arns[-1] if since is not None else arns[0]
        answer = self._run.optional(without, "ecs", "DescribeServiceDeployments", serviceDeploymentArns=[latest])
        told: dict[str, Any] = next(iter((answer or {}).get("serviceDeployments") or []), {})
        return replace(found, breaker=_breaker(told) or found.breaker, verdict=_verdict(told) or found.verdict)

    def _enriched(self, found: ServiceRollout) -> ServiceRollout:
        """The stopped tasks with what the load balancer said of them, and the last lines of the first few."""
        read = sum(bool(one.log) for one in found.stopped)
        stopped = []
        for one in found.stopped:
            target = one.target or self._sightings.target_reason(one.id) or _unhealthy(one.id, found.events)
            lines = one.log
            if not lines and read < LOGS and _ran(one):
                lines = self._last_lines(one)
                read += bool(lines)
            stopped.append(replace(one, target=target, log=lines))
        return replace(found, stopped=tuple(stopped))

    def _last_lines(self, task: StoppedTask) -> tuple[str, ...]:
        """The last lines of the container that failed."""
        streams = self._streams_of(task.definition)
        ended = [name for name, code, said in task.containers if code or said]
        name = next((one for one in ended if one in streams), next(iter(streams), ""))
        if not name:
            return ()
        group, prefix = streams[name]
        stream = f"{prefix}/{name}/{task.id}"
        without = "the last lines of the log are not shown"
        answer = self._run.optional(
            without, "logs", "GetLogEvents", logGroupName=group, logStreamName=stream, limit=_LINES
        )
        lines = [str(one.get("message", "")).rstrip() for one in (answer or {}).get("events") or []]
        return tuple([line for line in lines if line][-_KEPT:])

    def _streams_of(self, definition: str) -> dict[str, tuple[str, str]]:
        """Log group and stream prefix of the containers of a task definition, by their names."""
        if definition not in self._streams:
            without = "the last lines of the log are not shown"
            answer = (
                self._run.optional(without, "ecs", "DescribeTaskDefinition", taskDefinition=definition)
                if definition
                else None
            )
            containers = ((answer or {}).get("taskDefinition") or {}).get("containerDefinitions") or []
            found = {
                str(one.get("name", "")): (one.get("logConfiguration") or {}).get("options") or {} for one in containers
            }
            self._streams[definition] = {
                name: (str(one["awslogs-group"]), str(one["awslogs-stream-prefix"]))
                for name, one in found.items()
                if one.get("awslogs-group") and one.get("awslogs-stream-prefix")
            }
        return self._streams[definition]

    def _tell(
        self, found: ServiceRollout, primary: EcsDeployment, states: tuple[TaskState, ...], elapsed: float
    ) -> None:
        failing = found.failing
        given_up = failing is not None and failing.state == "FAILED"
        seen = RolloutChanged(
            elapsed=elapsed,
            service=found.logical_id,
            tasks=states,
            state="FAILED" if given_up else primary.state,
            desired=primary.desired,
            running=primary.running,
            pending=primary.pending,
            failed=found.failures(failing or primary),
            counted=found.breaker[0] if found.breaker else None,
            threshold=found.breaker[1] if found.breaker else None,
        )
        before = self._told.get(found.service)
        if before is None or _picture(seen) != _picture(before):
            self._told[found.service] = seen
            self._run.tell(seen)


def _ours(found: ServiceRollout) -> frozenset[str]:
    """The ids of the deployments that are rolled out or fail."""
    return frozenset(one.id for one in (found.primary, found.failing) if one is not None)


def _unhealthy(task: str, events: Sequence[str]) -> str:
    """What the load balancer said of a task, as the service's events tell it."""
    about = (
        re.search(r"is unhealthy in .* due to \(reason (.*)\)", event) for event in events if task and task in event
    )
    return next((found[1] for found in about if found is not None), "")


def _picture(seen: RolloutChanged) -> object:
    """All of it but times."""
    return replace(seen, elapsed=0.0, tasks=tuple(replace(one, since=0.0, past=()) for one in seen.tasks))


def _ran(task: StoppedTask) -> bool:
    return any(code is not None for _, code, _ in task.containers) or "health checks" in task.reason


def _breaker(told: Mapping[str, Any]) -> tuple[int, int] | None:
    breaker = told.get("deploymentCircuitBreaker") or {}
    if breaker.get("status") in (None, "DISABLED") or breaker.get("threshold") is None:
        return None
    return int(breaker.get("failureCount") or 0), int(breaker["threshold"])


def _verdict(told: Mapping[str, Any]) -> str:
    """What ECS says of a service deployment that did not succeed."""
    status, reason = str(told.get("status") or ""), str(told.get("statusReason") or "")
    if not status.startswith(("ROLLBACK", "STOP")):
        return ""
    return f"{status}: {reason}" if reason else status
