"""An application load balancer: its listeners and their rules, the target group, its certificate, records and logs.

A service's own load balancer and those of an environment are made by the same functions. The ids of a load balancer
begin with ``prefix``, which is empty for that of a service; ``origin`` is its spec path.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from troposphere import GetAtt, Join, Ref
from troposphere import elasticloadbalancingv2 as elb

from fsdcf.compiler.parts.buckets import add_log_bucket, written_by
from fsdcf.compiler.parts.listener_rules import (
    ORIGIN,
    imported_of_balancer,
    listener_rules,
    own_rules,
    target_port,
)
from fsdcf.compiler.parts.network import LOAD_BALANCER_GROUP, REDIRECT_GROUP
from fsdcf.compiler.stack import Context, Sources, StackPart, present
from fsdcf.compiler.text import value
from fsdcf.language.model.service import LoadBalancer, Stickiness
from fsdcf.language.model.traffic import TLS_POLICY, AccessLogs, BalancerSettings
from fsdcf.language.names import logical_id
from fsdcf.language.placeholders import String


def load_balancer(context: Context) -> StackPart:
    """Load balancer, target group and listeners of an HTTP service; the service waits for the listeners and for the
    rules that forward to it. A service that joins an environment has rules at the listener of its load balancer
    instead."""
    part = StackPart()
    balancer = context.service.load_balancer
    if balancer is None:
        return part
    if context.shared_balancer is not None:
        _add_target_group(part, context, balancer, target_port(context.shared_balancer[1]))
        part.fold(listener_rules(context, *context.shared_balancer))
        return part
    groups = [Ref(group) for group in (LOAD_BALANCER_GROUP, REDIRECT_GROUP) if group in context.before.resources]
    subnets = list(context.network.load_balancer_subnets)
    wanted = balancer.deletion_protection
    protection = None if wanted is None else (wanted, f"{ORIGIN}.deletionProtection")
    add_load_balancer(part, "", balancer, ORIGIN, subnets, groups, context.network.edge, protection)
    _add_target_group(part, context, balancer, target_port("internal" if balancer.internal else "public"))
    certificate = None
    if balancer.certificate_arn is not None:
        certificate = value(balancer.certificate_arn)
    elif balancer.domain is not None and balancer.domain.hosted_zone_id is not None:
        certificate = Ref("Certificate")
        add_certificate(part, "Certificate", balancer.domain.names, balancer.domain.hosted_zone_id, f"{ORIGIN}.domain")
    has_rule = bool(balancer.auth or balancer.is_conditional)
    default = not_found() if has_rule else elb.Action(Type="forward", TargetGroupArn=Ref("TargetGroup"))
    part.waits += add_listeners(part, "", balancer, ORIGIN, default, certificate)
    part.fold(own_rules(balancer, has_rule))
    if balancer.domain is not None and balancer.domain.hosted_zone_id is not None:
        for name in balancer.domain.names:
            # By its name, so that a name and an alias can change places: Route 53 refuses a second record of a name.
            title = logical_id(name.replace("*", "wildcard"), "DomainRecord")
            add_alias(part, title, name, balancer.domain.hosted_zone_id, "", f"{ORIGIN}.domain")
    return part


def full_name(context: Context) -> Any:
    """The full name of the service's load balancer, by which metrics and scaling know it."""
    if context.shared_balancer is not None:
        return imported_of_balancer(*context.shared_balancer[:2], "LoadBalancerFullName")
    return GetAtt("LoadBalancer", "LoadBalancerFullName")


def resource_label(context: Context) -> Any:
    """The load balancer and the target group, as scaling by the number of requests names them."""
    return Join("/", [full_name(context), GetAtt("TargetGroup", "TargetGroupFullName")])


# What every load balancer has


