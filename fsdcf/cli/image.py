"""The image on the command line: a SHA alone, or the repository of the spec with a tag or a digest."""

from __future__ import annotations

import re
from dataclasses import dataclass

import click

from fsdcf.compiler.parts.image import TAG_OR_DIGEST, repository, repository_arn
from fsdcf.language.model.service import Spec

_PSEUDO = {
    "AWS::AccountId": r"(?P<account>\d{12})",
    "AWS::Region": r"(?P<region>[a-z0-9-]+)",
    "AWS::URLSuffix": r"amazonaws\.com(?:\.cn)?",
}
_ARN = re.compile(r"arn:.+?:ecr:(?P<region>.+?):(?P<account>\d{12}|\$\{AWS::AccountId\}):repository/(?P<name>.+)")


@dataclass(frozen=True)
class Image:
    """What is deployed: the value of ImageSha (None keeps the deployed one), and the account and region that the image's name binds to."""

    sha: str | None = None
    account: str | None = None
    region: str | None = None


def chosen(spec: Spec, sha: str | None, image: str | None) -> Image:
    """What ``--image-sha`` or ``--image`` says. A usage error where it says nothing that the spec's repository can give."""
    if sha is not None and image is not None:
        raise click.UsageError("--image-sha and --image say the same thing: give one of them")
    if sha is not None:
        return Image(_checked(sha, "--image-sha"))
    return Image() if image is None else _of_reference(spec, image)


def registry(spec: Spec) -> tuple[str | None, str | None, str] | None:
    """What preflight asks ECR for: account, region (None: the stack's own) and repository; None for another registry."""
    arn = repository_arn(spec)
    found = _ARN.fullmatch(arn) if arn else None
    if found is None:
        return None
    account, region = found["account"], found["region"]
    return (None if "${" in account else account, None if "${" in region else region, found["name"])


def _of_reference(spec: Spec, image: str) -> Image:
    name, sha = _split(image)
    wanted = repository(spec)
    found = re.fullmatch(_pattern(wanted), name)
    if found is None:
        raise click.UsageError(
            f"--image: the repository is {name!r}, and the spec's is {_readable(wanted)!r}; change service.image, or give --image-sha"
        )
    bound = found.groupdict()
    return Image(_checked(sha, "--image"), bound.get("account"), bound.get("region"))


def _split(image: str) -> tuple[str, str]:
    """Repository and tag or digest. A colon before the last slash belongs to a registry's port."""
    name, at, digest = image.partition("@")
    if at:
        head, slash, last = name.rpartition("/")
        return head + slash + last.partition(":")[0], digest  # repo:tag@digest names the digest
    head, slash, last = image.rpartition("/")
    repo, colon, tag = last.partition(":")
    if not colon:
        raise click.UsageError(f"--image takes REPO:TAG or REPO@sha256:DIGEST; {image!r} has neither tag nor digest")
    return head + slash + repo, tag


def _checked(sha: str, option: str) -> str:
    if not re.fullmatch(TAG_OR_DIGEST, sha):
        raise click.UsageError(
            f"{option}: {sha!r} is neither a tag (letters, digits, _ . -) nor sha256: and 64 hex digits"
        )
    return sha


def _pattern(fragment: str) -> str:
    """The repository as a pattern. Each pseudo parameter binds once; what else is only known to AWS may be anything."""
    out, known = "", set()
    for part in re.split(r"(\$\{[^}]+\})", fragment):
        name = part[2:-1] if part.startswith("${") else ""
        if not name:
            out += re.escape(part)
        elif name in _PSEUDO and name not in known:
            known.add(name)
            out += _PSEUDO[name]
        else:
            out += r"[^/:@]+"
    return out


def _readable(fragment: str) -> str:
    """``${AWS::AccountId}.dkr.ecr...`` -> ``ACCOUNT.dkr.ecr...``."""
    words = {"AWS::AccountId": "ACCOUNT", "AWS::Region": "REGION", "AWS::URLSuffix": "amazonaws.com"}
    return re.sub(r"\$\{([^}]+)\}", lambda found: words.get(found[1], found[0]), fragment)
