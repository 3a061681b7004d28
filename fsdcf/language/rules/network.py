"""Rules about the network and the load balancer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, ip_network

from fsdcf.cloudformation.ecr import HOST
from fsdcf.diagnostics import Diagnostic, Rule, SpecPath
from fsdcf.language.blind import said
from fsdcf.language.model import COLLECTOR, COLLECTOR_PORTS, LoadBalancer, Vpc
from fsdcf.language.placeholders import SecretRef, Text, sample
from fsdcf.language.rules.case import Case

VPC_FORM = Rule(
    "S213",
    "a network that is neither new nor existing",
    "`networking.vpc` is `true` for a new network, a map with `id` and subnets for an existing one, or a map with details of a new "
    "one. An existing VPC needs private subnets for the tasks (public ones with assignPublicIp), and public ones for a load "
    "balancer on the internet; a load balancer needs two, each in another zone.",
)
CIDR = Rule(
    "S214",
    "an address range that cannot be used",
    "A range begins at its network address. A new VPC takes a range from /16 to /23, since it is cut into sixteen subnets, and a "
    "load balancer needs subnets of at least /27.",
)
NO_ROUTE = Rule(
    "S216",
    "tasks without a way to their image",
    "Without NAT and without public addresses a task reaches AWS through endpoints only. It must pull its image, send its logs, "
    "read its secrets and reach its queue, or it never starts.",
    "https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html",
)
NO_EFFECT = Rule(
    "S221",
    "a key without effect",
    "The key belongs to a part that this service does not have, so that it would be ignored silently: a worker (without `port`) "
    "has no load balancer and no path to check, an sslPolicy needs a certificate, NAT is for private tasks, and the way to S3 and "
    "DynamoDB is always there.",
)
METRICS_PORT = Rule(
    "S227",
    "metrics without a port",
    "A worker has no port, so `observability.metrics.port` must say where its metrics are.",
)
COLLECTOR_TAKES = Rule(
    "S243",
    "what the collector beside the service takes",
    "With metrics or traces a collector runs in the task. Container names are unique in a task, and its containers share one network "
    "address, so that two of them cannot listen on one port.",
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-networking-awsvpc.html",
)
RULES = (VPC_FORM, CIDR, NO_ROUTE, NO_EFFECT, METRICS_PORT, COLLECTOR_TAKES)

_NEW = ("cidr", "availabilityZones", "nat", "endpoints")
_VPC = "service.networking.vpc"


def vpc_form(case: Case) -> Iterator[Diagnostic]:
    networking = case.spec.service.networking
    if networking.vpc is False:
        yield case.at(VPC_FORM, _VPC, "a task on Fargate always runs in a VPC", "write `true`, or leave it out")
    network = networking.network
    if network.id is None:
        for key in ("privateSubnets", "publicSubnets"):
            if case.wrote(f"{_VPC}.{key}"):
                yield case.at(VPC_FORM, f"{_VPC}.{key}", f"`{key}` without the VPC's `id`", "add `id: vpc-…`", key=True)
        return
    for key in _NEW:
        if case.wrote(f"{_VPC}.{key}"):
            yield case.at(
                VPC_FORM,
                f"{_VPC}.{key}",
                f"`{key}` is for a new VPC, and `id` names an existing one",
                "keep one of them",
                key=True,
            )
    yield from _imported(case, network)


def _imported(case: Case, network: Vpc) -> Iterator[Diagnostic]:
    networking = case.spec.service.networking
    balancer = case.spec.service.load_balancer
    needs: dict[str, tuple[int, str]] = {}
    tasks = "publicSubnets" if networking.assign_public_ip else "privateSubnets"
    needs[tasks] = (1, "the tasks run there")
    if balancer and not balancer.internal:
        needs["publicSubnets"] = (2, "the load balancer stands there, in two zones")
    elif balancer:
        inner = "privateSubnets" if network.private_subnets else tasks
        needs[inner] = (2, "the internal load balancer stands there, in two zones")
    for key, (least, why) in needs.items():
        subnets = network.public_subnets if key == "publicSubnets" else network.private_subnets
        if len(set(subnets)) < least:
            message = f"the existing VPC needs {least} of `{key}`: {why}"
            yield case.at(VPC_FORM, f"{_VPC}.{key}", message, f"list {least} or more, each in another zone", key=True)
    for key, subnets in (("privateSubnets", network.private_subnets), ("publicSubnets", network.public_subnets)):
        if len(set(subnets)) < len(subnets):
            yield case.at(VPC_FORM, f"{_VPC}.{key}", f"`{key}` names a subnet twice", "one subnet per zone")


def ranges(case: Case) -> Iterator[Diagnostic]:
    networking = case.spec.service.networking
    cidr = networking.network.cidr
    if cidr is not None:
        problem = _bad_range(cidr)
        found = None if problem else ip_network(cidr)
        if found is not None and (not isinstance(found, IPv4Network) or not 16 <= found.prefixlen <= 23):
            problem = "a new VPC takes an IPv4 range from /16 to /23"
        if problem:
            yield case.at(CIDR, f"{_VPC}.cidr", f"`{cidr}` cannot be the VPC's range: {problem}", "such as 10.0.0.0/16")
    for index, allowed in enumerate(networking.load_balancer.allow_cidrs):
        problem = _bad_range(allowed)
        if problem:
            path = ("service", "networking", "loadBalancer", "allowCidrs", index)
            yield case.at(CIDR, path, f"`{allowed}` is no address range: {problem}", "such as 203.0.113.0/24")


def _bad_range(text: str) -> str:
    try:
        ip_network(text)
    except ValueError as error:
        return str(error).removeprefix(f"{text!r} ")
    return ""


def no_route(case: Case) -> Iterator[Diagnostic]:
    service = case.spec.service
    network = service.networking.network
    if network.id is not None or network.nat != "none" or service.networking.assign_public_ip:
        return
    yield from said(_outside(case))
    missing = sorted(_needed_endpoints(case) - set(network.endpoints))
    if missing:
        hint = f"add `endpoints: [{', '.join(sorted({*network.endpoints, *missing}))}]`, or use `nat: single`"
        yield case.at(NO_ROUTE, f"{_VPC}.nat", f"without NAT the tasks cannot reach {', '.join(missing)}", hint)


def _outside(case: Case) -> Iterator[Diagnostic]:
    """Images that no endpoint reaches."""
    seen = case.spec.service.observability
    for key, one in (("metrics", seen.metrics), ("traces", seen.traces)):
        if one is not None and one.enabled:
            message = "without NAT the tasks cannot reach public.ecr.aws, where the image of the collector is"
            yield case.at(
                NO_ROUTE, f"service.observability.{key}", message, "use `nat: single`, or leave it out", key=True
            )
    image = sample(case.spec.service.image or "")
    if image and "${" not in image and not re.match(HOST, image):  # an unknown variable may be any host
        host, slash, _ = image.partition("/")
        host = host if slash and ("." in host or ":" in host) else "docker.io"
        hint = "keep the image in ECR, or use `nat: single`"
        yield case.at(NO_ROUTE, "service.image", f"without NAT the tasks cannot reach {host}, where the image is", hint)


def _needed_endpoints(case: Case) -> set[str]:
    service = case.spec.service
    needed = {"ecr.api", "ecr.dkr"}
    if service.observability.logs.enabled:
        needed.add("logs")
    if service.enable_execute_command:
        needed.add("ssmmessages")
    stores = {
        part.store
        for text in service.environment.values()
        if isinstance(text, Text)
        for part in text.parts
        if isinstance(part, SecretRef)
    }
    stores |= {"secrets" if ":secretsmanager:" in sample(secret.value_from) else "ssm" for secret in service.secrets}
    needed |= {"secretsmanager" if store == "secrets" else "ssm" for store in stores}
    return needed | {kind.endpoint for _, _, kind in case.dependencies() if kind.endpoint}


def no_effect(case: Case) -> Iterator[Diagnostic]:
    service = case.spec.service
    networking = service.networking
    if networking.assign_public_ip and networking.network.nat in ("single", "perZone"):
        hint = "leave nat out, or assignPublicIp"
        yield case.at(NO_EFFECT, f"{_VPC}.nat", "tasks with public addresses use no NAT gateway", hint)
    for index, name in enumerate(networking.network.endpoints):
        if name in ("s3", "dynamodb"):
            message = f"a gateway endpoint for `{name}` is always there, and is free"
            path: SpecPath = (*_VPC.split("."), "endpoints", index)
            yield case.at(NO_EFFECT, path, message, "leave it out")
    if service.port is None:
        yield from _worker(case)
    elif case.wrote("service.networking.loadBalancer.sslPolicy") and networking.load_balancer.certificate_arn is None:
        hint = "add certificateArn, or leave it out"
        yield case.at(
            NO_EFFECT, "service.networking.loadBalancer.sslPolicy", "sslPolicy needs a certificate", hint, key=True
        )


def _worker(case: Case) -> Iterator[Diagnostic]:
    for key in ("path", "interval", "timeout", "healthyThreshold", "unhealthyThreshold", "successCodes"):
        at = f"service.healthCheck.{key}"
        if case.wrote(at):
            yield case.at(
                NO_EFFECT,
                at,
                f"`healthCheck.{key}` needs a port: a worker has no load balancer",
                "add service.port, or use healthCheck.container",
                key=True,
            )
    if case.spec.service.networking.load_balancer != LoadBalancer() or case.wrote("service.networking.loadBalancer"):
        yield case.at(
            NO_EFFECT,
            "service.networking.loadBalancer",
            "a worker has no load balancer",
            "add service.port, or leave it out",
            key=True,
        )


def metrics_port(case: Case) -> Iterator[Diagnostic]:
    service = case.spec.service
    metrics = service.observability.metrics
    if metrics and metrics.enabled and metrics.port is None and service.port is None:
        yield case.at(
            METRICS_PORT,
            "service.observability.metrics",
            "a worker's metrics need a port",
            "add metrics.port",
            key=True,
        )


def collector(case: Case) -> Iterator[Diagnostic]:
    seen = case.spec.service.observability
    metrics, traces = (one is not None and one.enabled for one in (seen.metrics, seen.traces))
    if (metrics or traces) and case.spec.metadata.name == COLLECTOR:
        message = f"the container beside the service is called `{COLLECTOR}` too"
        yield case.at(COLLECTOR_TAKES, "metadata.name", message, "choose another name, or leave metrics and traces out")
    ports = {
        "service.port": case.spec.service.port,
        "service.observability.metrics.port": seen.metrics.port if seen.metrics and metrics else None,
    }
    for at, port in ports.items():
        if port in COLLECTOR_PORTS and (traces or (metrics and port == 8888)):
            message = f"the collector listens on {port} for {COLLECTOR_PORTS[port]}"
            yield case.at(COLLECTOR_TAKES, at, message, "let the service listen on another port")


CHECKS = (vpc_form, ranges, no_route, no_effect, metrics_port, collector)
