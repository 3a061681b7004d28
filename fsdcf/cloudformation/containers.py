"""The main container of a task: the one that runs the service's image, as opposed to its sidecars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fsdcf.cloudformation.facts import tag_values
from fsdcf.conventions import SERVICE_TAG


def main_container(containers: Iterable[Mapping[str, Any]], service: str) -> Mapping[str, Any] | None:
    """Return the main container of a template's task definition, of one in ECS, or of a task; None if there is none.

    fsdcf names it after the service. In other task definitions it is the first essential container.
    """
    known = list(containers)
    named = (item for item in known if service and service in (item.get("Name"), item.get("name")))
    essential = (item for item in known if item.get("Essential", item.get("essential", True)))
    return next(named, next(essential, None))


def service_of(properties: Mapping[str, Any]) -> str:
    """Return the service that a resource of a template belongs to by its tags; empty without such a tag."""
    return str(tag_values(properties.get("Tags")).get(SERVICE_TAG, ""))
