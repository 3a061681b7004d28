"""Application Auto Scaling: the bounds of a service's tasks, which are kept when they are set. No load ever scales a service here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.sandbox.ecs import service_of, update_service
from fsdcf.sandbox.ids import token, unique
from fsdcf.sandbox.state import SandboxState, ServiceError

TARGET = "autoscaling.target"
PAGE = 50


def keep_target(state: SandboxState, properties: Mapping[str, Any]) -> None:
    """Remembers a scalable target by CloudFormation's properties of it, and brings the service's tasks within the bounds."""
    key = _key(properties)
    old = state.store.get(TARGET, key) or {"created": state.clock.now()}
    state.store.put(TARGET, key, {**old, "properties": dict(properties)})
    _bring_within(state, properties)


def _bring_within(state: SandboxState, properties: Mapping[str, Any]) -> None:
    """A number of tasks outside of the bounds is changed as soon as these are set, and not when somebody scales by hand later.

    Source: https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scaling-activities.html
    """
    name = str(properties.get("ResourceId", ""))
    service = service_of(state, name) if properties.get("ScalableDimension") == "ecs:service:DesiredCount" else None
    if service is None or service["status"] != "ACTIVE":
        return
    desired = int(service["desiredCount"])
    wanted = min(max(desired, int(properties["MinCapacity"])), int(properties["MaxCapacity"]))
    if wanted != desired:
        update_service(state, {"service": name, "desiredCount": wanted})


def forget_target(state: SandboxState, properties: Mapping[str, Any]) -> None:
    """Drops a scalable target."""
    state.store.remove(TARGET, _key(properties))


def _key(properties: Mapping[str, Any]) -> str:
    return "|".join(str(properties.get(name, "")) for name in ("ServiceNamespace", "ResourceId", "ScalableDimension"))


def describe_scalable_targets(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeScalableTargets: of a namespace, by resource and dimension."""
    if params.get("ScalableDimension") and not params.get("ResourceIds"):
        raise ServiceError("ValidationException", "ResourceIds must be specified with ScalableDimension.")
    asked = params.get("ResourceIds")
    found = [
        _told(state, body)
        for _, body in state.store.every(TARGET, f"{params['ServiceNamespace']}|")
        if (not asked or body["properties"].get("ResourceId") in asked)
        and params.get("ScalableDimension") in (None, body["properties"].get("ScalableDimension"))
    ]
    place = params.get("NextToken") or "0"
    if not place.isdecimal():
        raise ServiceError("InvalidNextTokenException", "The next token is not valid.")
    start, size = int(place), min(params.get("MaxResults") or PAGE, PAGE)
    page: dict[str, Any] = {"ScalableTargets": found[start : start + size]}
    return {**page, "NextToken": str(start + size)} if start + size < len(found) else page


def _told(state: SandboxState, body: Mapping[str, Any]) -> dict[str, Any]:
    properties = body["properties"]
    off = properties.get("SuspendedState") or {}
    names = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
    service = f"{properties.get('ServiceNamespace')}.application-autoscaling.amazonaws.com"
    role = f"AWSServiceRoleForApplicationAutoScaling_{str(properties.get('ServiceNamespace')).upper()}Service"
    return {
        "ServiceNamespace": properties.get("ServiceNamespace"),
        "ResourceId": properties.get("ResourceId"),
        "ScalableDimension": properties.get("ScalableDimension"),
        "MinCapacity": int(properties.get("MinCapacity", 0)),
        "MaxCapacity": int(properties.get("MaxCapacity", 0)),
        "RoleARN": f"arn:{state.partition}:iam::{state.account}:role/aws-service-role/{service}/{role}",
        "CreationTime": body["created"],
        "SuspendedState": {name: str(off.get(name, False)).lower() == "true" for name in names},
        "ScalableTargetARN": state.arn(
            "application-autoscaling", f"scalable-target/{token(unique(_key(properties)), length=10)}"
        ),
    }


OPERATIONS = {"DescribeScalableTargets": describe_scalable_targets}
ACTIONS: dict[str, Any] = {}
