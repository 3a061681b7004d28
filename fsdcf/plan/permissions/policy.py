"""The least-privilege policy of a deploy: the engine's calls, and what CloudFormation calls with the same rights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fsdcf.cloudformation.iam import VERSION, Conditions, IamStatement
from fsdcf.cloudformation.permissions import targets_of
from fsdcf.plan.permissions.resources import Deployed, Site, arn, service_of, site_of, text

CALLS: Mapping[str, frozenset[str]] = {
    "cloudformation": frozenset(
        {
            *(
                "DescribeStacks",
                "DescribeStackEvents",
                "DescribeEvents",
                "ListStackResources",
                "GetTemplate",
                "ListImports",
            ),
            *("CreateChangeSet", "DescribeChangeSet", "DeleteChangeSet", "ExecuteChangeSet", "ListChangeSets"),
            *("CancelUpdateStack", "ContinueUpdateRollback", "RollbackStack", "DeleteStack"),
        }
    ),
    "ecr": frozenset({"DescribeImages"}),
    "ecs": frozenset(
        {
            *("DescribeServices", "DescribeTasks", "ListTasks", "DescribeTaskDefinition"),
            *("ListServiceDeployments", "DescribeServiceDeployments"),
        }
    ),
    "elbv2": frozenset({"DescribeTargetHealth"}),
    "logs": frozenset({"GetLogEvents"}),
    "s3": frozenset({"HeadBucket", "PutObject"}),
    "sts": frozenset({"GetCallerIdentity"}),
}
"""Operations of the engine by botocore's names."""

_PREFIX = {"elbv2": "elasticloadbalancing"}
"""What IAM calls a service, where it is not botocore's name for it."""

_ACTIONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("cloudformation", "CreateChangeSet"): (
        *("cloudformation:CreateChangeSet", "cloudformation:TagResource", "cloudformation:UntagResource"),
    ),
    ("s3", "HeadBucket"): ("s3:ListBucket",),
    ("s3", "PutObject"): ("s3:GetObject", "s3:PutObject"),
    ("sts", "GetCallerIdentity"): (),
}
"""Operations that do not need the action of their own name alone: a change set may change the stack's tags, CloudFormation reads
the staged template with the caller's rights, and GetCallerIdentity needs no permission.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html, list_amazons3.html"""


def engine_actions() -> Iterator[str]:
    """The IAM actions of the engine."""
    for service, operations in sorted(CALLS.items()):
        for operation in sorted(operations):
            yield from _ACTIONS.get((service, operation), (f"{_PREFIX.get(service, service)}:{operation}",))


BOUNDARY = "fsdcf-boundary"
"""The permissions boundary of the roles that a deploy makes, where nothing names another."""

_BOUND = frozenset(
    {
        *("iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
        *("iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"),
    }
)
"""Actions that know the condition key ``iam:PermissionsBoundary``.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html"""

_ANYWHERE = frozenset("*")
_LIST_TASKS = "ecs:ListTasks"
"""Knows no resource that a service's tasks are listed by, but the condition key ``ecs:cluster``.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html"""

_LINKED = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "ecs.application-autoscaling.amazonaws.com",
    "AWS::ECS::Cluster": "ecs.amazonaws.com",
    "AWS::ECS::Service": "ecs.amazonaws.com",
    "AWS::EFS::FileSystem": "elasticfilesystem.amazonaws.com",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "elasticloadbalancing.amazonaws.com",
    "AWS::RDS::DBCluster": "rds.amazonaws.com",
    "AWS::RDS::DBInstance": "rds.amazonaws.com",
    "AWS::ElastiCache::ReplicationGroup": "elasticache.amazonaws.com",
    "AWS::ElastiCache::ServerlessCache": "elasticache.amazonaws.com",
}
"""The services whose own roles the first resource of a type makes in an account.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html"""


@dataclass(frozen=True)
class Permissions:
    """What deploys need, and the types of resources whose schemas do not tell what they need."""

    statements: tuple[IamStatement, ...]
    unknown: tuple[str, ...]


def permissions(stacks: Sequence[Deployed], boundary: str, bucket: str | None = None) -> Permissions:
    """What deploys of these stacks need.

    ``boundary`` is the ARN of the permissions boundary for roles whose template names none, ``bucket`` that of the artifacts
    bucket. Both are fragments, in which pseudo parameters stand for account, region and partition.
    """
    site = site_of(stacks)
    limits = frozenset(limit for stack in stacks for limit in boundaries(stack) or {boundary})
    statements = [*_engine(site, bucket), *_resources(site), *_roles(site, limits), *_linked(site)]
    return Permissions(tuple(one for one in statements if one.actions), site.unknown)


def boundary_arn(name: str) -> str:
    """The ARN of a policy of the account, as a fragment; an ARN stays what it is."""
    return name if name.startswith("arn:") else arn("iam", f"policy/{name}", "")


def boundaries(stack: Deployed) -> frozenset[str]:
    """The permissions boundaries of a template's roles, as ARN fragments."""
    roles = stack.resources("AWS::IAM::Role").values()
    return frozenset(text(one["PermissionsBoundary"]) for one in roles if "PermissionsBoundary" in one)


