"""The least-privilege policy of a deploy: the calls of the engine, and those that CloudFormation makes with its
rights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fsdcf.aws_errors import iam_action
from fsdcf.cloudformation.arns import REGION, DeployedStack, IamType, arn, text
from fsdcf.cloudformation.ecr import PUSH_ACTIONS
from fsdcf.cloudformation.iam import Conditions, IamStatement
from fsdcf.cloudformation.parameters import stored_name
from fsdcf.cloudformation.permissions import targets_of
from fsdcf.cloudformation.planned import items, mapping, planned
from fsdcf.cloudformation.secrets import SECRETS_MANAGER, SSM
from fsdcf.cloudformation.types import record_of
from fsdcf.cloudformation.types.ecs import TASK_DEFINITION
from fsdcf.cloudformation.types.elasticloadbalancingv2 import LISTENER_RULE, LOAD_BALANCER
from fsdcf.cloudformation.types.iam import ROLE
from fsdcf.cloudformation.types.rds import DB_CLUSTER, DB_INSTANCE
from fsdcf.cloudformation.types.scheduler import SCHEDULE
from fsdcf.cloudformation.types.stepfunctions import STATE_MACHINE
from fsdcf.conventions import ENVIRONMENT_TAG, SERVICE_TAG, artifacts_prefix, exporting_stack
from fsdcf.plan.permissions.boundary import boundary as boundary
from fsdcf.plan.permissions.boundary import walls
from fsdcf.plan.permissions.resources import (
    KEY_IAM_TYPE,
    MANAGED_KEYS,
    OWNER_TAGS,
    WITHOUT_NAME,
    DeployedResources,
    identities,
    resources_of,
    service_of,
)

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
    "rds": frozenset({"ModifyDBCluster", "ModifyDBInstance"}),
    "s3": frozenset({"HeadBucket", "PutObject"}),
    "scheduler": frozenset({"GetSchedule"}),
    "secretsmanager": frozenset({"DescribeSecret"}),
    "ssm": frozenset({"DescribeParameters", "LabelParameterVersion"}),
    "sts": frozenset({"GetCallerIdentity"}),
}
"""The operations that the engine calls, by botocore's names."""

IMPORTING: Mapping[str, frozenset[str]] = {"cloudformation": frozenset({"ListExports"})}
"""Those that it calls for a stack that imports something, and CloudFormation too."""

OPERATING: Mapping[str, frozenset[str]] = {
    "application-autoscaling": frozenset(
        {"DescribeScalableTargets", "DescribeScalingActivities", "DescribeScheduledActions"}
    ),
    "cloudformation": frozenset({"DescribeStacks", "GetTemplate", "ListStackResources"}),
    "cloudwatch": frozenset({"DescribeAlarms"}),
    "ecs": CALLS["ecs"] | {"ExecuteCommand", "RunTask", "StopTask"},
    "elbv2": frozenset({"DescribeTargetHealth"}),
    "logs": CALLS["logs"] | {"DescribeLogStreams", "FilterLogEvents"},
    "scheduler": CALLS["scheduler"],
    "ssm": frozenset({"GetParameterHistory"}),
    "stepfunctions": frozenset(
        {"DescribeExecution", "GetExecutionHistory", "ListExecutions", "StartExecution", "StopExecution"}
    ),
}
"""The operations of the commands that operate a service and start no deploy."""

KEEPING_SECRETS: Mapping[str, frozenset[str]] = {
    "secretsmanager": frozenset(
        {"CreateSecret", "DeleteSecret", "DescribeSecret", "GetSecretValue", "PutSecretValue", "RestoreSecret"}
    ),
    "ssm": frozenset({"DeleteParameter", "DescribeParameters", "ListTagsForResource", "PutParameter"}),
}
"""The operations of the commands that store secrets. Only a secret of which they change a key is read."""

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
    ("secretsmanager", "CreateSecret"): ("secretsmanager:CreateSecret", "secretsmanager:TagResource"),
    ("ssm", "PutParameter"): ("ssm:AddTagsToResource", "ssm:PutParameter"),
    ("s3", "PutObject"): ("s3:GetObject", "s3:PutObject"),
    ("sts", "GetCallerIdentity"): (),
}
"""Operations that need other actions than the one of their name: a change set may change the stack's tags, drift
detection looks at each resource, a one-off task and a secret have tags, CloudFormation reads the staged template with
the caller's rights, and GetCallerIdentity needs no permission.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html,
list_amazons3.html"""