def add_load_balancer(
    part: StackPart,
    prefix: str,
    balancer: BalancerSettings,
    origin: str,
    subnets: Sequence[Any],
    groups: Sequence[Any],
    edge: Iterable[str],
    protection: tuple[bool, str] | None = None,
) -> None:
    """Add a load balancer with its access logs and its web ACL. It waits for the resources in ``edge``; ``protection``
    is whether it is protected from deletion, and the spec path of that; None leaves it as it is. A protected one waits
    for its certificate, too: a rollback while that waits for its record could not delete the load balancer."""
    attributes = {
        "idle_timeout.timeout_seconds": balancer.idle_timeout,
        "routing.http.drop_invalid_header_fields.enabled": "true",
        **({"deletion_protection.enabled": str(protection[0]).lower()} if protection else {}),
    }
    logs = _log_attributes(part, prefix, balancer.access_logs, f"{origin}.accessLogs")
    policy = f"{prefix}AccessLogsBucketPolicy"
    certificate = [f"{prefix}Certificate"] if protection and protection[0] and balancer.makes_certificate else []
    waits = [*edge, *certificate, *((policy,) if policy in part.resources else ())]
    resource = elb.LoadBalancer(
        f"{prefix}LoadBalancer",
        Type="application",
        Scheme="internal" if balancer.internal else "internet-facing",
        Subnets=list(subnets),
        SecurityGroups=list(groups),
        LoadBalancerAttributes=_attributes(elb.LoadBalancerAttributes, attributes | logs),
        **present(DependsOn=waits),
    )
    sources: dict[Any, str] = {"Scheme": f"{origin}.internal", "LoadBalancerAttributes": f"{origin}.idleTimeout"}
    written = dict.fromkeys(logs, f"{origin}.accessLogs")
    if protection:
        written["deletion_protection.enabled"] = protection[1]
    for index, key in enumerate(sorted(attributes | logs)):
        if key in written:
            sources["LoadBalancerAttributes", index] = written[key]
    part.add(resource, origin, sources)
    if balancer.waf is not None:
        from troposphere import wafv2  # rarely needed, as those below are

        association = wafv2.WebACLAssociation(
            f"{prefix}WebAclAssociation", ResourceArn=Ref(resource), WebACLArn=value(balancer.waf)
        )
        part.add(association, f"{origin}.waf")


def _log_attributes(part: StackPart, prefix: str, logs: bool | AccessLogs | None, origin: str) -> dict[str, str | Any]:
    """The attributes for access logs, and the bucket if none is named. Nothing where the key is not written.

    Elastic Load Balancing writes as a service, below ``AWSLogs`` and the account, and encrypts by keys of S3 alone.
    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """
    if not logs:
        return {} if logs is None else {"access_logs.s3.enabled": "false"}
    settings = logs if isinstance(logs, AccessLogs) else AccessLogs()
    if settings.bucket is None:
        title = f"{prefix}AccessLogsBucket"
        folder = f"{settings.prefix}/" if settings.prefix else ""
        deliver = written_by(
            "logdelivery.elasticloadbalancing.amazonaws.com", title, f"{folder}AWSLogs/${{AWS::AccountId}}/"
        )
        add_log_bucket(part, title, origin, [deliver])
    bucket = Ref(f"{prefix}AccessLogsBucket") if settings.bucket is None else value(settings.bucket)
    return {
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": bucket,
        **present(**{"access_logs.s3.prefix": settings.prefix}),
    }


def add_listeners(
    part: StackPart, prefix: str, balancer: BalancerSettings, origin: str, default: Any, certificate: Any
) -> list[str]:
    """Add the listeners, and return their ids. ``default`` is the action for requests that no rule matches.

    That of port 80, ``Listener`` of a service, serves or redirects. If it moved to port 443 with a certificate, two
    listeners would claim one port in the middle of an update.
    """
    http, https = f"{prefix}HttpListener" if prefix else "Listener", f"{prefix}HttpsListener"
    if certificate is None:
        part.add(_listener(prefix, http, 80, "HTTP", default), origin)
        return [http]
    secure = _listener(prefix, https, 443, "HTTPS", default)
    secure.SslPolicy = balancer.ssl_policy or TLS_POLICY
    secure.Certificates = [elb.Certificate(CertificateArn=certificate)]
    key = "domain" if balancer.certificate_arn is None else "certificateArn"
    part.add(secure, origin, {"Certificates": f"{origin}.{key}", "SslPolicy": f"{origin}.sslPolicy"})
    redirect = elb.RedirectConfig(Protocol="HTTPS", Port="443", StatusCode="HTTP_301")
    plain = _listener(prefix, http, 80, "HTTP", elb.Action(Type="redirect", RedirectConfig=redirect))
    plain.DependsOn = https
    part.add(plain, origin)
    return [https, http]


def _listener(prefix: str, title: str, port: int, protocol: str, action: Any) -> Any:
    return elb.Listener(
        title, LoadBalancerArn=Ref(f"{prefix}LoadBalancer"), Port=port, Protocol=protocol, DefaultActions=[action]
    )


def not_found(message: str = "Not found") -> Any:
    """The action for requests that no rule matches: status 404."""
    response = elb.FixedResponseConfig(StatusCode="404", ContentType="text/plain", MessageBody=message)
    return elb.Action(Type="fixed-response", FixedResponseConfig=response)


