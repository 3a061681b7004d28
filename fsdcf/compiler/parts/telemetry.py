"""Metrics and traces: the AWS Distro for OpenTelemetry as a sidecar, its configuration and its permissions."""

from __future__ import annotations

import json
from typing import Any

from troposphere import GetAtt, Sub, ecs, logs

from fsdcf.compiler.parts.logs import to_cloudwatch
from fsdcf.compiler.parts.roles import add_policy, allow
from fsdcf.compiler.stack import Context, StackPart, TaskContainer, Variable, present
from fsdcf.compiler.text import fragment, literal
from fsdcf.language.model.container import COLLECTOR as CONTAINER
from fsdcf.language.model.service import COMMON_METRICS, Metrics, MetricSelection, Spec, Traces

COLLECTOR = "public.ecr.aws/aws-observability/aws-otel-collector:v0.48.0"
"""It runs as `aoc` and not as root, as every version since 0.35.0, and writes nothing to its root file system.
Source: https://github.com/aws-observability/aws-otel-collector/issues/2317"""

_XRAY = ["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]
_PUT_LOGS = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
_ORIGIN = "service.observability"


def telemetry(context: Context) -> StackPart:
    """The collector beside the main container, if metrics or traces are on."""
    part = StackPart()
    observability = context.service.observability
    metrics = observability.metrics if observability.metrics and observability.metrics.enabled else None
    traces = observability.traces if observability.traces and observability.traces.enabled else None
    if metrics is None and traces is None:
        return part
    statements = []
    if metrics:
        group = logs.LogGroup("MetricsLogGroup", **present(RetentionInDays=observability.logs.days))
        part.keep(group, f"{_ORIGIN}.metrics", {"RetentionInDays": f"{_ORIGIN}.logs.retention"})
        statements.append(allow(_PUT_LOGS, [GetAtt(group, "Arn")]))
    if traces and traces.otlp_endpoint is None:
        statements.append(allow(_XRAY, ["*"]))
    if statements:
        add_policy(part, "TelemetryPolicy", "Telemetry", statements, _ORIGIN)
    configuration = _configuration(context.spec, context.environment, metrics, traces)
    collector = ecs.ContainerDefinition(
        Name=CONTAINER,
        Image=COLLECTOR,
        Essential=False,
        ReadonlyRootFilesystem=True,
        Environment=[ecs.Environment(Name="AOT_CONFIG_CONTENT", Value=configuration)],
    )
    output = to_cloudwatch(context.service, CONTAINER)
    if output:
        collector.LogConfiguration = output
    part.sidecars.append(TaskContainer(collector, _ORIGIN))
    if traces:
        part.variables = {name: Variable(text) for name, text in _sdk_variables(context).items()}
    return part


_OTLP = "OTEL_EXPORTER_OTLP"
_YIELDS_TO = {
    f"{_OTLP}_TRACES_ENDPOINT": {f"{_OTLP}_ENDPOINT", f"{_OTLP}_PROTOCOL", f"{_OTLP}_TRACES_PROTOCOL"},
    f"{_OTLP}_TRACES_PROTOCOL": {f"{_OTLP}_ENDPOINT", f"{_OTLP}_PROTOCOL", f"{_OTLP}_TRACES_ENDPOINT"},
    "OTEL_METRICS_EXPORTER": {f"{_OTLP}_ENDPOINT", f"{_OTLP}_METRICS_ENDPOINT"},
    "OTEL_LOGS_EXPORTER": {f"{_OTLP}_ENDPOINT", f"{_OTLP}_LOGS_ENDPOINT"},
}
"""The variables of the user that say more than these. An SDK prefers the variables of a signal to the general ones, and
finds the collector's ports by itself for either protocol."""


def _sdk_variables(context: Context) -> dict[str, str]:
    """What the SDKs of OpenTelemetry in the service read: traces go to the collector, other signals nowhere.

    Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and
    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    service = context.service
    chosen = {*service.environment, *(secret.name for secret in service.secrets)}
    variables = {
        "OTEL_TRACES_EXPORTER": "otlp",
        f"{_OTLP}_TRACES_ENDPOINT": "http://localhost:4318/v1/traces",
        f"{_OTLP}_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_RESOURCE_ATTRIBUTES": f"deployment.environment={context.environment}",
        "OTEL_SERVICE_NAME": context.spec.metadata.name,
    }
    return {name: text for name, text in variables.items() if not chosen & _YIELDS_TO.get(name, set())}


def _configuration(spec: Spec, environment: str, metrics: Metrics | None, traces: Traces | None) -> Any:
    """The collector's configuration as JSON, which is also YAML.

    The namespace separates the environments of an account.
    """
    receivers: dict[str, Any] = {}
    exporters: dict[str, Any] = {}
    pipelines: dict[str, Any] = {}
    if metrics:
        target = f"localhost:{metrics.port or spec.service.port}"
        scrape = {
            "job_name": spec.metadata.name,
            "metrics_path": metrics.path,
            "static_configs": [{"targets": [target]}],
            "metric_relabel_configs": [_kept(metrics)],
        }
        receivers["prometheus"] = {"config": {"global": {"scrape_interval": "60s"}, "scrape_configs": [scrape]}}
        exporters["awsemf"] = {
            "namespace": f"{spec.metadata.name}-{environment}",
            "log_group_name": "@group@",
            "dimension_rollup_option": "NoDimensionRollup",
            "metric_declarations": [_declaration(selection) for selection in _selections(metrics)],
        }
        pipelines["metrics"] = {"receivers": ["prometheus"], "processors": ["batch"], "exporters": ["awsemf"]}
    if traces:
        protocols = {"grpc": {"endpoint": "127.0.0.1:4317"}, "http": {"endpoint": "127.0.0.1:4318"}}
        receivers["otlp"] = {"protocols": protocols}
        name = "otlphttp" if traces.otlp_endpoint else "awsxray"
        exporters[name] = {"endpoint": "@endpoint@"} if traces.otlp_endpoint else {}
        pipelines["traces"] = {"receivers": ["otlp"], "processors": ["batch"], "exporters": [name]}
    whole = {
        "receivers": receivers,
        "processors": {"batch": {}},
        "exporters": exporters,
        "service": {"pipelines": pipelines},
    }
    text = literal(json.dumps(whole, indent=1, sort_keys=True))
    if traces and traces.otlp_endpoint:
        text = text.replace("@endpoint@", fragment(traces.otlp_endpoint))
    text = text.replace("@group@", "${MetricsLogGroup}")
    return Sub(text) if "${" in text.replace("${!", "") else text.replace("${!", "${")


def _selections(metrics: Metrics) -> list[MetricSelection]:
    """The selections, whose order has no meaning."""
    wanted = metrics.select or (MetricSelection(names=COMMON_METRICS),)
    return sorted(wanted, key=lambda selection: (sorted(selection.names), sorted(selection.dimensions)))


def _declaration(selection: MetricSelection) -> dict[str, Any]:
    """The names as regular expressions, and one set of dimensions, which may be empty.

    Without declarations the exporter makes a metric of every combination of labels.
    Source: the README of awsemfexporter in opentelemetry-collector-contrib
    """
    return {
        "metric_name_selectors": [f"^{_pattern(name)}$" for name in sorted(selection.names)],
        "dimensions": [sorted(selection.dimensions)],
    }


def _kept(metrics: Metrics) -> dict[str, Any]:
    """A rule that drops all other series when they are read, which the exporter would log. It does not apply to up.

    Source: metric_relabel_configs in https://prometheus.io/docs/prometheus/latest/configuration/configuration/
    """
    names = sorted({_pattern(name) for selection in _selections(metrics) for name in selection.names})
    parts = "(?:_bucket|_count|_sum)?"  # of histograms and summaries
    return {"source_labels": ["__name__"], "regex": f"(?:{'|'.join(names)}){parts}", "action": "keep"}


def _pattern(name: str) -> str:
    return name.replace("*", ".*")
