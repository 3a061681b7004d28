"""Encryption at rest: by a free key of AWS, or by a KMS key, whose requests cost and whose users need permission."""

from __future__ import annotations

from typing import Any

from troposphere import AWSObject, logs

from fsdcf.cloudformation.arns import REGION
from fsdcf.compiler.parts.roles import add_policy, key_statement
from fsdcf.compiler.stack import Context, Grant, Names, StackPart, present
from fsdcf.compiler.text import value
from fsdcf.language.dependency import EncryptedDependency
from fsdcf.language.model.common import KMS, OWNED
from fsdcf.language.placeholders import String

_USE = (
    *("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"),
    *("kms:ReEncryptFrom", "kms:ReEncryptTo"),
)


def encryption_of(dependency: EncryptedDependency, context: Context) -> String:
    """The encryption of a dependency: its own, else that of the service for what the stack makes."""
    is_managed = context.types[dependency.type].managed(dependency)
    default = context.service.encryption if is_managed else None
    return next((one for one in (dependency.encryption, default) if one is not None), OWNED)


def customer_key(encryption: String) -> Any:
    """The ARN of a customer's KMS key as a value; None for the keys of AWS."""
    return None if encryption in (OWNED, KMS) else value(encryption)


def kms_key(encryption: String, managed: str) -> Any:
    """A KMS key as a value: a customer's, or by its alias (``aws/sqs``) that of AWS in the account; None without."""
    return f"alias/{managed}" if encryption == KMS else customer_key(encryption)


def permit_key(
    grant: Grant, encryption: String, service: str, names: Names, *resources: AWSObject, region: str = REGION
) -> None:
    """Let the task role use a customer's KMS key, through an AWS service (``dynamodb``) alone, in a region, a fragment;
    the keys of AWS need no permission. The resources wait for it: tasks that run go on to read and write them when they
    get the key.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    """
    if customer_key(encryption) is None:
        return
    title = names.id(f"{service.capitalize()}KeyAccess")
    add_policy(grant, title, title, [key_statement(_USE, [encryption], [service], region)], names.origin)
    for resource in resources:
        resource.DependsOn = [*resource.resource.get("DependsOn", ()), title]


def add_log_group(
    part: StackPart, title: str, days: int | None, own: String | None, default: String | None, origin: str
) -> None:
    """Add a log group that is kept, encrypted as it says itself (``own``), else as the service does."""
    wanted = own or default
    group = logs.LogGroup(title, **present(RetentionInDays=days, KmsKeyId=wanted and customer_key(wanted)))
    of_key = "service.encryption" if own is None else f"{origin}.encryption"
    part.keep(group, origin, {"RetentionInDays": f"{origin}.retention", "KmsKeyId": of_key})
