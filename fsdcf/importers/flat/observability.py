"""Logs, traces, metrics and alarms of the flat dialect."""

from __future__ import annotations

import re
from typing import Any

from fsdcf.importers.draft import Block
from fsdcf.importers.flat import reading
from fsdcf.importers.flat.reading import (
    TITLE,
    above,
    add_statement,
    get,
    items,
    keys,
    listed,
    nothing,
    percent,
    put,
    snake,
    table,
    text,
    translated,
    words,
)
from fsdcf.importers.flat.scaling import target_of
from fsdcf.importers.keys import SourceKey, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import put_flag, put_number, put_variable
from fsdcf.language.model.common import RETENTION_DAYS


def _log_driver(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text.lower() in ("awslogs", "cloudwatch", "cloudwatch_logs"):
        return None
    return not_carried("the stack writes to CloudWatch Logs: `observability.logs.driver` has the others")


def _provider_of_traces(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = value.text.lower()
    if given in ("xray", "x-ray", "aws-xray", "otel", "opentelemetry", "adot", "otlp"):
        return None
    return not_carried("the traces go to AWS X-Ray, or to `observability.traces.otlpEndpoint`")


def _traces(value: SourceValue, block: Block) -> KeyOutcome | None:
    named = not isinstance(value.data, bool) and value.is_text() and value.text.lower() not in ("true", "false")
    if named and (refused := _provider_of_traces(value, block)):
        return refused
    block.put("observability.traces.enabled", named or value.flag)
    return None


def _sampling(value: SourceValue, block: Block) -> KeyOutcome:
    given = value.text.strip()
    share = percent(value) / 100 if given.endswith("%") else float(given) if _is_share(given) else None
    if share is None:
        raise UnfitError("must be a share from 0 to 1")
    block.put_at("environment", "OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    block.put_at("environment", "OTEL_TRACES_SAMPLER_ARG", f"{share:g}")
    return changed(
        "as variables of OpenTelemetry", "environment.OTEL_TRACES_SAMPLER environment.OTEL_TRACES_SAMPLER_ARG"
    )


def _is_share(given: str) -> bool:
    return re.fullmatch(r"0(\.\d{1,9})?|1(\.0{1,9})?", given) is not None


def _metrics_enabled(value: SourceValue, block: Block) -> KeyOutcome | None:
    beside = above(value)
    if value.flag and get(beside, "custom", "namespace") is not None and get(beside, "port", "path") is None:
        return changed("the service sends its metrics itself", "taskRole")
    block.put("observability.metrics.enabled", value.flag)
    return carried("observability.metrics.enabled")


def _custom(value: SourceValue, block: Block) -> KeyOutcome:
    """The metrics of a service that sends them to CloudWatch itself, which needs a permission.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html
    """
    beside = above(value)
    space = get(beside, "namespace")
    statement: dict[str, Any] = {"actions": ["cloudwatch:PutMetricData"], "resources": ["*"]}
    if space is not None:
        statement["conditions"] = {"StringEquals": {"cloudwatch:namespace": translated(space, space.text)}}
    to = add_statement(block, statement)
    if not to:
        return not_carried("allow cloudwatch:PutMetricData in the existing role")
    return changed("the service may send its metrics to CloudWatch", to)


_ALARMS = {
    **dict.fromkeys(
        (
            "httpcode_target_5xx_count",
            "http_code_target_5xx_count",
            "5xx",
            "error_rate",
            "errors",
            "5xx_count",
            "http_5xx",
        ),
        "errorRate",
    ),
    **dict.fromkeys(("target_response_time", "response_time", "latency", "p95_latency", "p99_latency"), "responseTime"),
    **dict.fromkeys(("cpuutilization", "cpu_utilization", "cpu", "high_cpu"), "cpu"),
    **dict.fromkeys(("memory_utilization", "memory", "mem", "high_memory"), "memory"),
    **dict.fromkeys(("un_healthy_host_count", "unhealthy_host_count", "unhealthy_hosts"), "unhealthyTargets"),
    **dict.fromkeys(("running_task_count", "running_tasks"), "runningTasks"),
    **dict.fromkeys(("dlq_messages", "dead_letters"), "deadLetters"),
}


def _alarm_name(given: str) -> str:
    plain = given.replace("HTTPCode_Target_5XX_Count", "5xx")
    found = _ALARMS.get(snake(plain.strip()).replace("__", "_"))
    if found is None:
        raise UnfitError(
            "is an alarm that a spec does not have: it has those of errorRate, responseTime, cpu, memory,"
            " unhealthyTargets, runningTasks and deadLetters; add others in a template of `addons`"
        )
    return found


def _put_alarm(block: Block, name: str, given: SourceValue | None) -> str:
    """Put the threshold of an alarm, or switch it on. Returns what is different."""
    if not isinstance(block.get("observability.alarms"), dict):
        block.put("observability.alarms", {})
    place = f"observability.alarms.{name}"
    if name in ("cpu", "memory") and given is not None and not isinstance(given.data, bool):
        block.put(place, percent(given))
        return ""
    if name == "responseTime" and given is not None and not isinstance(given.data, bool):
        block.put(place, target_of(name, given))
        return ""
    block.put(place, True)
    return "by its own threshold, in percent of the requests" if name == "errorRate" else ""


def _alarm(value: SourceValue, block: Block) -> Block | None:
    if value.is_text():
        name = _alarm_name(value.text)
        note(value, block, _alarm_outcome(name, _put_alarm(block, name, None)))
        return None
    named = get(value, "metric", "metric_name", "type") or get(value, "name")
    if named is None:
        raise UnfitError("must have a `metric`")
    name = _alarm_name(named.text)
    different = _put_alarm(block, name, get(value, "threshold"))
    to = f"observability.alarms.{name}"
    for key, child in value.children():
        if child.data is None:
            continue
        spelled = snake(key)
        if spelled in ("actions", "action", "notify", "alarm_actions", "sns_topic"):
            note(child, block, _notify(child, block) or carried("observability.alarms.notify"))
        elif spelled in ("metric", "metric_name", "type", "name"):
            note(child, block, carried(to))
        elif spelled == "threshold":
            note(child, block, _alarm_outcome(name, different))
        elif spelled in _OWN:
            note(child, block, changed("the alarms of a spec have periods of their own", to))
        else:
            note(child, block, not_carried(f"it is not a key of {TITLE}"))
    return None


_OWN = words(
    "evaluation_periods period comparison comparison_operator statistic description datapoints_to_alarm "
    "severity unit namespace treat_missing_data"
)


def _alarm_outcome(name: str, different: str) -> KeyOutcome:
    to = f"observability.alarms.{name}"
    return changed(different, to) if different else carried(to)


def _notify(value: SourceValue, block: Block) -> KeyOutcome | None:
    topics = [translated(each, each.text) for each in listed(value)]
    if not topics:
        return carried("observability.alarms")
    first = topics[0] if topics[0].startswith(("arn:", "${")) else reading.topic(topics[0])
    if not isinstance(block.get("observability.alarms"), dict):
        block.put("observability.alarms", {})
    block.put("observability.alarms.notify", first)
    to = "observability.alarms.notify"
    return not_carried("the alarms notify one topic: subscribe the others to it") if len(topics) > 1 else carried(to)


def _alarm_of(value: SourceValue, block: Block) -> KeyOutcome | None:
    name = _alarm_name(value.name)
    given = get(value, "threshold") if isinstance(value.data, dict) else value
    if isinstance(value.data, bool) and not value.data:
        if not isinstance(block.get("observability.alarms"), dict):
            block.put("observability.alarms", {})
        block.put(f"observability.alarms.{name}", False)
        return carried(f"observability.alarms.{name}")
    return _alarm_outcome(name, _put_alarm(block, name, given))


def _alarms_on(value: SourceValue, block: Block) -> KeyOutcome | None:
    if not value.flag:
        block.put("observability.alarms", False)
    return carried("observability.alarms")


def _log_level(value: SourceValue, block: Block) -> KeyOutcome:
    outcome = put_variable(block, "LOG_LEVEL", translated(value, value.text))
    return changed("as a variable", outcome.to)


OBSERVABILITY = table(
    *(
        key
        for name in ("logging", "logs", "log")
        for key in (
            *put(f"{name}.enabled", "observability.logs.enabled", put_flag),
            *put(name, "observability.logs.enabled", put_flag),
            *keys(f"{name}.driver {name}.provider {name}.type {name}.destination", "observability.logs", _log_driver),
            *put(
                f"{name}.retention_days {name}.retention {name}.retention_in_days {name}.days",
                "observability.logs.retention",
                reading.days,
                RETENTION_DAYS,
            ),
            *keys(
                f"{name}.group {name}.log_group {name}.options.log_group {name}.options.stream_prefix "
                f"{name}.stream_prefix {name}.options.awslogs_group {name}.options.awslogs_stream_prefix "
                f"{name}.options.awslogs_region {name}.options.region {name}.options.awslogs_create_group",
                "observability.logs",
                lambda value, block: changed("the stack has a log group of its own"),
            ),
            *keys(f"{name}.level {name}.log_level", "environment.LOG_LEVEL", _log_level, note="as a variable"),
            *keys(
                f"{name}.format {name}.structured",
                "observability.logs",
                nothing,
                note="fsdcf reads JSON and text alike",
            ),
        )
    ),
    *(
        key
        for name in ("tracing", "traces", "trace")
        for key in (
            *put(f"{name}.enabled", "observability.traces.enabled", put_flag),
            SourceKey(name, "observability.traces.enabled", convert=_traces),
            *keys(f"{name}.provider {name}.type {name}.backend", "observability.traces", _provider_of_traces),
            *put(f"{name}.endpoint {name}.otlp_endpoint", "observability.traces.otlpEndpoint", text),
            *keys(
                f"{name}.sampling_rate {name}.sample_rate {name}.sampling",
                "environment",
                _sampling,
                note="as variables of OpenTelemetry",
            ),
        )
    ),
    *put("xray xray.enabled", "observability.traces.enabled", put_flag),
    SourceKey("metrics.enabled", "observability.metrics.enabled", convert=_metrics_enabled),
    *put("metrics", "observability.metrics.enabled", put_flag),
    *put("metrics.port", "observability.metrics.port", put_number, 1, 65535),
    *put("metrics.path metrics.endpoint", "observability.metrics.path", text),
    SourceKey("metrics.provider", "observability.metrics", convert=nothing),
    SourceKey("metrics.namespace", "taskRole.statements", convert=_custom),
    SourceKey("metrics.custom", "taskRole.statements", convert=_custom, whole=True),
    *keys(
        "container_insights metrics.container_insights",
        "containerInsights",
        lambda value, block: block.put("containerInsights", "enabled" if value.flag else "disabled"),
    ),
    SourceKey("alarms", "observability.alarms", convert=_alarms_on),
    SourceKey("alarms.enabled", "observability.alarms", convert=_alarms_on),
    *keys(
        "alarms.notify alarms.sns_topic alarms.topic alarms.actions alarms.notifications alarm_actions",
        "observability.alarms.notify",
        _notify,
        whole=True,
    ),
    SourceKey("alarms.*", "observability.alarms", convert=_alarm_of, whole=True),
    items("alarms[]", "observability.alarms", _alarm),
    *put("dashboard dashboards dashboard.enabled dashboards.enabled", "observability.dashboard", put_flag),
)
