"""Task definitions, clusters, the keys and ARNs of ECS, and the events of services."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fsdcf.sandbox.ids import token, unique
from fsdcf.sandbox.state import Document, SandboxState, ServiceError, page

DEFINITION = "ecs.definition"
CLUSTER = "ecs.cluster"
SERVICE = "ecs.service"
TASK = "ecs.task"
STOPPED_TASK = "ecs.task.stopped"
"""The kind of tasks that have stopped: the scheduler, which reads the others with every step, is done with them."""
SERVICE_EVENTS = "ecs.events"

DEFAULT_CLUSTER = "default"
PAGE = 100
MOST_EVENTS = 100
GUIDE = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."


def register(state: SandboxState, request: Document) -> Document:
    """Register the next revision of a family and return it in the form of DescribeTaskDefinition."""
    family = request["family"]
    if not request.get("containerDefinitions"):
        raise ServiceError("ClientException", "Container list cannot be empty.")
    revision = state.store.next_number(f"ecs.family.{family}")
    definition = {
        **{name: value for name, value in request.items() if name != "tags"},
        "containerDefinitions": [{"essential": True, **container} for container in request["containerDefinitions"]],
        "taskDefinitionArn": state.arn("ecs", f"task-definition/{family}:{revision}"),
        "revision": revision,
        "status": "ACTIVE",
        "registeredAt": state.clock.now(),
        "compatibilities": ["EC2", *request.get("requiresCompatibilities", [])[:1]],
    }
    body = {"definition": definition, "tags": request.get("tags", [])}
    state.store.put(DEFINITION, _definition_key(family, revision), body)
    return definition


def deregister(state: SandboxState, definition: str) -> None:
    """Make a revision INACTIVE. Services with it continue to run. Raises ServiceError if it does not exist."""
    body = _document(state, definition)
    described: Document = body["definition"]
    if described["status"] == "ACTIVE":
        described |= {"status": "INACTIVE", "deregisteredAt": state.clock.now()}
        state.store.put(DEFINITION, _definition_key(described["family"], described["revision"]), body)


def definition_of(state: SandboxState, definition: str) -> Document:
    """Return a task definition by ARN, ``family:revision`` or family (its latest ACTIVE revision).

    Raises ServiceError.
    """
    definition_body: Document = _document(state, definition)["definition"]
    return definition_body


def runnable(state: SandboxState, definition: str) -> str:
    """Return the ARN of a task definition. Raises ServiceError if it does not exist or is INACTIVE."""
    described = definition_of(state, definition)
    if described["status"] != "ACTIVE":
        raise ServiceError("ClientException", "TaskDefinition is inactive")
    return str(described["taskDefinitionArn"])


def _document(state: SandboxState, definition: str) -> Document:
    family, _, revision = definition.rpartition("/")[2].partition(":")
    if revision:
        body = state.store.get(DEFINITION, _definition_key(family, int(revision))) if revision.isdecimal() else None
    else:
        revisions = [one for _, one in state.store.every(DEFINITION, f"{family}:")]
        body = next((one for one in reversed(revisions) if one["definition"]["status"] == "ACTIVE"), None)
    if body is None:
        raise ServiceError("ClientException", "Unable to describe task definition.")
    return body


def _definition_key(family: str, revision: int) -> str:
    return f"{family}:{revision:08d}"


def register_task_definition(state: SandboxState, params: Document) -> Document:
    """RegisterTaskDefinition."""
    return {"taskDefinition": register(state, params), "tags": params.get("tags", [])}


def describe_task_definition(state: SandboxState, params: Document) -> Document:
    """DescribeTaskDefinition."""
    body = _document(state, params["taskDefinition"])
    return {"taskDefinition": body["definition"], "tags": requested_tags(params, body)}


def requested_tags(params: Document, body: Document) -> Any:
    """Return the tags of a document if the request includes them."""
    return body["tags"] if "TAGS" in params.get("include", []) else None


def described(name: str, arns: Mapping[str, str], describe: Callable[[str], Document | None]) -> Document:
    """Return the descriptions under ``name`` and, for the keys that have none, the failures. ``arns`` are by key."""
    known = {key: describe(key) for key in arns}
    return {
        name: [body for body in known.values() if body is not None],
        "failures": [{"arn": arns[key], "reason": "MISSING"} for key, body in known.items() if body is None],
    }


def list_task_definitions(state: SandboxState, params: Document) -> Document:
    """ListTaskDefinitions, by family, status and order."""
    prefix = f"{params['familyPrefix']}:" if params.get("familyPrefix") else ""
    definitions = [body["definition"] for _, body in state.store.every(DEFINITION, prefix)]
    status = params.get("status", "ACTIVE")
    arns = [definition["taskDefinitionArn"] for definition in definitions if definition["status"] == status]
    return paged(arns[::-1] if params.get("sort") == "DESC" else arns, params, "taskDefinitionArns")


def paged(items: Sequence[Any], params: Document, name: str, size: int = PAGE) -> Document:
    """Return one page of a list. Raises ServiceError for a token that was never returned."""
    return page(items, params, name, size, ServiceError("InvalidParameterException", "Invalid token."))


def cluster_name(name_or_arn: str | None) -> str:
    """Return the name of a cluster from its name or ARN."""
    return (name_or_arn or DEFAULT_CLUSTER).rpartition("/")[2]


def key_of(cluster: str | None, name_or_arn: str) -> str:
    """Return the key of a service or a task, ``cluster/name``. An ARN contains the cluster itself."""
    steps = name_or_arn.split("/")
    return f"{steps[-2] if len(steps) > 2 else cluster_name(cluster)}/{steps[-1]}"


def cluster_arn(state: SandboxState, key: str) -> str:
    """Return the ARN of a cluster, by its name or by the key of a service or task in it."""
    return state.arn("ecs", f"cluster/{key.partition('/')[0]}")


def service_arn(state: SandboxState, key: str) -> str:
    """Return the ARN of a service, by its key."""
    return state.arn("ecs", f"service/{key}")


def task_arn(state: SandboxState, key: str) -> str:
    """Return the ARN of a task, by its key."""
    return state.arn("ecs", f"task/{key}")


def digits(*seed: object, length: int = 19) -> str:
    """Return a number that depends on ``seed``, like those of deployments and revisions."""
    return token(*seed, length=length, alphabet="123456789")


def create_cluster(state: SandboxState, request: Document) -> None:
    """Create a cluster from a request of CreateCluster, unless it exists."""
    name = request.get("clusterName") or DEFAULT_CLUSTER
    if _active_cluster(state, name) is None:
        members = (
            *("settings", "configuration", "capacityProviders", "defaultCapacityProviderStrategy"),
            *("serviceConnectDefaults", "tags"),
        )
        chosen = {key: request[key] for key in members if key in request}
        state.store.put(CLUSTER, name, {"clusterName": name, "status": "ACTIVE", **chosen})


def _active_cluster(state: SandboxState, name: str) -> Document | None:
    body = state.store.get(CLUSTER, name)
    return body if body is not None and body["status"] == "ACTIVE" else None


def existing_cluster(state: SandboxState, name_or_arn: str | None) -> str:
    """Return the name of an existing cluster. Raises ServiceError."""
    name = cluster_name(name_or_arn)
    if _active_cluster(state, name) is None:
        raise ServiceError("ClusterNotFoundException", "Cluster not found.")
    return name


def delete_cluster(state: SandboxState, cluster: str) -> None:
    """Delete a cluster. Raises ServiceError if it does not exist, or contains services or tasks."""
    name = existing_cluster(state, cluster)
    if _services(state, name):
        message = "The Cluster cannot be deleted while Services are active."
        raise ServiceError("ClusterContainsServicesException", message)
    if _tasks(state, name):
        raise ServiceError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    state.store.put(CLUSTER, name, {**(_active_cluster(state, name) or {}), "status": "INACTIVE"})


def describe_clusters(state: SandboxState, params: Document) -> Document:
    """DescribeClusters."""

    def describe(name: str) -> Document | None:
        states = [task["task"]["lastStatus"] for task in _tasks(state, name)]
        running = states.count("RUNNING")
        body = state.store.get(CLUSTER, name)
        return body and {
            **body,
            "clusterArn": cluster_arn(state, name),
            "runningTasksCount": running,
            "pendingTasksCount": len(states) - running,
            "registeredContainerInstancesCount": 0,
            "activeServicesCount": len(_services(state, name)),
        }

    names = map(cluster_name, params.get("clusters") or [DEFAULT_CLUSTER])
    return described("clusters", {name: cluster_arn(state, name) for name in names}, describe)


def _services(state: SandboxState, cluster: str) -> list[Document]:
    return [body for _, body in state.store.every(SERVICE, f"{cluster}/") if body["status"] != "INACTIVE"]


def _tasks(state: SandboxState, cluster: str) -> list[Document]:
    return [body for _, body in state.store.every(TASK, f"{cluster}/") if body["task"]["lastStatus"] != "STOPPED"]


def add_event(state: SandboxState, key: str, text: str) -> None:
    """Add an event of a service, by its key: ``(service NAME) TEXT``."""
    body = state.store.get(SERVICE_EVENTS, key) or {"events": [], "count": 0}
    number = body["count"] + 1
    message = f"(service {key.rpartition('/')[2]}) {text}"
    event = {"id": unique(key, "event", number), "createdAt": state.clock.now(), "message": message}
    state.store.put(SERVICE_EVENTS, key, {"events": [event, *body["events"]][:MOST_EVENTS], "count": number})


def events_of(state: SandboxState, key: str) -> list[Document]:
    """Return the events of a service, latest first."""
    events: list[Document] = (state.store.get(SERVICE_EVENTS, key) or {"events": []})["events"]
    return events


def listed(tasks: Sequence[str]) -> str:
    """List tasks in the form of events: ``(task A) (task B)``."""
    return " ".join(f"(task {task})" for task in tasks)
