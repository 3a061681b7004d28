"""Services: created, updated, deleted and described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.sandbox.ecs import scheduler, tasks
from fsdcf.sandbox.ecs.definitions import SERVICE_EVENTS as EVENTS
from fsdcf.sandbox.ecs.definitions import (
    cluster_arn,
    cluster_of,
    definition_of,
    demand_cluster,
    ensure_cluster,
    paged,
    runnable,
    said,
    service_arn,
    service_key,
    task_arn,
    task_key,
)
from fsdcf.sandbox.ecs.life import Step, TaskEnding, TaskProblem
from fsdcf.sandbox.ecs.scheduler import SERVICE
from fsdcf.sandbox.faults import Phase
from fsdcf.sandbox.ids import token
from fsdcf.sandbox.state import SandboxState, ServiceError

FIRST_LOOK = 5.0
"""Seconds until the scheduler begins with a new deployment."""

Document = dict[str, Any]

_SETTINGS = {
    "strategy": ("capacityProviderStrategy", []),
    "configuration": ("deploymentConfiguration", {}),
    "network": ("networkConfiguration", {}),
    "balancers": ("loadBalancers", []),
    "registries": ("serviceRegistries", []),
    "grace": ("healthCheckGracePeriodSeconds", 0),
    "execute": ("enableExecuteCommand", False),
    "managed": ("enableECSManagedTags", False),
    "propagate": ("propagateTags", "NONE"),
    "rebalancing": ("availabilityZoneRebalancing", "ENABLED"),
}
"""What a service remembers of a request: our name, the API's and the default."""

_REDEPLOYED = ("strategy", "network", "balancers", "registries")
"""Settings whose change begins a new deployment, as another task definition does.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html"""


def create_service(state: SandboxState, request: Mapping[str, Any], logical_id: str = "") -> Document:
    """Makes a service and begins its first deployment; the service as DescribeServices tells it.

    The request is that of CreateService; the cluster is made when there is none. ``logical_id`` is what faults know the service by, in a
    stack. Refusal if an active service has the name.
    """
    cluster = ensure_cluster(state, request.get("cluster"))
    name = request["serviceName"]
    key = f"{cluster}/{name}"
    old = state.store.get(SERVICE, key)
    if old is not None and old["status"] != "INACTIVE":
        raise ServiceError("InvalidParameterException", "Creation of service was not idempotent.")
    scheduler.forget_all(state, key)
    state.store.remove(EVENTS, key)
    settings = {ours: request.get(theirs, default) for ours, (theirs, default) in _SETTINGS.items()}
    service = {
        **settings,
        "key": key,
        "name": name,
        "status": "ACTIVE",
        "desired": int(request.get("desiredCount", 1)),
        "taskDefinition": runnable(state, request["taskDefinition"]),
        "launchType": request.get("launchType"),
        "tags": request.get("tags", []),
        "createdAt": state.clock.now(),
        "configuration": _configured(request.get("deploymentConfiguration", {})),
    }
    _deploy(state, service, _trouble(state, logical_id or name, "create"))
    return told(state, service)


def _configured(asked: Mapping[str, Any]) -> Document:
    """A deployment configuration with ECS's defaults."""
    return {
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "strategy": "ROLLING",
        **asked,
    }


def _trouble(state: SandboxState, name: str, phase: Phase) -> TaskProblem:
    fault = state.faults.task_fault(name, phase)
    return TaskProblem() if fault is None else TaskProblem(fault.trouble, fault.detail)


def _deploy(state: SandboxState, service: Document, trouble: TaskProblem) -> None:
    scheduler.begin(state, service, trouble)
    state.store.put(SERVICE, service["key"], service)
    tasks.wake(state, service["key"], state.clock.now() + state.duration(FIRST_LOOK))


