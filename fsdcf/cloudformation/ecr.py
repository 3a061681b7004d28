"""Addresses of repositories in Amazon ECR, in specs, in templates and in messages from AWS, as patterns; and the
commands that create a repository and push an image to it.

The account and the region may be pseudo parameters. Dual-stack addresses contain a hyphen and ``on.aws``.
Source: https://docs.aws.amazon.com/general/latest/gr/ecr.html
"""

from __future__ import annotations

from fsdcf.cloudformation.partitions import DOMAIN

SERVICE = r"\.dkr[.-]ecr(?:-fips)?\."
"""The part of the host between the account and the region."""

HOST = rf"(?P<account>\d{{12}}|\$\{{AWS::AccountId\}}){SERVICE}(?P<region>[a-z0-9-]+|\$\{{AWS::Region\}})\."
"""The host up to the domain."""

ADDRESS = rf"{HOST}(?:\$\{{AWS::URLSuffix\}}|{DOMAIN}|on\.aws|on\.amazonwebservices\.(?:com\.cn|eu))/"
"""All that precedes the repository's name."""


def create_command(name: str, region: str, registry: str = "") -> str:
    """The command that creates a repository; ``registry`` is the account, if it is not that of the credentials."""
    other = f" --registry-id {registry}" if registry else ""
    return f"aws ecr create-repository --repository-name {name} --region {region}{other}"


def push_commands(host: str, name: str, tag: str, region: str, platform: str) -> tuple[str, ...]:
    """The commands that sign in to a registry, then build an image and push it."""
    image = f"{host}/{name}:{tag}"
    return (
        f"aws ecr get-login-password --region {region} | docker login --username AWS --password-stdin {host}",
        f"docker build --platform {platform} -t {image} .",
        f"docker push {image}",
    )


def image_tag(image: str) -> str:
    """The tag or digest of an image: the value of ImageSha."""
    name, at, digest = image.partition("@")
    return digest if at else name.rpartition("/")[2].partition(":")[2]
