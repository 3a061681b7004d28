"""What Application Auto Scaling knows about a service: its limits, policies and scheduled actions.

Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_Operations.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fsdcf.importers.draft import Block
from fsdcf.importers.ecs.definition import text_at, whole_number
from fsdcf.importers.keys import Convert, SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, formal, not_carried
from fsdcf.importers.source import Source, SourceValue
from fsdcf.importers.values import put_number

TITLE = "Application Auto Scaling"

_LISTS = ("ScalableTargets", "ScalingPolicies", "ScheduledActions")
_METRICS = {
    "ECSServiceAverageCPUUtilization": ("cpu", "targetCPU", 100),
    "ECSServiceAverageMemoryUtilization": ("memory", "targetMemory", 100),
    "ALBRequestCountPerTarget": ("requestsPerTask", "targetRequestsPerTask", 10_000_000),
}
"""The predefined metrics of a service: each in a policy of a spec, the target of autoScaling, and its highest value."""
_COOLDOWN = 300
"""Seconds of a cooldown that a policy of a service leaves open. Source:
https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html"""
_OTHER_METRIC = (
    "a spec scales by CPU, memory, requests, response time and the backlog of a queue: `autoScaling.policies`"
)
_NO_LIMITS = (
    "The sources have no limits: these are the number of tasks and the default. Those of the old service:\n"
    "aws application-autoscaling describe-scalable-targets --service-namespace ecs"
)
_NO_POLICY = (
    "The sources have no scaling policy: this is the default. The policies of the old service:\n"
    "aws application-autoscaling describe-scaling-policies --service-namespace ecs"
)


def scaling_in(source: Source) -> list[SourceValue]:
    """The limits, policies and scheduled actions of services in a file: outputs and inputs of the commands, and the
    configuration of a target tracking policy."""
    if not (source.mentions("ScalableDimension") or source.mentions("TargetValue", "MetricSpecification")):
        return []
    data, root = source.data, source.root
    listed = [value for name in _LISTS for value in (root.get(name),) if value is not None]
    found = [item for value in listed for _, item in value.children() if isinstance(item.data, dict)]
    whole = "ScalableDimension" in data or "TargetValue" in data
    return [each for each in ([root] if whole else found) if text_at(each, "ServiceNamespace") in ("", "ecs")]


def service_named(value: SourceValue) -> str:
    """The service that a value of Application Auto Scaling names; empty if it names none."""
    return text_at(value, "ResourceId").rpartition("/")[2]


def put_scaling(value: SourceValue, block: Block) -> None:
    """Put a limit, a policy or a scheduled action into the spec of a service, and report it."""
    keys = value.data.keys()
    if "TargetValue" in keys:
        _put_below(value, block, TRACKING, _tracking)
    elif "ScheduledActionName" in keys:
        _put_below(value, block, ACTION, _action)
    else:
        (POLICY if {"PolicyName", "PolicyType"} & keys else LIMITS).convert(value, block)


def finish_scaling(service: SourceValue | None, block: Block) -> None:
    """Let auto scaling have the number of tasks, and say what it does without a policy."""
    scaling = block.get("autoScaling")
    if not scaling:
        return
    (block.get("resources") or {}).pop("desiredCount", None)
    count = service.get("desiredCount") if service is not None else None
    if count is not None:
        note(count, block, changed("auto scaling sets the number of tasks", "autoScaling"))
    if "minCount" not in scaling and whole_number(count):
        block.put("autoScaling.minCount", min(max(whole_number(count) or 1, 1), 5000), _NO_LIMITS)
    if scaling.get("maxCount", 10) < (low := scaling.get("minCount", 1)):
        block.put("autoScaling.maxCount", low)
    if not scaling.get("policies") and not any(target in scaling for _, target, _ in _METRICS.values()):
        block.put("autoScaling.targetCPU", 70, _NO_POLICY)


def _put_below(value: SourceValue, block: Block, table: Table, enter: Callable[[SourceValue, Block], Block]) -> None:
    try:
        table.convert(value, enter(value, block))
    except UnfitError as error:
        note(value, block, not_carried(f"it {error}"))


def _tracking(value: SourceValue, block: Block) -> Block:
    """The block of a target tracking policy: `autoScaling`, or one of its policies. Raises UnfitError."""
    metric, target, most = _metric(value)
    number = _decimal(value.get("TargetValue"))
    cooldowns = {_small(name): _cooldown(value, name) for name in ("ScaleInCooldown", "ScaleOutCooldown")}
    disabled = value.get("DisableScaleIn")
    scales_in = disabled is None or not disabled.flag
    if metric == "requestsPerTask" and (block.get("networking.loadBalancer") is False or block.get("port") is None):
        raise UnfitError("counts the requests of a load balancer, which the spec does not have")
    scaling = block.below("autoScaling")
    fits = all(scaling.get(name) in (None, seconds) for name, seconds in cooldowns.items())
    if scales_in and fits and scaling.get(target) is None and number.is_integer() and 1 <= number <= most:
        for name, each in {target: int(number), **cooldowns}.items():
            scaling.put(name, each)
        return scaling
    entry: dict[str, Any] = {"metric": metric, "value": int(number) if number.is_integer() else number}
    return scaling.add("policies", entry | ({} if scales_in else {"scaleIn": False}) | cooldowns)


def _metric(configuration: SourceValue) -> tuple[str, str, int]:
    name = text_at(configuration, "PredefinedMetricSpecification.PredefinedMetricType")
    if name not in _METRICS:
        raise UnfitError(f"has a metric of its own, and {_OTHER_METRIC}")
    return _METRICS[name]


def _decimal(value: SourceValue | None) -> float:
    number = re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", value.text) if value is not None else None
    if number is None or not float(number[0]) >= 0.001:
        raise UnfitError("must have a number in `TargetValue`")
    return float(number[0])


def _cooldown(value: SourceValue, name: str) -> int:
    cooldown = value.get(name)
    return min(max(cooldown.number, 0), 86_400) if cooldown is not None else _COOLDOWN


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]


def _reported(key: str = "") -> Convert:
    """A conversion of a value that ``_tracking`` has put: at a key of a policy, or at one of `autoScaling`."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        if value.name in ("ScaleInCooldown", "ScaleOutCooldown"):
            return carried(_small(value.name))
        if block.at[-1] != "autoScaling":
            return carried(key)
        above = -2 if value.name == "PredefinedMetricType" else -1
        return carried(_metric(value.source.root_at(value.path[:above]))[1])

    return convert


