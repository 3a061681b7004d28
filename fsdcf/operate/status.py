"""The status of a service: its stack, rollouts, tasks, image and targets, and what surrounds it.

One call each for the stack, its resources, the service, its task definition, the rollout in progress, the targets of a
group, the alarms, the limits, the schedules and the last activity of auto scaling, and two or three for stopped tasks.
What a service does not have costs no call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from itertools import islice
from typing import Any

from fsdcf.cloudformation.types.cloudwatch import ALARM, COMPOSITE_ALARM
from fsdcf.cloudformation.types.ecs import main_container
from fsdcf.conventions import ENVIRONMENT_SERVICE, SCHEDULE_OUTPUT, SERVICE_TAG, VPC_OUTPUT, is_pipeline
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.aws import ApiError, Aws, Unreachable
from fsdcf.deploy.ecs.service import (
    EcsDeployment,
    EcsService,
    ServiceMessage,
    TargetHealth,
    cluster_and_name,
    merged_targets,
    primary_of,
    service_in,
)
from fsdcf.deploy.ecs.tasks import BATCH, containers_in
from fsdcf.deploy.run import describe_error, is_denied
from fsdcf.deploy.schedules import JobSchedule, is_job, read_schedule
from fsdcf.deploy.state import Snapshot, importers, snapshot
from fsdcf.operate.runs import JobRun, latest_runs
from fsdcf.operate.scaling import (
    ScalingActivity,
    ScalingLimits,
    ScheduledLimits,
    activity_request,
    limits_request,
    next_limits,
    read_activity,
    read_limits,
    schedules_request,
)
from fsdcf.operate.service import job_tasks
from fsdcf.operate.tasks import end_cause

_PAGES = 5
"""Pages of resources that are read, about a hundred on each."""

_RECENT = 3
"""Number of service messages in the status."""

_ALARMS = 100
"""The most alarms of one call to DescribeAlarms.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""

SIGNALS_EVERY = 30.0
"""Seconds for which alarms, auto scaling and stopped tasks are not read again."""


@dataclass(frozen=True)
class Alarm:
    """An alarm in the state ALARM: since when, and CloudWatch's reason.

    ``own``: it is one of the stack, or stops its deployments. Another one watches a metric of the service.
    """

    name: str
    since: datetime | None
    reason: str = ""
    own: bool = True


@dataclass(frozen=True)
class TargetGroupState:
    """Targets of the load balancer in one state: how many, and for which reason in a clause."""

    state: str
    count: int
    reason: str = ""


@dataclass(frozen=True)
class RolloutProgress:
    """The progress of the rollout in progress, as far as ECS reports it.

    ``running`` of ``requested`` tasks of the new version run. ``traffic`` is the share of the production traffic that
    they get, in percent, and ``stage`` the stage of its life cycle: both are None or empty for a rolling deployment.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html
    """

    status: str
    requested: int
    running: int
    pending: int = 0
    stage: str = ""
    traffic: float | None = None
    failures: int | None = None
    threshold: int | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class ServiceSignals:
    """What surrounds a service and rarely changes: its alarms, auto scaling, and the tasks that stopped.

    ``watched`` is the number of its own alarms, ``states`` are their states by name, as far as they are known.
    ``alarms`` are in ALARM: its own, and others that watch its metrics.
    ``stopped`` has the causes of the stopped tasks that ECS still knows, most frequent first, each with its number.
    ``read_at`` is the time by our clock.
    """

    watched: int = 0
    alarms: tuple[Alarm, ...] = ()
    states: Mapping[str, str] = field(default_factory=dict)
    scaling: ScalingLimits | None = None
    activity: ScalingActivity | None = None
    scheduled: ScheduledLimits | None = None
    stopped: tuple[tuple[str, int], ...] = ()
    missing: tuple[str, ...] = ()
    denied: bool = False
    read_at: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class StackResources:
    """The resources of a stack: physical ids by logical id, those in progress, and the names of the alarms.

    ``composite``: there are composite alarms among them. ``known``: they could be read.
    """

    physical: Mapping[str, str]
    moving: tuple[str, ...]
    alarms: tuple[str, ...]
    composite: bool
    known: bool