def actions_of(calls: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """The IAM actions of operations, such as ``CALLS``."""
    for service, operations in sorted(calls.items()):
        for operation in sorted(operations):
            yield from _ACTIONS.get((service, operation), (iam_action(service, operation),))


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
    "rds:ModifyDBCluster": DB_CLUSTER,
    "rds:ModifyDBInstance": DB_INSTANCE,
    "scheduler:GetSchedule": SCHEDULE,
    **dict.fromkeys((f"states:{one}" for one in OPERATING["stepfunctions"]), STATE_MACHINE),
}
"""Actions of the engine that it calls for stacks with a resource of this type only: it counts the rules of a shared
listener, lifts the protection of a load balancer or a database that a rollback or a deletion takes away, and looks at
the schedule and the runs of a job."""

_ATTACH = frozenset({"iam:AttachRolePolicy", "iam:DetachRolePolicy"})
"""Those of them with the condition key ``iam:PolicyARN``. Source: as above."""

_CHANGE_TRUST = "iam:UpdateAssumeRolePolicy"
"""Never needed: fsdcf does not change the trust policy of a role. Whoever may change it could let others use it."""

_BY_SERVICES = frozenset({"ec2:DeleteNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute"})
"""Actions on what has no tags, which another service calls with the rights of the role: EFS does on the interfaces of
its mount targets.
Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-viaawsservice"""

_WRITE_RECORDS = "route53:ChangeResourceRecordSets"
_TASKS = "ecs-tasks.amazonaws.com"

_ROLE_CONDITIONS: Mapping[str, str] = {
    "cloudformation:ContinueUpdateRollback": "StringEqualsIfExists",
    "cloudformation:CreateChangeSet": "StringEquals",
    "cloudformation:DeleteStack": "StringEqualsIfExists",
    "cloudformation:RollbackStack": "StringEqualsIfExists",
}
"""Actions with the condition key ``cloudformation:RoleArn``. A change set must name the execution role, so that no
other role that the stack once had is used; all later operations have that role even if they name none.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html,
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html"""

_ROLE_SIDS = {"StringEquals": "WithRole", "StringEqualsIfExists": "WithStackRole"}

_OPTIONAL = frozenset({"s3:ListBucket"})
"""What a pipeline's role does without: whoever may ask for the region of a bucket may list all its objects, those of
other environments as well. The engine then finds out by the upload."""

_READ_VALUE, _LIST_PARAMETERS = "secretsmanager:GetSecretValue", "ssm:DescribeParameters"
"""The second takes ``*`` alone, and shows names and descriptions, never a value.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html"""

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
    """The permissions that deploys of these stacks need. They deny nothing: a role may have them for two environments.

    ``boundary`` is the ARN of the permissions boundary for roles whose template names none, ``bucket`` that of the
    artifacts bucket. Both are fragments with pseudo parameters for account, region and partition.
    """
    resources = resources_of(stacks)
    limits = frozenset(one for stack in stacks for one in boundaries(stack) or {boundary})
    return _needed(
        resources, _engine(stacks, resources, bucket), _exports(stacks), _deployed(stacks, resources, limits)
    )


def engine_permissions(stacks: Sequence[DeployedStack], execution_role: str, bucket: str | None = None) -> Permissions:
    """The permissions of a role that starts deploys of these stacks: the calls of the engine itself, and
    ``execution_role``, with which CloudFormation makes all others. Both arguments are ARNs as fragments."""
    resources = resources_of(stacks)
    to_service: Conditions = {"StringEquals": {"iam:PassedToService": ("cloudformation.amazonaws.com",)}}
    passed = IamStatement("PassExecutionRole", ("iam:PassRole",), (execution_role,), to_service)
    called = _engine(stacks, resources, bucket, execution_role)
    return _needed(resources, called, _exports(stacks), [passed], walls(resources.environments))


