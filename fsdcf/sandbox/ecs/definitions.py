"""Task definitions: families and their revisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fsdcf.sandbox.ids import token, unique
from fsdcf.sandbox.state import SandboxState, ServiceError

DEFINITION = "ecs.definition"
PAGE = 100


def register(state: SandboxState, request: dict[str, Any]) -> dict[str, Any]:
    """Registers the next revision of a family; the task definition as DescribeTaskDefinition tells it."""
    family = request["family"]
    if not request.get("containerDefinitions"):
        raise ServiceError("ClientException", "Container list cannot be empty.")
    revision = state.store.next_number(f"ecs.family.{family}")
    told = {name: value for name, value in request.items() if name != "tags"}
    containers = [{"essential": True, **container} for container in request["containerDefinitions"]]
    definition = {
        **told,
        "containerDefinitions": containers,
        "taskDefinitionArn": state.arn("ecs", f"task-definition/{family}:{revision}"),
        "revision": revision,
        "status": "ACTIVE",
        "registeredAt": state.clock.now(),
        "compatibilities": ["EC2", *request.get("requiresCompatibilities", [])[:1]],
    }
    state.store.put(DEFINITION, _key(family, revision), {"definition": definition, "tags": request.get("tags", [])})
    return definition


def deregister(state: SandboxState, definition: str) -> dict[str, Any]:
    """Makes a revision INACTIVE: services that run it go on. Refusal if there is none."""
    body = _document(state, definition)
    if body is None:
        raise _unknown()
    told: dict[str, Any] = body["definition"]
    if told["status"] == "ACTIVE":
        told |= {"status": "INACTIVE", "deregisteredAt": state.clock.now()}
        state.store.put(DEFINITION, _key(told["family"], told["revision"]), body)
    return told


def definition_of(state: SandboxState, definition: str) -> dict[str, Any]:
    """A task definition by ARN, ``family:revision`` or family (its latest ACTIVE revision). Refusal if there is none."""
    body = _document(state, definition)
    if body is None:
        raise _unknown()
    found: dict[str, Any] = body["definition"]
    return found


def runnable(state: SandboxState, definition: str) -> str:
    """The ARN of a task definition that a service may be made of. Refusal if there is none, or if it is INACTIVE."""
    found = definition_of(state, definition)
    if found["status"] != "ACTIVE":
        raise ServiceError("ClientException", "TaskDefinition is inactive")
    return str(found["taskDefinitionArn"])


def _document(state: SandboxState, definition: str) -> dict[str, Any] | None:
    family, _, revision = definition.rpartition("/")[2].partition(":")
    if revision:
        return state.store.get(DEFINITION, _key(family, int(revision))) if revision.isdecimal() else None
    active = [
        body for _, body in state.store.every(DEFINITION, f"{family}:") if body["definition"]["status"] == "ACTIVE"
    ]
    return active[-1] if active else None


def _unknown() -> ServiceError:
    return ServiceError("ClientException", "Unable to describe task definition.")


def _key(family: str, revision: int) -> str:
    return f"{family}:{revision:08d}"


def register_task_definition(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """RegisterTaskDefinition."""
    return {"taskDefinition": register(state, params), "tags": params.get("tags", [])}


def deregister_task_definition(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DeregisterTaskDefinition."""
    return {"taskDefinition": deregister(state, params["taskDefinition"])}


