"""Reading back: the count of the table, and items compared by hash with the rows that they came from, some or all."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fsdcf.storage.migration.mapping import Encoder, key_text
from fsdcf.storage.migration.model import Item, Migration, Progress, Report, Tell
from fsdcf.storage.migration.pump import pump
from fsdcf.storage.migration.target import BATCH_BYTES, READ_ITEMS, Target
from fsdcf.storage.migration.values import canonical

_SHOWN = 5


@dataclass
class Expected:
    """What should be there: the hash of each item by its key, and the keys to ask for."""

    hashes: dict[str, bytes] = field(default_factory=dict)
    keys: list[Item] = field(default_factory=list)
    bytes: int = 0


def count(target: Target, report: Report, workers: int, tell: Tell) -> None:
    """Count the table, which was empty at first, in parallel."""
    total = 0
    tell(Progress("count", 0, report.rows))

    def settle(segment: int, found: int) -> None:
        nonlocal total
        total += found
        if found:
            tell(Progress("count", total, report.rows))

    pump(range(workers), lambda segment: target.count(segment, workers), settle, workers, target.stop.set)
    report.counted = total


def compare(
    rows: Iterable[tuple[Any, ...]],
    encode: Encoder,
    target: Target,
    migration: Migration,
    report: Report,
    tell: Tell,
    chance: random.Random,
) -> None:
    """Read items back, by chance or all of them, and compare. Where live data is kept, an item may differ but must be there."""
    chosen: set[int] | None = None
    if migration.verify == "sample" and migration.sample < report.rows:
        chosen = set(chance.sample(range(report.rows), migration.sample))
    total = report.rows if chosen is None else len(chosen)

    def settle(expected: Expected, wrong: list[str]) -> None:
        report.checked += len(expected.keys)
        report.mismatches += len(wrong)
        report.wrong += wrong[: _SHOWN - len(report.wrong)]
        tell(Progress("verify", report.checked, total))

    def work(expected: Expected) -> list[str]:
        found = {}
        for item in target.get_batch(expected.keys):
            found[key_text(encode.key_of(item))] = _hash(item)
        absent = [f"{key}: absent" for key in expected.hashes if key not in found]
        if migration.mode == "keep":
            return absent
        return absent + [
            f"{key}: differs" for key, wanted in expected.hashes.items() if found.get(key, wanted) != wanted
        ]

    pump(_expected(rows, encode, chosen), work, settle, migration.workers, target.stop.set)


def _expected(rows: Iterable[tuple[Any, ...]], encode: Encoder, chosen: set[int] | None) -> Iterator[Expected]:
    expected = Expected()
    for number, row in enumerate(rows):
        if chosen is not None and number not in chosen:
            continue
        item, size, _ = encode(row)
        key = encode.key_of(item)
        expected.keys.append(key)
        expected.hashes[key_text(key)] = _hash(item)
        expected.bytes += size
        if len(expected.keys) == READ_ITEMS or expected.bytes > BATCH_BYTES:
            yield expected
            expected = Expected()
    if expected.keys:
        yield expected


def _hash(item: Item) -> bytes:
    return hashlib.blake2b(canonical(item), digest_size=16).digest()
