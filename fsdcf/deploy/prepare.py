"""The stages before the change set: preflight, decide (wait, delete or roll back first), parameters, and stage."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from fsdcf.cloudformation.ecr import ADDRESS
from fsdcf.cloudformation.limits import BODY_BYTES, TEMPLATE_BYTES, compact
from fsdcf.cloudformation.parameters import secret_values
from fsdcf.cloudformation.partitions import domain_of, zone_prefix
from fsdcf.cloudformation.registries import parts_of_image
from fsdcf.cloudformation.secrets import named_secrets
from fsdcf.cloudformation.template import of_type
from fsdcf.cloudformation.types.ecs import SERVICE, TASK_DEFINITION
from fsdcf.conventions import IMAGE_PARAMETER, artifacts_prefix, similar
from fsdcf.deploy import operation
from fsdcf.deploy.answers import Answer, text
from fsdcf.deploy.aws import ApiError, Unreachable
from fsdcf.deploy.change_set import check_imports
from fsdcf.deploy.elsewhere import check_values, named_values
from fsdcf.deploy.events import leftover_resources
from fsdcf.deploy.model import Advice, Evidence, Exit, Options, Outcome, Question, Release, StackEvent, Target
from fsdcf.deploy.operation import latest_events, running_operation
from fsdcf.deploy.pause import pause_of
from fsdcf.deploy.priorities import rule_parameters
from fsdcf.deploy.run import Run, Stop, denied, stop
from fsdcf.deploy.secrets import check_secrets
from fsdcf.deploy.state import Await, Create, Recreate, Refuse, RollBackFirst, Snapshot, Update, decide, snapshot
from fsdcf.deploy.watch import DeadlinePassed, OperationResult, Watcher, follow
from fsdcf.suggested import suggested, words_in

_NO_REPOSITORY = "RepositoryNotFoundException"
_IMAGE_ERRORS = {
    "ImageNotFoundException": "the image {image} does not exist",
    _NO_REPOSITORY: "the repository of the image {image} does not exist",
}


def preflight(run: Run, release: Release, options: Options) -> Snapshot | None:
    """The stack, None if it does not exist.

    Stops the run in the wrong account or a new environment that is not confirmed (exit 3), and without the image, a
    secret or a value from elsewhere (exit 2).
    """
    named = () if release.examined else named_secrets(release.template)
    elsewhere = () if release.examined else named_values(release.template)
    looks = {"the image": release.image is not None, "the secrets": named, "what it reads elsewhere": elsewhere}
    also = [what for what, needed in looks.items() if needed]
    others, comma, last = ", ".join((f"the stack {release.stack}", *also)).rpartition(", ")
    run.step("preflight", f"looking up {others}{' and ' if comma else ''}{last}")
    stack = snapshot(run.aws, release.stack)
    if stack is not None:
        account = stack.account
    else:
        account = text(run.optional("the account is not known", "sts", "GetCallerIdentity"), "Account")
    if stack is None or stack.in_review:
        check_environment(run, release)
    if release.account and account and account != release.account:
        raise stop(
            Exit.REFUSED,
            f"this release is for the account {release.account}, but the credentials belong to {account}",
            "aws sts get-caller-identity",
        )
    sha = release.image_sha or (stack.parameters.get(IMAGE_PARAMETER) if stack is not None else None)
    if release.image is not None and sha:
        _check_image(run, release, sha)
    for image in () if release.examined else _sidecar_images(release.template):
        _, missing = _lacking(run, image)
        if missing:
            advice = Advice("push it, or correct the image of the sidecar", "service.sidecars")
            raise stop(Exit.USAGE, f"{missing}, and a sidecar has it", advice=advice)
    if named:
        check_secrets(run, named, account, _starts_none(release, stack, options))
    check_values(run, elsewhere)
    return stack


def _starts_none(release: Release, stack: Snapshot | None, options: Options) -> str:
    """Why a deploy starts no task, with what that means for a missing secret; empty if it starts tasks."""
    if options.plan_only:
        return "a deploy stops here without --plan-only"
    counts = [one.get("Properties", {}).get("DesiredCount") for one in of_type(release.template, SERVICE)]
    is_paused = pause_of(stack) is not None and not release.resumes
    return "no task can start without it" if is_paused or (counts and not any(map(bool, counts))) else ""


def examine(run: Run, release: Release, options: Options, has_environment: bool = True) -> tuple[Release, Options]:
    """Refuse what can be refused before the image of a release is built, which may take minutes.

    Stops the run as the deploy would. ``has_environment``: the stack of the environment must have what the template
    imports, since it is not deployed before this one.

    Returns the release and the options with what a person has agreed to, which is not asked again.
    """
    stack = preflight(run, replace(release, image=None), options)
    action = decide(stack, options, release.target)
    if isinstance(action, Refuse):
        raise Stop(_refusal(run, action, stack))
    if isinstance(action, RollBackFirst) and stack is not None and run.ask is None:
        _agree_to_roll_back(run, options, stack)
    if isinstance(action, Recreate) and stack is not None and not action.agreed:
        _agree_to_recreate(run, release, stack, action)
        options = replace(options, recreate=True)
    deployed = None if isinstance(action, Create | Recreate) else stack
    _, missing = parameters(release.template, release.image_sha, deployed)
    if missing and not isinstance(action, Await):
        raise _missing(release, missing)
    if bucket := _bucket(release, options):
        _check_bucket(run, bucket)
    if has_environment:
        check_imports(run, release.template)
    return replace(release, other_environments=(), examined=True), options


def check_environment(run: Run, release: Release) -> None:
    """Stop the run (exit 3) if no file names the environment of a new stack and no person confirms it."""
    if not release.other_environments:
        return
    name, others = release.environment, release.other_environments
    close = similar(name, others)
    guess = f"did you mean {close}?" if close else f"known environments: {', '.join(others)}"
    sentence = f"no file names the environment {name}, and the stack {release.stack} does not exist: {guess}"
    if run.agrees(Question("environment", f"Create the new environment {name}?", (sentence,))):
        return
    meant = (release.target.elsewhere(close).redeploy(),) if close else ()
    raise stop(Exit.REFUSED, sentence, *meant, release.target.redeploy(new_env=True))


def parts_elsewhere(template: Mapping[str, Any], region: str) -> tuple[str, ...]:
    """The zones and certificates of another region that a template names, which AWS rejects."""
    prefix = zone_prefix(region)
    parts: dict[str, None] = {}
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        zone = properties.get("AvailabilityZoneId")
        if isinstance(zone, str) and prefix and not zone.startswith(f"{prefix}-"):
            parts[f"the zone {zone}"] = None
        for certificate in properties.get("Certificates", ()):
            arn = certificate.get("CertificateArn")
            if isinstance(arn, str) and (arn.split(":") + [""] * 4)[3] not in ("", region):
                parts[f"the certificate {arn}"] = None
    return tuple(parts)


def _check_image(run: Run, release: Release, sha: str) -> None:
    """Stop the run if ECR does not have the image.

    If ECR cannot be read, that is a warning: a pull may work nevertheless. So it is at the endpoint of an emulator,
    most of which run no container.
    """
    registry, region, repository = release.image or (None, None, "")
    code, missing = _lacking(run, _EcrImage(registry, region, repository, sha))
    if missing:
        raise stop(Exit.USAGE, missing, *_remedies(release.target, code))


class _EcrImage(NamedTuple):
    """An image in ECR: its account and region (None: those of the stack), its repository, and its tag or digest."""

    registry: str | None
    region: str | None
    repository: str
    sha: str


def _lacking(run: Run, image: _EcrImage) -> tuple[str, str]:
    """The error code of ECR and a sentence about an image that does not exist; both are empty for any other."""
    digest = image.sha.startswith("sha256:")
    name = f"{image.repository}{'@' if digest else ':'}{image.sha}"
    parameters = {
        "repositoryName": image.repository,
        "imageIds": [{"imageDigest" if digest else "imageTag": image.sha}],
    }
    if image.registry:
        parameters["registryId"] = image.registry
    try:
        run.aws.call("ecr", "DescribeImages", at=image.region, look=True, **parameters)
    except (ApiError, Unreachable) as error:
        code = error.code if isinstance(error, ApiError) else ""
        missing = _IMAGE_ERRORS.get(code)
        if missing is None:
            run.lack(f"the image {name} cannot be checked", error)
        elif run.aws.is_foreign("ecr"):
            run.warn(f"{missing.format(image=name)} at this endpoint, which is not AWS's and may not need it")
        else:
            return code, missing.format(image=name)
    return "", ""


_ADDRESS = re.compile(ADDRESS + "(?P<name>.+)")


def _sidecar_images(template: Mapping[str, Any]) -> Iterator[_EcrImage]:
    """The images in ECR that a template names with a tag or digest: not that of the service, which is a parameter."""
    for definition in of_type(template, TASK_DEFINITION):
        for container in definition.get("Properties", {}).get("ContainerDefinitions", ()):
            written = container.get("Image")
            written = written.get("Fn::Sub") if isinstance(written, Mapping) else written
            name, tag, digest = parts_of_image(written) if isinstance(written, str) else ("", "", "")
            address = _ADDRESS.fullmatch(name)
            if address and (tag or digest) and "${" not in tag:
                own = {"${AWS::AccountId}": None, "${AWS::Region}": None}
                registry, region = (own.get(address[one], address[one]) for one in ("account", "region"))
                yield _EcrImage(registry, region, address["name"], digest or tag)


def _remedies(target: Target, code: str) -> tuple[str, ...]:
    """The commands for an image that does not exist: one that builds it, unless it is that of an earlier release."""
    words = words_in(target.redeploy_command)
    if words[1:2] not in ([], ["deploy"]):
        return (target.command("history"),)
    build = suggested("deploy", target.spec, env=target.environment, build=True)
    return (f"{build} --create-repository" if code == _NO_REPOSITORY else build,)


def prepare(
    run: Run, release: Release, options: Options, stack: Snapshot | None
) -> tuple[Create | Update, Snapshot | None, list[Answer]]:
    """Bring the stack into a state that accepts a change set. Stops the run if that is impossible.

    Returns the action, the stack that it applies to, and the parameters of CreateChangeSet.
    """
    begun = run.aws.clock()
    while True:
        action = decide(stack, options, release.target)
        run.step(
            "decide",
            f"{stack.name} is {stack.status}" if stack is not None else f"the stack {release.stack} does not exist",
        )
        if isinstance(action, Refuse):
            raise Stop(_refusal(run, action, stack))
        deployed = None if isinstance(action, Create | Recreate) else stack
        sent, missing = parameters(release.template, release.image_sha, deployed)
        if missing and not isinstance(action, Await):
            raise _missing(release, missing)
        if isinstance(action, Create | Update) or stack is None:
            sent += rule_parameters(run, release, deployed)
            return (action if isinstance(action, Create | Update) else Create()), stack, sent
        if isinstance(action, Await):
            stack = _wait(run, release, stack, action, begun)
        elif isinstance(action, Recreate):
            _delete(run, release, options, stack, action)
            stack = None
        elif isinstance(action, RollBackFirst):
            stack = _roll_back(run, options, stack)


def parameters(
    template: Mapping[str, Any], image_sha: str | None, deployed: Snapshot | None
) -> tuple[list[Answer], tuple[str, ...]]:
    """The parameters of CreateChangeSet, and the names of those without a value.

    ``deployed`` is the stack to update, None for a creation. The previous value is used if the deployed template has
    the parameter; a
    parameter with a default is omitted, so that a new default takes effect.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
    """
    sent: list[Answer] = []
    missing: list[str] = []
    for name, declared in (template.get("Parameters") or {}).items():
        if name == IMAGE_PARAMETER and image_sha is not None:
            sent.append({"ParameterKey": name, "ParameterValue": image_sha})
        elif "Default" in declared:
            continue
        elif deployed is not None and name in deployed.parameters:
            sent.append({"ParameterKey": name, "UsePreviousValue": True})
        else:
            missing.append(name)
    return sent, tuple(missing)


def secrets(template: Mapping[str, Any], image_sha: str | None) -> tuple[str, ...]:
    """The values of the parameters with NoEcho, which must not be shown."""
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    defaults = {name: str(parameter["Default"]) for name, parameter in declared.items() if "Default" in parameter}
    image = {IMAGE_PARAMETER: image_sha} if image_sha is not None else {}
    return (*secret_values(template, defaults), *secret_values(template, image))


def _missing(release: Release, missing: tuple[str, ...]) -> Stop:
    if missing == (IMAGE_PARAMETER,):
        sentence = (
            f"the stack {release.stack} does not exist yet, so it has no deployed image to keep: "
            "build the image (--build), or name one (--image-sha)"
        )
        target = release.target
        return stop(Exit.USAGE, sentence, target.redeploy(build=True), target.redeploy(image_sha="SHA"))
    return stop(Exit.USAGE, f"the template's parameters {', '.join(missing)} have no value")


def _refusal(run: Run, action: Refuse, stack: Snapshot | None) -> Outcome:
    """The refusal, with the events that show its cause."""
    if not action.blocked or stack is None:
        return Outcome(action.exit, action.sentence, next=action.next)
    from fsdcf.deploy.diagnosis.causes import blockers, root_cause

    events = latest_events(run, stack.arn)
    cause, blocking = root_cause(events), blockers(events)
    shown = dict.fromkeys([*((cause,) if cause else ()), *blocking, *leftover_resources(events)])
    skip = " ".join(f"--skip {event.logical_id}" for event in blocking if event.status == "UPDATE_FAILED")
    next_steps = tuple(command.replace("--skip LOGICAL_ID", skip or "--skip LOGICAL_ID") for command in action.next)
    return Outcome(action.exit, action.sentence, tuple(event_evidence(run, event) for event in shown), next_steps)


def event_evidence(run: Run, event: StackEvent) -> Evidence:
    """A stack event as evidence, with the resource's physical id if the event is about its deletion."""
    at = f" ({event.physical_id})" if event.status.startswith("DELETE") and event.physical_id else ""
    reason = f": {event.reason}" if event.reason else ""
    return Evidence(f"{event.logical_id} ({event.type})", f"{event.status}{at}{reason}", run.where(event.logical_id))