def describe_task_definition(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeTaskDefinition."""
    told = {"taskDefinition": definition_of(state, params["taskDefinition"])}
    body = _document(state, params["taskDefinition"])
    return {**told, "tags": body["tags"]} if body is not None and "TAGS" in params.get("include", []) else told


def list_task_definitions(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """ListTaskDefinitions: by family, status and order."""
    prefix = f"{params['familyPrefix']}:" if params.get("familyPrefix") else ""
    status = params.get("status", "ACTIVE")
    told = [body["definition"] for _, body in state.store.every(DEFINITION, prefix)]
    arns = [one["taskDefinitionArn"] for one in told if one["status"] == status]
    return paged(arns[::-1] if params.get("sort") == "DESC" else arns, params, "taskDefinitionArns")


def paged(arns: list[str], params: dict[str, Any], name: str, size: int = PAGE) -> dict[str, Any]:
    """One page of a list under ``name``. The token is the number of those that went before."""
    token = params.get("nextToken") or "0"
    if not token.isdecimal():
        raise ServiceError("InvalidParameterException", "Invalid token.")
    start, limit = int(token), min(params.get("maxResults") or size, size)
    page: dict[str, Any] = {name: arns[start : start + limit]}
    return {**page, "nextToken": str(start + limit)} if start + limit < len(arns) else page


DEFAULT_CLUSTER = "default"


def cluster_of(text: str | None) -> str:
    """A cluster's name, out of its name or ARN."""
    return (text or DEFAULT_CLUSTER).rpartition("/")[2]


def service_key(cluster: str | None, service: str) -> str:
    """``cluster/service``, out of names or ARNs. An ARN of the service tells the cluster itself."""
    steps = service.split("/")
    name = steps[-1]
    inside = steps[-2] if len(steps) > 2 else cluster_of(cluster)
    return f"{inside}/{name}"


def task_key(cluster: str | None, task: str) -> str:
    """``cluster/id``, out of an id or an ARN."""
    steps = task.split("/")
    inside = steps[-2] if len(steps) > 2 else cluster_of(cluster)
    return f"{inside}/{steps[-1]}"


def cluster_arn(state: SandboxState, name: str) -> str:
    """The ARN of a cluster."""
    return state.arn("ecs", f"cluster/{name}")


def service_arn(state: SandboxState, key: str) -> str:
    """The ARN of the service with this key."""
    return state.arn("ecs", f"service/{key}")


def task_arn(state: SandboxState, key: str) -> str:
    """The ARN of the task with this key."""
    return state.arn("ecs", f"task/{key}")


def digits(*parts: object, length: int = 19) -> str:
    """A number that these parts always give, as ECS numbers deployments and revisions."""
    return token(*parts, length=length, alphabet="123456789")


CLUSTER = "ecs.cluster"


def create_cluster(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """CreateCluster: an existing one is given back as it is."""
    name = params.get("clusterName") or DEFAULT_CLUSTER
    body = state.store.get(CLUSTER, name)
    if body is None or body["status"] != "ACTIVE":
        asked = ("settings", "configuration", "capacityProviders", "defaultCapacityProviderStrategy", "tags")
        body = {"clusterName": name, "status": "ACTIVE", **{key: params[key] for key in asked if key in params}}
        state.store.put(CLUSTER, name, body)
    return {"cluster": _told(state, body)}


def ensure_cluster(state: SandboxState, cluster: str | None) -> str:
    """The name of a cluster, which exists afterwards: a service of a stack comes with its cluster."""
    name = cluster_of(cluster)
    body = state.store.get(CLUSTER, name)
    if body is None or body["status"] != "ACTIVE":
        create_cluster(state, {"clusterName": name})
    return name


def demand_cluster(state: SandboxState, cluster: str | None) -> str:
    """The name of a cluster that exists. Refusal ClusterNotFoundException otherwise."""
    name = cluster_of(cluster)
    body = state.store.get(CLUSTER, name)
    if body is None or body["status"] != "ACTIVE":
        raise ServiceError("ClusterNotFoundException", "Cluster not found.")
    return name


def delete_cluster(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteCluster: refused while it has services."""
    name = demand_cluster(state, params["cluster"])
    body = state.store.get(CLUSTER, name) or {}
    if _services(state, name):
        raise ServiceError(
            "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
        )
    if _tasks(state, name):
        raise ServiceError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    body["status"] = "INACTIVE"
    state.store.put(CLUSTER, name, body)
    return {"cluster": _told(state, body)}


def describe_clusters(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeClusters."""
    found, failures = [], []
    for asked in params.get("clusters") or [DEFAULT_CLUSTER]:
        body = state.store.get(CLUSTER, cluster_of(asked))
        if body is None:
            failures.append({"arn": cluster_arn(state, cluster_of(asked)), "reason": "MISSING"})
        else:
            found.append(_told(state, body))
    return {"clusters": found, "failures": failures}


def _told(state: SandboxState, body: dict[str, Any]) -> dict[str, Any]:
    name = body["clusterName"]
    states = [one["task"]["lastStatus"] for one in _tasks(state, name)]
    running = states.count("RUNNING")
    return {
        **body,
        "clusterArn": cluster_arn(state, name),
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": running,
        "pendingTasksCount": len(states) - running,
        "activeServicesCount": len(_services(state, name)),
    }


def _services(state: SandboxState, name: str) -> list[dict[str, Any]]:
    return [body for _, body in state.store.every("ecs.service", f"{name}/") if body["status"] != "INACTIVE"]


def _tasks(state: SandboxState, name: str) -> list[dict[str, Any]]:
    return [body for _, body in state.store.every("ecs.task", f"{name}/") if body["task"]["lastStatus"] != "STOPPED"]


SERVICE_EVENTS = "ecs.events"
KEPT = 100
GUIDE = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."


def say(state: SandboxState, key: str, words: str) -> None:
    """An event of the service with this key: ``(service NAME) ...``."""
    body = state.store.get(SERVICE_EVENTS, key) or {"events": [], "count": 0}
    number = body["count"] + 1
    message = f"(service {key.rpartition('/')[2]}) {words}"
    event = {"id": unique(key, "event", number), "createdAt": state.clock.now(), "message": message}
    state.store.put(SERVICE_EVENTS, key, {"events": [event, *body["events"]][:KEPT], "count": number})


def said(state: SandboxState, key: str) -> list[dict[str, Any]]:
    """The service's events, latest first."""
    events: list[dict[str, Any]] = (state.store.get(SERVICE_EVENTS, key) or {"events": []})["events"]
    return events


def listed(tasks: Sequence[str]) -> str:
    """Tasks, as events list them: ``(task A) (task B)``."""
    return " ".join(f"(task {task})" for task in tasks)


def started(tasks: Sequence[str], replaced: int = 0) -> str:
    """That tasks have been started, and how many of them replace unhealthy ones."""
    words = f"has started {len(tasks)} tasks: {listed(tasks)}."
    return f"{words} Amazon ECS replaced {replaced} tasks due to an unhealthy status." if replaced else words
