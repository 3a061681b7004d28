"""``fsdcf bootstrap``: the stack that a pipeline on GitHub needs, one for each account."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.files import write
from fsdcf.cli.image import registry
from fsdcf.cli.options import Connection, connection_options, environment_named, requests, spec_options
from fsdcf.cli.render.findings import show, summary
from fsdcf.cli.runtime import json_option, run
from fsdcf.cli.specs import root_of, specs_or_all
from fsdcf.cloudformation.arns import DeployedStack
from fsdcf.cloudformation.iam import fill_in, policy_document, policy_size, split_policies
from fsdcf.cloudformation.limits import POLICY_CHARACTERS
from fsdcf.compiler.parts.image import repository_arn
from fsdcf.compiler.pipeline import (
    BUCKET,
    BUCKET_ARN,
    BUCKET_VARIABLE,
    ENVIRONMENT,
    ISSUER,
    REGION_VARIABLE,
    SERVICE,
    STACK,
    TAGS,
    Ids,
    PermissionsBoundary,
    Pipeline,
    compile_pipeline,
    role_output,
    role_variable,
)
from fsdcf.compiler.stack import Template
from fsdcf.deploy.model import Ask, Exit, Options, Outcome, Release, RunEnded, Tell
from fsdcf.language.model.service import Spec
from fsdcf.pipeline import run as pipeline_run
from fsdcf.plan.permissions.policy import BOUNDARY, boundaries, boundary_arn, permissions
from fsdcf.plan.permissions.policy import boundary as boundary_of
from fsdcf.plan.permissions.resources import needed

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws


@dataclass(frozen=True)
class Service:
    """A spec compiled for one environment."""

    file: str
    environment: str
    spec: Spec
    stack: DeployedStack


def services(
    specs: tuple[Path, ...], environments: Sequence[str], variables: tuple[str, ...], overrides: tuple[str, ...] = ()
) -> list[Service] | None:
    """Every spec in every environment; None, after the findings, where one of them has errors. A usage error for two that clash."""
    found, failed = [], False
    for environment in environments:
        for request in requests(specs, environment, overrides, variables):
            result = pipeline_run(request)
            if result.template is None or result.spec is None:
                show(result.diagnostics, result.sources)
                click.echo(f"{request.name} for {environment}: {summary(result.diagnostics)}", err=True)
                failed = True
                continue
            stack = DeployedStack(f"{result.spec.metadata.name}-{environment}", result.template.data)
            found.append(Service(request.name, environment, result.spec, stack))
    if failed:
        return None
    _refuse_clashes(found)
    return found


def _refuse_clashes(services: list[Service]) -> None:
    """No two specs may be one stack, and none the pipeline's own, whose roles it could then change."""
    seen = {STACK: "the pipeline's own stack"}
    for one in services:
        if one.stack.stack in seen:
            raise click.UsageError(
                f"{one.file} would be the stack {one.stack.stack}, and so would {seen[one.stack.stack]}"
            )
        seen[one.stack.stack] = one.file


def pipeline(
    repository: str, ids: Ids | None, services: list[Service], provider: str | None, boundary: str
) -> Pipeline:
    """The pipeline of a repository. ``boundary`` is the name of the boundary to make, or the ARN of one that exists.

    Raises ValueError where the permissions of one action fit into no policy.
    """
    policies: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for environment in dict.fromkeys(one.environment for one in services):
        stacks = [one.stack for one in services if one.environment == environment]
        wanted = permissions(stacks, boundary_arn(boundary), BUCKET_ARN)
        policies[environment] = tuple(policy_document(statements) for statements in split_policies(wanted.statements))
    own = (
        None
        if boundary.startswith("arn:")
        else PermissionsBoundary(boundary, boundary_of([one.stack for one in services]))
    )
    images = [registry(one.spec) for one in services]
    made = tuple(name for account, region, name in filter(None, images) if account is None and region is None)
    elsewhere = tuple(
        arn
        for one, image in zip(services, images, strict=True)
        if image and image[2] not in made and (arn := repository_arn(one.spec))
    )
    return Pipeline(repository, policies, made, own, ids, provider, elsewhere)


def settings(pipeline: Pipeline, outputs: Mapping[str, str], region: str) -> Iterator[str]:
    """The commands that give the repository its variables, from the outputs of the stack."""
    values = {REGION_VARIABLE: region, BUCKET_VARIABLE: outputs.get(f"{BUCKET}Name", "")}
    values |= {role_variable(name): outputs.get(role_output(name), "") for name in pipeline.policies}
    yield from (
        f"gh variable set {name} --body {value} --repo {pipeline.repository}" for name, value in values.items() if value
    )


def variables(pipeline: Pipeline) -> Iterator[str]:
    """What the repository's variables are to be, before there are any values."""
    yield f"note: once the stack is there, {pipeline.repository} needs these repository variables:"
    yield f"  {REGION_VARIABLE}: the region of the stack"
    yield f"  {BUCKET_VARIABLE}: the output {BUCKET}Name"
    yield from (
        f"  {role_variable(environment)}: the output {role_output(environment)}" for environment in pipeline.policies
    )


