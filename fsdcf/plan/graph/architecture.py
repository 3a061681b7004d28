"""The architecture of a template: internet, load balancer, tasks, data and services, as an AWS architect draws them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from fsdcf.cloudformation import ecr
from fsdcf.cloudformation.arns import fields_of_arn
from fsdcf.cloudformation.evaluation import unknowns
from fsdcf.cloudformation.facts import tag_values
from fsdcf.cloudformation.partitions import endpoint_name
from fsdcf.cloudformation.planned import (
    PlannedResource,
    PlannedStack,
    imported_name,
    items,
    mapping,
    mappings,
    planned_together,
    target_of,
    template_of,
    text_of,
)
from fsdcf.cloudformation.pricing import number
from fsdcf.cloudformation.types import (
    Drawing,
    ec2,
    ecs,
    record_of,
    records,
    s3,
    scheduler,
    servicediscovery,
    sns,
    sqs,
    stepfunctions,
)
from fsdcf.cloudformation.types import elasticloadbalancingv2 as elb
from fsdcf.cloudformation.types.applicationautoscaling import SCALABLE_TARGET, SCALING_POLICY
from fsdcf.conventions import exporting_stack
from fsdcf.plan.access import Access, access
from fsdcf.plan.graph.model import Area, Edge, Graph, Group, Node, id_of, other_id
from fsdcf.wording import counted

INTERNET, CLIENTS, CALLERS = "x_internet", "x_clients", "x_callers"
DATA, SERVICES = Group("g_data", "data", "Data"), Group("g_services", "services", "AWS services")

_PSEUDO = re.compile(r"\$\{AWS::(\w+)\}")
_ARN = re.compile(r"arn:[^:]*:([a-z0-9-]+):[^:]*:[^:]*:(.+)")
_LISTENER = re.compile(r":listener/app/([^/]+)/")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]{0,30}://(?:[^@/\s]*@)?([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)")
_WITHOUT_RESOURCE = {"xray": "X-Ray", "cloudwatch": "CloudWatch metrics"}
_METRICS = {
    "ECSServiceAverageCPUUtilization": "CPU",
    "ECSServiceAverageMemoryUtilization": "memory",
    "ALBRequestCountPerTarget": "requests",
}


def architecture(template: Mapping[str, Any], title: str) -> Graph:
    """The graph of a template. Raises PlanError for what is not a template."""
    return architecture_of({"": template}, title)


def architecture_of(templates: Mapping[str, Mapping[str, Any]], title: str) -> Graph:
    """The graph of several templates by name, in which what one exports and others import is drawn once.

    The graph of more than one has the load balancers, services and data, and not what every service uses: images, logs
    and routes. Raises PlanError.
    """
    whole = planned_together(templates)
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    groups: list[Group] = []
    for index, names in enumerate(_connected(whole, list(templates))):
        members = {name: one for name, one in whole.resources.items() if one.template in names}
        network = _Network(replace(whole, resources=members), f"_{index + 1}" if index else "")
        found, arrows = _drawn(network)
        nodes = {one.id: one for one in found} | nodes
        edges += arrows
        groups += network.groups()
    groups += [DATA, SERVICES]
    if len(templates) > 1:
        nodes, edges = _overview(nodes, edges)
    used = {node.group for node in nodes.values()}
    used |= {group.parent for group in groups if group.id in used}
    kept = tuple(group for group in groups if group.id in used)
    order = {"": -1, **{group.id: index for index, group in enumerate(kept)}}
    in_order = sorted(nodes.values(), key=lambda node: order[node.group])
    return Graph(title, tuple(in_order), kept, tuple(dict.fromkeys(edges)))


def _connected(stack: PlannedStack, templates: list[str]) -> list[set[str]]:
    """The templates in sets of those that import from each other."""
    owners = {name: template_of(one.output) for name, one in stack.exports.items()}
    links = [{template_of(one.holder), owners[one.name]} for one in stack.imports if one.name in owners]
    found: list[set[str]] = []
    for link in [*({name} for name in templates), *links]:
        joined = [one for one in found if one & link]
        found = [one for one in found if one not in joined] + [link.union(*joined)]
    return sorted(found, key=lambda names: min(map(templates.index, names)))


def _overview(nodes: Mapping[str, Node], edges: list[Edge]) -> tuple[dict[str, Node], list[Edge]]:
    """Nodes and edges without the AWS services that tasks use, and without their routes."""
    kept = {id: node for id, node in nodes.items() if node.group != SERVICES.id and node.kind != "network"}
    shown = [one for one in edges if {one.source, one.target} <= kept.keys()]
    ends = {end for one in shown for end in (one.source, one.target)}
    return {id: node for id, node in kept.items() if id in ends or node.kind != "outside"}, shown


def _drawn(network: _Network) -> tuple[list[Node], list[Edge]]:
    """The nodes and edges of a network, and of what its services reach."""
    stack = network.stack
    egress, endpoints = list(network.egress()), list(network.endpoints())
    drawings = [(one, record_of(one.type).drawing) for one in stack.resources.values()]
    stores = (_node(one, drawing, *_receivers(stack, one)) for one, drawing in drawings if drawing and _holds_data(one))
    services = [_service_node(stack, one, network.home(one)) for one in stack.of(ecs.SERVICE)]
    jobs = [one for one in network.tasks if isinstance(one, ecs.JobRuns)]
    starters = [node for runs in jobs for node in _starters(runs)]
    services += [_run_node(runs, network.home(runs)) for runs in jobs]
    nodes = [*network.entrances(egress), *starters, *egress, *endpoints, *stores, *services]
    edges = [*_requests(network), *(Edge(one.id, INTERNET, faint=True, back=True) for one in egress)]
    for queue, dead, receipts in sqs.dead_letter_queues(stack):
        edges.append(Edge(id_of(queue.name), id_of(dead), f"after {receipts} receipts", faint=True))
    for bucket in stack.of(s3.BUCKET):
        if (log := bucket.mapping("LoggingConfiguration").get("DestinationBucketName")) and target_of(log):
            edges.append(Edge(id_of(bucket.name), id_of(str(target_of(log))), "access logs", faint=True))
    known, rows = {node.id for node in nodes}, access(stack)
    edges += [edge for runs in jobs for edge in _started(runs)]
    for service in network.tasks:
        id, home = id_of(service.name), network.home(service)
        edges += _forwarded(stack, service)
        routes = [*(egress if home == network.private else ()), *endpoints]
        edges += [Edge(id, one.id, faint=True, back=True) for one in routes]
        for reach in (*_called(network, service), *_reached(stack, service, rows)):
            if reach.node.id not in known:
                nodes.append(reach.node)
                known.add(reach.node.id)
            edges.append(Edge(id, reach.node.id, reach.label, reach.faint, back=reach.node.group == SERVICES.id))
    return nodes, edges


def _receivers(stack: PlannedStack, resource: PlannedResource) -> Iterator[str]:
    """A line for each queue, topic or address that gets what a topic or a bucket sends."""
    for end in (*sns.receivers_of(stack, resource), *s3.notified_by(resource)):
        made = stack.resources.get(target_of(end) or "")
        drawing = record_of(made.type).drawing if made else None
        if made is not None and drawing is not None:
            yield f"to {text_of(made.get(drawing.name_property or '')) or made.name}"
        else:
            text = text_of(end)
            yield f"to {fields_of_arn(text)[-1] if text.startswith('arn:') else text}"


def _holds_data(resource: PlannedResource) -> bool:
    """Whether a resource is a store, and not a part of another one."""
    record = record_of(resource.type)
    is_part = record.data is not None and record.data.elsewhere(resource.properties)
    return record.drawing is not None and record.drawing.is_store and not is_part


def _node(resource: PlannedResource, drawing: Drawing, *more: str) -> Node:
    """The node of a store or a service, with further lines."""
    properties = resource.properties
    tags = tag_values(properties.get("Tags")) | tag_values(properties.get("FileSystemTags"))
    name = resource.get(drawing.name_property) if drawing.name_property else tags.get("Name")
    lines = (drawing.title, text_of(name) or resource.name, *drawing.details(properties), *more)
    return Node(id_of(resource.name), drawing.kind, lines, _group_of(drawing))


def _group_of(drawing: Drawing) -> str:
    return DATA.id if drawing.is_store else SERVICES.id


class Reach(NamedTuple):
    """A node that a task reaches, and how."""

    node: Node
    label: str
    faint: bool = False


def _reached(stack: PlannedStack, service: PlannedResource | ecs.JobRuns, rows: Sequence[Access]) -> Iterator[Reach]:
    """Everything that the tasks of a service reach, each once: image, data, then what else their roles allow."""
    definition = ecs.definition_of(stack, service)
    if definition is None:
        return
    yield from _image(definition)
    labels = {"TaskRoleArn": "", "ExecutionRoleArn": "read at start"}
    roles = {definition.target(key) or definition.text(key): label for key, label in labels.items()}
    reached: dict[str, Reach] = {}
    levels: dict[str, list[str]] = {}
    for row in rows:
        for role, label in roles.items():
            allows = row.kind in ("identity", "needed") and row.effect in ("Allow", "Need")
            if not role or not allows or role not in row.principals:
                continue
            for reach in _reached_by(stack, row, label):
                reached.setdefault(reach.node.id, reach)
                levels.setdefault(reach.node.id, []).extend(row.levels)
    for node in _named_by_variables(stack, definition):
        reached.setdefault(node.id, Reach(node, "connect"))
    mounts = _mounted(definition)
    for id, reach in reached.items():
        label = reach.label or _label(levels[id])
        yield reach._replace(label=f"mounts {mounts[id]}, {label}" if id in mounts else label)


def _named_by_variables(stack: PlannedStack, definition: PlannedResource) -> Iterator[Node]:
    """The data to which variables of the containers refer, such as the endpoint of a database: whoever knows a password
    needs no permission."""
    for container in ecs.containers_of(definition):
        for unknown in unknowns([container.get("Environment")]):
            resource = stack.resources.get(unknown.target)
            record = record_of(resource.type) if resource else None
            if resource and record and record.data and record.drawing:
                yield _node(resource, record.drawing)


def _label(levels: list[str]) -> str:
    """``read``, ``write``, ``read/write``; ``everything`` where that is allowed."""
    whole = next((level for level in levels if level.startswith("everything")), None)
    return whole or "/".join(level for level in ("read", "write", "assume") if level in levels) or "describe"


def _reached_by(stack: PlannedStack, row: Access, label: str) -> Iterator[Reach]:
    """What a row of access reaches; ``label`` is that of what only the execution role may do."""
    for resource in (stack.resources[target] for target in row.targets if target in stack.resources):
        drawing = record_of(resource.type).drawing
        if drawing is not None:
            faint = bool(drawing.access) and not drawing.is_store
            yield Reach(_node(resource, drawing), drawing.access or label, faint)
    if row.targets or row.only_looks_up:
        return
    for text in row.resources:
        if text == "*":
            yield from _anything(row)
        elif text.strip():
            yield from _existing(text, label)


def _anything(row: Access) -> Iterator[Reach]:
    """Statements for every resource: those that cannot be narrower by their service, others as a danger."""
    services = dict.fromkeys(action.partition(":")[0] for action in row.actions)
    if row.unavoidable:
        for service in services:
            if service in _WITHOUT_RESOURCE:
                yield Reach(_outside(service, (_WITHOUT_RESOURCE[service],)), "", faint=True)
        return
    yield Reach(Node(other_id("*"), "danger", ("Any resource", ", ".join(services) or "*")), "")


def _outside(name: str, lines: tuple[str, ...]) -> Node:
    """The node of a service that is not a resource of the stack."""
    return Node(other_id(name), "service", lines, SERVICES.id, exists=True)


@cache
def _drawings_by_arn() -> Mapping[str, Drawing]:
    drawings = [record.drawing for record in records() if record.drawing]
    return {one.arn_service: one for one in drawings if one.arn_service}


def _existing(text: str, label: str) -> Iterator[Reach]:
    """An existing resource, by its ARN; the repositories of images are drawn by what the task runs."""
    match = _ARN.fullmatch(_PSEUDO.sub(r"${\1}", text))  # the colons of a pseudo parameter are not the ARN's
    if match is None:
        export = text.removeprefix("${import:").removesuffix("}")
        stack_name = exporting_stack(export)
        output = export.removeprefix(f"{stack_name}-").removesuffix("Arn")
        lines = (text,) if stack_name == export else (f"{output} of {stack_name}",)
        yield Reach(_outside(f"resource {text}", lines), label)
        return
    service, rest = match[1], match[2]
    if service == "ecr":
        return
    drawing = _drawings_by_arn().get(service, Drawing("service", service))
    named = re.fullmatch(drawing.arn_name, rest)
    name = named[1] if named else rest
    lines = (drawing.arn_title or drawing.title, name, *(("already exists",) if drawing.is_store else ()))
    node = Node(other_id(f"{service} {name}"), drawing.kind, lines, _group_of(drawing), exists=True)
    yield Reach(node, label if drawing.read_at_start else "")


def _image(definition: PlannedResource) -> Iterator[Reach]:
    """The repository of the main container's image."""
    main = ecs.main_container(ecs.containers_of(definition))
    image = text_of(main.get("Image")) if main else ""
    if not image:
        return
    host, slash, name = image.partition("/")
    is_ecr = slash and re.search(ecr.SERVICE, host)
    folder, slash, last = (name if is_ecr else image).rpartition("/")
    repository = folder + slash + re.split("[@:]", last, maxsplit=1)[0]
    lines = ("ECR repository" if is_ecr else "Image", repository)
    yield Reach(_outside(f"image {repository}", lines), "pulls image", faint=True)


