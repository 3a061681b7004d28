"""How a service is: its stack, its rollout, what runs and whether the load balancer finds it healthy. At most six calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fsdcf.deploy.aws import ApiError, Aws, Unreachable
from fsdcf.deploy.ecs.service import cluster_and_name
from fsdcf.deploy.state import Snapshot, snapshot

_PAGES = 2
"""Pages of resources that are read, a hundred or so on each: with them the calls are six."""

_RECENT = 3
"""Messages of the ECS service that are told."""


@dataclass(frozen=True)
class Rollout:
    """One deployment of the ECS service. ``rollout`` is its rolloutState, ``reason`` what ECS says of it.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html
    """

    id: str
    status: str
    rollout: str
    desired: int
    running: int
    pending: int
    failed: int
    task_definition: str
    reason: str = ""
    since: datetime | None = None


@dataclass(frozen=True)
class Message:
    """What the ECS service says of itself, and when."""

    time: datetime | None
    text: str


@dataclass(frozen=True)
class Status:
    """A service at one moment. ``image`` is what its task definition runs; ``moving`` are the resources that are in progress.

    ``healthy`` of ``targets`` are in the load balancer's service; both are None for a worker, or where that is not known.
    ``service`` is the ECS service, as ``cluster/name``. ``missing`` says in sentences what could not be found out.
    """

    stack: Snapshot
    image: str | None = None
    desired: int | None = None
    running: int | None = None
    pending: int | None = None
    rollouts: tuple[Rollout, ...] = ()
    messages: tuple[Message, ...] = ()
    healthy: int | None = None
    targets: int | None = None
    moving: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    service: str = ""

    @property
    def primary(self) -> Rollout | None:
        """The deployment that is wanted."""
        return next((one for one in self.rollouts if one.status == "PRIMARY"), None)

    @property
    def steady(self) -> bool:
        """Whether nothing is under way, neither in the stack nor in the service."""
        primary = self.primary
        settled = primary is None or (primary.rollout in ("", "COMPLETED") and primary.running == primary.desired)
        return not self.stack.running and settled and len(self.rollouts) <= 1


@dataclass
class _Findings:
    """Collects answers; an error of a call becomes a sentence about what is missing."""

    aws: Aws
    missing: list[str] = field(default_factory=list)

    def ask(self, lacking: str, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        try:
            return self.aws.call(service, operation, **parameters)
        except ApiError as error:
            said = f"no permission for {service}:{operation}" if error.denied else error.message
        except Unreachable as error:
            said = error.message
        self.missing.append(f"{lacking}: {said}")
        return {}


def status(stack: str, aws: Aws) -> Status | None:
    """The status of a stack by its name; None if there is none. Raises what DescribeStacks raises; all else is merely missing.

    One call each for the stack, the service, its task definition and its targets' health, and two at most for the resources where
    the stack is in progress or tells no service.
    """
    found = snapshot(aws, stack)
    if found is None:
        return None
    ask = _Findings(aws)
    ids, moving = _resources(found, ask)
    cluster, name = ids.get("Cluster"), ids.get("Service")
    if not cluster or not name:
        ask.missing.append("the stack has no ECS service yet")
        return Status(found, moving=moving, missing=tuple(ask.missing))
    answer = ask.ask("tasks and rollout are not known", "ecs", "DescribeServices", cluster=cluster, services=[name])
    services = answer.get("services") or []
    if not services or services[0].get("status") == "INACTIVE":
        if answer:
            ask.missing.append(f"ECS knows no service {name} in the cluster {cluster}")
        return Status(found, moving=moving, missing=tuple(ask.missing))
    return replace(
        _told(found, services[0], moving, ask), service=f"{cluster_and_name(cluster)[1]}/{cluster_and_name(name)[1]}"
    )


def _told(found: Snapshot, service: Mapping[str, Any], moving: tuple[str, ...], ask: _Findings) -> Status:
    image = _image(str(service.get("taskDefinition") or ""), ask)
    healthy, targets = _health(service, ask)
    return Status(
        stack=found,
        image=image,
        desired=service.get("desiredCount"),
        running=service.get("runningCount"),
        pending=service.get("pendingCount"),
        rollouts=tuple(_rollout(one) for one in service.get("deployments") or []),
        messages=tuple(
            Message(one.get("createdAt"), str(one.get("message", "")))
            for one in (service.get("events") or [])[:_RECENT]
        ),
        healthy=healthy,
        targets=targets,
        moving=moving,
        missing=tuple(ask.missing),
    )


def _resources(found: Snapshot, ask: _Findings) -> tuple[dict[str, str], tuple[str, ...]]:
    """Cluster and service by their names, from the outputs or else the resources, and what is in progress."""
    ids = {"Cluster": found.outputs.get("ClusterName", ""), "Service": found.outputs.get("ServiceName", "")}
    if all(ids.values()) and not found.running:
        return ids, ()
    physical: dict[str, str] = {}
    moving: list[str] = []
    page: dict[str, str] = {}
    for _ in range(_PAGES):
        answer = ask.ask(
            "the stack's resources are not known", "cloudformation", "ListStackResources", StackName=found.arn, **page
        )
        for one in answer.get("StackResourceSummaries") or []:
            name = str(one.get("LogicalResourceId"))
            physical[name] = str(one.get("PhysicalResourceId") or "")
            moving += [name] if str(one.get("ResourceStatus", "")).endswith("_IN_PROGRESS") else []
        if not answer.get("NextToken"):
            break
        page = {"NextToken": str(answer["NextToken"])}
    return {name: value or physical.get(name, "") for name, value in ids.items()}, tuple(moving)


def _image(task_definition: str, ask: _Findings) -> str | None:
    if not task_definition:
        return None
    answer = ask.ask("the image is not known", "ecs", "DescribeTaskDefinition", taskDefinition=task_definition)
    containers = (answer.get("taskDefinition") or {}).get("containerDefinitions") or []
    return str(containers[0].get("image", "")) or None if containers else None


def _health(service: Mapping[str, Any], ask: _Findings) -> tuple[int | None, int | None]:
    group = next(
        (one["targetGroupArn"] for one in service.get("loadBalancers") or [] if one.get("targetGroupArn")), None
    )
    if group is None:
        return None, None
    answer = ask.ask("the targets' health is not known", "elbv2", "DescribeTargetHealth", TargetGroupArn=group)
    if "TargetHealthDescriptions" not in answer:
        return None, None
    states = [(one.get("TargetHealth") or {}).get("State") for one in answer["TargetHealthDescriptions"]]
    return states.count("healthy"), len([state for state in states if state != "draining"])


def _rollout(raw: Mapping[str, Any]) -> Rollout:
    return Rollout(
        id=str(raw.get("id", "")),
        status=str(raw.get("status", "")),
        rollout=str(raw.get("rolloutState") or ""),
        desired=int(raw.get("desiredCount") or 0),
        running=int(raw.get("runningCount") or 0),
        pending=int(raw.get("pendingCount") or 0),
        failed=int(raw.get("failedTasks") or 0),
        task_definition=str(raw.get("taskDefinition", "")).rpartition("/")[2],
        reason=str(raw.get("rolloutStateReason") or ""),
        since=raw.get("createdAt"),
    )
