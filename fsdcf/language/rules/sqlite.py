"""Rules about SQLite and the file system it stands on: its journal, its writers, its backup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fsdcf.diagnostics import Diagnostic, Rule, SpecPath
from fsdcf.language.blind import said
from fsdcf.language.dependency import Mounted, SqliteFile, file_systems, mount_of, mounted, sqlite_file
from fsdcf.language.rules.case import Case

WAL = Rule(
    "S236",
    "SQLite's write-ahead log on a network file system",
    "WAL has an index in memory that all processes share, which those of two machines cannot: SQLite's documentation says that it "
    "does not work over a network file system, and EFS is one. A rollback journal (DELETE or TRUNCATE) does.",
    "https://www.sqlite.org/wal.html",
)
SHARED = Rule(
    "S237",
    "SQLite that may be lost, on a file system that is kept",
    "With `ephemeral: true` a service may run several tasks, each with a file on its own disk. On a file system that the tasks share "
    "they would all write one file, and corrupt it.",
    "https://www.sqlite.org/howtocorrupt.html",
)
READ_ONLY = Rule(
    "S238",
    "SQLite where nothing can be written",
    "SQLite writes a journal beside the file and locks it, even where the service means to read only.",
    "https://www.sqlite.org/lockingv3.html",
)
BACKUP = Rule(
    "S239",
    "a backup that the file system does not have",
    "AWS Backup copies file systems, never a single file: a SQLite data base is backed up where the aws_efs_file_system dependency "
    "that it stands on is. `backup` there decides; `backup` on the data base insists on it.",
    "https://docs.aws.amazon.com/efs/latest/ug/awsbackup.html",
)
RULES = (WAL, SHARED, READ_ONLY, BACKUP)

JOURNAL_MODE = "SQLITE_JOURNAL_MODE"


@dataclass(frozen=True)
class _Placed:
    """A data base in a file; ``mount`` is None on the task's own disk."""

    at: SpecPath
    database: SqliteFile
    file: str
    mount: Mounted | None

    @property
    def on_network(self) -> bool:
        return self.mount is not None and self.mount.network


def _placed(case: Case) -> list[_Placed]:
    """The data bases of which it is known where they stand; a finding says where it is not."""
    mounts = mounted(case.spec)
    is_plain = len(file_systems(case.spec)) == 1
    found = []
    for path, database in case.having(SqliteFile):
        if is_plain or database.path is not None:
            file = sqlite_file(database, case.spec) or ""
            found.append(_Placed(path, database, file, mount_of(file, mounts)))
    return found


def journal(case: Case) -> Iterator[Diagnostic]:
    hint = "use DELETE or TRUNCATE: WAL needs memory that its processes share, says https://www.sqlite.org/wal.html"
    databases = _placed(case)
    for one in databases:
        if one.on_network and one.database.journal_mode == "WAL":
            message = f"WAL does not work over a network file system, and `{one.file}` is on EFS"
            yield case.at(WAL, (*one.at, "journalMode"), message, hint)
    written = case.spec.service.environment.get(JOURNAL_MODE)
    if isinstance(written, str) and written.upper() == "WAL" and databases and all(one.on_network for one in databases):
        message = f"WAL does not work over a network file system, and `{databases[0].file}` is on EFS"
        yield case.at(WAL, ("service", "environment", JOURNAL_MODE), message, hint)


def shared(case: Case) -> Iterator[Diagnostic]:
    for one in _placed(case):
        if one.on_network and one.database.ephemeral:
            hint = "leave `ephemeral` out, or give a `path` on the task's own disk, such as /tmp/app.db"
            message = f"several tasks would write `{one.file}`, which is on EFS"
            yield case.at(SHARED, (*one.at, "ephemeral"), message, hint, key=True)


def writable(case: Case) -> Iterator[Diagnostic]:
    for one in _placed(case):
        if one.mount is not None and one.mount.read_only:
            written = case.document.has((*one.at, "path"))
            hint = "give the file system `permissions: readWrite`, or the volume `readOnly: false`"
            message = f"`{one.file}` stands on `{one.mount.path}`, which is mounted for reading only"
            yield case.at(READ_ONLY, (*one.at, "path") if written else one.at, message, hint, key=not written)


def backup(case: Case) -> Iterator[Diagnostic]:
    for one in _placed(case):
        yield from said(_backup(case, one))


def _backup(case: Case, one: _Placed) -> Iterator[Diagnostic]:
    wanted = one.database.backup
    at = (*one.at, "backup")
    if wanted is None:
        return
    system = one.mount.system if one.mount else None
    if system is None or not case.types[system.type].managed(system):
        if wanted:
            yield _out_of_reach(case, at, one)
        return
    line = next(case.document.span(path).line for path, other, _ in case.dependencies() if other is system)
    if wanted and not system.backup:
        hint = "leave `backup` out there, where it is on by default, or leave it out here"
        yield case.at(BACKUP, at, f"the file system in line {line} says `backup: false`", hint)
    elif system.backup and not wanted:
        hint = "write `backup: false` there too, or leave it out here"
        yield case.at(BACKUP, at, f"the file system in line {line} is backed up, with every file on it", hint)


def _out_of_reach(case: Case, at: SpecPath, one: _Placed) -> Diagnostic:
    if one.on_network:
        hint = "turn on its automatic backups where it is made, and leave `backup` out here"
        return case.at(
            BACKUP, at, f"`{one.file}` is on a file system that exists already: this stack cannot back it up", hint
        )
    hint = "put the file on an aws_efs_file_system dependency, or leave `backup` out"
    return case.at(BACKUP, at, f"`{one.file}` is on the task's own disk, which AWS Backup does not reach", hint)


CHECKS = (journal, shared, writable, backup)
