"""``fsdcf deploy``: a spec and an image become what runs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.connection import Connection, checked, connection_options
from fsdcf.cli.durations import duration
from fsdcf.cli.image import Image, chosen
from fsdcf.cli.inputs import compile_options, requests
from fsdcf.cli.release import Refused, compiled, release_of
from fsdcf.cli.repeats import validating
from fsdcf.cli.running import json_option, refuse, run
from fsdcf.deploy.model import Ask, Exit, Options, Outcome, Release, Tell

if TYPE_CHECKING:
    from fsdcf.cli.places import Places
    from fsdcf.deploy.aws import Aws

_SHA = "Tag or digest of the image, such as the commit's SHA. Without it an existing stack keeps its own."


@click.command()
@click.argument("spec", type=click.Path(path_type=Path), metavar="SPEC")
@compile_options
@click.option("--image-sha", metavar="SHA", help=_SHA)
@click.option("--image", metavar="REPO:TAG|REPO@DIGEST", help="The same as a whole reference; REPO must be the spec's.")
@click.option(
    "--yes", is_flag=True, help="Do not ask before the changes are made. Data at risk is asked for all the same."
)
@click.option("--plan-only", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--detailed-exitcode", is_flag=True, help="With --plan-only: exit with 10 where there are changes.")
@click.option("--recreate", is_flag=True, help="Delete what a failed first deploy left, and create it anew.")
@click.option("--adopt", is_flag=True, help="Take over a stack of this name that bears other tags or none.")
@click.option(
    "--allow",
    multiple=True,
    metavar="LOGICAL_ID",
    help="Let this resource's data be deleted, replaced or left; repeatable.",
)
@click.option("--wait-lock", is_flag=True, help="Wait for another operation on the stack instead of stopping.")
@click.option(
    "--timeout",
    callback=duration,
    metavar="TIME",
    help="Stay no longer than this: 90s, 30m, 2h.  [default: as long as it takes]",
)
@click.option(
    "--on-timeout",
    type=click.Choice(["cancel", "detach"]),
    default="detach",
    show_default=True,
    help="What happens then.",
)
@click.option("--detach", is_flag=True, help="Start it and leave; fsdcf watch comes back to it.")
@click.option(
    "--fail-fast", is_flag=True, help="Cancel the update as soon as its tasks fail for the same reason twice."
)
@click.option("--role-arn", metavar="ARN", help="Role that CloudFormation acts with.")
@click.option("--artifacts-bucket", metavar="BUCKET", help="Bucket for a template of more than 51,200 bytes.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="With --sandbox: let something go wrong, such as Service:update:oom; repeatable.",
)
@connection_options
@json_option
def command(
    spec: Path,
    environment: str | None,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    image_sha: str | None,
    image: str | None,
    faults: tuple[str, ...],
    connection: Connection,
    as_json: bool,
    **flags: Any,
) -> None:
    """Compile a spec, show what will change, change it, and stay until the service runs the new image or it is clear why not."""
    options = _options(flags)
    connection = checked(replace(connection, faults=faults))
    if faults and options.detach:
        raise click.UsageError("faults last as long as this command stays: --fault does not go with --detach")
    (request,) = requests((spec,), environment, overrides, variables)
    _whole((*overrides, *variables))
    try:
        one = compiled(request)
    except Refused as error:
        refuse(str(error), validating(request, environment), as_json)
        return
    wanted = chosen(one.spec, image_sha, image)
    release = release_of(one, request, wanted)
    if faults:
        from fsdcf.cli.rehearsal import aimed

        aimed(faults, release.template)

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        return _deployed(release, one.places, wanted, options, aws, tell, ask)

    run(release.target, connection, as_json, act)


def _whole(settings: tuple[str, ...]) -> None:
    """A usage error for a setting whose value is masked, as in a command that was shown: a service would run with the mask."""
    from fsdcf.cli.values import MASK

    for name, _, value in (one.partition("=") for one in settings):
        if MASK in value:
            raise click.UsageError(
                f"the value of {name} is masked, as in the commands that are shown: write the value itself"
            )


def _options(flags: dict[str, Any]) -> Options:
    if flags["detailed_exitcode"] and not flags["plan_only"]:
        raise click.UsageError("--detailed-exitcode goes with --plan-only")
    if flags["detach"] and (flags["timeout"] is not None or flags["fail_fast"]):
        raise click.UsageError("--detach does not stay: --timeout and --fail-fast have no meaning with it")
    if flags["on_timeout"] == "cancel" and flags["timeout"] is None:
        raise click.UsageError("--on-timeout cancel needs a --timeout")
    return Options(**{**flags, "allow": frozenset(flags["allow"])})


def _deployed(
    release: Release, places: Places, image: Image, options: Options, aws: Aws, tell: Tell, ask: Ask | None
) -> Outcome:
    from fsdcf.cli.compiled import Compiled
    from fsdcf.cli.deployed import importers
    from fsdcf.cli.reviewing import reviewing
    from fsdcf.deploy.engine import deploy
    from fsdcf.operate.deployed import deployed_template

    if image.region and image.region != aws.region and release.image and release.image[1] is None:
        sentence = f"--image names a registry in {image.region}, and the deploy goes to {aws.region}, whose registry the spec uses"
        return Outcome(Exit.USAGE, sentence, next=(f"{release.again} --region {image.region}",))
    running = cache(lambda: deployed_template(aws, release.stack) or {})
    places.deployed = running
    pseudo = {"AWS::Partition": aws.partition, "AWS::Region": aws.region, "AWS::StackName": release.stack}
    new = Compiled(release.service, release.environment, release.template, places.result)
    tell = reviewing(tell, new, running, pseudo, importers(aws))
    return deploy(release, options, aws, tell, ask)
