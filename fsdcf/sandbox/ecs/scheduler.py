"""Deployments of a service: which is the primary one, how far it is, when its circuit breaker trips."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fsdcf.sandbox.ecs import tasks
from fsdcf.sandbox.ecs.definitions import GUIDE, digits, listed, say, started
from fsdcf.sandbox.ecs.life import TaskProblem
from fsdcf.sandbox.ids import token
from fsdcf.sandbox.state import SandboxState

DEPLOYMENT = "ecs.deployment"
FAILED_TO_START = "ECS deployment circuit breaker: tasks failed to start."
RETURNING = 20.0
"""Seconds that the way back to an older deployment takes at least, though its tasks may run all the while."""

Document = dict[str, Any]


def threshold(configuration: Mapping[str, Any], desired: int) -> int:
    """How many failed tasks trip the breaker: half of the desired count, at least 3, at most 200, unless configured.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
    """
    told = configuration.get("deploymentCircuitBreaker", {}).get("thresholdConfiguration", {})
    kind, value = told.get("type", "BOUNDED_PERCENT"), int(told.get("value", 50))
    if kind == "COUNT":
        return max(1, value)
    share = math.ceil(desired * value / 100)
    return max(1, share) if kind == "UNBOUNDED_PERCENT" else min(200, max(3, share))


def begin(state: SandboxState, service: Document, trouble: TaskProblem) -> Document:
    """A new primary deployment of what the service is configured to run; the one before becomes ACTIVE."""
    key, now = service["key"], state.clock.now()
    for old in living(state, key):
        change(state, old, status="ACTIVE")
    number = state.store.next_number(f"ecs.deployment.{key}")
    name = digits(state.account, key, service["createdAt"], number)
    deployment = {
        "service": key,
        "number": number,
        "id": f"ecs-svc/{name}",
        "revision": state.arn("ecs", f"service-revision/{key}/{digits(key, 'revision', number)}"),
        "arn": state.arn(
            "ecs", f"service-deployment/{key}/{token(key, 'deployment', number, length=21, alphabet=_LETTERS)}"
        ),
        "status": "PRIMARY",
        "taskDefinition": service["taskDefinition"],
        "configuration": service["configuration"],
        "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": f"ECS deployment ecs-svc/{name} in progress.",
        "failed": 0,
        "requested": service["desired"],
        "createdAt": now,
        "earliest": now,
        "trouble": [trouble.word, trouble.detail],
    }
    service |= {"notBefore": 0.0, "failures": 0, "unhealthy": 0}
    return change(state, deployment)


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def change(state: SandboxState, deployment: Document, **changes: Any) -> Document:
    """Writes a deployment with changes, dated now."""
    deployment |= {**changes, "updatedAt": state.clock.now()}
    state.store.put(DEPLOYMENT, f"{deployment['service']}/{deployment['number']:06d}", deployment)
    return deployment


def every(state: SandboxState, key: str) -> list[Document]:
    """All deployments that the service ever had, latest first."""
    return [body for _, body in state.store.every(DEPLOYMENT, f"{key}/")][::-1]


def living(state: SandboxState, key: str) -> list[Document]:
    """The deployments that DescribeServices tells: the primary one first, then those that still have tasks, latest first."""
    found = [body for body in every(state, key) if body["status"] in ("PRIMARY", "ACTIVE")]
    return sorted(found, key=lambda body: body["status"] != "PRIMARY")


def primary_of(state: SandboxState, key: str) -> Document | None:
    """The deployment that the service is at; None for a service that has none any more."""
    return next((body for body in living(state, key) if body["status"] == "PRIMARY"), None)


def forget_all(state: SandboxState, key: str) -> None:
    """Drops the deployments of a service of old before a new one takes its name."""
    for name, _ in state.store.every(DEPLOYMENT, f"{key}/"):
        state.store.remove(DEPLOYMENT, name)


def complete(state: SandboxState, deployment: Document) -> None:
    """The service runs what the deployment wants, and nothing else."""
    reason = f"ECS deployment {deployment['id']} completed."
    change(
        state,
        deployment,
        rolloutState="COMPLETED",
        rolloutStateReason=reason,
        finishedAt=state.clock.now(),
        failed=0,
        trouble=["", ""],
    )
    for failed in every(state, deployment["service"]):
        if failed.get("rollback", {}).get("to") == deployment["id"] and "finishedAt" not in failed:
            change(state, failed, finishedAt=state.clock.now())
    say(state, deployment["service"], f"(deployment {deployment['id']}) deployment completed.")


def trip(state: SandboxState, service: Document, deployment: Document) -> None:
    """The circuit breaker: the deployment has failed and, if the service wants that, gives way to the last one that was completed.

    That one becomes the primary deployment again, under its own id, as ECS does it.
    """
    key, now = service["key"], state.clock.now()
    change(state, deployment, rolloutState="FAILED", rolloutStateReason=FAILED_TO_START)
    say(state, key, f"(deployment {deployment['id']}) deployment failed: tasks failed to start.")
    last = next((one for one in every(state, key) if one["rolloutState"] == "COMPLETED"), None)
    if last is None or not service["configuration"].get("deploymentCircuitBreaker", {}).get("rollback"):
        change(state, deployment, finishedAt=now)
        return
    say(state, key, f"rolling back to deployment {last['id']}.")
    reason = f"ECS deployment circuit breaker: rolling back to deploymentId {last['id']}."
    rollback = {"to": last["id"], "revision": last["revision"], "at": now, "reason": reason}
    change(state, deployment, status="ACTIVE", rollback=rollback)
    last |= {"status": "PRIMARY", "failed": 0, "trouble": ["", ""], "earliest": now + state.duration(RETURNING)}
    change(state, last, rolloutState="IN_PROGRESS", rolloutStateReason=reason)
    service |= {"taskDefinition": last["taskDefinition"], "notBefore": 0.0, "failures": 0, "unhealthy": 0}


@dataclass(frozen=True)
class DeploymentProgress:
    """How a deployment stands: its state and reason as DescribeServices tells them, and whether the breaker gave it up for an older one."""

    state: Literal["IN_PROGRESS", "COMPLETED", "FAILED"]
    reason: str
    deployment_id: str
    task_definition: str
    rolled_back: bool


def rollout(state: SandboxState, service_arn: str, deployment_id: str = "") -> DeploymentProgress:
    """How a service's deployment stands, by its id or else the primary one. KeyError if there is none."""
    key = "/".join(service_arn.split("/")[-2:])
    found = (
        next((one for one in every(state, key) if one["id"] == deployment_id), None)
        if deployment_id
        else primary_of(state, key)
    )
    if found is None:
        raise KeyError(deployment_id or service_arn)
    return DeploymentProgress(
        found["rolloutState"], found["rolloutStateReason"], found["id"], found["taskDefinition"], "rollback" in found
    )


