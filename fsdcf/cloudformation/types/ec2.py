"""EC2: the network with its gateways, endpoints, routes and security groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, target_of, text_of, whole_number
from fsdcf.cloudformation.pricing import (
    HOURS,
    PRICE_LIST,
    CostItems,
    PricingContext,
    PricingRule,
    Resources,
    Unpriced,
    assumption,
    price,
)
from fsdcf.cloudformation.references import steps
from fsdcf.cloudformation.types import (
    NEVER,
    DeployPermissions,
    ForeignType,
    Part,
    ResourceType,
    Simulation,
    Single,
    StoredData,
    Updates,
)
from fsdcf.cloudformation.types.stepfunctions import STATE_MACHINE, run_arguments
from fsdcf.wording import counted

PART: Part = "network"
EIP, NAT_GATEWAY, ROUTE, SECURITY_GROUP, SUBNET, VPC, VPC_ENDPOINT = (
    f"AWS::EC2::{name}" for name in ("EIP", "NatGateway", "Route", "SecurityGroup", "Subnet", "VPC", "VPCEndpoint")
)
FLOW_LOG = "AWS::EC2::FlowLog"
GATEWAY_ATTACHMENT, ROUTE_TABLE_ASSOCIATION = "AWS::EC2::VPCGatewayAttachment", "AWS::EC2::SubnetRouteTableAssociation"
SECURITY_GROUP_EGRESS, SECURITY_GROUP_INGRESS = "AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress"

_VPC_PAGE = f"AWS's pricing page for VPC, as transcribed by api-evangelist; {PRICE_LIST}"
_VENDED_LOGS = "zenn.dev/team_delta and tech.enechange.co.jp on vended logs of CloudWatch"
_ENDPOINTS = f"zacfukuda.com; {PRICE_LIST}"


def _price_gateways(context: PricingContext, gateways: Resources) -> CostItems:
    """NAT gateways by the hour; a regional one, and its own addresses, by the zones that route to it.

    Source: https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateways-regional.html
    """
    zones = {one.name: _zones_of(context.stack, one) for one in gateways if is_regional(one.properties)}
    zonal = len(gateways) - len(zones)
    total = sum(zones.values())
    kinds = [counted(zonal, "gateway")] * bool(zonal) + [f"{counted(total, 'zone')} of a regional gateway"] * bool(
        total
    )
    how = f"{' and '.join(kinds)} × {HOURS} h"
    yield context.line("nat.hour", "NAT gateways", (zonal + total) * HOURS, how, gateways)
    if zones:
        regional = [one for one in gateways if one.name in zones]
        how = f"{counted(total, 'zone')} × {HOURS} h"
        yield context.line(
            "ipv4.hour", "Public IPv4 addresses of the NAT gateway", total * HOURS, how, regional, owner="nat"
        )
    yield from context.usage_of_each("nat.gigabyte", "Traffic through NAT", "nat-gigabytes", "GB", gateways)


def is_regional(gateway: Mapping[str, Any]) -> bool:
    """Whether a NAT gateway, by its properties, serves every zone of its VPC that has a workload."""
    return gateway.get("AvailabilityMode") == "regional"


def _zones_of(stack: PlannedStack, gateway: PlannedResource) -> int:
    """The zones that a regional gateway is in: those of the subnets whose route table leads to it."""
    tables = {one.target("RouteTableId") for one in stack.of(ROUTE) if one.target("NatGatewayId") == gateway.name}
    associated = [one for one in stack.of(ROUTE_TABLE_ASSOCIATION) if one.target("RouteTableId") in tables]
    subnets = [stack.named(one.get("SubnetId"), SUBNET) for one in associated]
    return max(1, len({_zone_of(one) if one else index for index, one in enumerate(subnets)}))


def _zone_of(subnet: PlannedResource) -> str:
    return next(
        (subnet.text(key) for key in ("AvailabilityZoneId", "AvailabilityZone") if key in subnet.properties),
        subnet.name,
    )


def _price_addresses(context: PricingContext, addresses: Resources) -> CostItems:
    how = f"{len(addresses)} × {HOURS} h"
    yield context.line("ipv4.hour", "Elastic IPv4 addresses", len(addresses) * HOURS, how, addresses)


def _price_endpoints(context: PricingContext, endpoints: Resources) -> CostItems:
    """Interface endpoints by zone; gateway endpoints are free. Source: https://aws.amazon.com/privatelink/pricing/"""
    kinds = {one.name: one.text("VpcEndpointType", "Gateway") for one in endpoints}
    for name, kind in kinds.items():
        if kind not in ("Gateway", "Interface"):
            yield Unpriced(f"Endpoint {name}", f"no price for an endpoint of type {kind}", (name,))
    interfaces = [one for one in endpoints if kinds[one.name] == "Interface"]
    if interfaces:
        zones = sum(max(1, len(one.items("SubnetIds"))) for one in interfaces)
        how = f"{counted(len(interfaces), 'endpoint')}, {counted(zones, 'zone')} in all × {HOURS} h"
        yield context.line("endpoint.hour", "Interface endpoints", zones * HOURS, how, interfaces)
        name = "Traffic through endpoints"
        yield from context.usage_of_each("endpoint.gigabyte", name, "endpoint-gigabytes", "GB", interfaces)


