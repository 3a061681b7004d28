"""The drawing of an environment with its services, of several networks, and of a service that joins alone."""

from __future__ import annotations

from itertools import combinations

import pytest

from fsdcf.plan.cost.estimate import estimates_of
from fsdcf.plan.cost.prices import assumed, shipped
from fsdcf.plan.graph.architecture import architecture, architecture_of
from fsdcf.plan.graph.model import Edge, Graph, Group, Node
from fsdcf.plan.graph.svg import places_of, svg
from tests.plan.shared import Template, compiled, environment, environment_file, joined, own
from tests.plan.test_graph import edges, sound

TABLE = """\
dependencies:
  - {type: aws_dynamodb_table, name: "${ENV}-NAME", keySchema: [{name: id, type: HASH}],
     attributes: [{name: id, type: S}]}
"""


def calling(*names: str) -> str:
    return "  environment:\n" + "".join(f"    {name.upper()}_URL: http://{name}:80/v1\n" for name in names)


def together() -> dict[str, Template]:
    return {
        "staging": environment(balancers=("public", "internal")),
        "shop": joined("shop", ["shop.example.com"], more=calling("users", "cart"), alias="shop"),
        "cart": joined("cart", ["shop.example.com"], ["/cart", "/cart/*"], TABLE.replace("NAME", "cart"), alias="cart"),
        "users": joined("users", more=calling("shop") + TABLE.replace("NAME", "users"), alias="users"),
        "admin": joined("admin", ["admin.example.com"], balancer="internal"),
    }


def test_balancers_hosts_calls_and_stores_are_drawn_once():
    graph = architecture_of(together(), "staging")
    sound(graph)
    arrows = edges(graph)
    public, internal = "r_staging_2f_PublicLoadBalancer", "r_staging_2f_InternalLoadBalancer"
    assert arrows[public, "r_shop_2f_Service"] == "shop.example.com"
    assert arrows[public, "r_cart_2f_Service"] == "shop.example.com/cart, shop.example.com/cart/*"
    assert arrows[internal, "r_admin_2f_Service"] == "admin.example.com"
    assert (public, "r_users_2f_Service") not in arrows, "it is reached by its name alone"
    calls = {(one, two) for one, two in arrows if one.endswith("_Service") and two.endswith("_Service")}
    assert calls == {
        ("r_shop_2f_Service", "r_users_2f_Service"),
        ("r_shop_2f_Service", "r_cart_2f_Service"),
        ("r_users_2f_Service", "r_shop_2f_Service"),
    }
    assert arrows["r_cart_2f_Service", "r_cart_2f_CartTable"] == "read/write"
    assert [group.id for group in graph.groups] == ["g_vpc", "g_public", "g_private", "g_data"]
    lines = {node.id: node.lines for node in graph.nodes}
    assert lines[public] == ("Application load balancer", "public, internet-facing")
    assert lines[internal] == ("Application load balancer", "internal")


def test_what_every_service_uses_is_left_out_of_the_whole_and_not_of_one():
    whole, one = architecture_of(together(), "staging"), architecture(together()["cart"], "cart")
    assert not {"network", "service"} & {node.kind for node in whole.nodes}
    assert "service" in {node.kind for node in one.nodes}
    unreached = architecture_of({"one": joined("one"), "two": joined("two")}, "x")
    assert {node.kind for node in unreached.nodes} == {"compute"}, "nobody outside reaches them"


def test_each_network_has_groups_of_its_own():
    graph = architecture_of(
        {"staging": environment(), "shop": joined("shop", ["a.example.com"]), "old": own("old")}, "x"
    )
    sound(graph)
    homes = {node.id: node.group for node in graph.nodes}
    assert homes["r_shop_2f_Service"] == "g_private" and homes["r_old_2f_Service"] == "g_private_2"
    assert homes["r_old_2f_LoadBalancer"] == "g_public_2"


def test_each_internal_load_balancer_has_clients_in_its_own_network():
    internal = "  networking: {loadBalancer: {internal: true}}\n"
    graph = architecture_of({"new": own("new"), "old": own("old", internal), "older": own("older", internal)}, "three")
    sound(graph)
    nodes, arrows = {node.id: node for node in graph.nodes}, edges(graph)
    for suffix, name in (("_2", "old"), ("_3", "older")):
        assert (f"x_clients{suffix}", f"r_{name}_2f_LoadBalancer") in arrows
        assert nodes[f"x_clients{suffix}"].group == f"g_vpc{suffix}"


def test_a_service_alone_draws_its_imported_parts_as_existing():
    graph = architecture(together()["shop"], "shop")
    sound(graph)
    (balancer,) = [node for node in graph.nodes if node.kind == "ingress"]
    assert balancer.exists and balancer.lines == ("Load balancer", "public of fsdcf-staging")
    assert edges(graph)[balancer.id, "r_Service"] == "shop.example.com"
    assert edges(graph)["x_callers", balancer.id] == "HTTPS"
    called = {node.lines[1] for node in graph.nodes if node.kind == "compute" and node.exists}
    assert called == {"users", "cart"}
    assert next(group for group in graph.groups if group.area == "vpc").label == "VPC of fsdcf-staging"