@dataclass(frozen=True)
class Status:
    """The status of a service. ``image`` is that of the task definition, ``containers`` the names of its containers,
    ``moving`` are the resources in progress.

    ``healthy`` of ``targets`` of the load balancer are in service; both are None for a worker or if unknown.
    ``target_states`` are the targets by state and reason. ``rollouts`` name task definitions by family and revision.
    ``service`` is the ECS service as ``cluster/name``. ``used_by`` are the stacks that import what an environment
    exports; None for a service. ``runs`` are the latest ones of a job, newest first, None for a service; ``schedule``
    is None if it has none, or it cannot be read. ``missing`` lists, in sentences, what is unknown.
    ``denied``: some of it because a permission is missing.
    """

    stack: Snapshot
    image: str | None = None
    containers: tuple[str, ...] = ()
    desired: int | None = None
    running: int | None = None
    pending: int | None = None
    rollouts: tuple[EcsDeployment, ...] = ()
    progress: RolloutProgress | None = None
    messages: tuple[ServiceMessage, ...] = ()
    healthy: int | None = None
    targets: int | None = None
    target_states: tuple[TargetGroupState, ...] = ()
    moving: tuple[str, ...] = ()
    signals: ServiceSignals = field(default_factory=ServiceSignals)
    missing: tuple[str, ...] = ()
    denied: bool = False
    service: str = ""
    resources: StackResources | None = field(default=None, compare=False)
    used_by: tuple[str, ...] | None = None
    runs: tuple[JobRun, ...] | None = None
    schedule: JobSchedule | None = None

    @property
    def primary(self) -> EcsDeployment | None:
        """The PRIMARY deployment."""
        return primary_of(self.rollouts)

    @property
    def steady(self) -> bool:
        """Whether neither the stack nor the service changes."""
        primary = self.primary
        settled = primary is None or (primary.state in ("", "COMPLETED") and primary.running == primary.desired)
        return not self.stack.running and settled and len(self.rollouts) <= 1


@dataclass
class _OptionalCalls:
    """Calls AWS; an error becomes a sentence in ``missing``."""

    aws: Aws
    missing: list[str] = field(default_factory=list)
    denied: bool = False

    def call(self, unknown: str, service: str, operation: str, /, **parameters: Any) -> Answer:
        try:
            return self.aws.call(service, operation, look=True, **parameters)
        except (ApiError, Unreachable) as error:
            self.missing.append(f"{unknown}: {describe_error(error)}")
            self.denied = self.denied or is_denied(error)
            return {}


def status(stack: str, aws: Aws, before: Status | None = None) -> Status | None:
    """The status of a stack; None if it does not exist. Raises the errors of DescribeStacks; others become ``missing``.

    ``before`` is an earlier status, from which is taken what need not be read again: the resources of a stack that has
    not changed, and the signals of the last half minute.
    """
    found = snapshot(aws, stack)
    if found is None:
        return None
    calls = _OptionalCalls(aws)
    resources = _resources(found, before, calls)
    cluster, name = (
        found.outputs.get(output) or resources.physical.get(logical_id, "")
        for output, logical_id in (("ClusterName", "Cluster"), ("ServiceName", "Service"))
    )
    result = Status(found, moving=resources.moving, resources=resources)
    service: EcsService | None = None
    if is_job(found):
        result = _with_runs(result, calls)
    elif cluster and name:
        unknown = "the tasks and the rollout are unknown"
        answer = calls.call(unknown, "ecs", "DescribeServices", cluster=cluster, services=[name])
        service = service_in(answer)
        if service is not None and service.status != "INACTIVE":
            label = f"{cluster_and_name(cluster)[1]}/{cluster_and_name(name)[1]}"
            result = replace(_with_service(result, service, calls), service=label)
        elif answer:
            calls.missing.append(f"the service {name} does not exist in the cluster {cluster}")
    elif found.tags.get(SERVICE_TAG) == ENVIRONMENT_SERVICE:
        result = replace(result, used_by=None if is_pipeline(found.tags) else _users(found, calls))
    elif not calls.missing:
        calls.missing.append("the stack has no ECS service yet")
    signals = _signals(result, service, before, aws)
    missing = (*calls.missing, *signals.missing)
    return replace(result, signals=signals, missing=missing, denied=calls.denied or signals.denied)


