"""The migration as a program of its own, for a one-off task beside the file: options, lines of text, an exit code."""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TextIO

from fsdcf.storage.migration.model import VERIFICATIONS, Migration, MigrationError, Progress, Rate, Table, Told
from fsdcf.storage.migration.report import (
    error_lines,
    error_record,
    how_to_go_on,
    report_lines,
    report_record,
    told_line,
    told_record,
)
from fsdcf.storage.migration.run import migrate

_BETWEEN = 5.0
"""Seconds between two lines of progress."""

CODES = {"usage": 2, "failed": 1, "denied": 7}
"""Exit codes by the kind of an error, as fsdcf's own. 1 is also a table that does not hold what it should, 130 an interruption."""


def rate_of(text: str) -> Rate:
    """``500`` items or ``200wcu`` write units in a second. ValueError for anything else."""
    number = text.lower().removesuffix("wcu")
    value = float(number)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return Rate(value, number != text.lower())


def _arguments(argv: Sequence[str], plan: Migration) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=f"Migrate {plan.source_table or 'a table'} of SQLite to the DynamoDB table {plan.table.name}."
    )
    parser.add_argument("--from", dest="source", default=plan.source, help="the SQLite file (%(default)s)")
    parser.add_argument("--source-table", default=plan.source_table, help="the table or view in it (%(default)s)")
    parser.add_argument("--table", default=plan.table.name, help="the DynamoDB table (%(default)s)")
    parser.add_argument("--region", help="region; AWS_REGION or AWS_DEFAULT_REGION otherwise")
    parser.add_argument("--endpoint-url", help="endpoint of DynamoDB")
    parser.add_argument(
        "--rate", type=rate_of, default=plan.rate, help="items a second, such as 500, or write units, such as 200wcu"
    )
    parser.add_argument("--parallel", type=int, default=plan.workers, help="requests at a time (%(default)s)")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument(
        "--keep-existing", dest="mode", action="store_const", const="keep", help="never overwrite an item that is there"
    )
    modes.add_argument(
        "--overwrite", dest="mode", action="store_const", const="overwrite", help="replace items of the same key"
    )
    parser.add_argument("--verify", choices=VERIFICATIONS, default=plan.verify, help="what is read back (%(default)s)")
    parser.add_argument("--sample", type=int, default=plan.sample, help="items in the sample (%(default)s)")
    parser.add_argument("--checkpoint", default=plan.checkpoint, help="file that a resume reads (%(default)s)")
    parser.add_argument("--restart", action="store_true", help="forget the checkpoint")
    parser.add_argument(
        "--dry-run", action="store_true", default=plan.dry_run, help="check everything and write nothing"
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    return parser.parse_args(argv)


def run_script(
    argv: Sequence[str], plan: Migration, out: TextIO, connect: Callable[[str | None, str | None, int], Any]
) -> int:
    """Run it and return the exit code. ``connect`` makes a client for a region, an endpoint and a number of connections."""
    given = _arguments(argv, plan)
    migration = replace(
        plan,
        table=Table(given.table, plan.table.keys, plan.table.indexed),
        **{
            name: getattr(given, name)
            for name in ("source", "source_table", "checkpoint", "rate", "verify", "dry_run", "restart")
        },
        mode=given.mode or plan.mode,
        workers=max(1, given.parallel),
        sample=max(1, given.sample),
    )

    def line(text: str) -> None:
        out.write(f"{text}\n")
        out.flush()

    last = -_BETWEEN

    def tell(event: Progress | Told) -> None:
        nonlocal last
        if isinstance(event, Told) or event.done >= event.total or time.monotonic() - last >= _BETWEEN:
            last = time.monotonic()
            line(json.dumps(told_record(event)) if given.json else told_line(event))

    try:
        client = connect(given.region, given.endpoint_url, migration.workers)
        report = migrate(migration, client, tell, time.monotonic, time.sleep, random.SystemRandom())
    except MigrationError as error:
        line(json.dumps(error_record(error)) if given.json else "\n".join(error_lines(error)))
        return CODES[error.kind]
    except KeyboardInterrupt:
        line(json.dumps({"event": "interrupted"}) if given.json else how_to_go_on(given.restart))
        return 130
    line(json.dumps(report_record(report)) if given.json else "\n".join(report_lines(report)))
    return 0 if report.good else 1
