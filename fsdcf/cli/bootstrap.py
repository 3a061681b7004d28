"""``fsdcf bootstrap``: the stack that a pipeline on GitHub needs, one for each account."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.connection import Connection, connection_options
from fsdcf.cli.files import write
from fsdcf.cli.permissions import checked_boundary
from fsdcf.cli.pipelines import notes, pipeline, services, settings, variables
from fsdcf.cli.running import json_option, run
from fsdcf.cli.specs import root_of, specs_or_all
from fsdcf.compiler.compile import Template
from fsdcf.compiler.pipeline_stack.access import ISSUER
from fsdcf.compiler.pipeline_stack.compile import STACK, TAGS, compile_pipeline
from fsdcf.compiler.pipeline_stack.model import ENVIRONMENT, SERVICE, Ids, Pipeline
from fsdcf.deploy.model import Ask, Ended, Exit, Options, Outcome, Release, Tell
from fsdcf.deploy.permissions.policy import BOUNDARY

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_IDS = re.compile(r"(?P<owner>[1-9]\d{0,19})/(?P<repository>[1-9]\d{0,19})")
_PROVIDER = re.compile(rf"arn:aws(-[a-z]+)*:iam::\d{{12}}:oidc-provider/{re.escape(ISSUER)}")
_ENVIRONMENTS = ("staging", "prod")


@click.command()
@click.argument("specs", nargs=-1, type=click.Path(path_type=Path), metavar="[SPEC...]")
@click.option("--github", "repository", required=True, metavar="ORG/REPO", help="Repository that builds and deploys.")
@click.option(
    "--github-ids",
    "ids",
    metavar="ORGID/REPOID",
    help="Its ids, which GitHub puts into the tokens of new repositories.",
)
@click.option(
    "--env",
    "environments",
    multiple=True,
    metavar="NAME",
    help="Environment in this account; repeatable.  [default: staging, prod]",
)
@click.option("--var", "values", multiple=True, metavar="NAME=VALUE", help="Value of ${NAME}; repeatable.")
@click.option(
    "--oidc-provider", "provider", metavar="ARN", help="GitHub's OIDC provider, where the account has one already."
)
@click.option(
    *("--permissions-boundary", "boundary"),
    metavar="NAME|ARN",
    default=BOUNDARY,
    show_default=True,
    help="Name of the boundary to make, or the ARN of one that exists.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="Form of the template.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the template here instead of standard output (-).")
@click.option("--deploy", "deploys", is_flag=True, help="Deploy the stack instead of printing it.")
@click.option("--yes", is_flag=True, help="With --deploy: do not ask before the changes are made.")
@click.option(
    "--artifacts-bucket", metavar="BUCKET", help="With --deploy: bucket for a template of more than 51,200 bytes."
)
@connection_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    specs: tuple[Path, ...],
    repository: str,
    ids: str | None,
    environments: tuple[str, ...],
    values: tuple[str, ...],
    provider: str | None,
    boundary: str,
    **options: Any,
) -> None:
    """Compile the pipeline's own stack: repositories, a bucket, and a deploy role for each environment.

    Without SPECs it serves every spec of the repository.
    """
    _check(repository, provider, options)
    known = _ids(ids)
    found = services(
        specs_or_all(specs, root_of(Path.cwd())), tuple(dict.fromkeys(environments)) or _ENVIRONMENTS, values
    )
    if found is None:
        context.exit(2)
    try:
        whole = pipeline(repository, known, found, provider, checked_boundary(boundary))
        template = compile_pipeline(whole)
    except ValueError as error:
        raise click.UsageError(f"{error}: bootstrap fewer specs or environments at a time") from None
    if not options["deploys"]:
        _print(template, options["form"], options["output"])
    for note in notes(whole, found, boundary):
        click.echo(note, err=True)
    if options["deploys"]:
        _deploy(template, whole, options)
    else:
        click.echo("\n".join(variables(whole)), err=True)


def _check(repository: str, provider: str | None, options: dict[str, Any]) -> None:
    if not _REPOSITORY.fullmatch(repository):
        raise click.UsageError(f"--github takes ORG/REPO, not {repository!r}")
    if provider is not None and not _PROVIDER.fullmatch(provider):
        raise click.UsageError(f"--oidc-provider takes an ARN that ends in :oidc-provider/{ISSUER}, not {provider!r}")
    if options["deploys"] and options["output"]:
        raise click.UsageError("--deploy writes no file: leave out -o")
    if not options["deploys"] and (options["yes"] or options["as_json"] or options["artifacts_bucket"]):
        raise click.UsageError("--yes, --json and --artifacts-bucket go with --deploy")


def _ids(text: str | None) -> Ids | None:
    if text is None:
        return None
    found = _IDS.fullmatch(text)
    if found is None:
        raise click.UsageError(f"--github-ids takes two numbers, ORGID/REPOID, not {text!r}")
    return Ids(found["owner"], found["repository"])


def _print(template: Template, form: str, output: str | None) -> None:
    from fsdcf.compiler.emit import to_json, to_yaml

    text = to_json(template.data) if form == "json" else to_yaml(template.data)
    if output in (None, "-"):
        click.echo(text, nl=False)
    else:
        write(Path(str(output)), text)


def _deploy(template: Template, whole: Pipeline, options: dict[str, Any]) -> None:
    connection: Connection = options["connection"]
    again = f"fsdcf bootstrap --github {whole.repository} --deploy"
    release = Release(SERVICE, ENVIRONMENT, template.data, None, TAGS, again=again)
    wanted = Options(yes=options["yes"], artifacts_bucket=options["artifacts_bucket"])

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.engine import deploy

        outcome = deploy(release, wanted, aws, lambda event: None if isinstance(event, Ended) else tell(event), ask)
        if outcome.exit is not Exit.DONE:
            return outcome
        return replace(outcome, next=(*outcome.next, *settings(whole, outcome.outputs, aws.region)))

    run(STACK, connection, options["as_json"], act)
