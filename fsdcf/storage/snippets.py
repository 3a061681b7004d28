"""The part of a spec that a data store requires, in FSD v1: a new one, or the existing part of the spec."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from posixpath import join

from fsdcf.storage.advice import DSQL, DYNAMODB, RDS, SQLITE, Workload

FREE_DISK, LARGEST_DISK = 20, 200
"""GB of disk of a task: the default and the maximum.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html"""

_ROOM = Decimal(10)
"""GB of a task's disk reserved for the image."""

_TYPES = {DSQL: "aws_dsql_cluster", RDS: "aws_rds_instance"}
_LEAST_STORAGE, _MOST_STORAGE = Decimal(20), 65536
"""GiB of an instance of RDS.
Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html"""

_PLAIN = re.compile(r"[A-Za-z/$][A-Za-z0-9${}:/_.-]*[A-Za-z0-9}]|[A-Za-z]")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


@dataclass(frozen=True)
class Database:
    """A SQLite database of the spec; ``local`` is its name without placeholders.

    ``path`` is that in the spec, ``file`` that in the container.
    """

    name: str
    local: str
    path: str | None = None
    ephemeral: bool = False
    file: str = ""


@dataclass(frozen=True)
class SpecTable:
    """A DynamoDB table of the spec; ``key`` has (attribute, HASH or RANGE, S, N or B), empty for an unmanaged table."""

    name: str
    local: str
    key: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class FileSystem:
    """An EFS dependency of the spec. ``bursting``: reads and writes are not billed."""

    name: str
    mount: str = "/mnt/efs"
    managed: bool = True
    bursting: bool = False
    backup: bool = True


@dataclass(frozen=True)
class InUse:
    """The data stores of a service.

    ``servers`` are its databases of RDS and DSQL: the store and the name.
    ``mounts`` are the paths of its EFS volumes, ``tasks`` its desired count if the spec sets it; ``scales``: it has
    auto scaling.
    """

    service: str = "my-service"
    databases: tuple[Database, ...] = ()
    tables: tuple[SpecTable, ...] = ()
    file_systems: tuple[FileSystem, ...] = ()
    mounts: tuple[str, ...] = ()
    scales: bool = False
    tasks: int | None = None
    servers: tuple[tuple[str, str], ...] = ()

    @property
    def stores(self) -> frozenset[str]:
        """The names of its stores, as in ``advice``."""
        own = {*([SQLITE] if self.databases else []), *([DYNAMODB] if self.tables else [])}
        return frozenset({*own, *(store for store, _ in self.servers)})

    @property
    def base(self) -> str:
        """A name for a new store: the name of the database, or of the service."""
        return self.databases[0].local if self.databases else self.service


@dataclass(frozen=True)
class Snippet:
    """YAML for a spec. ``present``: the spec already contains it. ``also`` lists other changes as sentences."""

    text: str
    present: bool = False
    also: tuple[str, ...] = ()


def snippet(store: str, workload: Workload, used: InUse) -> Snippet:
    """The part of a spec for a store. It compiles in a spec without other dependencies."""
    if store in (DSQL, RDS):
        return _server(store, workload, used)
    if store == DYNAMODB:
        return _dynamodb(used)
    return _prototype(workload, used) if workload.prototype else _sqlite(used)


def _server(store: str, workload: Workload, used: InUse) -> Snippet:
    """A cluster of DSQL or an instance of RDS, which the spec may have already."""
    if present := [name for kind, name in used.servers if kind == store]:
        lines = [f"  - {{type: {_TYPES[store]}, name: {_inside(name)}}}" for name in present]
        return Snippet(_text(lines), True)
    name = re.sub("[^a-z0-9]+", "-", used.base.lower()).strip("-") or "main"
    lines = [f"  - type: {_TYPES[store]}", f"    name: {name if name[0].isalpha() else f'db-{name}'}"]
    if store == RDS:
        storage = max(_LEAST_STORAGE, (workload.size or Decimal(0)) * 2)
        lines += ["    engine: postgres", "    instanceClass: db.t4g.small"]
        lines += [f"    storage: {min(_MOST_STORAGE, int(storage.to_integral_value(ROUND_CEILING)))}"]
    return Snippet(_text(lines))


