"""Tasks: started, led from state to state by the agenda, stopped, and forgotten an hour later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.sandbox import ecr, elbv2
from fsdcf.sandbox.ecs.definitions import definition_of
from fsdcf.sandbox.ecs.life import Step, Trouble, afterlife, life
from fsdcf.sandbox.ecs.record import address, log_stream, new, scene_of
from fsdcf.sandbox.ecs.steps import DO, drain, strike
from fsdcf.sandbox.ids import token
from fsdcf.sandbox.world import World

KIND = "ecs.task"

Document = dict[str, Any]


def start(world: World, cluster: str, definition_arn: str, asked: Mapping[str, Any], trouble: Trouble) -> Document:
    """Starts a task. ``asked`` says for whom: service (key), deployment (id), group, startedBy, network, strategy, balancers, grace, execute,
    overrides, tags; ``last_steps`` are what a task does that is to end by itself."""
    number = world.store.next_number("ecs.task")
    name = token("task", world.account, cluster, number, length=32)
    key = f"{cluster}/{name}"
    definition = definition_of(world, definition_arn)
    scene = scene_of(world, definition, asked)
    if not trouble.word and not ecr.image_exists(world, scene.image):
        trouble = Trouble("CannotPullContainerError")
    body: Document = {
        "key": key,
        "number": number,
        "main": scene.container,
        "service": asked.get("service", ""),
        "deployment": asked.get("deployment", ""),
        "balancers": asked.get("balancers", []),
        "address": address(number),
        "checked": scene.container_check is not None,
        "logs": log_stream(definition, scene.container, name),
        "ran": False,
        "settled": False,
        "failed": False,
        "counted": False,
        "history": [["PROVISIONING", world.clock.now()]],
        "task": new(world, key, number, definition, asked),
    }
    _schedule(world, body, life(scene, trouble) + list(asked.get("last_steps", [])))
    return body


def of_service(world: World, key: str) -> list[Document]:
    """The tasks of a service that are not forgotten yet, in the order of their start."""
    found = [body for _, body in world.store.every(KIND, f"{key.partition('/')[0]}/") if body["service"] == key]
    return sorted(found, key=lambda body: body["number"])


def is_active(body: Document) -> bool:
    """Whether a task is to run: it runs or is on its way to."""
    return bool(body["task"]["desiredStatus"] == "RUNNING")


def is_gone(body: Document) -> bool:
    """Whether nothing is left of a task but its record."""
    return bool(body["task"]["lastStatus"] == "STOPPED")


def is_healthy(world: World, body: Document) -> bool:
    """Whether a task runs, for a while already, and passes the checks that it has."""
    if not (is_active(body) and body["settled"] and body["task"]["lastStatus"] == "RUNNING"):
        return False
    if body["checked"] and body["task"]["healthStatus"] != "HEALTHY":
        return False
    targets = [(one["targetGroupArn"], body["address"], one["containerPort"]) for one in body["balancers"]]
    return all(elbv2.target_state(world, *where) == "healthy" for where in targets)


def stop(world: World, body: Document, code: str, reason: str) -> None:
    """Stops a task in good order: what it was about to go through it will not."""
    draining = max((elbv2.check_of(world, one["targetGroupArn"]).draining for one in body["balancers"]), default=0.0)
    _begin_end(world, body, code, reason, draining, 0)


def _begin_end(world: World, body: Document, code: str, reason: str, draining: float, exit_code: int | None) -> None:
    world.store.cancel(body["task"]["taskArn"])
    stopped = {"desiredStatus": "STOPPED", "stopCode": code, "stoppedReason": reason, "stoppingAt": world.clock.now()}
    body["task"] |= stopped
    drain(world, body)
    _schedule(world, body, afterlife(body["ran"], draining, exit_code))


def _schedule(world: World, body: Document, steps: list[Step]) -> None:
    """Lets the steps come, one after the other, from now on."""
    body["steps"] = steps
    body["task"]["version"] += 1
    world.store.put(KIND, body["key"], body)
    if steps:
        due = world.clock.now() + world.lasting(steps[0]["after"])
        world.store.schedule(due, "ecs.step", {"task": body["key"]}, body["task"]["taskArn"])


def step(world: World, at: float, payload: dict[str, Any]) -> None:
    """ACTION: the next step of a task, then its service's scheduler."""
    body = world.store.get(KIND, payload["task"])
    if body is None:
        return
    now, rest = body["steps"][0], body["steps"][1:]
    if now["do"] == "end":
        body["failed"] = True
        strike(world, body, now)
        _begin_end(world, body, now["code"], now["reason"], 0.0, now["exit"])
    else:
        DO[now["do"]](world, body, now)
        _schedule(world, body, rest)
    if body["service"]:
        poke(world, body["service"])


def poke(world: World, key: str) -> None:
    """Has the scheduler look at a service now, and not at any other time that it had in mind."""
    wake(world, key, world.clock.now())


def wake(world: World, key: str, due: float) -> None:
    """Has the scheduler look at a service at that time and no other."""
    world.store.cancel(f"reconcile {key}")
    world.store.schedule(due, "ecs.reconcile", {"service": key}, f"reconcile {key}")


def forget(world: World, at: float, payload: dict[str, Any]) -> None:
    """ACTION: a task that stopped an hour ago."""
    world.store.remove(KIND, payload["task"])
