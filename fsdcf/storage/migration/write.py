"""Writing: rows become batches, batches go out in parallel at a bounded rate, and what is done is noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fsdcf.storage.migration.checkpoint import Done, save
from fsdcf.storage.migration.mapping import Encoder
from fsdcf.storage.migration.model import Item, Migration, Progress, Tell
from fsdcf.storage.migration.preflight import units_of
from fsdcf.storage.migration.pump import pump
from fsdcf.storage.migration.rate import Limiter
from fsdcf.storage.migration.target import BATCH_BYTES, BATCH_ITEMS, Target

EVERY = 0.5
"""Seconds between two writings of the checkpoint: what a crash makes a resume do again."""


@dataclass
class Batch:
    """Items that go out together: the rows from ``first`` on, with their bytes and write units."""

    first: int
    items: list[Item] = field(default_factory=list)
    bytes: int = 0
    units: int = 0

    @property
    def end(self) -> int:
        """The number of the row after its last one."""
        return self.first + len(self.items)


def batches(rows: Iterable[tuple[Any, ...]], done: Done, encode: Encoder) -> Iterator[Batch]:
    """The rows that are not done yet, in batches that DynamoDB takes. ``rows`` begin after the first ``done.through``."""
    holes = [tuple(one) for one in done.beyond]
    batch = Batch(done.through)
    for number, row in enumerate(rows, done.through):
        while holes and number >= holes[0][1]:
            holes.pop(0)
        if holes and number >= holes[0][0]:
            if batch.items:
                yield batch
            batch = Batch(holes[0][1])
            continue
        item, size, _ = encode(row)
        if len(batch.items) == BATCH_ITEMS or (batch.items and batch.bytes + size > BATCH_BYTES):
            yield batch
            batch = Batch(number)
        batch.items.append(item)
        batch.bytes += size
        batch.units += units_of(size)
    if batch.items:
        yield batch


def write(
    rows: Iterable[tuple[Any, ...]],
    total: int,
    done: Done,
    encode: Encoder,
    target: Target,
    migration: Migration,
    tell: Tell,
    clock: Callable[[], float],
) -> None:
    """Put every item that is not done yet. Whatever ends it, the checkpoint says how far it came."""
    rate = migration.rate
    limiter, saved = Limiter(rate.per_second if rate else None, clock), clock()

    def paced() -> Iterator[Batch]:
        for batch in batches(rows, done, encode):
            target.sleep(limiter.wait_for(batch.units if rate and rate.units else len(batch.items)))
            yield batch

    def work(batch: Batch) -> dict[str, int]:
        if migration.mode != "keep":
            target.put_batch(batch.items)
            return {"written": len(batch.items)}
        results = [target.put_new(item, encode.key_of(item)) for item in batch.items]
        return {one: results.count(one) for one in set(results)}

    def settle(batch: Batch, counts: dict[str, int]) -> None:
        nonlocal saved
        done.mark(batch.first, batch.end, counts)
        if clock() - saved >= EVERY:
            saved = clock()
            save(migration.checkpoint, done)
            tell(Progress("write", done.count, total))

    try:
        pump(paced(), work, settle, migration.workers, target.stop.set)
        done.finished = True
    finally:
        save(migration.checkpoint, done)
    tell(Progress("write", done.count, total))
