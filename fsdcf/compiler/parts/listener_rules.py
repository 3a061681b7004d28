"""The rules of a service at a listener, of its own load balancer or of one of its environment; and the way from there
to the tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from troposphere import Join, Parameter, Ref, ec2
from troposphere import elasticloadbalancingv2 as elb

from fsdcf.cloudformation.priorities import LAST_PRIORITY
from fsdcf.compiler.parts.secrets import dynamic_reference
from fsdcf.compiler.stack import (
    TASK_SECURITY_GROUP,
    Context,
    PropertyPath,
    Sources,
    StackPart,
    imported,
    origin_of,
    present,
)
from fsdcf.compiler.text import value
from fsdcf.language.conditions import (
    Match,
    SharedRule,
    fixed_values,
    has_wildcard,
    hosts_of,
    matches,
    shared_balancer,
    shared_rules,
)
from fsdcf.language.model.environment import EnvironmentSpec, SharedLoadBalancer
from fsdcf.language.model.service import LoadBalancer, Service
from fsdcf.language.model.traffic import Authentication, Redirect
from fsdcf.language.names import logical_id

ORIGIN = "service.networking.loadBalancer"

FIRST_FORWARD = 1001
"""The priority of the first rule that forwards, at a load balancer of the service's own. Those that redirect come
before it, from 1 on. A rule keeps its number while others come and go: two rules cannot swap theirs in an update."""


def imported_of_balancer(joined: EnvironmentSpec, balancer: str, output: str) -> Any:
    """The value of an output about a load balancer of the environment."""
    return imported(joined, logical_id(balancer, output))


def task_ingress(context: Context, joined: EnvironmentSpec) -> StackPart:
    """The rules that let the environment's load balancer and its other services reach the port of the tasks."""
    part, service = StackPart(), context.service
    if service.entry_port is None:
        return part
    if (found := shared_balancer(context.spec, joined)) is not None:
        group = imported_of_balancer(joined, found[0], "LoadBalancerSecurityGroupId")
        for suffix, port, description, origin in balanced_ports(service):
            add_ingress(part, f"FromLoadBalancer{suffix}", port, group, description, origin)
    services = imported(joined, "ServicesSecurityGroupId")
    add_ingress(
        part,
        "FromServices",
        service.entry_port,
        services,
        "Services of the environment",
        f"{origin_of(service.entry[1])}.port",
    )
    return part


def balanced_ports(service: Service) -> Iterator[tuple[str, int, str, str]]:
    """The ports of the tasks that a load balancer reaches: the end of the rules' ids, the port, its words and path."""
    if service.entry_port is not None:
        yield "", service.entry_port, "Load balancer", f"{origin_of(service.entry[1])}.port"
        if service.checked_port is not None and service.checked_port != service.entry_port:
            yield "ForHealthCheck", service.checked_port, "Health checks", "service.healthCheck.port"


def add_ingress(part: StackPart, suffix: str, port: int, source: Any, description: str, origin: str) -> None:
    """Add the rule that lets a security group reach a port of the tasks; the service waits for it."""
    rule = ec2.SecurityGroupIngress(
        f"TaskIngress{suffix}",
        GroupId=TASK_SECURITY_GROUP,
        IpProtocol="tcp",
        FromPort=port,
        ToPort=port,
        SourceSecurityGroupId=source,
        Description=description,
    )
    part.add(rule, origin)
    part.waits.append(rule.title)


