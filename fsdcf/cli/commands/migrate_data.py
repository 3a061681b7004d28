"""``fsdcf migrate-data``: rows of a SQLite table copied into a DynamoDB table of the spec."""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.compiled import compile_or_refuse
from fsdcf.cli.files import check_output, write
from fsdcf.cli.options import Connection, SpecInputs, at_home, connection_options, json_option, spec_inputs
from fsdcf.cli.render.jsonlines import JsonLines
from fsdcf.cli.render.stream import LineWriter, is_watched
from fsdcf.cli.runtime import run
from fsdcf.cloudformation.iam import fill_in, matches
from fsdcf.compiler.dependencies.dynamodb_table import DynamoDbTable, key_attributes
from fsdcf.compiler.text import fragment
from fsdcf.deploy.model import Ask, Evidence, Exit, Outcome, Tell
from fsdcf.language.model.service import Spec
from fsdcf.language.names import local_name, logical_id
from fsdcf.storage.migration.model import (
    FORMS,
    VERIFICATIONS,
    Columns,
    Migration,
    MigrationError,
    MigrationNotice,
    Progress,
    Rate,
    Report,
    TargetTable,
)
from fsdcf.storage.migration.report import event_line, event_record, report_lines, report_record
from fsdcf.suggested import quoted, suggested

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from fsdcf.deploy.aws import Aws

_LOG_INTERVAL = 5.0
"""Minimum number of seconds between two progress lines of a stage in a log."""

_PSEUDO = re.compile(r"\$\{AWS::(?:AccountId|Region|Partition)\}")
_EXITS = {"usage": Exit.USAGE, "failed": Exit.FAILED, "denied": Exit.DENIED}


