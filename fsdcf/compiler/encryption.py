"""Encryption at rest: by a free key of AWS, or by a KMS key, whose requests cost and whose users need permission."""

from __future__ import annotations

import re
from typing import Any

from fsdcf.compiler.parts.roles import allow
from fsdcf.compiler.text import fragment, intrinsic, value
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import spec_key

OWNED, KMS = "owned", "kms"
_KEY = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+"
_USE = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")


def encryption_key(managed: str) -> Any:
    """The key ``encryption`` of a dependency type. ``managed`` is the alias of the KMS key that AWS makes for it."""
    return spec_key(
        f"Encryption at rest: `owned` is free; `kms` uses the account's `{managed}`, and KMS charges for requests; "
        "the ARN of a KMS key uses that key, and lets the service use it.",
        default=OWNED,
        also=("kmsKeyArn", "kmsKeyId", "kmsMasterKeyId"),
        pattern=f"{OWNED}|{KMS}|{_KEY}",
        expects="owned, kms or the ARN of a KMS key",
    )


def customer_key(encryption: String) -> Any:
    """The ARN of a customer's KMS key as a value; None for the keys of AWS."""
    return value(encryption) if re.fullmatch(_KEY, sample(encryption)) else None


def key_statements(encryption: String, service: str) -> list[dict[str, Any]]:
    """Permission to use a customer's KMS key, through an AWS service (``dynamodb``) alone; the keys of AWS need none.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    """
    if customer_key(encryption) is None:
        return []
    through = intrinsic(f"{service}.${{AWS::Region}}.${{AWS::URLSuffix}}")
    condition = {"StringEquals": {"kms:ViaService": through}}
    return [{**allow(_USE, [intrinsic(fragment(encryption))]), "Condition": condition}]
