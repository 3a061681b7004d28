"""ECS Exec: the agent in each container of a task that was started with it, and sessions, which lead nowhere here."""

from __future__ import annotations

from typing import Any

from fsdcf.sandbox.ecs import tasks
from fsdcf.sandbox.ecs.clusters import demand_cluster
from fsdcf.sandbox.ecs.names import cluster_arn, task_key
from fsdcf.sandbox.ids import token
from fsdcf.sandbox.world import Refusal, World

Document = dict[str, Any]

OFF = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t "
    "running. Wait and try again or run a new task with execute command enabled and try again."
)
"""After answers of the API that users have published."""


def execute_command(world: World, params: Document) -> Document:
    """ExecuteCommand: a session with a container of a task that runs. The sandbox has no container: nobody answers at its address."""
    cluster = demand_cluster(world, params.get("cluster"))
    if not params.get("interactive"):
        raise Refusal("InvalidParameterException", "Interactive is the only mode supported currently.")
    body = world.store.get(tasks.KIND, task_key(cluster, params["task"]))
    if body is None:
        raise Refusal("InvalidParameterException", "The referenced task was not found.")
    task = body["task"]
    if task["lastStatus"] != "RUNNING" or not task["enableExecuteCommand"]:
        raise Refusal("InvalidParameterException", OFF)
    container = _container(task, params.get("container"))
    number = world.store.next_number("ecs.session")
    name = f"ecs-execute-command-{token('session', task['taskArn'], number, length=17)}"
    stream = f"wss://ssmmessages.{world.region}.amazonaws.com/v1/data-channel/{name}?role=publish_subscribe"
    return {
        "clusterArn": cluster_arn(world, cluster),
        "taskArn": task["taskArn"],
        "containerArn": container["containerArn"],
        "containerName": container["name"],
        "interactive": True,
        "session": {"sessionId": name, "streamUrl": stream, "tokenValue": token(name, "token", length=64)},
    }


def _container(task: Document, name: str | None) -> Document:
    containers: list[Document] = task["containers"]
    if not name and len(containers) > 1:
        raise Refusal(
            "InvalidParameterException", "Container name must be specified for a task with several containers."
        )
    found = next((one for one in containers if name in (None, "", one["name"])), None)
    if found is None:
        raise Refusal("InvalidParameterException", "The referenced container was not found.")
    return found
