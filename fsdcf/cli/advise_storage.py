"""``fsdcf advise storage``: SQLite or DynamoDB, with the reasons, the cost of each, and what the spec needs."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import click

from fsdcf.cli.advice_view import Consultation, lines, record
from fsdcf.cli.compiled import compiled
from fsdcf.cli.inputs import compile_options
from fsdcf.cli.paint import painter
from fsdcf.cli.storage_bills import bills
from fsdcf.cli.storage_in_use import files, in_use, told, writers
from fsdcf.cli.workload import OPTIONS, Command, as_options, asked, workload_options
from fsdcf.plan.cost.prices import shipped
from fsdcf.spec.model import Spec
from fsdcf.storage.advice import DYNAMODB, POSTGRESQL, SQLITE, Advice, ContradictionError, Workload, advise, checked
from fsdcf.storage.load import load
from fsdcf.storage.snippets import InUse, Snippet, snippet


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
        checked(workload)
    except ContradictionError as error:
        raise click.UsageError(str(error)) from None
    advice = advise(workload, used.stores)
    assumed, prices = load(workload), shipped()
    on_disk = workload.prototype and not any(not one.ephemeral for one in used.databases)
    cost = bills(assumed, prices, used, on_disk, advice.store == POSTGRESQL)
    part = snippet(advice.store, workload, used)
    return Consultation(workload, advice, assumed, cost, prices, part, now, _steps(advice, part, used, typed))


def _steps(advice: Advice, part: Snippet, used: InUse, typed: _Typed | None) -> tuple[str, ...]:
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
            f"put the migration into the image, as a script: fsdcf migrate-data {typed.spec} {source} --emit-script migrate.py",
            f"deploy it: fsdcf deploy {typed.spec}",
            f"stop the service, so that it writes nothing meanwhile: fsdcf scale {typed.service} 0",
            f"move the data: fsdcf run {typed.service} -- python migrate.py",
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
