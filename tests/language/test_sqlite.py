"""SQLite and its file system: what contradicts a single writer, a rollback journal, or a backup."""

from __future__ import annotations

from typing import Any

import pytest

from fsdcf.language.dependency import mount_of, mounts_of, sqlite_file
from tests.conftest import HELLO, Compile

EFS = "  - {type: aws_efs_file_system, name: data}\n"
NETWORK = ("SQLITE_JOURNAL_MODE: wal", "SQLITE_JOURNAL_MODE: WAL")


def spec(*dependencies: str, service: str = "") -> str:
    """HELLO with a file system at /mnt/efs and what else is named."""
    return (
        HELLO
        + service
        + "dependencies:\n"
        + EFS
        + "".join(f"  - {{type: sqlite_database, {one}}}\n" for one in dependencies)
    )


def judged(compiled: Compile, text: str) -> list[tuple[str, str]]:
    """The errors, each as its code and its path."""
    result = compiled(text)
    found = [(one.code, ".".join(map(str, one.path))) for one in result.diagnostics if one.code.startswith("S")]
    assert all(one.hint for one in result.diagnostics) and (result.template is None) == bool(found)
    return found


CONTRADICTIONS = {
    "auto scaling": ("  autoScaling: {maxCount: 2}\n", "service.autoScaling"),
    "a count": ("  resources: {desiredCount: 2}\n", "service.resources.desiredCount"),
    "a minimum": ("  deployment: {minimumHealthyPercent: 50}\n", "service.deployment.minimumHealthyPercent"),
    "a maximum": ("  deployment: {maximumPercent: 200}\n", "service.deployment.maximumPercent"),
}


@pytest.mark.parametrize(("service", "path"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_contradicts_a_single_writer(compiled: Compile, service: str, path: str) -> None:
    assert judged(compiled, spec("name: app", service=service)) == [("S209", path)]
    assert judged(compiled, spec("name: app, path: /tmp/app.db, ephemeral: true", service=service)) == []


@pytest.mark.parametrize(
    ("service", "count"), [("", 1), ("  resources: {desiredCount: 0}\n", 0), ("  resources: {desiredCount: 1}\n", 1)]
)
def test_the_task_stops_before_the_next_one_starts_and_nothing_scales(
    compiled: Compile, service: str, count: int
) -> None:
    result = compiled(spec("name: app", service=service))
    assert result.template is not None, result.diagnostics
    resources = result.template.data["Resources"]
    properties = resources["Service"]["Properties"]
    deployment = properties["DeploymentConfiguration"]
    assert properties["DesiredCount"] == count
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 100)
    assert properties["AvailabilityZoneRebalancing"] == "DISABLED"
    assert not [one for one in resources.values() if one["Type"].startswith("AWS::ApplicationAutoScaling::")]


WALS: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
    "on the file system": ("name: app, journalMode: WAL", "", [("S236", "dependencies.1.journalMode")]),
    "by its path": (
        "name: app, path: /mnt/efs//deep/../app.db, journalMode: WAL",
        "",
        [("S236", "dependencies.1.journalMode")],
    ),
    "on the task's own disk": ("name: app, path: /tmp/app.db, journalMode: WAL", "", []),
    "out of the file system": ("name: app, path: /mnt/efs/../app.db, journalMode: WAL", "", []),
    "by a variable": ("name: app", NETWORK[0], [("S236", "service.environment.SQLITE_JOURNAL_MODE")]),
    "by a variable, elsewhere": ("name: app, path: /tmp/app.db", NETWORK[1], []),
    "another variable": ("name: app", "SQLITE_JOURNAL_MODE: TRUNCATE", []),
}


@pytest.mark.parametrize(("keys", "variable", "expected"), WALS.values(), ids=WALS)
def test_wal_is_rejected_on_a_network_file_system(
    compiled: Compile, keys: str, variable: str, expected: list[tuple[str, str]]
) -> None:
    assert judged(compiled, spec(keys, service=f"  environment: {{{variable}}}\n" if variable else "")) == expected


def test_an_ephemeral_database_is_not_on_a_shared_file_system(compiled: Compile) -> None:
    for keys in ("name: app, ephemeral: true", "name: app, ephemeral: true, path: /mnt/efs/x.db"):
        assert judged(compiled, spec(keys)) == [("S237", "dependencies.1.ephemeral")]
    disk = "  volumes:\n    - {name: scratch, mountPath: /mnt/efs/scratch}\n"
    assert judged(compiled, spec("name: app, ephemeral: true, path: /mnt/efs/scratch/x.db", service=disk)) == []