def notes(pipeline: Pipeline, services: list[Service], boundary: str) -> list[str]:
    """What does not stop the bootstrap and would stop the pipeline."""
    found = []
    if pipeline.ids is None:
        ids = f"$(gh api repos/{pipeline.repository} --jq '\"\\(.owner.id)/\\(.id)\"')"
        found.append(
            "note: GitHub puts ids into the tokens of repositories made, renamed or moved since 2026-07-15, and without them these roles "
            f"refuse such a repository: --github-ids {ids}"
        )
    for one in services:
        limits, image = boundaries(one.stack), registry(one.spec)
        if not limits:
            found.append(
                f"note: {one.file}: deploy roles make no role without a boundary: write permissionsBoundary: {boundary} under service"
            )
        elif limits != {boundary_arn(boundary)}:
            found.append(
                f"note: {one.file}: this permissions boundary must exist before the deploy: {', '.join(sorted(limits))}"
            )
        if image is not None and image[:2] != (None, None):
            found.append(
                f"note: {one.file}: service.image names its account or region; that repository must exist, and let this role push"
            )
    unknown = {
        one["Type"]
        for service in services
        for one in service.stack.template["Resources"].values()
        if needed(one["Type"], one) is None
    }
    found += [f"note: what {type} needs is not known; give it to the deploy roles by hand" for type in sorted(unknown)]
    return list(dict.fromkeys(found))


_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_POLICY = re.compile(r"[A-Za-z0-9+=,.@_-]{1,128}|arn:aws(-[a-z]+)*:iam::(\d{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@click.command()
@spec_options
@click.option("--account", metavar="ID", help="Account of the stacks; without it the policy says `*`.")
@click.option("--region", metavar="NAME", help="Region of the stacks; without it the policy says `*`.")
@click.option(
    "--permissions-boundary", "boundary", metavar="NAME|ARN", help=f"For roles that name none.  [default: {BOUNDARY}]"
)
@click.option("--artifacts-bucket", "bucket", metavar="BUCKET", help="Bucket for templates of more than 51,200 bytes.")
@click.option(
    "-o",
    "--output",
    metavar="FILE|DIR/",
    help=f"Write here; into a folder as policies of {POLICY_CHARACTERS:,} characters.",
)
@click.pass_context
def permissions_command(
    context: click.Context,
    specs: tuple[Path, ...],
    environment: str | None,
    overrides: tuple[str, ...],
    variables: tuple[str, ...],
    account: str | None,
    region: str | None,
    boundary: str | None,
    bucket: str | None,
    output: str | None,
) -> None:
    """Print the IAM policy that a deploy of these specs needs, and nothing more.

    It follows from what the engine calls and from what CloudFormation calls for each resource of the templates.
    """
    _permissions_check(account, region, boundary, bucket)
    found = services(specs, (environment_named(environment),), variables, overrides)
    if found is None:
        context.exit(2)
    stacks = [one.stack for one in found]
    limit = boundary_arn(boundary or BOUNDARY)
    needed = permissions(stacks, limit, bucket and f"arn:${{AWS::Partition}}:s3:::{bucket}")
    values = {"AccountId": account or "*", "Region": region or "*", "Partition": partition(region)}
    if output and (output.endswith(("/", os.sep)) or Path(output).is_dir()):
        for number, policy in enumerate(split_policies(needed.statements), 1):
            write(Path(output) / f"policy-{number}.json", _text(fill_in(policy_document(policy), values)))
    else:
        text = _text(fill_in(policy_document(needed.statements), values))
        click.echo(text, nl=False) if output in (None, "-") else write(Path(str(output)), text)
    click.echo(
        f"{policy_size(needed.statements):,} characters; IAM takes {POLICY_CHARACTERS:,} in a managed policy", err=True
    )
    _notes(stacks, fill_in(limit, values), boundary is not None, account is None or region is None, needed.unknown)


def checked_boundary(boundary: str) -> str:
    """The name or ARN of a policy; a usage error for what cannot be one."""
    if not _POLICY.fullmatch(boundary):
        raise click.UsageError(f"--permissions-boundary takes the name or the ARN of a policy, not {boundary!r}")
    return boundary


def partition(region: str | None) -> str:
    """The partition of a region."""
    lead = (region or "").split("-")[0:2]
    return "aws-cn" if lead[0] == "cn" else "aws-us-gov" if lead == ["us", "gov"] else "aws"


def _permissions_check(account: str | None, region: str | None, boundary: str | None, bucket: str | None) -> None:
    if account is not None and not re.fullmatch(r"\d{12}", account):
        raise click.UsageError(f"--account takes the 12 digits of an account, not {account!r}")
    if region is not None and not _REGION.fullmatch(region):
        raise click.UsageError(f"--region: {region!r} cannot be a region; write one such as eu-west-1")
    if boundary is not None:
        checked_boundary(boundary)
    if bucket is not None and not _BUCKET.fullmatch(bucket):
        raise click.UsageError(f"--artifacts-bucket: {bucket!r} cannot be a bucket")


def _notes(stacks: list[DeployedStack], limit: str, chosen: bool, wide: bool, unknown: tuple[str, ...]) -> None:
    if wide:
        click.echo("note: narrow it with --account and --region", err=True)
    for stack in stacks:
        if not chosen and not boundaries(stack):
            sentence = f"note: the roles of {stack.stack} name no permissions boundary, and this policy lets them be made with {limit} alone"
            click.echo(f"{sentence}: write permissionsBoundary under service", err=True)
    for type in unknown:
        click.echo(f"note: what {type} needs is not known; add it by hand", err=True)


def _text(data: object) -> str:
    return json.dumps(data, indent=2) + "\n"


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
    release = Release(SERVICE, ENVIRONMENT, template.data, None, TAGS, redeploy_command=again)
    wanted = Options(yes=options["yes"], artifacts_bucket=options["artifacts_bucket"])

    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.engine import deploy

        outcome = deploy(release, wanted, aws, lambda event: None if isinstance(event, RunEnded) else tell(event), ask)
        if outcome.exit is not Exit.DONE:
            return outcome
        return replace(outcome, next=(*outcome.next, *settings(whole, outcome.outputs, aws.region)))

    run(STACK, connection, options["as_json"], act)
