"""Rules about services that join an environment: what belongs to its load balancer, and what to the service."""

from __future__ import annotations

from fsdcf.cloudformation.priorities import WRITTEN
from fsdcf.conventions import similar
from fsdcf.diagnostics import joined
from fsdcf.language.conditions import hosts_of, shared_rules
from fsdcf.language.rules.case import Case, Problem, Problems, rule
from fsdcf.language.rules.traffic import written_hosts
from fsdcf.links import LISTENER_CONDITIONS

_BALANCER = "service.networking.loadBalancer"
_LONGEST_HOST = 128
"""Characters of a host in a condition.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"""

_OF_SHARED = ("name", "priority")
_OF_OWN = (
    *("internal", "certificateArn", "sslPolicy", "idleTimeout", "allowCidrs"),
    *("accessLogs", "deletionProtection", "waf", "domain"),
)


@rule("S441", "a key of a shared load balancer")
def shared_keys(case: Case) -> Problems:
    """A load balancer of an environment serves many services: the spec of each may name the load balancer, and set the
    priority of its rule. A load balancer of the service's own has neither."""
    if case.service.networking.shared:
        return
    for key in _OF_SHARED:
        if case.wrote(f"{_BALANCER}.{key}"):
            message = f"`{key}` is for a load balancer of an environment, and this one belongs to the service alone"
            hint = "join an environment with `networking.shared: true`, or leave it out"
            yield Problem(f"{_BALANCER}.{key}", message, hint, key=True)


@rule("S442", "a key of the environment's load balancer")
def own_keys(case: Case) -> Problems:
    """A service that joins an environment has rules at a load balancer that the environment's file describes: its
    scheme, certificate, timeout and sources are the same for all services."""
    if not case.service.networking.shared:
        return
    found = case.shared_balancer
    name = found[0] if found else "public"
    for key in _OF_OWN:
        if case.wrote(f"{_BALANCER}.{key}"):
            message = f"`{key}` belongs to the load balancer, which the service shares with others"
            hint = f"write it in {case.file_name} as environment.loadBalancers.{name}.{key}, or leave it out"
            hint += "; the hosts of the service are in `hosts`" if key == "domain" else ""
            yield Problem(f"{_BALANCER}.{key}", message, hint, key=True)


@rule("S287", "a key of the environment's cluster")
def cluster_keys(case: Case) -> Problems:
    """A service that joins an environment runs in a cluster that the environment's file describes, for all services."""
    if not case.service.networking.shared:
        return
    for key in ("executeCommandLogs", "containerInsights"):
        if case.wrote(f"service.{key}"):
            message = f"`{key}` belongs to the cluster, which the service shares with others"
            hint = f"write it in {case.file_name} as environment.cluster.{key}, or leave it out"
            yield Problem(f"service.{key}", message, hint, key=True)


@rule("S443", "no load balancer of this name")
def unknown_balancer(case: Case) -> Problems:
    """A service that joins an environment uses one of its load balancers: the one that `name` names, else the only one,
    else the one named `public`. A port without a load balancer needs `loadBalancer: false`."""
    balancer = case.service.load_balancer
    if case.joined is None or balancer is None or case.shared_balancer:
        return
    known = sorted(case.joined.environment.load_balancers)
    environment = case.joined.metadata.name
    if not known:
        message = f"the environment `{environment}` has no load balancer"
        hint = f"add `loadBalancers: {{{balancer.name or 'public'}: {{domain: …}}}}` to `environment` in "
        hint += f"{case.file_name}, or write `loadBalancer: false` for a port without one"
    elif balancer.name is None:
        message = f"the environment `{environment}` has several load balancers, and none is named `public`"
        hint = f"write networking.loadBalancer.name: {joined(known)}"
    else:
        message = f"the environment `{environment}` has no load balancer `{balancer.name}`"
        close = similar(balancer.name, known)
        hint = f"did you mean `{close}`?" if close else f"use {joined(f'`{one}`' for one in known)}"
    path = f"{_BALANCER}.name" if balancer.name else _BALANCER if case.wrote(_BALANCER) else case.service.entry_path
    yield Problem(path, message, hint, key=not balancer.name)


@rule("S444", "neither a host nor a path")
def nothing_to_match(case: Case) -> Problems:
    """The load balancer of an environment tells its services apart by hosts and paths. Without `hosts` a service has
    its name in the load balancer's domain; if there is no domain, it needs hosts or paths of its own."""
    found = case.shared_balancer
    if found and not hosts_of(case.spec, found[1]) and not case.service.networking.balancer.paths:
        message = f"the load balancer `{found[0]}` has no domain, and the service has neither hosts nor paths"
        hint = f"write networking.loadBalancer.paths such as [/{case.spec.metadata.name}/*], or hosts; "
        hint += f"or add `domain` to environment.loadBalancers.{found[0]} in {case.file_name}"
        yield Problem(_BALANCER if case.wrote(_BALANCER) else case.service.entry_path, message, hint, key=True)


