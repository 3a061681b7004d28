"""Deployments and the service scheduler, which starts and stops tasks as the primary deployment of a service wants.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fsdcf.sandbox.ecs import tasks
from fsdcf.sandbox.ecs.definitions import GUIDE, SERVICE, add_event, digits, listed
from fsdcf.sandbox.ecs.life import CRASHES, INTERRUPTIONS, UNAVAILABLE, UNPLACEABLE, TaskProblem
from fsdcf.sandbox.ids import token
from fsdcf.sandbox.state import Data, Document, SandboxState

DEPLOYMENT = "ecs.deployment"
FAILED_TO_START = "ECS deployment circuit breaker: tasks failed to start."

ROLLBACK = 20.0
"""Minimum time of a rollback to an older deployment in seconds, even if its tasks are still running."""

FIRST_PAUSE = 30.0
LONGEST_PAUSE = 27 * 60.0
"""Seconds between attempts to start tasks that fail to start. The pause doubles each time.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html"""

UNTHROTTLED = 20
"""Failed tasks after which those that ran delay the next start, too."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_FRESH = {"notBefore": 0.0, "failures": 0, "unhealthy": 0, "crashes": 0}


def threshold(configuration: Data, desired: int) -> int:
    """Return how many failed tasks trip the circuit breaker: by default half of the desired count, from 3 to 200.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
    """
    settings = _breaker(configuration).get("thresholdConfiguration", {})
    kind, value = settings.get("type", "BOUNDED_PERCENT"), int(settings.get("value", 50))
    if kind == "COUNT":
        return max(1, value)
    share = math.ceil(desired * value / 100)
    return max(1, share) if kind == "UNBOUNDED_PERCENT" else min(200, max(3, share))


def _breaker(configuration: Data) -> Data:
    breaker: Data = configuration.get("deploymentCircuitBreaker", {})
    return breaker


def begin(state: SandboxState, service: Document, problem: TaskProblem) -> None:
    """Begin a primary deployment of a service's configuration. The previous one becomes ACTIVE."""
    key, now = service["key"], state.clock.now()
    for old in current_deployments(state, key):
        change(state, old, status="ACTIVE")
    number = state.store.next_number(f"ecs.deployment.{key}")
    name = digits(state.account, key, service["createdAt"], number)
    history_id = token(key, "deployment", number, length=21, alphabet=_LETTERS)
    deployment = {
        "service": key,
        "number": number,
        "id": f"ecs-svc/{name}",
        "revision": state.arn("ecs", f"service-revision/{key}/{digits(key, 'revision', number)}"),
        "arn": state.arn("ecs", f"service-deployment/{key}/{history_id}"),
        "status": "PRIMARY",
        "taskDefinition": service["taskDefinition"],
        "configuration": service["deploymentConfiguration"],
        "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": f"ECS deployment ecs-svc/{name} in progress.",
        "failed": 0,
        "requested": service["desired"],
        "createdAt": now,
        "earliest": now,
        "problem": [problem.word, problem.whole_detail],
    }
    service |= _FRESH
    change(state, deployment)


def change(state: SandboxState, deployment: Document, **changes: Any) -> None:
    """Change a deployment and save it."""
    deployment |= {**changes, "updatedAt": state.clock.now()}
    state.store.put(DEPLOYMENT, f"{deployment['service']}/{deployment['number']:06d}", deployment)


def every(state: SandboxState, key: str) -> list[Document]:
    """Return all deployments of a service, latest first."""
    return [body for _, body in state.store.every(DEPLOYMENT, f"{key}/")][::-1]


def current_deployments(state: SandboxState, key: str) -> list[Document]:
    """Return the deployments in DescribeServices: the primary one, then those that still have tasks, latest first."""
    deployments = [body for body in every(state, key) if body["status"] in ("PRIMARY", "ACTIVE")]
    return sorted(deployments, key=lambda body: body["status"] != "PRIMARY")


def primary_of(state: SandboxState, key: str) -> Document | None:
    """Return the primary deployment of a service, or None after its deletion."""
    return next((body for body in current_deployments(state, key) if body["status"] == "PRIMARY"), None)


def forget_all(state: SandboxState, key: str) -> None:
    """Remove the deployments of a deleted service, before a new one gets its name."""
    for name, _ in state.store.every(DEPLOYMENT, f"{key}/"):
        state.store.remove(DEPLOYMENT, name)


