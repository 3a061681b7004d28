"""Buckets as every bucket of ours is: private, encrypted, versioned, reached over TLS only, and kept when the stack goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from troposphere import GetAtt, Ref, s3

from fsdcf.compiler.parts.roles import VERSION
from fsdcf.compiler.stack import PropertyPath, Stack
from fsdcf.compiler.text import intrinsic


def add_bucket(
    stack: Stack,
    title: str,
    policy: str,
    rules: Iterable[s3.LifecycleRule],
    origin: str,
    sources: dict[PropertyPath, str] | None = None,
    **properties: Any,
) -> None:
    """A bucket and its policy, with these logical ids: nobody reaches it without TLS. ``rules`` are those of its lifecycle."""
    encryption = s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
    bucket = s3.Bucket(
        title,
        **properties,
        BucketEncryption=s3.BucketEncryption(
            ServerSideEncryptionConfiguration=[s3.ServerSideEncryptionRule(ServerSideEncryptionByDefault=encryption)]
        ),
        PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        OwnershipControls=s3.OwnershipControls(Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]),
        VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
        LifecycleConfiguration=s3.LifecycleConfiguration(Rules=list(rules)),
    )
    refusal = {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [GetAtt(title, "Arn"), intrinsic(f"${{{title}.Arn}}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    document = {"Version": VERSION, "Statement": [refusal]}
    _kept(stack, bucket, origin, sources)
    _kept(stack, s3.BucketPolicy(policy, Bucket=Ref(title), PolicyDocument=document), origin, None)


def _kept(stack: Stack, resource: Any, origin: str, sources: dict[PropertyPath, str] | None) -> None:
    resource.DeletionPolicy = "RetainExceptOnCreate"
    resource.UpdateReplacePolicy = "Retain"
    stack.add(resource, origin, sources)
