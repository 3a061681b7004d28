"""Amazon ECR: repositories, and their images.

The images are in a registry on this machine (``SandboxState.registry``), which is asked for them. Without one, there
are those that PutImage has noted. A repository that was never created has every image, so that a rehearsal with a
made-up image needs neither.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

from fsdcf.cloudformation.ecr import MANIFEST_TYPES
from fsdcf.sandbox.ids import token
from fsdcf.sandbox.state import Data, Document, SandboxState, ServiceError, page

REPOSITORY = "ecr.repository"
IMAGE = "ecr.image"
PAGE = 100

PUSHED = 1_767_225_600.0
"""When all images were pushed: 2026-01-01T00:00:00Z, in epoch seconds."""

TOKEN_SECONDS = 12 * 3600.0
"""The life of a token. Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
"""

SHORT_SECONDS = 2.0
"""The life of a token with the fault ``brief``, in seconds of AWS's time."""

_TIMEOUT = 5
"""Seconds for an answer of the registry, the whole of it."""

_LARGEST = 1 << 22
"""The most bytes of an answer, which are those of a manifest.
Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests"""


def digest_of(repository: str, tag: str) -> str:
    """Return the digest of the image with this tag in a repository that was never created."""
    return f"sha256:{hashlib.sha256(f'{repository}:{tag}'.encode()).hexdigest()}"


def known_digest(state: SandboxState, repository: str, tag: str) -> str:
    """Return the digest of an image that a task pulls, as far as it is known without asking a registry."""
    image = state.store.get(IMAGE, f"{_key(state, {}, repository)}:{tag}")
    return str(image["digest"]) if image else digest_of(repository, tag)


# Repositories


def put_repository(state: SandboxState, name: str, properties: Data) -> None:
    """Create or change a repository of CloudFormation."""
    filters = [
        {"filterType": one[f"{_FILTER}Type"], "filter": one[f"{_FILTER}Value"]}
        for one in properties.get(f"{_FILTER}s") or ()
    ]
    scan = (properties.get("ImageScanningConfiguration") or {}).get("ScanOnPush")
    policy = (properties.get("LifecyclePolicy") or {}).get("LifecyclePolicyText", "")
    mutability, tags = properties.get("ImageTagMutability"), properties.get("Tags") or []
    _save(state, _key(state, {}, name), name, mutability, filters, scan, tags, policy)


def add_repository(state: SandboxState, name: str, properties: Data) -> None:
    """Create a repository of CloudFormation. Raises ServiceError if it exists."""
    _check_new(state, {}, name)
    put_repository(state, name, properties)


_FILTER = "ImageTagMutabilityExclusionFilter"


def _check_new(state: SandboxState, params: Data, name: str) -> None:
    if state.store.get(REPOSITORY, _key(state, params, name)) is not None:
        registry = _registry(state, params)
        message = f"The repository with name '{name}' already exists in the registry with id '{registry}'"
        raise ServiceError("RepositoryAlreadyExistsException", message)


def _save(
    state: SandboxState, key: str, name: str, mutability: str | None, filters: Any, scan: object, tags: Any, policy: str
) -> Document:
    before = state.store.get(REPOSITORY, key) or {"at": state.clock.now()}
    body = {
        "name": name,
        "at": before["at"],
        "mutability": mutability or "MUTABLE",
        "filters": filters,
        "scan": bool(scan),
        "tags": tags,
        "policy": policy,
    }
    state.store.put(REPOSITORY, key, body)
    return body


def remove_repository(state: SandboxState, name: str) -> None:
    """Remove a repository and the images that are noted, if it exists."""
    key = _key(state, {}, name)
    state.store.remove(REPOSITORY, key)
    for image, _ in [*state.store.every(IMAGE, f"{key}:"), *state.store.every(IMAGE, f"{key}@")]:
        state.store.remove(IMAGE, image)