def _complete(state: SandboxState, deployment: Document) -> None:
    """Complete a deployment: the service runs what it wants, and nothing else."""
    now, identifier = state.clock.now(), deployment["id"]
    completed = {"rolloutState": "COMPLETED", "rolloutStateReason": f"ECS deployment {identifier} completed."}
    change(state, deployment, **completed, finishedAt=now, failed=0, problem=["", ""])
    for failed in every(state, deployment["service"]):
        if failed.get("rollback", {}).get("to") == identifier and "finishedAt" not in failed:
            change(state, failed, finishedAt=now)
    add_event(state, deployment["service"], f"(deployment {identifier}) deployment completed.")


def _trip(state: SandboxState, service: Document, deployment: Document) -> None:
    """Fail a deployment and, if the service is configured so, roll back to the last completed one.

    As in ECS, that deployment becomes the primary one again, with its own id.
    """
    key, now = service["key"], state.clock.now()
    change(state, deployment, rolloutState="FAILED", rolloutStateReason=FAILED_TO_START)
    add_event(state, key, f"(deployment {deployment['id']}) deployment failed: tasks failed to start.")
    last = next((one for one in every(state, key) if one["rolloutState"] == "COMPLETED"), None)
    if last is None or not _breaker(service["deploymentConfiguration"]).get("rollback"):
        change(state, deployment, finishedAt=now)
        return
    add_event(state, key, f"rolling back to deployment {last['id']}.")
    reason = f"ECS deployment circuit breaker: rolling back to deploymentId {last['id']}."
    rollback = {"to": last["id"], "revision": last["revision"], "at": now, "reason": reason}
    change(state, deployment, status="ACTIVE", rollback=rollback)
    last |= {"status": "PRIMARY", "failed": 0, "problem": ["", ""], "earliest": now + state.duration(ROLLBACK)}
    change(state, last, rolloutState="IN_PROGRESS", rolloutStateReason=reason)
    service |= {"taskDefinition": last["taskDefinition"], **_FRESH}


def deployment_of(state: SandboxState, service_arn: str, deployment_id: str = "") -> Document:
    """Return a deployment of a service, by its id, or the primary one. Raises KeyError if it does not exist."""
    key = "/".join(service_arn.split("/")[-2:])
    if deployment_id:
        deployment = next((one for one in every(state, key) if one["id"] == deployment_id), None)
    else:
        deployment = primary_of(state, key)
    if deployment is None:
        raise KeyError(deployment_id or service_arn)
    return deployment


@dataclass(frozen=True)
class TaskView:
    """What the scheduler knows of a task that is to run. ``primary``: it belongs to the primary deployment."""

    name: str
    primary: bool
    running: bool
    healthy: bool


@dataclass(frozen=True)
class Decision:
    """How many tasks of the primary deployment to start, and which tasks to stop."""

    start: int
    stop: tuple[str, ...]


def decide(views: Sequence[TaskView], desired: int, minimum: int, maximum: int, may_start: bool = True) -> Decision:
    """Decide what to do now.

    ``minimum`` healthy and ``maximum`` running or starting tasks are percentages of ``desired``.

    Stopping tasks do not count. Old tasks stop when new ones are healthy, or to make room for new ones.
    """
    current = [view for view in views if view.primary]
    old = [view for view in views if not view.primary]
    need = max(0, desired - len(current))
    room = max(0, math.floor(desired * maximum / 100) - len(views))
    healthy = sum(view.healthy for view in views)
    least = math.ceil(desired * minimum / 100)
    surplus = sorted(current, key=lambda view: (view.healthy, view.running))[: max(0, len(current) - desired)]
    leaving = [view.name for view in (*surplus, *(view for view in old if not view.running))]
    staying = sorted((view for view in old if view.running), key=lambda view: view.healthy)
    too_many = sum(view.healthy for view in current) + len(staying) - desired
    for view in staying[: max(0, too_many, need - room)]:
        if view.healthy and healthy <= least:
            break
        healthy -= view.healthy
        leaving.append(view.name)
    return Decision(min(need, room) if may_start else 0, tuple(leaving))


def reconcile(state: SandboxState, at: float, payload: Document) -> None:
    """ACTION: check a service, start and stop tasks."""
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
    if _is_watched(primary) and primary["requested"] != service["desired"]:
        # The service was scaled meanwhile. The circuit breaker uses the new count.
        change(state, primary, requested=service["desired"])
    if _trips(service, primary):
        _trip(state, service, primary)
        primary = primary_of(state, key) or primary
    if primary["rolloutState"] != "FAILED":
        _act(state, service, primary, known)
    _conclude(state, service, primary, tasks.of_service(state, key))
    state.store.put(SERVICE, key, service)


def _drain(state: SandboxState, service: Document, known: list[Document]) -> None:
    """Stop the tasks of a deleted service, which becomes INACTIVE afterwards."""
    for body in known:
        if tasks.is_active(body):
            tasks.stop(state, body, "ServiceSchedulerInitiated", "Service is being deleted.")
    if all(tasks.is_gone(body) for body in known):
        for deployment in current_deployments(state, service["key"]):
            change(state, deployment, status="INACTIVE")
        state.store.put(SERVICE, service["key"], {**service, "status": "INACTIVE"})


