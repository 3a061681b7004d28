"""Rules about the network and the load balancer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, ip_network

from fsdcf.cloudformation.ecr import HOST
from fsdcf.cloudformation.partitions import FARGATE_ZONES, partition_of, zone_prefix
from fsdcf.cloudformation.registries import PUBLIC_ECR, registry_host
from fsdcf.diagnostics import SpecPath, joined
from fsdcf.language.dependency import SignedInDependency
from fsdcf.language.ingress import MOST_RULES, ingress, is_range, rule_count
from fsdcf.language.model.container import store_of
from fsdcf.language.model.service import MOST_ZONES, FlowLogs, Vpc
from fsdcf.language.names import endpoint_id
from fsdcf.language.partitions import partition_of_spec
from fsdcf.language.placeholders import SecretRef, Text, sample
from fsdcf.language.rules.case import ALL, WITH_TASKS, Case, Problem, Problems, in_production, in_protected, rule
from fsdcf.language.unknown import until_unknown
from fsdcf.links import IMAGE_ENDPOINTS, SECURITY_GROUP_QUOTAS, SECURITY_GROUP_RULES, ZONE_IDS

_VPC = "service.networking.vpc"
_BALANCER = "service.networking.loadBalancer"


@rule("S213", "a network that is neither new nor existing", kinds=ALL)
def vpc_form(case: Case) -> Problems:
    """`networking.vpc` is `true` for a new network, a map with `id` and subnets for an existing one, or a map with
    the details of a new one; so is an environment's `network`. An existing VPC needs private subnets for the tasks
    (public ones with assignPublicIp), and public ones for a load balancer on the internet. A load balancer needs two
    subnets in different zones."""
    if case.kind in WITH_TASKS and case.service.networking.vpc is False:
        yield Problem(_VPC, "a task on Fargate always runs in a VPC", "write `true`, or leave it out")
    if case.network is None:
        return
    at, network = case.network
    if network.id is None:
        for key in ("privateSubnets", "publicSubnets"):
            if case.wrote(f"{at}.{key}"):
                yield Problem(f"{at}.{key}", f"`{key}` requires the VPC's `id`", "add `id: vpc-…`", key=True)
        return
    for key in ("cidr", "availabilityZones", "nat", "endpoints", "flowLogs"):
        if case.wrote(f"{at}.{key}"):
            message = f"`{key}` is for a new VPC, and `id` names an existing one"
            yield Problem(f"{at}.{key}", message, "keep one of them", key=True)
    yield from _existing_subnets(case, at, network)


def _existing_subnets(case: Case, at: str, network: Vpc) -> Problems:
    public_tasks = case.kind in WITH_TASKS and case.service.networking.assign_public_ip
    tasks = "publicSubnets" if public_tasks else "privateSubnets"
    some = case.kind == "Environment" and bool(network.public_subnets)  # whose services may have public addresses
    needs = {} if some else {tasks: (1, "the tasks run there")}
    for _, balancer in case.balancers:
        if not balancer.internal:
            needs["publicSubnets"] = (2, "the load balancer runs there, in two zones")
        else:
            inner = "privateSubnets" if network.private_subnets else "publicSubnets" if some else tasks
            if needs.get(inner, (0, ""))[0] < 2:
                needs[inner] = (2, "the internal load balancer runs there, in two zones")
    subnets = {"privateSubnets": network.private_subnets, "publicSubnets": network.public_subnets}
    for key, (least, reason) in needs.items():
        if len(set(subnets[key])) < least:
            message = f"the existing VPC needs {least} of `{key}`: {reason}"
            yield Problem(f"{at}.{key}", message, f"list at least {least}, each in another zone", key=True)
    for key, listed in subnets.items():
        if len(set(listed)) < len(listed):
            yield Problem(f"{at}.{key}", f"`{key}` lists a subnet twice", "list one subnet per zone")


_ZONE_ID = re.compile(r"((?:[a-z]+-)?[a-z]+\d+)-az\d+")
_LIST_ZONES = "aws ec2 describe-availability-zones --query 'AvailabilityZones[].[ZoneId,ZoneName]' --output text"
_USE_IDS = "use ids such as use1-az1; `aws ec2 describe-availability-zones` shows them as ZoneId"


@rule(
    "S256",
    "a zone that cannot be used",
    ZONE_IDS,
    "`availabilityZones` lists the ids of zones, such as use1-az1, which mean the same zone in every account; the name "
    f"us-east-1a does not. `{_LIST_ZONES}` lists those of a region. All are Availability Zones of one region, the one "
    "of the certificate, each listed once, at most six. A load balancer needs two. Local Zones and Wavelength Zones "
    "are not supported, and some old zones of us-west-1, ap-northeast-1 and cn-north-1 have no Fargate.",
    kinds=ALL,
)
def zones(case: Case) -> Problems:
    """Require the ids of different Availability Zones of one region that have Fargate."""
    if case.network is None or not isinstance(listed := case.network[1].availability_zones, tuple):
        return
    path = f"{case.network[0]}.availabilityZones"
    for index, zone in enumerate(listed):
        if (problem := _zone_problem(zone, listed[:index], case)) is not None:
            yield Problem((*path.split("."), index), *problem)
    if len(listed) > MOST_ZONES:
        yield Problem(
            path, f"{len(listed)} zones are more than a new VPC has subnets for", f"list at most {MOST_ZONES}"
        )
    if len(listed) < 2 and case.balancers:
        yield Problem(path, "a load balancer needs two zones", "list two zones")


def _zone_problem(zone: str, before: Sequence[str], case: Case) -> tuple[str, str] | None:
    """Return the message and the hint for a zone that cannot be used."""
    known = _ZONE_ID.fullmatch(zone)
    if known is None and re.fullmatch(r"[a-z]+(-[a-z]+)+-\d[a-z]", zone):
        message = f"`{zone}` is the name of a zone, which is another zone in another account"
        return message, _USE_IDS
    if known is None and re.fullmatch(r"[a-z]+\d-[a-z0-9-]+", zone):
        return f"`{zone}` is not an Availability Zone: Local Zones and Wavelength Zones are not supported", _USE_IDS
    if known is None:
        return f"`{zone}` is not the id of a zone", _USE_IDS
    if zone in before:
        return f"`{zone}` is listed twice", "list each zone once"
    region = known[1]
    first = next((other[1] for other in map(_ZONE_ID.fullmatch, before) if other is not None), region)
    if region != first:
        return f"`{zone}` is in another region than `{before[0]}`", "list zones of one region"
    if zone not in FARGATE_ZONES.get(region, (zone,)):
        return f"`{zone}` does not offer Fargate", f"use {joined(FARGATE_ZONES[region], 'or')}"
    home, reason = _home(case)
    if home and not before and region != zone_prefix(home):
        return f"`{zone}` is not in {home}, {reason}", f"list zones of {home}: {zone_prefix(home)}-az1 …"
    return None


def _home(case: Case) -> tuple[str, str]:
    """The region of the spec, and why: an environment's own, or that in the ARN of a certificate. Empty if it is not
    known."""
    own = case.environment_spec.environment.region if case.kind == "Environment" else None
    if own and zone_prefix(own):
        return own, "the region of the environment"
    for _, balancer in case.balancers:
        arn = balancer.certificate_arn
        region = (str(arn).split(":") + [""] * 4)[3] if isinstance(arn, str) else ""
        if zone_prefix(region):
            return region, "where the certificate is"
    return "", ""


def _examples(case: Case) -> str:
    """Two ids of zones in the region of the spec, or of its image; empty if its ids are not known."""
    host = re.match(HOST, sample(case.service.image or "")) if case.kind in WITH_TASKS else None
    prefix = zone_prefix(_home(case)[0]) or (zone_prefix(host["region"]) if host else "")
    if not prefix and partition_of_spec(case.spec) in (None, "aws"):
        prefix = "use1"
    return f"{prefix}-az1, {prefix}-az2" if prefix else ""


@rule("S214", "an address range that cannot be used", kinds=ALL)
def ranges(case: Case) -> Problems:
    """A range begins at its network address. A new VPC accepts a range from /16 to /23, because fsdcf divides it into
    sixteen subnets and a load balancer needs subnets of at least /27."""
    if case.network is not None and (cidr := case.network[1].cidr) is not None:
        problem = _range_problem(cidr)
        network = None if problem else ip_network(cidr)
        if network is not None and (not isinstance(network, IPv4Network) or not 16 <= network.prefixlen <= 23):
            problem = "a new VPC accepts an IPv4 range from /16 to /23"
        if problem:
            yield Problem(
                f"{case.network[0]}.cidr",
                f"`{cidr}` cannot be the VPC's range: {problem}",
                "use a range such as 10.0.0.0/16",
            )
    for path, allowed in (*_allowed(case), *_destinations(case)):
        if is_range(allowed) and (problem := _range_problem(allowed)):
            yield Problem(path, f"`{allowed}` is not a valid address range: {problem}", _range_hint(allowed))


def _allowed(case: Case) -> Iterator[tuple[SpecPath, str]]:
    """The sources in allowCidrs with their paths."""
    for at, balancer in case.balancers:
        for index, allowed in enumerate(balancer.allow_cidrs):
            yield (*at.split("."), "allowCidrs", index), allowed


def _destinations(case: Case) -> Iterator[tuple[SpecPath, str]]:
    """The destinations of the egress rules with their paths."""
    for index, wanted in enumerate(case.service.networking.egress if case.kind in WITH_TASKS else ()):
        yield ("service", "networking", "egress", index, "to"), wanted.to


def _range_hint(text: str) -> str:
    """The range that an address with the length of a network is in."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return "use a range such as 203.0.113.0/24"
    return f"write {network}, or {text.partition('/')[0]}/{network.max_prefixlen} for one address"


