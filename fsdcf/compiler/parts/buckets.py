"""S3 buckets: private, encrypted, versioned, TLS only, and kept when the stack is deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from troposphere import GetAtt, Ref, s3

from fsdcf.compiler.parts.roles import deny_insecure, document
from fsdcf.compiler.stack import Sources, StackPart, present
from fsdcf.compiler.text import intrinsic


def add_bucket(
    part: StackPart,
    title: str,
    policy: str,
    rules: Iterable[s3.LifecycleRule],
    origin: str,
    sources: Sources | None = None,
    statements: Iterable[Mapping[str, Any]] = (),
    key: Any = False,
    **properties: Any,
) -> None:
    """Add a bucket and its policy, with these logical ids. ``rules`` are those of its lifecycle, ``statements`` more of
    its policy. ``key`` is a KMS key, ``True`` for the one of AWS in the account, ``False`` for the keys of S3. A bucket
    has a data key of its own, which saves nearly all requests to KMS.

    The policy goes with the stack, although the bucket is kept: S3 refuses a second policy, so that a stack that takes
    over the bucket could not be created. Source: https://github.com/aws-samples/aws-cdk-examples/issues/1022
    """
    algorithm = {"SSEAlgorithm": "aws:kms" if key else "AES256", **present(KMSMasterKeyID=key is not True and key)}
    encryption = s3.ServerSideEncryptionRule(
        ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(**algorithm),
        **present(BucketKeyEnabled=bool(key)),
    )
    bucket = s3.Bucket(
        title,
        **properties,
        BucketEncryption=s3.BucketEncryption(ServerSideEncryptionConfiguration=[encryption]),
        PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        OwnershipControls=s3.OwnershipControls(Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]),
        VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
        LifecycleConfiguration=s3.LifecycleConfiguration(Rules=[_clean_up(), *rules]),
    )
    tls_only = deny_insecure("*", "s3:*", [GetAtt(title, "Arn"), intrinsic(f"${{{title}.Arn}}/*")])
    part.keep(bucket, origin, sources)
    part.add(s3.BucketPolicy(policy, Bucket=Ref(title), PolicyDocument=document([tls_only, *statements])), origin)


LOG_DAYS = 90
"""Days after which logs in a bucket of the stack expire."""


def add_log_bucket(
    part: StackPart,
    title: str,
    origin: str,
    statements: Iterable[Mapping[str, Any]],
    days: int | None = LOG_DAYS,
    sources: Sources | None = None,
) -> None:
    """Add a bucket for logs, and ``<title>Policy`` with the ``statements`` that let an AWS service write them. They
    expire after ``days``; None keeps them.

    The keys of S3 encrypt it: Elastic Load Balancing and the log of S3 itself do not write to a bucket with a KMS key.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """
    old = s3.NoncurrentVersionExpiration(NoncurrentDays=1)
    expiry = {"ExpirationInDays": days, "NoncurrentVersionExpiration": old}
    rules = [] if days is None else [s3.LifecycleRule(Id="expire-logs", Status="Enabled", **expiry)]
    add_bucket(part, title, f"{title}Policy", rules, origin, sources, statements)


def written_by(service: str, title: str, folder: str, **more: Any) -> dict[str, Any]:
    """The statement that lets an AWS service (``logging.s3.amazonaws.com``) write below a folder of a bucket; ``more``
    are further elements of it."""
    resource = intrinsic(f"${{{title}.Arn}}/{folder}*")
    return {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": ["s3:PutObject"],
        "Resource": [resource],
        **more,
    }


def _clean_up() -> s3.LifecycleRule:
    """The rule that removes what no version of an object needs: parts of abandoned uploads, and delete markers of
    objects without versions. S3 refuses the latter in a rule that expires objects by their age.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html
    """
    return s3.LifecycleRule(
        Id="clean-up",
        Status="Enabled",
        AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=7),
        ExpiredObjectDeleteMarker=True,
    )