def update_service(
    state: SandboxState, request: Mapping[str, Any], logical_id: str = "", phase: Phase = "update"
) -> Document:
    """Changes a service; the service as DescribeServices tells it.

    A new deployment begins when the tasks would be others than now. ``phase`` is what faults know the update by: ``rollback`` for the way
    back of a stack. Refusal if the service does not exist or is being deleted.
    """
    key = service_key(request.get("cluster"), request["service"])
    service = _demand(state, key)
    if service["status"] != "ACTIVE":
        raise ServiceError("ServiceNotActiveException", "Service was not ACTIVE.")
    before = {name: service[name] for name in (*_REDEPLOYED, "taskDefinition")}
    for ours, (theirs, _) in _SETTINGS.items():
        if request.get(theirs) is not None:
            service[ours] = request[theirs]
    service["configuration"] = _configured(service["configuration"])
    service["desired"] = int(request.get("desiredCount", service["desired"]))
    if request.get("taskDefinition"):
        wanted = definition_of(state, request["taskDefinition"])["taskDefinitionArn"]
        service["taskDefinition"] = wanted if wanted == service["taskDefinition"] else runnable(state, wanted)
    if request.get("forceNewDeployment") or any(service[name] != value for name, value in before.items()):
        _deploy(state, service, _trouble(state, logical_id or service["name"], phase))
    else:
        state.store.put(SERVICE, key, service)
        tasks.poke(state, key)
    return told(state, service)


def delete_service(state: SandboxState, cluster: str | None, service: str) -> Document:
    """Deletes a service with its tasks: it is DRAINING until they have stopped, then INACTIVE. Refusal if there is none."""
    key = service_key(cluster, service)
    found = _demand(state, key)
    if found["status"] == "ACTIVE":
        found |= {"status": "DRAINING", "desired": 0}
        state.store.put(SERVICE, key, found)
        tasks.poke(state, key)
    return told(state, found)


def service_of(state: SandboxState, arn: str) -> Document | None:
    """A service by ARN, as DescribeServices tells it; None if there never was one."""
    found = state.store.get(SERVICE, service_key(None, arn))
    return None if found is None else told(state, found)


def _demand(state: SandboxState, key: str) -> Document:
    found = state.store.get(SERVICE, key)
    if found is None or found["status"] == "INACTIVE":
        raise ServiceError("ServiceNotFoundException", "Service not found.")
    return found


def told(state: SandboxState, service: Document) -> Document:
    """A service as DescribeServices tells it."""
    key = service["key"]
    active = [body for body in tasks.of_service(state, key) if tasks.is_active(body)]
    living = scheduler.living(state, key)
    running = sum(body["task"]["lastStatus"] == "RUNNING" for body in active)
    latest = next(iter(scheduler.every(state, key)), None)
    return {
        "serviceArn": service_arn(state, key),
        "serviceName": service["name"],
        "clusterArn": cluster_arn(state, key.partition("/")[0]),
        "loadBalancers": service["balancers"],
        "serviceRegistries": service["registries"],
        "status": service["status"],
        "desiredCount": service["desired"],
        "runningCount": running,
        "pendingCount": len(active) - running,
        **_launched(service),
        "taskDefinition": service["taskDefinition"],
        "deploymentConfiguration": service["configuration"],
        "deployments": [_told_deployment(service, one, active) for one in living],
        "events": said(state, key),
        "createdAt": service["createdAt"],
        "currentServiceDeployment": latest["arn"] if latest is not None and "finishedAt" not in latest else None,
        "currentServiceRevisions": [_told_revision(service, one, active) for one in living],
        "placementConstraints": [],
        "placementStrategy": [],
        "networkConfiguration": service["network"] or None,
        "healthCheckGracePeriodSeconds": service["grace"],
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "enableECSManagedTags": service["managed"],
        "propagateTags": service["propagate"],
        "enableExecuteCommand": service["execute"],
        "availabilityZoneRebalancing": service["rebalancing"],
    }


def _launched(service: Document) -> Document:
    how = (
        {"capacityProviderStrategy": service["strategy"]}
        if service["strategy"]
        else {"launchType": service["launchType"] or "FARGATE"}
    )
    return {**how, "platformVersion": "1.4.0", "platformFamily": "Linux"}


