"""The execution role, with which ECS starts the tasks, and the task role, with which the service calls AWS."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from troposphere import GetAtt, Ref, encode_to_dict, iam

from fsdcf.cloudformation.arns import REGION
from fsdcf.cloudformation.limits import POLICY_NAME_CHARACTERS, ROLE_NAME_CHARACTERS, is_cut
from fsdcf.cloudformation.references import references
from fsdcf.compiler.parts.image import arn_of_image, repository_arn
from fsdcf.compiler.parts.secrets import ContainerSecret, all_secrets, credentials_of, store_of, stores_of
from fsdcf.compiler.stack import Context, PropertyPath, Sources, StackPart, imported, origin_of, present
from fsdcf.compiler.text import Attributes, fragment, intrinsic, value
from fsdcf.conventions import NEEDED
from fsdcf.language.model.common import ExecuteCommandLogs, Role, Statement, recorded_in
from fsdcf.language.model.service import Spec
from fsdcf.language.names import within
from fsdcf.language.placeholders import String, is_whole, sample

_PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
_EXEC = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]

_GROUPS = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:*"
_RECORD = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]

EXEC_LOG_GROUP = "ExecuteCommandLogGroup"
EXEC_LOG_OUTPUT = f"{EXEC_LOG_GROUP}Arn"
"""The log group that records sessions of ECS Exec, and the output of an environment with its ARN."""

PolicyStatement = dict[str, Any]

TASK_ROLE, EXECUTION_ROLE = "TaskRole", "ExecutionRole"

_BOUNDARY: Sources = {"PermissionsBoundary": "service.permissionsBoundary"}


def task_role(context: Context) -> StackPart:
    """``TaskRole``. Dependencies and the spec add separate policies, which may name what names the role."""
    policies = []
    if context.service.enable_execute_command:
        policies.append(inline_policy("ExecuteCommand", [allow(_EXEC, ["*"]), *_recording(context)]))
    sources: dict[str | PropertyPath, str] = {
        "Policies": "service.enableExecuteCommand",
        "ManagedPolicyArns": "service.taskRole.managedPolicies",
        **_BOUNDARY,
    }
    role = _role(TASK_ROLE, policies, context)
    own, attached = role.properties.get("ManagedPolicyArns", []), context.before.managed_policies
    if attached:
        role.ManagedPolicyArns = [*own, *(arn for arn, _ in attached)]
        sources |= {("ManagedPolicyArns", len(own) + n): origin for n, (_, origin) in enumerate(attached)}
    return StackPart().add(role, "service.taskRole", sources)


def _recording(context: Context) -> list[PolicyStatement]:
    """Permission to write what sessions of ECS Exec show to the log group of the cluster, which the agent looks up.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
    """
    joined = context.joined
    logs = recorded_in((joined.environment.cluster if joined else context.service).execute_command_logs)
    if logs is None:
        return []
    group = imported(joined, EXEC_LOG_OUTPUT) if joined else exec_log_group_arn(logs)
    return [allow(["logs:DescribeLogGroups"], [intrinsic(_GROUPS)]), allow(_RECORD, [group])]


def exec_log_group_arn(logs: ExecuteCommandLogs) -> Any:
    """The ARN of the streams in the log group that records sessions of ECS Exec: that of the stack, or a given one."""
    if logs.log_group is None:
        return GetAtt(EXEC_LOG_GROUP, "Arn")
    name = fragment(logs.log_group)
    return intrinsic(f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:{name}:*")


def execution_role(context: Context) -> StackPart:
    """``ExecutionRole``: permission to pull these images, write to this log group, and read these secrets and files."""
    service, wanted = context.service, _pulling(context.spec)
    if credentials := credentials_of(service):
        arns = [intrinsic(arn) for arn in sorted({one.resource for one in credentials})]
        wanted.append((min(one.origin for one in credentials), allow([credentials[0].action], arns)))
    if service.observability.logs.enabled:
        write = allow(["logs:CreateLogStream", "logs:PutLogEvents"], [GetAtt("LogGroup", "Arn")])
        wanted.append(("service.observability.logs", write))
    secrets = all_secrets(service, context.before.secrets)
    wanted += _secret_statements(secrets)
    if files := {origin_of(one): one.environment_files for _, one in service.containers if one.environment_files}:
        read = reading(file for some in files.values() for file in some)
        wanted += [(f"{min(files)}.environmentFiles", statement) for statement in read]
    if stores := stores_of(service):
        keys = service.secret_keys
        wanted += [("service.secretKeys", key_statement(["kms:Decrypt"], keys, stores))] if keys else []
    decrypted = {(store_of(one), one.key): one.origin for one in secrets if one.key is not None}
    wanted += [(origin, key_statement(["kms:Decrypt"], [key], [store])) for (store, key), origin in decrypted.items()]
    policies = [inline_policy("Start", [statement for _, statement in wanted])] if wanted else []
    inside: PropertyPath = ("Policies", 0, "PolicyDocument", "Statement")
    sources: Sources = {
        **{(*inside, number): cause for number, (cause, _) in enumerate(wanted)},
        "ManagedPolicyArns": "service.executionRole.managedPolicies",
        **_BOUNDARY,
    }
    return StackPart().add(_role(EXECUTION_ROLE, policies, context), "service.executionRole", sources)


def _pulling(spec: Spec) -> list[tuple[str, PolicyStatement]]:
    """The statements that allow to pull the images in ECR, each with the spec path of the first one."""
    images = {"service.image": repository_arn(spec)}
    for sidecar in sorted(spec.service.sidecars, key=lambda sidecar: sidecar.name):
        if sidecar.image is not None:
            images[f"{origin_of(sidecar)}.image"] = arn_of_image(fragment(sidecar.image))
    found = {path: arn for path, arn in images.items() if arn}
    if not found:
        return []
    path = next(iter(found))
    pull = allow(_PULL, [intrinsic(arn) for arn in sorted(set(found.values()))])
    return [(path, allow(["ecr:GetAuthorizationToken"], ["*"])), (path, pull)]


def reading(objects: Iterable[String]) -> list[PolicyStatement]:
    """Statements that allow to read objects of S3 by their ARNs.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/use-environment-file.html
    """
    arns = sorted({fragment(each) for each in objects})
    buckets = sorted({arn.partition("/")[0] for arn in arns})
    return [
        allow(["s3:GetObject"], [intrinsic(arn) for arn in arns]),
        allow(["s3:GetBucketLocation"], [intrinsic(arn) for arn in buckets]),
    ]


def role_statements(context: Context) -> StackPart:
    """The spec's own statements for both roles, each as a policy of its own, for which the service waits."""
    part = StackPart()
    service = context.service
    for key, role in (("execution", service.execution_role), ("task", service.task_role)):
        if role.statements:
            title = f"{key.capitalize()}Role"
            origin = f"service.{key}Role.statements"
            compiled = [
                (_compiled(each, context.before.attributes), index) for index, each in enumerate(role.statements)
            ]
            compiled.sort(key=lambda pair: _order(pair[0]))
            sources: Sources = {
                ("PolicyDocument", "Statement", number): f"{origin}.{index}"
                for number, (_, index) in enumerate(compiled)
            }
            statements = [statement for statement, _ in compiled]
            add_policy(part, f"{title}Statements", "Statements", statements, origin, title, sources)
    return part