LONGEST_LOCK = 4 * 3600.0
"""Seconds for which another operation is waited for without a timeout."""


def _wait(run: Run, release: Release, stack: Snapshot, action: Await, begun: float) -> Snapshot | None:
    """The stack after the operation in progress. It may not exist any more, or be a new one."""
    run.step("wait", action.text)
    busy = stop(
        Exit.BUSY,
        f"the stack {stack.name} was busy until the deadline: {stack.status}",
        release.target.command("watch"),
    )
    if run.aws.deadline is None and run.aws.clock() - begun > LONGEST_LOCK:
        raise busy
    own, run.aws.deadline = run.aws.deadline, run.aws.deadline or begun + LONGEST_LOCK
    run.waits("the end of that operation", LONGEST_LOCK)
    try:
        Watcher(run, running_operation(run, stack)).watch()
    except DeadlinePassed:
        raise busy from None
    finally:
        run.aws.deadline = own
    return snapshot(run.aws, release.stack)


def _agree_to_recreate(run: Run, release: Release, stack: Snapshot, action: Recreate) -> None:
    """Stop the run (exit 3) unless the options or a person agree to delete the stack of a failed creation."""
    from fsdcf.deploy.diagnosis.causes import root_cause

    events = latest_events(run, stack.arn)
    cause = root_cause(events)
    kept = [event for event in leftover_resources(events) if event.status == "DELETE_SKIPPED"]
    evidence = tuple(event_evidence(run, event) for event in (*((cause,) if cause else ()), *kept))
    details = tuple(f"{item.source}: {item.text}" for item in evidence)
    sentence = (
        f"the creation of the stack {stack.name} failed ({stack.status}), and it must be deleted before it can be"
        " created again"
    )
    if action.agreed:
        run.warn("; ".join((sentence, *details)))
    elif not run.agrees(Question("recreate", f"{sentence}. Delete it and create it again?", details)):
        next_steps = (release.target.redeploy(recreate=True), release.target.command("delete"))
        raise Stop(Outcome(Exit.REFUSED, sentence, evidence, next_steps))


