"""The repository of a service's images: look it up, create it with consent, and read the image behind a tag."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fsdcf.cloudformation.ecr import ADDRESS, MANIFEST_TYPES, UNTAGGED_DAYS, lifecycle_policy
from fsdcf.cloudformation.iam import matches
from fsdcf.cloudformation.registries import registry_host
from fsdcf.deploy.answers import Answer
from fsdcf.deploy.aws import ApiError, Aws
from fsdcf.deploy.model import Exit, Question
from fsdcf.deploy.run import Run, Stop, denied, stop
from fsdcf.images.builders import LocalImage

CACHE_TAG = "buildcache"
"""The tag of the build cache, which moves with each push."""

_NO_ACCOUNT = "000000000000"
"""The account of the sandbox, which no customer of AWS has."""

_MOST_IDS = 100
"""The most images in a request.
Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html"""


@dataclass(frozen=True)
class Destination:
    """Where the images of a spec go.

    ``address`` is the repository as the spec names it. ``ecr`` is its account and region (None: those of the
    credentials) and its name; None for another registry. ``tags`` are those of the stack, which a new repository gets.
    ``again`` is the command that pushes, for the commands that are printed.
    """

    address: str
    ecr: tuple[str | None, str | None, str] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    again: str = ""


@dataclass(frozen=True)
class Repository:
    """A repository, by its address. ``name``, ``registry`` (the account), ``region`` and ``arn`` are empty unless it is
    one of ECR.

    ``mutability`` is ECR's word for which tags can be moved, ``filters`` are the patterns of the exceptions.
    """

    address: str
    again: str = ""
    name: str = ""
    registry: str = ""
    region: str = ""
    arn: str = ""
    mutability: str = "MUTABLE"
    filters: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The registry's host."""
        return registry_host(self.address)

    @property
    def is_ecr(self) -> bool:
        """Whether it is a private repository of ECR, or of an emulator of it."""
        return bool(self.name)

    def moves(self, tag: str) -> bool:
        """Whether a tag can be moved to another image. A filter has ``*`` for any text.

        Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
        """
        excepted = any(matches(one, tag) for one in self.filters)
        return excepted != self.mutability.startswith("MUTABLE")

    def has_registry(self, aws: Aws) -> bool:
        """Whether images can be pushed to it: an emulator without a registry gives an address of AWS."""
        of_aws = re.match(ADDRESS, self.address) is not None
        return not (of_aws and (self.host.startswith(_NO_ACCOUNT) or aws.is_foreign("ecr")))

    def parameters(self, **more: Any) -> dict[str, Any]:
        """The parameters of a call on this repository."""
        return {"registryId": self.registry, "repositoryName": self.name, **more}


@dataclass(frozen=True)
class RegistryImage:
    """An image in a repository: its digest, and the ``images`` that a task may get by it, of which an index has
    several: for each its own digest and that of its configuration, which builders call the image's id."""

    digest: str
    images: tuple[frozenset[str], ...]

    def is_image(self, local: LocalImage) -> bool:
        """Whether it is an image of a builder's store, and no task gets another one by it.

        Whoever may push to the repository could list another image beside it, which a task would pull.
        """
        own = {local.id, local.config}
        return self.digest in own or (bool(self.images) and all(own & each for each in self.images))


def repository_of(run: Run, destination: Destination, create: bool = False) -> Repository:
    """The repository that images are pushed to.

    If it does not exist, it is created, if a person or ``create`` agrees. Raises Stop, and AwsError.
    """
    if destination.ecr is None:
        return Repository(destination.address, destination.again)
    return _look_up(run, destination) or _create(run, destination, create)


