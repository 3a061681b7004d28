"""``fsdcf build``: build the images of specs, and push them."""

from __future__ import annotations

import click

from fsdcf.cli.building import BuildOptions, build_options, builder_named, image_build
from fsdcf.cli.compiled import compile_all_or_refuse
from fsdcf.cli.options import SpecInputs, json_option, spec_inputs
from fsdcf.cli.runtime import perform_here
from fsdcf.deploy.model import Exit, Outcome, Tell
from fsdcf.wording import counted


@click.command()
@spec_inputs("[SPEC|FOLDER...]", nargs=-1)
@click.option("--tag", metavar="TAG", help="Tag of the images.  [default: the commit's short SHA]")
@build_options
@click.option("--no-cache", is_flag=True, help="Build every step again.")
@json_option
def build_command(
    inputs: SpecInputs, tag: str | None, builder: str | None, allow_dirty: bool, no_cache: bool, as_json: bool
) -> None:
    """Build the images of specs with what is there: docker, podman, buildah, nerdctl or finch.

    The name of each image is printed. FOLDER means every spec below it.
    """
    options = BuildOptions(tag, builder, allow_dirty, not no_cache)
    compiled = compile_all_or_refuse(inputs.in_one_environment(), as_json, "nothing built")
    builds = [image_build(one, options) for one in compiled if one.spec]
    if not builds:
        raise click.UsageError("only services have images")
    program = builder_named(builder)

    def act(tell: Tell) -> Outcome:
        from fsdcf.images.build import build_image

        for build in builds:
            build_image(program, build, tell, lambda line: click.echo(line, err=True))
            if not as_json:
                click.echo(build.image)
        return Outcome(Exit.DONE, f"built {counted(len(builds), 'image')} with {program.title}")

    perform_here(as_json, act)
