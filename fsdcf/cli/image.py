"""The image on the command line: ``--image-sha``, or ``--image`` with the spec's repository and a tag or digest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import click

from fsdcf.cloudformation.partitions import DOMAIN
from fsdcf.cloudformation.registries import registry_host
from fsdcf.compiler.parts.image import TAG_OR_DIGEST, repository, repository_arn
from fsdcf.language.model.service import Spec

_PSEUDO = {
    "AWS::AccountId": (r"(?P<account>\d{12})", "ACCOUNT"),
    "AWS::Region": (r"(?P<region>[a-z0-9-]+)", "REGION"),
    "AWS::URLSuffix": (f"(?:{DOMAIN})", "amazonaws.com"),
}
"""Pseudo parameters in the address of a repository: the pattern that each matches, and the word for a reader."""

_MOST_OTHERS = 2
_ARN = re.compile(
    r"arn:(?:\$\{[^{}]*\}|[^:${]+):ecr:(?P<region>\$\{[^{}]*\}|[^:${]+)"
    r":(?P<account>\d{12}|\$\{AWS::AccountId\}):repository/(?P<name>.+)"
)


@dataclass(frozen=True)
class Image:
    """The image to deploy: ImageSha (None keeps the deployed image), and the account and region in its name."""

    sha: str | None = None
    account: str | None = None
    region: str | None = None


@dataclass(frozen=True)
class ImageShas:
    """The values of ``--image-sha``: the tag or digest of every image, and those of single services."""

    common: str | None = None
    of_services: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Iterable[str]) -> ImageShas:
        """Read ``SHA`` and ``SERVICE=SHA``. A usage error if one is invalid, or names the same twice."""
        found: dict[str, str] = {}
        for value in values:
            service, _, sha = ("", "", value) if value.startswith("=") else value.rpartition("=")
            if service in found:
                named = f"the image of {service}" if service else "the image of every service"
                raise click.UsageError(f"--image-sha names {named} twice; SERVICE=SHA is the image of one service")
            found[service] = valid_tag(sha, "--image-sha")
        return cls(found.pop("", None), found)

    def check(self, services: Iterable[str]) -> None:
        """A usage error for a service that is not one of these."""
        known = sorted(services)
        for service in self.of_services:
            if service not in known:
                others = f"it deploys {', '.join(known)}" if known else "it deploys no service"
                raise click.UsageError(f"--image-sha {service}=…: this command does not deploy {service!r}; {others}")

    @property
    def words(self) -> list[str]:
        """The values as ``of`` reads them."""
        common = [self.common] if self.common else []
        return [*common, *(f"{service}={sha}" for service, sha in self.of_services.items())]

    def image_of(self, service: str) -> str | None:
        """The tag or digest for a service; None keeps the deployed one."""
        return self.of_services.get(service, self.common)


def shared_shas(shas: Mapping[str, str | None]) -> str | list[str] | None:
    """The value of ``--image-sha`` that gives these images to their services: one for all if they are equal."""
    distinct = {*shas.values()}
    if len(distinct) == 1:
        return distinct.pop()
    return [f"{service}={sha}" for service, sha in shas.items() if sha]


def chosen(spec: Spec, shas: ImageShas, image: str | None) -> Image:
    """The image of ``--image-sha`` or ``--image``. A usage error if it is invalid or of another repository."""
    sha = shas.image_of(spec.metadata.name)
    if sha is not None and image is not None:
        raise click.UsageError("--image-sha and --image cannot be combined")
    return Image(sha) if image is None else _of_reference(spec, image)


def other_repository(spec: Spec, image: str) -> str | None:
    """The repository of ``--image`` if the spec has another one; None also if it names no registry.

    A name without a registry is a mistake more often than an image of Docker Hub, which may be a stranger's.
    """
    name, _ = _split(image)
    is_named = registry_host(name) == name.partition("/")[0]
    return name if is_named and _bound(spec, name) is None else None


def registry(spec: Spec) -> tuple[str | None, str | None, str] | None:
    """The spec's ECR repository: account and region (None: those of the stack) and name. None for another registry."""
    arn = repository_arn(spec)
    match = _ARN.fullmatch(arn) if arn else None
    if match is None:
        return None
    account, region = match["account"], match["region"]
    return (None if "${" in account else account, None if "${" in region else region, match["name"])


def _of_reference(spec: Spec, image: str) -> Image:
    name, sha = _split(image)
    bound = _bound(spec, name)
    if bound is None:
        raise click.UsageError(
            f"--image: {name!r} is not the repository of the spec, {readable_repository(spec)!r}; "
            "write the registry, too, or use --image-sha"
        )
    return Image(valid_tag(sha, "--image"), bound.get("account"), bound.get("region"))


def _bound(spec: Spec, name: str) -> dict[str, str] | None:
    """The account and region in the name of the spec's repository; None for another repository."""
    expected = repository(spec)
    match = re.fullmatch(_pattern(expected), name)
    return match.groupdict() if match else None


def readable_repository(spec: Spec) -> str:
    """The repository of a spec, with ACCOUNT and REGION for what only AWS knows."""
    return re.sub(r"\$\{([^{}]+)\}", lambda name: _PSEUDO.get(name[1], ("", name[0]))[1], repository(spec))


def _split(image: str) -> tuple[str, str]:
    """Repository and tag or digest. A colon before the last slash belongs to a registry's port."""
    name, at, digest = image.partition("@")
    head, slash, last = name.rpartition("/")
    repo, colon, tag = last.partition(":")
    if not at and not colon:
        raise click.UsageError(f"--image expects REPO:TAG or REPO@sha256:DIGEST; {image!r} has neither tag nor digest")
    return head + slash + repo, digest if at else tag  # repo:tag@digest means the digest


def valid_tag(sha: str, option: str = "the image") -> str:
    """A tag or digest itself. A usage error if it is not valid."""
    if not re.fullmatch(TAG_OR_DIGEST, sha):
        raise click.UsageError(
            f"{option}: {sha!r} is neither a tag (letters, digits, _ . -) nor sha256: and 64 hex digits"
        )
    return sha


def _pattern(fragment: str) -> str:
    """A regular expression for a repository. A pseudo parameter has the same value wherever it occurs; two other
    placeholders match anything in their step of the path, and a third one all that follows: a search among more of them
    takes forever."""
    pattern, bound, others = "", set(), 0
    for part in re.split(r"(\$\{[^{}]+\})", fragment):
        name = part[2:-1] if part.startswith("${") else ""
        if name in _PSEUDO:
            again = name in bound and name != "AWS::URLSuffix"
            pattern += f"(?P={_PSEUDO[name][1].lower()})" if again else _PSEUDO[name][0]
            bound.add(name)
        elif name:
            others += 1
            if others > _MOST_OTHERS:
                return pattern + "[^@]+"
            pattern += r"[^/:@]+"
        else:
            pattern += re.escape(part)
    return pattern
