"""Stack events: which of them belong to an operation, what they say of the stack itself, and their reasons in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from fsdcf.deploy.model import StackEvent

STACK = "AWS::CloudFormation::Stack"

_BEGINNINGS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"})
_HANDLER = re.compile(
    r'^Resource handler returned message: "?(?P<said>.*?)"?(?P<tail> ?\([^()]*RequestToken: [^()]*\))?$', re.DOTALL
)
_TOKEN = re.compile(r"RequestToken: [\w-]+,? ?")
_ATTEMPTS = re.compile(r" ?\((?:SDK Attempt Count: \d+|Service: [^()]*Request ID: [^()]*)\)")


@dataclass(frozen=True)
class EventBoundary:
    """What tells an operation's events from all others.

    ``tokens`` are the ClientRequestTokens it was started, and perhaps cancelled, with. ``since`` is a moment of AWS's clock before
    which none of its events can be: the change set's creation. ``seen`` are events that were there before it.
    The local clock plays no part: it may be wrong.
    """

    tokens: frozenset[str] = frozenset()
    since: datetime | None = None
    seen: frozenset[str] = frozenset()


def read(raw: Mapping[str, Any]) -> StackEvent:
    """An event as DescribeStackEvents gives it, its reason made readable.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
    """
    return StackEvent(
        id=str(raw.get("EventId", "")),
        time=raw.get("Timestamp") or datetime.fromtimestamp(0, timezone.utc),
        logical_id=str(raw.get("LogicalResourceId", "")),
        physical_id=str(raw.get("PhysicalResourceId") or ""),
        type=str(raw.get("ResourceType", "")),
        status=str(raw.get("ResourceStatus") or raw.get("HookStatus") or ""),
        reason=plain(str(raw.get("ResourceStatusReason") or raw.get("HookStatusReason") or "")),
        token=str(raw.get("ClientRequestToken") or ""),
        operation=str(raw.get("OperationId") or ""),
        stack=str(raw.get("StackId") or ""),
        hook=_refusal(raw),
    )


def _refusal(raw: Mapping[str, Any]) -> str:
    """Why a hook refuses the resource; empty for one that lets it pass, or that only warns."""
    refuses = raw.get("HookStatus") in ("HOOK_COMPLETE_FAILED", "HOOK_FAILED") and raw.get("HookFailureMode") != "WARN"
    return str(raw.get("HookStatusReason") or "").strip() if refuses else ""


def plain(reason: str) -> str:
    """A reason without the handler's frame and the request's token; the HandlerErrorCode stays."""
    found = _HANDLER.match(reason.strip())
    if found is None:
        return reason.strip()
    said = _ATTEMPTS.sub("", found["said"]).strip()
    tail = _TOKEN.sub("", (found["tail"] or "").strip())
    return f"{said} {tail}".strip() if tail not in ("", "()") else said


def is_root(event: StackEvent) -> bool:
    """Whether an event is the stack's own row, not a resource's (nor that of a stack nested in it)."""
    return event.type == STACK and (
        event.physical_id == event.stack if event.stack else event.physical_id.startswith("arn:")
    )


def is_terminal(status: str) -> bool:
    """Whether a stack in this status is at rest. A status that is not known counts by how it ends."""
    return not status.endswith("_IN_PROGRESS") and status.endswith(("_COMPLETE", "_FAILED"))


def is_cancellation(event: StackEvent) -> bool:
    """Whether a resource failed for another one's sake alone."""
    return bool(re.match(r"(?i)resource (creation|update|deletion|import) (was )?cancell?ed", event.reason))


class Timeline:
    """The events of one operation, as they become known."""

    def __init__(self, boundary: EventBoundary) -> None:
        self.boundary = boundary
        self.events: list[StackEvent] = []
        self.succeeded = False
        """Whether another operation began after this one."""
        self._ids: set[str] = set()
        self._operations: set[str] = set()

    def take(self, listed: Iterable[StackEvent]) -> tuple[StackEvent, ...]:
        """Takes in events, newest first as AWS lists them; gives those that are of this operation and new, oldest first."""
        fresh = []
        for event in reversed(list(listed)):
            if event.id in self._ids:
                continue
            if not self._is_ours(event):
                self.succeeded = self.succeeded or self._succeeds(event)
                continue
            self._ids.add(event.id)
            if event.operation:
                self._operations.add(event.operation)
            fresh.append(event)
            self.events.append(event)
        return tuple(fresh)

    def reaches(self, page: Sequence[StackEvent]) -> bool:
        """Whether a page goes back to what is known already or cannot be of this operation: no need for the next page."""
        return any(event.id in self._ids or event.id in self.boundary.seen or self._is_before(event) for event in page)

    @property
    def end(self) -> StackEvent | None:
        """The stack's own row that ends the operation, once it is there."""
        return next((event for event in reversed(self.events) if is_root(event) and is_terminal(event.status)), None)

    def _is_before(self, event: StackEvent) -> bool:
        return self.boundary.since is not None and event.time < self.boundary.since

    def _is_ours(self, event: StackEvent) -> bool:
        tokens = self.boundary.tokens
        if event.id in self.boundary.seen or event.status == "REVIEW_IN_PROGRESS":
            return False
        if event.token and tokens:
            return event.token in tokens
        if event.operation and event.operation in self._operations:
            return True
        begins = is_root(event) and event.status in _BEGINNINGS
        if begins and (tokens or self.events):
            return False  # ours would bear our token, and begins once
        return not self._is_before(event) and not self.succeeded and self.end is None

    def _succeeds(self, event: StackEvent) -> bool:
        before = self._is_before(event) or event.id in self.boundary.seen
        return bool(self.events) and not before and is_root(event) and event.time >= self.events[-1].time


def latest_operation(listed: Sequence[StackEvent]) -> tuple[tuple[StackEvent, ...], bool]:
    """The events of the stack's latest operation, oldest first, out of its events, newest first, and whether its beginning is there.

    An operation begins with the stack's own CREATE_, UPDATE_, DELETE_ or IMPORT_IN_PROGRESS, or after an end of an earlier one.
    """
    events: list[StackEvent] = []
    worked = False
    for event in listed:
        if is_root(event) and is_terminal(event.status) and worked:
            return tuple(reversed(events)), True
        events.append(event)
        worked = worked or not (is_root(event) and is_terminal(event.status))
        if is_root(event) and event.status in _BEGINNINGS:
            return tuple(reversed(events)), True
    return tuple(reversed(events)), False


def in_progress(events: Iterable[StackEvent]) -> tuple[StackEvent, ...]:
    """The latest event of each resource that is being worked on, in the order in which work began."""
    working: dict[str, StackEvent] = {}
    for event in events:
        if is_root(event):
            continue
        if event.status.endswith("_IN_PROGRESS"):
            working.setdefault(event.logical_id, event)
        else:
            working.pop(event.logical_id, None)
    return tuple(working.values())