class _Network:
    """A network with the stacks in it. The IDs of its groups and routes end with ``suffix``."""

    def __init__(self, stack: PlannedStack, suffix: str = "") -> None:
        self.stack = stack
        self.suffix = suffix
        self.clients = CLIENTS + suffix
        self.vpc, self.public, self.private = (f"g_{area}{suffix}" for area in ("vpc", "public", "private"))
        self.tasks: list[PlannedResource | ecs.JobRuns] = [*stack.of(ecs.SERVICE), *ecs.runs_of(stack)]
        self.homes = {one.name: self.home(one) for one in self.tasks}

    def home(self, service: PlannedResource | ecs.JobRuns) -> str:
        """The group of a service's tasks; empty if it is not known."""
        network = ecs.network_of(service)
        if not network:
            return ""
        return self.public if network.get("AssignPublicIp") == "ENABLED" else self.private

    def entrances(self, egress: list[Node]) -> Iterator[Node]:
        """The internet, the clients in the network, and the load balancers."""
        balancers = list(self.stack.of(elb.LOAD_BALANCER))
        public = [one for one in balancers if elb.is_public(one)]
        others = dict(_other_balancers(self.stack))
        if public or egress or self.public in self.homes.values():
            yield Node(INTERNET, "outside", ("Internet",))
        if len(public) < len(balancers):
            yield Node(self.clients, "outside", ("Clients", "in the network"), self.vpc)
        if others:
            yield Node(CALLERS, "outside", ("Clients",))
        for balancer in balancers:
            scheme, group = "internal", next(filter(None, self.homes.values()), self.private)
            if balancer in public:
                scheme, group = "internet-facing", self.public
            kind, name = balancer.text("Type", "application").capitalize(), _short_name(balancer.logical_id)
            lines = (f"{kind} load balancer", ", ".join(dict.fromkeys(filter(None, (name, scheme)))))
            yield Node(id_of(balancer.name), "ingress", lines, group)
        yield from others.values()

    def egress(self) -> Iterator[Node]:
        """One node for the NAT gateways."""
        gateways = list(self.stack.of(ec2.NAT_GATEWAY))
        if any(ec2.is_regional(one.properties) for one in gateways):
            yield Node(f"x_nat{self.suffix}", "network", ("NAT gateway", "regional"), self.vpc)
        elif gateways:
            count = len(gateways)
            lines = ("NAT gateway",) if count == 1 else ("NAT gateways", f"{count}, one per zone")
            yield Node(f"x_nat{self.suffix}", "network", lines, self.public)

    def groups(self) -> Iterator[Group]:
        """The network and its subnets, whether the template makes them or its services run in existing ones."""
        yield Group(self.vpc, "vpc", self._label())
        subnets: dict[str, list[object]] = {self.public: list(ec2.public_subnets(self.stack)), self.private: []}
        for balancer in self.stack.of(elb.LOAD_BALANCER):
            subnets[self.public if elb.is_public(balancer) else self.private] += elb.subnets_of(balancer)
        for service in self.tasks:
            home = self.public if self.home(service) == self.public else self.private
            subnets[home] += items(ecs.network_of(service).get("Subnets"))
        for id, members in subnets.items():
            zones = len({text_of(one) for one in members})
            area: Area = "public" if id == self.public else "private"
            yield Group(id, area, f"{area.capitalize()} subnets, {counted(zones, 'zone')}", self.vpc)

    def _label(self) -> str:
        vpc = next(self.stack.of(ec2.VPC), None)
        if vpc is not None:
            logged = ", with a flow log" if any(self.stack.of(ec2.FLOW_LOG)) else ""
            return f"VPC {vpc.text('CidrBlock')}".strip() + logged
        holders = (*self.stack.of(elb.TARGET_GROUP), *self.stack.of(ec2.SECURITY_GROUP))
        ids = [one.get("VpcId") for one in holders if "VpcId" in one.properties]
        if not ids:
            return "VPC"
        export = imported_name(ids[0])
        if export is None or exporting_stack(export) == export:
            return f"VPC {text_of(ids[0])}, already exists"
        return f"VPC of {exporting_stack(export)}"

    def endpoints(self) -> Iterator[Node]:
        """One node for the gateway endpoints and one for the interface endpoints, with three names in a line."""
        by_kind: dict[str, list[str]] = {}
        for one in self.stack.of(ec2.VPC_ENDPOINT):
            kind = one.text("VpcEndpointType", "Gateway")
            name = one.text("ServiceName", one.name)
            short = endpoint_name(name)
            by_kind.setdefault(kind, []).append({"s3": "S3", "dynamodb": "DynamoDB"}.get(short, short))
        for kind, names in by_kind.items():
            lines = [", ".join(names[start : start + 3]) for start in range(0, len(names), 3)]
            group = self.private if kind == "Interface" else self.vpc
            yield Node(
                other_id(f"endpoints {kind}") + self.suffix,
                "network",
                (f"{kind} endpoints", *(f"{line}," for line in lines[:-1]), lines[-1]),
                group,
            )


