"""Rules about SQLite and the file system that holds its file: the journal, the single writer and the backup."""

from __future__ import annotations

from dataclasses import dataclass

from fsdcf.diagnostics import SpecPath
from fsdcf.language.dependency import MountedPath, SqliteFile, file_systems, mount_of, mounts_of, sqlite_file
from fsdcf.language.rules.case import Case, Problem, Problems, rule
from fsdcf.language.rules.tasks import single_writers
from fsdcf.language.unknown import until_unknown
from fsdcf.links import SQLITE_WAL

JOURNAL_MODE = "SQLITE_JOURNAL_MODE"


@dataclass(frozen=True)
class _Database:
    """A database in a file; ``mount`` is None on the task's own disk."""

    path: SpecPath
    dependency: SqliteFile
    file: str
    mount: MountedPath | None

    @property
    def on_network(self) -> bool:
        return self.mount is not None and self.mount.network


def _databases(case: Case) -> list[_Database]:
    """Return the databases with a known file; S210 reports the others."""
    mounts = mounts_of(case.spec)
    has_default = len(file_systems(case.spec)) == 1
    databases = []
    for path, dependency in case.having(SqliteFile):
        if has_default or dependency.path is not None:
            file = sqlite_file(dependency, case.spec) or ""
            databases.append(_Database(path, dependency, file, mount_of(file, mounts)))
    return databases


@rule("S209", "SQLite with more than one task", "https://www.sqlite.org/whentouse.html")
def single_writer(case: Case) -> Problems:
    """SQLite on a file system allows a single writer: fsdcf runs one task and stops it before the next one starts.
    Auto scaling, a larger count, or a deployment that starts the new task first would corrupt the file. `ephemeral:
    true` lifts this rule."""
    if not single_writers(case):
        return
    service = case.service
    hint = "keep one task, set `ephemeral: true` for data that may be lost, or move to DynamoDB"
    if service.auto_scaling is not None:
        message = "auto scaling would run several tasks on one SQLite file"
        yield Problem("service.autoScaling", message, hint, key=True)
    count = service.resources.desired_count
    if count is not None and count > 1:
        yield Problem("service.resources.desiredCount", f"{count} tasks would write to one SQLite file", hint)
    message = "SQLite requires the old task to stop before the new one starts"
    if service.deployment.minimum_healthy_percent not in (None, 0):
        yield Problem("service.deployment.minimumHealthyPercent", message, "leave it out: it is 0 here")
    if service.deployment.maximum_percent not in (None, 100):
        yield Problem("service.deployment.maximumPercent", message, "leave it out: it is 100 here")


@rule("S210", "SQLite without a file")
def no_path(case: Case) -> Problems:
    """A container's disk is lost with its task. Without a file system and without a `path` the file has
    nowhere to go."""
    systems = file_systems(case.spec)
    for path, database in case.having(SqliteFile):
        if database.path is None and len(systems) != 1:
            number = "several file systems" if systems else "no file system"
            hint = "add an aws_efs_file_system dependency, or a `path`"
            hint += " (with `ephemeral: true` for data that may be lost)"
            yield Problem(path, f"the database has no `path`, and the service has {number}", hint, key=True)


@rule("S236", "SQLite's write-ahead log on a network file system", SQLITE_WAL)
def journal(case: Case) -> Problems:
    """WAL keeps an index in memory that all processes share, which two machines cannot. SQLite's documentation says
    that it does not work over a network file system, and EFS is one. A rollback journal (DELETE or TRUNCATE) works."""
    databases = _databases(case)
    hint = f"use DELETE or TRUNCATE: WAL needs memory that its processes share; see {SQLITE_WAL}"
    message = "WAL does not work over a network file system, and `{}` is on EFS"
    for database in databases:
        if database.on_network and database.dependency.journal_mode == "WAL":
            yield Problem((*database.path, "journalMode"), message.format(database.file), hint)
    mode = case.service.environment.get(JOURNAL_MODE)
    is_wal = isinstance(mode, str) and mode.upper() == "WAL"
    if is_wal and databases and all(database.on_network for database in databases):
        yield Problem(("service", "environment", JOURNAL_MODE), message.format(databases[0].file), hint)


