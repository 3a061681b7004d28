"""``fsdcf advise storage``: SQLite or DynamoDB, with the reasons, the cost of each, and what the spec needs."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import click

from fsdcf.cli.compiled import compiled
from fsdcf.cli.options import compile_options
from fsdcf.cli.render.stream import painter
from fsdcf.cli.render.values import visible
from fsdcf.cloudformation.pricing import SECONDS, CostLine, Prices
from fsdcf.compiler.access import is_managed
from fsdcf.compiler.dependencies.dynamodb_table import DynamoDbTable
from fsdcf.compiler.dependencies.dynamodb_table import managed as manages_table
from fsdcf.compiler.dependencies.efs_file_system import EfsFileSystem
from fsdcf.diagnostics import Paint, plain
from fsdcf.language.dependency import SqliteFile, sqlite_file
from fsdcf.language.model.service import Spec
from fsdcf.language.names import local_name
from fsdcf.pipeline import Request, run
from fsdcf.plan.cost.estimate import Estimate, estimate
from fsdcf.plan.cost.prices import assumed, shipped
from fsdcf.plan.cost.report import how_of, money, name_of
from fsdcf.storage.advice import (
    DYNAMODB,
    POSTGRESQL,
    SQLITE,
    ContradictionError,
    Factor,
    Load,
    StorageAdvice,
    Workload,
    advise,
    format_number,
    load,
    validate,
)
from fsdcf.storage.snippets import FREE_DISK, Database, FileSystem, InUse, Snippet, SpecTable, snippet

_HEAD = "apiVersion: fsd/v1\nkind: Service\nmetadata: {name: advice}\nservice: {healthCheck: {container: {command: exit 0}}}\n"
_MILLION = Decimal(10) ** 6


@dataclass(frozen=True)
class Bill:
    """What a store costs in a month; ``total`` is None where the price table does not tell."""

    store: str
    title: str
    total: Decimal | None
    lines: tuple[CostLine, ...] = ()
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


def _total(lines: tuple[CostLine, ...]) -> Decimal:
    return sum((line.amount.maximum for line in lines), Decimal(0))


def _bursting(load: Load, files: tuple[CostLine, ...], prices: Prices, system: FileSystem) -> str:
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


_HEADS = ("", "asked for", "SQLite", "DynamoDB")


@dataclass(frozen=True)
class Consultation:
    """Everything that is said: ``now`` is what the service has, where a spec tells, and ``steps`` are what to do next."""

    workload: Workload
    advice: StorageAdvice
    load: Load
    bills: tuple[Bill, ...]
    prices: Prices
    snippet: Snippet
    now: str = ""
    steps: tuple[str, ...] = ()


def lines(found: Consultation, paint: Paint = plain) -> Iterator[str]:
    """The advice, the verdict first."""
    yield paint(found.advice.verdict, "strong")
    yield from (f"  {visible(one)}" for one in (found.now, *found.advice.cautions) if one)
    yield from ("", paint("why", "strong"))
    yield from _matrix(found.advice.factors)
    yield from ("", paint("signs that it is time to leave SQLite", "strong"))
    yield from (
        f"  {'! ' if one.now else '- '}{one.text}{', and so it is here' if one.now else ''}"
        for one in found.advice.signs
    )
    prices = found.prices
    yield from ("", paint(f"cost in {prices.currency} a month ({prices.region}, prices of {prices.date})", "strong"))
    yield from _costs(found.bills)
    yield from ("", paint("assumed", "strong"))
    yield from (f"  {one}" for one in found.load.assumed)
    if found.steps:
        yield from ("", paint("next", "strong"))
        yield from (f"  {number}. {visible(one)}" for number, one in enumerate(found.steps, 1))
    if found.snippet.text:
        yield from ("", paint("in the spec already" if found.snippet.present else "for the spec", "strong"), "")
        yield found.snippet.text.rstrip("\n")


def _matrix(factors: tuple[Factor, ...]) -> Iterator[str]:
    rows = [_HEADS, *((one.name, one.yours, _cell(one, SQLITE), _cell(one, DYNAMODB)) for one in factors)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row[:3], widths, strict=True)]
        yield f"  {'  '.join([*cells, row[3]])}".rstrip()


def _cell(factor: Factor, store: str) -> str:
    """What a store bears, with yes or no where something was said."""
    text = factor.sqlite if store == SQLITE else factor.dynamodb
    return f"{'no' if store in factor.against else 'yes'}: {text}" if factor.given else text


def _costs(bills: tuple[Bill, ...]) -> Iterator[str]:
    rows = [row for bill in bills for row in _rows(bill)]
    names = max(len(name) for name, amount, _ in rows if amount)
    amounts = max(len(amount) for _, amount, _ in rows)
    for name, amount, how in rows:
        yield f"  {name.ljust(names)}  {amount.rjust(amounts)}  {how}".rstrip() if amount else f"  {name}"


def _rows(bill: Bill) -> Iterator[tuple[str, str, str]]:
    yield bill.title, "?" if bill.total is None else money(bill.total), ""
    for line in bill.lines:
        yield f"  {name_of(line)}", money(line.amount.maximum), how_of(line)
    if bill.note:
        yield f"  {bill.note}", "", ""


def record(found: Consultation) -> dict[str, Any]:
    """The advice as plain data; rates per second, size in GB, latency in milliseconds, amounts to the hundredth of a cent."""
    asked, load, prices = found.workload, found.load, found.prices
    return {
        "verdict": found.advice.verdict,
        "recommended": found.advice.store,
        "fits": {store: found.advice.fits(store) for store in (SQLITE, DYNAMODB)},
        "workload": {
            "requests": _float(asked.requests),
            "writes": _float(asked.writes),
            "size": _float(asked.size),
            "writers": asked.writers,
            "writersFrom": asked.writers_from or None,
            "sql": asked.sql,
            "latency": _float(asked.latency),
            "prototype": asked.prototype,
        },
        "now": found.now or None,
        "cautions": list(found.advice.cautions),
        "factors": [_factor(one) for one in found.advice.factors],
        "signs": [{"text": one.text, "now": one.now} for one in found.advice.signs],
        "cost": {
            "region": prices.region,
            "currency": prices.currency,
            "pricesDate": prices.date,
            "load": {"requests": float(load.requests), "writes": float(load.writes), "size": float(load.size)},
            "assumed": list(load.assumed),
            "monthly": [_bill(one) for one in found.bills],
        },
        "next": list(found.steps),
        "snippet": found.snippet.text,
        "snippetPresent": found.snippet.present,
    }


def _factor(one: Factor) -> dict[str, Any]:
    stores = {
        store: {"bears": text, "fits": (store not in one.against) if one.given else None}
        for store, text in ((SQLITE, one.sqlite), (DYNAMODB, one.dynamodb))
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


OPTIONS = ("--requests", "--writes", "--size", "--writers", "--sql", "--latency", "--prototype", "--spec")
"""Any of them is enough for advice."""

SINGLE_DIGIT = "9ms"
"""What ``--latency`` means where no time follows it."""

_MOST = Decimal(10) ** 12
_POWERS = "KMGTP"
_MILLISECONDS = {"us": Decimal("0.001"), "µs": Decimal("0.001"), "ms": Decimal(1), "": Decimal(1), "s": Decimal(1000)}
_Command = Callable[..., Any]
_T = TypeVar("_T")


def rate(text: str) -> Decimal:
    """A number of requests a second. Raises ValueError."""
    found = _number(text)
    if found is None:
        raise ValueError(f"{text!r} is no number of requests a second: write one such as 200 or 0.5")
    return found


def size(text: str) -> Decimal:
    """A size in GB of 10^9 bytes: ``5GB``, ``500 MB``, ``1.5TiB``; a number alone is in GB. Raises ValueError."""
    found = re.fullmatch(r"(.*?)\s*(?:([KMGTP])(i?)B|(B))?", text.strip(), re.I)
    number = _number(found[1]) if found else None
    if found is None or number is None:
        raise ValueError(f"{text!r} is no size: write one such as 500MB, 5GB or 1TB")
    if found[4]:
        return number / 10**9
    power = _POWERS.index((found[2] or "G").upper()) + 1
    return number * Decimal(1024 if found[3] else 1000) ** power / 10**9


def latency(text: str) -> Decimal:
    """A time in milliseconds: ``9ms``, ``0.5s``; a number alone is in milliseconds. Raises ValueError."""
    found = re.fullmatch(r"(.*?)\s*(us|µs|ms|s)?", text.strip(), re.I)
    number = _number(found[1]) if found else None
    if found is None or not number:
        raise ValueError(f"{text!r} is no time that a query may take: write one such as 20ms")
    return number * _MILLISECONDS[(found[2] or "").lower()]


def _number(text: str) -> Decimal | None:
    """A number that is not negative and not beyond reason; None where the text is none."""
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and not found.is_signed() and found <= _MOST else None


def _option(
    name: str, parse: Callable[[str], Decimal], metavar: str, text: str, **more: Any
) -> Callable[[_Command], _Command]:
    def callback(context: click.Context, parameter: click.Parameter, written: str | None) -> Decimal | None:
        return None if written is None else _usage(parse, written)

    return click.option(name, callback=callback, metavar=metavar, help=text, **more)


def _usage(parse: Callable[[str], _T], text: str) -> _T:
    try:
        return parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


class Command(click.Command):
    """A command with ``workload_options``. After ``--latency``, which needs no value, click takes a negative time for an option."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        for before, text in pairwise(args):
            if before == "--latency" and re.match(r"-[0-9.]", text):
                _usage(latency, text)
        return super().parse_args(context, args)


