"""Services: created, updated, deleted and described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.sandbox.ecs import deployments, tasks
from fsdcf.sandbox.ecs.definitions import EVENTS_KIND as EVENTS
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
)
from fsdcf.sandbox.ecs.life import Trouble
from fsdcf.sandbox.ecs.scheduler import KIND
from fsdcf.sandbox.faults import Phase
from fsdcf.sandbox.state import Refusal, World

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


def create_service(world: World, request: Mapping[str, Any], logical_id: str = "") -> Document:
    """Makes a service and begins its first deployment; the service as DescribeServices tells it.

    The request is that of CreateService; the cluster is made when there is none. ``logical_id`` is what faults know the service by, in a
    stack. Refusal if an active service has the name.
    """
    cluster = ensure_cluster(world, request.get("cluster"))
    name = request["serviceName"]
    key = f"{cluster}/{name}"
    old = world.store.get(KIND, key)
    if old is not None and old["status"] != "INACTIVE":
        raise Refusal("InvalidParameterException", "Creation of service was not idempotent.")
    deployments.forget_all(world, key)
    world.store.remove(EVENTS, key)
    settings = {ours: request.get(theirs, default) for ours, (theirs, default) in _SETTINGS.items()}
    service = {
        **settings,
        "key": key,
        "name": name,
        "status": "ACTIVE",
        "desired": int(request.get("desiredCount", 1)),
        "taskDefinition": runnable(world, request["taskDefinition"]),
        "launchType": request.get("launchType"),
        "tags": request.get("tags", []),
        "createdAt": world.clock.now(),
        "configuration": _configured(request.get("deploymentConfiguration", {})),
    }
    _deploy(world, service, _trouble(world, logical_id or name, "create"))
    return told(world, service)


def _configured(asked: Mapping[str, Any]) -> Document:
    """A deployment configuration with ECS's defaults."""
    return {
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "strategy": "ROLLING",
        **asked,
    }


def _trouble(world: World, name: str, phase: Phase) -> Trouble:
    fault = world.faults.of_tasks(name, phase)
    return Trouble() if fault is None else Trouble(fault.trouble, fault.detail)


def _deploy(world: World, service: Document, trouble: Trouble) -> None:
    deployments.begin(world, service, trouble)
    world.store.put(KIND, service["key"], service)
    tasks.wake(world, service["key"], world.clock.now() + world.lasting(FIRST_LOOK))


def update_service(world: World, request: Mapping[str, Any], logical_id: str = "", phase: Phase = "update") -> Document:
    """Changes a service; the service as DescribeServices tells it.

    A new deployment begins when the tasks would be others than now. ``phase`` is what faults know the update by: ``rollback`` for the way
    back of a stack. Refusal if the service does not exist or is being deleted.
    """
    key = service_key(request.get("cluster"), request["service"])
    service = _demand(world, key)
    if service["status"] != "ACTIVE":
        raise Refusal("ServiceNotActiveException", "Service was not ACTIVE.")
    before = {name: service[name] for name in (*_REDEPLOYED, "taskDefinition")}
    for ours, (theirs, _) in _SETTINGS.items():
        if request.get(theirs) is not None:
            service[ours] = request[theirs]
    service["configuration"] = _configured(service["configuration"])
    service["desired"] = int(request.get("desiredCount", service["desired"]))
    if request.get("taskDefinition"):
        wanted = definition_of(world, request["taskDefinition"])["taskDefinitionArn"]
        service["taskDefinition"] = wanted if wanted == service["taskDefinition"] else runnable(world, wanted)
    if request.get("forceNewDeployment") or any(service[name] != value for name, value in before.items()):
        _deploy(world, service, _trouble(world, logical_id or service["name"], phase))
    else:
        world.store.put(KIND, key, service)
        tasks.poke(world, key)
    return told(world, service)


def delete_service(world: World, cluster: str | None, service: str) -> Document:
    """Deletes a service with its tasks: it is DRAINING until they have stopped, then INACTIVE. Refusal if there is none."""
    key = service_key(cluster, service)
    found = _demand(world, key)
    if found["status"] == "ACTIVE":
        found |= {"status": "DRAINING", "desired": 0}
        world.store.put(KIND, key, found)
        tasks.poke(world, key)
    return told(world, found)


def service_of(world: World, arn: str) -> Document | None:
    """A service by ARN, as DescribeServices tells it; None if there never was one."""
    found = world.store.get(KIND, service_key(None, arn))
    return None if found is None else told(world, found)


def _demand(world: World, key: str) -> Document:
    found = world.store.get(KIND, key)
    if found is None or found["status"] == "INACTIVE":
        raise Refusal("ServiceNotFoundException", "Service not found.")
    return found


def told(world: World, service: Document) -> Document:
    """A service as DescribeServices tells it."""
    key = service["key"]
    active = [body for body in tasks.of_service(world, key) if tasks.is_active(body)]
    living = deployments.living(world, key)
    running = sum(body["task"]["lastStatus"] == "RUNNING" for body in active)
    latest = next(iter(deployments.every(world, key)), None)
    return {
        "serviceArn": service_arn(world, key),
        "serviceName": service["name"],
        "clusterArn": cluster_arn(world, key.partition("/")[0]),
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
        "events": said(world, key),
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


def create_service_call(world: World, params: Document) -> Document:
    """CreateService."""
    demand_cluster(world, params.get("cluster"))
    if not params.get("taskDefinition"):
        raise Refusal("InvalidParameterException", "TaskDefinition can not be blank.")
    return {"service": create_service(world, params)}


def update_service_call(world: World, params: Document) -> Document:
    """UpdateService."""
    demand_cluster(world, service_key(params.get("cluster"), params["service"]).partition("/")[0])
    return {"service": update_service(world, params)}


def delete_service_call(world: World, params: Document) -> Document:
    """DeleteService: refused while the service wants tasks, unless forced."""
    cluster = demand_cluster(world, service_key(params.get("cluster"), params["service"]).partition("/")[0])
    found = _demand(world, service_key(cluster, params["service"]))
    if found["desired"] > 0 and not params.get("force"):
        raise Refusal("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
    return {"service": delete_service(world, cluster, params["service"])}


def describe_services(world: World, params: Document) -> Document:
    """DescribeServices: at most ten."""
    asked = params["services"]
    if not asked:
        raise Refusal("InvalidParameterException", "Services cannot be empty.")
    if len(asked) > 10:
        raise Refusal("InvalidParameterException", "Number of services (names or ARNs) must not exceed 10.")
    cluster = demand_cluster(world, params.get("cluster"))
    services, failures = [], []
    for name in asked:
        key = service_key(cluster, name)
        found = world.store.get(KIND, key) if key.partition("/")[0] == cluster else None
        if found is None:
            failures.append({"arn": service_arn(world, key), "reason": "MISSING"})
            continue
        tags = {"tags": found["tags"]} if "TAGS" in params.get("include", []) else {}
        services.append({**told(world, found), **tags})
    return {"services": services, "failures": failures}


def list_services(world: World, params: Document) -> Document:
    """ListServices of a cluster."""
    cluster = cluster_of(demand_cluster(world, params.get("cluster")))
    found = [key for key, body in world.store.every(KIND, f"{cluster}/") if body["status"] != "INACTIVE"]
    return paged([service_arn(world, key) for key in found], params, "serviceArns", 10)
