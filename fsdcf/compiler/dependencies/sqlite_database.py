"""A SQLite data base: a file on the service's file system, with the service as its single writer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from fsdcf.compiler.stack import CompiledType, Grant, Names, Site, Stack
from fsdcf.compiler.text import literal
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import SqliteFile, Violation, sqlite_file
from fsdcf.language.placeholders import String
from fsdcf.language.shape import Key

FILE = Rule(
    "S350",
    "SQLite with keys that it has not",
    "A SQLite data base is a file: it has no permissions, and nobody else manages it.",
)
VARIABLES = {
    "DATABASE_URL": "url",
    "SQLITE_PATH": "path",
    "SQLITE_JOURNAL_MODE": "journalMode",
    "SQLITE_SYNCHRONOUS": "synchronous",
    "SQLITE_BUSY_TIMEOUT": "busyTimeout",
    "SQLITE_LOCKING_MODE": "lockingMode",
}
"""What the container is told, each with the attribute that it holds; the last four are the values of pragmas of their names.
Source: https://www.sqlite.org/pragma.html"""
BUSY_TIMEOUT = 5000
"""Milliseconds that a statement waits for a lock; a service that starts too early tries for longer, by itself."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SqliteDatabase(SqliteFile):
    """An SQLite file on a mount of the service."""

    name: Annotated[
        String,
        Key(
            "Name of the data base.",
            also=("database_name", "databaseName"),
            pattern=r"[A-Za-z0-9_.-]{1,100}",
            expects="letters, digits, _ . -",
        ),
    ]
    path: Annotated[
        str | None,
        Key(
            "The file.",
            pattern=r"/[^\s?#]+",
            expects="an absolute path",
            default="app.db on the service's EFS dependency, so /mnt/efs/app.db",
        ),
    ] = None
    ephemeral: Annotated[bool, Key("The data may be lost with the task; several tasks then have a file each.")] = False
    journal_mode: Annotated[
        str,
        Key(
            "How SQLite undoes what was cut short, given to the service as SQLITE_JOURNAL_MODE. WAL does not work on EFS.",
            also=("journal_mode",),
            allowed=("DELETE", "TRUNCATE", "WAL"),
        ),
    ] = "DELETE"
    backup: Annotated[
        bool | None,
        Key(
            "Insist that the file system which it stands on is backed up, or that it is not. The file system's own `backup` decides.",
            default="as the file system has it",
        ),
    ] = None


def check(database: SqliteDatabase) -> Iterator[Violation]:
    for key, written in (("permissions", database.permissions), ("unmanaged", database.unmanaged)):
        if written is not None:
            yield Violation(FILE, (key,), f"a SQLite data base has no `{key}`", "leave it out", key=True)


def compile(database: SqliteDatabase, names: Names, site: Site, stack: Stack) -> Grant:
    """Where the file is, for the service, and that it has one writer."""
    path = literal(sqlite_file(database, site.spec) or "")
    variables = {"DATABASE_URL": f"sqlite:///{path}", "SQLITE_PATH": path, **settings(database)}
    attributes = {VARIABLES[name]: value for name, value in variables.items()}
    variables[names.variable("SQLITE_PATH")] = path
    return Grant(variables, attributes=attributes, single_writer=not database.ephemeral)


def settings(database: SqliteDatabase) -> Mapping[str, str]:
    """The pragmas that a file needs where it is: every commit on the disk, and on a shared one a lock that is held until the end.

    ECS cannot promise that two tasks never overlap, so the one that writes keeps the lock, and one that starts too early waits.
    On its own disk a task may have several processes.
    """
    return {
        "SQLITE_JOURNAL_MODE": database.journal_mode,
        "SQLITE_SYNCHRONOUS": "FULL",
        "SQLITE_BUSY_TIMEOUT": str(BUSY_TIMEOUT),
        "SQLITE_LOCKING_MODE": "NORMAL" if database.ephemeral else "EXCLUSIVE",
    }


TYPE = CompiledType(
    name="sqlite_database",
    category="sqlite",
    doc="A SQLite data base on the service's file system, with a single writer.",
    model=SqliteDatabase,
    attributes=lambda database: tuple(VARIABLES.values()),
    compile=compile,
    check=check,
    managed=lambda database: False,
    physical_name=False,
    variables=VARIABLES,
    settings=settings,
)