SERVICE = "ecs.service"
FIRST_PAUSE = 30.0
LONGEST_PAUSE = 27 * 60.0
"""Seconds between attempts when tasks do not start; the pause doubles each time.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html"""


@dataclass(frozen=True)
class TaskView:
    """A task that is to run, as the scheduler sees it. ``primary``: it belongs to the primary deployment."""

    name: str
    primary: bool
    running: bool
    healthy: bool


@dataclass(frozen=True)
class Decision:
    """How many tasks of the primary deployment to start, and which tasks to stop."""

    start: int
    stop: tuple[str, ...]


def decide(seen: Sequence[TaskView], desired: int, minimum: int, maximum: int, may_start: bool = True) -> Decision:
    """What to do now. ``minimum`` healthy and ``maximum`` running or starting tasks are percentages of ``desired``.

    A task that stops counts no more. Old tasks go when new ones are healthy, or when there is no room for new ones without that.
    """
    ours = [one for one in seen if one.primary]
    old = [one for one in seen if not one.primary]
    need = max(0, desired - len(ours))
    room = max(0, math.floor(desired * maximum / 100) - len(seen))
    healthy = sum(one.healthy for one in seen)
    least = math.ceil(desired * minimum / 100)
    extra = sorted(ours, key=lambda one: (one.healthy, one.running))[: max(0, len(ours) - desired)]
    leaving = [one.name for one in (*extra, *(one for one in old if not one.running))]
    staying = sorted((one for one in old if one.running), key=lambda one: one.healthy)
    too_many = sum(one.healthy for one in ours) + len(staying) - desired
    for one in staying[: max(0, too_many, need - room)]:
        if one.healthy and healthy <= least:
            break
        healthy -= one.healthy
        leaving.append(one.name)
    return Decision(min(need, room) if may_start else 0, tuple(leaving))


