"""Metrics and traces: the AWS Distro for OpenTelemetry as a sidecar, its configuration and its permissions."""

from __future__ import annotations

import json
from typing import Any

from troposphere import GetAtt, Sub, ecs, logs

from fsdcf.compiler.parts.roles import add_policy, allow
from fsdcf.compiler.parts.task_definition import log_configuration
from fsdcf.compiler.stack import Context, StackPart, Variable, present
from fsdcf.compiler.text import fragment, literal
from fsdcf.language.model.service import COLLECTOR as CONTAINER
from fsdcf.language.model.service import Metrics, Spec, Traces

COLLECTOR = "public.ecr.aws/aws-observability/aws-otel-collector:v0.48.0"
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
    output = log_configuration(context.service, CONTAINER)
    if output:
        collector.LogConfiguration = output
    part.sidecars.append(collector)
    if traces:
        variables = {  # which the SDKs of OpenTelemetry read in the service
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_RESOURCE_ATTRIBUTES": f"deployment.environment={context.environment}",
            "OTEL_SERVICE_NAME": context.spec.metadata.name,
        }
        part.variables = {name: Variable(text) for name, text in variables.items()}
    return part


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
        text = text.replace("@endpoint@", fragment(traces.otlp_endpoint))
    text = text.replace("@group@", "${MetricsLogGroup}")
    return Sub(text) if "${" in text.replace("${!", "") else text.replace("${!", "${")
