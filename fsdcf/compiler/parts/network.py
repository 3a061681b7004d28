"""The network: a VPC with public and private subnets, NAT and endpoints, or the subnets of an existing one."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from troposphere import GetAtt, GetAZs, Join, Ref, Select, ec2

from fsdcf.compiler.stack import Stack
from fsdcf.compiler.text import value
from fsdcf.language.model.service import Service, Vpc

ORIGIN = "service.networking.vpc"
DEFAULT_CIDR = "10.0.0.0/16"
ATTACHMENT = "InternetGatewayAttachment"
_MOST_ZONES = 8


@dataclass(frozen=True)
class Network:
    """Where the service runs. The load balancer waits for ``edge``, the service for ``routes``."""

    vpc: Any
    task_subnets: tuple[Any, ...]
    load_balancer_subnets: tuple[Any, ...]
    edge: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()


def add_network(stack: Stack, service: Service) -> Network:
    """The network of a service: its own, unless the spec names an existing VPC."""
    network = service.networking.network
    balancer = service.load_balancer
    internal = balancer is None or balancer.internal
    public_tasks = service.networking.assign_public_ip
    if network.id is not None:
        public = tuple(value(subnet) for subnet in network.public_subnets)
        private = tuple(value(subnet) for subnet in network.private_subnets)
        tasks = public if public_tasks else private
        return Network(value(network.id), tasks, (private or public) if internal else public)
    return _made(stack, network, internal, public_tasks)


def _made(stack: Stack, network: Vpc, internal: bool, public_tasks: bool) -> Network:
    zones = network.availability_zones or 2
    blocks = list(IPv4Network(network.cidr or DEFAULT_CIDR).subnets(prefixlen_diff=4))
    vpc = stack.add(
        ec2.VPC("Vpc", CidrBlock=network.cidr or DEFAULT_CIDR, EnableDnsSupport=True, EnableDnsHostnames=True),
        ORIGIN,
        {("CidrBlock",): f"{ORIGIN}.cidr"},
    )
    stack.add(ec2.InternetGateway("InternetGateway"), ORIGIN)
    stack.add(ec2.VPCGatewayAttachment(ATTACHMENT, VpcId=Ref(vpc), InternetGatewayId=Ref("InternetGateway")), ORIGIN)
    public = [_subnet(stack, f"PublicSubnet{zone + 1}", zone, str(blocks[zone])) for zone in range(zones)]
    routes = _public_routes(stack, public)
    tables = ["PublicRouteTable"]
    private: list[str] = []
    if not public_tasks:
        private = [
            _subnet(stack, f"PrivateSubnet{zone + 1}", zone, str(blocks[_MOST_ZONES + zone])) for zone in range(zones)
        ]
        tables += [f"PrivateRouteTable{zone + 1}" for zone in range(zones)]
        routes = _private_routes(stack, network.nat or "single", public, private)
    gateways = _gateway_endpoints(stack, tables)
    if private and network.nat == "none":
        routes += gateways  # an image's layers come from S3, and there is no other way to it
    tasks = tuple(Ref(subnet) for subnet in private or public)
    balancers = tasks if internal else tuple(Ref(subnet) for subnet in public)
    return Network(Ref(vpc), tasks, balancers, () if internal else (ATTACHMENT,), tuple(routes))


def _subnet(stack: Stack, title: str, zone: int, cidr: str) -> str:
    subnet = ec2.Subnet(
        title,
        VpcId=Ref("Vpc"),
        CidrBlock=cidr,
        AvailabilityZone=Select(zone, GetAZs("")),
        MapPublicIpOnLaunch=False,
    )
    stack.add(subnet, ORIGIN, {("AvailabilityZone",): f"{ORIGIN}.availabilityZones", ("CidrBlock",): f"{ORIGIN}.cidr"})
    return title


def _public_routes(stack: Stack, subnets: list[str]) -> list[str]:
    stack.add(ec2.RouteTable("PublicRouteTable", VpcId=Ref("Vpc")), ORIGIN)
    route = ec2.Route(
        "PublicDefaultRoute",
        RouteTableId=Ref("PublicRouteTable"),
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=Ref("InternetGateway"),
        DependsOn=ATTACHMENT,
    )
    stack.add(route, ORIGIN)
    return ["PublicDefaultRoute", *(_associate(stack, subnet, "PublicRouteTable") for subnet in subnets)]


def _associate(stack: Stack, subnet: str, table: str) -> str:
    title = f"{subnet}RouteTableAssociation"
    stack.add(ec2.SubnetRouteTableAssociation(title, SubnetId=Ref(subnet), RouteTableId=Ref(table)), ORIGIN)
    return title


def _private_routes(stack: Stack, nat: str, public: list[str], private: list[str]) -> list[str]:
    """A route table per zone, so that going from one NAT gateway to one per zone changes routes and nothing else."""
    origin = f"{ORIGIN}.nat"
    gateways = {"none": 0, "single": 1, "perZone": len(public)}[nat]
    for number in range(1, gateways + 1):
        stack.add(ec2.EIP(f"NatAddress{number}", Domain="vpc", DependsOn=ATTACHMENT), origin)
        gateway = ec2.NatGateway(
            f"NatGateway{number}",
            AllocationId=GetAtt(f"NatAddress{number}", "AllocationId"),
            SubnetId=Ref(public[number - 1]),
        )
        gateway.DependsOn = "PublicDefaultRoute"
        stack.add(gateway, origin)
    waits = []
    for number, subnet in enumerate(private, 1):
        table = f"PrivateRouteTable{number}"
        stack.add(ec2.RouteTable(table, VpcId=Ref("Vpc")), ORIGIN)
        waits.append(_associate(stack, subnet, table))
        if gateways:
            route = ec2.Route(
                f"PrivateDefaultRoute{number}",
                RouteTableId=Ref(table),
                DestinationCidrBlock="0.0.0.0/0",
                NatGatewayId=Ref(f"NatGateway{min(number, gateways)}"),
            )
            stack.add(route, origin)
            waits.append(route.title)
    return waits


def _gateway_endpoints(stack: Stack, tables: list[str]) -> list[str]:
    """S3 and DynamoDB by gateway endpoints: free, and their traffic spares the NAT gateway."""
    services = {"S3Endpoint": "s3", "DynamoDbEndpoint": "dynamodb"}
    for title, service in services.items():
        endpoint = ec2.VPCEndpoint(
            title,
            VpcId=Ref("Vpc"),
            VpcEndpointType="Gateway",
            ServiceName=_service_name(service),
            RouteTableIds=[Ref(table) for table in tables],
        )
        stack.add(endpoint, ORIGIN)
    return list(services)


def add_interface_endpoints(stack: Stack, service: Service, network: Network) -> tuple[str, ...]:
    """The interface endpoints that the spec names, reachable from the tasks by HTTPS; the service waits for them."""
    names = sorted(set(service.networking.network.endpoints))
    if not names:
        return ()
    origin = f"{ORIGIN}.endpoints"
    group = ec2.SecurityGroup(
        "EndpointSecurityGroup",
        GroupDescription="Interface endpoints: HTTPS from the tasks",
        VpcId=network.vpc,
        SecurityGroupIngress=[
            ec2.SecurityGroupRule(
                IpProtocol="tcp",
                FromPort=443,
                ToPort=443,
                SourceSecurityGroupId=GetAtt("TaskSecurityGroup", "GroupId"),
                Description="Tasks",
            )
        ],
    )
    stack.add(group, origin)
    titles = []
    for name in names:
        title = "".join(word.capitalize() for word in name.replace("-", ".").split(".")) + "InterfaceEndpoint"
        endpoint = ec2.VPCEndpoint(
            title,
            VpcId=network.vpc,
            VpcEndpointType="Interface",
            ServiceName=_service_name(name),
            PrivateDnsEnabled=True,
            SubnetIds=list(network.task_subnets),
            SecurityGroupIds=[GetAtt(group, "GroupId")],
        )
        stack.add(endpoint, origin, {("ServiceName",): origin})
        titles.append(title)
    return tuple(titles)


def _service_name(name: str) -> Any:
    return Join(".", ["com.amazonaws", Ref("AWS::Region"), name])
