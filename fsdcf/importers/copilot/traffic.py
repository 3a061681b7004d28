"""How the tasks of a workload of Copilot are reached, placed and scaled.

Sources: https://aws.github.io/copilot-cli/docs/manifest/lb-web-service/#http,
https://aws.github.io/copilot-cli/docs/manifest/worker-service/#count and
https://aws.github.io/copilot-cli/docs/developing/svc-to-svc-communication/
"""

from __future__ import annotations

import re

from fsdcf.importers.copilot.containers import exported
from fsdcf.importers.copilot.workload import TITLE, TOO_MANY_GROUPS, absent, note_below, workload
from fsdcf.importers.copilot.workspace import BACKEND, REQUEST_DRIVEN
from fsdcf.importers.draft import Block
from fsdcf.importers.keys import SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import SourceValue
from fsdcf.importers.values import PLACEHOLDER, put_flag, put_number, put_seconds, seconds
from fsdcf.language.model.service import MOST_GROUPS

_BALANCER = "networking.loadBalancer"
_MOST_VALUES = 5
"""The most values over all conditions of a rule. Source:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html"""

_RECORD = (
    "the load balancer of an environment has records for its own domain: add an alias record for this name that leads"
    " to it, when you move"
)
_NETWORK_BALANCER = (
    "fsdcf has no network load balancer: add one as an addon, whose target group the service joins by"
    " `overrides.Service.Properties.LoadBalancers[+]`"
)
_EXISTING = "write the listener of an existing load balancer at `environment.loadBalancers`, as `listenerArn`"


# Rules of the load balancer


def path_patterns(text: str) -> list[str]:
    """The paths that Copilot forwards for a path of a manifest."""
    path = f"/{text.strip().strip('/')}"
    if path == "/":
        return ["/*"]
    return [path] if path.endswith("*") else [path, f"{path}/*"]


def host_names(value: SourceValue) -> list[str]:
    """The names of an alias: a text, a list of texts, or a list of maps."""
    if isinstance(value.data, list):
        named = [each.get("name") or each for each in value.items()]
        hosts = [each.text.strip() for each in named]
    else:
        hosts = [host for host in re.split(r"[\s,]+", value.text) if host]
    if not hosts or any(not re.fullmatch(r"[A-Za-z0-9*?.-]+", PLACEHOLDER.sub("x", host)) for host in hosts):
        raise UnfitError("must be the name of a host, such as shop.example.com")
    return [_lower(host) for host in hosts]


def _lower(text: str) -> str:
    """A host in lower case; a placeholder keeps the letters of its variable."""
    return re.sub(
        r"\$\{[^{}]*\}|[A-Z]+", lambda match: match[0] if match[0].startswith("$") else match[0].lower(), text
    )


def _off(value: SourceValue, block: Block) -> None:
    if value.flag:
        raise UnfitError("must be false or a map")
    block.put(_BALANCER, False)


def _path(value: SourceValue, block: Block) -> KeyOutcome | None:
    if workload(block).type == REQUEST_DRIVEN:
        return changed("App Runner forwards every path", _BALANCER)
    block.put(f"{_BALANCER}.paths", path_patterns(value.text))
    return None


def _alias(value: SourceValue, block: Block) -> Block | None:
    outcome = _hosts(value, block)
    for each in value.items():
        children = dict(each.children()) if isinstance(each.data, dict) else {"name": each}
        for name, child in children.items():
            note(child, block, changed(_RECORD, outcome.to) if name == "hosted_zone" else outcome)
    return None


def _hosts(value: SourceValue, block: Block) -> KeyOutcome:
    """Put the names of a service. Copilot serves them by HTTPS; here that takes a certificate of the environment."""
    to = f"{_BALANCER}.hosts"
    block.put(to, host_names(value))
    draft = workload(block)
    if draft.workspace.certified("internal" if draft.type == BACKEND else "public"):
        return carried(to)
    return changed(
        "by HTTP alone until the file of the environment has `domain` and `hostedZoneId`, or `certificateArn`, of its"
        " load balancer",
        to,
    )


