"""Where a service keeps files: what is mounted, what of it lasts, and where a SQLite data base stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from posixpath import join, normpath

from fsdcf.spec.dependency import Types
from fsdcf.spec.model import Dependency, Spec
from fsdcf.spec.names import local_name

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
