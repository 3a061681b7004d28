"""The stack and the ECS service that an operation works on, and the confirmation before it changes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fsdcf.conventions import DEFINITION_OUTPUT
from fsdcf.deploy.aws import ApiError, Aws, AwsError, Expired
from fsdcf.deploy.ecs.service import EcsService, cluster_and_name, describe_service
from fsdcf.deploy.model import INTERRUPTS, Evidence, Exit, Question, Target, Terminated
from fsdcf.deploy.run import Run, Stop, describe_error, stop
from fsdcf.deploy.schedules import is_job
from fsdcf.deploy.state import Snapshot, absent, required_ids, snapshot, template_in, while_running

_OUTPUTS = {"Cluster": "ClusterName", "Service": "ServiceName", "LogGroup": "LogGroupName"}
"""The stack outputs with the names of resources, by logical id."""


@dataclass(frozen=True)
class RunningService:
    """An active ECS service with its stack. Calls identify it by ``cluster`` and ``name``.

    The tasks of a job belong to no service: its ``name`` is empty, and of ``ecs`` only what a task needs is known.
    """

    stack: Snapshot
    cluster: str
    name: str
    ecs: EcsService


def existing_stack(target: Target, aws: Aws) -> Snapshot:
    """The stack of a target. Raises Stop (exit 2) if it does not exist."""
    stack = snapshot(aws, target.stack)
    if stack is None or stack.status == "DELETE_COMPLETE":
        raise Stop(absent(target, aws))
    return stack


def managed_stack(run: Run) -> Snapshot:
    """The stack of a target. Raises Stop: exit 2 if it does not exist, exit 3 if its tags name another service."""
    stack = existing_stack(run.target, run.aws)
    check_managed(stack, run.target, run.target.command("status"))
    return stack


def check_managed(stack: Snapshot, target: Target, next: str) -> None:
    """Raise Stop (exit 3) if the tags of a stack do not name the service and the environment."""
    if not stack.belongs_to(target):
        raise stop(
            Exit.REFUSED,
            f"the stack {stack.name} is not managed by fsdcf: its tags fsdcf:service and fsdcf:environment are not"
            f" {target.service} and {target.environment}",
            next,
        )


def idle_stack(run: Run) -> Snapshot:
    """The managed stack. Raises Stop (exit 5) while a CloudFormation operation is in progress."""
    stack = managed_stack(run)
    if stack.running:
        sentence = f"an operation is in progress on the stack {stack.name}: {stack.status}"
        raise stop(Exit.BUSY, sentence, *while_running(stack, run.target))
    return stack


def resource_names(stack: Snapshot, aws: Aws) -> Mapping[str, str]:
    """The physical names of Cluster, Service and LogGroup; empty if the stack does not have one (yet).

    Outputs exist once the stack has been complete; before that the names are read from its resources, with one call.
    Raises the errors of that call.
    """
    names = {name: stack.outputs.get(output, "") for name, output in _OUTPUTS.items()}
    if names["Cluster"] and (names["Service"] or is_job(stack)):
        return names
    physical = required_ids(aws, stack.arn)
    return {name: value or physical.get(name, "") for name, value in names.items()}


def whole_template(run: Run, stack: Snapshot) -> Mapping[str, Any]:
    """The deployed template, for what deploys it again. Raises Stop (exit 1) if it is not valid, and AWS's errors."""
    answer = run.aws.call("cloudformation", "GetTemplate", StackName=stack.arn, TemplateStage="Original")
    template = template_in(answer)
    if template is None:
        sentence = "the deployed template cannot be read: it is not valid"
        raise stop(Exit.FAILED, sentence, run.target.command("status"))
    return template


def find_tasks(run: Run, stack: Snapshot) -> RunningService:
    """What starts the tasks of a stack: its ECS service, or, for a job, its task definition alone. Raises Stop (exit 2)
    if there is neither, and the errors of DescribeServices."""
    return job_tasks(stack) if is_job(stack) else find_service(run, stack)


def job_tasks(stack: Snapshot) -> RunningService:
    """What the tasks of a job have in common, from the outputs of its stack."""
    outputs = stack.outputs
    network = {
        "subnets": outputs.get("TaskSubnetIds", "").split(","),
        "securityGroups": outputs.get("TaskSecurityGroupIds", "").split(","),
        "assignPublicIp": outputs.get("TaskPublicAddress", "DISABLED"),
    }
    raw = {"networkConfiguration": {"awsvpcConfiguration": network}}
    ecs = EcsService("", "ACTIVE", outputs[DEFINITION_OUTPUT], raw=raw)
    return RunningService(stack, outputs.get("ClusterName", ""), "", ecs)


def find_service(run: Run, stack: Snapshot) -> RunningService:
    """The ECS service of a stack. Raises Stop (exit 2) if none is active, and the errors of DescribeServices."""
    if is_job(stack):
        sentence = f"{stack.name} is a job: no ECS service keeps tasks of it running; each run starts a new one"
        raise stop(Exit.USAGE, sentence, run.target.command("run"), run.target.command("status"))
    names, next = resource_names(stack, run.aws), run.target.command("status")
    cluster, name = names["Cluster"], cluster_and_name(names["Service"])[1]
    if not (cluster and name):
        raise stop(Exit.USAGE, f"the stack {stack.name} has no ECS service: its status is {stack.status}", next)
    service = describe_service(run.aws, cluster, name)
    if service is None or service.status not in ("ACTIVE", ""):  # an emulator may not tell it
        state = "it does not exist" if service is None else f"its status is {service.status}"
        raise stop(Exit.USAGE, f"the service {name} is not running: {state}", next)
    return RunningService(stack, cluster, name, service)


def confirm(
    run: Run,
    agreed: bool,
    question: Question,
    *commands: str,
    sentence: str = "confirmation is required: nothing was changed",
    evidence: tuple[Evidence, ...] = (),
) -> None:
    """Ask a person unless an option has ``agreed``. Raises Stop (exit 3) without agreement.

    ``commands`` and ``sentence`` are the outcome without a terminal to ask.
    """
    if agreed:
        return
    if run.ask is None:
        raise stop(Exit.REFUSED, sentence, *commands, evidence=evidence)
    if not run.agrees(question):
        raise stop(Exit.REFUSED, "not confirmed: nothing was changed", run.target.command("status"))


@contextmanager
def detach_on_error(detached: Callable[[Exit, str, tuple[Evidence, ...]], Stop]) -> Iterator[None]:
    """Raise the Stop of ``detached`` (exit code, reason, evidence) after an interrupt or an error of AWS.

    What is followed continues on AWS.
    """
    try:
        yield
    except Terminated as terminated:
        raise detached(Exit.UNKNOWN, f"terminated ({terminated.signal})", ()) from None
    except INTERRUPTS:
        raise detached(Exit.INTERRUPTED, "interrupted", ()) from None
    except AwsError as error:
        evidence = (Evidence(f"{error.service}:{error.operation}", error.message),)
        refused = isinstance(error, Expired) or (isinstance(error, ApiError) and error.denied)
        reason = describe_error(error) if refused else "AWS no longer answers"
        raise detached(Exit.UNKNOWN, reason, evidence) from None
