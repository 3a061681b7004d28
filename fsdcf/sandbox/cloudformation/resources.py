"""What exists in the account: every resource with its owner, so that names collide, survivors survive and imports find them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsdcf.cloudformation.facts import custom_name
from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.state import World

THING = "cfn-thing"
THING_NAME = "cfn-thing-name"


def name_of(type: str, properties: Mapping[str, Any]) -> str | None:
    """The name that a template gives a resource; None where CloudFormation makes one."""
    key = custom_name(type, properties)
    return None if key is None else str(properties[key])


def find(world: World, type: str, physical: str) -> Record | None:
    """What has this physical id."""
    return world.store.get(THING, f"{type}|{physical}")


def named(world: World, type: str, name: str) -> Record | None:
    """What bears this name, given by a template."""
    held = world.store.get(THING_NAME, f"{type}|{name}")
    return None if held is None else find(world, type, held["physical"])


def every(world: World) -> list[Record]:
    """All that exists."""
    return [one for _, one in world.store.every(THING)]


def add(
    world: World, type: str, physical: str, logical: str, owner: str | None, properties: Mapping[str, Any]
) -> Record:
    """Something new. ``owner`` is a stack's ARN, None for what is no stack's."""
    thing: Record = {
        "type": type,
        "physical": physical,
        "logical": logical,
        "owner": owner,
        "name": name_of(type, properties),
        "properties": dict(properties),
        "attributes": ids.attributes(type, physical, properties, world),
    }
    save(world, thing)
    return thing


def save(world: World, thing: Record) -> None:
    """Writes it, and its name."""
    world.store.put(THING, f"{thing['type']}|{thing['physical']}", thing)
    if thing["name"] is not None:
        world.store.put(THING_NAME, f"{thing['type']}|{thing['name']}", {"physical": thing["physical"]})


def change(world: World, thing: Record, properties: Mapping[str, Any]) -> None:
    """Gives it other properties; its attributes follow."""
    thing["properties"] = dict(properties)
    thing["attributes"] = ids.attributes(thing["type"], thing["physical"], properties, world)
    save(world, thing)


def own(world: World, thing: Record, owner: str | None) -> None:
    """Hands it to a stack, or to nobody: what is retained lives on by itself."""
    thing["owner"] = owner
    save(world, thing)


def remove(world: World, thing: Record) -> None:
    """It exists no more, and its name is free."""
    world.store.remove(THING, f"{thing['type']}|{thing['physical']}")
    held = world.store.get(THING_NAME, f"{thing['type']}|{thing['name']}")
    if held is not None and held["physical"] == thing["physical"]:
        world.store.remove(THING_NAME, f"{thing['type']}|{thing['name']}")


def resource(world: World, type: str, name: str, properties: Mapping[str, Any]) -> Record:
    """Something that no stack made: what was made by hand, or lives on from a stack that is forgotten."""
    key = custom_name(type, {**properties})
    physical = ids.physical_id(type, name, "by-hand", properties, 1, world)
    thing = add(world, type, physical, name, None, properties)
    if key is None:
        thing["name"] = name
        save(world, thing)
    return thing
