"""``fsdcf deploy``: a spec and an image become what runs."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.compiled import Compiled
from fsdcf.cli.files import lint_folder
from fsdcf.cli.image import Image, chosen, registry
from fsdcf.cli.lookup import Origins, Places
from fsdcf.cli.options import Connection, checked, compile_options, connection_options, requests
from fsdcf.cli.render.durations import duration
from fsdcf.cli.render.findings import show, summary
from fsdcf.cli.render.plan import Remarks, Reviewed
from fsdcf.cli.runtime import json_option, refuse, run, settings, validating
from fsdcf.cloudformation.evaluation import EvaluationError
from fsdcf.cloudformation.planned import PlanError
from fsdcf.compiler.service import tags_of
from fsdcf.deploy.model import Ask, Event, Exit, Options, Outcome, Place, PlanCreated, Release, Tell
from fsdcf.diagnostics import Severity
from fsdcf.language.model.service import Spec
from fsdcf.lint.cache import Cache
from fsdcf.lint.runner import Finding, Linter, lint_cached
from fsdcf.pipeline import Request
from fsdcf.pipeline import run as pipeline_run
from fsdcf.plan.diff.obstacles import Importers
from fsdcf.plan.diff.plan import review_changes
from fsdcf.plan.diff.sides import DeployedValues, sides_of

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws


@dataclass(frozen=True)
class ReleaseCompiled:
    """A spec that may be deployed: what came of it, and where its resources stand."""

    spec: Spec
    template: Mapping[str, Any]
    places: Places


class Refused(Exception):
    """A spec with errors; its findings have been shown. The message sums them up."""


def compiled(request: Request) -> ReleaseCompiled:
    """The spec compiled and linted through the cache, as ``fsdcf template`` does it. Raises Refused."""
    result = pipeline_run(request, _lint)
    errors = [one for one in result.diagnostics if one.severity is Severity.ERROR]
    show(errors, result.sources)
    if result.template is None or result.spec is None:
        raise Refused(f"{request.name}: {summary(result.diagnostics)}; nothing deployed")
    advice = len(result.diagnostics)
    if advice:
        click.echo(
            f"{request.name}: {advice} piece{'s' if advice > 1 else ''} of advice; see fsdcf validate {request.name}",
            err=True,
        )
    return ReleaseCompiled(result.spec, result.template.data, Places(result))


def release_of(one: ReleaseCompiled, request: Request, image: Image) -> Release:
    """The release that the engine deploys. An account in the image's name is the only one that it may go to."""
    return Release(
        service=one.spec.metadata.name,
        environment=request.environment,
        template=one.template,
        image_sha=image.sha,
        tags=tags_of(one.spec, request.environment),
        where=one.places,
        image=registry(one.spec),
        account=image.account,
        redeploy_command=again(request, image),
    )


def again(request: Request, image: Image) -> str:
    """The command that deploys this, without the options of the connection, and with secrets masked: a log may keep it."""
    words = ["fsdcf", "deploy", request.name, "--env", request.environment]
    words += ["--image-sha", image.sha] if image.sha else []
    return shlex.join((*words, *settings(request)))


def _lint(template: str) -> tuple[Finding, ...]:
    return lint_cached(template, Cache(lint_folder()), _linter)


@lru_cache(maxsize=1)
def _linter() -> Linter:
    return Linter()


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
    from fsdcf.masking import MASK

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
    from fsdcf.deploy.engine import deploy
    from fsdcf.deploy.state import deployed_template

    if image.region and image.region != aws.region and release.image and release.image[1] is None:
        sentence = f"--image names a registry in {image.region}, and the deploy goes to {aws.region}, whose registry the spec uses"
        return Outcome(Exit.USAGE, sentence, next=(f"{release.redeploy_command} --region {image.region}",))
    running = cache(lambda: deployed_template(aws, release.stack) or {})
    places.deployed = running
    pseudo = {"AWS::Partition": aws.partition, "AWS::Region": aws.region, "AWS::StackName": release.stack}
    new = Compiled(release.service, release.environment, release.template, places.result)
    tell = reviewing(tell, new, running, pseudo, importers(aws))
    return deploy(release, options, aws, tell, ask)


_NEW = ("Add", "Import")


def reviewing(
    tell: Tell, new: Compiled, deployed: Callable[[], Mapping[str, Any]], pseudo: Mapping[str, str], ask: Importers
) -> Tell:
    """Tells everything to ``tell``, a plan with remarks, as ``fsdcf diff`` makes them.

    ``deployed`` gives the template that runs, empty where it cannot be read; it is asked where something exists that changes.
    ``pseudo`` are the pseudo parameters that are known, and ``ask`` tells who imports an export.
    """

    def told(event: Event) -> None:
        tell(_reviewed(event, new, deployed, pseudo, ask) if isinstance(event, PlanCreated) else event)

    return told


def _reviewed(
    event: PlanCreated,
    new: Compiled,
    deployed: Callable[[], Mapping[str, Any]],
    pseudo: Mapping[str, str],
    ask: Importers,
) -> PlanCreated:
    plan = event.plan
    if all(change.action in _NEW for change in plan.changes):
        return event
    template = deployed()
    if not template:
        return event
    origins = Origins(Compiled("", new.environment, template), new)
    places: dict[str, Place] = {**event.places, **origins.of_changes(plan.changes)}
    try:
        sides = sides_of(template, new.template, deployed=DeployedValues(pseudo=pseudo))
        review = review_changes(plan.changes, plan.risks, sides, ask)
    except (EvaluationError, PlanError, TypeError, AttributeError, KeyError, RecursionError):
        return Reviewed(plan, places)  # what runs is a template that we cannot read: the change set says what it says
    return Reviewed(plan, places, Remarks(review, origins.of_review(review)))