def _requests(network: _Network) -> Iterator[Edge]:
    """The edges to the load balancers."""
    stack = network.stack
    for balancer in stack.of(elb.LOAD_BALANCER):
        source = INTERNET if elb.is_public(balancer) else network.clients
        label = ", ".join(filter(None, (_ports(stack, balancer), _clients(stack, balancer))))
        yield Edge(source, id_of(balancer.name), label)
        if (bucket := elb.log_bucket(balancer)) in stack.resources:
            yield Edge(id_of(balancer.name), id_of(bucket or ""), "access logs", faint=True)
    for name, node in _other_balancers(stack):
        port = re.search(r"(Https?)ListenerArn$", name)
        yield Edge(CALLERS, node.id, port[1].upper() if port else "")


def _clients(stack: PlannedStack, balancer: PlannedResource) -> str:
    """``from 203.0.113.0/24``, or ``from 12 sources``; empty if anyone may connect, or if that is not known."""
    groups = {target_of(group) for group in balancer.items("SecurityGroups")}
    sources = max((rule.sources for rule in ec2.ingress_of(stack) if rule.group in groups), key=len, default=())
    if not sources or "anyone" in sources:
        return ""
    return f"from {' and '.join(sources) if len(sources) < 3 else counted(len(sources), 'source')}"