def add_policy(
    part: StackPart,
    title: str,
    name: str,
    statements: Iterable[Mapping[str, Any]],
    origin: str,
    role: str = TASK_ROLE,
    sources: Sources | None = None,
) -> None:
    """Add a policy of its own for a role, for which the service waits. The end of a long name becomes a hash."""
    name = within(POLICY_NAME_CHARACTERS, name)
    policy = iam.PolicyType(title, PolicyName=name, PolicyDocument=document(statements), Roles=[Ref(role)])
    part.add(policy, origin, {"PolicyDocument": origin, **(sources or {})})
    part.waits.append(title)


def allow(actions: Iterable[str], resources: list[Any]) -> PolicyStatement:
    """An IAM statement that allows actions on resources."""
    return {"Effect": "Allow", "Action": sorted(actions), "Resource": resources}


def key_statement(
    actions: Iterable[str], keys: Iterable[Any], services: Iterable[str], region: str = REGION
) -> PolicyStatement:
    """An IAM statement that allows the use of KMS keys through AWS services (``sqs``) in a region alone.

    A key is an ARN as in a spec, or a value for a property.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    through = [intrinsic(f"{service}.{region}.${{AWS::URLSuffix}}") for service in services]
    condition = {"StringEquals": {"kms:ViaService": through if len(through) > 1 else through[0]}}
    arns = (value(key) if isinstance(key, String) else key for key in keys)
    return {**allow(actions, sorted(arns, key=_order)), "Condition": condition}


def document(statements: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": [dict(statement) for statement in statements]}


def deny_insecure(principal: Any, action: str, resources: Any) -> PolicyStatement:
    """A statement of a resource policy that denies access without TLS."""
    return {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": principal,
        "Action": action,
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def inline_policy(name: str, statements: Iterable[Mapping[str, Any]]) -> iam.Policy:
    """A policy inside of a role."""
    return iam.Policy(PolicyName=name, PolicyDocument=document(statements))


def _order(data: Any) -> str:
    """The order of what IAM treats as a set: statements, resources, and the values of a condition."""
    return json.dumps(encode_to_dict(data), sort_keys=True)


def _compiled(statement: Statement, attributes: Attributes) -> PolicyStatement:
    out: PolicyStatement = {"Sid": statement.sid} if statement.sid else {}
    out |= {"Effect": statement.effect, "Action": sorted(statement.actions)}
    out["Resource"] = sorted((value(resource, attributes) for resource in statement.resources), key=_order)
    if statement.conditions:
        out["Condition"] = _conditions(statement.conditions, attributes)
    return out


def _conditions(data: Any, attributes: Attributes) -> Any:
    if isinstance(data, Mapping):
        return {key: _conditions(data[key], attributes) for key in sorted(data)}
    if isinstance(data, list):
        return sorted((_conditions(item, attributes) for item in data), key=_order)
    if isinstance(data, bool):
        return str(data).lower()
    return data if isinstance(data, (int, float)) else value(data, attributes)


def _secret_statements(secrets: Iterable[ContainerSecret]) -> list[tuple[str, PolicyStatement]]:
    """A statement for each action on secrets, with the spec path that names them."""
    by_action: dict[str, list[ContainerSecret]] = {}
    for secret in secrets:
        by_action.setdefault(secret.action, []).append(secret)
    return [
        (_cause(some), allow([action], [intrinsic(arn) for arn in sorted({one.resource for one in some})]))
        for action, some in sorted(by_action.items())
    ]


def _cause(secrets: list[ContainerSecret]) -> str:
    """The spec path of a single secret in an environment, or of the only dependency or addon that adds some; otherwise
    of the mapping or list that contains the first one."""
    origins = sorted({secret.origin for secret in secrets})
    named = [origin for origin in origins if not origin.rpartition(".")[2].isdecimal()]
    if len(origins) == 1 and named:
        return origins[0]
    listed = next((origin for origin in origins if origin not in named), origins[0])
    return listed.rpartition(".")[0]


def from_account(source: str = "") -> dict[str, Any]:
    """The condition that an AWS service acts for the stack's account, and for a resource there by the pattern of its
    ARN, as AWS recommends against a confused deputy.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    account = {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}}
    return {**account, "ArnLike": {"aws:SourceArn": intrinsic(source)}} if source else account


