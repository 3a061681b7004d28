"""Why an operation failed, read from its events: the first failure that is nobody else's fault."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fsdcf.deploy.events import is_cancellation, is_root
from fsdcf.deploy.model import StackEvent


def failures(events: Iterable[StackEvent]) -> tuple[StackEvent, ...]:
    """The resources that failed of themselves, in the order in which they did; with what a hook said, where one refused them."""
    listed = tuple(events)
    hooks = {event.logical_id: event.hook for event in listed if event.hook}
    failed = (
        event
        for event in listed
        if event.status.endswith("_FAILED") and not is_root(event) and not is_cancellation(event)
    )
    return tuple(_with_hook(event, hooks.get(event.logical_id, "")) for event in failed)


def _with_hook(event: StackEvent, said: str) -> StackEvent:
    """The failure of a resource names the hook alone: what it found stands in an event of its own, before."""
    if not said or said in event.reason or "hook" not in event.reason.lower():
        return event
    return replace(event, reason=f"{event.reason.rstrip('.')}: {said}")


def root_cause(events: Sequence[StackEvent]) -> StackEvent | None:
    """The earliest failure that is not a cancellation; where no resource failed, the stack's own row that gives a reason."""
    found = failures(before_rollback(events)) or failures(events)
    if found:
        return found[0]
    return next((event for event in events if is_root(event) and event.reason and _is_trouble(event.status)), None)


def before_rollback(events: Sequence[StackEvent]) -> tuple[StackEvent, ...]:
    """The events until the stack begins to roll back."""
    begin = rollback_begin(events)
    return tuple(events if begin is None else events[:begin])


def blockers(events: Sequence[StackEvent]) -> tuple[StackEvent, ...]:
    """What failed after the stack began to roll back, or while it was being deleted: the last word on each resource."""
    begin = rollback_begin(events)
    found = {event.logical_id: event for event in failures(events[begin or 0 :])}
    return tuple(found.values())


def leftover_resources(events: Iterable[StackEvent]) -> tuple[StackEvent, ...]:
    """Resources that the stack could not delete, or left alone because it was told to: they exist, and cost, outside of it."""
    found = {
        event.logical_id: event
        for event in events
        if event.status in ("DELETE_FAILED", "DELETE_SKIPPED") and not is_root(event)
    }
    return tuple(found.values())


def rollback_begin(events: Sequence[StackEvent]) -> int | None:
    """The index of the stack's own row with which rolling back begins; None if it never does."""
    return next((index for index, event in enumerate(events) if is_root(event) and _is_rollback(event.status)), None)


def _is_rollback(status: str) -> bool:
    return "ROLLBACK" in status and status.endswith("_IN_PROGRESS") and "CLEANUP" not in status


def _is_trouble(status: str) -> bool:
    return status.endswith("_FAILED") or _is_rollback(status)
