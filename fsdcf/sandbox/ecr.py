"""Repositories and their images: all there are, until the sandbox is told which."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from fsdcf.cloudformation.ecr import ADDRESS
from fsdcf.sandbox.state import SandboxState, ServiceError

REPOSITORY = "ecr.repository"
IMAGE = "ecr.image"
PUSHED = 1_767_225_600.0
"""When images that nobody spoke of were pushed: 2026-01-01T00:00:00Z, in epoch seconds."""

_OURS = re.compile(ADDRESS + "(?P<name>[^:@]+)(?P<rest>[:@].+)?")


def add_image(state: SandboxState, repository: str, tag: str, pushed: float | None = None) -> None:
    """Puts an image there. From then on the repository holds only what was added, and only named repositories exist."""
    _create(state, repository)
    body = {
        "repository": repository,
        "tag": tag,
        "digest": digest_of(repository, tag),
        "at": pushed or state.clock.now(),
    }
    state.store.put(IMAGE, f"{repository}|{tag}", body)


def image_exists(state: SandboxState, image: str) -> bool:
    """Whether a task can pull an image. Those of other accounts and registries are taken to exist."""
    ours = _OURS.fullmatch(image)
    if ours is None or ours["account"] != state.account or not _told(state):
        return True
    rest = ours["rest"] or ":latest"
    return _image(state, ours["name"], rest[1:]) is not None


def digest_of(repository: str, tag: str) -> str:
    """The digest of the image with this tag."""
    return f"sha256:{hashlib.sha256(f'{repository}:{tag}'.encode()).hexdigest()}"


def _told(state: SandboxState) -> bool:
    """Whether the sandbox was told which images there are."""
    return bool(state.store.every(REPOSITORY))


def _image(state: SandboxState, repository: str, reference: str) -> dict[str, Any] | None:
    """An image by tag or digest."""
    if not reference.startswith("sha256:"):
        return state.store.get(IMAGE, f"{repository}|{reference}")
    images = (body for _, body in state.store.every(IMAGE, f"{repository}|"))
    return next((body for body in images if body["digest"] == reference), None)


def _create(state: SandboxState, name: str) -> None:
    if state.store.get(REPOSITORY, name) is None:
        state.store.put(REPOSITORY, name, {"name": name, "at": state.clock.now()})


def create_repository(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """CreateRepository: from now on only repositories that were created exist."""
    name = params["repositoryName"]
    if state.store.get(REPOSITORY, name) is not None:
        words = f"The repository with name '{name}' already exists in the registry with id '{state.account}'"
        raise ServiceError("RepositoryAlreadyExistsException", words)
    _create(state, name)
    return {"repository": _repository(state, name, state.clock.now())}


def describe_repositories(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeRepositories: those named, or all that were created."""
    known = {name: body["at"] for name, body in state.store.every(REPOSITORY)}
    asked = params.get("repositoryNames")
    for name in asked or ():
        _demand_repository(state, name)
    told = {name: known.get(name, PUSHED) for name in (asked or known)}
    return {"repositories": [_repository(state, name, at) for name, at in told.items()]}


def _demand_repository(state: SandboxState, name: str) -> None:
    if _told(state) and state.store.get(REPOSITORY, name) is None:
        words = f"The repository with name '{name}' does not exist in the registry with id '{state.account}'"
        raise ServiceError("RepositoryNotFoundException", words)


def _repository(state: SandboxState, name: str, at: float) -> dict[str, Any]:
    suffix = "amazonaws.com.cn" if state.partition == "aws-cn" else "amazonaws.com"
    return {
        "repositoryArn": state.arn("ecr", f"repository/{name}"),
        "registryId": state.account,
        "repositoryName": name,
        "repositoryUri": f"{state.account}.dkr.ecr.{state.region}.{suffix}/{name}",
        "createdAt": at,
        "imageTagMutability": "MUTABLE",
    }


def describe_images(state: SandboxState, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeImages: by tag or digest, or all that were added."""
    name = params["repositoryName"]
    _demand_repository(state, name)
    asked = params.get("imageIds")
    if asked is None:
        found = [body for _, body in state.store.every(IMAGE, f"{name}|")]
    else:
        found = [_demand_image(state, name, one) for one in asked]
    return {"imageDetails": [_detail(state, body) for body in found]}


def _demand_image(state: SandboxState, repository: str, asked: dict[str, str]) -> dict[str, Any]:
    reference = asked.get("imageDigest") or asked.get("imageTag") or ""
    body = _image(state, repository, reference)
    if body is None and not _told(state):
        digest = reference if reference.startswith("sha256:") else digest_of(repository, reference)
        tag = "" if reference.startswith("sha256:") else reference
        body = {"repository": repository, "tag": tag, "digest": digest, "at": PUSHED}
    if body is None:
        told = ", ".join(
            f"{key}:'{value}'"
            for key, value in (("imageDigest", asked.get("imageDigest")), ("imageTag", asked.get("imageTag")))
            if value
        )
        words = f"The image with imageId {{{told}}} does not exist within the repository with name '{repository}' in the registry with id '{state.account}'"
        raise ServiceError("ImageNotFoundException", words)
    return body


def _detail(state: SandboxState, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "registryId": state.account,
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
