"""SQLite or DynamoDB: what a workload is, which store bears it, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

SQLITE, DYNAMODB, POSTGRESQL = "sqlite", "dynamodb", "postgresql"
NAMES = {SQLITE: "SQLite", DYNAMODB: "DynamoDB", POSTGRESQL: "PostgreSQL"}

REQUESTS = Decimal(1000)
"""Requests a second: SQLite is for fewer."""

WRITES = Decimal(100)
"""Writes a second: above that it is DynamoDB. A transaction of SQLite with the journal mode DELETE and synchronous FULL waits for the
disk four times (counted with strace), and EFS takes 2.7 ms for a write at best: so about 10 ms, one after the other.
Source: https://docs.aws.amazon.com/efs/latest/ug/performance.html"""

SIZE = Decimal(100)
"""GB: SQLite is for less."""

MOVE_SIZE = Decimal(50)
"""GB: a file above that should begin to move."""

LATENCY = Decimal(10)
"""Milliseconds: below that, which is what DynamoDB promises, a transaction on EFS is too slow."""

SURE_LATENCY = Decimal(50)
"""Milliseconds: within that a write on EFS is likely, not certain, for it waits for the writes before it."""

NOT_SAID = "not said"


class ContradictionError(ValueError):
    """A workload that cannot be; the text says what contradicts what."""


@dataclass(frozen=True)
class Workload:
    """What a service asks of its store; None for what nobody said.

    ``requests`` and ``writes`` are per second, writes being requests too; ``size`` is in GB of 10^9 bytes, ``latency`` the milliseconds
    that a query may take. ``writers`` are the tasks that write, and ``writers_from`` says what tells their number, where it is no
    option. ``sql`` asks for joins and aggregations; the data of a ``prototype`` may be lost.
    """

    requests: Decimal | None = None
    writes: Decimal | None = None
    size: Decimal | None = None
    writers: int | None = None
    writers_from: str = ""
    sql: bool = False
    latency: Decimal | None = None
    prototype: bool = False


@dataclass(frozen=True)
class Factor:
    """A row of the matrix: what is asked for, and what each store bears. ``against`` has a clause for each store that it rules out."""

    name: str
    yours: str
    sqlite: str
    dynamodb: str
    against: Mapping[str, str]
    said: bool = True


@dataclass(frozen=True)
class Sign:
    """A sign that it is time to leave SQLite, and whether it is there ``now``."""

    text: str
    now: bool = False


@dataclass(frozen=True)
class Advice:
    """The recommended store, the verdict in a sentence that names it first, and what it rests on."""

    store: str
    verdict: str
    factors: tuple[Factor, ...]
    signs: tuple[Sign, ...]
    cautions: tuple[str, ...] = ()

    def fits(self, store: str) -> bool:
        """Whether nothing speaks against SQLite, or DynamoDB."""
        return not any(store in one.against for one in self.factors)


def checked(workload: Workload) -> Workload:
    """The workload, if it can be. Raises ContradictionError."""
    requests, writes, writers = workload.requests, workload.writes, workload.writers
    if requests is not None and writes is not None and writes > requests:
        raise ContradictionError(
            f"{a_second(writes, 'write')} are more than {a_second(requests, 'request')}: a write is a request too"
        )
    if workload.prototype and writers is not None and writers > 1:
        by = f" ({workload.writers_from})" if workload.writers_from else ""
        raise ContradictionError(
            f"a prototype keeps its data in one task, and {writers:,} tasks write{by}: leave --prototype out, or say --writers 1"
        )
    if writes == 0 and writers is not None and writers > 1 and not workload.writers_from:
        raise ContradictionError(
            f"{writers:,} tasks write, at 0 writes/s: leave --writers out, or say how much they write"
        )
    return workload


def advise(workload: Workload, present: frozenset[str] = frozenset()) -> Advice:
    """What to take for a workload that can be. ``present`` are the stores that the service has already.

    A service that has DynamoDB alone keeps it, unless it wants what DynamoDB has not, or is a prototype.
    """
    factors = tuple(_factors(workload))
    against = {store: [one.against[store] for one in factors if store in one.against] for store in (SQLITE, DYNAMODB)}
    signs = tuple(_signs(workload))
    if not against[SQLITE]:
        if present == {DYNAMODB} and not against[DYNAMODB] and not workload.prototype:
            verdict = "DynamoDB, which is there already: SQLite would bear this too, but a move back gains little"
            return Advice(DYNAMODB, verdict, factors, signs, tuple(_cautions(workload, DYNAMODB)))
        return Advice(SQLITE, _sqlite_verdict(workload, factors), factors, signs, tuple(_cautions(workload, SQLITE)))
    if not against[DYNAMODB]:
        verdict = f"DynamoDB, since SQLite does not bear this: {listed(against[SQLITE])}"
        return Advice(DYNAMODB, verdict, factors, signs, tuple(_cautions(workload, DYNAMODB)))
    verdict = (
        "Neither fits; take a server such as PostgreSQL, on Amazon RDS or Aurora: "
        f"{listed(against[SQLITE])}, which is too much for SQLite, and {listed(against[DYNAMODB])}, which DynamoDB has not"
    )
    return Advice(POSTGRESQL, verdict, factors, signs, tuple(_cautions(workload, POSTGRESQL)))


def _sqlite_verdict(workload: Workload, factors: tuple[Factor, ...]) -> str:
    if workload.prototype:
        return "SQLite, on the disk of the task: it is a prototype, whose data may be lost with the task"
    if workload.size is not None and workload.size > MOVE_SIZE:
        return (
            f"SQLite, while you plan the move to DynamoDB: {gigabytes(workload.size)} are over {gigabytes(MOVE_SIZE)}"
        )
    told = [one.yours for one in factors if one.said and one.name in ("requests", "writes", "size", "queries")]
    return (
        f"SQLite: one file with one writer bears {listed(told)}"
        if told
        else "SQLite: nothing that is known asks for more than one file with one writer"
    )


