"""The stack of a repository's pipeline on GitHub: image repositories, a bucket for artifacts, and for each environment
a permissions boundary, the role that deploys, and the role with which CloudFormation does so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, Ref, Sub, ecr, iam, s3

from fsdcf.cloudformation.ecr import PUSH_ACTIONS, lifecycle_policy
from fsdcf.compiler.limits import excesses
from fsdcf.compiler.parts.buckets import add_bucket
from fsdcf.compiler.parts.roles import allow, document, inline_policy
from fsdcf.compiler.stack import StackPart, Template, template_of
from fsdcf.compiler.text import intrinsic
from fsdcf.conventions import (
    ENVIRONMENT_TAG,
    PIPELINE,
    REPOSITORY_ID_TAG,
    REPOSITORY_TAG,
    SERVICE_TAG,
    execution_role_variable,
    pipeline_stack,
    role_variable,
)
from fsdcf.language.names import logical_id

BUCKET = "ArtifactsBucket"
BUCKET_ARN = f"${{{BUCKET}.Arn}}"
"""ARN of the artifacts bucket as a fragment, for the policies of the deploy roles."""
BUCKET_OUTPUT = f"{BUCKET}Name"
"""The output with its name."""
REGION_VARIABLE = "AWS_REGION"
BUCKET_VARIABLE = "FSDCF_ARTIFACTS_BUCKET"
"""Repository variables on GitHub."""

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
PROVIDER = "GitHubProvider"
SESSION_SECONDS = 3600

MOST_POLICIES = 10
"""Managed policies of a role, by default.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

ARTIFACT_DAYS = 90
REPLACED_DAYS = 30


@dataclass(frozen=True)
class Ids:
    """The ids of an owner and a repository on GitHub, which never change. As text: ``1234/5678``."""

    owner: str
    repository: str

    @classmethod
    def of(cls, text: str) -> Ids | None:
        """Read the text; None for any other."""
        owner, _, repository = text.partition("/")
        return cls(owner, repository) if owner.isdigit() and repository.isdigit() else None

    def __str__(self) -> str:
        return f"{self.owner}/{self.repository}"


Policies = tuple[Mapping[str, Any], ...]
"""The documents of a role's policies. Their strings are fragments."""


@dataclass(frozen=True)
class PermissionsBoundary:
    """A permissions boundary of the services' roles that the stack creates: its name and its document."""

    name: str
    document: Mapping[str, Any]


@dataclass(frozen=True)
class DeployScope:
    """What a deploy role deploys: an environment with its services, or one ``service`` of it.

    ``branch`` is the only one whose jobs get the role; empty for any that the rules of the environment on GitHub admit.
    The deploy role has the policies ``engine``, the role that it passes to CloudFormation the policies ``execution``.
    It pushes to the repositories ``images`` of the stack, and to those ``elsewhere`` (ARNs as fragments).
    ``boundary`` is None if the stack does not create one.
    """

    environment: str
    service: str
    branch: str
    engine: Policies
    execution: Policies
    boundary: PermissionsBoundary | None
    images: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``staging``, or ``shop in staging``."""
        return f"{self.service} in {self.environment}" if self.service else self.environment

    @property
    def origin(self) -> str:
        """The path of what it deploys, for the metadata of its resources."""
        return ".".join(filter(None, ("environments", self.environment, self.service)))

    @property
    def variable(self) -> str:
        """The variable on GitHub for the ARN of the deploy role."""
        return role_variable(self.environment, self.service)

    @property
    def execution_variable(self) -> str:
        """The variable on GitHub for the ARN of the execution role."""
        return execution_role_variable(self.environment, self.service)

    def id(self, suffix: str) -> str:
        """A logical id: ``StagingDeployRole`` for ``DeployRole``."""
        return scoped_id(self.environment, self.service, suffix)

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the stack that become variables on GitHub, by variable."""
        return {self.variable: f"{self.id(DEPLOY_ROLE)}Arn", self.execution_variable: f"{self.id(EXECUTION_ROLE)}Arn"}


