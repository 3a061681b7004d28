"""The operations on tasks: listed, described, stopped, and run on their own."""

from __future__ import annotations

from typing import Any

from fsdcf.sandbox.ecs import tasks
from fsdcf.sandbox.ecs.clusters import demand_cluster
from fsdcf.sandbox.ecs.definitions import definition_of, paged, runnable
from fsdcf.sandbox.ecs.endings import Ending
from fsdcf.sandbox.ecs.life import Step, Trouble
from fsdcf.sandbox.ecs.names import service_key, task_arn, task_key
from fsdcf.sandbox.ecs.scheduler import KIND
from fsdcf.sandbox.world import Refusal, World

Document = dict[str, Any]

STARTED = "ecs.started"

ERRAND = 10.0
"""Seconds that a task of RunTask works before it ends with exit code 0."""


def list_tasks(world: World, params: Document) -> Document:
    """ListTasks: latest first, by service, family, startedBy and desired status (RUNNING unless asked otherwise)."""
    cluster = demand_cluster(world, params.get("cluster"))
    key = service_key(cluster, params["serviceName"]) if params.get("serviceName") else ""
    if key and world.store.get(KIND, key) is None:
        raise Refusal("ServiceNotFoundException", "Service not found.")
    status = params.get("desiredStatus") or "RUNNING"
    found = [
        body
        for _, body in world.store.every(tasks.KIND, f"{cluster}/")
        if body["task"]["desiredStatus"] == status
        and (not key or body["service"] == key)
        and (not params.get("startedBy") or body["task"]["startedBy"] == params["startedBy"])
        and (not params.get("family") or _family(body) == params["family"])
    ]
    found.sort(key=lambda body: -body["number"])
    return paged([body["task"]["taskArn"] for body in found], params, "taskArns")


def _family(body: Document) -> str:
    return str(body["task"]["taskDefinitionArn"].rpartition("/")[2].partition(":")[0])


def describe_tasks(world: World, params: Document) -> Document:
    """DescribeTasks: at most a hundred."""
    cluster = demand_cluster(world, params.get("cluster"))
    asked = params["tasks"]
    if not asked:
        raise Refusal("InvalidParameterException", "Tasks cannot be empty.")
    if len(asked) > 100:
        raise Refusal("InvalidParameterException", "Number of tasks (ids or ARNs) must not exceed 100.")
    found, failures = [], []
    for name in asked:
        body = world.store.get(tasks.KIND, task_key(cluster, name))
        if body is None:
            failures.append({"arn": task_arn(world, task_key(cluster, name)), "reason": "MISSING"})
        else:
            found.append(_told(body, "TAGS" in params.get("include", [])))
    return {"tasks": found, "failures": failures}


def _told(body: Document, tags: bool = True) -> Document:
    return {name: value for name, value in body["task"].items() if tags or name != "tags"}


def stop_task(world: World, params: Document) -> Document:
    """StopTask: a service starts another one in its place."""
    cluster = demand_cluster(world, params.get("cluster"))
    body = world.store.get(tasks.KIND, task_key(cluster, params["task"]))
    if body is None:
        raise Refusal("InvalidParameterException", "The referenced task was not found.")
    if tasks.is_active(body):
        tasks.stop(world, body, "UserInitiated", params.get("reason") or "Task stopped by user")
        if body["service"]:
            tasks.poke(world, body["service"])
    return {"task": _told(body)}


def run_task(world: World, params: Document) -> Document:
    """RunTask: each works for a while and ends well, unless a fault for its family (phase create) says otherwise.

    A client token that was there before gives the tasks that were started then.
    """
    cluster = demand_cluster(world, params.get("cluster"))
    mark = f"{cluster}/{params['clientToken']}" if params.get("clientToken") else ""
    known = world.store.get(STARTED, mark) if mark else None
    if known is not None:
        return {
            "tasks": [_told(body) for name in known["tasks"] if (body := world.store.get(tasks.KIND, name))],
            "failures": [],
        }
    definition = definition_of(world, runnable(world, params["taskDefinition"]))
    family = definition["family"]
    asked = {
        "group": params.get("group") or f"family:{family}",
        "startedBy": params.get("startedBy"),
        "network": params.get("networkConfiguration", {}),
        "strategy": params.get("capacityProviderStrategy", []),
        "execute": params.get("enableExecuteCommand"),
        "overrides": {"containerOverrides": [], **params.get("overrides", {})},
        "tags": params.get("tags", []),
        "last_steps": _errand(),
    }
    begun = []
    for _ in range(params.get("count") or 1):
        fault = world.faults.of_tasks(family, "create")
        trouble = Trouble() if fault is None else Trouble(fault.trouble, fault.detail)
        begun.append(tasks.start(world, cluster, definition["taskDefinitionArn"], asked, trouble))
    if mark:
        world.store.put(STARTED, mark, {"tasks": [body["key"] for body in begun]})
    return {"tasks": [_told(body) for body in begun], "failures": []}


def _errand() -> list[Step]:
    """How a task goes on that does its work and ends."""
    end = Ending("EssentialContainerExited", "Essential container in task exited", 0)
    words = {"code": end.code, "reason": end.reason, "exit": end.exit, "container_reason": "", "event": ""}
    return [{"after": ERRAND, "do": "log", "lines": ["Done"]}, {"after": 0.0, "do": "end", **words}]