def execution_permissions(stacks: Sequence[DeployedStack], boundary: str) -> Permissions:
    """The permissions of the role with which CloudFormation deploys these stacks. ``boundary`` is the ARN, as a
    fragment, of the only permissions boundary that it gives to roles, whichever one the templates name."""
    resources = resources_of(stacks)
    called = _deployed(stacks, resources, frozenset({boundary}))
    return _needed(resources, called, _exports(stacks), walls(resources.environments))


def _needed(deployed: DeployedResources, *statements: Iterable[IamStatement]) -> Permissions:
    return Permissions(tuple(one for each in statements for one in each if one.actions), deployed.unknown)


def _engine(
    stacks: Sequence[DeployedStack], deployed: DeployedResources, bucket: str | None, execution_role: str | None = None
) -> Iterator[IamStatement]:
    yield from _called(deployed, CALLS, "Engine", bucket, execution_role)
    yield from _environments(stacks)


def _deployed(
    stacks: Sequence[DeployedStack], deployed: DeployedResources, limits: frozenset[str]
) -> Iterator[IamStatement]:
    """The calls of CloudFormation for the resources of these stacks, whose roles have one of these boundaries."""
    yield from _resources(deployed)
    yield from _records(deployed)
    yield from _roles(stacks, deployed, limits)
    yield from _linked(deployed)


def _environments(stacks: Sequence[DeployedStack]) -> Iterator[IamStatement]:
    """What a deploy of services reads of the stacks of their environments, unless it may change these anyway: their
    outputs, such as the listener whose rules it counts."""
    imported = {exporting_stack(name) for name in _imported(stacks) if exporting_stack(name) != name}
    others = sorted(imported - {stack.stack for stack in stacks})
    if others:
        arns = tuple(arn("cloudformation", f"stack/{name}/*") for name in others)
        yield IamStatement("Environment", ("cloudformation:DescribeStacks",), arns)


def _exports(stacks: Sequence[DeployedStack]) -> Iterator[IamStatement]:
    """The right to read exports, for stacks that import some. No page says whether CloudFormation uses that of the one
    who deploys or that of the role which it is given; both have it. ListExports has no resource."""
    if _imported(stacks):
        yield IamStatement("Exports", tuple(actions_of(IMPORTING)), ("*",))
    yield from _stored_values(stacks)


def _imported(stacks: Sequence[DeployedStack]) -> frozenset[str]:
    """The names of the exports that these stacks import."""
    return frozenset(one.name for stack in stacks for one in planned(stack.template).imports)


def _stored_values(stacks: Sequence[DeployedStack]) -> Iterator[IamStatement]:
    """The right to read the parameters of the Parameter Store that are parameters of a template.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
    """
    declared = (one for stack in stacks for one in (stack.template.get("Parameters") or {}).values())
    names = {name.lstrip("/") for name in map(stored_name, declared) if name}
    arns = tuple(sorted(arn(SSM, f"parameter/{name}") for name in names))
    yield IamStatement("StoredValues", ("ssm:GetParameters",) if arns else (), arns)


def pushing(repositories: Iterable[tuple[str, Mapping[str, str]]]) -> Permissions:
    """The permissions to push images to repositories, and to create those that do not exist: their ARNs as fragments,
    and the tags that a new one gets.

    Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
    """
    found = list(repositories)
    arns = tuple(sorted({each for each, _ in found}))
    named: dict[str, set[str]] = {}
    for _, tags in found:
        for name, value in tags.items():
            named.setdefault(f"aws:RequestTag/{name}", set()).add(value)
    tagged: Conditions = {"StringEquals": {name: tuple(sorted(values)) for name, values in sorted(named.items())}}
    statements = (
        IamStatement("PushLogin", ("ecr:GetAuthorizationToken",), ("*",)),
        IamStatement("Push", PUSH_ACTIONS, arns),
        IamStatement("PushRepositoryTags", ("ecr:CreateRepository", "ecr:TagResource"), arns, tagged),
        IamStatement("PushRepository", ("ecr:PutLifecyclePolicy",), arns),
    )
    return Permissions(statements if arns else (), ())