def _range_problem(text: str) -> str:
    try:
        ip_network(text)
    except ValueError as error:
        return str(error).removeprefix(f"{text!r} ")
    return ""


@rule("S384", "a flow log with a key that has no effect", kinds=ALL)
def flow_log_keys(case: Case) -> Problems:
    """A bucket that exists keeps its objects as long as its own lifecycle says. A KMS key is for the log group: S3
    encrypts the log in a bucket as that bucket says."""
    at, network = case.network or ("", Vpc())
    if not isinstance(network.flow_logs, FlowLogs) or not network.flow_logs.bucket:
        return
    for key, wanted in (("retention", network.flow_logs.retention), ("encryption", network.flow_logs.encryption)):
        if wanted is not None and (key == "encryption" or network.flow_logs.bucket is not True):
            where = "a bucket in the stack" if network.flow_logs.bucket is True else "an existing bucket"
            message = f"`{key}` has no effect on a flow log in {where}"
            yield Problem(f"{at}.flowLogs.{key}", message, "leave it out, or leave out `bucket`", key=True)


@rule("S272", "two endpoints with one logical id", kinds=ALL)
def endpoints(case: Case) -> Problems:
    """The logical id of an endpoint is made of the words of its name, so that `ecr.api` and `ecr-api` would be one
    resource."""
    seen: dict[str, str] = {}
    at, network = case.network or ("", Vpc())
    for index, name in enumerate(network.endpoints):
        other = seen.setdefault(endpoint_id(name), name)
        if other != name:
            message = f"`{name}` has the logical id of `{other}`"
            yield Problem((*at.split("."), "endpoints", index), message, "keep the name that the region offers")