def _forwarded(stack: PlannedStack, service: PlannedResource | ecs.JobRuns) -> Iterator[Edge]:
    """The edges from the load balancers to a service: its hosts and paths, or the port if every request reaches it."""
    for entry in service.mappings("LoadBalancers"):
        found: dict[str, dict[str, None]] = {}
        for one in elb.forwards_of(stack):
            other, balancer = _other_listener(one), one.balancer or ""
            id = other_id(other) if other else id_of(balancer)
            if one.group == target_of(entry.get("TargetGroupArn")) and (other or balancer in stack.resources):
                words = (f"{address} (limited)" if one.narrowed else address for address in one.addresses)
                found.setdefault(id, {}).update(dict.fromkeys(words))
        for id, addresses in found.items():
            yield Edge(id, id_of(service.name), _some(addresses) or f"port {text_of(entry.get('ContainerPort'))}")


def _other_listener(forward: elb.Forward) -> str:
    """The export or the ARN of a listener that is not in the stack; empty for one that is."""
    return "" if target_of(forward.listener) else imported_name(forward.listener) or text_of(forward.listener)


def _some(texts: Iterable[str], most: int = 2) -> str:
    """A list of texts, of which the first are named."""
    known = list(texts)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more


def _other_balancers(stack: PlannedStack) -> Iterator[tuple[str, Node]]:
    """The load balancers of stacks that are not at hand, and existing ones, by the export or ARN of their listeners."""
    for name in dict.fromkeys(filter(None, map(_other_listener, elb.forwards_of(stack)))):
        lines: tuple[str, ...] = ("Load balancer", name)
        if match := _LISTENER.search(name):
            lines = ("Load balancer", match[1], "already exists")
        elif exporting_stack(name) != name:
            stack_name = exporting_stack(name)
            title = re.sub(r"Https?ListenerArn$", "", name.removeprefix(f"{stack_name}-"))
            lines = ("Load balancer", f"{_short_name(title)} of {stack_name}")
        yield name, Node(other_id(name), "ingress", lines, exists=True)


