"""The architecture of a template: internet, load balancer, tasks, data and services, as an AWS architect draws them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from fsdcf.cloudformation import ecr
from fsdcf.cloudformation.containers import main_container, service_of
from fsdcf.cloudformation.drawing import Edge, Graph, Group, Node, NodeKind, id_of, other_id
from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, items, mapping, planned, target_of, text_of
from fsdcf.cloudformation.pricing import counted, number
from fsdcf.plan.access import Access, access
from fsdcf.plan.cost.tasks import DEFINITION, SERVICE, counts, scales, shares, size_of

LOG_GROUP = "AWS::Logs::LogGroup"

_STORES: dict[str, tuple[NodeKind, str, str]] = {
    "AWS::DynamoDB::Table": ("database", "DynamoDB table", "TableName"),
    "AWS::RDS::DBInstance": ("database", "RDS instance", "DBInstanceIdentifier"),
    "AWS::RDS::DBCluster": ("database", "RDS cluster", "DBClusterIdentifier"),
    "AWS::ElastiCache::ReplicationGroup": ("database", "ElastiCache", "ReplicationGroupId"),
    "AWS::S3::Bucket": ("storage", "S3 bucket", "BucketName"),
    "AWS::EFS::FileSystem": ("storage", "EFS file system", ""),
    "AWS::SQS::Queue": ("queue", "SQS queue", "QueueName"),
    "AWS::SNS::Topic": ("queue", "SNS topic", "TopicName"),
    "AWS::Kinesis::Stream": ("queue", "Kinesis stream", "Name"),
}
"""Types that hold data: how they are drawn, what they are called, and the property that names them."""

_SERVICES: dict[str, tuple[NodeKind, str, str]] = {
    LOG_GROUP: ("service", "CloudWatch logs", "LogGroupName"),
    "AWS::SecretsManager::Secret": ("service", "Secret", "Name"),
    "AWS::SSM::Parameter": ("service", "SSM parameter", "Name"),
    "AWS::KMS::Key": ("service", "KMS key", ""),
    "AWS::ECR::Repository": ("service", "ECR repository", "RepositoryName"),
}


def stores(view: PlannedStack, group: str) -> Iterator[Node]:
    """Every store of data that the template makes."""
    return (node for one in view.of(*_STORES) if (node := of_store(one, group)) is not None)


def is_store(type: str) -> bool:
    return type in _STORES


def of_store(resource: PlannedResource, group: str) -> Node | None:
    """The node of a store or a service; None for what is not drawn."""
    known = _STORES.get(resource.type) or _SERVICES.get(resource.type)
    if known is None:
        return None
    kind, title, naming = known
    name = text_of(resource.properties.get(naming, "")) if naming else _tagged(resource)
    return Node(id_of(resource.name), kind, (title, name or resource.name, *_details(resource)), group)


def _tagged(resource: PlannedResource) -> str:
    """The value of the Name tag."""
    for key in ("FileSystemTags", "Tags"):
        for tag in items(resource.properties.get(key)):
            if mapping(tag).get("Key") == "Name":
                return text_of(mapping(tag).get("Value"))
    return ""


def _details(resource: PlannedResource) -> Iterator[str]:
    """A line of what tells stores of one type apart."""
    properties = resource.properties
    if resource.type == LOG_GROUP and properties.get("RetentionInDays"):
        yield f"kept {text_of(properties['RetentionInDays'])} days"
    if resource.type == "AWS::DynamoDB::Table":
        indexes = len(items(properties.get("GlobalSecondaryIndexes")))
        words = [f"{indexes} index{'es' if indexes > 1 else ''}"] if indexes else []
        words += ["stream"] if properties.get("StreamSpecification") else []
        if words:
            yield ", ".join(words)
    if resource.type == "AWS::SQS::Queue" and text_of(properties.get("FifoQueue")) == "true":
        yield "FIFO"
    if resource.type == "AWS::EFS::FileSystem":
        yield f"{text_of(properties.get('ThroughputMode', 'bursting'))} throughput"


_PSEUDO = re.compile(r"\$\{AWS::(\w+)\}")
_ARN = re.compile(r"arn:[^:]*:([a-z0-9-]+):[^:]*:[^:]*:(.+)")
_NAMED: dict[str, tuple[NodeKind, str, bool]] = {
    "dynamodb": ("database", "DynamoDB table", True),
    "s3": ("storage", "S3 bucket", True),
    "elasticfilesystem": ("storage", "EFS file system", True),
    "sqs": ("queue", "SQS queue", True),
    "sns": ("queue", "SNS topic", True),
    "kinesis": ("queue", "Kinesis stream", True),
    "kafka": ("queue", "MSK cluster", True),
    "secretsmanager": ("service", "Secrets Manager", False),
    "ssm": ("service", "SSM parameters", False),
    "kms": ("service", "KMS key", False),
    "lambda": ("service", "Lambda function", False),
    "logs": ("service", "CloudWatch logs", False),
}
"""Services by the name in their ARNs: how they are drawn, what is reached there, and whether it holds data."""

_WITHOUT_RESOURCE = {"xray": "X-Ray", "cloudwatch": "CloudWatch metrics"}
_STARTING = {"secretsmanager", "ssm", "kms"}


@dataclass(frozen=True)
class Reach:
    """One thing that a task reaches. ``target`` is its logical id, or the service and name where it is not the stack's."""

    target: str
    kind: NodeKind
    lines: tuple[str, ...]
    label: str
    is_data: bool
    faint: bool = False

    @property
    def id(self) -> str:
        return other_id(self.target)