def create_repository(state: SandboxState, params: Document) -> Document:
    """CreateRepository, in the account and region of the call."""
    name = params["repositoryName"]
    _check_new(state, params, name)
    scan = (params.get("imageScanningConfiguration") or {}).get("scanOnPush")
    filters = params.get("imageTagMutabilityExclusionFilters") or []
    mutability, tags = params.get("imageTagMutability"), params.get("tags") or []
    body = _save(state, _key(state, params, name), name, mutability, filters, scan, tags, "")
    return {"repository": _described(state, params, body)}


def describe_repositories(state: SandboxState, params: Document) -> Document:
    """DescribeRepositories: all, or those with these names."""
    names = params.get("repositoryNames")
    if names is None:
        found = [body for _, body in state.store.every(REPOSITORY, _key(state, params, ""))]
    else:
        found = [_repository(state, params, name) for name in names]
    invalid = ServiceError("InvalidParameterException", "Invalid parameter at 'nextToken'")
    return page([_described(state, params, body) for body in found], params, "repositories", PAGE, invalid)


def put_lifecycle_policy(state: SandboxState, params: Document) -> Document:
    """PutLifecyclePolicy, which expires nothing here."""
    name, policy = params["repositoryName"], params["lifecyclePolicyText"]
    body = _repository(state, params, name)
    state.store.put(REPOSITORY, _key(state, params, name), {**body, "policy": policy})
    return {"registryId": _registry(state, params), "repositoryName": name, "lifecyclePolicyText": policy}


def get_lifecycle_policy(state: SandboxState, params: Document) -> Document:
    """GetLifecyclePolicy."""
    name = params["repositoryName"]
    policy = _repository(state, params, name)["policy"]
    if not policy:
        message = f"Lifecycle policy does not exist for the repository with name '{name}'"
        raise ServiceError("LifecyclePolicyNotFoundException", message)
    return {"registryId": _registry(state, params), "repositoryName": name, "lifecyclePolicyText": policy}


def list_tags(state: SandboxState, params: Document) -> Document:
    """ListTagsForResource."""
    name = params["resourceArn"].partition(":repository/")[2]
    return {"tags": _repository(state, params, name)["tags"]}


def get_authorization_token(state: SandboxState, params: Document) -> Document:
    """GetAuthorizationToken: a token that no registry on this machine checks, and that expires."""
    now = state.clock.now()
    password = token("ecr", now, length=64)
    life = state.duration(SHORT_SECONDS) if state.brief else TOKEN_SECONDS
    data = {
        "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
        "expiresAt": now + life,
        "proxyEndpoint": f"http://{state.registry}" if state.registry else f"https://{_host(state, params)}",
    }
    return {"authorizationData": [data]}


def _registry(state: SandboxState, params: Data) -> str:
    return str(params.get("registryId") or state.account)


def _key(state: SandboxState, params: Data, name: str) -> str:
    return f"{state.request_region or state.region}/{_registry(state, params)}/{name}"


def _host(state: SandboxState, params: Data) -> str:
    region = state.request_region or state.region
    return f"{_registry(state, params)}.dkr.ecr.{region}.{state.url_suffix}"


def _repository(state: SandboxState, params: Data, name: str) -> Document:
    message = f"The repository with name '{name}' does not exist in the registry with id '{_registry(state, params)}'"
    return state.existing(REPOSITORY, _key(state, params, name), ServiceError("RepositoryNotFoundException", message))


def _described(state: SandboxState, params: Data, body: Document) -> Document:
    name, region = body["name"], state.request_region or state.region
    return {
        "repositoryArn": f"arn:{state.partition}:ecr:{region}:{_registry(state, params)}:repository/{name}",
        "registryId": _registry(state, params),
        "repositoryName": name,
        "repositoryUri": f"{state.registry or _host(state, params)}/{name}",
        "createdAt": body["at"],
        "imageTagMutability": body["mutability"],
        "imageTagMutabilityExclusionFilters": body["filters"] or None,
        "imageScanningConfiguration": {"scanOnPush": body["scan"]},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }


# Images


