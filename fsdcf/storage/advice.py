"""Recommend a store for a workload, give the reasons, and complete the load for a cost estimate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

SQLITE, DSQL, RDS, DYNAMODB = "sqlite", "dsql", "rds", "dynamodb"
TITLES: Mapping[str, str] = {SQLITE: "SQLite", DSQL: "Aurora DSQL", RDS: "Amazon RDS", DYNAMODB: "DynamoDB"}
"""The stores, in the order in which a service grows."""

MAX_REQUESTS = Decimal(1000)
"""Requests per second: SQLite is recommended below this."""

MAX_WRITES = Decimal(100)
"""Writes per second: DynamoDB is recommended above this.

A SQLite transaction with journal mode DELETE and synchronous FULL waits for the disk four times (counted with strace),
and EFS takes at least 2.7 ms for a write: about 10 ms for each write, one after the other.
Source: https://docs.aws.amazon.com/efs/latest/ug/performance.html"""

MAX_SIZE = Decimal(100)
"""GB: SQLite is recommended below this."""

MOVE_SIZE = Decimal(50)
"""GB: plan the move to DynamoDB for a file larger than this."""

MAX_DSQL_REQUESTS = Decimal(30)
"""Requests per second: for more, an instance of RDS with a standby costs less than what DSQL charges by request, at the
assumed DPU and the prices of ``fsdcf cost``."""

MAX_DSQL_SIZE, MAX_RDS_SIZE = Decimal(10_000), Decimal(64_000)
"""GB in a DSQL cluster, unless AWS raises its quota, and in an instance of RDS.
Sources: https://docs.aws.amazon.com/aurora-dsql/latest/userguide/CHAP_quotas.html and
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html"""

MIN_LATENCY = Decimal(10)
"""Milliseconds: if answers are required faster, as DynamoDB promises, a transaction on EFS is too slow."""

SAFE_LATENCY = Decimal(50)
"""Milliseconds: a write on EFS probably takes less, but it waits for the writes before it."""

NOT_GIVEN = "not given"


class ContradictionError(ValueError):
    """A workload whose values contradict each other; the text names them."""


@dataclass(frozen=True)
class Workload:
    """The requirements of a service for its data store; None if a value is not given.

    ``requests`` (including writes) and ``writes`` are per second; ``size`` is in GB of 10^9 bytes, ``latency`` the
    maximum duration of a query in milliseconds. ``writers`` is the number of tasks that write, ``writers_from`` the
    source of that number unless it is an option. ``sql`` requires joins and aggregations, ``server`` what only a
    database server has, such as extensions and triggers; the data of a ``prototype`` may be lost.
    """

    requests: Decimal | None = None
    writes: Decimal | None = None
    size: Decimal | None = None
    writers: int | None = None
    writers_from: str = ""
    sql: bool = False
    server: bool = False
    latency: Decimal | None = None
    prototype: bool = False


@dataclass(frozen=True)
class Factor:
    """A row of the comparison: the requirement and what each store ``offers``.

    ``yours`` is NOT_GIVEN if the workload lacks the requirement, and empty for what is not required. ``against`` has
    the reason for each store that the requirement rules out.
    """

    name: str
    yours: str
    offers: Mapping[str, str]
    against: Mapping[str, str] = field(default_factory=dict)

    @property
    def given(self) -> bool:
        """Whether the workload contains the requirement."""
        return self.yours not in ("", NOT_GIVEN)


@dataclass(frozen=True)
class Sign:
    """A sign that it is time to leave SQLite; ``now``: the workload shows it."""

    text: str
    now: bool = False


@dataclass(frozen=True)
class StorageAdvice:
    """The recommended store, the verdict in a sentence that names it first, and the reasons."""

    store: str
    verdict: str
    factors: tuple[Factor, ...]
    signs: tuple[Sign, ...]
    cautions: tuple[str, ...] = ()

    def fits(self, store: str) -> bool:
        """Whether no requirement rules out the store."""
        return not any(store in factor.against for factor in self.factors)


def validate(workload: Workload) -> Workload:
    """Return the workload. Raises ContradictionError if its values contradict each other."""
    requests, writes, writers = workload.requests, workload.writes, workload.writers
    if requests is not None and writes is not None and writes > requests:
        raise ContradictionError(
            f"{format_rate(writes, 'write')} are more than {format_rate(requests, 'request')}: writes count as requests"
        )
    if writers is None or writers <= 1:
        return workload
    if workload.prototype:
        source = _source(workload)
        raise ContradictionError(
            f"a prototype keeps its data in one task, but {writers:,} tasks write{source}: remove --prototype, or set"
            " --writers 1"
        )
    if writes == 0 and not workload.writers_from:
        raise ContradictionError(
            f"{writers:,} tasks write, but with 0 writes/s: remove --writers, or give the number of writes"
        )
    return workload


