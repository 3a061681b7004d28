"""The drawing: what is in it, and that its texts and its picture are sound whatever the names."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdcf.plan.graph.architecture import architecture
from fsdcf.plan.graph.dot import dot
from fsdcf.plan.graph.mermaid import MAX_TEXT, block, mermaid
from fsdcf.plan.graph.model import Edge, Graph, Group, Node, other_id
from fsdcf.plan.graph.svg import Rectangle, places_of, svg
from tests.conftest import HELLO, ROOT
from tests.fuzz import examples
from tests.hostile import BREAKS
from tests.hostile import texts as hostile_texts
from tests.plan.conftest import EXAMPLES, resources, template_of
from tests.plan.edits import compiled

NAMES = [*EXAMPLES, "warehouse"]
QUOTED = re.compile(r'"[^"\n]*"')
ID = r"[A-Za-z]\w*"
ARROW = r"(-->|-\.->|---|-\.-)(\|\"[^\"|]*\"\|)?"
MERMAID = [
    re.compile(pattern)
    for pattern in (
        r"%%\{init: \{.*\}\}%%",
        r"flowchart LR",
        r"  accTitle: [\w ./-]+",
        rf" +subgraph {ID}\[\"[^\"]*\"\]",
        r" +end",
        rf" +{ID}(\[\"[^\"]*\"\]|\(\[\"[^\"]*\"\]\)|\[\(\"[^\"]*\"\)\]|\[\[\"[^\"]*\"\]\])",
        rf"  {ID} {ARROW} {ID}",
        r"  classDef \w+ [\w:#,. -]+",
        rf"  class {ID}(,{ID})* \w+",
        rf"  style {ID} [\w:#,. -]+",
    )
]
"""Every line that the drawing may have; what is between quotes holds none, and no other mark of Mermaid's than `#…;`
and `<br/>`."""


def drawn(name: str) -> Graph:
    return architecture(template_of(name), name)


def edges(graph: Graph) -> dict[tuple[str, str], str]:
    return {(edge.source, edge.target): edge.label for edge in graph.edges}


def sound(graph: Graph) -> None:
    """What must hold for every drawing and both of its texts."""
    ids = [node.id for node in graph.nodes] + [group.id for group in graph.groups]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(ID, one) for one in ids)
    nodes, groups = {node.id for node in graph.nodes}, {group.id for group in graph.groups}
    assert all({edge.source, edge.target} <= nodes for edge in graph.edges)
    assert all(node.group in groups | {""} for node in graph.nodes) and all(
        group.parent in groups | {""} for group in graph.groups
    )
    assert all(node.lines and node.lines[0] for node in graph.nodes)
    text = mermaid(graph)
    for line in text.splitlines():
        assert any(pattern.fullmatch(line) for pattern in MERMAID), line
    assert text.count("subgraph ") == len(re.findall(r"^ +end$", text, re.M)) == len(graph.groups)
    lines = dot(graph).splitlines()
    bare = [
        QUOTED.sub('""', re.sub(r"label=<.*?>,", "", line).replace("\\\\", "").replace('\\"', "")) for line in lines
    ]
    assert all('"' not in line.replace('""', "") for line in bare)
    assert sum(line.count("{") - line.count("}") for line in bare) == 0
    assert sum("[label=<" in line for line in lines) == len(graph.nodes)
    assert sum(re.match(rf"  {ID} -> {ID}", line) is not None for line in lines) == len(graph.edges)
    pictured(graph)


HOSTILE = hostile_texts(*BREAKS, longest=4).filter(lambda text: 0 < len(text) < 60)
SVG = "{http://www.w3.org/2000/svg}"


def pictured(graph: Graph) -> None:
    """What must hold for the picture: all of the text is in it, and nothing lies over anything else or outside."""
    root = ElementTree.fromstring(svg(graph))
    texts = [" ".join("".join(text.itertext()).split()) for text in root.iter(f"{SVG}text")]
    assert len(root.findall(f"{SVG}path[@marker-end]")) == len(graph.edges)
    wanted = [
        graph.title,
        *(group.label for group in graph.groups),
        *(edge.label for edge in graph.edges if edge.label),
    ]
    wanted += ["".join(node.lines) for node in graph.nodes]
    assert sorted(texts) == sorted(" ".join(printable(text).split()) for text in wanted)
    places = places_of(graph)
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    canvas = Rectangle(0, 0, width + 0.1, height + 0.1)
    parents = {node.id: node.group for node in graph.nodes} | {group.id: group.parent for group in graph.groups}
    for id, parent in parents.items():
        assert inside(places[id], places[parent] if parent else canvas), id
    for one, two in combinations(parents, 2):
        if parents[one] == parents[two]:
            assert apart(places[one], places[two]), (one, two)
    bounds = [float(number) for path in root.iter(f"{SVG}path") for number in re.findall(r"-?[\d.]+", path.attrib["d"])]
    assert max(bounds, default=0) < 10 * (width + height)


def printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def inside(inner: Rectangle, outer: Rectangle) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


def apart(one: Rectangle, two: Rectangle) -> bool:
    return (
        one.x + one.width < two.x
        or two.x + two.width < one.x
        or one.y + one.height < two.y
        or two.y + two.height < one.y
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_reads_from_the_clients_to_the_data(name: str) -> None:
    """Each edge that points in reading direction leads to the right; AWS services are below the rest."""
    graph = drawn(name)
    places = places_of(graph)
    data = {node.id for node in graph.nodes if node.group in ("g_data", "g_services")}
    for edge in graph.edges:
        source, target = places[edge.source], places[edge.target]
        if edge.target not in data and not edge.back:
            assert source.x + source.width < target.x, edge
        if next(node for node in graph.nodes if node.id == edge.target).group == "g_services":
            assert source.y + source.height < target.y, edge


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_are_sound_and_the_same_every_time(name: str) -> None:
    graph = drawn(name)
    sound(graph)
    assert drawn(name) == graph
    assert all(form(graph) == form(drawn(name)) for form in (mermaid, dot, svg))


def test_an_api_as_an_architect_draws_it() -> None:
    graph = drawn("api-dynamodb")
    found = edges(graph)
    groups = {node.id: node.group for node in graph.nodes}
    assert found["x_internet", "r_LoadBalancer"] == "HTTP 80"
    assert found["r_LoadBalancer", "r_Service"] == "port 8080"
    assert found["r_Service", "r_OrdersTable"] == "read/write"
    assert found["r_Service", "r_InvoicesBucket"] == "read/write"
    assert found["r_Service", "r_LogGroup"] == "writes logs"
    assert ("r_Service", "x_nat") in found and ("x_nat", "x_internet") in found
    assert (groups["x_internet"], groups["r_LoadBalancer"], groups["x_nat"]) == ("", "g_public", "g_public")
    assert (groups["r_Service"], groups["r_OrdersTable"], groups["r_LogGroup"]) == ("g_private", "g_data", "g_services")
    assert {group.id: group.parent for group in graph.groups}["g_private"] == "g_vpc"
    labels = {group.id: group.label for group in graph.groups}
    assert (labels["g_vpc"], labels["g_public"]) == ("VPC 10.0.0.0/16", "Public subnets, 2 zones")
    service = next(node for node in graph.nodes if node.id == "r_Service")
    assert service.lines == (
        *(
            "ECS service orders",
            "2 to 12 tasks on Fargate",
            "0.5 vCPU, 1 GB, ARM",
            "scales by CPU at 60 %, memory at 75 %",
        ),
    )


def test_the_largest_one_holds_everything_once() -> None:
    graph = drawn("warehouse")
    found = edges(graph)
    titles = {node.lines[:2] for node in graph.nodes}
    assert {
        ("NAT gateways", "3, one per zone"),
        ("DynamoDB table", "catalog"),
        ("MSK cluster", "events"),
        ("Secrets Manager", "staging/warehouse"),
        ("SSM parameters", "db/password"),
        ("Any resource", "ses"),
        ("S3 bucket", "shared-*"),
        ("Interface endpoints", "ecr.api, ecr.dkr, logs,"),
    } <= titles
    assert found["x_internet", "r_LoadBalancer"] == "HTTPS 443, HTTP 80 redirected"
    assert found["r_Service", "r_FilesFileSystem"] == "mounts /mnt/efs, read/write"
    assert found["r_Service", "r_ShipmentsQueue"] == "write"
    assert found["r_Service", "r_StockTable"] == "read"
    assert found["r_Service", "x_s3_20_shared_2d__2a_"] == "everything"
    assert found["r_ShipmentsQueue", "r_ShipmentsQueueDeadLetters"] == "after 5 receipts"
    assert not any("arn:" in line for node in graph.nodes for line in node.lines)
    existing = {node.lines[1] for node in graph.nodes if node.exists and node.group == "g_data"}
    assert existing == {"catalog", "events", "shared-*"}


def test_a_worker_and_an_internal_service() -> None:
    worker = drawn("worker-queue")
    assert not any(node.kind == "ingress" for node in worker.nodes)
    assert next(node for node in worker.nodes if node.id == "r_Service").lines[1] == "1 to 20 tasks on Fargate and Spot"
    inside = drawn("existing-vpc")
    ids = {node.id: node.group for node in inside.nodes}
    assert "x_internet" not in ids and ids["x_clients"] == "g_vpc" and ids["r_LoadBalancer"] == "g_private"
    assert {group.id: group.label for group in inside.groups}["g_vpc"] == "VPC vpc-0123456789abcdef0, already exists"


def test_access_logs_lead_to_their_bucket() -> None:
    graph = architecture(compiled(HELLO + "  networking: {loadBalancer: {accessLogs: true}}\n").template, "x")
    assert edges(graph)["r_LoadBalancer", "r_AccessLogsBucket"] == "access logs"
    sound(graph)


def test_the_log_group_of_sessions_is_drawn_and_not_the_look_up() -> None:
    text = HELLO + "  enableExecuteCommand: true\n"
    own = architecture(compiled(text + "  executeCommandLogs: true\n").template, "x")
    assert [node.lines[1] for node in own.nodes if node.lines[0] == "CloudWatch logs"] == [
        "ExecuteCommandLogGroup",
        "LogGroup",
    ]
    export = {"Fn::ImportValue": "fsdcf-live-ExecuteCommandLogGroupArn"}
    statement = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": [export]}
    template = compiled(text).template
    policy = {"PolicyName": "a", "PolicyDocument": {"Statement": [statement]}, "Roles": [{"Ref": "TaskRole"}]}
    template["Resources"]["Recording"] = {"Type": "AWS::IAM::Policy", "Properties": policy}
    assert ("ExecuteCommandLogGroup of fsdcf-live",) in [node.lines for node in architecture(template, "x").nodes]


def test_roles_and_plumbing_are_left_out() -> None:
    for name in NAMES:
        kinds = {line for node in drawn(name).nodes for line in node.lines}
        assert not any(
            word in line for line in kinds for word in ("Role", "SecurityGroup", "Route", "AccessPoint", "TargetGroup")
        )


def test_public_tasks_stand_in_public_subnets() -> None:
    network = {"AwsvpcConfiguration": {"AssignPublicIp": "ENABLED", "Subnets": ["subnet-1", "subnet-2"]}}
    template = resources(App={"Type": "AWS::ECS::Service", "Properties": {"NetworkConfiguration": network}})
    graph = architecture(template, "public")
    assert {node.id: node.group for node in graph.nodes}["r_App"] == "g_public"
    assert [group.id for group in graph.groups] == ["g_vpc", "g_public"]
    sound(graph)


def test_a_template_without_a_service_is_drawn_too() -> None:
    graph = architecture(resources(Data={"Type": "AWS::S3::Bucket"}, Web={"Type": "AWS::WAFv2::WebACL"}), "data")
    assert [node.lines for node in graph.nodes] == [("S3 bucket", "Data")]
    sound(graph)


def test_rules_and_weights_lead_from_a_balancer_to_its_services() -> None:
    elb = "AWS::ElasticLoadBalancingV2"
    forward = {
        "Type": "forward",
        "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": {"Ref": "Green"}, "Weight": 1}]},
    }
    behind = {"LoadBalancers": [{"TargetGroupArn": {"Ref": "Green"}, "ContainerPort": 80}]}
    graph = architecture(
        resources(
            Web={"Type": f"{elb}::LoadBalancer", "Properties": {"Scheme": "internal"}},
            Door={
                "Type": f"{elb}::Listener",
                "Properties": {"LoadBalancerArn": {"Ref": "Web"}, "DefaultActions": [], "Port": 80},
            },
            Rule={"Type": f"{elb}::ListenerRule", "Properties": {"ListenerArn": {"Ref": "Door"}, "Actions": [forward]}},
            Green={"Type": f"{elb}::TargetGroup"},
            App={"Type": "AWS::ECS::Service", "Properties": behind},
        ),
        "rules",
    )
    assert edges(graph)["r_Web", "r_App"] == "port 80"
    sound(graph)


NASTY = (
    st.text(min_size=1, max_size=20)
    | HOSTILE
    | st.sampled_from(
        [
            '"',
            "end",
            "`x`",
            "a|b",
            "<b>",
            "&amp;",
            "\\N",
            "\\",
            "]",
            "}",
            "--> x",
            "\n",
            "#35;",
            "%%",
            "${AWS::Region}",
            ";",
            "{}",
            "*/",
        ]
    )
)


@examples(30)
@given(NASTY, NASTY, NASTY, NASTY)
def test_no_name_breaks_the_texts(title: str, bucket: str, label: str, image: str) -> None:
    containers = [{"Name": label, "Image": image}, {"Name": bucket, "Image": title}]
    template = resources(
        Bucket={"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}},
        Task={
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {"ContainerDefinitions": containers, "TaskRoleArn": {"Ref": "Role"}},
        },
        App={"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "Task"}}},
        Role={
            "Type": "AWS::IAM::Role",
            "Properties": {
                "Policies": [{"PolicyDocument": {"Statement": {"Action": "s3:GetObject", "Resource": [label, image]}}}]
            },
        },
    )
    sound(architecture(template, title))
    node, group = Node("n", "queue", (title, bucket), "g"), Group("g", "data", label)
    sound(
        Graph(
            title,
            (node, Node("m", "outside", (image,))),
            (group,),
            (Edge("n", "m", label), Edge("m", "n", bucket, True, True)),
        )
    )


def test_a_block_of_markdown_is_within_the_limits_of_mermaid() -> None:
    for name in EXAMPLES:
        text = block(drawn(name))
        assert text == f"```mermaid\n{mermaid(drawn(name))}```\n" and len(text) < MAX_TEXT / 4
    nodes = tuple(Node(f"n{number}", "compute", ("task", "x" * 90), "") for number in range(500))
    many = Graph("many", nodes, (), ())
    assert "too large for Mermaid: 500 nodes" in block(many) and "```" not in block(many)
    few = tuple(Node(f"n{number}", "compute", ("task",), "") for number in range(30))
    edges = tuple(Edge(one.id, other.id) for one in few for other in few)
    assert "too large" in block(Graph("edges", few, (), edges))


@pytest.mark.parametrize(
    ("allowed", "label"),
    [
        ("", "HTTP 80"),
        ("allowCidrs: [203.0.113.0/24, pl-3b927c52]", "HTTP 80, from 203.0.113.0/24 and pl-3b927c52"),
        ("internal: true", "HTTP 80, from 3 sources"),
    ],
)
def test_who_may_enter(allowed: str, label: str) -> None:
    graph = architecture(compiled(HELLO + f"  networking: {{loadBalancer: {{{allowed}}}}}\n").template, "x")
    (edge,) = (edge for edge in graph.edges if edge.target == "r_LoadBalancer")
    assert edge.label == label


def test_a_topic_names_the_queues_that_it_delivers_to() -> None:
    text = (ROOT / "tests/cases/dependencies/aws_sns_topic.spec.yml").read_text()
    lines = {node.id: node.lines for node in architecture(compiled(text).template, "topics").nodes}
    assert lines["r_EventsTopic"][2:] == ("to staging-invoices", "to staging-orders")
    assert lines["r_AlertsTopic"][2:] == ("FIFO", "to staging-orders")


def test_long_names_are_cut_and_told_apart() -> None:
    nodes = [Node(other_id(f"s3 {'*' * 5000}{end}"), "storage", ("S3 bucket", f"{'*' * 5000}{end}")) for end in "ab"]
    assert len({node.id for node in nodes}) == 2
    graph = Graph("long", tuple(nodes), (), (Edge(nodes[0].id, nodes[1].id, "r" * 5000),))
    for drawing in (mermaid, dot, svg):
        assert len(drawing(graph)) < 8000, drawing
