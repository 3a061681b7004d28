"""Auto scaling in the flat dialect."""

from __future__ import annotations

import re
from typing import Any

from fsdcf.importers.draft import Block
from fsdcf.importers.flat import reading
from fsdcf.importers.flat.reading import (
    duration,
    get,
    items,
    keys,
    nothing,
    percent,
    put,
    report_all,
    seconds,
    snake,
    table,
    words,
)
from fsdcf.importers.keys import Convert, SourceKey
from fsdcf.importers.report import KeyOutcome, UnfitError, changed
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import put_number

# Scaling

_METRICS = {
    **dict.fromkeys(
        (
            *("cpu", "cpu_utilization", "ecsserviceaveragecpuutilization", "ecs_service_average_cpuutilization"),
            *("ecs_service_average_cpu_utilization", "average_cpu", "target_cpu"),
        ),
        ("cpu", "targetCPU"),
    ),
    **dict.fromkeys(
        (
            *("memory", "memory_utilization", "mem", "ecs_service_average_memory_utilization", "average_memory"),
            *("ecsserviceaveragememoryutilization", "target_memory"),
        ),
        ("memory", "targetMemory"),
    ),
    **dict.fromkeys(
        (
            *("request_count", "alb_request_count", "requests", "requests_per_target", "request_count_per_target"),
            *("alb_request_count_per_target", "albrequestcountpertarget", "requests_per_task", "alb_requests"),
        ),
        ("requestsPerTask", "targetRequestsPerTask"),
    ),
    **dict.fromkeys(("response_time", "target_response_time", "latency"), ("responseTime", "targetResponseTime")),
    **dict.fromkeys(
        (
            "queue_depth",
            "queue_backlog",
            "sqs_queue_depth",
            "sqs_queue_length",
            "queue_length",
            "sqs",
            "backlog_per_task",
        ),
        ("queueBacklogPerTask", "queueBacklogPerTask"),
    ),
}
"""The metrics of the dialect: each in a policy of a spec, and the target of autoScaling."""
_METRIC = "fsdcf scales by cpu, memory, requests, response time and the backlog of a queue"


def _metric(value: SourceValue) -> tuple[str, str]:
    found = _METRICS.get(snake(value.text.strip()))
    if found is None:
        raise UnfitError(f"has a metric that a spec does not have, {value.text[:40]}: {_METRIC}")
    return found


def target_of(metric: str, value: SourceValue) -> float:
    """The value of a metric to keep: percent, seconds, or a number. Raises UnfitError."""
    if metric in ("cpu", "memory"):
        return percent(value)
    if metric == "responseTime":
        given = value.text.strip().lower()
        found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?) ?(ms|s)?", given)
        if not found:
            raise UnfitError("must be a number of seconds")
        share = float(found[1])
        return share / 1000 if found[2] == "ms" or (not found[2] and share >= 60) else share
    return max(value.number, 1)


def _targets(metric: str, to: str) -> Convert:
    return lambda value, block: block.put(to, target_of(metric, value))


def _policy(value: SourceValue, block: Block) -> Block | None:
    kind = snake((get(value, "type", "policy_type") or value).text) if get(value, "type", "policy_type") else "target"
    if "schedule" in kind or get(value, "schedule", "cron"):
        _scheduled(value, block)
    elif "step" in kind:
        _stepped(value, block)
    else:
        _tracked(value, block)
    return None


def _tracked(value: SourceValue, block: Block) -> None:
    named = get(value, "metric", "metric_type", "predefined_metric", "metric_name")
    given = get(value, "target", "target_value", "value", "threshold", "target_utilization")
    if named is None or given is None:
        raise UnfitError("must have a `metric` and a `target`")
    metric, target = _metric(named)
    number = target_of(metric, given)
    entry: dict[str, Any] = {"metric": metric, "value": number}
    for name in ("scale_in_cooldown", "scale_out_cooldown"):
        found = get(value, name, name.removeprefix("scale_"), "cooldown")
        if found is not None:
            entry[_CAMEL[name]] = min(duration(found), 86400)
    disabled = get(value, "disable_scale_in")
    if disabled is not None and disabled.flag:
        entry["scaleIn"] = False
    if len(entry) == 2 and block.get(f"autoScaling.{target}") is None:
        block.put(f"autoScaling.{target}", number)
        report_all(value, block, f"autoScaling.{target}", _TRACKED)
        return
    place = block.add("autoScaling.policies", entry)
    report_all(value, block, place.key("")[len(block.key("")) :].lstrip(".") or "autoScaling.policies", _TRACKED)


_CAMEL = {"scale_in_cooldown": "scaleInCooldown", "scale_out_cooldown": "scaleOutCooldown"}
_TRACKED = words(
    "type policy_type metric metric_type predefined_metric metric_name target target_value value threshold "
    "target_utilization scale_in_cooldown scale_out_cooldown in_cooldown out_cooldown cooldown "
    "disable_scale_in name description"
)


