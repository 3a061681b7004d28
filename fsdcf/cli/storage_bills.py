"""What each store costs in a month for a load: by the template that its part of a spec makes, and the dated price table."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fsdcf.pipeline import Request, run
from fsdcf.plan.cost.assumptions import assumed
from fsdcf.plan.cost.estimate import Estimate, estimate
from fsdcf.plan.cost.model import SECONDS, Line
from fsdcf.plan.cost.prices import Prices
from fsdcf.plan.cost.report import money
from fsdcf.storage.advice import DYNAMODB, POSTGRESQL, SQLITE, Workload
from fsdcf.storage.load import Load
from fsdcf.storage.snippets import FREE_DISK, FileSystem, InUse, snippet

_HEAD = "apiVersion: fsd/v1\nkind: Service\nmetadata: {name: advice}\nservice: {healthCheck: {container: {command: exit 0}}}\n"
_MILLION = Decimal(10) ** 6


@dataclass(frozen=True)
class Bill:
    """What a store costs in a month; ``total`` is None where the price table does not tell."""

    store: str
    title: str
    total: Decimal | None
    lines: tuple[Line, ...] = ()
    note: str = ""


def bills(load: Load, prices: Prices, used: InUse, on_disk: bool, server: bool) -> tuple[Bill, ...]:
    """The bills of SQLite and DynamoDB. ``on_disk`` is for SQLite without a file system; with ``server`` that of PostgreSQL too."""
    system = next((one for one in used.file_systems if one.managed), FileSystem("new"))
    found = _estimated(load, prices, system)
    files = tuple(line for line in found.lines if line.price.name.startswith("efs."))
    table = tuple(line for line in found.lines if line.price.name.startswith("dynamodb."))
    disk = Bill(
        SQLITE, "SQLite on the task's disk", Decimal(0), note=f"{FREE_DISK} GB of disk are in the price of a task"
    )
    sqlite = (
        disk if on_disk else Bill(SQLITE, "SQLite on EFS", _total(files), files, _bursting(load, files, prices, system))
    )
    unknown = (
        "the price table has no data base servers: one that runs all month is billed by the hour, whatever the load"
    )
    more = (Bill(POSTGRESQL, "PostgreSQL on Amazon RDS", None, note=unknown),) if server else ()
    return (sqlite, Bill(DYNAMODB, "DynamoDB", _total(table), table), *more)


def _estimated(load: Load, prices: Prices, system: FileSystem) -> Estimate:
    """The estimate of a service that has both stores: SQLite on this file system, a table with the defaults of the language."""
    plain = FileSystem("new", bursting=system.bursting, backup=system.backup)
    parts = [snippet(store, Workload(), InUse(file_systems=(plain,))).text for store in (SQLITE, DYNAMODB)]
    text = _HEAD + parts[0] + parts[1].removeprefix("dependencies:\n")
    template = run(Request("advice", text.encode(), "staging")).template
    assert template is not None  # noqa: S101 - our own text, which a test compiles
    usage = {
        "dynamodb-writes-per-second": load.writes,
        "dynamodb-reads-per-second": load.reads,
        "dynamodb-gigabytes": load.size,
        "efs-gigabytes": load.size,
        "efs-read-gigabytes": load.read * SECONDS / _MILLION,
        "efs-write-gigabytes": load.written * SECONDS / _MILLION,
    }
    return estimate(template.data, prices, {**assumed(), **usage})


def _total(lines: tuple[Line, ...]) -> Decimal:
    return sum((line.amount.maximum for line in lines), Decimal(0))


def _bursting(load: Load, files: tuple[Line, ...], prices: Prices, system: FileSystem) -> str:
    """What the bill would be where EFS does not count what is read and written, and whether it then bears the load."""
    fits = (
        "this load is within what it bears all day"
        if load.within_baseline
        else "this load is more than it bears all day"
    )
    if system.bursting:
        return f"the file system has `throughputMode: bursting`, so reads and writes cost nothing; {fits}"
    traffic = tuple(line for line in files if line.price.name in ("efs.read", "efs.write"))
    rest = money(_total(files) - _total(traffic))
    return (
        f"with `throughputMode: bursting` on the file system {rest} {prices.currency}, without reads and writes; {fits}"
    )
