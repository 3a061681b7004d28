"""The load that a bill is made for: what was said of a workload, what is assumed beside it, and what it moves on each store."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fsdcf.storage.advice import Workload, a_second, gigabytes

RATIO = 10
"""One request in ten writes, where one of the two is not said."""

REQUESTS, SIZE = Decimal(10), Decimal(5)
"""Requests a second and GB, where nothing is said: a small service, as ``fsdcf cost`` assumes it."""

WRITE_KILOBYTES = Decimal(16)
"""What a write of one row with one index moves, in the journal and in the file: 14 KB were counted with strace, and EFS meters in
steps of 4 KB. Source: https://docs.aws.amazon.com/efs/latest/ug/metered-sizes.html"""

READ_KILOBYTES, READ_SHARE = Decimal(4), Decimal("0.1")
"""A page of SQLite, and the share of reads that the task's memory does not answer."""

_KIBI, _GIBI = Decimal(1024), Decimal(1 << 30)


@dataclass(frozen=True)
class Load:
    """Requests and writes per second, and GB of 10^9 bytes; ``assumed`` are sentences on what nobody said."""

    requests: Decimal
    writes: Decimal
    size: Decimal
    assumed: tuple[str, ...]

    @property
    def reads(self) -> Decimal:
        return self.requests - self.writes

    @property
    def written(self) -> Decimal:
        """Kilobytes a second that go to the file system."""
        return self.writes * WRITE_KILOBYTES

    @property
    def read(self) -> Decimal:
        """Kilobytes a second that come from the file system."""
        return self.reads * READ_KILOBYTES * READ_SHARE

    @property
    def within_baseline(self) -> bool:
        """Whether EFS with bursting throughput bears this all day: 50 KiB/s for each GiB, and 1 MiB/s at least; a read counts a third.

        Sources: https://docs.aws.amazon.com/efs/latest/ug/performance.html and
        https://aws.amazon.com/about-aws/whats-new/2020/06/amazon-efs--increases-file-system-minimum-throughput/
        """
        baseline = max(_KIBI, 50 * self.size * 10**9 / _GIBI)
        return (self.written + self.read / 3) * 1000 / _KIBI <= baseline


def load(workload: Workload) -> Load:
    """The load of a workload, with what is assumed where it says nothing."""
    requests, writes, size = workload.requests, workload.writes, workload.size
    assumed = []
    if requests is None:
        requests = writes * RATIO if writes else REQUESTS
        assumed.append(f"{a_second(requests, 'request')}, on average over the month")
    if writes is None:
        writes = requests / RATIO
        assumed.append(f"{a_second(writes, 'write')}, one request in ten")
    if size is None:
        size = SIZE
        assumed.append(gigabytes(size))
    assumed += [
        f"EFS: a write moves {WRITE_KILOBYTES} KB, the changed pages in journal and file; one read in ten goes to the file, for "
        f"{READ_KILOBYTES} KB",
        "DynamoDB: on demand, items up to 1 KB, strongly consistent reads (others cost half), no index (each takes the writes and the size again)",
        "the tasks cost the same with either store, and are left out",
    ]
    return Load(requests, writes, size, tuple(assumed))
