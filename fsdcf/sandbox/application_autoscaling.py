"""Application Auto Scaling, as far as it can be asked: the bounds within which a service's tasks are scaled. Nothing is scaled here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.sandbox.ids import token, unique
from fsdcf.sandbox.world import Refusal, World

TARGET = "autoscaling.target"
PAGE = 50


def keep_target(world: World, properties: Mapping[str, Any]) -> None:
    """Remembers a scalable target by CloudFormation's properties of it."""
    key = _key(properties)
    old = world.store.get(TARGET, key) or {"created": world.clock.now()}
    world.store.put(TARGET, key, {**old, "properties": dict(properties)})


def forget_target(world: World, properties: Mapping[str, Any]) -> None:
    """Drops a scalable target."""
    world.store.remove(TARGET, _key(properties))


def _key(properties: Mapping[str, Any]) -> str:
    return "|".join(str(properties.get(name, "")) for name in ("ServiceNamespace", "ResourceId", "ScalableDimension"))


def describe_scalable_targets(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeScalableTargets: of a namespace, by resource and dimension."""
    if params.get("ScalableDimension") and not params.get("ResourceIds"):
        raise Refusal("ValidationException", "ResourceIds must be specified with ScalableDimension.")
    asked = params.get("ResourceIds")
    found = [
        _told(world, body)
        for _, body in world.store.every(TARGET, f"{params['ServiceNamespace']}|")
        if (not asked or body["properties"].get("ResourceId") in asked)
        and params.get("ScalableDimension") in (None, body["properties"].get("ScalableDimension"))
    ]
    place = params.get("NextToken") or "0"
    if not place.isdecimal():
        raise Refusal("InvalidNextTokenException", "The next token is not valid.")
    start, size = int(place), min(params.get("MaxResults") or PAGE, PAGE)
    page: dict[str, Any] = {"ScalableTargets": found[start : start + size]}
    return {**page, "NextToken": str(start + size)} if start + size < len(found) else page


def _told(world: World, body: Mapping[str, Any]) -> dict[str, Any]:
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
        "RoleARN": f"arn:{world.partition}:iam::{world.account}:role/aws-service-role/{service}/{role}",
        "CreationTime": body["created"],
        "SuspendedState": {name: str(off.get(name, False)).lower() == "true" for name in names},
        "ScalableTargetARN": world.arn(
            "application-autoscaling", f"scalable-target/{token(unique(_key(properties)), length=10)}"
        ),
    }


OPERATIONS = {"DescribeScalableTargets": describe_scalable_targets}
ACTIONS: dict[str, Any] = {}
