"""The kind Job: the parts that a service's task has, and those that start it and look after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from troposphere import Join, Ref

from fsdcf.compiler.kinds import KindCompiler
from fsdcf.compiler.limits import excesses
from fsdcf.compiler.parts.addons import addons
from fsdcf.compiler.parts.alarms import alarms
from fsdcf.compiler.parts.image import image_parameter, release
from fsdcf.compiler.parts.logs import router
from fsdcf.compiler.parts.network import interface_endpoints, security_groups, vpc
from fsdcf.compiler.parts.roles import execution_role, role_statements, task_role
from fsdcf.compiler.parts.schedule import dead_letters, schedule, state_machine
from fsdcf.compiler.parts.service import cluster, log_group, public_address, task_groups
from fsdcf.compiler.parts.task_definition import task_definition
from fsdcf.compiler.parts.telemetry import telemetry
from fsdcf.compiler.service import dependencies, folded, tags_of, whole
from fsdcf.compiler.stack import TASK_SECURITY_GROUP, CompiledTypes, Context, Origin, StackPart, Template
from fsdcf.conventions import DEFINITION_OUTPUT
from fsdcf.language.model import JOB, SERVICE
from fsdcf.language.model.environment import EnvironmentSpec
from fsdcf.language.model.job import JobSpec

if TYPE_CHECKING:
    from fsdcf.language.addon import Addon


def compile_job(
    spec: JobSpec,
    environment: str,
    types: CompiledTypes,
    settings: EnvironmentSpec | None = None,
    fragments: tuple[Addon, ...] = (),
) -> Template:
    """The template of a job without errors. ``settings`` is what the environment's file says, if there is one;
    ``fragments`` are the addons."""
    context = folded(PARTS, spec, environment, types, settings, fragments)
    origins = context.before.origins
    context.before.origins = {title: _of_job(origin) for title, origin in origins.items()}
    return whole(context, "a job on Fargate")


def outputs(context: Context) -> StackPart:
    """What people and other commands need of the stack: `fsdcf run` starts a task by them."""
    part = StackPart()
    part.output("TaskSecurityGroupId", "Security group to admit to a database or cluster", TASK_SECURITY_GROUP)
    part.output("ClusterName", "ECS cluster", context.cluster)
    part.output("ReleaseParameter", "SSM parameter with the image that runs", Ref("Release"))
    part.output(DEFINITION_OUTPUT, "Task definition of the job", Ref("TaskDefinition"))
    part.output("TaskPublicAddress", "Whether the task gets a public address", public_address(context))
    part.output("TaskSubnetIds", "Subnets of the task", Join(",", list(context.network.task_subnets)))
    part.output("TaskSecurityGroupIds", "Security groups of the task", Join(",", task_groups(context)))
    if context.service.observability.logs.enabled:
        part.output("LogGroupName", "Log group of the container", Ref("LogGroup"))
    return part


def _of_job(origin: Origin) -> Origin:
    """An origin with the keys of a job: the parts name those of a service."""
    sources: Mapping[tuple[str | int, ...], str] = {at: _renamed(path) for at, path in origin.sources.items()}
    return replace(origin, path=_renamed(origin.path), sources=sources)


def _renamed(path: str) -> str:
    head, dot, rest = path.partition(".")
    return f"{JOB.block}{dot}{rest}" if head == SERVICE.block else path


PARTS: tuple[Callable[[Context], StackPart], ...] = (
    image_parameter,
    vpc,
    security_groups,
    interface_endpoints,
    cluster,
    log_group,
    addons,
    task_role,
    dependencies,
    telemetry,
    router,
    execution_role,
    role_statements,
    task_definition,
    dead_letters,
    state_machine,
    schedule,
    alarms,
    release,
    outputs,
)
"""Each part returns what it adds, and may read what the parts before it added. Their order is that of the template."""

KIND = KindCompiler(JOB, compile_job, tags_of, excesses)
