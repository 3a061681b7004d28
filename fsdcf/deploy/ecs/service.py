"""An ECS service as ECS and its load balancer report it: the one reader for deploy and operate."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from fsdcf.deploy.answers import Answer, text, texts
from fsdcf.deploy.aws import ApiError, Aws
from fsdcf.deploy.run import Run


@dataclass(frozen=True)
class EcsDeployment:
    """A deployment of a service. ``state`` is COMPLETED, FAILED or IN_PROGRESS; empty if ECS reports none.

    ``since`` is its creation.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html
    """

    id: str
    status: str
    task_definition: str
    state: str = ""
    reason: str = ""
    failed: int = 0
    desired: int = 0
    running: int = 0
    pending: int = 0
    since: datetime | None = None


@dataclass(frozen=True)
class ServiceMessage:
    """An event of a service: a sentence, and its time."""

    time: datetime | None
    text: str


LOOPING = re.compile(r"unable to consistently start")
"""ECS's own words for tasks that fail again and again.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html"""

STEADY = "steady state"
"""ECS's own words for a service whose desired tasks run."""


@dataclass(frozen=True)
class EcsService:
    """A service at one moment. ``messages`` are its events, newest first; ``target_groups`` are ARNs.

    ``grace`` are the seconds for which ECS ignores failed health checks of a new task. ``minimum_healthy`` and
    ``maximum`` are the deployment's limits in percent, None if ECS reports none. ``raw`` is the
    data of the API response.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html
    """

    arn: str
    status: str
    task_definition: str = ""
    desired: int = 0
    running: int = 0
    pending: int = 0
    deployments: tuple[EcsDeployment, ...] = ()
    messages: tuple[ServiceMessage, ...] = ()
    target_groups: tuple[str, ...] = ()
    grace: float = 0.0
    minimum_healthy: int | None = None
    maximum: int | None = None
    raw: Answer = field(default_factory=dict, repr=False, compare=False)

    @property
    def primary(self) -> EcsDeployment | None:
        """The PRIMARY deployment."""
        return primary_of(self.deployments)

    @property
    def looping(self) -> bool:
        """Whether ECS reports tasks that fail again and again, and no steady state since then."""
        texts = (message.text for message in self.messages)
        telling = (text for text in texts if LOOPING.search(text) or STEADY in text)
        return STEADY not in next(telling, STEADY)

    @property
    def single_writer(self) -> bool:
        """Whether a task stops before the next one starts, as the compiler configures it for a single writer."""
        return (self.minimum_healthy, self.maximum) == (0, 100)


def primary_of(deployments: tuple[EcsDeployment, ...]) -> EcsDeployment | None:
    """The PRIMARY deployment; None if ECS reports none."""
    return next((deployment for deployment in deployments if deployment.status == "PRIMARY"), None)


def cluster_and_name(service: str) -> tuple[str, str]:
    """The cluster and the name in a service's ARN. A name, or an ARN of the old format, has no cluster."""
    parts = service.split(":service/", 1)[-1].split("/")
    return (parts[0], parts[-1]) if len(parts) > 1 else ("", parts[0])


def request_about(service: str) -> tuple[Answer, str]:
    """The cluster as a member of a request, if the service's ARN names one, and the service's name."""
    cluster, name = cluster_and_name(service)
    return {"cluster": cluster} if cluster else {}, name


def describe_service(aws: Aws, cluster: str, name: str) -> EcsService | None:
    """The service; None if it or its cluster does not exist. Raises the errors of the call."""
    try:
        return service_in(aws.call("ecs", "DescribeServices", cluster=cluster, services=[name]))
    except ApiError as error:
        if error.code == "ClusterNotFoundException":
            return None
        raise


def service_in(answer: Answer) -> EcsService | None:
    """The service in an answer of DescribeServices; None if it contains none."""
    return next((read_service(raw) for raw in answer.get("services") or []), None)