def _engine(site: Site, bucket: str | None) -> Iterator[IamStatement]:
    """What the engine itself calls, by service; what applies to nothing that these stacks have is left out."""
    names = {kind: arns for kind, arns in site.names.items() if kind[0] != "s3"}
    names[("cloudformation", "changeset")] = frozenset({arn("cloudformation", "changeSet/*")})
    if bucket:
        names |= {("s3", "bucket"): frozenset({bucket}), ("s3", "object"): frozenset({f"{bucket}/*"})}
    allowed = []
    for action in (one for one in engine_actions() if one != _LIST_TASKS):
        targets = targets_of(action)
        arns = frozenset(one for target in targets for one in names.get((service_of(action), target.name), ()))
        if arns or not targets:
            allowed.append((action, arns or _ANYWHERE))
    yield from _statements(allowed, "Engine")
    clusters = tuple(sorted(names.get(("ecs", "cluster"), ())))
    if _LIST_TASKS in engine_actions() and clusters:
        yield IamStatement("EngineTasks", (_LIST_TASKS,), ("*",), {"ArnLike": {"ecs:cluster": clusters}})


def _resources(site: Site) -> Iterator[IamStatement]:
    """What CloudFormation calls to make, change and remove the resources, but for the roles."""
    allowed = [(one, site.arns(one) or _ANYWHERE) for one in sorted(site.actions) if service_of(one) != "iam"]
    yield from _statements((one for one in allowed if not site.is_told_by_tags(one[0])), "")
    own: Conditions = {"StringEquals": {f"aws:ResourceTag/{name}": values for name, values in site.tags.items()}}
    yield from _statements((one for one in allowed if site.is_told_by_tags(one[0])), "Own", own)


def _roles(site: Site, limits: frozenset[str]) -> Iterator[IamStatement]:
    """Roles are made and changed within their boundary alone, which nothing here takes away; ECS tasks alone are given them."""
    roles = tuple(sorted(site.names.get(("iam", "role"), ())))
    if not roles:
        return
    called = {one for one in site.actions if service_of(one) == "iam"}
    within: Conditions = {"StringEquals": {"iam:PermissionsBoundary": tuple(sorted(limits))}}
    yield IamStatement("RolesWithinBoundary", tuple(sorted(called & _BOUND)), roles, within)
    yield IamStatement("Roles", tuple(sorted(called - _BOUND)), roles)
    to_tasks: Conditions = {"StringEquals": {"iam:PassedToService": ("ecs-tasks.amazonaws.com",)}}
    yield IamStatement("PassRole", ("iam:PassRole",), roles, to_tasks)


def _linked(site: Site) -> Iterator[IamStatement]:
    services = tuple(sorted({service for type, service in _LINKED.items() if type in site.types}))
    if services:
        own: Conditions = {"StringEquals": {"iam:AWSServiceName": services}}
        role = arn("iam", "role/aws-service-role/*", "")
        yield IamStatement("ServiceLinkedRoles", ("iam:CreateServiceLinkedRole",), (role,), own)


def _statements(
    allowed: Iterable[tuple[str, frozenset[str]]], lead: str, conditions: Conditions | None = None
) -> Iterator[IamStatement]:
    """A statement for each service, over all its resources: an action applies to none but those of its own kinds."""
    joined: dict[str, tuple[set[str], set[str]]] = {}
    for action, arns in allowed:
        place = (
            "Anywhere" if arns == _ANYWHERE else "".join(word.capitalize() for word in service_of(action).split("-"))
        )
        actions, resources = joined.setdefault(lead + place, (set(), set()))
        actions.add(action)
        resources |= arns
    for sid, (actions, resources) in sorted(joined.items()):
        yield IamStatement(sid, tuple(sorted(actions)), tuple(sorted(_widest(resources))), conditions or {})


def _widest(arns: set[str]) -> set[str]:
    """The ARNs without those that another one covers."""
    leads = [one[:-1] for one in arns if one.endswith("*")]
    return {one for one in arns if not any(one.startswith(lead) and one != f"{lead}*" for lead in leads)}


DENIED = ("account:*", "iam:*", "organizations:*")
"""What no task may ever do, though a role's own policy say ``*``."""


def boundary(stacks: Sequence[Deployed]) -> dict[str, Any]:
    """The boundary's document: the actions that the roles of these templates allow, on anything; their policies say on what."""
    actions = sorted({action for stack in stacks for action in allowed(stack)})
    statements: list[dict[str, Any]] = []
    if actions:
        statements.append({"Sid": "Services", "Effect": "Allow", "Action": actions, "Resource": "*"})
    statements.append({"Sid": "Administration", "Effect": "Deny", "Action": list(DENIED), "Resource": "*"})
    return {"Version": VERSION, "Statement": statements}


def allowed(stack: Deployed) -> Iterator[str]:
    """The actions that the policies of a template's roles allow."""
    for properties in stack.resources("AWS::IAM::Role").values():
        for policy in properties.get("Policies", ()):
            yield from _allowed(policy["PolicyDocument"]["Statement"])
    for properties in stack.resources("AWS::IAM::Policy").values():
        yield from _allowed(properties["PolicyDocument"]["Statement"])


def _allowed(statements: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for statement in statements:
        if statement["Effect"] == "Allow":
            actions = statement["Action"]
            yield from [actions] if isinstance(actions, str) else actions
