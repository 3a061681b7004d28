"""The network: NAT gateways, addresses, load balancers with their traffic, and interface endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, items, text_of
from fsdcf.cloudformation.pricing import HOURS, SECONDS, CostLine, PricingContext, Range, Unpriced, counted, number

PART, WAY_IN = "network", "way in"
BALANCER, LISTENER, RULE = (
    f"AWS::ElasticLoadBalancingV2::{name}" for name in ("LoadBalancer", "Listener", "ListenerRule")
)
_KILO, _MEGA = Decimal(1000), Decimal(10) ** 6

NEW, ACTIVE, FREE_RULES = 25, 3000, 10
"""What one LCU holds: new connections a second, active ones a minute; the first ten rules are not counted, and it holds a
thousand evaluations a second and one GB an hour. Source: https://aws.amazon.com/elasticloadbalancing/pricing/"""


def price_network(case: PricingContext) -> Iterator[CostLine | Unpriced]:
    """NAT gateways, elastic addresses and endpoints."""
    gateways = tuple(one.name for one in case.view.of("AWS::EC2::NatGateway"))
    if gateways:
        count, traffic = len(gateways), case.assumed["nat-gigabytes"]
        how = f"{counted(count, 'gateway')} × {HOURS} h"
        yield case.line("nat.hour", PART, "NAT gateways", Range.of(count * HOURS), how, gateways)
        how = f"{number(traffic)} GB through all of them"
        yield case.line(
            "nat.gigabyte", PART, "Traffic through NAT", Range.of(traffic), how, gateways, ("nat-gigabytes",)
        )
    addresses = tuple(one.name for one in case.view.of("AWS::EC2::EIP"))
    if addresses:
        quantity, how = Range.of(len(addresses) * HOURS), f"{len(addresses)} × {HOURS} h"
        yield case.line("ipv4.hour", PART, "Elastic IPv4 addresses", quantity, how, addresses)
    yield from _endpoints(case)


def _endpoints(case: PricingContext) -> Iterator[CostLine | Unpriced]:
    """Interface endpoints by zone; gateway endpoints are free. Source: https://aws.amazon.com/privatelink/pricing/"""
    found = [
        one
        for one in case.view.of("AWS::EC2::VPCEndpoint")
        if one.properties.get("VpcEndpointType", "Gateway") != "Gateway"
    ]
    interfaces = [one for one in found if one.properties["VpcEndpointType"] == "Interface"]
    for one in found:
        if one not in interfaces:
            yield Unpriced(
                f"Endpoint {one.name}",
                f"no price for an endpoint of type {text_of(one.properties['VpcEndpointType'])}",
                (one.name,),
            )
    zones = sum(max(1, len(items(one.properties.get("SubnetIds")))) for one in interfaces)
    if interfaces:
        names, traffic = tuple(one.name for one in interfaces), case.assumed["endpoint-gigabytes"]
        how = f"{counted(len(interfaces), 'endpoint')}, {counted(zones, 'zone')} in all × {HOURS} h"
        yield case.line("endpoint.hour", PART, "Interface endpoints", Range.of(zones * HOURS), how, names)
        how = f"{number(traffic)} GB through all of them"
        yield case.line(
            "endpoint.gigabyte",
            PART,
            "Traffic through endpoints",
            Range.of(traffic),
            how,
            names,
            ("endpoint-gigabytes",),
        )


def price_balancers(case: PricingContext) -> Iterator[CostLine | Unpriced]:
    """Load balancers by hour and by capacity units, and what they answer to the internet."""
    for balancer in case.view.of(BALANCER):
        kind = text_of(balancer.properties.get("Type", "application"))
        if kind != "application":
            yield Unpriced(f"Load balancer {balancer.name}", f"no price for a {kind} load balancer", (balancer.name,))
            continue
        names = (balancer.name,)
        yield case.line(
            "alb.hour",
            WAY_IN,
            "Application load balancer",
            Range.of(HOURS),
            f"1 × {HOURS} h",
            names,
            owner=balancer.name,
        )
        yield _capacity(case, balancer)
        if balancer.properties.get("Scheme", "internet-facing") == "internet-facing":
            zones = len(items(balancer.properties.get("Subnets")) or items(balancer.properties.get("SubnetMappings")))
            how = f"{counted(zones, 'zone')} × {HOURS} h"
            quantity = Range.of(zones * HOURS)
            yield case.line(
                "ipv4.hour",
                WAY_IN,
                "Public IPv4 addresses of the load balancer",
                quantity,
                how,
                names,
                owner=balancer.name,
            )
            yield _answers(case, balancer)


def _capacity(case: PricingContext, balancer: PlannedResource) -> CostLine:
    """Capacity units: the largest of connections, active connections, bytes and rule evaluations."""
    rate, opened = case.assumed["requests-per-second"], case.assumed["requests-per-connection"]
    new = rate / opened
    size = case.assumed["request-kilobytes"] + case.assumed["response-kilobytes"]
    evaluations = rate * max(0, _rules(case.view, balancer) - FREE_RULES)
    measures = {
        "new connections": new / NEW,
        "active connections": new * case.assumed["connection-seconds"] / ACTIVE,
        "bytes": rate * size * 3600 / _MEGA,
        "rule evaluations": evaluations / _KILO,
    }
    largest = max(measures, key=lambda name: measures[name])
    how = f"{number(measures[largest])} LCU, by {largest}, × {HOURS} h"
    names = (
        "requests-per-second",
        "requests-per-connection",
        "connection-seconds",
        "request-kilobytes",
        "response-kilobytes",
    )
    quantity = Range.of(measures[largest] * HOURS)
    return case.line("alb.lcu", WAY_IN, "Load balancer capacity", quantity, how, (balancer.name,), names, balancer.name)


def _answers(case: PricingContext, balancer: PlannedResource) -> CostLine:
    rate, size = case.assumed["requests-per-second"], case.assumed["response-kilobytes"]
    traffic = rate * size * SECONDS / _MEGA
    how = f"{number(rate)} requests/s × {number(size)} kB"
    names = ("requests-per-second", "response-kilobytes")
    return case.line(
        "transfer.out",
        WAY_IN,
        "Answers to the internet",
        Range.of(traffic),
        how,
        (balancer.name,),
        names,
        balancer.name,
    )


def _rules(view: PlannedStack, balancer: PlannedResource) -> int:
    """How many rules a request may pass: those of the balancer's listener that has most."""
    most = 0
    for listener in view.of(LISTENER):
        if view.named(listener.properties.get("LoadBalancerArn"), BALANCER) == balancer:
            rules = [
                rule for rule in view.of(RULE) if view.named(rule.properties.get("ListenerArn"), LISTENER) == listener
            ]
            most = max(most, len(rules) + 1)
    return most
