"""Deployments of a service: which is the primary one, how far it is, when its circuit breaker trips."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fsdcf.sandbox.ecs.definitions import digits, say
from fsdcf.sandbox.ecs.life import Trouble
from fsdcf.sandbox.ids import token
from fsdcf.sandbox.state import World

KIND = "ecs.deployment"
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


def begin(world: World, service: Document, trouble: Trouble) -> Document:
    """A new primary deployment of what the service is configured to run; the one before becomes ACTIVE."""
    key, now = service["key"], world.clock.now()
    for old in living(world, key):
        change(world, old, status="ACTIVE")
    number = world.store.next_number(f"ecs.deployment.{key}")
    name = digits(world.account, key, service["createdAt"], number)
    deployment = {
        "service": key,
        "number": number,
        "id": f"ecs-svc/{name}",
        "revision": world.arn("ecs", f"service-revision/{key}/{digits(key, 'revision', number)}"),
        "arn": world.arn(
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
    return change(world, deployment)


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def change(world: World, deployment: Document, **changes: Any) -> Document:
    """Writes a deployment with changes, dated now."""
    deployment |= {**changes, "updatedAt": world.clock.now()}
    world.store.put(KIND, f"{deployment['service']}/{deployment['number']:06d}", deployment)
    return deployment


def every(world: World, key: str) -> list[Document]:
    """All deployments that the service ever had, latest first."""
    return [body for _, body in world.store.every(KIND, f"{key}/")][::-1]


def living(world: World, key: str) -> list[Document]:
    """The deployments that DescribeServices tells: the primary one first, then those that still have tasks, latest first."""
    found = [body for body in every(world, key) if body["status"] in ("PRIMARY", "ACTIVE")]
    return sorted(found, key=lambda body: body["status"] != "PRIMARY")


def primary(world: World, key: str) -> Document | None:
    """The deployment that the service is at; None for a service that has none any more."""
    return next((body for body in living(world, key) if body["status"] == "PRIMARY"), None)


def forget_all(world: World, key: str) -> None:
    """Drops the deployments of a service of old before a new one takes its name."""
    for name, _ in world.store.every(KIND, f"{key}/"):
        world.store.remove(KIND, name)


def complete(world: World, deployment: Document) -> None:
    """The service runs what the deployment wants, and nothing else."""
    reason = f"ECS deployment {deployment['id']} completed."
    change(
        world,
        deployment,
        rolloutState="COMPLETED",
        rolloutStateReason=reason,
        finishedAt=world.clock.now(),
        failed=0,
        trouble=["", ""],
    )
    for failed in every(world, deployment["service"]):
        if failed.get("rollback", {}).get("to") == deployment["id"] and "finishedAt" not in failed:
            change(world, failed, finishedAt=world.clock.now())
    say(world, deployment["service"], f"(deployment {deployment['id']}) deployment completed.")


def trip(world: World, service: Document, deployment: Document) -> None:
    """The circuit breaker: the deployment has failed and, if the service wants that, gives way to the last one that was completed.

    That one becomes the primary deployment again, under its own id, as ECS does it.
    """
    key, now = service["key"], world.clock.now()
    change(world, deployment, rolloutState="FAILED", rolloutStateReason=FAILED_TO_START)
    say(world, key, f"(deployment {deployment['id']}) deployment failed: tasks failed to start.")
    last = next((one for one in every(world, key) if one["rolloutState"] == "COMPLETED"), None)
    if last is None or not service["configuration"].get("deploymentCircuitBreaker", {}).get("rollback"):
        change(world, deployment, finishedAt=now)
        return
    say(world, key, f"rolling back to deployment {last['id']}.")
    reason = f"ECS deployment circuit breaker: rolling back to deploymentId {last['id']}."
    rollback = {"to": last["id"], "revision": last["revision"], "at": now, "reason": reason}
    change(world, deployment, status="ACTIVE", rollback=rollback)
    last |= {"status": "PRIMARY", "failed": 0, "trouble": ["", ""], "earliest": now + world.lasting(RETURNING)}
    change(world, last, rolloutState="IN_PROGRESS", rolloutStateReason=reason)
    service |= {"taskDefinition": last["taskDefinition"], "notBefore": 0.0, "failures": 0, "unhealthy": 0}


@dataclass(frozen=True)
class Rollout:
    """How a deployment stands: its state and reason as DescribeServices tells them, and whether the breaker gave it up for an older one."""

    state: Literal["IN_PROGRESS", "COMPLETED", "FAILED"]
    reason: str
    deployment_id: str
    task_definition: str
    rolled_back: bool


def rollout(world: World, service_arn: str, deployment_id: str = "") -> Rollout:
    """How a service's deployment stands, by its id or else the primary one. KeyError if there is none."""
    key = "/".join(service_arn.split("/")[-2:])
    found = (
        next((one for one in every(world, key) if one["id"] == deployment_id), None)
        if deployment_id
        else primary(world, key)
    )
    if found is None:
        raise KeyError(deployment_id or service_arn)
    return Rollout(
        found["rolloutState"], found["rolloutStateReason"], found["id"], found["taskDefinition"], "rollback" in found
    )
