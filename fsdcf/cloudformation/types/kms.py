"""KMS: keys and aliases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fsdcf.cloudformation.arns import DeployedStack, NamedArn, arn, text
from fsdcf.cloudformation.planned import PlannedResource, PlannedStack, text_of
from fsdcf.cloudformation.pricing import (
    CostItems,
    PricingContext,
    PricingRule,
    Resources,
    Unpriced,
    decimal,
    each_month,
    price,
)
from fsdcf.cloudformation.types import (
    AccessActions,
    DeployPermissions,
    Drawing,
    Expiry,
    ForeignType,
    Part,
    Properties,
    Refusal,
    ResourceType,
    Simulation,
    StoredData,
    Updates,
)

PART: Part = "data"
KEY = "AWS::KMS::Key"


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


def _unchangeable(before: Any, after: Any) -> Refusal | None:
    """Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kms-key.html"""
    if text_of(before) in ("", "false") and text_of(after) in ("", "false"):
        return None
    return Refusal(
        "a key stays what it was created as, and CloudFormation does not replace it",
        "1. write a key of another name, and deploy; 2. let the other dependencies use it, and keep this one for what "
        "it encrypted",
        "immutable property",
    )


def _shorter_window(before: Any, after: Any) -> bool:
    old, new = (decimal(_LONGEST_WINDOW if one is None else one) for one in (before, after))
    return old is not None and new is not None and new < old


_LONGEST_WINDOW = 30
"""Days until a deleted key is lost, by default.
Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html"""


def _details(properties: Properties) -> Iterator[str]:
    if text_of(properties.get("EnableKeyRotation")) == "true":
        yield "rotated"


def _price_keys(context: PricingContext, keys: Resources) -> CostItems:
    """Keys by the month, and their rotations: the first two of each key cost as much as another key.

    Source: https://aws.amazon.com/kms/pricing/
    """
    yield from each_month("kms.month", "KMS keys")(context, keys)
    rotated = tuple(one.name for one in keys if one.text("EnableKeyRotation") == "true")
    if rotated:
        why = "the first and the second each add the price of a key, from the day on which KMS rotates it"
        yield Unpriced("Rotations of KMS keys", why, rotated)


def _alias_arns(stack: DeployedStack, logical_id: str, properties: Properties) -> Iterator[NamedArn]:
    yield ("kms", "alias"), arn("kms", text(properties.get("AliasName", "alias/*")))


_PRICE = PricingRule(
    "permissions",
    _price_keys,
    (price("kms.month", "1.00", "key-month", "AWS's pricing page for KMS, and cloudburn.io", "2026-03-14"),),
    order=1,
)

RECORDS = (
    ResourceType(
        KEY,
        _PRICE,
        Simulation("{uuid}", {"Arn": "arn:{partition}:kms:{region}:{account}:key/{id}", "KeyId": "{id}"}),
        retained=True,
        taken_over="`unmanaged` with `arn` uses it again",
        data=StoredData(
            "all that it encrypts",
            used_by_tasks=False,
            expiry=(Expiry("PendingWindowInDays", _shorter_window, "is lost for good sooner after a deletion"),),
        ),
        updates=Updates(
            attributes=dict.fromkeys(("Arn", "KeyId"), frozenset()),
            refused=dict.fromkeys(("KeySpec", "KeyUsage", "MultiRegion", "Origin"), _unchangeable),
        ),
        side_costs=_side_costs,
        drawing=Drawing("service", "KMS key", None, _details, arn_service="kms", arn_name="(?:key/)?(.+)"),
        access=AccessActions(reading=("kms:Decrypt",)),
    ),
    ForeignType("AWS::KMS::ReplicaKey", data=_DATA, price=_PRICE),
    ResourceType("AWS::KMS::Alias", "free", Simulation("{e[AliasName]}"), DeployPermissions(arns=_alias_arns)),
)
