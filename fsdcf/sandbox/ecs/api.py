"""The operations on services, their deployments and tasks."""

from __future__ import annotations

from typing import Any

from fsdcf.conventions import NOT_RUN
from fsdcf.sandbox.ecs import connections, scheduler, tasks
from fsdcf.sandbox.ecs.definitions import (
    SERVICE,
    SERVICE_EVENTS,
    cluster_arn,
    cluster_name,
    create_cluster,
    definition_of,
    described,
    events_of,
    existing_cluster,
    key_of,
    paged,
    requested_tags,
    runnable,
    service_arn,
    task_arn,
)
from fsdcf.sandbox.ecs.life import TaskEnding, TaskProblem, end_step
from fsdcf.sandbox.faults import Phase
from fsdcf.sandbox.ids import token
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError

FIRST_CHECK = 5.0
"""Seconds until the scheduler begins with a new deployment."""

ONE_OFF = 10.0
"""Seconds that a task of RunTask works before it stops."""

STARTED = "ecs.started"

EXECUTE_DISABLED = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command "
    "agent isn’t running. Wait and try again or run a new task with execute command enabled and try again."
)
"""After answers of the API that users have published."""

_CONNECT = "serviceConnectConfiguration"
"""The setting that ECS describes with the deployments."""

_SETTINGS: Data = {
    "capacityProviderStrategy": [],
    "deploymentConfiguration": {},
    "networkConfiguration": {},
    "loadBalancers": [],
    "serviceRegistries": [],
    _CONNECT: {},
    "healthCheckGracePeriodSeconds": 0,
    "enableExecuteCommand": False,
    "enableECSManagedTags": False,
    "propagateTags": "NONE",
    "availabilityZoneRebalancing": "ENABLED",
}
"""The settings of a service, by the members of the request, with their defaults."""

_REDEPLOYED = (
    *("capacityProviderStrategy", "networkConfiguration", "loadBalancers", "serviceRegistries"),
    *(_CONNECT, "taskDefinition"),
)
"""Settings whose change begins a new deployment.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html"""

_DEFAULT_CONFIGURATION = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "strategy": "ROLLING",
}


_NO_SERVICE = ServiceError("ServiceNotFoundException", "Service not found.")


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


def create_service(state: SandboxState, request: Data, logical_id: str = "") -> Document:
    """Create a service from a request of CreateService, begin its first deployment, and describe it.

    The cluster is created if it does not exist. ``logical_id`` is the service's name in faults. Raises ServiceError if
    an active service has the name, or if something that it refers to does not exist.
    """
    cluster, name = cluster_name(request.get("cluster")), request["serviceName"]
    create_cluster(state, {"clusterName": cluster})
    key = f"{cluster}/{name}"
    existing = state.store.get(SERVICE, key)
    if existing is not None and existing["status"] != "INACTIVE":
        raise _invalid("Creation of service was not idempotent.")
    scheduler.forget_all(state, key)
    state.store.remove(SERVICE_EVENTS, key)
    service = {
        **{member: request.get(member, default) for member, default in _SETTINGS.items()},
        "key": key,
        "name": name,
        "logical": logical_id,
        "status": "ACTIVE",
        "desired": int(request.get("desiredCount", 1)),
        "taskDefinition": runnable(state, request["taskDefinition"]),
        "launchType": request.get("launchType"),
        "tags": request.get("tags", []),
        "createdAt": state.clock.now(),
        "deploymentConfiguration": {**_DEFAULT_CONFIGURATION, **request.get("deploymentConfiguration", {})},
    }
    connections.check(state, service)
    _deploy(state, service, _problem(state, logical_id or name, "create"))
    return _described_service(state, service)


def _problem(state: SandboxState, name: str, phase: Phase) -> TaskProblem:
    fault = state.faults.task_fault(name, phase)
    return TaskProblem() if fault is None else TaskProblem.of(fault.problem, fault.detail)


