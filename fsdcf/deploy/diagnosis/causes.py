"""The cause of a failed operation in its stack events: the first failure that no other failure caused. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fsdcf.deploy.events import is_cancellation, is_rollback, is_root, rollback_begin
from fsdcf.deploy.model import StackEvent


def failures(events: Iterable[StackEvent]) -> tuple[StackEvent, ...]:
    """The resources that failed by themselves, in order. If a hook refused one, its finding is part of the reason."""
    listed = tuple(events)
    hooks = {event.logical_id: event.hook for event in listed if event.hook}
    failed = (
        event
        for event in listed
        if event.status.endswith("_FAILED") and not is_root(event) and not is_cancellation(event)
    )
    return tuple(_with_hook(event, hooks.get(event.logical_id, "")) for event in failed)


def _with_hook(event: StackEvent, finding: str) -> StackEvent:
    """The failure of a resource names only the hook: the hook's finding is in an earlier event."""
    if not finding or finding in event.reason or "hook" not in event.reason.lower():
        return event
    return replace(event, reason=f"{event.reason.rstrip('.')}: {finding}")


def root_cause(events: Sequence[StackEvent]) -> StackEvent | None:
    """The earliest failure; if no resource failed, the stack's own event that gives a reason; else None."""
    begin = rollback_begin(events)
    failed = failures(events[:begin]) or failures(events)
    if failed:
        return failed[0]
    return next((event for event in events if is_root(event) and event.reason and _is_failure(event.status)), None)


def blockers(events: Sequence[StackEvent]) -> tuple[StackEvent, ...]:
    """The latest failure of each resource during a rollback or a deletion."""
    failed = {event.logical_id: event for event in failures(events[rollback_begin(events) or 0 :])}
    return tuple(failed.values())


def _is_failure(status: str) -> bool:
    return status.endswith("_FAILED") or is_rollback(status)
