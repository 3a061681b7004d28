"""Rules about metrics, traces and the collector that runs in the task."""

from __future__ import annotations

from collections.abc import Iterator

from fsdcf.diagnostics import SpecPath
from fsdcf.language.model.service import COLLECTOR, COLLECTOR_PORTS, MetricSelection
from fsdcf.language.rules.case import Case, Problem, Problems, rule

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
        "service.observability.metrics.port": telemetry.metrics.port if telemetry.metrics and metrics else None,
    }
    for path, port in ports.items():
        if port in COLLECTOR_PORTS and (traces or (metrics and port == 8888)):
            message = f"the collector listens on {port} for {COLLECTOR_PORTS[port]}"
            yield Problem(path, message, "let the service listen on another port")