def _deploy(state: SandboxState, service: Document, problem: TaskProblem) -> None:
    scheduler.begin(state, service, problem)
    state.store.put(SERVICE, service["key"], service)
    tasks.wake(state, service["key"], state.clock.now() + state.duration(FIRST_CHECK))


def update_service(state: SandboxState, request: Data, logical_id: str = "", phase: Phase = "update") -> Document:
    """Change a service by a request of UpdateService, and describe it.

    A new deployment begins if the tasks have to change. ``phase`` is that of faults: ``rollback`` when a stack rolls
    back. Raises ServiceError if the service does not exist or is being deleted.
    """
    key = key_of(request.get("cluster"), request["service"])
    service = _service(state, key)
    if service["status"] != "ACTIVE":
        raise ServiceError("ServiceNotActiveException", "Service was not ACTIVE.")
    was, before = dict(service), {name: service[name] for name in _REDEPLOYED}
    service |= {member: request[member] for member in _SETTINGS if request.get(member) is not None}
    service["deploymentConfiguration"] = {**_DEFAULT_CONFIGURATION, **service["deploymentConfiguration"]}
    service["desired"] = int(request.get("desiredCount", service["desired"]))
    if request.get("taskDefinition"):
        wanted = definition_of(state, request["taskDefinition"])["taskDefinitionArn"]
        service["taskDefinition"] = wanted if wanted == service["taskDefinition"] else runnable(state, wanted)
    connections.check(state, service)
    connections.check_change(state, was, service)
    if request.get("forceNewDeployment") or any(service[name] != value for name, value in before.items()):
        _deploy(state, service, _problem(state, logical_id or service["name"], phase))
    else:
        state.store.put(SERVICE, key, service)
        tasks.wake_now(state, key)
    return _described_service(state, service)


def tag_service(state: SandboxState, service_arn: str, tags: list[Document]) -> None:
    """Replace the tags of a service; its running tasks keep theirs."""
    key = key_of(None, service_arn)
    state.store.put(SERVICE, key, {**_service(state, key), "tags": tags})


def delete_service(state: SandboxState, service_arn: str) -> None:
    """Delete a service: it is DRAINING until its tasks have stopped, then INACTIVE.

    Raises ServiceError if it does not exist.
    """
    key = key_of(None, service_arn)
    service = _service(state, key)
    if service["status"] == "ACTIVE":
        state.store.put(SERVICE, key, {**service, "status": "DRAINING", "desired": 0})
        tasks.wake_now(state, key)


def service_of(state: SandboxState, service_arn: str) -> Document | None:
    """Describe a service by its ARN. None if it has never existed."""
    service = state.store.get(SERVICE, key_of(None, service_arn))
    return None if service is None else _described_service(state, service)


def _service(state: SandboxState, key: str) -> Document:
    service = {**_SETTINGS, **state.existing(SERVICE, key, _NO_SERVICE)}
    if service["status"] == "INACTIVE":
        raise _NO_SERVICE
    return service