def _with_runs(status: Status, calls: _OptionalCalls) -> Status:
    """The status of a job: its image, its schedule and its latest runs."""
    stack = status.stack
    service, schedule = job_tasks(stack), stack.outputs.get(SCHEDULE_OUTPUT)
    image, containers = _containers(stack, service.ecs.task_definition, calls)
    return replace(
        status,
        image=image,
        containers=containers,
        schedule=read_schedule(calls.call, schedule) if schedule else None,
        runs=latest_runs(calls.call, service),
    )


def _users(stack: Snapshot, calls: _OptionalCalls) -> tuple[str, ...]:
    """The stacks that import the network of an environment: every service of it does."""
    network = next((name for name in stack.exports if name.endswith(f"-{VPC_OUTPUT}")), "")
    users = importers(calls.aws, network) if network else ()
    if users is None:
        calls.missing.append("the stacks that use the environment are unknown")
    return users or ()


def _with_service(status: Status, service: EcsService, calls: _OptionalCalls) -> Status:
    image, containers = _containers(status.stack, service.task_definition, calls)
    targets = _targets(service, calls)
    states = Counter((target.state, target.words) for target in targets or ())
    return replace(
        status,
        image=image,
        containers=containers,
        desired=service.desired,
        running=service.running,
        pending=service.pending,
        rollouts=tuple(
            replace(deployment, task_definition=deployment.task_definition.rpartition("/")[2])
            for deployment in service.deployments
        ),
        progress=_progress(service, calls),
        messages=service.messages[:_RECENT],
        healthy=None if targets is None else sum(target.state == "healthy" for target in targets),
        targets=None if targets is None else sum("draining" not in target.state for target in targets),
        target_states=tuple(TargetGroupState(state, count, words) for (state, words), count in sorted(states.items())),
    )


def _resources(stack: Snapshot, before: Status | None, calls: _OptionalCalls) -> StackResources:
    """The resources of a stack: those of the earlier status if the stack has not changed since."""
    known = before.resources if before else None
    if before and known and known.known and not stack.running and _version(before.stack) == _version(stack):
        return known
    physical: dict[str, str] = {}
    moving: list[str] = []
    alarms: dict[str, str] = {}
    pages = calls.aws.pages(
        "cloudformation",
        "ListStackResources",
        call=lambda *call, **parameters: calls.call("the stack's resources are unknown", *call, **parameters),
        StackName=stack.arn,
    )
    is_known = False
    for page in islice(pages, _PAGES):
        is_known = True
        for row in page.get("StackResourceSummaries") or []:
            name, id, type = (text(row, key) for key in ("LogicalResourceId", "PhysicalResourceId", "ResourceType"))
            if row.get("ResourceStatus") == "DELETE_COMPLETE":
                continue
            physical[name] = id
            moving += [name] if text(row, "ResourceStatus").endswith("_IN_PROGRESS") else []
            if type in (ALARM, COMPOSITE_ALARM) and id:
                alarms[id] = type
    return StackResources(physical, tuple(moving), tuple(alarms), COMPOSITE_ALARM in alarms.values(), is_known)


def _version(stack: Snapshot) -> tuple[object, ...]:
    return stack.arn, stack.status, stack.since


def _containers(stack: Snapshot, task_definition: str, calls: _OptionalCalls) -> tuple[str | None, tuple[str, ...]]:
    """The image of the main container, and the names of all."""
    if not task_definition:
        return None, ()
    answer = calls.call("the image is unknown", "ecs", "DescribeTaskDefinition", taskDefinition=task_definition)
    containers = containers_in(answer)
    container = main_container(containers, stack.tags.get(SERVICE_TAG, "")) or {}
    return text(container, "image") or None, tuple(text(one, "name") for one in containers)