def _counts(service: Document, deployment: Document, active: list[Document]) -> tuple[int, int, int]:
    """Desired, running and pending tasks of a deployment."""
    states = [body["task"]["lastStatus"] for body in active if body["deployment"] == deployment["id"]]
    running = states.count("RUNNING")
    desired = service["desired"] if deployment["status"] == "PRIMARY" else len(states)
    return desired, running, len(states) - running


def _told_deployment(service: Document, deployment: Document, active: list[Document]) -> Document:
    desired, running, pending = _counts(service, deployment, active)
    same = ("id", "status", "taskDefinition", "createdAt", "updatedAt", "rolloutState", "rolloutStateReason")
    return {
        **{name: deployment[name] for name in same},
        "desiredCount": desired,
        "runningCount": running,
        "pendingCount": pending,
        "failedTasks": deployment["failed"],
        **_launched(service),
        "networkConfiguration": service["network"] or None,
    }


def _told_revision(service: Document, deployment: Document, active: list[Document]) -> Document:
    desired, running, pending = _counts(service, deployment, active)
    return {
        "arn": deployment["revision"],
        "requestedTaskCount": desired,
        "runningTaskCount": running,
        "pendingTaskCount": pending,
    }


def create_service_call(state: SandboxState, params: Document) -> Document:
    """CreateService."""
    demand_cluster(state, params.get("cluster"))
    if not params.get("taskDefinition"):
        raise ServiceError("InvalidParameterException", "TaskDefinition can not be blank.")
    return {"service": create_service(state, params)}


def update_service_call(state: SandboxState, params: Document) -> Document:
    """UpdateService."""
    demand_cluster(state, service_key(params.get("cluster"), params["service"]).partition("/")[0])
    return {"service": update_service(state, params)}


