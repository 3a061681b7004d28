"""Task definitions and their containers on both sides of a plan, paired by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, items_by, mapping, mappings, text_of
from fsdcf.cloudformation.types.ecs import TASK_DEFINITION, main_container
from fsdcf.cloudformation.types.efs import ACCESS_POINT

Container = Mapping[str, Any]


@dataclass(frozen=True)
class PropertyPlace:
    """The place of a property in a template: the resource, the path below its Properties, and the name of a list's
    item.

    ``gone`` means that the place is in the old template.
    """

    logical_id: str
    path: tuple[str | int, ...]
    name: str = ""
    gone: bool = False


@dataclass(frozen=True)
class ContainerPair:
    """A container on both sides, with its task definitions.

    ``indexes`` are its positions among the containers; ``is_main`` is true for the container of the service's image.
    ``is_released``: it has that image, so that a rollback of the release changes it, too.
    """

    task: str
    was: PlannedResource
    now: PlannedResource
    before: Container
    after: Container
    indexes: tuple[int, int]
    is_main: bool
    is_released: bool = True

    def texts(self, key: str) -> tuple[str, str]:
        """A property on both sides as text."""
        return text_of(self.before.get(key)), text_of(self.after.get(key))

    def place(self, key: str, name: str = "", gone: bool = False, index: int | None = None) -> PropertyPlace:
        """The place of a property of the container, or of an item of a list."""
        item = () if index is None else (index,)
        position = self.indexes[0 if gone else 1]
        return PropertyPlace(self.task, ("ContainerDefinitions", position, key, *item), name, gone)


def container_pairs(old: PlannedStack, new: PlannedStack) -> Iterator[ContainerPair]:
    """The containers that both sides have, by name.

    The main container is paired with the main one, even if it is renamed.
    """
    for was, now in old.both(new, TASK_DEFINITION):
        before, after = _containers(was), _containers(now)
        main = _main(was)
        released = text_of(after.get(_main(now), {}).get("Image"))
        for index, (name, container) in enumerate(before.items()):
            partner = _main(now) if name == main and name not in after else name
            if partner in after:
                indexes, found = (index, list(after).index(partner)), after[partner]
                is_released = name == main or text_of(found.get("Image")) == released
                yield ContainerPair(was.name, was, now, container, found, indexes, name == main, is_released)


def removed_containers(old: PlannedStack, new: PlannedStack) -> Iterator[tuple[str, PropertyPlace]]:
    """The containers that only the old side has, other than the main one: the name and the place."""
    for was, now in old.both(new, TASK_DEFINITION):
        after, main = _containers(now), _main(was)
        for index, name in enumerate(_containers(was)):
            if name != main and name not in after:
                yield name, PropertyPlace(was.name, ("ContainerDefinitions", index), gone=True)


def mounts(task: PlannedResource, container: Container, stack: PlannedStack) -> dict[str, str]:
    """The mounted volumes by their paths in the container; each as a text that identifies the volume, with the
    directory and the user of an access point in the stack.
    """
    volumes = items_by(task.get("Volumes"), "Name")
    mounted = {}
    for point in mappings(container.get("MountPoints")):
        volume = mapping(volumes.get(text_of(point.get("SourceVolume"))))
        source = {key: value for key, value in volume.items() if key != "Name"}
        access = mapping(mapping(source.get("EFSVolumeConfiguration")).get("AuthorizationConfig"))
        through = stack.named(access.get("AccessPointId"), ACCESS_POINT)
        shown = [through.mapping("RootDirectory").get("Path"), through.get("PosixUser")] if through else []
        mounted[text_of(point.get("ContainerPath"))] = text_of([source, *shown])
    return mounted


def _containers(task: PlannedResource) -> dict[str, Container]:
    containers = (one for one in task.items("ContainerDefinitions") if isinstance(one, Mapping))
    return {text_of(one.get("Name")): one for one in containers}


def _main(task: PlannedResource) -> str:
    """The name of the main container."""
    container = main_container(_containers(task).values())
    return text_of(container.get("Name")) if container else ""
