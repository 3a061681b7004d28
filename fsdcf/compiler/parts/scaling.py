"""Auto scaling by target tracking of CPU and memory."""

from __future__ import annotations

from troposphere import GetAtt, Join, Ref, Sub
from troposphere import applicationautoscaling as autoscaling

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
    cpu = DEFAULT_TARGET if auto.target_cpu is None and auto.target_memory is None else auto.target_cpu
    for metric, percent in (("CPU", cpu), ("Memory", auto.target_memory)):
        if percent is not None:
            _add_policy(part, auto, metric, percent)
    return part


def _add_policy(part: StackPart, auto: AutoScaling, metric: str, percent: int) -> None:
    average = f"ECSServiceAverage{metric}Utilization"
    tracking = autoscaling.TargetTrackingScalingPolicyConfiguration(
        PredefinedMetricSpecification=autoscaling.PredefinedMetricSpecification(PredefinedMetricType=average),
        TargetValue=percent,
        ScaleInCooldown=auto.scale_in_cooldown,
        ScaleOutCooldown=auto.scale_out_cooldown,
    )
    policy = autoscaling.ScalingPolicy(
        f"{metric.capitalize()}ScalingPolicy",
        PolicyName=Sub(f"${{AWS::StackName}}-target{metric}"),
        PolicyType="TargetTrackingScaling",
        ScalingTargetId=Ref("ScalableTarget"),
        TargetTrackingScalingPolicyConfiguration=tracking,
    )
    below = "TargetTrackingScalingPolicyConfiguration"
    cooldowns: Sources = {(below, f"Scale{to}Cooldown"): f"{ORIGIN}.scale{to}Cooldown" for to in ("In", "Out")}
    part.add(policy, f"{ORIGIN}.target{metric}", cooldowns)
