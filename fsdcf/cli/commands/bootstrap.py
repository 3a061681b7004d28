"""``fsdcf bootstrap``: the stack that a GitHub pipeline needs in an account.

``fsdcf permissions``: the policy of a deploy.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fsdcf.cli.compiled import compile_or_show
from fsdcf.cli.files import is_environment, specs_or_all, write, write_or_print
from fsdcf.cli.github import GitHubEnvironment, GitHubRepository
from fsdcf.cli.home import home_of
from fsdcf.cli.image import registry
from fsdcf.cli.options import (
    Connection,
    SpecInputs,
    account_id,
    allow_option,
    artifacts_bucket_option,
    at_home,
    branch_option,
    complete_environments,
    connection_options,
    environments_by_branch,
    format_option,
    json_option,
    masked_settings,
    matching,
    new_environment_option,
    spec_inputs,
    specs_argument,
    variable_option,
    yes_option,
)
from fsdcf.cli.runtime import run
from fsdcf.cloudformation.arns import DeployedStack
from fsdcf.cloudformation.iam import IamStatement, fill_in, policy_document, policy_size, split_policies
from fsdcf.cloudformation.limits import POLICY_CHARACTERS, is_large
from fsdcf.cloudformation.partitions import partition_of
from fsdcf.cloudformation.types.iam import ROLE
from fsdcf.compiler.emit import to_json, to_yaml
from fsdcf.compiler.parts.image import repository_arn
from fsdcf.compiler.pipeline import (
    BUCKET_ARN,
    BUCKET_OUTPUT,
    BUCKET_VARIABLE,
    DEPLOY_ROLE,
    EXECUTION_ROLE,
    ISSUER,
    REGION_VARIABLE,
    DeployScope,
    Ids,
    PermissionsBoundary,
    Pipeline,
    compile_pipeline,
    scoped_id,
)
from fsdcf.compiler.stack import Template
from fsdcf.conventions import (
    BOUNDARY,
    DEFINITION_OUTPUT,
    ENVIRONMENT_SERVICE,
    ENVIRONMENT_TAG,
    PIPELINE,
    environment_stack,
)
from fsdcf.deploy.model import Ask, Exit, NoticeIssued, Options, Outcome, Release, RunEnded, Target, Tell
from fsdcf.language.model.service import Spec
from fsdcf.language.model.traffic import BUCKET_NAME
from fsdcf.pipeline import Result
from fsdcf.plan.permissions.boundary import WideResource, of_others, widened
from fsdcf.plan.permissions.policy import (
    Permissions,
    boundaries,
    boundary_arn,
    boundary_name,
    engine_permissions,
    execution_permissions,
    operating,
    permissions,
    pushing,
)
from fsdcf.plan.permissions.policy import boundary as boundary_of
from fsdcf.plan.permissions.resources import identities, needed
from fsdcf.repository import repository_root
from fsdcf.suggested import Value, suggested, words_of
from fsdcf.wording import visible

if TYPE_CHECKING:
    from fsdcf.deploy.aws import Aws
    from fsdcf.operate.pipelines import Surrounding

_region = matching(r"[a-z]{2,}(-[a-z]+)+-\d+", "a region such as eu-west-1")
_POLICY_NAME = r"([A-Za-z0-9+=,.@_-]|\$\{ENV\}|\$\{SERVICE\})"
_policy = matching(
    rf"{_POLICY_NAME}{{1,128}}|arn:aws(-[a-z]+)*:iam::(\d{{12}}|aws):policy/({_POLICY_NAME}|/)+",
    "the name or ARN of a policy, with ${ENV} for the environment and ${SERVICE} for the service",
)
_bucket = matching(BUCKET_NAME, "the name of a bucket")
_repository = matching(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}", "ORG/REPO")
_ids = matching(r"[1-9]\d{0,19}/[1-9]\d{0,19}", "two numbers, ORGID/REPOID")
_provider = matching(
    rf"arn:aws(-[a-z]+)*:iam::\d{{12}}:oidc-provider/{re.escape(ISSUER)}",
    f"an ARN that ends in :oidc-provider/{ISSUER}",
)
_ENVIRONMENTS = ("staging", "prod")
_ANY = {"AccountId": "*", "Region": "*", "Partition": "aws"}
_LONGEST_OWNER = 40
"""The most characters of a repository in the name of a boundary, which has at most 128."""
_SHOWN = 3
"""The most actions that a note shows."""


@dataclass(frozen=True)
class CompiledService:
    """A spec compiled for one environment; ``spec`` is None for the environment itself.

    ``protected``: the environment is production, or its file protects it.
    """

    file: str
    environment: str
    spec: Spec | None
    stack: DeployedStack
    protected: bool


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
            services.append(CompiledService(request.name, environment, result.spec, stack, result.is_production))
    if failed:
        click.get_current_context().exit(2)
    names: dict[str, str] = {}
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
@click.option("--account", callback=account_id, metavar="ID", help="AWS account of the stacks.  [default: any, `*`]")
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
@click.option("--build", is_flag=True, help="Also those of `build --push` and `deploy --build`: to push images to ECR.")
def permissions_command(
    inputs: SpecInputs,
    operate: bool,
    build: bool,
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
    limit = boundary_arn(boundary_name(boundary or BOUNDARY, environment))
    uploads = bucket and f"arn:${{AWS::Partition}}:s3:::{bucket}"
    if operate and build:
        raise click.UsageError("--operate cannot be combined with --build")
    needed = operating(stacks) if operate else permissions(stacks, limit, uploads)
    if build:
        found = ((repository_arn(one.spec), one.stack.tags) for one in services if one.spec)
        pushed = pushing((arn, tags) for arn, tags in found if arn)
        needed = replace(needed, statements=(*needed.statements, *pushed.statements))
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
        if any(identities(stack)) and not (operate or boundary or boundaries(stack)):
            click.echo(
                f"note: the roles of {stack.stack} have no permissions boundary, but this policy allows only roles "
                f"with {fill_in(limit, values)}: set permissionsBoundary under {_block(stack)}",
                err=True,
            )
    for type in needed.unknown:
        click.echo(f"note: the permissions for {type} are unknown; add them by hand", err=True)


def _block(stack: DeployedStack) -> str:
    """The block of a spec that has the keys of its tasks: ``service`` or ``job``."""
    return "job" if DEFINITION_OUTPUT in stack.template.get("Outputs", {}) else "service"


def _policy_text(statements: Sequence[IamStatement], values: Mapping[str, str]) -> str:
    return json.dumps(fill_in(policy_document(statements), values), indent=2) + "\n"


@click.command()
@specs_argument("specs", "[SPEC...]", -1)
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
    help="IDs of the organization and the repository, to which the roles are bound.  [default: those that gh tells]",
)
@click.option(
    *("--env", "environments"),
    multiple=True,
    metavar="NAME",
    shell_complete=complete_environments,
    help="Environment in this account; repeatable.  [default: those with a file among the specs, else staging, prod]",
)
@branch_option(
    "Branch that deploys to an environment, as for `fsdcf ci github`; the roles of production and of protected "
    "environments are for it alone; repeatable.  [default: staging=staging, main=prod]"
)
@variable_option
@new_environment_option
@click.option(
    "--per-service",
    is_flag=True,
    help="Create the roles and the boundary for each service instead of each environment.",
)
@click.option(
    *("--oidc-provider", "provider"),
    callback=_provider,
    metavar="ARN",
    help="Existing OIDC provider of GitHub in the account; --deploy finds it.",
)
@click.option(
    *("--permissions-boundary", "boundary"),
    callback=_policy,
    metavar="NAME|ARN",
    help="Name of the permissions boundaries to create, or ARN of an existing one; ${ENV} in it is the environment, "
    f"${{SERVICE}} the service.  [default: {BOUNDARY}, with --per-service {BOUNDARY}-${{SERVICE}}]",
)
@format_option("yaml", "json", help="Output format of the template.")
@click.option("-o", "--output", metavar="FILE", help="File to write instead of standard output (-).")
@click.option("--deploy", "deploys", is_flag=True, help="Deploy the stack instead of printing the template.")
@yes_option("With --deploy: skip the confirmation prompt.")
@click.option("--recreate", is_flag=True, help="With --deploy: delete the remains of a failed first deploy.")
@allow_option("With --deploy: allow the removal of this resource from the stack, which keeps it; repeatable.")
@artifacts_bucket_option
@connection_options
@json_option
def bootstrap_command(
    specs: tuple[Path, ...],
    environments: tuple[str, ...],
    variables: tuple[str, ...],
    new_environment: bool,
    form: str,
    output: str | None,
    deploys: bool,
    yes: bool,
    recreate: bool,
    allow: tuple[str, ...],
    artifacts_bucket: str | None,
    connection: Connection,
    as_json: bool,
    **pipeline: Any,
) -> None:
    """Compile the stack of a repository's pipeline: image repositories, an S3 bucket, and for each environment two
    roles and a permissions boundary.

    Without SPEC it covers every spec of the repository.
    """
    if deploys and output:
        raise click.UsageError("--deploy cannot be combined with -o")
    if not deploys and (yes or recreate or allow or as_json or artifacts_bucket):
        raise click.UsageError("--yes, --recreate, --allow, --json and --artifacts-bucket need --deploy")
    files = specs_or_all(specs, repository_root(Path.cwd()), environments=True)
    inputs = SpecInputs(files, variables=variables, new_environment=new_environment)
    described = tuple(path.stem for path in files if is_environment(path))
    chosen = tuple(dict.fromkeys(environments or described)) or _ENVIRONMENTS
    bootstrap = Bootstrap(compiled_services(inputs, chosen), **pipeline)
    if not deploys:
        template = bootstrap.template(bootstrap.pipeline)
        write_or_print(output, to_json(template.data) if form == "json" else to_yaml(template.data))
        without_ids = () if bootstrap.pipeline.ids else (f"note: {bootstrap.without_ids}",)
        for note in (*without_ids, *bootstrap.notes(), *bootstrap.rules(), *bootstrap.variables()):
            click.echo(note, err=True)
        return
    bootstrap.template(bootstrap.pipeline)  # what cannot be compiled is reported before the first call
    for note in bootstrap.notes():
        click.echo(note, err=True)
    for environment, folder in dict.fromkeys((one.environment, Path(one.file).parent) for one in bootstrap.services):
        connection = at_home(connection, home_of(environment, folder))
    redeploy = bootstrap.command(specs, env=environments, new_env=new_environment, var=masked_settings(variables))
    options = Options(yes=yes, recreate=recreate, allow=frozenset(allow), artifacts_bucket=artifacts_bucket)
    act = partial(_deploy, bootstrap, options, redeploy)
    run(Target(*PIPELINE, redeploy, pipeline=bootstrap.pipeline.stack), connection, as_json, act)


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap:
    """The pipeline of a repository for compiled services, and the options of the command."""

    services: list[CompiledService]
    repository: str
    ids: str | None
    branches: tuple[str, ...]
    per_service: bool
    provider: str | None
    boundary: str | None

    def __post_init__(self) -> None:
        name = self._boundary
        if name.startswith("arn:"):
            return
        for placeholder, apart in (("${ENV}", self._environments), ("${SERVICE}", self._scope_services)):
            if len(apart) > 1 and placeholder not in name:
                raise click.UsageError(
                    f"--permissions-boundary {name}: {' and '.join(apart)} need boundaries of their own, because a "
                    f"role within a common one may do what the other needs: write '{name}-{placeholder}', in single "
                    "quotes"
                )

    def command(self, specs: tuple[Path, ...], **options: Value) -> str:
        """The command that deploys the stack."""
        return suggested(
            "bootstrap",
            *map(str, specs),
            github=self.repository,
            github_ids=self.ids,
            branch=self.branches,
            per_service=self.per_service,
            oidc_provider=self.provider,
            permissions_boundary=self.boundary,
            **options,
            deploy=True,
        )

    @property
    def _boundary(self) -> str:
        """The name of the boundaries with placeholders, or the ARN of an existing one."""
        return self.boundary or (f"{BOUNDARY}-${{SERVICE}}" if self.per_service else BOUNDARY)

    @property
    def another_boundary(self) -> str:
        """A name for the boundaries that no other repository of the account is likely to use."""
        own = re.sub(r"[^a-z0-9]+", "-", self.repository.lower()).strip("-")[:_LONGEST_OWNER]
        return f"{own}-boundary-${{ENV}}{'-${SERVICE}' if self.per_service else ''}"

    @property
    def _environments(self) -> list[str]:
        return list(dict.fromkeys(one.environment for one in self.services))

    @property
    def _alone(self) -> str:
        """The only environment, whose variables are its own: another account may have the others. Empty for several."""
        return self._environments[0] if len(self._environments) == 1 else ""

    @property
    def _scope_services(self) -> list[str]:
        """The services that have roles of their own; the stack of an environment counts as one."""
        return list(dict.fromkeys(map(_service, self.services))) if self.per_service else []

    @cached_property
    def github(self) -> GitHubRepository:
        """The repository, as gh tells it."""
        return GitHubRepository(self.repository)

    @cached_property
    def pipeline(self) -> Pipeline:
        """The pipeline. A usage error if a policy is too large."""
        ids = self.ids or self.github.ids()
        images = [image for one in self.services for image in _own_images(one.spec)]
        try:
            scopes = tuple(self._scopes())
        except ValueError as error:
            raise self._too_large(error) from None
        return Pipeline(self.repository, scopes, tuple(images), Ids.of(ids) if ids else None, self.provider)

    def template(self, pipeline: Pipeline) -> Template:
        """The template of the stack. A usage error if it does not fit."""
        try:
            return compile_pipeline(pipeline)
        except ValueError as error:
            raise self._too_large(error) from None

    def _too_large(self, error: ValueError) -> click.UsageError:
        is_of_policies = "IAM" in str(error)  # the stack itself would be even larger
        if self.per_service or not is_of_policies:
            return click.UsageError(str(error))
        return click.UsageError(f"{error}: give each service roles of its own with --per-service")

    def _scopes(self) -> Iterator[DeployScope]:
        """The scopes. Raises ValueError if the permissions of an action or a boundary exceed the size of a policy."""
        branches = {environment: branch for branch, environment in environments_by_branch(self.branches).items()}
        for environment in self._environments:
            services = [one for one in self.services if one.environment == environment]
            branch = branches.get(environment, "") if any(one.protected for one in services) else ""
            owners = dict.fromkeys(map(_service, services)) if self.per_service else [ENVIRONMENT_SERVICE]
            for own in owners:
                members = [one for one in services if _service(one) == own or not self.per_service]
                yield self._scope(environment, "" if own == ENVIRONMENT_SERVICE else own, branch, members)

    def _scope(self, environment: str, service: str, branch: str, members: Sequence[CompiledService]) -> DeployScope:
        stacks = [one.stack for one in members]
        name = boundary_name(self._boundary, environment, service or ENVIRONMENT_SERVICE)
        role = f"${{{scoped_id(environment, service, EXECUTION_ROLE)}.Arn}}"
        specs = [one.spec for one in members]
        return DeployScope(
            environment,
            service,
            branch,
            engine=_documents(engine_permissions(stacks, role, BUCKET_ARN)),
            execution=_documents(execution_permissions(stacks, boundary_arn(name))),
            boundary=None if name.startswith("arn:") else PermissionsBoundary(name, boundary_of(stacks, environment)),
            images=tuple(image for spec in specs for image in _own_images(spec)),
            elsewhere=tuple(
                arn
                for spec in specs
                if spec and not _own_images(spec) and registry(spec) and (arn := repository_arn(spec))
            ),
        )

    @property
    def without_ids(self) -> str:
        """What it means that the ids of the repository are unknown."""
        ids = f"$(gh api repos/{self.repository} --jq '\"\\(.owner.id)/\\(.id)\"')"
        return (
            "GitHub includes IDs in the tokens of repositories created, renamed or transferred since 2026-07-15, and "
            f"the roles reject such a repository unless you add --github-ids {ids}; with them, whoever takes "
            f"the name {self.repository} later does not get the roles"
        )

    def notes(self) -> list[str]:
        """Problems that do not stop the bootstrap but would stop the pipeline."""
        return list(dict.fromkeys(self._notes()))

    def _notes(self) -> Iterator[str]:
        if self._boundary.startswith("arn:") and "${ENV}" not in self._boundary and len(self._environments) > 1:
            yield f"note: {self._boundary} is the boundary of every environment: it keeps none of them from another"
        protected = {one.environment for one in self.services if one.protected}
        for scope in self.pipeline.scopes:
            if scope.environment in protected and not scope.branch:
                yield (
                    f"note: no branch is known for {scope.environment}, so that its roles rely on the rules of the "
                    f"environment on GitHub alone: add --branch BRANCH={scope.environment}"
                )
        for one in self.services:
            yield from self._notes_on(one)
        unknown = {
            resource["Type"]
            for service in self.services
            for resource in service.stack.template["Resources"].values()
            if needed(resource["Type"], resource) is None
        }
        for type in sorted(unknown):
            yield f"note: the permissions for {type} are unknown; add them to the execution roles"

    def _notes_on(self, one: CompiledService) -> Iterator[str]:
        name, limits = _service(one), boundaries(one.stack)
        line = f"`permissionsBoundary: {self._boundary.replace('${SERVICE}', name)}`"
        line += f" under {_block(one.stack) if one.spec else 'environment'}"
        own = boundary_arn(boundary_name(self._boundary, one.environment, name))
        if not limits and one.stack.resources(ROLE):
            yield f"note: {visible(one.file)}: the roles of a pipeline create no role without a boundary: write {line}"
        elif limits and limits != {own}:
            others = ", ".join(limit.rpartition(":policy/")[2] for limit in sorted(limits))
            yield (
                f"note: {visible(one.file)}: the roles of {one.stack.stack} have the boundary {others}, and the "
                f"pipeline creates them within that of {one.environment} alone: write {line}"
            )
        for found in (*_wide(one), *_foreign(one, self._environments)):
            yield f"note: {visible(one.file)}: {found}"
        image = registry(one.spec) if one.spec else None
        if image is not None and image[:2] != (None, None):
            yield (
                f"note: {visible(one.file)}: service.image names an account or region; that repository must exist, "
                "with immutable tags, and allow this role to push"
            )

    def variables(self) -> Iterator[str]:
        """The repository variables that the pipeline needs, before their values are known."""
        where = f", on its environment {self._alone}" if self._alone else ""
        yield f"note: after the deploy of this stack, {self.repository} needs these variables on GitHub{where}:"
        yield f"  {REGION_VARIABLE}: the region of the stack"
        yield from (f"  {variable}: the output {output}" for variable, output in self._outputs().items())

    def _outputs(self) -> dict[str, str]:
        """The outputs of the stack that become variables of the repository, by variable."""
        outputs = {BUCKET_VARIABLE: BUCKET_OUTPUT}
        for scope in self.pipeline.scopes:
            outputs |= scope.outputs
        return outputs

    def settings(self, outputs: Mapping[str, str], region: str) -> Iterator[str]:
        """The commands that set the repository's variables from the outputs of the stack."""
        values = {variable: outputs[output] for variable, output in self._outputs().items() if outputs.get(output)}
        for name, value in {REGION_VARIABLE: region, **values}.items():
            options = f"--env {self._alone} --repo" if self._alone else "--repo"
            yield f"gh variable set {name} --body {value} {options} {self.repository}"

    def rules(self) -> list[str]:
        """What the environments on GitHub lack, and the commands that set their rules, as lines to print."""
        notes, commands = self.missing_rules
        if commands:
            others = " in place of all others" if self.github.trouble else ""
            notes = [
                *notes,
                f"the roles rely on the rules of the environments on GitHub, which these commands set{others}:",
            ]
        return [*(f"note: {note}" for note in notes), *(f"  {command}" for command in commands)]

    @cached_property
    def missing_rules(self) -> tuple[list[str], list[str]]:
        """What the environments on GitHub lack in sentences, if gh tells it, and the commands that set their rules."""
        branches = {environment: branch for branch, environment in environments_by_branch(self.branches).items()}
        protected = {one.environment for one in self.services if one.protected}
        notes, commands = [], []
        for name in self._environments:
            wanted = GitHubEnvironment(name, branches.get(name, ""), name in protected)
            found = self.github.lacking(wanted)
            if found is None:
                commands += self.github.commands(wanted) if wanted.branch or wanted.protected else []
            elif found[0]:
                notes.append(f"the environment {name} of {self.repository} on GitHub: {'; '.join(found[0])}")
                commands += found[1]
        if self.github.program is not None and self.github.trouble:
            notes.append(f"the environments on GitHub were not checked: {self.github.trouble}")
        return notes, commands


