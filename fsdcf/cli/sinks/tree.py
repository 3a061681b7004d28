"""What is known of an operation so far: its resources by part, each with its state. Pure; the live sink draws it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from fsdcf.cli.parts import PARTS, part_of
from fsdcf.deploy.events import is_cancellation, is_root
from fsdcf.deploy.model import Plan, Seen

State = Literal["pending", "active", "done", "failed", "kept"]

_WEIGHTS: tuple[State, ...] = ("failed", "active", "pending")
_DOING = {
    "CREATE": "creating",
    "UPDATE": "updating",
    "DELETE": "deleting",
    "IMPORT": "adopting",
    "ROLLBACK": "rolling back",
    "UPDATE_ROLLBACK": "rolling back",
    "IMPORT_ROLLBACK": "rolling back",
    "REVIEW": "reviewing",
}


@dataclass(frozen=True)
class Row:
    """A resource: its state, what happens to it in a word, since when (seconds of the operation), and why it failed.

    ``broke``: it failed for a reason of its own, perhaps before it was rolled back.
    """

    logical_id: str
    type: str
    state: State = "pending"
    doing: str = ""
    since: float = 0.0
    reason: str = ""
    broke: bool = False


@dataclass(frozen=True)
class Part:
    """A part of the service with its resources in the order in which they were first heard of."""

    name: str
    rows: tuple[Row, ...]

    @property
    def finished(self) -> int:
        """How many of them are through."""
        return sum(row.state in ("done", "kept") for row in self.rows)

    @property
    def state(self) -> State:
        """The part's own: failed if one of them failed, else active, else pending, and done once all are through."""
        found = {row.state for row in self.rows}
        return next((state for state in _WEIGHTS if state in found), "done")

    @property
    def begun(self) -> bool:
        """Whether anything was done to one of them."""
        return any(row.state != "pending" for row in self.rows)


@dataclass
class Tree:
    """All resources, by logical id, and the stack's own state."""

    rows: dict[str, Row] = field(default_factory=dict)
    status: str = ""

    def expect(self, plan: Plan) -> None:
        """The resources of a plan are pending."""
        self.rows = {change.logical_id: Row(change.logical_id, change.type) for change in plan.changes}

    def see(self, seen: Seen) -> None:
        """A stack event changes the state of its resource, or that of the stack."""
        event = seen.event
        if is_root(event):
            self.status = event.status
            return
        old = self.rows.get(event.logical_id) or Row(event.logical_id, event.type)
        state, doing = _state(event.status), doing_of(event.status)
        since = old.since if (old.state, old.doing) == (state, doing) else seen.elapsed
        broke = old.broke or (state == "failed" and not is_cancellation(event))
        self.rows[event.logical_id] = replace(
            old, state=state, doing=doing, since=since, reason=event.reason, broke=broke
        )

    def parts(self) -> tuple[Part, ...]:
        """The resources by part, in the order of the parts."""
        grouped: dict[str, list[Row]] = {name: [] for name in PARTS}
        for row in self.rows.values():
            grouped[part_of(row.type, row.logical_id)].append(row)
        return tuple(Part(name, tuple(rows)) for name, rows in grouped.items() if rows)

    @property
    def undone(self) -> bool:
        """Whether all that was begun has been rolled back."""
        return self.status.endswith("ROLLBACK_COMPLETE")

    def active(self) -> tuple[Row, ...]:
        """What is under way, the longest first."""
        return tuple(sorted(_of(self.rows.values(), "active"), key=lambda row: row.since))


def doing_of(status: str) -> str:
    """``CREATE_IN_PROGRESS`` -> ``creating``; the status in plain letters where it is a new one."""
    for suffix in ("_IN_PROGRESS", "_COMPLETE", "_FAILED", "_SKIPPED"):
        if status.endswith(suffix):
            word = status.removesuffix(suffix).removesuffix("_CLEANUP").removesuffix("_COMPLETE")
            return _DOING.get(word, word.lower().replace("_", " "))
    return status.lower().replace("_", " ")


def _state(status: str) -> State:
    if status.endswith("_FAILED"):
        return "failed"
    if status.endswith("_SKIPPED"):
        return "kept"
    return "done" if status.endswith("_COMPLETE") else "active"


def _of(rows: Iterable[Row], state: State) -> list[Row]:
    return [row for row in rows if row.state == state]