def _count_failures(state: SandboxState, service: Document, primary: Document, known: list[Document]) -> None:
    """Count the failed tasks of a deployment in progress. Tasks that never ran also delay the next start.

    In the sandbox, so do many that ran, so that an unwatched crash loop does not fill the state.
    """
    for body in known:
        if body["counted"] or not body["failed"]:
            continue
        body["counted"] = True
        tasks.save(state, body)
        service["crashes"] = service.get("crashes", 0) + 1
        if body["task"]["stopCode"] == "ServiceSchedulerInitiated":
            service["unhealthy"] += 1
        counts = primary["problem"][0] != "stuck"
        if counts and body["deployment"] == primary["id"] and primary["rolloutState"] == "IN_PROGRESS":
            change(state, primary, failed=primary["failed"] + 1)
        if not body["ran"] or service["crashes"] > UNTHROTTLED:
            _delay(state, service)
    resets = _breaker(service["deploymentConfiguration"]).get("resetOnHealthyTask", True)
    current = (body for body in known if body["deployment"] == primary["id"])
    if primary["failed"] and resets and any(tasks.is_healthy(state, body) for body in current):
        change(state, primary, failed=0)


def _delay(state: SandboxState, service: Document) -> None:
    """Delay the next start. Tasks that fail together count as one failure."""
    if state.clock.now() < service["notBefore"]:
        return
    service["failures"] += 1
    pause = min(FIRST_PAUSE * 2 ** (service["failures"] - 1), LONGEST_PAUSE)
    service["notBefore"] = state.clock.now() + state.duration(pause)
    if service["failures"] == 3:
        add_event(state, service["key"], f"is unable to consistently start tasks successfully. {GUIDE}")


def _trips(service: Document, primary: Document) -> bool:
    """Return whether the circuit breaker trips now."""
    limit = threshold(service["deploymentConfiguration"], service["desired"])
    enabled = _breaker(service["deploymentConfiguration"]).get("enable")
    return bool(_is_watched(primary) and enabled and primary["failed"] >= limit)


def _is_watched(primary: Document) -> bool:
    """Return whether the circuit breaker watches a deployment. It does not watch the target of a rollback."""
    return primary["rolloutState"] == "IN_PROGRESS" and "finishedAt" not in primary


def _act(state: SandboxState, service: Document, primary: Document, known: list[Document]) -> None:
    """Start and stop tasks."""
    active = {body["key"]: body for body in known if tasks.is_active(body)}
    views = [
        TaskView(
            key,
            body["deployment"] == primary["id"],
            body["task"]["lastStatus"] == "RUNNING",
            tasks.is_healthy(state, body),
        )
        for key, body in active.items()
    ]
    configuration = service["deploymentConfiguration"]
    minimum, maximum = configuration.get("minimumHealthyPercent", 100), configuration.get("maximumPercent", 200)
    may_start = state.clock.now() >= service["notBefore"]
    decision = decide(views, service["desired"], minimum, maximum, may_start)
    decision = _held_back(state, service, primary, decision, sum(view.primary for view in views))
    _stop(state, service, primary, [active[name] for name in decision.stop])
    if decision.start and _is_unplaceable(state, service, primary):
        return
    started = [_start(state, service, primary) for _ in range(decision.start)]
    if started:
        replaced, service["unhealthy"] = min(len(started), service["unhealthy"]), 0
        text = f"has started {len(started)} tasks: {listed(started)}."
        if replaced:
            text += f" Amazon ECS replaced {replaced} tasks due to an unhealthy status."
        add_event(state, service["key"], text)
    if not may_start:
        tasks.wake(state, service["key"], service["notBefore"])


_STUCK = {
    "image": TaskProblem("CannotPullContainerError"),
    "secret": TaskProblem("ResourceInitializationError", "secret"),
}
"""The problem of the tasks of a stuck deployment, by the fault's detail; without one they have no capacity."""


def _held_back(state: SandboxState, service: Document, primary: Document, decision: Decision, current: int) -> Decision:
    """Return the decision without the tasks for which a stuck deployment has no capacity, whose lack is an event."""
    word, detail = primary["problem"]
    if word != "stuck" or detail in _STUCK or not decision.start:
        return decision
    start = min(decision.start, max(0, int(detail or 0) - current))
    if start < decision.start:
        add_event(state, service["key"], f"was unable to place a task. Reason: {UNAVAILABLE}.")
        _delay(state, service)
        tasks.wake(state, service["key"], service["notBefore"])
    return replace(decision, start=start)