def _delete(run: Run, release: Release, options: Options, stack: Snapshot, action: Recreate) -> None:
    """Delete the stack of a failed creation, with consent."""
    _agree_to_recreate(run, release, stack, action)
    run.step("recreate", f"deleting the stack {stack.name}")
    result = follow(run, operation.delete(run, stack, options.role_arn))
    run.running = ""
    if result.status != "DELETE_COMPLETE":
        raise Stop(_diagnose(run, stack, result))


def _agree_to_roll_back(run: Run, options: Options, stack: Snapshot) -> None:
    """Stop the run (exit 3) unless the options or a person agree to roll back a failed update."""
    sentence = f"the last update of {stack.name} failed and was kept (UPDATE_FAILED): it must be rolled back first"
    if not options.yes and not run.agrees(Question("execute", f"{sentence}. Roll it back?")):
        raise stop(Exit.REFUSED, sentence, run.target.command("recover"), run.target.redeploy(yes=True))


def _roll_back(run: Run, options: Options, stack: Snapshot) -> Snapshot | None:
    _agree_to_roll_back(run, options, stack)
    run.step("roll back", f"rolling back the failed update of {stack.name}")
    try:
        result = follow(run, operation.roll_back(run, stack, options.role_arn))
    except ApiError as error:
        if error.code != "ValidationError":
            raise
        result = None  # another user was faster: decide again
    run.running = ""
    if result is not None and not result.status.endswith("_COMPLETE"):
        raise Stop(_diagnose(run, stack, result))
    return snapshot(run.aws, stack.name)


