"""Registries of container images: which one an image comes from, and what it accepts as credentials."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fsdcf.cloudformation.ecr import HOST

DOCKER_HUB = "docker.io"
PUBLIC_ECR = "public.ecr.aws"


def registry_host(image: str) -> str:
    """The host of the registry that has an image: the part before the first slash if it has a dot or a colon.

    Source: https://github.com/distribution/reference/blob/main/normalize.go
    """
    host, slash, _ = image.partition("/")
    return host if slash and ("." in host or ":" in host or host == "localhost") else DOCKER_HUB


def parts_of_image(image: str) -> tuple[str, str, str]:
    """The repository of an image, its tag and its digest; both may be empty."""
    named, _, digest = image.partition("@")
    found = _TAGGED.fullmatch(named)
    return (found[1], found[2], digest) if found else (named, "", digest)


_TAGGED = re.compile(r"(.+?):((?:\$\{[^}]*\}|[^:/{}])*)")
"""A repository and its tag, in which there may be placeholders."""


def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is this machine: builders speak to its registries without TLS.

    Source: https://docs.docker.com/reference/cli/dockerd/#insecure-registries
    """
    return re.fullmatch(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?", host) is not None


@dataclass(frozen=True)
class Registry:
    """A registry: its name in a sentence, its host, and the credentials with which it serves private images.

    ``ecr``: it is a private registry of Amazon ECR, which takes no other credentials than those of IAM.
    """

    name: str
    host: str
    credentials: str = "a user and a password or token"
    ecr: bool = False


_LONGEST = 1000
"""The characters of an image that are read: a host name has at most 253, and the name of an image 255."""

_KNOWN = (
    (r"(?:[\w-]+\.)*docker\.io|registry\.hub\.docker\.com", "Docker Hub", "a Docker Hub user and an access token"),
    (
        r"ghcr\.io",
        "the GitHub Container Registry",
        "a GitHub user and a classic token with read:packages (a new package is private)",
    ),
    (r"quay\.io", "Quay", "a robot account that may read the repository"),
    (r"(?:.*\.)?gitlab\..*", "the GitLab registry", "a deploy token with read_registry"),
    (r".*\.jfrog\.io|.*artifactory.*", "Artifactory", "a user and an identity token that may read the repository"),
    (
        r".*\.pkg\.dev|(?:[\w-]+\.)?gcr\.io",
        "the registry of Google Cloud",
        "the user _json_key and a service account's key",
    ),
    (r".*\.azurecr\.io", "the registry of Azure", "a token of the registry that may read the repository"),
    (re.escape(PUBLIC_ECR), "the public gallery of Amazon ECR", "none: all its images are public"),
)


def registry_of(image: str) -> Registry:
    """The registry of an image."""
    host = registry_host(image[:_LONGEST])
    if re.match(HOST, host):
        return Registry("Amazon ECR", host, "those of the execution role", ecr=True)
    for pattern, name, credentials in _KNOWN:
        if re.fullmatch(pattern, host):
            return Registry(name, host, credentials)
    return Registry(f"the registry {host}", host)
