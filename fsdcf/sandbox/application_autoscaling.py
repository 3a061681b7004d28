"""Application Auto Scaling: the bounds of a service's number of tasks, which apply as soon as they are set.

No load scales a service.
"""

from __future__ import annotations

from fsdcf.cloudformation.types.applicationautoscaling import SUSPENSIONS, TASKS_DIMENSION
from fsdcf.sandbox.ecs import service_of, update_service
from fsdcf.sandbox.ids import token, unique
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError, page

SCALABLE_TARGET = "autoscaling.target"
ACTIVITY = "autoscaling.activity"
PAGE = 50


def put_target(state: SandboxState, key: str, properties: Data) -> None:
    """Store a scalable target by its CloudFormation id and properties, and bring the number of tasks within its bounds.

    What is suspended stays suspended if the properties do not say: CloudFormation then leaves the parameter out.
    Auto scaling changes a number outside the bounds as soon as they are set, but not one that is set manually later.
    Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalingActivities.html
    """
    previous = state.store.get(SCALABLE_TARGET, key) or {"created": state.clock.now()}
    suspended = previous.get("properties", {}).get("SuspendedState")
    kept = {**({"SuspendedState": suspended} if suspended else {}), **properties}
    state.store.put(SCALABLE_TARGET, key, {**previous, "properties": kept})
    name = properties["ResourceId"]
    service = service_of(state, name) if properties["ScalableDimension"] == TASKS_DIMENSION else None
    if service is None or service["status"] != "ACTIVE":
        return
    current = service["desiredCount"]
    desired = min(max(current, int(properties["MinCapacity"])), int(properties["MaxCapacity"]))
    if desired != current:
        update_service(state, {"service": name, "desiredCount": desired})
        bound, limit = ("minimum", "MinCapacity") if desired > current else ("maximum", "MaxCapacity")
        _record_activity(state, properties, desired, f"{bound} capacity was set to {properties[limit]}")


def _record_activity(state: SandboxState, properties: Data, desired: int, cause: str) -> None:
    """Record that the number of tasks was set."""
    number = state.store.next_number("autoscaling.activity")
    activity = {
        "ActivityId": unique("activity", number),
        **{name: properties[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")},
        "Description": f"Setting desired count to {desired}.",
        "Cause": cause,
        "StartTime": state.clock.now(),
        "EndTime": state.clock.now(),
        "StatusCode": "Successful",
        "StatusMessage": f"Successfully set desired count to {desired}. Change successfully fulfilled by ecs.",
    }
    state.store.put(ACTIVITY, f"{number:08d}", activity)


def describe_scaling_activities(state: SandboxState, params: Document) -> Document:
    """DescribeScalingActivities of a namespace, latest first, by resource and dimension.

    Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalingActivities.html
    """
    if params.get("ScalableDimension") and not params.get("ResourceId"):
        raise ServiceError("ValidationException", "ResourceId must be specified with ScalableDimension.")
    wanted = {name: params.get(name) for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
    activities = [
        body
        for _, body in reversed(state.store.every(ACTIVITY))
        if all(value in (None, body[name]) for name, value in wanted.items())
    ]
    invalid = ServiceError("InvalidNextTokenException", "The next token is not valid.")
    return page(activities, params, "ScalingActivities", PAGE, invalid, "NextToken", "MaxResults")


def remove_target(state: SandboxState, key: str) -> None:
    """Remove a scalable target, by its CloudFormation id."""
    state.store.remove(SCALABLE_TARGET, key)


def describe_scalable_targets(state: SandboxState, params: Document) -> Document:
    """DescribeScalableTargets of a namespace, by resource and dimension."""
    resources, dimension = params.get("ResourceIds"), params.get("ScalableDimension")
    if dimension and not resources:
        raise ServiceError("ValidationException", "ResourceIds must be specified with ScalableDimension.")
    targets = [
        _described(state, key, body)
        for key, body in state.store.every(SCALABLE_TARGET)
        if body["properties"]["ServiceNamespace"] == params["ServiceNamespace"]
        and (not resources or body["properties"]["ResourceId"] in resources)
        and dimension in (None, body["properties"]["ScalableDimension"])
    ]
    invalid = ServiceError("InvalidNextTokenException", "The next token is not valid.")
    return page(targets, params, "ScalableTargets", PAGE, invalid, "NextToken", "MaxResults")


def describe_scheduled_actions(state: SandboxState, params: Document) -> Document:
    """DescribeScheduledActions of a namespace, by resource and dimension. No schedule is ever due here.

    Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScheduledActions.html
    """
    if params.get("ScalableDimension") and not params.get("ResourceId"):
        raise ServiceError("ValidationException", "ResourceId must be specified with ScalableDimension.")
    wanted = {name: params.get(name) for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
    actions = [
        _scheduled(state, body, action)
        for _, body in state.store.every(SCALABLE_TARGET)
        if all(value in (None, body["properties"][name]) for name, value in wanted.items())
        for action in body["properties"].get("ScheduledActions") or ()
    ]
    invalid = ServiceError("InvalidNextTokenException", "The next token is not valid.")
    return page(actions, params, "ScheduledActions", PAGE, invalid, "NextToken", "MaxResults")


def _scheduled(state: SandboxState, body: Data, action: Data) -> Document:
    properties, limits = body["properties"], action.get("ScalableTargetAction") or {}
    name = action["ScheduledActionName"]
    arn = f"scheduledAction:{unique(name)}:resource/{properties['ServiceNamespace']}/{properties['ResourceId']}"
    return {
        **{name: properties[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")},
        **{key: action[key] for key in ("ScheduledActionName", "Schedule", "Timezone") if key in action},
        "ScheduledActionARN": state.arn("autoscaling", f"{arn}:scheduledActionName/{name}"),
        "ScalableTargetAction": {key: int(limit) for key, limit in limits.items()},
        "CreationTime": body["created"],
    }


def _described(state: SandboxState, key: str, body: Data) -> Document:
    properties = body["properties"]
    suspended = properties.get("SuspendedState") or {}
    namespace = properties["ServiceNamespace"]
    role = f"AWSServiceRoleForApplicationAutoScaling_{namespace.upper()}Service"
    role_path = f"role/aws-service-role/{namespace}.application-autoscaling.amazonaws.com/{role}"
    identifier = token(unique(key), length=10)
    return {
        **{name: properties[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")},
        "MinCapacity": int(properties["MinCapacity"]),
        "MaxCapacity": int(properties["MaxCapacity"]),
        "RoleARN": f"arn:{state.partition}:iam::{state.account}:{role_path}",
        "CreationTime": body["created"],
        "SuspendedState": {name: str(suspended.get(name, False)).lower() == "true" for name in SUSPENSIONS},
        "ScalableTargetARN": state.arn("application-autoscaling", f"scalable-target/{identifier}"),
    }


OPERATIONS = {
    "DescribeScalableTargets": describe_scalable_targets,
    "DescribeScalingActivities": describe_scaling_activities,
    "DescribeScheduledActions": describe_scheduled_actions,
}
