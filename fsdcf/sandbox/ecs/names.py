"""ARNs and keys of ECS: what a caller may write for a cluster, a service, a task or a task definition."""

from __future__ import annotations

from fsdcf.sandbox.ids import token
from fsdcf.sandbox.world import World

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
