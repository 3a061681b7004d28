"""What the template adds to a known reason: numbers, the egress route, the role's permissions. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from fsdcf.aws_errors import denial_in
from fsdcf.cloudformation.ecr import ADDRESS, create_command
from fsdcf.cloudformation.evaluation import is_known
from fsdcf.cloudformation.iam import Decision, IamStatement, allowing_statements, decide
from fsdcf.cloudformation.partitions import endpoint_name, partition_of
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
from fsdcf.cloudformation.types import ec2, ecs, iam
from fsdcf.suggested import suggested, words_of

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
    check as a program with arguments. Times are seconds, ``memory`` is MiB.
    """

    port: int | None = None
    memory: str = ""
    architecture: str = "x86_64"
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

    def allows(self, action: str, resource: str = "") -> Decision | None:
        """What the execution role's statements say of the action, on the resource if its ARN is known.

        None if they are unknown.
        """
        return None if self.statements is None else decide(self.statements, action, resource)


def context_of(template: Mapping[str, Any] | None, service: str = "Service") -> DiagnosisContext:
    """The context of the service with this logical ID; empty for a template that cannot be read."""
    try:
        stack = planned(template or {})
    except PlanError:
        return DiagnosisContext()
    properties = _properties(stack, service)
    definition = _properties(stack, target_of(properties.get("TaskDefinition")))
    balancer = mapping(next(iter(items(properties.get("LoadBalancers"))), None))
    containers = map(mapping, items(definition.get("ContainerDefinitions")))
    container = ecs.main_container(containers, _text(balancer.get("ContainerName"))) or {}
    command = items(mapping(container.get("HealthCheck")).get("Command"))
    group = _properties(stack, target_of(balancer.get("TargetGroupArn")))
    ports = (mapping(one).get("ContainerPort") for one in items(container.get("PortMappings")))
    numbers = map(whole_number, (balancer.get("ContainerPort"), *ports))
    return DiagnosisContext(
        port=next((number for number in numbers if number is not None), None),
        memory=_text(definition.get("Memory")),
        architecture=(_text(mapping(definition.get("RuntimePlatform")).get("CpuArchitecture")) or "X86_64").lower(),
        path=_text(group.get("HealthCheckPath")),
        codes=_text(mapping(group.get("Matcher")).get("HttpCode")),
        interval=_text(group.get("HealthCheckIntervalSeconds")),
        timeout=_text(group.get("HealthCheckTimeoutSeconds")),
        unhealthy=_text(group.get("UnhealthyThresholdCount")),
        grace=_text(properties.get("HealthCheckGracePeriodSeconds")),
        container_check=" ".join(_text(word) for word in command if word not in ("CMD", "CMD-SHELL")),
        check_words=_words(command),
        route=_route(stack, properties),
        endpoints=tuple(sorted(_endpoints(stack))),
        statements=_role_statements(stack, target_of(definition.get("ExecutionRoleArn"))),
    )


def _properties(stack: PlannedStack, name: str | None) -> Mapping[str, Any]:
    resource = stack.resources.get(name or "")
    return resource.properties if resource is not None else {}


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
    """The interface endpoints by their services (``ecr.api`` for ``com.amazonaws.REGION.ecr.api``)."""
    endpoints = (one.properties for one in stack.of(ec2.VPC_ENDPOINT))
    names = [text_of(one.get("ServiceName")) for one in endpoints if one.get("VpcEndpointType") == "Interface"]
    return set(map(endpoint_name, names))


def _role_statements(stack: PlannedStack, role: str | None) -> tuple[IamStatement, ...] | None:
    resource = stack.resources.get(role or "")
    if resource is None or resource.type != iam.ROLE or resource.properties.get("ManagedPolicyArns"):
        return None
    documents = [mapping(one).get("PolicyDocument") for one in items(resource.properties.get("Policies"))]
    for policy in stack.of(iam.POLICY, iam.ROLE_POLICY):
        if role in map(target_of, (policy.properties.get("RoleName"), *items(policy.properties.get("Roles")))):
            documents.append(policy.properties.get("PolicyDocument"))
    return allowing_statements(documents)


@dataclass(frozen=True)
class Refinement:
    """A clause to add to the cause, and a replacement for the reason's advice, key or command; empty: none."""

    clause: str = ""
    advice: str = ""
    key: str = ""
    command: str = ""


Refine = Callable[[DiagnosisContext, "re.Match[str]"], Refinement]
"""Refines a reason by the context and the words that its pattern matched."""