class MigrationDisplay:
    """Shows progress on standard error and the report on standard output, or both as JSON lines on standard output."""

    def __init__(self, as_json: bool) -> None:
        self._json = JsonLines(sys.stdout) if as_json else None
        self._err = LineWriter(sys.stderr)
        self.bars = _bars() if not as_json and is_watched(sys.stderr) else None
        self._tasks: dict[str, TaskID] = {}
        self._last: tuple[str, float] = ("", 0.0)

    def tell(self, event: Progress | MigrationNotice) -> None:
        """Show an event. Progress gets a line at the start and the end of a stage, and every few seconds."""
        if isinstance(event, Progress):
            if self.bars is not None:
                if event.stage not in self._tasks:
                    self._tasks[event.stage] = self.bars.add_task(event.stage, total=event.total)
                self.bars.update(self._tasks[event.stage], completed=event.done, total=event.total)
                return
            stage, at = self._last
            now = time.monotonic()
            if stage == event.stage and event.done < event.total and now - at < _LOG_INTERVAL:
                return
            self._last = (event.stage, now)
        if self._json is not None:
            self._json.write(event_record(event))
        elif self.bars is not None:
            self.bars.console.print(event_line(event), markup=False)
        else:
            self._err.lines([event_line(event)])

    def report(self, report: Report) -> None:
        """Show the report."""
        if self._json is not None:
            self._json.write(report_record(report))
        else:
            LineWriter(sys.stdout).lines(report_lines(report))


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(file=sys.stderr, highlight=False)
    return Bars(
        TextColumn("{task.description:<7}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )


def named(spec: Spec, name: str, file: str) -> TargetTable:
    """The table of a spec by its name in the spec or in AWS, or by its logical id. A usage error if there is none.

    Its name may contain pseudo parameters, such as ``${AWS::AccountId}-orders``.
    """
    names = []
    for one in spec.dependencies:
        if isinstance(one, DynamoDbTable):
            table = _table(one)
            local = local_name(one.name)
            if name in (local, table.name, logical_id(local, "Table")):
                return table
            if matches(_PSEUDO.sub("*", table.name), name):
                return replace(table, name=name)
            names.append(local)
    if not names:
        raise click.UsageError(f"{file!r} has no dependency aws_dynamodb_table; add the table, and deploy it first")
    raise click.UsageError(f"--table {name!r}: the tables of {file!r} are {', '.join(dict.fromkeys(names))}")


def _in_account(table: TargetTable, aws: Aws) -> TargetTable:
    """The table with its name in an account and region. Calls STS if the name contains the account."""
    values = {"Region": aws.region, "Partition": aws.partition}
    if "${AWS::AccountId}" in table.name:
        values["AccountId"] = aws.account()
    return replace(table, name=fill_in(table.name, values))


def _table(one: DynamoDbTable) -> TargetTable:
    """A table with its key; AWS knows the key of a table that is not managed by the spec."""
    name = fragment(one.name).replace("${!", "${")
    keys = tuple((attribute, type) for attribute, _, type in key_attributes(one))
    others = {(attribute.name, attribute.type) for attribute in one.attributes} - set(keys)
    return TargetTable(name, keys, tuple(sorted(others)) if keys else ())


def _pairs(context: click.Context, parameter: click.Parameter, texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """An option's callback: ``COLUMN=VALUE``, split at the last equals sign.

    The name of a column may contain an equals sign.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        column, _, value = text.rpartition("=")
        if not column or not value:
            raise click.UsageError(f"{parameter.opts[0]} expects {parameter.metavar}, not {text!r}")
        if column in pairs:
            raise click.UsageError(f"{parameter.opts[0]} names the column {column!r} twice")
        pairs[column] = value
    return tuple(sorted(pairs.items()))


def _rate(context: click.Context, parameter: click.Parameter, text: str | None) -> Rate | None:
    from fsdcf.storage.migration.script import rate_of

    try:
        return rate_of(text) if text else None
    except ValueError:
        raise click.UsageError(
            f"--rate expects a number of items, such as 500, or of write units, such as 200wcu, not {text!r}"
        ) from None


@click.command()
@spec_inputs()
@click.option("--table", required=True, metavar="NAME", help="Table of the spec to write to.")
@click.option("--from", "source", required=True, metavar="FILE", help="SQLite file to read.")
@click.option("--source-table", metavar="T", help="Table or view in the SQLite file.  [default: the only one]")
@click.option(
    *("--map", "renamed"),
    multiple=True,
    callback=_pairs,
    metavar="COLUMN=ATTRIBUTE",
    help="Attribute name for a column; repeatable.",
)
@click.option(
    *("--as", "forms"),
    multiple=True,
    callback=_pairs,
    metavar="COLUMN=FORM",
    help=f"Attribute type for a column: {', '.join(FORMS)}; repeatable.",
)
@click.option("--skip", "skipped", multiple=True, metavar="COLUMN", help="Column to leave out; repeatable.")
@click.option("--keep-existing", is_flag=True, help="Keep existing items, and report how many were kept.")
@click.option("--overwrite", is_flag=True, help="Replace existing items that have the same key.")
@click.option(
    "--rate",
    callback=_rate,
    metavar="N|Nwcu",
    help="Maximum write rate per second, in items, such as 500, or write units, such as 200wcu.",
)
@click.option(
    *("--parallel", "workers"),
    type=click.IntRange(1, 32),
    default=8,
    show_default=True,
    help="Number of parallel requests.",
)
@click.option(
    "--verify", type=click.Choice(VERIFICATIONS), default="sample", show_default=True, help="Items to read back."
)
@click.option(
    "--sample", type=click.IntRange(1), default=1000, show_default=True, help="Number of items in the sample."
)
@click.option(
    "--checkpoint", metavar="FILE", help="File that records the progress.  [default: a file beside the SQLite file]"
)
@click.option("--restart", is_flag=True, help="Ignore the checkpoint, and start from the first row.")
@click.option("--dry-run", is_flag=True, help="Check every row and the table without writing.")
@click.option(
    *("--emit-script", "script"),
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write the migration as a Python zip archive that needs only boto3, and exit.",
)
@connection_options
@json_option
def migrate_data_command(
    inputs: SpecInputs, table: str, script: Path | None, connection: Connection, as_json: bool, **flags: Any
) -> None:
    """Copy a SQLite table into a DynamoDB table of the spec that is already deployed.

    Every row is checked before the first one is written. After an interruption, the same command continues where it
    stopped.
    """
    compiled = compile_or_refuse(inputs, as_json, "nothing written")
    spec = compiled.service()
    migration = _migration(named(spec, table, compiled.name), table, flags)
    if script is not None:
        _emit(migration, script)
        return
    display = MigrationDisplay(as_json)
    connection = at_home(connection, compiled.home)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        permissions = suggested("permissions", compiled.name, env=compiled.environment)
        return _migrated(replace(migration, table=_in_account(migration.table, aws)), aws, display, permissions)

    run(f"{migration.source} to {migration.table.name}", connection, as_json, act, quiet=True)


def _migration(target: TargetTable, table: str, flags: dict[str, Any]) -> Migration:
    keep, overwrite = flags.pop("keep_existing"), flags.pop("overwrite")
    if keep and overwrite:
        raise click.UsageError("--keep-existing and --overwrite cannot be combined")
    columns = Columns(flags.pop("renamed"), flags.pop("forms"), tuple(sorted(flags.pop("skipped"))))
    checkpoint = flags.pop("checkpoint") or f"{flags['source']}.{table}.migration.json"
    mode = "keep" if keep else "overwrite" if overwrite else "new"
    return Migration(table=target, checkpoint=checkpoint, columns=columns, mode=mode, **flags)


def _emit(migration: Migration, script: Path) -> None:
    from fsdcf.storage.migration.script import archive

    if _PSEUDO.search(migration.table.name):
        raise click.UsageError(f"the name {migration.table.name} depends on the account: give --table its name in AWS")
    check_output(script, migration.source, migration.checkpoint)
    write(script, archive(migration, script.name))
    click.echo(f"the script needs Python 3.10 or later and boto3: python {quoted(str(script))} --help", err=True)


def _migrated(migration: Migration, aws: Aws, display: MigrationDisplay, permissions: str) -> Outcome:
    """The outcome of a migration. ``permissions`` prints the policy of a deploy, which is suggested after a denial."""
    from fsdcf.storage.migration.report import resume_hint
    from fsdcf.storage.migration.run import migrate

    try:
        with display.bars or nullcontext():
            random_source = random.SystemRandom()
            report = migrate(migration, aws.client("dynamodb"), display.tell, aws.clock, aws.sleep, random_source)
    except MigrationError as error:
        evidence = tuple(
            Evidence(f"{finding.kind}, {finding.count:,}", text)
            for finding in error.findings
            for text in finding.examples
        )
        advice = (error.hint,) if error.hint else ()
        more = (permissions,) if error.sentence.startswith("no permission") else ()
        return Outcome(_EXITS[error.kind], error.sentence, evidence, (*advice, *more))
    except KeyboardInterrupt:
        return Outcome(Exit.INTERRUPTED, resume_hint(migration.restart))
    display.report(report)
    if not report.good:
        return Outcome(Exit.FAILED, f"{report.table} differs from {report.source_table}")
    return Outcome(Exit.DONE, f"{report.rows:,} rows {'checked' if report.dry_run else 'migrated'}")
