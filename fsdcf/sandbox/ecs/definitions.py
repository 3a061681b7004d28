"""Task definitions: families and their revisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fsdcf.sandbox.ids import token, unique
from fsdcf.sandbox.state import Refusal, World

KIND = "ecs.definition"
PAGE = 100


def register(world: World, request: dict[str, Any]) -> dict[str, Any]:
    """Registers the next revision of a family; the task definition as DescribeTaskDefinition tells it."""
    family = request["family"]
    if not request.get("containerDefinitions"):
        raise Refusal("ClientException", "Container list cannot be empty.")
    revision = world.store.next_number(f"ecs.family.{family}")
    told = {name: value for name, value in request.items() if name != "tags"}
    containers = [{"essential": True, **container} for container in request["containerDefinitions"]]
    definition = {
        **told,
        "containerDefinitions": containers,
        "taskDefinitionArn": world.arn("ecs", f"task-definition/{family}:{revision}"),
        "revision": revision,
        "status": "ACTIVE",
        "registeredAt": world.clock.now(),
        "compatibilities": ["EC2", *request.get("requiresCompatibilities", [])[:1]],
    }
    world.store.put(KIND, _key(family, revision), {"definition": definition, "tags": request.get("tags", [])})
    return definition


def deregister(world: World, definition: str) -> dict[str, Any]:
    """Makes a revision INACTIVE: services that run it go on. Refusal if there is none."""
    body = _document(world, definition)
    if body is None:
        raise _unknown()
    told: dict[str, Any] = body["definition"]
    if told["status"] == "ACTIVE":
        told |= {"status": "INACTIVE", "deregisteredAt": world.clock.now()}
        world.store.put(KIND, _key(told["family"], told["revision"]), body)
    return told


def definition_of(world: World, definition: str) -> dict[str, Any]:
    """A task definition by ARN, ``family:revision`` or family (its latest ACTIVE revision). Refusal if there is none."""
    body = _document(world, definition)
    if body is None:
        raise _unknown()
    found: dict[str, Any] = body["definition"]
    return found


def runnable(world: World, definition: str) -> str:
    """The ARN of a task definition that a service may be made of. Refusal if there is none, or if it is INACTIVE."""
    found = definition_of(world, definition)
    if found["status"] != "ACTIVE":
        raise Refusal("ClientException", "TaskDefinition is inactive")
    return str(found["taskDefinitionArn"])


def _document(world: World, definition: str) -> dict[str, Any] | None:
    family, _, revision = definition.rpartition("/")[2].partition(":")
    if revision:
        return world.store.get(KIND, _key(family, int(revision))) if revision.isdecimal() else None
    active = [body for _, body in world.store.every(KIND, f"{family}:") if body["definition"]["status"] == "ACTIVE"]
    return active[-1] if active else None


def _unknown() -> Refusal:
    return Refusal("ClientException", "Unable to describe task definition.")


def _key(family: str, revision: int) -> str:
    return f"{family}:{revision:08d}"


def register_task_definition(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """RegisterTaskDefinition."""
    return {"taskDefinition": register(world, params), "tags": params.get("tags", [])}


def deregister_task_definition(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DeregisterTaskDefinition."""
    return {"taskDefinition": deregister(world, params["taskDefinition"])}