def _targets(service: EcsService, calls: _OptionalCalls) -> tuple[TargetHealth, ...] | None:
    """The targets of the service; None without a load balancer, or if they cannot be read."""
    unknown = "the target health is unknown"
    answers = [
        calls.call(unknown, "elbv2", "DescribeTargetHealth", TargetGroupArn=group) for group in service.target_groups
    ]
    known = [answer for answer in answers if "TargetHealthDescriptions" in answer]
    return tuple(merged_targets(known).values()) if known else None


def _progress(service: EcsService, calls: _OptionalCalls) -> RolloutProgress | None:
    """The progress of the rollout; None if none is in progress."""
    primary = service.primary
    if primary is None or primary.state != "IN_PROGRESS":
        return None
    counted = RolloutProgress(primary.state, primary.desired, primary.running, primary.pending, since=primary.since)
    arn = text(service.raw, "currentServiceDeployment")
    if not arn or not calls.aws.supports("ecs", "DescribeServiceDeployments"):
        return counted
    unknown = "the stage of the rollout is unknown"
    answer = calls.call(unknown, "ecs", "DescribeServiceDeployments", serviceDeploymentArns=[arn])
    raw: Answer = next(iter(answer.get("serviceDeployments") or []), {})
    breaker = raw.get("deploymentCircuitBreaker") or {}
    watched = breaker.get("status") not in (None, "DISABLED")
    return replace(
        counted,
        status=text(raw, "status") or counted.status,
        stage=text(raw, "lifecycleStage"),
        traffic=(raw.get("targetServiceRevision") or {}).get("requestedProductionTrafficWeight"),
        failures=breaker.get("failureCount") if watched else None,
        threshold=breaker.get("threshold") if watched else None,
        since=raw.get("startedAt") or counted.since,
    )


def _signals(status: Status, service: EcsService | None, before: Status | None, aws: Aws) -> ServiceSignals:
    """The signals: those of the earlier status for half a minute."""
    now = aws.clock()
    if before and before.service == status.service and now - before.signals.read_at < SIGNALS_EVERY:
        return before.signals
    calls = _OptionalCalls(aws)
    names = _alarm_names(status, service)
    composite = bool(status.resources and status.resources.composite)
    every = [*_alarms(names, composite, calls)]
    own = [raw for raw in every if not _scales(raw)]
    states = {text(raw, "AlarmName"): text(raw, "StateValue") for raw in own}
    alarms = tuple(_alarm(raw, own=True) for raw in own if raw.get("StateValue") == "ALARM")
    if service is not None and status.service and not calls.missing:
        alarms += tuple(alarm for alarm in _others(status, service, calls) if alarm.name not in names)
    watched = len(names) - (len(every) - len(own))
    signals = ServiceSignals(watched, alarms, states, read_at=now)
    if service is not None and status.service:
        cluster, _, name = status.service.partition("/")
        limits, activity, scheduled = _scaling(cluster, name, calls)
        stopped = _stopped(cluster, name, service, calls)
        signals = replace(signals, scaling=limits, activity=activity, scheduled=scheduled, stopped=stopped)
    return replace(signals, missing=tuple(calls.missing), denied=calls.denied)


def _alarm_names(status: Status, service: EcsService | None) -> tuple[str, ...]:
    """The alarms of the stack, and those that stop a deployment."""
    own = status.resources.alarms if status.resources else ()
    configuration = service.raw.get("deploymentConfiguration") or {} if service else {}
    return tuple(dict.fromkeys((*own, *((configuration.get("alarms") or {}).get("alarmNames") or ()))))


