"""Amazon ECR: every tag of every repository exists."""

from __future__ import annotations

import hashlib

from fsdcf.sandbox.state import Document, SandboxState

PUSHED = 1_767_225_600.0
"""When all images were pushed: 2026-01-01T00:00:00Z, in epoch seconds."""


def digest_of(repository: str, tag: str) -> str:
    """Return the digest of the image with this tag."""
    return f"sha256:{hashlib.sha256(f'{repository}:{tag}'.encode()).hexdigest()}"


def describe_repositories(state: SandboxState, params: Document) -> Document:
    """DescribeRepositories, by name."""
    return {"repositories": [_repository(state, name) for name in params.get("repositoryNames") or ()]}


def _repository(state: SandboxState, name: str) -> Document:
    return {
        "repositoryArn": state.arn("ecr", f"repository/{name}"),
        "registryId": state.account,
        "repositoryName": name,
        "repositoryUri": f"{state.account}.dkr.ecr.{state.region}.{state.url_suffix}/{name}",
        "createdAt": PUSHED,
        "imageTagMutability": "MUTABLE",
    }


def describe_images(state: SandboxState, params: Document) -> Document:
    """DescribeImages, by tag or digest."""
    name = params["repositoryName"]
    return {"imageDetails": [_image(state, name, identifier) for identifier in params.get("imageIds") or ()]}


def _image(state: SandboxState, repository: str, identifier: dict[str, str]) -> Document:
    digest, tag = identifier.get("imageDigest"), identifier.get("imageTag")
    return {
        "registryId": state.account,
        "repositoryName": repository,
        "imageDigest": digest or digest_of(repository, tag or ""),
        "imageTags": [tag] if tag else None,
        "imageSizeInBytes": 48_000_000,
        "imagePushedAt": PUSHED,
    }


OPERATIONS = {"DescribeImages": describe_images, "DescribeRepositories": describe_repositories}
