"""The main container of a task: the one that runs the service's image, as opposed to its sidecars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def main_container(containers: Iterable[Mapping[str, Any]], service: str = "") -> Mapping[str, Any] | None:
    """Return the main container of a template's task definition, of one in ECS, or of a task; None if there is none.

    fsdcf names it after the service, and writes it first. In other task definitions it is the first essential
    container.
    """
    known = list(containers)
    named = (item for item in known if service and service in (item.get("Name"), item.get("name")))
    essential = (item for item in known if item.get("Essential", item.get("essential", True)))
    return next(named, next(essential, None))
