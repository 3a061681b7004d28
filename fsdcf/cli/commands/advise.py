"""``fsdcf advise``: a store for a service, with the reasons, the cost of each, and what the spec needs."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import click

from fsdcf.cli.compiled import compile_files
from fsdcf.cli.lazy import LazyGroup, Table
from fsdcf.cli.options import SpecInputs, format_option, spec_inputs
from fsdcf.cli.render.stream import LineWriter, json_text, painter
from fsdcf.cloudformation.pricing import SECONDS, CostLine, Prices
from fsdcf.compiler.access import is_managed
from fsdcf.compiler.dependencies.dsql_cluster import DsqlCluster
from fsdcf.compiler.dependencies.dynamodb_table import DynamoDbTable, key_attributes
from fsdcf.compiler.dependencies.efs_file_system import EfsFileSystem
from fsdcf.compiler.dependencies.rds_instance import RdsInstance
from fsdcf.diagnostics import Paint, plain
from fsdcf.language.dependency import SqliteFile, sqlite_file
from fsdcf.language.model.service import Spec
from fsdcf.language.names import local_name
from fsdcf.pipeline import Request, run
from fsdcf.plan.cost.estimate import Estimate, estimate
from fsdcf.plan.cost.prices import assumed, shipped
from fsdcf.plan.cost.report import how_of, money, name_of
from fsdcf.storage.advice import (
    DSQL,
    DYNAMODB,
    RDS,
    SQLITE,
    TITLES,
    ContradictionError,
    Factor,
    Load,
    StorageAdvice,
    Workload,
    advise,
    join_words,
    load,
    validate,
)
from fsdcf.storage.snippets import FREE_DISK, Database, FileSystem, InUse, Snippet, SpecTable, snippet
from fsdcf.suggested import Value, in_container, on_service, suggested
from fsdcf.wording import visible

OPTIONS = ("--requests", "--writes", "--size", "--writers", "--sql", "--server", "--latency", "--prototype", "--spec")
"""Any one of them is enough for an advice."""

SINGLE_DIGIT = "9ms"
"""The value of ``--latency`` without a time."""

_HEAD = """\
apiVersion: fsd/v1
kind: Service
metadata: {name: advice}
service: {healthCheck: {container: {command: exit 0}}}
"""
_MILLION = Decimal(10) ** 6
_MOST = Decimal(10) ** 12
_POWERS = "KMGTP"
_MILLISECONDS = {"us": Decimal("0.001"), "µs": Decimal("0.001"), "ms": Decimal(1), "": Decimal(1), "s": Decimal(1000)}
_T = TypeVar("_T")


class AdviceCommands(LazyGroup):
    """The decisions that fsdcf advises on."""

    sections: ClassVar[dict[str, Table]] = {
        "Commands": {
            "storage": (
                "advise",
                "Recommend SQLite, DSQL, RDS or DynamoDB for a service, with the cost of each.",
            )
        }
    }


@click.group(cls=AdviceCommands)
def advise_command() -> None:
    """Advise on a decision. AWS is not called."""


# The values that describe a workload, and the questions that replace the options.


class WorkloadCommand(click.Command):
    """Reject a negative time after ``--latency``, which click takes for another option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for before, text in pairwise(args):
            if before == "--latency" and re.match(r"-[0-9.]", text):
                latency(text)
        return super().parse_args(ctx, args)


def rate(text: str) -> Decimal:
    """A number of requests per second. A usage error for anything else."""
    number = _number(text)
    if number is None:
        raise click.BadParameter(f"{text!r} is not a number of requests per second: use one such as 200 or 0.5")
    return number


def size(text: str) -> Decimal:
    """A size in GB of 10^9 bytes: ``5GB``, ``500 MB``, ``1.5TiB``; a number alone is in GB. A usage error for anything
    else.
    """
    match = re.fullmatch(r"(.*?)(?:([KMGTP])(i?)B|(B))?", text.strip(), re.I)
    number = _number(match[1]) if match else None
    if match is None or number is None:
        raise click.BadParameter(f"{text!r} is not a size: use one such as 500MB, 5GB or 1TB")
    if match[4]:
        return number / 10**9
    power = _POWERS.index((match[2] or "G").upper()) + 1
    return number * Decimal(1024 if match[3] else 1000) ** power / 10**9


def latency(text: str) -> Decimal:
    """A time in milliseconds: ``9ms``, ``0.5s``; a number alone is in milliseconds. A usage error for
    anything else.
    """
    match = re.fullmatch(r"(.*?)(us|µs|ms|s)?", text.strip(), re.I)
    number = _number(match[1]) if match else None
    if match is None or not number:
        raise click.BadParameter(f"{text!r} is not a latency: use one such as 20ms")
    return number * _MILLISECONDS[(match[2] or "").lower()]


