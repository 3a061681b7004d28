"""Open a session in a running container with ECS Exec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fsdcf.cloudformation.types.ecs import main_container
from fsdcf.deploy.aws import ApiError, Aws, AwsError
from fsdcf.deploy.ecs.tasks import containers_in, task_id
from fsdcf.deploy.model import Advice, Evidence, Exit, Outcome, Target
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.masking import ACCESS_KEY_VARIABLES
from fsdcf.operate.service import find_tasks, managed_stack
from fsdcf.operate.tasks import running_tasks, select

AGENT = "ExecuteCommandAgent"
KEY = "service.enableExecuteCommand"
"""The spec key that enables ECS Exec."""
KEYS_PLACE = "service.environment"


@dataclass(frozen=True)
class Session:
    """An open session. ``response`` contains a token that grants access: it is never shown.

    ``target`` identifies the container for the session plugin, ``endpoint`` is that of Systems Manager in the Region.
    """

    task: str
    container: str
    region: str
    target: str
    endpoint: str
    response: Mapping[str, str] = field(repr=False)


def open_session(run: Run, task: str, container: str, command: str) -> Session:
    """Open a session that runs a command in a container, by default the main container of the latest task.

    ``task`` is a task ID or a unique prefix of it. Raises Stop: exit 2 if ECS Exec is disabled, or the task or the
    container does not exist, exit 3 if the stack is not managed by fsdcf.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
    """
    target, aws = run.target, run.aws
    service = find_tasks(run, managed_stack(run))
    if service.name and not service.ecs.raw.get("enableExecuteCommand"):
        raise _disabled(run, "Service", KEY)
    tasks = running_tasks(run, service)
    if tasks and not service.name and not any(each.get("enableExecuteCommand") for each in tasks):
        raise _disabled(run, "TaskDefinition", KEY.replace("service", "job"))
    chosen = _select_task(target, tasks, task)
    inside = _select_container(target, chosen, container)
    _check_agent(run, chosen, inside)
    id = task_id(chosen)
    try:
        answer = aws.call(
            "ecs",
            "ExecuteCommand",
            cluster=service.cluster,
            task=id,
            container=str(inside["name"]),
            command=command,
            interactive=True,
        )
    except ApiError as error:
        if error.code in ("TargetNotConnectedException", "InvalidParameterException"):
            sentence = f"ECS Exec cannot connect to the task {id}: {error.message}"
            raise _unconnected(run, chosen, inside, sentence) from None
        raise
    cluster = str(answer.get("clusterArn") or service.cluster).rpartition("/")[2]
    return Session(
        task=id,
        container=str(answer.get("containerName") or inside["name"]),
        region=aws.region,
        target=f"ecs:{cluster}_{id}_{inside.get('runtimeId', '')}",
        endpoint=aws.endpoint("ssm"),
        response={key: str(value) for key, value in (answer.get("session") or {}).items()},
    )


def _disabled(run: Run, resource: str, key: str) -> Stop:
    place = run.where(resource)
    evidence = (Evidence(resource, f"{key} is false", place),) if place else ()
    sentence = f"ECS Exec is disabled for {run.target.stack}: set {key}: true"
    return stop(Exit.USAGE, sentence, run.target.redeploy(), evidence=evidence)


def _select_task(target: Target, tasks: list[Mapping[str, Any]], wanted: str) -> Mapping[str, Any]:
    """The wanted task, or the latest one in which ECS Exec is enabled."""
    if wanted or not tasks:
        return select(target, tasks, wanted, "running task")
    return next((task for task in tasks if task.get("enableExecuteCommand")), tasks[0])


def _select_container(target: Target, task: Mapping[str, Any], wanted: str) -> Mapping[str, Any]:
    containers: list[Mapping[str, Any]] = list(task.get("containers") or [])
    candidates = [container for container in containers if wanted in ("", container.get("name"))]
    container = main_container(candidates, target.service)
    if container is None:
        names = ", ".join(str(container.get("name")) for container in containers) or "none"
        name = wanted or target.service
        raise stop(Exit.USAGE, f"the task {task_id(task)} has no container {name}; its containers: {names}")
    return container


def _check_agent(run: Run, task: Mapping[str, Any], container: Mapping[str, Any]) -> None:
    """Raise Stop if the task was started without the agent of ECS Exec, or the agent is not running."""
    target = run.target
    if not task.get("enableExecuteCommand"):
        sentence = f"the task {task_id(task)} was started before ECS Exec was enabled: only new tasks support it"
        raise stop(Exit.USAGE, sentence, target.command("restart"))
    agents = container.get("managedAgents") or []
    agent = next((agent for agent in agents if agent.get("name") == AGENT), None)
    if agent is not None and agent.get("lastStatus") != "RUNNING":
        reason = f": {agent['reason']}" if agent.get("reason") else ""
        sentence = f"the ECS Exec agent in the task {task_id(task)} is {agent.get('lastStatus')}{reason}"
        raise _unconnected(run, task, container, sentence)


def _unconnected(run: Run, task: Mapping[str, Any], container: Mapping[str, Any], sentence: str) -> Stop:
    """The end of a run without a connection; access keys in the container's variables are named as the cause."""
    keys = _access_keys(run.aws, task, container)
    if not keys:
        return stop(Exit.FAILED, sentence, run.target.command("exec"), run.target.command("restart"))
    names = " and ".join(keys)
    cause = f"{sentence}; {names} in its variables hide{'s' * (len(keys) == 1)} the task role from the agent"
    advice = Advice(
        f"leave out {names}: the task role is the service's identity in AWS", KEYS_PLACE, run.where(KEYS_PLACE)
    )
    return Stop(Outcome(Exit.FAILED, cause, next=(run.target.redeploy(),), advice=advice))


def _access_keys(aws: Aws, task: Mapping[str, Any], container: Mapping[str, Any]) -> list[str]:
    """The access keys among the variables of a container; none if its definition cannot be read."""
    try:
        answer = aws.call("ecs", "DescribeTaskDefinition", taskDefinition=str(task.get("taskDefinitionArn")))
    except AwsError:
        return []
    own = next((each for each in containers_in(answer) if each.get("name") == container.get("name")), {})
    names = {str(each.get("name")) for key in ("environment", "secrets") for each in own.get(key) or []}
    return sorted(names & ACCESS_KEY_VARIABLES)
