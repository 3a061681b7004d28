"""Elastic Load Balancing: listeners and their rules, target groups and the health of their targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fsdcf.sandbox.ids import quoted, token
from fsdcf.sandbox.protocols.shapes import request_of
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError, page

TARGET_GROUP = "elbv2.group"
TARGET = "elbv2.target"
LISTENER = "elbv2.listener"
RULE = "elbv2.rule"
CERTIFICATES = "elbv2.certificates"
ATTRIBUTES = "elbv2.attributes"

MOST_RULES = MOST_GROUPS = 100
"""Default quotas of an application load balancer: rules without the defaults, and target groups.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html"""

MOST_VALUES = 5
"""Values and wildcards in all conditions of a rule.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html"""

PAGE = 400

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
    """Remove a target group and its targets. Raises ServiceError if a listener or a rule forwards to it."""
    if is_used(state, arn):
        raise _refusal("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
    state.store.remove(TARGET_GROUP, arn)
    for key, _ in state.store.every(TARGET, f"{arn}|"):
        state.store.remove(TARGET, key)


def is_used(state: SandboxState, group: str) -> bool:
    """Return whether a listener or a rule forwards to a target group."""
    return any(group in other["groups"] for _, other in _forwarding(state))


def is_known(state: SandboxState, group: str) -> bool:
    """Return whether the sandbox has made a target group."""
    return state.store.get(TARGET_GROUP, group) is not None


def _refusal(code: str, message: str) -> ServiceError:
    return ServiceError(code, quoted(message, "ElasticLoadBalancingV2"))


def _forwarding(state: SandboxState) -> Iterator[tuple[str, Document]]:
    """Return listeners and rules by ARN: each with its balancer and the target groups to which it forwards."""
    yield from state.store.every(LISTENER)
    yield from state.store.every(RULE)


def _targets_of(actions: list[Document]) -> list[str]:
    """Return the target groups of actions, each once."""
    weighted = (group for one in actions for group in one.get("ForwardConfig", {}).get("TargetGroups", []))
    return list(dict.fromkeys(one["TargetGroupArn"] for one in (*actions, *weighted) if "TargetGroupArn" in one))


def _check_groups(state: SandboxState, arn: str, balancer: str, groups: list[str]) -> None:
    """Raise ServiceError if target groups serve another load balancer, or if the balancer would have too many."""
    others = [other for key, other in _forwarding(state) if key != arn]
    elsewhere = {group for other in others if other["balancer"] != balancer for group in other["groups"]}
    shared = [group for group in groups if group in elsewhere]
    if shared:
        text = "The following target groups cannot be associated with more than one load balancer: "
        raise _refusal("TargetGroupAssociationLimit", text + ", ".join(shared))
    own = {group for other in others if other["balancer"] == balancer for group in other["groups"]}
    if len(own | set(groups)) > MOST_GROUPS:
        text = "The maximum number of unique target groups that you can associate with the load balancer has been"
        raise _refusal("TooManyUniqueTargetGroupsPerLoadBalancer", f"{text} reached: {MOST_GROUPS}")


def put_listener(state: SandboxState, arn: str, properties: Data) -> None:
    """Store a listener by its CloudFormation properties. Raises ServiceError for a certificate of another region, and
    if it forwards to a target group that serves another load balancer.
    """
    request = request_of("elbv2", "CreateListener", properties)
    for one in request.get("Certificates", []):
        if one["CertificateArn"].split(":")[3:4] not in ([state.region], []):
            raise _refusal("CertificateNotFound", f"Certificate '{one['CertificateArn']}' not found")
    balancer, groups = request["LoadBalancerArn"], _targets_of(request.get("DefaultActions", []))
    _check_groups(state, arn, balancer, groups)
    state.store.put(LISTENER, arn, {"balancer": balancer, "groups": groups, "request": request})


def uses_certificate(state: SandboxState, certificate: str) -> bool:
    """Return whether a listener uses a certificate, by its ARN."""
    own = [body.get("request", {}).get("Certificates", []) for _, body in state.store.every(LISTENER)]
    added = [body["Certificates"] for _, body in state.store.every(CERTIFICATES)]
    return any(one.get("CertificateArn") == certificate for many in (*own, *added) for one in many)


def remove_listener(state: SandboxState, arn: str) -> None:
    """Remove a listener and its rules."""
    state.store.remove(LISTENER, arn)
    for key, _ in _rules_of(state, arn):
        state.store.remove(RULE, key)


def put_rule(state: SandboxState, arn: str, properties: Data) -> None:
    """Store a rule of a listener by its CloudFormation properties. Raises ServiceError for a priority that another rule
    has, for too many conditions, and beyond the quotas of the load balancer.
    """
    request = request_of("elbv2", "CreateRule", properties)
    listener, balancer = request["ListenerArn"], balancer_of(request["ListenerArn"])
    if sum(map(_count, request.get("Conditions", []))) > MOST_VALUES:
        raise _refusal("ValidationError", f"A rule can only have '{MOST_VALUES}' condition values")
    priorities = {body["request"]["Priority"] for key, body in _rules_of(state, listener) if key != arn}
    if request["Priority"] in priorities:
        raise _refusal("PriorityInUse", f"Priority '{request['Priority']}' is currently in use")
    others = [key for key, body in state.store.every(RULE) if body["balancer"] == balancer and key != arn]
    if len(others) >= MOST_RULES:
        raise _refusal("TooManyRules", f"The maximum number of rules on load balancer '{balancer}' has been reached")
    groups = _targets_of(request.get("Actions", []))
    _check_groups(state, arn, balancer, groups)
    state.store.put(RULE, arn, {"balancer": balancer, "groups": groups, "listener": listener, "request": request})


def remove_rule(state: SandboxState, arn: str) -> None:
    """Remove a rule."""
    state.store.remove(RULE, arn)


def balancer_of(listener: str) -> str:
    """Return the ARN of a listener's load balancer."""
    head, _, name = listener.partition(":listener/")
    return f"{head}:loadbalancer/{name.rpartition('/')[0]}"


