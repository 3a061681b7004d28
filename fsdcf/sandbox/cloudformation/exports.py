"""Exports: names that are one stack's alone in a region, and that stay as they are while another stack imports them."""

from __future__ import annotations

from collections.abc import Iterable

from fsdcf.sandbox.cloudformation import records, words
from fsdcf.sandbox.cloudformation.records import EXPORT, Record
from fsdcf.sandbox.world import World


def every(world: World) -> list[Record]:
    """All exports as ListExports shows them, by name."""
    return [
        {"ExportingStackId": one["stack"], "Name": name, "Value": one["value"]}
        for name, one in world.store.every(EXPORT)
    ]


def importers(world: World, name: str) -> list[str]:
    """The names of the stacks that import an export."""
    return sorted(
        stack["name"]
        for stack in records.every_stack(world)
        if name in stack["imports"] and stack["status"] not in ("DELETE_COMPLETE", "ROLLBACK_COMPLETE")
    )


def _of(world: World, stack: str) -> dict[str, str]:
    return {name: one["value"] for name, one in world.store.every(EXPORT) if one["stack"] == stack}


def problem(world: World, stack: Record, outputs: Iterable[Record]) -> str | None:
    """Why the stack cannot have these outputs: a name is taken, or what another stack imports would change or go.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
    """
    wanted = {one["ExportName"]: one["OutputValue"] for one in outputs if "ExportName" in one}
    for name in sorted(wanted):
        held = world.store.get(EXPORT, name)
        if held is not None and held["stack"] != stack["id"]:
            return words.export_taken(name, held["stack"])
    for name, value in _of(world, stack["id"]).items():
        users = importers(world, name) if wanted.get(name) != value else []
        if users:
            return words.export_used(name, "updated" if name in wanted else "deleted", users)
    return None


def blocker(world: World, stack: Record) -> str | None:
    """Why the stack cannot be deleted: another one imports from it."""
    for name in _of(world, stack["id"]):
        users = importers(world, name)
        if users:
            return words.delete_cancelled(name, users)
    return None


def publish(world: World, stack: Record, outputs: Iterable[Record]) -> None:
    """The stack's exports are those of these outputs from now on."""
    for name in _of(world, stack["id"]):
        world.store.remove(EXPORT, name)
    for one in outputs:
        if "ExportName" in one:
            world.store.put(EXPORT, one["ExportName"], {"stack": stack["id"], "value": one["OutputValue"]})
