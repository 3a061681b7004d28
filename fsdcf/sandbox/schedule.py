"""The scheduled actions and the services that provide them.

Nothing runs in the background: each call first runs what is due.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from fsdcf.sandbox.state import Document, SandboxState

Handler = Callable[[SandboxState, Document], Document]
"""Handles an operation: takes parameters in the input shape, returns a result in the output shape.

Raises ServiceError.
"""

Action = Callable[[SandboxState, float, Document], None]
"""Runs a scheduled action with its payload; the number is its due time in epoch seconds."""

NAMES = (
    "cloudformation",
    "ecr",
    "ecs",
    "elbv2",
    "iam",
    "logs",
    "rds",
    "s3",
    "secretsmanager",
    "ssm",
    "sts",
    "application-autoscaling",
    "cloudwatch",
    "dynamodb",
    "scheduler",
    "stepfunctions",
)
"""The services, by botocore's names.

The module ``fsdcf.sandbox.NAME``, with underscores for hyphens, has OPERATIONS and, if it schedules something, ACTIONS.
"""

LATEST = "sandbox.latest"
RUNNER = "sandbox.runner"
ABSENT = 60.0
"""Seconds of AWS's time after which an inactive exclusive runner is ignored."""

LONGEST_ABSENCE = 24 * 3600.0
"""The most seconds of AWS's time that pass for what is scheduled while no command runs."""


def operations(service: str) -> Mapping[str, Handler]:
    """Return the operations of a service by name. Raises KeyError for a service that the sandbox does not offer."""
    handlers: Mapping[str, Handler] = _module(service).OPERATIONS
    return handlers


def action(name: str) -> Action:
    """Return an action by its name, which begins with the service: ``ecs.step``. Raises KeyError."""
    found: Action = getattr(_module(name.partition(".")[0]), "ACTIONS", {})[name]
    return found


@cache
def _module(service: str) -> Any:
    if service not in NAMES:
        raise KeyError(service)
    return import_module(f"fsdcf.sandbox.{service.replace('-', '_')}")


def moment(state: SandboxState) -> SandboxState:
    """Return the sandbox with its clock frozen at the current time, within a transaction.

    The store keeps the latest time, to a second: the clock of the machine may have been set back since another process
    has used the store, and what that has scheduled has to come.
    """
    latest = (state.store.get(LATEST, "") or {"at": 0.0})["at"]
    state.clock.catch_up(latest)
    now = state.clock.now()
    if now - latest >= 1.0:
        state.store.put(LATEST, "", {"at": now})
    return state.frozen_at(now)


def advance(state: SandboxState) -> None:
    """Run all actions that are due, in order, in one transaction: ``ACTIONS[action](state, due, payload)``.

    Each action sees a clock that is frozen at its due time. Actions that it schedules also run, if they are due.
    Nothing runs while another process is the exclusive runner.
    """
    now = state.clock.now()
    with state.store.joined():
        if not _may_run(state, now):
            return
        due, limit = state.store.next_due(), state.duration(LONGEST_ABSENCE)
        if due is None or due > now:
            return
        if now - due > limit:
            state.store.postpone(now - due - limit)
        while scheduled := state.store.pop_due(now):
            action(scheduled.action)(state.frozen_at(scheduled.due), scheduled.due, scheduled.payload)


def release(state: SandboxState) -> None:
    """End the exclusive run of this process, so that every process runs due actions again."""
    current = state.store.get(RUNNER, "")
    if current is not None and current["name"] == state.runner:
        state.store.remove(RUNNER, "")


def _may_run(state: SandboxState, now: float) -> bool:
    if state.runner:
        state.store.put(RUNNER, "", {"name": state.runner, "seen": now})
        return True
    current = state.store.get(RUNNER, "")
    return current is None or now - current["seen"] > state.duration(ABSENT)
