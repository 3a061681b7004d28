"""KMS: keys and aliases."""

from __future__ import annotations

from fsdcf.cloudformation.pricing import PricingRule, each_month, price
from fsdcf.cloudformation.types import AccessActions, Drawing, ForeignType, Part, Simulation, StoredData

PART: Part = "data"


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
        drawing=Drawing("service", "KMS key", arn_service="kms", arn_name="(?:key/)?(.+)", read_at_start=True),
        simulation=Simulation("{uuid}", {"Arn": "arn:{partition}:kms:{region}:{account}:key/{id}"}),
    ),
    ForeignType("AWS::KMS::ReplicaKey", data=_DATA, price=_PRICE),
    ForeignType("AWS::KMS::Alias", price="free"),
)
