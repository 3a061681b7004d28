"""Rules about metrics, traces and the collector that runs in the task."""

from __future__ import annotations

from fsdcf.language.model.service import COLLECTOR, COLLECTOR_PORTS
from fsdcf.language.rules.case import Case, Problem, Problems, rule


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
        "service.observability.metrics.port": telemetry.metrics.port if telemetry.metrics and metrics else None,
    }
    for path, port in ports.items():
        if port in COLLECTOR_PORTS and (traces or (metrics and port == 8888)):
            message = f"the collector listens on {port} for {COLLECTOR_PORTS[port]}"
            yield Problem(path, message, "let the service listen on another port")
