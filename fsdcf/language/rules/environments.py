"""The environments of a service: those that its spec or another file names, and the rule about all others."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from ipaddress import ip_network
from pathlib import PurePath
from typing import Any

from fsdcf.cloudformation.partitions import region_of_zones
from fsdcf.cloudformation.references import HOLE
from fsdcf.conventions import DEFAULT_ENVIRONMENT, ENVIRONMENT_PATTERN, ENVIRONMENT_SERVICE, PIPELINE, similar
from fsdcf.diagnostics import joined
from fsdcf.language.document import Document
from fsdcf.language.ingress import PRIVATE_RANGES
from fsdcf.language.model.common import recorded_in
from fsdcf.language.placeholders import Part, Pseudo, Text, parts_of, sample
from fsdcf.language.resolve import DEFAULTS
from fsdcf.language.rules.case import ALL, Case, Problem, Problems, rule
from fsdcf.links import ZONE_IDS

USUAL = (
    *("dev", "development", "test", "testing", "qa", "uat", "stage", "staging", "preprod", "preview"),
    *("demo", "sandbox", "prod", "production", "live"),
)
"""The names that need no file, as long as no file names an environment."""


def known_environments(data: Mapping[str, Any], named: Collection[str]) -> set[str]:
    """The environments of a spec, by its data: its own, those that other files name, and the default one.

    The usual ones if no file names any.
    """
    overlays = data.get("environments")
    own = {name for name in overlays if isinstance(name, str)} if isinstance(overlays, dict) else set()
    return {*own, *named, DEFAULT_ENVIRONMENT} if own or named else set(USUAL)


def others_than(environment: str, document: Document, named: Callable[[], Collection[str]]) -> tuple[str, ...]:
    """The known environments of a service; none if this environment is one of them."""
    if environment == DEFAULT_ENVIRONMENT:
        return ()
    known = known_environments(document.data, named())
    return () if environment in known else tuple(sorted(known))


@rule("S401", "an environment's file with another name", kinds=("Environment",))
def file_name(case: Case) -> Problems:
    """`fsdcf` looks for the file of the environment `staging` as `environments/staging.yml`, from the folder of a spec
    upwards to the root of the repository. The name in the file is therefore that of the file."""
    name, file = case.environment_spec.metadata.name, case.document.span(()).file
    stem = PurePath(file.rpartition(":")[2]).stem
    if stem != name and re.fullmatch(ENVIRONMENT_PATTERN, stem):
        yield Problem("metadata.name", f"the environment `{name}` is in the file {file}", f"write `name: {stem}`")
    elif stem != name:
        yield Problem("metadata.name", f"the environment `{name}` is in the file {file}", f"rename it to `{name}.yml`")


@rule("S373", "an environment's name that is not in its file", kinds=("Environment",))
def changed_name(case: Case) -> Problems:
    """Commands read the name of an environment from its file, as it is written, before they know any variables or
    overrides. What is on in production, and the name of the stack, depend on it."""
    name = case.environment_spec.metadata.name
    if name != case.environment:
        message = f"the environment is named `{name}` by a variable or an override"
        yield Problem("metadata.name", message, f"write `name: {name}`")


@rule("S402", "a reserved name", kinds=ALL)
def reserved_name(case: Case) -> Problems:
    """The stack of an environment is named `fsdcf-` and its name, and that of a pipeline `fsdcf-pipeline-`, the owner
    and the name of its repository."""
    name = case.spec.metadata.name
    reserved = PIPELINE[1] if case.kind == "Environment" else ENVIRONMENT_SERVICE
    begins = f"{PIPELINE[1]}-" if case.kind == "Environment" else f"{ENVIRONMENT_SERVICE}-"
    if name == reserved or name.startswith(begins):
        hint = "choose another name" if name == reserved else f"choose a name that does not begin with `{begins}`"
        yield Problem("metadata.name", f"`{name}` is reserved for stacks of fsdcf itself", hint)


@rule("S403", "no file of the environment to join")
def no_environment(case: Case) -> Problems:
    """A service with `networking.shared: true` joins the network, the cluster, the load balancer and the namespace
    that the environment's file describes."""
    if case.service.networking.shared and case.file is None:
        message = f"the environment `{case.environment}` has no file"
        hint = f"write {case.file_name} with `kind: Environment`, here or in a folder above, or leave out `shared`"
        yield Problem("service.networking.shared", message, hint)