@dataclass(frozen=True)
class Pipeline:
    """A repository on GitHub (``owner/name``), and what it deploys to this account.

    ``images`` are the ECR repositories to create. ``provider`` is the ARN of an existing OIDC provider of GitHub;
    without one, the stack creates it. ``stack`` is the name of the stack, by default that of the repository.
    """

    repository: str
    scopes: tuple[DeployScope, ...]
    images: tuple[str, ...]
    ids: Ids | None = None
    provider: str | None = None
    stack: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stack", self.stack or pipeline_stack(self.repository))

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the stack, which say whose it is."""
        service, environment = PIPELINE
        known = {REPOSITORY_ID_TAG: str(self.ids)} if self.ids else {}
        return {SERVICE_TAG: service, ENVIRONMENT_TAG: environment, REPOSITORY_TAG: self.repository, **known}


def compile_pipeline(pipeline: Pipeline) -> Template:
    """The template of the pipeline's stack.

    Raises ValueError if a role needs more policies than IAM attaches, or if two scopes have the same variables.
    """
    names: dict[str, DeployScope] = {}
    for scope in pipeline.scopes:
        most = max(len(scope.engine), len(scope.execution))
        if most > MOST_POLICIES:
            raise ValueError(f"a role for {scope.name} would need {most} policies, and IAM attaches {MOST_POLICIES}")
        other = names.setdefault(scope.variable, scope)
        if other is not scope:
            raise ValueError(f"{other.name} and {scope.name} would have the same variable {scope.variable}: rename one")
    stack = StackPart()
    _add_repositories(stack, sorted(set(pipeline.images)), len({scope.environment for scope in pipeline.scopes}))
    _add_artifacts_bucket(stack)
    if pipeline.provider is None:  # an account has only one provider for GitHub, which other pipelines use, too
        stack.keep(iam.OIDCProvider(PROVIDER, Url=f"https://{ISSUER}", ClientIdList=[AUDIENCE]), "provider")
    for scope in pipeline.scopes:
        _add_boundary(stack, scope)
        _add_execution_role(stack, scope)
        _add_deploy_role(stack, pipeline, scope)
    text = f"What {pipeline.repository} on GitHub needs to build, push and deploy"
    template = template_of(text, stack, {}, pipeline.stack)
    for excess in excesses(template):
        raise ValueError(f"the stack would have {excess.message}: bootstrap some environments in another account")
    return template


DEPLOY_ROLE, EXECUTION_ROLE = "DeployRole", "ExecutionRole"


def scoped_id(environment: str, service: str, suffix: str) -> str:
    """The logical id of a resource of an environment, or of a service in it: ``StagingShopDeployRole``."""
    return logical_id(f"{environment}-{service}" if service else environment, suffix)


def subjects(repository: str, ids: Ids | None, environment: str) -> list[str]:
    """The subjects of a job of this repository and environment in GitHub's tokens: with names, and with names and ids.

    GitHub adds the ids for repositories that were created, renamed or moved since July 2026. The subject of a job with
    an environment contains the environment instead of the branch, which is a claim of its own.
    Source: https://docs.github.com/en/actions/reference/security/oidc
    """
    owner, _, name = repository.partition("/")
    repositories = [repository] if ids is None else [repository, f"{owner}@{ids.owner}/{name}@{ids.repository}"]
    return [f"repo:{each}:environment:{environment}" for each in repositories]


def _repository_id(name: str) -> str:
    return logical_id(name, "Repository")


def _add_repositories(stack: StackPart, names: list[str], environments: int) -> None:
    """Add ECR repositories with immutable tags and scans, whose oldest images expire if one environment alone pushes
    to them: another one could otherwise push until the images of the first expire, and then take their tags."""
    lifecycle = lifecycle_policy(environments == 1)
    for name in names:
        title = _repository_id(name)
        repository = ecr.Repository(
            title,
            RepositoryName=name,
            ImageTagMutability="IMMUTABLE",
            ImageScanningConfiguration=ecr.ImageScanningConfiguration(ScanOnPush=True),
            EncryptionConfiguration=ecr.EncryptionConfiguration(EncryptionType="AES256"),
            LifecyclePolicy=ecr.LifecyclePolicy(LifecyclePolicyText=lifecycle),
        )
        stack.keep(repository, f"images.{name}")
        stack.output(f"{title}Uri", f"Repository of the images of {name}", GetAtt(title, "RepositoryUri"))


def _add_artifacts_bucket(stack: StackPart) -> None:
    """Add the artifacts bucket: private, encrypted, versioned, TLS only; old artifacts expire."""
    rule = s3.LifecycleRule(
        Id="old-artifacts",
        Status="Enabled",
        ExpirationInDays=ARTIFACT_DAYS,
        NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=REPLACED_DAYS),
    )
    add_bucket(stack, BUCKET, f"{BUCKET}Policy", [rule], "artifacts")
    stack.output(BUCKET_OUTPUT, f"Bucket for large templates: repository variable {BUCKET_VARIABLE}", Ref(BUCKET))


def _add_boundary(stack: StackPart, scope: DeployScope) -> None:
    """Add the permissions boundary, if there is one. Its name is fixed because specs contain it."""
    if scope.boundary is not None:
        title = scope.id("Boundary")
        policy = iam.ManagedPolicy(
            title,
            ManagedPolicyName=scope.boundary.name,
            Description=f"What the roles of {scope.name} may do at most",
            PolicyDocument=_intrinsic(scope.boundary.document),
        )
        stack.add(policy, scope.origin)
        stack.output(f"{title}Arn", f"Permissions boundary of the roles of {scope.name}", Ref(title))


def _add_execution_role(stack: StackPart, scope: DeployScope) -> None:
    """Add the role with which CloudFormation creates, changes and deletes what the deploy role deploys."""
    title = scope.id(EXECUTION_ROLE)
    trust = {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.Role(
        title,
        Description=f"CloudFormation changes the stacks of {scope.name} with this role",
        AssumeRolePolicyDocument=document([trust]),
        ManagedPolicyArns=_add_policies(stack, scope, "ExecutionPolicy", scope.execution),
    )
    _add_role(stack, scope, role, scope.execution_variable, "with which CloudFormation deploys")


def _add_deploy_role(stack: StackPart, pipeline: Pipeline, scope: DeployScope) -> None:
    """Add the role of the jobs on GitHub: it starts deploys, and pushes images."""
    role = iam.Role(
        scope.id(DEPLOY_ROLE),
        Description=f"Deploys {scope.name} from {pipeline.repository} on GitHub",
        AssumeRolePolicyDocument=document([_trust(pipeline, scope)]),
        ManagedPolicyArns=_add_policies(stack, scope, "DeployPolicy", scope.engine),
        MaxSessionDuration=SESSION_SECONDS,
    )
    if pipeline.provider is None:
        role.DependsOn = [PROVIDER]
    repositories = [GetAtt(_repository_id(name), "Arn") for name in sorted(set(scope.images))]
    repositories += [intrinsic(arn) for arn in sorted(set(scope.elsewhere))]
    if repositories:
        push = [allow(["ecr:GetAuthorizationToken"], ["*"]), allow(PUSH_ACTIONS, repositories)]
        role.Policies = [inline_policy("Push", push)]
    _add_role(stack, scope, role, scope.variable, "that deploys")


def _add_policies(
    stack: StackPart, scope: DeployScope, suffix: str, documents: Sequence[Mapping[str, Any]]
) -> list[Ref]:
    """Add managed policies with these documents."""
    policies = []
    for number, statements in enumerate(documents, 1):
        title = scope.id(f"{suffix}{number}")
        text = f"What a deploy of {scope.name} needs, part {number}"
        stack.add(iam.ManagedPolicy(title, Description=text, PolicyDocument=_intrinsic(statements)), scope.origin)
        policies.append(Ref(title))
    return policies


def _add_role(stack: StackPart, scope: DeployScope, role: iam.Role, variable: str, purpose: str) -> None:
    stack.add(role, scope.origin)
    text = f"Role {purpose} {scope.name}: repository variable {variable}"
    stack.output(f"{role.title}Arn", text, GetAtt(role.title, "Arn"))


def _trust(pipeline: Pipeline, scope: DeployScope) -> dict[str, Any]:
    """Who gets the deploy role: jobs of the repository that run in the environment, for one branch if it is known.

    Claims of GitHub's tokens that AWS takes as condition keys since January 2026:
    https://aws.amazon.com/about-aws/whats-new/2026/01/aws-sts-supports-validation-identity-provider-claims/
    A key that the token lacks never equals anything.
    """
    claims: dict[str, Any] = {
        "aud": AUDIENCE,
        "sub": subjects(pipeline.repository, pipeline.ids, scope.environment),
        "environment": scope.environment,
    }
    if scope.branch:
        claims["ref"] = f"refs/heads/{scope.branch}"
    if pipeline.ids is not None:
        claims["repository_id"] = pipeline.ids.repository
    provider = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:oidc-provider/{ISSUER}"
    return {
        "Effect": "Allow",
        "Principal": {"Federated": pipeline.provider or Sub(provider)},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{ISSUER}:{claim}": value for claim, value in claims.items()}},
    }


def _intrinsic(data: Any) -> Any:
    """A document whose strings are fragments, with Fn::Sub and Ref where they contain placeholders."""
    if isinstance(data, Mapping):
        return {key: _intrinsic(below) for key, below in data.items()}
    if isinstance(data, (list, tuple)):
        return [_intrinsic(below) for below in data]
    return intrinsic(data) if isinstance(data, str) else data
