"""The operations on tasks: listed, described, stopped, and run on their own."""

from __future__ import annotations

from typing import Any

from fsdcf.sandbox.ecs import deployments, tasks
from fsdcf.sandbox.ecs.definitions import (
    cluster_arn,
    definition_of,
    demand_cluster,
    paged,
    runnable,
    service_arn,
    service_key,
    task_arn,
    task_key,
)
from fsdcf.sandbox.ecs.life import Ending, Step, Trouble
from fsdcf.sandbox.ecs.scheduler import KIND
from fsdcf.sandbox.ids import token
from fsdcf.sandbox.state import Refusal, World

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


OFF = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t "
    "running. Wait and try again or run a new task with execute command enabled and try again."
)
"""After answers of the API that users have published."""


def execute_command(world: World, params: Document) -> Document:
    """ExecuteCommand: a session with a container of a task that runs. The sandbox has no container: nobody answers at its address."""
    cluster = demand_cluster(world, params.get("cluster"))
    if not params.get("interactive"):
        raise Refusal("InvalidParameterException", "Interactive is the only mode supported currently.")
    body = world.store.get(tasks.KIND, task_key(cluster, params["task"]))
    if body is None:
        raise Refusal("InvalidParameterException", "The referenced task was not found.")
    task = body["task"]
    if task["lastStatus"] != "RUNNING" or not task["enableExecuteCommand"]:
        raise Refusal("InvalidParameterException", OFF)
    container = _container(task, params.get("container"))
    number = world.store.next_number("ecs.session")
    name = f"ecs-execute-command-{token('session', task['taskArn'], number, length=17)}"
    stream = f"wss://ssmmessages.{world.region}.amazonaws.com/v1/data-channel/{name}?role=publish_subscribe"
    return {
        "clusterArn": cluster_arn(world, cluster),
        "taskArn": task["taskArn"],
        "containerArn": container["containerArn"],
        "containerName": container["name"],
        "interactive": True,
        "session": {"sessionId": name, "streamUrl": stream, "tokenValue": token(name, "token", length=64)},
    }


def _container(task: Document, name: str | None) -> Document:
    containers: list[Document] = task["containers"]
    if not name and len(containers) > 1:
        raise Refusal(
            "InvalidParameterException", "Container name must be specified for a task with several containers."
        )
    found = next((one for one in containers if name in (None, "", one["name"])), None)
    if found is None:
        raise Refusal("InvalidParameterException", "The referenced container was not found.")
    return found


def _status(deployment: Document) -> str:
    """The status of a service deployment. Source:
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html"""
    if "rollback" in deployment:
        return "ROLLBACK_SUCCESSFUL" if "finishedAt" in deployment else "ROLLBACK_IN_PROGRESS"
    if deployment["rolloutState"] == "FAILED":
        return "STOPPED"
    if "finishedAt" in deployment:
        return "SUCCESSFUL"
    return "IN_PROGRESS" if deployment["status"] == "PRIMARY" else "STOPPED"


def _reason(deployment: Document) -> str | None:
    if deployment["rolloutState"] == "FAILED":
        return (
            "Service deployment rolled back because the circuit breaker threshold was exceeded."
            if "rollback" in deployment
            else ("Service deployment stopped because the circuit breaker threshold was exceeded.")
        )
    return None


def _brief(world: World, deployment: Document) -> Document:
    key = deployment["service"]
    return {
        "serviceDeploymentArn": deployment["arn"],
        "serviceArn": service_arn(world, key),
        "clusterArn": cluster_arn(world, key.partition("/")[0]),
        "createdAt": deployment["createdAt"],
        "startedAt": deployment["createdAt"],
        "finishedAt": deployment.get("finishedAt"),
        "targetServiceRevisionArn": deployment["revision"],
        "status": _status(deployment),
        "statusReason": _reason(deployment),
    }


def list_service_deployments(world: World, params: Document) -> Document:
    """ListServiceDeployments: latest first, by status and time of creation."""
    key = service_key(params.get("cluster"), params["service"])
    demand_cluster(world, key.partition("/")[0])
    if world.store.get(KIND, key) is None:
        raise Refusal("ServiceNotFoundException", "Service not found.")
    after, before = params.get("createdAt", {}).get("after"), params.get("createdAt", {}).get("before")
    briefs = [_brief(world, one) for one in deployments.every(world, key)]
    found = [
        one
        for one in briefs
        if (not params.get("status") or one["status"] in params["status"])
        and (after is None or one["createdAt"] > after)
        and (before is None or one["createdAt"] < before)
    ]
    page = paged([one["serviceDeploymentArn"] for one in found], params, "arns", 100)
    arns = page.pop("arns")
    return {**page, "serviceDeployments": [one for one in found if one["serviceDeploymentArn"] in arns]}


def describe_service_deployments(world: World, params: Document) -> Document:
    """DescribeServiceDeployments, by ARN."""
    found, failures = [], []
    for arn in params["serviceDeploymentArns"]:
        key = "/".join(arn.split("/")[1:3])
        deployment = next((one for one in deployments.every(world, key) if one["arn"] == arn), None)
        if deployment is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(_history_told(world, deployment))
    return {"serviceDeployments": found, "failures": failures}


def _history_told(world: World, deployment: Document) -> Document:
    brief = _brief(world, deployment)
    target = brief.pop("targetServiceRevisionArn")
    requested = _requested(world, deployment)
    before = [one for one in deployments.every(world, deployment["service"]) if one["number"] < deployment["number"]]
    rollback = deployment.get("rollback")
    return {
        **brief,
        "updatedAt": deployment["updatedAt"],
        "sourceServiceRevisions": [{"arn": one["revision"]} for one in before if one["status"] != "INACTIVE"],
        "targetServiceRevision": {"arn": target, "requestedTaskCount": requested},
        "deploymentConfiguration": deployment["configuration"],
        "rollback": None
        if rollback is None
        else {
            "reason": rollback["reason"],
            "startedAt": rollback["at"],
            "serviceRevisionArn": rollback["revision"],
        },
        "deploymentCircuitBreaker": _breaker(deployment, requested),
    }


def _requested(world: World, deployment: Document) -> int:
    """The desired count that the deployment was judged by; a later scaling does not change it. An older state does not hold it."""
    service = world.store.get(KIND, deployment["service"]) or {"desired": 0}
    return int(deployment.get("requested", service["desired"]))


def _breaker(deployment: Document, requested: int) -> Document:
    configuration = deployment["configuration"]
    limit = deployments.threshold(configuration, requested)
    if not configuration.get("deploymentCircuitBreaker", {}).get("enable"):
        status = "DISABLED"
    elif deployment["rolloutState"] == "FAILED":
        status = "TRIGGERED"
    else:
        status = "MONITORING_COMPLETE" if "finishedAt" in deployment else "MONITORING"
    return {"status": status, "failureCount": deployment["failed"], "threshold": limit}