def reconcile(state: SandboxState, at: float, payload: dict[str, Any]) -> None:
    """ACTION: looks at a service and does what is to do."""
    key = payload["service"]
    service = state.store.get(SERVICE, key)
    if service is None or service["status"] == "INACTIVE":
        return
    known = tasks.of_service(state, key)
    primary = primary_of(state, key)
    if service["status"] == "DRAINING" or primary is None:
        _drain(state, service, known)
        return
    _count_failures(state, service, primary, known)
    if (
        _watched(primary) and primary.get("requested") != service["desired"]
    ):  # scaled meanwhile: the breaker judges by the new count
        change(state, primary, requested=service["desired"])
    if _trips(service, primary):
        trip(state, service, primary)
        primary = primary_of(state, key) or primary
    if primary["rolloutState"] != "FAILED":
        _act(state, service, primary, known)
    _conclude(state, service, primary, tasks.of_service(state, key))
    state.store.put(SERVICE, key, service)


def _drain(state: SandboxState, service: Document, known: list[Document]) -> None:
    """A service that was deleted: its tasks go, and then it is gone."""
    for body in known:
        if tasks.is_active(body):
            tasks.stop(state, body, "ServiceSchedulerInitiated", "Service is being deleted.")
    if all(tasks.is_gone(body) for body in known):
        service["status"] = "INACTIVE"
        for deployment in living(state, service["key"]):
            change(state, deployment, status="INACTIVE")
        state.store.put(SERVICE, service["key"], service)


def _count_failures(state: SandboxState, service: Document, primary: Document, known: list[Document]) -> None:
    """Failed tasks count while their deployment is under way; those that never ran also slow the next start down."""
    for body in known:
        if body["counted"] or not body["failed"]:
            continue
        body["counted"] = True
        state.store.put(tasks.TASK, body["key"], body)
        if body["task"]["stopCode"] == "ServiceSchedulerInitiated":
            service["unhealthy"] += 1
        if body["deployment"] == primary["id"] and primary["rolloutState"] == "IN_PROGRESS":
            change(state, primary, failed=primary["failed"] + 1)
        if not body["ran"]:
            _slow_down(state, service)
    resets = service["configuration"].get("deploymentCircuitBreaker", {}).get("resetOnHealthyTask", True)
    ours = (body for body in known if body["deployment"] == primary["id"])
    if primary["failed"] and resets and any(tasks.is_healthy(state, body) for body in ours):
        change(state, primary, failed=0)


def _slow_down(state: SandboxState, service: Document) -> None:
    """The next start waits. Tasks that failed together are one failure."""
    if state.clock.now() < service["notBefore"]:
        return
    service["failures"] += 1
    pause = min(FIRST_PAUSE * 2 ** (service["failures"] - 1), LONGEST_PAUSE)
    service["notBefore"] = state.clock.now() + state.duration(pause)
    if service["failures"] == 3:
        say(state, service["key"], f"is unable to consistently start tasks successfully. {GUIDE}")