@rule(
    "S250",
    "more sources than a security group takes",
    SECURITY_GROUP_QUOTAS,
    kinds=ALL,
)
def rules_of_groups(case: Case) -> Problems:
    """A security group takes 60 ingress rules for IPv4 and 60 for IPv6. A range or a security group is one rule; a
    prefix list counts as its maximum number of entries. fsdcf merges neighbouring ranges where that is needed, and
    gives the redirect of port 80 a group of its own, so it counts the ranges that no other contains or continues."""
    for at, balancer in case.balancers:
        if any(is_range(one) and _range_problem(one) for one in balancer.allow_cidrs):
            continue
        count = max(map(rule_count, ingress(balancer)))
        if count > MOST_RULES:
            yield Problem(
                f"{at}.allowCidrs",
                f"these sources need {count} rules, and a security group takes {MOST_RULES}",
                "use wider ranges; or allow a prefix list (pl-…) that contains them, and raise the account's quota of "
                "rules in a security group to its maximum number of entries",
                key=True,
            )


@rule(
    "S251",
    "a security group of another network",
    SECURITY_GROUP_RULES,
    kinds=ALL,
)
def foreign_groups(case: Case) -> Problems:
    """A rule names a security group of the same VPC. A new VPC contains no group but those of its stack, so a group
    can only be named where `networking.vpc.id`, or an environment's `network.id`, names an existing VPC."""
    if case.network is not None and case.network[1].id is None:
        key = f"{_shown(case.network[0])}.id"
        for path, allowed in (*_allowed(case), *_destinations(case)):
            if allowed.startswith("sg-"):
                message = f"`{allowed}` cannot be in the new VPC of this {case.kind.lower()}"
                yield Problem(path, message, f"use the group's VPC ({key}), or allow an address range")