def _factors(workload: Workload) -> Iterator[Factor]:
    yield _measured(
        "requests", _rate(workload.requests, "request"), ("below 1,000/s", "above that too"), _too_many(workload)
    )
    yield _measured("writes", _rate(workload.writes, "write"), ("up to 100/s", "above that too"), _too_busy(workload))
    yield _measured("size", _size(workload.size), ("below 100 GB", "unlimited"), _too_large(workload))
    writers = NOT_SAID if workload.writers is None else f"{workload.writers:,} task{'s' * (workload.writers > 1)}"
    source = f" ({workload.writers_from})" if workload.writers_from else ""
    several = {SQLITE: f"{workload.writers:,} tasks write"} if (workload.writers or 1) > 1 else {}
    yield Factor("writers", writers + source, "one writer", "several writers", several, workload.writers is not None)
    joins = {DYNAMODB: "full SQL"} if workload.sql else {}
    yield Factor(
        "queries",
        "full SQL" if workload.sql else NOT_SAID,
        "full SQL",
        "by key or index, no joins",
        joins,
        workload.sql,
    )
    yield _latency(workload)
    yield (
        Factor("data may be lost", "yes", "the task's own disk will do", "it is kept all the same", {})
        if workload.prototype
        else _backups()
    )
    yield Factor("local work", "", "works offline: a file", "needs credentials, or a local stand-in", {}, False)
    cost = "no cost" if workload.prototype else "no cost of its own, but its file system's"
    yield Factor("cost", "", cost, "by request and GB", {}, False)


def _backups() -> Factor:
    return Factor(
        "backups", "", "daily, of its file system", "automatic, and point-in-time recovery within 35 days", {}, False
    )


def _measured(name: str, yours: str, bears: tuple[str, str], against: str) -> Factor:
    return Factor(name, yours, *bears, {SQLITE: against} if against else {}, yours != NOT_SAID)


def _rate(rate: Decimal | None, what: str) -> str:
    return NOT_SAID if rate is None else a_second(rate, what)


def _size(size: Decimal | None) -> str:
    return NOT_SAID if size is None else gigabytes(size)


def _too_many(workload: Workload) -> str:
    rate = workload.requests
    return f"{said(rate)} requests/s are not below {said(REQUESTS)}" if rate is not None and rate >= REQUESTS else ""


def _too_busy(workload: Workload) -> str:
    rate = workload.writes
    return f"{said(rate)} writes/s are above {said(WRITES)}" if rate is not None and rate > WRITES else ""


def _too_large(workload: Workload) -> str:
    size = workload.size
    return f"{gigabytes(size)} are not below {gigabytes(SIZE)}" if size is not None and size >= SIZE else ""


def _latency(workload: Workload) -> Factor:
    limit = workload.latency
    yours = NOT_SAID if limit is None else f"at most {said(limit)} ms"
    if workload.prototype:
        return Factor("latency", yours, "that of the task's own disk", "single-digit ms", {}, limit is not None)
    slow = {SQLITE: f"answers are due within {said(limit)} ms"} if limit is not None and limit < LATENCY else {}
    fast = "single-digit ms" if limit is None or limit >= 1 else "single-digit ms, less with a cache"
    return Factor("latency", yours, "10 ms or more for a write on EFS", fast, slow, limit is not None)


def _signs(workload: Workload) -> Iterator[Sign]:
    """What tells that SQLite is outgrown. What the logs show, nobody can say beforehand."""
    yield Sign(f"the file is over {gigabytes(MOVE_SIZE)}", workload.size is not None and workload.size > MOVE_SIZE)
    yield Sign('the logs show "database is locked": writes wait for each other')
    yield Sign("more than one task has to write", workload.writers is not None and workload.writers > 1)
    yield Sign("queries take longer than they may", bool(_latency(workload).against))


def _cautions(workload: Workload, store: str) -> Iterator[str]:
    """What goes with the verdict and is easily overlooked."""
    if store == DYNAMODB and workload.prototype:
        yield "A prototype may begin on SQLite all the same, with less load than this."
    close = workload.latency is not None and workload.latency < SURE_LATENCY
    if store == SQLITE and close and not workload.prototype:
        yield f"A write takes {said(LATENCY)} ms or more on EFS, and waits for those before it: measure it before you promise less than {said(SURE_LATENCY)} ms."
    if store != SQLITE and workload.latency is not None and workload.latency < 1:
        yield f"{said(workload.latency)} ms are less than a data base across the network promises: put a cache before it."


def listed(words: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def a_second(rate: Decimal, what: str) -> str:
    """``1 request/s``, ``200 writes/s``."""
    return f"{said(rate)} {what}{'s' * (rate != 1)}/s"


def said(value: Decimal) -> str:
    """A number for a reader: three decimals at most, cut and not rounded, thousands apart; whole only where it is so.

    100.0001 is above a limit of 100, and would not look it.
    """
    cut = value.quantize(Decimal("0.001"), ROUND_DOWN)
    cut = value if cut == cut.to_integral_value() else cut
    text = f"{cut:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def gigabytes(size: Decimal) -> str:
    """A size in GB, in the unit that suits it: ``500 MB``, ``5 GB``, ``1.2 TB``."""
    for unit, factor in (("TB", Decimal("0.001")), ("GB", Decimal(1)), ("MB", Decimal(1000))):
        if size * factor >= 1:
            return f"{said(size * factor)} {unit}"
    return f"{said(size * 10**6)} KB" if size else "0 GB"
