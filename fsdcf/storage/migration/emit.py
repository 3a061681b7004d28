"""The migration as one readable Python file: the source of the modules here, one after the other, with what is to be done at the end."""

from __future__ import annotations

import ast
from dataclasses import replace
from importlib import import_module
from inspect import getsource

from fsdcf.storage.migration.model import Migration

MODULES = (
    *(
        "model",
        "values",
        "mapping",
        "source",
        "preflight",
        "rate",
        "pump",
        "checkpoint",
        "target",
        "write",
        "verify",
        "run",
    ),
    *("report", "script"),
)
"""The modules of the script, each after those that it imports. ``run_script`` is in the last one."""

_PACKAGE = "fsdcf.storage.migration"

_HEAD = '''#!/usr/bin/env python3
"""Migrate a table of SQLite to the DynamoDB table {table}. Needs Python 3.10 or later and boto3, and nothing else.

Written by fsdcf migrate-data --emit-script; these are fsdcf's own modules in one file. What is to be done stands at the end, in PLAN.

    python {file} --dry-run     checks every row and the table, and writes nothing
    python {file}               migrates; run it again after a crash, and it goes on where it stopped
    python {file} --help        options

The task's role needs dynamodb:DescribeTable, BatchWriteItem, PutItem, BatchGetItem and Scan on the table. The service must not write to
the file meanwhile if the table is to have everything. Exit codes: 0 done, 1 failed or not as it should be, 2 nothing was written,
7 no permission, 130 interrupted.
"""

from __future__ import annotations

'''

_TAIL = '''

PLAN = {plan}


def connect(region: str | None, endpoint: str | None, workers: int) -> Any:
    """A client of DynamoDB that leaves trying again to this script."""
    retries = {{"mode": "standard", "total_max_attempts": 1}}
    config = Config(retries=retries, max_pool_connections=workers + 2, connect_timeout=10, read_timeout=60)
    try:
        return boto3.client("dynamodb", region_name=region or os.environ.get("AWS_REGION") or None, endpoint_url=endpoint, config=config)
    except (BotoCoreError, ValueError) as error:
        raise MigrationError(f"there is no connection: {{error}}", "name a --region") from None


def interrupted(number: int, frame: Any) -> None:
    """ECS stops a task with SIGTERM: what is done is noted, and the next run goes on."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    sys.exit(run_script(sys.argv[1:], PLAN, sys.stdout, connect))
'''

_TAIL_IMPORTS = (
    *("import os", "import signal", "import sys", "import boto3", "from typing import Any"),
    *("from botocore.config import Config", "from botocore.exceptions import BotoCoreError"),
)


def emitted(migration: Migration, file: str) -> str:
    """The script for a migration, to be saved as ``file``. The same migration gives the same text."""
    imports: set[str] = set()
    bodies = []
    for name in MODULES:
        body, needed = _taken(getsource(import_module(f"{_PACKAGE}.{name}")), name)
        bodies.append(body)
        imports |= needed
    for line in _TAIL_IMPORTS:
        imports |= _flat(ast.parse(line).body[0])
    plan = replace(migration, restart=False)
    return "".join(
        (
            _HEAD.format(table=migration.table.name, file=file),
            *_sorted(imports),
            *bodies,
            _TAIL.format(plan=_laid_out(plan)),
        )
    )


def _taken(source: str, name: str) -> tuple[str, set[str]]:
    """A module's text without its docstring and imports, under a heading; and the imports of others that it needs."""
    tree = ast.parse(source)
    lines = source.splitlines()
    imports: set[str] = set()
    duty = (ast.get_docstring(tree) or name).splitlines()[0]
    drop: set[int] = set()
    for position, node in enumerate(tree.body):
        docstring = position == 0 and isinstance(node, ast.Expr)
        if docstring or isinstance(node, ast.Import | ast.ImportFrom):
            drop.update(range(node.lineno - 1, node.end_lineno or node.lineno))
            imports |= _flat(node)
    body = "\n".join(line for number, line in enumerate(lines) if number not in drop).strip("\n")
    return f"\n\n# {'-' * 78}\n# {name}: {duty}\n\n{body}\n", imports


def _flat(node: ast.stmt) -> set[str]:
    """The imports of a statement, one name each, without our own."""
    if isinstance(node, ast.Import):
        return {f"import {one.name}" for one in node.names}
    if not isinstance(node, ast.ImportFrom) or node.module == "__future__" or str(node.module).startswith(_PACKAGE):
        return set()
    return {f"from {node.module} import {one.name}" for one in node.names}


def _sorted(imports: set[str]) -> list[str]:
    """The import statements: the standard library's first, the names of one module together."""
    plain = sorted(one for one in imports if one.startswith("import "))
    names: dict[str, list[str]] = {}
    for one in sorted(imports - set(plain)):
        _, module, _, name = one.split()
        names.setdefault(module, []).append(name)
    lines = plain + [f"from {module} import {', '.join(sorted(given))}" for module, given in names.items()]
    ours = [one for one in lines if one.split()[1].split(".")[0] in ("boto3", "botocore")]
    return [f"{one}\n" for one in (*(one for one in lines if one not in ours), "", *ours)]


def _laid_out(plan: Migration) -> str:
    """What is to be done, one setting a line."""
    settings = "".join(f"    {name}={getattr(plan, name)!r},\n" for name in plan.__dataclass_fields__)
    return f"Migration(\n{settings})"