def _shown(path: str) -> str:
    """A dotted path without the block that all keys are in."""
    return path.partition(".")[2]


@rule("W120", "IPv6 ranges at a load balancer with IPv4 addresses", kinds=ALL)
def ipv6_ranges(case: Case) -> Problems:
    """The load balancer has IPv4 addresses only, so a request never comes from an IPv6 address."""
    for path, allowed in _allowed(case):
        if ":" in allowed:
            message = f"no request comes from `{allowed}`: the load balancer has IPv4 addresses only"
            yield Problem(path, message, "leave it out, or allow the clients' IPv4 addresses")


@rule(
    "S216",
    "tasks that cannot reach AWS",
    IMAGE_ENDPOINTS,
)
def no_route(case: Case) -> Problems:
    """Without NAT and without public addresses, a task reaches AWS only through endpoints. It must be able to pull
    its image, send its logs, read its secrets and reach its queue, or it never starts. The isolated partitions
    (aws-iso…) are not connected to the internet at all."""
    networking = case.service.networking
    network, path = networking.network, _VPC
    if case.joined is not None:
        network, path = case.joined.environment.network, "environment.network"
    region = case.file.spec.environment.region if case.file else None
    partition = partition_of(region) if region else partition_of_spec(case.spec) or ""
    if partition.startswith("aws-iso"):
        yield from until_unknown(_unreachable_images(case, f"from {partition}", ""))
    if network.id is not None or network.nat != "none" or networking.assign_public_ip:
        return
    if not partition.startswith("aws-iso"):
        where = f" in {case.file.name}" if case.file and case.joined else ""
        yield from until_unknown(_unreachable_images(case, "without NAT", f"use `nat: single`{where}, or "))
    missing = sorted(needed_endpoints(case) - set(network.endpoints))
    if missing:
        hint = f"add `endpoints: [{', '.join(sorted({*network.endpoints, *missing}))}]`, or use `nat: single`"
        tasks = "the tasks" if case.joined is None else f"the tasks of {case.spec.metadata.name}"
        yield Problem(f"{path}.nat", f"without NAT {tasks} cannot reach {', '.join(missing)}", hint)


def _unreachable_images(case: Case, where: str, otherwise: str) -> Problems:
    """Yield the images outside of ECR; ``otherwise`` is what makes them available."""
    for path, image in images_of(case):
        if not image or "${" in image or re.match(HOST, image):  # an unknown variable may be any host
            continue
        if path[:2] == ("service", "observability"):
            message = f"{where} the tasks cannot reach {registry_host(image)}, where {_OWN_IMAGES[str(path[2])]} is"
            yield Problem(path, message, f"{otherwise}leave it out", key=True)
        else:
            message = f"{where} the tasks cannot reach {registry_host(image)}, where the image is"
            yield Problem(path, message, f"{otherwise}keep the image in ECR")


_OWN_IMAGES = {
    **dict.fromkeys(("metrics", "traces"), "the collector's image"),
    "logs": "the image of the log router",
}
"""The containers that fsdcf adds, by the keys of the observability."""


def images_of(case: Case) -> Iterator[tuple[SpecPath, str]]:
    """The images of a task, each with the spec path that asks for it; empty for the ECR repository with the name of
    the service. A container with the service's own image is left out."""
    service, telemetry = case.service, case.service.observability
    for key, signal in (("metrics", telemetry.metrics), ("traces", telemetry.traces)):
        if signal is not None and signal.enabled:
            yield ("service", "observability", key), f"{PUBLIC_ECR}/"
    if telemetry.logs.enabled and telemetry.logs.driver == "awsfirelens":
        written = telemetry.logs.router.image
        yield (
            ("service", "observability", "logs", *(("router", "image") if written else ("driver",))),
            sample(written or f"{PUBLIC_ECR}/"),
        )
    yield ("service", "image"), sample(service.image or "")
    for index, sidecar in enumerate(service.sidecars):
        if sidecar.image is not None:
            yield ("service", "sidecars", index, "image"), sample(sidecar.image)


