"""The kind Service: the parts of its stack in their fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from troposphere import GetAtt, Ref, Sub

from fsdcf.compiler.encryption import admit_services, with_keys
from fsdcf.compiler.kinds import KindCompiler
from fsdcf.compiler.limits import excesses
from fsdcf.compiler.parts.addons import addons
from fsdcf.compiler.parts.alarms import alarms
from fsdcf.compiler.parts.connect import discovery
from fsdcf.compiler.parts.dashboard import dashboard
from fsdcf.compiler.parts.image import image_parameter, release
from fsdcf.compiler.parts.listener_rules import outputs_of_balancer
from fsdcf.compiler.parts.load_balancer import load_balancer
from fsdcf.compiler.parts.logs import router
from fsdcf.compiler.parts.network import interface_endpoints, network_of, security_groups, vpc
from fsdcf.compiler.parts.roles import add_policy, execution_role, role_statements, task_role, without_existing_roles
from fsdcf.compiler.parts.scaling import scaling
from fsdcf.compiler.parts.service import cluster, log_group, service
from fsdcf.compiler.parts.stored_values import with_stored_values
from fsdcf.compiler.parts.task_definition import task_definition
from fsdcf.compiler.parts.telemetry import telemetry
from fsdcf.compiler.stack import (
    TASK_SECURITY_GROUP,
    CompiledTypes,
    Context,
    Names,
    StackPart,
    Template,
    Variable,
    merged_tags,
    template_of,
)
from fsdcf.conventions import ENVIRONMENT_TAG, SERVICE_TAG, TAG_PREFIX
from fsdcf.language.conditions import has_wildcard
from fsdcf.language.model import SERVICE
from fsdcf.language.model.common import owners_tag
from fsdcf.language.model.environment import EnvironmentSpec
from fsdcf.language.model.service import LoadBalancer, Spec
from fsdcf.language.names import dependency_path, local_name

if TYPE_CHECKING:
    from fsdcf.language.addon import Addon


def compile_service(
    spec: Spec,
    environment: str,
    types: CompiledTypes,
    settings: EnvironmentSpec | None = None,
    fragments: tuple[Addon, ...] = (),
) -> Template:
    """The template of a spec without errors. ``settings`` is what the environment's file says, if there is one;
    ``fragments`` are the addons."""
    return whole(folded(PARTS, spec, environment, types, settings, fragments), "an ECS service on Fargate")


def folded(
    parts: Iterable[Callable[[Context], StackPart]],
    spec: Spec,
    environment: str,
    types: CompiledTypes,
    settings: EnvironmentSpec | None,
    fragments: tuple[Addon, ...],
) -> Context:
    """What the parts of a service or a job read, with what they add folded into it."""
    tags = {key: value for key, value in tags_of(spec, environment).items() if not key.startswith(TAG_PREFIX)}
    joined = settings if spec.service.networking.shared else None
    network = network_of(spec.service, joined)
    context = with_keys(Context(spec, environment, network, tags, types, settings, fragments))
    for part in parts:
        context.before.fold(part(context))
    return context


def whole(context: Context, words: str) -> Template:
    """The template of what the parts added; ``words`` say what it is, without a description in the spec."""
    admit_services(context.before)
    without_existing_roles(context)
    name, text = context.spec.metadata.name, context.spec.metadata.description
    description = f"{name} in {context.environment}" + (f": {text}" if text else f", {words}")
    stack = f"{name}-{context.environment}"
    template = template_of(description, context.before, context.tags, stack, context.spec.overrides)
    return with_stored_values(template, context.spec)


def tags_of(spec: Spec, environment: str) -> dict[str, str]:
    """The tags of the stack. None contains a value that changes with each release, such as the image's SHA.

    CloudFormation gives them to every resource that can have tags. The template repeats them, for those who deploy it
    without fsdcf, except the two by which fsdcf recognises its stacks.
    """
    metadata = spec.metadata
    own = {
        SERVICE_TAG: metadata.name,
        ENVIRONMENT_TAG: environment,
        "service": metadata.name,
        "environment": environment,
        "pack": metadata.pack,
        "owners": owners_tag(metadata.owners),
    }
    return merged_tags(own, metadata.tags)


def dependencies(context: Context) -> StackPart:
    """What every dependency adds, with the service's access to it in a policy of its own.

    They are sorted by type and name: their order in the spec does not matter.
    """
    part = StackPart()
    typed = [(context.types[each.type], local_name(each.name), each) for each in context.spec.dependencies]
    for kind, local, dependency in sorted(typed, key=lambda item: (item[0].name, item[1])):
        names = Names(local, dependency_path(kind.name, local))
        grant = kind.compile(dependency, names, context)
        part.fold(grant)
        if grant.statements:
            title = names.id("".join(word.capitalize() for word in kind.category.split("-")) + "Access")
            add_policy(part, title, title, grant.statements, names.origin)
        part.variables |= {name: Variable(text, names.origin) for name, text in grant.environment.items()}
        part.attributes[kind.category, local] = grant.values
    return part


def outputs(context: Context) -> StackPart:
    """What people and other commands need of the stack."""
    part = StackPart()
    balancer = context.service.load_balancer
    if context.shared_balancer is not None:
        part.fold(outputs_of_balancer(context, *context.shared_balancer))
    elif balancer is not None:
        if (url := _url(balancer)) is not None:
            part.output("Url", "Address of the service", url)
        part.output("LoadBalancerDnsName", "DNS name to point a domain to", GetAtt("LoadBalancer", "DNSName"))
        zone = GetAtt("LoadBalancer", "CanonicalHostedZoneID")
        part.output("LoadBalancerZoneId", "Hosted zone of the DNS name, for an alias record in Route 53", zone)
    part.output("TaskSecurityGroupId", "Security group to admit to a database or cluster", TASK_SECURITY_GROUP)
    part.output("ClusterName", "ECS cluster", context.cluster)
    part.output("ReleaseParameter", "SSM parameter with the image that runs", Ref("Release"))
    part.output("ServiceName", "ECS service", GetAtt("Service", "Name"))
    if context.service.observability.logs.enabled:
        part.output("LogGroupName", "Log group of the container", Ref("LogGroup"))
    return part


def _url(balancer: LoadBalancer) -> Any:
    """The address of the service; None where it is not known: no certificate matches a load balancer's DNS name."""
    scheme = "https" if balancer.https else "http"
    if balancer.domain is not None:
        return f"{scheme}://{balancer.domain.name}"
    named = [host for host in balancer.hosts if not has_wildcard(host)]
    if balancer.hosts:
        return f"{scheme}://{named[0].lower()}" if named else None
    return None if balancer.https else Sub("http://${LoadBalancer.DNSName}")


PARTS: tuple[Callable[[Context], StackPart], ...] = (
    image_parameter,
    vpc,
    security_groups,
    interface_endpoints,
    load_balancer,
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
    discovery,
    service,
    release,
    scaling,
    alarms,
    dashboard,
    outputs,
)
"""Each part returns what it adds, and may read what the parts before it added. Their order is that of the template."""

KIND = KindCompiler(SERVICE, compile_service, tags_of, excesses)