def _price_flow_logs(context: PricingContext, flow_logs: Resources) -> CostItems:
    """Flow logs by what they write, at the price of vended logs; S3 and the log group add their storage."""
    for one in flow_logs:
        kind = {"s3": "s3", "cloud-watch-logs": "logs"}.get(one.text("LogDestinationType", "cloud-watch-logs"))
        if kind is None:
            yield Unpriced(f"Flow log {one.name}", "no price for its destination", (one.name,))
        else:
            yield context.usage(f"flow.{kind}", "VPC flow log", "flow-log-gigabytes", "GB", one)


class Ingress(NamedTuple):
    """What a security group admits: from ``sources`` (a range, a prefix list, the resources in a group) to ``ports``
    (``tcp 443``).

    ``holder`` and ``path`` are the place of the first rule: the group, or a rule that is a resource of its own.
    """

    group: str
    sources: tuple[str, ...]
    ports: tuple[str, ...]
    holder: str
    path: tuple[str | int, ...]


def group_members(stack: PlannedStack) -> dict[str, tuple[str, ...]]:
    """The resources that are in each security group, by logical ID; the group itself where nothing is."""
    groups = {one.name: dict[str, None]() for one in stack.of(SECURITY_GROUP)}
    for one in stack.resources.values():
        if one.type not in (SECURITY_GROUP, SECURITY_GROUP_EGRESS, SECURITY_GROUP_INGRESS):
            for name in _targets(one.properties):
                if name in groups:
                    groups[name][one.name] = None
    return {name: tuple(members) or (name,) for name, members in groups.items()}


class Membership(NamedTuple):
    """A resource in a security group that is not in the stack: what the rules of the group admit reaches it, and it
    reaches what admits the group."""

    member: str
    group: str
    path: tuple[str | int, ...]


def foreign_groups(stack: PlannedStack) -> Iterator[Membership]:
    """The resources in security groups of other stacks, or in existing ones."""
    for one in stack.resources.values():
        if one.type not in (SECURITY_GROUP, SECURITY_GROUP_EGRESS, SECURITY_GROUP_INGRESS):
            given = run_arguments(one) if one.type == STATE_MACHINE else one.properties
            for path, group in _groups_in(given, ()):
                if target_of(group) is None and text_of(group):
                    yield Membership(one.name, text_of(group), path)


_GROUP_LISTS = frozenset({"SecurityGroups", "SecurityGroupIds", "VpcSecurityGroupIds", "VPCSecurityGroups"})