def listener_rules(context: Context, joined: EnvironmentSpec, name: str, shared: SharedLoadBalancer) -> StackPart:
    """The rules by which a load balancer of the environment forwards to the service, which waits for them."""
    part = StackPart()
    listener = imported_of_balancer(joined, name, shared.listener_output)
    balancer = context.service.networking.balancer
    for rule in shared_rules(context.spec, joined):
        meant = rule.redirect or balancer
        priority: Any = rule.priority
        if rule.parameter:
            part.parameters[rule.parameter] = _parameter(rule)
            priority = Ref(rule.parameter)
        resource = elb.ListenerRule(
            rule.id,
            ListenerArn=listener,
            Priority=priority,
            **_matching(meant, rule.hosts, rule.paths),
        )
        own: Sources = {"ListenerArn": f"{ORIGIN}.name", "Priority": f"{ORIGIN}.priority"}
        part.add(resource, ORIGIN, {**own, **_sources(meant)})
        if rule.redirect is None:
            part.waits.append(rule.id)
    return part


_Rules = list[tuple[LoadBalancer | Redirect, Match]]


def own_rules(balancer: LoadBalancer, has_forward: bool) -> StackPart:
    """The rules at the service's own listener: those that redirect, then those that forward, for which the service
    waits."""
    part = StackPart()
    listener = Ref("HttpsListener" if balancer.https else "Listener")
    redirects: _Rules = [(one, match) for one in balancer.redirects for match in matches(one.hosts, one.paths)]
    fixed = fixed_values(balancer.headers, balancer.query)
    forwards: _Rules = [(balancer, match) for match in matches(balancer.hosts, balancer.paths, fixed)]
    for name, first, rules in (
        ("RedirectRule", 1, redirects),
        ("ListenerRule", FIRST_FORWARD, forwards if has_forward else []),
    ):
        for index, (rule, match) in enumerate(rules):
            title = f"{name}{index + 1}" if index else name
            resource = elb.ListenerRule(title, ListenerArn=listener, Priority=first + index, **_matching(rule, *match))
            part.add(resource, ORIGIN, _sources(rule))
            part.waits += [title] if isinstance(rule, LoadBalancer) else []
    return part


def _sources(rule: LoadBalancer | Redirect) -> dict[str | PropertyPath, str]:
    """The spec paths of the properties of a rule."""
    if isinstance(rule, Redirect):
        return dict.fromkeys(("Conditions", "Actions"), f"{ORIGIN}.redirects")
    key = next(
        (key for key in ("hosts", "paths", "headers", "query") if getattr(rule, key)), "auth" if rule.auth else "hosts"
    )
    secret: Sources = {("Actions", 0, "AuthenticateOidcConfig", "ClientSecret"): f"{ORIGIN}.auth.oidc.clientSecret"}
    own = secret if rule.auth is not None and rule.auth.oidc is not None else {}
    return {"Conditions": f"{ORIGIN}.{key}", "Actions": f"{ORIGIN}.auth", **own}


def _matching(rule: LoadBalancer | Redirect, hosts: Sequence[str], paths: Sequence[str]) -> dict[str, Any]:
    """The conditions of a rule, and its actions. A rule that asks for nothing is for every path."""
    conditions = []
    if hosts:
        config = elb.HostHeaderConfig(Values=list(hosts))
        conditions.append(elb.Condition(Field="host-header", HostHeaderConfig=config))
    if paths:
        conditions.append(_path_condition(paths))
    if isinstance(rule, Redirect):
        return {"Conditions": conditions, "Actions": [_redirect(rule)]}
    for one in sorted(rule.headers, key=lambda header: (header.name, sorted(header.values))):
        header = elb.HttpHeaderConfig(HttpHeaderName=one.name, Values=sorted(one.values))
        conditions.append(elb.Condition(Field="http-header", HttpHeaderConfig=header))
    for each in sorted(rule.query, key=lambda parameter: (parameter.name or "", sorted(parameter.values))):
        pairs = [elb.QueryStringKeyValue(**present(Key=each.name), Value=text) for text in sorted(each.values)]
        conditions.append(elb.Condition(Field="query-string", QueryStringConfig=elb.QueryStringConfig(Values=pairs)))
    return {"Conditions": conditions or [_path_condition(["/*"])], "Actions": _forward(rule)}


def _path_condition(paths: Sequence[str]) -> elb.Condition:
    return elb.Condition(Field="path-pattern", PathPatternConfig=elb.PathPatternConfig(Values=list(paths)))