def _wide(one: CompiledService) -> Iterator[str]:
    """What wildcards in the statements of a service cost."""
    for resource, actions in _by_resource(widened(one.stack, one.environment)):
        yield (
            f"{actions} on {resource}: within the boundary, {one.stack.stack} may do so only with what has the tag "
            f"{ENVIRONMENT_TAG} of {one.environment}, and not with what has no tags: name the resources to include them"
        )


def _foreign(one: CompiledService, environments: Sequence[str]) -> Iterator[str]:
    """The statements of a service on resources with the name of another environment."""
    for resource, actions in _by_resource(of_others(one.stack, one.environment, environments)):
        yield (
            f"{actions} on {resource}: this is a name of another environment, and {one.stack.stack} may do so unless "
            f"AWS compares the tag {ENVIRONMENT_TAG} of the resource: name one of {one.environment}"
        )


def _by_resource(found: Iterable[WideResource]) -> Iterator[tuple[str, str]]:
    """The resources as a reader sees them, each with its actions in words."""
    actions: dict[str, set[str]] = {}
    for one in found:
        actions.setdefault(fill_in(one.resource, _ANY), set()).update(one.actions)
    for resource, names in sorted(actions.items()):
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield resource, ", ".join(sorted(names)[:_SHOWN]) + more