def _look_up(run: Run, destination: Destination) -> Repository | None:
    account, region, name = destination.ecr or (None, None, "")
    of_account = {"registryId": account} if account else {}
    run.step("repository", f"looking up the repository {name}")
    try:
        answer = run.aws.call("ecr", "DescribeRepositories", at=region, repositoryNames=[name], **of_account)
    except ApiError as error:
        if error.code == _MISSING:
            return None
        arn = f"arn:{run.aws.partition}:ecr:{region or run.aws.region}:{account or '*'}:repository/{name}"
        raise _refused(run, error, f"the repository {name} cannot be looked up", arn) from None
    found: Answer = next(iter(answer.get("repositories") or ()), {})
    return _read(run, destination, found) if found else None


_PUSHED_TO = r"(?:\w[\w.-]*|\[[\da-fA-F:]+\])(?::\d{1,5})?(?:/\w[\w.-]*)+"
"""An address that a builder takes for a word, and for one alone: it becomes part of its options."""
_MISSING, _EXISTS = "RepositoryNotFoundException", "RepositoryAlreadyExistsException"


def _read(run: Run, destination: Destination, found: Answer) -> Repository:
    account, region, name = destination.ecr or (None, None, "")
    address = str(found.get("repositoryUri") or destination.address)
    if not re.fullmatch(_PUSHED_TO, address):
        raise stop(Exit.FAILED, f"the endpoint of ECR gives {address[:200]!r} as the address of {name}")
    return Repository(
        address,
        destination.again,
        name,
        str(found.get("registryId") or account or ""),
        region or run.aws.region,
        str(found.get("repositoryArn") or ""),
        str(found.get("imageTagMutability") or "MUTABLE"),
        tuple(str(one.get("filter")) for one in found.get("imageTagMutabilityExclusionFilters") or ()),
    )


def _create(run: Run, destination: Destination, agreed: bool) -> Repository:
    account, region, name = destination.ecr or (None, None, "")
    place = region or run.aws.region
    caller = run.aws.caller().split(":")[4:5]
    of_account = {"registryId": account} if account and caller != [account] else {}
    if account and of_account and not run.aws.rehearses:  # the sandbox has every account
        sentence = (
            f"the repository {name} of the account {account} does not exist in {place}, and only that account can"
        )
        raise stop(Exit.USAGE, f"{sentence} create it", _create_command(name, place, account))
    owner = account or "".join(caller)
    sentence = f"the repository {name} does not exist in {place}{f' of the account {owner}' if owner else ''}"
    excluded = run.aws.supports("ecr", "CreateRepository", _FILTERS)
    question = Question("repository", f"{sentence}. Create it?", _details(destination, excluded))
    if not agreed and not run.agrees(question):
        code = Exit.USAGE if run.ask is None else Exit.REFUSED
        raise stop(code, sentence, f"{destination.again} --create-repository", _create_command(name, place))
    run.step("repository", f"creating the repository {name}")
    try:
        answer = run.aws.call(
            "ecr",
            "CreateRepository",
            at=region,
            repositoryName=name,
            **of_account,
            **_mutability(excluded),
            imageScanningConfiguration={"scanOnPush": True},
            encryptionConfiguration={"encryptionType": "AES256"},
            tags=[{"Key": key, "Value": value} for key, value in destination.tags.items()],
        )
        found: Answer = answer.get("repository") or {}
    except ApiError as error:
        made = _look_up(run, destination) if error.code == _EXISTS else None  # by another run, or by a repeated call
        if made is not None:
            return made
        arn = f"arn:{run.aws.partition}:ecr:{place}:{''.join(caller) or '*'}:repository/{name}"
        raise _refused(run, error, f"the repository {name} cannot be created", arn) from None
    repository = _read(run, destination, found)
    try:
        policy = lifecycle_policy(expires=False)  # other environments may push to it, too
        named = {"repositoryName": name, **of_account}
        run.aws.call("ecr", "PutLifecyclePolicy", at=region, **named, lifecyclePolicyText=policy)
    except ApiError as error:
        run.lack(f"the repository {name} has no lifecycle policy", error)
    return repository


