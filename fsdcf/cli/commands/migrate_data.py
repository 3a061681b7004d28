"""``fsdcf migrate-data``: a table of SQLite becomes the items of a DynamoDB table of the spec."""

from __future__ import annotations

import random
import re
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.files import write
from fsdcf.cli.options import Connection, compile_options, connection_options, requests
from fsdcf.cli.render.findings import show, summary
from fsdcf.cli.render.jsonlines import JsonLines
from fsdcf.cli.render.stream import Stream, is_watched
from fsdcf.cli.runtime import json_option, refuse, run, validating
from fsdcf.compiler.dependencies.dynamodb_table import DynamoDbTable, managed
from fsdcf.compiler.text import fragment
from fsdcf.deploy.model import Ask, Evidence, Exit, Outcome, Tell
from fsdcf.diagnostics import Severity
from fsdcf.language.model.service import Spec
from fsdcf.language.names import local_name, logical_id
from fsdcf.pipeline import Request, Result
from fsdcf.pipeline import run as compiled
from fsdcf.storage.migration.model import (
    FORMS,
    VERIFICATIONS,
    Columns,
    InvalidDataError,
    Migration,
    MigrationError,
    MigrationNotice,
    Progress,
    Rate,
    Report,
    TargetTable,
)
from fsdcf.storage.migration.report import event_line, event_record, report_lines, report_record

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from fsdcf.deploy.aws import Aws


_BETWEEN = 5.0
"""Seconds between two lines of progress in a log, of one stage."""


