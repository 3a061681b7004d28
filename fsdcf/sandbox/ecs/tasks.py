"""Tasks: started, led from state to state by the agenda, stopped, and forgotten an hour later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fsdcf.sandbox import ecr, elbv2, logs
from fsdcf.sandbox.ecr import digest_of
from fsdcf.sandbox.ecs.definitions import cluster_arn, definition_of, say, task_arn
from fsdcf.sandbox.ecs.life import ContainerHealthCheck, Step, TaskProblem, TaskScenario, afterlife, life
from fsdcf.sandbox.ids import token, unique
from fsdcf.sandbox.state import SandboxState


def new(
    state: SandboxState, key: str, number: int, definition: Mapping[str, Any], asked: Mapping[str, Any]
) -> Document:
    """A task as DescribeTasks first tells it."""
    arn = task_arn(state, key)
    subnets = asked.get("network", {}).get("awsvpcConfiguration", {}).get("subnets") or ["subnet-00000000"]
    interface = token(key, "interface")
    details = {
        "subnetId": subnets[number % len(subnets)],
        "networkInterfaceId": f"eni-{interface}",
        "macAddress": "0e:" + ":".join(interface[at : at + 2] for at in range(0, 10, 2)),
        "privateIPv4Address": address(number),
    }
    attachment = {
        "id": unique(key, "attachment"),
        "type": "ElasticNetworkInterface",
        "status": "PRECREATED",
        "details": [{"name": name, "value": value} for name, value in details.items()],
    }
    strategy = asked.get("strategy") or []
    return {
        "taskArn": arn,
        "clusterArn": cluster_arn(state, key.partition("/")[0]),
        "taskDefinitionArn": definition["taskDefinitionArn"],
        "group": asked["group"],
        "startedBy": asked.get("startedBy"),
        "lastStatus": "PROVISIONING",
        "desiredStatus": "RUNNING",
        "healthStatus": "UNKNOWN",
        "launchType": "FARGATE",
        "capacityProviderName": strategy[number % len(strategy)]["capacityProvider"] if strategy else None,
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "cpu": definition.get("cpu"),
        "memory": definition.get("memory"),
        "availabilityZone": state.region + "abc"[number % 3],
        "createdAt": state.clock.now(),
        "version": 1,
        "enableExecuteCommand": bool(asked.get("execute")),
        "overrides": asked.get("overrides", {"containerOverrides": []}),
        "tags": list(asked.get("tags", [])),
        "attachments": [attachment],
        "containers": [
            {
                "containerArn": state.arn("ecs", f"container/{key}/{unique(key, one['name'])}"),
                "taskArn": arn,
                "name": one["name"],
                "image": one["image"],
                "lastStatus": "PENDING",
                "healthStatus": "UNKNOWN",
                "networkInterfaces": [{"attachmentId": attachment["id"], "privateIpv4Address": address(number)}],
                "cpu": str(one.get("cpu", 0)),
            }
            for one in definition["containerDefinitions"]
        ],
    }


def address(number: int) -> str:
    return f"10.0.{128 + number // 250 % 100}.{4 + number % 250}"


def _main(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container that a trouble strikes: the first essential one with a port, or the first essential one."""
    essential = [one for one in definition["containerDefinitions"] if one.get("essential", True)]
    found: Mapping[str, Any] = next(
        (one for one in essential if one.get("portMappings")), (essential or definition["containerDefinitions"])[0]
    )
    return found


def scene_of(state: SandboxState, definition: Mapping[str, Any], asked: Mapping[str, Any]) -> TaskScenario:
    main = _main(definition)
    check = main.get("healthCheck")
    told = check or {}
    balancer: Mapping[str, Any] = next(iter(asked.get("balancers", [])), {})
    group = balancer.get("targetGroupArn", "")
    ports = [mapping.get("containerPort", 0) for mapping in main.get("portMappings", [])]
    container_check = (
        ContainerHealthCheck(told.get("interval", 30), told.get("retries", 3), told.get("startPeriod", 0))
        if check
        else None
    )
    return TaskScenario(
        state.region,
        state.account,
        main["image"],
        main["name"],
        next(iter([*main.get("entryPoint", []), *main.get("command", [])]), ""),
        (definition.get("executionRoleArn") or "").rpartition("/")[2],
        next((one["valueFrom"] for one in main.get("secrets", [])), ""),
        main.get("logConfiguration", {}).get("options", {}).get("awslogs-group", ""),
        balancer.get("containerPort") or next(iter(ports), 0),
        group,
        float(asked.get("grace", 0)),
        container_check,
        elbv2.check_of(state, group),
    )


