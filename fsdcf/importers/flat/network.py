"""The network of the flat dialect: health checks, the load balancer and service discovery."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fsdcf.importers.draft import Block
from fsdcf.importers.flat.reading import (
    above,
    duration,
    flat,
    get,
    items,
    keys,
    listed,
    nothing,
    put,
    seconds,
    snake,
    table,
    text,
    texts,
    translated,
)
from fsdcf.importers.keys import Convert, SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import put_flag, put_number, put_opposite


def _check(value: SourceValue, block: Block) -> None:
    if isinstance(value.data, list):
        block.put("healthCheck.container.command", [translated(each, each.text) for each in value.items()])
    else:
        block.put("healthCheck.container.command", translated(value, value.text))


def check_of(value: SourceValue, block: Block) -> KeyOutcome | None:
    """A health check in one word: its path, or the command of the container; true is what a spec has by default."""
    if isinstance(value.data, bool):
        return (
            None if value.data else not_carried("a load balancer always checks its targets: write `healthCheck.path`")
        )
    if " " in value.text.strip():
        _check(value, block)
        return carried("healthCheck.container.command")
    return path_of(value, block) or carried("healthCheck.path")


def _check_table() -> Table:
    return table(
        *keys("path endpoint uri url", "healthCheck.path", path_of),
        SourceKey("port", "healthCheck.port", convert=_check_port),
        *put("protocol", "healthCheck.protocol", _protocol),
        *put("interval interval_seconds", "healthCheck.interval", seconds, 5, 300),
        *put("timeout timeout_seconds", "healthCheck.timeout", seconds, 2, 120),
        *put(
            "healthy_threshold healthy_threshold_count success_threshold",
            "healthCheck.healthyThreshold",
            put_number,
            2,
            10,
        ),
        *put(
            "unhealthy_threshold unhealthy_threshold_count failure_threshold retries",
            "healthCheck.unhealthyThreshold",
            put_number,
            2,
            10,
        ),
        *keys(
            "success_codes matcher codes status_codes http_codes expected_status status_code",
            "healthCheck.successCodes",
            _codes,
        ),
        *put(
            "grace_period start_period initial_delay grace_period_seconds initial_delay_seconds "
            "health_check_grace_period",
            "healthCheck.gracePeriod",
            seconds,
        ),
        *keys("command test", "healthCheck.container.command", _check, whole=True),
        *keys("enabled type", "healthCheck", nothing),
    )


def check_keys() -> Iterator[SourceKey]:
    """The names of a health check."""
    return (SourceKey(path, "healthCheck", convert=check_of, table=CHECK) for path in ("health_check", "healthcheck"))


def path_of(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Put the path of a health check, without its host. Raises UnfitError."""
    given = translated(value, value.text)
    path = given if given.startswith("/") else "/" + re.sub(r"^https?://[^/]*/?", "", given)
    block.put("healthCheck.path", path)
    return changed("a path begins with /", "healthCheck.path") if path != given else None


