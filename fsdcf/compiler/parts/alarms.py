"""CloudWatch alarms on the load balancer, the tasks and the dead-letter queues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, cloudwatch, sqs

from fsdcf.compiler.parts.load_balancer import full_name
from fsdcf.compiler.parts.service import desired
from fsdcf.compiler.stack import DEAD_LETTERS, Context, StackPart, present
from fsdcf.compiler.text import intrinsic, value
from fsdcf.language.model.environment import has_container_insights
from fsdcf.language.model.job import Job
from fsdcf.language.model.service import Alarms
from fsdcf.language.placeholders import is_whole, sample

ORIGIN = "service.observability.alarms"
MINUTE = 60

ABOVE, BELOW = "GreaterThanThreshold", "LessThanThreshold"
AT_LEAST, AT_MOST = "GreaterThanOrEqualToThreshold", "LessThanOrEqualToThreshold"


@dataclass(frozen=True, eq=False, repr=False)
class Metric:
    """A metric of CloudWatch with its dimensions and the statistic of a minute."""

    namespace: str
    name: str
    dimensions: Mapping[str, Any]
    statistic: str = "Average"

    def query(self, id: str) -> cloudwatch.MetricDataQuery:
        """The metric as one of a formula."""
        stat = cloudwatch.MetricStat(
            Metric=cloudwatch.Metric(
                Namespace=self.namespace, MetricName=self.name, Dimensions=_dimensions(self.dimensions)
            ),
            Period=MINUTE,
            Stat=self.statistic,
        )
        return cloudwatch.MetricDataQuery(Id=id, MetricStat=stat, ReturnData=False)

    @property
    def properties(self) -> dict[str, Any]:
        """The metric as the only one of an alarm."""
        kind = "ExtendedStatistic" if self.statistic.startswith("p") else "Statistic"
        named = {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": _dimensions(self.dimensions)}
        return {**named, kind: self.statistic, "Period": MINUTE}


def _dimensions(values: Mapping[str, Any]) -> list[cloudwatch.MetricDimension]:
    return [cloudwatch.MetricDimension(Name=name, Value=one) for name, one in values.items()]


def formula(expression: str, label: str, metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """Metric maths as the only metric of an alarm. ``metrics`` are those of the expression by their names in it."""
    result = cloudwatch.MetricDataQuery(Id="result", Expression=expression, Label=label, ReturnData=True)
    return {"Metrics": [result, *(metric.query(id) for id, metric in metrics.items())]}


def alarms(context: Context) -> StackPart:
    """The alarms that the service has metrics for, unless they are off."""
    part, wanted = StackPart(), context.service.observability.watched
    if wanted is None:
        return part
    of_service = () if isinstance(context.service, Job) else _of_tasks(context, wanted)
    for alarm in (*_of_load_balancer(context, wanted), *of_service, *_of_queues(context, wanted)):
        topics = notified(context, wanted)
        alarm.add(part, context, topics, topics)
    return part


def notified(context: Context, wanted: Alarms) -> list[Any]:
    """The topic that the alarms notify, as the value of their actions."""
    if wanted.notify is None:
        return []
    own = None if is_whole(wanted.notify) else context.before.attributes.get(("sns", sample(wanted.notify)))
    return [value(wanted.notify) if own is None else intrinsic(own["arn"])]


@dataclass(frozen=True, eq=False, repr=False)
class MetricAlarm:
    """An alarm in the making. It goes off after ``minutes`` in which ``points`` of a minute are beyond the threshold;
    ``missing`` says what a minute without data counts as."""

    id: str
    origin: str
    description: str
    metric: Mapping[str, Any]
    threshold: float
    comparison: str = ABOVE
    minutes: int = 5
    points: int = 5
    missing: str = "notBreaching"

    def add(self, part: StackPart, context: Context, actions: Sequence[Any], ended: Sequence[Any] = ()) -> None:
        """Add the alarm to a part, with the actions when it goes off and when it ends."""
        extended = {"EvaluateLowSampleCountPercentile": "ignore"} if "ExtendedStatistic" in self.metric else {}
        resource = cloudwatch.Alarm(
            self.id,
            AlarmDescription=f"{context.spec.metadata.name} in {context.environment}: {self.description}",
            **self.metric,
            **extended,
            ComparisonOperator=self.comparison,
            Threshold=whole(self.threshold),
            EvaluationPeriods=self.minutes,
            DatapointsToAlarm=self.points,
            TreatMissingData=self.missing,
            **present(AlarmActions=list(actions), OKActions=list(ended)),
        )
        part.add(resource, self.origin, dict.fromkeys(("AlarmActions", "OKActions"), f"{ORIGIN}.notify"))


def whole(number: float) -> float:
    """A number as it is written: without a fraction, if it has none."""
    return int(number) if number == int(number) else number


def of_load_balancer(context: Context, name: str, statistic: str, of_all: bool = False) -> Metric:
    """A metric of the targets of the service, or ``of_all`` of its load balancer."""
    dimensions = {"LoadBalancer": full_name(context)}
    if not of_all:
        dimensions["TargetGroup"] = GetAtt("TargetGroup", "TargetGroupFullName")
    return Metric("AWS/ApplicationELB", name, dimensions, statistic)


def of_service(context: Context, name: str, statistic: str = "Average", namespace: str = "AWS/ECS") -> Metric:
    """A metric of the ECS service."""
    return Metric(
        namespace, name, {"ClusterName": context.cluster, "ServiceName": GetAtt("Service", "Name")}, statistic
    )


def _of_load_balancer(context: Context, wanted: Alarms) -> Iterator[MetricAlarm]:
    """Server errors, unhealthy targets and response time.

    The errors of the load balancer itself count where it belongs to the service alone.
    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    """
    if context.service.load_balancer is None:
        return
    if (percent := wanted.threshold("error_rate")) is not None:
        counted = {
            "errors": of_load_balancer(context, "HTTPCode_Target_5XX_Count", "Sum"),
            "requests": of_load_balancer(context, "RequestCount", "Sum"),
        }
        failed, total = "FILL(errors, 0)", "FILL(requests, 0)"
        if context.joined is None:
            counted["own"] = of_load_balancer(context, "HTTPCode_ELB_5XX_Count", "Sum", of_all=True)
            failed, total = f"({failed} + FILL(own, 0))", f"({total} + FILL(own, 0))"
        rate = formula(f"IF({total} > 0, 100 * {failed} / {total}, 0)", "Server errors in percent", counted)
        text = f"more than {percent:g} % of the requests end in a server error (5xx)"
        yield MetricAlarm("ErrorRateAlarm", f"{ORIGIN}.errorRate", text, rate, percent, points=3)
    if wanted.unhealthy_targets:
        unhealthy = of_load_balancer(context, "UnHealthyHostCount", "Maximum").properties
        text = "targets fail the health check of the load balancer"
        yield MetricAlarm("UnhealthyTargetsAlarm", f"{ORIGIN}.unhealthyTargets", text, unhealthy, 0)
    if (seconds := wanted.threshold("response_time")) is not None:
        slow = of_load_balancer(context, "TargetResponseTime", "p95").properties
        text = f"one request in twenty takes longer than {seconds:g} s"
        yield MetricAlarm("ResponseTimeAlarm", f"{ORIGIN}.responseTime", text, slow, seconds)


def _of_tasks(context: Context, wanted: Alarms) -> Iterator[MetricAlarm]:
    """CPU, memory and the number of running tasks."""
    for name, id, metric in (("cpu", "Cpu", "CPUUtilization"), ("memory", "Memory", "MemoryUtilization")):
        if (percent := wanted.threshold(name)) is not None:
            text = f"the average {name.replace('cpu', 'CPU')} utilization of the tasks is above {percent:g} %"
            properties = of_service(context, metric).properties
            yield MetricAlarm(f"{id}Alarm", f"{ORIGIN}.{name}", text, properties, percent, minutes=10, points=10)
    if wanted.running_tasks:
        yield from _of_count(context)


def _of_count(context: Context) -> Iterator[MetricAlarm]:
    """Fewer tasks than desired, by Container Insights; without them, fewer than the service always has. ECS reports the
    utilization of each running task once a minute, so that the number of samples is that of the tasks; it is no number
    at all without a task.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html#cw_running_task_count
    """
    origin = f"{ORIGIN}.runningTasks"
    if has_container_insights(context.service, context.joined):
        counts = {
            "desired": of_service(context, "DesiredTaskCount", namespace=INSIGHTS),
            "running": running_tasks(context),
        }
        missing = formula("desired - running", "Tasks that do not run", counts)
        yield MetricAlarm("RunningTasksAlarm", origin, "fewer tasks run than desired", missing, 0)
    elif (least := least_count(context)) > 0:
        counted = running_tasks(context).properties
        text = f"fewer than {least} tasks run" if least > 1 else "no task runs"
        yield MetricAlarm("RunningTasksAlarm", origin, text, counted, least, BELOW, missing="breaching")


INSIGHTS = "ECS/ContainerInsights"


def running_tasks(context: Context) -> Metric:
    """The number of running tasks: of Container Insights, or else the number of samples of their CPU utilization."""
    if has_container_insights(context.service, context.joined):
        return of_service(context, "RunningTaskCount", namespace=INSIGHTS)
    return of_service(context, "CPUUtilization", "SampleCount")


def backlog(context: Context) -> tuple[str, dict[str, Metric]]:
    """Messages in the queue that scales the service for each running task, as a formula with its metrics. Without a
    task, all messages count as those of one, so that the first task is started."""
    auto = context.service.auto_scaling
    own = [local for category, local in context.before.attributes if category == "sqs"]
    queue = auto.queue if auto is not None and auto.queue is not None else own[0]
    name = intrinsic(context.before.attributes["sqs", queue]["name"])
    visible = Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": name}, "Maximum")
    expression = "IF(FILL(tasks, 0) > 0, visible / FILL(tasks, 1), visible)"
    return expression, {"visible": visible, "tasks": running_tasks(context)}


def least_count(context: Context) -> int:
    """The number of tasks that the service always has, unless it is paused."""
    auto = context.service.auto_scaling
    if auto is not None:
        return auto.least
    count = desired(context.service.resources)
    return min(1, count) if context.before.single_writer else count


def _of_queues(context: Context, wanted: Alarms) -> Iterator[MetricAlarm]:
    """Messages in the dead-letter queues of the stack."""
    for queue in context.before.of(sqs.Queue) if wanted.dead_letters else ():
        is_of_job = queue.title == DEAD_LETTERS
        if is_of_job or "RedriveAllowPolicy" in queue.properties:
            metric = Metric(
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                {"QueueName": GetAtt(queue, "QueueName")},
                "Maximum",
            )
            origin = context.before.origins[queue.title].path
            text = f"messages are in the dead-letter queue of {origin.rpartition('.')[2]}"
            text = "a run failed, or could not be started" if is_of_job else text
            yield MetricAlarm(f"{queue.title}Alarm", origin, text, metric.properties, 0, minutes=1, points=1)
