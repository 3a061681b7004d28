"""An S3 bucket: private, encrypted, versioned, TLS only, and kept when the stack is deleted."""

from collections import Counter
from typing import Any

from troposphere import Ref, s3

from fsdcf.compiler.access import actions, check_permissions, is_list, is_managed
from fsdcf.compiler.encryption import customer_key, encryption_of, permit_key
from fsdcf.compiler.parts.buckets import add_bucket, add_log_bucket, written_by
from fsdcf.compiler.parts.roles import allow, from_account
from fsdcf.compiler.stack import CompiledType, Context, Grant, Names, Sources, present
from fsdcf.compiler.text import fragment, intrinsic, value
from fsdcf.diagnostics import Rule
from fsdcf.language.dependency import EncryptedDependency, LoggedDependency, Violation, Violations
from fsdcf.language.model.common import OWNED, encryption_key
from fsdcf.language.model.traffic import AccessLogs, access_logs_key
from fsdcf.language.placeholders import String
from fsdcf.language.shape import SnakeCaseRecord, spec_key, spec_record

LIFECYCLE = Rule(
    "S330",
    "a lifecycle rule without effect, or one that S3 rejects",
    "A lifecycle rule sets the number of days after which objects expire or move to another storage class."
    " Objects must move "
    "before they expire, and move to STANDARD_IA after 30 days at the earliest.",
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html",
)

_BUCKET_ACTIONS = {"read": ("s3:GetBucketLocation", "s3:ListBucket"), "write": ("s3:GetBucketLocation",)}
_OBJECT_ACTIONS = {
    "read": ("s3:GetObject", "s3:GetObjectVersion"),
    "write": ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"),
}
_MOST_NONCURRENT = 30
"""Days that an expired object can be restored, unless the rule sets another number."""

MOST_RULES = 999
"""A lifecycle has 1,000 rules, of which every bucket has one.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html"""
_STORAGE = ("STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")


@spec_record
class LifecycleRule(SnakeCaseRecord):
    """When objects move to another storage class or expire; days."""

    prefix: str = spec_key(
        "Prefix of the objects that the rule applies to; without it, all objects.", default="", longest=1024
    )
    expire_after_days: int | None = spec_key(
        "Days after which objects expire. They are removed for good noncurrentDays later.",
        default=None,
        minimum=1,
        maximum=36500,
    )
    noncurrent_days: int | None = spec_key(
        "Days after which replaced, deleted and expired versions are removed.",
        default=None,
        minimum=1,
        maximum=36500,
        computed_default="with expireAfterDays the same number, at most 30",
    )
    transition_after_days: int | None = spec_key(
        "Days after which objects move to storageClass.", default=None, minimum=0, maximum=36500
    )
    storage_class: str | None = spec_key(
        "Storage class that objects move to.", default=None, allowed=_STORAGE, computed_default="STANDARD_IA"
    )


