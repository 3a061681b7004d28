"""Where a service keeps files: what is mounted and lasts, and where a SQLite data base stands."""

from __future__ import annotations

from dataclasses import replace
from posixpath import join

from fsdcf.spec.dependency import Types
from fsdcf.spec.model import Dependency, Spec

SQLITE_FILE = "app.db"


def file_systems(spec: Spec, types: Types) -> list[str]:
    """The mount points of the EFS dependencies."""
    return [str(getattr(one, "mount_point", "")) for one in spec.dependencies if types[one.type].kind == "efs"]


def persistent_paths(spec: Spec, types: Types) -> list[str]:
    """Every path that outlives a task."""
    return file_systems(spec, types) + [volume.mount_path for volume in spec.service.volumes if volume.efs]


def within(path: str, mounts: list[str]) -> bool:
    """Whether a file stands below one of the mounts."""
    return any(path.startswith(mount.rstrip("/") + "/") for mount in mounts)


def with_sqlite_paths(spec: Spec, types: Types) -> Spec:
    """The spec with a path for every SQLite data base that has none: ``app.db`` on the service's file system."""
    mounts = file_systems(spec, types)

    def placed(one: Dependency) -> Dependency:
        if types[one.type].kind != "sqlite" or getattr(one, "path", None) is not None or not mounts:
            return one
        return replace(one, path=join(mounts[0], SQLITE_FILE))  # type: ignore[call-arg]

    return replace(spec, dependencies=tuple(placed(one) for one in spec.dependencies))
