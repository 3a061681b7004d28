"""KMS: keys and aliases."""

from __future__ import annotations

from collections.abc import Iterator

from fsdcf.cloudformation.planned import PlannedStack
from fsdcf.cloudformation.pricing import PricingRule, Resources, Unpriced, each_month, price
from fsdcf.cloudformation.types import AccessActions, Drawing, ForeignType, Part, Simulation, StoredData

PART: Part = "data"


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
