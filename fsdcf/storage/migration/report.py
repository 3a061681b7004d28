"""A migration in words for people and in plain data for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from fsdcf.storage.migration.model import Finding, MigrationError, Progress, Report, Told, Unfit

_MODES = {
    "new": "the table is empty",
    "overwrite": "items of the same key are replaced",
    "keep": "items that are there stay",
}


def report_lines(report: Report) -> Iterator[str]:
    """The report, the verdict first."""
    yield f"{_verdict(report)}: {report.source_table} in {report.source} to the table {report.table}"
    yield f"  rows       {report.rows:,}, {_size(report.bytes)}, the largest item {_size(report.largest)}, {_counted(report.units, 'write unit')}"
    if report.dry_run:
        before = f"{report.resumed:,} were written by an earlier run" if report.resumed else _MODES[report.mode]
        yield f"  to write   {_counted(report.rows - report.resumed, 'item')}; {before}"
        return
    resumed = f", {report.resumed:,} of them by an earlier run" if report.resumed else ""
    yield f"  written    {report.written:,}{resumed}"
    if report.mode == "keep":
        yield f"  kept       {report.kept:,} that were there and differ; {report.same:,} were there and equal"
    if report.retried:
        yield f"  retried    {report.retried:,} calls that DynamoDB throttled or answered in part"
    yield from _read_back(report)
    yield f"  time       {report.seconds:,.1f} s"


def _read_back(report: Report) -> Iterator[str]:
    if report.verification == "none":
        yield "  read back  nothing (--verify none)"
        return
    if report.counted is None:
        yield "  count      not compared: the table was not empty at first"
    else:
        yield f"  count      {_counted(report.counted, 'item')}" + (
            "" if report.counted == report.rows else f", where {report.rows:,} should be"
        )
    fine = report.checked - report.mismatches
    equal = f"{'is' if fine == 1 else 'are'} {'there' if report.mode == 'keep' else 'equal by hash'}"
    yield f"  read back  {_counted(report.checked, 'item')}, of which {fine:,} {equal}"
    yield from (f"             {one}" for one in report.wrong)


def how_to_go_on(restart: bool) -> str:
    """What to do after an interruption. ``--restart``, given a second time, would forget what is done."""
    return f"interrupted: the same command{' without --restart' if restart else ''} goes on where it stopped"


def _verdict(report: Report) -> str:
    if report.dry_run:
        return "ready, nothing written"
    if not report.good:
        return "written, but the table does not hold what it should"
    return "migrated" if report.verification == "none" else "migrated and verified"


def report_record(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {"event": "report", "good": report.good, **asdict(report)}


def told_record(event: Progress | Told) -> dict[str, Any]:
    """Progress as plain data."""
    if isinstance(event, Told):
        return {"event": "told", "text": event.text}
    return {"event": "progress", "stage": event.stage, "done": event.done, "total": event.total}


def told_line(event: Progress | Told) -> str:
    """Progress in a line."""
    return event.text if isinstance(event, Told) else f"{event.stage}: {event.done:,} of {event.total:,}"


def error_lines(error: MigrationError) -> Iterator[str]:
    """An error with its findings and what to do."""
    yield f"error: {error.sentence}"
    if isinstance(error, Unfit):
        yield from (f"  {line}" for line in finding_lines(error.findings))
    if error.hint:
        yield f"  help: {error.hint}"


def finding_lines(findings: tuple[Finding, ...]) -> Iterator[str]:
    """Findings with their first examples."""
    for one in findings:
        yield f"{one.kind}: {_counted(one.count, 'time')}"
        yield from (f"  {example}" for example in one.examples)


def error_record(error: MigrationError) -> dict[str, Any]:
    """An error as plain data."""
    findings = [asdict(one) for one in error.findings] if isinstance(error, Unfit) else []
    return {"event": "error", "kind": error.kind, "sentence": error.sentence, "hint": error.hint, "findings": findings}


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _size(count: int) -> str:
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} bytes"
