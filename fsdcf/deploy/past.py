"""What happened on a stack before this run: the events of its latest operation."""

from __future__ import annotations

from typing import Any

from fsdcf.deploy.events import Boundary, is_root, latest_operation, read
from fsdcf.deploy.execute import Operation
from fsdcf.deploy.model import StackEvent
from fsdcf.deploy.run import Run
from fsdcf.deploy.snapshot import Snapshot

_PAGES = 50
_VERBS = {"CREATE": "create", "DELETE": "delete", "ROLLBACK": "roll back", "IMPORT": "import"}


def latest(run: Run, arn: str) -> tuple[StackEvent, ...]:
    """The events of the latest operation, oldest first; those that can be read within 50 pages. None where they may not be read."""
    return _latest(run, arn)[0]


def attached(run: Run, stack: Snapshot) -> Operation:
    """The operation that runs on a stack, or that ran last, whoever began it; its events are told from its beginning."""
    events, older = _latest(run, stack.arn)
    verb = _VERBS.get(stack.status.split("_")[0], "roll back" if "ROLLBACK" in stack.status else "update")
    if not events:
        return Operation(stack.arn, Boundary(since=stack.since, seen=older), run.aws.clock(), verb, stack.status)
    lasted = (events[-1].time - events[0].time).total_seconds()
    return Operation(
        stack.arn, Boundary(since=events[0].time, seen=older), run.aws.clock() - lasted, verb, stack.status
    )


def seen(run: Run, arn: str) -> frozenset[str]:
    """The ids of the newest events that there are: what comes later is not among them."""
    answer = run.optional("earlier events cannot be read", "cloudformation", "DescribeStackEvents", StackName=arn)
    return frozenset(str(one.get("EventId", "")) for one in (answer or {}).get("StackEvents") or [])


def _latest(run: Run, arn: str) -> tuple[tuple[StackEvent, ...], frozenset[str]]:
    """The latest operation's events, and the ids of the events before it that were read on the way."""
    listed: list[StackEvent] = []
    more: dict[str, Any] = {}
    events: tuple[StackEvent, ...] = ()
    for _ in range(_PAGES):
        answer = run.optional(
            "its events cannot be read", "cloudformation", "DescribeStackEvents", StackName=arn, **more
        )
        listed += [read(one) for one in (answer or {}).get("StackEvents") or []]
        events, whole = latest_operation(listed)
        if whole or not answer or not answer.get("NextToken"):
            break
        more = {"NextToken": answer["NextToken"]}
    own = {event.id for event in events}
    planned = {event.id for event in events if is_root(event) and event.status == "REVIEW_IN_PROGRESS"}
    kept = tuple(event for event in events if event.id not in planned)
    return kept, frozenset(event.id for event in listed if event.id not in own)