def _short_name(id: str) -> str:
    """The name of a load balancer of an environment, by its logical ID or its export; empty for that of a service."""
    name = id.removesuffix("LoadBalancer")
    return name[:1].lower() + name[1:]


def _called(network: _Network, service: PlannedResource | ecs.JobRuns) -> Iterator[Reach]:
    """The services whose names are in the URLs that a service has in its environment."""
    stack = network.stack
    names = dict(servicediscovery.names_of(stack))
    definition = ecs.definition_of(stack, service)
    containers = ecs.containers_of(definition)
    connects = ecs.uses_connect(service)
    own = {"localhost", *(text_of(one.get("Name")) for one in containers)}
    for container in containers:
        for variable in mappings(container.get("Environment")):
            for host in _URL.findall(text_of(variable.get("Value"))):
                called = names.get(host)
                if called is not None and called != service.name:
                    yield Reach(Node(id_of(called), "compute", (called,)), "")
                elif called is None and connects and "." not in host and host not in own:
                    lines = ("Service", host)
                    yield Reach(Node(other_id(f"service {host}"), "compute", lines, network.private, exists=True), "")


def _ports(stack: PlannedStack, balancer: PlannedResource) -> str:
    """``HTTPS 443, HTTP 80 redirected``."""
    words = []
    for listener in elb.listeners_of(stack, balancer):
        actions = [one.get("Type") for one in listener.mappings("DefaultActions")]
        port = " ".join(listener.text(key) for key in ("Protocol", "Port")).strip()
        words.append(port + (" redirected" if actions and all(one == "redirect" for one in actions) else ""))
    return ", ".join(words)