def _check_path(value: SourceValue, block: Block) -> None:
    block.put("healthCheck.path", f"/{value.text.lstrip('/')}")


def _codes(value: SourceValue, block: Block) -> None:
    text = value.text.replace(" ", "")
    if not re.fullmatch(r"[0-9]{3}(?:[,-][0-9]{3})*", text):
        raise UnfitError("must be codes such as 200, 200,301 or 200-299")
    block.put("healthCheck.successCodes", text)


def _target(value: SourceValue, block: Block) -> KeyOutcome | None:
    name = value.text
    sidecar = sidecar_of(value, name)
    if name == workload(block).main:
        return carried(f"{_BALANCER}.container")
    if sidecar is None:
        return not_carried(f"the manifest has no sidecar {name}")
    block.put(f"{_BALANCER}.container", name)
    port = sidecar.get("port")
    if port is not None and port.text.removesuffix("/tcp") == "443":
        block.put(f"{_BALANCER}.protocol", "https")
    return None


def sidecar_of(value: SourceValue, name: str) -> SourceValue | None:
    """The sidecar of a name in the manifest; None if there is none."""
    sidecars = value.source.root.get("sidecars")
    return dict(sidecars.children()).get(name) if sidecars and isinstance(sidecars.data, dict) else None


def _target_port(value: SourceValue, block: Block) -> KeyOutcome | None:
    port = value.number
    if not 1 <= port <= 65535:
        raise UnfitError("must be a port")
    target = value.source.root.get("http.target_container")
    name = target.text if target and target.is_text() else ""
    if name and name != workload(block).main:
        for sidecar in block.get("sidecars") or ():
            if sidecar.get("name") == name:
                sidecar["port"] = port
                return None if port == _sidecar_port(value, name) else changed("as the port of the sidecar", "sidecars")
        return not_carried(f"the manifest has no sidecar {name}")
    before = block.get("port")
    block.put("port", port)
    if before in (None, port):
        return carried("port")
    return changed(f"a service has one port: {port}, which the load balancer uses, and not {before}", "port")


def _sidecar_port(value: SourceValue, name: str) -> int:
    sidecar = sidecar_of(value, name)
    port = sidecar.get("port") if sidecar else None
    text = port.text.removesuffix("/tcp") if port else ""
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) else 0


def _sources(value: SourceValue, block: Block) -> KeyOutcome:
    ranges = value.words
    balancer = block.get(_BALANCER)
    rule = balancer if isinstance(balancer, dict) else {}
    http = value.source.root.get("http")
    alias, path = (http.get("alias"), http.get("path")) if http else (None, None)
    used = len(host_names(alias) if alias else rule.get("hosts", ()))
    patterns = path_patterns(path.text) if path else []
    used += len(patterns) if patterns != ["/*"] or not alias else 0
    if not ranges or used + len(ranges) > _MOST_VALUES:
        return not_carried(
            "a rule has at most 5 values: write the ranges at `allowCidrs` of the environment's balancer"
        )
    condition = {"Field": "source-ip", "SourceIpConfig": {"Values": ranges}}
    workload(block).override("ListenerRule", "Properties.Conditions[+]", condition)
    return changed("as a condition of the rule, by an override of the template", ".overrides.ListenerRule")


