"""Cloud Map: private namespaces, and the services that are found in them."""

from __future__ import annotations

from fsdcf.sandbox.state import Data, SandboxState, ServiceError

NAMESPACE = "servicediscovery.namespace"
SERVICE = "servicediscovery.service"

NOT_EMPTY = ServiceError(
    "ResourceInUse", "The specified resource can't be deleted because it contains other resources."
)
"""Why a namespace with services is not deleted.
Source: https://docs.aws.amazon.com/cloud-map/latest/api/API_DeleteNamespace.html"""


def put_namespace(state: SandboxState, identifier: str, properties: Data) -> None:
    """Store a namespace by its CloudFormation properties."""
    state.store.put(NAMESPACE, identifier, {"name": properties["Name"], "vpc": properties.get("Vpc")})


def remove_namespace(state: SandboxState, identifier: str) -> None:
    """Remove a namespace. Raises ServiceError if it has services."""
    if any(body["namespace"] == identifier for _, body in state.store.every(SERVICE)):
        raise NOT_EMPTY
    state.store.remove(NAMESPACE, identifier)


def find_namespace(state: SandboxState, name_or_arn: str) -> str | None:
    """Return the id of a namespace, by its ARN, id or name; None if it does not exist."""
    wanted = name_or_arn.rpartition("/")[2]
    known = state.store.every(NAMESPACE)
    return next((key for key, body in known if wanted in (key, body["name"])), None)


def put_service(state: SandboxState, identifier: str, properties: Data) -> None:
    """Store a service by its CloudFormation properties. Raises ServiceError if its namespace does not exist."""
    configuration = properties.get("DnsConfig") or {}
    namespace = properties.get("NamespaceId") or configuration.get("NamespaceId") or ""
    if find_namespace(state, str(namespace)) is None:
        raise ServiceError("NamespaceNotFound", f"The namespace {namespace} was not found.")
    state.store.put(SERVICE, identifier, {"namespace": namespace, "name": properties.get("Name")})


def remove_service(state: SandboxState, identifier: str) -> None:
    """Remove a service."""
    state.store.remove(SERVICE, identifier)


def has_service(state: SandboxState, arn: str) -> bool:
    """Return whether a service exists, by its ARN."""
    return state.store.get(SERVICE, arn.rpartition("/")[2]) is not None