READERS = {
    "the dependency": ("permissions: read", "", "name: app", "dependencies.1"),
    "an existing one": ("unmanaged: {permissions: read}", "", "name: app", "dependencies.1"),
    "its actions": (
        "permissions: ['elasticfilesystem:ClientMount']",
        "",
        "name: app, path: /mnt/efs/x.db",
        "dependencies.1.path",
    ),
    "a volume": (
        "permissions: readWrite",
        "  volumes:\n    - {name: again, mountPath: /again, readOnly: true, efs: {dependency: data}}\n",
        "name: app, path: /again/x.db",
        "dependencies.1.path",
    ),
}


@pytest.mark.parametrize(("system", "service", "keys", "path"), READERS.values(), ids=READERS)
def test_sqlite_needs_write_access_even_to_read(
    compiled: Compile, system: str, service: str, keys: str, path: str
) -> None:
    identity = "data" if "readWrite" in system or system == "permissions: read" else "fs-0123456789abcdef0"
    text = spec(keys, service=service).replace("name: data}", f"name: {identity}, {system}}}", 1)
    assert judged(compiled, text) == [("S238", path)]


BACKUPS: dict[str, tuple[str, str, bool]] = {
    "insisted on, by default": ("", "name: app, backup: true", True),
    "insisted on, written": ("backup: true", "name: app, backup: true", True),
    "insisted on, and off": ("backup: false", "name: app, backup: true", False),
    "insisted on, of a kept one": ("existingId: fs-0123456789abcdef0", "name: app, backup: true", False),
    "off, and off": ("backup: false", "name: app, backup: false", True),
    "refused, and on": ("", "name: app, backup: false", False),
    "no word": ("backup: false", "name: app", True),
    "of the task's own disk": ("", "name: app, backup: true, path: /tmp/app.db", False),
    "of data that may be lost": ("", "name: app, backup: true, path: /tmp/app.db, ephemeral: true", False),
    "none, of the task's own disk": ("", "name: app, backup: false, path: /tmp/app.db", True),
    "of what already exists": ("unmanaged: {permissions: readWrite}", "name: app, backup: true", False),
    "none, of what already exists": ("unmanaged: {permissions: readWrite}", "name: app, backup: false", True),
}


@pytest.mark.parametrize(("system", "keys", "holds"), BACKUPS.values(), ids=BACKUPS)
def test_a_backup_must_match_the_file_system(compiled: Compile, system: str, keys: str, holds: bool) -> None:
    identity = "fs-0123456789abcdef0" if "unmanaged" in system else "data"
    text = spec(keys).replace("name: data}", f"name: {identity}{', ' if system else ''}{system}}}", 1)
    assert judged(compiled, text) == ([] if holds else [("S239", "dependencies.1.backup")])


def test_a_database_without_a_file_has_a_single_finding(compiled: Compile) -> None:
    twice = spec("name: app, backup: true, journalMode: WAL").replace(
        EFS, EFS + EFS.replace("data", "more, mountPoint: /more")
    )
    assert judged(compiled, twice) == [("S210", "dependencies.2")]


def test_a_default_path_and_the_same_written_path_are_one_file(compiled: Compile) -> None:
    chosen = "  environment: {DATABASE_URL: x, SQLITE_PATH: y}\n"
    found = judged(compiled, spec("name: one", "name: two, path: /mnt/efs/app.db", service=chosen))
    assert found == [("S231", "dependencies.2")]


def test_a_file_is_on_the_deepest_mount(compiled: Compile) -> None:
    volumes = "  volumes:\n    - {name: inner, mountPath: /mnt/efs/inner/}\n"
    volumes += "    - {name: other, mountPath: /srv, efs: {fileSystemId: fs-01234567}}\n"
    found: Any = compiled(spec("name: app", service=volumes)).spec
    mounts = mounts_of(found)
    assert [(one.path, one.network) for one in mounts] == [
        ("/mnt/efs", True),
        ("/mnt/efs/inner/", False),
        ("/srv", True),
    ]
    places = {
        path: mount_of(path, mounts) for path in ("/mnt/efs/x", "/mnt/efs/inner/x", "/srv/../srv/x", "/mnt/efsx", "/x")
    }
    assert [one and one.path for one in places.values()] == ["/mnt/efs", "/mnt/efs/inner/", "/srv", None, None]
    assert sqlite_file(found.dependencies[1], found) == "/mnt/efs/app.db"


def test_a_single_writer_in_production_is_not_asked_for_a_second_task(compiled: Compile) -> None:
    def warnings(*dependencies: str) -> dict[str, str]:
        result = compiled(spec(*dependencies), environment="prod")
        return {each.code: each.hint for each in result.diagnostics if each.code in ("W102", "W103")}

    single = warnings("name: app")
    assert set(single) == {"W102"} and "DynamoDB" in single["W102"]
    assert set(warnings("name: app, path: /tmp/app.db, ephemeral: true")) == {"W103"}
