"""The network: the VPC with its subnets, load balancers, NAT gateways and endpoints, and who is outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fsdcf.plan.graph.model import Edge, Group, Node, id_of, other_id
from fsdcf.plan.view import Resource, View, items, mapping, target_of, text_of

INTERNET, CLIENTS = "x_internet", "x_clients"
_BALANCER, _LISTENER = "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancingV2::Listener"


@dataclass(frozen=True)
class Places:
    """Where things stand. ``groups_of`` is by the logical id of a service, ``balancers`` by that of a target group.

    ``ways`` are the nodes by which private tasks reach the internet, ``endpoints`` those by which they reach AWS.
    """

    nodes: tuple[Node, ...]
    groups: tuple[Group, ...]
    edges: tuple[Edge, ...]
    groups_of: Mapping[str, str]
    balancers: Mapping[str, tuple[str, ...]]
    ways: tuple[str, ...]
    endpoints: tuple[str, ...]


def network(view: View) -> Places:
    """The network of a template, whether it makes one or its services run in one that exists already."""
    services = {one.name: _configuration(one) for one in view.of("AWS::ECS::Service")}
    balancers = list(view.of(_BALANCER))
    public = [one for one in balancers if _is_public(one)]
    groups_of = {
        name: "g_public" if one.get("AssignPublicIp") == "ENABLED" else "g_private"
        for name, one in services.items()
        if one
    }
    nodes, edges = [], []
    if public or any(view.of("AWS::EC2::NatGateway")) or "g_public" in groups_of.values():
        nodes.append(Node(INTERNET, "outside", ("Internet",)))
    if len(public) < len(balancers):
        nodes.append(Node(CLIENTS, "outside", ("Clients", "in the network"), "g_vpc"))
    for balancer in balancers:
        nodes.append(_balancer(view, balancer, groups_of))
        edges.append(Edge(INTERNET if balancer in public else CLIENTS, id_of(balancer.name), _ports(view, balancer)))
    ways, endpoints = _nat(view), list(_endpoints(view))
    nodes += [*ways, *endpoints]
    edges += [Edge(one.id, INTERNET, "", faint=True, back=True) for one in ways]
    return Places(
        nodes=tuple(nodes),
        groups=tuple(_groups(view, services, balancers)),
        edges=tuple(edges),
        groups_of=groups_of,
        balancers=_targets(view),
        ways=tuple(one.id for one in ways),
        endpoints=tuple(one.id for one in endpoints),
    )


def _configuration(service: Resource) -> Mapping[str, object]:
    return mapping(mapping(service.properties.get("NetworkConfiguration")).get("AwsvpcConfiguration"))


def _is_public(balancer: Resource) -> bool:
    return text_of(balancer.properties.get("Scheme", "internet-facing")) == "internet-facing"


def _groups(view: View, services: Mapping[str, Mapping[str, object]], balancers: list[Resource]) -> Iterator[Group]:
    made = next(view.of("AWS::EC2::VPC"), None)
    if made is not None:
        label = f"VPC {text_of(made.properties.get('CidrBlock', ''))}".strip()
    else:
        holders = (*view.of("AWS::ElasticLoadBalancingV2::TargetGroup"), *view.of("AWS::EC2::SecurityGroup"))
        ids = [text_of(one.properties["VpcId"]) for one in holders if "VpcId" in one.properties]
        label = f"VPC {ids[0]}, exists already" if ids else "VPC"
    yield Group("g_vpc", "vpc", label)
    public: list[object] = [one for balancer in balancers if _is_public(balancer) for one in _subnets(balancer)]
    public += [one.properties.get("SubnetId") for one in view.of("AWS::EC2::NatGateway")] + list(_routed(view))
    private: list[object] = [one for balancer in balancers if not _is_public(balancer) for one in _subnets(balancer)]
    for configuration in services.values():
        (public if configuration.get("AssignPublicIp") == "ENABLED" else private).extend(
            items(configuration.get("Subnets"))
        )
    for id, area, word, subnets in (
        ("g_public", "public", "Public", public),
        ("g_private", "private", "Private", private),
    ):
        zones = len({text_of(one) for one in subnets})
        yield Group(
            id,
            "public" if area == "public" else "private",
            f"{word} subnets, {zones} zone{'s' if zones != 1 else ''}",
            "g_vpc",
        )


def _routed(view: View) -> Iterator[object]:
    """The subnets whose route table leads to an internet gateway."""
    tables = {
        target_of(one.properties.get("RouteTableId"))
        for one in view.of("AWS::EC2::Route")
        if one.properties.get("GatewayId")
    }
    for one in view.of("AWS::EC2::SubnetRouteTableAssociation"):
        if target_of(one.properties.get("RouteTableId")) in tables - {None}:
            yield one.properties.get("SubnetId")


def _subnets(balancer: Resource) -> list[object]:
    mapped = [mapping(one).get("SubnetId") for one in items(balancer.properties.get("SubnetMappings"))]
    return items(balancer.properties.get("Subnets")) or mapped


def _balancer(view: View, balancer: Resource, groups_of: Mapping[str, str]) -> Node:
    kind = text_of(balancer.properties.get("Type", "application")).capitalize()
    scheme = "internet-facing" if _is_public(balancer) else "internal"
    inside = "g_public" if _is_public(balancer) else next(iter(groups_of.values()), "g_private")
    return Node(id_of(balancer.name), "way in", (f"{kind} load balancer", scheme), inside)


def _ports(view: View, balancer: Resource) -> str:
    """``HTTPS 443, HTTP 80 redirected``."""
    words = []
    for listener in view.of(_LISTENER):
        if target_of(listener.properties.get("LoadBalancerArn")) == balancer.name:
            actions = [mapping(one) for one in items(listener.properties.get("DefaultActions"))]
            word = f"{text_of(listener.properties.get('Protocol', ''))} {text_of(listener.properties.get('Port', ''))}".strip()
            words.append(
                word + (" redirected" if actions and all(one.get("Type") == "redirect" for one in actions) else "")
            )
    return ", ".join(words)


def _targets(view: View) -> dict[str, tuple[str, ...]]:
    """The load balancers in front of each target group, through listeners and their rules."""
    of_listener = {one.name: target_of(one.properties.get("LoadBalancerArn")) for one in view.of(_LISTENER)}
    found: dict[str, dict[str, None]] = {}
    holders = [(one, of_listener[one.name], "DefaultActions") for one in view.of(_LISTENER)]
    for rule in view.of("AWS::ElasticLoadBalancingV2::ListenerRule"):
        holders.append((rule, of_listener.get(target_of(rule.properties.get("ListenerArn")) or ""), "Actions"))
    for holder, balancer, key in holders:
        for action in items(holder.properties.get(key)):
            weighted = items(mapping(mapping(action).get("ForwardConfig")).get("TargetGroups"))
            for written in (
                mapping(action).get("TargetGroupArn"),
                *(mapping(one).get("TargetGroupArn") for one in weighted),
            ):
                group = target_of(written)
                if group is not None and balancer is not None and balancer in view.resources:
                    found.setdefault(group, {})[balancer] = None
    return {group: tuple(names) for group, names in found.items()}


def _nat(view: View) -> list[Node]:
    count = len(list(view.of("AWS::EC2::NatGateway")))
    if not count:
        return []
    lines = ("NAT gateway",) if count == 1 else ("NAT gateways", f"{count}, one per zone")
    return [Node("x_nat", "network", lines, "g_public")]


def _endpoints(view: View) -> Iterator[Node]:
    """One node for the gateway endpoints and one for the interface endpoints."""
    found: dict[str, list[str]] = {}
    for one in view.of("AWS::EC2::VPCEndpoint"):
        kind = text_of(one.properties.get("VpcEndpointType", "Gateway"))
        name = text_of(one.properties.get("ServiceName", one.name))
        short = name.removeprefix("com.amazonaws.").removeprefix("${AWS::Region}.")
        found.setdefault(kind, []).append({"s3": "S3", "dynamodb": "DynamoDB"}.get(short, short))
    titles = {"Gateway": ("g_vpc", "Gateway endpoints"), "Interface": ("g_private", "Interface endpoints")}
    for kind, names in found.items():
        group, title = titles.get(kind, ("g_vpc", f"{kind} endpoints"))
        yield Node(other_id(f"endpoints {kind}"), "network", (title, *_wrapped(names)), group)


def _wrapped(names: list[str]) -> Iterator[str]:
    """Names in lines of three."""
    for start in range(0, len(names), 3):
        yield ", ".join(names[start : start + 3]) + ("," if start + 3 < len(names) else "")
