"""The service scheduler: starts and stops tasks until the service runs what its primary deployment wants, as far as it may.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fsdcf.sandbox.ecs import deployments, tasks
from fsdcf.sandbox.ecs.definitions import GUIDE, listed, say, started
from fsdcf.sandbox.ecs.life import Trouble
from fsdcf.sandbox.state import World

KIND = "ecs.service"
FIRST_PAUSE = 30.0
LONGEST_PAUSE = 27 * 60.0
"""Seconds between attempts when tasks do not start; the pause doubles each time.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html"""

Document = dict[str, Any]


@dataclass(frozen=True)
class Seen:
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


def decide(seen: Sequence[Seen], desired: int, minimum: int, maximum: int, may_start: bool = True) -> Decision:
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


def reconcile(world: World, at: float, payload: dict[str, Any]) -> None:
    """ACTION: looks at a service and does what is to do."""
    key = payload["service"]
    service = world.store.get(KIND, key)
    if service is None or service["status"] == "INACTIVE":
        return
    known = tasks.of_service(world, key)
    primary = deployments.primary(world, key)
    if service["status"] == "DRAINING" or primary is None:
        _drain(world, service, known)
        return
    _count_failures(world, service, primary, known)
    if (
        _watched(primary) and primary.get("requested") != service["desired"]
    ):  # scaled meanwhile: the breaker judges by the new count
        deployments.change(world, primary, requested=service["desired"])
    if _trips(service, primary):
        deployments.trip(world, service, primary)
        primary = deployments.primary(world, key) or primary
    if primary["rolloutState"] != "FAILED":
        _act(world, service, primary, known)
    _conclude(world, service, primary, tasks.of_service(world, key))
    world.store.put(KIND, key, service)


def _drain(world: World, service: Document, known: list[Document]) -> None:
    """A service that was deleted: its tasks go, and then it is gone."""
    for body in known:
        if tasks.is_active(body):
            tasks.stop(world, body, "ServiceSchedulerInitiated", "Service is being deleted.")
    if all(tasks.is_gone(body) for body in known):
        service["status"] = "INACTIVE"
        for deployment in deployments.living(world, service["key"]):
            deployments.change(world, deployment, status="INACTIVE")
        world.store.put(KIND, service["key"], service)


def _count_failures(world: World, service: Document, primary: Document, known: list[Document]) -> None:
    """Failed tasks count while their deployment is under way; those that never ran also slow the next start down."""
    for body in known:
        if body["counted"] or not body["failed"]:
            continue
        body["counted"] = True
        world.store.put(tasks.KIND, body["key"], body)
        if body["task"]["stopCode"] == "ServiceSchedulerInitiated":
            service["unhealthy"] += 1
        if body["deployment"] == primary["id"] and primary["rolloutState"] == "IN_PROGRESS":
            deployments.change(world, primary, failed=primary["failed"] + 1)
        if not body["ran"]:
            _slow_down(world, service)
    resets = service["configuration"].get("deploymentCircuitBreaker", {}).get("resetOnHealthyTask", True)
    ours = (body for body in known if body["deployment"] == primary["id"])
    if primary["failed"] and resets and any(tasks.is_healthy(world, body) for body in ours):
        deployments.change(world, primary, failed=0)


def _slow_down(world: World, service: Document) -> None:
    """The next start waits. Tasks that failed together are one failure."""
    if world.clock.now() < service["notBefore"]:
        return
    service["failures"] += 1
    pause = min(FIRST_PAUSE * 2 ** (service["failures"] - 1), LONGEST_PAUSE)
    service["notBefore"] = world.clock.now() + world.lasting(pause)
    if service["failures"] == 3:
        say(world, service["key"], f"is unable to consistently start tasks successfully. {GUIDE}")


def _trips(service: Document, primary: Document) -> bool:
    """Whether the breaker has had enough."""
    breaker = service["configuration"].get("deploymentCircuitBreaker", {})
    limit = deployments.threshold(service["configuration"], service["desired"])
    return bool(_watched(primary) and breaker.get("enable") and primary["failed"] >= limit)


def _watched(primary: Document) -> bool:
    """Whether the breaker watches a deployment. One that it went back to is not watched again."""
    return primary["rolloutState"] == "IN_PROGRESS" and "finishedAt" not in primary


def _act(world: World, service: Document, primary: Document, known: list[Document]) -> None:
    active = {body["key"]: body for body in known if tasks.is_active(body)}
    seen = [_seen(world, body, primary) for body in active.values()]
    configuration = service["configuration"]
    minimum, maximum = configuration.get("minimumHealthyPercent", 100), configuration.get("maximumPercent", 200)
    rested = world.clock.now() >= service["notBefore"]
    decision = decide(seen, service["desired"], minimum, maximum, rested)
    _stop(world, service, primary, [active[name] for name in decision.stop])
    begun = [_start(world, service, primary) for _ in range(decision.start)]
    if begun:
        replaced, service["unhealthy"] = min(len(begun), service["unhealthy"]), 0
        say(world, service["key"], started(begun, replaced))
    if not rested:
        tasks.wake(world, service["key"], service["notBefore"])


def _seen(world: World, body: Document, primary: Document) -> Seen:
    running = body["task"]["lastStatus"] == "RUNNING"
    return Seen(body["key"], body["deployment"] == primary["id"], running, tasks.is_healthy(world, body))


def _start(world: World, service: Document, primary: Document) -> str:
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
    trouble = Trouble(*primary["trouble"])
    body = tasks.start(world, service["key"].partition("/")[0], primary["taskDefinition"], asked, trouble)
    return str(body["key"].rpartition("/")[2])


def _stop(world: World, service: Document, primary: Document, leaving: list[Document]) -> None:
    running = [body["key"].rpartition("/")[2] for body in leaving if body["ran"]]
    if running:
        say(world, service["key"], f"has stopped {len(running)} running tasks: {listed(running)}.")
    if len(leaving) > len(running):
        say(world, service["key"], f"stopped {len(leaving) - len(running)} pending tasks.")
    for body in leaving:
        reason = f"Scaling activity initiated by (deployment {primary['id']})"
        tasks.stop(world, body, "ServiceSchedulerInitiated", reason)


def _conclude(world: World, service: Document, primary: Document, known: list[Document]) -> None:
    """Deployments without tasks go; the primary one is completed when it has all its tasks, healthy, and no other has any."""
    left = {body["deployment"] for body in known if not tasks.is_gone(body)}
    for deployment in deployments.living(world, service["key"]):
        if deployment["status"] == "ACTIVE" and deployment["id"] not in left:
            deployments.change(world, deployment, status="INACTIVE")
    ours = [body for body in known if body["deployment"] == primary["id"] and tasks.is_active(body)]
    reached = len(ours) == service["desired"] and all(tasks.is_healthy(world, body) for body in ours)
    if not (reached and left <= {primary["id"]} and primary["rolloutState"] == "IN_PROGRESS"):
        return
    if world.clock.now() < primary["earliest"]:
        tasks.wake(world, service["key"], primary["earliest"])
    else:
        deployments.complete(world, primary)
        service |= {"failures": 0, "notBefore": 0.0, "unhealthy": 0}
        say(world, service["key"], "has reached a steady state.")
