"""The releases of a service, from the versions of its release record, and the rollback to one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fsdcf.cloudformation.ecr import ADDRESS, image_tag
from fsdcf.deploy.aws import ApiError, Aws
from fsdcf.deploy.engine import deploy
from fsdcf.deploy.model import Exit, Options, Outcome, Release, Target
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.state import Snapshot, template_in
from fsdcf.operate.service import managed_stack

RECORD = "Release"
"""Logical id of the SSM parameter whose value is the released image."""

_ECR = re.compile(ADDRESS + r"(?P<name>[^:@]+)")


@dataclass(frozen=True)
class RecordedRelease:
    """A release: the version of the record, the image, its tag or digest, and the time of the record."""

    version: int
    image: str
    sha: str
    time: datetime | None
    latest: bool = False


def history(stack: Snapshot, aws: Aws) -> tuple[RecordedRelease, ...]:
    """The releases of a stack, newest first. SSM keeps 100 versions.

    Raises Stop (exit 2) if the release record does not exist.
    Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
    """
    record = _record_name(stack, aws)
    try:
        pages = list(aws.pages("ssm", "GetParameterHistory", Name=record, MaxResults=50))
    except ApiError as error:
        if error.code != "ParameterNotFound":
            raise
        sentence = f"the release record {record} of the stack {stack.name} does not exist"
        raise stop(Exit.USAGE, sentence) from None
    return collapse(
        RecordedRelease(
            int(version["Version"]),
            str(version["Value"]),
            image_tag(str(version["Value"])),
            version.get("LastModifiedDate"),
        )
        for page in pages
        for version in page.get("Parameters") or []
    )


def collapse(versions: Iterable[RecordedRelease]) -> tuple[RecordedRelease, ...]:
    """Releases, newest first. Consecutive versions with the same image are one release: the earliest version."""
    releases: list[RecordedRelease] = []
    for version in sorted(versions, key=lambda version: version.version):
        if not releases or releases[-1].image != version.image:
            releases.append(version)
    return tuple(replace(release, latest=release is releases[-1]) for release in reversed(releases))


def rollback(run: Run, to: str | None, options: Options) -> Outcome:
    """Deploy the current template with the image of an earlier release: ``to`` (a prefix) or the previous one.

    Raises Stop if the stack is not managed by fsdcf, or the release does not exist.
    """
    target, aws = run.target, run.aws
    stack = managed_stack(run)
    wanted = select_release(history(stack, aws), to, target)
    template = template_in(aws.call("cloudformation", "GetTemplate", StackName=stack.arn, TemplateStage="Original"))
    if template is None:
        raise stop(Exit.FAILED, "the deployed template cannot be read: it is not valid", target.command("status"))
    release = Release(
        service=target.service,
        environment=target.environment,
        template=template,
        image_sha=wanted.sha,
        tags=stack.tags,
        where=run.where,
        image=ecr_repository(wanted.image),
        redeploy_command=target.command("rollback", to=wanted.sha),
    )
    return deploy(release, options, aws, run.tell, run.ask)


def select_release(releases: Sequence[RecordedRelease], to: str | None, target: Target) -> RecordedRelease:
    """The release to roll back to. Raises Stop (exit 2) if it does not exist or ``to`` is ambiguous."""
    if to is None:
        if len(releases) < 2:
            raise stop(Exit.USAGE, "the service has no earlier release", target.command("history"))
        return releases[1]
    prefix = to.removeprefix("sha256:")
    latest = {release.sha: release for release in reversed(releases)}
    matches = [to] if to in latest else [sha for sha in latest if sha.removeprefix("sha256:").startswith(prefix)]
    if not matches:
        redeploy = target.redeploy(image_sha=to)
        raise stop(Exit.USAGE, f"no release has the image {to}", target.command("history"), redeploy)
    if len(matches) > 1:
        raise stop(Exit.USAGE, f"{to} is ambiguous: {', '.join(sorted(matches))}", target.command("history"))
    return latest[matches[0]]


def ecr_repository(image: str) -> tuple[str | None, str | None, str] | None:
    """Account, Region and name of an ECR repository; None for another registry."""
    match = _ECR.match(image)
    return (match["account"], match["region"], match["name"]) if match else None


def _record_name(stack: Snapshot, aws: Aws) -> str:
    """The name of the release record, from an output or the resource."""
    name = stack.outputs.get("ReleaseParameter", "")
    if not name:
        try:
            answer = aws.call("cloudformation", "DescribeStackResource", StackName=stack.arn, LogicalResourceId=RECORD)
            name = str(answer.get("StackResourceDetail", {}).get("PhysicalResourceId") or "")
        except ApiError as error:
            if error.denied:
                raise
    if not name:
        raise stop(Exit.USAGE, f"the stack {stack.name} has no release yet: its status is {stack.status}")
    return name
