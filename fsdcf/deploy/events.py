"""Stack events: reading them, and telling those of one operation from all others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from fsdcf.aws_errors import without_encoded
from fsdcf.cloudformation.types.cloudformation import STACK
from fsdcf.deploy.answers import Answer, text, texts
from fsdcf.deploy.model import StackEvent

_BEGINNINGS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"})
_HANDLER = re.compile(
    r'^Resource handler returned message: "?(?P<message>.*?)"?(?P<tail> ?\([^()]*RequestToken: [^()]*\))?$', re.DOTALL
)
_TOKEN = re.compile(r"RequestToken: [^\s,()]+,? ?")
_ATTEMPTS = re.compile(r" ?\((?:SDK Attempt Count: \d+|Service: [^()]*Request ID: [^()]*)\)")


@dataclass(frozen=True)
class EventBoundary:
    """What separates an operation's events from all others.

    ``tokens`` are the ClientRequestTokens that started it, or cancelled it. ``since`` is a time of AWS's clock before
    which it cannot have events: the creation of its change set. ``seen`` are the ids of earlier events. The local clock
    is not used: it may be wrong. ``bare``: the endpoint is an emulator, whose events may have no token at all: then all
    that are not ``seen`` belong to the operation.
    """

    tokens: frozenset[str] = frozenset()
    since: datetime | None = None
    seen: frozenset[str] = frozenset()
    bare: bool = False


def read(raw: Answer) -> StackEvent:
    """An event of DescribeStackEvents, with a readable reason.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
    """
    status = text(raw, "ResourceStatus") or text(raw, "HookStatus")
    parts = (raw.get("Timestamp"), text(raw, "LogicalResourceId"), status)
    return StackEvent(
        id=text(raw, "EventId") or " ".join(map(str, parts)),
        **texts(raw, logical_id="LogicalResourceId", physical_id="PhysicalResourceId"),
        **texts(raw, type="ResourceType", operation="OperationId", stack="StackId"),
        time=raw.get("Timestamp") or datetime.fromtimestamp(0, timezone.utc),
        status=status,
        reason=plain(text(raw, "ResourceStatusReason") or text(raw, "HookStatusReason")),
        token=text(raw, "ClientRequestToken"),
        hook=_hook_refusal(raw),
    )


def _hook_refusal(raw: Answer) -> str:
    """Why a hook refuses the resource; empty if it passes, or if the hook only warns."""
    refuses = raw.get("HookStatus") in ("HOOK_COMPLETE_FAILED", "HOOK_FAILED") and raw.get("HookFailureMode") != "WARN"
    return text(raw, "HookStatusReason").strip() if refuses else ""


def plain(reason: str) -> str:
    """A reason without the resource handler's frame, the request token and the encoded details of a denial; the
    HandlerErrorCode stays."""
    reason = without_encoded(reason.strip())
    match = _HANDLER.match(reason)
    if match is None:
        return reason
    message = _ATTEMPTS.sub("", match["message"]).strip()
    tail = _TOKEN.sub("", (match["tail"] or "").strip())
    return f"{message} {tail}".strip() if tail not in ("", "()") else message


def is_root(event: StackEvent) -> bool:
    """Whether an event is about the stack itself, not about a resource or a nested stack."""
    if event.type != STACK:
        return False
    if event.stack and not event.physical_id:  # a nested stack that is about to be created, or the event of an emulator
        return event.logical_id == stack_name(event.stack)
    return event.physical_id == event.stack if event.stack else event.physical_id.startswith("arn:")


def stack_name(arn: str) -> str:
    """The name of a stack in its ARN; a name is one already."""
    return arn.partition(":stack/")[2].partition("/")[0] or arn


def is_terminal(status: str) -> bool:
    """Whether no operation is in progress in this status. An unknown status counts by its ending."""
    return not status.endswith("_IN_PROGRESS") and status.endswith(("_COMPLETE", "_FAILED"))


def is_cancellation(event: StackEvent) -> bool:
    """Whether a resource was only cancelled because another one failed."""
    return bool(re.match(r"(?i)resource (creation|update|deletion|import) (was )?cancell?ed", event.reason))


def is_rollback(status: str) -> bool:
    """Whether a stack in this status is rolling back."""
    return "ROLLBACK" in status and status.endswith("_IN_PROGRESS") and "CLEANUP" not in status


def rollback_begin(events: Sequence[StackEvent]) -> int | None:
    """The index of the stack's own event with which its rollback begins; None without a rollback."""
    return next((index for index, event in enumerate(events) if is_root(event) and is_rollback(event.status)), None)


