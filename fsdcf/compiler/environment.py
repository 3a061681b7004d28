"""The kind Environment: the stack of what services share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from troposphere import GetAtt, Join, Ref, Select, Split, ec2, route53, servicediscovery

from fsdcf.cloudformation.partitions import partition_of
from fsdcf.compiler.kinds import Excess, KindCompiler
from fsdcf.compiler.limits import excesses
from fsdcf.compiler.parts.load_balancer import add_alias, add_certificate, add_listeners, add_load_balancer, not_found
from fsdcf.compiler.parts.network import (
    ATTACHMENT,
    add_provider_egress,
    balancer_groups,
    flow_logs,
    new_endpoints,
    new_vpc,
    nowhere,
    subnet_outputs,
)
from fsdcf.compiler.parts.roles import EXEC_LOG_OUTPUT, RoleHome, exec_log_group_arn
from fsdcf.compiler.parts.service import add_cluster
from fsdcf.compiler.parts.stored_values import with_stored_values
from fsdcf.compiler.stack import CompiledTypes, Network, Sources, StackPart, Template, merged_tags, template_of
from fsdcf.compiler.text import value
from fsdcf.conventions import (
    ENVIRONMENT_SERVICE,
    ENVIRONMENT_TAG,
    SERVICE_TAG,
    TAG_PREFIX,
    VPC_OUTPUT,
    environment_stack,
)
from fsdcf.language.model import ENVIRONMENT
from fsdcf.language.model.common import owners_tag, recorded_in
from fsdcf.language.model.environment import EnvironmentSpec, SharedLoadBalancer
from fsdcf.language.names import logical_id
from fsdcf.language.partitions import partition_of_spec

NETWORK = "environment.network"
BADGE = "ServicesSecurityGroup"
"""The group that every service of the environment has: it admits nothing, and other groups admit it."""


def compile_environment(
    spec: EnvironmentSpec, environment: str, types: CompiledTypes, settings: EnvironmentSpec | None = None
) -> Template:
    """The template of an environment without errors."""
    tags = {key: text for key, text in tags_of(spec, environment).items() if not key.startswith(TAG_PREFIX)}
    whole = StackPart()
    for part in (network, badge, endpoints, load_balancers, cluster, namespace):
        whole.fold(part(spec))
    text = spec.metadata.description
    description = f"{environment}: {text}" if text else f"What the services of {environment} share"
    stack = environment_stack(environment)
    return with_stored_values(template_of(description, whole, tags, stack, spec.overrides), spec)


def tags_of(spec: EnvironmentSpec, environment: str) -> dict[str, str]:
    """The tags of the stack."""
    own = {
        SERVICE_TAG: ENVIRONMENT_SERVICE,
        ENVIRONMENT_TAG: environment,
        "environment": environment,
        "owners": owners_tag(spec.metadata.owners),
    }
    return merged_tags(own, spec.environment.tags)


def network(spec: EnvironmentSpec) -> StackPart:
    """The VPC and its subnets, each with an export of its own: a new zone only adds exports."""
    wanted, there = spec.environment.network, _network_of(spec)
    part = StackPart()
    if wanted.id is None:
        part = new_vpc(wanted, NETWORK)
        name = spec.metadata.name
        home = RoleHome(environment_stack(name), name, spec.environment.permissions_boundary)
        part.fold(flow_logs(wanted, NETWORK, home))
    part.export(spec.metadata.name, VPC_OUTPUT, "VPC of the services", there.vpc)
    for names, kind, subnets in zip(
        subnet_outputs(wanted), ("Public", "Private"), (there.public, there.private), strict=True
    ):
        for name, subnet in zip(names, subnets, strict=True):
            part.export(spec.metadata.name, name, f"{kind} subnet of the services", subnet)
    return part


class _Subnets(NamedTuple):
    vpc: Any
    public: tuple[Any, ...]
    private: tuple[Any, ...]


def _network_of(spec: EnvironmentSpec) -> _Subnets:
    """The VPC with its subnets. Existing subnets are in the order of the file, so that one more at the end changes no
    export."""
    wanted = spec.environment.network
    if wanted.id is None:
        public, private = (tuple(map(Ref, names)) for names in subnet_outputs(wanted))
        return _Subnets(Ref("Vpc"), public, private)
    return _Subnets(
        value(wanted.id), tuple(map(value, wanted.public_subnets)), tuple(map(value, wanted.private_subnets))
    )


def badge(spec: EnvironmentSpec) -> StackPart:
    """The group by which load balancers, endpoints and services admit the services of the environment. Their own groups
    have the rules: this one neither admits nor sends anything."""
    group = ec2.SecurityGroup(
        BADGE,
        GroupDescription="Services of the environment",
        VpcId=_network_of(spec).vpc,
        SecurityGroupEgress=[nowhere("None beside those of the service")],
    )
    part = StackPart().add(group, NETWORK)
    part.export(spec.metadata.name, f"{BADGE}Id", "Security group of every service", GetAtt(group, "GroupId"))
    return part


def endpoints(spec: EnvironmentSpec) -> StackPart:
    """The interface endpoints, which every service reaches over HTTPS."""
    there, region = _network_of(spec), spec.environment.region
    partition = partition_of(region) if region else partition_of_spec(spec.environment)
    network = Network(there.vpc, there.private, ())
    return new_endpoints(spec.environment.network, network, NETWORK, "services", GetAtt(BADGE, "GroupId"), partition)


def load_balancers(spec: EnvironmentSpec) -> StackPart:
    """Every load balancer with its security group, listeners, certificate and records."""
    part = StackPart()
    for name, balancer in sorted(spec.environment.load_balancers.items()):
        prefix, origin = logical_id(name, ""), f"environment.loadBalancers.{name}"
        add = _add_balancer if balancer.listener_arn is None else _adopt_balancer
        outputs = add(part, spec, prefix, balancer, origin)
        if balancer.domain:
            outputs["Domain"] = ("Domain", balancer.domain)
        for output, (what, content) in outputs.items():
            part.export(spec.metadata.name, prefix + output, f"{what} of the load balancer {name}", content)
        if balancer.domain and balancer.hosted_zone_id:
            _add_records(part, prefix, balancer, origin)
    return part


_Outputs = dict[str, tuple[str, Any]]
"""What an output of a load balancer is, and its value, by the end of its name."""


def _adopt_balancer(
    part: StackPart, spec: EnvironmentSpec, prefix: str, balancer: SharedLoadBalancer, origin: str
) -> _Outputs:
    """The outputs of an existing load balancer. Its full name is a part of its listener's ARN.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/list_awselasticloadbalancingv2.html
    """
    listener = value(balancer.listener_arn or "")
    if isinstance(listener, str):
        full_name = "/".join(listener.split("/")[1:4])
    else:
        full_name = Join("/", [Select(number, Split("/", listener)) for number in (1, 2, 3)])
    return {
        "LoadBalancerSecurityGroupId": ("Security group", value(balancer.security_group_id or "")),
        balancer.listener_output: ("Listener", listener),
        "LoadBalancerFullName": ("Full name", full_name),
        "LoadBalancerDnsName": ("DNS name", value(balancer.dns_name or "")),
    }


def _add_records(part: StackPart, prefix: str, balancer: SharedLoadBalancer, origin: str) -> None:
    """Lead the subdomains and, if the file says so, the domain to the load balancer: by aliases, which may be the root
    of a hosted zone; to an existing one by CNAME records, because its own hosted zone is not known."""
    names = {"Wildcard": ("domain", f"*.{balancer.domain}")}
    if balancer.root_record:
        names["Domain"] = ("rootRecord", str(balancer.domain))
    for kind, (key, name) in names.items():
        title, zone = f"{prefix}{kind}Record", balancer.hosted_zone_id or ""
        sources: Sources = {"HostedZoneId": f"{origin}.hostedZoneId"}
        if balancer.listener_arn is None:
            add_alias(part, title, name, zone, prefix, f"{origin}.{key}", sources)
            continue
        existing = {"Type": "CNAME", "TTL": "300", "ResourceRecords": [value(balancer.dns_name or "")]}
        record = route53.RecordSetType(title, HostedZoneId=value(zone), Name=name, **existing)
        part.add(record, f"{origin}.{key}", sources)


def _add_balancer(
    part: StackPart, spec: EnvironmentSpec, prefix: str, balancer: SharedLoadBalancer, origin: str
) -> _Outputs:
    """Add a load balancer with its security group and its listeners, and return its outputs.

    The listener of port 80 is exported even where it redirects: its rules come before the redirect, so that services
    which do not use HTTPS yet stay reachable until they do.
    """
    to_services = ec2.SecurityGroupRule(
        IpProtocol="tcp",
        FromPort=1,
        ToPort=65535,
        DestinationSecurityGroupId=GetAtt(BADGE, "GroupId"),
        Description="Services of the environment",
    )
    there = _network_of(spec)
    words = f"load balancer of the environment ({origin.rpartition('.')[2]})"
    groups = balancer_groups(part, prefix, balancer, there.vpc, origin, words, to_services)
    if balancer.auth:
        add_provider_egress(part, prefix, f"{origin}.auth")
    protected = balancer.deletion_protection or False
    edge = [] if balancer.internal or spec.environment.network.id else [ATTACHMENT]
    subnets = (there.private or there.public) if balancer.internal else there.public
    protection = (protected, f"{origin}.deletionProtection")
    add_load_balancer(part, prefix, balancer, origin, subnets, list(map(Ref, groups)), edge, protection)
    certificate = _certificate(part, prefix, balancer, origin) if balancer.https else None
    default = not_found("No service has this address")
    listeners = add_listeners(part, prefix, balancer, origin, default, certificate)
    resource = f"{prefix}LoadBalancer"
    return {
        "LoadBalancerSecurityGroupId": ("Security group", GetAtt(groups[0], "GroupId")),
        **{
            f"{title.removeprefix(prefix)}Arn": (f"{'HTTPS' if 'Https' in title else 'HTTP'} listener", Ref(title))
            for title in listeners
        },
        "LoadBalancerFullName": ("Full name", GetAtt(resource, "LoadBalancerFullName")),
        "LoadBalancerDnsName": ("DNS name", GetAtt(resource, "DNSName")),
    }


def _certificate(part: StackPart, prefix: str, balancer: SharedLoadBalancer, origin: str) -> Any:
    """The certificate, which is made for the domain and its subdomains unless one is given."""
    if not balancer.makes_certificate or balancer.domain is None or balancer.hosted_zone_id is None:
        return value(balancer.certificate_arn or "")
    title, names = f"{prefix}Certificate", (balancer.domain, f"*.{balancer.domain}")
    sources: Sources = {"DomainValidationOptions": f"{origin}.hostedZoneId"}
    add_certificate(part, title, names, balancer.hosted_zone_id, f"{origin}.domain", sources)
    return Ref(title)


def cluster(spec: EnvironmentSpec) -> StackPart:
    """A cluster with both Fargate capacity providers, or the name of an existing one."""
    part, wanted = StackPart(), spec.environment.cluster
    recorded = recorded_in(wanted.execute_command_logs)
    if wanted.name is None:
        add_cluster(part, wanted.container_insights, recorded, "environment.cluster")
    name = Ref("Cluster") if wanted.name is None else value(wanted.name)
    part.export(spec.metadata.name, "ClusterName", "ECS cluster of the services", name)
    if recorded is not None:
        what = "Log group that records sessions of ECS Exec"
        part.export(spec.metadata.name, EXEC_LOG_OUTPUT, what, exec_log_group_arn(recorded))
    return part


def namespace(spec: EnvironmentSpec) -> StackPart:
    """The private DNS namespace, in which Service Connect and service discovery name the services."""
    resource = servicediscovery.PrivateDnsNamespace("Namespace", Name=spec.namespace, Vpc=_network_of(spec).vpc)
    part = StackPart().add(resource, "environment.namespace")
    for output, attribute in (("NamespaceArn", "Arn"), ("NamespaceId", "Id")):
        part.export(spec.metadata.name, output, f"Namespace {spec.namespace}", GetAtt(resource, attribute))
    return part


def _excesses(template: Template) -> Iterator[Excess]:
    return excesses(template, "environment.loadBalancers", "divide the load balancers between two environments")


KIND = KindCompiler(ENVIRONMENT, compile_environment, tags_of, _excesses)
