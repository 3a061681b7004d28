"""A spec compiled for one environment: the parts of the stack in their fixed order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from troposphere import GetAtt, Ref, Sub

from fsdcf.compiler.parts.cluster import add_cluster, add_log_group
from fsdcf.compiler.parts.image import add_image, add_release
from fsdcf.compiler.parts.load_balancer import add_load_balancer
from fsdcf.compiler.parts.network import Network, add_interface_endpoints, add_network
from fsdcf.compiler.parts.roles import add_execution_role, add_policy, add_statements, add_task_role
from fsdcf.compiler.parts.scaling import add_scaling
from fsdcf.compiler.parts.secrets import secrets_of
from fsdcf.compiler.parts.security_groups import add_security_groups
from fsdcf.compiler.parts.service import add_service
from fsdcf.compiler.parts.task_definition import add_task_definition, volumes_of
from fsdcf.compiler.parts.telemetry import add_telemetry
from fsdcf.compiler.stack import CompiledTypes, Grant, Names, Origin, Site, Stack, Variable
from fsdcf.compiler.text import Attributes
from fsdcf.conventions import ENVIRONMENT_TAG, SERVICE_TAG
from fsdcf.language.model.service import Spec
from fsdcf.language.names import dependency_path, local_name


@dataclass(frozen=True)
class Template:
    """A CloudFormation template as plain data, and the origin of each resource by logical id."""

    data: Mapping[str, Any]
    origins: Mapping[str, Origin]


def compile_spec(spec: Spec, environment: str, types: CompiledTypes) -> Template:
    """The template of a spec without errors."""
    stack = Stack(_description(spec, environment), tags_of(spec, environment))
    service = spec.service
    add_image(stack)
    network = add_network(stack, service)
    add_security_groups(stack, service, network)
    endpoints = add_interface_endpoints(stack, service, network)
    listeners = add_load_balancer(stack, service, network)
    add_cluster(stack)
    add_log_group(stack, service)
    add_task_role(stack, spec)
    grants, attributes, policies = _dependencies(stack, spec, _site(spec, environment, network), types)
    telemetry = add_telemetry(stack, spec, environment)
    secrets = secrets_of(service)
    policies += add_execution_role(stack, spec, secrets, attributes)
    policies += add_statements(stack, "TaskRole", service.task_role.statements, attributes)
    variables = {name: Variable(text) for name, text in telemetry.environment.items()}
    for grant in grants:
        variables |= {name: Variable(text, grant.origin) for name, text in grant.environment.items()}
    mounts = [mount for grant in grants for mount in grant.mounts] + volumes_of(spec, grants)
    add_task_definition(stack, spec, environment, variables, secrets, mounts, telemetry.containers, attributes)
    waits = [
        *network.routes,
        *endpoints,
        *listeners,
        *policies,
        *telemetry.waits,
        *(one for grant in grants for one in grant.waits),
    ]
    if service.port is not None:
        waits.append("TaskIngressFromLoadBalancer")
    add_service(stack, spec, network, waits, any(grant.single_writer for grant in grants))
    add_release(stack, spec)
    add_scaling(stack, service.auto_scaling)
    _outputs(stack, spec)
    return Template(stack.data(), stack.origins)


def tags_of(spec: Spec, environment: str) -> dict[str, str]:
    """The tags of every resource. None ever holds what changes by itself, such as the image's SHA.

    The spec's own take the place of ours whatever their case: IAM refuses a role with `environment` and `Environment`.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
    """
    metadata = spec.metadata
    owners = metadata.owners if isinstance(metadata.owners, str) else " ".join(metadata.owners)
    own = {
        SERVICE_TAG: metadata.name,
        ENVIRONMENT_TAG: environment,
        "service": metadata.name,
        "environment": environment,
        "pack": metadata.pack,
        "owners": owners,
    }
    taken = {key.lower() for key in metadata.tags}
    kept = {key: value for key, value in own.items() if key not in taken}
    return {key: value for key, value in {**kept, **metadata.tags}.items() if value}


def _description(spec: Spec, environment: str) -> str:
    lead = f"{spec.metadata.name} in {environment}"
    return f"{lead}: {spec.metadata.description}" if spec.metadata.description else f"{lead}, an ECS service on Fargate"


def _site(spec: Spec, environment: str, network: Network) -> Site:
    return Site(
        spec=spec,
        environment=environment,
        service=spec.metadata.name,
        vpc=network.vpc,
        task_subnets=network.task_subnets,
        task_security_group=GetAtt("TaskSecurityGroup", "GroupId"),
        task_role_arn=GetAtt("TaskRole", "Arn"),
    )


def _dependencies(
    stack: Stack, spec: Spec, site: Site, types: CompiledTypes
) -> tuple[list[Grant], Attributes, tuple[str, ...]]:
    """Every dependency's resources, by type and name whatever their order; its access in a policy of its own."""
    grants: list[Grant] = []
    attributes: dict[tuple[str, str], Mapping[str, str]] = {}
    policies: tuple[str, ...] = ()
    for dependency in sorted(spec.dependencies, key=lambda one: (types[one.type].name, local_name(one.name))):
        kind = types[dependency.type]
        local = local_name(dependency.name)
        names = Names(local, dependency_path(kind.name, local))
        grant: Grant = kind.compile(dependency, names, site, stack)
        if grant.statements:
            title = names.id("".join(word.capitalize() for word in kind.category.split("-")) + "Access")
            policies += add_policy(stack, title, title, "TaskRole", grant.statements, names.origin)
        grants.append(replace(grant, origin=names.origin))
        attributes[(kind.category, local)] = grant.attributes
    return grants, attributes, policies


def _outputs(stack: Stack, spec: Spec) -> None:
    balancer = spec.service.load_balancer
    if balancer is not None:
        scheme = "https" if balancer.certificate_arn else "http"
        stack.output("Url", "Address of the service", Sub(f"{scheme}://${{LoadBalancer.DNSName}}"))
    stack.output("ClusterName", "ECS cluster", Ref("Cluster"))
    stack.output("ReleaseParameter", "SSM parameter with the image that runs", Ref("Release"))
    stack.output("ServiceName", "ECS service", GetAtt("Service", "Name"))
    if spec.service.observability.logs.enabled:
        stack.output("LogGroupName", "Log group of the container", Ref("LogGroup"))
