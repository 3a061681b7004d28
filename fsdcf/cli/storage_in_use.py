"""What a spec says of a service's stores and tasks, for advice on them."""

from __future__ import annotations

from fsdcf.compiler.dependencies import types
from fsdcf.compiler.dependencies.dynamodb_table import DynamoDbTable
from fsdcf.compiler.dependencies.dynamodb_table import managed as manages_table
from fsdcf.compiler.dependencies.efs_file_system import EfsFileSystem
from fsdcf.compiler.dependencies.efs_file_system import managed as manages_files
from fsdcf.compiler.dependencies.sqlite_database import SqliteDatabase
from fsdcf.spec.model import Spec
from fsdcf.spec.names import local_name
from fsdcf.spec.storage import with_sqlite_paths
from fsdcf.storage.snippets import Database, FileSystem, InUse, Table


def in_use(spec: Spec) -> InUse:
    """The stores of a spec."""
    dependencies = spec.dependencies
    return InUse(
        service=spec.metadata.name,
        databases=tuple(
            Database(str(one.name), local_name(one.name), one.path, one.ephemeral)
            for one in dependencies
            if isinstance(one, SqliteDatabase)
        ),
        tables=tuple(_table(one) for one in dependencies if isinstance(one, DynamoDbTable)),
        file_systems=tuple(_system(one) for one in dependencies if isinstance(one, EfsFileSystem)),
        mounts=tuple(one.mount_path for one in spec.service.volumes if one.efs and not one.read_only),
        scales=spec.service.auto_scaling is not None,
        tasks=spec.service.resources.desired_count,
    )


def _system(one: EfsFileSystem) -> FileSystem:
    ours = manages_files(one)
    return FileSystem(
        str(one.name), one.mount_point, ours, ours and one.throughput_mode == "bursting", not ours or one.backup
    )


def _table(one: DynamoDbTable) -> Table:
    kinds = {attribute.name: attribute.type for attribute in one.attributes}
    key = (
        tuple((element.name, element.type, kinds[element.name]) for element in one.key_schema)
        if manages_table(one)
        else ()
    )
    return Table(str(one.name), local_name(one.name), key)


def writers(spec: Spec, used: InUse) -> tuple[int | None, str]:
    """How many tasks write, and what tells so; None where the spec does not say: its default is one task with SQLite."""
    if spec.service.auto_scaling is not None:
        return max(1, spec.service.auto_scaling.max_count), "service.autoScaling.maxCount"
    if any(not one.ephemeral for one in used.databases):
        return 1, "SQLite has one"
    if used.tasks is not None:
        return max(1, used.tasks), "service.resources.desiredCount"
    return None, ""


def files(spec: Spec) -> dict[str, str]:
    """The file of each SQLite data base, by its name."""
    placed = with_sqlite_paths(spec, types()).dependencies
    return {str(one.name): one.path or "" for one in placed if isinstance(one, SqliteDatabase)}


def told(spec: Spec, used: InUse) -> str:
    """The stores of a spec in a sentence."""
    paths = files(spec)
    words = [
        f"SQLite ({one.name} in {paths[one.name]}{', lost with its task' if one.ephemeral else ''})"
        for one in used.databases
    ]
    words += [f"DynamoDB ({one.name})" for one in used.tables]
    if not words:
        return "no store yet"
    return " and ".join(words)