def reads_objects(case: Case) -> bool:
    """Whether a task needs objects of S3 to start: files with variables, or those of the log router."""
    logs = case.service.observability.logs
    routed = logs.enabled and logs.driver == "awsfirelens" and logs.router.configuration
    return bool(routed) or any(one.environment_files for _, one in case.service.containers)


def needed_endpoints(case: Case) -> set[str]:
    """The AWS services that the tasks reach, by the names of their interface endpoints."""
    service = case.service
    needed = {"ecr.api", "ecr.dkr"}
    if service.observability.logs.enabled:
        needed.add("logs")
    if service.enable_execute_command:
        needed |= {"ssmmessages", "logs"} if case.records_sessions else {"ssmmessages"}
    needed |= {store_of(option.value_from) for option in service.observability.logs.secret_options}
    for _, container in service.containers:
        parts = [part for text in container.environment.values() if isinstance(text, Text) for part in text.parts]
        stores = {part.store for part in parts if isinstance(part, SecretRef)}
        needed |= {"secretsmanager" if store == "secrets" else "ssm" for store in stores}
        needed |= {store_of(secret.value_from) for secret in container.secrets}
        if container.image_credentials:
            needed.add("secretsmanager")
    if any(each.password_variables for _, each in case.having(SignedInDependency)):
        needed.add("secretsmanager")
    return needed | {kind.endpoint for _, each, kind in case.dependencies() if kind.endpoint and kind.is_called(each)}


@rule("S221", "a key without effect", kinds=ALL)
def no_effect(case: Case) -> Problems:
    """The key configures something that this service does not have, so it would be ignored silently. A worker (without
    `port`) and a service with `loadBalancer: false` have no load balancer and no path to check, sslPolicy needs a
    certificate, NAT is for private tasks, and the endpoints of S3 and DynamoDB always exist."""
    at, network = case.network or ("", Vpc())
    for index, name in enumerate(network.endpoints):
        if name in ("s3", "dynamodb"):
            path: SpecPath = (*at.split("."), "endpoints", index)
            yield Problem(path, f"a gateway endpoint for `{name}` always exists, free of charge", "leave it out")
    for at, balancer in case.balancers:
        if case.wrote(f"{at}.sslPolicy") and not balancer.https:
            hint = "add certificateArn or a domain with its hosted zone, or leave it out"
            yield Problem(f"{at}.sslPolicy", "sslPolicy needs a certificate", hint, key=True)
    if case.kind not in WITH_TASKS:
        return
    if case.service.networking.assign_public_ip and network.nat not in (None, "none"):
        yield Problem(
            f"{_VPC}.nat", "tasks with public addresses do not use a NAT gateway", "leave out nat or assignPublicIp"
        )
    if case.service.load_balancer is None:
        yield from _without_balancer(case)


_TARGET_CHECK = ("path", "port", "protocol", "interval", "timeout", "healthyThreshold", "unhealthyThreshold")
"""The keys of the load balancer's check, beside the codes."""


def _without_balancer(case: Case) -> Problems:
    worker = case.service.entry_port is None
    reason = "a worker has none" if worker else "networking.loadBalancer is false"
    for key in (*_TARGET_CHECK, "successCodes", "grpcCodes"):
        path = f"service.healthCheck.{key}"
        if case.wrote(path) and not case.is_default(path):
            message = f"`healthCheck.{key}` needs a load balancer: {reason}"
            way = "add service.port" if worker else f"leave it out (in an overlay: `{key}: null`)"
            yield Problem(path, message, f"{way}, or use healthCheck.container", key=True)
    if worker and case.wrote(_BALANCER) and case.service.networking.load_balancer and not case.is_default(_BALANCER):
        yield Problem(_BALANCER, "a worker has no load balancer", "add service.port, or leave it out", key=True)


@rule("W109", "tasks with public addresses")
def public_tasks(case: Case) -> Problems:
    """The tasks run in public subnets, and only their security group protects them from the internet. This saves the
    NAT gateway."""
    if case.service.networking.assign_public_ip:
        hint = "leave it out to run them in private subnets"
        yield Problem("service.networking.assignPublicIp", "the tasks have public addresses", hint)


