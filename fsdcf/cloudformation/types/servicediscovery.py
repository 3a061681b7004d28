"""Cloud Map: namespaces, and the services that are found in them."""

from __future__ import annotations

from collections.abc import Iterator

from fsdcf.cloudformation.arns import DeployedStack, NamedArn
from fsdcf.cloudformation.planned import PlannedStack
from fsdcf.cloudformation.types import (
    DeployPermissions,
    ForeignType,
    Part,
    Properties,
    ResourceType,
    Simulation,
    Single,
)
from fsdcf.cloudformation.types.ecs import SERVICE, endpoints_of
from fsdcf.cloudformation.types.route53 import ZONE_PRICE, query_costs, zone_arn

PART: Part = "network"
DISCOVERED_SERVICE, HTTP_NAMESPACE, NAMESPACE = (
    f"AWS::ServiceDiscovery::{name}" for name in ("Service", "HttpNamespace", "PrivateDnsNamespace")
)

_EMPTY = "a namespace can be deleted once it has no services: see aws servicediscovery list-services"


def names_of(stack: PlannedStack) -> Iterator[tuple[str, str]]:
    """The host names at which the services of a network are reached, by Service Connect or by DNS, each with the
    name of the service."""
    for service in stack.of(SERVICE):
        yield from ((endpoint.host, service.name) for endpoint in endpoints_of(service).values())
        for registry in service.mappings("ServiceRegistries"):
            entry = stack.named(registry.get("RegistryArn"), DISCOVERED_SERVICE)
            if entry is not None:
                zone = stack.named(entry.get("NamespaceId") or entry.mapping("DnsConfig").get("NamespaceId"), NAMESPACE)
                name = entry.text("Name")
                yield f"{name}.{zone.text('Name')}" if zone is not None else name, service.name


def _own_zone(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    """Cloud Map reads the hosted zone that it makes for a namespace. Its ID is not known before.

    Source: https://docs.aws.amazon.com/cloud-map/latest/dg/cloud-map-api-permissions-ref.html
    """
    yield ("route53", "GetHostedZone"), zone_arn()


RECORDS = (
    ResourceType(
        NAMESPACE,
        ZONE_PRICE,
        Simulation(
            "ns-{hex}",
            {
                "Arn": "arn:{partition}:servicediscovery:{region}:{account}:namespace/{id}",
                "HostedZoneId": "Z{long}",
                "Id": "{id}",
            },
            create=48.0,
            update=6.0,
            delete=46.0,
        ),
        DeployPermissions(
            only_with={"Properties": ("route53:ChangeResourceRecordSets",)}, arns=_own_zone, iam_name="namespace"
        ),
        side_costs=query_costs,
        before_deletion=_EMPTY,
        single=Single(
            ("Name", "Vpc"),
            "a VPC has one namespace of a name",
            "choose another name for the new namespace, move the services, and remove the old one",
            # Source: https://github.com/awslabs/aws-saas-boost/issues/396
            "The VPC {Vpc} has already been associated with a hosted zone with the same domain name.",
        ),
    ),
    ResourceType(
        DISCOVERED_SERVICE,
        # Cloud Map charges for instances, except for those that ECS registers.
        # Source: https://aws.amazon.com/cloud-map/pricing/
        "free",
        Simulation(
            "srv-{hex}",
            {"Arn": "arn:{partition}:servicediscovery:{region}:{account}:service/{id}", "Id": "{id}"},
            create=3.0,
        ),
        DeployPermissions(
            only_with={
                "ServiceAttributes": (
                    "servicediscovery:DeleteServiceAttributes",
                    "servicediscovery:UpdateServiceAttributes",
                )
            }
        ),
        before_deletion="a service of a namespace can be deleted once ECS has deregistered its tasks",
        single=Single(
            ("Name", "NamespaceId"),
            "a namespace has one service of a name",
            "choose another name for the new service",
            "Service already exists.",
        ),
    ),
    ForeignType(HTTP_NAMESPACE, simulation=Simulation("ns-{hex}"), before_deletion=_EMPTY),
)