def log_stream(definition: Mapping[str, Any], container: str, task: str) -> list[str]:
    """The log group and the stream of a task's main container; empty if it does not log there."""
    main = next(one for one in definition["containerDefinitions"] if one["name"] == container)
    options = main.get("logConfiguration", {}).get("options", {})
    if not options.get("awslogs-group"):
        return []
    return [options["awslogs-group"], f"{options.get('awslogs-stream-prefix', 'ecs')}/{container}/{task}"]


REMEMBERED = 3600.0
"""Seconds that a stopped task can be described. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-errors.html"""


def _change_status(state: SandboxState, body: Document, now: Mapping[str, Any]) -> None:
    task, status, at = body["task"], now["status"], state.clock.now()
    task["lastStatus"] = status
    body["history"].append([status, at])
    if status == "PENDING":
        task |= {"connectivity": "CONNECTED", "connectivityAt": at}
        task["attachments"][0]["status"] = "ATTACHED"
    elif status == "ACTIVATING":
        body["ran"] = True
        for container in task["containers"]:
            container["lastStatus"] = "RUNNING"
        _set_targets(state, body, {"state": "initial", "reason": "Elb.RegistrationInProgress"})
        for one in body["balancers"]:
            say(state, body["service"], f"registered 1 targets in (target-group {one['targetGroupArn']})")
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
            elbv2.remove_target(state, one["targetGroupArn"], body["address"], one["containerPort"])
        state.store.schedule(at + state.duration(REMEMBERED), "ecs.forget", {"task": body["key"]})


def _pull(state: SandboxState, body: Document, now: Mapping[str, Any]) -> None:
    body["task"]["pullStartedAt"] = state.clock.now()


def _pulled(state: SandboxState, body: Document, now: Mapping[str, Any]) -> None:
    body["task"]["pullStoppedAt"] = state.clock.now()
    for container in body["task"]["containers"]:
        repository, _, tag = container["image"].rpartition(":")
        container["imageDigest"] = digest_of(repository.partition("/")[2], tag)
        container["runtimeId"] = (
            f"{body['key'].rpartition('/')[2]}-{token(container['name'], length=10, alphabet='0123456789')}"
        )


def _set_health(state: SandboxState, body: Document, now: Mapping[str, Any]) -> None:
    body["task"]["healthStatus"] = now["state"]
    for container in body["task"]["containers"]:
        container["healthStatus"] = now["state"]


def _set_targets(state: SandboxState, body: Document, now: Mapping[str, Any]) -> None:
    name = body["key"].rpartition("/")[2]
    for one in body["balancers"]:
        where = one["targetGroupArn"], body["address"], one["containerPort"]
        elbv2.set_target(state, *where, now["state"], now["reason"], now.get("words", ""))
        if now["state"] == "unhealthy":
            reason = f"due to (reason {now['words']})."
            group = f"(target-group {one['targetGroupArn']})"
            say(state, body["service"], f"(task {name}) (port {one['containerPort']}) is unhealthy in {group} {reason}")


def _write_log(state: SandboxState, body: Document, now: Mapping[str, Any]) -> None:
    if body["logs"] and now["lines"]:
        logs.write(state, body["logs"][0], body["logs"][1], now["lines"])


def _settle(state: SandboxState, body: Document, now: Mapping[str, Any]) -> None:
    body["settled"] = True


def _exit(state: SandboxState, body: Document, now: Mapping[str, Any]) -> None:
    for container in body["task"]["containers"]:
        if container.get("exitCode") is None:
            container["exitCode"] = (now["exit"] or 0) if container["name"] == body["main"] else 0
    _write_log(state, body, {"lines": [] if body["failed"] else ["Shutting down"]})


def strike(state: SandboxState, body: Document, end: Mapping[str, Any]) -> None:
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
        say(state, body["service"], f"was unable to place a task. Reason: {reason}.")
    elif end["event"] == "container":
        say(state, body["service"], f"(task {name}) failed container health checks.")
    if end["code"] == "ServiceSchedulerInitiated":
        say(state, body["service"], f"has stopped 1 running tasks: (task {name}).")


def drain(state: SandboxState, body: Document) -> None:
    """Takes a task's targets out of service: they get no new requests."""
    for one in body["balancers"]:
        where = one["targetGroupArn"], body["address"], one["containerPort"]
        if elbv2.target_state(state, *where):
            elbv2.set_target(state, *where, "draining", "Target.DeregistrationInProgress")
            say(state, body["service"], f"deregistered 1 targets in (target-group {one['targetGroupArn']})")
            say(state, body["service"], "has begun draining connections on 1 tasks.")


DO: dict[str, Callable[[SandboxState, Document, Mapping[str, Any]], None]] = {
    "status": _change_status,
    "pull": _pull,
    "pulled": _pulled,
    "health": _set_health,
    "target": _set_targets,
    "log": _write_log,
    "settle": _settle,
    "exit": _exit,
}


TASK = "ecs.task"

Document = dict[str, Any]


