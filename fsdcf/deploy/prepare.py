"""From the state of the stack to one that takes a change set: waits, deletes or rolls back first, where decide says so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from fsdcf.cloudformation.limits import BODY_BYTES, TEMPLATE_BYTES
from fsdcf.cloudformation.template import compact
from fsdcf.conventions import IMAGE_PARAMETER
from fsdcf.deploy import operation
from fsdcf.deploy.aws import ApiError, Unreachable
from fsdcf.deploy.diagnosis.causes import blockers, leftover_resources, root_cause
from fsdcf.deploy.diagnosis.explanations import FailedOperation, diagnose_operation
from fsdcf.deploy.model import Evidence, Exit, Options, Outcome, Question, Release, StackEvent
from fsdcf.deploy.operation import latest_events, running_operation
from fsdcf.deploy.parameters import parameters
from fsdcf.deploy.run import Run, Stop, stop
from fsdcf.deploy.state import Await, Create, Recreate, Refuse, RollBackFirst, Snapshot, Update, decide, snapshot
from fsdcf.deploy.watch import DeadlinePassed, OperationResult, Watcher, follow

LONGEST_LOCK = 4 * 3600.0
"""Seconds for which another's operation is waited for, where no timeout says how long."""


def prepare(
    run: Run, release: Release, options: Options, stack: Snapshot | None
) -> tuple[Create | Update, Snapshot | None, list[dict[str, Any]]]:
    """What to do, the stack to do it on, and the parameters to do it with. Stops the run where a deploy cannot begin."""
    begun = run.aws.clock()
    while True:
        action = decide(stack, options, release.target)
        run.step(
            "decide", f"{stack.name} is {stack.status}" if stack is not None else f"there is no stack {release.stack}"
        )
        if isinstance(action, Refuse):
            raise Stop(_refusal(run, action, stack))
        sent, missing = parameters(
            release.template, release.image_sha, None if isinstance(action, Create | Recreate) else stack
        )
        if missing and not isinstance(action, Await):
            raise _missing(release, missing)
        if isinstance(action, Create | Update) or stack is None:
            return (action if isinstance(action, Create | Update) else Create()), stack, sent
        if isinstance(action, Await):
            stack = _awaited(run, release, stack, action, begun)
        elif isinstance(action, Recreate):
            _delete(run, release, options, stack, action)
            stack = None
        elif isinstance(action, RollBackFirst):
            stack = _rolled_back(run, options, stack)


def _missing(release: Release, missing: tuple[str, ...]) -> Stop:
    if missing == (IMAGE_PARAMETER,):
        return stop(
            Exit.USAGE,
            f"there is no stack {release.stack} yet whose image could stay: name the image",
            release.target.redeploy("--image-sha SHA"),
        )
    return stop(Exit.USAGE, f"the template's parameters {', '.join(missing)} have no value")


def _refusal(run: Run, action: Refuse, stack: Snapshot | None) -> Outcome:
    """The refusal, with what the events say is in the way."""
    if not action.blocked or stack is None:
        return Outcome(action.exit, action.sentence, next=action.next)
    events = latest_events(run, stack.arn)
    cause = root_cause(events)
    shown = tuple(dict.fromkeys([*((cause,) if cause else ()), *blockers(events)]))
    survivors = [event for event in leftover_resources(events) if event not in shown]
    evidence = (*(_line(run, event) for event in shown), *(_line(run, event) for event in survivors))
    skip = " ".join(f"--skip {event.logical_id}" for event in blockers(events) if event.status == "UPDATE_FAILED")
    next_steps = tuple(command.replace("--skip LOGICAL_ID", skip or "--skip LOGICAL_ID") for command in action.next)
    return Outcome(action.exit, action.sentence, evidence, next_steps)


def _line(run: Run, event: StackEvent) -> Evidence:
    at = f" ({event.physical_id})" if event.status.startswith("DELETE") and event.physical_id else ""
    said = f": {event.reason}" if event.reason else ""
    return Evidence(f"{event.logical_id} ({event.type})", f"{event.status}{at}{said}", run.where(event.logical_id))


def _awaited(run: Run, release: Release, stack: Snapshot, action: Await, begun: float) -> Snapshot | None:
    """The stack once what runs on it is over; it may be gone, or another one by then."""
    run.step("wait", action.text)
    if run.aws.deadline is None and run.aws.clock() - begun > LONGEST_LOCK:
        raise _still_busy(run, release, stack)
    own, run.aws.deadline = run.aws.deadline, run.aws.deadline or begun + LONGEST_LOCK
    try:
        Watcher(run, running_operation(run, stack)).watch()
    except DeadlinePassed:
        raise _still_busy(run, release, stack) from None
    finally:
        run.aws.deadline = own
    return snapshot(run.aws, release.stack)


def _still_busy(run: Run, release: Release, stack: Snapshot) -> Stop:
    return stop(
        Exit.BUSY,
        f"the stack {stack.name} was busy until the deadline: {stack.status}",
        release.target.command("watch"),
    )


