"""The ECS service of a stack: found by the stack's outputs or its resources, and described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.deploy.aws import ApiError, Aws
from fsdcf.deploy.ecs.service import cluster_and_name
from fsdcf.deploy.model import Exit, Target
from fsdcf.deploy.run import stop
from fsdcf.deploy.state import Snapshot, physical_ids, snapshot

_OUTPUTS = {"Cluster": "ClusterName", "Service": "ServiceName", "LogGroup": "LogGroupName"}
"""The outputs that tell the names of resources, by logical id."""


@dataclass(frozen=True)
class Service:
    """An ECS service as DescribeServices tells it, with its stack. ``cluster`` and ``name`` are what other calls take.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html
    """

    stack: Snapshot
    cluster: str
    name: str
    told: Mapping[str, Any]

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self.told.get("serviceArn", ""))

    @property
    def desired(self) -> int:
        """How many tasks it is to run."""
        return int(self.told.get("desiredCount") or 0)

    @property
    def task_definition(self) -> str:
        """The ARN of what its PRIMARY deployment runs."""
        return str(self.told.get("taskDefinition", ""))

    @property
    def single_writer(self) -> bool:
        """Whether a task is to stop before the next one starts: what the compiler writes for a store with one writer."""
        told = self.told.get("deploymentConfiguration") or {}
        return (told.get("minimumHealthyPercent"), told.get("maximumPercent")) == (0, 100)


def existing(target: Target, aws: Aws) -> Snapshot:
    """The stack of a service. Raises Stop (exit 2) where there is none."""
    found = snapshot(aws, target.stack)
    if found is None or found.status == "DELETE_COMPLETE":
        raise stop(Exit.USAGE, f"there is no stack {target.stack} in {aws.region}", target.redeploy("--image-sha SHA"))
    return found


def owned(target: Target, aws: Aws) -> Snapshot:
    """The stack of a service, which bears our tags. Raises Stop: exit 2 where there is none, exit 3 where it is somebody else's."""
    found = existing(target, aws)
    if not found.belongs_to(target):
        raise stop(
            Exit.REFUSED,
            f"the stack {found.name} is not ours: its tags fsdcf:service and fsdcf:environment do not say {target.service} and"
            f" {target.environment}",
            target.command("status"),
        )
    return found


def resting(target: Target, aws: Aws) -> Snapshot:
    """Our stack while no operation of CloudFormation's runs on it. Raises Stop, with exit 5 where one does."""
    found = owned(target, aws)
    if found.running:
        raise stop(Exit.BUSY, f"an operation runs on the stack {found.name}: {found.status}", target.command("watch"))
    return found


def names(stack: Snapshot, aws: Aws) -> Mapping[str, str]:
    """The physical names of Cluster, Service and LogGroup; empty for what the stack does not have, or not yet.

    A stack has outputs once it has been complete; before that its resources are asked, which is one call more.
    """
    told = {name: stack.outputs.get(output, "") for name, output in _OUTPUTS.items()}
    if told["Cluster"] and told["Service"]:
        return told
    physical = physical_ids(aws, stack.arn) or {}
    return {name: value or physical.get(name, "") for name, value in told.items()}


def service_of(target: Target, stack: Snapshot, aws: Aws) -> Service:
    """The ECS service of a stack. Raises Stop (exit 2) where the stack has none that is active, and what DescribeServices raises."""
    found = names(stack, aws)
    if not (found["Cluster"] and found["Service"]):
        raise stop(
            Exit.USAGE, f"the stack {stack.name} has no ECS service: it is {stack.status}", target.command("status")
        )
    cluster, name = found["Cluster"], cluster_and_name(found["Service"])[1]
    told = described(aws, cluster, name)
    if told is None or told.get("status") != "ACTIVE":
        state = "ECS knows none" if told is None else f"it is {told.get('status')}"
        raise stop(Exit.USAGE, f"the service {name} does not run: {state}", target.command("status"))
    return Service(stack, cluster, name, told)


def described(aws: Aws, cluster: str, name: str) -> Mapping[str, Any] | None:
    """A service as ECS tells it now; None if there is none. Raises what the call raises."""
    try:
        answer = aws.call("ecs", "DescribeServices", cluster=cluster, services=[name])
    except ApiError as error:
        if error.code == "ClusterNotFoundException":
            return None
        raise
    services = answer.get("services") or []
    return services[0] if services else None
