"""The application load balancer, its listeners and the target group."""

from __future__ import annotations

from typing import Any

from troposphere import Ref
from troposphere import elasticloadbalancingv2 as elb

from fsdcf.compiler.parts.listener_rules import listener_rules, target_port
from fsdcf.compiler.parts.network import LOAD_BALANCER_GROUP, REDIRECT_GROUP
from fsdcf.compiler.stack import Context, Sources, StackPart, present
from fsdcf.compiler.text import value
from fsdcf.language.model.service import LoadBalancer, Stickiness

ORIGIN = "service.networking.loadBalancer"
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"

INTERNAL_PORT = 81
"""The port of an internal load balancer's target group; that of a public one's is 80.

Targets register with their own port, so neither has a meaning. They differ because a change replaces the group: a
balancer whose scheme changes is replaced, and a target group serves one load balancer at a time.
"""


def load_balancer(context: Context) -> StackPart:
    """Load balancer, target group and listeners of an HTTP service; the service waits for the listeners. A service that
    joins an environment has rules at the listener of its load balancer instead.

    ``Listener`` always listens on port 80, and forwards or redirects. If it moved to port 443 with a certificate, two
    listeners would claim one port in the middle of an update.
    """
    part = StackPart()
    balancer = context.service.load_balancer
    if balancer is None:
        return part
    if context.shared_balancer is not None:
        _add_target_group(part, context, balancer, target_port(context.shared_balancer[1]))
        part.fold(listener_rules(context, *context.shared_balancer))
        return part
    attributes = {
        "idle_timeout.timeout_seconds": balancer.idle_timeout,
        "routing.http.drop_invalid_header_fields.enabled": "true",
    }
    resource = elb.LoadBalancer(
        "LoadBalancer",
        Type="application",
        Scheme="internal" if balancer.internal else "internet-facing",
        Subnets=list(context.network.load_balancer_subnets),
        SecurityGroups=[
            Ref(group) for group in (LOAD_BALANCER_GROUP, REDIRECT_GROUP) if group in context.before.resources
        ],
        LoadBalancerAttributes=attribute_list(elb.LoadBalancerAttributes, attributes),
        **present(DependsOn=list(context.network.edge)),
    )
    sources: Sources = {"Scheme": f"{ORIGIN}.internal", "LoadBalancerAttributes": f"{ORIGIN}.idleTimeout"}
    part.add(resource, ORIGIN, sources)
    _add_target_group(part, context, balancer, INTERNAL_PORT if balancer.internal else 80)
    _add_listeners(part, balancer)
    return part


def _add_target_group(part: StackPart, context: Context, balancer: LoadBalancer, port: int) -> None:
    check = context.service.health_check
    attributes = _target_attributes(balancer)
    group = elb.TargetGroup(
        "TargetGroup",
        Port=port,
        Protocol="HTTP",
        TargetType="ip",
        VpcId=context.network.vpc,
        HealthCheckProtocol="HTTP",
        HealthCheckPort="traffic-port",
        HealthCheckPath=check.path,
        HealthCheckIntervalSeconds=check.interval,
        HealthCheckTimeoutSeconds=check.timeout,
        HealthyThresholdCount=check.healthy_threshold,
        UnhealthyThresholdCount=check.unhealthy_threshold,
        Matcher=elb.Matcher(HttpCode=str(check.success_codes)),
        TargetGroupAttributes=attribute_list(elb.TargetGroupAttribute, attributes),
    )
    delay = sorted(attributes).index(_DELAY)
    sources: Sources = {
        **{name: f"service.healthCheck.{key}" for name, key in _CHECKS.items()},
        "Port": f"{ORIGIN}.{'internal' if context.joined is None else 'name'}",
        "TargetGroupAttributes": f"{ORIGIN}.stickiness",
        ("TargetGroupAttributes", delay): f"{ORIGIN}.deregistrationDelay",
    }
    part.add(group, "service.healthCheck", sources)


_CHECKS = {
    "HealthCheckPath": "path",
    "HealthCheckIntervalSeconds": "interval",
    "HealthCheckTimeoutSeconds": "timeout",
    "HealthyThresholdCount": "healthyThreshold",
    "UnhealthyThresholdCount": "unhealthyThreshold",
    "Matcher": "successCodes",
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


def _add_listeners(part: StackPart, balancer: LoadBalancer) -> None:
    forward = elb.Action(Type="forward", TargetGroupArn=Ref("TargetGroup"))
    if balancer.certificate_arn is None:
        part.add(_listener("Listener", 80, "HTTP", forward), ORIGIN)
        part.waits = ["Listener"]
        return
    https = _listener("HttpsListener", 443, "HTTPS", forward)
    https.SslPolicy = balancer.ssl_policy or TLS_POLICY
    https.Certificates = [elb.Certificate(CertificateArn=value(balancer.certificate_arn))]
    part.add(https, ORIGIN, {"Certificates": f"{ORIGIN}.certificateArn", "SslPolicy": f"{ORIGIN}.sslPolicy"})
    redirect = elb.RedirectConfig(Protocol="HTTPS", Port="443", StatusCode="HTTP_301")
    http = _listener("Listener", 80, "HTTP", elb.Action(Type="redirect", RedirectConfig=redirect))
    http.DependsOn = "HttpsListener"
    part.add(http, ORIGIN)
    part.waits = ["HttpsListener", "Listener"]


def _listener(title: str, port: int, protocol: str, action: Any) -> Any:
    return elb.Listener(
        title, LoadBalancerArn=Ref("LoadBalancer"), Port=port, Protocol=protocol, DefaultActions=[action]
    )


def attribute_list(kind: Any, attributes: dict[str, Any]) -> list[Any]:
    """Attributes of a load balancer or a target group, by key."""
    return [kind(Key=key, Value=str(value)) for key, value in sorted(attributes.items())]
