"""Repositories and their images: all there are, until the sandbox is told which."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from fsdcf.cloudformation.ecr import ADDRESS
from fsdcf.sandbox.state import Refusal, World

REPOSITORY = "ecr.repository"
IMAGE = "ecr.image"
PUSHED = 1_767_225_600.0
"""When images that nobody spoke of were pushed: 2026-01-01T00:00:00Z, in epoch seconds."""

_OURS = re.compile(ADDRESS + "(?P<name>[^:@]+)(?P<rest>[:@].+)?")


def add_image(world: World, repository: str, tag: str, pushed: float | None = None) -> None:
    """Puts an image there. From then on the repository holds only what was added, and only named repositories exist."""
    _create(world, repository)
    body = {
        "repository": repository,
        "tag": tag,
        "digest": digest_of(repository, tag),
        "at": pushed or world.clock.now(),
    }
    world.store.put(IMAGE, f"{repository}|{tag}", body)


def image_exists(world: World, image: str) -> bool:
    """Whether a task can pull an image. Those of other accounts and registries are taken to exist."""
    ours = _OURS.fullmatch(image)
    if ours is None or ours["account"] != world.account or not _told(world):
        return True
    rest = ours["rest"] or ":latest"
    return _image(world, ours["name"], rest[1:]) is not None


def digest_of(repository: str, tag: str) -> str:
    """The digest of the image with this tag."""
    return f"sha256:{hashlib.sha256(f'{repository}:{tag}'.encode()).hexdigest()}"


def _told(world: World) -> bool:
    """Whether the sandbox was told which images there are."""
    return bool(world.store.every(REPOSITORY))


def _image(world: World, repository: str, reference: str) -> dict[str, Any] | None:
    """An image by tag or digest."""
    if not reference.startswith("sha256:"):
        return world.store.get(IMAGE, f"{repository}|{reference}")
    images = (body for _, body in world.store.every(IMAGE, f"{repository}|"))
    return next((body for body in images if body["digest"] == reference), None)


def _create(world: World, name: str) -> None:
    if world.store.get(REPOSITORY, name) is None:
        world.store.put(REPOSITORY, name, {"name": name, "at": world.clock.now()})


def create_repository(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """CreateRepository: from now on only repositories that were created exist."""
    name = params["repositoryName"]
    if world.store.get(REPOSITORY, name) is not None:
        words = f"The repository with name '{name}' already exists in the registry with id '{world.account}'"
        raise Refusal("RepositoryAlreadyExistsException", words)
    _create(world, name)
    return {"repository": _repository(world, name, world.clock.now())}


def describe_repositories(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeRepositories: those named, or all that were created."""
    known = {name: body["at"] for name, body in world.store.every(REPOSITORY)}
    asked = params.get("repositoryNames")
    for name in asked or ():
        _demand_repository(world, name)
    told = {name: known.get(name, PUSHED) for name in (asked or known)}
    return {"repositories": [_repository(world, name, at) for name, at in told.items()]}


def _demand_repository(world: World, name: str) -> None:
    if _told(world) and world.store.get(REPOSITORY, name) is None:
        words = f"The repository with name '{name}' does not exist in the registry with id '{world.account}'"
        raise Refusal("RepositoryNotFoundException", words)


def _repository(world: World, name: str, at: float) -> dict[str, Any]:
    suffix = "amazonaws.com.cn" if world.partition == "aws-cn" else "amazonaws.com"
    return {
        "repositoryArn": world.arn("ecr", f"repository/{name}"),
        "registryId": world.account,
        "repositoryName": name,
        "repositoryUri": f"{world.account}.dkr.ecr.{world.region}.{suffix}/{name}",
        "createdAt": at,
        "imageTagMutability": "MUTABLE",
    }


def describe_images(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeImages: by tag or digest, or all that were added."""
    name = params["repositoryName"]
    _demand_repository(world, name)
    asked = params.get("imageIds")
    if asked is None:
        found = [body for _, body in world.store.every(IMAGE, f"{name}|")]
    else:
        found = [_demand_image(world, name, one) for one in asked]
    return {"imageDetails": [_detail(world, body) for body in found]}


def _demand_image(world: World, repository: str, asked: dict[str, str]) -> dict[str, Any]:
    reference = asked.get("imageDigest") or asked.get("imageTag") or ""
    body = _image(world, repository, reference)
    if body is None and not _told(world):
        digest = reference if reference.startswith("sha256:") else digest_of(repository, reference)
        tag = "" if reference.startswith("sha256:") else reference
        body = {"repository": repository, "tag": tag, "digest": digest, "at": PUSHED}
    if body is None:
        told = ", ".join(
            f"{key}:'{value}'"
            for key, value in (("imageDigest", asked.get("imageDigest")), ("imageTag", asked.get("imageTag")))
            if value
        )
        words = f"The image with imageId {{{told}}} does not exist within the repository with name '{repository}' in the registry with id '{world.account}'"
        raise Refusal("ImageNotFoundException", words)
    return body


def _detail(world: World, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "registryId": world.account,
        "repositoryName": body["repository"],
        "imageDigest": body["digest"],
        "imageTags": [body["tag"]] if body["tag"] else None,
        "imageSizeInBytes": 48_000_000,
        "imagePushedAt": body["at"],
    }


OPERATIONS = {
    "CreateRepository": create_repository,
    "DescribeImages": describe_images,
    "DescribeRepositories": describe_repositories,
}
ACTIONS: dict[str, Any] = {}
