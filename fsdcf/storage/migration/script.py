"""The migration as a program for a one-off task next to the file: a zip archive of these modules that Python runs."""

from __future__ import annotations

import argparse
import io
import json
import random
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from importlib import import_module
from inspect import getsource
from typing import Any, TextIO

from botocore.config import Config
from botocore.exceptions import BotoCoreError

from fsdcf.aws_errors import lacks_credentials
from fsdcf.storage.migration.model import (
    VERIFICATIONS,
    Migration,
    MigrationError,
    MigrationNotice,
    Progress,
    Rate,
)
from fsdcf.storage.migration.report import (
    error_lines,
    error_record,
    event_line,
    event_record,
    report_lines,
    report_record,
    resume_hint,
)
from fsdcf.storage.migration.run import migrate
from fsdcf.storage.migration.target import unusable

_INTERVAL = 5.0
"""Seconds between two lines of progress."""

CODES = {"usage": 2, "failed": 1, "denied": 7}
"""Exit codes by the kind of the error, as in fsdcf. 1 also means that the table does not match the source, 130 an
interruption."""

_PACKAGE = "fsdcf.storage.migration"
MODULES = (
    "fsdcf.atomic",
    "fsdcf.aws_errors",
    "fsdcf.wording",
    *(
        f"{_PACKAGE}.{name}"
        for name in ("checkpoint", "model", "report", "run", "script", "source", "target", "values")
    ),
)
"""The modules in the archive."""

_MAIN = '''\
"""{about}"""

import os
import signal
import sys

import boto3

from fsdcf.storage.migration.model import Columns, Migration, Rate, TargetTable
from fsdcf.storage.migration.script import interrupt, run_script

PLAN = {plan}

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    sys.exit(run_script(sys.argv[1:], PLAN, __doc__, sys.stdout, os.environ.get("AWS_REGION"), boto3.client))
'''

_ABOUT = """\
Migrate a SQLite table to the DynamoDB table {table}. Requires Python 3.10 or later and boto3.

    python {file} --show-plan    print the settings of the migration
    python {file} --dry-run      check every row and the table, and write nothing
    python {file}                migrate; run it again after a crash to resume
    python {file} --help         list the options

Written by fsdcf migrate-data --emit-script. The archive contains __main__.py with the settings in PLAN, and the
modules of fsdcf that migrate, unchanged: unzip {file} to read them.

The role of the task requires dynamodb:DescribeTable, BatchWriteItem, PutItem, BatchGetItem and Scan on the table.
Rows that the service writes during the migration are not migrated. Exit codes: 0 success, 1 failed or the table does
not match the source, 2 invalid input and nothing was written, 7 no permission, 130 interrupted.
"""


def archive(migration: Migration, file: str) -> bytes:
    """Build the archive for a migration, to be saved as ``file``. The same migration gives the same bytes.

    It has the format of the standard library's ``zipapp``, with fixed timestamps and no compression, which depends
    on the version of zlib.
    """
    about = _ABOUT.format(table=migration.table.name, file=file).replace("\\", r"\\").replace('"', r"\"")
    texts = {
        "__main__.py": _MAIN.format(about=about, plan=_source(replace(migration, restart=False))),
        **{f"{package}/__init__.py": "" for package in ("fsdcf", "fsdcf/storage", "fsdcf/storage/migration")},
        **{f"{name.replace('.', '/')}.py": getsource(import_module(name)) for name in MODULES},
    }
    buffer = io.BytesIO(b"#!/usr/bin/env python3\n")
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "w") as packed:
        for path, text in sorted(texts.items()):
            entry = zipfile.ZipInfo(path)  # dated 1980-01-01
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, text)
    return buffer.getvalue()


def _source(plan: Migration) -> str:
    """The settings as Python source, one per line."""
    settings = "".join(f"    {setting.name}={getattr(plan, setting.name)!r},\n" for setting in fields(plan))
    return f"Migration(\n{settings})"


def interrupt(number: int, frame: Any) -> None:
    """Handle SIGTERM, with which ECS stops a task, like Ctrl-C, so that the checkpoint is saved."""
    raise KeyboardInterrupt