def _service_node(stack: PlannedStack, service: PlannedResource, group: str) -> Node:
    definition = ecs.definition_of(stack, service)
    names = [text_of(one.get("Name")) for one in ecs.containers_of(definition)]
    tasks = ecs.task_counts(stack, service)
    lines = [" ".join(["ECS service", *names[:1]]), f"{counted(tasks, 'task')} on {_platform(service, tasks.maximum)}"]
    size = ecs.size_of(definition) if definition is not None else None
    if definition is not None and size is not None:
        chip = text_of(definition.mapping("RuntimePlatform").get("CpuArchitecture", "X86_64"))
        lines.append(f"{number(size[0])} vCPU, {number(size[1])} GB, {'ARM' if chip == 'ARM64' else 'x86'}")
    metrics = list(_scaled_by(stack, service))
    if metrics:
        lines.append(f"scales by {', '.join(metrics)}")
    if len(names) > 1:
        lines.append(f"with {', '.join(names[1:])}")
    return Node(id_of(service.name), "compute", tuple(lines), group)


def _run_node(runs: ecs.JobRuns, group: str) -> Node:
    """The task of a job."""
    names = [text_of(one.get("Name")) for one in ecs.containers_of(runs.definition)]
    lines = [" ".join(["Job", *names[:1]]), f"1 task on {_platform(runs, Decimal(1))}"]
    size = ecs.size_of(runs.definition)
    if size is not None:
        chip = text_of(runs.definition.mapping("RuntimePlatform").get("CpuArchitecture", "X86_64"))
        lines.append(f"{number(size[0])} vCPU, {number(size[1])} GB, {'ARM' if chip == 'ARM64' else 'x86'}")
    if len(names) > 1:
        lines.append(f"with {', '.join(names[1:])}")
    return Node(id_of(runs.name), "compute", tuple(lines), group)


