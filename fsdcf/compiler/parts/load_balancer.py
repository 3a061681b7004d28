"""The application load balancer, its listeners and the target group."""

from __future__ import annotations

from typing import Any

from troposphere import Ref
from troposphere import elasticloadbalancingv2 as elb

from fsdcf.compiler.parts.network import Network
from fsdcf.compiler.stack import PropertyPath, Stack
from fsdcf.compiler.text import value
from fsdcf.language.model.service import LoadBalancer, Service, Stickiness

ORIGIN = "service.networking.loadBalancer"
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


def add_load_balancer(stack: Stack, service: Service, network: Network) -> tuple[str, ...]:
    """Load balancer, target group and listeners of an HTTP service; the service waits for the listeners.

    ``Listener`` is always the one on port 80, which forwards or redirects: a certificate that comes or goes then never
    makes two listeners want one port in the middle of an update.
    """
    balancer = service.load_balancer
    if balancer is None:
        return ()
    attributes = {
        "idle_timeout.timeout_seconds": balancer.idle_timeout,
        "routing.http.drop_invalid_header_fields.enabled": "true",
    }
    resource = elb.LoadBalancer(
        "LoadBalancer",
        Type="application",
        Scheme="internal" if balancer.internal else "internet-facing",
        Subnets=list(network.load_balancer_subnets),
        SecurityGroups=[Ref("LoadBalancerSecurityGroup")],
        LoadBalancerAttributes=_attributes(elb.LoadBalancerAttributes, attributes),
    )
    if network.edge:
        resource.DependsOn = list(network.edge)
    stack.add(
        resource, ORIGIN, {("Scheme",): f"{ORIGIN}.internal", ("LoadBalancerAttributes",): f"{ORIGIN}.idleTimeout"}
    )
    _target_group(stack, service, balancer, network)
    return _listeners(stack, balancer)


def _target_group(stack: Stack, service: Service, balancer: LoadBalancer, network: Network) -> None:
    check = service.health_check
    attributes = _target_attributes(balancer)
    group = elb.TargetGroup(
        "TargetGroup",
        Port=80,  # targets register with their own port; this one must not change with it, since that would replace the group
        Protocol="HTTP",
        TargetType="ip",
        VpcId=network.vpc,
        HealthCheckProtocol="HTTP",
        HealthCheckPort="traffic-port",
        HealthCheckPath=check.path,
        HealthCheckIntervalSeconds=check.interval,
        HealthCheckTimeoutSeconds=check.timeout,
        HealthyThresholdCount=check.healthy_threshold,
        UnhealthyThresholdCount=check.unhealthy_threshold,
        Matcher=elb.Matcher(HttpCode=str(check.success_codes)),
        TargetGroupAttributes=_attributes(elb.TargetGroupAttribute, attributes),
    )
    delay = sorted(attributes).index(_DELAY)
    attributed: dict[PropertyPath, str] = {
        ("TargetGroupAttributes",): f"{ORIGIN}.stickiness",
        ("TargetGroupAttributes", delay): f"{ORIGIN}.deregistrationDelay",
    }
    stack.add(
        group,
        "service.healthCheck",
        {(name,): f"service.healthCheck.{key}" for name, key in _CHECKS.items()} | attributed,
    )


_CHECKS = {
    "HealthCheckPath": "path",
    "HealthCheckIntervalSeconds": "interval",
    "HealthCheckTimeoutSeconds": "timeout",
    "HealthyThresholdCount": "healthyThreshold",
    "UnhealthyThresholdCount": "unhealthyThreshold",
    "Matcher": "successCodes",
}
"""Which key of the health check a property comes from."""

_DELAY = "deregistration_delay.timeout_seconds"


def _target_attributes(balancer: LoadBalancer) -> dict[str, Any]:
    attributes: dict[str, Any] = {_DELAY: balancer.deregistration_delay}
    if not balancer.stickiness:
        return attributes | {"stickiness.enabled": "false"}
    stickiness = balancer.stickiness if isinstance(balancer.stickiness, Stickiness) else Stickiness()
    attributes["stickiness.enabled"] = "true"
    if stickiness.cookie_name:
        attributes["stickiness.type"] = "app_cookie"
        attributes["stickiness.app_cookie.cookie_name"] = stickiness.cookie_name
        attributes["stickiness.app_cookie.duration_seconds"] = stickiness.duration
    else:
        attributes["stickiness.type"] = "lb_cookie"
        attributes["stickiness.lb_cookie.duration_seconds"] = stickiness.duration
    return attributes


def _listeners(stack: Stack, balancer: LoadBalancer) -> tuple[str, ...]:
    forward = elb.Action(Type="forward", TargetGroupArn=Ref("TargetGroup"))
    if balancer.certificate_arn is None:
        stack.add(_listener("Listener", 80, "HTTP", forward), ORIGIN)
        return ("Listener",)
    https = _listener("HttpsListener", 443, "HTTPS", forward)
    https.SslPolicy = balancer.ssl_policy or TLS_POLICY
    https.Certificates = [elb.Certificate(CertificateArn=value(balancer.certificate_arn))]
    stack.add(https, ORIGIN, {("Certificates",): f"{ORIGIN}.certificateArn", ("SslPolicy",): f"{ORIGIN}.sslPolicy"})
    redirect = elb.RedirectConfig(Protocol="HTTPS", Port="443", StatusCode="HTTP_301")
    http = _listener("Listener", 80, "HTTP", elb.Action(Type="redirect", RedirectConfig=redirect))
    http.DependsOn = "HttpsListener"
    stack.add(http, ORIGIN)
    return ("HttpsListener", "Listener")


def _listener(title: str, port: int, protocol: str, action: Any) -> Any:
    return elb.Listener(
        title, LoadBalancerArn=Ref("LoadBalancer"), Port=port, Protocol=protocol, DefaultActions=[action]
    )


def _attributes(kind: Any, attributes: dict[str, Any]) -> list[Any]:
    return [kind(Key=key, Value=str(value)) for key, value in sorted(attributes.items())]