def _alarms(names: tuple[str, ...], composite: bool, calls: _OptionalCalls) -> Iterator[Answer]:
    """The alarms as CloudWatch describes them."""
    types: dict[str, Any] = {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]} if composite else {}
    for start in range(0, len(names), _ALARMS):
        batch = list(names[start : start + _ALARMS])
        unknown = "the alarms are unknown"
        answer = calls.call(unknown, "cloudwatch", "DescribeAlarms", AlarmNames=batch, MaxRecords=_ALARMS, **types)
        yield from answer.get("MetricAlarms") or []
        yield from answer.get("CompositeAlarms") or []


def _scales(raw: Answer) -> bool:
    """Whether an alarm starts a policy of auto scaling: it is in ALARM whenever there is much or little load."""
    return any(":scalingPolicy:" in str(action) for action in raw.get("AlarmActions") or [])


def _others(status: Status, service: EcsService, calls: _OptionalCalls) -> Iterator[Alarm]:
    """The alarms in ALARM that watch a metric of the service, its target groups or its load balancer.

    Those of target tracking are left out: one of them is in ALARM whenever there is little load. Of an account with
    more than a hundred alarms in ALARM, one page is read.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html,
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    """
    cluster, _, name = status.service.partition("/")
    physical = status.resources.physical if status.resources else {}
    balancers = {id.partition(":loadbalancer/")[2] for id in physical.values() if ":loadbalancer/" in id}
    groups = {group.rpartition(":")[2] for group in service.target_groups}
    unknown = "the alarms on its metrics are unknown"
    answer = calls.call(unknown, "cloudwatch", "DescribeAlarms", StateValue="ALARM", MaxRecords=_ALARMS)
    for raw in answer.get("MetricAlarms") or []:
        metrics = [(query.get("MetricStat") or {}).get("Metric") or {} for query in raw.get("Metrics") or []]
        values = [
            {one.get("Name"): one.get("Value") for one in metric.get("Dimensions") or []} for metric in (raw, *metrics)
        ]
        if text(raw, "AlarmName").startswith("TargetTracking-") or raw.get("StateValue") != "ALARM":
            continue
        if any(
            (one.get("ServiceName") == name and one.get("ClusterName") == cluster)
            or one.get("TargetGroup") in groups
            or one.get("LoadBalancer") in balancers
            for one in values
        ):
            yield _alarm(raw, own=False)


def _alarm(raw: Answer, own: bool) -> Alarm:
    since = raw.get("StateTransitionedTimestamp") or raw.get("StateUpdatedTimestamp")
    return Alarm(text(raw, "AlarmName"), since, text(raw, "StateReason"), own)


def _scaling(
    cluster: str, name: str, calls: _OptionalCalls
) -> tuple[ScalingLimits | None, ScalingActivity | None, ScheduledLimits | None]:
    unknown, service = "the limits of auto scaling are unknown", "application-autoscaling"
    limits = read_limits(calls.call(unknown, service, "DescribeScalableTargets", **limits_request(cluster, name)))
    if limits is None:
        return None, None, None
    unknown = "the last activity of auto scaling is unknown"
    answer = calls.call(unknown, service, "DescribeScalingActivities", **activity_request(cluster, name))
    unknown = "the schedules of auto scaling are unknown"
    schedules = calls.call(unknown, service, "DescribeScheduledActions", **schedules_request(cluster, name))
    return limits, read_activity(answer), next_limits(schedules, datetime.now(timezone.utc))


def _stopped(cluster: str, name: str, service: EcsService, calls: _OptionalCalls) -> tuple[tuple[str, int], ...]:
    """Why tasks have stopped that ECS still knows, and how many for each cause. Of more than a hundred, the latest."""
    unknown, primary = "the stopped tasks are unknown", service.primary
    where = {"cluster": cluster, "serviceName": name, "desiredStatus": "STOPPED", "maxResults": BATCH}
    arns = calls.call(unknown, "ecs", "ListTasks", **where).get("taskArns") or []
    answer = calls.call(unknown, "ecs", "DescribeTasks", cluster=cluster, tasks=arns) if arns else {}
    ended = [raw for raw in answer.get("tasks") or [] if raw.get("lastStatus") == "STOPPED"]
    return tuple(Counter(end_cause(raw, primary).text for raw in ended).most_common())
