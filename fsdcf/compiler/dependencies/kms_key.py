"""A customer's KMS key with its alias: it encrypts what other dependencies and the service keep, and what the service
encrypts itself."""

from typing import Any

from troposphere import Ref, kms

from fsdcf.compiler.access import actions, check_permissions, is_managed, reads_itself
from fsdcf.compiler.encryption import USE_OF_KEY
from fsdcf.compiler.parts.roles import allow, document
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, present
from fsdcf.compiler.text import fragment, intrinsic
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import Violation, Violations
from fsdcf.language.model.common import KMS_KEY, KMS_KEY_WORDS, Dependency, NamedByArn, permissions_key
from fsdcf.language.placeholders import String, sample
from fsdcf.language.shape import spec_key, spec_record

KEY = Rule(
    "S584",
    "a KMS key that KMS rejects",
    "The name of a key is that of its alias, without `alias/`. Aliases that begin with `aws/` are those of the keys of "
    "AWS, which only AWS makes. A period belongs to a key that is rotated.",
    "https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html",
)
LEVELS = {
    "read": ("kms:Decrypt", "kms:DescribeKey"),
    "write": ("kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"),
}
_ADMINISTER = (
    *("kms:CancelKeyDeletion", "kms:Create*", "kms:Delete*", "kms:Describe*", "kms:Disable*", "kms:Enable*"),
    *("kms:Get*", "kms:List*", "kms:Put*", "kms:ReplicateKey", "kms:Revoke*", "kms:RotateKeyOnDemand"),
    *("kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:Update*"),
)
"""What administrators of a key do, who do not encrypt or decrypt with it.
Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"""


@spec_record
class SharedKey(NamedByArn):
    """A KMS key that exists."""

    arn: String | None = spec_key(
        "ARN of the key, without which it is known by its alias alone and cannot encrypt other dependencies.",
        default=None,
        pattern=KMS_KEY,
        expects=KMS_KEY_WORDS,
    )


@spec_record
class KmsKey(Dependency):
    """A KMS key with an alias."""

    name: String = spec_key(
        "Name of the key: that of its alias, without `alias/`.",
        also=("key_name", "keyName", "alias_name", "aliasName"),
        pattern=r"[a-zA-Z0-9/_-]+",
        longest=250,
        expects="letters, digits and / _ -",
    )
    permissions: str | tuple[str, ...] | None = permissions_key(
        "What the service itself does with the key: read (decrypt), write (encrypt), readWrite (also read_write), or a "
        "list of IAM actions. What other dependencies encrypt needs none.",
        default=None,
        computed_default="none",
    )
    rotation: bool = spec_key("Let KMS make new key material every year; the old one still decrypts.", default=True)
    rotation_period: int | None = spec_key(
        "Days between two rotations.", default=None, minimum=90, maximum=2560, computed_default="365"
    )
    deletion_window: int = spec_key(
        "Days after which a deleted key, and all that it encrypts, is lost for good.",
        default=30,
        also=("pendingWindowInDays",),
        minimum=7,
        maximum=30,
    )
    multi_region: bool = spec_key("Allow replicas of the key in other regions; cannot be changed.", default=False)
    unmanaged: SharedKey | None = spec_key("Use an existing key, and create nothing.", default=None)


def check(key: KmsKey) -> Violations:
    yield from check_permissions(key)
    name = sample(key.name)
    if name.startswith("alias/"):
        yield Violation(KEY, "name", "the name begins with `alias/`", f"write `{name.removeprefix('alias/')}`")
    elif name.startswith("aws/") and is_managed(key):
        message = "aliases that begin with `aws/` are those of the keys of AWS"
        yield Violation(KEY, "name", message, f"write a name such as {name.removeprefix('aws/')}")
    if key.rotation_period is not None and not key.rotation:
        message = "a key that is not rotated has no period"
        yield Violation(KEY, "rotationPeriod", message, "leave it out, or write `rotation: true`", key=True)


def compile(key: KmsKey, names: Names, context: Context) -> Grant:
    """A managed key with its alias, and the access of the service itself."""
    grant = Grant()
    alias = f"alias/{fragment(key.name)}"
    resource, condition = "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*", {}
    shared = key.unmanaged or SharedKey()
    if is_managed(key):
        title = names.id("Key")
        grant.keep(_made(title, key, names, context), names.origin, {"KeyPolicy": names.origin})
        made = kms.Alias(names.id("KeyAlias"), AliasName=intrinsic(alias), TargetKeyId=Ref(title))
        grant.add(made, names.origin, {"AliasName": names.origin})
        resource = f"${{{title}.Arn}}"
        grant.values = {"arn": resource, "id": f"${{{title}}}", "alias": alias}
        grant.output(names.id("KeyArn"), f"KMS key {names.local}", intrinsic(resource))
    elif shared.arn is not None:
        resource = fragment(shared.arn)
        grant.values = {"arn": resource, "alias": alias}
    else:
        grant.values = {"alias": alias}
        # https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
        condition = {"Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": intrinsic(alias)}}}
    if reads_itself(key):
        grant.environment[names.variable("KEY_ID")] = grant.values.get("arn", alias)
        grant.statements = [{**allow(actions(key, LEVELS), [intrinsic(resource)]), **condition}]
    return grant


def _made(title: str, key: KmsKey, names: Names, context: Context) -> kms.Key:
    return kms.Key(
        title,
        Description=f"{names.local} of {context.spec.metadata.name} in {context.environment}",
        EnableKeyRotation=key.rotation,
        PendingWindowInDays=key.deletion_window,
        KeyPolicy=document(_policy()),
        **present(RotationPeriodInDays=key.rotation_period, MultiRegion=key.multi_region),
    )


def _policy() -> list[dict[str, Any]]:
    """Who may do what with the key: those to whom policies of IAM in the account allow it, and AWS services of the
    account by grants. The compiler adds the AWS services that use it for the stack by themselves.

    A policy without the account would make a key without an administrator.
    Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    account = {"AWS": intrinsic("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}
    common = {"Effect": "Allow", "Principal": account}
    return [
        {"Sid": "Administer", **common, "Action": list(_ADMINISTER), "Resource": "*"},
        {"Sid": "Use", **common, "Action": list(USE_OF_KEY), "Resource": "*"},
    ]


TYPE = CompiledType(
    name="aws_kms_key",
    category="kms",
    doc="A KMS key with rotation, an alias and a policy of least privilege, for `encryption` of other dependencies.",
    model=KmsKey,
    attributes=lambda key: (
        ("arn", "id", "alias")
        if is_managed(key)
        else ("arn", "alias")
        if (key.unmanaged or SharedKey()).arn
        else ("alias",)
    ),
    compile=compile,
    check=check,
    managed_keys=("rotation", "rotationPeriod", "deletionWindow", "multiRegion"),
    endpoint="kms",
    is_called=reads_itself,
)
