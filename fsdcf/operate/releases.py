"""The releases of a service, from the versions of its release record, and the way back to one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fsdcf.cloudformation.ecr import ADDRESS
from fsdcf.deploy.aws import ApiError, Aws
from fsdcf.deploy.engine import deploy
from fsdcf.deploy.model import Ask, Exit, Options, Outcome, Place, Release, Target, Tell
from fsdcf.deploy.run import stop
from fsdcf.deploy.state import Snapshot, deployed_template, snapshot, target_of

RECORD = "Release"
"""Logical id of the SSM parameter whose value is the image that was released."""

_ECR = re.compile(ADDRESS + r"(?P<name>[^:@]+)")


@dataclass(frozen=True)
class Released:
    """One release: the record's version, the image, its tag or digest, when it was recorded, and whether it is the latest."""

    version: int
    image: str
    sha: str
    time: datetime | None
    latest: bool = False


def history(stack: str, aws: Aws) -> tuple[Released, ...]:
    """The releases, newest first. Versions in a row with the same image are one release, told with the time of the first.

    SSM keeps 100 versions. Raises Stop (exit 2) where there is no stack, or none with a release record.
    Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
    """
    found = existing(stack, aws)
    return collapsed(_versions(_record(found, aws), found, aws))


def collapsed(versions: Iterable[Released]) -> tuple[Released, ...]:
    """Releases from versions in any order: newest first, repeats told once, with the version and time of the earliest of them."""
    kept: list[Released] = []
    for one in sorted(versions, key=lambda version: version.version):
        if not kept or kept[-1].image != one.image:
            kept.append(one)
    return tuple(Released(one.version, one.image, one.sha, one.time, one is kept[-1]) for one in reversed(kept))


def rollback(
    target: Target,
    to: str | None,
    options: Options,
    aws: Aws,
    tell: Tell,
    ask: Ask | None,
    where: Callable[[str], Place | None] = lambda logical_id: None,
) -> Outcome:
    """Deploy the template that runs with the image of an earlier release: the one before, or the one that ``to`` begins.

    Nothing else of the template changes, and no spec is needed. Raises Stop where there is no such release.
    """
    found = existing(target.stack, aws)
    if not found.belongs_to(target):
        raise stop(
            Exit.REFUSED,
            f"the stack {found.name} is not ours: its tags do not say {target.service} and {target.environment}",
            target.command("status"),
        )
    wanted = chosen(collapsed(_versions(_record(found, aws), found, aws)), to, target)
    template = deployed_template(aws, found.arn)
    if template is None:
        raise stop(Exit.DENIED, "the template that runs cannot be read", target.command("status"))
    release = Release(
        service=target.service,
        environment=target.environment,
        template=template,
        image_sha=wanted.sha,
        tags=found.tags,
        where=where,
        image=registry(wanted.image),
        redeploy_command=target.command("rollback", "--to", wanted.sha),
    )
    return deploy(release, options, aws, tell, ask)


def chosen(releases: Sequence[Released], to: str | None, target: Target) -> Released:
    """The release to go back to. Raises Stop (exit 2) where there is none, or where ``to`` could mean several."""
    if to is None:
        if len(releases) < 2:
            raise stop(Exit.USAGE, "there is no earlier release to go back to", target.command("history"))
        return releases[1]
    found = {one.sha: one for one in reversed(releases) if one.sha == to} or {
        one.sha: one
        for one in reversed(releases)
        if one.sha.removeprefix("sha256:").startswith(to.removeprefix("sha256:"))
    }
    if not found:
        raise stop(
            Exit.USAGE, f"no release has the image {to}", target.command("history"), target.redeploy("--image-sha", to)
        )
    if len(found) > 1:
        raise stop(Exit.USAGE, f"{to} could be {' or '.join(sorted(found))}", target.command("history"))
    return next(iter(found.values()))


def existing(stack: str, aws: Aws) -> Snapshot:
    """The stack; raises Stop (exit 2) where there is none."""
    found = snapshot(aws, stack)
    if found is None:
        raise stop(
            Exit.USAGE, f"there is no stack {stack} in {aws.region}", target_of(None, stack).redeploy("--image-sha SHA")
        )
    return found


def registry(image: str) -> tuple[str | None, str | None, str] | None:
    """Account, region and repository of an image in ECR; None for another registry."""
    found = _ECR.match(image)
    return (found["account"], found["region"], found["name"]) if found else None


def _record(found: Snapshot, aws: Aws) -> str:
    """The name of the release record: an output tells it; else the resource does."""
    name = found.outputs.get("ReleaseParameter", "")
    if not name:
        try:
            answer = aws.call("cloudformation", "DescribeStackResource", StackName=found.arn, LogicalResourceId=RECORD)
            name = str(answer.get("StackResourceDetail", {}).get("PhysicalResourceId") or "")
        except ApiError as error:
            if error.denied:
                raise
    if not name:
        raise stop(Exit.USAGE, f"the stack {found.name} has no release yet: its status is {found.status}")
    return name


def _versions(record: str, found: Snapshot, aws: Aws) -> list[Released]:
    versions: list[Released] = []
    page: dict[str, str] = {}
    while True:
        try:
            answer = aws.call("ssm", "GetParameterHistory", Name=record, MaxResults=50, **page)
        except ApiError as error:
            if error.code != "ParameterNotFound":
                raise
            raise stop(Exit.USAGE, f"the release record {record} of the stack {found.name} is gone") from None
        versions += [
            Released(int(one["Version"]), str(one["Value"]), sha_of(str(one["Value"])), one.get("LastModifiedDate"))
            for one in answer.get("Parameters") or []
        ]
        if not answer.get("NextToken"):
            return versions
        page = {"NextToken": answer["NextToken"]}


def sha_of(image: str) -> str:
    """The tag or digest of an image: what ImageSha was."""
    name, at, digest = image.partition("@")
    return digest if at else name.rpartition("/")[2].partition(":")[2]
