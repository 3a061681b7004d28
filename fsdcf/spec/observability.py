"""The part of the language that says what is seen of a service: logs, metrics and traces."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from fsdcf.spec.placeholders import String
from fsdcf.spec.shape import Key

RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)

COLLECTOR = "otel-collector"
"""Name of the sidecar's container."""

COLLECTOR_PORTS = {4317: "traces by gRPC", 4318: "traces by HTTP", 8888: "metrics of its own"}
"""Where the sidecar listens; the containers of a task share one address. The last one is there without traces too."""


@dataclass(frozen=True, eq=False, repr=False)
class Logs:
    """Where the container's output goes and how long it is kept; days."""

    enabled: Annotated[bool, Key("Send the container's output to CloudWatch Logs.")] = True
    retention: Annotated[int, Key("Days that logs are kept.", allowed=RETENTION_DAYS)] = 30
    driver: Annotated[str, Key("Log driver.", allowed=("awslogs",), later=("splunk", "awsfirelens"))] = "awslogs"


@dataclass(frozen=True, eq=False, repr=False)
class Metrics:
    """A Prometheus endpoint of the container, read by the ADOT sidecar."""

    enabled: Annotated[bool, Key("Scrape Prometheus metrics and send them to CloudWatch.")] = True
    port: Annotated[
        int | None, Key("Port that serves the metrics.", minimum=1, maximum=65535, default="service.port")
    ] = None
    path: Annotated[
        str, Key("Path that serves the metrics.", pattern=r"/[!-~]*", expects="a path that begins with /")
    ] = "/metrics"


@dataclass(frozen=True, eq=False, repr=False)
class Traces:
    """Traces that the container sends to the ADOT sidecar."""

    enabled: Annotated[bool, Key("Collect OTLP traces from the service.")] = True
    otlp_endpoint: Annotated[
        String | None,
        Key(
            "OTLP/HTTP endpoint that receives the traces.",
            pattern=r"https?://[!-~]+",
            expects="an http or https URL",
            default="AWS X-Ray",
        ),
    ] = None


@dataclass(frozen=True, eq=False, repr=False)
class Observability:
    """Logs, metrics and traces."""

    LATER: ClassVar[Mapping[str, str]] = {
        "alarms": "CloudWatch alarms and the topic that they notify.",
        "dashboard": "A CloudWatch dashboard.",
    }
    logs: Annotated[Logs, Key("Logs of the container.")] = field(default_factory=Logs)
    metrics: Annotated[Metrics | None, Key("Prometheus metrics, through an ADOT sidecar.")] = None
    traces: Annotated[Traces | None, Key("Traces, through an ADOT sidecar.")] = None
