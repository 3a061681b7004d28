"""Before anything is asked of CloudFormation: the right account, and an image that exists."""

from __future__ import annotations

from fsdcf.deploy.aws import ApiError, Unreachable
from fsdcf.deploy.model import Exit, Release
from fsdcf.deploy.parameters import IMAGE
from fsdcf.deploy.run import Run, stop
from fsdcf.deploy.snapshot import Snapshot, snapshot
from fsdcf.deploy.stage import SUFFIXES

_GONE = {
    "ImageNotFoundException": "the image {image} does not exist",
    "RepositoryNotFoundException": "the repository of the image {image} does not exist",
}


def preflight(run: Run, release: Release) -> Snapshot | None:
    """The stack as it is, None if there is none. Stops the run in a wrong account (exit 3) and without the image (exit 2)."""
    run.step("preflight", f"looks for the stack {release.stack}{' and the image' if release.image is not None else ''}")
    stack = snapshot(run.aws, release.stack)
    account = stack.account if stack is not None else _caller(run)
    if release.account and account and account != release.account:
        raise stop(
            Exit.REFUSED,
            f"this release is for the account {release.account}, and these credentials belong to {account}",
            "aws sts get-caller-identity",
        )
    sha = release.image_sha or (stack.parameters.get(IMAGE) if stack is not None else None)
    if release.image is not None and sha:
        _check_image(run, release.image, sha, account)
    return stack


def _caller(run: Run) -> str:
    told = run.optional("the account is not known", "sts", "GetCallerIdentity")
    return str((told or {}).get("Account", ""))


def _check_image(run: Run, image: tuple[str | None, str | None, str], sha: str, account: str) -> None:
    """Stops the run if ECR says that the image is not there. What cannot be read is a warning: a pull may work all the same."""
    registry, region, repository = image
    digest = sha.startswith("sha256:")
    name = f"{repository}@{sha}" if digest else f"{repository}:{sha}"
    asked = {"repositoryName": repository, "imageIds": [{"imageDigest" if digest else "imageTag": sha}]}
    if registry:
        asked["registryId"] = registry
    try:
        run.aws.call("ecr", "DescribeImages", at=region, **asked)
    except (ApiError, Unreachable) as error:
        said = _GONE.get(error.code) if isinstance(error, ApiError) else None
        if said is None:
            run.warn(f"it is not known whether the image {name} exists: {error.message}")
            return
        host = f"{registry or account or 'ACCOUNT'}.dkr.ecr.{region or run.aws.region}.{SUFFIXES.get(run.aws.partition, SUFFIXES['aws'])}"
        raise stop(
            Exit.USAGE, said.format(image=name), f"docker push {host}/{repository}:{'TAG' if digest else sha}"
        ) from None
