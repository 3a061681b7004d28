"""The stack of a pipeline on GitHub: image repositories, a bucket for artifacts, and a deploy role per environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, Ref, ecr, iam, s3

from fsdcf.compiler.parts.buckets import add_bucket
from fsdcf.compiler.parts.roles import allow, document, inline_policy
from fsdcf.compiler.stack import StackPart, Template, template_of
from fsdcf.compiler.text import intrinsic
from fsdcf.conventions import ENVIRONMENT_TAG, PIPELINE, SERVICE_TAG, role_variable
from fsdcf.language.names import logical_id

SERVICE, ENVIRONMENT = PIPELINE
"""The stack has these two as its name and its tags, as the stack of a service has its own."""
STACK = f"{SERVICE}-{ENVIRONMENT}"
TAGS = {SERVICE_TAG: SERVICE, ENVIRONMENT_TAG: ENVIRONMENT}

BUCKET = "ArtifactsBucket"
BUCKET_ARN = f"${{{BUCKET}.Arn}}"
"""ARN of the artifacts bucket as a fragment, for the policies of the deploy roles."""
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

UNTAGGED_DAYS = 7
IMAGES_KEPT = 500
"""More than the 100 releases that SSM keeps for each of a few environments, so that a rollback finds its image."""
ARTIFACT_DAYS = 90
REPLACED_DAYS = 30

_PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImages",
    "ecr:DescribeRepositories",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)


@dataclass(frozen=True)
class Ids:
    """The ids of an owner and a repository on GitHub, which never change."""

    owner: str
    repository: str


@dataclass(frozen=True)
class PermissionsBoundary:
    """The permissions boundary of the services' roles that the stack creates: its name and its document."""

    name: str
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Pipeline:
    """A repository on GitHub (``owner/name``) and its permissions in this account.

    ``policies`` are the documents of each environment's deploy role; their strings are fragments. ``images`` are the
    ECR repositories to create, ``elsewhere`` the ARNs (fragments) of existing ones in an account or region that a spec
    names. ``provider`` is the ARN of an existing OIDC provider. ``boundary`` is None if the stack does not create one.
    """

    repository: str
    policies: Mapping[str, tuple[Mapping[str, Any], ...]]
    images: tuple[str, ...]
    boundary: PermissionsBoundary | None
    ids: Ids | None = None
    provider: str | None = None
    elsewhere: tuple[str, ...] = ()


def compile_pipeline(pipeline: Pipeline) -> Template:
    """The template of the pipeline's stack. Raises ValueError if a role needs more policies than IAM attaches."""
    for environment, policies in pipeline.policies.items():
        if len(policies) > MOST_POLICIES:
            raise ValueError(
                f"the role for {environment} would need {len(policies)} policies, and IAM attaches {MOST_POLICIES}"
            )
    stack = StackPart()
    images = sorted(set(pipeline.images))
    _add_repositories(stack, images)
    _add_artifacts_bucket(stack)
    _add_boundary(stack, pipeline.boundary)
    if pipeline.provider is None:  # an account has only one provider for GitHub
        stack.add(iam.OIDCProvider(PROVIDER, Url=f"https://{ISSUER}", ClientIdList=[AUDIENCE]), "provider")
    arns = [GetAtt(_repository_id(name), "Arn") for name in images]
    arns += [intrinsic(arn) for arn in sorted(set(pipeline.elsewhere))]
    for environment in pipeline.policies:
        _add_deploy_role(stack, pipeline, environment, arns)
    return template_of(f"What {pipeline.repository} on GitHub needs to build, push and deploy", stack, {}, STACK)


def role_id(environment: str) -> str:
    """The logical id of an environment's deploy role."""
    return logical_id(environment, "DeployRole")


def role_output(environment: str) -> str:
    """The output with the role's ARN."""
    return f"{role_id(environment)}Arn"


def subjects(repository: str, ids: Ids | None, environment: str) -> list[str]:
    """The subjects of a job of this repository and environment in GitHub's tokens: with names, and with names and ids.

    GitHub adds the ids for repositories that were created, renamed or moved since July 2026. The subject of a job with
    an environment contains the environment instead of the branch; the environment's own rules restrict branches.
    Source: https://docs.github.com/en/actions/reference/security/oidc
    """
    owner, _, name = repository.partition("/")
    repositories = [repository] if ids is None else [repository, f"{owner}@{ids.owner}/{name}@{ids.repository}"]
    return [f"repo:{each}:environment:{environment}" for each in repositories]


def _repository_id(name: str) -> str:
    return logical_id(name, "Repository")