def leftover_resources(events: Iterable[StackEvent]) -> tuple[StackEvent, ...]:
    """The resources that the stack could not delete (DELETE_FAILED) or kept (DELETE_SKIPPED).

    They exist, and cost, outside of it.
    """
    left = {
        event.logical_id: event
        for event in events
        if event.status in ("DELETE_FAILED", "DELETE_SKIPPED") and not is_root(event)
    }
    return tuple(left.values())


class Timeline:
    """The events of one operation, collected as they arrive."""

    def __init__(self, boundary: EventBoundary) -> None:
        self.boundary = boundary
        self.events: list[StackEvent] = []
        self.succeeded = False
        """Whether another operation has begun after this one."""
        self._ids: set[str] = set()
        self._operations: set[str] = set()

    def take(self, listed: Iterable[StackEvent]) -> tuple[StackEvent, ...]:
        """Add events, newest first as AWS lists them. Returns those of this operation that are new, oldest first."""
        fresh = []
        for event in reversed(list(listed)):
            if event.id in self._ids:
                continue
            if not self._belongs(event):
                self.succeeded = self.succeeded or self._follows(event)
                continue
            self._ids.add(event.id)
            if event.operation:
                self._operations.add(event.operation)
            fresh.append(event)
            self.events.append(event)
        return tuple(fresh)

    def reaches(self, page: Sequence[StackEvent]) -> bool:
        """Whether a page contains a known or an earlier event, so that the next page is not needed."""
        return any(event.id in self._ids or self._is_before(event) for event in page)

    @property
    def end(self) -> StackEvent | None:
        """The stack's own event that ends the operation; None until it arrives."""
        return next((event for event in reversed(self.events) if is_root(event) and is_terminal(event.status)), None)

    def _is_before(self, event: StackEvent) -> bool:
        since = self.boundary.since
        return event.id in self.boundary.seen or (since is not None and event.time < since)

    def _belongs(self, event: StackEvent) -> bool:
        tokens = self.boundary.tokens
        if event.id in self.boundary.seen or event.status == "REVIEW_IN_PROGRESS":
            return False
        if event.token and tokens:
            return event.token in tokens
        if event.operation and event.operation in self._operations:
            return True
        begins = is_root(event) and event.status in _BEGINNINGS
        if begins and ((tokens and not self.boundary.bare) or self.events):
            return False  # this operation begins once, with its own token
        return not self._is_before(event) and not self.succeeded and self.end is None

    def _follows(self, event: StackEvent) -> bool:
        return (
            bool(self.events) and not self._is_before(event) and is_root(event) and event.time >= self.events[-1].time
        )


def latest_operation(listed: Sequence[StackEvent]) -> tuple[tuple[StackEvent, ...], bool]:
    """The latest operation's events, oldest first, and whether the ``listed`` ones, newest first, reach its beginning.

    An operation begins with the stack's own CREATE_, UPDATE_, DELETE_ or IMPORT_IN_PROGRESS, or after the end of an
    earlier one.
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
    """The first event of each resource that is in progress now, in the order in which they began."""
    working: dict[str, StackEvent] = {}
    for event in events:
        if is_root(event):
            continue
        if event.status.endswith("_IN_PROGRESS"):
            working.setdefault(event.logical_id, event)
        else:
            working.pop(event.logical_id, None)
    return tuple(working.values())