_ECR = re.compile(ADDRESS + r"(?P<name>[^\s:@'\"]+)(?:[:@](?P<tag>[\w.:-]*\w))?")
_REFERENCE = re.compile(r"(?:ref|image) [\"']?(?P<whole>[\w.-]+(?:[/:@][\w.-]+)+)")
_SECRET = re.compile(
    r"(?:fetch secret|secret with ARN) '?(?P<secret>arn:[^\s']+?)(?:[.,:']*(?=\s|$))"
    r"|invalid (?:ssm )?parameters: (?P<parameter>[\w./-]+)"
)
_ECS_NAMES = {"secretsmanager": "asm", "ssm": "ssm"}
"""ECS's name of a service in ``unable to retrieve secret from asm``, by the service's endpoint."""


def _ecr_command(operation: str, ecr: re.Match[str]) -> str:
    where = f"--registry-id {ecr['account']} --region {ecr['region']} --repository-name {ecr['name']}"
    return f"aws ecr {operation} {where}"


def refine_image(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The image that was requested, and the command that looks for it."""
    ecr = _ECR.search(match.string)
    if ecr is not None and ecr["tag"]:
        kind = "imageDigest" if ecr["tag"].startswith("sha256:") else "imageTag"
        command = f"{_ecr_command('describe-images', ecr)} --image-ids {kind}={ecr['tag']}"
        return Refinement(f"({ecr['name']}:{ecr['tag']})", command=command)
    other = _REFERENCE.search(match.string)
    return _named(other and other["whole"], "docker manifest inspect")


def refine_repository(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The repository that does not exist, and the command that creates it in its region."""
    ecr = _ECR.search(match.string)
    if ecr is None:
        return Refinement()
    return Refinement(f"({ecr['name']})", command=create_command(ecr["name"], ecr["region"]))


def refine_permission(*actions: str, key: str = "service.executionRole.statements", show: str = "") -> Refine:
    """Whether the template's execution role allows the actions on the resource that was refused.

    ``show`` is a command that describes the resource; its ARN is appended if it is known.
    """

    def refine(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
        refused = _refused_actions(actions, match.string)
        resource = next((arn for _, arn in refused if arn.startswith("arn:")), "")
        clause, advice = _other_policy(match.string) or _judge_role(context, refused, match.string)
        return Refinement(clause, advice, key, f"{show} {resource}" if show and resource else "")

    return refine


def _refused_actions(actions: tuple[str, ...], text: str) -> tuple[tuple[str, str], ...]:
    """The refused actions, each with the ARN of its resource, empty if that is unknown.

    The token for ECR has no resource: its statement must be for ``*``.
    """
    denial = denial_in(text)
    if denial is not None:
        return ((denial.action, denial.resource if denial.resource.startswith(("arn:", "*")) else ""),)
    ecr, repository = _ECR.search(text), ""
    if ecr is not None:
        region = ecr["region"]
        repository = f"arn:{partition_of(region)}:ecr:{region}:{ecr['account']}:repository/{ecr['name']}"
    return tuple(
        (action, "*" if action == "ecr:GetAuthorizationToken" else repository if action.startswith("ecr:") else "")
        for action in actions
    )


def _other_policy(text: str) -> tuple[str, str] | None:
    """Clause and advice if AWS names another policy than that of the role."""
    denial = denial_in(text)
    if denial is not None and (denial.explicit or denial.policy not in ("", "identity-based policy")):
        return f": {denial.why}", denial.advice
    return None


def _judge_role(context: DiagnosisContext, refused: tuple[tuple[str, str], ...], text: str) -> tuple[str, str]:
    answers = [(action, resource, context.allows(action, resource)) for action, resource in refused]
    lacking = [action for action, _, result in answers if result == "none"]
    if lacking:
        return f": the execution role has no statement for {' and '.join(lacking)}", f"allow {', '.join(lacking)}"
    if context.statements is None:
        return ": the execution role is not in the template, so its statements are unknown", ""
    for action, resource, result in answers:
        if result == "elsewhere":
            return (
                f": the execution role's statement for {action} is for other resources than {resource}",
                f"allow {action} for {resource}",
            )
    if "no identity-based policy allows" in text:
        return (
            ": the template's execution role has the statement, but AWS finds none in the role",
            "compare the role with the template (drift), and redeploy: a new role takes some seconds to take effect",
        )
    return (
        ": the execution role has the statement, so something else blocks it",
        "check the resource's own policy, its KMS key, the permissions boundary, and whether it is in another account",
    )


def refine_image_permission(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """Whether the role may pull the image, and the command that shows the policy of the repository."""
    actions = ("ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    refinement = refine_permission(*actions)(context, match)
    ecr = _ECR.search(match.string)
    return refinement if ecr is None else replace(refinement, command=_ecr_command("get-repository-policy", ecr))


def refine_secret(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The secret or parameter that was requested, and the command that looks for it."""
    named = _SECRET.search(match.string)
    if named is not None and named["parameter"]:
        return _named(named["parameter"], "aws ssm get-parameter --name")
    return _named(named and named["secret"], "aws secretsmanager describe-secret --secret-id")


def _named(name: str | None, command: str) -> Refinement:
    """The resource that AWS's words name, and the command that looks for it; nothing if they name none."""
    return Refinement(f"({name})", command=f"{command} {shlex.quote(name)}") if name else Refinement()


def refine_file_system(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The file system that could not be mounted, and the command that shows its mount targets."""
    named = re.search(r"\bfs-[0-9a-f]{8,17}\b", match.string)
    return _named(named and named[0], "aws efs describe-mount-targets --file-system-id")


def refine_network(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The command that lists the subnets, if a subnet is missing."""
    subnets = "aws ec2 describe-subnets --query 'Subnets[].[SubnetId,VpcId]'"
    return Refinement(command=subnets if "Subnet" in match[1] else "")


def refine_route(*endpoints: str) -> Refine:
    """Whether the template gives the tasks a route to an AWS service: public addresses, NAT or endpoints.

    ``endpoints`` are those of the service; if they belong to several services, the requested one counts.
    """

    def refine(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
        requested = [
            name
            for name in endpoints
            if re.search(rf"from {_ECS_NAMES.get(name, name)}|\b{re.escape(name)}\.", match.string)
        ]
        missing = [name for name in (requested or endpoints) if name not in context.endpoints]
        if context.route == "none" or (context.route == "endpoints" and missing):
            lacking = f"neither NAT nor a public address, and no endpoint for {', '.join(missing) or 'it'}"
            return Refinement(
                f": the tasks have no route to it: {lacking}",
                "give the tasks an egress route: `nat: single`, or list the endpoints",
                "service.networking.vpc.nat",
            )
        if context.route == "foreign":
            return Refinement(
                ": the subnets are not in the stack, so their routes are unknown",
                "give the subnets a default route to a NAT gateway, or endpoints, or set assignPublicIp in public ones",
                "service.networking.vpc.privateSubnets",
            )
        if context.route in ("nat", "public"):
            by = "a NAT gateway" if context.route == "nat" else "public addresses"
            return Refinement(
                f": the tasks have {by}, so the template's routes are complete",
                "the route exists: check network ACLs, the DNS of the VPC and the host name, and try again",
                "service.networking.vpc",
            )
        return Refinement()

    return refine


def refine_memory(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The task's memory."""
    return Refinement(f"({context.memory} MiB)") if context.memory else Refinement()


def refine_health_check(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The load balancer's request, the codes that it expects, and its timing."""
    if not context.path:
        return Refinement()
    port = f" on port {context.port}" if context.port else ""
    codes = f" and expects {context.codes}" if context.codes else ""
    numbers = [
        f"{context.unhealthy} failures, {context.interval} s apart" if context.unhealthy and context.interval else "",
        f"a timeout of {context.timeout} s" if context.timeout else "",
        f"a grace period of {context.grace} s" if context.grace else "",
    ]
    timing = ", ".join(number for number in numbers if number)
    return Refinement(f"; the check requests {context.path}{port}{codes}{f' ({timing})' if timing else ''}")


def refine_container_check(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The container's check, a program of it that the image may lack, and the command that rehearses the check."""
    if not context.container_check:
        return Refinement()
    tool = re.search(r"\b(curl|wget)\b", context.container_check)
    advice = ""
    if tool:
        advice = (
            f"slim images do not contain {tool[1]}: install it, or write the check with a program of the image, such as"
            " Python or Node"
        )
    command = ""
    if context.check_words:
        url = "http://127.0.0.1:{port}" if context.port else ""
        check = suggested("healthcheck", "{spec}", env="{environment}", url=url)
        words = words_of(container_command=json.dumps(context.check_words))
        command = " ".join((check, *(word.replace("{", "{{").replace("}", "}}") for word in words)))
    return Refinement(f": `{context.container_check}`", advice, command=command)


def refine_architecture(context: DiagnosisContext, match: re.Match[str]) -> Refinement:
    """The processor that the tasks run on."""
    platform = ecs.docker_platform(context.architecture)
    return Refinement(
        f": the tasks run on {context.architecture}", f"build the image for {platform}, or change the architecture"
    )
