"""``fsdcf build``: build the images of specs, and push them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import click

from fsdcf.cli.building import (
    BuildOptions,
    build_options,
    builder_named,
    check_same,
    create_repository_option,
    destination,
    image_build,
)
from fsdcf.cli.compiled import Compiled, compile_all_or_refuse
from fsdcf.cli.options import Connection, SpecInputs, at_home, connection_options, json_option, spec_inputs
from fsdcf.cli.runtime import perform_here, run
from fsdcf.deploy.model import INTERRUPTS, Ask, Exit, Outcome, Target, Tell
from fsdcf.suggested import Value, suggested
from fsdcf.wording import counted

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.images.builders import Builder, ImageBuild
    from fsdcf.images.repository import Destination


@click.command()
@spec_inputs("[SPEC|FOLDER...]", nargs=-1)
@click.option("--tag", metavar="TAG", help="Tag of the images.  [default: the commit's short SHA]")
@build_options
@click.option("--no-cache", is_flag=True, help="Build every step again.")
@click.option("--push", is_flag=True, help="Push the images to the repositories of the specs.")
@create_repository_option
@connection_options
@json_option
def build_command(
    inputs: SpecInputs,
    tag: str | None,
    builder: str | None,
    allow_dirty: bool,
    no_cache: bool,
    push: bool,
    create_repository: bool,
    connection: Connection,
    as_json: bool,
) -> None:
    """Build the images of specs with the first of docker, podman, buildah, nerdctl and finch that works.

    The name of each image is printed, with --push that of the pushed image and its digest. FOLDER means every spec
    below it.
    """
    if not push and (create_repository or connection.is_given):
        raise click.UsageError("--create-repository and the options of a connection need --push")
    options = BuildOptions(tag, builder, allow_dirty or connection.sandbox, not no_cache)
    compiled = compile_all_or_refuse(inputs.in_one_environment(), as_json, "nothing built")
    services = [one for one in compiled if one.spec]
    builds = [image_build(one, options) for one in services]
    if not builds:
        raise click.UsageError("only services have images")
    program = builder_named(builder)

    if push:
        _push(inputs, options, services, builds, program, connection, create_repository, as_json)

    def act(tell: Tell) -> Outcome:
        from fsdcf.cli.render.builder import builder_progress
        from fsdcf.images.build import build_image

        progress = builder_progress(as_json, aside=True)
        for build in builds:
            build_image(program, build, tell, progress)
            if not as_json:
                click.echo(build.image)
        return Outcome(Exit.DONE, f"built {counted(len(builds), 'image')} with {program.title}")

    perform_here(as_json, act)


def _push(
    inputs: SpecInputs,
    options: BuildOptions,
    services: Sequence[Compiled],
    builds: Sequence[ImageBuild],
    program: Builder,
    connection: Connection,
    create: bool,
    as_json: bool,
) -> NoReturn:
    """Build images and push them, and end the command."""
    settings: dict[str, Value] = {"env": inputs.environment_option, **inputs.settings}
    own = {
        "tag": options.tag,
        "builder": options.builder,
        "allow_dirty": options.allow_dirty and not connection.sandbox,
    }
    targets, destinations = [], []
    for one in services:
        connection = at_home(connection, one.home)
        targets.append(Target(one.service_name, one.environment, suggested("deploy", one.name, **settings)))
        destinations.append(destination(one, suggested("build", one.name, push=True, **own, **settings)))
    _check_shared(destinations, builds)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.cli.render.builder import builder_progress
        from fsdcf.deploy.run import Run
        from fsdcf.images.push import build_and_push
        from fsdcf.images.repository import repository_of

        pushed, existed = {}, 0
        progress = builder_progress(as_json, aside=True)
        runs = [Run(aws, tell, target, ask) for target in targets]
        repositories = [repository_of(each, one, create) for each, one in zip(runs, destinations, strict=True)]
        for each, repository, build in zip(runs, repositories, builds, strict=True):
            try:
                image = build_and_push(each, program, build, repository, progress)
            except INTERRUPTS:
                return Outcome(Exit.INTERRUPTED, "interrupted", next=(repository.again,))
            pushed[each.target.service] = str(image)
            existed += image.existed
            if not as_json:
                click.echo(str(image))
        where = "is in its repository" if len(pushed) == 1 else "are in their repositories"
        before = "where it was before" if len(pushed) == 1 else f"{existed} of them from before"
        there = f", {before}" if existed else ""
        sentence = f"{counted(len(pushed), 'image')} {where}{there}, built with {program.title}"
        tags = {build.tag for build in builds}
        files = [one.name for one in services]
        deploy = suggested("deploy", *files, image_sha=tags.pop(), **settings) if len(tags) == 1 else ""
        return Outcome(Exit.DONE, sentence, outputs=pushed, next=(deploy,) if deploy else ())

    run(f"push of {counted(len(builds), 'image')}", connection, as_json, act, aside=True)


def _check_shared(destinations: Sequence[Destination], builds: Sequence[ImageBuild]) -> None:
    """A usage error for different builds that would be the same image."""
    first: dict[tuple[str, str], ImageBuild] = {}
    for place, build in zip(destinations, builds, strict=True):
        other = first.setdefault((place.address, build.tag), build)
        check_same(other, build, "push them one after the other, with --tag TAG")
