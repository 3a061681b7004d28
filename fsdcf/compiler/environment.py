"""The kind Environment: the stack of what services share."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, certificatemanager, ec2, ecs, route53, servicediscovery
from troposphere import elasticloadbalancingv2 as elb

from fsdcf.compiler.kinds import KindCompiler
from fsdcf.compiler.limits import excesses
from fsdcf.compiler.parts.load_balancer import TLS_POLICY, attribute_list
from fsdcf.compiler.parts.network import ATTACHMENT, balancer_groups, new_vpc, nowhere, subnet_outputs
from fsdcf.compiler.stack import CompiledTypes, Sources, StackPart, Template, present, template_of
from fsdcf.compiler.text import value
from fsdcf.conventions import ENVIRONMENT_SERVICE, ENVIRONMENT_TAG, SERVICE_TAG, TAG_PREFIX, environment_stack
from fsdcf.language.model import ENVIRONMENT
from fsdcf.language.model.environment import EnvironmentSpec, SharedLoadBalancer
from fsdcf.language.names import logical_id

NETWORK = "environment.network"
BADGE = "ServicesSecurityGroup"
"""The group that every service of the environment has: it admits nothing, and other groups admit it."""


def compile_environment(
    spec: EnvironmentSpec, environment: str, types: CompiledTypes, joined: EnvironmentSpec | None = None
) -> Template:
    """The template of an environment without errors."""
    tags = {key: text for key, text in tags_of(spec, environment).items() if not key.startswith(TAG_PREFIX)}
    whole = StackPart()
    for part in (network, badge, load_balancers, cluster, namespace):
        whole.fold(part(spec))
    text = spec.metadata.description
    description = f"{environment}: {text}" if text else f"What the services of {environment} share"
    return template_of(description, whole, tags, environment_stack(environment))


def tags_of(spec: EnvironmentSpec, environment: str) -> dict[str, str]:
    """The tags of the stack. A tag of the file replaces a default one whose key differs in case only."""
    owners = spec.metadata.owners
    own = {
        SERVICE_TAG: ENVIRONMENT_SERVICE,
        ENVIRONMENT_TAG: environment,
        "environment": environment,
        "owners": owners if isinstance(owners, str) else " ".join(owners),
    }
    tags = spec.environment.tags
    kept = {key: text for key, text in own.items() if key not in {key.lower() for key in tags}}
    return {key: text for key, text in {**kept, **tags}.items() if text}


def network(spec: EnvironmentSpec) -> StackPart:
    """The VPC and its subnets, each with an export of its own: a new zone only adds exports."""
    wanted, names = spec.environment.network, subnet_outputs(spec.environment.network)
    part = new_vpc(wanted, NETWORK) if wanted.id is None else StackPart()
    part.export(spec.metadata.name, "VpcId", "VPC of the services", _vpc(spec))
    for outputs, subnets in zip(names, _subnets(spec), strict=True):
        for name, subnet in zip(outputs, subnets, strict=True):
            part.export(spec.metadata.name, name, "Subnet of the services", subnet)
    return part


def _vpc(spec: EnvironmentSpec) -> Any:
    existing = spec.environment.network.id
    return Ref("Vpc") if existing is None else value(existing)


def _subnets(spec: EnvironmentSpec) -> tuple[list[Any], list[Any]]:
    """The public and the private subnets. Those of an existing network are in the order of the file, so that one more
    at the end changes no export."""
    wanted = spec.environment.network
    if wanted.id is None:
        public, private = ([Ref(name) for name in names] for names in subnet_outputs(wanted))
        return public, private
    return list(map(value, wanted.public_subnets)), list(map(value, wanted.private_subnets))


def badge(spec: EnvironmentSpec) -> StackPart:
    """The group by which load balancers, endpoints and services admit the services of the environment. Their own groups
    have the rules: this one neither admits nor sends anything."""
    group = ec2.SecurityGroup(
        BADGE,
        GroupDescription="Services of the environment",
        VpcId=_vpc(spec),
        SecurityGroupEgress=[nowhere("None beside those of the service")],
    )
    part = StackPart().add(group, NETWORK)
    part.export(spec.metadata.name, f"{BADGE}Id", "Security group of every service", GetAtt(group, "GroupId"))
    return part


def load_balancers(spec: EnvironmentSpec) -> StackPart:
    """Every load balancer with its security group, listeners, certificate and records."""
    part = StackPart()
    for name, balancer in sorted(spec.environment.load_balancers.items()):
        part.fold(_new_balancer(spec, name, balancer))
    return part


def _new_balancer(spec: EnvironmentSpec, name: str, balancer: SharedLoadBalancer) -> StackPart:
    part, prefix, origin = StackPart(), logical_id(name, ""), f"environment.loadBalancers.{name}"
    to_services = ec2.SecurityGroupRule(
        IpProtocol="tcp",
        FromPort=1,
        ToPort=65535,
        DestinationSecurityGroupId=GetAtt(BADGE, "GroupId"),
        Description="Services of the environment",
    )
    words = f"load balancer of the environment ({name})"
    groups = balancer_groups(part, prefix, balancer, _vpc(spec), origin, words, to_services)
    public, private = _subnets(spec)
    attributes = {
        "deletion_protection.enabled": str(spec.environment.protected).lower(),
        "idle_timeout.timeout_seconds": balancer.idle_timeout,
        "routing.http.drop_invalid_header_fields.enabled": "true",
    }
    edge = [] if balancer.internal or spec.environment.network.id else [ATTACHMENT]
    resource = elb.LoadBalancer(
        f"{prefix}LoadBalancer",
        Type="application",
        Scheme="internal" if balancer.internal else "internet-facing",
        Subnets=(private or public) if balancer.internal else public,
        SecurityGroups=[Ref(group) for group in groups],
        LoadBalancerAttributes=attribute_list(elb.LoadBalancerAttributes, attributes),
        **present(DependsOn=edge),
    )
    sources: Sources = {
        "Scheme": f"{origin}.internal",
        "LoadBalancerAttributes": f"{origin}.idleTimeout",
        ("LoadBalancerAttributes", 0): "environment.protected",
    }
    part.add(resource, origin, sources)
    outputs = {
        "LoadBalancerSecurityGroupId": ("Security group", GetAtt(groups[0], "GroupId")),
        **_add_listeners(part, prefix, balancer, origin),
        "LoadBalancerFullName": ("Full name", GetAtt(resource, "LoadBalancerFullName")),
        "LoadBalancerDnsName": ("DNS name", GetAtt(resource, "DNSName")),
        **({"Domain": ("Domain", balancer.domain)} if balancer.domain else {}),
    }
    for output, (what, content) in outputs.items():
        part.export(spec.metadata.name, prefix + output, f"{what} of the load balancer {name}", content)
    if balancer.domain and balancer.hosted_zone_id:
        for record, host in (("Wildcard", f"*.{balancer.domain}"), ("Domain", balancer.domain)):
            target = route53.AliasTarget(
                DNSName=GetAtt(resource, "DNSName"),
                HostedZoneId=GetAtt(resource, "CanonicalHostedZoneID"),
                EvaluateTargetHealth=False,
            )
            alias = route53.RecordSetType(
                f"{prefix}{record}Record",
                HostedZoneId=value(balancer.hosted_zone_id),
                Name=host,
                Type="A",
                AliasTarget=target,
            )
            part.add(alias, f"{origin}.domain", {"HostedZoneId": f"{origin}.hostedZoneId"})
    return part


def _add_listeners(
    part: StackPart, prefix: str, balancer: SharedLoadBalancer, origin: str
) -> dict[str, tuple[str, Any]]:
    """Add the listeners, and return their outputs.

    That of port 80 is exported even where it redirects: its rules come before the redirect, so that services which do
    not use HTTPS yet stay reachable until they do.
    """
    not_found = elb.Action(
        Type="fixed-response",
        FixedResponseConfig=elb.FixedResponseConfig(
            StatusCode="404", ContentType="text/plain", MessageBody="No service has this address"
        ),
    )

    def add(suffix: str, port: int, action: Any, sources: Sources | None = None, **properties: Any) -> Any:
        listener = elb.Listener(
            f"{prefix}{suffix}Listener",
            LoadBalancerArn=Ref(f"{prefix}LoadBalancer"),
            Port=port,
            Protocol=suffix.upper(),
            DefaultActions=[action],
            **properties,
        )
        part.add(listener, origin, sources)
        return f"Listener of port {port}", Ref(listener)

    if not balancer.https:
        return {"HttpListenerArn": add("Http", 80, not_found)}
    redirect = elb.RedirectConfig(Protocol="HTTPS", Port="443", StatusCode="HTTP_301")
    https = add(
        "Https",
        443,
        not_found,
        {"SslPolicy": f"{origin}.sslPolicy", "Certificates": f"{origin}.certificateArn"},
        SslPolicy=balancer.ssl_policy or TLS_POLICY,
        Certificates=[elb.Certificate(CertificateArn=_certificate(part, prefix, balancer, origin))],
    )
    http = add(
        "Http",
        80,
        elb.Action(Type="redirect", RedirectConfig=redirect),
        DependsOn=f"{prefix}HttpsListener",
    )
    return {"HttpsListenerArn": https, "HttpListenerArn": http}


def _certificate(part: StackPart, prefix: str, balancer: SharedLoadBalancer, origin: str) -> Any:
    """The certificate, which is made for the domain and its subdomains unless one is given.

    Both names have the same record, which CloudFormation cannot write twice, so the domain alone is validated.
    Source: https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html
    """
    if balancer.certificate_arn is not None or balancer.domain is None or balancer.hosted_zone_id is None:
        return value(balancer.certificate_arn or "")
    validation = certificatemanager.DomainValidationOption(
        DomainName=balancer.domain, HostedZoneId=value(balancer.hosted_zone_id)
    )
    certificate = certificatemanager.Certificate(
        f"{prefix}Certificate",
        DomainName=balancer.domain,
        SubjectAlternativeNames=[f"*.{balancer.domain}"],
        ValidationMethod="DNS",
        DomainValidationOptions=[validation],
    )
    part.add(certificate, f"{origin}.domain", {"DomainValidationOptions": f"{origin}.hostedZoneId"})
    return Ref(certificate)


def cluster(spec: EnvironmentSpec) -> StackPart:
    """A cluster with both Fargate capacity providers, or the name of an existing one."""
    part, wanted = StackPart(), spec.environment.cluster
    if wanted.name is None:
        insights = wanted.container_insights
        settings = [ecs.ClusterSetting(Name="containerInsights", Value=insights)] if insights else []
        resource = ecs.Cluster(
            "Cluster", CapacityProviders=["FARGATE", "FARGATE_SPOT"], **present(ClusterSettings=settings)
        )
        part.add(resource, "environment.cluster", {"ClusterSettings": "environment.cluster.containerInsights"})
    name = Ref("Cluster") if wanted.name is None else value(wanted.name)
    part.export(spec.metadata.name, "ClusterName", "ECS cluster of the services", name)
    return part


def namespace(spec: EnvironmentSpec) -> StackPart:
    """The private DNS namespace, in which Service Connect and service discovery name the services."""
    resource = servicediscovery.PrivateDnsNamespace("Namespace", Name=spec.namespace, Vpc=_vpc(spec))
    part = StackPart().add(resource, "environment.namespace")
    for output, attribute in (("NamespaceArn", "Arn"), ("NamespaceId", "Id")):
        part.export(spec.metadata.name, output, f"Namespace {spec.namespace}", GetAtt(resource, attribute))
    return part


KIND = KindCompiler(ENVIRONMENT, compile_environment, tags_of, excesses)
