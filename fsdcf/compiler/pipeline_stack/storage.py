"""What the pipeline keeps: images in ECR, and templates that are too large to be sent in a bucket."""

from __future__ import annotations

import json

from troposphere import GetAtt, Ref, ecr, s3

from fsdcf.compiler.pipeline_stack.model import BUCKET, BUCKET_VARIABLE
from fsdcf.compiler.resources.buckets import add_bucket
from fsdcf.compiler.stack import Stack
from fsdcf.spec.names import logical_id

UNTAGGED_DAYS = 7
IMAGES_KEPT = 500
"""More than the 100 releases that SSM remembers, in each of a few environments: a rollback finds its image."""

ARTIFACT_DAYS = 90
REPLACED_DAYS = 30


def add_repository(stack: Stack, name: str) -> str:
    """An ECR repository whose tags never move, whose images are scanned, and whose oldest images go; its logical id."""
    title = logical_id(name, "Repository")
    repository = ecr.Repository(
        title,
        RepositoryName=name,
        ImageTagMutability="IMMUTABLE",
        ImageScanningConfiguration=ecr.ImageScanningConfiguration(ScanOnPush=True),
        EncryptionConfiguration=ecr.EncryptionConfiguration(EncryptionType="AES256"),
        LifecyclePolicy=ecr.LifecyclePolicy(LifecyclePolicyText=json.dumps(_lifecycle(), separators=(",", ":"))),
    )
    repository.DeletionPolicy = "RetainExceptOnCreate"
    repository.UpdateReplacePolicy = "Retain"
    stack.add(repository, f"images.{name}")
    stack.output(f"{title}Uri", f"Repository of the images of {name}", GetAtt(title, "RepositoryUri"))
    return title


def _lifecycle() -> dict[str, list[dict[str, object]]]:
    """Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html"""
    untagged = {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": UNTAGGED_DAYS,
    }
    oldest = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": IMAGES_KEPT}
    rules = ((f"no tag for {UNTAGGED_DAYS} days", untagged), (f"all but the newest {IMAGES_KEPT}", oldest))
    return {
        "rules": [
            {"rulePriority": number, "description": text, "selection": selection, "action": {"type": "expire"}}
            for number, (text, selection) in enumerate(rules, 1)
        ]
    }


def add_artifacts_bucket(stack: Stack) -> None:
    """The artifacts bucket: private, encrypted, versioned, reached over TLS only; what is old goes."""
    rule = s3.LifecycleRule(
        Id="old-artifacts",
        Status="Enabled",
        AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=7),
        ExpirationInDays=ARTIFACT_DAYS,
        NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=REPLACED_DAYS),
    )
    add_bucket(stack, BUCKET, f"{BUCKET}Policy", [rule], "artifacts")
    stack.output(f"{BUCKET}Name", f"Bucket for large templates: repository variable {BUCKET_VARIABLE}", Ref(BUCKET))
