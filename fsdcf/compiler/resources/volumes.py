"""The volumes that the spec names: on EFS, or lost with the task."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fsdcf.compiler.stack import Grant, Mount
from fsdcf.compiler.text import value
from fsdcf.spec.container import Volume
from fsdcf.spec.dependency import Types
from fsdcf.spec.model import Spec
from fsdcf.spec.names import local_name


def volumes_of(spec: Spec, grants: Iterable[Grant], types: Types) -> list[Mount]:
    """The mounts of ``service.volumes``; one that names a dependency mounts it again, by the same access point."""
    mounts = {mount.name: mount for grant in grants for mount in grant.mounts}
    file_systems = {
        local_name(one.name): mounts.get(local_name(one.name))
        for one in spec.dependencies
        if types[one.type].kind == "efs"
    }
    return [_mount(volume, file_systems) for volume in spec.service.volumes]


def _mount(volume: Volume, file_systems: dict[str, Mount | None]) -> Mount:
    efs: dict[str, Any] | None = None
    if volume.efs and volume.efs.dependency:
        of_dependency = file_systems.get(volume.efs.dependency)
        efs = dict(of_dependency.efs) if of_dependency and of_dependency.efs else None
    elif volume.efs and volume.efs.file_system_id:
        efs = {"FilesystemId": value(volume.efs.file_system_id), "TransitEncryption": "ENABLED"}
        if volume.efs.root_directory:
            efs["RootDirectory"] = volume.efs.root_directory
    return Mount(volume.name, volume.mount_path, volume.read_only, efs)