def advise(workload: Workload, present: frozenset[str] = frozenset()) -> StorageAdvice:
    """Recommend a store for a valid workload. ``present`` are the stores that the service already uses.

    A service keeps a store beyond SQLite, if it has one alone, unless it requires what this does not support, or is a
    prototype.
    """
    factors = tuple(_factors(workload))
    against = {store: [one.against[store] for one in factors if store in one.against] for store in TITLES}
    kept = next(iter(present)) if len(present) == 1 and not workload.prototype else SQLITE
    if kept != SQLITE and not against[kept] and (not against[SQLITE] or kept != DYNAMODB):
        store = kept
        verdict = f"{TITLES[store]}, which the service already uses"
        if not against[SQLITE]:
            verdict += ": SQLite would be sufficient, but there is little to gain from a move back"
    elif not against[SQLITE]:
        store, verdict = SQLITE, _sqlite_verdict(workload, factors)
    else:
        store = _beyond_sqlite(workload, against)
        verdict = f"{TITLES[store]}, because SQLite is not sufficient: {join_words(against[SQLITE])}"
        if missing := [reason for reason in against[DYNAMODB] if reason not in against[SQLITE]]:
            verdict += f"; and DynamoDB does not support {join_words(missing)}"
        if store == RDS and not against[DSQL]:
            verdict += f"; for more than {format_rate(MAX_DSQL_REQUESTS, 'request')} an instance costs less than DSQL"
    return StorageAdvice(store, verdict, factors, tuple(_signs(workload)), tuple(_cautions(workload, store, against)))


def _beyond_sqlite(workload: Workload, against: Mapping[str, list[str]]) -> str:
    """The store for what is too much for SQLite."""
    if not against[DYNAMODB]:
        return DYNAMODB
    rate = workload.requests if workload.requests is not None else workload.writes
    if not against[DSQL] and (against[RDS] or (rate or 0) <= MAX_DSQL_REQUESTS):
        return DSQL
    return RDS


def _sqlite_verdict(workload: Workload, factors: tuple[Factor, ...]) -> str:
    if workload.prototype:
        return "SQLite, on the disk of the task: the data of a prototype may be lost with its task"
    if workload.size is not None and workload.size > MOVE_SIZE:
        size = format_size(workload.size)
        return f"SQLite, but plan the move to another store: {size} exceed {format_size(MOVE_SIZE)}"
    given = [f.yours for f in factors if f.given and f.name in ("requests", "writes", "size", "queries")]
    if given:
        return f"SQLite: one file with one writer is sufficient for {join_words(given)}"
    return "SQLite: no known requirement exceeds one file with one writer"


def _factors(workload: Workload) -> Iterator[Factor]:
    requests, writes, size, writers = workload.requests, workload.writes, workload.size, workload.writers
    over = f"at or above {format_number(MAX_REQUESTS)}" if (requests or 0) >= MAX_REQUESTS else ""
    yours = NOT_GIVEN if requests is None else format_rate(requests, "request")
    yield _measured("requests", yours, _offers("below 1,000/s", "any rate", "by its class", "any rate"), over)
    over = f"above {format_number(MAX_WRITES)}" if (writes or 0) > MAX_WRITES else ""
    yours = NOT_GIVEN if writes is None else format_rate(writes, "write")
    yield _measured("writes", yours, _offers("up to 100/s", "any rate", "by its class", "any rate"), over)
    yield _size(size)
    yours = NOT_GIVEN if writers is None else f"{writers:,} task{'s' * (writers > 1)}"
    several = {SQLITE: f"{writers:,} tasks write"} if (writers or 0) > 1 else {}
    yield Factor("writers", yours + _source(workload), _offers("one", "several", "several", "several"), several)
    yield _queries(workload)
    yield _latency(workload)
    if workload.prototype:
        kept = "data is kept anyway"
        yield Factor("data may be lost", "yes", _offers("the task's own disk is sufficient", kept, kept, kept))
    else:
        offers = _offers("daily, of its file system", "with AWS Backup", "7 days, any second", "35 days, any second")
        yield Factor("backups", "", offers)
    offers = _offers("offline: a file", "PostgreSQL, nearly", "the same engine", "a local substitute")
    yield Factor("local work", "", offers)
    cost = "no cost" if workload.prototype else "only the cost of its file system"
    yield Factor("cost", "", _offers(cost, "per request and GB", "per hour and GB", "per request and GB"))