def _trips(service: Document, primary: Document) -> bool:
    """Whether the breaker has had enough."""
    breaker = service["configuration"].get("deploymentCircuitBreaker", {})
    limit = threshold(service["configuration"], service["desired"])
    return bool(_watched(primary) and breaker.get("enable") and primary["failed"] >= limit)


def _watched(primary: Document) -> bool:
    """Whether the breaker watches a deployment. One that it went back to is not watched again."""
    return primary["rolloutState"] == "IN_PROGRESS" and "finishedAt" not in primary


def _act(state: SandboxState, service: Document, primary: Document, known: list[Document]) -> None:
    active = {body["key"]: body for body in known if tasks.is_active(body)}
    seen = [_seen(state, body, primary) for body in active.values()]
    configuration = service["configuration"]
    minimum, maximum = configuration.get("minimumHealthyPercent", 100), configuration.get("maximumPercent", 200)
    rested = state.clock.now() >= service["notBefore"]
    decision = decide(seen, service["desired"], minimum, maximum, rested)
    _stop(state, service, primary, [active[name] for name in decision.stop])
    begun = [_start(state, service, primary) for _ in range(decision.start)]
    if begun:
        replaced, service["unhealthy"] = min(len(begun), service["unhealthy"]), 0
        say(state, service["key"], started(begun, replaced))
    if not rested:
        tasks.wake(state, service["key"], service["notBefore"])


def _seen(state: SandboxState, body: Document, primary: Document) -> TaskView:
    running = body["task"]["lastStatus"] == "RUNNING"
    return TaskView(body["key"], body["deployment"] == primary["id"], running, tasks.is_healthy(state, body))


def _start(state: SandboxState, service: Document, primary: Document) -> str:
    asked = {
        "service": service["key"],
        "deployment": primary["id"],
        "group": f"service:{service['name']}",
        "startedBy": primary["id"],
        "network": service["network"],
        "strategy": service["strategy"],
        "balancers": service["balancers"],
        "grace": service["grace"],
        "execute": service["execute"],
        "tags": service["tags"] if service["propagate"] == "SERVICE" else [],
    }
    trouble = TaskProblem(*primary["trouble"])
    body = tasks.start(state, service["key"].partition("/")[0], primary["taskDefinition"], asked, trouble)
    return str(body["key"].rpartition("/")[2])


def _stop(state: SandboxState, service: Document, primary: Document, leaving: list[Document]) -> None:
    running = [body["key"].rpartition("/")[2] for body in leaving if body["ran"]]
    if running:
        say(state, service["key"], f"has stopped {len(running)} running tasks: {listed(running)}.")
    if len(leaving) > len(running):
        say(state, service["key"], f"stopped {len(leaving) - len(running)} pending tasks.")
    for body in leaving:
        reason = f"Scaling activity initiated by (deployment {primary['id']})"
        tasks.stop(state, body, "ServiceSchedulerInitiated", reason)


def _conclude(state: SandboxState, service: Document, primary: Document, known: list[Document]) -> None:
    """Deployments without tasks go; the primary one is completed when it has all its tasks, healthy, and no other has any."""
    left = {body["deployment"] for body in known if not tasks.is_gone(body)}
    for deployment in living(state, service["key"]):
        if deployment["status"] == "ACTIVE" and deployment["id"] not in left:
            change(state, deployment, status="INACTIVE")
    ours = [body for body in known if body["deployment"] == primary["id"] and tasks.is_active(body)]
    reached = len(ours) == service["desired"] and all(tasks.is_healthy(state, body) for body in ours)
    if not (reached and left <= {primary["id"]} and primary["rolloutState"] == "IN_PROGRESS"):
        return
    if state.clock.now() < primary["earliest"]:
        tasks.wake(state, service["key"], primary["earliest"])
    else:
        complete(state, primary)
        service |= {"failures": 0, "notBefore": 0.0, "unhealthy": 0}
        say(state, service["key"], "has reached a steady state.")
