"""Elastic Load Balancing: target groups and the health of their targets."""

from __future__ import annotations

from dataclasses import dataclass

from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError

TARGET_GROUP = "elbv2.group"
TARGET = "elbv2.target"
LISTENER = "elbv2.listener"

DESCRIPTIONS = {
    "Elb.RegistrationInProgress": "Target registration is in progress",
    "Elb.InitialHealthChecking": "Initial health checks in progress",
    "Target.Timeout": "Request timed out",
    "Target.FailedHealthChecks": "Health checks failed",
    "Target.DeregistrationInProgress": "Target deregistration is in progress",
    "Target.NotRegistered": "Target is not registered to the target group",
}
"""The descriptions of the reason codes in DescribeTargetHealth, after
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html."""


@dataclass(frozen=True)
class TargetHealthCheck:
    """The health check of a target group. Times are in seconds; the defaults are those of ELB."""

    path: str = "/"
    interval: float = 30
    timeout: float = 5
    healthy: int = 5
    unhealthy: int = 2
    codes: str = "200"
    draining: float = 300


def put_target_group(state: SandboxState, arn: str, properties: Data) -> None:
    """Store a target group by its CloudFormation properties."""
    state.store.put(TARGET_GROUP, arn, {"properties": dict(properties)})


def remove_target_group(state: SandboxState, arn: str) -> None:
    """Remove a target group and its targets."""
    state.store.remove(TARGET_GROUP, arn)
    for key, _ in state.store.every(TARGET, f"{arn}|"):
        state.store.remove(TARGET, key)


def put_listener(state: SandboxState, arn: str, properties: Data) -> None:
    """Store a listener by its CloudFormation properties. Raises ServiceError if it forwards to a target group that
    serves another load balancer.
    """
    balancer = properties.get("LoadBalancerArn")
    groups = [action["TargetGroupArn"] for action in properties.get("DefaultActions", []) if "TargetGroupArn" in action]
    for _, other in state.store.every(LISTENER):
        shared = [group for group in groups if group in other["groups"] and other["balancer"] != balancer]
        if shared:
            text = "The following target groups cannot be associated with more than one load balancer: "
            raise ServiceError("TargetGroupAssociationLimit", text + ", ".join(shared))
    state.store.put(LISTENER, arn, {"balancer": balancer, "groups": groups})


def remove_listener(state: SandboxState, arn: str) -> None:
    """Remove a listener."""
    state.store.remove(LISTENER, arn)


def health_check_of(state: SandboxState, arn: str) -> TargetHealthCheck:
    """Return the health check of a target group; for an unknown one, ELB's defaults."""
    body = state.store.get(TARGET_GROUP, arn)
    return TargetHealthCheck() if body is None else _health_check(body["properties"])


def _health_check(properties: Data) -> TargetHealthCheck:
    attributes = {one.get("Key"): one.get("Value") for one in properties.get("TargetGroupAttributes", [])}
    default = TargetHealthCheck()
    return TargetHealthCheck(
        str(properties.get("HealthCheckPath", default.path)),
        float(properties.get("HealthCheckIntervalSeconds", default.interval)),
        float(properties.get("HealthCheckTimeoutSeconds", default.timeout)),
        int(properties.get("HealthyThresholdCount", default.healthy)),
        int(properties.get("UnhealthyThresholdCount", default.unhealthy)),
        str(properties.get("Matcher", {}).get("HttpCode", default.codes)),
        float(attributes.get("deregistration_delay.timeout_seconds", default.draining)),
    )


def set_target(
    state: SandboxState, arn: str, address: str, port: int, health: str, reason: str = "", description: str = ""
) -> None:
    """Register a target or change its health. ``health`` and ``reason`` are State and Reason of TargetHealth."""
    body = _target(address, port, health, reason, description)
    state.store.put(TARGET, f"{arn}|{address}|{port}", body)


def _target(address: str, port: int | None, health: str, reason: str, description: str = "") -> Document:
    return {
        "address": address,
        "port": port,
        "state": health,
        "reason": reason,
        "description": description or DESCRIPTIONS.get(reason, ""),
    }


def remove_target(state: SandboxState, arn: str, address: str, port: int) -> None:
    """Remove a target from its group."""
    state.store.remove(TARGET, f"{arn}|{address}|{port}")


def target_state(state: SandboxState, arn: str, address: str, port: int) -> str:
    """Return the state of a target, or an empty string if it is not registered."""
    body = state.store.get(TARGET, f"{arn}|{address}|{port}")
    return "" if body is None else str(body["state"])


def describe_target_health(state: SandboxState, params: Document) -> Document:
    """DescribeTargetHealth of all targets, or of those in ``Targets``."""
    arn = params["TargetGroupArn"]
    targets = [body for _, body in state.store.every(TARGET, f"{arn}|")]
    if not targets and state.store.get(TARGET_GROUP, arn) is None:
        raise ServiceError("TargetGroupNotFound", f"Target groups '{arn}' not found")
    wanted = params.get("Targets")
    if wanted is not None:
        targets = [_registered(target, targets) for target in wanted]
    return {"TargetHealthDescriptions": [_described_target(state, body) for body in targets]}


def _registered(wanted: Document, targets: list[Document]) -> Document:
    address, port = wanted["Id"], wanted.get("Port")
    matches = (body for body in targets if body["address"] == address and port in (None, body["port"]))
    return next(matches, _target(address, port, "unused", "Target.NotRegistered"))


def _described_target(state: SandboxState, body: Document) -> Document:
    health = {"State": body["state"], "Reason": body["reason"] or None, "Description": body["description"] or None}
    target = {"Id": body["address"], "Port": body["port"], "AvailabilityZone": f"{state.region}a"}
    port = None if body["port"] is None else str(body["port"])
    return {"Target": target, "HealthCheckPort": port, "TargetHealth": health}


def describe_target_groups(state: SandboxState, params: Document) -> Document:
    """DescribeTargetGroups, by ARN or name."""
    groups = [_described_group(arn, body["properties"]) for arn, body in state.store.every(TARGET_GROUP)]
    for key, wanted in (("TargetGroupArn", params.get("TargetGroupArns")), ("TargetGroupName", params.get("Names"))):
        missing = sorted(set(wanted or ()) - {group[key] for group in groups})
        if missing:
            raise ServiceError("TargetGroupNotFound", f"Target groups '{', '.join(missing)}' not found")
        groups = [group for group in groups if not wanted or group[key] in wanted]
    return {"TargetGroups": groups}


def _described_group(arn: str, properties: Data) -> Document:
    check = _health_check(properties)
    return {
        "TargetGroupArn": arn,
        "TargetGroupName": arn.split("/")[-2],
        "Protocol": properties.get("Protocol", "HTTP"),
        "Port": int(properties.get("Port", 80)),
        "VpcId": properties.get("VpcId"),
        "HealthCheckProtocol": properties.get("HealthCheckProtocol", "HTTP"),
        "HealthCheckPort": str(properties.get("HealthCheckPort", "traffic-port")),
        "HealthCheckEnabled": True,
        "HealthCheckPath": check.path,
        "HealthCheckIntervalSeconds": int(check.interval),
        "HealthCheckTimeoutSeconds": int(check.timeout),
        "HealthyThresholdCount": check.healthy,
        "UnhealthyThresholdCount": check.unhealthy,
        "Matcher": {"HttpCode": check.codes},
        "TargetType": properties.get("TargetType", "instance"),
    }


OPERATIONS = {"DescribeTargetHealth": describe_target_health, "DescribeTargetGroups": describe_target_groups}