def _count(condition: Document) -> int:
    """Return how many values a condition has, in its own member or in that of its field."""
    lists = [
        condition.get("Values", []),
        *(one.get("Values", []) for one in condition.values() if isinstance(one, dict)),
    ]
    return sum(map(len, lists))


def _rules_of(state: SandboxState, listener: str) -> list[tuple[str, Document]]:
    """Return the rules of a listener, by ARN."""
    return [(key, body) for key, body in state.store.every(RULE) if body["listener"] == listener]


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


def describe_listeners(state: SandboxState, params: Document) -> Document:
    """DescribeListeners, of a load balancer or by ARN."""
    wanted, balancer = params.get("ListenerArns"), params.get("LoadBalancerArn")
    known = dict(state.store.every(LISTENER))
    if set(wanted or ()) - known.keys():
        raise ServiceError("ListenerNotFound", "One or more listeners not found")
    listeners = [
        {**body.get("request", {}), "ListenerArn": arn, "LoadBalancerArn": body["balancer"]}
        for arn, body in known.items()
        if (arn in wanted if wanted else body["balancer"] == balancer)
    ]
    return _paged(listeners, params, "Listeners")


def describe_rules(state: SandboxState, params: Document) -> Document:
    """DescribeRules, of a listener, with the default one at last, or by ARN."""
    wanted, listener = params.get("RuleArns"), params.get("ListenerArn")
    rules = [(arn, state.store.get(RULE, arn)) for arn in wanted] if wanted else _rules_of(state, str(listener))
    known = None if wanted else state.store.get(LISTENER, str(listener))
    if not wanted and known is None and not rules:
        raise ServiceError("ListenerNotFound", "One or more listeners not found")
    described = [_described_rule(arn, body["request"]) for arn, body in rules if body is not None]
    if len(described) < len(rules):
        raise ServiceError("RuleNotFound", "One or more rules not found")
    described.sort(key=lambda one: int(one["Priority"]))
    if known is not None:
        arn = f"{str(listener).replace(':listener/', ':listener-rule/')}/{token(listener, 'default', length=16)}"
        default = {"Actions": known.get("request", {}).get("DefaultActions", []), "Conditions": []}
        described.append({**_described_rule(arn, default), "Priority": "default", "IsDefault": True})
    return _paged(described, params, "Rules")


def _described_rule(arn: str, request: Document) -> Document:
    return {
        "RuleArn": arn,
        "Priority": str(request.get("Priority", "")),
        "Conditions": request.get("Conditions", []),
        "Actions": request.get("Actions", []),
        "IsDefault": False,
    }


def _paged(items: list[Document], params: Document, name: str) -> Document:
    """Return a page of a list; a request names its mark ``Marker``, an answer ``NextMarker``."""
    invalid = ServiceError("ValidationError", "The marker is not valid")
    answer = page(items, params, name, PAGE, invalid, "Marker", "PageSize")
    return {name: answer[name], "NextMarker": answer["Marker"]}


def modify_load_balancer_attributes(state: SandboxState, params: Document) -> Document:
    """ModifyLoadBalancerAttributes, outside of CloudFormation."""
    body = {**(state.store.get(ATTRIBUTES, params["LoadBalancerArn"]) or {}), **_by_key(params["Attributes"])}
    state.store.put(ATTRIBUTES, params["LoadBalancerArn"], body)
    return {"Attributes": _listed(body)}


def attributes_of(state: SandboxState, arn: str, properties: Data) -> Document:
    """Return the attributes of a load balancer, if they are changed, as the property of CloudFormation."""
    changed = state.store.get(ATTRIBUTES, arn)
    given = properties.get("LoadBalancerAttributes") or ()
    return {"LoadBalancerAttributes": _listed(_by_key(given) | changed)} if changed else {}


def forget_attributes(state: SandboxState, arn: str) -> None:
    """Forget the changes of attributes: CloudFormation sets them, or deletes the load balancer."""
    state.store.remove(ATTRIBUTES, arn)


def _by_key(attributes: Iterable[Data]) -> Document:
    return {one["Key"]: one["Value"] for one in attributes}


def _listed(attributes: Data) -> list[Document]:
    return [{"Key": key, "Value": value} for key, value in attributes.items()]


OPERATIONS = {
    "DescribeListeners": describe_listeners,
    "DescribeRules": describe_rules,
    "DescribeTargetHealth": describe_target_health,
    "DescribeTargetGroups": describe_target_groups,
    "ModifyLoadBalancerAttributes": modify_load_balancer_attributes,
}