def put_image(state: SandboxState, params: Document) -> Document:
    """PutImage: note an image without layers. A registry on this machine gets its images from a builder."""
    name, manifest, tag = params["repositoryName"], params["imageManifest"], params.get("imageTag", "")
    repository, key = _repository(state, params, name), _key(state, params, name)
    if state.registry:
        message = f"The images of this sandbox are in the registry {state.registry}: push them there"
        raise ServiceError("InvalidParameterException", message)
    digest = f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"
    type = params.get("imageManifestMediaType") or _object(manifest).get("mediaType", "")
    image = {"digest": digest, "manifest": manifest, "type": type, "tag": tag, "at": state.clock.now()}
    before = state.store.get(IMAGE, f"{key}:{tag}")
    if before and repository["mutability"].startswith("IMMUTABLE"):
        message = f"The image tag '{tag}' already exists in the '{name}' repository, whose tags are immutable"
        raise ServiceError("ImageTagAlreadyExistsException", message)
    state.store.put(IMAGE, f"{key}@{digest}", image)
    if tag:
        state.store.put(IMAGE, f"{key}:{tag}", image)
    return {"image": _listed(state, params, image, {"imageTag": tag or None, "imageDigest": digest})}


def batch_get_image(state: SandboxState, params: Document) -> Document:
    """BatchGetImage, by tag or digest."""
    _repository(state, params, params["repositoryName"])
    images, failures = [], []
    for identifier in params["imageIds"]:
        image = _find(state, params, identifier)
        if image is None:
            reason = {"failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
            failures.append({"imageId": identifier, **reason})
        else:
            images.append(_listed(state, params, image, {**identifier, "imageDigest": image["digest"]}))
    return {"images": images, "failures": failures}


def _listed(state: SandboxState, params: Data, image: Document, identifier: Document) -> Document:
    return {
        "registryId": _registry(state, params),
        "repositoryName": params["repositoryName"],
        "imageId": identifier,
        "imageManifest": image["manifest"],
        "imageManifestMediaType": image["type"] or None,
    }


def describe_images(state: SandboxState, params: Document) -> Document:
    """DescribeImages, by tag or digest."""
    name = params["repositoryName"]
    identifiers = params.get("imageIds") or ()
    if state.store.get(REPOSITORY, _key(state, params, name)) is None:
        return {"imageDetails": [_made_up(state, name, identifier) for identifier in identifiers]}
    details = [_detail(state, params, identifier) for identifier in identifiers or _tags(state, params)]
    invalid = ServiceError("InvalidParameterException", "Invalid parameter at 'nextToken'")
    return page(details, params, "imageDetails", PAGE, invalid)


def _made_up(state: SandboxState, repository: str, identifier: Data) -> Document:
    digest, tag = identifier.get("imageDigest"), identifier.get("imageTag")
    return {
        "registryId": state.account,
        "repositoryName": repository,
        "imageDigest": digest or digest_of(repository, tag or ""),
        "imageTags": [tag] if tag else None,
        "imageSizeInBytes": 48_000_000,
        "imagePushedAt": PUSHED,
    }


def _detail(state: SandboxState, params: Data, identifier: Data) -> Document:
    name, tag, digest = params["repositoryName"], identifier.get("imageTag"), identifier.get("imageDigest")
    image = _find(state, params, identifier)
    if image is None:
        which = f"{{imageDigest:'{digest or 'null'}', imageTag:'{tag or 'null'}'}}"
        where = f"within the repository with name '{name}' in the registry with id '{_registry(state, params)}'"
        raise ServiceError("ImageNotFoundException", f"The image with imageId {which} does not exist {where}")
    tag = tag or image.get("tag")
    return {
        "registryId": _registry(state, params),
        "repositoryName": name,
        "imageDigest": image["digest"],
        "imageTags": [tag] if tag else None,
        "imageSizeInBytes": _size(image["manifest"]),
        "imagePushedAt": image["at"],
        "imageManifestMediaType": image["type"] or None,
    }


def _size(manifest: str) -> int:
    """Return the bytes of what a manifest lists; 0 for one that is none."""
    data = _object(manifest)
    with suppress(ValueError, TypeError, AttributeError):
        parts = [data.get("config", {}), *data.get("layers", ()), *data.get("manifests", ())]
        return sum(int(part.get("size", 0)) for part in parts)
    return 0


def _object(text: str | bytes) -> Document:
    """Return the object in a JSON text; an empty one for any other text."""
    with suppress(ValueError, RecursionError):
        data = json.loads(text)
        return data if isinstance(data, dict) else {}
    return {}


def _tags(state: SandboxState, params: Data) -> Iterator[Document]:
    """Return the tags of a repository as identifiers."""
    name = params["repositoryName"]
    if state.registry:
        found = _ask(state, f"/v2/{quote(name)}/tags/list")
        listed = _object(found[0]).get("tags") if found else None
        tags = [str(tag) for tag in listed] if isinstance(listed, list) else []
    else:
        key = f"{_key(state, params, name)}:"
        tags = [image.removeprefix(key) for image, _ in state.store.every(IMAGE, key)]
    return ({"imageTag": tag} for tag in tags)


def _find(state: SandboxState, params: Data, identifier: Data) -> Document | None:
    """Return an image; None if there is none. What the registry answers is noted, for the tasks that pull it."""
    name, tag, digest = params["repositoryName"], identifier.get("imageTag"), identifier.get("imageDigest")
    key = f"{_key(state, params, name)}{f'@{digest}' if digest else f':{tag}'}"
    if not state.registry:
        image = state.store.get(IMAGE, key)
        return None if image is None or (digest and tag and image["tag"] != tag) else image
    found = _ask(state, f"/v2/{quote(name)}/manifests/{quote(digest or tag or '', safe=':')}")
    if found is None:
        state.store.remove(IMAGE, key)
        return None
    content, headers = found
    own = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if digest and own != digest:
        raise _unusable(state, f"answers with another image than {digest}")
    image = {
        "digest": own,
        "manifest": content.decode("utf-8", "replace"),
        "type": headers.get("content-type", ""),
        "tag": tag or "",
        "at": state.clock.now(),
    }
    known = state.store.get(IMAGE, key)
    if known is None or known["digest"] != image["digest"]:
        state.store.put(IMAGE, key, image)
        known = image
    return known


def _ask(state: SandboxState, path: str) -> tuple[bytes, dict[str, str]] | None:
    """Return what the registry on this machine answers, with its headers in lower case; None for nothing.

    Raises ServiceError if it does not answer, or not whole. The code is not one after which a caller tries again.
    Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
    """
    connection = http.client.HTTPConnection(state.registry, timeout=_TIMEOUT)
    try:
        connection.connect()
        with _ended(connection.sock):
            connection.request("GET", path, headers={"Accept": ", ".join(MANIFEST_TYPES)})
            answer = connection.getresponse()
            content = answer.read(_LARGEST + 1)
    except (OSError, http.client.HTTPException) as error:
        raise _unusable(state, f"does not answer: {getattr(error, 'strerror', None) or error}") from None
    finally:
        connection.close()
    if answer.length or len(content) > _LARGEST:
        raise _unusable(state, f"does not answer whole, or with more than {_LARGEST:,} bytes")
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise _unusable(state, f"answers with status {answer.status}")
    return content, {name.lower(): value for name, value in answer.getheaders()}


@contextmanager
def _ended(connection: socket.socket) -> Iterator[None]:
    """End a connection that is still used after _TIMEOUT: its own timeout is for each piece of an answer."""

    def end() -> None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_TIMEOUT, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _unusable(state: SandboxState, why: str) -> ServiceError:
    message = f"the registry {state.registry}, which FSDCF_SANDBOX_REGISTRY names, {why}"
    return ServiceError("UnableToGetUpstreamImageException", message)


OPERATIONS: dict[str, Any] = {
    "BatchGetImage": batch_get_image,
    "CreateRepository": create_repository,
    "DescribeImages": describe_images,
    "DescribeRepositories": describe_repositories,
    "GetAuthorizationToken": get_authorization_token,
    "GetLifecyclePolicy": get_lifecycle_policy,
    "ListTagsForResource": list_tags,
    "PutImage": put_image,
    "PutLifecyclePolicy": put_lifecycle_policy,
}
