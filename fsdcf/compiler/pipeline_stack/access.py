"""Who may use the pipeline: GitHub's OIDC provider, a deploy role for each environment, and the boundary of all other roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import GetAtt, Ref, iam

from fsdcf.compiler.pipeline_stack.model import Ids, Pipeline, role_id, role_output, role_variable
from fsdcf.compiler.resources.roles import VERSION, allow
from fsdcf.compiler.stack import Stack
from fsdcf.compiler.text import intrinsic
from fsdcf.spec.names import logical_id

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
