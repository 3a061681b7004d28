"""The releases of a service, from the versions of its release record, and the rollback to one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fsdcf.cloudformation.ecr import ADDRESS, image_tag
from fsdcf.conventions import RELEASE_OUTPUT, RELEASE_RECORD, UNPROVEN
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.aws import ApiError, Aws, Unreadable
from fsdcf.deploy.engine import deploy
from fsdcf.deploy.model import Exit, Options, Outcome, Release, Target
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.state import Snapshot, physical_ids
from fsdcf.operate.service import managed_stack, whole_template

_ECR = re.compile(ADDRESS + r"(?P<name>[^:@]+)")


@dataclass(frozen=True)
class RecordedRelease:
    """A release: the version of the record, the image, its tag or digest, and the time of the record.

    ``labels`` mark a release of which no task was ever started: it is not ``proven``.
    """

    version: int
    image: str
    sha: str
    time: datetime | None
    latest: bool = False
    labels: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether a task of the release was started, as far as fsdcf knows."""
        return not self.labels


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
            int(version.get("Version") or 0),
            text(version, "Value"),
            image_tag(text(version, "Value")),
            version.get("LastModifiedDate"),
            labels=tuple(label for label in version.get("Labels") or [] if label.startswith(UNPROVEN)),
        )
        for page in pages
        for version in page.get("Parameters") or []
    )


def collapse(versions: Iterable[RecordedRelease]) -> tuple[RecordedRelease, ...]:
    """Releases, newest first. Consecutive versions with the same image are one release: the earliest version.

    An image that has run once is proven for good.
    """
    releases: list[RecordedRelease] = []
    proven: set[str] = set()
    for version in sorted(versions, key=lambda version: version.version):
        if not releases or releases[-1].image != version.image:
            releases.append(version)
        proven |= {version.image} if version.proven else set()
    return tuple(
        replace(release, latest=release is releases[-1], labels=() if release.image in proven else release.labels)
        for release in reversed(releases)
    )


def mark_proven(run: Run, stack: Snapshot) -> None:
    """Remove the mark of the latest release that no task of it was started: its tasks run now.

    An error is one warning.
    """
    name = stack.outputs.get(RELEASE_OUTPUT, "")
    without = "the release keeps its mark as unproven"
    pages = run.optional_pages(without, "ssm", "GetParameterHistory", Name=name, MaxResults=50) if name else ()
    versions = [version for page in pages for version in page.get("Parameters") or []]
    latest: Answer = max(versions, key=lambda version: int(version["Version"]), default={})
    labels = [label for label in latest.get("Labels") or [] if label.startswith(UNPROVEN)]
    if labels:
        version = int(latest["Version"])
        run.optional(without, "ssm", "UnlabelParameterVersion", Name=name, ParameterVersion=version, Labels=labels)


def rollback(run: Run, to: str | None, options: Options) -> Outcome:
    """Deploy the current template with the image of an earlier release: ``to`` (a prefix) or the previous one.

    Raises Stop if the stack is not managed by fsdcf, or the release does not exist.
    """
    target, aws = run.target, run.aws
    stack = managed_stack(run)
    releases = history(stack, aws)
    wanted = select_release(releases, to, target)
    for skipped in releases[1 : releases.index(wanted)] if to is None else ():
        if not skipped.proven:
            run.warn(f"{skipped.sha} is skipped: no task of it was ever started (--to {skipped.sha} deploys it)")
    release = Release(
        service=target.service,
        environment=target.environment,
        template=whole_template(run, stack),
        image_sha=wanted.sha,
        tags=stack.tags,
        where=run.where,
        image=ecr_repository(wanted.image),
        redeploy_command=target.command("rollback", to=wanted.sha),
    )
    return deploy(release, options, aws, run.tell, run.ask)


def select_release(releases: Sequence[RecordedRelease], to: str | None, target: Target) -> RecordedRelease:
    """The release to roll back to: without ``to``, the previous one whose tasks have run.

    Raises Stop (exit 2) if it does not exist or ``to`` is ambiguous.
    """
    if to is None:
        earlier = [release for release in releases[1:] if release.image != releases[0].image]
        proven = next((release for release in earlier if release.proven), None)
        if proven is None:
            more = " whose tasks have run" if earlier else ""
            raise stop(Exit.USAGE, f"the service has no earlier release{more}", target.command("history"))
        return proven
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
    name = stack.outputs.get(RELEASE_OUTPUT, "")
    if not name:
        try:
            answer = aws.call(
                "cloudformation", "DescribeStackResource", StackName=stack.arn, LogicalResourceId=RELEASE_RECORD
            )
            name = str(answer.get("StackResourceDetail", {}).get("PhysicalResourceId") or "")
        except ApiError as error:
            if error.denied:
                raise
        except Unreadable:  # an emulator may list the resources, and not show a single one
            ids = physical_ids(aws, stack.arn)
            if ids is None:
                raise
            name = ids.get(RELEASE_RECORD, "")
    if not name:
        raise stop(Exit.USAGE, f"the stack {stack.name} has no release yet: its status is {stack.status}")
    return name
