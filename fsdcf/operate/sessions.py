"""A session inside of a running container, by ECS Exec: which task, whether it may be entered, and what opens it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.deploy.aws import ApiError, Aws
from fsdcf.deploy.model import Evidence, Exit, Outcome, Place, Target
from fsdcf.deploy.run import Stop, stop
from fsdcf.operate.service import Service, owned, service_of

AGENT = "ExecuteCommandAgent"
KEY = "service.enableExecuteCommand"
"""The key of the spec that lets ECS Exec in."""


@dataclass(frozen=True)
class Session:
    """An open session. ``response`` holds a token that lets whoever has it in: it is never shown.

    ``target`` is what the session plugin calls the container, ``endpoint`` that of Systems Manager in the region.
    """

    task: str
    container: str
    region: str
    target: str
    endpoint: str
    response: Mapping[str, str] = field(repr=False)


def open_session(
    target: Target,
    aws: Aws,
    task: str,
    container: str,
    command: str,
    where: Callable[[str], Place | None] = lambda logical_id: None,
) -> Session:
    """Open a session that runs a command in a container: the service's own unless one is named, of the task whose id begins with
    ``task``, else of the one that was started last.

    Raises Stop: exit 2 where ECS Exec is off or there is no such task or container, 3 where the stack is not ours.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
    """
    service = service_of(target, owned(target, aws), aws)
    if not service.told.get("enableExecuteCommand"):
        place = where("Service")
        evidence = (Evidence("Service", f"{KEY} is false", place),) if place else ()
        raise Stop(
            Outcome(
                Exit.USAGE, f"ECS Exec is off for {target.stack}: write {KEY}: true", evidence, (target.redeploy(),)
            )
        )
    chosen = _chosen(target, _tasks(aws, service), task)
    inside = _container(target, chosen, container)
    _demand_agent(target, chosen, inside)
    answer = _execute(target, aws, service, chosen, inside, command)
    name = str(answer.get("containerName") or inside["name"])
    cluster = str(answer.get("clusterArn") or service.cluster).rpartition("/")[2]
    suffix = "amazonaws.com.cn" if aws.partition == "aws-cn" else "amazonaws.com"
    return Session(
        task=_id(chosen),
        container=name,
        region=aws.region,
        target=f"ecs:{cluster}_{_id(chosen)}_{inside.get('runtimeId', '')}",
        endpoint=f"https://ssm.{aws.region}.{suffix}",
        response={key: str(value) for key, value in (answer.get("session") or {}).items()},
    )


def _tasks(aws: Aws, service: Service) -> list[Mapping[str, Any]]:
    """The tasks of a service that run, the youngest first."""
    arns: list[str] = []
    page: dict[str, str] = {}
    while True:
        answer = aws.call(
            "ecs", "ListTasks", cluster=service.cluster, serviceName=service.name, desiredStatus="RUNNING", **page
        )
        arns += answer.get("taskArns") or []
        if not answer.get("nextToken"):
            break
        page = {"nextToken": str(answer["nextToken"])}
    found: list[Mapping[str, Any]] = []
    for begin in range(0, len(arns), 100):
        answer = aws.call("ecs", "DescribeTasks", cluster=service.cluster, tasks=arns[begin : begin + 100])
        found += answer.get("tasks") or []
    running = [one for one in found if one.get("lastStatus") == "RUNNING"]
    return sorted(running, key=lambda one: str(one.get("startedAt") or ""), reverse=True)


def _chosen(target: Target, tasks: list[Mapping[str, Any]], wanted: str) -> Mapping[str, Any]:
    found = [one for one in tasks if _id(one).startswith(wanted.rpartition("/")[2])]
    if not tasks:
        raise stop(Exit.USAGE, f"no task of {target.stack} runs", target.command("status"))
    if not found or (wanted and len(found) > 1):
        state = "is the id of no task that runs" if not found else "could be several tasks"
        raise stop(
            Exit.USAGE,
            f"{wanted} {state}: {', '.join(_id(one) for one in (found or tasks)[:10])}",
            target.command("status"),
        )
    return next((one for one in found if one.get("enableExecuteCommand")), found[0])


def _container(target: Target, task: Mapping[str, Any], wanted: str) -> Mapping[str, Any]:
    """The container that is named; else the service's own, which bears its name; else the first one."""
    containers: list[Mapping[str, Any]] = list(task.get("containers") or [])
    for name in (wanted,) if wanted else (target.service, str(containers[0].get("name", "")) if containers else ""):
        for one in containers:
            if one.get("name") == name:
                return one
    names = ", ".join(str(one.get("name")) for one in containers)
    raise stop(
        Exit.USAGE, f"the task {_id(task)} has no container {wanted or target.service}: it has {names or 'none'}"
    )


def _demand_agent(target: Target, task: Mapping[str, Any], container: Mapping[str, Any]) -> None:
    """Stops where the task was started without the agent, or where the agent does not run."""
    if not task.get("enableExecuteCommand"):
        sentence = f"the task {_id(task)} was started before ECS Exec was switched on: only new tasks let it in"
        raise stop(Exit.USAGE, sentence, target.command("restart"))
    agent = next((one for one in container.get("managedAgents") or [] if one.get("name") == AGENT), None)
    if agent is not None and agent.get("lastStatus") != "RUNNING":
        reason = f": {agent['reason']}" if agent.get("reason") else ""
        sentence = f"the agent of ECS Exec in the task {_id(task)} is {agent.get('lastStatus')}{reason}"
        raise stop(Exit.FAILED, sentence, target.command("exec"), target.command("restart"))


def _execute(
    target: Target, aws: Aws, service: Service, task: Mapping[str, Any], container: Mapping[str, Any], command: str
) -> Mapping[str, Any]:
    try:
        return aws.call(
            "ecs",
            "ExecuteCommand",
            cluster=service.cluster,
            task=_id(task),
            container=str(container["name"]),
            command=command,
            interactive=True,
        )
    except ApiError as error:
        if error.code in ("TargetNotConnectedException", "InvalidParameterException"):
            sentence = f"the task {_id(task)} does not let ECS Exec in: {error.message}"
            raise stop(Exit.FAILED, sentence, target.command("exec"), target.command("restart")) from None
        raise


def _id(task: Mapping[str, Any]) -> str:
    return str(task.get("taskArn", "")).rpartition("/")[2]
