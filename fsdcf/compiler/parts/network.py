"""The network: a new VPC with subnets, NAT and endpoints, or an existing VPC; the security groups."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

from troposphere import FindInMap, GetAtt, GetAZs, Join, Ref, Select, ec2

from fsdcf.cloudformation.partitions import PARTITIONS
from fsdcf.compiler.encryption import add_log_group
from fsdcf.compiler.parts.buckets import LOG_DAYS, add_log_bucket, written_by
from fsdcf.compiler.parts.listener_rules import add_ingress, balanced_ports, task_ingress
from fsdcf.compiler.parts.roles import RoleHome, allow, from_account, home_of, inline_policy, service_role
from fsdcf.compiler.stack import TASK_SECURITY_GROUP, Context, Network, Sources, StackPart, imported
from fsdcf.compiler.text import fragment, intrinsic, value
from fsdcf.conventions import VPC_OUTPUT
from fsdcf.language.dependency import reached_services
from fsdcf.language.ingress import ingress
from fsdcf.language.model.common import days_of
from fsdcf.language.model.environment import EnvironmentSpec
from fsdcf.language.model.service import FlowLogs, Service, Vpc
from fsdcf.language.model.traffic import BalancerSettings
from fsdcf.language.names import endpoint_id, endpoint_words
from fsdcf.language.partitions import partition_of_spec
from fsdcf.language.placeholders import String

ORIGIN = "service.networking.vpc"
DEFAULT_CIDR = "10.0.0.0/16"
DEFAULT_ZONES = 2
ATTACHMENT = "InternetGatewayAttachment"
LOAD_BALANCER_GROUP, REDIRECT_GROUP = "LoadBalancerSecurityGroup", "LoadBalancerRedirectSecurityGroup"
_MOST_ZONES = 8
_ENDPOINTS = "EndpointNames"


def network_of(service: Service, joined: EnvironmentSpec | None = None) -> Network:
    """The VPC and the subnets of a service: new ones, unless the spec names an existing VPC or joins an environment."""
    wanted, public_tasks = service.networking.network, service.networking.assign_public_ip
    internal = service.load_balancer is None or service.load_balancer.internal
    if joined is not None:
        vpc, subnets = imported(joined, VPC_OUTPUT), subnet_outputs(joined.environment.network)[not public_tasks]
        badge = imported(joined, "ServicesSecurityGroupId")
        return Network(vpc, tuple(imported(joined, name) for name in subnets), (), groups=(badge,))
    if wanted.id is None:
        zones = range(1, len(_zones(wanted)) + 1)
        vpc = Ref("Vpc")
        public: tuple[Any, ...] = tuple(Ref(f"PublicSubnet{zone}") for zone in zones)
        private: tuple[Any, ...] = () if public_tasks else tuple(Ref(f"PrivateSubnet{zone}") for zone in zones)
    else:
        vpc = value(wanted.id)
        public = tuple(map(value, sorted(wanted.public_subnets, key=str)))
        private = tuple(map(value, sorted(wanted.private_subnets, key=str)))
    edge = () if internal or wanted.id is not None else (ATTACHMENT,)
    return Network(vpc, public if public_tasks else private, (private or public) if internal else public, edge)


def subnet_outputs(network: Vpc) -> tuple[list[str], list[str]]:
    """The outputs of an environment's stack with the ids of the public and of the private subnets."""
    if network.id is None:
        zones = len(_zones(network))
        counts = (zones, zones)
    else:
        counts = (len(network.public_subnets), len(network.private_subnets))
    public, private = (
        [f"{kind}Subnet{number}" for number in range(1, count + 1)]
        for kind, count in zip(("Public", "Private"), counts, strict=True)
    )
    return public, private


def vpc(context: Context) -> StackPart:
    """A new VPC for a service; nothing where the spec names an existing one, or joins an environment."""
    networking = context.service.networking
    if context.joined is not None or networking.network.id is not None:
        return StackPart()
    part = new_vpc(networking.network, ORIGIN, only_public=networking.assign_public_ip)
    part.fold(flow_logs(networking.network, ORIGIN, home_of(context), context.service.encryption))
    return part