def _create_command(name: str, region: str, registry: str = "") -> str:
    """The command that creates a repository; ``registry`` is the account, if it is not that of the credentials."""
    other = f" --registry-id {registry}" if registry else ""
    return f"aws ecr create-repository --repository-name {name} --region {region}{other}"


_FILTERS = "imageTagMutabilityExclusionFilters"


def _mutability(excluded: bool) -> dict[str, Any]:
    """Immutable tags, but for that of the build cache, if the installed botocore can say so."""
    if not excluded:
        return {"imageTagMutability": "IMMUTABLE"}
    filters = [{"filterType": "WILDCARD", "filter": CACHE_TAG}]
    return {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", _FILTERS: filters}


def _details(destination: Destination, excluded: bool) -> tuple[str, ...]:
    tags = ", ".join(f"{key}={value}" for key, value in destination.tags.items())
    return (
        f"the new repository has immutable tags{f', except {CACHE_TAG} for the build cache' if excluded else ''}",
        "images are scanned when they are pushed, and encrypted with AES-256",
        f"images without a tag expire after {UNTAGGED_DAYS} days",
        f"it has the tags {tags}",
    )


def _refused(run: Run, error: ApiError, sentence: str, arn: str) -> Stop | ApiError:
    return Stop(denied(error, run.aws, run.target, sentence, arn, build=True)) if error.denied else error


def image_behind(run: Run, repository: Repository, tag: str) -> RegistryImage | None:
    """The image behind a tag of a repository of ECR; None if there is none. Raises Stop, and AwsError."""
    found = _images(run, repository, [{"imageTag": tag}])
    if not found:
        return None
    digest, manifest = found[0]
    if "manifests" not in manifest:
        return RegistryImage(digest, (_config(manifest),))
    index = manifest["manifests"] if isinstance(manifest["manifests"], list) else [None]
    entries = [one if isinstance(one, Mapping) else {} for one in index]
    listed = [str(one.get("digest")) for one in entries if not _is_attestation(one)]
    ids = [{"imageDigest": one} for one in listed[:_MOST_IDS]]
    children = dict(_images(run, repository, ids)) if ids else {}
    return RegistryImage(digest, tuple(_config(children.get(one, {})) | {one} for one in listed))


def _images(run: Run, repository: Repository, ids: Collection[Mapping[str, str]]) -> list[tuple[str, dict[str, Any]]]:
    """The digests and manifests of images, without those that do not exist."""
    parameters = repository.parameters(imageIds=list(ids), acceptedMediaTypes=list(MANIFEST_TYPES))
    try:
        answer = run.aws.call("ecr", "BatchGetImage", at=repository.region, **parameters)
    except ApiError as error:
        sentence = f"the images of {repository.name} cannot be read"
        raise _refused(run, error, sentence, repository.arn) from None
    return [
        (str((one.get("imageId") or {}).get("imageDigest")), _parsed(one.get("imageManifest")))
        for one in answer.get("images") or ()
    ]


def _parsed(manifest: object) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        data = json.loads(str(manifest))
        return data if isinstance(data, dict) else {}
    return {}


def _config(manifest: Mapping[str, Any]) -> frozenset[str]:
    """The digest of the configuration of a manifest, if it has one and is not an index as well."""
    config = manifest.get("config")
    if not isinstance(config, Mapping) or not config.get("digest") or "manifests" in manifest:
        return frozenset()
    return frozenset({str(config["digest"])})


def _is_attestation(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of an index is not an image, but says how one was built: it is for no platform.

    Source: https://docs.docker.com/build/metadata/attestations/attestation-storage/
    """
    annotations, platform = entry.get("annotations"), entry.get("platform")
    is_for_none = isinstance(platform, Mapping) and platform.get("os") == platform.get("architecture") == "unknown"
    return is_for_none and isinstance(annotations, Mapping) and "vnd.docker.reference.type" in annotations