def _scheduled(value: SourceValue, block: Block) -> None:
    given = get(value, "schedule", "cron", "expression")
    if given is None:
        raise UnfitError("must have a `schedule`")
    if given.text.strip().startswith(("rate(", "at(")):
        raise UnfitError("must have a schedule in the form cron(…): a rate sets no limits")
    index = len(block.get("autoScaling.schedules") or ()) + 1
    named = get(value, "name")
    entry: dict[str, Any] = {
        "name": re.sub(r"[^A-Za-z0-9_.-]", "-", named.text)[:128] if named else f"schedule-{index}",
        "cron": reading.cron(given.text),
    }
    zone = get(value, "timezone", "time_zone")
    if zone is not None:
        entry["timezone"] = zone.text
    for name, key in (("min", "minCount"), ("max", "maxCount")):
        found = get(value, *(f"{name}{end}" for end in _ENDS))
        if found is not None:
            entry[key] = min(max(found.number, 0), 5000)
    exact = get(value, "desired_count", "desired", "count")
    if exact is not None:
        entry.setdefault("minCount", min(max(exact.number, 0), 5000))
    block.add("autoScaling.schedules", entry)
    known = {"type", "policy_type", "name", "schedule", "cron", "expression", "timezone", "time_zone", "description"}
    known |= {f"{name}{end}" for name in ("min", "max") for end in _ENDS} | {"desired_count", "desired", "count"}
    report_all(value, block, f"autoScaling.schedules[{index - 1}]", frozenset(known))


def _schedule(value: SourceValue, block: Block) -> Block | None:
    _scheduled(value, block)
    return None


def _stepped(value: SourceValue, block: Block) -> None:
    named, steps = get(value, "metric", "metric_name"), get(value, "steps", "step_adjustments", "adjustments")
    if named is None or steps is None:
        raise UnfitError("must have a `metric` and `steps`")
    metric, _ = _metric(named)
    found = []
    for step in steps.items():
        change = get(step, "adjustment", "change", "scaling_adjustment")
        if change is None:
            raise UnfitError("must have steps with an `adjustment`")
        entry: dict[str, Any] = {}
        for key, names in (("lower", ("lower", "from", "lower_bound")), ("upper", ("upper", "to", "upper_bound"))):
            bound = get(step, *names)
            if bound is not None:
                entry[key] = bound.number
        found.append({**entry, "adjustment": change.number})
    index = len(block.get("autoScaling.policies") or ())
    block.add("autoScaling.policies", {"type": "step", "metric": metric, "steps": found})
    known = words("type policy_type name metric metric_name steps step_adjustments adjustments")
    report_all(value, block, f"autoScaling.policies[{index}]", known)


_ENDS = ("", "_count", "_capacity", "_tasks", "_instances", "_replicas", "_size")


def _whether_scaling(value: SourceValue, block: Block) -> KeyOutcome | None:
    return None if value.flag else changed("the service scales: remove `autoScaling` for a fixed number of tasks")


SCALING = table(
    SourceKey("enabled", "autoScaling", convert=_whether_scaling),
    *put(" ".join(f"min{end}" for end in _ENDS), "autoScaling.minCount", put_number, 0, 5000),
    *put(" ".join(f"max{end}" for end in _ENDS), "autoScaling.maxCount", put_number, 1, 5000),
    *keys(
        "desired desired_count desired_capacity", "autoScaling", nothing, note="auto scaling sets the number of tasks"
    ),
    *keys(
        "target_cpu target_cpu_utilization target_cpu_percent cpu_target cpu cpu_threshold cpu_utilization "
        "target_cpu_percentage cpu_percent target_cpuutilization targets.cpu metrics.cpu target.cpu",
        "autoScaling.targetCPU",
        _targets("cpu", "autoScaling.targetCPU"),
    ),
    *keys(
        "target_memory target_memory_utilization target_memory_percent memory_target memory memory_threshold "
        "memory_utilization target_memory_percentage memory_percent targets.memory metrics.memory target.memory",
        "autoScaling.targetMemory",
        _targets("memory", "autoScaling.targetMemory"),
    ),
    *keys(
        "target_requests target_requests_per_target requests_per_target request_count target_request_count "
        "requests_per_task target_requests_per_task targets.requests requests",
        "autoScaling.targetRequestsPerTask",
        _targets("requestsPerTask", "autoScaling.targetRequestsPerTask"),
    ),
    *keys(
        "target_response_time response_time",
        "autoScaling.targetResponseTime",
        _targets("responseTime", "autoScaling.targetResponseTime"),
    ),
    *keys(
        "queue_depth queue_backlog_per_task target_queue_depth queue_length",
        "autoScaling.queueBacklogPerTask",
        _targets("queueBacklogPerTask", "autoScaling.queueBacklogPerTask"),
    ),
    *put(
        "scale_in_cooldown cooldown_in cooldown.scale_in cooldown.in scale_down_cooldown",
        "autoScaling.scaleInCooldown",
        seconds,
        0,
        86400,
    ),
    *put(
        "scale_out_cooldown cooldown_out cooldown.scale_out cooldown.out scale_up_cooldown",
        "autoScaling.scaleOutCooldown",
        seconds,
        0,
        86400,
    ),
    *put("cooldown", "autoScaling.scaleInCooldown", seconds, 0, 86400),
    *(items(f"{name}[]", "autoScaling", _policy) for name in ("policies", "metrics", "targets", "rules")),
    *(
        items(f"{name}[]", "autoScaling.schedules", _schedule)
        for name in ("schedules", "scheduled", "schedule", "scheduled_actions")
    ),
)
