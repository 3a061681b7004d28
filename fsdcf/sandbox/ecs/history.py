"""Service deployments: the same deployments, as the newer operations tell them, with breaker and rollback."""

from __future__ import annotations

from typing import Any

from fsdcf.sandbox.ecs import deployments
from fsdcf.sandbox.ecs.clusters import demand_cluster
from fsdcf.sandbox.ecs.definitions import paged
from fsdcf.sandbox.ecs.names import cluster_arn, service_arn, service_key
from fsdcf.sandbox.ecs.scheduler import KIND
from fsdcf.sandbox.world import Refusal, World

Document = dict[str, Any]


def _status(deployment: Document) -> str:
    """The status of a service deployment. Source:
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html"""
    if "rollback" in deployment:
        return "ROLLBACK_SUCCESSFUL" if "finishedAt" in deployment else "ROLLBACK_IN_PROGRESS"
    if deployment["rolloutState"] == "FAILED":
        return "STOPPED"
    if "finishedAt" in deployment:
        return "SUCCESSFUL"
    return "IN_PROGRESS" if deployment["status"] == "PRIMARY" else "STOPPED"


def _reason(deployment: Document) -> str | None:
    if deployment["rolloutState"] == "FAILED":
        return (
            "Service deployment rolled back because the circuit breaker threshold was exceeded."
            if "rollback" in deployment
            else ("Service deployment stopped because the circuit breaker threshold was exceeded.")
        )
    return None


def _brief(world: World, deployment: Document) -> Document:
    key = deployment["service"]
    return {
        "serviceDeploymentArn": deployment["arn"],
        "serviceArn": service_arn(world, key),
        "clusterArn": cluster_arn(world, key.partition("/")[0]),
        "createdAt": deployment["createdAt"],
        "startedAt": deployment["createdAt"],
        "finishedAt": deployment.get("finishedAt"),
        "targetServiceRevisionArn": deployment["revision"],
        "status": _status(deployment),
        "statusReason": _reason(deployment),
    }


def list_service_deployments(world: World, params: Document) -> Document:
    """ListServiceDeployments: latest first, by status and time of creation."""
    key = service_key(params.get("cluster"), params["service"])
    demand_cluster(world, key.partition("/")[0])
    if world.store.get(KIND, key) is None:
        raise Refusal("ServiceNotFoundException", "Service not found.")
    after, before = params.get("createdAt", {}).get("after"), params.get("createdAt", {}).get("before")
    briefs = [_brief(world, one) for one in deployments.every(world, key)]
    found = [
        one
        for one in briefs
        if (not params.get("status") or one["status"] in params["status"])
        and (after is None or one["createdAt"] > after)
        and (before is None or one["createdAt"] < before)
    ]
    page = paged([one["serviceDeploymentArn"] for one in found], params, "arns", 100)
    arns = page.pop("arns")
    return {**page, "serviceDeployments": [one for one in found if one["serviceDeploymentArn"] in arns]}


def describe_service_deployments(world: World, params: Document) -> Document:
    """DescribeServiceDeployments, by ARN."""
    found, failures = [], []
    for arn in params["serviceDeploymentArns"]:
        key = "/".join(arn.split("/")[1:3])
        deployment = next((one for one in deployments.every(world, key) if one["arn"] == arn), None)
        if deployment is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(_told(world, deployment))
    return {"serviceDeployments": found, "failures": failures}


def _told(world: World, deployment: Document) -> Document:
    brief = _brief(world, deployment)
    target = brief.pop("targetServiceRevisionArn")
    requested = _requested(world, deployment)
    before = [one for one in deployments.every(world, deployment["service"]) if one["number"] < deployment["number"]]
    rollback = deployment.get("rollback")
    return {
        **brief,
        "updatedAt": deployment["updatedAt"],
        "sourceServiceRevisions": [{"arn": one["revision"]} for one in before if one["status"] != "INACTIVE"],
        "targetServiceRevision": {"arn": target, "requestedTaskCount": requested},
        "deploymentConfiguration": deployment["configuration"],
        "rollback": None
        if rollback is None
        else {
            "reason": rollback["reason"],
            "startedAt": rollback["at"],
            "serviceRevisionArn": rollback["revision"],
        },
        "deploymentCircuitBreaker": _breaker(deployment, requested),
    }


def _requested(world: World, deployment: Document) -> int:
    """The desired count that the deployment was judged by; a later scaling does not change it. An older state does not hold it."""
    service = world.store.get(KIND, deployment["service"]) or {"desired": 0}
    return int(deployment.get("requested", service["desired"]))


def _breaker(deployment: Document, requested: int) -> Document:
    configuration = deployment["configuration"]
    limit = deployments.threshold(configuration, requested)
    if not configuration.get("deploymentCircuitBreaker", {}).get("enable"):
        status = "DISABLED"
    elif deployment["rolloutState"] == "FAILED":
        status = "TRIGGERED"
    else:
        status = "MONITORING_COMPLETE" if "finishedAt" in deployment else "MONITORING"
    return {"status": status, "failureCount": deployment["failed"], "threshold": limit}