def _diagnose(run: Run, stack: Snapshot, result: OperationResult) -> Outcome:
    from fsdcf.deploy.diagnosis.explanations import diagnose_result

    return diagnose_result(run, stack.name, result)


def stage(run: Run, release: Release, options: Options) -> dict[str, str]:
    """The parameter of CreateChangeSet that holds the template, or its address in S3 if it is too large.

    Stops the run (exit 2) if a bucket is needed and missing or unusable.
    """
    body, bucket = compact(release.template), _bucket(release, options)
    data = body.encode()
    if not bucket:
        return {"TemplateBody": body}
    run.step("stage", f"uploading the template ({len(data):,} bytes) to the bucket {bucket}")
    _check_bucket(run, bucket)
    key = key_of(release, data)
    try:
        run.aws.call("s3", "PutObject", Bucket=bucket, Key=key, Body=data, ContentType="application/json")
    except ApiError as error:
        sentence = f"the template cannot be uploaded to the bucket {bucket}"
        if error.denied:
            object = f"arn:{run.aws.partition}:s3:::{bucket}/{key}"
            raise Stop(denied(error, run.aws, run.target, sentence, object)) from None
        raise stop(Exit.USAGE, f"{sentence}: {error.message}") from None
    return {"TemplateURL": url_of(bucket, key, run.aws.region, run.aws.partition)}