def _groups_in(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """The security groups in properties, with their paths."""
    for step, child in steps(value):
        if step in _GROUP_LISTS and isinstance(child, list):
            yield from (((*path, step, index), group) for index, group in enumerate(child))
        else:
            yield from _groups_in(child, (*path, step))


def _targets(value: object) -> Iterator[str | None]:
    """The resources to which the values in a property refer."""
    children = [child for _, child in steps(value)]
    if not children:
        yield target_of(value)
    for child in children:
        yield from _targets(child)


def ingress_of(stack: PlannedStack) -> Iterator[Ingress]:
    """The ingress of every security group, as far as the egress of its sources allows it, by the sets of sources.

    The rules that a stack adds to a group of another one are among them; the id of that group is its name.
    """
    members = group_members(stack)
    added = [one.get("GroupId") for one in stack.of(SECURITY_GROUP_INGRESS) if one.target("GroupId") is None]
    for group in (*members, *dict.fromkeys(map(text_of, added))):
        by_port: dict[str, dict[str, None]] = {}
        places: dict[str, tuple[str, tuple[str | int, ...]]] = {}
        for rule, holder, path in _rules_of(stack, group, SECURITY_GROUP_INGRESS, "SecurityGroupIngress"):
            name = target_of(rule.get("SourceSecurityGroupId"))
            inside = members.get(name or "", ())
            sources = [one for one in inside if _is_let_out(stack, one, group, rule, members)]
            if sources or name not in members:
                places.setdefault(_port(rule), (holder, path))
                by_port.setdefault(_port(rule), {}).update(dict.fromkeys(sources or (_peer(rule),)))
        by_sources: dict[tuple[str, ...], list[str]] = {}
        for port, admitted in by_port.items():
            by_sources.setdefault(tuple(admitted), []).append(port)
        for found, ports in by_sources.items():
            yield Ingress(group, found, tuple(ports), *places[ports[0]])


def sources_of(stack: PlannedStack, groups: Iterable[object]) -> list[str]:
    """The sources that any of these security groups admits, each once; ``anyone`` for every address."""
    names = set(map(target_of, groups))
    return list(dict.fromkeys(source for one in ingress_of(stack) if one.group in names for source in one.sources))


RuleOfGroup = tuple[Mapping[str, Any], str, tuple[str | int, ...]]
"""A rule, the resource that holds it, and its path there."""


def _rules_of(stack: PlannedStack, group: str, type: str, property: str) -> Iterator[RuleOfGroup]:
    """The rules in a group, and those that are resources of their own."""
    if group in stack.resources:
        for index, rule in enumerate(stack.resources[group].mappings(property)):
            yield rule, group, (property, index)
    for one in stack.of(type):
        if (one.target("GroupId") or text_of(one.get("GroupId"))) == group:
            yield one.properties, one.name, ("GroupId",)


def _is_let_out(
    stack: PlannedStack,
    source: str,
    group: str,
    admitted: Mapping[str, Any],
    members: Mapping[str, tuple[str, ...]],
) -> bool:
    """Whether the egress of one of the groups that a resource is in allows what another group admits.

    A group without a rule allows everything. What may reach a group reaches its members, by whichever of their groups
    they admit it.
    """
    reached = {group, *(other for other, inside in members.items() if set(inside) & set(members.get(group, ())))}
    return any(
        _lets_out(stack, own, reached, admitted) for own, inside in members.items() if source in inside or source == own
    )


def _lets_out(stack: PlannedStack, source: str, reached: set[str], admitted: Mapping[str, Any]) -> bool:
    rules = [rule for rule, _, _ in _rules_of(stack, source, SECURITY_GROUP_EGRESS, "SecurityGroupEgress")]
    return not rules or any(
        _covers(rule, admitted)
        and target_of(rule.get("DestinationSecurityGroupId")) in (None, *reached)
        and rule.get("CidrIp") != "127.0.0.1/32"
        for rule in rules
    )


def _covers(rule: Mapping[str, Any], admitted: Mapping[str, Any]) -> bool:
    """Whether a rule is for all the ports of another one."""
    if rule.get("IpProtocol") in ("-1", -1) or _port(rule) == _port(admitted):
        return True
    ports = [whole_number(one.get(key)) for key in ("FromPort", "ToPort") for one in (rule, admitted)]
    if None in ports or text_of(rule.get("IpProtocol")) != text_of(admitted.get("IpProtocol")):
        return False
    first, wanted_first, last, wanted_last = (port or 0 for port in ports)
    return first <= wanted_first and wanted_last <= last


def _port(rule: Mapping[str, Any]) -> str:
    """``tcp 443``, ``tcp 1024-65535``, ``all ports``."""
    first, last = (text_of(rule.get(key, "")) for key in ("FromPort", "ToPort"))
    protocol = text_of(rule.get("IpProtocol", "-1"))
    if protocol == "-1":
        return "all ports"
    return f"{protocol} {first}" + (f"-{last}" if last != first else "")


def _peer(rule: Mapping[str, Any]) -> str:
    """The source of a rule as text; ``anyone`` for every address."""
    keys = ("CidrIp", "CidrIpv6", "SourcePrefixListId", "SourceSecurityGroupId", "SourceSecurityGroupName")
    text = next((text_of(rule[key]) for key in keys if rule.get(key)), "")
    return "anyone" if text in ("0.0.0.0/0", "::/0") else text


def public_subnets(stack: PlannedStack) -> Iterator[object]:
    """The subnets of NAT gateways, and those whose route table leads to an internet gateway."""
    yield from (one.get("SubnetId") for one in stack.of(NAT_GATEWAY) if not is_regional(one.properties))
    routes = [one for one in stack.of(ROUTE) if one.get("GatewayId")]
    tables = {one.target("RouteTableId") for one in routes} - {None}
    for one in stack.of(ROUTE_TABLE_ASSOCIATION):
        if one.target("RouteTableId") in tables:
            yield one.get("SubnetId")


def default_routes(stack: PlannedStack) -> Iterator[PlannedResource]:
    """The routes to the internet."""
    return (one for one in stack.of(ROUTE) if one.get("DestinationCidrBlock") == "0.0.0.0/0")


def _one_rule(side: str) -> Single:
    """A security group has equal rules once. Depending on the age of the handler, CloudFormation fails to create the
    second one, or does not notice, and then deletes both with the first one.

    Source: https://github.com/Crown-Commercial-Service/digitalmarketplace-aws/pull/104
    """
    ports, peers = ("IpProtocol", "FromPort", "ToPort"), (f"{side}SecurityGroupId", f"{side}PrefixListId")
    return Single(
        ("GroupId", *ports, *peers, "CidrIp", "CidrIpv6"),
        "a security group has equal rules only once: this one fails, or is lost when the old one is deleted",
        "change one port at a time, so that the old rule is deleted in a deploy of its own",
        'the specified rule "TCP, ALLOW" already exists',
    )


RECORDS = (
    ResourceType(
        NAT_GATEWAY,
        PricingRule(
            "network",
            _price_gateways,
            (
                price("nat.hour", "0.045", "gateway-hour", _VPC_PAGE, "2026-09-20"),
                price("nat.gigabyte", "0.045", "GB", _VPC_PAGE, "2026-09-20"),
            ),
            (
                assumption(
                    "nat-gigabytes",
                    "20",
                    "GB/month",
                    "of a service through all NAT gateways together, both ways: images, other services",
                ),
            ),
        ),
        Simulation(
            "nat-{hex}",
            {
                "AutoProvisionZones": "disabled",
                "AutoScalingIps": "disabled",
                "EniId": "eni-{hex}",
                "RouteTableId": "rtb-{hex}",
            },
            create=100.0,
            delete=62.0,
        ),
        DeployPermissions(
            only_with={"SecondaryAllocationIds": ("ec2:*ociateNatGatewayAddress", "ec2:*ssignPrivateNatGatewayAddress")}
        ),
    ),
    ResourceType(
        EIP,
        PricingRule(
            "network",
            _price_addresses,
            (
                price(
                    "ipv4.hour",
                    "0.005",
                    "address-hour",
                    "the AWS Price List, as read by github.com/ChiefGyk3D/Clouds-Against-Humanity",
                    "2026-10-16",
                ),
            ),
        ),
        Simulation("52.{address}", {"AllocationId": "eipalloc-{hex}", "PublicIp": "{id}"}, create=14.0),
        DeployPermissions(
            only_with={
                "InstanceId": ("ec2:AssociateAddress", "ec2:DisassociateAddress"),
                "TransferAddress": ("ec2:AcceptAddressTransfer",),
            },
            iam_name="elasticip",
        ),
    ),
    ResourceType(
        VPC_ENDPOINT,
        PricingRule(
            "network",
            _price_endpoints,
            (
                price("endpoint.hour", "0.01", "zone-hour", _ENDPOINTS, "2026-06-01"),
                price("endpoint.gigabyte", "0.01", "GB", _ENDPOINTS, "2026-06-01"),
            ),
            (
                assumption(
                    "endpoint-gigabytes", "10", "GB/month", "of a service through all interface endpoints together"
                ),
            ),
        ),
        Simulation("vpce-{hex}", create=15.0),
        DeployPermissions(only_with={"ServiceNetworkArn": ("vpc-lattice:*",), "ServiceRegion": ("vpce:*",)}),
    ),
    ResourceType(
        FLOW_LOG,
        PricingRule(
            "network",
            _price_flow_logs,
            (
                price("flow.logs", "0.50", "GB", _VENDED_LOGS, "2023-02-07", "the first 10 TB", weak=True),
                price("flow.s3", "0.25", "GB", _VENDED_LOGS, "2023-02-07", "the first 10 TB", weak=True),
            ),
            (assumption("flow-log-gigabytes", "2", "GB/month", "that the flow log of a VPC writes"),),
        ),
        Simulation("fl-{hex}", create=3.0),
        DeployPermissions(
            iam_name="vpcflowlog",
            only_with={
                NEVER: ("autoscaling:*", "iam:CreateServiceLinkedRole"),
                "DeliverLogsPermissionArn": ("iam:PassRole",),
                "LogDestination": ("logs:*LogDelivery", "s3:*BucketPolicy"),
            },
        ),
    ),
    ResourceType("AWS::EC2::InternetGateway", "free", Simulation("igw-{hex}", create=16.0, delete=2.0)),
    ResourceType(
        "AWS::EC2::Route",
        "free",
        Simulation(
            "{p[RouteTableId]}|{p[DestinationCidrBlock]}", {"CidrBlock": "{p[DestinationCidrBlock]}"}, create=2.0
        ),
    ),
    ResourceType("AWS::EC2::RouteTable", "free", Simulation("rtb-{hex}", create=11.0)),
    ResourceType(
        SECURITY_GROUP,
        "free",
        Simulation("sg-{hex}", {"GroupId": "{id}"}, create=5.0),
        before_deletion=(
            "a security group can be deleted once no network interface and no rule uses it; the network interface of a"
            " stopped task disappears within minutes"
        ),
    ),
    ResourceType(SECURITY_GROUP_EGRESS, "free", Simulation("sgr-{hex}"), single=_one_rule("Destination")),
    ResourceType(SECURITY_GROUP_INGRESS, "free", Simulation("sgr-{hex}"), single=_one_rule("Source")),
    ResourceType(
        SUBNET,
        "free",
        Simulation("subnet-{hex}", create=5.0),
        DeployPermissions(only_with={"Ipv6CidrBlock": ("ec2:*ociateSubnetCidrBlock",)}),
        before_deletion=(
            "a subnet can be deleted once it contains no network interface: see aws ec2 describe-network-interfaces"
        ),
    ),
    ResourceType("AWS::EC2::SubnetRouteTableAssociation", "free", Simulation("rtbassoc-{hex}")),
    ResourceType(
        "AWS::EC2::VPC",
        "free",
        Simulation("vpc-{hex}", {"DefaultNetworkAcl": "acl-{hex}", "DefaultSecurityGroup": "sg-{hex}"}, create=13.0),
        DeployPermissions(only_with={"VpcEncryptionControl": ("ec2:CreateVpcEncryptionControl",)}),
        # A tenancy other than from dedicated to default replaces the VPC.
        # Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpc.html
        updates=Updates(
            {"DefaultNetworkAcl": frozenset(), "DefaultSecurityGroup": frozenset()},
            replaced_if={"InstanceTenancy": lambda before, after: after == "dedicated"},
        ),
        before_deletion="a VPC can be deleted once it is empty, including resources created outside the stack",
    ),
    ResourceType(
        "AWS::EC2::VPCGatewayAttachment",
        "free",
        Simulation("IGW|{p[VpcId]}", {"AttachmentType": "IGW"}, create=2.0, delete=12.0),
        DeployPermissions(only_with={"VpnGatewayId": ("ec2:*tachVpnGateway",)}),
    ),
    ForeignType("AWS::EC2::EIPAssociation", price="free"),
    ForeignType(
        "AWS::EC2::LaunchTemplate",
        updates=Updates(
            {name: frozenset({"LaunchTemplateData"}) for name in ("DefaultVersionNumber", "LatestVersionNumber")}
        ),
    ),
    ForeignType("AWS::EC2::NetworkAcl", price="free", simulation=Simulation("acl-{hex}")),
    ForeignType("AWS::EC2::NetworkAclEntry", price="free"),
    ForeignType("AWS::EC2::VPCCidrBlock", price="free"),
    ForeignType("AWS::EC2::Volume", data=StoredData("its blocks"), snapshot=lambda properties: False),
)