@pytest.mark.parametrize(
    "value", ["http://localhost:80", "https://api.example.com", "redis://cache.internal:6379", "users", "s3://"]
)
def test_other_urls_are_not_calls(value: str):
    graph = architecture(joined("shop", more=f'  environment: {{X: "{value}"}}\n', alias="shop"), "shop")
    assert not [node for node in graph.nodes if node.kind == "compute" and node.exists]


def covered(graph: Graph) -> list[tuple[str, str]]:
    """The nodes that cover each other."""
    places = places_of(graph)
    return [
        (one.id, two.id)
        for one, two in combinations(graph.nodes, 2)
        if max(places[one.id].x, places[two.id].x)
        < min(places[one.id].x + places[one.id].width, places[two.id].x + places[two.id].width)
        and max(places[one.id].y, places[two.id].y)
        < min(places[one.id].y + places[one.id].height, places[two.id].y + places[two.id].height)
    ]


def test_the_picture_has_a_place_for_everything_and_is_the_same_every_time():
    graph = architecture_of(together(), "staging")
    assert covered(graph) == [] and svg(graph) == svg(architecture_of(together(), "staging"))
    places = places_of(graph)
    shop, cart, users = (places[f"r_{name}_2f_Service"] for name in ("shop", "cart", "users"))
    assert shop.x + shop.width < min(cart.x, users.x), "a service is to the right of what calls it, also in a circle"
    assert max(one.x + one.width for one in (shop, cart, users)) < places["g_data"].x


def chain(edges: tuple[Edge, ...]) -> Graph:
    nodes = tuple(Node(name, "compute", (name,), "g") for name in "abcd")
    return Graph(
        "x",
        (*nodes, Node("s", "storage", ("s",), "data")),
        (Group("g", "private", "g"), Group("data", "data", "Data")),
        edges,
    )


def test_an_edge_that_passes_a_column_has_a_lane_that_no_node_is_in():
    steps = (Edge("a", "b"), Edge("b", "c"), Edge("c", "d"))
    graph = chain((*steps, Edge("a", "d", "far"), Edge("a", "s", "write")))
    places = places_of(graph)
    lanes = {id: place for id, place in places.items() if id.startswith("~")}
    assert sorted(lanes) == ["~3 g 1", "~3 g 2", "~4 g 1", "~4 g 2", "~4 g 3"]
    for lane in lanes.values():
        for name in "abcd":
            node = places[name]
            assert not (node.y < lane.centre.y < node.y + node.height and node.x < lane.centre.x < node.x + node.width)
    assert "far" in svg(graph) and covered(graph) == []


def test_labels_do_not_cover_each_other():
    hosts = tuple(Edge("lb", f"n{index}", f"host-{index}.staging.example.com") for index in range(8))
    nodes = (
        Node("lb", "ingress", ("balancer",)),
        *(Node(f"n{index}", "compute", (f"n{index}",)) for index in range(8)),
    )
    text = svg(Graph("x", nodes, (), hosts))
    spots = [tuple(map(float, part.split('"')[:3:2])) for part in text.split('<text x="')[2:] if "host-" in part[:200]]
    assert len(spots) == 8
    assert all(abs(one[1] - two[1]) >= 9 or abs(one[0] - two[0]) > 150 for one, two in combinations(spots, 2))


ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/edge/0123456789abcdef/fedcba9876543210"


def test_an_existing_load_balancer_of_an_environment_is_drawn_as_existing():
    adopted = f"    edge: {{listenerArn: '{ARN}', securityGroupId: sg-0123456789abcdef0, dnsName: edge.example.com}}\n"
    file = environment_file("staging", ("public",), adopted)
    behind = "service: {port: 80, networking: {shared: true, loadBalancer: {name: edge, hosts: [shop.example.com]}}}\n"
    service = compiled("shop.yml", OF_EDGE + behind, "staging", file)
    templates = {"staging": compiled("environments/staging.yml", file, "staging"), "shop": service}
    graph = architecture_of(templates, "x")
    sound(graph)
    (balancer,) = [node for node in graph.nodes if node.kind == "ingress" and node.exists]
    assert balancer.lines == ("Load balancer", "edge", "already exists")
    assert edges(graph)[balancer.id, "r_shop_2f_Service"] == "shop.example.com"
    found = estimates_of(templates, shipped(), assumed())
    assert "The existing load balancer" in {one.name for one in found["shop"].unpriced}


OF_EDGE = "apiVersion: fsd/v1\nkind: Service\nmetadata: {name: shop, owners: team}\n"
