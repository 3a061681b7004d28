"""The part of a spec that a store needs, as FSD v1: new, or as the spec has it already."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from posixpath import join

from fsdcf.storage.advice import DYNAMODB, POSTGRESQL, SQLITE, Workload

FREE_DISK, LARGEST_DISK = 20, 200
"""GB of disk that a task has, and may have at most. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html"""

_ROOM = Decimal(10)
"""GB of a task's disk that are left to the image."""

_PLAIN = re.compile(r"[A-Za-z/$][A-Za-z0-9${}:/_.-]*[A-Za-z0-9}]|[A-Za-z]")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


@dataclass(frozen=True)
class Database:
    """A SQLite data base of the spec; ``local`` is its name without placeholders."""

    name: str
    local: str
    path: str | None = None
    ephemeral: bool = False


@dataclass(frozen=True)
class Table:
    """A DynamoDB table of the spec; the key as (attribute, HASH or RANGE, S, N or B), empty where the spec does not manage it."""

    name: str
    local: str
    key: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class FileSystem:
    """An EFS dependency of the spec. ``bursting``: what is read and written is not billed."""

    name: str
    mount: str = "/mnt/efs"
    managed: bool = True
    bursting: bool = False
    backup: bool = True


@dataclass(frozen=True)
class InUse:
    """What a service has already. ``mounts`` are the paths of its volumes on EFS; ``scales`` and ``tasks`` are what its spec writes."""

    service: str = "my-service"
    databases: tuple[Database, ...] = ()
    tables: tuple[Table, ...] = ()
    file_systems: tuple[FileSystem, ...] = ()
    mounts: tuple[str, ...] = ()
    scales: bool = False
    tasks: int | None = None

    @property
    def stores(self) -> frozenset[str]:
        """The stores that it has, by their names in advice."""
        return frozenset({*([SQLITE] if self.databases else []), *([DYNAMODB] if self.tables else [])})

    @property
    def base(self) -> str:
        """A name for a new store: that of the data base, else the service's."""
        return self.databases[0].local if self.databases else self.service


@dataclass(frozen=True)
class Snippet:
    """YAML for a spec; ``present`` where the spec has it already. ``also`` is what else is to be done there, in sentences."""

    text: str
    present: bool = False
    also: tuple[str, ...] = ()


def snippet(store: str, workload: Workload, used: InUse) -> Snippet:
    """What a spec needs for a store. It compiles within a spec that has no dependencies yet."""
    if store == POSTGRESQL:
        text = f"service:\n  environment:\n    DATABASE_URL: ${{secrets:${{ENV}}/{used.service}:url}}\n"
        return Snippet(text, also=("make the data base beside fsdcf, and keep its URL as `url` in that secret",))
    if store == DYNAMODB:
        return _dynamodb(used)
    return _prototype(workload, used) if workload.prototype else _sqlite(used)


def _dynamodb(used: InUse) -> Snippet:
    """The tables that there are, or a new one; those that the spec does not manage tell no key, and are left out."""
    tables = used.tables or (Table(f"${{ENV}}-{used.base}", used.base, (("id", "HASH", "S"),)),)
    lines = []
    for table in tables:
        if table.key:
            lines += ["  - type: aws_dynamodb_table", f"    name: {_written(table.name)}", "    keySchema:"]
            lines += [f"      - {{name: {_inside(name)}, type: {role}}}" for name, role, _ in table.key]
            lines += ["    attributes:"]
            lines += [f"      - {{name: {_inside(name)}, type: {kind}}}" for name, _, kind in table.key]
    also = (
        ()
        if used.tables
        else ("choose the key by your queries, for items are found by key or index; `id` stands for it",)
    )
    return Snippet(_text(lines), bool(used.tables), also)


def _sqlite(used: InUse) -> Snippet:
    """The data bases that there are, or a new one in place of those that are lost with the task, and the file systems below them."""
    kept = [one for one in used.databases if not one.ephemeral]
    if kept:
        return Snippet(_text([*_systems(used.file_systems), *_databases(kept)]), True)
    also = [f"this takes the place of {one.name}, which is lost with its task" for one in used.databases]
    also += ["leave out service.autoScaling: one file has one writer"] if used.scales else []
    also += ["leave out service.resources.desiredCount: it is 1 with SQLite"] if (used.tasks or 1) > 1 else []
    systems = used.file_systems or (() if used.mounts else (FileSystem(f"${{ENV}}-{used.service}"),))
    name = used.databases[0].name if used.databases else used.service
    return Snippet(_text([*_systems(systems), *_databases([Database(name, used.base, _path(used))])]), also=tuple(also))


def _systems(systems: tuple[FileSystem, ...]) -> Iterator[str]:
    for one in systems:
        yield "  - type: aws_efs_file_system"
        yield f"    name: {_written(one.name)}"
        if one.mount != FileSystem.mount:
            yield f"    mountPoint: {_written(one.mount)}"
        if not one.managed:
            yield "    unmanaged: {permissions: readWrite}"
        if one.bursting:
            yield "    throughputMode: bursting"
        if not one.backup:
            yield "    backup: false"


def _databases(databases: Iterable[Database]) -> Iterator[str]:
    for one in databases:
        yield "  - type: sqlite_database"
        yield f"    name: {_written(one.name)}"
        if one.path is not None:
            yield f"    path: {_written(one.path)}"
        if one.ephemeral:
            yield "    ephemeral: true"


def _path(used: InUse) -> str | None:
    """The path of a new data base, where the language does not give it."""
    if len(used.file_systems) == 1 or not (used.file_systems or used.mounts):
        return None
    return join(used.file_systems[0].mount if used.file_systems else used.mounts[0], "app.db")


def _prototype(workload: Workload, used: InUse) -> Snippet:
    """A file on the task's disk, of a single task: with `ephemeral` alone two would run, with a file each."""
    if used.databases:
        lost = all(one.ephemeral for one in used.databases)
        also = (
            ("set service.resources.desiredCount to 1: each task has a file of its own",)
            if lost and used.tasks is None
            else ()
        )
        return Snippet(_text([*(() if lost else _systems(used.file_systems)), *_databases(used.databases)]), True, also)
    size = (workload.size or Decimal(0)) + _ROOM
    disk = min(LARGEST_DISK, int(size.to_integral_value(ROUND_CEILING)))
    lines = ["service:", "  resources:", "    desiredCount: 1"]
    lines += [f"    ephemeralStorage: {disk}"] if disk > FREE_DISK else []
    also = ("leave out service.autoScaling: each task would have a file of its own",) if used.scales else ()
    database = Database(used.service, used.service, "/tmp/app.db", True)  # noqa: S108
    return Snippet("\n".join(lines) + "\n" + _text(_databases([database])), also=also)


def _text(lines: Iterable[str]) -> str:
    """Lines below `dependencies`; nothing where there are none."""
    found = list(lines)
    return "\n".join(["dependencies:", *found]) + "\n" if found else ""


def _written(text: str) -> str:
    """A text as a YAML scalar, plain where that means the same."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS and ": " not in text
    return text if plain else json.dumps(text, ensure_ascii=False)


def _inside(text: str) -> str:
    """A text within a flow mapping, where braces mean more."""
    return _written(text) if not set("{}$") & set(text) else json.dumps(text, ensure_ascii=False)
