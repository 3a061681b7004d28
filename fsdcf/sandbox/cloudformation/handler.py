"""What a handler of a resource type is: how it makes, changes and deletes, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fsdcf.sandbox import ids
from fsdcf.sandbox.cloudformation import words
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.faults import Phase
from fsdcf.sandbox.world import World


class Failure(Exception):
    """A resource that cannot be made, changed or deleted. ``code`` is the handler's error code, empty for CloudFormation's own words."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code

    def text(self, *seed: object) -> str:
        """The status reason; ``seed`` makes its request token."""
        return words.handler(self.reason, self.code, *seed) if self.code else self.reason


@dataclass(frozen=True)
class Order:
    """What to make: a resource of a stack (a document), with its properties."""

    stack: Record
    logical: str
    type: str
    properties: Mapping[str, Any]


Make = Callable[[World, Order], str]
Alter = Callable[[World, Record, Mapping[str, Any], Phase], None]
Unmake = Callable[[World, Record], None]
Check = Callable[[World, Record], bool]


def nothing(world: World, thing: Record) -> None:
    """The part of a handler that has nothing to do."""


def at_once(world: World, thing: Record) -> bool:
    """There is nothing to wait for."""
    return True


def named(world: World, order: Order) -> str:
    """A physical id as AWS would give one."""
    number = world.store.next_number(f"physical id {order.stack['name']} {order.logical}")
    return ids.physical_id(order.type, order.logical, order.stack["name"], order.properties, number, world)


def unchanged(world: World, thing: Record, properties: Mapping[str, Any], phase: Phase) -> None:
    """The part of a handler that changes nothing but what the account knows of the resource."""


@dataclass(frozen=True)
class Handler:
    """How a type is made (the answer is the physical id), changed and deleted, and when it has settled and is gone.

    Each may raise Failure, or the Refusal of the service that it asks.
    """

    make: Make = named
    alter: Alter = unchanged
    unmake: Unmake = nothing
    settled: Check = at_once
    gone: Check = at_once


def _unplayed(world: World, order: Order) -> str:
    raise Failure(f"The sandbox does not play {order.type}.")


USUAL = Handler()
UNPLAYED = Handler(make=_unplayed)