def _service(one: CompiledService) -> str:
    return one.spec.metadata.name if one.spec else ENVIRONMENT_SERVICE


def _own_images(spec: Spec | None) -> list[str]:
    """The ECR repository that the stack creates for a spec: none for one in another registry, account or region."""
    image = registry(spec) if spec else None
    return [image[2]] if image is not None and image[:2] == (None, None) else []


def _documents(needed: Permissions) -> tuple[dict[str, Any], ...]:
    """The policies of a role. Raises ValueError if the permissions of an action exceed the size of a policy."""
    return tuple(policy_document(statements) for statements in split_policies(needed.statements))


def _check_removals(outputs: Mapping[str, Any], around: Surrounding, options: Options, redeploy: str) -> None:
    """Raise Stop (exit 3) if the stack has deploy roles that the new template lacks, and that are not allowed to go."""
    from fsdcf.deploy.run import stop

    roles = [name.removesuffix("Arn") for name in around.outputs if name.endswith(f"{DEPLOY_ROLE}Arn")]
    gone = [role for role in roles if f"{role}Arn" not in outputs and role not in options.allow]
    if gone:
        allowed = " ".join((redeploy, *words_of(allow=gone)))
        sentence = (
            f"the stack {around.stack} has {', '.join(gone)}, which this command would remove: nothing was changed; "
            "name all environments of the account, each with --env, or allow it"
        )
        raise stop(Exit.REFUSED, sentence, allowed)


