"""Tasks: how they start, go through their states by scheduled steps, stop, and are forgotten an hour later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fsdcf.cloudformation.types.ecs import main_container
from fsdcf.sandbox import efs, elbv2, logs
from fsdcf.sandbox.ecr import known_digest
from fsdcf.sandbox.ecs.definitions import STOPPED_TASK, TASK, add_event, cluster_arn, definition_of, task_arn
from fsdcf.sandbox.ecs.life import (
    EXITED,
    ContainerHealthCheck,
    Step,
    TaskProblem,
    TaskScenario,
    fails_alone,
    later,
    life,
    stopping,
    with_containers,
)
from fsdcf.sandbox.ids import token, unique
from fsdcf.sandbox.state import Data, Document, SandboxState

REMEMBERED = 3600.0
"""Seconds that a stopped task can be described. Source:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-errors.html"""


def start(
    state: SandboxState,
    cluster: str,
    definition_arn: str,
    options: Data,
    problem: TaskProblem,
    last_steps: tuple[Step, ...] = (),
) -> Document:
    """Start a task.

    ``options`` are members of RunTask and, for the task of a service, those of the service, its key (``service``) and
    the id of the ``deployment``. ``last_steps`` end a task that ends by itself.
    """
    number = state.store.next_number("ecs.task")
    name = token("task", state.account, cluster, number, length=32)
    key = f"{cluster}/{name}"
    definition = definition_of(state, definition_arn)
    problem = problem if problem.word else _mount_problem(state, definition)
    containers = {one["name"]: one for one in definition["containerDefinitions"]}
    scenario = _scenario(state, definition, options, problem)
    main = containers[scenario.container]
    body: Document = {
        "key": key,
        "number": number,
        "main": main["name"],
        "service": options.get("service", ""),
        "deployment": options.get("deployment", ""),
        "balancers": options.get("loadBalancers", []),
        "address": _address(number),
        "checked": [one for one, container in containers.items() if container.get("healthCheck")],
        "logs": {one: _log_of(container, name) for one, container in containers.items()},
        "ran": False,
        "settled": False,
        "failed": False,
        "counted": False,
        "task": _new_task(state, key, number, definition, options),
    }
    own = TaskProblem() if fails_alone(problem, containers) else problem
    steps = [*with_containers(life(scenario, own), main["name"], containers, problem), *last_steps]
    _schedule(state, body, steps)
    return body


def _log_of(container: Data, task: str) -> list[str]:
    """The log group and the stream of a container; empty if it does not log to CloudWatch."""
    log = container.get("logConfiguration", {}).get("options", {})
    stream = f"{log.get('awslogs-stream-prefix', 'ecs')}/{container['name']}/{task}"
    return [log["awslogs-group"], stream] if log.get("awslogs-group") else []


def _new_task(state: SandboxState, key: str, number: int, definition: Data, options: Data) -> Document:
    """Return a new task in the form of DescribeTasks."""
    arn, address = task_arn(state, key), _address(number)
    subnets = options.get("networkConfiguration", {}).get("awsvpcConfiguration", {}).get("subnets") or [
        "subnet-00000000"
    ]
    interface = token(key, "interface")
    details = {
        "subnetId": subnets[number % len(subnets)],
        "networkInterfaceId": f"eni-{interface}",
        "macAddress": "0e:" + ":".join(interface[at : at + 2] for at in range(0, 10, 2)),
        "privateIPv4Address": address,
    }
    attachment = {
        "id": unique(key, "attachment"),
        "type": "ElasticNetworkInterface",
        "status": "PRECREATED",
        "details": [{"name": name, "value": value} for name, value in details.items()],
    }
    strategy = options.get("capacityProviderStrategy") or []
    return {
        "taskArn": arn,
        "clusterArn": cluster_arn(state, key),
        "taskDefinitionArn": definition["taskDefinitionArn"],
        "group": options["group"],
        "startedBy": options.get("startedBy"),
        "lastStatus": "PROVISIONING",
        "desiredStatus": "RUNNING",
        "healthStatus": "UNKNOWN",
        "launchType": "FARGATE",
        "capacityProviderName": strategy[number % len(strategy)]["capacityProvider"] if strategy else None,
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        **{name: options.get("overrides", {}).get(name) or definition.get(name) for name in ("cpu", "memory")},
        "availabilityZone": state.region + "abc"[number % 3],
        "createdAt": state.clock.now(),
        "version": 1,
        "enableExecuteCommand": bool(options.get("enableExecuteCommand")),
        "overrides": {"containerOverrides": [], **options.get("overrides", {})},
        "tags": list(options.get("tags", [])),
        "attachments": [attachment],
        "containers": [
            {
                "containerArn": state.arn("ecs", f"container/{key}/{unique(key, container['name'])}"),
                "taskArn": arn,
                "name": container["name"],
                "image": container["image"],
                "lastStatus": "PENDING",
                "healthStatus": "UNKNOWN",
                "networkInterfaces": [{"attachmentId": attachment["id"], "privateIpv4Address": address}],
                "cpu": str(container.get("cpu", 0)),
            }
            for container in definition["containerDefinitions"]
        ],
    }


def _address(number: int) -> str:
    return f"10.0.{128 + number // 250 % 100}.{4 + number % 250}"


def strike(state: SandboxState, body: Document, options: Data, problem: TaskProblem) -> None:
    """Let a running task of a service fail, or be interrupted, after a while. ``options`` are those of its start."""
    definition = definition_of(state, body["task"]["taskDefinitionArn"])
    state.store.cancel(body["task"]["taskArn"])
    containers = {one["name"]: one for one in definition["containerDefinitions"]}
    steps = later(_scenario(state, definition, options, problem), problem)
    _schedule(state, body, with_containers(steps, body["main"], containers, problem))


def _scenario(state: SandboxState, definition: Data, options: Data, problem: TaskProblem) -> TaskScenario:
    """What the life of a task depends on. The health check is that of the container with the problem, else the first
    one."""
    balancer: Data = next(iter(options.get("loadBalancers", [])), {})
    containers = definition["containerDefinitions"]
    main = main_container(containers, definition["family"]) or containers[0]
    group = balancer.get("targetGroupArn", "")
    aimed = [one for one in containers if one["name"] == problem.container]
    check = next((one["healthCheck"] for one in (*aimed, main, *containers) if one.get("healthCheck")), None)
    ports = [mapping.get("containerPort", 0) for mapping in main.get("portMappings", [])]
    if balancer.get("containerName") == main["name"]:
        ports.insert(0, balancer.get("containerPort", 0))
    container_check = check and ContainerHealthCheck(
        check.get("interval", 30), check.get("retries", 3), check.get("startPeriod", 0)
    )
    return TaskScenario(
        region=state.region,
        account=state.account,
        image=main["image"],
        container=main["name"],
        command=next(iter([*main.get("entryPoint", []), *main.get("command", [])]), ""),
        role=(definition.get("executionRoleArn") or "").rpartition("/")[2],
        secret=next((secret["valueFrom"] for secret in main.get("secrets", [])), ""),
        credentials=main.get("repositoryCredentials", {}).get("credentialsParameter", ""),
        file_system=next((volume.get("fileSystemId", "") for volume in _file_systems(definition)), ""),
        port=next(iter(ports), 0),
        target_group=group,
        grace=float(options.get("healthCheckGracePeriodSeconds", 0)),
        service=options["name"] if options.get("service") else "",
        container_check=container_check or None,
        target_check=elbv2.health_check_of(state, group),
    )


def _file_systems(definition: Data) -> list[Data]:
    """Return the EFS volumes of a task definition."""
    volumes = definition.get("volumes", [])
    return [volume["efsVolumeConfiguration"] for volume in volumes if "efsVolumeConfiguration" in volume]


def _mount_problem(state: SandboxState, definition: Data) -> TaskProblem:
    """Return the problem of a task that cannot mount one of its file systems."""
    found = (efs.mount_problem(state, volume, definition.get("taskRoleArn")) for volume in _file_systems(definition))
    detail = next(filter(None, found), "")
    return TaskProblem("ResourceInitializationError", detail) if detail else TaskProblem()


def of_service(state: SandboxState, key: str) -> list[Document]:
    """Return the tasks of a service that the scheduler is not done with, in the order in which they started."""
    bodies = (body for _, body in state.store.every(TASK, f"{key.partition('/')[0]}/"))
    return sorted((body for body in bodies if body["service"] == key), key=lambda body: body["number"])


def known(state: SandboxState, prefix: str = "") -> list[Document]:
    """Return the tasks that are not yet forgotten, by the beginning of their keys."""
    return [body for kind in (TASK, STOPPED_TASK) for _, body in state.store.every(kind, prefix)]


def is_active(body: Document) -> bool:
    """Return whether a task is to run: it is running or starting."""
    return bool(body["task"]["desiredStatus"] == "RUNNING")


def is_gone(body: Document) -> bool:
    """Return whether a task has stopped."""
    return bool(body["task"]["lastStatus"] == "STOPPED")


def is_healthy(state: SandboxState, body: Document) -> bool:
    """Return whether a task has been running for a while and passes its health checks."""
    if not (is_active(body) and body["settled"] and body["task"]["lastStatus"] == "RUNNING"):
        return False
    if body["checked"] and body["task"]["healthStatus"] != "HEALTHY":
        return False
    return all(elbv2.target_state(state, *target) == "healthy" for target in _targets(body))


def _targets(body: Document) -> Iterator[tuple[str, str, int]]:
    """Yield target group, address and port of the targets of a task."""
    for balancer in body["balancers"]:
        yield balancer["targetGroupArn"], body["address"], balancer["containerPort"]


def stop(state: SandboxState, body: Document, code: str, reason: str) -> None:
    """Stop a task and cancel its further steps."""
    checks = (elbv2.health_check_of(state, group) for group, _, _ in _targets(body))
    _begin_end(state, body, code, reason, max((check.draining for check in checks), default=0.0), 0)


def _begin_end(
    state: SandboxState, body: Document, code: str, reason: str, draining: float, exit_code: int | None
) -> None:
    state.store.cancel(body["task"]["taskArn"])
    now = state.clock.now()
    body["task"] |= {"desiredStatus": "STOPPED", "stopCode": code, "stoppedReason": reason, "stoppingAt": now}
    for target in _targets(body):
        if elbv2.target_state(state, *target):
            elbv2.set_target(state, *target, "draining", "Target.DeregistrationInProgress")
            add_event(state, body["service"], f"deregistered 1 targets in (target-group {target[0]})")
            add_event(state, body["service"], "has begun draining connections on 1 tasks.")
    _schedule(state, body, stopping(body["ran"], draining, exit_code))


def _schedule(state: SandboxState, body: Document, steps: list[Step]) -> None:
    """Save a task with its steps and schedule the first of them."""
    body["steps"] = steps
    body["task"]["version"] += 1
    save(state, body)
    if steps:
        due = state.clock.now() + state.duration(steps[0]["after"])
        state.store.schedule(due, "ecs.step", {"task": body["key"]}, body["task"]["taskArn"])


def save(state: SandboxState, body: Document) -> None:
    """Save a task. One that has stopped is kept apart, once the scheduler has counted its failure."""
    if is_gone(body) and (body["counted"] or not body["failed"]):
        state.store.remove(TASK, body["key"])
        state.store.put(STOPPED_TASK, body["key"], body)
    else:
        state.store.put(TASK, body["key"], body)


def find(state: SandboxState, key: str) -> Document | None:
    """Return a task that is not yet forgotten, or None."""
    return state.store.get(TASK, key) or state.store.get(STOPPED_TASK, key)


def step(state: SandboxState, at: float, payload: Document) -> None:
    """ACTION: do the next step of a task, then wake its service's scheduler."""
    body = state.store.get(TASK, payload["task"])
    if body is None:
        return
    current, rest = body["steps"][0], body["steps"][1:]
    if current["do"] == "end":
        body["failed"] = current.get("event") not in ("interrupted", "rebalanced")
        _end_by_itself(state, body, current)
        _begin_end(state, body, current["code"], current["reason"], 0.0, current["exit"])
    else:
        _DO[current["do"]](state, body, current)
        _schedule(state, body, rest)
    if body["service"]:
        wake_now(state, body["service"])