_RESERVED = r"(?!xn--|sthree-|amzn-s3-demo-|.*(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$)"
"""The beginnings and ends that no name of a bucket has.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""


@spec_record
class S3Bucket(EncryptedDependency, LoggedDependency):
    """An S3 bucket."""

    name: String = spec_key(
        "Physical name of the bucket.",
        also=("bucket_name", "bucketName"),
        pattern=rf"{_RESERVED}(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9](?:[a-z0-9-]|\.(?!\.))+[a-z0-9]",
        longest=63,
        expects="3 to 63 lower-case letters, digits, hyphens and dots, without what S3 reserves, such as -s3alias",
    )
    lifecycle: tuple[LifecycleRule, ...] = spec_key(
        "Rules for the expiry and transition of objects.", default=(), most=MOST_RULES
    )
    encryption: String | None = encryption_key("aws/s3", more=". A change is for new objects")
    access_logs: bool | AccessLogs | None = access_logs_key(
        ", which S3 delivers within hours and without a guarantee", default=False
    )

    @property
    def log_bucket(self) -> String | None:
        return self.access_logs.bucket if isinstance(self.access_logs, AccessLogs) else None


def check(bucket: S3Bucket) -> Violations:
    yield from check_permissions(bucket)
    for index, rule in enumerate(bucket.lifecycle):
        yield from _check_rule(rule, index)


def _check_rule(rule: LifecycleRule, index: int) -> Violations:
    path = ("lifecycle", index)
    moves, expires = rule.transition_after_days, rule.expire_after_days
    if moves is None and rule.storage_class is not None:
        message = "storageClass has no effect without transitionAfterDays"
        yield Violation(LIFECYCLE, (*path, "storageClass"), message, "add transitionAfterDays", key=True)
    elif moves is None and expires is None and rule.noncurrent_days is None:
        hint = "add expireAfterDays, transitionAfterDays or noncurrentDays"
        yield Violation(LIFECYCLE, path, "the rule expires and moves nothing", hint)
    elif moves is not None and moves < 30 and rule.storage_class in (None, "STANDARD_IA"):
        hint = "write 30 or more, or another storageClass"
        yield Violation(
            LIFECYCLE, (*path, "transitionAfterDays"), "objects move to STANDARD_IA after 30 days at the earliest", hint
        )
    if moves is not None and expires is not None and expires <= moves:
        message = f"objects expire after {expires} days and move after {moves}"
        yield Violation(LIFECYCLE, (*path, "expireAfterDays"), message, f"write at least {moves + 1}")


def compile(bucket: S3Bucket, names: Names, context: Context) -> Grant:
    """A managed bucket, and access to the bucket and its objects."""
    grant = Grant()
    physical, encryption = fragment(bucket.name), encryption_of(bucket, context)
    if is_managed(bucket):
        title = names.id("Bucket")
        sources: Sources = dict.fromkeys(("BucketName", "LifecycleConfiguration"), names.origin)
        rules, policy = _rules(bucket), names.id("BucketPolicy")
        key = encryption != OWNED and (customer_key(encryption) or True)
        log = _log(grant, bucket, names, physical)
        add_bucket(grant, title, policy, rules, names.origin, sources, key=key, BucketName=intrinsic(physical), **log)
        attributes = {
            "name": f"${{{title}}}",
            "arn": f"${{{title}.Arn}}",
            "domainName": f"${{{title}.RegionalDomainName}}",
        }
        grant.output(names.id("BucketName"), f"S3 bucket {names.local}", intrinsic(attributes["name"]))
    else:
        domain = f"{physical}.s3.${{AWS::Region}}.${{AWS::URLSuffix}}"
        attributes = {"name": physical, "arn": f"arn:${{AWS::Partition}}:s3:::{physical}", "domainName": domain}
    whole, objects = intrinsic(attributes["arn"]), intrinsic(attributes["arn"] + "/*")
    if is_list(bucket):
        grant.statements = [allow(actions(bucket, {}), [whole, objects])]
    else:
        grant.statements = [
            allow(actions(bucket, _BUCKET_ACTIONS), [whole]),
            allow(actions(bucket, _OBJECT_ACTIONS), [objects]),
        ]
    made = [grant.resources[names.id("Bucket")]] if is_managed(bucket) else []
    permit_key(grant, encryption, "s3", names, *made)
    grant.environment[names.variable("BUCKET_NAME")] = attributes["name"]
    grant.values = attributes
    return grant


def _log(grant: Grant, bucket: S3Bucket, names: Names, physical: str) -> dict[str, Any]:
    """The properties by which S3 logs the requests, and the bucket of the log if none is named.

    The bucket waits for the policy of that one, which knows it by its physical name: S3 checks it.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """
    if not bucket.access_logs:
        return {}
    wanted = bucket.access_logs if isinstance(bucket.access_logs, AccessLogs) else AccessLogs()
    folder = f"{wanted.prefix}/" if wanted.prefix else ""
    target, waits = wanted.bucket and value(wanted.bucket), []
    if wanted.bucket is None:
        title = names.id("BucketLog")
        source = from_account(f"arn:${{AWS::Partition}}:s3:::{physical}")
        add_log_bucket(
            grant, title, names.origin, [written_by("logging.s3.amazonaws.com", title, folder, Condition=source)]
        )
        target, waits = Ref(title), [f"{title}Policy"]
    log = s3.LoggingConfiguration(DestinationBucketName=target, LogFilePrefix=folder)
    return {"LoggingConfiguration": log, **present(DependsOn=waits)}


def _rules(bucket: S3Bucket) -> list[s3.LifecycleRule]:
    """The rules, sorted and numbered for each prefix, so that a rule for another prefix renames none.

    The bucket is versioned: what expires is only freed with its versions.
    """
    counts: Counter[str] = Counter()
    rules = []
    for rule in sorted(bucket.lifecycle, key=_order):
        head = rule.prefix[:60]  # an Id has at most 255 bytes
        counts[head] += 1
        identity = f"rule-{counts[head]}" + (f":{head}" if head else "")
        rules.append(s3.LifecycleRule(Id=identity, Status="Enabled", **_actions(rule)))
    return rules


def _order(rule: LifecycleRule) -> tuple[str, int, int, int, str]:
    numbers = (rule.expire_after_days, rule.noncurrent_days, rule.transition_after_days)
    first, second, third = (-1 if days is None else days for days in numbers)
    return rule.prefix, first, second, third, rule.storage_class or ""


def _actions(rule: LifecycleRule) -> dict[str, Any]:
    expires, moves = rule.expire_after_days, rule.transition_after_days
    kept = rule.noncurrent_days or (expires and min(expires, _MOST_NONCURRENT))
    storage = rule.storage_class or "STANDARD_IA"
    move = moves is not None and s3.LifecycleRuleTransition(StorageClass=storage, TransitionInDays=moves)
    return present(
        Prefix=rule.prefix,
        ExpirationInDays=expires,
        Transitions=move and [move],
        NoncurrentVersionExpiration=kept and s3.NoncurrentVersionExpiration(NoncurrentDays=kept),
    )


TYPE = CompiledType(
    name="aws_s3_bucket",
    category="s3",
    doc="An S3 bucket: private, encrypted, versioned, TLS only.",
    model=S3Bucket,
    attributes=lambda bucket: ("name", "arn", "domainName"),
    compile=compile,
    check=check,
    managed_keys=("lifecycle", "accessLogs"),
)