def _role(title: str, policies: list[Any], context: Context) -> iam.Role:
    """A role that ECS assumes for tasks.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    """
    role = service_role(title, policies, home_of(context), "ecs-tasks.amazonaws.com")
    if managed := sorted(set(_written(title, context).managed_policies), key=str):
        role.ManagedPolicyArns = [_policy_arn(policy) for policy in managed]
    return role


def _written(title: str, context: Context) -> Role:
    """What the spec says of a role."""
    return context.service.task_role if title == TASK_ROLE else context.service.execution_role


def role_arn(title: str, context: Context) -> Any:
    """The ARN of a role, of the stack or existing, as a value for properties."""
    existing = _written(title, context).arn
    return GetAtt(title, "Arn") if existing is None else value(existing)


def _listed(statements: Any) -> list[Any]:
    return [statements] if isinstance(statements, Mapping) else list(statements)


def _of_addons(whole: StackPart) -> list[Any]:
    """The documents of the managed policies that addons attach to the task role."""
    written = (encode_to_dict(arn) for arn, _ in whole.managed_policies)
    named = {one.target for each in written for one in references(each)}
    resources = whole.fragments.get("Resources", {})
    return [resources[name]["Properties"]["PolicyDocument"] for name in sorted(named & resources.keys())]


def without_existing_roles(context: Context) -> None:
    """Take the roles that exist, and their policies, out of what the parts added. The Metadata of the task definition
    has their statements instead, for `fsdcf access`: a stack adds nothing to a role that it does not make."""
    whole, needed = context.before, {}
    for title in (TASK_ROLE, EXECUTION_ROLE):
        if _written(title, context).arn is None:
            continue
        documents = [each.PolicyDocument for each in whole.resources.pop(title).properties.get("Policies", [])]
        documents += _of_addons(whole) if title == TASK_ROLE else []
        policies = [each for each in whole.of(iam.PolicyType) if encode_to_dict(each.Roles) == [{"Ref": title}]]
        documents += [whole.resources.pop(each.title).PolicyDocument for each in policies]
        gone = {each.title for each in policies}
        for resource in whole.resources.values():
            waits = resource.resource.get("DependsOn")
            if isinstance(waits, list) and not gone.isdisjoint(waits):
                resource.resource |= {"DependsOn": [each for each in waits if each not in gone]}
                resource.resource = {key: each for key, each in resource.resource.items() if each != []}
        needed[title] = [statement for each in documents for statement in _listed(each["Statement"])]
    if needed:
        definition = whole.resources["TaskDefinition"]
        definition.Metadata = {"fsdcf": {NEEDED: needed}}