def delete_service_call(state: SandboxState, params: Document) -> Document:
    """DeleteService: refused while the service wants tasks, unless forced."""
    cluster = demand_cluster(state, service_key(params.get("cluster"), params["service"]).partition("/")[0])
    found = _demand(state, service_key(cluster, params["service"]))
    if found["desired"] > 0 and not params.get("force"):
        raise ServiceError("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
    return {"service": delete_service(state, cluster, params["service"])}


def describe_services(state: SandboxState, params: Document) -> Document:
    """DescribeServices: at most ten."""
    asked = params["services"]
    if not asked:
        raise ServiceError("InvalidParameterException", "Services cannot be empty.")
    if len(asked) > 10:
        raise ServiceError("InvalidParameterException", "Number of services (names or ARNs) must not exceed 10.")
    cluster = demand_cluster(state, params.get("cluster"))
    services, failures = [], []
    for name in asked:
        key = service_key(cluster, name)
        found = state.store.get(SERVICE, key) if key.partition("/")[0] == cluster else None
        if found is None:
            failures.append({"arn": service_arn(state, key), "reason": "MISSING"})
            continue
        tags = {"tags": found["tags"]} if "TAGS" in params.get("include", []) else {}
        services.append({**told(state, found), **tags})
    return {"services": services, "failures": failures}


def list_services(state: SandboxState, params: Document) -> Document:
    """ListServices of a cluster."""
    cluster = cluster_of(demand_cluster(state, params.get("cluster")))
    found = [key for key, body in state.store.every(SERVICE, f"{cluster}/") if body["status"] != "INACTIVE"]
    return paged([service_arn(state, key) for key in found], params, "serviceArns", 10)


STARTED = "ecs.started"

ERRAND = 10.0
"""Seconds that a task of RunTask works before it ends with exit code 0."""


def list_tasks(state: SandboxState, params: Document) -> Document:
    """ListTasks: latest first, by service, family, startedBy and desired status (RUNNING unless asked otherwise)."""
    cluster = demand_cluster(state, params.get("cluster"))
    key = service_key(cluster, params["serviceName"]) if params.get("serviceName") else ""
    if key and state.store.get(SERVICE, key) is None:
        raise ServiceError("ServiceNotFoundException", "Service not found.")
    status = params.get("desiredStatus") or "RUNNING"
    found = [
        body
        for _, body in state.store.every(tasks.TASK, f"{cluster}/")
        if body["task"]["desiredStatus"] == status
        and (not key or body["service"] == key)
        and (not params.get("startedBy") or body["task"]["startedBy"] == params["startedBy"])
        and (not params.get("family") or _family(body) == params["family"])
    ]
    found.sort(key=lambda body: -body["number"])
    return paged([body["task"]["taskArn"] for body in found], params, "taskArns")


def _family(body: Document) -> str:
    return str(body["task"]["taskDefinitionArn"].rpartition("/")[2].partition(":")[0])


def describe_tasks(state: SandboxState, params: Document) -> Document:
    """DescribeTasks: at most a hundred."""
    cluster = demand_cluster(state, params.get("cluster"))
    asked = params["tasks"]
    if not asked:
        raise ServiceError("InvalidParameterException", "Tasks cannot be empty.")
    if len(asked) > 100:
        raise ServiceError("InvalidParameterException", "Number of tasks (ids or ARNs) must not exceed 100.")
    found, failures = [], []
    for name in asked:
        body = state.store.get(tasks.TASK, task_key(cluster, name))
        if body is None:
            failures.append({"arn": task_arn(state, task_key(cluster, name)), "reason": "MISSING"})
        else:
            found.append(_told(body, "TAGS" in params.get("include", [])))
    return {"tasks": found, "failures": failures}


def _told(body: Document, tags: bool = True) -> Document:
    return {name: value for name, value in body["task"].items() if tags or name != "tags"}


def stop_task(state: SandboxState, params: Document) -> Document:
    """StopTask: a service starts another one in its place."""
    cluster = demand_cluster(state, params.get("cluster"))
    body = state.store.get(tasks.TASK, task_key(cluster, params["task"]))
    if body is None:
        raise ServiceError("InvalidParameterException", "The referenced task was not found.")
    if tasks.is_active(body):
        tasks.stop(state, body, "UserInitiated", params.get("reason") or "Task stopped by user")
        if body["service"]:
            tasks.poke(state, body["service"])
    return {"task": _told(body)}


def run_task(state: SandboxState, params: Document) -> Document:
    """RunTask: each works for a while and ends well, unless a fault for its family (phase create) says otherwise.

    A client token that was there before gives the tasks that were started then.
    """
    cluster = demand_cluster(state, params.get("cluster"))
    mark = f"{cluster}/{params['clientToken']}" if params.get("clientToken") else ""
    known = state.store.get(STARTED, mark) if mark else None
    if known is not None:
        return {
            "tasks": [_told(body) for name in known["tasks"] if (body := state.store.get(tasks.TASK, name))],
            "failures": [],
        }
    definition = definition_of(state, runnable(state, params["taskDefinition"]))
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
        fault = state.faults.task_fault(family, "create")
        trouble = TaskProblem() if fault is None else TaskProblem(fault.trouble, fault.detail)
        begun.append(tasks.start(state, cluster, definition["taskDefinitionArn"], asked, trouble))
    if mark:
        state.store.put(STARTED, mark, {"tasks": [body["key"] for body in begun]})
    return {"tasks": [_told(body) for body in begun], "failures": []}


def _errand() -> list[Step]:
    """How a task goes on that does its work and ends."""
    end = TaskEnding("EssentialContainerExited", "Essential container in task exited", 0)
    words = {"code": end.code, "reason": end.reason, "exit": end.exit, "container_reason": "", "event": ""}
    return [{"after": ERRAND, "do": "log", "lines": ["Done"]}, {"after": 0.0, "do": "end", **words}]


OFF = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t "
    "running. Wait and try again or run a new task with execute command enabled and try again."
)
"""After answers of the API that users have published."""