def reached(view: PlannedStack, definition: PlannedResource) -> Iterator[Reach]:
    """Everything that the tasks of a definition reach, each once: image, data, then what else their roles allow."""
    yield from _image(view, definition)
    roles = {
        target_of(definition.properties.get("TaskRoleArn")): "",
        target_of(definition.properties.get("ExecutionRoleArn")): "start",
    }
    found: dict[str, Reach] = {}
    levels: dict[str, list[str]] = {}
    for row in access(view):
        for role, when in roles.items():
            if role is None or row.kind != "identity" or row.effect != "Allow" or role not in row.principals:
                continue
            for reach in _rows(view, row, when):
                found.setdefault(reach.target, reach)
                levels.setdefault(reach.target, []).extend(row.levels)
    for target, reach in found.items():
        yield replace(reach, label=reach.label or _label(levels[target]))


def _label(levels: list[str]) -> str:
    """``read``, ``write``, ``read/write``; ``everything`` where that is allowed."""
    whole = next((level for level in levels if level.startswith("everything")), None)
    if whole is not None:
        return whole
    return "/".join(level for level in ("read", "write", "assume") if level in levels) or "describe"


def _rows(view: PlannedStack, row: Access, when: str) -> Iterator[Reach]:
    for target in row.targets:
        resource = view.resources.get(target)
        if resource is not None:
            logs = resource.type == LOG_GROUP
            label = "writes logs" if logs else f"read at {when}" if when else ""
            yield Reach(target, "service", (), label, is_store(resource.type), faint=logs)
    if row.targets:
        return
    for text in row.resources:
        if text == "*":
            yield from _anything(row)
        elif text.strip():
            yield from _elsewhere(text, when)


def _anything(row: Access) -> Iterator[Reach]:
    """Statements for every resource: those that cannot be narrower by their service, others as the danger that they are."""
    services = dict.fromkeys(action.partition(":")[0] for action in row.actions)
    if row.unavoidable:
        for service in services:
            if service in _WITHOUT_RESOURCE:
                yield Reach(service, "service", (_WITHOUT_RESOURCE[service],), "", False, faint=True)
        return
    yield Reach("*", "danger", ("Any resource", ", ".join(services) or "*"), "", False)


def _elsewhere(text: str, when: str) -> Iterator[Reach]:
    """A resource that exists already, by its ARN; images are drawn by what the task runs."""
    found = _ARN.fullmatch(_PSEUDO.sub(r"${\1}", text))  # the colons of a pseudo parameter are not the ARN's
    if found is None:
        yield Reach(f"resource {text}", "service", (text,), f"read at {when}" if when else "", False)
        return
    service, rest = found[1], found[2]
    if service == "ecr":
        return
    kind, title, is_data = _NAMED.get(service, ("service", service, False))
    name = _name(service, rest)
    label = f"read at {when}" if when and service in _STARTING else ""
    yield Reach(
        f"{service} {name}", kind, (title, name, "exists already") if is_data else (title, name), label, is_data
    )


