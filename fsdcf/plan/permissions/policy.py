"""The least-privilege policy of a deploy: the calls of the engine, and those that CloudFormation makes with its
rights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fsdcf.aws_errors import iam_action
from fsdcf.cloudformation.arns import DeployedStack, arn, text
from fsdcf.cloudformation.iam import VERSION, Conditions, IamStatement
from fsdcf.cloudformation.permissions import targets_of
from fsdcf.cloudformation.planned import planned
from fsdcf.cloudformation.types import record_of
from fsdcf.cloudformation.types.elasticloadbalancingv2 import LISTENER_RULE, LOAD_BALANCER
from fsdcf.conventions import exporting_stack
from fsdcf.plan.permissions.resources import WITHOUT_NAME, DeployedResources, resources_of, service_of

CALLS: Mapping[str, frozenset[str]] = {
    "cloudformation": frozenset(
        {
            "DescribeStacks",
            "DescribeStackEvents",
            "DescribeEvents",
            "ListStackResources",
            "GetTemplate",
            "ListImports",
            "CreateChangeSet",
            "DescribeChangeSet",
            "DeleteChangeSet",
            "ExecuteChangeSet",
            "ListChangeSets",
            "CancelUpdateStack",
            "DetectStackDrift",
            "DescribeStackDriftDetectionStatus",
            "DescribeStackResourceDrifts",
            "ContinueUpdateRollback",
            "RollbackStack",
            "DeleteStack",
            "UpdateTerminationProtection",
        }
    ),
    "ecr": frozenset({"DescribeImages"}),
    "ecs": frozenset(
        {
            "DescribeServices",
            "DescribeTasks",
            "ListTasks",
            "DescribeTaskDefinition",
            "ListServiceDeployments",
            "DescribeServiceDeployments",
            "UpdateService",
        }
    ),
    "elbv2": frozenset({"DescribeRules", "DescribeTargetHealth", "ModifyLoadBalancerAttributes"}),
    "logs": frozenset({"GetLogEvents"}),
    "s3": frozenset({"HeadBucket", "PutObject"}),
    "ssm": frozenset({"LabelParameterVersion"}),
    "sts": frozenset({"GetCallerIdentity"}),
}
"""The operations that the engine calls, by botocore's names."""

OPERATING: Mapping[str, frozenset[str]] = {
    "application-autoscaling": frozenset({"DescribeScalableTargets", "DescribeScalingActivities"}),
    "cloudformation": frozenset({"DescribeStacks", "GetTemplate", "ListStackResources"}),
    "cloudwatch": frozenset({"DescribeAlarms"}),
    "ecs": CALLS["ecs"] | {"ExecuteCommand", "RunTask", "StopTask"},
    "elbv2": frozenset({"DescribeTargetHealth"}),
    "logs": CALLS["logs"] | {"DescribeLogStreams", "FilterLogEvents"},
    "ssm": frozenset({"GetParameterHistory"}),
}
"""The operations of the commands that operate a service and start no deploy."""

_ACTIONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("cloudformation", "CreateChangeSet"): (
        "cloudformation:CreateChangeSet",
        "cloudformation:TagResource",
        "cloudformation:UntagResource",
    ),
    ("cloudformation", "DetectStackDrift"): (
        "cloudformation:BatchDescribeTypeConfigurations",
        "cloudformation:DetectStackDrift",
        "cloudformation:DetectStackResourceDrift",
    ),
    ("ecs", "RunTask"): ("ecs:RunTask", "ecs:TagResource"),
    ("s3", "PutObject"): ("s3:GetObject", "s3:PutObject"),
    ("sts", "GetCallerIdentity"): (),
}
"""Operations that need other actions than the one of their name: a change set may change the stack's tags, drift
detection looks at each resource, a one-off task has tags, CloudFormation reads the staged template with the caller's
rights, and GetCallerIdentity needs no permission.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html,
list_amazons3.html"""


