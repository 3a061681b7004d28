"""What connects services with others: target groups, registries of Cloud Map, and Service Connect.

Where no quotation of AWS was found, the messages are those of
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fsdcf.sandbox import elbv2, servicediscovery
from fsdcf.sandbox.ecs.definitions import CLUSTER, SERVICE, definition_of
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError


class ConnectEndpoint(NamedTuple):
    """A port of a service that others reach by name in a namespace, at the aliases ``name:port``."""

    namespace: str
    discovery_name: str
    aliases: tuple[str, ...]


def check(state: SandboxState, service: Document) -> None:
    """Check what a service refers to. Raises ServiceError."""
    for balancer in service["loadBalancers"]:
        group = balancer.get("targetGroupArn", "")
        if elbv2.is_known(state, group) and not elbv2.is_used(state, group):
            text = f"The target group with targetGroupArn {group} does not have an associated load balancer."
            raise ServiceError("InvalidParameterException", text)
    for registry in service["serviceRegistries"]:
        if not servicediscovery.has_service(state, registry.get("registryArn", "")):
            text = f"The service registry {registry.get('registryArn')} was not found."
            raise ServiceError("InvalidParameterException", text)
    _check_service_connect(state, service)


def _check_service_connect(state: SandboxState, service: Document) -> None:
    configuration = service["serviceConnectConfiguration"]
    if not configuration.get("enabled"):
        return
    if _namespace(state, service) is None:
        raise ServiceError("NamespaceNotFoundException", "The specified namespace wasn't found.")
    ports = set(_port_names(definition_of(state, service["taskDefinition"])))
    for one in configuration.get("services", ()):
        if one["portName"] not in ports:
            text = (
                f"The portName '{one['portName']}' of the Service Connect configuration is not in the task definition."
            )
            raise ServiceError("InvalidParameterException", text)
    others = [other for _, other in state.store.every(SERVICE) if other["key"] != service["key"]]
    taken = {(one.namespace, one.discovery_name) for other in others for one in endpoints(state, other)}
    for one in endpoints(state, service):
        if (one.namespace, one.discovery_name) in taken:
            namespace = state.arn("servicediscovery", f"namespace/{one.namespace}")
            # Source: https://github.com/aws/copilot-cli/issues/5431
            raise ServiceError("InvalidParameterException", f"SC service is already used by {namespace}")


def check_change(state: SandboxState, before: Data, after: Data) -> None:
    """Check that the endpoints of a service keep their protocols. Raises ServiceError.

    Source: https://github.com/aws/containers-roadmap/issues/2378
    """
    was, now = _protocols(state, before), _protocols(state, after)
    arn = state.arn("ecs", f"service/{after['key']}")
    for name, protocol in was.items():
        if now.get(name, protocol) != protocol:
            configurations = [
                f"ScServiceStableConfig(applicationProtocol={one}, transportProtocol=tcp, ecsServiceArn={arn})"
                for one in (protocol, now[name])
            ]
            text = "The following config cannot be changed for a SC service. Previous config: {}, current config: {}"
            raise ServiceError("InvalidParameterException", text.format(*configurations))


def _protocols(state: SandboxState, service: Data) -> dict[str, str]:
    """The application protocol of each endpoint of a service, by its name in Cloud Map."""
    configuration = service.get("serviceConnectConfiguration", {})
    if not configuration.get("enabled"):
        return {}
    containers = definition_of(state, service["taskDefinition"])["containerDefinitions"]
    ports = {port.get("name"): port for container in containers for port in container.get("portMappings", ())}
    return {
        one.get("discoveryName") or one["portName"]: ports.get(one["portName"], {}).get("appProtocol", "null")
        for one in configuration.get("services", ())
    }


def _port_names(definition: Document) -> Iterator[str]:
    for container in definition["containerDefinitions"]:
        yield from (port["name"] for port in container.get("portMappings", ()) if "name" in port)


def _namespace(state: SandboxState, service: Data) -> str | None:
    """Return the id of a service's namespace: its own one, or the default of its cluster; None if it does not exist."""
    cluster = state.store.get(CLUSTER, service["key"].partition("/")[0]) or {}
    default = cluster.get("serviceConnectDefaults", {}).get("namespace", "")
    configuration = service.get("serviceConnectConfiguration", {})
    return servicediscovery.find_namespace(state, configuration.get("namespace", default))


def endpoints(state: SandboxState, service: Data) -> list[ConnectEndpoint]:
    """Return what a service offers by Service Connect; nothing once it is deleted."""
    configuration = service.get("serviceConnectConfiguration", {})
    namespace = _namespace(state, service) if configuration.get("enabled") else None
    if namespace is None or service["status"] == "INACTIVE":
        return []
    return [
        ConnectEndpoint(
            namespace,
            one.get("discoveryName") or one["portName"],
            tuple(f"{alias.get('dnsName', one['portName'])}:{alias['port']}" for alias in one.get("clientAliases", ())),
        )
        for one in configuration.get("services", ())
    ]


def is_connected(state: SandboxState, namespace: str) -> bool:
    """Return whether a service offers something in a namespace, by its id."""
    services = (service for _, service in state.store.every(SERVICE))
    return any(one.namespace == namespace for service in services for one in endpoints(state, service))