def _starters(runs: ecs.JobRuns) -> Iterator[Node]:
    """The schedule and the state machine that start a job."""
    if runs.schedule is not None:
        expression = text_of(runs.schedule.get("ScheduleExpression"))
        zone = text_of(runs.schedule.get("ScheduleExpressionTimezone"))
        paused = ("disabled",) if text_of(runs.schedule.get("State")) == "DISABLED" else ()
        where = (zone,) if zone not in ("", "UTC") else ()
        yield Node(id_of(runs.schedule.name), "ingress", ("Schedule", expression, *where, *paused))
    if runs.machine is not None:
        lines = ("State machine", *stepfunctions.supervision(runs.machine))
        yield Node(id_of(runs.machine.name), "ingress", lines)


def _started(runs: ecs.JobRuns) -> Iterator[Edge]:
    """The edges from what starts a job to its task, and to what learns of its failures."""
    task, machine, schedule = id_of(runs.name), runs.machine, runs.schedule
    if schedule is not None:
        yield Edge(id_of(schedule.name), id_of(machine.name) if machine else task, "starts")
        if dead := scheduler.dead_letters_of(schedule):
            yield Edge(id_of(schedule.name), id_of(dead), "not started", faint=True)
    if machine is not None:
        yield Edge(id_of(machine.name), task, "runs")
        for name in sorted(stepfunctions.sent_to(machine)):
            yield Edge(id_of(machine.name), id_of(name), "failures", faint=True)


def _platform(service: PlannedResource | ecs.JobRuns, most: Decimal) -> str:
    """``Fargate``, with the share of Spot at the most tasks; or another launch type."""
    launch = text_of(service.get("LaunchType")) or "FARGATE"
    if launch != "FARGATE":
        return launch
    on_demand, spot = ecs.spot_shares(service.items("CapacityProviderStrategy"), most or Decimal(1))
    if not spot:
        return "Fargate"
    return "Fargate and Spot" if on_demand else "Fargate Spot"


def _scaled_by(stack: PlannedStack, service: PlannedResource) -> Iterator[str]:
    """``CPU at 70 %`` for each policy of the service's scalable target with a value; then steps and schedules."""
    targets = {one.name: one for one in stack.of(SCALABLE_TARGET) if ecs.scales(one, service)}
    policies = [one for one in stack.of(SCALING_POLICY) if one.target("ScalingTargetId") in targets]
    for policy in policies:
        tracking = policy.mapping("TargetTrackingScalingPolicyConfiguration")
        word, value = _metric_of(tracking), text_of(tracking.get("TargetValue"))
        if not policy.mapping("StepScalingPolicyConfiguration"):
            yield f"{word} at {value}{' %' if word in ('CPU', 'memory') else ''}" if word else policy.name
    if any(policy.mapping("StepScalingPolicyConfiguration") for policy in policies):
        yield "steps"
    if schedules := sum(len(target.mappings("ScheduledActions")) for target in targets.values()):
        yield counted(schedules, "schedule")


def _metric_of(tracking: Mapping[str, Any]) -> str:
    """What target tracking keeps at a value, in words: a known metric, the label of a formula, or a metric's name."""
    predefined = text_of(mapping(tracking.get("PredefinedMetricSpecification")).get("PredefinedMetricType"))
    custom = mapping(tracking.get("CustomizedMetricSpecification"))
    labels = (text_of(one.get("Label")) for one in mappings(custom.get("Metrics")))
    return _METRICS.get(predefined) or next(filter(None, labels), "").lower() or text_of(custom.get("MetricName"))


def _mounted(definition: PlannedResource) -> dict[str, str]:
    """Where the containers mount each file system of the stack, by the ID of its node."""
    volumes = {}
    for volume in definition.mappings("Volumes"):
        configuration = mapping(volume.get("EFSVolumeConfiguration"))
        system = target_of(configuration.get("FilesystemId") or configuration.get("FileSystemId"))
        if system is not None:
            volumes[text_of(volume.get("Name"))] = system
    paths: dict[str, str] = {}
    for container in ecs.containers_of(definition):
        for point in mappings(container.get("MountPoints")):
            system = volumes.get(text_of(point.get("SourceVolume")))
            if system is not None:
                paths.setdefault(id_of(system), text_of(point.get("ContainerPath")))
    return paths
