"""``fsdcf deploy``: compile a spec and deploy it with an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

import click

from fsdcf.cli.building import build_options, create_repository_option
from fsdcf.cli.compiled import compile_all_or_refuse
from fsdcf.cli.deployment import (
    ImageOptions,
    SpecDeploy,
    deployment_of,
    grouped_builds,
    ready,
    redeploy_command,
    refusal_of_place,
)
from fsdcf.cli.files import lint_folder
from fsdcf.cli.image import ImageShas, other_repository, readable_repository, shared_shas
from fsdcf.cli.options import (
    ASK_ABOUT_DATA,
    Connection,
    SpecInputs,
    allow_option,
    artifacts_bucket_option,
    at_home,
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
from fsdcf.cli.render.outcome import summary_of
from fsdcf.cli.runtime import Reporter, run, run_all
from fsdcf.cloudformation.partitions import domain_of
from fsdcf.conventions import environment_stack
from fsdcf.deploy.model import (
    Advice,
    Approve,
    Ask,
    Event,
    Evidence,
    Exit,
    NoticeIssued,
    Options,
    Outcome,
    PlanCreated,
    Question,
    RunEnded,
    StackResult,
    Target,
    Tell,
)
from fsdcf.language.dependency import preceding_services
from fsdcf.language.model.service import Spec
from fsdcf.lint.cache import Cache
from fsdcf.lint.runner import Finding, lint_cached
from fsdcf.pipeline import run as compile_spec
from fsdcf.suggested import suggested
from fsdcf.wording import counted

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.deploy.group import Act, Member

_MOST_PARALLEL = 20
_NEW = ("Add", "Import")
"""The changes that need no review: nothing that exists changes."""


@click.command()
@spec_inputs("[SPEC|FOLDER...]", nargs=-1)
@click.option(
    *("--image-sha", "image_shas"),
    multiple=True,
    metavar="SHA|SERVICE=SHA",
    help="Tag or digest of the images, such as the commit's SHA, or of one service's image; repeatable.  "
    "[default: the deployed image]",
)
@click.option(
    "--image",
    metavar="REPO:TAG|REPO@DIGEST",
    help="The image as a full reference, instead of --image-sha; its repository is taken instead of the spec's.",
)
@click.option(
    *("--build", "builds"),
    is_flag=True,
    help="Build the images and push them first; --image-sha is then the tag.  [default tag: the commit's short SHA]",
)
@build_options
@create_repository_option
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
@allow_option(
    "Allow the deletion, replacement or abandonment of this resource's data; with several specs, as STACK/LOGICAL_ID; "
    "repeatable."
)
@click.option(
    "--parallel",
    type=click.IntRange(1, _MOST_PARALLEL),
    default=2,
    show_default=True,
    metavar="N",
    help="With several specs: the number of stacks that are deployed at the same time.",
)
@wait_lock_option
@timeout_option("Maximum time to wait for each stack, for example 90s, 30m or 2h.  [default: no limit]")
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
    image_shas: tuple[str, ...],
    image: str | None,
    builds: bool,
    builder: str | None,
    allow_dirty: bool,
    create_repository: bool,
    faults: tuple[str, ...],
    parallel: int,
    connection: Connection,
    as_json: bool,
    **flags: Any,
) -> None:
    """Compile specs and deploy them.

    The command shows the planned changes, executes them, and waits until the service runs the new image.

    If the deploy fails, the command explains why.

    Several specs are deployed in the order of their dependencies, with one confirmation. FOLDER means every spec below
    it. With --build, all images are built and pushed before the first plan.
    """
    options = _options(flags)
    images = ImageOptions(
        ImageShas.of(image_shas), image, builds, builder, allow_dirty, create_repository, as_json=as_json
    )
    images.check(options.plan_only)
    images = replace(images, rehearsal=connection.sandbox)
    connection = checked(replace(connection, faults=faults))
    if faults and options.detach:
        raise click.UsageError("--fault cannot be combined with --detach: the faults end when this command ends")
    _refuse_masked(inputs)
    inputs = _at_repository(inputs.in_one_environment(), image)
    compiled = compile_all_or_refuse(inputs, as_json, "nothing deployed", _lint)
    if image is not None and len(compiled) > 1:
        raise click.UsageError("--image names the repository of one spec: use --image-sha for several")
    home = compiled[0].home
    connection = at_home(connection, home)
    bucket = options.artifacts_bucket or home.artifacts_bucket
    options = replace(options, protected=home.protected, artifacts_bucket=bucket)
    images.shas.check(one.service_name for one in compiled if one.spec)
    if (image_shas or image or builds) and all(one.spec is None for one in compiled):
        raise click.UsageError(f"{compiled[0].name!r} is the file of an environment, which has no image")
    alone = len(compiled) == 1
    each = [deployment_of(own, one, images, options, alone) for own, one in zip(inputs.each(), compiled, strict=True)]
    grouped_builds(each)
    images = images.with_builder()
    if faults:
        from fsdcf.cli.rehearsal import check_targets

        check_targets(faults, [one.release.template for one in each])
    if not alone:
        _deploy_all(each, images, inputs, options, parallel, connection, as_json)
    (only,) = each
    target = only.release.target
    also = (
        ()
        if only.release.image_sha or only.compiled.spec is None
        else ("a first deploy needs an image", target.redeploy(build=True), target.redeploy(image_sha="SHA"))
    )

    def act(aws: Aws, tell: Reporter, ask: Ask | None) -> Outcome:
        if (refusal := refusal_of_place(only, aws.region, connection.sandbox)) is not None:
            return refusal
        (made,) = ready(each, images, connection, aws, tell, ask)
        return _deploy(made, connection.sandbox, aws, tell, ask)

    run(target, connection, as_json, act, also=also)


def _deploy_all(
    each: Sequence[SpecDeploy],
    images: ImageOptions,
    inputs: SpecInputs,
    options: Options,
    parallel: int,
    connection: Connection,
    as_json: bool,
) -> NoReturn:
    claimed: dict[tuple[str, int], str] = {}
    each = [replace(one, release=replace(one.release, claimed=claimed)) for one in each]
    stacks = {one.release.stack: one for one in each}
    ordered, _ = needs = _ordered(stacks)
    if options.detach and (waiting := next(filter(None, ordered.values()), ())):
        raise click.UsageError(f"--detach does not wait, but other stacks are deployed after {waiting[0]}")

    def members(aws: Aws, tell: Reporter, ask: Ask | None) -> list[Member]:
        stacks.update((one.release.stack, one) for one in ready(each, images, connection, aws, tell, ask))
        early = () if options.plan_only else _early(stacks, aws)
        ordered, unmet = _ordered(stacks, early) if early else needs
        order = [
            f"{first} needs {other}, which needs it, too: {first} is deployed first; if {other} is new, its name is "
            f"found after `{stacks[first].release.target.command('restart')}`"
            for first, other in unmet
        ]
        if early:
            last = environment_stack(each[0].release.environment)
            order.append(f"{last} follows {', '.join(early)}: its file no longer has what is imported there")
        for text in [", ".join(ordered), *order] if any(ordered.values()) else []:
            tell(NoticeIssued("order", text))
        return [_member(stacks[stack], needed, connection.sandbox) for stack, needed in ordered.items()]

    environment = each[0].release.environment

    def summarize(results: Sequence[StackResult]) -> Outcome:
        over = (Exit.DONE, Exit.CHANGES, Exit.UNKNOWN)  # an unknown outcome is watched, not repeated
        again = [one for one in results if one.outcome.exit not in over]
        files = tuple(stacks[one.target.stack].inputs.files[0] for one in again)
        files = files or (inputs.files if options.plan_only else ())
        again_with_image = (one for one in stacks.values() if one.compiled.spec and one.inputs.files[0] in files)
        sha = shared_shas({one.release.service: one.image.sha for one in again_with_image})
        if not files:
            return summary_of(results, (), options.plan_only)
        command = " ".join((redeploy_command(replace(inputs, files=files), sha, environment), *_needed_options(again)))
        first = each[0].release.target.deploy_environment
        is_missing = environment_stack(environment) not in stacks and any(first in one.outcome.next for one in again)
        return summary_of(results, (first, command) if is_missing else (command,), options.plan_only)

    title = f"{counted(len(each), 'stack')} in {environment}"
    run_all(title, [*ordered], members, connection, as_json, parallel, summarize)


def _needed_options(results: Sequence[StackResult]) -> list[str]:
    """The options without which some of the deploys would be refused again, as their own next commands name them."""
    needed = []
    for one in results:
        words = [word for command in one.outcome.next for word in command.split()]
        needed += ["--recreate"] if "--recreate" in words else []
        needed += [f"--allow {one.target.stack}/{name}" for option, name in pairwise(words) if option == "--allow"]
    return list(dict.fromkeys(needed))


_Ordered = tuple[dict[str, tuple[str, ...]], list[tuple[str, str]]]


def _ordered(stacks: Mapping[str, SpecDeploy], early: Sequence[str] = ()) -> _Ordered:
    """The stacks in order, as of ``in_order``. Those that are ``early`` precede the environment."""
    from fsdcf.deploy.group import in_order

    specs = [one.compiled.spec for one in stacks.values() if one.compiled.spec is not None]
    needs = {stack: [*one.requires(), *_follows(one, specs)] for stack, one in stacks.items()}
    for stack in needs:
        if stack in early:
            needs[stack] = [other for other in needs[stack] if other in early]
        elif stacks[stack].compiled.spec is None:
            needs[stack] = [*early]
    return in_order(needs)


def _early(stacks: Mapping[str, SpecDeploy], aws: Aws) -> tuple[str, ...]:
    """The services that still import what the file of their environment no longer has: they precede it.

    Until they are deployed, CloudFormation does not let the export go. None if one of them needs a new export, too:
    then no order works, as the plan of the environment says.
    """
    from fsdcf.cloudformation.planned import planned
    from fsdcf.deploy.state import importers, snapshot

    environment = next((one.release for one in stacks.values() if one.compiled.spec is None), None)
    deployed = snapshot(aws, environment.stack) if environment else None
    if environment is None or deployed is None:
        return ()
    left = planned(environment.template).exports
    users = {user for name in deployed.exports if name not in left for user in importers(aws, name) or ()}
    early = [stack for stack in stacks if stack in users]
    needed = {one.name for stack in early for one in planned(stacks[stack].release.template).imports}
    return tuple(early) if needed <= {*deployed.exports} else ()


def _member(deployment: SpecDeploy, needs: Sequence[str], rehearsal: bool) -> Member:
    from fsdcf.deploy.group import Member

    act: Act = partial(_deploy, deployment, rehearsal)
    if deployment.options.plan_only:
        return Member(deployment.release.target, partial(_plan_if_possible, deployment, act))
    before = needs if deployment.compiled.spec is None else deployment.requires()
    requires = [other for other in before if other in needs]
    follows = [other for other in needs if other not in requires]
    return Member(deployment.release.target, act, follows, requires)


def _plan_if_possible(
    deployment: SpecDeploy, act: Act, aws: Aws, tell: Tell, ask: Ask | None, approve: Approve
) -> Outcome:
    """The outcome of a plan alone. A service cannot be planned before its environment exists."""
    from fsdcf.deploy.state import snapshot

    for stack in deployment.requires():
        environment = snapshot(aws, stack)
        if environment is None or not environment.exports:
            sentence = f"not planned: its template imports what {stack} exports, which does not exist yet"
            inputs = deployment.inputs
            first = suggested("diff", str(inputs.files[0]), first=True, env=inputs.environment_name, **inputs.settings)
            return Outcome(Exit.CHANGES if deployment.options.detailed_exitcode else Exit.DONE, sentence, next=(first,))
    return act(aws, tell, ask, approve)


def _follows(deployment: SpecDeploy, specs: Sequence[Spec]) -> list[str]:
    """The stacks of the services that precede a service, among them those of the ``specs``: if they are deployed, too,
    they come first."""
    spec, environment = deployment.compiled.spec, deployment.release.environment
    return [Target(service, environment).stack for service in preceding_services(spec, specs)] if spec else []


_IMAGE_KEYS = frozenset({"image", "service.image", "job.image"})


def _at_repository(inputs: SpecInputs, image: str | None) -> SpecInputs:
    """The inputs with the repository of ``--image`` as an override, with a notice, if the spec has another one."""
    overridden = {text.partition("=")[0].strip() for text in inputs.overrides}
    if image is None or len(inputs.files) != 1:
        return inputs
    spec = compile_spec(inputs.requests()[0]).spec
    repository = other_repository(spec, image) if spec else None
    if spec is None or repository is None:
        return inputs
    if overridden & _IMAGE_KEYS:
        raise click.UsageError(f"--image names the repository {repository}, and --override another one: write it once")
    click.echo(
        f"notice: --image: the image is of {repository}, not of the spec's repository, {readable_repository(spec)}; "
        f"write `image: {repository}` in the spec, or the next deploy without --image looks for the tag there",
        err=True,
    )
    return replace(inputs, overrides=(*inputs.overrides, f"image={repository}"))


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
    deployment: SpecDeploy,
    rehearsal: bool,
    aws: Aws,
    tell: Tell,
    ask: Ask | None,
    approve: Approve | None = None,
) -> Outcome:
    from fsdcf.deploy.engine import deploy
    from fsdcf.deploy.state import deployed_template

    release, options, compiled, image = deployment.release, deployment.options, deployment.compiled, deployment.image
    if (refusal := refusal_of_place(deployment, aws.region, rehearsal)) is not None:
        return refusal
    if image.region and image.region != aws.region and release.image and release.image[1] is None:
        sentence = (
            f"--image names a registry in {image.region}, but the spec uses the registry of {aws.region}, "
            "the region of the deploy"
        )
        return Outcome(Exit.USAGE, sentence, next=(release.target.redeploy(region=image.region),))

    @cache
    def deployed() -> Mapping[str, Any]:
        return deployed_template(aws, release.stack) or {}

    deployment.places.deployed = deployed
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
            from fsdcf.cli.review import reviewed
            from fsdcf.deploy.state import importers

            if deployed():
                event = reviewed(event, compiled, deployed(), pseudo, partial(importers, aws))
        tell(RunEnded(_with_image(deployment, event.outcome)) if isinstance(event, RunEnded) else event)
        _refuse_blocked(deployment, options, event)

    def priced(question: Question) -> Question:
        return _with_cost(question, deployment, aws.region)

    asking = None if ask is None else lambda question: ask(priced(question))
    approving = None if approve is None else lambda questions: approve(tuple(map(priced, questions)))
    return _with_image(deployment, deploy(release, options, aws, tell_reviewed, asking, approving))


def _with_image(deployment: SpecDeploy, outcome: Outcome) -> Outcome:
    """The outcome of a deploy, with the image that was pushed for it and that stays, unless that is being deployed."""
    if not deployment.pushed or outcome.exit in (Exit.DONE, Exit.UNKNOWN):
        return outcome
    image = Evidence("image", f"{deployment.pushed} is in its repository")
    return replace(outcome, evidence=(*outcome.evidence, image))


def _refuse_blocked(deployment: SpecDeploy, options: Options, event: Event) -> None:
    """Raise Stop (exit 3) for a plan that is blocked by what services share: it would fail after minutes."""
    from fsdcf.cli.render.plan import remarks_of
    from fsdcf.deploy.run import Stop

    obstacles = remarks_of(event).obstacles if isinstance(event, PlanCreated) else ()
    blocked = [one for one in obstacles if one.kind == "environment"]
    if blocked and not options.plan_only:
        names = ", ".join(one.logical_id for one in blocked)
        sentence = f"nothing was executed, because the change of {names} cannot be made: {blocked[0].why}"
        inputs = deployment.inputs
        diff = suggested("diff", str(inputs.files[0]), deployed=True, env=inputs.environment_option, **inputs.settings)
        raise Stop(Outcome(Exit.REFUSED, sentence, next=(diff,), advice=Advice(blocked[0].way_out)))


def _with_cost(question: Question, deployment: SpecDeploy, region: str) -> Question:
    """A question with the monthly cost, if it is whether to create the stack."""
    if question.kind != "execute" or not question.creates:
        return question
    from fsdcf.cli.review import monthly_cost

    cost = monthly_cost(deployment.compiled, region)
    more = (f"{cost}: `{deployment.inputs.cost_command}`",) if cost else ()
    return replace(question, details=(*question.details, *more))