def operating(stacks: Sequence[DeployedStack]) -> Permissions:
    """The permissions of the commands that operate these stacks and start no deploy. A one-off task has their roles."""
    resources = resources_of(stacks)
    return _needed(
        resources,
        _called(resources, OPERATING, "Operate"),
        (one for one in _passed(stacks) if _TASKS in one.conditions["StringEquals"]["iam:PassedToService"]),
        _kept_secrets(stacks, resources),
    )


def _kept_secrets(stacks: Sequence[DeployedStack], deployed: DeployedResources) -> Iterator[IamStatement]:
    """The commands that store secrets: those that the templates name, and all below the path of each service.

    A value is read only where a spec names a key of its JSON, of which the others must stay.
    """
    own = [one for one in deployed.secrets if not one.account]
    paths = [f"/{one.tags[SERVICE_TAG]}/{one.tags[ENVIRONMENT_TAG]}/*" for one in stacks if _has_tasks(one)]
    kept = {
        SSM: {arn(SSM, f"parameter{path}") for path in paths},
        SECRETS_MANAGER: {arn(SECRETS_MANAGER, f"secret:{path}") for path in paths},
    }
    for one in own:
        kept[one.store].update(one.arns)
    for store, arns in kept.items():
        actions = {*actions_of({store: KEEPING_SECRETS[store]})} - {_LIST_PARAMETERS, _READ_VALUE}
        if arns:
            yield IamStatement(f"Keep{_words(store)}", tuple(sorted(actions)), tuple(sorted(_widest(arns))))
    read = sorted({each for one in own if one.store == SECRETS_MANAGER and one.key for each in one.arns})
    yield IamStatement("ReadKeys", (_READ_VALUE,) if read else (), tuple(read))
    yield IamStatement("ListParameters", (_LIST_PARAMETERS,) if kept[SSM] else (), ("*",))
    yield from _encrypted(stacks)


def _has_tasks(stack: DeployedStack) -> bool:
    return bool(stack.resources(TASK_DEFINITION)) and all(stack.tags.get(name) for name in OWNER_TAGS)


def _encrypted(stacks: Sequence[DeployedStack]) -> Iterator[IamStatement]:
    """The KMS keys with which ECS may decrypt secrets, through the stores alone.

    Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html and
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    """
    keys = {
        text(key)
        for stack in stacks
        for name, role in identities(stack)
        if name == "ExecutionRole"
        for policy in items(role.get("Policies"))
        for statement in items(mapping(mapping(policy).get("PolicyDocument")).get("Statement"))
        if mapping(statement).get("Action") == ["kms:Decrypt"]
        for key in items(mapping(statement).get("Resource"))
    }
    through: Conditions = {
        "StringLike": {"kms:ViaService": tuple(f"{one}.{REGION}.*" for one in (SECRETS_MANAGER, SSM))}
    }
    if keys:
        yield IamStatement(
            "SecretKeys", ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"), tuple(sorted(keys)), through
        )


def boundary_name(written: str, environment: str, service: str = "") -> str:
    """The name or ARN of a permissions boundary, in which ``${ENV}`` and ``${SERVICE}`` are placeholders."""
    return written.replace("${ENV}", environment).replace("${SERVICE}", service)


def boundary_arn(name: str) -> str:
    """The ARN of a policy in the account, as a fragment; an ARN is returned unchanged."""
    return name if name.startswith("arn:") else arn("iam", f"policy/{name}", "")


def boundaries(stack: DeployedStack) -> frozenset[str]:
    """The permissions boundaries of a template's roles, as ARN fragments."""
    return frozenset(text(one["PermissionsBoundary"]) for _, one in identities(stack) if "PermissionsBoundary" in one)


