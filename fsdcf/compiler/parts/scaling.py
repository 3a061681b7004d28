"""Target tracking: how many tasks run, by CPU and memory."""

from __future__ import annotations

from troposphere import Ref, Sub
from troposphere import applicationautoscaling as scaling

from fsdcf.compiler.stack import PropertyPath, Stack
from fsdcf.language.model.service import AutoScaling

ORIGIN = "service.autoScaling"
DEFAULT_TARGET = 70


def add_scaling(stack: Stack, auto: AutoScaling | None) -> None:
    """The scalable target and a policy for each metric with a target; CPU at 70 percent where none is given."""
    if auto is None:
        return
    target = scaling.ScalableTarget(
        "ScalableTarget",
        ServiceNamespace="ecs",
        ScalableDimension="ecs:service:DesiredCount",
        ResourceId=Sub("service/${Cluster}/${Service.Name}"),
        MinCapacity=auto.min_count,
        MaxCapacity=auto.max_count,
    )
    stack.add(target, ORIGIN, {("MinCapacity",): f"{ORIGIN}.minCount", ("MaxCapacity",): f"{ORIGIN}.maxCount"})
    cpu = DEFAULT_TARGET if auto.target_cpu is None and auto.target_memory is None else auto.target_cpu
    if cpu is not None:
        _policy(stack, auto, "CpuScalingPolicy", "ECSServiceAverageCPUUtilization", cpu, "targetCPU")
    if auto.target_memory is not None:
        _policy(
            stack, auto, "MemoryScalingPolicy", "ECSServiceAverageMemoryUtilization", auto.target_memory, "targetMemory"
        )


def _policy(stack: Stack, auto: AutoScaling, title: str, metric: str, percent: int, key: str) -> None:
    tracking = scaling.TargetTrackingScalingPolicyConfiguration(
        PredefinedMetricSpecification=scaling.PredefinedMetricSpecification(PredefinedMetricType=metric),
        TargetValue=percent,
        ScaleInCooldown=auto.scale_in_cooldown,
        ScaleOutCooldown=auto.scale_out_cooldown,
    )
    policy = scaling.ScalingPolicy(
        title,
        PolicyName=Sub(f"${{AWS::StackName}}-{key}"),
        PolicyType="TargetTrackingScaling",
        ScalingTargetId=Ref("ScalableTarget"),
        TargetTrackingScalingPolicyConfiguration=tracking,
    )
    below = "TargetTrackingScalingPolicyConfiguration"
    cooldowns: dict[PropertyPath, str] = {
        (below, f"Scale{way}Cooldown"): f"{ORIGIN}.scale{way}Cooldown" for way in ("In", "Out")
    }
    stack.add(policy, f"{ORIGIN}.{key}", cooldowns)