def _bucket(release: Release, options: Options) -> str:
    """The bucket that the template has to be in; empty for one that a call can contain.

    Stops the run (exit 2) if the template is too large, or if it needs a bucket and the options name none.
    """
    length = len(compact(release.template).encode())
    size = f"the template has {length:,} bytes"
    if length <= BODY_BYTES:
        return ""
    if length > TEMPLATE_BYTES:
        raise stop(Exit.USAGE, f"{size}, but CloudFormation accepts at most {TEMPLATE_BYTES:,}")
    if not options.artifacts_bucket:
        raise stop(
            Exit.USAGE,
            f"{size}, but CloudFormation accepts at most {BODY_BYTES:,} without a bucket",
            release.target.redeploy(artifacts_bucket="BUCKET"),
        )
    return options.artifacts_bucket


def key_of(release: Release, data: bytes) -> str:
    """The object's key, by its content: an upload can be repeated, and never changes a template in use."""
    return f"{artifacts_prefix(release.environment, release.stack)}{hashlib.sha256(data).hexdigest()}.json"


def url_of(bucket: str, key: str, region: str, partition: str) -> str:
    """The object's regional address.

    A bucket with a dot in its name has no certificate as a host, so it is part of the path.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """
    host = f"s3.{region}.{domain_of(partition)}"
    return f"https://{host}/{bucket}/{key}" if "." in bucket else f"https://{bucket}.{host}/{key}"


def _check_bucket(run: Run, bucket: str) -> None:
    """Stop the run if the bucket does not exist or is in another region, from which CloudFormation does not read.

    Without the permission to check, the upload shows it.
    """
    try:
        answer = run.aws.call("s3", "HeadBucket", Bucket=bucket)
    except ApiError as error:
        if error.absent:
            create = f"aws s3 mb s3://{bucket} --region {run.aws.region}"
            raise stop(Exit.USAGE, f"the bucket {bucket} does not exist", create) from None
        if not error.denied:
            raise stop(Exit.USAGE, f"the bucket {bucket} cannot be used: {error.message}") from None
        return
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or run.aws.region
    if region != run.aws.region:
        raise stop(
            Exit.USAGE,
            f"the bucket {bucket} is in {region}, and the stack in {run.aws.region}: name a bucket in that region",
        )