def _name(service: str, rest: str) -> str:
    """What a reader calls the resource: without the kind, the objects in it, and the random end of a secret."""
    if service == "s3":
        return rest.split("/")[0]
    if service in ("kafka", "dynamodb", "elasticfilesystem"):
        parts = rest.split("/")
        return parts[1] if len(parts) > 1 else rest
    if service == "logs":
        return rest.removeprefix("log-group:").removesuffix(":*")
    return re.sub(r"-\?{6}$", "", re.sub(r"^(secret:|parameter/|key/|function:)", "", rest))


def _image(view: PlannedStack, definition: PlannedResource) -> Iterator[Reach]:
    """The repository of the main container's image."""
    containers = map(mapping, items(definition.properties.get("ContainerDefinitions")))
    main = main_container(containers, service_of(definition.properties))
    image = text_of(main.get("Image")) if main else ""
    if not image:
        return
    host, slash, name = image.partition("/")
    known = slash and re.search(ecr.SERVICE, host)
    repository = re.split(r"[@:](?=[^/]*$)", name if known else image)[0]
    yield Reach(
        f"image {repository}",
        "service",
        ("ECR repository" if known else "Image", repository),
        "pulls image",
        False,
        faint=True,
    )


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


def network(view: PlannedStack) -> Places:
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


def _configuration(service: PlannedResource) -> Mapping[str, object]:
    return mapping(mapping(service.properties.get("NetworkConfiguration")).get("AwsvpcConfiguration"))


def _is_public(balancer: PlannedResource) -> bool:
    return text_of(balancer.properties.get("Scheme", "internet-facing")) == "internet-facing"


def _groups(
    view: PlannedStack, services: Mapping[str, Mapping[str, object]], balancers: list[PlannedResource]
) -> Iterator[Group]:
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


def _routed(view: PlannedStack) -> Iterator[object]:
    """The subnets whose route table leads to an internet gateway."""
    tables = {
        target_of(one.properties.get("RouteTableId"))
        for one in view.of("AWS::EC2::Route")
        if one.properties.get("GatewayId")
    }
    for one in view.of("AWS::EC2::SubnetRouteTableAssociation"):
        if target_of(one.properties.get("RouteTableId")) in tables - {None}:
            yield one.properties.get("SubnetId")


def _subnets(balancer: PlannedResource) -> list[object]:
    mapped = [mapping(one).get("SubnetId") for one in items(balancer.properties.get("SubnetMappings"))]
    return items(balancer.properties.get("Subnets")) or mapped


def _balancer(view: PlannedStack, balancer: PlannedResource, groups_of: Mapping[str, str]) -> Node:
    kind = text_of(balancer.properties.get("Type", "application")).capitalize()
    scheme = "internet-facing" if _is_public(balancer) else "internal"
    inside = "g_public" if _is_public(balancer) else next(iter(groups_of.values()), "g_private")
    return Node(id_of(balancer.name), "way in", (f"{kind} load balancer", scheme), inside)


def _ports(view: PlannedStack, balancer: PlannedResource) -> str:
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


def _targets(view: PlannedStack) -> dict[str, tuple[str, ...]]:
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


def _nat(view: PlannedStack) -> list[Node]:
    count = len(list(view.of("AWS::EC2::NatGateway")))
    if not count:
        return []
    lines = ("NAT gateway",) if count == 1 else ("NAT gateways", f"{count}, one per zone")
    return [Node("x_nat", "network", lines, "g_public")]


def _endpoints(view: PlannedStack) -> Iterator[Node]:
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


_METRICS = {
    "ECSServiceAverageCPUUtilization": "CPU",
    "ECSServiceAverageMemoryUtilization": "memory",
    "ALBRequestCountPerTarget": "requests",
}


def described(view: PlannedStack, service: PlannedResource, group: str) -> Node:
    """The node of a service."""
    definition = view.named(service.properties.get("TaskDefinition"), DEFINITION)
    containers = (
        [mapping(one) for one in items(definition.properties.get("ContainerDefinitions"))] if definition else []
    )
    names = [text_of(one.get("Name")) for one in containers]
    lines = [
        "ECS service" + (f" {names[0]}" if names else ""),
        f"{counted(counts(view, service), 'task')}{_spot(view, service)}",
    ]
    if definition is not None:
        lines += _size(definition)
    by = list(_scaled_by(view, service))
    if by:
        lines.append(f"scales by {', '.join(by)}")
    if len(names) > 1:
        lines.append(f"with {', '.join(names[1:])}")
    return Node(id_of(service.name), "compute", tuple(lines), group)


