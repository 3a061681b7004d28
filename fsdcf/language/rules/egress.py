"""Rules about the egress of the tasks: what a list of destinations leaves open, and what it breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network

from fsdcf.cloudformation.ecr import HOST
from fsdcf.cloudformation.registries import registry_host
from fsdcf.diagnostics import SpecPath, joined
from fsdcf.language.dependency import MountedFileSystem, ReachedDependency
from fsdcf.language.ingress import MOST_RULES, is_range
from fsdcf.language.model.service import Vpc
from fsdcf.language.rules.case import Case, Problem, Problems, rule
from fsdcf.language.rules.network import images_of, needed_endpoints, reads_objects
from fsdcf.links import IMAGE_ENDPOINTS, SECURITY_GROUP_QUOTAS, SECURITY_GROUP_RULES

_PATH: SpecPath = ("service", "networking", "egress")
_HTTPS = 443

_EVERYWHERE = "0.0.0.0/0"


@rule(
    "S385",
    "egress rules that EC2 rejects",
    SECURITY_GROUP_QUOTAS,
)
def egress_rules(case: Case) -> Problems:
    """A port is a number from 1 to 65535, or two with a hyphen, the lower one first; a rule for every protocol has no
    ports. A destination has each port once, and a security group takes 60 rules: one for each port, or range of ports,
    of each destination."""
    seen: set[tuple[str, str, str]] = set()
    for index, wanted in enumerate(case.service.networking.egress):
        path: SpecPath = (*_PATH, index)
        if wanted.protocol == "all" and wanted.ports:
            message = "a rule for every protocol is for every port"
            yield Problem((*path, "ports"), message, "leave out ports, or write `protocol: tcp` or `udp`", key=True)
        for number, text in enumerate(wanted.ports):
            first, last = wanted.range_of(text)
            if not 1 <= first <= last <= 65535:
                message, hint = f"`{text}` is not a range of ports", "write numbers from 1 to 65535, such as 8000-8100"
                yield Problem((*path, "ports", number), message, hint)
        for text in wanted.ports or ("every port",):
            if (one := (wanted.to, wanted.protocol, text)) in seen:
                yield Problem((*path, "to"), f"`{wanted.to}` is allowed twice on {text}", "keep one of the rules")
            seen.add(one)
    if len(seen) > MOST_RULES:
        message = f"these are {len(seen)} rules, and a security group takes {MOST_RULES}"
        yield Problem(_PATH, message, "use wider ranges of addresses or ports, or a prefix list (pl-…)", key=True)


@rule(
    "S386",
    "egress that lets no task start or reach its data",
    IMAGE_ENDPOINTS,
)
def closed_egress(case: Case) -> Problems:
    """A task reaches ECR, CloudWatch Logs, the stores of its secrets, and what its dependencies are in by HTTPS: at
    addresses of the internet, or at endpoints in the VPC. fsdcf opens the way to the endpoints of a new network, to the
    file systems of the stack and to the services that it calls. The way to an MSK cluster, and to the file system of
    another stack whose security group the spec does not name, needs a rule. DNS in the VPC, the metadata of the task
    and the clock are never closed: security groups do not apply to them."""
    if not case.service.networking.egress:
        return
    closed = [what for what, is_open in _needs(case) if is_open is False]
    if closed:
        message = f"the tasks cannot reach {joined(closed)}: no rule allows HTTPS there"
        network = case.service.networking.network
        is_new = case.joined is None and network.id is None
        way = "networking.vpc.endpoints and the prefix list of S3" if is_new else "the addresses of its endpoints"
        yield Problem(_PATH, message, f"add `{{to: {_EVERYWHERE}, ports: [{_HTTPS}]}}`, or {way}", key=True)
    for path, target in _existing_targets(case):
        port, *others = target.reached_ports
        if not any(wanted.covers(one) for wanted in case.service.networking.egress for one in (port, *others)):
            message = f"the tasks cannot {target.purpose}: no egress rule allows port {port}"
            yield Problem(path, message, f"add {target.place} to networking.egress, with ports: [{port}]")


@rule(
    "W158",
    "egress that may not be enough",
    "https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html",
)
def narrow_egress(case: Case) -> Problems:
    """The rules allow HTTPS to some addresses, and fsdcf does not know what is there. AWS changes the addresses of ECR,
    CloudWatch Logs and its other services, and publishes those of S3 and DynamoDB as prefix lists: `aws ec2
    describe-managed-prefix-lists` shows their ids in a region. The others have addresses of the VPC by interface
    endpoints."""
    unsure = [what for what, is_open in _needs(case) if is_open is None]
    if unsure and case.service.networking.egress:
        message = f"the tasks work only if these rules reach {joined(unsure, 'and')} by HTTPS"
        hint = f"add endpoints, and the prefix list of S3 for images; or `{{to: {_EVERYWHERE}, ports: [{_HTTPS}]}}`"
        yield Problem(_PATH, message, f"{hint}; silence this warning once you know that they do", key=True)


@rule(
    "W159",
    "security groups that may open the egress again",
    SECURITY_GROUP_RULES,
)
def open_groups(case: Case) -> Problems:
    """The rules of all security groups of a task add up, and EC2 gives a new group a rule for egress to everywhere. The
    groups of `networking.securityGroups` exist outside the stack, so that fsdcf does not know theirs."""
    networking = case.service.networking
    if networking.egress and networking.security_groups:
        message = "the egress rules have no effect if one of these groups allows more"
        hint = "remove the egress rules of these groups, then silence this warning; or leave out `egress`"
        yield Problem("service.networking.securityGroups", message, hint, key=True)


def _needs(case: Case) -> Iterator[tuple[str, bool | None]]:
    """What the tasks reach by HTTPS, and whether the rules allow it; None if that depends on what is at an address."""
    networking = case.service.networking
    network = case.joined.environment.network if case.joined is not None else networking.network
    allowed = [wanted.to for wanted in networking.egress if wanted.covers(_HTTPS)]
    if _EVERYWHERE in allowed:
        return
    inside, lists = [one for one in allowed if _is_inside(one)], [one for one in allowed if one.startswith("pl-")]
    outside = [one for one in allowed if one not in inside and one not in lists]
    images = images_of(case)
    own = {"ecr.api", "ecr.dkr"} if any(not one or re.match(HOST, one) for _, one in images) else set()
    for name in sorted(needed_endpoints(case) - {"ecr.api", "ecr.dkr"} | own):
        if name not in network.endpoints:
            yield name, None if outside or lists or (inside and _has_endpoints(network)) else False
    gateways = {"s3"} if own else set()
    gateways |= {"s3"} if reads_objects(case) else set()
    gateways |= {kind.category for _, _, kind in case.dependencies()} & {"s3", "dynamodb"}
    for name in sorted(gateways):
        if not lists:
            yield name, None if outside or (inside and _has_endpoints(network)) else False
    for registry in _registries(case):
        if not outside:
            yield registry, None if lists or inside else False


def _has_endpoints(network: Vpc) -> bool:
    """Whether the network may have endpoints that the spec does not name: it exists already."""
    return network.id is not None


def _registries(case: Case) -> list[str]:
    """The registries outside of ECR from which the task pulls images."""
    return sorted({registry_host(image) for _, image in images_of(case) if image and not re.match(HOST, image)})


def _is_inside(destination: str) -> bool:
    """Whether a destination is in a VPC, or in a network that it is connected to."""
    if not is_range(destination):
        return destination.startswith("sg-")
    try:
        return ip_network(destination).is_private
    except ValueError:  # S214 reports it
        return False


def _existing_targets(case: Case) -> Iterator[tuple[SpecPath, ReachedDependency | type[MountedFileSystem]]]:
    """What exists outside of the stack, which does not open the way to it, with its path."""
    for index, volume in enumerate(case.service.volumes):
        if volume.efs is not None and volume.efs.file_system_id is not None:
            yield ("service", "volumes", index, "efs", "fileSystemId"), MountedFileSystem
    for path, each in case.having(ReachedDependency):
        if not each.is_reached:
            yield (*path, "name"), each