def _number(text: str) -> Decimal | None:
    """A number from zero to 10^12; None for anything else."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and not number.is_signed() and number <= _MOST else None


def ask_workload() -> Workload:
    """Ask for the workload at the terminal; an empty answer leaves a value open."""
    click.echo("Press Enter to skip a question.", err=True)
    prototype = click.confirm("Is it a prototype, whose data may be lost?", err=True)
    requests = _ask("Requests per second, reads and writes", rate)
    writes = _ask("Writes per second", lambda text: _valid(Workload(requests, rate(text))).writes)
    stored = _ask("Size of the data, such as 5GB", size)
    writers = None if prototype else _ask("Number of tasks that write", click.IntRange(1))
    return Workload(
        requests=requests,
        writes=writes,
        size=stored,
        writers=writers,
        sql=click.confirm("Is full SQL needed, such as joins and aggregations?", err=True),
        server=click.confirm("Is a database server needed, for extensions, triggers or foreign keys?", err=True),
        latency=_ask("Maximum latency of a query, such as 20ms", latency),
        prototype=prototype,
    )


def as_options(workload: Workload) -> dict[str, Value]:
    """The options that describe a workload."""
    units = {"requests": "", "writes": "", "size": "GB", "writers": "", "latency": "ms"}
    values = ((name, getattr(workload, name), unit) for name, unit in units.items())
    numbers = {name: f"{Decimal(value):f}{unit}" for name, value, unit in values if value is not None}
    return {**numbers, "sql": workload.sql, "server": workload.server, "prototype": workload.prototype}


def _ask(question: str, parse: Callable[[str], _T]) -> _T | None:
    """Ask until the answer is valid or empty."""
    return click.prompt(
        question,
        default="",
        show_default=False,
        err=True,
        value_proc=lambda text: parse(text) if text.strip() else None,
    )


def _valid(workload: Workload) -> Workload:
    """Return the workload. A usage error if its values contradict each other."""
    try:
        return validate(workload)
    except ContradictionError as error:
        raise click.UsageError(str(error)) from None


# The command.


@dataclass(frozen=True)
class Bill:
    """The monthly cost of a store; ``total`` is None if it is not in the price table."""

    store: str
    title: str
    total: Decimal | None
    lines: tuple[CostLine, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Consultation:
    """Everything that is printed. ``now`` describes the stores of the spec, and ``steps`` the next steps."""

    workload: Workload
    advice: StorageAdvice
    load: Load
    bills: tuple[Bill, ...]
    prices: Prices
    snippet: Snippet
    now: str = ""
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class _SpecNames:
    """How commands name the spec: one that compiles it, and one that uses the running service."""

    inputs: SpecInputs

    def compiling(self, name: str, **options: Value) -> str:
        """A command that compiles the spec."""
        return self.using(name, **options, **self.inputs.settings)

    def using(self, name: str, *arguments: str, **options: Value) -> str:
        """A command on the running service."""
        return on_service(name, str(self.inputs.files[0]), self.inputs.environment_option, *arguments, **options)


@click.command(cls=WorkloadCommand)
@click.option("--requests", type=rate, metavar="N", help="Requests to the store per second, reads and writes.")
@click.option("--writes", type=rate, metavar="N", help="Write requests per second, which are part of --requests.")
@click.option("--size", type=size, metavar="SIZE", help="Size of the data, such as 5GB.")
@click.option("--writers", type=click.IntRange(1), metavar="N", help="Number of tasks that write.")
@click.option("--sql", is_flag=True, help="Full SQL is needed, such as joins and aggregations.")
@click.option("--server", is_flag=True, help="A database server is needed: extensions, triggers, foreign keys, MySQL.")
@click.option(
    "--latency",
    type=latency,
    metavar="[TIME]",
    is_flag=False,
    flag_value=SINGLE_DIGIT,
    help=f"Maximum latency of a query, such as 20ms; without a time, {SINGLE_DIGIT}.",
)
@click.option("--prototype", is_flag=True, help="The data may be lost together with the task.")
@click.option(
    *("--spec", "file"),
    type=click.Path(path_type=Path),
    metavar="SPEC",
    help="Spec whose tasks and stores are considered.",
)
@spec_inputs(None)
@format_option("text", "json", help="Output format of the advice.")
def storage_command(file: Path | None, inputs: SpecInputs, form: str, **requirements: Any) -> None:
    """Recommend SQLite, Aurora DSQL, Amazon RDS or DynamoDB for a service.

    The command prints the verdict, the reasons, the cost of each store, and the snippet for the spec.

    Without options the command asks on a terminal. Values that you leave open count for no store.
    """
    workload = Workload(**requirements)
    if file is None:
        if inputs != SpecInputs():
            raise click.UsageError("--env, --override and --var need --spec")
        consultation = _consult(workload if workload != Workload() else _from_terminal(), InUse(), "", None)
    else:
        inputs = replace(inputs, files=(file,))
        (one,) = compile_files(inputs, warnings=False)
        if one.spec is None:
            raise click.UsageError(f"--spec: {str(file)!r} is a template, not a spec")
        used = in_use(one.spec)
        if workload.writers is None:
            count, source = writers(one.spec, used)
            workload = replace(workload, writers=count, writers_from=source)
        consultation = _consult(workload, used, f"{visible(file)} uses {_stores(used)}", _SpecNames(inputs))
    if form == "json":
        click.echo(json_text(record(consultation)))
    else:
        LineWriter(sys.stdout).lines(lines(consultation, painter(sys.stdout)))


def _from_terminal() -> Workload:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(
            f"describe the data with at least one of {', '.join(OPTIONS)}; on a terminal, the command asks for them"
        )
    workload = ask_workload()
    if workload != Workload():
        click.echo(
            f"to repeat it without questions: {suggested('advise', 'storage', **as_options(workload))}\n", err=True
        )
    return workload


def _consult(workload: Workload, used: InUse, now: str, names: _SpecNames | None) -> Consultation:
    advice = advise(_valid(workload), used.stores)
    assumed_load, prices = load(workload), shipped()
    on_disk = workload.prototype and all(database.ephemeral for database in used.databases)
    cost = bills(assumed_load, prices, used, on_disk)
    part = snippet(advice.store, workload, used)
    steps = _steps(advice, part, used, names)
    return Consultation(workload, advice, assumed_load, cost, prices, part, now, steps)


def _steps(advice: StorageAdvice, part: Snippet, used: InUse, names: _SpecNames | None) -> tuple[str, ...]:
    """The next steps, with commands if a spec was named."""
    kept = [database for database in used.databases if not database.ephemeral]
    if names is None:
        return part.also
    if advice.store in (DSQL, RDS) and kept:
        return (
            *(() if part.present else ("add the database below to the spec, beside SQLite",)),
            f"deploy the service: {names.compiling('deploy')}",
            f"stop the service, so that it does not write: {names.using('scale', '0')}",
            "copy the data, for example with pgloader in a task of the service: docs/how-to/sql-databases.md",
            "change the code to use the database, and deploy it",
            "remove sqlite_database from the spec; the file system is kept",
        )
    if advice.store == DYNAMODB and kept:
        (table, *_) = [table.local for table in used.tables] or [used.base]
        add = () if used.tables else ("add the table below to the spec, beside SQLite", *part.also)
        source = {"table": table, "from": kept[0].file, "emit_script": "migrate.pyz"}
        return (
            *add,
            f"add a migration script to the image: {names.compiling('migrate-data', **source)}",
            f"deploy the service: {names.compiling('deploy')}",
            f"stop the service, so that it does not write: {names.using('scale', '0')}",
            f"migrate the data: {in_container(names.using('run'), ('python', 'migrate.pyz'))}",
            "change the code to use the table, and deploy it",
            "remove sqlite_database from the spec; the file system is kept",
        )
    if advice.store == SQLITE and kept:
        command = names.using("logs", since="24h", filter='"database is locked"')
        return (f"check for the second sign from time to time: {command}",)
    if part.present:
        return part.also
    return (*part.also, f"add the snippet below to the spec, and check it: {names.compiling('validate')}")


# What a spec has.


def in_use(spec: Spec) -> InUse:
    """The stores of a spec."""
    dependencies = spec.dependencies
    return InUse(
        service=spec.metadata.name,
        databases=tuple(
            Database(str(one.name), local_name(one.name), one.path, one.ephemeral, sqlite_file(one, spec) or "")
            for one in dependencies
            if isinstance(one, SqliteFile)
        ),
        tables=tuple(
            SpecTable(str(one.name), local_name(one.name), key_attributes(one))
            for one in dependencies
            if isinstance(one, DynamoDbTable)
        ),
        servers=tuple(
            (store, str(one.name))
            for store, model in ((RDS, RdsInstance), (DSQL, DsqlCluster))
            for one in dependencies
            if isinstance(one, model)
        ),
        file_systems=tuple(_file_system(one) for one in dependencies if isinstance(one, EfsFileSystem)),
        mounts=tuple(volume.mount_path for volume in spec.service.volumes if volume.efs and not volume.read_only),
        scales=spec.service.auto_scaling is not None,
        tasks=spec.service.resources.desired_count,
    )


def _file_system(one: EfsFileSystem) -> FileSystem:
    managed = is_managed(one)
    bursting, backup = managed and one.throughput_mode == "bursting", not managed or one.backup
    return FileSystem(str(one.name), one.mount_point, managed, bursting, backup)


def writers(spec: Spec, used: InUse) -> tuple[int | None, str]:
    """The number of tasks that write, and the key that determines it; None if the spec leaves it open."""
    if spec.service.auto_scaling is not None:
        return max(1, spec.service.auto_scaling.max_count), "service.autoScaling.maxCount"
    if any(not database.ephemeral for database in used.databases):
        return 1, "SQLite has one"
    if used.tasks is not None:
        return max(1, used.tasks), "service.resources.desiredCount"
    return None, ""


def _stores(used: InUse) -> str:
    """The stores of a spec, as a phrase."""
    words = [
        f"SQLite ({one.name} in {one.file}{', lost with its task' if one.ephemeral else ''})" for one in used.databases
    ]
    words += [f"{TITLES[store]} ({name})" for store, name in used.servers]
    words += [f"DynamoDB ({one.name})" for one in used.tables]
    return join_words(words) if words else "no store yet"


# The cost.


def bills(load: Load, prices: Prices, used: InUse, on_disk: bool) -> tuple[Bill, ...]:
    """The bills of all stores. ``on_disk``: SQLite without a file system."""
    system = next((one for one in used.file_systems if one.managed), FileSystem("new"))
    estimated = _estimated(load, prices, system)
    files = tuple(line for line in estimated.lines if line.price.name.startswith("efs."))
    others = {
        store: tuple(line for line in estimated.lines if line.price.name.startswith(prices_of))
        for store, prices_of in ((DSQL, "dsql."), (RDS, ("rds.", "secret.")), (DYNAMODB, "dynamodb."))
    }
    if on_disk:
        note = f"{FREE_DISK} GB of disk are included in the price of a task"
        sqlite = Bill(SQLITE, "SQLite on the task's disk", Decimal(0), note=note)
    else:
        sqlite = Bill(SQLITE, "SQLite on EFS", _total(files), files, _bursting(load, files, prices, system))
    notes = {RDS: "a standby in another zone, `multiAz: true`, doubles it"}
    return sqlite, *(Bill(store, TITLES[store], _total(of), of, notes.get(store, "")) for store, of in others.items())


def _estimated(load: Load, prices: Prices, system: FileSystem) -> Estimate:
    """The estimate of a service with all stores: SQLite on this file system, and the others as the snippets have
    them."""
    new = FileSystem("new", bursting=system.bursting, backup=system.backup)
    stored = Workload(size=load.size)
    parts = [
        snippet(store, stored, InUse(file_systems=(new,))).text.removeprefix("dependencies:\n") for store in TITLES
    ]
    text = f"{_HEAD}dependencies:\n{''.join(parts)}"
    template = run(Request("advice", text.encode(), "staging")).template
    assert template is not None  # noqa: S101 - our own text, which a test compiles
    usage = {
        "dynamodb-writes-per-second": load.writes,
        "dynamodb-reads-per-second": load.reads,
        "dynamodb-gigabytes": load.size,
        "dsql-dpus": load.dpus * SECONDS,
        "dsql-gigabytes": load.size,
        "efs-gigabytes": load.size,
        "efs-read-gigabytes": load.read * SECONDS / _MILLION,
        "efs-write-gigabytes": load.written * SECONDS / _MILLION,
    }
    return estimate(template.data, prices, {**assumed(), **usage})


def _total(lines: tuple[CostLine, ...]) -> Decimal:
    return sum((line.amount.maximum for line in lines), Decimal(0))


def _bursting(load: Load, files: tuple[CostLine, ...], prices: Prices, system: FileSystem) -> str:
    """The cost in the bursting mode of EFS, which includes reads and writes, and whether it sustains the load."""
    fits = f"it can{'' if load.within_baseline else 'not'} sustain this load all day"
    if system.bursting:
        return f"the file system has `throughputMode: bursting`, so that reads and writes are free; {fits}"
    traffic = tuple(line for line in files if line.price.name in ("efs.read", "efs.write"))
    rest = f"{money(_total(files) - _total(traffic))} {prices.currency}"
    return f"with `throughputMode: bursting`, reads and writes are free and the file system costs {rest}; {fits}"


# The output.


def lines(consultation: Consultation, paint: Paint = plain) -> Iterator[str]:
    """The consultation as lines, verdict first."""
    advice, prices, snippet = consultation.advice, consultation.prices, consultation.snippet
    yield paint(advice.verdict, "strong")
    yield from (f"  {visible(text)}" for text in (consultation.now, *advice.cautions) if text)
    sections = {
        "reasons": _matrix(advice.factors),
        "signs that it is time to leave SQLite": (
            f"  ! {sign.text} (already true)" if sign.now else f"  - {sign.text}" for sign in advice.signs
        ),
        f"monthly cost in {prices.currency} ({prices.region}, prices of {prices.date})": _costs(consultation.bills),
        "assumed": (f"  {text}" for text in consultation.load.assumed),
        "next": (f"  {number}. {visible(step)}" for number, step in enumerate(consultation.steps, 1)),
        "already in the spec" if snippet.present else "for the spec": ("", *snippet.text.splitlines()),
    }
    for title, section in sections.items():
        if any(shown := list(section)):
            yield from ("", paint(title, "strong"), *shown)


def _matrix(factors: tuple[Factor, ...]) -> Iterator[str]:
    rows = [("", "required", *TITLES.values())]
    rows += [(one.name, one.yours, *(_cell(one, store) for store in TITLES)) for one in factors]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield f"  {'  '.join(text.ljust(width) for text, width in zip(row, widths, strict=True))}".rstrip()


def _cell(factor: Factor, store: str) -> str:
    """The capability of a store, with yes or no if there is a requirement."""
    text = factor.offers[store]
    return f"{'no' if store in factor.against else 'yes'}: {text}" if factor.given else text


def _costs(bills: tuple[Bill, ...]) -> Iterator[str]:
    rows: list[tuple[str, str, str]] = []
    for bill in bills:
        rows.append((bill.title, "?" if bill.total is None else money(bill.total), ""))
        rows += [(f"  {name_of(line)}", money(line.amount.maximum), how_of(line)) for line in bill.lines]
        rows += [(f"  {bill.note}", "", "")] if bill.note else []
    names = max(len(name) for name, amount, _ in rows if amount)
    amounts = max(len(amount) for _, amount, _ in rows)
    for name, amount, how in rows:
        yield f"  {name.ljust(names)}  {amount.rjust(amounts)}  {how}".rstrip() if amount else f"  {name}"


def record(consultation: Consultation) -> dict[str, Any]:
    """The consultation as plain data.

    Rates are per second, sizes in GB, latency in milliseconds, amounts to the hundredth of a cent.
    """
    workload, load, prices = consultation.workload, consultation.load, consultation.prices
    return {
        "verdict": consultation.advice.verdict,
        "recommended": consultation.advice.store,
        "fits": {store: consultation.advice.fits(store) for store in TITLES},
        "workload": {
            "requests": _float(workload.requests),
            "writes": _float(workload.writes),
            "size": _float(workload.size),
            "writers": workload.writers,
            "writersFrom": workload.writers_from or None,
            "sql": workload.sql,
            "server": workload.server,
            "latency": _float(workload.latency),
            "prototype": workload.prototype,
        },
        "now": consultation.now or None,
        "cautions": list(consultation.advice.cautions),
        "factors": [_factor(factor) for factor in consultation.advice.factors],
        "signs": [{"text": sign.text, "now": sign.now} for sign in consultation.advice.signs],
        "cost": {
            "region": prices.region,
            "currency": prices.currency,
            "pricesDate": prices.date,
            "load": {"requests": float(load.requests), "writes": float(load.writes), "size": float(load.size)},
            "assumed": list(load.assumed),
            "monthly": [_bill(bill) for bill in consultation.bills],
        },
        "next": list(consultation.steps),
        "snippet": consultation.snippet.text,
        "snippetPresent": consultation.snippet.present,
    }


def _factor(one: Factor) -> dict[str, Any]:
    stores = {
        store: {"text": text, "fits": (store not in one.against) if one.given else None}
        for store, text in one.offers.items()
    }
    return {"name": one.name, "asked": one.yours if one.given else None, **stores}


def _bill(bill: Bill) -> dict[str, Any]:
    details = [{"name": line.name, "amount": _float(line.amount.maximum), "how": how_of(line)} for line in bill.lines]
    return {
        "store": bill.store,
        "title": bill.title,
        "total": _float(bill.total),
        "lines": details,
        "note": bill.note or None,
    }


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(round(value, 4)) + 0.0
