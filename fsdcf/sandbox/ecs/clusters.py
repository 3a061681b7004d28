"""Clusters, as far as Fargate has any."""

from __future__ import annotations

from typing import Any

from fsdcf.sandbox.ecs.names import DEFAULT_CLUSTER, cluster_arn, cluster_of
from fsdcf.sandbox.world import Refusal, World

KIND = "ecs.cluster"


def create_cluster(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """CreateCluster: an existing one is given back as it is."""
    name = params.get("clusterName") or DEFAULT_CLUSTER
    body = world.store.get(KIND, name)
    if body is None or body["status"] != "ACTIVE":
        asked = ("settings", "configuration", "capacityProviders", "defaultCapacityProviderStrategy", "tags")
        body = {"clusterName": name, "status": "ACTIVE", **{key: params[key] for key in asked if key in params}}
        world.store.put(KIND, name, body)
    return {"cluster": _told(world, body)}


def ensure_cluster(world: World, cluster: str | None) -> str:
    """The name of a cluster, which exists afterwards: a service of a stack comes with its cluster."""
    name = cluster_of(cluster)
    body = world.store.get(KIND, name)
    if body is None or body["status"] != "ACTIVE":
        create_cluster(world, {"clusterName": name})
    return name


def demand_cluster(world: World, cluster: str | None) -> str:
    """The name of a cluster that exists. Refusal ClusterNotFoundException otherwise."""
    name = cluster_of(cluster)
    body = world.store.get(KIND, name)
    if body is None or body["status"] != "ACTIVE":
        raise Refusal("ClusterNotFoundException", "Cluster not found.")
    return name


def delete_cluster(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteCluster: refused while it has services."""
    name = demand_cluster(world, params["cluster"])
    body = world.store.get(KIND, name) or {}
    if _services(world, name):
        raise Refusal("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    if _tasks(world, name):
        raise Refusal("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    body["status"] = "INACTIVE"
    world.store.put(KIND, name, body)
    return {"cluster": _told(world, body)}


def describe_clusters(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeClusters."""
    found, failures = [], []
    for asked in params.get("clusters") or [DEFAULT_CLUSTER]:
        body = world.store.get(KIND, cluster_of(asked))
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