def add_certificate(
    part: StackPart, title: str, names: Sequence[str], zone: String, origin: str, sources: Sources | None = None
) -> None:
    """Add a certificate for names of one hosted zone, where CloudFormation writes the records that validate it.

    A wildcard has the record of the name below it, and CloudFormation cannot write one record twice.
    Source: https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html
    """
    from troposphere import certificatemanager

    validated = [name for name in names if not name.startswith("*.") or name.removeprefix("*.") not in names]
    certificate = certificatemanager.Certificate(
        title,
        DomainName=names[0],
        **present(SubjectAlternativeNames=list(names[1:])),
        ValidationMethod="DNS",
        DomainValidationOptions=[
            certificatemanager.DomainValidationOption(DomainName=name, HostedZoneId=value(zone)) for name in validated
        ],
    )
    part.add(certificate, origin, sources)


def add_alias(
    part: StackPart, title: str, name: str, zone: String, prefix: str, origin: str, sources: Sources | None = None
) -> None:
    """Add the record that leads a name to a load balancer. It has IPv4 addresses only, so an AAAA record would be
    empty."""
    from troposphere import route53

    balancer = f"{prefix}LoadBalancer"
    target = route53.AliasTarget(
        DNSName=GetAtt(balancer, "DNSName"),
        HostedZoneId=GetAtt(balancer, "CanonicalHostedZoneID"),
        EvaluateTargetHealth=False,
    )
    record = route53.RecordSetType(title, HostedZoneId=value(zone), Name=name, Type="A", AliasTarget=target)
    part.add(record, origin, sources)


def _attributes(kind: Any, attributes: dict[str, Any]) -> list[Any]:
    """Attributes in the order of their names; numbers as text."""
    return [kind(Key=key, Value=_text(one)) for key, one in sorted(attributes.items())]


def _text(attribute: Any) -> Any:
    return str(attribute) if isinstance(attribute, int) else attribute


# The target group


def _add_target_group(part: StackPart, context: Context, balancer: LoadBalancer, port: int) -> None:
    service = context.service
    check = service.health_check
    attributes = _target_attributes(balancer)
    grpc = balancer.protocol_version == "grpc"
    matcher = {"GrpcCode": check.grpc_codes or "12"} if grpc else {"HttpCode": str(check.success_codes)}
    version = balancer.protocol_version.upper()
    group = elb.TargetGroup(
        "TargetGroup",
        Port=port,
        Protocol=balancer.protocol.upper(),
        **({} if version == "HTTP1" else {"ProtocolVersion": version}),
        TargetType="ip",
        VpcId=context.network.vpc,
        HealthCheckProtocol=(check.protocol or balancer.protocol).upper(),
        HealthCheckPort="traffic-port" if service.checked_port == service.entry_port else str(service.checked_port),
        HealthCheckPath=service.health_path,
        HealthCheckIntervalSeconds=check.interval,
        HealthCheckTimeoutSeconds=check.timeout,
        HealthyThresholdCount=check.healthy_threshold,
        UnhealthyThresholdCount=check.unhealthy_threshold,
        Matcher=elb.Matcher(**matcher),
        TargetGroupAttributes=_attributes(elb.TargetGroupAttribute, attributes),
    )
    delay = sorted(attributes).index(_DELAY)
    sources: Sources = {
        **{name: f"service.healthCheck.{key}" for name, key in _CHECKS.items()},
        "Matcher": "service.healthCheck.grpcCodes" if grpc else "service.healthCheck.successCodes",
        "Port": f"{ORIGIN}.{'internal' if context.joined is None else 'name'}",
        "Protocol": f"{ORIGIN}.protocol",
        "ProtocolVersion": f"{ORIGIN}.protocolVersion",
        "TargetGroupAttributes": f"{ORIGIN}.stickiness",
        ("TargetGroupAttributes", delay): f"{ORIGIN}.deregistrationDelay",
    }
    part.add(group, "service.healthCheck", sources)


_CHECKS = {
    "HealthCheckPath": "path",
    "HealthCheckPort": "port",
    "HealthCheckProtocol": "protocol",
    "HealthCheckIntervalSeconds": "interval",
    "HealthCheckTimeoutSeconds": "timeout",
    "HealthyThresholdCount": "healthyThreshold",
    "UnhealthyThresholdCount": "unhealthyThreshold",
}
"""The key of the health check behind each property."""

_DELAY = "deregistration_delay.timeout_seconds"


def _target_attributes(balancer: LoadBalancer) -> dict[str, Any]:
    attributes: dict[str, Any] = {_DELAY: balancer.deregistration_delay}
    if not balancer.stickiness:
        return attributes | {"stickiness.enabled": "false"}
    stickiness = balancer.stickiness if isinstance(balancer.stickiness, Stickiness) else Stickiness()
    kind = "app_cookie" if stickiness.cookie_name else "lb_cookie"
    attributes |= {"stickiness.enabled": "true", "stickiness.type": kind}
    attributes[f"stickiness.{kind}.duration_seconds"] = stickiness.duration
    return attributes | present(**{"stickiness.app_cookie.cookie_name": stickiness.cookie_name})
