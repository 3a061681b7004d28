"""The events, errors and results of a migration as text for people and as plain data for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from fsdcf.storage.migration.model import MigrationError, MigrationNotice, Progress, Report
from fsdcf.wording import counted

_MODES = {
    "new": "the table is empty",
    "overwrite": "items with the same key are replaced",
    "keep": "existing items are kept",
}


def report_lines(report: Report) -> Iterator[str]:
    """The lines of the report, the verdict first."""
    yield f"{_verdict(report)}: {report.source_table} in {report.source} to the table {report.table}"
    units = _counted(report.units, "write unit")
    yield f"  rows       {report.rows:,}, {_size(report.bytes)}, largest item {_size(report.largest)}, {units}"
    if report.dry_run:
        before = f"{report.resumed:,} written by an earlier run" if report.resumed else _MODES[report.mode]
        yield f"  to write   {_counted(report.rows - report.resumed, 'item')}; {before}"
        return
    yield f"  written    {report.written:,}" + (
        f", {report.resumed:,} of them by an earlier run" if report.resumed else ""
    )
    if report.mode == "keep":
        yield f"  kept       {report.kept:,} existing and different; {report.same:,} existing and equal"
    if report.retried:
        yield f"  retried    {_counted(report.retried, 'call')} that DynamoDB throttled or processed partially"
    yield from _verification(report)
    yield f"  time       {report.seconds:,.1f} s"


def _verification(report: Report) -> Iterator[str]:
    if report.verification == "none":
        yield "  read back  nothing (--verify none)"
        return
    if report.counted is None:
        yield "  count      not compared: the table was not empty at first"
    else:
        expected = "" if report.counted == report.rows else f"; expected {report.rows:,}"
        yield f"  count      {_counted(report.counted, 'item')}{expected}"
    state = "present" if report.mode == "keep" else "equal by hash"
    yield f"  read back  {_counted(report.checked, 'item')}, {report.checked - report.mismatches:,} {state}"
    yield from (f"             {line}" for line in report.wrong)


def resume_hint(restart: bool) -> str:
    """How to continue after an interruption. Repeating ``--restart`` would discard the progress."""
    return f"interrupted: run the same command again{' without --restart' if restart else ''} to resume"


def _verdict(report: Report) -> str:
    if report.dry_run:
        return "ready, nothing written"
    if not report.good:
        return "written, but the table does not match the source"
    return "migrated" if report.verification == "none" else "migrated and verified"


def report_record(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {"event": "report", "good": report.good, **asdict(report)}


def event_record(event: Progress | MigrationNotice) -> dict[str, Any]:
    """An event as plain data."""
    return {"event": "notice" if isinstance(event, MigrationNotice) else "progress", **asdict(event)}


def event_line(event: Progress | MigrationNotice) -> str:
    """An event as a line of text."""
    if isinstance(event, MigrationNotice):
        return event.text
    return f"{event.stage}: {event.done:,} of {event.total:,}"


def error_lines(error: MigrationError) -> Iterator[str]:
    """The lines of an error with its findings and hint."""
    yield f"error: {error.sentence}"
    for finding in error.findings:
        yield f"  {finding.kind}: {_counted(finding.count, 'time')}"
        yield from (f"    {example}" for example in finding.examples)
    if error.hint:
        yield f"  help: {error.hint}"


def error_record(error: MigrationError) -> dict[str, Any]:
    """An error as plain data."""
    findings = [asdict(finding) for finding in error.findings]
    return {"event": "error", "kind": error.kind, "sentence": error.sentence, "hint": error.hint, "findings": findings}


def _counted(count: int, noun: str) -> str:
    return counted(f"{count:,}", noun)


def _size(count: int) -> str:
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} bytes"
