"""Whether the service really runs what the stack says: a rollback by ECS can hide behind a stack that is complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fsdcf.deploy.ecs import rollout
from fsdcf.deploy.ecs.rollout import SERVICE, ServiceRollout
from fsdcf.deploy.run import Run
from fsdcf.deploy.state import Snapshot

_DEFINITION = "AWS::ECS::TaskDefinition"
_EVERY = 5.0
_LONGEST = 600.0


@dataclass(frozen=True)
class Verdict:
    """What the services of a stack run. ``unread``: it could not be found out, and the run has been warned.

    ``astray``: the PRIMARY deployment failed, or runs a task definition that is not the stack's; ``pending``: it is not complete yet.
    """

    state: Literal["verified", "unread", "astray", "pending"]
    rollout: ServiceRollout | None = None
    expected: tuple[str, ...] = ()


def verify(run: Run, stack: Snapshot, known: Sequence[ServiceRollout] = (), patient: bool = True) -> Verdict:
    """Reads the PRIMARY deployment of every ECS service in the stack. ``patient``: waits for a rollout that is under way."""
    resources = _resources(run, stack)
    if resources is None:
        return Verdict("unread")
    definitions = tuple(one["PhysicalResourceId"] for one in resources if one.get("ResourceType") == _DEFINITION)
    services = [one for one in resources if one.get("ResourceType") == SERVICE and one.get("PhysicalResourceId")]
    if services:
        run.step("verify", "asks ECS what the service runs")
    before = {one.logical_id: one for one in known}
    verdict = Verdict("verified")
    for service in services:
        name = str(service.get("LogicalResourceId", ""))
        verdict = _service(run, str(service["PhysicalResourceId"]), name, before.get(name), definitions, patient)
        if verdict.state != "verified":
            return verdict
    return verdict


def _service(
    run: Run, arn: str, name: str, known: ServiceRollout | None, definitions: tuple[str, ...], patient: bool
) -> Verdict:
    begun = run.aws.clock()
    while True:
        found = rollout.look(run, arn, name, known)
        primary = found.primary if found is not None and found is not known else None
        if found is None or primary is None or not primary.task_definition:
            if "DescribeServices" not in run.warned:
                run.warn("rollout not verified: ECS does not tell of the service")
            return Verdict("unread", found)
        if primary.state == "FAILED" or primary.task_definition not in definitions:
            return Verdict("astray", found, definitions)
        if primary.state == "COMPLETED":
            return Verdict("verified", found, definitions)
        if not primary.state:
            run.warn("rollout not verified: ECS tells no rollout state for this kind of deployment")
            return Verdict("unread", found)
        if not patient or run.late() or run.aws.clock() - begun > _LONGEST:
            return Verdict("pending", found, definitions)
        known = found
        run.rest(_EVERY)


def _resources(run: Run, stack: Snapshot) -> list[dict[str, Any]] | None:
    listed: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        answer = run.optional(
            "rollout not verified", "cloudformation", "ListStackResources", StackName=stack.arn, **more
        )
        if answer is None:
            return None
        listed += answer.get("StackResourceSummaries") or []
        if not answer.get("NextToken"):
            return listed
        more = {"NextToken": answer["NextToken"]}