def _redirect(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.flag:
        return None
    return not_carried("a load balancer with a certificate redirects HTTP to HTTPS always")


def _version(value: SourceValue, block: Block) -> KeyOutcome | None:
    version = value.text.lower()
    if version not in ("grpc", "http1", "http2"):
        raise UnfitError("must be grpc, http1 or http2")
    if version != "http1":
        block.put(f"{_BALANCER}.protocolVersion", version)
    return None


def _private(value: SourceValue, block: Block) -> KeyOutcome | None:
    if isinstance(value.data, bool) and not value.data:
        return None
    block.put(f"{_BALANCER}.name", "internal")
    return changed("at the internal load balancer of the environment", f"{_BALANCER}.name")


_RULE_CHECK = ("path", "port", "success_codes", "healthy_threshold", "unhealthy_threshold", "interval", "timeout")
_RULE = Table(
    TITLE,
    SourceKey("path", f"{_BALANCER}.paths"),
    SourceKey("alias", f"{_BALANCER}.hosts"),
    *absent(
        " ".join(["healthcheck", *(f"healthcheck.{each}" for each in (*_RULE_CHECK, "grace_period"))]),
        "a service has one health check, that of `http`",
    ),
    *absent("alias[].name alias[].hosted_zone hosted_zone", _RECORD),
    *absent(
        "target_container target_port",
        "all rules of a service lead to one container: split the service in two for another",
    ),
    *absent("stickiness deregistration_delay version", "it is that of `http` for all rules of a service"),
    *absent("allowed_source_ips[]", "write the ranges at `allowCidrs` of the environment's balancer"),
    *absent("redirect_to_https", "a load balancer with a certificate redirects HTTP to HTTPS always"),
)


def _led_to(rule: SourceValue, block: Block) -> tuple[str, str]:
    """The container and the port that a rule leads to."""
    container, port = rule.get("target_container"), rule.get("target_port")
    name = container.text if container else workload(block).main
    if port is None:
        sidecar = sidecar_of(rule, name)
        port = sidecar.get("port") if sidecar else rule.source.root.get("image.port")
    return name, port.text.removesuffix("/tcp") if port else ""


def _rule(value: SourceValue, block: Block) -> Block | None:
    """A further rule: its hosts or paths, if the rules are the same but for one of both."""
    value.entries()
    alias, path = value.get("alias"), value.get("path")
    http = value.source.root.get("http")
    hosts = host_names(alias) if alias else []
    paths = path_patterns(path.text) if path else ["/*"]
    own = block.get(f"{_BALANCER}.hosts") or []
    owned = block.get(f"{_BALANCER}.paths") or ["/*"]
    same = http is not None and _led_to(value, block) == _led_to(http, block)
    if not same or (sorted(hosts) != sorted(own) and paths != owned):
        why = "a service has one rule of hosts and paths that lead to one port: split the service in two for this"
        note_below(value, block, not_carried(why))
        return None
    for to, more in (("hosts", hosts), ("paths", paths)):
        known = block.get(f"{_BALANCER}.{to}") or []
        if extra := [each for each in more if each not in known]:
            block.put(f"{_BALANCER}.{to}", [*known, *extra])
    for name, child in value.children():
        if name in ("path", "alias"):
            note_below(child, block, carried(f"{_BALANCER}.{'paths' if name == 'path' else 'hosts'}"))
        elif child.data is not None:
            default = name in ("target_container", "target_port") or (http and http.data.get(name) == child.data)
            why = "it is that of `http` for all rules of a service"
            note_below(child, block, carried(_BALANCER) if default else not_carried(why))
    return None


def _listener(value: SourceValue, block: Block) -> KeyOutcome:
    http = value.source.root.get("http")
    both = "`http` is carried, and `nlb` is not: " if http and isinstance(http.data, dict) else ""
    return not_carried(both + _NETWORK_BALANCER)


_ALIAS = Table(
    TITLE,
    SourceKey("[].name", f"{_BALANCER}.hosts"),
    SourceKey("[].hosted_zone", f"{_BALANCER}.hosts", _RECORD),
)
_NETWORK = (
    *("port", "alias", "alias[].name", "alias[].hosted_zone", "target_container", "target_port", "ssl_policy"),
    *("stickiness", "deregistration_delay", "healthcheck.port", "healthcheck.healthy_threshold"),
    *("healthcheck.unhealthy_threshold", "healthcheck.interval", "healthcheck.timeout", "healthcheck.grace_period"),
)

HTTP = (
    SourceKey("http", _BALANCER, convert=_off),
    SourceKey("http.path", f"{_BALANCER}.paths", convert=_path),
    SourceKey("http.alias", f"{_BALANCER}.hosts", convert=_hosts, table=_ALIAS, enter=_alias),
    SourceKey("http.hosted_zone", _BALANCER, _RECORD, convert=lambda value, block: None),
    SourceKey("http.healthcheck", "healthCheck.path", convert=_check_path),
    SourceKey("http.healthcheck.path", "healthCheck.path", convert=_check_path),
    SourceKey("http.healthcheck.port", "healthCheck.port", convert=put_number("healthCheck.port", 1, 65535)),
    SourceKey("http.healthcheck.success_codes", "healthCheck.successCodes", convert=_codes),
    SourceKey(
        "http.healthcheck.healthy_threshold",
        "healthCheck.healthyThreshold",
        convert=put_number("healthCheck.healthyThreshold", 2, 10),
    ),
    SourceKey(
        "http.healthcheck.unhealthy_threshold",
        "healthCheck.unhealthyThreshold",
        convert=put_number("healthCheck.unhealthyThreshold", 2, 10),
    ),
    SourceKey("http.healthcheck.interval", "healthCheck.interval", convert=put_seconds("healthCheck.interval", 5, 300)),
    SourceKey("http.healthcheck.timeout", "healthCheck.timeout", convert=put_seconds("healthCheck.timeout", 2, 120)),
    SourceKey(
        "http.healthcheck.grace_period",
        "healthCheck.gracePeriod",
        convert=put_seconds("healthCheck.gracePeriod", 0, 2147483647),
    ),
    SourceKey(
        "http.deregistration_delay",
        f"{_BALANCER}.deregistrationDelay",
        convert=put_seconds(f"{_BALANCER}.deregistrationDelay", 0, 3600),
    ),
    SourceKey("http.target_container", f"{_BALANCER}.container", convert=_target),
    SourceKey("http.targetContainer", f"{_BALANCER}.container", convert=_target),
    SourceKey("http.target_port", "port", convert=_target_port),
    SourceKey("http.stickiness", f"{_BALANCER}.stickiness", convert=put_flag(f"{_BALANCER}.stickiness")),
    SourceKey(
        "http.allowed_source_ips",
        ".overrides.ListenerRule",
        "as a condition of the rule, by an override",
        _sources,
        whole=True,
    ),
    SourceKey("http.redirect_to_https", _BALANCER, convert=_redirect),
    SourceKey("http.version", f"{_BALANCER}.protocolVersion", convert=_version),
    SourceKey("http.protocolVersion", f"{_BALANCER}.protocolVersion", convert=_version),
    SourceKey("http.additional_rules[]", f"{_BALANCER}", table=_RULE, enter=_rule),
    SourceKey(
        "http.private", f"{_BALANCER}.name", "at the internal load balancer of the environment", _private, whole=True
    ),
    SourceKey("http.private.endpoint", f"{_BALANCER}.name", "at the internal load balancer of the environment"),
    *absent("http.alb", _EXISTING),
    *(SourceKey(f"nlb.{each}", note=_NETWORK_BALANCER, convert=_listener) for each in _NETWORK),
    *(
        SourceKey(f"nlb.additional_listeners[].{each}", note=_NETWORK_BALANCER, convert=_listener)
        for each in _NETWORK
        if "alias" not in each
    ),
)


# The network


def _placement(value: SourceValue, block: Block) -> KeyOutcome | None:
    word = value.text.lower()
    if word not in ("public", "private"):
        raise UnfitError("must be public or private")
    if word == "private":
        block.put("networking.assignPublicIp", False)
    return None


def _subnets(value: SourceValue, block: Block) -> KeyOutcome:
    block.put("networking.assignPublicIp", False)
    return not_carried(_SUBNETS)


def _group(value: SourceValue, block: Block) -> KeyOutcome | None:
    inner = value.get("from_cfn") if isinstance(value.data, dict) else None
    text = exported(inner) if inner else value.text.strip()
    if found := re.fullmatch(r"Fn::ImportValue:\s*['\"]?([^\s'\"]{1,255})['\"]?", text):
        text = f"${{import:{found[1]}}}"  # which Copilot wrote into its template as it is
    if not inner and not found and not re.fullmatch(r"sg-[0-9a-f]{8,40}|\$\{[^{}]*\}", text):
        raise UnfitError("must be an id such as sg-0123456789abcdef0")
    if len(block.get("networking.securityGroups") or ()) >= MOST_GROUPS - 2:
        return not_carried(TOO_MANY_GROUPS)
    block.add("networking.securityGroups", text)
    return None


def _deny(value: SourceValue, block: Block) -> KeyOutcome | None:
    if not value.flag:
        return None
    return not_carried("the tasks admit the services of the environment at their port alone, and no other")


def _connect_alias(value: SourceValue, block: Block) -> None:
    block.put("networking.serviceConnect.alias", _lower(value.text))


_SUBNETS = (
    "the tasks are in the private subnets that the services of an environment share: "
    "`environment.network.privateSubnets` has existing ones"
)

NETWORK = (
    SourceKey("network.connect", "networking.serviceConnect", convert=put_flag("networking.serviceConnect")),
    SourceKey("network.connect.alias", "networking.serviceConnect.alias", convert=_connect_alias),
    SourceKey("network.vpc.placement", "networking.assignPublicIp", convert=_placement),
    *(
        SourceKey(f"network.vpc.placement.subnets{each}", note=_SUBNETS, convert=_subnets)
        for each in ("", "[]", ".from_tags.*")
    ),
    SourceKey("network.vpc.security_groups[]", "networking.securityGroups", convert=_group, whole=True),
    SourceKey("network.vpc.security_groups[].from_cfn", "networking.securityGroups"),
    SourceKey("network.vpc.security_groups.groups[]", "networking.securityGroups", convert=_group, whole=True),
    SourceKey("network.vpc.security_groups.groups[].from_cfn", "networking.securityGroups"),
    SourceKey("network.vpc.security_groups.deny_default", "networking", convert=_deny),
)


# Scaling


def _count(value: SourceValue, block: Block) -> KeyOutcome | None:
    if workload(block).type == REQUEST_DRIVEN:
        return changed(
            f"as App Runner's default: what the configuration {value.text} has instead is not in the manifest",
            "autoScaling",
        )
    return put_number("resources.desiredCount", 0, 5000)(value, block)


def _spot(value: SourceValue, block: Block) -> None:
    put_number("resources.desiredCount", 0, 5000)(value, block)
    block.put("resources.spot", True)


def _range(value: SourceValue, block: Block) -> None:
    match = re.fullmatch(r"\s*(\d{1,4})\s*-\s*(\d{1,4})\s*", value.text)
    if match is None or not 1 <= int(match[2]) <= 5000 or int(match[1]) > int(match[2]):
        raise UnfitError("must be a range such as 1-10")
    block.put("autoScaling.minCount", int(match[1]))
    block.put("autoScaling.maxCount", int(match[2]))


def _spot_from(value: SourceValue, block: Block) -> KeyOutcome | None:
    """Put the share of FARGATE_SPOT. Copilot takes no other below the least number of tasks.

    Source: capacityProviders in internal/pkg/deploy/cloudformation/stack/transformers.go of
    https://github.com/aws/copilot-cli
    """
    first, least = value.number, value.source.root.get("count.range.min")
    if not 0 <= first <= 5000:
        raise UnfitError("must be a number of tasks, at most 5,000")
    if first <= 1 or (least is not None and first < least.number):
        block.put("resources.spot", True)
        return carried("resources.spot")
    block.put("resources.spot", {"base": first - 1, "weight": 1000})
    why = f"after {first - 1:,} on FARGATE, 1,000 tasks run on FARGATE_SPOT for each further one on FARGATE"
    return changed(why, "resources.spot")


def _cooldown(to: str) -> SourceKey:
    which = "in" if to == "scaleInCooldown" else "out"
    return SourceKey(f"cooldown.{which}", to, convert=put_seconds(to, 0, 86400))


def _fraction(value: SourceValue) -> float:
    """A duration in seconds, with its fraction."""
    text = value.text.strip()
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)", text)
    return float(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[match[2]] if match else float(seconds(value))


def _measured(value: SourceValue, metric: str) -> float:
    amount = _fraction(value) if metric == "responseTime" else value.number
    top = {"cpu": 100, "memory": 100, "requestsPerTask": 10_000_000, "responseTime": 4000}[metric]
    if not 0 < amount <= top:
        raise UnfitError(f"must be more than 0 and at most {top:,}")
    return int(amount) if float(amount).is_integer() else amount


def _metric(path: str, metric: str, to: str) -> SourceKey:
    """The key of a metric: a value, or a map with a value and cooldowns of its own."""

    def put(value: SourceValue, block: Block) -> None:
        block.put(f"autoScaling.{to}", _measured(value, metric))

    def enter(value: SourceValue, block: Block) -> Block:
        value.entries()
        if (given := value.get("value")) is None:
            raise UnfitError("must have a `value`")
        return block.add("autoScaling.policies", {"metric": metric, "value": _measured(given, metric)})

    table = Table(
        TITLE,
        SourceKey("value", "value", convert=lambda value, block: None),
        _cooldown("scaleInCooldown"),
        _cooldown("scaleOutCooldown"),
    )
    return SourceKey(path, f"autoScaling.{to}", convert=put, table=table, enter=enter)


def _queue_delay(value: SourceValue, block: Block) -> Block | None:
    value.entries()
    latency, each = value.get("acceptable_latency"), value.get("msg_processing_time")
    if latency is None or each is None or _fraction(each) <= 0:
        raise UnfitError("must have `acceptable_latency` and `msg_processing_time`")
    backlog = min(max(int(_fraction(latency) / _fraction(each)), 1), 10_000_000)
    policy = value.get("cooldown") is not None
    if policy:
        inner = block.add("autoScaling.policies", {"metric": "queueBacklogPerTask", "value": backlog})
    else:
        block.put("autoScaling.queueBacklogPerTask", backlog)
        inner = block.below("autoScaling")
    return inner


_DELAY = Table(
    TITLE,
    SourceKey(
        "acceptable_latency",
        "queueBacklogPerTask",
        "latency by processing time: the backlog per task",
        convert=lambda value, block: None,
    ),
    SourceKey(
        "msg_processing_time",
        "queueBacklogPerTask",
        "latency by processing time: the backlog per task",
        convert=lambda value, block: None,
    ),
    _cooldown("scaleInCooldown"),
    _cooldown("scaleOutCooldown"),
)

COUNT = (
    SourceKey("count", "resources.desiredCount", convert=_count),
    SourceKey("count.spot", "resources.spot resources.desiredCount", convert=_spot),
    SourceKey("count.range", "autoScaling.minCount autoScaling.maxCount", convert=_range),
    SourceKey("count.range.min", "autoScaling.minCount", convert=put_number("autoScaling.minCount", 0, 5000)),
    SourceKey("count.range.max", "autoScaling.maxCount", convert=put_number("autoScaling.maxCount", 1, 5000)),
    SourceKey(
        "count.range.spot_from", "resources.spot", "after the first tasks, nearly all run on FARGATE_SPOT", _spot_from
    ),
    SourceKey(
        "count.cooldown.in", "autoScaling.scaleInCooldown", convert=put_seconds("autoScaling.scaleInCooldown", 0, 86400)
    ),
    SourceKey(
        "count.cooldown.out",
        "autoScaling.scaleOutCooldown",
        convert=put_seconds("autoScaling.scaleOutCooldown", 0, 86400),
    ),
    _metric("count.cpu_percentage", "cpu", "targetCPU"),
    _metric("count.memory_percentage", "memory", "targetMemory"),
    _metric("count.requests", "requestsPerTask", "targetRequestsPerTask"),
    _metric("count.response_time", "responseTime", "targetResponseTime"),
    SourceKey("count.queue_delay", "autoScaling.queueBacklogPerTask", table=_DELAY, enter=_queue_delay),
)