def _forward(balancer: LoadBalancer) -> list[elb.ListenerRuleAction]:
    """What a rule does with a request for the service: sign-in where the spec asks for it, then forward."""
    forward = {"Type": "forward", "TargetGroupArn": Ref("TargetGroup")}
    if balancer.auth is None:
        return [elb.ListenerRuleAction(**forward)]
    return [elb.ListenerRuleAction(**_sign_in(balancer.auth), Order=1), elb.ListenerRuleAction(**forward, Order=2)]


def _redirect(redirect: Redirect) -> elb.ListenerRuleAction:
    config = elb.RedirectConfig(
        StatusCode=f"HTTP_{redirect.status}", **present(Host=redirect.to_host, Path=redirect.to_path)
    )
    return elb.ListenerRuleAction(Type="redirect", RedirectConfig=config)


def _sign_in(auth: Authentication) -> dict[str, Any]:
    """The properties of the action by which the load balancer signs users in."""
    session = {
        "Scope": auth.scope,
        "OnUnauthenticatedRequest": auth.on_unauthenticated,
        "SessionTimeout": auth.session_timeout,
        **present(SessionCookieName=auth.session_cookie),
    }
    if auth.oidc is not None:
        oidc = elb.ListenerRuleAuthenticateOidcConfig(
            Issuer=value(auth.oidc.issuer),
            AuthorizationEndpoint=value(auth.oidc.authorization_endpoint),
            TokenEndpoint=value(auth.oidc.token_endpoint),
            UserInfoEndpoint=value(auth.oidc.user_info_endpoint),
            ClientId=value(auth.oidc.client_id),
            ClientSecret=dynamic_reference(auth.oidc.client_secret),
            **session,
        )
        return {"Type": "authenticate-oidc", "AuthenticateOidcConfig": oidc}
    pool = auth.cognito and {
        "UserPoolArn": value(auth.cognito.user_pool_arn),
        "UserPoolClientId": value(auth.cognito.client_id),
        "UserPoolDomain": value(auth.cognito.domain),
    }
    cognito = elb.AuthenticateCognitoConfig(**(pool or {}), **session)
    return {"Type": "authenticate-cognito", "AuthenticateCognitoConfig": cognito}


def _parameter(rule: SharedRule) -> Parameter:
    return Parameter(
        rule.parameter,
        Type="Number",
        Default=rule.priority,
        MinValue=1,
        MaxValue=LAST_PRIORITY,
        Description=f"Priority of {rule.id} among the rules of all services at the listener, which no other has",
    )


def outputs_of_balancer(context: Context, joined: EnvironmentSpec, name: str, shared: SharedLoadBalancer) -> StackPart:
    """The address of the service: by its first host without a wildcard, and by what its first path begins with.

    Without a host it is that of the load balancer, which no certificate matches.
    """
    part = StackPart()
    dns_name = imported_of_balancer(joined, name, "LoadBalancerDnsName")
    path = re.split("[*?]", next(iter(context.service.networking.balancer.paths), ""))[0]
    hosts = hosts_of(context.spec, shared)
    named = [host.lower() for host in hosts if not has_wildcard(host)]
    if named:
        part.output("Url", "Address of the service", f"{'https' if shared.https else 'http'}://{named[0]}{path}")
    elif not hosts and not shared.https:
        part.output("Url", "Address of the service", Join("", ["http://", dns_name, path]))
    part.output("LoadBalancerDnsName", "DNS name to point a domain to", dns_name)
    return part


def target_port(balancer: str) -> int:
    """The port of the target group, which has no meaning: targets register with their own. Each load balancer has
    another one, because a change replaces the group, and a target group serves one load balancer at a time."""
    known = {"public": 80, "internal": 81}
    return known.get(balancer) or 1024 + int.from_bytes(sha256(balancer.encode()).digest()[:4], "big") % 60_000