def wake_now(state: SandboxState, key: str) -> None:
    """Wake the scheduler for a service now, instead of at any other time."""
    wake(state, key, state.clock.now())


def wake(state: SandboxState, key: str, due: float) -> None:
    """Wake the scheduler for a service at a time, instead of at any other time."""
    state.store.cancel(f"reconcile {key}")
    state.store.schedule(due, "ecs.reconcile", {"service": key}, f"reconcile {key}")


def forget(state: SandboxState, at: float, payload: Document) -> None:
    """ACTION: forget a task that stopped an hour ago."""
    for kind in (TASK, STOPPED_TASK):
        state.store.remove(kind, payload["task"])


def _change_status(state: SandboxState, body: Document, step: Step) -> None:
    task, status, at = body["task"], step["status"], state.clock.now()
    task["lastStatus"] = status
    if status == "PENDING":
        task |= {"connectivity": "CONNECTED", "connectivityAt": at}
        task["attachments"][0]["status"] = "ATTACHED"
    elif status == "ACTIVATING":
        body["ran"] = True
        _set_containers(body, lastStatus="RUNNING")
        _set_targets(state, body, {"state": "initial", "reason": "Elb.RegistrationInProgress"})
        for group, _, _ in _targets(body):
            add_event(state, body["service"], f"registered 1 targets in (target-group {group})")
    elif status == "RUNNING":
        task["startedAt"] = at
        if task["enableExecuteCommand"]:
            agent = {"name": "ExecuteCommandAgent", "lastStatus": "RUNNING", "lastStartedAt": at}
            _set_containers(body, managedAgents=[agent])
    elif status == "DEPROVISIONING":
        task["executionStoppedAt"] = at
        task["attachments"][0]["status"] = "DELETED"
        _set_containers(body, lastStatus="STOPPED")
    elif status == "STOPPED":
        task["stoppedAt"] = at
        for target in _targets(body):
            elbv2.remove_target(state, *target)
        state.store.schedule(at + state.duration(REMEMBERED), "ecs.forget", {"task": body["key"]})