def _called(
    deployed: DeployedResources,
    calls: Mapping[str, frozenset[str]],
    lead: str,
    bucket: str | None = None,
    execution_role: str | None = None,
) -> Iterator[IamStatement]:
    """The calls of fsdcf itself by service, without those that apply to no resource of these stacks."""
    names = {kind: arns for kind, arns in deployed.names.items() if kind[0] != "s3"}
    names[("cloudformation", "changeset")] = frozenset({arn("cloudformation", "changeSet/*")})
    clusters = names.get(("ecs", "cluster"), frozenset()) | deployed.joined
    if clusters:
        names[("ecs", "cluster")] = clusters
    if bucket:
        names |= _artifacts(deployed, bucket)
    names[(SECRETS_MANAGER, "secret")] = frozenset(
        each for one in deployed.secrets if one.store == SECRETS_MANAGER for each in one.arns
    )
    allowed, own = [], []
    skipped = {_LIST_TASKS, *(action for action, type in _CALLED_FOR.items() if type not in deployed.types)}
    if execution_role:
        skipped |= _OPTIONAL
    if not any(one.store == SSM for one in deployed.secrets):
        skipped.add(_LIST_PARAMETERS)
    for action in (one for one in actions_of(calls) if one not in skipped):
        targets = () if action in WITHOUT_NAME else targets_of(action)
        kinds = [(service_of(action), target.name) for target in targets]
        arns = frozenset(one for kind in kinds for one in names.get(kind, ()))
        if arns or not targets:
            allowed.append((action, arns or _ANYWHERE))
        elif execution_role and any(kind in deployed.generated for kind in kinds):
            own.append((action, deployed.arns(action)))
    conditional = _ROLE_CONDITIONS if execution_role else {}
    yield from _statements((one for one in allowed if one[0] not in conditional), lead)
    for operator in sorted(set(conditional.values())):
        with_role: Conditions = {operator: {"cloudformation:RoleArn": (execution_role or "",)}}
        chosen = (one for one in allowed if conditional.get(one[0]) == operator)
        yield from _statements(chosen, f"{lead}{_ROLE_SIDS[operator]}", with_role)
    yield from _statements(own, f"{lead}Own", _owner(deployed))
    if clusters:
        yield IamStatement(
            f"{lead}Tasks", (_LIST_TASKS,), ("*",), {"ArnLike": {"ecs:cluster": tuple(sorted(clusters))}}
        )


def _artifacts(deployed: DeployedResources, bucket: str) -> dict[IamType, frozenset[str]]:
    """The artifacts bucket, and the objects in it of the environments."""
    prefixes = [artifacts_prefix(one) for one in deployed.environments] or [""]
    objects = frozenset(f"{bucket}/{prefix}*" for prefix in prefixes)
    return {("s3", "bucket"): frozenset({bucket}), ("s3", "object"): objects}


def _owner(deployed: DeployedResources) -> Conditions:
    return {"StringEquals": {f"aws:ResourceTag/{name}": values for name, values in deployed.tags.items()}}


def _resources(deployed: DeployedResources) -> Iterator[IamStatement]:
    """The calls by which CloudFormation creates, updates and deletes the resources, except roles and DNS records."""
    apart = {_WRITE_RECORDS} if deployed.dns_records else set()
    if deployed.managed_keys:
        keys = {one for one in deployed.actions if KEY_IAM_TYPE[1] in {target.name for target in targets_of(one)}}
        apart |= set() if KEY_IAM_TYPE in deployed.names else keys
        managed: Conditions = {"ForAnyValue:StringLike": {"kms:ResourceAliases": (MANAGED_KEYS,)}}
        yield IamStatement("ManagedKeys", tuple(sorted(keys)), (arn("kms", "key/*"),), managed)
    called = deployed.actions & _BY_SERVICES
    by_services: Conditions = {"Bool": {"aws:ViaAWSService": ("true",)}}
    yield from _statements(((one, deployed.arns(one)) for one in sorted(called)), "ByServices", by_services)
    apart |= called
    direct = (one for one in sorted(deployed.actions - apart) if service_of(one) != "iam")
    allowed = [(one, deployed.arns(one) or _ANYWHERE) for one in direct]
    yield from _statements((one for one in allowed if not deployed.needs_owner_tags(one[0])), "")
    yield from _statements((one for one in allowed if deployed.needs_owner_tags(one[0])), "Own", _owner(deployed))


