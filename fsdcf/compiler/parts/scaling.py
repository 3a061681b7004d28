"""Auto scaling by target tracking of CPU, memory, and the requests and the response time at the load balancer."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Join, Ref, Sub
from troposphere import applicationautoscaling as autoscaling

from fsdcf.compiler.parts.load_balancer import full_name, resource_label
from fsdcf.compiler.stack import Context, Sources, StackPart
from fsdcf.language.model.service import AutoScaling

ORIGIN = "service.autoScaling"
DEFAULT_TARGET = 70


def scaling(context: Context) -> StackPart:
    """The scalable target and a policy for each metric with a target value: CPU at 70 percent by default."""
    part = StackPart()
    auto = context.service.auto_scaling
    if auto is None:
        return part
    target = autoscaling.ScalableTarget(
        "ScalableTarget",
        ServiceNamespace="ecs",
        ScalableDimension="ecs:service:DesiredCount",
        ResourceId=Sub("service/${Cluster}/${Service.Name}")
        if context.joined is None
        else Join("/", ["service", context.cluster, GetAtt("Service", "Name")]),
        MinCapacity=auto.min_count,
        MaxCapacity=auto.max_count,
    )
    part.add(target, ORIGIN, {"MinCapacity": f"{ORIGIN}.minCount", "MaxCapacity": f"{ORIGIN}.maxCount"})
    for key, target_value in _targets(auto).items():
        _add_policy(part, auto, key, target_value, _metric(context, key))
    return part


def _targets(auto: AutoScaling) -> dict[str, float]:
    """The target values by key: those that the spec has, or the default one."""
    targets = {
        "targetCPU": auto.target_cpu,
        "targetMemory": auto.target_memory,
        "targetRequestsPerTask": auto.target_requests_per_task,
        "targetResponseTime": auto.target_response_time,
    }
    written = {key: target for key, target in targets.items() if target is not None}
    return written or {"targetCPU": DEFAULT_TARGET}


def _metric(context: Context, key: str) -> dict[str, Any]:
    """The metric that is kept at a target value. The load balancer has one of requests per target, and the response
    time of its targets only as a metric of CloudWatch.

    Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html
    """
    predefined = autoscaling.PredefinedMetricSpecification
    if key == "targetRequestsPerTask":
        metric = predefined(PredefinedMetricType="ALBRequestCountPerTarget", ResourceLabel=resource_label(context))
        return {"PredefinedMetricSpecification": metric}
    if key == "targetResponseTime":
        dimensions = {
            "LoadBalancer": full_name(context),
            "TargetGroup": GetAtt("TargetGroup", "TargetGroupFullName"),
        }
        custom = autoscaling.CustomizedMetricSpecification(
            Namespace="AWS/ApplicationELB",
            MetricName="TargetResponseTime",
            Statistic="Average",
            Unit="Seconds",
            Dimensions=[autoscaling.MetricDimension(Name=name, Value=one) for name, one in dimensions.items()],
        )
        return {"CustomizedMetricSpecification": custom}
    average = f"ECSServiceAverage{key.removeprefix('target')}Utilization"
    return {"PredefinedMetricSpecification": predefined(PredefinedMetricType=average)}


_IDS = {
    "targetCPU": "Cpu",
    "targetMemory": "Memory",
    "targetRequestsPerTask": "Requests",
    "targetResponseTime": "ResponseTime",
}
"""The beginning of the logical ID of each policy."""


def _add_policy(part: StackPart, auto: AutoScaling, key: str, target: float, metric: dict[str, Any]) -> None:
    tracking = autoscaling.TargetTrackingScalingPolicyConfiguration(
        **metric,
        TargetValue=target,
        ScaleInCooldown=auto.scale_in_cooldown,
        ScaleOutCooldown=auto.scale_out_cooldown,
    )
    policy = autoscaling.ScalingPolicy(
        f"{_IDS[key]}ScalingPolicy",
        PolicyName=Sub(f"${{AWS::StackName}}-{key}"),
        PolicyType="TargetTrackingScaling",
        ScalingTargetId=Ref("ScalableTarget"),
        TargetTrackingScalingPolicyConfiguration=tracking,
    )
    below = "TargetTrackingScalingPolicyConfiguration"
    cooldowns: Sources = {(below, f"Scale{to}Cooldown"): f"{ORIGIN}.scale{to}Cooldown" for to in ("In", "Out")}
    part.add(policy, f"{ORIGIN}.{key}", cooldowns)
