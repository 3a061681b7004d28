"""What the template says of a service whose failure is explained: numbers, the egress route, permissions. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fsdcf.cloudformation.evaluation import is_known
from fsdcf.cloudformation.iam import Decision, IamStatement, allowing_statements, decide
from fsdcf.cloudformation.partitions import endpoint_name
from fsdcf.cloudformation.planned import (
    PlanError,
    PlannedStack,
    items,
    mapping,
    planned,
    target_of,
    text_of,
    whole_number,
)
from fsdcf.cloudformation.secrets import NamedSecret, named_secrets
from fsdcf.cloudformation.types import ec2, ecs, iam
from fsdcf.conventions import DEFINITION_OUTPUT

Route = Literal["public", "nat", "endpoints", "none", "foreign", "unknown"]

NEEDED_ENDPOINTS = ("ecr.api", "ecr.dkr", "logs")
"""The interface endpoints that a task without another route needs, beside the gateway endpoint for S3.
Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html"""


@dataclass(frozen=True)
class DiagnosisContext:
    """What the template says of a service. None or empty: it does not say.

    ``route`` is how the tasks reach AWS: by public addresses, NAT, interface endpoints, or not at all; ``foreign``: the
    subnets are not in the template, so that their routes are unknown. ``statements`` are those of the execution role;
    None if the role is not in the template, or has policies from elsewhere. ``check_words`` is the container's health
    check as a program with arguments, ``checked_port`` the port that the load balancer checks. ``credentials``: ECS
    pulls the image with the credentials in a secret. ``proxy``: the tasks have the proxy of Service Connect.
    ``secrets`` are those that the template names. Times are seconds, ``memory`` is MiB. ``job``: tasks end by
    themselves, and the keys of the spec are below ``job``.
    """

    port: int | None = None
    checked_port: int | None = None
    memory: str = ""
    architecture: str = ""
    path: str = ""
    codes: str = ""
    interval: str = ""
    timeout: str = ""
    unhealthy: str = ""
    grace: str = ""
    container_check: str = ""
    check_words: tuple[str, ...] = ()
    route: Route = "unknown"
    endpoints: tuple[str, ...] = ()
    statements: tuple[IamStatement, ...] | None = None
    credentials: bool = False
    proxy: bool = False
    secrets: tuple[NamedSecret, ...] = ()
    job: bool = False

    def allows(self, action: str, resource: str = "") -> Decision | None:
        """What the execution role's statements say of the action, on the resource if its ARN is known.

        None if they are unknown.
        """
        return None if self.statements is None else decide(self.statements, action, resource)


def context_of(template: Mapping[str, Any] | None, service: str = "Service", container: str = "") -> DiagnosisContext:
    """The context of the service with this logical ID, and of one of its containers, by default the main one; empty for
    a template that cannot be read."""
    try:
        stack = planned(template or {})
    except PlanError:
        return DiagnosisContext()
    job = DEFINITION_OUTPUT in ((template or {}).get("Outputs") or {})
    properties = _run_properties(stack) if job else _properties(stack, service)
    definition = _properties(stack, target_of(properties.get("TaskDefinition")))
    balancer = mapping(next(iter(items(properties.get("LoadBalancers"))), None))
    containers = [mapping(one) for one in items(definition.get("ContainerDefinitions"))]
    main = ecs.main_container(containers, _text(definition.get("Family"))) or {}
    chosen = next((one for one in containers if container and one.get("Name") == container), main)
    command = items(mapping(chosen.get("HealthCheck")).get("Command"))
    group = _properties(stack, target_of(balancer.get("TargetGroupArn")))
    ports = (mapping(one).get("ContainerPort") for one in items(chosen.get("PortMappings")))
    numbers = map(whole_number, (balancer.get("ContainerPort"), *ports))
    port, matcher = next((number for number in numbers if number is not None), None), mapping(group.get("Matcher"))
    return DiagnosisContext(
        port=port,
        checked_port=whole_number(group.get("HealthCheckPort")) or port,
        memory=_text(definition.get("Memory")),
        architecture=_architecture(definition),
        path=_text(group.get("HealthCheckPath")),
        codes=_text(matcher.get("HttpCode") or matcher.get("GrpcCode")),
        interval=_text(group.get("HealthCheckIntervalSeconds")),
        timeout=_text(group.get("HealthCheckTimeoutSeconds")),
        unhealthy=_text(group.get("UnhealthyThresholdCount")),
        grace=_text(properties.get("HealthCheckGracePeriodSeconds")),
        container_check=" ".join(_text(word) for word in command if word not in ("CMD", "CMD-SHELL")),
        check_words=_words(command),
        route=_route(stack, properties),
        endpoints=tuple(sorted(_endpoints(stack))),
        credentials=bool(chosen.get("RepositoryCredentials")),
        proxy=service in stack.resources and ecs.uses_connect(stack.resources[service]),
        secrets=named_secrets(template or {}),
        statements=_role_statements(stack, target_of(definition.get("ExecutionRoleArn"))),
        job=job,
    )


def _run_properties(stack: PlannedStack) -> Mapping[str, Any]:
    """What a run of a job has in common with a service: its task definition and its network, by what starts it."""
    return next((run.arguments for run in ecs.runs_of(stack)), {})


def _properties(stack: PlannedStack, name: str | None) -> Mapping[str, Any]:
    resource = stack.resources.get(name or "")
    return resource.properties if resource is not None else {}


def _architecture(definition: Mapping[str, Any]) -> str:
    named = _text(mapping(definition.get("RuntimePlatform")).get("CpuArchitecture"))
    return (named or "X86_64").lower() if definition else ""


def _text(value: Any) -> str:
    """A value as text; empty if a part of it is only known once the stack exists."""
    return text_of(value) if is_known(value) and not isinstance(value, Mapping | list) else ""


def _words(command: Sequence[Any]) -> tuple[str, ...]:
    """The program and its arguments; empty if only CloudFormation knows a part."""
    kind, *words = [_text(word) for word in command] or [""]
    if not words or kind not in ("CMD", "CMD-SHELL") or not all(words) or any("${AWS::" in word for word in words):
        return ()
    return ("/bin/sh", "-c", " ".join(words)) if kind == "CMD-SHELL" else tuple(words)


def _route(stack: PlannedStack, service: Mapping[str, Any]) -> Route:
    network = mapping(mapping(service.get("NetworkConfiguration")).get("AwsvpcConfiguration"))
    subnets = items(network.get("Subnets"))
    if not subnets:
        return "unknown"
    own = [subnet.name for subnet in (stack.named(one, ec2.SUBNET) for one in subnets) if subnet is not None]
    if len(own) < len(subnets):
        return "foreign"
    routes = [_default_route(stack, name) for name in own]
    if network.get("AssignPublicIp") == "ENABLED" and all("GatewayId" in route for route in routes):
        return "public"
    if all("NatGatewayId" in route for route in routes):
        return "nat"
    return "endpoints" if set(NEEDED_ENDPOINTS) <= _endpoints(stack) else "none"


def _default_route(stack: PlannedStack, subnet: str) -> Mapping[str, Any]:
    """The properties of the default route of a subnet; empty without one."""
    associations = (one.properties for one in stack.of(ec2.ROUTE_TABLE_ASSOCIATION))
    tables = {target_of(one.get("RouteTableId")) for one in associations if target_of(one.get("SubnetId")) == subnet}
    routes = ec2.default_routes(stack)
    return next((route.properties for route in routes if route.target("RouteTableId") in tables), {})


def _endpoints(stack: PlannedStack) -> set[str]:
    """The endpoints by their services (``ecr.api`` for ``com.amazonaws.REGION.ecr.api``)."""
    return {endpoint_name(text_of(one.properties.get("ServiceName"))) for one in stack.of(ec2.VPC_ENDPOINT)}


def _role_statements(stack: PlannedStack, role: str | None) -> tuple[IamStatement, ...] | None:
    resource = stack.resources.get(role or "")
    if resource is None or resource.type != iam.ROLE or resource.properties.get("ManagedPolicyArns"):
        return None
    documents = [mapping(one).get("PolicyDocument") for one in items(resource.properties.get("Policies"))]
    for policy in stack.of(iam.POLICY, iam.ROLE_POLICY):
        if role in map(target_of, (policy.properties.get("RoleName"), *items(policy.properties.get("Roles")))):
            documents.append(policy.properties.get("PolicyDocument"))
    return allowing_statements(documents)
