"""The status of a service: its stack, rollouts, tasks, image and target health, in at most six calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from fsdcf.cloudformation.types.ecs import main_container
from fsdcf.conventions import SERVICE_TAG
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.aws import ApiError, Aws, Unreachable
from fsdcf.deploy.ecs.service import (
    EcsDeployment,
    EcsService,
    ServiceMessage,
    cluster_and_name,
    primary_of,
    read_targets,
    service_in,
)
from fsdcf.deploy.run import describe_error
from fsdcf.deploy.state import Snapshot, snapshot

_PAGES = 2
"""Pages of resources that are read, about a hundred on each."""

_RECENT = 3
"""Number of service messages in the status."""


@dataclass(frozen=True)
class Status:
    """The status of a service. ``image`` is that of the task definition, ``moving`` are the resources in progress.

    ``healthy`` of ``targets`` of the load balancer are in service; both are None for a worker or if unknown.
    ``rollouts`` name task definitions by family and revision. ``service`` is the ECS service as ``cluster/name``.
    ``missing`` lists, in sentences, what is unknown.
    """

    stack: Snapshot
    image: str | None = None
    desired: int | None = None
    running: int | None = None
    pending: int | None = None
    rollouts: tuple[EcsDeployment, ...] = ()
    messages: tuple[ServiceMessage, ...] = ()
    healthy: int | None = None
    targets: int | None = None
    moving: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    service: str = ""

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

    def call(self, unknown: str, service: str, operation: str, /, **parameters: Any) -> Answer:
        try:
            return self.aws.call(service, operation, **parameters)
        except (ApiError, Unreachable) as error:
            self.missing.append(f"{unknown}: {describe_error(error)}")
            return {}


def status(stack: str, aws: Aws) -> Status | None:
    """The status of a stack; None if it does not exist. Raises the errors of DescribeStacks; others become ``missing``.

    One call each for the stack, the service, its task definition and its target health, and at most two for the
    resources if the stack is in progress or its outputs do not name the service.
    """
    found = snapshot(aws, stack)
    if found is None:
        return None
    calls = _OptionalCalls(aws)
    ids, moving = _resources(found, calls)
    cluster, name = ids["Cluster"], ids["Service"]
    result = Status(found, moving=moving)
    if cluster and name:
        unknown = "the tasks and the rollout are unknown"
        answer = calls.call(unknown, "ecs", "DescribeServices", cluster=cluster, services=[name])
        service = service_in(answer)
        if service is not None and service.status != "INACTIVE":
            label = f"{cluster_and_name(cluster)[1]}/{cluster_and_name(name)[1]}"
            result = replace(_with_service(result, service, calls), service=label)
        elif answer:
            calls.missing.append(f"the service {name} does not exist in the cluster {cluster}")
    else:
        calls.missing.append("the stack has no ECS service yet")
    return replace(result, missing=tuple(calls.missing))


def _with_service(status: Status, service: EcsService, calls: _OptionalCalls) -> Status:
    image = _image(status.stack, service.task_definition, calls)
    healthy, targets = _health(service, calls)
    return replace(
        status,
        image=image,
        desired=service.desired,
        running=service.running,
        pending=service.pending,
        rollouts=tuple(
            replace(deployment, task_definition=deployment.task_definition.rpartition("/")[2])
            for deployment in service.deployments
        ),
        messages=service.messages[:_RECENT],
        healthy=healthy,
        targets=targets,
    )


def _resources(stack: Snapshot, calls: _OptionalCalls) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """The names of Cluster and Service, from the outputs or else the resources, and the resources in progress."""
    ids = {"Cluster": stack.outputs.get("ClusterName", ""), "Service": stack.outputs.get("ServiceName", "")}
    if all(ids.values()) and not stack.running:
        return ids, ()
    physical: dict[str, str] = {}
    moving: list[str] = []
    pages = calls.aws.pages(
        "cloudformation",
        "ListStackResources",
        call=lambda *call, **parameters: calls.call("the stack's resources are unknown", *call, **parameters),
        StackName=stack.arn,
    )
    for page in islice(pages, _PAGES):
        for summary in page.get("StackResourceSummaries") or []:
            name = text(summary, "LogicalResourceId")
            physical[name] = text(summary, "PhysicalResourceId")
            moving += [name] if text(summary, "ResourceStatus").endswith("_IN_PROGRESS") else []
    return {name: value or physical.get(name, "") for name, value in ids.items()}, tuple(moving)


def _image(stack: Snapshot, task_definition: str, calls: _OptionalCalls) -> str | None:
    if not task_definition:
        return None
    answer = calls.call("the image is unknown", "ecs", "DescribeTaskDefinition", taskDefinition=task_definition)
    containers = (answer.get("taskDefinition") or {}).get("containerDefinitions") or []
    container = main_container(containers, stack.tags.get(SERVICE_TAG, "")) or {}
    return text(container, "image") or None


def _health(service: EcsService, calls: _OptionalCalls) -> tuple[int | None, int | None]:
    if not service.target_groups:
        return None, None
    group = service.target_groups[0]
    answer = calls.call("the target health is unknown", "elbv2", "DescribeTargetHealth", TargetGroupArn=group)
    if "TargetHealthDescriptions" not in answer:
        return None, None
    states = [target.state for target in read_targets(answer)]
    return states.count("healthy"), sum(state != "draining" for state in states)