def _deploy(bootstrap: Bootstrap, options: Options, redeploy: str, aws: Aws, tell: Tell, ask: Ask | None) -> Outcome:
    from fsdcf.deploy.engine import deploy
    from fsdcf.operate.pipelines import NewPipeline, look_around

    pipeline = bootstrap.pipeline
    around = look_around(
        aws,
        NewPipeline(
            stack=pipeline.stack,
            repository=pipeline.repository,
            ids=str(pipeline.ids or ""),
            boundaries=tuple(scope.boundary.name for scope in pipeline.scopes if scope.boundary),
            images=pipeline.images,
            provider=ISSUER,
            another_boundary=bootstrap.another_boundary,
            redeploy_command=redeploy,
        ),
    )
    if around.stack != pipeline.stack:
        tell(NoticeIssued("stack", f"{around.stack} is the pipeline of this repository from before it was renamed"))
    provider, ids = pipeline.provider or around.provider, pipeline.ids or Ids.of(around.ids)
    pipeline = replace(pipeline, provider=provider, ids=ids, stack=around.stack)
    if pipeline.ids is None:
        tell(NoticeIssued("note", bootstrap.without_ids))

    _check_removals(bootstrap.template(pipeline).data["Outputs"], around, options, redeploy)

    def deployed(pipeline: Pipeline, options: Options) -> Outcome:
        template = bootstrap.template(pipeline).data
        release = Release(*PIPELINE, template, None, pipeline.tags, redeploy_command=redeploy, pipeline=pipeline.stack)
        return deploy(release, options, aws, lambda event: None if isinstance(event, RunEnded) else tell(event), ask)

    bucket = options.artifacts_bucket or around.outputs.get(BUCKET_OUTPUT)
    if not bucket and is_large(bootstrap.template(pipeline).data):
        tell(
            NoticeIssued("note", "the template is too large for one call: its bucket is deployed first, then the rest")
        )
        outcome = deployed(replace(pipeline, scopes=()), options)
        if outcome.exit is not Exit.DONE:
            return outcome
        bucket = outcome.outputs.get(BUCKET_OUTPUT)
    outcome = deployed(pipeline, replace(options, artifacts_bucket=bucket))
    if outcome.exit is not Exit.DONE:
        return outcome
    notes, commands = bootstrap.missing_rules
    for note in notes:
        tell(NoticeIssued("GitHub", note))
    return replace(outcome, next=(*outcome.next, *commands, *bootstrap.settings(outcome.outputs, aws.region)))
