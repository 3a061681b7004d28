"""An SQLite database: a file on the service's file system, with the service as its single writer."""

from collections.abc import Mapping

from fsdcf.compiler.stack import CompiledType, Context, Grant, Names
from fsdcf.compiler.text import literal
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import SqliteFile, Violation, Violations, sqlite_file
from fsdcf.language.placeholders import String
from fsdcf.language.shape import spec_key, spec_record

FILE = Rule(
    "S350",
    "SQLite with keys of other dependency types",
    "A SQLite database is a file of the service: `permissions` and `unmanaged` do not apply to it.",
)
VARIABLES = {
    "DATABASE_URL": "url",
    "SQLITE_PATH": "path",
    "SQLITE_JOURNAL_MODE": "journalMode",
    "SQLITE_SYNCHRONOUS": "synchronous",
    "SQLITE_BUSY_TIMEOUT": "busyTimeout",
    "SQLITE_LOCKING_MODE": "lockingMode",
}
"""The variables of the container, each with the attribute in it; the last four are the values of pragmas of their
names.
Source: https://www.sqlite.org/pragma.html"""
BUSY_TIMEOUT = 5000
"""Milliseconds that a statement waits for a lock. A service that starts too early must retry for longer by itself."""


@spec_record
class SqliteDatabase(SqliteFile):
    """An SQLite file on a mount of the service."""

    name: String = spec_key(
        "Name of the database.",
        also=("database_name", "databaseName"),
        pattern=r"[A-Za-z0-9_.-]+",
        longest=100,
        expects="letters, digits, _ . -",
    )
    path: str | None = spec_key(
        "Path of the database file.",
        default=None,
        pattern=r"/[^\s?#]+",
        expects="an absolute path",
        computed_default="app.db on the service's EFS dependency, so /mnt/efs/app.db",
    )
    ephemeral: bool = spec_key(
        "The data may be lost with the task; several tasks then have a file each.", default=False
    )
    journal_mode: str = spec_key(
        "Journal mode of SQLite, passed to the service as SQLITE_JOURNAL_MODE. WAL does not work on EFS.",
        default="DELETE",
        allowed=("DELETE", "TRUNCATE", "WAL"),
    )
    backup: bool | None = spec_key(
        "Require that the file system is backed up, or that it is not. The file system's own `backup` decides.",
        default=None,
        computed_default="that of the file system",
    )


def check(database: SqliteDatabase) -> Violations:
    for key, written in (("permissions", database.permissions), ("unmanaged", database.unmanaged)):
        if written is not None:
            yield Violation(FILE, key, f"a SQLite database has no `{key}`", "leave it out", key=True)


def compile(database: SqliteDatabase, names: Names, context: Context) -> Grant:
    """The path and the settings for the service, which is the single writer of a file that is kept."""
    path = literal(sqlite_file(database, context.spec) or "")
    variables = {"DATABASE_URL": f"sqlite:///{path}", "SQLITE_PATH": path, **settings(database)}
    values = {VARIABLES[name]: text for name, text in variables.items()}
    variables[names.variable("SQLITE_PATH")] = path
    return Grant(environment=variables, values=values, single_writer=not database.ephemeral)


def settings(database: SqliteDatabase) -> Mapping[str, str]:
    """The pragmas that the file needs.

    Every commit is written to disk. ECS cannot guarantee that two tasks never overlap, so the task that writes keeps
    the lock, and a task that starts too early waits. On the task's own disk several processes of the task may use the
    file.
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
    doc="A SQLite database on the service's file system, with a single writer.",
    model=SqliteDatabase,
    attributes=lambda database: tuple(VARIABLES.values()),
    compile=compile,
    check=check,
    managed=lambda database: False,
    physical_name=False,
    variables=VARIABLES,
    settings=settings,
)
