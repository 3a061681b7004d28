"""The CloudWatch dashboard of a service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from troposphere import GetAtt, Ref, Sub, cloudwatch, sqs

from fsdcf.compiler.parts.alarms import MINUTE, Metric, of_load_balancer, of_service, running_tasks
from fsdcf.compiler.stack import Context, StackPart

ORIGIN = "service.observability.dashboard"
WIDTH, HEIGHT, COLUMNS = 8, 6, 3
"""The size of a widget, and the widgets in a row: CloudWatch divides the width of a page by 24."""


@dataclass(eq=False, repr=False)
class _Body:
    """The body in the making, a fragment for Fn::Sub with the values of ``variables``."""

    region: str = "${AWS::Region}"
    variables: dict[str, Any] = field(default_factory=dict)

    def fragment(self, value: Any) -> str:
        """A value of a property as a fragment. What another stack exports becomes a variable."""
        plain = value.to_dict() if hasattr(value, "to_dict") else value
        if "Ref" in plain:
            return f"${{{plain['Ref']}}}"
        if "Fn::GetAtt" in plain:
            return f"${{{'.'.join(plain['Fn::GetAtt'])}}}"
        name = next((name for name, one in self.variables.items() if one == value), f"Import{len(self.variables) + 1}")
        self.variables[name] = value
        return f"${{{name}}}"

    def line(self, metric: Metric, label: str, **options: Any) -> list[Any]:
        """A metric as a line of a widget."""
        dimensions = [part for name, one in metric.dimensions.items() for part in (name, self.fragment(one))]
        return [metric.namespace, metric.name, *dimensions, {"label": label, "stat": metric.statistic, **options}]

    def widget(self, title: str, *lines: list[Any], **more: Any) -> dict[str, Any]:
        """A widget with lines over time."""
        properties = {
            "title": title,
            "region": self.region,
            "view": "timeSeries",
            "period": MINUTE,
            "metrics": list(lines),
            "yAxis": {"left": {"min": 0}},
            **more,
        }
        return {"type": "metric", "properties": properties}


def dashboard(context: Context) -> StackPart:
    """``Dashboard``, if it is on: the load balancer, the tasks, the queues, and the state of the alarms."""
    part = StackPart()
    if not context.service.observability.dashboard:
        return part
    body = _Body()
    widgets = [*_alarms(context), *_of_load_balancer(context, body), *_of_tasks(context, body)]
    widgets += _of_queues(context, body)
    for index, widget in enumerate(widgets):
        row, column = divmod(index, COLUMNS)
        widget |= {"x": column * WIDTH, "y": row * HEIGHT, "width": WIDTH, "height": HEIGHT}
    text = json.dumps({"widgets": widgets}, separators=(",", ":"), sort_keys=True)
    part.add(
        cloudwatch.Dashboard("Dashboard", DashboardBody=Sub(text, body.variables) if body.variables else Sub(text)),
        ORIGIN,
    )
    part.output("DashboardName", "CloudWatch dashboard", Ref("Dashboard"))
    return part


def _alarms(context: Context) -> Iterator[dict[str, Any]]:
    names = [alarm.title for alarm in context.before.of(cloudwatch.Alarm)]
    if names:
        arns = [f"${{{name}.Arn}}" for name in names]
        yield {"type": "alarm", "properties": {"title": "Alarms", "alarms": arns}}


def _of_load_balancer(context: Context, body: _Body) -> Iterator[dict[str, Any]]:
    if context.service.load_balancer is None:
        return

    def line(name: str, statistic: str, label: str) -> list[Any]:
        return body.line(of_load_balancer(context, name, statistic), label)

    yield body.widget(
        "Requests and errors",
        line("RequestCount", "Sum", "Requests"),
        line("HTTPCode_Target_4XX_Count", "Sum", "4xx"),
        line("HTTPCode_Target_5XX_Count", "Sum", "5xx"),
    )
    yield body.widget(
        "Response time in seconds", *(line("TargetResponseTime", one, one) for one in ("p50", "p95", "p99"))
    )
    yield body.widget(
        "Targets", line("HealthyHostCount", "Minimum", "Healthy"), line("UnHealthyHostCount", "Maximum", "Unhealthy")
    )


def _of_tasks(context: Context, body: _Body) -> Iterator[dict[str, Any]]:
    yield body.widget(
        "CPU and memory in percent",
        body.line(of_service(context, "CPUUtilization"), "CPU"),
        body.line(of_service(context, "MemoryUtilization"), "Memory"),
    )
    yield body.widget("Running tasks", body.line(running_tasks(context), "Tasks"))


def _of_queues(context: Context, body: _Body) -> Iterator[dict[str, Any]]:
    queues = context.before.of(sqs.Queue)
    if queues:
        name = "ApproximateNumberOfMessagesVisible"
        metrics = [(one, Metric("AWS/SQS", name, {"QueueName": GetAtt(one, "QueueName")}, "Maximum")) for one in queues]
        yield body.widget("Messages in queues", *(body.line(metric, queue.title) for queue, metric in metrics))
