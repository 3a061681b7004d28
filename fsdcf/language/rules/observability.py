"""Rules about metrics, traces, the collector that runs in the task, and alarms."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fsdcf.diagnostics import SpecPath
from fsdcf.language.dependency import NotifiedTopic
from fsdcf.language.model.container import COLLECTOR, COLLECTOR_PORTS
from fsdcf.language.model.environment import has_container_insights
from fsdcf.language.model.job import Job
from fsdcf.language.model.service import TOPIC, MetricSelection
from fsdcf.language.names import local_name
from fsdcf.language.placeholders import is_whole, sample
from fsdcf.language.rules.case import Case, Problem, Problems, in_production, rule
from fsdcf.language.rules.tasks import least_count

_MOST_DIMENSIONS = 10
"""The exporter of the collector drops a set with more. Source: awsemfexporter in opentelemetry-collector-contrib."""

_UNKNOWN_LABELS = ("le", "quantile", "job", "instance")
"""Source: prometheusreceiver in opentelemetry-collector-contrib."""


@rule(
    "S265",
    "labels that cannot be dimensions",
    "https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/awsemfexporter",
)
def metric_dimensions(case: Case) -> Problems:
    """The collector makes no metric of a selection with more than ten dimensions, and each label is a dimension
    once. It does not keep the labels `le` and `quantile` of histograms and summaries, nor `job` and `instance`, which
    are the same for all series: a metric with one of them would never be sent."""
    for path, selection in _selections(case):
        labels = selection.dimensions
        if len(labels) > _MOST_DIMENSIONS:
            message = f"{len(labels)} dimensions: the collector makes no metrics with more than {_MOST_DIMENSIONS}"
            yield Problem((*path, "dimensions"), message, "keep the labels that you look at", key=True)
        for index, label in enumerate(labels):
            if label in _UNKNOWN_LABELS:
                message = f"the collector does not keep the label `{label}`: no metric would be sent"
                yield Problem((*path, "dimensions", index), message, "leave it out")
            elif label in labels[:index]:
                yield Problem((*path, "dimensions", index), f"`{label}` is listed twice", "leave it out")


@rule(
    "S268",
    "a series of a histogram in place of its metric",
    "https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/receiver/prometheusreceiver",
)
def histogram_series(case: Case) -> Problems:
    """The collector makes one metric of a histogram, with the name that its series have in common: it makes
    `latency_seconds` of `latency_seconds_bucket`, `latency_seconds_sum` and `latency_seconds_count`."""
    for path, selection in _selections(case):
        for index, name in enumerate(selection.names):
            if name.endswith("_bucket"):
                hint = f"write `{name.removesuffix('_bucket')}`"
                yield Problem((*path, "names", index), f"`{name}` is a series of a histogram, not a metric", hint)


@rule("W130", "every metric is selected", "https://aws.amazon.com/cloudwatch/pricing/")
def every_metric(case: Case) -> Problems:
    """CloudWatch charges for each metric. The name `*` selects every metric that the service exposes, now and after
    the next update of a library."""
    for path, selection in _selections(case):
        for index, name in enumerate(selection.names):
            if not name.strip("*"):
                hint = "name the metrics that you look at, such as http_requests_total or jvm_memory_*"
                yield Problem((*path, "names", index), f"`{name}` selects every metric, and each one costs", hint)


def _selections(case: Case) -> Iterator[tuple[SpecPath, MetricSelection]]:
    """The selections of metrics that are collected, each with its path."""
    metrics = case.service.observability.metrics
    if metrics and metrics.enabled:
        for index, selection in enumerate(metrics.select):
            yield ("service", "observability", "metrics", "select", index), selection


@rule("S227", "metrics without a port")
def metrics_port(case: Case) -> Problems:
    """A worker has no port, so `observability.metrics.port` must say where its metrics are."""
    metrics = case.service.observability.metrics
    if metrics and metrics.enabled and metrics.port is None and case.service.port is None:
        yield Problem("service.observability.metrics", "a worker's metrics need a port", "add metrics.port", key=True)


@rule(
    "S243",
    "a name or port that the collector uses",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-networking-awsvpc.html",
)
def collector(case: Case) -> Problems:
    """With metrics or traces a collector runs in the task. Container names are unique in a task, and its containers
    share one network address, so that two of them cannot listen on the same port."""
    telemetry = case.service.observability
    metrics, traces = (signal is not None and signal.enabled for signal in (telemetry.metrics, telemetry.traces))
    if (metrics or traces) and case.spec.metadata.name == COLLECTOR:
        hint = "choose another name, or leave out metrics and traces"
        yield Problem("metadata.name", f"the collector's container is named `{COLLECTOR}` too", hint)
    ports = {
        "service.port": case.service.port,
        "service.healthCheck.port": case.service.checked_port,
        **{f"service.sidecars.{n}.port": one.port for n, one in enumerate(case.service.sidecars)},
        "service.observability.metrics.port": telemetry.metrics.port if telemetry.metrics and metrics else None,
    }
    for path, port in ports.items():
        if port in COLLECTOR_PORTS and (traces or (metrics and port == 8888)):
            message = f"the collector listens on {port} for {COLLECTOR_PORTS[port]}"
            yield Problem(path, message, "let the service listen on another port")


_ALARMS = "service.observability.alarms"


@rule(
    "S630",
    "a topic that alarms cannot notify",
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html",
)
def alarm_topic(case: Case) -> Problems:
    """`alarms.notify` is the ARN of a topic in the region of the stack, also as the export of another stack, or the
    name of an aws_sns_topic dependency. CloudWatch publishes to standard topics alone, and cannot use the key `aws/sns`
    of the account, whose policy does not admit it and cannot be changed: the notification would be lost without an
    error."""
    wanted = case.service.observability.watched
    if wanted is None or wanted.notify is None or is_whole(wanted.notify):
        return
    path, name = f"{_ALARMS}.notify", sample(wanted.notify)
    topics = {local_name(topic.name): topic for _, topic in case.having(NotifiedTopic)}
    home = case.settings.environment.region if case.settings else None
    if re.fullmatch(TOPIC, name):
        region = name.split(":")[3]
        if home is not None and region != home and "${AWS::Region}" not in str(wanted.notify):
            message = f"the topic is in {region}, and alarms of {home} notify topics of their own region"
            yield Problem(path, message, f"name a topic in {home}")
    elif name not in topics:
        hint = f"use one of: {', '.join(sorted(topics))}; or" if topics else "add an aws_sns_topic dependency, or"
        yield Problem(path, f"the spec has no topic `{name}`", f"{hint} write the ARN of a topic")
    elif obstacle := topics[name].alarm_obstacle:
        yield Problem(path, *obstacle)


@rule("W210", "alarms without a topic to notify", only=in_production, kinds=("Service",))
def silent_alarms(case: Case) -> Problems:
    """An alarm without a topic changes its state in CloudWatch and in `fsdcf status`, and notifies no one."""
    wanted = case.service.observability.watched
    if wanted is not None and wanted.notify is None:
        message = f"the alarms of {case.environment} have no topic to notify"
        yield Problem(f"{_ALARMS}.notify", message, "name a topic: `alarms: {notify: TOPIC}`", key=True)


@rule("W211", "an alarm that is missing in production", only=in_production)
def missing_alarm(case: Case) -> Problems:
    """Without the alarm, nothing tells that the service fails in this way. ECS counts the tasks of a service that may
    have none only with Container Insights."""
    wanted = case.service.observability.watched
    if wanted is None:
        yield Problem(_ALARMS, f"no alarms in {case.environment}", "leave it out, or name whom to notify", key=True)
        return
    is_job, has_balancer = isinstance(case.service, Job), case.service.load_balancer is not None
    has_queue = is_job or any(kind.category == "sqs" for _, _, kind in case.dependencies())
    missing = {
        "errorRate": has_balancer and wanted.error_rate is False,
        "unhealthyTargets": has_balancer and not wanted.unhealthy_targets,
        "responseTime": has_balancer and wanted.response_time is False,
        "cpu": not is_job and wanted.cpu is False,
        "memory": not is_job and wanted.memory is False,
        "runningTasks": not is_job and not wanted.running_tasks,
        "deadLetters": has_queue and not wanted.dead_letters,
    }
    for key in (key for key, is_missing in missing.items() if is_missing):
        message = f"no alarm on {_MEANINGS[key]} in {case.environment}"
        yield Problem(f"{_ALARMS}.{key}", message, "leave it out, or write a threshold that fits", key=True)
    counted = least_count(case) or has_container_insights(case.service, case.joined)
    if wanted.running_tasks and not is_job and not counted:
        message = f"no alarm on missing tasks in {case.environment}: the service may have none"
        hint = "turn on Container Insights in the cluster, with `containerInsights: enabled`"
        yield Problem(f"{_ALARMS}.runningTasks", message, hint, key=True)


_MEANINGS = {
    "errorRate": "server errors",
    "unhealthyTargets": "unhealthy targets",
    "responseTime": "slow responses",
    "cpu": "CPU",
    "memory": "memory",
    "runningTasks": "missing tasks",
    "deadLetters": "the dead-letter queue",
}
