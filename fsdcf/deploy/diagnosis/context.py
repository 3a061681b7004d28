"""What a template says of its service, as far as a diagnosis needs it: sizes, checks, ways out of the network, permissions. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Answer = Literal["allowed", "elsewhere", "none"]
"""Whether an action is allowed on a resource: yes, on others alone, not at all."""


@dataclass(frozen=True)
class Statement:
    """A statement of a policy that allows something: its actions and its resources. What a template leaves to AWS is a ``*``.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]


def statements_of(documents: Iterable[Any]) -> tuple[Statement, ...]:
    """The allowing statements of policy documents, as templates write them. Actions and resources that are only excluded count as all."""
    found = []
    for document in documents:
        for raw in _listed(document.get("Statement") if isinstance(document, Mapping) else None):
            if isinstance(raw, Mapping) and raw.get("Effect", "Allow") == "Allow":
                actions = [written(one) for one in _listed(raw.get("Action")) or ["*"]]
                resources = [written(one) for one in _listed(raw.get("Resource")) or ["*"]]
                found.append(Statement(tuple(actions), tuple(resources)))
    return tuple(found)


def answer(statements: Sequence[Statement], action: str, resource: str = "") -> Answer:
    """What statements say of an action, on a resource where its ARN is known. A statement under a condition counts as if it held."""
    about = [one for one in statements if any(_matches(pattern.lower(), action.lower()) for pattern in one.actions)]
    if not about:
        return "none"
    here = not resource or any(_matches(pattern, resource) for one in about for pattern in one.resources)
    return "allowed" if here else "elsewhere"


def written(value: Any) -> str:
    """A text of a template with a ``*`` for each part that only AWS knows."""
    if isinstance(value, str):
        return re.sub(r"\$\{[^}]*\}", "*", value)
    if isinstance(value, Mapping) and "Fn::Sub" in value:
        body = value["Fn::Sub"]
        return written(body[0] if isinstance(body, list) and body else body)
    joined = value.get("Fn::Join") if isinstance(value, Mapping) else None
    if isinstance(joined, list) and len(joined) == 2 and isinstance(joined[1], list):
        return str(joined[0]).join(written(one) for one in joined[1])
    return "*"


def _matches(pattern: str, text: str) -> bool:
    """Whether a text is one of those that IAM's pattern stands for."""
    wild = {"*": ".*", "?": "."}
    return re.fullmatch("".join(wild.get(letter, re.escape(letter)) for letter in pattern), text, re.DOTALL) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


Way = Literal["public", "nat", "endpoints", "none", "foreign", "unknown"]

NEEDED_ENDPOINTS = ("ecr.api", "ecr.dkr", "logs")
"""Interface endpoints that a task needs which has no other way out; the gateway endpoint of S3 comes on top.
Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html"""


@dataclass(frozen=True)
class DiagnosisContext:
    """What is known of a service without asking it. None and empty: the template does not say.

    ``way`` is how its tasks reach AWS: by addresses of their own, NAT, interface endpoints, not at all; ``foreign``: its subnets belong to
    somebody else, whose routes nobody here knows. ``statements`` are those of the execution role; None where the role is not the
    template's, or has policies that are not. ``check_words`` is the container's check as a program with its arguments; a shell's line has its
    shell in front. Times are seconds, ``memory`` is MiB.
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
    way: Way = "unknown"
    endpoints: tuple[str, ...] = ()
    statements: tuple[Statement, ...] | None = None

    def allows(self, action: str, resource: str = "") -> Answer | None:
        """What the execution role's statements say of the action, on the resource where its ARN is known; None where nobody can tell."""
        return None if self.statements is None else answer(self.statements, action, resource)


def context_of(template: Mapping[str, Any] | None, service: str = "Service") -> DiagnosisContext:
    """The grounds that a template gives for the service of this logical id. A template of another make gives what it can."""
    resources = _map((template or {}).get("Resources"))
    properties = _properties(resources, service)
    definition = _properties(resources, _target(properties.get("TaskDefinition")))
    container = _main(definition, properties)
    balancer = _map(next(iter(_list(properties.get("LoadBalancers"))), {}))
    group = _properties(resources, _target(balancer.get("TargetGroupArn")))
    ports = [_map(one).get("ContainerPort") for one in _list(container.get("PortMappings"))]
    port = next((int(one) for one in map(_text, (balancer.get("ContainerPort"), *ports)) if one.isdecimal()), None)
    return DiagnosisContext(
        port=port,
        memory=_text(definition.get("Memory")),
        architecture=_text(_map(definition.get("RuntimePlatform")).get("CpuArchitecture") or "X86_64").lower(),
        path=_text(group.get("HealthCheckPath")),
        codes=_text(_map(group.get("Matcher")).get("HttpCode")),
        interval=_text(group.get("HealthCheckIntervalSeconds")),
        timeout=_text(group.get("HealthCheckTimeoutSeconds")),
        unhealthy=_text(group.get("UnhealthyThresholdCount")),
        grace=_text(properties.get("HealthCheckGracePeriodSeconds")),
        container_check=_command(_map(container.get("HealthCheck")).get("Command")),
        check_words=_words(_map(container.get("HealthCheck")).get("Command")),
        way=_way(resources, properties),
        endpoints=tuple(sorted(_endpoints(resources))),
        statements=_statements(resources, _target(definition.get("ExecutionRoleArn"))),
    )