def _delete(run: Run, release: Release, options: Options, stack: Snapshot, action: Recreate) -> None:
    """Deletes what an earlier failure left, once that is agreed. It is a stack that has never worked."""
    events = latest_events(run, stack.arn)
    cause = root_cause(events)
    evidence = tuple(_line(run, event) for event in ((cause,) if cause else ()))
    kept = tuple(_line(run, event) for event in leftover_resources(events) if event.status == "DELETE_SKIPPED")
    told = tuple(f"{one.source}: {one.text}" for one in (*evidence, *kept))
    sentence = (
        f"the stack {stack.name} is {action.status}: it never worked, and must be deleted before it is created again"
    )
    if action.agreed:
        run.warn("; ".join((sentence, *told)))
    elif not run.agrees(Question("recreate", f"{sentence}. Delete and create it?", told)):
        raise Stop(
            Outcome(
                Exit.REFUSED,
                sentence,
                (*evidence, *kept),
                (release.target.redeploy("--recreate"), release.target.command("delete")),
            )
        )
    run.step("recreate", f"deletes the stack {stack.name}")
    ending = follow(run, operation.delete(run, stack, options.role_arn)).ending
    run.running = ""
    if ending.status != "DELETE_COMPLETE":
        raise Stop(_diagnosed(run, stack, ending))


def _rolled_back(run: Run, options: Options, stack: Snapshot) -> Snapshot | None:
    question = f"the last update of {stack.name} failed and was kept (UPDATE_FAILED): it must be rolled back first"
    if not options.yes and not run.agrees(Question("execute", f"{question}. Roll it back?")):
        raise stop(Exit.REFUSED, question, run.target.command("recover"), run.target.redeploy("--yes"))
    run.step("roll back", f"rolls back the update of {stack.name} that failed")
    try:
        ending = follow(run, operation.roll_back(run, stack, options.role_arn)).ending
    except ApiError as error:
        if error.code != "ValidationError":
            raise
        ending = None  # somebody else was faster: decide again
    run.running = ""
    if ending is not None and not ending.status.endswith("_COMPLETE"):
        raise Stop(_diagnosed(run, stack, ending))
    return snapshot(run.aws, stack.name)


def _diagnosed(run: Run, stack: Snapshot, ending: OperationResult) -> Outcome:
    places = {event.logical_id: place for event in ending.events if (place := run.where(event.logical_id))}
    return diagnose_operation(
        FailedOperation(run.target, stack.name, ending.status, ending.reason, ending.events, ending.rollouts, places)
    )


SUFFIXES: Mapping[str, str] = {
    "aws": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-us-gov": "amazonaws.com",
    "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
}
"""The domain of each partition. Source: botocore's partitions.json."""


def stage(run: Run, release: Release, options: Options) -> dict[str, str]:
    """The member of CreateChangeSet that holds the template. Uploads it where its bytes are too many; stops the run (exit 2)
    where there is no bucket for it, or the bucket will not do."""
    text = compact(release.template)
    data = text.encode()
    if len(data) <= BODY_BYTES:
        return {"TemplateBody": text}
    if len(data) > TEMPLATE_BYTES:
        raise stop(
            Exit.USAGE, f"the template has {len(data):,} bytes, and CloudFormation takes {TEMPLATE_BYTES:,} at most"
        )
    bucket = options.artifacts_bucket
    if not bucket:
        raise stop(
            Exit.USAGE,
            f"the template has {len(data):,} bytes, and CloudFormation takes {BODY_BYTES:,} without a bucket",
            release.target.redeploy("--artifacts-bucket BUCKET"),
        )
    run.step("stage", f"puts the template ({len(data):,} bytes) into the bucket {bucket}")
    _check_region(run, bucket)
    key = key_of(release.stack, data)
    try:
        run.aws.call("s3", "PutObject", Bucket=bucket, Key=key, Body=data, ContentType="application/json")
    except ApiError as error:
        if error.denied:
            raise stop(
                Exit.DENIED, f"the template cannot be put into the bucket {bucket}: no permission for s3:PutObject"
            ) from None
        raise stop(Exit.USAGE, f"the template cannot be put into the bucket {bucket}: {error.message}") from None
    return {"TemplateURL": url_of(bucket, key, run.aws.region, run.aws.partition)}


def key_of(stack: str, data: bytes) -> str:
    """The object's key: the same content has the same key, so that an upload can be repeated and never changes a template in use."""
    return f"fsdcf/{stack}/{hashlib.sha256(data).hexdigest()}.json"


def url_of(bucket: str, key: str, region: str, partition: str) -> str:
    """The object's regional address. A bucket with dots in its name has no certificate of its own: it stands in the path.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """
    host = f"s3.{region}.{SUFFIXES.get(partition, SUFFIXES['aws'])}"
    return f"https://{host}/{bucket}/{key}" if "." in bucket else f"https://{bucket}.{host}/{key}"


def _check_region(run: Run, bucket: str) -> None:
    """Stops the run if the bucket does not exist or stands in another region, where CloudFormation would not read it.

    Without the permission to look, the upload shows it.
    """
    try:
        answer = run.aws.call("s3", "HeadBucket", Bucket=bucket)
    except ApiError as error:
        if error.absent:
            raise stop(
                Exit.USAGE, f"there is no bucket {bucket}", f"aws s3 mb s3://{bucket} --region {run.aws.region}"
            ) from None
        if not error.denied:
            raise stop(Exit.USAGE, f"the bucket {bucket} cannot be used: {error.message}") from None
        return
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or run.aws.region
    if region != run.aws.region:
        raise stop(
            Exit.USAGE,
            f"the bucket {bucket} is in {region}, and the stack in {run.aws.region}: name a bucket that is there",
        )


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
    sha = release.image_sha or (stack.parameters.get(IMAGE_PARAMETER) if stack is not None else None)
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