@rule(
    "S445",
    "a host without a certificate",
    "https://docs.aws.amazon.com/acm/latest/userguide/acm-certificate-characteristics.html",
)
def uncovered_host(case: Case) -> Problems:
    """A load balancer of an environment with `domain` and `hostedZoneId` has a certificate for the domain and for names
    one level below it. A browser refuses every other host."""
    found = case.shared_balancer
    if not found or not found[1].https or found[1].certificate_arn is not None or found[1].listener_arn is not None:
        return
    name, domain = found[0], found[1].domain or ""
    for path, host in written_hosts(case.service.networking.balancer):
        below = host.lower().removesuffix(f".{domain}")
        if host.lower() == domain or (below != host.lower() and "." not in below):
            continue
        message = f"`{host}` has no certificate: that of the load balancer is for {domain} and *.{domain}"
        label = below.replace(".", "-") if below != host.lower() else below.split(".")[0]
        hint = f"use `{label}.{domain}`, or add the certificateArn of one for all hosts to "
        yield Problem(path, message, f"{hint}environment.loadBalancers.{name} in {case.file_name}")


@rule("W150", "a host outside the domain of the load balancer")
def foreign_host(case: Case) -> Problems:
    """A load balancer of an environment with a certificate of your own, or without any, serves hosts of every domain.
    The record of one outside the balancer's domain is not in the environment's stack, and a certificate must be for
    it, too."""
    found = case.shared_balancer
    if not found or found[1].domain is None or (found[1].https and not found[1].certificate_arn):
        return
    domain = found[1].domain
    for path, host in written_hosts(case.service.networking.balancer):
        if host.lower() != domain and not host.lower().endswith(f".{domain}"):
            message = f"`{host}` is outside {domain}, the domain of the load balancer `{found[0]}`"
            hint = "point its record to the output LoadBalancerDnsName"
            hint += ", and see that the certificate is for it" if found[1].https else ""
            yield Problem(path, message, hint)


@rule("W165", "a host without a record")
def host_without_record(case: Case) -> Problems:
    """The records of an environment lead the names below its domain to the load balancer. The domain itself often has a
    record for something else, which a stack cannot replace: it gets one only if the environment's file says so."""
    found = case.shared_balancer
    if not found or found[1].hosted_zone_id is None or found[1].root_record:
        return
    for path, host in written_hosts(case.service.networking.balancer):
        if host.lower() == found[1].domain:
            message = f"`{host}` has no record in the environment's stack, whose records are for the names below it"
            key = f"environment.loadBalancers.{found[0]} in {case.file_name}"
            hint = f"if it has none yet, add `rootRecord: true` to {key}; "
            hint += "else point its record to the output LoadBalancerDnsName"
            yield Problem(path, message, hint)


@rule("S446", "a priority without room")
def priorities(case: Case) -> Problems:
    """`priority` is the number of the service's first rule; each further rule has the next one, up to 999. Rules
    without a written priority come after them."""
    priority = case.service.networking.balancer.priority
    rules = shared_rules(case.spec, case.joined) if case.joined and priority else ()
    if priority and priority + len(rules) - 1 > WRITTEN.last:
        message = f"hosts and paths need {len(rules)} rules, and priorities from {priority} end at {WRITTEN.last}"
        yield Problem(f"{_BALANCER}.priority", message, f"use {WRITTEN.last + 1 - len(rules)} or less")


@rule("S447", "an environment without subnets for the tasks")
def no_subnets(case: Case) -> Problems:
    """Tasks run in the private subnets of the environment, and with `assignPublicIp` in the public ones. An existing
    network of an environment names those that it has."""
    if case.joined is None or case.joined.environment.network.id is None:
        return
    network, is_public = case.joined.environment.network, case.service.networking.assign_public_ip
    kind, subnets = ("public", network.public_subnets) if is_public else ("private", network.private_subnets)
    if not subnets:
        message = f"the tasks of {case.spec.metadata.name} run in {kind} subnets, and the network has none"
        hint = f"add {kind}Subnets"
        if not is_public:
            hint += ", or write `networking: {assignPublicIp: true}` in the spec of the service"
        yield Problem("environment.network", message, hint, key=True)


@rule(
    "S448",
    "a host that a rule cannot have",
    LISTENER_CONDITIONS,
)
def long_host(case: Case) -> Problems:
    """Without `hosts` the host of a service is its name in the domain of the load balancer. A rule accepts hosts of 128
    characters that end in a dot and letters alone."""
    found = case.shared_balancer
    if not found or case.service.networking.balancer.hosts:
        return
    for host in hosts_of(case.spec, found[1]):
        if not host.rpartition(".")[2].isalpha():
            message = f"the host {host} does not end in letters alone, as a rule demands"
            yield Problem("metadata.name", message, f"use a domain in {case.file_name} that ends in letters")
        elif len(host) > _LONGEST_HOST:
            message = f"the host {host} has {len(host)} characters, and a rule accepts {_LONGEST_HOST}"
            yield Problem("metadata.name", message, f"use a shorter domain in {case.file_name}, or write hosts")


@rule("S428", "a sign-in at a load balancer that reaches no identity provider")
def unreachable_providers(case: Case) -> Problems:
    """A load balancer of an environment reaches the services of the environment only, unless its file says that it may
    call the identity providers of services with `auth`."""
    balancer = case.service.load_balancer
    found = case.shared_balancer
    if found and balancer and balancer.auth is not None and found[1].listener_arn is None and not found[1].auth:
        message = f"the load balancer `{found[0]}` reaches no identity provider"
        hint = f"add `auth: true` to environment.loadBalancers.{found[0]} in {case.file_name}"
        yield Problem(f"{_BALANCER}.auth", message, hint, key=True)