def _main(definition: Mapping[str, Any], service: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container that the load balancer calls, else the first that is essential."""
    containers = [_map(one) for one in _list(definition.get("ContainerDefinitions"))]
    named = {_text(_map(one).get("ContainerName")) for one in _list(service.get("LoadBalancers"))}
    called = (one for one in containers if one.get("Name") in named)
    essential = (one for one in containers if one.get("Essential", True))
    return next(called, next(essential, {}))


def _command(command: Any) -> str:
    return " ".join(_text(one) for one in _list(command) if one not in ("CMD", "CMD-SHELL"))


def _words(command: Any) -> tuple[str, ...]:
    """The program and its arguments; empty where a part is known to CloudFormation alone."""
    kind, *words = [_text(one) for one in _list(command)] or [""]
    if not words or not all(words) or kind not in ("CMD", "CMD-SHELL"):
        return ()
    return ("/bin/sh", "-c", " ".join(words)) if kind == "CMD-SHELL" else tuple(words)


def _way(resources: Mapping[str, Any], service: Mapping[str, Any]) -> Way:
    network = _map(_map(service.get("NetworkConfiguration")).get("AwsvpcConfiguration"))
    subnets = _list(network.get("Subnets"))
    if not subnets:
        return "unknown"
    own = [name for name in map(_target, subnets) if name and _type(resources, name) == "AWS::EC2::Subnet"]
    if len(own) < len(subnets):
        return "foreign"
    routes = [_default_route(resources, name) for name in own]
    if network.get("AssignPublicIp") == "ENABLED" and all("GatewayId" in one for one in routes):
        return "public"
    if all("NatGatewayId" in one for one in routes):
        return "nat"
    return "endpoints" if set(NEEDED_ENDPOINTS) <= set(_endpoints(resources)) else "none"


def _default_route(resources: Mapping[str, Any], subnet: str) -> Mapping[str, Any]:
    """The properties of the default route of a subnet's table; empty where it has none."""
    associations = _of_type(resources, "AWS::EC2::SubnetRouteTableAssociation")
    tables = {_target(one.get("RouteTableId")) for one in associations if _target(one.get("SubnetId")) == subnet}
    routes = _of_type(resources, "AWS::EC2::Route")
    return next(
        (
            one
            for one in routes
            if _target(one.get("RouteTableId")) in tables and one.get("DestinationCidrBlock") == "0.0.0.0/0"
        ),
        {},
    )


def _endpoints(resources: Mapping[str, Any]) -> Iterator[str]:
    """The interface endpoints, by the last part of their services' names: ``ecr.api``."""
    for one in _of_type(resources, "AWS::EC2::VPCEndpoint"):
        if one.get("VpcEndpointType") == "Interface":
            yield _endpoint(one.get("ServiceName"))


def _endpoint(name: Any) -> str:
    """``ecr.api`` out of ``com.amazonaws.REGION.ecr.api``, in whatever way the template writes it."""
    joined = _list(_map(name).get("Fn::Join"))
    if joined:
        return _text((_list(joined[-1]) or [""])[-1]).lstrip(".")
    whole = _text(_map(name).get("Fn::Sub") or name)
    return whole.partition("${AWS::Region}.")[2] or ".".join(whole.split(".")[3:])


def _statements(resources: Mapping[str, Any], role: str) -> tuple[Statement, ...] | None:
    if _type(resources, role) != "AWS::IAM::Role":
        return None
    properties = _properties(resources, role)
    if properties.get("ManagedPolicyArns"):
        return None
    documents = [_map(one).get("PolicyDocument") for one in _list(properties.get("Policies"))]
    for kind in ("AWS::IAM::Policy", "AWS::IAM::RolePolicy"):
        for one in _of_type(resources, kind):
            if role in (_target(one.get("RoleName")), *map(_target, _list(one.get("Roles")))):
                documents.append(one.get("PolicyDocument"))
    return statements_of(documents)


def _of_type(resources: Mapping[str, Any], type: str) -> list[Mapping[str, Any]]:
    return [_properties(resources, name) for name in resources if _type(resources, name) == type]


def _type(resources: Mapping[str, Any], name: str) -> str:
    return _text(_map(resources.get(name)).get("Type"))


def _properties(resources: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return _map(_map(resources.get(name)).get("Properties"))


def _target(value: Any) -> str:
    """The logical id that a Ref or an attribute of a resource names; empty for all else."""
    found = _map(value)
    attribute = found.get("Fn::GetAtt")
    if isinstance(attribute, list) and attribute:
        return _text(attribute[0])
    return _text(found.get("Ref") or "") or _text(attribute or "").partition(".")[0]


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return str(value) if isinstance(value, (str, int, float)) else ""