def _check_port(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.is_text() and value.text in ("traffic-port", "traffic_port"):
        return None
    block.put("healthCheck.port", value.number)
    return None


def _codes(value: SourceValue, block: Block) -> None:
    given = ",".join(each.text.strip() for each in listed(value))
    if not re.fullmatch(r"[2-4]\d\d([,-][2-4]\d\d)*", given):
        raise UnfitError("must be codes such as 200 or 200-299")
    block.put("healthCheck.successCodes", given if "-" in given or "," in given else int(given))


def _protocol(to: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        given = value.text.lower()
        if given == "http":
            return None
        if given != "https":
            return not_carried("the load balancer checks by HTTP or HTTPS")
        block.put(to, given)
        return None

    return convert


def _port_protocol(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = value.text.lower()
    if given == "http":
        return None
    if given == "https":
        to = "networking.loadBalancer.protocol"
        block.put(to, "https")
        return changed(
            "to the container; its clients use HTTPS once the load balancer has certificateArn or domain", to
        )
    if given in ("grpc", "http2"):
        return not_carried(
            f"the load balancer needs a certificate for it: write networking.loadBalancer.protocolVersion: {given}"
            " with certificateArn or domain"
        )
    return not_carried(
        "the load balancer of a service is for HTTP: `networking.loadBalancer: false` has a port without one, and"
        " `serviceConnect: {protocol: tcp}` lets other services call it"
    )


def group(value: SourceValue, block: Block) -> Block | None:
    """Add a security group by its id. Raises UnfitError."""
    given = value.text
    if not re.fullmatch(r"sg-[0-9a-z]{8,17}", given):
        raise UnfitError("must be the id of a security group: write it as networking.securityGroups: [sg-…]")
    block.put("networking.securityGroups", [*(block.get("networking.securityGroups") or ()), given])
    note(value, block, carried("networking.securityGroups"))
    return None


_OF_ENVIRONMENT = (
    "internal",
    "certificateArn",
    "sslPolicy",
    "idleTimeout",
    "allowCidrs",
    "accessLogs",
    "deletionProtection",
    "waf",
)
"""The keys of a load balancer that the file of an environment has, where services share one."""


def _on_balancer(inner: Convert) -> Convert:
    """A key of the load balancer, which the service may not have, or share with others of an environment."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        if block.get("networking.loadBalancer") is False:
            return not_carried("the service has no load balancer")
        outcome = inner(value, block)
        own = block.get("networking.loadBalancer")
        moved = [key for key in _OF_ENVIRONMENT if key in own] if isinstance(own, dict) and flat(block).shared else []
        if not moved:
            return outcome
        for key in moved:
            given = own.pop(key)
            for environment in flat(block).shared:
                path = f"loadBalancers.{flat(block).balancer}.{key}"
                before = environment.block.get(path)
                if before not in (None, given) and not flat(block).overrides:
                    return not_carried(f"the services share a load balancer, for which another document has {before}")
                environment.block.put(path, given)
        files = " and ".join(each.path for each in flat(block).shared)
        return changed(f"services share the load balancer: {files} has it", "networking.loadBalancer")

    return convert


def _balancer_type(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = value.text.lower()
    if given in ("application", "alb", "http", "https"):
        return None
    if given in ("none", "false"):
        block.put("networking.loadBalancer", False)
        return None
    return not_carried("the load balancer is an application load balancer, which serves HTTP and HTTPS")


def enabled_balancer(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Switch the load balancer off if its flag is false. Raises UnfitError."""
    if not value.flag:
        block.put("networking.loadBalancer", False)
    return carried("networking.loadBalancer")


def _scheme(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = value.text.lower()
    if given not in ("internal", "internet-facing", "public", "private"):
        raise UnfitError("must be internal or internet-facing")
    block.put("networking.loadBalancer.internal", given in ("internal", "private"))
    return None


def _certificate(value: SourceValue, block: Block) -> None:
    given = translated(value, value.text)
    if not given.startswith("arn:") and not given.startswith("${"):
        raise UnfitError("must be the ARN of a certificate: write it as networking.loadBalancer.certificateArn")
    block.put("networking.loadBalancer.certificateArn", given)


def _web_acl(value: SourceValue, block: Block) -> None:
    given = translated(value, value.text)
    if not given.startswith("arn:") and not given.startswith("${"):
        raise UnfitError("must be the ARN of a web ACL: write it as networking.loadBalancer.waf")
    block.put("networking.loadBalancer.waf", given)


def _waf(value: SourceValue, block: Block) -> KeyOutcome | None:
    if get(above(value), "web_acl_arn", "arn", "acl_arn") is not None or not value.flag:
        return None
    return not_carried("a web ACL is known by its ARN: write it as networking.loadBalancer.waf")


_DEFAULT_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


def _policy_of_tls(value: SourceValue, block: Block) -> KeyOutcome | None:
    """The policy of a listener, which it has with a certificate alone."""
    if any(name.split(".")[0] in map(snake, above(value).data) for name in _CERTIFICATES.split()):
        block.put("networking.loadBalancer.sslPolicy", value.text)
        return None
    if value.text == _DEFAULT_POLICY:
        return changed(
            "it is the default, once the load balancer has certificateArn or domain", "networking.loadBalancer"
        )
    return not_carried("without a certificate there is no TLS: write certificateArn or domain, and this as sslPolicy")


_CERTIFICATES = (
    "certificate certificate_arn cert cert_arn ssl_certificate_arn acm_certificate_arn tls.certificate_arn "
    "https.certificate_arn ssl.certificate_arn certificate.arn listener.certificate_arn"
)


def _domain(value: SourceValue, block: Block) -> KeyOutcome:
    given = translated(value, value.text)
    block.put("networking.loadBalancer.hosts", [*(block.get("networking.loadBalancer.hosts") or ()), given])
    return changed(
        "as the host name of its requests: `domain: {name, hostedZoneId}` has a certificate and a record, too",
        "networking.loadBalancer.hosts",
    )


def _hosts(value: SourceValue, block: Block) -> None:
    hosts = [translated(each, each.text) for each in listed(value)]
    block.put("networking.loadBalancer.hosts", [*(block.get("networking.loadBalancer.hosts") or ()), *hosts])


def _paths(value: SourceValue, block: Block) -> KeyOutcome | None:
    paths = [translated(each, each.text) for each in listed(value)]
    if paths in (["/"], ["/*"]):
        return None
    block.put("networking.loadBalancer.paths", ["/" + each.lstrip("/") for each in paths])
    return None


def discovery(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Register the tasks for service discovery if the flag is true. Raises UnfitError."""
    if value.flag:
        block.put("networking.serviceDiscovery", True)
    return None


_LISTENER = "the load balancer answers at 80, and with a certificate at 443"
_SUBNETS = "the stack makes a VPC; for yours, write `networking.vpc: {id, privateSubnets, publicSubnets}`"


def _balancer_keys() -> Iterator[SourceKey]:
    to = "networking.loadBalancer"
    yield SourceKey("enabled", to, convert=enabled_balancer)
    found = (
        *keys("type", f"{to}.type", _balancer_type),
        *put("internal private", f"{to}.internal", put_flag),
        *put("public external internet_facing", f"{to}.internal", put_opposite),
        *keys("scheme visibility", f"{to}.internal", _scheme),
        *put("idle_timeout idle_timeout_seconds", f"{to}.idleTimeout", seconds, 1, 4000),
        *keys("ssl_policy tls_policy security_policy", f"{to}.sslPolicy", _policy_of_tls),
        *keys(_CERTIFICATES, f"{to}.certificateArn", _certificate),
        SourceKey("waf.enabled", f"{to}.waf", convert=_waf),
        *keys("waf.web_acl_arn waf.arn waf.acl_arn waf_acl_arn web_acl_arn waf", f"{to}.waf", _web_acl),
        *keys("domain domain_name dns_name hostname", f"{to}.hosts", _domain),
        *keys("host hosts host_header host_headers hostnames aliases", f"{to}.hosts", _hosts, whole=True),
        *keys("path paths path_pattern path_patterns path_prefix", f"{to}.paths", _paths, whole=True),
        *keys("priority rule_priority listener.priority", note="a load balancer of its own has no priorities"),
        *put("sticky stickiness sticky_sessions stickiness.enabled", f"{to}.stickiness", put_flag),
        *put(
            "deregistration_delay draining_timeout deregistration_delay_seconds",
            f"{to}.deregistrationDelay",
            seconds,
            0,
            3600,
        ),
        *keys("access_logs access_logs.enabled", f"{to}.accessLogs", _logs_of_requests),
        *put("access_logs.bucket", f"{to}.accessLogs.bucket", text),
        *put("access_logs.prefix", f"{to}.accessLogs.prefix", text),
        *put(
            "allow_cidrs allowed_cidrs allowed_cidr_blocks cidr_blocks ingress_cidrs whitelist",
            f"{to}.allowCidrs",
            texts,
            whole=True,
        ),
        *put("deletion_protection", f"{to}.deletionProtection", put_flag),
        *keys(
            "listener listeners listener_port listener.port port ports listener.protocol protocol",
            to,
            lambda value, block: changed(_LISTENER),
            whole=True,
        ),
        *keys("redirect_http https_redirect http_redirect", to, lambda value, block: changed(_LISTENER)),
        *keys("subnets security_groups name", note="the load balancer has subnets, a group and a name of its own"),
        *keys(
            "target_group target_group_arn listener_arn arn",
            note="the stack makes its own: environment.loadBalancers of an environment's file adopts one",
            whole=True,
        ),
    )
    for key in found:
        inner = key.convert and _on_balancer(key.convert)
        yield SourceKey(key.path, key.to, key.note, inner, whole=key.whole)
    yield from check_keys()


def _logs_of_requests(value: SourceValue, block: Block) -> None:
    given = block.get("networking.loadBalancer.accessLogs")
    if not isinstance(given, dict):
        block.put("networking.loadBalancer.accessLogs", value.flag)


def _namespace(value: SourceValue, block: Block) -> KeyOutcome:
    block.put("networking.serviceDiscovery", block.get("networking.serviceDiscovery") or True)
    return name_space(value, block, "networking.serviceDiscovery")


def name_space(value: SourceValue, block: Block, to: str) -> KeyOutcome:
    """Put a namespace into the files of the environments, which have one each."""
    given = value.text.lower().strip(".")
    if not re.fullmatch(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,7}", given):
        return changed("the namespace is that of the environment, by default NAME.internal", to)
    for environment in flat(block).shared:
        before = environment.block.get("namespace")
        if before not in (None, given):
            return not_carried(f"an environment has one namespace, for which another document has {before}")
        environment.block.put("namespace", given)
    return changed(f"{' and '.join(each.path for each in flat(block).shared)} has it", to)


def _ttl(value: SourceValue, block: Block) -> None:
    if not isinstance(block.get("networking.serviceDiscovery"), dict):
        block.put("networking.serviceDiscovery", {})
    block.put("networking.serviceDiscovery.ttl", duration(value))


CHECK = _check_table()
BALANCER = table(*_balancer_keys())
DISCOVERY = table(
    SourceKey("enabled", "networking.serviceDiscovery", convert=discovery),
    *keys("namespace dns_namespace", "networking.serviceDiscovery", _namespace),
    *keys("dns_ttl ttl", "networking.serviceDiscovery.ttl", _ttl),
    *put("name service_name", "networking.serviceDiscovery.name", text),
    *keys("type method dns_type", "networking.serviceDiscovery", nothing),
)


def _network_keys() -> Iterator[SourceKey]:
    yield from put("port container_port", "port", put_number, 1, 65535)
    yield SourceKey("protocol", "networking.loadBalancer.protocol", convert=_port_protocol)
    yield SourceKey("ports", "port", convert=ports_of, whole=True)
    yield from keys("health_check_path healthcheck_path", "healthCheck.path", path_of)
    yield from check_keys()
    yield from (
        SourceKey(path, "networking.loadBalancer", convert=enabled_balancer, table=BALANCER)
        for path in ("load_balancer", "alb", "ingress")
    )
    yield SourceKey("service_discovery", "networking.serviceDiscovery", convert=discovery, table=DISCOVERY)
    yield from put("internal private", "networking.loadBalancer.internal", put_flag)
    yield from put("public", "networking.loadBalancer.internal", put_opposite)
    yield from put("assign_public_ip public_ip", "networking.assignPublicIp", put_flag)
    yield from keys("vpc_id vpc.id vpc", "networking.vpc.id", _vpc)
    yield from keys(
        "subnets subnet_ids private_subnets vpc.subnets vpc.private_subnets vpc.subnet_ids",
        "networking.vpc.privateSubnets",
        _subnets("privateSubnets"),
        whole=True,
    )
    yield from keys(
        "public_subnets vpc.public_subnets", "networking.vpc.publicSubnets", _subnets("publicSubnets"), whole=True
    )
    for name in ("security_groups", "security_group_ids", "vpc.security_groups", "vpc.security_group_ids"):
        yield items(f"{name}[]", "networking.securityGroups", group)
    yield from keys("network_mode mode", "networking", network_mode)
    yield from keys("domain", "networking.loadBalancer.hosts", _domain)
    yield from keys("hosts", "networking.loadBalancer.hosts", _hosts, whole=True)


def ports_of(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Put the first one of several ports of a container. Raises UnfitError."""
    ports = listed(value)
    first = ports[0] if ports else value
    given = get(first, "container_port", "port", "target_port") if isinstance(first.data, dict) else first
    if given is None:
        raise UnfitError("must be a list of ports")
    block.put("port", min(max(given.number, 1), 65535))
    return changed("a service has one port: sidecars have further ones", "port") if len(ports) > 1 else None


def _vpc(value: SourceValue, block: Block) -> KeyOutcome | None:
    given = value.text
    if isinstance(value.data, bool):
        return None
    if not re.fullmatch(r"vpc-[0-9a-f]{8,17}", given):
        raise UnfitError(
            "is not the id of a VPC such as vpc-0123456789abcdef0: write `networking.vpc` with its id and its subnets"
        )
    block.put("networking.vpc.id", given)
    return None


def _subnets(name: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        if value.is_text() and value.text in ("private", "public"):
            if value.text == "public":
                block.put("networking.assignPublicIp", True)
            return carried("networking")
        ids = [each.text for each in listed(value)]
        if not all(re.fullmatch(r"subnet-[0-9a-f]{8,17}", each) for each in ids):
            raise UnfitError(f"has no ids such as subnet-0123456789abcdef0: {_SUBNETS}")
        block.put(f"networking.vpc.{name}", ids)
        return None

    return convert


def network_mode(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Report the network mode, which is ``awsvpc`` on Fargate. Raises UnfitError."""
    if value.text.lower() == "awsvpc":
        return None
    return not_carried("tasks on Fargate have a network interface each, which is `awsvpc`")


NETWORK = table(*_network_keys())