def _add_repositories(stack: StackPart, names: list[str]) -> None:
    """Add ECR repositories with immutable tags and scans, which expire their oldest images."""
    for name in names:
        title = _repository_id(name)
        repository = ecr.Repository(
            title,
            RepositoryName=name,
            ImageTagMutability="IMMUTABLE",
            ImageScanningConfiguration=ecr.ImageScanningConfiguration(ScanOnPush=True),
            EncryptionConfiguration=ecr.EncryptionConfiguration(EncryptionType="AES256"),
            LifecyclePolicy=ecr.LifecyclePolicy(LifecyclePolicyText=json.dumps(_lifecycle(), separators=(",", ":"))),
        )
        stack.keep(repository, f"images.{name}")
        stack.output(f"{title}Uri", f"Repository of the images of {name}", GetAtt(title, "RepositoryUri"))


def _lifecycle() -> dict[str, list[dict[str, object]]]:
    """Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html"""
    untagged = {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": UNTAGGED_DAYS,
    }
    oldest = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": IMAGES_KEPT}
    rules = ((f"no tag for {UNTAGGED_DAYS} days", untagged), (f"all but the newest {IMAGES_KEPT}", oldest))
    return {
        "rules": [
            {"rulePriority": number, "description": text, "selection": selection, "action": {"type": "expire"}}
            for number, (text, selection) in enumerate(rules, 1)
        ]
    }


def _add_artifacts_bucket(stack: StackPart) -> None:
    """Add the artifacts bucket: private, encrypted, versioned, TLS only; old artifacts expire."""
    rule = s3.LifecycleRule(
        Id="old-artifacts",
        Status="Enabled",
        ExpirationInDays=ARTIFACT_DAYS,
        NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=REPLACED_DAYS),
    )
    add_bucket(stack, BUCKET, f"{BUCKET}Policy", [rule], "artifacts")
    stack.output(f"{BUCKET}Name", f"Bucket for large templates: repository variable {BUCKET_VARIABLE}", Ref(BUCKET))


def _add_boundary(stack: StackPart, boundary: PermissionsBoundary | None) -> None:
    """Add the permissions boundary, if there is one. Its name is fixed because specs contain it."""
    if boundary is not None:
        policy = iam.ManagedPolicy(
            "Boundary",
            ManagedPolicyName=boundary.name,
            Description="What the roles of services may do at most",
            PolicyDocument=dict(boundary.document),
        )
        stack.add(policy, "boundary")
        stack.output("BoundaryArn", "Permissions boundary of the services' roles", Ref("Boundary"))


def _add_deploy_role(stack: StackPart, pipeline: Pipeline, environment: str, repositories: list[Any]) -> None:
    """Add the deploy role of an environment, with its policies and permission to push into ``repositories`` (ARNs)."""
    title, origin = role_id(environment), f"environments.{environment}"
    policies = []
    for number, statements in enumerate(pipeline.policies[environment], 1):
        name = logical_id(environment, f"DeployPolicy{number}")
        text = f"What a deploy to {environment} needs, part {number}"
        stack.add(iam.ManagedPolicy(name, Description=text, PolicyDocument=_intrinsic(statements)), origin)
        policies.append(Ref(name))
    role = iam.Role(
        title,
        Description=f"Deploys to {environment} from {pipeline.repository} on GitHub",
        AssumeRolePolicyDocument=document([_trust(pipeline, environment)]),
        ManagedPolicyArns=policies,
        MaxSessionDuration=SESSION_SECONDS,
    )
    if repositories:
        push = [allow(["ecr:GetAuthorizationToken"], ["*"]), allow(_PUSH, repositories)]
        role.Policies = [inline_policy("Push", push)]
    stack.add(role, origin)
    text = f"Role that deploys to {environment}: repository variable {role_variable(environment)}"
    stack.output(role_output(environment), text, GetAtt(title, "Arn"))


def _trust(pipeline: Pipeline, environment: str) -> dict[str, Any]:
    equal: dict[str, Any] = {
        f"{ISSUER}:aud": AUDIENCE,
        f"{ISSUER}:sub": subjects(pipeline.repository, pipeline.ids, environment),
    }
    if pipeline.ids is not None:
        equal[f"{ISSUER}:repository_id"] = pipeline.ids.repository
    return {
        "Effect": "Allow",
        "Principal": {"Federated": pipeline.provider or Ref(PROVIDER)},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": equal},
    }


def _intrinsic(data: Any) -> Any:
    """A document whose strings are fragments, with Fn::Sub and Ref where they contain placeholders."""
    if isinstance(data, Mapping):
        return {key: _intrinsic(below) for key, below in data.items()}
    if isinstance(data, (list, tuple)):
        return [_intrinsic(below) for below in data]
    return intrinsic(data) if isinstance(data, str) else data