def describe_task_definition(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeTaskDefinition."""
    told = {"taskDefinition": definition_of(world, params["taskDefinition"])}
    body = _document(world, params["taskDefinition"])
    return {**told, "tags": body["tags"]} if body is not None and "TAGS" in params.get("include", []) else told


def list_task_definitions(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """ListTaskDefinitions: by family, status and order."""
    prefix = f"{params['familyPrefix']}:" if params.get("familyPrefix") else ""
    status = params.get("status", "ACTIVE")
    told = [body["definition"] for _, body in world.store.every(KIND, prefix)]
    arns = [one["taskDefinitionArn"] for one in told if one["status"] == status]
    return paged(arns[::-1] if params.get("sort") == "DESC" else arns, params, "taskDefinitionArns")


def paged(arns: list[str], params: dict[str, Any], name: str, size: int = PAGE) -> dict[str, Any]:
    """One page of a list under ``name``. The token is the number of those that went before."""
    token = params.get("nextToken") or "0"
    if not token.isdecimal():
        raise Refusal("InvalidParameterException", "Invalid token.")
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


def cluster_arn(world: World, name: str) -> str:
    """The ARN of a cluster."""
    return world.arn("ecs", f"cluster/{name}")


def service_arn(world: World, key: str) -> str:
    """The ARN of the service with this key."""
    return world.arn("ecs", f"service/{key}")


def task_arn(world: World, key: str) -> str:
    """The ARN of the task with this key."""
    return world.arn("ecs", f"task/{key}")


def digits(*parts: object, length: int = 19) -> str:
    """A number that these parts always give, as ECS numbers deployments and revisions."""
    return token(*parts, length=length, alphabet="123456789")


CLUSTERS_KIND = "ecs.cluster"


def create_cluster(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """CreateCluster: an existing one is given back as it is."""
    name = params.get("clusterName") or DEFAULT_CLUSTER
    body = world.store.get(CLUSTERS_KIND, name)
    if body is None or body["status"] != "ACTIVE":
        asked = ("settings", "configuration", "capacityProviders", "defaultCapacityProviderStrategy", "tags")
        body = {"clusterName": name, "status": "ACTIVE", **{key: params[key] for key in asked if key in params}}
        world.store.put(CLUSTERS_KIND, name, body)
    return {"cluster": _told(world, body)}


def ensure_cluster(world: World, cluster: str | None) -> str:
    """The name of a cluster, which exists afterwards: a service of a stack comes with its cluster."""
    name = cluster_of(cluster)
    body = world.store.get(CLUSTERS_KIND, name)
    if body is None or body["status"] != "ACTIVE":
        create_cluster(world, {"clusterName": name})
    return name


def demand_cluster(world: World, cluster: str | None) -> str:
    """The name of a cluster that exists. Refusal ClusterNotFoundException otherwise."""
    name = cluster_of(cluster)
    body = world.store.get(CLUSTERS_KIND, name)
    if body is None or body["status"] != "ACTIVE":
        raise Refusal("ClusterNotFoundException", "Cluster not found.")
    return name


def delete_cluster(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteCluster: refused while it has services."""
    name = demand_cluster(world, params["cluster"])
    body = world.store.get(CLUSTERS_KIND, name) or {}
    if _services(world, name):
        raise Refusal("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    if _tasks(world, name):
        raise Refusal("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    body["status"] = "INACTIVE"
    world.store.put(CLUSTERS_KIND, name, body)
    return {"cluster": _told(world, body)}


def describe_clusters(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeClusters."""
    found, failures = [], []
    for asked in params.get("clusters") or [DEFAULT_CLUSTER]:
        body = world.store.get(CLUSTERS_KIND, cluster_of(asked))
        if body is None:
            failures.append({"arn": cluster_arn(world, cluster_of(asked)), "reason": "MISSING"})
        else:
            found.append(_told(world, body))
    return {"clusters": found, "failures": failures}


def _told(world: World, body: dict[str, Any]) -> dict[str, Any]:
    name = body["clusterName"]
    states = [one["task"]["lastStatus"] for one in _tasks(world, name)]
    running = states.count("RUNNING")
    return {
        **body,
        "clusterArn": cluster_arn(world, name),
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": running,
        "pendingTasksCount": len(states) - running,
        "activeServicesCount": len(_services(world, name)),
    }


def _services(world: World, name: str) -> list[dict[str, Any]]:
    return [body for _, body in world.store.every("ecs.service", f"{name}/") if body["status"] != "INACTIVE"]


def _tasks(world: World, name: str) -> list[dict[str, Any]]:
    return [body for _, body in world.store.every("ecs.task", f"{name}/") if body["task"]["lastStatus"] != "STOPPED"]


EVENTS_KIND = "ecs.events"
KEPT = 100
GUIDE = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."


def say(world: World, key: str, words: str) -> None:
    """An event of the service with this key: ``(service NAME) ...``."""
    body = world.store.get(EVENTS_KIND, key) or {"events": [], "count": 0}
    number = body["count"] + 1
    message = f"(service {key.rpartition('/')[2]}) {words}"
    event = {"id": unique(key, "event", number), "createdAt": world.clock.now(), "message": message}
    world.store.put(EVENTS_KIND, key, {"events": [event, *body["events"]][:KEPT], "count": number})


def said(world: World, key: str) -> list[dict[str, Any]]:
    """The service's events, latest first."""
    events: list[dict[str, Any]] = (world.store.get(EVENTS_KIND, key) or {"events": []})["events"]
    return events


def listed(tasks: Sequence[str]) -> str:
    """Tasks, as events list them: ``(task A) (task B)``."""
    return " ".join(f"(task {task})" for task in tasks)


def started(tasks: Sequence[str], replaced: int = 0) -> str:
    """That tasks have been started, and how many of them replace unhealthy ones."""
    words = f"has started {len(tasks)} tasks: {listed(tasks)}."
    return f"{words} Amazon ECS replaced {replaced} tasks due to an unhealthy status." if replaced else words
