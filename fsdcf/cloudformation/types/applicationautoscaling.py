"""Application Auto Scaling: scalable targets and scaling policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, mapping, mappings, text_of
from fsdcf.cloudformation.pricing import CostItems, PricingContext, PricingRule, Resources, Unpriced
from fsdcf.cloudformation.template import of_type
from fsdcf.cloudformation.types import (
    NEVER,
    DeployPermissions,
    Managed,
    Part,
    ResourceType,
    Simulation,
)
from fsdcf.wording import counted

PART: Part = "scaling"
SCALABLE_TARGET, SCALING_POLICY = (
    f"AWS::ApplicationAutoScaling::{name}" for name in ("ScalableTarget", "ScalingPolicy")
)

TASKS_DIMENSION = "ecs:service:DesiredCount"
"""The dimension of a scalable target for the number of tasks of a service."""

SUSPENSIONS: Mapping[str, str] = {
    "DynamicScalingOutSuspended": "scaling out",
    "DynamicScalingInSuspended": "scaling in",
    "ScheduledScalingSuspended": "scheduled scaling",
}
"""The members of ``SuspendedState``, in words.
Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_SuspendedState.html"""


def task_targets(template: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The scalable targets of ECS services in a template, as opposed to those of other capacities."""
    targets = of_type(template, SCALABLE_TARGET)
    return (one for one in targets if (one.get("Properties") or {}).get("ServiceNamespace", "ecs") == "ecs")


def _other_targets(stack: PlannedStack, targets: Resources) -> Iterator[Unpriced]:
    for target in targets:
        if target.get("ServiceNamespace") not in ("ecs", "dynamodb"):
            why = "only the scaling of ECS services and of DynamoDB tables is counted"
            yield Unpriced(f"Scaling by {target.name}", why, (target.name,))


def _price_policies(context: PricingContext, policies: Resources) -> CostItems:
    """The alarms that target tracking creates.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/target-tracking-create-policy.html
    """
    tracking = [one for one in policies if one.mapping("TargetTrackingScalingPolicyConfiguration")]
    if tracking:
        total = sum(map(_alarms, tracking))
        alarms = f"{counted(total, 'metric')} of alarms" if any(_metrics(one) > 1 for one in tracking) else ""
        how = f"{alarms or counted(total, 'alarm')} for {counted(len(tracking), 'policy')}"
        yield context.line("alarm.standard", "Alarms of target tracking", total, how, tracking, owner="target tracking")


def _alarms(policy: PlannedResource) -> int:
    """One alarm for scaling out, and one for scaling in unless that is disabled, by the metrics that each watches."""
    tracking = policy.mapping("TargetTrackingScalingPolicyConfiguration")
    return (1 if text_of(tracking.get("DisableScaleIn")) == "true" else 2) * _metrics(policy)


def _metrics(policy: PlannedResource) -> int:
    """The number of metrics in the formula of a policy; 1 without a formula."""
    tracking = policy.mapping("TargetTrackingScalingPolicyConfiguration")
    queries = mappings(mapping(tracking.get("CustomizedMetricSpecification")).get("Metrics"))
    return max(1, sum(bool(one.get("MetricStat")) for one in queries))


RECORDS = (
    ResourceType(
        SCALABLE_TARGET,
        "free",
        Simulation("{p[ResourceId]}|{p[ScalableDimension]}|{p[ServiceNamespace]}", {"Id": "{id}"}, create=6.0),
        DeployPermissions(
            only_with={
                NEVER: ("lambda:*",),
                "ScheduledActions": (
                    "application-autoscaling:PutScheduledAction",
                    "application-autoscaling:DeleteScheduledAction",
                ),
            },
            linked_role=lambda properties: (
                f"{properties.get('ServiceNamespace')}.application-autoscaling.amazonaws.com"
            ),
        ),
        side_costs=_other_targets,
        managed=(
            Managed(
                "/(Min|Max)Capacity",
                "a scheduled action sets the limits of auto scaling",
                lambda properties, template: bool(properties.get("ScheduledActions")),
            ),
        ),
    ),
    ResourceType(
        SCALING_POLICY,
        PricingRule("logs and alarms", _price_policies, (), order=2),
        Simulation(
            "arn:{partition}:autoscaling:{region}:{account}:scalingPolicy:{uuid}:"
            "resource/ecs/{e[ScalingTargetId]}:policyName/{p[PolicyName]}",
            create=2.0,
        ),
        DeployPermissions(only_with={"PredictiveScalingPolicyConfiguration": ("cloudwatch:GetMetricData",)}),
    ),
)
