"""Security groups of the load balancer and the tasks: each admits only what the other side needs."""

from __future__ import annotations

from troposphere import GetAtt, ec2

from fsdcf.compiler.parts.network import Network
from fsdcf.compiler.stack import Stack
from fsdcf.language.model.service import LoadBalancer, Service

EVERYONE = ("0.0.0.0/0",)
PRIVATE_RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


def add_security_groups(stack: Stack, service: Service, network: Network) -> None:
    """``TaskSecurityGroup``, and for an HTTP service ``LoadBalancerSecurityGroup`` and the way from one to the other."""
    everywhere = ec2.SecurityGroupRule(IpProtocol="-1", CidrIp="0.0.0.0/0", Description="Anywhere")
    stack.add(
        ec2.SecurityGroup(
            "TaskSecurityGroup",
            GroupDescription="Tasks of the service",
            VpcId=network.vpc,
            SecurityGroupEgress=[everywhere],
        ),
        "service.networking",
    )
    balancer = service.load_balancer
    if balancer is None or service.port is None:
        return
    origin = "service.networking.loadBalancer"
    tasks = GetAtt("TaskSecurityGroup", "GroupId")
    out = ec2.SecurityGroupRule(
        IpProtocol="tcp",
        FromPort=service.port,
        ToPort=service.port,
        DestinationSecurityGroupId=tasks,
        Description="Tasks",
    )
    group = ec2.SecurityGroup(
        "LoadBalancerSecurityGroup",
        GroupDescription="Load balancer of the service",
        VpcId=network.vpc,
        SecurityGroupIngress=_admitted(balancer),
        SecurityGroupEgress=[out],
    )
    stack.add(
        group, origin, {("SecurityGroupIngress",): f"{origin}.allowCidrs", ("SecurityGroupEgress",): "service.port"}
    )
    way_in = ec2.SecurityGroupIngress(
        "TaskIngressFromLoadBalancer",
        GroupId=tasks,
        IpProtocol="tcp",
        FromPort=service.port,
        ToPort=service.port,
        SourceSecurityGroupId=GetAtt(group, "GroupId"),
        Description="Load balancer",
    )
    stack.add(way_in, "service.port")


def _admitted(balancer: LoadBalancer) -> list[ec2.SecurityGroupRule]:
    ranges = balancer.allow_cidrs or (PRIVATE_RANGES if balancer.internal else EVERYONE)
    ports = (80, 443) if balancer.certificate_arn else (80,)
    rules = []
    for port in ports:
        for cidr in sorted(set(ranges)):
            family = {"CidrIpv6": cidr} if ":" in cidr else {"CidrIp": cidr}
            rules.append(
                ec2.SecurityGroupRule(
                    IpProtocol="tcp",
                    FromPort=port,
                    ToPort=port,
                    Description="HTTP" if port == 80 else "HTTPS",
                    **family,
                )
            )
    return rules
