"""One moment in the life of a stack: its documents in hand, what is told of it, and what is put on the agenda."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fsdcf.sandbox.cloudformation import events, records
from fsdcf.sandbox.cloudformation.records import LEFTOVER, ROW, Record
from fsdcf.sandbox.world import World


@dataclass(frozen=True)
class Play:
    """A moment (epoch seconds) of a stack's operation. Both documents are changed in place, and saved by ``save``."""

    world: World
    at: float
    stack: Record
    operation: Record

    @property
    def id(self) -> str:
        """The stack's ARN."""
        return str(self.stack["id"])

    @property
    def steps(self) -> dict[str, Record]:
        """The steps of the phase that runs, by key."""
        steps: dict[str, Record] = self.operation["steps"]
        return steps

    def save(self) -> None:
        """Writes both documents."""
        records.save_stack(self.world, self.stack)
        records.save_operation(self.world, self.id, self.operation)

    def later(self, seconds: float, action: str, **payload: Any) -> None:
        """Puts an action of this stack on the agenda; ``seconds`` are AWS's, which the world's pace shortens."""
        due = self.at + self.world.lasting(seconds)
        self.world.store.schedule(due, f"cloudformation.{action}", {"stack": self.id, **payload}, tag=self.id)

    def status(self, status: str, reason: str | None = None) -> None:
        """The stack gets a status, with an event."""
        events.of_stack(self.world, self.at, self.stack, self.operation, status, reason)

    def told(self, row: Record, status: str, reason: str | None = None, **details: Any) -> None:
        """A resource gets a status, with an event; it is saved where it belongs."""
        row |= {"status": status, "reason": reason, "at": self.at}
        self.keep(row)
        events.of_resource(self.world, self.at, self.stack, self.operation, row, details)

    def keep(self, row: Record) -> None:
        """Saves a resource: among the stack's, or among what is to be deleted."""
        kind, key = (LEFTOVER, row["leftover"]) if row.get("leftover") else (ROW, row["logical"])
        records.save_row(self.world, self.id, kind, key, row)


def opened(world: World, at: float, stack: str) -> Play | None:
    """The stack (by ARN) and its operation at this moment; None if one of them is gone."""
    found, operation = world.store.get(records.STACK, stack), records.operation(world, stack)
    return None if found is None or operation is None else Play(world, at, found, operation)
