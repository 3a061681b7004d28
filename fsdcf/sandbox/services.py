"""The services that the sandbox offers, each found by name and loaded when it is first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from fsdcf.sandbox.world import World

Handler = Callable[[World, dict[str, Any]], dict[str, Any]]
"""Answers one operation: parameters by the input shape in, a result by the output shape out; raises Refusal."""

Action = Callable[[World, float, dict[str, Any]], None]
"""Plays one entry of the agenda at its due time (epoch seconds)."""

NAMES = ("cloudformation", "ecr", "ecs", "elbv2", "logs", "s3", "ssm", "sts", "application-autoscaling", "dynamodb")
"""The services, by botocore's names. The module ``fsdcf.sandbox.NAME``, hyphens written as underscores, holds OPERATIONS and ACTIONS."""


def operations(service: str) -> Mapping[str, Handler]:
    """The operations that a service offers, by name. KeyError for a service that the sandbox does not have."""
    found: Mapping[str, Handler] = _module(service).OPERATIONS
    return found


def action(name: str) -> Action:
    """The action of that name, which begins with its service: ``ecs.task``."""
    found: Action = _module(name.partition(".")[0]).ACTIONS[name]
    return found


def _module(service: str) -> Any:
    if service not in NAMES:
        raise KeyError(service)
    return import_module(f"fsdcf.sandbox.{service.replace('-', '_')}")