def _set_containers(body: Document, **members: Any) -> None:
    for container in body["task"]["containers"]:
        if container["lastStatus"] != "STOPPED":
            container |= members


def _change_container(state: SandboxState, body: Document, step: Step) -> None:
    """Let one container start, or end, while its task continues."""
    body["ran"] = True
    container = next(one for one in body["task"]["containers"] if one["name"] == step["container"])
    container |= {"lastStatus": step["status"], **({"exitCode": step["exit"]} if step["exit"] is not None else {})}


def _pull(state: SandboxState, body: Document, step: Step) -> None:
    body["task"]["pullStartedAt"] = state.clock.now()


def _pulled(state: SandboxState, body: Document, step: Step) -> None:
    body["task"]["pullStoppedAt"] = state.clock.now()
    task = body["key"].rpartition("/")[2]
    for container in body["task"]["containers"]:
        repository, _, tag = container["image"].rpartition(":")
        suffix = token(container["name"], length=10, alphabet="0123456789")
        container |= {
            "imageDigest": known_digest(state, repository.partition("/")[2], tag),
            "runtimeId": f"{task}-{suffix}",
        }


def _set_health(state: SandboxState, body: Document, step: Step) -> None:
    body["task"]["healthStatus"] = step["state"]
    for container in body["task"]["containers"]:
        if container["name"] in ([step["container"]] if step.get("container") else body["checked"]):
            container["healthStatus"] = step["state"]


