"""Rules about dependencies among themselves; each type brings its own beside these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fsdcf.diagnostics import Diagnostic, Rule, SpecPath
from fsdcf.language.blind import said
from fsdcf.language.dependency import DependencyType, MountedFileSystem, SqliteFile, file_systems, sqlite_file
from fsdcf.language.model import Dependency
from fsdcf.language.names import local_name
from fsdcf.language.rules.case import Case

DUPLICATE = Rule(
    "S206",
    "two dependencies of one type and name",
    "Logical ids and variables come from type and name, `${ENV}` and its separator dropped. Two dependencies of one type and name "
    "would be one resource.",
)
NAMELESS = Rule(
    "S229",
    "a dependency's name with nothing of its own",
    "The logical id and the variables come from the name without `${ENV}`; nothing is left of this one.",
)
NO_PATH = Rule(
    "S210",
    "SQLite without a place",
    "A container's disk is lost with its task. Without a file system and without a `path` there is nowhere to put the file.",
)
MOUNTS = Rule("S230", "two mounts at one path", "A container can mount one volume at a path.")
ONE_FILE = Rule(
    "S231",
    "two SQLite data bases in one file, or two volumes of one name",
    "Each SQLite data base has a file of its own; `path` says where. A volume of `service.volumes` cannot bear the name of an EFS dependency.",
)
ONE_VARIABLE = Rule(
    "S232",
    "a variable from two dependencies",
    "Some dependencies give a variable that does not bear their name, such as DATABASE_URL. Of two with another value, one would "
    "silently win: set the variable in `environment` to the one that the service means.",
)
TAKEN = Rule(
    "S242",
    "a dependency's name that the network needs",
    "Logical ids never change, and that of the table `public-route` is the one of the route table of a new VPC: PublicRouteTable.",
)
RULES = (TAKEN, ONE_FILE, DUPLICATE, NAMELESS, NO_PATH, MOUNTS, ONE_VARIABLE)


def unique(case: Case) -> Iterator[Diagnostic]:
    seen: dict[tuple[str, str], int] = {}
    for path, dependency, kind in case.dependencies():
        local = local_name(dependency.name)
        if not local:
            yield case.at(
                NAMELESS, (*path, "name"), f"`{dependency.name}` has no name of its own", "such as ${ENV}-orders"
            )
            continue
        if (kind.name, local) in seen:
            line = case.document.span(("dependencies", seen[kind.name, local])).line
            message = f"`{local}` is also the name of the {kind.name} in line {line}"
            yield case.at(DUPLICATE, (*path, "name"), message, "give each its own name")
        seen.setdefault((kind.name, local), int(path[1]))


def taken(case: Case) -> Iterator[Diagnostic]:
    if case.spec.service.networking.network.id is not None:
        return
    for path, dependency, kind in case.dependencies():
        local = local_name(dependency.name)
        if local in kind.reserved_names and kind.managed(dependency):
            message = f"a resource of the network has the logical id of `{local}`"
            yield case.at(TAKEN, (*path, "name"), message, f"choose another name, such as ${{ENV}}-{local}s")


def own_rules(case: Case) -> Iterator[Diagnostic]:
    for path, dependency, kind in case.dependencies():
        yield from said(_own_rules(case, path, dependency, kind))


def _own_rules(case: Case, path: SpecPath, dependency: Dependency, kind: DependencyType[Any]) -> Iterator[Diagnostic]:
    idle = () if kind.managed(dependency) else kind.managed_keys  # advice says that they have no effect
    for violation in kind.check(dependency):
        if not violation.at or violation.at[0] not in idle:
            yield case.at(violation.rule, (*path, *violation.at), violation.message, violation.hint, violation.key)


def sqlite_place(case: Case) -> Iterator[Diagnostic]:
    systems = file_systems(case.spec)
    for path, database in case.having(SqliteFile):
        if database.path is None and len(systems) != 1:
            several = "several file systems" if systems else "no file system"
            hint = (
                "add an aws_efs_file_system dependency, or a `path` (with `ephemeral: true` for data that may be lost)"
            )
            yield case.at(NO_PATH, path, f"the service has {several}, and the data base no `path`", hint, key=True)


def mounts(case: Case) -> Iterator[Diagnostic]:
    seen: dict[str, str] = {}
    found = [((*path, "mountPoint"), system.mount_point) for path, system in case.having(MountedFileSystem)]
    found += [
        (("service", "volumes", index, "mountPath"), one.mount_path)
        for index, one in enumerate(case.spec.service.volumes)
    ]
    for path, mount in found:
        place = mount.rstrip("/") or "/"
        if place in seen:
            yield case.at(MOUNTS, path, f"`{mount}` is mounted twice", "give each mount a path of its own")
        seen[place] = mount


def one_file(case: Case) -> Iterator[Diagnostic]:
    taken: set[object] = set()
    for path, database in case.having(SqliteFile):
        file = sqlite_file(database, case.spec)
        if file in taken:
            yield case.at(
                ONE_FILE, path, "another data base is in the same file", "give each a `path` of its own", key=True
            )
        taken.add(file)
    systems = file_systems(case.spec)
    for index, volume in enumerate(case.spec.service.volumes):
        if volume.name in systems:
            message = f"`{volume.name}` is the volume of the EFS dependency of that name"
            yield case.at(ONE_FILE, ("service", "volumes", index, "name"), message, "choose another name")


def one_variable(case: Case) -> Iterator[Diagnostic]:
    service = case.spec.service
    chosen = {*service.environment, *(secret.name for secret in service.secrets)}
    givers: dict[str, tuple[int, str | None]] = {}
    for path, dependency, kind in case.dependencies():
        values = kind.settings(dependency)
        given = {name: (int(path[1]), values.get(name)) for name in kind.variables if name not in chosen}
        twice = [
            name for name, (_, value) in given.items() if name in givers and (value is None or value != givers[name][1])
        ]
        if twice:
            line = case.document.span(("dependencies", givers[twice[0]][0])).line
            message = f"the dependency in line {line} gives {' and '.join(twice)} too"
            named = f"{kind.category}:{local_name(dependency.name)}"
            chosen_ones = ", ".join(f"{name}: ${{{named}:{kind.variables[name]}}}" for name in twice)
            hint = f"choose in service.environment, such as {chosen_ones}"
            yield case.at(ONE_VARIABLE, path, message, hint, key=True)
        givers = given | givers


CHECKS = (one_file, unique, taken, own_rules, sqlite_place, mounts, one_variable)