def read_service(raw: Answer) -> EcsService:
    """A service from the data of an API response."""
    limits = raw.get("deploymentConfiguration") or {}
    groups = (balancer.get("targetGroupArn") for balancer in raw.get("loadBalancers") or [])
    return EcsService(
        **texts(raw, arn="serviceArn", status="status", task_definition="taskDefinition"),
        **_counts(raw),
        deployments=tuple(read_deployment(deployment) for deployment in raw.get("deployments") or []),
        messages=tuple(
            ServiceMessage(event.get("createdAt"), text(event, "message")) for event in raw.get("events") or []
        ),
        target_groups=tuple(str(group) for group in groups if group),
        grace=float(raw.get("healthCheckGracePeriodSeconds") or 0),
        minimum_healthy=limits.get("minimumHealthyPercent"),
        maximum=limits.get("maximumPercent"),
        raw=raw,
    )


def read_deployment(raw: Answer) -> EcsDeployment:
    """A deployment from the data of an API response."""
    return EcsDeployment(
        **texts(raw, id="id", status="status", task_definition="taskDefinition"),
        **texts(raw, state="rolloutState", reason="rolloutStateReason"),
        failed=int(raw.get("failedTasks") or 0),
        **_counts(raw),
        since=raw.get("createdAt"),
    )


def _counts(raw: Answer) -> Answer:
    return {name: int(raw.get(f"{name}Count") or 0) for name in ("desired", "running", "pending")}


_TARGET_REASONS = {
    "Elb.InitialHealthChecking": "the first health checks are in progress",
    "Elb.InternalError": "the load balancer has an internal error",
    "Elb.RegistrationInProgress": "it is being registered",
    "Target.DeregistrationInProgress": "it is being deregistered",
    "Target.FailedHealthChecks": "the health check cannot connect, or gets no valid HTTP response",
    "Target.HealthCheckDisabled": "health checks are disabled",
    "Target.InvalidState": "its instance has stopped",
    "Target.IpUnusable": "its address is one of the load balancer",
    "Target.NotInUse": "no listener forwards to the target group, or the load balancer does not use its zone",
    "Target.NotRegistered": "it is not registered",
    "Target.ResponseCodeMismatch": "the health check gets an unexpected HTTP code",
    "Target.Timeout": "the health check times out",
}
"""The meaning of the reason codes of a target's health.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html"""


@dataclass(frozen=True)
class TargetHealth:
    """A target of a load balancer.

    Its address, its state (healthy, unhealthy, initial, draining, unused, …), and the reason: a code, a description, or
    both.
    """

    address: str
    state: str
    reason: str = ""

    @property
    def words(self) -> str:
        """The reason in a clause, with the HTTP codes that the target returned; empty without a reason."""
        code, _, description = self.reason.partition(": ")
        codes = re.search(r"codes: \[([^\[\]]+)\]", description)
        returned = f" ({codes[1]})" if codes else ""
        return f"{_TARGET_REASONS[code]}{returned}" if code in _TARGET_REASONS else description or code


def read_targets(answer: Answer) -> tuple[TargetHealth, ...]:
    """The targets in an answer of DescribeTargetHealth.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
    """
    return tuple(_read_target(raw) for raw in answer.get("TargetHealthDescriptions") or [])


def merged_targets(answers: Iterable[Answer]) -> dict[str, TargetHealth]:
    """The targets of several groups, by address. A target is healthy if it is healthy in each group that has it."""
    health: dict[str, TargetHealth] = {}
    for answer in answers:
        for target in read_targets(answer):
            if health.get(target.address, TargetHealth("", "healthy")).state == "healthy":
                health[target.address] = target
    return health


def _read_target(raw: Answer) -> TargetHealth:
    health = raw.get("TargetHealth") or {}
    reason = ": ".join(part for key in ("Reason", "Description") if (part := text(health, key)))
    return TargetHealth(text(raw.get("Target") or {}, "Id"), text(health, "State"), reason)


def read_health(
    run: Run, groups: Iterable[str], without: str = "the load balancer's targets are not verified"
) -> dict[str, TargetHealth] | None:
    """The targets of these target groups by their address; None if a group cannot be read.

    That is one warning, which begins with ``without``.
    """
    answers = [run.optional(without, "elbv2", "DescribeTargetHealth", TargetGroupArn=group) for group in groups]
    return merged_targets(answers) if all(answers) else None
