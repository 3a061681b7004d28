"""Whether the services of a stack run the task definitions of the stack.

A rollback by ECS can hide behind a complete stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fsdcf.cloudformation.types.ecs import SERVICE, TASK_DEFINITION
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.ecs.rollout import RolloutObserver, ServiceRollout, look
from fsdcf.deploy.run import Run
from fsdcf.deploy.state import Snapshot

_EVERY = 5.0
_LONGEST = 600.0


@dataclass(frozen=True)
class Verdict:
    """What the services of a stack run.

    ``astray``: the PRIMARY deployment failed, or its task definition is not the stack's; ``pending``: it is not
    complete yet; ``unread``: it could not be read, and the run has been warned.
    """

    state: Literal["verified", "unread", "astray", "pending"]
    rollout: ServiceRollout | None = None
    expected: tuple[str, ...] = ()


def verify(run: Run, stack: Snapshot, known: Sequence[ServiceRollout] = (), patient: bool = True) -> Verdict:
    """Verify the PRIMARY deployment of each ECS service in the stack. ``patient``: wait for a rollout in progress."""
    pages = list(
        run.optional_pages("rollout not verified", "cloudformation", "ListStackResources", StackName=stack.arn)
    )
    if not pages or pages[-1].get("NextToken"):
        return Verdict("unread")
    resources: list[Answer] = [row for page in pages for row in page.get("StackResourceSummaries") or []]
    definitions = tuple(row["PhysicalResourceId"] for row in resources if row.get("ResourceType") == TASK_DEFINITION)
    services = [row for row in resources if row.get("ResourceType") == SERVICE and row.get("PhysicalResourceId")]
    if services:
        run.step("verify", "reading the running version from ECS")
    before = {rollout.logical_id: rollout for rollout in known}
    verdict = Verdict("verified")
    for service in services:
        name = text(service, "LogicalResourceId")
        verdict = _verify(run, service["PhysicalResourceId"], name, before.get(name), definitions, patient)
        if verdict.state != "verified":
            return verdict
    return verdict


def _verify(
    run: Run, arn: str, name: str, known: ServiceRollout | None, definitions: tuple[str, ...], patient: bool
) -> Verdict:
    begun = run.aws.clock()
    while True:
        rollout = look(run, arn, name, known)
        primary = rollout.primary if rollout is not None and rollout is not known else None
        if rollout is None or primary is None or not primary.task_definition:
            if "DescribeServices" not in run.warned:
                run.warn("rollout not verified: ECS does not report the service")
            return Verdict("unread", rollout)
        if primary.state == "FAILED" or primary.task_definition not in definitions:
            return Verdict("astray", rollout, definitions)
        if primary.state == "COMPLETED":
            return Verdict("verified", rollout, definitions)
        if not primary.state:
            run.warn("rollout not verified: ECS reports no rollout state for this kind of deployment")
            return Verdict("unread", rollout)
        if not patient or run.late() or run.aws.clock() - begun > _LONGEST:
            return Verdict("pending", rollout, definitions)
        known = rollout
        run.rest(_EVERY)


EXPRESS_LIMIT = 3 * 3600.0
"""Seconds for which a rollout is followed that CloudFormation does not wait for."""


def follow_rollouts(run: Run, stack: Snapshot, known: Sequence[ServiceRollout], begun: float) -> list[ServiceRollout]:
    """Follow the rollouts of the stack's services until ECS has completed or given up each one.

    Ends early at the deadline, and without the permission to read them. ``begun`` is the start by the local clock.
    """
    observer, before = RolloutObserver(run), {rollout.logical_id: rollout for rollout in known}
    pages = run.optional_pages("rollout not followed", "cloudformation", "ListStackResources", StackName=stack.arn)
    rows = [row for page in pages for row in page.get("StackResourceSummaries") or []]
    end = run.aws.clock() + EXPRESS_LIMIT
    for row in rows:
        name, arn = text(row, "LogicalResourceId"), text(row, "PhysicalResourceId")
        if row.get("ResourceType") != SERVICE or not arn:
            continue
        while True:
            rollout = observer.look(arn, name, before.get(name), run.aws.clock() - begun)
            if rollout is None or rollout is before.get(name):
                break
            before[name] = rollout
            primary = rollout.primary
            if primary is None or primary.state != "IN_PROGRESS" or run.late() or run.aws.clock() > end:
                break
            run.rest(_EVERY)
    return list(before.values())
