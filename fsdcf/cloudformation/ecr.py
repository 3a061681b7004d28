"""Addresses of repositories in Amazon ECR, in specs, in templates and in messages from AWS, as patterns; and how a
repository is made.

The account and the region may be pseudo parameters. Dual-stack addresses contain a hyphen and ``on.aws``.
Source: https://docs.aws.amazon.com/general/latest/gr/ecr.html
"""

from __future__ import annotations

import json

from fsdcf.cloudformation.partitions import DOMAIN

SERVICE = r"\.dkr[.-]ecr(?:-fips)?\."
"""The part of the host between the account and the region."""

HOST = rf"(?P<account>\d{{12}}|\$\{{AWS::AccountId\}}){SERVICE}(?P<region>[a-z0-9-]+|\$\{{AWS::Region\}})\."
"""The host up to the domain."""

ADDRESS = rf"{HOST}(?:\$\{{AWS::URLSuffix\}}|{DOMAIN}|on\.aws|on\.amazonwebservices\.(?:com\.cn|eu))/"
"""All that precedes the repository's name."""


def image_tag(image: str) -> str:
    """The tag or digest of an image: the value of ImageSha."""
    name, at, digest = image.partition("@")
    return digest if at else name.rpartition("/")[2].partition(":")[2]


MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""The media types of an image, or of an index of images. Without them, ECR converts what it has.
Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html"""

UNTAGGED_DAYS = 7
IMAGES_KEPT = 500
"""The images kept in a repository to which one environment pushes: more than the 100 releases that SSM keeps, so that a
rollback finds its image."""


def lifecycle_policy(expires: bool) -> str:
    """The lifecycle policy of a repository that fsdcf makes. ``expires``: also the oldest images with tags do.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
    """
    untagged = {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": UNTAGGED_DAYS,
    }
    oldest = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": IMAGES_KEPT}
    rules = [(f"no tag for {UNTAGGED_DAYS} days", untagged)]
    if expires:
        rules.append((f"all but the newest {IMAGES_KEPT}", oldest))
    document = {
        "rules": [
            {"rulePriority": number, "description": text, "selection": selection, "action": {"type": "expire"}}
            for number, (text, selection) in enumerate(rules, 1)
        ]
    }
    return json.dumps(document, separators=(",", ":"))


PUSH_ACTIONS = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImages",
    "ecr:DescribeRepositories",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
"""What a push needs on a repository, with the reading of its digest, beside ecr:GetAuthorizationToken on ``*``.
Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html"""
