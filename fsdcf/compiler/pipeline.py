"""The pipeline's stack: its parts in their fixed order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, Ref, ecr, iam, s3

from fsdcf.compiler.parts.buckets import add_bucket
from fsdcf.compiler.parts.roles import VERSION, allow
from fsdcf.compiler.service import Template
from fsdcf.compiler.stack import Stack
from fsdcf.compiler.text import intrinsic
from fsdcf.conventions import ENVIRONMENT_TAG, SERVICE_TAG
from fsdcf.language.names import logical_id

SERVICE, ENVIRONMENT = "fsdcf", "pipeline"
"""The stack is called after these two, as every other one, and bears them as its tags."""

BUCKET = "ArtifactsBucket"
BUCKET_ARN = f"${{{BUCKET}.Arn}}"
"""The artifacts bucket's ARN as a fragment, for the policies that are given."""


@dataclass(frozen=True)
class Ids:
    """The ids of an owner and a repository on GitHub, which never change."""

    owner: str
    repository: str


@dataclass(frozen=True)
class Boundary:
    """The permissions boundary of the services' roles, which the stack makes: its name and document."""

    name: str
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Pipeline:
    """A repository on GitHub (``owner/name``) and what it may do in this account.

    ``policies`` are the documents of each environment's deploy role, whose texts are fragments; ``images`` the ECR repositories to
    make, ``elsewhere`` the ARNs (fragments) of those that exist in an account or region that a spec names. ``provider`` is the ARN of
    an OIDC provider that is there already; ``boundary`` is None where somebody else made one.
    """

    repository: str
    policies: Mapping[str, tuple[Mapping[str, Any], ...]]
    images: tuple[str, ...]
    boundary: Boundary | None
    ids: Ids | None = None
    provider: str | None = None
    elsewhere: tuple[str, ...] = ()


def role_id(environment: str) -> str:
    """The logical id of an environment's deploy role."""
    return logical_id(environment, "DeployRole")


def role_output(environment: str) -> str:
    """The output with the role's ARN."""
    return f"{role_id(environment)}Arn"


def role_variable(environment: str) -> str:
    """The repository variable on GitHub that holds the role's ARN: ``FSDCF_ROLE_STAGING``."""
    return f"FSDCF_ROLE_{environment.upper().replace('-', '_')}"


