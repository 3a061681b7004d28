"""The containers of task definitions on both sides, paired by name, and where in the template their properties stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, items, mapping, text_of

TASK_DEFINITION = "AWS::ECS::TaskDefinition"
Container = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """A property: the resource, the path below its Properties, and the name of a list's item. ``gone``: of the old template."""

    logical_id: str
    path: tuple[str | int, ...]
    name: str = ""
    gone: bool = False


@dataclass(frozen=True)
class Run:
    """A container on both sides. ``first``: it is the one of the image that a release brings; ``places`` are the indexes."""

    task: str
    was: PlannedResource
    now: PlannedResource
    before: Container
    after: Container
    places: tuple[int, int]

    @property
    def first(self) -> bool:
        return self.places[0] == 0

    def place(self, key: str, name: str = "", gone: bool = False, index: int | None = None) -> Place:
        """Where a property of the container stands, or the item of a list that it is."""
        item = () if index is None else (index,)
        return Place(self.task, ("ContainerDefinitions", self.places[0 if gone else 1], key, *item), name, gone)


def definitions(old: PlannedStack, new: PlannedStack) -> Iterator[tuple[PlannedResource, PlannedResource]]:
    """The task definitions that both sides have."""
    for was in old.of(TASK_DEFINITION):
        now = new.resources.get(was.name)
        if now is not None and now.type == TASK_DEFINITION:
            yield was, now


def runs(old: PlannedStack, new: PlannedStack) -> Iterator[Run]:
    """The containers that both sides have, by name; the first one stays the first one, whatever it is called."""
    for was, now in definitions(old, new):
        before, after = _containers(was), _containers(now)
        for index, (name, one) in enumerate(before.items()):
            partner = next(iter(after), None) if index == 0 and name not in after else name
            if partner in after:
                yield Run(was.name, was, now, one, after[partner], (index, list(after).index(partner)))


def lost_containers(old: PlannedStack, new: PlannedStack) -> Iterator[tuple[PlannedResource, str, Place]]:
    """The containers beside the first one that are gone."""
    for was, now in definitions(old, new):
        after = _containers(now)
        for index, name in enumerate(_containers(was)):
            if index and name not in after:
                yield was, name, Place(was.name, ("ContainerDefinitions", index), gone=True)


def named(container: Container, key: str) -> list[str]:
    """The names of a container's variables: ``key`` is Environment or Secrets."""
    return list(by(container.get(key), "Name"))


def by(value: Any, key: str) -> dict[str, Mapping[str, Any]]:
    """A list of mappings by one of their properties."""
    return {text_of(one[key]): one for one in listed(value) if isinstance(one, Mapping) and key in one}


def mounts(task: PlannedResource, container: Container) -> dict[str, str]:
    """What is mounted where: the path in the container, and a text that says which volume that is."""
    volumes = by(task.properties.get("Volumes"), "Name")
    found = {}
    for one in listed(container.get("MountPoints")):
        volume = mapping(volumes.get(text_of(mapping(one).get("SourceVolume"))))
        kept = {key: child for key, child in volume.items() if key != "Name"}
        found[text_of(mapping(one).get("ContainerPath"))] = text_of(kept)
    return found


def ports(container: Container) -> set[str]:
    """The ports on which a container is asked."""
    return {
        text_of(one["ContainerPort"])
        for one in listed(container.get("PortMappings"))
        if isinstance(one, Mapping) and "ContainerPort" in one
    }


def number(value: Any) -> int | None:
    """A property that should be a whole number; None where it is none."""
    text = text_of(value)
    return int(text) if text.isdecimal() else None


def listed(value: Any) -> list[Any]:
    """A property that may be one value or a list of them, as a list."""
    return items(value)


def _containers(task: PlannedResource) -> dict[str, Container]:
    found = (one for one in listed(task.properties.get("ContainerDefinitions")) if isinstance(one, Mapping))
    return {text_of(one.get("Name")): one for one in found}