def new_vpc(wanted: Vpc, origin: str, only_public: bool = False) -> StackPart:
    """A new VPC with its subnets and routes. The service waits for the routes of its tasks. ``origin`` is the spec path
    of the network."""
    part = StackPart()
    cidr = wanted.cidr or DEFAULT_CIDR
    blocks = [str(block) for block in IPv4Network(cidr).subnets(prefixlen_diff=4)]
    made = ec2.VPC("Vpc", CidrBlock=cidr, EnableDnsSupport=True, EnableDnsHostnames=True)
    part.add(made, origin, {"CidrBlock": f"{origin}.cidr"})
    part.add(ec2.InternetGateway("InternetGateway"), origin)
    part.add(ec2.VPCGatewayAttachment(ATTACHMENT, VpcId=Ref(made), InternetGatewayId=Ref("InternetGateway")), origin)
    zones = _zones(wanted)
    public = [_subnet(part, origin, f"PublicSubnet{n}", zone, blocks[n - 1]) for n, zone in enumerate(zones, 1)]
    public_routes = _public_routes(part, origin, public)
    if only_public:
        _gateway_endpoints(part, origin, ["PublicRouteTable"])
        part.waits = public_routes
        return part
    inner = blocks[_MOST_ZONES:]
    private = [_subnet(part, origin, f"PrivateSubnet{n}", zone, inner[n - 1]) for n, zone in enumerate(zones, 1)]
    part.waits = _private_routes(part, origin, wanted.nat or "single", public, private)
    tables = [f"PrivateRouteTable{n}" for n in range(1, len(zones) + 1)]
    endpoints = _gateway_endpoints(part, origin, ["PublicRouteTable", *tables])
    if wanted.nat == "none":
        part.waits += endpoints  # the layers of an image come from S3, and this is the only route
    return part


def flow_logs(wanted: Vpc, origin: str, home: RoleHome, encryption: String | None = None) -> StackPart:
    """The log of the connections in a new VPC, to a log group with the role that writes there, or to a bucket.
    ``encryption`` is the KMS key of a log group that has none of its own."""
    part, origin = StackPart(), f"{origin}.flowLogs"
    if not wanted.flow_logs:
        return part
    settings = wanted.flow_logs if isinstance(wanted.flow_logs, FlowLogs) else FlowLogs()
    days = LOG_DAYS if settings.retention is None else days_of(settings.retention)
    if settings.bucket:
        target = _flow_log_bucket(part, settings, origin, days)
    else:
        add_log_group(part, "FlowLogGroup", days, settings.encryption, encryption, origin)
        target = _flow_log_group(part, origin, home)
    log = ec2.FlowLog(
        "FlowLog", ResourceType="VPC", ResourceId=Ref("Vpc"), TrafficType=settings.traffic.upper(), **target
    )
    return part.add(log, origin, {"TrafficType": f"{origin}.traffic"})