def start(
    state: SandboxState, cluster: str, definition_arn: str, asked: Mapping[str, Any], trouble: TaskProblem
) -> Document:
    """Starts a task. ``asked`` says for whom: service (key), deployment (id), group, startedBy, network, strategy, balancers, grace, execute,
    overrides, tags; ``last_steps`` are what a task does that is to end by itself."""
    number = state.store.next_number("ecs.task")
    name = token("task", state.account, cluster, number, length=32)
    key = f"{cluster}/{name}"
    definition = definition_of(state, definition_arn)
    scene = scene_of(state, definition, asked)
    if not trouble.word and not ecr.image_exists(state, scene.image):
        trouble = TaskProblem("CannotPullContainerError")
    body: Document = {
        "key": key,
        "number": number,
        "main": scene.container,
        "service": asked.get("service", ""),
        "deployment": asked.get("deployment", ""),
        "balancers": asked.get("balancers", []),
        "address": address(number),
        "checked": scene.container_check is not None,
        "logs": log_stream(definition, scene.container, name),
        "ran": False,
        "settled": False,
        "failed": False,
        "counted": False,
        "history": [["PROVISIONING", state.clock.now()]],
        "task": new(state, key, number, definition, asked),
    }
    _schedule(state, body, life(scene, trouble) + list(asked.get("last_steps", [])))
    return body


def of_service(state: SandboxState, key: str) -> list[Document]:
    """The tasks of a service that are not forgotten yet, in the order of their start."""
    found = [body for _, body in state.store.every(TASK, f"{key.partition('/')[0]}/") if body["service"] == key]
    return sorted(found, key=lambda body: body["number"])


def is_active(body: Document) -> bool:
    """Whether a task is to run: it runs or is on its way to."""
    return bool(body["task"]["desiredStatus"] == "RUNNING")


def is_gone(body: Document) -> bool:
    """Whether nothing is left of a task but its record."""
    return bool(body["task"]["lastStatus"] == "STOPPED")


def is_healthy(state: SandboxState, body: Document) -> bool:
    """Whether a task runs, for a while already, and passes the checks that it has."""
    if not (is_active(body) and body["settled"] and body["task"]["lastStatus"] == "RUNNING"):
        return False
    if body["checked"] and body["task"]["healthStatus"] != "HEALTHY":
        return False
    targets = [(one["targetGroupArn"], body["address"], one["containerPort"]) for one in body["balancers"]]
    return all(elbv2.target_state(state, *where) == "healthy" for where in targets)


def stop(state: SandboxState, body: Document, code: str, reason: str) -> None:
    """Stops a task in good order: what it was about to go through it will not."""
    draining = max((elbv2.check_of(state, one["targetGroupArn"]).draining for one in body["balancers"]), default=0.0)
    _begin_end(state, body, code, reason, draining, 0)


def _begin_end(
    state: SandboxState, body: Document, code: str, reason: str, draining: float, exit_code: int | None
) -> None:
    state.store.cancel(body["task"]["taskArn"])
    stopped = {"desiredStatus": "STOPPED", "stopCode": code, "stoppedReason": reason, "stoppingAt": state.clock.now()}
    body["task"] |= stopped
    drain(state, body)
    _schedule(state, body, afterlife(body["ran"], draining, exit_code))


def _schedule(state: SandboxState, body: Document, steps: list[Step]) -> None:
    """Lets the steps come, one after the other, from now on."""
    body["steps"] = steps
    body["task"]["version"] += 1
    state.store.put(TASK, body["key"], body)
    if steps:
        due = state.clock.now() + state.duration(steps[0]["after"])
        state.store.schedule(due, "ecs.step", {"task": body["key"]}, body["task"]["taskArn"])


def step(state: SandboxState, at: float, payload: dict[str, Any]) -> None:
    """ACTION: the next step of a task, then its service's scheduler."""
    body = state.store.get(TASK, payload["task"])
    if body is None:
        return
    now, rest = body["steps"][0], body["steps"][1:]
    if now["do"] == "end":
        body["failed"] = True
        strike(state, body, now)
        _begin_end(state, body, now["code"], now["reason"], 0.0, now["exit"])
    else:
        DO[now["do"]](state, body, now)
        _schedule(state, body, rest)
    if body["service"]:
        poke(state, body["service"])


def poke(state: SandboxState, key: str) -> None:
    """Has the scheduler look at a service now, and not at any other time that it had in mind."""
    wake(state, key, state.clock.now())


def wake(state: SandboxState, key: str, due: float) -> None:
    """Has the scheduler look at a service at that time and no other."""
    state.store.cancel(f"reconcile {key}")
    state.store.schedule(due, "ecs.reconcile", {"service": key}, f"reconcile {key}")


def forget(state: SandboxState, at: float, payload: dict[str, Any]) -> None:
    """ACTION: a task that stopped an hour ago."""
    state.store.remove(TASK, payload["task"])
