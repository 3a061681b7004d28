"""How other services of the environment find this one: its endpoint in Service Connect, and its DNS name."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, ecs

from fsdcf.compiler.parts.logs import to_cloudwatch
from fsdcf.compiler.stack import Context, Sources, StackPart, imported, present
from fsdcf.language.dependency import connected_services
from fsdcf.language.model.environment import EnvironmentSpec
from fsdcf.language.model.service import ServiceConnect

DISCOVERY = "service.networking.serviceDiscovery"

_CONNECT = "service.networking.serviceConnect"
_SERVICE = ("ServiceConnectConfiguration", "Services", 0)
CONNECT_SOURCES: Sources = {
    "ServiceConnectConfiguration": _CONNECT,
    (*_SERVICE, "ClientAliases", 0, "DnsName"): f"{_CONNECT}.alias",
    (*_SERVICE, "ClientAliases", 0, "Port"): f"{_CONNECT}.port",
    (*_SERVICE, "Timeout", "IdleTimeoutSeconds"): f"{_CONNECT}.idleTimeout",
    (*_SERVICE, "Timeout", "PerRequestTimeoutSeconds"): f"{_CONNECT}.requestTimeout",
}
"""The keys behind the properties of an ECS service."""

PROXY = "service-connect"
"""How the names of the proxy's log streams begin."""


def discovery(context: Context) -> StackPart:
    """``DiscoveryService``: the DNS name of the tasks in the namespace of the environment.

    ECS registers the tasks and reports their health, for which Cloud Map needs a custom check; its threshold is always
    1.
    Source: https://docs.aws.amazon.com/cloud-map/latest/api/API_HealthCheckCustomConfig.html
    """
    part, wanted = StackPart(), context.service.networking.discovery
    if wanted is None or context.joined is None:
        return part
    from troposphere import servicediscovery  # rarely needed

    service = servicediscovery.Service(
        "DiscoveryService",
        Name=wanted.name or context.spec.metadata.name,
        NamespaceId=imported(context.joined, "NamespaceId"),
        DnsConfig=servicediscovery.DnsConfig(
            DnsRecords=[servicediscovery.DnsRecord(Type="A", TTL=wanted.ttl)], RoutingPolicy="MULTIVALUE"
        ),
        HealthCheckCustomConfig=servicediscovery.HealthCheckCustomConfig(FailureThreshold=1),
    )
    return part.add(service, DISCOVERY, {"DnsConfig": f"{DISCOVERY}.ttl", "Name": f"{DISCOVERY}.name"})


def registries(context: Context) -> list[Any]:
    """Where ECS registers the tasks: records of type A need no port."""
    if context.service.networking.discovery is None:
        return []
    return [ecs.ServiceRegistry(RegistryArn=GetAtt("DiscoveryService", "Arn"))]


def service_connect(context: Context, environment: EnvironmentSpec) -> ecs.ServiceConnectConfiguration:
    """Service Connect, for a service that has an endpoint or calls others; without a port it only calls others.

    The proxy writes to the log group of the service.
    """
    spec, endpoint = context.service, context.service.networking.connect
    if endpoint is None and not connected_services(context.spec):
        return ecs.ServiceConnectConfiguration(Enabled=False)
    services = [_endpoint(endpoint, context.spec.metadata.name, context.entry)] if endpoint and spec.entry_port else []
    return ecs.ServiceConnectConfiguration(
        Enabled=True,
        Namespace=imported(environment, "NamespaceArn"),
        **present(Services=services, LogConfiguration=to_cloudwatch(spec, PROXY)),
    )


def _endpoint(wanted: ServiceConnect, name: str, port_name: str) -> ecs.ServiceConnectService:
    """The endpoint, which refers to the named port of the task definition.

    Its name in Cloud Map contains an underscore, as no service's name does: ``serviceDiscovery`` can take the service's
    name at any time.
    """
    timeout = present(IdleTimeoutSeconds=wanted.idle_timeout, PerRequestTimeoutSeconds=wanted.request_timeout)
    return ecs.ServiceConnectService(
        PortName=port_name,
        DiscoveryName=f"{name}_connect",
        ClientAliases=[ecs.ServiceConnectClientAlias(DnsName=wanted.alias or name, Port=wanted.port)],
        **present(Timeout=ecs.TimeoutConfiguration(**timeout) if timeout else None),
    )