_TLS_PAGE = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/create-https-listener.html"


@rule(
    "S286",
    "internet traffic without TLS in a protected environment",
    _TLS_PAGE,
    kinds=ALL,
    only=in_protected,
)
def forbidden_http(case: Case) -> Problems:
    """An environment whose file says `protected: true` accepts requests from the internet by HTTPS only. Without a
    certificate the load balancer serves only HTTP: anyone on the way can read and change the traffic, passwords and
    cookies included. `# fsdcf: allow S286 because …`, on the line of the finding or the one above, permits it."""
    yield from _plain_http(case)


@rule("W112", "internet traffic without TLS in production", _TLS_PAGE, kinds=ALL, only=in_production)
def plain_http(case: Case) -> Problems:
    """Without a certificate the load balancer serves only HTTP: anyone on the way can read and change the traffic,
    passwords and cookies included. With a certificate, it redirects HTTP to HTTPS. A load balancer of an environment
    has its certificate in the environment's file. Where that says `protected: true`, this is an error (S286)."""
    if not case.is_protected:
        yield from _plain_http(case)


def _plain_http(case: Case) -> Problems:
    shared = case.shared_balancer
    if shared and not (shared[1].https or shared[1].internal or shared[1].listener_arn):
        message = f"traffic from the internet to {case.spec.metadata.name} is not encrypted in {case.environment}"
        hint = "add certificateArn, or a domain with its hostedZoneId" + _permitting(case)
        yield Problem(("environment", "loadBalancers", shared[0]), message, hint, key=True)
    for at, balancer in case.balancers:
        if balancer.internal or balancer.https:
            continue
        hint = (
            "add certificateArn, or a domain with its hostedZoneId"
            if case.kind == "Environment"
            else "add networking.loadBalancer.certificateArn, or a domain with its hosted zone in "
            "networking.loadBalancer.domain"
        )
        hint += ", or make it `internal: true`" if case.network and case.network[1].id else ""
        hint += _permitting(case)
        path = at if case.wrote(at) else case.service.entry_path
        yield Problem(path, f"traffic from the internet is not encrypted in {case.environment}", hint, key=True)


def _permitting(case: Case) -> str:
    """How an error is permitted, as the end of a hint."""
    return "; or write `# fsdcf: allow S286 because …` above the line" if case.is_protected else ""


@rule(
    "W123",
    "zones that AWS chooses in production",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
    "intrinsic-function-reference-getavailabilityzones.html",
    "A new VPC without the ids of its zones takes the first ones that Fn::GetAZs returns. Their order is not promised, "
    "and a zone without NAT gateways or Fargate may be among them. If the order ever shifts, every later deploy fails: "
    "a subnet would move to another zone, and its address range conflicts with itself. Write the ids before the first "
    "deploy; a network that is already deployed keeps the number.",
    kinds=ALL,
    only=in_production,
)
def chosen_zones(case: Case) -> Problems:
    """Ask for the ids of the zones of a new VPC in production."""
    if case.network is None:
        return
    at, network = case.network
    if network.id is not None or isinstance(network.availability_zones, tuple):
        return
    key = f"{_shown(at)}.availabilityZones"
    hint = f"before the first deploy, list ids such as {key}: [{_examples(case)}]"
    if not _examples(case):
        hint = f"before the first deploy, list ids in {key}; "
        hint += "`aws ec2 describe-availability-zones` shows them as ZoneId"
    message = f"AWS chooses the zones of the network in {case.environment}, and may choose others later"
    yield Problem(f"{at}.availabilityZones", message, hint, key=True)


@rule("W126", "an internal service in a network of its own")
def unreachable(case: Case) -> Problems:
    """The load balancer accepts requests only from inside the VPC, and the VPC is new and contains nothing but this
    service: no client can reach it, until the VPC is connected to another one."""
    balancer, networking = case.service.load_balancer, case.service.networking
    if balancer and balancer.internal and networking.network.id is None and not networking.shared:
        hint = "put it into an existing VPC with networking.vpc.id, or leave out `internal`"
        message = "no client can reach this service: it is internal, and alone in a new VPC"
        yield Problem(f"{_BALANCER}.internal", message, hint, key=True)