def _dynamodb(used: InUse) -> Snippet:
    """The existing managed tables, or a new one. The key of an unmanaged table is not known."""
    tables = used.tables or (SpecTable(f"${{ENV}}-{used.base}", used.base, (("id", "HASH", "S"),)),)
    lines = []
    for table in tables:
        if table.key:
            lines += ["  - type: aws_dynamodb_table", f"    name: {_written(table.name)}", "    keySchema:"]
            lines += [f"      - {{name: {_inside(name)}, type: {role}}}" for name, role, _ in table.key]
            lines += ["    attributes:"]
            lines += [f"      - {{name: {_inside(name)}, type: {kind}}}" for name, _, kind in table.key]
    key = "replace `id` by a key that suits your queries: items are found by key or index only"
    return Snippet(_text(lines), bool(used.tables), () if used.tables else (key,))


def _sqlite(used: InUse) -> Snippet:
    """The existing persistent databases with their file systems, or a new database that replaces ephemeral ones."""
    kept = [database for database in used.databases if not database.ephemeral]
    if kept:
        return Snippet(_text([*_systems(used.file_systems), *_databases(kept)]), True)
    also = [f"this replaces {database.name}, which is lost with its task" for database in used.databases]
    also += ["remove service.autoScaling: one file has one writer"] if used.scales else []
    also += ["remove service.resources.desiredCount: it is 1 with SQLite"] if (used.tasks or 1) > 1 else []
    systems = used.file_systems or (() if used.mounts else (FileSystem(f"${{ENV}}-{used.service}"),))
    name = used.databases[0].name if used.databases else used.service
    return Snippet(_text([*_systems(systems), *_databases([Database(name, used.base, _path(used))])]), also=tuple(also))


def _systems(systems: tuple[FileSystem, ...]) -> Iterator[str]:
    for system in systems:
        yield "  - type: aws_efs_file_system"
        yield f"    name: {_written(system.name)}"
        if system.mount != FileSystem.mount:
            yield f"    mountPoint: {_written(system.mount)}"
        if not system.managed:
            yield "    unmanaged: {permissions: readWrite}"
        if system.bursting:
            yield "    throughputMode: bursting"
        if not system.backup:
            yield "    backup: false"


def _databases(databases: Iterable[Database]) -> Iterator[str]:
    for database in databases:
        yield "  - type: sqlite_database"
        yield f"    name: {_written(database.name)}"
        if database.path is not None:
            yield f"    path: {_written(database.path)}"
        if database.ephemeral:
            yield "    ephemeral: true"


def _path(used: InUse) -> str | None:
    """The path of a new database, unless the language has a default for it."""
    if len(used.file_systems) == 1 or not (used.file_systems or used.mounts):
        return None
    return join(used.file_systems[0].mount if used.file_systems else used.mounts[0], "app.db")


def _prototype(workload: Workload, used: InUse) -> Snippet:
    """A file on the disk of a single task: with `ephemeral` alone, two tasks with a file each would run."""
    if used.databases:
        lost = all(database.ephemeral for database in used.databases)
        one_task = ("set service.resources.desiredCount to 1: each task has its own file",)
        systems = () if lost else _systems(used.file_systems)
        text = _text([*systems, *_databases(used.databases)])
        return Snippet(text, True, one_task if lost and used.tasks is None else ())
    size = (workload.size or Decimal(0)) + _ROOM
    disk = min(LARGEST_DISK, int(size.to_integral_value(ROUND_CEILING)))
    lines = ["service:", "  resources:", "    desiredCount: 1"]
    lines += [f"    ephemeralStorage: {disk}"] if disk > FREE_DISK else []
    also = ("remove service.autoScaling: each task would have its own file",) if used.scales else ()
    database = Database(used.service, used.service, "/tmp/app.db", True)  # noqa: S108
    return Snippet("\n".join(lines) + "\n" + _text(_databases([database])), also=also)


def _text(lines: Iterable[str]) -> str:
    """The lines below `dependencies:`; empty without lines."""
    text = "".join(f"{line}\n" for line in lines)
    return f"dependencies:\n{text}" if text else ""


def _written(text: str) -> str:
    """A YAML scalar, plain if possible."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS and ": " not in text
    return text if plain else json.dumps(text, ensure_ascii=False)


def _inside(text: str) -> str:
    """A YAML scalar in a flow mapping, where braces have a meaning."""
    return _written(text) if not set("{}$") & set(text) else json.dumps(text, ensure_ascii=False)
