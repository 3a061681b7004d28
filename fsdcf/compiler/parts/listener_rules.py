"""The rules of a service at a load balancer of its environment, and the way from there to the tasks."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from troposphere import Join, Parameter, Ref, ec2
from troposphere import elasticloadbalancingv2 as elb

from fsdcf.cloudformation.priorities import LAST_PRIORITY
from fsdcf.compiler.stack import TASK_SECURITY_GROUP, Context, Sources, StackPart, imported
from fsdcf.language.conditions import SharedRule, has_wildcard, hosts_of, shared_balancer, shared_rules
from fsdcf.language.model.environment import EnvironmentSpec, SharedLoadBalancer
from fsdcf.language.names import logical_id

ORIGIN = "service.networking.loadBalancer"


def imported_of_balancer(joined: EnvironmentSpec, balancer: str, output: str) -> Any:
    """The value of an output about a load balancer of the environment."""
    return imported(joined, logical_id(balancer, output))


def task_ingress(context: Context, joined: EnvironmentSpec) -> StackPart:
    """The rules that let the environment's load balancer and its other services reach the port of the tasks."""
    part, service = StackPart(), context.service
    if service.port is None:
        return part
    sources = {"FromServices": ("Services of the environment", imported(joined, "ServicesSecurityGroupId"))}
    if (found := shared_balancer(context.spec, joined)) is not None:
        group = imported_of_balancer(joined, found[0], "LoadBalancerSecurityGroupId")
        sources = {"FromLoadBalancer": ("Load balancer", group), **sources}
    for suffix, (description, source) in sources.items():
        rule = ec2.SecurityGroupIngress(
            f"TaskIngress{suffix}",
            GroupId=TASK_SECURITY_GROUP,
            IpProtocol="tcp",
            FromPort=service.port,
            ToPort=service.port,
            SourceSecurityGroupId=source,
            Description=description,
        )
        part.add(rule, "service.port")
        part.waits.append(rule.title)
    return part


def listener_rules(context: Context, joined: EnvironmentSpec, name: str, shared: SharedLoadBalancer) -> StackPart:
    """The rules by which a load balancer of the environment forwards to the service, which waits for them."""
    part = StackPart()
    listener = imported_of_balancer(joined, name, shared.listener_output)
    key = "hosts" if context.service.networking.balancer.hosts else "paths"
    sources: Sources = {
        "ListenerArn": f"{ORIGIN}.name",
        "Priority": f"{ORIGIN}.priority",
        "Conditions": f"{ORIGIN}.{key}",
    }
    for rule in shared_rules(context.spec, joined):
        priority: Any = rule.priority
        if rule.parameter:
            part.parameters[rule.parameter] = _parameter(rule)
            priority = Ref(rule.parameter)
        resource = elb.ListenerRule(
            rule.id,
            ListenerArn=listener,
            Priority=priority,
            Conditions=_conditions(rule),
            Actions=[elb.ListenerRuleAction(Type="forward", TargetGroupArn=Ref("TargetGroup"))],
        )
        part.add(resource, ORIGIN, sources)
        part.waits.append(rule.id)
    return part


def _parameter(rule: SharedRule) -> Parameter:
    return Parameter(
        rule.parameter,
        Type="Number",
        Default=rule.priority,
        MinValue=1,
        MaxValue=LAST_PRIORITY,
        Description=f"Priority of {rule.id} among the rules of all services at the listener, which no other has",
    )


def _conditions(rule: SharedRule) -> list[elb.Condition]:
    conditions = []
    if rule.hosts:
        config = elb.HostHeaderConfig(Values=list(rule.hosts))
        conditions.append(elb.Condition(Field="host-header", HostHeaderConfig=config))
    if rule.paths:
        config = elb.PathPatternConfig(Values=list(rule.paths))
        conditions.append(elb.Condition(Field="path-pattern", PathPatternConfig=config))
    return conditions


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
