"""Plays what has become due: the sandbox has no process in the background, so each call first catches up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from fsdcf.sandbox.state import SandboxState

Handler = Callable[[SandboxState, dict[str, Any]], dict[str, Any]]
"""Answers one operation: parameters by the input shape in, a result by the output shape out; raises Refusal."""

Action = Callable[[SandboxState, float, dict[str, Any]], None]
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


PLAYER = "sandbox.player"
ABSENT = 60.0
"""Seconds of AWS's after which a player that was not heard of counts as gone."""


def advance(state: SandboxState) -> None:
    """Plays every entry that is due by now, in order, each at its own due time: ``ACTIONS[action](world, at, payload)``.

    The world that an action gets has its clock held still at that time. What an action schedules is played as well, if it is
    due by now. All of it is one transaction. While another process plays alone, nothing is played here.
    """
    now = state.clock.now()
    with state.store.transaction():
        if not _may_play(state, now):
            return
        while entry := state.store.pop_due(now):
            action(entry.action)(state.held(entry.due), entry.due, entry.payload)


def leave(state: SandboxState) -> None:
    """The world's player has gone: everybody plays again."""
    told = state.store.get(PLAYER, "")
    if told is not None and told["name"] == state.player:
        state.store.remove(PLAYER, "")


def _may_play(state: SandboxState, now: float) -> bool:
    if state.player:
        state.store.put(PLAYER, "", {"name": state.player, "seen": now})
        return True
    told = state.store.get(PLAYER, "")
    return told is None or now - told["seen"] > state.duration(ABSENT)
