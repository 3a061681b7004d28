"""KMS: keys and aliases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fsdcf.cloudformation.planned import PlannedResource
from fsdcf.cloudformation.pricing import CostLine, PricingContext, PricingRule, price
from fsdcf.cloudformation.types import AccessActions, Drawing, ForeignType, Part, Simulation, StoredData

PART: Part = "data"


def _price_keys(context: PricingContext, keys: Sequence[PlannedResource]) -> Iterator[CostLine]:
    yield context.line("kms.month", "KMS keys", len(keys), f"{len(keys)} × 1 month", keys)


_DATA = StoredData("what is encrypted with it")
_PRICE = PricingRule(
    "permissions",
    _price_keys,
    (price("kms.month", "1.00", "key-month", "AWS's pricing page for KMS, and cloudburn.io", "2026-03-14"),),
    order=1,
)

RECORDS = (
    ForeignType(
        type="AWS::KMS::Key",
        access=AccessActions(reading=("kms:Decrypt",)),
        data=_DATA,
        price=_PRICE,
        drawing=Drawing("service", "KMS key", arn_service="kms"),
        simulation=Simulation("{uuid}", {"Arn": "arn:{partition}:kms:{region}:{account}:key/{id}"}),
    ),
    ForeignType(type="AWS::KMS::ReplicaKey", data=_DATA, price=_PRICE),
    ForeignType(type="AWS::KMS::Alias", price="free"),
)
