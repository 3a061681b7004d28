"""Deletes a stack: what it keeps is told before and after, and what is in the way is explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fsdcf.cloudformation.facts import STATEFUL
from fsdcf.conventions import IMAGE_PARAMETER
from fsdcf.deploy import operation
from fsdcf.deploy.aws import Aws
from fsdcf.deploy.cleanup import conclude
from fsdcf.deploy.diagnosis.causes import blockers
from fsdcf.deploy.events import leftover_resources
from fsdcf.deploy.model import Ask, Evidence, Exit, NoticeIssued, Options, Outcome, Place, Question, Target, Tell
from fsdcf.deploy.operation import Operation, running_operation
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.state import Snapshot, deployed_template, physical_ids, snapshot
from fsdcf.deploy.watch import detached, follow

_KEPT = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True)
class Remains:
    """A resource with data, or one that is kept: its physical id where it is known, and what becomes of it.

    ``fate`` is ``kept``, ``snapshot`` or ``deleted``.
    """

    logical_id: str
    type: str
    physical_id: str
    fate: str

    @property
    def text(self) -> str:
        """``LogGroup (AWS::Logs::LogGroup hello-logs)``."""
        return f"{self.logical_id} ({self.type}{' ' + self.physical_id if self.physical_id else ''})"


def remains(template: Mapping[str, Any], physical: Mapping[str, str]) -> tuple[Remains, ...]:
    """The resources that a deletion keeps, copies, or deletes with their data, by logical id.

    Only resources that exist (``physical``) count. Without a DeletionPolicy a resource is deleted, but for DB clusters and DB
    instances outside of one, which are copied.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
    """
    found = []
    for name, resource in (template.get("Resources") or {}).items():
        if name not in physical or not isinstance(resource, Mapping):
            continue
        type = str(resource.get("Type", ""))
        fate = _fate(type, resource)
        if fate != "deleted" or type in STATEFUL:
            found.append(Remains(name, type, physical[name], fate))
    return tuple(sorted(found, key=lambda one: one.logical_id))


def _fate(type: str, resource: Mapping[str, Any]) -> str:
    policy = resource.get("DeletionPolicy")
    if policy in _KEPT:
        return "kept"
    inside = "DBClusterIdentifier" in (resource.get("Properties") or {})
    copied = type == "AWS::RDS::DBCluster" or (type == "AWS::RDS::DBInstance" and not inside)
    return "snapshot" if policy == "Snapshot" or (policy is None and copied) else "deleted"


@dataclass(frozen=True)
class _Plan:
    """What a deletion would do to what holds data."""

    kept: tuple[Remains, ...] = ()
    copied: tuple[Remains, ...] = ()
    lost: tuple[Remains, ...] = ()


def delete(
    target: Target,
    options: Options,
    aws: Aws,
    tell: Tell,
    ask: Ask | None,
    where: Callable[[str], Place | None] = lambda logical_id: None,
) -> Outcome:
    """Delete the stack of a service and stay until it is gone. Tells Ended last, and gives the same outcome.

    Refused (exit 3): a stack that is not ours, termination protection, data that would be lost without ``--allow`` or a person's yes, and
    everything without ``--yes`` or a person. A deletion that already runs is watched.
    """
    run = Run(aws, tell, target, ask, where)
    run.limit(options.timeout)
    return conclude(run, None, lambda: _delete(run, options))


def _delete(run: Run, options: Options) -> Outcome:
    run.step("preflight", f"looks for the stack {run.target.stack}")
    stack = snapshot(run.aws, run.target.stack)
    if stack is None:
        raise stop(Exit.USAGE, f"there is no stack {run.target.stack} in {run.aws.region}: there is nothing to delete")
    _refuse(run, stack)
    sha = (
        stack.parameters.get(IMAGE_PARAMETER) or "SHA"
    )  # what is deployed once the stack is gone finds no image that could stay
    run.target = replace(run.target, redeploy_command=run.target.redeploy("--image-sha", sha))
    plan = _plan(run, stack)
    if stack.status == "DELETE_IN_PROGRESS":
        run.running = f"the deletion of {stack.name}"
        return _ended(run, stack, plan, running_operation(run, stack), options)
    _consent(run, options, stack, plan)
    run.step("delete", f"deletes {stack.name}")
    return _ended(run, stack, plan, operation.delete(run, stack, options.role_arn), options)


def _refuse(run: Run, stack: Snapshot) -> None:
    """Stops the run where the stack is not ours to delete, or not now."""
    target = run.target
    if not stack.belongs_to(target) and (stack.tags or stack.status != "REVIEW_IN_PROGRESS"):
        raise stop(
            Exit.REFUSED,
            f"the stack {stack.name} is not ours: its tags fsdcf:service and fsdcf:environment do not say {target.service} and"
            f" {target.environment}",
            f"aws cloudformation delete-stack --stack-name {stack.name}",
        )
    if stack.protected:
        off = f"aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {stack.name}"
        raise stop(
            Exit.REFUSED, f"termination protection is on for the stack {stack.name}", off, target.command("delete")
        )
    if stack.running and stack.status != "DELETE_IN_PROGRESS" and not stack.status.startswith("CREATE"):
        raise stop(
            Exit.BUSY, f"another operation runs on the stack {stack.name}: {stack.status}", target.command("watch")
        )


def _plan(run: Run, stack: Snapshot) -> _Plan:
    """What is kept, copied and lost, and says it. A stack that was only ever planned holds nothing."""
    if stack.in_review:
        return _Plan()
    template = deployed_template(run.aws, stack.arn)
    ids = physical_ids(run.aws, stack.arn)
    if template is None or ids is None:
        run.warn("it is not known what the stack keeps: its template or its resources cannot be read")
        return _Plan()
    found = remains(template, ids)
    plan = _Plan(*(tuple(one for one in found if one.fate == fate) for fate in ("kept", "snapshot", "deleted")))
    for lead, ones in (("kept", plan.kept), ("copied to a snapshot, then deleted", plan.copied)):
        for one in ones:
            run.tell(NoticeIssued(lead, one.text))
    for one in plan.lost:
        run.warn(f"deleted with its data: {one.text}")
    return plan


def _consent(run: Run, options: Options, stack: Snapshot, plan: _Plan) -> None:
    """Stops the run (exit 3) unless the deletion is agreed to."""
    target = run.target
    lost = [one for one in plan.lost if one.logical_id not in options.allow]
    if lost and run.ask is None:
        evidence = tuple(
            Evidence(one.logical_id, f"{one.text} would be deleted with its data", run.where(one.logical_id))
            for one in lost
        )
        names = " ".join(f"--allow {one.logical_id}" for one in lost)
        raise stop(Exit.REFUSED, "data would be lost", target.command("delete", "--yes", names), evidence=evidence)
    if lost and not run.agrees(Question("data", "Delete these with their data?", tuple(one.text for one in lost))):
        raise stop(Exit.REFUSED, "refused: nothing was deleted", target.command("status"))
    if options.yes:
        return
    if run.ask is None:
        raise stop(
            Exit.REFUSED, "nobody is there to ask: nothing is deleted without --yes", target.command("delete", "--yes")
        )
    if not run.agrees(Question("execute", f"Delete the stack {stack.name}?")):
        raise stop(Exit.REFUSED, "refused: nothing was deleted", target.command("status"))


def _ended(run: Run, stack: Snapshot, plan: _Plan, operation: Operation, options: Options) -> Outcome:
    if options.detach:
        raise detached(run, operation, "detached, as --detach asks")
    ending = follow(run, operation)
    run.running = ""
    if ending.status == "DELETE_COMPLETE":
        skipped = [event for event in leftover_resources(ending.events) if event.status == "DELETE_SKIPPED"]
        kept = {event.logical_id: f"{event.logical_id} ({event.type} {event.physical_id})" for event in skipped}
        kept = kept or {one.logical_id: one.text for one in plan.kept}
        evidence = tuple(Evidence("kept", text) for text in kept.values())
        left = f"; {len(kept)} resource{'s were' if len(kept) > 1 else ' was'} kept" if kept else ""
        return Outcome(Exit.DONE, f"the stack {stack.name} is deleted{left}", evidence)
    stuck = blockers(ending.events)
    places = run.places(event.logical_id for event in stuck)
    said = tuple(
        Evidence(f"{event.logical_id} ({event.type})", f"{event.status}: {event.reason}", places.get(event.logical_id))
        for event in stuck
    )
    reason = stuck[0].logical_id + " is in the way" if stuck else ending.reason or f"it is {ending.status}"
    return Outcome(
        Exit.NEEDS_RECOVERY if ending.status == "DELETE_FAILED" else Exit.FAILED,
        f"the stack {stack.name} could not be deleted: {reason}",
        said + _advice([event.type for event in stuck]),
        (run.target.command("delete"), run.target.command("diagnose")),
    )


_IN_THE_WAY = {
    "AWS::S3::Bucket": "a bucket must be emptied before it can be deleted: aws s3 rm --recursive s3://BUCKET",
    "AWS::ECR::Repository": "a repository must hold no image before it can be deleted",
    "AWS::EC2::SecurityGroup": "a security group goes once no network interface and no rule uses it; one left by a task goes within minutes",
    "AWS::EC2::Subnet": "a subnet goes once no network interface is in it: see aws ec2 describe-network-interfaces",
    "AWS::EC2::VPC": "a VPC goes once nothing is in it, also nothing that was made outside of the stack",
    "AWS::ECS::Cluster": "a cluster goes once it has no service, no task and no container instance",
    "AWS::DynamoDB::Table": "a table with deletion protection stays: aws dynamodb update-table --no-deletion-protection-enabled",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "a load balancer with deletion protection stays until that is switched off",
}
"""What keeps a resource from being deleted, by its type. Source: each type's page in the CloudFormation template reference, and
https://repost.aws/knowledge-center/cloudformation-stack-delete-failed."""


def _advice(types: Sequence[str]) -> tuple[Evidence, ...]:
    return tuple(Evidence("help", _IN_THE_WAY[type]) for type in dict.fromkeys(types) if type in _IN_THE_WAY)
