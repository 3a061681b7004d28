"""The deploy of a spec as the command line describes it: what is compiled, and its image, which is given or built.

Before the images are built, all that can be refused is: a build takes minutes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fsdcf.cli.building import (
    BuildOptions,
    builder_named,
    check_same,
    check_tag,
    destination,
    dockerfile,
    image_build,
)
from fsdcf.cli.compiled import Compiled
from fsdcf.cli.git import git
from fsdcf.cli.image import Image, ImageShas, chosen, registry, valid_tag
from fsdcf.cli.lookup import SpecLines
from fsdcf.cli.options import Connection, SpecInputs
from fsdcf.cli.runtime import Reporter
from fsdcf.compiler.parts.image import repository
from fsdcf.conventions import IMAGE_PARAMETER, environment_stack
from fsdcf.deploy.model import (
    INTERRUPTS,
    SEVERITY,
    Ask,
    Evidence,
    Exit,
    NoticeIssued,
    Options,
    Outcome,
    Question,
    Release,
    Tell,
    Terminated,
)
from fsdcf.images.builders import Builder, BuilderError, ImageBuild, find_builder
from fsdcf.suggested import Value, suggested
from fsdcf.wording import counted, visible

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.deploy.run import Run
    from fsdcf.images.repository import Destination, Repository


@dataclass(frozen=True)
class ImageOptions:
    """What the command line says about images: those that exist, by tag, digest or reference, or how to build them.

    With ``build``, ``shas`` are the tags of what the ``program`` builds. A ``rehearsal`` in the sandbox builds what is
    not committed, too.
    """

    shas: ImageShas
    reference: str | None = None
    build: bool = False
    builder: str | None = None
    allow_dirty: bool = False
    create_repository: bool = False
    program: Builder | None = None
    as_json: bool = False
    rehearsal: bool = False

    @property
    def takes_dirty(self) -> bool:
        """Whether what is not committed is built, too."""
        return self.allow_dirty or self.rehearsal

    def with_builder(self) -> ImageOptions:
        """The options with the program that builds, if there is something to build. A usage error if there is none."""
        return replace(self, program=builder_named(self.builder)) if self.build else self

    @property
    def words(self) -> dict[str, Value]:
        """The options of a command that builds in the same way, but for the tags."""
        return {
            "build": self.build,
            "builder": self.builder,
            "allow_dirty": self.allow_dirty,
            "create_repository": self.create_repository,
        }

    def check(self, plan_only: bool) -> None:
        """Usage errors for options that contradict each other."""
        if not self.build:
            needing = [name for name, value in self.words.items() if value]
            if needing:
                raise click.UsageError(f"--{needing[0].replace('_', '-')} needs --build")
            return
        if self.reference is not None:
            raise click.UsageError("--image names an image that exists: it cannot be combined with --build")
        if plan_only:
            raise click.UsageError("--plan-only cannot be combined with --build: a plan needs an image that exists")
        if any(":" in sha for sha in (self.shas.common or "", *self.shas.of_services.values())):
            raise click.UsageError("--image-sha: with --build it is the tag of the image, which has no digest yet")


@dataclass(frozen=True, eq=False, repr=False)
class SpecDeploy:
    """The deploy of one spec: what is deployed and how, and what the messages about it need.

    ``build`` makes its image, and ``destination`` is where that goes; None for an image that exists. ``pushed`` is the
    image in its registry once it is built.
    """

    release: Release
    options: Options
    compiled: Compiled
    places: SpecLines
    image: Image
    inputs: SpecInputs
    build: ImageBuild | None = None
    destination: Destination | None = None
    pushed: str = ""

    def requires(self) -> list[str]:
        """The stack of the environment that a service joins: without its exports there is not even a plan."""
        joined = self.compiled.result and self.compiled.result.joined
        return [environment_stack(self.release.environment)] if joined else []

    def to_build(self, images: ImageOptions) -> SpecDeploy:
        """The deploy with the build of its image, whose tag it deploys. The environment has no image.

        Usage errors for paths, tags, changes that are not committed, and a repository that is not known.
        """
        if self.compiled.spec is None:
            return self
        tag = images.shas.image_of(self.release.service)
        own = BuildOptions(tag, images.builder, images.takes_dirty, tag_option="--image-sha")
        build = image_build(self.compiled, own)
        again = redeploy_command(self.inputs, tag, self.release.environment, images)
        made = replace(self.with_image(build.tag), build=build, destination=destination(self.compiled, again))
        return replace(made, release=replace(made.release, redeploy_command=again))

    def with_image(self, sha: str) -> SpecDeploy:
        """The deploy with an image that exists, as the commands that repeat it name it."""
        command = redeploy_command(self.inputs, sha, self.release.environment)
        return replace(self, image=Image(sha), release=replace(self.release, image_sha=sha, redeploy_command=command))


def deployment_of(
    inputs: SpecInputs, compiled: Compiled, images: ImageOptions, options: Options, alone: bool
) -> SpecDeploy:
    """The deploy of a spec. ``alone``: ``--allow`` needs no stack. Usage errors for the image and its build."""
    spec = compiled.spec
    assert compiled.result is not None  # noqa: S101 - it comes from a spec
    if warnings := len(compiled.result.diagnostics):
        click.echo(
            f"{visible(compiled.name)}: {counted(warnings, 'warning')}; see `{inputs.validate_command}`", err=True
        )
    image = chosen(spec, images.shas, images.reference) if spec else Image()
    image = Image(image.sha) if images.rehearsal else image  # the sandbox is in any account and region
    places = SpecLines(compiled.result)
    release = Release(
        service=compiled.service_name,
        environment=compiled.environment,
        template=compiled.template,
        image_sha=image.sha,
        tags=compiled.tags or {},
        where=places,
        image=registry(spec) if spec else None,
        account=image.account,
        environment_file=compiled.home.file,
        redeploy_command=redeploy_command(inputs, image.sha, compiled.environment if spec else None),
        other_environments=inputs.other_environments(compiled.result.document),
        termination_protection=compiled.result.termination_protection,
    )
    made = SpecDeploy(release, _allowing(options, release, alone), compiled, places, image, inputs)
    return made.to_build(images) if images.build else made


def redeploy_command(
    inputs: SpecInputs, sha: Value, environment: str | None, images: ImageOptions | None = None
) -> str:
    """The command that repeats the deploy, without the connection's options. With ``images``, it builds as they say.

    Secrets are masked, since a log may keep it.
    """
    words = images.words if images else {}
    return suggested("deploy", *map(str, inputs.files), env=environment, **words, image_sha=sha, **inputs.settings)


def _allowing(options: Options, release: Release, alone: bool) -> Options:
    """The options for a stack, with what ``--allow`` names of it. ``alone``: a logical id needs no stack."""
    pairs = [named.rpartition("/")[::2] for named in options.allow]
    if not alone and (unnamed := [name for stack, name in pairs if not stack]):
        raise click.UsageError(f"--allow {unnamed[0]}: with several specs, write STACK/{unnamed[0]}")
    return replace(options, allow=frozenset(name for stack, name in pairs if stack in ("", release.stack)))


# Before the plans: what can be refused, and the images.


def ready(
    each: Sequence[SpecDeploy],
    images: ImageOptions,
    connection: Connection,
    aws: Aws,
    tell: Reporter,
    ask: Ask | None,
) -> list[SpecDeploy]:
    """The deploys, each with an image in its registry, as far as it is to be built. Raises Stop.

    A person is asked for an image that a first deploy needs and that is not named.
    """
    if ask is not None:
        ask = _once(ask)
        each, images = _with_images_of_person(each, images, aws, tell, ask)
    if not any(one.build for one in each):
        return [*each]
    return _published(_examined(each, connection, aws, tell, ask), images, aws, tell, ask)


def refusal_of_place(one: SpecDeploy, region: str, rehearsal: bool) -> Outcome | None:
    """The outcome if the spec names parts of another region; None if it does not, and in a ``rehearsal``."""
    from fsdcf.deploy.prepare import parts_elsewhere

    elsewhere = () if rehearsal else parts_elsewhere(one.release.template, region)
    if not elsewhere:  # in the sandbox, any region will do
        return None
    sentence = f"the region of the deploy is {region}, and the spec names {', '.join(elsewhere)}"
    return Outcome(Exit.USAGE, sentence, next=(f"aws ec2 describe-availability-zones --region {region}",))


def _with_images_of_person(
    each: Sequence[SpecDeploy], images: ImageOptions, aws: Aws, tell: Tell, ask: Ask
) -> tuple[list[SpecDeploy], ImageOptions]:
    """The deploys with images that a person wants to be built or, for one spec alone, enters."""
    from fsdcf.deploy.run import stop

    lacking = {one: _confirmed(one, aws, tell, ask) for one in each if _lacks_image(one, aws)}
    buildable = [one for one in lacking if not one.options.plan_only and _has_dockerfile(one)]
    program = _builder(images, tell) if buildable else None
    if program and ask(_offer(buildable)):
        images = replace(images, build=True, program=program, shas=_with_tag(images, buildable))
        try:
            lacking |= {one: lacking[one].to_build(images) for one in buildable}
            grouped_builds([*lacking.values()])
        except click.UsageError as error:
            dirty = "--allow-dirty" in error.message
            again = _repeat(each, replace(images, allow_dirty=images.allow_dirty or dirty))
            raise stop(Exit.USAGE, error.message, again) from None
    elif lacking and len(each) == 1:
        question = f"The stack {each[0].release.stack} does not exist yet. Tag or digest of the image"
        sha = str(click.prompt(question, value_proc=valid_tag, err=True))
        lacking = {one: confirmed.with_image(sha) for one, confirmed in lacking.items()}
    return [lacking.get(one, one) for one in each], images


def _with_tag(images: ImageOptions, buildable: Sequence[SpecDeploy]) -> ImageShas:
    """The tags, with one that a person enters if neither a commit nor what is built gives the images one."""
    shas = images.shas
    folders = {Path(one.compiled.name).parent for one in buildable if shas.image_of(one.release.service) is None}
    if images.takes_dirty or all(git("rev-parse", "--verify", "HEAD", folder=folder) is not None for folder in folders):
        return shas

    def tag(text: str) -> str:
        check_tag(text, "the name")
        return text

    question = "There is no commit to name the image after. Tag of the image"
    return replace(shas, common=str(click.prompt(question, value_proc=tag, err=True)))


def _has_dockerfile(one: SpecDeploy) -> bool:
    return dockerfile(Path(one.compiled.name).parent, one.compiled.service().service.build).is_file()


def _builder(images: ImageOptions, tell: Tell) -> Builder | None:
    """The program that builds; None if there is none, which is a notice."""
    try:
        return find_builder(images.builder, os.environ)
    except BuilderError as error:
        tell(NoticeIssued("build", f"no image can be built here: {error}"))
        return None


def _lacks_image(one: SpecDeploy, aws: Aws) -> bool:
    """Whether the deploy creates a stack, and needs an image that is not named."""
    from fsdcf.deploy.state import snapshot

    release = one.release
    if release.image_sha is not None or IMAGE_PARAMETER not in (release.template.get("Parameters") or {}):
        return False
    stack = snapshot(aws, release.stack)
    return stack is None or stack.in_review


def _confirmed(one: SpecDeploy, aws: Aws, tell: Tell, ask: Ask) -> SpecDeploy:
    """The deploy into an environment that a file names or a person confirms. Raises Stop for any other."""
    from fsdcf.deploy.prepare import check_environment
    from fsdcf.deploy.run import Run

    check_environment(Run(aws, tell, one.release.target, ask), one.release)
    return replace(one, release=replace(one.release, other_environments=()))


def _offer(buildable: Sequence[SpecDeploy]) -> Question:
    stacks = [one.release.stack for one in buildable]
    builds = [(one.compiled.name, one.compiled.service().service.build) for one in buildable]
    folders = dict.fromkeys(str(Path(name).parent / build.context) for name, build in builds)
    places = ", ".join("this folder" if folder == "." else folder for folder in folders)
    (it, exists, image) = ("stack", "does", "image") if len(stacks) == 1 else ("stacks", "do", "images")
    details = (f"the {it} {', '.join(stacks)} {exists} not exist yet",)
    return Question("build", f"Build the {image} from {places}?", details, expected=True)


def _examined(
    each: Sequence[SpecDeploy], connection: Connection, aws: Aws, tell: Tell, ask: Ask | None
) -> list[SpecDeploy]:
    """The deploys that nothing refuses, with what a person has agreed to. Raises Stop if one of them is refused."""
    from fsdcf.deploy.engine import examine_before_build
    from fsdcf.deploy.run import Stop

    stacks = {one.release.stack for one in each}
    examined, refused = [], {}
    for one in each:
        refusal = refusal_of_place(one, aws.region, connection.sandbox)
        has_environment = stacks.isdisjoint(one.requires())
        try:
            if refusal is not None:
                raise Stop(refusal)
            release, options = examine_before_build(one.release, one.options, aws, tell, ask, has_environment)
            examined.append(replace(one, release=release, options=options))
        except Stop as end:
            refused[one.release.stack] = end.outcome
    if refused:
        raise Stop(_together(refused))
    return examined


def _once(ask: Ask) -> Ask:
    """A function that asks a question once, and gives the answer again, also for another stack."""
    answers: dict[str, bool] = {}

    def answer(question: Question) -> bool:
        if question.text not in answers:
            answers[question.text] = ask(question)
        return answers[question.text]

    return answer


def _together(refused: Mapping[str, Outcome]) -> Outcome:
    """The outcome of refusals, by stack, as one."""
    (first, *others) = outcomes = [*refused.values()]
    if not others:
        return first
    return Outcome(
        max((one.exit for one in outcomes), key=SEVERITY.index),
        "; ".join(f"{stack}: {one.sentence}" for stack, one in refused.items()),
        tuple(each for one in outcomes for each in one.evidence),
        tuple(dict.fromkeys(command for one in outcomes for command in one.next)),
        advice=next((one.advice for one in outcomes if one.advice), None),
    )


def grouped_builds(each: Sequence[SpecDeploy]) -> list[list[SpecDeploy]]:
    """The deploys whose images are built, those that share an image together: the same build for the same repository.

    A usage error for different builds that would be the same image.
    """
    groups: dict[tuple[str, str], list[SpecDeploy]] = {}
    for one in each:
        if one.build is not None:
            named = repository(one.compiled.service()), one.release.image_sha or ""
            group = groups.setdefault(named, [])
            for first in (each.build for each in group[:1] if each.build):
                check_same(first, one.build, f"use --image-sha {one.release.service}=TAG")
            group.append(one)
    return [*groups.values()]


def _published(
    each: Sequence[SpecDeploy], images: ImageOptions, aws: Aws, tell: Reporter, ask: Ask | None
) -> list[SpecDeploy]:
    """The deploys with their images in the registries. Raises Stop, which names the images that are there already.

    Every repository is looked up, and created if that is agreed, before the first build.
    """
    from fsdcf.deploy.aws import AwsError
    from fsdcf.deploy.run import Stop, outcome_of
    from fsdcf.images.repository import repository_of

    groups, again = grouped_builds(each), _repeat(each, images)
    pushed: dict[SpecDeploy, SpecDeploy] = {}
    target = each[0].release.target
    try:
        runs = [_run_of_push(same[0], aws, tell, ask) for same in groups]
        places = [replace(same[0].destination, again=again) for same in groups if same[0].destination]
        repositories = [
            repository_of(run, place, images.create_repository) for run, place in zip(runs, places, strict=True)
        ]
        for run, repository, same in zip(runs, repositories, groups, strict=True):
            target = run.target
            pushed |= dict(zip(same, _push(run, repository, images, same, tell.pause), strict=True))
    except Stop as end:
        outcome = end.outcome
    except AwsError as error:
        outcome = outcome_of(error, aws, target)
    except INTERRUPTS as pressed:
        why = f"received {pressed.signal}" if isinstance(pressed, Terminated) else "interrupted"
        outcome = Outcome(Exit.INTERRUPTED, why)
    else:
        return [pushed.get(one, one) for one in each]
    there = dict.fromkeys(one.pushed for one in pushed.values())
    evidence = (*outcome.evidence, *(Evidence("image", f"{image} is in its repository") for image in there))
    sentence = f"{outcome.sentence}; nothing was deployed"
    raise Stop(replace(outcome, sentence=sentence, evidence=evidence, next=outcome.next or (again,)))


def _run_of_push(one: SpecDeploy, aws: Aws, tell: Tell, ask: Ask | None) -> Run:
    """The run of a push. The commands that it suggests deploy an image that exists."""
    from fsdcf.deploy.run import Run

    release = one.release
    command = redeploy_command(one.inputs, None, release.environment)
    return Run(aws, tell, replace(release.target, redeploy_command=command), ask, release.where)


def _push(
    run: Run, repository: Repository, images: ImageOptions, same: Sequence[SpecDeploy], pause: Callable[[], None]
) -> list[SpecDeploy]:
    """Build an image and push it. The deploys of the services that share it."""
    from fsdcf.cli.render.builder import builder_progress
    from fsdcf.deploy.state import snapshot
    from fsdcf.images.push import build_and_push

    progress = builder_progress(images.as_json, aside=False, pause=pause)
    build = same[0].build
    assert build is not None and images.program is not None  # noqa: S101 - it is one of those that are built
    image = build_and_push(run, images.program, build, repository, progress)
    deploys = []
    for one in same:
        sha = image.tag
        if not image.existed:  # a stack that has the tag would not change, and one that has the digest need not
            stack = snapshot(run.aws, one.release.stack)
            deployed = stack.parameters.get(IMAGE_PARAMETER) if stack is not None else None
            sha = image.digest if deployed in (image.tag, image.digest) else sha
        deploys.append(replace(one.with_image(sha), pushed=str(image)))
    return deploys


def _repeat(each: Sequence[SpecDeploy], images: ImageOptions) -> str:
    """The command that builds and deploys all of it again."""
    inputs = replace(each[0].inputs, files=tuple(one.inputs.files[0] for one in each))
    return redeploy_command(inputs, images.shas.words, each[0].release.environment, images)
