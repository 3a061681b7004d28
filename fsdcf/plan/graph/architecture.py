"""The architecture of a template: internet, load balancer, tasks, data and services, as an AWS architect draws them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fsdcf.plan.graph.access import Reach, reached
from fsdcf.plan.graph.model import Edge, Graph, Group, Node, id_of
from fsdcf.plan.graph.network import Places, network
from fsdcf.plan.graph.service import DEFINITION, SERVICE, described, mounted
from fsdcf.plan.graph.stores import LOG_GROUP, of_store, stores
from fsdcf.plan.view import Resource, View, items, mapping, target_of, text_of, view

DATA, SERVICES = Group("g_data", "data", "Data"), Group("g_services", "services", "AWS services")


def architecture(template: Mapping[str, Any], title: str) -> Graph:
    """The drawing of a template. Raises PlanError where it is no template."""
    found = view(template)
    places = network(found)
    nodes = [*places.nodes, *stores(found, DATA.id)]
    edges = [*places.edges, *_redriven(found)]
    known = {node.id for node in nodes}
    for service in found.of(SERVICE):
        nodes.append(described(found, service, places.groups_of.get(service.name, "")))
        edges += _ways(found, service, places)
        for node, edge in _accesses(found, service):
            if node.id not in known:
                nodes.append(node)
                known.add(node.id)
            edges.append(edge)
    groups = [*places.groups, DATA, SERVICES]
    used = {node.group for node in nodes}
    used |= {group.parent for group in groups if group.id in used}
    kept = tuple(group for group in groups if group.id in used)
    return Graph(title, _in_order(nodes, kept), kept, tuple(dict.fromkeys(edges)))


def _in_order(nodes: list[Node], groups: tuple[Group, ...]) -> tuple[Node, ...]:
    """The nodes by group, in the order in which they were found."""
    order = {"": -1, **{group.id: index for index, group in enumerate(groups)}}
    return tuple(sorted(nodes, key=lambda node: order[node.group]))


def _ways(found: View, service: Resource, places: Places) -> Iterator[Edge]:
    """The load balancers' edges to a service, and its ways out."""
    for entry in items(service.properties.get("LoadBalancers")):
        group = target_of(mapping(entry).get("TargetGroupArn"))
        for balancer in places.balancers.get(group or "", ()):
            yield Edge(id_of(balancer), id_of(service.name), f"port {text_of(mapping(entry).get('ContainerPort'))}")
    if places.groups_of.get(service.name) == "g_private":
        yield from (Edge(id_of(service.name), way, "", faint=True, back=True) for way in places.ways)
    yield from (Edge(id_of(service.name), way, "", faint=True, back=True) for way in places.endpoints)


def _accesses(found: View, service: Resource) -> Iterator[tuple[Node, Edge]]:
    """What a service reaches, by the policies of its roles, its image and its log groups."""
    definition = found.named(service.properties.get("TaskDefinition"), DEFINITION)
    if definition is None:
        return
    mounts = mounted(definition)
    for reach in reached(found, definition):
        node = _reached(found, reach)
        if node is not None:
            label = f"mounts {mounts[reach.target]}, {reach.label}" if reach.target in mounts else reach.label
            yield node, Edge(id_of(service.name), node.id, label, reach.faint, back=node.group == SERVICES.id)


def _reached(found: View, reach: Reach) -> Node | None:
    """The node of what is reached: a store or a service of the stack, or something that exists already."""
    resource = found.resources.get(reach.target)
    if resource is None:
        group = DATA.id if reach.is_data else SERVICES.id
        return Node(
            reach.id, reach.kind, reach.lines, "" if reach.kind == "danger" else group, exists=reach.kind != "danger"
        )
    return of_store(resource, SERVICES.id if resource.type == LOG_GROUP or not reach.is_data else DATA.id)


def _redriven(found: View) -> Iterator[Edge]:
    """From each queue to its dead letters."""
    for queue in found.of("AWS::SQS::Queue"):
        policy = mapping(queue.properties.get("RedrivePolicy"))
        dead = found.named(policy.get("deadLetterTargetArn"), "AWS::SQS::Queue")
        if dead is not None:
            yield Edge(
                id_of(queue.name),
                id_of(dead.name),
                f"after {text_of(policy.get('maxReceiveCount'))} receipts",
                faint=True,
            )
