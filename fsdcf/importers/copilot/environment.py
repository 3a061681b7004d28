"""The manifests of Copilot's environments.

Source: https://aws.github.io/copilot-cli/docs/manifest/environment/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network, ip_network

from fsdcf.importers import ImportResult
from fsdcf.importers.copilot.workspace import Workspace, shown
from fsdcf.importers.draft import Block, Draft
from fsdcf.importers.keys import Convert, SourceKey, Table, note
from fsdcf.importers.report import KeyOutcome, UnfitError, carried, changed, not_carried
from fsdcf.importers.source import Source, SourceValue
from fsdcf.language.model import ENVIRONMENT
from fsdcf.language.model.common import EC2_ID
from fsdcf.language.model.environment import REGION

_EVERYWHERE = "0.0.0.0/0"
_EGRESS = "defaults.service.networking.egress"
_MOST_ZONES = 6
_FLOW_LOG_DAYS = 14
"""The retention of flow logs that Copilot sets by default."""

_OWN_RANGES = "fsdcf divides the range of the VPC itself"
_ADMITS = (
    "tasks admit the load balancer and the services of the environment alone: to admit others, add "
    "`networking.securityGroups` with a group of yours that has the rule"
)
_PREFIX_LIST = (
    "the load balancer admits everyone: to admit CloudFront alone, add `allowCidrs` with the id of the prefix list "
    "com.amazonaws.global.cloudfront.origin-facing, which `aws ec2 describe-managed-prefix-lists` prints"
)
_DISTRIBUTION = (
    "fsdcf makes no CloudFront distribution: keep one in a stack of its own, with the load balancer as its origin, or "
    "point the domain to the load balancer"
)
_STATIC = f"{_DISTRIBUTION}; `distributions` of an `aws_s3_bucket` lets it read the files"

_ZONES = (
    "as the number of zones; ids, which mean the same zone in each account, choose them: "
    "`aws ec2 describe-availability-zones`"
)
_CERTIFICATE = re.compile(
    r"arn:aws[a-z-]*:acm:([a-z0-9-]+|\$\{AWS::Region\}):(\d{12}|\$\{AWS::AccountId\}):certificate/[A-Za-z0-9-]+"
)
_ZONE = re.compile(rf"({REGION})[a-z]")


def interpolated(text: str, application: str) -> str:
    """A text of a manifest as a spec has it: Copilot's own variables, and those of the shell that it knows.

    Raises UnfitError for another variable of the shell. Source:
    https://aws.github.io/copilot-cli/docs/developing/manifest-env-var/
    """
    known = {
        "COPILOT_APPLICATION_NAME": application,
        "COPILOT_ENVIRONMENT_NAME": "${ENV}",
        "AWS_REGION": "${AWS::Region}",
        "AWS_DEFAULT_REGION": "${AWS::Region}",
        "AWS_ACCOUNT_ID": "${AWS::AccountId}",
        "AWS_ACCOUNT": "${AWS::AccountId}",
    }
    for name in re.findall(r"\$\{([A-Za-z0-9_]*)\}", text):
        if name not in known:
            raise UnfitError(f"has the variable ${{{name}}} of the shell: write its value")
    return re.sub(r"\$\{([A-Za-z0-9_]+)\}", lambda match: known[match[1]], text)


def _word(value: SourceValue) -> str:
    """A text whose variables are not known here: only those of AWS are."""
    return interpolated(value.text.strip(), "").strip()


def _form(value: SourceValue, block: Block) -> None:
    """The key is only the form of the manifest."""


def _name(value: SourceValue, block: Block) -> KeyOutcome | None:
    if value.text != block.draft.name:
        return changed(f"names of environments have at most 20 characters: {block.draft.name}", ".metadata.name")
    return None


# The network


def _vpc(value: SourceValue, block: Block) -> None:
    block.put("network.id", _id(value, "vpc"))


def _id(value: SourceValue, prefix: str) -> str:
    if not re.fullmatch(f"{prefix}-{EC2_ID}", text := _word(value)):
        raise UnfitError(f"must be an id such as {prefix}-0123456789abcdef0")
    return text


def _subnet(kind: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> None:
        block.add(f"network.{kind}", _id(value, "subnet"))

    return convert


def _range(value: SourceValue, block: Block) -> KeyOutcome | None:
    network = _network(value)
    if not isinstance(network, IPv4Network) or not 16 <= network.prefixlen <= 23:
        raise UnfitError("must be a range from /16 to /23, which fsdcf divides into subnets: the network gets another")
    block.put("network.cidr", str(network))
    return None


def _network(value: SourceValue) -> object:
    try:
        return ip_network(_word(value), strict=False)
    except ValueError:
        raise UnfitError("must be an address range such as 10.0.0.0/16") from None


def _zone(value: SourceValue, block: Block) -> None:
    """Zones are counted when all of them are known; their names tell the region."""
    if (match := _ZONE.fullmatch(value.text)) and block.get("region") is None:
        block.put("region", match[1], "The region of its zones.")


def _count_zones(source: Source, block: Block) -> None:
    """Put the number of zones of a new network, if it is not that of a network by default."""
    subnets = source.root.get("network.vpc.subnets")
    kinds = [[each for _, each in kind.children()] for _, kind in (subnets.children() if subnets else ())]
    named = {zone.text for kind in kinds for each in kind if (zone := each.get("az")) and zone.is_text()}
    zones = len(named) or max(map(len, kinds), default=2)
    if block.get("network.id") is None and zones > 2:
        block.put("network.availabilityZones", min(zones, _MOST_ZONES))


def _flow_logs(value: SourceValue, block: Block) -> KeyOutcome | None:
    days = value.get("retention")
    if days is None and not value.flag:
        return None
    if value.source.root.get("network.vpc.id"):
        return not_carried("the owner of an existing VPC decides on its flow logs: `aws ec2 create-flow-logs` adds one")
    block.put_valid("network.flowLogs.retention", days.number if days else _FLOW_LOG_DAYS)
    return None


def _egress(value: SourceValue, block: Block) -> KeyOutcome | None:
    """The rules of the security group of all tasks; without one to the addresses of AWS, no task could start."""
    rules = [_rule(each) for each in value.items()]
    if not rules or any(each["to"] == _EVERYWHERE and each.get("protocol") == "all" for each in rules):
        return None
    if not any(each["to"] == _EVERYWHERE and _has_https(each) for each in rules):
        reason = "tasks pull their images and send their logs by HTTPS, which these rules do not allow"
        return not_carried(f"{reason}: add `networking.egress` to `defaults` with port 443, too")
    block.put("defaults.service.networking.egress", rules)
    return None


def _rule(value: SourceValue) -> dict[str, object]:
    to, ports, protocol = value.get("cidr"), value.get("ports"), value.get("ip_protocol")
    if to is None:
        raise UnfitError("must have a `cidr`")
    words = {"-1": "all", "6": "tcp", "17": "udp", "all": "all", "tcp": "tcp", "udp": "udp"}
    name = words.get(protocol.text.lower() if protocol else "tcp")
    if name is None:
        raise UnfitError("must have `ip_protocol` tcp, udp or -1")
    text = ports.text.strip() if ports else ""
    if text and not re.fullmatch(r"\d{1,5}(-\d{1,5})?", text):
        raise UnfitError("must have `ports` such as 80 or 8000-8100")
    rule: dict[str, object] = {"to": str(_network(to))}
    if name != "tcp":
        rule["protocol"] = name
    if text and name != "all" and text not in ("0-65535", "1-65535"):
        rule["ports"] = [text]
    return rule


def _has_https(rule: dict[str, object]) -> bool:
    low, _, high = str((rule.get("ports") or ["0-65535"])[0]).partition("-")  # type: ignore[index]
    return rule.get("protocol") != "udp" and int(low) <= 443 <= int(high or low)


# The load balancers


def _balancer(name: str, key: str = "") -> str:
    return f"loadBalancers.{name}.{key}".rstrip(".")


def _certificates(name: str) -> Convert:
    """The first certificate is that of the listener; a spec names one."""

    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        items = value.items()
        if not items:
            return None
        first = _word(items[0])
        if (match := _CERTIFICATE.fullmatch(first)) is None:
            raise UnfitError("must be the ARN of a certificate in ACM")
        if "${" in first:
            first = first.replace("arn:aws:", "arn:${AWS::Partition}:", 1)
        block.put(_balancer(name, "certificateArn"), first)
        for key, found in (("account", match[2]), ("region", match[1])):
            if "${" not in found and block.get(key) is None:
                block.put(key, found, f"The {key} of its certificate.")
        for each in items[1:]:
            command = "aws elbv2 add-listener-certificates"
            note(each, block, not_carried(f"a spec names one certificate: `{command}` adds this one to the listener"))
        return None

    return convert


def _policy(name: str, side: str) -> Convert:
    def convert(value: SourceValue, block: Block) -> KeyOutcome | None:
        if not value.source.root.get(f"http.{side}.certificates"):
            return changed("it has no effect without a certificate: left out", _balancer(name))
        block.put_valid(_balancer(name, "sslPolicy"), value.text)
        return None

    return convert


def _logs(value: SourceValue, block: Block) -> None:
    if not isinstance(block.get("loadBalancers.public.accessLogs"), dict):
        block.put("loadBalancers.public.accessLogs", value.flag)


def _bucket(value: SourceValue, block: Block) -> None:
    block.put_valid("loadBalancers.public.accessLogs.bucket", _word(value))


def _prefix(value: SourceValue, block: Block) -> None:
    block.put_valid("loadBalancers.public.accessLogs.prefix", _word(value).strip("/"))


def _sources(value: SourceValue, block: Block) -> None:
    ranges = [str(_network(each)) for each in value.items()]
    if ranges:
        block.put("loadBalancers.public.allowCidrs", ranges)


def _from_cdn(value: SourceValue, block: Block) -> KeyOutcome | None:
    return None if value.flag else carried(_balancer("public"))


def _from_vpc(value: SourceValue, block: Block) -> KeyOutcome | None:
    block.put(_balancer("internal", "internal"), True)
    if not value.flag:
        return changed("the internal load balancer admits the private address ranges", _balancer("internal"))
    ranges = value.source.root.get("network.vpc.cidr")
    if ranges is not None:
        block.put(_balancer("internal", "allowCidrs"), [str(_network(ranges))])
        return None
    return changed("the internal load balancer admits the private address ranges", _balancer("internal"))


def _cdn(value: SourceValue, block: Block) -> KeyOutcome | None:
    return None if value.flag else carried(_balancer("public"))


def _insights(value: SourceValue, block: Block) -> None:
    block.put("cluster.containerInsights", "enabled" if value.flag else "disabled")


def _subnet_table(kind: str) -> Table:
    return Table(
        "a Copilot environment",
        SourceKey("id", f"network.{kind}", convert=_subnet(kind)),
        SourceKey("cidr", "network.cidr", _OWN_RANGES, convert=_form),
        SourceKey("az", "network.availabilityZones", _ZONES, convert=_zone),
    )


MANIFEST = Table(
    "a Copilot environment",
    SourceKey("name", ".metadata.name", convert=_name),
    SourceKey("type", ".kind", convert=_form),
    SourceKey("network.vpc.id", "network.id", convert=_vpc),
    SourceKey("network.vpc.cidr", "network.cidr", convert=_range),
    SourceKey("network.vpc.subnets.public[]", table=_subnet_table("publicSubnets")),
    SourceKey("network.vpc.subnets.private[]", table=_subnet_table("privateSubnets")),
    SourceKey("network.vpc.security_group.ingress[]", note=_ADMITS, convert=_form, whole=True),
    SourceKey("network.vpc.security_group.ingress[].cidr", note=_ADMITS),
    SourceKey("network.vpc.security_group.ingress[].ports", note=_ADMITS),
    SourceKey("network.vpc.security_group.ingress[].ip_protocol", note=_ADMITS),
    SourceKey("network.vpc.security_group.egress", _EGRESS, convert=_egress, whole=True),
    SourceKey("network.vpc.security_group.egress[].cidr", _EGRESS),
    SourceKey("network.vpc.security_group.egress[].ports", _EGRESS),
    SourceKey("network.vpc.security_group.egress[].ip_protocol", _EGRESS),
    SourceKey("network.vpc.flow_logs", "network.flowLogs", convert=_flow_logs, whole=True),
    SourceKey("network.vpc.flow_logs.retention", "network.flowLogs.retention", convert=_flow_logs),
    SourceKey("http.public.certificates", "loadBalancers.public.certificateArn", convert=_certificates("public")),
    SourceKey("http.public.ssl_policy", "loadBalancers.public.sslPolicy", convert=_policy("public", "public")),
    SourceKey("http.public.access_logs", "loadBalancers.public.accessLogs", convert=_logs),
    SourceKey("http.public.access_logs.bucket_name", "loadBalancers.public.accessLogs.bucket", convert=_bucket),
    SourceKey("http.public.access_logs.prefix", "loadBalancers.public.accessLogs.prefix", convert=_prefix),
    SourceKey("http.public.ingress.source_ips", "loadBalancers.public.allowCidrs", convert=_sources),
    SourceKey("http.public.ingress.cdn", note=_PREFIX_LIST, convert=_from_cdn),
    SourceKey("http.public.ingress.restrict_to.cdn", note=_PREFIX_LIST, convert=_from_cdn),
    SourceKey("http.public.security_groups.ingress.cdn", note=_PREFIX_LIST, convert=_from_cdn),
    SourceKey("http.public.security_groups.ingress.restrict_to.cdn", note=_PREFIX_LIST, convert=_from_cdn),
    SourceKey("http.private.certificates", "loadBalancers.internal.certificateArn", convert=_certificates("internal")),
    SourceKey("http.private.ssl_policy", "loadBalancers.internal.sslPolicy", convert=_policy("internal", "private")),
    SourceKey(
        "http.private.subnets",
        note="the internal load balancer is in the private subnets of the network: list them there",
        convert=_form,
    ),
    SourceKey("http.private.ingress.vpc", "loadBalancers.internal.allowCidrs", convert=_from_vpc),
    SourceKey("http.private.security_groups.ingress.from_vpc", "loadBalancers.internal.allowCidrs", convert=_from_vpc),
    SourceKey("cdn", note=_DISTRIBUTION, convert=_cdn),
    SourceKey("cdn.certificate", note=_DISTRIBUTION),
    SourceKey("cdn.terminate_tls", note=_DISTRIBUTION),
    SourceKey("cdn.static_assets.location", note=_STATIC),
    SourceKey("cdn.static_assets.alias", note=_STATIC),
    SourceKey("cdn.static_assets.path", note=_STATIC),
    SourceKey("observability.container_insights", "cluster.containerInsights", convert=_insights),
)


def convert(name: str, source: Source | None, workspace: Workspace, result: ImportResult) -> Draft:
    """The spec of an environment, with the load balancers that the workloads need. Without a manifest, an environment
    that others name, everything is as Copilot sets it up by default."""
    draft = Draft(ENVIRONMENT, name, result.report)
    needed = workspace.balancers
    for balancer in needed:
        draft.block.put(f"loadBalancers.{balancer}", {"internal": True} if balancer == "internal" else {})
    if source is None:
        draft.about = ["An environment of AWS Copilot without a manifest."]
        return draft
    draft.about = [f"From {shown(source)}, an Environment of AWS Copilot."]
    MANIFEST.convert(source.root, draft.block)
    _count_zones(source, draft.block)
    for balancer, side in _SIDES.items():
        if balancer not in needed and workspace.workloads:
            (draft.block.get("loadBalancers") or {}).pop(balancer, None)
            _leave_out(source, side, result)
    if draft.block.get("loadBalancers.internal") is not None:
        draft.block.put("loadBalancers.internal.internal", True)
    return draft


_SIDES = {"public": "http.public.", "internal": "http.private."}


def _leave_out(source: Source, side: str, result: ImportResult) -> None:
    """Report the keys of a load balancer that no workload needs, so that Copilot does not make it either."""
    outcome = changed("no workload uses this load balancer: it is left out")
    for place, row in result.report.rows.items():
        if row.file == source.name and row.key.startswith(side):
            result.report.rows[place] = replace(row, outcome=outcome)


def settle(drafts: Sequence[Draft]) -> None:
    """Leave out NAT gateways where all tasks have public addresses; else make one in each zone, as Copilot does."""
    services = [each for each in drafts if each.kind is not ENVIRONMENT]
    for environment in drafts:
        if environment.kind is ENVIRONMENT and services and environment.block.get("network.id") is None:
            is_public = all(_is_public(each, environment.name) for each in services)
            about = (
                "All tasks have public addresses."
                if is_public
                else "One in each zone, as in Copilot; `single` costs less."
            )
            environment.block.put("network.nat", "none" if is_public else "perZone", about)


def _is_public(draft: Draft, environment: str) -> bool:
    """Whether the tasks of a service or job have public addresses in an environment."""
    key = "networking.assignPublicIp"
    own = draft.root.get(f"environments.{environment}.{draft.kind.block}.{key}")
    return bool(draft.block.get(key) if own is None else own)