def _described_service(state: SandboxState, service: Document) -> Document:
    """Describe a service in the form of DescribeServices."""
    key = service["key"]
    active = [body for body in tasks.of_service(state, key) if tasks.is_active(body)]
    deployments_now = scheduler.current_deployments(state, key)
    running = sum(body["task"]["lastStatus"] == "RUNNING" for body in active)
    latest = next(iter(scheduler.every(state, key)), None)
    strategy = service["capacityProviderStrategy"] or None
    launched = {
        "capacityProviderStrategy": strategy,
        "launchType": None if strategy else service["launchType"] or "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "networkConfiguration": service["networkConfiguration"] or None,
    }
    members = ("id", "status", "taskDefinition", "createdAt", "updatedAt", "rolloutState", "rolloutStateReason")
    deployments, revisions = [], []
    for deployment in deployments_now:
        states = [body["task"]["lastStatus"] for body in active if body["deployment"] == deployment["id"]]
        desired = service["desired"] if deployment["status"] == "PRIMARY" else len(states)
        up = states.count("RUNNING")
        counts = {"desiredCount": desired, "runningCount": up, "pendingCount": len(states) - up}
        shared = {name: deployment[name] for name in members} | {_CONNECT: service.get(_CONNECT) or None}
        deployments.append({**shared, **counts, "failedTasks": deployment["failed"], **launched})
        revisions.append(
            {
                "arn": deployment["revision"],
                "requestedTaskCount": desired,
                "runningTaskCount": up,
                "pendingTaskCount": len(states) - up,
            }
        )
    return {
        **{name: service.get(name, default) for name, default in _SETTINGS.items() if name != _CONNECT},
        **{name: service[name] for name in ("status", "taskDefinition", "createdAt")},
        "serviceArn": service_arn(state, key),
        "serviceName": service["name"],
        "clusterArn": cluster_arn(state, key),
        "desiredCount": service["desired"],
        "runningCount": running,
        "pendingCount": len(active) - running,
        **launched,
        "deployments": deployments,
        "events": events_of(state, key),
        "currentServiceDeployment": latest["arn"] if latest is not None and "finishedAt" not in latest else None,
        "currentServiceRevisions": revisions,
        "placementConstraints": [],
        "placementStrategy": [],
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
    }


def update_service_operation(state: SandboxState, params: Document) -> Document:
    """UpdateService."""
    existing_cluster(state, key_of(params.get("cluster"), params["service"]).partition("/")[0])
    return {"service": update_service(state, params)}


def describe_services(state: SandboxState, params: Document) -> Document:
    """DescribeServices, at most ten."""
    names = params["services"]
    if not names:
        raise _invalid("Services cannot be empty.")
    if len(names) > 10:
        raise _invalid("Number of services (names or ARNs) must not exceed 10.")
    cluster = existing_cluster(state, params.get("cluster"))

    def describe(key: str) -> Document | None:
        service = state.store.get(SERVICE, key) if key.partition("/")[0] == cluster else None
        if service is not None:
            scheduler.strike(state, service)
        return service and {**_described_service(state, service), "tags": requested_tags(params, service)}

    keys = {key: service_arn(state, key) for key in (key_of(cluster, name) for name in names)}
    return described("services", keys, describe)


def list_services(state: SandboxState, params: Document) -> Document:
    """ListServices, of a cluster."""
    cluster = existing_cluster(state, params.get("cluster"))
    keys = [key for key, body in state.store.every(SERVICE, f"{cluster}/") if body["status"] != "INACTIVE"]
    return paged([service_arn(state, key) for key in keys], params, "serviceArns", 10)


def list_tasks(state: SandboxState, params: Document) -> Document:
    """ListTasks, latest first, by service, family, startedBy and desired status (RUNNING by default)."""
    cluster = existing_cluster(state, params.get("cluster"))
    key = key_of(cluster, params["serviceName"]) if params.get("serviceName") else ""
    if key:
        state.existing(SERVICE, key, _NO_SERVICE)
    wanted = {
        "desiredStatus": params.get("desiredStatus") or "RUNNING",
        "startedBy": params.get("startedBy"),
        "family": params.get("family"),
        "service": key,
    }
    bodies = tasks.known(state, f"{cluster}/")
    bodies.sort(key=lambda body: -body["number"])
    arns = [
        body["task"]["taskArn"]
        for body in bodies
        if all(value in (None, "", _property(body, name)) for name, value in wanted.items())
    ]
    return paged(arns, params, "taskArns")


def _property(body: Document, name: str) -> Any:
    if name == "family":
        return body["task"]["taskDefinitionArn"].rpartition("/")[2].partition(":")[0]
    return body["service"] if name == "service" else body["task"][name]


