"""The resources of a sandbox's account, whether a stack owns them or not."""

from __future__ import annotations

from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation import resources
from fsdcf.sandbox.state import Data, Document, SandboxState


def every(state: SandboxState) -> list[Document]:
    """Return all resources."""
    return [resource for _, resource in state.store.every(resources.RESOURCE)]


def add_unowned(state: SandboxState, type: str, name: str, properties: Data) -> Document:
    """Add a resource that belongs to no stack, as if it had been created manually or been retained."""
    physical = ids.physical_id(type, name, "by-hand", properties, 1, state)
    resource = resources.add(state, type, physical, name, None, properties)
    if resource["name"] is None:
        resource["name"] = name
        resources.save(state, resource)
    return resource
