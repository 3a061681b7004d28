"""Metrics and traces: the AWS Distro for OpenTelemetry as a sidecar, its configuration and its permissions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from troposphere import GetAtt, Sub, ecs, logs

from fsdcf.compiler.parts.roles import add_policy, allow
from fsdcf.compiler.parts.task_definition import log_configuration
from fsdcf.compiler.stack import Stack
from fsdcf.compiler.text import fragment, literal
from fsdcf.language.model.service import COLLECTOR as CONTAINER
from fsdcf.language.model.service import Metrics, Service, Spec, Traces

COLLECTOR = "public.ecr.aws/aws-observability/aws-otel-collector:v0.48.0"
_XRAY = ["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]
_PUT_LOGS = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
_ORIGIN = "service.observability"


@dataclass(frozen=True)
class Telemetry:
    """What the service's task needs for its metrics and traces."""

    containers: tuple[ecs.ContainerDefinition, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    waits: tuple[str, ...] = ()


def metrics_of(service: Service) -> Metrics | None:
    """The metrics to scrape; None where they are off."""
    metrics = service.observability.metrics
    return metrics if metrics and metrics.enabled else None


def traces_of(service: Service) -> Traces | None:
    """The traces to collect; None where they are off."""
    traces = service.observability.traces
    return traces if traces and traces.enabled else None


def add_telemetry(stack: Stack, spec: Spec, environment: str) -> Telemetry:
    """The collector beside the container, where metrics or traces are wanted."""
    service = spec.service
    metrics, traces = metrics_of(service), traces_of(service)
    if metrics is None and traces is None:
        return Telemetry()
    statements = []
    if metrics:
        group = logs.LogGroup("MetricsLogGroup", RetentionInDays=service.observability.logs.retention)
        group.DeletionPolicy = "RetainExceptOnCreate"
        group.UpdateReplacePolicy = "Retain"
        stack.add(group, f"{_ORIGIN}.metrics", {("RetentionInDays",): f"{_ORIGIN}.logs.retention"})
        statements.append(allow(_PUT_LOGS, [GetAtt(group, "Arn")]))
    if traces and traces.otlp_endpoint is None:
        statements.append(allow(_XRAY, ["*"]))
    waits = add_policy(stack, "TelemetryPolicy", "Telemetry", "TaskRole", statements, _ORIGIN) if statements else ()
    container = ecs.ContainerDefinition(
        Name=CONTAINER,
        Image=COLLECTOR,
        Essential=False,
        ReadonlyRootFilesystem=True,
        Environment=[
            ecs.Environment(Name="AOT_CONFIG_CONTENT", Value=_configuration(spec, environment, metrics, traces))
        ],
    )
    output = log_configuration(service, CONTAINER)
    if output:
        container.LogConfiguration = output
    return Telemetry((container,), _variables(spec, environment) if traces else {}, waits)


def _variables(spec: Spec, environment: str) -> dict[str, str]:
    """What OpenTelemetry's SDKs read in the service."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_RESOURCE_ATTRIBUTES": f"deployment.environment={environment}",
        "OTEL_SERVICE_NAME": spec.metadata.name,
    }


def _configuration(spec: Spec, environment: str, metrics: Metrics | None, traces: Traces | None) -> Any:
    """The collector's configuration, in JSON, which is YAML too. The namespace keeps the environments of an account apart."""
    receivers: dict[str, Any] = {}
    exporters: dict[str, Any] = {}
    pipelines: dict[str, Any] = {}
    if metrics:
        target = f"localhost:{metrics.port or spec.service.port}"
        scrape = {
            "job_name": spec.metadata.name,
            "metrics_path": metrics.path,
            "static_configs": [{"targets": [target]}],
        }
        receivers["prometheus"] = {"config": {"global": {"scrape_interval": "60s"}, "scrape_configs": [scrape]}}
        exporters["awsemf"] = {
            "namespace": f"{spec.metadata.name}-{environment}",
            "log_group_name": "@group@",
            "dimension_rollup_option": "NoDimensionRollup",
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
        text = text.replace("@endpoint@", fragment(traces.otlp_endpoint, {}))
    text = text.replace("@group@", "${MetricsLogGroup}")
    return Sub(text) if "${" in text.replace("${!", "") else text.replace("${!", "${")