def describe_tasks(state: SandboxState, params: Document) -> Document:
    """DescribeTasks, at most a hundred."""
    cluster, names = existing_cluster(state, params.get("cluster")), params["tasks"]
    if not names:
        raise _invalid("Tasks cannot be empty.")
    if len(names) > 100:
        raise _invalid("Number of tasks (ids or ARNs) must not exceed 100.")

    def describe(key: str) -> Document | None:
        body = tasks.find(state, key)
        return body and {**body["task"], "tags": requested_tags(params, body["task"])}

    return described(
        "tasks", {key: task_arn(state, key) for key in (key_of(cluster, name) for name in names)}, describe
    )


def _task(state: SandboxState, cluster: str, name: str) -> Document:
    body = tasks.find(state, key_of(cluster, name))
    if body is None:
        raise _invalid("The referenced task was not found.")
    return body


def stop_task(state: SandboxState, params: Document) -> Document:
    """StopTask. The scheduler replaces the task of a service."""
    body = _task(state, existing_cluster(state, params.get("cluster")), params["task"])
    if tasks.is_active(body):
        tasks.stop(state, body, "UserInitiated", params.get("reason") or "Task stopped by user")
        if body["service"]:
            tasks.wake_now(state, body["service"])
    return {"task": body["task"]}


def run_task(state: SandboxState, params: Document) -> Document:
    """RunTask.

    Each task works for a while. It ends with exit code 0, or without an exit code if the caller chose the command,
    which was not run. A fault of its family (phase create) gives it another end, such as another exit code.

    A repeated client token gets the tasks of the first call.
    """
    cluster = existing_cluster(state, params.get("cluster"))
    mark = f"{cluster}/{params['clientToken']}" if params.get("clientToken") else ""
    known = state.store.get(STARTED, mark) if mark else None
    if known is None:
        known = {"tasks": _run(state, cluster, params)}
        if mark:
            state.store.put(STARTED, mark, known)
    bodies = (tasks.find(state, key) for key in known["tasks"])
    return {"tasks": [body["task"] for body in bodies if body is not None], "failures": []}


def _run(state: SandboxState, cluster: str, params: Document) -> list[str]:
    """Start the tasks of RunTask and return their keys."""
    definition = definition_of(state, runnable(state, params["taskDefinition"]))
    options = {"group": f"family:{definition['family']}", **params}
    work = {"after": ONE_OFF, "do": "log", "lines": [NOT_RUN]}
    end = end_step(0.0, TaskEnding("TaskFailedToStart", NOT_RUN))
    overrides = params.get("overrides", {}).get("containerOverrides", [])
    chosen = any(one.get("command") for one in overrides)
    keys = []
    for _ in range(params.get("count") or 1):
        problem = _problem(state, definition["family"], "create")
        problem = problem if problem.word or chosen else TaskProblem("exit", "0")
        body = tasks.start(state, cluster, definition["taskDefinitionArn"], options, problem, (work, end))
        keys.append(body["key"])
    return keys


def execute_command(state: SandboxState, params: Document) -> Document:
    """ExecuteCommand: a session with a container of a running task.

    Without a container, nothing answers at its address.
    """
    cluster = existing_cluster(state, params.get("cluster"))
    if not params.get("interactive"):
        raise _invalid("Interactive is the only mode supported currently.")
    task = _task(state, cluster, params["task"])["task"]
    if task["lastStatus"] != "RUNNING" or not task["enableExecuteCommand"]:
        raise _invalid(EXECUTE_DISABLED)
    name = params.get("container")
    if not name and len(task["containers"]) > 1:
        raise _invalid("Container name must be specified for a task with several containers.")
    container = next((one for one in task["containers"] if not name or one["name"] == name), None)
    if container is None:
        raise _invalid("The referenced container was not found.")
    number = state.store.next_number("ecs.session")
    session = f"ecs-execute-command-{token('session', task['taskArn'], number, length=17)}"
    stream = f"wss://ssmmessages.{state.region}.{state.url_suffix}/v1/data-channel/{session}?role=publish_subscribe"
    return {
        "clusterArn": cluster_arn(state, cluster),
        "taskArn": task["taskArn"],
        "containerArn": container["containerArn"],
        "containerName": container["name"],
        "interactive": True,
        "session": {"sessionId": session, "streamUrl": stream, "tokenValue": token(session, "token", length=64)},
    }