def _records(deployed: DeployedResources) -> Iterator[IamStatement]:
    """Records of these names alone: environments may share a hosted zone.

    An operator for all values also holds without any, which the second condition excludes.
    Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html
    """
    for number, (zone, names) in enumerate(sorted(deployed.dns_records.items()), 1):
        key = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
        named: Conditions = {"ForAllValues:StringLike": {key: tuple(sorted(names))}, "Null": {key: ("false",)}}
        yield IamStatement(f"Records{number}", (_WRITE_RECORDS,), (zone,), named)


def _roles(
    stacks: Sequence[DeployedStack], deployed: DeployedResources, limits: frozenset[str]
) -> Iterator[IamStatement]:
    """Roles are created and changed within their boundary only, which nothing here removes or changes. They get the
    managed policies of the templates alone, keep the trust policy with which they were created, and are passed to the
    services that it names.

    IAM has no condition on the trust policy of a new role.
    """
    roles = tuple(sorted(deployed.names.get(("iam", "role"), ())))
    if not roles:
        yield from _passed(stacks)  # those that exist
        return
    called = {one for one in deployed.actions if service_of(one) == "iam"} - {_CHANGE_TRUST}
    limited: Conditions = {"StringLike": {"iam:PermissionsBoundary": tuple(sorted(limits))}}  # of any account, perhaps
    yield IamStatement("RolesWithinBoundary", tuple(sorted(called & _BOUND - _ATTACH)), roles, limited)
    attached = {
        named if (named := text(each)) != "*" else arn("iam", "policy/*", "")
        for stack in stacks
        for _, one in identities(stack)
        for each in one.get("ManagedPolicyArns", ())
    }
    if attached:
        known: Conditions = {**limited, "ArnEquals": {"iam:PolicyARN": tuple(sorted(attached))}}
        yield IamStatement("RolesWithPolicies", tuple(sorted(called & _ATTACH)), roles, known)
    yield IamStatement("Roles", tuple(sorted(called - _BOUND)), roles)
    yield from _passed(stacks)


def _passed(stacks: Sequence[DeployedStack]) -> Iterator[IamStatement]:
    """Roles are passed to the services that their trust policies name: usually to ECS, for its tasks."""
    roles: dict[tuple[str, ...], set[str]] = {}
    for stack in stacks:
        for logical_id, properties in stack.resources(ROLE).items():
            arns = record_of(ROLE).permissions.arns
            named = (
                {one for kind, one in arns(stack, logical_id, properties) if kind == ("iam", "role")} if arns else {}
            )
            roles.setdefault(_trusted(properties), set()).update(named)
    for role in _existing_roles(stacks):
        roles.setdefault((_TASKS,), set()).add(role)
    for services, passed in sorted(roles.items()):
        sid = "PassRole" + "".join(_words(one.partition(".")[0]) for one in services if one != _TASKS)
        to_services: Conditions = {"StringEquals": {"iam:PassedToService": services}}
        yield IamStatement(sid, ("iam:PassRole",), tuple(sorted(passed)), to_services)


def _existing_roles(stacks: Sequence[DeployedStack]) -> Iterator[str]:
    """The ARNs of the roles of tasks that the stacks do not make; a pattern of all for one that is not known."""
    for stack in stacks:
        for definition in stack.resources(TASK_DEFINITION).values():
            for key in ("ExecutionRoleArn", "TaskRoleArn"):
                if "Fn::GetAtt" not in mapping(definition.get(key)) and key in definition:
                    named = text(definition[key])
                    yield named if named.startswith("arn:") else arn("iam", "role/*", "")


def _trusted(properties: Mapping[str, Any]) -> tuple[str, ...]:
    """The services that a role trusts."""
    statements = items(mapping(properties.get("AssumeRolePolicyDocument")).get("Statement"))
    principals = (items(mapping(mapping(one).get("Principal")).get("Service")) for one in statements)
    return tuple(sorted({str(one) for each in principals for one in each})) or (_TASKS,)


def _linked(deployed: DeployedResources) -> Iterator[IamStatement]:
    services = tuple(sorted(deployed.linked_roles))
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
