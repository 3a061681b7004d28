"""What each step of a task's life does to the task, its targets and its log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fsdcf.sandbox import elbv2, logs
from fsdcf.sandbox.ecr import digest_of
from fsdcf.sandbox.ecs.events import say
from fsdcf.sandbox.ids import token
from fsdcf.sandbox.world import World

Document = dict[str, Any]
REMEMBERED = 3600.0
"""Seconds that a stopped task can be described. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-errors.html"""


def _change_status(world: World, body: Document, now: Mapping[str, Any]) -> None:
    task, status, at = body["task"], now["status"], world.clock.now()
    task["lastStatus"] = status
    body["history"].append([status, at])
    if status == "PENDING":
        task |= {"connectivity": "CONNECTED", "connectivityAt": at}
        task["attachments"][0]["status"] = "ATTACHED"
    elif status == "ACTIVATING":
        body["ran"] = True
        for container in task["containers"]:
            container["lastStatus"] = "RUNNING"
        _set_targets(world, body, {"state": "initial", "reason": "Elb.RegistrationInProgress"})
        for one in body["balancers"]:
            say(world, body["service"], f"registered 1 targets in (target-group {one['targetGroupArn']})")
    elif status == "RUNNING":
        task["startedAt"] = at
        for container in task["containers"] if task["enableExecuteCommand"] else ():
            container["managedAgents"] = [{"name": "ExecuteCommandAgent", "lastStatus": "RUNNING", "lastStartedAt": at}]
    elif status == "DEPROVISIONING":
        task["executionStoppedAt"] = at
        task["attachments"][0]["status"] = "DELETED"
        for container in task["containers"]:
            container["lastStatus"] = "STOPPED"
    elif status == "STOPPED":
        task["stoppedAt"] = at
        for one in body["balancers"]:
            elbv2.remove_target(world, one["targetGroupArn"], body["address"], one["containerPort"])
        world.store.schedule(at + world.lasting(REMEMBERED), "ecs.forget", {"task": body["key"]})


def _pull(world: World, body: Document, now: Mapping[str, Any]) -> None:
    body["task"]["pullStartedAt"] = world.clock.now()


def _pulled(world: World, body: Document, now: Mapping[str, Any]) -> None:
    body["task"]["pullStoppedAt"] = world.clock.now()
    for container in body["task"]["containers"]:
        repository, _, tag = container["image"].rpartition(":")
        container["imageDigest"] = digest_of(repository.partition("/")[2], tag)
        container["runtimeId"] = (
            f"{body['key'].rpartition('/')[2]}-{token(container['name'], length=10, alphabet='0123456789')}"
        )


def _set_health(world: World, body: Document, now: Mapping[str, Any]) -> None:
    body["task"]["healthStatus"] = now["state"]
    for container in body["task"]["containers"]:
        container["healthStatus"] = now["state"]


def _set_targets(world: World, body: Document, now: Mapping[str, Any]) -> None:
    name = body["key"].rpartition("/")[2]
    for one in body["balancers"]:
        where = one["targetGroupArn"], body["address"], one["containerPort"]
        elbv2.set_target(world, *where, now["state"], now["reason"], now.get("words", ""))
        if now["state"] == "unhealthy":
            reason = f"due to (reason {now['words']})."
            group = f"(target-group {one['targetGroupArn']})"
            say(world, body["service"], f"(task {name}) (port {one['containerPort']}) is unhealthy in {group} {reason}")


def _write_log(world: World, body: Document, now: Mapping[str, Any]) -> None:
    if body["logs"] and now["lines"]:
        logs.write(world, body["logs"][0], body["logs"][1], now["lines"])


def _settle(world: World, body: Document, now: Mapping[str, Any]) -> None:
    body["settled"] = True


def _exit(world: World, body: Document, now: Mapping[str, Any]) -> None:
    for container in body["task"]["containers"]:
        if container.get("exitCode") is None:
            container["exitCode"] = (now["exit"] or 0) if container["name"] == body["main"] else 0
    _write_log(world, body, {"lines": [] if body["failed"] else ["Shutting down"]})


def strike(world: World, body: Document, end: Mapping[str, Any]) -> None:
    """A task ends by itself: its main container tells why, and the service says so."""
    main = next(one for one in body["task"]["containers"] if one["name"] == body["main"])
    if end["reason"] == "Essential container in task exited":
        main |= {"exitCode": end["exit"], "lastStatus": "STOPPED"}
    if end["container_reason"]:
        main["reason"] = end["container_reason"]
    if not body["service"]:
        return
    name = body["key"].rpartition("/")[2]
    if end["event"] == "place":
        reason = (end["container_reason"] or end["reason"]).removesuffix(".")
        say(world, body["service"], f"was unable to place a task. Reason: {reason}.")
    elif end["event"] == "container":
        say(world, body["service"], f"(task {name}) failed container health checks.")
    if end["code"] == "ServiceSchedulerInitiated":
        say(world, body["service"], f"has stopped 1 running tasks: (task {name}).")


def drain(world: World, body: Document) -> None:
    """Takes a task's targets out of service: they get no new requests."""
    for one in body["balancers"]:
        where = one["targetGroupArn"], body["address"], one["containerPort"]
        if elbv2.target_state(world, *where):
            elbv2.set_target(world, *where, "draining", "Target.DeregistrationInProgress")
            say(world, body["service"], f"deregistered 1 targets in (target-group {one['targetGroupArn']})")
            say(world, body["service"], "has begun draining connections on 1 tasks.")


DO: dict[str, Callable[[World, Document, Mapping[str, Any]], None]] = {
    "status": _change_status,
    "pull": _pull,
    "pulled": _pulled,
    "health": _set_health,
    "target": _set_targets,
    "log": _write_log,
    "settle": _settle,
    "exit": _exit,
}