def _size(definition: PlannedResource) -> Iterator[str]:
    size = size_of(definition)
    chip = text_of(mapping(definition.properties.get("RuntimePlatform")).get("CpuArchitecture", "X86_64"))
    if size is not None:
        yield f"{number(size[0])} vCPU, {number(size[1])} GB, {'ARM' if chip == 'ARM64' else 'x86'}"


def _spot(view: PlannedStack, service: PlannedResource) -> str:
    """`` on Fargate``, with the share of Spot at the most tasks."""
    most = counts(view, service).maximum
    strategy = items(service.properties.get("CapacityProviderStrategy"))
    launch = text_of(service.properties.get("LaunchType") or "FARGATE")
    if launch != "FARGATE":
        return f" on {launch}"
    on_demand, spot = shares(strategy, most or Decimal(1))
    if not spot:
        return " on Fargate"
    return " on Fargate Spot" if not on_demand else " on Fargate and Spot"


def _scaled_by(view: PlannedStack, service: PlannedResource) -> Iterator[str]:
    """``CPU at 70 %`` for each policy of the service's scalable target."""
    targets = {one.name for one in view.of("AWS::ApplicationAutoScaling::ScalableTarget") if scales(one, service)}
    for policy in view.of("AWS::ApplicationAutoScaling::ScalingPolicy"):
        if target_of(policy.properties.get("ScalingTargetId")) in targets:
            tracking = mapping(policy.properties.get("TargetTrackingScalingPolicyConfiguration"))
            metric = text_of(mapping(tracking.get("PredefinedMetricSpecification")).get("PredefinedMetricType"))
            word = _METRICS.get(metric)
            value = text_of(tracking.get("TargetValue"))
            yield f"{word} at {value}{' %' if word in ('CPU', 'memory') else ''}" if word else policy.name


def mounted(definition: PlannedResource) -> dict[str, str]:
    """Where the containers mount each file system of the stack, by its logical id."""
    volumes = {}
    for volume in items(definition.properties.get("Volumes")):
        configuration = mapping(mapping(volume).get("EFSVolumeConfiguration"))
        system = target_of(configuration.get("FilesystemId") or configuration.get("FileSystemId"))
        if system is not None:
            volumes[text_of(mapping(volume).get("Name"))] = system
    found: dict[str, str] = {}
    for container in items(definition.properties.get("ContainerDefinitions")):
        for point in items(mapping(container).get("MountPoints")):
            system = volumes.get(text_of(mapping(point).get("SourceVolume")))
            if system is not None:
                found.setdefault(system, text_of(mapping(point).get("ContainerPath")))
    return found


DATA, SERVICES = Group("g_data", "data", "Data"), Group("g_services", "services", "AWS services")


def architecture(template: Mapping[str, Any], title: str) -> Graph:
    """The drawing of a template. Raises PlanError where it is no template."""
    found = planned(template)
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


def _ways(found: PlannedStack, service: PlannedResource, places: Places) -> Iterator[Edge]:
    """The load balancers' edges to a service, and its ways out."""
    for entry in items(service.properties.get("LoadBalancers")):
        group = target_of(mapping(entry).get("TargetGroupArn"))
        for balancer in places.balancers.get(group or "", ()):
            yield Edge(id_of(balancer), id_of(service.name), f"port {text_of(mapping(entry).get('ContainerPort'))}")
    if places.groups_of.get(service.name) == "g_private":
        yield from (Edge(id_of(service.name), way, "", faint=True, back=True) for way in places.ways)
    yield from (Edge(id_of(service.name), way, "", faint=True, back=True) for way in places.endpoints)


def _accesses(found: PlannedStack, service: PlannedResource) -> Iterator[tuple[Node, Edge]]:
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


def _reached(found: PlannedStack, reach: Reach) -> Node | None:
    """The node of what is reached: a store or a service of the stack, or something that exists already."""
    resource = found.resources.get(reach.target)
    if resource is None:
        group = DATA.id if reach.is_data else SERVICES.id
        return Node(
            reach.id, reach.kind, reach.lines, "" if reach.kind == "danger" else group, exists=reach.kind != "danger"
        )
    return of_store(resource, SERVICES.id if resource.type == LOG_GROUP or not reach.is_data else DATA.id)


def _redriven(found: PlannedStack) -> Iterator[Edge]:
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