def workload_options(command: _Command) -> _Command:
    """``--requests``, ``--writes``, ``--size``, ``--writers``, ``--sql``, ``--latency`` and ``--prototype``."""
    alone = f"Longest that a query may take, such as 20ms; alone: {SINGLE_DIGIT}."
    for add in (
        click.option("--prototype", is_flag=True, help="The data may be lost with the task."),
        _option("--latency", latency, "[TIME]", alone, is_flag=False, flag_value=SINGLE_DIGIT),
        click.option("--sql", is_flag=True, help="Full SQL is needed: joins, aggregations."),
        click.option("--writers", type=click.IntRange(1), metavar="N", help="Tasks that write."),
        _option("--size", size, "SIZE", "Size of the data, such as 5GB."),
        _option("--writes", rate, "N", "Those of the requests that write, per second."),
        _option("--requests", rate, "N", "Requests to the store per second, reads and writes."),
    ):
        command = add(command)
    return command


def asked() -> Workload:
    """The workload as somebody at the terminal tells it; an empty answer says nothing."""
    click.echo("Press Enter where you do not know.", err=True)
    prototype = _yes("Is it a prototype, whose data may be lost?")
    requests = _ask("Requests per second, reads and writes", rate)
    writes = _ask("Writes per second", lambda text: _within(rate(text), requests))
    stored = _ask("Size of the data, such as 5GB", size)
    writers = None if prototype else _ask("Tasks that write", _tasks)
    return Workload(
        requests=requests,
        writes=writes,
        size=stored,
        writers=writers,
        sql=_yes("Is full SQL needed: joins, aggregations?"),
        latency=_ask("Longest that a query may take, such as 20ms", latency),
        prototype=prototype,
    )