REGION_VARIABLE = "AWS_REGION"
BUCKET_VARIABLE = "FSDCF_ARTIFACTS_BUCKET"


ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
PROVIDER = "GitHubProvider"
MOST_POLICIES = 10
"""Managed policies of a role, unless the quota was raised.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

SESSION_SECONDS = 3600
_PUSH = (
    *("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages"),
    *(
        "ecr:DescribeRepositories",
        "ecr:GetDownloadUrlForLayer",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
    ),
)


def subjects(repository: str, ids: Ids | None, environment: str) -> list[str]:
    """What GitHub may call a job of this repository and environment: by names alone, and by names with ids.

    Repositories that were made, renamed or moved since July 2026 are called by the second. A job with an environment is called
    by it and not by its branch, which the environment's own rules restrict.
    Source: https://docs.github.com/en/actions/reference/security/oidc
    """
    owner, _, name = repository.partition("/")
    found = [f"repo:{owner}/{name}:environment:{environment}"]
    if ids is not None:
        found.append(f"repo:{owner}@{ids.owner}/{name}@{ids.repository}:environment:{environment}")
    return found


def add_provider(stack: Stack, provider: str | None) -> Any:
    """The OIDC provider's ARN: of one that is there already, or of the stack's own. An account has one for GitHub."""
    if provider is not None:
        return provider
    stack.add(iam.OIDCProvider(PROVIDER, Url=f"https://{ISSUER}", ClientIdList=[AUDIENCE]), "provider")
    return Ref(PROVIDER)


def add_boundary(stack: Stack, name: str, document: Mapping[str, Any]) -> None:
    """The permissions boundary. Its name is fixed, for specs name it."""
    policy = iam.ManagedPolicy(
        "Boundary",
        ManagedPolicyName=name,
        Description="What the roles of services may do at most",
        PolicyDocument=dict(document),
    )
    stack.add(policy, "boundary")
    stack.output("BoundaryArn", "Permissions boundary of the services' roles", Ref("Boundary"))


def add_role(stack: Stack, pipeline: Pipeline, environment: str, provider: Any, repositories: Sequence[Any]) -> None:
    """The deploy role of an environment: what it may do is the given policies, and pushing images into ``repositories`` (ARNs)."""
    title = role_id(environment)
    policies = []
    for number, document in enumerate(pipeline.policies[environment], 1):
        name = logical_id(environment, f"DeployPolicy{number}")
        text = f"What a deploy to {environment} needs, part {number}"
        stack.add(
            iam.ManagedPolicy(name, Description=text, PolicyDocument=_intrinsic(document)),
            f"environments.{environment}",
        )
        policies.append(Ref(name))
    role = iam.Role(
        title,
        Description=f"Deploys to {environment} from {pipeline.repository} on GitHub",
        AssumeRolePolicyDocument={"Version": VERSION, "Statement": [_trust(pipeline, environment, provider)]},
        ManagedPolicyArns=policies,
        MaxSessionDuration=SESSION_SECONDS,
    )
    if repositories:
        push = [allow(["ecr:GetAuthorizationToken"], ["*"]), allow(_PUSH, list(repositories))]
        role.Policies = [iam.Policy(PolicyName="Push", PolicyDocument={"Version": VERSION, "Statement": push})]
    stack.add(role, f"environments.{environment}")
    text = f"Role that deploys to {environment}: repository variable {role_variable(environment)}"
    stack.output(role_output(environment), text, GetAtt(title, "Arn"))


def _trust(pipeline: Pipeline, environment: str, provider: Any) -> dict[str, Any]:
    equal: dict[str, Any] = {
        f"{ISSUER}:aud": AUDIENCE,
        f"{ISSUER}:sub": subjects(pipeline.repository, pipeline.ids, environment),
    }
    if pipeline.ids is not None:
        equal[f"{ISSUER}:repository_id"] = pipeline.ids.repository
    return {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": equal},
    }


def _intrinsic(data: Any) -> Any:
    """A document whose texts are fragments, with Fn::Sub and Ref where they hold something to fill in."""
    if isinstance(data, Mapping):
        return {key: _intrinsic(one) for key, one in data.items()}
    if isinstance(data, (list, tuple)):
        return [_intrinsic(one) for one in data]
    return intrinsic(data) if isinstance(data, str) else data


UNTAGGED_DAYS = 7
IMAGES_KEPT = 500
"""More than the 100 releases that SSM remembers, in each of a few environments: a rollback finds its image."""

ARTIFACT_DAYS = 90
REPLACED_DAYS = 30


def add_repository(stack: Stack, name: str) -> str:
    """An ECR repository whose tags never move, whose images are scanned, and whose oldest images go; its logical id."""
    title = logical_id(name, "Repository")
    repository = ecr.Repository(
        title,
        RepositoryName=name,
        ImageTagMutability="IMMUTABLE",
        ImageScanningConfiguration=ecr.ImageScanningConfiguration(ScanOnPush=True),
        EncryptionConfiguration=ecr.EncryptionConfiguration(EncryptionType="AES256"),
        LifecyclePolicy=ecr.LifecyclePolicy(LifecyclePolicyText=json.dumps(_lifecycle(), separators=(",", ":"))),
    )
    repository.DeletionPolicy = "RetainExceptOnCreate"
    repository.UpdateReplacePolicy = "Retain"
    stack.add(repository, f"images.{name}")
    stack.output(f"{title}Uri", f"Repository of the images of {name}", GetAtt(title, "RepositoryUri"))
    return title


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


def add_artifacts_bucket(stack: Stack) -> None:
    """The artifacts bucket: private, encrypted, versioned, reached over TLS only; what is old goes."""
    rule = s3.LifecycleRule(
        Id="old-artifacts",
        Status="Enabled",
        AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=7),
        ExpirationInDays=ARTIFACT_DAYS,
        NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=REPLACED_DAYS),
    )
    add_bucket(stack, BUCKET, f"{BUCKET}Policy", [rule], "artifacts")
    stack.output(f"{BUCKET}Name", f"Bucket for large templates: repository variable {BUCKET_VARIABLE}", Ref(BUCKET))


TAGS = {SERVICE_TAG: SERVICE, ENVIRONMENT_TAG: ENVIRONMENT}
STACK = f"{SERVICE}-{ENVIRONMENT}"


def compile_pipeline(pipeline: Pipeline) -> Template:
    """The template of the pipeline's stack. Raises ValueError where a role would need more policies than IAM attaches."""
    for environment, policies in pipeline.policies.items():
        if len(policies) > MOST_POLICIES:
            raise ValueError(
                f"the role for {environment} would need {len(policies)} policies, and IAM attaches {MOST_POLICIES}"
            )
    stack = Stack(f"What {pipeline.repository} on GitHub needs to build, push and deploy", TAGS)
    repositories = [GetAtt(add_repository(stack, name), "Arn") for name in sorted(set(pipeline.images))]
    repositories += [intrinsic(arn) for arn in sorted(set(pipeline.elsewhere))]
    add_artifacts_bucket(stack)
    if pipeline.boundary is not None:
        add_boundary(stack, pipeline.boundary.name, pipeline.boundary.document)
    provider = add_provider(stack, pipeline.provider)
    for environment in pipeline.policies:
        add_role(stack, pipeline, environment, provider, repositories)
    return Template(stack.data(), stack.origins)