def _is_unplaceable(state: SandboxState, service: Document, primary: Document) -> bool:
    """Return whether no task of the deployment can be placed: ECS then creates none, and tells so in an event."""
    word, detail = primary["problem"]
    if word != "capacity" or detail not in UNPLACEABLE:
        return False
    network = (service["networkConfiguration"] or {}).get("awsvpcConfiguration", {})
    reason = UNPLACEABLE[detail].format(subnet=next(iter(network.get("subnets", [])), "subnet-00000000"))
    add_event(state, service["key"], f"was unable to place a task. Reason: {reason}.")
    if primary["rolloutState"] == "IN_PROGRESS":
        change(state, primary, failed=primary["failed"] + 1)
    _delay(state, service)
    tasks.wake(state, service["key"], service["notBefore"])
    return True


def strike(state: SandboxState, service: Document) -> None:
    """Let a service at rest begin to fail, if a fault of the phase ``running`` is aimed at it.

    A crash strikes all its tasks and every one that replaces them. An interruption strikes as many tasks as its detail
    says; the replacements are healthy. Any other problem is that of the task that replaces an interrupted one.
    """
    primary = primary_of(state, service["key"])
    if primary is None or primary["rolloutState"] != "COMPLETED" or primary["problem"][0]:
        return
    known = [body for body in tasks.of_service(state, service["key"]) if tasks.is_active(body)]
    settled = 0 < len(known) == service["desired"] and all(tasks.is_healthy(state, body) for body in known)
    if not settled or any(body["steps"] for body in known):
        return
    fault = state.faults.task_fault(service.get("logical") or service["name"], "running")
    if fault is None:
        return
    problem = TaskProblem.of(fault.problem, fault.detail)
    struck = known
    if problem.word not in CRASHES:
        struck = known[: int(problem.detail or 1) if problem.word in INTERRUPTIONS else 1]
    if problem.word not in INTERRUPTIONS:
        change(state, primary, problem=[fault.problem, fault.detail])
    first = problem if problem.word in (*CRASHES, *INTERRUPTIONS) else TaskProblem(INTERRUPTIONS[0])
    for body in struck:
        tasks.strike(state, body, _options(service, primary), first)


def _options(service: Document, primary: Document) -> Document:
    return {
        **service,
        "service": service["key"],
        "deployment": primary["id"],
        "group": f"service:{service['name']}",
        "startedBy": primary["id"],
        "tags": service["tags"] if service["propagateTags"] == "SERVICE" else [],
    }


def _start(state: SandboxState, service: Document, primary: Document) -> str:
    cluster, (word, detail) = service["key"].partition("/")[0], primary["problem"]
    if word in INTERRUPTIONS:  # it strikes as many tasks as its detail says, and not those that replace them
        left = int(detail or 1) - 1
        change(state, primary, problem=[word, str(left)] if left else ["", ""])
    problem = _STUCK.get(detail, TaskProblem()) if word == "stuck" else TaskProblem.of(word, detail)
    body = tasks.start(state, cluster, primary["taskDefinition"], _options(service, primary), problem)
    return str(body["key"].rpartition("/")[2])


def _stop(state: SandboxState, service: Document, primary: Document, leaving: list[Document]) -> None:
    running = [body["key"].rpartition("/")[2] for body in leaving if body["ran"]]
    if running:
        add_event(state, service["key"], f"has stopped {len(running)} running tasks: {listed(running)}.")
    if len(leaving) > len(running):
        add_event(state, service["key"], f"stopped {len(leaving) - len(running)} pending tasks.")
    for body in leaving:
        reason = f"Scaling activity initiated by (deployment {primary['id']})"
        tasks.stop(state, body, "ServiceSchedulerInitiated", reason)


def _conclude(state: SandboxState, service: Document, primary: Document, known: list[Document]) -> None:
    """Remove deployments without tasks; complete the primary one if all its tasks, and no others, run healthily."""
    left = {body["deployment"] for body in known if not tasks.is_gone(body)}
    for deployment in current_deployments(state, service["key"]):
        if deployment["status"] == "ACTIVE" and deployment["id"] not in left:
            change(state, deployment, status="INACTIVE")
    current = [body for body in known if body["deployment"] == primary["id"] and tasks.is_active(body)]
    reached = len(current) == service["desired"] and all(tasks.is_healthy(state, body) for body in current)
    if not (reached and left <= {primary["id"]} and primary["rolloutState"] == "IN_PROGRESS"):
        return
    if state.clock.now() < primary["earliest"]:
        tasks.wake(state, service["key"], primary["earliest"])
    else:
        _complete(state, primary)
        service |= _FRESH
        add_event(state, service["key"], "has reached a steady state.")