def _offers(sqlite: str, dsql: str, rds: str, dynamodb: str) -> Mapping[str, str]:
    return {SQLITE: sqlite, DSQL: dsql, RDS: rds, DYNAMODB: dynamodb}


def _size(size: Decimal | None) -> Factor:
    yours = NOT_GIVEN if size is None else format_size(size)
    limits = {SQLITE: MAX_SIZE, DSQL: MAX_DSQL_SIZE, RDS: MAX_RDS_SIZE}
    offers = _offers("below 100 GB", "below 10 TB", "below 64 TB", "unlimited")
    against = {
        store: f"{yours} are at or above {format_size(limit)}"
        for store, limit in limits.items()
        if (size or 0) >= limit
    }
    return Factor("size", yours, offers, against)


def _queries(workload: Workload) -> Factor:
    offers = _offers("full SQL", "SQL, no foreign keys", "full SQL, extensions", "by key or index, no joins")
    if workload.server:
        missing = "the features of a database server are required"
        return Factor("queries", "a server's features", offers, dict.fromkeys((SQLITE, DSQL, DYNAMODB), missing))
    joins = {DYNAMODB: "full SQL"} if workload.sql else {}
    return Factor("queries", joins.get(DYNAMODB, NOT_GIVEN), offers, joins)


def _measured(name: str, yours: str, offers: Mapping[str, str], over: str) -> Factor:
    return Factor(name, yours, offers, {SQLITE: f"{yours} are {over}"} if over else {})


def _source(workload: Workload) -> str:
    return f" ({workload.writers_from})" if workload.writers_from else ""


def _latency(workload: Workload) -> Factor:
    limit = workload.latency
    yours = NOT_GIVEN if limit is None else f"at most {format_number(limit)} ms"
    fast = "single-digit ms"
    if workload.prototype:
        return Factor("latency", yours, _offers("that of the task's disk", fast, fast, fast))
    slow = {}
    if limit is not None and limit < MIN_LATENCY:
        slow = {SQLITE: f"responses are required within {format_number(limit)} ms"}
        fast += ", less with a cache" if limit < 1 else ""
    return Factor("latency", yours, _offers("10 ms or more on EFS", fast, fast, fast), slow)


def _signs(workload: Workload) -> Iterator[Sign]:
    """The signs that a service outgrows SQLite. The logs of a running service are not known here."""
    yield Sign(f"the file is larger than {format_size(MOVE_SIZE)}", (workload.size or 0) > MOVE_SIZE)
    yield Sign('the logs contain "database is locked": writes wait for each other')
    yield Sign("more than one task must write", (workload.writers or 0) > 1)
    yield Sign("queries take longer than allowed", bool(_latency(workload).against))


def _cautions(workload: Workload, store: str, against: Mapping[str, list[str]]) -> Iterator[str]:
    latency = workload.latency
    if against[store]:
        yield f"{TITLES[store]} does not fit either: {join_words(against[store])}. Divide the data between stores."
    if store == DSQL:
        yield "DSQL has no foreign keys, triggers or extensions: with --server, another store is recommended."
    if store == DYNAMODB and workload.prototype:
        yield "A prototype can still start on SQLite with less load than this."
    if store == SQLITE and latency is not None and latency < SAFE_LATENCY and not workload.prototype:
        yield (
            f"A write takes {format_number(MIN_LATENCY)} ms or more on EFS and waits for the writes before it: measure"
            f" before you promise less than {format_number(SAFE_LATENCY)} ms."
        )
    if store != SQLITE and latency is not None and latency < 1:
        yield f"{format_number(latency)} ms are less than a networked database can guarantee: add a cache."


DEFAULT_REQUESTS, DEFAULT_SIZE = Decimal(10), Decimal(5)
"""Requests per second and GB assumed if not given: a small service, as in ``fsdcf cost``."""

REQUESTS_PER_WRITE = 10
"""One request in ten is assumed to write if only one of the two numbers is given."""

WRITE_KILOBYTES = Decimal(16)
"""Data transferred by a write of one row with one index, in the journal and the file: 14 KB counted with strace, and
EFS meters in steps of 4 KB. Source: https://docs.aws.amazon.com/efs/latest/ug/metered-sizes.html"""

