"""Delete a stack: report what it keeps or loses before and after, and explain what blocks the deletion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fsdcf.cloudformation.facts import custom_name
from fsdcf.cloudformation.planned import mapping
from fsdcf.cloudformation.references import section_of
from fsdcf.cloudformation.types import ADOPTED, record_of
from fsdcf.conventions import IMAGE_PARAMETER, VPC_OUTPUT
from fsdcf.deploy import operation
from fsdcf.deploy.aws import ApiError
from fsdcf.deploy.cleanup import conclude
from fsdcf.deploy.diagnosis.causes import blockers
from fsdcf.deploy.events import leftover_resources
from fsdcf.deploy.model import Evidence, Exit, NoticeIssued, Options, Outcome, Question, StackEvent
from fsdcf.deploy.operation import Operation, latest_events, running_operation
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.deploy.state import (
    NEVER_WORKED,
    Snapshot,
    absent,
    deployed_template,
    importers,
    physical_ids,
    physical_resources,
    snapshot,
    while_running,
)
from fsdcf.deploy.watch import OperationResult, detached, follow
from fsdcf.operate.service import check_managed, confirm
from fsdcf.suggested import on_service
from fsdcf.wording import counted

_FATES = {"Retain": "kept", "RetainExceptOnCreate": "kept", "Snapshot": "snapshot"}


@dataclass(frozen=True)
class DataResource:
    """A resource that a deletion keeps, or that contains data. ``fate`` is ``kept``, ``snapshot`` or ``deleted``.

    ``content`` is what a deletion loses; empty if the type holds no data. ``taken_over`` is how a later stack uses it
    again; empty if that is not known, or needs the name that the resource does not have.
    """

    logical_id: str
    type: str
    physical_id: str
    fate: str
    content: str
    taken_over: str = ""

    @property
    def text(self) -> str:
        """``LogGroup (AWS::Logs::LogGroup hello-logs)``."""
        return f"{self.logical_id} ({self.type}{' ' + self.physical_id if self.physical_id else ''})"


def data_resources(template: Mapping[str, Any], physical: Mapping[str, str]) -> tuple[DataResource, ...]:
    """The existing resources that a deletion keeps, snapshots, or deletes with their data, by logical id.

    ``physical`` are the physical ids of the existing resources. Without a DeletionPolicy a resource is deleted,
    for some types after a snapshot.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
    """
    resources = []
    for name, resource in sorted((template.get("Resources") or {}).items()):
        if name in physical and isinstance(resource, Mapping):
            type, policy = str(resource.get("Type", "")), resource.get("DeletionPolicy")
            record, properties = record_of(type), mapping(resource.get("Properties"))
            copied = policy is None and record.snapshot and record.snapshot(properties)
            fate = _FATES.get(str(policy), "snapshot" if copied else "deleted")
            data = None if record.data is None or record.data.elsewhere(properties) else record.data
            if fate != "deleted" or data:
                adopted = record.taken_over != ADOPTED or custom_name(type, properties) is not None
                taken_over = record.taken_over if adopted else ""
                content = data.content if data else ""
                resources.append(DataResource(name, type, physical[name], fate, content, taken_over))
    return tuple(resources)


def delete(run: Run, options: Options) -> Outcome:
    """Delete the stack of a service and wait for the end. Reports RunEnded last, with the outcome that it returns.

    Refused (exit 3): a stack that is not managed by fsdcf, one that is protected from deletion, or has a load
    balancer or a database that is, without ``--unprotect`` and its name; loss of data without ``--allow`` or a
    person's confirmation; and any deletion without ``--yes`` or a confirmation. A running deletion is followed.
    """
    run.limit(options.timeout)
    return conclude(run, None, lambda: _delete(run, options))


def _delete(run: Run, options: Options) -> Outcome:
    run.step("preflight", f"looking up the stack {run.target.stack}")
    stack = snapshot(run.aws, run.target.stack)
    if stack is None:
        raise Stop(absent(run.target, run.aws, ": there is nothing to delete"))
    _check(run, stack)
    template = None if stack.in_review else deployed_template(run.aws, stack.arn)
    _check_protection(run, options, stack, template or {})
    sha = stack.parameters.get(IMAGE_PARAMETER) or "SHA"  # after the deletion a redeploy has no deployed image to keep
    run.target = replace(run.target, redeploy_command=run.target.redeploy(image_sha=sha))
    resources = _report_data(run, stack, template)
    if stack.status == "DELETE_IN_PROGRESS":
        run.running = f"the deletion of {stack.name}"
        started = running_operation(run, stack)
    else:
        stuck = _left_behind(run, stack) if options.force else ()
        left = {event.logical_id for event in stuck}
        lost = [one for one in resources if one.fate == "deleted" and one.logical_id not in left]
        _confirm(run, options, stack, lost)
        if options.unprotect:
            _lift(run, stack)
        run.step("delete", f"deleting the stack {stack.name}{' without what blocks it' if options.force else ''}")
        try:
            started = operation.delete(run, stack, options.role_arn, options.force)
        except ApiError as error:
            if not _is_gone(run, stack, error):
                raise
            return Outcome(Exit.DONE, f"the stack {stack.name} is deleted")
    return _follow(run, stack, resources, started, options)


def _is_gone(run: Run, stack: Snapshot, error: ApiError) -> bool:
    """Whether an emulator has deleted the stack although it answers with an error. A warning names what may be left."""
    if error.denied or not run.aws.is_foreign("cloudformation") or snapshot(run.aws, stack.name) is not None:
        return False
    run.running = ""
    run.warn(f"the emulator has removed the stack, and perhaps not all of its resources: {error.message}")
    return True


def _check(run: Run, stack: Snapshot) -> None:
    """Raise Stop if the stack must not be deleted, or not now."""
    target = run.target
    if stack.tags or not stack.in_review:
        check_managed(stack, target, f"aws cloudformation delete-stack --stack-name {stack.name}")
    _check_imports(run, stack)
    if stack.running and not stack.status.startswith(("CREATE", "DELETE")):
        sentence = f"another operation is in progress on the stack {stack.name}: {stack.status}"
        raise stop(Exit.BUSY, sentence, *while_running(stack, target))


def _check_protection(run: Run, options: Options, stack: Snapshot, template: Mapping[str, Any]) -> None:
    """Raise Stop if the stack, or a load balancer or a database in it, is protected from deletion and the command does
    not name the stack. What a creation that failed has left is not protected on purpose."""
    named, lift = options.unprotect, run.target.command("delete", unprotect=stack.name)
    if named not in (None, stack.name):
        raise stop(Exit.REFUSED, f"--unprotect {named}: the stack to delete is {stack.name}", lift)
    if named or stack.status == "DELETE_IN_PROGRESS":
        return
    if stack.protected:
        raise stop(Exit.REFUSED, f"termination protection is enabled for the stack {stack.name}", lift)
    for name in () if stack.status in NEVER_WORKED else _protected(template):
        sentence = f"{name} of the stack {stack.name} is protected from deletion"
        raise stop(Exit.REFUSED, sentence, lift)


def _protected(template: Mapping[str, Any]) -> Iterator[str]:
    """The load balancers and databases that a template protects from deletion, by logical id."""
    for name, resource in section_of(template, "Resources").items():
        type, properties = mapping(resource).get("Type"), mapping(mapping(resource).get("Properties"))
        protection = record_of(type).simulation.protection if type in operation.LIFTED else None
        if protection is not None and protection.is_on(properties):
            yield name


def _lift(run: Run, stack: Snapshot) -> None:
    """Lift the protection of the stack, its load balancers and databases. Raises the errors of AWS for the stack."""
    if stack.protected:
        run.step("unprotect", f"disabling the termination protection of {stack.name}")
        run.aws.call(
            "cloudformation", "UpdateTerminationProtection", StackName=stack.name, EnableTerminationProtection=False
        )
    operation.unprotect(run, physical_resources(run.aws, stack.arn))


def _check_imports(run: Run, stack: Snapshot) -> None:
    """Raise Stop if other stacks import what this one exports: CloudFormation would refuse to delete it, too.

    The first export that is in use names the stacks, since the services of an environment all import its network.
    """
    users = next((users for name in sorted(stack.exports, key=_likely) if (users := importers(run.aws, name))), ())
    if users:
        ending = f"-{run.target.environment}"
        services = [name.removesuffix(ending) for name in users if name.endswith(ending)]
        commands = [on_service("delete", service, run.target.environment) for service in services]
        sentence = f"{stack.name} is in use by {counted(len(users), 'stack')}: {', '.join(users)}"
        raise stop(Exit.REFUSED, sentence, *commands, run.target.command("delete"))


def _likely(export: str) -> bool:
    """Whether an export is probably not the network, which every service of an environment imports."""
    return not export.endswith(f"-{VPC_OUTPUT}")


def _left_behind(run: Run, stack: Snapshot) -> tuple[StackEvent, ...]:
    """The resources that block the deletion, and that a forced one leaves behind, after a warning of each.

    Stops the run unless the deletion has failed (exit 3).
    """
    if stack.status != "DELETE_FAILED":
        sentence = f"{stack.name} is {stack.status}: --force is only for a stack whose deletion failed (DELETE_FAILED)"
        raise stop(Exit.REFUSED, sentence, run.target.command("delete"))
    run.require("DeleteStack", "DeletionMode", "--force")
    stuck = blockers(latest_events(run, stack.arn))
    for event in stuck:
        name = f"{event.logical_id} ({event.type} {event.physical_id})"
        run.warn(f"left behind in the account, and no longer managed: {name}: {event.reason}")
    if not stuck:
        run.warn("every resource that cannot be deleted is left behind in the account, and no longer managed")
    return stuck


def _report_data(run: Run, stack: Snapshot, template: Mapping[str, Any] | None) -> tuple[DataResource, ...]:
    """Report what is kept, copied and lost. A stack in review has no resources."""
    if stack.in_review:
        return ()
    ids = physical_ids(run.aws, stack.arn)
    if template is None or ids is None:
        run.warn("cannot determine which resources the stack keeps: its template or its resources cannot be read")
        return ()
    resources = data_resources(template, ids)
    for fate, label in (("kept", "kept"), ("snapshot", "copied to a snapshot, then deleted")):
        for resource in resources:
            if resource.fate == fate:
                run.tell(NoticeIssued(label, resource.text))
    for resource in resources:
        if resource.fate == "deleted":
            run.warn(f"deleted with {resource.content}: {resource.text}")
    return resources


def _confirm(run: Run, options: Options, stack: Snapshot, lost: list[DataResource]) -> None:
    """Raise Stop (exit 3) unless the deletion, and the loss of data, are confirmed."""
    command = run.target.command("delete", yes=True, force=options.force, unprotect=options.unprotect)
    lost = [resource for resource in lost if resource.logical_id not in options.allow]
    evidence = tuple(
        Evidence(resource.logical_id, f"{resource.text} would be deleted with its data", run.where(resource.logical_id))
        for resource in lost
    )
    allow = " ".join(f"--allow {resource.logical_id}" for resource in lost)
    question = Question("data", "Delete these with their data?", tuple(resource.text for resource in lost))
    confirm(run, not lost, question, f"{command} {allow}", sentence="data would be lost", evidence=evidence)
    left = " and leave behind what blocks it" if options.force else ""
    confirm(run, options.yes, Question("execute", f"Delete the stack {stack.name}{left}?"), command)


def _follow(
    run: Run, stack: Snapshot, resources: tuple[DataResource, ...], started: Operation, options: Options
) -> Outcome:
    if options.detach:
        raise detached(run, started, "detached (--detach)", by_option=True)
    result = follow(run, started)
    run.running = ""
    if result.status != "DELETE_COMPLETE":
        return _failed(run, stack, result, options)
    kept = [
        f"{event.logical_id} ({event.type} {event.physical_id})"
        for event in leftover_resources(result.events)
        if event.status == "DELETE_SKIPPED"
    ] or [resource.text for resource in resources if resource.fate == "kept"]
    kept = list(dict.fromkeys(kept))
    verb = "left behind" if options.force else "kept"
    count = f"; {len(kept)} resource{'s were' if len(kept) > 1 else ' was'} {verb}" if kept else ""
    evidence = [Evidence("kept", text) for text in kept]
    ways = {
        resource.type: resource.taken_over for resource in resources if resource.fate == "kept" and resource.taken_over
    }
    evidence += [Evidence(type, way) for type, way in ways.items()]
    return Outcome(Exit.DONE, f"the stack {stack.name} is deleted{count}", tuple(evidence))


def _failed(run: Run, stack: Snapshot, result: OperationResult, options: Options) -> Outcome:
    blocking = blockers(result.events)
    evidence = [
        Evidence(f"{event.logical_id} ({event.type})", f"{event.status}: {event.reason}", run.where(event.logical_id))
        for event in blocking
    ]
    help = (record_of(type).before_deletion for type in dict.fromkeys(event.type for event in blocking))
    evidence += [Evidence("help", text) for text in help if text]
    if blocking:
        reason = f"{blocking[0].logical_id} blocks the deletion"
    else:
        reason = result.reason or f"its status is {result.status}"
    return Outcome(
        Exit.NEEDS_RECOVERY if result.status == "DELETE_FAILED" else Exit.FAILED,
        f"the stack {stack.name} could not be deleted: {reason}",
        tuple(evidence),
        (
            run.target.command("delete", unprotect=options.unprotect),
            run.target.command("delete", force=True, unprotect=options.unprotect),
            run.target.command("diagnose"),
        ),
    )
