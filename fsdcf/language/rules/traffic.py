"""Rules about the requests at a load balancer: protocols, conditions, redirects, sign-in, the domain, the region."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from fsdcf.diagnostics import SpecPath, joined
from fsdcf.language.conditions import MOST_IN_CONDITION, fixed_values, has_wildcard, hosts_of, matches
from fsdcf.language.model.service import MOST_GROUPS, OF_BALANCER, SCALED_BY, LoadBalancer
from fsdcf.language.model.traffic import MOST_VALUES, Domain, HeaderCondition, QueryCondition, Redirect
from fsdcf.language.placeholders import String, sample
from fsdcf.language.rules.case import Case, Problem, Problems, rule
from fsdcf.links import HEALTH_CHECKS, LISTENER_CONDITIONS, SIGN_IN

_BALANCER = "service.networking.loadBalancer"
_STEPS: SpecPath = tuple(_BALANCER.split("."))
_MOST_RULES = 100
"""Rules of a load balancer.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html"""


def is_encrypted(case: Case, balancer: LoadBalancer) -> bool:
    """Whether clients reach the service by HTTPS: its own load balancer has a certificate, or that of the
    environment."""
    if case.joined is None:
        return balancer.https
    shared = case.shared_balancer
    return shared is None or shared[1].https or shared[1].listener_arn is not None  # another rule reports a wrong name


def _certificate_hint(case: Case) -> str:
    owner = "" if case.joined is None else "to the load balancer in the environment's file "
    return f"add certificateArn {owner}for HTTPS, or a domain with its hostedZoneId"


@rule(
    "S277",
    "security groups that the tasks cannot have",
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html",
)
def task_groups(case: Case) -> Problems:
    """A task has at most five security groups, its own and the one of the environment that it joins among them. They
    are in its VPC: a new VPC contains no group but those of the service, so `securityGroups` belongs to an existing
    VPC (`networking.vpc.id`), or to a service that joins an environment."""
    networking, path = case.service.networking, "service.networking.securityGroups"
    groups = list(map(sample, networking.security_groups))
    if groups and not networking.shared and networking.network.id is None:
        hint = (
            "name their VPC in networking.vpc.id; or let the groups of the others admit the output TaskSecurityGroupId"
        )
        yield Problem(path, "an existing security group cannot be in the new VPC of this service", hint, key=True)
    for index, group in enumerate(groups):
        if group in groups[:index]:
            yield Problem((*path.split("."), index), f"`{group}` is listed twice", "list each group once")
    if networking.shared and len(groups) > MOST_GROUPS - 2:
        message = f"{len(groups)} groups are too many: with its own and the environment's, a task has at most five"
        yield Problem(path, message, f"list at most {MOST_GROUPS - 2}", key=True)


@rule(
    "S278",
    "a protocol that needs HTTPS",
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html",
)
def needs_https(case: Case) -> Problems:
    """A load balancer sends HTTP/2 and gRPC to its targets, and signs users in, only for requests that arrive by HTTPS.
    With HTTP/2 and gRPC it can only forward, without a sign-in before."""
    balancer = case.service.load_balancer
    if balancer is None:
        return
    version = balancer.protocol_version
    if not is_encrypted(case, balancer):
        keys = (("protocolVersion", version != "http1", f"protocolVersion: {version}"), ("auth", balancer.auth, "auth"))
        for key, is_written, shown in keys:
            if is_written:
                message = f"`{shown}` needs HTTPS at the load balancer"
                yield Problem(f"{_BALANCER}.{key}", message, _certificate_hint(case), key=True)
    if balancer.auth and version != "http1":
        message = f"a load balancer does not sign users in before it forwards by {version}"
        hint = "leave out auth, or use protocolVersion http1"
        yield Problem(f"{_BALANCER}.auth", message, hint, key=True)


@rule(
    "S279",
    "codes of another protocol",
    HEALTH_CHECKS,
)
def health_codes(case: Case) -> Problems:
    """A health check by gRPC counts gRPC codes, from 0 to 99, and another one the status codes of HTTP. A range goes
    from the lower code to the higher one."""
    balancer, codes = case.service.load_balancer, case.service.health_check.grpc_codes
    if balancer is None:
        return
    grpc = balancer.protocol_version == "grpc"
    if grpc and case.wrote("service.healthCheck.successCodes"):
        path, message = "service.healthCheck.successCodes", "a health check by gRPC has no status code of HTTP"
        yield Problem(path, message, "use grpcCodes, such as `grpcCodes: 0`", key=True)
    path = "service.healthCheck.grpcCodes"
    if codes is not None and not grpc:
        hint = "use successCodes, or add `networking: {loadBalancer: {protocolVersion: grpc}}`"
        yield Problem(path, "grpcCodes needs `protocolVersion: grpc`", hint, key=True)
    for part in (codes or "").split(","):
        low, dash, high = part.partition("-")
        if dash and int(low) > int(high):
            yield Problem(path, f"`{part}` begins with the higher code", f"write `{high}-{low}`")


@rule("S280", "a domain that the load balancer cannot serve")
def domain(case: Case) -> Problems:
    """`domain` gives a load balancer of the service's own its host name. With `hostedZoneId` the stack has the alias
    records, and a certificate for all of these names unless `certificateArn` names one. Without it the certificate is
    given, and the record is yours. Every host in `hosts` and in `redirects` must be a name of the certificate."""
    balancer = case.service.load_balancer
    if balancer is None or balancer.domain is None or case.service.networking.shared:
        return
    path, wanted = f"{_BALANCER}.domain", balancer.domain
    if wanted.hosted_zone_id is None:
        if balancer.certificate_arn is None:
            message = f"nothing serves `{wanted.name}`: there is no hosted zone for its certificate and its record"
            hint = "add hostedZoneId; or add certificateArn, and create the record yourself"
            yield Problem(path, message, hint, key=True)
        if wanted.aliases:
            message = "`aliases` needs hostedZoneId, where their records are"
            yield Problem(f"{path}.aliases", message, "add hostedZoneId, or leave it out", key=True)
    if not balancer.makes_certificate:
        return
    for place, host in written_hosts(balancer):
        if not _is_covered(host.lower(), wanted):
            message = f"`{host}` is not a name of the certificate, which is for {joined(wanted.names, 'and')}"
            hint = f"add it to domain.aliases if it is in the same hosted zone; {_OTHERWISE}"
            yield Problem(place, message, hint)


_OTHERWISE = "otherwise create a certificate for all the names, and write certificateArn"


def written_hosts(balancer: LoadBalancer) -> Iterator[tuple[SpecPath, str]]:
    """The hosts that a spec writes for rules of a load balancer, each with its path."""
    places: list[tuple[SpecPath, LoadBalancer | Redirect]] = [(_STEPS, balancer), *_redirects(balancer)]
    for above, each in places:
        yield from (((*above, "hosts", index), host) for index, host in enumerate(each.hosts))


def _is_covered(host: str, domain: Domain) -> bool:
    """Whether a certificate for the names of a domain is for a host: as it is, or by a wildcard for one label."""
    above = host.partition(".")[2]
    return host in domain.names or (f"*.{above}" in domain.names and not has_wildcard(host))


@rule("S281", "conditions that a rule cannot have", LISTENER_CONDITIONS)
def conditions(case: Case) -> Problems:
    """A rule of a listener takes five values over all its conditions and five wildcards, and each condition three
    values. fsdcf divides hosts and paths among several rules; headers and query parameters are in each of them, so
    together with one host and one path they must fit into one. A load balancer has at most 100 rules."""
    balancer = case.service.load_balancer
    if balancer is None:
        return
    for index, header in enumerate(balancer.headers):
        if header.name.lower() == "host":
            message = "the header Host is that of the condition `hosts`"
            yield Problem((*_STEPS, "headers", index, "name"), message, "use hosts")
    rules, shared = 0, case.shared_balancer
    by_default = hosts_of(case.spec, shared[1]) if shared else ()
    for above, each in _conditional(balancer):
        headers, query = (each.headers, each.query) if isinstance(each, LoadBalancer) else ((), ())
        yield from _repeated((*above, "hosts"), [host.lower() for host in each.hosts])
        yield from _repeated((*above, "paths"), each.paths)
        others: dict[str, Sequence[HeaderCondition | QueryCondition]] = {"headers": headers, "query": query}
        for key, listed in others.items():
            known = [(one.name, sorted(one.values)) for one in listed]
            for index, one in enumerate(listed):
                yield from _repeated((*above, key, index, "values"), one.values)
                if known[index] in known[:index]:
                    yield Problem((*above, key, index), "this condition is listed twice", "list it once")
        divided = matches(each.hosts or by_default, each.paths, fixed_values(headers, query), bool(shared))
        rules += len(divided)
        if not divided:
            key = next(key for key in ("headers", "query", "paths", "hosts") if getattr(each, key, ()))
            message = f"a rule takes {MOST_VALUES} values and {MOST_VALUES} wildcards in all its conditions, which "
            message += "do not hold these"
            hint = f"use fewer values or wildcards; a condition has at most {MOST_IN_CONDITION} values"
            hint += f", and the host {by_default[0]} is one more" if by_default and not each.hosts else ""
            yield Problem((*above, key), message, hint, key=True)
    if rules > _MOST_RULES:
        message = f"hosts, paths and redirects need {rules} rules, and a load balancer has at most {_MOST_RULES}"
        yield Problem(_BALANCER, message, "use fewer, with wildcards", key=True)


def _repeated(path: SpecPath, texts: Sequence[str]) -> Problems:
    for index, text in enumerate(texts):
        if text in texts[:index]:
            yield Problem((*path, index), f"`{text}` is listed twice", "list it once")


def _conditional(balancer: LoadBalancer) -> Iterator[tuple[SpecPath, LoadBalancer | Redirect]]:
    """What has conditions, with its path."""
    if balancer.is_conditional:
        yield _STEPS, balancer
    yield from _redirects(balancer)


def _redirects(balancer: LoadBalancer) -> Iterator[tuple[SpecPath, Redirect]]:
    return (((*_STEPS, "redirects", index), redirect) for index, redirect in enumerate(balancer.redirects))


@rule(
    "S282",
    "a redirect that leads nowhere",
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html",
)
def redirects(case: Case) -> Problems:
    """A redirect names the hosts or the paths that it is for, and another host or path. What it leads to must not be
    redirected by itself: the browser would never arrive."""
    balancer = case.service.load_balancer
    for path, redirect in _redirects(balancer) if balancer else ():
        if not redirect.hosts and not redirect.paths:
            message = "the redirect is for every request, and the service gets none"
            yield Problem(path, message, "add hosts or paths")
        elif redirect.to_host is None and redirect.to_path is None:
            yield Problem(path, "the redirect leads to the same place", "add toHost or toPath")
        elif _is_loop(redirect):
            target = f"`{redirect.to_host or ''}{redirect.to_path or ''}`"
            message = f"the redirect is for {target} too, where it leads: a browser would never arrive"
            yield Problem(path, message, "name hosts or paths without the one that it leads to")


def _is_loop(redirect: Redirect) -> bool:
    """Whether a redirect is also for what it leads to."""
    host, target = (redirect.to_host or "").lower(), (redirect.to_path or "").replace("#{path}", "x")
    same_host = not redirect.to_host or not redirect.hosts or any(_fits(host, one.lower()) for one in redirect.hosts)
    same_path = not redirect.to_path or not redirect.paths or any(_fits(target, one) for one in redirect.paths)
    return same_host and same_path


def _fits(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))


@rule(
    "S283",
    "a sign-in without an identity provider, or with two",
    SIGN_IN,
)
def sign_in(case: Case) -> Problems:
    """`auth` names one identity provider: one that speaks OpenID Connect (`oidc`), or a user pool of Amazon Cognito
    (`cognito`)."""
    balancer = case.service.load_balancer
    auth = balancer.auth if balancer else None
    if auth is not None and (auth.oidc is None) == (auth.cognito is None):
        message = "`auth` has no identity provider" if auth.oidc is None else "`auth` has two identity providers"
        yield Problem(f"{_BALANCER}.auth", message, "write either oidc or cognito", key=True)


@rule(
    "S284",
    "a certificate or web ACL of another region",
    "https://docs.aws.amazon.com/acm/latest/userguide/acm-regions.html",
)
def regions(case: Case) -> Problems:
    """A load balancer uses a certificate and a web ACL of its own region. The region is that of the environment's file,
    if it says one; else both must have the same."""
    balancer = case.service.load_balancer
    if balancer is None:
        return
    home, reason = (case.file.spec.environment.region if case.file else None), "the region of the environment"
    named: list[tuple[str, String | None, str]] = [
        ("certificateArn", balancer.certificate_arn, "the certificate"),
        ("waf", balancer.waf, "the web ACL"),
    ]
    for key, arn, what in named:
        region = sample(arn).split(":")[3] if isinstance(arn, str) else ""  # with a placeholder it is not known
        if region and home and region != home:
            message = f"{what} is in {region}, and {reason} is {home}"
            yield Problem(f"{_BALANCER}.{key}", message, f"use one in {home}")
        elif region and home is None:
            home, reason = region, f"that of {what}"


@rule(
    "S285",
    "scaling by the requests of a service without a load balancer",
    "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html",
)
def scaling_metrics(case: Case) -> Problems:
    """The number of requests and the response time are metrics of the load balancer."""
    auto = case.service.auto_scaling
    if auto is None or case.service.load_balancer is not None:
        return
    hint = "scale by CPU, memory or the backlog of a queue"
    for metric in OF_BALANCER:
        key = SCALED_BY[metric]
        if case.wrote(f"service.autoScaling.{key}"):
            message = f"`{key}` needs a load balancer, which counts the requests"
            yield Problem(f"service.autoScaling.{key}", message, hint, key=True)
    for index, policy in enumerate(auto.policies):
        if policy.metric in OF_BALANCER:
            message = f"`{policy.metric}` needs a load balancer, which counts the requests"
            yield Problem(("service", "autoScaling", "policies", index, "metric"), message, hint)


@rule("W134", "a port that nothing can reach")
def unreachable_port(case: Case) -> Problems:
    """The security group of the tasks admits only the load balancer. Without one, only other tasks of an
    environment (`networking.shared`) or the groups in `networking.securityGroups` open a way to the port."""
    networking = case.service.networking
    if case.service.port is None or networking.load_balancer is not False:
        return
    if not networking.shared and not networking.security_groups:
        hint = (
            "join an environment with `networking.shared: true`, add networking.securityGroups that admit clients, or "
        )
        hint += "leave out port for a worker"
        yield Problem(_BALANCER, f"nothing can connect to port {case.service.port}", hint, key=True)


@rule(
    "W135",
    "an identity provider that the load balancer cannot reach",
    SIGN_IN,
)
def unreachable_provider(case: Case) -> Problems:
    """The load balancer calls the endpoints of the identity provider. An internal one is in the private subnets, so it
    needs NAT for an identity provider on the internet, as that of Amazon Cognito is."""
    balancer, network, where = case.service.load_balancer, case.service.networking.network, ""
    if balancer is None or balancer.auth is None:
        return
    is_internal = balancer.internal
    if case.joined is not None and case.file is not None:
        shared = case.shared_balancer
        is_internal = shared is not None and shared[1].internal and shared[1].listener_arn is None
        network, where = case.joined.environment.network, f" in {case.file.name}"
    if is_internal and network.id is None and network.nat == "none":
        message = "without NAT an internal load balancer cannot reach the identity provider"
        yield Problem(f"{_BALANCER}.auth", message, f"use `nat: single`{where}", key=True)
