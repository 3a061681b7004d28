"""Target groups and the health of their targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.sandbox.state import SandboxState, ServiceError

GROUP = "elbv2.group"
TARGET = "elbv2.target"

DESCRIPTIONS = {
    "Elb.RegistrationInProgress": "Target registration is in progress",
    "Elb.InitialHealthChecking": "Initial health checks in progress",
    "Target.Timeout": "Request timed out",
    "Target.FailedHealthChecks": "Health checks failed",
    "Target.DeregistrationInProgress": "Target deregistration is in progress",
    "Target.NotRegistered": "Target is not registered to the target group",
}
"""What DescribeTargetHealth says of each reason, after
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html."""


@dataclass(frozen=True)
class TargetHealthCheck:
    """A target group's health check. Times are seconds; the defaults are those of ELB."""

    path: str = "/"
    interval: float = 30
    timeout: float = 5
    healthy: int = 5
    unhealthy: int = 2
    codes: str = "200"
    draining: float = 300


def keep_target_group(state: SandboxState, arn: str, properties: Mapping[str, Any]) -> None:
    """Remembers a target group by CloudFormation's properties of it."""
    state.store.put(GROUP, arn, {"properties": dict(properties)})


def forget_target_group(state: SandboxState, arn: str) -> None:
    """Drops a target group and its targets."""
    state.store.remove(GROUP, arn)
    for key, _ in state.store.every(TARGET, f"{arn}|"):
        state.store.remove(TARGET, key)


def check_of(state: SandboxState, arn: str) -> TargetHealthCheck:
    """The health check of a target group; ELB's defaults for one that nobody described."""
    told = (state.store.get(GROUP, arn) or {"properties": {}})["properties"]
    attributes = {one.get("Key"): one.get("Value") for one in told.get("TargetGroupAttributes", [])}
    plain = TargetHealthCheck()
    return TargetHealthCheck(
        str(told.get("HealthCheckPath", plain.path)),
        float(told.get("HealthCheckIntervalSeconds", plain.interval)),
        float(told.get("HealthCheckTimeoutSeconds", plain.timeout)),
        int(told.get("HealthyThresholdCount", plain.healthy)),
        int(told.get("UnhealthyThresholdCount", plain.unhealthy)),
        str(told.get("Matcher", {}).get("HttpCode", plain.codes)),
        float(attributes.get("deregistration_delay.timeout_seconds", plain.draining)),
    )


def set_target(
    state: SandboxState, arn: str, address: str, port: int, health: str, reason: str = "", words: str = ""
) -> None:
    """Registers a target or says how it does: ``health`` and ``reason`` are those of TargetHealth."""
    body = {
        "address": address,
        "port": port,
        "state": health,
        "reason": reason,
        "words": words or DESCRIPTIONS.get(reason, ""),
    }
    state.store.put(TARGET, f"{arn}|{address}|{port}", body)


def remove_target(state: SandboxState, arn: str, address: str, port: int) -> None:
    """Takes a target out of the group."""
    state.store.remove(TARGET, f"{arn}|{address}|{port}")


def target_state(state: SandboxState, arn: str, address: str, port: int) -> str:
    """The state of a target; empty if it is not registered."""
    body = state.store.get(TARGET, f"{arn}|{address}|{port}")
    return "" if body is None else str(body["state"])


def describe_target_health(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeTargetHealth: of all targets, or of those that are asked for."""
    arn = params["TargetGroupArn"]
    known = [body for _, body in state.store.every(TARGET, f"{arn}|")]
    if not known and state.store.get(GROUP, arn) is None:
        raise ServiceError("TargetGroupNotFound", f"Target groups '{arn}' not found")
    asked = params.get("Targets")
    if asked is not None:
        registered = {(body["address"], body["port"]): body for body in known}
        known = [_asked(one, registered) for one in asked]
    return {"TargetHealthDescriptions": [_told(state, body) for body in known]}


def _asked(target: dict[str, Any], registered: Mapping[tuple[str, int], dict[str, Any]]) -> dict[str, Any]:
    for (address, port), body in registered.items():
        if address == target["Id"] and target.get("Port") in (None, port):
            return body
    reason = "Target.NotRegistered"
    return {
        "address": target["Id"],
        "port": target.get("Port"),
        "state": "unused",
        "reason": reason,
        "words": DESCRIPTIONS[reason],
    }


def _told(state: SandboxState, body: dict[str, Any]) -> dict[str, Any]:
    health = {"State": body["state"], "Reason": body["reason"] or None, "Description": body["words"] or None}
    target = {"Id": body["address"], "Port": body["port"], "AvailabilityZone": f"{state.region}a"}
    port = None if body["port"] is None else str(body["port"])
    return {"Target": target, "HealthCheckPort": port, "TargetHealth": health}


def describe_target_groups(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeTargetGroups: by ARN or name."""
    groups = [_group(state, arn, body["properties"]) for arn, body in state.store.every(GROUP)]
    arns, names = params.get("TargetGroupArns"), params.get("Names")
    for asked, key in ((arns, "TargetGroupArn"), (names, "TargetGroupName")):
        missing = sorted(set(asked or ()) - {group[key] for group in groups})
        if missing:
            raise ServiceError("TargetGroupNotFound", f"Target groups '{', '.join(missing)}' not found")
    return {
        "TargetGroups": [
            group
            for group in groups
            if (not arns or group["TargetGroupArn"] in arns) and (not names or group["TargetGroupName"] in names)
        ]
    }


def _group(state: SandboxState, arn: str, told: Mapping[str, Any]) -> dict[str, Any]:
    check = check_of(state, arn)
    return {
        "TargetGroupArn": arn,
        "TargetGroupName": arn.split("/")[-2],
        "Protocol": told.get("Protocol", "HTTP"),
        "Port": int(told.get("Port", 80)),
        "VpcId": told.get("VpcId") if isinstance(told.get("VpcId"), str) else None,
        "HealthCheckProtocol": told.get("HealthCheckProtocol", "HTTP"),
        "HealthCheckPort": str(told.get("HealthCheckPort", "traffic-port")),
        "HealthCheckEnabled": True,
        "HealthCheckPath": check.path,
        "HealthCheckIntervalSeconds": int(check.interval),
        "HealthCheckTimeoutSeconds": int(check.timeout),
        "HealthyThresholdCount": check.healthy,
        "UnhealthyThresholdCount": check.unhealthy,
        "Matcher": {"HttpCode": check.codes},
        "TargetType": told.get("TargetType", "instance"),
    }


OPERATIONS = {"DescribeTargetHealth": describe_target_health, "DescribeTargetGroups": describe_target_groups}
ACTIONS: dict[str, Any] = {}