class Picture:
    """Shows progress on standard error, and the report on standard output; with JSON lines all goes to standard output."""

    def __init__(self, as_json: bool) -> None:
        self._json = JsonLines(sys.stdout) if as_json else None
        self._err = Stream(sys.stderr)
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._told: tuple[str, float] = ("", 0.0)

    def __enter__(self) -> Picture:
        if self._json is None and is_watched(sys.stderr):
            self._bars = _bars()
            self._bars.start()
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def tell(self, event: Progress | MigrationNotice) -> None:
        """Show how far it is. Lines come at the beginning of a stage, at its end, and every few seconds."""
        if isinstance(event, Progress):
            if self._bars is not None:
                self._draw(event)
                return
            stage, at = self._told
            now = time.monotonic()
            if stage == event.stage and event.done < event.total and now - at < _BETWEEN:
                return
            self._told = (event.stage, now)
        if self._json is not None:
            self._json.write(event_record(event))
        elif self._bars is not None:
            self._bars.console.print(event_line(event), markup=False)
        else:
            self._err.lines([event_line(event)])

    def report(self, report: Report) -> None:
        """Show the report."""
        if self._json is not None:
            self._json.write(report_record(report))
        else:
            Stream(sys.stdout).lines(report_lines(report))

    def _draw(self, event: Progress) -> None:
        assert self._bars is not None  # noqa: S101 - asked by the caller
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self._bars.add_task(event.stage, total=event.total)
        self._bars.update(self._tasks[event.stage], completed=event.done, total=event.total)


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(file=sys.stderr, highlight=False)
    return Bars(
        TextColumn("{task.description:<7}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )


_PSEUDO = re.compile(r"\$\{AWS::(AccountId|Region|Partition)\}")


@dataclass(frozen=True)
class Named:
    """A table whose name may hold pseudo parameters, as ``${AWS::AccountId}-orders`` does, until an account is known."""

    table: TargetTable

    @property
    def open(self) -> bool:
        """Whether the name depends on the account or the region."""
        return bool(_PSEUDO.search(self.table.name))

    def at(self, aws: Aws) -> TargetTable:
        """The table in an account and a region. Asks STS where the name holds the account."""

        def value(found: re.Match[str]) -> str:
            if found[1] == "AccountId":
                return str(aws.call("sts", "GetCallerIdentity")["Account"])
            return aws.region if found[1] == "Region" else aws.partition

        return replace(self.table, name=_PSEUDO.sub(value, self.table.name))


def named(spec: Spec, name: str, file: str) -> Named:
    """The table of a spec that ``name`` means: by its name in the spec, in AWS, or its logical id. A usage error where there is none."""
    found = {}
    for one in spec.dependencies:
        if isinstance(one, DynamoDbTable):
            table = _table(one)
            local = local_name(one.name)
            if name in (local, table.name, logical_id(local, "Table")):
                return Named(table)
            if re.fullmatch("[A-Za-z0-9-]+".join(map(re.escape, _PSEUDO.split(table.name)[::2])), name):
                return Named(replace(table, name=name))
            found[local] = table
    if not found:
        raise click.UsageError(f"{file!r} has no dependency aws_dynamodb_table; add the table, and deploy it first")
    raise click.UsageError(f"--table {name!r}: {file!r} has {', '.join(found)}")


def _table(one: DynamoDbTable) -> TargetTable:
    """A table with its key; one that the spec does not manage has the key that AWS tells."""
    name = fragment(one.name, {}).replace("${!", "${")
    if not managed(one):
        return TargetTable(name)
    types = {attribute.name: attribute.type for attribute in one.attributes}
    keys = tuple((element.name, types[element.name]) for element in one.key_schema)
    return TargetTable(name, keys, tuple(sorted((key, type) for key, type in types.items() if (key, type) not in keys)))


_EXITS = {"usage": Exit.USAGE, "failed": Exit.FAILED, "denied": Exit.DENIED}
_AS = f"What a column becomes: {', '.join(FORMS)}; repeatable."
_RATE = "At most so many items a second, such as 500, or write units, such as 200wcu."
_SCRIPT = "Write the migration as a Python zip archive that requires only boto3, and do nothing else."


def _pairs(context: click.Context, parameter: click.Parameter, texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """``COLUMN=SOMETHING``, split at the last equals sign: names of columns may hold one."""
    pairs = [text.rpartition("=") for text in texts]
    for (column, _, value), text in zip(pairs, texts, strict=True):
        if not column or not value:
            raise click.UsageError(f"{parameter.opts[0]} takes {parameter.metavar}, not {text!r}")
    columns = [column for column, _, _ in pairs]
    for column in columns:
        if columns.count(column) > 1:
            raise click.UsageError(f"{parameter.opts[0]} names the column {column!r} twice")
    return tuple(sorted((column, value) for column, _, value in pairs))


def _rate(context: click.Context, parameter: click.Parameter, text: str | None) -> Rate | None:
    from fsdcf.storage.migration.script import rate_of

    try:
        return rate_of(text) if text else None
    except ValueError:
        raise click.UsageError(
            f"--rate takes a number of items, such as 500, or of write units, such as 200wcu, not {text!r}"
        ) from None


@click.command()
@click.argument("spec", type=click.Path(path_type=Path), metavar="SPEC")
@compile_options
@click.option("--table", required=True, metavar="NAME", help="Table of the spec to write to.")
@click.option("--from", "source", required=True, metavar="FILE", help="SQLite file to read.")
@click.option("--source-table", metavar="T", help="Table or view in it. Default: the only one.")
@click.option(
    "--map",
    "renamed",
    multiple=True,
    callback=_pairs,
    metavar="COLUMN=ATTRIBUTE",
    help="Another name for a column; repeatable.",
)
@click.option("--as", "forms", multiple=True, callback=_pairs, metavar="COLUMN=FORM", help=_AS)
@click.option("--skip", "skipped", multiple=True, metavar="COLUMN", help="Leave a column out; repeatable.")
@click.option("--keep-existing", is_flag=True, help="Never overwrite an item that is there; say how many were kept.")
@click.option("--overwrite", is_flag=True, help="Replace items of the same key in a table that is not empty.")
@click.option("--rate", callback=_rate, metavar="N|Nwcu", help=_RATE)
@click.option(
    "--parallel", "workers", type=click.IntRange(1, 32), default=8, show_default=True, help="Requests at a time."
)
@click.option(
    "--verify", type=click.Choice(VERIFICATIONS), default="sample", show_default=True, help="What is read back."
)
@click.option("--sample", type=click.IntRange(1), default=1000, show_default=True, help="Items in the sample.")
@click.option("--checkpoint", metavar="FILE", help="What a resume reads. Default: beside the SQLite file.")
@click.option("--restart", is_flag=True, help="Forget the checkpoint.")
@click.option("--dry-run", is_flag=True, help="Check every row and the table, and write nothing.")
@click.option("--emit-script", "script", type=click.Path(path_type=Path), metavar="PATH", help=_SCRIPT)
@connection_options
@json_option
def command(
    spec: Path,
    environment: str | None,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    table: str,
    script: Path | None,
    connection: Connection,
    as_json: bool,
    **flags: Any,
) -> None:
    """Copy a table of SQLite into a DynamoDB table of the spec, which is deployed already.

    Every row is checked before a byte is written. Run it again after a crash, and it goes on where it stopped.
    """
    (request,) = requests((spec,), environment, overrides, variables)
    result = compiled(request)
    if result.spec is None or result.template is None:
        _show(result, request, as_json)
        return
    target = named(result.spec, table, request.name)
    migration = _migration(target, table, flags)
    if script is not None:
        _emit(migration, target, script)
        return
    picture = Picture(as_json)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        return _migrated(replace(migration, table=target.at(aws)), aws, picture)

    run(f"{migration.source} to {migration.table.name}", connection, as_json, act, quiet=True)


def _show(result: Result, request: Request, as_json: bool) -> None:
    show([one for one in result.diagnostics if one.severity is Severity.ERROR], result.sources)
    refuse(
        f"{request.name}: {summary(result.diagnostics)}; nothing written",
        validating(request, request.environment),
        as_json,
    )


def _migration(target: Named, table: str, flags: dict[str, Any]) -> Migration:
    keep, overwrite = flags.pop("keep_existing"), flags.pop("overwrite")
    if keep and overwrite:
        raise click.UsageError("--keep-existing and --overwrite are opposites")
    columns = Columns(flags.pop("renamed"), flags.pop("forms"), tuple(sorted(flags.pop("skipped"))))
    checkpoint = flags.pop("checkpoint") or f"{flags['source']}.{table}.migration.json"
    mode = "keep" if keep else "overwrite" if overwrite else "new"
    return Migration(table=target.table, checkpoint=checkpoint, columns=columns, mode=mode, **flags)


def _emit(migration: Migration, target: Named, script: Path) -> None:

    from fsdcf.storage.migration.script import archive

    if target.open:
        raise click.UsageError(f"the name {migration.table.name} depends on the account: give --table as it is in AWS")
    write(script, archive(migration, script.name))
    click.echo(f"it needs Python 3.10 or later and boto3: python {shlex.quote(str(script))} --help", err=True)


def _migrated(migration: Migration, aws: Aws, picture: Picture) -> Outcome:
    from fsdcf.storage.migration.report import resume_hint
    from fsdcf.storage.migration.run import migrate

    chance = random.SystemRandom()
    try:
        with picture:
            report = migrate(migration, aws.client("dynamodb"), picture.tell, aws.clock, aws.sleep, chance)
    except MigrationError as error:
        findings = error.findings if isinstance(error, InvalidDataError) else ()
        evidence = tuple(Evidence(f"{one.kind}, {one.count:,}", text) for one in findings for text in one.examples)
        return Outcome(_EXITS[error.kind], error.sentence, evidence, (error.hint,) if error.hint else ())
    except KeyboardInterrupt:
        return Outcome(Exit.INTERRUPTED, resume_hint(migration.restart))
    picture.report(report)
    if not report.good:
        return Outcome(Exit.FAILED, f"{report.table} does not hold what {report.source_table} has")
    return Outcome(Exit.DONE, f"{report.rows:,} rows are {'checked' if report.dry_run else 'migrated'}")