def _set_targets(state: SandboxState, body: Document, step: Step) -> None:
    name, description = body["key"].rpartition("/")[2], step.get("description", "")
    for group, address, port in _targets(body):
        elbv2.set_target(state, group, address, port, step["state"], step["reason"], description)
        if step["state"] == "unhealthy":
            cause = f"is unhealthy in (target-group {group}) due to (reason {description})."
            add_event(state, body["service"], f"(task {name}) (port {port}) {cause}")


def _write_log(state: SandboxState, body: Document, step: Step) -> None:
    log = body["logs"].get(step.get("container") or body["main"])
    if log and step["lines"]:
        group, stream = log
        logs.write(state, group, stream, [f"[sandbox] {line}" for line in step["lines"]])


def _settle(state: SandboxState, body: Document, step: Step) -> None:
    body["settled"] = True


def _exit(state: SandboxState, body: Document, step: Step) -> None:
    ender = body.get("ender") or body["main"]
    for container in body["task"]["containers"] if step["exit"] is not None else ():
        if container.get("exitCode") is None:
            stopped = 143 if ender != body["main"] else 0
            container["exitCode"] = step["exit"] if container["name"] == ender else stopped
    _write_log(state, body, {"lines": [] if body["failed"] else ["Shutting down"]})


def _end_by_itself(state: SandboxState, body: Document, end: Step) -> None:
    """Record why a task ends by itself in the container that ended it and in an event of its service."""
    body["ender"] = end.get("container") or body["main"]
    main = next(container for container in body["task"]["containers"] if container["name"] == body["ender"])
    if end["reason"] == EXITED:
        main |= {"exitCode": end["exit"], "lastStatus": "STOPPED"}
    if end["container_reason"]:
        main["reason"] = end["container_reason"]
    if not body["service"]:
        return
    name = body["key"].rpartition("/")[2]
    if end["event"] == "place":
        reason = (end["container_reason"] or end["reason"]).removesuffix(".")
        add_event(state, body["service"], f"was unable to place a task. Reason: {reason}.")
    elif end["event"] == "container":
        add_event(state, body["service"], f"(task {name}) failed container health checks.")
    if end["code"] == "ServiceSchedulerInitiated":
        zone = body["task"]["availabilityZone"]
        where = f" in {zone} due to AZ rebalancing" if end["event"] == "rebalanced" else ""
        add_event(state, body["service"], f"has stopped 1 running tasks{where}: (task {name}).")


_DO: Mapping[str, Callable[[SandboxState, Document, Step], None]] = {
    "status": _change_status,
    "container": _change_container,
    "pull": _pull,
    "pulled": _pulled,
    "health": _set_health,
    "target": _set_targets,
    "log": _write_log,
    "settle": _settle,
    "exit": _exit,
}
