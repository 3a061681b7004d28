"""A SQLite data base: a file on the service's file system, with the service as its single writer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fsdcf.compiler.stack import Grant, Names, Site, Stack
from fsdcf.compiler.text import literal
from fsdcf.diagnostics import Rule
from fsdcf.spec.dependency import DependencyType, Violation
from fsdcf.spec.model import Dependency
from fsdcf.spec.placeholders import String
from fsdcf.spec.shape import Key

FILE = Rule(
    "S350",
    "SQLite with keys that it has not",
    "A SQLite data base is a file: it has no permissions, and nobody else manages it.",
)
VARIABLES = {"DATABASE_URL": "url", "SQLITE_PATH": "path"}


@dataclass(frozen=True, kw_only=True)
class SqliteDatabase(Dependency):
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


def check(database: SqliteDatabase) -> Iterator[Violation]:
    for key, written in (("permissions", database.permissions), ("unmanaged", database.unmanaged)):
        if written is not None:
            yield Violation(FILE, (key,), f"a SQLite data base has no `{key}`", "leave it out", key=True)


def compile(database: SqliteDatabase, names: Names, site: Site, stack: Stack) -> Grant:
    """Where the file is, for the service, and that it has one writer."""
    path = literal(database.path or "")
    attributes = {"path": path, "url": f"sqlite:///{path}"}
    variables = {name: attributes[attribute] for name, attribute in VARIABLES.items()}
    variables[names.variable("SQLITE_PATH")] = path
    return Grant(variables, attributes=attributes, single_writer=not database.ephemeral)


TYPE = DependencyType(
    name="sqlite_database",
    kind="sqlite",
    doc="A SQLite data base on the service's file system, with a single writer.",
    model=SqliteDatabase,
    attributes=lambda database: ("path", "url"),
    compile=compile,
    check=check,
    managed=lambda database: False,
    variables=VARIABLES,
    rules=(FILE,),
)