def as_options(workload: Workload) -> str:
    """The options that say the same."""
    told = (
        ("--requests", workload.requests, ""),
        ("--writes", workload.writes, ""),
        ("--size", workload.size, "GB"),
        ("--writers", workload.writers, ""),
        ("--latency", workload.latency, "ms"),
    )
    words = [f"{name} {Decimal(value):f}{unit}" for name, value, unit in told if value is not None]
    return " ".join([*words, *(["--sql"] if workload.sql else []), *(["--prototype"] if workload.prototype else [])])


def _yes(question: str) -> bool:
    return click.confirm(question, default=False, err=True)


def _ask(question: str, parse: Callable[[str], _T]) -> _T | None:
    """An answer; what cannot be is said, and asked for again."""
    return click.prompt(
        question,
        default="",
        show_default=False,
        err=True,
        value_proc=lambda text: _usage(parse, text) if text.strip() else None,
    )


def _within(writes: Decimal, requests: Decimal | None) -> Decimal:
    if requests is not None and writes > requests:
        raise ValueError(
            f"{format_number(writes)} are more than {format_number(requests)} requests: a write is a request too"
        )
    return writes


def _tasks(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text.strip()) or not int(text):
        raise ValueError(f"{text!r} is no number of tasks: write 1 or more")
    return int(text)


