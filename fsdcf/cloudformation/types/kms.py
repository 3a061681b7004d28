"""KMS: keys and aliases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, text_of
from fsdcf.cloudformation.pricing import PricingRule, Resources, Unpriced, each_month, price
from fsdcf.cloudformation.types import AccessActions, Drawing, ForeignType, Part, Properties, Simulation, StoredData

PART: Part = "data"


def requests_to(key: Any, resource: PlannedResource, users: str = "callers") -> Iterator[Unpriced]:
    """The requests of a resource to its KMS key, whose number depends on the ``users``; none without a key."""
    if key:
        yield Unpriced(f"KMS key of {resource.name}", f"its requests depend on the {users}", (resource.name,))


def left_with_key(
    key_of: Callable[[Properties], Any], content: str
) -> Callable[[Properties, Properties], Iterator[str]]:
    """What another key leaves out of reach, where it applies to new ``content`` alone: a customer's key encrypted the
    old, and the permission for it goes with it. ``key_of`` is the key in the properties.
    """

    def left(before: Properties, after: Properties) -> Iterator[str]:
        old, new = (text_of(key_of(one)) if key_of(one) else "" for one in (before, after))
        if ":key/" in old and old != new:
            yield (
                f"{content} that {old} encrypted stays so, and the tasks need kms:Decrypt on that key to read it: "
                "allow it in taskRole.statements"
            )

    return left


def _side_costs(stack: PlannedStack, keys: Resources) -> Iterator[Unpriced]:
    why = "each encryption and decryption is one: they follow the use of what the key encrypts"
    yield Unpriced("Requests to KMS keys", why, tuple(one.name for one in keys))


_DATA = StoredData("all that it encrypts")
_PRICE = PricingRule(
    "permissions",
    each_month("kms.month", "KMS keys"),
    (price("kms.month", "1.00", "key-month", "AWS's pricing page for KMS, and cloudburn.io", "2026-03-14"),),
    order=1,
)

RECORDS = (
    ForeignType(
        "AWS::KMS::Key",
        access=AccessActions(reading=("kms:Decrypt",)),
        data=_DATA,
        price=_PRICE,
        side_costs=_side_costs,
        drawing=Drawing("service", "KMS key", arn_service="kms", arn_name="(?:key/)?(.+)", read_at_start=True),
        simulation=Simulation("{uuid}", {"Arn": "arn:{partition}:kms:{region}:{account}:key/{id}"}),
    ),
    ForeignType("AWS::KMS::ReplicaKey", data=_DATA, price=_PRICE),
    ForeignType("AWS::KMS::Alias", price="free"),
)
