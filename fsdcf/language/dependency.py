"""What a type of dependency tells the front end about itself. The types themselves live with the compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from posixpath import join, normpath
from typing import Any

from fsdcf.diagnostics import Rule, SpecPath
from fsdcf.language.model import Dependency, Spec
from fsdcf.language.names import local_name


@dataclass(frozen=True)
class Violation:
    """A rule that a dependency breaks; ``at`` is the path below the dependency, ``key`` marks the key instead of the value."""

    rule: Rule
    at: SpecPath
    message: str
    hint: str
    key: bool = False


@dataclass(frozen=True)
class DependencyType:
    """One type of dependency: its name in specs, its model, its rules, and how it is compiled.

    ``kind`` and ``attributes`` are those of placeholders: ``${sqs:orders:url}``. ``compile`` takes the dependency and the
    compiler's context and gives a grant. ``managed`` tells whether a dependency is made by the
    stack, as opposed to one that exists already, and ``managed_keys`` are those that mean nothing to the latter. ``endpoint`` is
    the name of the interface endpoint that reaches the service behind it, where traffic does not go to an address in the
    network. ``variables`` are those that do not bear the dependency's name, so that two could give one, each with
    the attribute that it holds; ``settings`` are the values of those that follow from the dependency's keys alone, so that two that
    give the same one do not contradict each other.
    """

    name: str
    kind: str
    doc: str
    model: type[Dependency]
    attributes: Callable[[Any], tuple[str, ...]]
    compile: Callable[..., Any]
    check: Callable[[Any], Iterator[Violation]]
    managed: Callable[[Any], bool]
    managed_keys: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    endpoint: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    settings: Callable[[Any], Mapping[str, str]] = lambda dependency: {}
    rules: tuple[Rule, ...] = ()


Types = Mapping[str, DependencyType]
"""Dependency types by every accepted name."""


SQLITE_FILE = "app.db"


@dataclass(frozen=True)
class Mounted:
    """A directory of the container that is not on its own disk.

    ``network`` is true on EFS, which outlives the task and is a network file system. ``system`` is the dependency behind it; None
    for a file system that the spec names by its id.
    """

    path: str
    network: bool
    read_only: bool
    system: Dependency | None = None


def file_systems(spec: Spec, types: Types) -> list[str]:
    """The mount points of the EFS dependencies."""
    return [str(getattr(one, "mount_point", "")) for one in spec.dependencies if types[one.type].kind == "efs"]


def mounted(spec: Spec, types: Types) -> list[Mounted]:
    """Every mount of the container: the EFS dependencies, then ``service.volumes``."""
    systems = {local_name(one.name): one for one in spec.dependencies if types[one.type].kind == "efs"}
    found = [Mounted(str(getattr(one, "mount_point", "")), True, _is_read_only(one), one) for one in systems.values()]
    for volume in spec.service.volumes:
        system = systems.get(volume.efs.dependency) if volume.efs and volume.efs.dependency else None
        read_only = volume.read_only or (system is not None and _is_read_only(system))
        found.append(Mounted(volume.mount_path, volume.efs is not None, read_only, system))
    return found


def _is_read_only(system: Dependency) -> bool:
    wanted = system.unmanaged.permissions if system.unmanaged else system.permissions
    if wanted is None or isinstance(wanted, str):
        return wanted == "read"
    return "elasticfilesystem:ClientWrite" not in wanted


def standing(path: str, mounts: Iterable[Mounted]) -> Mounted | None:
    """The mount that a file stands on: of several the deepest, None for the task's own disk."""
    file = _plain(path)
    found = [one for one in mounts if file.startswith(_plain(one.path).rstrip("/") + "/")]
    return max(found, key=lambda one: len(_plain(one.path)), default=None)


def _plain(path: str) -> str:
    return "/" + normpath(path).lstrip("/")


def sqlite_file(database: Dependency, spec: Spec, types: Types) -> str | None:
    """The file of a SQLite data base: its ``path``, or ``app.db`` on the service's file system; None where there is none."""
    path: str | None = getattr(database, "path", None)
    if path is not None:
        return _plain(path)
    mounts = file_systems(spec, types)
    return join(mounts[0], SQLITE_FILE) if mounts else None


def with_sqlite_paths(spec: Spec, types: Types) -> Spec:
    """The spec with a path for every SQLite data base that has none."""

    def placed(one: Dependency) -> Dependency:
        if types[one.type].kind != "sqlite" or getattr(one, "path", None) is not None:
            return one
        return replace(one, path=sqlite_file(one, spec, types))  # type: ignore[call-arg]

    return replace(spec, dependencies=tuple(placed(one) for one in spec.dependencies))
