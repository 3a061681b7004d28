"""Auto scaling: by target tracking, by steps, and by schedules that change its limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import GetAtt, Join, Ref, Sub
from troposphere import applicationautoscaling as autoscaling

from fsdcf.compiler.parts.alarms import (
    AT_LEAST,
    AT_MOST,
    Metric,
    MetricAlarm,
    backlog,
    formula,
    of_load_balancer,
    of_service,
    whole,
)
from fsdcf.compiler.parts.load_balancer import full_name, resource_label
from fsdcf.compiler.stack import Context, PropertyPath, Sources, StackPart, present
from fsdcf.language.model.service import SCALED_BY, AutoScaling, ScalingPolicy, ScalingSchedule, ScalingStep

ORIGIN = "service.autoScaling"

_IDS = {
    "cpu": "Cpu",
    "memory": "Memory",
    "requestsPerTask": "Requests",
    "responseTime": "ResponseTime",
    "queueBacklogPerTask": "Backlog",
}
"""The beginning of the logical IDs of each metric's policies."""


def scaling(context: Context) -> StackPart:
    """The scalable target with its schedules, a policy for each metric with a target value (CPU at 70 percent by
    default), and for each metric with steps two policies with their alarms."""
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
        **present(ScheduledActions=[_scheduled(one) for one in sorted(auto.schedules, key=lambda one: one.name)]),
    )
    sources: dict[str | PropertyPath, str] = {
        "MinCapacity": f"{ORIGIN}.minCount",
        "MaxCapacity": f"{ORIGIN}.maxCount",
        "ScheduledActions": f"{ORIGIN}.schedules",
    }
    part.add(target, ORIGIN, sources)
    for metric, policy in auto.targets.items():
        _add_target(part, context, auto, metric, policy)
    for metric, policy in auto.steps.items():
        out, back = steps_of(policy)
        if out:
            _add_steps(part, context, metric, "Out", out, _cooldown(auto, policy, "Out"))
        if back and policy.scale_in:
            _add_steps(part, context, metric, "In", back, _cooldown(auto, policy, "In"))
    return part


def _scheduled(schedule: ScalingSchedule) -> autoscaling.ScheduledAction:
    from fsdcf.cloudformation.cron import parse  # few specs have a schedule

    limits = {"MinCapacity": schedule.min_count, "MaxCapacity": schedule.max_count}
    return autoscaling.ScheduledAction(
        ScheduledActionName=schedule.name,
        Schedule=parse(schedule.cron).expression,
        Timezone=schedule.timezone,
        ScalableTargetAction=autoscaling.ScalableTargetAction(
            **{name: limit for name, limit in limits.items() if limit is not None}
        ),
    )


def _tracked(context: Context, metric: str) -> dict[str, Any]:
    """The metric that is kept at a target value. The load balancer has one of requests per target, and the response
    time of its targets only as a metric of CloudWatch.

    Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html
    """
    predefined = autoscaling.PredefinedMetricSpecification
    if metric == "requestsPerTask":
        specification = predefined(
            PredefinedMetricType="ALBRequestCountPerTarget", ResourceLabel=resource_label(context)
        )
        return {"PredefinedMetricSpecification": specification}
    if metric == "responseTime":
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
    if metric == "queueBacklogPerTask":
        return {"CustomizedMetricSpecification": _backlog(context)}
    average = f"ECSServiceAverage{SCALED_BY[metric].removeprefix('target')}Utilization"
    return {"PredefinedMetricSpecification": predefined(PredefinedMetricType=average)}


def _backlog(context: Context) -> autoscaling.CustomizedMetricSpecification:
    """Messages in the queue for each running task, by metric maths.

    Source: application-auto-scaling-target-tracking-metric-math in
    https://docs.aws.amazon.com/autoscaling/application/userguide/
    """
    expression, metrics = backlog(context)
    query = autoscaling.TargetTrackingMetricDataQuery
    label = "Messages per task"
    return autoscaling.CustomizedMetricSpecification(
        Metrics=[
            query(Id="backlog", Expression=expression, Label=label, ReturnData=True),
            *(query(Id=id, MetricStat=_stat(one), ReturnData=False) for id, one in metrics.items()),
        ]
    )


def _stat(metric: Metric) -> autoscaling.TargetTrackingMetricStat:
    dimension = autoscaling.TargetTrackingMetricDimension
    named = autoscaling.TargetTrackingMetric(
        Namespace=metric.namespace,
        MetricName=metric.name,
        Dimensions=[dimension(Name=name, Value=one) for name, one in metric.dimensions.items()],
    )
    return autoscaling.TargetTrackingMetricStat(Metric=named, Stat=metric.statistic)


