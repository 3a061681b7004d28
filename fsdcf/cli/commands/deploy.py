"""``fsdcf deploy``: compile a spec and deploy it with an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.compiled import Compiled, compile_or_refuse
from fsdcf.cli.files import lint_folder
from fsdcf.cli.image import Image, chosen, registry, valid_tag
from fsdcf.cli.lookup import SpecLines
from fsdcf.cli.options import (
    ASK_ABOUT_DATA,
    Connection,
    SpecInputs,
    allow_option,
    artifacts_bucket_option,
    checked,
    connection_options,
    detach_option,
    json_option,
    plan_only_option,
    role_arn_option,
    spec_inputs,
    timeout_option,
    wait_lock_option,
    yes_option,
)
from fsdcf.cli.runtime import run
from fsdcf.cloudformation.partitions import domain_of
from fsdcf.conventions import IMAGE_PARAMETER
from fsdcf.deploy.model import Ask, Event, Exit, Options, Outcome, PlanCreated, Question, Release, Tell
from fsdcf.lint.cache import Cache
from fsdcf.lint.runner import Finding, lint_cached
from fsdcf.suggested import suggested
from fsdcf.wording import counted

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws

_NEW = ("Add", "Import")
"""The changes that need no review: nothing that exists changes."""


@click.command()
@spec_inputs()
@click.option(
    "--image-sha",
    metavar="SHA",
    help="Tag or digest of the image, such as the commit's SHA.  [default: the deployed image]",
)
@click.option(
    "--image",
    metavar="REPO:TAG|REPO@DIGEST",
    help="The image as a full reference, instead of --image-sha; REPO must be the spec's repository.",
)
@yes_option(ASK_ABOUT_DATA)
@plan_only_option
@click.option("--detailed-exitcode", is_flag=True, help="With --plan-only: exit with code 10 if there are changes.")
@click.option(
    "--recreate", is_flag=True, help="Delete the remains of a failed first deploy, and create the stack again."
)
@click.option(
    "--adopt",
    is_flag=True,
    help="Adopt an existing stack of this name, even if its tags are missing or belong to another service.",
)
@allow_option("Allow the deletion, replacement or abandonment of this resource's data; repeatable.")
@wait_lock_option
@timeout_option()
@click.option(
    "--on-timeout",
    type=click.Choice(["cancel", "detach"]),
    default="detach",
    show_default=True,
    help="Action when --timeout is reached: cancel the update, or let it continue and exit.",
)
@detach_option
@click.option(
    "--fail-fast", is_flag=True, help="Cancel the update as soon as its tasks fail twice for the same reason."
)
@click.option(
    "--revert-drift",
    is_flag=True,
    help="Also revert what was changed outside CloudFormation; the plan shows it. See `fsdcf drift`.",
)
@click.option(
    "--express",
    is_flag=True,
    help="Do not let CloudFormation wait until resources are ready: faster, and only the service is still waited for.",
)
@role_arn_option
@artifacts_bucket_option
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="With --sandbox: inject a failure, such as Service:update:oom; repeatable.",
)
@connection_options
@json_option
def deploy_command(
    inputs: SpecInputs,
    image_sha: str | None,
    image: str | None,
    faults: tuple[str, ...],
    connection: Connection,
    as_json: bool,
    **flags: Any,
) -> None:
    """Compile a spec and deploy it.

    The command shows the planned changes, executes them, and waits until the service runs the new image.

    If the deploy fails, the command explains why.
    """
    options = _options(flags)
    connection = checked(replace(connection, faults=faults))
    if faults and options.detach:
        raise click.UsageError("--fault cannot be combined with --detach: the faults end when this command ends")
    _refuse_masked(inputs)
    compiled = compile_or_refuse(inputs, as_json, "nothing deployed", _lint)
    spec = compiled.spec
    assert compiled.result is not None  # noqa: S101 - it comes from a spec
    if warnings := len(compiled.result.diagnostics):
        click.echo(f"{compiled.name}: {counted(warnings, 'warning')}; see `{inputs.validate_command}`", err=True)
    if spec is None and (image_sha or image):
        raise click.UsageError(f"{compiled.name!r} is the file of an environment, which has no image")
    chosen_image = chosen(spec, image_sha, image) if spec else Image()
    places = SpecLines(compiled.result)
    release = Release(
        service=compiled.service_name,
        environment=compiled.environment,
        template=compiled.template,
        image_sha=chosen_image.sha,
        tags=compiled.tags or {},
        where=places,
        image=registry(spec) if spec else None,
        account=chosen_image.account,
        redeploy_command=_redeploy_command(inputs, compiled, chosen_image),
        other_environments=inputs.other_environments(compiled.result.document),
    )
    if faults:
        from fsdcf.cli.rehearsal import check_targets

        check_targets(faults, release.template)
    act = partial(_deploy, release, compiled, places, chosen_image, options, inputs.cost_command, connection.sandbox)
    also = (
        ()
        if release.image_sha or spec is None
        else ("a first deploy needs an image", release.target.redeploy(image_sha="SHA"))
    )
    run(release.target, connection, as_json, act, also=also)


def _redeploy_command(inputs: SpecInputs, compiled: Compiled, image: Image) -> str:
    """The command that repeats the deploy, without the connection's options.

    Secrets are masked, since a log may keep it.
    """
    environment = compiled.environment if compiled.spec else None
    return suggested("deploy", compiled.name, env=environment, image_sha=image.sha, **inputs.settings)


def _lint(template: str) -> tuple[Finding, ...]:
    return lint_cached(template, Cache(lint_folder()))


def _refuse_masked(inputs: SpecInputs) -> None:
    """A usage error for a masked value, copied from a printed command: the service would run with the mask."""
    from fsdcf.masking import MASK

    for name, _, value in (setting.partition("=") for setting in (*inputs.overrides, *inputs.variables)):
        if MASK in value:
            raise click.UsageError(f"the value of {name} is a mask from a printed command: write the real value")


def _options(flags: dict[str, Any]) -> Options:
    if flags["detailed_exitcode"] and not flags["plan_only"]:
        raise click.UsageError("--detailed-exitcode needs --plan-only")
    if flags["detach"] and (flags["timeout"] is not None or flags["fail_fast"]):
        raise click.UsageError("--detach does not wait: it cannot be combined with --timeout or --fail-fast")
    if flags["express"] and (flags["fail_fast"] or flags["on_timeout"] == "cancel"):
        sentence = "with --express, CloudFormation ends the update before the rollout"
        raise click.UsageError(f"{sentence}: --fail-fast and --on-timeout cancel have no update to cancel")
    if flags["on_timeout"] == "cancel" and flags["timeout"] is None:
        raise click.UsageError("--on-timeout cancel needs --timeout")
    return Options(**{**flags, "allow": frozenset(flags["allow"])})


def _deploy(
    release: Release,
    compiled: Compiled,
    places: SpecLines,
    image: Image,
    options: Options,
    cost_command: str,
    rehearsal: bool,
    aws: Aws,
    tell: Tell,
    ask: Ask | None,
) -> Outcome:
    from fsdcf.deploy.engine import deploy
    from fsdcf.deploy.prepare import parts_elsewhere
    from fsdcf.deploy.state import deployed_template

    elsewhere = () if rehearsal else parts_elsewhere(release.template, aws.region)
    if elsewhere:  # in the sandbox, any region will do
        sentence = f"the region of the deploy is {aws.region}, and the spec names {', '.join(elsewhere)}"
        return Outcome(Exit.USAGE, sentence, next=(f"aws ec2 describe-availability-zones --region {aws.region}",))
    if ask is not None:
        release = _with_image(release, aws, tell, ask)
        ask = _with_cost(ask, compiled, aws, cost_command)

    if image.region and image.region != aws.region and release.image and release.image[1] is None:
        sentence = (
            f"--image names a registry in {image.region}, but the spec uses the registry of {aws.region}, "
            "the region of the deploy"
        )
        return Outcome(Exit.USAGE, sentence, next=(release.target.redeploy(region=image.region),))

    @cache
    def deployed() -> Mapping[str, Any]:
        return deployed_template(aws, release.stack) or {}

    places.deployed = deployed
    pseudo = {
        "AWS::Partition": aws.partition,
        "AWS::Region": aws.region,
        "AWS::StackName": release.stack,
        "AWS::URLSuffix": domain_of(aws.partition),
    }

    def tell_reviewed(event: Event) -> None:
        if isinstance(event, PlanCreated) and event.plan.first:
            from fsdcf.cli.review import introduced

            event = introduced(event, compiled)
        elif isinstance(event, PlanCreated) and any(change.action not in _NEW for change in event.plan.changes):
            from fsdcf.cli.review import importers, reviewed

            if deployed():
                event = reviewed(event, compiled, deployed(), pseudo, importers(aws))
        tell(event)

    return deploy(release, options, aws, tell_reviewed, ask)


def _with_image(release: Release, aws: Aws, tell: Tell, ask: Ask) -> Release:
    """The release with an image that a person enters, if the stack does not exist and none was given.

    A new environment is confirmed first. Raises Stop if it is not.
    """
    from fsdcf.deploy.prepare import check_environment
    from fsdcf.deploy.run import Run
    from fsdcf.deploy.state import snapshot

    if release.image_sha is not None or IMAGE_PARAMETER not in (release.template.get("Parameters") or {}):
        return release
    stack = snapshot(aws, release.stack)
    if stack is not None and not stack.in_review:
        return release
    check_environment(Run(aws, tell, release.target, ask), release)
    question = f"The stack {release.stack} does not exist yet. Tag or digest of the image"
    sha = str(click.prompt(question, value_proc=valid_tag, err=True))
    command = release.target.redeploy(image_sha=sha)
    return replace(release, image_sha=sha, redeploy_command=command, other_environments=())


def _with_cost(ask: Ask, compiled: Compiled, aws: Aws, cost_command: str) -> Ask:
    """A function that asks with the monthly cost, if the question is whether to create the stack."""

    def asking(question: Question) -> bool:
        if question.kind == "execute" and question.creates:
            from fsdcf.cli.review import monthly_cost

            cost = monthly_cost(compiled, aws.region)
            question = replace(question, details=(*question.details, *([f"{cost}: `{cost_command}`"] if cost else [])))
        return ask(question)

    return asking