@rule("S237", "ephemeral SQLite on a persistent file system", "https://www.sqlite.org/howtocorrupt.html")
def shared_file(case: Case) -> Problems:
    """With `ephemeral: true` a service may run several tasks, each with a file on its own disk. On a file system
    that the tasks share, they would all write one file and corrupt it."""
    for database in _databases(case):
        if database.on_network and database.dependency.ephemeral:
            message = f"several tasks would write to `{database.file}`, which is on EFS"
            hint = "leave out `ephemeral`, or give a `path` on the task's own disk, such as /tmp/app.db"
            yield Problem((*database.path, "ephemeral"), message, hint, key=True)


@rule("S238", "SQLite on a read-only mount", "https://www.sqlite.org/lockingv3.html")
def read_only(case: Case) -> Problems:
    """SQLite writes a journal next to the file and locks the file, even if the service only reads from it."""
    for database in _databases(case):
        if database.mount is not None and database.mount.read_only:
            written = case.document.has((*database.path, "path"))
            path = (*database.path, "path") if written else database.path
            message = f"`{database.file}` is on `{database.mount.path}`, which is mounted read-only"
            hint = "give the file system `permissions: readWrite`, or the volume `readOnly: false`"
            yield Problem(path, message, hint, key=not written)


@rule(
    "S239",
    "a backup that the file system does not have",
    "https://docs.aws.amazon.com/efs/latest/ug/awsbackup.html",
)
def backup(case: Case) -> Problems:
    """AWS Backup copies whole file systems, not single files: a SQLite database is backed up if its
    aws_efs_file_system dependency is. `backup` on the file system turns backups on or off; `backup` on the database
    only demands that the file system agrees."""
    for database in _databases(case):
        yield from until_unknown(_backup(case, database))


def _backup(case: Case, database: _Database) -> Problems:
    wanted = database.dependency.backup
    if wanted is None:
        return
    path = (*database.path, "backup")
    system = database.mount.system if database.mount else None
    if system is None or system.existing_id is not None or not case.types[system.type].managed(system):
        if wanted and database.on_network:
            yield Problem(
                path,
                f"`{database.file}` is on an existing file system, which this stack cannot back up",
                "turn on its automatic backups where it is managed, and leave out `backup` here",
            )
        elif wanted:
            message = f"`{database.file}` is on the task's own disk, which AWS Backup does not reach"
            yield Problem(path, message, "put the file on an aws_efs_file_system dependency, or leave out `backup`")
        return
    line = next(case.document.span(at).line for at, other, _ in case.dependencies() if other is system)
    if wanted and not system.backup:
        hint = "leave out `backup` there (it is on by default), or leave it out here"
        yield Problem(path, f"the file system on line {line} has `backup: false`", hint)
    elif system.backup and not wanted:
        hint = "write `backup: false` there too, or leave it out here"
        yield Problem(path, f"the file system on line {line} is backed up, with every file on it", hint)


@rule("W108", "SQLite outside a mount")
def lost_database(case: Case) -> Problems:
    """A container's disk is lost with its task. Set `ephemeral: true` on a database that may be lost."""
    mounts = mounts_of(case.spec)
    kept = [mount.path for mount in mounts if mount.network]
    for path, database in case.having(SqliteFile):
        file = database.path
        mount = mount_of(file, mounts) if file else None
        if file and not database.ephemeral and (mount is None or not mount.network):
            hint = f"put it below {kept[0]}" if kept else "add an aws_efs_file_system dependency, or `ephemeral: true`"
            yield Problem((*path, "path"), f"`{file}` is lost when the task stops", hint)
