"""``fsdcf bootstrap``: the stack that a GitHub pipeline needs in an account.

``fsdcf permissions``: the policy of a deploy.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.compiled import compile_or_show
from fsdcf.cli.files import is_environment, specs_or_all, write, write_or_print
from fsdcf.cli.home import home_of
from fsdcf.cli.image import registry
from fsdcf.cli.options import (
    Connection,
    SpecInputs,
    artifacts_bucket_option,
    at_home,
    complete_environments,
    connection_options,
    format_option,
    json_option,
    masked_settings,
    matching,
    new_environment_option,
    spec_inputs,
    variable_option,
    yes_option,
)
from fsdcf.cli.runtime import run
from fsdcf.cloudformation.arns import DeployedStack
from fsdcf.cloudformation.iam import IamStatement, fill_in, policy_document, policy_size, split_policies
from fsdcf.cloudformation.limits import POLICY_CHARACTERS
from fsdcf.cloudformation.partitions import partition_of
from fsdcf.compiler.emit import to_json, to_yaml
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
)
from fsdcf.conventions import environment_stack, role_variable
from fsdcf.deploy.model import Ask, Exit, Options, Outcome, Release, RunEnded, Tell
from fsdcf.language.model.service import Spec
from fsdcf.language.model.traffic import BUCKET_NAME
from fsdcf.pipeline import Result
from fsdcf.plan.permissions.policy import BOUNDARY, boundaries, boundary_arn, operating, permissions
from fsdcf.plan.permissions.policy import boundary as boundary_of
from fsdcf.plan.permissions.resources import needed
from fsdcf.repository import repository_root
from fsdcf.suggested import suggested
from fsdcf.wording import visible

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws

_account = matching(r"\d{12}", "12 digits")
_region = matching(r"[a-z]{2,}(-[a-z]+)+-\d+", "a region such as eu-west-1")
_policy = matching(
    r"[A-Za-z0-9+=,.@_-]{1,128}|arn:aws(-[a-z]+)*:iam::(\d{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+",
    "the name or ARN of a policy",
)
_bucket = matching(BUCKET_NAME, "the name of a bucket")
_repository = matching(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}", "ORG/REPO")
_ids = matching(r"[1-9]\d{0,19}/[1-9]\d{0,19}", "two numbers, ORGID/REPOID")
_provider = matching(
    rf"arn:aws(-[a-z]+)*:iam::\d{{12}}:oidc-provider/{re.escape(ISSUER)}",
    f"an ARN that ends in :oidc-provider/{ISSUER}",
)
_ENVIRONMENTS = ("staging", "prod")


@dataclass(frozen=True)
class CompiledService:
    """A spec compiled for one environment; ``spec`` is None for the environment itself."""

    file: str
    environment: str
    spec: Spec | None
    stack: DeployedStack


def compiled_services(inputs: SpecInputs, environments: tuple[str, ...]) -> list[CompiledService]:
    """Every spec in every environment, and the file of each environment in its own. Exits with code 2, after the
    findings, if one has errors.

    A usage error for two specs of one stack.
    """
    services, failed = [], False
    for environment in environments:
        files = tuple(path for path in inputs.files if path.stem == environment or not is_environment(path))
        for request in replace(inputs, environment=environment, files=files).requests():
            result = compile_or_show(request)
            if result is None or result.template is None:
                failed = True
                continue
            name = f"{result.service_name}-{environment}"
            stack = DeployedStack(name, result.template.data, result.tags, _clusters(result))
            services.append(CompiledService(request.name, environment, result.spec, stack))
    if failed:
        click.get_current_context().exit(2)
    # A spec must not compile to the pipeline's own stack either, whose roles it could then change.
    names = {STACK: "the pipeline's own stack"}
    for one in services:
        name = one.stack.stack
        if name in names:
            raise click.UsageError(
                f"the stack {name} of {visible(one.file)} is also the stack of {visible(names[name])}"
            )
        names[name] = one.file
    return services


def _clusters(result: Result) -> tuple[str, ...]:
    """The cluster of the environment that a service joins: the existing one, or the generated name of a new one."""
    if result.joined is None:
        return ()
    name = result.joined.spec.environment.cluster.name
    own = DeployedStack(environment_stack(result.environment), {}).generated_name("Cluster")
    return (str(name) if name is not None else own,)


@click.command()
@spec_inputs("[SPEC...]", nargs=-1)
@click.option("--account", callback=_account, metavar="ID", help="AWS account of the stacks.  [default: any, `*`]")
@click.option("--region", callback=_region, metavar="NAME", help="AWS region of the stacks.  [default: any, `*`]")
@click.option(
    *("--permissions-boundary", "boundary"),
    callback=_policy,
    metavar="NAME|ARN",
    help=f"Permissions boundary of the roles that do not have one.  [default: {BOUNDARY}]",
)
@click.option(
    *("--artifacts-bucket", "bucket"),
    callback=_bucket,
    metavar="BUCKET",
    help="S3 bucket to which a deploy uploads a template larger than 51,200 bytes.",
)
@click.option(
    *("-o", "--output"),
    metavar="FILE|DIR/",
    help="File to write instead of standard output (-), or a folder for several policies of at most "
    f"{POLICY_CHARACTERS:,} characters each.",
)
@click.option(
    "--operate",
    is_flag=True,
    help="Permissions to operate the services (status, logs, exec, run and the like) instead of deploying them.",
)
def permissions_command(
    inputs: SpecInputs,
    operate: bool,
    account: str | None,
    region: str | None,
    boundary: str | None,
    bucket: str | None,
    output: str | None,
) -> None:
    """Print the IAM policy with the permissions that a deploy of these specs needs, or to operate them, and no others.

    They follow from the calls of fsdcf and from the calls that CloudFormation makes for each resource. For a role that
    deploys services and the environment that they join, pass its file, too.
    """
    inputs = inputs.in_one_environment()
    environment = next((path.stem for path in inputs.files if is_environment(path)), inputs.environment_name)
    if inputs.environment not in (None, environment):
        raise click.UsageError(f"--env {inputs.environment}: the file describes the environment {environment}")
    services = compiled_services(inputs, (environment,))
    stacks = [service.stack for service in services]
    limit = boundary_arn(boundary or BOUNDARY)
    uploads = bucket and f"arn:${{AWS::Partition}}:s3:::{bucket}"
    needed = operating(stacks) if operate else permissions(stacks, limit, uploads)
    values = {"AccountId": account or "*", "Region": region or "*", "Partition": partition_of(region or "")}
    if output and (output.endswith(("/", os.sep)) or os.path.isdir(output)):
        for number, policy in enumerate(split_policies(needed.statements), 1):
            write(Path(output) / f"policy-{number}.json", _policy_text(policy, values))
    else:
        write_or_print(output, _policy_text(needed.statements, values))
    click.echo(
        f"{policy_size(needed.statements):,} characters; a managed policy can have at most {POLICY_CHARACTERS:,}",
        err=True,
    )
    if account is None or region is None:
        click.echo("note: restrict the policy with --account and --region", err=True)
    for stack in (service.stack for service in services if service.spec):
        if not (operate or boundary or boundaries(stack)):
            click.echo(
                f"note: the roles of {stack.stack} have no permissions boundary, but this policy allows only roles "
                f"with {fill_in(limit, values)}: set permissionsBoundary under service",
                err=True,
            )
    for type in needed.unknown:
        click.echo(f"note: the permissions for {type} are unknown; add them by hand", err=True)


def _policy_text(statements: Sequence[IamStatement], values: Mapping[str, str]) -> str:
    return json.dumps(fill_in(policy_document(statements), values), indent=2) + "\n"


@click.command()
@click.argument("specs", nargs=-1, type=click.Path(path_type=Path), metavar="[SPEC...]")
@click.option(
    *("--github", "repository"),
    required=True,
    callback=_repository,
    metavar="ORG/REPO",
    help="GitHub repository of the pipeline.",
)
@click.option(
    *("--github-ids", "ids"),
    callback=_ids,
    metavar="ORGID/REPOID",
    help="IDs of the organization and the repository, which GitHub includes in the tokens of new repositories.",
)
@click.option(
    *("--env", "environments"),
    multiple=True,
    metavar="NAME",
    shell_complete=complete_environments,
    help="Environment in this account; repeatable.  [default: those with a file among the specs, else staging, prod]",
)
@variable_option
@new_environment_option
@click.option(
    *("--oidc-provider", "provider"),
    callback=_provider,
    metavar="ARN",
    help="Existing OIDC provider of GitHub in the account.",
)
@click.option(
    *("--permissions-boundary", "boundary"),
    callback=_policy,
    metavar="NAME|ARN",
    default=BOUNDARY,
    show_default=True,
    help="Name of the permissions boundary to create, or ARN of an existing one.",
)
@format_option("yaml", "json", help="Output format of the template.")
@click.option("-o", "--output", metavar="FILE", help="File to write instead of standard output (-).")
@click.option("--deploy", "deploys", is_flag=True, help="Deploy the stack instead of printing the template.")
@yes_option("With --deploy: skip the confirmation prompt.")
@artifacts_bucket_option
@connection_options
@json_option
def bootstrap_command(
    specs: tuple[Path, ...],
    repository: str,
    ids: str | None,
    environments: tuple[str, ...],
    variables: tuple[str, ...],
    new_environment: bool,
    provider: str | None,
    boundary: str,
    form: str,
    output: str | None,
    deploys: bool,
    yes: bool,
    artifacts_bucket: str | None,
    connection: Connection,
    as_json: bool,
) -> None:
    """Compile the pipeline's own stack: ECR repositories, an S3 bucket, and a deploy role for each environment.

    Without SPEC it covers every spec of the repository.
    """
    if deploys and output:
        raise click.UsageError("--deploy cannot be combined with -o")
    if not deploys and (yes or as_json or artifacts_bucket):
        raise click.UsageError("--yes, --json and --artifacts-bucket need --deploy")
    files = specs_or_all(specs, repository_root(Path.cwd()), environments=True)
    inputs = SpecInputs(files, variables=variables, new_environment=new_environment)
    described = tuple(path.stem for path in files if is_environment(path))
    services = compiled_services(inputs, tuple(dict.fromkeys(environments or described)) or _ENVIRONMENTS)
    try:
        known = Ids(*ids.split("/")) if ids else None
        pipeline = _pipeline(repository, known, services, provider, boundary)
        template = compile_pipeline(pipeline)
    except ValueError as error:
        raise click.UsageError(f"{error}: bootstrap fewer specs or environments at a time") from None
    if not deploys:
        write_or_print(output, to_json(template.data) if form == "json" else to_yaml(template.data))
    for note in (*dict.fromkeys(_notes(pipeline, services, boundary)), *(() if deploys else _variables(pipeline))):
        click.echo(note, err=True)
    if deploys:
        for environment, folder in dict.fromkeys((one.environment, Path(one.file).parent) for one in services):
            connection = at_home(connection, home_of(environment, folder))
        redeploy = suggested(
            "bootstrap",
            *map(str, specs),
            github=repository,
            github_ids=ids,
            env=environments,
            new_env=new_environment,
            var=masked_settings(variables),
            oidc_provider=provider,
            permissions_boundary=boundary if boundary != BOUNDARY else "",
            deploy=True,
        )
        release = Release(SERVICE, ENVIRONMENT, template.data, None, TAGS, redeploy_command=redeploy)
        options = Options(yes=yes, artifacts_bucket=artifacts_bucket)
        _deploy(release, pipeline, options, connection, as_json)


def _pipeline(
    repository: str, ids: Ids | None, services: list[CompiledService], provider: str | None, boundary: str
) -> Pipeline:
    """The pipeline of a repository. ``boundary`` is the name of the boundary to create, or the ARN of an existing one.

    Raises ValueError if the permissions of an action exceed the size of a policy.
    """
    policies: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for environment in dict.fromkeys(one.environment for one in services):
        stacks = [one.stack for one in services if one.environment == environment]
        needed = permissions(stacks, boundary_arn(boundary), BUCKET_ARN)
        policies[environment] = tuple(policy_document(statements) for statements in split_policies(needed.statements))
    own = (
        None
        if boundary.startswith("arn:")
        else PermissionsBoundary(boundary, boundary_of([one.stack for one in services], ""))
    )
    specs = [one.spec for one in services if one.spec]
    images = [registry(spec) for spec in specs]
    created = tuple(name for account, region, name in filter(None, images) if account is None and region is None)
    elsewhere = tuple(
        arn
        for spec, image in zip(specs, images, strict=True)
        if image and image[2] not in created and (arn := repository_arn(spec))
    )
    return Pipeline(repository, policies, created, own, ids, provider, elsewhere)


def _notes(pipeline: Pipeline, services: list[CompiledService], boundary: str) -> Iterator[str]:
    """Problems that do not stop the bootstrap but would stop the pipeline, possibly repeated."""
    if pipeline.ids is None:
        ids = f"$(gh api repos/{pipeline.repository} --jq '\"\\(.owner.id)/\\(.id)\"')"
        yield (
            "note: GitHub includes IDs in the tokens of repositories created, renamed or transferred since 2026-07-15, "
            f"and the roles reject such a repository unless you add --github-ids {ids}"
        )
    for one in services:
        if one.spec is None:
            continue  # an environment has no roles and no image
        limits, image = boundaries(one.stack), registry(one.spec)
        if not limits:
            yield (
                f"note: {visible(one.file)}: deploy roles cannot create roles without a boundary: "
                f"set permissionsBoundary: {boundary} under service"
            )
        elif limits != {boundary_arn(boundary)}:
            names = ", ".join(sorted(limits))
            yield f"note: {visible(one.file)}: this permissions boundary must exist before the deploy: {names}"
        if image is not None and image[:2] != (None, None):
            yield (
                f"note: {visible(one.file)}: service.image names an account or region; that repository must exist, and "
                "allow this role to push"
            )
    unknown = {
        resource["Type"]
        for service in services
        for resource in service.stack.template["Resources"].values()
        if needed(resource["Type"], resource) is None
    }
    yield from (
        f"note: the permissions for {type} are unknown; add them to the deploy roles" for type in sorted(unknown)
    )


def _variables(pipeline: Pipeline) -> Iterator[str]:
    """The repository variables that the pipeline needs, before their values are known."""
    yield f"note: after the deploy of this stack, {pipeline.repository} needs these repository variables:"
    yield f"  {REGION_VARIABLE}: the region of the stack"
    yield from (f"  {variable}: the output {output}" for variable, output in _outputs(pipeline).items())


def _outputs(pipeline: Pipeline) -> dict[str, str]:
    """The outputs of the stack that become variables of the repository, by variable."""
    roles = {role_variable(environment): role_output(environment) for environment in pipeline.policies}
    return {BUCKET_VARIABLE: f"{BUCKET}Name", **roles}


def _deploy(release: Release, pipeline: Pipeline, options: Options, connection: Connection, as_json: bool) -> None:
    def act(aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
        from fsdcf.deploy.engine import deploy

        outcome = deploy(release, options, aws, lambda event: None if isinstance(event, RunEnded) else tell(event), ask)
        if outcome.exit is not Exit.DONE:
            return outcome
        return replace(outcome, next=(*outcome.next, *_settings(pipeline, outcome.outputs, aws.region)))

    run(STACK, connection, as_json, act)


def _settings(pipeline: Pipeline, outputs: Mapping[str, str], region: str) -> Iterator[str]:
    """The commands that set the repository's variables from the outputs of the stack."""
    values = {variable: outputs[output] for variable, output in _outputs(pipeline).items() if outputs.get(output)}
    for name, value in {REGION_VARIABLE: region, **values}.items():
        yield f"gh variable set {name} --body {value} --repo {pipeline.repository}"