@rule("S404", "a network of its own in an environment")
def shared_and_own(case: Case) -> Problems:
    """A service that joins an environment uses the environment's network, and cannot have another one."""
    if case.service.networking.shared and case.service.networking.vpc is not True:
        hint = "remove `vpc`, or write `shared: false`"
        if case.file is not None:
            hint = f"remove `vpc`: the network is environment.network in {case.file.name}; or write `shared: false`"
        yield Problem("service.networking.vpc", "the service joins the environment's network", hint, key=True)


@rule("S421", "a part of another account or region", kinds=("Environment",))
def elsewhere(case: Case) -> Problems:
    """An environment is in one account and one region, and so are the parts that it uses: a load balancer accepts
    certificates, web ACLs and listener rules of its own account and region only."""
    environment = case.environment_spec.environment
    homes = {"region": environment.region, "account": environment.account}
    known = {kind: (home, "the environment is") for kind, home in homes.items() if home}
    for name, balancer in environment.load_balancers.items():
        parts = {
            "certificateArn": ("certificate", balancer.certificate_arn),
            "listenerArn": ("listener", balancer.listener_arn),
            "waf": ("web ACL", balancer.waf),
        }
        for key, (what, arn) in parts.items():
            fields = "".join(map(_fixed, parts_of(arn))).split(":") if arn is not None else []
            for kind, found in zip(homes, fields[3:5], strict=False):
                if not found or HOLE in found:
                    continue
                home, other = known.setdefault(kind, (found, f"the {what} of `{name}` is"))
                if found != home:
                    message = f"the {what} is in the {kind} {found}, and {other} in {home}"
                    hint = f"use a {what} in the {kind} {home}"
                    yield Problem(("environment", "loadBalancers", name, key), message, hint)


def _fixed(part: Part) -> str:
    """A part of an ARN; a hole for the account and the region that a deploy is in, which are those of the stack."""
    return HOLE if isinstance(part, Pseudo) else sample(Text((part,)))


_NEW_ONLY = (
    *("certificateArn", "internal", "idleTimeout", "sslPolicy", "allowCidrs"),
    *("accessLogs", "deletionProtection", "waf", "auth"),
)
_EXISTING = ("securityGroupId", "dnsName")


@rule("S422", "a load balancer that is neither new nor existing", kinds=("Environment",))
def balancer_form(case: Case) -> Problems:
    """An existing load balancer is named by `listenerArn`, `securityGroupId` and `dnsName` together. It keeps its
    certificate and its attributes, so the keys of a new one have no effect."""
    for name, balancer in case.environment_spec.environment.load_balancers.items():
        at = f"environment.loadBalancers.{name}"
        written = [key for key in (*_EXISTING, "listenerProtocol") if case.wrote(f"{at}.{key}")]
        if balancer.listener_arn is None:
            for key in written:
                message = f"`{key}` is that of an existing load balancer"
                yield Problem(f"{at}.{key}", message, "add its `listenerArn`, or leave it out", key=True)
            continue
        if missing := [f"`{key}`" for key in _EXISTING if key not in written]:
            message = f"the existing load balancer needs {joined(missing, 'and')} beside `listenerArn`"
            yield Problem(f"{at}.listenerArn", message, f"add {joined(missing, 'and')}", key=True)
        for key in _NEW_ONLY:
            if case.wrote(f"{at}.{key}"):
                message = f"`{key}` is for a new load balancer, and `listenerArn` names an existing one"
                yield Problem(f"{at}.{key}", message, "keep one of them", key=True)


_CERTIFIED = 64
"""The longest first name of a certificate, which has a wildcard below it.
Source: https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html"""