def rate_of(text: str) -> Rate:
    """Parse ``500`` (items) or ``200wcu`` (write units) per second. ValueError for anything else."""
    number = text.lower().removesuffix("wcu")
    value = float(number)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return Rate(value, number != text.lower())


def _arguments(argv: Sequence[str], plan: Migration, about: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(**{**vars(plan), "table": plan.table.name})
    add = parser.add_argument
    add("--show-plan", action="store_true", help="print the settings, with the options applied, and exit")
    add("--from", dest="source", help="SQLite file (%(default)s)")
    add("--source-table", help="table or view in the file; optional if it has only one (%(default)s)")
    add("--table", help="DynamoDB table (%(default)s)")
    add("--region", help="AWS Region (default: AWS_REGION or AWS_DEFAULT_REGION)")
    add("--endpoint-url", help="endpoint of DynamoDB")
    add("--rate", type=rate_of, help="maximum items (500) or write units (200wcu) per second")
    add("--parallel", dest="workers", type=int, help="concurrent requests (%(default)s)")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--keep-existing", dest="mode", action="store_const", const="keep", help="keep existing items")
    modes.add_argument(
        "--overwrite", dest="mode", action="store_const", const="overwrite", help="replace items with the same key"
    )
    add("--verify", choices=VERIFICATIONS, help="items to read back (%(default)s)")
    add("--sample", type=int, help="number of items in the sample (%(default)s)")
    add("--checkpoint", help="file that stores the progress (%(default)s)")
    add("--restart", action="store_true", help="ignore the checkpoint and start over")
    add("--dry-run", action="store_true", help="check everything and write nothing")
    add("--json", action="store_true", help="print JSON lines")
    return parser.parse_args(argv)


def _connect(new_client: Callable[..., Any], region: str | None, endpoint: str | None, workers: int) -> Any:
    """Create a client for DynamoDB that leaves retries to the migration."""
    retries: Any = {"mode": "standard", "total_max_attempts": 1}
    config = Config(retries=retries, max_pool_connections=workers + 2, connect_timeout=10, read_timeout=60)
    try:
        return new_client("dynamodb", region_name=region or None, endpoint_url=endpoint, config=config)
    except (BotoCoreError, OSError, KeyError, RuntimeError, ValueError) as error:
        if lacks_credentials(error) or not (isinstance(error, BotoCoreError) or type(error) is ValueError):
            raise unusable(error) from None
        raise MigrationError(f"cannot connect to DynamoDB: {error}", "set --region") from None


def run_script(
    argv: Sequence[str],
    plan: Migration,
    about: str,
    out: TextIO,
    region: str | None,
    new_client: Callable[..., Any],
) -> int:
    """Run the program and return its exit code. ``region`` is used without ``--region``; ``new_client`` is boto3's."""
    options = _arguments(argv, plan, about)
    settings = {setting.name: getattr(options, setting.name) for setting in fields(plan)}
    settings["table"] = replace(plan.table, name=options.table)
    migration = Migration(**settings)
    migration = replace(migration, workers=max(1, migration.workers), sample=max(1, migration.sample))
    last = -_INTERVAL

    def show(record: dict[str, Any], text: str) -> None:
        out.write(f"{json.dumps(record) if options.json else text}\n")
        out.flush()

    def tell(event: Progress | MigrationNotice) -> None:
        nonlocal last
        if isinstance(event, MigrationNotice) or event.done >= event.total or time.monotonic() - last >= _INTERVAL:
            last = time.monotonic()
            show(event_record(event), event_line(event))

    if options.show_plan:
        out.write(f"{_source(migration)}\n")
        return 0
    try:
        client = _connect(new_client, options.region or region, options.endpoint_url, migration.workers)
        report = migrate(migration, client, tell, time.monotonic, time.sleep, random.SystemRandom())
    except MigrationError as error:
        show(error_record(error), "\n".join(error_lines(error)))
        return CODES[error.kind]
    except KeyboardInterrupt:
        show({"event": "interrupted"}, resume_hint(options.restart))
        return 130
    show(report_record(report), "\n".join(report_lines(report)))
    return 0 if report.good else 1