class RoleHome(NamedTuple):
    """The stack of a role, its environment, and the permissions boundary of the roles there."""

    stack: str
    environment: str
    boundary: String | None


def home_of(context: Context) -> RoleHome:
    """The home of the roles of a service."""
    stack = f"{context.spec.metadata.name}-{context.environment}"
    return RoleHome(stack, context.environment, context.service.permissions_boundary)


def service_role(title: str, policies: list[Any], home: RoleHome, service: str, source: str = "") -> iam.Role:
    """A role that an AWS service assumes, for what ``from_account`` admits.

    A role whose generated name has no room for the environment has it in its path, by which IAM tells it from that of
    another environment.
    """
    path = f"/fsdcf/{home.environment}/" if is_cut(home.stack, title, ROLE_NAME_CHARACTERS) else None
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": from_account(source),
    }
    optional = present(Path=path, Policies=policies, PermissionsBoundary=_policy_arn(home.boundary))
    return iam.Role(title, AssumeRolePolicyDocument=document([trust]), **optional)


def _policy_arn(policy: String | None) -> Any:
    """The ARN of a policy, which the spec gives as an ARN or as a name."""
    if policy is None:
        return None
    if is_whole(policy) or sample(policy).startswith("arn:"):
        return value(policy)
    return intrinsic(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{fragment(policy)}")