def in_use(spec: Spec) -> InUse:
    """The stores of a spec."""
    dependencies = spec.dependencies
    return InUse(
        service=spec.metadata.name,
        databases=tuple(
            Database(str(one.name), local_name(one.name), one.path, one.ephemeral)
            for one in dependencies
            if isinstance(one, SqliteFile)
        ),
        tables=tuple(_table(one) for one in dependencies if isinstance(one, DynamoDbTable)),
        file_systems=tuple(_system(one) for one in dependencies if isinstance(one, EfsFileSystem)),
        mounts=tuple(one.mount_path for one in spec.service.volumes if one.efs and not one.read_only),
        scales=spec.service.auto_scaling is not None,
        tasks=spec.service.resources.desired_count,
    )


def _system(one: EfsFileSystem) -> FileSystem:
    ours = is_managed(one)
    return FileSystem(
        str(one.name), one.mount_point, ours, ours and one.throughput_mode == "bursting", not ours or one.backup
    )


def _table(one: DynamoDbTable) -> SpecTable:
    kinds = {attribute.name: attribute.type for attribute in one.attributes}
    key = (
        tuple((element.name, element.type, kinds[element.name]) for element in one.key_schema)
        if manages_table(one)
        else ()
    )
    return SpecTable(str(one.name), local_name(one.name), key)


def writers(spec: Spec, used: InUse) -> tuple[int | None, str]:
    """How many tasks write, and what tells so; None where the spec does not say: its default is one task with SQLite."""
    if spec.service.auto_scaling is not None:
        return max(1, spec.service.auto_scaling.max_count), "service.autoScaling.maxCount"
    if any(not one.ephemeral for one in used.databases):
        return 1, "SQLite has one"
    if used.tasks is not None:
        return max(1, used.tasks), "service.resources.desiredCount"
    return None, ""


def files(spec: Spec) -> dict[str, str]:
    """The file of each SQLite data base, by its name."""
    databases = (one for one in spec.dependencies if isinstance(one, SqliteFile))
    return {str(one.name): sqlite_file(one, spec) or "" for one in databases}


def told(spec: Spec, used: InUse) -> str:
    """The stores of a spec in a sentence."""
    paths = files(spec)
    words = [
        f"SQLite ({one.name} in {paths[one.name]}{', lost with its task' if one.ephemeral else ''})"
        for one in used.databases
    ]
    words += [f"DynamoDB ({one.name})" for one in used.tables]
    if not words:
        return "no store yet"
    return " and ".join(words)


@dataclass(frozen=True)
class _Typed:
    """What names the spec to a command that compiles it, and to one that looks at the running service; the files of its data bases."""

    spec: str
    service: str
    files: dict[str, str]