DSQL_READ, DSQL_WRITE = Decimal("0.06"), Decimal("0.14")
"""DPU of a request: a query of 120 rows in AWS's example of EXPLAIN, and a transaction of TPC-C, of which 700,000 take
100,000 DPU. Sources: https://docs.aws.amazon.com/aurora-dsql/latest/userguide/understanding-dpus-explain-analyze.html
and https://aws.amazon.com/rds/aurora/dsql/pricing/"""

READ_KILOBYTES, READ_SHARE = Decimal(4), Decimal("0.1")
"""The size of a SQLite page, and the share of reads that are not answered from the task's memory."""

_KIBI, _GIBI = Decimal(1024), Decimal(1 << 30)


@dataclass(frozen=True)
class Load:
    """The load for a cost estimate: requests and writes per second, and GB of 10^9 bytes.

    ``assumed`` lists the assumptions as sentences.
    """

    requests: Decimal
    writes: Decimal
    size: Decimal
    assumed: tuple[str, ...]

    @property
    def reads(self) -> Decimal:
        return self.requests - self.writes

    @property
    def dpus(self) -> Decimal:
        """What DSQL charges for the load, per second."""
        return self.reads * DSQL_READ + self.writes * DSQL_WRITE

    @property
    def written(self) -> Decimal:
        """Kilobytes per second written to the file system."""
        return self.writes * WRITE_KILOBYTES

    @property
    def read(self) -> Decimal:
        """Kilobytes per second read from the file system."""
        return self.reads * READ_KILOBYTES * READ_SHARE

    @property
    def within_baseline(self) -> bool:
        """Whether EFS with bursting throughput sustains the load: 50 KiB/s per GiB, at least 1 MiB/s; reads count a
        third.

        Sources: https://docs.aws.amazon.com/efs/latest/ug/performance.html and
        https://aws.amazon.com/about-aws/whats-new/2020/06/amazon-efs--increases-file-system-minimum-throughput/
        """
        baseline = max(_KIBI, 50 * self.size * 10**9 / _GIBI)
        return (self.written + self.read / 3) * 1000 / _KIBI <= baseline


def load(workload: Workload) -> Load:
    """The load of a workload, completed with assumptions."""
    requests, writes, size = workload.requests, workload.writes, workload.size
    assumed = []
    if requests is None:
        requests = writes * REQUESTS_PER_WRITE if writes else DEFAULT_REQUESTS
        assumed.append(f"{format_rate(requests, 'request')}, on average over the month")
    if writes is None:
        writes = requests / REQUESTS_PER_WRITE
        assumed.append(f"{format_rate(writes, 'write')}, one request in ten")
    if size is None:
        size = DEFAULT_SIZE
        assumed.append(format_size(size))
    assumed += [
        f"EFS: a write transfers {WRITE_KILOBYTES} KB, the changed pages in the journal and the file; one read in ten"
        f" is not in memory and transfers {READ_KILOBYTES} KB",
        f"Aurora DSQL: {DSQL_READ} DPU for a read and {DSQL_WRITE} for a write, as in examples of AWS; queries differ",
        "Amazon RDS: a small instance in one zone, which may be too small, with twice the storage",
        "DynamoDB: on demand, items up to 1 KB, strongly consistent reads (others cost half), no index (each repeats"
        " the writes and the size)",
        "the tasks are not included, because they cost the same with each store",
    ]
    return Load(requests, writes, size, tuple(assumed))


def join_words(words: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def format_rate(rate: Decimal, noun: str) -> str:
    """``1 request/s``, ``200 writes/s``."""
    return f"{format_number(rate)} {noun}{'s' * (rate != 1)}/s"


def format_number(value: Decimal) -> str:
    """Format a number with thousands separators and at most three decimals, cut and not rounded.

    A fraction that would be cut to a whole number is kept: 100.0001 is above a limit of 100 and must not look equal.
    """
    cut = value.quantize(Decimal("0.001"), ROUND_DOWN)
    cut = value if cut == cut.to_integral_value() else cut
    text = f"{cut:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_size(size: Decimal) -> str:
    """Format a size in GB with a suitable unit: ``500 MB``, ``5 GB``, ``1.2 TB``."""
    for unit, factor in (("TB", Decimal("0.001")), ("GB", Decimal(1)), ("MB", Decimal(1000))):
        if size * factor >= 1:
            return f"{format_number(size * factor)} {unit}"
    return f"{format_number(size * 10**6)} KB" if size else "0 GB"