@rule("S423", "a domain that cannot be served", kinds=("Environment",))
def domains(case: Case) -> Problems:
    """A hosted zone is that of the domain: the stack writes the records of the domain and of its subdomains there. ACM
    issues a certificate for a domain of at most 64 characters. Two load balancers cannot have the same records."""
    seen: dict[tuple[str, str], str] = {}
    for name, balancer in case.environment_spec.environment.load_balancers.items():
        at = f"environment.loadBalancers.{name}"
        if case.wrote(f"{at}.rootRecord") and balancer.hosted_zone_id is None:
            message = "without a hosted zone there are no records"
            yield Problem(f"{at}.rootRecord", message, "add `hostedZoneId`, or leave it out", key=True)
        if balancer.hosted_zone_id is None:
            continue
        if balancer.domain is None:
            message = "a hosted zone needs the domain whose records it gets"
            yield Problem(f"{at}.hostedZoneId", message, "add `domain`, such as staging.example.com", key=True)
            continue
        if balancer.makes_certificate and len(balancer.domain) > _CERTIFIED:
            message = f"the domain has {len(balancer.domain)} characters, and ACM accepts {_CERTIFIED}"
            yield Problem(f"{at}.domain", message, "use a shorter domain, or add `certificateArn`")
        other = seen.setdefault((sample(balancer.hosted_zone_id), balancer.domain), name)
        if other != name:
            message = f"the load balancer `{other}` has the same domain in the same hosted zone"
            yield Problem(f"{at}.domain", message, f"give each its own domain, such as {name}.{balancer.domain}")


@rule("S424", "one load balancer with two names", kinds=("Environment",))
def same_listener(case: Case) -> Problems:
    """Services choose a load balancer by its name, and the priorities of their rules are unique at each listener."""
    seen: dict[str, str] = {}
    for name, balancer in case.environment_spec.environment.load_balancers.items():
        if balancer.listener_arn is not None:
            other = seen.setdefault(sample(balancer.listener_arn), name)
            if other != name:
                path = f"environment.loadBalancers.{name}.listenerArn"
                yield Problem(path, f"`{other}` is the same listener", "keep one of the names")


_RESERVED = {
    "ENV": "the name of the environment",
    "DOMAIN": "the domain of the service's load balancer",
    "AWS_REGION": "the region",
    "AWS_ACCOUNT": "the account",
}


@rule("S425", "a variable that fsdcf sets", kinds=("Environment",))
def reserved_variables(case: Case) -> Problems:
    """The placeholders `${ENV}`, `${DOMAIN}`, `${AWS_REGION}` and `${AWS_ACCOUNT}` have a meaning in every spec."""
    for name in case.environment_spec.environment.variables:
        if name in _RESERVED:
            message = f"`${{{name}}}` is always {_RESERVED[name]}"
            yield Problem(("environment", "variables", name), message, "choose another name", key=True)


@rule("S426", "a setting of an existing cluster", kinds=("Environment",))
def cluster_form(case: Case) -> Problems:
    """`cluster.name` names a cluster that another stack sets up, and that may record sessions of ECS Exec in a log
    group of its own."""
    cluster = case.environment_spec.environment.cluster
    if cluster.name is None:
        return
    if cluster.container_insights is not None:
        message = "`containerInsights` is for a new cluster, and `name` names an existing one"
        yield Problem("environment.cluster.containerInsights", message, "keep one of them", key=True)
    logs = recorded_in(cluster.execute_command_logs)
    if logs is not None and logs.log_group is None:
        message = "`executeCommandLogs` of an existing cluster must name the log group that it records to"
        hint = "write `executeCommandLogs: {logGroup: NAME}`, or leave it out"
        yield Problem("environment.cluster.executeCommandLogs", message, hint, key=True)


@rule("S427", "defaults that no service can have", kinds=("Environment",))
def defaults(case: Case) -> Problems:
    """`defaults` is merged under every spec of the environment: it has the keys of a service's spec that can be the
    same for all of them. The name of a service is its own, and its `environments` are in its own file."""
    for path in (("apiVersion",), ("kind",), ("environments",), ("metadata", "name")):
        at = (*DEFAULTS, *path)
        if case.document.has(at):
            message = f"`{'.'.join(path)}` cannot be the same for every service"
            yield Problem(at, message, "write it in the spec of each service", key=True)