def _action(value: SourceValue, block: Block) -> Block:
    """Put a scheduled action at the schedules of `autoScaling`."""
    found = re.fullmatch(r"cron\(\s*(.{1,200}?)\s*\)", text_at(value, "Schedule").strip())
    if found is None:
        raise UnfitError("must have a cron expression: a schedule of `autoScaling` repeats")
    limits = {"minCount": value.get("ScalableTargetAction.MinCapacity")}
    limits["maxCount"] = value.get("ScalableTargetAction.MaxCapacity")
    schedules = block.below("autoScaling", "schedules", 0)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", text_at(value, "ScheduledActionName"))[:128] or "schedule"
    entry: dict[str, Any] = {"name": name, "cron": found[1]}
    if zone := text_at(value, "Timezone"):
        entry["timezone"] = zone
    entry |= {key: each.number for key, each in limits.items() if each is not None}
    for key, each in entry.items():
        schedules.check(key, each)
    return block.add("autoScaling.schedules", entry)


def _whole(value: SourceValue, block: Block) -> KeyOutcome | None:
    return None


def _suspended(value: SourceValue, block: Block) -> KeyOutcome | None:
    if not value.flag:
        return formal("it is not suspended")
    return not_carried("it is suspended: `fsdcf scale` sets a number of tasks that stays")


_IDENTITY = (
    SourceKey("ServiceNamespace", note="it is ECS", form=True),
    SourceKey("ResourceId", note="it is the service", form=True),
    SourceKey("ScalableDimension", note="it is the number of tasks", form=True),
    SourceKey("CreationTime", note="AWS sets it", form=True),
)

LIMITS = Table(
    TITLE,
    *_IDENTITY,
    SourceKey("MinCapacity", "autoScaling.minCount", convert=put_number("autoScaling.minCount", 0, 5000)),
    SourceKey("MaxCapacity", "autoScaling.maxCount", convert=put_number("autoScaling.maxCount", 1, 5000)),
    SourceKey("PredictedCapacity", note="AWS sets it", form=True),
    SourceKey("RoleARN", note="Application Auto Scaling has a role of its own", form=True),
    SourceKey("ScalableTargetARN", note="AWS sets it", form=True),
    SourceKey("SuspendedState.DynamicScalingInSuspended", convert=_suspended),
    SourceKey("SuspendedState.DynamicScalingOutSuspended", convert=_suspended),
    SourceKey("SuspendedState.ScheduledScalingSuspended", convert=_suspended),
    SourceKey("Tags", note="the stack has the tags of the spec", form=True),
)

TRACKING = Table(
    TITLE,
    SourceKey("TargetValue", "autoScaling", convert=_reported("value")),
    SourceKey("PredefinedMetricSpecification.PredefinedMetricType", "autoScaling", convert=_reported("metric")),
    SourceKey("PredefinedMetricSpecification.ResourceLabel", note="it is the target group of the stack", form=True),
    SourceKey("CustomizedMetricSpecification", note=f"it has a metric of its own, and {_OTHER_METRIC}"),
    SourceKey("ScaleInCooldown", "autoScaling", convert=_reported()),
    SourceKey("ScaleOutCooldown", "autoScaling", convert=_reported()),
    SourceKey("DisableScaleIn", "autoScaling", convert=_reported("scaleIn")),
)

POLICY = Table(
    TITLE,
    *_IDENTITY,
    SourceKey("PolicyName", note="the stack names it", form=True),
    SourceKey("PolicyARN", note="AWS sets it", form=True),
    SourceKey("PolicyType", note="the configuration has the same", form=True),
    SourceKey("Alarms", note="a policy of the stack has alarms of its own", form=True),
    SourceKey("TargetTrackingScalingPolicyConfiguration", table=TRACKING, enter=_tracking),
    SourceKey(
        "StepScalingPolicyConfiguration",
        note="its alarm has the metric and the threshold: write a policy of `autoScaling.policies` with `type: step`",
    ),
    SourceKey(
        "PredictiveScalingPolicyConfiguration",
        note="a spec has no forecasts: `autoScaling.schedules` change the limits at given times",
    ),
)

ACTION = Table(
    TITLE,
    *_IDENTITY,
    SourceKey("ScheduledActionName", "name", convert=_whole),
    SourceKey("ScheduledActionARN", note="AWS sets it", form=True),
    SourceKey("Schedule", "cron", convert=_whole),
    SourceKey("Timezone", "timezone", convert=_whole),
    SourceKey("ScalableTargetAction.MinCapacity", "minCount", convert=_whole),
    SourceKey("ScalableTargetAction.MaxCapacity", "maxCount", convert=_whole),
    SourceKey("StartTime", note="a schedule of `autoScaling` has no beginning: deploy it then"),
    SourceKey("EndTime", note="a schedule of `autoScaling` has no end: remove it then"),
)
