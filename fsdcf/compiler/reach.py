"""The way from the tasks to a dependency in their network: its security group, and rules in that of another stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import GetAtt, ec2

from fsdcf.compiler.parts.network import tcp_rule
from fsdcf.compiler.stack import TASK_SECURITY_GROUP, Context, Grant, Names
from fsdcf.compiler.text import value
from fsdcf.language.dependency import ReachedDependency
from fsdcf.language.names import dependency_path, local_name, logical_id
from fsdcf.language.placeholders import String, sample


def guard(grant: Grant, names: Names, context: Context, suffix: str, ports: Sequence[int], what: str) -> Any:
    """Add the security group of a dependency, which admits the tasks alone, and return its id as a value.

    ``suffix`` is that of the dependency's logical id (``FileSystem``), ``what`` the protocol (``NFS``). An id that
    begins with the suffix and a port belongs to the second port and those after it.
    """
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in suffix).strip().capitalize()
    group = ec2.SecurityGroup(
        names.id(f"{suffix}SecurityGroup"),
        GroupDescription=f"{words} {names.local}",
        VpcId=context.network.vpc,
        SecurityGroupIngress=[
            tcp_rule(port, SourceSecurityGroupId=TASK_SECURITY_GROUP, Description=f"{what} from the tasks")
            for port in ports
        ],
        SecurityGroupEgress=[
            tcp_rule(port, DestinationSecurityGroupId=TASK_SECURITY_GROUP, Description=f"{what} to the tasks")
            for port in ports
        ],
    )
    grant.add(group, names.origin)
    identity = GetAtt(group, "GroupId")
    for number, port in enumerate(ports):
        title = names.id(f"{suffix}{port if number else ''}Egress")
        _let_out(grant, title, identity, port, f"{what} to {names.local}", names, context)
    return identity


def admit(
    grant: Grant, names: Names, context: Context, group: String, port: int, what: str, prefix: str | None = None
) -> None:
    """Admit the tasks to a dependency of another stack, in its security group; the service waits for the rules.

    Dependencies may share a security group, and EC2 refuses a rule that a group already contains: each group and port
    gets one rule, which has the group's name, so that it stays when another dependency comes or goes. ``prefix`` is the
    beginning of its suffix; by default, the port.
    """
    title = logical_id(sample(group), f"{prefix or f'Port{port}'}Ingress")
    grant.waits.append(title)
    sharing = (each for each in context.spec.dependencies if _reached(each, group, port))
    if names.origin != min(dependency_path(context.types[each.type].name, local_name(each.name)) for each in sharing):
        return
    out = logical_id(sample(group), f"{prefix or f'Port{port}'}Egress")
    _let_out(grant, out, value(group), port, f"{what} to {names.local}", names, context)
    ingress = ec2.SecurityGroupIngress(
        title,
        GroupId=value(group),
        IpProtocol="tcp",
        FromPort=port,
        ToPort=port,
        SourceSecurityGroupId=TASK_SECURITY_GROUP,
        Description=f"{what} from the tasks of {context.spec.metadata.name}",
    )
    grant.add(ingress, names.origin)


def _reached(dependency: Any, group: String, port: int) -> bool:
    """Whether a dependency has this security group of another stack, and this port."""
    if not isinstance(dependency, ReachedDependency) or port not in dependency.reached_ports:
        return False
    existing = dependency.existing_group
    return existing is not None and sample(existing) == sample(group)


def _let_out(grant: Grant, title: str, group: Any, port: int, description: str, names: Names, context: Context) -> None:
    """Let the tasks reach what is in a security group, where the spec restricts their egress."""
    if not context.service.networking.egress:
        return
    rule = ec2.SecurityGroupEgress(
        title,
        GroupId=TASK_SECURITY_GROUP,
        IpProtocol="tcp",
        FromPort=port,
        ToPort=port,
        DestinationSecurityGroupId=group,
        Description=description,
    )
    grant.add(rule, names.origin)
    grant.waits.append(title)