def _deployment_status(deployment: Document) -> str:
    """Return the status of a service deployment.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html
    """
    if "rollback" in deployment:
        return "ROLLBACK_SUCCESSFUL" if "finishedAt" in deployment else "ROLLBACK_IN_PROGRESS"
    if deployment["rolloutState"] == "FAILED":
        return "STOPPED"
    if "finishedAt" in deployment:
        return "SUCCESSFUL"
    return "IN_PROGRESS" if deployment["status"] == "PRIMARY" else "STOPPED"


def _deployment_summary(state: SandboxState, deployment: Document) -> Document:
    key = deployment["service"]
    outcome = "rolled back" if "rollback" in deployment else "stopped"
    reason = f"Service deployment {outcome} because the circuit breaker threshold was exceeded."
    return {
        "serviceDeploymentArn": deployment["arn"],
        "serviceArn": service_arn(state, key),
        "clusterArn": cluster_arn(state, key),
        "createdAt": deployment["createdAt"],
        "startedAt": deployment["createdAt"],
        "finishedAt": deployment.get("finishedAt"),
        "status": _deployment_status(deployment),
        "statusReason": reason if deployment["rolloutState"] == "FAILED" else None,
    }


def list_service_deployments(state: SandboxState, params: Document) -> Document:
    """ListServiceDeployments, latest first, by status and time of creation."""
    key = key_of(params.get("cluster"), params["service"])
    existing_cluster(state, key.partition("/")[0])
    state.existing(SERVICE, key, _NO_SERVICE)
    created = params.get("createdAt", {})
    after, before = created.get("after", float("-inf")), created.get("before", float("inf"))
    summaries = [
        {**_deployment_summary(state, deployment), "targetServiceRevisionArn": deployment["revision"]}
        for deployment in scheduler.every(state, key)
        if after < deployment["createdAt"] < before
        and (not params.get("status") or _deployment_status(deployment) in params["status"])
    ]
    return paged(summaries, params, "serviceDeployments")


def describe_service_deployments(state: SandboxState, params: Document) -> Document:
    """DescribeServiceDeployments, by ARN."""

    def describe(arn: str) -> Document | None:
        key = "/".join(arn.split("/")[1:3])
        return next(
            (_described_deployment(state, one) for one in scheduler.every(state, key) if one["arn"] == arn), None
        )

    return described("serviceDeployments", {arn: arn for arn in params["serviceDeploymentArns"]}, describe)


def _described_deployment(state: SandboxState, deployment: Document) -> Document:
    # The desired count at the time of the deployment: a later scaling does not change it.
    requested = deployment["requested"]
    deployments = scheduler.every(state, deployment["service"])
    sources = [one for one in deployments if one["number"] < deployment["number"] and one["status"] != "INACTIVE"]
    configuration, rollback = deployment["configuration"], deployment.get("rollback")
    if not configuration.get("deploymentCircuitBreaker", {}).get("enable"):
        breaker = "DISABLED"
    elif deployment["rolloutState"] == "FAILED":
        breaker = "TRIGGERED"
    else:
        breaker = "MONITORING_COMPLETE" if "finishedAt" in deployment else "MONITORING"
    return {
        **_deployment_summary(state, deployment),
        "updatedAt": deployment["updatedAt"],
        "sourceServiceRevisions": [{"arn": one["revision"]} for one in sources],
        "targetServiceRevision": {"arn": deployment["revision"], "requestedTaskCount": requested},
        "deploymentConfiguration": configuration,
        "rollback": rollback
        and {
            "reason": rollback["reason"],
            "startedAt": rollback["at"],
            "serviceRevisionArn": rollback["revision"],
        },
        "deploymentCircuitBreaker": {
            "status": breaker,
            "failureCount": deployment["failed"],
            "threshold": scheduler.threshold(configuration, requested),
        },
    }