def _flow_log_group(part: StackPart, origin: str, home: RoleHome) -> dict[str, Any]:
    """Add the role that writes to the log group, and return the properties that name both.

    Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
    """
    actions = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
    source = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-flow-log/*"
    write = inline_policy("Write", [allow(actions, [GetAtt("FlowLogGroup", "Arn")])])
    role = service_role("FlowLogRole", [write], home, "vpc-flow-logs.amazonaws.com", source)
    part.add(role, origin)
    return {
        "LogDestinationType": "cloud-watch-logs",
        "LogGroupName": Ref("FlowLogGroup"),
        "DeliverLogsPermissionArn": GetAtt(role, "Arn"),
    }


def _flow_log_bucket(part: StackPart, settings: FlowLogs, origin: str, days: int | None) -> dict[str, Any]:
    """Add the bucket, unless one is named, and return the properties that name it.

    Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html
    """
    if settings.bucket is not True:
        return {
            "LogDestinationType": "s3",
            "LogDestination": intrinsic(f"arn:${{AWS::Partition}}:s3:::{fragment(settings.bucket or '')}"),
        }
    title, writer = "FlowLogDestination", "delivery.logs.amazonaws.com"
    source = from_account("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:*")
    owned = {"StringEquals": {**source["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}}
    write = written_by(writer, title, "AWSLogs/${AWS::AccountId}/", Sid="AWSLogDeliveryWrite", Condition=source | owned)
    look = {
        **allow(["s3:GetBucketAcl"], [GetAtt(title, "Arn")]),
        "Sid": "AWSLogDeliveryAclCheck",
        "Principal": {"Service": writer},
        "Condition": source,
    }
    add_log_bucket(part, title, origin, [write, look], days, {"LifecycleConfiguration": f"{origin}.retention"})
    return {"LogDestinationType": "s3", "LogDestination": GetAtt(title, "Arn"), "DependsOn": [f"{title}Policy"]}


def _zones(wanted: Vpc) -> list[dict[str, Any]]:
    """The property of a subnet that puts it into a zone, for each zone of a new VPC."""
    zones = wanted.availability_zones or DEFAULT_ZONES
    if isinstance(zones, int):
        return [{"AvailabilityZone": Select(index, GetAZs(""))} for index in range(zones)]
    return [{"AvailabilityZoneId": zone} for zone in zones]


def _subnet(part: StackPart, origin: str, title: str, zone: dict[str, Any], cidr: str) -> str:
    subnet = ec2.Subnet(title, VpcId=Ref("Vpc"), CidrBlock=cidr, **zone, MapPublicIpOnLaunch=False)
    sources: Sources = {**dict.fromkeys(zone, f"{origin}.availabilityZones"), "CidrBlock": f"{origin}.cidr"}
    part.add(subnet, origin, sources)
    return title


def _public_routes(part: StackPart, origin: str, subnets: list[str]) -> list[str]:
    part.add(ec2.RouteTable("PublicRouteTable", VpcId=Ref("Vpc")), origin)
    route = ec2.Route(
        "PublicDefaultRoute",
        RouteTableId=Ref("PublicRouteTable"),
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=Ref("InternetGateway"),
        DependsOn=ATTACHMENT,
    )
    part.add(route, origin)
    return ["PublicDefaultRoute", *(_associate(part, origin, subnet, "PublicRouteTable") for subnet in subnets)]


def _associate(part: StackPart, origin: str, subnet: str, table: str) -> str:
    title = f"{subnet}RouteTableAssociation"
    part.add(ec2.SubnetRouteTableAssociation(title, SubnetId=Ref(subnet), RouteTableId=Ref(table)), origin)
    return title


def _private_routes(part: StackPart, network: str, nat: str, public: list[str], private: list[str]) -> list[str]:
    """A route table per zone, so that a change between one NAT gateway, one per zone and a regional one touches nothing
    but routes."""
    origin = f"{network}.nat"
    gateways = _nat_gateways(part, origin, nat, public)
    waits = []
    for number, subnet in enumerate(private, 1):
        table = f"PrivateRouteTable{number}"
        part.add(ec2.RouteTable(table, VpcId=Ref("Vpc")), network)
        waits.append(_associate(part, network, subnet, table))
        if gateways:
            route = ec2.Route(
                f"PrivateDefaultRoute{number}",
                RouteTableId=Ref(table),
                DestinationCidrBlock="0.0.0.0/0",
                NatGatewayId=Ref(gateways[min(number, len(gateways)) - 1]),
            )
            part.add(route, origin)
            waits.append(route.title)
    return waits


def _nat_gateways(part: StackPart, origin: str, nat: str, public: list[str]) -> list[str]:
    """Add the NAT gateways, and return their ids. A regional one follows the tasks from zone to zone, outside of the
    subnets, and AWS gives it its addresses.

    Source: https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateways-regional.html
    """
    if nat == "regional":
        regional = ec2.NatGateway(
            "RegionalNatGateway",
            AvailabilityMode="regional",
            ConnectivityType="public",
            VpcId=Ref("Vpc"),
            DependsOn=ATTACHMENT,
        )
        part.add(regional, origin)
        return [regional.title]
    gateways = []
    for number, subnet in enumerate(public[: {"none": 0, "single": 1, "perZone": len(public)}[nat]], 1):
        part.add(ec2.EIP(f"NatAddress{number}", Domain="vpc", DependsOn=ATTACHMENT), origin)
        gateway = ec2.NatGateway(
            f"NatGateway{number}",
            AllocationId=GetAtt(f"NatAddress{number}", "AllocationId"),
            SubnetId=Ref(subnet),
            DependsOn=["PublicDefaultRoute", f"{subnet}RouteTableAssociation"],
        )
        part.add(gateway, origin)
        gateways.append(gateway.title)
    return gateways


def _gateway_endpoints(part: StackPart, origin: str, tables: list[str]) -> list[str]:
    """Gateway endpoints of S3 and DynamoDB: they are free, and their traffic bypasses the NAT gateway."""
    services = {"S3Endpoint": "s3", "DynamoDbEndpoint": "dynamodb"}
    for title, service in services.items():
        endpoint = ec2.VPCEndpoint(
            title,
            VpcId=Ref("Vpc"),
            VpcEndpointType="Gateway",
            ServiceName=_service_name("com.amazonaws", service),
            RouteTableIds=[Ref(table) for table in tables],
        )
        part.add(endpoint, origin)
    return list(services)


def interface_endpoints(context: Context) -> StackPart:
    """The interface endpoints that the spec names, which the tasks reach over HTTPS; the service waits for them."""
    wanted, partition = context.service.networking.network, partition_of_spec(context.spec)
    return new_endpoints(wanted, context.network, ORIGIN, "tasks", TASK_SECURITY_GROUP, partition)


def new_endpoints(
    wanted: Vpc, network: Network, origin: str, clients: str, group: Any, partition: str | None
) -> StackPart:
    """The interface endpoints of a new network in the subnets of its tasks, whose ``group`` reaches them over HTTPS."""
    part = StackPart()
    names = sorted(set(wanted.endpoints))
    if not names:
        return part
    origin = f"{origin}.endpoints"
    own = ec2.SecurityGroup(
        "EndpointSecurityGroup",
        GroupDescription=f"Interface endpoints: HTTPS from the {clients}",
        VpcId=network.vpc,
        SecurityGroupIngress=[tcp_rule(443, SourceSecurityGroupId=group, Description=clients.capitalize())],
    )
    part.add(own, origin)
    part.mappings, service_names = _endpoint_names(names, partition)
    for name in names:
        title = endpoint_id(name)
        endpoint = ec2.VPCEndpoint(
            title,
            VpcId=network.vpc,
            VpcEndpointType="Interface",
            ServiceName=service_names[name],
            PrivateDnsEnabled=True,
            SubnetIds=list(network.task_subnets),
            SecurityGroupIds=[GetAtt(own, "GroupId")],
        )
        part.add(endpoint, origin, {"ServiceName": origin})
        part.waits.append(title)
    return part


def _endpoint_names(names: list[str], partition: str | None) -> tuple[dict[str, Mapping[str, Any]], dict[str, Any]]:
    """The mappings for the names of endpoint services, and the name of each.

    A name is different in some partitions. Where the spec tells the partition it is literal; else the template finds
    the name of the partition that it is deployed in.
    """
    places = [partition] if partition else list(PARTITIONS)
    columns: dict[str, dict[str, str]] = {place: {} for place in places}
    found = {}
    for name in names:
        parts: list[Any] = []
        for column, at in ((endpoint_words(name), 0), (f"{endpoint_words(name)}Name", 1)):
            by_place = {place: PARTITIONS[place].endpoint(name)[at] for place in places}
            same = len(set(by_place.values())) == 1
            parts.append(by_place[places[0]] if same else FindInMap(_ENDPOINTS, Ref("AWS::Partition"), column))
            for place in () if same else places:
                columns[place][column] = by_place[place]
        found[name] = _service_name(*parts)
    return ({_ENDPOINTS: columns} if columns[places[0]] else {}), found


def _service_name(prefix: Any, name: Any) -> Any:
    return Join(".", [prefix, Ref("AWS::Region"), name])


def security_groups(context: Context) -> StackPart:
    """``TaskSecurityGroup``; for an HTTP service also the load balancer's, and the rules from it to the tasks. One
    that joins an environment has rules from the environment's load balancer and from its other services.

    Both of these rules are resources of their own, whose properties are create-only: when the port changes,
    CloudFormation creates the new rules before it updates the service and deletes the old ones after it, so that the
    load balancer reaches the old tasks until they are gone, and again after a rollback.
    """
    part = StackPart()
    service = context.service
    tasks = ec2.SecurityGroup(
        "TaskSecurityGroup",
        GroupDescription="Tasks of the service",
        VpcId=context.network.vpc,
        SecurityGroupEgress=_task_egress(context),
    )
    part.add(tasks, "service.networking", {"SecurityGroupEgress": "service.networking.egress"})
    if context.joined is not None:
        part.fold(task_ingress(context, context.joined))
        return part
    balancer = service.load_balancer
    if balancer is None:
        return part
    origin, nothing = "service.networking.loadBalancer", nowhere("None beside LoadBalancerEgressToTasks")
    group, *_ = balancer_groups(
        part, "", balancer, context.network.vpc, origin, "load balancer of the service", nothing
    )
    outside, inside = GetAtt(group, "GroupId"), TASK_SECURITY_GROUP
    for suffix, number, description, origin in balanced_ports(service):
        way_out = ec2.SecurityGroupEgress(
            f"LoadBalancerEgressToTasks{suffix}",
            GroupId=outside,
            **_tcp(number),
            DestinationSecurityGroupId=inside,
            Description=description if suffix else "Tasks",
        )
        part.add(way_out, origin)
        part.waits.append(way_out.title)
        add_ingress(part, f"FromLoadBalancer{suffix}", number, outside, description, origin)
    if balancer.auth is not None:
        add_provider_egress(part, "", "service.networking.loadBalancer.auth")
    return part


def _task_egress(context: Context) -> list[ec2.SecurityGroupRule]:
    """Where the tasks may connect to: everywhere, or to what the spec names, and to what it implies: the endpoints of a
    new network, and the services that it calls by the proxies of Service Connect.

    No rule is for DNS, the metadata of the task and the clock, to which security groups do not apply.
    Source: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
    """
    networking = context.service.networking
    if not networking.egress:
        return [ec2.SecurityGroupRule(IpProtocol="-1", CidrIp="0.0.0.0/0", Description="Anywhere")]
    rules = {
        (wanted.to, wanted.protocol, ports): _egress_rule(wanted.to, wanted.protocol, *ports)
        for wanted in networking.egress
        for ports in wanted.ranges
    }
    listed = [rules[key] for key in sorted(rules)]
    network = networking.network if context.joined is None else context.joined.environment.network
    if network.id is None and network.endpoints:
        inside = network.cidr or DEFAULT_CIDR
        listed.append(tcp_rule(443, CidrIp=inside, Description="Interface endpoints"))
    if context.joined is not None and (networking.connect is not None or reached_services(context.spec)):
        services = imported(context.joined, "ServicesSecurityGroupId")
        peers = {"DestinationSecurityGroupId": services, "Description": "Services of the environment"}
        listed.append(ec2.SecurityGroupRule(IpProtocol="tcp", FromPort=1, ToPort=65535, **peers))
    return listed


def _egress_rule(destination: str, protocol: str, first: int, last: int) -> ec2.SecurityGroupRule:
    key = "DestinationPrefixListId" if destination.startswith("pl-") else "DestinationSecurityGroupId"
    if not destination.startswith(("pl-", "sg-")):
        key = "CidrIpv6" if ":" in destination else "CidrIp"
    ports = {} if protocol == "all" else {"FromPort": first, "ToPort": last}
    number = "-1" if protocol == "all" else protocol
    return ec2.SecurityGroupRule(IpProtocol=number, **ports, **{key: destination}, Description=f"To {destination}")


def add_provider_egress(part: StackPart, prefix: str, origin: str) -> None:
    """Let a load balancer call the endpoints of an identity provider, by which it signs users in.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html
    """
    rule = ec2.SecurityGroupEgress(
        f"{prefix}LoadBalancerEgressToIdentityProvider",
        GroupId=GetAtt(prefix + LOAD_BALANCER_GROUP, "GroupId"),
        **_tcp(443),
        CidrIp="0.0.0.0/0",
        Description="Identity provider",
    )
    part.add(rule, origin)


def balancer_groups(
    part: StackPart,
    prefix: str,
    balancer: BalancerSettings,
    vpc: Any,
    origin: str,
    words: str,
    egress: ec2.SecurityGroupRule,
) -> list[str]:
    """Add the groups of a load balancer, and return their ids, which begin with ``prefix``: one that serves, and one
    more for the redirect if the rules of both are too many. ``words`` describe the load balancer.

    They are replaced with their balancer, which keeps the old ingress until then.
    """
    words = f"internal {words}" if balancer.internal else words
    titles = []
    for suffix, rules in zip((LOAD_BALANCER_GROUP, REDIRECT_GROUP), ingress(balancer), strict=True):
        if not rules:
            continue
        group = ec2.SecurityGroup(
            prefix + suffix,
            GroupDescription=words[0].upper() + words[1:] + (": redirect to HTTPS" if suffix == REDIRECT_GROUP else ""),
            VpcId=vpc,
            SecurityGroupIngress=[
                tcp_rule(port, Description={80: "HTTP", 443: "HTTPS"}[port], **_source(source))
                for port, source in rules
            ],
            SecurityGroupEgress=[egress],
        )
        sources: Sources = {"SecurityGroupIngress": f"{origin}.allowCidrs", "GroupDescription": f"{origin}.internal"}
        part.add(group, origin, sources)
        titles.append(group.title)
    return titles


def _tcp(port: int) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}


def _source(source: str) -> dict[str, str]:
    """The property of a rule that admits a source."""
    if source.startswith("pl-"):
        return {"SourcePrefixListId": source}
    if source.startswith("sg-"):
        return {"SourceSecurityGroupId": source}
    return {"CidrIpv6" if ":" in source else "CidrIp": source}


def tcp_rule(port: int, **properties: Any) -> ec2.SecurityGroupRule:
    """A rule of a security group for one TCP port; ``properties`` are the other side and a description."""
    return ec2.SecurityGroupRule(**_tcp(port), **properties)


def nowhere(words: str) -> ec2.SecurityGroupRule:
    """Egress to the resource itself: EC2 gives a group that is created without a rule access to everywhere.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
    """
    return tcp_rule(1, CidrIp="127.0.0.1/32", Description=words)