@click.command(cls=Command)
@workload_options
@click.option(
    "--spec", "file", type=click.Path(path_type=Path), metavar="SPEC", help="Start from the tasks and stores of a spec."
)
@compile_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the advice.",
)
@click.pass_context
def command(
    context: click.Context,
    requests: Decimal | None,
    writes: Decimal | None,
    size: Decimal | None,
    writers: int | None,
    sql: bool,
    latency: Decimal | None,
    prototype: bool,
    file: Path | None,
    environment: str | None,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    form: str,
) -> None:
    """Say whether SQLite or DynamoDB suits a service: the verdict first, then why, what each costs, and what the spec needs.

    Asks on a terminal where no option says anything. What is not said speaks for neither store.
    """
    workload = Workload(requests, writes, size, writers, "", sql, latency, prototype)
    if file is None:
        if environment or overrides or variables:
            raise click.UsageError("--env, --override and --var go with --spec")
        if workload == Workload():
            workload = _from_terminal()
        found = _consulted(workload, InUse(), "", None)
    else:
        spec = _spec(context, file, environment, overrides, variables)
        used = in_use(spec)
        typed = _typed(file, environment, overrides, variables, files(spec))
        found = _consulted(_with_tasks(workload, spec, used), used, f"{file} has {told(spec, used)}", typed)
    if form == "json":
        click.echo(json.dumps(record(found), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(lines(found, painter(sys.stdout))), color=True)


def _from_terminal() -> Workload:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(f"say something of the data: {', '.join(OPTIONS)}; on a terminal you are asked")
    workload = asked()
    if workload != Workload():
        click.echo(f"the same without questions: fsdcf advise storage {as_options(workload)}\n", err=True)
    return workload


def _spec(
    context: click.Context, file: Path, environment: str | None, overrides: tuple[str, ...], variables: tuple[str, ...]
) -> Spec:
    (one,) = compiled(context, (file,), environment, overrides, variables, advice=False)
    if one.result is None or one.result.spec is None:
        raise click.UsageError(f"--spec: {str(file)!r} is a template, and no spec")
    return one.result.spec


def _with_tasks(workload: Workload, spec: Spec, used: InUse) -> Workload:
    """The workload with the spec's number of tasks, where no option gives one."""
    if workload.writers is not None:
        return workload
    count, source = writers(spec, used)
    return replace(workload, writers=count, writers_from=source)


def _consulted(workload: Workload, used: InUse, now: str, typed: _Typed | None) -> Consultation:
    try:
        validate(workload)
    except ContradictionError as error:
        raise click.UsageError(str(error)) from None
    advice = advise(workload, used.stores)
    assumed, prices = load(workload), shipped()
    on_disk = workload.prototype and not any(not one.ephemeral for one in used.databases)
    cost = bills(assumed, prices, used, on_disk, advice.store == POSTGRESQL)
    part = snippet(advice.store, workload, used)
    return Consultation(workload, advice, assumed, cost, prices, part, now, _steps(advice, part, used, typed))


def _steps(advice: StorageAdvice, part: Snippet, used: InUse, typed: _Typed | None) -> tuple[str, ...]:
    """What to do next: for whoever named a spec with the commands."""
    kept = [one for one in used.databases if not one.ephemeral]
    if typed is None:
        return part.also
    if advice.store == DYNAMODB and kept:
        (table, *_) = [one.local for one in used.tables] or [used.base]
        add = () if used.tables else ("put the table below beside SQLite in the spec", *part.also)
        source = f"--table {shlex.quote(table)} --from {shlex.quote(typed.files[kept[0].name])}"
        return (
            *add,
            f"put the migration into the image, as a script: fsdcf migrate-data {typed.spec} {source} --emit-script migrate.pyz",
            f"deploy it: fsdcf deploy {typed.spec}",
            f"stop the service, so that it writes nothing meanwhile: fsdcf scale {typed.service} 0",
            f"move the data: fsdcf run {typed.service} -- python migrate.pyz",
            "let the code use the table, and deploy again",
            "take sqlite_database out of the spec; the file system is kept",
        )
    if advice.store == SQLITE and kept:
        return (
            f"look for the second sign now and then: fsdcf logs {typed.service} --since 24h --filter '\"database is locked\"'",
        )
    return (
        part.also
        if part.present
        else (*part.also, f"put the part below into the spec, and check it: fsdcf validate {typed.spec}")
    )


def _typed(
    file: Path, environment: str | None, overrides: tuple[str, ...], variables: tuple[str, ...], files: dict[str, str]
) -> _Typed:
    service = [str(file), *(["--env", environment] if environment else [])]
    words = [word for one in overrides for word in ("--override", one)]
    words += [word for one in variables for word in ("--var", one)]
    return _Typed(shlex.join([*service, *words]), shlex.join(service), files)