def _cooldown(auto: AutoScaling, policy: ScalingPolicy, to: str) -> int:
    """The cooldown of a policy, or that of all of them."""
    own, common = (
        (policy.scale_in_cooldown, auto.scale_in_cooldown)
        if to == "In"
        else (policy.scale_out_cooldown, auto.scale_out_cooldown)
    )
    return common if own is None else own


def _add_target(part: StackPart, context: Context, auto: AutoScaling, metric: str, policy: ScalingPolicy) -> None:
    """Add the policy that keeps a metric at a value."""
    key, below = SCALED_BY[metric], "TargetTrackingScalingPolicyConfiguration"
    tracking = autoscaling.TargetTrackingScalingPolicyConfiguration(
        **_tracked(context, metric),
        TargetValue=whole(policy.value or 0),
        ScaleInCooldown=_cooldown(auto, policy, "In"),
        ScaleOutCooldown=_cooldown(auto, policy, "Out"),
        **present(DisableScaleIn=not policy.scale_in),
    )
    resource = autoscaling.ScalingPolicy(
        f"{_IDS[metric]}ScalingPolicy",
        PolicyName=Sub(f"${{AWS::StackName}}-{key}"),
        PolicyType="TargetTrackingScaling",
        ScalingTargetId=Ref("ScalableTarget"),
        TargetTrackingScalingPolicyConfiguration=tracking,
    )
    if policy in auto.policies:
        part.add(resource, f"{ORIGIN}.policies", {below: f"{ORIGIN}.policies.{auto.policies.index(policy)}"})
        return
    sources: Sources = {(below, f"Scale{to}Cooldown"): f"{ORIGIN}.scale{to}Cooldown" for to in ("In", "Out")}
    part.add(resource, f"{ORIGIN}.{key}", sources)


def steps_of(policy: ScalingPolicy) -> tuple[list[ScalingStep], list[ScalingStep]]:
    """The steps that add tasks, from the lowest range on, and those that remove tasks, from the highest range on."""
    out = [one for one in policy.steps if one.adjustment > 0]
    back = [one for one in policy.steps if one.adjustment < 0]
    infinite = float("inf")
    out.sort(key=lambda one: -infinite if one.lower is None else one.lower)
    back.sort(key=lambda one: -infinite if one.upper is None else -one.upper)
    return out, back


def _add_steps(
    part: StackPart, context: Context, metric: str, to: str, steps: Sequence[ScalingStep], cooldown: int
) -> None:
    """Add the policy with the steps in one direction, and the alarm that starts it. AWS counts the ranges of the steps
    from the threshold of the alarm.

    Source: https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html
    """
    bound = steps[0].lower if to == "Out" else steps[0].upper
    threshold = 0.0 if bound is None else bound
    configuration = autoscaling.StepScalingPolicyConfiguration(
        AdjustmentType="ChangeInCapacity",
        Cooldown=cooldown,
        MetricAggregationType="Average",
        StepAdjustments=[
            autoscaling.StepAdjustment(
                ScalingAdjustment=one.adjustment,
                **({} if one.lower is None else {"MetricIntervalLowerBound": whole(round(one.lower - threshold, 6))}),
                **({} if one.upper is None else {"MetricIntervalUpperBound": whole(round(one.upper - threshold, 6))}),
            )
            for one in steps
        ],
    )
    title, origin = f"{_IDS[metric]}Scale{to}", f"{ORIGIN}.policies"
    policy = autoscaling.ScalingPolicy(
        f"{title}Policy",
        PolicyName=Sub(f"${{AWS::StackName}}-{metric}Scale{to}"),
        PolicyType="StepScaling",
        ScalingTargetId=Ref("ScalableTarget"),
        StepScalingPolicyConfiguration=configuration,
    )
    part.add(policy, origin)
    verb, where, comparison = ("add", "at least", AT_LEAST) if to == "Out" else ("remove", "at most", AT_MOST)
    text = f"{verb}s tasks while {metric} is {where} {threshold:g}"
    minutes = 2 if to == "Out" else 5
    alarm = MetricAlarm(
        f"{title}Alarm", origin, text, _watched(context, metric), threshold, comparison, minutes, minutes
    )
    alarm.add(part, context, [Ref(policy)])


def _watched(context: Context, metric: str) -> dict[str, Any]:
    """The metric of an alarm that starts a policy."""
    if metric == "requestsPerTask":
        return of_load_balancer(context, "RequestCountPerTarget", "Sum").properties
    if metric == "responseTime":
        return of_load_balancer(context, "TargetResponseTime", "Average").properties
    if metric == "queueBacklogPerTask":
        return formula(backlog(context)[0], "Messages per task", backlog(context)[1])
    return of_service(context, "CPUUtilization" if metric == "cpu" else "MemoryUtilization").properties
