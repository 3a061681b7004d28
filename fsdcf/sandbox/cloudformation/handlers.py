"""Makes, changes and deletes what a stack's resources stand for; what they refuse by nature they refuse here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fsdcf.cloudformation.facts import facts_of
from fsdcf.sandbox.cloudformation import things, words
from fsdcf.sandbox.cloudformation.handler import UNPLAYED, USUAL, Failure, Handler, Order
from fsdcf.sandbox.cloudformation.records import Record
from fsdcf.sandbox.cloudformation.served import HANDLERS
from fsdcf.sandbox.faults import Phase, ResourceFault
from fsdcf.sandbox.world import Refusal, World

_UNPLAYED = ("AWS::CloudFormation::CustomResource", "AWS::CloudFormation::Macro", "AWS::CloudFormation::Stack")
"""Types that stand for a program or a stack of their own: they fail, for a success would be a lie."""


def of(type: str) -> Handler:
    """The handler of a resource type."""
    return UNPLAYED if type in _UNPLAYED or type.startswith("Custom::") else HANDLERS.get(type, USUAL)


@contextmanager
def failing() -> Iterator[None]:
    """Makes a service's refusal the handler's failure."""
    try:
        yield
    except Refusal as refusal:
        raise Failure(refusal.message, _CODES.get(refusal.code, "GeneralServiceException")) from None


_CODES = {
    "InvalidParameterException": "InvalidRequest",
    "ParameterAlreadyExists": "AlreadyExists",
    "ServiceNotFoundException": "NotFound",
    "ValidationException": "InvalidRequest",
}


def make(world: World, order: Order) -> str:
    """Makes a resource; its physical id. Raises Failure, also where the name is taken or a property unknown."""
    for word in unknown_properties(order.type, order.properties):
        raise Failure(f"Encountered unsupported property {word}")
    name = things.name_of(order.type, order.properties)
    taken = things.named(world, order.type, name) if name is not None else None
    if name is not None and taken is not None:
        if taken["owner"] is not None:
            raise Failure(words.exists_in_stack(name, taken["owner"]))
        raise Failure(words.exists(order.type, name), "AlreadyExists")
    with failing():
        physical = of(order.type).make(world, order)
    things.add(world, order.type, physical, order.logical, order.stack["id"], order.properties)
    return physical


def unknown_properties(type: str, properties: Mapping[str, Any]) -> list[str]:
    """The properties that a type does not have, as far as its facts tell."""
    facts = facts_of(type)
    return [] if facts is None or facts.open else [key for key in properties if key not in facts.properties]


def missing_properties(type: str, properties: Mapping[str, Any]) -> list[str]:
    """The required properties that are not there, as far as the type's facts tell."""
    facts = facts_of(type)
    return [] if facts is None or facts.open else sorted(key for key in facts.required if key not in properties)


def alter(world: World, row: Record, properties: Mapping[str, Any], phase: Phase) -> None:
    """Gives the resource of a row other properties. Raises Failure, also where it is gone."""
    thing = things.find(world, row["type"], row["physical"])
    if thing is None:
        raise Failure(
            f"Resource of type '{row['type']}' with identifier '{row['physical']}' was not found.", "NotFound"
        )
    with failing():
        of(row["type"]).alter(world, thing, properties, phase)
    things.change(world, thing, properties)


def unmake(world: World, row: Record) -> None:
    """Begins to delete the resource of a row; nothing happens if it is gone. Raises Failure."""
    thing = things.find(world, row["type"], row["physical"])
    if thing is not None:
        with failing():
            of(row["type"]).unmake(world, thing)


def gone(world: World, row: Record) -> bool:
    """Whether a resource that is being deleted is; then it exists no more."""
    thing = things.find(world, row["type"], row["physical"])
    if thing is not None:
        if not of(row["type"]).gone(world, thing):
            return False
        things.remove(world, thing)
    return True


def settled(world: World, row: Record) -> bool:
    """Whether a resource is as it is to be. Raises Failure if it never will be."""
    thing = things.find(world, row["type"], row["physical"])
    with failing():
        return thing is None or of(row["type"]).settled(world, thing)


def protection(world: World, type: str, physical: str) -> Failure | None:
    """Why a resource cannot be deleted: its deletion protection.

    The words are those of DynamoDB, Elastic Load Balancing and RDS; no page lists them.
    """
    thing = things.find(world, type, physical)
    properties: Mapping[str, Any] = thing["properties"] if thing is not None else {}
    if type == "AWS::DynamoDB::Table" and _true(properties.get("DeletionProtectionEnabled")):
        words_of = "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
        return Failure(words_of, "GeneralServiceException")
    if type == "AWS::RDS::DBInstance" and _true(properties.get("DeletionProtection")):
        return Failure(
            "Cannot delete protected DB Instance, please disable deletion protection and try again.", "InvalidRequest"
        )
    attributes = {one.get("Key"): one.get("Value") for one in properties.get("LoadBalancerAttributes") or ()}
    if _true(attributes.get("deletion_protection.enabled")):
        return Failure(
            f"Load balancer '{physical}' cannot be deleted because deletion protection is enabled", "ResourceConflict"
        )
    return None


def _true(value: Any) -> bool:
    return value is True or value == "true"


HOOK = "The following hook(s) failed"
"""How the reason of a fault begins that stands for a hook of the account's: CloudFormation says it, no handler."""


def struck(fault: ResourceFault) -> Failure:
    """The failure that a fault stands for."""
    return Failure(fault.reason, "" if fault.reason.startswith(HOOK) else fault.code)