@rule(
    "W145",
    "a namespace that hides a public domain",
    "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html",
    kinds=("Environment",),
)
def hidden_domain(case: Case) -> Problems:
    """The namespace is a private hosted zone of the VPC, which answers there for every name that ends with it: public
    records with such names do not exist inside the VPC, not even for the services themselves."""
    spec = case.environment_spec
    for name, balancer in spec.environment.load_balancers.items():
        if balancer.domain is not None and f".{balancer.domain}".endswith(f".{spec.namespace}"):
            message = f"inside the network, `{spec.namespace}` hides the records of `{balancer.domain}` ({name})"
            hint = f"use a name such as {spec.metadata.name}.internal"
            yield Problem("environment.namespace", message, hint, key=True)


@rule(
    "W146",
    "more addresses than an account has at first",
    "https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html",
    kinds=("Environment",),
)
def addresses(case: Case) -> Problems:
    """Each NAT gateway needs an Elastic IP address, of which an account has five in a region at first."""
    network = case.environment_spec.environment.network
    zones = network.availability_zones
    count = zones if isinstance(zones, int) else len(zones or ())
    if network.nat == "perZone" and count > _MOST_ADDRESSES:
        message = f"{count} NAT gateways need {count} Elastic IP addresses, and the quota is {_MOST_ADDRESSES}"
        hint = "use `nat: regional` or fewer zones, or have the quota raised"
        yield Problem("environment.network.nat", message, hint)


_MOST_ADDRESSES = 5


@rule("W166", "an internal load balancer that does not admit its own network", kinds=("Environment",))
def closed_to_its_network(case: Case) -> Problems:
    """An internal load balancer admits the private ranges 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16 unless
    `allowCidrs` names others. The services of a network outside of these ranges do not reach it."""
    environment = case.environment_spec.environment
    cidr = environment.network.cidr
    if environment.network.id is not None or cidr is None:
        return
    inside = any(ip_network(cidr, strict=False).overlaps(ip_network(one)) for one in PRIVATE_RANGES)
    for name, balancer in environment.load_balancers.items():
        if balancer.internal and balancer.listener_arn is None and not balancer.allow_cidrs and not inside:
            message = f"the load balancer `{name}` does not admit {cidr}, in which the services are"
            hint = f"add `allowCidrs: [{', '.join(PRIVATE_RANGES)}, {cidr}]`"
            yield Problem(f"environment.loadBalancers.{name}.internal", message, hint, key=True)


@rule(
    "W147",
    "zones without their region",
    ZONE_IDS,
    kinds=("Environment",),
)
def zones_without_region(case: Case) -> Problems:
    """The ids of zones belong to one region. If the file names it, every command refuses another one; if not, only a
    deploy stops there, at the zones, and other commands do not find the environment."""
    environment = case.environment_spec.environment
    zones = environment.network.availability_zones
    if environment.region is None and isinstance(zones, tuple) and zones:
        region = region_of_zones(zones[0].partition("-az")[0])
        hint = f"add `region: {region}` to `environment`" if region else "add the `region` of the zones"
        message = f"`{zones[0]}` is in {f'{region},' if region else 'a region'} which the file does not name"
        yield Problem("environment.network.availabilityZones", message, hint)


@rule("W290", "an environment that no file names")
def unnamed_environment(case: Case) -> Problems:
    """The environment is a part of the stack's name: a typing error such as `prodd` creates a second stack next to
    `prod`. Known environments are those under `environments`, those of a file `environments/NAME.yml` or of the
    workflow that `fsdcf ci github` wrote, and `staging`; if no file names any, also usual names such as `dev` and
    `prod`. `fsdcf deploy` asks before it creates the stack of another one, and refuses it without a terminal unless
    `--new-env` is given."""
    known = others_than(case.environment, case.document, case.named) if case.named else ()
    if known:
        name, close = case.environment, similar(case.environment, known)
        guess = f"did you mean `{close}`? " if close else ""
        has_others = case.wrote("environments")
        new = f"`{name}: {{}}` to `environments`" if has_others else f"`environments: {{{name}: {{}}}}`"
        hint = f"{guess}If `{name}` is new, add {new}, or pass --new-env"
        path = "environments" if has_others else "metadata.name"
        yield Problem(path, f"no file names the environment `{name}`", hint, key=has_others)