def actions_of(calls: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """The IAM actions of operations, such as ``CALLS``."""
    for service, operations in sorted(calls.items()):
        for operation in sorted(operations):
            yield from _ACTIONS.get((service, operation), (iam_action(service, operation),))


BOUNDARY = "fsdcf-boundary"
"""The default permissions boundary of the roles that a deploy creates."""

_BOUND = frozenset(
    {
        "iam:AttachRolePolicy",
        "iam:CreateRole",
        "iam:DeleteRolePolicy",
        "iam:DetachRolePolicy",
        "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
    }
)
"""Actions with the condition key ``iam:PermissionsBoundary``.
Source:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html"""

_CALLED_FOR = {
    "elasticloadbalancing:DescribeRules": LISTENER_RULE,
    "elasticloadbalancing:ModifyLoadBalancerAttributes": LOAD_BALANCER,
}
"""Actions of the engine that it calls for stacks with a resource of this type only: it counts the rules of a shared
listener, and deletes a load balancer whose creation failed although it is protected."""

_ANYWHERE = frozenset("*")
_LIST_TASKS = "ecs:ListTasks"
"""Has no resource type for the tasks of a service, but the condition key ``ecs:cluster``.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html"""


@dataclass(frozen=True)
class Permissions:
    """What deploys need, and the resource types whose schemas do not list what they need."""

    statements: tuple[IamStatement, ...]
    unknown: tuple[str, ...]


def permissions(stacks: Sequence[DeployedStack], boundary: str, bucket: str | None = None) -> Permissions:
    """The permissions that deploys of these stacks need.

    ``boundary`` is the ARN of the permissions boundary for roles whose template names none, ``bucket`` that of the
    artifacts bucket. Both are fragments with pseudo parameters for account, region and partition.
    """
    resources = resources_of(stacks)
    return _needed(resources, _engine(stacks, resources, bucket), _deployed(stacks, resources, boundary))


def engine_permissions(stacks: Sequence[DeployedStack], execution_role: str, bucket: str | None = None) -> Permissions:
    """The permissions of a role that starts deploys of these stacks: the calls of the engine itself, and
    ``execution_role``, with which CloudFormation makes all others. Both arguments are ARNs as fragments."""
    resources = resources_of(stacks)
    to_service: Conditions = {"StringEquals": {"iam:PassedToService": ("cloudformation.amazonaws.com",)}}
    passed = IamStatement("PassExecutionRole", ("iam:PassRole",), (execution_role,), to_service)
    return _needed(resources, _engine(stacks, resources, bucket), [passed])


def execution_permissions(stacks: Sequence[DeployedStack], boundary: str) -> Permissions:
    """The permissions of the role with which CloudFormation deploys these stacks. ``boundary`` is the ARN, as a
    fragment, of the permissions boundary for roles whose template names none."""
    resources = resources_of(stacks)
    return _needed(resources, _deployed(stacks, resources, boundary))


def _needed(deployed: DeployedResources, *statements: Iterable[IamStatement]) -> Permissions:
    return Permissions(tuple(one for each in statements for one in each if one.actions), deployed.unknown)


def _engine(stacks: Sequence[DeployedStack], deployed: DeployedResources, bucket: str | None) -> Iterator[IamStatement]:
    yield from _called(deployed, CALLS, "Engine", bucket)
    yield from _environments(stacks)


def _deployed(stacks: Sequence[DeployedStack], deployed: DeployedResources, boundary: str) -> Iterator[IamStatement]:
    """The calls of CloudFormation for the resources of these stacks."""
    yield from _resources(deployed)
    yield from _roles(deployed, frozenset(limit for stack in stacks for limit in boundaries(stack) or {boundary}))
    yield from _linked(deployed)


def _environments(stacks: Sequence[DeployedStack]) -> Iterator[IamStatement]:
    """What a deploy of services reads of the stacks of their environments, unless it may change these anyway: their
    outputs, such as the listener whose rules it counts, and the exports.

    No page says with whose rights CloudFormation reads an export; ListExports has no resource.
    """
    imported = {exporting_stack(one.name) for stack in stacks for one in planned(stack.template).imports}
    others = sorted(imported - {stack.stack for stack in stacks})
    if others:
        arns = tuple(arn("cloudformation", f"stack/{name}/*") for name in others)
        yield IamStatement("Environment", ("cloudformation:DescribeStacks",), arns)
    if imported:
        yield IamStatement("Exports", ("cloudformation:ListExports",), ("*",))


def operating(stacks: Sequence[DeployedStack]) -> Permissions:
    """The permissions of the commands that operate these stacks and start no deploy. A one-off task has their roles."""
    resources = resources_of(stacks)
    return Permissions((*_called(resources, OPERATING, "Operate"), *_passed(resources)), ())


def boundary_arn(name: str) -> str:
    """The ARN of a policy in the account, as a fragment; an ARN is returned unchanged."""
    return name if name.startswith("arn:") else arn("iam", f"policy/{name}", "")


def boundaries(stack: DeployedStack) -> frozenset[str]:
    """The permissions boundaries of a template's roles, as ARN fragments."""
    return frozenset(text(one["PermissionsBoundary"]) for one in _identities(stack) if "PermissionsBoundary" in one)


def _identities(stack: DeployedStack) -> Iterator[Mapping[str, Any]]:
    """The properties of the roles of a template and of their policies."""
    for resource in stack.template["Resources"].values():
        if record_of(resource["Type"]).policies.kind == "identity":
            yield resource.get("Properties", {})


def _called(
    deployed: DeployedResources, calls: Mapping[str, frozenset[str]], lead: str, bucket: str | None = None
) -> Iterator[IamStatement]:
    """The calls of fsdcf itself by service, without those that apply to no resource of these stacks."""
    names = {kind: arns for kind, arns in deployed.names.items() if kind[0] != "s3"}
    names[("cloudformation", "changeset")] = frozenset({arn("cloudformation", "changeSet/*")})
    clusters = names.get(("ecs", "cluster"), frozenset()) | deployed.joined
    if clusters:
        names[("ecs", "cluster")] = clusters
    if bucket:
        names |= {("s3", "bucket"): frozenset({bucket}), ("s3", "object"): frozenset({f"{bucket}/*"})}
    allowed = []
    skipped = {_LIST_TASKS, *(action for action, type in _CALLED_FOR.items() if type not in deployed.types)}
    for action in (one for one in actions_of(calls) if one not in skipped):
        targets = () if action in WITHOUT_NAME else targets_of(action)
        arns = frozenset(one for target in targets for one in names.get((service_of(action), target.name), ()))
        if arns or not targets:
            allowed.append((action, arns or _ANYWHERE))
    yield from _statements(allowed, lead)
    if clusters:
        yield IamStatement(
            f"{lead}Tasks", (_LIST_TASKS,), ("*",), {"ArnLike": {"ecs:cluster": tuple(sorted(clusters))}}
        )


def _resources(deployed: DeployedResources) -> Iterator[IamStatement]:
    """The calls by which CloudFormation creates, updates and deletes the resources, except the roles."""
    allowed = [(one, deployed.arns(one) or _ANYWHERE) for one in sorted(deployed.actions) if service_of(one) != "iam"]
    yield from _statements((one for one in allowed if not deployed.needs_owner_tags(one[0])), "")
    own: Conditions = {"StringEquals": {f"aws:ResourceTag/{name}": values for name, values in deployed.tags.items()}}
    yield from _statements((one for one in allowed if deployed.needs_owner_tags(one[0])), "Own", own)


def _roles(deployed: DeployedResources, limits: frozenset[str]) -> Iterator[IamStatement]:
    """Roles are created and changed within their boundary only, which nothing here removes, and passed to ECS tasks
    only."""
    roles = tuple(sorted(deployed.names.get(("iam", "role"), ())))
    if not roles:
        return
    called = {one for one in deployed.actions if service_of(one) == "iam"}
    within: Conditions = {"StringEquals": {"iam:PermissionsBoundary": tuple(sorted(limits))}}
    yield IamStatement("RolesWithinBoundary", tuple(sorted(called & _BOUND)), roles, within)
    yield IamStatement("Roles", tuple(sorted(called - _BOUND)), roles)
    yield from _passed(deployed)


def _passed(deployed: DeployedResources) -> Iterator[IamStatement]:
    roles = tuple(sorted(deployed.names.get(("iam", "role"), ())))
    if not roles:
        return
    to_tasks: Conditions = {"StringEquals": {"iam:PassedToService": ("ecs-tasks.amazonaws.com",)}}
    yield IamStatement("PassRole", ("iam:PassRole",), roles, to_tasks)


def _linked(deployed: DeployedResources) -> Iterator[IamStatement]:
    roles = {record_of(type).permissions.linked_role for type in deployed.types}
    services = tuple(sorted(role for role in roles if role is not None))
    if services:
        own: Conditions = {"StringEquals": {"iam:AWSServiceName": services}}
        role = arn("iam", "role/aws-service-role/*", "")
        yield IamStatement("ServiceLinkedRoles", ("iam:CreateServiceLinkedRole",), (role,), own)


def _statements(
    allowed: Iterable[tuple[str, frozenset[str]]], lead: str, conditions: Conditions | None = None
) -> Iterator[IamStatement]:
    """A statement for each service, on all its resources: an action applies to its own resource types only.

    An action on more resources of a type than another one has a statement of its own, so that the other one keeps its
    limits: every hosted zone may be read, and one be written.
    """
    joined: dict[str, dict[str, frozenset[str]]] = {}
    for action, arns in allowed:
        place = "Anywhere" if arns == _ANYWHERE else _words(service_of(action))
        joined.setdefault(lead + place, {})[action] = arns
    for sid, actions in sorted(joined.items()):
        wide = {one for one, arns in actions.items() if any(_widens(arns, other) for other in actions.values())}
        rest = {one: arns for one, arns in actions.items() if one not in wide}
        if rest:
            yield _statement(sid, rest, conditions)
        for one in sorted(wide):
            yield _statement(f"{sid}{one.partition(':')[2]}", {one: actions[one]}, conditions)


def _statement(sid: str, actions: Mapping[str, frozenset[str]], conditions: Conditions | None) -> IamStatement:
    arns = set().union(*actions.values())
    return IamStatement(sid, tuple(sorted(actions)), tuple(sorted(_widest(arns))), conditions or {})


def _words(service: str) -> str:
    return "".join(word.capitalize() for word in service.split("-"))


def _widens(arns: frozenset[str], others: frozenset[str]) -> bool:
    """Whether some ARNs cover others, which have no such ARN themselves."""
    leads = [one[:-1] for one in arns - others if one.endswith("*")]
    return any(other.startswith(lead) for lead in leads for other in others)


def _widest(arns: set[str]) -> set[str]:
    """The ARNs that no other one covers."""
    leads = [one[:-1] for one in arns if one.endswith("*")]
    return {one for one in arns if not any(one.startswith(lead) and one != f"{lead}*" for lead in leads)}


DENIED = ("account:*", "iam:*", "organizations:*")
"""Actions that no task may ever call, even if a role's own policy allows ``*``."""


def boundary(stacks: Sequence[DeployedStack], environment: str) -> dict[str, Any]:
    """The document of an environment's boundary: the actions that the roles of these templates allow, on any resource;
    their policies limit it."""
    actions = sorted({action for stack in stacks for action in _allowed(stack)})
    statements: list[dict[str, Any]] = []
    if actions:
        statements.append({"Sid": "Services", "Effect": "Allow", "Action": actions, "Resource": "*"})
    statements.append({"Sid": "Administration", "Effect": "Deny", "Action": list(DENIED), "Resource": "*"})
    return {"Version": VERSION, "Statement": statements}


def _allowed(stack: DeployedStack) -> Iterator[str]:
    """The actions that the policies of a template's roles allow."""
    for properties in _identities(stack):
        for policy in (*properties.get("Policies", ()), properties):
            for statement in policy.get("PolicyDocument", {}).get("Statement", ()):
                actions = statement["Action"] if statement["Effect"] == "Allow" else ()
                yield from [actions] if isinstance(actions, str) else actions