def execute_command(state: SandboxState, params: Document) -> Document:
    """ExecuteCommand: a session with a container of a task that runs. The sandbox has no container: nobody answers at its address."""
    cluster = demand_cluster(state, params.get("cluster"))
    if not params.get("interactive"):
        raise ServiceError("InvalidParameterException", "Interactive is the only mode supported currently.")
    body = state.store.get(tasks.TASK, task_key(cluster, params["task"]))
    if body is None:
        raise ServiceError("InvalidParameterException", "The referenced task was not found.")
    task = body["task"]
    if task["lastStatus"] != "RUNNING" or not task["enableExecuteCommand"]:
        raise ServiceError("InvalidParameterException", OFF)
    container = _container(task, params.get("container"))
    number = state.store.next_number("ecs.session")
    name = f"ecs-execute-command-{token('session', task['taskArn'], number, length=17)}"
    stream = f"wss://ssmmessages.{state.region}.amazonaws.com/v1/data-channel/{name}?role=publish_subscribe"
    return {
        "clusterArn": cluster_arn(state, cluster),
        "taskArn": task["taskArn"],
        "containerArn": container["containerArn"],
        "containerName": container["name"],
        "interactive": True,
        "session": {"sessionId": name, "streamUrl": stream, "tokenValue": token(name, "token", length=64)},
    }


def _container(task: Document, name: str | None) -> Document:
    containers: list[Document] = task["containers"]
    if not name and len(containers) > 1:
        raise ServiceError(
            "InvalidParameterException", "Container name must be specified for a task with several containers."
        )
    found = next((one for one in containers if name in (None, "", one["name"])), None)
    if found is None:
        raise ServiceError("InvalidParameterException", "The referenced container was not found.")
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


def _brief(state: SandboxState, deployment: Document) -> Document:
    key = deployment["service"]
    return {
        "serviceDeploymentArn": deployment["arn"],
        "serviceArn": service_arn(state, key),
        "clusterArn": cluster_arn(state, key.partition("/")[0]),
        "createdAt": deployment["createdAt"],
        "startedAt": deployment["createdAt"],
        "finishedAt": deployment.get("finishedAt"),
        "targetServiceRevisionArn": deployment["revision"],
        "status": _status(deployment),
        "statusReason": _reason(deployment),
    }


def list_service_deployments(state: SandboxState, params: Document) -> Document:
    """ListServiceDeployments: latest first, by status and time of creation."""
    key = service_key(params.get("cluster"), params["service"])
    demand_cluster(state, key.partition("/")[0])
    if state.store.get(SERVICE, key) is None:
        raise ServiceError("ServiceNotFoundException", "Service not found.")
    after, before = params.get("createdAt", {}).get("after"), params.get("createdAt", {}).get("before")
    briefs = [_brief(state, one) for one in scheduler.every(state, key)]
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


def describe_service_deployments(state: SandboxState, params: Document) -> Document:
    """DescribeServiceDeployments, by ARN."""
    found, failures = [], []
    for arn in params["serviceDeploymentArns"]:
        key = "/".join(arn.split("/")[1:3])
        deployment = next((one for one in scheduler.every(state, key) if one["arn"] == arn), None)
        if deployment is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(_history_told(state, deployment))
    return {"serviceDeployments": found, "failures": failures}


def _history_told(state: SandboxState, deployment: Document) -> Document:
    brief = _brief(state, deployment)
    target = brief.pop("targetServiceRevisionArn")
    requested = _requested(state, deployment)
    before = [one for one in scheduler.every(state, deployment["service"]) if one["number"] < deployment["number"]]
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


def _requested(state: SandboxState, deployment: Document) -> int:
    """The desired count that the deployment was judged by; a later scaling does not change it. An older state does not hold it."""
    service = state.store.get(SERVICE, deployment["service"]) or {"desired": 0}
    return int(deployment.get("requested", service["desired"]))


def _breaker(deployment: Document, requested: int) -> Document:
    configuration = deployment["configuration"]
    limit = scheduler.threshold(configuration, requested)
    if not configuration.get("deploymentCircuitBreaker", {}).get("enable"):
        status = "DISABLED"
    elif deployment["rolloutState"] == "FAILED":
        status = "TRIGGERED"
    else:
        status = "MONITORING_COMPLETE" if "finishedAt" in deployment else "MONITORING"
    return {"status": status, "failureCount": deployment["failed"], "threshold": limit}
